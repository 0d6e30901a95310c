// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_int.c - software interrupts, bound, and the instructions that change
 * EFLAGS' system bits: SDM vol. 2, INT n, BOUND, CLI, STI, PUSHF, POPF, HLT.
 *
 * Runs on light exits.
 */
#include "probe.h"
#include "sys_impl.h"

void eflags_load(struct vcpu *v, u32 flags, u32 mask)
{
	eflags_set(v, (cpu_eflags(&v->cpu) & ~mask) | (flags & mask));
}

void eflags_set(struct vcpu *v, u32 flags)
{
	const u32 mode = EFL_TF | EFL_AC | EFL_VM | EFL_IOPL | EFL_RF;
	u32 old = v->cpu.sysflags;

	cpu_set_eflags(&v->cpu, flags);
	if ((old ^ v->cpu.sysflags) & mode)
		v->mode_dirty = true;
}

/* --- software interrupts */

static enum hret int_soft(struct vcpu *v, unsigned vector,
			  const struct insn *i)
{
	exc_raise(v, vector);
	v->exc.soft = true;
	v->exc.len = i->len;
	return H_EXC;
}

enum hret sys_int(struct vcpu *v, const struct insn *i)
{
	if (cpu_is_vm86(&v->cpu))
		return vm86_int(v, i);
	if (probe_on(v, UMBRA_EVENT_SYSCALL) && v->cpu.cpl == 3)
		probe_syscall(v, (u8)i->imm);
	return int_soft(v, (u8)i->imm, i);
}

enum hret sys_int3(struct vcpu *v, const struct insn *i)
{
	return int_soft(v, VEC_BP, i);
}

enum hret sys_into(struct vcpu *v, const struct insn *i)
{
	if (!v->cpu.flags_of)
		return H_NEXT;
	return int_soft(v, VEC_OF, i);
}

/* A trap: DR6 is not changed, the DPL is not checked. */
enum hret sys_int1(struct vcpu *v, const struct insn *i)
{
	exc_raise(v, VEC_DB);
	v->exc.icebp = true;
	v->exc.len = i->len;
	return H_EXC;
}

enum hret sys_bound(struct vcpu *v, const struct insn *i)
{
	unsigned size = i->opsize;
	s32 index, lo, hi;
	u8 b[8];

	if (mem_read(v, i, b, 2 * size))
		return H_EXC;
	if (size == 2) {
		index = (s16)gpr_get(v, i->reg, 2);
		lo = (s16)light_get16(b);
		hi = (s16)light_get16(b + 2);
	} else {
		index = (s32)gpr_get(v, i->reg, 4);
		lo = (s32)light_get32(b);
		hi = (s32)light_get32(b + 4);
	}
	if (index < lo || index > hi)
		return exc_raise(v, VEC_BR);
	return H_NEXT;
}

/* --- EFLAGS */

static bool int_may_change_if(const struct cpu *c)
{
	if (!(c->cr0 & CR0_PE))
		return true;
	if (cpu_is_vm86(c))
		return cpu_iopl(c) == 3;
	return c->cpl <= cpu_iopl(c);
}

enum hret sys_cli(struct vcpu *v, const struct insn *i)
{
	(void)i;
	if (!int_may_change_if(&v->cpu))
		return virt_cli(v);
	v->cpu.iflag = 0;
	return H_NEXT;
}

/* The instruction after sti still runs before an interrupt, if IF was 0. */
enum hret sys_sti(struct vcpu *v, const struct insn *i)
{
	struct cpu *c = &v->cpu;

	if (!int_may_change_if(c)) {
		enum hret r = virt_sti(v);

		return r == H_NEXT ? sys_end(v, i) : r;
	}
	if (!c->iflag) {
		c->iflag = 1;
		v->inhibit = true;
		v->inhibit_rip = insn_next(v, i);
	}
	return sys_end(v, i);
}

enum hret sys_pushf(struct vcpu *v, const struct insn *i)
{
	struct stk s;

	if (cpu_is_vm86(&v->cpu))
		return vm86_pushf(v, i);
	stk_current(v, &s);
	if (stk_push(v, &s, i->opsize,
		     cpu_eflags(&v->cpu) & ~(EFL_VM | EFL_RF)))
		return H_EXC;
	stk_commit_esp(v, &s);
	return H_NEXT;
}

enum hret sys_popf(struct vcpu *v, const struct insn *i)
{
	struct cpu *c = &v->cpu;
	u32 f, mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;
	struct stk s;

	if (cpu_is_vm86(c))
		return vm86_popf(v, i);
	stk_current(v, &s);
	if (stk_pop(v, &s, i->opsize, &f))
		return H_EXC;
	if (c->cpl == 0)
		mask |= EFL_IOPL;
	if (c->cpl <= cpu_iopl(c))
		mask |= EFL_IF;
	if (i->opsize == 4)
		mask |= EFL_AC | EFL_ID | EFL_RF;
	stk_commit_esp(v, &s);
	eflags_load(v, f & ~EFL_RF, mask);
	return H_NEXT;
}

enum hret sys_hlt(struct vcpu *v, const struct insn *i)
{
	if (v->cpu.cpl)
		return exc_gp(v, 0);
	v->halted = true;
	return sys_end(v, i);
}

/* Real mode is CPL 0, V86 mode CPL 3: SDM vol. 2, STAC. */
static enum hret int_set_ac(struct vcpu *v, u32 on)
{
	if (!sys_has(v, FEAT_SMAP) || v->cpu.cpl)
		return exc_raise(v, VEC_UD);
	eflags_load(v, on, EFL_AC);
	return H_NEXT;
}

enum hret sys_stac(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return int_set_ac(v, EFL_AC);
}

enum hret sys_clac(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return int_set_ac(v, 0);
}
