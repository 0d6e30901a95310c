// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mmu.c - the shadow MMU rule by rule: each test names the rule of
 * HAZARDS that it holds the code to. 32-bit paging unless it says otherwise.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mmu_env.h"

#define PD	 0x1000ul
#define PD2	 0x2000ul
#define PDPT	 0x3000ul
#define PT(k)	 (0x10000ul + (k)*0x1000ul)
#define FRAME(k) (0x800000ul + (k)*0x1000ul)
#define MB4	 0x400000u

static struct env e;

static void setup(void)
{
	env_init(&e, NULL);
}

static void teardown(void)
{
	ck_assert_uint_eq(vmmu_check(e.v), 0);
	env_fini(&e);
}

/* A table whose entry i leads to frame first + i * step. */
static void table_fill(gpa_t table, u64 first, u64 step, u64 rights)
{
	for (unsigned i = 0; i < 512; i++)
		env_set(&e, table, i, (first + i * step) | rights);
}

/* Root PD with table PT(0) at 0 and PT(1) at 4 MiB, kernel rights; frames
 * are two apart so that no two pages make one mapping. */
static void space(u64 cr0, u64 cr4, u64 rights)
{
	e.r.cr4 = cr4;
	env_set(&e, PD, 0, PT(0) | URWAD);
	env_set(&e, PD, 1, PT(1) | URWAD);
	table_fill(PT(0), FRAME(0), 2 * PAGE_SIZE, rights);
	table_fill(PT(1), FRAME(1), 2 * PAGE_SIZE, rights);
	env_paging(&e, PD, cr0, cr4, 0);
}

static u64 *frame(gpa_t gpa)
{
	return (u64 *)(e.ram + gpa);
}

static void touch(u32 gva, enum mmu_priv priv)
{
	ck_assert_int_eq(env_write(&e, gva, priv, gva), MMU_OK);
	ck_assert(env_can_write(&e, priv == MMU_USER, gva));
}

static void load_cr3(u64 cr3)
{
	e.r.cr3 = cr3;
	env_load(&e);
	ck_assert_uint_eq(vmmu_check(e.v), 0);
}

static void set_regs(void)
{
	ck_assert(vmmu_set_regs(e.v, &e.r, false));
}

/* 39: what the new root leads to is what counts; equal parts stay. */
START_TEST(test_new_root)
{
	space(0, 0, RWAD);
	env_set(&e, PD2, 0, PT(0) | URWAD);
	env_set(&e, PD2, 1, PT(2) | URWAD);
	table_fill(PT(2), FRAME(900), PAGE_SIZE, RWAD);
	touch(0x1000, MMU_SUPER);
	touch(MB4, MMU_SUPER);
	load_cr3(PD2);
	ck_assert(env_can_write(&e, false, 0x1000));
	ck_assert(!env_can_read(&e, false, MB4));
	touch(MB4, MMU_SUPER);
	ck_assert_uint_eq(*frame(FRAME(900)), MB4);
	load_cr3(PD);
	ck_assert(!env_can_read(&e, false, MB4));
}
END_TEST

/* 39: below a changed directory entry nothing is compared: the table has
 * become data, and here even data that looks as it did. */
START_TEST(test_table_reused)
{
	space(0, 0, RWAD);
	touch(0x1000, MMU_SUPER);
	env_set(&e, PD, 0, 0);
	load_cr3(PD);
	ck_assert(!env_can_read(&e, false, 0x1000));
	env_set(&e, PD, 0, PT(0) | URWAD);
	touch(0x1000, MMU_SUPER);
	env_set(&e, PD, 0, PT(1) | URWAD);
	memcpy(e.ram + PT(1), e.ram + PT(0), 4096);
	env_set(&e, PT(1), 1, FRAME(700) | RWAD);
	load_cr3(PD);
	touch(0x1000, MMU_SUPER);
	ck_assert_uint_eq(*frame(FRAME(700)), 0x1000);
}
END_TEST

