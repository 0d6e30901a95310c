/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sysvector.c - masked moves and gathers in C: which bytes they touch,
 * what a fault leaves, what an earlier x87 exception does. The registers are
 * those of the image in cpu.xsave_area. Their results in general are
 * compared with the host's by test_oracle.c.
 */
#include "sys_env.h"

#define EDGE (AT_DATA + 0x1000) /* the page there is absent */

static u8 *xmm(unsigned n)
{
	return env.v.cpu.xsave_area + 160 + 16 * n;
}

static u8 *ymmh(unsigned n)
{
	return env.v.cpu.xsave_area + 576 + 16 * n;
}

static u8 *st(unsigned slot)
{
	return env.v.cpu.xsave_area + 32 + 16 * slot;
}

static struct vcpu *vec_env(void)
{
	struct vcpu *v = env_protected();

	env.host.xcr0 = 7;
	v->cpu.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
	v->cpu.xcr0 = 7;
	memset(v->cpu.xsave_area, 0, sizeof(v->cpu.xsave_area));
	light_put16(v->cpu.xsave_area, 0x37f);
	light_put64(v->cpu.xsave_area + 512, 7);
	env.absent[EDGE >> 12] = 1;
	for (unsigned i = 0; i < 0x1000; i++)
		env.mem[AT_DATA + i] = (u8)(i * 7 + 1);
	return v;
}

static void put_words(u8 *r, u32 a, u32 b, u32 c, u32 d)
{
	light_put32(r, a);
	light_put32(r + 4, b);
	light_put32(r + 8, c);
	light_put32(r + 12, d);
}

#define WORDS_ARE(r, a, b, c, d)                                              \
	do {                                                                  \
		u8 want[16];                                                  \
                                                                              \
		put_words(want, a, b, c, d);                                  \
		ck_assert_mem_eq(r, want, 16);                                \
	} while (0)

#define ON 0x80000000u

/* vmaskmovps ymm1, ymm2, [ebx] */
START_TEST(masked_load)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = EDGE - 20;
	put_words(xmm(2), ON, 0x7fffffff, ~0u, 0);
	put_words(ymmh(2), ON, 0, 0, 0x7fffffff);
	memset(xmm(1), 0xaa, 16);
	memset(ymmh(1), 0xaa, 16);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x6d, 0x2c, 0x0b), H_NEXT);
	WORDS_ARE(xmm(1), env_get32(EDGE - 20), 0, env_get32(EDGE - 12), 0);
	WORDS_ARE(ymmh(1), env_get32(EDGE - 4), 0, 0, 0);
	ck_assert_uint_eq(v->cpu.fpu_saved, 1);
	/* the next element is beyond: fault, and nothing changes */
	light_put32(ymmh(2) + 4, ON);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x6d, 0x2c, 0x0b), H_EXC);
	EXC_IS(VEC_PF, 0);
	ck_assert_uint_eq(v->exc.cr2, EDGE);
	WORDS_ARE(ymmh(1), env_get32(EDGE - 4), 0, 0, 0);
	/* vmaskmovps xmm1, xmm2, [ebx] clears the upper half */
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x2c, 0x0b), H_NEXT);
	WORDS_ARE(ymmh(1), 0, 0, 0, 0);
}
END_TEST

/* vpmaskmovq [ebx], ymm2, ymm1: quadwords 1 and 3 */
START_TEST(masked_store)
{
	struct vcpu *v = vec_env();
	u8 before[32];

	v->cpu.gpr[R_BX] = EDGE - 16;
	put_words(xmm(2), ~0u, 0x7fffffff, 0, ON);
	put_words(ymmh(2), ~0u, 0, ~0u, 0);
	memset(xmm(1), 0x11, 16);
	memset(ymmh(1), 0x22, 16);
	memcpy(before, env.mem + EDGE - 16, 32);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0xed, 0x8e, 0x0b), H_NEXT);
	ck_assert_mem_eq(env.mem + EDGE - 16, before, 8);
	ck_assert_uint_eq(env_get32(EDGE - 8), 0x11111111);
	ck_assert_uint_eq(env_get32(EDGE - 4), 0x11111111);
	ck_assert_mem_eq(env.mem + EDGE, before + 16, 16);
	/* a fault behind it: the first is not written */
	light_put32(ymmh(2) + 12, ON);
	memcpy(env.mem + EDGE - 16, before, 32);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0xed, 0x8e, 0x0b), H_EXC);
	EXC_IS(VEC_PF, PFEC_W);
	ck_assert_uint_eq(v->exc.cr2, EDGE + 8);
	ck_assert_mem_eq(env.mem + EDGE - 16, before, 32);
}
END_TEST

