// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_flags.c - glue that touches the guest's flags: saved and restored,
 * put together as EFLAGS, or clobbered by a comparison at an entry.
 */
#include "verify_impl.h"

/* The arithmetic flags are no longer the guest's. */
static void flags_lose(struct verify *v)
{
	v->st.lost |= EFL_ARITH;
	v->st.dead = false;
	v->st.cmp = CMP_NONE;
	if (v->st.r[H_RAX].kind == V_FLAGS && v->st.r[H_RAX].n == 3)
		v->st.r[H_RAX] = v_make(V_ANY);
}

struct vval v_eflags(enum vflags n)
{
	struct vval x = v_make(V_EFLAGS);

	x.n = (u8)n;
	return x;
}

static bool is_field(const struct vval *x, u32 off)
{
	return x->kind == V_FIELD && x->clean && !x->lin.disp && x->c == off;
}

static bool is_stage(const struct vval *x, enum vflags n)
{
	return x->kind == V_EFLAGS && x->n == n;
}

bool v_lea_flags(const struct vval *b, const struct vval *i, unsigned scale,
		 struct vval *x)
{
	if (scale != 1)
		return false;
	if (is_field(b, CPU_OFF(df)) && is_stage(i, VE_OF))
		*x = v_eflags(VE_OF_DF);
	else if (is_field(b, CPU_OFF(iflag)) && is_stage(i, VE_OF_DF))
		*x = v_eflags(VE_OF_DF_IF);
	else
		return false;
	return true;
}

/* What such an operation makes of the flags in rm; VE_NONE: nothing. */
static enum vflags alu_stage(const struct verify *v)
{
	const struct vinsn *h = &v->h;
	const struct vval *rm = &v->st.r[h->rm], *reg = &v->st.r[h->reg];
	u8 digit = h->reg & 7;

	switch (h->op) {
	case 0x09: /* or */
		if (is_stage(rm, VE_HIGH) && is_stage(reg, VE_AH))
			return VE_ARITH;
		if (is_stage(rm, VE_ARITH) && is_stage(reg, VE_SYS))
			return VE_ALL;
		break;
	case 0x81: /* and */
		if (digit == 4 && is_field(rm, CPU_OFF(sysflags)) &&
		    (u32)h->imm == ~(u32)(EFL_VM | EFL_RF))
			return VE_SYS;
		break;
	case 0xc1: /* shl, shr */
		if (digit == 4 && h->imm == 9 && is_stage(rm, VE_OF_DF_IF))
			return VE_HIGH;
		if (digit == 5 && h->imm == 8 && is_stage(rm, VE_RAX))
			return VE_RAX_SHR;
		break;
	}
	return VE_NONE;
}

/* EFLAGS are put together */
bool v_alu(struct verify *v)
{
	const struct vinsn *h = &v->h;
	enum vflags n = VE_NONE;

	if (!h->has_mem && !h->w && !h->p66 && reg_is_scratch(h->rm))
		n = alu_stage(v);
	if (n == VE_NONE)
		return v_bad(v, "arithmetic that glue does not use");
	flags_lose(v);
	reg_set(v, h->rm, v_eflags(n));
	return true;
}

/* cmp r8d, eip at an entry */
static bool compare_eip(struct verify *v)
{
	const struct vinsn *h = &v->h;

	if (h->rm != H_R8 || h->w || h->p66 || v->in->strict_flags ||
	    v->st.phase == VP_INSN ||
	    v->st.r[H_R8].kind != V_TARGET)
		return v_bad(v, "a comparison that glue does not use");
	flags_lose(v);
	v->st.dead = true;
	v->st.cmp = CMP_EIP;
	v->st.cmp_c = (u32)h->imm;
	return true;
}

u32 v_source_next(const struct verify *v)
{
	u32 at = v->st.src;

	for (unsigned k = 0; k < v->out->ninsns; k++) {
		if (v->out->soft >> k & 1 && at == v->raw_off[k + 1] - 4)
			at += 4;
	}
	return at;
}

static u8 raw_byte(const struct verify *v, u32 at)
{
	unsigned k = 0;

	while (k + 1 < v->out->ninsns && v->raw_off[k + 1] <= at)
		k++;
	return v->out->insns[k].raw[(at - v->raw_off[k]) % INSN_MAX_LEN];
}

/* cmp [source], bytes */
static bool compare_source(struct verify *v, unsigned size, u64 bytes)
{
	struct vaccess a;

	if (v_address(v, &a) != VA_SOURCE)
		return v_bad(v, "a comparison with what is no source");
	if (v->st.phase != VP_HEAD || a.off != v_source_next(v) ||
	    a.off + size > v->out->guest_len)
		return v_bad(v, "source that is not compared in its order");
	for (unsigned k = 0; k < size; k++) {
		if (raw_byte(v, a.off + k) != (u8)(bytes >> (8 * k)))
			return v_bad(v, "the source is compared with other "
					"bytes");
	}
	flags_lose(v);
	v->st.cmp = CMP_SRC;
	v->st.cmp_c = a.off + size;
	return true;
}

bool v_compare(struct verify *v)
{
	const struct vinsn *h = &v->h;

	if (h->op == 0x39) {
		const struct vval *x = &v->st.r[h->reg];

		if (!h->has_mem || !h->w || x->kind != V_CONST)
			return v_bad(v, "a comparison that glue does not use");
		return compare_source(v, 8, x->c);
	}
	if (!h->has_mem)
		return compare_eip(v);
	if (h->w || (h->op == 0x80 && h->p66))
		return v_bad(v, "a comparison that glue does not use");
	return compare_source(v, h->immsize, h->imm);
}

/* lahf; seto al; ...; add al, 0x7f; sahf */
bool v_flags(struct verify *v)
{
	const struct vinsn *h = &v->h;
	struct vval *ax = &v->st.r[H_RAX], y = v_make(V_FLAGS);
	bool stage = ax->kind == V_FLAGS;

	y.clean = val_clean(ax);
	if (h->map == 1 && !h->has_mem && h->rm == R_AX && !h->rex) {
		if (h->op == 0x92 && v_guest_op(v) == OP_SALC && !v->st.done &&
		    val_is_own(ax, R_AX) && !v->st.lost) {
			guest_set_fresh(v, R_AX); /* setc al */
			return true;
		}
		if (h->op == 0x90 && stage && ax->n == 1) {
			ax->n = 2;
			return true;
		}
	} else if (h->map == 0 && h->op == 0x9f &&
		   (!v->st.lost || (v->st.dead && v->st.phase == VP_HEAD))) {
		y.n = 1;
		y.c = v->st.lost;
		*ax = y;
		return true;
	} else if (h->map == 0 && h->op == 0x04 && h->imm == 0x7f && stage &&
		   ax->n == 2) {
		v->st.lost |= EFL_ARITH;
		v->st.dead = false;
		ax->n = 3;
		return true;
	} else if (h->map == 0 && h->op == 0x9e && stage && ax->n == 3) {
		v->st.lost = (u16)ax->c;
		v->st.dead = ax->c;
		return true;
	}
	return v_bad(v, "flags are not saved and restored like this");
}

