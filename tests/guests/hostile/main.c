/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the hostile guest's frame: its words, its watchdog, its repairs.
 *
 * The watchdog is the 8254 through the I/O APIC as NMI, the double fault and
 * the NMI have task gates: code at CPL 0 may leave no stack worth the name.
 */
#include "hostile.h"

#define IOAPIC	    0xfec00000u
#define IOAPIC_DATA (IOAPIC + 0x10)
#define LAPIC	    0xfee00000u
#define MEM64(a)    (*(volatile u64 *)(uintptr_t)(a))

enum { DF_TSS = FREE_SEL + 0x180, NMI_TSS = FREE_SEL + 0x188 };
_Static_assert(NMI_TSS < 128 * 8, "within the GDT");
#define DF_BUSY  "0x1e5" /* bytes of the GDT with the busy bits */
#define NMI_BUSY "0x1ed"
_Static_assert(DF_TSS == 0x1e0 && NMI_TSS == 0x1e8, "as above");
_Static_assert(TSS_SEL == 0x48, "as in task_out");

extern u32 boot_info; /* Multiboot's, or 0 */
extern struct regs cur_regs;

u32 arena, dir;
bool pae;
static u32 pae_dirs; /* four pages */
static u32 state;
static u64 gdt_good[128], idt_good[256];
static u32 good_c0, good_c4;
static struct tss df_tss, nmi_tss;
static char df_stack[4096] __attribute__((aligned(16)));
static char nmi_stack[4096] __attribute__((aligned(16)));

u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* --- double fault and watchdog */

extern char df_task[], nmi_task[];
u32 task_watching, task_vec;
/*
 * Out of a run from wherever it is: as run_enter()'s caller sees it, the
 * vector ended it. An NMI that finds no run, or the kernel's own code, goes
 * back; before the way out an IRET opens the NMI again.
 */
asm(".pushsection .text\n"
    "df_task: mov dword ptr [task_vec], 8; jmp task_out\n"
    "nmi_task: cmp dword ptr [task_watching], 0; je 1f\n"
    "test byte ptr [tss + 38], 2; jnz 2f\n"
    "test byte ptr [tss + 76], 3; jnz 2f\n"
    "cmp dword ptr [tss + 32], 0x140000; jae 2f\n"
    "cmp dword ptr [tss + 32], 0x100000; jb 2f\n"
    "1: iretd; jmp nmi_task\n"
    "2: mov dword ptr [task_vec], 2\n"
    "task_out: and byte ptr [gdt + 0x4d], 0xfd; mov eax, 0x48; ltr ax\n"
    "and byte ptr [gdt + " DF_BUSY "], 0xfd\n"
    "and byte ptr [gdt + " NMI_BUSY "], 0xfd\n"
    "pushfd; and dword ptr [esp], ~0x4000; popfd\n"
    "pushfd; push cs; push offset 3f; iretd\n"
    "3: cli; cld; mov eax, 0x10; mov ds, eax; mov es, eax; mov fs, eax\n"
    "mov gs, eax; mov ss, eax; mov esp, [run_esp]\n"
    "mov eax, [task_vec]; mov [cur_regs + 64], eax\n"
    "mov dword ptr [task_watching], 0\n"
    "pop edi; pop esi; pop ebx; pop ebp; ret\n.popsection");

static void task_make(struct tss *t, char *stack, const char *code)
{
	t->cr3 = dir;
	t->eip = ADDR(code);
	t->efl = EFL_FIXED1;
	t->esp = ADDR(stack) + 4096 - 64;
	t->cs = KCS;
	t->ss = t->ds = t->es = t->fs = t->gs = KDS;
	t->iomap = sizeof(*t);
}

static u64 task_desc(struct tss *t)
{
	return seg_desc(ADDR(t), offsetof(struct tss, io) - 1, A_TSS, 0);
}

