// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mmu_random.c - random page tables, registers, accesses, changes and
 * flushes, against the reference walker: each access must do what it says,
 * through the window or not, and set exactly the A and D bits it says
 * (HAZARDS 39 to 43, 53, 54). After each flush vmmu_check() must be content.
 *
 * MMU_SEED in the environment picks the sequence, MMU_TRIALS its length.
 */
#include <stdlib.h>
#include <string.h>

#include "mmu_env.h"

#define TABLES_END  0x10000ul
#define PDPT	    0x1000ul /* two of them, 32 bytes apart */
#define PD(root, k) (0x2000ul + (root)*0x4000ul + (k)*0x1000ul)
#define PT(k)	    (0xa000ul + (k)*0x1000ul)
#define NR_PT	    6
#define NR_CODE	    8
#define WORD	    0x18 /* offset in the page that accesses use */

struct world {
	struct env e;
	u64 seed;
	u8 *expect; /* the table area as it should be */
	u32 gvas[24];
	unsigned root;
	bool globals;
	bool scarce; /* helper form may be the answer at any time */
	u64 root_cr3[2];
	gfn_t code[NR_CODE];
};

static u64 rnd(struct world *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed >> 11;
}

static bool chance(struct world *w, unsigned percent)
{
	return rnd(w) % 100 < percent;
}

static bool is_pae(const struct world *w)
{
	return w->e.r.cr4 & CR4_PAE;
}

static void set_entry(struct world *w, gpa_t table, unsigned i, u64 val)
{
	unsigned size = is_pae(w) ? 8 : 4;

	env_set(&w->e, table, i, val);
	memcpy(w->expect + table + i * size, w->e.ram + table + i * size, size);
}

static u64 random_rights(struct world *w)
{
	u64 e = 0;

	e |= chance(w, 92) ? PTE_P : 0;
	e |= chance(w, 75) ? PTE_W : 0;
	e |= chance(w, 50) ? PTE_U : 0;
	e |= chance(w, 70) ? PTE_A : 0;
	e |= chance(w, 60) ? PTE_D : 0;
	e |= w->globals && chance(w, 40) ? PTE_G : 0;
	e |= chance(w, 10) ? 0xe00 : 0;
	if (is_pae(w) && chance(w, 12))
		e |= PTE_NX;
	if (is_pae(w) && chance(w, 3))
		e |= 1ull << (36 + rnd(w) % 27);
	return e;
}

static u64 random_frame(struct world *w)
{
	if (chance(w, 4))
		return 0xe0000000u + (rnd(w) % 256 << PAGE_SHIFT);
	return (1ul << 20) +
	       (rnd(w) % ((ENV_RAM - (1ul << 20)) >> PAGE_SHIFT) << PAGE_SHIFT);
}

/* Mostly frame by frame with equal rights, so that runs come about. */
static void random_table(struct world *w, gpa_t table)
{
	unsigned n = is_pae(w) ? 512 : 1024;
	u64 rights = random_rights(w) | PTE_P, frame = random_frame(w);

	for (unsigned i = 0; i < n; i++) {
		if (chance(w, 10))
			frame = random_frame(w);
		if (chance(w, 20))
			rights = random_rights(w);
		set_entry(w, table, i, frame | rights);
		frame += PAGE_SIZE;
	}
}

static u64 random_pde(struct world *w)
{
	u64 e = random_rights(w) | (chance(w, 70) ? PTE_P | PTE_W : 0);

	if (chance(w, 30)) {
		e |= PTE_PS | ((4ul << 20) + rnd(w) % 15 * (4ul << 20));
		if (is_pae(w) && chance(w, 50))
			e |= 2ul << 20;
		if (chance(w, 5))
			e |= 1ul << (13 + rnd(w) % 9);
		return e;
	}
	if (chance(w, 2))
		return e | 0xe0000000u; /* a table where no RAM is */
	return e | PT(rnd(w) % NR_PT);
}

static void set_pde(struct world *w, unsigned root, u32 gva, u64 e)
{
	if (is_pae(w))
		set_entry(w, PD(root, gva >> 30), gva >> 21 & 511, e);
	else
		set_entry(w, PD(root, 0), gva >> 22, e);
}

