// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * map.c - window pages to host mappings and back: map, protect, unmap, and
 * the count of what that costs. Light code; the only mmap and mprotect calls
 * on windows besides their reservation in view.c. Protection that spares the
 * mappings is in uffd.c.
 *
 * The host kernel merges neighbours that continue each other in the file
 * with equal rights, and so do reservations; a window thus costs one mapping
 * plus one for each boundary between pages that do not continue each other.
 * The count is kept by looking at the boundaries that an operation touches.
 *
 * Nothing is ever unmapped, only replaced by a reservation (HAZARDS 48). To
 * replace part of a mapping the host may need new mappings and can refuse. A
 * refused zap must not leave the guest a stale page, so it widens to where no
 * split is needed: first the whole mapping around, then the whole window
 * (HAZARDS 49).
 */
#include "mmu_impl.h"

struct spte *view_spte(const struct view *w, u32 page)
{
	struct node *n = view_node(w, page / NODE_PAGES);

	return n ? &n->spte[page % NODE_PAGES] : NULL;
}

const struct spte *spte_mapped(const struct view *w, u32 page)
{
	const struct spte *sp = page < VIEW_PAGES ? view_spte(w, page) : NULL;

	return sp && (sp->flags & SPTE_MAPPED) ? sp : NULL;
}

/* Is there a boundary between the page before and this one? */
bool view_has_boundary(const struct view *w, u32 page)
{
	const struct spte *a = page ? spte_mapped(w, page - 1) : NULL;
	const struct spte *b = spte_mapped(w, page);

	if (!a || !b)
		return a != b;
	return a->slot != b->slot || a->frame + 1 != b->frame ||
	       spte_mapping_kind(a) != spte_mapping_kind(b);
}

s64 view_edges(const struct view *w, u32 page, u32 n)
{
	return view_has_boundary(w, page) + view_has_boundary(w, page + n);
}

s64 view_boundaries(const struct view *w, u32 page, u32 n)
{
	s64 count = 0;

	for (u32 i = 0; i <= n; i++)
		count += view_has_boundary(w, page + i);
	return count;
}

void view_account(struct view *w, s64 delta)
{
	w->mappings += (u64)delta;
	w->v->m->stats.mappings += (u64)delta;
}

/* Injection: does this attempt, counted in *count, fail? Each Nth does, and each
 * eighth of these once more when it is repeated. */
static bool fails_now(u32 *count, u32 every)
{
	if (!every)
		return false;
	if (++*count > (u64)every * 8) {
		*count = 0;
		return true;
	}
	return *count % every == 0;
}

bool view_fails_zap(struct view *w)
{
	struct mmu *m = w->v->m;

	return fails_now(&m->zap_count, m->inject.fail_zap);
}

static s64 host_fill(struct view *w, u32 page, u32 n, const struct slot *s,
		     u32 frame, int prot)
{
	struct mmu *m = w->v->m;

	if (fails_now(&m->fill_count, m->inject.fail_fill))
		return -ENOMEM;
	m->stats.mmaps++;
	return host_mmap(page_hva(w, page), (u64)n << PAGE_SHIFT, prot,
			 MAP_SHARED | MAP_FIXED, s->fd,
			 s->off + ((u64)frame << PAGE_SHIFT));
}

static s64 host_zap(struct view *w, u32 page, u32 n)
{
	struct mmu *m = w->v->m;

	if (view_fails_zap(w))
		return -ENOMEM;
	m->stats.mmaps++;
	m->stats.zaps++;
	return host_reserve(page_hva(w, page), (u64)n << PAGE_SHIFT);
}

static s64 host_protect(struct view *w, u32 page, u32 n, int prot)
{
	w->v->m->stats.mprotects++;
	return host_mprotect(page_hva(w, page), (u64)n << PAGE_SHIFT, prot);
}

