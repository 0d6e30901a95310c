// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk_ref.c - see walk_ref.h. Written from the SDM, vol. 3, chapter 4, to be
 * read beside it.
 */
#include <string.h>

#include "walk_ref.h"

#define VALUES_MAX 48 /* of one entry; beyond that anything may be */

/* An entry of a paging structure, and what it means. */
struct step {
	u64 val;
	bool rsvd;
	bool large;
};

u8 *ref_ram(const struct ref *ref, gpa_t gpa, u64 len)
{
	for (unsigned i = 0; i < REF_RANGES; i++) {
		const struct ref_range *r = &ref->ranges[i];

		if (gpa >= r->gpa && gpa + len <= r->gpa + r->size)
			return ref->ram + r->off + (gpa - r->gpa);
	}
	return NULL;
}

static bool is_paging(const struct ref *ref)
{
	return ref->r.cr0 & CR0_PG;
}

static bool is_pae(const struct ref *ref)
{
	return ref->r.cr4 & CR4_PAE;
}

/* 8 aligned bytes around gpa as they are; all ones where there is no RAM. */
static u64 cell_read(const struct ref *ref, gpa_t gpa)
{
	const u8 *p = ref_ram(ref, gpa & ~7ull, 8);
	u64 v = ~0ull;

	if (p)
		memcpy(&v, p, 8);
	return v;
}

static u64 cell_entry(const struct ref *ref, gpa_t gpa, u64 cell)
{
	if (is_pae(ref))
		return cell;
	return (u32)(cell >> (gpa & 4 ? 32 : 0));
}

/* --- tables 4-4 to 4-10 */

static gpa_t pde_address(const struct ref *ref, u64 cr3, const u64 *pdpte,
			 u32 gva)
{
	gpa_t gpa;

	if (is_pae(ref))
		gpa = (pdpte[gva >> 30] & 0x0000000ffffff000ull) +
		      (gva >> 21 & 0x1ff) * 8;
	else
		gpa = (cr3 & 0xfffff000) + (gva >> 22) * 4;
	return gpa & ref->r.phys_mask;
}

static gpa_t pte_address(const struct ref *ref, u64 pde, u32 gva)
{
	gpa_t gpa;

	if (is_pae(ref))
		gpa = (pde & 0x0000000ffffff000ull) + (gva >> 12 & 0x1ff) * 8;
	else
		gpa = (pde & 0xfffff000) + (gva >> 12 & 0x3ff) * 4;
	return gpa & ref->r.phys_mask;
}

static struct step step_of(const struct ref *ref, u64 val, bool is_pde)
{
	struct step s = { .val = val };
	bool pae = is_pae(ref);

	s.large = is_pde && (val & PTE_PS) && (pae || (ref->r.cr4 & CR4_PSE));
	if (pae) {
		s.rsvd = val & 0x7ffffff000000000ull;
		if (val >> 63 && !(ref->r.efer & EFER_NXE))
			s.rsvd = true;
		if (s.large && (val & 0x1fe000))
			s.rsvd = true;
	} else {
		s.rsvd = s.large && (val & 0x3e0000);
	}
	return s;
}

static gpa_t leaf_address(const struct ref *ref, const struct step *leaf,
			  u32 gva)
{
	gpa_t gpa;

	if (!leaf->large)
		gpa = (leaf->val & (is_pae(ref) ? 0xffffff000ull : 0xfffff000)) |
		      (gva & 0xfff);
	else if (is_pae(ref))
		gpa = (leaf->val & 0xfffe00000ull) | (gva & 0x1fffff);
	else
		gpa = (leaf->val & 0xffc00000) |
		      (leaf->val & 0x1e000) << (32 - 13) | (gva & 0x3fffff);
	return gpa & ref->r.phys_mask;
}

/* 4.6.1 */
static bool is_denied(const struct ref *ref, u64 both, u64 either,
		      enum mmu_access acc, enum mmu_priv priv, bool ac)
{
	bool user = both & PTE_U, writable = both & PTE_W;

