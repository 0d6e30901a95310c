/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowgen.h - random instructions of a given row of optab.def, with registers
 * and memory that make their operands meaningful. For tests.
 */
#ifndef UMBRA_TESTS_LOWGEN_H
#define UMBRA_TESTS_LOWGEN_H

#include "lowrun.h"

struct rng {
	u64 s;
};

u32 rng_u32(struct rng *r);
static inline u32 rng_below(struct rng *r, u32 n)
{
	return rng_u32(r) % n;
}
static inline bool rng_one_in(struct rng *r, u32 n)
{
	return rng_below(r, n) == 0;
}

/* A case with its own memory and vector state. */
struct gen_case {
	struct low_case c;
	struct insn insn;
	u8 mem[LOW_MEM];
	u8 ximage[4096] __attribute__((aligned(64)));
};

/* Random memory and vector state. */
void gen_state(struct rng *r, struct gen_case *g);
/* One instruction of that row; false if none was found. */
bool gen_insn(struct rng *r, const struct oprow *row, enum low_seg seg,
	      struct gen_case *g);

#endif
