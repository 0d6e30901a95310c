// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_state.c - the guest's state in the host's registers: what it must be
 * where a fault may come, where the side table says it is, and from one guest
 * instruction to the next.
 */
#include <string.h>
#include "verify_impl.h"

u32 v_branch_target(const struct verify *v)
{
	u32 target = v->next + (u32)v->g->imm;

	return v->g->opsize == 2 ? (u16)target : target;
}

static bool op_is_loop(u16 op)
{
	return op == OP_LOOP || op == OP_LOOPE || op == OP_LOOPNE;
}

static bool op_is_string(const struct insn *g)
{
	return g->row && g->row->reach == REACH_STRING &&
	       g->row->cls == CLS_REWRITE;
}

/* ecx of a loop instruction that has been counted down */
static bool is_counted(const struct verify *v, const struct vval *x)
{
	struct vlin l = lin_sym(R_CX);

	l.disp = (u32)-1;
	return lin_equal(&x->lin, &l) &&
	       (v->g->adsize == 2 ? x->kind == V_M16 && x->n == R_CX :
				    x->kind == V_LIN);
}

/* A register other than esp, behind the instruction. */
static bool reg_is_after(const struct verify *v, unsigned guest)
{
	const struct vval *x = &v->st.r[v_host[guest]];

	if (v->st.phase != VP_INSN)
		return val_is_own(x, guest);
	if (guest == R_CX && v->g->row && op_is_loop(v->g->row->op) &&
	    !val_is_fresh(x, guest))
		return is_counted(v, x);
	return val_is_own(x, guest) || val_is_fresh(x, guest);
}

static bool reg_is_explained(const struct verify *v, unsigned guest)
{
	const struct vval *x = &v->st.r[v_host[guest]];
	const struct xsite *s = v_site(v);
	const struct vval *saved = &v->st.r[s->aux2 & 15];

	if (val_is_own(x, guest) || reg_is_after(v, guest))
		return true;
	if ((v->st.phase == VP_HEAD || v->st.phase == VP_STALE) &&
	    guest == R_AX && x->kind == V_FLAGS)
		return val_is_own(&v->st.r[H_R10], R_AX);
	if (v->st.phase == VP_INSN && op_is_string(v->g) &&
	    (guest == R_SI || guest == R_DI))
		return x->kind == V_BIAS || x->kind == V_LIN;
	if (s->kind == SITE_BORROWED && s->aux == guest && s->aux2 < H_NR)
		return val_is_own(saved, guest) ||
		       (guest == R_CX && v->g->row &&
			op_is_loop(v->g->row->op) && is_counted(v, saved));
	return s->kind == SITE_SWAPPED && s->aux == guest &&
	       x->kind == V_SWAP && x->n == guest;
}

bool v_explained(struct verify *v)
{
	if (!val_clean(&v->st.r[H_R12]))
		return v_bad(v, "esp is not 32 bits");
	for (unsigned g = 0; g < 8; g++) {
		if (g != R_SP && !reg_is_explained(v, g))
			return v_bad(v, "a guest register that no side table "
					"entry accounts for");
	}
	return true;
}

static bool is_biased(const struct verify *v, unsigned guest, u8 based,
		      unsigned seg)
{
	const struct vval *x = &v->st.r[v_host[guest]];
	struct vlin l = lin_sym(guest);

	if (v_site(v)->aux & based)
		l.seg = (s8)seg;
	return x->kind == V_BIAS && lin_equal(&x->lin, &l);
}

static bool reg_is_before(const struct verify *v, unsigned guest)
{
	const struct vval *x = &v->st.r[v_host[guest]];
	const struct xsite *s = v_site(v);

	switch (s->kind) {
	case SITE_BIASED:
		if (guest == R_SI && s->aux & 1)
			return is_biased(v, guest, 4, s->aux2);
		if (guest == R_DI && s->aux & 2)
			return is_biased(v, guest, 8, SEG_ES);
		break;
	case SITE_SWAPPED:
		if (s->aux == guest)
			return x->kind == V_SWAP && x->n == guest &&
			       !x->lin.fresh;
		break;
	case SITE_BORROWED:
		if (s->aux == guest)
			return s->aux2 < H_NR &&
			       val_is_own(&v->st.r[s->aux2], guest);
		break;
	}
	return val_is_own(x, guest);
}

bool v_before(struct verify *v)
{
	const struct vval *sp = &v->st.r[H_R12];
	const struct xsite *s = v_site(v);
	struct vlin l = lin_sym(R_SP);

	if (v->st.phase != VP_INSN)
		return v_bad(v, "an access before the instruction");
	if (s->kind == SITE_AFTER)
		return v_bad(v, "may fault, but the site is said to be done");
	if (s->kind == SITE_GLUE || s->kind == SITE_LOOKUP)
		return v_bad(v, "may fault, but the site is no instruction's");
	if (v->st.lost && !v->st.dead)
		return v_bad(v, "may fault while flags are lost");
	for (unsigned g = 0; g < 8; g++) {
		if (g != R_SP && !reg_is_before(v, g))
			return v_bad(v, "may fault when a guest register is "
					"not what the site says");
	}
	l.disp = (u32)(v->st.spo - s->sp_off);
	if (sp->kind != V_LIN || !lin_equal(&sp->lin, &l))
		return v_bad(v, "may fault when esp is not what the site says");
	return true;
}

