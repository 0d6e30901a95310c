// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_task.c - hardware task switches: SDM vol. 3, chapter 7.
 */
#include "sys_env.h"

/* A complete 32-bit task at AT_TSS2, ring 0. */
static void task_make(u32 eip, u32 eflags)
{
	static const u16 seg[6] = { SEL_DATA0, SEL_CODE0, SEL_DATA0,
				    SEL_DATA0, 0, 0 };

	env_put32(AT_TSS2 + 0x1c, 0x77000);
	env_put32(AT_TSS2 + 0x20, eip);
	env_put32(AT_TSS2 + 0x24, eflags);
	for (unsigned i = 0; i < 8; i++)
		env_put32(AT_TSS2 + 0x28 + 4 * i, 0x1000 * (i + 1));
	env_put32(AT_TSS2 + 0x28 + 4 * R_SP, 0x18000);
	for (unsigned i = 0; i < 6; i++)
		env_put16(AT_TSS2 + 0x48 + 4 * i, seg[i]);
	env_put16(AT_TSS2 + 0x60, SEL_LDT);
}

static u8 tss_type(u16 sel)
{
	return env.mem[AT_GDT + sel + 5] & 15;
}

START_TEST(jump)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	task_make(0x5000, EFL_IF);
	c->cr0 |= CR0_PG;
	c->dr[7] = 0x455;
	c->gpr[R_AX] = 0xaaaa5555;
	ck_assert_int_eq(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0), H_END);
	ck_assert_uint_eq(c->rip, 0x5000);
	ck_assert_uint_eq(c->gpr[R_AX], 0x1000);
	ck_assert_uint_eq(c->gpr[R_SP], 0x18000);
	ck_assert_uint_eq(c->cr3, 0x77000);
	ck_assert_uint_eq(c->tr.sel, SEL_TSS2);
	ck_assert_uint_eq(c->ldt.sel, SEL_LDT);
	ck_assert_uint_eq(c->ldt.base, AT_LDT);
	ck_assert_uint_eq(c->iflag, 1);
	ck_assert(c->cr0 & CR0_TS);
	ck_assert_uint_eq(c->dr[7], 0x400);
	ck_assert_uint_eq(c->seg[CPU_DS].sel, SEL_DATA0);
	ck_assert_uint_eq(c->seg[CPU_FS].readable, 0);
	/* the old task is saved and free, the new one busy */
	ck_assert_uint_eq(env_get32(AT_TSS + 0x20), AT_CODE + 7);
	ck_assert_uint_eq(env_get32(AT_TSS + 0x28), 0xaaaa5555);
	ck_assert_uint_eq(env_get16(AT_TSS + 0x4c), SEL_CODE0);
	ck_assert_uint_eq(tss_type(SEL_TSS), DT_TSS32);
	ck_assert_uint_eq(tss_type(SEL_TSS2), DT_TSS32_BUSY);
	ck_assert(!(c->sysflags & EFL_NT));
}
END_TEST

START_TEST(call_and_return)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	task_make(0x5000, 0);
	c->gpr[R_BX] = 0x1234;
	ck_assert_int_eq(RUN(0x9a, 0, 0, 0, 0, SEL_TSS2, 0), H_END);
	ck_assert(c->sysflags & EFL_NT);
	ck_assert_uint_eq(env_get16(AT_TSS2), SEL_TSS);
	ck_assert_uint_eq(tss_type(SEL_TSS), DT_TSS32_BUSY);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(c->rip, AT_CODE + 7);
	ck_assert_uint_eq(c->gpr[R_BX], 0x1234);
	ck_assert_uint_eq(c->tr.sel, SEL_TSS);
	ck_assert_uint_eq(tss_type(SEL_TSS2), DT_TSS32);
	ck_assert_uint_eq(tss_type(SEL_TSS), DT_TSS32_BUSY);
	ck_assert(!(env_get32(AT_TSS2 + 0x24) & EFL_NT));
	ck_assert_uint_eq(env_get32(AT_TSS2 + 0x20), 0x5001);
}
END_TEST

/* A double fault through a task gate, with its error code. */
START_TEST(event)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	task_make(0x5000, 0);
	env_gate(VEC_DF, SEL_TSS2, 0, 0x85);
	exc_raise_err(v, VEC_DF, 0);
	exc_deliver(v);
	ck_assert(!v->shutdown);
	ck_assert_uint_eq(c->rip, 0x5000);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->gpr[R_SP], 0x18000 - 4);
	ck_assert_uint_eq(env_get32(0x18000 - 4), 0);
	ck_assert(c->sysflags & EFL_NT);
	ck_assert_uint_eq(env_get32(AT_TSS + 0x20), AT_CODE);
	ck_assert_uint_eq(env_get16(AT_TSS + 0x4c), SEL_CODE3);
}
END_TEST

