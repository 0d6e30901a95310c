/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_stack.c - push, pop and their kin.
 *
 * Order everywhere: memory is touched first, esp changes after, so that a
 * fault leaves the state before the instruction (HAZARDS 9).
 *
 * esp is lazy: a push or pop moves x->sp_off, not the register, and operands
 * off esp add it to their displacement. Each would else wait for the one before
 * it, which processors spare their own stack pointer. An instruction that
 * cannot do so, and the block's end, settle the register first. Side tables
 * record the difference, so faults find the right esp.
 */
#include "xlate_impl.h"

/* [esp + disp], or [sp + disp] on a 16-bit stack */
struct gmem stack_mem(const struct xlate *x, s32 disp)
{
	return (struct gmem){ .base = R_SP, .index = -1, .seg = SEG_SS,
			      .adsize = x->mode->stack_bits / 8,
			      .disp = disp };
}

/* sp = host register base + n, as wide as the stack is */
static void stack_set(struct xlate *x, unsigned base, s32 n)
{
	unsigned sp = reg_host(x, R_SP);
	struct hmem m = hmem_disp(base, n);

	if (x->mode->stack_bits == 16) {
		/* lea r9d, [base+n]; mov sp, r9w */
		emit_lea(&x->e, 4, HR_TMP, &m);
		emit_mov_rr(&x->e, 2, sp, HR_TMP);
	} else if (XLATE_FAULT(FLAGS_ADD)) {
		emit_alu_ri(&x->e, 0, sp, (u32)n);
	} else {
		/* lea esp, [base+n] */
		emit_lea(&x->e, 4, sp, &m);
	}
}

/* As far as operands keep a displacement of one byte. */
#define SP_OFF_MAX 96

void stack_settle(struct xlate *x)
{
	s32 n = x->sp_off;

	if (!n)
		return;
	x->sp_off = 0;
	if (XLATE_FAULT(SP_64)) {
		struct hmem m = hmem_disp(reg_host(x, R_SP), n);

		emit_lea(&x->e, 8, reg_host(x, R_SP), &m);
		return;
	}
	stack_set(x, reg_host(x, R_SP), n);
}

static bool operand_is_esp(const struct insn *insn, u8 kind, unsigned n)
{
	return n == R_SP && insn_opk_size(insn, kind) >= 2;
}

/* Is esp among the register operands? */
static bool names_esp(const struct insn *insn)
{
	const struct oprow *row = insn->row;

	return operand_is_esp(insn, row->reg, insn->reg) ||
	       operand_is_esp(insn, row->vvvv, insn->vvvv) ||
	       (!insn->has_mem && operand_is_esp(insn, row->rm, insn->rm));
}

static bool lazy_class(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_PUSH:
	case OP_CALL:
	case OP_CALL_IND:
	case OP_RET:
	case OP_LEAVE:
	case OP_MOV_MOFFS:
	case OP_NOP_HINT:
	case OP_INC:
	case OP_DEC:
		return true;
	case OP_POP:
		return !insn->has_mem;
	}
	return insn->row->cls == CLS_COPY && insn->row->reach == REACH_PLAIN;
}

bool stack_is_lazy(const struct xlate *x)
{
	const struct insn *insn = x->insn;
	u32 acc = ACC_READ | ACC_WRITE;

	return x->mode->stack_bits == 32 && x->mode->cs_limit == 0xffffffff &&
	       mem_is_direct(x, SEG_SS, acc) &&
	       mem_is_direct(x, insn->seg, acc) && lazy_class(insn) &&
	       !names_esp(insn);
}

void stack_adjust(struct xlate *x, s32 n)
{
	if (x->sp_lazy) {
		x->sp_off += n;
		if (x->sp_off > SP_OFF_MAX || x->sp_off < -SP_OFF_MAX)
			stack_settle(x);
		return;
	}
	stack_set(x, reg_host(x, R_SP), n);
}

/* mov [sp-size], s */
void stack_store(struct xlate *x, unsigned size, unsigned s)
{
	struct gmem g = stack_mem(x, -(s32)size);
	struct hmem m = mem_operand(x, &g, size, ACC_WRITE);

	emit_mov_mr(&x->e, size, &m, s);
}

/* mov d, [sp] */
static void stack_load(struct xlate *x, unsigned size, unsigned d)
{
	struct gmem g = stack_mem(x, 0);
	struct hmem m = mem_operand(x, &g, size, ACC_READ);

	emit_mov_rm(&x->e, size, d, &m);
}

