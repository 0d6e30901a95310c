// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain.c - differences from this host that are none from the architecture:
 * each kind with its reason and reference, and a test that a case is of that
 * kind and differs in nothing else. What fits none of them fails. See oracle.h.
 *
 * SDM: Intel's Software Developer's Manual. HAZARDS: the rules behind the
 * design.
 */
#include <string.h>
#include "oracle.h"
#include "tests/lowvec.h"

static bool is_segment_trap(int trapno)
{
	return trapno == VEC_GP || trapno == VEC_SS;
}

static bool is_fault(const struct low_result *r)
{
	return r->end == LOW_FAULT || r->end == LOW_SEGFLT ||
	       r->end == LOW_RAISE;
}

static u16 case_op(const struct oracle *o)
{
	return o->g.insn.row ? o->g.insn.row->op : OP_INVALID;
}

static bool same_registers(const struct oracle *o)
{
	const struct low_regs *n = &o->nat.regs, *x = &o->xl.regs;

	return !memcmp(n->gpr, x->gpr, sizeof(n->gpr)) &&
	       !memcmp(o->nat.mem, o->xl.mem, LOW_MEM);
}

static bool both_fault(const struct oracle *o)
{
	return is_fault(&o->nat) && is_fault(&o->xl) &&
	       o->nat.eip == o->xl.eip && same_registers(o);
}

/* --- one function a kind */

/* One of a gather's elements does what an operand may. */
static bool gather_wraps(const struct oracle *o)
{
	const struct insn *i = &o->g.insn;
	const struct low_segment *s;

	if (!i->row || i->row->reach != REACH_GATHER ||
	    !is_segment_trap(o->nat.trapno) || o->xl.trapno != VEC_PF)
		return false;
	s = low_segment(o->g.c.seg, i->seg);
	return low_segment_hi(s) == 0xffffffff &&
	       o->xl.cr2 - s->base + 8 < 16;
}

static bool fits_wrap(const struct oracle *o)
{
	return o->nat.end == LOW_FAULT && (o->g.wraps || gather_wraps(o));
}

/* The zero that others write above the selector, or their fault there. */
static bool fits_push_seg(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	u32 at = n->regs.gpr[R_SP];

	if (case_op(o) != OP_PUSH_SEG || o->g.insn.opsize != 4)
		return false;
	if (n->end == LOW_FAULT)
		return true;
	if (x->end != n->end || n->regs.gpr[R_SP] != x->regs.gpr[R_SP])
		return false;
	if (o->g.c.seg == LOW_16)
		at &= 0xffff;
	at += low_segment(o->g.c.seg, SEG_SS)->base;
	for (u32 i = 0; i < LOW_MEM; i++)
		if (n->mem[i] != x->mem[i] && i != low_mem_offset(at + 2) &&
		    i != low_mem_offset(at + 3))
			return false;
	return n->mem[low_mem_offset(at + 2)] == 0 &&
	       n->mem[low_mem_offset(at + 3)] == 0;
}

/* An exception of before waits, and the operand faults as well. */
static bool fits_pending_mf(const struct oracle *o)
{
	return both_fault(o) && o->nat.trapno == VEC_MF &&
	       (is_segment_trap(o->xl.trapno) || o->xl.trapno == VEC_PF) &&
	       o->g.ximage[2] & 0x80;
}

/* Not aligned, and beyond the limit or not there. */
static bool fits_misaligned(const struct oracle *o)
{
	return both_fault(o) && o->g.insn.row && o->nat.trapno == VEC_GP &&
	       (o->xl.trapno == VEC_SS || o->xl.trapno == VEC_PF) &&
	       o->g.insn.row->rowflags & ROW_ALIGNED &&
	       o->g.ea % o->g.insn.memsize != 0;
}

/* Ten bytes in two pieces: the first is not there, the second is beyond. */
static bool fits_ten_bytes(const struct oracle *o)
{
	return both_fault(o) && o->g.insn.memsize == 10 &&
	       o->nat.trapno == VEC_PF && is_segment_trap(o->xl.trapno);
}

static bool fits_prefetch_reg(const struct oracle *o)
{
	return case_op(o) == OP_NOP_HINT && o->g.insn.opcode == 0x0d &&
	       o->nat.end == LOW_FAULT && o->nat.trapno == VEC_UD &&
	       o->xl.end == LOW_FALL;
}

static bool fits_rep_loop(const struct oracle *o)
{
	u16 op = case_op(o);

	return (op == OP_LOOPE || op == OP_LOOPNE) &&
	       (o->g.insn.rep || o->g.insn.repne);
}

/* movntss, movntsd, extrq, insertq: the table has no row for them. */
static bool fits_sse4a(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && row->map == MAP_0F &&
	       (row->opcode == 0x2b || row->opcode == 0x78 ||
		row->opcode == 0x79) &&
	       o->xl.end == LOW_RAISE && o->xl.trapno == VEC_UD;
}

static bool fits_masked(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	const struct insn *i = &o->g.insn;

	if (!i->row || !low_is_vector(i) || i->row->reach == REACH_GATHER ||
	    n->end != LOW_FAULT || (x->end != LOW_FALL && !is_fault(x)))
		return false;
	if (is_segment_trap(n->trapno))
		return true;
	return !i->has_mem && n->trapno == VEC_PF &&
	       (x->end == LOW_FALL || is_segment_trap(x->trapno) ||
		(x->trapno == VEC_PF && x->cr2 - n->cr2 < 16));
}

