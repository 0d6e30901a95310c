/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debug.c - bare guest: single-step, debug registers, RF.
 *
 * SDM vol. 3, chapter 17 (17.2 registers, 17.3 exceptions). HAZARDS 63.
 */
#include "guest.h"

const struct tcg_skip tcg_skips[] = {
	{ "debug.rf.pushed", "TCG does not set RF in the image of a fault" },
	{ "debug.icebp", "TCG raises #UD" },
	{ "debug.data.unaligned", "TCG splits the load into aligned ones" },
	{ "debug.general-detect", "TCG leaves GD set in the handler" },
	{ 0, 0 },
};

static u32 trace[64];
static u32 dr6s[64];
static u32 ntrace;
static u32 max_trace;

static int step_hook(struct regs *r)
{
	if (r->vec != VEC_DB)
		return 0;
	if (ntrace < 64) {
		dr6s[ntrace] = rd_d6();
		trace[ntrace] = r->eip;
	}
	wr_d6(DR6_FIXED1);
	if (++ntrace >= max_trace)
		return 0;
	return 1;
}

static void traced(struct regs *r)
{
	ntrace = 0;
	max_trace = 64;
	wr_d6(DR6_FIXED1);
	trap_hook = step_hook;
	run(r);
	trap_hook = NULL;
}

/* The eips a trace must show, as offsets from the code, ~0 ends. */
static void check_trace(const char *code, const s32 *want)
{
	u32 n = 0;

	for (; want[n] >= 0; n++)
		if (n < ntrace)
			check_that("eip", trace[n] - ADDR(code), want[n]);
	check_that("number of #DB", ntrace, n);
}

CODE(plain, "inc eax; nop; mov ebx, eax; add ecx, 5; jmp 1f; nop; 1: nop");
CODE(branches, "call 1f; jmp 2f; 1: ret; 2: mov ecx, 2; 3: loop 3b; nop");
CODE(shadow, "mov eax, ss; mov ss, eax; inc ecx; inc edx");
CODE(rep, "mov ecx, 3; rep movsb; nop");
CODE(popf_on, "push 0x102; popfd; nop; inc eax; push 2; popfd; nop; nop");
CODE(soft_int, "nop; int 0x80; nop; nop");
CODE(iret_on, "push 0x102; push cs; push offset 1f; iretd; 1: inc eax; "
     "inc ecx; push 2; popfd; nop");
CODE(pushf_in, "pushfd; pop eax; push 2; popfd");
CODE(long_run, "mov ecx, 5; 1: add eax, ecx; dec ecx; jnz 1b");

static void step(struct regs *r, const char *code, int cpl)
{
	regs_init(r, code, cpl);
	r->esi = r->edi = ADDR(test_stack);
	r->efl |= EFL_TF;
	traced(r);
}

static void test_step(int cpl)
{
	struct regs r;
	static const s32 w_plain[] = { 1, 2, 4, 7, 10, 11, -1 };
	static const s32 w_branch[] = { 7, 5, 8, 13, 13, 15, 16, -1 };
	static const s32 w_shadow[] = { 2, 5, 6, -1 };
	static const s32 w_rep[] = { 5, 5, 5, 7, 8, -1 };
	static const s32 w_popf[] = { 7, 8, 10, 11, -1 };
	static const s32 w_iret[] = { 13, 14, 16, 17, -1 };
	static const s32 w_long[] = { 5, 7, 8, 5, 7, 8, 5, 7, 8, 5, 7, 8, 5, 7,
				      8, 10, -1 };

	begin(cpl ? "debug.step.3" : "debug.step.0");
	step(&r, plain, cpl);
	check_trace(plain, w_plain);
	for (u32 i = 0; i < ntrace && i < 64; i++)
		check_that("dr6", dr6s[i], DR6_FIXED1 | DR6_BS);
	CHECK_END(&r, plain);
	check_that("eax", r.eax, 1);
	check_that("TF in the image", r.efl & EFL_TF, EFL_TF);
	step(&r, branches, cpl);
	check_trace(branches, w_branch);
	step(&r, long_run, cpl);
	check_trace(long_run, w_long);
	check_that("eax", r.eax, 15);
	begin(cpl ? "debug.step.pushf.3" : "debug.step.pushf.0");
	step(&r, pushf_in, cpl);
	check_that("pushf shows TF", r.eax & EFL_TF, EFL_TF);
	begin("debug.step.mov-ss");
	step(&r, shadow, cpl);
	check_trace(shadow, w_shadow);
	begin("debug.step.rep");
	step(&r, rep, cpl);
	check_trace(rep, w_rep);
	begin(cpl ? "debug.step.popf.3" : "debug.step.popf.0");
	regs_init(&r, popf_on, cpl);
	traced(&r);
	/* push imm32 takes 5, popf turns TF on: first #DB after the next */
	for (u32 i = 0; i < 4; i++)
		check_that("eip", trace[i] - ADDR(popf_on), w_popf[i]);
	check_that("number", ntrace, 4);
	CHECK_END(&r, popf_on);
	if (!cpl) {
		begin("debug.step.iret");
		regs_init(&r, iret_on, cpl);
		traced(&r);
		for (u32 i = 0; i < 4; i++)
			check_that("eip", trace[i] - ADDR(iret_on), w_iret[i]);
		check_that("number", ntrace, 4);
	}
	begin(cpl ? "debug.step.int.3" : "debug.step.int.0");
	idt_dpl(0x80, 3);
	step(&r, soft_int, cpl);
	check_that("vector", r.vec, 0x80);
	check_that("TF in the image", r.efl & EFL_TF, EFL_TF);
	check_that("number", ntrace, 1);
	check_that("eip", r.eip, ADDR(soft_int) + 3);
}

