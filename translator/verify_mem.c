// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_mem.c - memory operands of emitted code: in which of the allowed
 * forms each is, and whether it is the access that the guest's instruction
 * makes.
 *
 * Confined are: gs: with a 32-bit address, or [r13 + 32 bits] without
 * FSGSBASE (the window is 4 GiB, with guards wider than any operand); what
 * GLUE_TLB returned, for the bytes it was asked for; struct cpu by a constant;
 * the block word; the block's own source, if it is checked; the hash.
 */
#include "verify_impl.h"

static enum vaddr window_address(struct verify *v, struct vaccess *a)
{
	const struct vinsn *h = &v->h;
	struct vlin l, x;

	if (!v->in->fsgsbase)
		return v_bad(v, "gs: on a host without FSGSBASE"), VA_BAD;
	if (!h->a32)
		return v_bad(v, "a window access with a 64-bit address"),
		       VA_BAD;
	if (h->base == VR_RIP)
		return v_bad(v, "a window access relative to rip"), VA_BAD;
	l = lin_none();
	if (h->base >= 0 && !val_lin(&v->st.r[h->base], &l))
		return v_bad(v, "a window access off an unknown register"),
		       VA_BAD;
	if (h->index >= 0 && !h->vsib) {
		if (!val_lin(&v->st.r[h->index], &x) ||
		    !lin_add(&l, &x, h->scale))
			return v_bad(v, "a window access off an unknown index"),
			       VA_BAD;
	}
	x = lin_none();
	x.disp = (u32)h->disp;
	if (h->disp && !lin_add(&l, &x, 0))
		return v_bad(v, "a displacement on an address that is done"),
		       VA_BAD;
	a->lin = l;
	return VA_WINDOW;
}

/* [r13 + index], the window's base and a linear address */
static enum vaddr r13_address(struct verify *v, struct vaccess *a)
{
	const struct vinsn *h = &v->h;

	if (v->in->fsgsbase)
		return v_bad(v, "r13 where gs is the window"), VA_BAD;
	if (h->index < 0 || h->scale || h->disp ||
	    !val_lin(&v->st.r[h->index], &a->lin))
		return v_bad(v, "a window access that is not [r13 + 32 bits]"),
		       VA_BAD;
	return VA_WINDOW;
}

/* Offset of a host address in the source of a checked block, or -1. */
static s64 source_offset(const struct verify *v, u64 at)
{
	u32 la = (u32)(v->in->mode->cs_base + v->in->eip);
	u32 n = v->out->guest_len;
	u32 first = PAGE_SIZE - (la & (u32)~PAGE_MASK);
	u64 off;

	off = at - (u64)v->in->source(v->in->opaque, la);
	if (off < MIN(n, first))
		return (s64)off;
	if (n <= first)
		return -1;
	off = at - (u64)v->in->source(v->in->opaque, (u32)(la + first));
	return off < n - first ? (s64)(first + off) : -1;
}

static enum vaddr const_address(struct verify *v, struct vaccess *a, u64 c)
{
	s64 off;

	if (!v->in->source || !v->out->checked_src || v->h.index >= 0)
		return v_bad(v, "an access at a constant host address"), VA_BAD;
	off = source_offset(v, c + (u64)(s64)v->h.disp);
	if (off < 0)
		return v_bad(v, "an access beside the block's source"), VA_BAD;
	a->off = (u32)off;
	return VA_SOURCE;
}

/* [hash + slot], of the eip in r8 */
static enum vaddr hash_address(struct verify *v)
{
	const struct vinsn *h = &v->h;
	const struct vval *r8 = &v->st.r[H_R8];

	if (h->index >= 0) {
		if (v->st.r[h->index].kind != V_IDX || h->scale != 3 || h->disp)
			return v_bad(v, "a hash slot that is not r8's"), VA_BAD;
	} else if (r8->kind != V_CONST ||
		   (u32)h->disp != X_SLOT((u32)r8->c)) {
		return v_bad(v, "the hash slot of another address"), VA_BAD;
	}
	return VA_HASH;
}

