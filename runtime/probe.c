// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe.c - tells the client of events; see probe.h and umbra.h.
 *
 * A block's event comes before its first instruction, by a call in the block.
 * What then keeps the rest of it from running - a fault, a helper that leaves -
 * is told as a cut, with the instructions that did not run, so that sums over
 * both are exact: an instruction counts when it is complete.
 */
#include "engine.h"
#include "probe.h"
#include "sys_impl.h"

/* Calls the client. The guest's vector state is as it was, live or saved. */
static void probe_call(struct engine *e, const struct umbra_event *ev)
{
	struct vcpu *v = e->v;
	bool live = !v->cpu.fpu_saved;

	vcpu_fpu_put(v);
	e->probes.event(e->probes.opaque, ev);
	if (live)
		vcpu_fpu_get(v);
}

/* An event of the instruction at cpu.rip. */
static void probe_tell(struct engine *e, struct umbra_event *ev)
{
	const struct vcpu *v = e->v;

	ev->eip = vcpu_rip32(v);
	ev->la = (u32)(v->cpu.seg[CPU_CS].base + v->cpu.rip);
	ev->cpl = v->cpu.cpl;
	probe_call(e, ev);
}

void probe_page_fault(struct vcpu *v, const struct gexc *x)
{
	struct umbra_event ev = { .kind = UMBRA_EVENT_PAGEFAULT };

	ev.fault.address = (u32)x->cr2;
	ev.fault.error = x->error;
	probe_tell(v->eng, &ev);
}

void probe_syscall(struct vcpu *v, unsigned vector)
{
	struct umbra_event ev = { .kind = UMBRA_EVENT_SYSCALL };

	ev.syscall.vector = vector;
	probe_tell(v->eng, &ev);
}

void probe_port(struct vcpu *v, u16 port, unsigned size, bool in, u32 value)
{
	struct umbra_event ev = { .kind = UMBRA_EVENT_PORT };

	ev.port.port = port;
	ev.port.size = (u8)size;
	ev.port.is_write = !in;
	ev.port.value = value;
	probe_tell(v->eng, &ev);
}

/* --- blocks */

/* xlate_in.probe */
bool probe_wants_block(void *opaque, u32 eip)
{
	struct engine *e = opaque;
	const struct xmode *m = &e->modes[e->v->cpu.mode];

	return !e->probes.block ||
	       e->probes.block(e->probes.opaque, (u32)(m->cs_base + eip),
			       m->cpl);
}

static void probe_tell_block(struct engine *e, const struct block *b,
			     struct umbra_event *ev)
{
	const struct xmode *m = &e->modes[b->mode];

	ev->eip = b->eip;
	ev->la = (u32)(m->cs_base + b->eip);
	ev->cpl = m->cpl;
	probe_call(e, ev);
}

/* C behind GLUE_PROBE. */
static u64 probe_block(struct cpu *c, u32 unused, u64 blockword)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	const struct block *b = (const struct block *)blockword;
	struct umbra_event ev = { .kind = UMBRA_EVENT_BLOCK };

	(void)unused;
	c->rip = b->eip;
	if (probe_on(e->v, UMBRA_EVENT_BLOCK)) {
		ev.block.insns = b->ninsns;
		ev.block.bytes = b->guest_len;
		for (unsigned i = 0; i < XHOW_NR; i++)
			ev.block.how[i] = b->hows[i];
		probe_tell_block(e, b, &ev);
	}
	return 1;
}

/* Of b the instructions from `done` on do not run. */
static void probe_cut(struct engine *e, const struct block *b, unsigned done)
{
	struct umbra_event ev = { .kind = UMBRA_EVENT_CUT };

	if (!probe_on(e->v, UMBRA_EVENT_CUT) || !b->probed ||
	    done >= b->ninsns)
		return;
	ev.block.insns = b->ninsns - done;
	ev.block.bytes = b->insn_eip[b->ninsns] - b->insn_eip[done];
	for (unsigned i = done; i < b->ninsns; i++)
		ev.block.how[b->how[i]]++;
	probe_tell_block(e, b, &ev);
}

