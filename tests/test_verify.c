// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_verify.c - the verifier's decoder of host code: what it lets in, and
 * that it agrees with the disassembler on every length. tests/verify-faults.c
 * is the test of the rest.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "translator/listing.h"
#include "translator/vdecode.h"

Suite *suite_verify(void);

struct bytes {
	const char *text;
	u8 code[8];
	u8 n;
};
#define B(text, ...) \
	{ text, { __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }) }

/* Whatever the operands: privileged, sensitive, of the host's own state. */
static const struct bytes refused[] = {
	B("syscall", 0x0f, 0x05), B("sysenter", 0x0f, 0x34),
	B("sysret", 0x0f, 0x07), B("int 0x80", 0xcd, 0x80),
	B("into", 0xce), B("iret", 0xcf), B("hlt", 0xf4), B("cli", 0xfa),
	B("sti", 0xfb), B("in al, dx", 0xec), B("out dx, al", 0xee),
	B("insb", 0x6c), B("outsb", 0x6e), B("pushf", 0x9c), B("popf", 0x9d),
	B("push rax", 0x50), B("pop rax", 0x58), B("push imm", 0x68, 1, 2, 3, 4),
	B("leave", 0xc9), B("enter", 0xc8, 0, 0, 0), B("ret n", 0xc2, 8, 0),
	B("retf", 0xcb), B("jmpf [rax]", 0xff, 0x28),
	B("callf [rax]", 0xff, 0x18), B("push [rax]", 0xff, 0x30),
	B("sgdt", 0x0f, 0x01, 0x00), B("sidt", 0x0f, 0x01, 0x08),
	B("smsw ax", 0x0f, 0x01, 0xe0), B("sldt ax", 0x0f, 0x00, 0xc0),
	B("str ax", 0x0f, 0x00, 0xc8), B("verr ax", 0x0f, 0x00, 0xe0),
	B("lar", 0x0f, 0x02, 0xc0), B("lsl", 0x0f, 0x03, 0xc0),
	B("mov fs, eax", 0x8e, 0xe0), B("mov eax, fs", 0x8c, 0xe0),
	B("lss", 0x0f, 0xb2, 0x00), B("lfs", 0x0f, 0xb4, 0x00),
	B("cpuid", 0x0f, 0xa2), B("rdmsr", 0x0f, 0x32),
	B("wrmsr", 0x0f, 0x30), B("rdpmc", 0x0f, 0x33),
	B("mov rax, cr0", 0x0f, 0x20, 0xc0), B("invd", 0x0f, 0x08),
	B("xgetbv", 0x0f, 0x01, 0xd0), B("xend", 0x0f, 0x01, 0xd5),
	B("swapgs", 0x0f, 0x01, 0xf8), B("stac", 0x0f, 0x01, 0xcb),
	B("rdpkru", 0x0f, 0x01, 0xee), B("vmcall", 0x0f, 0x01, 0xc1),
	B("wrgsbase", 0xf3, 0x48, 0x0f, 0xae, 0xd8),
	B("rdfsbase", 0xf3, 0x48, 0x0f, 0xae, 0xc0),
	B("fxsave", 0x0f, 0xae, 0x00), B("xsave", 0x0f, 0xae, 0x20),
	B("xrstor", 0x0f, 0xae, 0x28), B("tpause", 0x66, 0x0f, 0xae, 0xf0),
	B("rdpid", 0xf3, 0x0f, 0xc7, 0xf8), B("senduipi", 0xf3, 0x0f, 0xc7, 0xf0),
	B("cmpxchg16b", 0x48, 0x0f, 0xc7, 0x08), B("xsavec", 0x0f, 0xc7, 0x20),
	B("xbegin", 0xc7, 0xf8, 0, 0, 0, 0), B("xabort", 0xc6, 0xf8, 0),
	B("rdssp", 0xf3, 0x0f, 0x1e, 0xc8), B("endbr", 0xf3, 0x0f, 0x1e, 0xfa),
	B("wrss", 0x0f, 0x38, 0xf6, 0x00), B("wruss", 0x66, 0x0f, 0x38, 0xf5, 0),
	B("invpcid", 0x66, 0x0f, 0x38, 0x82, 0x00),
	B("movdir64b", 0x66, 0x0f, 0x38, 0xf8, 0x00),
	B("fnsave", 0xdd, 0x30), B("fnstenv", 0xd9, 0x30),
	B("fldenv", 0xd9, 0x20), B("frstor", 0xdd, 0x20),
	B("ud2", 0x0f, 0x0b), B("movabs", 0xa0, 1, 2, 3, 4, 5, 6, 7),
	B("loop", 0xe2, 0), B("jmp rel8", 0xeb, 0), B("jne rel8", 0x75, 0),
	B("fs prefix", 0x64, 0x8b, 0x00), B("es prefix", 0x26, 0x8b, 0x00),
	B("66 twice", 0x66, 0x66, 0x8b, 0x00), B("call 66", 0x66, 0xe8, 0, 0, 0, 0),
	B("kmov", 0xc5, 0xf8, 0x92, 0xc0), B("EVEX", 0x62, 0xf1, 0x7c, 0x48, 0x10),
	B("too short", 0x8b),
};