static void spte_clear(struct view *w, u32 page)
{
	struct node *node = view_node(w, page / NODE_PAGES);
	struct spte *sp = node ? &node->spte[page % NODE_PAGES] : NULL;

	if (!sp || !(sp->flags & SPTE_MAPPED))
		return;
	if (sp->flags & SPTE_WRITABLE)
		rmap_unlink(w, page, sp);
	sp->flags = 0;
	bits_clear(node->mapped, page % NODE_PAGES);
	w->v->m->stats.zapped_pages++;
}

/*
 * Maps n pages, all in one node, to frames of a slot. One of them, `over`, may
 * be mapped already and is replaced; VIEW_PAGES: none is. 0 or -errno; then
 * none is mapped.
 */
int view_map(struct view *w, u32 page, u32 n, const struct slot *s, u32 frame,
	     bool writable, u32 over)
{
	struct node *node = view_node(w, page / NODE_PAGES);
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);
	s64 edges, ret;

	edges = over < VIEW_PAGES ? view_boundaries(w, page, n) :
				    view_edges(w, page, n);
	ret = host_fill(w, page, n, s, frame, prot);
	if (over < VIEW_PAGES) {
		if (host_is_err(ret))
			view_unmap(w, over, 1);
		else
			spte_clear(w, over);
	}

	if (host_is_err(ret)) {
		/* Older kernels can leave a hole here. Where they did not,
		 * mprotect changes nothing and splits nothing. */
		if (host_is_err(host_protect(w, page, n, PROT_NONE)) &&
		    host_is_err(host_reserve(page_hva(w, page),
					     (u64)n << PAGE_SHIFT)))
			view_unmap_all(w);
		return (int)ret;
	}
	for (u32 i = 0; i < n; i++) {
		u32 k = (page + i) % NODE_PAGES;
		struct spte *sp = &node->spte[k];

		sp->frame = frame + i;
		sp->slot = (u8)slot_nr(w->v->m, s);
		sp->flags = SPTE_MAPPED | (writable ? SPTE_WRITABLE : 0);
		bits_set(node->mapped, k);
		if (writable)
			rmap_link(w, page + i, sp);
	}
	view_account(w, view_edges(w, page, n) - edges);
	return 0;
}

static void spte_set_writable(struct view *w, u32 page, bool writable)
{
	struct spte *sp = view_spte(w, page);

	if (writable) {
		sp->flags &= (u8)~SPTE_UFFD_WP;
		sp->flags |= SPTE_WRITABLE;
		rmap_link(w, page, sp);
	} else {
		sp->flags &= (u8)~SPTE_WRITABLE;
		rmap_unlink(w, page, sp);
	}
}

/*
 * Gives n mapped pages write rights or takes them away; all must have the
 * other state now, and if it is userfaultfd that withholds them from one, it
 * does from all. 0 or -errno; then the pages are unmapped.
 */
int view_protect(struct view *w, u32 page, u32 n, bool writable)
{
	struct mmu *m = w->v->m;
	s64 edges = view_edges(w, page, n);
	s64 ret;

	if (writable ? fails_now(&m->fill_count, m->inject.fail_fill)
		     : view_fails_zap(w))
		ret = -ENOMEM;
	else if (view_spte(w, page)->flags & SPTE_UFFD_WP)
		ret = host_uffd_lift(w, page, n);
	else
		ret = host_protect(w, page, n,
				   PROT_READ | (writable ? PROT_WRITE : 0));

	if (host_is_err(ret)) {
		view_unmap(w, page, n);
		return (int)ret;
	}
	for (u32 i = 0; i < n; i++)
		spte_set_writable(w, page + i, writable);
	view_account(w, view_edges(w, page, n) - edges);
	return 0;
}

/*
 * Widens a range whose zap the host refused to the mappings it lies in, and
 * takes their rights away: mprotect of whole mappings needs no new ones. If
 * the reservation is refused again the range stays a mapping of the file
 * without rights, which counts. False: not even that went.
 */
