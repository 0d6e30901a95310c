/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * code.c - the hostile guest's mischief with code: jumps into nothing, random
 * bytes at every privilege, memory full of code, code rewritten under way,
 * calls that never return.
 */
#include "hostile.h"

/* --- jump: to where nothing is */

/* jmp, call, ret, iret and far forms to eax. */
CODE(jump_jmp, "jmp eax");
CODE(jump_call, "call eax");
CODE(jump_ret, "push eax; ret");
CODE(jump_mem, "push eax; jmp [esp]");
CODE(jump_far, "push cs; push eax; retf");
CODE(jump_iret, "pushfd; push cs; push eax; iretd");

/* Without paging not to where the guest itself is, nor over the end to it. */
static u32 jump_target(bool flat)
{
	switch (below(flat ? 4 : 8)) {
	case 0:
		/* VGA hole; ROMs too, but zeros lead on to the guest */
		return 0xa0000 + below(flat ? 0x20000 : 0x60000);
	case 1:
		return 0x04000000 + below(0x1000000); /* behind RAM */
	case 2:
		return 0xc0000000 + below(0x30000000); /* PCI hole */
	case 3:
		return (chance(2) ? 0xfec00000 : 0xfee00000) + below(4096);
	case 4:
		return -below(64); /* over the end */
	case 5:
		return WINDOW + below(16 << 20); /* unmapped with paging */
	case 6:
		return arena + 4096 * ARENA_PAGES - below(20);
	default: /* anywhere but in the guest */
		return 0x02000000 + below(0xfe000000);
	}
}

static char *const jump_how[] = { jump_jmp, jump_call, jump_ret,
				  jump_mem, jump_far, jump_iret };

void mode_jump(void)
{
	int cpl = chance(2) ? 3 : 0;
	bool flat = chance(4);
	struct regs r;
	u32 n = below(ARRAY_SIZE(jump_how));
	u32 page = ARENA_U + 4096 * below(ARENA_PAGES);

	/* a copy where ring 3 may execute */
	memcpy((void *)page, jump_how[n], 16);
	regs_init(&r, (void *)page, cpl);
	r.eax = jump_target(flat && !cpl);
	r.esp = ARENA_U + 4096 * below(ARENA_PAGES) + 2048;
	if (flat && !cpl) { /* without paging every address is a frame */
		r.eip = arena + (page - ARENA_U);
		r.esp = arena + 8192;
		wr_c0(rd_c0() & ~CR0_PG);
	}
	run_watched(&r);
	if (flat)
		wr_c0(rd_c0() | CR0_PG);
}

/* --- random bytes */

static void fill_random(u32 base)
{
	u32 page = base + 4096 * below(ARENA_PAGES - 1);

	if (chance(2))
		gen_noise(page, 8192);
	else
		gen_code(page, 4096 + below(4096));
}

static void run_random(int cpl, u32 base)
{
	struct regs r;

	fill_random(ARENA_S);
	for (u32 i = 0; i < 16; i++) {
		regs_random(&r, base, cpl);
		run_watched(&r);
	}
}

void mode_ring3(void)
{
	static u32 guard[1024];

	for (u32 i = 0; i < 1024; i++)
		guard[i] = i * 77;
	run_random(3, ARENA_U);
	for (u32 i = 0; i < 1024; i++)
		if (guard[i] != i * 77)
			wrong("ring3.guard", guard[i], i * 77);
}

/* Half of the time behind segments that hold the arena only. */
void mode_ring0(void)
{
	u32 sel = FREE_SEL + 0x100;
	struct regs r;

	gdt_put(sel, seg_desc(ARENA_S, ARENA_PAGES - 1, A_DATA, SEG_B | SEG_G));
	gdt_put(sel + 8, seg_desc(ARENA_S, ARENA_PAGES - 1, A_CODE,
				  SEG_B | SEG_G));
	fill_random(ARENA_S);
	for (u32 i = 0; i < 16; i++) {
		bool inside = chance(2);

		regs_random(&r, inside ? 0 : ARENA_S, 0);
		if (inside) {
			r.cs = sel + 8;
			r.ss = r.ds = r.es = r.fs = r.gs = sel;
		}
		run_watched(&r);
		repair();
		gdt_put(sel, seg_desc(ARENA_S, ARENA_PAGES - 1, A_DATA,
				      SEG_B | SEG_G));
		gdt_put(sel + 8, seg_desc(ARENA_S, ARENA_PAGES - 1, A_CODE,
					  SEG_B | SEG_G));
	}
}

void mode_vm86(void)
{
	struct regs r;

	for (u32 i = 0; i < 8; i++)
		gen_noise(LOW + 4096 * below(23), 4096);
	for (u32 i = 0; i < 32; i++) {
		regs_random(&r, 0, 3);
		r.eip = rnd() & 0xffff;
		r.esp = rnd() & 0xffff;
		r.cs = (LOW >> 4) + below(0x1000);
		r.ss = r.ds = r.es = r.fs = r.gs = (LOW >> 4) + below(0x1000);
		r.efl &= ~EFL_AC;
		r.efl |= EFL_VM | (chance(2) ? EFL_IOPL : 0);
		wr_c4(rd_c4() ^ (chance(2) ? CR4_VME : 0));
		run_watched(&r);
	}
}

/* --- fill: every page a function that knows its number */

#define FILL_FIRST (36u << 20)
enum { FILL_PAGES = 24 << 8 }; /* 24 MiB */

static u32 fill_value(u32 page, u32 arg)
{
	return (page * 0x01000193) ^ arg;
}

/* Somewhere in the page: mov eax, imm; xor eax, edx; [calls]; ret */
static u32 fill_offset(u32 page)
{
	return (page * 2654435761u >> 20) % 4000;
}