static bool fits_entry_flags(const struct oracle *o)
{
	return o->f.via_checked && !o->f.strict && both_fault(o) &&
	       o->nat.trapno == o->xl.trapno;
}

/* Memory is another after the first of its eight words. */
static bool fits_pusha(const struct oracle *o)
{
	return case_op(o) == OP_PUSHA && is_fault(&o->nat) &&
	       is_fault(&o->xl) && o->nat.trapno == o->xl.trapno &&
	       !memcmp(o->nat.regs.gpr, o->xl.regs.gpr,
		       sizeof(o->nat.regs.gpr));
}

/* Some of the registers have been popped already; esp has not moved. */
static bool fits_popa(const struct oracle *o)
{
	return case_op(o) == OP_POPA && is_fault(&o->nat) &&
	       is_fault(&o->xl) && o->nat.trapno == o->xl.trapno &&
	       o->nat.cr2 == o->xl.cr2 && o->nat.err == o->xl.err &&
	       !memcmp(o->xl.regs.gpr, o->g.c.regs.gpr,
		       sizeof(o->xl.regs.gpr));
}

/* lock mov cr0 is AMD's other way to CR8: #GP, not #UD. */
static bool fits_lock_cr(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && o->nat.trapno == VEC_GP &&
	       (row->op == OP_MOV_FROM_CR || row->op == OP_MOV_TO_CR) &&
	       o->xl.end == LOW_RAISE && o->xl.trapno == VEC_UD;
}

static bool fits_vperm_w(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && o->id.want.odd == GO_W &&
	       (row->op == OP_VPERMQ || row->op == OP_VPERMPD) &&
	       o->xl.end == LOW_RAISE && o->xl.trapno == VEC_UD;
}

static const struct {
	const char *name;
	bool (*fits)(const struct oracle *o);
	const char *why;
} kinds[OE_NR] = {
	{ "over-4g", fits_wrap,
	  "an operand over offset 4 GiB - 1 may or may not fault in a segment "
	  "that ends there: SDM vol. 3, 5.3; over the end of the window ours is "
	  "a guard, and the runtime's (HAZARDS 10)" },
	{ "push-seg", fits_push_seg,
	  "push of a segment register writes 4 bytes or 2: SDM vol. 2, PUSH" },
	{ "pending-mf", fits_pending_mf,
	  "order of faults of one instruction, here #MF against its operand: "
	  "SDM vol. 3, table 6-2, class 10, is left to the processor" },
	{ "misaligned", fits_misaligned,
	  "the same, #GP for alignment against #SS or #PF" },
	{ "ten-bytes", fits_ten_bytes,
	  "the same, #PF in the first piece of a ten-byte operand against a "
	  "limit in its second" },
	{ "prefetch-reg", fits_prefetch_reg,
	  "0f 0d with a register is #UD on AMD, a NOP on Intel (SDM vol. 2, "
	  "appendix A, reserved NOP space)" },
	{ "rep-loop", fits_rep_loop,
	  "F2 and F3 before loopcc are reserved: SDM vol. 2, 2.1.1; AMD takes "
	  "them for the condition" },
	{ "not-offered", fits_sse4a,
	  "SSE4A is not offered to guests, so #UD: SDM vol. 2, CPUID" },
	{ "masked", fits_masked,
	  "what a mask leaves out does not fault with us (SDM vol. 2, "
	  "VMASKMOV, MASKMOVDQU); processors may check all of the operand" },
	{ "entry-flags", fits_entry_flags,
	  "an entry that compares may clobber flags that its block "
	  "overwrites (HAZARDS 23); strict forms do not" },
	{ "pusha", fits_pusha,
	  "how much of pusha is in memory at its fault, and which of its "
	  "pages is first, is left to the processor: SDM vol. 3, 6.5" },
	{ "popa", fits_popa,
	  "what popa has loaded at its fault, the same; with us nothing" },
	{ "lock-cr", fits_lock_cr,
	  "lock before mov cr0 is AMD's other way to CR8, which is not offered: "
	  "#UD comes before #GP (SDM vol. 2, LOCK)" },
	{ "vperm-w", fits_vperm_w,
	  "vpermq and vpermpd are encoded with VEX.W = 1 (SDM vol. 2); AMD "
	  "ignores it outside 64-bit code" },
};

int oracle_explain(const struct oracle *o)
{
	for (int i = 0; i < OE_NR; i++)
		if (kinds[i].fits && kinds[i].fits(o))
			return i;
	return -1;
}

void explain_report(const struct ocover *c, FILE *f)
{
	fprintf(f, "\nDifferences explained:\n");
	for (int i = 0; i < OE_NR; i++)
		if (kinds[i].fits)
			fprintf(f, "%s: %u cases\n    %s\n", kinds[i].name,
				c->explained[i], kinds[i].why);
}

void explain_sums(const struct ocover *c)
{
	printf("differences explained:");
	for (int i = 0; i < OE_NR; i++)
		if (kinds[i].fits)
			printf(" %s %u", kinds[i].name, c->explained[i]);
	printf("\n");
}