/* --- breakpoints --- */

static u32 cells[8] __attribute__((aligned(32)));

enum { BP_X = 0, BP_W = 1, BP_RW = 3, LEN1 = 0, LEN2 = 1, LEN4 = 3 };

static void bp(int n, u32 addr, u32 type, u32 len)
{
	switch (n) {
	case 0:
		wr_d0(addr);
		break;
	case 1:
		wr_d1(addr);
		break;
	case 2:
		wr_d2(addr);
		break;
	default:
		wr_d3(addr);
	}
	wr_d7((rd_d7() & ~(0xfu << (16 + n * 4))) | DR7_FIXED1 |
	      (type | len << 2) << (16 + n * 4) | 2u << n * 2);
}

static void bp_off(void)
{
	/* a disabled one may still show in DR6: let none match */
	wr_d0(0);
	wr_d1(0);
	wr_d2(0);
	wr_d3(0);
	wr_d7(DR7_FIXED1);
}

CODE(target, "inc eax" F(target) "inc eax; inc eax");
CODE(load32, "mov eax, [ebx]" F(load32) "nop");
CODE(store32, "mov [ebx], eax" F(store32) "nop");
CODE(store8, "mov [ebx], al" F(store8) "nop");
CODE(push32, "mov ecx, esp; mov esp, ebx; push eax" F(push32)
     "mov esp, ecx");
CODE(movs3, "mov ecx, 4; rep movsd" F(movs3) "nop");
CODE(rmw32, "inc dword ptr [ebx]" F(rmw32) "nop");
CODE(hot, "mov ecx, 100; 1: call 2f; dec ecx; jnz 1b; jmp 3f; 2:" F(hot)
     "inc eax; ret; 3: nop");

static void test_exec(int cpl)
{
	struct regs r;

	begin(cpl ? "debug.exec.3" : "debug.exec.0");
	run_at(&r, target, cpl); /* translated before the breakpoint is set */
	bp(0, ADDR(target_f), BP_X, LEN1);
	run_at(&r, target, cpl);
	CHECK_TRAP(&r, VEC_DB, NOERR, target);
	check_that("eax: before the instruction", r.eax, 1);
	check_that("dr6", rd_d6() & 0xe00f, 1);
	wr_d6(DR6_FIXED1);
	/* RF in the image lets the instruction run once. */
	regs_init(&r, target_f, cpl);
	r.efl |= EFL_RF;
	run(&r);
	CHECK_END(&r, target);
	begin(cpl ? "debug.exec.all.3" : "debug.exec.all.0");
	for (int n = 0; n < 4; n++) {
		bp_off();
		bp(n, ADDR(target_f), BP_X, LEN1);
		wr_d6(DR6_FIXED1);
		run_at(&r, target, cpl);
		CHECK_TRAP(&r, VEC_DB, NOERR, target);
		check_that("dr6", rd_d6() & 15, 1u << n);
	}
	bp_off();
	run_at(&r, target, cpl);
	CHECK_END(&r, target);
	check_that("eax", r.eax, 3);
	begin(cpl ? "debug.exec.hot.3" : "debug.exec.hot.0");
	run_at(&r, hot, cpl);
	check_that("eax", r.eax, 100);
	bp(1, ADDR(hot_f), BP_X, LEN1);
	regs_init(&r, hot, cpl);
	ntrace = 0;
	run(&r);
	CHECK_TRAP(&r, VEC_DB, NOERR, hot);
	check_that("ecx", r.ecx, 100);
	r.efl |= EFL_RF;
	run(&r);
	CHECK_TRAP(&r, VEC_DB, NOERR, hot);
	check_that("ecx", r.ecx, 99);
	bp_off();
	run(&r);
	CHECK_END(&r, hot);
	check_that("eax", r.eax, 100);
}