static void fill_page(u32 page)
{
	struct gen g = { FILL_FIRST + page * 4096 + fill_offset(page), ~0u };

	gen_byte(&g, 0xb8);
	gen_32(&g, page * 0x01000193);
	for (u32 n = below(20); n; n--)
		gen_byte(&g, 0x90);
	gen_byte(&g, 0x31);
	gen_byte(&g, 0xd0);
	gen_byte(&g, 0xc3);
}

void mode_fill(void)
{
	static bool made;
	u32 got;

	for (u32 i = 0; !made && i < FILL_PAGES; i++)
		fill_page(i);
	made = true;
	for (u32 i = 0; i < 4096; i++) {
		u32 page = below(FILL_PAGES), arg = rnd();
		u32 at = FILL_FIRST + page * 4096 + fill_offset(page);

		if (chance(64))
			fill_page(page);
		asm volatile("call %1"
			     : "=a"(got)
			     : "r"(at), "d"(arg)
			     : "ecx", "memory");
		if (got != fill_value(page, arg))
			wrong("fill", got, fill_value(page, arg));
	}
}

/* --- smc: code that changes while it runs, by every way to write */

static void smc_write(u32 at, u32 v)
{
	u32 alias = ARENA_S + (at - ARENA_U);
	u32 to = chance(2) ? at : chance(2) ? alias : arena + (at - ARENA_U);

	switch (below(6)) {
	case 0:
		MEM32(to) = v;
		break;
	case 1:
		for (u32 i = 0; i < 4; i++)
			MEM8(to + i) = v >> (8 * i);
		break;
	case 2:
		memcpy((void *)to, &v, 4);
		break;
	case 3:
		asm volatile("xchg [%0], %1" : "+r"(to), "+r"(v) : : "memory");
		break;
	case 4:
		asm volatile("lock add dword ptr [%0], %1"
			     : : "r"(to), "r"(v - MEM32(to)) : "memory");
		break;
	case 5:
		asm volatile("mov ecx, 1; rep stosd"
			     : "+D"(to) : "a"(v) : "ecx", "memory");
		break;
	}
}

/* A function in the arena, its constant rewritten, called and checked. */
static void smc_function(void)
{
	u32 at = ARENA_U + below(ARENA_BYTES - 64), got;
	struct gen g = { at, ~0u };

	gen_byte(&g, 0xb8);
	gen_32(&g, 0);
	gen_byte(&g, 0xc3);
	for (u32 n = 1 + below(8); n; n--) {
		u32 v = rnd();

		smc_write(at + 1, v);
		asm volatile("call %1" : "=a"(got) : "r"(at)
			     : "ecx", "edx", "memory");
		if (got != v)
			wrong("smc.function", got, v);
	}
}

/* mov [next+1], edx; ..; next: mov eax, 0; ret - the next instruction */
static void smc_next(void)
{
	u32 at = ARENA_U + below(ARENA_BYTES - 64), v = rnd(), got;
	struct gen g = { at, ~0u };
	u32 nops = below(6);

	gen_byte(&g, 0x89);
	gen_byte(&g, 0x15);
	gen_32(&g, at + 6 + nops + 1);
	for (u32 i = 0; i < nops; i++)
		gen_byte(&g, 0x90);
	gen_byte(&g, 0xb8);
	gen_32(&g, 0);
	gen_byte(&g, 0xc3);
	asm volatile("call %1" : "=a"(got) : "r"(at), "d"(v)
		     : "ecx", "memory");
	if (got != v)
		wrong("smc.next", got, v);
}

/* Random code that is also the data of its registers. */
static void smc_wild(void)
{
	struct regs r;

	fill_random(ARENA_S);
	regs_random(&r, ARENA_U, 3);
	r.edi = r.eip + below(64);
	r.esi = r.eip + below(4096);
	run_watched(&r);
}

void mode_smc(void)
{
	smc_function();
	smc_next();
	smc_wild();
}

/* --- pairs: calls without returns, returns without calls */

u32 pairs_down(u32 n);
u32 pairs_skip(u32 n);
/* n levels deep; pairs_skip drops a random few of its callers at a time. */
asm(".pushsection .text\n"
    "pairs_down: test eax, eax; jz 1f; dec eax; call pairs_down; inc eax\n"
    "1: ret\n"
    "pairs_skip: mov edx, esp; mov ecx, eax\n"
    "2: call 3f\n3: dec ecx; jnz 2b\n"
    "mov esp, edx; ret\n.popsection");

void mode_pairs(void)
{
	u32 n = below(200000), got;
	struct regs r;
	u32 stack;

	/* in the fill area, which this mode has for itself */
	asm volatile("mov %1, esp; mov esp, %3; call pairs_down; mov esp, %1"
		     : "=a"(got), "=&S"(stack)
		     : "0"(n), "r"(60u << 20)
		     : "ecx", "edx", "memory");
	if (got != n)
		wrong("pairs.down", got, n);
	n = 1 + below(100000);
	asm volatile("mov %1, esp; mov esp, %3; call pairs_skip; mov esp, %1"
		     : "=a"(got), "=&S"(stack)
		     : "0"(n), "r"(60u << 20)
		     : "ecx", "edx", "memory");
	/* rets through a stack full of addresses of rets */
	n = ARENA_S + 4096 * below(ARENA_PAGES);
	gen_noise(n, 4096);
	for (u32 i = 0; i < 64; i++)
		MEM8(n + 64 * i) = 0xc3;
	regs_init(&r, (void *)n, 0);
	r.esp = ARENA_S + 4096 * below(ARENA_PAGES - 1);
	for (u32 i = 0; i < 1000; i++)
		MEM32(r.esp + 4 * i) = n + 64 * below(64);
	run_watched(&r);
}
