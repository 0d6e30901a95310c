// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_orun.c - the runner of orun.h: that its places begin and end alike, on
 * code whose outcome is known. A program of its own: it runs the real engine.
 */
#include <asm/ldt.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "orun.h"

#define CODE (ORUN_CODE + 0x100)
#define BYTES(...) ((const u8[]){ __VA_ARGS__ }), \
		   sizeof((const u8[]){ __VA_ARGS__ })

static const struct umbra_inject modes[] = {
	{ 0 },
	{ .one_insn = true },
	{ .no_chain = true },
	{ .no_pairs = true },
	{ .helper_sites = true },
	{ .no_fsgsbase = true },
	{ .checked = true },
	{ .no_trans = true },
	{ .no_uffd = true },
	{ .far_now = true },
	{ .cache_kb = 64 },
};

/* Where the code runs: natively first, then in one machine. */
static struct {
	struct orun *place[2];
	struct orun_state st;
	struct orun_result r[2];
} T;

static void both_open(const struct umbra_inject *inj)
{
	ck_assert_int_eq(orun_init(), 0);
	T.place[0] = orun_native();
	T.place[1] = orun_open(inj);
	ck_assert_ptr_nonnull(T.place[1]);
	orun_state_init(&T.st);
	T.st.eip = CODE;
}

static void both_close(void)
{
	orun_close(T.place[1]);
}

static void both_write(u32 la, const void *buf, u32 len)
{
	orun_write(T.place[0], la, buf, len);
	orun_write(T.place[1], la, buf, len);
}

static void both_code(u32 la, const u8 *code, u32 len)
{
	u8 page[PAGE_SIZE];

	memset(page, 0xcc, sizeof(page));
	memcpy(page + (la & ~PAGE_MASK), code, len);
	both_write(la & (u32)PAGE_MASK, page, sizeof(page));
}

static u32 word(unsigned place, u32 la)
{
	u32 v;

	memcpy(&v, orun_at(T.place[place], la), 4);
	return v;
}

static void both_run(void)
{
	unsigned d;

	for (unsigned i = 0; i < 2; i++)
		orun_run(T.place[i], &T.st, &T.r[i]);
	d = orun_differ(&T.r[0], &T.r[1]);
	if (d) {
		orun_print_diff(stdout, &T.r[0], &T.r[1]);
		fflush(stdout);
	}
	ck_assert_uint_eq(d, 0);
	ck_assert_int_eq(memcmp(orun_at(T.place[0], ORUN_DATA),
				orun_at(T.place[1], ORUN_DATA),
				ORUN_DATA_PAGES * PAGE_SIZE), 0);
	ck_assert_int_eq(memcmp(orun_at(T.place[0], ORUN_STACK),
				orun_at(T.place[1], ORUN_STACK),
				ORUN_STACK_PAGES * PAGE_SIZE), 0);
}

/* --- ends: each of these instructions has one */

