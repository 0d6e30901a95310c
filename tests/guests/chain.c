/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.c - bare guest: branches from page to page, under which the pages
 * change: remapped, gone, and other ones in another address space.
 *
 * HAZARDS 27, 29: whatever remembers where a branch, a call or a return led
 * must forget it with the mapping that it came by.
 */
#include "guest.h"

#define T     0x50000000u /* the branches */
#define U     (T + 0x1000) /* where they lead */
#define RWU   (PTE_P | PTE_W | PTE_U)
#define TIMES 40

static int cpl;
static u32 from, to[2]; /* frames of T and, by turns, of U */
static u32 space[2];	/* two values of CR3: U is to[0] or to[1] there */

#define BEGIN(s) begin(cpl ? "chain." s ".3" : "chain." s ".0")

/* Each goes to U + its number * 64, which adds to eax and comes back, ten
 * times. */
CODE(by_jmp, "0: mov ecx, 10; xor eax, eax; 1: jmp 1b + 0x1000 - 7; "
     ".skip 32 - (. - 0b), 0x90; dec ecx; jnz 1b");
CODE(by_jcc, "0: mov ecx, 10; xor eax, eax; 1: cmp ecx, 99; nop; "
     "jne 1b + 0x1040 - 7; int 3; .skip 32 - (. - 0b), 0x90; dec ecx; jnz 1b");
CODE(by_call, "mov ecx, 10; xor eax, eax; 1: call 1b + 0x1080 - 7; "
     "dec ecx; jnz 1b");
CODE(by_call_ind, "mov ecx, 10; xor eax, eax; lea ebx, [edx+0x1080]; "
     "1: call ebx; dec ecx; jnz 1b");
CODE(by_jmp_ind, "0: mov ecx, 10; xor eax, eax; lea ebx, [edx+0x10c0]; "
     "lea edi, [edx+32]; 1: jmp ebx; .skip 32 - (. - 0b), 0x90; dec ecx; jnz 1b");

/* What is at U: add eax, K; back */
static void put_targets(u32 frame, u8 k)
{
	u8 *p = (u8 *)frame;
	u8 add[3] = { 0x83, 0xc0, k };
	static const struct {
		u32 at, back; /* offsets in U and T; 0: ret, ~0: jmp edi */
	} t[] = { { 0x00, 32 }, { 0x40, 32 }, { 0x80, 0 }, { 0xc0, ~0u } };

	memset(p, 0xcc, 4096);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		u8 *q = p + t[i].at;

		memcpy(q, add, 3);
		if (!t[i].back) {
			q[3] = 0xc3;
		} else if (t[i].back == ~0u) {
			memcpy(q + 3, "\xff\xe7", 2);
		} else {
			q[3] = 0xe9;
			MEM32(q + 4) = T + t[i].back - (U + t[i].at + 8);
		}
	}
}

struct way {
	const char *name;
	char *code, *end;
};
#define WAY(n) { #n, n, n##_end }
static const struct way ways[] = {
	WAY(by_jmp), WAY(by_jcc), WAY(by_call),
	WAY(by_call_ind), WAY(by_jmp_ind),
};

static void put_way(const struct way *w)
{
	memcpy((u8 *)from, w->code, (u32)(w->end - w->code) + 2);
}

static void go(struct regs *r)
{
	regs_init(r, (void *)T, cpl);
	r->edx = T;
	run(r);
}

static u32 *pte_of(u32 cr3, u32 va)
{
	u32 *pd = (u32 *)cr3;

	return (u32 *)(pd[va >> 22] & ~0xfffu) + (va >> 12 & 1023);
}

static void test_remapped(const struct way *w)
{
	struct regs r;

	for (u32 i = 0; i < TIMES; i++) {
		if (i & 2) {
			*pte_of(rd_c3(), U) = to[i & 1] | RWU;
			invlpg(U);
		} else {
			page_map(U, to[i & 1], RWU);
		}
		for (u32 k = 0; k < 3; k++) {
			go(&r);
			check_that("vector", r.vec, VEC_END);
			check_that(w->name, r.eax, 10 * (i & 1 ? 7 : 1));
		}
		if (i % 4)
			continue;
		page_unmap(U);
		go(&r);
		check_that("vector without a page", r.vec, VEC_PF);
		check_that("cr2", r.cr2 & ~0xfffu, U);
		check_that("eip", r.eip, r.cr2);
	}
}

static void test_spaces(const struct way *w)
{
	struct regs r;
	u32 old = rd_c3();

	for (u32 i = 0; i < TIMES; i++) {
		wr_c3(space[i & 1]);
		for (u32 k = 0; k < 3; k++) {
			go(&r);
			check_that(w->name, r.eax, 10 * (i & 1 ? 7 : 1));
		}
	}
	wr_c3(old);
}

/* The frame behind U is written: its code is dropped under the chain. */
static void test_rewritten(const struct way *w)
{
	struct regs r;

	page_map(U, to[0], RWU);
	for (u32 i = 0; i < TIMES; i++) {
		put_targets(to[0], i % 3 + 1);
		go(&r);
		check_that(w->name, r.eax, 10 * (i % 3 + 1));
	}
	put_targets(to[0], 1);
}

