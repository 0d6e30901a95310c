/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_lower.c - the forms that no oracle sees: listings of small snippets
 * against tests/golden, landing sites, entries, gates, the interrupt flag,
 * the ends of pages and segments.
 *
 * UMBRA_GOLDEN_UPDATE=1 writes the listings anew. They are found beside this
 * file, from the directory of the build.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lowgen.h"
#include "translator/listing.h"

Suite *suite_lower(void);

static struct gen_case G;
static struct low_result R;

/* A case of these bytes with plain register contents. */
static struct low_case *snippet(enum low_seg seg, const char *hex)
{
	struct low_case *c = &G.c;
	struct rng r = { 1 };
	unsigned b;
	int n;

	ck_assert_int_eq(low_init(), 0);
	gen_state(&r, &G);
	c->seg = seg;
	c->len = 0;
	c->max_insns = 0;
	for (; sscanf(hex, " %2x%n", &b, &n) == 1; hex += n)
		c->bytes[c->len++] = b;
	for (unsigned at = 0; at < c->len; c->max_insns++) {
		insn_decode(&G.insn, c->bytes + at, c->len - at,
			    seg == LOW_16 ? 16 : 32, NULL);
		at += MAX(G.insn.len, 1);
	}
	for (int i = 0; i < 8; i++)
		c->regs.gpr[i] = 0x01010101 * (i + 1);
	c->regs.gpr[R_SP] = LOW_STACK + 0x1000;
	c->regs.eflags = EFL_CF | EFL_ZF | EFL_OF;
	return c;
}

/* --- golden listings */

struct golden {
	const char *name;
	enum low_seg seg;
	struct low_form form;
	const char *hex;
};

#define GS .fsgsbase = true
static const struct golden golden[] = {
	{ "mov", LOW_FLAT, { GS }, "8b 44 8b 08 89 44 24 04 a1 78 56 34 12" },
	{ "mov-nogs", LOW_FLAT, { 0 }, "8b 44 8b 08 89 44 24 04 a1 78 56 34 12" },
	{ "mov-based", LOW_BASED, { GS }, "8b 44 8b 08 89 44 24 04 a1 78 56 34 12" },
	{ "mov-checked", LOW_FLAT, { GS, .checked = true }, "8b 44 8b 08" },
	{ "mov-helper", LOW_FLAT, { GS, .helper = true }, "8b 44 8b 08 89 03" },
	{ "mov-16", LOW_16, { GS }, "8b 40 08 67 8b 04 48" },
	{ "high", LOW_FLAT, { GS }, "8a 24 24 00 64 24 08 0f b6 e4 8a 27" },
	{ "stack", LOW_FLAT, { GS }, "50 54 5c 68 44 33 22 11 ff 74 24 08 8f 44 24 08 c9" },
	{ "string", LOW_FLAT, { GS }, "f3 a5 aa ac f3 a6" },
	{ "string-based", LOW_BASED, { GS }, "f3 a5" },
	{ "call", LOW_FLAT, { GS, .pairs = true }, "e8 5b 00 00 00 83 c4 08" },
	{ "call-strict", LOW_FLAT, { GS, .pairs = true, .strict = true }, "e8 5b 00 00 00 83 c4 08" },
	{ "call-next", LOW_FLAT, { GS, .pairs = true }, "e8 00 00 00 00" },
	{ "call-ind", LOW_FLAT, { GS, .pairs = true }, "ff 54 24 04" },
	{ "ret", LOW_FLAT, { GS, .pairs = true }, "c2 08 00" },
	{ "ret-push", LOW_FLAT, { GS, .pairs = true }, "50 c3" },
	{ "ret-changed", LOW_FLAT, { GS, .pairs = true }, "89 04 24 c3" },
	{ "jcc-far", LOW_FLAT, { GS }, "0f 84 00 10 00 00" },
	{ "loopne", LOW_FLAT, { GS }, "e0 fe" },
	{ "jcxz-16", LOW_16, { GS }, "e3 10" },
	{ "cli-sti", LOW_FLAT, { GS, .xm = XM_IF_OK, .cpl0 = true }, "fa fb 90" },
	{ "sti-hlt", LOW_FLAT, { GS, .xm = XM_IF_OK, .cpl0 = true }, "fb f4" },
	{ "sti-last", LOW_FLAT, { GS, .xm = XM_IF_OK, .cpl0 = true }, "fb" },
	{ "pushf", LOW_FLAT, { GS }, "9c" },
	{ "helper", LOW_FLAT, { GS, .cpl0 = true }, "0f a2 0f 00 d8" },
	{ "undefined", LOW_FLAT, { GS }, "40 0f ff 0f 04" },
};