static void push_imm(struct xlate *x)
{
	unsigned size = x->insn->opsize;
	struct gmem g = stack_mem(x, -(s32)size);
	struct hmem m = mem_operand(x, &g, size, ACC_WRITE);

	/* mov [sp-size], imm */
	emit_mov_mi(&x->e, size, &m, x->insn->imm);
}

void lower_push(struct xlate *x)
{
	const struct insn *insn = x->insn;
	unsigned size = insn->opsize;

	if (insn->has_mem) {
		struct gmem g = mem_of(insn);
		struct hmem m = mem_operand(x, &g, size, ACC_READ);

		emit_mov_rm(&x->e, size, HR_KEEP, &m);
		stack_store(x, size, HR_KEEP);
	} else if (insn->has_modrm) {
		stack_store(x, size, reg_host(x, insn->rm));
	} else if (insn->row->rowflags & ROW_EMBEDDED) {
		stack_store(x, size, XLATE_FAULT(PUSH_SCRATCH) ? H_R11 :
						reg_host(x, insn->reg));
	} else {
		push_imm(x);
	}
	stack_adjust(x, -(s32)size);
	mem_commit(x);
}

static void pop_reg(struct xlate *x, unsigned guest)
{
	unsigned size = x->insn->opsize, d = reg_host(x, guest);

	if (guest == R_SP) { /* what was popped wins over the increment */
		stack_load(x, size, HR_KEEP);
		stack_adjust(x, size);
		emit_mov_rr(&x->e, size, d, HR_KEEP);
	} else {
		if (XLATE_FAULT(SP_EARLY)) {
			stack_set(x, reg_host(x, R_SP), size);
			x->sp_off -= size;
			stack_load(x, size, d);
			x->sp_off += size;
			return;
		}
		if (size == 2 && XLATE_FAULT(POP_ZX)) {
			struct gmem g = stack_mem(x, 0);
			struct hmem m = mem_operand(x, &g, size, ACC_READ);

			emit_movzx_rm(&x->e, size, d, &m);
		} else {
			stack_load(x, size, d);
		}
		stack_adjust(x, size);
	}
}

/* The address is computed with esp after the pop (HAZARDS 9). */
static void pop_mem(struct xlate *x)
{
	unsigned size = x->insn->opsize;
	struct gmem g = mem_of(x->insn);
	struct hmem m;

	if (g.base == R_SP)
		g.disp += size;
	stack_load(x, size, HR_KEEP);
	m = mem_operand(x, &g, size, ACC_WRITE);
	emit_mov_mr(&x->e, size, &m, HR_KEEP);
	stack_adjust(x, size);
	mem_commit(x);
}

void lower_pop(struct xlate *x)
{
	const struct insn *insn = x->insn;

	if (insn->has_mem)
		pop_mem(x);
	else if (insn->has_modrm)
		pop_reg(x, insn->rm);
	else
		pop_reg(x, insn->reg);
}

/* Lowest address first: the end that is most likely not there. */
void lower_pusha(struct xlate *x)
{
	s32 size = x->insn->opsize;

	if (!mem_is_direct(x, SEG_SS, ACC_WRITE)) {
		x_helper(x, false);
		return;
	}
	for (int r = R_DI; r >= R_AX; r--) {
		struct gmem g = stack_mem(x, -(r + 1) * size);
		struct hmem m = mem_operand(x, &g, size, ACC_WRITE);

		/* mov [sp - (r+1)*size], r */
		emit_mov_mr(&x->e, size, &m, reg_host(x, r));
	}
	stack_adjust(x, -8 * size);
}

/*
 * Everything is read before the first register changes, upwards: a fault is
 * that of the first word that is not there.
 */
void lower_popa(struct xlate *x)
{
	s32 size = x->insn->opsize;

	if (!mem_is_direct(x, SEG_SS, ACC_READ)) {
		x_helper(x, false);
		return;
	}
	for (int i = 0; i < 8; i++) {
		struct gmem g = stack_mem(x, i * size);
		struct hmem m = mem_operand(x, &g, size, ACC_READ);

		emit_mov_rm(&x->e, size, HR_KEEP, &m);
	}
	for (int r = R_DI; r >= R_AX; r--) {
		struct gmem g = stack_mem(x, (R_DI - r) * size);
		struct hmem m;

		if (r == R_SP)
			continue;
		m = mem_operand(x, &g, size, ACC_READ);
		emit_mov_rm(&x->e, size, reg_host(x, r), &m);
	}
	stack_adjust(x, 8 * size);
}

