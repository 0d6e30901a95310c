// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inside.c - who looks inside from the client's side (umbra.h, "seeing
 * inside"): names for addresses, and what code lies where.
 *
 * Heavy: the vector state is saved when a hook is called.
 */
#include "engine.h"
#include "glue.h"
#include "probe.h"
#include "translator/listing.h"

/*
 * What would pass C by goes through it: changes of privilege that the glue
 * repeats, for system calls and since they may leave a block in its middle;
 * accesses through the window. Found again is what was translated for the same
 * address only if all addresses are alike.
 */
void umbra_set_probes(struct vcpu *v, const struct umbra_probes *p)
{
	struct umbra_inject *inj = &v->vm->inj;
	bool mem;

	must(!v->probes, "probes are set twice");
	v->probes = p->events;
	v->eng->probes = *p;
	mem = probe_on(v, UMBRA_EVENT_MEM);
	inj->no_trans |= probe_blocks(v) || mem ||
			 probe_on(v, UMBRA_EVENT_SYSCALL);
	inj->no_reuse |= p->block != NULL;
	inj->helper_sites |= mem;
	if (p->events)
		probe_wire(v->eng);
}

void umbra_set_symbols(struct vcpu *v, umbra_symbol_fn *fn, void *opaque)
{
	v->eng->symbol = fn;
	v->eng->symbol_opaque = opaque;
}

/* Each entry of the glue reaches to the next one, or to the end. */
static void tell_glue(struct engine *e, unsigned g)
{
	const u32 *off = tcache_glue(e->tc);
	u32 end = (u32)(glue_blob_end - glue_blob);
	struct umbra_code code = {
		.host = tcache_base(e->tc) + off[g],
		.bytes = glue_blob + off[g],
		.glue = listing_glue_name(g),
	};

	for (unsigned k = 0; k < GLUE_NR; k++) {
		if (off[k] > off[g])
			end = MIN(end, off[k]);
	}
	code.size = end - off[g];
	e->code_hook(e->code_opaque, &code);
}

void umbra_set_code_hook(struct vcpu *v, umbra_code_fn *fn, void *opaque)
{
	struct engine *e = v->eng;

	e->code_hook = fn;
	e->code_opaque = opaque;
	for (unsigned g = 0; fn && g < GLUE_NR; g++)
		tell_glue(e, g);
}

void engine_tell_code(struct engine *e, const struct block *b)
{
	const struct xmode *m = &e->modes[b->mode];
	struct umbra_code code = {
		.host = b->host,
		.bytes = b->rw,
		.size = b->size,
		.la = (u32)(m->cs_base + b->eip),
		.cpl = m->cpl,
	};

	e->code_hook(e->code_opaque, &code);
}
