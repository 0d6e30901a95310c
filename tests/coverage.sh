#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# coverage.sh - builds a tree with counters in ./coverage, runs the tests in
# it and reports which lines they reach.
#
# usage: coverage.sh SRCDIR	(in a build directory with guests/)
#
# COVERAGE_LIMIT is the time for all steps together (900 s). On a busy machine
# give more, and COVERAGE_STEP_LIMIT (300 s) for a single one. What it leaves:
# coverage/uncovered.txt names what was not reached, coverage/html/index.html
# shows it, coverage/coverage.info is lcov's, coverage/steps.log says how the
# steps went. The figures are the last lines. Exit status 0 if there are any;
# whether tests pass is the matter of "make check".
set -u

[ $# = 1 ] || {
	echo "usage: coverage.sh SRCDIR" >&2
	exit 2
}
src=$(cd "$1" && pwd) || exit 2
limit=${COVERAGE_LIMIT:-900}

fail() {
	echo "make coverage: $1" >&2
	exit 1
}

command -v lcov >/dev/null && command -v genhtml >/dev/null ||
	fail "no lcov: install the package lcov"
CC=${CC:-gcc}
echo | "$CC" -dM -E - | grep -q __clang__ && CC=gcc
command -v "$CC" >/dev/null || fail "no gcc: install the package gcc"

mkdir -p coverage
cd coverage || exit 1
find . -name '*.gcda' -exec rm -f {} +
"$CC" -O1 -c -o flush.o "$src/tools/coverage.c" || exit 1

# Atomic counters would clobber flags and time; lost counts do no harm, as
# only "never" matters.
[ -e Makefile ] && [ Makefile -nt "$src/configure" ] ||
	"$src/configure" CC="$CC" CFLAGS="-g -O1 --coverage -fprofile-abs-path" \
		CPPFLAGS=-DUMBRA_COVERAGE=1 \
		LDFLAGS="flush.o --coverage -Wl,--wrap=_exit,--wrap=abort,--wrap=raise" \
		>configure.log || fail "configure failed: see coverage/configure.log"
[ -e guests ] || cp -r ../guests guests || exit 1
jobs=$(getconf _NPROCESSORS_ONLN)
echo "coverage: building with counters in coverage/"
make -j"$jobs" all tests/unit guests >build.log 2>&1 ||
	fail "the build failed: see coverage/build.log"
lcov -q -c -i -d . -o base.info >lcov.log 2>&1

echo "coverage: running the tests, within $limit s"
timeout -k 10 "$limit" make coverage-run >steps.log 2>&1
[ $? = 124 ] && echo "coverage: not all steps in $limit s: see coverage/steps.log"
grep -E '^step ' steps.log

lcov -q -c -d . -o run.info >>lcov.log 2>&1 &&
	lcov -q -a base.info -a run.info -o all.info >>lcov.log 2>&1 &&
	lcov -q -e all.info "$src/translator/*" "$src/shadowmmu/*" \
		"$src/runtime/*" "$src/devices/*" "$src/tools/*" \
		-o most.info >>lcov.log 2>&1 &&
	lcov -q -r most.info "*/asm-offsets.c" -o coverage.info >>lcov.log 2>&1 ||
	fail "lcov failed: see coverage/lcov.log"
rm -rf html
genhtml -q -p "$src" -o html coverage.info >>lcov.log 2>&1
perl "$src/tools/coverage.pl" "$src" coverage.info uncovered.txt