static void data_one(const char *what, void *code, void *after, u32 ebx,
		     bool hit, int cpl)
{
	struct regs r;

	wr_d6(DR6_FIXED1);
	regs_init(&r, code, cpl);
	r.ebx = ebx;
	r.esi = ADDR(cells);
	r.edi = ADDR(cells) + 16;
	run(&r);
	if (r.vec != (hit ? VEC_DB : VEC_END))
		print("# %s at +%x\n", what, ebx - ADDR(cells));
	check_that(what, r.vec, hit ? VEC_DB : VEC_END);
	if (!hit || r.vec != VEC_DB)
		return;
	check_that(what, r.eip, ADDR(after));
	check_that(what, rd_d6() & 0xe00f, 1);
}

#define HIT(code, a)  data_one(#code, code, code##_f, ADDR(cells) + (a), true, cpl)
#define MISS(code, a) data_one(#code, code, code##_f, ADDR(cells) + (a), false, cpl)

static void test_data(int cpl)
{
	struct regs r;

	begin(cpl ? "debug.data.write.3" : "debug.data.write.0");
	bp(0, ADDR(cells) + 4, BP_W, LEN4);
	HIT(store32, 4);
	HIT(store8, 7);
	HIT(store32, 1);
	HIT(store32, 7);
	HIT(rmw32, 4);
	HIT(push32, 8);
	MISS(load32, 4);
	MISS(store32, 0);
	MISS(store32, 8);
	MISS(store8, 3);
	MISS(store8, 8);
	begin(cpl ? "debug.data.rw.3" : "debug.data.rw.0");
	bp(0, ADDR(cells) + 4, BP_RW, LEN2);
	HIT(load32, 4);
	HIT(load32, 2);
	HIT(store8, 5);
	MISS(store8, 6);
	MISS(load32, 0);
	bp(0, ADDR(cells) + 5, BP_W, LEN1);
	HIT(store8, 5);
	HIT(store32, 4);
	MISS(store8, 4);
	begin("debug.data.unaligned");
	bp(0, ADDR(cells) + 4, BP_RW, LEN2);
	MISS(load32, 6);
	begin(cpl ? "debug.data.rep.3" : "debug.data.rep.0");
	/* after the iteration that touched it, or after the instruction */
	bp(0, ADDR(cells) + 20, BP_W, LEN4);
	regs_init(&r, movs3, cpl);
	r.esi = ADDR(cells);
	r.edi = ADDR(cells) + 16;
	run(&r);
	check_that("vector", r.vec, VEC_DB);
	check_true("ecx and eip agree",
		   (r.ecx == 0 && r.eip == ADDR(movs3_f)) ||
		   (r.ecx <= 2 && r.eip == ADDR(movs3_f) - 2));
	check_that("edi", r.edi, ADDR(cells) + 32 - r.ecx * 4);
	bp_off();
	/* A disabled breakpoint may show in DR6, but raises nothing. */
	begin(cpl ? "debug.data.off.3" : "debug.data.off.0");
	wr_d0(ADDR(cells) + 4);
	wr_d7(DR7_FIXED1 | (BP_W | LEN4 << 2) << 16);
	MISS(store32, 4);
	wr_d7(DR7_FIXED1 | (BP_W | LEN4 << 2) << 16 | 1); /* local enable */
	HIT(store32, 4);
	bp_off();
}

/* --- registers and their protection --- */

CODE(rd_dr7, F(rd_dr7) "mov eax, dr7");
CODE(wr_dr0, F(wr_dr0) "mov dr0, eax");
CODE(rd_dr4, F(rd_dr4) ".byte 0x0f, 0x21, 0xe0");
CODE(rd_dr5, F(rd_dr5) ".byte 0x0f, 0x21, 0xe8");
CODE(do_icebp, F(do_icebp) ".byte 0xf1");
CODE(do_ud2, F(do_ud2) "ud2");

