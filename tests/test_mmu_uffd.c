// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mmu_uffd.c - frames with translated code inside larger mappings, where
 * userfaultfd withholds the writes and where mprotect does (HAZARDS 50). Each
 * test runs with both; what holds for one only is asked for by `uffd`.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mmu_env.h"

#define PD	 0x1000ul
#define PT(k)	 (0x10000ul + (k)*0x1000ul)
#define FRAME(k) (0x800000ul + (k)*0x1000ul)
#define MB4	 0x400000u
#define AREA	 (2ul * MB4) /* the frames of the large page at MB4 */

static struct env e;
static bool uffd;

/* A large page at MB4, small pages with contiguous frames at 2 * MB4. */
static void setup_with(const struct mmu_inject *inj)
{
	env_init(&e, inj);
	uffd = e.m->uffd >= 0;
	env_set(&e, PD, 0, PT(0) | URWAD);
	env_set(&e, PD, 2, PT(2) | URWAD);
	for (unsigned i = 0; i < 1024; i++) {
		env_set(&e, PT(0), i, i << PAGE_SHIFT | RWAD);
		env_set(&e, PT(2), i, (AREA + MB4 + (i << PAGE_SHIFT)) | RWAD);
	}
	env_set(&e, PD, 1, AREA | RWAD | PTE_PS);
	env_paging(&e, PD, 0, CR4_PSE, 0);
}

static const struct mmu_inject ways[] = {
	{.no_uffd = false},
	{.no_uffd = true},
};

static void finish(void)
{
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	env_fini(&e);
}

static void exact_count(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < MMU_VIEWS; i++) {
		const struct view *w = e.m->views[i];

		if (!w)
			continue;
		ck_assert_uint_eq(w->mappings, env_host_mappings(w));
		sum += w->mappings;
	}
	ck_assert_uint_eq(mmu_stats(e.m)->mappings, sum);
}

static void touch(u32 gva)
{
	ck_assert_int_eq(env_write(&e, gva, MMU_SUPER, gva), MMU_OK);
}

static bool marked(u32 gva)
{
	return vmmu_is_uffd_wp(e.v, false, vmmu_window(e.v, false) + gva);
}

/* The first access of all is the write: nothing has read the page in. */
static bool refuses_write(u32 gva)
{
	u64 val = 1;

	return !env_window(&e, false, gva, true, &val);
}

static void code_at(gpa_t gpa)
{
	ck_assert_int_eq(mmu_code_set(e.m, gpa >> PAGE_SHIFT), 0);
}

/* Protected, written, protected again: the mapping around stays whole. */
START_TEST(test_middle)
{
	u64 before;

	setup_with(&ways[_i]);
	touch(MB4 + 0x1000);
	before = mmu_stats(e.m)->mappings;
	for (unsigned round = 0; round < 3; round++) {
		for (u32 p = 0x10; p < 0x40; p += 4)
			code_at(AREA + (p << PAGE_SHIFT));
		for (u32 p = 0x10; p < 0x40; p++) {
			u32 gva = MB4 + (p << PAGE_SHIFT);

			ck_assert(env_can_read(&e, false, gva));
			ck_assert_int_eq(refuses_write(gva), p % 4 == 0);
			ck_assert_int_eq(marked(gva), uffd && p % 4 == 0);
		}
		exact_count();
		if (uffd)
			ck_assert_uint_eq(mmu_stats(e.m)->mappings, before);
		else
			ck_assert_uint_eq(mmu_stats(e.m)->mappings,
					  before + 24);
		ck_assert_int_eq(env_write(&e, MB4 + 0x10000, MMU_SUPER, 0),
				 MMU_CODE);
		for (u32 p = 0x10; p < 0x40; p += 4) {
			mmu_code_clear(e.m, (AREA >> PAGE_SHIFT) + p);
			touch(MB4 + (p << PAGE_SHIFT));
			ck_assert(!marked(MB4 + (p << PAGE_SHIFT)));
		}
		exact_count();
		ck_assert_uint_eq(mmu_stats(e.m)->mappings, before);
	}
	if (uffd) {
		ck_assert_uint_eq(mmu_stats(e.m)->uffd_registers, 1);
		ck_assert_uint_eq(mmu_stats(e.m)->uffd_protects, 36);
		ck_assert_uint_eq(mmu_stats(e.m)->mprotects, 0);
	} else {
		ck_assert_uint_eq(mmu_stats(e.m)->uffd_registers, 0);
	}
	finish();
}
END_TEST

/* A page that the host has never touched is protected all the same, also
 * after it was read. */
