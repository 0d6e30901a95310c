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

/* n bytes of source, which the host sees at src. */
static void source_range(struct emit *e, const u8 *src, const u8 *bytes,
			 u32 n, u32 stale)
{
	u32 off = 0;

	mov_imm64(e, HR_ADDR, (u64)src);
	for (unsigned step = 8; step; step /= 2) {
		for (; n - off >= step; off += step)
			source_compare(e, off, bytes + off, step, stale);
	}
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
	source_range(&x->e, x->in->source(x->in->opaque, la), bytes, first,
		     stale);
	if (n > first) {
		u64 next = (u32)(la + first);

		source_range(&x->e, x->in->source(x->in->opaque, next),
			     bytes + first, n - first, stale);
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
	x_glue_jmp(x, GLUE_MISS);
	return at;
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
