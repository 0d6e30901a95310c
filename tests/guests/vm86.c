/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm86.c - bare guest: virtual-8086 mode.
 *
 * Entry by IRET, exits by faults and interrupts, IOPL-sensitive
 * instructions, the I/O bitmap, VME where it is offered. SDM vol. 3, chapter 20.
 * HAZARDS 6 (64 KiB wrap), 24, 28.
 */
#include "guest.h"

#define SEG  0x0900u /* code and data of the tests */
#define LIN  (SEG << 4)
#define SSEG 0x0a00u
#define S(i) (FREE_SEL + (i) * 8)

#define NOLIMIT "TCG checks no 64 KiB limit"
const struct tcg_skip tcg_skips[] = {
	{ "vm86.limit", NOLIMIT },
	{ "vm86.limit.stack", NOLIMIT },
	{ "vm86.gate-to-ring-1", "TCG gives the selector 0" },
	{ 0, 0 },
};

/* Runs 16-bit code in V86 mode; the end is its HLT: #GP(0). */
static void v86_init(struct regs *r, const void *code, const void *end,
		     u32 iopl)
{
	memcpy((void *)LIN, code, (u32)((u8 *)end - (u8 *)code) + 1);
	memset(r, 0, sizeof(*r));
	r->cs = r->ds = r->es = r->fs = r->gs = SEG;
	r->ss = SSEG;
	r->esp = 0x800;
	r->efl = EFL_FIXED1 | EFL_VM | iopl << 12;
}

#define V86(r, name, iopl) v86_init(r, name, name##_end, iopl)
#define AT(name) ((u32)(name##_f - name))
#define LEN(name) ((u32)(name##_end - name))

static void check_v86_end(const struct regs *r, u32 end)
{
	check_that("vector", r->vec, VEC_GP);
	check_that("error code", r->err, 0);
	check_that("ip", r->eip, end);
	check_that("VM", r->efl & EFL_VM, EFL_VM);
}

#define V86_END(r, name) check_v86_end(r, LEN(name))

static void check_v86_trap(const struct regs *r, u32 vec, u32 err, u32 ip)
{
	check_that("vector", r->vec, vec);
	check_that("error code", r->err, err);
	check_that("ip", r->eip, ip);
	check_that("cs", r->cs, SEG);
	check_that("VM", r->efl & EFL_VM, EFL_VM);
}

CODE16(regs16, "mov ax, cs; mov bx, ss; mov cx, ds; mov dx, es; mov si, fs; "
       "mov di, gs; mov bp, sp");
CODE16(arith, "mov eax, 0x12345678; mov bx, ax; add ebx, 0x10000; "
       "mov cx, 0x4000; mov es, cx; mov word ptr es:[0x10], 0x55aa; "
       "mov dx, es:[0x10]; mov di, 0xfffe; mov byte ptr [di+3], 7; "
       "mov esi, 0x20; mov word ptr [esi+4], 0x99; mov si, [0x24]");
CODE16(far16, "xor ax, ax; push cs; call 1f; jmp 9f; 1: inc ax; "
       ".byte 0x68; .word 2f - far16; ret; 2: mov bx, sp; "
       ".byte 0xea; .word 3f - far16 + 16, 0x8ff; 3: mov cx, cs; retf; "
       "9: mov dx, sp");
CODE16(loads16, "mov ax, 0xffff; mov ds, ax; mov es, ax; mov cl, [0x10]; "
       "push ax; pop fs; mov bx, fs; lds si, cs:[0x100]; mov dx, ds; "
       "mov ax, 0xb00; mov ss, ax; mov sp, 0x100; push 0x7777; pop di;");
CODE16(at_byte, F(at_byte) "mov al, [bx]; nop");
CODE16(at_word, F(at_word) "mov ax, [bx]; nop");
CODE16(at_dword, F(at_dword) "mov eax, [ebx]; nop");
CODE16(at_bp, F(at_bp) "mov ax, [bp]; nop");
CODE16(at_push, F(at_push) "push ax; nop");
CODE16(flags16, "pushf; pop ax; or ax, 0x7000; and ax, 0xefff; push ax; popf; "
       "pushf; pop bx; sti; pushf; pop cx; cli; pushf; pop dx; pushfd; "
       "pop esi; std; push esi; popfd; pushfd; pop edi");
