// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_stack.c - push, pop, pusha, popa, enter and leave in forms that the
 * translator hands over: SDM vol. 2. HAZARDS 9 has the order of events.
 *
 * Runs on light exits.
 */
#include "sys_impl.h"

/* Explicit memory operand, immediate, or register. */
static int push_operand(struct vcpu *v, const struct insn *i, u32 *val)
{
	if (i->row->rowflags & ROW_EMBEDDED) {
		*val = gpr_get(v, i->reg, i->opsize);
		return 0;
	}
	if (!i->has_modrm) {
		*val = (u32)i->imm;
		return 0;
	}
	return rm_read(v, i, i->opsize, val);
}

enum hret sys_push(struct vcpu *v, const struct insn *i)
{
	struct stk s;
	u32 val;

	stk_current(v, &s);
	if (push_operand(v, i, &val) || stk_push(v, &s, i->opsize, val))
		return H_EXC;
	stk_commit_esp(v, &s);
	return H_NEXT;
}

/* The address of a memory destination uses the incremented ESP; a pop into
 * ESP keeps what was popped. */
enum hret sys_pop(struct vcpu *v, const struct insn *i)
{
	u64 old = v->cpu.gpr[R_SP];
	struct stk s;
	u32 val;

	stk_current(v, &s);
	if (stk_pop(v, &s, i->opsize, &val))
		return H_EXC;
	stk_commit_esp(v, &s);
	if (i->row->rowflags & ROW_EMBEDDED) {
		gpr_set(v, i->reg, i->opsize, val);
	} else if (rm_write(v, i, i->opsize, val)) {
		v->cpu.gpr[R_SP] = old;
		return H_EXC;
	}
	return H_NEXT;
}

enum hret sys_pusha(struct vcpu *v, const struct insn *i)
{
	struct stk s;

	stk_current(v, &s);
	for (unsigned r = 0; r < 8; r++) {
		if (stk_push(v, &s, i->opsize, gpr_get(v, r, i->opsize)))
			return H_EXC;
	}
	stk_commit_esp(v, &s);
	return H_NEXT;
}

enum hret sys_popa(struct vcpu *v, const struct insn *i)
{
	u32 val[8];
	struct stk s;

	stk_current(v, &s);
	for (unsigned r = 8; r-- > 0;) {
		if (stk_pop(v, &s, i->opsize, &val[r]))
			return H_EXC;
	}
	for (unsigned r = 0; r < 8; r++) {
		if (r != R_SP)
			gpr_set(v, r, i->opsize, val[r]);
	}
	stk_commit_esp(v, &s);
	return H_NEXT;
}

/* Frame pointers of the enclosing procedures, through the old EBP. */
static int enter_copy_display(struct vcpu *v, const struct insn *i,
			      struct stk *s, unsigned level)
{
	struct stk display;
	u32 ebp = (u32)v->cpu.gpr[R_BP], val;

	stk_current(v, &display);
	for (unsigned k = 1; k < level; k++) {
		ebp -= i->opsize;
		display.esp = ebp;
		if (stk_pop(v, &display, i->opsize, &val) ||
		    stk_push(v, s, i->opsize, val))
			return -1;
	}
	return 0;
}

enum hret sys_enter(struct vcpu *v, const struct insn *i)
{
	unsigned level = i->imm2 & 31;
	struct stk s;
	u32 frame;
	gva_t la;

	stk_current(v, &s);
	if (stk_push(v, &s, i->opsize, gpr_get(v, R_BP, i->opsize)))
		return H_EXC;
	frame = s.esp;
	if (level && (enter_copy_display(v, i, &s, level) ||
		      stk_push(v, &s, i->opsize, frame)))
		return H_EXC;
	stk_add(&s, -(u32)(u16)i->imm);
	/* The new top must be writable: a fault is raised by enter itself. */
	if (seg_check(v, CPU_SS, s.esp & s.mask, 1, MMU_WRITE, &la) ||
	    gmem_probe(v, la, 1, MMU_WRITE, vcpu_priv(v)))
		return H_EXC;
	gpr_set(v, R_BP, s.mask == 0xffff ? 2 : 4, frame);
	stk_commit_esp(v, &s);
	return H_NEXT;
}

enum hret sys_leave(struct vcpu *v, const struct insn *i)
{
	struct stk s;
	u32 val;

	stk_current(v, &s);
	s.esp = (s.esp & ~s.mask) | ((u32)v->cpu.gpr[R_BP] & s.mask);
	if (stk_pop(v, &s, i->opsize, &val))
		return H_EXC;
	stk_commit_esp(v, &s);
	gpr_set(v, R_BP, i->opsize, val);
	return H_NEXT;
}
