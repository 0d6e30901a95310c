// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lowgen.c - see lowgen.h: the bytes of an instruction. Operands are placed in
 * lowplace.c.
 */
#include <string.h>
#include "lowgen.h"
#include "translator/optab.h"

const char *const gen_addr_name[GA_NR] = {
	[GA_NONE] = "none", [GA_REG] = "register", [GA_DISP] = "[d32]",
	[GA_BASE] = "[b]", [GA_BASE_D8] = "[b+d8]",
	[GA_BASE_D32] = "[b+d32]", [GA_ESP] = "[esp+d8]",
	[GA_SIB] = "[b+i]", [GA_SIB_D8] = "[b+i+d8]",
	[GA_SIB_D32] = "[b+i+d32]", [GA_INDEX_D32] = "[i+d32]",
	[GA_W_DISP] = "w[d16]", [GA_W_ONE] = "w[b]",
	[GA_W_ONE_D8] = "w[b+d8]", [GA_W_ONE_D16] = "w[b+d16]",
	[GA_W_TWO] = "w[b+i]", [GA_W_TWO_D8] = "w[b+i+d8]",
	[GA_W_TWO_D16] = "w[b+i+d16]",
};

const char *const gen_place_name[GP_NR] = {
	[GP_IN] = "inside", [GP_CROSS] = "page-cross", [GP_END] = "at-end",
	[GP_OVER] = "over-end", [GP_HOLE] = "unmapped", [GP_RO] = "read-only",
	[GP_CROSS_RO] = "cross-ro", [GP_TOP] = "top", [GP_WRAP] = "wrap",
	[GP_LIMIT] = "limit",
};

const char *const gen_odd_name[GO_NR] = {
	[GO_NONE] = "none", [GO_LOCK] = "lock", [GO_REP] = "f3",
	[GO_REPNE] = "f2", [GO_66] = "66", [GO_MOD] = "mod",
	[GO_VVVV] = "vvvv", [GO_L] = "vex.l", [GO_W] = "vex.w",
	[GO_SEGS] = "segments", [GO_LONG] = "too-long",
};

u32 gen_eflags(unsigned n)
{
	static const u32 bit[] = { EFL_CF, EFL_PF, EFL_AF, EFL_ZF, EFL_SF,
				   EFL_OF, EFL_DF };
	u32 f = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bit); i++)
		if (n >> i & 1)
			f |= bit[i];
	return f;
}

bool gen_row_has_addr(const struct oprow *row, enum gen_addr addr)
{
	if (row->rm == OPK_NONE)
		return addr == GA_NONE;
	if (addr == GA_NONE)
		return false;
	if (row->rowflags & ROW_MODREG || row->mod >= MOD_R)
		return addr == GA_REG;
	if (addr == GA_REG)
		return row->mod == MOD__ && row->rm != OPK_MEM &&
		       row->reach != REACH_GATHER;
	if (row->reach == REACH_GATHER)
		return addr >= GA_SIB && addr <= GA_INDEX_D32;
	return true;
}

/* --- what was left open is settled */

static u8 settle(struct rng *r, u8 wanted, u32 one_in)
{
	return wanted != GEN_ANY ? wanted : rng_one_in(r, one_in);
}

static u8 settle_addr(struct rng *r, const struct oprow *row, u8 wanted)
{
	u8 addr;

	if (wanted != GA_ANY)
		return wanted;
	do {
		addr = rng_one_in(r, 3) ? (u8)GA_REG : rng_below(r, GA_NR);
	} while (!gen_row_has_addr(row, row->rm == OPK_NONE ? GA_NONE : addr));
	return row->rm == OPK_NONE ? GA_NONE : addr;
}

/* Where 66 changes the operand size, and nothing else. */
static bool row_has_66(const struct oprow *row)
{
	if (row->vex)
		return false;
	return row->pfx == PFX_ANY || row->pfx == PFX_NOREP ||
	       ((row->pfx == PFX_F3 || row->pfx == PFX_F2) &&
		(row->reg == OPK_R || row->rm == OPK_R));
}

static u8 settle_bit(struct rng *r, u8 wanted, bool zero, bool one)
{
	if (zero)
		return 0;
	if (one)
		return 1;
	return wanted != GEN_ANY ? wanted : rng_below(r, 2);
}

