// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mmu_host.c - the shadow MMU against its surroundings: memory slots,
 * frames with translated code, and a host that runs out of mappings or
 * refuses (HAZARDS 48, 49, 51, 53).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mmu_env.h"

#define PD	 0x1000ul
#define PT(k)	 (0x10000ul + (k)*0x1000ul)
#define FRAME(k) (0x800000ul + (k)*0x1000ul)
#define MB4	 0x400000u

static struct env e;

static void setup_with(const struct mmu_inject *inj)
{
	env_init(&e, inj);
	for (unsigned k = 0; k < 16; k++) {
		env_set(&e, PD, k, PT(k) | URWAD);
		for (unsigned i = 0; i < 1024; i++)
			env_set(&e, PT(k), i,
				FRAME((2 * i + k * 1024) % 8192) | RWAD);
	}
	env_paging(&e, PD, 0, CR4_PSE, 0);
}

static void setup(void)
{
	setup_with(NULL);
}

static void teardown(void)
{
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	env_fini(&e);
}

static void touch(u32 gva, enum mmu_priv priv)
{
	ck_assert_int_eq(env_write(&e, gva, priv, gva), MMU_OK);
	ck_assert(env_can_write(&e, priv == MMU_USER, gva));
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

/* 53: no write to code through any alias; the count of nothing else. */
START_TEST(test_code_aliases)
{
	struct env_access a = {
		.gva = 0x1000, .acc = MMU_WRITE, .priv = MMU_SUPER};
	gfn_t gfn = FRAME(2) >> PAGE_SHIFT;
	struct mmu_xlat x;
	gpa_t gpa = 0;
	unsigned tlb;
	u32 pfec;

	env_set(&e, PT(0), 1, FRAME(2) | RWAD);
	env_set(&e, PT(0), 7, FRAME(2) | RWAD);
	env_set(&e, PT(1), 3, FRAME(2) | URWAD);
	env_load(&e);
	touch(0x1000, MMU_SUPER);
	touch(0x7000, MMU_SUPER);
	touch(MB4 + 0x3000, MMU_USER);
	tlb = e.nr_tlb_zaps;
	ck_assert_int_eq(mmu_code_set(e.m, gfn), 0);
	ck_assert_uint_eq(e.nr_tlb_zaps, tlb + 1);
	ck_assert(!env_can_write(&e, false, 0x1000));
	ck_assert(!env_can_write(&e, false, 0x7000));
	ck_assert(!env_can_write(&e, true, MB4 + 0x3000));
	ck_assert(env_can_read(&e, true, MB4 + 0x3000));
	ck_assert_int_eq(env_do(&e, &a, &pfec, &gpa), MMU_CODE);
	ck_assert_uint_eq(gpa, FRAME(2));
	ck_assert(vmmu_translate(e.v, 0x7008, MMU_WRITE, MMU_SUPER, false,
				 &x) == MMU_OK &&
		  x.has_code);
	ck_assert_int_eq(mmu_code_set(e.m, gfn), 0);
	ck_assert(mmu_code_test(e.m, gfn));
	mmu_code_clear(e.m, gfn);
	ck_assert(!mmu_code_test(e.m, gfn));
	touch(0x7000, MMU_SUPER);
	touch(MB4 + 0x3000, MMU_USER);
	touch(0x1000, MMU_SUPER);
	ck_assert_int_eq(mmu_code_set(e.m, ~0ull), -ENXIO);
	ck_assert_int_eq(mmu_code_set(e.m, ENV_RAM >> PAGE_SHIFT), -ENXIO);
	exact_count();
}
END_TEST

/* 53: a write to a clean page with code sets D all the same. */
START_TEST(test_code_write_sets_dirty)
{
	env_set(&e, PT(0), 1, FRAME(2) | RW);
	env_load(&e);
	mmu_code_set(e.m, FRAME(2) >> PAGE_SHIFT);
	ck_assert_int_eq(env_write(&e, 0x1000, MMU_SUPER, 0), MMU_CODE);
	ck_assert_uint_eq(env_get(&e, PT(0), 1), FRAME(2) | RWAD);
}
END_TEST

/* 53: the walk itself writes to a table that is also code. */
START_TEST(test_code_in_table)
{
	struct mmu_xlat x;

	env_set(&e, PT(0), 1, FRAME(2) | RW);
	env_load(&e);
	mmu_code_set(e.m, PT(0) >> PAGE_SHIFT);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x1000, MMU_READ, MMU_SUPER, false, &x),
		MMU_OK);
	ck_assert_uint_eq(e.nr_code_writes, 1);
	ck_assert_uint_eq(e.code_write, PT(0) + 4);
	vmmu_translate(e.v, 0x1000, MMU_READ, MMU_SUPER, false, &x);
	ck_assert_uint_eq(e.nr_code_writes, 1);
}
END_TEST

