// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqenc.c - see seq.h: random encodings of a row of the instruction table.
 * What the decoder takes for another row is thrown away, so this file need not
 * know all rules.
 */
#include <string.h>
#include "seq.h"

static bool is_offered(const struct oprow *row, const u64 *features)
{
	return row->feat == FEAT_BASE ||
	       features[row->feat / 64] >> (row->feat % 64) & 1;
}

static const char *op_refused(const struct oprow *row)
{
	switch (row->op) {
	case OP_RDTSC:
	case OP_RDTSCP:
	case OP_RDPMC:
	case OP_RDRAND:
	case OP_RDSEED:
		return "not a function of the state";
	case OP_CPUID:
	case OP_XGETBV:
	case OP_RDPID:
	case OP_SGDT:
	case OP_SIDT:
	case OP_SLDT:
	case OP_STR:
	case OP_SMSW:
	case OP_LAR:
	case OP_LSL:
	case OP_VERR:
	case OP_VERW:
		return "its result is virtual by design";
	case OP_SYSENTER:
	case OP_SYSCALL:
		return "a system call of the host";
	case OP_INT1:
		return "hypervisors give a wrong eip after it";
	case OP_FNSAVE:
	case OP_FNSTENV:
	case OP_FXSAVE:
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT:
		return "stores FIP and FDP";
	case OP_FLDENV:
	case OP_FRSTOR:
	case OP_FXRSTOR:
	case OP_XRSTOR:
		return "an image for it is not random";
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		return "hosts hold all bytes against the pages";
	}
	return NULL;
}

const char *seq_row_refused(const struct oprow *row, const u64 *features)
{
	if (row->rowflags & ROW_ONLY64)
		return "64-bit code only";
	if (!is_offered(row, features))
		return "not offered to guests on this host";
	if (row->op == OP_NOP_HINT && row->opcode == 0x0d)
		return "#UD on AMD, a NOP on Intel";
	return op_refused(row);
}

const char *seq_insn_refused(const struct insn *i)
{
	switch (i->row->op) {
	case OP_ARPL:
		if (i->has_mem && (i->seg == SEG_CS || i->seg >= SEG_FS))
			return "AMD finds out last that its segment is not "
			       "writable";
		break;
	case OP_ENTER:
		if (i->opsize * 8 != i->mode)
			return "the size of ebp: the operand's on AMD, the "
			       "stack's by Intel";
		break;
	}
	return NULL;
}

static unsigned put_prefixes(struct rng *r, const struct oprow *row, int mode,
			     u8 *b)
{
	static const u8 simd[] = { [PFX_66] = 0x66, [PFX_F3] = 0xf3,
				   [PFX_F2] = 0xf2 };
	static const u8 seg[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	unsigned n = 0;

	if (seq_one_in(r, mode == 16 ? 4 : 30))
		b[n++] = 0x67;
	if (seq_one_in(r, 12))
		b[n++] = seg[seq_below(r, ARRAY_SIZE(seg))];
	if (row->vex)
		return n;
	if (row->rowflags & ROW_LOCKABLE && seq_one_in(r, 6))
		b[n++] = 0xf0;
	if (seq_one_in(r, mode == 16 ? 2 : 5) &&
	    (row->pfx == PFX_ANY || row->pfx == PFX_NOREP ||
	     ((row->pfx == PFX_F3 || row->pfx == PFX_F2) &&
	      row->reg == OPK_R)))
		b[n++] = 0x66;
	if (row->rowflags & ROW_REP && !seq_one_in(r, 3))
		b[n++] = seq_one_in(r, 2) ? 0xf2 : 0xf3;
	if (row->pfx == PFX_66 || row->pfx == PFX_F3 || row->pfx == PFX_F2)
		b[n++] = simd[row->pfx];
	return n;
}

static unsigned put_opcode(struct rng *r, const struct oprow *row, u8 *b)
{
	static const u8 pp[] = { [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3 };
	u8 p = row->pfx <= PFX_F2 ? pp[row->pfx] : 0;
	u8 v = row->vvvv == OPK_NONE ? 0 : (u8)seq_below(r, 8);
	unsigned n = 0;

	if (row->vex && row->map == MAP_0F && seq_one_in(r, 2) &&
	    !(row->rowflags & ROW_W1)) {
		b[n++] = 0xc5;
		b[n++] = (u8)(0x80 | (~v & 15) << 3 | seq_below(r, 2) << 2 | p);
	} else if (row->vex) {
		b[n++] = 0xc4;
		b[n++] = 0xe0 | row->map;
		b[n++] = (u8)(seq_below(r, 2) << 7 | (~v & 15) << 3 |
			      seq_below(r, 2) << 2 | p);
	} else {
		if (row->map)
			b[n++] = 0x0f;
		if (row->map >= MAP_0F38)
			b[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	b[n++] = (u8)(row->opcode | (row->rowflags & ROW_EMBEDDED ?
					     seq_below(r, 8) : 0));
	return n;
}

static u8 make_modrm(struct rng *r, const struct oprow *row, int mode)
{
	u8 m = (u8)seq_rand(r);

	if (row->mod >= MOD_R0)
		m = (u8)(0xc0 | (m & 0x38) | (row->mod - MOD_R0));
	else if (row->mod == MOD_R || (row->mod == MOD__ && seq_one_in(r, 3)))
		m |= 0xc0;
	else if (row->mod == MOD_M && m >= 0xc0)
		m &= 0x7f;
	/* displacements that can lead anywhere, and few uses of esp */
	if (m < 0xc0 && seq_one_in(r, 2))
		m = (u8)((m & 0x3f) | 0x80);
	else if (m < 0xc0 && seq_one_in(r, 3))
		m = (u8)((m & 0x38) | (mode == 16 ? 6 : 5));
	if (m >= 0xc0 && (m & 7) == 4 && !seq_one_in(r, 6))
		m &= 0xfb;
	if (row->ext != 0xff)
		m = (u8)((m & 0xc7) | row->ext << 3);
	else if ((m >> 3 & 7) == 4 && row->reg == OPK_R && !seq_one_in(r, 6))
		m &= 0xdf;
	return m;
}

bool seq_encode(struct rng *r, const struct oprow *row, int mode,
		const u64 *features, u8 *b, struct insn *insn)
{
	for (int tries = 0; tries < 20; tries++) {
		unsigned n;

		for (unsigned i = 0; i < 16; i++)
			b[i] = (u8)seq_rand(r);
		n = put_prefixes(r, row, mode, b);
		n += put_opcode(r, row, b + n);
		if (row->rm != OPK_NONE)
			b[n++] = make_modrm(r, row, mode);
		if (insn_decode(insn, b, INSN_MAX_LEN, mode, features) ==
			    INSN_OK &&
		    insn->row == row && !seq_insn_refused(insn))
			return true;
	}
	return false;
}

u32 seq_ea(const struct insn *insn, const u32 *gpr)
{
	u32 off = (u32)insn->disp;

	if (insn->base >= 0)
		off += gpr[insn->base];
	if (insn->index >= 0 && insn->row->reach != REACH_GATHER)
		off += gpr[insn->index] << insn->scale;
	return insn->adsize == 2 ? (u16)off : off;
}
