/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load_impl.h - what the loaders of tools/ share: checked writes to guest
 * RAM, free room in low memory, the flat entry state.
 */
#ifndef UMBRA_LOAD_IMPL_H
#define UMBRA_LOAD_IMPL_H

#include <string.h>
#include "load.h"

#define LOAD_SEGS_MAX	 64
#define LOAD_CMDLINE_MAX 0xffffu /* room we set aside, with the final NUL */
#define LOAD_LOW_FIRST	 0x10000ull /* tables go from here... */
#define LOAD_LOW_END	 0x9f000ull /* ...to here: below the EBDA */
#define LOAD_GDT_SIZE	 32u

#define LOAD_SEL_CS 0x10
#define LOAD_SEL_DS 0x18

/* Where the kernel lies in guest memory, segment by segment. */
struct load_image {
	u64 entry;
	unsigned nr;
	struct { u64 lo, hi; } seg[LOAD_SEGS_MAX]; /* hi is exclusive */
};

static inline u16 load_get16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static inline u32 load_get32(const u8 *p)
{
	return load_get16(p) | (u32)load_get16(p + 2) << 16;
}

static inline u64 load_get64(const u8 *p)
{
	return load_get32(p) | (u64)load_get32(p + 4) << 32;
}

static inline void load_put16(u8 *p, u16 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
}

static inline void load_put32(u8 *p, u32 v)
{
	load_put16(p, (u16)v);
	load_put16(p + 2, (u16)(v >> 16));
}

static inline void load_put64(u8 *p, u64 v)
{
	load_put32(p, (u32)v);
	load_put32(p + 4, (u32)(v >> 32));
}

/* Formats "FILE: text" into res->error; returns -EINVAL. */
int load_fail(struct load_result *res, const char *path, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* All of addr..addr+len is usable RAM. */
bool load_is_ram(const struct load_request *req, u64 addr, u64 len);

/* Adds addr..addr+memsz to the image and copies filesz bytes of the kernel
 * file from offset there. Fails on anything that is not in the file or not
 * in RAM, and when the image as a whole is larger than RAM. */
int load_segment(const struct load_request *req, struct load_result *res,
		 struct load_image *img, u64 addr, u64 offset, u64 filesz,
		 u64 memsz);

/* True if the image has a byte in lo..hi. */
bool load_image_hits(const struct load_image *img, u64 lo, u64 hi);
/* One past the image's last byte. */
u64 load_image_end(const struct load_image *img);
/* The lowest page-aligned gpa with size free bytes in low memory, or 0. */
u64 load_low_find(const struct load_request *req, const struct load_image *img,
		  u64 size);

/* Writes a flat GDT at gpa (LOAD_GDT_SIZE bytes) and sets the state both
 * boot protocols want: protected mode, paging and interrupts off. */
void load_flat_state(const struct load_request *req, struct load_result *res,
		     u64 gdt, u64 entry);

/* The command line with its NUL to gpa; the caller checked the length. */
void load_cmdline(const struct load_request *req, u64 gpa);

/* elf_*: PT_LOAD segments of a 32-bit x86 ELF by physical address. */
bool load_is_elf(const struct load_file *f);
int load_elf_image(const struct load_request *req, struct load_result *res,
		   struct load_image *img);

/* Highest page-aligned gpa for the initrd: below limit, in RAM, clear of the
 * image; fails with a line if there is none. */
int load_initrd_place(const struct load_request *req, struct load_result *res,
		      const struct load_image *img, u64 limit, u64 *gpa);

/* Fills struct boot_params (the zero page, 4096 bytes at gpa) around the
 * setup header that is already there. */
void load_boot_params(const struct load_request *req, u64 gpa, u64 cmdline,
		      u64 initrd);

bool load_is_bzimage(const struct load_file *f);
int load_bzimage(const struct load_request *req, struct load_result *res);
int load_vmlinux(const struct load_request *req, struct load_result *res);
bool load_is_multiboot(const struct load_file *f);
int load_multiboot(const struct load_request *req, struct load_result *res);

#endif
