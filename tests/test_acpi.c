// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_acpi.c - the ACPI tables as a guest finds them (checksums, pointers),
 * the DSDT by a small AML reader, and the fixed hardware.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/acpi.h"
#include "devices/acpi_pm.h"
#include "devices/aml.h"

#define GPA 0xe0000

static u8 mem[ACPI_TABLES_SIZE];
static const struct acpi_config config = {1, 0xc0000000, 0xfebfffff};

static u32 get32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static u8 sum(const u8 *p, size_t len)
{
	u8 s = 0;

	for (size_t i = 0; i < len; i++)
		s += p[i];
	return s;
}

static const u8 *at(u64 gpa)
{
	ck_assert_uint_ge(gpa, GPA);
	ck_assert_uint_lt(gpa, GPA + sizeof(mem));
	return mem + (gpa - GPA);
}

/* A table with a sound header. */
static const u8 *table(u64 gpa, const char *signature)
{
	const u8 *p = at(gpa);

	ck_assert_mem_eq(p, signature, 4);
	ck_assert_uint_eq(sum(p, get32(p + 4)), 0);
	return p;
}

static void setup(void)
{
	int used;

	memset(mem, 0xaa, sizeof(mem));
	used = acpi_build(&config, mem, sizeof(mem), GPA);
	ck_assert_int_gt(used, 0);
	for (size_t i = used; i < sizeof(mem); i++)
		ck_assert_uint_eq(mem[i], 0xaa);
}

START_TEST(roots)
{
	const u8 *rsdp = mem;
	const u8 *rsdt, *xsdt;

	ck_assert_mem_eq(rsdp, "RSD PTR ", 8);
	ck_assert_uint_eq(sum(rsdp, 20), 0);
	ck_assert_uint_eq(sum(rsdp, 36), 0);
	rsdt = table(get32(rsdp + 16), "RSDT");
	xsdt = table(get32(rsdp + 24), "XSDT");
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(get32(rsdt + 36 + 4 * i),
				  get32(xsdt + 36 + 8 * i));
	table(get32(rsdt + 36), "FACP");
	table(get32(rsdt + 40), "APIC");
}
END_TEST

static const u8 *fadt(void)
{
	return table(get32(table(get32(mem + 16), "RSDT") + 36), "FACP");
}

START_TEST(fadt_fields)
{
	const u8 *f = fadt();

	ck_assert_uint_eq(get32(f + 4), 244);
	ck_assert_uint_eq(get32(f + 36) % 64, 0);
	ck_assert_mem_eq(at(get32(f + 36)), "FACS", 4);
	table(get32(f + 40), "DSDT");
	ck_assert_uint_eq(get32(f + 140), get32(f + 40)); /* X_DSDT */
	ck_assert_uint_eq(f[46], ACPI_SCI_IRQ);
	ck_assert_uint_eq(get32(f + 48), 0); /* no SMI: ACPI mode always */
	ck_assert_uint_eq(get32(f + 56), ACPI_PM1_EVT);
	ck_assert_uint_eq(get32(f + 64), ACPI_PM1_CNT);
	ck_assert_uint_eq(get32(f + 76), ACPI_PM_TMR);
	ck_assert_uint_eq(f[108], 0x32); /* century */
	ck_assert_uint_eq(get32(f + 112) & 1u << 10, 1u << 10);
	ck_assert_uint_eq(get32(f + 120), 0xcf9); /* reset register */
	ck_assert_uint_eq(f[128], 0x06);
}
END_TEST

START_TEST(madt_entries)
{
	const u8 *m = table(get32(table(get32(mem + 16), "RSDT") + 40), "APIC");
	const u8 *end = m + get32(m + 4);
	int seen[5] = {0};

	ck_assert_uint_eq(get32(m + 36), 0xfee00000);
	for (m += 44; m < end; m += m[1]) {
		ck_assert_uint_ge(m[1], 2);
		ck_assert_uint_lt(m[0], 5);
		seen[m[0]]++;
		if (m[0] == 2 && m[3] == 0)
			ck_assert_uint_eq(get32(m + 4), 2);
	}
	ck_assert_ptr_eq(m, end);
	ck_assert_int_eq(seen[0], 1);
	ck_assert_int_eq(seen[1], 1);
	ck_assert_int_eq(seen[2], 4);
	ck_assert_int_eq(seen[4], 1);
}
END_TEST

