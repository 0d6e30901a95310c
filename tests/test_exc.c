// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_exc.c - delivery of exceptions and interrupts: SDM vol. 3, chapter 6.
 */
#include "sys_env.h"

static u32 handler(unsigned vector)
{
	return AT_CODE + 16 * vector;
}

/* The nth 32-bit word above ESP. */
static u32 pushed(unsigned n)
{
	return env_get32((u32)env.v.cpu.gpr[R_SP] + 4 * n);
}

START_TEST(same_privilege)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	cpu_set_eflags(c, EFL_IF | EFL_TF | EFL_NT | EFL_CF);
	exc_gp(v, 0x1234);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, handler(VEC_GP));
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK - 16);
	ck_assert_uint_eq(pushed(0), 0x1234);
	ck_assert_uint_eq(pushed(1), AT_CODE);
	ck_assert_uint_eq(pushed(2), SEL_CODE0);
	ck_assert_uint_eq(pushed(3), EFL_IF | EFL_TF | EFL_NT | EFL_CF |
					     EFL_FIXED1 | EFL_RF);
	ck_assert_uint_eq(cpu_eflags(c), EFL_CF | EFL_FIXED1);
	ck_assert(!v->exc.pending && !v->shutdown);
}
END_TEST

/* A trap gate keeps IF, a trap does not push RF, EXT is not an issue. */
START_TEST(trap_gate)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	env_gate(VEC_BP, SEL_CODE0, 0x7000, 0x8f);
	cpu_set_eflags(c, EFL_IF);
	ck_assert_int_eq(RUN(0xcc), H_EXC);
	ck_assert_uint_eq(c->rip, AT_CODE);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, 0x7000);
	ck_assert_uint_eq(pushed(0), AT_CODE + 1);
	ck_assert_uint_eq(pushed(2), EFL_IF | EFL_FIXED1);
	ck_assert_uint_eq(c->iflag, 1);
}
END_TEST

START_TEST(gate16)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	env_gate(0x40, SEL_CODE0, 0x12345678, 0x86);
	exc_interrupt(v, 0x40);
	ck_assert_uint_eq(c->rip, 0x5678);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK - 6);
	ck_assert_uint_eq(env_get16(AT_STACK - 6), AT_CODE & 0xffff);
	ck_assert_uint_eq(env_get16(AT_STACK - 4), SEL_CODE0);
}
END_TEST

START_TEST(from_user)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;

	c->iflag = 1;
	v->halted = true;
	exc_interrupt(v, 0x30);
	ck_assert(!v->halted);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->seg[CPU_CS].sel, SEL_CODE0);
	ck_assert_uint_eq(c->seg[CPU_SS].sel, SEL_DATA0);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK0 - 20);
	ck_assert_uint_eq(pushed(0), AT_CODE);
	ck_assert_uint_eq(pushed(1), SEL_CODE3);
	ck_assert_uint_eq(pushed(2), EFL_IF | EFL_FIXED1); /* no RF */
	ck_assert_uint_eq(pushed(3), AT_STACK);
	ck_assert_uint_eq(pushed(4), SEL_DATA3);
	ck_assert_uint_eq(c->iflag, 0);
	/* and back */
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->rip, AT_CODE);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);
	ck_assert_uint_eq(c->iflag, 1);
}
END_TEST

START_TEST(from_vm86)
{
	struct vcpu *v = env_vm86(3);
	struct cpu *c = &v->cpu;

	exc_raise(v, VEC_UD);
	exc_deliver(v);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert(!(c->sysflags & EFL_VM));
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK0 - 36);
	ck_assert_uint_eq(pushed(0), 0x100);
	ck_assert_uint_eq(pushed(1), 0x3010);
	ck_assert(pushed(2) & EFL_VM);
	ck_assert_uint_eq(pushed(3), 0x8000);
	ck_assert_uint_eq(pushed(4), 0x3020);
	ck_assert_uint_eq(pushed(5), 0x3000); /* es ds fs gs */
	ck_assert_uint_eq(pushed(6), 0x3030);
	ck_assert_uint_eq(pushed(7), 0x3040);
	ck_assert_uint_eq(pushed(8), 0x3050);
	ck_assert_uint_eq(c->seg[CPU_DS].sel, 0);
	ck_assert_uint_eq(c->seg[CPU_GS].readable, 0);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert(c->sysflags & EFL_VM);
	ck_assert_uint_eq(c->seg[CPU_GS].base, 0x30500);
	ck_assert_uint_eq(c->gpr[R_SP], 0x8000);
}
END_TEST

