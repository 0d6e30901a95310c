// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify_flow.c - branches: within the block, through its exits and the hash,
 * into glue and back. Guest control may go only where the guest's instruction
 * sends it, and only with the guest's state whole.
 */
#include "runtime/trans.h"
#include "verify_impl.h"

bool v_is_branch(const struct vinsn *h)
{
	if (h->vex || h->map > 1)
		return false;
	if (h->map == 1)
		return (h->op & 0xf0) == 0x80;
	return h->op == 0xe8 || h->op == 0xe9 || h->op == 0xe3 ||
	       h->op == 0x74 || h->op == 0xc3 || h->op == 0xcc ||
	       (h->op == 0xff && (h->reg & 7) >= 2);
}

s64 v_rel_target(const struct verify *v)
{
	s64 rel = v->h.immsize == 1 ? (s8)v->h.imm : (s32)v->h.imm;

	return (s64)v->off + v->h.len + rel;
}

int v_glue_target(const struct verify *v)
{
	u64 at = v->out->host + (u64)v_rel_target(v);

	for (int g = 0; g < GLUE_NR; g++) {
		if (at == v->in->cache + v->in->glue[g])
			return g;
	}
	return -1;
}

static enum vflow flow_bad(struct verify *v, const char *why)
{
	v_bad(v, why);
	return VF_BAD;
}

static bool in_block(const struct verify *v, s64 off)
{
	return off >= 0 && off < (s64)v->out->size;
}

/* --- out of the block */

static u32 return_address(const struct verify *v)
{
	return v->g->opsize == 2 ? (u16)v->next : v->next;
}

/* A pair's call must arrive at a landing site when it returns. */
static bool call_lands(struct verify *v)
{
	u32 at = v->off + v->h.len;
	u16 op = v_guest_op(v);

	if (!v->in->pairs || (op != OP_CALL && op != OP_CALL_IND))
		return v_bad(v, "a call that is no pair");
	for (unsigned k = 0; k < v->out->nlandings; k++) {
		if (v->out->landings[k].off == at)
			return true;
	}
	return v_bad(v, "a call that returns to no landing site");
}

static bool go_is_known(struct verify *v)
{
	if (v->st.go != GO_EIP)
		return v_bad(v, "leaves the instruction for nowhere");
	/* running into the limit is told when the next block is looked for */
	if (v->st.eip > v->in->mode->cs_limit && v->st.eip != v->next)
		return v_bad(v, "leaves for beyond the CS limit");
	return true;
}

static bool same_page(const struct verify *v, u32 target)
{
	u32 base = (u32)v->in->mode->cs_base;

	return !v->out->crosses && !((base + target) >> PAGE_SHIFT ^
				     (base + v->in->eip) >> PAGE_SHIFT);
}

/* stub: call GLUE_DIRECT, which takes the exit's number from its address */
static bool stub_is_right(struct verify *v, u32 off)
{
	u64 end = v->out->host + off + XLATE_STUB_BYTES;
	u64 to = v->in->cache + v->in->glue[GLUE_DIRECT];
	s32 rel;

	if (off + XLATE_STUB_BYTES > v->out->size || v->out->buf[off] != 0xe8)
		return v_bad(v, "a stub that is no call");
	__builtin_memcpy(&rel, v->out->buf + off + 1, 4);
	if (end + (u64)(s64)rel != to)
		return v_bad(v, "a stub that does not lead to GLUE_DIRECT");
	return true;
}

/* The exit whose rel32 this branch has; false with no v_bad(): none. */
static bool is_exit(const struct verify *v, s64 target, unsigned *k)
{
	u32 at = v->off + v->h.len - 4;

	for (*k = 0; *k < v->out->nexits; ++*k) {
		if (v->out->exits[*k].patch_off == at)
			return true;
	}
	for (*k = 0; *k < v->out->nexits; ++*k) {
		if (v->out->exits[*k].stub_off == target)
			return true;
	}
	return false;
}

