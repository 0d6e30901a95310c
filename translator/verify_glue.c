// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_glue.c - emitted code that is not the guest's instruction itself:
 * a short list of host instructions, each carried out over abstract values.
 * What is not on the list is refused.
 */
#include "verify_impl.h"

#define ACC_R (ACC_READ >> 12)
#define ACC_W (ACC_WRITE >> 12)

static unsigned op_size(const struct vinsn *h)
{
	if (!(h->op & 1))
		return 1;
	return h->w ? 8 : h->p66 ? 2 : 4;
}

/* A byte register that is the low byte of what its number names. */
static bool byte_is_low(const struct vinsn *h, unsigned n)
{
	return n < 4 || n >= 8 || h->rex;
}

/* --- guest registers that glue gives their new values */

/* What was loaded from the guest is the new value of register r. */
static bool load_is_result(const struct verify *v, const struct vval *x,
			   unsigned r)
{
	const struct insn *g = v->g;
	s32 size = g->opsize;

	switch (v_guest_op(v)) {
	case OP_POP:
		return x->from == VW_STACK && !x->slot && x->size == size &&
		       !g->has_mem &&
		       r == (g->has_modrm ? g->rm : g->reg);
	case OP_POPA:
		return x->from == VW_STACK && x->size == size && r != R_SP &&
		       x->slot == (R_DI - r) * (unsigned)size &&
		       v->st.slots == 0xff;
	case OP_LEAVE:
		return x->from == VW_STACK && !x->slot && x->size == size &&
		       r == R_BP;
	case OP_MOV_MOFFS:
		return x->from == VW_OPERAND && x->size == g->memsize &&
		       r == R_AX && g->row->mem == MEM_R;
	case OP_XLAT:
		return x->from == VW_OPERAND && x->size == 1 && r == R_AX;
	}
	return false;
}

/* The rest of a register that is written in part must be its own. */
static bool rest_is_own(const struct verify *v, unsigned r, unsigned size)
{
	const struct vval *x = &v->st.r[v_host[r]];
	struct vlin l = lin_arch(v, r);

	return size >= 4 || val_is_own(x, r) || val_is_fresh(x, r) ||
	       (x->kind == V_LIN && lin_equal(&x->lin, &l)) ||
	       (r == R_SP && x->kind == V_M16 && x->n == r) ||
	       (r == R_SP && x->kind == V_LIN && x->lin.coef[R_SP] == 1 &&
		size == 2 && v_guest_op(v) == OP_POP);
}

static bool result_set(struct verify *v, unsigned r, unsigned size)
{
	if (!rest_is_own(v, r, size))
		return v_bad(v, "the rest of a register is not its own");
	guest_set_fresh(v, r);
	if (v_guest_op(v) != OP_POPA || r == R_AX)
		v->st.done = true;
	return true;
}

/* lea r, EA in one piece or through r8 */
static bool is_lea_result(const struct verify *v, const struct vval *x,
			  unsigned r, unsigned size)
{
	struct vlin want, l;
	unsigned seg;

	if (v_guest_op(v) != OP_LEA || r != v->g->reg || size != v->g->opsize ||
	    v->st.done || (r == R_SP && v_site(v)->sp_off))
		return false;
	return v_operand(v, &want, &seg) && val_lin(x, &l) &&
	       lin_equal(&l, &want);
}

/* --- loads */

/* mov_from_cr, mov_from_seg: struct cpu to a guest register */
static bool cpu_is_result(const struct verify *v, u32 off, unsigned size,
			  bool zx, unsigned r)
{
	static const u32 cr[] = { CPU_OFF(cr0), 0, CPU_OFF(cr2), CPU_OFF(cr3),
				  CPU_OFF(cr4) };
	const struct insn *g = v->g;

	switch (v_guest_op(v)) {
	case OP_MOV_FROM_CR:
		return g->reg < ARRAY_SIZE(cr) && g->reg != 1 &&
		       off == cr[g->reg] && size == 4 && r == g->rm &&
		       !(v->in->mode->flags & XM_VM) &&
		       v->in->mode->cpl == 0;
	case OP_RDTSCP:
		return off == CPU_OFF(tsc_aux) && size == 4 && r == R_CX &&
		       v->st.stored;
	case OP_MOV_FROM_SEG:
		return !g->has_mem && size == 2 && r == g->rm &&
		       zx == (g->opsize != 2) &&
		       g->reg < CPU_NSEG &&
		       off == CPU_OFF(seg) + g->reg * sizeof(struct seg) +
				      offsetof(struct seg, sel);
	}
	return false;
}

