/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fpu.c - bare guest: x87, MMX, SSE and AVX as a system sees them.
 *
 * HAZARDS 28 (TS, EM in the key), 57 (pending exceptions), 58 (XSAVE and
 * XCR0), 59 (FIP is a guest address), 60 (#MF, #XM). SDM vol. 1, 8.1 and 10-13;
 * vol. 3, 2.5 and chapter 13.
 */
#include "guest.h"

#define T   0x50000000u
#define RWU (PTE_P | PTE_W | PTE_U)

const struct tcg_skip tcg_skips[] = {
	{ "fpu.xm", "TCG raises no SSE exceptions" },
	{ "fpu.mf-next", "TCG looks for a pending exception at FWAIT only" },
	{ "fpu.fip-pending", "TCG keeps no FIP" },
	{ "fpu.fip-evicted", "TCG keeps no FIP" },
	{ "fpu.ldmxcsr", "TCG accepts reserved MXCSR bits" },
	{ "avx.masked.page-end", "TCG touches elements that the mask leaves out" },
	{ 0, 0 },
};

static u8 mem[4096] __attribute__((aligned(64)));

CODE(x87, F(x87) "fnop");
CODE(do_wait, F(do_wait) "fwait");
CODE(mmx, F(mmx) "paddd mm0, mm1");
CODE(sse, F(sse) "addps xmm0, xmm1");
CODE(sse2, F(sse2) "paddd xmm0, xmm1");
CODE(do_fxsave, F(do_fxsave) "fxsave [ebx]");
CODE(do_emms, F(do_emms) "emms");
CODE(do_movaps, F(do_movaps) "movaps xmm0, [ebx]");
CODE(do_movups, F(do_movups) "movups xmm0, [ebx]");
CODE(do_paddd, F(do_paddd) "paddd xmm0, [ebx]");
CODE(do_ldmxcsr, F(do_ldmxcsr) "ldmxcsr [ebx]");

static u32 c0;

static void fault_or_end(const char *what, const void *code, const void *end,
			 u32 vec, int cpl)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	check_that(what, r.vec, vec);
	if (vec != VEC_END)
		check_that(what, r.eip, ADDR(code));
	else
		check_that(what, r.eip, ADDR(end) + 2);
}

#define TRY(code, vec) fault_or_end(#code, code, code##_end, vec, cpl)

static void test_gates(int cpl)
{
	begin("fpu.ts");
	wr_c0((c0 & ~(CR0_EM | CR0_MP)) | CR0_TS);
	TRY(x87, VEC_NM);
	TRY(mmx, VEC_NM);
	TRY(sse, VEC_NM);
	TRY(sse2, VEC_NM);
	TRY(do_fxsave, VEC_NM);
	TRY(do_wait, VEC_END);
	begin("fpu.ts-mp");
	wr_c0((c0 & ~CR0_EM) | CR0_TS | CR0_MP);
	TRY(do_wait, VEC_NM);
	TRY(x87, VEC_NM);
	begin("fpu.em");
	wr_c0((c0 & ~(CR0_TS | CR0_MP)) | CR0_EM);
	TRY(x87, VEC_NM);
	TRY(do_wait, VEC_END);
	TRY(sse, VEC_UD);
	TRY(sse2, VEC_UD);
	TRY(mmx, VEC_UD);
	begin("fpu.none");
	wr_c0((c0 & ~(CR0_TS | CR0_EM)) | CR0_MP | CR0_NE);
	TRY(x87, VEC_END);
	TRY(do_wait, VEC_END);
	TRY(mmx, VEC_END);
	TRY(do_emms, VEC_END);
	TRY(sse, VEC_END);
	begin("fpu.osfxsr");
	wr_c4(rd_c4() & ~CR4_OSFXSR);
	TRY(sse, VEC_UD);
	TRY(sse2, VEC_UD);
	TRY(x87, VEC_END);
	wr_c4(rd_c4() | CR4_OSFXSR);
	TRY(sse, VEC_END);
}

/* #NM, CLTS, go on: what every kernel does. */
static u32 nm_count;

static int nm_hook(struct regs *r)
{
	if (r->vec == VEC_NM) {
		nm_count++;
		asm volatile("clts");
		return 1;
	}
	return r->vec == 0x41;
}