/* 39: one page as directory and as table at once. */
START_TEST(test_self_map)
{
	u64 val;

	space(0, 0, RWAD);
	env_set(&e, PD, 1023, PD | RWAD);
	load_cr3(PD);
	ck_assert_int_eq(env_read(&e, 0xfffff000u, MMU_SUPER, &val), MMU_OK);
	ck_assert_uint_eq(val, *frame(PD));
	touch(0x5000, MMU_SUPER);
	/* The guest changes entry 5 of PT(0) through the map. */
	ck_assert_int_eq(env_read(&e, 0xffc00010u, MMU_SUPER, &val), MMU_OK);
	val = (val & 0xffffffffu) | (FRAME(800) | RWAD) << 32;
	ck_assert_int_eq(env_write(&e, 0xffc00010u, MMU_SUPER, val), MMU_OK);
	vmmu_invlpg(e.v, 0x5000);
	ck_assert(!env_can_read(&e, false, 0x5000));
	touch(0x5000, MMU_SUPER);
	ck_assert_uint_eq(*frame(FRAME(800)), 0x5000);
	/* Taking the map away takes its pages away. */
	env_set(&e, PD, 1023, 0);
	load_cr3(PD);
	ck_assert(!env_can_read(&e, false, 0xfffff000u));
	ck_assert(!env_can_read(&e, false, 0xffc00000u));
}
END_TEST

/* After 2^32 address spaces the ids begin again, and no view has an old one. */
START_TEST(test_view_ids_again)
{
	space(0, 0, RWAD | PTE_U);
	memcpy(e.ram + PD2, e.ram + PD, 4096);
	load_cr3(PD2);
	touch(0x1000, MMU_USER);
	e.m->next_view_id = ~0u;
	load_cr3(PT(60)); /* empty tables */
	ck_assert_uint_eq(vmmu_view_id(e.v, true), ~0u);
	e.nr_fetch_zaps = 0;
	load_cr3(PT(61));
	ck_assert_uint_eq(vmmu_view_id(e.v, true), VIEW_ID_FIRST);
	ck_assert_uint_ge(e.nr_fetch_zaps, 2);
	load_cr3(PD2);
	ck_assert_uint_ne(vmmu_view_id(e.v, true), 0);
	ck_assert_uint_le(vmmu_view_id(e.v, true), VIEW_ID_FIRST + 1);
	ck_assert(!env_can_read(&e, true, 0x1000));
	touch(0x1000, MMU_USER);
	ck_assert_uint_eq(vmmu_check(e.v), 0);
}
END_TEST

/* 40, 45: only what is used is compared. */
START_TEST(test_used_only)
{
	u64 before;

	space(0, 0, RW);
	touch(0x3000, MMU_SUPER);
	touch(0x7000, MMU_SUPER);
	env_set(&e, PT(0), 9, 0);
	before = mmu_stats(e.m)->sync_entries;
	load_cr3(PD);
	ck_assert_uint_eq(mmu_stats(e.m)->sync_entries - before, 3);
	ck_assert(env_can_write(&e, false, 0x3000));
}
END_TEST

/* 40: a fill that meets another entry than the one in use goes by the new
 * one, and does not take the rest of the table with it. */
START_TEST(test_fill_after_change)
{
	space(0, 0, RW | PTE_A);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_OK);
	touch(0x9000, MMU_SUPER);
	env_set(&e, PT(0), 1, FRAME(600) | RW);
	ck_assert(env_can_read(&e, false, 0x1000)); /* no flush yet */
	touch(0x1000, MMU_SUPER);
	ck_assert_uint_eq(*frame(FRAME(600)), 0x1000);
	ck_assert(env_can_write(&e, false, 0x9000));
	/* A directory entry: everything below goes. */
	env_set(&e, PD, 0, PT(1) | URWAD);
	touch(0x2000, MMU_SUPER);
	ck_assert(!env_can_read(&e, false, 0x9000));
}
END_TEST

/* No flush, no change: the architecture allows it and it is what makes
 * page-table writes free. */
START_TEST(test_stale_until_flush)
{
	space(0, 0, RWAD);
	touch(0x1000, MMU_SUPER);
	env_set(&e, PT(0), 1, 0);
	ck_assert(env_can_write(&e, false, 0x1000));
	vmmu_invlpg(e.v, 0x2000);
	ck_assert(env_can_write(&e, false, 0x1000));
	vmmu_invlpg(e.v, 0x1fff);
	ck_assert(!env_can_read(&e, false, 0x1000));
}
END_TEST

