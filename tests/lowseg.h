/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowseg.h - the segments that a test case runs with: one table for the host's
 * LDT, for struct cpu, and for what makes up operands.
 */
#ifndef UMBRA_TESTS_LOWSEG_H
#define UMBRA_TESTS_LOWSEG_H

#include "runtime/cpu.h"
#include "translator/insn.h"

#define LOW_BASE 0x00345000u /* base of the segments that have a plain one */

/* LOW_16: 16-bit code too. LOW_ODD: limits, expand-down, read-only, null. */
enum low_seg { LOW_FLAT, LOW_BASED, LOW_16, LOW_ODDSEG, LOW_SEG_NR };

struct low_segment {
	u32 base;
	u32 limit; /* in bytes */
	u16 sel;
	u8 ldt; /* entry of the LDT, plus 1; 0: the kernel's, or null */
	bool code, readonly, down, big, null;
};

/* The segment register n (enum insn_seg) of such a case. */
const struct low_segment *low_segment(enum low_seg seg, unsigned n);
/* First and last valid offset. */
u32 low_segment_lo(const struct low_segment *s);
u32 low_segment_hi(const struct low_segment *s);
/* Fills the entries that the table names: 0, or -1 where the host's kernel
 * refuses an LDT. set: modify_ldt or what stands for it. */
struct user_desc;
int low_segment_ldt(int (*set)(void *opaque, const struct user_desc *d),
		    void *opaque);
/* As segment loads would leave them. */
struct seg low_segment_reg(const struct low_segment *s);

#endif