CODE(keep, "fninit; fld1; fldpi; movups xmm0, [ebx]; movups xmm7, [ebx+16]; "
     "mov ecx, 50; 1: int 0x41; dec ecx; jnz 1b; fxch; fstp qword ptr "
     "[ebx+32]; fstp qword ptr [ebx+40]; movups [ebx+48], xmm7; "
     "movups [ebx+64], xmm0; fnstsw ax");
CODE(lazy, "mov ecx, 3; 1: fadd st, st(1); paddd xmm0, xmm1; dec ecx; jnz 1b; "
     "fstp qword ptr [ebx]; movups [ebx+16], xmm0");

/*
 * Host faults in the middle: pages not yet in the window, and a store to the
 * code's own page. Linux resets the host's vector state at each handler
 * (HAZARDS 36), and C runs before the guest goes on.
 */
CODE(keep_faults, "fninit; fld1; fldpi; movups xmm0, [ebx]; movups xmm7, "
     "[ebx+16]; mov edx, 0x800000; 1: mov eax, [edx]; add edx, 0x3ff000; "
     "cmp edx, 0x3c00000; jb 1b; mov ecx, 20; 2: mov byte ptr [esi+1], cl; "
     "jmp 3f" F(keep_faults) "3: mov al, 0; dec ecx; jnz 2b; "
     "fxch; fstp qword ptr [ebx+32]; fstp qword ptr [ebx+40]; "
     "movups [ebx+48], xmm7; movups [ebx+64], xmm0; movzx eax, al");

static void test_kept_faults(int cpl)
{
	struct regs r;

	begin("fpu.kept-across-faults");
	for (u32 i = 0; i < 32; i++)
		mem[i] = i * 13 + 5;
	regs_init(&r, keep_faults, cpl);
	r.ebx = ADDR(mem);
	r.esi = ADDR(keep_faults_f);
	run(&r);
	CHECK_END(&r, keep_faults);
	check_that("al", r.eax, 1);
	check_that("1.0", MEM32(mem + 36), 0x3ff00000);
	check_that("pi", MEM32(mem + 44), 0x400921fb);
	check_that("xmm7", memcmp(mem + 48, mem + 16, 16), 0);
	check_that("xmm0", memcmp(mem + 64, mem, 16), 0);
}

static void test_kept(int cpl)
{
	struct regs r;

	begin("fpu.kept-across-int");
	idt_dpl(0x41, 3);
	for (u32 i = 0; i < 32; i++)
		mem[i] = i * 11 + 3;
	regs_init(&r, keep, cpl);
	r.ebx = ADDR(mem);
	trap_hook = nm_hook;
	run(&r);
	trap_hook = NULL;
	CHECK_END(&r, keep);
	check_that("1.0", MEM32(mem + 36), 0x3ff00000);
	check_that("pi", MEM32(mem + 44), 0x400921fb);
	check_that("pi", MEM32(mem + 40), 0x54442d18);
	check_that("xmm7", memcmp(mem + 48, mem + 16, 16), 0);
	check_that("xmm0", memcmp(mem + 64, mem, 16), 0);
	check_that("status", r.eax & 0x3800, 0);
	begin("fpu.lazy");
	asm volatile("clts; fninit; fld1; fldz; .byte 0x0f, 0x57, 0xc0;"
		     ".byte 0x0f, 0x57, 0xc9");
	wr_c0(rd_c0() | CR0_TS);
	nm_count = 0;
	regs_init(&r, lazy, cpl);
	r.ebx = ADDR(mem);
	trap_hook = nm_hook;
	run(&r);
	trap_hook = NULL;
	CHECK_END(&r, lazy);
	check_that("#NM once", nm_count, 1);
	check_that("3.0", MEM32(mem + 4), 0x40080000);
}

/* --- exceptions --- */

CODE(mf, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz; "
     "fdivp st(1), st; nop; nop" F(mf) "fwait; nop");
CODE(mf_next, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz; "
     "fdivp st(1), st; mov eax, 1" F(mf_next) "fld1; nop");
