// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * task.c - hardware task switches, SDM vol. 3, chapter 7.
 *
 * Both task-state segments are read and probed before anything changes: up
 * to there a fault belongs to the old task. Then the old state is stored and
 * the new one loaded raw; from there on faults are the new task's (7.3).
 * Runs on light exits.
 */
#include "sys_impl.h"

/* Offsets in the 32-bit and the 16-bit TSS (SDM vol. 3, 7.2.1 and 7.6). */
#define TSS32_CR3   0x1c
#define TSS32_EIP   0x20
#define TSS32_FLAGS 0x24
#define TSS32_GPR   0x28
#define TSS32_SEG   0x48
#define TSS32_LDT   0x60
#define TSS32_TRAP  0x64
#define TSS32_SIZE  0x68
#define TSS16_IP    0x0e
#define TSS16_FLAGS 0x10
#define TSS16_GPR   0x12
#define TSS16_SEG   0x22
#define TSS16_LDT   0x2a
#define TSS16_SIZE  0x2c

/* What a TSS holds of a task, in either format. */
struct task_state {
	u32 cr3, eip, eflags, gpr[8];
	u16 seg[CPU_NSEG], ldt;
	bool trap;
};

static unsigned tss_size(bool is32)
{
	return is32 ? TSS32_SIZE : TSS16_SIZE;
}

static void tss_parse32(const u8 *t, struct task_state *s)
{
	s->cr3 = light_get32(t + TSS32_CR3);
	s->eip = light_get32(t + TSS32_EIP);
	s->eflags = light_get32(t + TSS32_FLAGS);
	for (unsigned i = 0; i < 8; i++)
		s->gpr[i] = light_get32(t + TSS32_GPR + 4 * i);
	for (unsigned i = 0; i < CPU_NSEG; i++)
		s->seg[i] = light_get16(t + TSS32_SEG + 4 * i);
	s->ldt = light_get16(t + TSS32_LDT);
	s->trap = t[TSS32_TRAP] & 1;
}

/* A 16-bit TSS has no FS and GS; the upper halves are undefined: ones. */
static void tss_parse16(const u8 *t, struct task_state *s)
{
	light_zero(s, sizeof(*s));
	s->eip = light_get16(t + TSS16_IP);
	s->eflags = light_get16(t + TSS16_FLAGS);
	for (unsigned i = 0; i < 8; i++)
		s->gpr[i] = 0xffff0000 | light_get16(t + TSS16_GPR + 2 * i);
	for (unsigned i = 0; i <= CPU_DS; i++)
		s->seg[i] = light_get16(t + TSS16_SEG + 2 * i);
	s->ldt = light_get16(t + TSS16_LDT);
}

/* Writes the current state into the image of the old TSS. */
static void tss_store32(const struct cpu *c, u8 *t, u32 eip, u32 eflags)
{
	light_put32(t + TSS32_EIP, eip);
	light_put32(t + TSS32_FLAGS, eflags);
	for (unsigned i = 0; i < 8; i++)
		light_put32(t + TSS32_GPR + 4 * i, (u32)c->gpr[i]);
	for (unsigned i = 0; i < CPU_NSEG; i++)
		light_put16(t + TSS32_SEG + 4 * i, c->seg[i].sel);
}

static void tss_store16(const struct cpu *c, u8 *t, u32 eip, u32 eflags)
{
	light_put16(t + TSS16_IP, (u16)eip);
	light_put16(t + TSS16_FLAGS, (u16)eflags);
	for (unsigned i = 0; i < 8; i++)
		light_put16(t + TSS16_GPR + 2 * i, (u16)c->gpr[i]);
	for (unsigned i = 0; i <= CPU_DS; i++)
		light_put16(t + TSS16_SEG + 2 * i, c->seg[i].sel);
}

/* The dynamic part of the old TSS, from EIP to the last selector, is read,
 * changed and written back, so that bytes between fields stay. */
