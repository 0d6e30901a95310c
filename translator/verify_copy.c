// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_copy.c - the host instruction that is the guest's own: the same
 * opcode, prefixes and immediate, with each register operand in the host
 * register that holds it and the memory operand where the guest's is. Then
 * what it does is what the guest asked for, and need not be known in detail.
 */
#include "verify_impl.h"

#define ACC_R (ACC_READ >> 12)
#define ACC_W (ACC_WRITE >> 12)

static bool kind_is_gpr(u8 kind)
{
	return kind == OPK_R || kind == OPK_R16 || kind == OPK_R32 ||
	       kind == OPK_R3264;
}

static bool row_names(const struct oprow *row, u8 kind)
{
	return row->reg == kind || row->rm == kind || row->vvvv == kind;
}

static bool gpr_matches(const struct verify *v, unsigned guest, unsigned host)
{
	struct vlin l = lin_arch(v, guest);
	const struct vval *x = &v->st.r[host & 15];

	return host == v_host[guest & 7] && x->kind == V_LIN &&
	       lin_equal(&x->lin, &l) &&
	       (guest != R_SP || !v_site(v)->sp_off);
}

/* AL..BL, or AH..BH as they are, exchanged or put aside (HAZARDS 8). */
static bool byte_matches(const struct verify *v, unsigned guest, unsigned host)
{
	unsigned reg = guest & 3;
	const struct vval *x = &v->st.r[reg == guest ? host & 15 :
						       v_host[reg]];

	if (guest < 4)
		return host == guest && val_is_own(x, reg);
	if (host == guest)
		return !v->h.rex && !v->h.vex && val_is_own(x, reg);
	if (host == H_R14) /* only where it is not written */
		return v->g->row->op == OP_CMPXCHG && v->g->has_mem &&
		       v->st.r[H_R14].kind == V_HIGH &&
		       v->st.r[H_R14].n == reg && val_is_own(x, reg);
	return host == reg && x->kind == V_SWAP && x->n == reg &&
	       !x->lin.fresh &&
	       !(v->g->row->op == OP_CMPXCHG && reg == R_AX);
}

static bool operand_matches(const struct verify *v, u8 kind, unsigned guest,
			    unsigned host)
{
	if (kind == OPK_R8)
		return byte_matches(v, guest, host);
	if (kind_is_gpr(kind))
		return gpr_matches(v, guest, host);
	return guest == host;
}

static void operand_written(struct verify *v, u8 kind, unsigned guest)
{
	if (kind == OPK_R8)
		guest_set_fresh(v, guest & 3);
	else if (kind_is_gpr(kind))
		guest_set_fresh(v, guest & 7);
}

/* Registers that no field names. */
static void implicit_written(struct verify *v)
{
	const struct insn *g = v->g;

	switch (g->row->op) {
	case OP_MUL:
	case OP_IMUL:
	case OP_DIV:
	case OP_IDIV:
	case OP_CWD:
	case OP_CMPXCHG8B:
		guest_set_fresh(v, R_AX);
		guest_set_fresh(v, R_DX);
		break;
	case OP_CMPXCHG:
	case OP_CBW:
	case OP_LAHF:
	case OP_FNSTSW:
		guest_set_fresh(v, R_AX);
		break;
	case OP_PCMPESTRI:
	case OP_PCMPISTRI:
	case OP_VPCMPESTRI:
	case OP_VPCMPISTRI:
		guest_set_fresh(v, R_CX);
		break;
	}
	if (!g->has_modrm && (g->row->op == OP_XCHG ||
			      (g->row->map == MAP_1B && g->opcode < 0x40)))
		guest_set_fresh(v, R_AX);
}

/* The guest's flags are in RFLAGS again as far as this writes them. */
static bool flags_run(struct verify *v)
{
	u16 r, w, m, u;

	insn_flags(v->g, &r, &w, &m, &u);
	if (r & v->st.lost)
		return v_bad(v, "reads flags that are lost");
	if (v->st.lost && v->g->row->rowflags & ROW_USERFAULT)
		return v_bad(v, "may fault while flags are lost");
	v->st.lost &= (u16)~(w | (u & ~m));
	return true;
}

