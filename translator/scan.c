/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan.c - first pass: guest bytes to out->insns, up to a branch, the end of
 * the page or a limit.
 *
 * The only pass that can fail. A block lies in one linear page; an
 * instruction over the page's end is a block of its own (HAZARDS 3).
 */
#include <string.h>
#include "xlate_impl.h"

struct scan {
	u8 buf[XLATE_MAX_INSNS * INSN_MAX_LEN];
	unsigned have; /* bytes in buf, all in the first page */
	unsigned pos;
};

static u64 scan_linear(const struct xlate *x, u32 eip)
{
	u64 la = x->mode->cs_base + eip;

	return x->mode->code_bits == 64 ? la : (u32)la;
}

static int scan_decode(const struct xlate *x, struct insn *insn,
		       const u8 *buf, unsigned n)
{
	int mode = x->mode->code_bits;

	if (!(x->mode->flags & XM_PE))
		mode |= INSN_NO_VEX;
	return insn_decode(insn, buf, n, mode, x->in->features);
}

static unsigned scan_limit(const struct xlate *x)
{
	if ((x->mode->flags & XM_TF || x->mode->drx) && !XLATE_FAULT(STEP_TWO))
		return 1;
	return MIN(x->in->max_insns, (unsigned)XLATE_MAX_INSNS);
}

/* The first instruction goes on in the next page. */
static int scan_crossing(struct xlate *x, struct scan *s, struct xinsn *xi)
{
	unsigned first = s->have;
	u64 la = scan_linear(x, xi->eip + first);
	int n;

	x->out->crosses = true;
	n = x->in->fetch(x->in->opaque, la, s->buf + first,
			 INSN_MAX_LEN - first);
	if (n <= 0)
		return -1;
	s->have += n;
	return scan_decode(x, &xi->insn, s->buf, s->have);
}

/*
 * A block goes on behind a conditional branch that is not taken and behind a
 * call that returns: no jump in between, and the landing site falls through.
 * Not beyond a few, since what follows may never run.
 */
static bool scan_goes_on(const struct xlate *x, const struct insn *insn)
{
	if (x->mode->cs_limit != 0xffffffff || x->out->probed ||
	    x->nbranches >= XLATE_MAX_BRANCHES)
		return false;
	switch (insn->row->op) {
	case OP_JCC:
		return true;
	case OP_CALL: /* of 16 bits: it may return elsewhere */
		return x->in->pairs && insn->opsize == 4 && insn->imm;
	case OP_CALL_IND:
		return x->in->pairs && insn->opsize == 4;
	}
	return false;
}

static bool insn_ends_block(struct xlate *x, const struct insn *insn)
{
	if (insn->row->cls == CLS_BRANCH && scan_goes_on(x, insn)) {
		x->nbranches++;
		return false;
	}
	switch (insn->row->op) {
	case OP_STAC: /* change what the following accesses mean */
	case OP_CLAC:
		return !ac_is_tracked(x);
	case OP_CLTS:
		return true;
	}
	return insn->row->cls == CLS_BRANCH ||
	       insn->row->cls == CLS_HELPER_END;
}

static bool scan_beyond_limit(const struct xlate *x, u32 eip, unsigned len)
{
	return (u64)eip + len - 1 > x->mode->cs_limit &&
	       !XLATE_FAULT(CS_LIMIT);
}

/*
 * Decodes one instruction. Returns an enum insn_err, or -1 when the block
 * must end before it.
 */
static int scan_one(struct xlate *x, struct scan *s, struct xinsn *xi)
{
	bool first = x->out->ninsns == 0;
	int err = scan_decode(x, &xi->insn, s->buf + s->pos,
			      MIN(s->have - s->pos, (unsigned)INSN_MAX_LEN));

	if (err == INSN_FETCH) {
		u64 end = x->mode->cs_base + xi->eip + s->have - s->pos;

		if (!first || end & ~PAGE_MASK)
			return -1;
		return scan_crossing(x, s, xi);
	}
	return err;
}

/* A block is told of as a whole or not at all. */
static bool scan_probe_changes(const struct xlate *x, u32 eip)
{
	return x->in->probe && x->out->ninsns &&
	       x->in->probe(x->in->opaque, eip) != x->out->probed;
}

enum xlate_err block_scan(struct xlate *x)
{
	struct xlate_out *out = x->out;
	struct scan s = { .pos = 0 };
	u32 eip = x->in->eip;
	u64 la = scan_linear(x, eip);
	unsigned max = scan_limit(x);
	unsigned end = x->in->max_bytes ? x->in->max_bytes : ~0u;
	int n, err;

	out->insns[0].eip = eip;
	if (scan_beyond_limit(x, eip, 1))
		return XLATE_LIMIT;
	n = x->in->fetch(x->in->opaque, la, s.buf,
			 MIN(PAGE_SIZE - (la & ~PAGE_MASK),
			     (unsigned long)max * INSN_MAX_LEN));
	if (n <= 0)
		return XLATE_FETCH;
	s.have = n;
	out->guest_len = n; /* until something is decoded */
	while (out->ninsns < max && s.pos < MIN(s.have, end)) {
		struct xinsn *xi = &out->insns[out->ninsns];

		xi->eip = eip;
		xi->how = XHOW_REWRITTEN;
		if (scan_probe_changes(x, eip))
			break;
		err = scan_one(x, &s, xi);
		if (err < 0)
			return out->ninsns ? XLATE_OK : XLATE_FETCH;
		if (scan_beyond_limit(x, eip, MAX(xi->insn.len, 1))) {
			out->fixed = true;
			return out->ninsns ? XLATE_OK : XLATE_LIMIT;
		}
		memcpy(xi->raw, s.buf + s.pos, MIN(s.have - s.pos, 15u));
		out->ninsns++;
		s.pos += xi->insn.len;
		eip += xi->insn.len;
		out->guest_len = s.pos;
		if (err != INSN_OK) {
			x->bad_vector = err == INSN_TOOLONG ? VEC_GP : VEC_UD;
			break;
		}
		if (insn_ends_block(x, &xi->insn) || out->crosses ||
		    (x->in->source && source_ends_block(&xi->insn)))
			break;
	}
	return XLATE_OK;
}

unsigned block_peek(struct xlate *x, u32 eip, struct insn *v, unsigned n)
{
	u8 buf[4 * INSN_MAX_LEN];
	u64 la = scan_linear(x, eip);
	unsigned i, pos = 0;
	int have = x->in->fetch(x->in->opaque, la, buf,
				MIN(PAGE_SIZE - (la & ~PAGE_MASK),
				    sizeof(buf)));

	for (i = 0; i < n && have > (int)pos; i++) {
		if (scan_decode(x, &v[i], buf + pos,
				MIN(have - pos, (unsigned)INSN_MAX_LEN)))
			break;
		pos += v[i].len;
	}
	return i;
}
