/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn.c - questions about a decoded instruction that its row alone cannot
 * answer: flags by count and prefix, sizes of images and registers.
 */
#include "optab.h"
#include "runtime/bits.h"

struct fl {
	u16 r, w, m, u;
};

/* Count of a shift or rotate by immediate or by 1; -1 if it is in CL. */
static int shift_count(const struct insn *insn)
{
	if (insn->row->imm == IMM_IBU)
		return insn->imm & (insn->opsize == 8 ? 0x3f : 0x1f);
	return insn->row->flags_m ? -1 : 1;
}

/* Nonzero counts write their flags for certain; OF only when it is 1. */
static void fl_count(struct fl *fl, int count)
{
	if (count < 0)
		return;
	if (count == 0) {
		fl->w = fl->m = fl->u = 0;
		return;
	}
	if (count == 1)
		fl->u &= ~EFL_OF;
	fl->w = (fl->w | fl->m) & ~fl->u;
	fl->m = 0;
}

static void fl_undefine(struct fl *fl, u16 flags)
{
	fl->u |= flags;
	fl->w &= ~flags;
}

static void fl_shift(const struct insn *insn, struct fl *fl)
{
	int count = shift_count(insn);
	int bits = 8 * (insn->row->memsize ? insn->row->memsize : insn->opsize);

	fl_count(fl, count);
	switch (insn->row->op) {
	case OP_SHL:
	case OP_SHR:
		if (count < 0 || count >= bits)
			fl_undefine(fl, EFL_CF);
		break;
	case OP_SHLD:
	case OP_SHRD: /* counts beyond 16 are possible with 16-bit operands */
		if (bits == 16 && (count < 0 || count > bits))
			fl_undefine(fl, EFL_ARITH);
		break;
	case OP_RCL:
	case OP_RCR:
		if (count == 0)
			fl->r = 0;
		break;
	}
}

void insn_flags(const struct insn *insn, u16 *r, u16 *w, u16 *m, u16 *u)
{
	const struct oprow *row = insn->row;
	struct fl fl = { row->flags_r, row->flags_w, row->flags_m,
			 row->flags_u };

	switch (row->op) {
	case OP_ROL:
	case OP_ROR:
	case OP_RCL:
	case OP_RCR:
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
	case OP_SHLD:
	case OP_SHRD:
		fl_shift(insn, &fl);
		break;
	case OP_SCAS:
	case OP_CMPS: /* under rep, a count of zero compares nothing */
		if (!insn->rep && !insn->repne) {
			fl.w |= fl.m;
			fl.m = 0;
		}
		break;
	}
	*r = fl.r;
	*w = fl.w;
	*m = fl.m;
	*u = fl.u;
}

unsigned insn_image_size(const struct insn *insn)
{
	bool small = insn->opsize == 2;

	switch (insn->row->op) {
	case OP_FLDENV:
	case OP_FNSTENV:
		return small ? 14 : 28;
	case OP_FRSTOR:
	case OP_FNSAVE:
		return small ? 94 : 108;
	case OP_FXSAVE:
	case OP_FXRSTOR:
		return 512;
	case OP_XSAVE:
	case OP_XRSTOR:
	case OP_XSAVEOPT:
	case OP_XSAVEC:
	case OP_XSAVES:
	case OP_XRSTORS:
		return 512 + 64 + 256; /* legacy, header, AVX */
	}
	return 0;
}

unsigned insn_opk_size(const struct insn *insn, enum insn_opkind kind)
{
	switch (kind) {
	case OPK_R8:
		return 1;
	case OPK_R16:
		return 2;
	case OPK_R:
		return insn->opsize;
	case OPK_R32:
		return 4;
	case OPK_R3264:
		return insn->opsize == 8 ? 8 : 4;
	default:
		return 0;
	}
}
