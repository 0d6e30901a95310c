// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_how.c - what the translator says of how an instruction runs, and what
 * a block looks like whose entry is told of.
 */
#include <check.h>
#include <string.h>

#include "runtime/bits.h"
#include "translator/xlate.h"

#define AT 0x401000u

static struct {
	u8 bytes[64], code[XLATE_MAX_BYTES];
	unsigned len;
	struct xmode mode;
	struct xlate_out out;
	u32 glue[GLUE_NR];
	u32 from, to; /* what is wanted */
	bool helper;
} T;

static int how_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	u32 off = (u32)la - AT;

	(void)opaque;
	memset(buf, 0xf4, n); /* hlt */
	if (off < T.len)
		memcpy(buf, T.bytes + off, MIN(n, T.len - off));
	return (int)n;
}

static bool how_helper(void *opaque, u32 eip)
{
	(void)opaque;
	(void)eip;
	return T.helper;
}

static bool how_probe(void *opaque, u32 eip)
{
	(void)opaque;
	return eip >= T.from && eip < T.to;
}

static void setup(void)
{
	memset(&T, 0, sizeof(T));
	T.mode = (struct xmode){ .code_bits = 32, .stack_bits = 32,
				 .cs_limit = 0xffffffff,
				 .flags = XM_PE | XM_IF_OK | XM_OSFXSR };
	T.mode.segc[SEG_FS] = SEGC_BASED;
	for (unsigned i = 0; i < GLUE_NR; i++)
		T.glue[i] = i * 64;
}

static void translate(const char *bytes, unsigned len, bool probe)
{
	struct xlate_in in = {
		.mode = &T.mode, .eip = AT, .max_insns = XLATE_MAX_INSNS,
		.pairs = true, .fsgsbase = true, .bmi2 = true,
		.strict_flags = true, .transitions = true, .fetch = how_fetch,
		.helper_site = how_helper, .glue = T.glue, .cache = 0x10000000,
		.probe = probe ? how_probe : NULL,
	};

	memcpy(T.bytes, bytes, len);
	T.len = len;
	T.out.buf = T.code;
	T.out.cap = sizeof(T.code);
	T.out.host = in.cache + 0x10000;
	ck_assert_int_eq(xlate_block(&in, &T.out), XLATE_OK);
}

/* The first of these instructions. */
static void check_how(const char *bytes, unsigned len, enum xinsn_how want)
{
	translate(bytes, len, false);
	ck_assert_msg(T.out.insns[0].how == want, "%02x %02x: %u, not %u",
		      (u8)bytes[0], (u8)bytes[1], T.out.insns[0].how, want);
}
#define HOW(bytes, want) check_how(bytes, sizeof(bytes) - 1, XHOW_##want)

START_TEST(instructions)
{
	HOW("\x90", SAME);
	HOW("\x89\xd8", SAME);		       /* mov eax, ebx */
	HOW("\x66\x05\x34\x12", SAME);	       /* add ax, 1234h */
	HOW("\x0f\xaf\xc3", SAME);	       /* imul eax, ebx */
	HOW("\x0f\x58\xc1", SAME);	       /* addps xmm0, xmm1 */
	HOW("\xd9\xe8", SAME);		       /* fld1 */
	HOW("\x8d\x44\x8b\x10", SAME);	       /* lea eax, [ebx+ecx*4+16] */
	HOW("\x8b\x03", COPIED);	       /* mov eax, [ebx] */
	HOW("\x01\x43\x04", COPIED);	       /* add [ebx+4], eax */
	HOW("\x83\xc4\x04", COPIED);	       /* add esp, 4 */
	HOW("\x40", COPIED);		       /* inc eax */
	HOW("\xa1\x00\x10\x00\x00", COPIED);   /* mov eax, [1000h] */
	HOW("\x8a\x63\x04", COPIED);	       /* mov ah, [ebx+4] */
	HOW("\x0f\x28\x03", COPIED);	       /* movaps xmm0, [ebx] */
	HOW("\x64\x8b\x03", REWRITTEN);	       /* mov eax, fs:[ebx] */
	HOW("\x8a\x64\x24\x04", REWRITTEN);    /* mov ah, [esp+4] */
	HOW("\x50", REWRITTEN);		       /* push eax */
	HOW("\x58", REWRITTEN);		       /* pop eax */
	HOW("\xc9", REWRITTEN);		       /* leave */
	HOW("\xa5", REWRITTEN);		       /* movsd */
	HOW("\xfc", REWRITTEN);		       /* cld: its copy in memory */
	HOW("\x0f\x1f\x00", REWRITTEN);	       /* nop [eax]: left out */
	HOW("\xeb\x10", REWRITTEN);	       /* jmp */
	HOW("\x74\x10", REWRITTEN);	       /* jz */
	HOW("\xe8\x10\x00\x00\x00", REWRITTEN); /* call */
	HOW("\xc3", REWRITTEN);		       /* ret */
	HOW("\xfa", INLINED);		       /* cli */
	HOW("\x0f\x31", INLINED);	       /* rdtsc */
	HOW("\x0f\x20\xd8", INLINED);	       /* mov eax, cr3 */
	HOW("\x9c", INLINED);		       /* pushfd */
	HOW("\xcf", INLINED);		       /* iretd: the glue's */
	HOW("\x8e\xd8", INLINED);	       /* mov ds, eax: the same */
	HOW("\x0f\xa2", HELPED);	       /* cpuid */
	HOW("\xec", HELPED);		       /* in al, dx */
	HOW("\xf4", HELPED);		       /* hlt */
	HOW("\x0f\x0b", HELPED);	       /* ud2 */
	HOW("\x60", REWRITTEN);		       /* pushad */
	T.mode.flags |= XM_TS;
	HOW("\xd9\xe8", HELPED); /* fld1: #NM */
	T.mode.flags &= ~XM_TS;
	T.helper = true;
	HOW("\x8b\x03", REWRITTEN); /* through the software TLB */
	HOW("\x89\xd8", SAME);
	T.mode.cpl = 3;
	HOW("\xfa", INLINED); /* IOPL allows it */
	HOW("\x0f\x20\xd8", HELPED);
}
END_TEST

