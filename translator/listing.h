/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listing.h - a block's guest and host code side by side, for people.
 */
#ifndef UMBRA_LISTING_H
#define UMBRA_LISTING_H

#include <stdio.h>
#include "xlate.h"

/*
 * Prints each guest instruction and under it the host instructions it became,
 * with the side table's states in the margin where they are not plain. Names
 * glue, exits and hsites. out->buf must still hold the code.
 */
void xlate_listing(FILE *f, const struct xlate_in *in,
		   const struct xlate_out *out);

/*
 * One instruction in Intel syntax into text (for dumps); bits is 16, 32 or 64.
 * Returns its length, or 1 with ".byte" when the disassembler refuses it.
 */
unsigned listing_insn(const u8 *code, size_t n, u64 addr, int bits, char *text,
		      size_t size);

/* The glue's name, as listings have it. */
const char *listing_glue_name(enum glue g);

#endif
