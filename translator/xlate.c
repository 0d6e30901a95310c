/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlate.c - the translator's driver: the passes in their order, the frame of
 * a block, and the tables that go with it.
 *
 * A block in memory:
 *	blockword	u64 that the runtime fills
 *	chain:		(over a page end) look me up in the hash
 *	checked:	is r8d my eip? else GLUE_MISS
 *	entry:		the instructions
 *			cold pieces: stubs, far exits, helpers that end
 */
#include <string.h>
#include "xlate_impl.h"

static const struct regmap regmap_32 = {
	.gpr = { [R_AX] = H_RAX, [R_CX] = H_RCX, [R_DX] = H_RDX,
		 [R_BX] = H_RBX, [R_SP] = H_R12, [R_BP] = H_RBP,
		 [R_SI] = H_RSI, [R_DI] = H_RDI },
};

/* --- tables */

void x_site(struct xlate *x, enum site_kind kind, u8 aux, u8 aux2, bool rep)
{
	struct xlate_out *out = x->out;
	unsigned n = out->nsites;

	if (n && out->sites[n - 1].host_off == x->e.len)
		n--; /* nothing was emitted under the last one */
	must(n < XLATE_MAX_SITES, "sites of block %08x", x->in->eip);
	out->sites[n] = (struct xsite){ .host_off = x->e.len, .insn = x->cur,
					.kind = kind, .aux = aux,
					.aux2 = aux2, .rep = rep,
					.sp_off = (s16)(x->sp_off +
						4 * XLATE_FAULT(SP_OFF)) };
	out->nsites = n + 1;
}

unsigned x_hsite(struct xlate *x, int vector, u32 error)
{
	unsigned n = x->out->nhsites++;

	must(n < XLATE_MAX_HSITES, "hsites of block %08x", x->in->eip);
	x->out->hsites[n] = (struct xhsite){ .insn = x->cur, .vector = vector,
					     .error = error };
	return n;
}

void x_cold(struct xlate *x, enum cold_kind kind, u32 at, u32 arg)
{
	must(x->ncold < XLATE_MAX_COLD, "cold pieces of block %08x",
	     x->in->eip);
	x->cold[x->ncold++] = (struct cold){ .at = at, .arg = arg,
					     .insn = x->cur, .kind = kind };
}

void x_reloc(struct xlate *x, enum xreloc_kind kind)
{
	unsigned n = x->out->nrelocs++;

	must(n < XLATE_MAX_RELOCS, "relocations of block %08x", x->in->eip);
	x->out->relocs[n] = (struct xreloc){ .off = x->e.len - 4,
					     .kind = kind };
}

void x_mov_eip(struct xlate *x, unsigned d, u32 eip)
{
	emit_mov_ri(&x->e, d, eip);
	x_reloc(x, XRELOC_EIP);
}

void x_cmp_eip(struct xlate *x, unsigned d, u32 eip)
{
	emit_alu_ri(&x->e, 7, d, eip);
	x_reloc(x, XRELOC_EIP);
}

void x_sub_eip(struct xlate *x, unsigned d, unsigned s, u32 eip)
{
	struct hmem m = hmem_disp(s, (s32)-eip);

	m.d32 = true;
	emit_lea(&x->e, 4, d, &m);
	x_reloc(x, XRELOC_EIP_NEG);
}

void x_glue_jmp(struct xlate *x, enum glue g)
{
	emit_jmp(&x->e, x->in->cache + x->in->glue[g]);
	x_reloc(x, XRELOC_HOST);
}

void x_glue_call(struct xlate *x, enum glue g)
{
	emit_call(&x->e, x->in->cache + x->in->glue[g]);
	x_reloc(x, XRELOC_HOST);
}

/*
 * Each place has an indirect jump of its own, so that the host predicts it by
 * its own history. A kick in between starts it over.
 *	movzx r9d, r8w; mov r10, [r15+hash]; jmp [r10+r9*8]
 */
static void hash_branch(struct xlate *x, void (*op)(struct emit *,
						    const struct hmem *))
{
	struct hmem hash = CPU_MEM(hash);
	struct hmem slot = hmem_index(HR_TMP2, HR_TMP, 3, 0);

	if (!XLATE_FAULT(LOOKUP_SITE))
		x_site(x, SITE_LOOKUP, 0, 0, false);
	emit_movzx_rr(&x->e, 2, HR_TMP, HR_ADDR);
	emit_mov_rm(&x->e, 8, HR_TMP2, &hash);
	if (XLATE_FAULT(RAW_JUMP)) {
		struct henc jmp = { .op = 0xff };

		emit_rr(&x->e, &jmp, 4, HR_ADDR);
		return;
	}
	op(&x->e, &slot);
}

void x_hash_jmp(struct xlate *x)
{
	hash_branch(x, emit_jmp_m);
}