/* 41: INVLPG reaches global pages, CR3 loads do not. */
START_TEST(test_invlpg_global)
{
	space(0, CR4_PGE, RWAD | PTE_G);
	touch(0x1000, MMU_SUPER);
	touch(0x2000, MMU_SUPER);
	env_set(&e, PT(0), 1, FRAME(500) | RWAD | PTE_G);
	load_cr3(PD);
	ck_assert(env_can_write(&e, false, 0x1000));
	vmmu_invlpg(e.v, 0x1000);
	ck_assert(!env_can_read(&e, false, 0x1000));
	ck_assert(env_can_write(&e, false, 0x2000));
	ck_assert_uint_eq(e.tlb_zap.gva, 0x1000);
	ck_assert_uint_eq(e.tlb_zap.npages, 1);
}
END_TEST

/* 41: the larger of the old and the new page size. */
START_TEST(test_invlpg_large)
{
	struct mmu_xlat x;

	space(0, CR4_PSE, RWAD);
	env_set(&e, PD, 1, 2 * MB4 | RWAD | PTE_PS);
	touch(MB4 + 0x1000, MMU_SUPER);
	touch(MB4 + 0x3ff000, MMU_SUPER);
	env_set(&e, PD, 1, PT(1) | URWAD);
	vmmu_invlpg(e.v, MB4 + 0x5000);
	ck_assert(!env_can_read(&e, false, MB4 + 0x1000));
	ck_assert(!env_can_read(&e, false, MB4 + 0x3ff000));
	ck_assert_uint_eq(e.tlb_zap.gva, MB4);
	ck_assert_uint_eq(e.tlb_zap.npages, 1024);

	touch(MB4 + 0x1000, MMU_SUPER);
	touch(MB4 + 0x7000, MMU_SUPER);
	env_set(&e, PD, 1, 2 * MB4 | RWAD | PTE_PS);
	vmmu_invlpg(e.v, MB4 + 0x200000);
	ck_assert(!env_can_read(&e, false, MB4 + 0x1000));
	ck_assert(!env_can_read(&e, false, MB4 + 0x7000));
	ck_assert_uint_eq(e.tlb_zap.npages, 1024);

	/* Only the helper's TLB knew the large page. */
	load_cr3(PD);
	ck_assert_int_eq(
		vmmu_translate(e.v, MB4, MMU_READ, MMU_SUPER, false, &x),
		MMU_OK);
	env_set(&e, PD, 1, PT(1) | URWAD);
	vmmu_invlpg(e.v, MB4 + 0x9000);
	ck_assert_uint_eq(e.tlb_zap.npages, 1024);
}
END_TEST

/* 29, 41: fetch translations end with the entries they came from. */
START_TEST(test_fetch_zap)
{
	struct mmu_xlat x;
	unsigned zaps;

	space(0, 0, URWAD);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x3abc, MMU_FETCH, MMU_USER, false, &x),
		MMU_OK);
	ck_assert_uint_eq(x.gpa, FRAME(6) + 0xabc);
	load_cr3(PD);
	zaps = e.nr_fetch_zaps;
	env_set(&e, PT(0), 3, FRAME(7) | URWAD);
	vmmu_invlpg(e.v, 0x4000);
	ck_assert_uint_eq(e.nr_fetch_zaps, zaps);
	vmmu_invlpg(e.v, 0x3000);
	vmmu_user_enter(e.v);
	ck_assert_uint_eq(e.nr_fetch_zaps, zaps + 1);
	ck_assert_uint_eq(e.fetch_zap.view, vmmu_view_id(e.v, true));
	ck_assert_uint_eq(e.fetch_zap.gva, 0x3000);
	ck_assert_uint_eq(e.fetch_zap.npages, 1);

	ck_assert_int_eq(
		vmmu_translate(e.v, 0x5000, MMU_FETCH, MMU_SUPER, false, &x),
		MMU_OK);
	env_set(&e, PD, 0, 0);
	load_cr3(PD);
	ck_assert_uint_eq(e.fetch_zap.view, 1);
	ck_assert_uint_eq(e.fetch_zap.gva, 0x5000);
}
END_TEST

/* 42, row by row: a page whose entry has changed is gone after the flush. */
static const struct {
	const char *name;
	u64 cr0, cr3, cr4, efer, phys;
	bool global;
} triggers[] = {
	{.name = "CR0.PG", .cr0 = CR0_PG, .global = true},
	{.name = "CR0.WP", .cr0 = CR0_WP, .global = true},
	{.name = "CR4.PGE", .cr4 = CR4_PGE, .global = true},
	{.name = "CR4.PSE", .cr4 = CR4_PSE, .global = true},
	{.name = "CR4.PAE", .cr4 = CR4_PAE, .cr3 = PD ^ PDPT, .global = true},
	{.name = "CR4.SMEP", .cr4 = CR4_SMEP, .global = true},
	{.name = "CR4.PCIDE", .cr4 = CR4_PCIDE, .global = true},
	{.name = "EFER.NXE", .efer = EFER_NXE, .global = true},
	{.name = "A20", .phys = 1u << 20, .global = true},
};

