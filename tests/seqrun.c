// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqrun.c - see seq.h: runs a sequence natively and in the engine, several
 * times: new code; the same blocks again, chained; with cold page tables; from
 * an instruction in the middle, where the first run had no entry.
 */
#include <stdlib.h>
#include <string.h>
#include "seq.h"

const char *const seq_run_name[SEQ_RUNS] = {
	[SEQ_FIRST] = "first", [SEQ_AGAIN] = "again", [SEQ_COLD] = "cold",
	[SEQ_MIDDLE] = "middle",
};

const struct seq_mode seq_modes[] = {
	{ "default", { 0 }, false },
	{ "one-insn", { .one_insn = true }, false },
	{ "no-chain", { .no_chain = true }, false },
	{ "no-pairs", { .no_pairs = true }, false },
	{ "no-fsgsbase", { .no_fsgsbase = true }, false },
	{ "helper-sites", { .helper_sites = true }, false },
	{ "checked", { .checked = true }, false },
	{ "far", { .far_now = true }, false },
	{ "no-bmi2", { .no_bmi2 = true }, false },
	{ "no-trans", { .no_trans = true }, false },
	{ "no-reuse", { .no_reuse = true }, false },
	{ "no-uffd", { .no_uffd = true }, false },
	{ "no-checked", { .no_checked = true }, false },
	{ "small-cache", { .cache_kb = 64 }, false },
	{ "map-budget", { .map_budget = 64 }, false },
	{ "helper-no-fsgsbase",
	  { .helper_sites = true, .no_fsgsbase = true }, false },
	{ "checked-one-insn", { .checked = true, .one_insn = true }, false },
	{ "checked-no-chain", { .checked = true, .no_chain = true }, false },
};
const unsigned seq_modes_nr = ARRAY_SIZE(seq_modes);

/* --- a machine with a bug, for the tests of the minimiser */

/* Code that changes in a loop of some ten thousand rounds takes seconds where each
 * change drops its page. */
#define PATIENCE 3000

/* setcc, and then cmovcc, in one of the first groups of code. */
static bool has_bug(const struct orun *o)
{
	const u8 *p = orun_at(o, ORUN_CODE), *end = p + 4 * SEQ_GROUP - 1;
	bool setcc = false;

	while (p < end && (p = memchr(p, 0x0f, (size_t)(end - p)))) {
		if (setcc && (p[1] & 0xf0) == 0x40)
			return true;
		setcc |= (p[1] & 0xf0) == 0x90;
		p++;
	}
	return false;
}

static void broken_run(struct orun *o, const struct orun_state *in,
		       struct orun_result *out)
{
	const struct orun_ops *own = o->ops;

	o->ops = o->real;
	orun_run(o, in, out);
	o->ops = own;
	if (has_bug(o))
		out->st.eflags |= EFL_CF;
}

struct orun *seq_open(const struct seq_mode *m)
{
	static struct orun_ops broken;
	struct umbra_inject inject = m->inject;
	struct orun *o;

	inject.verify = true; /* each block is proved as well */
	o = orun_open(&inject);
	if (!o)
		return NULL;
	seq_segments(o);
	seq_clear(o);
	orun_patience(o, PATIENCE);
	if (m->broken) {
		broken = *o->ops;
		broken.run = broken_run;
		o->real = o->ops;
		o->ops = &broken;
	}
	return o;
}

/* --- comparing */

static bool run_one(const struct seq *q, const struct seq_layout *l,
		    struct orun *o, unsigned from, struct orun_result *r)
{
	struct orun_state st;

	seq_load(o, q, l);
	seq_start(q, l, from, &st);
	orun_run(o, &st, r);
	return r->end == ORUN_EXC;
}

/*
 * The flags that a fault between an instruction and what defines the flags that
 * it leaves undefined (seqgen.c) has pushed; and esp before 16-bit code could
 * load it.
 */
