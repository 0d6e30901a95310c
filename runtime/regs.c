// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * regs.c - register access of umbra.h and reset. The vCPU is outside
 * umbra_vcpu_run, on its own thread.
 */
#include <string.h>

#include "engine.h"
#include "sys_impl.h"

static void segment_get(const struct seg *s, struct umbra_segment *u)
{
	*u = (struct umbra_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->sel,
		.type = SEG_ATTR_TYPE(s->attr),
		.present = !!(s->attr & SEG_ATTR_P),
		.dpl = SEG_ATTR_DPL(s->attr),
		.db = !!(s->attr & SEG_ATTR_DB),
		.s = !!(s->attr & SEG_ATTR_S),
		.l = !!(s->attr & SEG_ATTR_L),
		.g = !!(s->attr & SEG_ATTR_G),
		.avl = s->attr >> 12 & 1,
		.unusable = !(s->attr & SEG_ATTR_P),
	};
}

static void segment_set(struct seg *s, const struct umbra_segment *u,
			bool is_stack_or_data)
{
	s->base = (u32)u->base;
	s->limit = u->limit;
	s->sel = u->selector;
	s->attr = (u16)((u->type & 15) | (u->s ? SEG_ATTR_S : 0) |
			(u->dpl & 3) << 5 | (u->present ? SEG_ATTR_P : 0) |
			(u->avl & 1) << 12 | (u->l ? SEG_ATTR_L : 0) |
			(u->db ? SEG_ATTR_DB : 0) | (u->g ? SEG_ATTR_G : 0));
	if (u->unusable)
		s->attr = 0;
	seg_derive(s, is_stack_or_data);
}

/* CPL is SS.DPL in protected mode, 0 in real mode, 3 in vm86. */
static void regs_update_cpl(struct cpu *c)
{
	if (!(c->cr0 & CR0_PE))
		c->cpl = 0;
	else if (cpu_is_vm86(c))
		c->cpl = 3;
	else
		c->cpl = SEG_ATTR_DPL(c->seg[CPU_SS].attr);
}

int umbra_get_regs(struct vcpu *v, struct umbra_regs *r)
{
	const struct cpu *c = &v->cpu;

	*r = (struct umbra_regs){
		.rax = c->gpr[R_AX], .rbx = c->gpr[R_BX],
		.rcx = c->gpr[R_CX], .rdx = c->gpr[R_DX],
		.rsi = c->gpr[R_SI], .rdi = c->gpr[R_DI],
		.rsp = c->gpr[R_SP], .rbp = c->gpr[R_BP],
		.r8 = c->gpr[8],     .r9 = c->gpr[9],
		.r10 = c->gpr[10],   .r11 = c->gpr[11],
		.r12 = c->gpr[12],   .r13 = c->gpr[13],
		.r14 = c->gpr[14],   .r15 = c->gpr[15],
		.rip = c->rip,	     .rflags = cpu_eflags(c),
	};
	return 0;
}

/* Registers of 32-bit guests are 32 bits wide (HAZARDS 7). */
int umbra_set_regs(struct vcpu *v, const struct umbra_regs *r)
{
	struct cpu *c = &v->cpu;
	const u64 in[8] = { r->rax, r->rcx, r->rdx, r->rbx,
			    r->rsp, r->rbp, r->rsi, r->rdi };

	for (unsigned i = 0; i < 8; i++) {
		if (in[i] >> 32)
			return -EINVAL;
	}
	if (r->rip >> 32)
		return -EINVAL;
	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = in[i];
	if (c->rip != r->rip) /* what the old one was about to raise */
		v->exc.pending = false;
	c->rip = r->rip;
	cpu_set_eflags(c, (u32)r->rflags);
	regs_update_cpl(c);
	v->mode_dirty = true;
	return 0;
}

void umbra_unhalt(struct vcpu *v)
{
	v->halted = false;
}

int umbra_get_sregs(struct vcpu *v, struct umbra_sregs *s)
{
	const struct cpu *c = &v->cpu;

	memset(s, 0, sizeof(*s));
	segment_get(&c->seg[CPU_CS], &s->cs);
	segment_get(&c->seg[CPU_DS], &s->ds);
	segment_get(&c->seg[CPU_ES], &s->es);
	segment_get(&c->seg[CPU_FS], &s->fs);
	segment_get(&c->seg[CPU_GS], &s->gs);
	segment_get(&c->seg[CPU_SS], &s->ss);
	segment_get(&c->tr, &s->tr);
	segment_get(&c->ldt, &s->ldt);
	s->gdt.base = c->gdt.base;
	s->gdt.limit = (u16)c->gdt.limit;
	s->idt.base = c->idt.base;
	s->idt.limit = (u16)c->idt.limit;
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = c->cr8;
	s->efer = c->efer;
	return 0;
}

static bool sregs_valid(const struct umbra_sregs *s)
{
	if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
		return false;
	if ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD))
		return false;
	/* Long mode is not there yet. */
	return !(s->efer & (EFER_LME | EFER_LMA)) && !(s->cr0 >> 32) &&
	       !(s->cr3 >> 32) && !(s->cr4 >> 32);
}

int umbra_set_sregs(struct vcpu *v, const struct umbra_sregs *s)
{
	struct cpu *c = &v->cpu;

	if (!sregs_valid(s))
		return -EINVAL;
	segment_set(&c->seg[CPU_CS], &s->cs, true);
	segment_set(&c->seg[CPU_DS], &s->ds, true);
	segment_set(&c->seg[CPU_ES], &s->es, true);
	segment_set(&c->seg[CPU_FS], &s->fs, true);
	segment_set(&c->seg[CPU_GS], &s->gs, true);
	segment_set(&c->seg[CPU_SS], &s->ss, true);
	segment_set(&c->tr, &s->tr, false);
	segment_set(&c->ldt, &s->ldt, false);
	c->gdt.base = (u32)s->gdt.base;
	c->gdt.limit = s->gdt.limit;
	c->idt.base = (u32)s->idt.base;
	c->idt.limit = s->idt.limit;
	c->cr0 = s->cr0 | CR0_ET;
	c->cr2 = (u32)s->cr2;
	c->cr3 = s->cr3;
	c->cr4 = s->cr4;
	c->cr8 = s->cr8;
	c->efer = s->efer;
	regs_update_cpl(c);
	v->mode_dirty = true;
	return vcpu_mmu_update(v, true) ? 0 : -EINVAL;
}

/* Vector state after reset: SDM vol. 3, table 9-1 (FCW 40h, MXCSR 1f80h). */
static void regs_reset_fpu(struct vcpu *v)
{
	u8 *a = v->cpu.xsave_area;

	vcpu_fpu_put(v);
	memset(a, 0, sizeof(v->cpu.xsave_area));
	light_put16(a, 0x40);
	light_put32(a + 24, 0x1f80);
	light_put64(a + 512, XCR0_X87 | XCR0_SSE);
}

/* What an instruction of before the reset has left under way. */
static void regs_reset_engine(struct engine *e)
{
	mmio_forget_reads(e);
	mmio_forget_writes(e);
	e->mmio.want = e->mmio.asked = false;
	e->step_once = false;
}

void umbra_vcpu_reset(struct vcpu *v)
{
	regs_reset_fpu(v);
	sys_reset(v);
	if (v->eng) /* unit tests of the system state have none */
		regs_reset_engine(v->eng);
}
