// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_ns16550.c - the UART: interrupts by priority, FIFOs, loopback, and
 * that no input is lost.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/ns16550.h"

#define RBR 0x3f8
#define IER 0x3f9
#define IIR 0x3fa
#define FCR 0x3fa
#define LCR 0x3fb
#define MCR 0x3fc
#define LSR 0x3fd
#define MSR 0x3fe
#define SCR 0x3ff

static struct ns16550 uart;
static struct dev_time t;
static struct dev_wire out;
static u8 sent[64];
static unsigned sent_count;
static u64 input_left, input_next; /* bytes are a function of position */

static u8 pattern(u64 n)
{
	return n * 167 + (n >> 8) * 31;
}

static void tx(void *opaque, u8 byte)
{
	(void)opaque;
	if (sent_count < sizeof(sent))
		sent[sent_count] = byte;
	sent_count++;
}

static unsigned rx(void *opaque, u8 *buf, unsigned max)
{
	unsigned n = MIN(max, input_left);

	(void)opaque;
	for (unsigned i = 0; i < n; i++)
		buf[i] = pattern(input_next++);
	input_left -= n;
	return n;
}

static void setup(void)
{
	struct ns16550_host host = {NULL, tx, rx};

	dev_time_init(&t, NS_PER_SEC);
	out = (struct dev_wire){0};
	sent_count = 0;
	input_left = input_next = 0;
	ns16550_init(&uart, &t.clock, &t.timers, dev_wire_line(&out), host);
}

static u8 rd(u16 port)
{
	return dev_in(&ns16550_ops, &uart, port);
}

static void wr(u16 port, u8 val)
{
	dev_out(&ns16550_ops, &uart, port, val);
}

/* As a driver does on opening: 115200, FIFOs at trigger 8, receive irq. */
static void open_port(u8 ier)
{
	wr(LCR, 0x83);
	wr(RBR, 1);
	wr(IER, 0);
	wr(LCR, 0x03);
	wr(FCR, 0x87);
	wr(MCR, 0x0b);
	wr(IER, ier);
}

static void give(u64 n)
{
	input_left += n;
	ns16550_kick(&uart);
}

START_TEST(registers)
{
	wr(SCR, 0xa5);
	ck_assert_uint_eq(rd(SCR), 0xa5);
	wr(LCR, 0x80);
	wr(RBR, 0x34);
	wr(IER, 0x12);
	ck_assert_uint_eq(rd(RBR), 0x34);
	ck_assert_uint_eq(rd(IER), 0x12);
	wr(LCR, 0x00);
	wr(IER, 0xff);
	ck_assert_uint_eq(rd(IER), 0x0f);
	wr(FCR, 0x01);
	ck_assert_uint_eq(rd(IIR) & 0xc0, 0xc0); /* a 16550A */
	wr(FCR, 0x00);
	ck_assert_uint_eq(rd(IIR) & 0xc0, 0x00);
	ck_assert_uint_eq(rd(LSR), 0x60);
	ck_assert_uint_eq(rd(MSR), 0xb0);
}
END_TEST

START_TEST(transmit_interrupt)
{
	open_port(0x00);
	wr(IER, 0x02);
	ck_assert_msg(out.level, "enabling THRE with THR empty interrupts");
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x02);
	ck_assert_msg(!out.level, "reading IIR clears it");
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x01);
	wr(RBR, 'x');
	ck_assert(out.level);
	ck_assert_uint_eq(sent_count, 1);
	ck_assert_uint_eq(sent[0], 'x');
	wr(IER, 0x00);
	ck_assert(!out.level);
}
END_TEST

START_TEST(out2_gates)
{
	open_port(0x02);
	ck_assert(out.level);
	wr(MCR, 0x03);
	ck_assert(!out.level);
	wr(MCR, 0x0b);
	ck_assert(out.level);
}
END_TEST

START_TEST(trigger_raised_above_what_waits)
{
	open_port(0x01);
	wr(IIR, 0x01); /* FCR: trigger at 1 */
	give(3);
	ck_assert(out.level);
	wr(IIR, 0xc1); /* at 14 */
	ck_assert(!out.level);
	dev_time_pass(&t, 350000);
	ck_assert_msg(out.level, "three bytes wait, and nobody says so");
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x0c);
}
END_TEST