static FILE *golden_open(const char *name, const char *mode)
{
	int dir = strlen(__FILE__) - strlen("test_lower.c");
	char path[512];

	snprintf(path, sizeof(path), "%.*sgolden/%s.txt", dir, __FILE__,
		 name);
	return fopen(path, mode);
}

static void golden_listing(const struct golden *g, char *text, size_t size)
{
	FILE *f = fmemopen(text, size, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(low_translate(snippet(g->seg, g->hex), &g->form),
			 XLATE_OK);
	xlate_listing(f, low_last_in(), low_last_out());
	fclose(f);
}

START_TEST(test_golden)
{
	const struct golden *g = &golden[_i];
	static char have[16384], want[16384];
	FILE *f;
	size_t n;

	low_code(snippet(g->seg, g->hex));
	golden_listing(g, have, sizeof(have));
	if (getenv("UMBRA_GOLDEN_UPDATE")) {
		f = golden_open(g->name, "w");
		ck_assert_ptr_nonnull(f);
		fputs(have, f);
		fclose(f);
	}
	f = golden_open(g->name, "r");
	ck_assert_msg(f != NULL, "no tests/golden/%s.txt", g->name);
	n = fread(want, 1, sizeof(want) - 1, f);
	want[n] = 0;
	fclose(f);
	ck_assert_str_eq(have, want);
}
END_TEST

/* --- entries and landing sites */

static void same_state(const struct low_case *c)
{
	ck_assert_mem_eq(R.regs.gpr, c->regs.gpr, sizeof(R.regs.gpr));
	ck_assert_uint_eq(R.regs.eflags, c->regs.eflags);
}

/* The wrong address leaves through GLUE_MISS with everything as it was. */
START_TEST(test_checked_entry)
{
	struct low_form f = { GS };
	struct low_case *c = snippet(LOW_FLAT, "8b c1");

	low_code(c);
	ck_assert_int_eq(low_translate(c, &f), XLATE_OK);
	low_run_at(c, &f, low_last_out()->checked, 0x10000101, &R);
	ck_assert_int_eq(R.end, LOW_MISS);
	ck_assert_uint_eq(R.eip, 0x10000101);
	same_state(c);
	low_run_at(c, &f, low_last_out()->checked, 0x10000100, &R);
	ck_assert_int_eq(R.end, LOW_FALL);
	c->regs.gpr[R_AX] = c->regs.gpr[R_CX];
	same_state(c);
}
END_TEST

/* _i: flags die behind the call, live, or live for strictness */
START_TEST(test_landing)
{
	struct low_form f = { GS, .pairs = true, .strict = _i == 2 };
	struct low_case *c = snippet(LOW_FLAT, _i == 1 ? "e8 5b 00 00 00 11 c0" :
						       "e8 5b 00 00 00 01 c0");
	struct xlate_out *out = low_last_out();

	c->max_insns = 1;
	low_code(c);
	ck_assert_int_eq(low_translate(c, &f), XLATE_OK);
	ck_assert_uint_eq(out->nlandings, 1);
	low_run_at(c, &f, out->landings[0].off, 0x10000105, &R);
	ck_assert_int_eq(R.end, LOW_ODD); /* behind the call, in the snippet */
	ck_assert_uint_eq(R.eip, 0x10000105);
	ck_assert_mem_eq(R.regs.gpr, c->regs.gpr, sizeof(R.regs.gpr));
	if (_i)
		same_state(c);
	low_run_at(c, &f, out->landings[0].off, 0x10000160, &R);
	ck_assert_int_eq(R.end, LOW_BRANCH);
	ck_assert_mem_eq(R.regs.gpr, c->regs.gpr, sizeof(R.regs.gpr));
	if (_i)
		same_state(c);
}
END_TEST

/* The block goes on behind a call that returns, and a branch not taken. */
START_TEST(test_goes_on)
{
	struct low_form f = { GS, .pairs = true };
	/* call; jz; mov eax, ecx */
	struct low_case *c = snippet(LOW_FLAT, "e8 5b 00 00 00 74 59 8b c1");
	struct xlate_out *out = low_last_out();

	low_code(c);
	ck_assert_int_eq(low_translate(c, &f), XLATE_OK);
	ck_assert_uint_eq(out->ninsns, 3);
	c->regs.eflags &= ~EFL_ZF;
	low_run_at(c, &f, out->landings[0].off, 0x10000105, &R);
	ck_assert_int_eq(R.end, LOW_FALL);
	ck_assert_uint_eq(R.regs.gpr[R_AX], c->regs.gpr[R_CX]);
	ck_assert_uint_eq(R.regs.eflags, c->regs.eflags);
	c->regs.eflags |= EFL_ZF;
	low_run_at(c, &f, out->landings[0].off, 0x10000105, &R);
	ck_assert_int_eq(R.end, LOW_BRANCH);
	same_state(c);
	low_run_at(c, &f, out->landings[0].off, 0x10000160, &R);
	ck_assert_int_eq(R.end, LOW_BRANCH);
	same_state(c);
}
END_TEST

/* A fault finds esp where pushes and pops have moved it. */
START_TEST(test_lazy_esp)
{
	struct low_form f = { GS };
	/* push eax; pop ecx; push edx; push ebx; mov al, [eax] */
	struct low_case *c = snippet(LOW_FLAT, "50 59 52 53 8a 00");
	u32 esp = c->regs.gpr[R_SP];

	c->regs.gpr[R_AX] = 0x66666666;
	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(R.end, LOW_FAULT);
	ck_assert_uint_eq(R.cr2, 0x66666666);
	ck_assert_uint_eq(R.regs.gpr[R_SP], esp - 8);
	ck_assert_uint_eq(R.regs.gpr[R_CX], 0x66666666);
}
END_TEST

/* At least five bytes that a jump can take the place of (xlate.h). */
START_TEST(test_landing_room)
{
	struct low_form f = { GS, .pairs = true };
	struct low_case *c = snippet(LOW_FLAT, "ff d0");
	struct xlate_out *out = low_last_out();

	low_code(c);
	ck_assert_int_eq(low_translate(c, &f), XLATE_OK);
	ck_assert_uint_eq(out->nlandings, 1);
	ck_assert_uint_le(out->landings[0].off + 5, out->size);
	ck_assert_uint_eq(out->nexits, 1);
	ck_assert_int_eq(out->exits[0].kind, XEXIT_CONT);
	ck_assert_uint_ge(out->exits[0].patch_off, out->landings[0].off + 5);
}
END_TEST

/*
 * A retpoline's return drops the pair of the call it came by, if there is one
 * (_i), and nothing below the sentinel.
 */
START_TEST(test_ret_changed)
{
	struct low_form f = { GS, .pairs = true };
	struct low_case *c = snippet(LOW_FLAT, "89 04 24 c3");
	struct low_regs want = c->regs;
	u64 rsp;

	c->regs.gpr[R_AX] = want.gpr[R_AX] = LOW_CODE + LOW_TAKEN;
	want.gpr[R_SP] += 4;
	low_run_xlat(c, &f, &R);
	rsp = low_rsp();
	low_cpu()->pair_top = rsp + 8 * _i;
	low_run_xlat(c, &f, &R);
	low_cpu()->pair_top = 0;
	ck_assert_int_eq(R.end, LOW_BRANCH);
	ck_assert_mem_eq(&R.regs, &want, sizeof(want));
	ck_assert_uint_eq(low_cpu()->pair_rsp, rsp + 8 * _i);
}
END_TEST

/* --- gates and privilege */

struct gate {
	u32 on, off; /* XM_* */
	bool cpl0;
	const char *hex;
	int vector; /* -1: none */
};

static const struct gate gates[] = {
	{ 0, 0, false, "d9 e8", -1 },
	{ XM_TS, 0, false, "d9 e8", VEC_NM },
	{ XM_EM, 0, false, "d9 e8", VEC_NM },
	{ XM_TS, 0, false, "9b", -1 },
	{ XM_TS | XM_MP, 0, false, "9b", VEC_NM },
	{ XM_MP, 0, false, "9b", -1 },
	{ XM_EM, 0, false, "0f 6f c1", VEC_UD },
	{ XM_TS, 0, false, "0f 6f c1", VEC_NM },
	{ 0, XM_OSFXSR, false, "0f 6f c1", -1 },
	{ 0, XM_OSFXSR, false, "0f 58 c1", VEC_UD },
	{ XM_EM | XM_TS, 0, false, "0f 58 c1", VEC_UD },
	{ XM_TS, 0, false, "0f 58 c1", VEC_NM },
	{ 0, XM_AVX, false, "c5 f8 58 c1", VEC_UD },
	{ XM_TS, 0, false, "c5 f8 58 c1", VEC_NM },
	{ 0, XM_AVX, false, "0f 58 c1", -1 },
	{ 0, 0, false, "f4", VEC_GP },
	{ 0, 0, false, "0f 20 c0", VEC_GP },
	{ 0, 0, false, "0f 06", VEC_GP },
	{ 0, 0, false, "0f 01 cb", VEC_UD },
	{ 0, 0, true, "0f 20 c0", -1 },
	{ XM_TSD, 0, true, "0f 31", -1 },
	{ 0, 0, false, "0f 04", VEC_UD },
	{ 0, 0, false, "f0 90", VEC_UD },
};

START_TEST(test_gates)
{
	const struct gate *g = &gates[_i];
	struct low_form f = { GS, .xm = g->on, .xm_off = g->off,
			      .cpl0 = g->cpl0 };
	struct low_case *c = snippet(LOW_FLAT, g->hex);

	c->max_insns = 1;
	low_run_xlat(c, &f, &R);
	if (g->vector < 0) {
		ck_assert_int_eq(R.end, LOW_FALL);
	} else {
		ck_assert_int_eq(R.end, LOW_RAISE);
		ck_assert_int_eq(R.trapno, g->vector);
		same_state(c);
	}
}
END_TEST

/* --- the interrupt flag */

START_TEST(test_cli_sti)
{
	struct low_form f = { GS, .xm = XM_IF_OK, .cpl0 = true };
	struct low_case *c = snippet(LOW_FLAT, "fa");

	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(low_cpu()->iflag, 0);
	same_state(c);
	c = snippet(LOW_FLAT, "fa fb 90");
	c->max_insns = 3;
	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(R.end, LOW_FALL);
	ck_assert_int_eq(low_cpu()->iflag, 1);
	same_state(c);
	/* an interrupt waits: sti is C's, with IF still clear */
	low_cpu()->irq_probe = 1;
	low_run_xlat(c, &f, &R);
	low_cpu()->irq_probe = 0;
	ck_assert_int_eq(R.end, LOW_HELPER);
	ck_assert_uint_eq(R.eip, 0x10000101);
	ck_assert_int_eq(low_cpu()->iflag, 0);
	same_state(c);
	/* nothing follows it in the block: the shadow is C's (HAZARDS 35) */
	c->max_insns = 2;
	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(R.end, LOW_HELPER);
	/* no right to it */
	f.xm = 0;
	c->max_insns = 1;
	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(R.end, LOW_HELPER);
}
END_TEST

/* pushf shows IF and the system flags, but neither VM nor RF. */
START_TEST(test_pushf)
{
	struct low_form f = { GS };
	struct low_case *c = snippet(LOW_FLAT, "9c 58");
	u32 sys = EFL_IOPL | EFL_NT | EFL_AC | EFL_ID;

	c->max_insns = 2;
	c->regs.eflags |= EFL_DF | EFL_RF | EFL_VM | sys;
	low_run_xlat(c, &f, &R);
	ck_assert_int_eq(R.end, LOW_FALL);
	ck_assert_uint_eq(R.regs.gpr[R_AX], EFL_CF | EFL_ZF | EFL_OF | EFL_DF |
						    EFL_IF | 2 | sys);
}
END_TEST

/* --- the ends of pages and segments */

struct feed {
	u8 page[2][4096];
	bool second;
};

static int feed_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	struct feed *f = opaque;
	u32 page = (la >> 12) - 0x400;

	ck_assert_uint_le((la & 4095) + n, 4096);
	if (page > 1 || (page == 1 && !f->second))
		return -1;
	memcpy(buf, f->page[page] + (la & 4095), n);
	return n;
}

