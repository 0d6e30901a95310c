// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * exc.c - delivery of exceptions and interrupts: SDM vol. 3, chapter 6, and
 * 20.3 for vm86; vol. 2, INT n.
 *
 * A delivery that faults leaves the registers as they were; the two events
 * are then combined by table 6-5 and the result is delivered, at most to the
 * triple fault. Runs on light exits.
 */
#include "runtime/log.h"
#include "probe.h"
#include "sys_impl.h"

enum hret exc_raise(struct vcpu *v, unsigned vector)
{
	light_zero(&v->exc, sizeof(v->exc));
	v->exc.pending = true;
	v->exc.vector = (u8)vector;
	return H_EXC;
}

enum hret exc_raise_err(struct vcpu *v, unsigned vector, u32 error)
{
	exc_raise(v, vector);
	v->exc.has_error = true;
	v->exc.error = error;
	return H_EXC;
}

enum hret exc_pf(struct vcpu *v, gva_t cr2, u32 pfec)
{
	exc_raise_err(v, VEC_PF, pfec);
	v->exc.cr2 = cr2;
	return H_EXC;
}

/* One event being delivered. */
struct event {
	u8 vector;
	bool has_error;
	bool dpl_check; /* INT n, INT3, INTO */
	u32 error;
	u32 ext;   /* EXT bit of error codes that arise on the way */
	u32 ret;   /* EIP to push */
	u32 flags; /* EFLAGS to push */
};

/* --- real mode, and vm86 through its own vectors */

static int exc_push_real(struct vcpu *v, struct stk *s, u32 flags, u32 ret)
{
	if (stk_push(v, s, 2, flags) ||
	    stk_push(v, s, 2, v->cpu.seg[CPU_CS].sel) ||
	    stk_push(v, s, 2, ret))
		return -1;
	return 0;
}

/* Through the vector table at base, 8086 style. */
static int exc_through_ivt(struct vcpu *v, u32 base, unsigned vector,
			   u32 flags, u32 ret, u32 clear)
{
	struct seg cs = v->cpu.seg[CPU_CS];
	struct stk s;
	u16 entry[2];

	if (gmem_read(v, (u32)(base + 4 * vector), entry, 4, MMU_IMPLICIT))
		return -1;
	stk_current(v, &s);
	if (exc_push_real(v, &s, flags, ret))
		return -1;
	seg_load_8086(v, &cs, entry[1]);
	if (entry[0] > cs.limit)
		return sys_fail(v, VEC_GP, 0);
	stk_commit_esp(v, &s);
	eflags_load(v, 0, clear);
	seg_set_cs(v, &cs, entry[0], v->cpu.cpl);
	return 0;
}

static int exc_deliver_real(struct vcpu *v, const struct event *e)
{
	const struct cpu *c = &v->cpu;

	if (e->vector * 4u + 3 > c->idt.limit)
		return sys_fail(v, VEC_GP, e->vector * 8u + 2 + e->ext);
	return exc_through_ivt(v, (u32)c->idt.base, e->vector, e->flags, e->ret,
			       EFL_IF | EFL_TF | EFL_AC | EFL_RF);
}

int exc_redirect_vm86(struct vcpu *v, unsigned vector, u32 ret)
{
	const struct cpu *c = &v->cpu;
	u32 flags = cpu_eflags(c), clear = EFL_TF | EFL_RF;

	if (cpu_iopl(c) == 3) {
		clear |= EFL_IF;
	} else {
		flags = (flags & ~EFL_IF) | EFL_IOPL;
		if (flags & EFL_VIF)
			flags |= EFL_IF;
		clear |= EFL_VIF;
	}
	return exc_through_ivt(v, 0, vector, flags, ret, clear);
}

/* --- protected mode */

/* Return frame on the stack s, in the gate's size. */
static int exc_push_frame(struct vcpu *v, struct stk *s, unsigned size,
			  const struct event *e, bool switched)
{
	static const u8 vm_segs[] = { CPU_GS, CPU_FS, CPU_DS, CPU_ES };
	const struct cpu *c = &v->cpu;

	if (cpu_is_vm86(c)) {
		for (unsigned i = 0; i < ARRAY_SIZE(vm_segs); i++) {
			if (stk_push(v, s, size, c->seg[vm_segs[i]].sel))
				return -1;
		}
	}
	if (switched && (stk_push(v, s, size, c->seg[CPU_SS].sel) ||
			 stk_push(v, s, size, (u32)c->gpr[R_SP])))
		return -1;
	if (stk_push(v, s, size, e->flags) ||
	    stk_push(v, s, size, c->seg[CPU_CS].sel) ||
	    stk_push(v, s, size, e->ret))
		return -1;
	return e->has_error ? stk_push(v, s, size, e->error) : 0;
}