/* A large page with code in it is writable but for that frame. */
START_TEST(test_code_in_large_page)
{
	env_set(&e, PD, 1, 2 * MB4 | RWAD | PTE_PS);
	env_load(&e);
	touch(MB4 + 0x1000, MMU_SUPER);
	ck_assert_int_eq(mmu_code_set(e.m, (2 * MB4 + 0x5000) >> PAGE_SHIFT),
			 0);
	ck_assert(!env_can_write(&e, false, MB4 + 0x5000));
	ck_assert(env_can_write(&e, false, MB4 + 0x4000));
	ck_assert(env_can_write(&e, false, MB4 + 0x6000));
	exact_count();
	vmmu_flush_all(e.v);
	env_set(&e, PD, 1, 0);
	vmmu_invlpg(e.v, MB4);
	ck_assert(!env_can_read(&e, false, MB4 + 0x6000));
	env_set(&e, PD, 1, 2 * MB4 | RWAD | PTE_PS);
	touch(MB4 + 0x1ff000, MMU_SUPER);
	touch(MB4, MMU_SUPER);
	ck_assert_int_eq(env_write(&e, MB4 + 0x5000, MMU_SUPER, 0), MMU_CODE);
	ck_assert_int_eq(env_read(&e, MB4 + 0x5000, MMU_SUPER, NULL), MMU_OK);
	ck_assert(!env_can_write(&e, false, MB4 + 0x5000));
	exact_count();
}
END_TEST

/* A large page is one mapping, a clean one becomes writable in one go. */
START_TEST(test_large_page_is_one)
{
	u64 before = mmu_stats(e.m)->mappings;

	env_set(&e, PD, 1, 2 * MB4 | RW | PTE_PS);
	env_load(&e);
	ck_assert_int_eq(env_read(&e, MB4, MMU_SUPER, NULL), MMU_OK);
	ck_assert(env_can_read(&e, false, MB4 + 0x1ff000));
	ck_assert(!env_can_write(&e, false, MB4));
	touch(MB4 + 0x100000, MMU_SUPER);
	ck_assert(env_can_write(&e, false, MB4 + 0x1ff000));
	ck_assert(env_can_write(&e, false, MB4));
	touch(MB4 + 0x200000, MMU_SUPER);
	ck_assert_uint_eq(mmu_stats(e.m)->mappings, before + 2);
	ck_assert_uint_eq(mmu_stats(e.m)->fills, 3);
	exact_count();
}
END_TEST

/* 48, 49: the count is the host's, whatever is mapped, protected, zapped. */
START_TEST(test_count_is_exact)
{
	u64 seed = 88172645463325252ul;

	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 30; i++) {
			u32 gva;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			gva = (u32)(seed >> 20) % (16 * MB4) & ~0xfffu;
			switch (seed >> 5 & 3) {
			case 0:
				env_set(&e, PT(gva >> 22),
					gva >> PAGE_SHIFT & 1023, 0);
				vmmu_invlpg(e.v, gva);
				break;
			case 1:
				env_set(&e, PT(gva >> 22),
					gva >> PAGE_SHIFT & 1023,
					FRAME(gva >> PAGE_SHIFT) | RWAD);
				vmmu_invlpg(e.v, gva);
				break;
			case 2:
				mmu_code_set(e.m, FRAME(seed >> 40 & 8191) >>
							  PAGE_SHIFT);
				break;
			default:
				env_read(&e, gva, MMU_SUPER, NULL);
				env_write(&e, gva ^ PAGE_SIZE, MMU_SUPER, 0);
				break;
			}
		}
		exact_count();
	}
}
END_TEST

