// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_bus.c - address decoding, splitting, timers and the state stream.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/state.h"

struct recorder {
	u64 addr[16];
	unsigned size[16];
	u64 val[16];
	int n;
};

static u64 recorder_read(void *opaque, u64 addr, unsigned size)
{
	struct recorder *r = opaque;

	r->addr[r->n] = addr;
	r->size[r->n++] = size;
	return addr & 0xff; /* more than asked for must be cut off */
}

static u64 recorder_read_ones(void *opaque, u64 addr, unsigned size)
{
	recorder_read(opaque, addr, size);
	return UINT64_MAX;
}

static void recorder_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct recorder *r = opaque;

	r->addr[r->n] = addr;
	r->val[r->n] = val;
	r->size[r->n++] = size;
}

static const struct bus_ops byte_ops = {recorder_read, recorder_write, 1};
static const struct bus_ops dword_ops = {recorder_read_ones, recorder_write, 4};
static struct bus bus;
static struct recorder a, b;

static void setup(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	bus_init(&bus);
}

START_TEST(unclaimed)
{
	ck_assert_uint_eq(bus_read(&bus, BUS_IO, 0x10, 1), 0xff);
	ck_assert_uint_eq(bus_read(&bus, BUS_MMIO, 0x10, 8), UINT64_MAX);
	bus_write(&bus, BUS_IO, 0x10, 4, 1);
	ck_assert_uint_eq(bus.unclaimed_reads, 2);
	ck_assert_uint_eq(bus.unclaimed_writes, 1);
}
END_TEST

START_TEST(byte_chip_splits)
{
	bus_claim_io(&bus, 0x40, 4, &byte_ops, &a);
	ck_assert_uint_eq(bus_read(&bus, BUS_IO, 0x41, 2), 0x4241);
	bus_write(&bus, BUS_IO, 0x40, 4, 0x44332211);
	ck_assert_int_eq(a.n, 6);
	ck_assert_uint_eq(a.addr[5], 0x43);
	ck_assert_uint_eq(a.val[5], 0x44);
	ck_assert_uint_eq(a.size[5], 1);
}
END_TEST

START_TEST(over_the_edge)
{
	bus_claim_io(&bus, 0x10, 2, &byte_ops, &a);
	bus_claim_io(&bus, 0x13, 4, &dword_ops, &b);
	/* two bytes of a, one of nobody, one of b */
	ck_assert_uint_eq(bus_read(&bus, BUS_IO, 0x10, 4), 0xffff1110);
	ck_assert_int_eq(a.n, 2);
	ck_assert_int_eq(b.n, 1);
	ck_assert_uint_eq(b.size[0], 1);
	b.n = 0;
	bus_write(&bus, BUS_IO, 0x15, 4, 0xaabbccdd);
	ck_assert_int_eq(b.n, 1);
	ck_assert_uint_eq(b.size[0], 2);
	ck_assert_uint_eq(b.val[0], 0xccdd);
}
END_TEST

START_TEST(ports_wrap)
{
	bus_claim_io(&bus, 0, 1, &byte_ops, &a);
	bus_claim_io(&bus, 0xffff, 1, &byte_ops, &a);
	ck_assert_uint_eq(bus_read(&bus, BUS_IO, 0xffff, 2), 0x00ff);
}
END_TEST

START_TEST(mmio_64)
{
	bus_claim_mmio(&bus, 0xfee00000, 0x1000, &dword_ops, &a);
	bus_write(&bus, BUS_MMIO, 0xfee00010, 8, 0x1122334455667788);
	ck_assert_int_eq(a.n, 2);
	ck_assert_uint_eq(a.val[0], 0x55667788);
	ck_assert_uint_eq(a.val[1], 0x11223344);
	ck_assert_uint_eq(a.addr[1], 0xfee00014);
	bus_read(&bus, BUS_MMIO, UINT64_MAX - 1, 4); /* wraps, harmlessly */
}
END_TEST

