#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fresh.sh - that memory touched for the first time, high memory behind the
# kernel's temporary mappings, and a working set beyond the budget of host
# mappings do not cost a host fault a page: boots guests with tests/linux/fresh
# and sparse and holds the monitor's counters to bounds.
#
# usage: fresh.sh UMBRA GUESTDIR
#
# One line a bound, then "N passed, N failed".
set -u

[ $# = 2 ] || {
	echo "usage: fresh.sh UMBRA GUESTDIR" >&2
	exit 2
}
passed=0
failed=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

stat() {
	sed -n "s/^$1 *\([0-9]*\)\r*\$/\1/p" "$out"
}

judge() { # name, what is to be true
	if [ "$2" ]; then
		echo "ok fresh: $1"
		passed=$((passed + 1))
	else
		echo "FAIL fresh: $1"
		failed=$((failed + 1))
	fi
}

bound() { # memory, counter, relation, number
	n=$(stat "$2")
	judge "$1: $2 ${n:-missing} $3 $4" \
		"$([ -n "$n" ] && [ "$n" "$3" "$4" ] && echo 1)"
}

# Some 80,000 pages are touched for the first time. With 2 GiB most of them,
# and most page tables, are high memory, which the kernel maps for each use.
for m in 512M 2G; do
	timeout -k 5 300 "$1" run --no-reboot -k "$2/vmlinuz-686-pae" \
		-i "$2/initramfs.gz" -m $m --stats \
		-a "console=ttyS0 quiet umbra.test=fresh" </dev/null \
		>"$out" 2>&1
	judge "$m: the test itself" \
		"$(grep -q "umbra: test fresh exit 0" "$out" && echo 1)"
	bound $m thrash_sites -ge 8
	bound $m thrash_returns -ge 1
	bound $m faults -le 40000
	bound $m mmu_zaps -le 25000
done

# 16 MB touched at random with mappings for 1 MB at most, for three seconds.
timeout -k 5 120 "$1" run --no-reboot -k "$2/vmlinuz-686-pae" \
	-i "$2/initramfs.gz" -m 512M --stats --inject map-budget=256 \
	-a "console=ttyS0 quiet umbra.test=sparse umbra.seconds=3 umbra.megabytes=16" \
	</dev/null >"$out" 2>&1
judge "crowded: the test itself" \
	"$(grep -q "umbra: test sparse exit 0" "$out" && echo 1)"
bound crowded faults -le 60000
bound crowded mmu_evictions -le 2000
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
