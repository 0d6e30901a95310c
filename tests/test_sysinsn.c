// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_sysinsn.c - system instructions and what the translator hands over:
 * EFLAGS, control and debug registers, MSRs, I/O, strings, stack, BCD.
 */
#include "sys_env.h"

static void push32(u32 val)
{
	env.v.cpu.gpr[R_SP] -= 4;
	env_put32((u32)env.v.cpu.gpr[R_SP], val);
}

/* --- EFLAGS */

/* cli, sti: CPL, IOPL, mode; what IF becomes, or #GP. */
START_TEST(cli_sti)
{
	static const struct {
		u8 cpl, iopl;
		bool vm;
		u32 cr4;
		char what; /* i: IF, v: VIF, g: #GP */
	} t[] = {
		{ 0, 0, 0, 0, 'i' },	   { 3, 0, 0, 0, 'g' },
		{ 3, 3, 0, 0, 'i' },	   { 3, 0, 0, CR4_PVI, 'v' },
		{ 3, 0, 0, CR4_VME, 'g' }, { 3, 0, 1, 0, 'g' },
		{ 3, 3, 1, 0, 'i' },	   { 3, 0, 1, CR4_VME, 'v' },
		{ 3, 0, 1, CR4_PVI, 'g' }, { 3, 3, 1, CR4_VME, 'i' },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = t[i].vm ? env_vm86(t[i].iopl) :
				 t[i].cpl ? env_user() : env_protected();
		struct cpu *c = &v->cpu;
		u64 rip = c->rip;
		enum hret r;

		c->sysflags |= (u32)t[i].iopl << EFL_IOPL_SHIFT;
		c->cr4 = t[i].cr4;
		r = RUN(0xfb);
		ck_assert_msg(r == (t[i].what == 'g' ? H_EXC : H_END),
			      "sti %u", i);
		ck_assert_uint_eq(c->iflag, t[i].what == 'i');
		ck_assert_uint_eq(!!(c->sysflags & EFL_VIF),
				  t[i].what == 'v');
		if (t[i].what == 'i') {
			ck_assert(v->inhibit);
			ck_assert_uint_eq(v->inhibit_rip, rip + 1);
		}
		r = RUN(0xfa);
		ck_assert_msg((r == H_EXC) == (t[i].what == 'g'), "cli %u",
			      i);
		ck_assert_uint_eq(c->iflag, 0);
		ck_assert(!(c->sysflags & EFL_VIF));
	}
}
END_TEST

/* sti that finds IF set already makes no shadow. */
START_TEST(sti_shadow)
{
	struct vcpu *v = env_protected();

	v->cpu.iflag = 1;
	ck_assert_int_eq(RUN(0xfb), H_END);
	ck_assert(!v->inhibit);
	/* a virtual interrupt that waits */
	v = env_vm86(0);
	v->cpu.cr4 = CR4_VME;
	v->cpu.sysflags |= EFL_VIP;
	ck_assert_int_eq(RUN(0xfb), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

START_TEST(popf)
{
	struct vcpu *v = env_user();
	struct cpu *c = &v->cpu;
	const u32 user = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;

	push32(0xffffffff);
	ck_assert_int_eq(RUN(0x9d), H_END); /* TF, AC: another mode */
	ck_assert_uint_eq(cpu_eflags(c),
			  user | EFL_AC | EFL_ID | EFL_FIXED1);
	v = env_user();
	c->sysflags = EFL_IOPL;
	push32(0xffffffff);
	RUN(0x66, 0x9d);
	ck_assert_uint_eq(cpu_eflags(c),
			  user | EFL_IF | EFL_IOPL | EFL_FIXED1);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK - 2);
	v = env_protected();
	c->sysflags = EFL_VIF | EFL_RF;
	push32(0xffffffff & ~EFL_VIF);
	RUN(0x9d);
	ck_assert_uint_eq(cpu_eflags(c), user | EFL_IF | EFL_IOPL | EFL_AC |
						 EFL_ID | EFL_VIF |
						 EFL_FIXED1);
	/* vm86: IOPL stays; IOPL < 3 faults, or works on VIF */
	v = env_vm86(0);
	ck_assert_int_eq(RUN(0x9d), H_EXC);
	EXC_IS(VEC_GP, 0);
	c->cr4 = CR4_VME;
	env_put16(0x30200 + 0x8000, EFL_IF | EFL_CF | EFL_IOPL);
	ck_assert_int_eq(RUN(0x9d), H_END);
	ck_assert_uint_eq(cpu_eflags(c),
			  EFL_VM | EFL_VIF | EFL_CF | EFL_FIXED1);
	ck_assert_int_eq(RUN(0x9c), H_NEXT);
	ck_assert_uint_eq(env_get16(0x30200 + 0x8000),
			  EFL_IF | EFL_CF | EFL_IOPL | EFL_FIXED1);
	env_put16(0x30200 + 0x8000, EFL_TF);
	ck_assert_int_eq(RUN(0x9d), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

START_TEST(hlt_and_smap)
{
	struct vcpu *v = env_protected();

	ck_assert_int_eq(RUN(0xf4), H_END);
	ck_assert(v->halted);
	ck_assert_uint_eq(v->cpu.rip, AT_CODE + 1);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xcb), H_END); /* stac */
	ck_assert(v->cpu.sysflags & EFL_AC);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xca), H_END);
	ck_assert(!(v->cpu.sysflags & EFL_AC));
	v = env_user();
	ck_assert_int_eq(RUN(0xf4), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xcb), H_EXC);
	EXC_IS(VEC_UD, 0);
	ck_assert_int_eq(RUN(0x0f, 0x06), H_EXC); /* clts */
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* --- control registers */

