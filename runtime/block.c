// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * block.c - from cpu.rip to a block: fetch translation and lookup.
 *
 * Light; translate.c makes what is not there yet.
 */
#include "engine.h"
#include "lightmem.h"

/* How many addresses the same code has blocks for. */
#define BLOCK_SIBLINGS 4

/* Pages are below 2^20 for 32-bit guests; the view's identity goes above. */
static u64 fetch_tag(u32 view, u64 page)
{
	return (u64)view << 32 | page | 1;
}

/* The frame behind linear address la for execution. 0 or -1 with v->exc. */
int engine_fetch_frame(struct engine *e, u32 la, gpa_t *gpa, u8 **hva)
{
	struct fetch_entry *f = &e->fetch[(la >> PAGE_SHIFT) % FETCH_TLB];
	u64 tag = fetch_tag(e->v->cpu.view, la & PAGE_MASK);
	struct mmu_xlat x;

	if (f->tag != tag) {
		enum mmu_result r = vmmu_translate(
			e->v->mmu, la, MMU_FETCH, vcpu_priv(e->v),
			e->v->cpu.sysflags & EFL_AC, &x);

		if (r == MMU_PF) {
			exc_pf(e->v, la, x.pfec);
			return -1;
		}
		must(r != MMU_NOMEM, "no shadow node for a fetch at %#x", la);
		if (r != MMU_OK) {
			/* Code outside RAM: open bus, all ones (rule 39). */
			*gpa = ~0ull;
			*hva = NULL;
			return 0;
		}
		f->tag = tag;
		f->gpa = x.gpa & PAGE_MASK;
	}
	*gpa = f->gpa | (la & ~PAGE_MASK);
	*hva = mmu_ram(e->vm->mmu, *gpa, 1);
	return 0;
}

static bool fetch_has(const struct engine *e, u32 la)
{
	return e->fetch[(la >> PAGE_SHIFT) % FETCH_TLB].tag ==
	       fetch_tag(e->v->cpu.view, la & PAGE_MASK);
}

bool engine_fetch_held(const struct engine *e, const struct block *b)
{
	u32 la = (u32)(e->modes[b->mode].cs_base + b->eip);

	return fetch_has(e, la) &&
	       (!engine_block_crosses(e, b) ||
		fetch_has(e, (la | (u32)~PAGE_MASK) + 1));
}

static unsigned site_slot(u32 la)
{
	return (la * 0x9e3779b1u) >> 19;
}
static_assert(SITE_SET == 1u << 13, "site_slot() yields 13 bits");

void engine_site_add(struct engine *e, u32 la)
{
	e->sites[site_slot(la)] = la;
	e->stats.sites_marked++;
}

bool engine_site_test(const struct engine *e, u32 la)
{
	return e->sites[site_slot(la)] == la;
}

void engine_site_remove(struct engine *e, u32 la)
{
	if (engine_site_test(e, la))
		e->sites[site_slot(la)] = 0;
}

void engine_forget_fetch(struct engine *e, gva_t gva, u64 npages, u32 view)
{
	if (!npages || npages > 16) {
		light_zero(e->fetch, sizeof(e->fetch));
	} else {
		for (u64 i = 0; i < npages; i++) {
			u64 page = gva + i * PAGE_SIZE;
			struct fetch_entry *f =
				&e->fetch[(page >> PAGE_SHIFT) % FETCH_TLB];

			if (f->tag == fetch_tag(view, page))
				f->tag = 0;
		}
	}
}

void engine_drop_code(struct engine *e, gfn_t gfn)
{
	e->stats.smc_drops++;
	checked_write(e, gfn);
	tcache_drop_frame(e->tc, gfn);
}

/*
 * The block is there again: it had been dropped, or it stood for the same code
 * at another address.
 */
static void block_enter(struct engine *e, struct block *b, gfn_t gfn)
{
	tcache_revive(e->tc, b, gfn,
		      b->variant & BLOCK_FAR ? htab_own(e) : 0);
	if (!b->checked_src)
		must(!mmu_code_set(e->vm->mmu, gfn),
		     "cannot protect a code page");
	e->stats.xlate_revived++;
	if (e->verify) {
		vcpu_fpu_put(e->v);
		engine_verify_block(e, b);
	}
}

