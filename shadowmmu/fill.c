// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill.c - a guest address used for the first time: by generated code through
 * a window (vmmu_fill), by C or for translation (vmmu_translate). Light code.
 *
 * A fill maps what surrounds the page too, as long as the neighbours' entries
 * continue it frame by frame with the same rights, have been accessed before
 * (and written, if the mapping is to be writable), so that the whole run is
 * one host mapping and the guest cannot tell (HAZARDS 43).
 */
#include "mmu_impl.h"

/* Neighbours looked at on each side in a page table. */
#define FILL_AROUND 16

/* A fill under way. */
struct fill {
	struct view *view;
	struct node *node;
	const struct slot *slot;
	const struct walk *walk;
	const void *table; /* NODE_TABLE: guest entries of the node */
	u32 page;	   /* in the view */
	u32 frame;	   /* in the slot */
	bool writable;	   /* wanted */
	bool mapped;	   /* and now to become writable */
	bool uffd_wp;	   /* then: it is userfaultfd that withholds that */
	bool replaces;	   /* what is mapped there is no more true */
};

static bool view_may_write(const struct view *w, bool writable)
{
	return writable || (!w->user && !(w->v->regs.cr0 & CR0_WP));
}

/* The node's copies become what the walk has read; what was made under
 * other values is dropped (HAZARDS 40), or if a fill of the page follows left
 * for that to replace: then true is returned. */
static bool node_enter(struct view *w, u32 page, const struct walk *walk,
		       bool fill)
{
	struct node *n = view_node(w, page / NODE_PAGES);
	u32 i = page % NODE_PAGES;
	bool replaces = false;

	node_take_pde(w, page / NODE_PAGES, walk->kind, walk->pde);
	if (walk->kind == NODE_TABLE && fill)
		replaces = node_replace_pte(w, page, walk->pte);
	else if (walk->kind == NODE_TABLE)
		node_take_pte(w, page, walk->pte);
	if (w->user || !walk->global) {
		bits_set(n->nonglobal, i);
		bits_set(w->nonglobal, page / NODE_PAGES);
	} else {
		bits_clear(n->nonglobal, i);
	}
	return replaces;
}

/* Does entry e, of a page `gpa` is expected behind, fit the run? */
static bool fill_fits_pte(const struct fill *f, u64 e, gpa_t gpa, u32 frame)
{
	const struct vmmu *v = f->view->v;
	u64 both = e & f->walk->pde;
	bool writable = view_may_write(f->view, both & PTE_W) && (e & PTE_D) &&
			!slot_has_code(f->slot, frame);

	return (e & PTE_P) && (e & PTE_A) && !pte_has_reserved(v, e) &&
	       (e & GPTE_ADDR & v->regs.phys_mask) == gpa &&
	       !(both & PTE_U) == !f->view->user && writable == f->writable;
}

static gpa_t fill_direct_gpa(const struct fill *f, u32 page)
{
	const struct vmmu *v = f->view->v;

	if (f->walk->kind == NODE_LARGE)
		return pde_large_gpa(v, f->walk->pde, page << PAGE_SHIFT);
	return ((u64)page << PAGE_SHIFT) & v->regs.phys_mask;
}

/* Can the page d away, in the same node, join the run? Takes its copy. */
static bool fill_joins(struct fill *f, s32 d)
{
	struct node *n = f->node;
	u32 k = (u32)((s32)(f->page % NODE_PAGES) + d);
	u32 frame = (u32)((s32)f->frame + d);
	gpa_t gpa = f->walk->gpa + (u64)((s64)d * (s64)PAGE_SIZE);

	if (gpa - f->slot->gpa >= f->slot->size ||
	    bits_test(n->mapped, k) != f->mapped ||
	    (n->spte[k].flags & SPTE_WRITABLE) ||
	    !(n->spte[k].flags & SPTE_UFFD_WP) == f->uffd_wp)
		return false;
	if (f->walk->kind == NODE_TABLE) {
		u64 e = table_entry(f->view->v, f->table, k);

		if (!fill_fits_pte(f, e, gpa, frame) ||
		    (node_used(n, k) && gpte_compare(n->gpte[k], e) >= GPTE_RO))
			return false;
		n->gpte[k] = e;
		if (f->view->user || !(e & PTE_G) ||
		    !(f->view->v->regs.cr4 & CR4_PGE)) {
			bits_set(n->nonglobal, k);
			bits_set(f->view->nonglobal, f->page / NODE_PAGES);
		} else {
			bits_clear(n->nonglobal, k);
		}
		return true;
	}
	if (fill_direct_gpa(f, f->page + (u32)d) != gpa)
		return false;
	if (f->view->user || !f->walk->global)
		bits_set(n->nonglobal, k);
	else
		bits_clear(n->nonglobal, k);
	return f->writable ==
	       (view_may_write(f->view, f->walk->writable) && f->walk->dirty &&
		!slot_has_code(f->slot, frame));
}