static void forget_undefined(const struct seq *q, const struct seq_layout *l,
			     struct orun_result *r)
{
	u32 la = r->st.eip + seq_cs_base(q);

	for (unsigned i = 0; i < q->n; i++)
		if (la - l->addr[i] - 1 < q->insn[i].len - 1u)
			r->st.eflags &= ~EFL_ARITH;
	if (q->code16 && la == q->base[0])
		r->st.gpr[R_SP] &= 0xffff;
}

/* Natively. What writes to the code of others is dropped before it can make a
 * machine differ for the sequences behind it. */
static bool run_native(const struct seq *q, const struct seq_layout *l,
		       unsigned from, struct orun_result *r)
{
	struct orun *nat = orun_native();

	if (!run_one(q, l, nat, from, r))
		return false;
	if (!seq_strayed(nat, q))
		return true;
	seq_clear(nat);
	return false;
}

/* Runs in vm and compares with d->nat and native memory. */
/*
 * Differences that are none of the engine's making, each with its reason.
 */
const char *const seq_excuse_name[SEQ_EXCUSES] = {
	[SEQ_OVER_END] = "over the end of 4 GiB: #GP or #SS, or not (SDM vol. "
			 "3, 5.3)",
	[SEQ_NESTED] = "iret with NT: #GP in long mode, a task switch else",
	[SEQ_ALIGNMENT] = "#AC of operands wider than 8 bytes and of enter's "
			  "probe, and its place before #PF",
	[SEQ_FRAME] = "pusha, popa, enter, far transfers: which of their slots "
		      "faults first, and what others have done by then",
	[SEQ_DECIMAL] = "undefined flags of aaa and its like, reached by a return "
			"into the middle of an instruction or made by a store",
	[SEQ_PUSH_SEG] = "push of a segment register, made by a store: whether "
			 "the upper half is written (SDM vol. 2, PUSH)",
	[SEQ_UD] = "ud0, ud1: whether their operand bytes are fetched",
	[SEQ_HOST_GDT] = "selector 7b: Linux has a segment of its own there",
};

/* The identity of the instruction at a linear address of native memory. */
static u16 op_at(const struct seq *q, u32 la)
{
	u8 buf[INSN_MAX_LEN] = { 0 };
	struct insn insn;

	if (la - q->group > SEQ_GROUP - sizeof(buf))
		return OP_INVALID;
	memcpy(buf, orun_at(orun_native(), la), sizeof(buf));
	if (insn_decode(&insn, buf, sizeof(buf), q->code16 ? 16 : 32, NULL))
		return OP_INVALID;
	return insn.row->op;
}

/* The decoder needs a page that is not there. */
static bool is_ud(const struct seq *q, const struct seq_diff *d)
{
	const u8 *p = orun_at(orun_native(),
			      d->nat.st.eip + seq_cs_base(q));

	return p[0] == 0x0f && (p[1] == 0xff || p[1] == 0xb9);
}

static bool is_frame(const struct seq *q, const struct seq_diff *d)
{
	switch (op_at(q, d->nat.st.eip + seq_cs_base(q))) {
	case OP_PUSHA:
	case OP_POPA:
	case OP_ENTER:
	case OP_RETF:
	case OP_IRET:
	case OP_CALLF:
	case OP_CALLF_IND:
		return true;
	}
	return false;
}

/* About offset 0 of a segment of 4 GiB, all of which begin at one of two
 * addresses. */
static bool is_at_end(u32 la)
{
	u32 based = la - SEQ_BASED;

	return la + 64 < 128 || based + 64 < 128;
}

static bool over_end(const struct orun_result *a, const struct orun_result *b)
{
	return (a->vector == VEC_GP || a->vector == VEC_SS) && !a->err &&
	       b->vector == VEC_PF && is_at_end(b->cr2);
}

