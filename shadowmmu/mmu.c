// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmu.c - the registers of a vCPU that the shadow MMU depends on, which
 * change of them flushes what, and where the windows are. Light code.
 */
#include "mmu_impl.h"

/*
 * What a change means (HAZARDS 42; SDM vol. 3, 4.10.4.1). A view dropped
 * because its rules have changed need not be compared. SMAP needs nothing of
 * a view: the supervisor's never holds user pages.
 */
enum {
	FLUSH_TLB = 1,	   /* the helper TLB only */
	FLUSH_SYNC = 2,	   /* compare what is not global */
	FLUSH_GLOBAL = 4,  /* compare all */
	FLUSH_SUPER = 8,   /* rights in the supervisor view mean other things */
	FLUSH_FORMAT = 16, /* entries mean other things */
	LOAD_PDPTES = 32,  /* SDM vol. 3, 4.4.1 */
};

enum { IN_CR0, IN_CR4, IN_EFER };

static const struct flush_trigger {
	u32 reg;
	u32 bits;
	u32 act;
} flush_triggers[] = {
	{IN_CR0, CR0_PG, FLUSH_FORMAT | LOAD_PDPTES},
	{IN_CR0, CR0_CD | CR0_NW, LOAD_PDPTES},
	{IN_CR0, CR0_WP, FLUSH_SUPER},
	{IN_CR4, CR4_PAE | CR4_PSE, FLUSH_FORMAT | LOAD_PDPTES},
	{IN_CR4, CR4_PCIDE, FLUSH_FORMAT},
	{IN_CR4, CR4_PGE, FLUSH_GLOBAL | LOAD_PDPTES},
	{IN_CR4, CR4_SMEP, FLUSH_SUPER | LOAD_PDPTES},
	{IN_CR4, CR4_SMAP, FLUSH_TLB},
	{IN_EFER, EFER_NXE, FLUSH_FORMAT},
};

static u32 flush_needed(const struct mmu_regs *old, const struct mmu_regs *now,
			bool cr3_written)
{
	u64 diff[] = {
		[IN_CR0] = old->cr0 ^ now->cr0,
		[IN_CR4] = old->cr4 ^ now->cr4,
		[IN_EFER] = old->efer ^ now->efer,
	};
	u32 act = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(flush_triggers); i++) {
		if (diff[flush_triggers[i].reg] & flush_triggers[i].bits)
			act |= flush_triggers[i].act;
	}
	if (cr3_written || old->cr3 != now->cr3)
		act |= FLUSH_SYNC | LOAD_PDPTES;
	if (old->phys_mask != now->phys_mask)
		act |= FLUSH_FORMAT;
	return act;
}

static void vmmu_flush(struct vmmu *v, u32 act)
{
	if (act & FLUSH_FORMAT) {
		view_drop(v->super);
		vmmu_forget_users(v);
	} else if (act & FLUSH_SUPER) {
		view_drop(v->super);
	}
	if (act & (FLUSH_FORMAT | FLUSH_SYNC | FLUSH_GLOBAL | LOAD_PDPTES)) {
		bool all = (act & FLUSH_GLOBAL) || !(v->regs.cr4 & CR4_PGE);

		v->user_stale = true;
		vmmu_user_leave(v);
		view_sync(v->super, all ? SYNC_ALL : SYNC_NONGLOBAL);
	}
	vmmu_tlb_zap(v, 0, 0);
}

bool vmmu_set_regs(struct vmmu *v, const struct mmu_regs *r, bool cr3_written)
{
	u32 act = flush_needed(&v->regs, r, cr3_written);
	u64 pdpte[4];

	if (!act) {
		v->regs = *r;
		return true;
	}
	if (regs_pae(r) && (act & LOAD_PDPTES)) {
		if (!vmmu_load_pdptes(v, r, pdpte))
			return false;
		for (unsigned i = 0; i < 4; i++)
			v->pdpte[i] = pdpte[i];
	}
	v->regs = *r;
	vmmu_flush(v, act);
	return true;
}

hva_t vmmu_window(const struct vmmu *v, bool user)
{
	return (user ? v->user : v->super)->base;
}

u32 vmmu_view_id(const struct vmmu *v, bool user)
{
	return (user ? v->user : v->super)->id;
}

bool vmmu_window_gva(const struct vmmu *v, bool user, hva_t addr, gva_t *gva)
{
	const struct view *w = user ? v->user : v->super;

	if (addr - w->low >= w->low_size)
		return false;
	*gva = (u32)(addr - w->base);
	return true;
}
