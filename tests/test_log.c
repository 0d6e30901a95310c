// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_log.c - the -d word lists, where log lines go, and must().
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/log.h"

START_TEST(words_set_their_bits)
{
	const char *bad = NULL;

	ck_assert_int_eq(log_enable("mmu,int", &bad), 0);
	ck_assert_uint_eq(log_mask, 1u << LOG_MMU | 1u << LOG_INT);
	ck_assert(log_on(LOG_MMU));
	ck_assert(!log_on(LOG_XLAT));
	ck_assert_int_eq(log_enable("load,", &bad), 0);
	ck_assert(log_on(LOG_LOAD) && log_on(LOG_INT));
	ck_assert_int_eq(log_enable("all", &bad), 0);
	ck_assert_uint_eq(log_mask, (1u << LOG_NR) - 1);
}
END_TEST

START_TEST(bad_words_change_nothing)
{
	static const struct {
		const char *list;
		size_t at;
	} cases[] = {
		{"mmux", 0}, {"mm", 0},	       {"mmu,nix,int", 4},
		{"ALL", 0},  {"all,bogus", 4}, {",mmu", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *bad = NULL;

		ck_assert_int_eq(log_enable(cases[i].list, &bad), -EINVAL);
		ck_assert_ptr_eq(bad, cases[i].list + cases[i].at);
		ck_assert_uint_eq(log_mask, 0);
	}
}
END_TEST

START_TEST(every_subsystem_has_a_word)
{
	for (int i = 0; i < LOG_NR; i++) {
		const char *bad = NULL;

		log_mask = 0;
		ck_assert_ptr_nonnull(log_name(i));
		ck_assert_int_eq(log_enable(log_name(i), &bad), 0);
		ck_assert_uint_eq(log_mask, 1u << i);
	}
}
END_TEST

START_TEST(lines_go_to_the_file_if_on)
{
	char path[] = "/tmp/umbra-log-XXXXXX", line[100];
	const char *bad = NULL;
	int evaluated = 0;
	FILE *f;

	close(mkstemp(path));
	ck_assert_int_eq(log_open(path), 0);
	log_enable("dev", &bad);
	LOG(LOG_MMU, "unseen %d", ++evaluated);
	LOG(LOG_DEV, "port %x", 0x3f8);

	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_str_eq(line, "dev: port 3f8\n");
	ck_assert_ptr_null(fgets(line, sizeof(line), f));
	ck_assert_int_eq(evaluated, 0);
	fclose(f);
	unlink(path);
}
END_TEST

START_TEST(a_log_that_cannot_open_says_why)
{
	ck_assert_int_eq(log_open("/nonexistent/umbra.log"), -ENOENT);
	ck_assert_ptr_eq(log_file(), stderr);
}
END_TEST

static void dump_leaves_a_sign(void *arg)
{
	*(volatile int *)arg += 1;
	must(*(volatile int *)arg == 1, "the dump ran %d times", *(int *)arg);
	/* a failure inside the dump must not run it again */
	must(0, "nested");
}

START_TEST(must_passes_what_holds)
{
	int runs = 0;

	must_set_dump(dump_leaves_a_sign, &runs);
	must(1 + 1 == 2, "arithmetic");
	ck_assert_int_eq(runs, 0);
}
END_TEST

START_TEST(must_aborts)
{
	int runs = 0;

	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	must_set_dump(dump_leaves_a_sign, &runs);
	must(runs == 1, "told %s", "once");
}
END_TEST

Suite *suite_log(void);

Suite *suite_log(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_test(tc, words_set_their_bits);
	tcase_add_test(tc, bad_words_change_nothing);
	tcase_add_test(tc, every_subsystem_has_a_word);
	tcase_add_test(tc, lines_go_to_the_file_if_on);
	tcase_add_test(tc, a_log_that_cannot_open_says_why);
	tcase_add_test(tc, must_passes_what_holds);
	tcase_add_test_raise_signal(tc, must_aborts, SIGABRT);
	suite_add_tcase(s, tc);
	return s;
}
