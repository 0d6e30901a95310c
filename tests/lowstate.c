// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lowstate.c - values for test cases: integers at their edges, floating-point
 * numbers of all kinds, BCD; images of the vector state; memory that can be
 * put back. See lowgen.h.
 */
#include <string.h>
#include "lowgen.h"

u32 rng_u32(struct rng *r)
{
	r->s = r->s * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(r->s >> 32) ^ (u32)(r->s >> 17);
}

u32 rng_value(struct rng *r)
{
	static const u32 odd[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff,
				   0x8000, 0xffff, 0x10000, 0x7fffffff,
				   0x80000000, 0xffffff80, 0xfffffffe,
				   0xffffffff };

	return rng_one_in(r, 3) ? odd[rng_below(r, ARRAY_SIZE(odd))] :
				  rng_u32(r);
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, 8);
}

static u64 rng_u64(struct rng *r)
{
	u64 hi = rng_u32(r);

	return hi << 32 | rng_u32(r);
}

/* Zero, denormal, smallest, one, largest, infinity, quiet and signalling NaN,
 * indefinite, borders of the integers; signs at random. */
static u32 float_value(struct rng *r)
{
	static const u32 odd[] = { 0, 1, 0x007fffff, 0x00800000, 0x3f800000,
				   0x3f000000, 0x7f7fffff, 0x7f800000,
				   0x7fc00000, 0x7fc00001, 0x7f800001,
				   0x4f000000, 0x4effffff, 0x5f000000,
				   0x3effffff, 0x33ffffff };

	if (rng_one_in(r, 2))
		return odd[rng_below(r, ARRAY_SIZE(odd))] |
		       (rng_u32(r) & 0x80000000);
	if (rng_one_in(r, 4))
		return rng_u32(r);
	return (rng_u32(r) & 0x807fffff) | (120 + rng_below(r, 16)) << 23;
}

static u64 double_value(struct rng *r)
{
	static const u64 odd[] = {
		0, 1, 0x000fffffffffffff, 0x0010000000000000,
		0x3ff0000000000000, 0x3fe0000000000000, 0x7fefffffffffffff,
		0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
		0x41e0000000000000, 0x41dfffffffc00000, 0x43e0000000000000,
		0x47efffffe0000000, 0x47f0000000000000, 0x380fffffffffffff,
		0x3690000000000000,
	};

	if (rng_one_in(r, 2))
		return odd[rng_below(r, ARRAY_SIZE(odd))] |
		       (u64)(rng_u32(r) & 0x80000000) << 32;
	if (rng_one_in(r, 4))
		return rng_u64(r);
	return (rng_u64(r) & 0x800fffffffffffff) |
	       (u64)(1016 + rng_below(r, 16)) << 52;
}

/* Double extended: the above, and what has no integer bit (SDM vol. 1, 8.2). */
static void extended_value(struct rng *r, u8 *p)
{
	static const u16 exps[] = { 0, 1, 0x3f80, 0x3ffe, 0x3fff, 0x4000,
				    0x401e, 0x403e, 0x407e, 0x43fe, 0x7ffe,
				    0x7fff };
	static const u64 mants[] = { 0, 1, 0x8000000000000000,
				     0xc000000000000000, 0x8000000000000001,
				     0xffffffffffffffff, 0x7fffffffffffffff };
	u64 m = rng_one_in(r, 2) ? mants[rng_below(r, ARRAY_SIZE(mants))] :
				   rng_u64(r) | 1ull << 63;
	u16 e = rng_one_in(r, 3) ? exps[rng_below(r, ARRAY_SIZE(exps))] :
				   0x3ff0 + rng_below(r, 32);

	if (rng_one_in(r, 12))
		m = rng_u64(r);
	if (!rng_one_in(r, 4))
		m |= e ? 1ull << 63 : 0;
	e |= rng_u32(r) & 0x8000;
	put64(p, m);
	memcpy(p + 8, &e, 2);
}

static void bcd_value(struct rng *r, u8 *p)
{
	for (int i = 0; i < 9; i++)
		p[i] = rng_below(r, 10) | rng_below(r, 10) << 4;
	p[9] = rng_u32(r) & 0x80;
	if (rng_one_in(r, 6))
		p[rng_below(r, 10)] = rng_u32(r);
}

/* One style for a whole register keeps elements comparable. */
static void vector_value(struct rng *r, u8 *p, unsigned size)
{
	unsigned style = rng_below(r, 6);
	u32 same = rng_value(r);

	for (unsigned i = 0; i < size; i += 8) {
		switch (style) {
		case 0:
		case 1:
			put32(p + i, float_value(r));
			put32(p + i + 4, float_value(r));
			break;
		case 2:
			put64(p + i, double_value(r));
			break;
		case 3:
			put32(p + i, rng_value(r));
			put32(p + i + 4, rng_value(r));
			break;
		case 4: /* bytes at their edges */
			for (int k = 0; k < 8; k++)
				p[i + k] = (u8)(0x7f + rng_below(r, 3)) -
					   (rng_u32(r) & 0x7f);
			break;
		default:
			put32(p + i, same);
			put32(p + i + 4, rng_one_in(r, 2) ? same : ~same);
		}
	}
}

