// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_privileged.c - who may: each instruction that is ring 0's faults at
 * ring 3 and changes nothing; registers that exist hold what they are given;
 * what the processor tells of itself by CPUID.
 */
#include "sys_env.h"

/* ---- ring 3 */

#define CODE(...) { __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ })
static const struct {
	const char *name;
	u8 bytes[8];
	u8 len;
	u8 vector; /* at ring 3 */
} ring0[] = {
	{ "mov cr0", CODE(0x0f, 0x22, 0xc0), VEC_GP },
	{ "mov cr2", CODE(0x0f, 0x22, 0xd0), VEC_GP },
	{ "mov cr3", CODE(0x0f, 0x22, 0xd8), VEC_GP },
	{ "mov cr4", CODE(0x0f, 0x22, 0xe0), VEC_GP },
	{ "mov from dr7", CODE(0x0f, 0x21, 0xf8), VEC_GP },
	{ "mov to dr0", CODE(0x0f, 0x23, 0xc0), VEC_GP },
	{ "lmsw", CODE(0x0f, 0x01, 0xf0), VEC_GP },
	{ "clts", CODE(0x0f, 0x06), VEC_GP },
	{ "hlt", CODE(0xf4), VEC_GP },
	{ "invlpg", CODE(0x0f, 0x01, 0x38), VEC_GP },
	{ "rdmsr", CODE(0x0f, 0x32), VEC_GP },
	{ "wrmsr", CODE(0x0f, 0x30), VEC_GP },
	{ "xsetbv", CODE(0x0f, 0x01, 0xd1), VEC_GP },
	{ "rdpmc", CODE(0x0f, 0x33), VEC_GP },
	{ "lgdt", CODE(0x0f, 0x01, 0x10), VEC_GP },
	{ "lidt", CODE(0x0f, 0x01, 0x18), VEC_GP },
	{ "lldt", CODE(0x0f, 0x00, 0xd0), VEC_GP },
	{ "ltr", CODE(0x0f, 0x00, 0xd8), VEC_GP },
	{ "wbinvd", CODE(0x0f, 0x09), VEC_GP },
	{ "invd", CODE(0x0f, 0x08), VEC_GP },
};

START_TEST(ring3_may_not)
{
	struct vcpu *v = env_user();
	struct env_regs before;

	v->cpu.cr4 |= CR4_OSXSAVE;
	v->cpu.gpr[R_AX] = AT_DATA;
	v->cpu.gpr[R_CX] = MSR_PAT;
	env_save(&before);
	ck_assert_msg(env_run(ring0[_i].bytes, ring0[_i].len) == H_EXC, "%s",
		      ring0[_i].name);
	EXC_IS(ring0[_i].vector, 0);
	ck_assert_msg(env_unchanged(&before), "%s", ring0[_i].name);
}
END_TEST

/* Not an instruction of user mode under UMIP and TSD only. */
START_TEST(ring3_may_unless)
{
	struct vcpu *v = env_user();

	ck_assert_int_eq(RUN(0x0f, 0x01, 0xe0), H_NEXT); /* smsw eax */
	ck_assert_uint_eq(v->cpu.gpr[R_AX], (u32)v->cpu.cr0);
	v->cpu.cr4 = CR4_UMIP;
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xe0), H_EXC);
	EXC_IS(VEC_GP, 0);
	v = env_user();
	v->cpu.cr4 = CR4_TSD;
	ck_assert_int_eq(RUN(0x0f, 0x31), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xf9), H_EXC); /* rdtscp */
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* ---- registers that do not exist */

/* (CR1 and the like have no row in the table: no instruction at all.) */
START_TEST(no_such_register)
{
	struct vcpu *v = env_protected();

	v->cpu.cr4 = CR4_DE;
	ck_assert_int_eq(RUN(0x0f, 0x21, 0xe0), H_EXC); /* mov eax, dr4 */
	EXC_IS(VEC_UD, 0);
	ck_assert_int_eq(RUN(0x0f, 0x23, 0xe8), H_EXC); /* mov dr5, eax */
	EXC_IS(VEC_UD, 0);
	v->cpu.cr4 = CR4_OSXSAVE;
	v->cpu.gpr[R_CX] = 1;
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xd0), H_EXC); /* xgetbv */
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* Where the MMU refuses the PDPTEs, CR0 and EFER stay. */
START_TEST(refused_modes)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;
	u64 old = c->cr0;

	env.mmu_refuses = true;
	c->gpr[R_AX] = old | CR0_PG;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xc0), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_uint_eq(c->cr0, old);
	c->gpr[R_CX] = MSR_EFER;
	c->gpr[R_AX] = EFER_NXE;
	c->gpr[R_DX] = 0;
	ck_assert_int_eq(RUN(0x0f, 0x30), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_uint_eq(c->efer, 0);
	env.mmu_refuses = false;
	ck_assert_int_eq(RUN(0x0f, 0x30), H_END);
	ck_assert_uint_eq(c->efer, EFER_NXE);
}
END_TEST

/* ---- MSRs */

