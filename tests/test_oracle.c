/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_oracle.c - the host is the oracle: random user-level instructions run
 * natively and through the translator; registers, flags, memory, vector
 * state, and at faults the precise state, must agree.
 *
 * UMBRA_ORACLE_SEED and UMBRA_ORACLE_ROUNDS in the environment choose the
 * cases; a failure prints the seed of its own case.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lowgen.h"
#include "lowvec.h"
#include "translator/optab.h"

Suite *suite_oracle(void);

struct oracle {
	unsigned cases, helper, vector, skipped, faults, failed;
	struct low_result nat, xl;
	struct gen_case g;
};

static bool row_is_tested(const struct oprow *row)
{
	if (row->rowflags & ROW_ONLY64)
		return false;
	switch (row->op) {
	case OP_RDRAND: /* not a function of their inputs */
	case OP_RDSEED:
	case OP_RDTSC:
	case OP_RDTSCP:
	case OP_CLI: /* I/O privilege */
	case OP_STI:
	case OP_POPF: /* C's */
	case OP_PUSH_SEG: /* AMD extends the selector, Intel keeps the rest */
		return false;
	}
	return row->cls == CLS_COPY || row->cls == CLS_REWRITE ||
	       row->cls == CLS_BRANCH || row->cls == CLS_INLINE;
}

/* Eight registers: 32-bit code has no more, and vzeroall clears no more. */
/* x87 instruction and data pointers are host addresses (HAZARDS 59). */
static bool vectors_agree(u8 *a, u8 *b)
{
	memset(a + 6, 0, 18);
	memset(b + 6, 0, 18);
	return !memcmp(a, b, 288) && !memcmp(a + 576, b + 576, 128);
}

static bool is_segment_fault(const struct low_result *r)
{
	return r->end == LOW_SEGFLT ||
	       (r->end == LOW_FAULT && (r->trapno == 13 || r->trapno == 12));
}

/*
 * Elements that are masked off fault neither by page nor by limit (SDM vol. 2,
 * VMASKMOV, MASKMOVDQU), and so it is with us; test_sysvector.c has that. But
 * processors often hold the whole operand of maskmovq and maskmovdqu against
 * the pages, and that of all these against the limit.
 */
static bool masked_agrees(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;
	const struct insn *i = &o->g.insn;

	if (!low_is_vector(i) || i->row->reach == REACH_GATHER ||
	    n->end != LOW_FAULT || (x->end != LOW_FALL && x->end != LOW_FAULT))
		return false;
	if (is_segment_fault(n))
		return true;
	return !i->has_mem && n->trapno == 14 &&
	       (x->end == LOW_FALL || is_segment_fault(x) ||
		(x->trapno == 14 && x->cr2 - n->cr2 < 16));
}

/*
 * What differs, or NULL. An entry that compares may clobber flags that its
 * block overwrites; a fault before that shows it (HAZARDS 23).
 */
static const char *oracle_compare(struct oracle *o, const struct low_form *f)
{
	struct low_result *n = &o->nat, *x = &o->xl;
	bool partial = o->g.insn.row->op == OP_PUSHA;

	if (masked_agrees(o))
		return NULL;
	if (x->end == LOW_FAULT || x->end == LOW_SEGFLT) {
		if (is_segment_fault(n) && x->cr2 + 64 < 128)
			return NULL; /* over the end: the runtime's (HAZARDS 10) */
		if (is_segment_fault(n) != is_segment_fault(x))
			return "segment fault";
		if (!is_segment_fault(n)) {
			if (n->end != x->end || n->trapno != x->trapno)
				return "fault";
			if (n->trapno == 14 && n->cr2 != x->cr2 && !partial)
				return "cr2";
			if (n->trapno == 14 && (n->err & 2) != (x->err & 2))
				return "error code";
		}
	} else if (x->end == LOW_RAISE) {
		if (n->end != LOW_FAULT || n->trapno != x->trapno)
			return "exception";
	} else if (n->end != x->end) {
		return "end";
	} else {
		partial = false;
	}
	if (memcmp(n->regs.gpr, x->regs.gpr, sizeof(n->regs.gpr)))
		return "registers";
	if (n->regs.eflags != x->regs.eflags &&
	    !(f->via_checked && !f->strict && n->end == LOW_FAULT))
		return "flags";
	if (!partial && memcmp(n->mem, x->mem, sizeof(n->mem)))
		return "memory";
	if (!vectors_agree(n->ximage, x->ximage))
		return "vector state";
	if (!x->df_byte_ok && x->end != LOW_FAULT)
		return "df byte";
	if (!x->high_ok && x->end != LOW_FAULT)
		return "upper halves";
	return NULL;
}

