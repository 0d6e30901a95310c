// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * engine.c - the vCPU loop: what is pending, which block, enter, why it left.
 *
 * Runs with the guest's vector state live (light) until it translates,
 * returns to the client or sleeps; each of those puts the state away first.
 */
#include <linux/futex.h>
#include <sys/syscall.h>

#include "engine.h"
#include "glue.h"
#include "lightmem.h"
#include "log.h"
#include "rawsys.h"
#include "signals.h"

/* --- vector state */

void vcpu_fpu_put(struct vcpu *v)
{
	if (v->cpu.fpu_saved)
		return;
	glue_fpu_save(v->cpu.xsave_area, v->eng->vm->host.xcr0 & 7);
	v->cpu.fpu_saved = 1;
}

void vcpu_fpu_get(struct vcpu *v)
{
	if (!v->cpu.fpu_saved)
		return;
	glue_fpu_load(v->cpu.xsave_area, v->eng->vm->host.xcr0 & 7);
	v->cpu.fpu_saved = 0;
}

/* FIP of an x87 image: the site at the host address, if it is one of ours. */
u32 fpu_map_fip(struct vcpu *v, u64 host_fip)
{
	struct block *b = tcache_find(v->eng->tc, host_fip);
	const struct bsite *s = b ? block_site_at(b, host_fip) : NULL;

	return s ? b->insn_eip[s->insn] : (u32)host_fip;
}

/* --- what generated code sees of the current view and mode */

/* The helper TLB's part for the current privilege and EFLAGS.AC (HAZARDS 54). */
static unsigned engine_tlb_set(const struct engine *e, bool ac)
{
	if (e->brk & BRK_GUEST || (e->modes[e->v->cpu.mode].flags & XM_ALIGN))
		return TLB_NONE;
	if (vcpu_priv(e->v) == MMU_USER)
		return TLB_USER;
	return ac ? TLB_SUPER_AC : TLB_SUPER;
}

void engine_activate(struct engine *e)
{
	struct vcpu *v = e->v;
	bool user = vcpu_priv(v) == MMU_USER;
	u32 view;

	if (user && v->cpu.user_work)
		vmmu_user_enter(v->mmu);
	view = vmmu_view_id(v->mmu, user);

	if (e->zapped) {
		e->zapped = false;
		pairs_drop(e);
	}
	if (e->stale || view != v->cpu.view) {
		e->stale = false;
		v->cpu.view = view;
		v->cpu.window = vmmu_window(v->mmu, user);
		for (unsigned ac = 0; ac < 2; ac++)
			v->cpu.tlbs_ac[ac] =
				(u64)v->cpu.tlbs[engine_tlb_set(e, ac)];
		v->cpu.tlb = v->cpu.tlbs_ac[!!(v->cpu.sysflags & EFL_AC)];
	}
	htab_activate(e);
}

/* tcache: the block must not be entered any more. */
static void engine_block_dropped(void *opaque, struct block *b)
{
	htab_forget_block(opaque, b);
}

static void engine_block_revived(void *opaque, struct block *b)
{
	if (b->nlandings)
		pairs_drop_block(opaque, b);
}

/* tcache: FIP may point into code that goes. A guest's address is none of the
 * cache's, so it says from now on what it is (HAZARDS 59). */
static void engine_code_reuse(void *opaque, u64 from, u64 to)
{
	struct engine *e = opaque;
	u8 *area = e->v->cpu.xsave_area;
	u64 fip = light_get64(area + FX_FIP);

	must(e->v->cpu.fpu_saved, "code is reused on a light exit");
	if (fip >= from && fip < to)
		light_put64(area + FX_FIP, fpu_map_fip(e->v, fip));
	pairs_drop_all(e);
}

static void engine_frame_clear(void *opaque, gfn_t gfn)
{
	struct engine *e = opaque;

	mmu_code_clear(e->vm->mmu, gfn);
}

/*
 * shadowmmu: a fetch translation ended. If it did for a fill or a helper of the
 * block that goes on, that may stand on the page and make a pair of it yet, of
 * which nobody would be told: the block leaves at its end.
 */
static void engine_fetch_zap(void *opaque, u32 view, gva_t gva, u64 npages)
{
	struct engine *e = opaque;

	engine_forget_fetch(e, gva, npages, view);
	if (!npages)
		trans_flush(e->v);
	htab_forget_pages(e, view, gva, npages);
	tcache_unchain_far(e->tc, view, gva, npages);
	pairs_drop_view(e, view);
	e->zapped |= view == e->v->cpu.view;
}