START_TEST(real_mode)
{
	struct vcpu *v = env_real();
	struct cpu *c = &v->cpu;

	env_put16(4 * 0x21, 0x1111);
	env_put16(4 * 0x21 + 2, 0x2000);
	cpu_set_eflags(c, EFL_IF | EFL_TF | EFL_NT);
	ck_assert_int_eq(RUN(0xcd, 0x21), H_EXC);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, 0x1111);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0x20000);
	ck_assert_uint_eq(c->gpr[R_SP], 0x7ffa);
	ck_assert_uint_eq(env_get16(0x37ffa), 2);
	ck_assert_uint_eq(env_get16(0x37ffc), 0x3000);
	ck_assert_uint_eq(cpu_eflags(c), EFL_NT | EFL_FIXED1);
	/* no error code, even where there is one */
	v = env_real();
	exc_gp(v, 0);
	exc_deliver(v);
	ck_assert_uint_eq(c->gpr[R_SP], 0x7ffa);
	/* beyond the table: #GP, #DF, shutdown */
	v = env_real();
	c->idt.limit = 0x20;
	exc_interrupt(v, 0x40);
	ck_assert(v->shutdown);
}
END_TEST

/* What a soft interrupt meets on its way: an error about the gate. The state
 * is untouched until the second exception is delivered. */