static void random_gvas(struct world *w)
{
	static const u32 top[] = {0,	       0x400000,    0x80000000u,
				  0xbfe00000u, 0xc0000000u, 0xffc00000u};
	static const u32 page[] = {0, 1, 2, 3, 8, 17, 511, 512, 513, 1023};

	for (unsigned i = 0; i < ARRAY_SIZE(w->gvas); i++)
		w->gvas[i] = (top[rnd(w) % ARRAY_SIZE(top)] +
			      (page[rnd(w) % ARRAY_SIZE(page)] << PAGE_SHIFT)) |
			     WORD;
}

static void random_space(struct world *w)
{
	for (unsigned k = 0; k < NR_PT; k++)
		random_table(w, PT(k));
	for (unsigned root = 0; root < 2; root++) {
		w->root_cr3[root] = is_pae(w) ? PDPT + root * 32 : PD(root, 0);
		for (unsigned k = 0; is_pae(w) && k < 4; k++)
			set_entry(w, PDPT + root * 32, k,
				  PD(root, k) | (chance(w, 95) ? PTE_P : 0));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(w->gvas); i++) {
		u64 pde = random_pde(w);

		set_pde(w, 0, w->gvas[i], pde);
		set_pde(w, 1, w->gvas[i], chance(w, 60) ? pde : random_pde(w));
	}
}

static void flip(struct world *w, u64 *reg, u64 bit)
{
	if (chance(w, 50))
		*reg ^= bit;
}

/* Registers and tables anew. */
static void random_world(struct world *w)
{
	struct mmu_regs *r = &w->e.r;

	r->cr0 = CR0_ET | CR0_PE;
	r->cr4 = r->efer = 0;
	ck_assert(vmmu_set_regs(w->e.v, r, false));
	flip(w, &r->cr4, CR4_PAE);
	flip(w, &r->cr4, CR4_PSE);
	flip(w, &r->cr4, CR4_PGE);
	flip(w, &r->cr4, CR4_SMEP);
	flip(w, &r->cr4, CR4_SMAP);
	flip(w, &r->efer, EFER_NXE);
	flip(w, &r->cr0, CR0_WP);
	r->phys_mask = chance(w, 5) ? ~(1ull << 20) : ~0ull;
	w->globals = chance(w, 50);
	memset(w->e.ram, 0, TABLES_END);
	memset(w->expect, 0, TABLES_END);
	random_gvas(w);
	random_space(w);
	w->root = 0;
	r->cr0 |= chance(w, 95) ? CR0_PG : 0;
	r->cr3 = w->root_cr3[0];
	env_load(&w->e);
}

/* The guest changes some entries. */
static void random_changes(struct world *w)
{
	for (unsigned n = 1 + rnd(w) % 6; n; n--) {
		u32 gva = w->gvas[rnd(w) % ARRAY_SIZE(w->gvas)];
		gpa_t table = PT(rnd(w) % NR_PT);
		unsigned i = gva >> PAGE_SHIFT & (is_pae(w) ? 511 : 1023);
		u64 e = env_get(&w->e, table, i);

		switch (rnd(w) % 6) {
		case 0:
			set_pde(w, rnd(w) % 2, gva, random_pde(w));
			break;
		case 1:
			set_entry(w, table, i,
				  random_frame(w) | random_rights(w));
			break;
		case 2:
			random_table(w, table);
			break;
		default:
			set_entry(w, table, i, e ^ 1ull << rnd(w) % 8);
			break;
		}
	}
}

static void switch_root(struct world *w)
{
	w->root ^= 1;
	w->e.r.cr3 = w->root_cr3[w->root];
	env_load(&w->e);
}

