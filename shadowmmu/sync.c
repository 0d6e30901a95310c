// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sync.c - what a flush does: compare the entries that mappings and fetches
 * depend on with the guest's tables, and drop what is no more true. Light
 * code; called by vmmu_set_regs() after a CR3 load and the like, by INVLPG.
 *
 * The entries compared are those of the *new* root; nothing below a changed
 * directory entry is looked at, since the table it led to may be anything by
 * now (HAZARDS 39). PDPTEs carry no rights, so a PAE walk that ends in an
 * equal directory entry is the same translation, whatever led there.
 *
 * A user view is compared when it is next used, not when it is flushed: the
 * kernel may go through several address spaces before it returns to one, and
 * flushes page by page what can be dropped in one go. What is compared then is
 * the tables as they stand, which is later than the flush and so as good.
 *
 * Global pages of the supervisor view are passed over at CR3 loads, as the
 * processor's TLB would keep them. User views compare everything: they may
 * have been away while the guest flushed global pages.
 */
#include "mmu_impl.h"

/* A sync that has made so many host calls drops the view whole instead. */
#define SYNC_ZAPS_MAX 64

void vmmu_tlb_zap(struct vmmu *v, gva_t gva, u64 npages)
{
	if (!npages)
		light_zero64(v->tlb_large, ARRAY_SIZE(v->tlb_large));
	if (v->ops.tlb_zap)
		v->ops.tlb_zap(v->ops.opaque, gva, npages);
}

static bool node_any_used(const struct node *n)
{
	return bits_any(n->mapped, NODE_WORDS) ||
	       bits_any(n->fetch, NODE_WORDS);
}

/* D and G mean nothing in an entry that leads to a table. */
static enum gpte_diff pde_compare(u32 kind, u64 old, u64 now)
{
	u64 ignored = kind == NODE_TABLE ? PTE_D | PTE_G : 0;

	return gpte_compare(old & ~ignored, now & ~ignored);
}

void node_take_pde(struct view *w, u32 nr, u32 kind, u64 pde)
{
	struct node *n = view_node(w, nr);

	if (node_any_used(n) &&
	    (n->kind != kind || pde_compare(kind, n->pde, pde) >= GPTE_RO))
		view_zap(w, nr * NODE_PAGES, NODE_PAGES);
	n->kind = kind;
	n->pde = pde;
}

void node_take_pte(struct view *w, u32 page, u64 pte)
{
	struct node *n = view_node(w, page / NODE_PAGES);
	u32 i = page % NODE_PAGES;

	if (node_used(n, i) && n->gpte[i] != pte) {
		enum gpte_diff diff = gpte_compare(n->gpte[i], pte);

		if (diff == GPTE_ZAP)
			view_zap(w, page, 1);
		else if (diff == GPTE_RO && (n->spte[i].flags & SPTE_WRITABLE))
			view_protect(w, page, 1, false);
	}
	n->gpte[i] = pte;
}

bool node_replace_pte(struct view *w, u32 page, u64 pte)
{
	struct node *n = view_node(w, page / NODE_PAGES);
	u32 i = page % NODE_PAGES;

	if (!bits_test(n->mapped, i) ||
	    gpte_compare(n->gpte[i], pte) != GPTE_ZAP) {
		node_take_pte(w, page, pte);
		return false;
	}
	view_forget_fetches(w, page, 1);
	n->gpte[i] = pte;
	return true;
}

/* Zaps or write-protects the marked pages of a node, run by run. Returns the
 * number of runs. Runs to zap may extend over pages that are not used. */
static unsigned node_zap_marked(struct view *w, u32 nr, const u64 *zap)
{
	struct node *n = view_node(w, nr);
	unsigned runs = 0;
	u32 i = 0;

	while ((i = bits_next(zap, NODE_PAGES, i)) < NODE_PAGES) {
		u32 end = i + 1, k = end;

		while (k < NODE_PAGES &&
		       (bits_test(zap, k) || !node_used(n, k))) {
			if (bits_test(zap, k))
				end = k + 1;
			k++;
		}
		view_zap(w, nr * NODE_PAGES + i, end - i);
		runs++;
		i = end;
	}
	return runs;
}

static unsigned node_protect_marked(struct view *w, u32 nr, const u64 *ro)
{
	struct node *n = view_node(w, nr);
	unsigned runs = 0;
	u32 i = 0;

	while ((i = bits_next(ro, NODE_PAGES, i)) < NODE_PAGES) {
		u32 end = i;

		/* Looked at anew: a zap that was widened may have unmapped
		 * some of them. */
		while (end < NODE_PAGES && bits_test(ro, end) &&
		       (n->spte[end].flags & SPTE_WRITABLE))
			end++;
		if (end > i) {
			view_protect(w, nr * NODE_PAGES + i, end - i, false);
			runs++;
		}
		i = MAX(end, i + 1);
	}
	return runs;
}

