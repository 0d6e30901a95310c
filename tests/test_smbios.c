// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_smbios.c - the tables that name the machine, read as a guest reads
 * them: entry point by its sums, structures one after the other.
 */
#include <check.h>
#include <string.h>

#include "dev_suites.h"
#include "devices/smbios.h"

static u8 mem[SMBIOS_SIZE];
static int used;

static u8 sum(const u8 *p, size_t len)
{
	u8 s = 0;

	for (size_t i = 0; i < len; i++)
		s += p[i];
	return s;
}

static unsigned get16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

static void setup(void)
{
	memset(mem, 0xaa, sizeof(mem));
	used = smbios_build(mem, sizeof(mem), SMBIOS_GPA);
	ck_assert_int_gt(used, 0);
	for (size_t i = used; i < sizeof(mem); i++)
		ck_assert_uint_eq(mem[i], 0xaa);
}

START_TEST(entry_point)
{
	u32 at;

	ck_assert_mem_eq(mem, "_SM_", 4);
	ck_assert_uint_eq(mem[5], 0x1f);
	ck_assert_uint_eq(sum(mem, 0x1f), 0);
	ck_assert_mem_eq(mem + 0x10, "_DMI_", 5);
	ck_assert_uint_eq(sum(mem + 0x10, 15), 0);
	memcpy(&at, mem + 0x18, 4);
	ck_assert_uint_eq(at % 16, 0);
	ck_assert_uint_eq(at + get16(mem + 0x16), SMBIOS_GPA + (unsigned)used);
}
END_TEST

/* String n of the structure at p, as a guest counts. */
static const char *string(const u8 *p, unsigned n)
{
	const char *s = (const char *)p + p[1];

	ck_assert_uint_ge(n, 1);
	while (--n && *s)
		s += strlen(s) + 1;
	return s;
}

/* The structure behind p: past its strings' double zero. */
static const u8 *next(const u8 *p)
{
	const u8 *s = p + p[1];

	while (s[0] || s[1]) {
		s++;
		ck_assert_int_lt(s - mem, used);
	}
	return s + 2;
}

START_TEST(structures)
{
	unsigned left = get16(mem + 0x1c), seen = 0, largest = 0;
	const u8 *p = mem + 0x20;

	for (; left; left--) {
		const u8 *n = next(p);

		largest = MAX(largest, (unsigned)(n - p));
		if (p[0] < 32)
			seen |= 1u << p[0];
		if (p[0] == 0)
			ck_assert_str_eq(string(p, p[0x08]), "01/01/2026");
		if (p[0] == 1) {
			ck_assert_str_eq(string(p, p[0x04]), "Umbra");
			ck_assert_str_eq(string(p, p[0x05]), "PC");
		}
		ck_assert_msg((left == 1) == (p[0] == 127), "end is last");
		p = n;
	}
	ck_assert_int_eq(p - mem, used);
	ck_assert_uint_eq(seen, 1u << 0 | 1u << 1 | 1u << 3);
	ck_assert_uint_eq(get16(mem + 8), largest);
}
END_TEST

START_TEST(too_small)
{
	u8 small[SMBIOS_SIZE];

	for (int cap = 0; cap < used; cap++) {
		memset(small, 0x55, sizeof(small));
		ck_assert_int_eq(smbios_build(small, cap, SMBIOS_GPA),
				 -ENOSPC);
		for (size_t i = cap; i < sizeof(small); i++)
			ck_assert_uint_eq(small[i], 0x55);
	}
}
END_TEST

Suite *suite_smbios(void)
{
	Suite *s = suite_create("smbios");
	TCase *c = tcase_create("tables");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, entry_point);
	tcase_add_test(c, structures);
	tcase_add_test(c, too_small);
	suite_add_tcase(s, c);
	return s;
}
