/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags.c - bare guest: EFLAGS is exact wherever it can be seen.
 *
 * HAZARDS 23 (live at every site that may fault or exit), 24 (POPF masks),
 * 25 (jecxz glue). SDM vol. 1, 3.4.3; vol. 2, POPF, IRET, PUSHF.
 */
#include "guest.h"

#define T 0x50000000u

/* All 64 states of the arithmetic flags, with DF every other time. */
static u32 arith(u32 i)
{
	return EFL_FIXED1 | (i & 1 ? EFL_CF : 0) | (i & 2 ? EFL_PF : 0) |
	       (i & 4 ? EFL_AF : 0) | (i & 8 ? EFL_ZF : 0) |
	       (i & 16 ? EFL_SF : 0) | (i & 32 ? EFL_OF : 0) |
	       (i & 64 ? EFL_DF : 0);
}

/* --- the EFLAGS image a fault pushes --- */

CODE(at_load, F(at_load) "mov eax, [ebx]");
CODE(at_store, F(at_store) "mov [ebx], eax");
CODE(at_movs, F(at_movs) "movsd");
CODE(at_rep, F(at_rep) "rep movsb");
CODE(at_stos, F(at_stos) "stosb");
CODE(at_push, "mov esp, ebx" F(at_push) "push eax");
CODE(at_pop, "mov esp, ebx" F(at_pop) "pop eax");
CODE(at_call, "mov esp, ebx" F(at_call) "call 1f; 1: nop");
CODE(at_ret, "mov esp, ebx" F(at_ret) "ret");
CODE(at_calli, F(at_calli) "call [ebx]");
CODE(at_jmpi, F(at_jmpi) "jmp [ebx]");
CODE(at_leave, "mov ebp, ebx" F(at_leave) "leave");
CODE(at_pusha, "mov esp, ebx" F(at_pusha) "pushad");
CODE(at_popa, "mov esp, ebx" F(at_popa) "popad");
CODE(at_enter, "mov esp, ebx" F(at_enter) "enter 16, 3");
CODE(at_pushf, "mov esp, ebx" F(at_pushf) "pushfd");
CODE(at_popf, "mov esp, ebx" F(at_popf) "popfd");
CODE(at_add, F(at_add) "add [ebx], eax");
CODE(at_adc, F(at_adc) "adc eax, [ebx]");
CODE(at_cmp, F(at_cmp) "cmp [ebx], eax");
CODE(at_shl, F(at_shl) "shl dword ptr [ebx], cl");
CODE(at_xlat, F(at_xlat) "xlatb");
CODE(at_ah, F(at_ah) "add [ebx], ah");
CODE(at_bt, F(at_bt) "bts [ebx], eax");
CODE(at_cx8, F(at_cx8) "lock cmpxchg8b [ebx]");
CODE(at_lds, F(at_lds) "les eax, [ebx]");
CODE(at_ud, F(at_ud) "ud2");

static const struct {
	const char *name;
	char *code, *site;
} sites[] = {
#define SITE(n) { #n, at_##n, at_##n##_f }
	SITE(load), SITE(store), SITE(movs), SITE(rep), SITE(stos),
	SITE(push), SITE(pop), SITE(call), SITE(ret), SITE(calli),
	SITE(jmpi), SITE(leave), SITE(pusha), SITE(popa), SITE(enter),
	SITE(pushf), SITE(popf), SITE(add), SITE(adc), SITE(cmp),
	SITE(shl), SITE(xlat), SITE(ah), SITE(bt), SITE(cx8), SITE(lds),
	SITE(ud),
#undef SITE
};

