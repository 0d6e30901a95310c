/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.c - bare guest: 8259 and 8254 interrupts at every kind of boundary.
 *
 * HAZARDS 33-35: lost wake-ups, shadows of STI and MOV SS, tight and chained
 * loops, long string instructions; SDM vol. 3, 6.8; 8259A and 8254 data sheets.
 */
#include "guest.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, IRQ_BASE = 0x70 };

extern char irq0_count[], irq0_skip[];
extern volatile u32 ticks, tick_eip, tick_efl, tick_eax, skip_at, skip_to;

/* irq0_count only counts; irq0_skip also leaves the loop at skip_at. */
asm(".pushsection .text\n"
    "irq0_skip: push eax; mov eax, [esp+4]; cmp eax, ss:[skip_at]; jne 1f;"
    "cmp dword ptr ss:[ticks], 5; jb 1f; mov eax, ss:[skip_to];"
    "mov [esp+4], eax; 1: pop eax\n"
    "irq0_count: push eax; inc dword ptr ss:[ticks]; mov ss:[tick_eax], eax;"
    "mov eax, [esp+4]; mov ss:[tick_eip], eax; mov eax, [esp+12];"
    "mov ss:[tick_efl], eax; mov al, 0x20; out 0x20, al; pop eax; iretd\n"
    ".popsection");
volatile u32 ticks, tick_eip, tick_efl, tick_eax, skip_at, skip_to;

static void handler(const void *h)
{
	idt[IRQ_BASE] = gate_desc(KCS, ADDR(h), G_INT, 0);
	ticks = 0;
}

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
}

static void pit_rate(u32 hz)
{
	u32 n = 1193182 / hz;

	out8(PIT + 3, 0x34); /* channel 0, both bytes, mode 2 */
	out8(PIT, n & 0xff);
	out8(PIT, n >> 8);
}

static void unmask(bool on)
{
	out8(PIC1 + 1, on ? 0xfe : 0xff);
}

static bool irr0(void)
{
	out8(PIC1, 0x0a);
	return in8(PIC1) & 1;
}

/* With interrupts off: until a tick is pending. */
static bool wait_pending(void)
{
	for (u32 i = 0; i < 10000000; i++)
		if (irr0())
			return true;
	check_true("a tick comes", false);
	return false;
}

static u8 rtc_seconds(void)
{
	u8 s;

	do {
		out8(0x70, 0x0a);
	} while (in8(0x71) & 0x80);
	out8(0x70, 0);
	s = in8(0x71);
	return s;
}

/*
 * A PC that shares its host with others may lose ticks in a second in which it
 * did not run. So one good second of five is asked for.
 */
static void test_rate(void)
{
	bool good = false;
	u8 s;

	begin("irq.rate");
	handler(irq0_count);
	pit_rate(100);
	unmask(true);
	asm volatile("sti");
	s = rtc_seconds();
	while (rtc_seconds() == s)
		;
	for (unsigned i = 0; i < 5 && !good; i++) {
		ticks = 0;
		s = rtc_seconds();
		while (rtc_seconds() == s)
			;
		good = ticks > 80 && ticks < 120;
	}
	asm volatile("cli");
	unmask(false);
	check_true("100 ticks a second, or nearly", good);
}

CODE(sti_shadow, "sti; inc eax" F(sti_shadow) "inc eax; cli");
CODE(sti_cli, "sti; cli; inc eax");
CODE(popf_if, "push 0x202; popfd" F(popf_if) "inc eax; cli");
CODE(iret_if, "push 0x202; push cs; push offset iret_if_f; iretd"
     F(iret_if) "inc eax; cli");
CODE(sti_jmp, "sti; jmp 1f; inc ebx; 1:" F(sti_jmp) "inc eax; cli");
CODE(sti_hlt, "sti; hlt" F(sti_hlt) "cli; inc eax");
CODE(sti_movss, "mov ebx, ss; sti; mov ss, ebx" F(sti_movss)
     "inc eax; nop; cli");
CODE(sti_popss, "push ss; sti; pop ss" F(sti_popss) "inc eax; nop; cli");
CODE(popf_off, "push 0x002; popfd; inc eax; nop; nop");

