// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_fw_cfg.c - the firmware configuration device.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/fw_cfg.h"

static struct fw_cfg fw;

static void setup(void)
{
	fw_cfg_init(&fw, 0x20000000, 1);
}

static void choose(u16 item)
{
	fw_cfg_ops.write(&fw, 0x510, 2, item);
}

static u64 rd(unsigned bytes)
{
	u64 v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (u64)dev_in(&fw_cfg_ops, &fw, 0x511) << i * 8;
	return v;
}

START_TEST(items)
{
	choose(FW_CFG_SIGNATURE);
	ck_assert_uint_eq(rd(4), 0x554d4551);
	ck_assert_uint_eq(rd(1), 0); /* beyond the end */
	choose(FW_CFG_ID);
	ck_assert_uint_eq(rd(4), 1);
	choose(FW_CFG_RAM_SIZE);
	ck_assert_uint_eq(rd(8), 0x20000000);
	choose(FW_CFG_NB_CPUS);
	ck_assert_uint_eq(rd(2), 1);
	choose(0x1234);
	ck_assert_uint_eq(rd(4), 0);
}
END_TEST

START_TEST(files)
{
	static const u8 data[] = {1, 2, 3};
	char name[56];

	for (int i = 0; i < FW_CFG_MAX_FILES; i++)
		ck_assert_int_eq(fw_cfg_add_file(&fw, "etc/three", data, 3), 0);
	ck_assert_int_eq(fw_cfg_add_file(&fw, "x", data, 3), -ENOSPC);
	choose(FW_CFG_FILE_DIR);
	ck_assert_uint_eq(rd(4), (u32)FW_CFG_MAX_FILES << 24);
	ck_assert_uint_eq(rd(4), 3u << 24);
	ck_assert_uint_eq(rd(2), 0x2000); /* 20h, big-endian */
	rd(2);
	for (int i = 0; i < 56; i++)
		name[i] = rd(1);
	ck_assert_str_eq(name, "etc/three");
	choose(FW_CFG_FILE_FIRST);
	ck_assert_uint_eq(rd(4), 0x030201);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[64];
	struct state s;

	choose(FW_CFG_SIGNATURE);
	rd(2);
	state_save_init(&s, buf, sizeof(buf));
	fw_cfg_state(&fw, &s);
	fw_cfg_reset(&fw);
	state_load_init(&s, buf, s.pos);
	fw_cfg_state(&fw, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert_uint_eq(rd(2), 0x554d);
}
END_TEST

START_TEST(hostile)
{
	dev_hammer(&fw_cfg_ops, &fw, 0x510, 2, NULL, 6, 200000);
	for (u32 i = 0; i < 0x10000; i++) {
		choose(i);
		rd(2);
	}
	fw.selector = 0xffff; /* as a bad state file might say */
	fw.offset = 0xffffffff;
	ck_assert_uint_eq(rd(4), 0);
	fw.selector = 0;
	ck_assert_uint_eq(rd(4), 0);
}
END_TEST

Suite *suite_fw_cfg(void)
{
	Suite *s = suite_create("fw_cfg");
	TCase *c = tcase_create("fw_cfg");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, items);
	tcase_add_test(c, files);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