static void test_pushed(int cpl)
{
	struct regs r;

	for (u32 s = 0; s < ARRAY_SIZE(sites); s++)
		for (u32 i = 0; i < 128; i++) {
			/* A ring 0 stack fault would be a double fault. */
			if (!cpl && sites[s].code != sites[s].site)
				continue;
			regs_init(&r, sites[s].code, cpl);
			r.ebx = T + 0x800;
			r.edi = r.esi = T + 0x800;
			r.ecx = 4;
			r.eax = 1;
			r.efl = arith(i);
			run(&r);
			check_that(sites[s].name, r.eip, ADDR(sites[s].site));
			check_efl(sites[s].name, &r, arith(i));
			check_that(sites[s].name, r.ecx, 4);
			check_that(sites[s].name, r.ebx, T + 0x800);
		}
}

/* --- a whole path, faulting at every site or at none --- */

CODE(path,
     "add eax, ecx; mov edx, [ebx]; adc edx, 0; mov [ebx+0x1000], edx;"
     "sbb eax, eax; push eax; lea esp, [esp]; setc cl; mov [ebx+0x2000], cl;"
     "cmp eax, edx; mov esi, [ebx+0x3000]; ja 1f; inc edi;"
     "1: lea edi, [edi+2]; mov ebp, [ebx+0x4000]; jnp 2f; add edi, 16;"
     "2: stc; inc dword ptr [ebx+0x5000]; adc edi, 0; lahf;"
     "movzx ecx, ah; mov [ebx+0x6000], ah; cmc; rcr ecx, 1;"
     "mov edx, [ebx+0x7000]; rcl esi, 1; seto al; mov [ebx+0x8004], al;"
     "shl ebp, 3; mov eax, [ebx+0x9000]; pushfd; pop edx; pop eax;");

static u32 frames[16];

static int map_hook(struct regs *r)
{
	if (r->vec != VEC_PF || r->cr2 < T || r->cr2 >= T + 0x10000)
		return 0;
	page_map(r->cr2 & ~0xfffu, frames[r->cr2 >> 12 & 15],
		 PTE_P | PTE_W | PTE_U);
	/* The handler's own flags must not leak into the guest's. */
	asm volatile("or eax, -1; add al, 1; cld" : : : "eax", "cc");
	return 1;
}

static void path_state(struct regs *r, u32 i, int cpl)
{
	regs_init(r, path, cpl);
	for (u32 j = 0; j < 16; j++)
		memset((void *)frames[j], 0x5a + i * j, 64);
	r->eax = 0x7ffffff0 + i;
	r->ecx = 0x80000000 - i * 17;
	r->ebx = T;
	r->efl = arith(i) & ~EFL_DF;
}

static void test_path(int cpl)
{
	struct regs want, got;

	for (u32 i = 0; i < 64; i++) {
		for (u32 j = 0; j < 16; j++)
			page_map(T + j * 0x1000, frames[j],
				 PTE_P | PTE_W | PTE_U);
		path_state(&want, i, cpl);
		run(&want);
		check_end(&want, path_end);
		for (u32 j = 0; j < 16; j++)
			page_unmap(T + j * 0x1000);
		path_state(&got, i, cpl);
		trap_hook = map_hook;
		run(&got);
		trap_hook = NULL;
		check_end(&got, path_end);
		check_efl("eflags", &got, want.efl);
		check_that("registers", memcmp(&got, &want, 32), 0);
	}
}

/* --- flags across transfers of control --- */

CODE(transfers,
     "call 1f; pushfd; pop eax; push offset 2f; call [ebx]; "
     "1: push offset 3f; ret; "
     "3: lea edx, [4f]; jmp edx; "
     "4: jmp 5f; 5: ret; "
     "2: lea esp, [esp+4]; pushfd; pop edx; mov ecx, 3; "
     "6: call 7f; loop 6b; jmp 8f; 7: jecxz 9f; 9: ret; "
     "8: pushfd; pop ecx; nop;");
CODE(transfer_target, "lea esp, [esp+4]; ret;");

