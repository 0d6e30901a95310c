/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu.h - the shadow MMU: guest page tables in, windows of host mappings out.
 *
 * The only caller of mmap and mprotect for guest space. Everything declared
 * here may run on a light exit (guest vector state live): general registers
 * only, no libc calls but in *_init/_fini/slot functions (HAZARDS 56).
 * Threads: a struct vmmu belongs to its vCPU's thread; a struct mmu is used
 * by one vCPU at a time.
 */
#ifndef UMBRA_MMU_H
#define UMBRA_MMU_H

#include "runtime/base.h"
#include "runtime/bits.h"

#define MMU_MAX_SLOTS 16

/* Physical address bits of the guest CPU: bits above are reserved in PAE
 * entries; PSE-36 entries have bits 21..17 reserved. CPUID must agree. */
#define MMU_MAXPHYADDR 36

struct mmu;
struct vmmu;

/* What an access wants and at which privilege it is made (HAZARDS 54). */
enum mmu_access { MMU_READ = 1, MMU_WRITE = 2, MMU_FETCH = 4 };
enum mmu_priv {
	MMU_USER,     /* CPL 3 */
	MMU_SUPER,    /* CPL < 3, explicit: honours EFLAGS.AC under SMAP */
	MMU_IMPLICIT, /* descriptor tables, TSS, delivery stack */
};

/* The registers the walk depends on; the caller keeps them current through
 * vmmu_set_regs(). */
struct mmu_regs {
	u64 cr0, cr3, cr4, efer;
	u64 phys_mask; /* all ones, bit 20 clear while A20 is masked */
};

/* Result of translating one address. */
struct mmu_xlat {
	gpa_t gpa;
	u8 *hva;       /* in the linear mapping; NULL: MMIO or no memory */
	u32 pfec;      /* if not allowed: the page-fault error code */
	bool global, user, writable; /* of the leaf: writable is PTE.W at all
			levels; user is U/S at all levels */
	bool has_code; /* the frame holds translated code */
};

enum mmu_result {
	MMU_OK,	    /* fill: the page is mapped now, retry the access */
	MMU_PF,	    /* not allowed: #PF with pfec */
	MMU_MMIO,   /* allowed, but no RAM behind it */
	MMU_HELPER, /* allowed, but not through a window: user page in the
		       supervisor view, budget spent, unaliasable slot */
	MMU_CODE,   /* a write to a frame with translated code */
	MMU_NOMEM,  /* the host refused even with the reserve: fatal */
};

struct mmu_ops {
	/* A fetch translation of npages pages from gva was dropped in a view
	 * (its id), or of the whole view when npages is 0. */
	void (*fetch_zap)(void *opaque, u32 view, gva_t gva, u64 npages);
	/* The helper TLB must forget these pages (0 pages: all). */
	void (*tlb_zap)(void *opaque, gva_t gva, u64 npages);
	/* The walk set A or D in an entry that lies in a frame with translated
	 * code (HAZARDS 53). May be NULL. */
	void (*code_write)(void *opaque, gpa_t gpa, unsigned len);
	/* Set to 1 when vmmu_user_enter() has work; user code must not run
	 * before it has been called. May be NULL. */
	u8 *user_work;
	void *opaque;
};

struct mmu_inject {
	u32 map_budget; /* host mappings allowed for windows; 0: from host */
	u32 fail_fill, fail_zap; /* each Nth fails; 0: never */
	bool no_uffd; /* code is protected by mprotect only */
	u32 nodes; /* shadow nodes (2 MiB of a view) to have; 0: default */
};

/* Counters, monotonic. */
struct mmu_stats {
	u64 fills, fills_code, fills_pf, fills_mmio, fills_helper, prefilled;
	u64 fills_return; /* made on the guest's return from its #PF */
	u64 zaps, zapped_pages, syncs, sync_entries, sync_drops;
	u64 views_made, views_evicted, evictions, mmaps, mprotects;
	u64 mappings; /* host mappings held now (a gauge) */
	u64 code_protects, code_unprotects;
	u64 uffd_registers, uffd_protects, uffd_lifts; /* of the protects */
};

/* A userfaultfd that can withhold writes to shared memory and tells them by
 * SIGBUS, or -errno: not on this host. */
int mmu_uffd_open(void);

int mmu_new(struct mmu **out, const struct mmu_inject *inj);
void mmu_free(struct mmu *m);
const struct mmu_stats *mmu_stats(const struct mmu *m);

/* Memory slot n: size bytes at gpa are bytes off.. of fd (MAP_SHARED-able);
 * hva is the client's or our linear mapping of them. size 0 removes the
 * slot. Page-aligned. Drops everything shadowed. 0 or -errno. */
int mmu_slot_set(struct mmu *m, unsigned n, gpa_t gpa, u64 size, int fd,
		 u64 off, void *hva);

