/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive.c - bare guest: the 17 instructions that are sensitive but do not
 * trap, at every CPL, and what does trap.
 *
 * SGDT SIDT SLDT SMSW STR, PUSHF POPF, LAR LSL VERR VERW, PUSH POP MOV of
 * segment registers, far CALL JMP RET, INT n: they must show the guest's
 * values (DESIGN.md 7 and 9). Then SYSENTER, CPUID, RDTSC, #UD and #GP lists:
 * HAZARDS 2, 58.
 */
#include "guest.h"

const struct tcg_skip tcg_skips[] = {
	{ "ud.group-forms", "TCG ignores /reg there" },
	{ "ud.not-offered", "TCG is lax with some encodings" },
	{ "ud.lock", "TCG ignores some LOCK prefixes" },
	{ "cr.bad-cr0", "TCG aborts on PG without PE" },
	{ "gp.reserved-control-bits", "TCG accepts reserved CR bits" },
	{ 0, 0 },
};

CODE(do_sgdt, F(do_sgdt) "sgdt [ebx]; sidt [ebx+8]");
CODE(do_sldt, F(do_sldt) "mov eax, -1; mov ecx, -1; mov edx, -1; sldt ax; "
     "str cx; smsw dx; sldt [ebx]; str [ebx+2]; smsw [ebx+4]");
CODE(do_smsw32, "smsw eax");
CODE(do_umip, F(do_umip) "sgdt [ebx]");
CODE(do_flags, "pushfd; pop eax; push 0x3202; popfd; pushfd; pop ecx");
CODE(do_lar, "mov eax, cs; lar ecx, eax; lsl edx, eax; verr ax; setz bl; "
     "verw ax; setz bh; mov eax, ss; verw ax; setz al; ");
CODE(do_push, "push cs; pop eax; push ss; pop ecx; push ds; pop edx; "
     "push fs; pop esi; mov edi, es; mov ebp, gs; mov [ebx], cs; "
     "mov [ebx+2], ss");
CODE(do_pop, "push ss; pop ds; push ss; pop es; push ss; pop fs; push ss; "
     "pop gs; mov eax, ss; mov ds, eax; mov es, eax; mov fs, eax; "
     "mov gs, eax; pushfd; popfd; push ss; pop ss; mov ss, eax");
CODE(do_far, "mov eax, cs; mov [ebx+4], ax; mov dword ptr [ebx], offset 1f; "
     "call fword ptr [ebx]; push cs; push offset 2f; retf; "
     "1: mov ecx, [esp+4]; retf; "
     "2: mov dword ptr [ebx], offset 3f; jmp fword ptr [ebx]; ud2; 3: nop");
CODE(do_int, "int 0x41; inc eax");

static u8 buf[32];