/* Compares the pages of one word; marks those to act on. */
static void node_compare_word(struct vmmu *v, struct node *n, unsigned word,
			      u64 bits, const void *table, u64 *zap, u64 *ro)
{
	u64 count = 0;

	for (; bits; bits &= bits - 1, count++) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);
		unsigned i = word * 64 + bit;
		u64 now = table_entry(v, table, i);
		enum gpte_diff diff;

		if (likely(now == n->gpte[i]))
			continue;
		diff = gpte_compare(n->gpte[i], now);
		if (diff == GPTE_ZAP)
			*zap |= 1ull << bit;
		else if (diff == GPTE_RO)
			*ro |= 1ull << bit;
		n->gpte[i] = now;
	}
	v->m->stats.sync_entries += count;
}

/*
 * Compares a node with the current root; `pages` picks pages by words of the
 * used bitmaps. Returns the number of host calls made.
 */
static unsigned node_sync(struct view *w, u32 nr, const u64 *pages)
{
	struct vmmu *v = w->v;
	struct node *n = view_node(w, nr);
	u32 gva = nr << NODE_SHIFT;
	u64 zap[NODE_WORDS], ro[NODE_WORDS], pde;
	const void *table;

	if (n->kind == NODE_FLAT)
		return 0;
	pde = vmmu_pde(v, gva);
	v->m->stats.sync_entries++;
	if (pde != n->pde) {
		if (pde_compare(n->kind, n->pde, pde) >= GPTE_RO) {
			view_zap_node(w, nr);
			return 1;
		}
		n->pde = pde;
	}
	if (n->kind == NODE_LARGE)
		return 0;
	table = vmmu_table(v, pde, gva);
	for (unsigned i = 0; i < NODE_WORDS; i++) {
		zap[i] = ro[i] = 0;
		if (pages[i])
			node_compare_word(v, n, i, pages[i], table, &zap[i],
					  &ro[i]);
	}
	return (bits_any(zap, NODE_WORDS) ? node_zap_marked(w, nr, zap) : 0) +
	       (bits_any(ro, NODE_WORDS) ? node_protect_marked(w, nr, ro) : 0);
}

/* The pages of a node that a flush of this scope concerns. False: none. */
static bool node_scope(const struct node *n, enum sync_scope scope,
		       u64 pages[NODE_WORDS])
{
	u64 any = 0;

	for (unsigned i = 0; i < NODE_WORDS; i++) {
		pages[i] = n->mapped[i] | n->fetch[i];
		if (scope == SYNC_NONGLOBAL)
			pages[i] &= n->nonglobal[i];
		any |= pages[i];
	}
	return any;
}

void view_sync(struct view *w, enum sync_scope scope)
{
	const u64 *nodes = scope == SYNC_ALL ? w->active : w->nonglobal;
	struct mmu_stats *st = &w->v->m->stats;
	u64 pages[NODE_WORDS];
	unsigned calls = 0;
	u32 nr = 0;

	st->syncs++;
	while ((nr = bits_next(nodes, VIEW_NODES, nr)) < VIEW_NODES) {
		struct node *n = view_node(w, nr);

		if (node_scope(n, scope, pages))
			calls += node_sync(w, nr, pages);
		else if (!node_any_used(n))
			view_node_put(w, nr);
		else
			bits_clear(w->nonglobal, nr);
		if (calls > SYNC_ZAPS_MAX) {
			view_drop(w);
			st->sync_drops++;
			return;
		}
		nr++;
	}
}

/* INVLPG of some pages, of which those of the node concern it: all entries on
 * the paths to them. */
static void node_invlpg(struct view *w, u32 nr, const u32 *page, u32 count)
{
	u64 pages[NODE_WORDS] = {0};
	struct node *n = view_node(w, nr);

	if (!n)
		return;
	for (u32 i = 0; i < count; i++) {
		if (page[i] / NODE_PAGES == nr &&
		    node_used(n, page[i] % NODE_PAGES))
			bits_set(pages, page[i] % NODE_PAGES);
	}
	node_sync(w, nr, pages);
}

/* --- user views */

void vmmu_user_leave(struct vmmu *v)
{
	if (v->ops.user_work)
		*v->ops.user_work = 1;
}

