/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit.c - encoders for host instructions (see emit.h).
 */
#include "emit.h"

void emit_u8(struct emit *e, u8 v)
{
	if (e->len >= e->cap) {
		e->full = true;
		return;
	}
	e->buf[e->len++] = v;
}

void emit_u16(struct emit *e, u16 v)
{
	emit_u8(e, v);
	emit_u8(e, v >> 8);
}

void emit_u32(struct emit *e, u32 v)
{
	emit_u16(e, v);
	emit_u16(e, v >> 16);
}

void emit_u64(struct emit *e, u64 v)
{
	emit_u32(e, v);
	emit_u32(e, v >> 32);
}

void emit_imm(struct emit *e, unsigned size, u64 v)
{
	for (unsigned i = 0; i < size; i++)
		emit_u8(e, v >> (8 * i));
}

/* int3 up to the next multiple of `to` (of the running address). */
void emit_align(struct emit *e, unsigned to)
{
	while ((e->host + e->len) % to && !e->full)
		emit_u8(e, 0xcc);
}

/*
 * Prefixes, REX or VEX, and the opcode. r, x, b are the fourth bits of the
 * three register fields.
 */
static void emit_vex(struct emit *e, const struct henc *c, bool r, bool x,
		     bool b)
{
	u8 pp = c->simd == 0x66 ? 1 : c->simd == 0xf3 ? 2 :
		c->simd == 0xf2 ? 3 : 0;
	u8 tail = (u8)((~c->vvvv & 15) << 3 | c->vexl << 2 | pp);

	if (c->map == 1 && !x && !b && !c->w) {
		emit_u8(e, 0xc5);
		emit_u8(e, !r << 7 | tail);
	} else {
		emit_u8(e, 0xc4);
		emit_u8(e, !r << 7 | !x << 6 | !b << 5 | c->map);
		emit_u8(e, c->w << 7 | tail);
	}
	emit_u8(e, c->op);
}

static void emit_head(struct emit *e, const struct henc *c,
		      const struct hmem *m, unsigned reg, bool x, bool b)
{
	bool r = reg >> 3 & 1;
	u8 rex = 0x40 | c->w << 3 | r << 2 | x << 1 | b;

	if (m && m->gs && !XLATE_FAULT(NO_GS))
		emit_u8(e, XLATE_FAULT(OTHER_SEG) ? 0x64 : 0x65);
	if (m && m->a32 && !XLATE_FAULT(NO_A32))
		emit_u8(e, 0x67);
	if (c->vex) {
		emit_vex(e, c, r, x, b);
		return;
	}
	if (c->lock)
		emit_u8(e, 0xf0);
	if (c->osz || c->simd == 0x66)
		emit_u8(e, 0x66);
	if (c->simd && c->simd != 0x66)
		emit_u8(e, c->simd);
	if (rex != 0x40 || c->rex) {
		must(!c->high, "AH..BH beside REX (HAZARDS 8)");
		emit_u8(e, rex);
	}
	if (c->map)
		emit_u8(e, 0x0f);
	if (c->map == 2)
		emit_u8(e, 0x38);
	if (c->map == 3)
		emit_u8(e, 0x3a);
	emit_u8(e, c->op);
}