static void test_seventeen(int cpl)
{
	struct regs r;
	u32 cs = KCS + cpl * 0x11, ss = KDS + cpl * 0x11;

	begin("17.sgdt-sidt");
	regs_init(&r, do_sgdt, cpl);
	r.ebx = ADDR(buf);
	run(&r);
	CHECK_END(&r, do_sgdt);
	check_that("gdt limit", MEM16(buf), 1023);
	check_that("gdt base", MEM32(buf + 2), ADDR(gdt));
	check_that("idt limit", MEM16(buf + 8), 2047);
	check_that("idt base", MEM32(buf + 10), ADDR(idt));
	begin("17.sldt-str-smsw");
	regs_init(&r, do_sldt, cpl);
	r.ebx = ADDR(buf);
	run(&r);
	CHECK_END(&r, do_sldt);
	check_that("sldt", r.eax & 0xffff, LDT_SEL);
	check_that("str", r.ecx & 0xffff, TSS_SEL);
	check_that("smsw", r.edx & 0xffff, rd_c0() & 0xffff);
	check_that("upper half kept", r.eax >> 16, 0xffff);
	check_that("memory", MEM32(buf), TSS_SEL << 16 | LDT_SEL);
	check_that("memory", MEM16(buf + 4), rd_c0() & 0xffff);
	run_at(&r, do_smsw32, cpl);
	check_that("smsw eax", r.eax & 0xffff, rd_c0() & 0xffff);
	begin("17.pushf-popf");
	regs_init(&r, do_flags, cpl);
	r.efl |= EFL_CF;
	run(&r);
	CHECK_END(&r, do_flags);
	check_that("pushf", r.eax, EFL_FIXED1 | EFL_CF);
	check_that("popf", r.ecx, cpl ? EFL_FIXED1 : 0x3202);
	begin("17.lar-lsl-verr-verw");
	run_at(&r, do_lar, cpl);
	CHECK_END(&r, do_lar);
	check_that("lar", r.ecx & 0xf0ff00, 0xc09b00u | cpl << 13);
	check_that("lsl", r.edx, 0xffffffff);
	check_that("verr, verw of cs", r.ebx & 0xffff, 1);
	check_that("verw of ss", r.eax & 0xff, 1);
	begin("17.segment-registers");
	regs_init(&r, do_push, cpl);
	r.ebx = ADDR(buf);
	run(&r);
	CHECK_END(&r, do_push);
	check_that("cs", r.eax & 0xffff, cs);
	check_that("ss", r.ecx & 0xffff, ss);
	check_that("ds", r.edx & 0xffff, ss);
	check_that("fs", r.esi & 0xffff, ss);
	check_that("es", r.edi, ss);
	check_that("gs", r.ebp, ss);
	check_that("memory", MEM32(buf), ss << 16 | cs);
	run_at(&r, do_pop, cpl);
	CHECK_END(&r, do_pop);
	begin("17.far");
	regs_init(&r, do_far, cpl);
	r.ebx = ADDR(buf);
	run(&r);
	CHECK_END(&r, do_far);
	check_that("cs pushed", r.ecx & 0xffff, cs);
	check_that("cs", r.cs, cs);
	begin("17.int");
	idt_dpl(0x41, cpl);
	run_at(&r, do_int, cpl);
	check_trap(&r, 0x41, NOERR, do_int + 2);
}

static void test_umip(void)
{
	struct regs r;

	if (!(cpuid_of(7, 0).c & 4))
		return;
	begin("umip");
	wr_c4(rd_c4() | CR4_UMIP);
	for (int cpl = 0; cpl < 4; cpl += 3) {
		regs_init(&r, do_umip, cpl);
		r.ebx = ADDR(buf);
		run(&r);
		if (cpl)
			CHECK_TRAP(&r, VEC_GP, 0, do_umip);
		else
			CHECK_END(&r, do_umip);
	}
	wr_c4(rd_c4() & ~CR4_UMIP);
}

/* --- lists of what must fault --- */

struct insn {
	const char *name;
	u8 len, bytes[15];
};

static const struct insn privileged[] = {
	{ "hlt", 1, { 0xf4 } },
	{ "cli", 1, { 0xfa } },
	{ "sti", 1, { 0xfb } },
	{ "in al", 2, { 0xe4, 0x80 } },
	{ "out dx", 1, { 0xee } },
	{ "insb", 1, { 0x6c } },
	{ "lgdt", 3, { 0x0f, 0x01, 0x13 } },
	{ "lidt", 3, { 0x0f, 0x01, 0x1b } },
	{ "lldt", 3, { 0x0f, 0x00, 0xd0 } },
	{ "ltr", 3, { 0x0f, 0x00, 0xd8 } },
	{ "lmsw", 3, { 0x0f, 0x01, 0xf0 } },
	{ "clts", 2, { 0x0f, 0x06 } },
	{ "invd", 2, { 0x0f, 0x08 } },
	{ "wbinvd", 2, { 0x0f, 0x09 } },
	{ "invlpg", 3, { 0x0f, 0x01, 0x3b } },
	{ "mov eax, cr0", 3, { 0x0f, 0x20, 0xc0 } },
	{ "mov cr0, eax", 3, { 0x0f, 0x22, 0xc0 } },
	{ "mov eax, cr2", 3, { 0x0f, 0x20, 0xd0 } },
	{ "mov cr3, eax", 3, { 0x0f, 0x22, 0xd8 } },
	{ "mov cr4, eax", 3, { 0x0f, 0x22, 0xe0 } },
	{ "mov eax, dr6", 3, { 0x0f, 0x21, 0xf0 } },
	{ "mov dr7, eax", 3, { 0x0f, 0x23, 0xf8 } },
	{ "rdmsr", 2, { 0x0f, 0x32 } },
	{ "wrmsr", 2, { 0x0f, 0x30 } },
	{ "sysexit", 2, { 0x0f, 0x35 } },
};

