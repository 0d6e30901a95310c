/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seq.h - random sequences of instructions on the places of orun.h: made,
 * laid out, run natively and in the engine, compared, made smaller.
 *
 * A sequence is a list of instructions in chunks. A chunk is code without
 * gaps somewhere in a group of 16 pages; behind its end and everywhere else
 * in the group lies int3, so a run that leaves a chunk at its end has ended.
 * Branches name an instruction, not an address: whatever is deleted, the rest
 * can be laid out again.
 */
#ifndef UMBRA_TESTS_SEQ_H
#define UMBRA_TESTS_SEQ_H

#include "orun.h"
#include "translator/optab.h"

#define SEQ_INSNS  96
#define SEQ_CHUNKS 5
#define SEQ_GROUP  (16 * (u32)PAGE_SIZE)
#define SEQ_GROUPS (ORUN_CODE_PAGES / 16)

/* What of an instruction depends on where its target lies. */
enum seq_fix {
	SEQ_PLAIN, /* nothing */
	SEQ_REL,   /* displacement of a branch */
	SEQ_ABS,   /* offset in CS of the target, plus add */
	SEQ_LIN,   /* its linear address, plus add */
};

struct seq_insn {
	u8 b[16], len;
	u8 chunk;
	u8 fix, fixat, fixsize; /* enum seq_fix; offset and bytes of the field */
	s8 add;
	u8 target, tchunk; /* the first instruction of chunk tchunk from number
			      `target` on; the end of the chunk if none is */
	bool blind; /* behind the end of the run when it was made */
	u16 row;    /* number in optab */
};

struct seq {
	u64 seed;
	bool code16;   /* 16-bit code, data and stack segments */
	bool zero_mem; /* all data is zero */
	unsigned n, nchunks;
	unsigned enter; /* the instruction where one of the runs begins */
	struct seq_insn insn[SEQ_INSNS];
	u32 group;	      /* linear address of its pages */
	u32 base[SEQ_CHUNKS]; /* linear */
	struct orun_state st; /* eip is not used */
};

/* Where everything lies. */
struct seq_layout {
	u32 addr[SEQ_INSNS], end[SEQ_CHUNKS]; /* linear */
	u32 pages;  /* bit k: page k of the group has code */
	u8 code[SEQ_GROUP];
};

struct rng {
	u64 s;
};
u32 seq_rand(struct rng *r);
static inline u32 seq_below(struct rng *r, u32 n)
{
	return seq_rand(r) % n;
}
static inline bool seq_one_in(struct rng *r, u32 n)
{
	return seq_below(r, n) == 0;
}
u32 seq_value(struct rng *r); /* edge values often */

/* --- seq.c: layout, memory, segments */

/* Descriptors of the LDT that sequences use, by number. */
enum { SEQ_LDT_DATA,   /* ORUN_DATA, 32 KiB, 16-bit */
       SEQ_LDT_BASED,  /* 4 GiB from SEQ_BASED */
       SEQ_LDT_RO,     /* ORUN_DATA, read-only */
       SEQ_LDT_DOWN,   /* expand-down: 0x1000..0xffff of ORUN_DATA - 0x1000 */
       SEQ_LDT_STACK,  /* ORUN_STACK, 16 KiB, 16-bit */
       SEQ_LDT_CODE }; /* 16-bit code: the group */
#define SEQ_SEL(n) ORUN_LDT(n)
#define SEQ_BASED  0x1fff0000u /* where the segment of that name begins */
/* 0, or -1 if the host's kernel has no such segments. */
int seq_segments(struct orun *o);
u32 seq_seg_base(const struct seq *q, u16 sel);
u32 seq_cs_base(const struct seq *q);

/* Data at the beginning: three areas behind each other. */
#define SEQ_DATA_PAGES (ORUN_DATA_PAGES + ORUN_STACK_PAGES + 1)
#define SEQ_COUNTERS   (ORUN_DATA + 0x2a00) /* words of 1 to 4 */
#define SEQ_CONTROLS   (ORUN_DATA + 0x2b00) /* MXCSR, FCW with valid values */
#define SEQ_CONTROLS_NR 16
#define SEQ_ONES       (ORUN_DATA + 0x2c00) /* words of 1, zeroes behind */
const u8 *seq_data(bool zero);