START_TEST(trigger_and_timeout)
{
	open_port(0x01);
	give(3);
	ck_assert_msg(!out.level, "3 bytes are below the trigger");
	dev_time_pass(&t, 340000);
	ck_assert(!out.level);
	dev_time_pass(&t, 10000); /* 4 characters at 115200 */
	ck_assert(out.level);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x0c);
	ck_assert_uint_eq(rd(RBR), pattern(0));
	ck_assert_msg(!out.level, "reading RBR restarts the timeout");
	ck_assert_uint_eq(rd(RBR), pattern(1));
	ck_assert_uint_eq(rd(RBR), pattern(2));
	ck_assert_uint_eq(rd(LSR), 0x60);
	dev_time_pass(&t, NS_PER_SEC);
	give(16);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x04);
	for (int i = 0; i < 9; i++)
		rd(RBR);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x01);
}
END_TEST

START_TEST(priorities)
{
	open_port(0x0f);
	wr(MCR, 0x1b); /* loopback */
	for (int i = 0; i < 17; i++)
		wr(RBR, i); /* one too many */
	wr(MCR, 0x18);	    /* modem lines change */
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x06);
	ck_assert_uint_eq(rd(LSR) & 0x1f, 0x03);
	ck_assert_uint_eq(rd(LSR) & 0x1f, 0x01);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x04);
	for (int i = 0; i < 16; i++)
		ck_assert_uint_eq(rd(RBR), i);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x02);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x00);
	ck_assert_uint_eq(rd(MSR) & 0x0f, 0x03);
	ck_assert_uint_eq(rd(IIR) & 0x0f, 0x01);
	ck_assert_uint_eq(sent_count, 0);
}
END_TEST

START_TEST(loopback_modem)
{
	wr(MCR, 0x1a); /* the probe of a common driver */
	ck_assert_uint_eq(rd(MSR) & 0xf0, 0x90);
	wr(MCR, 0x14);
	ck_assert_uint_eq(rd(MSR) & 0xf0, 0x40);
	wr(MCR, 0x10);
	ck_assert_uint_eq(rd(MSR) & 0x0f, 0x04); /* trailing edge of RI */
}
END_TEST

START_TEST(input_waits_for_driver)
{
	give(10); /* typed before anybody listens */
	dev_time_pass(&t, NS_PER_SEC);
	ck_assert_uint_eq(rd(LSR) & 1, 0);
	wr(FCR, 0x07);
	rd(LSR);
	rd(RBR);
	open_port(0x05);
	dev_time_pass(&t, NS_PER_SEC);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(rd(RBR), pattern(i));
}
END_TEST

START_TEST(input_survives_clear)
{
	open_port(0x05);
	give(10);
	ck_assert_uint_eq(rd(RBR), pattern(0));
	wr(IER, 0x00);
	wr(FCR, 0x07);
	wr(FCR, 0x00);
	ck_assert_uint_eq(rd(LSR) & 1, 0);
	rd(RBR);
	open_port(0x05);
	for (int i = 1; i < 10; i++) {
		dev_time_pass(&t, NS_PER_SEC);
		ck_assert_uint_eq(rd(LSR) & 1, 1);
		ck_assert_uint_eq(rd(RBR), pattern(i));
	}
	ck_assert_uint_eq(rd(LSR) & 1, 0);
}
END_TEST

START_TEST(polling_reader)
{
	u64 got = 0;

	wr(MCR, 0x03);
	input_left = 100;
	for (int i = 0; i < 100000 && got < 100; i++) {
		if (rd(LSR) & 1) {
			ck_assert_uint_eq(rd(RBR), pattern(got));
			got++;
		}
		dev_time_pass(&t, 1000);
	}
	ck_assert_uint_eq(got, 100);
}
END_TEST

START_TEST(rts_stops_input)
{
	open_port(0x01);
	wr(MCR, 0x09);
	give(8);
	ck_assert_uint_eq(rd(LSR) & 1, 0);
	wr(MCR, 0x0b);
	ck_assert_uint_eq(rd(LSR) & 1, 1);
}
END_TEST

/* At 9600 baud, as firmware leaves it: nobody waits 4 ms for a key. */
START_TEST(key_comes_soon)
{
	wr(FCR, 0x87);
	wr(MCR, 0x0b);
	wr(IER, 0x01);
	give(1);
	dev_time_pass(&t, 340000);
	ck_assert(!out.level);
	dev_time_pass(&t, 10000);
	ck_assert(out.level);
}
END_TEST

/* The interrupt handler of a driver; byte_ns is what a byte costs it. */
static u64 take_all(u64 byte_ns)
{
	u64 n = 0;

	ck_assert_uint_eq(rd(IIR) & 1, 0);
	while (rd(LSR) & 1) {
		rd(RBR);
		n++;
		dev_time_pass(&t, byte_ns);
	}
	return n;
}

