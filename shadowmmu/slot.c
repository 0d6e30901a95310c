// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * slot.c - memory slots: which guest physical addresses are RAM, and where
 * the host has it. Not light: slots change only outside of guest execution.
 */
#include "mmu_impl.h"

static bool slot_is_sane(const struct mmu *m, unsigned n, gpa_t gpa, u64 size,
			 u64 off, const void *hva)
{
	if (n >= MMU_MAX_SLOTS)
		return false;
	if (!size)
		return true;
	if (((gpa | size | off | (u64)hva) & ~PAGE_MASK) || !hva ||
	    size > GPTE_MAXPHY_MASK || gpa > GPTE_MAXPHY_MASK + 1 - size)
		return false;
	for (unsigned i = 0; i < MMU_MAX_SLOTS; i++) {
		const struct slot *s = &m->slots[i];

		if (i != n && s->size && gpa < s->gpa + s->size &&
		    s->gpa < gpa + size)
			return false;
	}
	return true;
}

/* The per-frame tables, committed by the host as they come into use. */
static int slot_make_tables(struct slot *s)
{
	u64 frames = s->size >> PAGE_SHIFT;
	u64 code = ALIGN_UP(frames, 64ul) / 8;
	s64 p;

	s->tables = ALIGN_UP(code + frames * sizeof(u32), PAGE_SIZE);
	p = host_mmap(0, s->tables, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host_is_err(p))
		return (int)p;
	s->code = (u64 *)p;
	s->rmap = (u32 *)(p + (s64)code);
	return 0;
}

static void mmu_drop_all(struct mmu *m)
{
	for (unsigned i = 0; i < MMU_VIEWS; i++) {
		if (m->views[i])
			view_drop(m->views[i]);
	}
	for (unsigned i = 0; i < MMU_VCPUS; i++) {
		if (m->vcpus[i])
			vmmu_tlb_zap(m->vcpus[i], 0, 0);
	}
}

int mmu_slot_set(struct mmu *m, unsigned n, gpa_t gpa, u64 size, int fd,
		 u64 off, void *hva)
{
	struct slot s = {
		.gpa = gpa, .size = size, .off = off, .hva = hva, .fd = fd};
	int err;

	if (!slot_is_sane(m, n, gpa, size, off, hva))
		return -EINVAL;
	if (size) {
		err = slot_make_tables(&s);
		if (err)
			return err;
	}
	mmu_drop_all(m);
	if (m->slots[n].size)
		host_munmap((hva_t)m->slots[n].code, m->slots[n].tables);
	m->slots[n] = size ? s : (struct slot){.fd = -1};
	m->slots_end = 0;
	for (unsigned i = 0; i < MMU_MAX_SLOTS; i++) {
		if (m->slots[i].size)
			m->slots_end = i + 1;
	}
	return 0;
}