START_TEST(test_untouched)
{
	setup_with(&ways[_i]);
	touch(MB4 + 0x1000);
	code_at(AREA + 0x80000);
	code_at(AREA + 0x81000);
	ck_assert(refuses_write(MB4 + 0x80000));
	ck_assert(env_can_read(&e, false, MB4 + 0x81000));
	ck_assert(refuses_write(MB4 + 0x81000));
	ck_assert_uint_eq(*(u64 *)(e.ram + AREA + 0x80000), 0);
	ck_assert_uint_eq(*(u64 *)(e.ram + AREA + 0x81000), 0);
	mmu_code_clear(e.m, (AREA + 0x81000) >> PAGE_SHIFT);
	touch(MB4 + 0x81000);
	ck_assert(refuses_write(MB4 + 0x80000));
	finish();
}
END_TEST

/* Mapped anew in the place of a protected page, and around one: what has code
 * comes up protected, what has none is writable. */
START_TEST(test_remap)
{
	u32 base = 2 * MB4;
	gpa_t area = AREA + MB4;

	setup_with(&ways[_i]);
	touch(base + 0x8000);
	code_at(area + 0x4000);
	code_at(area + 0x8000);
	exact_count();
	/* zapped and filled again, with code and then without */
	vmmu_invlpg(e.v, base + 0x4000);
	env_set(&e, PT(2), 4, 0);
	vmmu_invlpg(e.v, base + 0x4000);
	ck_assert(!env_can_read(&e, false, base + 0x4000));
	ck_assert(!marked(base + 0x4000));
	exact_count();
	env_set(&e, PT(2), 4, (u32)(area + 0x4000) | RWAD);
	ck_assert_int_eq(env_read(&e, base + 0x4000, MMU_SUPER, NULL), MMU_OK);
	ck_assert(refuses_write(base + 0x4000));
	ck_assert(refuses_write(base + 0x8000));
	exact_count();
	mmu_code_clear(e.m, (area + 0x4000) >> PAGE_SHIFT);
	touch(base + 0x4000);
	exact_count();
	/* and protected again beside what is registered still */
	code_at(area + 0x4000);
	ck_assert(refuses_write(base + 0x4000));
	exact_count();
	if (uffd)
		ck_assert(marked(base + 0x4000));
	/* another frame, without code, in the place of one with */
	env_set(&e, PT(2), 8, FRAME(5000) | RWAD);
	vmmu_invlpg(e.v, base + 0x8000);
	touch(base + 0x8000);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(5000)), base + 0x8000);
	ck_assert(!marked(base + 0x8000));
	/* and a frame with code in the place of one without */
	env_set(&e, PT(2), 9, (u32)(area + 0x8000) | RWAD);
	vmmu_invlpg(e.v, base + 0x9000);
	ck_assert_int_eq(env_write(&e, base + 0x9000, MMU_SUPER, 0), MMU_CODE);
	ck_assert_int_eq(env_read(&e, base + 0x9000, MMU_SUPER, NULL), MMU_OK);
	ck_assert(refuses_write(base + 0x9000));
	exact_count();
	finish();
}
END_TEST

/* The guest takes its own write right away from a page with code, and from
 * its neighbours: the code's end does not give it back. */
START_TEST(test_guest_protects)
{
	u32 base = 2 * MB4;
	gpa_t area = AREA + MB4;

	setup_with(&ways[_i]);
	e.r.cr0 |= CR0_WP;
	env_load(&e);
	touch(base + 0x8000);
	code_at(area + 0x4000);
	for (unsigned i = 2; i < 7; i++)
		env_set(&e, PT(2), i,
			(u32)(area + (i << PAGE_SHIFT)) |
				(RWAD & ~(u32)PTE_W));
	env_load(&e);
	exact_count();
	mmu_code_clear(e.m, (area + 0x4000) >> PAGE_SHIFT);
	for (unsigned i = 2; i < 7; i++) {
		u32 gva = base + (i << PAGE_SHIFT);

		ck_assert(refuses_write(gva));
		ck_assert_int_eq(env_write(&e, gva, MMU_SUPER, 0), MMU_PF);
	}
	ck_assert(!refuses_write(base + 0x8000));
	/* and back, in one fill or several */
	for (unsigned i = 2; i < 7; i++)
		env_set(&e, PT(2), i, (u32)(area + (i << PAGE_SHIFT)) | RWAD);
	env_load(&e);
	for (unsigned i = 2; i < 7; i++)
		touch(base + (i << PAGE_SHIFT));
	exact_count();
	finish();
}
END_TEST

/* Registered and evicted by turns, within the budget; the host's count. */
START_TEST(test_budget)
{
	struct mmu_inject inj = ways[_i];

	inj.map_budget = 64;
	setup_with(&inj);
	for (unsigned k = 3; k < 16; k++) {
		env_set(&e, PD, k, PT(k) | URWAD);
		for (unsigned i = 0; i < 1024; i++)
			env_set(&e, PT(k), i,
				FRAME((i + k * 512) % 8192) | RWAD);
	}
	env_load(&e);
	for (u32 i = 0; i < 3000; i++) {
		u32 k = i * 7919 % 8192;
		u32 gva = 3 * MB4 + (i * 6961 % (13 * 1024) << PAGE_SHIFT);

		if (i % 2) {
			code_at(FRAME(k));
			mmu_code_clear(e.m,
				       FRAME(i * 31 % 8192) >> PAGE_SHIFT);
		}
		env_write(&e, gva, MMU_SUPER, gva);
		ck_assert_uint_le(mmu_stats(e.m)->mappings, 64 + 2);
		if (i % 100 == 0) {
			ck_assert_uint_eq(vmmu_check(e.v), 0);
			exact_count();
		}
	}
	ck_assert_uint_gt(mmu_stats(e.m)->evictions, 3);
	exact_count();
	finish();
}
END_TEST