static u32 no_glue[GLUE_NR];
static struct feed F;
static u8 code[XLATE_MAX_BYTES];

/* Translates `n` bytes of hex at 0x400000 + off. */
static enum xlate_err at_offset(u32 off, const u8 *bytes, unsigned n,
				bool second, u32 limit)
{
	static struct xmode mode;
	struct xlate_in in = { .mode = &mode, .eip = 0x400000 + off,
			       .max_insns = 64, .fsgsbase = true,
			       .pairs = true, .fetch = feed_fetch,
			       .opaque = &F, .glue = no_glue,
			       .cache = (u64)code };
	struct xlate_out *out = low_last_out();

	mode = (struct xmode){ .code_bits = 32, .stack_bits = 32, .cpl = 3,
			       .flags = XM_PE, .cs_limit = limit };
	memset(&F, 0x90, sizeof(F));
	memcpy(F.page[0] + off, bytes, n);
	F.second = second;
	out->buf = code;
	out->cap = sizeof(code);
	out->host = (u64)code;
	return xlate_block(&in, out);
}

START_TEST(test_page_end)
{
	static const u8 mov[] = { 0xb8, 1, 2, 3, 4 };
	struct xlate_out *out = low_last_out();

	/* a block ends with its page and leaves through the hash */
	ck_assert_int_eq(at_offset(4091, mov, 5, true, ~0u), XLATE_OK);
	ck_assert_uint_eq(out->ninsns, 1);
	ck_assert_uint_eq(out->nexits, 0);
	ck_assert(!out->crosses);
	/* it ends before an instruction that goes on in the next */
	ck_assert_int_eq(at_offset(4090, mov, 5, true, ~0u), XLATE_OK);
	ck_assert_uint_eq(out->ninsns, 2);
	/* which is a block of its own (HAZARDS 3) */
	ck_assert_int_eq(at_offset(4094, mov, 2, true, ~0u), XLATE_OK);
	ck_assert(out->crosses);
	ck_assert_uint_eq(out->ninsns, 1);
	ck_assert_uint_eq(out->guest_len, 5);
	ck_assert_uint_eq(out->nexits, 0);
	/* and whose fault is in the second page */
	ck_assert_int_eq(at_offset(4094, mov, 2, false, ~0u), XLATE_FETCH);
	ck_assert_uint_eq(out->insns[0].eip, 0x400ffe);
	ck_assert_uint_eq(out->guest_len, 2);
}
END_TEST

