// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_far.c - far jumps, calls, returns, iret, sysenter: SDM vol. 2.
 */
#include "sys_env.h"

#define FAR32(op, sel, off)                                                   \
	RUN(op, (u8)(off), (u8)((off) >> 8), (u8)((off) >> 16),               \
	    (u8)((off) >> 24), (u8)(sel), (u8)((sel) >> 8))
#define JMPF(sel, off)	FAR32(0xea, sel, off)
#define CALLF(sel, off) FAR32(0x9a, sel, off)
#define RETF()		RUN(0xcb)

static u32 pushed(unsigned n)
{
	return env_get32((u32)env.v.cpu.gpr[R_SP] + 4 * n);
}

static void push32(u32 val)
{
	env.v.cpu.gpr[R_SP] -= 4;
	env_put32((u32)env.v.cpu.gpr[R_SP], val);
}

/* Direct jmp and call: both make the same checks. */
START_TEST(direct)
{
	static const struct {
		u16 sel;
		u8 access, user;
		int vec;
		u32 err;
	} t[] = {
		{ SEL_FREE, 0x9b, 0, -1, 0 },
		{ SEL_FREE, 0x99, 0, -1, 0 },
		{ SEL_FREE, 0x9f, 3, -1, 0 }, /* conforming, more privileged */
		{ SEL_FREE | 3, 0x9f, 0, -1, 0 },
		{ SEL_FREE | 3, 0xff, 0, VEC_GP, SEL_FREE }, /* conf. DPL 3 */
		{ SEL_FREE | 3, 0xfb, 0, VEC_GP, SEL_FREE },
		{ SEL_FREE | 3, 0x9b, 0, VEC_GP, SEL_FREE },
		{ SEL_FREE, 0x9b, 3, VEC_GP, SEL_FREE },
		{ SEL_FREE | 3, 0xfb, 3, -1, 0 },
		{ SEL_FREE, 0x93, 0, VEC_GP, SEL_FREE },
		{ SEL_FREE, 0x1b, 0, VEC_NP, SEL_FREE },
		{ SEL_FREE, 0x8e, 0, VEC_GP, SEL_FREE }, /* interrupt gate */
		{ SEL_FREE, 0x82, 0, VEC_GP, SEL_FREE }, /* LDT */
		{ 0, 0x9b, 0, VEC_GP, 0 },
		{ 0x100, 0x9b, 0, VEC_GP, 0x100 },
	};

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(t); i++) {
		unsigned k = i / 2;
		struct vcpu *v = t[k].user ? env_user() : env_protected();
		struct cpu *c = &v->cpu;
		struct env_regs before;
		enum hret r;

		env_desc(SEL_FREE, 0x100, 0xffff, t[k].access, 4);
		env_save(&before);
		r = i & 1 ? CALLF(t[k].sel, 0x1234) : JMPF(t[k].sel, 0x1234);
		if (t[k].vec >= 0) {
			ck_assert_msg(r == H_EXC, "case %u", i);
			EXC_IS((unsigned)t[k].vec, t[k].err);
			ck_assert(env_unchanged(&before));
			continue;
		}
		ck_assert_msg(r == H_END, "case %u", i);
		ck_assert_uint_eq(c->rip, 0x1234);
		ck_assert_uint_eq(c->seg[CPU_CS].sel,
				  (t[k].sel & ~3) | t[k].user);
		ck_assert_uint_eq(c->cpl, t[k].user);
		if (i & 1) {
			ck_assert_uint_eq(pushed(0), AT_CODE + 7);
			ck_assert_uint_eq(pushed(1), before.seg[CPU_CS].sel);
		}
	}
}
END_TEST

