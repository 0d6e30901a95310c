/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tasks.c - bare guest: hardware task switches.
 *
 * JMP, CALL, INT and exceptions through TSS descriptors and task gates, IRET
 * with NT; busy bits, back link, NT, TS, LDTR, CR3, the T bit, 16-bit TSS.
 * SDM vol. 3, chapter 7. HAZARDS 42 (CR3 of a task switch), 54.
 */
#include "guest.h"

#define S(i) (FREE_SEL + (i) * 8)
#define B_SEL S(0)    /* the other task */
#define GATE  S(1)    /* a task gate to it */
#define B16   S(2)    /* a 16-bit TSS */

const struct tcg_skip tcg_skips[] = {
	{ "task.t-bit", "TCG has no T bit" },
	{ 0, 0 },
};

static struct tss b __attribute__((aligned(128)));

struct tss16 {
	u16 link, sp0, ss0, sp1, ss1, sp2, ss2;
	u16 ip, flags, ax, cx, dx, bx, sp, bp, si, di;
	u16 es, cs, ss, ds, ldt;
} __attribute__((packed));
static struct tss16 t16;
static u32 stack_b[256];

CODE(do_jmp, "mov edi, esp" F(do_jmp) "jmp fword ptr [ebx]; mov esi, esp");
CODE(do_call, "mov edi, esp" F(do_call) "call fword ptr [ebx]; mov esi, esp");
CODE(do_int, F(do_int) "int 0x80");
CODE(do_iret, F(do_iret) "iretd");
CODE(do_ud2, F(do_ud2) "ud2; nop");
CODE(task_b, "inc edx; iretd; inc edx; add ecx, 1; iretd");
CODE(task_end, "nop");

static struct {
	u32 off;
	u16 sel;
} __attribute__((packed)) ptr;

static u32 access_of(u32 sel)
{
	BARRIER();
	return gdt[sel / 8] >> 40 & 0xff;
}

static void b_init(void *code, int cpl)
{
	memset(&b, 0, offsetof(struct tss, io));
	b.cr3 = rd_c3();
	b.eip = ADDR(code);
	b.efl = EFL_FIXED1;
	b.esp0 = ADDR(ring1_stack_top);
	b.ss0 = KDS;
	b.esp = ADDR(stack_b + 255);
	b.cs = KCS + cpl * 0x11;
	b.ss = b.ds = b.es = b.fs = b.gs = KDS + cpl * 0x11;
	b.eax = 0xb0;
	b.ecx = 0xb1;
	b.edx = 0xb2;
	b.ebx = 0xb3;
	b.ebp = 0xb5;
	b.esi = 0xb6;
	b.edi = 0xb7;
	b.ldt = LDT_SEL;
	b.iomap = 0x68;
	gdt_put(B_SEL, seg_desc(ADDR(&b), 0x67, A_TSS | A_DPL(3), 0));
	gdt_put(GATE, gate_desc(B_SEL, 0, G_TASK | A_DPL(3), 0));
}

/* Back to the main task, by whatever state a test left. */
static void home(void)
{
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	asm volatile("ltr %w0; clts" : : "r"(TSS_SEL));
	asm volatile("lldt %w0" : : "r"(LDT_SEL));
	tss.trap = 0;
	idt_reset();
}

static void go(struct regs *r, void *code, int cpl, u32 sel)
{
	ptr.off = 0xdead;
	ptr.sel = sel;
	regs_init(r, code, cpl);
	r->ebx = ADDR(&ptr);
	r->ecx = 0xac;
	r->edx = 0xad;
	r->ebp = 0xaf;
	r->efl |= EFL_CF | EFL_ZF;
	run(r);
}

static void check_b(const struct regs *r)
{
	check_that("eax", r->eax, 0xb0);
	check_that("ecx", r->ecx, 0xb1);
	check_that("edx", r->edx, 0xb2);
	check_that("ebx", r->ebx, 0xb3);
	check_that("ebp", r->ebp, 0xb5);
	check_that("esi", r->esi, 0xb6);
	check_that("edi", r->edi, 0xb7);
}