START_TEST(cr0)
{
	static const struct {
		u32 from, to;
		bool gp;
		u32 result;
	} t[] = {
		{ CR0_PE | CR0_ET, CR0_PG, true, 0 },
		{ CR0_PE | CR0_ET, CR0_PE | CR0_NW, true, 0 },
		{ CR0_PE | CR0_ET, CR0_PE | CR0_PG, false,
		  CR0_PE | CR0_PG | CR0_ET },
		{ CR0_PE | CR0_ET, 0, false, CR0_ET },
		{ CR0_PE | CR0_ET, CR0_PE | 0x1ff80, false,
		  CR0_PE | CR0_ET | CR0_WP },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = env_protected();

		v->cpu.cr0 = t[i].from;
		v->cpu.gpr[R_AX] = t[i].to;
		ck_assert_msg((RUN(0x0f, 0x22, 0xc0) == H_EXC) == t[i].gp,
			      "case %u", i);
		ck_assert_uint_eq(v->cpu.cr0,
				  t[i].gp ? t[i].from : t[i].result);
		ck_assert(v->mode_dirty == !t[i].gp);
	}
}
END_TEST

START_TEST(cr_others)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	/* PDPTEs with reserved bits: nothing changes */
	env.mmu_refuses = true;
	c->gpr[R_AX] = 0x5000;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xd8), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_uint_eq(c->cr3, 0);
	c->gpr[R_AX] = CR4_PAE;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xe0), H_EXC);
	ck_assert_uint_eq(c->cr4, 0);
	env.mmu_refuses = false;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xe0), H_END);
	ck_assert_uint_eq(c->cr4, CR4_PAE);
	/* not offered: PCID, FSGSBASE, a reserved bit */
	c->gpr[R_AX] = CR4_PCIDE;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xe0), H_EXC);
	c->gpr[R_AX] = CR4_FSGSBASE;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xe0), H_EXC);
	c->gpr[R_AX] = 1u << 31;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xe0), H_EXC);
	/* lmsw sets PE but does not clear it */
	c->gpr[R_AX] = CR0_TS;
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xf0), H_END);
	ck_assert_uint_eq(c->cr0, CR0_PE | CR0_TS | CR0_ET | CR0_NE);
	ck_assert_int_eq(RUN(0x0f, 0x06), H_END);
	ck_assert_uint_eq(c->cr0, CR0_PE | CR0_ET | CR0_NE);
	/* invlpg takes the segment's base and no limit */
	env_desc(SEL_FREE, 0x1000, 0xf, ACC_DATA0, 4);
	c->gpr[R_AX] = SEL_FREE;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_END);
	c->gpr[R_BX] = 0x4567;
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x3b), H_NEXT);
	ck_assert_uint_eq(env.invlpg, 0x5567);
	/* a block is left when its code may have moved */
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xdb), H_NEXT);
	env.flush_moves_code = true;
	ck_assert_int_eq(RUN(0x0f, 0x22, 0xdb), H_END);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x3b), H_END);
	v = env_user();
	ck_assert_int_eq(RUN(0x0f, 0x20, 0xc0), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

START_TEST(debug_registers)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_AX] = 0xffffffff;
	ck_assert_int_eq(RUN(0x0f, 0x23, 0xf0), H_END); /* dr6 */
	ck_assert_uint_eq(c->dr[6], 0xffffefff);
	c->gpr[R_AX] = 0;
	ck_assert_int_eq(RUN(0x0f, 0x23, 0xe0), H_END); /* dr4 is dr6 */
	ck_assert_uint_eq(c->dr[6], DR6_FIXED1);
	c->gpr[R_AX] = 0xdfff & ~DR7_GD;
	ck_assert_int_eq(RUN(0x0f, 0x23, 0xf8), H_END);
	ck_assert_uint_eq(c->dr[7], 0x07ff);
	c->cr4 = CR4_DE;
	ck_assert_int_eq(RUN(0x0f, 0x23, 0xe0), H_EXC);
	EXC_IS(VEC_UD, 0);
	ck_assert_int_eq(RUN(0x0f, 0x21, 0xf8), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_AX], 0x07ff);
}
END_TEST