CODE(mf_clear, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz; "
     "fdivp st(1), st; fnstsw ax; mov edx, eax; fnclex; fwait; fnstsw ax; mov ecx, eax; "
     "mov eax, edx; fninit");
CODE(mf_masked, "fninit; fld1; fldz; fdivp st(1), st; fwait; fnstsw ax; "
     "fstp qword ptr [ebx]");
CODE(xm, "ldmxcsr [ebx]; movss xmm0, [ebx+4]; xorps xmm1, xmm1" F(xm)
     "divss xmm0, xmm1; nop");
CODE(fip, "fninit" F(fip) "fld1; nop; fnstenv [ebx]; fninit");
CODE(fip_pending, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz"
     F(fip_pending) "fdivp st(1), st; nop; fnstenv [ebx]; fnsave [ebx+64]; "
     "fninit");
CODE(fip_fxsave, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz"
     F(fip_fxsave) "fdivp st(1), st; nop; fxsave [ebx]; fninit");
CODE(fip_evicted, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz"
     F(fip_evicted) "fdivp st(1), st; .rept 4000; jmp 1f; 1:; .endr; "
     "fnstenv [ebx]; fninit");

static void test_exceptions(int cpl)
{
	struct regs r;

	begin("fpu.mf");
	run_at(&r, mf, cpl);
	CHECK_TRAP(&r, VEC_MF, NOERR, mf);
	asm volatile("fnclex");
	begin("fpu.mf-next");
	run_at(&r, mf_next, cpl);
	CHECK_TRAP(&r, VEC_MF, NOERR, mf_next);
	check_that("the instruction between ran", r.eax, 1);
	asm volatile("fnclex; fninit");
	begin("fpu.mf-status");
	run_at(&r, mf_clear, cpl);
	CHECK_END(&r, mf_clear);
	check_that("ES and ZE", r.eax & 0x84, 0x84);
	check_that("cleared", r.ecx & 0x84, 0);
	regs_init(&r, mf_masked, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, mf_masked);
	check_that("ZE", r.eax & 0x84, 0x04);
	check_that("infinity", MEM32(mem + 4), 0x7ff00000);
	begin("fpu.xm");
	MEM32(mem) = 0x1f80 & ~0x200u;
	MEM32(mem + 4) = 0x3f800000;
	wr_c4(rd_c4() | CR4_OSXMMEXCPT);
	regs_init(&r, xm, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_XM, NOERR, xm);
	wr_c4(rd_c4() & ~CR4_OSXMMEXCPT);
	regs_init(&r, xm, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_UD, NOERR, xm);
	MEM32(mem) = 0x1f80;
	asm volatile("ldmxcsr %0" : : "m"(mem));
	begin("fpu.fip");
	/* The guest's address, or 0 where the CPU keeps none (FDP_EXCPTN_ONLY,
	 * AMD): never one of the monitor's. */
	regs_init(&r, fip, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, fip);
	check_true("fnstenv", MEM32(mem + 12) == ADDR(fip_f) ||
		   MEM32(mem + 12) == 0);
	begin("fpu.fip-pending");
	regs_init(&r, fip_pending, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, fip_pending);
	check_that("fnstenv", MEM32(mem + 12), ADDR(fip_pending_f));
	/* FNSTENV has masked the exception: as above. */
	check_true("fnsave", MEM32(mem + 64 + 12) == ADDR(fip_pending_f) ||
		   MEM32(mem + 64 + 12) == 0);
	regs_init(&r, fip_fxsave, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, fip_fxsave);
	check_that("fxsave", MEM32(mem + 8), ADDR(fip_fxsave_f));
	/* So many blocks later a small code cache holds no trace of it. */
	begin("fpu.fip-evicted");
	regs_init(&r, fip_evicted, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, fip_evicted);
	check_that("fnstenv", MEM32(mem + 12), ADDR(fip_evicted_f));
	begin("fpu.ldmxcsr");
	MEM32(mem) = 0x10000;
	regs_init(&r, do_ldmxcsr, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_ldmxcsr);
	begin("fpu.movaps");
	regs_init(&r, do_movaps, cpl);
	r.ebx = ADDR(mem) + 4;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_movaps);
	regs_init(&r, do_paddd, cpl);
	r.ebx = ADDR(mem) + 8;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_paddd);
	begin("fpu.movups");
	regs_init(&r, do_movups, cpl);
	r.ebx = ADDR(mem) + 1;
	run(&r);
	CHECK_END(&r, do_movups);
}