static void trigger_flip(int i)
{
	e.r.cr0 ^= triggers[i].cr0;
	e.r.cr3 ^= triggers[i].cr3;
	e.r.cr4 ^= triggers[i].cr4;
	e.r.efer ^= triggers[i].efer;
	e.r.phys_mask ^= triggers[i].phys;
	set_regs();
}

START_TEST(test_trigger)
{
	bool global = triggers[_i].global;
	unsigned tlb;

	space(0, CR4_PGE, RWAD | (global ? PTE_G : 0));
	touch(0x1000, MMU_SUPER);
	touch(0x2000, MMU_SUPER);
	env_set(&e, PT(0), 1, 0);
	env_set(&e, PD, 1, 0);
	tlb = e.nr_tlb_zaps;
	trigger_flip(_i);
	ck_assert_msg(!env_can_read(&e, false, 0x1000), "%s",
		      triggers[_i].name);
	ck_assert_uint_gt(e.nr_tlb_zaps, tlb);
	ck_assert_uint_eq(e.tlb_zap.npages, 0);
	/* Back again: what the other format left must be gone too. */
	trigger_flip(_i);
	ck_assert(!env_can_read(&e, false, 0x1000));
	touch(0x2000, MMU_SUPER);
}
END_TEST

/* 42: SMAP changes no window, but the helper's TLB. */
START_TEST(test_trigger_smap)
{
	unsigned tlb;

	space(0, 0, RWAD);
	touch(0x1000, MMU_SUPER);
	tlb = e.nr_tlb_zaps;
	e.r.cr4 ^= CR4_SMAP;
	set_regs();
	ck_assert_uint_eq(e.nr_tlb_zaps, tlb + 1);
	ck_assert(env_can_write(&e, false, 0x1000));
	e.r.cr0 ^= CR0_TS;
	set_regs();
	ck_assert_uint_eq(e.nr_tlb_zaps, tlb + 1);
}
END_TEST

/* 42: CR0.WP gives a read-only page to the supervisor and takes it back. */
START_TEST(test_wp)
{
	space(0, 0, PTE_P);
	touch(0x1000, MMU_SUPER);
	e.r.cr0 |= CR0_WP;
	set_regs();
	ck_assert(!env_can_write(&e, false, 0x1000));
	ck_assert_int_eq(env_write(&e, 0x1000, MMU_SUPER, 0), MMU_PF);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_OK);
}
END_TEST

/* 42: PAE latches its PDPTEs, and refuses bad ones without a trace. */
START_TEST(test_pdptes)
{
	struct mmu_regs old;

	e.r.cr4 = CR4_PAE;
	env_set(&e, PDPT, 0, PD | PTE_P);
	env_set(&e, PD, 0, PT(0) | URWAD);
	table_fill(PT(0), FRAME(0), PAGE_SIZE, RWAD);
	env_paging(&e, PDPT, 0, CR4_PAE, 0);
	touch(0x1000, MMU_SUPER);
	env_set(&e, PDPT, 0, 0);
	touch(0x100000, MMU_SUPER);
	vmmu_flush_all(e.v);
	touch(0x101000, MMU_SUPER);
	old = e.r;
	env_set(&e, PDPT, 3, PD | PTE_P | PTE_W);
	e.r.cr0 |= CR0_WP;
	ck_assert(!vmmu_set_regs(e.v, &e.r, true));
	e.r = old;
	ck_assert(env_can_write(&e, false, 0x1000));
	env_set(&e, PDPT, 3, PTE_W);
	env_load(&e);
	ck_assert(!env_can_read(&e, false, 0x1000));
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_PF);
}
END_TEST

/* 43: D never on a read; without it no write goes through. */
START_TEST(test_dirty_on_write_only)
{
	space(0, 0, RW);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_OK);
	ck_assert_uint_eq(env_get(&e, PT(0), 1), FRAME(2) | RW | PTE_A);
	ck_assert(!env_can_write(&e, false, 0x1000));
	touch(0x1000, MMU_SUPER);
	ck_assert_uint_eq(env_get(&e, PT(0), 1), FRAME(2) | RWAD);
}
END_TEST