/* seg[n].base as a sum, seg[n].sel as a field */
static bool seg_load(struct verify *v, u32 off, unsigned size, bool zx,
		     struct vval *x)
{
	u32 n = (off - CPU_OFF(seg)) / sizeof(struct seg);
	u32 at = (off - CPU_OFF(seg)) % sizeof(struct seg);

	if (off < CPU_OFF(seg) || n >= CPU_NSEG)
		return false;
	if (at == offsetof(struct seg, base) && size == 4) {
		*x = v_make(V_LIN);
		x->lin.seg = (s8)n;
		return true;
	}
	if (at != offsetof(struct seg, sel) || size != 2)
		return false;
	*x = v_make(V_FIELD);
	x->c = off;
	x->clean = zx;
	(void)v;
	return true;
}

static bool cpu_load(struct verify *v, u32 off, unsigned size, bool zx,
		     struct vval *x)
{
	static const struct {
		u32 off;
		u8 size;
	} ok[] = {
		{ CPU_OFF(window), 8 },	  { CPU_OFF(hash), 8 },
		{ CPU_OFF(pair_top), 8 }, { CPU_OFF(irq_probe), 4 },
		{ CPU_OFF(df), 1 },	  { CPU_OFF(iflag), 1 },
		{ CPU_OFF(sysflags), 4 }, { CPU_OFF(tlbs_ac[0]), 8 },
		{ CPU_OFF(tlbs_ac[1]), 8 },
	};

	if (off == CPU_OFF(hash) && v_site(v)->kind != SITE_LOOKUP)
		return v_bad(v, "the hash is read outside a look-up site");
	for (unsigned k = 0; k < ARRAY_SIZE(ok); k++) {
		if (ok[k].off != off || ok[k].size != size)
			continue;
		*x = v_make(V_FIELD);
		x->c = off;
		x->clean = size == 4 || (size == 1 && zx);
		return true;
	}
	if (seg_load(v, off, size, zx, x))
		return true;
	return v_bad(v, "a field of struct cpu that is not for this");
}

static bool source_load(struct verify *v, u32 off, unsigned size,
			struct vval *x)
{
	if (v->st.phase != VP_INSN || size != 4 ||
	    !(v->out->soft >> v->st.insn & 1) ||
	    off != v->raw_off[v->st.insn + 1] - 4)
		return v_bad(v, "source that is not the immediate");
	*x = v_make(V_LOAD);
	x->from = VW_SOURCE;
	x->size = 4;
	x->clean = true;
	return true;
}

static bool guest_load(struct verify *v, const struct vaccess *a,
		       unsigned size, bool zx, unsigned d, struct vval *x)
{
	unsigned word = v->g->opsize ? v->g->opsize : 4;
	u8 from, slot;

	if (v_guest_op(v) == OP_INVALID || v->g->row->cls == CLS_COPY)
		return v_bad(v, "an access the instruction does not make");
	if (!v_guest_access(v, a, size, ACC_R, &from, &slot))
		return false;
	if (v_guest_op(v) != OP_POPA && v->st.loads & 1u << from)
		return v_bad(v, "an access that is made twice");
	v->st.loads |= (u8)(1u << from);
	*x = v_make(V_LOAD);
	x->from = from;
	x->slot = slot;
	x->size = (u16)size;
	x->clean = zx;
	if (v_guest_op(v) != OP_POPA)
		return true;
	if (size != word || slot % word || slot / word > 7)
		return v_bad(v, "popa loads what it does not pop");
	if (d == H_R14)
		v->st.slots |= (u8)(1u << slot / word);
	return true;
}