static void tasks_make(void)
{
	task_make(&df_tss, df_stack, df_task);
	task_make(&nmi_tss, nmi_stack, nmi_task);
	gdt_put(DF_TSS, task_desc(&df_tss));
	gdt_put(NMI_TSS, task_desc(&nmi_tss));
	idt[VEC_DF] = gate_desc(DF_TSS, 0, G_TASK, 0);
	idt[VEC_NMI] = gate_desc(NMI_TSS, 0, G_TASK, 0);
	tss.cr3 = dir;
}

/* Pin 2, to which the 8254 goes, sends NMIs to CPU 0. */
static void watchdog_on(void)
{
	MEM32(IOAPIC) = 0x10 + 2 * 2 + 1;
	MEM32(IOAPIC_DATA) = 0;
	MEM32(IOAPIC) = 0x10 + 2 * 2;
	MEM32(IOAPIC_DATA) = 0x400;
	out8(0x43, 0x34);
	out8(0x40, 1200 & 0xff);
	out8(0x40, 1200 >> 8);
}

void repair_board(void)
{
	for (u32 i = 0; i < 24; i++) {
		MEM32(IOAPIC) = 0x10 + i * 2;
		MEM32(IOAPIC_DATA) = 0x10000;
	}
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	MEM32(LAPIC + 0xf0) = 0x1ff;
	MEM32(LAPIC + 0x80) = 0;
	out8(0x3fb, 3);
	out8(0x3fc, 0);
	out8(0x3f9, 0);
	watchdog_on();
}

void repair(void)
{
	u32 tr;

	/* the tables again from their copies, TR's descriptor busy */
	memcpy(gdt, gdt_good, sizeof(gdt_good));
	memcpy(idt, idt_good, sizeof(idt_good));
	task_make(&df_tss, df_stack, df_task);
	task_make(&nmi_tss, nmi_stack, nmi_task);
	tss.esp0 = ADDR(ring0_stack_top);
	tss.ss0 = KDS;
	tss.cr3 = dir;
	tss.trap = 0;
	tables_init_again();
	wr_c0(good_c0);
	wr_c4(good_c4);
	wr_c3(dir);
	asm volatile("mov dr7, %0" : : "r"(0x400));
	asm volatile("str %w0" : "=r"(tr));
	if ((u16)tr != TSS_SEL) {
		gdt[TSS_SEL / 8] &= ~(2ull << 40);
		asm volatile("ltr %w0" : : "r"(TSS_SEL) : "memory");
	}
	asm volatile("lldt %w0" : : "r"(LDT_SEL));
}

void run_watched(struct regs *r)
{
	task_watching = 1;
	run(r);
	task_watching = 0;
}

/* --- words, dots */

void wrong(const char *what, u32 got, u32 want)
{
	static u32 said;

	if (said++ < 20)
		print("\nFAIL check %s: got %8x want %8x\n", what, got, want);
}

/* Bounded: the chip may be in any state. */
static void print_dot(void)
{
	for (u32 i = 0; i < 1000 && !(in8(0x3fd) & 0x20); i++)
		;
	out8(0x3f8, '.');
}

static const char *word_after(const char *line, const char *name)
{
	for (; *line; line++) {
		u32 i = 0;

		while (name[i] && line[i] == name[i])
			i++;
		if (!name[i])
			return line + i;
	}
	return NULL;
}

/* Is it the word at p, to its end? */
static bool is_word(const char *p, const char *name)
{
	while (*name && *p == *name) {
		p++;
		name++;
	}
	return !*name && (!*p || *p == ' ');
}

static const struct mode {
	const char *name;
	void (*step)(void);
	u32 dot; /* steps between two */
	bool board;
} modes[] = {
	{ "jump", mode_jump, 256, false },
	{ "ring0", mode_ring0, 16, true },
	{ "ring3", mode_ring3, 16, false },
	{ "vm86", mode_vm86, 16, false },
	{ "fill", mode_fill, 4, false },
	{ "smc", mode_smc, 64, false },
	{ "pairs", mode_pairs, 8, false },
	{ "tables", mode_tables, 64, true },
	{ "pae-tables", mode_tables, 64, true },
	{ "wild-tables", mode_wild_tables, 16, true },
	{ "ports", mode_ports, 64, true },
	{ "mmio", mode_mmio, 64, true },
	{ "system", mode_system, 64, true },
	{ "segments", mode_segments, 64, true },
};