START_TEST(many_ranges_and_release)
{
	struct recorder r[40];

	memset(r, 0, sizeof(r));
	for (int i = 0; i < 40; i++) {
		int n = i * 17 % 40;

		bus_claim_io(&bus, n * 8, 5, &byte_ops, &r[n]);
	}
	for (int i = 0; i < 40; i++) {
		bus_read(&bus, BUS_IO, i * 8 + 4, 1);
		ck_assert_int_eq(r[i].n, 1);
		ck_assert_uint_eq(bus_read(&bus, BUS_IO, i * 8 + 5, 1), 0xff);
	}
	bus_release(&bus, BUS_IO, 16);
	ck_assert_uint_eq(bus_read(&bus, BUS_IO, 16, 1), 0xff);
	ck_assert(!bus_is_claimed(&bus, BUS_IO, 13, 23));
	ck_assert(bus_is_claimed(&bus, BUS_IO, 13, 24));
	ck_assert(bus_is_claimed(&bus, BUS_IO, 12, 23));
}
END_TEST

static int fired[4], fired_count;
static struct timers queue;

static void note(void *opaque, u64 now)
{
	(void)now;
	fired[fired_count++] = (int)(intptr_t)opaque;
}

START_TEST(timer_order)
{
	struct timer t[3] = {
		{.fire = note, .opaque = (void *)0},
		{.fire = note, .opaque = (void *)1},
		{.fire = note, .opaque = (void *)2},
	};

	timer_arm(&queue, &t[0], 300);
	timer_arm(&queue, &t[1], 100);
	timer_arm(&queue, &t[2], 200);
	timer_arm(&queue, &t[1], 250);
	timer_disarm(&queue, &t[0]);
	timer_disarm(&queue, &t[0]);
	ck_assert_uint_eq(timers_next(&queue), 200);
	timers_run(&queue, 199);
	ck_assert_int_eq(fired_count, 0);
	timers_run(&queue, 1000);
	ck_assert_int_eq(fired_count, 2);
	ck_assert_int_eq(fired[0], 2);
	ck_assert_int_eq(fired[1], 1);
	ck_assert_uint_eq(timers_next(&queue), TIMER_NEVER);
	timer_arm(&queue, &t[0], 5);
	timer_arm(&queue, &t[0], TIMER_NEVER);
	ck_assert(!t[0].armed);
}
END_TEST

START_TEST(scale)
{
	ck_assert_uint_eq(clock_scale(UINT64_MAX, 3, 6), UINT64_MAX / 2);
	ck_assert_uint_eq(clock_scale(UINT64_MAX, 2, 1), UINT64_MAX);
	ck_assert_uint_eq(clock_scale(10, 1, 3), 3);
	ck_assert_uint_eq(clock_scale_up(10, 1, 3), 4);
	ck_assert_uint_eq(clock_scale_up(9, 1, 3), 3);
}
END_TEST

static void thing(struct state *s, u32 *a32, bool *flag)
{
	if (!state_begin(s, "TEST", 3))
		return;
	STATE(s, *a32);
	state_bool(s, flag);
	state_end(s);
}

START_TEST(state_stream)
{
	u8 buf[64];
	struct state s;
	u32 v = 0x12345678, w = 0;
	bool f = true, g = false;
	size_t len;

	state_save_init(&s, buf, sizeof(buf));
	thing(&s, &v, &f);
	ck_assert_int_eq(s.err, 0);
	len = s.pos;
	state_load_init(&s, buf, len);
	thing(&s, &w, &g);
	ck_assert_int_eq(s.err, 0);
	ck_assert_uint_eq(w, v);
	ck_assert(g);
	for (size_t i = 0; i < len; i++) { /* cut short anywhere */
		state_load_init(&s, buf, i);
		thing(&s, &w, &g);
		ck_assert_int_eq(s.err, -EINVAL);
		state_save_init(&s, buf + 32, i);
		thing(&s, &v, &f);
		ck_assert_int_eq(s.err, -ENOSPC);
	}
	for (size_t i = 0; i < 12; i++) { /* tag, version, length */
		buf[i] ^= 1;
		state_load_init(&s, buf, len);
		thing(&s, &w, &g);
		ck_assert_int_eq(s.err, -EINVAL);
		buf[i] ^= 1;
	}
}
END_TEST

Suite *suite_bus(void)
{
	Suite *s = suite_create("bus");
	TCase *t = tcase_create("bus");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, unclaimed);
	tcase_add_test(t, byte_chip_splits);
	tcase_add_test(t, over_the_edge);
	tcase_add_test(t, ports_wrap);
	tcase_add_test(t, mmio_64);
	tcase_add_test(t, many_ranges_and_release);
	tcase_add_test(t, timer_order);
	tcase_add_test(t, scale);
	tcase_add_test(t, state_stream);
	suite_add_tcase(s, t);
	return s;
}