/* 43: bits that the guest clears count, those that rise do not. */
START_TEST(test_accessed_dirty_cleared)
{
	u64 mmaps;

	space(0, 0, RWAD);
	touch(0x1000, MMU_SUPER);
	touch(0x5000, MMU_SUPER);
	env_set(&e, PT(0), 1, FRAME(2) | RW | PTE_A);
	env_set(&e, PT(0), 5, FRAME(10) | RW | PTE_D);
	load_cr3(PD);
	ck_assert(env_can_read(&e, false, 0x1000));
	ck_assert(!env_can_write(&e, false, 0x1000));
	ck_assert(!env_can_read(&e, false, 0x5000));
	touch(0x1000, MMU_SUPER);
	ck_assert_uint_eq(env_get(&e, PT(0), 1), FRAME(2) | RWAD);
	ck_assert_int_eq(env_read(&e, 0x5000, MMU_SUPER, NULL), MMU_OK);
	ck_assert_uint_eq(env_get(&e, PT(0), 5), FRAME(10) | RWAD);

	mmaps = mmu_stats(e.m)->mmaps + mmu_stats(e.m)->mprotects;
	env_set(&e, PT(0), 1, FRAME(2) | RWAD | 0xe00);
	load_cr3(PD);
	ck_assert_uint_eq(mmu_stats(e.m)->mmaps + mmu_stats(e.m)->mprotects,
			  mmaps);
	ck_assert(env_can_write(&e, false, 0x1000));
}
END_TEST

/* 43: prefill takes only what the guest cannot tell. */
START_TEST(test_prefill)
{
	space(0, 0, RWAD);
	table_fill(PT(0), FRAME(0), PAGE_SIZE, RWAD);
	env_set(&e, PT(0), 12, FRAME(12) | RW | PTE_D);
	env_set(&e, PT(0), 6, FRAME(6) | RW | PTE_A);
	touch(0x9000, MMU_SUPER);
	ck_assert(env_can_write(&e, false, 0x7000));
	ck_assert(env_can_write(&e, false, 0xb000));
	ck_assert(!env_can_read(&e, false, 0xc000));
	ck_assert(!env_can_read(&e, false, 0x6000));
	ck_assert_uint_eq(env_get(&e, PT(0), 12), FRAME(12) | RW | PTE_D);
	ck_assert_uint_eq(mmu_stats(e.m)->prefilled, 4);
	ck_assert_uint_eq(mmu_stats(e.m)->fills, 1);
}
END_TEST

struct counter {
	u32 *entry;
	u64 made, lost; /* changes */
	bool stop;
};

