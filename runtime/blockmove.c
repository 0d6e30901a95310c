// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blockmove.c - a block for other addresses: moved where it is, or taken for the
 * pattern of another one (see park.h, xlate_relocate()).
 *
 * Needs nothing of the cache but the block. tcache_pattern() belongs to
 * translation, the rest is light.
 */
#include <string.h>

#include "lightmem.h"
#include "tcache.h"

void block_open_landings(struct block *b)
{
	for (unsigned i = 0; i < b->nlandings; i++)
		light_copy(b->rw + b->landings[i].off, b->landings[i].code,
			   sizeof(b->landings[i].code));
}

static void pattern_tables(const struct block *b, struct xlate_out *o)
{
	o->nsites = b->nsites;
	for (unsigned i = 0; i < b->nsites; i++) {
		const struct bsite *s = &b->sites[i];

		o->sites[i] = (struct xsite){ s->host_off, s->insn, s->kind,
					      s->aux, s->aux2, s->rep,
					      s->sp_off };
	}
	o->nexits = b->nexits;
	for (unsigned i = 0; i < b->nexits; i++) {
		const struct bexit *x = &b->exits[i];

		o->exits[i] = (struct xexit){ x->patch_off, x->stub_off,
					      x->target, x->kind,
					      x->same_page };
	}
	o->nhsites = b->nhsites;
	for (unsigned i = 0; i < b->nhsites; i++) {
		const struct bhsite *h = &b->hsites[i];

		o->hsites[i] = (struct xhsite){ h->index, h->vector, h->error,
						h->tlb, h->end };
		o->insns[h->index].insn = h->insn;
	}
}

void tcache_pattern(const struct block *b, struct xlate_out *o)
{
	u32 off = 0;

	o->buf = b->rw;
	o->host = b->host;
	o->size = b->size;
	o->entry = b->entry;
	o->checked = b->checked;
	o->chain = b->chain;
	o->blockword = b->blockword;
	o->guest_len = b->guest_len;
	o->crosses = false;
	o->fixed = b->fixed;
	o->helpers = b->helpers;
	o->soft = b->soft;
	o->softable = b->softable;
	o->checked_src = b->checked_src;
	o->probed = b->probed;
	o->nlandings = b->nlandings;
	for (unsigned i = 0; i < b->nlandings; i++)
		o->landings[i].off = b->landings[i].off;
	o->ninsns = b->ninsns;
	for (unsigned i = 0; i < b->ninsns; i++) {
		u32 len = b->insn_eip[i + 1] - b->insn_eip[i];

		o->insns[i].eip = b->insn_eip[i];
		o->insns[i].insn.len = (u8)len;
		o->insns[i].how = b->how[i];
		memcpy(o->insns[i].raw, b->src + off, len);
		off += len;
	}
	pattern_tables(b, o);
	o->nrelocs = b->nrelocs;
	for (unsigned i = 0; i < b->nrelocs; i++)
		o->relocs[i] = (struct xreloc){ b->relocs[i] >> 8,
						(u8)b->relocs[i] };
}

void block_check_chain(const struct block *from, const struct bexit *x,
		       const struct block *to)
{
	const u8 *at = from->rw + x->patch_off;
	u32 rel;

	light_copy(&rel, at, 4);
	must(x->patch_off >= from->entry && x->patch_off + 4 <= from->size &&
	     (at[-1] == 0xe9 || at[-1] == 0xe8 ||
	      (at[-2] == 0x0f && (at[-1] & 0xf0) == 0x80)) &&
	     x->patch_off + 4 + rel == x->stub_off,
	     "an exit of block %08x is no branch to its stub", from->eip);
	must(to->eip == x->target && to->mode == from->mode &&
	     to->own == from->own && to->chain < to->size,
	     "block %08x is chained to %08x", from->eip, to->eip);
}

void tcache_move(struct block *b, u32 eip)
{
	u32 by = eip - b->eip;

	must(b->dead && !b->fixed, "block %08x cannot move", b->eip);
	block_open_landings(b);
	for (unsigned i = 0; i < b->nrelocs; i++)
		xreloc_apply((u8)b->relocs[i], b->rw + (b->relocs[i] >> 8), by,
			     0);
	for (unsigned i = 0; i < b->nlandings; i++)
		light_copy(b->landings[i].code, b->rw + b->landings[i].off,
			   sizeof(b->landings[i].code));
	b->eip = eip;
	for (unsigned i = 0; i <= b->ninsns; i++)
		b->insn_eip[i] += by;
	for (unsigned i = 0; i < b->nhsites; i++)
		b->hsites[i].eip += by;
	for (unsigned i = 0; i < b->nexits; i++)
		b->exits[i].target += by;
}