static bool leave_by_exit(struct verify *v, unsigned k, s64 target)
{
	const struct xexit *x = &v->out->exits[k];
	u8 kind = v->h.op == 0xe8 ? XEXIT_CALL :
		  v->st.phase == VP_LAND ? XEXIT_CONT : XEXIT_JUMP;

	if (x->patch_off != v->off + v->h.len - 4)
		return v_bad(v, "leads to a stub but is no exit");
	if (x->stub_off != target)
		return v_bad(v, "an exit that does not lead to its stub");
	if (!go_is_known(v) || !v_leaves(v) || !stub_is_right(v, x->stub_off))
		return false;
	if (x->target != v->st.eip)
		return v_bad(v, "an exit for another address");
	if (x->kind != kind)
		return v_bad(v, "an exit of another kind");
	if (x->same_page != same_page(v, v->st.eip))
		return v_bad(v, "an exit that takes its page for another");
	if (!x->same_page && !v->in->far)
		return v_bad(v, "an exit that leaves the page");
	v->exits_seen |= (u16)(1u << k);
	return kind != XEXIT_CALL || call_lands(v);
}

/* r8d is where the guest's indirect branch leads. */
static bool target_is_right(struct verify *v)
{
	const struct vval *x = &v->st.r[H_R8];
	const struct insn *g = v->g;
	u32 limit = v->in->mode->cs_limit;
	struct vlin want, l;

	if (limit != 0xffffffff && !(g->opsize == 2 && limit >= 0xffff) &&
	    !v->st.cs_ok)
		return v_bad(v, "a target not compared with the CS limit");
	if (g->row->op == OP_RET || g->has_mem) {
		if (x->kind == V_LOAD && x->clean && x->size == g->opsize &&
		    x->from == (g->row->op == OP_RET ? VW_STACK : VW_OPERAND) &&
		    !x->slot)
			return true;
		return v_bad(v, "goes to what is not the target");
	}
	want = lin_arch(v, g->rm);
	want.zx16 = g->opsize == 2;
	if (!val_lin(x, &l) || !lin_equal(&l, &want))
		return v_bad(v, "goes to what is not the target");
	return true;
}

/* A look-up in the hash, or GLUE_HASH and GLUE_MISS: r8d is the address. */
static bool leave_by_r8(struct verify *v)
{
	const struct vval *r8 = &v->st.r[H_R8];

	if (!v_leaves(v))
		return false;
	if (r8->kind == V_TARGET)
		return v->st.phase == VP_HEAD || v->st.phase == VP_LAND ||
		       v_bad(v, "goes to where it came for");
	if (v->st.go == GO_IND)
		return target_is_right(v);
	if (r8->kind != V_CONST)
		return v_bad(v, "the address to go to is not in r8d");
	if (v->st.phase == VP_HEAD || v->st.phase == VP_STALE)
		return r8->c == v->in->eip ||
		       v_bad(v, "a block's head that goes elsewhere");
	if (!go_is_known(v))
		return false;
	return r8->c == v->st.eip || v_bad(v, "goes to another address");
}

static enum vflow flow_of(bool ok)
{
	return ok ? VF_STOP : VF_BAD;
}

static enum vflow hash_branch(struct verify *v, bool call)
{
	const struct xsite *s = v_site(v);

	if (s->kind != SITE_LOOKUP)
		return v_bad(v, "a look-up that no side table entry covers"),
		       VF_BAD;
	if (v->st.phase == VP_INSN && v->st.go == GO_NONE)
		return flow_bad(v, "leaves the instruction for nowhere");
	return flow_of(leave_by_r8(v) && (!call || call_lands(v)));
}

/* --- glue that is called */

static bool word_is_right(struct verify *v, u64 c)
{
	u32 n = (u32)c >> ACC_SITE_SHIFT;
	const struct xlate_out *out = v->out;

	if (c >> 32 || n >= out->nhsites || !out->hsites[n].tlb ||
	    out->hsites[n].insn != v->st.insn)
		return v_bad(v, "an access word that names no such hsite");
	return true;
}