void x_hash_call(struct xlate *x)
{
	hash_branch(x, emit_call_m);
}

/* mov r8d, eip; mov r10, [r15+hash]; jmp [r10+slot] */
static void hash_branch_to(struct xlate *x, u32 eip,
			   void (*op)(struct emit *, const struct hmem *))
{
	struct hmem hash = CPU_MEM(hash);
	struct hmem slot = hmem_disp(HR_TMP2, (s32)X_SLOT(eip));

	slot.d32 = true;
	if (XLATE_FAULT(SLOT))
		slot.disp ^= 8;
	x_mov_eip(x, HR_ADDR, eip + XLATE_FAULT(GO_ELSEWHERE));
	x_site(x, SITE_LOOKUP, 0, 0, false);
	emit_mov_rm(&x->e, 8, HR_TMP2, &hash);
	op(&x->e, &slot);
	x_reloc(x, XRELOC_SLOT);
}

void x_hash_jmp_to(struct xlate *x, u32 eip)
{
	hash_branch_to(x, eip, emit_jmp_m);
}

void x_hash_call_to(struct xlate *x, u32 eip)
{
	hash_branch_to(x, eip, emit_call_m);
}

/* mov r8d, hsite; mov r9, [rip+blockword]; call g */
static void emit_helper_by(struct xlate *x, enum glue g, unsigned hsite,
			   bool end)
{
	struct hmem word = hmem_disp(HM_RIP, (s32)x->out->blockword);

	if (XLATE_FAULT(WORD))
		word.disp += 8;
	emit_mov_ri(&x->e, HR_ADDR, hsite + XLATE_FAULT(HSITE));
	emit_mov_rm(&x->e, 8, HR_TMP, &word);
	x->out->hsites[hsite].end = end;
	x_glue_call(x, g);
	if (end && !XLATE_FAULT(NO_TRAP))
		emit_u8(&x->e, 0xcc);
}

static void emit_helper(struct xlate *x, unsigned hsite, bool end)
{
	emit_helper_by(x, GLUE_HELPER, hsite, end);
}

void x_helper_by(struct xlate *x, enum glue g, bool end)
{
	x->how = g == GLUE_HELPER ? XHOW_HELPED : XHOW_INLINED;
	emit_helper_by(x, g, x_hsite(x, -1, 0), end);
	x->ended |= end;
}

void x_helper(struct xlate *x, bool end)
{
	x_helper_by(x, GLUE_HELPER, end);
}

void x_raise(struct xlate *x, int vector, u32 error)
{
	x->how = XHOW_HELPED;
	emit_helper(x, x_hsite(x, vector, error), true);
	x->ended = true;
}

/* --- one instruction */

static void lower_rewrite(struct xlate *x)
{
	switch (x->insn->row->op) {
	case OP_PUSH:
		lower_push(x);
		break;
	case OP_POP:
		lower_pop(x);
		break;
	case OP_PUSHA:
		lower_pusha(x);
		break;
	case OP_POPA:
		lower_popa(x);
		break;
	case OP_LEAVE:
		lower_leave(x);
		break;
	case OP_INC:
	case OP_DEC: {
		/* inc r, dec r in their long form; 40..4f are REX here */
		struct henc c = { .op = 0xff, .osz = x->insn->opsize == 2 };
		u32 from = x->e.len;

		emit_rr(&x->e, &c, x->insn->row->op == OP_DEC,
			reg_host(x, x->insn->reg));
		x_core(x, from);
		break;
	}
	case OP_MOV_MOFFS: {
		struct gmem g = { .base = -1, .index = -1,
				  .seg = x->insn->seg,
				  .adsize = x->insn->adsize,
				  .disp = (s32)x->insn->imm };
		unsigned size = x->insn->memsize;
		bool store = x->insn->row->mem == MEM_W;
		struct hmem m = mem_operand(x, &g, size,
					    store ? ACC_WRITE : ACC_READ);
		u32 from = x->e.len;

		if (store)
			emit_mov_mr(&x->e, size, &m, H_RAX);
		else
			emit_mov_rm(&x->e, size, H_RAX, &m);
		x_core(x, from);
		if (store)
			mem_commit(x);
		break;
	}
	case OP_MOVS:
	case OP_CMPS:
	case OP_STOS:
	case OP_LODS:
	case OP_SCAS:
		lower_string(x);
		break;
	case OP_XLAT:
		lower_xlat(x);
		break;
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		lower_maskmov(x);
		break;
	case OP_NOP_HINT:
		if (XLATE_FAULT(HINT))
			lower_copy(x);
		if (XLATE_FAULT(SYSCALL))
			emit_u16(&x->e, 0x050f);
		break;
	case OP_SALC:
		lower_salc(x);
		break;
	default: /* bcd, enter, state images: C's */
		x_helper(x, false);
	}
}