static int task_save_old(struct vcpu *v, enum task_kind kind, u32 next)
{
	struct cpu *c = &v->cpu;
	bool is32 = c->tr.attr & 8;
	unsigned size = tss_size(is32);
	unsigned first = is32 ? TSS32_EIP : TSS16_IP;
	unsigned end = is32 ? TSS32_LDT : TSS16_LDT;
	u32 flags = cpu_eflags(c);
	gva_t la = (u32)(c->tr.base + first);
	u8 t[TSS32_SIZE];

	if (!(c->tr.attr & SEG_ATTR_P) || c->tr.limit < size - 1)
		return sys_fail(v, VEC_TS, SEL_ERR(c->tr.sel));
	if (gmem_probe(v, la, end - first, MMU_WRITE, MMU_IMPLICIT) ||
	    gmem_read(v, la, t + first, end - first, MMU_IMPLICIT))
		return -1;
	if (kind == TASK_IRET)
		flags &= ~EFL_NT;
	if (is32)
		tss_store32(c, t, next, flags);
	else
		tss_store16(c, t, next, flags);
	return gmem_write(v, la, t + first, end - first, MMU_IMPLICIT);
}

/* Busy bits and back link: SDM vol. 3, table 7-2. */
static int task_link(struct vcpu *v, struct desc *old, struct desc *new,
		     enum task_kind kind)
{
	u16 back = v->cpu.tr.sel;

	if ((kind == TASK_JMP || kind == TASK_IRET) &&
	    desc_set_busy(v, old, false))
		return -1;
	if (kind == TASK_IRET)
		return 0;
	if ((kind == TASK_CALL || kind == TASK_EVENT) &&
	    gmem_write(v, desc_base(new), &back, 2, MMU_IMPLICIT))
		return -1;
	return desc_set_busy(v, new, true);
}

/* --- the new task's state */

static void task_load_raw(struct vcpu *v, const struct task_state *s)
{
	struct cpu *c = &v->cpu;

	c->rip = s->eip;
	eflags_set(v, s->eflags);
	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = s->gpr[i];
	for (unsigned i = 0; i < CPU_NSEG; i++)
		seg_null(&c->seg[i], s->seg[i]);
	seg_null(&c->ldt, s->ldt);
	trans_flush(v);
	c->dr[7] &= ~0x155ull; /* local breakpoints and LE */
	c->cr0 |= CR0_TS;
	v->mode_dirty = true;
}

static int task_load_ldt(struct vcpu *v, u16 sel, u32 ext)
{
	struct desc d;
	bool found = false;

	if (SEL_NULL(sel))
		return 0;
	if (!(sel & SEL_TI) && desc_lookup(v, sel, &d, &found))
		return -1;
	if (!found || !desc_is_system(&d) || desc_type(&d) != DT_LDT ||
	    !desc_is_present(&d))
		return sys_fail(v, VEC_TS, SEL_ERR(sel) | ext);
	seg_from_desc(&v->cpu.ldt, &d, sel);
	return 0;
}

static int task_load_cs(struct vcpu *v, u16 sel, u32 ext)
{
	u32 err = SEL_ERR(sel) | ext;
	unsigned rpl = sel & SEL_RPL;
	struct desc d;

	if (SEL_NULL(sel))
		return sys_fail(v, VEC_TS, err);
	if (desc_read(v, sel, &d, VEC_TS, ext))
		return -1;
	if (!desc_is_code(&d) || (desc_is_conforming(&d) ?
					  desc_dpl(&d) > rpl :
					  desc_dpl(&d) != rpl))
		return sys_fail(v, VEC_TS, err);
	if (!desc_is_present(&d))
		return sys_fail(v, VEC_NP, err);
	if (desc_set_accessed(v, &d))
		return -1;
	seg_from_desc(&v->cpu.seg[CPU_CS], &d, sel);
	return 0;
}

static int task_load_data(struct vcpu *v, const struct task_state *s, u32 ext)
{
	static const u8 which[] = { CPU_DS, CPU_ES, CPU_FS, CPU_GS };
	struct cpu *c = &v->cpu;
	struct selctx x = { .vec = VEC_TS, .ext = (u8)ext, .cpl = c->cpl };
	struct seg seg;

	for (unsigned i = 0; i < ARRAY_SIZE(which); i++) {
		seg = c->seg[which[i]];
		if (seg_check_data_sel(v, s->seg[which[i]], &x, &seg))
			return -1;
		c->seg[which[i]] = seg;
	}
	return 0;
}