/* Anything refused at any time: nothing with code is ever writable. */
START_TEST(test_refused)
{
	struct mmu_inject inj = ways[_i % 2];

	inj.fail_zap = 1 + (u32)_i / 2;
	inj.fail_fill = 3;
	setup_with(&inj);
	for (u32 i = 0; i < 400; i++) {
		u32 p = i * 37 % 1024, q = i * 53 % 1024;

		env_write(&e, MB4 + (p << PAGE_SHIFT), MMU_SUPER, i);
		code_at(AREA + (p << PAGE_SHIFT));
		ck_assert(refuses_write(MB4 + (p << PAGE_SHIFT)));
		mmu_code_clear(e.m, (AREA >> PAGE_SHIFT) + q);
		env_write(&e, MB4 + (q << PAGE_SHIFT), MMU_SUPER, i);
		ck_assert_uint_eq(vmmu_check(e.v), 0);
	}
	finish();
}
END_TEST

/* Every page of the node, then none: one mapping all along. */
START_TEST(test_whole_node)
{
	u64 before;

	setup_with(&ways[_i]);
	touch(MB4);
	before = mmu_stats(e.m)->mappings;
	for (u32 p = 0; p < 512; p++)
		code_at(AREA + (p << PAGE_SHIFT));
	for (u32 p = 0; p < 512; p++)
		ck_assert(refuses_write(MB4 + (p << PAGE_SHIFT)));
	exact_count();
	for (u32 p = 0; p < 512; p++)
		mmu_code_clear(e.m, (AREA >> PAGE_SHIFT) + p);
	touch(MB4 + 0x7000);
	ck_assert(!refuses_write(MB4));
	ck_assert(!refuses_write(MB4 + 0x1ff000));
	ck_assert_uint_eq(mmu_stats(e.m)->mappings, before);
	/* the node beside it: registered too, they are one mapping again */
	touch(MB4 + 0x200000);
	exact_count();
	code_at(AREA + 0x300000);
	exact_count();
	ck_assert_uint_eq(mmu_stats(e.m)->mappings, before + (uffd ? 0 : 2));
	finish();
}
END_TEST

/* A host that gives no file descriptor, so no userfaultfd either. */
START_TEST(test_host_has_none)
{
	struct rlimit old, none;
	struct mmu *m;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_lt(mmu_uffd_open(), 0);
	ck_assert_int_eq(mmu_new(&m, NULL), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_lt(m->uffd, 0);
	mmu_free(m);
}
END_TEST

/* It is gone under way: what it withholds stays withheld or goes, what comes
 * next is mprotect's. */
START_TEST(test_host_takes_it_back)
{
	setup_with(NULL);
	if (!uffd) {
		finish();
		return;
	}
	touch(MB4);
	code_at(AREA + 0x4000);
	ck_assert(marked(MB4 + 0x4000));
	close(e.m->uffd);
	e.m->uffd = dup(e.fd); /* each ioctl fails */
	code_at(AREA + 0x6000);
	ck_assert(refuses_write(MB4 + 0x6000));
	ck_assert(!marked(MB4 + 0x6000));
	mmu_code_clear(e.m, (AREA + 0x4000) >> PAGE_SHIFT);
	touch(MB4 + 0x4000);
	ck_assert(refuses_write(MB4 + 0x6000));
	/* A new mapping, which cannot be registered. */
	touch(2 * MB4 + 0x4000);
	code_at(AREA + MB4 + 0x4000);
	ck_assert(refuses_write(2 * MB4 + 0x4000));
	ck_assert(!marked(2 * MB4 + 0x4000));
	ck_assert(e.m->slots[0].no_uffd);
	finish();
}
END_TEST

Suite *suite_mmu_uffd(void)
{
	Suite *s = suite_create("mmu_uffd");
	TCase *tc = tcase_create("ways");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_middle, 0, 2);
	tcase_add_loop_test(tc, test_untouched, 0, 2);
	tcase_add_loop_test(tc, test_remap, 0, 2);
	tcase_add_loop_test(tc, test_guest_protects, 0, 2);
	tcase_add_loop_test(tc, test_budget, 0, 2);
	tcase_add_loop_test(tc, test_refused, 0, 6);
	tcase_add_loop_test(tc, test_whole_node, 0, 2);
	tcase_add_test(tc, test_host_has_none);
	tcase_add_test(tc, test_host_takes_it_back);
	suite_add_tcase(s, tc);
	return s;
}
