// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fault.c - a host fault in generated code: which guest instruction it was,
 * the guest's state there, and what it means (DESIGN.md, 5: "faults are
 * precise"). Decides by trap number and error code, never by si_code
 * (HAZARDS 37).
 */
#include "engine.h"
#include "lightmem.h"
#include "log.h"
#include "probe.h"
#include "signals.h"

/* Host registers that hold the guest's, in guest encoding order. */
static const u8 fault_map[8] = { H_RAX, H_RCX, H_RDX, H_RBX,
				 H_R12, H_RBP, H_RSI, H_RDI };

static u64 fault_unbias(const struct engine *e, u64 host, bool based,
			unsigned seg)
{
	const struct cpu *c = &e->v->cpu;

	return (u32)(host - c->window - (based ? c->seg[seg].base : 0));
}

static u64 swap_low_bytes(u64 r)
{
	return (r & ~0xffffull) | ((r & 0xff) << 8) | ((r >> 8) & 0xff);
}

/* Fills cpu.gpr, flags and rip from cpu.fault by what the side table says. */
void engine_restore(struct engine *e, struct block *b, const struct bsite *s)
{
	struct cpu *c = &e->v->cpu;
	const struct hfault *f = &c->fault;
	u32 fl = (u32)f->rflags;

	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = f->reg[fault_map[i]];
	c->gpr[R_SP] = (u32)(c->gpr[R_SP] + (u64)s->sp_off); /* it wraps */
	if (s->kind == SITE_BIASED) {
		if (s->aux & 1)
			c->gpr[R_SI] = fault_unbias(e, c->gpr[R_SI],
						    s->aux & 4, s->aux2);
		if (s->aux & 2)
			c->gpr[R_DI] = fault_unbias(e, c->gpr[R_DI],
						    s->aux & 8, CPU_ES);
	} else if (s->kind == SITE_SWAPPED) {
		c->gpr[s->aux] = swap_low_bytes(c->gpr[s->aux]);
	} else if (s->kind == SITE_BORROWED) {
		c->gpr[s->aux] = f->reg[s->aux2];
	}
	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = (u32)c->gpr[i];
	c->flags_ah = (u8)(fl & (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF)) |
		      EFL_FIXED1;
	c->flags_of = !!(fl & EFL_OF);
	c->rip = b->insn_eip[s->insn + (s->kind == SITE_AFTER)];
	c->pair_rsp = f->reg[H_RSP];
	if (probe_on(e->v, UMBRA_EVENT_CUT))
		probe_fault(e, b, s);
}

/* Linear address of the site's instruction. */
static u32 site_la(const struct engine *e, const struct block *b,
		   const struct bsite *s)
{
	return (u32)(e->modes[b->mode].cs_base + b->insn_eip[s->insn]);
}

/* The site cannot go through the window: translate it in helper form. */
static bool fault_helper_form(struct engine *e, struct block *b,
			      const struct bsite *s)
{
	engine_site_add(e, site_la(e, b, s));
	engine_restore(e, b, s);
	tcache_drop(e->tc, b);
	e->restart = true;
	return false;
}

/* A store into a page with code. True: resume. */
static bool fault_code(struct engine *e, struct block *b,
		       const struct bsite *s, gpa_t gpa, gva_t gva)
{
	u32 pfec;
	gpa_t g;

	LOG_LIGHT(LOG_SMC, "write to code at gpa %08lx by eip %08x", gpa,
		  b->insn_eip[s->insn]);
	engine_drop_code(e, gpa >> PAGE_SHIFT);
	if (b->dead) {
		/* It may change the next instruction: run it alone. */
		engine_restore(e, b, s);
		e->step_once = true;
		e->restart = true;
		e->stats.smc_steps++;
		return false;
	}
	/* Lift the protection; if that fails the access simply faults again. */
	vmmu_fill(e->v->mmu, gva, MMU_WRITE, vcpu_priv(e->v), false, &pfec,
		  &g);
	return true;
}

/* The host's fault: the instruction would start over. */
static void fault_error(struct engine *e, const char *text)
{
	e->v->run->reason = UMBRA_EXIT_ERROR;
	e->v->run->error = text;
	e->leave = true;
	e->restart = true;
}

/* User code met a page that the guest may be about to provide: it will be
 * wanted at once, unless its site is better off without a mapping. */
static void fault_fresh(struct engine *e, struct block *b,
			const struct bsite *s, gva_t gva, enum mmu_access acc)
{
	if (vcpu_priv(e->v) != MMU_USER)
		return;
	if (s->rep || !thrash_fault(e, site_la(e, b, s), THRASH_FRESH)) {
		vmmu_user_expect(e->v->mmu, gva, acc);
		return;
	}
	engine_site_add(e, site_la(e, b, s));
	tcache_drop(e->tc, b);
}