static void test_transfers(void)
{
	struct regs r;
	u32 target = ADDR(transfer_target);

	for (u32 i = 0; i < 128; i++) {
		regs_init(&r, transfers, i % 2 ? 3 : 0);
		r.ebx = ADDR(&target);
		r.efl = arith(i);
		run(&r);
		CHECK_END(&r, transfers);
		check_that("after call", r.eax, arith(i));
		check_that("after call [mem]", r.edx, arith(i));
		check_that("after loop", r.ecx, arith(i));
		check_efl("at the end", &r, arith(i));
	}
}

/* --- POPF, IRET, PUSHF --- */

CODE(do_popf, "push eax; popfd; pushfd; pop edx;");
CODE(do_popf16, "push ax; popfw; pushfd; pop edx;");
CODE(do_iret, "push eax; push cs; push offset 1f; iretd; 1: pushfd; pop edx;");

#define POPF_ALL                                                              \
	(EFL_ARITH | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT | EFL_AC | EFL_ID)

static u32 popf_mask(int cpl, u32 iopl)
{
	u32 m = EFL_ARITH | EFL_DF | EFL_NT | EFL_AC | EFL_ID;

	if (!cpl)
		m |= EFL_IOPL;
	if ((u32)cpl <= iopl)
		m |= EFL_IF;
	return m;
}

static void popf_one(const char *what, void *code, void *end, int cpl,
		     u32 iopl, u32 old, u32 new, u32 width)
{
	struct regs r;
	u32 m = popf_mask(cpl, iopl) & width;

	regs_init(&r, code, cpl);
	r.efl = (old & POPF_ALL & ~EFL_IOPL) | iopl << 12 | EFL_FIXED1;
	r.eax = new;
	old = r.efl;
	/* NT would make an IRET a task switch. */
	if (code == do_iret)
		r.efl = old &= ~EFL_NT;
	run(&r);
	check_end(&r, end);
	check_that(what, r.edx,
		   (old & ~m) | (new & m) | EFL_FIXED1);
}

static void test_popf(void)
{
	static const u32 values[] = {
		0, ~(EFL_TF | EFL_VM | EFL_VIF | EFL_VIP), EFL_IF | EFL_CF,
		EFL_IOPL | EFL_RF, EFL_AC | EFL_ID | EFL_NT, 0x8028 | EFL_OF,
		EFL_ARITH | EFL_DF,
	};

	for (int cpl = 0; cpl < 4; cpl++)
		for (u32 iopl = 0; iopl < 4; iopl++)
			for (u32 i = 0; i < ARRAY_SIZE(values) * 2; i++) {
				u32 v = values[i / 2];
				u32 old = i & 1 ? POPF_ALL : 0;

				popf_one("popfd", do_popf, do_popf_end, cpl,
					 iopl, old, v, ~0u);
				popf_one("popfw", do_popf16, do_popf16_end,
					 cpl, iopl, old, v, 0xffff);
				popf_one("iretd", do_iret, do_iret_end, cpl,
					 iopl, old, v & ~(u32)EFL_RF, ~0u);
			}
}

CODE(do_misc, "stc; setc al; cmc; setc ah; clc; setc bl; std; pushfd; "
     "pop ecx; cld; pushfd; pop edx;");
CODE(do_sahf, "sahf; pushfd; pop ecx; lahf; ");
CODE(do_cli, F(do_cli) "cli");
CODE(do_sti, F(do_sti) "sti");
CODE(do_cpuid, "cpuid");

