/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lower_mem.c - guest memory operands as host operands.
 *
 * Four ways, by the class of the segment and the form of the site:
 *
 *   direct, flat      gs:[same operand], 67h (without FSGSBASE: lea r8d, EA;
 *		       [r13+r8], HAZARDS 12)
 *   direct, based     the segment's base from struct cpu comes in through r8
 *   checked           r8d = offset; call GLUE_SEG makes it linear or leaves
 *   helper	       r8d = linear; call GLUE_TLB makes it a host address
 *
 * Whatever is emitted before the access changes neither guest registers nor
 * flags, so that the instruction can start over.
 */
#include "xlate_impl.h"

struct gmem mem_of(const struct insn *insn)
{
	return (struct gmem){ .base = insn->base, .index = insn->index,
			      .scale = insn->scale, .seg = insn->seg,
			      .adsize = insn->adsize, .disp = insn->disp };
}

static s8 mem_reg(const struct xlate *x, s8 guest)
{
	return guest < 0 ? HM_NONE : (s8)reg_host(x, guest);
}

/* [base + index << scale + disp] in host registers, as lea takes it */
struct hmem mem_plain(const struct xlate *x, const struct gmem *g)
{
	struct hmem m = hmem_index(mem_reg(x, g->base), mem_reg(x, g->index),
				   g->scale, g->disp);

	if (g->base == R_SP)
		m.disp += x->sp_off;
	if (m.base == HM_NONE && m.index != HM_NONE && !m.scale) {
		m.base = m.index;
		m.index = HM_NONE;
	}
	if (m.index == HM_NONE)
		m.scale = 0;
	if (XLATE_FAULT(WRONG_BASE) && m.base >= 0)
		m.base = m.base == H_RAX ? H_RDX : H_RAX;
	if (XLATE_FAULT(WRONG_DISP))
		m.disp += 4;
	return m;
}

void mem_offset(struct xlate *x, const struct gmem *g)
{
	struct hmem m = mem_plain(x, g);

	if (m.base == HM_NONE && m.index == HM_NONE) {
		/* mov r8d, disp */
		emit_mov_ri(&x->e, HR_ADDR,
			    g->adsize == 2 ? (u16)g->disp : (u32)g->disp);
		return;
	}
	/* lea r8d, EA */
	emit_lea(&x->e, 4, HR_ADDR, &m);
	if (g->adsize == 2) /* movzx r8d, r8w */
		emit_movzx_rr(&x->e, 2, HR_ADDR, HR_ADDR);
}

enum seg_class mem_class(const struct xlate *x, unsigned seg, u32 acc)
{
	enum seg_class c = x->mode->segc[seg];

	if (c == SEGC_FLAT_RO)
		c = acc & ACC_WRITE ? SEGC_CHECKED : SEGC_FLAT;
	return c;
}

bool mem_is_direct(const struct xlate *x, unsigned seg, u32 acc)
{
	return !x->helper && mem_class(x, seg, acc) != SEGC_CHECKED;
}

static void mem_access_word(struct xlate *x, unsigned seg, unsigned size,
			    u32 acc)
{
	if (x->tlbsite < 0) {
		x->tlbsite = x_hsite(x, -1, 0);
		x->out->hsites[x->tlbsite].tlb = 1;
	}
	if (XLATE_FAULT(TLB_SIZE))
		size--;
	if (XLATE_FAULT(TLB_WRITE))
		acc &= ~ACC_WRITE;
	/* mov r9d, access word */
	emit_mov_ri(&x->e, HR_TMP,
		    size | acc | seg << ACC_SEG_SHIFT |
			    (u32)(x->tlbsite + XLATE_FAULT(TLB_SITE))
				    << ACC_SITE_SHIFT);
}

/* r8d += base of the segment */
static void mem_add_base(struct xlate *x, unsigned seg)
{
	struct hmem base = SEG_MEM(seg, base);
	struct hmem sum = hmem_index(HR_ADDR, HR_TMP, 0, 0);

	/* mov r9d, [r15+base]; lea r8d, [r8+r9] */
	emit_mov_rm(&x->e, 4, HR_TMP, &base);
	emit_lea(&x->e, 4, HR_ADDR, &sum);
}