/* What the AML reader has met. */
struct census {
	int devices, names, packages, buffers;
	bool s5, prt;
};

static const u8 *aml_length(const u8 *p, const u8 **end)
{
	unsigned more = *p >> 6;
	u32 len = *p & (more ? 0x0f : 0x3f);

	for (unsigned i = 0; i < more; i++)
		len |= (u32)p[1 + i] << (4 + 8 * i);
	*end = p + len;
	return p + 1 + more;
}

static void check_path(const u8 *p)
{
	for (int i = 0; i < 4; i++)
		ck_assert_msg((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_' ||
				      (i && p[i] >= '0' && p[i] <= '9'),
			      "name %.4s", (const char *)p);
}

static void check_resources(const u8 *p, const u8 *end)
{
	while (p < end && *p != 0x79) {
		unsigned len =
			*p & 0x80 ? 3 + (p[1] | p[2] << 8) : 1 + (*p & 7);

		p += len;
	}
	ck_assert_ptr_eq(p + 2, end); /* the end tag is the last thing */
}

static const u8 *check_object(const u8 *p, const u8 *end, struct census *c);

static const u8 *check_package(const u8 *p, const u8 *limit, struct census *c)
{
	const u8 *end;
	int count;

	p = aml_length(p, &end);
	ck_assert(end <= limit);
	count = *p++;
	for (int i = 0; i < count; i++)
		p = check_object(p, end, c);
	ck_assert_ptr_eq(p, end);
	c->packages++;
	return end;
}

static const u8 *check_buffer(const u8 *p, const u8 *limit, struct census *c)
{
	const u8 *end;

	p = aml_length(p, &end);
	ck_assert(end <= limit);
	ck_assert_uint_eq(*p, 0x0b);
	ck_assert_int_eq(p[1] | p[2] << 8, end - (p + 3));
	check_resources(p + 3, end);
	c->buffers++;
	return end;
}

static const u8 *check_object(const u8 *p, const u8 *end, struct census *c)
{
	ck_assert(p < end);
	switch (*p) {
	case 0x00:
	case 0x01:
		return p + 1;
	case 0x0a:
		return p + 2;
	case 0x0b:
		return p + 3;
	case 0x0c:
		return p + 5;
	case 0x11:
		return check_buffer(p + 1, end, c);
	case 0x12:
		return check_package(p + 1, end, c);
	}
	ck_abort_msg("object %#x", *p);
	return end;
}

static void check_terms(const u8 *p, const u8 *end, struct census *c)
{
	while (p < end) {
		const u8 *inner;

		if (p[0] == 0x08) { /* Name */
			check_path(p + 1);
			c->names++;
			c->s5 = c->s5 || !memcmp(p + 1, "_S5_", 4);
			c->prt = c->prt || !memcmp(p + 1, "_PRT", 4);
			p = check_object(p + 5, end, c);
			continue;
		}
		if (p[0] == 0x10) { /* Scope (\XXXX) */
			p = aml_length(p + 1, &inner);
			ck_assert_uint_eq(*p, '\\');
			p++;
		} else { /* Device */
			ck_assert_uint_eq(p[0], 0x5b);
			ck_assert_uint_eq(p[1], 0x82);
			p = aml_length(p + 2, &inner);
			c->devices++;
		}
		ck_assert(inner <= end);
		check_path(p);
		check_terms(p + 4, inner, c);
		p = inner;
	}
	ck_assert_ptr_eq(p, end);
}

START_TEST(dsdt_is_sound)
{
	const u8 *d = table(get32(fadt() + 40), "DSDT");
	struct census c = {0};

	check_terms(d + 36, d + get32(d + 4), &c);
	ck_assert_int_eq(c.devices, 10);
	ck_assert_int_eq(c.packages, 1 + 31 * 4 + 1);
	ck_assert(c.s5 && c.prt);
}
END_TEST

START_TEST(eisa_id)
{
	u8 buf[16];
	struct aml a = {.buf = buf, .cap = sizeof(buf)};

	aml_hid(&a, "PNP0A03");
	ck_assert_mem_eq(buf, "\x08_HID\x0c\x41\xd0\x0a\x03", 10);
}
END_TEST

START_TEST(no_room)
{
	int used = acpi_build(&config, mem, sizeof(mem), GPA);

	for (int cap = 0; cap < used; cap++) {
		memset(mem, 0xaa, sizeof(mem));
		ck_assert_int_eq(acpi_build(&config, mem, cap, GPA), -ENOSPC);
		for (size_t i = cap; i < sizeof(mem); i++)
			if (mem[i] != 0xaa)
				ck_abort_msg("wrote beyond %d", cap);
	}
}
END_TEST

static struct acpi_pm pm;
static struct dev_time t;
static struct dev_wire sci, off;

static void pm_setup(void)
{
	dev_time_init(&t, NS_PER_SEC);
	sci = off = (struct dev_wire){0};
	acpi_pm_init(&pm, &t.clock, &t.timers, dev_wire_line(&sci),
		     dev_wire_line(&off));
}

static u64 rd(u16 port, unsigned size)
{
	return acpi_pm_ops.read(&pm, port, size) &
	       ((2ull << (size * 8 - 1)) - 1);
}

static void wr(u16 port, unsigned size, u32 val)
{
	acpi_pm_ops.write(&pm, port, size, val);
}

START_TEST(pm_timer)
{
	u32 before = rd(ACPI_PM_TMR, 4);

	dev_time_pass(&t, NS_PER_SEC);
	ck_assert_uint_eq(rd(ACPI_PM_TMR, 4) - before, ACPI_PM_TIMER_HZ);
	ck_assert_uint_eq(timers_next(&t.timers), TIMER_NEVER);
	wr(ACPI_PM1_EVT + 2, 2, 1);
	dev_time_pass(&t, 700 * NS_PER_SEC); /* the top bit takes 600 s */
	ck_assert(sci.level);
	ck_assert_uint_eq(rd(ACPI_PM1_EVT, 2), 1);
	wr(ACPI_PM1_EVT, 2, 1);
	ck_assert(!sci.level);
}
END_TEST

START_TEST(power_button)
{
	acpi_pm_power_button(&pm);
	ck_assert(!sci.level);
	wr(ACPI_PM1_EVT + 2, 2, 0x100);
	ck_assert(sci.level);
	wr(ACPI_PM1_EVT, 4, 0x01000100); /* both registers at once */
	ck_assert(!sci.level);
	ck_assert_uint_eq(rd(ACPI_PM1_EVT, 4), 0x01000000);
}
END_TEST

START_TEST(power_off)
{
	ck_assert_uint_eq(rd(ACPI_PM1_CNT, 2), 1); /* SCI_EN */
	wr(ACPI_PM1_CNT, 2, 0x1401);		   /* another type, no enable */
	wr(ACPI_PM1_CNT, 2, 0x3401);
	ck_assert_int_eq(off.rises, 0);
	wr(ACPI_PM1_CNT, 2, 0x2000);
	ck_assert_int_eq(off.rises, 1);
}
END_TEST

START_TEST(pm_hostile)
{
	u8 buf[128];
	struct state s;

	for (int i = 0; i < 12; i++)
		rd(ACPI_PM_PORT + i, 1);
	dev_hammer(&acpi_pm_ops, &pm, ACPI_PM_PORT, ACPI_PM_PORTS, &t, 8,
		   100000);
	state_save_init(&s, buf, sizeof(buf));
	acpi_pm_state(&pm, &s);
	state_load_init(&s, buf, s.pos);
	acpi_pm_state(&pm, &s);
	ck_assert_int_eq(s.err, 0);
}
END_TEST

Suite *suite_acpi(void)
{
	Suite *s = suite_create("acpi");
	TCase *c = tcase_create("tables");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_set_timeout(c, 20);
	tcase_add_test(c, roots);
	tcase_add_test(c, fadt_fields);
	tcase_add_test(c, madt_entries);
	tcase_add_test(c, dsdt_is_sound);
	tcase_add_test(c, eisa_id);
	tcase_add_test(c, no_room);
	suite_add_tcase(s, c);
	c = tcase_create("pm");
	tcase_add_checked_fixture(c, pm_setup, NULL);
	tcase_add_test(c, pm_timer);
	tcase_add_test(c, power_button);
	tcase_add_test(c, power_off);
	tcase_add_test(c, pm_hostile);
	suite_add_tcase(s, c);
	return s;
}
