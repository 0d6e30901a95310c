// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lowplace.c - registers, displacements and memory for a generated
 * instruction, so that its operand lies where it is wanted. See lowgen.h.
 */
#include <string.h>
#include "lowgen.h"
#include "translator/optab.h"

#define DATA_END   (LOW_DATA + LOW_DATA_PAGES * (u32)PAGE_SIZE)
#define STACK_END  (LOW_STACK + LOW_STACK_PAGES * (u32)PAGE_SIZE)
#define RO_PAGE	   (LOW_DATA + 4 * (u32)PAGE_SIZE)
#define RO_LAST	   (LOW_DATA + 7 * (u32)PAGE_SIZE)

static const struct low_segment *case_segment(const struct gen_case *g,
					      unsigned n)
{
	return low_segment(g->c.seg, n);
}

/* A linear address for size bytes. */
static u32 place_linear(struct rng *r, enum gen_place place, bool stack,
			u32 size, const struct low_segment *s)
{
	u32 part = size ? rng_below(r, size + 1) : 0;
	u32 area = stack ? LOW_STACK : LOW_DATA;
	u32 ends[] = { STACK_END, DATA_END, LOW_DATA, LOW_STACK };
	u32 n = rng_below(r, stack ? 1 : ARRAY_SIZE(ends));

	switch (place) {
	case GP_CROSS:
		return area + (1 + rng_below(r, 3)) * PAGE_SIZE - part;
	case GP_END:
		return n < 2 ? ends[n] - size : ends[n];
	case GP_OVER:
		return ends[n] - part;
	case GP_HOLE:
		return area + 0x100000 + rng_u32(r) % 0x100000;
	case GP_RO:
		return RO_PAGE + rng_below(r, PAGE_SIZE - size % PAGE_SIZE);
	case GP_CROSS_RO:
		return (rng_one_in(r, 2) ? RO_PAGE :
			rng_one_in(r, 2) ? RO_PAGE + PAGE_SIZE : RO_LAST) -
		       part;
	case GP_TOP:
		return 0u - size - rng_below(r, 0x80);
	case GP_WRAP:
		return 0u - part;
	case GP_LIMIT:
		n = rng_one_in(r, 4) ? low_segment_lo(s) : low_segment_hi(s);
		return s->base + n - part + rng_below(r, 3);
	default:
		return area + 0x400 + rng_below(r, 0x2c00);
	}
}

/* Is [off, off + size) over the end of a segment that ends at 4 GiB? */
static void note_wrap(struct gen_case *g, const struct low_segment *s, u32 off,
		      u32 size)
{
	if (low_segment_hi(s) == 0xffffffff && off + size - 1 < off)
		g->wraps = true;
}

/* The offset in segment s at which an operand of size bytes goes where it is
 * wanted. */
static u32 place_offset(struct rng *r, struct gen_case *g, unsigned seg,
			u32 size)
{
	const struct low_segment *s = case_segment(g, seg);
	bool stack = s->base == LOW_STACK;
	u32 la = place_linear(r, g->want.place, stack, size, s);
	bool aligned = g->insn.row->rowflags & ROW_ALIGNED || size >= 512;

	if (aligned && !rng_one_in(r, 16))
		la &= size >= 512 ? ~63u : ~31u;
	note_wrap(g, s, la - s->base, size);
	return la - s->base;
}

static u32 operand_size(const struct insn *i)
{
	u32 n = insn_image_size(i);

	return n ? n : i->memsize;
}

static void set_reg(struct rng *r, struct gen_case *g, int n, u32 v)
{
	if (g->insn.adsize == 2)
		v = (v & 0xffff) | rng_u32(r) << 16;
	g->c.regs.gpr[n] = v;
}

static void patch_tail(struct gen_case *g, unsigned at, u32 v, unsigned size)
{
	memcpy(g->c.bytes + g->insn.len - at, &v, size);
}

static void patch_disp(struct gen_case *g, u32 disp)
{
	struct insn *i = &g->insn;

	patch_tail(g, i->immsize + i->dispsize, disp, i->dispsize);
	i->disp = i->dispsize == 2 ? (s16)disp : (s32)disp;
}