static void user_note_invlpg(struct vmmu *v, u32 page)
{
	if (v->user_stale)
		return;
	if (v->nr_invlpgs == MMU_INVLPGS)
		v->user_stale = true;
	else
		v->invlpgs[v->nr_invlpgs++] = page;
	vmmu_user_leave(v);
}

/* What INVLPG has named meanwhile, node by node. */
static void user_invlpgs(struct vmmu *v)
{
	u32 last = VIEW_NODES;

	for (u32 i = 0; i < v->nr_invlpgs; i++) {
		u32 nr = v->invlpgs[i] / NODE_PAGES;

		if (nr / 2 == last / 2)
			continue;
		last = nr;
		/* A 4 MiB page has two nodes. */
		node_invlpg(v->user, nr, v->invlpgs, v->nr_invlpgs);
		node_invlpg(v->user, nr ^ 1, v->invlpgs, v->nr_invlpgs);
	}
}

void vmmu_user_expect(struct vmmu *v, gva_t gva, enum mmu_access acc)
{
	v->expect.valid = true;
	v->expect.gva = (u32)gva;
	v->expect.acc = acc;
	v->expect.cr3 = v->regs.cr3;
	vmmu_user_leave(v);
}

/* Before the comparison: a page that has changed is then mapped anew by one
 * host call, which its zap would double. */
static void user_expected(struct vmmu *v)
{
	if (!v->expect.valid || v->expect.cr3 != v->regs.cr3)
		return;
	v->expect.valid = false;
	vmmu_fill_ahead(v, v->expect.gva, v->expect.acc);
}

void vmmu_user_enter(struct vmmu *v)
{
	if (v->user_stale)
		view_select_user(v);
	user_expected(v);
	if (v->user_stale)
		view_sync(v->user, SYNC_ALL);
	else if (v->nr_invlpgs)
		user_invlpgs(v);
	v->user_stale = false;
	v->nr_invlpgs = 0;
	if (v->ops.user_work)
		*v->ops.user_work = 0;
}

static bool view_has_large(const struct view *w, u32 nr)
{
	const struct node *n = view_node(w, nr);

	return n && n->kind == NODE_LARGE;
}

static u8 *churn_count(const struct vmmu *v, u32 page)
{
	return (u8 *)&v->churn[page % MMU_CHURN];
}

static void churn_add(struct vmmu *v, u32 page)
{
	u8 *n = churn_count(v, page);

	if (*n < 255)
		++*n;
	if (++v->churns < 64 * MMU_CHURN)
		return;
	v->churns = 0;
	for (u32 i = 0; i < MMU_CHURN; i++)
		v->churn[i] /= 2;
}

bool vmmu_churns(const struct vmmu *v, gva_t gva)
{
	return *churn_count(v, (u32)gva >> PAGE_SHIFT) >= MMU_CHURN_MIN;
}

static void super_invlpg(struct vmmu *v, u32 page)
{
	u32 nr = page / NODE_PAGES;
	const struct spte *sp = view_spte(v->super, page);
	bool mapped = sp && (sp->flags & SPTE_MAPPED);

	node_invlpg(v->super, nr, &page, 1);
	/* A 4 MiB page has two nodes; so may its predecessor here. */
	node_invlpg(v->super, nr ^ 1, &page, 1);
	sp = view_spte(v->super, page);
	if (mapped && !(sp && (sp->flags & SPTE_MAPPED)))
		churn_add(v, page);
}

u64 vmmu_fetch_zaps(const struct vmmu *v)
{
	return v->super->fetch_zaps;
}

void vmmu_invlpg(struct vmmu *v, gva_t gva_in)
{
	u32 gva = (u32)gva_in, nr = gva >> NODE_SHIFT, page = gva >> PAGE_SHIFT;
	struct view *views[2] = {v->super, v->user};
	bool large = pde_is_large(v, vmmu_pde(v, gva)) ||
		     bits_test(v->tlb_large, gva >> 22);

	for (unsigned i = 0; i < 2; i++) {
		large |= view_has_large(views[i], nr) ||
			 view_has_large(views[i], nr ^ 1);
	}
	super_invlpg(v, page);
	user_note_invlpg(v, page);
	if (large)
		vmmu_tlb_zap(v, gva & ~0x3fffffu, 1024);
	else
		vmmu_tlb_zap(v, gva & PAGE_MASK, 1);
}

void vmmu_flush_all(struct vmmu *v)
{
	view_sync(v->super, SYNC_ALL);
	v->user_stale = true;
	vmmu_user_leave(v);
	vmmu_tlb_zap(v, 0, 0);
}
