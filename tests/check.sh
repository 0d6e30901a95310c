#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh - runs the steps of "make check" and adds their results up.
#
# usage: check.sh COMMAND...	(each one word for sh)
#
# A step prints a line for each test and ends with "N passed, N failed". A step
# that fails without such a line counts as one failure. The sum is the last
# line; exit status 0 only if nothing failed and something passed.
set -u

log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.rc"' EXIT
passed=0
failed=0

for step in "$@"; do
	echo "== $step"
	{
		sh -c "$step" </dev/null 2>&1
		echo $? >"$log.rc"
	} | tee "$log"
	rc=$(cat "$log.rc")
	sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	p=0
	f=0
	if [ -n "$sum" ]; then
		p=${sum%% *}
		f=${sum#*, }
		f=${f%% *}
	fi
	if [ "$f" = 0 ] && { [ "$rc" != 0 ] || [ -z "$sum" ]; }; then
		echo "FAIL $step: exit status $rc, no result"
		f=1
	fi
	passed=$((passed + p))
	failed=$((failed + f))
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
