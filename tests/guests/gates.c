/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gates.c - bare guest: interrupt, trap and call gates in all combinations
 * of width and privilege, their checks and error codes, double faults, IRET.
 *
 * SDM vol. 3, 5.8 and 6.10-6.15; vol. 2, INT, CALL, RET, IRET. Task gates are
 * in tasks.c. HAZARDS 27, 28, 54.
 */
#include "guest.h"

#define S(i) (FREE_SEL + (i) * 8)

const struct tcg_skip tcg_skips[] = {
	{ "gate.ext", "TCG does not set EXT" },
	{ "gate.stack.bad", "TCG does not set EXT; checks differ in order" },
	{ "gate.icebp", "TCG raises #UD" },
	{ "gate.target-offset", "TCG checks no limit of the target" },
	{ "gate.stack.absent", "TCG gives #TS" },
	{ "iret.absent-ss", "TCG gives #NP" },
	{ "iret.limit", "TCG checks no limit of the target" },
	{ 0, 0 },
};

CODE(int80, F(int80) "int 0x80");
CODE(do_int3, F(do_int3) "int3");
CODE(do_intcd3, F(do_intcd3) ".byte 0xcd, 3");
CODE(do_into, "mov al, 0x7f; add al, 1" F(do_into) "into");
CODE(no_into, "xor eax, eax; into; mov eax, 5");
CODE(do_icebp, F(do_icebp) ".byte 0xf1");
CODE(do_ud2, F(do_ud2) "ud2");
CODE(do_cli, F(do_cli) "cli");
CODE(do_div, "xor ecx, ecx" F(do_div) "div ecx");
CODE(do_load, F(do_load) "mov eax, [ebx]");

/* Handlers that show the frame in registers: eax ebx ecx edx esi. */
CODE(h32, "mov edi, esp; pushfd; pop ebp; pop eax; pop ebx; pop ecx; "
     "pop edx; pop esi");
CODE(h16, "mov edi, esp; pushfd; pop ebp; pop ax; pop bx; pop cx; pop dx; "
     "pop si");
CODE(back32, "iretd");
CODE(back16, ".byte 0x66; iret");
CODE(int80_back, "mov eax, 1; int 0x80" F(int80_back) "add eax, 2");

static const u32 esp_of[3] = { 4, 12, 20 };

static u32 tss_esp(int ring)
{
	return *(u32 *)((u8 *)&tss + esp_of[ring]);
}

/* Code segments over the image's own 64 KiB, for 16-bit offsets. */
static u32 near_base(void *code)
{
	return ADDR(code) & ~0xffffu;
}

static u32 near_sel(void *code, int ring)
{
	u32 sel = S(20 + ring);

	gdt_put(sel, seg_desc(near_base(code), 0xfffff,
			      A_CODE | A_DPL(ring), SEG_B | SEG_G));
	return sel;
}

static void set_gate(int vec, void *code, int ring, u32 type, int dpl)
{
	if (type & 8)
		idt[vec] = gate_desc(KCS + ring * 0x10, ADDR(code),
				     type | A_DPL(dpl), 0);
	else
		idt[vec] = gate_desc(near_sel(code, ring),
				     ADDR(code) - near_base(code),
				     type | A_DPL(dpl), 0);
	BARRIER();
}