/* One interrupt brings many bytes, but an end of it comes. */
START_TEST(burst)
{
	open_port(0x05);
	give(1000);
	ck_assert(out.level);
	ck_assert_uint_eq(take_all(0), NS16550_BURST);
	ck_assert(!out.level);
	ns16550_idle(&uart);
	ck_assert_msg(out.level, "an idle guest gets more at once");
	ck_assert_uint_eq(take_all(0), NS16550_BURST);
	ck_assert(!out.level);
	dev_time_pass(&t, 240 * 86000);
	ck_assert_msg(!out.level, "a busy one no faster than a line is");
	dev_time_pass(&t, 240 * 1000);
	ck_assert(out.level);
}
END_TEST

/* Who takes long for a burst has three times as long for the rest. */
START_TEST(slow_guest_rests)
{
	u64 began;

	open_port(0x05);
	give(1000);
	began = t.now;
	ck_assert_uint_eq(take_all(25000), NS16550_BURST);
	ck_assert_uint_ge(t.now - began, 6000000);
	dev_time_pass(&t, 17000000);
	ck_assert(!out.level);
	dev_time_pass(&t, 1500000);
	ck_assert(out.level);
}
END_TEST

/*
 * A driver with an interrupt handler and a reader behind it: all of it, in
 * order, at the line's speed while the guest is busy and faster when idle.
 */
static u64 read_megabyte(bool idles)
{
	u64 total = 1 << 20;
	u64 got = 0, wrong = 0, spurious = 0;
	u64 began = t.now;

	open_port(0x05);
	give(total);
	while (got < total && t.now - began < 600 * NS_PER_SEC) {
		dev_time_pass(&t, 20000);
		if (idles)
			ns16550_idle(&uart);
		if (!out.level)
			continue;
		spurious += rd(IIR) & 1;
		while (rd(LSR) & 1) {
			wrong += rd(RBR) != pattern(got++);
			dev_time_pass(&t, 1000);
		}
	}
	ck_assert_uint_eq(got, total);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(spurious, 0);
	return t.now - began;
}

START_TEST(megabyte_busy)
{
	u64 ns = read_megabyte(false);

	ck_assert_uint_gt(ns, 85 * NS_PER_SEC);
	ck_assert_uint_lt(ns, 110 * NS_PER_SEC);
}
END_TEST

START_TEST(megabyte_idle)
{
	ck_assert_uint_lt(read_megabyte(true), 2 * NS_PER_SEC);
}
END_TEST

START_TEST(idle_arms_nothing)
{
	open_port(0x05);
	give(1);
	dev_time_pass(&t, NS_PER_SEC);
	rd(RBR);
	dev_time_pass(&t, NS_PER_SEC);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[256];
	struct state s;
	struct ns16550 copy;
	struct dev_wire out2 = {0};

	open_port(0x05);
	give(8);
	rd(RBR);
	state_save_init(&s, buf, sizeof(buf));
	ns16550_state(&uart, &s);
	ck_assert_int_eq(s.err, 0);
	ns16550_init(&copy, &t.clock, &t.timers, dev_wire_line(&out2),
		     uart.host);
	state_load_init(&s, buf, s.pos);
	ns16550_state(&copy, &s);
	ck_assert_int_eq(s.err, 0);
	dev_time_pass(&t, NS_PER_SEC);
	ck_assert(out2.level);
	for (int i = 1; i < 8; i++)
		ck_assert_uint_eq(dev_in(&ns16550_ops, &copy, RBR), pattern(i));
}
END_TEST

START_TEST(hostile)
{
	for (int i = 0; i < 2000; i++) {
		dev_hammer(&ns16550_ops, &uart, 0x3f8, 8, &t, i, 50);
		give(40);
	}
	ck_assert_uint_le(uart.count, NS16550_FIFO);
}
END_TEST

Suite *suite_ns16550(void)
{
	Suite *s = suite_create("ns16550");
	TCase *c = tcase_create("uart");

	tcase_set_timeout(c, 30);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, registers);
	tcase_add_test(c, transmit_interrupt);
	tcase_add_test(c, out2_gates);
	tcase_add_test(c, trigger_and_timeout);
	tcase_add_test(c, trigger_raised_above_what_waits);
	tcase_add_test(c, priorities);
	tcase_add_test(c, loopback_modem);
	tcase_add_test(c, input_waits_for_driver);
	tcase_add_test(c, input_survives_clear);
	tcase_add_test(c, polling_reader);
	tcase_add_test(c, rts_stops_input);
	tcase_add_test(c, key_comes_soon);
	tcase_add_test(c, burst);
	tcase_add_test(c, slow_guest_rests);
	tcase_add_test(c, megabyte_busy);
	tcase_add_test(c, megabyte_idle);
	tcase_add_test(c, idle_arms_nothing);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