START_TEST(test_refused)
{
	struct vinsn i;

	for (unsigned k = 0; k < ARRAY_SIZE(refused); k++)
		ck_assert_msg(vdecode(&i, refused[k].code, refused[k].n) != NULL,
			      "%s is let in", refused[k].text);
}
END_TEST

static const struct bytes allowed[] = {
	B("mov eax, gs:[ebx]", 0x65, 0x67, 0x8b, 0x03),
	B("lock add", 0xf0, 0x01, 0x03), B("rep movsd", 0xf3, 0xa5),
	B("lea r8d", 0x44, 0x8d, 0x44, 0x8b, 0x10), B("ret", 0xc3),
	B("jrcxz", 0xe3, 0x10), B("lahf", 0x9f), B("rdtscp", 0x0f, 0x01, 0xf9),
	B("movabs r8", 0x49, 0xb8, 1, 2, 3, 4, 5, 6),
	B("vzeroupper", 0xc5, 0xf8, 0x77), B("popcnt", 0xf3, 0x0f, 0xb8, 0xc1),
};

START_TEST(test_allowed)
{
	struct vinsn i;

	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++) {
		u8 code[16] = { 0 };

		memcpy(code, allowed[k].code, allowed[k].n);
		ck_assert_msg(!vdecode(&i, code, sizeof(code)),
			      "%s is refused", allowed[k].text);
	}
}
END_TEST

/* Capstone 4 has errors of its own (HAZARDS 1): forms it does not know or
 * measures wrongly. */
static bool capstone_errs(const struct vinsn *i, const char *text)
{
	return strstr(text, ".byte") || i->vex || i->map >= 2 ||
	       (i->map == 1 && (i->op == 0xae || i->op == 0xc7 ||
				i->op == 0x0d || i->op == 0x18 ||
				i->op == 0xb8));
}

/* Random bytes: each instruction that is let in has its right length. */
START_TEST(test_lengths)
{
	u64 rng = 1;
	unsigned compared = 0;

	for (unsigned n = 0; n < 300000; n++) {
		struct vinsn i;
		char text[96];
		u8 code[16];

		for (unsigned k = 0; k < sizeof(code); k++) {
			rng = rng * 6364136223846793005ull + 1442695040888963407ull;
			code[k] = (u8)(rng >> 40);
		}
		if (n & 1)
			code[0] = 0x0f;
		if (vdecode(&i, code, sizeof(code)))
			continue;
		unsigned len = listing_insn(code, sizeof(code), 0, 64, text,
					    sizeof(text));

		if (capstone_errs(&i, text))
			continue;
		compared++;
		ck_assert_msg(len == i.len, "%02x %02x %02x %02x %02x (%s): "
			      "%u bytes, not %u", code[0], code[1], code[2],
			      code[3], code[4], text, i.len, len);
	}
	ck_assert_uint_gt(compared, 50000);
}
END_TEST

Suite *suite_verify(void)
{
	Suite *s = suite_create("verify");
	TCase *t = tcase_create("decoder");

	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_allowed);
	tcase_add_test(t, test_lengths);
	suite_add_tcase(s, t);
	return s;
}