static const struct insn undefined[] = {
	{ "ud2", 2, { 0x0f, 0x0b } },
	{ "ud1", 3, { 0x0f, 0xb9, 0xc0 } },
	{ "ud0", 3, { 0x0f, 0xff, 0xc0 } },
	{ "0f 04", 2, { 0x0f, 0x04 } },
	{ "0f 0a", 2, { 0x0f, 0x0a } },
	{ "0f 24", 3, { 0x0f, 0x24, 0xc0 } },
	{ "0f 36", 2, { 0x0f, 0x36 } },
	{ "0f 39", 2, { 0x0f, 0x39 } },
	{ "0f a6 c0", 3, { 0x0f, 0xa6, 0xc0 } },
	{ "ff /7", 2, { 0xff, 0xf8 } },
	{ "fe /2", 2, { 0xfe, 0xd0 } },
	{ "8e /6", 2, { 0x8e, 0xf0 } },
	{ "8e /1", 2, { 0x8e, 0xc8 } },
	{ "0f 00 /6", 3, { 0x0f, 0x00, 0xf0 } },
	{ "0f ba /0", 4, { 0x0f, 0xba, 0xc0, 0 } },
	{ "0f c7 /0", 3, { 0x0f, 0xc7, 0x03 } },
};

static const struct insn absent_cr[] = {
	{ "mov cr1", 3, { 0x0f, 0x20, 0xc8 } },
	{ "mov cr5", 3, { 0x0f, 0x20, 0xe8 } },
};

static const struct insn group_forms[] = {
	{ "c6 /1", 3, { 0xc6, 0xc8, 0 } },
	{ "c7 /7", 6, { 0xc7, 0xf9 } },
	{ "8f /1", 2, { 0x8f, 0xc8 } },
};

static const struct insn register_forms[] = {
	{ "lea reg", 2, { 0x8d, 0xc0 } },
	{ "lds reg", 2, { 0xc5, 0xc0 } },
	{ "les reg", 2, { 0xc4, 0xc0 } },
	{ "lss reg", 3, { 0x0f, 0xb2, 0xc0 } },
	{ "call far reg", 2, { 0xff, 0xd8 } },
	{ "jmp far reg", 2, { 0xff, 0xe8 } },
	{ "bound reg", 2, { 0x62, 0xc0 } },
	{ "cmpxchg8b reg", 3, { 0x0f, 0xc7, 0xc8 } },
	{ "sgdt reg", 3, { 0x0f, 0x01, 0xc6 } },
	{ "invlpg reg", 3, { 0x0f, 0x01, 0xfe } },
};

static const struct insn locked[] = {
	{ "lock nop", 2, { 0xf0, 0x90 } },
	{ "lock mov", 3, { 0xf0, 0x89, 0x03 } },
	{ "lock add reg", 3, { 0xf0, 0x01, 0xc0 } },
	{ "lock add load", 3, { 0xf0, 0x03, 0x03 } },
	{ "lock cmp", 3, { 0xf0, 0x39, 0x03 } },
	{ "lock test", 3, { 0xf0, 0x85, 0x03 } },
	{ "lock bt", 4, { 0xf0, 0x0f, 0xa3, 0x03 } },
	{ "lock shl", 3, { 0xf0, 0xd1, 0x23 } },
	{ "lock push", 2, { 0xf0, 0x50 } },
	{ "lock jmp", 3, { 0xf0, 0xeb, 0 } },
	{ "lock inc reg", 2, { 0xf0, 0x40 } },
	{ "lock imul", 4, { 0xf0, 0x0f, 0xaf, 0x03 } },
};