	if (priv == MMU_USER && !user)
		return true;
	if (acc == MMU_FETCH) {
		if (is_pae(ref) && (ref->r.efer & EFER_NXE) && either >> 63)
			return true;
		return priv != MMU_USER && user && (ref->r.cr4 & CR4_SMEP);
	}
	if (priv != MMU_USER && user && (ref->r.cr4 & CR4_SMAP) &&
	    !(priv == MMU_SUPER && ac))
		return true;
	if (acc != MMU_WRITE || writable)
		return false;
	return priv == MMU_USER || (ref->r.cr0 & CR0_WP);
}

static void walk_mark(const struct ref *ref, struct ref_walk *w, gpa_t gpa,
		      u64 val, u64 bits)
{
	if ((val & bits) == bits || !ref_ram(ref, gpa, is_pae(ref) ? 8 : 4))
		return;
	w->mark[w->nr_marks].gpa = gpa;
	w->mark[w->nr_marks].bits = bits & ~val;
	w->mark[w->nr_marks++].old = cell_read(ref, gpa);
}

static void walk_paged(const struct ref *ref, u32 gva, enum mmu_access acc,
		       enum mmu_priv priv, bool ac, struct ref_walk *w)
{
	u64 marks = acc == MMU_WRITE ? PTE_A | PTE_D : PTE_A;
	gpa_t pde_at = pde_address(ref, ref->r.cr3, ref->pdpte, gva), pte_at;
	struct step pde, pte;

	if (is_pae(ref) && !(ref->pdpte[gva >> 30] & PTE_P))
		return;
	pde = step_of(ref, cell_entry(ref, pde_at, cell_read(ref, pde_at)),
		      true);
	pte = pde;
	pte_at = pde_at;
	if (!(pde.val & PTE_P))
		return;
	if (!pde.rsvd && !pde.large) {
		pte_at = pte_address(ref, pde.val, gva);
		pte = step_of(ref,
			      cell_entry(ref, pte_at, cell_read(ref, pte_at)),
			      false);
		if (!(pte.val & PTE_P))
			return;
	}
	w->pfec |= PFEC_P;
	if (pde.rsvd || pte.rsvd) {
		w->pfec |= PFEC_R;
		return;
	}
	w->user = pde.val & pte.val & PTE_U;
	w->large = pde.large;
	w->gpa = leaf_address(ref, &pte, gva);
	if (is_denied(ref, pde.val & pte.val, pde.val | pte.val, acc, priv, ac))
		return;
	w->fault = false;
	if (!pde.large)
		walk_mark(ref, w, pde_at, pde.val, PTE_A);
	walk_mark(ref, w, pte_at, pte.val, marks);
}

void ref_walk(const struct ref *ref, u32 gva, enum mmu_access acc,
	      enum mmu_priv priv, bool ac, struct ref_walk *w)
{
	memset(w, 0, sizeof(*w));
	if (is_paging(ref)) {
		w->fault = true;
		w->pfec = (acc == MMU_WRITE ? PFEC_W : 0) |
			  (priv == MMU_USER ? PFEC_U : 0);
		if (acc == MMU_FETCH &&
		    ((ref->r.cr4 & CR4_SMEP) ||
		     (is_pae(ref) && (ref->r.efer & EFER_NXE))))
			w->pfec |= PFEC_I;
		walk_paged(ref, gva, acc, priv, ac, w);
	} else {
		w->gpa = gva & ref->r.phys_mask;
		w->user = true;
	}
	w->ram = !w->fault && ref_ram(ref, w->gpa & PAGE_MASK, PAGE_SIZE);
}

/* --- what a TLB may hold */

struct values {
	u64 val[VALUES_MAX];
	unsigned nr;
	bool many; /* there were more */
};

