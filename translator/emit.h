/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit.h - encoders for host instructions, named by operand form.
 *
 * Each writes one host instruction to the code buffer, in 64-bit mode
 * encoding. Registers are enum hreg numbers. A full buffer is remembered
 * (e->full) and nothing is written beyond it. Sources: SDM vol. 2, ch. 2.
 */
#ifndef UMBRA_EMIT_H
#define UMBRA_EMIT_H

#include "runtime/base.h"
#include "runtime/cpu.h"
#include "faults.h"

struct emit {
	u8 *buf;
	u32 len, cap;
	u64 host; /* the address at which buf[0] will run */
	bool full;
};

/* A host memory operand: [gs:][base + index << scale + disp]. */
struct hmem {
	s8 base;   /* enum hreg, or HM_NONE, HM_RIP */
	s8 index;  /* enum hreg (or vector register), or HM_NONE */
	u8 scale;  /* log2 */
	bool gs;   /* 65h: relative to the window */
	bool a32;  /* 67h: the address is taken modulo 2^32 */
	bool d32;  /* the displacement always takes four bytes */
	s32 disp;  /* HM_RIP: offset in the buffer of what is meant */
};
#define HM_NONE (-1)
#define HM_RIP	(-2)

static inline struct hmem hmem_disp(int base, s32 disp)
{
	return (struct hmem){ .base = base, .index = HM_NONE, .disp = disp };
}

static inline struct hmem hmem_index(int base, int index, int scale, s32 disp)
{
	return (struct hmem){ .base = base, .index = index, .scale = scale,
			      .disp = disp };
}

/* An instruction as its fields; emit_rr, emit_rm, emit_o add operands. */
struct henc {
	u8 map;	   /* 0: one byte, 1: 0f, 2: 0f38, 3: 0f3a */
	u8 op;
	u8 simd;   /* mandatory prefix 66, f3, f2, or 0 */
	bool osz;  /* 66 as operand size */
	bool lock;
	bool w;	   /* REX.W, VEX.W */
	bool vex;
	bool vexl;
	bool high; /* names AH..BH: a REX must not appear */
	bool rex;  /* a REX must appear: names SPL..DIL */
	u8 vvvv;
	u8 immsize; /* bytes that the caller adds (rip-relative operands) */
};

void emit_u8(struct emit *e, u8 v);
void emit_u16(struct emit *e, u16 v);
void emit_u32(struct emit *e, u32 v);
void emit_u64(struct emit *e, u64 v);
void emit_imm(struct emit *e, unsigned size, u64 v);
void emit_align(struct emit *e, unsigned to);

/* op with register reg (or /digit) and register rm */
void emit_rr(struct emit *e, const struct henc *c, unsigned reg, unsigned rm);
/* op with register reg (or /digit) and memory m */
void emit_rm(struct emit *e, const struct henc *c, unsigned reg,
	     const struct hmem *m);
/* op with the register in its low three bits */
void emit_o(struct emit *e, const struct henc *c, unsigned reg);
/* op alone */
void emit_op(struct emit *e, const struct henc *c);

/* mov d, s; size 1, 2, 4 or 8 */
void emit_mov_rr(struct emit *e, unsigned size, unsigned d, unsigned s);
/* mov d, [m] */
void emit_mov_rm(struct emit *e, unsigned size, unsigned d,
		 const struct hmem *m);
/* mov [m], s */
void emit_mov_mr(struct emit *e, unsigned size, const struct hmem *m,
		 unsigned s);
/* mov [m], imm; an imm of 4 bytes is sign-extended for size 8 */
void emit_mov_mi(struct emit *e, unsigned size, const struct hmem *m, u32 imm);
/* mov d(32), imm */
void emit_mov_ri(struct emit *e, unsigned d, u32 imm);
/* movzx d(32), s; size 1 or 2 */
void emit_movzx_rr(struct emit *e, unsigned size, unsigned d, unsigned s);
/* movzx d(32), [m] for size 1 or 2; mov d, [m] for 4 */
void emit_movzx_rm(struct emit *e, unsigned size, unsigned d,
		   const struct hmem *m);
/* lea d, [m]; size 4 or 8 */
void emit_lea(struct emit *e, unsigned size, unsigned d, const struct hmem *m);
/* not d; size 4 or 8 */
void emit_not(struct emit *e, unsigned size, unsigned d);
/* xchg low, high byte of register r (rax..rbx) */
void emit_xchg_lh(struct emit *e, unsigned r);
/* op d(32), s for op = the opcode of `op r/m, r` (01 add, 09 or, 21 and) */
void emit_alu_rr(struct emit *e, u8 op, unsigned d, unsigned s);
/* op d(32), imm32 for /digit of group 1 (0 add, 1 or, 4 and, 7 cmp) */
void emit_alu_ri(struct emit *e, unsigned digit, unsigned d, u32 imm);
/* shl (digit 4) or shr (digit 5) d(32), n */
void emit_shift_ri(struct emit *e, unsigned digit, unsigned d, u8 n);

/* call, jmp, jcc to a host address */
void emit_call(struct emit *e, u64 target);
void emit_jmp(struct emit *e, u64 target);
/* call [m], jmp [m] */
void emit_call_m(struct emit *e, const struct hmem *m);
void emit_jmp_m(struct emit *e, const struct hmem *m);

/*
 * Forward branches: each returns the offset of its rel field, to be given to
 * emit_patch32() or emit_patch8() when the target is known.
 */
u32 emit_jmp_fwd(struct emit *e);
u32 emit_call_fwd(struct emit *e);
u32 emit_jcc_fwd(struct emit *e, unsigned cc);
u32 emit_jrcxz_fwd(struct emit *e);
void emit_patch32(struct emit *e, u32 at, u32 target);
void emit_patch8(struct emit *e, u32 at, u32 target);

#endif