static u8 mandatory(u8 pfx)
{
	return pfx == PFX_F3 ? 0xf3 : pfx == PFX_F2 ? 0xf2 : 0;
}

static bool legacy_matches(const struct verify *v)
{
	const struct insn *g = v->g;
	const struct oprow *row = g->row;
	bool word = g->opsize == 2 && row->op != OP_CLD &&
		    row->op != OP_STD &&
		    (row->pfx == PFX_ANY || row_names(row, OPK_R));

	return !v->h.w && v->h.rep == mandatory(row->pfx) &&
	       v->h.p66 == (row->pfx == PFX_66 || word);
}

static bool vex_matches(const struct verify *v)
{
	const struct insn *g = v->g;
	const struct oprow *row = g->row;
	bool w = g->vexw && !row_names(row, OPK_R3264) &&
		 !row_names(row, OPK_R) && row->op != OP_VPCMPESTRI &&
		 row->op != OP_VPCMPESTRM;

	return v->h.w == w && v->h.vexl == g->vexl &&
	       v->h.rep == mandatory(row->pfx) &&
	       v->h.p66 == (row->pfx == PFX_66) &&
	       operand_matches(v, row->vvvv, g->vvvv, v->h.vvvv);
}

static bool imm_matches(const struct verify *v)
{
	const struct insn *g = v->g;
	u64 mask = g->immsize < 8 ? (1ull << (8 * g->immsize)) - 1 : ~0ull;

	switch (g->row->op) {
	case OP_VBLENDVPS: /* a register in the high half, of eight */
	case OP_VBLENDVPD:
	case OP_VPBLENDVB:
		mask = 0x7f;
	}
	return v->h.immsize == g->immsize &&
	       !((v->h.imm ^ g->imm) & mask) &&
	       !(v->h.imm & ~mask);
}

static u8 guest_opcode(const struct insn *g)
{
	/* an alias that 64-bit mode has not */
	if (g->row->map == MAP_1B && g->opcode == 0x82)
		return 0x80;
	return g->opcode;
}

static bool opcode_matches(const struct verify *v)
{
	const struct insn *g = v->g;
	const struct vinsn *h = &v->h;
	u8 op = guest_opcode(g);
	bool embedded = g->row->rowflags & ROW_EMBEDDED;

	if (h->vex != g->row->vex || h->map != g->row->map ||
	    h->lock != g->lock || h->has_modrm != g->has_modrm)
		return false;
	if (embedded ? (h->op ^ op) & ~7 : h->op != op)
		return false;
	return g->row->vex ? vex_matches(v) : legacy_matches(v);
}

static bool fields_match(const struct verify *v)
{
	const struct insn *g = v->g;
	const struct oprow *row = g->row;
	const struct vinsn *h = &v->h;

	if (!opcode_matches(v) || !imm_matches(v))
		return false;
	if (row->rowflags & ROW_EMBEDDED)
		return operand_matches(v, row->reg, g->reg, h->reg);
	if (!g->has_modrm)
		return !h->rex;
	if (h->has_mem != g->has_mem ||
	    !operand_matches(v, row->reg, g->reg, h->reg))
		return false;
	return g->has_mem || operand_matches(v, row->rm, g->rm, h->rm);
}

static u8 row_acc(const struct oprow *row)
{
	switch (row->mem) {
	case MEM_R:
		return ACC_R;
	case MEM_W:
		return ACC_W;
	case MEM_RW:
		return ACC_R | ACC_W;
	}
	return 0;
}

/* Such reach past their operand, as the host forms the address (HAZARDS 16). */
static bool reach_is_confined(struct verify *v, const struct vaccess *a)
{
	const struct insn *g = v->g;

	if (g->row->reach == REACH_PLAIN)
		return true;
	if (a->kind != VA_WINDOW || !v->in->fsgsbase || g->adsize != 4 ||
	    v_seg_class(v, g->seg, row_acc(g->row)) == SEGC_CHECKED)
		return v_bad(v, "reaches beyond its operand");
	if (g->row->reach == REACH_GATHER &&
	    (!v->h.vsib || v->h.index != g->index || v->h.scale != g->scale))
		return v_bad(v, "gathers by another index");
	return true;
}

