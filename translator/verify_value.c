// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_value.c - what the verifier knows of a host register: sums, copies,
 * and what becomes of them when a register is written or two ways meet.
 */
#include <string.h>
#include "verify_impl.h"

/* DESIGN.md, 3: the one place where the verifier has the register map. */
const u8 v_host[8] = { H_RAX, H_RCX, H_RDX, H_RBX,
		       H_R12, H_RBP, H_RSI, H_RDI };

int v_guest(unsigned host)
{
	if (host == H_R12)
		return R_SP;
	return host < 8 && host != H_RSP ? (int)host : -1;
}

struct vval v_make(enum vkind kind)
{
	return (struct vval){ .kind = (u8)kind, .lin = { .seg = -1 } };
}

struct vval v_const(u64 c)
{
	struct vval x = v_make(V_CONST);

	x.c = c;
	return x;
}

struct vlin lin_none(void)
{
	return (struct vlin){ .seg = -1 };
}

struct vlin lin_sym(unsigned sym)
{
	struct vlin l = lin_none();

	l.coef[sym] = 1;
	return l;
}

struct vval v_lin(struct vlin l)
{
	struct vval x = v_make(V_LIN);

	x.lin = l;
	return x;
}

struct vval v_fresh(unsigned guest)
{
	struct vval x = v_make(V_LIN);

	x.lin.fresh = true;
	x.n = (u8)guest;
	return x;
}

bool lin_equal(const struct vlin *a, const struct vlin *b)
{
	return !memcmp(a->coef, b->coef, sizeof(a->coef)) &&
	       a->zx16 == b->zx16 && a->fresh == b->fresh && a->seg == b->seg &&
	       a->ck == b->ck && a->cksize == b->cksize &&
	       a->ckacc == b->ckacc && a->disp == b->disp;
}

static bool lin_has_sym(const struct vlin *l)
{
	for (unsigned k = 0; k < VSYMS; k++) {
		if (l->coef[k])
			return true;
	}
	return false;
}

/* No more than the base of a segment. */
static bool lin_is_base(const struct vlin *l)
{
	return !lin_has_sym(l) && !l->disp && !l->zx16 && !l->fresh && !l->ck;
}

bool lin_add(struct vlin *a, const struct vlin *b, unsigned scale)
{
	bool rigid_a = a->zx16 || a->fresh || a->ck;
	bool rigid_b = b->zx16 || b->fresh || b->ck;

	if (rigid_b && (scale || !lin_is_base(a)))
		return false;
	if (rigid_a && !lin_is_base(b))
		return false;
	if (b->seg >= 0 && (a->seg >= 0 || scale))
		return false;
	for (unsigned k = 0; k < VSYMS; k++) {
		unsigned sum = a->coef[k] + ((unsigned)b->coef[k] << scale);

		if (sum > 64)
			return false;
		a->coef[k] = (u8)sum;
	}
	a->disp += b->disp << scale;
	a->zx16 |= b->zx16;
	a->fresh |= b->fresh;
	if (b->seg >= 0)
		a->seg = b->seg;
	if (b->ck) {
		a->ck = true;
		a->cksize = b->cksize;
		a->ckacc = b->ckacc;
	}
	return true;
}

bool val_equal(const struct vval *a, const struct vval *b)
{
	return a->kind == b->kind && a->n == b->n && a->inv == b->inv &&
	       a->acc == b->acc && a->size == b->size && a->from == b->from &&
	       a->slot == b->slot && a->clean == b->clean && a->c == b->c &&
	       lin_equal(&a->lin, &b->lin);
}

bool val_lin(const struct vval *x, struct vlin *l)
{
	if (x->kind == V_LIN) {
		*l = x->lin;
		return true;
	}
	if (x->kind == V_CONST && x->c >> 32 == 0) {
		*l = lin_none();
		l->disp = (u32)x->c;
		return true;
	}
	return false;
}

bool val_clean(const struct vval *x)
{
	switch (x->kind) {
	case V_CLEAN:
	case V_LIN:
	case V_LOW16:
	case V_M16:
	case V_SWAP:
	case V_NSEG:
	case V_IDX:
	case V_DIFF:
	case V_EFLAGS:
		return true;
	case V_CONST:
		return x->c >> 32 == 0;
	case V_LOAD:
	case V_FIELD:
	case V_FLAGS:
		return x->clean;
	}
	return false;
}

struct vlin lin_arch(const struct verify *v, unsigned guest)
{
	struct vlin l = lin_sym(guest);

	if (guest == R_SP)
		l.disp = (u32)(s32)v->st.spo;
	return l;
}

static bool lin_is_plain(const struct vlin *l)
{
	return !l->zx16 && l->seg < 0 && !l->ck && !l->disp;
}