static void insn_settle(struct xlate *x)
{
	stack_settle(x);
	x_site(x, SITE_PLAIN, 0, 0, false);
}

static void lower_class(struct xlate *x)
{
	if (x->out->soft >> x->cur & 1) {
		source_lower(x);
		return;
	}
	switch (x->insn->row->cls) {
	case CLS_COPY:
		lower_copy(x);
		if (XLATE_FAULT(TWICE))
			lower_copy(x);
		break;
	case CLS_REWRITE:
		lower_rewrite(x);
		break;
	case CLS_INLINE:
		lower_system(x);
		break;
	case CLS_HELPER:
		if (XLATE_FAULT(SENSITIVE))
			lower_copy(x);
		else
			lower_helper(x, false);
		break;
	case CLS_HELPER_END:
		lower_helper(x, !XLATE_FAULT(COMES_BACK));
		break;
	case CLS_BRANCH:
		if (ac_has_changed(x)) {
			insn_settle(x);
			ac_exit(x, x->eip);
		} else {
			lower_branch(x);
		}
		break;
	}
}

static bool site_is_helper(struct xlate *x)
{
	if (x->in->helper_site && x->in->helper_site(x->in->opaque, x->eip)) {
		x->out->helpers |= 1ull << x->cur;
		return true;
	}
	return x->mode->mem_form == FORM_HELPER ||
	       x->mode->flags & XM_ALIGN || x->ac;
}

/* What became of the instruction whose code begins at `from`. */
static enum xinsn_how insn_how(const struct xlate *x, const struct xinsn *xi,
			       u32 from)
{
	if (x->how != XHOW_NR)
		return x->how;
	if (!x->core_len || x->core_off != from ||
	    x->core_off + x->core_len != x->e.len)
		return xi->insn.row->cls == CLS_INLINE ? XHOW_INLINED :
							 XHOW_REWRITTEN;
	if (x->core_len == xi->insn.len && !x->e.full &&
	    !memcmp(x->e.buf + from, xi->raw, x->core_len))
		return XHOW_SAME;
	return XHOW_COPIED;
}

static void lower_insn(struct xlate *x, unsigned i)
{
	struct xinsn *xi = &x->out->insns[i];
	int vector;
	u32 from;

	x->cur = i;
	x->insn = &xi->insn;
	x->eip = xi->eip;
	x->next = xi->eip + xi->insn.len;
	x->tlbsite = -1;
	x->helper = site_is_helper(x);
	x->how = XHOW_NR;
	x->core_len = 0;
	x_site(x, xi->insn.row && xi->insn.row->cls == CLS_COPY &&
		  XLATE_FAULT(SITE_KIND) ? SITE_LOOKUP : SITE_PLAIN, 0, 0,
	       false);
	if (!xi->insn.row) {
		insn_settle(x);
		x_raise(x, x->bad_vector ^ XLATE_FAULT(BAD_VECTOR), 0);
		xi->how = x->how;
		return;
	}
	vector = system_gate(x);
	if (vector == VEC_UD && x->insn->row->rowflags & ROW_PRIV &&
	    XLATE_FAULT(AC_OUT))
		return;
	if (vector < 0 && x->insn->row->cls == CLS_COPY && XLATE_FAULT(RAISES))
		vector = VEC_GP;
	x->sp_lazy = vector < 0 && stack_is_lazy(x);
	if (!x->sp_lazy)
		insn_settle(x);
	from = x->e.len;
	if (vector >= 0)
		x_raise(x, vector ^ XLATE_FAULT(VECTOR),
			4 * XLATE_FAULT(VECTOR_CODE));
	else
		lower_class(x);
	xi->how = insn_how(x, xi, from);
}

/* --- the frame */

/*
 * checked: r8d must be this block's eip.
 *	cmp r8d, eip; jne GLUE_MISS			(flags dead)
 *	mov r9d, ecx; lea ecx, [r8-eip]; jrcxz ok;	(flags live)
 *	mov ecx, r9d; jmp GLUE_MISS; ok: mov ecx, r9d
 */
static void block_checked_entry(struct xlate *x)
{
	struct emit *e = &x->e;
	struct xlate_out *out = x->out;
	bool dead = !x->in->strict_flags &&
		    flags_are_dead(&out->insns[0].insn, out->ninsns,
				   sizeof(out->insns[0]));
	u32 ok, eip = x->in->eip + XLATE_FAULT(ENTRY_OTHER);

	out->checked = e->len;
	x_site(x, SITE_GLUE, 0, 0, false);
	if (XLATE_FAULT(NO_ENTRY_CHECK))
		return;
	if (dead) {
		x_cmp_eip(x, HR_ADDR, eip);
		emit_u8(e, 0x74); /* je */
		emit_u8(e, 5);
		x_glue_jmp(x, GLUE_MISS);
		return;
	}
	emit_mov_rr(e, 4, HR_TMP, H_RCX);
	x_site(x, SITE_BORROWED, R_CX, HR_TMP, false);
	x_sub_eip(x, H_RCX, HR_ADDR, eip);
	ok = emit_jrcxz_fwd(e);
	emit_mov_rr(e, 4, H_RCX, HR_TMP);
	x_glue_jmp(x, GLUE_MISS);
	emit_patch8(e, ok, e->len);
	emit_mov_rr(e, 4, H_RCX, HR_TMP);
}