/* All values of the entry at gpa since then. */
static void values_since(const struct ref *ref, gpa_t gpa, u32 since,
			 struct values *v)
{
	v->nr = 1;
	v->many = false;
	v->val[0] = cell_entry(ref, gpa, cell_read(ref, gpa));
	for (unsigned i = 0; i < ref->nr_events; i++) {
		u64 old = cell_entry(ref, gpa, ref->events[i].old);
		unsigned k = 0;

		if (ref->events[i].gpa != (gpa & ~7ull) ||
		    ref->events[i].time <= since)
			continue;
		while (k < v->nr && v->val[k] != old)
			k++;
		if (k < v->nr)
			continue;
		if (v->nr == VALUES_MAX)
			v->many = true;
		else
			v->val[v->nr++] = old;
	}
}

static bool entries_allow(const struct ref *ref, const struct ref_want *want,
			  const struct step *pde, const struct step *leaf,
			  bool global)
{
	u64 both = pde->val & leaf->val, either = pde->val | leaf->val;
	bool user = want->priv == MMU_USER, write = want->acc == MMU_WRITE;

	if (!(both & PTE_P) || pde->rsvd || leaf->rsvd || !(both & PTE_A))
		return false;
	if (global && !((leaf->val & PTE_G) && (ref->r.cr4 & CR4_PGE)))
		return false;
	if (leaf_address(ref, leaf, want->page << PAGE_SHIFT) != want->gpa)
		return false;
	if (write && !(leaf->val & PTE_D))
		return false;
	if (want->kind == REF_LOOKUP)
		return !is_denied(ref, both, either, want->acc, want->priv,
				  want->ac);
	return !(both & PTE_U) == !user &&
	       (!write || (both & PTE_W) || (!user && !(ref->r.cr0 & CR0_WP)));
}

static bool root_may(const struct ref *ref, const struct ref_want *want,
		     u64 cr3, const u64 *pdpte, u32 since, bool global)
{
	u32 gva = want->page << PAGE_SHIFT;
	struct values pdes, ptes;

	if (is_pae(ref) && !(pdpte[gva >> 30] & PTE_P))
		return false;
	values_since(ref, pde_address(ref, cr3, pdpte, gva), since, &pdes);
	if (pdes.many)
		return true;
	for (unsigned i = 0; i < pdes.nr; i++) {
		struct step pde = step_of(ref, pdes.val[i], true);

		if (!(pde.val & PTE_P) || pde.rsvd)
			continue;
		if (pde.large) {
			if (entries_allow(ref, want, &pde, &pde, global))
				return true;
			continue;
		}
		values_since(ref, pte_address(ref, pde.val, gva), since, &ptes);
		if (ptes.many)
			return true;
		for (unsigned k = 0; k < ptes.nr; k++) {
			struct step pte = step_of(ref, ptes.val[k], false);

			if (entries_allow(ref, want, &pde, &pte, global))
				return true;
		}
	}
	return false;
}

static u32 page_flushed(const struct ref *ref, u32 page, u32 scope)
{
	for (unsigned i = 0; i < ref->nr_invlpgs; i++) {
		if (page >= ref->invlpgs[i].first &&
		    page <= ref->invlpgs[i].last)
			scope = MAX(scope, ref->invlpgs[i].time);
	}
	return scope;
}

bool ref_may(const struct ref *ref, const struct ref_want *want)
{
	u32 since;

	if (!is_paging(ref))
		return want->gpa == ((want->page << PAGE_SHIFT) &
				     ref->r.phys_mask);
	since = page_flushed(ref, want->page, ref->flushed);
	if (root_may(ref, want, ref->r.cr3, ref->pdpte, since, false))
		return true;
	since = page_flushed(ref, want->page, ref->flushed_global);
	for (unsigned i = 0; i < ref->nr_roots; i++) {
		if (ref->roots[i].time > since &&
		    root_may(ref, want, ref->roots[i].cr3, ref->roots[i].pdpte,
			     since, true))
			return true;
	}
	return false;
}

