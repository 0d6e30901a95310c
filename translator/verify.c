// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify.c - the verifier's passes; see verify.h for the contract.
 *
 *	tables	 what xlate_out says fits together, and with the guest's bytes
 *	cover	 decodes all that can be reached: each byte belongs to one
 *		 instruction, or is the block word or padding
 *	run	 carries it out over abstract values, from each entry; where
 *		 two ways meet, what they have in common goes on
 *
 * Both walks are bounded by the size of the block: code has no loops but over
 * labels, and a label's state can only lose knowledge.
 */
#include <string.h>
#include "verify_impl.h"

size_t verify_size(void)
{
	return sizeof(struct verify);
}

bool v_bad(struct verify *v, const char *why)
{
	struct verify_report *r = v->rep;

	if (r->why)
		return false;
	r->why = why;
	r->off = v->off;
	r->insn = v->st.insn;
	r->len = v->h.len;
	if (v->off < v->out->size)
		memcpy(r->bytes, v->out->buf + v->off,
		       MIN(v->out->size - v->off, (u32)sizeof(r->bytes)));
	return false;
}

/* --- tables */

/* Which of #UD and #NM a row of that gate meets: SDM vol. 3, 2.5 and 13.1. */
static int gate_raises(u32 f, u8 gate)
{
	bool ud = false, nm = f & XM_TS;

	switch (gate) {
	case GATE_X87:
		nm = f & (XM_TS | XM_EM);
		break;
	case GATE_WAIT:
		nm = f & XM_TS && f & XM_MP;
		break;
	case GATE_MMX:
		ud = f & XM_EM;
		break;
	case GATE_SSE:
		ud = f & XM_EM || !(f & XM_OSFXSR);
		break;
	case GATE_AVX:
		ud = !(f & XM_AVX);
		break;
	default:
		return -1;
	}
	return ud ? VEC_UD : nm ? VEC_NM : -1;
}

/* The exception that the instruction raises whatever its operands, or -1. */
static int insn_raises(const struct verify *v, const struct oprow *row)
{
	const struct xmode *m = v->in->mode;

	if (row->rowflags & ROW_PRIV && m->cpl && !(m->flags & XM_VM))
		return row->op == OP_CLAC || row->op == OP_STAC ? VEC_UD :
								  VEC_GP;
	return gate_raises(m->flags, row->gate);
}

static bool limit_holds(struct verify *v, unsigned k)
{
	u64 last = (u64)v->out->insns[k].eip + MAX(v->insns[k].len, 1);

	return last <= (u64)v->in->mode->cs_limit + 1 ||
	       v_bad(v, "guest bytes beyond the CS limit");
}

static bool decode_guest(struct verify *v)
{
	const struct xlate_out *out = v->out;
	const struct xmode *m = v->in->mode;
	int bits = m->code_bits | (m->flags & XM_PE ? 0 : INSN_NO_VEX);
	u32 off = 0;

	for (unsigned k = 0; k < out->ninsns; k++) {
		const struct xinsn *x = &out->insns[k];
		unsigned avail = MIN(out->guest_len - off,
				     (u32)INSN_MAX_LEN);
		enum insn_err err;

		v->raw_off[k] = off;
		if (x->eip != v->in->eip + off)
			return v_bad(v, "guest instructions that do not "
					"follow each other");
		err = insn_decode(&v->insns[k], x->raw, avail, bits,
				  v->in->features);
		v->bad[k] = err != INSN_OK;
		v->raises[k] = err == INSN_TOOLONG ? VEC_GP : VEC_UD;
		if (v->bad[k]) {
			v->insns[k].row = NULL;
			v->insns[k].len = (u8)avail;
			if (k + 1 < out->ninsns)
				return v_bad(v, "goes on behind an undefined "
						"instruction");
		} else {
			v->raises[k] = (s8)insn_raises(v, v->insns[k].row);
		}
		if (!limit_holds(v, k))
			return false;
		off += v->insns[k].len;
		if (off > out->guest_len)
			return v_bad(v, "guest_len is too small");
	}
	v->raw_off[out->ninsns] = off;
	if (out->ninsns > 1 && (m->flags & XM_TF || m->drx))
		return v_bad(v, "more than one instruction in a step");
	return off == out->guest_len || v_bad(v, "guest_len is too large");
}

