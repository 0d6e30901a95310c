/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_emit.c - what the encoders write, read back by Capstone.
 */
#include <check.h>
#include <string.h>
#include "translator/emit.h"
#include "translator/listing.h"

Suite *suite_emit(void);

static u8 buf[64];

static struct emit fresh(void)
{
	return (struct emit){ .buf = buf, .cap = sizeof(buf),
			      .host = 0x100000 };
}

/* The bytes in e are exactly one instruction with this text. */
static void is_text(const struct emit *e, const char *want)
{
	char text[160];
	unsigned n = listing_insn(e->buf, e->len, e->host, 64, text,
				  sizeof(text));

	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(n, e->len);
}

#define IS(want, call)                                                        \
	do {                                                                  \
		struct emit e_ = fresh(), *e = &e_;                           \
		call;                                                         \
		is_text(e, want);                                             \
	} while (0)

START_TEST(test_moves)
{
	struct hmem m = hmem_disp(H_R15, 0x10);

	IS("mov r12d, eax", emit_mov_rr(e, 4, H_R12, H_RAX));
	IS("mov rdi, r14", emit_mov_rr(e, 8, H_RDI, H_R14));
	IS("mov r12w, r9w", emit_mov_rr(e, 2, H_R12, H_R9));
	IS("mov sil, r9b", emit_mov_rr(e, 1, H_RSI, H_R9));
	IS("mov r14b, sil", emit_mov_rr(e, 1, H_R14, H_RSI));
	IS("mov r9d, 0x12345678", emit_mov_ri(e, H_R9, 0x12345678));
	IS("mov r8d, dword ptr [r15 + 0x10]", emit_mov_rm(e, 4, H_R8, &m));
	IS("mov byte ptr [r15 + 0x10], 1", emit_mov_mi(e, 1, &m, 1));
	IS("mov word ptr [r15 + 0x10], 0x1234",
	   emit_mov_mi(e, 2, &m, 0x1234));
	IS("movzx r10d, byte ptr [r15 + 0x10]",
	   emit_movzx_rm(e, 1, H_R10, &m));
	IS("movzx r9d, dil", emit_movzx_rr(e, 1, H_R9, H_RDI));
	IS("movzx r8d, r8w", emit_movzx_rr(e, 2, H_R8, H_R8));
	IS("xchg al, ah", emit_xchg_lh(e, H_RAX));
	IS("not r14", emit_not(e, 8, H_R14));
	IS("cmp r8d, 0x80000000", emit_alu_ri(e, 7, H_R8, 0x80000000));
}
END_TEST

/* Every base and index, where encodings have their exceptions. */
START_TEST(test_addresses)
{
	static const char *const r[16] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	static const s32 disp[] = { 0, 0x7f, 0x80, 0x12345 };
	char want[64];

	for (int b = 0; b < 16; b++)
		for (int i = -1; i < 16; i++)
			for (unsigned d = 0; d < ARRAY_SIZE(disp); d++) {
				struct hmem m = hmem_index(b, i, i < 0 ? 0 : 2,
							   disp[d]);
				char dt[16] = "";

				if (i == H_RSP)
					continue;
				if (disp[d])
					sprintf(dt, " + 0x%x", disp[d]);
				sprintf(want, "lea r14, [%s%s%s%s%s]", r[b],
					i < 0 ? "" : " + ",
					i < 0 ? "" : r[i],
					i < 0 ? "" : "*4", dt);
				IS(want, emit_lea(e, 8, H_R14, &m));
			}
}
END_TEST

START_TEST(test_window)
{
	struct hmem m = hmem_index(H_R12, H_RSI, 1, -8);
	struct hmem abs = hmem_disp(HM_NONE, 0x1234);
	struct hmem rip = hmem_disp(HM_RIP, 0);

	m.gs = m.a32 = abs.gs = abs.a32 = true;
	IS("mov eax, dword ptr gs:[r12d + esi*2 - 8]",
	   emit_mov_rm(e, 4, H_RAX, &m));
	IS("mov eax, dword ptr gs:[0x1234]", emit_mov_rm(e, 4, H_RAX, &abs));
	IS("lea r8, [rip - 7]", emit_lea(e, 8, H_R8, &rip));
}
END_TEST

START_TEST(test_fields)
{
	struct henc adc = { .op = 0x11, .lock = true, .osz = true };
	struct henc pxor = { .map = 1, .op = 0xef, .simd = 0x66 };
	struct henc crc = { .map = 2, .op = 0xf1, .simd = 0xf2, .osz = true };
	struct henc vex = { .vex = true, .map = 1, .op = 0x58, .vvvv = 3,
			    .vexl = true };
	struct henc vex3 = { .vex = true, .map = 2, .op = 0x00, .simd = 0x66,
			     .vvvv = 1 };
	struct hmem m = hmem_disp(H_R8, 0);

	IS("lock adc word ptr [r8], cx", emit_rm(e, &adc, H_RCX, &m));
	IS("pxor xmm2, xmm5", emit_rr(e, &pxor, 2, 5));
	IS("crc32 r12d, bx", emit_rr(e, &crc, H_R12, H_RBX));
	IS("vaddps ymm1, ymm3, ymm2", emit_rr(e, &vex, 1, 2));
	IS("vaddps ymm1, ymm3, ymmword ptr [r8]", emit_rm(e, &vex, 1, &m));
	IS("vpshufb xmm2, xmm1, xmm4", emit_rr(e, &vex3, 2, 4));
	IS("vpshufb xmm2, xmm1, xmmword ptr [r8]",
	   emit_rm(e, &vex3, 2, &m));
}
END_TEST

START_TEST(test_branches)
{
	struct emit f = fresh();
	u32 at;

	IS("call 0x100020", emit_call(e, 0x100020));
	IS("jmp 0xfffff", emit_jmp(e, 0xfffff));
	at = emit_jcc_fwd(&f, 5);
	emit_patch32(&f, at, 0x40);
	is_text(&f, "jne 0x100040");
	f = fresh();
	at = emit_jrcxz_fwd(&f);
	emit_patch8(&f, at, 0x20);
	is_text(&f, "jrcxz 0x100020");
}
END_TEST

/* A full buffer is left alone and remembered. */
START_TEST(test_full)
{
	u8 small[4] = { 1, 2, 3, 4 };
	struct emit e = { .buf = small, .cap = 3, .host = 0 };

	emit_u32(&e, 0);
	ck_assert(e.full);
	ck_assert_uint_eq(e.len, 3);
	ck_assert_uint_eq(small[3], 4);
}
END_TEST

Suite *suite_emit(void)
{
	Suite *s = suite_create("emit");
	TCase *t = tcase_create("encoders");

	tcase_add_test(t, test_moves);
	tcase_add_test(t, test_addresses);
	tcase_add_test(t, test_window);
	tcase_add_test(t, test_fields);
	tcase_add_test(t, test_branches);
	tcase_add_test(t, test_full);
	suite_add_tcase(s, t);
	return s;
}
