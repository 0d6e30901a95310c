// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seg.c - segment registers: descriptors, their checks, effective addresses
 * and stack cursors. SDM vol. 3, chapters 3 and 5.
 *
 * Runs on light exits (vcpu.h).
 */
#include "sys_impl.h"

void seg_derive(struct seg *s, bool is_stack_or_data)
{
	u16 a = s->attr;
	bool code = a & SEG_ATTR_CODE;
	bool usable = (a & SEG_ATTR_P) && (a & SEG_ATTR_S) && is_stack_or_data;
	u32 top = a & SEG_ATTR_DB ? 0xffffffff : 0xffff;

	s->readable = usable && (!code || (a & SEG_ATTR_W));
	s->writable = usable && !code && (a & SEG_ATTR_W);
	s->lo = 0;
	s->hi = s->limit;
	if ((a & SEG_ATTR_S) && !code && (a & SEG_ATTR_E)) {
		s->lo = s->limit + 1;
		s->hi = top;
		if (s->limit >= top)
			s->lo = 1, s->hi = 0;
	}
	if (!(a & SEG_ATTR_P))
		s->lo = 1, s->hi = 0;
}

/* --- descriptors */

int desc_lookup(struct vcpu *v, u16 sel, struct desc *d, bool *found)
{
	const struct cpu *c = &v->cpu;
	u32 off = sel & 0xfff8;
	u32 base = (u32)c->gdt.base, limit = c->gdt.limit;
	u32 raw[2];

	if (sel & SEL_TI) {
		base = (u32)c->ldt.base;
		limit = c->ldt.limit;
	}
	*found = off + 7 <= limit &&
		 (!(sel & SEL_TI) || (c->ldt.attr & SEG_ATTR_P));
	if (!*found)
		return 0;
	d->la = (u32)(base + off);
	if (gmem_read(v, d->la, raw, 8, MMU_IMPLICIT))
		return -1;
	d->lo = raw[0];
	d->hi = raw[1];
	return 0;
}

int desc_read(struct vcpu *v, u16 sel, struct desc *d, unsigned vec, u32 ext)
{
	bool found;

	if (desc_lookup(v, sel, d, &found))
		return -1;
	if (!found)
		return sys_fail(v, vec, SEL_ERR(sel) | ext);
	return 0;
}

/* Byte 5 holds type, S, DPL and P: the only byte that the CPU changes. */
static int desc_write_access_byte(struct vcpu *v, const struct desc *d)
{
	u8 b = (u8)(d->hi >> 8);

	return gmem_write(v, (u32)(d->la + 5), &b, 1, MMU_IMPLICIT);
}

int desc_set_accessed(struct vcpu *v, struct desc *d)
{
	if (d->hi & (SEG_ATTR_A << 8))
		return 0;
	d->hi |= SEG_ATTR_A << 8;
	return desc_write_access_byte(v, d);
}

int desc_set_busy(struct vcpu *v, struct desc *d, bool busy)
{
	u32 bit = DT_TSS_BUSY_BIT << 8;

	d->hi = busy ? d->hi | bit : d->hi & ~bit;
	return desc_write_access_byte(v, d);
}

/* --- hidden parts */

void seg_from_desc(struct seg *s, const struct desc *d, u16 sel)
{
	s->base = desc_base(d);
	s->limit = desc_limit(d);
	s->sel = sel;
	s->attr = (d->hi >> 8) & 0xf0ff;
	seg_derive(s, s->attr & SEG_ATTR_S);
}

/* The limit stays, for a later load in real mode. */
void seg_null(struct seg *s, u16 sel)
{
	s->sel = sel;
	s->base = 0;
	s->attr = 0;
	seg_derive(s, true);
}

void seg_vm86(struct seg *s, u16 sel)
{
	s->sel = sel;
	s->base = (u32)sel << 4;
	s->limit = 0xffff;
	s->attr = ATTR_VM86;
	seg_derive(s, true);
}

void seg_real(struct seg *s, u16 sel)
{
	s->sel = sel;
	s->base = (u32)sel << 4;
	s->attr = ATTR_REAL | (s->attr & SEG_ATTR_G);
	seg_derive(s, true);
}

void seg_flat(struct seg *s, u16 sel, bool code, unsigned dpl)
{
	s->sel = sel;
	s->base = 0;
	s->limit = 0xffffffff;
	s->attr = SEG_ATTR_P | SEG_ATTR_S | SEG_ATTR_W | SEG_ATTR_A |
		  SEG_ATTR_DB | SEG_ATTR_G | dpl << 5;
	if (code)
		s->attr |= SEG_ATTR_CODE;
	seg_derive(s, true);
}

void seg_load_8086(struct vcpu *v, struct seg *s, u16 sel)
{
	if (cpu_is_vm86(&v->cpu))
		seg_vm86(s, sel);
	else
		seg_real(s, sel);
}

/* --- loads with checks */