START_TEST(gate_errors)
{
	static const struct {
		u8 access;
		u16 sel;
		bool user, soft;
		u8 vec;
		u32 err;
	} t[] = {
		{ 0x8e, SEL_CODE0, 1, 1, VEC_GP, 0x40 * 8 + 2 }, /* DPL */
		{ 0x6e, SEL_CODE0, 1, 1, VEC_NP, 0x40 * 8 + 2 }, /* P */
		{ 0x6e, SEL_CODE0, 1, 0, VEC_NP, 0x40 * 8 + 3 },
		{ 0x8c, SEL_CODE0, 0, 0, VEC_GP, 0x40 * 8 + 3 }, /* type */
		{ 0x8e, 0, 0, 0, VEC_GP, 1 },		   /* null CS */
		{ 0xee, 0, 0, 1, VEC_GP, 0 },
		{ 0x8e, 0x100, 0, 0, VEC_GP, 0x101 },	   /* limit */
		{ 0x8e, SEL_DATA0, 0, 0, VEC_GP, SEL_DATA0 + 1 },
		{ 0x8e, SEL_CODE3, 0, 0, VEC_GP, 0x19 },   /* DPL > CPL */
		{ 0x8e, SEL_FREE, 0, 0, VEC_NP, SEL_FREE + 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = t[i].user ? env_user() : env_protected();
		struct cpu *c = &v->cpu;
		u64 ret;

		env_desc(SEL_FREE, 0, 0xffff, 0x1b, 0xc);
		env_gate(0x40, t[i].sel, 0x5000, t[i].access);
		if (t[i].soft) {
			ck_assert_int_eq(RUN(0xcd, 0x40), H_EXC);
			exc_deliver(v);
		} else {
			exc_interrupt(v, 0x40);
		}
		ret = c->rip;
		ck_assert_msg(ret == handler(t[i].vec),
			      "case %u: at %llx", i, (unsigned long long)ret);
		ck_assert_uint_eq(pushed(0), t[i].err);
		/* a fault: the instruction's own address */
		ck_assert_uint_eq(pushed(1), AT_CODE);
	}
}
END_TEST

START_TEST(stack_errors)
{
	struct vcpu *v = env_user();

	env_put16(AT_TSS + 8, SEL_DATA3); /* DPL 3 for ring 0 */
	exc_interrupt(v, 0x30);
	ck_assert(v->shutdown); /* the #TS has no other stack either */

	v = env_user();
	env_gate(VEC_TS, SEL_CONF, 0x5000, 0x8e); /* stays at ring 3 */
	env_put16(AT_TSS + 8, SEL_DATA3);
	exc_interrupt(v, 0x30);
	ck_assert_uint_eq(v->cpu.rip, 0x5000);
	ck_assert_uint_eq(v->cpu.cpl, 3);
	ck_assert_uint_eq(pushed(0), (SEL_DATA3 & ~3) + 1);
	/* a stack segment that is not present */
	v = env_user();
	env_gate(VEC_SS, SEL_CONF, 0x6000, 0x8e);
	env_desc(SEL_FREE, 0, 0xfffff, 0x13, 0xc);
	env_put16(AT_TSS + 8, SEL_FREE);
	exc_interrupt(v, 0x30);
	ck_assert_uint_eq(v->cpu.rip, 0x6000);
	ck_assert_uint_eq(pushed(0), SEL_FREE + 1);
	/* TSS too short */
	v = env_user();
	env_gate(VEC_TS, SEL_CONF, 0x5000, 0x8e);
	v->cpu.tr.limit = 10;
	exc_interrupt(v, 0x30);
	ck_assert_uint_eq(pushed(0), SEL_TSS + 1);
}
END_TEST

/* SDM vol. 3, table 6-5. A gate that is not present makes the second. */
START_TEST(double_fault)
{
	static const struct {
		u8 first, result;
	} t[] = {
		{ VEC_GP, VEC_DF }, { VEC_DE, VEC_DF }, { VEC_PF, VEC_DF },
		{ VEC_UD, VEC_NP }, { VEC_DB, VEC_NP }, { VEC_BR, VEC_NP },
		{ VEC_AC, VEC_NP },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = env_protected();

		env_gate(t[i].first, SEL_CODE0, 0x5000, 0x0e);
		if (t[i].first == VEC_PF)
			exc_pf(v, 0xabcd000, 2);
		else
			exc_raise(v, t[i].first);
		exc_deliver(v);
		ck_assert_msg(v->cpu.rip == handler(t[i].result),
			      "case %u: %llx", i,
			      (unsigned long long)v->cpu.rip);
		ck_assert_uint_eq(pushed(0), t[i].result == VEC_DF ?
						     0 :
						     t[i].first * 8u + 3);
		ck_assert_uint_eq(pushed(1), AT_CODE);
	}
}
END_TEST

START_TEST(page_faults)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	exc_pf(v, 0xdeadb000, PFEC_W);
	ck_assert_uint_eq(c->cr2, 0); /* only at delivery */
	exc_deliver(v);
	ck_assert_uint_eq(c->cr2, 0xdeadb000);
	ck_assert_uint_eq(pushed(0), PFEC_W);

	/* contributory, then a page fault: delivered one after the other */
	v = env_protected();
	env_gate(VEC_GP, SEL_CODE0, 0x5000, 0x8e);
	env.mem[AT_GDT + SEL_CODE0 + 5] &= ~1; /* to be marked accessed */
	env.readonly[AT_GDT >> 12] = 1;
	exc_gp(v, 0);
	exc_deliver(v);
	ck_assert(v->shutdown); /* each gate needs that descriptor */

	v = env_user();
	env_gate(VEC_PF, SEL_CONF, 0x6000, 0x8e);
	env.absent[(AT_STACK0 >> 12) - 1] = 1;
	exc_gp(v, 0);
	exc_deliver(v);
	ck_assert(!v->shutdown);
	ck_assert_uint_eq(c->rip, 0x6000);
	ck_assert_uint_eq(c->cr2, AT_STACK0 - 4);
	ck_assert_uint_eq(pushed(0), PFEC_W); /* implicit: not a user access */

	/* a page fault while delivering a page fault */
	v = env_user();
	env_gate(VEC_DF, SEL_CONF, 0x6000, 0x8e);
	env.absent[(AT_STACK0 >> 12) - 1] = 1;
	exc_pf(v, 0x1234, PFEC_U);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, 0x6000);
	ck_assert_uint_eq(pushed(0), 0);
}
END_TEST

START_TEST(triple_fault)
{
	struct vcpu *v = env_protected();

	v->cpu.idt.limit = 0;
	exc_raise(v, VEC_UD);
	exc_deliver(v);
	ck_assert(v->shutdown);
	ck_assert(!v->exc.pending);
}
END_TEST

