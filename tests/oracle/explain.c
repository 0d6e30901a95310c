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

/* The host faults; we do so, too, at the same place, or not at all. */
static bool host_faults(const struct oracle *o)
{
	return is_fault(&o->nat) && (!is_fault(&o->xl) || both_fault(o));
}

/* Linear address of the explicit operand with the registers as they are: made
 * smaller, a case has others than it was made with. */
u32 oracle_operand(const struct oracle *o)
{
	const struct insn *i = &o->g.insn;
	const u32 *gpr = o->g.c.regs.gpr;
	u32 ea = (u32)i->disp;

	if (i->base >= 0)
		ea += gpr[i->base & 7];
	if (i->index >= 0 && i->row->reach != REACH_GATHER)
		ea += gpr[i->index & 7] << i->scale;
	if (i->adsize == 2)
		ea = (u16)ea;
	return ea + low_segment(o->g.c.seg, i->seg)->base;
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
	/* in the engine what is at 0 follows, and nothing is there */
	if (o->id.engine && o->g.c.seg == LOW_FLAT && o->g.insn.row &&
	    o->g.insn.seg != SEG_FS && o->nat.trapno != VEC_AC)
		return o->g.wraps && host_faults(o) &&
		       o->nat.eip == o->xl.eip &&
		       (o->xl.trapno == VEC_AC || o->xl.cr2 < 1024 ||
			o->xl.trapno == VEC_GP || o->xl.trapno == VEC_SS);
	return host_faults(o) && (o->g.wraps || gather_wraps(o));
}

/* The zero that others write above the selector, or their fault there. */
static bool fits_push_seg(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	u32 at = n->regs.gpr[R_SP];

	if (case_op(o) == OP_POP_SEG && o->g.insn.opsize == 4)
		return host_faults(o);
	if (case_op(o) != OP_PUSH_SEG || o->g.insn.opsize != 4)
		return false;
	if (n->end == LOW_FAULT)
		return host_faults(o);
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
	       (is_segment_trap(o->xl.trapno) || o->xl.trapno == VEC_PF ||
		o->xl.trapno == VEC_AC) && o->g.ximage[2] & 0x80;
}

/* Not aligned, and beyond the limit or not there. */
static bool fits_misaligned(const struct oracle *o)
{
	u32 align;

	if (!both_fault(o) || !o->g.insn.row || o->nat.trapno != VEC_GP ||
	    (o->xl.trapno != VEC_SS && o->xl.trapno != VEC_PF))
		return false;
	align = o->g.insn.row->rowflags & ROW_ALIGNED ? o->g.insn.memsize :
		insn_image_size(&o->g.insn) > 512     ? 64 :
		insn_image_size(&o->g.insn) == 512    ? 16 : 1;
	return oracle_operand(o) % align != 0;
}

/* The first piece is not there, or not aligned, the second is beyond. */
static bool fits_pieces(const struct oracle *o)
{
	bool pieces = false;

	switch (case_op(o)) {
	case OP_BOUND:
	case OP_LES:
	case OP_LDS:
	case OP_LSS:
	case OP_LFS:
	case OP_LGS:
	case OP_CALLF_IND:
	case OP_JMPF_IND:
		pieces = true;
	}
	return both_fault(o) && (pieces || o->g.insn.memsize == 10) &&
	       (o->nat.trapno == VEC_PF || o->nat.trapno == VEC_AC) &&
	       is_segment_trap(o->xl.trapno);
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
	       (o->g.insn.rep || o->g.insn.repne) && same_registers(o);
}

/* movntss, movntsd, extrq, insertq: the table has no row for them. */
static bool fits_sse4a(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && row->map == MAP_0F &&
	       (row->opcode == 0x2b || row->opcode == 0x78 ||
		row->opcode == 0x79) &&
	       is_fault(&o->xl) && o->xl.trapno == VEC_UD;
}

static bool is_masked(u16 op)
{
	switch (op) {
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		return true;
	}
	return false;
}

