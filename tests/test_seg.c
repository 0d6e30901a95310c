// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_seg.c - segment registers: SDM vol. 3, chapters 3 and 5.
 */
#include "sys_env.h"

START_TEST(derive)
{
	static const struct {
		u16 attr;
		u32 limit, lo, hi;
		u8 r, w;
	} t[] = {
		{ 0x4093, 0xffff, 0, 0xffff, 1, 1 },
		{ 0x4091, 0xffff, 0, 0xffff, 1, 0 },
		{ 0x409b, 0xfff, 0, 0xfff, 1, 0 },
		{ 0x4099, 0xfff, 0, 0xfff, 0, 0 },
		{ 0x4097, 0xfff, 0x1000, 0xffffffff, 1, 1 }, /* down, B=1 */
		{ 0x0097, 0xfff, 0x1000, 0xffff, 1, 1 },     /* down, B=0 */
		{ 0x0097, 0xffff, 1, 0, 1, 1 },		     /* empty */
		{ 0x4097, 0xffffffff, 1, 0, 1, 1 },
		{ 0x4013, 0xffff, 1, 0, 0, 0 }, /* not present */
		{ 0, 0xffff, 1, 0, 0, 0 },	/* null */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct seg s = { .attr = t[i].attr, .limit = t[i].limit };

		seg_derive(&s, true);
		ck_assert_msg(s.lo == t[i].lo && s.hi == t[i].hi &&
				      s.readable == t[i].r &&
				      s.writable == t[i].w,
			      "case %u: %x..%x %u %u", i, s.lo, s.hi,
			      s.readable, s.writable);
	}
}
END_TEST

/* mov ds, ax and mov ss, ax: selector, descriptor, what comes of it. */
START_TEST(load_checks)
{
	static const struct {
		u8 seg, access, rpl, user;
		int vec; /* -1: loads */
	} t[] = {
		{ CPU_DS, 0x93, 0, 0, -1 },
		{ CPU_DS, 0x91, 0, 0, -1 },
		{ CPU_DS, 0x9b, 0, 0, -1 },	 /* readable code */
		{ CPU_DS, 0x99, 0, 0, VEC_GP }, /* execute only */
		{ CPU_DS, 0x13, 0, 0, VEC_NP },
		{ CPU_DS, 0x89, 0, 0, VEC_GP }, /* system */
		{ CPU_DS, 0x93, 3, 0, VEC_GP }, /* RPL > DPL */
		{ CPU_DS, 0xf3, 3, 0, -1 },
		{ CPU_DS, 0x93, 0, 3, VEC_GP }, /* CPL > DPL */
		{ CPU_DS, 0x9f, 3, 3, -1 },	 /* conforming code */
		{ CPU_SS, 0x93, 0, 0, -1 },
		{ CPU_SS, 0x91, 0, 0, VEC_GP },
		{ CPU_SS, 0x9b, 0, 0, VEC_GP },
		{ CPU_SS, 0x13, 0, 0, VEC_SS },
		{ CPU_SS, 0xf3, 0, 0, VEC_GP }, /* DPL != CPL */
		{ CPU_SS, 0x93, 3, 0, VEC_GP },
		{ CPU_SS, 0xf3, 3, 3, -1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = t[i].user ? env_user() : env_protected();
		u16 sel = SEL_FREE | t[i].rpl;
		struct env_regs before;
		enum hret r;

		env_desc(SEL_FREE, 0x1234560, 0xabc, t[i].access, 4);
		v->cpu.gpr[R_AX] = sel;
		env_save(&before);
		r = RUN(0x8e, 0xc0 | t[i].seg << 3);
		if (t[i].vec < 0) {
			const struct seg *s = &v->cpu.seg[t[i].seg];

			ck_assert_msg(r == H_END, "case %u", i);
			ck_assert_uint_eq(s->sel, sel);
			ck_assert_uint_eq(s->base, 0x1234560);
			ck_assert_uint_eq(s->limit, 0xabc);
			ck_assert_uint_eq(v->cpu.rip, AT_CODE + 2);
			ck_assert(v->inhibit == (t[i].seg == CPU_SS));
		} else {
			ck_assert_msg(r == H_EXC, "case %u", i);
			EXC_IS((unsigned)t[i].vec, SEL_FREE);
			ck_assert(env_unchanged(&before));
		}
	}
}
END_TEST

START_TEST(null_and_limits)
{
	struct vcpu *v = env_protected();
	gva_t la;

	v->cpu.gpr[R_AX] = 3;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_END);
	ck_assert_int_eq(seg_check(v, CPU_DS, 0, 1, MMU_READ, &la), -1);
	EXC_IS(VEC_GP, 0);
	v->cpu.gpr[R_AX] = 0;
	ck_assert_int_eq(RUN(0x8e, 0xd0), H_EXC); /* mov ss, null */
	EXC_IS(VEC_GP, 0);
	/* beyond the GDT, and an LDT that is not there */
	v->cpu.gpr[R_AX] = 0x100;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_EXC);
	EXC_IS(VEC_GP, 0x100);
	v->cpu.gpr[R_AX] = 0xc;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_EXC);
	EXC_IS(VEC_GP, 0xc);
}
END_TEST

