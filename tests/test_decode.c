/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_decode.c - the decoder by hand-checked encodings (SDM vol. 2), and
 * what must hold for the table as a whole.
 */
#include <check.h>
#include <string.h>
#include "runtime/bits.h"
#include "tests/decode_util.h"
#include "translator/optab.h"

Suite *suite_decode(void);

#define NOVEX16 (16 | INSN_NO_VEX)
#define NOVEX32 (32 | INSN_NO_VEX)

/* clang-format off */
static const struct {
	int mode;
	const char *hex;
	int op, len, opsize, adsize, reg, rm, base, index, scale;
	s64 disp, imm;
	int seg, memsize;
} cases[] = {
	/* mode hex  op len os as  reg rm  base index scale  disp imm  seg msz */
	{ 32, "01 c8", OP_ADD, 2, 4, 4, 1, 0, -1, -1, 0, 0, 0, SEG_DS, 4 },
	{ 32, "66 81 c3 34 92", OP_ADD, 5, 2, 4, 0, 3, -1, -1, 0, 0, -0x6dcc, SEG_DS, 2 },
	{ 32, "83 c4 f0", OP_ADD, 3, 4, 4, 0, 4, -1, -1, 0, 0, -16, SEG_DS, 4 },
	{ 32, "8b 44 8d 10", OP_MOV, 4, 4, 4, 0, 4, R_BP, R_CX, 2, 16, 0, SEG_SS, 4 },
	{ 32, "8b 04 24", OP_MOV, 3, 4, 4, 0, 4, R_SP, -1, 0, 0, 0, SEG_SS, 4 },
	{ 32, "8b 04 65 78 56 34 12", OP_MOV, 7, 4, 4, 0, 4, -1, -1, 1, 0x12345678, 0, SEG_DS, 4 },
	{ 32, "65 a1 14 00 00 00", OP_MOV_MOFFS, 6, 4, 4, 0, 0, -1, -1, 0, 0, 0x14, SEG_GS, 4 },
	{ 32, "67 8b 46 fe", OP_MOV, 4, 4, 2, 0, 6, R_BP, -1, 0, -2, 0, SEG_SS, 4 },
	{ 32, "67 8b 06 34 12", OP_MOV, 5, 4, 2, 0, 6, -1, -1, 0, 0x1234, 0, SEG_DS, 4 },
	{ 16, "8b 02", OP_MOV, 2, 2, 2, 0, 2, R_BP, R_SI, 0, 0, 0, SEG_SS, 2 },
	{ 16, "8b 80 00 80", OP_MOV, 4, 2, 2, 0, 0, R_BX, R_SI, 0, -0x8000, 0, SEG_DS, 2 },
	{ 16, "2e 8b 47 10", OP_MOV, 4, 2, 2, 0, 7, R_BX, -1, 0, 16, 0, SEG_CS, 2 },
	{ 16, "66 67 8b 04 24", OP_MOV, 5, 4, 4, 0, 4, R_SP, -1, 0, 0, 0, SEG_SS, 4 },
	{ 64, "48 8b 05 10 00 00 00", OP_MOV, 7, 8, 8, 0, 5, -1, -1, 0, 16, 0, SEG_DS, 8 },
	{ 64, "4c 8b 64 24 08", OP_MOV, 5, 8, 8, 12, 4, R_SP, -1, 0, 8, 0, SEG_SS, 8 },
	{ 64, "41 8b 45 00", OP_MOV, 4, 4, 8, 0, 5, 13, -1, 0, 0, 0, SEG_DS, 4 },
	{ 64, "43 8b 04 24", OP_MOV, 4, 4, 8, 0, 4, 12, 12, 0, 0, 0, SEG_DS, 4 },
	{ 64, "64 2e 8b 00", OP_MOV, 4, 4, 8, 0, 0, 0, -1, 0, 0, 0, SEG_FS, 4 },
	{ 64, "48 66 8b 00", OP_MOV, 4, 2, 8, 0, 0, 0, -1, 0, 0, 0, SEG_DS, 2 },
	{ 64, "49 b8 08 07 06 05 04 03 02 01", OP_MOV, 10, 8, 8, 8, 0, -1, -1, 0, 0, 0x0102030405060708, SEG_DS, 0 },
	{ 64, "66 e8 fb ff ff ff", OP_CALL, 6, 8, 8, 0, 0, -1, -1, 0, 0, -5, SEG_DS, 8 },
	{ 64, "66 0f 85 01 00 00 00", OP_JCC, 7, 8, 8, 0, 0, -1, -1, 0, 0, 1, SEG_DS, 0 },
	{ 64, "55", OP_PUSH, 1, 8, 8, 5, 0, -1, -1, 0, 0, 0, SEG_DS, 8 },
	{ 64, "41 90", OP_XCHG, 2, 4, 8, 8, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 64, "63 c8", OP_MOVSXD, 2, 4, 8, 1, 0, -1, -1, 0, 0, 0, SEG_DS, 4 },
	{ 32, "63 c8", OP_ARPL, 2, 4, 4, 1, 0, -1, -1, 0, 0, 0, SEG_DS, 2 },
	{ 32, "9a 78 56 34 12 10 00", OP_CALLF, 7, 4, 4, 0, 0, -1, -1, 0, 0, 0x12345678, SEG_DS, 8 },
	{ 32, "c8 10 00 01", OP_ENTER, 4, 4, 4, 0, 0, -1, -1, 0, 0, 16, SEG_DS, 4 },
	{ 32, "0f a1", OP_POP_SEG, 2, 4, 4, SEG_FS, 0, -1, -1, 0, 0, 0, SEG_DS, 4 },
	{ 32, "1e", OP_PUSH_SEG, 1, 4, 4, SEG_DS, 0, -1, -1, 0, 0, 0, SEG_DS, 4 },
	{ 32, "0f 22 18", OP_MOV_TO_CR, 3, 4, 4, 3, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 32, "66 0f 20 c0", OP_MOV_FROM_CR, 4, 4, 4, 0, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	/* Mandatory prefixes: F3/F2 win over 66 whatever the order; last one wins */
	{ 32, "66 f3 0f 6f 00", OP_MOVDQU, 5, 2, 4, 0, 0, 0, -1, 0, 0, 0, SEG_DS, 16 },
	{ 32, "f3 66 0f bc c1", OP_TZCNT, 5, 2, 4, 0, 1, -1, -1, 0, 0, 0, SEG_DS, 2 },
	{ 32, "f2 f3 0f 10 c1", OP_MOVSS, 5, 4, 4, 0, 1, -1, -1, 0, 0, 0, SEG_DS, 4 },
	{ 32, "f3 f2 0f 10 c1", OP_MOVSD, 5, 4, 4, 0, 1, -1, -1, 0, 0, 0, SEG_DS, 8 },
	{ 32, "66 f2 0f 38 f1 c1", OP_CRC32, 6, 2, 4, 0, 1, -1, -1, 0, 0, 0, SEG_DS, 2 },
	{ 32, "f3 0f 1e c8", OP_NOP_HINT, 4, 4, 4, 1, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 32, "f3 90", OP_PAUSE, 2, 4, 4, 0, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	/* x87 by modrm, with an undocumented alias */
	{ 32, "d9 ee", OP_FLDZ, 2, 4, 4, 5, 6, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 32, "dc d1", OP_FCOM, 2, 4, 4, 2, 1, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 32, "db 2c 24", OP_FLD, 3, 4, 4, 5, 4, R_SP, -1, 0, 0, 0, SEG_SS, 10 },
	/* VEX against LES, LDS, BOUND */
	{ 32, "c5 f8 77", OP_VZEROUPPER, 3, 4, 4, 0, 0, -1, -1, 0, 0, 0, SEG_DS, 0 },
	{ 32, "c5 00", OP_LDS, 2, 4, 4, 0, 0, 0, -1, 0, 0, 0, SEG_DS, 6 },
	{ 32, "62 08", OP_BOUND, 2, 4, 4, 1, 0, 0, -1, 0, 0, 0, SEG_DS, 8 },
	{ 32, "c5 f5 fe c2", OP_VPADDD, 4, 4, 4, 0, 2, -1, -1, 0, 0, 0, SEG_DS, 32 },
	{ 64, "c4 62 69 90 0c 05 04 00 00 00", OP_VPGATHERDD, 10, 4, 8, 9, 4, -1, 0, 0, 4, 0, SEG_DS, 4 },
	{ 64, "c4 e2 e9 90 0c 20", OP_VPGATHERDQ, 6, 8, 8, 1, 4, 0, 4, 0, 0, 0, SEG_DS, 8 },
};

static const struct {
	int mode;
	const char *hex;
	enum insn_err err;
} bad[] = {
	{ 32, "f0 01 c8", INSN_UD },	/* lock with a register */
	{ 32, "f0 03 00", INSN_UD },	/* memory is not the destination */
	{ 32, "f0 39 00", INSN_UD },	/* cmp */
	{ 32, "f0 0f b1 00", INSN_OK },
	{ 32, "8e c8", INSN_UD },	/* mov cs */
	{ 32, "8e f0", INSN_UD },	/* no such segment */
	{ 32, "0f 20 c8", INSN_UD },	/* cr1 */
	{ 32, "8d c0", INSN_UD },	/* lea of a register */
	{ 32, "62 c0", INSN_UD },
	{ 64, "62 f1 7c 48 58 c1", INSN_UD }, /* AVX-512 */
	{ 64, "06", INSN_UD },
	{ 64, "9a 00 00 00 00 00 00", INSN_UD },
	{ 64, "d6", INSN_UD },
	{ 32, "0f 05", INSN_UD },
	{ 32, "0f 0f c1 9e", INSN_UD },	/* 3DNow! */
	{ 32, "0f 01 c1", INSN_UD },	/* vmcall */
	{ 32, "0f aa", INSN_UD },	/* rsm */
	{ 32, "66 0f 77", INSN_UD },	/* emms takes no prefix */
	{ 32, "f3 0f c7 f0", INSN_UD },
	{ 32, "66 c5 f8 77", INSN_UD },	/* VEX with a prefix */
	{ 32, "f3 c5 f8 77", INSN_UD },
	{ 32, "f0 c5 f8 77", INSN_UD },
	{ 64, "40 c5 f8 77", INSN_UD },
	{ 32, "c5 f0 77", INSN_UD },	/* vvvv must be 1111b */
	{ 32, "c5 e8 28 c0", INSN_UD },
	{ 32, "c4 e1 38 28 c0", INSN_UD }, /* all four bits of it */
	{ 32, "c4 e1 30 58 c0", INSN_OK }, /* in use, the high one is ignored */
	{ 32, "c5 fc 16 00", INSN_UD },	/* vmovhps: L must be 0 */
	{ 32, "c4 e2 f5 36 c0", INSN_UD }, /* vpermd: W must be 0 */
	{ 32, "c4 e2 69 90 08", INSN_UD }, /* a gather without SIB */
	{ 32, "c4 e2 69 90 0c 15 00 00 00 00", INSN_UD }, /* index = mask */
	{ NOVEX32, "c5 f8 77", INSN_UD }, /* real mode, vm86: lds of a register */
	{ NOVEX16, "c4 00", INSN_OK },
	{ 32, "0f", INSN_FETCH },
	{ 32, "66", INSN_FETCH },
	{ 32, "c4", INSN_FETCH },
	{ 64, "c4", INSN_FETCH },
	{ 32, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", INSN_OK },
	{ 32, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", INSN_TOOLONG },
	{ 32, "66 66 66 66 66 66 66 66 66 66 66 05 01 02 03", INSN_OK },
	{ 32, "2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 05 01 02 03 04", INSN_TOOLONG },
};

#define C EFL_CF
#define P EFL_PF
#define A EFL_AF
#define Z EFL_ZF
#define S EFL_SF
#define O EFL_OF
#define D EFL_DF
#define ALL EFL_ARITH

static const struct {
	const char *hex;
	u16 r, w, m, u;
} flags[] = {
	{ "01 c8", 0, ALL, 0, 0 },
	{ "11 c8", C, ALL, 0, 0 },
	{ "31 c0", 0, ALL & ~A, 0, A },
	{ "40", 0, ALL & ~C, 0, 0 },
	{ "f7 d0", 0, 0, 0, 0 },			/* not */
	{ "f7 d8", 0, ALL, 0, 0 },			/* neg */
	{ "f7 e1", 0, C | O, 0, P | A | Z | S },	/* mul */
	{ "f7 f1", 0, 0, 0, ALL },			/* div */
	{ "8d 00", 0, 0, 0, 0 },
	{ "c1 e0 00", 0, 0, 0, 0 },			/* shl eax, 0 */
	{ "c1 e0 20", 0, 0, 0, 0 },			/* 32 is 0 */
	{ "c1 e0 01", 0, ALL & ~A, 0, A },
	{ "c1 e0 05", 0, C | P | Z | S, 0, A | O },
	{ "c0 e0 09", 0, P | Z | S, 0, A | O | C },	/* beyond the byte */
	{ "c0 f8 09", 0, C | P | Z | S, 0, A | O },	/* sar */
	{ "d1 f8", 0, ALL & ~A, 0, A },
	{ "d3 f8", 0, 0, ALL, A | O },
	{ "d1 c0", 0, C | O, 0, 0 },			/* rol */
	{ "c1 c0 03", 0, C, 0, O },
	{ "d3 c0", 0, 0, C | O, O },
	{ "d1 d0", C, C | O, 0, 0 },			/* rcl */
	{ "c1 d0 00", 0, 0, 0, 0 },
	{ "d3 d8", C, 0, C | O, O },
	{ "0f a4 c1 04", 0, C | P | Z | S, 0, A | O },	/* shld */
	{ "66 0f a4 c1 11", 0, 0, 0, ALL },
	{ "0f a3 c8", 0, C, 0, P | A | S | O },
	{ "0f bc c1", 0, Z, 0, ALL & ~Z },
	{ "f3 0f bc c1", 0, C | Z, 0, P | A | S | O },
	{ "f3 0f b8 c1", 0, ALL, 0, 0 },
	{ "0f b1 08", 0, ALL, 0, 0 },
	{ "0f c7 08", 0, Z, 0, 0 },
	{ "a6", D, ALL, 0, 0 },
	{ "f3 a6", D, 0, ALL, 0 },
	{ "f3 a4", D, 0, 0, 0 },
	{ "27", C | A, ALL & ~O, 0, O },
	{ "37", A, C | A, 0, P | Z | S | O },
	{ "9e", 0, ALL & ~O, 0, 0 },
	{ "9f", ALL & ~O, 0, 0, 0 },
	{ "9c", ALL | D, 0, 0, 0 },
	{ "9d", 0, ALL | D, 0, 0 },
	{ "f5", C, C, 0, 0 },
	{ "fc", 0, D, 0, 0 },
	{ "7f 00", Z | S | O, 0, 0, 0 },
	{ "0f 92 c0", C, 0, 0, 0 },
	{ "0f 46 c1", C | Z, 0, 0, 0 },
	{ "e2 00", 0, 0, 0, 0 },
	{ "e0 00", Z, 0, 0, 0 },
	{ "66 0f 38 f6 c1", C, C, 0, 0 },
	{ "f3 0f 38 f6 c1", O, O, 0, 0 },
	{ "66 0f 2e c1", 0, ALL, 0, 0 },
	{ "66 0f 38 17 c1", 0, ALL, 0, 0 },
	{ "c4 e2 70 f2 c2", 0, C | Z | S | O, 0, A | P },
	{ "c4 e2 68 f7 c1", 0, C | Z | O, 0, A | S | P },
};
/* clang-format on */

START_TEST(test_fields)
{
	struct insn i;
	u8 buf[DECODE_BUF];
	size_t n = decode_hex(cases[_i].hex, buf);

	ck_assert_int_eq(insn_decode(&i, buf, n, cases[_i].mode, NULL),
			 INSN_OK);
	ck_assert_int_eq(i.row->op, cases[_i].op);
	ck_assert_int_eq(i.len, cases[_i].len);
	ck_assert_int_eq(i.opsize, cases[_i].opsize);
	ck_assert_int_eq(i.adsize, cases[_i].adsize);
	ck_assert_int_eq(i.reg, cases[_i].reg);
	ck_assert_int_eq(i.rm, cases[_i].rm);
	ck_assert_int_eq(i.base, cases[_i].base);
	ck_assert_int_eq(i.index, cases[_i].index);
	ck_assert_int_eq(i.scale, cases[_i].scale);
	ck_assert_int_eq(i.disp, cases[_i].disp);
	ck_assert_int_eq((s64)i.imm, cases[_i].imm);
	ck_assert_int_eq(i.seg, cases[_i].seg);
	ck_assert_int_eq(i.memsize, cases[_i].memsize);
}
END_TEST

/* Every proper prefix of an instruction asks for more, and reads no more. */
START_TEST(test_prefix_fetches)
{
	struct insn i;
	u8 buf[DECODE_BUF];
	size_t n = decode_hex(cases[_i].hex, buf);

	for (size_t k = 0; k < n; k++)
		ck_assert_int_eq(insn_decode(&i, buf, k, cases[_i].mode, NULL),
				 INSN_FETCH);
}
END_TEST

START_TEST(test_bad)
{
	struct insn i;
	u8 buf[DECODE_BUF];
	size_t n = decode_hex(bad[_i].hex, buf);

	ck_assert_int_eq(insn_decode(&i, buf, n, bad[_i].mode, NULL),
			 bad[_i].err);
	ck_assert((i.row != NULL) == (bad[_i].err == INSN_OK));
}
END_TEST

START_TEST(test_flags)
{
	struct insn i;
	u16 r, w, m, u;
	u8 buf[DECODE_BUF];
	size_t n = decode_hex(flags[_i].hex, buf);

	ck_assert_int_eq(insn_decode(&i, buf, n, 32, NULL), INSN_OK);
	insn_flags(&i, &r, &w, &m, &u);
	ck_assert_uint_eq(r, flags[_i].r);
	ck_assert_uint_eq(w, flags[_i].w);
	ck_assert_uint_eq(m, flags[_i].m);
	ck_assert_uint_eq(u, flags[_i].u);
}
END_TEST

static int decode_op(const char *hex, const u64 *offered)
{
	struct insn i;
	u8 buf[DECODE_BUF];
	size_t n = decode_hex(hex, buf);

	if (insn_decode(&i, buf, n, 32, offered) != INSN_OK)
		return OP_INVALID;
	return i.row->op;
}

static void feat_set(u64 *set, unsigned feat, bool on)
{
	set[feat / 64] &= ~(1ull << feat % 64);
	set[feat / 64] |= (u64)on << feat % 64;
}

START_TEST(test_features)
{
	u64 set[(FEAT_NR + 63) / 64];

	memset(set, 0xff, sizeof(set));
	ck_assert_int_eq(decode_op("f3 0f bc c1", set), OP_TZCNT);
	feat_set(set, FEAT_BMI1, false);
	ck_assert_int_eq(decode_op("f3 0f bc c1", set), OP_BSF);
	ck_assert_int_eq(decode_op("c4 e2 70 f2 c2", set), OP_INVALID);
	feat_set(set, FEAT_LZCNT, false);
	ck_assert_int_eq(decode_op("f3 0f bd c1", set), OP_BSR);
	ck_assert_int_eq(decode_op("c5 f5 fe c2", set), OP_VPADDD);
	feat_set(set, FEAT_AVX2, false);
	ck_assert_int_eq(decode_op("c5 f5 fe c2", set), OP_INVALID);
	ck_assert_int_eq(decode_op("c5 f1 fe c2", set), OP_VPADDD);
	ck_assert_int_eq(decode_op("c5 f4 58 c2", set), OP_VADDPS);

	memset(set, 0, sizeof(set));
	ck_assert_int_eq(decode_op("01 c8", set), OP_ADD);
	ck_assert_int_eq(decode_op("0f 44 c1", set), OP_INVALID);
	ck_assert_int_eq(decode_op("d9 ee", set), OP_INVALID);
	ck_assert_int_eq(decode_op("0f 1f 00", set), OP_NOP_HINT);
}
END_TEST

/* What the decoder takes for granted about the order of rows. */
START_TEST(test_table)
{
	ck_assert(optab_nr > 1000);
	ck_assert_int_eq(optab[optab_nr].op, OP_INVALID);
	ck_assert(!optab[optab_nr].alt);
	ck_assert(!optab[0].alt);
	for (unsigned n = 0; n < optab_nr; n++) {
		const struct oprow *r = &optab[n], *prev = r - r->alt;
		u8 space = r->vex ? OPTAB_VEX(r->map) : r->map;

		ck_assert_int_eq(r->map, prev->map);
		ck_assert_int_eq(r->opcode, prev->opcode);
		ck_assert_int_eq(r->vex, prev->vex);
		ck_assert_msg((r->rm == OPK_NONE) == (prev->rm == OPK_NONE),
			      "modrm of %s depends on the row", r->name);
		ck_assert(optab_index[space][r->opcode]);
		if (!r->alt)
			ck_assert_uint_eq(optab_index[space][r->opcode], n + 1);
		ck_assert_msg(!(r->flags_w & (r->flags_m | r->flags_u)),
			      "flags of %s contradict", r->name);
		if (r->rm == OPK_MEM)
			ck_assert_int_eq(r->mod, MOD_M);
		if (r->mem == MEM_NONE && r->cls == CLS_COPY)
			ck_assert_int_eq(r->rowflags & ROW_LOCKABLE, 0);
	}
}
END_TEST

/* CLS_COPY promises: nothing implicit in memory, nothing privileged. */
START_TEST(test_copy_rows)
{
	for (unsigned n = 0; n < optab_nr; n++) {
		const struct oprow *r = &optab[n];

		if (r->cls != CLS_COPY)
			continue;
		ck_assert_msg(!(r->rowflags & (ROW_PRIV | ROW_REP)), "%s",
			      r->name);
		ck_assert(r->reg != OPK_SEG && r->reg != OPK_CR);
		if (r->mem != MEM_NONE)
			ck_assert_msg(r->rm > OPK_EXT && r->mod != MOD_R,
				      "%s has implicit memory", r->name);
		ck_assert_int_ne(r->memsize, MSZ_IMAGE);
	}
}
END_TEST

/* Random bytes: no read past avail (ASan sees it), lengths in bounds. */
START_TEST(test_random)
{
	static const int modes[] = { 16, 32, 64, NOVEX16 };
	u64 seed = 88172645463325252ull;
	bool ok = true;
	struct insn i;

	for (unsigned n = 0; n < 1000000; n++) {
		u64 words[2];
		u8 buf[16];
		size_t avail = n % 16;
		enum insn_err err;

		words[0] = decode_random(&seed);
		words[1] = decode_random(&seed);
		memcpy(buf, words, sizeof(buf));
		err = insn_decode(&i, buf + 16 - avail, avail, modes[n & 3],
				  NULL);
		ok = ok && i.len <= avail;
		if (err == INSN_OK)
			ok = ok && i.len > 0 && i.row && i.row->name;
		if (err == INSN_TOOLONG)
			ok = ok && avail == INSN_MAX_LEN;
	}
	ck_assert(ok);
}
END_TEST

Suite *suite_decode(void)
{
	Suite *s = suite_create("decode");
	TCase *tc = tcase_create("decode");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_fields, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, test_prefix_fetches, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tc, test_bad, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, test_flags, 0, ARRAY_SIZE(flags));
	tcase_add_test(tc, test_features);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_copy_rows);
	tcase_add_test(tc, test_random);
	suite_add_tcase(s, tc);
	return s;
}
