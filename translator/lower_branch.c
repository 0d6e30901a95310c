/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_branch.c - how a block is left: jumps, calls, returns, loops.
 *
 * A direct exit within the guest page (in->far: any) is a rel32 that the runtime
 * chains, with a stub behind the block; all others carry the target in r8d through the
 * hash of the view and mode, with a jump of their own. A block goes on behind
 * branches that are not taken and calls that return, but has no back-edges:
 * each way round a loop passes an exit, which a kick can divert (DESIGN.md, 5).
 *
 * A call pairs a host call with the guest's. The host's ret arrives at the
 * landing site behind it, with the address the guest popped in r8d; the site
 * compares that with the one it stands for.
 */
#include "xlate_impl.h"

static bool same_page(const struct xlate *x, u32 target)
{
	u32 base = (u32)x->mode->cs_base;

	return !x->out->crosses &&
	       (base + target) >> PAGE_SHIFT ==
		       (base + x->in->eip) >> PAGE_SHIFT;
}

static bool chainable(const struct xlate *x, u32 target)
{
	return x->in->far || same_page(x, target);
}

/* A chainable exit whose rel32 field is at `at`. */
static void exit_add(struct xlate *x, enum xexit_kind kind, u32 at, u32 target)
{
	struct xlate_out *out = x->out;
	unsigned n = out->nexits++;

	must(n < XLATE_MAX_EXITS, "exits of block %08x", x->in->eip);
	out->exits[n] = (struct xexit){ .patch_off = at,
					.target = target +
						  XLATE_FAULT(EXIT_EIP),
					.kind = kind,
					.same_page = same_page(x, target) };
	x_cold(x, COLD_STUB, at, n);
}

void branch_to(struct xlate *x, u32 target)
{
	if (chainable(x, target)) /* jmp target */
		exit_add(x, XEXIT_JUMP, emit_jmp_fwd(&x->e), target);
	else
		x_hash_jmp_to(x, target);
}

/* The way to `target` from a conditional branch whose rel32 is at `at`. */
static void branch_from(struct xlate *x, u32 at, u32 target)
{
	if (target > x->mode->cs_limit)
		x_cold(x, COLD_HELPER, at, x_hsite(x, VEC_GP, 0));
	else if (chainable(x, target))
		exit_add(x, XEXIT_JUMP, at, target);
	else
		x_cold(x, COLD_HASH, at, target);
}

/* An address as wide as the operand; cut to 16 bits it does not move with the
 * block. */
static u32 branch_address(const struct xlate *x, u32 eip)
{
	if (x->insn->opsize != 2)
		return eip;
	x->out->fixed = true;
	return (u16)eip;
}

static u32 branch_target(const struct xlate *x)
{
	return branch_address(x, x->next + (u32)x->insn->imm);
}

static void lower_jmp(struct xlate *x)
{
	u32 target = branch_target(x);

	if (target > x->mode->cs_limit)
		x_raise(x, VEC_GP, 0);
	else
		branch_to(x, target);
}

/* Does the block go on with the next instruction? */
static bool block_goes_on(const struct xlate *x)
{
	return x->cur + 1 < x->out->ninsns;
}

/* jcc target; jmp next, unless that follows */
static void lower_jcc(struct xlate *x)
{
	u32 at = emit_jcc_fwd(&x->e, (x->insn->opcode & 15) ^
					     XLATE_FAULT(WRONG_CC));

	branch_from(x, at, branch_target(x));
	x->ended = !block_goes_on(x);
	if (x->ended)
		branch_to(x, x->next);
}

/*
 * jrcxz to `zero` if (e)cx is 0, flags and registers kept. cx alone needs
 * ecx borrowed:
 *	mov r9d, ecx; movzx ecx, cx; jrcxz zero; mov ecx, r9d
 * and at `zero` the same mov once more.
 */
static u32 cx_test(struct xlate *x)
{
	u32 zero;

	if (x->insn->adsize != 2)
		return emit_jrcxz_fwd(&x->e);
	emit_mov_rr(&x->e, 4, HR_TMP, H_RCX);
	x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
	emit_movzx_rr(&x->e, 2, H_RCX, H_RCX);
	zero = emit_jrcxz_fwd(&x->e);
	emit_mov_rr(&x->e, 4, H_RCX, HR_TMP);
	return zero;
}

