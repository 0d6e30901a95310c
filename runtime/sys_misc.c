// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_misc.c - decimal adjustment, bit strings, cmpxchg8b, xlat, cpuid: SDM
 * vol. 2. For the forms that the translator hands over.
 *
 * Runs on light exits.
 */
#include "sys_impl.h"

/* --- decimal adjustment */

static void bcd_flags(struct vcpu *v, u8 r)
{
	flag_set(v, EFL_SF, r & 0x80);
	flag_set(v, EFL_ZF, !r);
	flag_set(v, EFL_PF, !__builtin_parity(r));
}

/* aaa and aas; the low digit is adjusted by ax +- 106h resp. -6, ah -1. */
static void bcd_ascii(struct vcpu *v, bool add)
{
	struct cpu *c = &v->cpu;
	u32 ax = gpr_get(v, R_AX, 2);
	bool adjust = (ax & 15) > 9 || (c->flags_ah & EFL_AF);

	if (adjust)
		ax = add ? ax + 0x106 : ax - 0x106;
	flag_set(v, EFL_AF, adjust);
	flag_set(v, EFL_CF, adjust);
	gpr_set(v, R_AX, 2, ax & 0xff0f);
}

/* daa and das */
static void bcd_decimal(struct vcpu *v, bool add)
{
	struct cpu *c = &v->cpu;
	u8 old = (u8)c->gpr[R_AX], al = old;
	bool cf = c->flags_ah & EFL_CF, carry = false;
	bool low = (al & 15) > 9 || (c->flags_ah & EFL_AF);

	if (low) {
		carry = cf || (add ? al > 0xf9 : al < 6);
		al = add ? al + 6 : al - 6;
	}
	if (old > 0x99 || cf) {
		al = add ? al + 0x60 : al - 0x60;
		carry = true;
	}
	flag_set(v, EFL_AF, low);
	flag_set(v, EFL_CF, carry);
	gpr_set(v, R_AX, 1, al);
	bcd_flags(v, al);
}

static enum hret bcd_aam(struct vcpu *v, u8 base)
{
	u8 al = (u8)v->cpu.gpr[R_AX];

	if (!base)
		return exc_raise(v, VEC_DE);
	gpr_set(v, R_AX, 2, (u32)(al / base) << 8 | al % base);
	bcd_flags(v, al % base);
	return H_NEXT;
}

static enum hret bcd_aad(struct vcpu *v, u8 base)
{
	u32 ax = gpr_get(v, R_AX, 2);
	u8 al = (u8)((ax & 0xff) + (ax >> 8) * base);

	gpr_set(v, R_AX, 2, al);
	bcd_flags(v, al);
	return H_NEXT;
}

enum hret sys_bcd(struct vcpu *v, const struct insn *i)
{
	switch (i->row->op) {
	case OP_AAM:
		return bcd_aam(v, (u8)i->imm);
	case OP_AAD:
		return bcd_aad(v, (u8)i->imm);
	case OP_AAA:
	case OP_AAS:
		bcd_ascii(v, i->row->op == OP_AAA);
		break;
	case OP_DAA:
	case OP_DAS:
		bcd_decimal(v, i->row->op == OP_DAA);
		break;
	default: /* SALC */
		gpr_set(v, R_AX, 1, v->cpu.flags_ah & EFL_CF ? 0xff : 0);
	}
	return H_NEXT;
}

/* --- bit strings: a register offset reaches beyond the operand */

static enum hret bit_store(struct vcpu *v, const struct insn *i, u32 val,
			   gva_t la)
{
	if (!i->has_mem) {
		gpr_set(v, i->rm, i->opsize, val);
		return H_NEXT;
	}
	return gmem_write(v, la, &val, i->opsize, vcpu_priv(v)) ? H_EXC :
								  H_NEXT;
}

enum hret sys_bit(struct vcpu *v, const struct insn *i)
{
	unsigned size = i->opsize, bits = 8 * size;
	bool write = i->row->op != OP_BT;
	u32 val = 0, mask, off;
	s32 n;
	gva_t la = 0;

	if (i->immsize)
		n = (s32)(i->imm & (bits - 1));
	else if (size == 2)
		n = (s16)gpr_get(v, i->reg, 2);
	else
		n = (s32)gpr_get(v, i->reg, 4);
	mask = 1u << ((u32)n & (bits - 1));
	if (i->has_mem) {
		/* Arithmetic shift: the offset counts in both directions. */
		off = seg_insn_off(v, i) +
		      (u32)(n >> (size == 2 ? 4 : 5)) * size;
		if (i->adsize == 2)
			off &= 0xffff;
		if (seg_check(v, i->seg, off, size,
			      write ? MMU_READ | MMU_WRITE : MMU_READ, &la) ||
		    (write && gmem_probe(v, la, size, MMU_WRITE,
					 vcpu_priv(v))) ||
		    gmem_read(v, la, &val, size, vcpu_priv(v)))
			return H_EXC;
	} else {
		val = gpr_get(v, i->rm, size);
	}
	if (write) {
		u32 new = i->row->op == OP_BTS ? val | mask :
			  i->row->op == OP_BTR ? val & ~mask : val ^ mask;

		if (bit_store(v, i, new, la) == H_EXC)
			return H_EXC;
	}
	flag_set(v, EFL_CF, val & mask);
	return H_NEXT;
}

/* The destination is written in both cases, as the processor does. */
enum hret sys_cmpxchg8b(struct vcpu *v, const struct insn *i)
{
	u64 old, val, want = gpr_get(v, R_AX, 4) |
			     (u64)gpr_get(v, R_DX, 4) << 32;
	bool equal;
	gva_t la;

	if (!i->has_mem)
		return exc_raise(v, VEC_UD);
	if (seg_ea(v, i, 8, MMU_READ | MMU_WRITE, &la) ||
	    gmem_probe(v, la, 8, MMU_WRITE, vcpu_priv(v)) ||
	    gmem_read(v, la, &old, 8, vcpu_priv(v)))
		return H_EXC;
	equal = old == want;
	val = equal ? gpr_get(v, R_BX, 4) | (u64)gpr_get(v, R_CX, 4) << 32 :
		      old;
	if (gmem_write(v, la, &val, 8, vcpu_priv(v)))
		return H_EXC;
	if (!equal) {
		gpr_set(v, R_AX, 4, (u32)old);
		gpr_set(v, R_DX, 4, (u32)(old >> 32));
	}
	flag_set(v, EFL_ZF, equal);
	return H_NEXT;
}

enum hret sys_xlat(struct vcpu *v, const struct insn *i)
{
	u32 off = gpr_get(v, R_BX, 4) + gpr_get(v, R_AX, 1);
	gva_t la;
	u8 b;

	if (i->adsize == 2)
		off &= 0xffff;
	if (seg_check(v, i->seg, off, 1, MMU_READ, &la) ||
	    gmem_read(v, la, &b, 1, vcpu_priv(v)))
		return H_EXC;
	gpr_set(v, R_AX, 1, b);
	return H_NEXT;
}

enum hret sys_cpuid(struct vcpu *v, const struct insn *i)
{
	u32 r[4];

	(void)i;
	cpuid_query(v, gpr_get(v, R_AX, 4), gpr_get(v, R_CX, 4), r);
	gpr_set(v, R_AX, 4, r[0]);
	gpr_set(v, R_BX, 4, r[1]);
	gpr_set(v, R_CX, 4, r[2]);
	gpr_set(v, R_DX, 4, r[3]);
	return H_NEXT;
}
