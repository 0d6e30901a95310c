/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * optab.h - codes in the columns of optab.def, and the index of its rows.
 *
 * For decode.c, optab.c and their tests; the rest of the translator sees the
 * decoded values in struct insn.
 */
#ifndef UMBRA_OPTAB_H
#define UMBRA_OPTAB_H

#include "insn.h"

/* struct oprow.mod: condition on modrm beside ext. */
enum { MOD__, MOD_M, MOD_R, MOD_R0 = 8, MOD_R1, MOD_R2, MOD_R3, MOD_R4,
       MOD_R5, MOD_R6, MOD_R7 };

/* struct oprow.imm */
enum {
	IMM__,
	IMM_IB,	   /* byte, sign-extended */
	IMM_IBU,   /* byte, zero-extended */
	IMM_IW,	   /* 16 bits, zero-extended */
	IMM_IZ,	   /* 16 or 32 bits by operand size, sign-extended */
	IMM_IV,	   /* 16, 32 or 64 bits by operand size, zero-extended */
	IMM_REL8,  /* branch displacement, sign-extended */
	IMM_RELZ,  /* the same, 16 or 32 bits */
	IMM_MOFFS, /* address of address size */
	IMM_FAR,   /* offset of operand size, then selector into imm2 */
	IMM_ENTER, /* 16 bits, then a byte into imm2 */
	IMM_IS4,   /* register in the high four bits */
};

/* struct oprow.memsize above any true size */
enum {
	MSZ_SPECIAL = 0xe0,
	MSZ_Y = MSZ_SPECIAL, /* 4, or 8 with REX.W/VEX.W in 64-bit code */
	MSZ_IO,	   /* operand size, at most 4 */
	MSZ_SXD,   /* movsxd: operand size, at most 4 */
	MSZ_2V,	   /* twice the operand size */
	MSZ_FAR,   /* a far pointer: operand size + 2; as a frame, twice */
	MSZ_PUSHA, /* eight times the operand size */
	MSZ_DESC,  /* pseudo-descriptor: 6, or 10 in 64-bit code */
	MSZ_CX8,   /* 8, or 16 with REX.W */
	MSZ_V,	   /* vector length: 16, or 32 by VEX.L */
	MSZ_V2,	   /* half of it */
	MSZ_V4,	   /* a quarter */
	MSZ_V8,	   /* an eighth */
	MSZ_IMAGE, /* insn_image_size() */
};

/* Encoding spaces of the index: the four maps, then 0F.. under VEX. */
#define OPTAB_VEX(map) (MAP_NR - 1 + (map))
#define OPTAB_SPACES   (2 * MAP_NR - 1)

/* First row of an opcode, plus 1; 0 if it has none. */
extern const u16 optab_index[OPTAB_SPACES][256];

#endif
