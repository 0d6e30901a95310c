/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_random.c - bare guest: random bytes as code in ring 3 and V86 mode.
 *
 * The kernel's pages are supervisor ones; each run ends by its first fault
 * or by the timer: an interrupt, or an NMI where the code may clear IF. Every page that the code may touch is checked to be the only
 * one that changed. The seed is fixed: a failure can be repeated.
 */
#include "guest.h"

#define T   0x50000000u
#define RWU (PTE_P | PTE_W | PTE_U)

enum { RUNS = 3000 };

static u32 state;

static u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

extern char eoi_stub[];
/* The timer's vector: acknowledge, then the usual stub ends the run. */
asm(".pushsection .text\neoi_stub: push eax; mov al, 0x20; out 0x20, al; "
    "pop eax; jmp ss:[eoi_next]\n.popsection");
u32 eoi_next;

extern char nmi_stub[];
/* The timer as NMI: ends a run, and is forgotten while the kernel runs. */
asm(".pushsection .text\nnmi_stub: test dword ptr [esp+8], 1 << 17; jnz 1f; "
    "test byte ptr [esp+4], 3; jnz 1f; iretd; 1: jmp ss:[nmi_next]\n"
    ".popsection");
u32 nmi_next;

#define IOAPIC	    0xfec00000u
#define IOAPIC_DATA (IOAPIC + 0x10)

/* Pin 2, to which the timer goes, sends NMIs to CPU 0, or nothing. */
static void timer_nmi(bool on)
{
	nmi_next = stub_addr(VEC_NMI);
	idt[VEC_NMI] = gate_desc(KCS, ADDR(nmi_stub), G_INT, 0);
	MEM32(IOAPIC) = 0x10 + 2 * 2 + 1;
	MEM32(IOAPIC_DATA) = 0;
	MEM32(IOAPIC) = 0x10 + 2 * 2;
	MEM32(IOAPIC_DATA) = on ? 0x400 : 0x10000;
}

static void timer_on(void)
{
	out8(0x20, 0x11);
	out8(0x21, 0x70);
	out8(0x21, 4);
	out8(0x21, 1);
	out8(0x21, 0xfe);
	out8(0x43, 0x34);
	out8(0x40, 2000 & 0xff);
	out8(0x40, 2000 >> 8);
	eoi_next = stub_addr(0x70);
	idt[0x70] = gate_desc(KCS, ADDR(eoi_stub), G_INT, 0);
}

static void fill(u32 a)
{
	for (u32 i = 0; i < 4096; i += 4)
		MEM32(a + i) = rnd();
}

static u32 guard_sum(const u32 *p, u32 n)
{
	u32 s = 0;

	for (u32 i = 0; i < n; i++)
		s = s * 31 + p[i];
	return s;
}

static void regs_random(struct regs *r)
{
	u32 *p = &r->eax;

	for (u32 i = 0; i < 8; i++)
		p[i] = rnd() & 1 ? T + (rnd() & 0x3fff) : rnd();
	r->efl = EFL_FIXED1 | EFL_IF | (rnd() & (EFL_ARITH | EFL_DF | EFL_AC));
}

static void ring3(const u32 *frames)
{
	struct regs r;
	u32 traps = 0;

	for (u32 n = 0; n < RUNS; n++) {
		if (n % 16 == 0)
			for (u32 i = 0; i < 4; i++)
				fill(frames[i]);
		regs_init(&r, (void *)(T + (rnd() & 0x3fff)), 3);
		regs_random(&r);
		run(&r);
		traps |= 1u << (r.vec & 31);
	}
	check_true("page faults seen", traps >> VEC_PF & 1);
	check_true("#UD seen", traps >> VEC_UD & 1);
	check_true("#GP seen", traps >> VEC_GP & 1);
}

static void v86(void)
{
	struct regs r;

	timer_nmi(true);
	for (u32 n = 0; n < RUNS; n++) {
		if (n % 16 == 0)
			fill(0x9000);
		regs_init(&r, NULL, 3);
		regs_random(&r);
		r.eip = rnd() & 0xfff;
		r.esp = rnd() & 0xffff;
		r.cs = 0x900;
		r.ss = r.ds = r.es = r.fs = r.gs = 0x900 + (rnd() & 15);
		r.efl |= EFL_VM | (rnd() & 1 ? EFL_IOPL : 0);
		run(&r);
		check_true("a vector", r.vec < 256);
	}
	timer_nmi(false);
}

void guest_main(void)
{
	u32 dir = identity_on(), low, sum, frames[4];
	static u32 guard[1024];

	for (u32 i = 0; i < 1024; i++) /* supervisor only */
		MEM32(dir + i * 4) = i << 22 | PTE_PS | PTE_P | PTE_W;
	/* V86 code gets sixteen pages of its own below 1 MiB. */
	low = page_alloc();
	for (u32 i = 0; i < 1024; i++)
		MEM32(low + i * 4) = i << 12 | PTE_P | PTE_W |
				     (i >= 9 && i < 32 ? PTE_U : 0);
	MEM32(dir) = low | RWU;
	wr_c3(dir);
	for (u32 i = 0; i < 4; i++) {
		frames[i] = page_alloc();
		page_map(T + i * 4096, frames[i], RWU);
	}
	for (u32 i = 0; i < 1024; i++)
		guard[i] = i * 77;
	sum = guard_sum(guard, 1024);
	timer_on();
	for (state = 1; state < 4; ) {
		u32 seed = state;

		begin("random.ring3");
		ring3(frames);
		check_that("guard", guard_sum(guard, 1024), sum);
		begin("random.v86");
		if (!on_tcg) /* TCG 7.2 fails an assertion of its own */
			v86();
		check_that("guard", guard_sum(guard, 1024), sum);
		state = seed + 1;
	}
	out8(0x21, 0xff);
}
