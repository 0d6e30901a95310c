/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * realmode.c - bare guest: real mode, and the ways between it and protected
 * mode.
 *
 * Each sub-test is 16-bit code that runs at 0000:8000 and leaves its results
 * in registers. HAZARDS 6 (16-bit addresses and stacks), 10. SDM vol. 3,
 * 9.9 and 20.1.
 */
#include "guest.h"

#define NOLIMIT "TCG checks no limit in real mode"
const struct tcg_skip tcg_skips[] = {
	{ "real.limit.offset", NOLIMIT },
	{ "real.limit.addr32", NOLIMIT },
	{ "real.limit.stack", NOLIMIT },
	{ 0, 0 },
};

extern char real_tramp[], real_tramp_end[];
void real_enter(void);

struct rregs {
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi, efl;
};

static struct rregs in;
static struct rregs out;

/* 16-bit code that returns; labels are offsets from its start plus 0x8000. */
#define REAL(name, ...) CODE16(name, __VA_ARGS__ "\nret")
#define OFF(label, name) label " - " #name " + 0x8000"

static void real_run(const void *code, const void *end)
{
	memcpy((void *)0x7000, real_tramp,
	       (u32)(real_tramp_end - real_tramp));
	memcpy((void *)0x8000, code, (u32)((u8 *)end - (u8 *)code) + 1);
	memcpy((void *)0x7e00, &in, 32);
	gdt_put(0x320, seg_desc(0, 0xffff, A_CODE, 0));
	gdt_put(0x328, seg_desc(0, 0xffff, A_DATA, 0));
	real_enter();
	tables_init_again();
	memcpy(&out, (void *)0x7e20, 36);
	memset(&in, 0, sizeof(in));
}