static void engine_tlb_zap(void *opaque, gva_t gva, u64 npages)
{
	struct engine *e = opaque;

	trans_zap(e, gva, npages);
	if (!npages || npages > TLB_SIZE) {
		engine_tlb_flush(e);
		return;
	}
	for (unsigned k = 0; k < TLB_NR; k++) {
		for (u64 i = 0; i < npages; i++) {
			u64 page = gva + i * PAGE_SIZE;
			struct tlb_entry *t =
				&e->v->cpu.tlbs[k][(page >> PAGE_SHIFT) &
						   (TLB_SIZE - 1)];

			if (t->rtag == page || t->wtag == page)
				t->rtag = t->wtag = 1;
		}
	}
}

/* shadowmmu: the walk has written to a frame with code. */
static void engine_code_write(void *opaque, gpa_t gpa, unsigned len)
{
	(void)len; /* an entry lies in one frame */
	engine_drop_code(opaque, gpa >> PAGE_SHIFT);
}

const struct mmu_ops engine_mmu_ops = {
	.fetch_zap = engine_fetch_zap,
	.tlb_zap = engine_tlb_zap,
	.code_write = engine_code_write,
};

const struct tcache_ops engine_tcache_ops = {
	.dropped = engine_block_dropped,
	.revived = engine_block_revived,
	.frame_clear = engine_frame_clear,
	.reuse = engine_code_reuse,
};

bool vcpu_mmu_update(struct vcpu *v, bool cr3_written)
{
	struct mmu_regs r = {
		.cr0 = v->cpu.cr0,
		.cr3 = v->cpu.cr3,
		.cr4 = v->cpu.cr4,
		.efer = v->cpu.efer,
		.phys_mask = v->eng->a20_off ? ~(1ull << 20) : ~0ull,
	};

	trans_flush(v);
	/* CR3 changes no mode, only views, which engine_activate() follows. */
	if (!cr3_written)
		v->mode_dirty = true;
	return vmmu_set_regs(v->mmu, &r, cr3_written);
}

/* --- C behind GLUE_HELPER */

bool engine_irq_waits(const struct engine *e)
{
	return __atomic_load_n(&e->irq_level, __ATOMIC_RELAXED);
}

/* From the vCPU's own thread, in C: the next boundary leads to the loop. */
void engine_kick_self(struct engine *e)
{
	__atomic_store_n(&e->v->cpu.kick, 1, __ATOMIC_RELAXED);
}

static enum hret helper_run(struct engine *e, const struct bhsite *h)
{
	struct vcpu *v = e->v;

	if (h->vector < 0)
		return sys_insn(v, &h->insn);
	switch (h->vector) {
	case VEC_DF:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
	case VEC_AC:
		return exc_raise_err(v, (unsigned)h->vector, h->error);
	default:
		return exc_raise(v, (unsigned)h->vector);
	}
}

/*
 * The instruction waits for the client: its port, or a device's memory. A
 * repeated string instruction has used up the values of the elements that it
 * has completed.
 */
static void helper_left(struct engine *e, u64 count)
{
	struct mmio *m = &e->mmio;

	e->leave = true;
	e->restart = !e->v->io.pending;
	if (m->want && count != e->v->cpu.gpr[R_CX]) {
		m->read[0] = m->read[m->nread];
		mmio_forget_reads(e);
	}
}

/* Nonzero: go on in the block behind the site. */
static u64 engine_helper(struct cpu *c, u32 site, u64 blockword)
{
	struct vcpu *v = container_of(c, struct vcpu, cpu);
	struct engine *e = v->eng;
	struct block *b = (struct block *)blockword;
	struct bhsite *h = &b->hsites[site];
	u64 count = c->gpr[R_CX];
	struct trans_from from = trans_before(e);
	enum hret r;

	must(site < b->nhsites, "helper site %u of %u", site, b->nhsites);
	e->stats.helpers++;
	e->mmio.next = 0;
	c->rip = h->eip;
	if (mmio_write_waits(e)) {
		e->restart = true; /* what it does would overtake the write */
		return 0;
	}
	if (h->insn.rep && !c->cpl)
		thrash_string(e, b, h);
	r = helper_run(e, h);
	if (r == H_NEXT)
		c->rip = (u32)(c->rip + h->insn.len);
	if (h->vector < 0 && (r == H_NEXT || r == H_END))
		trans_helper(e, &from, &h->insn);
	switch (r) {
	case H_NEXT:
		mmio_forget_reads(e);
		if (v->mode_dirty || b->dead || mmio_write_waits(e) ||
		    v->db_pending || h->end || e->zapped ||
		    (c->iflag && engine_irq_waits(e)))
			return 0;
		vcpu_fpu_get(v);
		return 1;
	case H_END:
		mmio_forget_reads(e);
		return 0;
	case H_EXC:
		return 0;
	case H_EXIT:
		helper_left(e, count);
		return 0;
	}
	return 0;
}