CODE16(iret16, "pushf; push cs; .byte 0x68; .word 1f - iret16; iret; "
       "mov bx, 1; 1: mov ax, sp; pushfd; push 0; push cs; "
       ".byte 0x66, 0x68; .long 2f - iret16; .byte 0x66; iret; mov bx, 2; "
       "2: mov cx, sp");
CODE16(int40, F(int40) "int 0x40; nop");
CODE16(int3_, F(int3_) "int3; nop");
CODE16(into_, "mov al, 0x7f; add al, 1" F(into_) "into; nop");
CODE16(do_cli, F(do_cli) "cli");
CODE16(do_sti, F(do_sti) "sti");
CODE16(do_pushf, F(do_pushf) "pushf");
CODE16(do_popf, F(do_popf) "popf");
CODE16(do_iret, F(do_iret) "iret");
CODE16(do_pushfd, F(do_pushfd) "pushfd");
CODE16(do_popfd, F(do_popfd) "popfd");
CODE16(do_div, "xor cx, cx" F(do_div) "div cx");
CODE16(do_ud, F(do_ud) "ud2");
CODE16(do_in, F(do_in) "in al, dx");
CODE16(do_out, F(do_out) "out dx, al");
CODE16(do_inw, F(do_inw) "in ax, dx");
CODE16(do_insb, F(do_insb) "insb");

static void test_enter(void)
{
	struct regs r;

	begin("vm86.enter");
	V86(&r, regs16, 0);
	r.ds = 0x1111;
	r.es = 0x2222;
	r.fs = 0x3333;
	r.gs = 0x4444;
	run(&r);
	V86_END(&r, regs16);
	check_that("cs", r.eax, SEG);
	check_that("ss", r.ebx, SSEG);
	check_that("ds", r.ecx, 0x1111);
	check_that("es", r.edx, 0x2222);
	check_that("fs", r.esi, 0x3333);
	check_that("gs", r.edi, 0x4444);
	check_that("sp", r.ebp, 0x800);
	check_that("ds in the frame", r.ds, 0x1111);
	check_that("es in the frame", r.es, 0x2222);
	check_that("fs in the frame", r.fs, 0x3333);
	check_that("gs in the frame", r.gs, 0x4444);
	check_that("esp in the frame", r.esp, 0x800);
	check_that("ss in the frame", r.ss, SSEG);
	check_that("handler esp", r.hesp, tss.esp0 - 40);
	begin("vm86.addresses");
	V86(&r, arith, 0);
	MEM8(LIN + 1) = MEM8(LIN + 1);
	MEM8(0x40010) = 0;
	run(&r);
	V86_END(&r, arith);
	check_that("eax", r.eax, 0x12345678);
	check_that("ebx", r.ebx, 0x15678);
	check_that("word", MEM16(0x40010), 0x55aa);
	check_that("dx", r.edx, 0x55aa);
	check_that("[di+3] wraps", MEM8(LIN + 1), 7);
	check_that("si", r.esi, 0x99);
	begin("vm86.far");
	V86(&r, far16, 0);
	run(&r);
	V86_END(&r, far16);
	check_that("ax", r.eax, 1);
	check_that("cs after the jump", r.ecx, 0x8ff);
	check_that("sp", r.edx, 0x800);
	begin("vm86.loads");
	V86(&r, loads16, 0);
	MEM32(LIN + 0x100) = 0x5678abcd;
	MEM8(0x100000) = MEM8(0x100000);
	run(&r);
	V86_END(&r, loads16);
	check_that("ffff:0010 is 1 MiB", r.ecx, MEM8(0x100000));
	check_that("fs", r.ebx, 0xffff);
	check_that("si", r.esi, 0xabcd);
	check_that("ds", r.edx, 0x5678);
	check_that("di", r.edi, 0x7777);
	check_that("ss", r.ss, 0xb00);
}

