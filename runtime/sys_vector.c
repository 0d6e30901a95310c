// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_vector.c - vector instructions that touch memory by elements, for sites
 * that have no direct form: masked moves, which must not touch what the mask
 * leaves out, and gathers. SDM vol. 2: MASKMOVQ, MASKMOVDQU, VMASKMOV,
 * VPMASKMOV, VGATHER and VPGATHER.
 *
 * Runs on light exits: it saves the guest's vector registers and works on
 * the image in cpu.xsave_area; who goes on in generated code loads them
 * again. None of these instructions checks alignment.
 */
#include "sys_impl.h"

#define IMG_FSW	  2
#define IMG_FTW	  4
#define IMG_ST	  32
#define IMG_XMM	  160
#define IMG_BV	  512
#define IMG_YMMH  576
#define IMG_PART  256 /* sixteen halves of a register */
#define FSW_TOP	  0x3800
#define VEC_BYTES 32

/* --- registers */

/*
 * The image, every part of it valid: a part that XSTATE_BV leaves out is in
 * its initial state, and would be again when it is loaded.
 */
static u8 *vec_image(struct vcpu *v)
{
	u8 *img = v->cpu.xsave_area;
	u64 have = v->host->xcr0 & (XCR0_X87 | XCR0_SSE | XCR0_AVX), bv;

	vcpu_fpu_put(v);
	if (!have)
		return img; /* of fxsave */
	bv = light_get64(img + IMG_BV);
	if (!(bv & XCR0_X87)) {
		light_zero(img, 24);
		light_put16(img, 0x37f);
		light_zero(img + IMG_ST, 128);
	}
	if (!(bv & XCR0_SSE))
		light_zero(img + IMG_XMM, IMG_PART);
	if (!(bv & XCR0_AVX) && (have & XCR0_AVX))
		light_zero(img + IMG_YMMH, IMG_PART);
	light_put64(img + IMG_BV, bv | have);
	return img;
}

static void vec_get(const u8 *img, unsigned n, bool ymm, u8 *r)
{
	light_copy(r, img + IMG_XMM + 16 * n, 16);
	if (ymm)
		light_copy(r + 16, img + IMG_YMMH + 16 * n, 16);
}

static void vec_put(u8 *img, unsigned n, const u8 *r)
{
	light_copy(img + IMG_XMM + 16 * n, r, 16);
	light_copy(img + IMG_YMMH + 16 * n, r + 16, 16);
}

/* Slot of an MMX register: x87 images begin at the top of the stack. */
static u8 *mmx_slot(u8 *img, unsigned n)
{
	unsigned top = (light_get16(img + IMG_FSW) & FSW_TOP) >> 11;

	return img + IMG_ST + 16 * ((n - top) & 7);
}

/* An MMX instruction leaves the top at 0 and no register empty. */
static void mmx_enter(u8 *img)
{
	u8 st[128];

	for (unsigned n = 0; n < 8; n++)
		light_copy(st + 16 * n, mmx_slot(img, n), 16);
	light_copy(img + IMG_ST, st, sizeof(st));
	light_put16(img + IMG_FSW,
		    light_get16(img + IMG_FSW) & (u16)~FSW_TOP);
	img[IMG_FTW] = 0xff;
}

/* --- gates, as the translator has them */

static int vec_gate(struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;
	const u64 avx = XCR0_SSE | XCR0_AVX;

	if (i->vex ? !(c->cr4 & CR4_OSXSAVE) || (c->xcr0 & avx) != avx :
		     !!(c->cr0 & CR0_EM))
		return sys_fail_ud(v);
	if (i->row->gate == GATE_SSE && !(c->cr4 & CR4_OSFXSR))
		return sys_fail_ud(v);
	if (c->cr0 & CR0_TS) {
		exc_raise(v, VEC_NM);
		return -1;
	}
	return 0;
}

/* --- memory */

