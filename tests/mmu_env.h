/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_env.h - a guest made of RAM and registers only, for tests of the
 * shadow MMU: builds page tables, accesses windows as generated code would,
 * and says by a slow walker of its own what ought to happen.
 */
#ifndef UMBRA_TESTS_MMU_ENV_H
#define UMBRA_TESTS_MMU_ENV_H

#include <check.h>

#include "shadowmmu/mmu_impl.h"

#define ENV_RAM (64ul << 20)

struct env_zap {
	u32 view;
	gva_t gva;
	u64 npages;
};

struct env {
	int fd;
	u8 *ram;
	struct mmu *m;
	struct vmmu *v;
	struct mmu_regs r;
	unsigned nr_fetch_zaps, nr_tlb_zaps, nr_code_writes;
	struct env_zap fetch_zap, tlb_zap; /* the last ones */
	gpa_t code_write;
	/* If set, the code_write callback stores poke_val there. */
	u32 *poke;
	u32 poke_val;
};

void env_init(struct env *e, const struct mmu_inject *inj);
void env_fini(struct env *e);
/* Loads e->r; cr3 counts as written. */
void env_load(struct env *e);
/* Paging on with these; CR3 at `root`. */
void env_paging(struct env *e, u64 root, u64 cr0, u64 cr4, u64 efer);

/* Entry i of the table at gpa, in the current format. */
void env_set(struct env *e, gpa_t table, unsigned i, u64 val);
u64 env_get(const struct env *e, gpa_t table, unsigned i);

enum { ENV_DIRECT = 100 }; /* the window served it without a fault */

/* One access to 8 bytes (4 at page ends do not occur: gva is aligned). */
struct env_access {
	u32 gva;
	enum mmu_access acc; /* MMU_READ or MMU_WRITE */
	enum mmu_priv priv;
	bool ac;
	u64 val; /* written, or what was read */
};

/* As generated code: the window, a fill, the window again. Returns
 * ENV_DIRECT or what the fill said; reads leave the value in a->val. */
int env_do(struct env *e, struct env_access *a, u32 *pfec, gpa_t *gpa);
int env_read(struct env *e, u32 gva, enum mmu_priv priv, u64 *val);
int env_write(struct env *e, u32 gva, enum mmu_priv priv, u64 val);
/* The window alone: does it let the access through? */
bool env_window(struct env *e, bool user, u32 gva, bool write, u64 *val);
bool env_can_read(struct env *e, bool user, u32 gva);
bool env_can_write(struct env *e, bool user, u32 gva);

/* What the architecture says. */
struct ref {
	bool fault;
	u32 pfec;
	gpa_t gpa;
	bool user, large;
	unsigned nr_marks; /* A and D bits that the access sets */
	struct {
		gpa_t gpa;
		u64 bits;
	} mark[2];
};
void ref_walk(const struct env *e, u32 gva, enum mmu_access acc,
	      enum mmu_priv priv, bool ac, struct ref *ref);

/* Mappings in a view's reservation by /proc/self/maps; fails the test on a
 * hole or on anything executable in it. */
u64 env_host_mappings(const struct view *w);

#define RW    (PTE_P | PTE_W)
#define RWAD  (RW | PTE_A | PTE_D)
#define URWAD (RWAD | PTE_U)

Suite *suite_mmu(void);
Suite *suite_mmu_host(void);
Suite *suite_mmu_random(void);
Suite *suite_mmu_uffd(void);
Suite *suite_mmu_user(void);

#endif
