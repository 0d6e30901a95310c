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
	return vector_gate(x->mode->flags, row->gate);
}

static bool if_is_inline(const struct xlate *x)
{
	return x->mode->flags & XM_IF_OK && !(x->mode->flags & XM_VME);
}

/* mov byte [r15+iflag], 0 */
static void lower_cli(struct xlate *x)
{
	struct hmem m = CPU_MEM(iflag);

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
 * unless sti is the block's last: then C marks the shadow.
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
	if (x->cur + 1 == x->out->ninsns) {
		x_helper(x, true);
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
	m = cpu_field(off[cr]);
	emit_mov_rm(&x->e, 4, reg_host(x, x->insn->rm), &m);
}

/* mov r/m, sreg: a register is zero-extended, memory gets 16 bits */
static void lower_mov_from_seg(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct hmem sel = SEG_MEM(insn->reg, sel), m;
	struct gmem g;

	if (!insn->has_mem) {
		if (insn->opsize == 2)
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
	case OP_CLTS:
		x_helper(x, true);
		break;
	default:
		x_helper(x, false);
	}
}
