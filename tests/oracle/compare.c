// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare.c - what the host's run of a case and ours must have in common. See
 * oracle.h.
 */
#include <string.h>
#include "oracle.h"

/*
 * Eight registers: 32-bit code has no more, and vzeroall clears no more.
 * x87 opcode, instruction and data pointers of translated code are the host's
 * (HAZARDS 59): the engine's images are compared elsewhere.
 */
bool oracle_vectors_agree(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, 5) && !memcmp(a + 24, b + 24, 4) &&
	       !memcmp(a + 32, b + 32, 256) &&
	       !memcmp(a + 576, b + 576, 128);
}

static bool trap_is_segment(int trapno)
{
	return trapno == VEC_GP || trapno == VEC_SS;
}

/* A branch that leads nowhere: the host faults at the target, or finds int3. */
static bool lost_branch_agrees(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	u32 base = low_segment(o->g.c.seg, SEG_CS)->base;

	if (x->end != LOW_ODD || n->end != LOW_FAULT)
		return false;
	if (n->trapno == VEC_BP)
		return n->eip == x->eip + 1;
	return n->trapno == VEC_PF && n->eip == x->eip &&
	       n->cr2 == base + x->eip;
}

static const char *compare_fault(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;

	if (n->trapno != x->trapno)
		return "exception";
	if (n->trapno == VEC_PF && n->cr2 != x->cr2)
		return "cr2";
	if ((n->trapno == VEC_PF || trap_is_segment(n->trapno)) &&
	    n->err != x->err)
		return "error code";
	if (n->eip != x->eip)
		return "eip";
	return NULL;
}

static bool end_is_fault(enum low_end end)
{
	return end == LOW_FAULT || end == LOW_SEGFLT || end == LOW_RAISE;
}

static const char *compare_flags(struct oracle *o)
{
	struct low_result *n = &o->nat, *x = &o->xl;
	u32 diff = n->regs.eflags ^ x->regs.eflags;
	u16 r, w, m, u;

	if (!diff)
		return NULL;
	if (!o->g.insn.row)
		return "flags";
	insn_flags(&o->g.insn, &r, &w, &m, &u);
	if (diff & ~u)
		return "flags";
	if (diff & ~row_undefined(o->g.insn.row))
		return "undefined flags, not listed,";
	o->cov->row[o->row].undefined++;
	return NULL;
}

static const char *compare_state(struct oracle *o)
{
	struct low_result *n = &o->nat, *x = &o->xl;
	const char *what;

	if (memcmp(n->regs.gpr, x->regs.gpr, sizeof(n->regs.gpr)))
		return "registers";
	if (n->sys != x->sys)
		return "system flags";
	if (memcmp(n->sel, x->sel, sizeof(n->sel)))
		return "selectors";
	what = compare_flags(o);
	if (what)
		return what;
	if (memcmp(n->mem, x->mem, sizeof(n->mem)))
		return "memory";
	if (!oracle_vectors_agree(n->ximage, x->ximage))
		return "vector state";
	if (!x->df_byte_ok && x->end != LOW_FAULT)
		return "df byte";
	if (!x->high_ok && x->end != LOW_FAULT)
		return "upper halves";
	return NULL;
}

const char *oracle_compare(struct oracle *o)
{
	struct low_result *n = &o->nat, *x = &o->xl;
	const char *what = NULL;

	if (lost_branch_agrees(o))
		return compare_state(o);
	if (end_is_fault(x->end) && n->end == LOW_FAULT)
		what = compare_fault(o);
	else if (n->end != x->end)
		what = "end";
	return what ? what : compare_state(o);
}

/* What the row's flags columns call neither read nor written is neither. */
const char *oracle_columns(struct oracle *o)
{
	struct low_case *c = &o->g.c;
	struct low_result *n = &o->nat, *again = &o->xl;
	u32 before = c->regs.eflags;
	u16 r, w, m, u;

	if (!o->g.insn.row || (n->end != LOW_FALL && n->end != LOW_BRANCH))
		return NULL;
	insn_flags(&o->g.insn, &r, &w, &m, &u);
	if ((n->regs.eflags ^ before) & ~(w | m | u))
		return "row: a flag that it writes is not in its columns;";
	c->regs.eflags = before ^ ((EFL_ARITH | EFL_DF) & ~r);
	low_run_native(c, again);
	c->regs.eflags = before;
	o->cov->columns++;
	o->cov->row[o->row].columns++;
	if (n->end != again->end ||
	    memcmp(n->regs.gpr, again->regs.gpr, sizeof(n->regs.gpr)) ||
	    memcmp(n->mem, again->mem, sizeof(n->mem)) ||
	    !oracle_vectors_agree(n->ximage, again->ximage) ||
	    ((n->regs.eflags ^ again->regs.eflags) & w))
		return "row: a flag that it reads is not in its columns;";
	return NULL;
}