static void test_jmp(u32 sel, int cpl, const char *name)
{
	struct regs r;
	u16 tr;

	begin(name);
	b_init(task_end, 0);
	go(&r, do_jmp, cpl, sel);
	CHECK_END(&r, task_end);
	asm volatile("str %0" : "=r"(tr));
	check_that("tr", tr, B_SEL);
	check_b(&r);
	check_that("esp", r.esp, ADDR(stack_b + 255));
	check_that("NT", r.efl & EFL_NT, 0);
	check_that("TS", rd_c0() & CR0_TS, CR0_TS);
	check_that("old not busy", access_of(TSS_SEL), A_TSS);
	check_that("new busy", access_of(B_SEL) & 0x9f, A_TSS_BUSY);
	check_that("no link", b.link, 0);
	check_that("saved eip", tss.eip, ADDR(do_jmp_f) + 2);
	check_that("saved ecx", tss.ecx, 0xac);
	check_that("saved edx", tss.edx, 0xad);
	check_that("saved ebp", tss.ebp, 0xaf);
	check_that("saved esp", tss.esp, ADDR(test_stack_top) - 256);
	check_that("saved cs", tss.cs & 0xffff, (u32)(KCS + cpl * 0x11));
	check_that("saved ds", tss.ds & 0xffff, (u32)(KDS + cpl * 0x11));
	check_that("saved eflags", tss.efl & ~EFL_RF,
		   EFL_FIXED1 | EFL_CF | EFL_ZF);
	home();
}

static void test_call(u32 sel, int cpl, const char *name)
{
	struct regs r;

	begin(name);
	b_init(task_b, 0);
	go(&r, do_call, cpl, sel);
	CHECK_END(&r, do_call);
	check_that("ecx", r.ecx, 0xac);
	check_that("esp", r.esi, r.edi);
	check_that("cs", r.cs, (u32)(KCS + cpl * 0x11));
	check_that("NT", r.efl & EFL_NT, 0);
	check_that("link", b.link, TSS_SEL);
	check_that("b saved edx", b.edx, 0xb3);
	check_that("b saved eip", b.eip, ADDR(task_b) + 2);
	check_that("b saved NT", b.efl & EFL_NT, 0);
	check_that("b not busy", access_of(B_SEL) & 0x9f, A_TSS);
	check_that("main busy", access_of(TSS_SEL), A_TSS_BUSY);
	/* Called again, b goes on where it left. */
	go(&r, do_call, cpl, sel);
	CHECK_END(&r, do_call);
	check_that("b edx", b.edx, 0xb4);
	check_that("b ecx", b.ecx, 0xb2);
	home();
	begin(cpl ? "task.call.state.3" : "task.call.state.0");
	b_init(task_end, 0);
	go(&r, do_call, cpl, sel);
	CHECK_END(&r, task_end);
	check_that("NT", r.efl & EFL_NT, EFL_NT);
	check_that("both busy", access_of(TSS_SEL), A_TSS_BUSY);
	check_that("both busy", access_of(B_SEL) & 0x9f, A_TSS_BUSY);
	home();
}

static void test_int(void)
{
	struct regs r;
	static const struct {
		void *code;
		int vec;
		u32 err, skip;
		const char *name;
	} ways[] = {
		{ do_int, 0x80, 0, 2, "task.int" },
		{ do_ud2, VEC_UD, 0, 0, "task.exception" },
	};

	for (u32 i = 0; i < 2; i++)
		for (int cpl = 0; cpl < 4; cpl += 3) {
			begin(ways[i].name);
			b_init(task_end, 0);
			idt[ways[i].vec] = gate_desc(B_SEL, 0,
						     G_TASK | A_DPL(3), 0);
			regs_init(&r, ways[i].code, cpl);
			run(&r);
			CHECK_END(&r, task_end);
			check_that("saved eip", tss.eip,
				   ADDR(ways[i].code) + ways[i].skip);
			check_that("link", b.link, TSS_SEL);
			check_that("NT", r.efl & EFL_NT, EFL_NT);
			check_that("esp: nothing pushed", r.esp,
				   ADDR(stack_b + 255));
			home();
		}
	/* An error code is pushed on the new task's stack. */
	begin("task.exception.error-code");
	b_init(task_end, 0);
	idt[VEC_GP] = gate_desc(B_SEL, 0, G_TASK, 0);
	idt_dpl(0x80, 0);
	run_at(&r, do_int, 3);
	CHECK_END(&r, task_end);
	check_that("esp", r.esp, ADDR(stack_b + 254));
	check_that("error code", stack_b[254], 0x402);
	check_that("saved eip", tss.eip, ADDR(do_int_f));
	home();
	/* The task returns to the instruction after. */
	begin("task.int.return");
	b_init(task_b, 0);
	idt[0x80] = gate_desc(B_SEL, 0, G_TASK | A_DPL(3), 0);
	run_at(&r, do_int, 3);
	CHECK_END(&r, do_int);
	check_that("cs", r.cs, UCS);
	home();
}

