#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# probes.sh - looks into guests: symbols, perf and probes.
#
# usage: probes.sh [--long] UMBRA BAREDIR GUESTDIR
#
# BAREDIR has the bare guests, GUESTDIR Debian's kernels. What needs the
# host's perf, or its leave, is left out without it. One line a test, then
# "N passed, N failed".
set -u

long=
[ "${1-}" = --long ] && {
	long=1
	shift
}
[ $# = 3 ] || {
	echo "usage: probes.sh [--long] UMBRA BAREDIR GUESTDIR" >&2
	exit 2
}
src=$(cd "$(dirname "$0")" && pwd)
umbra=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
bare=$(cd "$2" && pwd) || exit 2
guests=$(cd "$3" && pwd) || exit 2
tmp=$(mktemp -d) || exit 1
maps=
trap 'rm -rf "$tmp" $maps' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
export LC_ALL=C
passed=0
failed=0

result() { # name, what is wrong ('' if nothing)
	if [ -z "$2" ]; then
		echo "ok probes: $1"
		passed=$((passed + 1))
	else
		echo "FAIL probes: $1: $2"
		failed=$((failed + 1))
	fi
}

# A bare guest; more options behind its name. Sets status; files out, err.
bare() {
	guest=$1
	shift
	timeout -k 5 60 sh -c 'echo $$ >pid; exec "$@"' sh "$umbra" run \
		-k "$bare/$guest.elf" --debug-exit 0xf4 --no-reboot -m 64M \
		"$@" </dev/null >out 2>err
	status=$?
}

# The perf map of the last run, to be removed at the end.
last_map() {
	map=/tmp/perf-$(cat pid).map
	maps="$maps $map"
}

refused() { # name, status, pattern, options
	name=$1
	want=$2
	pattern=$3
	shift 3
	bare hello "$@"
	why=
	[ $status = "$want" ] || why="status $status"
	grep -q "^umbra: .*$pattern" err || why="$why says: $(head -n 1 err)"
	[ "$(wc -l <err)" = 1 ] || why="$why $(wc -l <err) lines"
	result "$name" "$why"
}

# --- symbols

printf 'rubbish\n' >rubbish
refused 'a symbol file that is none' 1 '--symbols: rubbish: line 1' \
	--symbols rubbish
refused 'no such symbol file' 1 'cannot open' --symbols nowhere
refused 'no such kind of --perf' 2 'use map, jitdump' --perf maps
refused 'no such directory' 1 '--perf: cannot make' --perf jitdump:nowhere

bare hello --symbols "$bare/hello.elf" -d xlat -D log
why=
grep -q '^block [0-9a-f]* <guest_main>: ' log || why='no <guest_main>'
grep -q '^block [0-9a-f]* <[a-z_]*+0x[0-9a-f]*>: ' log || why="$why no offsets"
[ $status = 0 ] || why="$why status $status"
result 'listings have names' "$why"

# --- perf map

# every line is "begin length name"; prints how many
map_check() {
	awk '!/^[0-9a-f]+ [0-9a-f]+ (kernel|user|umbra):[!-~]+$/ { bad = NR }
	END { if (bad) { print "line " bad; exit 1 } print NR " lines" }' "$1"
}

bare hello --symbols "$bare/hello.elf" --perf map
last_map
why=
n=$(map_check "$map") || why="$n"
grep -q ' kernel:guest_main$' "$map" || why="$why no guest_main"
grep -q ' user:add_carry' "$map" || why="$why no user code"
grep -q ' umbra:glue_helper$' "$map" || why="$why no glue"
[ $status = 0 ] || why="$why status $status"
result "perf map of a bare guest ($n)" "$why"

# --- jitdump

mkdir dumps
bare hello --symbols "$bare/hello.elf" --perf jitdump:dumps
why=
n=$(perl "$src/jitdump.pl" dumps/jit-*.dump '^kernel:guest_main$' 2>&1) ||
	why="$n"
[ $status = 0 ] || why="$why status $status"
result "jitdump of a bare guest ($n)" "$why"
bare smc --symbols "$bare/smc.elf" --perf jitdump --inject small-cache
why=
n=$(perl "$src/jitdump.pl" "$PWD"/jit-*.dump '^kernel:' 2>&1) || why="$n"
[ $status = 0 ] || why="$why status $status"
result "jitdump of code that changes ($n)" "$why"
rm -f jit-*.dump

# --- the host's perf

# the name of a function that takes time, from the report of $1
reported() {
	perf report --stdio -i "$1" 2>/dev/null |
		grep -m1 -o 'kernel:[a-z_][a-z_0-9]*'
}

if ! perf record -o probe.data -e cpu-clock true >/dev/null 2>&1; then
	echo "skip probes: perf is not there, or may not look"
else
	sh "$src/kallsyms.sh" "$umbra" "$guests" vmlinuz-686-pae >/dev/null
	perf record -q -e cpu-clock -F 2000 -o map.data timeout 120 \
		sh -c 'echo $$ >pid; exec "$@"' sh "$umbra" run -k "$guests/vmlinuz-686-pae" -i "$guests/initramfs.gz" \
		-m 512M --no-reboot -a "console=ttyS0 quiet nokaslr umbra.poweroff" \
		--symbols "$guests/System.map-686-pae" --perf map </dev/null >out 2>&1
	last_map
	why=
	n=$(map_check "$map") || why="$n"
	f=$(reported map.data) || why="$why no function of the guest's"
	grep -q Power out || why="$why no power-off"
	result "perf report of a boot names the guest's $f ($n)" "$why"

	perf record -q -k mono -e cpu-clock -F 5000 -o jit.data "$umbra" run \
		-k "$bare/hello.elf" --debug-exit 0xf4 --no-reboot -m 64M \
		--symbols "$bare/hello.elf" --perf jitdump \
		</dev/null >out 2>&1
	HOME=$tmp perf inject --jit -i jit.data -o jit2.data >out 2>&1
	why=
	ls jitted-*.so >/dev/null 2>&1 || why="no code: $(head -n 1 out)"
	[ -z "$why" ] && ! objdump -d "$(ls jitted-*.so | tail -n 1)" |
		grep -q '^[0-9a-f]* <.*>:$' && why='code without a name'
	result "perf inject reads the jitdump ($(ls jitted-*.so | wc -l) files)" \
		"$why"
	rm -f jit-*.dump jitted-*.so
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