/* Counts in the entry's ignored bits, which nobody else changes. */
static void *counter_run(void *arg)
{
	struct counter *c = arg;
	u32 mine = 0;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		u32 old = __atomic_load_n(c->entry, __ATOMIC_SEQ_CST), now;

		c->lost += (old & 0xe00) != mine;
		do {
			mine = (old + 0x200) & 0xe00;
			now = (old & ~0xe00u) | mine;
		} while (!__atomic_compare_exchange_n(c->entry, &old, now,
						      false, __ATOMIC_SEQ_CST,
						      __ATOMIC_SEQ_CST));
		__atomic_fetch_add(&c->made, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* 43: A and D are set by a locked exchange of what the walk has read, tried
 * again when lost: no write of another agent is lost, and no mark. */
START_TEST(test_accessed_is_atomic)
{
	struct counter c = {0};
	struct mmu_xlat x;
	pthread_t t;
	u64 n = 0;

	space(0, 0, RW);
	c.entry = (u32 *)(e.ram + PT(0)) + 1;
	ck_assert_int_eq(pthread_create(&t, NULL, counter_run, &c), 0);
	do {
		__atomic_fetch_and(c.entry, ~(u32)(PTE_A | PTE_D),
				   __ATOMIC_SEQ_CST);
		if (vmmu_translate(e.v, 0x1000, MMU_WRITE, MMU_SUPER, false,
				   &x) != MMU_OK)
			break;
		if ((*(volatile u32 *)c.entry & RWAD) != RWAD)
			break;
		n++;
	} while (n < 300000 ||
		 __atomic_load_n(&c.made, __ATOMIC_RELAXED) < 1000000);
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	ck_assert_uint_ge(n, 300000);
	ck_assert_uint_eq(c.lost, 0);
}
END_TEST

/* 40: an entry that changes between walk and mapping leaves no stale page.
 * The callback of a marked entry is where a test can get in between. */
START_TEST(test_changed_while_filling)
{
	space(0, 0, RW);
	ck_assert_int_eq(mmu_code_set(e.m, PT(0) >> PAGE_SHIFT), 0);
	e.poke = (u32 *)(e.ram + PT(0)) + 1;
	e.poke_val = FRAME(300) | RWAD;
	ck_assert_int_eq(env_write(&e, 0x1000, MMU_SUPER, 77), MMU_OK);
	ck_assert_uint_eq(*frame(FRAME(300)), 77);
	ck_assert_uint_ne(*frame(FRAME(2)), 77);
}
END_TEST

/* NX and SMEP count for what was fetched. */
START_TEST(test_fetch_nx)
{
	struct mmu_xlat x;
	unsigned zaps;

	e.r.cr4 = CR4_PAE;
	env_set(&e, PDPT, 0, PD | PTE_P);
	env_set(&e, PD, 0, PT(0) | URWAD);
	table_fill(PT(0), FRAME(0), PAGE_SIZE, URWAD);
	env_paging(&e, PDPT, 0, CR4_PAE, EFER_NXE);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x1000, MMU_FETCH, MMU_USER, false, &x),
		MMU_OK);
	touch(0x1000, MMU_USER);
	zaps = e.nr_fetch_zaps;
	env_set(&e, PT(0), 1, FRAME(1) | URWAD | PTE_NX);
	env_load(&e);
	vmmu_user_enter(e.v);
	ck_assert_uint_eq(e.nr_fetch_zaps, zaps + 1);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x1000, MMU_FETCH, MMU_USER, false, &x),
		MMU_PF);
	ck_assert_uint_eq(x.pfec, PFEC_P | PFEC_U | PFEC_I);
	touch(0x1000, MMU_USER);
	ck_assert_int_eq(
		vmmu_translate(e.v, 0x2000, MMU_FETCH, MMU_SUPER, false, &x),
		MMU_OK);
	zaps = e.nr_fetch_zaps;
	e.r.cr4 |= CR4_SMEP;
	set_regs();
	ck_assert_uint_eq(e.nr_fetch_zaps, zaps + 1);
	ck_assert_uint_eq(e.fetch_zap.view, 1);
	ck_assert_uint_eq(e.fetch_zap.npages, 0);
}
END_TEST

/* 27, 39, 44: address spaces keep their views and their views' identity. */
START_TEST(test_user_views)
{
	u32 a, b;
	hva_t win;

	space(0, 0, URWAD);
	vmmu_user_enter(e.v);
	a = vmmu_view_id(e.v, true);
	win = vmmu_window(e.v, true);
	touch(0x1000, MMU_USER);
	env_set(&e, PD2, 0, PT(2) | URWAD);
	table_fill(PT(2), FRAME(900), PAGE_SIZE, URWAD);
	load_cr3(PD2);
	b = vmmu_view_id(e.v, true);
	ck_assert_uint_ne(a, b);
	ck_assert(!env_can_read(&e, true, 0x1000));
	touch(0x1000, MMU_USER);
	ck_assert_uint_eq(*frame(FRAME(901)), 0x1000);
	env_set(&e, PT(0), 1, FRAME(500) | URWAD); /* while it is away */
	touch(0x1000, MMU_USER);
	load_cr3(PD);
	ck_assert_uint_eq(vmmu_view_id(e.v, true), a);
	ck_assert_uint_eq(vmmu_window(e.v, true), win);
	ck_assert(!env_can_read(&e, true, 0x1000));
	touch(0x1000, MMU_USER);
	ck_assert_uint_eq(*frame(FRAME(500)), 0x1000);
	load_cr3(PD2);
	ck_assert(env_can_write(&e, true, 0x1000));
	ck_assert_uint_eq(vmmu_view_id(e.v, false), 1);
}
END_TEST

/* 27: no identity ever comes back, however many address spaces there are. */
START_TEST(test_view_ids)
{
	u32 seen[200], n = 0;

	space(0, 0, URWAD);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned k = 0; k < 40; k++) {
			u64 root = 0x100000ul + k * PAGE_SIZE;
			u32 id;

			env_set(&e, root, 0, PT(0) | URWAD);
			load_cr3(root);
			touch(0x1000, MMU_USER);
			id = vmmu_view_id(e.v, true);
			for (u32 i = 0; i < n; i++)
				ck_assert_uint_ne(seen[i], id);
			seen[n++] = id;
		}
	}
	ck_assert_uint_ge(mmu_stats(e.m)->views_evicted, 100);
}
END_TEST