static void test_registers(void)
{
	struct regs r;

	begin("debug.registers");
	wr_d0(0x11112222);
	wr_d3(0x33334444);
	check_that("dr0", rd_d0(), 0x11112222);
	check_that("dr3", rd_d3(), 0x33334444);
	wr_d7(0);
	check_that("dr7 bit 10", rd_d7(), DR7_FIXED1);
	wr_d6(0);
	check_that("dr6 fixed bits", rd_d6() & 0xfffe0ff0, 0xfffe0ff0);
	wr_d6(DR6_FIXED1);
	for (int cpl = 1; cpl < 4; cpl++) {
		run_at(&r, rd_dr7, cpl);
		CHECK_TRAP(&r, VEC_GP, 0, rd_dr7);
		run_at(&r, wr_dr0, cpl);
		CHECK_TRAP(&r, VEC_GP, 0, wr_dr0);
	}
	begin("debug.dr4-dr5");
	run_at(&r, rd_dr4, 0);
	CHECK_END(&r, rd_dr4);
	check_that("alias of dr6", r.eax, rd_d6());
	run_at(&r, rd_dr5, 0);
	CHECK_END(&r, rd_dr5);
	check_that("alias of dr7", r.eax, rd_d7());
	wr_c4(rd_c4() | CR4_DE);
	run_at(&r, rd_dr4, 0);
	CHECK_TRAP(&r, VEC_UD, NOERR, rd_dr4);
	run_at(&r, rd_dr5, 0);
	CHECK_TRAP(&r, VEC_UD, NOERR, rd_dr5);
	wr_c4(rd_c4() & ~CR4_DE);
	begin("debug.icebp");
	wr_d6(DR6_FIXED1);
	run_at(&r, do_icebp, 3);
	check_trap(&r, VEC_DB, NOERR, do_icebp_f + 1);
	check_that("dr6: no reason", rd_d6() & 0xe00f, 0);
	begin("debug.rf.pushed");
	run_at(&r, do_ud2, 3);
	check_that("RF of a fault", r.efl & EFL_RF, EFL_RF);
	idt_dpl(0x80, 3);
	run_at(&r, soft_int, 3);
	check_that("RF of an INT", r.efl & EFL_RF, 0);
	begin("debug.general-detect");
	wr_d6(DR6_FIXED1);
	regs_init(&r, rd_dr7, 0);
	wr_d7(DR7_FIXED1 | DR7_GD);
	run(&r);
	check_trap(&r, VEC_DB, NOERR, rd_dr7_f);
	check_that("BD", rd_d6() & DR6_BD, DR6_BD);
	check_that("GD is clear in the handler", rd_d7() & DR7_GD, 0);
	wr_d6(DR6_FIXED1);
}

/* The last dword of the address space: its end is address 0. */
static void test_data_top(int cpl)
{
	const u32 top = 0xfffffffc - ADDR(cells);

	begin(cpl ? "debug.data.top.3" : "debug.data.top.0");
	page_map(0xfffff000, page_alloc(), PTE_P | PTE_W | PTE_U);
	bp(0, 0xfffffffc, BP_RW, LEN4);
	HIT(store32, top);
	HIT(load32, top);
	HIT(store8, top + 3);
	HIT(store32, top - 3);
	MISS(store32, top - 4);
	bp(0, 0xfffffff8, BP_W, LEN4);
	HIT(store32, top - 1);
	MISS(store32, top);
	bp_off();
	page_unmap(0xfffff000);
}

/* What faults has not touched its operand: #DB comes behind an instruction that
 * is complete. */
static void test_data_fault(int cpl)
{
	struct regs r;

	begin(cpl ? "debug.data.fault.3" : "debug.data.fault.0");
	bp(0, 0xfffffffc, BP_RW, LEN4);
	for (int i = 0; i < 2; i++) {
		wr_d6(DR6_FIXED1);
		regs_init(&r, i ? load32 : store32, cpl);
		r.ebx = 0xfffffffc;
		run(&r);
		check_that("vector", r.vec, VEC_PF);
		check_that("dr6", rd_d6() & 15, 0);
	}
	/* but the elements before it have */
	page_map(0xffffe000, page_alloc(), PTE_P | PTE_W | PTE_U);
	bp(0, 0xffffeffc, BP_W, LEN4);
	wr_d6(DR6_FIXED1);
	regs_init(&r, movs3, cpl);
	r.esi = ADDR(cells);
	r.edi = 0xffffeff8;
	run(&r);
	check_that("vector", r.vec, VEC_DB);
	check_that("dr6", rd_d6() & 15, 1);
	check_that("ecx", r.ecx, 2);
	check_that("eip", r.eip, ADDR(movs3_f) - 2);
	page_unmap(0xffffe000);
	bp_off();
}

void guest_main(void)
{
	for (int cpl = 0; cpl < 4; cpl += 3) {
		test_step(cpl);
		test_exec(cpl);
		test_data(cpl);
	}
	test_registers();
	identity_on();
	test_data_top(0);
	test_data_top(3);
	test_data_fault(0);
	test_data_fault(3);
}
