// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * aml.c - the AML writer. See aml.h for the contract and sources.
 */
#include <string.h>

#include "aml.h"

#define OP_ZERO	   0x00
#define OP_ONE	   0x01
#define OP_NAME	   0x08
#define OP_BYTE	   0x0a
#define OP_WORD	   0x0b
#define OP_DWORD   0x0c
#define OP_STRING  0x0d
#define OP_QWORD   0x0e
#define OP_SCOPE   0x10
#define OP_BUFFER  0x11
#define OP_PACKAGE 0x12
#define OP_EXT	   0x5b
#define OP_DEVICE  0x82 /* after OP_EXT */

#define PKG_LENGTH_BYTES 3
#define PKG_LENGTH_MAX	 0xfffff

#define RES_IRQ	   0x22 /* small descriptors: tag and length in one byte */
#define RES_IO	   0x47
#define RES_END	   0x79
#define RES_MEM32  0x86 /* large descriptors: 16-bit length follows */
#define RES_DWORD  0x87
#define RES_WORD   0x88
#define RES_IO_16  0x01 /* decodes 16 address bits */
#define RES_RW	   0x01
#define RES_CACHED 0x02

enum res_window { WINDOW_MEM, WINDOW_IO, WINDOW_BUS };
#define WINDOW_FIXED  0x0c /* produced; minimum and maximum are fixed */
#define WINDOW_ALL_IO 0x03 /* ISA and non-ISA ranges */

static void aml_put(struct aml *a, u64 val, unsigned bytes)
{
	if (a->cap - a->len < bytes) {
		a->overflow = true;
		return;
	}
	for (unsigned i = 0; i < bytes; i++)
		a->buf[a->len++] = val >> i * 8 & 0xff;
}

static void aml_chars(struct aml *a, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		aml_put(a, (u8)s[i], 1);
}

static void aml_path(struct aml *a, const char *path)
{
	size_t n = strlen(path);

	must(n == 4 || (n == 5 && path[0] == '\\'), "AML path %s", path);
	aml_chars(a, path, n);
}

static struct aml_mark aml_open(struct aml *a)
{
	struct aml_mark mark = {.length_at = a->len};

	aml_put(a, 0, PKG_LENGTH_BYTES);
	return mark;
}

/*
 * PkgLength counts itself. Its first byte holds how many bytes follow (bits
 * 7:6) and the length's low four bits.
 */
void aml_close(struct aml *a, struct aml_mark mark)
{
	size_t len;
	u8 *p = a->buf + mark.length_at;

	if (mark.size_at)
		aml_put(a, RES_END, 2); /* with a checksum of 0: not kept */
	if (a->overflow)
		return;
	if (mark.size_at) {
		size_t size = a->len - mark.size_at - 2;

		a->buf[mark.size_at] = size & 0xff;
		a->buf[mark.size_at + 1] = size >> 8 & 0xff;
	}
	len = a->len - mark.length_at;
	must(len <= PKG_LENGTH_MAX, "AML package of %zu bytes", len);
	p[0] = (PKG_LENGTH_BYTES - 1) << 6 | (len & 0x0f);
	p[1] = len >> 4 & 0xff;
	p[2] = len >> 12 & 0xff;
}

struct aml_mark aml_scope(struct aml *a, const char *path)
{
	struct aml_mark mark;

	aml_put(a, OP_SCOPE, 1);
	mark = aml_open(a);
	aml_path(a, path);
	return mark;
}

struct aml_mark aml_device(struct aml *a, const char *name)
{
	struct aml_mark mark;

	aml_put(a, OP_EXT | OP_DEVICE << 8, 2);
	mark = aml_open(a);
	aml_path(a, name);
	return mark;
}

static void aml_name(struct aml *a, const char *name)
{
	aml_put(a, OP_NAME, 1);
	aml_path(a, name);
}

struct aml_mark aml_package(struct aml *a, u8 count)
{
	struct aml_mark mark;

	aml_put(a, OP_PACKAGE, 1);
	mark = aml_open(a);
	aml_put(a, count, 1);
	return mark;
}