/* The guest may have written an entry between our reading and mapping. */
static void fill_reread(struct fill *f, u32 page, u32 n)
{
	struct vmmu *v = f->view->v;
	u32 nr = page / NODE_PAGES;

	if (f->walk->kind == NODE_FLAT)
		return;
	node_take_pde(f->view, nr, f->node->kind,
		      vmmu_pde(v, page << PAGE_SHIFT));
	if (f->walk->kind != NODE_TABLE)
		return;
	for (u32 k = 0; k < n; k++)
		node_take_pte(
			f->view, page + k,
			table_entry(v, f->table, (page + k) % NODE_PAGES));
}

static bool fill_is_withheld(const struct vmmu *v, u32 page)
{
	for (unsigned i = 0; i < v->nr_withheld; i++) {
		if (v->withheld[i] == page)
			return true;
	}
	return false;
}

/* The run must not reach pages of its node that are withheld. */
static void fill_bounds(const struct fill *f, u32 *low, u32 *high)
{
	const struct vmmu *v = f->view->v;

	for (unsigned k = 0; k < v->nr_withheld; k++) {
		u32 page = v->withheld[k], i = page % NODE_PAGES;

		if (page / NODE_PAGES != f->page / NODE_PAGES)
			continue;
		if (page < f->page)
			*low = MAX(*low, i + 1);
		else
			*high = MIN(*high, i);
	}
}

void vmmu_withhold(struct vmmu *v, const u32 *pages, unsigned n)
{
	must(n <= MMU_WITHHELD, "%u pages to withhold", n);
	v->nr_withheld = n;
	for (unsigned i = 0; i < n; i++) {
		v->withheld[i] = pages[i];
		view_unmap(v->super, pages[i], 1);
		for (unsigned k = 0; k < v->nr_cache; k++)
			view_unmap(v->cache[k], pages[i], 1);
	}
}

/* Maps the run around the page, or makes it writable. 0 or -errno. */
static int fill_run(struct fill *f)
{
	u32 i = f->page % NODE_PAGES, down = 0, up = 1;
	u32 reach = f->walk->kind == NODE_TABLE ? FILL_AROUND : NODE_PAGES;
	u32 first, n, low = 0, high = NODE_PAGES;
	int err;

	if (unlikely(f->view->v->nr_withheld))
		fill_bounds(f, &low, &high);
	while (up < reach && i + up < high && fill_joins(f, (s32)up))
		up++;
	while (down < reach && low + down < i && fill_joins(f, -(s32)down - 1))
		down++;
	first = f->page - down;
	n = down + up;
	if (f->mapped)
		err = view_protect(f->view, first, n, true);
	else
		err = view_map(f->view, first, n, f->slot, f->frame - down,
			       f->writable,
			       f->replaces ? f->page : VIEW_PAGES);
	if (err)
		return err;
	f->view->v->m->stats.prefilled += n - 1;
	fill_reread(f, first, n);
	MMU_LOG("fill view %u %#lx+%#x frame %#x%s\n", f->view->id,
		(unsigned long)first << PAGE_SHIFT, n, f->frame - down,
		f->writable ? " writable" : "");
	return 0;
}

static int fill_page(struct view *w, u32 gva, const struct walk *walk,
		     const struct slot *s)
{
	u32 page = gva >> PAGE_SHIFT;
	struct fill f = {.view = w, .walk = walk, .slot = s, .page = page};
	const struct spte *sp;

	f.node = view_node_get(w, page / NODE_PAGES);
	if (!f.node)
		return -ENOMEM;
	f.replaces = node_enter(w, page, walk, true);
	f.frame = (u32)((walk->gpa - s->gpa) >> PAGE_SHIFT);
	f.writable = view_may_write(w, walk->writable) && walk->dirty &&
		     !slot_has_code(s, f.frame);
	sp = &f.node->spte[page % NODE_PAGES];
	f.mapped = (sp->flags & SPTE_MAPPED) && !f.replaces;
	f.uffd_wp = f.mapped && (sp->flags & SPTE_UFFD_WP);
	must(!f.mapped ||
		     (sp->frame == f.frame && sp->slot == slot_nr(w->v->m, s)),
	     "view %u page %#x maps frame %#x, the walk says %#x", w->id, page,
	     sp->frame, f.frame);
	if (f.mapped && (!f.writable || (sp->flags & SPTE_WRITABLE)))
		return 0;
	if (walk->kind == NODE_TABLE)
		f.table = vmmu_table(w->v, walk->pde, gva);
	return fill_run(&f);
}

/* May generated code reach this page through the window? Else why not. */
static enum mmu_result fill_way(const struct walk *walk, enum mmu_access acc,
				enum mmu_priv priv, const struct slot *s)
{
	if (!s)
		return MMU_MMIO;
	if (s->fd < 0 ||
	    (priv != MMU_USER && walk->user && walk->kind != NODE_FLAT))
		return MMU_HELPER;
	if (acc == MMU_WRITE &&
	    slot_has_code(s, (u32)((walk->gpa - s->gpa) >> PAGE_SHIFT)))
		return MMU_CODE;
	return MMU_OK;
}