static bool sites_are_sorted(struct verify *v)
{
	const struct xlate_out *out = v->out;
	const struct xsite *s = out->sites;

	if (!out->nsites || out->nsites > XLATE_MAX_SITES ||
	    s[0].host_off != out->blockword + 8)
		return v_bad(v, "the first site is not where code begins");
	for (unsigned k = 0; k < out->nsites; k++) {
		v->off = s[k].host_off;
		if ((k && s[k].host_off <= s[k - 1].host_off) ||
		    s[k].host_off >= out->size)
			return v_bad(v, "sites that are not in order");
		if (s[k].insn >= out->ninsns || s[k].kind > SITE_LOOKUP ||
		    (s[k].kind == SITE_SWAPPED && s[k].aux > R_BX) ||
		    (s[k].kind == SITE_BORROWED &&
		     (s[k].aux > R_DI || s[k].aux2 >= H_NR)) ||
		    (s[k].kind == SITE_BIASED && s[k].aux2 >= SEG_NR))
			return v_bad(v, "a site that says nothing");
	}
	v->off = 0;
	return true;
}

static bool offsets_fit(struct verify *v)
{
	const struct xlate_out *out = v->out;

	if (out->size > XLATE_MAX_BYTES || out->entry >= out->size ||
	    out->checked >= out->size || out->chain >= out->size ||
	    out->blockword + 8 >= out->size || out->checked > out->entry)
		return v_bad(v, "an entry outside the block");
	if ((out->host + out->blockword) % 8 || out->blockword >= 8)
		return v_bad(v, "the block word is not aligned");
	if (!out->ninsns || out->ninsns > XLATE_MAX_INSNS ||
	    out->nexits > XLATE_MAX_EXITS ||
	    out->nlandings > XLATE_MAX_EXITS ||
	    out->nhsites > XLATE_MAX_HSITES)
		return v_bad(v, "tables that are too long");
	for (u32 k = 0; k < out->blockword; k++) {
		if (out->buf[k] != 0xcc)
			return v_bad(v, "padding that is no trap");
	}
	return true;
}

/* The page of the first byte holds all, unless it crosses into the next. */
static bool page_fits(struct verify *v)
{
	u32 la = (u32)(v->in->mode->cs_base + v->in->eip);
	u32 first = PAGE_SIZE - (la & (u32)~PAGE_MASK);
	bool crosses = v->out->guest_len > first;

	if (crosses && v->out->ninsns > 1)
		return v_bad(v, "a block that goes over the end of a page");
	/* an undecodable instruction may end anywhere */
	if (crosses && !v->out->crosses && !v->bad[0])
		return v_bad(v, "crosses a page and does not say so");
	return true;
}

static bool tables(struct verify *v)
{
	return offsets_fit(v) && decode_guest(v) && page_fits(v) &&
	       sites_are_sorted(v);
}

/* --- cover */

static bool label_add(struct verify *v, u32 off)
{
	if (off >= v->out->size || off < v->out->blockword + 8)
		return v_bad(v, "a branch out of the code");
	if (v->label_at[off])
		return true;
	if (v->nlabels == VMAX_LABELS)
		return v_bad(v, "too many branch targets");
	v->label[v->nlabels].off = off;
	v->label[v->nlabels].set = v->label[v->nlabels].queued = false;
	v->label_at[off] = (u16)++v->nlabels;
	return true;
}

static bool decode_at(struct verify *v, u32 off)
{
	const char *why;

	v->off = off;
	v->h.len = 0;
	if (off >= v->out->size)
		return v_bad(v, "runs off the end of the block");
	why = vdecode(&v->h, v->out->buf + off, v->out->size - off);
	if (why)
		return v_bad(v, why);
	if ((v->h.gs || v->h.a32) && !v->h.has_mem &&
	    !(v->h.map == 1 && v->h.op == 0xf7))
		return v_bad(v, "an address prefix without an address");
	return true;
}

static bool mark(struct verify *v)
{
	for (unsigned k = 0; k < v->h.len; k++) {
		u8 want = k ? VB_INSIDE : VB_START;

		if (v->map[v->off + k] != VB_NONE &&
		    v->map[v->off + k] != want)
			return v_bad(v, "instructions that overlap");
		v->map[v->off + k] = want;
	}
	return true;
}

/* The trap behind a call that does not come back belongs to no path. */
static bool cover_trap(struct verify *v, u32 at)
{
	if (at >= v->out->size || v->out->buf[at] != 0xcc)
		return true;
	if (v->map[at] == VB_INSIDE)
		return v_bad(v, "instructions that overlap");
	v->map[at] = VB_START;
	return true;
}