static const struct end {
	u8 code[18];
	u8 len, vector;
	u32 err, cr2, eip;
} ends[] = {
	{ { 0x90, 0xcc }, 2, VEC_BP, 0, 0, CODE + 2 },
	/* mov eax, [unmapped], [unmapped]; write */
	{ { 0xa1, 0, 0, 0, 0x40 }, 5, VEC_PF, 4, 0x40000000, CODE },
	{ { 0xa3, 0, 0x80, 0, 0x20 }, 5, VEC_PF, 6, 0x20008000, CODE },
	/* to read-only data; over the end of the page before it */
	{ { 0xa3, 0, 0x40, 0, 0x20 }, 5, VEC_PF, 7, 0x20004000, CODE },
	{ { 0xa3, 0xfe, 0x3f, 0, 0x20 }, 5, VEC_PF, 7, 0x20004000, CODE },
	/* jmp: to data, to nothing, to the code page without X */
	{ { 0x68, 0, 0, 0, 0x20, 0xc3 }, 6, VEC_PF, 0x15, 0x20000000,
	  0x20000000 },
	{ { 0x68, 0, 0, 0, 0x40, 0xc3 }, 6, VEC_PF, 0x14, 0x40000000,
	  0x40000000 },
	{ { 0x68, 0x10, 0xd0, 0, 0x10, 0xc3 }, 6, VEC_PF, 0x15, 0x1000d010,
	  0x1000d010 },
	/* xor eax, eax; div eax */
	{ { 0x31, 0xc0, 0xf7, 0xf0 }, 4, VEC_DE, 0, 0, CODE + 2 },
	{ { 0x0f, 0x0b }, 2, VEC_UD, 0, 0, CODE },
	/* mov al, 0x7f; inc al; into */
	{ { 0xb0, 0x7f, 0xfe, 0xc0, 0xce }, 5, VEC_OF, 0, 0, CODE + 5 },
	/* xor eax, eax; bound eax, [data]: 1..1 */
	{ { 0x31, 0xc0, 0x62, 0x05, 0, 0, 0, 0x20 }, 8, VEC_BR, 0, 0,
	  CODE + 2 },
	/* int 0x33; hlt; mov eax, fs:[0]; mov ax, 0x77; mov ds, ax */
	{ { 0xcd, 0x33 }, 2, VEC_GP, 0x19a, 0, CODE },
	{ { 0xf4 }, 1, VEC_GP, 0, 0, CODE },
	{ { 0x64, 0xa1, 0, 0, 0, 0 }, 6, VEC_GP, 0, 0, CODE },
	{ { 0x66, 0xb8, 0x18, 0, 0x8e, 0xd8 }, 6, VEC_GP, 0x18, 0, CODE + 4 },
	/* movaps xmm0, [unmapped + 1]: alignment first */
	{ { 0x0f, 0x28, 0x05, 1, 0, 0, 0x40 }, 7, VEC_GP, 0, 0, CODE },
	/* fldcw [data]: 0; fldz; fldz; fdivp; fwait */
	{ { 0xd9, 0x2d, 8, 0, 0, 0x20, 0xd9, 0xee, 0xd8, 0xf0, 0x9b }, 11,
	  VEC_MF, 0, 0, CODE + 10 },
	/* the same, then fld [unmapped], fld fs:[0]: what is pending comes first */
	{ { 0xd9, 0x2d, 8, 0, 0, 0x20, 0xd9, 0xee, 0xd8, 0xf0, 0xd9, 0x05, 0, 0,
	    0, 0x40 }, 16, VEC_MF, 0, 0, CODE + 10 },
	{ { 0xd9, 0x2d, 8, 0, 0, 0x20, 0xd9, 0xee, 0xd8, 0xf0, 0x64, 0xd9, 0x05,
	    0, 0, 0, 0 }, 17, VEC_MF, 0, 0, CODE + 10 },
	/* but not fnstcw */
	{ { 0xd9, 0x2d, 8, 0, 0, 0x20, 0xd9, 0xee, 0xd8, 0xf0, 0xd9, 0x3d, 0, 0,
	    0, 0x40 }, 16, VEC_PF, 6, 0x40000000, CODE + 10 },
	/* ldmxcsr [data]: 0; divps xmm0, xmm0 */
	{ { 0x0f, 0xae, 0x15, 8, 0, 0, 0x20, 0x0f, 0x5e, 0xc0 }, 10, VEC_XM, 0,
	  0, CODE + 7 },
};

static void ends_data(void)
{
	static const u32 data[4] = { 1, 1, 0, 0 };

	both_write(ORUN_DATA, data, sizeof(data));
}

START_TEST(test_ends)
{
	both_open(&modes[_i]);
	ends_data();
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct end *e = &ends[i];

		both_code(CODE, e->code, e->len);
		both_run();
		ck_assert_msg(T.r[0].end == ORUN_EXC &&
			      T.r[0].vector == e->vector &&
			      T.r[0].err == e->err && T.r[0].cr2 == e->cr2 &&
			      T.r[0].st.eip == e->eip,
			      "case %u: vector %u error %#x cr2 %#x eip %#x", i,
			      T.r[0].vector, T.r[0].err, T.r[0].cr2,
			      T.r[0].st.eip);
	}
	both_close();
}
END_TEST

/* --- state in, state out */