/* 49: within the budget everything stays reachable. */
START_TEST(test_budget)
{
	struct mmu_inject inj = {.map_budget = 64};

	setup_with(&inj);
	ck_assert(!vmmu_is_crowded(e.v));
	for (u32 i = 0; i < 2000; i++) {
		u32 gva = (i * 7919 % 16384) << PAGE_SHIFT;

		touch(gva, MMU_SUPER);
		ck_assert_uint_le(mmu_stats(e.m)->mappings, 64);
	}
	ck_assert_uint_gt(mmu_stats(e.m)->evictions, 10);
	ck_assert(vmmu_is_crowded(e.v) == (mmu_stats(e.m)->mappings > 48));
	exact_count();
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	env_fini(&e);
}
END_TEST

/* 49: the budget is first taken from address spaces that do not run. */
START_TEST(test_budget_takes_old_views)
{
	struct mmu_inject inj = {.map_budget = 64};

	setup_with(&inj);
	for (u32 i = 0; i < 10; i++)
		touch(2 * i << PAGE_SHIFT, MMU_SUPER);
	for (unsigned i = 0; i < 1024; i++)
		env_set(&e, PT(1), i, FRAME(2 * i) | URWAD);
	for (u32 i = 0; i < 10; i++)
		touch(MB4 + (2 * i << PAGE_SHIFT), MMU_USER);
	memcpy(e.ram + 0x2000, e.ram + PD, 4096);
	e.r.cr3 = 0x2000;
	env_load(&e);
	for (u32 i = 0; i < 14; i++)
		touch(MB4 + (2 * i << PAGE_SHIFT), MMU_USER);
	ck_assert_uint_ge(mmu_stats(e.m)->views_evicted, 1);
	ck_assert(env_can_write(&e, false, 0));
	ck_assert(env_can_write(&e, true, MB4));
	env_fini(&e);
}
END_TEST

/* 49: each zap is refused once; none may leave a stale page. */
START_TEST(test_refused_zaps)
{
	struct mmu_inject inj = {.fail_zap = 1};

	setup_with(&inj);
	for (unsigned i = 0; i < 1024; i++)
		env_set(&e, PT(2), i, FRAME(i) | RWAD);
	for (u32 i = 0; i < 64; i++) {
		touch(2 * MB4 + (i << PAGE_SHIFT), MMU_SUPER);
		touch(i << PAGE_SHIFT, MMU_SUPER);
	}
	env_set(&e, PT(2), 20, FRAME(4000) | RWAD);
	vmmu_invlpg(e.v, 2 * MB4 + (20 << PAGE_SHIFT));
	ck_assert(!env_can_read(&e, false, 2 * MB4 + (20 << PAGE_SHIFT)));
	ck_assert(env_can_write(&e, false, 0x3000));
	touch(2 * MB4 + (20 << PAGE_SHIFT), MMU_SUPER);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(4000)),
			  2 * MB4 + (20 << PAGE_SHIFT));
	ck_assert_int_eq(mmu_code_set(e.m, FRAME(4) >> PAGE_SHIFT), 0);
	ck_assert(!env_can_write(&e, false, 2 << PAGE_SHIFT));
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	env_host_mappings(e.v->super);
	env_fini(&e);
}
END_TEST