/* --- save areas --- */

CODE(fx_round, "fninit; fld1; fldpi; movups xmm3, [ebx]; fxsave [ebx+512]; "
     "fninit; xorps xmm3, xmm3; fxrstor [ebx+512]; "
     "fstp qword ptr [ebx+32]; fstp qword ptr [ebx+40]; "
     "movups [ebx+48], xmm3");
CODE(mmx_alias, "fninit; mov eax, 0x12345678; movd mm0, eax; "
     "movq [ebx], mm0; fnstsw ax; fnstenv [ebx+32]; emms; "
     "fnstenv [ebx+64]; fninit");
CODE(numbers, "fninit; fild dword ptr [ebx]; fsqrt; fistp dword ptr [ebx+4]; "
     "fild qword ptr [ebx+8]; fistp qword ptr [ebx+16]; fld1; fldl2e; "
     "fcomi st, st(1); seta al; movzx ebp, al; fcompp; fild word ptr [ebx]; "
     "fbstp [ebx+24]; cvtsi2sd xmm0, dword ptr [ebx]; sqrtsd xmm0, xmm0; "
     "cvttsd2si edx, xmm0; fld1; fxam; fnstsw ax; fstp st");

static void test_save(int cpl)
{
	struct regs r;

	begin("fpu.fxsave");
	for (u32 i = 0; i < 16; i++)
		mem[i] = 0xa0 + i;
	regs_init(&r, fx_round, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, fx_round);
	check_that("pi", MEM32(mem + 36), 0x400921fb);
	check_that("1.0", MEM32(mem + 44), 0x3ff00000);
	check_that("xmm3", memcmp(mem, mem + 48, 16), 0);
	begin("fpu.fxsave.align");
	regs_init(&r, do_fxsave, cpl);
	r.ebx = ADDR(mem) + 8;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_fxsave);
	begin("fpu.mmx");
	regs_init(&r, mmx_alias, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, mmx_alias);
	check_that("mm0", MEM32(mem), 0x12345678);
	check_that("top", r.eax & 0x3800, 0);
	check_that("tags are valid", MEM16(mem + 40) & 3, 2);
	check_that("emms", MEM16(mem + 64 + 8), 0xffff);
	begin("fpu.numbers");
	MEM32(mem) = 1764;
	MEM32(mem + 8) = 0x89abcdef;
	MEM32(mem + 12) = 0x01234567;
	regs_init(&r, numbers, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, numbers);
	check_that("fsqrt", MEM32(mem + 4), 42);
	check_that("64 bits", MEM32(mem + 16), 0x89abcdef);
	check_that("64 bits", MEM32(mem + 20), 0x01234567);
	check_that("log2(e) > 1", r.ebp, 1);
	check_that("bcd", MEM32(mem + 24), 0x1764);
	check_that("sqrtsd", r.edx, 42);
	check_that("fxam", r.eax & 0x4500, 0x0400);
}

CODE(do_xgetbv, F(do_xgetbv) "xgetbv");
CODE(do_xsetbv, F(do_xsetbv) "xsetbv");
CODE(do_xsave, F(do_xsave) "xsave [ebx]");
CODE(avx, F(avx) "vmovups ymm0, [ebx]; vmovups [ebx+64], ymm0; "
     "vpxor xmm1, xmm1, xmm1; vaddps ymm2, ymm0, ymm0; vzeroupper; "
     "vmovups [ebx+96], ymm0");
CODE(avx_xsave, "vmovups ymm5, [ebx]; xsave [ebx+1024]; vzeroall; "
     "xrstor [ebx+1024]; vmovups [ebx+32], ymm5; vzeroupper");

static void set_xcr0(u32 v)
{
	asm volatile("xsetbv" : : "a"(v), "d"(0), "c"(0));
}

