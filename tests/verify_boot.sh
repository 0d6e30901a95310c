#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# verify_boot.sh - boots Debian's kernels with every block verified.
#
# usage: verify_boot.sh UMBRA GUESTDIR KERNEL[:INJECT]...
#
# Says how many blocks the verifier has passed and what that took. Ends with
# "N passed, N failed".
set -u

[ $# -ge 3 ] || {
	sed -n '6s/^# //p' "$0" >&2
	exit 2
}
umbra=$1
dir=$2
shift 2
limit=${BOOT_TIMEOUT:-180}
passed=0
failed=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

counter() {
	sed -n "s/^$1  *//p" "$out" | tr -d '\r'
}

for what; do
	kernel=${what%%:*}
	inject=${what#"$kernel"}
	inject=${inject#:}
	timeout -k 5 "$limit" "$umbra" run --verify --stats --no-reboot \
		-k "$dir/$kernel" -i "$dir/initramfs.gz" -m 512M \
		-a "console=ttyS0 quiet umbra.poweroff" \
		${inject:+--inject "$inject"} >"$out" 2>&1 </dev/null
	rc=$?
	blocks=$(counter verified)
	if [ $rc = 0 ] && grep -q '^umbra: init started' "$out" &&
		[ "${blocks:-0}" -gt 20000 ]; then
		echo "ok $what: $blocks blocks verified," \
			"$(($(counter verify_ns) / blocks)) ns each"
		passed=$((passed + 1))
	else
		echo "FAIL $what: status $rc, ${blocks:-no} blocks verified"
		grep -A 3 'the verifier refuses\|umbra: bug' "$out" |
			sed 's/^/    /'
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