/* r8d: linear address, r9d: access word */
static bool call_tlb(struct verify *v)
{
	const struct vval *r9 = &v->st.r[H_R9];
	struct vval x = v_make(V_HVA);

	if (r9->kind != V_CONST || !word_is_right(v, r9->c))
		return v_bad(v, "no access word for GLUE_TLB");
	if (!val_lin(&v->st.r[H_R8], &x.lin))
		return v_bad(v, "GLUE_TLB is given no address");
	if (v->st.commit)
		return v_bad(v, "GLUE_TLB before the last write's commit");
	x.size = r9->c & 0xfff;
	x.acc = r9->c >> 12 & 3;
	x.n = r9->c >> ACC_SEG_SHIFT & 7;
	if (!v_before(v))
		return false;
	scratch_drop(v, true);
	reg_set(v, H_R8, x);
	return true;
}

/* A target is compared with the CS limit: its copy is in r14. */
static void limit_checked(struct verify *v, u32 word)
{
	if (((word >> ACC_SEG_SHIFT & 7) == SEG_CS) && (word & 0x3fff) == 1 &&
	    val_equal(&v->st.r[H_R8], &v->st.r[H_R14]))
		v->st.cs_ok = true;
}

/* r8d: offset, r9d: access word */
static bool call_seg(struct verify *v)
{
	const struct vval *r9 = &v->st.r[H_R9];
	struct vval x = v_make(V_CLEAN);
	struct vlin l;

	if (r9->kind != V_CONST || !word_is_right(v, r9->c))
		return v_bad(v, "no access word for GLUE_SEG");
	if (!v_before(v))
		return false;
	limit_checked(v, (u32)r9->c);
	if (val_lin(&v->st.r[H_R8], &l) && l.seg < 0 && !l.fresh && !l.ck) {
		l.seg = r9->c >> ACC_SEG_SHIFT & 7;
		l.ck = true;
		l.cksize = r9->c & 0xfff;
		l.ckacc = r9->c >> 12 & 3;
		x = v_lin(l);
	}
	scratch_drop(v, true);
	reg_set(v, H_R8, x);
	return true;
}

/* C finds registers as before the instruction, esp in its own. */
static bool state_for_c(struct verify *v)
{
	if (v->st.commit)
		return v_bad(v, "C is called before a write's commit");
	if (v->st.lost)
		return v_bad(v, "C is called while flags are lost");
	if (v_site(v)->kind != SITE_PLAIN || v_site(v)->sp_off)
		return v_bad(v, "C is called where the site is not plain");
	return v_before(v);
}

static bool trap_follows(struct verify *v)
{
	u32 at = v->off + v->h.len;

	return (at < v->out->size && v->out->buf[at] == 0xcc) ||
	       v_bad(v, "no trap behind a call that does not return");
}

static bool const_is(const struct verify *v, unsigned r, u64 c)
{
	return v->st.r[r].kind == V_CONST && v->st.r[r].c == c;
}

/* mov r14d, selector; lea r14d, [r14 + TRANS_LOAD()] */
static bool segload_is_right(const struct verify *v)
{
	const struct insn *g = v->g;
	const struct vval *x = &v->st.r[H_R14];
	bool pop = g->row->op == OP_POP_SEG;
	struct vlin want;

	if (g->reg > SEG_GS || g->reg == SEG_CS || g->reg == SEG_SS ||
	    x->c != (u32)TRANS_LOAD(g->reg, v->in->mode->segc[g->reg],
				    pop ? g->opsize : 0) ||
	    !const_is(v, H_R10, v->next))
		return false;
	if (pop || g->has_mem)
		return x->kind == V_LOAD && x->size == 2 && x->clean &&
		       x->from == (pop ? VW_STACK : VW_OPERAND) && !x->slot;
	want = lin_arch(v, g->rm);
	want.zx16 = true;
	return x->kind == V_LIN && lin_equal(&x->lin, &want);
}

