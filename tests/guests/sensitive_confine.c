/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive_confine.c - bare guest: looks for the monitor's memory everywhere,
 * and writes wherever it can.
 *
 * Resource control, the second property of Popek and Goldberg. At CPL 0
 * without paging, at CPL 0 and 3 with it, and by PAE above 4 GiB, it reads its
 * whole address space and compares it with a pattern that tests/sensitive_confine.c has
 * put into its own heap, stack, globals and beside every mapping; what is no
 * memory of the guest's must not show it. Then accesses of every kind are made
 * to go over the end of the address space: they must wrap to the guest's own
 * page 0 (HAZARDS 5, 10, 13). It gives the complement of the pattern by
 * ports, so that it is nowhere in guest memory. Elsewhere (Umbra itself, QEMU)
 * there is no such port, and only the guest's own values are checked.
 */
#include "guest.h"

enum {
	RWU = PTE_P | PTE_W | PTE_U,
	PORT_MAGIC = 0xc0d0, PORT_PATTERN = 0xc0d4, PORT_STEP = 0xc0e4,
	PORT_PLANT = 0xc0e8, MAGIC = 0x434f4e46,
	RAM = 64 << 20,
	LAST = 0xfffff000u,  /* the last page */
	PLANT_AT = 0x3ff1230, /* where the host shall put it */
};

u32 not_pattern[4]; /* the complement */
static bool hosted;
static u32 step = 64 * 4096, ram_step = 4096;
static u32 top, bottom; /* frames of the last page and of page 0 */

static u32 in32(u16 port)
{
	u32 v;

	asm volatile("in eax, dx" : "=a"(v) : "d"(port));
	return v;
}

static void out32(u16 port, u32 v)
{
	asm volatile("out dx, eax" : : "a"(v), "d"(port));
}

static void look_up_pattern(void)
{
	hosted = in32(PORT_MAGIC) == MAGIC;
	for (u32 i = 0; i < 4; i++)
		not_pattern[i] = hosted ? in32(PORT_PATTERN + 4 * i) :
					  0x9e3779b9 * (i + 3);
	if (!hosted)
		return;
	step = in32(PORT_STEP) * 4096;
	ram_step = 4;
}

/* --- reading all */

/* Reads dwords from ESI in steps of EDX up to EDI; stops at one of the four. */
CODE(scan, "1: mov eax, [esi]; not eax; cmp eax, not_pattern; je 2f; "
     "cmp eax, not_pattern + 4; je 2f; cmp eax, not_pattern + 8; je 2f; "
     "cmp eax, not_pattern + 12; je 2f; add esi, edx; cmp esi, edi; jne 1b; "
     "2: nop");

static bool is_pattern(u32 at)
{
	u32 v = ~MEM32(at), w = ~MEM32(at + 4);

	for (u32 i = 0; i < 4; i++)
		if (v == not_pattern[i] && w == not_pattern[(i + 1) & 3])
			return true;
	return false;
}

/* Address of the pattern in start..end (0: 4 GiB), or ~0. */
static u32 find(int cpl, u32 start, u32 end, u32 by)
{
	struct regs r;

	for (;;) {
		regs_init(&r, scan, cpl);
		r.esi = start;
		r.edi = end;
		r.edx = by;
		run(&r);
		CHECK_END(&r, scan);
		if (r.vec != VEC_END || r.esi == end)
			return ~0u;
		/* one dword alone is chance */
		if (is_pattern(r.esi) || is_pattern(r.esi - 4))
			return r.esi;
		start = r.esi + by;
		if (start == end)
			return ~0u;
	}
}

/* All RAM by dwords, all else at the ends of its pages and over them. */
static void scan_all(int cpl)
{
	static const u16 offsets[] = { 0, 4, 0x7fc, 0xffc, 0xffd, 0xffe };

	check_that("pattern in RAM", find(cpl, 0, RAM, ram_step), ~0u);
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		u32 o = offsets[i];

		check_that("pattern beyond RAM", find(cpl, o, o, step), ~0u);
	}
	check_that("pattern in the last page", find(cpl, LAST, 0, 4), ~0u);
}

