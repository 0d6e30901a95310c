// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_vm86.c - IOPL-sensitive instructions in vm86 and the virtual interrupt
 * flag of VME and PVI: SDM vol. 3, 20.2 to 20.4; vol. 2, INT, IRET, PUSHF,
 * POPF, CLI, STI.
 *
 * Called by sys_int.c and far.c when EFLAGS.VM is set (virt_* also for PVI).
 * Runs on light exits.
 */
#include "sys_impl.h"

static bool vm86_has_vme(const struct vcpu *v)
{
	return v->cpu.cr4 & CR4_VME;
}

/* Whether the TSS's redirection bitmap, 32 bytes below the I/O bitmap, sends
 * INT n to the program's own vectors (bit clear). 0 or -1. */
static int vm86_redirects(struct vcpu *v, unsigned vector, bool *redirect)
{
	const struct seg *tr = &v->cpu.tr;
	u32 off;
	u16 iomap;
	u8 byte;

	*redirect = false;
	if (!(tr->attr & SEG_ATTR_P) || !(tr->attr & 8) || tr->limit < 103)
		return 0;
	if (gmem_read(v, (u32)(tr->base + 102), &iomap, 2, MMU_IMPLICIT))
		return -1;
	off = iomap - 32u + vector / 8;
	if (iomap < 32 || off > tr->limit)
		return sys_fail(v, VEC_GP, 0);
	if (gmem_read(v, (u32)(tr->base + off), &byte, 1, MMU_IMPLICIT))
		return -1;
	*redirect = !(byte & (1u << (vector & 7)));
	return 0;
}

static enum hret vm86_soft(struct vcpu *v, unsigned vector, unsigned len)
{
	exc_raise(v, vector);
	v->exc.soft = true;
	v->exc.len = (u8)len;
	return H_EXC;
}

enum hret vm86_int(struct vcpu *v, const struct insn *i)
{
	unsigned vector = (u8)i->imm;
	bool redirect = false;

	if (vm86_has_vme(v) && vm86_redirects(v, vector, &redirect))
		return H_EXC;
	if (redirect)
		return exc_redirect_vm86(v, vector, insn_next(v, i)) ? H_EXC :
								       H_END;
	if (cpu_iopl(&v->cpu) < 3)
		return exc_gp(v, 0);
	return vm86_soft(v, vector, i->len);
}

/* FLAGS as a vm86 program with a virtual IF sees them. */
static u32 vm86_virtual_flags(const struct vcpu *v)
{
	u32 f = cpu_eflags(&v->cpu) & ~EFL_IF;

	if (f & EFL_VIF)
		f |= EFL_IF;
	return f | EFL_IOPL;
}

enum hret vm86_pushf(struct vcpu *v, const struct insn *i)
{
	u32 f = cpu_eflags(&v->cpu) & ~(EFL_VM | EFL_RF);
	struct stk s;

	if (cpu_iopl(&v->cpu) < 3) {
		if (!vm86_has_vme(v) || i->opsize != 2)
			return exc_gp(v, 0);
		f = vm86_virtual_flags(v);
	}
	stk_current(v, &s);
	if (stk_push(v, &s, i->opsize, f))
		return H_EXC;
	stk_commit_esp(v, &s);
	return H_NEXT;
}

/* 16-bit FLAGS loaded with IF going to VIF; false: #GP(0). */
static bool vm86_load_virtual(struct vcpu *v, u32 flags)
{
	if ((flags & EFL_TF) ||
	    ((flags & EFL_IF) && (v->cpu.sysflags & EFL_VIP)))
		return false;
	if (flags & EFL_IF)
		flags |= EFL_VIF;
	eflags_load(v, flags,
		    EFL_ARITH | EFL_TF | EFL_DF | EFL_NT | EFL_VIF);
	return true;
}

/* Flags that popf and iret may change in vm86 at IOPL 3. */
static u32 vm86_mask(unsigned size)
{
	u32 mask = EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_NT;

	return size == 4 ? mask | EFL_AC | EFL_ID | EFL_RF : mask;
}

enum hret vm86_popf(struct vcpu *v, const struct insn *i)
{
	bool virtual = cpu_iopl(&v->cpu) < 3;
	struct stk s;
	u32 f;

	if (virtual && (!vm86_has_vme(v) || i->opsize != 2))
		return exc_gp(v, 0);
	stk_current(v, &s);
	if (stk_pop(v, &s, i->opsize, &f))
		return H_EXC;
	if (!virtual)
		eflags_load(v, f & ~EFL_RF, vm86_mask(i->opsize));
	else if (!vm86_load_virtual(v, f & 0xffff))
		return exc_gp(v, 0);
	stk_commit_esp(v, &s);
	return sys_end(v, i);
}

enum hret vm86_iret(struct vcpu *v, unsigned size)
{
	bool virtual = cpu_iopl(&v->cpu) < 3;
	u32 eip, sel, f;
	struct stk s;
	struct seg cs;

	if (virtual && (!vm86_has_vme(v) || size != 2))
		return exc_gp(v, 0);
	stk_current(v, &s);
	if (stk_pop(v, &s, size, &eip) || stk_pop(v, &s, size, &sel) ||
	    stk_pop(v, &s, size, &f))
		return H_EXC;
	seg_vm86(&cs, (u16)sel);
	if (eip > cs.limit)
		return exc_gp(v, 0);
	if (!virtual)
		eflags_load(v, f, vm86_mask(size));
	else if (!vm86_load_virtual(v, f & 0xffff))
		return exc_gp(v, 0);
	stk_commit_esp(v, &s);
	seg_set_cs(v, &cs, eip, 3);
	return H_END;
}

/* CLI and STI where they act on VIF, or are #GP(0). */
static bool virt_applies(const struct vcpu *v)
{
	const struct cpu *c = &v->cpu;

	if (cpu_is_vm86(c))
		return c->cr4 & CR4_VME;
	return c->cpl == 3 && (c->cr4 & CR4_PVI);
}

enum hret virt_cli(struct vcpu *v)
{
	if (!virt_applies(v))
		return exc_gp(v, 0);
	v->cpu.sysflags &= ~EFL_VIF;
	return H_NEXT;
}

enum hret virt_sti(struct vcpu *v)
{
	if (!virt_applies(v) || (v->cpu.sysflags & EFL_VIP))
		return exc_gp(v, 0);
	v->cpu.sysflags |= EFL_VIF;
	return H_NEXT;
}