START_TEST(test_state)
{
	both_open(&modes[_i]);
	both_code(CODE, BYTES(0xcc));
	for (unsigned i = 0; i < 8; i++)
		T.st.gpr[i] = 0x11111111 * i + 0x80000000;
	for (unsigned i = 160; i < 288; i++)
		T.st.x[i] = (u8)(i * 3);
	for (unsigned i = 576; i < 704; i++)
		T.st.x[i] = (u8)(i * 5);
	T.st.x[4] = 0xff;
	for (unsigned i = 32; i < 160; i++)
		T.st.x[i] = (u8)((i & 15) < 10 ? i * 7 | 0x80 : 0);
	T.st.eflags = EFL_CF | EFL_SF | EFL_OF | EFL_DF | EFL_AC | EFL_NT;
	T.st.sel[CPU_FS] = ORUN_DS;
	both_run();
	for (unsigned k = 0; k < 2; k++) {
		const struct orun_state *s = &T.r[k].st;

		ck_assert_int_eq(memcmp(s->gpr, T.st.gpr, 32), 0);
		ck_assert_uint_eq(s->eflags & ORUN_EFLAGS, T.st.eflags);
		ck_assert_int_eq(memcmp(s->x + 32, T.st.x + 32, 256), 0);
		if (orun_xmask() & 4)
			ck_assert_int_eq(memcmp(s->x + 576, T.st.x + 576, 128),
					 0);
		ck_assert_int_eq(memcmp(s->sel, T.st.sel, 12), 0);
		ck_assert_uint_eq(s->eip, CODE + 1);
	}
	both_close();
}
END_TEST

/* What differs is seen, part by part. */
START_TEST(test_differ)
{
	struct orun_result a, b;

	ck_assert_int_eq(orun_init(), 0);
	memset(&a, 0, sizeof(a));
	orun_state_init(&a.st);
	b = a;
	ck_assert_uint_eq(orun_differ(&a, &b), 0);
	b.st.gpr[7] ^= 0x80000000;
	ck_assert_uint_eq(orun_differ(&a, &b), ORUN_DIFF_GPR);
	b.st.eflags ^= EFL_AF;
	b.st.x[160 + 7 * 16 + 15] ^= 1;
	ck_assert_uint_eq(orun_differ(&a, &b), ORUN_DIFF_GPR | ORUN_DIFF_VEC |
						       ORUN_DIFF_EFLAGS);
	b = a;
	b.cr2 = 1;
	b.st.eip++;
	b.st.sel[CPU_GS] = 3;
	ck_assert_uint_eq(orun_differ(&a, &b), ORUN_DIFF_END | ORUN_DIFF_EIP |
						       ORUN_DIFF_SEL);
	b = a;
	b.st.x[8]++; /* FIP */
	ck_assert_uint_eq(orun_differ(&a, &b), 0);
}
END_TEST

/* --- memory */

/* inc [data]; call next; pop [stack]; the same code run again, and cold */
START_TEST(test_again)
{
	u32 at = ORUN_DATA + 0xffe;

	both_open(&modes[_i]);
	both_code(CODE, BYTES(0xff, 0x05, 0xfe, 0x0f, 0, 0x20, 0xe8, 0, 0, 0, 0,
			      0x8f, 0x04, 0x24, 0xcc));
	for (u32 i = 0; i < 30; i++) {
		both_run();
		ck_assert_uint_eq(word(0, at), i + 1);
		if (i % 10 == 9)
			orun_cold(T.place[1]);
	}
	both_close();
}
END_TEST

/* mov byte [rel imm], 0x42; mov eax, imm: a store into the next instruction */
START_TEST(test_changes_itself)
{
	static const u8 code[] = { 0xc6, 0x05, 0x08, 0x01, 0, 0x10, 0x42,
				   0xb8, 1, 0, 0, 0, 0xcc };

	both_open(&modes[_i]);
	for (unsigned i = 0; i < 10; i++) {
		both_code(CODE, code, sizeof(code));
		both_run();
		ck_assert_uint_eq(T.r[1].st.gpr[R_AX], 0x42);
		ck_assert_uint_eq(word(1, CODE + 8), 0x42);
	}
	both_close();
}
END_TEST

