// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thrash.c - sites that keep touching fresh memory go to helper form, and come
 * back when they have become hot. Light code.
 *
 * The first access of user code to a page that the guest has yet to provide
 * costs a host signal, and its window page a host mapping and in the end its
 * zap: some 7 us. In helper form it costs a walk, but each further access costs
 * a few ns more than a plain one. So a site that meets many fresh pages in a
 * short time is given helper form, and loses it when a kick finds the vCPU in
 * its lookup although the site has met few fresh pages since: it then spends
 * more than it saves. Each return makes the next change four times as hard.
 *
 * Sites that come to such pages next go the same way.
 *
 * So do the kernel's sites that touch pages which come and go (temporary
 * mappings of high memory): there each visit costs a zap as well; and all sites
 * that fault while the host mappings are near their budget, where each mapping
 * costs another one. A repeated
 * string instruction in helper form is C, which counts its uses instead.
 *
 * All of it is a guess about speed: the table may forget, two sites may share
 * an entry, address spaces share it.
 */
#include "engine.h"
#include "lightmem.h"

enum {
	THRASH_FAULTS = 32,	  /* fresh pages before the first change */
	THRASH_FAULTS_MAX = 8192,
	THRASH_GAP_US = 200,	  /* at most between them, on the average */
	THRASH_COST_US = 7,	  /* what helper form saves for a fresh page */
	THRASH_SAMPLE_US = 1000,  /* shorter times prove nothing */
	THRASH_SHARE = 4,	  /* of a site's time may go to its lookups */
	THRASH_USES = 256,	  /* of a string before it is judged */
	THRASH_USES_EACH = 16,	  /* as good as one fresh page */
};

static u64 thrash_now(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static u64 thrash_us(const struct engine *e, u64 cycles)
{
	return cycles / (MAX(e->vm->host.tsc_khz, (u64)1000) / 1000);
}

static struct thrash_site *thrash_slot(struct engine *e, u32 la)
{
	return &e->thrash[(la * 0x9e3779b1u) >> 22];
}
static_assert(THRASH_SITES == 1u << 10, "thrash_slot() yields 10 bits");

static struct thrash_site *thrash_take(struct engine *e, u32 la)
{
	struct thrash_site *t = thrash_slot(e, la);

	if (t->la == la && t->limit)
		return t;
	if (t->helper)
		engine_site_remove(e, t->la);
	*t = (struct thrash_site){ .la = la, .limit = THRASH_FAULTS };
	return t;
}

/* A direct access of the site met a fresh page, or one that comes and goes.
 * True: give it helper form. The weight says how sure it is that a mapping
 * would be in vain. */
bool thrash_fault(struct engine *e, u32 la, u32 weight)
{
	struct thrash_site *t = thrash_take(e, la);
	u64 now = thrash_now();

	if (t->helper)
		return true;
	if (!t->fresh)
		t->since = now;
	t->fresh += weight;
	if (t->fresh < t->limit)
		return false;
	t->helper = thrash_us(e, now - t->since) <
		    (u64)t->limit * THRASH_GAP_US;
	t->fresh = 0;
	t->since = now;
	e->stats.thrash_sites += t->helper;
	return t->helper;
}

bool thrash_is_helper(struct engine *e, u32 la)
{
	const struct thrash_site *t = thrash_slot(e, la);

	return t->la == la && t->helper && engine_site_test(e, la);
}

/* The same in helper form, at an address in the page. */
void thrash_fresh(struct engine *e, u32 la, u32 page)
{
	struct thrash_site *t = thrash_slot(e, la);

	if (t->la != la || !t->helper)
		return;
	t->fresh++;
	e->fresh_page[e->fresh_next++ % FRESH_PAGES] = page & PAGE_MASK;
}

/* Was the page just met in helper form? Whoever comes to it next would have it
 * mapped: better to let him go the same way. */
bool thrash_follows(const struct engine *e, u32 page)
{
	for (unsigned i = 0; i < FRESH_PAGES; i++) {
		if (e->fresh_page[i] == (page & PAGE_MASK))
			return true;
	}
	return false;
}

/* Does the site meet enough fresh pages? Too soon to tell counts as yes. */
static bool thrash_pays(const struct engine *e, const struct thrash_site *t,
			u64 now)
{
	u64 us = thrash_us(e, now - t->since);

	return us < THRASH_SAMPLE_US ||
	       (u64)t->fresh * THRASH_COST_US * THRASH_SHARE >= us;
}

/* Does helper form cost more than it saves? Sites that follow another of their
 * block save as much as that one. */
static bool thrash_is_over(struct engine *e, struct thrash_site *t,
			   const struct block *b)
{
	u64 now = thrash_now();
	bool pays = thrash_pays(e, t, now);

	for (unsigned i = 0; i < b->ninsns && !pays; i++) {
		u32 la = (u32)(e->modes[b->mode].cs_base + b->insn_eip[i]);
		const struct thrash_site *o = thrash_slot(e, la);

		pays = o->la == la && o->helper && thrash_pays(e, o, now);
	}
	if (thrash_us(e, now - t->since) >= THRASH_SAMPLE_US) {
		t->fresh = 0;
		t->since = now;
	}
	return !pays;
}

static void thrash_return(struct engine *e, struct thrash_site *t,
			  struct block *b)
{
	t->helper = false;
	t->limit = MIN(t->limit * 4, THRASH_FAULTS_MAX);
	t->fresh = t->uses = 0;
	engine_site_remove(e, t->la);
	tcache_drop(e->tc, b);
	e->stats.thrash_returns++;
}

/* A kick found the lookup of the site before pc under way. */
void thrash_sampled(struct engine *e, u64 pc)
{
	struct block *b = tcache_find(e->tc, pc - 1);
	const struct bsite *s = b ? block_site_at(b, pc - 1) : NULL;
	struct thrash_site *t;
	u32 la;

	if (!s || b->dead || e->modes[b->mode].mem_form == FORM_HELPER)
		return;
	la = (u32)(e->modes[b->mode].cs_base + b->insn_eip[s->insn]);
	t = thrash_slot(e, la);
	if (t->la != la || !t->limit)
		return;
	if (t->helper && thrash_is_over(e, t, b))
		thrash_return(e, t, b);
	else if (!t->helper && !engine_site_test(e, la))
		tcache_drop(e->tc, b); /* from before its return */
}

/* The kernel's repeated string instruction is about to run in C. */
void thrash_string(struct engine *e, struct block *b, const struct bhsite *h)
{
	const struct cpu *c = &e->v->cpu;
	struct thrash_site *t;
	u32 la = (u32)(e->modes[b->mode].cs_base + h->eip), di, si;

	t = thrash_slot(e, la);
	if (t->la != la || !t->helper)
		return;
	di = (u32)(c->seg[CPU_ES].base + c->gpr[R_DI]);
	si = (u32)(c->seg[h->insn.seg].base + c->gpr[R_SI]);
	t->fresh += vmmu_churns(e->v->mmu, di) || vmmu_churns(e->v->mmu, si);
	if (++t->uses < THRASH_USES)
		return;
	if (t->fresh * THRASH_USES_EACH < t->uses)
		thrash_return(e, t, b);
	t->fresh = t->uses = 0;
}