/* --- what happens */

void ref_log(struct ref *ref, gpa_t gpa, u64 old)
{
	ref->overflow |= ref->nr_events == REF_EVENTS;
	if (ref->overflow)
		return;
	ref->events[ref->nr_events].time = ++ref->now;
	ref->events[ref->nr_events].gpa = gpa & ~7ull;
	ref->events[ref->nr_events++].old = old;
}

/* 4.10.4.1: of a large page every part goes. */
void ref_invlpg(struct ref *ref, u32 gva)
{
	u32 pages = is_pae(ref) ? 512 : 1024, page = gva >> PAGE_SHIFT;
	gpa_t at = pde_address(ref, ref->r.cr3, ref->pdpte, gva);
	struct step pde = step_of(ref, cell_entry(ref, at, cell_read(ref, at)),
				  true);
	bool large = is_paging(ref) && (pde.val & PTE_P) && pde.large &&
		     (!is_pae(ref) || (ref->pdpte[gva >> 30] & PTE_P));

	ref->overflow |= ref->nr_invlpgs == REF_INVLPGS;
	if (ref->overflow)
		return;
	ref->invlpgs[ref->nr_invlpgs].time = ++ref->now;
	ref->invlpgs[ref->nr_invlpgs].first = large ? page & ~(pages - 1) : page;
	ref->invlpgs[ref->nr_invlpgs++].last = large ? page | (pages - 1) : page;
}

static void root_note(struct ref *ref)
{
	unsigned n = ref->nr_roots;

	if (n)
		ref->roots[n - 1].time = ++ref->now;
	ref->overflow |= n == REF_ROOTS;
	if (ref->overflow)
		return;
	ref->roots[n].time = ~0u;
	ref->roots[n].cr3 = ref->r.cr3;
	memcpy(ref->roots[n].pdpte, ref->pdpte, sizeof(ref->pdpte));
	ref->nr_roots++;
}

void ref_flush_all(struct ref *ref)
{
	ref->flushed = ref->flushed_global = ++ref->now;
	ref->nr_events = ref->nr_roots = ref->nr_invlpgs = 0;
	ref->overflow = false;
	root_note(ref);
}

/* 4.4.1 */
static bool pdptes_load(struct ref *ref, const struct mmu_regs *r)
{
	u64 pdpte[4];

	for (unsigned i = 0; i < 4; i++) {
		const u8 *p = ref_ram(ref, ((r->cr3 & 0xffffffe0) + 8 * i) &
						   r->phys_mask, 8);

		pdpte[i] = ~0ull;
		if (p)
			memcpy(&pdpte[i], p, 8);
		if ((pdpte[i] & PTE_P) &&
		    (pdpte[i] & (0xfffffff000000000ull | 0x1e6)))
			return false;
	}
	memcpy(ref->pdpte, pdpte, sizeof(pdpte));
	return true;
}

bool ref_set_regs(struct ref *ref, const struct mmu_regs *r, bool cr3_written)
{
	u64 cr0 = ref->r.cr0 ^ r->cr0, cr4 = ref->r.cr4 ^ r->cr4;
	bool load = cr3_written || (cr0 & (CR0_PG | CR0_CD | CR0_NW)) ||
		    (cr4 & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP));
	bool all = (cr0 & CR0_PG) ||
		   (cr4 & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE)) ||
		   ((ref->r.efer ^ r->efer) & EFER_NXE) ||
		   ref->r.phys_mask != r->phys_mask;

	if (load && (r->cr0 & CR0_PG) && (r->cr4 & CR4_PAE) &&
	    !pdptes_load(ref, r))
		return false;
	ref->r = *r;
	if (all || (load && !(r->cr4 & CR4_PGE))) {
		ref_flush_all(ref);
	} else if (load) {
		root_note(ref);
		ref->flushed = ++ref->now;
	}
	return true;
}
