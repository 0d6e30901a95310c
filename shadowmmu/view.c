// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * view.c - views: their windows in the host's address space, their nodes,
 * the cache of user views, and eviction when mappings or nodes run out.
 * Light code, view_new() for a vCPU's first two views included.
 */
#include "mmu_impl.h"

/* --- nodes: a pool mapped once by mmu_new(), so the host commits memory
 * only as nodes come into use. A free node is all zero but for stale gptes. */

struct node *view_node(const struct view *w, u32 nr)
{
	return w->node[nr] ? &w->v->m->nodes[w->node[nr]] : NULL;
}

static u32 node_alloc(struct mmu *m)
{
	u32 k = m->free_node;

	if (k) {
		m->free_node = m->nodes[k].next_free;
		m->nodes[k].next_free = 0;
		return k;
	}
	return m->fresh_node < m->nr_nodes ? ++m->fresh_node : 0;
}

struct node *view_node_get(struct view *w, u32 nr)
{
	u32 k;

	if (w->node[nr])
		return view_node(w, nr);
	k = node_alloc(w->v->m);
	if (!k)
		return NULL;
	w->node[nr] = (u16)k;
	bits_set(w->active, nr);
	return &w->v->m->nodes[k];
}

/* Gives an unused node back. */
void view_node_put(struct view *w, u32 nr)
{
	struct mmu *m = w->v->m;
	u32 k = w->node[nr];

	if (!k)
		return;
	m->nodes[k].next_free = m->free_node;
	m->free_node = k;
	w->node[nr] = 0;
	bits_clear(w->active, nr);
	bits_clear(w->nonglobal, nr);
}

/* --- windows */

/* Address space for a window and its guards, all of it without rights. */
static int window_reserve(struct view *w)
{
	u64 size = WINDOW_SIZE + 2 * WINDOW_GUARD + WINDOW_ALIGN;
	s64 p = host_reserve(0, size);

	if (host_is_err(p))
		return (int)p;
	w->low = (hva_t)p;
	w->low_size = size;
	w->base = ALIGN_UP(w->low + WINDOW_GUARD, WINDOW_ALIGN);
	return 0;
}

static u32 view_index_free(const struct mmu *m)
{
	u32 i = 1;

	while (i < MMU_VIEWS && m->views[i])
		i++;
	return i;
}

int view_new(struct view **out, struct vmmu *v, bool user)
{
	struct mmu *m = v->m;
	u32 index = view_index_free(m);
	struct view *w;
	s64 p;
	int err;

	if (index == MMU_VIEWS)
		return -ENOSPC;
	p = host_mmap(0, sizeof(*w), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host_is_err(p))
		return (int)p;
	w = (struct view *)p;
	err = window_reserve(w);
	if (err)
		goto free_view;
	w->v = v;
	w->user = user;
	w->index = index;
	w->id = user ? 0 : 1;
	m->views[index] = w;
	m->stats.views_made++;
	view_account(w, 1);
	*out = w;
	return 0;

free_view:
	host_munmap((hva_t)w, sizeof(*w));
	return err;
}

void view_free(struct view *w)
{
	view_drop(w);
	view_account(w, -(s64)w->mappings);
	w->v->m->views[w->index] = NULL;
	host_munmap(w->low, w->low_size);
	host_munmap((hva_t)w, sizeof(*w));
}

void view_drop(struct view *w)
{
	const struct mmu_ops *ops = &w->v->ops;
	u32 nr = 0;

	view_unmap_all(w);
	while ((nr = bits_next(w->active, VIEW_NODES, nr)) < VIEW_NODES) {
		light_zero64(view_node(w, nr)->fetch, NODE_WORDS);
		view_node_put(w, nr);
	}
	w->fetch_zaps++;
	if (w->id && ops->fetch_zap)
		ops->fetch_zap(ops->opaque, w->id, 0, 0);
}

/* --- user views */

static u64 view_key(const struct mmu_regs *r)
{
	if (!regs_paging(r))
		return VIEW_KEY_FLAT;
	return r->cr3 & (regs_pae(r) ? 0xffffffe0u : 0xfffff000u);
}