/* The eight registers' coefficients in one word: these two are asked often. */
static u64 lin_coefs(const struct vlin *l)
{
	u64 v;

	memcpy(&v, l->coef, sizeof(v));
	return v;
}

bool val_is_own(const struct vval *x, unsigned guest)
{
	return x->kind == V_LIN && lin_coefs(&x->lin) == 1ull << 8 * guest &&
	       !x->lin.coef[VSYM_AL] && !x->lin.fresh && lin_is_plain(&x->lin);
}

bool val_is_fresh(const struct vval *x, unsigned guest)
{
	return x->kind == V_LIN && x->lin.fresh && x->n == guest &&
	       !lin_coefs(&x->lin) && !x->lin.coef[VSYM_AL] &&
	       lin_is_plain(&x->lin);
}

void regs_begin(struct vval r[H_NR])
{
	for (unsigned k = 0; k < H_NR; k++)
		r[k] = v_make(V_ANY);
	for (unsigned g = 0; g < 8; g++)
		r[v_host[g]] = v_lin(lin_sym(g));
}

/* A kick in a look-up starts it again: nothing may be done twice. */
static void not_in_lookup(struct verify *v, unsigned d)
{
	if (v_guest(d) >= 0 && v_site(v)->kind == SITE_LOOKUP)
		v_bad(v, "a guest register is written in a look-up");
}

void reg_set(struct verify *v, unsigned d, struct vval x)
{
	not_in_lookup(v, d);
	if (d == H_R8) {
		for (unsigned k = 0; k < H_NR; k++) {
			if (v->st.r[k].kind == V_IDX)
				v->st.r[k] = v_make(V_CLEAN);
		}
	}
	v->st.r[d] = x;
}

static bool lin_names(const struct vval *x, unsigned guest)
{
	return x->lin.coef[guest] || (guest == R_AX && x->lin.coef[VSYM_AL]);
}

void guest_set_fresh(struct verify *v, unsigned guest)
{
	unsigned own = v_host[guest];

	not_in_lookup(v, own);
	for (unsigned k = 0; k < H_NR; k++) {
		struct vval *x = &v->st.r[k];

		if (k != own && v_guest(k) < 0 &&
		    (lin_names(x, guest) ||
		     (x->kind == V_HIGH && x->n == guest)))
			*x = v_make(x->kind == V_LIN ? V_CLEAN : V_ANY);
	}
	if (v->st.r[own].kind == V_SWAP)
		v->st.r[own].lin.fresh = true;
	else
		v->st.r[own] = v_fresh(guest);
}

void scratch_drop(struct verify *v, bool keep_r14)
{
	for (unsigned k = H_R8; k <= H_R11; k++)
		reg_set(v, k, v_make(V_ANY));
	/* glue may lift or move what a host address stands for */
	if (!keep_r14 || v->st.r[H_R14].kind == V_HVA)
		v->st.r[H_R14] = v_make(V_ANY);
}

static bool val_join(struct vval *a, const struct vval *b)
{
	bool clean;

	if (val_equal(a, b) || a->kind == V_ANY)
		return false;
	clean = val_clean(a) && val_clean(b);
	if (a->kind == V_CLEAN && clean)
		return false;
	*a = v_make(clean ? V_CLEAN : V_ANY);
	return true;
}

#define JOIN_SAME(field, none)                                                \
	do {                                                                  \
		if (a->field != b->field && a->field != (none)) {             \
			a->field = (none);                                    \
			changed = true;                                       \
		}                                                             \
	} while (0)

bool state_join(struct vstate *a, const struct vstate *b)
{
	bool changed = false, dead;

	for (unsigned k = 0; k < H_NR; k++)
		changed |= val_join(&a->r[k], &b->r[k]);
	dead = (a->dead || !a->lost) && (b->dead || !b->lost);
	changed |= dead != a->dead;
	a->dead = dead;
	if (b->loads & ~a->loads) {
		a->loads |= b->loads;
		changed = true;
	}
	if (b->lost & ~a->lost) {
		a->lost |= b->lost;
		changed = true;
	}
	if (a->go != GO_NONE && (a->go != b->go || a->eip != b->eip)) {
		a->go = GO_NONE;
		changed = true;
	}
	JOIN_SAME(cmp, CMP_NONE);
	JOIN_SAME(done, false);
	JOIN_SAME(cs_ok, false);
	JOIN_SAME(above, false);
	JOIN_SAME(quiet, false);
	JOIN_SAME(commit, true);
	JOIN_SAME(df, true);
	if (b->src < a->src) {
		a->src = b->src;
		changed = true;
	}
	return changed;
}
