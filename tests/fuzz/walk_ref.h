/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk_ref.h - what the architecture says about a guest's linear addresses:
 * a slow walker, and a memory of everything that a processor might still hold
 * in its TLB. For the fuzz target of the shadow MMU, with which it shares no
 * code.
 *
 * A TLB entry may be made from any values that the paging-structure entries on
 * its path have had since it was last invalidated, each on its own (SDM vol. 3,
 * 4.10.2 to 4.10.4). So each change of memory is logged with the value before,
 * and each invalidation with its time; ref_may() looks for values that
 * justify a translation.
 */
#ifndef UMBRA_TESTS_FUZZ_WALK_REF_H
#define UMBRA_TESTS_FUZZ_WALK_REF_H

#include "shadowmmu/mmu.h"

#define REF_EVENTS  1024
#define REF_ROOTS   64
#define REF_INVLPGS 128
#define REF_RANGES  3

struct ref_range {
	gpa_t gpa;
	u64 size;
	u64 off; /* in ram; the range is there if size is not 0 */
};

struct ref {
	u8 *ram;
	struct ref_range ranges[REF_RANGES];
	struct mmu_regs r;
	u64 pdpte[4];
	u32 now;	    /* goes up by one an event */
	u32 flushed;	    /* when all but global translations ended */
	u32 flushed_global; /* when those did as well */
	bool overflow;	    /* the log is full: flush everything */
	unsigned nr_events, nr_roots, nr_invlpgs;
	struct {
		u32 time;
		gpa_t gpa; /* of 8 aligned bytes */
		u64 old;
	} events[REF_EVENTS];
	struct {
		u32 time; /* of its end; ~0: it is the current one */
		u64 cr3;
		u64 pdpte[4];
	} roots[REF_ROOTS];
	struct {
		u32 time, first, last; /* page numbers */
	} invlpgs[REF_INVLPGS];
};

/* What a walk comes to. */
struct ref_walk {
	bool fault;
	u32 pfec;
	gpa_t gpa;  /* of the byte */
	bool ram;   /* there is memory */
	bool user, large;
	unsigned nr_marks; /* entries in which the access sets A or D */
	struct {
		gpa_t gpa;
		u64 bits, old; /* old: of the 8 aligned bytes around */
	} mark[2];
};

/* What somebody keeps for later. */
struct ref_want {
	enum { REF_WINDOW, REF_LOOKUP } kind; /* mapping; TLB of any kind */
	u32 page;	     /* linear */
	gpa_t gpa;	     /* of the page */
	enum mmu_access acc; /* the most it lets through */
	enum mmu_priv priv;  /* of a window: MMU_USER or not */
	bool ac;
};

/* Bytes at gpa, if they are RAM. */
u8 *ref_ram(const struct ref *ref, gpa_t gpa, u64 len);
/* As the processor does it now, from the tables alone. */
void ref_walk(const struct ref *ref, u32 gva, enum mmu_access acc,
	      enum mmu_priv priv, bool ac, struct ref_walk *w);
/* Could a processor still hold this? */
bool ref_may(const struct ref *ref, const struct ref_want *want);

/* Memory at gpa is about to change, or has just changed: 8 aligned bytes that
 * were `old`. */
void ref_log(struct ref *ref, gpa_t gpa, u64 old);
void ref_invlpg(struct ref *ref, u32 gva);
void ref_flush_all(struct ref *ref);
/* New registers. False: #GP, nothing changes. */
bool ref_set_regs(struct ref *ref, const struct mmu_regs *r, bool cr3_written);

#endif
