/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_system.c - gates (CR0, CR4, CPL) and the system instructions that
 * have an inline form. What has none in the block's mode is C's.
 */
#include "xlate_impl.h"

/* SDM vol. 3, 2.5 and 13.1: which of #UD and #NM a vector row meets. */
static int vector_gate(u32 f, enum insn_gate gate)
{
	switch (gate) {
	case GATE_NONE:
	case GATE_XSAVE: /* always C's, which knows CR4 */
		return -1;
	case GATE_X87:
		return f & (XM_EM | XM_TS) ? VEC_NM : -1;
	case GATE_WAIT:
		return (f & XM_MP && f & XM_TS) ? VEC_NM : -1;
	case GATE_MMX:
		if (f & XM_EM)
			return VEC_UD;
		break;
	case GATE_SSE:
		if (f & XM_EM || !(f & XM_OSFXSR))
			return VEC_UD;
		break;
	case GATE_AVX:
		if (!(f & XM_AVX))
			return VEC_UD;
		break;
	}
	return f & XM_TS ? VEC_NM : -1;
}

int system_gate(const struct xlate *x)
{
	const struct oprow *row = x->insn->row;

	/* In vm86 some privileged rows are #UD: C tells them apart. */
	if (row->rowflags & ROW_PRIV && x->mode->cpl > 0 &&
	    !(x->mode->flags & XM_VM))
		return row->op == OP_CLAC || row->op == OP_STAC ? VEC_UD :
								  VEC_GP;
	return XLATE_FAULT(GATE) ? -1 : vector_gate(x->mode->flags, row->gate);
}

static bool if_is_inline(const struct xlate *x)
{
	return x->mode->flags & XM_IF_OK && !(x->mode->flags & XM_VME);
}

/* mov byte [r15+iflag], 0 */
static void lower_cli(struct xlate *x)
{
	struct hmem m = CPU_MEM(iflag);

	if (XLATE_FAULT(CPU_FIELD))
		m = CPU_MEM(kick);
	if (if_is_inline(x))
		emit_mov_mi(&x->e, 1, &m, 0);
	else
		x_helper(x, false);
}

/*
 *	mov r9d, ecx; mov ecx, [r15+irq_probe]; jrcxz none
 *	mov ecx, r9d; (C carries it out and leaves)
 * none:
 *	mov ecx, r9d; mov byte [r15+iflag], 1
 *
 * The next instruction must run before an interrupt comes (HAZARDS 35). A
 * kick leaves at the block's end at the earliest, so that holds by itself
 * unless sti is the block's last, or may be the last that is carried out in it
 * (ac_exit): then C marks the shadow.
 */
static void lower_sti(struct xlate *x)
{
	struct hmem probe = CPU_MEM(irq_probe), iflag = CPU_MEM(iflag);
	struct emit *e = &x->e;
	u32 none;

	if (!if_is_inline(x)) {
		x_helper(x, false);
		return;
	}
	if (x->cur + 1 == x->out->ninsns || ac_has_changed(x)) {
		x_helper(x, true);
		return;
	}
	if (XLATE_FAULT(STI_PROBE)) {
		emit_mov_mi(e, 1, &iflag, 1);
		return;
	}
	emit_mov_rr(e, 4, HR_TMP, H_RCX);
	x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
	emit_mov_rm(e, 4, H_RCX, &probe);
	none = emit_jrcxz_fwd(e);
	emit_mov_rr(e, 4, H_RCX, HR_TMP);
	x_site(x, SITE_PLAIN, 0, 0, false);
	x_cold(x, COLD_HELPER, emit_jmp_fwd(e), x_hsite(x, -1, 0));
	emit_patch8(e, none, e->len);
	x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
	emit_mov_rr(e, 4, H_RCX, HR_TMP);
	x_site(x, SITE_PLAIN, 0, 0, false);
	emit_mov_mi(e, 1, &iflag, 1);
}

static void lower_rdtsc(struct xlate *x)
{
	u32 f = x->mode->flags;

	if (f & XM_TSC_HELPER || (f & XM_TSD && x->mode->cpl > 0)) {
		x_helper(x, false);
		return;
	}
	/* rdtsc */
	emit_u8(&x->e, 0x0f);
	emit_u8(&x->e, 0x31);
}

/* rdtscp; mov ecx, [r15+tsc_aux] */
static void lower_rdtscp(struct xlate *x)
{
	struct hmem aux = CPU_MEM(tsc_aux);
	u32 f = x->mode->flags;

	if (f & XM_TSC_HELPER || (f & XM_TSD && x->mode->cpl > 0)) {
		x_helper(x, false);
		return;
	}
	emit_u8(&x->e, 0x0f);
	emit_u8(&x->e, 0x01);
	emit_u8(&x->e, 0xf9);
	emit_mov_rm(&x->e, 4, H_RCX, &aux);
}

