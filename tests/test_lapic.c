// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_lapic.c - the local APIC: priorities, timer modes, IPIs, x2APIC, and
 * the virtual wire.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/lapic_impl.h"

#define X2 0x800 /* first MSR */

static struct lapic apic;
static struct dev_time t;
static bool intr;
static int nmis, inits, eois;
static u8 eoi_vector;

static void on_intr(void *opaque, bool level)
{
	(void)opaque;
	intr = level;
}

static void on_nmi(void *opaque)
{
	(void)opaque;
	nmis++;
}

static void on_init(void *opaque)
{
	(void)opaque;
	inits++;
}

static void on_eoi(void *opaque, u8 vector)
{
	(void)opaque;
	eois++;
	eoi_vector = vector;
}

/* The guest's TSC runs at 2 GHz and began with the clock. */
static u64 tsc_now(void *opaque)
{
	(void)opaque;
	return t.now * 2;
}

static u64 tsc_to_ns(void *opaque, u64 tsc)
{
	(void)opaque;
	return tsc / 2 + (tsc & 1);
}

static const struct lapic_board board = {NULL,	 on_intr, on_nmi,   on_init,
					 on_eoi, tsc_now, tsc_to_ns};

static void setup(void)
{
	dev_time_init(&t, NS_PER_SEC);
	intr = false;
	nmis = inits = eois = 0;
	lapic_init(&apic, &t.clock, &t.timers, &board, 1000000000);
}

static u32 rd(unsigned reg)
{
	return lapic_ops.read(&apic, LAPIC_DEFAULT_BASE + reg * 16, 4);
}

static void wr(unsigned reg, u32 val)
{
	lapic_ops.write(&apic, LAPIC_DEFAULT_BASE + reg * 16, 4, val);
}

static bool message(u8 vector, bool level)
{
	struct apic_msg m = {.vector = vector, .level = level};

	return lapic_deliver(&apic, &m);
}

START_TEST(identity)
{
	ck_assert_uint_eq(rd(REG_ID), 0);
	ck_assert_uint_eq(rd(REG_VERSION) & 0xff, 0x14);
	ck_assert_uint_eq(rd(REG_VERSION) >> 16, 5);
	ck_assert_uint_eq(lapic_ops.read(&apic, LAPIC_DEFAULT_BASE + 4, 4), 0);
	ck_assert_uint_eq(lapic_ops.read(&apic, LAPIC_DEFAULT_BASE + 0x32, 1),
			  5);
}
END_TEST

START_TEST(priorities)
{
	message(0x41, false);
	message(0x52, false);
	message(0x58, false);
	ck_assert_int_eq(lapic_intack(&apic), 0x58);
	ck_assert_msg(!intr, "0x52 is of the class in service");
	ck_assert_uint_eq(rd(REG_PPR), 0x50);
	message(0x61, false);
	ck_assert_int_eq(lapic_intack(&apic), 0x61);
	wr(REG_EOI, 0);
	ck_assert(!intr);
	wr(REG_EOI, 0);
	ck_assert_int_eq(lapic_intack(&apic), 0x52);
	wr(REG_EOI, 0);
	ck_assert_int_eq(lapic_intack(&apic), 0x41);
	wr(REG_EOI, 0);
	ck_assert_int_eq(lapic_intack(&apic), LAPIC_ACK_NONE);
	ck_assert_int_eq(eois, 0);
}
END_TEST

START_TEST(task_priority)
{
	wr(REG_TPR, 0x55);
	message(0x5f, false);
	ck_assert(!intr);
	ck_assert_uint_eq(rd(REG_IRR + 2), 1u << 31);
	ck_assert_uint_eq(lapic_cr8_read(&apic), 5);
	lapic_cr8_write(&apic, 4);
	ck_assert(intr);
	lapic_cr8_write(&apic, 15);
	ck_assert(!intr);
	ck_assert_int_eq(lapic_intack(&apic), LAPIC_ACK_NONE);
}
END_TEST

START_TEST(level_eoi_is_broadcast)
{
	message(0x45, true);
	ck_assert_uint_eq(rd(REG_TMR + 2), 1u << 5);
	lapic_intack(&apic);
	wr(REG_EOI, 0);
	ck_assert_int_eq(eois, 1);
	ck_assert_uint_eq(eoi_vector, 0x45);
	message(0x45, false);
	lapic_intack(&apic);
	wr(REG_EOI, 0);
	ck_assert_int_eq(eois, 1);
	wr(REG_EOI, 0); /* nothing in service */
	ck_assert_int_eq(eois, 1);
}
END_TEST