START_TEST(ldt_and_accessed)
{
	struct vcpu *v = env_protected();

	v->cpu.gpr[R_AX] = SEL_LDT;
	ck_assert_int_eq(RUN(0x0f, 0x00, 0xd0), H_END); /* lldt ax */
	env_put32(AT_LDT + 8, 0x0000ffff);
	env_put32(AT_LDT + 12, 0x00009200);
	v->cpu.gpr[R_AX] = 0xc;
	ck_assert_int_eq(RUN(0x8e, 0xe0), H_END); /* mov fs, ax */
	ck_assert_uint_eq(env.mem[AT_LDT + 13], 0x93);
	/* set only when clear: a read-only table is no fault then */
	env.readonly[AT_LDT >> 12] = 1;
	ck_assert_int_eq(RUN(0x8e, 0xe8), H_END); /* mov gs, ax */
	env.mem[AT_LDT + 13] = 0x92;
	ck_assert_int_eq(RUN(0x8e, 0xe8), H_EXC);
	EXC_IS(VEC_PF, PFEC_W | PFEC_P);
}
END_TEST

START_TEST(real_and_unreal)
{
	struct vcpu *v = env_real();
	struct cpu *c = &v->cpu;

	c->seg[CPU_DS].limit = 0xffffffff; /* left from protected mode */
	c->gpr[R_AX] = 0x1234;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_END);
	ck_assert_uint_eq(c->seg[CPU_DS].base, 0x12340);
	ck_assert_uint_eq(c->seg[CPU_DS].hi, 0xffffffff);
	ck_assert_uint_eq(c->seg[CPU_DS].writable, 1);

	v = env_vm86(3);
	c->seg[CPU_DS].limit = 0xffffffff;
	c->gpr[R_AX] = 0x1234;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_NEXT);
	ck_assert_uint_eq(c->seg[CPU_DS].hi, 0xffff);
	ck_assert_uint_eq(SEG_ATTR_DPL(c->seg[CPU_DS].attr), 3);
}
END_TEST