static bool fits_masked(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	const struct insn *i = &o->g.insn;

	if (!is_masked(case_op(o)) ||
	    n->end != LOW_FAULT || (x->end != LOW_FALL && !is_fault(x)))
		return false;
	if (is_segment_trap(n->trapno) || n->trapno == VEC_AC)
		return true;
	return !i->has_mem && n->trapno == VEC_PF &&
	       (x->end == LOW_FALL || is_segment_trap(x->trapno) ||
		(x->trapno == VEC_PF && x->cr2 - n->cr2 < 16));
}

static bool fits_entry_flags(const struct oracle *o)
{
	return o->f.via_checked && !o->f.strict && both_fault(o) &&
	       o->nat.trapno == o->xl.trapno &&
	       (o->nat.trapno != VEC_PF ||
		(o->nat.err == o->xl.err && o->nat.cr2 == o->xl.cr2));
}

/* Memory is another after the first of its eight words. */
static bool fits_pusha(const struct oracle *o)
{
	return case_op(o) == OP_PUSHA && is_fault(&o->nat) &&
	       is_fault(&o->xl) && o->nat.trapno == o->xl.trapno &&
	       o->nat.eip == o->xl.eip &&
	       !memcmp(o->nat.regs.gpr, o->xl.regs.gpr,
		       sizeof(o->nat.regs.gpr));
}

/* Some of the registers have been popped already; esp has not moved. */
static bool fits_popa(const struct oracle *o)
{
	return case_op(o) == OP_POPA && is_fault(&o->nat) &&
	       is_fault(&o->xl) && o->nat.trapno == o->xl.trapno &&
	       o->nat.eip == o->xl.eip && o->nat.cr2 == o->xl.cr2 && o->nat.err == o->xl.err &&
	       !memcmp(o->xl.regs.gpr, o->g.c.regs.gpr,
		       sizeof(o->xl.regs.gpr));
}

/* lock mov cr0 is AMD's other way to CR8: #GP, not #UD. */
static bool fits_lock_cr(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && o->nat.trapno == VEC_GP &&
	       (row->op == OP_MOV_FROM_CR || row->op == OP_MOV_TO_CR) &&
	       is_fault(&o->xl) && o->xl.trapno == VEC_UD;
}

/* The saved eip of a trap is behind the instruction; not so in some virtual
 * machines, of which the host may be one. */
static bool fits_int1(const struct oracle *o)
{
	return case_op(o) == OP_INT1 && o->nat.trapno == VEC_DB &&
	       o->xl.trapno == VEC_DB && same_registers(o) &&
	       o->xl.eip == o->nat.eip + o->g.c.len;
}

static bool fits_lar(const struct oracle *o)
{
	const u32 *n = o->nat.regs.gpr, *x = o->xl.regs.gpr;

	if (case_op(o) != OP_LAR || o->nat.end != o->xl.end ||
	    o->nat.regs.eflags != o->xl.regs.eflags)
		return false;
	for (int i = 0; i < 8; i++)
		if (n[i] != x[i] && (i != o->g.insn.reg ||
				     (n[i] ^ x[i]) & ~0xf0000u))
			return false;
	return true;
}

static bool fits_image_page(const struct oracle *o)
{
	return both_fault(o) && o->g.insn.row &&
	       insn_image_size(&o->g.insn) && o->nat.trapno == VEC_PF &&
	       (is_segment_trap(o->xl.trapno) ||
		(o->xl.trapno == VEC_PF &&
		 (o->nat.err == o->xl.err || o->nat.cr2 >> PAGE_SHIFT !=
					     o->xl.cr2 >> PAGE_SHIFT) &&
		 o->xl.cr2 - oracle_operand(o) <
			 insn_image_size(&o->g.insn)));
}

