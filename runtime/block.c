// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * block.c - from cpu.rip to a block: fetch translation and lookup.
 *
 * Light; translate.c makes what is not there yet.
 */
#include "engine.h"
#include "lightmem.h"

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
	tcache_drop_frame(e->tc, gfn);
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
	struct block *b;
	gpa_t gpa;
	u8 *hva;

	if (eip > m->cs_limit) {
		exc_gp(v, 0);
		return NULL;
	}
	if (engine_fetch_frame(e, la, &gpa, &hva))
		return NULL;
	if (hva && !(variant & BLOCK_TEMP)) {
		b = tcache_lookup(e->tc, eip, gpa, e->v->cpu.mode, variant);
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