/* By how much the instruction moves esp. */
static s32 esp_delta(const struct insn *g)
{
	switch (g->row->op) {
	case OP_PUSH:
	case OP_PUSH_SEG:
	case OP_PUSHF:
	case OP_CALL:
	case OP_CALL_IND:
		return -(s32)g->opsize;
	case OP_POP:
		return g->opsize;
	case OP_PUSHA:
		return -8 * (s32)g->opsize;
	case OP_POPA:
		return 8 * (s32)g->opsize;
	case OP_RET:
		return (s32)(g->opsize + (u16)g->imm);
	}
	return 0;
}

/* esp behind the instruction; its register lacks spo. */
static bool esp_is_after(const struct verify *v, s32 spo)
{
	const struct vval *x = &v->st.r[H_R12];
	const struct insn *g = v->g;
	struct vlin l = lin_sym(R_SP);
	s32 delta = 0;

	if (val_is_fresh(x, R_SP))
		return !spo;
	if (v->st.phase == VP_INSN && g->row) {
		if (g->row->op == OP_LEAVE) {
			l = lin_sym(R_BP);
			delta = g->opsize;
		} else {
			delta = esp_delta(g) + v->st.spo;
		}
	}
	l.disp = (u32)(delta - spo);
	if (v->in->mode->stack_bits == 16 && delta)
		return x->kind == V_M16 && x->n == R_SP && !spo &&
		       lin_equal(&x->lin, &l);
	return x->kind == V_LIN && lin_equal(&x->lin, &l);
}

static bool is_after(struct verify *v, s32 spo)
{
	if (v->st.phase == VP_INSN && v->raises[v->st.insn] >= 0)
		return v_bad(v, "goes on behind what raises an exception");
	if (v->st.phase == VP_INSN && !v->st.done &&
	    !v_insn_is_empty(v, v->st.insn))
		return v_bad(v, "the instruction has not been carried out");
	if (v->st.df)
		return v_bad(v, "DF was changed, its copy was not");
	for (unsigned g = 0; g < 8; g++) {
		if (g != R_SP && !reg_is_after(v, g))
			return v_bad(v, "a guest register is not whole behind "
					"the instruction");
	}
	if (!esp_is_after(v, spo))
		return v_bad(v, "esp is not what the instruction makes it");
	return true;
}

bool v_after(struct verify *v)
{
	return is_after(v, v_site(v)->sp_off);
}

bool v_leaves(struct verify *v)
{
	if (v->st.commit)
		return v_bad(v, "a helper-form write that is not committed");
	if (v->st.lost && (!v->st.dead || v->st.phase == VP_INSN))
		return v_bad(v, "leaves while flags are lost");
	return is_after(v, 0);
}

/* Hints to which nothing corresponds. */
bool v_insn_is_empty(const struct verify *v, unsigned i)
{
	const struct oprow *row = v->insns[i].row;

	if (!row || v->raises[i] >= 0)
		return false;
	switch (row->op) {
	case OP_NOP_HINT:
		return true;
	case OP_STAC:
		return v->st.ac;
	case OP_CLAC:
		return !v->st.ac;
	}
	return row->cls == CLS_COPY && row->mem == MEM_NONE &&
	       row->op != OP_LEA && v->insns[i].has_mem;
}

/* Guest control has come to where instruction `insn` is. */
static bool step_arrives(struct verify *v, unsigned insn)
{
	unsigned k = v->st.phase == VP_HEAD ? 0 : v->st.insn + 1u;

	if (k > insn)
		return v_bad(v, "goes back to an earlier instruction");
	if (v->st.go != GO_EIP || v->st.eip != v->out->insns[k].eip)
		return v_bad(v, "comes to an instruction that is not next");
	for (; k < insn; k++) {
		if (!v_insn_is_empty(v, k))
			return v_bad(v, "an instruction was left out");
	}
	return true;
}

/* Branches that do nothing but branch. */
static bool op_only_branches(u16 op)
{
	return op == OP_JMP || op == OP_JCC || op == OP_JCXZ ||
	       op_is_loop(op) || op == OP_JMP_IND || op == OP_RET;
}

static void step_begin(struct verify *v, unsigned insn)
{
	struct vstate *st = &v->st;
	u16 op;

	memcpy(st->r, v->begin, sizeof(st->r));
	st->insn = (u16)insn;
	st->phase = VP_INSN;
	st->spo = v_site(v)->sp_off;
	st->done = st->cs_ok = st->above = st->quiet = false;
	st->slots = st->stored = st->loads = 0;
	st->cmp = CMP_NONE;
	v->g = &v->insns[insn];
	v->eip = v->out->insns[insn].eip;
	v->next = v->eip + v->g->len;
	st->go = GO_EIP;
	st->eip = v->next;
	if (!v->g->row || v->g->row->cls != CLS_BRANCH)
		return;
	op = v->g->row->op;
	st->done = op_only_branches(op);
	if (op == OP_JMP || op == OP_CALL)
		st->eip = v_branch_target(v);
	else if (op == OP_RET || op == OP_JMP_IND || op == OP_CALL_IND)
		st->go = GO_IND;
	else
		st->go = GO_NONE;
}

bool v_step(struct verify *v, unsigned insn)
{
	if (insn >= v->out->ninsns)
		return v_bad(v, "no such instruction");
	if (!step_arrives(v, insn) || !v_after(v))
		return false;
	if (v->st.commit)
		return v_bad(v, "a helper-form write that is not committed");
	if (v->st.lost && !v->st.dead)
		return v_bad(v, "flags are lost behind the instruction");
	if (v->st.phase == VP_HEAD && v->out->checked_src &&
	    v_source_next(v) != v->out->guest_len)
		return v_bad(v, "not all of the source was compared");
	step_begin(v, insn);
	return true;
}