static void gate_one(int cpl, int ring, u32 type)
{
	bool wide = type & 8, trap_type = type & 1;
	u32 mask = wide ? ~0u : 0xffff, size = wide ? 4 : 2;
	u32 top = 0;
	struct regs r;

	set_gate(0x80, wide ? h32 : h16, ring, type, cpl);
	regs_init(&r, int80, cpl);
	if (!cpl)
		r.esp &= ~0xfu;
	r.efl |= EFL_IF | EFL_CF | EFL_ZF | EFL_OF;
	top = ring < cpl ? tss_esp(ring) - 5 * size : r.esp - 3 * size;
	run(&r);
	check_that("vector", r.vec, VEC_END);
	check_that("cs", r.cs & 3, ring);
	check_that("eip pushed", r.eax & mask, (ADDR(int80_f) + 2) & mask);
	check_that("cs pushed", r.ebx & 0xffff, (u32)(KCS + cpl * 0x11));
	check_that("eflags pushed", r.ecx & mask,
		   (EFL_FIXED1 | EFL_IF | EFL_CF | EFL_ZF | EFL_OF) & mask);
	check_that("new esp", r.edi, top);
	check_that("eflags in the handler", r.ebp,
		   EFL_FIXED1 | EFL_CF | EFL_ZF | EFL_OF |
		   (trap_type ? EFL_IF : 0));
	if (ring == cpl)
		return;
	check_that("esp pushed", r.edx & mask,
		   (ADDR(test_stack_top) - 256) & mask);
	check_that("ss pushed", r.esi & 0xffff, (u32)(KDS + cpl * 0x11));
	check_that("ss", r.ss, (u32)(KDS + ring * 0x11));
}

static void test_matrix(void)
{
	static const struct {
		const char *name;
		u32 type;
	} types[] = {
		{ "gate.int32", G_INT }, { "gate.trap32", G_TRAP },
		{ "gate.int16", G_INT16 }, { "gate.trap16", G_TRAP16 },
	};

	for (u32 t = 0; t < 4; t++) {
		begin(types[t].name);
		for (int cpl = 0; cpl < 4; cpl++)
			for (int ring = 0; ring <= cpl; ring++)
				gate_one(cpl, ring, types[t].type);
	}
	idt_reset();
}

/* INT to each inner ring and IRET back, many times (view switches). */
static void test_round_trips(void)
{
	struct regs r;

	begin("gate.round-trip");
	for (int n = 0; n < 20; n++)
		for (int cpl = 0; cpl < 4; cpl++)
			for (int ring = 0; ring <= cpl; ring++) {
				set_gate(0x80, back32, ring, G_INT, 3);
				regs_init(&r, int80_back, cpl);
				r.efl |= EFL_CF | EFL_AC;
				run(&r);
				CHECK_END(&r, int80_back);
				check_that("eax", r.eax, 3);
				check_that("cs", r.cs, (u32)(KCS + cpl * 0x11));
				check_that("esp", r.esp,
					   ADDR(test_stack_top) - 256);
				check_that("ds", r.ds,
					   (u32)(KDS + cpl * 0x11));
			}
	idt_reset();
}

static void test_dpl(void)
{
	struct regs r;

	begin("gate.dpl");
	for (int cpl = 0; cpl < 4; cpl++)
		for (int dpl = 0; dpl < 4; dpl++) {
			bool allowed = cpl <= dpl;

			idt_dpl(0x80, dpl);
			idt_dpl(VEC_BP, dpl);
			idt_dpl(VEC_OF, dpl);
			idt_dpl(VEC_DB, dpl);
			idt_dpl(VEC_UD, dpl);
			run_at(&r, int80, cpl);
			if (allowed)
				check_trap(&r, 0x80, NOERR, int80_f + 2);
			else
				CHECK_TRAP(&r, VEC_GP, 0x402, int80);
			run_at(&r, do_int3, cpl);
			if (allowed)
				check_trap(&r, VEC_BP, NOERR, do_int3_f + 1);
			else
				CHECK_TRAP(&r, VEC_GP, VEC_BP * 8 + 2, do_int3);
			run_at(&r, do_intcd3, cpl);
			if (allowed)
				check_trap(&r, VEC_BP, NOERR, do_intcd3_f + 2);
			else
				CHECK_TRAP(&r, VEC_GP, VEC_BP * 8 + 2,
					   do_intcd3);
			run_at(&r, do_into, cpl);
			if (allowed)
				check_trap(&r, VEC_OF, NOERR, do_into_f + 1);
			else
				CHECK_TRAP(&r, VEC_GP, VEC_OF * 8 + 2, do_into);
			run_at(&r, do_ud2, cpl);
			CHECK_TRAP(&r, VEC_UD, NOERR, do_ud2);
		}
	idt_reset();
	begin("gate.icebp");
	for (int cpl = 0; cpl < 4; cpl++) {
		run_at(&r, do_icebp, cpl);
		check_trap(&r, VEC_DB, NOERR, do_icebp_f + 1);
	}
	begin("gate.into-not-taken");
	run_at(&r, no_into, 3);
	CHECK_END(&r, no_into);
	check_that("eax", r.eax, 5);
	begin("gate.int-13-pushes-no-code");
	/* A software INT never pushes an error code, whatever the vector. */
	for (int vec = 8; vec < 18; vec++) {
		u8 code[4] = { 0xcd, vec, 0xcd, 0x40 };

		if (vec == 9 || (vec > 14 && vec < 17))
			continue;
		idt_dpl(vec, 3);
		trap_noerr = true;
		run_at(&r, code, 3);
		trap_noerr = false;
		check_trap(&r, vec, NOERR, code + 2);
		idt_dpl(vec, 0);
		run_at(&r, code, 3);
		check_trap(&r, VEC_GP, vec * 8 + 2, code);
	}
}