START_TEST(debug_and_nmi)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->dr[7] |= DR7_GD;
	ck_assert_int_eq(RUN(0x0f, 0x21, 0xc0), H_EXC); /* mov eax, dr0 */
	EXC_IS(VEC_DB, 0);
	exc_deliver(v);
	ck_assert_uint_eq(c->dr[6], DR6_FIXED1 | DR6_BD);
	ck_assert(!(c->dr[7] & DR7_GD));
	ck_assert_uint_eq(pushed(0), AT_CODE);
	/* icebp: a trap without a DPL check; DR6 says nothing */
	v = env_user();
	ck_assert_int_eq(RUN(0xf1), H_EXC);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, handler(VEC_DB));
	ck_assert_uint_eq(pushed(0), AT_CODE + 1);
	ck_assert_uint_eq(c->dr[6], DR6_FIXED1);

	exc_raise(v, VEC_NMI);
	exc_deliver(v);
	ck_assert(v->nmi_masked);
	ck_assert_int_eq(RUN(0xcf), H_END);
	ck_assert(!v->nmi_masked);
	/* an interrupt line that uses a low vector is no exception */
	v = env_protected();
	c->cr2 = 0x55;
	exc_interrupt(v, VEC_PF);
	ck_assert_uint_eq(c->cr2, 0x55);
	ck_assert_uint_eq(pushed(2), EFL_FIXED1);
}
END_TEST

/* vm86 software interrupts: IOPL, VME and the redirection bitmap. */
START_TEST(vm86_interrupts)
{
	struct vcpu *v = env_vm86(0);
	struct cpu *c = &v->cpu;

	ck_assert_int_eq(RUN(0xcd, 0x21), H_EXC);
	EXC_IS(VEC_GP, 0);
	v = env_vm86(3);
	env_gate(0x21, SEL_CODE0, 0x5000, 0xee);
	ck_assert_int_eq(RUN(0xcd, 0x21), H_EXC);
	exc_deliver(v);
	ck_assert_uint_eq(c->rip, 0x5000);
	ck_assert_uint_eq(pushed(0), 0x102);
	/* redirected, with a virtual IF */
	v = env_vm86(0);
	c->cr4 = CR4_VME;
	c->tr.limit = 0x67 + 32 + 0x2000;
	env_put16(AT_TSS + 102, 0x68 + 32);
	env_put16(4 * 0x21, 0x1111);
	env_put16(4 * 0x21 + 2, 0x2000);
	c->sysflags |= EFL_VIF;
	c->iflag = 1;
	ck_assert_int_eq(RUN(0xcd, 0x21), H_END);
	ck_assert_uint_eq(c->rip, 0x1111);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0x20000);
	ck_assert(c->sysflags & EFL_VM);
	ck_assert(!(c->sysflags & EFL_VIF));
	ck_assert_uint_eq(c->iflag, 1);
	ck_assert_uint_eq(env_get16(0x30200 + 0x7ffe),
			  EFL_FIXED1 | EFL_IF | EFL_IOPL);
	/* the bit is set: not redirected, and IOPL < 3 */
	v = env_vm86(0);
	c->cr4 = CR4_VME;
	c->tr.limit = 0x67 + 32 + 0x2000;
	env_put16(AT_TSS + 102, 0x68 + 32);
	env.mem[AT_TSS + 0x68 + 0x21 / 8] = 1 << (0x21 & 7);
	ck_assert_int_eq(RUN(0xcd, 0x21), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

Suite *suite_exc(void);
Suite *suite_exc(void)
{
	Suite *s = suite_create("exc");
	TCase *tc = tcase_create("exc");

	tcase_add_test(tc, same_privilege);
	tcase_add_test(tc, trap_gate);
	tcase_add_test(tc, gate16);
	tcase_add_test(tc, from_user);
	tcase_add_test(tc, from_vm86);
	tcase_add_test(tc, real_mode);
	tcase_add_test(tc, gate_errors);
	tcase_add_test(tc, stack_errors);
	tcase_add_test(tc, double_fault);
	tcase_add_test(tc, page_faults);
	tcase_add_test(tc, triple_fault);
	tcase_add_test(tc, debug_and_nmi);
	tcase_add_test(tc, vm86_interrupts);
	suite_add_tcase(s, tc);
	return s;
}