void emit_rr(struct emit *e, const struct henc *c, unsigned reg, unsigned rm)
{
	emit_head(e, c, NULL, reg, false, rm >> 3 & 1);
	emit_u8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ModRM, SIB and displacement of a memory operand. */
static void emit_modrm_mem(struct emit *e, const struct henc *c, unsigned reg,
			   const struct hmem *m)
{
	u8 r = (reg & 7) << 3, mod;

	if (m->base == HM_RIP) {
		emit_u8(e, r | 5);
		emit_u32(e, m->disp - (s32)(e->len + 4 + c->immsize));
		return;
	}
	if (m->base == HM_NONE) {
		emit_u8(e, r | 4);
		emit_u8(e, m->scale << 6 |
			   (m->index == HM_NONE ? 4 : m->index & 7) << 3 | 5);
		emit_u32(e, m->disp);
		return;
	}
	if (m->d32)
		mod = 2;
	else if (!m->disp && (m->base & 7) != 5)
		mod = 0;
	else if (m->disp == (s8)m->disp)
		mod = 1;
	else
		mod = 2;
	if (m->index == HM_NONE && (m->base & 7) != 4) {
		emit_u8(e, mod << 6 | r | (m->base & 7));
	} else {
		emit_u8(e, mod << 6 | r | 4);
		emit_u8(e, m->scale << 6 |
			   (m->index == HM_NONE ? 4 : m->index & 7) << 3 |
			   (m->base & 7));
	}
	if (mod == 1)
		emit_u8(e, m->disp);
	else if (mod == 2)
		emit_u32(e, m->disp);
}

void emit_rm(struct emit *e, const struct henc *c, unsigned reg,
	     const struct hmem *m)
{
	emit_head(e, c, m, reg, m->index > 0 && m->index >> 3 & 1,
		  m->base > 0 && m->base >> 3 & 1);
	emit_modrm_mem(e, c, reg, m);
}

void emit_o(struct emit *e, const struct henc *c, unsigned reg)
{
	struct henc o = *c;

	o.op = (c->op & ~7u) | (reg & 7);
	emit_head(e, &o, NULL, 0, false, reg >> 3 & 1);
}

void emit_op(struct emit *e, const struct henc *c)
{
	emit_head(e, c, NULL, 0, false, false);
}

/* The fields of a plain `op` whose byte form is op and word form op + 1. */
static struct henc enc_sized(u8 op, unsigned size, int byte_reg)
{
	return (struct henc){
		.op = size == 1 ? op : op + 1,
		.osz = size == 2,
		.w = size == 8,
		.rex = size == 1 && byte_reg >= 4 && byte_reg < 8,
	};
}

void emit_mov_rr(struct emit *e, unsigned size, unsigned d, unsigned s)
{
	struct henc c = enc_sized(0x88, size, s);

	c.rex |= size == 1 && d >= 4 && d < 8;
	emit_rr(e, &c, s, d);
}

void emit_mov_rm(struct emit *e, unsigned size, unsigned d,
		 const struct hmem *m)
{
	struct henc c = enc_sized(0x8a, size, d);

	emit_rm(e, &c, d, m);
}

void emit_mov_mr(struct emit *e, unsigned size, const struct hmem *m,
		 unsigned s)
{
	struct henc c = enc_sized(0x88, size, s);

	emit_rm(e, &c, s, m);
}

void emit_mov_mi(struct emit *e, unsigned size, const struct hmem *m, u32 imm)
{
	struct henc c = enc_sized(0xc6, size, 0);

	c.immsize = size > 4 ? 4 : size;
	emit_rm(e, &c, 0, m);
	emit_imm(e, c.immsize, imm);
}

void emit_mov_ri(struct emit *e, unsigned d, u32 imm)
{
	struct henc c = { .op = 0xb8 };

	emit_o(e, &c, d);
	emit_u32(e, imm);
}

void emit_movzx_rr(struct emit *e, unsigned size, unsigned d, unsigned s)
{
	struct henc c = { .map = 1, .op = size == 1 ? 0xb6 : 0xb7,
			  .rex = size == 1 && s >= 4 && s < 8 };

	emit_rr(e, &c, d, s);
}

void emit_movzx_rm(struct emit *e, unsigned size, unsigned d,
		   const struct hmem *m)
{
	struct henc c = { .map = 1, .op = size == 1 ? 0xb6 : 0xb7 };

	if (size == 4)
		emit_mov_rm(e, 4, d, m);
	else
		emit_rm(e, &c, d, m);
}

void emit_lea(struct emit *e, unsigned size, unsigned d, const struct hmem *m)
{
	struct henc c = { .op = 0x8d, .w = size == 8 };

	emit_rm(e, &c, d, m);
}

void emit_not(struct emit *e, unsigned size, unsigned d)
{
	struct henc c = { .op = 0xf7, .w = size == 8 };

	emit_rr(e, &c, 2, d);
}

void emit_xchg_lh(struct emit *e, unsigned r)
{
	struct henc c = { .op = 0x86, .high = true };

	emit_rr(e, &c, r + 4, r);
}

void emit_alu_rr(struct emit *e, u8 op, unsigned d, unsigned s)
{
	struct henc c = { .op = op };

	emit_rr(e, &c, s, d);
}

void emit_alu_ri(struct emit *e, unsigned digit, unsigned d, u32 imm)
{
	struct henc c = { .op = 0x81 };

	emit_rr(e, &c, digit, d);
	emit_u32(e, imm);
}

void emit_shift_ri(struct emit *e, unsigned digit, unsigned d, u8 n)
{
	struct henc c = { .op = 0xc1 };

	emit_rr(e, &c, digit, d);
	emit_u8(e, n);
}

static void emit_rel32(struct emit *e, u64 target)
{
	s64 rel = (s64)(target - (e->host + e->len + 4));

	must(rel == (s32)rel, "branch out of reach");
	emit_u32(e, rel);
}

void emit_call(struct emit *e, u64 target)
{
	emit_u8(e, 0xe8);
	emit_rel32(e, target);
}

void emit_jmp(struct emit *e, u64 target)
{
	emit_u8(e, 0xe9);
	emit_rel32(e, target);
}

void emit_call_m(struct emit *e, const struct hmem *m)
{
	struct henc c = { .op = 0xff };

	emit_rm(e, &c, 2, m);
}

void emit_jmp_m(struct emit *e, const struct hmem *m)
{
	struct henc c = { .op = 0xff };

	emit_rm(e, &c, 4, m);
}

u32 emit_jmp_fwd(struct emit *e)
{
	emit_u8(e, 0xe9);
	emit_u32(e, 0);
	return e->len - 4;
}

u32 emit_call_fwd(struct emit *e)
{
	emit_u8(e, 0xe8);
	emit_u32(e, 0);
	return e->len - 4;
}

u32 emit_jcc_fwd(struct emit *e, unsigned cc)
{
	emit_u8(e, 0x0f);
	emit_u8(e, 0x80 | cc);
	emit_u32(e, 0);
	return e->len - 4;
}

u32 emit_jrcxz_fwd(struct emit *e)
{
	emit_u8(e, 0xe3);
	emit_u8(e, 0);
	return e->len - 1;
}

void emit_patch32(struct emit *e, u32 at, u32 target)
{
	u32 rel = target - (at + 4);

	if (e->full)
		return;
	for (int i = 0; i < 4; i++)
		e->buf[at + i] = rel >> (8 * i);
}

void emit_patch8(struct emit *e, u32 at, u32 target)
{
	s64 rel = (s64)target - (at + 1);

	if (e->full)
		return;
	must(rel == (s8)rel, "short branch out of reach");
	e->buf[at] = rel;
}
