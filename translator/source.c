/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.c - checked blocks: for pages that are written and executed by turns
 * (HAZARDS 61). Such a page stays writable; instead each of its blocks
 * compares its source bytes with what it was made from whenever it is
 * entered, and ends behind each instruction that may write, so that what a
 * store changes is seen by the next one.
 *
 *	stale: add al, 0x7f; sahf; mov rax, r10; mov r8d, eip; jmp GLUE_MISS
 *	...
 *	mov r10, rax; lahf; seto al
 *	mov r8, source
 *	mov r9, bytes; cmp [r8], r9; jne stale		(for each 8 bytes)
 *	cmp [r8+8], bytes; jne stale			(4, 2, 1)
 *	add al, 0x7f; sahf; mov rax, r10
 *
 * Immediates that keep changing - constants that a program patches into its
 * code - are not compared but read from the source by the instruction itself.
 *
 * The source is read where C sees guest memory, so its mappings in windows
 * do not matter. A landing site needs no check of its own: it leads to the
 * entry of the block behind the call. The miss exit leads to C, which looks
 * at the block again and finds that it no longer holds.
 */
#include <string.h>
#include "xlate_impl.h"

/* mov r10, rax; lahf; seto al */
static void flags_save(struct emit *e)
{
	emit_mov_rr(e, 8, HR_TMP2, H_RAX);
	emit_u8(e, 0x9f);
	emit_u8(e, 0x0f);
	emit_u8(e, 0x90);
	emit_u8(e, 0xc0);
}

/* add al, 0x7f; sahf; mov rax, r10 */
static void flags_load(struct emit *e)
{
	emit_u8(e, 0x04);
	emit_u8(e, 0x7f);
	emit_u8(e, 0x9e);
	if (!XLATE_FAULT(SOURCE_RAX))
		emit_mov_rr(e, 8, H_RAX, HR_TMP2);
}

/* mov d, imm64 */
static void mov_imm64(struct emit *e, unsigned d, u64 v)
{
	emit_u8(e, 0x48 | (d >= 8));
	emit_u8(e, 0xb8 | (d & 7));
	emit_u64(e, v);
}

/* Compares n bytes at [r8+off], n a power of two up to 8. */
static void source_compare(struct emit *e, u32 off, const u8 *bytes,
			   unsigned n, u32 stale)
{
	struct henc c = { .op = n == 1 ? 0x80 : 0x81, .osz = n == 2,
			  .immsize = (u8)n };
	struct hmem m = hmem_disp(HR_ADDR, (s32)off);
	u64 v = 0;

	memcpy(&v, bytes, n);
	if (n == 8) {
		mov_imm64(e, HR_TMP, v);
		c = (struct henc){ .op = 0x39, .w = true };
		emit_rm(e, &c, HR_TMP, &m);
	} else {
		emit_rm(e, &c, 7, &m);
		emit_imm(e, n, v);
	}
	emit_patch32(e, emit_jcc_fwd(e, 5), stale);
}

/* Bytes off..end of what r8 points at. */
static void source_range(struct emit *e, const u8 *bytes, u32 off, u32 end,
			 u32 stale)
{
	for (unsigned step = 8; step; step /= 2) {
		for (; end - off >= step; off += step)
			source_compare(e, off, bytes + off, step, stale);
	}
}

/* A block in one page: its immediates that are read later are left out. */
static void source_inside(struct xlate *x, const u8 *bytes, u32 n, u32 stale)
{
	const struct xlate_out *out = x->out;
	u32 from = 0, off = 0;

	for (unsigned i = 0; i < out->ninsns; i++) {
		off += out->insns[i].insn.len;
		if (!(out->soft >> i & 1))
			continue;
		source_range(&x->e, bytes, from, off - 4, stale);
		from = off;
	}
	source_range(&x->e, bytes, from, n, stale);
}

static void source_pointer(struct xlate *x, u64 la)
{
	mov_imm64(&x->e, HR_ADDR,
		  (u64)x->in->source(x->in->opaque, (u32)la) +
			  0x1000 * XLATE_FAULT(SOURCE_OTHER));
}