static bool is_decimal(u16 op)
{
	return op == OP_AAA || op == OP_AAS || op == OP_AAM || op == OP_AAD ||
	       op == OP_DAA || op == OP_DAS;
}

/* The last instruction before the end is one; a store made it, so nothing
 * behind it was to define its flags. */
static bool ends_decimal(const struct seq *q, const struct seq_diff *d)
{
	u32 la = d->nat.st.eip + seq_cs_base(q);

	return d->parts == ORUN_DIFF_EFLAGS && !d->la &&
	       (is_decimal(op_at(q, la - 1)) || is_decimal(op_at(q, la - 2)));
}

/* Stores have made a push of a segment register, and where memory differs
 * first the host has zero. The generator makes no such instruction. */
static bool made_push_seg(const struct seq *q, const struct seq_layout *l,
			  const struct seq_diff *d)
{
	const u8 *now = orun_at(orun_native(), q->group);
	unsigned near = 0;

	if (d->parts || *orun_at(orun_native(), d->la))
		return false;
	for (u32 i = 0; i < SEQ_GROUP; i++) {
		if (now[i] != l->code[i])
			near = INSN_MAX_LEN;
		if (near && op_at(q, q->group + i) == OP_PUSH_SEG)
			return true;
		near -= near > 0;
	}
	return false;
}

/*
 * Does the run come by such an instruction where none of the sequence's begins,
 * so that nothing is prepared for it? It runs natively again, step by step.
 */
static bool meets_decimal(const struct seq *q, const struct seq_layout *l,
			  unsigned from)
{
	static struct orun_result r;
	u32 la, n;

	seq_load(orun_native(), q, l);
	seq_start(q, l, from, &r.st);
	for (u32 steps = 0; steps < 3000; steps++) {
		struct orun_state st = r.st;

		la = st.eip + seq_cs_base(q);
		for (n = 0; n < q->n && l->addr[n] != la; n++)
			;
		if (n == q->n && is_decimal(op_at(q, la)))
			return true;
		st.eflags |= EFL_TF;
		orun_run(orun_native(), &st, &r);
		if (r.end != ORUN_EXC || r.vector != VEC_DB)
			return false;
	}
	return false;
}

/* #AC of a wide operand, which the other side may have gone past; or in place
 * of another fault of the same instruction. */
static bool is_alignment(const struct seq *q, const struct seq_diff *d)
{
	bool own = d->nat.vector == VEC_AC;
	const struct orun_result *ac = own ? &d->nat : &d->vm;
	const struct orun_result *other = own ? &d->vm : &d->nat;
	u32 la = ac->st.eip + seq_cs_base(q);
	u8 buf[INSN_MAX_LEN];
	struct insn insn;

	if (la - q->group > SEQ_GROUP - sizeof(buf))
		return false;
	memcpy(buf, orun_at(orun_native(), la), sizeof(buf));
	if (insn_decode(&insn, buf, sizeof(buf), q->code16 ? 16 : 32, NULL))
		return false;
	if (insn.memsize > 8 || insn_image_size(&insn) ||
	    (own && insn.row->op == OP_ENTER))
		return true;
	return other->st.eip == ac->st.eip &&
	       (other->vector == VEC_PF || other->vector == VEC_GP ||
		other->vector == VEC_SS);
}