START_TEST(task16)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	env_desc(SEL_TSS2, AT_TSS2, 0x2b, 0x81, 0);
	env_put16(AT_TSS2 + 0x0e, 0x5000);
	env_put16(AT_TSS2 + 0x10, EFL_CF);
	env_put16(AT_TSS2 + 0x12, 0xbeef);
	env_put16(AT_TSS2 + 0x1a, 0x8000);
	env_put16(AT_TSS2 + 0x22, SEL_DATA0);
	env_put16(AT_TSS2 + 0x24, SEL_CODE16);
	env_put16(AT_TSS2 + 0x26, SEL_DATA16);
	ck_assert_int_eq(RUN(0x9a, 0, 0, 0, 0, SEL_TSS2, 0), H_END);
	ck_assert_uint_eq(c->rip, 0x5000);
	ck_assert_uint_eq((u16)c->gpr[R_AX], 0xbeef);
	ck_assert_uint_eq(c->tr.sel, SEL_TSS2);
	ck_assert_uint_eq(tss_type(SEL_TSS2), DT_TSS16_BUSY);
	ck_assert(c->flags_ah & EFL_CF);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(c->rip, AT_CODE + 7);
	ck_assert_uint_eq(c->seg[CPU_CS].sel, SEL_CODE0);
}
END_TEST

/* Before the commit point nothing changes. */
START_TEST(refused)
{
	struct vcpu *v = env_protected();
	struct env_regs before;

	(void)v;
	task_make(0x5000, 0);
	env_desc(SEL_TSS2, AT_TSS2, 0x66, 0x89, 0);
	env_save(&before);
	ck_assert_int_eq(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0), H_EXC);
	EXC_IS(VEC_TS, SEL_TSS2);
	ck_assert(env_unchanged(&before));
	env_desc(SEL_TSS2, AT_TSS2, 0x67, 0x09, 0);
	ck_assert_int_eq(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0), H_EXC);
	EXC_IS(VEC_NP, SEL_TSS2);
	env_desc(SEL_TSS2, AT_TSS2, 0x67, 0x89, 0);
	env.absent[AT_TSS2 >> 12] = 1;
	ck_assert_int_eq(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0), H_EXC);
	EXC_IS(VEC_PF, 0);
	ck_assert(env_unchanged(&before));
	ck_assert_uint_eq(tss_type(SEL_TSS2), DT_TSS32);
	/* iret with NT and a back link that is no busy TSS */
	env.absent[AT_TSS2 >> 12] = 0;
	env.v.cpu.sysflags |= EFL_NT;
	env_put16(AT_TSS, SEL_TSS2);
	ck_assert_int_eq(RUN(0xcf), H_EXC);
	EXC_IS(VEC_TS, SEL_TSS2);
}
END_TEST

/* After it, the fault is the new task's. */
START_TEST(faults_in_new_task)
{
	static const struct {
		u32 at;
		u16 val;
		u8 vec;
		u32 err;
	} t[] = {
		{ 0x60, SEL_DATA0, VEC_TS, SEL_DATA0 }, /* LDT */
		{ 0x4c, SEL_DATA0, VEC_TS, SEL_DATA0 }, /* CS */
		{ 0x4c, 0, VEC_TS, 0 },
		{ 0x50, SEL_CODE0, VEC_TS, SEL_CODE0 }, /* SS */
		{ 0x50, SEL_DATA3, VEC_TS, SEL_DATA3 & ~3 },
		{ 0x54, SEL_TSS, VEC_TS, SEL_TSS }, /* DS */
		{ 0x58, SEL_FREE, VEC_NP, SEL_FREE }, /* FS */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = env_protected();

		task_make(0x5000, 0);
		env_desc(SEL_FREE, 0, 0xffff, 0x13, 4);
		env_put16(AT_TSS2 + t[i].at, t[i].val);
		ck_assert_msg(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0) == H_EXC,
			      "case %u", i);
		EXC_IS(t[i].vec, t[i].err);
		ck_assert_uint_eq(v->cpu.rip, 0x5000);
		ck_assert_uint_eq(v->cpu.tr.sel, SEL_TSS2);
	}
}
END_TEST

START_TEST(trap_bit_and_vm86)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	task_make(0x5000, EFL_VM);
	env_put16(AT_TSS2 + 0x64, 1);
	env_put16(AT_TSS2 + 0x4c, 0x3000);
	ck_assert_int_eq(RUN(0xea, 0, 0, 0, 0, SEL_TSS2, 0), H_END);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0x30000);
	ck_assert_uint_eq(c->seg[CPU_DS].base, SEL_DATA0 << 4);
	ck_assert_uint_eq(v->db_pending, DR6_BT);
}
END_TEST

Suite *suite_task(void);
Suite *suite_task(void)
{
	Suite *s = suite_create("task");
	TCase *tc = tcase_create("task");

	tcase_add_test(tc, jump);
	tcase_add_test(tc, call_and_return);
	tcase_add_test(tc, event);
	tcase_add_test(tc, task16);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, faults_in_new_task);
	tcase_add_test(tc, trap_bit_and_vm86);
	suite_add_tcase(s, tc);
	return s;
}
