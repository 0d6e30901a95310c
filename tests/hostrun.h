/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostrun.h - runs one instruction natively, for tests of the table: 64-bit
 * code, or 32-bit code by way of the kernel's compatibility segment.
 *
 * The bytes are placed so that the last one ends an executable page and the
 * next page cannot be fetched: what the processor wanted to fetch shows the
 * length it sees. Registers point into a data page unless the caller says
 * otherwise. Only for instructions that cannot harm the process: no system
 * calls, no segment loads.
 */
#ifndef UMBRA_TESTS_HOSTRUN_H
#define UMBRA_TESTS_HOSTRUN_H

#include "runtime/base.h"

enum hostrun_end {
	HOSTRUN_RAN,   /* executed, and was exactly as long as the bytes */
	HOSTRUN_SHORT, /* the processor wanted more bytes */
	HOSTRUN_UD,    /* #UD */
	HOSTRUN_FAULT, /* another fault of the instruction itself */
	HOSTRUN_LOST,  /* went elsewhere (branch, or executed a shorter one) */
};

struct hostrun_regs {
	u64 gpr[16];	/* in encoding order */
	u32 eflags;	/* arithmetic flags and DF */
	u8 xmm[16][16]; /* in only */
};

#define HOSTRUN_DATA 0x10008000ul /* middle of 64 KiB of scratch memory */

/* Installs the signal handlers and maps the pages; once, before hostrun(). */
void hostrun_init(void);
void hostrun_fini(void);

/* All registers HOSTRUN_DATA, flags clear, vector registers zero. */
void hostrun_default(struct hostrun_regs *regs);

/* mode: 32 or 64. On HOSTRUN_RAN *regs holds the general registers and flags. */
enum hostrun_end hostrun(int mode, const u8 *code, size_t len,
			 struct hostrun_regs *regs);

#endif