/* Linear mapping address of guest RAM at gpa if [gpa, gpa+len) is RAM in one
 * slot, else NULL. */
u8 *mmu_ram(const struct mmu *m, gpa_t gpa, u64 len);

/* A vCPU's side. Regs start as after reset (paging off). */
int vmmu_new(struct vmmu **out, struct mmu *m, const struct mmu_ops *ops);
void vmmu_free(struct vmmu *v);

/* Takes new registers and carries out the flush they mean (HAZARDS 42).
 * cr3_written: CR3 was loaded, even if with the same value. Returns false if
 * a PAE PDPTE has reserved bits set: #GP(0), and nothing is changed. */
bool vmmu_set_regs(struct vmmu *v, const struct mmu_regs *r, bool cr3_written);
void vmmu_invlpg(struct vmmu *v, gva_t gva);
/* Times that fetch translations of the supervisor view have ended. */
u64 vmmu_fetch_zaps(const struct vmmu *v);
void vmmu_flush_all(struct vmmu *v); /* globals too */
/* Are the host mappings so near their budget that one more may cost another?
 * Then pages that are not touched often are better off without one. */
bool vmmu_is_crowded(const struct vmmu *v);
/* Does the page keep being mapped and flushed again in the supervisor view
 * (temporary mappings of high memory)? Then the helper form serves it better.
 * A guess: other pages share its count. */
bool vmmu_churns(const struct vmmu *v, gva_t gva);

/* Makes the user view that CR3 selects current and true: what flushes owe it
 * is done here, not at the flush, so that an address space costs nothing until
 * its code runs. To be called before user code runs and before the two
 * functions below are asked for the user view. */
void vmmu_user_enter(struct vmmu *v);
/* User code was given #PF for this access through the window: if the guest's
 * handler makes the page accessible, the next vmmu_user_enter() of this address
 * space maps it, and the access need not fault again. */
void vmmu_user_expect(struct vmmu *v, gva_t gva, enum mmu_access acc);

/* Host address of guest linear address 0 of the current view. */
hva_t vmmu_window(const struct vmmu *v, bool user);
/* Identity of the current view for hashes and blocks: never 0; the
 * supervisor view is always 1; a user view's id
 * comes again only after 2^32 others, all that had one forgotten then. */
u32 vmmu_view_id(const struct vmmu *v, bool user);

/* Resolves a host address inside the current window (or its guards) of that
 * privilege to a linear address; false if it is outside. */
bool vmmu_window_gva(const struct vmmu *v, bool user, hva_t addr, gva_t *gva);

/* Was a write at this host address in the current window refused because of
 * translated code, so that the host says SIGBUS for it and not SIGSEGV? What
 * follows is a fill like any other. */
bool vmmu_is_uffd_wp(const struct vmmu *v, bool user, hva_t addr);

/* After a fault in the window: walk, set A/D, map (with fault-around).
 * pfec_out is set for MMU_PF, gpa_out for MMU_MMIO and MMU_CODE. */
enum mmu_result vmmu_fill(struct vmmu *v, gva_t gva, enum mmu_access acc,
			  enum mmu_priv priv, bool ac, u32 *pfec_out,
			  gpa_t *gpa_out);

/* Walks for C: checks rights, sets A (and D on write). MMU_OK (RAM),
 * MMU_MMIO, or MMU_PF with x->pfec. With MMU_FETCH the translation is
 * remembered like a mapping so that ops.fetch_zap reports its end. */
enum mmu_result vmmu_translate(struct vmmu *v, gva_t gva, enum mmu_access acc,
			       enum mmu_priv priv, bool ac,
			       struct mmu_xlat *x);

/* Where a present page lies, whatever its rights; A and D stay as they are. */
bool vmmu_debug_walk(struct vmmu *v, gva_t gva, gpa_t *gpa);

/* These pages (page numbers, at most MMU_WITHHELD) are in no window from now on:
 * fills of them say MMU_HELPER. Those of the last call come back. */
#define MMU_WITHHELD 64
void vmmu_withhold(struct vmmu *v, const u32 *pages, unsigned n);

/* The frame gets / loses translated code: write-protected in every window.
 * mmu_code_set returns 0 or -errno (then the code must not be kept). Lifting
 * is lazy: windows regain write rights by later fills. */
int mmu_code_set(struct mmu *m, gfn_t gfn);
void mmu_code_clear(struct mmu *m, gfn_t gfn);
bool mmu_code_test(const struct mmu *m, gfn_t gfn);

/* For tests: compares every mapping of every view with a fresh walk, and the
 * copies with the guest's tables; returns the number of violations (stale
 * entries that no flush has demanded yet are not violations: run it right
 * after a CR3 load) and logs them under -d mmu. */
unsigned vmmu_check(struct vmmu *v);

#endif
