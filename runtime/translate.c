// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * translate.c - makes the block at cpu.rip: the translator's callbacks, its
 * input, and what becomes of its output.
 *
 * Heavy: the caller has put the guest's vector state away.
 */
#include <time.h>

#include "engine.h"
#include "lightmem.h"
#include "log.h"
#include "probe.h"
#include "translator/listing.h"

/* xlate_fetch_fn: n bytes within one page. */
static int engine_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	struct engine *e = opaque;
	gpa_t gpa;
	u8 *hva;

	if (engine_fetch_frame(e, (u32)la, &gpa, &hva))
		return -1;
	n = MIN(n, (unsigned)(PAGE_SIZE - (la & ~PAGE_MASK)));
	if (hva)
		light_copy(buf, hva, n);
	else
		light_fill(buf, 0xff, n);
	return (int)n;
}

static bool engine_helper_site(void *opaque, u32 eip)
{
	struct engine *e = opaque;

	if (e->vm->inj.helper_sites)
		return true;
	return engine_site_test(
		e, (u32)(e->modes[e->v->cpu.mode].cs_base + eip));
}

/* xlate_in.source: RAM lies in one place until its slot changes, and then all
 * blocks go. An instruction may go over into what is no RAM: its block runs
 * once, with the bytes that engine_fetch() gave. */
const u8 *engine_source(void *opaque, u64 la)
{
	static const u8 open_bus[PAGE_SIZE] = { [0 ... PAGE_SIZE - 1] = 0xff };
	gpa_t gpa;
	u8 *hva;

	if (engine_fetch_frame(opaque, (u32)la, &gpa, &hva) || !hva)
		return &open_bus[la & ~PAGE_MASK];
	return hva;
}

u64 engine_now_ns(void)
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
	u32 la = (u32)(e->modes[e->v->cpu.mode].cs_base + o->insns[0].eip);
	gpa_t gpa;
	u8 *hva;

	if (engine_fetch_frame(e, la, &gpa, &hva) || !hva)
		return -EFAULT;
	frames[0] = gpa >> PAGE_SHIFT;
	*n = 1;
	if (!o->crosses)
		return 0;
	if (engine_fetch_frame(e, (la | (u32)~PAGE_MASK) + 1, &gpa, &hva) || !hva)
		return -EFAULT;
	frames[1] = gpa >> PAGE_SHIFT;
	*n = 2;
	return 0;
}

/* A small code cache takes short blocks. */
static unsigned translate_max_insns(const struct engine *e)
{
	return MIN(tcache_room(e->tc) / XLATE_INSN_BYTES,
		   (u32)XLATE_MAX_INSNS);
}

/*
 * out becomes the block at eip, made from a block that says the same bytes
 * elsewhere. False: there is none that can be moved.
 */
static bool translate_copy(struct engine *e, struct xlate_out *o, u8 variant)
{
	u32 eip = vcpu_rip32(e->v);
	struct park_query q = { .eip = eip, .mode = e->v->cpu.mode,
				.variant = variant };
	u32 la = (u32)(e->modes[e->v->cpu.mode].cs_base + eip);
	u8 *buf = o->buf, *hva;
	u64 host = o->host;
	struct block *b;
	gpa_t gpa;

	if (variant & BLOCK_TEMP ||
	    engine_fetch_frame(e, la, &gpa, &hva) || !hva ||
	    checked_test(e, gpa >> PAGE_SHIFT))
		return false;
	q.src = hva;
	q.room = PAGE_SIZE - (la & (u32)~PAGE_MASK);
	q.gfn = gpa >> PAGE_SHIFT;
	if (park_find(e, &q, &b) != PARK_COPY)
		return false;
	tcache_pattern(b, o);
	return xlate_relocate(o, buf, host, eip);
}

/* The block in o as it shall be. Checked, if one of its frames is: that is
 * known of the second one, if there is one, only afterwards. */
static enum xlate_err translate_new(struct engine *e, struct xlate_in *in,
				    struct xlate_out *o)
{
	u32 la = (u32)(in->mode->cs_base + in->eip);
	enum xlate_err err;
	gpa_t gpa;
	u8 *hva;