static u8 settle_place(struct rng *r, enum low_seg seg, u8 wanted)
{
	static const u8 often[] = { GP_CROSS, GP_END, GP_OVER, GP_RO,
				    GP_CROSS_RO, GP_HOLE };

	if (wanted != GP_ANY)
		return wanted;
	if (!rng_one_in(r, 4))
		return GP_IN;
	if (rng_one_in(r, 4))
		return seg == LOW_FLAT ? GP_TOP + rng_below(r, 2) : GP_LIMIT;
	return often[rng_below(r, ARRAY_SIZE(often))];
}

static struct gen_want settle_all(struct rng *r, const struct oprow *row,
				  enum low_seg seg, const struct gen_want *in)
{
	struct gen_want w = *in;
	u32 f = row->rowflags;

	w.addr = settle_addr(r, row, w.addr);
	w.p66 = row_has_66(row) ? settle(r, w.p66, 3) : 0;
	w.p67 = settle(r, w.p67, seg == LOW_16 ? 3 : 12);
	if (w.addr != GA_NONE && w.addr != GA_REG)
		w.p67 = (w.addr >= GA_W_DISP) == (seg != LOW_16);
	if (w.seg == GEN_ANY)
		w.seg = rng_one_in(r, 8) ? 1 + rng_below(r, SEG_NR) : 0;
	w.lock = f & ROW_LOCKABLE ? settle(r, w.lock, 4) : 0;
	if (w.addr == GA_REG)
		w.lock = 0;
	if (w.rep == GEN_ANY)
		w.rep = rng_below(r, 3);
	if (!(f & ROW_REP))
		w.rep = 0;
	w.vexl = settle_bit(r, w.vexl, f & ROW_L0, f & ROW_L1);
	w.vexw = settle_bit(r, w.vexw, f & ROW_W0, f & ROW_W1);
	w.place = settle_place(r, seg, w.place);
	if (w.embed == GEN_ANY)
		w.embed = rng_below(r, 8);
	if (w.eflags == GEN_ANY)
		w.eflags = rng_below(r, 128);
	if (w.odd == GEN_ANY)
		w.odd = GO_NONE;
	return w;
}

/* --- bytes */

static const u8 seg_prefix[SEG_NR] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

static u8 simd_prefix(const struct oprow *row)
{
	switch (row->pfx) {
	case PFX_66:
		return 0x66;
	case PFX_F3:
		return 0xf3;
	case PFX_F2:
		return 0xf2;
	}
	return 0;
}

static unsigned odd_prefixes(struct rng *r, enum gen_odd odd, u8 *b)
{
	unsigned n = 0, want;

	switch (odd) {
	case GO_LOCK:
		b[n++] = 0xf0;
		break;
	case GO_REP:
		b[n++] = 0xf3;
		break;
	case GO_REPNE:
		b[n++] = 0xf2;
		break;
	case GO_66:
		b[n++] = 0x66;
		break;
	case GO_SEGS:
		for (want = 2 + rng_below(r, 2); want; want--)
			b[n++] = seg_prefix[rng_below(r, SEG_NR)];
		break;
	case GO_LONG:
		for (want = 11 + rng_below(r, 4); want; want--)
			b[n++] = seg_prefix[rng_below(r, SEG_NR)];
		break;
	default:
		break;
	}
	return n;
}

/* In any order; of two segment overrides, the last counts. */
static unsigned gen_prefixes(struct rng *r, const struct oprow *row,
			     const struct gen_want *w, u8 *b)
{
	unsigned n = odd_prefixes(r, w->odd, b);
	u8 simd = simd_prefix(row);

	if (w->p67)
		b[n++] = 0x67;
	if (w->seg)
		b[n++] = seg_prefix[w->seg - 1];
	if (w->lock)
		b[n++] = 0xf0;
	if (w->p66)
		b[n++] = 0x66;
	if (w->rep)
		b[n++] = w->rep == 1 ? 0xf3 : 0xf2;
	if (simd && !row->vex)
		b[n++] = simd;
	for (unsigned i = n; i > 1; i--) {
		unsigned k = rng_below(r, i);
		u8 t = b[i - 1];

		b[i - 1] = b[k];
		b[k] = t;
	}
	return n;
}

