/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trans.c - bare guest: what a processor reads anew at each system call,
 * return and segment load, changed after many that were alike.
 *
 * A loop at CPL 3 calls the handler ROUNDS times; the handler lets hook()
 * change one thing when the half is done. SDM vol. 3, 6.12 and 5.8.7; vol. 2,
 * INT, IRET, MOV, SYSENTER. HAZARDS 27, 28.
 */
#include "guest.h"

#define S(i)   (FREE_SEL + (i) * 8)
#define ROUNDS 60u
#define HALF   30u
#define EARLY  15u /* what runs for the first time may disturb more */
#define VEC    0x81
#define T      0x50000000u

const struct tcg_skip tcg_skips[] = {
	{ "trans.load.limit", "TCG checks no limits" },
	{ 0, 0 },
};

/* eax is the system call's, ecx counts, edi sums up. */
CODE(calls, "mov ecx, 60; xor edi, edi; 1:" F(calls) "int 0x81; dec ecx; "
     "jnz 1b");
CODE(loads, "mov ecx, 60; xor edi, edi; 1: int 0x81; mov eax, esi; " F(loads)
     "mov es, eax; add edi, es:[ebx]; dec ecx; jnz 1b");
CODE(pops, "mov ecx, 60; xor edi, edi; 1: int 0x81; push esi; " F(pops)
     "pop fs; add edi, fs:[ebx]; dec ecx; jnz 1b");
CODE(nested, "mov ecx, 60; 1: int 0x81; dec ecx; cmp ecx, 30; jne 2f; pushfd; "
     "or dword ptr [esp], 0x4000; popfd; 2: test ecx, ecx; jnz 1b; "
     "pushfd; pop edx");
CODE(clocks, "mov esi, 60; 1: int 0x81; " F(clocks) "rdtsc; dec esi; jnz 1b");
CODE(enters, "mov edi, 60; 1: mov ecx, esp; mov edx, offset 2f;" F(enters)
     "sysenter; 2: dec edi; jnz 1b");

/* The frame and EFLAGS go to hook(); B counts apart, C leaves a segment that
 * the user may not have. */
asm(".pushsection .text\n"
    "int_c: push 0x10; pop gs; jmp int_a\n"
    "int_b: inc dword ptr calls_b\n"
    "int_a: pushad; lea eax, [esp+32]; pushfd; push eax; call hook; "
    "add esp, 8; popad; iretd\n"
    "enter_b: inc dword ptr calls_b\n"
    "enter_a: pushad; lea eax, [esp+32]; pushfd; push eax; call hook; "
    "add esp, 8; popad; sysexit\n"
    ".popsection");
/* The same handler for two vectors: bit 2 of esp tells whether there is an
 * error code, and then the instruction is passed over. */
asm(".pushsection .text\n"
    "int_either: test esp, 4; jnz 1f; add esp, 4; add dword ptr [esp], 2; "
    "inc dword ptr calls_b; 1: iretd\n"
    ".popsection");
extern char int_a[], int_b[], int_c[], int_either[], enter_a[], enter_b[];

static void (*change)(void), (*prepare)(void);
static u32 calls_all, flagged, nt_in, nt_saved;
static u32 frames_old, frames_new, old_frame;
u32 calls_b, sel_cs, sel_ss;
void hook(u32 frame, u32 eflags);

void hook(u32 frame, u32 eflags)
{
	if (!calls_all++)
		old_frame = frame;
	if (frame == old_frame)
		frames_old++;
	else
		frames_new++;
	if (eflags & EFL_IF)
		flagged++;
	if (eflags & EFL_NT)
		nt_in++;
	if (MEM32(frame + 8) & EFL_NT)
		nt_saved++;
	asm volatile("mov %0, cs; mov %1, ss" : "=r"(sel_cs), "=r"(sel_ss));
	if (calls_all == HALF && change)
		change();
	if (calls_all == EARLY && prepare)
		prepare();
}

static void start(struct regs *r, const char *name, const void *code,
		  void (*what)(void))
{
	begin(name);
	idt[VEC] = gate_desc(KCS, ADDR(int_a), G_INT | A_DPL(3), 0);
	gdt_put(S(0), seg_desc(0, 0xfffff, A_DATA, SEG_B | SEG_G));
	gdt_put(S(1), seg_desc(0, 0xfffff, A_CODE, SEG_B | SEG_G));
	gdt_put(S(2), seg_desc(0, 0xfffff, A_DATA | A_DPL(3), SEG_B | SEG_G));
	gdt_put(S(3), seg_desc(0, 0xfffff, A_CODE | A_DPL(3), SEG_B | SEG_G));
	tss.esp0 = ADDR(ring0_stack_top);
	tss.ss0 = KDS;
	change = what;
	prepare = NULL;
	calls_all = calls_b = flagged = nt_in = nt_saved = frames_old = frames_new = 0;
	regs_init(r, code, 3);
	r->efl |= EFL_IF;
}