static void test_user_task(void)
{
	struct regs r;

	begin("task.to-ring-3");
	b_init(task_end, 3);
	b.ds = 0;
	go(&r, do_jmp, 0, B_SEL);
	CHECK_END(&r, task_end);
	check_that("cs", r.cs, UCS);
	check_that("ss", r.ss, UDS);
	check_that("ds", r.ds, 0);
	check_that("stack 0 of the new task", r.hesp,
		   ADDR(ring1_stack_top) - 20);
	home();
	begin("task.flags");
	b_init(task_end, 3);
	b.efl |= EFL_IOPL | EFL_AC | EFL_ID | EFL_DF | EFL_OF;
	go(&r, do_jmp, 0, B_SEL);
	check_that("eflags", r.efl & ~EFL_RF, b.efl);
	home();
}

static void test_ldt_cr3(void)
{
	struct regs r;
	static u64 ldt_b[4];
	u32 other = page_alloc(), main_dir;
	u16 sel;

	begin("task.ldt");
	ldt_b[1] = seg_desc(0, 0xfffff, A_DATA, SEG_B | SEG_G);
	gdt_put(S(5), seg_desc(ADDR(ldt_b), 31, A_LDT, 0));
	b_init(task_end, 0);
	b.ldt = S(5);
	b.ds = 8 | 4;
	go(&r, do_jmp, 0, B_SEL);
	CHECK_END(&r, task_end);
	check_that("ds", r.ds, 8 | 4);
	asm volatile("sldt %0" : "=r"(sel));
	check_that("sldt", sel, S(5));
	home();
	begin("task.cr3");
	main_dir = identity_on();
	memcpy((void *)other, (void *)main_dir, 4096);
	tss.cr3 = main_dir;
	b_init(task_b, 0);
	b.cr3 = other;
	go(&r, do_call, 0, B_SEL);
	CHECK_END(&r, do_call);
	check_that("back", rd_c3(), main_dir);
	home();
	b_init(task_end, 0);
	b.cr3 = other;
	go(&r, do_jmp, 0, B_SEL);
	CHECK_END(&r, task_end);
	check_that("new", rd_c3(), other);
	wr_c3(main_dir);
	home();
	wr_c0(rd_c0() & ~CR0_PG);
}

CODE(iret_nt, "pushfd; or dword ptr [esp], 0x4000; popfd" F(iret_nt) "iretd");

