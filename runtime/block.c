// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * block.c - from cpu.rip to a block: fetch translation, lookup, translation.
 *
 * Looking up is light; translating is heavy and puts the guest's vector state
 * away first.
 */
#include <string.h>
#include <time.h>

#include "engine.h"
#include "lightmem.h"
#include "log.h"
#include "translator/listing.h"

/* Pages are below 2^20 for 32-bit guests; the view's identity goes above. */
static u64 fetch_tag(u32 view, u64 page)
{
	return (u64)view << 32 | page | 1;
}

/* The frame behind linear address la for execution. 0 or -1 with v->exc. */
static int fetch_translate(struct engine *e, u32 la, gpa_t *gpa, u8 **hva)
{
	struct fetch_entry *f = &e->fetch[(la >> PAGE_SHIFT) % FETCH_TLB];
	u64 tag = fetch_tag(e->view, la & PAGE_MASK);
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

/* xlate_fetch_fn: n bytes within one page. */
static int engine_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	struct engine *e = opaque;
	gpa_t gpa;
	u8 *hva;

	if (fetch_translate(e, (u32)la, &gpa, &hva))
		return -1;
	n = MIN(n, (unsigned)(PAGE_SIZE - (la & ~PAGE_MASK)));
	if (hva)
		light_copy(buf, hva, n);
	else
		light_fill(buf, 0xff, n);
	return (int)n;
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

static bool engine_helper_site(void *opaque, u32 eip)
{
	struct engine *e = opaque;

	if (e->vm->inj.helper_sites)
		return true;
	return engine_site_test(e, (u32)(e->modes[e->mode].cs_base + eip));
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

static u64 block_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static void block_raise_fetch(struct engine *e, enum xlate_err err)
{
	if (err == XLATE_LIMIT)
		exc_gp(e->v, 0);
	/* XLATE_FETCH: the fetch callback left the #PF pending. */
	must(e->v->exc.pending, "a fetch failed without an exception");
}

static void block_count_undefined(struct engine *e, const struct xlate_out *o)
{
	for (unsigned i = 0; i < o->nhsites; i++) {
		const struct xinsn *x = &o->insns[o->hsites[i].insn];

		if (o->hsites[i].vector != VEC_UD)
			continue;
		e->stats.undefined++;
		LOG(LOG_UNIMP, "#UD at eip %08x: opcode map %u %02x", x->eip,
		    x->insn.row ? x->insn.row->map : 0, x->insn.opcode);
	}
}

/* Frames of the block in out; 0 or -errno. */
static int block_frames(struct engine *e, const struct xlate_out *o,
			gfn_t frames[2], unsigned *n)
{
	u32 la = (u32)(e->modes[e->mode].cs_base + o->insns[0].eip);
	gpa_t gpa;
	u8 *hva;

	if (fetch_translate(e, la, &gpa, &hva) || !hva)
		return -EFAULT;
	frames[0] = gpa >> PAGE_SHIFT;
	*n = 1;
	if (!o->crosses)
		return 0;
	if (fetch_translate(e, (la | (u32)~PAGE_MASK) + 1, &gpa, &hva) || !hva)
		return -EFAULT;
	frames[1] = gpa >> PAGE_SHIFT;
	*n = 2;
	return 0;
}

static struct block *block_translate(struct engine *e, u8 variant)
{
	struct vcpu *v = e->v;
	const struct umbra_inject *inj = &e->vm->inj;
	struct xlate_out *o = e->out;
	bool one = variant & (BLOCK_ONE | BLOCK_TEMP);
	struct xlate_in in = {
		.mode = &e->modes[e->mode],
		.eip = vcpu_rip32(v),
		.max_insns = one || inj->one_insn ? 1 : XLATE_MAX_INSNS,
		.pairs = !one && !inj->no_pairs,
		.strict_flags = true,
		.fsgsbase = v->cpu.use_gs,
		.bmi2 = e->vm->host.bmi2 && !inj->no_bmi2,
		.features = v->features,
		.fetch = engine_fetch,
		.helper_site = engine_helper_site,
		.opaque = e,
		.glue = tcache_glue(e->tc),
		.cache = tcache_base(e->tc),
	};
	gfn_t frames[2];
	unsigned nframes = 0;
	struct block *b;
	enum xlate_err err;
	u64 t0;

	vcpu_fpu_put(v);
	t0 = block_now_ns();
	tcache_reserve(e->tc, &o->buf, &o->host);
	o->cap = XLATE_MAX_BYTES;
	err = xlate_block(&in, o);
	if (err) {
		block_raise_fetch(e, err);
		return NULL;
	}
	v->exc.pending = false; /* a later instruction may not be fetched */
	block_count_undefined(e, o);
	if (block_frames(e, o, frames, &nframes)) {
		/* Outside RAM: never cached, bytes cannot change. */
		v->exc.pending = false;
		variant |= BLOCK_TEMP;
		frames[0] = 0;
		nframes = 1;
	}
	b = tcache_commit(e->tc, o, e->mode, frames, nframes, variant);
	must(b, "out of memory for a block");
	if (!(variant & BLOCK_TEMP)) {
		for (unsigned i = 0; i < nframes; i++)
			must(!mmu_code_set(e->vm->mmu, frames[i]),
			     "cannot protect a code page");
	}
	if (log_on(LOG_XLAT))
		xlate_listing(log_file(), &in, o);
	e->stats.xlate_ns += block_now_ns() - t0;
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
	const struct xmode *m = &e->modes[e->mode];
	u32 eip = vcpu_rip32(v), la = (u32)(m->cs_base + eip);
	struct block *b;
	gpa_t gpa;
	u8 *hva;

	if (eip > m->cs_limit) {
		exc_gp(v, 0);
		return NULL;
	}
	if (fetch_translate(e, la, &gpa, &hva))
		return NULL;
	if (hva && !(variant & BLOCK_TEMP)) {
		b = tcache_lookup(e->tc, eip, gpa, e->mode, variant);
		if (b && b->nframes == 1 &&
		    (la & ~PAGE_MASK) + b->guest_len <= PAGE_SIZE)
			return b;
		if (b) {
			gpa_t second;

			/* It crosses: the second frame must be the same. */
			if (fetch_translate(e, (la | (u32)~PAGE_MASK) + 1,
					    &second, &hva))
				return NULL;
			if (hva && second >> PAGE_SHIFT == b->gfn[1])
				return b;
			tcache_drop(e->tc, b);
		}
	}
	return block_translate(e, variant);
}