/* mov d, [m]; movzx d, [m] */
static bool load(struct verify *v, unsigned d, unsigned size, bool zx)
{
	struct vaccess a;
	struct vval x;
	int r = v_guest(d);
	bool ok = false;

	if (d == H_R15 || d == H_R13 || d == H_RSP)
		return v_bad(v, "a register that glue does not write");
	switch (v_address(v, &a)) {
	case VA_BAD:
		return false;
	case VA_CPU:
		if (r >= 0 && cpu_is_result(v, a.off, size, zx, (unsigned)r))
			return result_set(v, (unsigned)r, zx ? 4 : size);
		ok = cpu_load(v, a.off, size, zx, &x);
		break;
	case VA_WORD:
		if (size != 8)
			return v_bad(v, "the block word is eight bytes");
		x = v_make(V_FIELD);
		x.c = ~0ull;
		ok = true;
		break;
	case VA_SOURCE:
		ok = source_load(v, a.off, size, &x);
		break;
	case VA_WINDOW:
	case VA_TLB:
		ok = guest_load(v, &a, size, zx || size == 4, d, &x);
		break;
	case VA_HASH:
		return v_bad(v, "the hash is only jumped through");
	}
	if (!ok)
		return false;
	if (r >= 0 && !zx && x.kind == V_LOAD &&
	    load_is_result(v, &x, (unsigned)r))
		return result_set(v, (unsigned)r, size);
	if (r >= 0 && size < 4 && !zx)
		x = v_make(V_ANY);
	reg_set(v, d, x);
	return true;
}

/* --- stores */

/* The value in host register s, or imm, is what is to be stored. */
static bool store_value(const struct verify *v, const struct vval *x,
			unsigned size, u8 slot)
{
	const struct insn *g = v->g;
	u64 mask = size == 2 ? 0xffff : 0xffffffff;
	struct vlin l, want;
	int reg = -1;

	switch (v_guest_op(v)) {
	case OP_PUSH:
		if (g->has_mem)
			return x->kind == V_LOAD && x->from == VW_OPERAND &&
			       x->size == size;
		if (g->has_modrm || g->row->rowflags & ROW_EMBEDDED)
			reg = g->has_modrm ? g->rm : g->reg;
		else
			return x->kind == V_CONST &&
			       !((x->c ^ g->imm) & mask);
		break;
	case OP_CALL:
	case OP_CALL_IND:
		return x->kind == V_CONST && !((x->c ^ v->next) & mask);
	case OP_PUSHA:
		reg = -(s8)slot / g->opsize - 1;
		break;
	case OP_PUSHF:
		return x->kind == V_EFLAGS && x->n == VE_ALL;
	case OP_POP:
		return x->kind == V_LOAD && x->from == VW_STACK &&
		       !x->slot && x->size == size;
	case OP_PUSH_SEG:
	case OP_MOV_FROM_SEG:
		return x->kind == V_FIELD && g->reg < CPU_NSEG &&
		       x->c == CPU_OFF(seg) + g->reg * sizeof(struct seg) +
				       offsetof(struct seg, sel);
	case OP_MOV_MOFFS:
		reg = R_AX;
		break;
	}
	if (reg < 0 || reg > 7)
		return false;
	want = lin_arch(v, (unsigned)reg);
	return val_lin(x, &l) && lin_equal(&l, &want);
}

static bool store_place(const struct verify *v, u8 from, u8 slot,
			unsigned size)
{
	const struct insn *g = v->g;
	s32 at = (s8)slot, word = g->opsize;

	switch (v_guest_op(v)) {
	case OP_PUSH:
	case OP_PUSHF:
	case OP_CALL:
	case OP_CALL_IND:
		return from == VW_STACK && at == -word && (s32)size == word;
	case OP_PUSH_SEG:
		return from == VW_STACK && at == -word && size == 2;
	case OP_PUSHA:
		return from == VW_STACK && (s32)size == word && at < 0 &&
		       at % word == 0 && at >= -8 * word;
	case OP_POP:
		return from == VW_OPERAND && g->has_mem && (s32)size == word;
	case OP_MOV_FROM_SEG:
		return from == VW_OPERAND && size == 2;
	case OP_MOV_MOFFS:
		return from == VW_OPERAND && size == g->memsize &&
		       g->row->mem == MEM_W;
	}
	return false;
}

static bool guest_store(struct verify *v, const struct vaccess *a,
			unsigned size, const struct vval *x)
{
	u8 from, slot;

	if (v->st.done)
		return v_bad(v, "a store behind the instruction");
	if (!v_guest_access(v, a, size, ACC_W, &from, &slot))
		return false;
	if (!store_place(v, from, slot, size))
		return v_bad(v, "a store that the instruction does not make");
	if (!store_value(v, x, size, slot))
		return v_bad(v, "another value than the instruction stores");
	if (v_guest_op(v) == OP_PUSHA) {
		v->st.stored |= (u8)(1u << (-(s8)slot / v->g->opsize - 1));
		v->st.done = v->st.stored == 0xff;
	} else {
		v->st.done = true;
	}
	return true;
}

