// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_sysfpu.c - state images of x87, SSE and AVX: SDM vol. 1, 8.1.10 and
 * chapter 13. The tests own the host's vector registers while they run.
 */
#include "sys_env.h"

static struct vcpu *fpu_env(void)
{
	struct vcpu *v = env_protected();

	v->cpu.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
	v->cpu.xcr0 = XCR0_X87 | XCR0_SSE;
	v->cpu.gpr[R_BX] = AT_DATA;
	__asm__ volatile("fninit");
	return v;
}

START_TEST(gates)
{
	struct vcpu *v = fpu_env();

	v->cpu.cr0 |= CR0_TS;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x03), H_EXC);
	EXC_IS(VEC_NM, 0);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x23), H_EXC); /* xsave */
	EXC_IS(VEC_NM, 0);
	v->cpu.cr4 = 0;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x23), H_EXC);
	EXC_IS(VEC_UD, 0);
	v = fpu_env();
	v->cpu.gpr[R_BX] += 8;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x03), H_EXC);
	EXC_IS(VEC_GP, 0);
	v->cpu.gpr[R_BX] += 8;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x23), H_EXC);
	EXC_IS(VEC_GP, 0);
	/* a page that fails: nothing is written to the first */
	v = fpu_env();
	v->cpu.gpr[R_BX] = AT_DATA + 0x1000 - 64;
	env.absent[(AT_DATA >> 12) + 1] = 1;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x03), H_EXC);
	EXC_IS(VEC_PF, PFEC_W);
	ck_assert_uint_eq(v->exc.cr2, AT_DATA + 0x1000);
	ck_assert_uint_eq(env_get32(AT_DATA + 0x1000 - 64), 0);
}
END_TEST

START_TEST(fxsave_round_trip)
{
	struct vcpu *v = fpu_env();
	u64 x = 0x0123456789abcdefull, y = 0;

	(void)v;
	__asm__ volatile("fld1; movq %0, %%xmm3" : : "r"(x) : "xmm3");
	memset(env.mem + AT_DATA, 0x55, 512);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x03), H_NEXT);
	ck_assert_uint_eq(env_get16(AT_DATA), 0x37f);
	ck_assert_uint_eq(env.mem[AT_DATA + 4], 0x80); /* one register */
	ck_assert_uint_eq(env_get32(AT_DATA + 28), 0xffff);
	ck_assert(light_get64(env.mem + AT_DATA + 160 + 3 * 16) == x);
	ck_assert_uint_eq(env.mem[AT_DATA + 288], 0x55); /* not touched */
	/* host addresses of instructions do not show */
	ck_assert(env_get32(AT_DATA + 8) == 0xc0de0000 ||
		  env_get32(AT_DATA + 8) == 0);
	ck_assert_uint_eq(env_get32(AT_DATA + 12), 0);

	__asm__ volatile("fninit; xorps %%xmm3, %%xmm3" : : : "xmm3");
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x0b), H_NEXT);
	__asm__ volatile("movq %%xmm3, %0" : "=r"(y));
	ck_assert(x == y);
	env_put32(AT_DATA + 24, 0x10000);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x0b), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* fnstenv and fldenv in the four formats; pointers come back. */
