// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mmu_user.c - user views are brought up to date when they are next used:
 * what that saves, and that it never serves what a flush has ended. 32-bit
 * paging; window pages two frames apart, so that each is a mapping.
 */
#include <stdlib.h>

#include "mmu_env.h"

#define PD	 0x1000ul
#define PD2	 0x2000ul
#define PT(k)	 (0x10000ul + (k)*0x1000ul)
#define FRAME(k) (0x800000ul + (k)*0x1000ul)
#define MB4	 0x400000u

static struct env e;
static u8 work;

static void setup(void)
{
	env_init(&e, NULL);
	e.v->ops.user_work = &work;
	for (unsigned k = 0; k < 2; k++) {
		env_set(&e, PD, k, PT(k) | URWAD);
		env_set(&e, PD2, k, PT(k + 2) | URWAD);
	}
	for (unsigned k = 0; k < 4; k++) {
		for (unsigned i = 0; i < 512; i++)
			env_set(&e, PT(k), i, FRAME(2 * i + k % 2) | URWAD);
	}
	env_paging(&e, PD, CR0_WP, CR4_PSE, 0);
}

static void teardown(void)
{
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	for (unsigned i = 0; i < MMU_VIEWS; i++) {
		if (e.m->views[i])
			ck_assert_uint_eq(e.m->views[i]->mappings,
					  env_host_mappings(e.m->views[i]));
	}
	env_fini(&e);
}

static void touch(u32 gva)
{
	ck_assert_int_eq(env_write(&e, gva, MMU_USER, gva), MMU_OK);
	ck_assert(env_can_write(&e, true, gva));
}

static void load_cr3(u64 cr3)
{
	e.r.cr3 = cr3;
	env_load(&e);
}

static void enter(void)
{
	vmmu_user_enter(e.v);
	ck_assert_uint_eq(work, 0);
}

static u64 calls(void)
{
	return mmu_stats(e.m)->mmaps + mmu_stats(e.m)->mprotects;
}

/* Address spaces that only the kernel passes through cost no comparison. */
START_TEST(test_sync_waits)
{
	u64 syncs;
	gpa_t gpa;
	u32 pfec, id;

	touch(0x1000);
	env_set(&e, PT(0), 1, FRAME(700) | URWAD);
	syncs = mmu_stats(e.m)->syncs;
	for (unsigned i = 0; i < 5; i++) {
		load_cr3(PD2);
		load_cr3(PD);
	}
	ck_assert_uint_eq(work, 1);
	/* the supervisor's view, each time */
	ck_assert_uint_eq(mmu_stats(e.m)->syncs, syncs + 10);
	ck_assert_uint_eq(mmu_stats(e.m)->views_made, 2);
	enter();
	ck_assert_uint_eq(mmu_stats(e.m)->syncs, syncs + 11);
	ck_assert(!env_can_read(&e, true, 0x1000));
	touch(0x1000);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(700)), 0x1000);
	/* C that is quicker than the engine finds the right view all the same */
	id = vmmu_view_id(e.v, true);
	load_cr3(PD2);
	ck_assert_int_eq(vmmu_fill(e.v, 0x1000, MMU_WRITE, MMU_USER, false,
				   &pfec, &gpa),
			 MMU_OK);
	ck_assert_uint_ne(vmmu_view_id(e.v, true), id);
	touch(0x1000);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(2)), 0x1000);
}
END_TEST

/* A fetch for user code looks at the tables of now, in the view of now. */
START_TEST(test_fetch_after_load)
{
	struct mmu_xlat x;
	u32 id;

	enter();
	id = vmmu_view_id(e.v, true);
	load_cr3(PD2);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x5000, MMU_FETCH, MMU_USER, false, &x),
		MMU_OK);
	ck_assert_uint_ne(vmmu_view_id(e.v, true), id);
	env_set(&e, PT(2), 5, 0);
	vmmu_invlpg(e.v, 0x5000);
	ck_assert_uint_eq(work, 1);
	enter();
	ck_assert_uint_eq(e.fetch_zap.view, vmmu_view_id(e.v, true));
	ck_assert_uint_eq(e.fetch_zap.gva, 0x5000);
}
END_TEST