START_TEST(one_shot)
{
	wr(REG_TIMER_DIVIDE, 0x03); /* by 16 */
	wr(REG_LVT, 0xec);
	wr(REG_TIMER_INITIAL, 1000);
	dev_time_pass(&t, 8000);
	ck_assert_uint_eq(rd(REG_TIMER_CURRENT), 500);
	dev_time_pass(&t, 7999);
	ck_assert(!intr);
	dev_time_pass(&t, 1);
	ck_assert_int_eq(lapic_intack(&apic), 0xec);
	ck_assert_uint_eq(rd(REG_TIMER_CURRENT), 0);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
	wr(REG_EOI, 0);
	wr(REG_TIMER_INITIAL, 1000);
	wr(REG_TIMER_INITIAL, 0); /* stops it */
	dev_time_pass(&t, NS_PER_SEC);
	ck_assert(!intr);
}
END_TEST

START_TEST(divisors)
{
	static const struct {
		u8 dcr, by;
	} d[] = {{0x0, 2},  {0x1, 4},  {0x2, 8},   {0x3, 16},
		 {0x8, 32}, {0x9, 64}, {0xa, 128}, {0xb, 1}};

	for (size_t i = 0; i < ARRAY_SIZE(d); i++) {
		wr(REG_TIMER_DIVIDE, d[i].dcr);
		wr(REG_TIMER_INITIAL, 1000000);
		dev_time_pass(&t, 128000);
		ck_assert_uint_eq(rd(REG_TIMER_CURRENT),
				  1000000 - 128000 / d[i].by);
	}
}
END_TEST