/* Takes what mappings the host has left, by pages of alternating rights. */
static void host_exhaust(u8 **area, u64 *len)
{
	*len = 70000 * PAGE_SIZE;
	*area = mmap(NULL, *len, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(*area != MAP_FAILED);
	for (u64 at = 0; at < *len; at += 2 * PAGE_SIZE) {
		if (mprotect(*area + at, PAGE_SIZE, PROT_READ))
			break;
	}
}

/* 49, for real: at the host's limit a page in the middle of a mapping cannot
 * be zapped alone, and new ones cannot be filled. */
START_TEST(test_host_limit)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
	unsigned long max = 0;
	u8 *area;
	u64 len;

	if (!f || fscanf(f, "%lu", &max) != 1 || max > 66000) {
		if (f)
			fclose(f);
		return; /* would take too many here */
	}
	fclose(f);
	for (unsigned i = 0; i < 1024; i++)
		env_set(&e, PT(2), i, FRAME(i) | RWAD);
	for (u32 i = 0; i < 64; i += 16)
		touch(2 * MB4 + (i << PAGE_SHIFT), MMU_SUPER);
	host_exhaust(&area, &len);
	env_set(&e, PT(2), 20, 0);
	vmmu_invlpg(e.v, 2 * MB4 + (20 << PAGE_SHIFT));
	ck_assert(!env_can_read(&e, false, 2 * MB4 + (20 << PAGE_SHIFT)));
	ck_assert_int_eq(mmu_code_set(e.m, FRAME(40) >> PAGE_SHIFT), 0);
	ck_assert(!env_can_write(&e, false, 2 * MB4 + (40 << PAGE_SHIFT)));
	for (u32 i = 0; i < 40; i++) {
		int res = env_write(&e, 3 * MB4 + (i << PAGE_SHIFT), MMU_SUPER,
				    0);

		ck_assert(res == MMU_OK || res == MMU_HELPER);
	}
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	munmap(area, len);
	touch(2 * MB4 + (21 << PAGE_SHIFT), MMU_SUPER);
	env_host_mappings(e.v->super);
}
END_TEST

/* 48: what libc maps never lands in a window. */
START_TEST(test_no_holes)
{
	const struct view *w = e.v->super;

	for (u32 i = 0; i < 300; i++) {
		touch(i << PAGE_SHIFT, MMU_SUPER);
		env_set(&e, PT(0), i, 0);
		if (i & 1)
			vmmu_invlpg(e.v, i << PAGE_SHIFT);
	}
	env_load(&e);
	e.r.cr0 &= ~(u64)CR0_PG;
	env_load(&e);
	for (unsigned i = 0; i < 64; i++) {
		u8 *p = mmap(NULL, PAGE_SIZE << (i % 12), PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ck_assert((hva_t)p - w->low >= w->low_size);
	}
	ck_assert_uint_eq(env_host_mappings(w), 1);
}
END_TEST

START_TEST(test_slots)
{
	u8 *rom = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mmu_xlat x;
	unsigned zaps;

	ck_assert_int_eq(mmu_slot_set(e.m, 1, 0x1000, 0x1000, e.fd, 0, e.ram),
			 -EINVAL); /* overlaps */
	ck_assert_int_eq(mmu_slot_set(e.m, 1, 1ul << 32, 0x800, e.fd, 0, e.ram),
			 -EINVAL);
	ck_assert_int_eq(mmu_slot_set(e.m, MMU_MAX_SLOTS, 1ul << 32, 0x1000,
				      e.fd, 0, e.ram),
			 -EINVAL);
	ck_assert_int_eq(
		mmu_slot_set(e.m, 1, 1ul << 36, 0x1000, e.fd, 0, e.ram),
		-EINVAL);
	/* 51: memory that cannot be aliased is reached by the helper. */
	env_set(&e, PT(0), 1, 0xe0000000u | RWAD);
	env_load(&e);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_MMIO);
	ck_assert_int_eq(mmu_slot_set(e.m, 1, 0xe0000000u, 0x10000, -1, 0, rom),
			 0);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_HELPER);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x1010, MMU_READ, MMU_SUPER, false, &x),
		MMU_OK);
	ck_assert_ptr_eq(x.hva, rom + 0x10);
	ck_assert_ptr_eq(mmu_ram(e.m, 0xe000ffffu, 1), rom + 0xffff);
	ck_assert_ptr_null(mmu_ram(e.m, 0xe000ffffu, 2));
	/* Another piece of the file, and its end. */
	env_set(&e, PT(0), 1, 0xe0001000u | RWAD);
	ck_assert_int_eq(mmu_slot_set(e.m, 1, 0xe0000000u, 0x10000, e.fd,
				      FRAME(0), e.ram + FRAME(0)),
			 0);
	touch(0x1000, MMU_SUPER);
	ck_assert_uint_eq(*(u64 *)(e.ram + FRAME(1)), 0x1000);
	zaps = e.nr_fetch_zaps;
	ck_assert_int_eq(mmu_slot_set(e.m, 1, 0, 0, -1, 0, NULL), 0);
	ck_assert_uint_gt(e.nr_fetch_zaps, zaps);
	ck_assert(!env_can_read(&e, false, 0x1000));
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_MMIO);
	exact_count();
}
END_TEST

