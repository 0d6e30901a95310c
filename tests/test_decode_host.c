/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_decode_host.c - the table against the processor the tests run on:
 * lengths and validity of every encoding in 32- and 64-bit code, and the
 * EFLAGS columns of register forms.
 *
 * Only what this host offers is compared, and the few forms in which Intel's
 * and AMD's processors differ are named below.
 */
#include <check.h>
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include "runtime/bits.h"
#include "tests/decode_util.h"
#include "tests/hostrun.h"
#include "translator/optab.h"

Suite *suite_decode_host(void);

struct host {
	int mode;
	u64 offered[(FEAT_NR + 63) / 64];
	unsigned long seen, bad;
	u64 seed;
};

enum { EAX, EBX, ECX, EDX };

static const struct {
	u32 leaf, subleaf;
	u8 reg, bit;
} feats[FEAT_NR] = {
#define FEAT(n, l, s, r, b) [FEAT_##n] = { l, s, r, b },
#include "translator/feat.def"
#undef FEAT
};

static void host_features(struct host *h)
{
	for (unsigned f = 0; f < FEAT_NR; f++) {
		unsigned r[4] = { 0 };

		if (f != FEAT_BASE &&
		    !__get_cpuid_count(feats[f].leaf, feats[f].subleaf,
				       &r[EAX], &r[EBX], &r[ECX], &r[EDX]))
			continue;
		if (f == FEAT_BASE || r[feats[f].reg] >> feats[f].bit & 1)
			h->offered[f / 64] |= 1ull << f % 64;
	}
}

static void host_report(struct host *h, const char *what,
			const struct insn *insn, const u8 *b)
{
	if (h->bad++ > 20)
		return;
	fprintf(stderr, "mode %d: %s: %s:", h->mode, what,
		insn->row ? insn->row->name : "-");
	for (int i = 0; i < (insn->row ? insn->len : INSN_MAX_LEN); i++)
		fprintf(stderr, " %02x", b[i]);
	fputc('\n', stderr);
}

/*
 * Intel and AMD differ: 66 before near branches in 64-bit code (AMD obeys it),
 * ud0/ud1 (AMD has no modrm), 0f 0d with a register (AMD: #UD), VEX.W = 1 in
 * vpextrd/vpinsrd outside 64-bit code (Intel ignores it).
 */
static bool host_may_differ(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_UD0:
	case OP_UD1:
	case OP_NOP_HINT:
		return true;
	case OP_VPEXTRD:
	case OP_VPINSRD:
		return insn->mode != 64;
	}
	return insn->mode == 64 && insn->pfx66 && insn->row->imm == IMM_RELZ;
}

/* May be run to its end: stays here, and harms nothing. */
static bool host_can_run(const struct insn *insn)
{
	switch (insn->row->cls) {
	case CLS_COPY:
	case CLS_REWRITE:
		return true;
	case CLS_HELPER:
		return insn->row->rowflags & ROW_PRIV;
	}
	return false;
}

static void host_compare(const u8 *b, void *arg)
{
	struct host *h = arg;
	struct hostrun_regs regs;
	struct insn insn;
	enum hostrun_end end;

	if (insn_decode(&insn, b, INSN_MAX_LEN, h->mode, h->offered) !=
	    INSN_OK)
		return;
	if (!insn.has_modrm && b[insn.len - insn.immsize])
		return; /* once is enough without modrm */
	if (host_may_differ(&insn))
		return;
	h->seen++;
	hostrun_default(&regs);
	if (insn.len > 1 &&
	    hostrun(h->mode, b, insn.len - 1, &regs) != HOSTRUN_SHORT)
		host_report(h, "too long, or #UD", &insn, b);
	if (!host_can_run(&insn))
		return;
	hostrun_default(&regs);
	end = hostrun(h->mode, b, insn.len, &regs);
	if (end == HOSTRUN_SHORT)
		host_report(h, "too short", &insn, b);
	else if (end == HOSTRUN_UD)
		host_report(h, "#UD", &insn, b);
	else if (end == HOSTRUN_LOST)
		host_report(h, "lost", &insn, b);
}