static void print_regs(const char *who, const struct low_result *r)
{
	printf("  %s end %d trap %d err %x cr2 %08x eip %08x efl %03x\n   ",
	       who, r->end, r->trapno, r->err, r->cr2, r->eip,
	       r->regs.eflags);
	for (int i = 0; i < 8; i++)
		printf(" %08x", r->regs.gpr[i]);
	printf("\n");
}

/* Bytes of a register, the highest first: before, native, ours. */
static void print_vector(const struct oracle *o, unsigned n, unsigned at)
{
	const u8 *v[3] = { o->g.ximage + at, o->nat.ximage + at,
			   o->xl.ximage + at };

	if (!memcmp(v[1], v[2], 16))
		return;
	printf("  vector %u%s\n", n, at >= 576 ? " high" : "");
	for (int k = 0; k < 3; k++) {
		printf("   ");
		for (int i = 15; i >= 0; i--)
			printf("%s%02x", i % 4 == 3 ? " " : "", v[k][i]);
		printf("\n");
	}
}

static void oracle_report(const struct oracle *o, const struct low_form *f,
			  u64 seed, const char *what)
{
	const struct low_case *c = &o->g.c;
	const struct xlate_out *out = low_last_out();

	printf("%s differs: %s map %d op %02x seg %d%s%s%s%s seed %#llx\n ",
	       what, o->g.insn.row->name, o->g.insn.row->map,
	       o->g.insn.row->opcode, c->seg, f->fsgsbase ? " gs" : "",
	       f->helper ? " helper" : "", f->checked ? " checked" : "",
	       f->pairs ? " pairs" : "", (unsigned long long)seed);
	for (unsigned i = 0; i < c->len; i++)
		printf(" %02x", c->bytes[i]);
	printf("\n  before efl %03x\n   ", c->regs.eflags);
	for (int i = 0; i < 8; i++)
		printf(" %08x", c->regs.gpr[i]);
	printf("\n");
	print_regs("native", &o->nat);
	print_regs("ours  ", &o->xl);
	for (unsigned i = 0; i < 8; i++) {
		print_vector(o, i, 160 + 16 * i);
		print_vector(o, i, 576 + 16 * i);
	}
	printf("  host");
	for (unsigned i = out->entry; i < out->size; i++)
		printf(" %02x", out->buf[i]);
	printf("\n");
}

/* An interrupt meanwhile spoils the upper half of esp on a 16-bit stack. */
static bool c16_retry(const struct oracle *o, int *retries)
{
	return o->g.c.seg == LOW_16 && (*retries)++ < 2;
}

/* Runs o->g both ways; false if it shows a difference. */
static bool oracle_case(struct oracle *o, const struct low_form *f, u64 seed)
{
	const char *what;
	int retries = 0;

again:
	low_run_native(&o->g.c, &o->nat);
	if (o->nat.end == LOW_FAULT && o->nat.trapno == 6) {
		o->skipped++; /* the host does not have it */
		return true;
	}
	low_run_xlat(&o->g.c, f, &o->xl);
	if (o->xl.end == LOW_HELPER && low_is_vector(&o->g.insn)) {
		low_run_vector(&o->g.insn, &o->xl);
		o->vector++;
	}
	o->cases++;
	o->faults += o->nat.end == LOW_FAULT;
	if (o->xl.end == LOW_HELPER) {
		o->helper++;
		what = memcmp(o->xl.regs.gpr, o->g.c.regs.gpr,
			      sizeof(o->xl.regs.gpr)) ? "helper state" : NULL;
	} else {
		what = oracle_compare(o, f);
	}
	if (what && c16_retry(o, &retries))
		goto again;
	if (what && o->failed++ < 20)
		oracle_report(o, f, seed, what);
	return !what;
}

static struct low_form random_form(struct rng *r)
{
	return (struct low_form){ .fsgsbase = !rng_one_in(r, 3),
				  .helper = rng_one_in(r, 4),
				  .checked = rng_one_in(r, 4),
				  .pairs = rng_one_in(r, 2),
				  .via_checked = rng_one_in(r, 2),
				  .strict = rng_one_in(r, 2) };
}

static u64 env_u64(const char *name, u64 def)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : def;
}

static void one_row(struct oracle *o, const struct oprow *row,
		    enum low_seg seg, u64 seed)
{
	struct rng r = { seed };
	struct low_form f = random_form(&r);