/* What follows a branch: 1 if it falls through. */
static int cover_branch(struct verify *v)
{
	const struct vinsn *h = &v->h;
	int g;

	if (h->map == 1 || h->op == 0x74 || h->op == 0xe3)
		return label_add(v, (u32)v_rel_target(v)) ? 1 : -1;
	if (h->op == 0xff) /* call [r15+commit] comes back */
		return (h->reg & 7) == 2 && h->base == H_R15;
	if (h->op != 0xe8 && h->op != 0xe9)
		return 0;
	g = v_glue_target(v);
	if (g < 0)
		return label_add(v, (u32)v_rel_target(v)) ? 0 : -1;
	if (h->op == 0xe9 || g == GLUE_DIRECT)
		return 0;
	if (v->off + h->len < v->out->size &&
	    v->out->buf[v->off + h->len] == 0xcc)
		return cover_trap(v, v->off + h->len) ? 0 : -1;
	return 1;
}

static bool cover_from(struct verify *v, u32 off)
{
	for (;;) {
		int more;

		if (off < v->out->size && v->map[off] == VB_START)
			return true;
		if (!decode_at(v, off) || !mark(v))
			return false;
		v->rep->host_insns++;
		more = v_is_branch(&v->h) ? cover_branch(v) : 1;
		if (more <= 0)
			return more == 0;
		off += v->h.len;
	}
}

static bool cover_entries(struct verify *v)
{
	const struct xlate_out *out = v->out;
	bool ok = label_add(v, out->checked) && label_add(v, out->entry) &&
		  label_add(v, out->chain);

	for (unsigned k = 0; ok && k < out->nlandings; k++)
		ok = label_add(v, out->landings[k].off);
	for (unsigned k = 0; ok && k < out->nexits; k++)
		ok = label_add(v, out->exits[k].stub_off);
	/* a label may add others behind itself */
	for (unsigned k = 0; ok && k < v->nlabels; k++)
		ok = cover_from(v, v->label[k].off);
	return ok;
}

/* Five bytes there are overwritten when the block is dropped. */
static bool landings_fit(struct verify *v)
{
	for (unsigned k = 0; k < v->out->nlandings; k++) {
		for (unsigned n = 1; n < 5; n++) {
			v->off = v->out->landings[k].off + n;
			if (v->off >= v->out->size || v->label_at[v->off])
				return v_bad(v, "a branch into a landing "
						"site's first bytes");
		}
	}
	return true;
}

static bool cover(struct verify *v)
{
	const struct xlate_out *out = v->out;

	for (u32 k = 0; k < out->blockword + 8; k++)
		v->map[k] = VB_DATA;
	if (!cover_entries(v) || !landings_fit(v))
		return false;
	v->h.len = 0;
	for (u32 k = 0; k < out->size; k++) {
		v->off = k;
		if (v->map[k] == VB_NONE)
			return v_bad(v, "bytes that nothing leads to");
	}
	for (unsigned k = 0; k < v->nlabels; k++) {
		v->off = v->label[k].off;
		if (v->map[v->off] != VB_START)
			return v_bad(v, "a branch into an instruction");
	}
	for (unsigned k = 0; k < out->nsites; k++) {
		v->off = out->sites[k].host_off;
		if (v->map[v->off] != VB_START)
			return v_bad(v, "a site inside an instruction");
	}
	return true;
}

/* --- run */