/* Two or four indices of a gather: small, of both signs; the upper half of a
 * wide one does not count in 32-bit code. */
static void place_indices(struct rng *r, const struct insn *i, u8 *x)
{
	for (int k = 0; k < 16; k += 4) {
		u32 n = rng_below(r, 128) - 64;

		if (i->row->opcode & 1 && k & 4)
			n = rng_one_in(r, 2) ? rng_u32(r) : 0;
		else if (rng_one_in(r, 40))
			n = rng_u32(r);
		memcpy(x + k, &n, 4);
	}
}

static void place_gather(struct rng *r, struct gen_case *g, u32 ea)
{
	struct insn *i = &g->insn;

	if (i->base < 0)
		patch_disp(g, ea);
	else
		set_reg(r, g, i->base, ea - i->disp);
	place_indices(r, i, g->ximage + 160 + 16 * i->index);
	place_indices(r, i, g->ximage + 576 + 16 * i->index);
}

/* base and index are one register: v * (1 + scale) = sum modulo 2^32 */
static bool place_double(struct rng *r, struct gen_case *g, u32 sum)
{
	u32 n = 1 + (1u << g->insn.scale), inverse = n;

	if (!(n & 1)) {
		if (sum & 1)
			return false;
		set_reg(r, g, g->insn.base, sum / 2);
		return true;
	}
	for (int k = 0; k < 5; k++) /* Newton's, on 2-adic numbers */
		inverse *= 2 - n * inverse;
	set_reg(r, g, g->insn.base, sum * inverse);
	return true;
}

static u32 index_value(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		return rng_u32(r);
	case 1:
		return 0u - rng_below(r, 64);
	}
	return rng_below(r, 16);
}

/* Registers, or the displacement, so that the operand's offset is ea, or at
 * least near: *at is what it is then. */
static bool place_registers(struct rng *r, struct gen_case *g, u32 *at)
{
	struct insn *i = &g->insn;
	u32 sum = *at - i->disp, n;

	if (i->base >= 0 && i->base == i->index)
		return place_double(r, g, sum);
	if (i->base >= 0) {
		n = i->index >= 0 ? index_value(r) : 0;
		if (i->index >= 0)
			set_reg(r, g, i->index, n);
		set_reg(r, g, i->base, sum - (n << i->scale));
	} else if (i->index >= 0) {
		n = sum >> i->scale;
		set_reg(r, g, i->index, n);
		*at = i->disp + (n << i->scale);
	} else {
		patch_disp(g, *at);
	}
	return true;
}

static bool op_uses_stack(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_PUSH:
	case OP_POP:
	case OP_CALL_IND:
	case OP_CALLF_IND:
		return true;
	}
	return false;
}

/* What is pushed or popped decides esp, and with it what lies off it. */
static bool place_off_esp(struct rng *r, struct gen_case *g, u32 *at)
{
	struct insn *i = &g->insn;
	u32 n = rng_below(r, 16);

	if (i->dispsize == 4)
		patch_disp(g, rng_below(r, 64) - 32);
	if (i->index >= 0)
		set_reg(r, g, i->index, n);
	else
		n = 0;
	*at = g->c.regs.gpr[R_SP] + i->disp + (n << i->scale);
	return true;
}

/* bt with a register offset stays near its operand. */
static void place_bitoff(struct rng *r, struct gen_case *g, u32 *ea)
{
	struct insn *i = &g->insn;
	bool wrap = i->opsize == 4 && i->adsize == 4 && rng_one_in(r, 4);
	u32 base = case_segment(g, i->seg)->base;

	if (i->row->reach != REACH_BITOFF || i->reg == i->base ||
	    i->reg == i->index)
		return;
	g->c.regs.gpr[i->reg] = rng_below(r, 0x4000) - 0x2000;
	if (wrap && *ea + base < LOW_STACK) {
		/* from the first page down over zero (HAZARDS 13) */
		*ea = 0x100 + rng_below(r, 64) - base;
		g->c.regs.gpr[i->reg] =
			(u32)-(int)(0x200 + rng_below(r, 0x700)) * 8;
	}
}