static void mode_loop(const struct mode *m)
{
	for (u32 n = 0;; n++) {
		m->step();
		repair();
		if (n % m->dot)
			continue;
		if (m->board)
			repair_board();
		print_dot();
	}
}

/* Everything in turns. */
static void mix_loop(void)
{
	for (u32 n = 0;; n++) {
		modes[below(ARRAY_SIZE(modes))].step();
		repair();
		repair_board();
		print_dot();
	}
}

/* --- memory */

void dir_put(u32 va, u64 entry)
{
	if (pae)
		MEM64(pae_dirs + (va >> 21) * 8) = entry;
	else
		MEM32(dir + (va >> 22) * 4) = (u32)entry;
}

/* Identity in large supervisor pages, with or without PAE and NX. */
static void dir_make(void)
{
	dir = page_alloc();
	if (pae) {
		pae_dirs = pages_alloc(4);
		for (u32 i = 0; i < 4; i++)
			MEM64(dir + i * 8) = (pae_dirs + i * 4096) | PTE_P;
		for (u32 i = 0; i < 2048; i++)
			dir_put(i << 21, i << 21 | PTE_PS | RWS);
		wr_c4(rd_c4() | CR4_PAE);
		wr_msr(0xc0000080, 0x800);
	} else {
		for (u32 i = 0; i < 1024; i++)
			dir_put(i << 22, i << 22 | PTE_PS | RWS);
	}
	wr_c4(rd_c4() | CR4_PSE);
	wr_c3(dir);
	wr_c0(rd_c0() | CR0_PG | CR0_WP);
}

/* A page table for the region at va. Returns where it is. */
static u32 table_make(u32 va)
{
	u32 t = page_alloc();

	dir_put(va, t | RWU);
	return t;
}

static void table_put(u32 table, u32 i, u32 entry)
{
	if (pae)
		MEM64(table + i * 8) = entry;
	else
		MEM32(table + i * 4) = entry;
}

static void memory_make(void)
{
	u32 low, user, super, n = pae ? 512 : 1024;

	dir_make();
	/* below 1 MiB only what V86 code has, and the hole */
	low = table_make(0);
	for (u32 i = 0; i < n; i++) {
		u32 use = i >= LOW >> 12 && i < 32 ? RWU :
			  i >= 256 || (i >= 0xa0 && i < 0xf0) ? RWS : 0;

		table_put(low, i, use ? i << 12 | use : 0);
	}
	arena = big_alloc();
	user = table_make(ARENA_U);
	super = table_make(ARENA_S);
	for (u32 i = 0; i < ARENA_PAGES; i++) {
		table_put(user, i, (arena + i * 4096) | RWU);
		table_put(super, i, (arena + i * 4096) | RWS);
	}
	wr_c3(dir);
}

void guest_main(void)
{
	const struct mode *mode = NULL;
	const char *line = "";
	const char *w;

	if (boot_info && MEM32(boot_info) & 4)
		line = (const char *)MEM32(boot_info + 16);
	w = word_after(line, "seed=");
	for (; w && *w >= '0' && *w <= '9'; w++)
		state = state * 10 + (u32)(*w - '0');
	state = state * 0x9e3779b1u + 0x1234567;
	if (!state)
		state = 1;
	w = word_after(line, "mode=");
	for (u32 i = 0; w && i < ARRAY_SIZE(modes); i++) {
		if (is_word(w, modes[i].name))
			mode = &modes[i];
	}
	pae = mode && is_word("pae-tables", mode->name);
	memory_make();
	tasks_make();
	memcpy(gdt_good, gdt, sizeof(gdt_good));
	memcpy(idt_good, idt, sizeof(idt_good));
	/* every CPUID feature that a kernel would turn on */
	wr_c4(rd_c4() | 0x600);
	good_c0 = rd_c0();
	good_c4 = rd_c4();
	repair_board();
	print("# wild\n");
	if (mode)
		mode_loop(mode);
	mix_loop();
}