static enum vaddr host_address(struct verify *v, struct vaccess *a)
{
	const struct vinsn *h = &v->h;
	const struct vval *base = &v->st.r[h->base];

	switch (base->kind) {
	case V_HVA:
		if (h->index >= 0 || h->disp < 0)
			break;
		a->hva = *base;
		a->lin = base->lin;
		a->off = (u32)h->disp;
		return VA_TLB;
	case V_CONST:
		return const_address(v, a, base->c);
	case V_FIELD:
		if (base->c == offsetof(struct cpu, hash) && !base->inv &&
		    !base->lin.disp)
			return hash_address(v);
		break;
	default:
		break;
	}
	return v_bad(v, "an access off a register that is no address"), VA_BAD;
}

enum vaddr v_address(struct verify *v, struct vaccess *a)
{
	const struct vinsn *h = &v->h;

	*a = (struct vaccess){ .kind = VA_BAD, .lin = lin_none() };
	if (h->gs) {
		a->kind = window_address(v, a);
	} else if (h->a32 || h->vsib) {
		v_bad(v, "a 32-bit address outside the window");
	} else if (h->base == VR_RIP) {
		if ((s64)v->off + h->len + h->disp != (s64)v->out->blockword)
			v_bad(v, "rip-relative, but not the block word");
		else
			a->kind = VA_WORD;
	} else if (h->base < 0) {
		v_bad(v, "an absolute host address");
	} else if (h->base == H_R15) {
		if (h->index >= 0 || h->disp < 0 ||
		    (u32)h->disp >= sizeof(struct cpu))
			v_bad(v, "beyond struct cpu");
		else
			a->kind = VA_CPU;
		a->off = (u32)h->disp;
	} else if (h->base == H_R13) {
		a->kind = r13_address(v, a);
	} else {
		a->kind = host_address(v, a);
	}
	return a->kind;
}

bool v_must_help(const struct verify *v)
{
	const struct xmode *m = v->in->mode;

	return m->mem_form == FORM_HELPER || m->flags & XM_ALIGN || v->st.ac ||
	       v->out->helpers >> v->st.insn & 1;
}

enum seg_class v_seg_class(const struct verify *v, unsigned seg, u8 acc)
{
	enum seg_class c = v->in->mode->segc[seg];

	if (c == SEGC_FLAT_RO)
		c = acc & ACC_WRITE >> 12 ? SEGC_CHECKED : SEGC_FLAT;
	return c;
}

static bool lin_any(const struct vlin *l)
{
	for (unsigned k = 0; k < VSYMS; k++) {
		if (l->coef[k])
			return true;
	}
	return false;
}

static bool is_maskmov(const struct insn *g)
{
	return g->row->op == OP_MASKMOVQ || g->row->op == OP_MASKMOVDQU ||
	       g->row->op == OP_VMASKMOVDQU;
}

/* An offset of adsize bytes wraps there. */
static void lin_wrap(struct vlin *l, unsigned adsize)
{
	if (adsize != 2)
		return;
	if (lin_any(l))
		l->zx16 = true;
	else
		l->disp &= 0xffff;
}

bool v_operand(const struct verify *v, struct vlin *l, unsigned *seg)
{
	const struct insn *g = v->g;

	*l = lin_none();
	*seg = g->seg;
	if (g->row->op == OP_MOV_MOFFS) {
		l->disp = (u32)g->imm;
	} else if (g->row->op == OP_XLAT) {
		l->coef[R_BX] = 1;
		l->coef[VSYM_AL] = 1;
	} else if (is_maskmov(g)) {
		l->coef[R_DI] = 1;
	} else if (g->has_mem) {
		if (g->base >= 0)
			*l = lin_arch(v, (unsigned)g->base);
		if (g->index >= 0 && g->row->reach != REACH_GATHER)
			l->coef[g->index] += (u8)(1u << g->scale);
		l->disp += (u32)g->disp;
		if (g->row->op == OP_POP && g->base == R_SP)
			l->disp += g->opsize;
	} else {
		return false;
	}
	lin_wrap(l, g->adsize);
	return true;
}