START_TEST(limits_and_stack)
{
	struct vcpu *v = env_protected();
	struct env_regs before;

	env_desc(SEL_FREE, 0, 0xfff, 0x9b, 4);
	env_save(&before);
	ck_assert_int_eq(JMPF(SEL_FREE, 0x1000), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(CALLF(SEL_FREE, 0x1000), H_EXC);
	ck_assert(env_unchanged(&before));
	/* the push itself fails */
	env.readonly[(AT_STACK >> 12) - 1] = 1;
	ck_assert_int_eq(CALLF(SEL_FREE, 0x10), H_EXC);
	EXC_IS(VEC_PF, PFEC_W | PFEC_P);
	ck_assert_uint_eq(v->exc.cr2, AT_STACK - 4);
	ck_assert(env_unchanged(&before));
}
END_TEST

START_TEST(real_mode)
{
	struct vcpu *v = env_real();
	struct cpu *c = &v->cpu;

	ck_assert_int_eq(RUN(0x9a, 0x34, 0x12, 0x00, 0x20), H_END);
	ck_assert_uint_eq(c->rip, 0x1234);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0x20000);
	ck_assert_uint_eq(c->gpr[R_SP], 0x7ffc);
	ck_assert_uint_eq(env_get16(0x37ffc), 5);
	ck_assert_int_eq(RUN(0xca, 0x04, 0x00), H_END); /* retf 4 */
	ck_assert_uint_eq(c->rip, 5);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0x30000);
	ck_assert_uint_eq(c->gpr[R_SP], 0x8004);
	/* 66 ea: 32-bit offset beyond the limit */
	ck_assert_int_eq(RUN(0x66, 0xea, 0, 0, 1, 0, 0, 0x20), H_EXC);
	EXC_IS(VEC_GP, 0);
	/* iret loads IOPL here */
	c->gpr[R_SP] = 0x8000;
	env_put16(0x38000, 0x77);
	env_put16(0x38002, 0x1000);
	env_put16(0x38004, EFL_IOPL | EFL_IF | EFL_CF);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(c->rip, 0x77);
	ck_assert_uint_eq(cpu_eflags(c),
			  EFL_IOPL | EFL_IF | EFL_CF | EFL_FIXED1);
}
END_TEST

/* Ring 3 calls ring 0 with two parameters, and comes back. */
START_TEST(call_gate)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	env_call_gate(SEL_FREE, SEL_CODE0, 0x5678, 0xec, 2);
	push32(0x11111111);
	push32(0x22222222);
	ck_assert_int_eq(CALLF(SEL_FREE | 3, 0xffffffff), H_END);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->rip, 0x5678);
	ck_assert_uint_eq(c->seg[CPU_CS].sel, SEL_CODE0);
	ck_assert_uint_eq(c->seg[CPU_SS].sel, SEL_DATA0);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK0 - 24);
	ck_assert_uint_eq(pushed(0), AT_CODE + 7);
	ck_assert_uint_eq(pushed(1), SEL_CODE3);
	ck_assert_uint_eq(pushed(2), 0x22222222);
	ck_assert_uint_eq(pushed(3), 0x11111111);
	ck_assert_uint_eq(pushed(4), AT_STACK - 8);
	ck_assert_uint_eq(pushed(5), SEL_DATA3);
	/* ring 0 segments do not survive the return */
	c->gpr[R_AX] = SEL_DATA0;
	ck_assert_int_eq(RUN(0x8e, 0xe0), H_NEXT); /* mov fs, ax */
	c->rip = 0x6000;
	ck_assert_int_eq(RUN(0xca, 8, 0), H_END); /* retf 8 */
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->rip, AT_CODE + 7);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);
	ck_assert_uint_eq(c->seg[CPU_SS].sel, SEL_DATA3);
	ck_assert_uint_eq(c->seg[CPU_FS].sel, 0);
	ck_assert_uint_eq(c->seg[CPU_FS].readable, 0);
	ck_assert_uint_eq(c->seg[CPU_DS].sel, SEL_DATA3);
}
END_TEST

START_TEST(call_gate16)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	env_call_gate(SEL_FREE, SEL_CODE0, 0x12345678, 0xe4, 1);
	push32(0x2222abcd);
	ck_assert_int_eq(CALLF(SEL_FREE | 3, 0), H_END);
	ck_assert_uint_eq(c->rip, 0x5678);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK0 - 10);
	ck_assert_uint_eq(env_get16(AT_STACK0 - 6), 0xabcd);
	ck_assert_uint_eq(env_get16(AT_STACK0 - 2), SEL_DATA3);
}
END_TEST

START_TEST(gate_checks)
{
	static const struct {
		u8 access;
		u16 target;
		u8 jmp, user;
		u8 vec;
		u32 err;
	} t[] = {
		{ 0x8c, SEL_CODE0, 0, 3, VEC_GP, SEL_FREE }, /* gate DPL */
		{ 0x6c, SEL_CODE0, 0, 3, VEC_NP, SEL_FREE },
		{ 0xec, 0, 0, 3, VEC_GP, 0 },
		{ 0xec, 0x100, 0, 3, VEC_GP, 0x100 },
		{ 0xec, SEL_DATA0, 0, 3, VEC_GP, SEL_DATA0 },
		{ 0xec, SEL_CODE3, 0, 0, VEC_GP, 0x18 }, /* to outer */
		{ 0xec, SEL_CODE0, 1, 3, VEC_GP, SEL_CODE0 }, /* jmp inner */
		{ 0xe5, SEL_CODE0, 1, 3, VEC_GP, SEL_CODE0 }, /* task gate */
		{ 0xe5, SEL_TSS, 1, 3, VEC_GP, SEL_TSS },     /* busy */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = t[i].user ? env_user() : env_protected();
		struct env_regs before;

		(void)v;
		env_call_gate(SEL_FREE, t[i].target, 0x5678, t[i].access, 0);
		env_save(&before);
		ck_assert_msg((t[i].jmp ? JMPF(SEL_FREE | t[i].user, 0) :
					  CALLF(SEL_FREE | t[i].user, 0)) ==
				      H_EXC,
			      "case %u", i);
		EXC_IS(t[i].vec, t[i].err);
		ck_assert(env_unchanged(&before));
	}
}
END_TEST

