// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_i8259.c - the 8259 pair: priorities, EOI forms, modes, ELCR.
 */
#include <check.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/i8259.h"

static struct i8259 pic;
static struct dev_wire out;

static void pic_out(u16 port, u8 val)
{
	dev_out(&i8259_ops, &pic, port, val);
}

static u8 pic_in(u16 port)
{
	return dev_in(&i8259_ops, &pic, port);
}

static void pic_setup(u8 icw4)
{
	out = (struct dev_wire){0};
	i8259_init(&pic, dev_wire_line(&out));
	pic_out(0x20, 0x11);
	pic_out(0x21, 0x30);
	pic_out(0x21, 0x04);
	pic_out(0x21, icw4);
	pic_out(0xa0, 0x11);
	pic_out(0xa1, 0x38);
	pic_out(0xa1, 0x02);
	pic_out(0xa1, icw4);
	pic_out(0x21, 0x00);
	pic_out(0xa1, 0x00);
}

static void setup(void)
{
	pic_setup(0x01);
}

static void pulse(int irq)
{
	i8259_set(&pic, irq, true);
	i8259_set(&pic, irq, false);
}

START_TEST(priorities)
{
	pulse(5);
	ck_assert(out.level);
	pulse(3);
	ck_assert_uint_eq(i8259_intack(&pic), 0x33);
	ck_assert_msg(!out.level, "IR5 waits for the end of IR3");
	pulse(0);
	ck_assert_uint_eq(i8259_intack(&pic), 0x30);
	pic_out(0x20, 0x20); /* ends IR0, the highest in service */
	pic_out(0x20, 0x0b);
	ck_assert_uint_eq(pic_in(0x20), 0x08);
	pic_out(0x20, 0x20);
	ck_assert_uint_eq(i8259_intack(&pic), 0x35);
}
END_TEST

START_TEST(mask_holds_request)
{
	pic_out(0x21, 0x10);
	pulse(4);
	ck_assert(!out.level);
	pic_out(0x20, 0x0a);
	ck_assert_uint_eq(pic_in(0x20), 0x10);
	pic_out(0x21, 0x00);
	ck_assert(out.level);
	ck_assert_uint_eq(i8259_intack(&pic), 0x34);
}
END_TEST

START_TEST(slave_cascade)
{
	pulse(12);
	pulse(3);
	ck_assert_uint_eq(i8259_intack(&pic), 0x3c);
	ck_assert_msg(!out.level, "IR3 is below IR2, which is in service");
	pulse(8); /* higher at the slave, but the master holds IR2 */
	ck_assert(!out.level);
	pic_out(0xa0, 0x20);
	pic_out(0x20, 0x62);
	ck_assert_uint_eq(i8259_intack(&pic), 0x38);
}
END_TEST

START_TEST(special_fully_nested)
{
	pic_setup(0x11);
	pulse(12);
	ck_assert_uint_eq(i8259_intack(&pic), 0x3c);
	pulse(8);
	ck_assert_uint_eq(i8259_intack(&pic), 0x38);
}
END_TEST

START_TEST(spurious)
{
	i8259_elcr_ops.write(&pic, 0x4d0, 1, 0x20);
	i8259_elcr_ops.write(&pic, 0x4d1, 1, 0x04);
	i8259_set(&pic, 5, true);
	i8259_set(&pic, 5, false); /* a level that goes away */
	ck_assert(!out.level);
	ck_assert_uint_eq(i8259_intack(&pic), 0x37);
	pic_out(0x20, 0x0b);
	ck_assert_uint_eq(pic_in(0x20), 0);
}
END_TEST

START_TEST(level_retriggers)
{
	i8259_elcr_ops.write(&pic, 0x4d1, 1, 0xff);
	ck_assert_uint_eq(i8259_elcr_ops.read(&pic, 0x4d1, 1), 0xde);
	i8259_set(&pic, 10, true);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(i8259_intack(&pic), 0x3a);
		pic_out(0xa0, 0x20);
		pic_out(0x20, 0x20);
		ck_assert(out.level);
	}
	i8259_set(&pic, 10, false);
	ck_assert(!out.level);
}
END_TEST

START_TEST(edge_needs_edge)
{
	i8259_set(&pic, 6, true);
	ck_assert_uint_eq(i8259_intack(&pic), 0x36);
	pic_out(0x20, 0x20);
	ck_assert_msg(!out.level, "still high is no new request");
	i8259_set(&pic, 6, false);
	i8259_set(&pic, 6, true);
	ck_assert(out.level);
}
END_TEST

