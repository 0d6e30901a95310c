/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle.h - the host is the oracle: what the parts of tests/oracle share.
 *
 * A *case* is one instruction with its state. It runs natively and by the
 * translator's blocks with a minimal glue (lowrun.h), or in the real engine
 * (orun.h); everything that both show must agree. A case follows from its id
 * alone, so that the id repeats it.
 */
#ifndef UMBRA_TESTS_ORACLE_H
#define UMBRA_TESTS_ORACLE_H

#include <stdio.h>
#include "tests/lowgen.h"

/* low_form as bits, for ids */
enum {
	OF_FSGSBASE = 1,
	OF_HELPER = 2,
	OF_CHECKED = 4,
	OF_PAIRS = 8,
	OF_VIA = 16,
	OF_STRICT = 32,
	OF_NR = 64
};

struct ocase {
	u16 row; /* index into optab[] */
	u8 seg;	 /* enum low_seg */
	u8 form; /* OF_*; of the engine: the number of its machine */
	bool engine;
	struct gen_want want;
	u64 seed;
};

#define OE_NR 32 /* kinds of differences that explain.c has room for */

/* What a row was exercised with; in memory shared by all processes. */
#define OC_PREFIXES 5 /* 66 67 f0 f3 f2 */
struct orow_cover {
	u32 low[LOW_SEG_NR]; /* compared with translated code, */
	u32 engine;	     /* and with the engine */
	u32 helper;	     /* handed to C with the right state */
	u32 addr[GA_NR], place[GP_NR], odd[GO_NR];
	u32 opsize[2], vexl[2];
	u32 prefix[OC_PREFIXES], segs[SEG_NR];
	u32 fault[32];
	u32 undefined; /* undefined flags differed, as the list says */
	u32 columns;   /* flags columns compared with the host */
	u64 eflags[2]; /* inputs that occurred, one bit each */
};

struct ocover {
	u32 tried, cases, engine, faults, helper, failed, refused;
	u32 columns, absent;
	u32 transient; /* differences that did not come again */
	u32 explained[OE_NR];
	u32 forms[OF_NR], machines[32];
	struct orow_cover row[]; /* optab_nr */
};

struct oracle {
	struct ocase id;
	unsigned row; /* of the case; not id.row where odd bytes made another */
	struct low_form f;
	struct gen_case g;
	struct low_result nat, xl;
	struct ocover *cov;
	int sabotage;	 /* self-test: enum sabotage of selftest.c */
	bool useless;	 /* the run says nothing: a system call, no end */
	unsigned shown;	 /* differences reported */
	unsigned show;	 /* that many in full, others in a line */
};

/* --- rows.c: what is tested, and what not and why */
/* NULL if the row is tested; else why it cannot be. */
const char *row_excuse(const struct oprow *row);
/* Only the engine can run it: it ends in C. */
bool row_is_engines(const struct oprow *row);
/* The host's CPU has it. */
bool row_is_on_host(const struct oprow *row, bool vexl);
/* Flags that may differ although the row's columns call them undefined: the
 * list with its references is tests/oracle/undefined.def. */
u32 row_undefined(const struct oprow *row);

/* --- compare.c: what differs, or NULL */
const char *oracle_compare(struct oracle *o);
/* The flags columns of the row against what the host does; NULL if right. */
const char *oracle_columns(struct oracle *o);
/* vector state but what says nothing: FIP, FDP, FOP, XSTATE_BV */
bool oracle_vectors_agree(const u8 *a, const u8 *b);

/* --- explain.c: the kind of a difference that is explained, or -1 */
int oracle_explain(const struct oracle *o);
/* Linear address of the explicit memory operand as the case is now. */
u32 oracle_operand(const struct oracle *o);
void explain_report(const struct ocover *c, FILE *f);
void explain_sums(const struct ocover *c);

/* --- run.c */
struct low_form form_unpack(unsigned bits);
/* Makes the case of o->id; false if there is none. */
bool oracle_make(struct oracle *o);
/* Runs the case as it is both ways; what differs unexplained, or NULL. */
const char *oracle_run(struct oracle *o);
/* Memory is as at the start. */
void oracle_reset(struct oracle *o);
/* Makes, runs, counts, reports. */
void oracle_case(struct oracle *o);

/* --- report.c, minimise.c */
void oracle_report(struct oracle *o, const char *what);
void oracle_line(const struct oracle *o, const char *what);
void oracle_minimise(struct oracle *o);
/* The case as it is, and what became of it. */
void oracle_show(const struct oracle *o);

/* --- cover.c */
void cover_case(struct oracle *o);
size_t cover_size(void);
void cover_add(struct ocover *sum, const struct ocover *c);
/* Writes the report; returns the number of rows that were not exercised
 * without an excuse, having printed them. */
unsigned cover_report(const struct ocover *c, FILE *f);
void cover_sums(const struct ocover *c);

/* --- enumerate.c: all forms of all rows, rounds times each */
void enumerate(struct oracle *o, enum low_seg seg, bool engine, u64 seed,
	       unsigned rounds, const char *only);

/* --- engine.c: cases in the real engine, under injection switches */
#define ENGINE_MACHINES 10
extern const char *const engine_name[ENGINE_MACHINES];
/* 0, or -1 and the reason printed. */
int engine_init(void);
/* Does the machine's CPUID offer the instruction? */
bool engine_offers(unsigned machine, const struct insn *insn);
/* AC, NT, ID and TF now and then. */
void engine_flags(struct oracle *o, struct rng *r);
/* Runs the case on the host and in machine id.form; as oracle_run(). */
const char *engine_run(struct oracle *o);

/* --- selftest.c: the number of seeded differences not found or not made
 * small */
unsigned selftest(struct oracle *o);
void sabotage(struct oracle *o);

#endif