static void test_limit(void)
{
	struct regs r;

	begin("vm86.edge");
	V86(&r, at_byte, 0);
	r.ebx = 0xffff;
	run(&r);
	V86_END(&r, at_byte);
	begin("vm86.limit");
	V86(&r, at_word, 0);
	r.ebx = 0xffff;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, AT(at_word));
	V86(&r, at_dword, 0);
	r.ebx = 0x10000;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, AT(at_dword));
	begin("vm86.limit.stack");
	V86(&r, at_bp, 0);
	r.ebp = 0xffff;
	run(&r);
	check_v86_trap(&r, VEC_SS, 0, AT(at_bp));
	V86(&r, at_push, 0);
	r.esp = 1;
	run(&r);
	check_v86_trap(&r, VEC_SS, 0, AT(at_push));
	begin("vm86.stack-wrap");
	V86(&r, at_push, 0);
	r.esp = 0;
	r.eax = 0x4321;
	run(&r);
	V86_END(&r, at_push);
	check_that("sp", r.esp, 0xfffe);
	check_that("pushed", MEM16((SSEG << 4) + 0xfffe), 0x4321);
}

static void test_iopl(void)
{
	static const struct {
		const char *name;
		char *code;
	} sensitive[] = {
		{ "cli", do_cli }, { "sti", do_sti }, { "pushf", do_pushf },
		{ "popf", do_popf }, { "iret", do_iret }, { "int", int40 },
		{ "pushfd", do_pushfd }, { "popfd", do_popfd },
	};
	struct regs r;

	begin("vm86.iopl3.flags");
	V86(&r, flags16, 3);
	run(&r);
	V86_END(&r, flags16);
	check_that("pushf", r.eax & 0x3000, 0x2000);
	check_that("popf leaves IOPL", r.ebx & 0x7000, 0x7000);
	check_that("sti", r.ecx & EFL_IF, EFL_IF);
	check_that("cli", r.edx & EFL_IF, 0);
	check_that("pushfd: no VM, no RF", r.esi & (EFL_VM | EFL_RF), 0);
	check_that("popfd", r.edi & EFL_DF, 0);
	begin("vm86.iopl3.iret");
	V86(&r, iret16, 3);
	run(&r);
	V86_END(&r, iret16);
	check_that("not passed", r.ebx, 0);
	check_that("sp", r.eax, 0x800);
	begin("vm86.iopl3.int");
	V86(&r, int40, 3);
	run(&r);
	check_v86_trap(&r, 0x40, NOERR, 2);
	idt_dpl(0x40, 0);
	V86(&r, int40, 3);
	run(&r);
	check_v86_trap(&r, VEC_GP, 0x202, 0);
	idt_dpl(0x40, 3);
	for (u32 iopl = 0; iopl < 3; iopl++) {
		begin("vm86.iopl<3");
		for (u32 i = 0; i < ARRAY_SIZE(sensitive); i++) {
			v86_init(&r, sensitive[i].code, sensitive[i].code + 3,
				 iopl);
			run(&r);
			check_that(sensitive[i].name, r.vec, VEC_GP);
			check_that(sensitive[i].name, r.err, 0);
			check_that(sensitive[i].name, r.eip, 0);
			check_that(sensitive[i].name, r.esp, 0x800);
		}
		begin("vm86.int3-into");
		V86(&r, int3_, iopl);
		run(&r);
		check_v86_trap(&r, VEC_BP, NOERR, 1);
		V86(&r, into_, iopl);
		run(&r);
		check_v86_trap(&r, VEC_OF, NOERR, AT(into_) + 1);
	}
}