	if (!engine_fetch_frame(e, la, &gpa, &hva) && hva &&
	    checked_test(e, gpa >> PAGE_SHIFT)) {
		in->source = engine_source;
		in->soft = e->soft;
	}
	err = xlate_block(in, o);
	e->stats.checked_soft += !err && o->soft;
	if (err || in->source || !o->crosses || !hva)
		return err;
	la = (la | (u32)~PAGE_MASK) + 1;
	if (engine_fetch_frame(e, la, &gpa, &hva) || !hva ||
	    !checked_test(e, gpa >> PAGE_SHIFT))
		return err;
	in->source = engine_source;
	return xlate_block(in, o);
}

void engine_xlate_in(struct engine *e, u8 variant, struct xlate_in *in)
{
	const struct umbra_inject *inj = &e->vm->inj;
	bool one = variant & BLOCK_ALONE;

	*in = (struct xlate_in){
		.mode = &e->modes[e->v->cpu.mode],
		.eip = vcpu_rip32(e->v),
		.max_insns = one || inj->one_insn ? 1 : translate_max_insns(e),
		.pairs = !one && !inj->no_pairs,
		.far = variant & BLOCK_FAR,
		.max_bytes = debug_room(
			e, (u32)(e->modes[e->v->cpu.mode].cs_base +
				 e->v->cpu.rip)),
		.strict_flags = true,
		.transitions = !one && !inj->no_trans,
		.fsgsbase = e->v->cpu.use_gs,
		.bmi2 = e->vm->host.bmi2 && !inj->no_bmi2,
		.features = e->v->features,
		.fetch = engine_fetch,
		.helper_site = engine_helper_site,
		.opaque = e,
		.glue = tcache_glue(e->tc),
		.cache = tcache_base(e->tc),
		.probe = probe_blocks(e->v) ? probe_wants_block : NULL,
		.symbol = e->symbol,
		.symbol_opaque = e->symbol_opaque,
	};
}

/* Injection: now and then the code cache is full. */
static void translate_flush(struct engine *e)
{
	u32 every = e->vm->inj.flush;

	if (!every || ++e->flush_count < every)
		return;
	e->flush_count = 0;
	tcache_flush(e->tc);
}

struct block *engine_translate(struct engine *e, u8 variant)
{
	struct vcpu *v = e->v;
	struct xlate_out *o = e->out;
	u64 verify_ns = e->stats.verify_ns;
	struct xlate_in in;
	gfn_t frames[2];
	unsigned nframes = 0;
	struct block *b;
	enum xlate_err err;
	u64 t0;

	translate_flush(e);
	t0 = engine_now_ns();
	engine_xlate_in(e, variant, &in);
	tcache_reserve(e->tc, &o->buf, &o->host);
	o->cap = tcache_room(e->tc);
	if (!e->soft && translate_copy(e, o, variant)) {
		e->stats.xlate_copied++;
	} else {
		v->exc.pending = false;
		tcache_reserve(e->tc, &o->buf, &o->host);
		err = translate_new(e, &in, o);
		if (err) {
			block_raise_fetch(e, err);
			return NULL;
		}
		v->exc.pending = false; /* a later one may not be fetched */
		block_count_undefined(e, o);
	}
	engine_verify(e, &in, o);
	if (block_frames(e, o, frames, &nframes)) {
		/* Outside RAM: never cached, bytes cannot change. */
		v->exc.pending = false;
		variant |= BLOCK_TEMP;
		frames[0] = 0;
		nframes = 1;
	}
	b = tcache_commit(e->tc, o, e->v->cpu.mode, frames, nframes, variant,
			  variant & BLOCK_FAR ? htab_own(e) : 0);
	must(b, "out of memory for a block");
	park_add(&e->park, b);
	if (!(variant & BLOCK_TEMP) && !b->checked_src) {
		for (unsigned i = 0; i < nframes; i++)
			must(!mmu_code_set(e->vm->mmu, frames[i]),
			     "cannot protect a code page");
	}
	if (e->code_hook)
		engine_tell_code(e, b);
	if (log_on(LOG_XLAT))
		xlate_listing(log_file(), &in, o);
	e->stats.xlate_ns += engine_now_ns() - t0 -
			     (e->stats.verify_ns - verify_ns);
	return b;
}