/* false: a branch does not reach. */
bool seq_layout(const struct seq *q, struct seq_layout *l);
/* Code and data of the sequence; only what differs is written. */
void seq_load(struct orun *o, const struct seq *q, const struct seq_layout *l);
/* The group is int3 again: other sequences may read it. */
void seq_unload(struct orun *o, const struct seq *q);
/* All code is int3. */
void seq_clear(struct orun *o);
/* Something was written to code outside of the sequence's group. */
bool seq_strayed(const struct orun *o, const struct seq *q);
/* Offset in CS of a linear address. */
u32 seq_eip(const struct seq *q, u32 la);
/* From instruction `from` on. */
void seq_start(const struct seq *q, const struct seq_layout *l, unsigned from,
	       struct orun_state *st);
/* Data or code differ after a run: the linear address, else 0. */
u32 seq_memory_differs(const struct orun *a, const struct orun *b,
		       const struct seq *q);
void seq_delete(struct seq *q, unsigned i);

/* --- seqenc.c: one instruction of a row */

/* Why a row does not come up, or NULL. */
const char *seq_row_refused(const struct oprow *row, const u64 *features);
/* Why this very instruction does not come up, or NULL: where hosts differ. */
const char *seq_insn_refused(const struct insn *insn);
bool seq_encode(struct rng *r, const struct oprow *row, int mode,
		const u64 *features, u8 *b, struct insn *insn);
/* Offset of its memory operand with these registers. */
u32 seq_ea(const struct insn *insn, const u32 *gpr);

/* --- seqgen.c, seqflow.c: a whole one */
void seq_generate(struct seq *q, u64 seed, const u64 *features);

/* --- seqrun.c */
enum seq_verdict { SEQ_SAME, SEQ_DIFFERS, SEQ_EXCUSED, SEQ_DROPPED };
enum { SEQ_OVER_END, SEQ_NESTED, SEQ_ALIGNMENT, SEQ_FRAME, SEQ_DECIMAL, SEQ_UD, SEQ_PUSH_SEG,
       SEQ_HOST_GDT,
       SEQ_EXCUSES };
extern const char *const seq_excuse_name[SEQ_EXCUSES];
enum seq_run { SEQ_FIRST, SEQ_AGAIN, SEQ_COLD, SEQ_MIDDLE, SEQ_RUNS };
struct seq_diff {
	enum seq_run run;
	unsigned parts; /* ORUN_DIFF_* */
	u32 la;		/* memory that differs, or 0 */
	int excuse;     /* of a verdict SEQ_EXCUSED, else -1 */
	struct orun_result nat, vm;
};
extern const char *const seq_run_name[SEQ_RUNS];
/* All runs of q natively and in vm; the first difference goes to *d. nat is
 * what the first native run came to. */
enum seq_verdict seq_compare(const struct seq *q, struct orun *vm,
			     struct seq_diff *d, struct orun_result *nat);

/* How the engine is asked to do it. broken: for tests of the tests, a machine
 * that sets CF after a run whose code contains setcc and then cmovcc. */
struct seq_mode {
	const char *name;
	struct umbra_inject inject;
	bool broken;
};
extern const struct seq_mode seq_modes[];
extern const unsigned seq_modes_nr;
struct orun *seq_open(const struct seq_mode *m);

/* --- seqmin.c */
/* Makes q smaller as long as it differs in a new machine; how many runs that
 * took, 0 if it does not differ there. */
unsigned seq_minimise(struct seq *q, const struct seq_mode *m);

/* --- seqprint.c */
void seq_report(FILE *f, const struct seq *q, const struct seq_mode *m,
		const struct seq_diff *d);

struct seq_cover; /* what sequences consisted of */
struct seq_cover *seq_cover_new(void);
void seq_cover_add(struct seq_cover *c, const struct seq *q,
		   const struct orun_result *nat);
/* The sums to f, all rows to the file at path (NULL: not). */
void seq_cover_print(const struct seq_cover *c, FILE *f, const char *path,
		     const u64 *features);

/* Sums of the engine's counters over these machines. */
void seq_print_counters(FILE *f, struct orun *const *vm, unsigned n);

#endif
