// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check.c - compares the shadow with the guest's tables and with itself. Run
 * by tests and by debug builds right after a CR3 load. See the invariants in
 * mmu_impl.h.
 */
#include "mmu_impl.h"

struct check {
	struct vmmu *v;
	const struct view *view;
	const struct node *node;
	u32 nr;
	unsigned bad;
};

static void check_fails(struct check *c, u32 i, const char *what)
{
	c->bad++;
	MMU_LOG("check: view %u gva %#x: %s\n", c->view->id,
		c->nr << NODE_SHIFT | i << PAGE_SHIFT, what);
}

#define CHECK(c, i, cond)                                                      \
	do {                                                                   \
		if (!(cond))                                                   \
			check_fails(c, i, #cond);                              \
	} while (0)

static void check_rmap(struct check *c, u32 i)
{
	const struct spte *sp = &c->node->spte[i];
	const struct slot *s = &c->v->m->slots[sp->slot];
	u32 self = c->view->index * VIEW_PAGES + c->nr * NODE_PAGES + i;
	u32 before = s->rmap[sp->frame];

	if (sp->prev) {
		const struct view *w = c->v->m->views[sp->prev / VIEW_PAGES];

		before = view_spte(w, sp->prev % VIEW_PAGES)->next;
	}
	CHECK(c, i, before == self);
}

/* The mapping against the copies it was made under. */
static void check_page(struct check *c, u32 i)
{
	const struct node *n = c->node;
	const struct spte *sp = &n->spte[i];
	const struct slot *s = &c->v->m->slots[sp->slot];
	const struct mmu_regs *r = &c->v->regs;
	u32 gva = c->nr << NODE_SHIFT | i << PAGE_SHIFT;
	u64 leaf = n->kind == NODE_TABLE ? n->gpte[i] : n->pde;
	u64 both = leaf & n->pde;
	gpa_t gpa;

	CHECK(c, i, s->size && sp->frame < s->size >> PAGE_SHIFT);
	CHECK(c, i, sp->flags & SPTE_MAPPED);
	if (sp->flags & SPTE_UFFD_WP)
		CHECK(c, i, (sp->flags & (SPTE_REGISTERED | SPTE_WRITABLE)) ==
				    SPTE_REGISTERED);
	if (sp->flags & SPTE_WRITABLE) {
		CHECK(c, i, !slot_has_code(s, sp->frame));
		check_rmap(c, i);
	}
	if (n->kind == NODE_FLAT) {
		CHECK(c, i, !regs_paging(r));
		gpa = gva & r->phys_mask;
	} else {
		CHECK(c, i, leaf & n->pde & PTE_P);
		CHECK(c, i, !!(both & PTE_U) == c->view->user);
		CHECK(c, i, leaf & n->pde & PTE_A);
		if (sp->flags & SPTE_WRITABLE) {
			CHECK(c, i, leaf & PTE_D);
			CHECK(c, i,
			      (both & PTE_W) ||
				      (!c->view->user && !(r->cr0 & CR0_WP)));
		}
		gpa = n->kind == NODE_LARGE ? pde_large_gpa(c->v, n->pde, gva)
					    : leaf & GPTE_ADDR & r->phys_mask;
	}
	CHECK(c, i, gpa == s->gpa + ((u64)sp->frame << PAGE_SHIFT));
}

/* The copies against the guest's tables. Global pages may be older. */
static void check_copies(struct check *c, u32 i)
{
	const struct node *n = c->node;
	u32 gva = c->nr << NODE_SHIFT | i << PAGE_SHIFT;
	u64 pde = vmmu_pde(c->v, gva);

	if (n->kind == NODE_FLAT)
		return;
	if ((c->v->regs.cr4 & CR4_PGE) && !bits_test(n->nonglobal, i))
		return;
	CHECK(c, i, pde & PTE_P);
	CHECK(c, i, pde_is_large(c->v, pde) == (n->kind == NODE_LARGE));
	if (n->kind == NODE_LARGE)
		CHECK(c, i, gpte_compare(n->pde, pde) < GPTE_RO);
	else
		CHECK(c, i,
		      gpte_compare(n->pde & ~(PTE_D | PTE_G),
				   pde & ~(PTE_D | PTE_G)) < GPTE_RO);
	if (n->kind == NODE_TABLE)
		CHECK(c, i,
		      gpte_compare(n->gpte[i],
				   table_entry(c->v, vmmu_table(c->v, pde, gva),
					       i)) < GPTE_RO);
}

static bool page_continues(const struct view *w, u32 page)
{
	const struct spte *a = page ? view_spte(w, page - 1) : NULL;
	const struct spte *b = page < VIEW_PAGES ? view_spte(w, page) : NULL;
	bool am = a && (a->flags & SPTE_MAPPED);
	bool bm = b && (b->flags & SPTE_MAPPED);

	if (!am || !bm)
		return am == bm;
	return a->slot == b->slot && a->frame + 1 == b->frame &&
	       spte_mapping_kind(a) == spte_mapping_kind(b);
}

/* The count of host mappings from scratch. */
static void check_count(struct check *c)
{
	const struct view *w = c->view;
	u64 count = 1;
	u32 last = VIEW_NODES;

	for (u32 nr = 0; nr < VIEW_NODES; nr++) {
		if (!w->node[nr])
			continue;
		for (u32 i = 0; i < NODE_PAGES; i++)
			count += !page_continues(w, nr * NODE_PAGES + i);
		last = nr;
		if (nr + 1 == VIEW_NODES || !w->node[nr + 1])
			count += !page_continues(w, (nr + 1) * NODE_PAGES);
	}
	c->nr = last == VIEW_NODES ? 0 : last;
	CHECK(c, 0, w->mappings >= count);
	if (!c->v->m->refused_zaps)
		CHECK(c, 0, w->mappings == count);
}

static void check_view(struct check *c, bool current)
{
	const struct view *w = c->view;
	u32 nr = 0;

	for (; (nr = bits_next(w->active, VIEW_NODES, nr)) < VIEW_NODES; nr++) {
		c->nr = nr;
		c->node = view_node(w, nr);
		for (u32 i = 0; i < NODE_PAGES; i++) {
			if (bits_test(c->node->mapped, i))
				check_page(c, i);
			else
				CHECK(c, i, !c->node->spte[i].flags);
			if (current && node_used(c->node, i))
				check_copies(c, i);
		}
	}
	check_count(c);
}

unsigned vmmu_check(struct vmmu *v)
{
	struct check c = {.v = v};

	vmmu_user_enter(v);
	c.view = v->super;
	check_view(&c, true);
	for (unsigned i = 0; i < v->nr_cache; i++) {
		c.view = v->cache[i];
		check_view(&c, v->cache[i] == v->user);
	}
	return c.bad;
}