static unsigned site_at(const struct verify *v, u32 off)
{
	unsigned lo = 0, hi = v->out->nsites;

	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (v->out->sites[mid].host_off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* The instructions begin at the first site that is not the head's. */
static u32 body_start(const struct verify *v)
{
	const struct xlate_out *out = v->out;

	for (unsigned k = 0; k < out->nsites; k++) {
		if (out->sites[k].host_off >= out->entry &&
		    out->sites[k].kind != SITE_GLUE)
			return out->sites[k].host_off;
	}
	return out->size;
}

static void state_init(struct vstate *st, const struct verify *v,
		       enum vphase phase)
{
	*st = (struct vstate){ .phase = (u8)phase, .go = GO_NONE,
			       .ac = v->in->mode->flags & XM_AC };
	memcpy(st->r, v->begin, sizeof(st->r));
}

static bool same_place(const struct vstate *a, const struct vstate *b)
{
	return a->insn == b->insn && a->phase == b->phase && a->ac == b->ac &&
	       a->spo == b->spo && a->slots == b->slots &&
	       a->stored == b->stored;
}

/* A way with state *st leads to the label at off. */
static bool label_meet(struct verify *v, u32 off, const struct vstate *st)
{
	struct vlabel *l = &v->label[v->label_at[off] - 1];

	if (!l->set) {
		l->st = *st;
		l->set = l->queued = true;
		return true;
	}
	if (!same_place(&l->st, st))
		return v_bad(v, "two instructions' ways meet");
	if (state_join(&l->st, st))
		l->queued = true;
	return true;
}

/* The guest instruction that the site names begins, or is the same. */
static bool site_enter(struct verify *v)
{
	const struct xsite *s = v_site(v);

	if (v->st.phase == VP_HEAD) {
		if (v->off >= v->body)
			return v_step(v, s->insn);
		return !s->insn || v_bad(v, "a head that is not its own");
	}
	if (v->st.phase == VP_STALE)
		return v->off < v->out->checked ||
		       v_bad(v, "goes on though the source has changed");
	if (s->insn != v->st.insn)
		return v_step(v, s->insn);
	return true;
}

static enum vflow run_one(struct verify *v, u32 *taken, struct vstate *st)
{
	bool is_branch;
	enum vflow f;
	int p;

	if (!site_enter(v) || !v_explained(v))
		return VF_BAD;
	f = v_flow(v, &is_branch, taken, st);
	if (is_branch)
		return f;
	p = v_payload(v);
	if (p < 0 || (!p && !v_glue(v)) || v->rep->why)
		return VF_BAD;
	return VF_NEXT;
}

static void insn_select(struct verify *v)
{
	v->g = &v->insns[v->st.insn];
	v->eip = v->out->insns[v->st.insn].eip;
	v->next = v->eip + v->g->len;
}

static bool run_from(struct verify *v, u32 off)
{
	struct vstate st;
	u32 taken;

	for (;;) {
		enum vflow f;

		if (!decode_at(v, off))
			return false;
		v->site = site_at(v, off);
		insn_select(v);
		f = run_one(v, &taken, &st);
		if (f == VF_BAD)
			return v_bad(v, "refused");
		if (taken != ~0u && !label_meet(v, taken, &st))
			return false;
		if (f == VF_STOP)
			return true;
		off += v->h.len;
		if (off < v->out->size && v->label_at[off])
			return label_meet(v, off, &v->st);
	}
}

static bool enter(struct verify *v, u32 off, const struct vstate *st)
{
	v->off = off;
	return label_meet(v, off, st);
}

/* The call before a landing site is the one whose return address it shows. */
static bool enter_landings(struct verify *v)
{
	for (unsigned k = 0; k < v->out->nlandings; k++) {
		u32 off = v->out->landings[k].off;
		struct vstate st;

		state_init(&st, v, VP_LAND);
		st.insn = v->out->sites[site_at(v, off)].insn;
		st.r[H_R8] = v_make(V_TARGET);
		if (!enter(v, off, &st))
			return false;
		if (!v->insns[st.insn].row ||
		    v->insns[st.insn].row->cls != CLS_BRANCH)
			return v_bad(v, "a landing site behind no call");
	}
	return true;
}

static bool enter_heads(struct verify *v)
{
	const struct xlate_out *out = v->out;
	struct vstate st;

	state_init(&st, v, VP_HEAD);
	st.r[H_R8] = v_make(V_TARGET);
	if (!enter(v, out->checked, &st))
		return false;
	state_init(&st, v, VP_HEAD);
	if (out->chain != out->entry && !enter(v, out->chain, &st))
		return false;
	if (out->crosses && out->chain == out->entry)
		return v_bad(v, "chained over the end of a page");
	/* what is chained or dispatched here has compared the address */
	st.go = GO_EIP;
	st.eip = v->in->eip;
	return enter(v, out->entry, &st);
}

static bool run(struct verify *v)
{
	bool more = true;

	v->body = body_start(v);
	if (!enter_heads(v) || !enter_landings(v))
		return false;
	while (more) {
		more = false;
		for (unsigned k = 0; k < v->nlabels; k++) {
			if (!v->label[k].queued)
				continue;
			v->label[k].queued = false;
			v->st = v->label[k].st;
			if (!run_from(v, v->label[k].off))
				return false;
			more = true;
		}
	}
	v->off = 0;
	if (v->exits_seen != (1u << v->out->nexits) - 1)
		return v_bad(v, "an exit that nothing takes");
	return true;
}

static void verify_begin(struct verify *v, const struct xlate_in *in,
			 const struct xlate_out *out, struct verify_report *r)
{
	u32 n = MIN(out->size, (u32)XLATE_MAX_BYTES);

	*r = (struct verify_report){ .why = NULL };
	v->in = in;
	v->out = out;
	v->rep = r;
	v->nlabels = 0;
	v->exits_seen = 0;
	v->off = 0;
	v->h.len = 0;
	v->st.insn = 0;
	regs_begin(v->begin);
	memset(v->map, VB_NONE, n);
	memset(v->label_at, 0, n * sizeof(v->label_at[0]));
}

bool xlate_verify(struct verify *work, const struct xlate_in *in,
		  const struct xlate_out *out, struct verify_report *r)
{
	verify_begin(work, in, out, r);
	return tables(work) && cover(work) && run(work);
}
