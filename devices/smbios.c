// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smbios.c - see smbios.h for the contract and the specification.
 *
 * A structure is its fixed part, then its strings, each with its zero, then
 * one more zero. A string field of the fixed part is the string's number.
 */
#include <string.h>

#include "smbios.h"

#define ENTRY_SIZE	   0x1f
#define ENTRY_INTERMEDIATE 0x10 /* the part with a sum of its own */

#define TYPE_BIOS    0
#define TYPE_SYSTEM  1
#define TYPE_CHASSIS 3
#define TYPE_BOOT    32
#define TYPE_END     127

#define BIOS_NO_CHARACTERISTICS 0x08
#define BIOS_EXT1_ACPI		0x01
#define BIOS_EXT2_VIRTUAL	0x10
#define STATE_SAFE		3
#define WAKEUP_POWER_SWITCH	6

struct smbios_table {
	u8 *mem;
	size_t cap, used;
	unsigned count;	   /* structures */
	unsigned largest;  /* bytes */
	bool full;
};

static void smbios_put(struct smbios_table *t, const void *p, size_t n)
{
	if (t->full || n > t->cap - t->used) {
		t->full = true;
		return;
	}
	memcpy(t->mem + t->used, p, n);
	t->used += n;
}

/* A structure: len bytes of fixed part, whose header is filled in here, and
 * its strings, up to a NULL. */
static void smbios_add(struct smbios_table *t, u8 type, u8 *fixed, u8 len,
		       const char *const *strings)
{
	static const u8 zeroes[2];
	size_t start = t->used;

	fixed[0] = type;
	fixed[1] = len;
	fixed[2] = (u8)t->count; /* the handle: any number of its own */
	fixed[3] = 0;
	smbios_put(t, fixed, len);
	if (!*strings)
		smbios_put(t, zeroes, 1);
	for (; *strings; strings++)
		smbios_put(t, *strings, strlen(*strings) + 1);
	smbios_put(t, zeroes, 1);
	t->count++;
	t->largest = MAX(t->largest, (unsigned)(t->used - start));
}

static void smbios_add_bios(struct smbios_table *t)
{
	static const char *const strings[] = { "Umbra", UMBRA_VERSION,
					       "01/01/2026", NULL };
	u8 s[0x18] = { 0 };

	s[0x04] = 1; /* vendor */
	s[0x05] = 2; /* version */
	s[0x07] = SMBIOS_GPA >> 12; /* segment, high byte */
	s[0x08] = 3; /* date */
	s[0x0a] = BIOS_NO_CHARACTERISTICS;
	s[0x12] = BIOS_EXT1_ACPI;
	s[0x13] = BIOS_EXT2_VIRTUAL;
	memset(s + 0x14, 0xff, 4); /* no releases */
	smbios_add(t, TYPE_BIOS, s, sizeof(s), strings);
}

static void smbios_add_system(struct smbios_table *t)
{
	static const char *const strings[] = { "Umbra", "PC",
					       UMBRA_VERSION, NULL };
	u8 s[0x1b] = { 0 }; /* UUID zero: none */

	s[0x04] = 1; /* manufacturer */
	s[0x05] = 2; /* product */
	s[0x06] = 3; /* version */
	s[0x18] = WAKEUP_POWER_SWITCH;
	smbios_add(t, TYPE_SYSTEM, s, sizeof(s), strings);
}

static void smbios_add_chassis(struct smbios_table *t)
{
	static const char *const strings[] = { "Umbra", NULL };
	u8 s[0x16] = { 0 };

	s[0x04] = 1; /* manufacturer */
	s[0x05] = 1; /* type: other */
	s[0x09] = STATE_SAFE; /* at boot, power supply, temperature */
	s[0x0a] = STATE_SAFE;
	s[0x0b] = STATE_SAFE;
	s[0x0c] = 3; /* security: none */
	smbios_add(t, TYPE_CHASSIS, s, sizeof(s), strings);
}

static void smbios_add_rest(struct smbios_table *t)
{
	static const char *const none[] = { NULL };
	u8 boot[0x0b] = { 0 }; /* status 0: no errors */
	u8 end[0x04] = { 0 };

	smbios_add(t, TYPE_BOOT, boot, sizeof(boot), none);
	smbios_add(t, TYPE_END, end, sizeof(end), none);
}

/* What makes the bytes add up to zero. */
static u8 smbios_checksum(const u8 *p, size_t len)
{
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return (u8)-sum;
}

static void smbios_entry(u8 *e, const struct smbios_table *t, u32 gpa)
{
	u16 max = (u16)t->largest, len = (u16)t->used, count = (u16)t->count;

	memset(e, 0, ENTRY_SIZE);
	memcpy(e, "_SM_", 4);
	e[0x05] = ENTRY_SIZE;
	e[0x06] = 2; /* SMBIOS 2.8 */
	e[0x07] = 8;
	memcpy(e + 0x08, &max, 2);
	memcpy(e + 0x10, "_DMI_", 5);
	memcpy(e + 0x16, &len, 2);
	memcpy(e + 0x18, &gpa, 4);
	memcpy(e + 0x1c, &count, 2);
	e[0x1e] = 0x28;
	e[0x15] = smbios_checksum(e + ENTRY_INTERMEDIATE,
				  ENTRY_SIZE - ENTRY_INTERMEDIATE);
	e[0x04] = smbios_checksum(e, ENTRY_SIZE);
}

int smbios_build(u8 *mem, size_t cap, u32 gpa)
{
	size_t head = ALIGN_UP(ENTRY_SIZE, 16);
	struct smbios_table t = { 0 };

	if (cap < head)
		return -ENOSPC;
	t.mem = mem + head;
	t.cap = MIN(cap - head, (size_t)0xffff);
	smbios_add_bios(&t);
	smbios_add_system(&t);
	smbios_add_chassis(&t);
	smbios_add_rest(&t);
	if (t.full)
		return -ENOSPC;
	smbios_entry(mem, &t, gpa + (u32)head);
	return (int)(head + t.used);
}
