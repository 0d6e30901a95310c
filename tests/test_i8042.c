// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_i8042.c - the keyboard controller: probing, A20, reset.
 */
#include <check.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/i8042.h"

static struct i8042 kbc;
static struct dev_wire irq1, irq12;
static int resets;
static bool a20;

static void on_a20(void *opaque, bool enabled)
{
	(void)opaque;
	a20 = enabled;
}

static void on_reset(void *opaque)
{
	(void)opaque;
	resets++;
}

static void setup(void)
{
	struct i8042_board board = {NULL, on_a20, on_reset};

	irq1 = irq12 = (struct dev_wire){0};
	resets = 0;
	a20 = false;
	i8042_init(&kbc, dev_wire_line(&irq1), dev_wire_line(&irq12), board);
}

static u8 rd(u16 port)
{
	return dev_in(&i8042_ops, &kbc, port);
}

static void wr(u16 port, u8 val)
{
	dev_out(&i8042_ops, &kbc, port, val);
}

START_TEST(probe)
{
	ck_assert_uint_eq(rd(0x64) & 1, 0);
	wr(0x64, 0xaa);
	ck_assert_uint_eq(rd(0x64) & 1, 1);
	ck_assert_uint_eq(rd(0x60), 0x55);
	ck_assert_uint_eq(rd(0x64) & 1, 0);
	wr(0x64, 0x20);
	ck_assert_uint_eq(rd(0x60), 0x34);
	wr(0x64, 0x60);
	wr(0x60, 0x41);
	wr(0x64, 0x20);
	ck_assert_uint_eq(rd(0x60), 0x41);
	wr(0x64, 0xab);
	ck_assert_uint_eq(rd(0x60), 0x00);
	wr(0x64, 0xa9); /* nothing at the auxiliary port */
	ck_assert_uint_ne(rd(0x60), 0x00);
}
END_TEST

START_TEST(devices_time_out)
{
	wr(0x60, 0xff); /* reset the keyboard */
	ck_assert_uint_eq(rd(0x64) & 0x61, 0x41);
	ck_assert_uint_eq(rd(0x60), 0xfe);
	wr(0x64, 0xd4);
	wr(0x60, 0xff); /* reset the mouse */
	ck_assert_uint_eq(rd(0x64) & 0x61, 0x61);
	ck_assert_uint_eq(rd(0x60), 0xfe);
	ck_assert_uint_eq(rd(0x64) & 0x61, 0x00);
}
END_TEST

START_TEST(interrupts)
{
	wr(0x64, 0x60);
	wr(0x60, 0x03);
	wr(0x64, 0xd2); /* as if the keyboard had sent it */
	wr(0x60, 0x1c);
	ck_assert(irq1.level && !irq12.level);
	ck_assert_uint_eq(rd(0x60), 0x1c);
	ck_assert(!irq1.level);
	wr(0x64, 0xd3);
	wr(0x60, 0x08);
	ck_assert(!irq1.level && irq12.level);
}
END_TEST

START_TEST(a20_gate)
{
	ck_assert(a20);
	wr(0x64, 0xd0);
	ck_assert_uint_eq(rd(0x60) & 3, 3);
	wr(0x64, 0xd1);
	wr(0x60, 0xdd);
	ck_assert(!a20);
	ck_assert_uint_eq(dev_in(&i8042_92_ops, &kbc, 0x92) & 2, 0);
	dev_out(&i8042_92_ops, &kbc, 0x92, 0x02);
	ck_assert(a20);
	dev_out(&i8042_92_ops, &kbc, 0x92, 0x00);
	ck_assert(!a20);
	wr(0x64, 0xdf);
	ck_assert(a20);
	ck_assert_int_eq(resets, 0);
}
END_TEST

START_TEST(reset_ways)
{
	wr(0x64, 0xfe);
	ck_assert_int_eq(resets, 1);
	wr(0x64, 0xff); /* pulses nothing */
	ck_assert_int_eq(resets, 1);
	wr(0x64, 0xd1);
	wr(0x60, 0xfe);
	ck_assert_int_eq(resets, 2);
	dev_out(&i8042_92_ops, &kbc, 0x92, 0x03);
	dev_out(&i8042_92_ops, &kbc, 0x92, 0x03); /* no edge */
	ck_assert_int_eq(resets, 3);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[128];
	struct state s;

	wr(0x64, 0x60);
	wr(0x60, 0x01);
	wr(0x64, 0xdd);
	wr(0x64, 0xd2);
	wr(0x60, 0x77);
	state_save_init(&s, buf, sizeof(buf));
	i8042_state(&kbc, &s);
	ck_assert_int_eq(s.err, 0);
	i8042_reset(&kbc);
	ck_assert(a20 && !irq1.level);
	state_load_init(&s, buf, s.pos);
	i8042_state(&kbc, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert(!a20 && irq1.level);
	ck_assert_uint_eq(rd(0x60), 0x77);
}
END_TEST

START_TEST(hostile)
{
	dev_hammer(&i8042_ops, &kbc, 0x60, 8, NULL, 9, 200000);
	i8042_reset(&kbc);
	wr(0x64, 0xaa);
	ck_assert_uint_eq(rd(0x60), 0x55);
}
END_TEST

Suite *suite_i8042(void)
{
	Suite *s = suite_create("i8042");
	TCase *c = tcase_create("kbc");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, probe);
	tcase_add_test(c, devices_time_out);
	tcase_add_test(c, interrupts);
	tcase_add_test(c, a20_gate);
	tcase_add_test(c, reset_ways);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
