/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify-gen.h - random blocks of guest code in all modes and forms, for the
 * tests of the verifier. They are translated and never run.
 */
#ifndef UMBRA_TESTS_VERIFY_GEN_H
#define UMBRA_TESTS_VERIFY_GEN_H

#include "translator/xlate.h"

struct vgen {
	u64 rng;
	u8 bytes[2 * PAGE_SIZE]; /* the page of eip, and the next one */
	u8 source[2 * PAGE_SIZE]; /* where a checked block finds them */
	u32 page;		  /* linear */
	u32 helper_sites;	  /* one in so many, by eip; 0: none */
	struct xmode mode;
	struct xlate_in in;
	u32 glue[GLUE_NR];
};

/* g->in is one more random block to translate. */
void vgen_next(struct vgen *g);
u32 vgen_below(struct vgen *g, u32 n);

#endif
