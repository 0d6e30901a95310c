// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lowsel.c - operands of generated instructions that load segments, transfer
 * control far, take flags from the stack, or move state images: selectors and
 * frames, good ones and all kinds of bad ones. See lowgen.h.
 */
#include <string.h>
#include "lowgen.h"
#include "translator/optab.h"

/*
 * Selectors that mean the same to the host's kernel and to a guest with
 * Linux's GDT and the LDT of lowseg.c: null, data and code, privileged, absent,
 * of no descriptor, beyond the table.
 */
static const u16 selectors[] = {
	0, 1, 2, 3, 0x2b, 0x2b, 0x2a, 0x28, 0x23, 0x20, 0x08, 0x10, 0x1b,
	0x07, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f,
	0x57, 0x5f, 0x67, 0x6f, 0x77, 0x7f, 0x87, 0x8f, 0x04, 0x06, 0xa7,
	0x107, 0xff, 0xffff, 0xfffb, 0x83, 0x100b,
};

static u16 any_selector(struct rng *r)
{
	return selectors[rng_below(r, ARRAY_SIZE(selectors))];
}

/* Mostly code, with the offset at which the target then lies. */
static u16 code_selector(struct rng *r, u32 *off)
{
	u32 at = LOW_CODE + LOW_TAKEN;

	*off = rng_one_in(r, 16) ? rng_u32(r) : at;
	switch (rng_below(r, 8)) {
	case 0:
		return any_selector(r);
	case 1:
		*off = rng_one_in(r, 8) ? 0xfff0 + rng_below(r, 0x20) :
					  LOW_TAKEN;
		return 0x1f; /* 16-bit code, based */
	case 2:
		return 0x77; /* flat, of the LDT */
	case 3:
		return rng_one_in(r, 2) ? 0x7f : 0x87;
	default:
		return rng_one_in(r, 8) ? 0x20 : 0x23;
	}
}

static u32 stack_at(const struct gen_case *g, u32 off)
{
	u32 sp = g->c.regs.gpr[R_SP] + off;

	if (!low_segment(g->c.seg, SEG_SS)->big)
		sp &= 0xffff;
	return sp + low_segment(g->c.seg, SEG_SS)->base;
}

static void poke_stack(struct gen_case *g, u32 off, u32 v, u32 size)
{
	gen_poke(g, stack_at(g, off), &v, size);
}

static void patch_far(struct gen_case *g, u16 sel, u32 off)
{
	struct insn *i = &g->insn;
	u8 *p = g->c.bytes + i->len - i->immsize;

	memcpy(p, &off, i->opsize);
	memcpy(p + i->opsize, &sel, 2);
}

static void poke_far(struct gen_case *g, u16 sel, u32 off)
{
	gen_poke(g, g->ea, &off, g->insn.opsize);
	gen_poke(g, g->ea + g->insn.opsize, &sel, 2);
}

/* EFLAGS as from a stack: what must not change is there too. */
static u32 flags_image(struct rng *r)
{
	u32 f = rng_u32(r) & (EFL_ARITH | EFL_DF);

	if (rng_one_in(r, 3))
		f |= rng_u32(r) & 0x3f7fd5;
	if (!rng_one_in(r, 8))
		f &= ~(u32)EFL_TF;
	return f;
}

static void far_return(struct rng *r, struct gen_case *g, bool flags)
{
	u32 size = g->insn.opsize, off;
	u16 sel = code_selector(r, &off);

	poke_stack(g, 0, off, size);
	poke_stack(g, size, sel | rng_u32(r) << 16, size);
	if (flags)
		poke_stack(g, 2 * size, flags_image(r), size);
	poke_stack(g, (2 + flags) * size, g->c.regs.gpr[R_SP], size);
	poke_stack(g, (3 + flags) * size, 0x2b, size);
}

/* RFBM, of what guests have; a header that now and then is not right. */
static void state_image(struct rng *r, struct gen_case *g)
{
	u32 *gpr = g->c.regs.gpr;
	u8 header[24] = { 0 };

	gpr[R_AX] = rng_below(r, 8);
	gpr[R_DX] = 0;
	header[0] = rng_below(r, 8);
	if (g->insn.row->op == OP_XRSTOR && rng_one_in(r, 4)) {
		header[8] = header[0]; /* compacted */
		header[15] = 0x80;
	}
	if (rng_one_in(r, 8))
		header[rng_below(r, 24)] |= 1 << rng_below(r, 8);
	if (!rng_one_in(r, 8))
		gen_poke(g, g->ea + 512, header, sizeof(header));
}

static void interrupt_vector(struct rng *r, struct gen_case *g)
{
	u8 *imm = g->c.bytes + g->insn.len - 1;

	if (rng_one_in(r, 2))
		*imm = 3 + rng_below(r, 2);
	else if (*imm == 0x80) /* the host's system calls */
		*imm = 0x81;
}

/* A selector operand in a register or in memory. */
static void put_selector(struct gen_case *g, u16 sel)
{
	if (g->insn.has_mem)
		gen_poke(g, g->ea, &sel, 2);
	else
		memcpy(&g->c.regs.gpr[g->insn.rm & 7], &sel, 2);
}

void gen_place_system(struct rng *r, struct gen_case *g)
{
	u32 off;
	u16 sel = any_selector(r);

	switch (g->insn.row->op) {
	case OP_MOV_TO_SEG:
	case OP_LAR:
	case OP_LSL:
	case OP_VERR:
	case OP_VERW:
		put_selector(g, sel);
		break;
	case OP_ARPL:
		put_selector(g, rng_u32(r) & 0xff);
		break;
	case OP_POP_SEG:
		poke_stack(g, 0, sel | rng_u32(r) << 16, g->insn.opsize);
		break;
	case OP_LES:
	case OP_LDS:
	case OP_LSS:
	case OP_LFS:
	case OP_LGS:
		poke_far(g, sel, rng_u32(r));
		break;
	case OP_CALLF:
	case OP_JMPF:
		sel = code_selector(r, &off);
		patch_far(g, sel, off);
		break;
	case OP_CALLF_IND:
	case OP_JMPF_IND:
		sel = code_selector(r, &off);
		poke_far(g, sel, off);
		break;
	case OP_RETF:
		far_return(r, g, false);
		break;
	case OP_IRET:
		far_return(r, g, true);
		break;
	case OP_POPF:
		poke_stack(g, 0, flags_image(r), g->insn.opsize);
		break;
	case OP_INT:
		interrupt_vector(r, g);
		break;
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT:
	case OP_XRSTOR:
		state_image(r, g);
		break;
	}
}