/* Some flush that covers everything the guest can have changed. */
static void random_flush(struct world *w)
{
	struct mmu_regs *r = &w->e.r;
	bool cr3_is_enough = !(r->cr4 & CR4_PGE) || !w->globals;

	flip(w, &r->cr0, CR0_WP);
	flip(w, &r->cr4, CR4_SMAP);
	flip(w, &r->cr4, CR4_SMEP);
	ck_assert(vmmu_set_regs(w->e.v, r, false));
	switch (rnd(w) % (cr3_is_enough ? 5 : 3)) {
	case 0:
		for (unsigned i = 0; i < ARRAY_SIZE(w->gvas); i++)
			vmmu_invlpg(w->e.v, w->gvas[i]);
		return; /* others on the same entries stay stale: no check */
	case 1:
		for (unsigned i = 0; i < 2; i++) {
			r->cr4 ^= CR4_PGE;
			ck_assert(vmmu_set_regs(w->e.v, r, false));
		}
		break;
	case 2:
		vmmu_flush_all(w->e.v);
		break;
	case 3:
		env_load(&w->e);
		break;
	case 4:
		switch_root(w);
		break;
	}
	ck_assert_uint_eq(vmmu_check(w->e.v), 0);
}

static void random_code(struct world *w)
{
	gfn_t *gfn = &w->code[rnd(w) % NR_CODE];
	gpa_t gpa;
	u32 gva = w->gvas[rnd(w) % ARRAY_SIZE(w->gvas)];
	struct ref ref;

	if (*gfn) {
		mmu_code_clear(w->e.m, *gfn);
		*gfn = 0;
		return;
	}
	ref_walk(&w->e, gva, MMU_READ, MMU_SUPER, true, &ref);
	gpa = ref.gpa;
	if (ref.fault || gpa >= ENV_RAM || gpa < TABLES_END)
		return;
	*gfn = gpa >> PAGE_SHIFT;
	ck_assert_int_eq(mmu_code_set(w->e.m, *gfn), 0);
}

static void marks_expected(struct world *w, const struct ref *ref)
{
	for (unsigned i = 0; i < ref->nr_marks; i++)
		w->expect[ref->mark[i].gpa] |= (u8)ref->mark[i].bits;
	ck_assert_msg(!memcmp(w->expect, w->e.ram, TABLES_END),
		      "A/D bits differ from what the access sets");
}

static void judge(struct world *w, const struct env_access *a, int res,
		  u32 pfec, gpa_t gpa, const struct ref *ref)
{
	bool ram = ref->gpa < ENV_RAM;
	bool code = ram && mmu_code_test(w->e.m, ref->gpa >> PAGE_SHIFT);
	bool flat = !(w->e.r.cr0 & CR0_PG);

	switch (res) {
	case ENV_DIRECT:
	case MMU_OK:
		ck_assert_msg(!ref->fault && ram, "mapped, ought to fault");
		ck_assert(res == MMU_OK || !ref->nr_marks);
		ck_assert(flat || ref->user == (a->priv == MMU_USER));
		ck_assert(a->acc != MMU_WRITE || !code);
		ck_assert_uint_eq(a->val, *(u64 *)(w->e.ram + ref->gpa));
		break;
	case MMU_PF:
		ck_assert_msg(ref->fault, "faults %#x, ought not", pfec);
		ck_assert_uint_eq(pfec, ref->pfec);
		break;
	case MMU_MMIO:
		ck_assert(!ref->fault && !ram);
		ck_assert_uint_eq(gpa, ref->gpa);
		break;
	case MMU_HELPER:
		ck_assert(!ref->fault && ram);
		ck_assert(w->scarce || (ref->user && a->priv != MMU_USER));
		break;
	case MMU_CODE:
		ck_assert(!ref->fault && code && a->acc == MMU_WRITE);
		ck_assert_uint_eq(gpa, ref->gpa);
		break;
	default:
		ck_abort_msg("result %d", res);
	}
}

/* Data leaves never lie among the tables but for A20 games: skip these. */
static bool hits_tables(const struct ref *ref)
{
	return !ref->fault && ref->gpa < TABLES_END;
}

