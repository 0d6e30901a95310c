#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot.sh - boots Debian's kernels without a terminal and judges the console.
#
# usage: boot.sh [--long] [--qemu] UMBRA GUESTDIR
#
# Each boot must reach /init, do what its command line asks, end in time with
# the right status, and show no oops or warning of the kernel's. --long adds
# memory sizes and each --inject word. --qemu boots by QEMU's TCG instead, to
# see whether a failure is the guest's own. Console logs of failed boots stay
# in GUESTDIR/logs. Ends with "N passed, N failed".
set -u

long=
qemu=
while [ $# -gt 0 ]; do
	case $1 in
	--long) long=1 ;;
	--qemu) qemu=1 ;;
	*) break ;;
	esac
	shift
done
[ $# = 2 ] || {
	echo "usage: boot.sh [--long] [--qemu] UMBRA GUESTDIR" >&2
	exit 2
}
umbra=$1
dir=$2
limit=${BOOT_TIMEOUT:-180}
passed=0
failed=0
mkdir -p "$dir/logs"

machine() { # kernel, memory, command line, inject list
	if [ -n "$qemu" ]; then
		timeout -k 5 "$limit" qemu-system-i386 -accel tcg -no-reboot \
			-display none -serial stdio -monitor none -net none \
			-kernel "$dir/$1" -initrd "$dir/initramfs.gz" \
			-m "$2" -append "$3"
	else
		timeout -k 5 "$limit" "$umbra" run --no-reboot -k "$dir/$1" \
			-i "$dir/initramfs.gz" -m "$2" -a "$3" \
			${4:+--inject "$4"}
	fi
}

# Types $2 when the shell of the boot that writes $1 has told of itself: what is
# typed before the driver opens the UART is lost, on real machines too.
feed() {
	if [ -n "$2" ]; then
		until [ -e "$1.rc" ] || grep -q "^Enter 'help'" "$1" 2>/dev/null
		do
			sleep 1
		done
		sleep 1
		printf '%s' "$2"
	fi
}

# What a healthy boot does not print
trouble='Oops|BUG:|WARNING:|Call Trace|Kernel panic|segfault|invalid opcode'
trouble="$trouble|general protection|unchecked MSR|soft lockup|rcu.*stall"

# What is wrong with a boot: its status, its console, the line it must show.
verdict() {
	if [ "$1" = 124 ] || [ "$1" = 137 ]; then
		echo "no end within $limit s"
	elif [ "$1" != 0 ]; then
		echo "exit status $1"
	elif ! grep -q '^umbra: init started' "$2"; then
		echo "/init did not start"
	elif ! grep -q "$3" "$2"; then
		echo "console lacks '$3'"
	else
		grep -m 1 -E "$trouble" "$2"
	fi
}

boot() { # kernel, memory, words, line wanted, input, inject list
	name="$1 $2 $3${6:+ --inject $6}"
	log="$dir/logs/$(echo "$name" | tr -c 'a-zA-Z0-9\n-' _).log"
	start=$(date +%s)
	rm -f "$log" "$log.rc"
	feed "$log" "$5" | {
		machine "$1" "$2" "console=ttyS0 $3" "$6" >"$log" 2>&1
		echo $? >"$log.rc"
	}
	why=$(verdict "$(cat "$log.rc")" "$log" "$4")
	rm -f "$log.rc"
	if [ -z "$why" ]; then
		echo "ok boot $name ($(($(date +%s) - start)) s)"
		passed=$((passed + 1))
		rm -f "$log"
	else
		echo "FAIL boot $name: $why (see $log)"
		failed=$((failed + 1))
	fi
}

# A shell that reads its commands from a pipe: both directions of the UART
# after early boot, and the way out through init's signals.
shell='echo sum=$((6 * 7)); poweroff
'

for k in vmlinuz-686 vmlinuz-686-pae; do
	boot $k 512M umbra.poweroff 'reboot: Power down' '' ''
	boot $k 64M quiet '^sum=42' "$shell" ''
	boot $k 3G quiet '^sum=42' "$shell" ''
	boot $k 512M umbra.reboot 'reboot: Restarting system' '' ''
done

if [ -n "$long" ]; then
	for k in vmlinuz-686 vmlinuz-686-pae; do
		for inject in one-insn no-chain small-cache helper-sites \
			no-pairs no-trans no-fsgsbase no-bmi2 no-uffd checked no-reuse map-budget=256 \
			fail-fill=7 fail-zap=5; do
			boot $k 512M umbra.poweroff 'reboot: Power down' '' \
				$inject
		done
	done
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
