/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.h - the verifier: proves of a translated block that it stays where it
 * may be and does what its guest instructions say (DESIGN.md, 9; HAZARDS 64).
 *
 * Pure. Decodes the emitted bytes anew (vdecode.c) and believes no table: what
 * xlate_out says of entries, exits, sites and the rest is what has to be shown.
 * It takes for granted what the guest's bytes mean (insn_decode() and the rows
 * of optab.def), the layout of struct cpu and what glue promises (xlate.h).
 */
#ifndef UMBRA_VERIFY_H
#define UMBRA_VERIFY_H

#include "xlate.h"

struct verify; /* work area of one verification: verify_size() bytes */
size_t verify_size(void);

struct verify_report {
	const char *why;  /* what is wrong, or NULL */
	u32 off;	  /* of the host instruction, in the block */
	u8 bytes[15];	  /* what stands there */
	u8 len;		  /* of it, 0 where there is no instruction */
	u16 insn;	  /* guest instruction it belongs to */
	u32 host_insns;   /* host instructions looked at */
};

/*
 * True: the block in out, at in->eip and to run at out->host, is right; exits
 * are unchained, landing sites open. False: r says what is not, and where.
 * in: as given to xlate_block(); in->fetch and in->helper_site are not called.
 */
bool xlate_verify(struct verify *work, const struct xlate_in *in,
		  const struct xlate_out *out, struct verify_report *r);

#endif