static bool msr_get(u32 n, u64 *val)
{
	struct cpu *c = &env.v.cpu;

	c->gpr[R_CX] = n;
	c->gpr[R_AX] = c->gpr[R_DX] = 0x5a5a5a5a;
	if (RUN(0x0f, 0x32) != H_NEXT)
		return false;
	*val = c->gpr[R_AX] | c->gpr[R_DX] << 32;
	return true;
}

static bool msr_set(u32 n, u64 val)
{
	struct cpu *c = &env.v.cpu;

	c->gpr[R_CX] = n;
	c->gpr[R_AX] = (u32)val;
	c->gpr[R_DX] = val >> 32;
	return RUN(0x0f, 0x30) == H_END;
}

/* Those that hold what they are given, and those that do not. */
START_TEST(msrs_hold)
{
	static const struct {
		u32 n;
		u64 set;
		bool ok;
		u64 get;
	} t[] = {
		{ MSR_MISC_ENABLE, 0x850089, true, 0x850089 },
		{ 0x1d9, 2, true, 2 }, /* IA32_DEBUGCTL */
		{ 0x1d9, 4, false, 0 },
		{ MSR_TSC_AUX, 0x1234, true, 0x1234 },
		{ MSR_TSC_AUX, 1ull << 32, false, 0 },
		{ MSR_MCG_STATUS, 0, true, 0 },
		{ MSR_MCG_STATUS, 1, false, 0 },
		{ MSR_FEATURE_CONTROL, 1, false, 1 },
		{ MSR_SYSENTER_CS, 0x60, true, 0x60 },
		{ MSR_SYSENTER_ESP, 0x1000, true, 0x1000 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		u64 got = 0;

		env_protected();
		ck_assert_msg(msr_set(t[i].n, t[i].set) == t[i].ok, "set %u",
			      i);
		ck_assert_msg(msr_get(t[i].n, &got) && got == t[i].get,
			      "get %u: %lx", i, got);
	}
}
END_TEST

/* What is written to the counter goes on from there, and TSC_ADJUST tells the
 * difference (SDM vol. 3, 18.17.3). */
START_TEST(msr_time_stamp)
{
	u64 before, adjust, now, again;

	env_protected();
	ck_assert(msr_get(MSR_TSC, &before));
	ck_assert(msr_set(MSR_TSC, 1ull << 50));
	ck_assert(msr_get(MSR_TSC, &now) && msr_get(MSR_TSC, &again));
	ck_assert(now >= 1ull << 50 && now < (1ull << 50) + (1ull << 40));
	ck_assert(again >= now);
	ck_assert(msr_get(MSR_TSC_ADJUST, &adjust));
	ck_assert(adjust <= (1ull << 50) - before);
	ck_assert(adjust > (1ull << 50) - before - (1ull << 40));
}
END_TEST

START_TEST(processor_number)
{
	struct vcpu *v = env_protected();

	v->cpu.tsc_aux = 0x77;
	ck_assert_int_eq(RUN(0xf3, 0x0f, 0xc7, 0xfa), H_NEXT); /* rdpid edx */
	ck_assert_uint_eq(v->cpu.gpr[R_DX], 0x77);
}
END_TEST

/* ---- CPUID */

/* The hierarchy ends; one processor of one thread; frequencies agree. */
START_TEST(what_it_tells)
{
	u32 r[4], sub;
	u64 bytes;

	env_protected();
	cpuid_query(&env.v, 2, 0, r);
	ck_assert_uint_eq(r[0] & 0xff, 1);
	for (sub = 0; sub < 8; sub++) {
		cpuid_query(&env.v, 4, sub, r);
		if (!(r[0] & 0x1f))
			break;
		ck_assert_uint_eq(r[0] >> 5 & 7, sub < 2 ? 1 : 2);
		bytes = ((r[1] >> 22) + 1ull) * ((r[1] & 0xfff) + 1) *
			(r[2] + 1);
		ck_assert_uint_ge(bytes, 32 << 10);
	}
	ck_assert_uint_eq(sub, 3);
	for (sub = 0; sub < 3; sub++) {
		cpuid_query(&env.v, 0xb, sub, r);
		ck_assert_uint_eq(r[2] & 0xff, sub);
		ck_assert_uint_eq(r[2] >> 8, sub < 2 ? sub + 1 : 0);
		ck_assert_uint_eq(r[1], sub < 2);
	}
	cpuid_query(&env.v, 0x16, 0, r);
	ck_assert_uint_eq(r[0], 2596);
	ck_assert_uint_eq(r[1], 2596);
	cpuid_query(&env.v, 6, 0, r);
	ck_assert(r[0] & 1 << 2);
}
END_TEST

Suite *suite_privileged(void);
Suite *suite_privileged(void)
{
	Suite *s = suite_create("privileged");
	TCase *tc = tcase_create("privileged");

	tcase_add_loop_test(tc, ring3_may_not, 0, ARRAY_SIZE(ring0));
	tcase_add_test(tc, ring3_may_unless);
	tcase_add_test(tc, no_such_register);
	tcase_add_test(tc, refused_modes);
	tcase_add_test(tc, msrs_hold);
	tcase_add_test(tc, msr_time_stamp);
	tcase_add_test(tc, processor_number);
	tcase_add_test(tc, what_it_tells);
	suite_add_tcase(s, tc);
	return s;
}
