/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_impl.h - the shadow MMU's own structures and the calls between its
 * files. For this folder and its tests.
 *
 * Invariants, checked by vmmu_check():
 *  - A page is *used* while a window maps it (node.mapped) or a fetch
 *    translation of it is remembered (node.fetch). While any page of a node
 *    is used, node.pde is the guest's directory entry under which all of the
 *    node's used pages came to be; in a NODE_TABLE gpte[i] likewise for page
 *    i. Values differ from the guest's memory only where the guest has
 *    written since and has not yet flushed.
 *  - A window page is mapped exactly as its spte says; writable ones, and
 *    only they, are linked in the frame's rmap list.
 *  - A writable page has D set in its leaf copy, and its frame holds no
 *    translated code.
 *  - A page is SPTE_UFFD_WP, and never SPTE_WRITABLE then, exactly while its
 *    host mapping has write rights and userfaultfd withholds them; it is
 *    SPTE_REGISTERED too. Mappings that differ in either are not one.
 *  - A free node has empty bitmaps and
 *    zero sptes.
 *  - view.mappings is the number of host mappings in the view's reservation,
 *    never less than the truth.
 */
#ifndef UMBRA_MMU_IMPL_H
#define UMBRA_MMU_IMPL_H

#include "gpte.h"
#include "hostmap.h"
#include "mmu.h"
#include "runtime/log.h"

