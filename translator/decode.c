/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.c - bytes to struct insn: prefixes, row, modrm, immediates.
 *
 * Pure; knows encodings (SDM vol. 2, chapter 2), while identity and meaning
 * come from optab.def. Bytes beyond what an instruction needs are not read.
 */
#include <string.h>
#include "optab.h"

struct decoder {
	struct insn *insn;
	const u8 *buf;
	size_t pos, lim; /* lim: bytes that may be read, at most 15 */
	enum insn_err short_err; /* what running out of bytes means */
	enum insn_err err;
	const u64 *offered;
	u8 pp;		 /* last of F3/F2 as enum insn_pfx, else PFX_NONE */
	u8 rex_r, rex_x, rex_b, wide; /* from REX or VEX */
	u8 vvvv;		 /* four bits in every mode; unused must be 1111b */
	bool a67;
	bool no_vex;
};

static u64 dec_bytes(struct decoder *d, unsigned n)
{
	u64 v = 0;

	if (unlikely(d->lim - d->pos < n)) {
		d->pos = d->lim;
		d->err = d->short_err;
		return 0;
	}
	memcpy(&v, d->buf + d->pos, n);
	d->pos += n;
	return v;
}

static inline u8 dec_u8(struct decoder *d)
{
	if (unlikely(d->pos == d->lim)) {
		d->err = d->short_err;
		return 0;
	}
	return d->buf[d->pos++];
}

static s64 dec_signed(struct decoder *d, unsigned n)
{
	u64 v = dec_bytes(d, n);
	unsigned drop = 64 - 8 * n;

	return (s64)(v << drop) >> drop;
}

static void dec_segment(struct decoder *d, enum insn_seg seg)
{
	/* 64-bit mode ignores the four old segments, and they do not
	 * cancel a fs: or gs: before them. */
	if (d->insn->mode != 64 || seg >= SEG_FS)
		d->insn->seg_over = seg;
}

/* Takes prefixes; returns the first opcode byte. REX counts only when last. */
static u8 dec_prefixes(struct decoder *d)
{
	struct insn *insn = d->insn;
	u8 b, rex = 0;

	for (;;) {
		b = dec_u8(d);
		switch (b) {
		case 0x26:
			dec_segment(d, SEG_ES);
			break;
		case 0x2e:
			dec_segment(d, SEG_CS);
			break;
		case 0x36:
			dec_segment(d, SEG_SS);
			break;
		case 0x3e:
			dec_segment(d, SEG_DS);
			break;
		case 0x64:
			dec_segment(d, SEG_FS);
			break;
		case 0x65:
			dec_segment(d, SEG_GS);
			break;
		case 0x66:
			insn->pfx66 = true;
			break;
		case 0x67:
			d->a67 = true;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2:
			d->pp = PFX_F2;
			break;
		case 0xf3:
			d->pp = PFX_F3;
			break;
		case 0x40 ... 0x4f:
			if (insn->mode == 64) {
				rex = b;
				continue;
			}
			/* fallthrough */
		default:
			insn->rex = rex;
			return b;
		}
		if (unlikely(d->err))
			return 0;
		rex = 0;
	}
}

static void dec_rex(struct decoder *d)
{
	u8 rex = d->insn->rex;

	d->wide = rex >> 3 & 1;
	d->rex_r = (rex >> 2 & 1) << 3;
	d->rex_x = (rex >> 1 & 1) << 3;
	d->rex_b = (rex & 1) << 3;
}

/* C4/C5 are VEX in 64-bit code; elsewhere only where LES/LDS would be invalid. */
static bool dec_is_vex(const struct decoder *d, u8 b)
{
	if (b != 0xc4 && b != 0xc5)
		return false;
	if (d->insn->mode == 64)
		return true;
	return !d->no_vex && d->pos < d->lim && d->buf[d->pos] >= 0xc0;
}

/*
 * VEX payload (SDM vol. 2, 2.3.5). Returns the opcode map, or -1. The low
 * two bits are 66/F3/F2 in the order of enum insn_pfx.
 */
static int dec_vex(struct decoder *d, u8 first)
{
	struct insn *insn = d->insn;
	int map = MAP_0F;
	u8 b = dec_u8(d);

	if (insn->pfx66 || d->pp != PFX_NONE || insn->lock || insn->rex)
		return -1;
	insn->vex = true;
	d->rex_r = ~b >> 4 & 8;
	if (first == 0xc4) {
		d->rex_x = ~b >> 3 & 8;
		d->rex_b = ~b >> 2 & 8;
		map = b & 0x1f;
		b = dec_u8(d);
		d->wide = b >> 7;
	}
	d->vvvv = ~b >> 3 & 15;
	insn->vvvv = d->vvvv;
	insn->vexl = b >> 2 & 1;
	insn->vexw = d->wide;
	d->pp = b & 3;
	if (insn->mode != 64) { /* eight registers; the high bits are ignored */
		insn->vvvv &= 7;
		d->rex_r = d->rex_x = d->rex_b = 0;
	}
	return map >= MAP_0F && map <= MAP_0F3A ? map : -1;
}

