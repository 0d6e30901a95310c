// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trans.c - writes down what the glue can repeat without C: see trans.h.
 *
 * In: a change of CS or a segment load that C has just carried out, and the
 * mode it was made in. What is not plain - 16-bit, with a limit, from or to
 * vm86, tables that cross a page - is not written down, and stays C's.
 */
#include "engine.h"
#include "lightmem.h"
#include "log.h"
#include "sys_impl.h"

/* --- guest memory that entries look at */

static void trans_pin(struct trans_state *t, u32 page)
{
	for (u32 i = 0; i < MIN(t->npins, (u32)TRANS_PINS); i++) {
		if (t->pins[i] == page)
			return;
	}
	if (t->npins < TRANS_PINS)
		t->pins[t->npins] = page;
	if (t->npins <= TRANS_PINS)
		t->npins++;
}

/* n bytes of a table in the linear mapping, for as long as the generation
 * lasts; NULL: not plain RAM. */
static const void *trans_table(struct engine *e, u32 la, unsigned n)
{
	struct mmu_xlat x;

	if ((la & ~PAGE_MASK) + n > PAGE_SIZE ||
	    vmmu_translate(e->v->mmu, la, MMU_READ, MMU_IMPLICIT, false, &x) !=
		    MMU_OK)
		return NULL;
	trans_pin(&e->v->cpu.trans, la & (u32)PAGE_MASK);
	return x.hva;
}

void trans_zap(struct engine *e, gva_t gva, u64 npages)
{
	const struct trans_state *t = &e->v->cpu.trans;
	bool hit = !npages || t->npins > TRANS_PINS;

	for (u32 i = 0; i < t->npins && !hit; i++)
		hit = t->pins[i] >= gva &&
		      t->pins[i] - gva < npages << PAGE_SHIFT;
	if (hit)
		trans_flush(e->v);
}

/* Where the descriptor of sel lies, if it is the one in s. */
static const u64 *trans_desc(struct engine *e, u16 sel, const struct seg *s)
{
	const struct cpu *c = &e->v->cpu;
	u32 base = (u32)(sel & SEL_TI ? c->ldt.base : c->gdt.base);
	const u64 *p;
	struct desc d;
	struct seg now;

	if (SEL_NULL(sel))
		return s->attr ? NULL : &c->trans.null;
	p = trans_table(e, base + (sel & 0xfff8), 8);
	if (!p)
		return NULL;
	d = (struct desc){ .lo = (u32)*p, .hi = (u32)(*p >> 32) };
	seg_from_desc(&now, &d, s->sel);
	return light_equal(&now, s, offsetof(struct seg, pad)) ? p : NULL;
}

static bool trans_is_flat32(const struct seg *s)
{
	return !s->base && s->lo == 0 && s->hi == 0xffffffff &&
	       s->limit == 0xffffffff && (s->attr & SEG_ATTR_DB);
}

/* --- where it led: known when the next block is looked for */

struct trans_from trans_before(const struct engine *e)
{
	const struct cpu *c = &e->v->cpu;

	return (struct trans_from){ .mode = c->mode, .cpl = c->cpl,
				    .gen = c->trans.gen,
				    .sysflags = c->sysflags,
				    .iflag = c->iflag };
}

/* The entry whose key is at *at becomes valid with its target. */
static void trans_await(struct engine *e, struct trans_target *to, u64 *at,
			u64 key)
{
	*at = 0;
	e->learn = (struct trans_learn){ .to = to, .key_at = at, .key = key,
					 .rip = e->v->cpu.rip };
}

static struct trans_target trans_target_now(const struct engine *e)
{
	const struct cpu *c = &e->v->cpu;

	return (struct trans_target){
		.mode = c->mode,
		.view = c->view,
		.htab = c->htab,
		.window = c->window,
		.tlb = { c->tlbs_ac[0], c->tlbs_ac[1] },
		.cpl = c->cpl,
	};
}

void trans_commit(struct engine *e)
{
	struct trans_learn l = e->learn;

	e->learn.to = NULL;
	if (l.rip != e->v->cpu.rip)
		return;
	*l.to = trans_target_now(e);
	*l.key_at = l.key;
}

static struct trans_link *trans_link(struct engine *e, u32 mode, unsigned seg,
				     unsigned segc)
{
	return &e->v->cpu.trans.links[(seg + mode * 4 + segc * 8) %
				      TRANS_LINKS];
}

void trans_ac(struct engine *e, u32 from)
{
	const struct cpu *c = &e->v->cpu;
	bool on = c->sysflags & EFL_AC;
	struct trans_link *l = trans_link(e, from, TRANS_LINK_AC, on);

	l->key = TRANS_LINK_KEY(c->trans.gen, from, TRANS_LINK_AC, on);
	l->to = trans_target_now(e);
}

/* --- changes of CS */

static bool trans_is_plain(const struct engine *e, const struct trans_from *f)
{
	const struct cpu *c = &e->v->cpu;
	const u32 unusual = EFL_TF | EFL_NT | EFL_RF | EFL_VM | EFL_AC |
			    EFL_VIF | EFL_VIP;

	return !log_on(LOG_INT) && !e->slow && !e->vm->inj.no_trans &&
	       f->gen == c->trans.gen && f->mode < 0x10000 &&
	       !((f->sysflags | c->sysflags) & unusual) &&
	       (c->cr0 & CR0_PG) && trans_is_flat32(&c->seg[CPU_CS]) &&
	       trans_is_flat32(&c->seg[CPU_SS]);
}