/* mov r14, [ebp]; lea esp, [ebp+size]; mov ebp, r14 */
void lower_leave(struct xlate *x)
{
	unsigned size = x->insn->opsize;
	struct gmem g = stack_mem(x, 0);
	struct hmem m;

	g.base = R_BP;
	m = mem_operand(x, &g, size, ACC_READ);
	emit_mov_rm(&x->e, size, HR_KEEP, &m);
	stack_set(x, reg_host(x, R_BP), size);
	x->sp_off = 0;
	emit_mov_rr(&x->e, size, reg_host(x, R_BP), HR_KEEP);
}

/*
 * A selector is written as 16 bits even where esp moves by four, as current
 * processors do (SDM vol. 2, PUSH).
 */
void lower_push_seg(struct xlate *x)
{
	s32 size = x->insn->opsize;
	struct gmem g = stack_mem(x, -size);
	struct hmem sel = SEG_MEM(x->insn->reg, sel), m;

	/* movzx r14d, word [r15+sel]; mov [sp-size], r14w */
	emit_movzx_rm(&x->e, 2, HR_KEEP, &sel);
	m = mem_operand(x, &g, 2, ACC_WRITE);
	emit_mov_mr(&x->e, 2, &m, HR_KEEP);
	stack_adjust(x, -size);
	mem_commit(x);
}

/*
 * EFLAGS in r14d, flags kept:
 *	mov r14d, eax; lahf; seto al		 rax is borrowed
 *	r9d = OF << 2 | DF << 1 | IF, by lea
 *	shl r9d, 9
 *	or with ah, with sysflags but VM and RF
 *	add al, 0x7f; sahf			 flags are back
 *	mov eax, r14d; mov r14d, r9d
 */
static void eflags_compose(struct xlate *x)
{
	struct emit *e = &x->e;
	struct hmem df = CPU_MEM(df), iflag = CPU_MEM(iflag);
	struct hmem sysflags = CPU_MEM(sysflags);
	struct hmem step = hmem_index(HR_TMP2, HR_TMP, 1, 0);

	emit_mov_rr(e, 4, HR_KEEP, H_RAX);
	x_site(x, SITE_BORROWED, R_AX, HR_KEEP, false);
	emit_u8(e, 0x9f); /* lahf */
	emit_u8(e, 0x0f); /* seto al */
	emit_u8(e, 0x90);
	emit_u8(e, 0xc0);
	emit_movzx_rr(e, 1, HR_TMP, H_RAX);
	emit_movzx_rm(e, 1, HR_TMP2, &df);
	emit_lea(e, 4, HR_TMP, &step);
	emit_movzx_rm(e, 1, HR_TMP2, &iflag);
	emit_lea(e, 4, HR_TMP, &step);
	emit_shift_ri(e, 4, HR_TMP, 9);
	emit_mov_rr(e, 4, HR_TMP2, H_RAX);
	emit_shift_ri(e, 5, HR_TMP2, 8);
	emit_movzx_rr(e, 1, HR_TMP2, HR_TMP2);
	emit_alu_rr(e, 0x09, HR_TMP, HR_TMP2);
	emit_mov_rm(e, 4, HR_TMP2, &sysflags);
	emit_alu_ri(e, 4, HR_TMP2, ~(EFL_VM | EFL_RF));
	emit_alu_rr(e, 0x09, HR_TMP, HR_TMP2);
	emit_u8(e, 0x04); /* add al, 0x7f */
	emit_u8(e, 0x7f);
	if (!XLATE_FAULT(PUSHF_FLAGS))
		emit_u8(e, 0x9e); /* sahf */
	if (!XLATE_FAULT(PUSHF_RAX))
		emit_mov_rr(e, 4, H_RAX, HR_KEEP);
	x_site(x, SITE_PLAIN, 0, 0, false);
	emit_mov_rr(e, 4, HR_KEEP, HR_TMP);
}

void lower_pushf(struct xlate *x)
{
	unsigned size = x->insn->opsize;

	eflags_compose(x);
	stack_store(x, size, HR_KEEP);
	stack_adjust(x, -(s32)size);
	mem_commit(x);
}