/* The callee, in U, gives its caller's page another frame, or changes the
 * address space: it returns into the new page. edi: where, esi: what. */
CODE(call_remap, "mov ecx, 3; 1: call 1b + 0x1200 - 5; mov al, 1; dec ecx; "
     "jnz 1b");
CODE(do_remap, "cmp ecx, 1; jne 1f; mov [edi], esi; invlpg [edx]; 1: ret");
CODE(do_space, "cmp ecx, 1; jne 1f; mov cr3, esi; 1: ret");
CODE(do_write, "cmp ecx, 1; jne 1f; mov byte ptr [edi], 2; 1: ret");
CODE(do_trap, "cmp ecx, 1; jne 1f; ud2; 1: ret");

/* Bytes of the caller with another constant. */
static void put_caller(u32 frame, u8 v)
{
	u8 *p = (u8 *)frame;

	memcpy(p, call_remap, (u32)(call_remap_end - call_remap) + 2);
	p[11] = v;
}

static void put_callee(const char *code, const char *end)
{
	memcpy((u8 *)to[0] + 0x200, code, (u32)(end - code));
}
#define CALLEE(name) put_callee(name, name##_end)

static u32 other; /* the caller's page with another constant */
static bool by_space;

/* The handler of ud2 does it, for whoever ran into it. */
static int hook_change(struct regs *r)
{
	if (r->vec != VEC_UD)
		return 0;
	r->eip += 2;
	if (by_space) {
		wr_c3(space[1]);
	} else {
		*pte_of(rd_c3(), T) = other | RWU;
		invlpg(T);
	}
	return 1;
}

static void test_return_trap(void)
{
	struct regs r;
	u32 old = rd_c3();

	CALLEE(do_trap);
	trap_hook = hook_change;
	for (u32 i = 0; i < TIMES; i++) {
		page_map(T, from, RWU);
		page_map(U, to[0], RWU);
		by_space = i & 1;
		if (by_space)
			wr_c3(space[0]);
		run_at(&r, (void *)T, cpl);
		check_that("vector", r.vec, VEC_END);
		check_that("al", r.eax & 0xff, 2);
		wr_c3(old);
	}
	trap_hook = NULL;
}

/* The callee writes to its caller, by another address. */
static void test_return_rewritten(void)
{
	struct regs r;

	CALLEE(do_write);
	page_map(U, to[0], RWU);
	for (u32 i = 0; i < 10; i++) {
		u32 fresh = page_alloc();

		put_caller(fresh, 1);
		page_map(T, fresh, RWU);
		regs_init(&r, (void *)T, cpl);
		r.edi = fresh + 11;
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("al", r.eax & 0xff, 2);
	}
}

static void test_return(void)
{
	struct regs r;
	u32 old = rd_c3();

	CALLEE(do_remap);
	BEGIN("return.remapped");
	for (u32 i = 0; i < TIMES; i++) {
		page_map(T, from, RWU);
		page_map(U, to[0], RWU);
		regs_init(&r, (void *)T, cpl);
		r.edx = T;
		r.edi = ADDR(pte_of(old, T));
		r.esi = other | RWU;
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("al", r.eax & 0xff, 2);
	}
	BEGIN("return.other-space");
	CALLEE(do_space);
	for (u32 i = 0; i < TIMES; i++) {
		wr_c3(space[0]);
		regs_init(&r, (void *)T, cpl);
		r.esi = space[1];
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("al", r.eax & 0xff, 2);
	}
	wr_c3(old);
}

static void test_returns(void)
{
	put_caller(from, 1);
	put_caller(other, 2);
	*pte_of(space[1], T) = other | RWU;
	*pte_of(space[1], U) = to[0] | RWU;
	if (!cpl)
		test_return();
	BEGIN("return.trap");
	test_return_trap();
	BEGIN("return.rewritten");
	test_return_rewritten();
	*pte_of(space[1], T) = from | RWU;
	*pte_of(space[1], U) = to[1] | RWU;
	page_map(T, from, RWU);
	put_targets(to[0], 1);
}

static void spaces_make(void)
{
	u32 *pd = (u32 *)rd_c3();

	for (u32 i = 0; i < 2; i++) {
		u32 *d = (u32 *)page_alloc(), *t = (u32 *)page_alloc();

		memcpy(d, pd, 4096);
		d[T >> 22] = ADDR(t) | RWU;
		t[T >> 12 & 1023] = from | RWU;
		t[U >> 12 & 1023] = to[i] | RWU;
		space[i] = ADDR(d);
	}
}

void guest_main(void)
{
	from = page_alloc();
	to[0] = page_alloc();
	to[1] = page_alloc();
	other = page_alloc();
	put_targets(to[0], 1);
	put_targets(to[1], 7);
	identity_on();
	page_map(T, from, RWU);
	spaces_make();
	for (cpl = 3; cpl >= 0; cpl -= 3) { /* before the kernel was there */
		for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
			put_way(&ways[i]);
			BEGIN("remapped");
			test_remapped(&ways[i]);
			BEGIN("spaces");
			test_spaces(&ways[i]);
			BEGIN("rewritten");
			test_rewritten(&ways[i]);
		}
		test_returns();
	}
}

const struct tcg_skip tcg_skips[] = { { NULL, NULL } };