static void test_misc(void)
{
	struct regs r;

	begin("flags.misc");
	run_at(&r, do_misc, 3);
	CHECK_END(&r, do_misc);
	check_that("stc, cmc", r.eax & 0xffff, 0x0001);
	check_that("clc", r.ebx & 0xff, 0);
	check_that("std", r.ecx & EFL_DF, EFL_DF);
	check_that("cld", r.edx & EFL_DF, 0);
	begin("flags.sahf");
	for (u32 i = 0; i < 256; i++) {
		u32 kept = i & 1 ? EFL_OF | EFL_DF : 0;

		regs_init(&r, do_sahf, 3);
		r.eax = i << 8 | 0x11;
		r.efl |= kept;
		run(&r);
		check_that("eflags", r.ecx, (i & 0xd5) | 2 | kept);
		check_that("lahf", r.eax, ((i & 0xd5) | 2) << 8 | 0x11);
	}
	begin("flags.cli-sti");
	for (int cpl = 0; cpl < 4; cpl++)
		for (int iopl = 0; iopl < 4; iopl++) {
			regs_init(&r, do_sti, cpl);
			r.efl |= iopl << 12;
			run(&r);
			if (cpl > iopl) {
				CHECK_TRAP(&r, VEC_GP, 0, do_sti);
			} else {
				CHECK_END(&r, do_sti);
				check_that("IF", r.efl & EFL_IF, EFL_IF);
			}
			regs_init(&r, do_cli, cpl);
			r.efl |= iopl << 12 | EFL_IF;
			run(&r);
			if (cpl > iopl) {
				CHECK_TRAP(&r, VEC_GP, 0, do_cli);
			} else {
				CHECK_END(&r, do_cli);
				check_that("IF", r.efl & EFL_IF, 0);
			}
		}
	begin("flags.helpers");
	for (u32 i = 0; i < 128; i++) {
		regs_init(&r, do_cpuid, 0);
		r.efl = arith(i);
		run(&r);
		check_efl("cpuid", &r, arith(i));
	}
}

/* Flags of each comparison reach each kind of consumer. */
CODE(consume, "cmp eax, ecx; seta dl; setg dh; setbe bl; setle bh; "
     "cmova esi, eax; jo 1f; lea edi, [edi+1]; 1: js 2f; "
     "lea edi, [edi+2]; 2: jp 3f; lea edi, [edi+4]; 3: jae 4f; "
     "lea edi, [edi+8]; 4: jge 5f; lea edi, [edi+16]; 5: jne 6f; "
     "lea edi, [edi+32]; 6: adc edi, 0; pushfd; pop ebp");

static void test_consumers(void)
{
	static const u32 v[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff,
				 0x12345678, 0x87654321, 0xff };
	struct regs r;

	begin("flags.consumers");
	for (u32 i = 0; i < 8; i++)
		for (u32 j = 0; j < 8; j++) {
			u32 a = v[i], c = v[j], d = a - c, n = 0;
			bool of = ((a ^ c) & (a ^ d)) >> 31;

			regs_init(&r, consume, 3);
			r.eax = a;
			r.ecx = c;
			run(&r);
			CHECK_END(&r, consume);
			check_that("seta setg", r.edx,
				   (a > c) | ((s32)a > (s32)c) << 8);
			check_that("setbe setle", r.ebx,
				   (a <= c) | ((s32)a <= (s32)c) << 8);
			check_that("cmova", r.esi, a > c ? a : 0);
			n += of ? 0 : 1;
			n += d >> 31 ? 0 : 2;
			n += __builtin_parity(d & 0xff) ? 4 : 0;
			n += a >= c ? 0 : 8;
			n += (s32)a >= (s32)c ? 0 : 16;
			n += a != c ? 0 : 32;
			check_that("jumps", r.edi, n + (a < c));
		}
}

void guest_main(void)
{
	begin("flags.transfers");
	test_transfers();
	begin("flags.popf");
	test_popf();
	test_misc();
	test_consumers();
	identity_on();
	page_map(T, 0, 0);
	for (u32 i = 0; i < 16; i++)
		frames[i] = page_alloc();
	begin("flags.pushed-by-faults.3");
	page_unmap(T);
	test_pushed(3);
	begin("flags.pushed-by-faults.0");
	test_pushed(0);
	begin("flags.path.3");
	test_path(3);
	begin("flags.path.0");
	test_path(0);
}
