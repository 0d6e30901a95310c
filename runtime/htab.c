// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * htab.c - what generated code sees of the current view and mode: its hash
 * table and its pair stack (HAZARDS 27).
 *
 * Light. Both belong to one (view, mode) and outlive its absence: a user
 * program finds its own returns after a system call. A table is cleared by
 * the log of its slots, or whole if there were too many.
 */
#include "engine.h"
#include "lightmem.h"

static void table_fill(u64 *p, size_t n, u64 value)
{
	__asm__ volatile("rep stosq"
			 : "+D"(p), "+c"(n)
			 : "a"(value)
			 : "memory");
}

static void htab_clear(struct engine *e, struct htab *h)
{
	if (h->nlog > HTAB_LOG)
		table_fill(h->table, HASH_SIZE, e->hash_miss);
	for (unsigned i = 0; i < h->nlog && h->nlog <= HTAB_LOG; i++)
		h->table[h->log[i]] = e->hash_miss;
	h->nlog = 0;
	h->pages = 0;
}

static void htab_set(struct engine *e, struct htab *h, u32 eip, u64 host)
{
	u16 slot = (u16)eip;

	if (h->table[slot] == e->hash_miss && h->nlog <= HTAB_LOG) {
		if (h->nlog < HTAB_LOG)
			h->log[h->nlog] = slot;
		h->nlog++; /* one more than fits: clear it whole */
	}
	h->pages |= 1u << (slot >> PAGE_SHIFT);
	h->table[slot] = host;
}

static struct htab *htab_search(struct engine *e)
{
	struct htab *old = NULL;

	for (unsigned i = 0; i < HTABS; i++) {
		struct htab *h = &e->htab[i];

		if (h->view == e->v->cpu.view && h->mode == e->v->cpu.mode)
			return h;
		if (h != e->v->cpu.htab && (!old || h->used < old->used))
			old = h;
	}
	if (!old->used)
		old->nlog = HTAB_LOG + 1; /* never filled */
	else if (old->view)
		e->stats.htab_reuses++;
	htab_clear(e, old);
	trans_flush(e->v);
	old->view = e->v->cpu.view;
	old->mode = e->v->cpu.mode;
	old->pair_rsp = old->pair_top;
	old->ticks = 0;
	old->own = old->view == VIEW_SUPER || e->vm->inj.far_now;
	return old;
}

/* The same, remembered where it was last. */
static struct htab *htab_get(struct engine *e)
{
	u32 view = e->v->cpu.view, mode = e->v->cpu.mode;
	u8 *hint = &e->htab_hint[(view * 31 + mode) % HTAB_HINTS];
	struct htab *h = &e->htab[*hint];

	if (h->view != view || h->mode != mode) {
		h = htab_search(e);
		*hint = (u8)(h - e->htab);
	}
	return h;
}

void htab_activate(struct engine *e)
{
	struct cpu *c = &e->v->cpu;
	struct htab *h = c->htab;

	if (!h || h->view != e->v->cpu.view || h->mode != e->v->cpu.mode) {
		if (h)
			h->pair_rsp = c->pair_rsp;
		h = c->htab = htab_get(e);
		h->used = ++e->stamp;
		c->pair_rsp = h->pair_rsp;
		c->pair_top = h->pair_top;
	}
	c->hash = (u64)h->table;
}

/*
 * A program that runs for long gets blocks of its own, which are chained over
 * the ends of pages; until then its blocks are shared with all who have the
 * same code, which is what fork and exec live by. The supervisor, of which
 * there is one view only, has its own from the start.
 */
void htab_tick(struct engine *e)
{
	struct htab *h = e->v->cpu.htab;

	if (!h || h->own || ++h->ticks < OWN_TICKS)
		return;
	h->own = true;
	htab_clear(e, h);
}

/* The view whose own blocks are to be used now, or 0. */
u32 htab_own(const struct engine *e)
{
	const struct xmode *m = &e->modes[e->v->cpu.mode];
	const struct htab *h = e->v->cpu.htab;

	return h && h->own && !m->cs_base && m->cs_limit == 0xffffffff &&
			       !e->vm->inj.no_far ?
		       h->view :
		       0;
}

