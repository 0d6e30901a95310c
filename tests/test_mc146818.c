// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_mc146818.c - the real-time clock: date forms, setting, interrupts.
 */
#include <check.h>
#include <time.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/mc146818.h"

static struct mc146818 rtc;
static struct dev_time t;
static struct dev_wire out;

/* 2024-02-29 23:59:58 UTC, a Thursday */
#define LEAP_EVE 1709251198ll

static void start(s64 utc)
{
	dev_time_init(&t, 123456789);
	out = (struct dev_wire){0};
	mc146818_init(&rtc, &t.clock, &t.timers, dev_wire_line(&out),
		      utc * (s64)NS_PER_SEC);
}

static void setup(void)
{
	start(LEAP_EVE);
}

static u8 rd(u8 reg)
{
	dev_out(&mc146818_ops, &rtc, 0x70, reg);
	return dev_in(&mc146818_ops, &rtc, 0x71);
}

static void wr(u8 reg, u8 val)
{
	dev_out(&mc146818_ops, &rtc, 0x70, reg);
	dev_out(&mc146818_ops, &rtc, 0x71, val);
}

static void assert_date(int century, int year, int month, int day, int wday,
			int hour, int min, int sec)
{
	ck_assert_uint_eq(rd(RTC_CENTURY), century);
	ck_assert_uint_eq(rd(RTC_YEAR), year);
	ck_assert_uint_eq(rd(RTC_MONTH), month);
	ck_assert_uint_eq(rd(RTC_DAY), day);
	ck_assert_uint_eq(rd(RTC_DAY_OF_WEEK), wday);
	ck_assert_uint_eq(rd(RTC_HOURS), hour);
	ck_assert_uint_eq(rd(RTC_MINUTES), min);
	ck_assert_uint_eq(rd(RTC_SECONDS), sec);
}

START_TEST(bcd_date)
{
	assert_date(0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58);
	dev_time_pass(&t, 2 * NS_PER_SEC);
	assert_date(0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00);
}
END_TEST

START_TEST(binary_and_12h)
{
	wr(RTC_REG_B, RTC_B_DM);
	assert_date(20, 24, 2, 29, 5, 0x80 | 11, 59, 58);
	dev_time_pass(&t, 2 * NS_PER_SEC);
	ck_assert_uint_eq(rd(RTC_HOURS), 12); /* midnight is 12 AM */
	dev_time_pass(&t, 12 * 3600 * NS_PER_SEC);
	ck_assert_uint_eq(rd(RTC_HOURS), 0x80 | 12);
}
END_TEST

/* The C library is the oracle for many dates. */
START_TEST(dates_like_libc)
{
	u64 seed = 5;

	for (int i = 0; i < 3000; i++) {
		time_t utc = dev_random(&seed) % 8000000000ull;
		struct tm tm;

		if (i & 1)
			utc = utc * 2 % 8000000000ll;
		gmtime_r(&utc, &tm);
		start(utc);
		wr(RTC_REG_B, RTC_B_DM | RTC_B_24H);
		assert_date((tm.tm_year + 1900) / 100, tm.tm_year % 100,
			    tm.tm_mon + 1, tm.tm_mday, tm.tm_wday + 1,
			    tm.tm_hour, tm.tm_min, tm.tm_sec);
	}
}
END_TEST

START_TEST(set_date)
{
	wr(RTC_REG_B, RTC_B_SET | RTC_B_24H);
	dev_time_pass(&t, 30 * NS_PER_SEC);
	ck_assert_uint_eq(rd(RTC_SECONDS), 0x58); /* stopped */
	wr(RTC_CENTURY, 0x19);
	wr(RTC_YEAR, 0x99);
	wr(RTC_MONTH, 0x12);
	wr(RTC_DAY, 0x31);
	wr(RTC_HOURS, 0x23);
	wr(RTC_MINUTES, 0x59);
	wr(RTC_SECONDS, 0x50);
	wr(RTC_REG_B, RTC_B_24H);
	dev_time_pass(&t, 10 * NS_PER_SEC);
	assert_date(0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0);
}
END_TEST