static void exc_null_vm86_segs(struct vcpu *v)
{
	struct cpu *c = &v->cpu;

	seg_null(&c->seg[CPU_DS], 0);
	seg_null(&c->seg[CPU_ES], 0);
	seg_null(&c->seg[CPU_FS], 0);
	seg_null(&c->seg[CPU_GS], 0);
}

/* Code segment of an interrupt or trap gate; the new CPL in *cpl. */
static int exc_gate_code(struct vcpu *v, const struct event *e, u16 sel,
			 struct desc *d, unsigned *cpl)
{
	bool vm = cpu_is_vm86(&v->cpu);
	u32 err = SEL_ERR(sel) | e->ext;

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_GP, e->ext);
	if (desc_read(v, sel, d, VEC_GP, e->ext))
		return -1;
	if (!desc_is_code(d) || desc_dpl(d) > v->cpu.cpl)
		return sys_fail(v, VEC_GP, err);
	if (!desc_is_present(d))
		return sys_fail(v, VEC_NP, err);
	*cpl = desc_is_conforming(d) ? v->cpu.cpl : desc_dpl(d);
	/* vm86 is left to level 0 only. */
	if (vm && *cpl != 0)
		return sys_fail(v, VEC_GP, err);
	return desc_set_accessed(v, d);
}

static int exc_through_gate(struct vcpu *v, const struct event *e,
			    const struct desc *gate)
{
	struct cpu *c = &v->cpu;
	unsigned type = desc_type(gate), size = type & 8 ? 4 : 2, cpl;
	u32 eip = gate_offset(gate);
	u32 clear = EFL_TF | EFL_NT | EFL_RF | EFL_VM;
	bool vm = cpu_is_vm86(c), switched;
	struct desc d;
	struct seg cs;
	struct stk s;

	if (exc_gate_code(v, e, gate_sel(gate), &d, &cpl))
		return -1;
	switched = cpl < c->cpl;
	if (switched) {
		if (tss_stack(v, cpl, e->ext, &s))
			return -1;
	} else {
		stk_current(v, &s);
		s.err = e->ext;
		s.priv = cpl == 3 ? MMU_USER : MMU_IMPLICIT;
		s.ac = false;
	}
	seg_from_desc(&cs, &d, (u16)((gate_sel(gate) & ~SEL_RPL) | cpl));
	if (exc_push_frame(v, &s, size, e, switched))
		return -1;
	if (eip > cs.limit)
		return sys_fail(v, VEC_GP, e->ext);
	if (type == DT_INT16 || type == DT_INT32)
		clear |= EFL_IF;
	c->seg[CPU_SS] = s.ss;
	stk_commit_esp(v, &s);
	if (vm)
		exc_null_vm86_segs(v);
	eflags_load(v, 0, clear);
	seg_set_cs(v, &cs, eip, cpl);
	return 0;
}

static int exc_through_task(struct vcpu *v, const struct event *e,
			    const struct desc *gate)
{
	struct task_event ev = { e->has_error, e->error, e->ext };
	u16 sel = gate_sel(gate);
	struct desc d;

	if (SEL_NULL(sel) || (sel & SEL_TI))
		return sys_fail(v, VEC_GP, SEL_ERR(sel) | e->ext);
	if (desc_read(v, sel, &d, VEC_GP, e->ext))
		return -1;
	if (!desc_is_tss_available(&d))
		return sys_fail(v, VEC_GP, SEL_ERR(sel) | e->ext);
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_NP, SEL_ERR(sel) | e->ext);
	return task_switch(v, sel, &d, TASK_EVENT, e->ret, &ev);
}

static int exc_deliver_protected(struct vcpu *v, const struct event *e)
{
	const struct cpu *c = &v->cpu;
	u32 off = e->vector * 8u, err = off + 2;
	struct desc gate;
	u32 raw[2];

	if (off + 7 > c->idt.limit)
		return sys_fail(v, VEC_GP, err + e->ext);
	gate.la = (u32)(c->idt.base + off);
	if (gmem_read(v, gate.la, raw, 8, MMU_IMPLICIT))
		return -1;
	gate.lo = raw[0];
	gate.hi = raw[1];
	if (!desc_is_system(&gate))
		return sys_fail(v, VEC_GP, err + e->ext);
	switch (desc_type(&gate)) {
	case DT_TASK_GATE:
	case DT_INT16:
	case DT_INT32:
	case DT_TRAP16:
	case DT_TRAP32:
		break;
	default:
		return sys_fail(v, VEC_GP, err + e->ext);
	}
	if (e->dpl_check && desc_dpl(&gate) < c->cpl)
		return sys_fail(v, VEC_GP, err);
	if (!desc_is_present(&gate))
		return sys_fail(v, VEC_NP, err + e->ext);
	if (desc_type(&gate) == DT_TASK_GATE)
		return exc_through_task(v, e, &gate);
	return exc_through_gate(v, e, &gate);
}

