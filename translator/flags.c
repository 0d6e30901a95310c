/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags.c - liveness of the arithmetic flags at entries and landing sites.
 *
 * Glue inside a block never clobbers flags, so liveness is asked at two
 * places only: where an indirect branch or a return arrives and compares the
 * address it came for. There the flags may be clobbered if what follows
 * overwrites all of them before it reads one, or does anything that could
 * show them, but for memory accesses (the relaxation of HAZARDS 23;
 * in->strict_flags turns it off).
 */
#include "xlate_impl.h"

/* Instructions that show flags to nobody, unless a memory access faults. */
static bool flags_pass(const struct insn *insn)
{
	if (insn->row->rowflags & ROW_USERFAULT)
		return false;
	/* may raise #UD or #NM by CR0 and CR4, or be C's in some forms */
	if (insn->row->gate != GATE_NONE || insn->row->reach != REACH_PLAIN)
		return false;
	switch (insn->row->op) {
	case OP_PUSH:
	case OP_POP:
	case OP_LEAVE:
	case OP_INC:
	case OP_DEC:
	case OP_MOV_MOFFS:
	case OP_NOP_HINT:
		return true;
	}
	return insn->row->cls == CLS_COPY;
}

/* v: instructions `stride` bytes apart. */
bool flags_are_dead(const struct insn *v, unsigned n, unsigned stride)
{
	u16 live = EFL_ARITH, r, w, m, u;

	for (unsigned i = 0; i < n; i++) {
		const struct insn *insn =
			(const void *)((const char *)v + i * stride);

		if (!insn->row || !flags_pass(insn))
			return false;
		insn_flags(insn, &r, &w, &m, &u);
		if (r & live)
			return false;
		live &= ~w;
		/* processors keep flags that imul or bt leave undefined, but AF
		 * goes with the others */
		if ((w | EFL_AF) == EFL_ARITH && u == EFL_AF)
			live &= ~EFL_AF;
		if (!live)
			return true;
	}
	return false;
}