static struct view *cache_oldest(const struct vmmu *v, const struct view * not )
{
	struct view *oldest = NULL;

	for (unsigned i = 0; i < v->nr_cache; i++) {
		struct view *w = v->cache[i];

		if (w != not &&(!oldest || w->stamp < oldest->stamp))
			oldest = w;
	}
	return oldest;
}

/* A view for a new key: an empty one, a new one, or the oldest emptied. */
static struct view *cache_take(struct vmmu *v)
{
	struct view *w;

	for (unsigned i = 0; i < v->nr_cache; i++) {
		if (!v->cache[i]->keyed)
			return v->cache[i];
	}
	if (v->nr_cache < MMU_USER_VIEWS && mmu_has_room(v->m) &&
	    !view_new(&w, v, true)) {
		v->cache[v->nr_cache++] = w;
		return w;
	}
	w = cache_oldest(v, NULL);
	view_drop(w);
	v->m->stats.views_evicted++;
	return w;
}

static void view_rekey(struct view *w, u64 key)
{
	struct mmu *m = w->v->m;

	w->key = key;
	w->keyed = true;
	if (!m->next_view_id) {
		/* All ids have been used: no view may keep one of the old. */
		vmmu_forget_users(w->v);
		w->keyed = true;
		m->next_view_id = VIEW_ID_FIRST;
	}
	w->id = m->next_view_id++;
}

/* Makes the view that belongs to CR3 the current user view. */
void view_select_user(struct vmmu *v)
{
	u64 key = view_key(&v->regs);
	struct view *w = NULL;

	for (unsigned i = 0; i < v->nr_cache && !w; i++) {
		if (v->cache[i]->keyed && v->cache[i]->key == key)
			w = v->cache[i];
	}
	if (!w) {
		w = cache_take(v);
		view_rekey(w, key);
	}
	w->stamp = ++v->m->clock;
	v->user = w;
}

/* The format of the guest's tables changes: no user view means anything. */
void vmmu_forget_users(struct vmmu *v)
{
	for (unsigned i = 0; i < v->nr_cache; i++) {
		if (v->cache[i]->keyed)
			view_drop(v->cache[i]);
		v->cache[i]->keyed = false;
	}
}

/* --- eviction */

/* One more run costs two mappings at most. */
bool mmu_has_room(const struct mmu *m)
{
	return m->stats.mappings + 2 <= m->budget;
}

bool vmmu_is_crowded(const struct vmmu *v)
{
	const struct mmu *m = v->m;

	return m->stats.mappings > m->budget - m->budget / 4;
}

static bool view_evict_node(struct view *w)
{
	u32 nr = bits_next(w->active, VIEW_NODES, w->hand);

	if (nr == VIEW_NODES)
		nr = bits_next(w->active, VIEW_NODES, 0);
	if (nr == VIEW_NODES)
		return false;
	view_zap_node(w, nr);
	w->hand = (nr + 1) % VIEW_NODES;
	return true;
}

static bool view_is_empty(const struct view *w)
{
	return !bits_any(w->active, VIEW_NODES / 64);
}

/* The user view that was out of use for longest goes whole. */
static bool vmmu_evict_view(struct vmmu *v)
{
	struct view *w = NULL;

	for (unsigned i = 0; i < v->nr_cache; i++) {
		struct view *c = v->cache[i];

		if (c != v->user && !view_is_empty(c) &&
		    (!w || c->stamp < w->stamp))
			w = c;
	}
	if (!w)
		return false;
	view_drop(w);
	v->m->stats.views_evicted++;
	return true;
}

bool vmmu_make_room(struct vmmu *v)
{
	struct mmu *m = v->m;
	u64 target = m->budget - m->budget / 8;
	bool any = false;

	m->stats.evictions++;
	while (vmmu_evict_view(v)) {
		if (m->stats.mappings <= target)
			return true;
	}
	do {
		bool user = view_evict_node(v->user);
		bool super = view_evict_node(v->super);

		if (!user && !super) {
			/* What refused zaps have left behind. */
			view_unmap_all(v->user);
			view_unmap_all(v->super);
			break;
		}
		any = true;
	} while (m->stats.mappings > target);
	return any || mmu_has_room(m);
}