START_TEST(environment_formats)
{
	for (unsigned k = 0; k < 4; k++) {
		bool wide = k & 1, prot = k & 2;
		struct vcpu *v = fpu_env();
		unsigned w = wide ? 4 : 2;

		if (!prot) {
			env_real();
			v->cpu.gpr[R_BX] = 0x400;
		}
		u32 at = prot ? AT_DATA : 0x30400;

		memset(env.mem + at, 0, 64);
		env_put16(at, 0x27f);
		env_put16(at + w, 0x3800);
		env_put16(at + 2 * w, 0x5555);
		if (prot) {
			memcpy(env.mem + at + 3 * w, "\x34\x12\0\0", w);
			memcpy(env.mem + at + 5 * w, "\x78\x56\0\0", w);
		} else {
			env_put16(at + 3 * w, 0x1234);
			env_put32(at + 4 * w, wide ? 5u << 12 : 5u << 12);
			env_put16(at + 5 * w, 0x5678);
		}
		/* fldenv [ebx], fnstenv [ebx] */
		if (wide == prot)
			ck_assert_int_eq(prot ? RUN(0xd9, 0x23) :
						RUN(0xd9, 0x27),
					 H_NEXT);
		else
			ck_assert_int_eq(prot ? RUN(0x66, 0xd9, 0x23) :
						RUN(0x66, 0xd9, 0x27),
					 H_NEXT);
		memset(env.mem + at, 0xaa, 64);
		if (wide == prot)
			ck_assert_int_eq(prot ? RUN(0xd9, 0x33) :
						RUN(0xd9, 0x37),
					 H_NEXT);
		else
			ck_assert_int_eq(prot ? RUN(0x66, 0xd9, 0x33) :
						RUN(0x66, 0xd9, 0x37),
					 H_NEXT);
		ck_assert_uint_eq(env_get16(at), 0x27f);
		ck_assert_uint_eq(env_get16(at + w), 0x3800);
		ck_assert_uint_eq(env_get16(at + 2 * w), 0x5555);
		if (wide)
			ck_assert_uint_eq(env_get16(at + 2), 0xffff);
		ck_assert_uint_eq(env.mem[at + 7 * w], 0xaa);
		__asm__ volatile("fninit");
	}
}
END_TEST

START_TEST(fnsave_frstor)
{
	struct vcpu *v = fpu_env();
	u16 cw, sw;

	(void)v;
	__asm__ volatile("fldpi; fld1");
	ck_assert_int_eq(RUN(0xdd, 0x33), H_NEXT);
	__asm__ volatile("fnstcw %0; fnstsw %1" : "=m"(cw), "=m"(sw));
	ck_assert_uint_eq(cw, 0x37f); /* initialised */
	ck_assert_uint_eq(sw, 0);
	ck_assert_uint_eq(env_get16(AT_DATA + 4), 0x3000); /* top 6 */
	/* 1.0 on top of the stack */
	ck_assert(light_get64(env.mem + AT_DATA + 28) == 1ull << 63);
	ck_assert_uint_eq(env_get16(AT_DATA + 36), 0x3fff);
	ck_assert_int_eq(RUN(0xdd, 0x23), H_NEXT);
	__asm__ volatile("fnstsw %0; fninit" : "=m"(sw));
	ck_assert_uint_eq(sw, 0x3000);
}
END_TEST

/* A pending exception is the guest's #MF, not a signal to us. */
START_TEST(pending_exception)
{
	struct vcpu *v = fpu_env();
	u16 cw = 0x340;

	memset(env.mem + AT_DATA, 0, 64);
	env_put16(AT_DATA, 0x37f);
	__asm__ volatile("fldz; fld1; fldcw %0; fdiv %%st(1)" : : "m"(cw));
	__asm__ volatile("" : : : "memory");
	ck_assert_int_eq(RUN(0xd9, 0x23), H_EXC);
	EXC_IS(VEC_MF, 0);
	v->cpu.cr0 &= ~(u64)CR0_NE;
	ck_assert_int_eq(RUN(0xdd, 0x23), H_EXIT);
	ck_assert_int_eq(v->run->reason, UMBRA_EXIT_FERR);
	__asm__ volatile("fnclex; fninit");
}
END_TEST

