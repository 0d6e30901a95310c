#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dmesg.sh - what Debian's kernels complain of under umbra and not under QEMU.
#
# usage: dmesg.sh UMBRA GUESTDIR [KERNEL...]
#        dmesg.sh --compare QEMU-LOG UMBRA-LOG
#
# Boots each kernel on both, takes the lines that complain, removes times,
# addresses and numbers, and prints what is left only of umbra's. Every such
# line is a failure. Ends with "N passed, N failed".
#
# Linux measures clocks against each other at its start, and complains when the
# host's scheduler disturbs that, on either machine. Such a line is a failure
# only if it comes in each of RETRIES further boots too.
set -u

limit=${BOOT_TIMEOUT:-180}
# What sounds like a complaint and is none; every ACPI PC says the last.
normal="fail-?safe|no error|errors=|Error Reporting|Disabled by ACPI PNP"
RETRIES=4
timing='^tsc: (Fast TSC calibration failed|Unable to calibrate against PIT)'
timing="$timing|^PM-Timer running at invalid rate"

# Complaints, in a form that two machines can be compared by.
complaints() {
	tr -d '\r' <"$1" | grep -a -i -E \
		'WARNING:|BUG:|Oops|Call Trace|error|fail|firmware bug|unable|invalid|corrupt|unstable|stall|lockup|timed out|timeout|spurious|nobody cared|not responding|deprecated|unchecked|conflict|bogus|mismatch|can.t |cannot|disabled by|doesn.t' |
		grep -v -i -E "$normal" |
		sed -E 's/^\[ *[0-9.]+\] *//; s/0x[0-9a-f]+/X/g
			s/\b[0-9a-f]{6,}\b/X/g; s/[0-9]+/N/g' | sort -u
}

compare() { # QEMU's log, umbra's log
	complaints "$1" >"$tmp/q"
	complaints "$2" >"$tmp/u"
	grep -Fxv -f "$tmp/q" "$tmp/u"
}

boot_qemu() { # kernel, log
	timeout -k 5 "$limit" qemu-system-i386 -accel tcg -cpu max \
		-no-reboot -display none -serial stdio -monitor none \
		-net none -kernel "$dir/$1" -initrd "$dir/initramfs.gz" \
		-m 512 -append "console=ttyS0 loglevel=8 umbra.poweroff" \
		>"$2" 2>&1 </dev/null
}

boot_umbra() {
	timeout -k 5 "$limit" "$umbra" run --no-reboot -k "$dir/$1" \
		-i "$dir/initramfs.gz" -m 512M \
		-a "console=ttyS0 loglevel=8 umbra.poweroff" \
		>"$2" 2>&1 </dev/null
}

# A log without the end of the boot proves nothing.
whole() {
	grep -q 'umbra: init started' "$1" && grep -q 'Power down' "$1"
}

# Takes from $tmp/only what is a matter of chance.
settle() { # kernel
	for _ in $(seq $RETRIES); do
		grep -q -E "$timing" "$tmp/only" || return
		boot_umbra "$1" "$tmp/again"
		complaints "$tmp/again" >"$tmp/u2"
		{
			grep -v -E "$timing" "$tmp/only"
			grep -E "$timing" "$tmp/only" |
				grep -Fx -f "$tmp/u2"
		} >"$tmp/left"
		mv "$tmp/left" "$tmp/only"
	done
}

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if [ "${1-}" = --compare ] && [ $# = 3 ]; then
	compare "$2" "$3"
	[ $? = 1 ]
	exit
fi
[ $# -ge 2 ] || {
	echo "usage: dmesg.sh UMBRA GUESTDIR [KERNEL...]" >&2
	exit 2
}
export LC_ALL=C
umbra=$1
dir=$2
shift 2
[ $# -gt 0 ] || set -- vmlinuz-686 vmlinuz-686-pae
passed=0
failed=0
mkdir -p "$dir/logs"
for k; do
	boot_qemu "$k" "$dir/logs/dmesg-qemu-$k.log"
	boot_umbra "$k" "$dir/logs/dmesg-umbra-$k.log"
	if ! whole "$dir/logs/dmesg-qemu-$k.log"; then
		echo "FAIL dmesg $k: QEMU's boot did not end well"
		failed=$((failed + 1))
		continue
	elif ! whole "$dir/logs/dmesg-umbra-$k.log"; then
		echo "FAIL dmesg $k: umbra's boot did not end well"
		failed=$((failed + 1))
		continue
	fi
	compare "$dir/logs/dmesg-qemu-$k.log" \
		"$dir/logs/dmesg-umbra-$k.log" >"$tmp/only"
	settle "$k"
	if [ -s "$tmp/only" ]; then
		sed "s/^/FAIL dmesg $k: /" "$tmp/only"
		failed=$((failed + $(wc -l <"$tmp/only")))
	else
		echo "ok dmesg $k: $(wc -l <"$tmp/u") kinds of complaints," \
			"all of them QEMU's too"
		passed=$((passed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
