// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run.c - one case: made from its id, run both ways, compared. See oracle.h.
 */
#include <string.h>
#include "oracle.h"

struct low_form form_unpack(unsigned bits)
{
	return (struct low_form){ .fsgsbase = bits & OF_FSGSBASE,
				  .helper = bits & OF_HELPER,
				  .checked = bits & OF_CHECKED,
				  .pairs = bits & OF_PAIRS,
				  .via_checked = bits & OF_VIA,
				  .strict = bits & OF_STRICT };
}

/* An encoding that is none, or of a row that may run here. */
static bool case_may_run(const struct oracle *o)
{
	const struct oprow *row = o->g.insn.row;

	if (!row)
		return true;
	if (row_excuse(row) || !row_is_on_host(row, o->g.insn.vexl))
		return false;
	return o->id.engine ? engine_offers(o->id.form, &o->g.insn) :
			      !row_is_engines(row);
}

bool oracle_make(struct oracle *o)
{
	struct rng r = { o->id.seed };

	o->f = form_unpack(o->id.form);
	if (!gen_make(&r, &optab[o->id.row], o->id.seg, &o->id.want, &o->g))
		return false;
	o->row = o->g.insn.row ? o->g.insn.row - optab : o->id.row;
	if (!case_may_run(o))
		return false;
	if (o->id.engine)
		engine_flags(o, &r);
	return true;
}

/*
 * A signal in the middle of the host's run spoils what no kernel restores: the
 * upper half of esp on a 16-bit stack, NT and ID, selectors. Once more, then;
 * main.c looks how often that was.
 */
static bool run_again(struct oracle *o, const char *what, int *retries)
{
	if (!what) {
		o->cov->transient += *retries != 0;
		return false;
	}
	return (*retries)++ < 2;
}

static const char *run_translated(struct oracle *o)
{
	struct low_case *c = &o->g.c;

	low_run_xlat(c, &o->f, &o->xl);
	sabotage(o);
	if (o->xl.end != LOW_HELPER)
		return oracle_compare(o);
	if (memcmp(o->xl.regs.gpr, c->regs.gpr, sizeof(c->regs.gpr)))
		return "state at the helper";
	return NULL;
}

static const char *low_run(struct oracle *o)
{
	const char *what = NULL;

	low_run_native(&o->g.c, &o->nat);
	if (o->id.seed % 8 == 0 && !o->sabotage)
		what = oracle_columns(o);
	return what ? what : run_translated(o);
}

const char *oracle_run(struct oracle *o)
{
	const char *what = NULL;
	int retries = 0, why;

	do {
		what = o->id.engine ? engine_run(o) : low_run(o);
	} while (run_again(o, what, &retries));
	why = what && !o->sabotage ? oracle_explain(o) : -1;
	if (why < 0)
		return what;
	o->cov->explained[why]++;
	return NULL;
}

void oracle_case(struct oracle *o)
{
	const char *what;

	o->cov->tried++;
	if (!oracle_make(o))
		return;
	what = oracle_run(o);
	if (o->useless)
		return;
	cover_case(o);
	if (!what)
		return;
	o->cov->failed++;
	if (o->shown++ < o->show) {
		oracle_report(o, what);
		oracle_reset(o);
	} else if (o->shown <= 100) {
		oracle_line(o, what);
	}
}

void oracle_reset(struct oracle *o)
{
	struct rng r = { 0x5eed };

	gen_state(&r, &o->g);
}
