// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debug.c - stopping the guest at an instruction or behind an access: for the
 * guest itself (DR0..DR7, TF: SDM vol. 3, chapter 17) and for the client
 * (umbra_set_debug()). Light code.
 *
 * The guest's own breakpoints change the mode: every instruction is a block of
 * its own. The client's cost nothing but where they are:
 *
 * - A block ends before a breakpoint, and what begins at one is neither chained
 *   to nor in a hash. So whoever comes to the address comes by the dispatcher,
 *   which asks debug_before().
 * - The page of a watchpoint is in no window and not in the helper TLB, so
 *   every access to it comes to C. The instruction that touches a watchpoint is
 *   run once more, alone, and leaves with DB_WATCH pending.
 * - A step is an interrupt shadow (vcpu.inhibit) of one instruction, which
 *   makes it a block of its own that interrupts wait for, DB_STEP behind it.
 */
#include "engine.h"
#include "lightmem.h"

static u32 debug_la(const struct vcpu *v)
{
	return (u32)(v->cpu.seg[CPU_CS].base + v->cpu.rip);
}

static bool debug_held(const struct vcpu *v)
{
	return v->inhibit && v->inhibit_rip == v->cpu.rip;
}

/* --- the guest's */

/* Execute breakpoints: #DB before the instruction, unless RF is set. */
static bool guest_breaks(struct engine *e)
{
	struct vcpu *v = e->v;
	u32 la = debug_la(v);
	u64 hit = 0;

	for (unsigned i = 0; i < 4; i++) {
		if ((v->cpu.dr[7] & (3u << (2 * i))) &&
		    !((v->cpu.dr[7] >> (16 + 4 * i)) & 15) &&
		    (u32)v->cpu.dr[i] == la)
			hit |= DR6_B0 << i;
	}
	if (!hit || (v->cpu.sysflags & EFL_RF))
		return false;
	exc_raise(v, VEC_DB);
	v->exc.dr6 = hit;
	return true;
}

/* Do the len bytes from la and the n from `at` meet? Modulo 2^32: the last cell
 * of the address space ends at address 0. */
static bool debug_meets(u32 la, unsigned len, u32 at, u32 n)
{
	return la - at < n || at - la < len;
}

static void guest_access(struct engine *e, u32 la, unsigned len, bool write)
{
	const struct cpu *c = &e->v->cpu;

	for (unsigned i = 0; i < 4; i++) {
		unsigned rw = (c->dr[7] >> (16 + 4 * i)) & 3;
		unsigned lc = (c->dr[7] >> (18 + 4 * i)) & 3;
		u32 n = lc == 2 ? 8 : lc + 1;

		if (!(c->dr[7] & (3u << (2 * i))))
			continue;
		if (rw != 3 && !(rw == 1 && write))
			continue;
		if (debug_meets(la, len, (u32)c->dr[i] & ~(n - 1), n))
			e->v->db_pending |= DR6_B0 << i;
	}
}

/* --- the client's breakpoints */

static u64 debug_bit(u32 la)
{
	return 1ull << (la * 0x9e3779b1u >> 26);
}

bool debug_breaks_at(const struct engine *e, u32 la)
{
	const struct engine_debug *d = &e->debug;

	if (!(d->filter & debug_bit(la)))
		return false;
	for (unsigned i = 0; i < d->nbreaks; i++) {
		if (d->breaks[i] == la)
			return true;
	}
	return false;
}

u32 debug_room(const struct engine *e, u32 la)
{
	const struct engine_debug *d = &e->debug;
	u32 room = PAGE_SIZE;

	for (unsigned i = 0; i < d->nbreaks; i++) {
		if (d->breaks[i] - la - 1 < room - 1)
			room = d->breaks[i] - la;
	}
	return room < PAGE_SIZE ? room : 0;
}