static unsigned gen_vex(struct rng *r, const struct oprow *row,
			const struct gen_want *w, u8 *b)
{
	static const u8 pp[] = { [PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3 };
	u8 p = row->pfx <= PFX_F2 ? pp[row->pfx] : 0;
	u8 vvvv = row->vvvv == OPK_NONE ? 0 : rng_below(r, 8);
	u8 l = w->vexl, wide = w->vexw;

	if (w->odd == GO_VVVV)
		vvvv = rng_below(r, 16);
	if (w->odd == GO_L)
		l ^= 1;
	if (w->odd == GO_W)
		wide ^= 1;
	if (row->map == MAP_0F && !wide && rng_one_in(r, 2)) {
		b[0] = 0xc5;
		b[1] = 0x80 | (~vvvv & 15) << 3 | l << 2 | p;
		return 2;
	}
	b[0] = 0xc4;
	b[1] = 0xe0 | row->map;
	if (rng_one_in(r, 4)) /* B says nothing here */
		b[1] &= ~0x20;
	b[2] = wide << 7 | (~vvvv & 15) << 3 | l << 2 | p;
	return 3;
}

static unsigned gen_opcode(struct rng *r, const struct oprow *row,
			   const struct gen_want *w, u8 *b)
{
	unsigned n = 0;

	if (row->vex) {
		n = gen_vex(r, row, w, b);
	} else {
		if (row->map)
			b[n++] = 0x0f;
		if (row->map >= MAP_0F38)
			b[n++] = row->map == MAP_0F38 ? 0x38 : 0x3a;
	}
	b[n++] = row->opcode | (row->rowflags & ROW_EMBEDDED ? w->embed : 0);
	return n;
}

/* modrm without its reg field, and the SIB byte; displacements are random. */
static unsigned gen_rm32(struct rng *r, enum gen_addr addr, u8 *b)
{
	static const u8 bases[] = { 0, 1, 2, 3, 5, 6, 7 };
	u8 base = bases[rng_below(r, 7)];
	u8 sib = rng_u32(r);

	if ((sib & 0x38) == 0x20) /* no index */
		sib ^= 0x18;
	switch (addr) {
	case GA_REG:
		b[0] = 0xc0 | rng_below(r, 8);
		return 1;
	case GA_DISP:
		b[0] = 5;
		return 1;
	case GA_BASE:
		b[0] = base == 5 ? 3 : base;
		return 1;
	case GA_BASE_D8:
		b[0] = 0x40 | base;
		return 1;
	case GA_BASE_D32:
		b[0] = 0x80 | base;
		return 1;
	case GA_ESP:
		b[0] = 0x44;
		b[1] = 0x24 | (sib & 0xc0);
		return 2;
	case GA_SIB:
		b[0] = 4;
		b[1] = (sib & 7) == 5 ? sib ^ 1 : sib;
		return 2;
	case GA_SIB_D8:
	case GA_SIB_D32:
		b[0] = addr == GA_SIB_D8 ? 0x44 : 0x84;
		b[1] = sib;
		return 2;
	default: /* GA_INDEX_D32 */
		b[0] = 4;
		b[1] = (sib & 0xf8) | 5;
		return 2;
	}
}

static unsigned gen_rm16(struct rng *r, enum gen_addr addr, u8 *b)
{
	static const u8 one[] = { 4, 5, 7, 6 }; /* bp last: not without disp */

	switch (addr) {
	case GA_W_DISP:
		b[0] = 6;
		break;
	case GA_W_ONE:
		b[0] = one[rng_below(r, 3)];
		break;
	case GA_W_ONE_D8:
		b[0] = 0x40 | one[rng_below(r, 4)];
		break;
	case GA_W_ONE_D16:
		b[0] = 0x80 | one[rng_below(r, 4)];
		break;
	case GA_W_TWO:
		b[0] = rng_below(r, 4);
		break;
	case GA_W_TWO_D8:
		b[0] = 0x40 | rng_below(r, 4);
		break;
	default:
		b[0] = 0x80 | rng_below(r, 4);
	}
	return 1;
}

static unsigned gen_modrm(struct rng *r, const struct oprow *row,
			  const struct gen_want *w, u8 *b)
{
	enum gen_addr addr = w->addr;
	u8 reg = row->ext != 0xff ? row->ext : rng_below(r, 8);
	unsigned n;

	if (w->odd == GO_MOD)
		addr = addr == GA_REG ? GA_BASE_D8 : GA_REG;
	n = addr >= GA_W_DISP ? gen_rm16(r, addr, b) : gen_rm32(r, addr, b);
	if (row->rowflags & ROW_MODREG)
		b[0] = rng_u32(r) & 0xc7;
	else if (row->mod >= MOD_R0)
		b[0] = 0xc0 | (row->mod - MOD_R0);
	b[0] |= reg << 3;
	return n;
}

static void gen_tail(struct rng *r, u8 *b, unsigned n)
{
	static const u8 edge[] = { 0, 1, 0x7f, 0x80, 0xff, 0x1f, 0x20 };
	bool edges = rng_one_in(r, 4);
	u8 same = edge[rng_below(r, ARRAY_SIZE(edge))];

	for (unsigned i = n; i < n + INSN_MAX_LEN; i++)
		b[i] = edges ? same : rng_u32(r);
}

/* Is it an encoding that the case may have? */
static bool bytes_fit(const struct gen_case *g, const struct oprow *row)
{
	if (g->want.odd != GO_NONE)
		return g->err != INSN_FETCH;
	return g->err == INSN_OK && g->insn.row == row;
}

/* Bytes of a random encoding; decoded into g->insn. */
static bool gen_bytes(struct rng *r, const struct oprow *row,
		      struct gen_case *g)
{
	u8 *b = g->c.bytes;
	int mode = g->c.seg == LOW_16 ? 16 : 32;

	for (int tries = 0; tries < 40; tries++) {
		unsigned n = gen_prefixes(r, row, &g->want, b);

		n += gen_opcode(r, row, &g->want, b + n);
		if (row->rm != OPK_NONE)
			n += gen_modrm(r, row, &g->want, b + n);
		gen_tail(r, b, n);
		g->err = insn_decode(&g->insn, b, INSN_MAX_LEN, mode, NULL);
		if (!bytes_fit(g, row))
			continue;
		g->c.len = g->insn.len;
		if (g->err != INSN_OK) { /* should the host run it: int3 */
			memset(b + n, 0xcc, INSN_MAX_LEN);
			g->c.len = MAX(n, (unsigned)INSN_MAX_LEN);
		}
		return true;
	}
	return false;
}

static u32 stack_base(enum low_seg seg)
{
	return low_segment(seg, SEG_SS)->base;
}

static void gen_regs(struct rng *r, struct gen_case *g)
{
	struct low_regs *regs = &g->c.regs;
	u32 sp = LOW_STACK + 0x800 + rng_below(r, 0x2000);

	for (int i = 0; i < 8; i++)
		regs->gpr[i] = rng_value(r);
	switch (g->want.place) {
	case GP_OVER:
	case GP_LIMIT:
		sp = LOW_STACK + rng_below(r, 16);
		if (rng_one_in(r, 2))
			sp += LOW_STACK_PAGES * PAGE_SIZE - 8;
		break;
	case GP_CROSS:
		sp = LOW_STACK + PAGE_SIZE + rng_below(r, 32) - 16;
		break;
	default:
		break;
	}
	regs->gpr[R_SP] = sp - stack_base(g->c.seg);
	if (g->c.seg == LOW_16) /* the upper half says nothing */
		regs->gpr[R_SP] = (regs->gpr[R_SP] & 0xffff) |
				  rng_u32(r) << 16;
	regs->eflags = gen_eflags(g->want.eflags);
}

bool gen_make(struct rng *r, const struct oprow *row, enum low_seg seg,
	      const struct gen_want *want, struct gen_case *g)
{
	const struct oprow *got;

	gen_poke_back(g);
	g->c.seg = seg;
	g->c.max_insns = 1;
	g->placed = g->wraps = false;
	g->want = settle_all(r, row, seg, want);
	if (!gen_bytes(r, row, g))
		return false;
	gen_vectors(r, g);
	gen_regs(r, g);
	got = g->insn.row;
	if (!got)
		return true;
	if (!gen_place(r, g))
		return false;
	return insn_decode(&g->insn, g->c.bytes, INSN_MAX_LEN,
			   seg == LOW_16 ? 16 : 32, NULL) == INSN_OK &&
	       g->insn.row == got;
}

bool gen_insn(struct rng *r, const struct oprow *row, enum low_seg seg,
	      struct gen_case *g)
{
	struct gen_want want;

	memset(&want, GEN_ANY, sizeof(want));
	want.seg = 0;
	return gen_make(r, row, seg, &want, g);
}
