// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lowseg.c - see lowseg.h.
 */
#include <asm/ldt.h>
#include "lowrun.h"

/* clang-format off */
#define SEL_CODE32 0x23
#define SEL_DATA32 0x2b
#define LDT(n) .ldt = (n) + 1, .sel = (n) * 8 + 7
#define WHOLE  .limit = 0xffffffff, .big = true
#define CODE32 { .sel = SEL_CODE32, .code = true, .readonly = true, WHOLE }
#define DATA32 { .sel = SEL_DATA32, WHOLE }
#define BASED  { LDT(0), .base = LOW_BASE, WHOLE }

static const struct low_segment low_segments[LOW_SEG_NR][SEG_NR] = {
	[LOW_FLAT] = {
		[SEG_CS] = CODE32,
		[SEG_ES] = DATA32, [SEG_SS] = DATA32, [SEG_DS] = DATA32,
		[SEG_FS] = BASED,
		[SEG_GS] = { LDT(1), .base = LOW_DATA, .limit = 0x2fff,
			     .big = true },
	},
	[LOW_BASED] = {
		[SEG_CS] = CODE32,
		[SEG_ES] = BASED, [SEG_SS] = BASED, [SEG_DS] = BASED,
		[SEG_FS] = { LDT(2), .readonly = true, WHOLE },
		[SEG_GS] = BASED,
	},
	[LOW_16] = {
		[SEG_CS] = { LDT(3), .base = LOW_CODE, .limit = 0xffff,
			     .code = true, .readonly = true },
		[SEG_ES] = { LDT(4), .base = LOW_DATA, .limit = 0xffff },
		[SEG_DS] = { LDT(4), .base = LOW_DATA, .limit = 0xffff },
		[SEG_SS] = { LDT(5), .base = LOW_STACK, .limit = 0xffff },
		[SEG_FS] = { LDT(6), .base = LOW_DATA, .limit = 0xffff,
			     .readonly = true },
		[SEG_GS] = { LDT(7), .base = LOW_DATA, .limit = 0xfff,
			     .down = true },
	},
	[LOW_ODDSEG] = {
		[SEG_CS] = CODE32,
		[SEG_DS] = { LDT(8), .base = LOW_DATA, .limit = 0x37ff,
			     .big = true },
		[SEG_ES] = { LDT(9), .base = LOW_DATA, .limit = 0x7ff,
			     .down = true, .big = true },
		[SEG_SS] = { LDT(10), .base = LOW_STACK, .limit = 0x3fff,
			     .big = true },
		[SEG_FS] = { LDT(11), .base = LOW_DATA, .limit = 0x2fff,
			     .readonly = true, .big = true },
		[SEG_GS] = { .null = true },
	},
};
/* clang-format on */

/* For selectors that instructions load, not for cases to run with. */
static const struct {
	u8 ldt;
	bool code, conforming, no_read, absent, readonly;
} low_others[] = {
	{ .ldt = 12, .absent = true },
	{ .ldt = 13, .absent = true, .code = true },
	{ .ldt = 14, .code = true },
	{ .ldt = 15, .code = true, .no_read = true },
	{ .ldt = 16, .code = true, .conforming = true, .absent = true },
	{ .ldt = 17, .readonly = true },
};

const struct low_segment *low_segment(enum low_seg seg, unsigned n)
{
	return &low_segments[seg][n];
}

u32 low_segment_lo(const struct low_segment *s)
{
	return s->null ? 1 : s->down ? s->limit + 1 : 0;
}

u32 low_segment_hi(const struct low_segment *s)
{
	if (s->null)
		return 0;
	return !s->down ? s->limit : s->big ? 0xffffffff : 0xffff;
}

static int segment_ldt(const struct low_segment *s,
		       int (*set)(void *opaque, const struct user_desc *d),
		       void *opaque)
{
	bool pages = s->limit > 0xfffff;
	struct user_desc d = { .entry_number = s->ldt - 1,
			       .base_addr = s->base,
			       .limit = pages ? s->limit >> 12 : s->limit,
			       .limit_in_pages = pages,
			       .seg_32bit = s->big,
			       .contents = s->code ? 2 : s->down,
			       .read_exec_only = s->readonly && !s->code,
			       .useable = 1 };

	return set(opaque, &d);
}

int low_segment_ldt(int (*set)(void *opaque, const struct user_desc *d),
		    void *opaque)
{
	for (int k = 0; k < LOW_SEG_NR; k++)
		for (int i = 0; i < SEG_NR; i++)
			if (low_segments[k][i].ldt &&
			    segment_ldt(&low_segments[k][i], set, opaque))
				return -1;
	for (unsigned i = 0; i < ARRAY_SIZE(low_others); i++) {
		struct user_desc d = {
			.entry_number = low_others[i].ldt,
			.limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1,
			.contents = low_others[i].conforming ? 3 :
				    low_others[i].code ? 2 : 0,
			.read_exec_only = low_others[i].no_read ||
					  low_others[i].readonly,
			.seg_not_present = low_others[i].absent, .useable = 1,
		};

		if (set(opaque, &d))
			return -1;
	}
	return 0;
}

struct seg low_segment_reg(const struct low_segment *s)
{
	u16 attr = SEG_ATTR_A | SEG_ATTR_S | 3 << 5 | SEG_ATTR_P;

	if (s->code)
		attr |= SEG_ATTR_CODE | SEG_ATTR_W;
	else if (!s->readonly)
		attr |= SEG_ATTR_W;
	if (s->down)
		attr |= SEG_ATTR_E;
	if (s->big)
		attr |= SEG_ATTR_DB;
	return (struct seg){ .base = s->base, .limit = s->limit,
			     .lo = low_segment_lo(s), .hi = low_segment_hi(s),
			     .sel = s->sel, .attr = s->null ? 0 : attr,
			     .readable = !s->null,
			     .writable = !s->null && !s->readonly };
}