/* Runs do not go over the end of a slot. */
START_TEST(test_run_ends_with_slot)
{
	e.r.cr0 &= ~(u64)CR0_PG;
	env_load(&e);
	ck_assert_int_eq(mmu_slot_set(e.m, 0, 0, 0x9f000, e.fd, 0, e.ram), 0);
	ck_assert_int_eq(mmu_slot_set(e.m, 1, 0x100000, 0x60000, e.fd, 0x100000,
				      e.ram + 0x100000),
			 0);
	touch(0, MMU_SUPER);
	touch(0x100000, MMU_SUPER);
	ck_assert(env_can_write(&e, false, 0x9e000));
	ck_assert(!env_can_read(&e, false, 0x9f000));
	ck_assert(!env_can_read(&e, false, 0xff000));
	ck_assert(env_can_write(&e, false, 0x15f000));
	ck_assert(!env_can_read(&e, false, 0x160000));
	ck_assert_int_eq(env_read(&e, 0xa0000, MMU_SUPER, NULL), MMU_MMIO);
	exact_count();
}
END_TEST

/* Code set from one vCPU protects the other's windows. */
START_TEST(test_two_vcpus)
{
	struct env other = e;
	struct mmu_ops ops = {.opaque = NULL};

	ck_assert_int_eq(vmmu_new(&other.v, e.m, &ops), 0);
	ck_assert(vmmu_set_regs(other.v, &e.r, true));
	touch(0x1000, MMU_SUPER);
	ck_assert_int_eq(env_write(&other, 0x1000, MMU_SUPER, 1), MMU_OK);
	ck_assert_uint_ne(vmmu_window(e.v, false), vmmu_window(other.v, false));
	mmu_code_set(e.m, FRAME(2) >> PAGE_SHIFT);
	ck_assert(!env_can_write(&e, false, 0x1000));
	ck_assert(!env_can_write(&other, false, 0x1000));
	vmmu_free(other.v);
}
END_TEST

Suite *suite_mmu_host(void)
{
	Suite *s = suite_create("mmu_host");
	TCase *tc = tcase_create("host"), *own = tcase_create("injected");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_code_aliases);
	tcase_add_test(tc, test_code_write_sets_dirty);
	tcase_add_test(tc, test_code_in_table);
	tcase_add_test(tc, test_code_in_large_page);
	tcase_add_test(tc, test_large_page_is_one);
	tcase_add_test(tc, test_count_is_exact);
	tcase_add_test(tc, test_host_limit);
	tcase_add_test(tc, test_no_holes);
	tcase_add_test(tc, test_slots);
	tcase_add_test(tc, test_run_ends_with_slot);
	tcase_add_test(tc, test_two_vcpus);
	suite_add_tcase(s, tc);
	tcase_set_timeout(own, 60);
	tcase_add_test(own, test_budget);
	tcase_add_test(own, test_budget_takes_old_views);
	tcase_add_test(own, test_refused_zaps);
	suite_add_tcase(s, own);
	return s;
}