static int exc_deliver_event(struct vcpu *v, const struct event *e)
{
	LOG_LIGHT(LOG_INT, "vector %02x error %x at %04x:%08x cpl %u cr2 %08x",
		  e->vector, e->has_error ? e->error : 0,
		  v->cpu.seg[CPU_CS].sel, vcpu_rip32(v), v->cpu.cpl,
		  (u32)v->cpu.cr2);
	if (!(v->cpu.cr0 & CR0_PE))
		return exc_deliver_real(v, e);
	return exc_deliver_protected(v, e);
}

/* --- combining events: SDM vol. 3, tables 6-4 and 6-5 */

enum exc_class { EXC_BENIGN, EXC_CONTRIBUTORY, EXC_PAGE_FAULT, EXC_DOUBLE };

static enum exc_class exc_classify(const struct gexc *x)
{
	if (x->soft || x->icebp)
		return EXC_BENIGN;
	switch (x->vector) {
	case VEC_DE:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
		return EXC_CONTRIBUTORY;
	case VEC_PF:
		return EXC_PAGE_FAULT;
	case VEC_DF:
		return EXC_DOUBLE;
	default:
		return EXC_BENIGN;
	}
}

/* Fault-class exceptions push RF set (17.3.1.1); #DB decides by itself. */
static bool exc_is_fault(const struct gexc *x)
{
	if (x->soft || x->icebp)
		return false;
	switch (x->vector) {
	case VEC_DB:
		return x->dr6 & DR6_BD;
	case VEC_NMI:
	case VEC_BP:
	case VEC_OF:
	case VEC_MC:
		return false;
	default:
		return x->vector < 32;
	}
}

/* Effects that precede the delivery itself. */
static void exc_side_effects(struct vcpu *v, const struct gexc *x,
			     bool external)
{
	struct cpu *c = &v->cpu;

	v->halted = false;
	v->inhibit = false;
	if (x->soft || external)
		return;
	if (x->vector == VEC_PF) {
		c->cr2 = x->cr2;
		if (probe_on(v, UMBRA_EVENT_PAGEFAULT))
			probe_page_fault(v, x);
	}
	if (x->vector == VEC_DB) {
		c->dr[6] |= x->dr6;
		if (c->dr[7] & DR7_GD)
			v->mode_dirty = true;
		c->dr[7] &= ~(u64)DR7_GD;
	}
	if (x->vector == VEC_NMI) {
		v->nmi_masked = true;
		trans_flush(v);
	}
}

/* The exception that an event of class a becomes when v->exc arises on its
 * way; false: the triple fault. */
static bool exc_combine(struct vcpu *v, enum exc_class a)
{
	enum exc_class b = exc_classify(&v->exc);

	if (b == EXC_BENIGN || a == EXC_BENIGN)
		return true;
	if (a == EXC_DOUBLE)
		return false;
	if (a == EXC_PAGE_FAULT || b == EXC_CONTRIBUTORY)
		exc_raise_err(v, VEC_DF, 0);
	return true;
}

/* Delivers x; if that meets another exception, that one, and so on: each
 * round comes nearer to the double and the triple fault. */
static void exc_deliver_chain(struct vcpu *v, struct gexc x, bool external)
{
	for (unsigned round = 0; round < 8; round++) {
		struct event e = {
			.vector = x.vector,
			.has_error = x.has_error,
			.error = x.error,
			.dpl_check = x.soft && !x.icebp,
			.ext = x.soft && !x.icebp ? 0 : 1,
			.ret = vcpu_rip32(v) + x.len,
			.flags = cpu_eflags(&v->cpu),
		};

		if (!external && exc_is_fault(&x))
			e.flags |= EFL_RF;
		exc_side_effects(v, &x, external);
		v->exc.pending = false;
		if (!exc_deliver_event(v, &e)) {
			v->exc.pending = false;
			return;
		}
		/* No exception: a gmem access waits for MMIO, which cannot be
		 * a stack or a descriptor table of a sane guest. */
		if (v->exc.pending && v->exc.vector == VEC_PF)
			v->cpu.cr2 = v->exc.cr2; /* even on the way to #DF */
		if (!v->exc.pending ||
		    !exc_combine(v, external ? EXC_BENIGN : exc_classify(&x)))
			break;
		x = v->exc;
		external = false;
	}
	v->exc.pending = false;
	v->shutdown = true;
}

void exc_deliver(struct vcpu *v)
{
	exc_deliver_chain(v, v->exc, false);
}

void exc_interrupt(struct vcpu *v, unsigned vector)
{
	exc_raise(v, vector);
	exc_deliver_chain(v, v->exc, true);
}
