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
	v->st.cmp = CMP_NONE;
	if (v->st.r[H_RAX].kind == V_FLAGS && v->st.r[H_RAX].n == 3)
		v->st.r[H_RAX] = v_make(V_ANY);
}

/* EFLAGS bits put together */
bool val_is_flagbits(const struct vval *x)
{
	return x->kind == V_EFLAGS ||
	       (x->kind == V_FIELD && x->clean && !x->lin.disp &&
		(x->c == CPU_OFF(df) || x->c == CPU_OFF(iflag) ||
		 x->c == CPU_OFF(sysflags)));
}

/* or, shl, shr, and: EFLAGS are put together */
bool v_alu(struct verify *v)
{
	const struct vinsn *h = &v->h;
	u8 d = h->reg & 7;
	bool two = h->op == 0x09;
	bool ok = !h->has_mem && !h->w && !h->p66 && reg_is_scratch(h->rm) &&
		  val_is_flagbits(&v->st.r[h->rm]) &&
		  (two ? val_is_flagbits(&v->st.r[h->reg]) :
		   h->op == 0x81 ? d == 4 : d == 4 || d == 5);

	if (!ok)
		return v_bad(v, "arithmetic that glue does not use");
	flags_lose(v);
	reg_set(v, h->rm, v_make(V_EFLAGS));
	return true;
}

/* cmp r8d, eip at an entry */
static bool compare_eip(struct verify *v)
{
	const struct vinsn *h = &v->h;

	if (h->rm != H_R8 || h->w || h->p66 || v->in->strict_flags ||
	    v->st.r[H_R8].kind != V_TARGET)
		return v_bad(v, "a comparison that glue does not use");
	flags_lose(v);
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
		    val_is_own(ax, R_AX)) {
			guest_set_fresh(v, R_AX); /* setc al */
			return true;
		}
		if (h->op == 0x90 && stage && ax->n == 1 && !v->st.lost) {
			ax->n = 2;
			return true;
		}
	} else if (h->map == 0 && h->op == 0x9f && !v->st.lost) {
		y.n = 1;
		*ax = y;
		return true;
	} else if (h->map == 0 && h->op == 0x04 && h->imm == 0x7f && stage &&
		   ax->n == 2) {
		v->st.lost |= EFL_ARITH;
		ax->n = 3;
		return true;
	} else if (h->map == 0 && h->op == 0x9e && stage && ax->n == 3) {
		v->st.lost = 0;
		return true;
	}
	return v_bad(v, "flags are not saved and restored like this");
}

