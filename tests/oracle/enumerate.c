// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * enumerate.c - every form of every row: kinds of operands, operand sizes, VEX
 * fields, registers in the opcode, and encodings that are not as they should
 * be; what a form leaves open is random. See oracle.h.
 */
#include <string.h>
#include "oracle.h"

struct walk {
	struct oracle *o;
	struct rng r;
	enum low_seg seg;
	bool engine;
	unsigned row;
	u64 seed;
	unsigned n; /* cases of this row so far */
	unsigned machine;
};

/* Most of what runs is as in practice; the rest are the rare forms. */
static u8 walk_form(struct walk *w)
{
	struct rng *r = &w->r;

	return (rng_one_in(r, 3) ? 0 : OF_FSGSBASE) |
	       (rng_one_in(r, 4) ? OF_HELPER : 0) |
	       (rng_one_in(r, 4) ? OF_CHECKED : 0) |
	       (rng_one_in(r, 2) ? OF_PAIRS : 0) |
	       (rng_one_in(r, 2) ? OF_VIA : 0) |
	       (rng_one_in(r, 2) ? OF_STRICT : 0);
}

static void walk_case(struct walk *w, struct gen_want *want)
{
	struct oracle *o = w->o;

	/* all of them, by and by: each kind of segments goes on elsewhere */
	want->eflags = ((w->n + 32 * w->seg) * 37) & 127;
	o->id.row = w->row;
	o->id.seg = w->seg;
	o->id.want = *want;
	o->id.engine = w->engine;
	o->id.form = w->engine ? w->machine++ % ENGINE_MACHINES :
				 walk_form(w);
	o->id.seed = w->seed + ((u64)w->row << 40) + ((u64)w->seg << 36) +
		     w->n * 0x9e3779b1ull;
	w->n++;
	oracle_case(o);
}

static bool row_has_w(const struct oprow *row)
{
	return row->vex && !(row->rowflags & (ROW_W0 | ROW_W1));
}

static bool row_has_l(const struct oprow *row)
{
	return row->vex && !(row->rowflags & (ROW_L0 | ROW_L1));
}

static void walk_sizes(struct walk *w, struct gen_want *want)
{
	const struct oprow *row = &optab[w->row];
	unsigned ls = row_has_l(row) ? 2 : 1, ws = row_has_w(row) ? 2 : 1;
	unsigned sizes = row->vex ? 1 : 2;

	for (unsigned k = 0; k < ls * ws * sizes; k++) {
		want->vexl = k % ls;
		want->vexw = k / ls % ws;
		want->p66 = k / ls / ws;
		walk_case(w, want);
	}
}

/* Prefixes there are too; those that may mean another instruction are left out
 * where it could do harm, or where it is one that we do not offer. */
static bool odd_is_sane(const struct oprow *row, enum gen_odd odd)
{
	bool group = row->map == MAP_0F &&
		     (row->opcode <= 0x01 || row->opcode == 0xae ||
		      row->opcode == 0xc7 || (row->opcode & 0xf8) == 0x18);

	switch (odd) {
	case GO_VVVV:
	case GO_L:
	case GO_W:
		return row->vex;
	case GO_MOD:
		return row->rm != OPK_NONE && !group;
	case GO_REP:
	case GO_REPNE:
	case GO_66:
		return !group;
	default:
		return true;
	}
}

/* Only registers, or no operands: nothing but the state varies. */
static bool row_has_few_forms(const struct oprow *row)
{
	return !gen_row_has_addr(row, GA_BASE) &&
	       !gen_row_has_addr(row, GA_SIB);
}

static void walk_row(struct walk *w, unsigned round)
{
	const struct oprow *row = &optab[w->row];
	struct gen_want want;
	unsigned times = row_has_few_forms(row) ? 8 : 1;

	memset(&want, GEN_ANY, sizeof(want));
	want.odd = GO_NONE;
	for (unsigned addr = 0; addr < GA_NR; addr++) {
		if (!gen_row_has_addr(row, addr))
			continue;
		want.addr = addr;
		for (unsigned i = 0; i < times; i++) {
			want.embed = i;
			walk_sizes(w, &want);
		}
	}
	memset(&want, GEN_ANY, sizeof(want));
	for (unsigned odd = 1 + round % 2; odd < GO_NR; odd += 2) {
		want.odd = odd;
		if (odd_is_sane(row, odd) &&
		    (w->engine || !row_is_engines(row)))
			walk_case(w, &want);
	}
}

void enumerate(struct oracle *o, enum low_seg seg, bool engine, u64 seed,
	       unsigned rounds, const char *only)
{
	struct walk w = { .o = o, .seg = seg, .engine = engine, .seed = seed };

	for (w.row = 0; w.row < optab_nr; w.row++) {
		const struct oprow *row = &optab[w.row];

		if (only && strcasecmp(only, row->name))
			continue;
		if (row_excuse(row) || (!engine && row_is_engines(row)))
			continue;
		if (!row_is_on_host(row, row->rowflags & ROW_L1)) {
			o->cov->absent++;
			continue;
		}
		w.n = 0;
		w.r.s = seed + ((u64)w.row << 32) + seg;
		for (unsigned k = 0; k < rounds; k++)
			walk_row(&w, k);
	}
}
