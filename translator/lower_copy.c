/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_copy.c - instructions that run as they are: registers mapped, the
 * memory operand in its host form, prefixes rebuilt (HAZARDS 4).
 */
#include "xlate_impl.h"

static bool kind_is_gpr(u8 kind)
{
	return kind == OPK_R || kind == OPK_R16 || kind == OPK_R32 ||
	       kind == OPK_R3264;
}

static unsigned copy_reg(const struct xlate *x, u8 kind, unsigned n)
{
	if (kind_is_gpr(kind) && XLATE_FAULT(SCRATCH_REG))
		return H_R10;
	return kind_is_gpr(kind) ? reg_host(x, n) : n;
}

static bool row_names(const struct oprow *row, u8 kind)
{
	return row->reg == kind || row->rm == kind || row->vvvv == kind;
}

/* 32-bit code ignores VEX.W where it would choose 64-bit registers. */
static bool copy_vexw(const struct insn *insn)
{
	const struct oprow *row = insn->row;

	if (row->op == OP_VPCMPESTRI || row->op == OP_VPCMPESTRM)
		return false;
	return insn->vexw && !row_names(row, OPK_R3264) &&
	       !row_names(row, OPK_R);
}

static struct henc copy_enc(const struct xlate *x)
{
	const struct insn *insn = x->insn;
	const struct oprow *row = insn->row;
	static const u8 simd[] = { [PFX_66] = 0x66, [PFX_F3] = 0xf3,
				   [PFX_F2] = 0xf2 };
	struct henc c = { .map = row->map, .op = insn->opcode,
			  .lock = insn->lock, .vex = row->vex };

	if (row->map == MAP_1B && c.op == 0x82)
		c.op = 0x80; /* the alias is gone in 64-bit mode */
	if (row->pfx == PFX_66 || row->pfx == PFX_F3 || row->pfx == PFX_F2)
		c.simd = simd[row->pfx];
	if (row->vex) {
		c.w = copy_vexw(insn);
		c.vexl = insn->vexl;
		c.vvvv = copy_reg(x, row->vvvv, insn->vvvv);
	} else {
		c.osz = insn->opsize == 2 &&
			(row->pfx == PFX_ANY || row_names(row, OPK_R));
	}
	if (!row->vex && insn->opsize == 4 && row_names(row, OPK_R))
		c.w = XLATE_FAULT(REX_W);
	c.immsize = insn->immsize;
	return c;
}

static void copy_imm(struct xlate *x)
{
	u64 imm = x->insn->imm;

	if (x->insn->immsize && XLATE_FAULT(WRONG_IMM))
		imm ^= 1;
	switch (x->insn->row->op) {
	case OP_VBLENDVPS: /* the register: bit 7 counts in 64-bit mode only */
	case OP_VBLENDVPD:
	case OP_VPBLENDVB:
		imm &= 0x7f;
	}
	emit_imm(&x->e, x->insn->immsize, imm);
}

static bool reg_is_high(u8 kind, unsigned n)
{
	return kind == OPK_R8 && n >= 4;
}

/* The byte register's low form, with the bytes exchanged around it. */
static void swap_bytes(struct xlate *x, unsigned r, bool on)
{
	if (!on && XLATE_FAULT(NO_SWAP_BACK))
		return;
	/* xchg rl, rh */
	emit_xchg_lh(&x->e, r);
	if (on && !XLATE_FAULT(NO_SWAP_SITE))
		x_site(x, SITE_SWAPPED, r, 0, false);
}

static void copy_rr(struct xlate *x)
{
	const struct insn *insn = x->insn;
	const struct oprow *row = insn->row;
	struct henc c = copy_enc(x);
	unsigned reg = copy_reg(x, row->reg, insn->reg);
	unsigned rm = copy_reg(x, row->rm, insn->rm);
	bool high = reg_is_high(row->rm, rm);
	u32 from = x->e.len;

	if (high && reg >= 8) { /* movzx esp, ah: ah beside REX (HAZARDS 8) */
		swap_bytes(x, rm - 4, true);
		emit_rr(&x->e, &c, reg, rm - 4);
		copy_imm(x);
		swap_bytes(x, rm - 4, false);
		return;
	}
	emit_rr(&x->e, &c, reg, rm);
	copy_imm(x);
	x_core(x, from);
}

static u32 copy_acc(const struct oprow *row)
{
	switch (row->mem) {
	case MEM_R:
		return ACC_READ;
	case MEM_W:
		return ACC_WRITE;
	case MEM_RW:
		return ACC_READ | ACC_WRITE;
	}
	return 0;
}

/* op [m], rh where m needs REX */
static void copy_high_rm(struct xlate *x, struct henc *c, unsigned r,
			 struct hmem *m)
{
	if (m->base == (s8)r || m->index == (s8)r) {
		/* the address must not see the exchange */
		struct hmem ea = *m;

		ea.gs = ea.a32 = false;
		emit_lea(&x->e, 4, HR_ADDR, &ea);
		ea = hmem_disp(HR_ADDR, 0);
		ea.gs = m->gs;
		ea.a32 = m->a32;
		*m = ea;
	}
	if ((x->insn->row->op == OP_CMPXCHG && r == R_AX) ||
	    (x->insn->row->op != OP_CMPXCHG && XLATE_FAULT(HIGH_LOST))) {
		/* al is an operand of its own: the source goes elsewhere */
		swap_bytes(x, r, true);
		emit_mov_rr(&x->e, 1, HR_KEEP, r);
		swap_bytes(x, r, false);
		x_site(x, SITE_PLAIN, 0, 0, false);
		emit_rm(&x->e, c, HR_KEEP, m);
		copy_imm(x);
		return;
	}
	swap_bytes(x, r, true);
	emit_rm(&x->e, c, r, m);
	copy_imm(x);
	swap_bytes(x, r, false);
}