/* Opcode bytes after the prefixes. Returns the index space, or -1 for #UD. */
static int dec_opcode(struct decoder *d)
{
	struct insn *insn = d->insn;
	u8 b = dec_prefixes(d);
	int space = MAP_1B;

	if (dec_is_vex(d, b)) {
		space = dec_vex(d, b);
		if (space < 0)
			return -1;
		space = OPTAB_VEX(space);
		b = dec_u8(d);
	} else {
		dec_rex(d);
		insn->rep = d->pp == PFX_F3;
		insn->repne = d->pp == PFX_F2;
		if (b == 0x0f) {
			space = MAP_0F;
			b = dec_u8(d);
			if (b == 0x38 || b == 0x3a) {
				space = b == 0x38 ? MAP_0F38 : MAP_0F3A;
				b = dec_u8(d);
			}
		}
	}
	insn->opcode = b;
	return space;
}

static bool row_match_pfx(const struct oprow *row, const struct decoder *d)
{
	bool p66 = d->insn->pfx66 && !d->insn->vex;

	switch (row->pfx) {
	case PFX_ANY:
		return true;
	case PFX_NONE:
		return d->pp == PFX_NONE && !p66;
	case PFX_66:
		return d->insn->vex ? d->pp == PFX_66 :
				      d->pp == PFX_NONE && p66;
	case PFX_NOREP:
		return d->pp == PFX_NONE;
	}
	return d->pp == row->pfx;
}

static bool row_match_modrm(const struct oprow *row, const struct insn *insn)
{
	u8 mod = insn->modrm >> 6;

	if (row->ext != 0xff && row->ext != (insn->modrm >> 3 & 7))
		return false;
	switch (row->mod) {
	case MOD__:
		return true;
	case MOD_M:
		return mod != 3;
	case MOD_R:
		return mod == 3;
	}
	return mod == 3 && (insn->modrm & 7) == row->mod - MOD_R0;
}

static bool row_match_mode(const struct oprow *row, const struct decoder *d)
{
	const struct insn *insn = d->insn;
	u32 f = row->rowflags;

	if (insn->mode == 64 ? f & ROW_NOT64 : f & ROW_ONLY64)
		return false;
	if (f & ROW_NOP90 && ((insn->opcode & 7) || d->rex_b))
		return false;
	if (insn->vexl ? f & ROW_L0 : f & ROW_L1)
		return false;
	return !(d->wide ? f & ROW_W0 : f & ROW_W1);
}

static bool feat_is_offered(unsigned feat, const u64 *offered)
{
	return offered[feat / 64] >> feat % 64 & 1;
}

static bool row_is_offered(const struct oprow *row, const struct decoder *d)
{
	if (!d->offered)
		return true;
	if (row->feat != FEAT_BASE && !feat_is_offered(row->feat, d->offered))
		return false;
	return !(row->rowflags & ROW_L1_AVX2) || !d->insn->vexl ||
	       feat_is_offered(FEAT_AVX2, d->offered);
}

static const struct oprow *dec_row(const struct decoder *d,
				   const struct oprow *row)
{
	do {
		if (row_match_pfx(row, d) && row_match_modrm(row, d->insn) &&
		    row_match_mode(row, d) && row_is_offered(row, d))
			return row;
	} while ((++row)->alt);
	return NULL;
}

static bool row_has_gpr(const struct oprow *row)
{
	return row->reg == OPK_R3264 || row->rm == OPK_R3264;
}

/* Sizes follow prefixes, mode and row (SDM vol. 1, 3.6). */
static void dec_sizes(struct decoder *d, u32 rowflags)
{
	struct insn *insn = d->insn;
	bool p66 = insn->pfx66;

	if (insn->mode == 16) {
		insn->opsize = p66 ? 4 : 2;
		insn->adsize = d->a67 ? 4 : 2;
	} else if (insn->mode == 32) {
		insn->opsize = p66 ? 2 : 4;
		insn->adsize = d->a67 ? 2 : 4;
	} else {
		insn->adsize = d->a67 ? 4 : 8;
		insn->opsize = p66 ? 2 : rowflags & ROW_DEF64 ? 8 : 4;
		if (d->wide || rowflags & ROW_FORCE64)
			insn->opsize = 8;
	}
	if (rowflags & ROW_MODREG) /* mov cr/dr: 66 has no effect */
		insn->opsize = insn->mode == 64 ? 8 : 4;
}

