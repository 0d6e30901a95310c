// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verified.c - the verifier (translator/verify.h) over what is about to run:
 * new translations, copies of others, and blocks that come back. A block that
 * it refuses is our bug: we say why and abort.
 *
 * Heavy: the vector state has been saved. Does nothing without --verify, but
 * in debug builds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "translator/listing.h"
#include "translator/verify.h"

int engine_verify_init(struct engine *e)
{
#ifdef UMBRA_DEBUG
	bool on = true;
#else
	bool on = e->vm->inj.verify;
#endif

	if (!on)
		return 0;
	e->verify = malloc(verify_size());
	return e->verify ? 0 : -ENOMEM;
}

static void verify_report(const struct xlate_in *in, const struct xlate_out *o,
			  const struct verify_report *r)
{
	fprintf(stderr, "umbra: the verifier refuses a block: %s\n"
			"at +%#x, guest instruction %u:", r->why, r->off,
		r->insn);
	for (unsigned i = 0; i < (r->len ? r->len : sizeof(r->bytes)); i++)
		fprintf(stderr, " %02x", r->bytes[i]);
	fputc('\n', stderr);
	xlate_listing(stderr, in, o);
}

void engine_verify(struct engine *e, const struct xlate_in *in,
		   const struct xlate_out *o)
{
	struct verify_report r;
	u64 t0;
	bool ok;

	if (!e->verify)
		return;
	t0 = engine_now_ns();
	ok = xlate_verify(e->verify, in, o, &r);
	e->stats.verify_ns += engine_now_ns() - t0;
	e->stats.verified++;
	if (!ok)
		verify_report(in, o, &r);
	must(ok, "block %08x: %s", in->eip, r.why);
}

void engine_verify_block(struct engine *e, const struct block *b)
{
	struct xlate_in in;

	engine_xlate_in(e, b->variant, &in);
	in.eip = b->eip;
	in.mode = &e->modes[b->mode];
	if (b->checked_src)
		in.source = engine_source;
	tcache_pattern(b, e->out);
	engine_verify(e, &in, e->out);
}