static void test_io(void)
{
	struct regs r;

	begin("vm86.io.denied");
	for (u32 iopl = 0; iopl < 4; iopl += 3) {
		V86(&r, do_in, iopl);
		r.edx = 0x3fd;
		run(&r);
		check_v86_trap(&r, VEC_GP, 0, 0);
		V86(&r, do_insb, iopl);
		r.edx = 0x3fd;
		run(&r);
		check_v86_trap(&r, VEC_GP, 0, 0);
	}
	begin("vm86.io.bitmap");
	memset(tss.io, 0xff, sizeof(tss.io));
	tss.iomap = offsetof(struct tss, io);
	tss.io[0x3fd / 8] &= ~(1 << (0x3fd & 7));
	tss.io[0x80 / 8] &= ~1;
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), sizeof(tss) - 1, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	V86(&r, do_in, 0);
	r.edx = 0x3fd;
	run(&r);
	V86_END(&r, do_in);
	check_that("line status", r.eax & 0x60, 0x60);
	V86(&r, do_out, 0);
	r.edx = 0x80;
	run(&r);
	V86_END(&r, do_out);
	V86(&r, do_in, 3);
	r.edx = 0x3fe;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	V86(&r, do_inw, 0); /* every byte of the access must be allowed */
	r.edx = 0x3fd;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	/* Beyond the map: denied. */
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), offsetof(struct tss, io) + 0x70,
				  A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	V86(&r, do_in, 0);
	r.edx = 0x3fd;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	tss.iomap = sizeof(tss);
}

static void test_faults(void)
{
	struct regs r;
	static const struct {
		const char *name;
		u8 len, vec;
		u8 bytes[6];
	} ops[] = {
		{ "hlt", 1, VEC_GP, { 0xf4 } },
		{ "lgdt", 5, VEC_GP, { 0x0f, 0x01, 0x16, 0, 1 } },
		{ "lidt", 5, VEC_GP, { 0x0f, 0x01, 0x1e, 0, 1 } },
		{ "mov eax, cr0", 3, VEC_GP, { 0x0f, 0x20, 0xc0 } },
		{ "mov cr3, eax", 3, VEC_GP, { 0x0f, 0x22, 0xd8 } },
		{ "mov eax, dr7", 3, VEC_GP, { 0x0f, 0x21, 0xf8 } },
		{ "clts", 2, VEC_GP, { 0x0f, 0x06 } },
		{ "lmsw", 3, VEC_GP, { 0x0f, 0x01, 0xf0 } },
		{ "wbinvd", 2, VEC_GP, { 0x0f, 0x09 } },
		{ "rdmsr", 2, VEC_GP, { 0x0f, 0x32 } },
		{ "wrmsr", 2, VEC_GP, { 0x0f, 0x30 } },
		{ "invlpg", 3, VEC_GP, { 0x0f, 0x01, 0x3f } },
		{ "sldt", 3, VEC_UD, { 0x0f, 0x00, 0xc0 } },
		{ "str", 3, VEC_UD, { 0x0f, 0x00, 0xc8 } },
		{ "lldt", 3, VEC_UD, { 0x0f, 0x00, 0xd0 } },
		{ "ltr", 3, VEC_UD, { 0x0f, 0x00, 0xd8 } },
		{ "verr", 3, VEC_UD, { 0x0f, 0x00, 0xe0 } },
		{ "verw", 3, VEC_UD, { 0x0f, 0x00, 0xe8 } },
		{ "lar", 3, VEC_UD, { 0x0f, 0x02, 0xc0 } },
		{ "lsl", 3, VEC_UD, { 0x0f, 0x03, 0xc0 } },
		{ "arpl", 2, VEC_UD, { 0x63, 0xc0 } },
		{ "ud2", 2, VEC_UD, { 0x0f, 0x0b } },
	};

	begin("vm86.privileged");
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++)
		for (u32 iopl = 0; iopl < 4; iopl += 3) {
			v86_init(&r, ops[i].bytes, ops[i].bytes + ops[i].len,
				 iopl);
			run(&r);
			check_that(ops[i].name, r.vec, ops[i].vec);
			check_that(ops[i].name, r.eip, 0);
		}
	begin("vm86.faults");
	V86(&r, do_div, 0);
	r.eax = 5;
	r.es = 0x9876;
	run(&r);
	check_v86_trap(&r, VEC_DE, NOERR, AT(do_div));
	check_that("es", r.es, 0x9876);
	check_that("handler esp", r.hesp, tss.esp0 - 36);
	begin("vm86.gate-to-ring-1");
	/* From V86 mode only ring 0 may be entered: #GP(selector). */
	idt[VEC_UD] = gate_desc(CS1, stub_addr(VEC_UD), G_INT, 0);
	V86(&r, do_ud, 0);
	run(&r);
	check_that("vector", r.vec, VEC_GP);
	check_that("error code", r.err & ~1u, CS1 & ~3);
	idt_reset();
}