static void test_xsave(int cpl)
{
	struct cpuid one = cpuid_of(1, 0);
	struct regs r;

	if (!(one.c & 1u << 26))
		return;
	begin("xsave.osxsave");
	wr_c4(rd_c4() & ~CR4_OSXSAVE);
	check_that("cpuid", cpuid_of(1, 0).c >> 27 & 1, 0);
	run_at(&r, do_xgetbv, cpl);
	CHECK_TRAP(&r, VEC_UD, NOERR, do_xgetbv);
	wr_c4(rd_c4() | CR4_OSXSAVE);
	check_that("cpuid", cpuid_of(1, 0).c >> 27 & 1, 1);
	begin("xsave.xcr0");
	set_xcr0(XCR0_X87 | XCR0_SSE);
	run_at(&r, do_xgetbv, cpl);
	CHECK_END(&r, do_xgetbv);
	check_that("xcr0", r.eax, 3);
	check_that("edx", r.edx, 0);
	check_that("cpuid size", cpuid_of(13, 0).b, 576);
	static const u32 bad[] = { 0, 2, 5, 0x80000001 };

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		regs_init(&r, do_xsetbv, 0);
		r.eax = bad[i];
		run(&r);
		CHECK_TRAP(&r, VEC_GP, 0, do_xsetbv);
	}
	regs_init(&r, do_xsetbv, 3);
	r.eax = 3;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_xsetbv);
	/* Only what XCR0 has is stored (HAZARDS 58). */
	begin("xsave.masked");
	memset(mem, 0, 2048);
	memset(mem + 512 + 64, 0x77, 512);
	regs_init(&r, do_xsave, cpl);
	r.ebx = ADDR(mem);
	r.eax = r.edx = ~0u;
	run(&r);
	CHECK_END(&r, do_xsave);
	check_that("xstate_bv", MEM32(mem + 512) & ~3u, 0);
	for (u32 i = 576; i < 1088; i++)
		if (mem[i] != 0x77) {
			check_that("stored beyond at", i, ~0u);
			break;
		}
	if (!(one.c & 1u << 28))
		return;
	begin("avx.off");
	regs_init(&r, avx, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_UD, NOERR, avx);
	begin("avx.on");
	set_xcr0(7);
	for (u32 i = 0; i < 32; i++)
		mem[i] = i + 1;
	regs_init(&r, avx, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_END(&r, avx);
	check_that("256 bits", memcmp(mem, mem + 64, 32), 0);
	check_that("vzeroupper, low", memcmp(mem, mem + 96, 16), 0);
	check_that("vzeroupper, high", MEM32(mem + 112), 0);
	begin("avx.xsave");
	memset(mem + 1024 + 512, 0, 64);
	regs_init(&r, avx_xsave, cpl);
	r.ebx = ADDR(mem);
	r.eax = 7;
	run(&r);
	CHECK_END(&r, avx_xsave);
	check_that("ymm5", memcmp(mem, mem + 32, 32), 0);
	wr_c0(rd_c0() | CR0_TS);
	begin("avx.ts");
	regs_init(&r, avx, cpl);
	r.ebx = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_NM, NOERR, avx);
	asm volatile("clts");
}

CODE(fx_restore, F(fx_restore) "fxrstor [ebx]");

static void test_page_end(void)
{
	struct regs r;

	page_map(T, page_alloc(), RWU);
	page_map(T + 0x1000, 0, 0);
	begin("fpu.fxsave.page-end");
	regs_init(&r, do_fxsave, 3);
	r.ebx = T + 0xe00;
	run(&r);
	CHECK_END(&r, do_fxsave);
	regs_init(&r, do_fxsave, 3);
	r.ebx = T + 0xf00;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_U | PFEC_W, do_fxsave);
	check_true("cr2", r.cr2 >= T + 0x1000 && r.cr2 < T + 0x1100);
	regs_init(&r, fx_restore, 3);
	r.ebx = T + 0xf00;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_U, fx_restore);
	begin("fpu.movups.page-end");
	regs_init(&r, do_movups, 3);
	r.ebx = T + 0xff8;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_U, do_movups);
	check_that("cr2", r.cr2, T + 0x1000);
}

CODE(masked, "vmovups ymm1, [esi]; vpxor xmm0, xmm0, xmm0" F(masked)
     "vmaskmovps ymm0, ymm1, [ebx]; vmaskmovps [ebx], ymm1, ymm0; "
     "vmovups [edi], ymm0; vzeroupper");
