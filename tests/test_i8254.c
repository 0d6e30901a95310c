// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_i8254.c - the interval timer: modes, latches, read-back, port 61h.
 */
#include <check.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/i8254.h"

static struct i8254 pit;
static struct dev_time t;
static struct dev_wire out;

static void setup(void)
{
	dev_time_init(&t, 5 * NS_PER_SEC);
	out = (struct dev_wire){0};
	i8254_init(&pit, &t.clock, &t.timers, dev_wire_line(&out));
}

static void wr(u16 port, u8 val)
{
	dev_out(&i8254_ops, &pit, port, val);
}

static u8 rd(u16 port)
{
	return dev_in(&i8254_ops, &pit, port);
}

static u16 rd16(u16 port)
{
	u8 low = rd(port);

	return low | rd(port) << 8;
}

static void program(int n, int mode, u16 count)
{
	wr(0x43, n << 6 | 0x30 | mode << 1);
	wr(0x40 + n, count & 0xff);
	wr(0x40 + n, count >> 8);
}

/* Lets n clocks of the timer pass, and a little. */
static void ticks(u64 n)
{
	dev_time_pass(&t, clock_scale_up(n, NS_PER_SEC, I8254_HZ) + 10);
}

static void gate2(bool on)
{
	dev_out(&i8254_portb_ops, &pit, 0x61, on);
}

static bool out2(void)
{
	return dev_in(&i8254_portb_ops, &pit, 0x61) & 0x20;
}

static u8 status(int n)
{
	wr(0x43, 0xe0 | 2 << n);
	return rd(0x40 + n);
}

START_TEST(periodic_irq_rate)
{
	program(0, 2, 11932); /* 100 Hz */
	out.rises = 0;
	dev_time_pass(&t, 10 * NS_PER_SEC);
	ck_assert_int_ge(out.rises, 999);
	ck_assert_int_le(out.rises, 1000);
}
END_TEST

START_TEST(square_wave_irq_rate)
{
	program(0, 3, 0); /* 18.2 Hz */
	out.rises = 0;
	dev_time_pass(&t, 10 * NS_PER_SEC);
	ck_assert_int_eq(out.rises, 182);
}
END_TEST

START_TEST(fast_rate_is_bounded)
{
	program(0, 2, 1);
	out.rises = 0;
	dev_time_pass(&t, NS_PER_SEC / 100);
	ck_assert_int_gt(out.rises, 100);
	ck_assert_int_le(out.rises, 10000000 / I8254_MIN_PERIOD_NS);
}
END_TEST

START_TEST(mode0_fires_once)
{
	program(0, 0, 1000);
	ck_assert(!out.level);
	ticks(999);
	ck_assert(!out.level);
	ticks(1);
	ck_assert(out.level);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
	ck_assert_uint_eq(status(0) & 0x80, 0x80);
	wr(0x40, 10); /* a new count drops the output and starts again */
	wr(0x40, 0);
	ck_assert(!out.level);
	ticks(10);
	ck_assert(out.level);
	ck_assert_int_eq(out.rises, 2);
}
END_TEST

START_TEST(mode4_strobe)
{
	program(0, 4, 100);
	out.rises = 0;
	ticks(99);
	ck_assert_int_eq(out.rises, 0);
	ticks(2);
	ck_assert_int_eq(out.rises, 1);
	ticks(100000);
	ck_assert_int_eq(out.rises, 1);
}
END_TEST