/* The glue makes the stack's accesses itself. */
static bool stack_is_flat(const struct verify *v)
{
	const struct xmode *m = v->in->mode;

	return m->stack_bits == 32 && m->segc[SEG_SS] == SEGC_FLAT &&
	       !v_must_help(v);
}

/* Glue may take the guest to another privilege or segment. */
static bool transits(const struct verify *v)
{
	const struct xmode *m = v->in->mode;

	return v->in->transitions && m->flags & XM_PE && !(m->flags & XM_TF) &&
	       !m->drx;
}

/* The instruction is one that this glue can repeat, with what it needs. */
static bool glue_suits(const struct verify *v, enum glue g)
{
	const struct xmode *m = v->in->mode;
	const struct vval *r14 = &v->st.r[H_R14];
	u16 op = v_guest_op(v);

	if (g == GLUE_HELPER)
		return true;
	if (!transits(v))
		return false;
	if ((g == GLUE_IRET || g == GLUE_POPF ||
	     (g == GLUE_SEGLOAD && op == OP_POP_SEG)) && !stack_is_flat(v))
		return false;
	switch (g) {
	case GLUE_INT:
		return op == OP_INT && m->cpl == 3 &&
		       const_is(v, H_R14, (u8)v->g->imm) &&
		       const_is(v, H_R10, v->next);
	case GLUE_IRET:
		return op == OP_IRET && !m->cpl && v->g->opsize == 4;
	case GLUE_SYSENTER:
		return op == OP_SYSENTER && m->cpl == 3;
	case GLUE_SYSEXIT:
		return op == OP_SYSEXIT;
	case GLUE_POPF:
		return op == OP_POPF && v->g->opsize == 4 &&
		       r14->kind == V_LOAD && r14->from == VW_STACK &&
		       r14->size == 4 && !r14->slot &&
		       const_is(v, H_R10, m->flags & XM_IF_OK ? EFL_IF : 0);
	case GLUE_SEGLOAD:
		return (op == OP_MOV_TO_SEG || op == OP_POP_SEG) &&
		       segload_is_right(v);
	default:
		return false;
	}
}

/* C goes on behind those, if the segment is as its class says. */
static bool loads_segment(const struct verify *v)
{
	u16 op = v_guest_op(v);

	return (op == OP_MOV_TO_SEG || op == OP_POP_SEG) && transits(v);
}

/* The instruction raises it, or leads beyond the CS limit. */
static bool raises(const struct verify *v, int vector)
{
	int sure = v->raises[v->st.insn];

	if (sure >= 0 || vector != VEC_GP || v->g->row->cls != CLS_BRANCH)
		return vector == sure;
	switch (v->g->row->op) {
	case OP_JMP:
	case OP_CALL:
	case OP_JCC:
	case OP_JCXZ:
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
		return v_branch_target(v) > v->in->mode->cs_limit;
	}
	return false;
}

/* r8d: hsite, r9: block word */
static enum vflow call_helper(struct verify *v, enum glue g)
{
	const struct vval *r8 = &v->st.r[H_R8], *r9 = &v->st.r[H_R9];
	const struct xhsite *hs;

	if (r8->kind != V_CONST || r8->c >= v->out->nhsites)
		return flow_bad(v, "C is called for no hsite");
	hs = &v->out->hsites[r8->c];
	if (hs->tlb || hs->insn != v->st.insn)
		return flow_bad(v, "C is called for another instruction");
	if (r9->kind != V_FIELD || r9->c != ~0ull)
		return flow_bad(v, "C is called without the block word");
	if (v->st.phase != VP_INSN || !state_for_c(v))
		return VF_BAD;
	if (v->g->row && v->st.done && v->g->row->cls != CLS_BRANCH)
		return flow_bad(v, "C does it once more");
	if (hs->vector >= 0 ? !hs->end : v->g->row == NULL)
		return flow_bad(v, "an exception that comes back");
	if (hs->vector >= 0 ? hs->error || !raises(v, hs->vector) :
			      v->raises[v->st.insn] >= 0)
		return flow_bad(v, "not the exception that it raises");
	if (!hs->end && v->g->row->cls == CLS_HELPER_END &&
	    !loads_segment(v))
		return v_bad(v, "C comes back from what ends the block"),
		       VF_BAD;
	if (hs->vector >= 0 ? g != GLUE_HELPER : !glue_suits(v, g))
		return v_bad(v, "glue that does not suit the instruction"),
		       VF_BAD;
	if (hs->end)
		return flow_of(trap_follows(v));
	for (unsigned r = 0; r < 8; r++)
		guest_set_fresh(v, r);
	scratch_drop(v, false);
	v->st.done = true;
	v->st.go = GO_EIP;
	v->st.eip = v->next;
	return VF_NEXT;
}

