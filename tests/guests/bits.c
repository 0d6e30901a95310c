/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bits.c - bare guest: bit strings, BCD, double shifts, and the odd ones.
 *
 * HAZARDS 13 (BT with a register offset), 1 and 2 (prefixes that change the
 * instruction). Expected values follow the pseudo-code of SDM vol. 2.
 */
#include "guest.h"

const struct tcg_skip tcg_skips[] = {
	{ "misc.idiv-lowest", "TCG dies of SIGFPE on 2^63 / -1" },
	{ 0, 0 },
};

static u32 *field; /* 2 pages; bit offset 0 is in the middle */

CODE(bt_r, F(bt_r) "bt [ebx], ecx; setc al");
CODE(bts_r, F(bts_r) "bts [ebx], ecx; setc al");
CODE(btr_r, F(btr_r) "btr [ebx], ecx; setc al");
CODE(btc_r, F(btc_r) "lock btc [ebx], ecx; setc al");
CODE(bts_w, F(bts_w) "bts word ptr [ebx], cx; setc al");
CODE(bts_i, F(bts_i) "bts dword ptr [ebx], 37; setc al");
CODE(bt_reg, "bt edx, ecx; setc al; bts edx, ecx");

static void bit_one(void *code, void *end, s32 bit, int kind)
{
	struct regs r;
	u32 *word = field + 512 + (bit >> 5), m = 1u << (bit & 31), old, want;

	*word = old = 0x5a5a5a5a ^ bit;
	regs_init(&r, code, bit & 1 ? 3 : 0);
	r.ebx = ADDR(field + 512);
	r.ecx = bit;
	r.efl |= EFL_ZF;
	run(&r);
	check_end(&r, end);
	want = kind == 0 ? old : kind == 1 ? old | m : kind == 2 ? old & ~m :
	       old ^ m;
	check_that("carry", r.eax & 0xff, !!(old & m));
	check_that("word", *word, want);
	check_that("ZF is kept", r.efl & EFL_ZF, EFL_ZF);
}

static void test_bits(void)
{
	static const s32 offs[] = { 0, 1, 31, 32, 33, 63, -1, -31, -32, -33,
				    1000, -1000, 16383, -16384 };
	struct regs r;

	begin("bits.register-offset");
	for (u32 i = 0; i < ARRAY_SIZE(offs); i++) {
		bit_one(bt_r, bt_r_end, offs[i], 0);
		bit_one(bts_r, bts_r_end, offs[i], 1);
		bit_one(btr_r, btr_r_end, offs[i], 2);
		bit_one(btc_r, btc_r_end, offs[i], 3);
	}
	/* The largest offsets: 2^28 bytes either way, modulo 4 GiB. */
	begin("bits.far");
	for (int sign = 0; sign < 2; sign++) {
		u32 off = sign ? 0x80000000u : 0x7fffffe0u;
		u32 delta = (u32)((s32)off >> 5) * 4;

		field[100] = 0;
		regs_init(&r, bts_r, 3);
		r.ebx = ADDR(field + 100) - delta;
		r.ecx = off + 5;
		run(&r);
		CHECK_END(&r, bts_r);
		check_that("word", field[100], 32);
	}
	begin("bits.word");
	field[512] = field[511] = 0;
	regs_init(&r, bts_w, 3);
	r.ebx = ADDR(field + 512);
	r.ecx = 0x5555ffef; /* -17: the word at -4 */
	run(&r);
	CHECK_END(&r, bts_w);
	check_that("word", field[511], 0x8000);
	begin("bits.immediate");
	field[512] = field[513] = 0;
	regs_init(&r, bts_i, 3);
	r.ebx = ADDR(field + 512);
	run(&r);
	check_that("modulo 32", field[512], 32);
	check_that("next dword", field[513], 0);
	begin("bits.register");
	regs_init(&r, bt_reg, 3);
	r.edx = 0x10;
	r.ecx = 0xffffffe4;
	run(&r);
	check_that("modulo 32", r.eax & 0xff, 1);
}

/* --- BCD --- */

static const u8 bcd_op[] = { 0x27, 0x2f, 0x37, 0x3f }; /* daa das aaa aas */

