/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vdecode.h - the verifier's own decoder of host code (64-bit mode).
 *
 * Knows the encodings that the emitter may use and refuses all others; has
 * nothing in common with decode.c or emit.c. Splits fields and no more: what
 * an instruction may do where it stands is verify.c's question.
 */
#ifndef UMBRA_VDECODE_H
#define UMBRA_VDECODE_H

#include "runtime/base.h"

#define VMAX_LEN 15
#define VR_NONE (-1)
#define VR_RIP	(-2)

struct vinsn {
	u8 len;
	u8 map;	  /* 0: one byte, 1: 0f, 2: 0f38, 3: 0f3a */
	u8 op;
	bool vex, vexl;
	u8 vvvv;
	bool p66; /* operand size, or mandatory prefix */
	u8 rep;	  /* f2, f3 or 0; VEX: mandatory prefix */
	bool gs, a32, lock;
	bool rex; /* a REX prefix is there: no AH..BH */
	bool w;
	bool has_modrm, has_mem, vsib;
	u8 mod, reg, rm; /* with the bits of REX or VEX */
	s8 base, index;	 /* host registers, VR_NONE, VR_RIP */
	u8 scale;
	s32 disp;
	u8 immsize;
	u64 imm; /* as it stands, not extended */
};

/*
 * Decodes what stands at code[0..n). NULL: *i is the instruction; else why it
 * is refused.
 */
const char *vdecode(struct vinsn *i, const u8 *code, size_t n);

#endif