/* r8d: eip; EFLAGS.AC is not what the block's mode says */
static enum vflow call_ac(struct verify *v)
{
	const struct vval *r8 = &v->st.r[H_R8];

	if (v->st.phase != VP_INSN || r8->kind != V_CONST ||
	    v->st.ac == !!(v->in->mode->flags & XM_AC))
		return flow_bad(v, "GLUE_AC where AC has not changed");
	if (!trap_follows(v))
		return VF_BAD;
	if (r8->c == v->eip && v_site(v)->kind == SITE_PLAIN)
		return flow_of(state_for_c(v));
	if (!go_is_known(v) || !v_leaves(v))
		return VF_BAD;
	return flow_of(r8->c == v->st.eip ||
		       v_bad(v, "goes to another address"));
}

/* r9: block word. C sees the guest as it comes to the block, and not before it
 * has been seen to belong here. */
static enum vflow call_probe(struct verify *v)
{
	const struct vval *r9 = &v->st.r[H_R9];

	if (v->st.phase != VP_HEAD || !v->out->probed)
		return v_bad(v, "a block is told of that is not entered"),
		       VF_BAD;
	if (r9->kind != V_FIELD || r9->c != ~0ull)
		return flow_bad(v, "C is called without the block word");
	if (v->st.go != GO_EIP || v->st.eip != v->in->eip ||
	    (v->out->checked_src && v_source_next(v) != v->out->guest_len))
		return v_bad(v, "C is called before the head has compared"),
		       VF_BAD;
	if (v->st.lost && v->in->strict_flags)
		return flow_bad(v, "C is called while flags are lost");
	for (unsigned g = 0; g < 8; g++) {
		if (!val_is_own(&v->st.r[v_host[g]], g))
			return flow_bad(v, "C is called when a guest register is "
					"not its own");
	}
	scratch_drop(v, false);
	return VF_NEXT;
}

static enum vflow call_glue(struct verify *v, enum glue g)
{
	switch (g) {
	case GLUE_TLB:
		return call_tlb(v) ? VF_NEXT : VF_BAD;
	case GLUE_SEG:
		return call_seg(v) ? VF_NEXT : VF_BAD;
	case GLUE_AC:
		return call_ac(v);
	case GLUE_PROBE:
		return call_probe(v);
	case GLUE_HELPER:
	case GLUE_INT:
	case GLUE_IRET:
	case GLUE_SYSENTER:
	case GLUE_SYSEXIT:
	case GLUE_POPF:
	case GLUE_SEGLOAD:
		return call_helper(v, g);
	default:
		return flow_bad(v, "glue that is not called");
	}
}

/* call [r15+commit] */
static enum vflow call_commit(struct verify *v)
{
	struct vaccess a;
	bool ok;