static void bcd_model(u8 op, u16 *ax, u32 *f)
{
	u8 al = *ax, ah = *ax >> 8, old = al;
	bool cf = *f & EFL_CF, af = *f & EFL_AF;
	bool low = (al & 15) > 9 || af, c = false;

	*f = 0;
	if (op == 0x27 || op == 0x2f) {
		s32 six = op == 0x27 ? 6 : -6;

		if (low) {
			c = cf || (op == 0x27 ? al > 0xf9 : al < 6);
			al += six;
			*f |= EFL_AF;
		}
		if (old > 0x99 || cf) {
			al += six * 16;
			c = true;
		} else if (op == 0x27) {
			c = false;
		}
		*f |= c ? EFL_CF : 0;
		*f |= (al ? 0 : EFL_ZF) | (al & 0x80 ? EFL_SF : 0) |
		      (__builtin_parity(al) ? 0 : EFL_PF);
	} else {
		if (low) {
			u16 v = op == 0x37 ? *ax + 0x106 : *ax - 6;

			al = v;
			ah = (v >> 8) - (op == 0x3f);
			*f |= EFL_AF | EFL_CF;
		}
		al &= 15;
	}
	*ax = ah << 8 | al;
}

static void test_bcd(void)
{
	u8 code[4] = { 0, 0xcd, 0x40 };
	struct regs r;

	begin("bcd.daa-das-aaa-aas");
	for (u32 op = 0; op < 4; op++)
		for (u32 ax = 0; ax < 256; ax++)
			for (u32 fl = 0; fl < 4; fl++) {
				u16 want = ax | 0x3700;
				u32 f = (fl & 1 ? EFL_CF : 0) |
					(fl & 2 ? EFL_AF : 0), in_f = f;
				u32 mask = op < 2 ? EFL_ARITH & ~EFL_OF :
						    EFL_AF | EFL_CF;

				code[0] = bcd_op[op];
				regs_init(&r, code, 3);
				r.eax = 0xabcd0000 | want;
				r.efl |= f;
				bcd_model(code[0], &want, &f);
				run(&r);
				if (r.eax == (0xabcd0000 | want) &&
				    (r.efl & mask) == (f & mask))
					continue;
				print("# op %2x al %2x flags %x\n", code[0],
				      ax, in_f);
				check_that("eax", r.eax, 0xabcd0000 | want);
				check_that("flags", r.efl & mask, f & mask);
			}
	begin("bcd.aam-aad");
	for (u32 i = 0; i < 256; i += 5) {
		u8 aam[] = { 0xd4, i | 1, 0xcd, 0x40 };
		u8 aad[] = { 0xd5, i | 1, 0xcd, 0x40 };
		u8 al;

		regs_init(&r, aam, 3);
		r.eax = 0x55aa0000 | (i * 7 & 0xff);
		run(&r);
		check_that("aam", r.eax, 0x55aa0000 |
			   (i * 7 & 0xff) / (i | 1) << 8 |
			   (i * 7 & 0xff) % (i | 1));
		regs_init(&r, aad, 3);
		r.eax = 0x1234;
		run(&r);
		al = 0x34 + 0x12 * (i | 1);
		check_that("aad", r.eax, al);
		check_that("ZF", r.efl & EFL_ZF, al ? 0 : EFL_ZF);
	}
	begin("bcd.aam-0");
	regs_init(&r, "\xd4\x00\xcd\x40", 3);
	r.eax = 0x1234;
	run(&r);
	check_that("vector", r.vec, VEC_DE);
	check_that("ax", r.eax, 0x1234);
}

/* --- the odd ones --- */

CODE(do_xlat, "xlatb; mov ecx, eax; mov al, 3; xlat byte ptr fs:[ebx]");
CODE(do_bound, F(do_bound) "bound eax, [ebx]");
CODE(do_bound16, F(do_bound16) ".byte 0x66; bound eax, [ebx]");
CODE(do_salc, "stc; .byte 0xd6; mov bl, al; clc; .byte 0xd6");
CODE(do_shd, "shld eax, edx, 8; shrd ebx, edx, cl; shld si, di, 4; "
     "shrd edi, edx, 0");
