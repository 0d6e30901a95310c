#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh - runs fuzz targets: every known input, then new ones for a while.
#
# usage: run.sh [--seconds N] [--seed N] [--keep] FOLDER TARGET...
#
# FOLDER has corpus/TARGET and regressions/TARGET; the programs are
# fuzz/fuzz_TARGET. The seed is fixed, so that two runs do the same as far as
# their speed lets them; 0 takes a new one. --keep: inputs that reach new code
# are kept in fuzz/work/TARGET for the next run. An input that fails is written
# to fuzz/found/TARGET-*. Prints what was run, and "N passed, N failed".
set -u

seconds=3
seed=1
keep=no
while :; do
	case ${1-} in
	--seconds) seconds=$2; shift 2 ;;
	--seed) seed=$2; shift 2 ;;
	--keep) keep=yes; shift ;;
	*) break ;;
	esac
done
[ $# -ge 2 ] || { echo "usage: run.sh [options] FOLDER TARGET..." >&2; exit 2; }
folder=$1
shift

# what fuzz_walk needs of a host that says SIGSEGV to it is its own business
limits="-timeout=20 -rss_limit_mb=2560 -handle_segv=0 -handle_bus=0"
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=1:allow_user_segv_handler=1"
export UBSAN_OPTIONS="${UBSAN_OPTIONS-}:print_stacktrace=1"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir -p fuzz/found
passed=0
failed=0
total=0

# result NAME STATUS: the run in $scratch/log
result() {
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "FAIL fuzz $1: status $2"
	grep -a -E '^umbra: bug|runtime error|ERROR: |SUMMARY: |Test unit written|^ +#[0-9]+ .*(tests/fuzz|translator|shadowmmu|devices|tools|runtime)/' \
		"$scratch/log" | head -n 40
}

longest() {
	case $1 in
	xlate | walk) echo 600 ;;
	*) echo 4096 ;;
	esac
}

for t in "$@"; do
	inputs=$(find "$folder/corpus/$t" "$folder/regressions/$t" -type f \
		2>/dev/null | sort)
	count=$(printf '%s' "$inputs" | grep -c .)
	if [ "$count" = 0 ]; then
		echo "FAIL fuzz $t: no known inputs"
		failed=$((failed + 1))
		continue
	fi
	# shellcheck disable=SC2086
	timeout 300 "fuzz/fuzz_$t" $limits $inputs >"$scratch/log" 2>&1
	result "$t, known inputs" $?
	work=$scratch/work
	[ "$keep" = no ] || work=fuzz/work/$t
	mkdir -p "$work" "$folder/corpus/$t"
	# shellcheck disable=SC2046,SC2086
	timeout $((seconds + 300)) "fuzz/fuzz_$t" $limits -seed="$seed" \
		-max_len=$(longest "$t") -max_total_time="$seconds" \
		-artifact_prefix="fuzz/found/$t-" "$work" "$folder/corpus/$t" \
		$([ -d "$folder/regressions/$t" ] &&
			echo "$folder/regressions/$t") \
		>"$scratch/log" 2>&1
	result "$t, new inputs" $?
	runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$scratch/log")
	total=$((total + ${runs:-0}))
	if [ "${runs:-0}" -lt "$count" ]; then
		echo "FAIL fuzz $t: ${runs:-no} runs, fewer than known inputs"
		failed=$((failed + 1))
	fi
	cover=$(grep -a -o 'cov: [0-9]* ft: [0-9]*' "$scratch/log" | tail -n 1)
	echo "fuzz $t: $count known inputs, ${runs:-?} runs in $seconds s${cover:+, }$cover"
	grep -a "^$t: " "$scratch/log"
	rm -rf "$scratch/work"
done
echo "$# targets, $total runs ($(sed -n 1p fuzz/cc))"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
