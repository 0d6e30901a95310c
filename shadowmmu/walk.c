// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk.c - the walk of the guest's paging structures as the processor does
 * it: paging off, 32-bit paging with PSE, PAE. In: a linear address and an
 * access; out: a frame and rights, or a page-fault error code. Light code.
 *
 * Sources: SDM vol. 3, 4.3, 4.4 (formats), 4.6 (access rights), 4.7 (error
 * codes), 4.8 (accessed and dirty). Paging structures outside RAM read as
 * all ones, like any memory without a device, and swallow writes.
 */
#include "mmu_impl.h"

/* Another agent may race our A/D updates; past so many lost races the bits
 * are set unconditionally rather than to spin on its behalf. */
#define WALK_TRIES 64

/* A paging-structure entry: its value as read once, and where it lies. */
struct entry {
	u64 val;
	gpa_t gpa;
	void *p; /* NULL: not RAM */
};

enum step { STEP_DONE, STEP_FAULT, STEP_AGAIN };

/* How A and D come to be set; NEVER: they must be set, NONE: no matter. */
enum marks { MARK_TRY, MARK_FORCE, MARK_NEVER, MARK_NONE };

static struct entry entry_read(const struct vmmu *v, gpa_t gpa, bool wide)
{
	struct entry e = {.gpa = gpa & v->regs.phys_mask};

	e.p = mmu_ram(v->m, e.gpa, wide ? 8 : 4);
	if (wide)
		e.val = e.p ? *(const volatile u64 *)e.p : ~0ull;
	else
		e.val = e.p ? *(const volatile u32 *)e.p : ~0u;
	return e;
}