CODE(do_cx8, "lock cmpxchg8b [edi]; setz cl");
CODE(do_cx8bad, F(do_cx8bad) ".byte 0x0f, 0xc7, 0xcf"); /* register form */
CODE(do_xadd, "lock xadd [edi], eax; xadd ecx, edx; xadd ebx, ebx");
CODE(do_bswap, "bswap eax; bswap esi; bswap esp; bswap esp");
CODE(do_movbe, "movbe eax, [ebx]; movbe [ebx+4], eax; movbe cx, [ebx]");
CODE(do_popcnt, "popcnt eax, ebx; popcnt cx, bx; setz dl");
CODE(do_bsf, "bsf eax, edx; setz cl; bsr ebx, esi; setz ch");
CODE(do_lzcnt, "lzcnt eax, esi; tzcnt ecx, edx; lzcnt ebx, edi; setc dl");
CODE(do_cmov, "cmp eax, eax; cmove ecx, [ebx]; cmovne edx, [ebx]; "
     "cmovb esi, ecx");
CODE(do_cmov_fault, "cmp eax, eax" F(do_cmov_fault) "cmovne edx, [ebx]");
CODE(do_mul, "mul ebx; mov esi, edx; imul ecx, ebx, -3; imul edi, ebx; "
     "setc bl");
CODE(do_div, "div ebx");
CODE(do_idiv, F(do_idiv) "idiv ebx");
CODE(do_rot, "rcl eax, cl; rcr ebx, cl; rol dx, cl; rcl si, 17; "
     "shl edi, 32; ");
CODE(do_loop, "mov ecx, 5; 1: inc eax; loop 1b; mov ecx, 5; 2: cmp eax, 8; "
     "lea eax, [eax+1]; loopne 2b; mov edx, ecx; mov ecx, 3; 3: cmp ecx, ecx; "
     "loope 3b; jecxz 4f; ud2; 4: mov ecx, 0x10000; .byte 0x67; "
     "jecxz 5f; ud2; 5: mov ecx, 0x10001; .byte 0x67; loop 6f; 6: nop");
CODE(do_enter_seg, "lea eax, [ebx+ecx*4+0x12345678]; lea dx, [ebx+ecx]; "
     ".byte 0x67; lea esi, [bx+si]");
CODE(do_movsx, "movsx eax, byte ptr [ebx]; movsx ecx, word ptr [ebx]; "
     "movsx dx, byte ptr [ebx+1]; movzx esi, word ptr [ebx+1]; cwde; "
     "cdq");
CODE(do_nops, "nop; pause; nop dword ptr [eax+eax+0x12345678]; "
     "nop word ptr [eax]; .byte 0x0f, 0x1f, 0xc0; prefetchnta [ebx]; "
     "prefetcht0 [ebx]; .byte 0x66, 0x90; .byte 0xf3, 0x0f, 0x1e, 0xfb; "
     ".byte 0x0f, 0x18, 0x38; .byte 0x3e, 0x2e, 0x90; sfence; mfence");