/* Linear address of size bytes at an offset; both ends are in the segment. */
static int vec_linear(struct vcpu *v, unsigned seg, u32 off, unsigned size,
		      enum mmu_access acc, gva_t *la)
{
	u32 last = off + size - 1;
	gva_t end;

	if (last < off)
		return sys_fail(v, seg == CPU_SS ? VEC_SS : VEC_GP, 0);
	if (seg_check(v, seg, last, 1, acc, &end))
		return -1;
	return seg_check(v, seg, off, 1, acc, la);
}

/* --- masked moves */

struct masked {
	u32 off;
	unsigned size, n;     /* bytes of an element, elements */
	u8 mask[VEC_BYTES];   /* the highest bit of each element decides */
	u8 data[VEC_BYTES];
};

static bool vec_is_selected(const u8 *mask, unsigned size, unsigned k)
{
	return mask[k * size + size - 1] & 0x80;
}

/* Tests every selected element, in order, before the first is touched
 * (HAZARDS 9). */
static int masked_probe(struct vcpu *v, const struct insn *i,
			const struct masked *m, enum mmu_access acc)
{
	for (unsigned k = 0; k < m->n; k++) {
		gva_t la;

		if (!vec_is_selected(m->mask, m->size, k))
			continue;
		if (vec_linear(v, i->seg, m->off + k * m->size, m->size, acc,
			       &la) ||
		    gmem_probe(v, la, m->size, acc, vcpu_priv(v)))
			return -1;
	}
	return 0;
}

static int masked_run(struct vcpu *v, const struct insn *i, struct masked *m,
		      unsigned k, unsigned run, enum mmu_access acc)
{
	unsigned at = k * m->size, len = run * m->size;
	gva_t la;

	if (vec_linear(v, i->seg, m->off + at, len, acc, &la))
		return -1;
	return acc == MMU_WRITE ?
		       gmem_write(v, la, m->data + at, len, vcpu_priv(v)) :
		       gmem_read(v, la, m->data + at, len, vcpu_priv(v));
}

/* The access itself; neighbours that are selected are one. */
static int masked_access(struct vcpu *v, const struct insn *i,
			 struct masked *m, enum mmu_access acc)
{
	if (masked_probe(v, i, m, acc))
		return -1;
	for (unsigned k = 0, run; k < m->n; k += run + 1) {
		for (run = 0; k + run < m->n; run++)
			if (!vec_is_selected(m->mask, m->size, k + run))
				break;
		if (run && masked_run(v, i, m, k, run, acc))
			return -1;
	}
	return 0;
}

static unsigned vec_size(const struct insn *i)
{
	switch (i->row->op) {
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVQ:
	case OP_VGATHERDPD:
	case OP_VGATHERQPD:
	case OP_VPGATHERDQ:
	case OP_VPGATHERQQ:
		return 8;
	default:
		return 4;
	}
}

static enum hret vec_maskmov(struct vcpu *v, const struct insn *i)
{
	u8 *img = vec_image(v);
	struct masked m = { .off = seg_insn_off(v, i), .size = vec_size(i) };

	m.n = (i->vexl ? 32 : 16) / m.size;
	vec_get(img, i->vvvv, i->vexl, m.mask);
	if (i->row->mem == MEM_W) {
		vec_get(img, i->reg, i->vexl, m.data);
		return masked_access(v, i, &m, MMU_WRITE) ? H_EXC : H_NEXT;
	}
	if (masked_access(v, i, &m, MMU_READ))
		return H_EXC;
	vec_put(img, i->reg, m.data);
	return H_NEXT;
}

/* --- maskmovq, maskmovdqu: bytes to [edi] */