/* Limits are for selected elements only; #SS for the stack segment. */
START_TEST(masked_limit)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = v->cpu.gpr[R_BP] = AT_DATA;
	v->cpu.seg[CPU_DS].hi = v->cpu.seg[CPU_SS].hi = AT_DATA + 7;
	put_words(xmm(2), ON, ON, 0, 0);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x2c, 0x0b), H_NEXT);
	light_put32(xmm(2) + 8, ON);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x2c, 0x0b), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x2c, 0x4d, 0x00), H_EXC);
	EXC_IS(VEC_SS, 0);
}
END_TEST

/* maskmovdqu xmm1, xmm2 over the edge */
START_TEST(maskmov_bytes)
{
	struct vcpu *v = vec_env();
	u8 old = env.mem[EDGE - 2];

	v->cpu.gpr[R_DI] = EDGE - 3;
	memset(xmm(1), 0x55, 16);
	put_words(xmm(2), 0x00807fff, 0, 0, 0);
	ck_assert_int_eq(RUN(0x66, 0x0f, 0xf7, 0xca), H_NEXT);
	ck_assert_uint_eq(env.mem[EDGE - 3], 0x55);
	ck_assert_uint_eq(env.mem[EDGE - 2], old);
	ck_assert_uint_eq(env.mem[EDGE - 1], 0x55);
	xmm(2)[15] = 0x80;
	ck_assert_int_eq(RUN(0x66, 0x0f, 0xf7, 0xca), H_EXC);
	EXC_IS(VEC_PF, PFEC_W);
	ck_assert_uint_eq(v->exc.cr2, EDGE + 12);
	/* nothing selected: no access at all */
	memset(xmm(2), 0x7f, 16);
	v->cpu.gpr[R_DI] = EDGE + 100;
	ck_assert_int_eq(RUN(0x66, 0x0f, 0xf7, 0xca), H_NEXT);
}
END_TEST

/*
 * maskmovq mm1, mm2 with the x87 stack's top at 5: mm1 is st(4) of the image,
 * mm2 st(5); then the top is 0 and all registers are in use.
 */
START_TEST(maskmov_mmx)
{
	struct vcpu *v = vec_env();
	u8 *img = v->cpu.xsave_area;

	v->cpu.gpr[R_DI] = EDGE - 8;
	light_put16(img + 2, 5 << 11);
	memset(st(4), 0x66, 8);
	st(4)[9] = 0x7f;
	light_put64(st(5), 0x8000000000000080ull);
	env.mem[EDGE - 7] = 0;
	ck_assert_int_eq(RUN(0x0f, 0xf7, 0xca), H_NEXT);
	ck_assert_uint_eq(env.mem[EDGE - 8], 0x66);
	ck_assert_uint_eq(env.mem[EDGE - 7], 0);
	ck_assert_uint_eq(env.mem[EDGE - 1], 0x66);
	ck_assert_uint_eq(light_get16(img + 2), 0);
	ck_assert_uint_eq(img[4], 0xff);
	ck_assert_uint_eq(st(1)[0], 0x66);
	ck_assert_uint_eq(st(1)[9], 0x7f);
	ck_assert(light_get64(st(2)) == 0x8000000000000080ull);
	/* an x87 exception that waits comes first, as #MF or FERR# */
	light_put16(img + 2, 0x80);
	ck_assert_int_eq(RUN(0x0f, 0xf7, 0xca), H_EXC);
	EXC_IS(VEC_MF, 0);
	v->cpu.cr0 &= ~(u64)CR0_NE;
	ck_assert_int_eq(RUN(0x0f, 0xf7, 0xca), H_EXIT);
	ck_assert_int_eq(v->run->reason, UMBRA_EXIT_FERR);
}
END_TEST

