// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_probe.c - the words of --probe: what they mean, and the line that is
 * said when they mean nothing.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tools/probe_spec.h"

static struct probe_spec s;
static char error[PROBE_ERROR_MAX];

static void check_good(const char *text)
{
	ck_assert_msg(!probe_spec_parse(&s, text, error), "%s: %s", text,
		      error);
}

static void check_bad(const char *text, const char *why)
{
	error[0] = 0;
	ck_assert_msg(probe_spec_parse(&s, text, error), "%s is taken", text);
	ck_assert_msg(strstr(error, why), "%s: '%s' lacks '%s'", text, error,
		      why);
	ck_assert_ptr_null(strchr(error, '\n'));
}

START_TEST(parts)
{
	check_good("./a:b@c.so:fn@block");
	ck_assert_str_eq(s.file, "./a:b@c.so");
	ck_assert_str_eq(s.function, "fn");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_BLOCK);
	ck_assert_uint_eq(s.nargs, 0);
	ck_assert_uint_eq(s.nranges, 0);
	check_good("a:f@exit()");
	ck_assert_uint_eq(s.event, PROBE_EXIT);
	check_good("a:f@cut (eip)");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_CUT);
	check_good("a:f@mem");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_MEM);
	check_good("a:f@syscall");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_SYSCALL);
	check_good("a:f@pagefault");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_PAGEFAULT);
	check_good("a:f@port");
	ck_assert_uint_eq(s.event, UMBRA_EVENT_PORT);
}
END_TEST

START_TEST(arguments)
{
	check_good("a:f@block( eip , insns:u16, 5, -1:s8, 0x10:ptr, \"a,)]\","
		   "eax:double, \"\":ptr, function)");
	ck_assert_uint_eq(s.nargs, 9);
	ck_assert_uint_eq(s.arg[0].value, PV_EIP);
	ck_assert_uint_eq(s.arg[0].type, PROBE_U32);
	ck_assert_uint_eq(s.arg[1].value, PV_INSNS);
	ck_assert_uint_eq(s.arg[1].type, PROBE_U16);
	ck_assert_uint_eq(s.arg[2].value, PV_NUMBER);
	ck_assert_uint_eq(s.arg[2].type, PROBE_S64);
	ck_assert_uint_eq(s.arg[2].number, 5);
	ck_assert_uint_eq(s.arg[3].number, ~0ull);
	ck_assert_uint_eq(s.arg[3].type, PROBE_S8);
	ck_assert_uint_eq(s.arg[4].number, 16);
	ck_assert_uint_eq(s.arg[4].type, PROBE_PTR);
	ck_assert_uint_eq(s.arg[5].value, PV_TEXT);
	ck_assert_str_eq(s.arg[5].text, "a,)]");
	ck_assert_uint_eq(s.arg[6].value, PV_EAX);
	ck_assert_uint_eq(s.arg[6].type, PROBE_DOUBLE);
	ck_assert_str_eq(s.arg[7].text, "");
	ck_assert_uint_eq(s.arg[8].type, PROBE_PTR);
}
END_TEST