static void cx_zero_here(struct xlate *x, u32 zero)
{
	emit_patch8(&x->e, zero, x->e.len);
	if (x->insn->adsize == 2) { /* whatever site was before */
		x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
		if (!XLATE_FAULT(CX_RESTORE))
			emit_mov_rr(&x->e, 4, H_RCX, HR_TMP);
		x_site(x, SITE_GLUE, 0, 0, false);
	}
}

/* jrcxz taken; jmp next; taken: jmp target */
static void lower_jcxz(struct xlate *x)
{
	u32 zero = cx_test(x);

	branch_to(x, x->next);
	x_site(x, SITE_GLUE, 0, 0, false); /* a look-up may have been before */
	cx_zero_here(x, zero);
	branch_from(x, emit_jmp_fwd(&x->e), branch_target(x));
}

/* (e)cx += n: lea ecx, [rcx+n], or through r9 for cx */
static void cx_add(struct xlate *x, s32 n)
{
	struct hmem m = hmem_disp(H_RCX, n);

	if (x->insn->adsize == 2) {
		emit_lea(&x->e, 4, HR_TMP, &m);
		emit_mov_rr(&x->e, 2, H_RCX, HR_TMP);
	} else {
		emit_lea(&x->e, 4, H_RCX, &m);
	}
}

/* The count as it was before a loop that cannot be taken. */
void lower_loop_undo(struct xlate *x)
{
	cx_add(x, 1);
}

/* lea ecx, [rcx-1]; jrcxz out; jmp (jz, jnz) target; out: jmp next */
static void lower_loop(struct xlate *x)
{
	u32 target = branch_target(x), zero, at;

	if (!XLATE_FAULT(NO_COUNT))
		cx_add(x, -1);
	zero = cx_test(x);
	switch (x->insn->row->op) {
	case OP_LOOPE:
		at = emit_jcc_fwd(&x->e, 4);
		break;
	case OP_LOOPNE:
		at = emit_jcc_fwd(&x->e, 5);
		break;
	default:
		at = emit_jmp_fwd(&x->e);
	}
	if (target > x->mode->cs_limit)
		x_cold(x, COLD_LOOP_RAISE, at, x_hsite(x, VEC_GP, 0));
	else
		branch_from(x, at, target);
	cx_zero_here(x, zero);
	branch_to(x, x->next);
}

/* d(32) = target of an indirect branch */
static void branch_load(struct xlate *x, unsigned d)
{
	const struct insn *insn = x->insn;
	unsigned size = insn->opsize;

	if (insn->has_mem) {
		struct gmem g = mem_of(insn);
		struct hmem m = mem_operand(x, &g, size, ACC_READ);

		emit_movzx_rm(&x->e, size, d, &m);
	} else if (size == 2) {
		emit_movzx_rr(&x->e, 2, d, reg_host(x, insn->rm));
	} else {
		emit_mov_rr(&x->e, 4, d, reg_host(x, insn->rm));
	}
}

static void lower_jmp_ind(struct xlate *x)
{
	branch_load(x, HR_ADDR);
	mem_check_target(x, x->insn->opsize, HR_ADDR);
	x_hash_jmp(x);
}

static bool landing_flags_dead(struct xlate *x, u32 ret)
{
	struct insn v[4];
	unsigned n;

	if (x->in->strict_flags || !same_page(x, ret))
		return false;
	n = block_peek(x, ret, v, ARRAY_SIZE(v));
	return flags_are_dead(v, n, sizeof(v[0]));
}

/*
 * Where the host's ret arrives: r8d is the address that the guest popped.
 *	cmp r8d, ret; jne miss				(flags dead)
 *	mov r9d, ecx; lea ecx, [r8-ret]; jrcxz here;	(flags live)
 *	mov ecx, r9d; jmp GLUE_HASH; here: mov ecx, r9d
 * Measured, the second costs 0.15 to 0.2 ns more than the first; with lahf, seto
 * and sahf around the first it is the same, with lea and an indirect jump twice
 * as much.
 */