START_TEST(auto_eoi_rotates)
{
	pic_setup(0x03);
	pic_out(0x20, 0x80); /* rotate in automatic EOI mode */
	pulse(1);
	ck_assert_uint_eq(i8259_intack(&pic), 0x31);
	pulse(1);
	pulse(4);
	ck_assert_msg(i8259_intack(&pic) == 0x34, "IR1 is lowest now");
	ck_assert_uint_eq(i8259_intack(&pic), 0x31);
}
END_TEST

START_TEST(rotate_on_eoi)
{
	pulse(4);
	i8259_intack(&pic);
	pic_out(0x20, 0xa0); /* rotate on non-specific EOI */
	pulse(4);
	pulse(7);
	ck_assert_uint_eq(i8259_intack(&pic), 0x37);
	pic_out(0x20, 0x67);
	pic_out(0x20, 0xc0 | 6); /* set priority: IR6 lowest, IR7 highest */
	pulse(7);
	ck_assert_uint_eq(i8259_intack(&pic), 0x37);
}
END_TEST

START_TEST(special_mask)
{
	pulse(2 + 1);
	i8259_intack(&pic); /* IR3 in service */
	pulse(6);
	ck_assert(!out.level);
	pic_out(0x21, 0x08);
	pic_out(0x20, 0x68); /* special mask mode on */
	ck_assert_msg(out.level, "a masked level in service holds nothing off");
	ck_assert_uint_eq(i8259_intack(&pic), 0x36);
	pic_out(0x20, 0x20); /* must end IR6, not the masked IR3 */
	pic_out(0x20, 0x0b);
	ck_assert_uint_eq(pic_in(0x20), 0x08);
}
END_TEST

START_TEST(poll)
{
	pulse(4);
	pic_out(0x20, 0x0c);
	ck_assert_uint_eq(pic_in(0x20), 0x84);
	ck_assert(!out.level);
	pic_out(0x20, 0x0b);
	ck_assert_uint_eq(pic_in(0x20), 0x10);
	pic_out(0x20, 0x0c);
	ck_assert_uint_eq(pic_in(0x20), 0x00);
}
END_TEST

START_TEST(icw1_clears_edges)
{
	i8259_set(&pic, 4, true);
	pic_out(0x20, 0x11);
	ck_assert(!out.level);
	ck_assert_uint_eq(pic.chip[0].imr, 0);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[256];
	struct state s;
	struct i8259 copy;
	struct dev_wire out2 = {0};

	pulse(3);
	i8259_intack(&pic);
	pulse(1);
	pulse(14);
	state_save_init(&s, buf, sizeof(buf));
	i8259_state(&pic, &s);
	ck_assert_int_eq(s.err, 0);
	i8259_init(&copy, dev_wire_line(&out2));
	state_load_init(&s, buf, s.pos);
	i8259_state(&copy, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert(out2.level);
	ck_assert_uint_eq(i8259_intack(&copy), 0x31);
	ck_assert_uint_eq(i8259_intack(&pic), 0x31);
	ck_assert_mem_eq(copy.chip, pic.chip, sizeof(pic.chip));
}
END_TEST

START_TEST(hostile)
{
	u64 seed = 1;

	for (int i = 0; i < 2000; i++) {
		dev_hammer(&i8259_ops, &pic, i & 1 ? 0x20 : 0xa0, 2, NULL, i,
			   20);
		dev_hammer(&i8259_elcr_ops, &pic, 0x4d0, 2, NULL, i, 2);
		i8259_set(&pic, dev_random(&seed) % 16, dev_random(&seed) & 1);
		if (out.level)
			i8259_intack(&pic);
	}
	/* whatever happened, it can be set up again */
	for (int irq = 0; irq < 16; irq++)
		i8259_set(&pic, irq, false);
	pic_setup(0x01);
	pulse(7);
	ck_assert_uint_eq(i8259_intack(&pic), 0x37);
}
END_TEST

Suite *suite_i8259(void)
{
	Suite *s = suite_create("i8259");
	TCase *t = tcase_create("pair");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, priorities);
	tcase_add_test(t, mask_holds_request);
	tcase_add_test(t, slave_cascade);
	tcase_add_test(t, special_fully_nested);
	tcase_add_test(t, spurious);
	tcase_add_test(t, level_retriggers);
	tcase_add_test(t, edge_needs_edge);
	tcase_add_test(t, auto_eoi_rotates);
	tcase_add_test(t, rotate_on_eoi);
	tcase_add_test(t, special_mask);
	tcase_add_test(t, poll);
	tcase_add_test(t, icw1_clears_edges);
	tcase_add_test(t, save_load);
	tcase_add_test(t, hostile);
	suite_add_tcase(s, t);
	return s;
}
