/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smc.c - bare guest: code that changes, by every road.
 *
 * HAZARDS 3 (instruction over a page end), 30, 61 (a store into the same
 * block takes effect at the next instruction). SDM vol. 3, 8.1.3: a P6 or
 * later sees its own stores to code through the same linear address at once;
 * through another mapping after a serialising instruction or a jump.
 */
#include "guest.h"

#define T   0x50000000u
#define RWU (PTE_P | PTE_W | PTE_U)

const struct tcg_skip tcg_skips[] = {
	{ "smc.cross-page.open-bus.0", "TCG aborts" },
	{ "smc.cross-page.open-bus.3", "TCG aborts" },
	{ 0, 0 },
};

static u8 *buf;	      /* two pages of code, identity mapped */
static int cpl;
static const u8 END[] = { 0xcd, 0x40 };

#define BEGIN(s) begin(cpl ? "smc." s ".3" : "smc." s ".0")

/* Snippets are copied into buf, so that stores hit a page of their own. */
static void load(const void *from, const void *to)
{
	memset(buf, 0x90, 8192);
	memcpy(buf, from, (u32)((u8 *)to - (u8 *)from) + 2);
}

#define LOAD(r, name)                                                         \
	do {                                                                  \
		load(name, name##_end);                                       \
		regs_init(r, buf, cpl);                                       \
		(r)->ebx = ADDR(buf) + (name##_f - name);                     \
	} while (0)

/* ebx is the address of the marked instruction in the copy. */
CODE(next_imm, "mov byte ptr [ebx+1], 0x22" F(next_imm) "mov al, 0x11");
CODE(next_dword, "mov ecx, 0x40414043; xor eax, eax; mov [ebx], ecx"
     F(next_dword) "dec eax; dec eax; dec eax; dec eax");
CODE(next_xchg, "mov dl, 0x40; xor eax, eax; xchg [ebx], dl"
     F(next_xchg) "nop; nop");
CODE(next_inc, "xor eax, eax; inc byte ptr [ebx+1]" F(next_inc) "mov al, 6");
CODE(next_bts, "xor eax, eax; bts dword ptr [ebx+1], 4" F(next_bts)
     "mov al, 1");
CODE(next_push, "mov edx, esp; xor eax, eax; lea esp, [ebx+4]; "
     "mov ecx, 0x40404040; push ecx" F(next_push) "nop; nop; nop; nop; "
     "mov esp, edx");
CODE(next_stos, "mov edi, ebx; mov ecx, 4; mov al, 0x42; xor edx, edx; "
     "rep stosb" F(next_stos) "nop; nop; nop; nop");
CODE(next_movs, "mov edi, ebx; lea esi, [ebx+8]; xor eax, eax; movsd"
     F(next_movs) "nop; nop; nop; nop; jmp 1f; nop; nop; "
     "inc eax; inc eax; inc eax; inc eax; 1: nop");
CODE(next_cmpxchg, "mov eax, 0x90909090; mov ecx, 0x43434343; xor edx, edx; "
     "lock cmpxchg [ebx], ecx" F(next_cmpxchg) "nop; nop; nop; nop");
CODE(next_far, "xor eax, eax; mov byte ptr [ebx], 0x40; nop; nop; nop; nop; "
     "nop; nop; cmp eax, 1; nop; nop; nop; lea ecx, [ecx]; add edx, 3"
     F(next_far) "nop");
CODE(own_loop, "mov ecx, 100; xor edx, edx; 1: inc dword ptr [ebx+1]"
     F(own_loop) "mov eax, 0; add edx, eax; dec ecx; jnz 1b");
CODE(own_jump, "xor eax, eax; mov ecx, 10; 1: xor byte ptr [ebx+1], 1"
     F(own_jump) ".byte 0xeb, 1; inc edx; inc eax; dec ecx; jnz 1b");
CODE(prefix, "mov byte ptr [ebx], 0x66; xor eax, eax; mov ecx, -1" F(prefix)
     "nop; mov eax, ecx");
CODE(counter, "mov ecx, 2000; xor eax, eax; jmp 1f" F(counter)
     ".long 0; 1: add dword ptr [ebx], 1; add eax, [ebx]; dec ecx; jnz 1b");
/* The callee changes what its caller goes on with: the return must not land in
 * the old translation, whose landing site the call has just made. Twice, so
 * that the first round has chained it all (HAZARDS 30). */
CODE(landing, "xor eax, eax; mov ecx, 2; 1: call 3f" F(landing)
     "mov al, 1; dec ecx; jnz 1b; jmp 4f; "
     "3: cmp ecx, 1; jne 2f; mov byte ptr [ebx+1], 9; 2: ret; 4: nop");
CODE(flags_live, "mov ecx, 0; cmp ecx, 1; mov byte ptr [ebx+1], 5"
     F(flags_live) "mov al, 0; setc dl; adc ecx, 0; seto dh; sets ah");
CODE(behind, "xor eax, eax; mov ecx, 3; jmp 2f" F(behind)
     "nop; add eax, 16; dec ecx; jz 3f; 2: mov byte ptr [ebx], 0x40; "
     "jmp 4f; 3: jmp 5f; 4: lea edx, [ebx]; jmp edx; 5: nop");

static void test_next(void)
{
	struct regs r;

#define GO(n)                                                                 \
	BEGIN(#n);                                                            \
	LOAD(&r, n);                                                          \
	run(&r);                                                              \
	check_that("vector", r.vec, VEC_END)

	GO(next_imm);
	check_that("al", r.eax, 0x22);
	GO(next_dword);
	check_that("inc ebx, inc eax, inc ecx, inc eax", r.eax, 2);
	GO(next_xchg);
	check_that("eax", r.eax, 1);
	GO(next_inc);
	check_that("al", r.eax, 7);
	GO(next_bts);
	check_that("al", r.eax, 0x11);
	GO(next_push);
	check_that("eax", r.eax, 4);
	GO(next_stos);
	check_that("edx", r.edx, 4);
	GO(next_movs);
	check_that("eax", r.eax, 4);
	GO(next_cmpxchg);
	check_that("ebx", r.ebx, ADDR(buf) + (next_cmpxchg_f - next_cmpxchg) +
		   4);
	GO(next_far);
	check_that("eax", r.eax, 1);
	check_that("edx", r.edx, 3);
	GO(own_loop);
	check_that("sum", r.edx, 5050);
	GO(own_jump);
	check_that("eax", r.eax, 10);
	check_that("edx", r.edx, 5);
	GO(prefix);
	check_that("eax", r.eax, 0xffff); /* mov ax, cx */
	GO(counter);
	check_that("sum", r.eax, 2000 * 2001 / 2);
	GO(landing);
	check_that("al", r.eax, 9);
	GO(flags_live);
	check_that("al", r.eax & 0xff, 5);
	check_that("setc", r.edx & 0xff, 1);
	check_that("adc", r.ecx, 1);
	GO(behind);
	check_that("eax", r.eax, 51);
#undef GO
}

/* Writes `mov eax, v; ret`-like code and runs it, over and over. */
static void put_const(u8 *p, u32 v)
{
	p[0] = 0xb8;
	memcpy(p + 1, &v, 4);
	memcpy(p + 5, END, 2);
}

static void test_jit(void)
{
	struct regs r;
	u8 code[16];

	BEGIN("jit.same-place");
	for (u32 i = 0; i < 500; i++) {
		put_const(buf, i * 0x01010101);
		run_at(&r, buf, cpl);
		check_that("value", r.eax, i * 0x01010101);
	}
	BEGIN("jit.many-places");
	for (u32 i = 0; i < 500; i++)
		put_const(buf + i * 16, ~i);
	for (u32 i = 0; i < 500; i++) {
		run_at(&r, buf + i * 16, cpl);
		check_that("value", r.eax, ~i);
		put_const(buf + (i ^ 1) * 16, ~(i ^ 1));
	}
	BEGIN("jit.patch-one-byte");
	put_const(buf + 32, 0);
	for (u32 i = 0; i < 256; i++) {
		buf[32 + 1 + i % 4] = i;
		run_at(&r, buf + 32, cpl);
		check_that("value", r.eax, MEM32(buf + 33));
	}
	BEGIN("jit.rep-movs");
	for (u32 i = 0; i < 50; i++) {
		put_const(code, i);
		memset(buf, 0xcc, 64);
		memcpy(buf + i, code, 7);
		run_at(&r, buf + i, cpl);
		check_that("value", r.eax, i);
	}
	BEGIN("jit.page-of-movs");
	for (u32 i = 0; i < 8; i++) {
		u32 page = page_alloc();

		put_const((u8 *)page + 0xff0, i);
		memcpy(buf, (void *)page, 4096);
		run_at(&r, buf + 0xff0, cpl);
		check_that("value", r.eax, i);
	}
}

CODE(chain, "xor eax, eax; call [ebx]; call [ebx]; jmp [ebx+4];");

static void test_chained(void)
{
	struct regs r;
	u32 table[2] = { ADDR(buf + 0x100), ADDR(buf + 0x200) };

	/* add eax, imm8; ret -- changed between and under its callers */
	BEGIN("chain.target");
	for (u32 i = 0; i < 100; i++) {
		memcpy(buf + 0x100, "\x83\xc0\x00\xc3", 4);
		buf[0x102] = i & 0x7f;
		memcpy(buf + 0x200, "\x83\xc0\x05\xcd\x40", 5);
		regs_init(&r, chain, cpl);
		r.ebx = ADDR(table);
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("eax", r.eax, 2 * (i & 0x7f) + 5);
	}
	BEGIN("chain.direct");
	/* 0: jmp 0x40; 0x40: mov al, N; jmp 0x80; 0x80: end */
	for (u32 i = 0; i < 100; i++) {
		memcpy(buf, "\xeb\x3e", 2);
		memcpy(buf + 0x40, "\xb0\x00\xeb\x3c", 4);
		buf[0x41] = i;
		memcpy(buf + 0x80, END, 2);
		run_at(&r, buf, cpl);
		check_that("al", r.eax & 0xff, i);
		if (i % 10 == 0) { /* another way through the same bytes */
			buf[0x43] = 0x3d;
			memcpy(buf + 0x81, END, 2);
			buf[0x80] = 0x90;
			run_at(&r, buf, cpl);
			check_that("eip", r.eip, ADDR(buf + 0x83));
		}
	}
	BEGIN("chain.return-address");
	/* the bytes after a call change while the callee runs */
	memset(buf, 0x90, 256);
	memcpy(buf, "\xe8\x3b\x00\x00\x00\xb0\x01\xcd\x40", 9);
	/* 0x40: mov byte [buf+6], 9; ret */
	memcpy(buf + 0x40, "\xc6\x05\x00\x00\x00\x00\x09\xc3", 8);
	*(u32 *)(buf + 0x42) = ADDR(buf + 6);
	run_at(&r, buf, cpl);
	check_that("al", r.eax & 0xff, 9);
}

static void test_cross_page(void)
{
	struct regs r;

	BEGIN("cross-page.second-half");
	for (u32 i = 0; i < 20; i++) {
		memcpy(buf + 0xffd, "\xb8\x00\x00\x00\x00\xcd\x40", 7);
		buf[0x1000] = i;
		run_at(&r, buf + 0xffd, cpl);
		check_that("eax", r.eax, i << 16);
		buf[0x1001] = i + 1;
		run_at(&r, buf + 0xffd, cpl);
		check_that("eax", r.eax, (i + 1) << 24 | i << 16);
		buf[0xffe] = i + 2;
		run_at(&r, buf + 0xffd, cpl);
		check_that("eax", r.eax, (i + 1) << 24 | i << 16 | (i + 2));
	}
	BEGIN("cross-page.store-over-the-edge");
	/* the dword's first half is data, its second half code */
	memset(buf + 0xff0, 0x90, 32);
	for (u32 i = 0; i < 20; i++) {
		memcpy(buf + 0x1000, "\xb0\x00\xcd\x40", 4);
		run_at(&r, buf + 0x1000, cpl);
		check_that("al", r.eax & 0xff, 0);
		MEM32(buf + 0xffe) = 0x00b09090 | (i + 1) << 24;
		run_at(&r, buf + 0x1000, cpl);
		check_that("al", r.eax & 0xff, i + 1);
	}
	BEGIN("cross-page.run-on");
	memset(buf, 0x40, 8192); /* inc eax, over both pages */
	memcpy(buf + 8000, END, 2);
	run_at(&r, buf + 100, cpl);
	check_that("eax", r.eax, 7900);
	buf[5000] = 0x48;
	run_at(&r, buf + 100, cpl);
	check_that("eax", r.eax, 7898);
}

static void test_alias(void)
{
	struct regs r;
	u32 f = page_alloc(), g = page_alloc();

	page_map(T, f, RWU);
	page_map(T + 0x1000, f, RWU);
	page_map(T + 0x2000, g, RWU);
	BEGIN("alias");
	for (u32 i = 0; i < 100; i++) {
		put_const((u8 *)T, i);
		run_at(&r, (u8 *)T + 0x1000, cpl);
		check_that("other mapping", r.eax, i);
		put_const((u8 *)f, i + 1000); /* the identity one */
		run_at(&r, (u8 *)T, cpl);
		check_that("this mapping", r.eax, i + 1000);
		MEM8(T + 0x1001) = 7;
		run_at(&r, (u8 *)f, cpl);
		check_that("identity", r.eax & 0xff, 7);
	}
	BEGIN("alias.remapped");
	put_const((u8 *)f, 0xf);
	put_const((u8 *)g, 0x9);
	for (u32 i = 0; i < 20; i++) {
		page_map(T + 0x3000, i & 1 ? f : g, RWU);
		run_at(&r, (u8 *)T + 0x3000, cpl);
		check_that("value", r.eax, i & 1 ? 0xf : 0x9);
	}
	BEGIN("alias.cross-page-remapped");
	memcpy((u8 *)f + 0xffe, "\xb8\x01", 2);
	memcpy((u8 *)g, "\x02\x03\x04\xcd\x40", 5);
	memcpy((u8 *)f, "\x05\x06\x07\xcd\x40", 5);
	page_map(T + 0x4000, f, RWU);
	for (u32 i = 0; i < 20; i++) {
		page_map(T + 0x5000, i & 1 ? f : g, RWU);
		run_at(&r, (u8 *)T + 0x4ffe, cpl);
		check_that("value", r.eax, i & 1 ? 0x07060501 : 0x04030201);
	}
	BEGIN("alias.page-as-data-again");
	put_const((u8 *)f, 1);
	run_at(&r, (u8 *)T, cpl);
	for (u32 i = 0; i < 4096; i++)
		MEM8(T + i) = i;
	for (u32 i = 0; i < 4096; i++)
		check_that("byte", MEM8(f + i), i & 0xff);
	BEGIN("alias.read-only-code");
	page_map(T, f, PTE_P | PTE_U);
	for (u32 i = 0; i < 20; i++) {
		put_const((u8 *)f, i);
		run_at(&r, (u8 *)T, cpl);
		check_that("value", r.eax, i);
	}
}

/* mov eax, imm32 whose last three bytes lie where nothing answers */
static void test_cross_open_bus(void)
{
	u32 f = page_alloc();
	struct regs r;

	page_map(T + 0x8000, f, RWU);
	page_map(T + 0x9000, 0xd0000000, RWU);
	BEGIN("cross-page.open-bus");
	if (tcg_skip("smc.cross-page.open-bus.0"))
		return;
	for (u32 i = 0; i < 20; i++) {
		memcpy((u8 *)f + 0xffd, "\x90\xb8", 2);
		MEM8(f + 0xfff) = i;
		run_at(&r, (u8 *)T + 0x8ffd, cpl);
		check_that("vector", r.vec, VEC_UD);
		check_that("eip", r.eip, T + 0x9003);
		check_that("eax", r.eax, 0xffffff00 | i);
	}
}

/* The same bytes at other addresses and frames: what they say of themselves
 * must be of here and now. e8 0: call next; pop eax; jmp +2 */
#define PLACES 7

static void test_moved(void)
{
	static const u8 whoami[] = "\xe8\x00\x00\x00\x00\x58\xeb\x02\x90\x90"
				   "\xe8\x02\x00\x00\x00\xcd\x40\x5a\x52\xc3";
	u32 f = page_alloc(), g = page_alloc();
	struct regs r;

	memcpy((u8 *)f + 0x120, whoami, sizeof(whoami));
	memcpy((u8 *)g + 0x120, whoami, sizeof(whoami));
	for (u32 k = 0; k < PLACES; k++)
		page_map(T + 0x10000 + k * 0x1000, k & 1 ? g : f, RWU);
	BEGIN("moved");
	for (u32 i = 0; i < 20 * PLACES; i++) {
		u32 at = T + 0x10120 + (i * 3 % PLACES) * 0x1000;

		run_at(&r, (u8 *)at, cpl);
		check_that("eip of the first call", r.eax, at + 5);
		check_that("eip of the second call", r.edx, at + 15);
		check_that("end", r.eip, at + 17);
	}
	BEGIN("moved.changed");
	for (u32 i = 0; i < 10 * PLACES; i++) {
		u32 k = i * 3 % PLACES, at = T + 0x10120 + k * 0x1000;

		MEM8((k & 1 ? g : f) + 0x125) = i % 4 ? 0x58 : 0x5b;
		run_at(&r, (u8 *)at, cpl);
		check_that("popped", i % 4 ? r.eax : r.ebx, at + 5);
	}
}

/* A few versions by turns, found again or made anew, under callers that stay;
 * and stores beside code that is running. */
CODE(beside, "mov ecx, 300; xor eax, eax; 1: inc dword ptr [ebx+16]"
     F(beside) "add eax, [ebx+16]; call 2f; dec ecx; jnz 1b; jmp 3f; "
     "nop; nop; nop; .long 0, 0; 2: mov [ebx+20], ecx; ret; 3: nop");

static void test_versions(void)
{
	struct regs r;

	BEGIN("versions");
	for (u32 i = 0; i < 300; i++) {
		put_const(buf + 64, i % 3 * 0x1111);
		if (i % 5 == 0)
			buf[64] = 0xb9; /* mov ecx */
		run_at(&r, buf + 64, cpl);
		check_that("value", i % 5 ? r.eax : r.ecx, i % 3 * 0x1111);
	}
	BEGIN("versions.beside");
	for (u32 i = 0; i < 4; i++) {
		LOAD(&r, beside);
		run(&r);
		check_that("sum", r.eax, 300 * 301 / 2);
		check_that("stored", MEM32(r.ebx + 20), 1);
	}
}

/* Constants patched into instructions of every form, over and over; the same
 * bytes at a place of their own say what they should do. */
static void test_constants(void)
{
	static const struct { u8 len, op[4]; } form[] = {
		{ 1, "\x05" }, { 1, "\x0d" }, { 1, "\x15" }, { 1, "\x1d" },
		{ 1, "\x25" }, { 1, "\x2d" }, { 1, "\x35" }, { 1, "\x3d" },
		{ 1, "\xa9" }, { 1, "\xb8" }, { 1, "\xbe" }, { 1, "\xbd" },
		{ 2, "\x81\xc1" }, { 2, "\x81\xca" }, { 2, "\x81\xd6" },
		{ 2, "\x81\xdf" }, { 2, "\x81\xe5" }, { 2, "\x81\xe8" },
		{ 2, "\x81\xf1" }, { 2, "\x81\xfa" }, { 2, "\x81\xfc" },
		{ 2, "\x81\x03" }, { 2, "\x81\x0b" }, { 2, "\x81\x13" },
		{ 2, "\x81\x1b" }, { 2, "\x81\x23" }, { 2, "\x81\x2b" },
		{ 2, "\x81\x33" }, { 2, "\x81\x3b" }, { 3, "\xf0\x81\x03" },
		{ 2, "\xc7\x03" }, { 2, "\xc7\xc2" }, { 2, "\xf7\xc1" },
		{ 2, "\xf7\x03" }, { 4, "\xc7\x44\x24\xf0" },
		{ 2, "\x69\xc1" }, { 1, "\x68" },
	};
	u32 page = page_alloc(), data = page_alloc();
	struct regs r[2];
	u8 *at;

	BEGIN("constants");
	for (u32 f = 0; f < sizeof(form) / sizeof(form[0]); f++) {
		for (u32 i = 0; i < 24; i++) {
			u32 v = (i * 0x9e3779b1u) ^ (i << 30), got[2];

			for (u32 k = 0; k < 2; k++) {
				u32 n = form[f].len;

				at = k ? (u8 *)page + 64 + i * 16 : buf + 64;
				memcpy(at, form[f].op, n);
				memcpy(at + n, &v, 4);
				memcpy(at + n + 4, END, 2);
				regs_init(&r[k], at, cpl);
				r[k].eax = 0x80001234 + i;
				r[k].ecx = r[k].edx = r[k].esi = 0x7fffff00;
				r[k].ebp = r[k].edi = 0x0f0f0f0f;
				r[k].ebx = data;
				r[k].efl |= i & 1; /* CF */
				MEM32(data) = 0x40000000 + i;
				run(&r[k]);
				got[k] = MEM32(data);
			}
			check_that("form", r[0].vec, VEC_END);
			check_that("eax", r[0].eax, r[1].eax);
			check_that("ecx", r[0].ecx, r[1].ecx);
			check_that("edx", r[0].edx, r[1].edx);
			check_that("esi", r[0].esi, r[1].esi);
			check_that("edi", r[0].edi, r[1].edi);
			check_that("ebp", r[0].ebp, r[1].ebp);
			check_that("memory", got[0], got[1]);
			check_that("flags", r[0].efl & 0x8c5,
				   r[1].efl & 0x8c5);
		}
		memset((void *)page, 0xcc, 4096);
	}
	BEGIN("constants.two");
	for (u32 i = 0; i < 60; i++) {
		memcpy(buf + 64, "\xb8....\x05....\xb9....\xcd\x40", 17);
		MEM32(buf + 65) = i * 3;
		MEM32(buf + 70) = i < 30 ? 1 : i;
		MEM32(buf + 75) = 0x1234;
		if (i > 40) /* another instruction */
			buf[69] = i & 1 ? 0x2d : 0x05;
		run_at(&r[0], buf + 64, cpl);
		check_that("eax", r[0].eax,
			   i > 40 && (i & 1) ? i * 2 : i * 3 + (i < 30 ? 1 : i));
		check_that("ecx", r[0].ecx, 0x1234);
	}
	/* the last instruction that a block can have; another block takes its
	 * place in the hash, so that it is looked up again each time */
	BEGIN("constants.last-of-block");
	at = (u8 *)pages_alloc(18);
	memset(at + 64, 0x90, 63);
	put_const(at + 64 + 0x10000, 1);
	for (u32 i = 0; i < 60; i++) {
		put_const(at + 64 + 63, i * 0x01020304);
		for (u32 k = 0; k < 3; k++) {
			run_at(&r[0], at + 64, cpl);
			check_that("eax", r[0].eax, i * 0x01020304);
			run_at(&r[0], at + 64 + 0x10000, cpl);
			check_that("other eax", r[0].eax, 1);
		}
	}
}

/* The same page run at both privileges and written from either. */
CODE(user_write, "mov [ebx], al");

static void test_both_rings(void)
{
	struct regs r;

	begin("smc.both-rings");
	for (u32 i = 0; i < 50; i++) {
		put_const(buf, i);
		run_at(&r, buf, 0);
		check_that("ring 0", r.eax, i);
		run_at(&r, buf, 3);
		check_that("ring 3", r.eax, i);
		regs_init(&r, user_write, 3);
		r.ebx = ADDR(buf) + 1;
		r.eax = i + 100;
		run(&r);
		run_at(&r, buf, 0);
		check_that("ring 0 after ring 3 wrote", r.eax, i + 100);
	}
}

void guest_main(void)
{
	buf = (u8 *)pages_alloc(2);
	for (int paging = 0; paging < 2; paging++) {
		if (paging) {
			print("# with paging\n");
			identity_on();
		}
		for (cpl = 0; cpl < 4; cpl += 3) {
			test_next();
			test_jit();
			test_chained();
			test_cross_page();
			test_versions();
			test_constants();
			if (paging) {
				test_alias();
				test_cross_open_bus();
				test_moved();
			}
		}
		test_both_rings();
	}
}