static void block_move(struct engine *e, struct block *b, u32 eip)
{
	tcache_drop(e->tc, b);
	tcache_move(b, eip);
	e->stats.xlate_moved++;
	if (e->code_hook) {
		vcpu_fpu_put(e->v);
		engine_tell_code(e, b);
	}
}

/*
 * The same code runs at many addresses, one after the other: each process has
 * its libraries elsewhere. Few of these are kept; when there are more, the
 * oldest has most likely outlived its process, and is moved.
 */
static struct block *block_sibling(struct engine *e, u32 eip, gpa_t gpa,
				   u8 variant, u32 own)
{
	struct block *b;

	if (e->vm->inj.no_reuse ||
	    tcache_siblings(e->tc, eip, gpa, e->v->cpu.mode, variant, own, &b) <
		    BLOCK_SIBLINGS ||
	    (u64)eip + b->guest_len > 1ull << 32 ||
	    !park_same_sites(e, b, eip - b->eip))
		return NULL;
	block_move(e, b, eip);
	block_enter(e, b, gpa >> PAGE_SHIFT);
	return b;
}

/* A block for the same bytes that is not in use: it needs no translation. */
static struct block *block_revive(struct engine *e, u32 eip, gpa_t gpa,
				  const u8 *hva, u8 variant, u32 own)
{
	struct park_query q = {
		.eip = eip, .mode = e->v->cpu.mode, .variant = variant,
		.src = hva, .room = PAGE_SIZE - (u32)(gpa & ~PAGE_MASK),
		.gfn = gpa >> PAGE_SHIFT,
		.checked_src = checked_test(e, gpa >> PAGE_SHIFT),
	};
	struct block *b = block_sibling(e, eip, gpa, variant, own);

	if (b)
		return b;
	switch (park_find(e, &q, &b)) {
	case PARK_RETURN:
		break;
	case PARK_MOVE:
		block_move(e, b, eip);
		break;
	default:
		return NULL;
	}
	block_enter(e, b, q.gfn);
	return b;
}

/*
 * Code is found by linear address, frame and mode. The frame comes from a
 * fetch translation of now, so that a block is never entered when its page
 * may not be executed or has moved (HAZARDS 29).
 */
struct block *engine_block(struct engine *e, u8 variant)
{
	struct vcpu *v = e->v;
	const struct xmode *m = &e->modes[e->v->cpu.mode];
	u32 eip = vcpu_rip32(v), la = (u32)(m->cs_base + eip);
	u32 own = variant & BLOCK_ALONE ? 0 : htab_own(e);
	struct block *b;
	gpa_t gpa;
	u8 *hva;

	if (own)
		variant |= BLOCK_FAR;
	e->soft = 0;
	if (eip > m->cs_limit) {
		exc_gp(v, 0);
		return NULL;
	}
	if (engine_fetch_frame(e, la, &gpa, &hva))
		return NULL;
	if (hva && !(variant & BLOCK_TEMP)) {
		b = tcache_lookup(e->tc, eip, gpa, e->v->cpu.mode, variant, own);
		if (b && b->checked_src && !checked_holds(e, b)) {
			e->soft = checked_soft(e, b);
			tcache_drop(e->tc, b);
			b = NULL;
		}
		if (b && !engine_block_crosses(e, b))
			return b;
		if (!b && !e->soft)
			b = block_revive(e, eip, gpa, hva, variant, own);
		if (b && !engine_block_crosses(e, b))
			return b;
		if (b) {
			gpa_t second;

			/* It crosses: the second frame must be the same. */
			if (engine_fetch_frame(e, (la | (u32)~PAGE_MASK) + 1,
					    &second, &hva))
				return NULL;
			if (hva && second >> PAGE_SHIFT == b->gfn[1] &&
			    !b->dead)
				return b;
			tcache_drop(e->tc, b);
		}
	}
	vcpu_fpu_put(v);
	return engine_translate(e, variant);
}