/* cmp [ebx], eax class 0x80 /7 and good ones: no fault. */
static const struct insn lock_good[] = {
	{ "lock add", 3, { 0xf0, 0x01, 0x03 } },
	{ "lock xor", 4, { 0xf0, 0x83, 0x33, 1 } },
	{ "lock inc", 3, { 0xf0, 0xff, 0x03 } },
	{ "lock not", 3, { 0xf0, 0xf7, 0x13 } },
	{ "lock neg", 3, { 0xf0, 0xf6, 0x1b } },
	{ "lock bts", 5, { 0xf0, 0x0f, 0xba, 0x2b, 3 } },
	{ "lock btr", 4, { 0xf0, 0x0f, 0xb3, 0x03 } },
	{ "lock xchg", 3, { 0xf0, 0x87, 0x03 } },
	{ "lock xadd", 4, { 0xf0, 0x0f, 0xc1, 0x03 } },
	{ "lock cmpxchg", 4, { 0xf0, 0x0f, 0xb1, 0x03 } },
	{ "lock cmpxchg8b", 4, { 0xf0, 0x0f, 0xc7, 0x0b } },
	{ "66 lock adc", 4, { 0x66, 0xf0, 0x11, 0x03 } },
};

static u8 code[32];

static void list_one(const struct insn *l, int cpl, u32 vec)
{
	struct regs r;

	memset(code, 0x90, sizeof(code));
	memcpy(code, l->bytes, l->len);
	memcpy(code + l->len, "\xcd\x40", 2);
	regs_init(&r, code, cpl);
	r.ebx = ADDR(buf);
	r.edx = 0x80;
	r.edi = ADDR(buf);
	run(&r);
	check_that(l->name, r.vec, vec);
	if (vec != VEC_END)
		check_that(l->name, r.eip, ADDR(code));
	if (vec == VEC_GP)
		check_that(l->name, r.err, 0);
}

static void test_lists(void)
{
	begin("gp.privileged");
	for (int cpl = 1; cpl < 4; cpl++)
		for (u32 i = 0; i < ARRAY_SIZE(privileged); i++)
			list_one(&privileged[i], cpl, VEC_GP);
	begin("ud.list");
	for (int cpl = 0; cpl < 4; cpl += 3)
		for (u32 i = 0; i < ARRAY_SIZE(undefined); i++)
			list_one(&undefined[i], cpl, VEC_UD);
	for (u32 i = 0; i < ARRAY_SIZE(absent_cr); i++)
		list_one(&absent_cr[i], 0, VEC_UD);
	begin("ud.group-forms");
	for (u32 i = 0; i < ARRAY_SIZE(group_forms); i++)
		list_one(&group_forms[i], 3, VEC_UD);
	begin("ud.register-forms");
	for (u32 i = 0; i < ARRAY_SIZE(register_forms); i++)
		list_one(&register_forms[i], 3, VEC_UD);
	begin("ud.lock");
	for (u32 i = 0; i < ARRAY_SIZE(locked); i++)
		list_one(&locked[i], 3, VEC_UD);
	begin("lock.good");
	for (u32 i = 0; i < ARRAY_SIZE(lock_good); i++)
		list_one(&lock_good[i], 3, VEC_END);
	begin("length.15");
	{
		struct insn longest = { "15 bytes", 15, { 0 } };

		memset(longest.bytes, 0x3e, 14);
		longest.bytes[14] = 0x90;
		list_one(&longest, 3, VEC_END);
	}
	begin("gp.too-long");
	{
		struct regs r;

		memset(code, 0x3e, 15);
		memcpy(code + 15, "\x90\xcd\x40", 3);
		run_at(&r, code, 3);
		check_trap(&r, VEC_GP, 0, code);
	}
}

