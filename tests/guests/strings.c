/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * strings.c - bare guest: string instructions against a model.
 *
 * HAZARDS 5 (exact esi, edi, ecx at a fault), 6 (16-bit forms), 55 (overlap
 * is not memcpy's). Every instruction is assembled at run time from its
 * prefixes, run, and compared with the C model below, element by element.
 */
#include "guest.h"

#define T   0x50000000u
#define RWU (PTE_P | PTE_W | PTE_U)

enum op { MOVS, CMPS, STOS, LODS, SCAS };
static const u8 opcode[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
static const char *const op_name[] = { "movs", "cmps", "stos", "lods",
				       "scas" };

struct job {
	enum op op;
	u32 size;  /* 1, 2, 4 */
	u8 rep;	   /* 0, 0xf2, 0xf3 */
	bool addr16;
	bool down;
};

static u8 code[16];
static u8 *mem; /* 8 pages */
static u8 *ref;
static u32 absent_from, absent_to; /* in terms of addresses */

static void assemble(const struct job *j)
{
	u8 *p = code;

	if (j->addr16)
		*p++ = 0x67;
	if (j->size == 2)
		*p++ = 0x66;
	if (j->rep)
		*p++ = j->rep;
	*p++ = opcode[j->op] + (j->size > 1);
	*p++ = 0xcd;
	*p++ = 0x40;
}

static u32 rd(u32 a, u32 size)
{
	u32 v = 0;

	memcpy(&v, ref + (a - ADDR(mem)), size);
	return v;
}

static u32 sub_flags(u32 a, u32 b, u32 size)
{
	u32 bits = size * 8, sign = 1u << (bits - 1);
	u32 mask = size == 4 ? ~0u : (1u << bits) - 1;
	u32 d = (a - b) & mask, f = EFL_FIXED1;

	f |= a < b ? EFL_CF : 0;
	f |= __builtin_parity(d & 0xff) ? 0 : EFL_PF;
	f |= (a ^ b ^ d) & 0x10 ? EFL_AF : 0;
	f |= d ? 0 : EFL_ZF;
	f |= d & sign ? EFL_SF : 0;
	f |= (a ^ b) & (a ^ d) & sign ? EFL_OF : 0;
	return f;
}

static u32 step(u32 reg, const struct job *j)
{
	u32 v = reg + (j->down ? -j->size : j->size);

	return j->addr16 ? (reg & 0xffff0000) | (v & 0xffff) : v;
}

static bool is_absent(u32 a, u32 size)
{
	return a + size > absent_from && a < absent_to;
}

/* One element; false: it faults. */
static bool model_one(const struct job *j, struct regs *r)
{
	u32 mask = j->addr16 ? 0xffff : ~0u;
	u32 si = r->esi & mask, di = r->edi & mask;
	u32 vmask = j->size == 4 ? ~0u : (1u << j->size * 8) - 1, v;
	u32 keep = r->efl & EFL_DF;

	if (j->op != STOS && j->op != SCAS && is_absent(si, j->size))
		return false;
	if (j->op != LODS && is_absent(di, j->size))
		return false;
	switch (j->op) {
	case MOVS:
		v = rd(si, j->size);
		memcpy(ref + (di - ADDR(mem)), &v, j->size);
		break;
	case STOS:
		memcpy(ref + (di - ADDR(mem)), &r->eax, j->size);
		break;
	case LODS:
		r->eax = (r->eax & ~vmask) | rd(si, j->size);
		break;
	case CMPS:
		r->efl = sub_flags(rd(si, j->size), rd(di, j->size), j->size) |
			 keep;
		break;
	case SCAS:
		r->efl = sub_flags(r->eax & vmask, rd(di, j->size), j->size) |
			 keep;
		break;
	}
	if (j->op != STOS && j->op != SCAS)
		r->esi = step(r->esi, j);
	if (j->op != LODS)
		r->edi = step(r->edi, j);
	return true;
}

static bool model(const struct job *j, struct regs *r)
{
	u32 mask = j->addr16 ? 0xffff : ~0u;
	bool compare = j->op == CMPS || j->op == SCAS;

	if (!j->rep)
		return model_one(j, r);
	while (r->ecx & mask) {
		if (!model_one(j, r))
			return false;
		r->ecx = (r->ecx & ~mask) | ((r->ecx - 1) & mask);
		if (compare && !(r->efl & EFL_ZF) == (j->rep == 0xf3))
			break;
	}
	return true;
}

static void fill(u32 seed, u32 period)
{
	u32 done = period;

	for (u32 i = 0; i < period; i++) {
		u32 v = i * 7 + seed;

		ref[i] = v ^ v >> 3;
	}
	for (u32 n; done < 8 * 4096; done += n) {
		n = 8 * 4096 - done < done ? 8 * 4096 - done : done;
		memcpy(ref + done, ref, n);
	}
	for (u32 p = 0; p < 8; p++) {
		u32 a = ADDR(mem) + p * 4096;

		if (a >= absent_to || a + 4096 <= absent_from)
			memcpy((void *)a, ref + p * 4096, 4096);
	}
}

static bool same_memory(void)
{
	for (u32 p = 0; p < 8; p++) {
		u32 a = ADDR(mem) + p * 4096;

		if (a >= absent_to || a + 4096 <= absent_from)
			if (memcmp((void *)a, ref + p * 4096, 4096))
				return false;
	}
	return true;
}

static void job_run(const struct job *j, int cpl, u32 si, u32 di, u32 count)
{
	struct regs r, want;
	bool done, bad;

	assemble(j);
	regs_init(&r, code, cpl);
	r.esi = si;
	r.edi = di;
	r.ecx = count;
	r.eax = 0x1b2c3d4e;
	if (j->down)
		r.efl |= EFL_DF;
	r.efl |= EFL_CF | EFL_ZF;
	want = r;
	run(&r);
	done = model(j, &want);
	bad = r.esi != want.esi || r.edi != want.edi || r.ecx != want.ecx ||
	      r.eax != want.eax || (r.efl & ~EFL_RF) != want.efl ||
	      r.vec != (done ? VEC_END : (u32)VEC_PF) || !same_memory();
	if (!bad)
		return;
	print("# %s%u rep %2x addr16 %u down %u si %x di %x count %x\n",
	      op_name[j->op], j->size, j->rep, j->addr16, j->down, si, di,
	      count);
	check_that("vector", r.vec, done ? VEC_END : (u32)VEC_PF);
	check_that("esi", r.esi, want.esi);
	check_that("edi", r.edi, want.edi);
	check_that("ecx", r.ecx, want.ecx);
	check_that("eax", r.eax, want.eax);
	check_efl("eflags", &r, want.efl);
	check_true("memory", same_memory());
}

/* All operations, sizes, prefixes and directions on one placement. */
static void job_all(int cpl, bool addr16, u32 si, u32 di, u32 count,
		    u32 period)
{
	static const u8 reps[] = { 0, 0xf3, 0xf2 };
	struct job j;

	for (j.op = MOVS; j.op <= SCAS; j.op++)
		for (j.size = 1; j.size <= 4; j.size *= 2)
			for (u32 p = 0; p < 3; p++)
				for (u32 d = 0; d < 2; d++) {
					j.rep = reps[p];
					j.down = d;
					j.addr16 = addr16;
					if (p == 2 && j.op != CMPS &&
					    j.op != SCAS)
						continue;
					fill(d + j.size, period);
					job_run(&j, cpl, si, di, count);
				}
}

static void test_plain(int cpl)
{
	u32 m = ADDR(mem);

	begin(cpl ? "strings.plain.3" : "strings.plain.0");
	for (u32 count = 0; count < 6; count++)
		job_all(cpl, false, m + 0x2000, m + 0x5000, count, 251);
	job_all(cpl, false, m + 0x2ffe, m + 0x4ffd, 100, 251);
	job_all(cpl, false, m + 0x2ffe, m + 0x5001, 0x5ff, 16);
	begin(cpl ? "strings.overlap.3" : "strings.overlap.0");
	for (u32 d = 1; d < 40; d += d < 9 ? 1 : 7) {
		struct job j = { MOVS, 1, 0xf3, false, false };

		for (j.size = 1; j.size <= 4; j.size *= 2)
			for (u32 down = 0; down < 2; down++) {
				j.down = down;
				fill(d, 251);
				job_run(&j, cpl, m + 0x3ff0, m + 0x3ff0 + d,
					200);
				fill(d, 251);
				job_run(&j, cpl, m + 0x3ff0 + d, m + 0x3ff0,
					200);
			}
	}
	begin(cpl ? "strings.cmps-scas.3" : "strings.cmps-scas.0");
	for (u32 n = 0; n < 20; n++) {
		struct job j = { CMPS, 1, n & 1 ? 0xf3 : 0xf2, false, n & 2 };

		for (j.size = 1; j.size <= 4; j.size *= 2) {
			fill(n, 64);
			/* equal for a while, then a difference */
			ref[0x4100 + n] ^= 0x55;
			mem[0x4100 + n] ^= 0x55;
			job_run(&j, cpl, m + 0x3100, m + 0x4100, 64);
		}
	}
}

static void test_addr16(void)
{
	u8 *old = mem;

	/* Low memory, so that si and di reach it. */
	begin("strings.addr16");
	mem = (u8 *)0x8000;
	job_all(0, true, 0x99990000 | 0xa000, 0x88880000 | 0xd000, 0x770005,
		64);
	job_all(3, true, 0xa000, 0xd000, 0xffff0000, 64);
	job_all(3, true, 0xb000, 0xc001, 100, 32);
	mem = old;
	/* Count and index registers wrap at 16 bits. */
	begin("strings.addr16-wrap");
	{
		struct regs r;
		struct job j = { STOS, 1, 0xf3, true, false };
		u8 save[16];

		memcpy(save, (void *)0x400, 16);
		assemble(&j);
		regs_init(&r, code, 0);
		r.edi = 0x1234ff00;
		r.ecx = 0x56780200;
		r.eax = 0xa5;
		memset((void *)0xff00, 0, 0x200);
		/* writes ff00..ffff and 0..ff: the first vectors of the BIOS */
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("edi", r.edi, 0x12340100);
		check_that("ecx", r.ecx, 0x56780000);
		check_that("last below 64 KiB", MEM8(0xffff), 0xa5);
		check_that("not above", MEM8(0x10000) == 0xa5 &&
			   MEM8(0x10001) == 0xa5 && MEM8(0x100ff) == 0xa5, 0);
		check_that("first", MEM8(8), 0xa5);
	}
}

static void test_faults(int cpl)
{
	u32 order[8];

	/* The eight pages at T lie on frames in another order. */
	for (u32 i = 0; i < 8; i++)
		order[i] = page_alloc();
	for (u32 i = 0; i < 8; i++)
		page_map(T + i * 4096, order[i * 3 % 8], RWU);
	mem = (u8 *)T;
	begin(cpl ? "strings.frames.3" : "strings.frames.0");
	job_all(cpl, false, T + 0x1ffd, T + 0x4ffe, 0x401, 251);
	begin(cpl ? "strings.faults.3" : "strings.faults.0");
	absent_from = T + 0x4000;
	absent_to = T + 0x5000;
	page_unmap(T + 0x4000);
	for (u32 n = 0; n < 4; n++) {
		job_all(cpl, false, T + 0x3fe0 + n, T + 0x1800, 50, 251);
		job_all(cpl, false, T + 0x1800, T + 0x3fe0 + n, 50, 251);
		job_all(cpl, false, T + 0x5010 + n, T + 0x6800, 50, 251);
		job_all(cpl, false, T + 0x6800, T + 0x5010 + n, 50, 251);
	}
	job_all(cpl, false, T + 0x3ff0, T + 0x3ff8, 50, 251);
	job_all(cpl, false, T + 0x4100, T + 0x1000, 50, 251);
	absent_from = absent_to = 0;
	for (u32 i = 0; i < 8; i++)
		page_unmap(T + i * 4096);
}

/* A fault in the middle, the page brought in, and on it goes. */
static u32 late_frame;

static int late_hook(struct regs *r)
{
	if (r->vec != VEC_PF || !late_frame)
		return 0;
	page_map(r->cr2 & ~0xfffu, late_frame, RWU);
	late_frame = 0;
	return 1;
}

static void test_resume(void)
{
	struct job j = { MOVS, 4, 0xf3, false, false };
	struct regs r;
	u32 f = page_alloc();

	begin("strings.resumed");
	for (u32 i = 0; i < 3; i++)
		page_map(T + i * 4096, page_alloc(), RWU);
	page_unmap(T + 0x1000);
	for (u32 i = 0; i < 4096; i += 4)
		MEM32(f + i) = i;
	late_frame = f;
	assemble(&j);
	regs_init(&r, code, 3);
	r.esi = T + 0x800;
	r.edi = T + 0x2000;
	r.ecx = 0x400;
	trap_hook = late_hook;
	run(&r);
	trap_hook = NULL;
	check_that("vector", r.vec, VEC_END);
	check_that("ecx", r.ecx, 0);
	check_that("esi", r.esi, T + 0x1800);
	check_that("edi", r.edi, T + 0x3000);
	check_that("copied", memcmp((void *)(T + 0x2800), (void *)f, 0x800), 0);
}

/*
 * A load that faults comes before the store of its element, which then has not
 * happened: D stays clear. ES has a limit, so that no direct form will do.
 */
static void test_marks(int cpl)
{
	struct job j = { MOVS, 1, 0xf3, false, false };
	u32 f = page_alloc();
	volatile u32 *pte;
	struct regs r;

	begin(cpl ? "strings.marks.3" : "strings.marks.0");
	gdt_put(8 * 100, seg_desc(0, 0x7ffff, A_DATA | A_DPL(3),
				  SEG_B | SEG_G));
	page_map(T, f, RWU);
	page_map(T + 0x1000, 0, 0);
	pte = (u32 *)(MEM32(rd_c3() + (T >> 22) * 4) & ~0xfffu);
	for (j.size = 1; j.size <= 4; j.size *= 2) {
		assemble(&j);
		regs_init(&r, code, cpl);
		r.es = 8 * 100 + cpl;
		r.edi = T;
		r.esi = T + 0x1000;
		r.ecx = 100;
		run(&r);
		check_that("vector", r.vec, VEC_PF);
		check_that("cr2", r.cr2, T + 0x1000);
		check_that("ecx", r.ecx, 100);
		check_that("D", pte[0] & PTE_D, 0);
		r.esi = T;
		r.edi = T + 0x1000;
		run(&r);
		check_that("cr2 of the store", r.cr2, T + 0x1000);
		check_that("A, D", pte[0] & (PTE_A | PTE_D), PTE_A);
		page_map(T, f, RWU);
	}
	page_unmap(T);
}

/* --- INS and OUTS --- */

CODE(do_insb, F(do_insb) "rep insb");
CODE(do_outsb, F(do_outsb) "rep outsb");
CODE(do_insd, F(do_insd) "insd");

static void test_io(void)
{
	struct regs r;
	u8 text[8] = "UMBRA\r\n";

	begin("strings.ins");
	regs_init(&r, do_insb, 0);
	r.edx = 0x3fd; /* line status: both empty */
	r.edi = ADDR(mem) + 0xffe;
	r.ecx = 4;
	while (!(in8(0x3fd) & 0x40))
		;
	memset(mem, 0, 8192);
	run(&r);
	CHECK_END(&r, do_insb);
	check_that("read", MEM32(mem + 0xffe), 0x60606060);
	check_that("edi", r.edi, ADDR(mem) + 0x1002);
	check_that("ecx", r.ecx, 0);
	begin("strings.outs");
	regs_init(&r, do_outsb, 0);
	r.edx = 0x80; /* nobody listens */
	r.esi = ADDR(text);
	r.ecx = 7;
	run(&r);
	CHECK_END(&r, do_outsb);
	check_that("esi", r.esi, ADDR(text) + 7);
	begin("strings.io-privilege");
	run_at(&r, do_insb, 3);
	if (r.vec == VEC_END) /* ecx = 0: no port is touched, SDM is silent */
		CHECK_END(&r, do_insb);
	regs_init(&r, do_insb, 3);
	r.ecx = 1;
	r.edx = 0x3fd;
	r.edi = ADDR(mem);
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_insb);
	check_that("ecx", r.ecx, 1);
}

static void test_io_fault(void)
{
	struct regs r;

	begin("strings.ins-fault");
	page_map(T, page_alloc(), RWU);
	page_map(T + 0x1000, 0, 0);
	regs_init(&r, do_insb, 0);
	r.edx = 0x3fd;
	r.edi = T + 0xffc;
	r.ecx = 8;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_W, do_insb);
	check_that("edi", r.edi, T + 0x1000);
	check_that("ecx", r.ecx, 4);
	check_that("cr2", r.cr2, T + 0x1000);
	begin("strings.outs-fault");
	regs_init(&r, do_outsb, 0);
	r.edx = 0x80;
	r.esi = T + 0xffc;
	r.ecx = 8;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, 0, do_outsb);
	check_that("esi", r.esi, T + 0x1000);
	check_that("ecx", r.ecx, 4);
}

void guest_main(void)
{
	mem = (u8 *)pages_alloc(8);
	ref = (u8 *)pages_alloc(8);
	test_plain(0);
	test_plain(3);
	test_addr16();
	test_io();
	identity_on();
	test_io_fault();
	test_faults(0);
	test_faults(3);
	test_resume();
	test_marks(0);
	test_marks(3);
}
