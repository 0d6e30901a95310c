// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * park.c - blocks by what they were made from; see park.h.
 */
#include "engine.h"
#include "lightmem.h"

/* How many candidates are looked at: a guest chooses its code, and may choose
 * it so that all of it lands in one bucket. */
#define PARK_LOOK 24

/* So many copies of one content are kept in use: one for each of the addresses
 * at which processes have a library. When there are more, the one that was
 * looked for longest ago has most likely outlived its process. */
#define PARK_COPIES 4

/* Source bytes in the key: so many of a block that has them, else few. */
#define KEY_LONG  8u
#define KEY_SHORT 4u

static u32 park_key(u32 eip, u32 mode, u8 variant, bool checked_src,
		    const u8 *src, bool whole)
{
	u64 h = whole ? light_get64(src) : light_get32(src) ^ 1ull << 63;

	h ^= (u64)(eip & ~PAGE_MASK) << 40 ^ (u64)mode << 20 ^
	     (u64)variant << 8 ^ checked_src;
	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	return (u32)(h >> 48);
}
static_assert(PARK_BUCKETS == 1u << 16, "park_key() yields 16 bits");

static void park_link(struct park *p, struct block *b)
{
	struct block **head = &p->bucket[b->park_key];

	b->park_next = *head;
	b->park_prev = head;
	if (*head)
		(*head)->park_prev = &b->park_next;
	*head = b;
}

void park_add(struct park *p, struct block *b)
{
	if (b->variant & BLOCK_TEMP || b->soft || b->nframes != 1 ||
	    b->guest_len < KEY_SHORT)
		return;
	b->park_key = park_key(b->eip, b->mode, b->variant, b->checked_src,
			       b->src, b->guest_len >= KEY_LONG);
	park_link(p, b);
}

bool park_same_sites(struct engine *e, const struct block *b, u32 by)
{
	u32 base = (u32)e->modes[b->mode].cs_base + by;
	u32 room = debug_room(e, base + b->eip);

	if (room && room < b->guest_len)
		return false;
	if (e->vm->inj.helper_sites)
		return true;
	for (unsigned i = 0; i < b->ninsns; i++) {
		if (engine_site_test(e, base + b->insn_eip[i]) !=
		    (b->helpers >> i & 1))
			return false;
	}
	return true;
}

static bool park_matches(const struct block *b, const struct park_query *q)
{
	return b->mode == q->mode && b->variant == q->variant &&
	       b->checked_src == q->checked_src &&
	       !((b->eip ^ q->eip) & (u32)~PAGE_MASK) &&
	       b->guest_len <= q->room &&
	       light_equal(b->src, q->src, b->guest_len);
}

static bool park_may_return(const struct block *b, const struct park_query *q)
{
	/* a checked block knows where its source lies */
	return b->dead && b->eip == q->eip &&
	       (!b->checked_src || b->gfn[0] == q->gfn);
}

static bool park_may_move(const struct block *b, const struct park_query *q)
{
	return !b->fixed && b->eip != q->eip && (u64)q->eip + b->guest_len <= 1ull << 32;
}

/* The best of one bucket so far. */
struct park_best {
	struct block *b;
	enum park_hit hit;
	unsigned movable; /* blocks of this content that can be moved */
};

/* The list is in the order of use, the latest first. */
static void park_consider(struct park_best *best, struct block *b,
			  const struct park_query *q)
{
	if (park_may_return(b, q)) {
		best->b = b;
		best->hit = PARK_RETURN;
	} else if (park_may_move(b, q)) {
		best->movable++;
		if (b->dead || best->movable >= PARK_COPIES) {
			best->b = b;
			best->hit = PARK_MOVE;
		} else if (best->hit == PARK_NONE) {
			best->b = b;
			best->hit = PARK_COPY;
		}
	}
}

static struct park_best park_search(const struct park *p,
				    const struct park_query *q, bool whole)
{
	u32 k = park_key(q->eip, q->mode, q->variant, q->checked_src, q->src,
			 whole);
	struct park_best best = { NULL, PARK_NONE, 0 };
	struct block *b = p->bucket[k];

	for (unsigned n = 0; b && n < PARK_LOOK && best.hit != PARK_RETURN;
	     n++, b = b->park_next) {
		if (park_matches(b, q))
			park_consider(&best, b, q);
	}
	return best;
}

enum park_hit park_find(struct engine *e, const struct park_query *q,
			struct block **b)
{
	struct park_best best = { NULL, PARK_NONE, 0 };

	if (e->vm->inj.no_reuse)
		return PARK_NONE;
	if (q->room >= KEY_LONG)
		best = park_search(&e->park, q, true);
	if (best.hit == PARK_NONE && q->room >= KEY_SHORT)
		best = park_search(&e->park, q, false);
	*b = best.b;
	if (best.hit == PARK_NONE ||
	    !park_same_sites(e, best.b, q->eip - best.b->eip))
		return PARK_NONE;
	park_remove(best.b);
	park_link(&e->park, best.b);
	return best.hit;
}