/* Does the block have a breakpoint that was not there when it was made? */
static bool debug_block_has_new(const struct block *b, const void *opaque)
{
	const struct engine *e = opaque;
	const struct engine_debug *d = &e->debug;
	u32 la = (u32)(e->modes[b->mode].cs_base + b->eip);

	for (unsigned i = 0; i < d->nbreaks; i++) {
		if (d->breaks[i] - la < b->guest_len)
			return true;
	}
	return false;
}

static void debug_set_breaks(struct engine *e, const struct umbra_debug *new)
{
	struct engine_debug *d = &e->debug;

	if (d->nbreaks == new->nbreaks &&
	    light_equal(d->breaks, new->breaks, 4 * new->nbreaks))
		return;
	d->nbreaks = new->nbreaks;
	light_copy(d->breaks, new->breaks, 4 * new->nbreaks);
	d->filter = 0;
	for (unsigned i = 0; i < d->nbreaks; i++)
		d->filter |= debug_bit(d->breaks[i]);
	if (d->nbreaks)
		tcache_drop_which(e->tc, debug_block_has_new, e);
}

/* --- the client's watchpoints */

bool debug_watches_page(const struct engine *e, u32 la)
{
	const struct engine_debug *d = &e->debug;

	for (unsigned i = 0; i < d->nwatches; i++) {
		const struct umbra_watch *w = &d->watches[i];

		if (!((w->la ^ la) & (u32)PAGE_MASK) ||
		    !(((w->la + w->len - 1u) ^ la) & (u32)PAGE_MASK))
			return true;
	}
	return false;
}

static bool client_access(struct engine *e, u32 la, unsigned len,
			  unsigned kinds)
{
	struct engine_debug *d = &e->debug;

	for (unsigned i = 0; i < d->nwatches; i++) {
		const struct umbra_watch *w = &d->watches[i];

		if (!(w->kind & kinds) || !debug_meets(la, len, w->la, w->len))
			continue;
		d->hit_la = la - w->la < w->len ? la : w->la;
		d->hit_kind = w->kind;
		return true;
	}
	return false;
}

void debug_access(struct engine *e, u32 la, unsigned len, bool write,
		  enum mmu_priv priv)
{
	if ((e->brk & BRK_GUEST) && priv != MMU_IMPLICIT)
		guest_access(e, la, len, write);
	if (client_access(e, la, len,
			  write ? UMBRA_WATCH_WRITE : UMBRA_WATCH_READ))
		e->v->db_pending |= DB_WATCH;
}

bool debug_helper_access(struct engine *e, const struct block *b, u32 la,
			 unsigned len, u64 acc)
{
	unsigned kinds = (acc & ACC_WRITE ? UMBRA_WATCH_WRITE : 0) |
			 (acc & ACC_READ ? UMBRA_WATCH_READ : 0);

	if (e->brk & BRK_GUEST)
		guest_access(e, la, len, acc & ACC_WRITE);
	if (!client_access(e, la, len, kinds))
		return false;
	if (!(b->variant & BLOCK_ALONE)) {
		e->step_once = true;
		return true;
	}
	e->v->db_pending |= DB_WATCH;
	return false;
}

static bool block_has_helpers(const struct block *b, const void *opaque)
{
	(void)opaque;
	return b->helpers;
}

/* Sites have helper form because of watchpoints that are no more: all begin
 * anew, those that need it will be found again. */
static void debug_forget_sites(struct engine *e)
{
	light_zero(e->sites, sizeof(e->sites));
	tcache_drop_which(e->tc, block_has_helpers, NULL);
}