/* A tick is pending; the code opens the window; where is it taken? */
static void window(const char *name, void *code, void *end, u32 want,
		   u32 also)
{
	struct regs r;

	begin(name);
	handler(irq0_count);
	pit_rate(1000);
	unmask(true);
	if (wait_pending()) {
		regs_init(&r, code, 0);
		run(&r);
		check_end(&r, end);
		if (want) {
			check_true("taken", ticks >= 1);
			check_true("at the right place",
				   tick_eip == want || tick_eip == also);
		} else {
			check_that("not taken", ticks, 0);
		}
		check_that("eax", r.eax >= 1, 1);
	}
	unmask(false);
	asm volatile("sti; nop; nop; cli");
}

static void test_windows(void)
{
	window("irq.sti-shadow", sti_shadow, sti_shadow_end,
	       ADDR(sti_shadow_f), 0);
	window("irq.sti-cli", sti_cli, sti_cli_end, 0, 0);
	window("irq.popf", popf_if, popf_if_end, ADDR(popf_if_f), 0);
	window("irq.iret", iret_if, iret_if_end, ADDR(iret_if_f), 0);
	window("irq.sti-jmp", sti_jmp, sti_jmp_end, ADDR(sti_jmp_f), 0);
	window("irq.sti-hlt-pending", sti_hlt, sti_hlt_end, ADDR(sti_hlt_f), 0);
	window("irq.sti-mov-ss", sti_movss, sti_movss_end, ADDR(sti_movss_f),
	       ADDR(sti_movss_f) + 1);
	window("irq.sti-pop-ss", sti_popss, sti_popss_end, ADDR(sti_popss_f),
	       ADDR(sti_popss_f) + 1);
	window("irq.popf-clear", popf_off, popf_off_end, 0, 0);
}

CODE(hlt_loop, "mov ecx, 50; 1: sti; hlt; cli; inc eax; dec ecx; jnz 1b");
CODE(hlt_if, "sti; mov ecx, 20; 1: hlt; inc eax; dec ecx; jnz 1b; cli");
CODE(cli_loop, "mov ecx, 20000000; 1: dec ecx; jnz 1b");
CODE(self_jump, F(self_jump) "1: jmp 1b");
CODE(self_loop, "mov ecx, -1" F(self_loop) "1: jmp 1b; nop");
CODE(chained, /* a long computation over several blocks and calls */
     "mov ecx, 3000000; mov eax, 1; 1: imul eax, eax, 1103515245; "
     "add eax, 12345; test eax, 0x10000; jz 2f; call 3f; 2: dec ecx; "
     "jnz 1b; jmp 4f; 3: add edx, 1; ret; 4: nop");
CODE(flags_loop, "mov ecx, 3000000; 1: stc; jnc 9f; mov edi, edi; jnc 9f; "
     "clc; jc 9f; mov edi, edi; jc 9f; cmp ecx, ecx; jne 9f; "
     "lea esi, [esi]; jne 9f; dec ecx; jnz 1b; mov eax, 1; 9: nop");
CODE(rep_copy, "rep movsd");
CODE(rep_stos, "rep stosb");
CODE(indirect, "mov ecx, 2000000; lea ebx, [3f]; 1: call ebx; dec ecx; "
     "jnz 1b; jmp 4f; 3: inc eax; ret; 4: nop");

/* Behind stac the branch leaves the block before it is carried out. */
CODE(sti_ac, "xor ebx, ebx; mov ecx, 500000; 1: cli; stac; "
     ".rept 25; lea eax, [eax+1]; .endr; sti" F(sti_ac) "jmp 2f; "
     "early: inc ebx; 2: clac; dec ecx; jnz 1b; cli");
extern char early[];

static void test_sti_ac(void)
{
	struct regs r;

	if (!(cpuid_of(7, 0).b & 1u << 20))
		return;
	begin("irq.sti-stac");
	handler(irq0_skip);
	skip_at = ADDR(sti_ac_f);
	skip_to = ADDR(early);
	wr_c4(rd_c4() | CR4_SMAP);
	pit_rate(10000);
	unmask(true);
	regs_init(&r, sti_ac, 0);
	run(&r);
	unmask(false);
	wr_c4(rd_c4() & ~CR4_SMAP);
	CHECK_END(&r, sti_ac);
	check_true("ticks", ticks >= 5);
	check_that("taken in the shadow", r.ebx, 0);
}