static bool copy_memory(struct verify *v)
{
	const struct insn *g = v->g;
	u8 acc = row_acc(g->row), from, slot;
	struct vaccess a;

	if (v_address(v, &a) == VA_BAD || !reach_is_confined(v, &a))
		return false;
	if (!v_guest_access(v, &a, acc ? g->memsize : 1, acc, &from, &slot))
		return false;
	return true;
}

static int copy_run(struct verify *v)
{
	const struct insn *g = v->g;
	const struct oprow *row = g->row;

	if (g->has_mem ? !copy_memory(v) : !v_before(v))
		return -1;
	if (!flags_run(v))
		return -1;
	operand_written(v, row->reg, g->reg);
	operand_written(v, row->vvvv, g->vvvv);
	if (!g->has_mem)
		operand_written(v, row->rm, g->rm);
	implicit_written(v);
	v->st.df = row->op == OP_CLD || row->op == OP_STD;
	v->st.done = true;
	return 1;
}

/* inc r, dec r: in the long form, 40..4f are REX here */
static int incdec(struct verify *v)
{
	const struct insn *g = v->g;
	const struct vinsn *h = &v->h;

	if (h->map || h->op != 0xff || h->has_mem || h->lock || h->rep ||
	    h->w || h->p66 != (g->opsize == 2) ||
	    (h->reg & 7) != (g->row->op == OP_DEC) ||
	    !gpr_matches(v, g->reg, h->rm))
		return 0;
	if (!v_before(v) || !flags_run(v))
		return -1;
	guest_set_fresh(v, g->reg);
	v->st.done = true;
	return 1;
}

/* --- strings */

static u8 string_uses(u16 op)
{
	switch (op) {
	case OP_MOVS:
	case OP_CMPS:
		return 3;
	case OP_LODS:
		return 1;
	}
	return 2;
}

/* The side table must say which registers are host addresses, and of what. */
static bool string_site(struct verify *v, u8 uses)
{
	const struct xsite *s = v_site(v);
	const struct insn *g = v->g;
	u8 aux = uses;

	if (uses & 1 && v_seg_class(v, g->seg, ACC_R) == SEGC_BASED)
		aux |= 4;
	if (uses & 2 && v_seg_class(v, SEG_ES, ACC_R) == SEGC_BASED)
		aux |= 8;
	if (s->kind != SITE_BIASED || s->aux != aux || s->aux2 != g->seg ||
	    s->rep != (g->rep || g->repne))
		return v_bad(v, "the site of a string instruction is wrong");
	return true;
}

static bool string_allowed(struct verify *v, u8 uses)
{
	const struct insn *g = v->g;
	u8 dst = g->row->mem == MEM_R ? ACC_R : ACC_W;

	if (v_must_help(v) || g->adsize != 4 ||
	    (uses & 1 && v_seg_class(v, g->seg, ACC_R) == SEGC_CHECKED) ||
	    (uses & 2 && v_seg_class(v, SEG_ES, dst) == SEGC_CHECKED))
		return v_bad(v, "a string instruction that is C's");
	return true;
}

static void string_moved(struct verify *v, unsigned guest)
{
	struct vval *x = &v->st.r[v_host[guest]];
	struct vval y = v_make(V_BIAS);

	y.n = (u8)guest;
	y.lin.fresh = true;
	y.lin.seg = x->lin.seg;
	*x = y;
}

static int string(struct verify *v)
{
	const struct insn *g = v->g;
	const struct vinsn *h = &v->h;
	u8 uses = string_uses(g->row->op);

	if (h->map || h->op < 0xa4 || h->op > 0xaf || h->has_modrm)
		return 0;
	if (h->op != g->opcode || h->p66 != (g->memsize == 2) || h->rex ||
	    h->lock || h->rep != (g->rep ? 0xf3 : g->repne ? 0xf2 : 0)) {
		v_bad(v, "another string instruction");
		return -1;
	}
	if (!string_site(v, uses) || !string_allowed(v, uses) ||
	    !v_before(v) || !flags_run(v))
		return -1;
	if (uses & 1)
		string_moved(v, R_SI);
	if (uses & 2)
		string_moved(v, R_DI);
	if (g->rep || g->repne)
		guest_set_fresh(v, R_CX);
	if (g->row->op == OP_LODS)
		guest_set_fresh(v, R_AX);
	v->st.done = true;
	return 1;
}

