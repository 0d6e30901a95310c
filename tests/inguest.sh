#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# inguest.sh - boots Debian's kernels and runs tests from /tests inside.
#
# usage: inguest.sh [--qemu] [--kernel NAME] [--inject LIST] UMBRA GUESTDIR
#		    TEST...
#
# Each test gets a boot of its own per kernel (both without --kernel). Its ok
# and FAIL lines are passed on, with a result of its own for the exit status
# and, where a test prints "clock: begin X" and "clock: end X SECONDS", one
# for the guest's seconds against the host's (1 %). --qemu boots by QEMU's TCG,
# without SMAP, under which its far calls in user mode fault as the kernel's.
# Console logs of failed tests stay in GUESTDIR/logs. Ends with "N passed,
# N failed".
set -u

qemu=
kernels="vmlinuz-686 vmlinuz-686-pae"
inject=
while [ $# -gt 0 ]; do
	case $1 in
	--qemu) qemu=1 ;;
	--kernel)
		kernels=${2-}
		shift
		;;
	--inject)
		inject=${2-}
		shift
		;;
	*) break ;;
	esac
	shift
done
[ $# -ge 3 ] || {
	echo "usage: inguest.sh [--qemu] [--kernel NAME] [--inject LIST]" \
		"UMBRA GUESTDIR TEST..." >&2
	exit 2
}
export LC_ALL=C
umbra=$1
dir=$2
shift 2
# the rare paths are the slow ones
patience=1
[ -z "$inject" ] || patience=6
limit=$((${INGUEST_TIMEOUT:-300} * patience))
words="umbra.patience=$patience"
passed=0
failed=0
mkdir -p "$dir/logs"

machine() { # kernel, command line
	if [ -n "$qemu" ]; then
		timeout -k 5 "$limit" qemu-system-i386 -accel tcg \
			-cpu "${QEMU_CPU:-max,-smap}" -no-reboot -display none \
			-serial stdio -monitor none -net none \
			-kernel "$dir/$1" -initrd "$dir/initramfs.gz" \
			-m 512 -append "$2"
	else
		timeout -k 5 "$limit" "$umbra" run --no-reboot -k "$dir/$1" \
			-i "$dir/initramfs.gz" -m 512M -a "$2" \
			${inject:+--inject "$inject"}
	fi
}

# Copies the console to a log, each line behind the host's time.
stamp() {
	perl -MTime::HiRes=clock_gettime,CLOCK_MONOTONIC -e '
		$| = 1;
		while (<STDIN>) {
			s/\r//g;
			printf "%.3f %s", clock_gettime(CLOCK_MONOTONIC), $_;
		}'
}

# Prints "ok ..." or "FAIL ..." of each begin/end pair of clock lines.
clocks() {
	perl -ne '
		if (/^(\S+) clock: begin (\S+)/) { $at{$2} = $1 }
		elsif (/^(\S+) clock: end (\S+) (\S+)/ && defined $at{$2}) {
			my $host = $1 - $at{$2};
			my $off = abs($host - $3) > 0.01 * $host;
			printf "%s clock against host, %s: guest %.3f s, " .
				"host %.3f s\n", $off ? "FAIL" : "ok", $2, $3,
				$host;
		}' "$1"
}

# What is wrong with the boot as a whole.
verdict() { # status, log, test
	if [ "$1" = 124 ] || [ "$1" = 137 ]; then
		echo "no end within $limit s"
	elif [ "$1" != 0 ]; then
		echo "the machine's exit status is $1"
	elif ! grep -q " umbra: test $3 exit 0\$" "$2"; then
		sed -n "s/^[0-9.]* umbra: \(test $3 \(exit\|is\).*\)/\1/p" "$2" |
			grep . || echo "the test did not end"
	fi
}

run() { # kernel, test
	name="$1 $2${inject:+ --inject $inject}"
	log="$dir/logs/$(echo "inguest $name" | tr -c 'a-zA-Z0-9\n-' _).log"
	{
		machine "$1" "console=ttyS0 quiet $words umbra.test=$2" 2>&1 \
			</dev/null
		echo $? >"$log.rc"
	} | stamp >"$log"
	rc=$(cat "$log.rc")
	rm -f "$log.rc"
	{
		sed -n 's/^[0-9.]* \(\(ok\|FAIL\|skip\) .*\)/\1/p' "$log"
		clocks "$log"
		why=$(verdict "$rc" "$log" "$2")
		if [ -z "$why" ]; then
			echo "ok exit status"
		else
			echo "FAIL exit status: $why"
		fi
	} | sed "s|^\([a-zA-Z]*\) |\1 $name: |" >"$log.sum"
	cat "$log.sum"
	f=$(grep -c '^FAIL ' "$log.sum")
	passed=$((passed + $(grep -c '^ok ' "$log.sum")))
	failed=$((failed + f))
	rm -f "$log.sum"
	[ "$f" != 0 ] || rm -f "$log"
}

for k in $kernels; do
	for t; do
		run "$k" "$t"
	done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