/* The runtime's log without libc (HAZARDS 56). */
void log_light_printf(enum log_subsys s, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

#define MMU_LOG(...)                                                           \
	do {                                                                   \
		if (log_on(LOG_MMU))                                           \
			log_light_printf(LOG_MMU, __VA_ARGS__);                \
	} while (0)

#define WINDOW_SIZE  (1ull << 32)
#define WINDOW_GUARD (1ull << 20) /* at least, on both sides (HAZARDS 10) */
#define WINDOW_ALIGN (2ull << 20)

#define NODE_SHIFT 21
#define NODE_PAGES 512u
#define NODE_WORDS (NODE_PAGES / 64)
#define VIEW_NODES 2048u
#define VIEW_PAGES (1u << 20)

#define MMU_VIEWS      64 /* of all vCPUs; index 0 stays empty */
#define MMU_VCPUS      16
#define MMU_USER_VIEWS 16 /* cached address spaces of a vCPU */
#define MMU_NODES      8192
#define VIEW_ID_FIRST  2 /* of user views; 1 is each supervisor view */
#define MMU_CHURN      1024 /* counts of pages that come and go */
#define MMU_CHURN_MIN  4
#define MMU_INVLPGS    64 /* noted for a user view; beyond: compare all */

enum {
	SPTE_MAPPED = 1,
	SPTE_WRITABLE = 2,
	SPTE_REGISTERED = 4, /* the host mapping is, with userfaultfd */
	SPTE_UFFD_WP = 8,    /* see the invariants */
};

/* One page of a window: the frame behind it and its links in the frame's
 * rmap list. A link is view index << 20 | page number, 0 for none. */
struct spte {
	u32 frame; /* within the slot */
	u8 slot;
	u8 flags;
	u32 next, prev;
};

/* Of two pages that follow each other in the file: are they one mapping? */
static inline u8 spte_mapping_kind(const struct spte *sp)
{
	u8 rights = sp->flags & (SPTE_WRITABLE | SPTE_UFFD_WP);

	return (sp->flags & (SPTE_MAPPED | SPTE_REGISTERED)) |
	       (rights ? SPTE_WRITABLE : 0);
}

enum node_kind {
	NODE_FLAT,  /* paging off */
	NODE_LARGE, /* under one entry with PS: gpte[] is not in use */
	NODE_TABLE,
};

/* 2 MiB of a view: a PAE page table or half of a 4-byte one. */
struct node {
	u64 mapped[NODE_WORDS];
	u64 fetch[NODE_WORDS];
	u64 nonglobal[NODE_WORDS]; /* of used pages; others: undefined */
	u64 pde;
	u32 kind;
	u32 next_free; /* number of the next free node, 0: none */
	u64 gpte[NODE_PAGES];
	struct spte spte[NODE_PAGES];
};

struct view {
	struct vmmu *v;
	u32 id, index;
	bool user;
	bool keyed; /* a user view that stands for `key` */
	u64 key;    /* address bits of CR3, or VIEW_KEY_FLAT */
	u64 stamp;  /* last use, for LRU */
	hva_t base; /* window: host address of guest address 0 */
	hva_t low;  /* reservation with guards */
	u64 low_size;
	u64 mappings;
	u64 fetch_zaps; /* times that fetch translations ended */
	u32 hand;			/* eviction clock: next node to go */
	u64 active[VIEW_NODES / 64];	/* nodes present */
	u64 nonglobal[VIEW_NODES / 64]; /* nodes that may hold such pages */
	u16 node[VIEW_NODES];		/* number of the node, 0: none */
};

static inline hva_t page_hva(const struct view *w, u32 page)
{
	return w->base + ((u64)page << PAGE_SHIFT);
}

#define VIEW_KEY_FLAT (~0ull)

struct slot {
	gpa_t gpa;
	u64 size; /* 0: not in use */
	u64 off;
	u8 *hva;
	int fd;
	u32 *rmap;  /* per frame: first link */
	u64 *code;  /* bit per frame */
	u64 tables; /* bytes of the one mapping that holds both */
	bool no_uffd; /* the host cannot watch mappings of this file */
};

struct mmu {
	struct slot slots[MMU_MAX_SLOTS];
	unsigned slots_end; /* one above the highest in use */
	struct view *views[MMU_VIEWS];
	struct vmmu *vcpus[MMU_VCPUS];
	struct node *nodes; /* 1..nr_nodes */
	u32 nr_nodes, free_node, fresh_node;
	u32 next_view_id;
	int uffd; /* negative: code is protected by mprotect only */
	u64 clock; /* for view.stamp */
	u64 budget;
	struct mmu_inject inject;
	u32 fill_count, zap_count;
	u64 refused_zaps; /* by the host; counts of mappings may be high then */
	struct mmu_stats stats;
};

struct vmmu {
	struct mmu *m;
	struct mmu_ops ops;
	struct mmu_regs regs;
	u64 pdpte[4]; /* latched (SDM vol. 3, 4.4.1) */
	struct view *super, *user;
	/* What the user view has missed, until vmmu_user_enter(). */
	bool user_stale; /* CR3 was loaded: `user` may even be another's */
	u32 nr_invlpgs;
	u32 invlpgs[MMU_INVLPGS]; /* page numbers */
	/* Where user code was given #PF; cr3 says whose. */
	struct {
		bool valid;
		u32 gva;
		enum mmu_access acc;
		u64 cr3;
	} expect;
	struct view *cache[MMU_USER_VIEWS];
	unsigned nr_cache;
	u8 churn[MMU_CHURN]; /* INVLPGs that ended a mapping, by page */
	u32 churns;	     /* since the counts were halved */
	u64 tlb_large[16]; /* 4 MiB regions with a large page in the TLB */
	unsigned nr_withheld;
	u32 withheld[MMU_WITHHELD]; /* pages that no window maps */
};

/* --- walk.c */
struct walk {
	gpa_t gpa;    /* of the page that holds gva, A20 applied */
	u64 pde, pte; /* as they stand after A and D were set */
	bool writable, user, nx, global, dirty; /* effective / of the leaf */
	u32 kind;				/* enum node_kind */
	u32 pfec;
};

static inline bool regs_paging(const struct mmu_regs *r)
{
	return r->cr0 & CR0_PG;
}

static inline bool regs_pae(const struct mmu_regs *r)
{
	return (r->cr0 & CR0_PG) && (r->cr4 & CR4_PAE);
}

/* MMU_OK or MMU_PF with w->pfec; sets A, and D on writes, if allowed. */
enum mmu_result vmmu_walk(struct vmmu *v, u32 gva, enum mmu_access acc,
			  enum mmu_priv priv, bool ac, struct walk *w);
/* The same as a user access that changes no entry: MMU_PF also if A, or D on a
 * write, is clear. */
enum mmu_result vmmu_peek(struct vmmu *v, u32 gva, enum mmu_access acc,
			  struct walk *w);
/* The directory entry over gva through the current root; 0 if the PDPTE is
 * absent. */
u64 vmmu_pde(const struct vmmu *v, u32 gva);
bool pde_is_large(const struct vmmu *v, u64 pde);
/* Has a present entry bits that must be zero? */
bool pde_has_reserved(const struct vmmu *v, u64 pde);
bool pte_has_reserved(const struct vmmu *v, u64 pte);
/* Guest memory of the table part under pde for gva's node; NULL: not RAM,
 * then each entry reads as all ones. */
const void *vmmu_table(const struct vmmu *v, u64 pde, u32 gva);
static inline u64 table_entry(const struct vmmu *v, const void *table,
			      unsigned i)
{
	if (regs_pae(&v->regs))
		return table ? ((const volatile u64 *)table)[i] : ~0ull;
	return table ? ((const volatile u32 *)table)[i] : ~0u;
}
/* Frame address of gva under a large directory entry. */
gpa_t pde_large_gpa(const struct vmmu *v, u64 pde, u32 gva);
bool vmmu_load_pdptes(const struct vmmu *v, const struct mmu_regs *r,
		      u64 pdpte[4]);

/* --- fill.c */
/* Maps what user code is about to access, if the guest's entries allow that
 * access as they stand. */
void vmmu_fill_ahead(struct vmmu *v, u32 gva, enum mmu_access acc);

/* --- frames.c */
/* The slot that has gpa, or NULL. */
const struct slot *slot_find(const struct mmu *m, gpa_t gpa);
static inline unsigned slot_nr(const struct mmu *m, const struct slot *s)
{
	return (unsigned)(s - m->slots);
}
static inline bool slot_has_code(const struct slot *s, u32 frame)
{
	return s->code[frame / 64] >> (frame % 64) & 1;
}
void rmap_link(struct view *w, u32 page, struct spte *sp);
void rmap_unlink(struct view *w, u32 page, struct spte *sp);

/* --- view.c */
int view_new(struct view **out, struct vmmu *v, bool user);
void view_free(struct view *w);
void view_drop(struct view *w); /* all of it; reports fetches */
struct node *view_node(const struct view *w, u32 nodenr);
struct node *view_node_get(struct view *w, u32 nodenr); /* NULL: pool empty */
void view_node_put(struct view *w, u32 nodenr);
void view_select_user(struct vmmu *v);
void vmmu_forget_users(struct vmmu *v);
bool mmu_has_room(const struct mmu *m);
/* Frees mappings, or a node, by eviction. False: nothing left to evict. */
bool vmmu_make_room(struct vmmu *v);

/* --- map.c */
int view_map(struct view *w, u32 page, u32 n, const struct slot *s, u32 frame,
	     bool writable, u32 over);
int view_protect(struct view *w, u32 page, u32 n, bool writable);
void view_unmap(struct view *w, u32 page, u32 n);
void view_zap(struct view *w, u32 page, u32 n);
void view_zap_node(struct view *w, u32 nodenr);
void view_forget_fetches(struct view *w, u32 page, u32 n);
void view_unmap_all(struct view *w);
void view_account(struct view *w, s64 delta);
struct spte *view_spte(const struct view *w, u32 page);
const struct spte *spte_mapped(const struct view *w, u32 page);
bool view_has_boundary(const struct view *w, u32 page);
s64 view_edges(const struct view *w, u32 page, u32 n);
s64 view_boundaries(const struct view *w, u32 page, u32 n);
bool view_fails_zap(struct view *w);

/* --- uffd.c */
/* Takes the write rights of a writable page by userfaultfd, its mapping stays
 * whole. False: not possible, or not worth it; nothing has changed. */
bool view_uffd_protect(struct view *w, u32 page);
/* Gives them back to n pages. The kernel's return. */
s64 host_uffd_lift(struct view *w, u32 page, u32 n);

/* --- sync.c */
/* Compares the copy over nr with the directory entry of a fresh walk, drops
 * what is no more true, takes over the entry. */
void node_take_pde(struct view *w, u32 nr, u32 kind, u64 pde);
/* The same for one page of a NODE_TABLE. */
void node_take_pte(struct view *w, u32 page, u64 pte);
/* The same for a page that view_map() follows for at once: a mapping that is
 * no more true stays for it to replace. True: it did. */
bool node_replace_pte(struct view *w, u32 page, u64 pte);
enum sync_scope { SYNC_NONGLOBAL, SYNC_ALL };
void view_sync(struct view *w, enum sync_scope scope);
/* Marks the current user view as not to be used before vmmu_user_enter(). */
void vmmu_user_leave(struct vmmu *v);
/* For the user view in C, which the engine has mostly entered already. */
static inline void vmmu_user_ready(struct vmmu *v)
{
	if (v->user_stale || v->nr_invlpgs)
		vmmu_user_enter(v);
}
void vmmu_tlb_zap(struct vmmu *v, gva_t gva, u64 npages);

/* --- bitmaps of pages or nodes */
static inline void bits_set(u64 *map, unsigned i)
{
	map[i / 64] |= 1ull << (i % 64);
}
static inline void bits_clear(u64 *map, unsigned i)
{
	map[i / 64] &= ~(1ull << (i % 64));
}
static inline bool bits_test(const u64 *map, unsigned i)
{
	return map[i / 64] >> (i % 64) & 1;
}
static inline bool bits_any(const u64 *map, unsigned words)
{
	u64 any = 0;

	for (unsigned i = 0; i < words; i++)
		any |= map[i];
	return any;
}
/* First set bit at or after i, or n. */
static inline unsigned bits_next(const u64 *map, unsigned n, unsigned i)
{
	while (i < n) {
		u64 word = map[i / 64] >> (i % 64);

		if (word)
			return i + (unsigned)__builtin_ctzll(word);
		i = (i / 64 + 1) * 64;
	}
	return n;
}
/* First clear bit at or after i, or n. */
static inline unsigned bits_next_clear(const u64 *map, unsigned n, unsigned i)
{
	while (i < n && bits_test(map, i))
		i++;
	return i;
}

static inline bool node_used(const struct node *n, unsigned i)
{
	return bits_test(n->mapped, i) || bits_test(n->fetch, i);
}

#endif