START_TEST(idle_arms_nothing)
{
	rd(RTC_SECONDS);
	rd(RTC_REG_C);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(periodic)
{
	int served = 0;

	wr(RTC_REG_A, 0x26); /* 1024 Hz */
	wr(RTC_REG_B, RTC_B_24H | RTC_B_PIE);
	for (int i = 0; i < 10000; i++) {
		dev_time_pass(&t, 100000);
		if (out.level) {
			ck_assert_uint_eq(rd(RTC_REG_C) & 0xc0, 0xc0);
			served++;
		}
	}
	ck_assert_int_ge(served, 1023);
	ck_assert_int_le(served, 1025);
	ck_assert_uint_eq(rd(RTC_REG_C) & RTC_C_IRQF, 0);
}
END_TEST

START_TEST(update_ended)
{
	wr(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	for (int i = 0; i < 5; i++) {
		dev_time_pass(&t, NS_PER_SEC);
		ck_assert(out.level);
		ck_assert_uint_eq(rd(RTC_REG_C) & 0x90, 0x90);
		ck_assert(!out.level);
	}
	/* unread, it stays high and costs nothing */
	dev_time_pass(&t, 5 * NS_PER_SEC);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(alarm_rings)
{
	u64 left = 0;

	wr(RTC_HOURS_ALARM, 0x06);
	wr(RTC_MINUTES_ALARM, 0x30);
	wr(RTC_SECONDS_ALARM, 0x15);
	wr(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	while (!out.level && left < 90000) {
		dev_time_pass(&t, NS_PER_SEC);
		left++;
	}
	ck_assert_uint_eq(left, 2 + 6 * 3600 + 30 * 60 + 15);
	ck_assert_uint_eq(rd(RTC_REG_C) & 0xa0, 0xa0);
	ck_assert_uint_eq(rd(RTC_SECONDS), 0x15);
}
END_TEST

START_TEST(alarm_wildcard)
{
	int rings = 0;

	wr(RTC_HOURS_ALARM, 0xff);
	wr(RTC_MINUTES_ALARM, 0xc0);
	wr(RTC_SECONDS_ALARM, 0x07);
	wr(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	for (int i = 0; i < 600; i++) {
		dev_time_pass(&t, NS_PER_SEC);
		if (out.level) {
			rings++;
			rd(RTC_REG_C);
		}
	}
	ck_assert_int_eq(rings, 10);
}
END_TEST

START_TEST(impossible_alarm)
{
	wr(RTC_MINUTES_ALARM, 0x99);
	wr(RTC_REG_B, RTC_B_24H | RTC_B_AIE);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(update_in_progress)
{
	ck_assert_uint_eq(rd(RTC_REG_A) & RTC_A_UIP, 0);
	dev_time_pass(&t, NS_PER_SEC - 1000000);
	ck_assert_uint_eq(rd(RTC_REG_A) & RTC_A_UIP, RTC_A_UIP);
	dev_time_pass(&t, 1000000);
	ck_assert_uint_eq(rd(RTC_REG_A) & RTC_A_UIP, 0);
}
END_TEST

START_TEST(nvram)
{
	u16 sum = 0;

	mc146818_set_memory(&rtc, 512 << 20);
	ck_assert_uint_eq(rd(0x15) | rd(0x16) << 8, 640);
	ck_assert_uint_eq(rd(0x17) | rd(0x18) << 8, 0xffff);
	ck_assert_uint_eq(rd(0x34) | rd(0x35) << 8, 496 * 16);
	for (int i = 0x10; i <= 0x2d; i++)
		sum += rd(i);
	ck_assert_uint_eq(rd(0x2e) << 8 | rd(0x2f), sum);
	wr(0x40, 0x5a);
	mc146818_reset(&rtc);
	ck_assert_uint_eq(rd(0x40), 0x5a);
	ck_assert_uint_eq(rd(RTC_REG_D), RTC_D_VRT);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[512];
	struct state s;
	struct mc146818 copy;
	struct dev_time t2;
	struct dev_wire out2 = {0};

	wr(0x50, 0x77);
	wr(RTC_REG_B, RTC_B_24H | RTC_B_UIE);
	dev_time_pass(&t, NS_PER_SEC / 2);
	state_save_init(&s, buf, sizeof(buf));
	mc146818_state(&rtc, &s);
	ck_assert_int_eq(s.err, 0);
	dev_time_init(&t2, 0);
	mc146818_init(&copy, &t2.clock, &t2.timers, dev_wire_line(&out2), 0);
	state_load_init(&s, buf, s.pos);
	mc146818_state(&copy, &s);
	ck_assert_int_eq(s.err, 0);
	dev_time_pass(&t2, NS_PER_SEC / 2 - 1);
	ck_assert(!out2.level);
	dev_time_pass(&t2, 1);
	ck_assert(out2.level);
	dev_out(&mc146818_ops, &copy, 0x70, RTC_SECONDS);
	ck_assert_uint_eq(dev_in(&mc146818_ops, &copy, 0x71), 0x59);
	dev_out(&mc146818_ops, &copy, 0x70, 0x50);
	ck_assert_uint_eq(dev_in(&mc146818_ops, &copy, 0x71), 0x77);
}
END_TEST

START_TEST(hostile)
{
	dev_hammer(&mc146818_ops, &rtc, 0x70, 2, &t, 3, 200000);
	/* dates reach their ends and stay in range */
	for (int i = 0; i < 256; i++) {
		wr(RTC_REG_B, RTC_B_SET | (i & 6));
		for (u8 r = 0; r < 10; r++)
			wr(r, i * 37 + r);
		wr(RTC_CENTURY, i);
		wr(RTC_REG_B, (i & 6) | RTC_B_AIE | RTC_B_UIE | RTC_B_PIE);
		dev_time_pass(&t, 2 * NS_PER_SEC);
		ck_assert_uint_le(rd(RTC_DAY_OF_WEEK), 7);
	}
}
END_TEST

Suite *suite_mc146818(void)
{
	Suite *s = suite_create("mc146818");
	TCase *c = tcase_create("rtc");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, bcd_date);
	tcase_add_test(c, binary_and_12h);
	tcase_add_test(c, dates_like_libc);
	tcase_add_test(c, set_date);
	tcase_add_test(c, idle_arms_nothing);
	tcase_add_test(c, periodic);
	tcase_add_test(c, update_ended);
	tcase_add_test(c, alarm_rings);
	tcase_add_test(c, alarm_wildcard);
	tcase_add_test(c, impossible_alarm);
	tcase_add_test(c, update_in_progress);
	tcase_add_test(c, nvram);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
