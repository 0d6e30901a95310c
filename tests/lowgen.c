/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowgen.c - see lowgen.h.
 */
#include <string.h>
#include "lowgen.h"
#include "translator/optab.h"

u32 rng_u32(struct rng *r)
{
	r->s = r->s * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(r->s >> 32) ^ (u32)(r->s >> 17);
}

static u32 rng_value(struct rng *r)
{
	static const u32 odd[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000,
				   0xffff, 0x7fffffff, 0x80000000, 0xffffffff };

	return rng_one_in(r, 4) ? odd[rng_below(r, ARRAY_SIZE(odd))] :
				  rng_u32(r);
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

/* xsave layout, SDM vol. 1, 13.4 */
static void gen_ximage(struct rng *r, u8 *x)
{
	memset(x, 0, 4096);
	x[0] = 0x7f;
	x[1] = 0x03; /* FCW */
	x[4] = 0xff; /* no register is empty */
	put32(x + 24, 0x1f80);
	for (int i = 0; i < 8; i++) {
		u8 *st = x + 32 + 16 * i;

		put32(st, rng_u32(r));
		put32(st + 4, rng_u32(r) | 0x80000000);
		st[8] = 0xf0 + rng_below(r, 32);
		st[9] = 0x3f | (rng_u32(r) & 0x80);
		if (st[8] < 0xf0)
			st[9] = 0x40 | (st[9] & 0x80);
	}
	for (int i = 160; i < 416; i += 4)
		put32(x + i, rng_one_in(r, 3) ? 0x3f800000 + rng_u32(r) % 0x2000000 :
						rng_value(r));
	for (int i = 576; i < 832; i += 4)
		put32(x + i, rng_value(r));
	x[512] = 7;
}

void gen_state(struct rng *r, struct gen_case *g)
{
	gen_ximage(r, g->ximage);
	for (unsigned i = 0; i < sizeof(g->mem); i += 4)
		put32(g->mem + i, rng_u32(r));
	g->c.mem = g->mem;
	g->c.ximage = g->ximage;
}

static unsigned gen_prefixes(struct rng *r, const struct oprow *row,
			     enum low_seg seg, u8 *b)
{
	static const u8 simd[] = { [PFX_66] = 0x66, [PFX_F3] = 0xf3,
				   [PFX_F2] = 0xf2 };
	bool branch = row->cls == CLS_BRANCH;
	unsigned n = 0;

	if (seg == LOW_16 && rng_one_in(r, 3))
		b[n++] = 0x67;
	if (row->vex)
		return n;
	if (row->rowflags & ROW_LOCKABLE && rng_one_in(r, 4))
		b[n++] = 0xf0;
	if (rng_one_in(r, 3) && (!branch || seg == LOW_16) &&
	    (row->pfx == PFX_ANY || row->pfx == PFX_NOREP ||
	     ((row->pfx == PFX_F3 || row->pfx == PFX_F2) &&
	      row->reg == OPK_R)))
		b[n++] = 0x66;
	if (row->rowflags & ROW_REP && !rng_one_in(r, 3))
		b[n++] = rng_one_in(r, 2) ? 0xf2 : 0xf3;
	if (row->pfx == PFX_66 || row->pfx == PFX_F3 || row->pfx == PFX_F2)
		b[n++] = simd[row->pfx];
	return n;
}

static unsigned gen_opcode(struct rng *r, const struct oprow *row, u8 *b)
{
	static const u8 pp[] = { [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3 };
	unsigned n = 0;
	u8 p = row->pfx <= PFX_F2 ? pp[row->pfx] : 0;
	u8 vvvv = row->vvvv == OPK_NONE ? 0 : rng_below(r, 8);

	if (row->vex) {
		b[n++] = 0xc4;
		b[n++] = 0xe0 | row->map;
		b[n++] = rng_below(r, 2) << 7 | (~vvvv & 15) << 3 |
			 rng_below(r, 2) << 2 | p;
	} else {
		if (row->map)
			b[n++] = 0x0f;
		if (row->map >= MAP_0F38)
			b[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	b[n++] = row->opcode | (row->rowflags & ROW_EMBEDDED ?
				rng_below(r, 8) : 0);
	return n;
}

static u8 gen_modrm(struct rng *r, const struct oprow *row)
{
	u8 m = rng_u32(r);

	if (row->mod >= MOD_R0)
		m = 0xc0 | (m & 0x38) | (row->mod - MOD_R0);
	else if (row->mod == MOD_R || (row->mod == MOD__ && rng_one_in(r, 3)))
		m |= 0xc0;
	else if (row->mod == MOD_M && m >= 0xc0)
		m &= 0x7f;
	if (row->ext != 0xff)
		m = (m & 0xc7) | row->ext << 3;
	return m;
}

/* Bytes of a random encoding; decoded into g->insn. */
static bool gen_bytes(struct rng *r, const struct oprow *row,
		      enum low_seg seg, struct gen_case *g)
{
	u8 *b = g->c.bytes;
	int mode = seg == LOW_16 ? 16 : 32;

	for (int tries = 0; tries < 40; tries++) {
		unsigned n;

		for (unsigned i = 0; i < INSN_MAX_LEN; i++)
			b[i] = rng_u32(r);
		n = gen_prefixes(r, row, seg, b);
		n += gen_opcode(r, row, b + n);
		if (row->rm != OPK_NONE)
			b[n++] = gen_modrm(r, row);
		if (row->op == OP_POP && rng_one_in(r, 2)) { /* pop [esp+x] */
			b[n - 1] = (b[n - 1] & 0x78) | 4;
			b[n] = 0x24;
		}
		if (insn_decode(&g->insn, b, INSN_MAX_LEN, mode, NULL) ||
		    g->insn.row != row)
			continue;
		if (g->insn.base >= 0 && g->insn.base == g->insn.index)
			continue;
		g->c.len = g->insn.len;
		return true;
	}
	return false;
}

static void gen_regs(struct rng *r, enum low_seg seg, struct low_regs *regs)
{
	for (int i = 0; i < 8; i++)
		regs->gpr[i] = rng_value(r);
	regs->gpr[R_SP] = LOW_STACK - low_base(seg, true) + 0x800 +
			  rng_below(r, 0x2000);
	if (rng_one_in(r, 20))
		regs->gpr[R_SP] = LOW_STACK - low_base(seg, true) +
				  rng_below(r, 16);
	if (seg == LOW_16)
		regs->gpr[R_SP] |= rng_u32(r) << 16;
	regs->eflags = rng_u32(r) & EFL_ARITH;
}

/* An offset in the segment where an operand can be, mostly; one in `ends` goes
 * over an end of what is mapped. */
static u32 gen_ea(struct rng *r, enum low_seg seg, bool stack, bool aligned,
		  u32 ends)
{
	u32 area = stack && seg == LOW_16 ? LOW_STACK : LOW_DATA;
	u32 off = 0x400 + rng_below(r, LOW_PAGES * 4096 - 0x800);

	if (seg == LOW_FLAT && rng_one_in(r, 40)) /* the window's end */
		return LOW_TOP + 0xf80 + rng_below(r, 0x80);
	if (rng_one_in(r, ends))
		off = LOW_PAGES * 4096 - rng_below(r, 40);
	else if (rng_one_in(r, ends))
		off = rng_below(r, 40) - 20;
	if (aligned && !rng_one_in(r, 16))
		off &= ~31u;
	return area - low_base(seg, stack && seg == LOW_16) + off;
}

/* Masks are about what is not there. */
static u32 op_ends(const struct oprow *row)
{
	switch (row->op) {
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		return 3;
	}
	return row->reach == REACH_GATHER ? 3 : 24;
}

static void set_reg(struct rng *r, struct gen_case *g, int n, u32 v)
{
	if (g->insn.adsize == 2)
		v = (v & 0xffff) | rng_u32(r) << 16;
	g->c.regs.gpr[n] = v;
}

static void patch_disp(struct gen_case *g, s32 disp)
{
	memcpy(g->c.bytes + g->insn.len - g->insn.immsize - g->insn.dispsize,
	       &disp, g->insn.dispsize);
	g->insn.disp = disp;
}

static bool op_uses_stack(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_PUSH:
	case OP_POP:
	case OP_CALL_IND:
		return true;
	}
	return false;
}

/* Two or four indices of a gather: small, of both signs; the upper half of a
 * wide one does not count in 32-bit code. */
static void gen_indices(struct rng *r, const struct insn *i, u8 *x)
{
	for (int k = 0; k < 16; k += 4) {
		u32 n = rng_below(r, 128) - 64;

		if (i->row->opcode & 1 && k & 4)
			n = rng_one_in(r, 2) ? rng_u32(r) : 0;
		else if (rng_one_in(r, 40))
			n = rng_u32(r);
		put32(x + k, n);
	}
}

/* Registers (or the displacement) so that the operand lies at ea. */
static bool place_operand(struct rng *r, struct gen_case *g, u32 *at)
{
	u32 ea = *at;
	struct insn *i = &g->insn;
	u32 small = rng_below(r, 16);

	if (i->base == R_SP && op_uses_stack(i)) {
		if (i->dispsize == 4)
			return false;
		if (i->index >= 0)
			set_reg(r, g, i->index, small);
		return true;
	}
	if (i->row->reach == REACH_GATHER) {
		if (i->base < 0)
			patch_disp(g, ea);
		else
			set_reg(r, g, i->base, ea - i->disp);
		gen_indices(r, i, g->ximage + 160 + 16 * i->index);
		gen_indices(r, i, g->ximage + 576 + 16 * i->index);
		return true;
	}
	if (i->base >= 0 && i->index >= 0) {
		set_reg(r, g, i->index, small);
		set_reg(r, g, i->base, ea - i->disp - (small << i->scale));
	} else if (i->base >= 0) {
		set_reg(r, g, i->base, ea - i->disp);
	} else if (i->index >= 0) {
		u32 n = (ea - i->disp) >> i->scale;

		set_reg(r, g, i->index, n);
		*at = i->disp + (n << i->scale);
	} else {
		patch_disp(g, ea);
	}
	return true;
}

static u32 taken(enum low_seg seg)
{
	return seg == LOW_16 ? LOW_TAKEN : LOW_CODE + LOW_TAKEN;
}

/* The contents of linear address la; false if the case does not map it. */
static bool poke(struct gen_case *g, u32 la, u32 v, unsigned size)
{
	u32 len = LOW_PAGES * 4096;

	if (la - LOW_DATA <= len - 4)
		memcpy(g->mem + (la - LOW_DATA), &v, size);
	else if (la - LOW_STACK <= len - 4)
		memcpy(g->mem + len + (la - LOW_STACK), &v, size);
	else
		return false;
	return true;
}

static bool place_branch(struct gen_case *g, enum low_seg seg, u32 ea)
{
	struct insn *i = &g->insn;
	u32 sp = g->c.regs.gpr[R_SP];
	s32 rel = LOW_TAKEN - (LOW_INSN + i->len);

	switch (i->row->op) {
	case OP_RET:
		if (seg == LOW_16)
			sp &= 0xffff;
		return poke(g, low_base(seg, true) + sp, taken(seg),
			    i->opsize);
	case OP_JMP_IND:
	case OP_CALL_IND:
		if (!i->has_mem && i->rm == R_SP)
			return false;
		if (!i->has_mem)
			g->c.regs.gpr[i->rm] = taken(seg);
		else
			return poke(g, ea + low_base(seg, i->seg == SEG_SS),
				    taken(seg), i->opsize);
		break;
	default:
		memcpy(g->c.bytes + i->len - i->immsize, &rel, i->immsize);
	}
	return true;
}

static void place_implicit(struct rng *r, struct gen_case *g,
			   enum low_seg seg)
{
	struct insn *i = &g->insn;
	u32 *gpr = g->c.regs.gpr;
	u32 ea = gen_ea(r, seg, false, false, op_ends(i->row)), v;

	switch (i->row->op) {
	case OP_MOVS:
	case OP_CMPS:
	case OP_STOS:
	case OP_LODS:
	case OP_SCAS:
		set_reg(r, g, R_SI, gen_ea(r, seg, false, false, 24));
		set_reg(r, g, R_DI, ea);
		if (rng_one_in(r, 4)) /* comparisons that go on */
			set_reg(r, g, R_DI, gpr[R_SI]);
		set_reg(r, g, R_CX, rng_below(r, 12));
		g->c.regs.eflags |= rng_u32(r) & EFL_DF;
		break;
	case OP_XLAT:
		set_reg(r, g, R_BX, ea);
		break;
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		set_reg(r, g, R_DI, ea);
		break;
	case OP_MOV_MOFFS:
		v = ea;
		memcpy(g->c.bytes + i->len - i->immsize, &v, i->immsize);
		break;
	case OP_LEAVE:
		v = gpr[R_SP];
		gpr[R_BP] = v;
		break;
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
	case OP_JCXZ:
		set_reg(r, g, R_CX, rng_below(r, 3));
		break;
	}
}

/* bt with a register offset stays near its operand. */
static void place_bitoff(struct rng *r, struct gen_case *g, u32 *ea)
{
	struct insn *i = &g->insn;
	bool wrap = i->opsize == 4 && i->adsize == 4 && !rng_one_in(r, 3);

	if (i->row->reach != REACH_BITOFF || !i->has_mem ||
	    i->reg == i->base || i->reg == i->index)
		return;
	g->c.regs.gpr[i->reg] = rng_below(r, 0x4000) - 0x2000;
	if (wrap && *ea + low_base(g->c.seg, false) < LOW_STACK) {
		/* from the first page down over zero (HAZARDS 13) */
		*ea = (0x100 + rng_below(r, 64)) - low_base(g->c.seg, false);
		g->c.regs.gpr[i->reg] =
			(u32)-(int)(0x200 + rng_below(r, 0x700)) * 8;
	}
}

bool gen_insn(struct rng *r, const struct oprow *row, enum low_seg seg,
	      struct gen_case *g)
{
	u32 ea;

	g->c.seg = seg;
	g->c.max_insns = 1;
	if (!gen_bytes(r, row, seg, g))
		return false;
	gen_regs(r, seg, &g->c.regs);
	place_implicit(r, g, seg);
	ea = gen_ea(r, seg, g->insn.seg == SEG_SS,
		    row->rowflags & ROW_ALIGNED, op_ends(row));
	place_bitoff(r, g, &ea);
	if (g->insn.has_mem && !place_operand(r, g, &ea))
		return false;
	if (row->cls == CLS_BRANCH && !place_branch(g, seg, ea))
		return false;
	/* segment overrides and the like were not wanted */
	return insn_decode(&g->insn, g->c.bytes, g->c.len,
			   seg == LOW_16 ? 16 : 32, NULL) == INSN_OK &&
	       g->insn.row == row;
}