#define GO(name)                                                              \
	begin("real." #name);                                                 \
	real_run(name, name##_end)

REAL(state, "smsw ax; and ax, 1; mov bx, cs; mov cx, ss; sgdt [0x6000]; "
     "mov edx, cr0; and edx, 1; mov si, 0x5678");
REAL(segs, "mov ax, 0x1234; mov ds, ax; mov byte ptr [5], 0x77; "
     "mov ax, 0x1000; mov es, ax; mov bl, es:[0x2345]; "
     "mov ax, 0xffff; mov fs, ax; mov ecx, fs:[0x10]; mov dx, fs; "
     "xor ax, ax; mov ds, ax; mov ax, ds");
REAL(wide, "mov eax, 0x12345678; mov ebx, eax; add ebx, 0x11111111; "
     "push eax; pop cx; pop dx; mov esi, 0x9000; mov [esi+0x10], eax; "
     "mov di, [0x9012]; lea ebp, [esi+esi*4+3]; movzx eax, bx");
REAL(forms, /* every 16-bit addressing form */
     "mov bx, 0x100; mov si, 0x20; mov di, 0x3; mov bp, 0x5000; "
     "lea ax, [bx+si]; lea cx, [bx+di+0x7f]; lea dx, [bp+si-2]; "
     "add ax, cx; add ax, dx; lea cx, [bp+di+0x1234]; add ax, cx; "
     "lea cx, [si-1]; add ax, cx; lea cx, [di]; add ax, cx; "
     "lea cx, [bp+0xf000]; mov dx, cx; lea cx, [bx]; add ax, cx; "
     "lea ecx, [bx+0xff80]; lea bx, [0x4321]");
REAL(wrap, "mov si, 0xffff; mov byte ptr [si+2], 0x5a; mov al, [1]; "
     "mov bx, 0x8000; mov di, 0x8001; mov ah, [bx+di]; "
     "mov ecx, 0x10000; mov si, cx; mov cx, 0xfff0; add cx, 0x20");
REAL(stack, "mov bp, sp; mov ax, 0x2000; mov ss, ax; mov sp, 0; "
     "push 0x1234; mov bx, sp; push 0x5678; pop cx; pop dx; mov di, sp; "
     "mov ax, 0; mov ss, ax; mov sp, bp; mov ax, 0x2000; mov es, ax; "
     "mov si, es:[0xfffe]");
REAL(frames, "mov bp, 0x1111; enter 8, 0; mov ax, [bp]; mov bx, bp; "
     "sub bx, sp; leave; mov cx, bp; pusha; mov bp, sp; mov dx, [bp+6]; "
     "sub dx, bp; popa; pushad; popad; mov si, bp; push 0; popf; pushf; "
     "pop di");
REAL(calls, "xor ax, ax; call 1f; push cs; call 2f; "
     ".byte 0x9a; .word 3f - calls + 0x8000 - 16, 1; "
     "mov cx, sp; jmp 9f; 1: inc ax; ret; 2: add ax, 2; retf; "
     "3: add ax, 4; mov bx, cs; retf; 9: mov dx, 5; 4: add ax, 16; "
     "dec dx; jnz 4b; mov cx, 3; 5: inc di; loop 5b; jcxz 6f; mov di, 0; "
     "6: mov ecx, 0x10002; 7: inc si; loop 7b; mov ebp, ecx; "
     ".byte 0x66, 0xe8; .long 8f - . - 4; jmp 11f; "
     "8: .byte 0x66, 0xc3; 11: nop");
REAL(strings, "mov si, 0xfffe; mov byte ptr [0xfffe], 1; "
     "mov byte ptr [0xffff], 2; push word ptr [0]; mov byte ptr [0], 3; "
     "lodsb; mov bl, al; lodsb; mov bh, al; lodsb; mov cl, al; mov dx, si; "
     "pop word ptr [0]; mov di, 0x9100; push cx; mov ecx, 0xffff0010; "
     "mov al, 0x99; rep stosb; mov ebp, ecx; pop cx; mov ax, [0x910e]");
REAL(interrupts, /* int 0x60 -> 1f, int 0 -> 2f, int 6 -> 3f, int 4, 3 */
     "mov word ptr [0x180], " OFF("1f", interrupts) "; "
     "mov word ptr [0x182], 0; "
     "mov word ptr [0], " OFF("2f", interrupts) "; mov word ptr [2], 0; "
     "mov word ptr [0x18], " OFF("3f", interrupts) "; "
     "mov word ptr [0x1a], 0; "
     "mov word ptr [0x10], " OFF("4f", interrupts) "; "
     "mov word ptr [0x12], 0; "
     "mov word ptr [0xc], " OFF("4f", interrupts) "; "
     "mov word ptr [0xe], 0; xor ebx, ebx; "
     "stc; int 0x60; pushf; pop dx; xor cx, cx; div cx; "
     "5: ud2; 6: mov al, 0x7f; add al, 1; into; int3; mov di, bp; jmp 9f; "
     "1: pushf; pop si; mov bp, sp; mov bp, [bp+4]; or bl, 1; iret; "
     "2: or bl, 2; add sp, 2; push " OFF("5b", interrupts) "; iret; "
     "3: or bl, 4; add sp, 2; push " OFF("6b", interrupts) "; iret; "
     "4: inc bh; iret; 9: mov ax, bx");
REAL(moved_ivt, "sidt [0x6000]; mov word ptr [0x6010], 0x1ff; "
     "mov dword ptr [0x6012], 0x30000; "
     "mov ax, 0x3000; mov es, ax; mov word ptr es:[0x180], "
     OFF("1f", moved_ivt) "; mov word ptr es:[0x182], 0; "
     "mov word ptr es:[0x34], " OFF("2f", moved_ivt) "; "
     "mov word ptr es:[0x36], 0; lidt [0x6010]; xor bx, bx; "
     "int 0x60; 3: int 0x90; mov bx, 99; 4: lidt [0x6000]; jmp 9f; "
     "1: inc bx; iret; 2: add bx, 16; pop cx; push " OFF("4b", moved_ivt)
     "; iret; 9: sub cx, " OFF("3b", moved_ivt));
/* #GP or #SS (vectors 13 and 12) with the address of the culprit in cx */
#define LIMIT_TEST(name, vec, body)                                           \
	REAL(name, "mov word ptr [4*" #vec "], " OFF("1f", name) "; "         \
	     "mov word ptr [4*" #vec "+2], 0; mov bp, sp; xor eax, eax; "     \
	     "2: " body "; nop; jmp 3f; "                                     \
	     "1: mov bx, " #vec "; pop cx; push " OFF("3f", name) "; iret; "  \
	     "3: mov ax, 0; mov ss, ax; mov sp, 0x7bfe;")
LIMIT_TEST(limit_word, 13, "mov dx, [0xffff]");
LIMIT_TEST(limit_addr32, 13, "mov dl, [eax+0x10000]");
LIMIT_TEST(limit_stack, 12, "mov dx, [bp+0xffff-0x7bfe]");
REAL(unreal, "cli; mov eax, cr0; or al, 1; mov cr0, eax; jmp 1f; "
     "1: mov bx, 0x10; mov ds, bx; and al, 0xfe; mov cr0, eax; jmp 2f; "
     "2: mov esi, 0x300000; mov dword ptr [esi], 0xabcd1234; "
     "mov edx, [esi]; mov ax, ds; xor bx, bx; mov ds, bx; "
     "mov ecx, [esi]; mov di, [0x8000]");
REAL(pe_no_jump, /* PE alone leaves CS as it is, 16-bit code goes on */
     "cli; mov eax, cr0; or al, 1; mov cr0, eax; mov bx, cs; "
     "mov cx, 0x1234; mov dx, [0x8000]; and al, 0xfe; mov cr0, eax; "
     "mov ax, 0x900; mov es, ax; mov si, es");
REAL(flags, "pushf; pop ax; xor ax, ax; push ax; popf; pushf; pop bx; "
     "mov ax, 0x7ed7; and ax, 0x7cd7; push ax; popf; pushf; pop cx; "
     "push 2; popf; sti; pushf; pop dx; cli; pushf; pop si; cld");
REAL(only_protected, /* #UD handler skips three bytes and counts */
     "mov word ptr [0x18], " OFF("1f", only_protected) "; "
     "mov word ptr [0x1a], 0; xor bx, bx; sldt ax; str ax; lldt ax; "
     "ltr ax; verr ax; verw ax; lar ax, ax; lsl ax, ax; "
     ".byte 0x63, 0xc0, 0x90; jmp 9f; "
     "1: push bp; mov bp, sp; add word ptr [bp+2], 3; pop bp; inc bx; "
     "iret; 9: nop");
REAL(loops, "mov ecx, 200000; xor eax, eax; 1: add eax, ecx; dec ecx; "
     "jnz 1b; mov edx, 50000; 2: call 3f; dec edx; jnz 2b; jmp 4f; "
     "3: inc ebx; ret; 4: nop");
REAL(lpm, "lgdt [0x6000]; .byte 0x66; sgdt [0x6020]; mov eax, [0x6022]; "
     "mov dword ptr [0x6032], 0x12345678; mov word ptr [0x6030], 0x7f; "
     "lgdt [0x6030]; .byte 0x66; sgdt [0x6040]; mov ebx, [0x6042]; "
     ".byte 0x66; lgdt [0x6030]; .byte 0x66; sgdt [0x6050]; mov ecx, [0x6052]");
REAL(bytes, "mov ah, 0x12; mov bh, ah; xchg bl, bh; mov bp, 0x9200; "
     "mov byte ptr [bp], 0x44; add ah, [bp]; mov [bp+1], ah; mov cx, [bp]; "
     "mov al, 0x55; aam; aad; das; mov dx, ax; cbw; cwd; xlat; "
     "mov si, 0x1234; rol si, 4; bswap edi");

static void test_basic(void)
{
	GO(state);
	check_that("PE", out.eax & 0xffff, 0);
	check_that("cs", out.ebx & 0xffff, 0);
	check_that("ss", out.ecx & 0xffff, 0);
	check_that("cr0.PE", out.edx, 0);
	check_that("si", out.esi & 0xffff, 0x5678);
	MEM8(0x12345) = 0;
	MEM32(0x100000) = MEM32(0x100000);
	GO(segs);
	check_that("1234:0005", MEM8(0x12345), 0x77);
	check_that("1000:2345", out.ebx & 0xff, 0x77);
	check_that("ffff:0010", out.ecx, MEM32(0x100000));
	check_that("fs", out.edx & 0xffff, 0xffff);
	GO(wide);
	check_that("ebx", out.ebx, 0x23456789);
	check_that("cx", out.ecx & 0xffff, 0x5678);
	check_that("dx", out.edx & 0xffff, 0x1234);
	check_that("di", out.edi & 0xffff, 0x1234);
	check_that("lea", out.ebp, 0x9000 * 5 + 3);
	check_that("movzx", out.eax, 0x6789);
	GO(forms);
	check_that("sum", out.eax & 0xffff,
		   (0x120 + 0x182 + 0x501e + 0x6237 + 0x1f + 3 + 0x100) &
		   0xffff);
	check_that("[bp+0xf000] wraps", out.edx & 0xffff, 0x4000);
	check_that("lea ecx is zero-extended", out.ecx, 0x80);
	check_that("lea bx, [disp16]", out.ebx & 0xffff, 0x4321);
	GO(wrap);
	check_that("[si+2]", out.eax & 0xff, 0x5a);
	check_that("[bx+di]", out.eax >> 8 & 0xff, 0x5a);
	check_that("cx", out.ecx & 0xffff, 0x10);
	MEM16(0x2fffe) = 0;
	GO(stack);
	check_that("sp after the push", out.ebx & 0xffff, 0xfffe);
	check_that("pop", out.ecx & 0xffff, 0x5678);
	check_that("pop", out.edx & 0xffff, 0x1234);
	check_that("sp back", out.edi & 0xffff, 0);
	check_that("2000:fffe", out.esi & 0xffff, 0x1234);
	GO(frames);
	check_that("saved bp", out.eax & 0xffff, 0x1111);
	check_that("locals", out.ebx & 0xffff, 8);
	check_that("leave", out.ecx & 0xffff, 0x1111);
	check_that("bp", out.esi & 0xffff, 0x1111);
	check_that("flags", out.edi & 0xffff, EFL_FIXED1);
	in.esi = in.edi = 0;
	GO(calls);
	check_that("ax", out.eax & 0xffff, 7 + 80);
	check_that("cs of the far call", out.ebx & 0xffff, 1);
	check_that("loop", out.edi & 0xffff, 3);
	check_that("loop counts cx", out.esi & 0xffff, 2);
	check_that("ecx keeps its upper half", out.ebp, 0x10000);
	GO(strings);
	check_that("si wraps", out.ebx & 0xffff, 0x0201);
	check_that("third byte", out.ecx & 0xff, 3);
	check_that("si", out.edx & 0xffff, 1);
	check_that("rep counts cx", out.ebp, 0xffff0000);
	check_that("stored", out.eax & 0xffff, 0x9999);
	GO(flags);
	check_that("zero", out.ebx & 0xffff, EFL_FIXED1);
	check_that("IOPL and NT", out.ecx & 0xffff, 0x7cd7);
	check_that("sti", out.edx & EFL_IF, EFL_IF);
	check_that("cli", out.esi & EFL_IF, 0);
	GO(bytes);
	check_that("bx", out.ebx & 0xffff, 0x0012);
	check_that("cx", out.ecx & 0xffff, 0x5644);
	check_that("si", out.esi & 0xffff, 0x2341);
	GO(loops);
	check_that("sum", out.eax, 200000u / 2 * 200001u);
	check_that("calls", out.ebx, 50000);
}

static void test_interrupts(void)
{
	u8 save[1024];

	memcpy(save, (void *)0, 1024);
	GO(interrupts);
	check_that("handlers", out.eax & 0xff, 7);
	check_that("int3 and into", out.eax >> 8 & 0xff, 2);
	check_that("flags after iret", out.edx & EFL_CF, EFL_CF);
	check_that("IF, TF in the handler", out.esi & (EFL_IF | EFL_TF), 0);
	check_that("flags pushed", out.edi & EFL_CF, EFL_CF);
	GO(moved_ivt);
	check_that("int 0x60 and #GP", out.ebx & 0xffff, 17);
	check_that("ip of the culprit", out.ecx & 0xffff, 0);
	MEM16(0x6000) = 0x3ff;
	begin("real.limit.offset");
	real_run(limit_word, limit_word_end);
	check_that("vector", out.ebx & 0xffff, 13);
	check_that("ip", out.ecx & 0xffff, 0x8011);
	begin("real.limit.addr32");
	real_run(limit_addr32, limit_addr32_end);
	check_that("vector", out.ebx & 0xffff, 13);
	begin("real.limit.stack");
	real_run(limit_stack, limit_stack_end);
	check_that("vector", out.ebx & 0xffff, 12);
	GO(only_protected);
	check_that("#UD count", out.ebx & 0xffff, 9);
	memcpy((void *)0, save, 1024);
}

static void test_modes(void)
{
	MEM32(0x300000) = 0;
	GO(unreal);
	check_that("store beyond 1 MiB", MEM32(0x300000), 0xabcd1234);
	check_that("load", out.edx, 0xabcd1234);
	check_that("ds", out.eax & 0xffff, 0x10);
	check_that("the limit stays after a load", out.ecx, 0xabcd1234);
	check_that("the base does not", out.edi & 0xffff, MEM16(0x8000));
	GO(pe_no_jump);
	check_that("cs", out.ebx & 0xffff, 0);
	check_that("16-bit code", out.ecx & 0xffff, 0x1234);
	check_that("ds", out.edx & 0xffff, MEM16(0x8000));
	check_that("es", out.esi & 0xffff, 0x900);
	MEM16(0x6000) = 1023;
	MEM32(0x6002) = ADDR(gdt);
	GO(lpm);
	check_that("24-bit base", out.eax, ADDR(gdt) & 0xffffff);
	check_that("24-bit base", out.ebx, 0x345678);
	check_that("32-bit base", out.ecx, 0x12345678);
	begin("real.back-and-forth");
	for (u32 i = 0; i < 100; i++) {
		struct regs r;

		in.ebx = i;
		real_run(loops, loops_end);
		check_that("ebx", out.ebx, i + 50000);
		regs_init(&r, "\x40\xcd\x40", 3);
		r.eax = i;
		run(&r);
		check_that("protected again", r.eax, i + 1);
		if (i == 5)
			break;
	}
}

void guest_main(void)
{
	test_basic();
	test_interrupts();
	test_modes();
}