static bool if_is_inline(const struct verify *v)
{
	return v->in->mode->flags & XM_IF_OK &&
	       !(v->in->mode->flags & XM_VME);
}

/* stac, clac: the flag, then the TLB that goes with it */
static bool ac_store(struct verify *v, u32 off, unsigned size,
		     const struct vval *x)
{
	bool on = v_guest_op(v) == OP_STAC;
	const struct xmode *m = v->in->mode;

	if (x->kind != V_FIELD || x->inv || v->st.ac == on ||
	    !(m->flags & XM_SMAP) || m->cpl)
		return false;
	if (off == CPU_OFF(sysflags) && size == 4) {
		v->st.stored = 1;
		return x->c == off &&
		       x->lin.disp == (u32)(on ? EFL_AC : -EFL_AC);
	}
	if (off != CPU_OFF(tlb) || size != 8 || !v->st.stored ||
	    x->c != CPU_OFF(tlbs_ac[0]) + 8u * on)
		return false;
	v->st.ac = on;
	v->st.done = true;
	return true;
}

/* The fields of struct cpu that generated code may write, and when. */
static bool cpu_store(struct verify *v, u32 off, unsigned size,
		      const struct vval *x)
{
	u16 op = v_guest_op(v);
	bool ok = false;

	switch (op) {
	case OP_CLD:
	case OP_STD:
		ok = off == CPU_OFF(df) && size == 1 && v->st.df &&
		     x->kind == V_CONST && x->c == (op == OP_STD);
		v->st.df = v->st.df && !ok;
		break;
	case OP_CLI:
	case OP_STI:
		ok = off == CPU_OFF(iflag) && size == 1 && if_is_inline(v) &&
		     x->kind == V_CONST && x->c == (op == OP_STI) &&
		     (op == OP_CLI || v->st.quiet);
		v->st.done |= ok;
		break;
	case OP_STAC:
	case OP_CLAC:
		ok = ac_store(v, off, size, x);
		break;
	}
	return ok || v_bad(v, "a store to struct cpu that is not allowed");
}

static bool store(struct verify *v, unsigned size, const struct vval *x)
{
	struct vaccess a;

	switch (v_address(v, &a)) {
	case VA_BAD:
		return false;
	case VA_CPU:
		return cpu_store(v, a.off, size, x);
	case VA_WINDOW:
	case VA_TLB:
		return guest_store(v, &a, size, x);
	default:
		return v_bad(v, "a store to what generated code only reads");
	}
}

/* --- moves between registers */

/* mov d(16), s: the upper half stays */
static void move16(struct verify *v, unsigned d, const struct vval *s)
{
	int r = v_guest(d);
	const struct vval *old = &v->st.r[d];
	struct vval x = v_make(V_M16);
	struct vlin l;

	if (r < 0 || !(val_is_own(old, (unsigned)r) ||
		       (old->kind == V_M16 && old->n == r))) {
		reg_set(v, d, v_make(V_ANY));
		return;
	}
	if (s->kind == V_LOW16)
		l = s->lin;
	else if (!val_lin(s, &l) || l.zx16 || l.fresh || l.seg >= 0) {
		reg_set(v, d, v_make(V_CLEAN));
		return;
	}
	x.n = (u8)r;
	x.lin = l;
	l = lin_sym((unsigned)r);
	if (lin_equal(&x.lin, &l))
		x = v_lin(l);
	reg_set(v, d, x);
}

static void move8(struct verify *v, unsigned d, unsigned s)
{
	const struct vval *x = &v->st.r[s];
	struct vval high = v_make(V_HIGH);

	if (v_guest_op(v) == OP_SALC && d == H_RAX &&
	    x->kind == V_EFLAGS && x->n == VE_CF_NEG) {
		result_set(v, R_AX, 1);
	} else if (x->kind == V_SWAP && !x->lin.fresh && v_guest(d) < 0) {
		high.n = x->n;
		reg_set(v, d, high);
	} else {
		reg_set(v, d, v_make(V_ANY));
	}
}