/* What CPUID does not offer is #UD. */
static void test_not_offered(void)
{
	struct cpuid one_ = cpuid_of(1, 0), seven = cpuid_of(7, 0);
	static const struct {
		char leaf, reg;
		u8 bit;
		struct insn i;
	} t[] = {
		{ 7, 'b', 11, { "xbegin", 6, { 0xc7, 0xf8 } } },
		{ 7, 'b', 11, { "xtest", 3, { 0x0f, 0x01, 0xd6 } } },
		{ 7, 'b', 16, { "avx512", 6, { 0x62, 0xf1, 0x7c, 0x48, 0x58,
					       0xc0 } } },
		{ 7, 'c', 22, { "rdpid", 4, { 0xf3, 0x0f, 0xc7, 0xf8 } } },
		{ 7, 'b', 29, { "sha1rnds4", 5, { 0x0f, 0x3a, 0xcc, 0xc0,
						  0 } } },
		{ 7, 'b', 18, { "rdseed", 3, { 0x0f, 0xc7, 0xf8 } } },
		{ 1, 'c', 30, { "rdrand", 3, { 0x0f, 0xc7, 0xf0 } } },
		{ 1, 'c', 5, { "vmcall", 3, { 0x0f, 0x01, 0xc1 } } },
		{ 1, 'c', 3, { "monitor", 3, { 0x0f, 0x01, 0xc8 } } },
		{ 7, 'c', 5, { "umonitor", 4, { 0xf3, 0x0f, 0xae, 0xf0 } } },
		{ 1, 'c', 22, { "movbe", 4, { 0x0f, 0x38, 0xf0, 0x03 } } },
		{ 7, 'b', 20, { "stac", 3, { 0x0f, 0x01, 0xcb } } },
		{ 1, 'c', 26, { "xgetbv", 3, { 0x0f, 0x01, 0xd0 } } },
		{ 7, 'b', 19, { "adcx", 5, { 0x66, 0x0f, 0x38, 0xf6, 0xc0 } } },
		{ 7, 'c', 8, { "gf2p8mulb", 5, { 0x66, 0x0f, 0x38, 0xcf,
						 0xc0 } } },
	};

	begin("ud.not-offered");
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct cpuid *c = t[i].leaf == 1 ? &one_ : &seven;
		u32 v = t[i].reg == 'b' ? c->b : c->c;

		if (!(v >> t[i].bit & 1))
			list_one(&t[i].i, 0, VEC_UD);
	}
}

/* --- control registers and MSRs --- */

CODE(do_wrmsr, F(do_wrmsr) "wrmsr");
CODE(do_rdmsr, F(do_rdmsr) "rdmsr");
CODE(wr_cr0, F(wr_cr0) "mov cr0, eax");
CODE(wr_cr4, F(wr_cr4) "mov cr4, eax");
CODE(do_lmsw, "lmsw ax; smsw cx; clts; smsw dx");
CODE(do_rdtsc, F(do_rdtsc) "rdtsc");
CODE(do_rdpmc, F(do_rdpmc) "rdpmc");