/* Offsets against limits, the vector by segment, alignment. */
START_TEST(access_checks)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;
	gva_t la;

	env_desc(SEL_FREE, AT_DATA, 0xfff, ACC_DATA0, 4);
	c->gpr[R_AX] = SEL_FREE;
	ck_assert_int_eq(RUN(0x8e, 0xd8), H_END);
	ck_assert_int_eq(seg_check(v, CPU_DS, 0xffc, 4, MMU_WRITE, &la), 0);
	ck_assert_uint_eq(la, AT_DATA + 0xffc);
	ck_assert_int_eq(seg_check(v, CPU_DS, 0xffd, 4, MMU_READ, &la), -1);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(seg_check(v, CPU_DS, 0xffffffff, 2, MMU_READ, &la),
			 -1);
	ck_assert_int_eq(seg_check(v, CPU_CS, 0, 1, MMU_WRITE, &la), -1);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(RUN(0x8e, 0xd0), H_END); /* mov ss */
	ck_assert_int_eq(seg_check(v, CPU_SS, 0x1000, 1, MMU_READ, &la), -1);
	EXC_IS(VEC_SS, 0);

	v = env_user();
	c->cr0 |= CR0_AM;
	c->sysflags |= EFL_AC;
	ck_assert_int_eq(seg_check(v, CPU_DS, 0x1001, 1, MMU_READ, &la), 0);
	ck_assert_int_eq(seg_check(v, CPU_DS, 0x1001, 4, MMU_READ, &la), -1);
	EXC_IS(VEC_AC, 0);
	/* pairs and far pointers are as aligned as their first part */
	c->gpr[R_BX] = AT_DATA + 2;
	c->gpr[R_AX] = 0;
	ck_assert_int_eq(RUN(0x66, 0x62, 0x03), H_NEXT); /* bound ax, [ebx] */
	ck_assert_int_eq(RUN(0x62, 0x03), H_EXC);
	EXC_IS(VEC_AC, 0);
	c->gpr[R_BX] = AT_DATA + 4;
	ck_assert_int_eq(RUN(0x62, 0x03), H_NEXT); /* bound eax, [ebx] */
	c->gpr[R_BX] = AT_DATA + 2;
	ck_assert_int_eq(RUN(0x66, 0xc4, 0x03), H_END); /* les ax, [ebx] */
	ck_assert_int_eq(RUN(0xc4, 0x03), H_EXC);
	EXC_IS(VEC_AC, 0);
	c->cpl = 0;
	ck_assert_int_eq(seg_check(v, CPU_DS, 0x1001, 4, MMU_READ, &la), 0);
}
END_TEST

/* 16-bit addressing wraps inside 64 KiB before the segment is added. */
START_TEST(addressing)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;
	struct insn i;
	gva_t la;
	static const u8 lea16[] = { 0x67, 0x8e, 0x40, 0x10 }; /* [bx+si+10h] */
	/* [ebx+ecx*4-16] */
	static const u8 lea32[] = { 0x8e, 0x44, 0x8b, 0xf0 };

	c->gpr[R_BX] = 0xfff8;
	c->gpr[R_SI] = 0x10;
	c->gpr[R_CX] = 2;
	ck_assert_int_eq(insn_decode(&i, lea16, 4, 32, NULL), INSN_OK);
	ck_assert_int_eq(seg_ea(v, &i, 2, MMU_READ, &la), 0);
	ck_assert_uint_eq(la, 0x18);
	ck_assert_int_eq(insn_decode(&i, lea32, 4, 32, NULL), INSN_OK);
	ck_assert_int_eq(seg_ea(v, &i, 2, MMU_READ, &la), 0);
	ck_assert_uint_eq(la, 0xfff8 + 8 - 16);
}
END_TEST