static void copy_rm(struct xlate *x, const struct hmem *mem)
{
	const struct insn *insn = x->insn;
	struct henc c = copy_enc(x);
	unsigned reg = copy_reg(x, insn->row->reg, insn->reg);
	struct hmem m = *mem;
	u32 from = x->e.len;

	if (reg_is_high(insn->row->reg, reg) &&
	    (m.base >= 8 || m.index >= 8)) {
		copy_high_rm(x, &c, reg - 4, &m);
	} else {
		emit_rm(&x->e, &c, reg, &m);
		copy_imm(x);
		x_core(x, from);
	}
	if (copy_acc(insn->row) & ACC_WRITE)
		mem_commit(x);
}

/*
 * A bit offset in a register reaches past the operand: its address must be
 * formed by the host under 67h (HAZARDS 13), so forms that need the address
 * in advance leave it to C.
 */
static bool copy_bitoff_is_plain(const struct xlate *x)
{
	return x->insn->adsize == 4 && x->in->fsgsbase &&
	       (mem_is_direct(x, x->insn->seg, copy_acc(x->insn->row)) ||
		XLATE_FAULT(REACH_LIMIT));
}

/*
 * vgather: base and displacement, the vector index stays.
 *   flat:  gs:[base + vindex << scale + disp]
 *   based: mov r8d, [r15+base]; lea r8d, [r8+base];
 *	    gs:[r8d + vindex << scale + disp]
 */
static void copy_gather(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct hmem m = hmem_index(insn->base < 0 ? HM_NONE :
				   (s8)reg_host(x, insn->base), insn->index,
				   insn->scale, insn->disp);

	if (!copy_bitoff_is_plain(x)) {
		x_helper(x, false);
		return;
	}
	if (mem_class(x, insn->seg, ACC_READ) == SEGC_BASED) {
		struct hmem base = SEG_MEM(insn->seg, base);

		emit_mov_rm(&x->e, 4, HR_ADDR, &base);
		if (m.base != HM_NONE) {
			base = hmem_index(HR_ADDR, m.base, 0, 0);
			emit_lea(&x->e, 4, HR_ADDR, &base);
		}
		m.base = HR_ADDR;
	}
	m.gs = m.a32 = true;
	copy_rm(x, &m);
}

/* lea r, EA: an address and no access */
static void copy_lea(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct gmem g = mem_of(insn);
	unsigned d = reg_host(x, insn->reg);

	if (insn->adsize == 4 && insn->opsize == 4) {
		struct hmem m = mem_plain(x, &g);
		u32 from = x->e.len;

		emit_lea(&x->e, 4, d, &m);
		x_core(x, from);
		return;
	}
	mem_offset(x, &g);
	emit_mov_rr(&x->e, insn->opsize, d, HR_ADDR);
}

/* prefetch: a hint on an address that need not exist */
static void copy_hint(struct xlate *x)
{
	struct gmem g = mem_of(x->insn);

	if (x->insn->adsize == 4 && x->in->fsgsbase &&
	    mem_is_direct(x, g.seg, 0)) {
		struct hmem m = mem_operand(x, &g, 1, 0);

		copy_rm(x, &m);
	}
}

/* A load or store of the elements that a mask selects, and no others. */
static bool copy_is_masked(const struct oprow *row)
{
	switch (row->op) {
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		return true;
	}
	return false;
}

static void copy_mem(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct gmem g = mem_of(insn);
	struct hmem m;

	if (insn->row->op == OP_LEA) {
		copy_lea(x);
	} else if (insn->row->mem == MEM_NONE) {
		copy_hint(x);
	} else if (insn->row->reach == REACH_GATHER) {
		copy_gather(x);
	} else if (insn->row->reach == REACH_BITOFF &&
		   !copy_bitoff_is_plain(x)) {
		x_helper(x, false);
	} else if (copy_is_masked(insn->row) &&
		   !mem_is_direct(x, insn->seg, copy_acc(insn->row))) {
		x_helper(x, false);
	} else {
		m = mem_operand(x, &g, insn->memsize, copy_acc(insn->row));
		copy_rm(x, &m);
	}
}

/* cld, std: the byte in struct cpu follows at once */
static void copy_df(struct xlate *x, bool df)
{
	struct hmem m = CPU_MEM(df);

	emit_u8(&x->e, df ? 0xfd : 0xfc);
	if (!XLATE_FAULT(DF_COPY))
		emit_mov_mi(&x->e, 1, &m, df);
}

void lower_copy(struct xlate *x)
{
	const struct insn *insn = x->insn;
	u32 from = x->e.len;
	struct henc c;

	if (XLATE_FAULT(LEFT_OUT))
		return;
	switch (insn->row->op) {
	case OP_CLD:
	case OP_STD:
		copy_df(x, insn->row->op == OP_STD);
		return;
	}
	if (insn->has_mem) {
		copy_mem(x);
	} else if (insn->has_modrm) {
		copy_rr(x);
	} else {
		c = copy_enc(x);
		if (insn->row->rowflags & ROW_EMBEDDED)
			emit_o(&x->e, &c,
			       copy_reg(x, insn->row->reg, insn->reg));
		else
			emit_op(&x->e, &c);
		copy_imm(x);
		x_core(x, from);
	}
}
