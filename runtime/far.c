// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * far.c - far jumps, calls and returns, iret, sysenter and sysexit: SDM vol.
 * 2 (JMP, CALL, RET, IRET, SYSENTER, SYSEXIT), vol. 3, 5.8.
 *
 * Everything is checked and computed first and made current at the end, so
 * that a fault leaves the registers as they were. Runs on light exits.
 */
#include "sys_impl.h"

/* --- code segments */

/* Target of a direct far jump or call: privilege does not change. */
static int far_check_code(struct vcpu *v, u16 sel, struct desc *d,
			  struct seg *cs)
{
	unsigned cpl = v->cpu.cpl;

	if (desc_is_conforming(d)) {
		if (desc_dpl(d) > cpl)
			return sys_fail(v, VEC_GP, SEL_ERR(sel));
	} else if ((sel & SEL_RPL) > cpl || desc_dpl(d) != cpl) {
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	}
	if (!desc_is_present(d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	if (desc_set_accessed(v, d))
		return -1;
	seg_from_desc(cs, d, (u16)((sel & ~SEL_RPL) | cpl));
	return 0;
}

static int far_check_eip(struct vcpu *v, const struct seg *cs, u32 eip)
{
	return eip > cs->limit ? sys_fail(v, VEC_GP, 0) : 0;
}

static u32 far_truncate(u32 off, unsigned size)
{
	return size == 2 ? off & 0xffff : off;
}

/* CS of real mode or vm86 for sel. */
static int far_8086_cs(struct vcpu *v, u16 sel, u32 eip, struct seg *cs)
{
	*cs = v->cpu.seg[CPU_CS];
	seg_load_8086(v, cs, sel);
	return far_check_eip(v, cs, eip);
}

/* --- gates that jumps and calls may name */

/* Privilege and presence of a call gate, task gate or TSS. */
static int far_check_gate(struct vcpu *v, u16 sel, const struct desc *d)
{
	if (desc_dpl(d) < v->cpu.cpl || desc_dpl(d) < (sel & SEL_RPL))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (!desc_is_present(d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	return 0;
}

static int far_task(struct vcpu *v, u16 sel, struct desc *d,
		    enum task_kind kind, u32 next)
{
	if ((sel & SEL_TI) || !desc_is_tss_available(d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (!desc_is_present(d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	return task_switch(v, sel, d, kind, next, NULL);
}

static int far_task_gate(struct vcpu *v, const struct desc *gate,
			 enum task_kind kind, u32 next)
{
	u16 sel = gate_sel(gate);
	struct desc d;

	if (SEL_NULL(sel) || (sel & SEL_TI))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (desc_read(v, sel, &d, VEC_GP, 0))
		return -1;
	return far_task(v, sel, &d, kind, next);
}

/* Code segment that a call gate leads to. */
static int far_gate_code(struct vcpu *v, const struct desc *gate,
			 struct desc *d)
{
	u16 sel = gate_sel(gate);

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_GP, 0);
	if (desc_read(v, sel, d, VEC_GP, 0))
		return -1;
	if (!desc_is_code(d) || desc_dpl(d) > v->cpu.cpl)
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (!desc_is_present(d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	return 0;
}

/* --- jmp */

static int far_jmp_gate(struct vcpu *v, const struct desc *gate)
{
	unsigned cpl = v->cpu.cpl;
	u32 eip = gate_offset(gate);
	struct desc d;
	struct seg cs;

	if (far_gate_code(v, gate, &d))
		return -1;
	if (!desc_is_conforming(&d) && desc_dpl(&d) != cpl)
		return sys_fail(v, VEC_GP, SEL_ERR(gate_sel(gate)));
	if (desc_set_accessed(v, &d))
		return -1;
	seg_from_desc(&cs, &d, (u16)((gate_sel(gate) & ~SEL_RPL) | cpl));
	if (far_check_eip(v, &cs, eip))
		return -1;
	seg_set_cs(v, &cs, eip, cpl);
	return 0;
}

static int far_jmp_system(struct vcpu *v, u16 sel, struct desc *d, u32 next)
{
	unsigned type = desc_type(d);

	if (type != DT_CALL16 && type != DT_CALL32 && type != DT_TASK_GATE &&
	    !desc_is_tss_available(d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (far_check_gate(v, sel, d))
		return -1;
	if (type == DT_TASK_GATE)
		return far_task_gate(v, d, TASK_JMP, next);
	if (desc_is_tss_available(d))
		return far_task(v, sel, d, TASK_JMP, next);
	return far_jmp_gate(v, d);
}

static int far_jmp_protected(struct vcpu *v, u16 sel, u32 off, u32 next)
{
	struct desc d;
	struct seg cs;

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_GP, 0);
	if (desc_read(v, sel, &d, VEC_GP, 0))
		return -1;
	if (desc_is_system(&d))
		return far_jmp_system(v, sel, &d, next);
	if (!desc_is_code(&d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (far_check_code(v, sel, &d, &cs) || far_check_eip(v, &cs, off))
		return -1;
	seg_set_cs(v, &cs, off, v->cpu.cpl);
	return 0;
}

enum hret far_jmp(struct vcpu *v, u16 sel, u32 off, unsigned size, u32 next)
{
	struct seg cs;

	off = far_truncate(off, size);
	if (cpu_is_protected(&v->cpu))
		return far_jmp_protected(v, sel, off, next) ? H_EXC : H_END;
	if (far_8086_cs(v, sel, off, &cs))
		return H_EXC;
	seg_set_cs(v, &cs, off, v->cpu.cpl);
	return H_END;
}

/* --- call */

static int far_push_return(struct vcpu *v, struct stk *s, unsigned size,
			   u32 next)
{
	if (stk_push(v, s, size, v->cpu.seg[CPU_CS].sel) ||
	    stk_push(v, s, size, next))
		return -1;
	return 0;
}

/* The gate's parameters, from the old stack in their order to the new. */
static int far_copy_params(struct vcpu *v, struct stk *s, unsigned size,
			   unsigned count)
{
	u32 param[31];
	struct stk old;

	stk_current(v, &old);
	for (unsigned i = 0; i < count; i++) {
		if (stk_pop(v, &old, size, &param[i]))
			return -1;
	}
	while (count--) {
		if (stk_push(v, s, size, param[count]))
			return -1;
	}
	return 0;
}

static int far_call_inner(struct vcpu *v, const struct desc *gate,
			  const struct seg *cs, unsigned cpl, u32 next)
{
	unsigned size = desc_type(gate) & 8 ? 4 : 2;
	u32 eip = gate_offset(gate);
	struct cpu *c = &v->cpu;
	struct stk s;

	if (tss_stack(v, cpl, 0, &s))
		return -1;
	if (stk_push(v, &s, size, c->seg[CPU_SS].sel) ||
	    stk_push(v, &s, size, (u32)c->gpr[R_SP]) ||
	    far_copy_params(v, &s, size, gate->hi & 31) ||
	    far_push_return(v, &s, size, next) || far_check_eip(v, cs, eip))
		return -1;
	s.ss.sel = (u16)((s.ss.sel & ~SEL_RPL) | cpl);
	c->seg[CPU_SS] = s.ss;
	stk_commit_esp(v, &s);
	seg_set_cs(v, cs, eip, cpl);
	return 0;
}

static int far_call_same(struct vcpu *v, const struct seg *cs, u32 eip,
			 unsigned size, u32 next)
{
	struct stk s;

	stk_current(v, &s);
	if (far_push_return(v, &s, size, next) || far_check_eip(v, cs, eip))
		return -1;
	stk_commit_esp(v, &s);
	seg_set_cs(v, cs, eip, v->cpu.cpl);
	return 0;
}

static int far_call_gate(struct vcpu *v, const struct desc *gate, u32 next)
{
	unsigned cpl = v->cpu.cpl;
	struct desc d;
	struct seg cs;
	bool inner;

	if (far_gate_code(v, gate, &d) || desc_set_accessed(v, &d))
		return -1;
	inner = !desc_is_conforming(&d) && desc_dpl(&d) < cpl;
	if (inner)
		cpl = desc_dpl(&d);
	seg_from_desc(&cs, &d, (u16)((gate_sel(gate) & ~SEL_RPL) | cpl));
	if (inner)
		return far_call_inner(v, gate, &cs, cpl, next);
	return far_call_same(v, &cs, gate_offset(gate),
			     desc_type(gate) & 8 ? 4 : 2, next);
}

static int far_call_system(struct vcpu *v, u16 sel, struct desc *d, u32 next)
{
	unsigned type = desc_type(d);

	if (type != DT_CALL16 && type != DT_CALL32 && type != DT_TASK_GATE &&
	    !desc_is_tss_available(d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (far_check_gate(v, sel, d))
		return -1;
	if (type == DT_TASK_GATE)
		return far_task_gate(v, d, TASK_CALL, next);
	if (desc_is_tss_available(d))
		return far_task(v, sel, d, TASK_CALL, next);
	return far_call_gate(v, d, next);
}

static int far_call_protected(struct vcpu *v, u16 sel, u32 off, unsigned size,
			      u32 next)
{
	struct desc d;
	struct seg cs;

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_GP, 0);
	if (desc_read(v, sel, &d, VEC_GP, 0))
		return -1;
	if (desc_is_system(&d))
		return far_call_system(v, sel, &d, next);
	if (!desc_is_code(&d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (far_check_code(v, sel, &d, &cs))
		return -1;
	return far_call_same(v, &cs, off, size, next);
}

enum hret far_call(struct vcpu *v, u16 sel, u32 off, unsigned size, u32 next)
{
	struct seg cs;

	off = far_truncate(off, size);
	if (cpu_is_protected(&v->cpu))
		return far_call_protected(v, sel, off, size, next) ? H_EXC :
								     H_END;
	if (far_8086_cs(v, sel, off, &cs) ||
	    far_call_same(v, &cs, off, size, next))
		return H_EXC;
	return H_END;
}

/* --- returns */

/* Code segment of a far return or iret to sel (its RPL is the new CPL). */
static int far_return_code(struct vcpu *v, u16 sel, struct seg *cs)
{
	unsigned rpl = sel & SEL_RPL;
	struct desc d;

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_GP, 0);
	if (desc_read(v, sel, &d, VEC_GP, 0))
		return -1;
	if (rpl < v->cpu.cpl || !desc_is_code(&d) ||
	    (desc_is_conforming(&d) ? desc_dpl(&d) > rpl :
				      desc_dpl(&d) != rpl))
		return sys_fail(v, VEC_GP, SEL_ERR(sel));
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	if (desc_set_accessed(v, &d))
		return -1;
	seg_from_desc(cs, &d, sel);
	return 0;
}

/* On return to an outer level: segments it may not use become null. */
static void far_drop_segments(struct vcpu *v, unsigned cpl)
{
	static const u8 which[] = { CPU_ES, CPU_DS, CPU_FS, CPU_GS };
	struct cpu *c = &v->cpu;

	for (unsigned i = 0; i < ARRAY_SIZE(which); i++) {
		struct seg *s = &c->seg[which[i]];
		bool conforming = (s->attr & SEG_ATTR_CODE) &&
				  (s->attr & SEG_ATTR_E);

		if (!SEL_NULL(s->sel) && !conforming &&
		    SEG_ATTR_DPL(s->attr) < cpl)
			seg_null(s, 0);
	}
}

/* The caller's stack, popped from s, becomes current at level cpl. */
static int far_return_outer(struct vcpu *v, struct stk *s, unsigned size,
			    u32 imm, unsigned cpl)
{
	struct selctx x = { .vec = VEC_GP, .cpl = (u8)cpl };
	struct cpu *c = &v->cpu;
	struct seg ss;
	u32 esp, sel;
	struct stk out;

	if (stk_pop(v, s, size, &esp) || stk_pop(v, s, size, &sel) ||
	    seg_check_stack_sel(v, (u16)sel, &x, &ss))
		return -1;
	stk_switched(&out, &ss, esp, cpl, 0);
	/* A 16-bit stack takes only SP; the rest of ESP stays. */
	if (out.mask == 0xffff)
		out.esp = ((u32)c->gpr[R_SP] & 0xffff0000) | (esp & 0xffff);
	stk_add(&out, imm);
	c->seg[CPU_SS] = ss;
	c->gpr[R_SP] = out.esp;
	return 0;
}

static int far_ret_protected(struct vcpu *v, struct stk *s, u32 eip, u16 sel,
			     u32 imm, unsigned size)
{
	unsigned cpl = sel & SEL_RPL;
	struct seg cs;

	if (far_return_code(v, sel, &cs) || far_check_eip(v, &cs, eip))
		return -1;
	stk_add(s, imm);
	if (cpl == v->cpu.cpl) {
		stk_commit_esp(v, s);
	} else {
		if (far_return_outer(v, s, size, imm, cpl))
			return -1;
		far_drop_segments(v, cpl);
	}
	seg_set_cs(v, &cs, eip, cpl);
	return 0;
}

enum hret far_ret(struct vcpu *v, u32 imm, unsigned size)
{
	struct stk s;
	struct seg cs;
	u32 eip, sel;

	stk_current(v, &s);
	if (stk_pop(v, &s, size, &eip) || stk_pop(v, &s, size, &sel))
		return H_EXC;
	if (cpu_is_protected(&v->cpu))
		return far_ret_protected(v, &s, eip, (u16)sel, imm, size) ?
			       H_EXC : H_END;
	if (far_8086_cs(v, (u16)sel, eip, &cs))
		return H_EXC;
	stk_add(&s, imm);
	stk_commit_esp(v, &s);
	seg_set_cs(v, &cs, eip, v->cpu.cpl);
	return H_END;
}

/* --- iret */

/* Flags that iret loads at the CPL it runs at (not VM). */
static u32 iret_mask(const struct cpu *c, unsigned size)
{
	u32 mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;

	if (size == 4)
		mask |= EFL_RF | EFL_AC | EFL_ID;
	if (c->cpl <= cpu_iopl(c))
		mask |= EFL_IF;
	if (c->cpl == 0)
		mask |= EFL_IOPL;
	if (c->cpl == 0 && size == 4)
		mask |= EFL_VIF | EFL_VIP;
	return mask;
}

static int iret_to_vm86(struct vcpu *v, struct stk *s, u32 eip, u16 sel,
			u32 flags)
{
	static const u8 order[] = { CPU_ES, CPU_DS, CPU_FS, CPU_GS };
	struct cpu *c = &v->cpu;
	u32 esp, ss, data[4];
	struct seg cs;

	if (stk_pop(v, s, 4, &esp) || stk_pop(v, s, 4, &ss))
		return -1;
	for (unsigned i = 0; i < 4; i++) {
		if (stk_pop(v, s, 4, &data[i]))
			return -1;
	}
	seg_vm86(&cs, sel);
	if (far_check_eip(v, &cs, eip))
		return -1;
	for (unsigned i = 0; i < 4; i++)
		seg_vm86(&c->seg[order[i]], (u16)data[i]);
	seg_vm86(&c->seg[CPU_SS], (u16)ss);
	c->gpr[R_SP] = esp;
	eflags_set(v, flags);
	seg_set_cs(v, &cs, eip, 3);
	return 0;
}

static int iret_task(struct vcpu *v, u32 next)
{
	const struct seg *tr = &v->cpu.tr;
	struct desc d;
	u16 sel;

	if (gmem_read(v, (u32)tr->base, &sel, 2, MMU_IMPLICIT))
		return -1;
	if (SEL_NULL(sel) || (sel & SEL_TI))
		return sys_fail(v, VEC_TS, SEL_ERR(sel));
	if (desc_read(v, sel, &d, VEC_TS, 0))
		return -1;
	if (!desc_is_system(&d) || (desc_type(&d) != DT_TSS16_BUSY &&
				    desc_type(&d) != DT_TSS32_BUSY))
		return sys_fail(v, VEC_TS, SEL_ERR(sel));
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel));
	return task_switch(v, sel, &d, TASK_IRET, next, NULL);
}

static int iret_protected(struct vcpu *v, unsigned size)
{
	struct cpu *c = &v->cpu;
	u32 eip, sel, flags, mask = iret_mask(c, size);
	unsigned cpl;
	struct stk s;
	struct seg cs;

	stk_current(v, &s);
	if (stk_pop(v, &s, size, &eip) || stk_pop(v, &s, size, &sel) ||
	    stk_pop(v, &s, size, &flags))
		return -1;
	if ((flags & EFL_VM) && size == 4 && c->cpl == 0)
		return iret_to_vm86(v, &s, eip, (u16)sel, flags);
	if (far_return_code(v, (u16)sel, &cs) || far_check_eip(v, &cs, eip))
		return -1;
	cpl = sel & SEL_RPL;
	if (cpl == c->cpl) {
		stk_commit_esp(v, &s);
	} else {
		if (far_return_outer(v, &s, size, 0, cpl))
			return -1;
		far_drop_segments(v, cpl);
	}
	eflags_load(v, flags, mask);
	seg_set_cs(v, &cs, eip, cpl);
	return 0;
}

static int iret_real(struct vcpu *v, unsigned size)
{
	u32 eip, sel, flags;
	u32 mask = EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT;
	struct stk s;
	struct seg cs;

	stk_current(v, &s);
	if (stk_pop(v, &s, size, &eip) || stk_pop(v, &s, size, &sel) ||
	    stk_pop(v, &s, size, &flags) ||
	    far_8086_cs(v, (u16)sel, eip, &cs))
		return -1;
	if (size == 4)
		mask |= EFL_RF | EFL_AC | EFL_ID;
	stk_commit_esp(v, &s);
	eflags_load(v, flags, mask);
	seg_set_cs(v, &cs, eip, v->cpu.cpl);
	return 0;
}

enum hret far_iret(struct vcpu *v, unsigned size, u32 next)
{
	struct cpu *c = &v->cpu;
	int err;

	if (cpu_is_vm86(c)) {
		enum hret r = vm86_iret(v, size);

		if (r != H_EXC)
			v->nmi_masked = false;
		return r;
	}
	if (!(c->cr0 & CR0_PE))
		err = iret_real(v, size);
	else if (c->sysflags & EFL_NT)
		err = iret_task(v, next);
	else
		err = iret_protected(v, size);
	if (err)
		return H_EXC;
	v->nmi_masked = false;
	return H_END;
}

/* --- fast system calls */

enum hret far_sysenter(struct vcpu *v)
{
	struct cpu *c = &v->cpu;
	u16 sel = (u16)(c->sysenter_cs & 0xfffc);
	struct seg cs, ss;

	if (!(c->cr0 & CR0_PE) || !sel)
		return exc_gp(v, 0);
	seg_flat(&cs, sel, true, 0);
	seg_flat(&ss, (u16)(sel + 8), false, 0);
	eflags_load(v, 0, EFL_VM | EFL_IF | EFL_RF);
	c->seg[CPU_SS] = ss;
	c->gpr[R_SP] = (u32)c->sysenter_esp;
	seg_set_cs(v, &cs, (u32)c->sysenter_eip, 0);
	return H_END;
}

enum hret far_sysexit(struct vcpu *v)
{
	struct cpu *c = &v->cpu;
	u16 sel = (u16)(c->sysenter_cs & 0xfffc);
	struct seg cs, ss;

	if (!(c->cr0 & CR0_PE) || !sel || c->cpl != 0)
		return exc_gp(v, 0);
	seg_flat(&cs, (u16)((sel + 16) | 3), true, 3);
	seg_flat(&ss, (u16)((sel + 24) | 3), false, 3);
	c->seg[CPU_SS] = ss;
	c->gpr[R_SP] = (u32)c->gpr[R_CX];
	seg_set_cs(v, &cs, (u32)c->gpr[R_DX], 3);
	return H_END;
}