static bool host_zap_wide(struct view *w, u32 *page, u32 *n, s64 *left)
{
	u32 first = *page, end = *page + *n;

	while (first && spte_mapped(w, first) && !view_has_boundary(w, first))
		first--;
	while (end < VIEW_PAGES && spte_mapped(w, end) &&
	       !view_has_boundary(w, end))
		end++;
	MMU_LOG("zap of %#x+%#x refused, taking %#x+%#x\n", *page, *n, first,
		end - first);
	*page = first;
	*n = end - first;
	if (host_is_err(host_protect(w, first, *n, PROT_NONE)))
		return false;
	if (host_is_err(host_zap(w, first, *n))) {
		*left = view_boundaries(w, first, *n) + 2;
		w->v->m->refused_zaps++;
	}
	return true;
}

/* Drops the window mappings in a range; remembered fetches stay. Cannot
 * fail, but may drop more than was asked for. */
void view_unmap(struct view *w, u32 page, u32 n)
{
	s64 before, left = 0;

	while (n && !spte_mapped(w, page)) {
		page++;
		n--;
	}
	while (n && !spte_mapped(w, page + n - 1))
		n--;
	if (!n)
		return;
	if (host_is_err(host_zap(w, page, n)) &&
	    !host_zap_wide(w, &page, &n, &left)) {
		view_unmap_all(w);
		return;
	}
	before = view_boundaries(w, page, n);
	for (u32 i = 0; i < n; i++)
		spte_clear(w, page + i);
	view_account(w, view_edges(w, page, n) - before + left);
}

/* The same for the whole window. */
void view_unmap_all(struct view *w)
{
	bool done = !host_is_err(host_zap(w, 0, VIEW_PAGES));

	if (!done) {
		bool off =
			!host_is_err(host_protect(w, 0, VIEW_PAGES, PROT_NONE));

		done = !host_is_err(host_reserve(w->base, WINDOW_SIZE));
		w->v->m->refused_zaps += !done;
		must(done || off, "the host keeps window %u of view %u mapped",
		     w->index, w->id);
	}
	for (u32 nr = bits_next(w->active, VIEW_NODES, 0); nr < VIEW_NODES;
	     nr = bits_next(w->active, VIEW_NODES, nr + 1)) {
		struct node *node = view_node(w, nr);
		u32 i = 0;

		while ((i = bits_next(node->mapped, NODE_PAGES, i)) <
		       NODE_PAGES)
			spte_clear(w, nr * NODE_PAGES + i);
	}
	if (done)
		view_account(w, 1 - (s64)w->mappings);
}

void view_forget_fetches(struct view *w, u32 page, u32 n)
{
	struct node *node = view_node(w, page / NODE_PAGES);
	const struct mmu_ops *ops = &w->v->ops;
	u32 i = page % NODE_PAGES, end = i + n;

	while ((i = bits_next(node->fetch, NODE_PAGES, i)) < end) {
		u32 next =
			MIN(bits_next_clear(node->fetch, NODE_PAGES, i), end);
		gva_t gva = (u64)(page / NODE_PAGES) << NODE_SHIFT |
			    (u64)i << PAGE_SHIFT;

		for (u32 k = i; k < next; k++)
			bits_clear(node->fetch, k);
		w->fetch_zaps++;
		if (ops->fetch_zap)
			ops->fetch_zap(ops->opaque, w->id, gva, next - i);
		i = next;
	}
}

/* Forgets pages of one node, mappings and fetches. */
void view_zap(struct view *w, u32 page, u32 n)
{
	if (!view_node(w, page / NODE_PAGES))
		return;
	view_unmap(w, page, n);
	view_forget_fetches(w, page, n);
}

/* Forgets a node whole. */
void view_zap_node(struct view *w, u32 nr)
{
	view_zap(w, nr * NODE_PAGES, NODE_PAGES);
	view_node_put(w, nr);
}