void source_check(struct xlate *x, u32 stale)
{
	const struct xlate_out *out = x->out;
	u8 bytes[XLATE_MAX_INSNS * INSN_MAX_LEN];
	u64 la = (u32)(x->mode->cs_base + x->in->eip);
	u32 n = 0, first;

	for (unsigned i = 0; i < out->ninsns; i++) {
		memcpy(bytes + n, out->insns[i].raw, out->insns[i].insn.len);
		n += out->insns[i].insn.len;
	}
	first = MIN(n, (u32)(PAGE_SIZE - (la & ~PAGE_MASK)));
	x_site(x, SITE_GLUE, 0, 0, false);
	flags_save(&x->e);
	source_pointer(x, la);
	source_inside(x, bytes, first - (!out->soft && XLATE_FAULT(SOURCE_SHORT)), stale);
	if (n > first) {
		source_pointer(x, la + first);
		source_range(&x->e, bytes + first, 0, n - first, stale);
	}
	flags_load(&x->e);
}

/* Where all comparisons lead; it lies ahead of the block's entries. */
u32 source_stale(struct xlate *x)
{
	u32 at = x->e.len;

	x_site(x, SITE_GLUE, 0, 0, false);
	flags_load(&x->e);
	x_mov_eip(x, HR_ADDR, x->in->eip);
	if (XLATE_FAULT(STALE_LOOP)) {
		emit_u8(&x->e, 0xe9);
		emit_u32(&x->e, (u32)-5);
	} else {
		x_glue_jmp(x, GLUE_MISS);
	}
	return at;
}

/* An instruction whose immediate can as well be a register. */
static bool soft_fits(const struct insn *insn)
{
	if (!insn->row || insn->row->cls != CLS_COPY || insn->row->vex ||
	    insn->row->map != MAP_1B || insn->immsize != 4 ||
	    insn->opsize != 4)
		return false;
	switch (insn->row->op) {
	case OP_ADD:
	case OP_OR:
	case OP_ADC:
	case OP_SBB:
	case OP_AND:
	case OP_SUB:
	case OP_XOR:
	case OP_CMP:
	case OP_TEST:
	case OP_MOV:
		return true;
	}
	return false;
}

void source_soft(struct xlate *x)
{
	struct xlate_out *out = x->out;

	for (unsigned i = 0; i < out->ninsns && !out->crosses; i++) {
		if (soft_fits(&out->insns[i].insn))
			out->softable |= 1ull << i;
	}
	out->soft = out->softable & x->in->soft;
}

/* The form with a register operand: op r/m, r. */
static u8 soft_opcode(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_MOV:
		return 0x89;
	case OP_TEST:
		return 0x85;
	}
	/* 81 /digit, or the form for eax, which has the digit in its opcode */
	return (u8)((insn->has_modrm ? insn->modrm & 0x38 :
				       insn->opcode & 0x38) | 1);
}

/* mov r8, where the immediate lies; mov r14d, [r8]; op ..., r14d */
void source_lower(struct xlate *x)
{
	const struct insn *insn = x->insn;
	struct henc c = { .op = soft_opcode(insn), .lock = insn->lock };
	struct hmem m = hmem_disp(HR_ADDR, 0);
	bool write = insn->row->mem == MEM_W || insn->row->mem == MEM_RW;

	source_pointer(x, x->mode->cs_base + x->next - 4);
	emit_mov_rm(&x->e, 4, HR_KEEP, &m);
	if (insn->has_mem) {
		struct gmem g = mem_of(insn);

		m = mem_operand(x, &g, 4,
				(insn->row->mem != MEM_W ? ACC_READ : 0) |
				(write ? ACC_WRITE : 0));
		emit_rm(&x->e, &c, HR_KEEP, &m);
		if (write)
			mem_commit(x);
	} else if (insn->has_modrm) {
		emit_rr(&x->e, &c, HR_KEEP, reg_host(x, insn->rm));
	} else {
		emit_rr(&x->e, &c, HR_KEEP,
			insn->row->rowflags & ROW_EMBEDDED ?
				reg_host(x, insn->reg) : H_RAX);
	}
}

static bool rewrite_only_reads(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_POP:
	case OP_POPA:
	case OP_LEAVE:
	case OP_INC:
	case OP_DEC:
	case OP_MOV_MOFFS:
	case OP_LODS:
	case OP_SCAS:
	case OP_CMPS:
	case OP_XLAT:
	case OP_NOP_HINT:
	case OP_SALC:
		return true;
	}
	return false;
}

bool source_ends_block(const struct insn *insn)
{
	if ((insn->row->mem == MEM_W || insn->row->mem == MEM_RW) &&
	    (insn->has_mem || !insn->has_modrm))
		return true;
	if (insn->row->op == OP_JCC)
		return false;
	if (insn->row->cls == CLS_REWRITE)
		return !rewrite_only_reads(insn);
	return insn->row->cls != CLS_COPY;
}