static void test_control(void)
{
	struct regs r;
	u32 c0 = rd_c0();
	u64 a, b;

	begin("cr.lmsw");
	regs_init(&r, do_lmsw, 0);
	r.eax = (c0 & 0xfffe) | CR0_TS; /* LMSW cannot clear PE */
	run(&r);
	CHECK_END(&r, do_lmsw);
	check_that("TS", r.ecx & 15, (c0 & 15) | CR0_TS);
	check_that("clts", r.edx & CR0_TS, 0);
	wr_c0(c0);
	begin("cr.bad-cr0");
	regs_init(&r, wr_cr0, 0);
	r.eax = (c0 | CR0_PG) & ~CR0_PE;
	if (!tcg_skip("cr.bad-cr0"))
		run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, wr_cr0);
	regs_init(&r, wr_cr0, 0);
	r.eax = (c0 | CR0_NW) & ~CR0_CD;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, wr_cr0);
	check_that("unchanged", rd_c0(), c0);
	wr_c0(c0);
	begin("gp.reserved-control-bits");
	regs_init(&r, wr_cr4, 0);
	r.eax = rd_c4() | 1u << 31;
	if (!tcg_skip("gp.reserved-control-bits"))
		run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, wr_cr4);
	begin("msr.absent");
	regs_init(&r, do_rdmsr, 0);
	r.ecx = 0x12345;
	run(&r);
	if (!on_tcg)
		CHECK_TRAP(&r, VEC_GP, 0, do_rdmsr);
	begin("msr.sysenter");
	for (u32 m = MSR_SYSENTER_CS; m <= MSR_SYSENTER_EIP; m++) {
		wr_msr(m, 0x12345670 + m);
		check_that("value", rd_msr(m),
			   m == MSR_SYSENTER_CS ?
				   (u32)rd_msr(m) : 0x12345670 + m);
	}
	begin("rdtsc.monotonic");
	a = rd_tsc();
	for (u32 i = 0; i < 10000; i++) {
		b = rd_tsc();
		if (b < a) {
			check_true("not less", false);
			break;
		}
		a = b;
	}
	begin("rdtsc.tsd");
	wr_c4(rd_c4() | CR4_TSD);
	run_at(&r, do_rdtsc, 3);
	CHECK_TRAP(&r, VEC_GP, 0, do_rdtsc);
	run_at(&r, do_rdtsc, 0);
	CHECK_END(&r, do_rdtsc);
	wr_c4(rd_c4() & ~CR4_TSD);
	run_at(&r, do_rdtsc, 3);
	CHECK_END(&r, do_rdtsc);
	begin("rdpmc.pce");
	run_at(&r, do_rdpmc, 3);
	CHECK_TRAP(&r, VEC_GP, 0, do_rdpmc);
	begin("cpuid");
	check_true("leaf 1", cpuid_of(0, 0).a >= 1);
	check_that("fpu tsc msr cx8 cmov mmx fxsr sse sse2",
		   cpuid_of(1, 0).d & 0x07808131, 0x07808131);
	check_true("leaf 0x80000000", cpuid_of(0x80000000, 0).a >= 0x80000001);
}

/* --- SYSENTER, SYSEXIT --- */

CODE(do_sysenter, F(do_sysenter) "sysenter");
CODE(sys_target, "mov esi, esp; mov edi, cs; mov ebp, ss; pushfd; pop ebx");
CODE(sys_back, "mov edx, offset sys_user; mov ecx, ebp; sysexit");
CODE(sys_user, "inc edi");

static void test_sysenter(void)
{
	struct regs r;

	begin("sysenter");
	wr_msr(MSR_SYSENTER_CS, 0);
	run_at(&r, do_sysenter, 3);
	CHECK_TRAP(&r, VEC_GP, 0, do_sysenter);
	/* SYSENTER_CS and the three descriptors after it. */
	gdt_put(0x200, gdt[KCS / 8]);
	gdt_put(0x208, gdt[KDS / 8]);
	gdt_put(0x210, gdt[UCS / 8]);
	gdt_put(0x218, gdt[UDS / 8]);
	wr_msr(MSR_SYSENTER_CS, 0x200);
	wr_msr(MSR_SYSENTER_ESP, ADDR(ring1_stack_top) - 64);
	wr_msr(MSR_SYSENTER_EIP, ADDR(sys_target));
	regs_init(&r, do_sysenter, 3);
	r.efl |= EFL_IF | EFL_CF;
	run(&r);
	CHECK_END(&r, sys_target);
	check_that("esp", r.esi, ADDR(ring1_stack_top) - 64);
	check_that("cs", r.edi, 0x200);
	check_that("ss", r.ebp, 0x208);
	check_that("IF is cleared", r.ebx, EFL_FIXED1 | EFL_CF);
	begin("sysexit");
	wr_msr(MSR_SYSENTER_EIP, ADDR(sys_back));
	for (u32 i = 0; i < 100; i++) {
		regs_init(&r, do_sysenter, 3);
		r.ebp = ADDR(test_stack_top) - 128;
		r.edi = i;
		run(&r);
		CHECK_END(&r, sys_user);
		check_that("edi", r.edi, i + 1);
		check_that("cs", r.cs, 0x213);
		check_that("ss", r.ss, 0x21b);
		check_that("esp", r.esp, ADDR(test_stack_top) - 128);
	}
}

void guest_main(void)
{
	for (int paging = 0; paging < 2; paging++) {
		for (int cpl = 0; cpl < 4; cpl++)
			test_seventeen(cpl);
		test_sysenter();
		if (!paging)
			identity_on();
	}
	test_umip();
	test_lists();
	test_not_offered();
	test_control();
}