/* The word of the image that says which bits of MXCSR there are. */
static bool fits_mxcsr_mask(const struct oracle *o)
{
	u32 at;

	if (!o->g.insn.row || insn_image_size(&o->g.insn) < 512)
		return false;
	at = low_mem_offset(oracle_operand(o) + 28);
	if (at == LOW_MEM ||
	    o->nat.end != o->xl.end || is_fault(&o->nat) ||
	    o->nat.regs.eflags != o->xl.regs.eflags ||
	    memcmp(o->nat.regs.gpr, o->xl.regs.gpr, sizeof(o->nat.regs.gpr)))
		return false;
	for (u32 i = 0; i < LOW_MEM; i++)
		if (o->nat.mem[i] != o->xl.mem[i] && i - at >= 4)
			return false;
	return true;
}

static bool fits_iret_nt(const struct oracle *o)
{
	return case_op(o) == OP_IRET && both_fault(o) &&
	       o->g.c.regs.eflags & EFL_NT && o->nat.trapno == VEC_GP &&
	       o->xl.trapno == VEC_TS;
}

static bool fits_far_order(const struct oracle *o)
{
	u16 op = case_op(o);

	return (op == OP_RETF || op == OP_IRET) && both_fault(o) &&
	       (o->nat.trapno == VEC_PF || o->nat.trapno == VEC_SS) &&
	       (o->xl.trapno >= VEC_TS && o->xl.trapno <= VEC_PF);
}

static bool fits_call_order(const struct oracle *o)
{
	return case_op(o) == OP_CALL && both_fault(o) &&
	       (o->nat.trapno == VEC_PF || o->nat.trapno == VEC_SS) &&
	       o->xl.trapno == VEC_GP;
}

static bool fits_lock_verw(const struct oracle *o)
{
	return optab[o->id.row].op == OP_VERW && !o->g.insn.row &&
	       o->id.want.odd == GO_LOCK && o->xl.trapno == VEC_UD;
}

static bool is_ac(const struct low_result *r)
{
	return r->end == LOW_FAULT && r->trapno == VEC_AC;
}

static bool fits_ac_vector(const struct oracle *o)
{
	return is_ac(&o->nat) && host_faults(o) && o->g.insn.row &&
	       o->g.insn.memsize >= 16;
}

static bool fits_ac_order(const struct oracle *o)
{
	return both_fault(o) && is_ac(&o->nat) != is_ac(&o->xl);
}

static bool fits_enter(const struct oracle *o)
{
	return case_op(o) == OP_ENTER && is_ac(&o->nat) &&
	       o->xl.regs.gpr[R_SP] % o->g.insn.opsize;
}

static bool fits_arpl(const struct oracle *o)
{
	return case_op(o) == OP_ARPL && is_fault(&o->xl) &&
	       o->xl.trapno == VEC_GP &&
	       low_segment(o->g.c.seg, o->g.insn.seg)->readonly;
}

static bool is_gather(const struct oracle *o)
{
	return o->g.insn.row && o->g.insn.row->reach == REACH_GATHER;
}

/* A step between two elements. */
static bool fits_gather_tf(const struct oracle *o)
{
	return is_gather(o) && o->g.c.regs.eflags & EFL_TF &&
	       o->nat.trapno == VEC_DB && o->nat.eip == o->xl.eip;
}

/* Elements beyond the one that faulted. */
static bool fits_gather_rest(const struct oracle *o)
{
	return is_gather(o) && both_fault(o) &&
	       o->nat.trapno == o->xl.trapno && o->nat.cr2 == o->xl.cr2 &&
	       o->nat.err == o->xl.err &&
	       o->nat.regs.eflags == o->xl.regs.eflags;
}

static bool fits_ud_length(const struct oracle *o)
{
	u16 op = optab[o->id.row].op;

	return (op == OP_UD0 || op == OP_UD1) && !o->g.insn.row &&
	       o->id.want.odd == GO_LONG && o->nat.trapno == VEC_UD &&
	       o->xl.trapno == VEC_GP;
}

