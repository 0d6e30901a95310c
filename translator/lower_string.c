/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_string.c - movs, stos, lods, scas, cmps, xlat and the masked moves.
 *
 * A string destination takes no segment override, so esi and edi become host
 * addresses ("biased") and the host's instruction runs with 64-bit
 * addressing (HAZARDS 5):
 *
 *	mov r14, [r15+window]
 *	lea rsi, [rsi+r14]; lea rdi, [rdi+r14]
 *	rep movsd
 *	not r14
 *	lea esi, [rsi+r14+1]; lea edi, [rdi+r14+1]
 *
 * The last line subtracts and cuts to 32 bits without flags. A segment with a
 * base adds it first, modulo 2^32, and takes it off last. Pointers that run
 * over an end of the window meet a guard there, and the runtime finishes the
 * instruction in C, as it does all forms that are not direct.
 */
#include "xlate_impl.h"

#define USES_SI 1
#define USES_DI 2

static unsigned string_uses(u16 op)
{
	switch (op) {
	case OP_MOVS:
	case OP_CMPS:
		return USES_SI | USES_DI;
	case OP_LODS:
		return USES_SI;
	default:
		return USES_DI;
	}
}

static bool string_is_direct(const struct xlate *x, unsigned uses)
{
	const struct insn *insn = x->insn;
	u32 dst = insn->row->mem == MEM_R ? ACC_READ : ACC_WRITE;

	return insn->adsize == 4 &&
	       (!(uses & USES_SI) || mem_is_direct(x, insn->seg, ACC_READ)) &&
	       (!(uses & USES_DI) || mem_is_direct(x, SEG_ES, dst));
}

/* r += window (r14) and base of the segment, if it has one */
static void string_bias(struct xlate *x, unsigned r, unsigned seg, bool based)
{
	struct hmem base = SEG_MEM(seg, base);
	struct hmem sum = hmem_index(r, HR_TMP, 0, 0);

	if (based) {
		/* mov r9d, [r15+base]; lea esi, [rsi+r9] */
		emit_mov_rm(&x->e, 4, HR_TMP, &base);
		emit_lea(&x->e, 4, r, &sum);
	}
	/* lea rsi, [rsi+r14] */
	sum.index = HR_KEEP;
	emit_lea(&x->e, 8, r, &sum);
}

/* The inverse; r14 is already complemented. */
static void string_unbias(struct xlate *x, unsigned r, unsigned seg,
			  bool based)
{
	struct hmem base = SEG_MEM(seg, base);
	struct hmem sum = hmem_index(r, HR_KEEP, 0, 1);

	/* lea esi, [rsi+r14+1] */
	emit_lea(&x->e, 4, r, &sum);
	if (based) {
		/* mov r9d, [r15+base]; not r9d; lea esi, [rsi+r9+1] */
		emit_mov_rm(&x->e, 4, HR_TMP, &base);
		emit_not(&x->e, 4, HR_TMP);
		sum.index = HR_TMP;
		emit_lea(&x->e, 4, r, &sum);
	}
}

static void string_op(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct henc c = { .op = insn->opcode, .osz = insn->memsize == 2,
			  .simd = insn->rep ? 0xf3 : insn->repne ? 0xf2 : 0 };

	emit_op(&x->e, &c);
}

static void string_biased(struct xlate *x, unsigned uses)
{
	const struct insn *insn = x->insn;
	struct hmem window = CPU_MEM(window);
	bool rep = insn->rep || insn->repne;
	bool si = mem_class(x, insn->seg, ACC_READ) == SEGC_BASED;
	bool di = mem_class(x, SEG_ES, ACC_READ) == SEGC_BASED;
	u8 aux = uses | (uses & USES_SI && si ? 4 : 0) |
		 (uses & USES_DI && di ? 8 : 0);

	emit_mov_rm(&x->e, 8, HR_KEEP, &window);
	if (uses & USES_SI)
		string_bias(x, H_RSI, insn->seg, si);
	if (uses & USES_DI && !XLATE_FAULT(NO_BIAS))
		string_bias(x, H_RDI, SEG_ES, di);
	if (!XLATE_FAULT(NO_BIAS_SITE))
		x_site(x, SITE_BIASED, aux, insn->seg, rep);
	string_op(x);
	x_site(x, SITE_BIASED, aux, insn->seg, false);
	if (XLATE_FAULT(NO_UNBIAS))
		return;
	emit_not(&x->e, 8, HR_KEEP);
	if (uses & USES_SI)
		string_unbias(x, H_RSI, insn->seg, si);
	if (uses & USES_DI)
		string_unbias(x, H_RDI, SEG_ES, di);
}

void lower_string(struct xlate *x)
{
	unsigned uses = string_uses(x->insn->row->op);

	if (!string_is_direct(x, uses))
		x_helper(x, false);
	else
		string_biased(x, uses);
}

/* movzx r8d, al; lea r8d, [rbx+r8]; mov al, [segment:r8d] */
void lower_xlat(struct xlate *x)
{
	struct hmem sum = hmem_index(reg_host(x, R_BX), HR_ADDR, 0, 0), m;

	emit_movzx_rr(&x->e, 1, HR_ADDR, H_RAX);
	emit_lea(&x->e, 4, HR_ADDR, &sum);
	if (x->insn->adsize == 2)
		emit_movzx_rr(&x->e, 2, HR_ADDR, HR_ADDR);
	m = mem_operand_r8(x, x->insn->seg, 1, ACC_READ);
	emit_mov_rm(&x->e, 1, H_RAX, &m);
}

static void maskmov_op(struct xlate *x, bool gs)
{
	const struct insn *insn = x->insn;
	struct henc c = { .map = 1, .op = insn->opcode,
			  .simd = insn->row->pfx == PFX_66 ? 0x66 : 0,
			  .vex = insn->row->vex };

	if (gs) {
		emit_u8(&x->e, 0x65);
		emit_u8(&x->e, 0x67);
	}
	emit_rr(&x->e, &c, insn->reg, insn->rm);
}

/*
 * The destination [edi] takes an override, unlike a string's. Where it is not
 * simply gs:[edi], rdi holds the host address meanwhile:
 *	(r8: the operand)  mov r14, rdi; lea rdi, operand; op; mov rdi, r14
 * Bytes that the mask leaves out must not be touched, which the glue for other
 * forms would do: those are C's.
 */
void lower_maskmov(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct gmem g = { .base = R_DI, .index = -1, .seg = insn->seg,
			  .adsize = insn->adsize };
	struct hmem m;
	bool gs;

	if (!mem_is_direct(x, insn->seg, ACC_WRITE)) {
		x_helper(x, false);
		return;
	}
	m = mem_operand(x, &g, insn->row->memsize, ACC_WRITE);
	gs = m.gs;
	if (gs && m.base == H_RDI && m.index == HM_NONE) {
		maskmov_op(x, true);
		return;
	}
	emit_mov_rr(&x->e, 8, HR_KEEP, H_RDI);
	x_site(x, SITE_BORROWED, R_DI, HR_KEEP, false);
	m.gs = m.a32 = false;
	emit_lea(&x->e, gs ? 4 : 8, H_RDI, &m);
	maskmov_op(x, gs);
	emit_mov_rr(&x->e, 8, H_RDI, HR_KEEP);
}
