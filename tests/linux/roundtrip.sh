#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# roundtrip.sh - data through gzip and back, in a Linux guest.
#
# umbra.megabytes=N on the kernel's command line says how much (default 16).
# Prints the checksum of what came back, which the host knows too.
mb=$(sed -n 's/.*umbra\.megabytes=\([0-9]*\).*/\1/p' /proc/cmdline)
mb=${mb:-16}
pattern=$(dirname "$0")/pattern
cd /tmp || exit 1

"$pattern" "$mb" | gzip | tee size.gz | gunzip | tee back | sha256sum >sum
bytes=$(wc -c <size.gz)
if "$pattern" -c "$mb" <back; then
	echo "ok round trip of $mb MB, $bytes bytes compressed"
	fail=0
else
	fail=1
fi
echo "checksum $mb MB: $(cut -d ' ' -f 1 sum)"
rm -f back size.gz sum
exit $fail