static void ended(const struct regs *r)
{
	check_that("vector", r->vec, VEC_END);
	check_that("calls", calls_all, ROUNDS);
}

/* --- gate, descriptors, TSS */

static void other_offset(void)
{
	idt[VEC] = gate_desc(KCS, ADDR(int_b), G_INT | A_DPL(3), 0);
}

static void leave_segment(void)
{
	idt[VEC] = gate_desc(KCS, ADDR(int_c), G_INT | A_DPL(3), 0);
}

static void trap_gate(void)
{
	idt[VEC] = gate_desc(KCS, ADDR(int_a), G_TRAP | A_DPL(3), 0);
}

static void gate_dpl0(void)
{
	idt[VEC] = gate_desc(KCS, ADDR(int_a), G_INT, 0);
}

static void gate_absent(void)
{
	idt[VEC] &= ~((u64)A_P << 40);
}

static void gate_other_cs(void)
{
	idt[VEC] = gate_desc(S(1), ADDR(int_a), G_INT | A_DPL(3), 0);
}

static void other_esp0(void)
{
	tss.esp0 -= 256;
}

static void esp0_elsewhere(void)
{
	tss.esp0 = T + 0x1800;
}

static void other_ss0(void)
{
	tss.ss0 = S(0);
}

static void kernel_cs_absent(void)
{
	gdt[S(1) / 8] &= ~((u64)A_P << 40);
}

static void user_cs_absent(void)
{
	gdt[S(3) / 8] &= ~((u64)A_P << 40);
}

static void test_gate(void)
{
	static const u32 gate_err = VEC * 8 + 2;
	struct regs r;

	start(&r, "trans.same", calls, NULL);
	run(&r);
	ended(&r);
	check_that("frames alike", frames_old, ROUNDS);
	check_that("IF", flagged, 0);

	start(&r, "trans.offset", calls, other_offset);
	run(&r);
	ended(&r);
	check_that("calls to the new one", calls_b, ROUNDS - HALF);

	start(&r, "trans.segment", calls, leave_segment);
	run(&r);
	ended(&r);
	check_that("gs", r.gs & ~3u, 0);

	start(&r, "trans.nt", nested, NULL);
	run(&r);
	ended(&r);
	check_that("NT in the handler", nt_in, 0);
	check_that("NT pushed", nt_saved, ROUNDS - HALF);
	check_that("NT after", r.edx & EFL_NT, EFL_NT);

	start(&r, "trans.type", calls, trap_gate);
	run(&r);
	ended(&r);
	check_that("with IF", flagged, ROUNDS - HALF);

	start(&r, "trans.dpl", calls, gate_dpl0);
	run(&r);
	CHECK_TRAP(&r, VEC_GP, gate_err, calls);
	check_that("calls", calls_all, HALF);

	start(&r, "trans.absent", calls, gate_absent);
	run(&r);
	CHECK_TRAP(&r, VEC_NP, gate_err, calls);
	check_that("calls", calls_all, HALF);

	start(&r, "trans.cs", calls, gate_other_cs);
	run(&r);
	ended(&r);
	check_that("cs", sel_cs, S(1));
}

/* What an INT leads to when it faults, and both have one handler, is not what
 * it leads to when it does not. */
static void test_either(void)
{
	static const u8 vecs[] = { VEC_GP, VEC_NP };
	u64 save;
	struct regs r;

	for (u32 i = 0; i < 2; i++) {
		u8 vec = vecs[i];

		start(&r, i ? "trans.either.absent" : "trans.either.dpl", calls,
		      NULL);
		if (i)
			gate_absent();
		else
			idt[VEC] = gate_desc(KCS, ADDR(int_either), G_INT, 0);
		idt[VEC] = (idt[VEC] & ~0xffff00000000ffffull) |
			   (ADDR(int_either) & 0xffff) |
			   (u64)(ADDR(int_either) >> 16) << 48;
		save = idt[vec];
		idt[vec] = gate_desc(KCS, ADDR(int_either), G_INT, 0);
		run(&r);
		idt[vec] = save;
		check_that("vector", r.vec, VEC_END);
		check_that("faults", calls_b, ROUNDS);
	}
}

