// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_ioapic.c - the I/O APIC: redirection, level EOI, masks.
 */
#include <check.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/ioapic.h"

static struct ioapic io;
static struct apic_msg last;
static int messages;
static bool accept;

static bool deliver(void *opaque, const struct apic_msg *msg)
{
	(void)opaque;
	last = *msg;
	messages++;
	return accept;
}

static void setup(void)
{
	messages = 0;
	accept = true;
	ioapic_init(&io, deliver, NULL);
}

static void wr(u8 reg, u32 val)
{
	ioapic_ops.write(&io, IOAPIC_BASE, 4, reg);
	ioapic_ops.write(&io, IOAPIC_BASE + 0x10, 4, val);
}

static u32 rd(u8 reg)
{
	ioapic_ops.write(&io, IOAPIC_BASE, 4, reg);
	return ioapic_ops.read(&io, IOAPIC_BASE + 0x10, 4);
}

static void redirect(int pin, u32 low)
{
	wr(0x10 + 2 * pin + 1, 0);
	wr(0x10 + 2 * pin, low);
}

#define LEVEL  0x8000
#define MASKED 0x10000
#define REMOTE 0x4000

START_TEST(identity)
{
	ck_assert_uint_eq(rd(0x01), 0x00170020);
	wr(0x00, 0xffffffff);
	ck_assert_uint_eq(rd(0x00), 0x0f000000);
	for (int pin = 0; pin < 24; pin++)
		ck_assert_uint_eq(rd(0x10 + 2 * pin), MASKED);
	ck_assert_uint_eq(rd(0x40), 0); /* beyond the table */
}
END_TEST

START_TEST(edge)
{
	redirect(4, 0x0931);
	wr(0x19, 0x03000000);
	ioapic_set(&io, 4, true);
	ck_assert_int_eq(messages, 1);
	ck_assert_uint_eq(last.vector, 0x31);
	ck_assert_uint_eq(last.mode, APIC_LOWEST);
	ck_assert(last.logical);
	ck_assert(!last.level);
	ck_assert_uint_eq(last.dest, 3);
	ioapic_set(&io, 4, true);
	ck_assert_int_eq(messages, 1);
	ioapic_set(&io, 4, false);
	ioapic_set(&io, 4, true);
	ck_assert_int_eq(messages, 2);
}
END_TEST

START_TEST(masked_edge_is_lost)
{
	redirect(4, MASKED | 0x31);
	ioapic_set(&io, 4, true);
	redirect(4, 0x31);
	ck_assert_int_eq(messages, 0);
}
END_TEST

START_TEST(level_waits_for_eoi)
{
	redirect(10, LEVEL | 0x41);
	ioapic_set(&io, 10, true);
	ck_assert_int_eq(messages, 1);
	ck_assert(rd(0x24) & REMOTE);
	ioapic_set(&io, 10, false);
	ioapic_set(&io, 10, true);
	ck_assert_int_eq(messages, 1);
	ioapic_eoi(&io, 0x40); /* another's */
	ck_assert_int_eq(messages, 1);
	ioapic_eoi(&io, 0x41);
	ck_assert_msg(messages == 2, "still asserted: once more");
	ioapic_set(&io, 10, false);
	ioapic_eoi(&io, 0x41);
	ck_assert_int_eq(messages, 2);
	ck_assert(!(rd(0x24) & REMOTE));
}
END_TEST

START_TEST(eoi_register)
{
	redirect(10, LEVEL | 0x41);
	ioapic_set(&io, 10, true);
	ioapic_set(&io, 10, false);
	ioapic_ops.write(&io, IOAPIC_BASE + 0x40, 4, 0x41);
	ck_assert(!(rd(0x24) & REMOTE));
}
END_TEST

START_TEST(level_unmask_sends)
{
	redirect(10, LEVEL | MASKED | 0x41);
	ioapic_set(&io, 10, true);
	ck_assert_int_eq(messages, 0);
	redirect(10, LEVEL | 0x41);
	ck_assert_int_eq(messages, 1);
	/* the way to clear remote IRR without an EOI register */
	redirect(10, MASKED | 0x41);
	ck_assert(!(rd(0x24) & REMOTE));
	redirect(10, LEVEL | 0x41);
	ck_assert_int_eq(messages, 2);
}
END_TEST

START_TEST(refused_message)
{
	accept = false;
	redirect(10, LEVEL | 0x41);
	ioapic_set(&io, 10, true);
	ck_assert(!(rd(0x24) & REMOTE));
}
END_TEST

START_TEST(read_only_bits)
{
	redirect(3, 0xffffffff & ~LEVEL);
	ck_assert_uint_eq(rd(0x16), 0x0001afff & ~LEVEL);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[512];
	struct state s;

	redirect(10, LEVEL | 0x41);
	ioapic_set(&io, 10, true);
	state_save_init(&s, buf, sizeof(buf));
	ioapic_state(&io, &s);
	ck_assert_int_eq(s.err, 0);
	ioapic_init(&io, deliver, NULL);
	state_load_init(&s, buf, s.pos);
	ioapic_state(&io, &s);
	ck_assert_int_eq(s.err, 0);
	messages = 0;
	ioapic_eoi(&io, 0x41);
	ck_assert_int_eq(messages, 1);
}
END_TEST

START_TEST(hostile)
{
	u64 seed = 2;

	for (int i = 0; i < 5000; i++) {
		dev_hammer(&ioapic_ops, &io, IOAPIC_BASE, 0x44, NULL, i, 30);
		ioapic_set(&io, dev_random(&seed) % 24, dev_random(&seed) & 1);
		ioapic_eoi(&io, dev_random(&seed));
	}
}
END_TEST

Suite *suite_ioapic(void)
{
	Suite *s = suite_create("ioapic");
	TCase *c = tcase_create("ioapic");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, identity);
	tcase_add_test(c, edge);
	tcase_add_test(c, masked_edge_is_lost);
	tcase_add_test(c, level_waits_for_eoi);
	tcase_add_test(c, eoi_register);
	tcase_add_test(c, level_unmask_sends);
	tcase_add_test(c, refused_message);
	tcase_add_test(c, read_only_bits);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