static void test_bad_gates(void)
{
	struct regs r;
	static const struct {
		u32 sel, type, vec, err;
	} bad[] = {
		{ KCS, 0x6e, VEC_NP, 0x402 },	    /* gate not present */
		{ KCS, 0xe0, VEC_GP, 0x402 },	    /* types that are no gate */
		{ KCS, 0xec, VEC_GP, 0x402 },	    /* a call gate */
		{ KCS, 0xe2, VEC_GP, 0x402 },
		{ KCS, 0xe9, VEC_GP, 0x402 },
		{ KCS, 0xfa, VEC_GP, 0x402 },
		{ KCS, 0x60, VEC_GP, 0x402 },	    /* type before presence */
		{ 0, 0xee, VEC_GP, 0 },		    /* null target */
		{ 0x400, 0xee, VEC_GP, 0x400 },	    /* target beyond the GDT */
		{ KDS, 0xee, VEC_GP, KDS },	    /* target is data */
		{ TSS_SEL, 0xee, VEC_GP, TSS_SEL },
		{ S(0), 0xee, VEC_NP, S(0) },	    /* target not present */
		{ S(1), 0xee, VEC_GP, S(1) },	    /* ... and of outer DPL */
	};

	begin("gate.bad");
	gdt_put(S(0), seg_desc(0, 0xfffff, 0x1a, SEG_B | SEG_G));
	gdt_put(S(1), seg_desc(0, 0xfffff, A_CODE | A_DPL(3), SEG_B | SEG_G));
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		for (int cpl = 0; cpl < 3; cpl++) {
			idt[0x80] = gate_desc(bad[i].sel, stub_addr(0x80),
					      bad[i].type, 0);
			run_at(&r, int80, cpl);
			CHECK_TRAP(&r, bad[i].vec, bad[i].err, int80);
		}
	idt_reset();
	begin("gate.beyond-idt");
	{
		struct {
			u16 limit;
			u32 base;
		} __attribute__((packed)) p = { 0x7f * 8 + 6, ADDR(idt) };

		asm volatile("lidt %0" : : "m"(p));
		run_at(&r, int80, 3);
		CHECK_TRAP(&r, VEC_GP, 0x402, int80);
		idt_reset();
	}
	begin("gate.target-offset");
	/* beyond the limit of the target: #GP(0) */
	gdt_put(S(0), seg_desc(0, 0xfff, A_CODE, SEG_B));
	idt[0x80] = gate_desc(S(0), 0x1000, 0xee, 0);
	run_at(&r, int80, 3);
	CHECK_TRAP(&r, VEC_GP, 0, int80);
	idt_reset();
	begin("gate.conforming");
	gdt_put(S(0), seg_desc(0, 0xfffff, A_CODE_CONF, SEG_B | SEG_G));
	idt[0x80] = gate_desc(S(0), ADDR(h32), 0xee, 0);
	run_at(&r, int80, 3);
	check_that("vector", r.vec, VEC_END);
	check_that("cs", r.cs, S(0) | 3);
	check_that("ss", r.ss, UDS);
	check_that("same stack", r.edi, ADDR(test_stack_top) - 256 - 12);
	idt_reset();
	begin("gate.ext");
	idt[VEC_UD] = gate_desc(KCS, stub_addr(VEC_UD), 0x0e, 0);
	run_at(&r, do_ud2, 3);
	CHECK_TRAP(&r, VEC_NP, VEC_UD * 8 + 3, do_ud2);
	idt[VEC_UD] = gate_desc(KDS, stub_addr(VEC_UD), G_INT, 0);
	run_at(&r, do_ud2, 0);
	CHECK_TRAP(&r, VEC_GP, KDS + 1, do_ud2);
	idt[VEC_UD] = gate_desc(0, stub_addr(VEC_UD), G_INT, 0);
	run_at(&r, do_ud2, 3);
	CHECK_TRAP(&r, VEC_GP, 1, do_ud2);
	idt_reset();
	/* INT3 is software: no EXT. ICEBP is not. */
	idt[VEC_BP] = gate_desc(KCS, 0, 0x6e, 0);
	run_at(&r, do_int3, 3);
	CHECK_TRAP(&r, VEC_NP, VEC_BP * 8 + 2, do_int3);
	idt_reset();
}