/* mov d, s */
static bool move(struct verify *v, unsigned d, unsigned s, unsigned size)
{
	struct vval x = v->st.r[s];
	int r = v_guest(d);

	if (d == H_R15 || d == H_R13 || d == H_RSP || s == H_RSP)
		return v_bad(v, "a register that glue does not write");
	if (r >= 0 && size != 8 && x.kind == V_LOAD &&
	    load_is_result(v, &x, (unsigned)r) && x.size == size)
		return result_set(v, (unsigned)r, size);
	if (r >= 0 && is_lea_result(v, &x, (unsigned)r, size))
		return result_set(v, (unsigned)r, size);
	switch (size) {
	case 8:
		reg_set(v, d, x);
		break;
	case 4:
		if (x.kind == V_FLAGS)
			x = v_eflags(x.n == 2 ? VE_RAX : VE_NONE);
		else if (!val_clean(&x))
			x = v_make(V_CLEAN);
		reg_set(v, d, x);
		break;
	case 2:
		move16(v, d, &x);
		break;
	default:
		move8(v, d, s);
	}
	return true;
}

/* movzx d, s */
static bool extend(struct verify *v, unsigned d, unsigned s, unsigned size)
{
	struct vval y = v_make(V_CLEAN), x = v->st.r[s];
	struct vlin l;

	if (d == H_R15 || d == H_R13 || d == H_RSP)
		return v_bad(v, "a register that glue does not write");
	if (size == 2 && d == H_R9 && s == H_R8) {
		y = v_make(V_IDX);
	} else if (size == 2 && (x.kind == V_LIN || x.kind == V_M16) &&
		   !x.lin.fresh && x.lin.seg < 0 && !x.lin.ck) {
		l = x.lin;
		l.zx16 = true;
		y = v_lin(l);
	} else if (size == 1 && s == H_RAX && val_is_own(&x, R_AX)) {
		y = v_lin(lin_sym(VSYM_AL));
	} else if (size == 1 && s == H_RAX && v_guest_op(v) == OP_SALC &&
		   val_is_fresh(&x, R_AX)) {
		y = v_eflags(VE_CF);
	} else if (size == 1 && x.kind == V_FLAGS) {
		y = v_eflags(x.n == 2 ? VE_OF : VE_NONE);
	} else if (size == 1 && x.kind == V_EFLAGS && x.n == VE_RAX_SHR) {
		y = v_eflags(VE_AH);
	}
	reg_set(v, d, y);
	return true;
}

/* --- lea */

static bool is_window(const struct verify *v, unsigned r, bool inv)
{
	const struct vval *x = &v->st.r[r];

	if (r == H_R13)
		return !v->in->fsgsbase && !inv;
	return x->kind == V_FIELD && x->c == CPU_OFF(window) && x->inv == inv;
}

/* lea d(64): window + sum, or the distance to the bottom of the pair stack */
static bool lea64(struct verify *v, unsigned d)
{
	const struct vinsn *h = &v->h;
	struct vval x = v_make(V_ANY);
	int b = h->base, i = h->index;
	struct vlin l;

	if (d == H_RSP) {
		if (b != H_RSP || i >= 0 || h->disp != 8 || !v->st.above ||
		    v_guest_op(v) != OP_RET)
			return v_bad(v, "rsp is changed");
		v->st.above = false;
		for (unsigned k = 0; k < H_NR; k++) {
			if (v->st.r[k].kind == V_RSPDIFF)
				v->st.r[k] = v_make(V_ANY);
		}
		return true;
	}
	if (b == H_RSP && i >= 0 && !h->scale && h->disp == 1 &&
	    v->st.r[i].kind == V_FIELD && v->st.r[i].inv &&
	    v->st.r[i].c == CPU_OFF(pair_top)) {
		x = v_make(V_RSPDIFF);
	} else if (b >= 0 && i >= 0 && !h->scale && !h->disp) {
		if (is_window(v, (unsigned)i, false) &&
		    val_lin(&v->st.r[b], &l)) {
			x = v_make(V_BIAS);
			x.lin = l;
		} else if (is_window(v, (unsigned)b, false) &&
			   val_lin(&v->st.r[i], &l)) {
			x = v_make(V_BIAS);
			x.lin = l;
		}
	}
	reg_set(v, d, x);
	return true;
}