/* What the bit offset adds to the address. */
static u32 bit_offset(const struct gen_case *g)
{
	const struct insn *i = &g->insn;
	u32 v = g->c.regs.gpr[i->reg & 7];

	if (i->row->reach != REACH_BITOFF)
		return 0;
	return i->opsize == 2 ? (u32)((s16)v >> 4) * 2 :
				(u32)((s32)v >> 5) * 4;
}

/* --- operands that modrm does not name */

static void place_string(struct rng *r, struct gen_case *g)
{
	u32 *gpr = g->c.regs.gpr;
	u32 size = g->insn.memsize * (g->insn.rep || g->insn.repne ? 8 : 1);
	bool di_first = rng_one_in(r, 2);
	u8 place = g->want.place;

	if (di_first)
		g->want.place = GP_IN;
	set_reg(r, g, R_SI, place_offset(r, g, g->insn.seg, size));
	g->want.place = di_first ? place : (u8)GP_IN;
	set_reg(r, g, R_DI, place_offset(r, g, SEG_ES, size));
	g->want.place = place;
	if (rng_one_in(r, 4)) /* comparisons that go on */
		set_reg(r, g, R_DI, gpr[R_SI] + rng_below(r, 3) *
				    g->insn.memsize);
	set_reg(r, g, R_CX, rng_below(r, 12));
}

static void place_enter(struct rng *r, struct gen_case *g)
{
	u8 level = rng_one_in(r, 3) ? rng_below(r, 64) : rng_below(r, 3);

	patch_tail(g, 3, rng_below(r, 0x400), 2);
	patch_tail(g, 1, level, 1);
	g->c.regs.gpr[R_BP] = g->c.regs.gpr[R_SP] + rng_below(r, 0x100);
}

static void place_edi(struct rng *r, struct gen_case *g)
{
	set_reg(r, g, R_DI, place_offset(r, g, g->insn.seg, g->insn.memsize));
}

static void place_shift(struct rng *r, struct gen_case *g)
{
	static const u8 counts[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 18, 31, 32,
				     33, 34, 63, 64, 65, 0x80, 0x81, 0xff };
	u8 n = counts[rng_below(r, ARRAY_SIZE(counts))];

	if (rng_one_in(r, 3))
		return;
	if (g->insn.row->imm == IMM_IBU)
		patch_tail(g, 1, n, 1);
	else if (g->insn.base != R_CX && g->insn.index != R_CX)
		g->c.regs.gpr[R_CX] = (g->c.regs.gpr[R_CX] & ~0xffu) | n;
}

static void place_implicit(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;
	u32 *gpr = g->c.regs.gpr;

	switch (i->row->op) {
	case OP_MOVS:
	case OP_CMPS:
	case OP_STOS:
	case OP_LODS:
	case OP_SCAS:
	case OP_INS:
	case OP_OUTS:
		place_string(r, g);
		break;
	case OP_XLAT:
		set_reg(r, g, R_BX,
			place_offset(r, g, i->seg, 1) - (gpr[R_AX] & 0xff));
		break;
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		place_edi(r, g);
		break;
	case OP_MOV_MOFFS:
		patch_tail(g, i->immsize,
			   place_offset(r, g, i->seg, i->memsize), i->immsize);
		break;
	case OP_LEAVE:
		gpr[R_BP] = gpr[R_SP];
		break;
	case OP_ENTER:
		place_enter(r, g);
		break;
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
	case OP_JCXZ:
		set_reg(r, g, R_CX, rng_below(r, 3));
		break;
	case OP_ROL:
	case OP_ROR:
	case OP_RCL:
	case OP_RCR:
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
	case OP_SHLD:
	case OP_SHRD:
		place_shift(r, g);
		break;
	case OP_DIV:
	case OP_IDIV: /* else most of them overflow */
		if (!rng_one_in(r, 4))
			gpr[R_DX] = rng_below(r, 4) ? rng_below(r, 3) : ~0u;
		break;
	}
}