/* A kick came while C ran for a site: as the signal handler does it. */
static void engine_divert(struct cpu *c)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	struct block *b = tcache_find(e->tc, c->ret_pc - 1);

	if (b)
		tcache_unchain_exits(e->tc, b);
	c->pair_rsp = c->pair_top;
	c->hash = (u64)e->empty_hash;
}

/* The C functions that go back into a block whatever happens. */
#define BACK_TO_BLOCK(name)                                                   \
	static u64 back_##name(struct cpu *c, u32 r8, u64 r9)                 \
	{                                                                     \
		u64 ret = engine_##name(c, r8, r9);                           \
                                                                              \
		if (container_of(c, struct vcpu, cpu)->eng->zapped)           \
			engine_divert(c);                                     \
		return ret;                                                   \
	}
BACK_TO_BLOCK(tlb_miss)
BACK_TO_BLOCK(commit)
BACK_TO_BLOCK(seg_fault)

void engine_wire(struct engine *e)
{
	struct cpu *c = &e->v->cpu;

	c->helper = (u64)engine_helper;
	c->tlb_miss = (u64)back_tlb_miss;
	c->commit_fn = (u64)back_commit;
	c->seg_fault = (u64)back_seg_fault;
	c->divert = (u64)engine_divert;
	c->commit_none = tcache_base(e->tc) +
			 (u64)(glue_at_commit_none - glue_blob);
	c->commit_slow = tcache_base(e->tc) +
			 (u64)(glue_at_commit_slow - glue_blob);
	c->commit = c->commit_none;
}

/* --- what is pending before the next block */

enum todo { TODO_RUN, TODO_AGAIN, TODO_LEAVE };

static enum todo pending_mmio(struct engine *e)
{
	struct umbra_run *run = e->v->run;
	struct mmio *m = &e->mmio;

	if (mmio_write_waits(e)) {
		const struct mmio_write *w = &m->write[m->out++];

		if (m->out == m->nwrite)
			mmio_forget_writes(e);
		run->reason = UMBRA_EXIT_MMIO;
		run->mmio.is_write = true;
		run->mmio.gpa = w->gpa;
		run->mmio.len = (u8)w->len;
		light_copy(run->mmio.data, w->data, 8);
		e->stats.mmio_writes++;
		return TODO_LEAVE;
	}
	if (m->want) {
		struct mmio_read *r = &m->read[m->nread];

		m->want = false;
		m->asked = true;
		run->reason = UMBRA_EXIT_MMIO;
		run->mmio.is_write = false;
		run->mmio.gpa = r->gpa;
		run->mmio.len = (u8)r->len;
		e->stats.mmio_reads++;
		return TODO_LEAVE;
	}
	return TODO_RUN;
}

/* The port, or the MSR, has answered; a single step ends here. */
static void pending_io_complete(struct engine *e)
{
	struct vcpu *v = e->v;

	switch (sys_io_complete(v)) {
	case H_EXIT:
		e->leave = true;
		break;
	case H_EXC:
		break;
	default:
		v->inhibit = false;
		if (e->after)
			debug_after(e);
	}
}

/* The client has answered the last exit. */
static void pending_complete(struct engine *e)
{
	struct vcpu *v = e->v;
	struct mmio *m = &e->mmio;

	if (m->asked) {
		m->asked = false;
		light_copy(m->read[m->nread].data, v->run->mmio.data, 8);
		m->nread++;
		m->eip = vcpu_rip32(v);
	}
	if (v->io.pending)
		pending_io_complete(e);
}