static void trans_write(struct engine *e, struct trans *t, u64 key)
{
	const struct cpu *c = &e->v->cpu;

	t->cs = c->seg[CPU_CS];
	t->ss = c->seg[CPU_SS];
	trans_await(e, &t->to, &t->key, key);
}

/* The two descriptors of the new CS and SS. */
static bool trans_code_stack(struct engine *e, struct trans *t, bool stack)
{
	const struct cpu *c = &e->v->cpu;
	const struct seg *cs = &c->seg[CPU_CS], *ss = &c->seg[CPU_SS];

	t->cs_desc = trans_desc(e, cs->sel, cs);
	t->ss_desc = stack ? trans_desc(e, ss->sel, ss) : &c->trans.null;
	if (!t->cs_desc || !t->ss_desc)
		return false;
	t->cs_raw = *t->cs_desc;
	t->ss_raw = *t->ss_desc;
	return true;
}

static bool trans_gate(struct engine *e, struct trans *t, unsigned vector)
{
	const struct cpu *c = &e->v->cpu;
	const u64 *p = trans_table(e, (u32)c->idt.base + vector * 8, 8);
	struct desc d;

	if (!p)
		return false;
	d = (struct desc){ .lo = (u32)*p, .hi = (u32)(*p >> 32) };
	if (!desc_is_system(&d) ||
	    (desc_type(&d) != DT_INT32 && desc_type(&d) != DT_TRAP32))
		return false;
	t->gate = p;
	t->gate_raw = *p;
	t->iflag = desc_type(&d) == DT_TRAP32;
	t->eip = gate_offset(&d);
	return t->eip == vcpu_rip32(e->v) &&
	       SEL_ERR(gate_sel(&d)) == SEL_ERR(c->seg[CPU_CS].sel);
}

/* INT n has been delivered. */
void trans_int(struct engine *e, const struct trans_from *f, unsigned vector)
{
	struct cpu *c = &e->v->cpu;
	struct trans *t = &c->trans.ints[f->mode % TRANS_INTS];

	if (!trans_is_plain(e, f) || f->cpl != 3 || c->cpl != 0 ||
	    !(c->tr.attr & 8))
		return;
	t->key = 0;
	t->tss = trans_table(e, (u32)c->tr.base + 4, 8);
	if (t->tss && trans_gate(e, t, vector) && trans_code_stack(e, t, true))
		trans_write(e, t, TRANS_KEY(f->gen, f->mode, vector));
}

static void trans_iret(struct engine *e, const struct trans_from *f)
{
	struct cpu *c = &e->v->cpu;
	u32 i = f->mode * 2 + (c->cpl & 1);
	struct trans *t = &c->trans.irets[i % TRANS_IRETS];

	if (f->cpl != 0 || (c->cpl != 0 && c->cpl != 3))
		return;
	for (unsigned s = 0; s < CPU_NSEG; s++) {
		if (s != CPU_CS && s != CPU_SS &&
		    mode_data_class(&c->seg[s]) != e->modes[f->mode].segc[s])
			return; /* it has been dropped */
	}
	t->key = 0;
	t->outer = c->cpl != 0;
	if (trans_code_stack(e, t, t->outer))
		trans_write(e, t,
			    TRANS_KEY(f->gen, f->mode, TRANS_IRET + c->cpl));
}

static void trans_sys(struct engine *e, const struct trans_from *f,
		      struct trans *table, unsigned what)
{
	trans_write(e, &table[f->mode % TRANS_SYSS],
		    TRANS_KEY(f->gen, f->mode, what));
}

/* --- segment loads */

static void trans_segment(struct engine *e, const struct trans_from *f,
			  unsigned seg)
{
	struct cpu *c = &e->v->cpu;
	const struct seg *s = &c->seg[seg];
	struct trans_seg *t = &c->trans.segs[(s->sel >> 3) % TRANS_SEGS];
	u8 segc = mode_data_class(s);
	struct trans_link *l;

	if (seg == CPU_SS || e->slow || f->gen != c->trans.gen ||
	    !cpu_is_protected(c))
		return;
	t->key = 0;
	t->desc = trans_desc(e, s->sel, s);
	if (!t->desc)
		return;
	t->raw = *t->desc;
	t->seg = *s;
	t->segc = segc;
	t->key = TRANS_SEG_KEY(f->gen, s->sel, c->cpl);
	if (e->modes[f->mode].segc[seg] == segc || (c->sysflags & EFL_AC))
		return;
	l = trans_link(e, f->mode, seg, segc);
	trans_await(e, &l->to, &l->key,
		    TRANS_LINK_KEY(f->gen, f->mode, seg, segc));
}

void trans_helper(struct engine *e, const struct trans_from *f,
		  const struct insn *i)
{
	struct trans_state *t = &e->v->cpu.trans;

	switch (i->row->op) {
	case OP_MOV_TO_SEG:
	case OP_POP_SEG:
		trans_segment(e, f, i->reg);
		break;
	case OP_IRET:
		if (trans_is_plain(e, f))
			trans_iret(e, f);
		break;
	case OP_SYSENTER:
		if (trans_is_plain(e, f) && f->cpl == 3)
			trans_sys(e, f, t->enters, TRANS_SYSENTER);
		break;
	case OP_SYSEXIT:
		if (trans_is_plain(e, f))
			trans_sys(e, f, t->exits, TRANS_SYSEXIT);
		break;
	}
}
