/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdbstub_regs.h - the registers as gdb sees them: numbers, places in one
 * image, and the target description that tells gdb of them.
 */
#ifndef UMBRA_GDBSTUB_REGS_H
#define UMBRA_GDBSTUB_REGS_H

#include "runtime/base.h"

/* Numbers in the order of the description. */
enum {
	GDB_EAX, GDB_ECX, GDB_EDX, GDB_EBX, GDB_ESP, GDB_EBP, GDB_ESI, GDB_EDI,
	GDB_EIP, GDB_EFLAGS,
	GDB_CS, GDB_SS, GDB_DS, GDB_ES, GDB_FS, GDB_GS,
	GDB_ST0,
	GDB_FCTRL = GDB_ST0 + 8, GDB_FSTAT, GDB_FTAG, GDB_FISEG, GDB_FIOFF,
	GDB_FOSEG, GDB_FOOFF, GDB_FOP,
	GDB_XMM0,
	GDB_MXCSR = GDB_XMM0 + 8,
	GDB_CR0, GDB_CR2, GDB_CR3, GDB_CR4, GDB_EFER,
	GDB_CS_BASE, GDB_SS_BASE, GDB_DS_BASE, GDB_ES_BASE, GDB_FS_BASE,
	GDB_GS_BASE,
	GDB_NREGS
};

#define GDB_ST_BYTES  10u
#define GDB_XMM_BYTES 16u
#define GDB_REGS_BYTES                                                        \
	(4u * (GDB_NREGS - 16) + 8 * (GDB_ST_BYTES + GDB_XMM_BYTES))

/* Bytes of register n, and where they are in the image. */
static inline unsigned gdb_reg_size(unsigned n)
{
	if (n >= GDB_ST0 && n < GDB_FCTRL)
		return GDB_ST_BYTES;
	if (n >= GDB_XMM0 && n < GDB_MXCSR)
		return GDB_XMM_BYTES;
	return 4;
}

static inline unsigned gdb_reg_offset(unsigned n)
{
	unsigned off = 4 * n;

	if (n > GDB_ST0)
		off += (GDB_ST_BYTES - 4) *
		       (MIN(n, (unsigned)GDB_FCTRL) - GDB_ST0);
	if (n > GDB_XMM0)
		off += (GDB_XMM_BYTES - 4) *
		       (MIN(n, (unsigned)GDB_MXCSR) - GDB_XMM0);
	return off;
}

static inline u32 gdb_reg_get(const u8 *image, unsigned n)
{
	u32 v;

	__builtin_memcpy(&v, image + gdb_reg_offset(n), 4);
	return v;
}

static inline void gdb_reg_set(u8 *image, unsigned n, u32 v)
{
	__builtin_memcpy(image + gdb_reg_offset(n), &v, 4);
}

/* target.xml. */
extern const char gdb_target_xml[];

#endif