/* INVLPG page by page, done in one go; more than are noted, too. */
START_TEST(test_invlpg_batch)
{
	static const u32 counts[] = {16, MMU_INVLPGS, MMU_INVLPGS + 1, 300};
	u32 n = counts[_i];
	u64 before;

	for (u32 i = 0; i < n + 1; i++)
		touch(i << PAGE_SHIFT);
	touch(MB4 + 0x3000);
	before = calls();
	for (u32 i = 0; i < n; i++) {
		env_set(&e, PT(0), i, env_get(&e, PT(0), i) & ~PTE_W);
		vmmu_invlpg(e.v, i << PAGE_SHIFT);
	}
	ck_assert_uint_eq(calls(), before);
	ck_assert_uint_eq(work, 1);
	enter();
	ck_assert_uint_eq(calls(), before + 1);
	for (u32 i = 0; i < n; i++)
		ck_assert(!env_can_write(&e, true, i << PAGE_SHIFT));
	ck_assert(env_can_write(&e, true, n << PAGE_SHIFT));
	/* In several tables, and gone. */
	for (u32 i = 0; i < 3; i++) {
		env_set(&e, PT(1), i + 2, 0);
		vmmu_invlpg(e.v, MB4 + ((i + 2) << PAGE_SHIFT));
		env_set(&e, PT(0), 2 * i, 0);
		vmmu_invlpg(e.v, 2 * i << PAGE_SHIFT);
	}
	enter();
	ck_assert(!env_can_read(&e, true, MB4 + 0x3000));
	for (u32 i = 0; i < 3; i++) {
		ck_assert(!env_can_read(&e, true, 2 * i << PAGE_SHIFT));
		ck_assert(env_can_read(&e, true, (2 * i + 1) << PAGE_SHIFT));
	}
}
END_TEST

/* An INVLPG of one address space means nothing in the next. */
START_TEST(test_invlpg_then_load)
{
	touch(0x1000);
	env_set(&e, PT(0), 1, 0);
	vmmu_invlpg(e.v, 0x1000);
	load_cr3(PD2);
	touch(0x1000);
	load_cr3(PD);
	ck_assert(!env_can_read(&e, true, 0x1000));
}
END_TEST

static void fault(u32 gva, enum mmu_access acc)
{
	u32 pfec;
	gpa_t gpa;

	ck_assert_int_eq(
		vmmu_fill(e.v, gva, acc, MMU_USER, false, &pfec, &gpa), MMU_PF);
	vmmu_user_expect(e.v, gva, acc);
	ck_assert_uint_eq(work, 1);
}

/* After the guest's #PF handler the page is there without another fault. */
START_TEST(test_fill_on_return)
{
	u64 fills;

	env_set(&e, PT(0), 4, 0);
	load_cr3(PD);
	enter();
	fault(0x4000, MMU_WRITE);
	env_set(&e, PT(0), 4, FRAME(900) | URWAD);
	vmmu_invlpg(e.v, 0x4000);
	fills = mmu_stats(e.m)->fills;
	enter();
	ck_assert(env_can_write(&e, true, 0x4000));
	ck_assert_uint_eq(mmu_stats(e.m)->fills, fills);
	ck_assert_uint_eq(mmu_stats(e.m)->fills_return, 1);
}
END_TEST

/* 43: it sets neither A nor D, and goes by the guest's rights. */
START_TEST(test_fill_on_return_marks)
{
	static const struct {
		u64 pte;
		bool read, write;
	} t[] = {
		{PTE_P | PTE_U | PTE_W, false, false},
		{PTE_P | PTE_U | PTE_W | PTE_A, false, false},
		{PTE_P | PTE_U | PTE_A | PTE_D, false, false},
		{PTE_P | PTE_W | PTE_A | PTE_D, false, false},
		{PTE_U | PTE_W | PTE_A | PTE_D, false, false},
		{URWAD, true, true},
	};

	env_set(&e, PT(0), 4, 0);
	load_cr3(PD);
	enter();
	fault(0x4000, MMU_WRITE);
	env_set(&e, PT(0), 4, FRAME(900) | t[_i].pte);
	enter();
	ck_assert_uint_eq(env_get(&e, PT(0), 4), FRAME(900) | t[_i].pte);
	ck_assert(env_can_read(&e, true, 0x4000) == t[_i].read);
	ck_assert(env_can_write(&e, true, 0x4000) == t[_i].write);
}
END_TEST