START_TEST(xcr0)
{
	static const struct {
		u32 val;
		bool ok;
	} t[] = { { 0, 0 }, { 1, 1 }, { 2, 0 }, { 3, 1 },
		  { 5, 0 }, { 7, 1 }, { 0xf, 0 } };
	struct vcpu *v = env_protected();

	ck_assert_int_eq(RUN(0x0f, 0x01, 0xd0), H_EXC);
	EXC_IS(VEC_UD, 0);
	v->cpu.cr4 = CR4_OSXSAVE;
	v->cpu.gpr[R_DX] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		v->cpu.gpr[R_AX] = t[i].val;
		ck_assert_msg((RUN(0x0f, 0x01, 0xd1) == H_END) == t[i].ok,
			      "case %u", i);
	}
	ck_assert_int_eq(RUN(0x0f, 0x01, 0xd0), H_NEXT);
	ck_assert_uint_eq(v->cpu.gpr[R_AX], 7);
}
END_TEST

/* --- MSRs */

START_TEST(msrs)
{
	static const struct {
		u32 n;
		u64 val;
		bool ok;
	} t[] = {
		{ MSR_SYSENTER_EIP, 0x1234, 1 },
		{ MSR_EFER, EFER_NXE, 1 },
		{ MSR_EFER, EFER_LME, 0 },
		{ MSR_PAT, 0x0007040600070406ull, 1 },
		{ MSR_PAT, 2, 0 },
		{ MSR_MTRR_DEF_TYPE, 0xc06, 1 },
		{ MSR_MTRR_DEF_TYPE, 0xc02, 0 },
		{ 0x200, 0x80000006, 1 },
		{ 0x201, 0xf80000800ull, 1 },
		{ 0x201, 1ull << 40, 0 },
		{ 0x250, 0x0606060606060606ull, 1 },
		{ MSR_SPEC_CTRL, 1, 1 },
		{ MSR_SPEC_CTRL, 4, 0 },
		{ MSR_LSTAR, 0, 0 },
		{ 0x12345, 0, 0 },
		{ MSR_MCG_CAP, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = env_protected();
		struct cpu *c = &v->cpu;

		c->gpr[R_CX] = t[i].n;
		c->gpr[R_AX] = (u32)t[i].val;
		c->gpr[R_DX] = (u32)(t[i].val >> 32);
		ck_assert_msg((RUN(0x0f, 0x30) == H_END) == t[i].ok,
			      "case %u", i);
		if (!t[i].ok)
			continue;
		c->gpr[R_AX] = c->gpr[R_DX] = 0x5a5a;
		ck_assert_int_eq(RUN(0x0f, 0x32), H_NEXT);
		ck_assert_uint_eq(c->gpr[R_AX], (u32)t[i].val);
		ck_assert_uint_eq(c->gpr[R_DX], (u32)(t[i].val >> 32));
	}
	env_user();
	ck_assert_int_eq(RUN(0x0f, 0x32), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

START_TEST(msr_exits)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_CX] = 0x830;
	c->gpr[R_AX] = 0x11;
	c->gpr[R_DX] = 0x22;
	ck_assert_int_eq(RUN(0x0f, 0x30), H_EXIT);
	ck_assert_int_eq(env.run.reason, UMBRA_EXIT_MSR);
	ck_assert(env.run.msr.is_write);
	ck_assert(env.run.msr.data == 0x2200000011ull);
	ck_assert_uint_eq(c->rip, AT_CODE);
	ck_assert_int_eq(sys_io_complete(v), H_END);
	ck_assert_uint_eq(c->rip, AT_CODE + 2);
	c->gpr[R_CX] = MSR_APIC_BASE;
	ck_assert_int_eq(RUN(0x0f, 0x32), H_EXIT);
	env.run.msr.data = 0xfee00900;
	ck_assert_int_eq(sys_io_complete(v), H_END);
	ck_assert_uint_eq(c->gpr[R_AX], 0xfee00900);
	ck_assert_uint_eq(c->gpr[R_DX], 0);
	ck_assert_int_eq(RUN(0x0f, 0x32), H_EXIT);
	env.run.msr.fault = true;
	ck_assert_int_eq(sys_io_complete(v), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_uint_eq(c->rip, AT_CODE + 4);
}
END_TEST

START_TEST(time_stamp)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;
	u64 t;

	c->gpr[R_CX] = MSR_TSC;
	c->gpr[R_AX] = c->gpr[R_DX] = 0;
	ck_assert_int_eq(RUN(0x0f, 0x30), H_END);
	ck_assert(v->tsc_offset);
	ck_assert_int_eq(RUN(0x0f, 0x31), H_NEXT);
	t = c->gpr[R_AX] | c->gpr[R_DX] << 32;
	ck_assert(t < 10000000000ull);
	/* the adjustment is what the write has done, and undoes it */
	c->gpr[R_CX] = MSR_TSC_ADJUST;
	ck_assert_int_eq(RUN(0x0f, 0x32), H_NEXT);
	t = c->gpr[R_AX] | c->gpr[R_DX] << 32;
	ck_assert_uint_eq(t, v->tsc_offset);
	c->gpr[R_AX] = c->gpr[R_DX] = 0;
	ck_assert_int_eq(RUN(0x0f, 0x30), H_END);
	ck_assert_uint_eq(v->tsc_offset, 0);
	v = env_user();
	c->cr4 = CR4_TSD;
	ck_assert_int_eq(RUN(0x0f, 0x31), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

/* --- I/O */

START_TEST(io_exits)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_AX] = 0x11223344;
	ck_assert_int_eq(RUN(0xe4, 0x71), H_EXIT); /* in al, 71h */
	ck_assert_int_eq(env.run.reason, UMBRA_EXIT_IO);
	ck_assert(env.run.io.in);
	ck_assert_uint_eq(env.run.io.port, 0x71);
	ck_assert_uint_eq(env.run.io.size, 1);
	ck_assert_uint_eq(c->rip, AT_CODE);
	env.run.io.data = 0xab;
	ck_assert_int_eq(sys_io_complete(v), H_END);
	ck_assert_uint_eq(c->gpr[R_AX], 0x112233ab);
	ck_assert_uint_eq(c->rip, AT_CODE + 2);
	c->gpr[R_DX] = 0xcf8;
	ck_assert_int_eq(RUN(0xef), H_EXIT); /* out dx, eax */
	ck_assert_uint_eq(env.run.io.size, 4);
	ck_assert_uint_eq(env.run.io.data, 0x112233ab);
	ck_assert_int_eq(sys_io_complete(v), H_END);
	ck_assert_int_eq(RUN(0x66, 0xef), H_EXIT);
	ck_assert_uint_eq(env.run.io.data, 0x33ab);
}
END_TEST

START_TEST(io_permission)
{
	static const struct {
		u8 byte0, byte1; /* of the map at port 0x70 */
		u8 op;
		bool ok;
	} t[] = {
		{ 0, 0, 0xec, 1 },    { 1, 0, 0xec, 0 },
		{ 0x0e, 0, 0xec, 1 }, { 2, 0, 0xed, 0 },
		{ 8, 0, 0xed, 0 },    { 0x10, 0xff, 0xed, 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = env_user();

		env_put16(AT_TSS + 102, 0x68);
		v->cpu.tr.limit = 0x68 + 0x2000;
		env.mem[AT_TSS + 0x68 + 0x70 / 8] = t[i].byte0;
		env.mem[AT_TSS + 0x68 + 0x70 / 8 + 1] = t[i].byte1;
		v->cpu.gpr[R_DX] = 0x70;
		ck_assert_msg((RUN(t[i].op) == H_EXIT) == t[i].ok, "case %u",
			      i);
		v->cpu.sysflags |= EFL_IOPL;
		ck_assert_int_eq(RUN(t[i].op), H_EXIT);
		v->cpu.sysflags = 0;
		v->cpu.tr.limit = 0x68 + 0x70 / 8; /* no byte behind */
		ck_assert_int_eq(RUN(t[i].op), H_EXC);
		EXC_IS(VEC_GP, 0);
	}
	/* vm86 always asks the map */
	struct vcpu *v = env_vm86(3);

	v->cpu.tr.limit = 0x67;
	env_put16(AT_TSS + 102, 0x68);
	ck_assert_int_eq(RUN(0xec), H_EXC);
	EXC_IS(VEC_GP, 0);
}
END_TEST

START_TEST(io_strings)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_DI] = AT_DATA;
	c->gpr[R_CX] = 3;
	c->gpr[R_DX] = 0x1f0;
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(c->rip, AT_CODE);
		ck_assert_int_eq(RUN(0xf3, 0x66, 0x6d), H_EXIT);
		env.run.io.data = 0x1000 + i;
		ck_assert_int_eq(sys_io_complete(v), H_END);
	}
	ck_assert_uint_eq(c->rip, AT_CODE + 3);
	ck_assert_uint_eq(c->gpr[R_CX], 0);
	ck_assert_uint_eq(c->gpr[R_DI], AT_DATA + 6);
	ck_assert_uint_eq(env_get16(AT_DATA + 4), 0x1002);
	ck_assert_int_eq(RUN(0xf3, 0x6c), H_NEXT); /* ecx is 0 */

	c->df = 1;
	c->gpr[R_SI] = AT_DATA + 4;
	c->gpr[R_CX] = 1;
	ck_assert_int_eq(RUN(0xf3, 0x66, 0x6f), H_EXIT);
	ck_assert_uint_eq(env.run.io.data, 0x1002);
	ck_assert_int_eq(sys_io_complete(v), H_END);
	ck_assert_uint_eq(c->gpr[R_SI], AT_DATA + 2);
	/* the device is not asked when the data has no place to go */
	c->df = 0;
	c->gpr[R_CX] = 5;
	c->gpr[R_DI] = AT_DATA;
	env.readonly[AT_DATA >> 12] = 1;
	ck_assert_int_eq(RUN(0xf3, 0x6c), H_EXC);
	EXC_IS(VEC_PF, PFEC_W | PFEC_P);
	ck_assert_uint_eq(c->gpr[R_CX], 5);
}
END_TEST