/* Now and then an exception is not masked, or one is pending. */
static void x87_control(struct rng *r, u8 *x)
{
	u16 cw = 0x37f, sw = 0;

	if (rng_one_in(r, 2))
		cw = (cw & ~0xc00) | (rng_u32(r) & 0xc00);
	if (rng_one_in(r, 3)) /* 1 is reserved */
		cw = (cw & ~0x300) | (rng_one_in(r, 2) ? 0x200 : 0);
	if (rng_one_in(r, 3))
		sw |= rng_u32(r) & 0x4700; /* C3, C2 to C0 */
	if (rng_one_in(r, 4))
		sw |= rng_u32(r) & 0x3f;
	if (rng_one_in(r, 6))
		cw &= ~(rng_u32(r) & 0x3f);
	if (sw & ~cw & 0x3f)
		sw |= 0x8080;
	if (rng_one_in(r, 2))
		sw |= rng_below(r, 8) << 11;
	memcpy(x, &cw, 2);
	memcpy(x + 2, &sw, 2);
	x[4] = rng_one_in(r, 2) ? 0xff : rng_u32(r);
}

static u32 mxcsr_value(struct rng *r)
{
	u32 m = 0x1f80;

	if (rng_one_in(r, 2))
		m |= rng_u32(r) & 0x6000; /* rounding */
	if (rng_one_in(r, 4))
		m |= rng_u32(r) & 0x8040; /* FTZ, DAZ */
	if (rng_one_in(r, 4))
		m |= rng_u32(r) & 0x3f;
	if (rng_one_in(r, 6))
		m &= ~(rng_u32(r) & 0x1f80);
	return m;
}

/* xsave layout, SDM vol. 1, 13.4 */
void gen_vectors(struct rng *r, struct gen_case *g)
{
	u8 *x = g->ximage;

	memset(x, 0, 832);
	x87_control(r, x);
	put32(x + 24, mxcsr_value(r));
	for (int i = 0; i < 8; i++) {
		u8 *st = x + 32 + 16 * i;

		if (rng_one_in(r, 4)) { /* as MMX leaves it */
			vector_value(r, st, 8);
			st[8] = st[9] = 0xff;
		} else {
			extended_value(r, st);
		}
		vector_value(r, x + 160 + 16 * i, 16);
		vector_value(r, x + 576 + 16 * i, 16);
	}
	x[512] = 7;
}

void gen_state(struct rng *r, struct gen_case *g)
{
	for (unsigned i = 0; i < sizeof(g->mem); i += 4)
		put32(g->mem + i, rng_u32(r));
	memset(g->ximage, 0, sizeof(g->ximage));
	gen_vectors(r, g);
	g->npokes = 0;
	g->c.mem = g->mem;
	g->c.ximage = g->ximage;
}

static void poke_part(struct gen_case *g, u32 la, const u8 *buf, u32 len)
{
	u32 off = low_mem_offset(la);
	struct gen_undo *u = &g->pokes[g->npokes];

	if (off == LOW_MEM || g->npokes == GEN_POKES || len > sizeof(u->old))
		return;
	*u = (struct gen_undo){ .off = off, .len = len };
	memcpy(u->old, g->mem + off, len);
	memcpy(g->mem + off, buf, len);
	g->npokes++;
}

void gen_poke(struct gen_case *g, u32 la, const void *buf, u32 len)
{
	const u8 *p = buf;

	while (len) {
		u32 n = MIN(len, PAGE_SIZE - la % PAGE_SIZE);

		n = MIN(n, (u32)sizeof(g->pokes[0].old));
		poke_part(g, la, p, n);
		la += n;
		p += n;
		len -= n;
	}
}

void gen_poke_back(struct gen_case *g)
{
	while (g->npokes) {
		struct gen_undo *u = &g->pokes[--g->npokes];

		memcpy(g->mem + u->off, u->old, u->len);
	}
}

u32 gen_peek(const struct gen_case *g, u32 la, unsigned size)
{
	u32 v = 0;

	for (unsigned i = 0; i < size && i < 4; i++) {
		u32 off = low_mem_offset(la + i);

		if (off != LOW_MEM)
			v |= (u32)g->mem[off] << 8 * i;
	}
	return v;
}

void gen_poke_values(struct rng *r, struct gen_case *g, u32 la, u32 size)
{
	u8 v[64];

	if (!size || size > sizeof(v))
		return;
	memset(v, 0, sizeof(v));
	switch (g->insn.row->op) {
	case OP_FBLD:
		bcd_value(r, v);
		break;
	case OP_LDMXCSR:
		put32(v, mxcsr_value(r) | (rng_one_in(r, 8) ? 1u << 16 : 0));
		break;
	case OP_FLDCW:
		put32(v, rng_one_in(r, 4) ? rng_u32(r) : 0x37f);
		break;
	default:
		if (size == 10) {
			extended_value(r, v);
		} else if (g->insn.row->gate == GATE_NONE || size < 4) {
			for (u32 i = 0; i < size; i += 4)
				put32(v + i, rng_value(r));
		} else {
			vector_value(r, v, ALIGN_UP(size, 8));
		}
	}
	gen_poke(g, la, v, size);
}