static bool fault_page(struct engine *e, struct block *b,
		       const struct bsite *s)
{
	struct vcpu *v = e->v;
	const struct hfault *f = &v->cpu.fault;
	enum mmu_access acc = f->err & PFEC_W ? MMU_WRITE : MMU_READ;
	bool user = vcpu_priv(v) == MMU_USER;
	gva_t gva;
	gpa_t gpa = 0;
	u32 pfec = 0;

	if ((f->addr - v->cpu.window) >> 32 ||
	    !vmmu_window_gva(v->mmu, user, f->addr, &gva)) {
		/* Beyond the window's end: the access wraps (HAZARDS 10). */
		u64 off = f->addr - v->cpu.window;

		must(off < (5ull << 32) || -off < (1ull << 32),
		     "access at host %#lx is not the guest's", f->addr);
		return fault_helper_form(e, b, s);
	}
	/* A block from before its site got helper form. */
	if (thrash_is_helper(e, site_la(e, b, s)))
		return fault_helper_form(e, b, s);
	if (user && !s->rep && thrash_follows(e, (u32)gva) &&
	    thrash_fault(e, site_la(e, b, s), THRASH_FRESH))
		return fault_helper_form(e, b, s);
	if (!user && vmmu_churns(v->mmu, gva) &&
	    thrash_fault(e, site_la(e, b, s), THRASH_CHURN))
		return fault_helper_form(e, b, s);
	/* Soon another mapping has to go for this one (DESIGN: near the
	 * limit helper form). */
	if (!s->rep && vmmu_is_crowded(v->mmu) &&
	    thrash_fault(e, site_la(e, b, s), THRASH_FRESH))
		return fault_helper_form(e, b, s);
	LOG_LIGHT(LOG_MMU, "fault at %08lx (host %lx) err %u eip %08x", gva,
		  f->addr, f->err, b->insn_eip[s->insn]);
	switch (vmmu_fill(v->mmu, gva, acc, vcpu_priv(v),
			  v->cpu.sysflags & EFL_AC, &pfec, &gpa)) {
	case MMU_OK:
		return true;
	case MMU_PF:
		engine_restore(e, b, s);
		exc_pf(v, gva, pfec);
		fault_fresh(e, b, s, gva, acc);
		return false;
	case MMU_MMIO:
	case MMU_HELPER:
		return fault_helper_form(e, b, s);
	case MMU_CODE:
		return fault_code(e, b, s, gpa, gva);
	case MMU_NOMEM:
		break;
	}
	engine_restore(e, b, s);
	fault_error(e, "the host refuses further memory mappings: raise "
		       "vm.max_map_count or free memory");
	return false;
}

/*
 * #MF with NE, else FERR# to the board's IRQ 13 (HAZARDS 60): the processor
 * stops before the instruction until an interrupt comes (SDM vol. 1, D.2.1).
 */
void engine_x87_error(struct engine *e)
{
	struct vcpu *v = e->v;

	if (v->cpu.cr0 & CR0_NE) {
		exc_raise(v, VEC_MF);
		return;
	}
	v->run->reason = UMBRA_EXIT_FERR;
	v->halted = true;
	e->leave = true;
}

/*
 * After EXIT_FAULT: cpu.fault holds the host's state. True: resume there;
 * false: the guest's state is in cpu and something is pending.
 */
bool engine_fault(struct engine *e)
{
	struct vcpu *v = e->v;
	const struct hfault *f = &v->cpu.fault;
	struct block *b = tcache_find(e->tc, f->rip);
	const struct bsite *s = b ? block_site_at(b, f->rip) : NULL;

	must(s, "host trap %u at %#lx (address %#lx) outside any site",
	     f->trapno, f->rip, f->addr);
	e->stats.faults++;
	if (f->trapno == 14 ||
	    (f->trapno == FAULT_BUS &&
	     vmmu_is_uffd_wp(v->mmu, vcpu_priv(v) == MMU_USER, f->addr)))
		return fault_page(e, b, s);
	engine_restore(e, b, s);
	switch (f->trapno) {
	case FAULT_KICK:
		e->restart = true;
		break;
	case FAULT_BUS:
		fault_error(e, signals_no_memory);
		break;
	case VEC_DE:
		exc_raise(v, VEC_DE);
		break;
	case VEC_GP: /* a misaligned 16- or 32-byte operand */
		exc_gp(v, 0);
		break;
	case VEC_MF:
		engine_x87_error(e);
		break;
	case VEC_XM:
		exc_raise(v, v->cpu.cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
		break;
	default:
		must(false, "host trap %u at %#lx", f->trapno, f->rip);
	}
	return false;
}