static void test_bad_stacks(void)
{
	struct regs r;
	static const struct {
		u32 ss, access, vec, err;
	} bad[] = {
		{ 0, 0, VEC_TS, 0 },
		{ 3, 0, VEC_TS, 0 },
		{ S(0) | 1, A_DATA | A_DPL(0), VEC_TS, S(0) },
		{ S(0) | 0, A_DATA | A_DPL(1), VEC_TS, S(0) },
		{ S(0) | 1, A_CODE | A_DPL(1), VEC_TS, S(0) },
		{ S(0) | 1, A_DATA_RO | A_DPL(1), VEC_TS, S(0) },
		{ 0x401, 0, VEC_TS, 0x400 },
		{ S(0) | 1, 0x12 | A_DPL(1), VEC_SS, S(0) },
	};

	begin("gate.stack.int");
	set_gate(0x80, h32, 1, G_INT, 3);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		if (i == ARRAY_SIZE(bad) - 1)
			begin("gate.stack.absent");
		tss.ss1 = bad[i].ss;
		gdt_put(S(0), seg_desc(0, 0xfffff, bad[i].access,
				       SEG_B | SEG_G));
		run_at(&r, int80, 3);
		CHECK_TRAP(&r, bad[i].vec, bad[i].err, int80);
		check_that("ss", r.ss, UDS);
	}
	/* An exception's delivery sets EXT. */
	begin("gate.stack.bad");
	set_gate(VEC_UD, h32, 1, G_INT, 0);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		tss.ss1 = bad[i].ss;
		gdt_put(S(0), seg_desc(0, 0xfffff, bad[i].access,
				       SEG_B | SEG_G));
		run_at(&r, do_ud2, 3);
		CHECK_TRAP(&r, bad[i].vec, bad[i].err + 1, do_ud2);
	}
	tss.ss1 = DS1;
	idt_reset();
	begin("gate.stack.tss-limit");
	/* A TSS too short for ring 1's pair, not for ring 0's. */
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x0f, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	set_gate(0x80, h32, 1, G_INT, 3);
	run_at(&r, int80, 3);
	CHECK_TRAP(&r, VEC_TS, TSS_SEL, int80);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	idt_reset();
}