/* 46: a space that has changed as a whole goes as a whole. */
START_TEST(test_mass_difference)
{
	space(0, 0, URWAD);
	for (u32 i = 0; i < 256; i++)
		touch(2 * i << PAGE_SHIFT, MMU_USER);
	table_fill(PT(0), FRAME(1000), 2 * PAGE_SIZE, URWAD);
	for (unsigned i = 1; i < 512; i += 2)
		env_set(&e, PT(0), i, 0);
	table_fill(PT(1), FRAME(1000), 2 * PAGE_SIZE, URWAD);
	for (u32 i = 0; i < 256; i++)
		env_set(&e, PD, i + 2, PT(0) | URWAD);
	load_cr3(PD);
	ck_assert(!env_can_read(&e, true, 0));
	for (u32 i = 0; i < 100; i++)
		touch((i + 2) * MB4, MMU_USER);
	for (u32 i = 0; i < 100; i++)
		env_set(&e, PD, i + 2, PT(1) | URWAD);
	load_cr3(PD);
	ck_assert_uint_eq(mmu_stats(e.m)->sync_drops, 1);
	for (u32 i = 0; i < 100; i++)
		ck_assert(!env_can_read(&e, true, (i + 2) * MB4));
}
END_TEST

/* fork: pages that became read-only stay readable. */
START_TEST(test_write_protected_in_place)
{
	u64 zaps;

	space(0, 0, URWAD);
	for (u32 i = 0; i < 20; i++)
		touch(i << PAGE_SHIFT, MMU_USER);
	for (unsigned i = 0; i < 20; i++)
		env_set(&e, PT(0), i, env_get(&e, PT(0), i) & ~PTE_W);
	zaps = mmu_stats(e.m)->zaps;
	load_cr3(PD);
	ck_assert_uint_eq(mmu_stats(e.m)->zaps, zaps);
	for (u32 i = 0; i < 20; i++) {
		ck_assert(env_can_read(&e, true, i << PAGE_SHIFT));
		ck_assert(!env_can_write(&e, true, i << PAGE_SHIFT));
	}
	ck_assert_int_eq(env_write(&e, 0x3000, MMU_USER, 0), MMU_PF);
}
END_TEST

/* 54: with and without SMAP the supervisor's window holds no user page. */
START_TEST(test_user_page_for_supervisor)
{
	struct env_access a = {
		.gva = 0x1000, .acc = MMU_READ, .priv = MMU_SUPER, .ac = true};
	gpa_t gpa;
	u32 pfec;

	space(0, 0, URWAD);
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_HELPER);
	touch(0x1000, MMU_USER);
	ck_assert(!env_can_read(&e, false, 0x1000));
	e.r.cr4 |= CR4_SMAP;
	set_regs();
	ck_assert_int_eq(env_read(&e, 0x1000, MMU_SUPER, NULL), MMU_PF);
	ck_assert_int_eq(env_do(&e, &a, &pfec, &gpa), MMU_HELPER);
	a.priv = MMU_IMPLICIT;
	ck_assert_int_eq(env_do(&e, &a, &pfec, &gpa), MMU_PF);
	ck_assert_uint_eq(pfec, PFEC_P);
	/* A page that was the supervisor's becomes the user's. */
	env_set(&e, PT(0), 2, FRAME(4) | RWAD);
	touch(0x2000, MMU_SUPER);
	env_set(&e, PT(0), 2, FRAME(4) | URWAD);
	vmmu_invlpg(e.v, 0x2000);
	ck_assert(!env_can_read(&e, false, 0x2000));
}
END_TEST