/* Only while the end of the fetch translation would be told (HAZARDS 29). */
void htab_add(struct engine *e, const struct block *b)
{
	struct htab *h = e->v->cpu.htab;

	if (h && !(b->variant & BLOCK_ALONE) && !b->dead &&
	    engine_fetch_held(e, b))
		htab_set(e, h, b->eip, b->host + b->checked);
}

void htab_forget_block(struct engine *e, const struct block *b)
{
	u64 host = b->host + b->checked;
	u16 slot = (u16)b->eip;

	for (unsigned i = 0; i < HTABS; i++) {
		struct htab *h = &e->htab[i];

		if (h->view && h->mode == b->mode && h->table[slot] == host)
			h->table[slot] = e->hash_miss;
	}
}

/* Entries of a page, and of the instructions that go over into it: their
 * blocks begin in the page before (HAZARDS 3). */
static void htab_forget_page(struct engine *e, struct htab *h, gva_t gva)
{
	u16 first = gva & 0xf000;
	u32 bit = 1u << (first >> PAGE_SHIFT);

	for (u16 k = 1; k < INSN_MAX_LEN; k++)
		h->table[(u16)(first - k)] = e->hash_miss;
	if (!(h->pages & bit))
		return;
	table_fill(&h->table[first], PAGE_SIZE, e->hash_miss);
	h->pages &= ~bit;
}

void htab_forget_pages(struct engine *e, u32 view, gva_t gva, u64 npages)
{
	for (unsigned i = 0; i < HTABS; i++) {
		struct htab *h = &e->htab[i];

		if (h->view != view)
			continue;
		if (!npages || npages >= 16 || e->modes[h->mode].cs_base) {
			htab_clear(e, h);
			continue;
		}
		for (u64 k = 0; k < npages; k++)
			htab_forget_page(e, h, gva + k * PAGE_SIZE);
	}
}

/* Mode ids change their meaning. */
void htab_forget_all(struct engine *e)
{
	for (unsigned i = 0; i < HTABS; i++) {
		if (e->htab[i].view)
			htab_clear(e, &e->htab[i]);
		e->htab[i].view = 0;
	}
	pairs_drop_all(e);
	e->v->cpu.htab = NULL;
}

void pairs_drop(struct engine *e)
{
	e->v->cpu.pair_rsp = e->v->cpu.pair_top;
	e->v->cpu.fault.reg[H_RSP] = e->v->cpu.pair_top;
}

void pairs_drop_view(struct engine *e, u32 view)
{
	for (unsigned i = 0; i < HTABS; i++) {
		if (e->htab[i].view == view)
			e->htab[i].pair_rsp = e->htab[i].pair_top;
	}
	if (e->v->cpu.htab && e->v->cpu.htab->view == view)
		pairs_drop(e);
}

void pairs_drop_all(struct engine *e)
{
	for (unsigned i = 0; i < HTABS; i++)
		e->htab[i].pair_rsp = e->htab[i].pair_top;
	pairs_drop(e);
}

/* A stack deeper than this is not searched but dropped. */
#define PAIRS_SEARCH 256

static bool pairs_name(u64 rsp, u64 top, const struct block *b)
{
	if (top - rsp > PAIRS_SEARCH * 8)
		return true;
	for (; rsp < top; rsp += 8) {
		if (*(const u64 *)rsp - b->host < b->size)
			return true;
	}
	return false;
}

void pairs_drop_block(struct engine *e, const struct block *b)
{
	const struct cpu *c = &e->v->cpu;

	for (unsigned i = 0; i < HTABS; i++) {
		struct htab *h = &e->htab[i];

		if (h != e->v->cpu.htab && pairs_name(h->pair_rsp, h->pair_top, b))
			h->pair_rsp = h->pair_top;
	}
	if (pairs_name(c->pair_rsp, c->pair_top, b))
		pairs_drop(e);
}