static void dec_disp(struct decoder *d, unsigned size)
{
	d->insn->dispsize = size;
	if (size)
		d->insn->disp = dec_signed(d, size);
}

static void dec_mem16(struct decoder *d)
{
	static const s8 base[8] = { R_BX, R_BX, R_BP, R_BP,
				    R_SI, R_DI, R_BP, R_BX };
	static const s8 index[8] = { R_SI, R_DI, R_SI, R_DI, -1, -1, -1, -1 };
	struct insn *insn = d->insn;
	unsigned rm = insn->modrm & 7;

	insn->base = base[rm];
	insn->index = index[rm];
	if (insn->mod == 0 && rm == 6) {
		insn->base = -1;
		dec_disp(d, 2);
	} else {
		dec_disp(d, insn->mod);
	}
	insn->seg = insn->base == R_BP ? SEG_SS : SEG_DS;
}

static void dec_sib(struct decoder *d)
{
	struct insn *insn = d->insn;
	u8 sib = dec_u8(d);
	bool vsib = insn->row->reach == REACH_GATHER;

	insn->scale = sib >> 6;
	insn->index = (sib >> 3 & 7) | d->rex_x;
	if (insn->index == R_SP && !vsib)
		insn->index = -1;
	insn->base = (sib & 7) | d->rex_b;
	if ((sib & 7) == R_BP && insn->mod == 0)
		insn->base = -1;
}

static void dec_mem32(struct decoder *d)
{
	struct insn *insn = d->insn;
	unsigned rm = insn->modrm & 7;

	if (rm == 4) {
		dec_sib(d);
	} else if (rm == 5 && insn->mod == 0) {
		insn->rip_rel = insn->mode == 64;
	} else {
		insn->base = rm | d->rex_b;
	}
	if (insn->mod == 0)
		dec_disp(d, insn->base < 0 ? 4 : 0);
	else
		dec_disp(d, insn->mod == 1 ? 1 : 4);
	insn->seg = insn->base == R_SP || insn->base == R_BP ? SEG_SS : SEG_DS;
}

/* Registers of kinds without a high bank ignore REX and VEX extensions. */
static u8 reg_extend(enum insn_opkind kind, u8 low, u8 high)
{
	switch (kind) {
	case OPK_EXT:
	case OPK_SEG:
	case OPK_MMX:
	case OPK_ST:
		return low;
	default:
		return low | high;
	}
}

static void dec_operands(struct decoder *d)
{
	struct insn *insn = d->insn;
	const struct oprow *row = insn->row;

	if (!insn->has_modrm) {
		if (row->rowflags & ROW_EMBEDDED)
			insn->reg = (insn->opcode & 7) | d->rex_b;
		else if (row->reg == OPK_SEG) /* push es .. pop gs */
			insn->reg = insn->opcode >> 3 & 7;
		return;
	}
	insn->mod = row->rowflags & ROW_MODREG ? 3 : insn->modrm >> 6;
	insn->reg = reg_extend(row->reg, insn->modrm >> 3 & 7, d->rex_r);
	insn->rm = insn->modrm & 7;
	if (insn->mod == 3) {
		insn->rm = reg_extend(row->rm, insn->rm, d->rex_b);
		return;
	}
	insn->has_mem = true;
	if (insn->adsize == 2)
		dec_mem16(d);
	else
		dec_mem32(d);
}

static unsigned size_z(const struct insn *insn)
{
	return insn->opsize == 2 ? 2 : 4;
}

static unsigned imm_size(const struct insn *insn)
{
	switch (insn->row->imm) {
	case IMM__:
		return 0;
	case IMM_IW:
		return 2;
	case IMM_IZ:
	case IMM_RELZ:
		return size_z(insn);
	case IMM_IV:
	case IMM_FAR:
		return insn->opsize;
	case IMM_MOFFS:
		return insn->adsize;
	case IMM_ENTER:
		return 2;
	}
	return 1;
}

static void dec_imm(struct decoder *d)
{
	struct insn *insn = d->insn;
	unsigned size = imm_size(insn);

	if (!size)
		return;
	insn->immsize = size;
	switch (insn->row->imm) {
	case IMM_IB:
	case IMM_IZ:
	case IMM_REL8:
	case IMM_RELZ:
		insn->imm = dec_signed(d, size);
		return;
	default:
		insn->imm = dec_bytes(d, size);
	}
	if (insn->row->imm == IMM_FAR) {
		insn->imm2 = dec_bytes(d, 2);
		insn->immsize += 2;
	} else if (insn->row->imm == IMM_ENTER) {
		insn->imm2 = dec_u8(d);
		insn->immsize += 1;
	}
}