/* --- strings */

START_TEST(string_moves)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	for (unsigned i = 0; i < 12000; i++)
		env.mem[AT_DATA + i] = (u8)(i * 7);
	c->gpr[R_SI] = AT_DATA + 3;
	c->gpr[R_DI] = AT_DATA + 0x10001;
	c->gpr[R_CX] = 2500;
	ck_assert_int_eq(RUN(0xf3, 0xa5), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_CX], 0);
	ck_assert_uint_eq(c->gpr[R_SI], AT_DATA + 10003);
	ck_assert_uint_eq(c->gpr[R_DI], AT_DATA + 0x10001 + 10000);
	ck_assert_int_eq(memcmp(env.mem + AT_DATA + 3,
				env.mem + AT_DATA + 0x10001, 10000),
			 0);
	/* overlapping: the first byte spreads */
	c->gpr[R_SI] = AT_DATA;
	c->gpr[R_DI] = AT_DATA + 1;
	c->gpr[R_CX] = 100;
	env.mem[AT_DATA] = 0x5a;
	ck_assert_int_eq(RUN(0xf3, 0xa4), H_NEXT);
	ck_assert_uint_eq(env.mem[AT_DATA + 100], 0x5a);
	/* descending */
	c->df = 1;
	c->gpr[R_DI] = AT_DATA + 7;
	c->gpr[R_CX] = 2;
	c->gpr[R_AX] = 0xabcd;
	ck_assert_int_eq(RUN(0xf3, 0x66, 0xab), H_NEXT);
	ck_assert_uint_eq(env_get32(AT_DATA + 5), 0xabcdabcd);
	ck_assert_uint_eq(c->gpr[R_DI], AT_DATA + 3);
}
END_TEST