/* vgatherdps xmm1, [ebx+xmm3*4], xmm2: the third of four faults. */
START_TEST(gather_fault)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = EDGE - 16;
	put_words(xmm(3), (u32)-4, 1, 4, 2);
	put_words(xmm(2), ON, 0, ON, ON);
	put_words(xmm(1), 1, 2, 3, 4);
	memset(ymmh(1), 0xaa, 16);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x92, 0x0c, 0x9b), H_EXC);
	EXC_IS(VEC_PF, 0);
	ck_assert_uint_eq(v->exc.cr2, EDGE);
	WORDS_ARE(xmm(1), env_get32(EDGE - 32), 2, 3, 4);
	WORDS_ARE(xmm(2), 0, 0, ON, ON);
	/* it goes on where it was */
	env.absent[EDGE >> 12] = 0;
	env_put32(EDGE - 32, 0);
	env_put32(EDGE, 0x12345678);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x69, 0x92, 0x0c, 0x9b), H_NEXT);
	ck_assert_uint_ne(light_get32(xmm(1)), 0);
	WORDS_ARE(xmm(1), light_get32(xmm(1)), 2, 0x12345678,
		  env_get32(EDGE - 8));
	WORDS_ARE(xmm(2), 0, 0, 0, 0);
	WORDS_ARE(ymmh(1), 0, 0, 0, 0);
}
END_TEST

/* vpgatherqq ymm1, [ebx+ymm3*8], ymm2: 32 bits of each index count. */
START_TEST(gather_wide)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = AT_DATA + 64;
	put_words(xmm(3), 1, 0x1234, (u32)-1, 0);
	put_words(ymmh(3), 0x20000002, ~0u, 3, 0);
	memset(xmm(2), 0xff, 16);
	memset(ymmh(2), 0xff, 16);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0xed, 0x91, 0x0c, 0xdb), H_NEXT);
	ck_assert_mem_eq(xmm(1), env.mem + AT_DATA + 72, 8);
	ck_assert_mem_eq(xmm(1) + 8, env.mem + AT_DATA + 56, 8);
	ck_assert_mem_eq(ymmh(1), env.mem + AT_DATA + 80, 8);
	ck_assert_mem_eq(ymmh(1) + 8, env.mem + AT_DATA + 88, 8);
	WORDS_ARE(ymmh(2), 0, 0, 0, 0);
}
END_TEST

/* Parts that XSTATE_BV leaves out are initial, whatever the image has. */
START_TEST(initial_parts)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = EDGE + 16;
	memset(xmm(2), 0xff, 16);
	memset(ymmh(2), 0xff, 16);
	memset(xmm(1), 0xff, 16);
	memset(st(0), 0xff, 16);
	light_put64(v->cpu.xsave_area + 512, 0);
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x6d, 0x2c, 0x0b), H_NEXT);
	WORDS_ARE(xmm(1), 0, 0, 0, 0);
	WORDS_ARE(st(0), 0, 0, 0, 0);
	ck_assert_uint_eq(light_get16(v->cpu.xsave_area), 0x37f);
	ck_assert(light_get64(v->cpu.xsave_area + 512) == 7);
}
END_TEST

START_TEST(vector_gates)
{
	struct vcpu *v = vec_env();

	v->cpu.gpr[R_BX] = v->cpu.gpr[R_DI] = AT_DATA;
	v->cpu.cr0 |= CR0_TS;
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x6d, 0x2c, 0x0b), H_EXC);
	EXC_IS(VEC_NM, 0);
	ck_assert_int_eq(RUN(0x0f, 0xf7, 0xca), H_EXC);
	EXC_IS(VEC_NM, 0);
	v->cpu.cr0 |= CR0_EM;
	ck_assert_int_eq(RUN(0x0f, 0xf7, 0xca), H_EXC);
	EXC_IS(VEC_UD, 0);
	v = vec_env();
	v->cpu.cr4 = CR4_OSXSAVE;
	ck_assert_int_eq(RUN(0x66, 0x0f, 0xf7, 0xca), H_EXC);
	EXC_IS(VEC_UD, 0);
	v = vec_env();
	v->cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	ck_assert_int_eq(RUN(0xc4, 0xe2, 0x6d, 0x2c, 0x0b), H_EXC);
	EXC_IS(VEC_UD, 0);
}
END_TEST

Suite *suite_sysvector(void);
Suite *suite_sysvector(void)
{
	Suite *s = suite_create("sysvector");
	TCase *t = tcase_create("sysvector");

	tcase_add_test(t, masked_load);
	tcase_add_test(t, masked_store);
	tcase_add_test(t, masked_limit);
	tcase_add_test(t, maskmov_bytes);
	tcase_add_test(t, maskmov_mmx);
	tcase_add_test(t, gather_fault);
	tcase_add_test(t, gather_wide);
	tcase_add_test(t, initial_parts);
	tcase_add_test(t, vector_gates);
	suite_add_tcase(s, t);
	return s;
}