/* mov r9, [rip+blockword]; call GLUE_PROBE */
static void block_probe(struct xlate *x)
{
	struct hmem word = hmem_disp(HM_RIP, (s32)x->out->blockword);

	x_site(x, SITE_GLUE, 0, 0, false);
	emit_mov_rm(&x->e, 8, HR_TMP, &word);
	x_glue_call(x, GLUE_PROBE);
}

static void block_head(struct xlate *x)
{
	u32 stale = 0;

	emit_align(&x->e, XLATE_ALIGN);
	x->out->blockword = x->e.len;
	emit_u64(&x->e, 0);
	if (x->in->source)
		stale = source_stale(x);
	if (x->out->crosses) {
		x->out->chain = x->e.len;
		x_site(x, SITE_GLUE, 0, 0, false);
		x_hash_jmp_to(x, x->in->eip);
	}
	block_checked_entry(x);
	x->out->entry = x->e.len;
	if (!x->out->crosses)
		x->out->chain = x->out->entry;
	if (x->in->source)
		source_check(x, stale);
	if (x->out->probed)
		block_probe(x);
}

static void block_body(struct xlate *x)
{
	for (unsigned i = 0; i < x->out->ninsns && !x->ended; i++)
		lower_insn(x, i);
	if (!x->ended) {
		x_site(x, SITE_AFTER, 0, 0, false);
		stack_settle(x);
		if (ac_has_changed(x))
			ac_exit(x, x->next);
		else
			branch_to(x, x->next);
	}
}

static void cold_stub(struct xlate *x, struct xexit *ex)
{
	/* stub: call GLUE_DIRECT */
	ex->stub_off = x->e.len;
	x_glue_call(x, XLATE_FAULT(STUB) ? GLUE_HELPER : GLUE_DIRECT);
}

static void cold_emit(struct xlate *x, const struct cold *c)
{
	x->cur = c->insn;
	x->insn = &x->out->insns[c->insn].insn;
	x_site(x, c->kind == COLD_HELPER ? SITE_PLAIN : SITE_GLUE, 0, 0,
	       false);
	emit_patch32(&x->e, c->at, x->e.len + XLATE_FAULT(MIDDLE));
	switch (c->kind) {
	case COLD_STUB:
		cold_stub(x, &x->out->exits[c->arg]);
		break;
	case COLD_HASH:
		x_hash_jmp_to(x, c->arg);
		break;
	case COLD_LOOP_RAISE:
		lower_loop_undo(x);
		x_site(x, SITE_PLAIN, 0, 0, false);
		emit_helper(x, c->arg, true);
		break;
	case COLD_HELPER:
		emit_helper(x, c->arg, true);
		break;
	}
}

static void block_cold(struct xlate *x)
{
	for (unsigned i = 0; i < x->ncold; i++)
		cold_emit(x, &x->cold[i]);
}

static void out_reset(struct xlate_out *out)
{
	out->chain = 0;
	out->size = out->entry = out->checked = out->blockword = 0;
	out->ninsns = out->nsites = out->nexits = 0;
	out->nhsites = out->nlandings = out->nrelocs = 0;
	out->guest_len = 0;
	out->crosses = false;
	out->helpers = out->soft = out->softable = 0;
}

enum xlate_err xlate_block(const struct xlate_in *in, struct xlate_out *out)
{
	struct xlate x = {
		.in = in, .mode = in->mode, .out = out, .map = &regmap_32,
		.ac = in->mode->flags & XM_AC,
		.e = { .buf = out->buf, .cap = out->cap, .host = out->host },
	};
	enum xlate_err err;

	must(in->mode->code_bits != 64, "64-bit code has no register map yet");
	out_reset(out);
	out->checked_src = in->source != NULL;
	out->probed = in->probe && in->probe(in->opaque, in->eip);
	/* the host address of the source has no relocation */
	out->fixed = in->mode->cs_limit != 0xffffffff || in->source;
	err = block_scan(&x);
	if (err)
		return err;
	if (in->source)
		source_soft(&x);
	block_head(&x);
	block_body(&x);
	block_cold(&x);
	must(!x.e.full, "block %08x does not fit", in->eip);
	out->size = x.e.len;
	if (out->nexits && XLATE_FAULT(NO_EXIT))
		out->nexits--;
	return XLATE_OK;
}
