// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uffd.c - pages with translated code protected by userfaultfd: a mark in the
 * host's page table withholds writes, and the mapping around stays one
 * (HAZARDS 50). Light code; where the host has no such thing, or refuses,
 * map.c protects by mprotect.
 *
 * A mapping is registered with userfaultfd before the first mark in it. The
 * host does not merge a registered mapping with one that is not, so what is
 * registered is not the page alone but all that its mapping holds of the node:
 * each node costs two more mappings at most, and registered neighbours are one
 * again. Registration and mark belong to the host mapping and its page table:
 * both end when the page is mapped anew or zapped, and spte_clear() forgets
 * them. The mark holds for pages the host has not touched yet, too.
 *
 * A write to a marked page is SIGBUS, as is memory that the host cannot
 * provide; vmmu_is_uffd_wp() tells them apart.
 */
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "mmu_impl.h"

/* Does b continue a in the file, with the same rights for the host, whether
 * registered or not? */
static bool uffd_continues(const struct spte *a, const struct spte *b)
{
	return a && b && a->slot == b->slot && a->frame + 1 == b->frame &&
	       !((spte_mapping_kind(a) ^ spte_mapping_kind(b)) &
		 ~(u32)SPTE_REGISTERED);
}

/* What surrounds the page in its node: one mapping, or will be. */
static u32 uffd_run(const struct view *w, u32 page, u32 *first)
{
	u32 low = page & ~(NODE_PAGES - 1), end = page + 1;

	*first = page;
	while (*first > low && uffd_continues(spte_mapped(w, *first - 1),
					      spte_mapped(w, *first)))
		--*first;
	while (end < low + NODE_PAGES && uffd_continues(spte_mapped(w, end - 1),
							spte_mapped(w, end)))
		end++;
	return end - *first;
}

static bool uffd_register(struct view *w, u32 page)
{
	struct mmu *m = w->v->m;
	struct slot *s = &m->slots[view_spte(w, page)->slot];
	u32 first, n = uffd_run(w, page, &first);
	struct uffdio_register r = {
		.range = {page_hva(w, first), (u64)n << PAGE_SHIFT},
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	s64 before, ret;

	/* A mapping of its own is not split by mprotect, which is one call. */
	if (s->no_uffd || n == 1)
		return false;
	before = view_boundaries(w, first, n);
	m->stats.uffd_registers++;
	ret = host_ioctl(m->uffd, UFFDIO_REGISTER, &r);
	if (host_is_err(ret)) {
		s->no_uffd = ret != -ENOMEM;
		if (!s->no_uffd) {
			/* It may have been split before the host gave up. */
			view_account(w, 2);
			m->refused_zaps++;
		}
		return false;
	}
	for (u32 i = 0; i < n; i++)
		view_spte(w, first + i)->flags |= SPTE_REGISTERED;
	view_account(w, view_boundaries(w, first, n) - before);
	return true;
}

static s64 host_uffd_mark(struct view *w, u32 page, u32 n, u64 mode)
{
	struct uffdio_writeprotect wp = {
		.range = {page_hva(w, page), (u64)n << PAGE_SHIFT},
		.mode = mode,
	};

	return host_ioctl(w->v->m->uffd, UFFDIO_WRITEPROTECT, &wp);
}

bool view_uffd_protect(struct view *w, u32 page)
{
	struct mmu *m = w->v->m;
	struct spte *sp = view_spte(w, page);

	if (m->uffd < 0 || view_fails_zap(w) ||
	    (!(sp->flags & SPTE_REGISTERED) && !uffd_register(w, page)) ||
	    host_is_err(host_uffd_mark(w, page, 1,
				       UFFDIO_WRITEPROTECT_MODE_WP)))
		return false;
	m->stats.uffd_protects++;
	sp->flags &= (u8)~SPTE_WRITABLE;
	sp->flags |= SPTE_UFFD_WP;
	rmap_unlink(w, page, sp);
	return true;
}

s64 host_uffd_lift(struct view *w, u32 page, u32 n)
{
	w->v->m->stats.uffd_lifts++;
	return host_uffd_mark(w, page, n, UFFDIO_WRITEPROTECT_MODE_DONTWAKE);
}

bool vmmu_is_uffd_wp(const struct vmmu *v, bool user, hva_t addr)
{
	const struct view *w = user ? v->user : v->super;
	const struct spte *sp;

	if (addr - w->base >= WINDOW_SIZE)
		return false;
	sp = spte_mapped(w, (u32)((addr - w->base) >> PAGE_SHIFT));
	return sp && (sp->flags & SPTE_UFFD_WP);
}