START_TEST(xsave_headers)
{
	struct vcpu *v = fpu_env();
	u64 x = 0x1122334455667788ull, y;
	u32 hdr = AT_DATA + 512;

	v->cpu.gpr[R_AX] = 0xffffffff;
	v->cpu.gpr[R_DX] = 0xffffffff;
	__asm__ volatile("movq %0, %%xmm7" : : "r"(x) : "xmm7");
	env.mem[hdr] = 0x80; /* a bit outside RFBM is kept */
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x23), H_NEXT);
	ck_assert_uint_eq(env.mem[hdr] & 0x82, 0x82);
	ck_assert(light_get64(env.mem + AT_DATA + 272) == x);
	env.mem[hdr] &= 3;
	/* init from the header: SSE absent there */
	env.mem[hdr] = 1;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_NEXT);
	__asm__ volatile("movq %%xmm7, %0" : "=r"(y));
	ck_assert(y == 0);
	/* what the header may not say */
	static const struct {
		u8 off, val;
	} bad[] = { { 0, 4 }, { 7, 0x80 }, { 8, 1 }, { 16, 1 }, { 23, 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(env.mem + hdr, 0, 64);
		env.mem[hdr + bad[i].off] = bad[i].val;
		ck_assert_msg(RUN(0x0f, 0xae, 0x2b) == H_EXC, "case %u", i);
		EXC_IS(VEC_GP, 0);
	}
	memset(env.mem + hdr, 0, 64);
	env_put32(AT_DATA + 24, 0xffff0000);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_EXC);
	EXC_IS(VEC_GP, 0);
	/* RFBM without SSE does not look at MXCSR */
	v->cpu.gpr[R_AX] = 1;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_NEXT);
}
END_TEST

START_TEST(xsavec_compact)
{
	struct vcpu *v = fpu_env();
	u32 hdr = AT_DATA + 512;

	if (!__builtin_cpu_supports("avx"))
		return;
	v->cpu.gpr[R_AX] = 7;
	v->cpu.gpr[R_DX] = 0;
	memset(env.mem + AT_DATA, 0x77, 832);
	memset(env.mem + hdr, 0, 64);
	ck_assert_int_eq(RUN(0x0f, 0xc7, 0x23), H_NEXT);
	ck_assert(light_get64(env.mem + hdr + 8) == (1ull << 63 | 3));
	ck_assert_uint_eq(env.mem[hdr] & ~3u, 0);
	/* AVX is not enabled by XCR0: nothing behind the header */
	ck_assert_uint_eq(env.mem[AT_DATA + 576], 0x77);
	env_put32(AT_DATA + 24, 0x1f80);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_NEXT);
	/* xrstors wants the compacted form */
	env.mem[hdr + 15] = 0;
	env.mem[hdr + 8] = 0;
	ck_assert_int_eq(RUN(0x0f, 0xc7, 0x1b), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* What is not in use, or not there by the header, is not touched. */
START_TEST(xsave_parts)
{
	struct vcpu *v = fpu_env();
	u32 at = AT_DATA + 4096 - 576, hdr = at + 512;

	if (!__builtin_cpu_supports("avx"))
		return;
	v->cpu.xcr0 = 7;
	v->cpu.gpr[R_AX] = 7;
	v->cpu.gpr[R_DX] = 0;
	v->cpu.gpr[R_BX] = at;
	env.absent[(AT_DATA >> 12) + 1] = 1;
	memset(env.mem + at, 0, 576);
	env_put32(at + 24, 0x1f80);
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_NEXT); /* xrstor: all init */
	env.mem[hdr] = 7;
	ck_assert_int_eq(RUN(0x0f, 0xae, 0x2b), H_EXC);
	EXC_IS(VEC_PF, 0);
	ck_assert_uint_eq(env.v.exc.cr2, AT_DATA + 4096);
	env.absent[(AT_DATA >> 12) + 1] = 0;
	env_put32(at + 28, 0x77777777);
	v->cpu.gpr[R_AX] = 3;
	ck_assert_int_eq(RUN(0x0f, 0xc7, 0x23), H_NEXT); /* xsavec */
	if (!(env.mem[hdr] & 2))
		ck_assert_uint_eq(env_get32(at + 28), 0x77777777);
}
END_TEST

Suite *suite_sysfpu(void);
Suite *suite_sysfpu(void)
{
	Suite *s = suite_create("sysfpu");
	TCase *tc = tcase_create("sysfpu");

	tcase_add_test(tc, gates);
	tcase_add_test(tc, fxsave_round_trip);
	tcase_add_test(tc, environment_formats);
	tcase_add_test(tc, fnsave_frstor);
	tcase_add_test(tc, pending_exception);
	tcase_add_test(tc, xsave_headers);
	tcase_add_test(tc, xsavec_compact);
	tcase_add_test(tc, xsave_parts);
	suite_add_tcase(s, tc);
	return s;
}