START_TEST(test_lengths)
{
	struct host h = { .mode = _i & 1 ? 64 : 32 };

	host_features(&h);
	hostrun_init();
	if (_i & 2)
		encodings_vex(false, 0, host_compare, &h);
	else
		encodings_legacy(h.mode, false, 0, host_compare, &h);
	hostrun_fini();
	ck_assert_msg(!h.bad, "%lu of %lu encodings differ", h.bad, h.seen);
	ck_assert(h.seen > 10000);
}
END_TEST

/* ---- EFLAGS columns */

/* Random registers; small ones at times, so that counts and zeroes occur. */
static void flags_inputs(struct host *h, struct hostrun_regs *regs)
{
	for (int i = 0; i < 16; i++) {
		u64 v = decode_random(&h->seed);

		if (v & 0x300)
			v >>= v >> 58;
		if (!(v & 0xc00))
			v = 0;
		regs->gpr[i] = v;
	}
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			regs->xmm[i][k] = decode_random(&h->seed);
	regs->eflags = decode_random(&h->seed) & (EFL_ARITH | EFL_DF);
	regs->gpr[R_SP] = HOSTRUN_DATA;
}

/*
 * Two runs from the same registers: once with any flags, once with those
 * changed that the row says are not read. Flags the row does not mention keep
 * their values; written ones, and all registers, come out the same.
 */
static void flags_check(struct host *h, const struct insn *insn, const u8 *b)
{
	struct hostrun_regs in, one, two;
	u16 r, w, m, u, keep;
	u32 all = EFL_ARITH | EFL_DF;

	insn_flags(insn, &r, &w, &m, &u);
	keep = all & ~(w | m | u);
	flags_inputs(h, &in);
	one = two = in;
	two.eflags ^= all & ~r & ~m;
	if (hostrun(h->mode, b, insn->len, &one) != HOSTRUN_RAN ||
	    hostrun(h->mode, b, insn->len, &two) != HOSTRUN_RAN)
		return;
	h->seen++;
	if ((one.eflags ^ in.eflags) & keep)
		host_report(h, "writes a flag it does not own", insn, b);
	if ((one.eflags ^ two.eflags) & w)
		host_report(h, "written flag depends on its old value", insn, b);
	if (insn->row->op != OP_LAHF && insn->row->op != OP_RDTSC &&
	    memcmp(one.gpr, two.gpr, sizeof(one.gpr)))
		host_report(h, "result depends on a flag not read", insn, b);
}

static void flags_one(const u8 *b, void *arg)
{
	struct host *h = arg;
	struct insn insn;

	if (insn_decode(&insn, b, INSN_MAX_LEN, h->mode, h->offered) !=
	    INSN_OK)
		return;
	if (insn.row->cls != CLS_COPY || insn.has_mem ||
	    host_may_differ(&insn))
		return;
	/* CF says whether there was a number: no function of the inputs */
	if (insn.row->op == OP_RDRAND || insn.row->op == OP_RDSEED)
		return;
	if (!insn.has_modrm && !insn.immsize && b[insn.len])
		return;
	for (int k = 0; k < 4; k++)
		flags_check(h, &insn, b);
}

START_TEST(test_flags_columns)
{
	struct host h = { .mode = _i & 1 ? 64 : 32,
			  .seed = 0x9e3779b97f4a7c15 + _i };

	host_features(&h);
	hostrun_init();
	if (_i & 2)
		encodings_vex(false, 3, flags_one, &h);
	else
		encodings_legacy(h.mode, false, 3, flags_one, &h);
	hostrun_fini();
	ck_assert_msg(!h.bad, "%lu of %lu runs contradict the table", h.bad,
		      h.seen);
	ck_assert(h.seen > 10000);
}
END_TEST

Suite *suite_decode_host(void)
{
	Suite *s = suite_create("decode_host");
	TCase *tc = tcase_create("host");

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, test_lengths, 0, 4);
	tcase_add_loop_test(tc, test_flags_columns, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}
