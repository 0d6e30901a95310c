#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh - runs the steps of "make check" and adds their results up.
#
# usage: check.sh COMMAND...	(each one word for sh)
#
# A step prints a line for each test and ends with "N passed, N failed". A step
# that fails without such a line counts as one failure, as does one that takes
# longer than CHECK_STEP_LIMIT seconds (two hours). What each step came to and
# took is listed behind the last; the sum is the last line; exit status 0 only
# if nothing failed and something passed.
set -u

limit=${CHECK_STEP_LIMIT:-7200}
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.rc" "$log.list"' EXIT
passed=0
failed=0
number=0
: >"$log.list"

for step in "$@"; do
	number=$((number + 1))
	echo "== $number of $#: $step"
	start=$(date +%s)
	{
		timeout --foreground -k 10 "$limit" sh -c "$step" </dev/null 2>&1
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
	printf '%5d passed %3d failed %5d s  %.200s\n' "$p" "$f" \
		$(($(date +%s) - start)) "$step" >>"$log.list"
done

cat "$log.list"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