static void test_double(void)
{
	struct regs r;

	begin("gate.df.gp-np");
	idt[VEC_GP] = gate_desc(KCS, 0, 0x0e, 0);
	run_at(&r, do_cli, 3);
	CHECK_TRAP(&r, VEC_DF, 0, do_cli);
	begin("gate.df.de-np");
	idt_reset();
	idt[VEC_DE] = gate_desc(KCS, 0, 0x0e, 0);
	run_at(&r, do_div, 3);
	CHECK_TRAP(&r, VEC_DF, 0, do_div);
	begin("gate.df.de-gp");
	idt[VEC_DE] = gate_desc(KDS, 0, 0x8e, 0);
	run_at(&r, do_div, 0);
	CHECK_TRAP(&r, VEC_DF, 0, do_div);
	idt_reset();
}

static void test_double_pf(void)
{
	struct regs r;

	page_map(0x50000000, 0, 0);
	begin("gate.df.pf-np");
	idt[VEC_PF] = gate_desc(KCS, 0, 0x0e, 0);
	regs_init(&r, do_load, 3);
	r.ebx = 0x50000010;
	run(&r);
	CHECK_TRAP(&r, VEC_DF, 0, do_load);
	check_that("cr2", r.cr2, 0x50000010);
	idt_reset();
	begin("gate.df.pf-pf");
	/* The #PF handler's stack is absent, the #DF handler's is not: the
	 * first goes to ring 1, whose stack faults. */
	set_gate(VEC_PF, h32, 1, G_INT, 0);
	tss.esp1 = 0x50000800;
	regs_init(&r, do_load, 3);
	r.ebx = 0x50000010;
	run(&r);
	CHECK_TRAP(&r, VEC_DF, 0, do_load);
	check_that("cr2 is the second", r.cr2, 0x50000800 - 4);
	tss.esp1 = ADDR(ring1_stack_top);
	idt_reset();
	begin("gate.pf-in-delivery");
	/* #UD is benign: the page fault of its delivery is delivered. */
	set_gate(0x80, h32, 1, G_INT, 3);
	tss.esp1 = 0x50000800;
	run_at(&r, int80, 3);
	CHECK_TRAP(&r, VEC_PF, PFEC_W, int80);
	check_that("cr2", r.cr2, 0x50000800 - 4);
	check_that("cs", r.cs, UCS);
	check_that("esp", r.esp, ADDR(test_stack_top) - 256);
	tss.esp1 = ADDR(ring1_stack_top);
	idt_reset();
}

static void test_error_codes(void)
{
	struct regs r;

	begin("gate.error-code.32");
	for (int cpl = 1; cpl < 4; cpl++) {
		run_at(&r, do_cli, cpl);
		CHECK_TRAP(&r, VEC_GP, 0, do_cli);
		check_that("handler esp", r.hesp, tss.esp0 - 24);
		check_that("esp", r.esp, ADDR(test_stack_top) - 256);
	}
	begin("gate.error-code.16");
	{
		u32 base = stub_addr(0) & ~0xffffu;
		u32 sel = S(20);

		gdt_put(sel, seg_desc(base, 0xfffff, A_CODE, SEG_B | SEG_G));
		idt[VEC_GP] = gate_desc(sel, stub_addr(VEC_GP) - base,
					G_INT16, 0);
		trap_gate16 = true;
		run_at(&r, int80, 3);
		trap_gate16 = false;
		check_that("vector", r.vec, VEC_GP);
		check_that("error code", r.err, 0x402);
		check_that("eip", r.eip, ADDR(int80_f) & 0xffff);
		check_that("cs", r.cs, UCS);
		check_that("esp", r.esp,
			   (ADDR(test_stack_top) - 256) & 0xffff);
		check_that("handler esp", r.hesp, tss.esp0 - 12);
		idt_reset();
	}
}

/* --- IRET --- */

CODE(iret32, F(iret32) "iretd");
CODE(iret16, F(iret16) ".byte 0x66; iret");

static u32 frame_buf[32];