START_TEST(filters)
{
	check_good("a:f@block[user, 0x1000-1fff,c0000000, schedule ,add]()");
	ck_assert(s.user && !s.kernel);
	ck_assert_uint_eq(s.nranges, 4);
	ck_assert_uint_eq(s.range[0].first, 0x1000);
	ck_assert_uint_eq(s.range[0].last, 0x1fff);
	ck_assert_str_eq(s.range[0].name, "");
	/* addresses begin with a digit, names do not */
	ck_assert_str_eq(s.range[1].name, "c0000000");
	ck_assert_str_eq(s.range[2].name, "schedule");
	ck_assert_str_eq(s.range[3].name, "add");
	check_good("a:f@mem[kernel,0c0000000]");
	ck_assert(s.kernel && !s.user);
	ck_assert_uint_eq(s.range[0].first, 0xc0000000);
	ck_assert_uint_eq(s.range[0].last, 0xc0000000);
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
	static char longer[PROBE_TEXT_MAX + 10];

	check_bad("", "no @EVENT");
	check_bad("a:f", "no @EVENT");
	check_bad("@block", "no FILE:FUNCTION");
	check_bad("f@block", "no FILE:FUNCTION");
	check_bad(":f@block", "no FILE:FUNCTION");
	check_bad("a:@block", "no FILE:FUNCTION");
	check_bad("a:f@blocks", "no event 'blocks'");
	check_bad("a:f@", "no event");
	check_bad("a:f@block(eip", ", or ) is missing");
	check_bad("a:f@block(eip))", "one too many");
	check_bad("a:f@block()x", "one too many");
	check_bad("a:f@block(,)", "a word is missing");
	check_bad("a:f@block(eip,)", "a word is missing");
	check_bad("a:f@block(eip:)", "a word is missing");
	check_bad("a:f@block(eip:u128)", "no type 'u128'");
	check_bad("a:f@block(\"x)", "a \" is missing");
	check_bad("a:f@block(\"x\":u32)", "a text is a ptr");
	check_bad("a:f@block(function:u32)", "a text is a ptr");
	check_bad("a:f@block(wrong)", "no argument 'wrong'");
	check_bad("a:f@block(12a)", "no argument '12a'");
	check_bad("a:f@block(0x)", "no argument '0x'");
	check_bad("a:f@block(99999999999999999999)", "no argument");
	check_bad("a:f@block(port)", "@block has no port");
	check_bad("a:f@port(insns)", "@port has no insns");
	check_bad("a:f@exit(eip)", "@exit has no eip");
	check_bad("a:f@exit[user]()", "no filter");
	check_bad("a:f@block[0x10-0x8]", "is no range");
	check_bad("a:f@block[1ffffffff]", "is no address");
	check_bad("a:f@block[12x]", "is no address");
	check_bad("a:f@block[user", "] is missing");
	check_bad("a:f@block[]", "a word is missing");
	check_bad("a:f@block(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)",
		  "more than 16 arguments");
	check_bad("a:f@mem[1,2,3,4,5,6,7,8,9,0a,0b,0c,0d,0e,0f,10,11]",
		  "more than 16 places");
	memset(longer, 'x', sizeof(longer) - 1);
	check_bad(longer, "more than");
	longer[1000] = 0;
	check_bad(longer, "too long");
	memcpy(longer, "a:f@block(", 10);
	check_bad(longer, "a word of more than");
	longer[10] = '"';
	longer[999] = '"';
	check_bad(longer, "a text of more than");
}
END_TEST

/* No prefix and no changed byte of a good one does harm. */
START_TEST(mutants_are_harmless)
{
	static const char good[] = "./l.so:f@mem[user,0x10-20,name](address,"
				   "size:u8,-12:s16,\"text\",eax:double,4)";
	static const char bytes[] = "\x01\"@:[](),-x0 \xff";
	char text[sizeof(good)];
	unsigned taken = 0;

	check_good(good);
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		memcpy(text, good, n);
		text[n] = 0;
		taken += !probe_spec_parse(&s, text, error);
	}
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		for (const char *b = bytes; *b; b++) {
			strcpy(text, good);
			text[n] = *b;
			taken += !probe_spec_parse(&s, text, error);
			ck_assert_uint_le(s.nargs, PROBE_ARGS_MAX);
			ck_assert_uint_le(s.nranges, PROBE_RANGES_MAX);
		}
	}
	ck_assert_uint_gt(taken, 50);
}
END_TEST

Suite *suite_probe(void);

Suite *suite_probe(void)
{
	Suite *suite = suite_create("probe");
	TCase *tc = tcase_create("probe");

	tcase_add_test(tc, parts);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, filters);
	tcase_add_test(tc, what_is_wrong_is_said);
	tcase_add_test(tc, mutants_are_harmless);
	suite_add_tcase(suite, tc);
	return suite;
}
