/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowgen.h - random instructions of a given row of optab.def, with registers
 * and memory that make their operands meaningful. For tests.
 *
 * Everything follows from the state of the struct rng and from what is wanted:
 * the same seed gives the same case.
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

/* A value that is often an edge: 0, 1, -1, borders of signs and sizes. */
u32 rng_value(struct rng *r);

/* Kinds of modrm operands; those of 16-bit addressing begin with GA_W. */
enum gen_addr {
	GA_NONE, /* the row has no modrm */
	GA_REG,
	GA_DISP,       /* [disp32] */
	GA_BASE,       /* [base] */
	GA_BASE_D8,    /* [base+disp8] */
	GA_BASE_D32,   /* [base+disp32] */
	GA_ESP,	       /* [esp+disp8]: SIB without index */
	GA_SIB,	       /* [base+index*scale] */
	GA_SIB_D8,     /* [base+index*scale+disp8] */
	GA_SIB_D32,    /* [base+index*scale+disp32] */
	GA_INDEX_D32,  /* [index*scale+disp32] */
	GA_W_DISP,     /* [disp16] */
	GA_W_ONE,      /* [si] and its like */
	GA_W_ONE_D8,
	GA_W_ONE_D16,
	GA_W_TWO,      /* [bx+si] and its like */
	GA_W_TWO_D8,
	GA_W_TWO_D16,
	GA_NR,
	GA_ANY = 0xff
};

/* Where the operand lies. */
enum gen_place {
	GP_IN,	     /* well inside */
	GP_CROSS,    /* across a page end, both pages there */
	GP_END,	     /* its last byte is the last of what is mapped, or the
			first the first */
	GP_OVER,     /* over such an end */
	GP_HOLE,     /* nothing is there */
	GP_RO,	     /* read-only */
	GP_CROSS_RO, /* from a writable to a read-only page, or back */
	GP_TOP,	     /* at the end of the address space */
	GP_WRAP,     /* over it */
	GP_LIMIT,    /* about a limit of the segment */
	GP_NR,
	GP_ANY = 0xff
};

/* Encodings that are not as the row wants them, mostly #UD. */
enum gen_odd {
	GO_NONE,
	GO_LOCK,   /* lock where it must not be */
	GO_REP,	   /* f3 */
	GO_REPNE,  /* f2 */
	GO_66,
	GO_MOD,	   /* register in place of memory, or the reverse */
	GO_VVVV,   /* the other fields of VEX */
	GO_L,
	GO_W,
	GO_SEGS,   /* several segment overrides and other prefixes again */
	GO_LONG,   /* more than 15 bytes */
	GO_NR
};

#define GEN_ANY 0xff /* in the fields below: at random */

struct gen_want {
	u8 addr;    /* enum gen_addr */
	u8 p66, p67; /* 0, 1; p67 is for rows without modrm */
	u8 seg;	    /* override: 0 none, else enum insn_seg + 1 */
	u8 lock;    /* 0, 1 */
	u8 rep;	    /* of rows that have it: 0 none, 1 f3, 2 f2 */
	u8 vexl, vexw;
	u8 place;   /* enum gen_place */
	u8 odd;	    /* enum gen_odd */
	u8 embed;   /* register in the opcode: 0..7 */
	u8 eflags;  /* 0..127: arithmetic flags and DF */
};

struct gen_undo {
	u32 off, len;
	u8 old[64];
};
#define GEN_POKES 24

/* A case with its own memory and vector state. */
struct gen_case {
	struct low_case c;
	struct insn insn; /* row NULL: the encoding is none (GO_*) */
	enum insn_err err;
	struct gen_want want; /* with everything settled */
	u32 ea;		  /* linear address of the operand that was placed */
	bool placed;
	bool wraps;	  /* some operand goes over 4 GiB in a segment that
			     ends there */
	unsigned npokes;
	struct gen_undo pokes[GEN_POKES];
	u8 mem[LOW_MEM];
	u8 ximage[4096] __attribute__((aligned(64)));
};

/* Random memory and vector state. */
void gen_state(struct rng *r, struct gen_case *g);
/* One instruction of that row at random; false if none was found. */
bool gen_insn(struct rng *r, const struct oprow *row, enum low_seg seg,
	      struct gen_case *g);
/* The same as wanted. With want->odd the result may be of another row. */
bool gen_make(struct rng *r, const struct oprow *row, enum low_seg seg,
	      const struct gen_want *want, struct gen_case *g);
/* May a row have such a modrm operand (in code of that width)? */
bool gen_row_has_addr(const struct oprow *row, enum gen_addr addr);
extern const char *const gen_addr_name[GA_NR];
extern const char *const gen_place_name[GP_NR];
extern const char *const gen_odd_name[GO_NR];
u32 gen_eflags(unsigned n); /* 0..127 */

/* --- parts of it */
/* lowstate.c: vector registers into g->ximage; what is poked in memory is
 * taken back by the next case. */
void gen_vectors(struct rng *r, struct gen_case *g);
void gen_poke(struct gen_case *g, u32 la, const void *buf, u32 len);
void gen_poke_back(struct gen_case *g);
u32 gen_peek(const struct gen_case *g, u32 la, unsigned size);
/* The operand of size bytes at la gets values that suit the row. */
void gen_poke_values(struct rng *r, struct gen_case *g, u32 la, u32 size);
/* lowplace.c: registers and memory for g->insn; false: try another. */
bool gen_place(struct rng *r, struct gen_case *g);
/* lowsel.c: the same for segments, far transfers, images, once the operand has
 * its place. */
void gen_place_system(struct rng *r, struct gen_case *g);

#endif