static void iret_frame(struct regs *r, void *code, bool wide, const u32 *v,
		       int n)
{
	regs_init(r, code, 0);
	r->esp = ADDR(frame_buf + 20);
	for (int i = 0; i < n; i++)
		if (wide)
			MEM32(r->esp + i * 4) = v[i];
		else
			MEM16(r->esp + i * 2) = v[i];
}

static void test_iret(void)
{
	struct regs r;
	u32 top = ADDR(test_stack_top) - 512;

	begin("iret.32.outer");
	for (int cpl = 1; cpl < 4; cpl++) {
		u32 v[5] = { ADDR(int80), KCS + cpl * 0x11,
			     EFL_FIXED1 | EFL_ZF, top, KDS + cpl * 0x11 };

		idt_dpl(0x80, 3);
		iret_frame(&r, iret32, true, v, 5);
		run(&r);
		check_trap(&r, 0x80, NOERR, int80_f + 2);
		check_that("cs", r.cs, v[1]);
		check_that("ss", r.ss, v[4]);
		check_that("esp", r.esp, top);
		check_that("eflags", r.efl, v[2]);
		check_that("ds of ring 0 is null", r.ds, 0);
	}
	begin("iret.16.outer");
	{
		u32 base = near_base(int80);
		u32 code = S(30), stack = S(31);
		u32 v[5] = { ADDR(int80) - base, code | 3, EFL_FIXED1 | EFL_CF,
			     0x8000, stack | 3 };

		gdt_put(code, seg_desc(base, 0xffff, A_CODE | A_DPL(3), SEG_B));
		gdt_put(stack, seg_desc(page_alloc() - 0x7800, 0xffff,
					A_DATA | A_DPL(3), 0));
		iret_frame(&r, iret16, false, v, 5);
		run(&r);
		check_that("vector", r.vec, 0x80);
		check_that("eip", r.eip, ADDR(int80_f) + 2 - base);
		check_that("cs", r.cs, code | 3);
		check_that("sp", r.esp & 0xffff, 0x8000);
		check_that("ss", r.ss, stack | 3);
		check_that("eflags", r.efl, v[2]);
	}
	begin("iret.same");
	{
		u32 v[3] = { ADDR(int80), KCS, EFL_FIXED1 | EFL_SF };

		iret_frame(&r, iret32, true, v, 3);
		run(&r);
		check_trap(&r, 0x80, NOERR, int80_f + 2);
		check_that("esp", r.esp, ADDR(frame_buf + 23));
		check_that("ds stays", r.ds, KDS);
	}
	begin("iret.checks");
	gdt_put(S(0), seg_desc(0, 0xfffff, 0x7a, SEG_B | SEG_G));
	gdt_put(S(1), seg_desc(0, 0xfffff, 0x72, SEG_B | SEG_G));
	gdt_put(S(2), seg_desc(0, 0xfff, A_CODE | A_DPL(3), SEG_B));
	{
		static const struct {
			u32 cs, ss, vec, err;
		} bad[] = {
			{ 0, UDS, VEC_GP, 0 },
			{ KDS, UDS, VEC_GP, KDS },
			{ 0x403, UDS, VEC_GP, 0x400 },
			{ UCS & ~3, UDS, VEC_GP, UCS & ~3 },
			{ KCS | 3, UDS, VEC_GP, KCS },
			{ S(0) | 3, UDS, VEC_NP, S(0) },
			{ UCS, 0, VEC_GP, 0 },
			{ UCS, KDS, VEC_GP, KDS },
			{ UCS, UDS & ~3, VEC_GP, UDS & ~3 },
			{ UCS, UCS, VEC_GP, UCS & ~3 },
			{ UCS, S(1) | 3, VEC_SS, S(1) },
			{ S(2) | 3, UDS, VEC_GP, 0 },
		};

		for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
			u32 v[5] = { ADDR(int80), bad[i].cs, EFL_FIXED1, top,
				     bad[i].ss };

			if (i >= ARRAY_SIZE(bad) - 2)
				begin(i & 1 ? "iret.limit" : "iret.absent-ss");

			iret_frame(&r, iret32, true, v, 5);
			run(&r);
			CHECK_TRAP(&r, bad[i].vec, bad[i].err, iret32);
			check_that("esp as it was", r.esp, ADDR(frame_buf + 20));
			check_that("cs", r.cs, KCS);
		}
	}
	begin("iret.ds-kept");
	/* Segments an outer ring may use stay as they are. */
	regs_init(&r, int80, 3);
	r.es = KDS;
	r.fs = 0;
	r.gs = UCS;
	run(&r);
	check_that("ds", r.ds, UDS);
	check_that("es", r.es, 0);
	check_that("fs", r.fs, 0);
	check_that("gs", r.gs, UCS);
	idt_reset();
}

