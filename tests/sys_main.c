// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_main.c - runs the suites of suites_sys.def. A program of its own: the
 * suites bring their own memory (sys_env.c) in the engine's place. TAP on
 * standard output, then "N passed, N failed", as tests/unit.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define SUITE(module) Suite *suite_##module(void);
#include "suites_sys.def"
#undef SUITE

int main(void)
{
	SRunner *sr = srunner_create(NULL);
	int run, failed;

#define SUITE(module) srunner_add_suite(sr, suite_##module());
#include "suites_sys.def"
#undef SUITE
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	run = srunner_ntests_run(sr);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	printf("%d passed, %d failed\n", run - failed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
