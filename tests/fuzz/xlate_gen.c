// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xlate_gen.c - see xlate_gen.h.
 */
#include "translator/optab.h"
#include "xlate_gen.h"

#define GEN_MAX 32 /* prefixes beyond what an instruction may have */

static unsigned gen_prefixes(struct fuzz_rng *r, const struct oprow *row,
			     u8 *b)
{
	static const u8 all[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				  0x66, 0x67, 0xf0, 0xf2, 0xf3 };
	static const u8 simd[] = { [PFX_66] = 0x66, [PFX_F3] = 0xf3,
				   [PFX_F2] = 0xf2 };
	unsigned n = 0;

	if (fuzz_rand(r, 4) == 0) {
		for (u32 k = 1 + fuzz_rand(r, 3); k; k--)
			b[n++] = all[fuzz_rand(r, ARRAY_SIZE(all))];
	}
	if (row->rowflags & ROW_LOCKABLE && fuzz_rand(r, 8) == 0)
		b[n++] = 0xf0;
	if (row->rowflags & ROW_REP && fuzz_rand(r, 2))
		b[n++] = fuzz_rand(r, 2) ? 0xf2 : 0xf3;
	if (!row->vex && (row->pfx == PFX_66 || row->pfx == PFX_F3 ||
			  row->pfx == PFX_F2))
		b[n++] = simd[row->pfx];
	return n;
}

static unsigned gen_opcode(struct fuzz_rng *r, const struct oprow *row, u8 *b)
{
	static const u8 pp[] = { [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3 };
	unsigned n = 0;

	if (row->vex) {
		u8 vvvv = row->vvvv == OPK_NONE ? 0 : (u8)fuzz_rand(r, 8);

		b[n++] = 0xc4;
		b[n++] = 0xe0 | row->map;
		b[n++] = (u8)(fuzz_rand(r, 2) << 7 | (~vvvv & 15) << 3 |
			      fuzz_rand(r, 2) << 2 |
			      (row->pfx <= PFX_F2 ? pp[row->pfx] : 0));
	} else {
		if (row->map)
			b[n++] = 0x0f;
		if (row->map >= MAP_0F38)
			b[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	b[n++] = row->opcode |
		 (row->rowflags & ROW_EMBEDDED ? (u8)fuzz_rand(r, 8) : 0);
	return n;
}

static u8 gen_modrm(struct fuzz_rng *r, const struct oprow *row)
{
	u8 m = (u8)fuzz_rand(r, 256);

	if (row->mod >= MOD_R0)
		m = 0xc0 | (m & 0x38) | (row->mod - MOD_R0);
	else if (row->mod == MOD_R)
		m |= 0xc0;
	else if (row->mod == MOD_M && m >= 0xc0)
		m &= 0x7f;
	if (row->ext != 0xff)
		m = (m & 0xc7) | (u8)(row->ext << 3);
	return m;
}

/* One instruction of a random row, of as many bytes as it turns out to have. */
static unsigned gen_insn(struct fuzz_rng *r, u8 *b, int bits)
{
	const struct oprow *row = &optab[fuzz_rand(r, optab_nr)];
	struct insn insn;
	unsigned n;

	for (unsigned i = 0; i < GEN_MAX; i++)
		b[i] = fuzz_rand(r, 4) ? (u8)fuzz_rand(r, 256) :
			fuzz_rand(r, 2) ? 0xff : 0;
	n = gen_prefixes(r, row, b);
	n += gen_opcode(r, row, b + n);
	if (row->rm != OPK_NONE)
		b[n++] = gen_modrm(r, row);
	if (insn_decode(&insn, b, INSN_MAX_LEN, bits, NULL) == INSN_OK)
		return insn.len;
	return n;
}

/* Where an instruction starts, and its length; code is not empty. */
static size_t gen_place(struct fuzz_rng *r, const u8 *code, size_t size,
			int bits, size_t *len)
{
	u32 skip = fuzz_rand(r, 8);
	struct insn insn;
	size_t at = 0;

	for (;;) {
		insn_decode(&insn, code + at,
			    MIN(size - at, (size_t)INSN_MAX_LEN), bits, NULL);
		*len = MIN(MAX((size_t)insn.len, 1u), size - at);
		if (!skip-- || at + *len >= size)
			return at;
		at += *len;
	}
}

size_t xlate_gen_mutate(struct fuzz_rng *r, u8 *code, size_t size, size_t max,
			int bits)
{
	u8 insn[GEN_MAX];
	size_t len = 0, at = size ? gen_place(r, code, size, bits, &len) : 0;
	unsigned n = gen_insn(r, insn, bits);

	switch (fuzz_rand(r, 4)) {
	case 0: /* out */
		n = 0;
		break;
	case 1: /* in front of this one */
		len = 0;
		break;
	case 2: /* at the end */
		at = size;
		len = 0;
		break;
	}
	if (size - len + n > max)
		return size;
	memmove(code + at + n, code + at + len, size - at - len);
	memcpy(code + at, insn, n);
	return size - len + n;
}