/* --- call gates --- */

CODE(gate_call, "push 0x101; push 0x102; push 0x103; push 0x104; push 0x105"
     F(gate_call) "call fword ptr [ebx]; mov edx, esp");
CODE(gate_call16, "push 0x1111; push 0x2222; "
     "call fword ptr [ebx]; mov edx, esp");
CODE(gate_jmp, F(gate_jmp) "jmp fword ptr [ebx]");
/* eip cs p5..p1 esp ss */
CODE(callee, "mov edi, esp; mov ebp, cs; mov eax, [esp]; mov ecx, [esp+4]; "
     "mov edx, [esp+8]; mov esi, [esp+24]; mov ebx, [esp+28];");
CODE(callee_ret, "mov eax, [esp+8]; add eax, [esp+24]; retf 20");
CODE(callee_ret0, "mov eax, 77; retf");
CODE(callee16, "movzx eax, word ptr [esp+4]; movzx ecx, word ptr [esp+6]; "
     ".byte 0x66; retf 4");

static struct {
	u32 off;
	u16 sel;
} __attribute__((packed)) gate_ptr;

static void put_gate(u32 sel, void *code, int ring, int dpl, u32 params)
{
	gdt_put(sel, gate_desc(KCS + ring * 0x10, ADDR(code),
			       G_CALL | A_DPL(dpl), params));
}

static void call_one(struct regs *r, void *code, int cpl, u32 sel)
{
	gate_ptr.off = 0xdeadbeef; /* unused */
	gate_ptr.sel = sel;
	regs_init(r, code, cpl);
	r->ebx = ADDR(&gate_ptr);
	run(r);
}

