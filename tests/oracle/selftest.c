// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest.c - can the oracle fail? Results are spoilt on purpose, one kind of
 * difference at a time; each must be found, and made small. See oracle.h.
 */
#include <string.h>
#include "oracle.h"

enum sabotage {
	SAB_NONE,
	SAB_REGISTER,
	SAB_HIGH_HALF,
	SAB_FLAG,
	SAB_DF,
	SAB_MEMORY,
	SAB_XMM,
	SAB_YMM,
	SAB_MXCSR,
	SAB_X87,
	SAB_X87_TAG,
	SAB_VECTOR,
	SAB_CR2,
	SAB_ERROR,
	SAB_EIP,
	SAB_END,
	SAB_NR
};

static const struct {
	const char *name, *row;
	bool fault; /* spoils results of faults, else of all others */
} kinds[SAB_NR] = {
	[SAB_REGISTER] = { "register", "ADD", false },
	[SAB_HIGH_HALF] = { "upper half of a register", "MOV", false },
	[SAB_FLAG] = { "flag", "ADC", false },
	[SAB_DF] = { "DF", "STD", false },
	[SAB_MEMORY] = { "memory", "MOVS", false },
	[SAB_XMM] = { "xmm", "PADDB", false },
	[SAB_YMM] = { "ymm", "VADDPS", false },
	[SAB_MXCSR] = { "mxcsr", "ADDPS", false },
	[SAB_X87] = { "x87 register", "FADD", false },
	[SAB_X87_TAG] = { "x87 tags", "FFREE", false },
	[SAB_VECTOR] = { "exception", "DIV", true },
	[SAB_CR2] = { "cr2", "POP", true },
	[SAB_ERROR] = { "error code", "XOR", true },
	[SAB_EIP] = { "eip of a fault", "INC", true },
	[SAB_END] = { "branch", "JCC", false },
};

void sabotage(struct oracle *o)
{
	struct low_result *x = &o->xl;
	bool fault = o->nat.end == LOW_FAULT;

	if (!o->sabotage || x->end == LOW_HELPER ||
	    fault != kinds[o->sabotage].fault)
		return;
	switch (o->sabotage) {
	case SAB_REGISTER:
		x->regs.gpr[R_BX] ^= 0x8000;
		break;
	case SAB_HIGH_HALF:
		x->high_ok = false;
		break;
	case SAB_FLAG:
		x->regs.eflags ^= EFL_CF;
		break;
	case SAB_DF:
		x->df_byte_ok = false;
		break;
	case SAB_MEMORY:
		x->mem[LOW_MEM - 1] ^= 1;
		break;
	case SAB_XMM:
		x->ximage[160 + 7 * 16] ^= 1;
		break;
	case SAB_YMM:
		x->ximage[576 + 8 * 16 - 1] ^= 1;
		break;
	case SAB_MXCSR:
		x->ximage[24] ^= 0x20;
		break;
	case SAB_X87:
		x->ximage[32 + 7 * 16 + 9] ^= 0x80;
		break;
	case SAB_X87_TAG:
		x->ximage[4] ^= 0x10;
		break;
	case SAB_VECTOR:
		x->trapno ^= 1;
		break;
	case SAB_CR2:
		x->cr2 ^= 1;
		break;
	case SAB_ERROR:
		x->err ^= 1;
		break;
	case SAB_EIP:
		x->eip++;
		break;
	case SAB_END:
		x->end = x->end == LOW_FALL ? LOW_BRANCH : LOW_FALL;
		break;
	}
}

/* Nothing but what the difference needs is left of the case. */
static bool is_small(const struct oracle *o)
{
	const struct low_case *c = &o->g.c;
	unsigned big = 0;

	for (int i = 0; i < 8; i++)
		big += c->regs.gpr[i] > 1;
	if (o->f.helper || o->f.checked || o->f.strict || !o->f.fsgsbase)
		return false;
	return big <= 3 && !c->regs.eflags && c->bytes[0] != 0x67 &&
	       (c->bytes[0] & 0xe7) != 0x26;
}

static bool selftest_kind(struct oracle *o, int kind)
{
	unsigned before = o->cov->failed;
	bool found, small;

	o->sabotage = 0;
	o->shown = 1000; /* nothing is printed */
	enumerate(o, LOW_FLAT, false, 0x7e57, 1, kinds[kind].row);
	if (o->cov->failed != before)
		printf("self-test: %s differs without help\n",
		       kinds[kind].row);
	before = o->cov->failed;
	o->sabotage = kind;
	enumerate(o, LOW_FLAT, false, 0x7e57, 1, kinds[kind].row);
	found = o->cov->failed > before;
	/* the last case of the row, if it was one, or the next like it */
	small = false;
	for (int i = 0; found && !small && i < 200; i++) {
		o->id.seed += 0x9e3779b1;
		o->id.want.odd = GO_NONE;
		if (!oracle_make(o) || !oracle_run(o))
			continue;
		oracle_minimise(o);
		small = is_small(o);
		oracle_reset(o);
	}
	o->sabotage = 0;
	printf("%sok - self-test: %s (%s): %s, %s\n",
	       found && small ? "" : "not ", kinds[kind].name,
	       kinds[kind].row, found ? "found" : "NOT FOUND",
	       small ? "made small" : "NOT SMALL");
	return found && small;
}

unsigned selftest(struct oracle *o)
{
	unsigned bad = 0;

	for (int k = 1; k < SAB_NR; k++)
		bad += !selftest_kind(o, k);
	return bad;
}