static u32 lcg_calls, lcg_value;

static void lcg_model(void)
{
	u32 x = 1, n = 0;

	for (u32 i = 0; i < 3000000; i++) {
		x = x * 1103515245u + 12345u;
		n += x >> 16 & 1;
	}
	lcg_value = x;
	lcg_calls = n;
}

static void go(struct regs *r, void *code, void *end, int cpl)
{
	regs_init(r, code, cpl);
	r->efl |= EFL_IF | EFL_IOPL;
	run(r);
	check_end(r, end);
}

#define GO(name, code)                                                        \
	begin(cpl ? "irq." name ".3" : "irq." name ".0");                     \
	handler(irq0_count);                                                  \
	go(&r, code, code##_end, cpl)

/*
 * mov al, [bx]; jecxz back, in the last bytes of a page, so that the way on
 * leads to another. The address of the load must not be taken for the eip of a
 * look-up that a tick lets start over: at that address is UD2.
 */
static void test_jcxz(int cpl)
{
	static const u8 code[] = { 0x67, 0x8a, 0x07, 0xe3, 0xfb, 0xcd, 0x40 };
	u32 at = pages_alloc(2) + 4096 - 5;
	struct regs r;

	begin(cpl ? "irq.jecxz-page-end.3" : "irq.jecxz-page-end.0");
	memcpy((void *)at, code, sizeof(code));
	memcpy((void *)0x9000, "\x0f\x0b", 2);
	skip_at = at;
	skip_to = at + 5;
	for (u32 n = 0; n < 30; n++) {
		handler(irq0_skip);
		regs_init(&r, (void *)at, cpl);
		r.efl |= EFL_IF | EFL_IOPL;
		r.ebx = 0x9000;
		r.ecx = 0;
		run(&r);
		check_end(&r, (void *)(at + 5));
		check_true("ticks", ticks >= 5);
	}
}

static void test_loops(int cpl)
{
	struct regs r;
	u32 src = pages_alloc(512), dst = pages_alloc(512);

	pit_rate(1000);
	unmask(true);
	GO("chained", chained);
	check_that("value", r.eax, lcg_value);
	check_that("calls", r.edx, lcg_calls);
	check_true("ticks came", ticks > 0);
	GO("flags", flags_loop);
	check_that("flags kept", r.eax, 1);
	check_true("ticks came", ticks > 0);
	GO("indirect", indirect);
	check_that("calls", r.eax, 2000000);
	test_jcxz(cpl);
	begin(cpl ? "irq.jmp-self.3" : "irq.jmp-self.0");
	handler(irq0_skip);
	skip_at = ADDR(self_jump_f);
	skip_to = ADDR(self_jump_end);
	go(&r, self_jump, self_jump_end, cpl);
	check_true("ticks", ticks >= 5);
	handler(irq0_skip);
	skip_at = ADDR(self_loop_f);
	skip_to = ADDR(self_loop_end);
	go(&r, self_loop, self_loop_end, cpl);
	check_that("ecx", r.ecx, ~0u);
	begin(cpl ? "irq.rep-movs.3" : "irq.rep-movs.0");
	handler(irq0_count);
	for (u32 i = 0; i < 512 * 1024; i++)
		MEM32(src + i * 4) = i * 2654435761u;
	for (u32 n = 0; n < 20; n++) {
		memset((void *)dst, 0, 4096);
		regs_init(&r, rep_copy, cpl);
		r.efl |= EFL_IF;
		r.esi = src;
		r.edi = dst;
		r.ecx = 512 * 1024;
		run(&r);
		CHECK_END(&r, rep_copy);
		check_that("esi", r.esi, src + (512 << 12));
		check_that("edi", r.edi, dst + (512 << 12));
		check_that("ecx", r.ecx, 0);
	}
	check_that("copied", memcmp((void *)src, (void *)dst, 512 << 12), 0);
	begin(cpl ? "irq.rep-stos.3" : "irq.rep-stos.0");
	for (u32 n = 0; n < 10; n++) {
		regs_init(&r, rep_stos, cpl);
		r.efl |= EFL_IF;
		r.edi = dst;
		r.ecx = 512 << 12;
		r.eax = n;
		run(&r);
		CHECK_END(&r, rep_stos);
		check_that("edi", r.edi, dst + (512 << 12));
	}
	check_that("last byte", MEM8(dst + (512 << 12) - 1), 9);
	unmask(false);
}

static void test_hlt(void)
{
	struct regs r;
	int cpl = 0;

	pit_rate(500);
	unmask(true);
	GO("sti-hlt", hlt_loop);
	check_that("wakes", r.eax, 50);
	check_true("ticks", ticks >= 50);
	GO("hlt", hlt_if);
	check_that("wakes", r.eax, 20);
	check_true("ticks", ticks >= 20);
	begin("irq.cli");
	handler(irq0_count);
	run_at(&r, cli_loop, 0);
	CHECK_END(&r, cli_loop);
	check_that("no tick while IF is 0", ticks, 0);
	check_true("one is pending", wait_pending());
	asm volatile("sti; nop; nop; nop; cli");
	check_true("taken afterwards", ticks >= 1);
	begin("irq.masked");
	unmask(false);
	asm volatile("sti; nop; nop; cli");
	handler(irq0_count);
	go(&r, chained, chained_end, 0);
	check_that("no tick while masked", ticks, 0);
}

static void test_ring3(void)
{
	struct regs r;

	begin("irq.from-ring-3");
	handler(irq0_skip);
	pit_rate(1000);
	unmask(true);
	skip_at = ADDR(self_jump_f);
	skip_to = ADDR(self_jump_end);
	regs_init(&r, self_jump, 3);
	r.efl |= EFL_IF | EFL_CF | EFL_DF | EFL_AC;
	run(&r);
	CHECK_END(&r, self_jump);
	check_that("eflags", r.efl & ~EFL_RF,
		   EFL_FIXED1 | EFL_IF | EFL_CF | EFL_DF | EFL_AC);
	check_that("eflags seen", tick_efl & ~EFL_RF,
		   EFL_FIXED1 | EFL_IF | EFL_CF | EFL_DF | EFL_AC);
	check_that("ds", r.ds, UDS);
	unmask(false);
}

/*
 * x87 errors with NE clear: FERR# to IRQ 13, and the processor waits for it
 * before the next waiting instruction (SDM vol. 1, D.2.1; HAZARDS 60).
 */
CODE(ferr, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz; "
     "fdivp st(1), st; mov eax, 1; fnstsw ax; stc" F(ferr) "fwait; mov eax, 2");
CODE(ferr_env, "fninit; push 0x37b; fldcw [esp]; add esp, 4; fld1; fldz; "
     "fdivp st(1), st; stc" F(ferr_env) "fldenv [esp-32]; mov eax, 2");

static void ferr_one(const void *code, const void *at, int cpl)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.efl |= EFL_IF | EFL_CF;
	run(&r);
	check_that("vector", r.vec, IRQ_BASE + 13);
	check_that("eip", r.eip, ADDR(at));
	check_that("eflags", r.efl & EFL_CF, EFL_CF);
	asm volatile("fnclex");
	out8(0xf0, 0);
	out8(PIC2, 0x20);
	out8(PIC1, 0x20);
	out8(PIC2, 0x0a);
	check_that("no more of it", in8(PIC2) & 0x20, 0);
}

static void test_ferr(int cpl)
{
	u32 c0 = rd_c0();

	if (on_tcg) /* TCG 7.2 fails an assertion of its own */
		return;
	begin(cpl ? "irq.ferr.3" : "irq.ferr.0");
	wr_c0((c0 & ~(CR0_EM | CR0_TS | CR0_NE)) | CR0_MP);
	out8(PIC1 + 1, 0xfb);
	out8(PIC2 + 1, 0xdf);
	for (u32 n = 0; n < 3; n++) { /* again: the line has fallen */
		ferr_one(ferr, ferr_f, cpl);
		ferr_one(ferr_env, ferr_env_f, cpl);
	}
	out8(PIC1 + 1, 0xff);
	out8(PIC2 + 1, 0xff);
	asm volatile("fninit");
	wr_c0(c0);
}

void guest_main(void)
{
	pic_init();
	lcg_model();
	test_rate();
	test_windows();
	test_sti_ac();
	test_hlt();
	test_loops(0);
	test_loops(3);
	test_ferr(0);
	test_ferr(3);
	test_ring3();
}