START_TEST(periodic)
{
	int n = 0;

	wr(REG_TIMER_DIVIDE, 0x0b);
	wr(REG_LVT, 0x200ec);
	wr(REG_TIMER_INITIAL, 4000000); /* 250 Hz */
	for (int i = 0; i < 10000; i++) {
		dev_time_pass(&t, 100000);
		if (intr) {
			lapic_intack(&apic);
			wr(REG_EOI, 0);
			n++;
		}
	}
	ck_assert_int_eq(n, 250);
	ck_assert_uint_eq(rd(REG_TIMER_CURRENT), 4000000);
	wr(REG_LVT, 0x300ec & ~0x10000u);
	wr(REG_LVT, 0x210ec | 0x10000); /* masked: costs nothing */
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(fast_periodic_is_bounded)
{
	int n = 0;

	wr(REG_TIMER_DIVIDE, 0x0b);
	wr(REG_LVT, 0x200ec);
	wr(REG_TIMER_INITIAL, 1);
	for (int i = 0; i < 1000; i++) {
		dev_time_pass(&t, 1000);
		if (intr) {
			lapic_intack(&apic);
			wr(REG_EOI, 0);
			n++;
		}
	}
	ck_assert_int_gt(n, 10);
	ck_assert_int_le(n, 1000000 / LAPIC_MIN_PERIOD_NS);
}
END_TEST

START_TEST(tsc_deadline)
{
	lapic_deadline_write(&apic, tsc_now(NULL) + 1000); /* not the mode */
	ck_assert_uint_eq(lapic_deadline_read(&apic), 0);
	wr(REG_LVT, 0x400ec);
	lapic_deadline_write(&apic, tsc_now(NULL) + 2000);
	ck_assert_uint_ne(lapic_deadline_read(&apic), 0);
	dev_time_pass(&t, 999);
	ck_assert(!intr);
	dev_time_pass(&t, 1);
	ck_assert(intr);
	ck_assert_uint_eq(lapic_deadline_read(&apic), 0);
	lapic_intack(&apic);
	wr(REG_EOI, 0);
	lapic_deadline_write(&apic, 5); /* long gone: at once */
	ck_assert(intr);
	lapic_intack(&apic);
	wr(REG_EOI, 0);
	lapic_deadline_write(&apic, tsc_now(NULL) + 2000);
	lapic_deadline_write(&apic, 0);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
	wr(REG_TIMER_INITIAL, 1000); /* ignored in this mode */
	ck_assert_uint_eq(rd(REG_TIMER_CURRENT), 0);
}
END_TEST

START_TEST(ipis)
{
	wr(REG_ICR_HIGH, 0);
	wr(REG_ICR_LOW, 0x000040f1); /* physical, id 0 */
	ck_assert_int_eq(lapic_intack(&apic), 0xf1);
	wr(REG_EOI, 0);
	wr(REG_ICR_LOW, 0x000440f2); /* self */
	ck_assert_int_eq(lapic_intack(&apic), 0xf2);
	wr(REG_EOI, 0);
	wr(REG_ICR_LOW, 0x000840f3); /* all including self */
	ck_assert_int_eq(lapic_intack(&apic), 0xf3);
	wr(REG_EOI, 0);
	wr(REG_ICR_LOW, 0x000c40f4); /* all others: nobody */
	wr(REG_ICR_HIGH, 5u << 24);
	wr(REG_ICR_LOW, 0x000040f5); /* no such APIC */
	ck_assert(!intr);
	wr(REG_LDR, 4u << 24);
	wr(REG_ICR_HIGH, 6u << 24);
	wr(REG_ICR_LOW, 0x000048f6); /* logical, flat */
	ck_assert_int_eq(lapic_intack(&apic), 0xf6);
	wr(REG_EOI, 0);
	wr(REG_DFR, 0); /* cluster model */
	wr(REG_LDR, 0x21u << 24);
	wr(REG_ICR_HIGH, 0x13u << 24);
	wr(REG_ICR_LOW, 0x000048f7);
	ck_assert(!intr);
	wr(REG_ICR_HIGH, 0x23u << 24);
	wr(REG_ICR_LOW, 0x000048f7);
	ck_assert(intr);
	wr(REG_ICR_HIGH, 0);
	wr(REG_ICR_LOW, 0x4400);
	ck_assert_int_eq(nmis, 1);
	wr(REG_ICR_LOW, 0x4500);
	ck_assert_int_eq(inits, 1);
	wr(REG_ICR_LOW, 0x8500); /* de-assert */
	ck_assert_int_eq(inits, 1);
}
END_TEST

START_TEST(errors)
{
	wr(REG_LVT + LVT_ERROR, 0xfe);
	wr(REG_ICR_LOW, 0x4005);
	ck_assert_int_eq(lapic_intack(&apic), 0xfe);
	wr(REG_EOI, 0);
	ck_assert_uint_eq(rd(REG_ESR), 0);
	wr(REG_ESR, 0);
	ck_assert_uint_eq(rd(REG_ESR), 0x20);
	message(3, false);
	wr(REG_ESR, 0);
	ck_assert_uint_eq(rd(REG_ESR), 0x40);
	lapic_intack(&apic);
	wr(REG_EOI, 0);
	rd(0x00);
	wr(REG_ESR, 0);
	ck_assert_uint_eq(rd(REG_ESR), 0x80);
	wr(REG_LVT + LVT_ERROR, 0x03); /* an error in reporting an error */
	rd(0x00);
	wr(REG_ESR, 0);
	ck_assert_uint_eq(rd(REG_ESR), 0x80);
}
END_TEST

START_TEST(software_disable)
{
	wr(REG_SVR, 0xff);
	ck_assert(rd(REG_LVT + LVT_LINT0) & LVT_MASKED);
	wr(REG_LVT, 0xec); /* stays masked */
	ck_assert(rd(REG_LVT) & LVT_MASKED);
	message(0x44, false);
	ck_assert(!intr);
}
END_TEST

START_TEST(virtual_wire)
{
	lapic_set_lint0(&apic, 0, true);
	ck_assert(intr);
	ck_assert_int_eq(lapic_intack(&apic), LAPIC_ACK_EXTINT);
	message(0x80, false);
	ck_assert_int_eq(lapic_intack(&apic), 0x80);
	wr(REG_LVT + LVT_LINT0, 0x10700);
	ck_assert_int_eq(lapic_intack(&apic), LAPIC_ACK_NONE);
	ck_assert(!intr);
	ck_assert_int_eq(lapic_base_write(&apic, LAPIC_DEFAULT_BASE), 0);
	ck_assert_msg(intr, "disabled: LINT0 is INTR");
	lapic_set_lint0(&apic, 0, false);
	ck_assert(!intr);
	lapic_raise_lint1(&apic);
	ck_assert_int_eq(nmis, 1);
	ck_assert_uint_eq(rd(REG_VERSION), UINT32_MAX);
}
END_TEST

START_TEST(mode_transitions)
{
	u64 base = LAPIC_DEFAULT_BASE | LAPIC_BASE_BSP;
	u64 en = LAPIC_BASE_ENABLE, x2 = LAPIC_BASE_EXTD;

	ck_assert_int_eq(lapic_base_write(&apic, base | en | 1), -EINVAL);
	ck_assert_int_eq(lapic_base_write(&apic, base | x2), -EINVAL);
	ck_assert_int_eq(lapic_base_write(&apic, base | en | x2), 0);
	ck_assert_int_eq(lapic_base_write(&apic, base | en), -EINVAL);
	ck_assert_uint_eq(rd(REG_VERSION), UINT32_MAX); /* no MMIO now */
	ck_assert_int_eq(lapic_base_write(&apic, base), 0);
	ck_assert_int_eq(lapic_base_write(&apic, base | en | x2), -EINVAL);
	ck_assert_int_eq(lapic_base_write(&apic, base | en), 0);
	ck_assert_uint_eq(rd(REG_SVR), 0xff);
}
END_TEST

START_TEST(x2apic)
{
	u64 v;

	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_ID, &v), -EINVAL);
	lapic_base_write(&apic, LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE |
					LAPIC_BASE_EXTD);
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_LDR, &v), 0);
	ck_assert_uint_eq(v, 1);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_SELF_IPI, 0x77), 0);
	ck_assert_int_eq(lapic_intack(&apic), 0x77);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_EOI, 1), -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_EOI, 0), 0);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_ICR_LOW, 0x40f1), 0);
	ck_assert_int_eq(lapic_intack(&apic), 0xf1);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_EOI, 0), 0);
	ck_assert_int_eq(
		lapic_msr_write(&apic, X2 + REG_ICR_LOW, 0xffffffff000040f2ull),
		0);
	ck_assert_int_eq(lapic_intack(&apic), 0xf2);
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_ICR_LOW, &v), 0);
	ck_assert_uint_eq(v, 0xffffffff000040f2ull);
	/* what #GPs: reserved registers, reserved bits, read-only, write-only
	 */
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_DFR, &v), -EINVAL);
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_EOI, &v), -EINVAL);
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + REG_ICR_HIGH, &v), -EINVAL);
	ck_assert_int_eq(lapic_msr_read(&apic, X2 + 0xff, &v), -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_ID, 0), -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_IRR, 0), -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_TPR, 1ull << 32),
			 -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_TPR, 0x100), -EINVAL);
	ck_assert_int_eq(lapic_msr_write(&apic, X2 + REG_LVT, 1u << 31),
			 -EINVAL);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[1024];
	struct state s;
	struct lapic copy;
	struct dev_time t2;

	wr(REG_TIMER_DIVIDE, 0x0b);
	wr(REG_LVT, 0xec);
	wr(REG_TIMER_INITIAL, 5000000);
	message(0x30, true);
	lapic_intack(&apic);
	message(0x31, false);
	dev_time_pass(&t, 1000000);
	state_save_init(&s, buf, sizeof(buf));
	lapic_state(&apic, &s);
	ck_assert_int_eq(s.err, 0);
	dev_time_init(&t2, 10);
	lapic_init(&copy, &t2.clock, &t2.timers, &board, 1000000000);
	state_load_init(&s, buf, s.pos);
	lapic_state(&copy, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert(!intr);
	dev_time_pass(&t2, 3999999);
	ck_assert(!intr);
	dev_time_pass(&t2, 1);
	ck_assert_int_eq(lapic_intack(&copy), 0xec);
	lapic_ops.write(&copy, LAPIC_DEFAULT_BASE + REG_EOI * 16, 4, 0);
	lapic_ops.write(&copy, LAPIC_DEFAULT_BASE + REG_EOI * 16, 4, 0);
	ck_assert_uint_eq(eoi_vector, 0x30);
	ck_assert_int_eq(lapic_intack(&copy), 0x31);
}
END_TEST