/* --- maskmovq and its kin: rdi is an address that no field names */

static int maskmov(struct verify *v)
{
	const struct insn *g = v->g;
	const struct vinsn *h = &v->h;
	const struct vval *di = &v->st.r[H_RDI];
	struct vaccess a = { .kind = VA_WINDOW };
	u8 from, slot;

	if (h->map != 1 || h->op != 0xf7)
		return 0;
	if (h->vex != g->row->vex || h->p66 != (g->row->pfx == PFX_66) ||
	    h->has_mem || h->rep || h->lock || h->w || h->vexl ||
	    h->reg != g->reg || h->rm != g->rm || (h->vex && h->vvvv)) {
		v_bad(v, "another masked move");
		return -1;
	}
	if (h->gs && h->a32 && v->in->fsgsbase && di->kind == V_LIN) {
		a.lin = di->lin;
	} else if (!h->gs && !h->a32 && di->kind == V_BIAS) {
		a.lin = di->lin;
	} else {
		v_bad(v, "a masked move that is not in the window");
		return -1;
	}
	if (!v_guest_access(v, &a, g->row->memsize, ACC_W, &from, &slot))
		return -1;
	v->st.done = true;
	return 1;
}

/* --- an immediate that is read from the source */

static u8 soft_opcode(const struct insn *g)
{
	switch (g->row->op) {
	case OP_MOV:
		return 0x89;
	case OP_TEST:
		return 0x85;
	case OP_ADD:
	case OP_OR:
	case OP_ADC:
	case OP_SBB:
	case OP_AND:
	case OP_SUB:
	case OP_XOR:
	case OP_CMP: /* the order of the digits is that of the opcodes */
		return (u8)(((g->has_modrm ? g->modrm : g->opcode) & 0x38) |
			    1);
	}
	return 0;
}

static int soft(struct verify *v)
{
	const struct insn *g = v->g;
	const struct vinsn *h = &v->h;
	const struct vval *imm = &v->st.r[H_R14];
	unsigned rm = g->has_modrm ? g->rm :
		      g->row->rowflags & ROW_EMBEDDED ? g->reg : R_AX;

	if (h->map || !h->has_modrm || h->op != soft_opcode(g) ||
	    h->reg != H_R14 || imm->kind != V_LOAD || imm->from != VW_SOURCE)
		return 0;
	if (h->w || h->p66 || h->rep || h->lock != g->lock ||
	    h->has_mem != g->has_mem || g->opsize != 4 || g->immsize != 4 ||
	    (!h->has_mem && !gpr_matches(v, rm, h->rm))) {
		v_bad(v, "another instruction");
		return -1;
	}
	if (h->has_mem ? !copy_memory(v) : !v_before(v))
		return -1;
	if (!flags_run(v))
		return -1;
	if (!h->has_mem)
		guest_set_fresh(v, rm);
	v->st.done = true;
	return 1;
}

int v_payload(struct verify *v)
{
	const struct oprow *row = v->g->row;

	if (v->st.phase != VP_INSN || v->st.done || !row)
		return 0;
	if (v->out->soft >> v->st.insn & 1)
		return soft(v);
	switch (row->op) {
	case OP_LEA:
		return 0;
	case OP_MOVS:
	case OP_CMPS:
	case OP_STOS:
	case OP_LODS:
	case OP_SCAS:
		return string(v);
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		return maskmov(v);
	case OP_INC:
	case OP_DEC:
		if (row->cls == CLS_REWRITE)
			return incdec(v);
	}
	if (row->cls != CLS_COPY || !fields_match(v))
		return 0;
	return copy_run(v);
}