/* LAR, LSL, VERR, VERW: access byte, CPL, RPL, what each answers. */
START_TEST(examine)
{
	static const struct {
		u8 access, user, rpl;
		bool lar, lsl, verr, verw;
	} t[] = {
		{ 0x93, 0, 0, 1, 1, 1, 1 }, { 0x91, 0, 0, 1, 1, 1, 0 },
		{ 0x9b, 0, 0, 1, 1, 1, 0 }, { 0x99, 0, 0, 1, 1, 0, 0 },
		{ 0x93, 3, 3, 0, 0, 0, 0 }, { 0x93, 0, 3, 0, 0, 0, 0 },
		{ 0x9f, 3, 3, 1, 1, 1, 0 }, { 0xf3, 3, 3, 1, 1, 1, 1 },
		{ 0x89, 0, 0, 1, 1, 0, 0 }, { 0x8c, 0, 0, 1, 0, 0, 0 },
		{ 0x85, 0, 0, 1, 0, 0, 0 }, { 0x8e, 0, 0, 0, 0, 0, 0 },
		{ 0x80, 0, 0, 0, 0, 0, 0 }, { 0x13, 0, 0, 1, 1, 1, 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct vcpu *v = t[i].user ? env_user() : env_protected();
		struct cpu *c = &v->cpu;

		env_desc(SEL_FREE, 0, 0x12345, t[i].access, 0xc);
		c->gpr[R_AX] = SEL_FREE | t[i].rpl;
		c->gpr[R_BX] = 0x5555;
		ck_assert_int_eq(RUN(0x0f, 0x02, 0xd8), H_NEXT);
		ck_assert_msg(!!(c->flags_ah & EFL_ZF) == t[i].lar,
			      "lar %u", i);
		ck_assert_uint_eq(c->gpr[R_BX],
				  t[i].lar ? 0x00c00000u | t[i].access << 8 :
					     0x5555u);
		ck_assert_int_eq(RUN(0x0f, 0x03, 0xd8), H_NEXT);
		ck_assert_msg(!!(c->flags_ah & EFL_ZF) == t[i].lsl,
			      "lsl %u", i);
		if (t[i].lsl)
			ck_assert_uint_eq(c->gpr[R_BX], 0x12345fff);
		ck_assert_int_eq(RUN(0x0f, 0x00, 0xe0), H_NEXT);
		ck_assert_msg(!!(c->flags_ah & EFL_ZF) == t[i].verr,
			      "verr %u", i);
		ck_assert_int_eq(RUN(0x0f, 0x00, 0xe8), H_NEXT);
		ck_assert_msg(!!(c->flags_ah & EFL_ZF) == t[i].verw,
			      "verw %u", i);
	}
}
END_TEST

START_TEST(tables_and_tasks)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	/* ltr marks the descriptor busy; a busy one is refused */
	c->gpr[R_AX] = SEL_TSS2;
	ck_assert_int_eq(RUN(0x0f, 0x00, 0xd8), H_END);
	ck_assert_uint_eq(env.mem[AT_GDT + SEL_TSS2 + 5], 0x8b);
	ck_assert_int_eq(RUN(0x0f, 0x00, 0xd8), H_EXC);
	EXC_IS(VEC_GP, SEL_TSS2);
	ck_assert_int_eq(RUN(0x0f, 0x00, 0xc9), H_NEXT); /* str ecx */
	ck_assert_uint_eq(c->gpr[R_CX], SEL_TSS2);

	/* lgdt with 16-bit operands takes 24 bits of base */
	env_put16(AT_DATA, 0x1ff);
	env_put32(AT_DATA + 2, 0xab001000);
	c->gpr[R_BX] = AT_DATA;
	ck_assert_int_eq(RUN(0x66, 0x0f, 0x01, 0x13), H_END);
	ck_assert_uint_eq(c->gdt.base, 0x1000);
	ck_assert_uint_eq(c->gdt.limit, 0x1ff);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x1b), H_END); /* lidt */
	ck_assert_uint_eq(c->idt.base, 0xab001000);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x4b, 0x10), H_NEXT); /* sidt */
	ck_assert_uint_eq(env_get32(AT_DATA + 0x12), 0xab001000);

	/* arpl raises RPL, and says so in ZF */
	c->gpr[R_AX] = 0x10;
	c->gpr[R_CX] = 3;
	ck_assert_int_eq(RUN(0x63, 0xc8), H_NEXT);
	ck_assert_uint_eq(c->gpr[R_AX], 0x13);
	ck_assert(c->flags_ah & EFL_ZF);
	ck_assert_int_eq(RUN(0x63, 0xc8), H_NEXT);
	ck_assert(!(c->flags_ah & EFL_ZF));

	/* UMIP and privilege */
	v = env_user();
	c->cr4 = CR4_UMIP;
	c->gpr[R_BX] = AT_DATA;
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x03), H_EXC);
	EXC_IS(VEC_GP, 0);
	ck_assert_int_eq(RUN(0x0f, 0x01, 0x13), H_EXC); /* lgdt */
	EXC_IS(VEC_GP, 0);
	v = env_vm86(3);
	ck_assert_int_eq(RUN(0x0f, 0x00, 0xc8), H_EXC); /* str */
	EXC_IS(VEC_UD, 0);
}
END_TEST

Suite *suite_seg(void);
Suite *suite_seg(void)
{
	Suite *s = suite_create("seg");
	TCase *tc = tcase_create("seg");

	tcase_add_test(tc, derive);
	tcase_add_test(tc, load_checks);
	tcase_add_test(tc, null_and_limits);
	tcase_add_test(tc, ldt_and_accessed);
	tcase_add_test(tc, real_and_unreal);
	tcase_add_test(tc, access_checks);
	tcase_add_test(tc, addressing);
	tcase_add_test(tc, examine);
	tcase_add_test(tc, tables_and_tasks);
	suite_add_tcase(s, tc);
	return s;
}