/* What is put off does not count against the next instruction. */
START_TEST(a_settled_stack_pointer_is_nobodys)
{
	translate("\x50\xa5\x89\xd8\x60", 5, false);
	ck_assert_uint_eq(T.out.insns[2].how, XHOW_SAME);
}
END_TEST

static const char code[] = "\x40\x89\xd8\x74\x10\x41\x42\x74\x10\x43\xeb\xf0";

START_TEST(without_a_probe_nothing_changes)
{
	static u8 before[XLATE_MAX_BYTES];
	u32 size;

	translate(code, sizeof(code) - 1, false);
	ck_assert(!T.out.probed);
	ck_assert_uint_eq(T.out.ninsns, 8);
	size = T.out.size;
	memcpy(before, T.code, size);
	T.from = T.to = 0; /* probes, but not here */
	translate(code, sizeof(code) - 1, true);
	ck_assert(!T.out.probed);
	ck_assert_uint_eq(T.out.size, size);
	ck_assert_mem_eq(T.code, before, size);
}
END_TEST

/* mov r9, [rip+blockword]; call GLUE_PROBE, once and at the entry */
START_TEST(a_block_that_is_told_of)
{
	const u8 *p;
	s32 rel;

	T.from = 0;
	T.to = ~0u;
	translate(code, sizeof(code) - 1, true);
	ck_assert(T.out.probed);
	ck_assert_uint_eq(T.out.ninsns, 3); /* ends at the first branch */
	p = T.code + T.out.entry;
	ck_assert_mem_eq(p, "\x4c\x8b\x0d", 3);
	memcpy(&rel, p + 3, 4);
	ck_assert_int_eq((s32)T.out.entry + 7 + rel, (s32)T.out.blockword);
	ck_assert_uint_eq(p[7], 0xe8);
	memcpy(&rel, p + 8, 4);
	ck_assert_uint_eq(T.out.host + T.out.entry + 12 + (u64)(s64)rel,
			  0x10000000 + T.glue[GLUE_PROBE]);
}
END_TEST

START_TEST(a_block_is_wanted_as_a_whole)
{
	T.from = AT + 6; /* inc edx */
	T.to = AT + 9;
	translate(code, sizeof(code) - 1, true);
	ck_assert(!T.out.probed);
	ck_assert_uint_eq(T.out.guest_len, 6);
	T.from = 0;
	T.to = AT + 1;
	translate(code, sizeof(code) - 1, true);
	ck_assert(T.out.probed);
	ck_assert_uint_eq(T.out.guest_len, 1);
}
END_TEST

Suite *suite_how(void);

Suite *suite_how(void)
{
	Suite *suite = suite_create("how");
	TCase *tc = tcase_create("how");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, instructions);
	tcase_add_test(tc, a_settled_stack_pointer_is_nobodys);
	tcase_add_test(tc, without_a_probe_nothing_changes);
	tcase_add_test(tc, a_block_that_is_told_of);
	tcase_add_test(tc, a_block_is_wanted_as_a_whole);
	suite_add_tcase(suite, tc);
	return suite;
}