START_TEST(hostile)
{
	u64 seed = 11;

	for (int i = 0; i < 3000; i++) {
		u64 v;

		dev_hammer(&lapic_ops, &apic, LAPIC_DEFAULT_BASE, 0x400, &t, i,
			   40);
		lapic_msr_write(&apic, X2 + dev_random(&seed) % 0x100,
				dev_random(&seed));
		lapic_msr_read(&apic, X2 + dev_random(&seed) % 0x100, &v);
		lapic_deadline_write(&apic, dev_random(&seed));
		if (i % 16 == 0)
			lapic_base_write(&apic, dev_random(&seed) & 0xfffffd00);
		message(dev_random(&seed), dev_random(&seed) & 1);
		lapic_set_lint0(&apic, 0, dev_random(&seed) & 1);
		if (intr)
			ck_assert_int_ne(lapic_intack(&apic), LAPIC_ACK_NONE);
	}
}
END_TEST

Suite *suite_lapic(void)
{
	Suite *s = suite_create("lapic");
	TCase *c = tcase_create("lapic");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, identity);
	tcase_add_test(c, priorities);
	tcase_add_test(c, task_priority);
	tcase_add_test(c, level_eoi_is_broadcast);
	tcase_add_test(c, one_shot);
	tcase_add_test(c, divisors);
	tcase_add_test(c, periodic);
	tcase_add_test(c, fast_periodic_is_bounded);
	tcase_add_test(c, tsc_deadline);
	tcase_add_test(c, ipis);
	tcase_add_test(c, errors);
	tcase_add_test(c, software_disable);
	tcase_add_test(c, virtual_wire);
	tcase_add_test(c, mode_transitions);
	tcase_add_test(c, x2apic);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