static void landing_site(struct xlate *x, u32 ret)
{
	struct emit *e = &x->e;
	u32 at;

	must(x->out->nlandings < XLATE_MAX_EXITS, "landing sites");
	x->out->landings[x->out->nlandings].off = e->len;
	x->out->nlandings += !XLATE_FAULT(LANDING_TABLE);
	x_site(x, SITE_GLUE, 0, 0, false);
	if (XLATE_FAULT(LANDING_OTHER))
		ret++;
	if (XLATE_FAULT(NO_LANDING_CHECK)) {
		/* r8d is believed */
	} else if (landing_flags_dead(x, ret)) {
		x_cmp_eip(x, HR_ADDR, ret);
		emit_u8(e, 0x74); /* je */
		emit_u8(e, 5);
		x_glue_jmp(x, GLUE_HASH);
	} else {
		emit_mov_rr(e, 4, HR_TMP, H_RCX);
		x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
		x_sub_eip(x, H_RCX, HR_ADDR, ret);
		at = emit_jrcxz_fwd(e);
		emit_mov_rr(e, 4, H_RCX, HR_TMP);
		x_glue_jmp(x, GLUE_HASH);
		emit_patch8(e, at, e->len);
		emit_mov_rr(e, 4, H_RCX, HR_TMP);
		x_site(x, SITE_GLUE, 0, 0, false);
	}
	x->ended = !block_goes_on(x);
	if (!x->ended)
		return;
	if (chainable(x, ret))
		exit_add(x, XEXIT_CONT, emit_jmp_fwd(e), ret);
	else
		x_hash_jmp_to(x, ret);
}

/* mov [sp-size], return address */
static void call_push(struct xlate *x, u32 ret)
{
	unsigned size = x->insn->opsize;
	struct gmem g = stack_mem(x, -(s32)size);
	struct hmem m = mem_operand(x, &g, size, ACC_WRITE);

	emit_mov_mi(&x->e, size, &m, ret);
	if (size == 4)
		x_reloc(x, XRELOC_EIP);
	mem_commit_again(x);
	stack_adjust(x, -(s32)size);
	stack_settle(x);
}

static u32 call_return(const struct xlate *x)
{
	return branch_address(x, x->next);
}

static bool call_pairs(const struct xlate *x)
{
	return x->in->pairs && call_return(x) <= x->mode->cs_limit;
}

static void lower_call(struct xlate *x)
{
	u32 target = branch_target(x), ret = call_return(x);

	if (target > x->mode->cs_limit) {
		x_raise(x, VEC_GP, 0);
		return;
	}
	call_push(x, ret);
	if (!call_pairs(x) || target == ret) {
		branch_to(x, target);
		return;
	}
	if (chainable(x, target)) /* call target */
		exit_add(x, XEXIT_CALL, emit_call_fwd(&x->e), target);
	else
		x_hash_call_to(x, target);
	landing_site(x, ret);
}

/* The target is a register that the push leaves alone. */
static bool call_ind_late(const struct xlate *x)
{
	return !x->insn->has_mem && x->insn->rm != R_SP &&
	       x->mode->cs_limit == 0xffffffff;
}

/* The target is loaded before the push, which may overwrite it (HAZARDS 9). */
static void lower_call_ind(struct xlate *x)
{
	u32 ret = call_return(x);

	if (call_ind_late(x)) {
		call_push(x, ret);
		branch_load(x, HR_ADDR);
	} else {
		branch_load(x, HR_KEEP);
		mem_check_target(x, x->insn->opsize, HR_KEEP);
		call_push(x, ret);
		emit_mov_rr(&x->e, 4, HR_ADDR, HR_KEEP);
	}
	if (!call_pairs(x)) {
		x_hash_jmp(x);
		return;
	}
	x_hash_call(x);
	landing_site(x, ret);
}