/* It waits for its own address space. */
START_TEST(test_fill_on_return_elsewhere)
{
	env_set(&e, PT(0), 4, 0);
	load_cr3(PD);
	enter();
	fault(0x4000, MMU_READ);
	env_set(&e, PT(0), 4, FRAME(900) | URWAD);
	load_cr3(PD2);
	enter();
	ck_assert_uint_eq(mmu_stats(e.m)->fills_return, 0);
	ck_assert(!env_can_read(&e, true, 0x4000));
	load_cr3(PD);
	enter();
	ck_assert(env_can_read(&e, true, 0x4000));
}
END_TEST

/* Copy on write: the other frame takes the place of the first in one call, and
 * is neither listed as the first nor served for it. */
START_TEST(test_replace)
{
	const struct slot *s = &e.m->slots[0];
	struct mmu_xlat x;
	u64 before;
	unsigned zaps;
	gpa_t gpa;
	u32 pfec;

	touch(0x4000);
	vmmu_translate(e.v, 0x4000, MMU_FETCH, MMU_USER, false, &x);
	env_set(&e, PT(0), 4, FRAME(8) | (URWAD & ~PTE_W));
	vmmu_invlpg(e.v, 0x4000);
	enter();
	fault(0x4000, MMU_WRITE);
	env_set(&e, PT(0), 4, FRAME(900) | URWAD);
	vmmu_invlpg(e.v, 0x4000);
	before = calls();
	zaps = e.nr_fetch_zaps;
	enter();
	ck_assert_uint_eq(calls(), before + 1);
	ck_assert_uint_eq(e.nr_fetch_zaps, zaps + 1);
	ck_assert_uint_eq(e.fetch_zap.gva, 0x4000);
	ck_assert(env_can_write(&e, true, 0x4000));
	ck_assert_int_eq(env_write(&e, 0x4000, MMU_USER, 77), MMU_OK);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(900)), 77);
	ck_assert_uint_eq(s->rmap[FRAME(8) >> PAGE_SHIFT], 0);
	ck_assert_uint_ne(s->rmap[FRAME(900) >> PAGE_SHIFT], 0);
	/* A writable one, replaced by a fill. */
	env_set(&e, PT(0), 4, FRAME(902) | (URWAD & ~PTE_D));
	ck_assert_int_eq(vmmu_fill(e.v, 0x4000, MMU_WRITE, MMU_USER, false,
				   &pfec, &gpa),
			 MMU_OK);
	ck_assert_int_eq(env_write(&e, 0x4000, MMU_USER, 78), MMU_OK);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(902)), 78);
	ck_assert_uint_eq(s->rmap[FRAME(900) >> PAGE_SHIFT], 0);
}
END_TEST

/* 49: refused by the host, what was to be replaced is gone all the same. */
START_TEST(test_replace_refused)
{
	const u32 gva = MB4 + 0x4000;

	touch(0x4000); /* what is evicted before the second try */
	touch(gva);
	env_set(&e, PT(1), 4, FRAME(900) | URWAD);
	vmmu_invlpg(e.v, gva);
	vmmu_user_expect(e.v, gva, MMU_WRITE);
	e.m->inject.fail_fill = 1; /* the second try fails too */
	vmmu_user_enter(e.v);
	ck_assert(!env_can_read(&e, true, gva));
	ck_assert_uint_eq(e.m->slots[0].rmap[FRAME(9) >> PAGE_SHIFT], 0);
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	e.m->inject.fail_fill = 0;
	touch(gva);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(900)), gva);
}
END_TEST

Suite *suite_mmu_user(void)
{
	Suite *s = suite_create("mmu_user");
	TCase *tc = tcase_create("user views");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_sync_waits);
	tcase_add_test(tc, test_fetch_after_load);
	tcase_add_loop_test(tc, test_invlpg_batch, 0, 4);
	tcase_add_test(tc, test_invlpg_then_load);
	tcase_add_test(tc, test_fill_on_return);
	tcase_add_loop_test(tc, test_fill_on_return_marks, 0, 6);
	tcase_add_test(tc, test_fill_on_return_elsewhere);
	tcase_add_test(tc, test_replace);
	tcase_add_test(tc, test_replace_refused);
	suite_add_tcase(s, tc);
	return s;
}