static void random_access(struct world *w)
{
	struct env_access a = {
		.gva = w->gvas[rnd(w) % ARRAY_SIZE(w->gvas)],
		.acc = chance(w, 50) ? MMU_READ : MMU_WRITE,
		.priv = (enum mmu_priv)(rnd(w) % 3),
		.ac = chance(w, 50),
		.val = rnd(w),
	};
	struct ref ref;
	u32 pfec = 0;
	gpa_t gpa = 0;
	int res;

	ref_walk(&w->e, a.gva, a.acc, a.priv, a.ac, &ref);
	if (hits_tables(&ref))
		return;
	res = env_do(&w->e, &a, &pfec, &gpa);
	judge(w, &a, res, pfec, gpa, &ref);
	if (res == MMU_PF && a.priv == MMU_USER && chance(w, 50))
		vmmu_user_expect(w->e.v, a.gva, a.acc);
	marks_expected(w, &ref);
}

static void random_translate(struct world *w)
{
	static const enum mmu_access accs[] = {MMU_READ, MMU_WRITE, MMU_FETCH};
	u32 gva = w->gvas[rnd(w) % ARRAY_SIZE(w->gvas)];
	enum mmu_access acc = accs[rnd(w) % 3];
	enum mmu_priv priv = (enum mmu_priv)(rnd(w) % 3);
	bool ac = chance(w, 50);
	struct mmu_xlat x;
	struct ref ref;
	int res;

	if (priv == MMU_IMPLICIT && acc == MMU_FETCH)
		return;
	ref_walk(&w->e, gva, acc, priv, ac, &ref);
	res = vmmu_translate(w->e.v, gva, acc, priv, ac, &x);
	if (ref.fault) {
		ck_assert_int_eq(res, MMU_PF);
		ck_assert_uint_eq(x.pfec, ref.pfec);
	} else {
		ck_assert_int_eq(res, ref.gpa < ENV_RAM ? MMU_OK : MMU_MMIO);
		ck_assert_uint_eq(x.gpa, ref.gpa);
		ck_assert_ptr_eq(x.hva,
				 ref.gpa < ENV_RAM ? w->e.ram + ref.gpa : NULL);
		ck_assert(x.user == ref.user || !(w->e.r.cr0 & CR0_PG));
	}
	marks_expected(w, &ref);
}

static unsigned long env_number(const char *name, unsigned long or)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : or ;
}

static void world_run(const struct mmu_inject *inj, unsigned long trials)
{
	static struct world w; /* big; one test a process */

	env_init(&w.e, inj);
	w.scarce = inj;
	w.seed = env_number("MMU_SEED", 0x9e3779b97f4a7c15ul);
	w.expect = malloc(TABLES_END);
	ck_assert_ptr_nonnull(w.expect);
	for (gpa_t gpa = WORD; gpa < ENV_RAM; gpa += PAGE_SIZE)
		*(u64 *)(w.e.ram + gpa) = gpa * 0x9e3779b97f4a7c15ul;
	for (unsigned long t = 0; t < trials; t++) {
		random_world(&w);
		for (unsigned round = 0; round < 12; round++) {
			for (unsigned i = 0; i < 40; i++) {
				if (chance(&w, 20))
					random_translate(&w);
				else
					random_access(&w);
				if (chance(&w, 5))
					random_code(&w);
			}
			random_changes(&w);
			random_flush(&w);
		}
	}
	free(w.expect);
	env_fini(&w.e);
}

START_TEST(test_random)
{
	world_run(NULL, env_number("MMU_TRIALS", 400));
}
END_TEST

static const struct mmu_inject injections[] = {
	{.map_budget = 64},
	{.map_budget = 12},
	{.fail_fill = 3},
	{.fail_zap = 3},
	{.fail_fill = 2, .fail_zap = 1},
	{.nodes = 3},
	{.no_uffd = true},
	{.no_uffd = true, .fail_zap = 3},
	{.map_budget = 20, .fail_fill = 5, .fail_zap = 2, .nodes = 5},
};

START_TEST(test_random_injected)
{
	world_run(&injections[_i], env_number("MMU_TRIALS", 60));
}
END_TEST

Suite *suite_mmu_random(void)
{
	Suite *s = suite_create("mmu_random");
	TCase *tc = tcase_create("random");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_random);
	tcase_add_loop_test(tc, test_random_injected, 0,
			    ARRAY_SIZE(injections));
	suite_add_tcase(s, tc);
	return s;
}
