/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trans.h - what the assembly of glue_sys.S remembers about changes of
 * privilege and of segments, so that it can repeat them without C.
 *
 * A leaf header; the tables are part of struct cpu. C carries out each change
 * first, and trans.c then writes down from what it followed and where it led.
 * Two things keep an entry true:
 *
 * - What lies in guest memory (gates, descriptors, the TSS) is read again each
 *   time and compared with the bytes that were in force, since the guest may
 *   change it without notice.
 * - What only C changes (table registers, control registers, MSRs, translations
 *   of the pages that the tables lie on, hash tables, views) has a generation:
 *   trans_flush() ends all entries at once.
 */
#ifndef UMBRA_TRANS_H
#define UMBRA_TRANS_H

#include "segreg.h"

struct htab;

/* A mode and a view, as generated code needs them. */
struct trans_target {
	u32 mode, view;
	struct htab *htab;
	u64 window;
	u64 tlb[2]; /* with EFLAGS.AC clear and set */
	u64 cpl;
};

/* What makes a struct trans the right one; compared as one word. */
#define TRANS_KEY(gen, mode, what)                                            \
	((u64)(what) << 48 | (u64)(mode) << 32 | (gen))
enum {
	TRANS_IRET = 0x100, /* 0..ff: INT n; + RPL of the new CS */
	TRANS_SYSENTER = 0x104,
	TRANS_SYSEXIT = 0x105,
};

/* A change of CS from one mode. Descriptors are in the linear mapping. */
struct trans {
	u64 key;
	const u64 *gate, *cs_desc, *ss_desc; /* where they lie */
	u64 gate_raw, cs_raw, ss_raw;	     /* and what they contain */
	const u8 *tss; /* ESP0 and SS0 */
	u32 eip;       /* INT: the gate's */
	u8 iflag;      /* INT: IF is anded with it */
	u8 outer;      /* IRET: to an outer privilege */
	u8 pad[2];
	struct seg cs, ss;
	struct trans_target to;
};

/* A selector that may be loaded at this CPL. */
#define TRANS_SEG_KEY(gen, sel, cpl)                                          \
	((u64)(cpl) << 48 | (u64)(sel) << 32 | (gen))
struct trans_seg {
	u64 key;
	const u64 *desc;
	u64 raw;
	struct seg seg;
	u64 segc; /* enum seg_class of it */
};
static_assert(sizeof(struct trans_seg) == 64, "the glue scales by 64");

/* The mode that another class of a segment register makes of one. */
#define TRANS_LINK_KEY(gen, mode, seg, segc)                                  \
	((u64)(segc) << 52 | (u64)(seg) << 48 | (u64)(mode) << 32 | (gen))
struct trans_link {
	u64 key;
	struct trans_target to;
	u64 pad;
};
static_assert(sizeof(struct trans_link) == 64, "the glue scales by 64");

#define TRANS_LINK_AC 7 /* in place of a register, AC in place of the class */

#define TRANS_INTS  8  /* by the mode's low bits */
#define TRANS_IRETS 16 /* by those and the low bit of the new CS */
#define TRANS_SYSS  8
#define TRANS_SEGS  16 /* by the selector's index */
#define TRANS_LINKS 64 /* by mode, register and class */
#define TRANS_PINS  8

/*
 * GLUE_SEGLOAD's r14: selector, register, the class that the block expects of
 * it, bytes to add to esp.
 */
#define TRANS_LOAD(seg, segc, pop)                                            \
	((u32)(seg) << 16 | (u32)(segc) << 20 | (u32)(pop) << 24)

struct trans_state {
	u32 gen;   /* never 0 */
	u32 npins; /* more than TRANS_PINS: pages were not written down */
	u64 null;  /* descriptor of the null selectors */
	u64 count; /* changes made without C */
	u32 pins[TRANS_PINS]; /* linear pages that entries have read */
	struct trans ints[TRANS_INTS], irets[TRANS_IRETS];
	struct trans enters[TRANS_SYSS], exits[TRANS_SYSS];
	struct trans_seg segs[TRANS_SEGS];
	struct trans_link links[TRANS_LINKS];
};

#endif
