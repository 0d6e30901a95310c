// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * frames.c - what is known per guest frame: the slot it lies in, whether
 * translated code was made from it, and which window pages can write to it.
 * Light code.
 *
 * Only writable mappings are listed: code is protected by taking write
 * rights away, so nothing else ever has to be found from a frame, and a page
 * that thousands of addresses read (the zero page) costs nothing here.
 */
#include "mmu_impl.h"

const struct slot *slot_find(const struct mmu *m, gpa_t gpa)
{
	for (unsigned i = 0; i < m->slots_end; i++) {
		const struct slot *s = &m->slots[i];

		if (gpa - s->gpa < s->size)
			return s;
	}
	return NULL;
}

u8 *mmu_ram(const struct mmu *m, gpa_t gpa, u64 len)
{
	const struct slot *s = slot_find(m, gpa);

	if (!s || len > s->size - (gpa - s->gpa))
		return NULL;
	return s->hva + (gpa - s->gpa);
}

static struct view *link_view(const struct view *w, u32 link)
{
	return w->v->m->views[link / VIEW_PAGES];
}

static struct spte *link_spte(const struct view *w, u32 link)
{
	return view_spte(link_view(w, link), link % VIEW_PAGES);
}

void rmap_link(struct view *w, u32 page, struct spte *sp)
{
	u32 *head = &w->v->m->slots[sp->slot].rmap[sp->frame];

	sp->prev = 0;
	sp->next = *head;
	*head = w->index * VIEW_PAGES + page;
	if (sp->next)
		link_spte(w, sp->next)->prev = *head;
}

void rmap_unlink(struct view *w, u32 page, struct spte *sp)
{
	u32 *head = &w->v->m->slots[sp->slot].rmap[sp->frame];

	if (sp->prev) {
		link_spte(w, sp->prev)->next = sp->next;
	} else {
		must(*head == w->index * VIEW_PAGES + page,
		     "rmap of frame %#x starts at %#x, not at view %u page %#x",
		     sp->frame, *head, w->index, page);
		*head = sp->next;
	}
	if (sp->next)
		link_spte(w, sp->next)->prev = sp->prev;
	sp->next = sp->prev = 0;
}

static void code_protect(struct mmu *m, const struct slot *s, u32 frame)
{
	u32 link;

	/* Both unlink, or view_protect() on failure unmaps the page, which
	 * unlinks too: the list gets shorter each time. */
	while ((link = s->rmap[frame])) {
		struct view *w = m->views[link / VIEW_PAGES];

		if (view_uffd_protect(w, link % VIEW_PAGES) ||
		    !view_protect(w, link % VIEW_PAGES, 1, false))
			m->stats.code_protects++;
	}
	for (unsigned i = 0; i < MMU_VCPUS; i++) {
		if (m->vcpus[i])
			vmmu_tlb_zap(m->vcpus[i], 0, 0);
	}
}

int mmu_code_set(struct mmu *m, gfn_t gfn)
{
	const struct slot *s = slot_find(m, gfn << PAGE_SHIFT);
	u32 frame;

	if (gfn >> (64 - PAGE_SHIFT) || !s)
		return -ENXIO;
	frame = (u32)(gfn - (s->gpa >> PAGE_SHIFT));
	if (slot_has_code(s, frame))
		return 0;
	bits_set(s->code, frame);
	code_protect(m, s, frame);
	MMU_LOG("code in frame %#lx\n", (unsigned long)gfn);
	return 0;
}

void mmu_code_clear(struct mmu *m, gfn_t gfn)
{
	const struct slot *s = slot_find(m, gfn << PAGE_SHIFT);

	if (gfn >> (64 - PAGE_SHIFT) || !s)
		return;
	if (slot_has_code(s, (u32)(gfn - (s->gpa >> PAGE_SHIFT))))
		m->stats.code_unprotects++;
	bits_clear(s->code, (u32)(gfn - (s->gpa >> PAGE_SHIFT)));
}

bool mmu_code_test(const struct mmu *m, gfn_t gfn)
{
	const struct slot *s = slot_find(m, gfn << PAGE_SHIFT);

	if (gfn >> (64 - PAGE_SHIFT) || !s)
		return false;
	return slot_has_code(s, (u32)(gfn - (s->gpa >> PAGE_SHIFT)));
}
