/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen.c - random code for the hostile guest: noise, and instructions that are
 * plausible enough to be executed for a while.
 */
#include "hostile.h"

void gen_byte(struct gen *g, u32 v)
{
	if (g->at < g->end)
		MEM8(g->at++) = (u8)v;
}

void gen_32(struct gen *g, u32 v)
{
	for (u32 i = 0; i < 4; i++)
		gen_byte(g, v >> (8 * i));
}

void gen_noise(u32 at, u32 bytes)
{
	for (u32 i = 0; i < bytes; i += 4)
		MEM32(at + i) = rnd();
}

/* ModRM, SIB and a displacement that mostly stays near. */
static void gen_modrm(struct gen *g, u32 reg)
{
	u32 mod = below(4), rm = below(8);

	gen_byte(g, mod << 6 | reg << 3 | rm);
	if (mod == 3)
		return;
	if (rm == 4)
		gen_byte(g, rnd());
	if (mod == 1)
		gen_byte(g, rnd());
	else if (mod == 2)
		gen_32(g, chance(4) ? rnd() : below(ARENA_BYTES));
	else if (rm == 5)
		gen_32(g, chance(4) ? rnd() : ARENA_U + below(ARENA_BYTES));
}

static void gen_prefixes(struct gen *g)
{
	static const u8 prefix[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3,
				     0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	while (chance(8))
		gen_byte(g, prefix[below(ARRAY_SIZE(prefix))]);
}

void gen_insn(struct gen *g)
{
	static const u8 strings[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab,
				      0xac, 0xad, 0xae, 0xaf };

	gen_prefixes(g);
	switch (below(12)) {
	case 0: /* arithmetic, all forms */
		gen_byte(g, below(8) << 3 | below(4));
		gen_modrm(g, below(8));
		break;
	case 1: /* moves, lea, test, xchg, segment registers */
		gen_byte(g, 0x84 + below(12));
		gen_modrm(g, below(8));
		break;
	case 2: /* one byte: push, pop, inc, dec, xchg, bcd, flags */
		gen_byte(g, 0x40 + below(0x60));
		gen_32(g, rnd());
		break;
	case 3: /* immediate, shift and single-operand groups */
		gen_byte(g, chance(2) ? 0xc0 + below(2) : 0xd0 + below(4));
		gen_modrm(g, below(8));
		gen_byte(g, rnd());
		break;
	case 4:
		gen_byte(g, 0xf6 + below(2) + (chance(2) ? 8 : 0));
		gen_modrm(g, below(8));
		gen_32(g, rnd());
		break;
	case 5: /* x87 */
		gen_byte(g, 0xd8 + below(8));
		gen_modrm(g, below(8));
		break;
	case 6:
	case 7: /* the second map: SSE and system */
		gen_byte(g, 0x0f);
		gen_byte(g, rnd());
		gen_modrm(g, below(8));
		gen_byte(g, rnd());
		break;
	case 8: /* VEX */
		gen_byte(g, chance(2) ? 0xc5 : 0xc4);
		gen_byte(g, 0xc0 | below(64));
		gen_byte(g, rnd());
		gen_byte(g, rnd());
		gen_modrm(g, below(8));
		break;
	case 9: /* short branches, loops */
		gen_byte(g, chance(4) ? 0xe0 + below(4) : 0x70 + below(16));
		gen_byte(g, chance(3) ? rnd() : below(24));
		break;
	case 10: /* near branches */
		gen_byte(g, 0xe8 + below(2));
		gen_32(g, (u32)(-(s32)below(64) + (s32)below(256)));
		break;
	case 11:
		if (chance(2))
			gen_byte(g, 0xf2 + below(2));
		gen_byte(g, strings[below(ARRAY_SIZE(strings))]);
		break;
	}
}

void gen_code(u32 at, u32 bytes)
{
	struct gen g = { at, at + bytes - 2 };

	while (g.at < g.end)
		gen_insn(&g);
	g.end += 2;
	gen_byte(&g, 0xcd);
	gen_byte(&g, VEC_END);
}

/* Mostly pointers into the arena at base, and small counts. */
void regs_random(struct regs *r, u32 base, int cpl)
{
	u32 *p = &r->eax;

	regs_init(r, (void *)(base + below(ARENA_BYTES)), cpl);
	for (u32 i = 0; i < 8; i++)
		p[i] = chance(4) ? rnd() :
		       chance(3) ? below(300) : base + below(ARENA_BYTES);
	r->esp = chance(8) ? rnd() : base + below(ARENA_BYTES);
	r->efl = EFL_FIXED1 |
		 (rnd() & (EFL_ARITH | EFL_DF | (chance(8) ? EFL_AC : 0) |
			   (chance(32) ? EFL_TF : 0)));
}
