#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - runs the bare guests and counts.
#
#   run.sh [--inject LIST] [--qemu] [--timeout SECONDS] [-v]
#          UMBRA_BINARY GUESTDIR [name...]
#
# A guest passes when its debug-exit value is 0. With --qemu, QEMU's TCG is
# the machine (UMBRA_BINARY is not given then). Exit status: 0 when none failed.
set -u

inject= qemu= limit=20 verbose=
usage() {
	sed -n '5,6s/^#  *//p' "$0" >&2
	exit 2
}
while [ $# -gt 0 ]; do
	case $1 in
	--inject) [ $# -ge 2 ] || usage; inject=$2; shift 2 ;;
	--timeout) [ $# -ge 2 ] || usage; limit=$2; shift 2 ;;
	--qemu) qemu=1; shift ;;
	-v) verbose=1; shift ;;
	-*) usage ;;
	*) break ;;
	esac
done
if [ -z "$qemu" ]; then
	[ $# -ge 1 ] || usage
	umbra=$1
	shift
fi
[ $# -ge 1 ] || usage
dir=$1
shift
if [ $# -eq 0 ]; then
	for f in "$dir"/*.elf; do
		set -- "$@" "$(basename "$f" .elf)"
	done
fi

out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
trap 'exit 1' HUP INT TERM

# Runs guest file $1; the status is the debug-exit value.
machine() {
	if [ -n "$qemu" ]; then
		timeout "$limit" qemu-system-i386 -accel tcg -cpu max -m 64M \
			-kernel "$1" -display none -serial stdio -no-reboot \
			-device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null
		set -- $?
		# (value << 1) | 1, and timeout's own statuses as they are
		case $1 in
		0 | 124 | 137) return "$1" ;;
		esac
		return $(($1 >> 1))
	fi
	timeout "$limit" "$umbra" run --kernel "$1" --debug-exit 0xf4 \
		--no-reboot -m 64M ${inject:+--inject "$inject"} </dev/null
}

pass=0 fail=0
for name; do
	machine "$dir/$name.elf" >"$out" 2>&1
	st=$?
	# "# wild": any end is good but the monitor's own failure.
	if grep -q '^# wild' "$out" && [ $st -ne 1 ] && [ $st -lt 125 ]; then
		st=0
		echo '# reset' >>"$out"
	fi
	# Guests that end by a reset, not by the port, say so beforehand.
	if [ $st -eq 0 ] && ! grep -q -e '^# .* passed' -e '^# reset' "$out"
	then
		st=ended
	fi
	if [ "$st" = 0 ]; then
		echo "ok $name"
		pass=$((pass + 1))
		[ -z "$verbose" ] || sed 's/^/    /' "$out"
		continue
	fi
	fail=$((fail + 1))
	case $st in
	124 | 137) echo "FAIL $name: timeout after $limit s" ;;
	ended) echo "FAIL $name: ended before its report" ;;
	*) echo "FAIL $name: status $st" ;;
	esac
	if [ -n "$verbose" ] || ! grep -q '^FAIL' "$out"; then
		tail -n 40 "$out" | sed 's/^/    /'
	else
		grep '^FAIL' "$out" | sed 's/^/    /'
	fi
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