static bool pending_inhibited(const struct vcpu *v)
{
	return v->inhibit && v->inhibit_rip == v->cpu.rip;
}

/* Interrupts must wait for the end of the next instruction; but not one that
 * waits for them itself (FERR#). */
static bool pending_held(const struct engine *e)
{
	if (e->v->halted)
		return false;
	return pending_inhibited(e->v) || mmio_read_waits(e);
}

static void pending_sleep(struct engine *e)
{
	struct vcpu *v = e->v;

	vcpu_fpu_put(v);
	e->stats.halts++;
	e->stats.run_ns += engine_now_ns();
	if (e->idle)
		e->idle(e->idle_opaque);
	__atomic_store_n(&e->sleeping, 1, __ATOMIC_SEQ_CST);
	/* Returns at once if kick is no longer 0: no wake-up is lost. */
	raw_futex(&v->cpu.kick, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0);
	__atomic_store_n(&e->sleeping, 0, __ATOMIC_SEQ_CST);
	e->stats.run_ns -= engine_now_ns();
}

static void pending_deliver(struct engine *e)
{
	struct trans_from from = trans_before(e);
	unsigned vector = e->v->exc.vector;
	bool soft = e->v->exc.soft;

	e->learn.to = NULL;
	exc_deliver(e->v);
	/* Another event has taken its place if it faulted. */
	if (soft && e->v->exc.soft)
		trans_int(e, &from, vector);
}

/* Traps behind the last instruction: the client's, then the guest's. */
static enum todo pending_trap(struct engine *e)
{
	struct vcpu *v = e->v;

	if (v->db_pending & DB_CLIENT) {
		debug_leave(e);
		return TODO_LEAVE;
	}
	if (pending_inhibited(v))
		return TODO_RUN;
	exc_raise(v, VEC_DB);
	v->exc.dr6 = v->db_pending;
	v->db_pending = 0;
	return TODO_AGAIN;
}

static enum todo pending_exception(struct engine *e)
{
	struct vcpu *v = e->v;

	if (v->exc.pending) {
		e->stats.exceptions++;
		v->halted = false;
		mmio_forget_reads(e);
		pending_deliver(e);
		return TODO_AGAIN;
	}
	if (v->db_pending)
		return pending_trap(e);
	return TODO_RUN;
}

static enum todo pending_interrupt(struct engine *e)
{
	struct vcpu *v = e->v;
	int vec;

	v->cpu.irq_probe = engine_irq_waits(e);
	if (pending_held(e))
		return TODO_RUN;
	if (!v->nmi_masked &&
	    __atomic_exchange_n(&e->nmi, 0, __ATOMIC_ACQ_REL)) {
		v->halted = false;
		v->nmi_masked = true; /* until the next iret */
		e->learn.to = NULL;
		trans_flush(v);
		exc_interrupt(v, VEC_NMI);
		return TODO_AGAIN;
	}
	if (!v->cpu.irq_probe || !v->cpu.iflag)
		return TODO_RUN;
	vcpu_fpu_put(v);
	vec = e->intack ? e->intack(e->intack_opaque) : -1;
	if (vec < 0)
		return TODO_RUN;
	e->stats.interrupts++;
	if (v->cpu.cpl == 3)
		htab_tick(e);
	e->learn.to = NULL;
	checked_tick(e);
	v->halted = false;
	exc_interrupt(v, (unsigned)vec);
	return TODO_AGAIN;
}