/* A fault in the middle leaves exact registers. */
START_TEST(string_faults)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;
	u32 page = AT_DATA + 0x2000;

	env.absent[page >> 12] = 1;
	c->gpr[R_SI] = AT_DATA;
	c->gpr[R_DI] = page - 10;
	c->gpr[R_CX] = 8;
	ck_assert_int_eq(RUN(0xf3, 0xa5), H_EXC);
	EXC_IS(VEC_PF, PFEC_W);
	ck_assert_uint_eq(v->exc.cr2, page);
	ck_assert_uint_eq(c->gpr[R_CX], 6);
	ck_assert_uint_eq(c->gpr[R_DI], page - 2);
	ck_assert_uint_eq(c->gpr[R_SI], AT_DATA + 8);
	/* a segment's end */
	v = env_protected();
	env_desc(SEL_FREE, AT_DATA, 0x1f, ACC_DATA0, 4);
	c->gpr[R_AX] = SEL_FREE;
	ck_assert_int_eq(RUN(0x8e, 0xc0), H_END); /* mov es, ax */
	c->gpr[R_DI] = 0x10;
	c->gpr[R_CX] = 100;
	ck_assert_int_eq(RUN(0xf3, 0xaa), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_uint_eq(c->gpr[R_CX], 100 - 16);
	ck_assert_uint_eq(c->gpr[R_DI], 0x20);
}
END_TEST

/* Bounded work, kicks, the trace flag. */
START_TEST(string_bounds)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_DI] = AT_DATA;
	c->gpr[R_CX] = 70000;
	ck_assert_int_eq(RUN(0xf3, 0xaa), H_END);
	ck_assert_uint_eq(c->rip, AT_CODE);
	ck_assert_uint_eq(c->gpr[R_CX], 70000 - 65536);
	ck_assert_int_eq(RUN(0xf3, 0xaa), H_NEXT);
	c->gpr[R_CX] = 5000;
	c->kick = 1;
	ck_assert_int_eq(RUN(0xf3, 0xac), H_END);
	ck_assert_uint_eq(c->gpr[R_CX], 4999);
	c->kick = 0;
	c->sysflags = EFL_TF;
	ck_assert_int_eq(RUN(0xf3, 0xaa), H_END);
	ck_assert_uint_eq(c->gpr[R_CX], 4998);
	/* 16-bit addresses wrap, the rest of the registers stays */
	v = env_protected();
	c->gpr[R_DI] = 0x1234fffe;
	c->gpr[R_CX] = 0x77770004;
	c->gpr[R_AX] = 0x99;
	ck_assert_int_eq(RUN(0xf3, 0x67, 0xaa), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_DI], 0x12340002);
	ck_assert_uint_eq(c->gpr[R_CX], 0x77770000);
	ck_assert_uint_eq(env.mem[0xffff], 0x99);
	ck_assert_uint_eq(env.mem[1], 0x99);
}
END_TEST