START_TEST(return_checks)
{
	static const struct {
		u16 cs;
		u8 access;
		u16 ss;
		u8 vec;
		u32 err;
	} t[] = {
		{ 0, 0x9b, 0, VEC_GP, 0 },
		{ SEL_FREE, 0x93, 0, VEC_GP, SEL_FREE },
		{ SEL_FREE | 3, 0x9b, SEL_DATA3, VEC_GP, SEL_FREE },
		{ SEL_FREE, 0xfb, 0, VEC_GP, SEL_FREE },
		{ SEL_FREE, 0x1b, 0, VEC_NP, SEL_FREE },
		{ SEL_CODE3, 0, 0, VEC_GP, 0 },		/* null SS */
		{ SEL_CODE3, 0, SEL_DATA0, VEC_GP, SEL_DATA0 },
		{ SEL_CODE3, 0, SEL_CODE3, VEC_GP, 0x18 },
	};

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(t); i++) {
		unsigned k = i / 2;
		struct vcpu *v = env_protected();
		struct env_regs before;

		(void)v;
		env_desc(SEL_FREE, 0, 0xffff, t[k].access, 4);
		push32(t[k].ss);
		push32(AT_STACK);
		if (i & 1)
			push32(EFL_IF);
		push32(t[k].cs);
		push32(0x100);
		env_save(&before);
		ck_assert_msg((i & 1 ? RUN(0xcf) : RETF()) == H_EXC,
			      "case %u", i);
		EXC_IS(t[k].vec, t[k].err);
		ck_assert(env_unchanged(&before));
	}
}
END_TEST

/* Which flags iret may change, by CPL and IOPL. */
START_TEST(iret_flags)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	c->iflag = 1;
	c->sysflags = 0;
	push32(EFL_ALL & ~EFL_VM & ~EFL_IF);
	push32(SEL_CODE3);
	push32(0x100);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(cpu_eflags(c),
			  EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_NT |
				  EFL_RF | EFL_AC | EFL_ID | EFL_FIXED1);
	v = env_protected();
	push32(EFL_ALL & ~EFL_VM);
	push32(SEL_CODE0);
	push32(0x100);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(cpu_eflags(c), (EFL_ALL & ~EFL_VM) | EFL_FIXED1);
}
END_TEST

START_TEST(fast_system_calls)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	ck_assert_int_eq(RUN(0x0f, 0x34), H_EXC);
	EXC_IS(VEC_GP, 0);
	c->sysenter_cs = SEL_CODE0;
	c->sysenter_esp = 0x9000;
	c->sysenter_eip = 0xa000;
	c->iflag = 1;
	ck_assert_int_eq(RUN(0x0f, 0x34), H_END);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->rip, 0xa000);
	ck_assert_uint_eq(c->gpr[R_SP], 0x9000);
	ck_assert_uint_eq(c->seg[CPU_SS].sel, SEL_CODE0 + 8);
	ck_assert_uint_eq(c->iflag, 0);
	c->gpr[R_CX] = 0x1234;
	c->gpr[R_DX] = 0x5678;
	ck_assert_int_eq(RUN(0x0f, 0x35), H_END);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->rip, 0x5678);
	ck_assert_uint_eq(c->gpr[R_SP], 0x1234);
	ck_assert_uint_eq(c->seg[CPU_CS].sel, SEL_CODE0 + 16 + 3);
	ck_assert_uint_eq(c->seg[CPU_SS].sel, SEL_CODE0 + 24 + 3);
	ck_assert_int_eq(RUN(0x0f, 0x35), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

Suite *suite_far(void);
Suite *suite_far(void)
{
	Suite *s = suite_create("far");
	TCase *tc = tcase_create("far");

	tcase_add_test(tc, direct);
	tcase_add_test(tc, limits_and_stack);
	tcase_add_test(tc, real_mode);
	tcase_add_test(tc, call_gate);
	tcase_add_test(tc, call_gate16);
	tcase_add_test(tc, gate_checks);
	tcase_add_test(tc, return_checks);
	tcase_add_test(tc, iret_flags);
	tcase_add_test(tc, fast_system_calls);
	suite_add_tcase(s, tc);
	return s;
}
