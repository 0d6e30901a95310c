/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seqgen.h - between seqgen.c, which makes a sequence piece by piece, and
 * seqflow.c and seqfault.c, which know the pieces that are more than one
 * instruction.
 */
#ifndef UMBRA_TESTS_SEQGEN_H
#define UMBRA_TESTS_SEQGEN_H

#include "seq.h"

/* What a sequence that is being made has come to. */
struct gen {
	struct rng r;
	struct seq *q;
	const u64 *features;
	struct orun_result cur; /* state at the end of `chunk` */
	u8 chunk;
	u8 parent[SEQ_CHUNKS];	/* the chunk that called it */
	u8 first[SEQ_CHUNKS];	/* its first instruction */
	bool done[SEQ_CHUNKS];	/* it returns */
	u32 counters;		/* words of SEQ_COUNTERS that are used */
	u8 final_odds;		/* 1 in so many faults ends the sequence */
	u8 weight[5];		/* of the kinds of rows */
	struct seq_layout l;
};

/* Appends instructions to the current chunk; NULL if it is full. */
struct seq_insn *gen_add(struct gen *g, const u8 *b, unsigned len);
#define GEN(g, ...)                                                           \
	gen_add(g, (const u8[]){ __VA_ARGS__ },                               \
		sizeof((const u8[]){ __VA_ARGS__ }))
/* The last bytes are a field for instruction `target` of a chunk. */
void gen_fix(struct seq_insn *s, enum seq_fix fix, unsigned size,
	     unsigned target, u8 chunk);
/* Operands of an instruction's own size: 2 or 4 bytes. */
unsigned gen_size(const struct gen *g);
void gen_mov(struct gen *g, unsigned reg, u32 v);
void gen_push(struct gen *g, u32 v);
/* mov [la], v by an address, 16-bit code too. */
void gen_store(struct gen *g, u32 la, u32 v);

struct gen_want {
	unsigned size;
	bool write, aligned, faults;
};
/* A linear address that data can be at. */
u32 gen_address(struct gen *g, struct gen_want w);
/* The same as an offset in DS or ES. */
u32 gen_offset(struct gen *g, struct gen_want w);

/* Not esp. */
u8 flow_reg(struct gen *g);
/* op [la] with that modrm.reg */
void flow_mem(struct gen *g, u8 op, u8 ext, u32 la);
/* One of the rows that are meant. */
void flow_row(struct gen *g,
	      bool (*is_meant)(const struct oprow *row, u16 op), u16 op);

/* One piece; it may add nothing. */
void flow_piece(struct gen *g);
/* seqfault.c: one that ends with an exception. */
void flow_fault(struct gen *g);
/* One random instruction, or a register load before it. */
void gen_random(struct gen *g);
void gen_row(struct gen *g, const struct oprow *row);

#endif
