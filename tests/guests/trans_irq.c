/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trans_irq.c - bare guest: system calls, returns, POPF and segment loads in
 * quick succession while the 8254 ticks: at whatever place a tick comes, no
 * register, flag or count may be lost, and no tick either. HAZARDS 33-35.
 */
#include "guest.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, IRQ_BASE = 0x70 };

#define ROUNDS 300000u
#define VEC    0x81
#define S(i)   (FREE_SEL + (i) * 8)

u32 ticks, calls;
static u32 addend = 1000;

/* esi gathers the flags that changed; edi is the selector of fs. */
CODE(ints, "mov ecx, 300000; xor esi, esi; xor ebp, ebp;"
     "1: lea eax, [ecx+ecx*4]; add al, cl; pushfd; pop edx; int 0x81;"
     "pushfd; pop ebx; xor ebx, edx; or esi, ebx;"
     "mov eax, edi; mov fs, eax; add ebp, fs:[0]; push 0; pop fs;"
     "push edx; cmp eax, ecx; popfd; pushfd; pop ebx; xor ebx, edx;"
     "or esi, ebx; call 2f; dec ecx; jnz 1b; jmp 3f; 2: inc ebp; ret; 3:");
CODE(enters, "mov edi, 300000; xor esi, esi;"
     "1: lea eax, [edi+edi*4]; add al, ah; pushfd; pop ebx; mov ecx, esp;"
     "mov edx, offset 2f; sysenter; 2: pushfd; pop eax; xor eax, ebx;"
     "or esi, eax; dec edi; jnz 1b");

asm(".pushsection .text\n"
    "tick: push eax; inc dword ptr ss:[ticks]; mov al, 0x20; out 0x20, al; "
    "pop eax; iretd\n"
    "quick_int: push eax; call 1f; sti; pushfd; cli; popfd; cli; pop eax; "
    "iretd; 1: inc dword ptr ss:[calls]; ret\n"
    "quick_enter: mov eax, ss:[calls]; lea eax, [eax+1]; mov ss:[calls], eax; "
    "sti; sysexit\n"
    ".popsection");
extern char tick[], quick_int[], quick_enter[];

static void pic_init(void)
{
	out8(PIC1, 0x11);
	out8(PIC2, 0x11);
	out8(PIC1 + 1, IRQ_BASE);
	out8(PIC2 + 1, IRQ_BASE + 8);
	out8(PIC1 + 1, 4);
	out8(PIC2 + 1, 2);
	out8(PIC1 + 1, 1);
	out8(PIC2 + 1, 1);
	out8(PIC1 + 1, 0xff);
	out8(PIC2 + 1, 0xff);
	idt[IRQ_BASE] = gate_desc(KCS, ADDR(tick), G_INT, 0);
}

static void start(struct regs *r, const char *name, const void *code)
{
	u32 n = 1193182 / 10000;

	begin(name);
	regs_init(r, code, 3);
	r->efl |= EFL_IF;
	r->edi = S(4) | 3;
	ticks = calls = 0;
	out8(PIT + 3, 0x34); /* channel 0, both bytes, mode 2 */
	out8(PIT, n & 0xff);
	out8(PIT, n >> 8);
	out8(PIC1 + 1, 0xfe);
}

static void ended(const struct regs *r, const void *end)
{
	out8(PIC1 + 1, 0xff);
	check_end(r, end);
	check_that("calls", calls, ROUNDS);
	check_that("flags changed", r->esi, 0);
	check_true("ticks came", ticks >= 3);
}

void guest_main(void)
{
	struct regs r;

	identity_on();
	pic_init();
	idt[VEC] = gate_desc(KCS, ADDR(quick_int), G_INT | A_DPL(3), 0);
	for (u32 i = 0; i < 4; i++)
		gdt_put(S(i), seg_desc(0, 0xfffff,
				       (i & 1 ? A_DATA : A_CODE) |
					       A_DPL(i & 2 ? 3 : 0),
				       SEG_B | SEG_G));
	gdt_put(S(4), seg_desc(ADDR(&addend), 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	start(&r, "trans.ticks.int", ints);
	run(&r);
	ended(&r, ints_end);
	check_that("sum", r.ebp, ROUNDS * 1001);
	if (!(cpuid_of(1, 0).d & 1u << 11))
		return;
	wr_msr(MSR_SYSENTER_CS, S(0));
	wr_msr(MSR_SYSENTER_ESP, ADDR(ring0_stack_top));
	wr_msr(MSR_SYSENTER_EIP, ADDR(quick_enter));
	start(&r, "trans.ticks.sysenter", enters);
	run(&r);
	ended(&r, enters_end);
}