static void test_call_gates(void)
{
	u32 top = ADDR(test_stack_top) - 256;
	struct regs r;

	begin("callgate.inner");
	for (int ring = 0; ring < 3; ring++) {
		put_gate(S(0), callee, ring, 3, 5);
		call_one(&r, gate_call, 3, S(0) | 3);
		check_that("vector", r.vec, VEC_END);
		check_that("cs", r.ebp, (u32)(KCS + ring * 0x11));
		check_that("esp", r.edi, tss_esp(ring) - 9 * 4);
		check_that("eip pushed", r.eax, ADDR(gate_call_f) + 2);
		check_that("cs pushed", r.ecx & 0xffff, UCS);
		check_that("first parameter", r.edx, 0x105);
		check_that("last parameter", r.esi, 0x101);
		check_that("esp pushed", r.ebx, top - 20);
	}
	begin("callgate.return");
	for (int cpl = 1; cpl < 4; cpl++)
		for (int ring = 0; ring < cpl; ring++) {
			put_gate(S(0), callee_ret, ring, 3, 5);
			call_one(&r, gate_call, cpl, S(0));
			CHECK_END(&r, gate_call);
			check_that("sum", r.eax, 0x206);
			check_that("both stacks released", r.edx, top);
			check_that("cs", r.cs, (u32)(KCS + cpl * 0x11));
			check_that("ds", r.ds, (u32)(KDS + cpl * 0x11));
		}
	begin("callgate.same");
	put_gate(S(0), callee_ret0, 0, 0, 5);
	call_one(&r, gate_call, 0, S(0));
	CHECK_END(&r, gate_call);
	check_that("no parameters copied", r.edx, top - 20);
	check_that("eax", r.eax, 77);
	begin("callgate.31");
	put_gate(S(0), callee, 0, 3, 31);
	call_one(&r, gate_call, 3, S(0));
	check_that("esp", r.edi, tss.esp0 - (4 + 31) * 4);
	begin("callgate.16");
	{
		u32 code = near_sel(callee16, 1);

		gdt_put(S(0), gate_desc(code, ADDR(callee16) -
					near_base(callee16),
					G_CALL16 | A_DPL(3), 2));
		/* 16-bit return needs a caller below 64 KiB: a based one. */
		gdt_put(S(1), seg_desc(near_base(gate_call16), 0xffff,
				       A_CODE | A_DPL(3), SEG_B));
		gdt_put(S(2), seg_desc(ADDR(test_stack), 0xffff,
				       A_DATA | A_DPL(3), SEG_B));
		gate_ptr.sel = S(0);
		regs_init(&r, (void *)(ADDR(gate_call16) -
				       near_base(gate_call16)), 3);
		r.cs = S(1) | 3;
		r.ss = S(2) | 3;
		r.esp = 0x8000;
		r.ebx = ADDR(&gate_ptr);
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("eip", r.eip, ADDR(gate_call16_end) + 2 -
			   near_base(gate_call16));
		check_that("first", r.eax, 0x2222);
		check_that("second", r.ecx, 0);
		check_that("esp", r.edx, 0x8000 - 8 + 4);
		check_that("ss", r.ss, S(2) | 3);
	}
	begin("callgate.jmp");
	put_gate(S(0), callee, 3, 3, 0);
	call_one(&r, gate_jmp, 3, S(0));
	check_that("vector", r.vec, VEC_END);
	check_that("cs", r.cs, UCS);
	put_gate(S(0), callee, 0, 3, 0);
	call_one(&r, gate_jmp, 3, S(0));
	CHECK_TRAP(&r, VEC_GP, KCS, gate_jmp);
	begin("callgate.checks");
	put_gate(S(0), callee, 0, 0, 0);
	call_one(&r, gate_call, 3, S(0));
	CHECK_TRAP(&r, VEC_GP, S(0), gate_call);
	put_gate(S(0), callee, 0, 2, 0);
	call_one(&r, gate_call, 2, S(0) | 3);
	CHECK_TRAP(&r, VEC_GP, S(0), gate_call);
	gdt_put(S(0), gate_desc(KCS, ADDR(callee), 0x6c, 0));
	call_one(&r, gate_call, 3, S(0));
	CHECK_TRAP(&r, VEC_NP, S(0), gate_call);
	gdt_put(S(0), gate_desc(KDS, ADDR(callee), 0xec, 0));
	call_one(&r, gate_call, 3, S(0));
	CHECK_TRAP(&r, VEC_GP, KDS, gate_call);
	gdt_put(S(0), gate_desc(0, ADDR(callee), 0xec, 0));
	call_one(&r, gate_call, 3, S(0));
	CHECK_TRAP(&r, VEC_GP, 0, gate_call);
	gdt_put(S(1), seg_desc(0, 0xfffff, 0x1a, SEG_B | SEG_G));
	gdt_put(S(0), gate_desc(S(1), ADDR(callee), 0xec, 0));
	call_one(&r, gate_call, 3, S(0));
	CHECK_TRAP(&r, VEC_NP, S(1), gate_call);
	put_gate(S(0), callee, 3, 3, 0);
	call_one(&r, gate_call, 1, S(0));
	CHECK_TRAP(&r, VEC_GP, UCS & ~3, gate_call);
	check_that("esp", r.esp, top - 20);
}

void guest_main(void)
{
	test_matrix();
	test_round_trips();
	test_dpl();
	test_bad_gates();
	test_bad_stacks();
	test_double();
	test_error_codes();
	test_iret();
	test_call_gates();
	identity_on();
	test_double_pf();
}