static void test_descriptors(void)
{
	struct regs r;

	start(&r, "trans.esp0", calls, other_esp0);
	run(&r);
	ended(&r);
	check_that("frames moved", frames_new, ROUNDS - HALF);

	page_map(T + 0x1000, page_alloc(), PTE_P | PTE_W);
	start(&r, "trans.esp0.elsewhere", calls, esp0_elsewhere);
	run(&r);
	ended(&r);
	check_that("frames moved", frames_new, ROUNDS - HALF);

	start(&r, "trans.ss0", calls, other_ss0);
	run(&r);
	ended(&r);
	check_that("ss", sel_ss, S(0));

	start(&r, "trans.kernel-cs.absent", calls, kernel_cs_absent);
	gate_other_cs();
	run(&r);
	CHECK_TRAP(&r, VEC_NP, S(1), calls);
	check_that("calls", calls_all, HALF);

	start(&r, "trans.user-cs.absent", calls, user_cs_absent);
	r.cs = S(3) | 3;
	run(&r);
	check_that("vector", r.vec, VEC_NP);
	check_that("error code", r.err, S(3));
	check_that("calls", calls_all, HALF);
}

/* --- tables that move */

static u64 idt_copy[2][256], gdt_copy[2][128]; /* alike; changed */
static u8 idtr_old[6], gdtr_old[6];

static void table_load(bool interrupt, void *p, u32 limit)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) d = { (u16)limit, ADDR(p) };

	if (interrupt)
		asm volatile("lidt %0" : : "m"(d));
	else
		asm volatile("lgdt %0" : : "m"(d));
}

static void other_idt(void)
{
	table_load(true, idt_copy[calls_all == HALF], sizeof(idt) - 1);
}

static u32 idt_frames[2];

static void idt_remap(void)
{
	u32 table = MEM32((rd_c3() & ~0xfffu) + (T >> 22) * 4) & ~0xfffu;

	MEM32(table + (T >> 12 & 1023) * 4) =
		idt_frames[calls_all == HALF] | PTE_P | PTE_W;
	invlpg(T);
}

static void other_gdt(void)
{
	table_load(false, gdt_copy[calls_all == HALF], sizeof(gdt) - 1);
}

static u32 words[2] = { 1, 1000 };
#define SUM (HALF - 1 + (ROUNDS - HALF + 1) * 1000)

static void test_tables(void)
{
	struct regs r;

	asm volatile("sidt %0" : "=m"(idtr_old));
	asm volatile("sgdt %0" : "=m"(gdtr_old));
	start(&r, "trans.lidt", calls, other_idt);
	prepare = change;
	memcpy(idt_copy[0], idt, sizeof(idt));
	memcpy(idt_copy[1], idt, sizeof(idt));
	idt_copy[1][VEC] = gate_desc(KCS, ADDR(int_b), G_INT | A_DPL(3), 0);
	run(&r);
	ended(&r);
	check_that("calls to the new one", calls_b, ROUNDS - HALF);
	asm volatile("lidt %0" : : "m"(idtr_old));

	start(&r, "trans.idt.remapped", calls, idt_remap);
	prepare = change;
	for (u32 i = 0; i < 2; i++) {
		idt_frames[i] = page_alloc();
		memcpy((void *)(uintptr_t)idt_frames[i], idt, sizeof(idt));
	}
	((u64 *)(uintptr_t)idt_frames[1])[VEC] =
		gate_desc(KCS, ADDR(int_b), G_INT | A_DPL(3), 0);
	page_map(T, idt_frames[0], PTE_P | PTE_W);
	invlpg(T);
	table_load(true, (void *)(uintptr_t)T, sizeof(idt) - 1);
	run(&r);
	asm volatile("lidt %0" : : "m"(idtr_old));
	ended(&r);
	check_that("calls to the new one", calls_b, ROUNDS - HALF);

	start(&r, "trans.lgdt", loads, other_gdt);
	prepare = change;
	memcpy(gdt_copy[0], gdt, sizeof(gdt));
	memcpy(gdt_copy[1], gdt, sizeof(gdt));
	gdt_copy[1][S(2) / 8] = seg_desc(4, 0xffffe, A_DATA | A_DPL(3),
					 SEG_B | SEG_G);
	r.esi = S(2) | 3;
	r.ebx = ADDR(&words[0]);
	run(&r);
	asm volatile("lgdt %0" : : "m"(gdtr_old));
	ended(&r);
	check_that("sum", r.edi, SUM);
}

/* --- segment loads; the change comes before the load of its round */