START_TEST(string_searches)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	memcpy(env.mem + AT_DATA, "hello", 6);
	c->gpr[R_DI] = AT_DATA;
	c->gpr[R_CX] = 0xffffffff;
	c->gpr[R_AX] = 0;
	ck_assert_int_eq(RUN(0xf2, 0xae), H_NEXT); /* strlen */
	ck_assert_uint_eq(c->gpr[R_CX], 0xffffffff - 6);
	ck_assert(c->flags_ah & EFL_ZF);
	memcpy(env.mem + AT_DATA + 16, "helxo", 6);
	c->gpr[R_SI] = AT_DATA;
	c->gpr[R_DI] = AT_DATA + 16;
	c->gpr[R_CX] = 6;
	ck_assert_int_eq(RUN(0xf3, 0xa6), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_CX], 2);
	ck_assert(!(c->flags_ah & EFL_ZF));
	ck_assert(c->flags_ah & EFL_CF); /* 'l' < 'x' */
	/* a count of 0 changes nothing, flags neither */
	c->gpr[R_CX] = 0;
	ck_assert_int_eq(RUN(0xf3, 0xa6), H_NEXT);
	ck_assert(c->flags_ah & EFL_CF);
	/* flags of a compare as the processor computes them */
	for (unsigned i = 0; i < 65536; i += 37) {
		u8 a = (u8)i, b = (u8)(i >> 8);
		u64 f;

		c->gpr[R_AX] = a;
		c->gpr[R_DI] = AT_DATA;
		env.mem[AT_DATA] = b;
		RUN(0xae);
		__asm__ volatile("cmpb %2, %1; pushfq; popq %0"
				 : "=r"(f)
				 : "q"(a), "q"(b)
				 : "cc");
		ck_assert_uint_eq(cpu_arith_flags(c), f & EFL_ARITH);
	}
}
END_TEST

/* --- stack and the rest */

START_TEST(stack_forms)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	push32(0x1234);
	env_put32(AT_STACK, 0x77);
	/* pop [esp]: the address is that after the pop */
	ck_assert_int_eq(RUN(0x8f, 0x04, 0x24), H_NEXT);
	ck_assert_uint_eq(env_get32(AT_STACK), 0x1234);
	ck_assert_int_eq(RUN(0x54), H_NEXT); /* push esp */
	ck_assert_uint_eq(env_get32(AT_STACK - 4), AT_STACK);
	ck_assert_int_eq(RUN(0x5c), H_NEXT); /* pop esp */
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);
	for (unsigned i = 0; i < 8; i++) {
		if (i != R_SP)
			c->gpr[i] = 0x100 + i;
	}
	ck_assert_int_eq(RUN(0x60), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK - 32);
	ck_assert_uint_eq(env_get32(AT_STACK - 20), AT_STACK);
	c->gpr[R_DI] = c->gpr[R_AX] = 0;
	ck_assert_int_eq(RUN(0x61), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_DI], 0x107);
	ck_assert_uint_eq(c->gpr[R_AX], 0x100);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);

	c->gpr[R_BP] = AT_STACK + 0x40;
	env_put32(AT_STACK + 0x3c, 0xd15);
	ck_assert_int_eq(RUN(0xc8, 0x10, 0, 2), H_NEXT); /* enter 16, 2 */
	ck_assert_uint_eq(c->gpr[R_BP], AT_STACK - 4);
	ck_assert_uint_eq(env_get32(AT_STACK - 4), AT_STACK + 0x40);
	ck_assert_uint_eq(env_get32(AT_STACK - 8), 0xd15);
	ck_assert_uint_eq(env_get32(AT_STACK - 12), AT_STACK - 4);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK - 12 - 16);
	ck_assert_int_eq(RUN(0xc9), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_BP], AT_STACK + 0x40);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);
	/* pusha that cannot: nothing changes */
	env.absent[(AT_STACK >> 12) - 1] = 1;
	ck_assert_int_eq(RUN(0x60), H_EXC);
	ck_assert_uint_eq(c->gpr[R_SP], AT_STACK);
}
END_TEST