static void debug_set_watches(struct engine *e, const struct umbra_debug *new)
{
	struct engine_debug *d = &e->debug;
	size_t size = new->nwatches * sizeof(*d->watches);
	u32 pages[2 * UMBRA_DEBUG_WATCHES];

	if (d->nwatches == new->nwatches &&
	    light_equal(d->watches, new->watches, size))
		return;
	if (d->nwatches && !new->nwatches)
		debug_forget_sites(e);
	d->nwatches = new->nwatches;
	light_copy(d->watches, new->watches, size);
	for (unsigned i = 0; i < d->nwatches; i++) {
		const struct umbra_watch *w = &d->watches[i];

		pages[2 * i] = w->la >> PAGE_SHIFT;
		pages[2 * i + 1] = (w->la + w->len - 1u) >> PAGE_SHIFT;
	}
	static_assert(2 * UMBRA_DEBUG_WATCHES <= MMU_WITHHELD, "pages");
	vmmu_withhold(e->v->mmu, pages, 2 * d->nwatches);
	engine_tlb_flush(e);
	e->brk = (u8)((e->brk & BRK_GUEST) | (d->nwatches ? BRK_CLIENT : 0));
}

/* --- the dispatcher's side */

void debug_update(struct engine *e)
{
	const struct engine_debug *d = &e->debug;

	e->before = e->slow || d->nbreaks || d->step;
	e->after = e->tf || d->step;
}

static void debug_exit(struct engine *e, enum umbra_debug_why why)
{
	struct umbra_run *run = e->v->run;

	run->reason = UMBRA_EXIT_DEBUG;
	run->debug.why = why;
	run->debug.pc = debug_la(e->v);
	run->debug.la = e->debug.hit_la;
	run->debug.kind = e->debug.hit_kind;
}

bool debug_before(struct engine *e)
{
	struct engine_debug *d = &e->debug;
	bool held = debug_held(e->v);
	u32 la = debug_la(e->v);

	if (d->skip && !(held && d->skip_la == la))
		d->skip = false;
	/* Not held: an exception or an interrupt has led away from there. */
	if (d->step && !held)
		debug_exit(e, UMBRA_DEBUG_STEP);
	else if (!d->skip && debug_breaks_at(e, la))
		debug_exit(e, UMBRA_DEBUG_BREAK);
	else
		return e->slow && guest_breaks(e);
	e->leave = true;
	return true;
}

void debug_after(struct engine *e)
{
	struct vcpu *v = e->v;

	if (v->shutdown || e->leave)
		return;
	if (e->tf && !v->exc.pending)
		v->db_pending |= DR6_BS;
	if (e->debug.step)
		v->db_pending |= DB_STEP;
}

void debug_leave(struct engine *e)
{
	debug_exit(e, e->v->db_pending & DB_WATCH ? UMBRA_DEBUG_WATCH :
						    UMBRA_DEBUG_STEP);
	e->v->db_pending &= ~DB_CLIENT;
}

static bool debug_is_valid(const struct umbra_debug *d)
{
	if (d->nbreaks > UMBRA_DEBUG_BREAKS ||
	    d->nwatches > UMBRA_DEBUG_WATCHES)
		return false;
	for (unsigned i = 0; i < d->nwatches; i++) {
		const struct umbra_watch *w = &d->watches[i];

		if (!w->len || w->len > 8 || !w->kind ||
		    w->kind & ~(UMBRA_WATCH_READ | UMBRA_WATCH_WRITE))
			return false;
	}
	return true;
}

int umbra_set_debug(struct vcpu *v, const struct umbra_debug *new)
{
	struct engine *e = v->eng;
	struct engine_debug *d = &e->debug;

	if (!debug_is_valid(new))
		return -EINVAL;
	debug_set_breaks(e, new);
	debug_set_watches(e, new);
	d->step = new->step;
	d->skip_la = debug_la(v);
	d->skip = debug_breaks_at(e, d->skip_la);
	v->db_pending &= ~DB_CLIENT;
	/* What is pending comes first: that is the step then. */
	if ((d->step || d->skip) && !v->halted && !v->exc.pending &&
	    !v->db_pending) {
		v->inhibit = true;
		v->inhibit_rip = v->cpu.rip;
	}
	debug_update(e);
	return 0;
}