static void test_checks(void)
{
	struct regs r;
	static const struct {
		const char *name;
		u32 sel, vec, err;
	} bad[] = {
		{ "task.checks.busy", S(6), VEC_GP, S(6) },
		{ "task.checks.absent", S(7), VEC_NP, S(7) },
		{ "task.checks.dpl", S(8), VEC_GP, S(8) },
		{ "task.checks.limit", S(9), VEC_TS, S(9) },
		{ "task.checks.gate-dpl", S(10), VEC_GP, S(10) },
		{ "task.checks.gate-absent", S(11), VEC_NP, S(11) },
		{ "task.checks.gate-to-code", S(12), VEC_GP, KCS },
		{ "task.checks.gate-to-busy", S(13), VEC_GP, S(6) },
	};

	b_init(task_end, 0);
	gdt_put(S(6), seg_desc(ADDR(&b), 0x67, 0xeb, 0));
	gdt_put(S(7), seg_desc(ADDR(&b), 0x67, 0x69, 0));
	gdt_put(S(8), seg_desc(ADDR(&b), 0x67, 0x89, 0));
	gdt_put(S(9), seg_desc(ADDR(&b), 0x66, 0xe9, 0));
	gdt_put(S(10), gate_desc(B_SEL, 0, 0x85, 0));
	gdt_put(S(11), gate_desc(B_SEL, 0, 0x65, 0));
	gdt_put(S(12), gate_desc(KCS, 0, 0xe5, 0));
	gdt_put(S(13), gate_desc(S(6), 0, 0xe5, 0));
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(bad[i].name);
		go(&r, do_jmp, 3, bad[i].sel);
		CHECK_TRAP(&r, bad[i].vec, bad[i].err, do_jmp);
		check_that("main still busy", access_of(TSS_SEL), A_TSS_BUSY);
		go(&r, do_call, 3, bad[i].sel);
		CHECK_TRAP(&r, bad[i].vec, bad[i].err, do_call);
	}
	begin("task.checks.own-tss");
	gdt_put(TSS_SEL, gdt[TSS_SEL / 8] | 3ull << 45);
	go(&r, do_jmp, 3, TSS_SEL);
	CHECK_TRAP(&r, VEC_GP, TSS_SEL, do_jmp);
	begin("task.checks.iret-link");
	/* IRET with NT: the link must be a busy TSS in the GDT. */
	tss.link = KCS;
	run_at(&r, iret_nt, 0);
	CHECK_TRAP(&r, VEC_TS, KCS, iret_nt);
	tss.link = B_SEL; /* not busy */
	b_init(task_end, 0);
	run_at(&r, iret_nt, 0);
	CHECK_TRAP(&r, VEC_TS, B_SEL, iret_nt);
	tss.link = LDT_SEL | 4;
	run_at(&r, iret_nt, 0);
	CHECK_TRAP(&r, VEC_TS, LDT_SEL | 4, iret_nt);
	tss.link = 0;
	home();
}

/*
 * Faults that belong to the new task. Its segments may be unusable, so a
 * third task takes them (SDM vol. 3, 6.15, #TS): the error code comes in eax,
 * and what it saved of the new task shows eip at the first instruction.
 */
CODE(task_c, "pop eax; mov ebx, esp");

static struct tss c __attribute__((aligned(128)));

static void c_init(void)
{
	b_init(task_c, 0);
	memcpy(&c, &b, offsetof(struct tss, io));
	c.esp = ADDR(ring2_stack_top) - 4;
	gdt_put(S(18), seg_desc(ADDR(&c), 0x67, A_TSS, 0));
	idt[VEC_TS] = idt[VEC_NP] = gate_desc(S(18), 0, G_TASK, 0);
	BARRIER();
}

static void test_late(void)
{
	struct regs r;
	static const struct {
		const char *name;
		u32 off, value, vec, err;
	} late[] = {
		{ "task.late.ds", offsetof(struct tss, ds), S(14), VEC_NP,
		  S(14) },
		{ "task.late.es-type", offsetof(struct tss, es), TSS_SEL,
		  VEC_TS, TSS_SEL },
		{ "task.late.cs-data", offsetof(struct tss, cs), KDS, VEC_TS,
		  KDS },
		{ "task.late.cs-null", offsetof(struct tss, cs), 0, VEC_TS, 0 },
		{ "task.late.ss-null", offsetof(struct tss, ss), 0, VEC_TS, 0 },
		{ "task.late.ss-dpl", offsetof(struct tss, ss), UDS, VEC_TS,
		  UDS & ~3 },
		{ "task.late.ldt", offsetof(struct tss, ldt), KDS, VEC_TS,
		  KDS },
	};

	gdt_put(S(14), seg_desc(0, 0xfffff, 0x12, SEG_B | SEG_G));
	for (u32 i = 0; i < ARRAY_SIZE(late); i++) {
		u16 tr;

		begin(late[i].name);
		c_init();
		idt[late[i].vec ^ VEC_TS ^ VEC_NP] =
			gate_desc(KCS, stub_addr(late[i].vec ^ VEC_TS ^ VEC_NP),
				  G_INT, 0);
		b_init(task_end, 0);
		*(u32 *)((u8 *)&b + late[i].off) = late[i].value;
		go(&r, do_jmp, 0, B_SEL);
		CHECK_END(&r, task_c);
		check_that("error code", r.eax, late[i].err);
		check_that("error code's place", r.ebx,
			   ADDR(ring2_stack_top) - 4);
		asm volatile("str %0" : "=r"(tr));
		check_that("tr", tr, S(18));
		check_that("link", c.link, B_SEL);
		if (!on_tcg) /* which keeps the old eip */
			check_that("new task's eip", b.eip, ADDR(task_end));
		home();
	}
}