/* [base + complement + 1]: the window or a segment's base comes off */
static bool lea_unbias(struct verify *v, struct vval *x)
{
	const struct vinsn *h = &v->h;
	const struct vval *b, *i;

	if (h->base < 0 || h->index < 0 || h->scale || h->disp != 1)
		return false;
	b = &v->st.r[h->base];
	i = &v->st.r[h->index];
	if (b->kind == V_BIAS && is_window(v, (unsigned)h->index, true)) {
		*x = v_lin(b->lin);
		x->n = b->n;
		return true;
	}
	if (b->kind == V_LIN && i->kind == V_NSEG && b->lin.seg == i->n &&
	    b->lin.fresh) {
		*x = v_fresh(b->n);
		return true;
	}
	return false;
}

static bool lea_special(struct verify *v, struct vval *x)
{
	const struct vinsn *h = &v->h;
	const struct vval *b = h->base >= 0 ? &v->st.r[h->base] : NULL;
	u16 op = v_guest_op(v);

	if (!b)
		return false;
	if (h->index >= 0)
		return !h->disp && v_lea_flags(b, &v->st.r[h->index],
					       h->scale, x);
	if (b->kind == V_EFLAGS && b->n == VE_CF_NOT && h->disp == 1) {
		*x = v_eflags(VE_CF_NEG);
		return true;
	}
	if (b->kind == V_TARGET) {
		*x = v_make(V_DIFF);
		x->c = -(u32)h->disp;
		return true;
	}
	if (b->kind == V_M16) {
		*x = v_make(V_LOW16);
		x->lin = b->lin;
		x->lin.disp += (u32)h->disp;
		return true;
	}
	if (b->kind == V_FIELD && b->c == CPU_OFF(sysflags) && !b->lin.disp) {
		*x = *b;
		x->lin.disp = (u32)h->disp;
		return true;
	}
	if ((op == OP_MOV_TO_SEG || op == OP_POP_SEG) && h->reg == H_R14 &&
	    h->base == H_R14 && val_clean(b) && !b->c) {
		*x = *b; /* selector, and what to do with it above */
		x->c = (u32)h->disp;
		return true;
	}
	return false;
}

static struct vval lea_sum(const struct verify *v)
{
	const struct vinsn *h = &v->h;
	struct vlin l = lin_none(), x;

	if (h->base >= 0 && !val_lin(&v->st.r[h->base], &l))
		return v_make(V_CLEAN);
	if (h->index >= 0 && (!val_lin(&v->st.r[h->index], &x) ||
			      !lin_add(&l, &x, h->scale)))
		return v_make(V_CLEAN);
	x = lin_none();
	x.disp = (u32)h->disp;
	if (h->disp && !lin_add(&l, &x, 0))
		return v_make(V_CLEAN);
	return v_lin(l);
}

static bool lea(struct verify *v)
{
	const struct vinsn *h = &v->h;
	unsigned d = h->reg;
	int r = v_guest(d);
	struct vval x;

	if (h->p66 || !h->has_mem || h->gs || h->a32 || h->base == VR_RIP)
		return v_bad(v, "a lea that is not used");
	if (d == H_R15 || d == H_R13)
		return v_bad(v, "a register that glue does not write");
	if (h->w)
		return lea64(v, d);
	if (d == H_RSP)
		return v_bad(v, "rsp is changed");
	if (!lea_unbias(v, &x) && !lea_special(v, &x))
		x = lea_sum(v);
	if (r >= 0 && is_lea_result(v, &x, (unsigned)r, 4))
		return result_set(v, (unsigned)r, 4);
	reg_set(v, d, x);
	return true;
}

/* --- the rest */

static bool complement(struct verify *v)
{
	const struct vinsn *h = &v->h;
	struct vval *x = &v->st.r[h->rm];
	struct vval y = v_make(V_ANY);

	if ((h->reg & 7) != 2 || h->has_mem || h->p66 ||
	    v_guest(h->rm) == R_SP || h->rm == H_RSP || h->rm >= H_R15 ||
	    h->rm == H_R13)
		return v_bad(v, "an instruction that glue does not use");
	if (h->w) {
		if (x->kind == V_FIELD && !x->clean)
			x->inv = !x->inv;
		else
			*x = y;
		return true;
	}
	y = v_make(V_CLEAN);
	if (x->kind == V_EFLAGS && x->n == VE_CF)
		y = v_eflags(VE_CF_NOT);
	if (x->kind == V_LIN && x->lin.seg >= 0 && !x->lin.disp &&
	    !x->lin.fresh && !x->lin.ck && !x->lin.zx16) {
		y = v_make(V_NSEG);
		y.n = (u8)x->lin.seg;
	}
	reg_set(v, h->rm, y);
	return true;
}