/* An instruction over the end of the last page of a group: page 15 is none. */
START_TEST(test_page_end)
{
	u32 at = ORUN_CODE + 15 * (u32)PAGE_SIZE - 3;

	both_open(&modes[_i]);
	both_code(at, BYTES(0x90, 0xb8, 0x11));
	T.st.eip = at;
	both_run();
	ck_assert_uint_eq(T.r[1].vector, VEC_PF);
	ck_assert_uint_eq(T.r[1].cr2, at + 3);
	ck_assert_uint_eq(T.r[1].st.eip, at + 1);
	both_close();
}
END_TEST

/* --- segments */

/* Code, data and stack of 16 bits; false: the host refuses them. */
static bool open_16bit(int mode)
{
	static const struct user_desc code = {
		.base_addr = ORUN_CODE, .limit = 0xffff, .contents = 2,
	}, data = { .base_addr = ORUN_DATA, .limit = 0xffff }, stack = {
		.base_addr = ORUN_STACK, .limit = 0x3fff,
	};

	both_open(&modes[mode]);
	for (unsigned k = 0; k < 2; k++) {
		if (orun_ldt(T.place[k], 0, &code)) {
			printf("the host refuses 16-bit segments\n");
			both_close();
			return false;
		}
		orun_ldt(T.place[k], 1, &data);
		orun_ldt(T.place[k], 2, &stack);
	}
	T.st.eip = CODE - ORUN_CODE;
	T.st.sel[CPU_CS] = ORUN_LDT(0);
	T.st.sel[CPU_DS] = T.st.sel[CPU_ES] = ORUN_LDT(1);
	T.st.sel[CPU_SS] = ORUN_LDT(2);
	return true;
}

/* mov esp, imm32; push ax; mov [0x10], bx; int3 */
START_TEST(test_16bit)
{
	if (!open_16bit(_i))
		return;
	both_code(CODE, BYTES(0x66, 0xbc, 0, 0x20, 0x34, 0x12, 0x50, 0x89, 0x1e,
			      0x10, 0, 0xcc));
	T.st.gpr[R_BX] = 0xbeef;
	both_run();
	ck_assert_uint_eq(T.r[1].vector, VEC_BP);
	ck_assert_uint_eq(T.r[1].st.gpr[R_SP], 0x12341ffe);
	ck_assert_uint_eq(word(1, ORUN_DATA + 0x10), 0xbeef);
	both_close();
}
END_TEST

/* movaps xmm0, ss:[0x4001], beyond the limit of the stack: #GP, not #SS as
 * for movups */
START_TEST(test_16bit_misaligned)
{
	if (!open_16bit(_i))
		return;
	both_code(CODE, BYTES(0x66, 0xbc, 0, 0x20, 0, 0, 0x36, 0x0f, 0x28, 0x06,
			      0x01, 0x40));
	both_run();
	ck_assert_uint_eq(T.r[1].vector, VEC_GP);
	both_code(CODE, BYTES(0x66, 0xbc, 0, 0x20, 0, 0, 0x36, 0x0f, 0x10, 0x06,
			      0x01, 0x40));
	both_run();
	ck_assert_uint_eq(T.r[1].vector, VEC_SS);
	both_close();
}
END_TEST

/* --- runs that say nothing */

START_TEST(test_endless)
{
	both_open(&modes[_i]);
	both_code(CODE, BYTES(0xeb, 0xfe));
	for (unsigned i = 0; i < 2; i++)
		orun_run(T.place[i], &T.st, &T.r[i]);
	ck_assert_int_eq(T.r[0].end, ORUN_TIMEOUT);
	ck_assert_int_eq(T.r[1].end, ORUN_TIMEOUT);
	both_code(CODE, BYTES(0x40, 0xcc)); /* and it goes on */
	both_run();
	ck_assert_uint_eq(T.r[1].st.gpr[R_AX], 1);
	both_close();
}
END_TEST

/* mov ecx, 4000000; dec ecx; jnz: some of these meet a tick of the timer, and
 * what its handler returns with is not the code's business */