/* --- registers that must fit what memory holds */

/* Half of the exchanges find what they compare with. */
static void match_cmpxchg(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;
	u32 *gpr = g->c.regs.gpr, v;

	if (rng_one_in(r, 2) || i->base == R_AX || i->index == R_AX)
		return;
	v = i->has_mem ? gen_peek(g, g->ea, MIN(i->memsize, 4)) :
			 gpr[i->rm];
	gpr[R_AX] = v;
	if (i->row->op == OP_CMPXCHG8B && i->base != R_DX && i->index != R_DX)
		gpr[R_DX] = gen_peek(g, g->ea + 4, 4);
}

static void match_bound(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;
	s32 v = (s32)g->c.regs.gpr[i->reg];
	s32 lo = v - (s32)rng_below(r, 3), hi = v + (s32)rng_below(r, 3);

	if (rng_one_in(r, 4))
		lo = v + 1;
	if (rng_one_in(r, 4))
		hi = v - 1;
	gen_poke(g, g->ea, &lo, i->opsize);
	gen_poke(g, g->ea + i->opsize, &hi, i->opsize);
}

static void match_memory(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;

	switch (i->row->op) {
	case OP_CMPXCHG:
	case OP_CMPXCHG8B:
		match_cmpxchg(r, g);
		break;
	case OP_BOUND:
		match_bound(r, g);
		break;
	}
}

/* --- branches */

static u32 taken(const struct gen_case *g)
{
	return LOW_CODE + LOW_TAKEN - case_segment(g, SEG_CS)->base;
}

static bool place_branch(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;
	u32 sp = g->c.regs.gpr[R_SP], to = taken(g);
	s32 rel = LOW_TAKEN - (LOW_INSN + i->len);

	if (rng_one_in(r, 12)) {
		/* to int3, not into the middle of what is there */
		to += 16 + rng_below(r, 64);
		rel += 16;
		if (i->immsize > 1 && rng_one_in(r, 2)) {
			to = rng_u32(r) | 0x40000000;
			rel = (s32)to;
		}
	}
	switch (i->row->op) {
	case OP_RET:
		if (g->c.seg == LOW_16)
			sp &= 0xffff;
		gen_poke(g, case_segment(g, SEG_SS)->base + sp, &to,
			 i->opsize);
		break;
	case OP_JMP_IND:
	case OP_CALL_IND:
		if (i->has_mem)
			gen_poke(g, g->ea, &to, i->opsize);
		else if (i->rm == R_SP) /* may lead anywhere */
			return false;
		else
			g->c.regs.gpr[i->rm] = to;
		break;
	default:
		patch_tail(g, i->immsize, rel, i->immsize);
	}
	return true;
}

static bool place_operand(struct rng *r, struct gen_case *g)
{
	struct insn *i = &g->insn;
	u32 size = operand_size(i), ea = place_offset(r, g, i->seg, size);
	bool ok = true;

	place_bitoff(r, g, &ea);
	if (i->row->reach == REACH_GATHER)
		place_gather(r, g, ea);
	else if (i->base == R_SP && op_uses_stack(i))
		ok = place_off_esp(r, g, &ea);
	else
		ok = place_registers(r, g, &ea);
	if (i->adsize == 2)
		ea = (u16)ea;
	note_wrap(g, case_segment(g, i->seg), ea + bit_offset(g), size);
	g->ea = ea + case_segment(g, i->seg)->base;
	g->placed = ok;
	if (insn_image_size(i) >= 512) {
		if (!rng_one_in(r, 8))
			gen_poke(g, g->ea, g->ximage, size);
	} else if (!rng_one_in(r, 3)) {
		gen_poke_values(r, g, g->ea, size);
	}
	return ok;
}

bool gen_place(struct rng *r, struct gen_case *g)
{
	place_implicit(r, g);
	if (g->insn.has_mem && !place_operand(r, g))
		return false;
	match_memory(r, g);
	gen_place_system(r, g);
	if (g->insn.row->cls == CLS_BRANCH)
		return place_branch(r, g);
	return true;
}