/* #MF, or FERR#, of an earlier x87 instruction comes before MMX. */
static bool mmx_pending(struct vcpu *v, const u8 *img, enum hret *r)
{
	if (!(light_get16(img + IMG_FSW) & FSW_ES))
		return false;
	if (v->cpu.cr0 & CR0_NE) {
		*r = exc_raise(v, VEC_MF);
	} else {
		v->run->reason = UMBRA_EXIT_FERR;
		*r = H_EXIT;
	}
	return true;
}

static enum hret vec_maskmov_bytes(struct vcpu *v, const struct insn *i)
{
	u8 *img = vec_image(v);
	bool mmx = i->row->op == OP_MASKMOVQ;
	struct masked m = { .off = gpr_get(v, R_DI, i->adsize), .size = 1,
			    .n = mmx ? 8 : 16 };
	enum hret r;

	if (mmx) {
		if (mmx_pending(v, img, &r))
			return r;
		light_copy(m.data, mmx_slot(img, i->reg), 8);
		light_copy(m.mask, mmx_slot(img, i->rm), 8);
	} else {
		vec_get(img, i->reg, false, m.data);
		vec_get(img, i->rm, false, m.mask);
	}
	if (masked_access(v, i, &m, MMU_WRITE))
		return H_EXC;
	if (mmx)
		mmx_enter(img);
	return H_NEXT;
}

/* --- gathers */

struct gather {
	unsigned size, n;   /* bytes of an element, elements */
	bool wide;	    /* indices of 64 bits; addresses keep 32 of them */
	u8 index[VEC_BYTES], mask[VEC_BYTES], dst[VEC_BYTES];
};

static u32 gather_off(const struct vcpu *v, const struct insn *i,
		      const struct gather *g, unsigned k)
{
	u32 n = light_get32(g->index + k * (g->wide ? 8 : 4));
	u32 base = i->base < 0 ? 0 : gpr_get(v, (unsigned)i->base, 4);

	return base + (u32)i->disp + (n << i->scale);
}

/* Elements in order; each that is done leaves the mask. */
static int gather_elements(struct vcpu *v, const struct insn *i,
			   struct gather *g)
{
	for (unsigned k = 0; k < g->n; k++) {
		unsigned at = k * g->size;
		gva_t la;

		if (vec_is_selected(g->mask, g->size, k) &&
		    (vec_linear(v, i->seg, gather_off(v, i, g, k), g->size,
				MMU_READ, &la) ||
		     gmem_read(v, la, g->dst + at, g->size, vcpu_priv(v))))
			return -1;
		light_zero(g->mask + at, g->size);
	}
	return 0;
}

/*
 * A fault keeps what is done: the handler returns to the same instruction,
 * which goes on with the rest of its mask; the SDM leaves it open what else of
 * the mask is kept, and processors keep all. An access that waits for a device
 * keeps nothing, since what was read meanwhile is handed out again.
 */
static enum hret vec_gather(struct vcpu *v, const struct insn *i)
{
	u8 *img = vec_image(v);
	struct gather g = { .size = vec_size(i), .wide = i->opcode & 1 };
	int err;

	g.n = (i->vexl ? 32 : 16) / (g.wide ? 8 : g.size);
	vec_get(img, (unsigned)i->index, true, g.index);
	vec_get(img, i->vvvv, true, g.mask);
	vec_get(img, i->reg, true, g.dst);
	err = gather_elements(v, i, &g);
	if (err && !v->exc.pending)
		return H_EXC;
	if (!err) {
		light_zero(g.dst + g.n * g.size, VEC_BYTES - g.n * g.size);
		light_zero(g.mask, VEC_BYTES);
	}
	vec_put(img, i->vvvv, g.mask);
	vec_put(img, i->reg, g.dst);
	return err ? H_EXC : H_NEXT;
}

enum hret sys_vector(struct vcpu *v, const struct insn *i)
{
	if (vec_gate(v, i))
		return H_EXC;
	switch (i->row->op) {
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
		return vec_maskmov_bytes(v, i);
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		return vec_maskmov(v, i);
	default:
		return vec_gather(v, i);
	}
}