#define GO(name)                                                              \
	begin("misc." #name);                                                 \
	regs_init(&r, name, 3);                                               \
	SETUP;                                                                \
	run(&r);                                                              \
	CHECK_END(&r, name)

static void test_odd(void)
{
	static u8 table[256];
	static u64 cell;
	struct regs r;

	for (u32 i = 0; i < 256; i++)
		table[i] = 255 - i;
#define SETUP r.ebx = ADDR(table), r.eax = 0x1234567f
	GO(do_xlat);
	check_that("xlat", r.ecx, 0x12345680);
	check_that("xlat fs:", r.eax, 0x123456fc);
#undef SETUP
#define SETUP r.eax = 0x100, r.ebx = 0x200
	GO(do_salc);
	check_that("carry", r.ebx, 0x2ff);
	check_that("none", r.eax, 0x100);
#undef SETUP
#define SETUP r.eax = 0x12345678, r.edx = 0x9abcdef0, r.ebx = 0x11223344,     \
	r.ecx = 36, r.esi = 0x55551234, r.edi = 0xabcd
	GO(do_shd);
	check_that("shld", r.eax, 0x3456789a);
	check_that("shrd cl", r.ebx, 0x01122334);
	check_that("shld 16", r.esi, 0x5555234a);
#undef SETUP
#define SETUP cell = 0x1122334455667788, r.edi = ADDR(&cell),                 \
	r.eax = 0x55667788, r.edx = 0x11223344, r.ebx = 1, r.ecx = 2
	GO(do_cx8);
	check_that("low", cell, 1);
	check_that("high", cell >> 32, 2);
	check_that("zf", r.ecx & 0xff, 1);
#undef SETUP
#define SETUP cell = 0x1122334455667788, r.edi = ADDR(&cell), r.eax = 5
	GO(do_cx8);
	check_that("eax", r.eax, 0x55667788);
	check_that("edx", r.edx, 0x11223344);
	check_that("zf", r.ecx & 0xff, 0);
#undef SETUP
	begin("misc.cmpxchg8b-register");
	run_at(&r, do_cx8bad, 3);
	CHECK_TRAP(&r, VEC_UD, NOERR, do_cx8bad);
#define SETUP cell = 100, r.edi = ADDR(&cell), r.eax = 5, r.ecx = 7,          \
	r.edx = 8, r.ebx = 0x21
	GO(do_xadd);
	check_that("memory", cell, 105);
	check_that("eax", r.eax, 100);
	check_that("ecx", r.ecx, 15);
	check_that("edx", r.edx, 7);
	check_that("ebx", r.ebx, 0x42);
#undef SETUP
#define SETUP r.eax = 0x11223344, r.esi = 0xaabbccdd
	GO(do_bswap);
	check_that("eax", r.eax, 0x44332211);
	check_that("esi", r.esi, 0xddccbbaa);
	check_that("esp", r.esp, ADDR(test_stack_top) - 256);
#undef SETUP
	if (cpuid_of(1, 0).c & 1u << 22) {
#define SETUP cell = 0x11223344, r.ebx = ADDR(&cell)
		GO(do_movbe);
		check_that("load", r.eax, 0x44332211);
		check_that("store", cell >> 32, 0x11223344);
		check_that("cx", r.ecx, 0x4433);
#undef SETUP
	}
	if (cpuid_of(1, 0).c & 1u << 23) {
#define SETUP r.ebx = 0xf0f00000, r.edx = 0
		GO(do_popcnt);
		check_that("eax", r.eax, 8);
		check_that("cx", r.ecx, 0);
		check_that("zf", r.edx, 1);
#undef SETUP
	}
#define SETUP r.edx = 0x100, r.esi = 0, r.ebx = 77
	GO(do_bsf);
	check_that("bsf", r.eax, 8);
	check_that("zf", r.ecx, 0x100);
	check_that("bsr of 0 leaves it", r.ebx, 77);
#undef SETUP
	if (cpuid_of(0x80000001, 0).c & 1u << 5 && cpuid_of(7, 0).b & 8) {
#define SETUP r.esi = 0x100, r.edx = 0x100, r.edi = 0
		GO(do_lzcnt);
		check_that("lzcnt", r.eax, 23);
		check_that("tzcnt", r.ecx, 8);
		check_that("lzcnt of 0", r.ebx, 32);
		check_that("cf", r.edx & 0xff, 1);
#undef SETUP
	}
#define SETUP cell = 99, r.ebx = ADDR(&cell), r.edx = 1, r.esi = 2
	GO(do_cmov);
	check_that("taken", r.ecx, 99);
	check_that("not taken", r.edx, 1);
	check_that("not taken", r.esi, 2);
#undef SETUP
#define SETUP r.eax = 0x80000001, r.ebx = 6, r.edi = 0x40000000
	GO(do_mul);
	check_that("low", r.eax, 6);
	check_that("high", r.esi, 3);
	check_that("imul imm", r.ecx, (u32)-18);
	check_that("overflow", r.ebx & 0xff, 1);
#undef SETUP
#define SETUP r.edx = 2, r.eax = 5, r.ebx = 16
	GO(do_div);
	check_that("quotient", r.eax, 0x20000000);
	check_that("remainder", r.edx, 5);
#undef SETUP
#define SETUP r.edx = -1, r.eax = -17, r.ebx = 5
	GO(do_idiv);
	check_that("quotient", r.eax, (u32)-3);
	check_that("remainder", r.edx, (u32)-2);
#undef SETUP
	begin("misc.idiv-overflow");
	regs_init(&r, do_idiv, 3);
	r.edx = 0x40000000;
	r.ebx = 2;
	run(&r);
	CHECK_TRAP(&r, VEC_DE, NOERR, do_idiv);
	check_that("eax", r.eax, 0);
	check_that("edx", r.edx, 0x40000000);
	begin("misc.idiv-lowest");
	regs_init(&r, do_idiv, 3);
	r.edx = 0x80000000;
	r.ebx = -1;
	if (tcg_skip("misc.idiv-lowest"))
		r.ebx = 0;
	run(&r);
	CHECK_TRAP(&r, VEC_DE, NOERR, do_idiv);
	check_that("edx", r.edx, 0x80000000);
#define SETUP r.eax = 0x80000001, r.ebx = 1, r.ecx = 33, r.edx = 0x18001,     \
	r.esi = 0x1234, r.edi = 0x77, r.efl |= EFL_CF
	GO(do_rot);
	check_that("rcl", r.eax, 3);
	check_that("rcr", r.ebx, 0x80000000);
	check_that("rol dx", r.edx, 0x10003);
	check_that("rcl si, 17 is the identity", r.esi, 0x1234);
	check_that("shl by 32 is none", r.edi, 0x77);
#undef SETUP
#define SETUP (void)0
	GO(do_loop);
	check_that("loopne", r.edx, 1);
	check_that("loop with cx", r.ecx, 0x10000);
#undef SETUP
#define SETUP r.ebx = 0x10002, r.ecx = 0x11, r.esi = 0xfffe, r.edx = -1
	GO(do_enter_seg);
	check_that("lea", r.eax, 0x12345678 + 0x10002 + 0x44);
	check_that("lea dx", r.edx, 0xffff0013);
	check_that("lea esi, [bx+si]", r.esi, 0);
#undef SETUP
#define SETUP cell = 0x8180ff7f80, r.ebx = ADDR(&cell)
	GO(do_movsx);
	check_that("word", r.ecx, 0x7f80);
	check_that("zx", r.esi, 0xff7f);
	check_that("cwde", r.eax, (u32)-128);
	check_that("cdq", r.edx, ~0u);
#undef SETUP
#define SETUP r.ebx = 0
	GO(do_nops);
#undef SETUP
}

static void test_bound(void)
{
	static s32 limits[2] = { -5, 10 };
	static const struct {
		s32 v;
		bool in;
	} t[] = { { -6, 0 }, { -5, 1 }, { 0, 1 }, { 10, 1 }, { 11, 0 },
		  { 0x7fffffff, 0 }, { -0x7fffffff, 0 } };
	struct regs r;

	begin("misc.bound");
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		regs_init(&r, do_bound, 3);
		r.eax = t[i].v;
		r.ebx = ADDR(limits);
		run(&r);
		if (t[i].in)
			CHECK_END(&r, do_bound);
		else
			CHECK_TRAP(&r, VEC_BR, NOERR, do_bound);
	}
	begin("misc.bound16");
	limits[0] = 0x000afffb;
	regs_init(&r, do_bound16, 3);
	r.eax = 0x1234fffb;
	r.ebx = ADDR(limits);
	run(&r);
	CHECK_END(&r, do_bound16);
	regs_init(&r, do_bound16, 3);
	r.eax = 11;
	r.ebx = ADDR(limits);
	run(&r);
	CHECK_TRAP(&r, VEC_BR, NOERR, do_bound16);
}

static void test_cmov_fault(void)
{
	struct regs r;

	/* CMOV reads its operand in any case. */
	begin("misc.cmov-fault");
	identity_on();
	page_map(0x50000000, 0, 0);
	regs_init(&r, do_cmov_fault, 3);
	r.ebx = 0x50000000;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_U, do_cmov_fault);
	/* BT with a register offset: CR2 is the word it reaches. */
	begin("bits.fault");
	regs_init(&r, bts_r, 3);
	r.ebx = 0x50000000 - 0x1000;
	r.ecx = 0x1010 * 8;
	run(&r);
	check_that("vector", r.vec, VEC_PF);
	check_that("cr2", r.cr2, 0x50000010);
}

void guest_main(void)
{
	field = (u32 *)pages_alloc(2);
	field += 512; /* offsets reach a page down and up */
	test_bits();
	test_bcd();
	test_odd();
	test_bound();
	test_cmov_fault();
}