/* The scan can find: the host puts the pattern into RAM when asked. */
static void test_control(void)
{
	begin("confine.control");
	if (!hosted)
		return;
	out32(PORT_PLANT, PLANT_AT);
	check_that("found", find(0, 0, RAM, 4), PLANT_AT);
	memset((void *)PLANT_AT, 0, 64);
	check_that("gone", find(0, 0, RAM, 4), ~0u);
}

/* --- all physical addresses by PAE */

static u64 pae_dir[4] __attribute__((aligned(32)));

static void test_pae(void)
{
	struct cpuid c = cpuid_of(0x80000000, 0);
	u32 bits = c.a >= 0x80000008 ? cpuid_of(0x80000008, 0).a & 0xff : 36;
	volatile u64 *dirs = (volatile u64 *)pages_alloc(4);
	u32 seen = ~0u;

	begin("confine.physical");
	for (u32 i = 0; i < 4; i++)
		pae_dir[i] = (ADDR(dirs) + i * 4096) | PTE_P;
	for (u32 i = 0; i < 2048; i++)
		dirs[i] = (u64)i << 21 | PTE_PS | PTE_P | PTE_W | PTE_U;
	wr_c0(rd_c0() & ~CR0_PG);
	wr_c4(rd_c4() | CR4_PAE);
	wr_c3(ADDR(pae_dir));
	wr_c0(rd_c0() | CR0_PG);
	/* each power of two, and around it, through the 2 MiB at 1 GiB */
	for (u32 b = 26; b < bits; b++)
		for (int d = -1; d < 2; d++) {
			u64 pa = (1ull << b) + (s32)(d * (2 << 20));

			dirs[512] = pa | PTE_PS | PTE_P | PTE_W | PTE_U;
			wr_c3(ADDR(pae_dir));
			if (seen == ~0u && pa >= RAM)
				seen = find(3, 1u << 30, (1u << 30) + 0x4000,
					    4);
			MEM32((1u << 30) + 0x10000) = 0x31415926;
		}
	check_that("pattern", seen, ~0u);
	wr_c0(rd_c0() & ~CR0_PG);
	wr_c4(rd_c4() & ~CR4_PAE);
}

/* --- over the end of the address space */

/* The last page and page 0 are frames of their own; below the last page lies page
 * 0 again, all else in its place. */
static void edges_make(void)
{
	u32 dir = rd_c3(), low = page_alloc(), high = page_alloc();

	top = page_alloc();
	bottom = page_alloc();
	for (u32 i = 0; i < 1024; i++) {
		MEM32(low + i * 4) = (i ? i << 12 : bottom) | RWU;
		MEM32(high + i * 4) = (i < 1023 ? bottom : top) | RWU;
	}
	MEM32(dir) = low | RWU;
	MEM32(dir + 4092) = high | RWU;
	wr_c3(dir);
}

static u8 at_end(u32 off) /* byte at 4 GiB - 4096 + off, wrapping */
{
	return off < 4096 ? (u8)(off ^ 0x5a) : (u8)((off - 4096) * 7);
}

static void edges_fill(void)
{
	for (u32 i = 0; i < 4096; i++) {
		MEM8(LAST + i) = at_end(i);
		MEM8(bottom + i) = at_end(4096 + i);
	}
}

static u32 word_at_end(u32 off)
{
	return at_end(off) | at_end(off + 1) << 8 | at_end(off + 2) << 16 |
	       (u32)at_end(off + 3) << 24;
}

CODE(ld_direct, "mov eax, [esi]");
CODE(ld_disp, "mov eax, [esi + 0x7fffffff]");
CODE(ld_index, "mov eax, [ebx + ecx * 8 + 0x70000000]");
CODE(ld_16, "movzx eax, word ptr [esi]");
CODE(ld_lods, "lodsd");
CODE(ld_xlat, "xlat");
CODE(ld_pop, "mov edx, esp; mov esp, esi; pop eax; mov esi, esp; mov esp, edx");
CODE(ld_bt, "bt [esi], ecx; setc al; movzx eax, al");
CODE(ld_movs, "rep movsb");
CODE(st_direct, "mov [esi], eax");
CODE(st_xchg, "lock xchg [esi], eax");
CODE(st_cx8, "lock cmpxchg8b [esi]");
CODE(st_stos, "rep stosb");
CODE(st_std, "std; rep stosd; cld");
CODE(st_push, "mov edx, esp; mov esp, esi; push eax; mov esi, esp; mov esp, edx");
CODE(st_pusha, "mov edx, esp; mov esp, esi; pushad; mov esi, esp; mov esp, edx");
CODE(st_enter, "mov edx, esp; mov ecx, ebp; mov esp, esi; mov ebp, esi; "
     "enter 64, 31; mov esi, esp; mov esp, edx; mov ebp, ecx");