START_TEST(test_ticked)
{
	both_open(&modes[0]);
	both_code(CODE, BYTES(0xb9, 0x00, 0x09, 0x3d, 0x00, 0x49, 0x75, 0xfd,
			      0xcc));
	T.st.eflags |= EFL_ID | EFL_NT;
	for (unsigned i = 0; i < 40; i++) {
		orun_run(orun_native(), &T.st, &T.r[0]);
		if (T.r[0].end == ORUN_EXC)
			ck_assert_uint_eq(T.r[0].st.eflags & (EFL_ID | EFL_NT),
					  EFL_ID | EFL_NT);
	}
	both_close();
}
END_TEST

/* mov eax, 20 (getpid); int 0x80, sysenter; and jmp 0x33:: syscall */
START_TEST(test_system_calls)
{
	both_open(NULL);
	both_code(CODE, BYTES(0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcc));
	orun_run(T.place[0], &T.st, &T.r[0]);
	ck_assert_int_eq(T.r[0].end, ORUN_SYSCALL);
	both_code(CODE, BYTES(0xb8, 20, 0, 0, 0, 0x0f, 0x34, 0xcc));
	orun_run(T.place[0], &T.st, &T.r[0]);
	ck_assert(T.r[0].end == ORUN_SYSCALL || T.r[0].vector == VEC_UD);
	both_code(CODE, BYTES(0xb8, 39, 0, 0, 0, 0xea, 0x0c, 0x01, 0, 0x10,
			      0x33, 0, 0x0f, 0x05, 0xcc));
	orun_run(T.place[0], &T.st, &T.r[0]);
	ck_assert_int_eq(T.r[0].end, ORUN_SYSCALL);
	both_code(CODE, BYTES(0x40, 0xcc));
	both_run();
	both_close();
}
END_TEST

/* --- speed */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Figures, and that new code at ever new places does not slow it down. */
START_TEST(test_speed)
{
	static const u8 code[] = { 0x01, 0xd8, 0x50, 0x59, 0x75, 0x01, 0x90,
				   0xcc };
	double t[3] = { 0 }, from;
	u8 page[64];

	both_open(NULL);
	memset(page, 0xcc, sizeof(page));
	memcpy(page, code, sizeof(code));
	for (unsigned i = 0; i < 4000; i++) {
		T.st.eip = ORUN_CODE + (i % 64) * 16 * (u32)PAGE_SIZE +
			   (i / 64 % 64) * 64;
		both_write(T.st.eip, page, sizeof(page));
		for (unsigned k = 0; k < 3; k++) {
			from = seconds();
			orun_run(T.place[!!k], &T.st, &T.r[!!k]);
			t[k] += seconds() - from;
		}
		ck_assert_uint_eq(orun_differ(&T.r[0], &T.r[1]), 0);
	}
	printf("orun: %.1f us a native run, %.1f us a virtual one with new "
	       "code, %.1f us again\n", t[0] * 250, t[1] * 250, t[2] * 250);
	ck_assert(t[0] + t[1] + t[2] < 8); /* 500 a second */
	both_close();
}
END_TEST

static Suite *suite_orun(void)
{
	Suite *s = suite_create("orun");
	TCase *t = tcase_create("places");
	int n = ARRAY_SIZE(modes);

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_ends, 0, n);
	tcase_add_loop_test(t, test_state, 0, n);
	tcase_add_test(t, test_differ);
	tcase_add_loop_test(t, test_again, 0, n);
	tcase_add_loop_test(t, test_changes_itself, 0, n);
	tcase_add_loop_test(t, test_page_end, 0, n);
	tcase_add_loop_test(t, test_16bit, 0, n);
	tcase_add_loop_test(t, test_16bit_misaligned, 0, n);
	tcase_add_loop_test(t, test_endless, 0, n);
	tcase_add_test(t, test_ticked);
	tcase_add_test(t, test_system_calls);
	tcase_add_test(t, test_speed);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(suite_orun());
	int run, failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	run = srunner_ntests_run(sr);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	printf("%d passed, %d failed\n", run - failed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