static int task_load_segments(struct vcpu *v, const struct task_state *s,
			      u32 ext)
{
	struct cpu *c = &v->cpu;
	struct selctx x = { .vec = VEC_TS, .ext = (u8)ext };
	struct seg ss;

	if (task_load_ldt(v, s->ldt, ext))
		return -1;
	if (cpu_is_vm86(c)) {
		for (unsigned i = 0; i < CPU_NSEG; i++)
			seg_vm86(&c->seg[i], s->seg[i]);
		return 0;
	}
	x.cpl = c->cpl;
	if (seg_check_stack_sel(v, s->seg[CPU_SS], &x, &ss))
		return -1;
	c->seg[CPU_SS] = ss;
	if (task_load_data(v, s, ext))
		return -1;
	return task_load_cs(v, s->seg[CPU_CS], ext);
}

static int task_push_error(struct vcpu *v, bool is32, u32 error, u32 ext)
{
	struct stk s;

	stk_current(v, &s);
	s.err = ext;
	if (stk_push(v, &s, is32 ? 4 : 2, error))
		return -1;
	stk_commit_esp(v, &s);
	return 0;
}

static int task_load_cr3(struct vcpu *v, u32 cr3)
{
	struct cpu *c = &v->cpu;
	u64 old = c->cr3;

	if (!(c->cr0 & CR0_PG))
		return 0;
	c->cr3 = cr3;
	if (vcpu_mmu_update(v, true))
		return 0;
	c->cr3 = old;
	return sys_fail(v, VEC_GP, 0);
}

/* Past the commit point: everything that may fault in the new task. */
static int task_enter(struct vcpu *v, const struct task_state *s, bool is32,
		      const struct task_event *ev)
{
	struct cpu *c = &v->cpu;
	u32 ext = ev ? ev->ext : 0;

	c->cpl = cpu_is_vm86(c) ? 3 : s->seg[CPU_CS] & SEL_RPL;
	if (is32 && task_load_cr3(v, s->cr3))
		return -1;
	if (task_load_segments(v, s, ext))
		return -1;
	if (ev && ev->has_error && task_push_error(v, is32, ev->error, ext))
		return -1;
	if (s->eip > c->seg[CPU_CS].limit)
		return sys_fail(v, VEC_GP, ext);
	if (s->trap)
		v->db_pending |= DR6_BT;
	return 0;
}

int task_switch(struct vcpu *v, u16 sel, struct desc *d, enum task_kind kind,
		u32 next, const struct task_event *ev)
{
	struct cpu *c = &v->cpu;
	bool is32 = desc_type(d) & 8;
	u32 ext = ev ? ev->ext : 0;
	struct desc old;
	struct task_state s;
	u8 t[TSS32_SIZE];

	if (desc_limit(d) < tss_size(is32) - 1)
		return sys_fail(v, VEC_TS, SEL_ERR(sel) | ext);
	if (desc_read(v, c->tr.sel, &old, VEC_TS, ext) ||
	    gmem_read(v, desc_base(d), t, tss_size(is32), MMU_IMPLICIT) ||
	    gmem_probe(v, old.la, 8, MMU_WRITE, MMU_IMPLICIT) ||
	    gmem_probe(v, d->la, 8, MMU_WRITE, MMU_IMPLICIT) ||
	    gmem_probe(v, desc_base(d), 2,
		       kind == TASK_CALL || kind == TASK_EVENT ? MMU_WRITE :
								 MMU_READ,
		       MMU_IMPLICIT) ||
	    task_save_old(v, kind, next) || task_link(v, &old, d, kind))
		return -1;
	if (is32)
		tss_parse32(t, &s);
	else
		tss_parse16(t, &s);
	if (kind == TASK_CALL || kind == TASK_EVENT)
		s.eflags |= EFL_NT;
	d->hi |= DT_TSS_BUSY_BIT << 8;
	seg_from_desc(&c->tr, d, sel);
	trans_flush(v);
	task_load_raw(v, &s);
	return task_enter(v, &s, is32, ev);
}