static void test_t_bit(void)
{
	struct regs r;

	begin("task.t-bit");
	b_init(task_end, 0);
	b.trap = 1;
	wr_d6(0);
	go(&r, do_jmp, 0, B_SEL);
	check_trap(&r, VEC_DB, NOERR, task_end);
	check_that("BT", rd_d6() & DR6_BT, DR6_BT);
	wr_d6(0);
	home();
}

static void test_16(void)
{
	struct regs r;
	u32 base = ADDR(task_end) & ~0xffffu;

	begin("task.16-bit");
	memset(&t16, 0, sizeof(t16));
	gdt_put(S(15), seg_desc(base, 0xffff, A_CODE, SEG_B));
	/* A 16-bit stack: bits 31:16 of ESP are undefined after the switch. */
	gdt_put(S(16), seg_desc(ADDR(stack_b), 0x3ff, A_DATA, 0));
	t16.ip = ADDR(task_end) - base;
	t16.flags = EFL_FIXED1 | EFL_CF;
	t16.ax = 0x1600;
	t16.cx = 0x1601;
	t16.di = 0x1607;
	t16.sp = 0x200;
	t16.cs = S(15);
	t16.ss = S(16);
	t16.ds = t16.es = KDS;
	t16.ldt = LDT_SEL;
	gdt_put(B16, seg_desc(ADDR(&t16), 0x2b, A_TSS16, 0));
	go(&r, do_jmp, 0, B16);
	check_that("vector", r.vec, VEC_END);
	check_that("eip", r.eip, ADDR(task_end_end) + 2 - base);
	check_that("ax", r.eax & 0xffff, 0x1600);
	check_that("cx", r.ecx & 0xffff, 0x1601);
	check_that("di", r.edi & 0xffff, 0x1607);
	check_that("sp", r.esp & 0xffff, 0x200);
	check_that("cs", r.cs, S(15));
	check_that("fs", r.fs & 0xffff, 0);
	check_that("flags", r.efl & 0xffff, EFL_FIXED1 | EFL_CF);
	check_that("busy", access_of(B16), 0x83);
	home();
	begin("task.16-bit.saved");
	/* Out of the 16-bit task: its TSS takes the low halves. */
	gdt_put(B16, seg_desc(ADDR(&t16), 0x2b, A_TSS16, 0));
	b_init(task_end, 0);
	{
		static const u8 leave16[] = { 0xff, 0x2b }; /* jmp far [ebx] */

		ptr.sel = B_SEL;
		t16.ip = ADDR(leave16) - base;
		t16.bx = 0;
		gdt_put(S(17), seg_desc(ADDR(&ptr), 0xff, A_DATA, SEG_B));
		t16.ds = S(17);
		ptr.off = 0;
		/* bx = 0, upper half whatever the switch leaves: use di */
		static struct {
			u32 off;
			u16 sel;
		} __attribute__((packed)) to16;

		to16.sel = B16;
		regs_init(&r, do_jmp, 0);
		r.ebx = ADDR(&to16);
		run(&r);
		if (r.vec == VEC_END) {
			check_b(&r);
			check_that("saved cx", t16.cx, 0x1601);
			check_that("saved ip", t16.ip, ADDR(leave16) + 2 -
				   base);
		} else {
			/* bits 31:16 of ebx are undefined (SDM 7.6) */
			check_that("vector", r.vec, VEC_GP);
		}
	}
	home();
}

void guest_main(void)
{
	test_jmp(B_SEL, 0, "task.jmp.0");
	test_jmp(B_SEL, 3, "task.jmp.3");
	test_jmp(GATE, 0, "task.jmp.gate.0");
	test_jmp(GATE, 3, "task.jmp.gate.3");
	test_call(B_SEL, 0, "task.call.0");
	test_call(B_SEL, 3, "task.call.3");
	test_call(GATE, 3, "task.call.gate.3");
	test_int();
	test_user_task();
	test_ldt_cr3();
	test_checks();
	test_late();
	test_t_bit();
	test_16();
}