/* 10: the last page, and the guards around the window. */
START_TEST(test_window_ends)
{
	hva_t win;
	gva_t gva;
	u64 val = 0;

	space(0, 0, RWAD);
	env_set(&e, PD, 1023, PT(1) | RWAD);
	env_set(&e, PT(1), 1023, FRAME(7) | RWAD);
	load_cr3(PD);
	touch(0xfffff000u, MMU_SUPER);
	touch(0xfffffff8u, MMU_SUPER);
	touch(0, MMU_SUPER);
	win = vmmu_window(e.v, false);
	ck_assert(!env_window(&e, false, 0xfffffffcu, true, &val));
	ck_assert(vmmu_window_gva(e.v, false, win + 0xfffff123u, &gva));
	ck_assert_uint_eq(gva, 0xfffff123u);
	ck_assert(
		vmmu_window_gva(e.v, false, win + WINDOW_SIZE + 0xfffff, &gva));
	ck_assert_uint_eq(gva, 0xfffff);
	ck_assert(vmmu_window_gva(e.v, false, win - (1 << 20), &gva));
	ck_assert_uint_eq(gva, 0xfff00000u);
	ck_assert(!vmmu_window_gva(e.v, false, win - (16 << 20), &gva));
	ck_assert(!vmmu_window_gva(e.v, false, win + WINDOW_SIZE + (16 << 20),
				   &gva));
	ck_assert(!vmmu_window_gva(e.v, true, win, &gva));
}
END_TEST

/* Paging off: RAM as it is, in few mappings; A20 folds it. */
START_TEST(test_paging_off)
{
	for (u32 gva = 0; gva < ENV_RAM; gva += 0x10000)
		touch(gva, MMU_SUPER);
	ck_assert_uint_le(mmu_stats(e.m)->fills, ENV_RAM >> NODE_SHIFT);
	ck_assert_uint_le(mmu_stats(e.m)->mappings, 4);
	touch(0x5000, MMU_USER);
	ck_assert_int_eq(env_read(&e, ENV_RAM, MMU_SUPER, NULL), MMU_MMIO);
	e.r.phys_mask = ~(1ull << 20);
	set_regs();
	touch(0x123000, MMU_SUPER);
	ck_assert_uint_eq(*frame(0x23000), 0x123000);
}
END_TEST

/* Tables where no RAM is read as all ones. */
START_TEST(test_table_outside_ram)
{
	u32 pfec = 0;
	gpa_t gpa = 0;

	space(0, CR4_PSE, RWAD);
	env_set(&e, PD, 2, 0xe0000000u | RWAD);
	ck_assert_int_eq(vmmu_fill(e.v, 2 * MB4, MMU_READ, MMU_SUPER, false,
				   &pfec, &gpa),
			 MMU_MMIO);
	ck_assert_uint_eq(gpa, 0xfffff000u);
	load_cr3(0xe0000000u);
	ck_assert_int_eq(
		vmmu_fill(e.v, 0, MMU_READ, MMU_SUPER, false, &pfec, &gpa),
		MMU_PF);
	ck_assert_uint_eq(pfec, PFEC_P | PFEC_R);
}
END_TEST

static void add_rules(TCase *tc)
{
	tcase_add_test(tc, test_new_root);
	tcase_add_test(tc, test_table_reused);
	tcase_add_test(tc, test_self_map);
	tcase_add_test(tc, test_used_only);
	tcase_add_test(tc, test_fill_after_change);
	tcase_add_test(tc, test_stale_until_flush);
	tcase_add_test(tc, test_invlpg_global);
	tcase_add_test(tc, test_invlpg_large);
	tcase_add_test(tc, test_fetch_zap);
	tcase_add_loop_test(tc, test_trigger, 0, ARRAY_SIZE(triggers));
	tcase_add_test(tc, test_trigger_smap);
	tcase_add_test(tc, test_wp);
	tcase_add_test(tc, test_pdptes);
	tcase_add_test(tc, test_dirty_on_write_only);
	tcase_add_test(tc, test_accessed_dirty_cleared);
	tcase_add_test(tc, test_prefill);
	tcase_add_test(tc, test_accessed_is_atomic);
	tcase_add_test(tc, test_changed_while_filling);
	tcase_add_test(tc, test_fetch_nx);
	tcase_add_test(tc, test_user_page_for_supervisor);
	tcase_add_test(tc, test_table_outside_ram);
}

static void add_views(TCase *tc)
{
	tcase_add_test(tc, test_user_views);
	tcase_add_test(tc, test_view_ids);
	tcase_add_test(tc, test_mass_difference);
	tcase_add_test(tc, test_write_protected_in_place);
	tcase_add_test(tc, test_window_ends);
	tcase_add_test(tc, test_paging_off);
	tcase_add_test(tc, test_view_ids_again);
}

Suite *suite_mmu(void)
{
	Suite *s = suite_create("mmu");
	TCase *tc = tcase_create("rules");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_rules(tc);
	add_views(tc);
	suite_add_tcase(s, tc);
	return s;
}
