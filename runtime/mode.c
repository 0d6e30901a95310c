// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mode.c - everything that changes what guest bytes mean, computed in this one
 * place and interned as a small number (HAZARDS 28).
 */
#include "engine.h"
#include "lightmem.h"

static u8 mode_seg_class(const struct seg *s, bool is_cs)
{
	bool whole = s->lo == 0 && s->hi == 0xffffffffu &&
		     s->limit == 0xffffffffu;

	if (!s->readable || !whole)
		return SEGC_CHECKED;
	if (!s->writable)
		return s->base || is_cs ? SEGC_CHECKED : SEGC_FLAT_RO;
	return s->base ? SEGC_BASED : SEGC_FLAT;
}

u8 mode_data_class(const struct seg *s)
{
	return mode_seg_class(s, false);
}

static u32 mode_system_flags(const struct cpu *c)
{
	u32 f = 0;
	unsigned iopl = (c->sysflags & EFL_IOPL) >> EFL_IOPL_SHIFT;
	bool pe = c->cr0 & CR0_PE, vm = c->sysflags & EFL_VM;

	if (pe && !vm)
		f |= XM_PE;
	if (vm)
		f |= XM_VM;
	if (!pe || (vm ? iopl == 3 : c->cpl <= iopl)) {
		f |= XM_IF_OK;
		if (!vm)
			f |= XM_IO_OK;
	}
	if (!(f & XM_IF_OK) && (c->cr4 & (vm ? CR4_VME : CR4_PVI)))
		f |= XM_VME;
	if (vm && (c->cr4 & CR4_VME))
		f |= XM_VME;
	if ((c->cr4 & CR4_TSD) && c->cpl > 0)
		f |= XM_TSD;
	if ((c->cr4 & CR4_UMIP) && c->cpl > 0)
		f |= XM_UMIP;
	return f;
}

static u32 mode_fpu_flags(const struct cpu *c)
{
	u32 f = 0;

	if (c->cr0 & CR0_TS)
		f |= XM_TS;
	if (c->cr0 & CR0_EM)
		f |= XM_EM;
	if (c->cr0 & CR0_MP)
		f |= XM_MP;
	if (c->cr4 & CR4_OSFXSR)
		f |= XM_OSFXSR;
	if ((c->cr4 & CR4_OSXSAVE) &&
	    (c->xcr0 & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX))
		f |= XM_AVX;
	return f;
}

static void mode_describe(struct engine *e, struct xmode *m)
{
	const struct cpu *c = &e->v->cpu;
	const struct seg *cs = &c->seg[CPU_CS];
	bool ac = c->sysflags & EFL_AC;
	bool pe = (c->cr0 & CR0_PE) && !(c->sysflags & EFL_VM);

	light_zero(m, sizeof(*m));
	m->code_bits = pe && (cs->attr & SEG_ATTR_DB) ? 32 : 16;
	m->stack_bits = pe && (c->seg[CPU_SS].attr & SEG_ATTR_DB) ? 32 : 16;
	m->cpl = c->cpl;
	m->cs_base = cs->base;
	m->cs_limit = cs->limit;
	for (unsigned i = 0; i < SEG_NR; i++)
		m->segc[i] = mode_seg_class(&c->seg[i], i == CPU_CS);
	m->flags = mode_system_flags(c) | mode_fpu_flags(c);
	if (c->cpl == 3 && (c->cr0 & CR0_AM) && ac) {
		m->flags |= XM_ALIGN;
		m->mem_form = FORM_HELPER;
	}
	if (c->cpl < 3 && (c->cr4 & CR4_SMAP))
		m->flags |= ac ? XM_SMAP | XM_AC : XM_SMAP;
	if (e->v->tsc_offset)
		m->flags |= XM_TSC_HELPER;
	if (e->tf)
		m->flags |= XM_TF;
	if (e->tf || e->brk & BRK_GUEST)
		m->mem_form = FORM_HELPER;
	m->drx = e->slow;
}

/* What tells the modes of one guest apart, for the most part. */
static u16 *mode_hint(struct engine *e, const struct xmode *m)
{
	u32 h = m->flags ^ m->cpl << 5 ^ m->mem_form << 3 ^
		m->segc[SEG_FS] << 8 ^ m->segc[SEG_GS] << 10 ^
		m->segc[SEG_DS] << 12 ^ m->stack_bits ^ m->code_bits;

	return &e->mode_hint[(h * 0x9e3779b1u) >> 26];
}
static_assert(MODE_HINTS == 1u << 6, "mode_hint() yields 6 bits");

static unsigned mode_search(struct engine *e, const struct xmode *m)
{
	for (unsigned i = 0; i < e->nmodes; i++) {
		if (light_equal(&e->modes[i], m, sizeof(*m)))
			return i;
	}
	if (e->nmodes == MAX_MODES) {
		/* All ids change their meaning: nothing may survive. */
		tcache_drop_all(e->tc);
		htab_forget_all(e);
		e->nmodes = 0;
		trans_flush(e->v);
	}
	e->modes[e->nmodes] = *m;
	return e->nmodes++;
}

static unsigned mode_intern(struct engine *e, const struct xmode *m)
{
	u16 *hint = mode_hint(e, m);

	if (*hint >= e->nmodes || !light_equal(&e->modes[*hint], m, sizeof(*m)))
		*hint = (u16)mode_search(e, m);
	return *hint;
}

/* A link from mode to mode (trans.h) holds while nothing of this changes. */
static void mode_slow_update(struct engine *e)
{
	const struct cpu *c = &e->v->cpu;
	struct mode_slow now = { c->cr0, c->cr4, c->xcr0, c->dr[7],
				 e->v->tsc_offset, c->sysflags & EFL_IOPL };
	const struct mode_slow *o = &e->mode_slow;

	if (now.cr0 == o->cr0 && now.cr4 == o->cr4 && now.xcr0 == o->xcr0 &&
	    now.dr7 == o->dr7 && now.tsc_offset == o->tsc_offset &&
	    now.iopl == o->iopl)
		return;
	e->mode_slow = now;
	trans_flush(e->v);
}

/* Enabled breakpoints: DR7 L0..G3; R/W bits 00 are execute breakpoints. */
static void mode_debug(struct engine *e)
{
	const struct cpu *c = &e->v->cpu;
	bool exec = false;

	e->brk &= (u8)~BRK_GUEST;
	for (unsigned i = 0; i < 4; i++) {
		if (!(c->dr[7] & (3u << (2 * i))))
			continue;
		if ((c->dr[7] >> (16 + 4 * i)) & 3)
			e->brk |= BRK_GUEST;
		else
			exec = true;
	}
	e->tf = c->sysflags & EFL_TF;
	e->slow = e->tf || e->brk & BRK_GUEST || exec || e->vm->inj.step;
	debug_update(e);
}

/* stac and clac in generated code leave the mode to be changed at the block's
 * end. */
bool mode_ac_changed(const struct engine *e)
{
	const struct cpu *c = &e->v->cpu;
	u32 f = e->modes[c->mode].flags;

	return f & XM_SMAP && !(f & XM_AC) != !(c->sysflags & EFL_AC);
}

void mode_update(struct engine *e)
{
	struct xmode m;
	unsigned id;

	mode_debug(e);
	mode_slow_update(e);
	mode_describe(e, &m);
	if (!e->nmodes ||
	    !light_equal(&e->modes[e->v->cpu.mode], &m, sizeof(m))) {
		id = mode_intern(e, &m);
		if (id != e->v->cpu.mode)
			e->stats.mode_switches++;
		e->v->cpu.mode = id;
	}
	e->v->mode_dirty = false;
	e->stale = true;
}