CODE(gather, "vmovups ymm1, [esi]; vmovups ymm2, [esi+32]; "
     "vpxor xmm0, xmm0, xmm0" F(gather)
     "vgatherdps ymm0, [ebx+ymm2*4], ymm1; "
     "vmovups [edi], ymm0; vmovups [edi+32], ymm1; vzeroupper");

static u32 late_page, late_count;

static int late_hook(struct regs *r)
{
	if (r->vec != VEC_PF || r->cr2 - (T + 0x1000) >= 0x1000)
		return 0;
	late_count++;
	page_map(T + 0x1000, late_page, RWU);
	return 1;
}

/* Element 5 is the first of the second page. */
static void elements_run(struct regs *r, const void *code, u32 ebx)
{
	regs_init(r, code, 3);
	r->ebx = ebx;
	r->esi = ADDR(mem) + 256;
	r->edi = ADDR(mem) + 512;
	memset(mem + 512, 0xee, 64);
	run(r);
}

static void elements_init(u32 selected)
{
	for (u32 i = 0; i < 8; i++) {
		MEM32(mem + 256 + 4 * i) = selected >> i & 1 ? 1u << 31 : 0;
		MEM32(mem + 288 + 4 * i) = i;
		if (i < 5)
			MEM32(T + 0x1000 - 20 + 4 * i) = 100 + i;
	}
}

static void elements_check(u32 selected)
{
	for (u32 i = 0; i < 8; i++)
		check_that("element", MEM32(mem + 512 + 4 * i),
			   selected >> i & 1 ? 100 + i : 0);
}

/* Elements that a mask leaves out fault nowhere; a gather that has faulted goes
 * on with what is left of its mask. Later pages come by demand. */
static void test_elements(void)
{
	struct regs r;

	if (!(cpuid_of(7, 0).b & 1u << 5) || !(cpuid_of(1, 0).c & 1u << 28))
		return;
	wr_c4(rd_c4() | CR4_OSXSAVE);
	set_xcr0(7);
	page_map(T, page_alloc(), RWU);
	page_map(T + 0x1000, 0, 0);
	late_page = page_alloc();
	for (u32 i = 0; i < 3; i++)
		MEM32(late_page + 4 * i) = 105 + i;
	begin("avx.masked.page-end");
	elements_init(0x15);
	elements_run(&r, masked, T + 0x1000 - 20);
	CHECK_END(&r, masked);
	elements_check(0x15);
	begin("avx.masked.fault");
	elements_init(0x75);
	elements_run(&r, masked, T + 0x1000 - 20);
	CHECK_TRAP(&r, VEC_PF, PFEC_U, masked);
	check_that("page", r.cr2 & ~0xfffu, T + 0x1000);
	begin("avx.gather.page-end");
	elements_init(0x1f);
	elements_run(&r, gather, T + 0x1000 - 20);
	CHECK_END(&r, gather);
	elements_check(0x1f);
	begin("avx.gather.fault");
	elements_init(0xdb);
	elements_run(&r, gather, T + 0x1000 - 20);
	CHECK_TRAP(&r, VEC_PF, PFEC_U, gather);
	check_that("cr2", r.cr2, T + 0x1004);
	begin("avx.gather.restart");
	late_count = 0;
	trap_hook = late_hook;
	elements_run(&r, gather, T + 0x1000 - 20);
	trap_hook = NULL;
	CHECK_END(&r, gather);
	check_that("#PF once", late_count, 1);
	elements_check(0xdb);
	for (u32 i = 0; i < 8; i++)
		check_that("mask", MEM32(mem + 544 + 4 * i), 0);
}

void guest_main(void)
{
	c0 = rd_c0() & ~(CR0_EM | CR0_TS);
	wr_c4(rd_c4() | CR4_OSFXSR);
	for (int cpl = 0; cpl < 4; cpl += 3) {
		test_gates(cpl);
		test_kept(cpl);
		test_kept_faults(cpl);
		test_exceptions(cpl);
		test_save(cpl);
		test_xsave(cpl);
	}
	identity_on();
	test_page_end();
	test_elements();
}
