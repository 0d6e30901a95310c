/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gpte.h - guest paging-structure entries: predicates, and what a difference
 * between an entry and the copy of it means for the mappings made under it.
 *
 * Entries of both formats are held as u64; 4-byte ones are zero-extended.
 * Source: SDM vol. 3, 4.3 (32-bit paging), 4.4 (PAE), 4.7 (reserved bits).
 */
#ifndef UMBRA_GPTE_H
#define UMBRA_GPTE_H

#include "mmu.h"

#define GPTE_MAXPHY_MASK ((1ull << MMU_MAXPHYADDR) - 1)
#define GPTE_ADDR	 (GPTE_MAXPHY_MASK & PAGE_MASK)
/* In PAE entries bits 62..MAXPHYADDR are reserved. */
#define GPTE_PAE_RSVD	 (~GPTE_MAXPHY_MASK & ~PTE_NX)
#define GPTE_PAE_RSVD_2M (GPTE_PAE_RSVD | 0x1fe000ull)
/* PSE-36: address bits 35..32 lie in bits 16..13; 21..17 are reserved. */
#define GPTE_PSE_HIGH	0x01e000ull
#define GPTE_PSE_RSVD	0x3e0000ull
#define GPTE_PDPTE_RSVD (~GPTE_MAXPHY_MASK | 0x1e6ull)

static_assert(MMU_MAXPHYADDR == 36, "the PSE-36 masks are for 36 bits");

/* What is to be done with mappings made under `old` when the guest's entry
 * is `now` (HAZARDS 40, 43). */
enum gpte_diff {
	GPTE_SAME, /* still true */
	GPTE_MORE, /* rights or marks were added: take over the value */
	GPTE_RO,   /* no more writes: drop write rights, take over the value */
	GPTE_ZAP,  /* another translation: drop what it made */
};

/*
 * Bits 9..11, PWT, PCD and PAT have no meaning for a window. W and A, D
 * rising only add; an upper entry has no D, but a D that some guest keeps
 * there costs nothing more than a write fault.
 */
static inline enum gpte_diff gpte_compare(u64 old, u64 now)
{
	u64 gone = old & ~now, diff = old ^ now;

	if (!diff)
		return GPTE_SAME;
	if (diff & (PTE_P | PTE_U | PTE_PS | PTE_G | (PAGE_MASK & ~PTE_NX)))
		return GPTE_ZAP;
	if ((gone & PTE_A) || (~old & now & PTE_NX))
		return GPTE_ZAP;
	if (gone & (PTE_W | PTE_D))
		return GPTE_RO;
	return GPTE_MORE;
}

#endif