START_TEST(stack16)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_AX] = SEL_DATA16;
	ck_assert_int_eq(RUN(0x8e, 0xd0), H_END);
	c->gpr[R_SP] = 0x12340002;
	ck_assert_int_eq(RUN(0x66, 0x50), H_NEXT); /* push ax */
	ck_assert_uint_eq(c->gpr[R_SP], 0x12340000);
	ck_assert_int_eq(RUN(0x66, 0x50), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_SP], 0x1234fffe);
	ck_assert_uint_eq(env_get16(0xfffe), SEL_DATA16);
	/* across the segment's end */
	c->gpr[R_SP] = 0x12340001;
	ck_assert_int_eq(RUN(0x66, 0x50), H_EXC);
	EXC_IS(VEC_SS, 0);
}
END_TEST

/* AL, AF, CF in; AX and flags out, by the definitions in SDM vol. 2. */
START_TEST(decimal)
{
	static const struct {
		u8 op;
		u16 ax, out;
		u32 in, flags, mask;
	} t[] = {
		{ 0x27, 0xae, 0x14, 0, EFL_AF | EFL_CF | EFL_PF,
		  EFL_ARITH & ~EFL_OF },
		{ 0x27, 0x79, 0x79, 0, 0, EFL_AF | EFL_CF | EFL_ZF },
		{ 0x27, 0x9a, 0x00, 0, EFL_AF | EFL_CF | EFL_ZF | EFL_PF,
		  EFL_ARITH & ~EFL_OF },
		{ 0x27, 0x05, 0x6b, EFL_AF | EFL_CF, EFL_AF | EFL_CF,
		  EFL_AF | EFL_CF | EFL_ZF | EFL_SF },
		{ 0x2f, 0xee, 0x88, 0, EFL_AF | EFL_CF | EFL_SF | EFL_PF,
		  EFL_ARITH & ~EFL_OF },
		{ 0x2f, 0x03, 0xfd, EFL_AF, EFL_AF | EFL_CF | EFL_SF,
		  EFL_AF | EFL_CF | EFL_SF },
		{ 0x37, 0x000b, 0x0101, 0, EFL_AF | EFL_CF,
		  EFL_AF | EFL_CF },
		{ 0x37, 0x0105, 0x0105, 0, 0, EFL_AF | EFL_CF },
		{ 0x37, 0x00ff, 0x0205, 0, EFL_AF | EFL_CF,
		  EFL_AF | EFL_CF },
		{ 0x3f, 0x020b, 0x0105, 0, EFL_AF | EFL_CF,
		  EFL_AF | EFL_CF },
		{ 0x3f, 0x0203, 0x000d, EFL_AF, EFL_AF | EFL_CF,
		  EFL_AF | EFL_CF },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct cpu *c = &env_protected()->cpu;

		c->gpr[R_AX] = t[i].ax;
		cpu_set_eflags(c, t[i].in);
		ck_assert_int_eq(RUN(t[i].op), H_NEXT);
		ck_assert_msg(c->gpr[R_AX] == t[i].out, "case %u: %x", i,
			      (u32)c->gpr[R_AX]);
		ck_assert_msg((cpu_arith_flags(c) & t[i].mask) == t[i].flags,
			      "case %u: flags %x", i, cpu_arith_flags(c));
	}
	struct cpu *c = &env_protected()->cpu;

	c->gpr[R_AX] = 0xff63;
	ck_assert_int_eq(RUN(0xd4, 10), H_NEXT); /* aam */
	ck_assert_uint_eq(c->gpr[R_AX], 0x0909);
	ck_assert_int_eq(RUN(0xd5, 10), H_NEXT); /* aad */
	ck_assert_uint_eq(c->gpr[R_AX], 0x63);
	ck_assert_int_eq(RUN(0xd4, 0), H_EXC);
	EXC_IS(VEC_DE, 0);
}
END_TEST