struct aml_mark aml_name_package(struct aml *a, const char *name, u8 count)
{
	aml_name(a, name);
	return aml_package(a, count);
}

struct aml_mark aml_name_resources(struct aml *a, const char *name)
{
	struct aml_mark mark;

	aml_name(a, name);
	aml_put(a, OP_BUFFER, 1);
	mark = aml_open(a);
	aml_put(a, OP_WORD, 1);
	mark.size_at = a->len;
	aml_put(a, 0, 2);
	return mark;
}

void aml_int(struct aml *a, u64 val)
{
	if (val <= 1) {
		aml_put(a, val ? OP_ONE : OP_ZERO, 1);
	} else if (val <= UINT8_MAX) {
		aml_put(a, OP_BYTE, 1);
		aml_put(a, val, 1);
	} else if (val <= UINT16_MAX) {
		aml_put(a, OP_WORD, 1);
		aml_put(a, val, 2);
	} else if (val <= UINT32_MAX) {
		aml_put(a, OP_DWORD, 1);
		aml_put(a, val, 4);
	} else {
		aml_put(a, OP_QWORD, 1);
		aml_put(a, val, 8);
	}
}

void aml_name_int(struct aml *a, const char *name, u64 val)
{
	aml_name(a, name);
	aml_int(a, val);
}

void aml_name_string(struct aml *a, const char *name, const char *s)
{
	aml_name(a, name);
	aml_put(a, OP_STRING, 1);
	aml_chars(a, s, strlen(s) + 1);
}

static unsigned aml_hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

void aml_hid(struct aml *a, const char *id)
{
	u16 vendor, product = 0;

	must(strlen(id) == 7, "EISA id %s", id);
	vendor = (id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@');
	for (int i = 3; i < 7; i++)
		product = product << 4 | aml_hex(id[i]);
	/* both halves are big-endian inside a little-endian integer */
	aml_name(a, "_HID");
	aml_put(a, OP_DWORD, 1);
	aml_put(a, __builtin_bswap16(vendor), 2);
	aml_put(a, __builtin_bswap16(product), 2);
}

void aml_res_io(struct aml *a, u16 port, u8 count)
{
	aml_put(a, RES_IO, 1);
	aml_put(a, RES_IO_16, 1);
	aml_put(a, port, 2); /* minimum and maximum base */
	aml_put(a, port, 2);
	aml_put(a, 1, 1); /* alignment */
	aml_put(a, count, 1);
}

void aml_res_irq(struct aml *a, int irq)
{
	aml_put(a, RES_IRQ, 1);
	aml_put(a, 1u << irq, 2);
}

void aml_res_mem32(struct aml *a, u32 base, u32 len)
{
	aml_put(a, RES_MEM32, 1);
	aml_put(a, 9, 2);
	aml_put(a, RES_RW, 1);
	aml_put(a, base, 4);
	aml_put(a, len, 4);
}

static void aml_res_window(struct aml *a, enum res_window type, u8 flags,
			   u32 first, u32 last, unsigned width)
{
	aml_put(a, width == 2 ? RES_WORD : RES_DWORD, 1);
	aml_put(a, 3 + 5 * width, 2);
	aml_put(a, type, 1);
	aml_put(a, WINDOW_FIXED, 1);
	aml_put(a, flags, 1);
	aml_put(a, 0, width); /* granularity */
	aml_put(a, first, width);
	aml_put(a, last, width);
	aml_put(a, 0, width); /* translation */
	aml_put(a, (u64)last - first + 1, width);
}

void aml_res_bus_window(struct aml *a, u16 first, u16 last)
{
	aml_res_window(a, WINDOW_BUS, 0, first, last, 2);
}

void aml_res_io_window(struct aml *a, u16 first, u16 last)
{
	aml_res_window(a, WINDOW_IO, WINDOW_ALL_IO, first, last, 2);
}

void aml_res_mem_window(struct aml *a, u32 first, u32 last, bool cacheable)
{
	u8 flags = RES_RW | (cacheable ? RES_CACHED : 0);

	aml_res_window(a, WINDOW_MEM, flags, first, last, 4);
}