/* The header names components of the host. */
static bool fits_xcr0(const struct oracle *o)
{
	u32 la;

	if (case_op(o) != OP_XRSTOR || o->xl.trapno != VEC_GP)
		return false;
	la = oracle_operand(o);
	return (gen_peek(&o->g, la + 512, 4) | gen_peek(&o->g, la + 516, 4) |
		gen_peek(&o->g, la + 520, 4) |
		(gen_peek(&o->g, la + 524, 4) & 0x7fffffff)) & ~7u;
}

static bool fits_vperm_w(const struct oracle *o)
{
	const struct oprow *row = &optab[o->id.row];

	return !o->g.insn.row && o->id.want.odd == GO_W &&
	       (row->op == OP_VPERMQ || row->op == OP_VPERMPD) &&
	       is_fault(&o->xl) && o->xl.trapno == VEC_UD;
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
	  "push of a segment register writes 4 bytes or 2: SDM vol. 2, PUSH; "
	  "and pop reads as many" },
	{ "pending-mf", fits_pending_mf,
	  "order of faults of one instruction, here #MF against its operand: "
	  "SDM vol. 3, table 6-2, class 10, is left to the processor" },
	{ "misaligned", fits_misaligned,
	  "the same, #GP for alignment against #SS or #PF" },
	{ "pieces", fits_pieces,
	  "the same, a fault in the first piece of ten bytes, a far pointer or "
	  "bounds against a limit in the second" },
	{ "ac-vector", fits_ac_vector,
	  "#AC for unaligned vectors may or may not be: SDM vol. 3, 6.15, "
	  "interrupt 17" },
	{ "ac-order", fits_ac_order,
	  "order of faults of one instruction, here #AC against others" },
	{ "enter-probe", fits_enter,
	  "enter probes the word at the final esp, for which the SDM (vol. 2, "
	  "ENTER) has #PF only; this processor has #AC too" },
	{ "arpl", fits_arpl,
	  "arpl wants a writable segment: SDM vol. 2, ARPL; this processor "
	  "reads first, and does not mind where nothing changes" },
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
	{ "gather-tf", fits_gather_tf,
	  "a single step may come between two elements: SDM vol. 2, VGATHER" },
	{ "gather-rest", fits_gather_rest,
	  "elements beyond the one that faults may be loaded or not: SDM "
	  "vol. 2, VGATHER" },
	{ "ud-length", fits_ud_length,
	  "whether ud0 and ud1 have a ModRM byte, and so too many bytes, is "
	  "left to the processor: SDM vol. 2, UD" },
	{ "xcr0", fits_xcr0,
	  "the guest's XCR0 has less than the host's: #GP for a header that "
	  "names more (SDM vol. 1, 13.8)" },
	{ "int1", fits_int1,
	  "int1 is a trap (SDM vol. 2, INT n); hosts that are virtual machines "
	  "may tell its own address" },
	{ "lar", fits_lar,
	  "bits 19:16 of what lar loads are undefined: SDM vol. 2, LAR" },
	{ "image-page", fits_image_page,
	  "which byte of a state image faults first is left to the "
	  "processor" },
	{ "mxcsr-mask", fits_mxcsr_mask,
	  "MXCSR_MASK in images is the guest's: AMD's misaligned mode is not "
	  "offered" },
	{ "iret-nt", fits_iret_nt,
	  "iret with NT is #GP(0) in IA-32e mode, where the host is, and a "
	  "task's return outside it: SDM vol. 2, IRET" },
	{ "far-order", fits_far_order,
	  "order of faults of one instruction: far returns read several "
	  "words" },
	{ "call-order", fits_call_order,
	  "a call beyond the limit of CS is #GP before it pushes: SDM vol. 2, "
	  "CALL; this processor pushes first" },
	{ "lock-verw", fits_lock_verw,
	  "lock verw is #UD (SDM vol. 2, LOCK); this processor ignores the "
	  "prefix" },
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
