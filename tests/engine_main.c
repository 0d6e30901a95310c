// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * engine_main.c - runs the suites of test_engine.c and test_debug.c, a
 * program of their own. TAP on standard output, then "N passed, N failed", as tests/unit.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

Suite *suite_engine(void);
Suite *suite_debug(void);

int main(void)
{
	SRunner *sr = srunner_create(suite_engine());
	int run, failed;

	srunner_add_suite(sr, suite_debug());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	run = srunner_ntests_run(sr);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	printf("%d passed, %d failed\n", run - failed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