int seg_check_stack_sel(struct vcpu *v, u16 sel, const struct selctx *x,
			struct seg *out)
{
	u32 err = SEL_ERR(sel) | x->ext;
	struct desc d;

	if (SEL_NULL(sel))
		return sys_fail(v, x->vec, x->ext);
	if (desc_read(v, sel, &d, x->vec, x->ext))
		return -1;
	if ((sel & SEL_RPL) != x->cpl || !desc_is_writable(&d) ||
	    desc_dpl(&d) != x->cpl)
		return sys_fail(v, x->vec, err);
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_SS, err);
	if (desc_set_accessed(v, &d))
		return -1;
	seg_from_desc(out, &d, sel);
	return 0;
}

int seg_check_data_sel(struct vcpu *v, u16 sel, const struct selctx *x,
		       struct seg *out)
{
	u32 err = SEL_ERR(sel) | x->ext;
	unsigned rpl = sel & SEL_RPL;
	struct desc d;

	if (SEL_NULL(sel)) {
		seg_null(out, sel);
		return 0;
	}
	if (desc_read(v, sel, &d, x->vec, x->ext))
		return -1;
	if (!desc_is_readable(&d))
		return sys_fail(v, x->vec, err);
	if (!desc_is_conforming(&d) &&
	    (rpl > desc_dpl(&d) || x->cpl > desc_dpl(&d)))
		return sys_fail(v, x->vec, err);
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_NP, err);
	if (desc_set_accessed(v, &d))
		return -1;
	seg_from_desc(out, &d, sel);
	return 0;
}

static bool seg_is_whole(const struct seg *s)
{
	return s->lo == 0 && s->hi == 0xffffffff && s->limit == 0xffffffff;
}

/* Are accesses through b translated as those through a (mode.c)? Then the
 * block that loads it need not end. */
static bool seg_same_mode(const struct seg *a, const struct seg *b)
{
	return a->readable == b->readable && a->writable == b->writable &&
	       seg_is_whole(a) == seg_is_whole(b) &&
	       (!a->base == !b->base || !seg_is_whole(b)) &&
	       !((a->attr ^ b->attr) & SEG_ATTR_DB);
}

int seg_load(struct vcpu *v, unsigned seg, u16 sel)
{
	struct cpu *c = &v->cpu;
	struct selctx x = { .vec = VEC_GP, .cpl = c->cpl };
	struct seg s = c->seg[seg];

	if (!cpu_is_protected(c))
		seg_load_8086(v, &s, sel);
	else if (seg == CPU_SS ? seg_check_stack_sel(v, sel, &x, &s) :
				 seg_check_data_sel(v, sel, &x, &s))
		return -1;
	if (!seg_same_mode(&c->seg[seg], &s))
		v->mode_dirty = true;
	c->seg[seg] = s;
	return 0;
}

void seg_set_cs(struct vcpu *v, const struct seg *cs, u32 eip, unsigned cpl)
{
	struct cpu *c = &v->cpu;

	c->seg[CPU_CS] = *cs;
	c->cpl = (u8)cpl;
	c->rip = eip;
	v->mode_dirty = true;
}

/* --- data accesses */

u32 seg_insn_off(const struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;
	u32 off = (u32)i->disp;

	if (i->base >= 0)
		off += (u32)c->gpr[i->base];
	if (i->index >= 0)
		off += (u32)c->gpr[i->index] << i->scale;
	return i->adsize == 2 ? off & 0xffff : off;
}

/* Natural alignment of an operand (SDM vol. 3, table 6-7). */
static u32 seg_align(unsigned size)
{
	switch (size) {
	case 2:
	case 14: /* FNSTENV, FNSAVE with 16-bit operands */
	case 94:
		return 2;
	case 4:
	case 6:
	case 28: /* with 32-bit ones */
	case 108:
		return 4;
	case 8:
	case 10:
		return 8;
	default:
		return 1;
	}
}

static bool seg_checks_alignment(const struct vcpu *v)
{
	const struct cpu *c = &v->cpu;

	return c->cpl == 3 && (c->cr0 & CR0_AM) && (c->sysflags & EFL_AC);
}

/* Whether off..off+size-1 lies in the segment. */
static bool seg_covers(const struct seg *s, u32 off, unsigned size)
{
	return s->lo <= s->hi && off >= s->lo &&
	       (u64)off + size - 1 <= s->hi;
}

static int seg_check_aligned(struct vcpu *v, unsigned seg, u32 off,
			     unsigned size, unsigned align,
			     enum mmu_access acc, gva_t *la)
{
	const struct seg *s = &v->cpu.seg[seg];

	if (!seg_covers(s, off, size) ||
	    ((acc & MMU_READ) && !s->readable) ||
	    ((acc & MMU_WRITE) && !s->writable))
		return sys_fail(v, seg == CPU_SS ? VEC_SS : VEC_GP, 0);
	*la = (u32)(s->base + off);
	if (unlikely(seg_checks_alignment(v)) && (*la & (align - 1)))
		return sys_fail(v, VEC_AC, 0);
	return 0;
}