/*
 * A return to an address that the block itself has just put on the stack is
 * a jump, and goes through the hash: the pair on top, if any, belongs to
 * another address. push target; ret made no pair. A changed return address
 * (a retpoline's mov [esp], target; ret) leaves one that must go.
 */
enum ret_kind { RET_PAIR, RET_PUSHED, RET_CHANGED };

static enum ret_kind ret_kind(const struct xlate *x)
{
	const struct insn *prev;

	if (!x->in->pairs)
		return RET_PUSHED;
	if (!x->cur)
		return RET_PAIR;
	prev = &x->out->insns[x->cur - 1].insn;
	if (prev->row->op == OP_PUSH)
		return RET_PUSHED;
	if (prev->has_mem && prev->base == R_SP && prev->index < 0 &&
	    !prev->disp &&
	    (prev->row->mem == MEM_W || prev->row->mem == MEM_RW))
		return RET_CHANGED;
	return RET_PAIR;
}

/*
 * Drops the pair on top unless there is none, flags kept:
 *	mov r9d, ecx; mov rcx, [r15+pair_top]; not rcx
 *	lea rcx, [rsp+rcx+1]; jrcxz empty
 *	lea rsp, [rsp+8]; empty: mov ecx, r9d
 */
static void pair_drop(struct xlate *x)
{
	struct hmem top = CPU_MEM(pair_top), up = hmem_disp(H_RSP, 8);
	struct hmem diff = hmem_index(H_RSP, H_RCX, 0, 1);
	struct emit *e = &x->e;
	u32 empty;

	emit_mov_rr(e, 4, HR_TMP, H_RCX);
	x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
	emit_mov_rm(e, 8, H_RCX, &top);
	emit_not(e, 8, H_RCX);
	emit_lea(e, 8, H_RCX, &diff);
	empty = XLATE_FAULT(PAIR_DROP) ? 0 : emit_jrcxz_fwd(e);
	emit_lea(e, 8, H_RSP, &up);
	if (empty)
		emit_patch8(e, empty, e->len);
	if (XLATE_FAULT(PAIR_TWICE)) {
		empty = emit_jrcxz_fwd(e);
		emit_lea(e, 8, H_RSP, &up);
		emit_patch8(e, empty, e->len);
	}
	emit_mov_rr(e, 4, H_RCX, HR_TMP);
}

/* mov r8d, [sp]; lea esp, [esp+size+imm]; ret */
static void lower_ret(struct xlate *x)
{
	unsigned size = x->insn->opsize;
	struct gmem g = stack_mem(x, 0);
	struct hmem m = mem_operand(x, &g, size, ACC_READ);

	emit_movzx_rm(&x->e, size, HR_ADDR, &m);
	mem_check_target(x, size, HR_ADDR);
	if (XLATE_FAULT(LIMIT_OTHER)) { /* what is checked is loaded anew */
		m = mem_operand(x, &g, size, ACC_READ);
		emit_movzx_rm(&x->e, size, HR_ADDR, &m);
	}
	stack_adjust(x, size + (u16)x->insn->imm);
	stack_settle(x);
	switch (ret_kind(x)) {
	case RET_PAIR:
		emit_u8(&x->e, 0xc3);
		return;
	case RET_CHANGED:
		pair_drop(x);
		break;
	case RET_PUSHED:
		break;
	}
	x_hash_jmp(x);
}

void lower_branch(struct xlate *x)
{
	x->ended = true;
	switch (x->insn->row->op) {
	case OP_JMP:
		lower_jmp(x);
		break;
	case OP_JCC:
		lower_jcc(x);
		break;
	case OP_JCXZ:
		lower_jcxz(x);
		break;
	case OP_LOOP:
	case OP_LOOPE:
	case OP_LOOPNE:
		lower_loop(x);
		break;
	case OP_JMP_IND:
		lower_jmp_ind(x);
		break;
	case OP_CALL:
		lower_call(x);
		break;
	case OP_CALL_IND:
		lower_call_ind(x);
		break;
	case OP_RET:
		lower_ret(x);
		break;
	default:
		must(false, "branch %s has no lowering", x->insn->row->name);
	}
}