static void pending_alarm(struct engine *e)
{
	if (!__atomic_load_n(&e->alarm_due, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&e->alarm_due, 0, __ATOMIC_SEQ_CST);
	vcpu_fpu_put(e->v);
	if (e->alarm)
		e->alarm(e->alarm_opaque);
}

static enum todo engine_pending(struct engine *e)
{
	struct vcpu *v = e->v;
	enum todo t;

	__atomic_store_n(&v->cpu.kick, 0, __ATOMIC_SEQ_CST);
	if (e->sample) {
		thrash_sampled(e, e->sample);
		e->sample = 0;
	}
	pending_alarm(e);
	t = pending_mmio(e);
	if (t == TODO_RUN && e->leave)
		t = TODO_LEAVE;
	if (t == TODO_RUN && v->shutdown) {
		v->run->reason = UMBRA_EXIT_SHUTDOWN;
		t = TODO_LEAVE;
	}
	/* Before the deliveries: of those there may be no end. */
	if (t == TODO_RUN &&
	    __atomic_exchange_n(&e->want_intr, 0, __ATOMIC_ACQ_REL)) {
		v->run->reason = UMBRA_EXIT_INTR;
		t = TODO_LEAVE;
	}
	if (t == TODO_RUN)
		t = pending_exception(e);
	if (t == TODO_RUN)
		t = pending_interrupt(e);
	if (t == TODO_RUN && v->halted) {
		pending_sleep(e);
		t = TODO_AGAIN;
	}
	return t;
}

/* --- one stay in generated code */

static void exit_direct(struct engine *e, bool may_chain)
{
	struct vcpu *v = e->v;
	struct block *from = tcache_find(e->tc, v->cpu.exit_stub);
	struct bexit *x = from ? block_exit_at(from, v->cpu.exit_stub) : NULL;
	u64 reuses = tcache_stats(e->tc)->region_reuses;
	u32 eip = from ? from->eip : 0;
	struct block *to;

	must(x, "exit at %#lx, which is no stub", v->cpu.exit_stub);
	v->cpu.rip = x->target;
	if (!may_chain || (!x->same_page && !from->own) || from->dead ||
	    x->to || from->variant & BLOCK_ALONE || e->vm->inj.no_chain || v->mode_dirty ||
	    __atomic_load_n(&v->cpu.kick, __ATOMIC_RELAXED))
		return;
	to = engine_block(e, 0);
	if (tcache_stats(e->tc)->region_reuses != reuses)
		return; /* from may be gone */
	if (!to || to->variant & BLOCK_ALONE || from->dead || from->eip != eip ||
	    to->dead || x->to || to->mode != from->mode ||
	    to->own != from->own)
		return;
	if (debug_breaks_at(e, (u32)(e->modes[to->mode].cs_base + to->eip)))
		return;
	if (x->same_page ? to->gfn[0] != from->gfn[0] :
			   from->own != v->cpu.view ||
			   !engine_fetch_held(e, to))
		return;
	if (e->verify)
		block_check_chain(from, x, to);
	tcache_chain(e->tc, from, x, to);
}

/* The block that goes on leaves at its end. */
static void resume_divert(struct engine *e)
{
	struct cpu *c = &e->v->cpu;
	struct block *b = tcache_find(e->tc, c->fault.rip);

	tcache_unchain_exits(e->tc, b);
	c->fault.reg[H_RSP] = c->pair_top;
	c->hash = (u64)e->empty_hash;
}

static enum exit_reason engine_resume(struct engine *e)
{
	enum exit_reason r;

	vcpu_fpu_get(e->v);
	if (e->zapped)
		resume_divert(e);
	r = glue_resume(&e->v->cpu, false);
	/* As often as a kick comes before the registers are loaded: the state
	 * is in cpu.fault alone, so there is no other way on. */
	while (r == EXIT_KICK) {
		resume_divert(e);
		r = glue_resume(&e->v->cpu, true);
	}
	return r;
}

/* How the next block is to be run: BLOCK_* of struct block. */
static u8 execute_variant(const struct engine *e)
{
	if (e->step_once)
		return BLOCK_ONE | BLOCK_TEMP;
	if (e->slow || pending_inhibited(e->v))
		return BLOCK_ONE;
	/* What is held back must be looked at after the instruction. */
	if (mmio_read_waits(e) && (engine_irq_waits(e) || e->nmi))
		return BLOCK_ONE;
	return 0;
}

/* What holds for one instruction only: over when that is done, not when it
 * has to start over (HAZARDS 35). */
struct once {
	bool shadow; /* the instruction runs before interrupts */
	u64 rip;
	u32 rf;
	u64 db; /* data breakpoints already met */
};

static struct once once_begin(struct vcpu *v)
{
	struct once o = { .shadow = pending_inhibited(v), .rip = v->cpu.rip,
			  .rf = v->cpu.sysflags & EFL_RF,
			  .db = v->db_pending };

	v->cpu.sysflags &= ~EFL_RF;
	return o;
}

static void once_end(struct engine *e, const struct once *o)
{
	struct vcpu *v = e->v;

	if (v->exc.pending) {
		/* data breakpoints trap: what faults has met none */
		if (!v->exc.soft && !v->exc.icebp)
			v->db_pending = (v->db_pending & ~DB_DATA) |
					(o->db & DB_DATA);
		return;
	}
	if (e->restart) {
		v->cpu.sysflags |= o->rf;
		v->db_pending = o->db;
	} else if (o->shadow && v->inhibit_rip == o->rip) {
		v->inhibit = false;
	}
}

static void execute_left(struct engine *e, enum exit_reason r, bool may_chain)
{
	switch (r) {
	case EXIT_DIRECT:
		e->stats.exit_direct++;
		exit_direct(e, may_chain);
		break;
	case EXIT_HASH:
		e->stats.exit_hash++;
		break;
	case EXIT_HELPER:
		e->stats.exit_helper++;
		break;
	case EXIT_KICK: /* before the first instruction */
		e->stats.exit_kick++;
		e->restart = true;
		break;
	case EXIT_FAULT:
	case EXIT_NR:
		break;
	}
}

static void engine_execute(struct engine *e)
{
	struct vcpu *v = e->v;
	struct once once;
	struct block *b;
	enum exit_reason r;
	u8 variant;
	u32 mode = v->cpu.mode;
	bool after, ac;

	ac = !v->mode_dirty && mode_ac_changed(e);
	if (v->mode_dirty || ac)
		mode_update(e);
	engine_activate(e);
	if (ac)
		trans_ac(e, mode);
	if (e->learn.to)
		trans_commit(e);
	if (!mmio_read_waits(e))
		mmio_forget_reads(e);
	if (e->before && debug_before(e))
		return;
	variant = execute_variant(e);
	b = engine_block(e, variant);
	if (!b)
		return;
	e->step_once = false;
	after = e->after;
	if (log_on(LOG_EXEC) || log_on(LOG_CPU))
		engine_trace(e);
	if (variant) {
		pairs_drop(e);
		v->cpu.hash = (u64)e->empty_hash;
	} else {
		htab_add(e, b);
	}
	once = once_begin(v);
	e->restart = false;
	v->cpu.commit = v->cpu.commit_none; /* of a write that faulted */
	e->zapped = false; /* no block was under way */
	vcpu_fpu_get(v);
	e->stats.enters++;
	r = glue_enter(&v->cpu, b->host + b->entry);
	while (r == EXIT_FAULT && engine_fault(e))
		r = engine_resume(e);
	/* A kick in the middle of a ret may have dropped the pairs and then
	 * one more. */
	if (v->cpu.pair_rsp > v->cpu.pair_top)
		pairs_drop(e);
	execute_left(e, r, !variant);
	if (after && !e->restart)
		debug_after(e);
	once_end(e, &once);
}

int umbra_vcpu_run(struct vcpu *v)
{
	struct engine *e = v->eng;
	int err = signals_attach(e);

	if (err)
		return err;
	vcpu_fpu_put(v);
	e->stats.run_ns -= engine_now_ns();
	e->leave = false;
	e->learn.to = NULL;
	pending_complete(e);
	for (;;) {
		enum todo t = engine_pending(e);

		if (t == TODO_LEAVE)
			break;
		if (t == TODO_RUN)
			engine_execute(e);
	}
	e->leave = false;
	vcpu_fpu_put(v);
	e->stats.run_ns += engine_now_ns();
	return 0;
}

/* --- from any thread */

/* Leaves its mark, then wakes or interrupts the vCPU's thread. */
static void engine_kick(struct engine *e)
{
	pid_t tid = __atomic_load_n(&e->tid, __ATOMIC_SEQ_CST);

	__atomic_store_n(&e->v->cpu.kick, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&e->sleeping, __ATOMIC_SEQ_CST))
		raw_futex(&e->v->cpu.kick, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
	else if (tid && tid != raw_gettid())
		raw_tgkill(raw_getpid(), tid, signals_kick_number());
}

void umbra_irq(struct vcpu *v, bool level)
{
	u32 old = __atomic_exchange_n(&v->eng->irq_level, level,
				      __ATOMIC_SEQ_CST);

	if (level && !old)
		engine_kick(v->eng);
}

void umbra_nmi(struct vcpu *v)
{
	__atomic_store_n(&v->eng->nmi, 1, __ATOMIC_SEQ_CST);
	engine_kick(v->eng);
}

void umbra_kick(struct vcpu *v)
{
	__atomic_store_n(&v->eng->want_intr, 1, __ATOMIC_SEQ_CST);
	engine_kick(v->eng);
}