static int excuse(const struct seq *q, const struct seq_diff *d)
{
	const struct orun_result *n = &d->nat, *v = &d->vm;
	struct orun_result r = *v;
	int why = -1;

	if (over_end(n, v) || over_end(v, n))
		why = SEQ_OVER_END;
	else if (n->vector == VEC_PF && v->vector == VEC_GP &&
		 n->cr2 - seq_seg_base(q, n->st.sel[CPU_SS]) -
				 n->st.gpr[R_SP] < 32 && is_frame(q, d))
		why = SEQ_FRAME;
	else if (n->vector == VEC_UD && v->vector == VEC_PF &&
		 v->err & PFEC_I && is_ud(q, d))
		why = SEQ_UD;
	else if (v->vector == VEC_GP && v->err == 0x78)
		return SEQ_HOST_GDT;
	else if (n->vector == VEC_GP && !n->err && v->vector == VEC_TS &&
		 n->st.eflags & EFL_NT)
		why = SEQ_NESTED;
	else if ((n->vector == VEC_AC || v->vector == VEC_AC) &&
		 n->st.eflags & EFL_AC && is_alignment(q, d))
		return SEQ_ALIGNMENT;
	else if (n->vector == v->vector &&
		 (n->vector == VEC_PF || n->vector == VEC_SS) && is_frame(q, d))
		why = SEQ_FRAME;
	if (why < 0 && ends_decimal(q, d))
		return SEQ_DECIMAL;
	r.vector = n->vector;
	r.err = n->err;
	r.cr2 = n->cr2;
	if (why == SEQ_FRAME) {
		memcpy(r.st.gpr, n->st.gpr, sizeof(r.st.gpr));
		r.st.gpr[R_SP] = v->st.gpr[R_SP];
	}
	if (why < 0 || orun_differ(n, &r))
		return -1;
	return !d->la || why == SEQ_FRAME ? why : -1;
}

static enum seq_verdict run_vm(const struct seq *q, const struct seq_layout *l,
			       struct orun *vm, unsigned from,
			       enum seq_run run, struct seq_diff *d)
{
	d->run = run;
	run_one(q, l, vm, from, &d->vm);
	forget_undefined(q, l, &d->nat);
	forget_undefined(q, l, &d->vm);
	d->parts = orun_differ(&d->nat, &d->vm);
	d->la = seq_memory_differs(orun_native(), vm, q);
	d->excuse = d->parts || d->la ? excuse(q, d) : -1;
	if ((d->parts || d->la) && d->excuse < 0 && made_push_seg(q, l, d))
		d->excuse = SEQ_PUSH_SEG;
	if ((d->parts || d->la) && d->excuse < 0 && meets_decimal(q, l, from))
		d->excuse = SEQ_DECIMAL;
	if (d->excuse >= 0)
		return SEQ_EXCUSED;
	return d->parts || d->la ? SEQ_DIFFERS : SEQ_SAME;
}

static enum seq_verdict compare_once(const struct seq *q, struct orun *vm,
				     struct seq_diff *d,
				     struct orun_result *first)
{
	static struct seq_layout l;
	enum seq_verdict v;

	if (!q->n || !seq_layout(q, &l) ||
	    !run_native(q, &l, q->n, &d->nat))
		return SEQ_DROPPED;
	if (first)
		*first = d->nat;
	v = run_vm(q, &l, vm, q->n, SEQ_FIRST, d);
	if (v == SEQ_SAME)
		v = run_vm(q, &l, vm, q->n, SEQ_AGAIN, d);
	if (v == SEQ_SAME && q->seed % 8 == 0) {
		orun_cold(vm);
		v = run_vm(q, &l, vm, q->n, SEQ_COLD, d);
	}
	if (v != SEQ_SAME || q->code16 || q->enter >= q->n || !q->enter)
		return v;
	if (!run_native(q, &l, q->enter, &d->nat))
		return SEQ_SAME;
	return run_vm(q, &l, vm, q->enter, SEQ_MIDDLE, d);
}

/* An interrupt meanwhile spoils the upper half of esp on a 16-bit stack of the
 * host's, so what differs there is tried again. */
enum seq_verdict seq_compare(const struct seq *q, struct orun *vm,
			     struct seq_diff *d, struct orun_result *nat)
{
	enum seq_verdict v = compare_once(q, vm, d, nat);

	for (int i = 0; i < 2 && v == SEQ_DIFFERS && q->code16; i++)
		v = compare_once(q, vm, d, nat);
	seq_unload(orun_native(), q);
	seq_unload(vm, q);
	return v;
}
