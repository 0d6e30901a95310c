#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# coverage-run.sh - in the tree with counters: the steps of "make check" that
# run the monitor or its units, then some that force rare paths.
#
# usage: coverage-run.sh SRCDIR STEP...
#
# A line "step N s STATUS RESULT: COMMAND" each.
set -u

src=$1
shift
# What looks at sources or machine code, measures, or has no counters
not='layers.sh|test_build.sh|lightcheck.pl|optab_objdump|bench|fuzz|coverage'

step() { # command
	start=$(date +%s)
	timeout -k 5 "${COVERAGE_STEP_LIMIT:-300}" sh -c "$1" </dev/null >step.log 2>&1
	status=$?
	echo "step $(($(date +%s) - start)) s status $status" \
		"$(grep -E '^[0-9]+ passed, [0-9]+ failed' step.log | tail -n 1):" \
		"$(echo "$1" | tr -s '\n\t' '  ' | cut -c 1-150)"
	[ $status = 0 ] || grep -E '^(FAIL|not ok)' step.log | head -n 20
}

for s in "$@"; do
	echo "$s" | grep -q -E "$not" || step "$s"
done

guests="sh $src/tests/guests/run.sh --timeout 60"
for inject in one-insn no-chain no-pairs no-trans small-cache helper-sites \
	no-fsgsbase no-bmi2 no-uffd checked no-checked no-reuse far step \
	map-budget=64 fail-fill=7 fail-zap=5; do
	step "$guests --inject $inject ./umbra tests/guests"
done
step "timeout 200 ./umbra run --no-reboot -k guests/vmlinuz-686 \
	-i guests/initramfs.gz -a 'console=ttyS0 umbra.poweroff' -m 512M \
	-d all -D /dev/null --inject no-uffd,small-cache"
