/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * park.h - blocks by what they were made from: their source bytes, mode and
 * offset in the page.
 *
 * A page that is written loses all its blocks, most of which say what its
 * bytes still say, or will say again; a library that is mapped at another
 * address has the same bytes there. So every block is listed here from the
 * time it is made until its memory is used again, and one that has been
 * dropped can come back (tcache_revive), or serve as the pattern for another
 * (xlate_relocate). Blocks that go over a page's end are not, nor those of
 * very few bytes, which are as quickly translated.
 *
 * Light code. Belongs to the vCPU's thread.
 */
#ifndef UMBRA_PARK_H
#define UMBRA_PARK_H

#include "tcache.h"

struct engine;

#define PARK_BUCKETS 65536u
struct park {
	struct block *bucket[PARK_BUCKETS];
};

struct park_query {
	u32 eip, mode;
	u8 variant;
	bool checked_src;
	const u8 *src; /* the bytes of now, and how many up to the page's end */
	u32 room;
	gfn_t gfn;
};

void park_add(struct park *p, struct block *b);

static inline void park_remove(struct block *b)
{
	if (!b->park_prev)
		return;
	*b->park_prev = b->park_next;
	if (b->park_next)
		b->park_next->park_prev = b->park_prev;
	b->park_prev = NULL;
}

/* What to do with a block that says what the source says. */
enum park_hit {
	PARK_NONE,
	PARK_RETURN, /* it was dropped, and is the right one */
	PARK_MOVE,   /* it can be spared: drop it, move it to this eip */
	PARK_COPY,   /* it is in use elsewhere: take it for a pattern */
};
enum park_hit park_find(struct engine *e, const struct park_query *q,
			struct block **b);

/* Sites are known by linear address: are those of b, moved by `by`, in the
 * form that they have in b? */
bool park_same_sites(struct engine *e, const struct block *b, u32 by);

#endif