static unsigned mem_size(const struct decoder *d)
{
	const struct insn *insn = d->insn;
	const struct oprow *row = insn->row;
	unsigned vec = insn->vexl ? 32 : 16;

	if (row->mem == MEM_NONE && !row->memsize) /* in, out have a size */
		return 0;
	switch (row->memsize) {
	case 0:
		return insn->opsize;
	case MSZ_Y:
		return d->wide && insn->mode == 64 ? 8 : 4;
	case MSZ_IO:
	case MSZ_SXD:
		return MIN(insn->opsize, 4);
	case MSZ_2V:
		return 2 * insn->opsize;
	case MSZ_FAR:
		return insn->has_mem ? insn->opsize + 2 : 2 * insn->opsize;
	case MSZ_PUSHA:
		return 8 * insn->opsize;
	case MSZ_DESC:
		return insn->mode == 64 ? 10 : 6;
	case MSZ_CX8:
		return d->wide ? 16 : 8;
	case MSZ_V:
		return vec;
	case MSZ_V2:
		return vec / 2;
	case MSZ_V4:
		return vec / 4;
	case MSZ_V8:
		return vec / 8;
	case MSZ_IMAGE:
		return 0;
	}
	return row->memsize;
}

/* Segment and control registers that do not exist, or CS as a target. */
static bool special_reg_is_bad(const struct insn *insn)
{
	switch (insn->row->reg) {
	case OPK_SEG:
		return insn->reg >= SEG_NR ||
		       (insn->row->op == OP_MOV_TO_SEG && insn->reg == SEG_CS);
	case OPK_CR:
		return insn->reg == 1 || insn->reg > 8 ||
		       (insn->reg > 4 && insn->reg < 8);
	case OPK_DR:
		return insn->reg > 7;
	}
	return false;
}

/* Destination, mask and index must be three registers, base+index by SIB. */
static bool gather_is_bad(const struct insn *insn)
{
	return (insn->modrm & 7) != 4 || insn->adsize == 2 ||
	       insn->reg == insn->vvvv || insn->reg == insn->index ||
	       insn->vvvv == insn->index;
}

static bool form_is_bad(const struct decoder *d)
{
	const struct insn *insn = d->insn;
	const struct oprow *row = insn->row;

	if (insn->lock &&
	    (!(row->rowflags & ROW_LOCKABLE) || !insn->has_mem))
		return true;
	if (insn->vex && row->vvvv == OPK_NONE && d->vvvv)
		return true;
	if (row->reach == REACH_GATHER && gather_is_bad(insn))
		return true;
	return special_reg_is_bad(insn);
}

static enum insn_err dec_ud(struct decoder *d)
{
	d->insn->row = NULL;
	d->insn->len = d->pos;
	return d->err ? d->err : INSN_UD;
}

enum insn_err insn_decode(struct insn *insn, const u8 *buf, size_t avail,
			  int mode, const u64 *offered)
{
	struct decoder d = {
		.insn = insn,
		.buf = buf,
		.lim = MIN(avail, INSN_MAX_LEN),
		.short_err = avail >= INSN_MAX_LEN ? INSN_TOOLONG : INSN_FETCH,
		.offered = offered,
		.no_vex = mode & INSN_NO_VEX,
	};
	const struct oprow *row;
	int space;
	u16 first;

	*insn = (struct insn){ .mode = mode & ~INSN_NO_VEX, .seg_over = 0xff,
			       .base = -1, .index = -1, .seg = SEG_DS };
	space = dec_opcode(&d);
	if (space < 0 || d.err)
		return dec_ud(&d);
	first = optab_index[space][insn->opcode];
	if (!first)
		return dec_ud(&d);
	row = &optab[first - 1];
	insn->has_modrm = row->rm != OPK_NONE;
	if (insn->has_modrm) {
		insn->modrm = dec_u8(&d);
		if (d.err)
			return dec_ud(&d);
	}
	row = dec_row(&d, row);
	if (!row)
		return dec_ud(&d);
	if (insn->mode != 64 && row_has_gpr(row)) /* W is ignored there */
		insn->vexw = 0;
	insn->row = row;
	dec_sizes(&d, row->rowflags);
	dec_operands(&d);
	dec_imm(&d);
	if (insn->seg_over != 0xff)
		insn->seg = insn->seg_over;
	if (d.err || form_is_bad(&d))
		return dec_ud(&d);
	insn->memsize = mem_size(&d);
	insn->len = d.pos;
	return INSN_OK;
}
