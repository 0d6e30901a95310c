// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqfault.c - see seqgen.h: pieces of a sequence that end it, each by an
 * exception.
 */
#include <string.h>
#include "seqgen.h"

static bool row_is_privileged(const struct oprow *row, u16 op)
{
	(void)op;
	switch (row->op) {
	case OP_CLI:
	case OP_STI:
	case OP_IN:
	case OP_OUT:
	case OP_INS:
	case OP_OUTS:
		return true;
	}
	return row->rowflags & ROW_PRIV;
}

static void fault_privileged(struct gen *g)
{
	flow_row(g, row_is_privileged, 0);
}

static void fault_memory(struct gen *g)
{
	struct gen_want w = { .size = 4, .write = true, .faults = true };
	u8 reg = flow_reg(g);

	switch (seq_below(&g->r, 6)) {
	case 0: /* mov [la], reg */
		flow_mem(g, 0x89, reg, gen_address(g, w));
		break;
	case 1: /* mov reg, [la] */
		w.write = false;
		flow_mem(g, 0x8b, reg, gen_address(g, w));
		break;
	case 2: /* rep stosb into it */
		gen_mov(g, R_DI, gen_address(g, w) - 8 -
				 seq_seg_base(g->q, g->cur.st.sel[CPU_ES]));
		gen_mov(g, R_CX, 40);
		GEN(g, 0xf3, 0xaa);
		break;
	case 3: /* rep movsd out of it */
		gen_mov(g, R_SI, ORUN_DATA + 8 * 4096 - 18 -
				 seq_seg_base(g->q, g->cur.st.sel[CPU_DS]));
		gen_mov(g, R_DI, gen_offset(g, (struct gen_want){
						       .size = 40,
						       .write = true }));
		gen_mov(g, R_CX, 10);
		GEN(g, 0xf3, 0xa5);
		break;
	case 4: /* over the bottom of the stack */
		gen_mov(g, R_SP, ORUN_STACK + 2 -
				 seq_seg_base(g->q, g->cur.st.sel[CPU_SS]));
		GEN(g, 0x50 | reg);
		break;
	default: /* null, or beyond the limit */
		GEN(g, 0x64, 0x8b, (u8)(reg << 3 | 7));
	}
}

static void load_mxcsr(struct gen *g, u32 la)
{
	u32 off = la - seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
	u8 b[7] = { 0x0f, 0xae, gen_size(g) == 2 ? 0x16 : 0x15 };

	memcpy(b + 3, &off, 4);
	gen_add(g, b, 3 + gen_size(g));
}

static void fault_numeric(struct gen *g)
{
	u8 reg = flow_reg(g);

	switch (seq_below(&g->r, 4)) {
	case 0: /* xor reg, reg; div reg */
		GEN(g, 0x31, (u8)(0xc0 | reg << 3 | reg));
		GEN(g, 0xf7, (u8)(0xf0 | reg));
		break;
	case 1: /* aam 0 */
		GEN(g, 0xd4, 0);
		break;
	case 2: /* fldcw 0; fldz; fldz; fdivp; ...; fwait */
		flow_mem(g, 0xd9, 5, SEQ_ONES + 0x80);
		GEN(g, 0xd9, 0xee);
		GEN(g, 0xd9, 0xee);
		GEN(g, 0xde, 0xf9);
		gen_random(g);
		GEN(g, 0x9b);
		break;
	default: /* ldmxcsr 0; divps of zeroes */
		load_mxcsr(g, SEQ_ONES + 0x80);
		GEN(g, 0x0f, 0x57, 0xc0);
		GEN(g, 0x0f, 0x5e, 0xc0);
	}
}

static void fault_transfer(struct gen *g)
{
	u8 reg = flow_reg(g);

	switch (seq_below(&g->r, 8)) {
	case 0: /* to nowhere */
		gen_push(g, seq_value(&g->r) & 0xcfffffff);
		GEN(g, 0xc3);
		break;
	case 1: /* to data; by a call, which has pushed */
		gen_mov(g, reg, ORUN_DATA + 0x100);
		GEN(g, 0xff, (u8)(0xd0 | reg));
		break;
	case 2: /* over an end of code: pages 13 and 15 of a group */
		gen_mov(g, reg, seq_eip(g->q, g->q->group) +
				(seq_one_in(&g->r, 2) ? 0xcfff : 0xefff));
		GEN(g, 0xff, (u8)(0xe0 | reg));
		break;
	case 3: /* bad selectors */
		gen_mov(g, reg, (u32[]){ 0x08, 0x18, 0xff, 0x2000, 0x40,
					 ORUN_LDT(30) }[seq_below(&g->r, 6)]);
		GEN(g, 0x8e, (u8)(0xc0 | seq_below(&g->r, 6) << 3 | reg));
		break;
	case 4:
		gen_push(g, (u32[]){ 0, 0x08, ORUN_DS, 0xfc }[seq_below(
				    &g->r, 4)]);
		gen_push(g, 0x10000000);
		GEN(g, 0xcb);
		break;
	case 5: { /* not 80h, which is the host's */
		u8 v = (u8)seq_rand(&g->r);

		GEN(g, 0xcd, v == 0x80 ? 0x81 : v);
		break;
	}
	case 6: /* a branch of the other size */
		GEN(g, 0x66, 0xe9, (u8)seq_rand(&g->r), 0, 0, 0);
		break;
	default: /* single step */
		GEN(g, 0x9c);
		GEN(g, (u8)(0x58 | reg));
		GEN(g, 0x80, (u8)(0xc8 | R_AX), 0); /* or al, 0 */
		gen_push(g, EFL_TF | EFL_CF);
		GEN(g, 0x9d);
		gen_random(g);
	}
}

static void fault_simple(struct gen *g)
{
	switch (seq_below(&g->r, 7)) {
	case 0:
		GEN(g, 0x0f, 0x0b);
		break;
	case 1:
		GEN(g, 0xcc);
		break;
	case 2: /* mov al, 7fh; inc al; into */
		GEN(g, 0xb0, 0x7f);
		GEN(g, 0xfe, 0xc0);
		GEN(g, 0xce);
		break;
	case 3: { /* bound of 1..1 */
		gen_mov(g, R_AX, seq_value(&g->r));
		flow_mem(g, 0x62, R_AX, SEQ_ONES);
		break;
	}
	case 4: /* lock on a register; no instruction at all */
		GEN(g, 0xf0, 0x01, 0xc0);
		break;
	case 5:
		GEN(g, 0x0f, seq_one_in(&g->r, 2) ? 0xff : 0xb9, 0xc0);
		break;
	default: /* misaligned: movaps xmm0, [...1] */
		gen_mov(g, R_BX, SEQ_ONES + 1 -
				 seq_seg_base(g->q, g->cur.st.sel[CPU_DS]));
		GEN(g, 0x0f, 0x28, 0x07);
	}
}

void flow_fault(struct gen *g)
{
	static void (*const fault[])(struct gen *) = {
		fault_memory, fault_memory, fault_numeric, fault_transfer,
		fault_transfer, fault_simple, fault_privileged,
	};

	fault[seq_below(&g->r, ARRAY_SIZE(fault))](g);
}