START_TEST(bits_and_exchange)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->gpr[R_BX] = AT_DATA + 16;
	c->gpr[R_CX] = (u32)-33; /* two words down, bit 31 */
	ck_assert_int_eq(RUN(0x0f, 0xab, 0x0b), H_NEXT); /* bts [ebx], ecx */
	ck_assert_uint_eq(env_get32(AT_DATA + 8), 0x80000000);
	ck_assert(!(c->flags_ah & EFL_CF));
	ck_assert_int_eq(RUN(0x0f, 0xb3, 0x0b), H_NEXT); /* btr */
	ck_assert(c->flags_ah & EFL_CF);
	ck_assert_uint_eq(env_get32(AT_DATA + 8), 0);
	ck_assert_int_eq(RUN(0x66, 0x0f, 0xbb, 0x0b), H_NEXT); /* btc, 16 */
	ck_assert_uint_eq(env_get16(AT_DATA + 10), 0x8000);
	c->gpr[R_CX] = 100;
	ck_assert_int_eq(RUN(0x0f, 0xba, 0x2b, 0x25), H_NEXT); /* imm 37 */
	ck_assert_uint_eq(env_get32(AT_DATA + 16), 0x20);

	memset(env.mem + AT_DATA, 0, 32);
	env_put32(AT_DATA, 0x11);
	env_put32(AT_DATA + 4, 0x22);
	c->gpr[R_SI] = AT_DATA;
	c->gpr[R_AX] = 0x11;
	c->gpr[R_DX] = 0x22;
	c->gpr[R_BX] = 0x33;
	c->gpr[R_CX] = 0x44;
	ck_assert_int_eq(RUN(0x0f, 0xc7, 0x0e), H_NEXT);
	ck_assert(c->flags_ah & EFL_ZF);
	ck_assert_uint_eq(env_get32(AT_DATA + 4), 0x44);
	ck_assert_int_eq(RUN(0x0f, 0xc7, 0x0e), H_NEXT);
	ck_assert(!(c->flags_ah & EFL_ZF));
	ck_assert_uint_eq(c->gpr[R_AX], 0x33);
	ck_assert_uint_eq(c->gpr[R_DX], 0x44);

	/* bound: both ends belong to the range */
	env_put32(AT_DATA, (u32)-5);
	env_put32(AT_DATA + 4, 5);
	c->gpr[R_AX] = 5;
	ck_assert_int_eq(RUN(0x62, 0x06), H_NEXT);
	c->gpr[R_AX] = (u32)-6;
	ck_assert_int_eq(RUN(0x62, 0x06), H_EXC);
	EXC_IS(VEC_BR, 0);
}
END_TEST

START_TEST(reset_state)
{
	struct cpu *c = &env_protected()->cpu;

	sys_reset(&env.v);
	ck_assert_uint_eq(c->cr0, 0x60000010);
	ck_assert_uint_eq(c->rip, 0xfff0);
	ck_assert_uint_eq(c->seg[CPU_CS].sel, 0xf000);
	ck_assert_uint_eq(c->seg[CPU_CS].base, 0xffff0000);
	ck_assert_uint_eq(cpu_eflags(c), EFL_FIXED1);
	ck_assert_uint_eq(c->dr[6], 0xffff0ff0);
	ck_assert_uint_eq(c->dr[7], 0x400);
	ck_assert_uint_eq(c->idt.limit, 0xffff);
	ck_assert_uint_eq(c->xcr0, 1);
}
END_TEST

START_TEST(public_registers)
{
	struct vcpu *v = env_vm86(3);
	struct umbra_sregs s, again;
	struct umbra_regs r;

	ck_assert_int_eq(umbra_get_sregs(v, &s), 0);
	ck_assert_uint_eq(s.cs.dpl, 3);
	ck_assert_uint_eq(s.tr.type, DT_TSS32_BUSY);
	ck_assert_int_eq(umbra_set_sregs(v, &s), 0);
	ck_assert_int_eq(umbra_get_sregs(v, &again), 0);
	ck_assert_int_eq(memcmp(&s, &again, sizeof(s)), 0);
	ck_assert_uint_eq(v->cpu.cpl, 3);
	s.cr0 = CR0_PG;
	ck_assert_int_eq(umbra_set_sregs(v, &s), -EINVAL);
	ck_assert_int_eq(umbra_get_regs(v, &r), 0);
	ck_assert(r.rflags & EFL_VM);
	r.rax = 1ull << 32;
	ck_assert_int_eq(umbra_set_regs(v, &r), -EINVAL);
	umbra_vcpu_reset(v);
	ck_assert_uint_eq(light_get32(v->cpu.xsave_area + 24), 0x1f80);
}
END_TEST

Suite *suite_sysinsn(void);
Suite *suite_sysinsn(void)
{
	Suite *s = suite_create("sysinsn");
	TCase *tc = tcase_create("sysinsn");

	tcase_add_test(tc, cli_sti);
	tcase_add_test(tc, sti_shadow);
	tcase_add_test(tc, popf);
	tcase_add_test(tc, hlt_and_smap);
	tcase_add_test(tc, cr0);
	tcase_add_test(tc, cr_others);
	tcase_add_test(tc, debug_registers);
	tcase_add_test(tc, xcr0);
	tcase_add_test(tc, msrs);
	tcase_add_test(tc, msr_exits);
	tcase_add_test(tc, time_stamp);
	tcase_add_test(tc, io_exits);
	tcase_add_test(tc, io_permission);
	tcase_add_test(tc, io_strings);
	tcase_add_test(tc, string_moves);
	tcase_add_test(tc, string_faults);
	tcase_add_test(tc, string_bounds);
	tcase_add_test(tc, string_searches);
	tcase_add_test(tc, stack_forms);
	tcase_add_test(tc, stack16);
	tcase_add_test(tc, decimal);
	tcase_add_test(tc, bits_and_exchange);
	tcase_add_test(tc, reset_state);
	tcase_add_test(tc, public_registers);
	suite_add_tcase(s, tc);
	return s;
}