/* --- VME --- */

CODE16(vme_flags, "sti; pushf; pop ax; cli; pushf; pop bx; "
       "push 0x0202; popf; pushf; pop cx");
CODE16(vme_int, "sti; int 0x60; mov cx, sp; jmp 9f; nop; nop; nop; nop; nop; "
       "nop; .balign 16; mov bp, sp; mov ax, [bp]; mov bx, [bp+2]; "
       "mov dx, [bp+4]; pushf; pop si; iret; 9: pushf; pop di");

static void test_vme(void)
{
	struct regs r;
	u32 map = offsetof(struct tss, io);

	if (!(cpuid_of(1, 0).d & 2)) {
		print("# VME is not offered\n");
		return;
	}
	wr_c4(rd_c4() | CR4_VME);
	/* interrupt redirection map: 32 bytes before the I/O map */
	memset(tss.io, 0, 32);
	memset(tss.io + 32, 0xff, 16);
	tss.iomap = map + 32;
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), map + 40, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	begin("vme.flags");
	V86(&r, vme_flags, 0);
	run(&r);
	V86_END(&r, vme_flags);
	check_that("sti; pushf", r.eax & 0x3200, 0x3200);
	check_that("cli; pushf", r.ebx & 0x3200, 0x3000);
	check_that("popf", r.ecx & 0x3200, 0x3200);
	check_that("VIF", r.efl & EFL_VIF, EFL_VIF);
	check_that("IF", r.efl & EFL_IF, 0);
	begin("vme.vip");
	V86(&r, do_sti, 0);
	r.efl |= EFL_VIP;
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	check_that("VIF", r.efl & EFL_VIF, 0);
	begin("vme.pushfd");
	V86(&r, do_pushfd, 0);
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	V86(&r, do_popfd, 0);
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	begin("vme.int-redirected");
	for (u32 iopl = 0; iopl < 4; iopl += 3) {
		V86(&r, vme_int, iopl);
		MEM32(0x60 * 4) = SEG << 16 | 0x10;
		run(&r);
		V86_END(&r, vme_int);
		check_that("ip", r.eax, 3);
		check_that("cs", r.ebx, SEG);
		check_that("flags: IF as VIF", r.edx & 0x200, 0x200);
		check_that("in the handler", r.esi & 0x200, 0);
		check_that("after iret", r.edi & 0x200, 0x200);
		check_that("sp", r.ecx, 0x800);
	}
	begin("vme.int-not-redirected");
	tss.io[0x40 / 8] |= 1;
	V86(&r, int40, 3);
	run(&r);
	check_v86_trap(&r, 0x40, NOERR, 2);
	V86(&r, int40, 0);
	run(&r);
	check_v86_trap(&r, VEC_GP, 0, 0);
	wr_c4(rd_c4() & ~CR4_VME);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
}

static int resume_hook(struct regs *r)
{
	if (r->vec != 0x40)
		return 0;
	r->ecx += 1;
	return 1;
}

CODE16(back, "mov bx, 100; 1: int 0x40; dec bx; jnz 1b");

static void test_resume(void)
{
	struct regs r;

	begin("vm86.back-and-forth");
	trap_hook = resume_hook;
	V86(&r, back, 3);
	r.gs = 0x1234;
	run(&r);
	trap_hook = NULL;
	V86_END(&r, back);
	check_that("times", r.ecx, 100);
	check_that("gs", r.gs, 0x1234);
}

void guest_main(void)
{
	for (int paging = 0; paging < 2; paging++) {
		if (paging)
			identity_on();
		test_enter();
		test_limit();
		test_iopl();
		test_io();
		test_faults();
		test_resume();
		test_vme();
	}
}