void probe_fault(struct engine *e, const struct block *b,
		 const struct bsite *s)
{
	probe_cut(e, b, s->insn + (s->kind == SITE_AFTER));
}

/* A port's instruction is complete when the client has answered, but for a
 * repeated one with elements left. */
static bool helper_waits(const struct vcpu *v)
{
	const struct io_state *io = &v->io;

	if (!io->pending)
		return true;
	return !io->msr && io->rep && string_count(v, io->adsize) > 1;
}

/* A helper has left the block at h: is the instruction complete? A repeated
 * one may be left between two elements. */
static bool helper_is_done(const struct engine *e, const struct bhsite *h)
{
	const struct vcpu *v = e->v;

	if (v->exc.pending) /* int n is, what faults is not */
		return v->exc.soft || v->exc.icebp;
	if (e->restart)
		return false;
	if (e->leave)
		return !helper_waits(v);
	return !(h->insn.rep || h->insn.repne) || vcpu_rip32(v) != h->eip;
}

static u64 probe_helper(struct cpu *c, u32 site, u64 blockword)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	const struct block *b = (const struct block *)blockword;
	const struct bhsite *h = &b->hsites[site];
	u64 ret = e->unprobed.helper(c, site, blockword);

	if (!ret)
		probe_cut(e, b, h->index + helper_is_done(e, h));
	return ret;
}

/* --- accesses */

/* The block and the place in it from which C was called. */
static const struct bsite *probe_site(struct engine *e, struct block **b)
{
	u64 pc = e->v->cpu.ret_pc - 1;

	*b = tcache_find(e->tc, pc);
	must(*b, "called from %#lx, which is no block", pc);
	return block_site_at(*b, pc);
}

static void probe_mem(struct vcpu *v, u32 la, unsigned size, u32 access)
{
	struct umbra_event ev = { .kind = UMBRA_EVENT_MEM };

	ev.mem.address = la;
	ev.mem.size = size;
	ev.mem.access = access;
	probe_tell(v->eng, &ev);
}

void probe_gmem(struct vcpu *v, u32 la, unsigned size, bool write)
{
	probe_mem(v, la, size, write ? UMBRA_WRITES : UMBRA_READS);
}

static u64 probe_tlb_miss(struct cpu *c, u32 la, u64 acc)
{
	struct vcpu *v = container_of(c, struct vcpu, cpu);
	struct block *b;
	const struct bsite *s = probe_site(v->eng, &b);
	u64 host = v->eng->unprobed.tlb_miss(c, la, acc);

	if (!host) {
		probe_cut(v->eng, b, s->insn);
		return 0;
	}
	if (!probe_on(v, UMBRA_EVENT_MEM))
		return host;
	must(!s->sp_off, "esp is lazy in helper form");
	probe_mem(v, la, acc & 0xfff,
		  (acc & ACC_READ ? UMBRA_READS : 0) |
		  (acc & ACC_WRITE ? UMBRA_WRITES : 0));
	return host;
}

static u64 probe_seg_fault(struct cpu *c, u32 off, u64 acc)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	struct block *b;
	const struct bsite *s = probe_site(e, &b);

	probe_cut(e, b, s->insn);
	return e->unprobed.seg_fault(c, off, acc);
}

static u64 probe_commit(struct cpu *c, u32 unused8, u64 unused9)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	struct block *b;
	const struct bsite *s = probe_site(e, &b);
	u64 ret = e->unprobed.commit(c, unused8, unused9);

	if (!ret)
		probe_cut(e, b, s->insn + 1);
	return ret;
}

/* --- set-up */

/* Without probes the glue leads past this file. */
void probe_wire(struct engine *e)
{
	struct cpu *c = &e->v->cpu;

	e->unprobed.helper = (void *)c->helper;
	e->unprobed.tlb_miss = (void *)c->tlb_miss;
	e->unprobed.seg_fault = (void *)c->seg_fault;
	e->unprobed.commit = (void *)c->commit_fn;
	c->helper = (u64)probe_helper;
	c->tlb_miss = (u64)probe_tlb_miss;
	c->seg_fault = (u64)probe_seg_fault;
	c->commit_fn = (u64)probe_commit;
	c->probe = (u64)probe_block;
}