/* xchg rl, rh */
static bool swap(struct verify *v)
{
	const struct vinsn *h = &v->h;
	struct vval *x, y = v_make(V_SWAP);
	unsigned r = h->rm;

	if (h->has_mem || h->rex || r > 3 || h->reg != r + 4 || h->p66)
		return v_bad(v, "an instruction that glue does not use");
	x = &v->st.r[r];
	y.n = (u8)r;
	if (x->kind == V_SWAP && x->n == r)
		reg_set(v, r, x->lin.fresh ? v_fresh(r) : v_lin(lin_sym(r)));
	else if (val_is_own(x, r))
		reg_set(v, r, y);
	else
		return v_bad(v, "bytes of a register that is not whole");
	return true;
}

/* mov d, imm */
static bool constant(struct verify *v)
{
	const struct vinsn *h = &v->h;

	if (h->p66 || !reg_is_scratch(h->reg))
		return v_bad(v, "a constant for a register of the guest");
	reg_set(v, h->reg, v_const(h->imm));
	return true;
}

/* rdtsc; rdtscp, whose ecx is loaded behind it */
static bool time_stamp(struct verify *v)
{
	u32 f = v->in->mode->flags;
	u16 want = v->h.op == 0x31 ? OP_RDTSC : OP_RDTSCP;

	if (v_guest_op(v) != want || v->st.done || f & XM_TSC_HELPER ||
	    (f & XM_TSD && v->in->mode->cpl))
		return v_bad(v, "the time stamp where it is not asked for");
	guest_set_fresh(v, R_AX);
	guest_set_fresh(v, R_DX);
	if (want == OP_RDTSC)
		v->st.done = true;
	else
		guest_set_fresh(v, R_CX);
	v->st.stored = 1;
	return true;
}

static bool glue_1b(struct verify *v)
{
	const struct vinsn *h = &v->h;
	unsigned size = op_size(h);

	switch (h->op) {
	case 0x88:
	case 0x89:
		if (size == 1 && !byte_is_low(h, h->reg))
			break;
		if (h->has_mem)
			return store(v, size, &v->st.r[h->reg]);
		if (size == 1 && !byte_is_low(h, h->rm))
			break;
		return move(v, h->rm, h->reg, size);
	case 0x8a:
	case 0x8b:
		if (!h->has_mem || (size == 1 && !byte_is_low(h, h->reg)))
			break;
		return load(v, h->reg, size, false);
	case 0xc6:
	case 0xc7: {
		struct vval x = v_const(h->imm);

		if (!h->has_mem || h->w)
			break;
		return store(v, size, &x);
	}
	case 0xb8 ... 0xbf:
		return constant(v);
	case 0x8d:
		return lea(v);
	case 0xf7:
		return complement(v);
	case 0x86:
		return swap(v);
	case 0x81:
		if ((h->reg & 7) == 7)
			return v_compare(v);
		return v_alu(v);
	case 0x09:
	case 0xc1:
		return v_alu(v);
	case 0x80:
		if ((h->reg & 7) != 7 || !h->has_mem)
			break;
		return v_compare(v);
	case 0x39:
		return v_compare(v);
	case 0x04:
	case 0x9e:
	case 0x9f:
		return v_flags(v);
	}
	return v_bad(v, "an instruction that glue does not use");
}

bool v_glue(struct verify *v)
{
	const struct vinsn *h = &v->h;

	if (h->vex || h->lock || h->rep || h->map > 1)
		return v_bad(v, "an instruction that glue does not use");
	if (h->map == 0)
		return glue_1b(v);
	switch (h->op) {
	case 0xb6:
	case 0xb7:
		if (h->p66 || h->w)
			break;
		if (h->has_mem)
			return load(v, h->reg, h->op == 0xb6 ? 1 : 2, true);
		if (h->op == 0xb6 && !byte_is_low(h, h->rm))
			break;
		return extend(v, h->reg, h->rm, h->op == 0xb6 ? 1 : 2);
	case 0x90:
	case 0x92:
		return v_flags(v);
	case 0x31:
	case 0x01:
		return time_stamp(v);
	}
	return v_bad(v, "an instruction that glue does not use");
}
