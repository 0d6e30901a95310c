/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * starve.c - bare guest that never gives the monitor a pause: one kind of loop
 * for ever, named on its command line (mode=NAME).
 *
 * tests/sensitive_starve.pl, which runs it, wants answers from the monitor
 * meanwhile. It lies in a folder of its own, since tests/guests/run.sh runs
 * all that lies beside it.
 */
#include "guest.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, IRQ_BASE = 0x70,
       NO_MEMORY = 0xd0000000, LAPIC = 0xfee00000, ABSENT = 0x50000000 };

extern u32 boot_info;

/* --- interrupts and exceptions that come back at once */

CODE(isr_eoi, "push eax; mov al, 0x20; out 0x20, al; pop eax; iretd");
CODE(isr_lapic, "mov dword ptr ds:[0xfee000b0], 0; iretd");
CODE(isr_again, "iretd");
CODE(isr_again_code, "add esp, 4; iretd");

static void handler(u32 vec, const void *code)
{
	idt[vec] = gate_desc(KCS, ADDR(code), G_INT, 0);
}

static void pic_on(void)
{
	static const u8 words[] = { 0x11, IRQ_BASE, 4, 1, 0xfe };

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		out8(PIC1 + !!i, words[i]);
	out8(PIT + 3, 0x34);
	out8(PIT, 8); /* 150 kHz */
	out8(PIT, 0);
}

static void halt(void)
{
	asm volatile("cli; 1: hlt; jmp 1b");
}

static void jump(void)
{
	asm volatile("cli; 1: jmp 1b");
}

static void string(void)
{
	for (;;)
		asm volatile("mov ecx, 0x2000000; mov esi, 0x1000000; cld; "
			     "rep lodsb" : : : "ecx", "esi", "eax");
}

static void irq(void)
{
	handler(IRQ_BASE, isr_eoi);
	pic_on();
	asm volatile("sti; 1: jmp 1b");
}

static void irq_halt(void)
{
	handler(IRQ_BASE, isr_eoi);
	pic_on();
	asm volatile("1: sti; hlt; jmp 1b");
}

/* The local APIC's timer at its fastest, periodic. */
static void lapic(void)
{
	handler(0x60, isr_lapic);
	MEM32(LAPIC + 0xf0) = 0x1ff;
	MEM32(LAPIC + 0x3e0) = 11; /* divided by 1 */
	MEM32(LAPIC + 0x320) = 0x20060;
	MEM32(LAPIC + 0x380) = 1;
	asm volatile("sti; 1: jmp 1b");
}

/* Interrupts to itself, as fast as they can be asked for. */
static void ipi(void)
{
	handler(0x60, isr_lapic);
	MEM32(LAPIC + 0xf0) = 0x1ff;
	asm volatile("sti");
	for (;;)
		MEM32(LAPIC + 0x300) = 0x44060;
}

static void mmio(void)
{
	for (;;)
		MEM32(NO_MEMORY) = MEM32(NO_MEMORY + 4) + 1;
}

static void mmio_string(void)
{
	for (;;)
		asm volatile("mov ecx, 0x100000; mov edi, 0xd0000000; cld; "
			     "rep stosd" : : : "ecx", "edi");
}

static void port(void)
{
	for (;;)
		asm volatile("mov ecx, 0x100000; mov edi, 0x1000000; cld; "
			     "mov edx, 0x80; rep insb; in al, 0x80"
			     : : : "ecx", "edi", "edx", "eax");
}

static void fault(void)
{
	u32 dir = identity_on();

	MEM32(dir + (ABSENT >> 22) * 4) = 0;
	wr_c3(dir);
	handler(VEC_PF, isr_again_code);
	asm volatile("mov eax, ds:[0x50000000]" : : : "eax");
}

static void undefined(void)
{
	handler(VEC_UD, isr_again);
	asm volatile("ud2");
}

static void steps(void)
{
	handler(VEC_DB, isr_again);
	asm volatile("pushfd; or dword ptr [esp], 0x100; popfd; 1: inc eax; "
		     "jmp 1b" : : : "eax");
}

static void smc(void)
{
	asm volatile("1: inc dword ptr [2f + 1]; 2: mov eax, 5; jmp 1b"
		     : : : "eax", "memory");
}

static void tables(void)
{
	identity_on();
	for (;;)
		wr_c3(rd_c3());
}

static void output(void)
{
	for (;;)
		print("the monitor has to print this as well\n");
}

static const struct {
	const char *name;
	void (*fn)(void);
} modes[] = {
	{ "halt", halt }, { "jump", jump }, { "string", string },
	{ "irq", irq }, { "irq-halt", irq_halt }, { "lapic", lapic },
	{ "ipi", ipi }, { "mmio", mmio }, { "mmio-string", mmio_string },
	{ "port", port }, { "fault", fault }, { "undefined", undefined },
	{ "steps", steps }, { "smc", smc }, { "tables", tables },
	{ "output", output },
};

static const char *mode_of(const char *line)
{
	for (; *line; line++)
		if (!memcmp(line, "mode=", 5))
			return line + 5;
	return "";
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return !*a && (!*b || *b == ' ');
}

void guest_main(void)
{
	const char *mode = "";

	if (boot_info && MEM32(boot_info) & 4)
		mode = mode_of((const char *)MEM32(boot_info + 16));
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!same(modes[i].name, mode))
			continue;
		print("# starve %s\n", modes[i].name);
		modes[i].fn();
	}
	print("FAIL mode: the command line names none:");
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++)
		print(" %s", modes[i].name);
	print("\n");
	guest_exit(1);
}