	if (v_address(v, &a) != VA_CPU || a.off != offsetof(struct cpu, commit))
		return flow_bad(v, "an indirect call that is not glue's");
	if (!v->st.commit)
		return flow_bad(v, "a commit of no write");
	if (v->st.lost && !v->st.dead)
		return flow_bad(v, "commits while flags are lost");
	v->st.commit = false;
	/* a call's push is done again with the call */
	ok = v_site(v)->kind == SITE_AFTER ? v_after(v) : v_before(v);
	if (!ok)
		return VF_BAD;
	if (v_site(v)->kind != SITE_AFTER && v_guest_op(v) != OP_CALL &&
	    v_guest_op(v) != OP_CALL_IND)
		return v_bad(v, "an instruction that would be done twice"),
		       VF_BAD;
	scratch_drop(v, true);
	return VF_NEXT;
}

/* --- branches with two ways */

/* The address in r8d is the one that the entry or landing site is for. */
static bool eip_is_shown(struct verify *v, struct vstate *st, u32 eip)
{
	u32 want = st->phase == VP_HEAD ? v->in->eip : return_address(v);

	if (st->phase == VP_INSN || eip != want)
		return v_bad(v, "an entry that compares with another address");
	st->go = GO_EIP;
	st->eip = eip;
	return true;
}

static bool jcc(struct verify *v, struct vstate *st)
{
	u8 cc = v->h.op & 15;
	u16 op = v_guest_op(v);

	if (v->st.cmp == CMP_SRC && cc == 5) { /* jne stale */
		st->phase = VP_STALE;
		v->st.src = v->st.cmp_c;
		v->st.cmp = CMP_NONE;
		return true;
	}
	if (v->st.lost)
		return v_bad(v, "branches on flags that are lost");
	if (op == OP_JCC && cc == (v->g->opcode & 15)) {
		v->st.go = st->go = GO_EIP;
		st->eip = v_branch_target(v);
		v->st.eip = v->next;
		return true;
	}
	if (v->st.go == GO_LOOP && (op == OP_LOOPE || op == OP_LOOPNE) &&
	    cc == (op == OP_LOOPE ? 4 : 5)) {
		v->st.go = st->go = GO_EIP;
		st->eip = v_branch_target(v);
		v->st.eip = v->next;
		return true;
	}
	return v_bad(v, "a conditional branch that the guest does not make");
}

/* je behind cmp r8d, eip */
static bool je_short(struct verify *v, struct vstate *st)
{
	if (v->st.cmp != CMP_EIP)
		return v_bad(v, "a short branch that glue does not use");
	v->st.cmp = CMP_NONE;
	return eip_is_shown(v, st, v->st.cmp_c);
}

/* jrcxz on the count, as it is or counted down, and as wide as it is */
static bool count_branch(struct verify *v, struct vstate *st, u16 op)
{
	const struct vval *cx = &v->st.r[H_RCX];
	struct vlin want = lin_sym(R_CX);

	want.disp = op == OP_JCXZ ? 0 : (u32)-1;
	want.zx16 = v->g->adsize == 2;
	if (cx->kind != V_LIN || !lin_equal(&cx->lin, &want))
		return v_bad(v, "a branch on what is not the count");
	v->st.go = st->go = GO_EIP;
	if (op == OP_JCXZ) {
		st->eip = v_branch_target(v);
		v->st.eip = v->next;
	} else {
		st->eip = v->next;
		v->st.eip = v_branch_target(v);
		if (op != OP_LOOP)
			v->st.go = GO_LOOP;
	}
	return true;
}

static bool jrcxz(struct verify *v, struct vstate *st)
{
	const struct vval *cx = &v->st.r[H_RCX];
	u16 op = v_guest_op(v);

	switch (op) {
	case OP_JCXZ:
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
		return count_branch(v, st, op);
	}
	if (v->h.a32)
		return v_bad(v, "jecxz where rcx is meant");
	if (cx->kind == V_DIFF)
		return eip_is_shown(v, st, (u32)cx->c);
	if (cx->kind == V_RSPDIFF) {
		v->st.above = true;
		return true;
	}
	if (cx->kind == V_FIELD && cx->clean &&
	    cx->c == offsetof(struct cpu, irq_probe)) {
		st->quiet = true;
		return true;
	}
	return v_bad(v, "jrcxz on an unknown value");
}