static bool entry_exchange(struct entry *e, u64 now, bool wide)
{
	if (wide)
		return __atomic_compare_exchange_n((u64 *)e->p, &e->val, now,
						   false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);

	u32 old = (u32)e->val;

	return __atomic_compare_exchange_n((u32 *)e->p, &old, (u32)now, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/*
 * Sets A and D in an entry, as one locked exchange of the whole entry with
 * the value the walk has judged (HAZARDS 43). False: it has changed, or is not
 * to be.
 */
static bool entry_mark(struct vmmu *v, struct entry *e, u64 bits, bool wide,
		       enum marks how)
{
	if ((e->val & bits) == bits)
		return true;
	if (how == MARK_NEVER || how == MARK_NONE)
		return how == MARK_NONE;
	if (e->p && how == MARK_FORCE) {
		__atomic_fetch_or((u8 *)e->p, (u8)bits, __ATOMIC_SEQ_CST);
	} else if (e->p && !entry_exchange(e, e->val | bits, wide)) {
		return false;
	}
	e->val |= bits;

	const struct slot *s = slot_find(v->m, e->gpa);

	if (s && v->ops.code_write &&
	    slot_has_code(s, (u32)((e->gpa - s->gpa) >> PAGE_SHIFT)))
		v->ops.code_write(v->ops.opaque, e->gpa, wide ? 8 : 4);
	return true;
}

static gpa_t pde_gpa(const struct vmmu *v, u32 gva)
{
	if (regs_pae(&v->regs))
		return (v->pdpte[gva >> 30] & GPTE_ADDR) +
		       (gva >> 21 & 511) * 8;
	return (v->regs.cr3 & 0xfffff000u) + (gva >> 22) * 4;
}

static bool pdpte_present(const struct vmmu *v, u32 gva)
{
	return !regs_pae(&v->regs) || (v->pdpte[gva >> 30] & PTE_P);
}

u64 vmmu_pde(const struct vmmu *v, u32 gva)
{
	if (!regs_paging(&v->regs) || !pdpte_present(v, gva))
		return 0;
	return entry_read(v, pde_gpa(v, gva), regs_pae(&v->regs)).val;
}

bool pde_is_large(const struct vmmu *v, u64 pde)
{
	return (pde & PTE_PS) && (v->regs.cr4 & (CR4_PAE | CR4_PSE));
}

bool pte_has_reserved(const struct vmmu *v, u64 pte)
{
	u64 rsvd = GPTE_PAE_RSVD;

	if (!regs_pae(&v->regs))
		return false;
	if (!(v->regs.efer & EFER_NXE))
		rsvd |= PTE_NX;
	return pte & rsvd;
}

bool pde_has_reserved(const struct vmmu *v, u64 pde)
{
	if (pde_is_large(v, pde) &&
	    (pde & (regs_pae(&v->regs) ? GPTE_PAE_RSVD_2M : GPTE_PSE_RSVD)))
		return true;
	return pte_has_reserved(v, pde);
}

gpa_t pde_large_gpa(const struct vmmu *v, u64 pde, u32 gva)
{
	gpa_t gpa;

	if (regs_pae(&v->regs))
		gpa = (pde & GPTE_ADDR & ~0x1fffffull) | (gva & 0x1ff000u);
	else
		gpa = (pde & 0xffc00000u) | (pde & GPTE_PSE_HIGH) << 19 |
		      (gva & 0x3ff000u);
	return gpa & v->regs.phys_mask;
}

static gpa_t table_gpa(const struct vmmu *v, u64 pde, u32 gva)
{
	bool upper_half = gva >> NODE_SHIFT & 1;

	if (regs_pae(&v->regs))
		return pde & GPTE_ADDR;
	return (pde & 0xfffff000u) + (upper_half ? PAGE_SIZE / 2 : 0);
}

const void *vmmu_table(const struct vmmu *v, u64 pde, u32 gva)
{
	return mmu_ram(v->m, table_gpa(v, pde, gva) & v->regs.phys_mask,
		       regs_pae(&v->regs) ? PAGE_SIZE : PAGE_SIZE / 2);
}

bool vmmu_load_pdptes(const struct vmmu *v, const struct mmu_regs *r,
		      u64 pdpte[4])
{
	gpa_t gpa = r->cr3 & 0xffffffe0u & r->phys_mask;
	const u8 *p = mmu_ram(v->m, gpa, 32);

	for (unsigned i = 0; i < 4; i++) {
		pdpte[i] = p ? ((const volatile u64 *)p)[i] : ~0ull;
		if ((pdpte[i] & PTE_P) && (pdpte[i] & GPTE_PDPTE_RSVD))
			return false;
	}
	return true;
}

/* Access rights (SDM vol. 3, 4.6.1). */
static bool walk_is_allowed(const struct mmu_regs *r, const struct walk *w,
			    enum mmu_access acc, enum mmu_priv priv, bool ac)
{
	if (acc == MMU_FETCH && w->nx)
		return false;
	if (priv == MMU_USER)
		return w->user && (acc != MMU_WRITE || w->writable);
	if (w->user && acc == MMU_FETCH && (r->cr4 & CR4_SMEP))
		return false;
	if (w->user && acc != MMU_FETCH && (r->cr4 & CR4_SMAP) &&
	    (priv == MMU_IMPLICIT || !ac))
		return false;
	return acc != MMU_WRITE || w->writable || !(r->cr0 & CR0_WP);
}

static u32 walk_pfec(const struct mmu_regs *r, enum mmu_access acc,
		     enum mmu_priv priv)
{
	bool has_i = (r->cr4 & CR4_SMEP) ||
		     ((r->cr4 & CR4_PAE) && (r->efer & EFER_NXE));

	return (acc == MMU_WRITE ? PFEC_W : 0) |
	       (priv == MMU_USER ? PFEC_U : 0) |
	       (acc == MMU_FETCH && has_i ? PFEC_I : 0);
}

static void walk_rights(const struct vmmu *v, struct walk *w, u64 leaf)
{
	u64 both = w->kind == NODE_TABLE ? w->pde & w->pte : w->pde;
	u64 either = w->kind == NODE_TABLE ? w->pde | w->pte : w->pde;

	w->writable = both & PTE_W;
	w->user = both & PTE_U;
	w->nx = regs_pae(&v->regs) && (either & PTE_NX);
	w->global = (leaf & PTE_G) && (v->regs.cr4 & CR4_PGE);
}

static enum step walk_once(struct vmmu *v, u32 gva, enum mmu_access acc,
			   enum mmu_priv priv, bool ac, enum marks how,
			   struct walk *w)
{
	const struct mmu_regs *r = &v->regs;
	bool wide = regs_pae(r);
	u64 marks = PTE_A | (acc == MMU_WRITE ? PTE_D : 0);
	struct entry pde, pte = {0};

	w->pfec = walk_pfec(r, acc, priv);
	if (!pdpte_present(v, gva))
		return STEP_FAULT;
	pde = entry_read(v, pde_gpa(v, gva), wide);
	w->pde = pde.val;
	if (!(pde.val & PTE_P))
		return STEP_FAULT;
	if (pde_has_reserved(v, pde.val))
		goto reserved;
	w->kind = pde_is_large(v, pde.val) ? NODE_LARGE : NODE_TABLE;
	if (w->kind == NODE_TABLE) {
		unsigned i = gva >> PAGE_SHIFT & (NODE_PAGES - 1);

		pte = entry_read(
			v, table_gpa(v, pde.val, gva) + i * (wide ? 8 : 4),
			wide);
		w->pte = pte.val;
		if (!(pte.val & PTE_P))
			return STEP_FAULT;
		if (pte_has_reserved(v, pte.val))
			goto reserved;
	}
	walk_rights(v, w, w->kind == NODE_TABLE ? pte.val : pde.val);
	if (!walk_is_allowed(r, w, acc, priv, ac)) {
		w->pfec |= PFEC_P;
		return STEP_FAULT;
	}
	if (w->kind == NODE_LARGE) {
		if (!entry_mark(v, &pde, marks, wide, how))
			return STEP_AGAIN;
		w->dirty = pde.val & PTE_D;
		w->gpa = pde_large_gpa(v, pde.val, gva);
	} else {
		if (!entry_mark(v, &pde, PTE_A, wide, how) ||
		    !entry_mark(v, &pte, marks, wide, how))
			return STEP_AGAIN;
		w->dirty = pte.val & PTE_D;
		w->gpa = pte.val & GPTE_ADDR & r->phys_mask;
	}
	w->pde = pde.val;
	w->pte = pte.val;
	return STEP_DONE;
reserved:
	w->pfec |= PFEC_P | PFEC_R;
	return STEP_FAULT;
}

enum mmu_result vmmu_walk(struct vmmu *v, u32 gva, enum mmu_access acc,
			  enum mmu_priv priv, bool ac, struct walk *w)
{
	if (!regs_paging(&v->regs)) {
		*w = (struct walk){.gpa = gva & PAGE_MASK & v->regs.phys_mask,
				   .writable = true,
				   .user = true,
				   .dirty = true,
				   .kind = NODE_FLAT};
		return MMU_OK;
	}
	for (unsigned tries = 0;; tries++) {
		enum step step = walk_once(
			v, gva, acc, priv, ac,
			tries < WALK_TRIES ? MARK_TRY : MARK_FORCE, w);

		if (step != STEP_AGAIN)
			return step == STEP_DONE ? MMU_OK : MMU_PF;
	}
}

enum mmu_result vmmu_peek(struct vmmu *v, u32 gva, enum mmu_access acc,
			  struct walk *w)
{
	if (!regs_paging(&v->regs) ||
	    walk_once(v, gva, acc, MMU_USER, false, MARK_NEVER, w) != STEP_DONE)
		return MMU_PF;
	return MMU_OK;
}

bool vmmu_debug_walk(struct vmmu *v, gva_t gva, gpa_t *gpa)
{
	struct walk w;

	if (!regs_paging(&v->regs)) {
		*gpa = gva & v->regs.phys_mask;
		return true;
	}
	if (walk_once(v, (u32)gva, MMU_READ, MMU_SUPER, true, MARK_NONE, &w) !=
	    STEP_DONE)
		return false;
	*gpa = w.gpa | (gva & ~PAGE_MASK);
	return true;
}