/* r8d is linear: the operand in the form of the site */
static struct hmem mem_linear(struct xlate *x, unsigned seg, unsigned size,
			      u32 acc)
{
	struct hmem m = hmem_disp(HR_ADDR, 0);

	if (x->helper && !XLATE_FAULT(DIRECT)) {
		mem_access_word(x, seg, size, acc);
		x_glue_call(x, GLUE_TLB);
		if (XLATE_FAULT(TLB_DISP))
			m.disp = (s32)size;
	} else if (x->in->fsgsbase) {
		m.gs = m.a32 = true;
	} else {
		m = hmem_index(XLATE_FAULT(R15_WINDOW) ? HR_CPU : HR_WIN,
			       HR_ADDR, 0, 0);
	}
	return m;
}

struct hmem mem_operand_r8(struct xlate *x, unsigned seg, unsigned size,
			   u32 acc)
{
	switch (mem_class(x, seg, acc)) {
	case SEGC_CHECKED:
		if (XLATE_FAULT(NO_SEG_CHECK))
			break;
		mem_access_word(x, seg, size, acc);
		x_glue_call(x, GLUE_SEG);
		break;
	case SEGC_BASED:
		if (!XLATE_FAULT(NO_SEG_BASE))
			mem_add_base(x, seg);
		break;
	default:
		break;
	}
	return mem_linear(x, seg, size, acc);
}

/*
 * Direct, based, 32-bit addressing: one register and the base fit one
 * operand.
 *   mov r8d, [r15+base]; gs:[r8d + reg << scale + disp]
 */
static struct hmem mem_based(struct xlate *x, const struct gmem *g)
{
	struct hmem base = SEG_MEM(g->seg, base);
	struct hmem m = mem_plain(x, g);

	if (m.base != HM_NONE && m.index != HM_NONE) {
		emit_lea(&x->e, 4, HR_TMP, &m);
		m = hmem_disp(HR_TMP, 0);
	}
	emit_mov_rm(&x->e, 4, HR_ADDR, &base);
	if (m.index == HM_NONE)
		m.index = m.base;
	m.base = HR_ADDR;
	return m;
}

struct hmem mem_operand(struct xlate *x, const struct gmem *g, unsigned size,
			u32 acc)
{
	enum seg_class c = mem_class(x, g->seg, acc);
	struct hmem m;

	if (!x->helper && x->in->fsgsbase && g->adsize == 4 &&
	    c != SEGC_CHECKED) {
		m = c == SEGC_FLAT ? mem_plain(x, g) : mem_based(x, g);
		m.gs = m.a32 = true;
		return m;
	}
	mem_offset(x, g);
	return mem_operand_r8(x, g->seg, size, acc);
}

/*
 * #GP(0) unless d (r8 or r14), where an indirect branch of size bytes leads,
 * lies within the CS limit; then r8 and r14 are the target. GLUE_SEG without
 * rights compares offsets only.
 */
void mem_check_target(struct xlate *x, unsigned size, unsigned d)
{
	u32 limit = x->mode->cs_limit;

	if (limit == 0xffffffff || (size == 2 && limit >= 0xffff) ||
	    XLATE_FAULT(NO_LIMIT))
		return;
	/* mov r14d, r8d (or back); call GLUE_SEG; mov r8d, r14d */
	emit_mov_rr(&x->e, 4, d == HR_ADDR ? HR_KEEP : HR_ADDR, d);
	mem_access_word(x, SEG_CS, 1, 0);
	x_glue_call(x, GLUE_SEG);
	emit_mov_rr(&x->e, 4, HR_ADDR, HR_KEEP);
}

/* call [r15+commit]: the write may have met code, MMIO, a bounce buffer */
static void mem_call_commit(struct xlate *x)
{
	struct hmem m = CPU_MEM(commit);

	emit_call_m(&x->e, &m);
}

void mem_commit(struct xlate *x)
{
	if (!x->helper || XLATE_FAULT(NO_COMMIT))
		return;
	x_site(x, SITE_AFTER, 0, 0, false);
	mem_call_commit(x);
}

void mem_commit_again(struct xlate *x)
{
	if (!x->helper)
		return;
	x_site(x, SITE_PLAIN, 0, 0, false);
	mem_call_commit(x);
}
