/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * align.c - bare guest: alignment checks. SDM vol. 3, 6.15 (vector 17) and
 * table 6-7. HAZARDS 24 (the host's own AC is never set), 28 (in the key).
 */
#include "guest.h"

#define T   0x50000000u
#define RWU (PTE_P | PTE_W | PTE_U)

const struct tcg_skip tcg_skips[] = {
	{ "align.exact", "TCG 7.2 checks no alignment" },
	{ "align.implied", "TCG 7.2 checks no alignment" },
	{ "align.stack", "TCG 7.2 checks no alignment" },
	{ "align.pages", "TCG 7.2 checks no alignment" },
	{ "align.switched", "TCG 7.2 checks no alignment" },
	{ 0, 0 },
};

CODE(ld8, F(ld8) "mov al, [ebx]");
CODE(ld16, F(ld16) "mov ax, [ebx]");
CODE(ld32, F(ld32) "mov eax, [ebx]");
CODE(st16, F(st16) "mov [ebx], ax");
CODE(st32, F(st32) "mov [ebx], eax");
CODE(rmw32, F(rmw32) "add [ebx], eax");
CODE(locked, F(locked) "lock xadd [ebx], eax");
CODE(movzx16, F(movzx16) "movzx eax, word ptr [ebx]");
CODE(fld32, F(fld32) "fld dword ptr [ebx]; fninit");
CODE(fld64, F(fld64) "fld qword ptr [ebx]; fninit");
CODE(fld80, F(fld80) "fld tbyte ptr [ebx]; fninit");
CODE(env, F(env) "fnstenv [ebx]; fninit");
CODE(mmx64, F(mmx64) "movq mm0, [ebx]; emms");
CODE(do_movs, "mov esi, ebx; lea edi, [ebx+64]; mov ecx, 3; cld" F(do_movs)
     "rep movsd");
CODE(do_stos, "mov edi, ebx; mov ecx, 3; cld" F(do_stos) "rep stosw");
CODE(cx8, F(cx8) "cmpxchg8b [ebx]");
CODE(do_bt, F(do_bt) "bts [ebx], ecx");
CODE(lfar, F(lfar) "lgs ecx, [ebx]");
CODE(store_gdt, F(store_gdt) "sgdt [ebx]");
CODE(do_push, "mov esp, ebx" F(do_push) "push eax");
CODE(do_pop, "mov esp, ebx" F(do_pop) "pop eax");
CODE(do_call, "mov esp, ebx" F(do_call) "call 1f; 1: nop");
CODE(do_ret, "mov esp, ebx" F(do_ret) "ret");
CODE(do_pusha, "mov esp, ebx" F(do_pusha) "pusha");
CODE(do_popa, "mov esp, ebx" F(do_popa) "popa");
CODE(do_pushf, "mov esp, ebx" F(do_pushf) "pushfd");
CODE(do_leave, "mov ebp, ebx" F(do_leave) "leave");
CODE(ac_on, "mov eax, [ebx]; pushfd; bts dword ptr [esp], 18; popfd"
     F(ac_on) "mov eax, [ebx]");
CODE(ac_off, "pushfd; btr dword ptr [esp], 18; popfd; mov eax, [ebx]");

struct row {
	const char *name;
	const char *code, *fault;
	u32 size; /* of its alignment */
};
#define ROW(code, size) { #code, code, code##_f, size }

static u32 fault_code(u32 vec)
{
	return vec == VEC_AC ? 0 : NOERR;
}

/* Misaligned by d from a multiple of 64. */
static void one(const struct row *w, u32 at, u32 d, int cpl, bool am, bool ac)
{
	bool bad = cpl == 3 && am && ac && (d & (w->size - 1));
	struct regs r;

	wr_c0(am ? rd_c0() | CR0_AM : rd_c0() & ~CR0_AM);
	regs_init(&r, w->code, cpl);
	r.ebx = at + d;
	r.ecx = 3;
	r.efl |= ac ? EFL_AC : 0;
	run(&r);
	check_that(w->name, r.vec, bad ? VEC_AC : VEC_END);
	if (r.vec != VEC_AC)
		return;
	check_that(w->name, r.err, fault_code(VEC_AC));
	check_that(w->name, r.eip, ADDR(w->fault));
	check_that(w->name, r.efl & EFL_AC, EFL_AC);
}

static void all(const struct row *w, u32 n, u32 at)
{
	for (; n; n--, w++) {
		for (u32 d = 0; d < 9; d++) {
			one(w, at, d, 3, true, true);
			one(w, at, d, 3, true, false);
			one(w, at, d, 3, false, true);
			one(w, at, d, 0, true, true);
		}
	}
}

static void test_exact(u32 at)
{
	static const struct row rows[] = {
		ROW(ld8, 1), ROW(ld16, 2), ROW(ld32, 4), ROW(st16, 2),
		ROW(st32, 4), ROW(rmw32, 4), ROW(locked, 4), ROW(movzx16, 2),
		ROW(fld32, 4), ROW(fld64, 8), ROW(fld80, 8), ROW(mmx64, 8),
	};

	begin("align.exact");
	all(rows, ARRAY_SIZE(rows), at);
}

static void test_implied(u32 at)
{
	static const struct row rows[] = {
		ROW(env, 4), ROW(do_movs, 4), ROW(do_stos, 2), ROW(cx8, 8),
		ROW(do_bt, 4), ROW(store_gdt, 4),
	};

	begin("align.implied");
	all(rows, ARRAY_SIZE(rows), at);
}

static void test_far(u32 at)
{
	static const struct row row = ROW(lfar, 4);

	memset((void *)at, 0, 64);
	begin("align.far-pointer");
	one(&row, at, 0, 3, true, true);
	one(&row, at, 1, 3, true, false);
}

static void test_stack_ops(u32 at)
{
	static const struct row rows[] = {
		ROW(do_push, 4), ROW(do_pop, 4), ROW(do_call, 4),
		ROW(do_pusha, 4), ROW(do_popa, 4), ROW(do_pushf, 4),
		ROW(do_leave, 4),
	};

	begin("align.stack");
	all(rows, ARRAY_SIZE(rows), at);
}

/* A misaligned access to absent pages: #AC or #PF, and no other end. */
static void test_pages(void)
{
	struct regs r;
	u32 frame = page_alloc();

	begin("align.pages");
	page_map(T, frame, RWU);
	wr_c0(rd_c0() | CR0_AM);
	for (u32 d = 0xffd; d < 0x1001; d++) {
		regs_init(&r, st32, 3);
		r.ebx = T + d;
		r.efl |= EFL_AC;
		run(&r);
		if (r.vec == VEC_PF)
			check_that("cr2", r.cr2, T + 0x1000);
		else
			check_that("vector", r.vec, VEC_AC);
	}
	page_unmap(T);
}

/* The first access leaves nothing that would serve the second unseen. */
static void test_switched(u32 at)
{
	struct regs r;

	begin("align.switched");
	wr_c0(rd_c0() | CR0_AM);
	for (u32 n = 0; n < 3; n++) {
		regs_init(&r, ac_on, 3);
		r.ebx = at + 2;
		run(&r);
		CHECK_TRAP(&r, VEC_AC, 0, ac_on);
		regs_init(&r, ac_off, 3);
		r.ebx = at + 2;
		r.efl |= EFL_AC;
		run(&r);
		CHECK_END(&r, ac_off);
	}
}

void guest_main(void)
{
	u32 at;

	identity_on();
	at = page_alloc() + 0x400;
	test_exact(at);
	test_implied(at);
	test_far(at);
	test_stack_ops(at);
	test_pages();
	test_switched(at);
	wr_c0(rd_c0() & ~CR0_AM);
}
