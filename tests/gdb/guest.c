/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c - the bare guest that tests/gdb.pl debugs. It checks from inside what
 * the debugger must not change, and does nothing unless gdb sets `wanted`.
 *
 * Compiled with debug information: gdb steps by source lines too.
 */
#include "guest.h"

#define NOINLINE __attribute__((noinline, noclone))

volatile u32 wanted;  /* gdb: what to do next, T_* in gdb.pl's scripts */
volatile u32 go_on;   /* gdb: leave the endless loop */
volatile u32 result;
volatile u32 cells[16] __attribute__((aligned(64)));
volatile u8 patch_me[4];
u32 text_sum, d6_was, d7_was;

static u32 fault_page_at = 0x80000000; /* a page that is not present */

/* --- code to stop in */

CODE(g_simple, "g_simple_1: mov eax, 1; g_simple_2: add eax, ebx;"
     "g_simple_3: inc ecx");
CODE(g_regs, "g_regs_1: nop; g_regs_2: mov ds:[cells+60], eax; nop");
CODE(g_calls, "call 1f; g_calls_2: nop; jmp 2f; 1: inc eax; ret; 2: nop");
CODE(g_shadow, "mov eax, ss; g_shadow_1: mov ss, eax; g_shadow_2: inc ecx;"
     "g_shadow_3: inc edx; sti; inc ecx; cli; inc edx");
CODE(g_flags, "pushfd; pop eax; pushfd; g_flags_1: popfd; pushfd; pop ebx");
CODE(g_rep, "mov ecx, 4; g_rep_1: rep movsd; g_rep_2: nop");
CODE(g_soft, "nop; int 0x80; g_soft_1: nop; nop");
CODE(g_hot, "mov ecx, 100000; 1: call 2f; dec ecx; jnz 1b; jmp 3f;"
     "2: g_hot_1: inc eax; ret; 3: nop");
CODE(g_pf, "mov edi, 7; g_pf_1: mov dword ptr [ebx], 5; g_pf_2: inc edi");
CODE(g_watch, "mov eax, [ebx]; g_watch_1: mov [ebx], eax; g_watch_2:"
     "inc dword ptr [ebx]; g_watch_3: mov [ebx+4], eax; mov eax, [ebx+4];"
     "mov [ebx-1], eax; g_watch_4: mov ecx, esp; lea esp, [ebx+4]; push edx;"
     "g_watch_5: mov esp, ecx; lea edi, [ebx-8]; lea esi, [ebx+16];"
     "mov ecx, 4; rep movsd; g_watch_6: nop");
CODE(g_string, "lea edi, [ebx-8]; mov ecx, 4; rep stosd; g_string_1: nop");
CODE(g_own, "mov eax, 5; mov [ebx+4], eax; g_own_1: inc dword ptr [ebx+4];"
     "g_own_2: mov eax, [ebx+4]; mov [ebx], eax; nop");

/* INT 80h, or the page fault: the handler mends what is wrong. */
static int mend(struct regs *r)
{
	if (r->vec == 0x80 || r->vec == VEC_DB)
		return 1;
	if (r->vec != VEC_PF)
		return 0;
	page_map(r->cr2 & ~0xfffu, page_alloc(), PTE_P | PTE_W | PTE_U);
	return 1;
}

/* --- what gdb asks for */

NOINLINE u32 square(u32 n)
{
	u32 s = 0;

	for (u32 i = 0; i < n; i++)
		s += n;
	return s;
}

NOINLINE u32 twice(u32 n)
{
	u32 a = square(n);
	u32 b = square(n + 1);

	return a + b;
}

NOINLINE void endless(void)
{
	while (!go_on)
		;
}

/* Nothing ever wakes it but a debugger that sets eip behind it. */
NOINLINE void halts(void)
{
	asm volatile(".globl halt_at, halt_out\n"
		     "sti\nhalt_at: hlt\nnop\nhalt_out: cli");
	result++;
}

static void snippet(const void *code, int cpl)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.eax = r.edx = 0;
	r.ebx = ADDR(cells) + 32;
	r.ecx = 0;
	r.esi = ADDR(cells);
	r.edi = ADDR(cells) + 16;
	if (code == g_watch)
		r.edx = 0x5a;
	if (code == g_pf) {
		page_unmap(fault_page_at);
		r.ebx = fault_page_at;
		fault_page_at += 4096;
	}
	trap_hook = mend;
	run(&r);
	trap_hook = NULL;
	check_that("vector", r.vec, VEC_END);
	result = r.eax;
	if (code == g_pf)
		check_that("edi", r.edi, 8);
	if (code == g_flags)
		check_that("TF is not seen", (r.eax | r.ebx) & EFL_TF, 0);
	if (code == g_shadow)
		check_that("both parts ran", r.ecx * 16 + r.edx, 0x22);
}

/* gdb stops here each time. */
NOINLINE void ask(void)
{
	BARRIER();
	asm volatile("nop");
}

static u32 sum_text(void)
{
	const u8 *code = (const u8 *)ask;
	u32 sum = 0;

	for (const u8 *p = (u8 *)g_simple; p < (u8 *)g_own_end; p++)
		sum = sum * 31 + *p;
	for (int i = 0; i < 16; i++)
		sum = sum * 31 + code[i];
	return sum;
}

static void serve(void)
{
	static const void *const codes[] = { g_simple, g_regs, g_calls,
					     g_shadow, g_flags, g_rep, g_soft,
					     g_hot, g_pf, g_watch, g_string,
					     g_own };
	u32 n = wanted;

	wanted = 0;
	if (n >= 0x10 && (n & 0xff) - 0x10 < ARRAY_SIZE(codes))
		snippet(codes[(n & 0xff) - 0x10], n & 0x100 ? 3 : 0);
	switch (n) {
	case 1:
		result = twice(5);
		break;
	case 2:
		endless();
		break;
	case 3:
		halts();
		break;
	case 4: /* our own debug registers beside gdb's */
		wr_d0(ADDR(cells) + 32);
		wr_d7(DR7_FIXED1 | 0xd << 16 | 2);
		break;
	case 5:
		wr_d7(DR7_FIXED1);
		check_that("the guest's own watchpoint", rd_d6() & 15, 1);
		wr_d6(DR6_FIXED1);
		break;
	}
}

void guest_main(void)
{
	begin("gdb");
	print("# guest of gdb.pl\n");
	text_sum = sum_text();
	d6_was = rd_d6();
	d7_was = rd_d7();
	identity_on();
	idt_dpl(0x80, 3);
	do {
		ask();
		if (!wanted)
			break;
		serve();
	} while (1);
	check_that("code is as it was", sum_text(), text_sum);
	check_that("DR6 is as it was", rd_d6(), d6_was);
	check_that("DR7 is as it was", rd_d7(), d7_was);
}