	if (gen_insn(&r, row, seg, &o->g))
		oracle_case(o, &f, seed);
}

static void all_rows(enum low_seg seg, unsigned rounds)
{
	struct oracle *o = aligned_alloc(64, ALIGN_UP(sizeof(*o), 64));
	u64 seed = env_u64("UMBRA_ORACLE_SEED", 0x5eed0001);
	struct rng r = { seed };

	rounds = env_u64("UMBRA_ORACLE_ROUNDS", rounds);
	ck_assert_ptr_nonnull(o);
	memset(o, 0, sizeof(*o));
	gen_state(&r, &o->g);
	for (unsigned k = 0; k < rounds; k++)
		for (unsigned i = 0; i < optab_nr; i++)
			if (row_is_tested(&optab[i]))
				one_row(o, &optab[i], seg,
					seed + ((u64)k << 32) + i * 977);
	printf("oracle seg %d: %u cases, %u faults, %u by helper, "
	       "%u vector, %u not on this host, %u failed\n", seg, o->cases,
	       o->faults, o->helper, o->vector, o->skipped, o->failed);
	fflush(stdout); /* a failed assertion drops what is buffered */
	ck_assert_uint_eq(o->failed, 0);
	ck_assert_uint_gt(o->cases, 1000);
	free(o);
}

/* Runs of instructions with registers only and on the stack. */
static bool row_is_sequential(const struct oprow *row)
{
	if (!row_is_tested(row) || row->cls == CLS_BRANCH)
		return false;
	switch (row->op) {
	case OP_PUSH:
	case OP_POP:
	case OP_PUSHF:
	case OP_INC:
	case OP_DEC:
		return true;
	case OP_FWAIT:
		return false;
	}
	return row->cls == CLS_COPY && !(row->rowflags & ROW_USERFAULT) &&
	       row->mod != MOD_M;
}

static void one_sequence(struct oracle *o, struct rng *r, u64 seed)
{
	struct low_form f = random_form(r);
	struct low_case *c = &o->g.c;
	u8 bytes[64];
	unsigned len = 0, n = 0, want = 2 + rng_below(r, 5);

	f.via_checked = false;
	while (n < want && len + INSN_MAX_LEN <= sizeof(bytes)) {
		const struct oprow *row = &optab[rng_below(r, optab_nr)];

		if (!row_is_sequential(row) ||
		    !gen_insn(r, row, LOW_FLAT, &o->g) || o->g.insn.has_mem)
			continue;
		memcpy(bytes + len, c->bytes, c->len);
		len += c->len;
		n++;
	}
	memcpy(c->bytes, bytes, len);
	c->len = len;
	c->max_insns = n;
	oracle_case(o, &f, seed);
}

START_TEST(test_sequences)
{
	struct oracle *o = aligned_alloc(64, ALIGN_UP(sizeof(*o), 64));
	u64 seed = env_u64("UMBRA_ORACLE_SEED", 0x5eed0002);
	unsigned rounds = 200 * env_u64("UMBRA_ORACLE_ROUNDS", 20);
	struct rng r = { seed };

	ck_assert_int_eq(low_init(), 0);
	ck_assert_ptr_nonnull(o);
	memset(o, 0, sizeof(*o));
	gen_state(&r, &o->g);
	for (unsigned k = 0; k < rounds; k++) {
		r.s = seed + k * 977;
		one_sequence(o, &r, r.s);
	}
	printf("oracle sequences: %u cases, %u faults, %u failed\n",
	       o->cases, o->faults, o->failed);
	ck_assert_uint_eq(o->failed, 0);
	free(o);
}
END_TEST

START_TEST(test_flat)
{
	ck_assert_int_eq(low_init(), 0);
	all_rows(LOW_FLAT, 50);
}
END_TEST

START_TEST(test_based)
{
	ck_assert_int_eq(low_init(), 0);
	if (low_has_ldt())
		all_rows(LOW_BASED, 30);
}
END_TEST

START_TEST(test_16bit)
{
	ck_assert_int_eq(low_init(), 0);
	if (low_has_ldt())
		all_rows(LOW_16, 30);
}
END_TEST

Suite *suite_oracle(void)
{
	Suite *s = suite_create("oracle");
	TCase *t = tcase_create("host");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_flat);
	tcase_add_test(t, test_based);
	tcase_add_test(t, test_16bit);
	tcase_add_test(t, test_sequences);
	suite_add_tcase(s, t);
	return s;
}