static void fill_count(struct mmu_stats *st, enum mmu_result res)
{
	switch (res) {
	case MMU_OK:
		st->fills++;
		break;
	case MMU_PF:
		st->fills_pf++;
		break;
	case MMU_MMIO:
		st->fills_mmio++;
		break;
	case MMU_CODE:
		st->fills_code++;
		break;
	case MMU_HELPER:
	case MMU_NOMEM:
		st->fills_helper++;
		break;
	}
}

static enum mmu_result fill_map(struct vmmu *v, u32 gva, enum mmu_priv priv,
				const struct walk *walk, const struct slot *s)
{
	struct view *w = priv == MMU_USER ? v->user : v->super;

	if (unlikely(v->nr_withheld) && fill_is_withheld(v, gva >> PAGE_SHIFT))
		return MMU_HELPER;
	/* What the host refuses it may grant when asked again, else after an
	 * eviction; that costs many fills, so it comes last. */
	for (unsigned tries = 0; tries < 3; tries++) {
		if (!mmu_has_room(v->m) || tries == 2)
			vmmu_make_room(v);
		if (!mmu_has_room(v->m))
			break;
		if (!fill_page(w, gva, walk, s))
			return MMU_OK;
	}
	return MMU_HELPER;
}

enum mmu_result vmmu_fill(struct vmmu *v, gva_t gva_in, enum mmu_access acc,
			  enum mmu_priv priv, bool ac, u32 *pfec_out,
			  gpa_t *gpa_out)
{
	u32 gva = (u32)gva_in;
	const struct slot *s;
	struct walk walk;
	enum mmu_result res;

	if (priv == MMU_USER)
		vmmu_user_ready(v);
	res = vmmu_walk(v, gva, acc, priv, ac, &walk);
	if (res == MMU_PF) {
		*pfec_out = walk.pfec;
	} else {
		*gpa_out = walk.gpa | (gva & ~PAGE_MASK);
		s = slot_find(v->m, walk.gpa);
		res = fill_way(&walk, acc, priv, s);
		if (res == MMU_OK)
			res = fill_map(v, gva, priv, &walk, s);
	}
	fill_count(&v->m->stats, res);
	return res;
}

void vmmu_fill_ahead(struct vmmu *v, u32 gva, enum mmu_access acc)
{
	const struct slot *s;
	struct walk walk;

	if (vmmu_peek(v, gva, acc, &walk) != MMU_OK)
		return;
	s = slot_find(v->m, walk.gpa);
	if (fill_way(&walk, acc, MMU_USER, s) == MMU_OK &&
	    fill_map(v, gva, MMU_USER, &walk, s) == MMU_OK)
		v->m->stats.fills_return++;
}

/* Remembers that code at gva was translated through this walk.
 * False: no node, and none to evict. */
static bool fetch_remember(struct vmmu *v, u32 gva, enum mmu_priv priv,
			   const struct walk *walk)
{
	struct view *w = priv == MMU_USER ? v->user : v->super;
	u32 page = gva >> PAGE_SHIFT;
	struct node *n = view_node_get(w, page / NODE_PAGES);

	if (!n) {
		vmmu_make_room(v);
		n = view_node_get(w, page / NODE_PAGES);
		if (!n)
			return false;
	}
	node_enter(w, page, walk, false);
	bits_set(n->fetch, page % NODE_PAGES);
	return true;
}

enum mmu_result vmmu_translate(struct vmmu *v, gva_t gva_in,
			       enum mmu_access acc, enum mmu_priv priv, bool ac,
			       struct mmu_xlat *x)
{
	u32 gva = (u32)gva_in;
	const struct slot *s;
	struct walk walk;

	*x = (struct mmu_xlat){0};
	if (vmmu_walk(v, gva, acc, priv, ac, &walk) == MMU_PF) {
		x->pfec = walk.pfec;
		return MMU_PF;
	}
	x->gpa = walk.gpa | (gva & ~PAGE_MASK);
	x->global = walk.global;
	x->user = walk.user;
	x->writable = walk.writable;
	s = slot_find(v->m, walk.gpa);
	if (s) {
		x->hva = s->hva + (x->gpa - s->gpa);
		x->has_code = slot_has_code(
			s, (u32)((walk.gpa - s->gpa) >> PAGE_SHIFT));
	}
	if (acc == MMU_FETCH && priv == MMU_USER)
		vmmu_user_ready(v);
	if (acc == MMU_FETCH && !fetch_remember(v, gva, priv, &walk))
		return MMU_NOMEM;
	if (acc != MMU_FETCH && walk.kind == NODE_LARGE)
		bits_set(v->tlb_large, gva >> 22);
	return s ? MMU_OK : MMU_MMIO;
}