CODE(st_bts, "bts [esi], ecx");
CODE(st_sgdt, "sgdt [esi]");

/*
 * A processor may refuse what goes over a limit of 4 GiB, or wrap, even now this
 * and now that way (SDM vol. 3, 5.3): both are confined.
 */
static bool refused(const struct regs *r)
{
	return (r->vec == VEC_GP || r->vec == VEC_SS) && !r->err;
}

static void load_end(int cpl, const void *code, const void *end, u32 esi,
		     u32 ecx, u32 want)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.esi = esi;
	r.ebx = esi - ecx * 8 - 0x70000000;
	r.ecx = ecx;
	run(&r);
	if (esi > 0xfffffffc && refused(&r))
		return;
	check_end(&r, end);
	check_that("value", r.eax, want);
}

#define LOAD_END(cpl, name, esi, ecx, want) \
	load_end(cpl, name, name##_end, esi, ecx, want)

static void test_loads(int cpl)
{
	struct regs r;

	for (u32 o = 4090; o < 4096; o++) {
		u32 esi = LAST + o, v = word_at_end(o);

		LOAD_END(cpl, ld_direct, esi, 0, v);
		LOAD_END(cpl, ld_disp, esi - 0x7fffffff, 0, v);
		LOAD_END(cpl, ld_index, esi, 0x12345678, v);
		LOAD_END(cpl, ld_16, esi, 0, v & 0xffff);
		LOAD_END(cpl, ld_lods, esi, 0, v);
		LOAD_END(cpl, ld_pop, esi, 0, v);
	}
	regs_init(&r, ld_xlat, cpl);
	r.ebx = 0xffffffff;
	r.eax = 0x10;
	run(&r);
	check_that("xlat", r.eax & 0xff, at_end(4096 + 15));
	/* bit offsets of both signs reach 256 MiB and wrap */
	LOAD_END(cpl, ld_bt, LAST, 4096 * 8 + 8, 1);
	if (!on_tcg) /* no memory there; TCG reads 0 */
		LOAD_END(cpl, ld_bt, 0x10, 0x80000000 - 0x10 * 8 + 9,
			 1);
	LOAD_END(cpl, ld_bt, 0x10, -(0x10 + 4) * 8,
		 at_end(4096 - 4) & 1);
	regs_init(&r, ld_movs, cpl);
	r.esi = LAST + 4000;
	r.edi = 32 << 20;
	r.ecx = 256;
	run(&r);
	CHECK_END(&r, ld_movs);
	check_that("esi", r.esi, 160);
	for (u32 i = 0; i < 256; i++)
		check_that("movs", MEM8((32 << 20) + i), at_end(4000 + i));
}

struct store_case {
	const char *name;
	const void *code, *end;
	u32 esi, eax, ecx, off, len; /* bytes written, from the last page on */
};

/* Bytes outside off..off+len have their old values, not all inside do. */
static void store_end(int cpl, const struct store_case *c)
{
	struct regs r;
	u32 written = 0;

	edges_fill();
	regs_init(&r, c->code, cpl);
	r.esi = r.edi = c->esi;
	r.eax = c->eax;
	r.ecx = c->ecx;
	r.ebx = 0x55667788;
	r.edx = word_at_end(c->off + 4);
	run(&r);
	if (!refused(&r))
		check_end(&r, c->end);
	for (u32 i = 0; i < 8192; i++) {
		u32 at = i < 4096 ? top + i : bottom + i - 4096;

		if (MEM8(at) == at_end(i))
			continue;
		if (i < c->off || i >= c->off + c->len)
			check_that(c->name, i, c->off);
		written++;
	}
	if (!refused(&r))
		check_true(c->name, written);
}

#define STORE(name, esi, eax, ecx, off, len) \
	{ #name, name, name##_end, esi, eax, ecx, off, len }

static void test_stores(int cpl)
{
	const struct store_case t[] = {
		STORE(st_direct, 0xfffffffd, 0x11223344, 0, 4093, 4),
		STORE(st_direct, 0xffffffff, 0x11223344, 0, 4095, 4),
		STORE(st_xchg, 0xfffffffe, 0x11223344, 0, 4094, 4),
		STORE(st_cx8, 0xfffffffb, word_at_end(4091), 0, 4091, 8),
		STORE(st_stos, LAST + 4000, 0x99, 200, 4000, 200),
		STORE(st_std, 40, 0x99999999, 20, 4096 - 36, 80),
		STORE(st_push, 2, 0x11223344, 0, 4094, 4),
		STORE(st_pusha, 16, 0x11223344, 0, 4080, 32),
		STORE(st_enter, 64, 0, 0, 4096 - 128, 192),
		STORE(st_bts, LAST, 0, 4100 * 8 + 1, 4100, 4),
		STORE(st_bts, 0, 0, -7, 4092, 4),
		STORE(st_sgdt, 0xfffffffd, 0, 0, 4093, 6),
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		store_end(cpl, &t[i]);
}

/* --- state images and vectors at the end */

CODE(v_movups, "movups xmm0, [esi]; movups [edi], xmm0");
CODE(v_save, "fxsave [esi]; fxrstor [esi]");
CODE(v_xsave, "xor edx, edx; mov eax, 3; .byte 0x0f, 0xae, 0x26; "
     ".byte 0x0f, 0xae, 0x2e");
CODE(v_fnsave, "fnsave [esi]; frstor [esi]");

static void test_vectors(int cpl)
{
	bool xsave = cpuid_of(1, 0).c >> 26 & 1;
	struct regs r;

	wr_c4(rd_c4() | CR4_OSFXSR | (xsave ? CR4_OSXSAVE : 0));
	edges_fill();
	for (u32 o = 4081; o < 4096; o++) {
		regs_init(&r, v_movups, cpl);
		r.esi = LAST + o;
		r.edi = 32 << 20;
		run(&r);
		CHECK_END(&r, v_movups);
		for (u32 i = 0; i < 16; i++)
			check_that("movups", MEM8((32 << 20) + i),
				   at_end(o + i));
	}
	/* over the end they wrap or fault, but go nowhere else */
	for (u32 o = 0; o < 1024; o += 64) {
		regs_init(&r, v_save, cpl);
		r.esi = -o;
		run(&r);
		regs_init(&r, v_fnsave, cpl);
		r.esi = -o - 3;
		run(&r);
		if (xsave) {
			regs_init(&r, v_xsave, cpl);
			r.esi = -o;
			run(&r);
		}
	}
	asm volatile("fninit");
	wr_c4(rd_c4() & ~(CR4_OSFXSR | CR4_OSXSAVE));
}

/* --- writing all that is not RAM, and the stack run down */

CODE(poke, "1: mov [esi], eax; mov [esi + 0xffc], eax; mov [esi + 0xffe], eax;"
     "add esi, edx; cmp esi, edi; jne 1b");
CODE(dive, "mov esp, 0x1000; 1: pushad; dec ecx; jnz 1b");

static void test_write(void)
{
	struct regs r;

	begin("confine.write");
	regs_init(&r, poke, 0);
	r.esi = RAM;
	r.edi = 0;
	r.edx = step;
	r.eax = 0xdeadbeef;
	run(&r);
	CHECK_END(&r, poke);
	/* 4 MiB downwards from page 0: 0xffc00000.. is the frame of page 0 */
	regs_init(&r, dive, 0);
	r.ecx = (4 << 20) / 32;
	run(&r);
	CHECK_END(&r, dive);
}

void guest_main(void)
{
	look_up_pattern();
	test_control();
	begin("confine.ring0.no-paging");
	scan_all(0);
	test_pae();
	identity_on();
	begin("confine.ring0");
	scan_all(0);
	begin("confine.ring3");
	scan_all(3);
	edges_make();
	for (int cpl = 0; cpl < 4; cpl += 3) {
		edges_fill();
		begin("confine.loads");
		test_loads(cpl);
		begin("confine.stores");
		test_stores(cpl);
		begin("confine.vectors");
		test_vectors(cpl);
	}
	test_write();
	begin("confine.after");
	check_that("pattern in RAM", find(0, 4096, RAM, ram_step), ~0u);
}