/* mov r, [r15+crN] */
static void lower_mov_from_cr(struct xlate *x)
{
	static const u16 off[] = { [0] = offsetof(struct cpu, cr0),
				   [2] = offsetof(struct cpu, cr2),
				   [3] = offsetof(struct cpu, cr3),
				   [4] = offsetof(struct cpu, cr4) };
	unsigned cr = x->insn->reg;
	struct hmem m;

	if (cr >= ARRAY_SIZE(off) || !off[cr] || x->mode->flags & XM_VM) {
		x_helper(x, false);
		return;
	}
	m = cpu_field(off[cr] + (XLATE_FAULT(CPU_READ) ? 8 : 0));
	emit_mov_rm(&x->e, 4, reg_host(x, x->insn->rm), &m);
}

/* mov r/m, sreg: a register is zero-extended, memory gets 16 bits */
static void lower_mov_from_seg(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct hmem sel = SEG_MEM(insn->reg, sel), m;
	struct gmem g;

	if (!insn->has_mem) {
		if (insn->opsize == 2 || XLATE_FAULT(SEG_UPPER))
			emit_mov_rm(&x->e, 2, reg_host(x, insn->rm), &sel);
		else
			emit_movzx_rm(&x->e, 2, reg_host(x, insn->rm), &sel);
		return;
	}
	g = mem_of(insn);
	emit_movzx_rm(&x->e, 2, HR_KEEP, &sel);
	m = mem_operand(x, &g, 2, ACC_WRITE);
	emit_mov_mr(&x->e, 2, &m, HR_KEEP);
	mem_commit(x);
}

/*
 * al = CF ? ff : 0, flags kept:
 *	setc al; movzx r8d, al; not r8d; lea r8d, [r8+1]; mov al, r8b
 */
void lower_salc(struct xlate *x)
{
	struct hmem plus1 = hmem_disp(HR_ADDR, 1);

	emit_u8(&x->e, 0x0f);
	emit_u8(&x->e, 0x92);
	emit_u8(&x->e, 0xc0);
	emit_movzx_rr(&x->e, 1, HR_ADDR, H_RAX);
	emit_not(&x->e, 4, HR_ADDR);
	emit_lea(&x->e, 4, HR_ADDR, &plus1);
	emit_mov_rr(&x->e, 1, H_RAX, HR_ADDR);
}

/* --- what the glue can repeat: conditions (runtime/trans.h) */

static bool trans_is_allowed(const struct xlate *x)
{
	return x->in->transitions && x->mode->flags & XM_PE &&
	       !(x->mode->flags & XM_TF) && !x->mode->drx;
}

/* Stack accesses can be made in the glue: flat, 32 bits wide, direct. */
static bool trans_stack_is_flat(const struct xlate *x)
{
	return x->mode->stack_bits == 32 &&
	       x->mode->segc[SEG_SS] == SEGC_FLAT && !x->helper;
}

/* --- EFLAGS.AC under SMAP */

bool ac_is_tracked(const struct xlate *x)
{
	const struct xmode *m = x->mode;

	return trans_is_allowed(x) && m->flags & XM_SMAP && m->cpl == 0;
}

bool ac_has_changed(const struct xlate *x)
{
	return x->ac != !!(x->mode->flags & XM_AC);
}

/* mov r8d, eip; call GLUE_AC */
void ac_exit(struct xlate *x, u32 eip)
{
	x_mov_eip(x, HR_ADDR, eip);
	x_glue_call(x, GLUE_AC);
	emit_u8(&x->e, 0xcc);
	x->ended = true;
}

/*
 * What follows in the block is translated for the new AC, so nothing else has
 * to know but C and the helper TLB:
 *	mov r8d, [r15+sysflags]; lea r8d, [r8 +- AC]; mov [r15+sysflags], r8d
 *	mov r8, [r15+tlbs_ac+8*AC]; mov [r15+tlb], r8
 */
static void lower_ac(struct xlate *x)
{
	bool on = x->insn->row->op == OP_STAC;
	struct hmem flags = CPU_MEM(sysflags), tlb = CPU_MEM(tlb);
	struct hmem tlbs = CPU_MEM(tlbs_ac[on]);
	struct hmem sum = hmem_disp(HR_ADDR, on ? EFL_AC : -EFL_AC);

	if (!ac_is_tracked(x)) {
		x_helper(x, true);
		return;
	}
	if (x->ac == on)
		return;
	emit_mov_rm(&x->e, 4, HR_ADDR, &flags);
	emit_lea(&x->e, 4, HR_ADDR, &sum);
	emit_mov_mr(&x->e, 4, &flags, HR_ADDR);
	emit_mov_rm(&x->e, 8, HR_ADDR, &tlbs);
	emit_mov_mr(&x->e, 8, &tlb, HR_ADDR);
	x->ac = on;
}

