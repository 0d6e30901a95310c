// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify-gen.c - see verify-gen.h.
 */
#include <string.h>
#include "translator/optab.h"
#include "verify-gen.h"

static u32 rng(struct vgen *g)
{
	g->rng = g->rng * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(g->rng >> 32);
}

u32 vgen_below(struct vgen *g, u32 n)
{
	return (u32)((u64)rng(g) * n >> 32);
}

static bool one_in(struct vgen *g, u32 n)
{
	return !vgen_below(g, n);
}

/* --- instructions */

static unsigned prefixes(struct vgen *g, const struct oprow *row, u8 *p)
{
	static const u8 seg[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	unsigned n = 0;

	if (one_in(g, 6))
		p[n++] = seg[vgen_below(g, 6)];
	if (one_in(g, 8))
		p[n++] = 0x67;
	if (row->vex)
		return n;
	if (row->rowflags & ROW_LOCKABLE && one_in(g, 6))
		p[n++] = 0xf0;
	if (row->pfx == PFX_66 || (row->pfx >= PFX_ANY && one_in(g, 6)))
		p[n++] = 0x66;
	if (row->pfx == PFX_F3 || (row->rowflags & ROW_REP && one_in(g, 3)))
		p[n++] = 0xf3;
	else if (row->pfx == PFX_F2)
		p[n++] = 0xf2;
	return n;
}

static unsigned opcode(struct vgen *g, const struct oprow *row, u8 *p)
{
	static const u8 pp[] = { [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3 };
	bool w = row->rowflags & ROW_W1 ||
		 (!(row->rowflags & ROW_W0) && one_in(g, 2));
	bool l = row->rowflags & ROW_L1 ||
		 (!(row->rowflags & ROW_L0) && one_in(g, 2));
	u8 vvvv = row->vvvv ? 8 | vgen_below(g, 8) : 15;
	unsigned n = 0;

	if (row->vex) {
		p[n++] = 0xc4;
		p[n++] = 0xe0 | row->map;
		p[n++] = (u8)(w << 7 | vvvv << 3 | l << 2 |
			      (row->pfx <= PFX_F2 ? pp[row->pfx] : 0));
	} else if (row->map) {
		p[n++] = 0x0f;
		if (row->map > MAP_0F)
			p[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	p[n] = row->opcode;
	if (row->rowflags & ROW_EMBEDDED)
		p[n] |= vgen_below(g, 8);
	return n + 1;
}

/* What follows the opcode: random, with the fields that the row wants. */
static void operands(struct vgen *g, const struct oprow *row, u8 *p)
{
	bool near = !one_in(g, 4);

	for (unsigned k = 0; k < 12; k++)
		p[k] = rng(g);
	if (row->cls == CLS_BRANCH && row->imm == IMM_RELZ) {
		if (near)
			memset(p + 2, 0, 2);
		return;
	}
	if (row->ext != 0xff)
		p[0] = (p[0] & 0xc7) | row->ext << 3;
	if (row->mod == MOD_M && p[0] >= 0xc0)
		p[0] &= 0x7f;
	if (row->mod >= MOD_R)
		p[0] |= 0xc0;
	if (row->mod >= MOD_R0)
		p[0] = (p[0] & 0xf8) | (row->mod - MOD_R0);
	if (p[0] < 0x40 && one_in(g, 2))
		p[0] |= 0x40;
}

/* One instruction of the row, its length, or 0. */
static unsigned gen_insn(struct vgen *g, const struct oprow *row, u8 *p)
{
	int mode = g->mode.code_bits |
		   (g->mode.flags & XM_PE ? 0 : INSN_NO_VEX);
	struct insn insn;
	unsigned n;

	n = prefixes(g, row, p);
	n += opcode(g, row, p + n);
	operands(g, row, p + n);
	if (insn_decode(&insn, p, INSN_MAX_LEN, mode, NULL) != INSN_OK ||
	    insn.row != row)
		return 0;
	return insn.len;
}

/* Rows with a lowering of their own more often than copies. */
static const struct oprow *pick(struct vgen *g)
{
	const struct oprow *row;

	for (unsigned k = 0; k < 40; k++) {
		row = &optab[vgen_below(g, optab_nr)];
		if (row->rowflags & ROW_ONLY64)
			continue;
		if (row->cls != CLS_COPY || (row->map == MAP_1B &&
		    (row->opcode < 0xd8 || row->opcode > 0xdf)) ||
		    one_in(g, 8))
			return row;
	}
	return &optab[0];
}

static void code(struct vgen *g, u32 off)
{
	unsigned n = 1 + vgen_below(g, 12);

	for (unsigned k = 0; k < sizeof(g->bytes); k++)
		g->bytes[k] = rng(g);
	if (one_in(g, 12) && off + 8 < sizeof(g->bytes)) {
		/* mov [esp], eax; ret: the way a retpoline ends */
		memcpy(g->bytes + off, "\x89\x04\x24\xc3", 4);
		return;
	}
	while (n--) {
		const struct oprow *row = pick(g);
		u8 buf[40];
		unsigned len;

		if (n && (row->cls == CLS_HELPER_END ||
			  (row->cls == CLS_BRANCH && row->op != OP_JCC &&
			   row->op != OP_CALL && row->op != OP_CALL_IND)))
			continue;
		len = gen_insn(g, row, buf);
		if (off + len > sizeof(g->bytes))
			return;
		memcpy(g->bytes + off, buf, len);
		off += len;
	}
}

/* --- modes and forms */

static void mode(struct vgen *g)
{
	struct xmode *m = &g->mode;
	u32 keep = XM_IF_OK | XM_TS | XM_VME | XM_TSD | XM_TSC_HELPER |
		   XM_TF;

	*m = (struct xmode){
		.code_bits = one_in(g, 5) ? 16 : 32,
		.stack_bits = one_in(g, 5) ? 16 : 32,
		.cpl = one_in(g, 2) ? 3 : 0,
		.mem_form = one_in(g, 5) ? FORM_HELPER : FORM_DIRECT,
		.flags = (one_in(g, 8) ? 0 : XM_PE) | XM_OSFXSR | XM_AVX,
		.cs_base = one_in(g, 6) ? rng(g) & ~15u : 0,
		.cs_limit = one_in(g, 5) ? rng(g) | 0xffff : ~0u,
	};
	if (one_in(g, 2))
		m->flags |= XM_IF_OK;
	if (one_in(g, 4))
		m->flags |= rng(g) & keep;
	if (!m->cpl && one_in(g, 3))
		m->flags |= XM_SMAP | (one_in(g, 2) ? XM_AC : 0);
	for (unsigned i = 0; i < SEG_NR; i++)
		m->segc[i] = one_in(g, 2) ? SEGC_FLAT : vgen_below(g, 4);
	if (one_in(g, 3))
		memset(m->segc, SEGC_FLAT, sizeof(m->segc));
}

static int fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	const struct vgen *g = opaque;
	u32 off = (u32)la - g->page;

	if (off >= sizeof(g->bytes))
		return -1;
	memcpy(buf, g->bytes + off, n);
	return (int)n;
}

static bool helper_site(void *opaque, u32 eip)
{
	const struct vgen *g = opaque;

	return g->helper_sites && (eip & 0xfff) % g->helper_sites == 0;
}

static const u8 *source(void *opaque, u64 la)
{
	const struct vgen *g = opaque;

	return g->source + ((u32)la - g->page) % sizeof(g->source);
}

void vgen_next(struct vgen *g)
{
	u32 off = one_in(g, 8) ? 0xff0 + vgen_below(g, 16) :
				 vgen_below(g, 4000);

	mode(g);
	g->page = one_in(g, 8) ? 0xffffd000 : rng(g) & ~0xfffu;
	g->helper_sites = one_in(g, 3) ? 1 + vgen_below(g, 4) : 0;
	for (unsigned k = 0; k < GLUE_NR; k++)
		g->glue[k] = 64 * k;
	code(g, off);
	g->in = (struct xlate_in){
		.mode = &g->mode,
		.eip = g->page + off - (u32)g->mode.cs_base,
		.max_insns = one_in(g, 8) ? 1 : 16,
		.pairs = !one_in(g, 4),
		.far = one_in(g, 3),
		.fsgsbase = !one_in(g, 4),
		.bmi2 = true,
		.transitions = !one_in(g, 3),
		.strict_flags = !one_in(g, 4),
		.fetch = fetch,
		.helper_site = helper_site,
		.source = one_in(g, 6) ? source : NULL,
		.soft = g->rng,
		.opaque = g,
		.glue = g->glue,
		.cache = 0x7f0012300000,
	};
	if (g->mode.cs_limit != ~0u && one_in(g, 2))
		g->mode.cs_limit = g->in.eip + vgen_below(g, 30);
}
