/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segreg.h - a segment register with its hidden part. A leaf header.
 */
#ifndef UMBRA_SEGREG_H
#define UMBRA_SEGREG_H

#include "base.h"

/*
 * A segment register with its hidden part. lo..hi are the first and last
 * valid offsets for checked accesses (expand-down swaps the meaning of limit;
 * lo > hi: nothing is valid, e.g. after a null selector). attr is the
 * descriptor's bits 8..15 and 20..23 as in the second dword shifted right by
 * 8 (type 0..3, S 4, DPL 5..6, P 7, AVL 12, L 13, D/B 14, G 15).
 */
struct seg {
	u64 base;
	u32 lo, hi;
	u32 limit; /* in bytes, granularity applied */
	u16 sel;
	u16 attr;
	u8 readable, writable; /* 1 if data accesses of this kind pass */
	u8 pad[6];
};
static_assert(sizeof(struct seg) == 32, "the glue scales by 32");

#define SEG_ATTR_TYPE(a) ((a) & 15)
#define SEG_ATTR_A	 (1u << 0)
#define SEG_ATTR_W	 (1u << 1) /* data: writable; code: readable */
#define SEG_ATTR_E	 (1u << 2) /* data: expand-down; code: conforming */
#define SEG_ATTR_CODE	 (1u << 3)
#define SEG_ATTR_S	 (1u << 4)
#define SEG_ATTR_DPL(a)	 (((a) >> 5) & 3)
#define SEG_ATTR_P	 (1u << 7)
#define SEG_ATTR_L	 (1u << 13)
#define SEG_ATTR_DB	 (1u << 14)
#define SEG_ATTR_G	 (1u << 15)

#endif