/* mov r14d, [esp]; mov r10d, IF or 0; GLUE_POPF, which changes esp */
static void lower_popf(struct xlate *x)
{
	const struct xmode *m = x->mode;
	struct gmem g = stack_mem(x, 0);
	struct hmem top;

	if (XLATE_FAULT(POPF)) {
		emit_u8(&x->e, 0x9d);
		return;
	}
	if (!trans_is_allowed(x) || x->insn->opsize != 4 ||
	    !trans_stack_is_flat(x) || m->flags & XM_VME) {
		x_helper(x, false);
		return;
	}
	top = mem_operand(x, &g, 4, ACC_READ);
	emit_mov_rm(&x->e, 4, HR_KEEP, &top);
	emit_mov_ri(&x->e, HR_TMP2, m->flags & XM_IF_OK ? EFL_IF : 0);
	x_helper_by(x, GLUE_POPF, false);
}

void lower_system(struct xlate *x)
{
	switch (x->insn->row->op) {
	case OP_CLI:
		lower_cli(x);
		break;
	case OP_STI:
		lower_sti(x);
		break;
	case OP_PUSHF:
		if (x->mode->flags & (XM_VM | XM_VME))
			x_helper(x, false);
		else
			lower_pushf(x);
		break;
	case OP_RDTSC:
		lower_rdtsc(x);
		break;
	case OP_RDTSCP:
		lower_rdtscp(x);
		break;
	case OP_MOV_FROM_CR:
		lower_mov_from_cr(x);
		break;
	case OP_MOV_FROM_SEG:
		lower_mov_from_seg(x);
		break;
	case OP_PUSH_SEG:
		lower_push_seg(x);
		break;
	case OP_STAC:
	case OP_CLAC:
		lower_ac(x);
		break;
	case OP_POPF:
		lower_popf(x);
		break;
	case OP_CLTS:
		x_helper(x, true);
		break;
	default:
		x_helper(x, false);
	}
}

/* --- what the glue can repeat (runtime/trans.h) */

/* mov r14d, vector; mov r10d, return address; GLUE_INT */
static void lower_int(struct xlate *x)
{
	if (x->mode->cpl != 3) {
		x_helper(x, true);
		return;
	}
	emit_mov_ri(&x->e, HR_KEEP, (u8)x->insn->imm);
	x_mov_eip(x, HR_TMP2, x->next);
	x_helper_by(x, GLUE_INT, true);
}

static void lower_iret(struct xlate *x)
{
	bool plain = x->mode->cpl == 0 && x->insn->opsize == 4 &&
		     trans_stack_is_flat(x);

	x_helper_by(x, plain ? GLUE_IRET : GLUE_HELPER, true);
}

/*
 *	movzx r14d, selector
 *	lea r14d, [r14 + register, class, pop]
 *	mov r10d, next; GLUE_SEGLOAD
 * The stack pointer is the glue's to change, as C does it, too.
 * Memory is read through the window or not here: C would read a device twice.
 */
static void lower_seg_load(struct xlate *x)
{
	const struct insn *insn = x->insn;
	bool pop = insn->row->op == OP_POP_SEG;
	unsigned seg = insn->reg;
	struct hmem what;

	if (seg > SEG_GS || seg == SEG_CS || seg == SEG_SS ||
	    ac_has_changed(x) ||
	    (pop && !trans_stack_is_flat(x)) ||
	    ((pop || insn->has_mem) &&
	     !mem_is_direct(x, pop ? SEG_SS : insn->seg, ACC_READ))) {
		x_helper(x, false);
		return;
	}
	if (pop || insn->has_mem) {
		struct gmem g = pop ? stack_mem(x, 0) : mem_of(insn);
		struct hmem m = mem_operand(x, &g, 2, ACC_READ);

		emit_movzx_rm(&x->e, 2, HR_KEEP, &m);
	} else {
		emit_movzx_rr(&x->e, 2, HR_KEEP, reg_host(x, insn->rm));
	}
	what = hmem_disp(HR_KEEP, (s32)TRANS_LOAD(seg, x->mode->segc[seg],
						  pop ? insn->opsize : 0));
	emit_lea(&x->e, 4, HR_KEEP, &what);
	x_mov_eip(x, HR_TMP2, x->next);
	x_helper_by(x, GLUE_SEGLOAD, false);
}

void lower_helper(struct xlate *x, bool end)
{
	u16 op = x->insn->row->op;

	if (!trans_is_allowed(x)) {
		x_helper(x, end);
		return;
	}
	switch (op) {
	case OP_INT:
		lower_int(x);
		break;
	case OP_IRET:
		lower_iret(x);
		break;
	case OP_SYSENTER:
		x_helper_by(x, x->mode->cpl == 3 ? GLUE_SYSENTER : GLUE_HELPER,
			    true);
		break;
	case OP_SYSEXIT:
		x_helper_by(x, GLUE_SYSEXIT, true);
		break;
	case OP_MOV_TO_SEG:
	case OP_POP_SEG:
		lower_seg_load(x);
		break;
	default:
		x_helper(x, end);
	}
}