START_TEST(idle_arms_nothing)
{
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
	program(2, 3, 100);
	gate2(true);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(counting_down)
{
	gate2(true);
	program(2, 0, 0xffff);
	ticks(0x1234);
	ck_assert_uint_eq(rd16(0x42), 0xffff - 0x1234);
	ticks(0xffff - 0x1234 + 5); /* goes on below zero */
	ck_assert_uint_eq(rd16(0x42), 0x10000 - 5);
}
END_TEST

START_TEST(latch_holds)
{
	gate2(true);
	program(2, 2, 50000);
	ticks(100);
	wr(0x43, 0x80);
	ticks(1000);
	wr(0x43, 0x80); /* ignored: the first is not read yet */
	ck_assert_uint_eq(rd16(0x42), 49900);
	ck_assert_uint_eq(rd16(0x42), 48900);
}
END_TEST

START_TEST(readback)
{
	gate2(true);
	wr(0x43, 0xb4); /* counter 2, both bytes, mode 2: no count yet */
	ck_assert_uint_eq(status(2), 0xc0 | 0x34);
	program(2, 2, 1000);
	ticks(400);
	wr(0x43, 0xc0 | 8); /* count and status of counter 2 */
	ck_assert_uint_eq(rd(0x42), 0x80 | 0x34);
	ck_assert_uint_eq(rd16(0x42), 600);
	wr(0x42, 100); /* taken when the period ends */
	wr(0x42, 0);
	ck_assert_uint_eq(status(2) & 0x40, 0x40);
	ck_assert_uint_eq(rd16(0x42), 600);
	ticks(600);
	ck_assert_uint_eq(status(2) & 0x40, 0);
	ck_assert_uint_eq(rd16(0x42), 100);
}
END_TEST

START_TEST(bcd)
{
	gate2(true);
	wr(0x43, 0xb1); /* mode 0, BCD */
	wr(0x42, 0x00);
	wr(0x42, 0x10);
	ticks(1);
	ck_assert_uint_eq(rd16(0x42), 0x0999);
	ticks(1000);
	ck_assert_uint_eq(rd16(0x42), 0x9999);
}
END_TEST

START_TEST(byte_access)
{
	gate2(true);
	wr(0x43, 0xa0); /* high byte only */
	wr(0x42, 0x12);
	ticks(0x100);
	ck_assert_uint_eq(rd(0x42), 0x11);
	ck_assert_uint_eq(rd(0x42), 0x11);
	wr(0x43, 0x90); /* low byte only */
	wr(0x42, 0x80);
	ticks(0x10);
	ck_assert_uint_eq(rd(0x42), 0x70);
}
END_TEST

START_TEST(gate_pauses_mode0)
{
	gate2(true);
	program(2, 0, 1000);
	ticks(300);
	gate2(false);
	ticks(5000);
	ck_assert_uint_eq(rd16(0x42), 700);
	ck_assert(!out2());
	gate2(true);
	ticks(699);
	ck_assert(!out2());
	ticks(2);
	ck_assert(out2());
}
END_TEST

START_TEST(gate_triggers_mode1)
{
	gate2(false);
	program(2, 1, 100);
	ck_assert(out2());
	gate2(true);
	ck_assert(!out2());
	ticks(50);
	gate2(false);
	gate2(true); /* retriggered */
	ticks(99);
	ck_assert(!out2());
	ticks(1);
	ck_assert(out2());
}
END_TEST

START_TEST(gate_triggers_mode5)
{
	gate2(false);
	program(2, 5, 100);
	ticks(200);
	ck_assert(out2());
	gate2(true);
	ticks(100);
	ck_assert_msg(!out2(), "low for the clock at terminal count");
	ticks(1);
	ck_assert(out2());
}
END_TEST

START_TEST(square_wave)
{
	gate2(true);
	program(2, 3, 1000);
	ck_assert(out2());
	ticks(501);
	ck_assert(!out2());
	ticks(500);
	ck_assert(out2());
	ticks(99);
	ck_assert_uint_eq(rd16(0x42), 800); /* counts by two */
}
END_TEST

/* The way Linux measures the TSC: gate up, mode 0, wait for OUT2. */
START_TEST(linux_calibration)
{
	u16 count = I8254_HZ / 100;
	u64 before;

	dev_out(&i8254_portb_ops, &pit, 0x61, 0x01);
	wr(0x43, 0xb0);
	wr(0x42, count & 0xff);
	wr(0x42, count >> 8);
	before = t.now;
	while (!out2())
		dev_time_pass(&t, 1000);
	ck_assert_uint_ge(t.now - before, 9990000);
	ck_assert_uint_le(t.now - before, 10010000);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[512];
	struct state s;
	struct i8254 copy;
	struct dev_time t2;
	struct dev_wire out_copy = {0};

	program(0, 2, 11932);
	gate2(true);
	program(2, 0, 5000);
	ticks(1000);
	wr(0x43, 0x80);
	rd(0x42); /* half a latched count */
	state_save_init(&s, buf, sizeof(buf));
	i8254_state(&pit, &s);
	ck_assert_int_eq(s.err, 0);
	dev_time_init(&t2, 77);
	i8254_init(&copy, &t2.clock, &t2.timers, dev_wire_line(&out_copy));
	state_load_init(&s, buf, s.pos);
	i8254_state(&copy, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert_uint_eq(dev_in(&i8254_ops, &copy, 0x42), 4000 >> 8);
	dev_time_pass(&t2, NS_PER_SEC);
	ck_assert_int_eq(out_copy.rises, 100);
}
END_TEST

START_TEST(load_rejects)
{
	u8 buf[512];
	struct state s;

	state_save_init(&s, buf, sizeof(buf));
	i8254_state(&pit, &s);
	for (size_t i = 0; i < s.pos; i++) {
		struct state l;

		state_load_init(&l, buf, i); /* cut short */
		i8254_state(&pit, &l);
		ck_assert_int_eq(l.err, -EINVAL);
	}
}
END_TEST

START_TEST(hostile)
{
	dev_hammer(&i8254_ops, &pit, 0x40, 4, &t, 7, 100000);
	for (int i = 0; i < 20000; i++) {
		dev_hammer(&i8254_portb_ops, &pit, 0x61, 1, &t, i, 1);
		dev_hammer(&i8254_ops, &pit, 0x40, 4, &t, i, 3);
	}
	program(0, 2, 11932);
	out.rises = 0;
	dev_time_pass(&t, NS_PER_SEC);
	ck_assert_int_ge(out.rises, 99);
}
END_TEST

Suite *suite_i8254(void)
{
	Suite *s = suite_create("i8254");
	TCase *c = tcase_create("timer");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, periodic_irq_rate);
	tcase_add_test(c, square_wave_irq_rate);
	tcase_add_test(c, fast_rate_is_bounded);
	tcase_add_test(c, mode0_fires_once);
	tcase_add_test(c, mode4_strobe);
	tcase_add_test(c, idle_arms_nothing);
	tcase_add_test(c, counting_down);
	tcase_add_test(c, latch_holds);
	tcase_add_test(c, readback);
	tcase_add_test(c, bcd);
	tcase_add_test(c, byte_access);
	tcase_add_test(c, gate_pauses_mode0);
	tcase_add_test(c, gate_triggers_mode1);
	tcase_add_test(c, gate_triggers_mode5);
	tcase_add_test(c, square_wave);
	tcase_add_test(c, linux_calibration);
	tcase_add_test(c, save_load);
	tcase_add_test(c, load_rejects);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