/* A block has no loops, since a kick could not end them; what lies before its
 * entries leaves. */
static bool goes_forward(struct verify *v, const struct vstate *st, s64 target)
{
	if (target > (s64)v->off ||
	    (st->phase == VP_STALE && v->st.phase != VP_STALE &&
	     target < (s64)v->out->checked))
		return true;
	return v_bad(v, "a branch backwards");
}

static enum vflow two_ways(struct verify *v, u32 *taken, struct vstate *st)
{
	s64 target = v_rel_target(v);
	struct vstate fall;
	unsigned k;
	bool ok;

	*st = v->st;
	ok = v->h.map ? jcc(v, st) :
	     v->h.op == 0x74 ? je_short(v, st) : jrcxz(v, st);
	if (!ok)
		return VF_BAD;
	if (!in_block(v, target))
		return flow_bad(v, "a branch out of the block");
	if (v->h.map && is_exit(v, target, &k)) {
		fall = v->st;
		v->st = *st;
		ok = leave_by_exit(v, k, target);
		v->st = fall;
		return ok ? VF_NEXT : VF_BAD;
	}
	*taken = (u32)target;
	return goes_forward(v, st, target) ? VF_NEXT : VF_BAD;
}

static enum vflow jump(struct verify *v, u32 *taken, struct vstate *st)
{
	int g = v_glue_target(v);
	s64 target = v_rel_target(v);
	unsigned k;

	if (g == GLUE_MISS &&
	    (v->st.phase == VP_HEAD || v->st.phase == VP_STALE))
		return flow_of(leave_by_r8(v));
	if (g == GLUE_HASH && v->st.phase == VP_LAND)
		return flow_of(leave_by_r8(v));
	if (!in_block(v, target))
		return flow_bad(v, "a jump out of the block");
	if (is_exit(v, target, &k))
		return flow_of(leave_by_exit(v, k, target));
	*st = v->st;
	*taken = (u32)target;
	return flow_of(goes_forward(v, st, target));
}

static enum vflow call(struct verify *v)
{
	int g = v_glue_target(v);
	s64 target = v_rel_target(v);
	unsigned k;

	if (g >= 0)
		return call_glue(v, (enum glue)g);
	if (!in_block(v, target) || !is_exit(v, target, &k))
		return flow_bad(v, "a call that leads to no exit");
	return flow_of(leave_by_exit(v, k, target));
}

/* jmp, call [m] */
static enum vflow indirect(struct verify *v)
{
	bool is_call = (v->h.reg & 7) == 2;
	struct vaccess a;

	if (!v->h.has_mem)
		return flow_bad(v, "an indirect branch by a register");
	if (is_call && v->h.base == H_R15)
		return call_commit(v);
	if (v_address(v, &a) != VA_HASH)
		return v_bad(v, "an indirect branch not through the hash"),
		       VF_BAD;
	return hash_branch(v, is_call);
}

/* The guest's own ret, with the address it popped in r8d. */
static enum vflow ret(struct verify *v)
{
	if (v_guest_op(v) != OP_RET || !v->in->pairs)
		return flow_bad(v, "a return that is not the guest's");
	return flow_of(v_leaves(v) && target_is_right(v));
}

enum vflow v_flow(struct verify *v, bool *is_branch, u32 *taken,
		  struct vstate *st)
{
	const struct vinsn *h = &v->h;

	*taken = ~0u;
	*is_branch = v_is_branch(h);
	if (!*is_branch)
		return VF_NEXT;
	if (h->lock || h->rep || h->p66)
		return flow_bad(v, "a branch with a prefix");
	if (h->map == 1)
		return two_ways(v, taken, st);
	switch (h->op) {
	case 0x74:
	case 0xe3:
		return two_ways(v, taken, st);
	case 0xe9:
		return jump(v, taken, st);
	case 0xe8:
		return call(v);
	case 0xff:
		return indirect(v);
	case 0xc3:
		return ret(v);
	}
	return flow_bad(v, "comes to a trap");
}