START_TEST(test_limit)
{
	static const u8 mov[] = { 0xb8, 1, 2, 3, 4, 0xb8, 1, 2, 3, 4 };
	static const u8 jmp[] = { 0xeb, 0x10 };
	struct xlate_out *out = low_last_out();

	ck_assert_int_eq(at_offset(0, mov, 10, true, 0x3fffff), XLATE_LIMIT);
	ck_assert_int_eq(at_offset(0, mov, 10, true, 0x400003), XLATE_LIMIT);
	ck_assert_int_eq(at_offset(0, mov, 10, true, 0x400008), XLATE_OK);
	ck_assert_uint_eq(out->ninsns, 1);
	/* a jump beyond it is #GP at the jump */
	ck_assert_int_eq(at_offset(0, jmp, 2, true, 0x400011), XLATE_OK);
	ck_assert_uint_eq(out->nhsites, 1);
	ck_assert_int_eq(out->hsites[0].vector, VEC_GP);
	ck_assert_int_eq(at_offset(0, jmp, 2, true, 0x400012), XLATE_OK);
	ck_assert_uint_eq(out->nhsites, 0);
}
END_TEST

/* Random bytes translate or end in a raise site; nothing overflows. */
START_TEST(test_random_bytes)
{
	struct xlate_out *out = low_last_out();
	struct rng r = { 42 };
	u8 bytes[256];

	for (int i = 0; i < 20000; i++) {
		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = rng_u32(&r);
		ck_assert_int_eq(at_offset(rng_below(&r, 4096 - 256), bytes,
					   sizeof(bytes), true, ~0u),
				 XLATE_OK);
		ck_assert_uint_ge(out->ninsns, 1);
		for (unsigned k = 1; k < out->nsites; k++)
			ck_assert_uint_gt(out->sites[k].host_off,
					  out->sites[k - 1].host_off);
	}
}
END_TEST

Suite *suite_lower(void)
{
	Suite *s = suite_create("lower");
	TCase *t = tcase_create("forms");

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_golden, 0, ARRAY_SIZE(golden));
	tcase_add_test(t, test_checked_entry);
	tcase_add_loop_test(t, test_landing, 0, 3);
	tcase_add_test(t, test_landing_room);
	tcase_add_test(t, test_goes_on);
	tcase_add_test(t, test_lazy_esp);
	tcase_add_loop_test(t, test_ret_changed, 0, 2);
	tcase_add_loop_test(t, test_gates, 0, ARRAY_SIZE(gates));
	tcase_add_test(t, test_cli_sti);
	tcase_add_test(t, test_pushf);
	tcase_add_test(t, test_page_end);
	tcase_add_test(t, test_limit);
	tcase_add_test(t, test_random_bytes);
	suite_add_tcase(s, t);
	return s;
}
