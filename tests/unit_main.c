// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * unit_main.c - runs the suites of suites.def, each test in its own process.
 *
 * UMBRA_SUITE=module in the environment runs one suite only; CK_FORK=no runs
 * without forking (for gdb). One line a test, then "N passed, N failed"; exit
 * status 0 if none failed, 1 if some did, 2 if there is no such suite.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"

#define SUITE(module) Suite *suite_##module(void);
#include "suites.def"
#undef SUITE

static const struct {
	const char *module;
	Suite *(*make)(void);
} suites[] = {
#define SUITE(module) {#module, suite_##module},
#include "suites.def"
#undef SUITE
};

static int suites_list(const char *unknown)
{
	fprintf(stderr, "unit: no suite '%s'; there are:", unknown);
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		fprintf(stderr, " %s", suites[i].module);
	fputc('\n', stderr);
	return 2;
}

int main(void)
{
	const char *only = getenv("UMBRA_SUITE");
	SRunner *sr = srunner_create(NULL);
	int added = 0, run, failed;

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		if (only && *only && strcmp(only, suites[i].module))
			continue;
		srunner_add_suite(sr, suites[i].make());
		added++;
	}
	if (!added) {
		srunner_free(sr);
		return suites_list(only);
	}

	/* four seconds, Check's own limit, are few on a busy machine */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);

	run = srunner_ntests_run(sr);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	printf("%d passed, %d failed\n", run - failed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