/* Is the address l in segment seg, as such an access has to be emitted? */
static bool same_address(const struct verify *v, const struct vaccess *a,
			 struct vlin l, unsigned seg, unsigned size, u8 acc)
{
	struct vlin x = a->lin;

	switch (v_seg_class(v, seg, acc)) {
	case SEGC_CHECKED:
		if (!x.ck || x.cksize != size || acc != x.ckacc)
			return false;
		x.ck = false;
		x.cksize = x.ckacc = 0;
		l.seg = (s8)seg;
		break;
	case SEGC_BASED:
		l.seg = (s8)seg;
		break;
	default:
		break;
	}
	return lin_equal(&x, &l);
}

/* The operand on the stack, at any place near its top; LEAVE's is at ebp. */
static bool same_stack(const struct verify *v, const struct vaccess *a,
		       unsigned size, u8 acc, u8 *slot)
{
	unsigned base = v->g->row->op == OP_LEAVE ? R_BP : R_SP;
	struct vlin l = lin_arch(v, base);
	s32 n = (s32)(a->lin.disp - l.disp);

	if (n < -32 || n > 28)
		return false;
	l.disp += (u32)n;
	l.zx16 = v->in->mode->stack_bits == 16;
	*slot = (u8)(s8)n;
	return same_address(v, a, l, SEG_SS, size, acc);
}

static bool tlb_covers(struct verify *v, const struct vaccess *a,
		       unsigned size, u8 acc, unsigned seg)
{
	if (a->off + size > a->hva.size)
		return v_bad(v, "an access beyond what GLUE_TLB was asked for");
	if (a->off)
		return v_bad(v, "an access beside what GLUE_TLB was asked for");
	if (size != a->hva.size || acc != a->hva.acc)
		return v_bad(v, "another access than GLUE_TLB was asked for");
	if (a->hva.n != seg)
		return v_bad(v, "GLUE_TLB was told another segment");
	return true;
}

/* What a read or write of this instruction is for. */
static enum vwhere access_where(const struct insn *g, u8 acc)
{
	bool write = acc & ACC_WRITE >> 12;

	switch (g->row->op) {
	case OP_PUSH:
	case OP_CALL_IND:
		return write ? VW_STACK : VW_OPERAND;
	case OP_POP:
		return write ? VW_OPERAND : VW_STACK;
	case OP_CALL:
	case OP_RET:
	case OP_PUSHA:
	case OP_POPA:
	case OP_PUSHF:
	case OP_POPF:
	case OP_PUSH_SEG:
	case OP_POP_SEG:
	case OP_LEAVE:
		return VW_STACK;
	}
	return VW_OPERAND;
}

bool v_guest_access(struct verify *v, const struct vaccess *a, unsigned size,
		    u8 acc, u8 *from, u8 *slot)
{
	struct vlin l;
	unsigned seg = SEG_SS;

	*slot = 0;
	if (a->kind != VA_WINDOW && a->kind != VA_TLB)
		return v_bad(v, "not an access of the guest");
	*from = (u8)access_where(v->g, acc);
	if (*from == VW_OPERAND ? !v_operand(v, &l, &seg) ||
				  !same_address(v, a, l, seg, size, acc) :
				  !same_stack(v, a, size, acc, slot))
		return v_bad(v, "not the address that the instruction names");
	if (a->kind == VA_TLB) {
		if (!tlb_covers(v, a, size, acc, seg))
			return false;
		if (acc & ACC_WRITE >> 12)
			v->st.commit = true;
	} else if (v_must_help(v)) {
		return v_bad(v, "direct form where helper form must be");
	}
	return v->st.slots == 0xff || v_before(v);
}