int seg_check(struct vcpu *v, unsigned seg, u32 off, unsigned size,
	      enum mmu_access acc, gva_t *la)
{
	return seg_check_aligned(v, seg, off, size, seg_align(size), acc, la);
}

/* Far pointers and pairs of bounds are as aligned as their first part. */
static unsigned seg_insn_align(const struct insn *insn, unsigned size)
{
	switch (insn->row->op) {
	case OP_BOUND:
	case OP_LES:
	case OP_LDS:
	case OP_LSS:
	case OP_LFS:
	case OP_LGS:
	case OP_CALLF_IND:
	case OP_JMPF_IND:
		return insn->opsize;
	}
	return seg_align(size);
}

int seg_ea(struct vcpu *v, const struct insn *insn, unsigned size,
	   enum mmu_access acc, gva_t *la)
{
	return seg_check_aligned(v, insn->seg, seg_insn_off(v, insn), size,
				 seg_insn_align(insn, size), acc, la);
}

/* --- stacks */

static void stk_set(struct stk *s, const struct seg *ss, u32 esp, bool wide,
		    u32 err)
{
	s->ss = *ss;
	s->esp = esp;
	s->mask = wide ? 0xffffffff : 0xffff;
	s->err = err;
}

void stk_current(const struct vcpu *v, struct stk *s)
{
	const struct cpu *c = &v->cpu;
	const struct seg *ss = &c->seg[CPU_SS];

	stk_set(s, ss, (u32)c->gpr[R_SP],
		cpu_is_protected(c) && (ss->attr & SEG_ATTR_DB), 0);
	s->priv = vcpu_priv(v);
	s->ac = seg_checks_alignment(v);
}

void stk_switched(struct stk *s, const struct seg *ss, u32 esp, unsigned cpl,
		  u32 err)
{
	stk_set(s, ss, esp, ss->attr & SEG_ATTR_DB, err);
	s->priv = cpl == 3 ? MMU_USER : MMU_IMPLICIT;
	s->ac = false;
}

void stk_add(struct stk *s, u32 bytes)
{
	s->esp = (s->esp & ~s->mask) | ((s->esp + bytes) & s->mask);
}

static int stk_la(struct vcpu *v, const struct stk *s, u32 off, unsigned size,
		  bool write, gva_t *la)
{
	if (!seg_covers(&s->ss, off, size) ||
	    !(write ? s->ss.writable : s->ss.readable))
		return sys_fail(v, VEC_SS, s->err);
	*la = (u32)(s->ss.base + off);
	if (s->ac && (*la & (size - 1)))
		return sys_fail(v, VEC_AC, 0);
	return 0;
}

int stk_push(struct vcpu *v, struct stk *s, unsigned size, u32 val)
{
	gva_t la;

	if (stk_la(v, s, (s->esp - size) & s->mask, size, true, &la) ||
	    gmem_write(v, la, &val, size, s->priv))
		return -1;
	stk_add(s, -size);
	return 0;
}

int stk_pop(struct vcpu *v, struct stk *s, unsigned size, u32 *val)
{
	gva_t la;

	*val = 0;
	if (stk_la(v, s, s->esp & s->mask, size, false, &la) ||
	    gmem_read(v, la, val, size, s->priv))
		return -1;
	stk_add(s, size);
	return 0;
}

/* Reads SS and ESP of level cpl from the TSS. */
static int tss_stack_pointer(struct vcpu *v, unsigned cpl, u32 ext, u16 *ss,
			     u32 *esp)
{
	const struct seg *tr = &v->cpu.tr;
	bool is32 = tr->attr & 8;
	u32 off = is32 ? cpl * 8 + 4 : cpl * 4 + 2;
	unsigned n = is32 ? 8 : 4;
	u8 b[8];

	if (!(tr->attr & SEG_ATTR_P) || off + n - 1 > tr->limit)
		return sys_fail(v, VEC_TS, SEL_ERR(tr->sel) | ext);
	if (gmem_read(v, (u32)(tr->base + off), b, n, MMU_IMPLICIT))
		return -1;
	*esp = is32 ? light_get32(b) : light_get16(b);
	*ss = light_get16(b + n / 2);
	return 0;
}

int tss_stack(struct vcpu *v, unsigned cpl, u32 ext, struct stk *s)
{
	struct selctx x = { .vec = VEC_TS, .ext = (u8)ext, .cpl = (u8)cpl };
	struct seg seg;
	u16 ss;
	u32 esp;

	if (tss_stack_pointer(v, cpl, ext, &ss, &esp) ||
	    seg_check_stack_sel(v, ss, &x, &seg))
		return -1;
	stk_switched(s, &seg, esp, cpl, SEL_ERR(ss) | ext);
	return 0;
}