static void seg_based(void)
{
	gdt_put(S(2), seg_desc(4, 0xffffe, A_DATA | A_DPL(3), SEG_B | SEG_G));
}

static void seg_absent(void)
{
	gdt[S(2) / 8] &= ~((u64)A_P << 40);
}

static void seg_dpl0(void)
{
	gdt_put(S(2), seg_desc(0, 0xfffff, A_DATA, SEG_B | SEG_G));
}

static void seg_short(void)
{
	gdt_put(S(2), seg_desc(0, 15, A_DATA | A_DPL(3), SEG_B));
}

static void test_loads(void)
{
	static const struct {
		const char *name;
		void (*what)(void);
		u32 vec, err;
	} cases[] = {
		{ "trans.load.based", seg_based, VEC_END, NOERR },
		{ "trans.load.absent", seg_absent, VEC_NP, S(2) },
		{ "trans.load.dpl", seg_dpl0, VEC_GP, S(2) },
		{ "trans.load.limit", seg_short, VEC_GP, 0 },
	};
	struct regs r;

	for (u32 i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		bool pop = i & 1;

		start(&r, cases[i / 2].name, pop ? pops : loads,
		      cases[i / 2].what);
		r.esi = S(2) | 3;
		r.ebx = ADDR(&words[0]);
		run(&r);
		check_that("vector", r.vec, cases[i / 2].vec);
		if (r.vec == VEC_END)
			check_that("sum", r.edi, SUM);
		else
			check_that("error code", r.err, cases[i / 2].err);
		check_that("calls", calls_all,
			   r.vec == VEC_END ? ROUNDS : HALF);
	}
}

/* --- the mode on the other side */

static void tsd_on(void)
{
	wr_c4(rd_c4() | CR4_TSD);
}

static void test_mode(void)
{
	struct regs r;

	start(&r, "trans.tsd", clocks, tsd_on);
	run(&r);
	wr_c4(rd_c4() & ~CR4_TSD);
	CHECK_TRAP(&r, VEC_GP, 0, clocks);
	check_that("calls", calls_all, HALF);
}

/* --- sysenter */

static void enter_other_eip(void)
{
	wr_msr(MSR_SYSENTER_EIP, ADDR(enter_b));
}

static void enter_other_esp(void)
{
	wr_msr(MSR_SYSENTER_ESP, ADDR(ring0_stack_top) - 256);
}

/* CS, SS and the two of the user in a row */
static void enter_other_cs(void)
{
	wr_msr(MSR_SYSENTER_CS, S(8));
}

static void enter_cs_zero(void)
{
	wr_msr(MSR_SYSENTER_CS, 0);
}

static void enter_start(struct regs *r, const char *name, void (*what)(void))
{
	start(r, name, enters, what);
	for (u32 i = 0; i < 8; i++)
		gdt_put(S(4 + i),
			seg_desc(0, 0xfffff,
				 (i & 1 ? A_DATA : A_CODE) |
					 A_DPL(i & 2 ? 3 : 0),
				 SEG_B | SEG_G));
	wr_msr(MSR_SYSENTER_CS, S(4));
	wr_msr(MSR_SYSENTER_ESP, ADDR(ring0_stack_top));
	wr_msr(MSR_SYSENTER_EIP, ADDR(enter_a));
}

static void test_sysenter(void)
{
	struct regs r;

	enter_start(&r, "trans.sysenter.same", NULL);
	run(&r);
	ended(&r);
	check_that("user's cs", r.cs, S(6) | 3);

	enter_start(&r, "trans.sysenter.eip", enter_other_eip);
	run(&r);
	ended(&r);
	check_that("calls to the new one", calls_b, ROUNDS - HALF);

	enter_start(&r, "trans.sysenter.esp", enter_other_esp);
	run(&r);
	ended(&r);
	check_that("frames moved", frames_new, ROUNDS - HALF);

	enter_start(&r, "trans.sysenter.cs", enter_other_cs);
	run(&r);
	ended(&r);
	check_that("cs", sel_cs, S(8));
	check_that("ss", sel_ss, S(9));
	check_that("user's cs", r.cs, S(10) | 3);

	enter_start(&r, "trans.sysexit.none", enter_cs_zero);
	run(&r);
	check_that("vector", r.vec, VEC_GP);
	check_that("calls", calls_all, HALF);
}

void guest_main(void)
{
	identity_on();
	test_gate();
	test_either();
	test_descriptors();
	test_tables();
	test_loads();
	test_mode();
	if (cpuid_of(1, 0).d & 1u << 11)
		test_sysenter();
}
