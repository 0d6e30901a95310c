#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cc.sh - the compiler of the fuzz targets, and its flags: clang with libFuzzer
# where there is one, else the compiler given, with its sanitizers.
#
# usage: cc.sh COMPILER
#
# FUZZ_STANDALONE=1 in the environment: as if there were no clang.
# Four lines: "libfuzzer" or "standalone"; the command that compiles; the
# command that links a target.
set -u

sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat >"$dir/try.c" <<'END'
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size)
{
	return data && size > 1ul << 40;
}
END

for cc in clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
	[ -z "${FUZZ_STANDALONE-}" ] || break
	command -v $cc >/dev/null || continue
	if $cc -fsanitize=fuzzer $sanitize -o "$dir/try" "$dir/try.c" \
		>/dev/null 2>&1 && "$dir/try" -runs=1 >/dev/null 2>&1; then
		echo libfuzzer
		echo "$cc -fsanitize=fuzzer-no-link $sanitize"
		echo "$cc -fsanitize=fuzzer $sanitize"
		echo "-fno-sanitize=fuzzer-no-link"
		exit
	fi
done
echo 'int main(void) { return 0; }' >"$dir/try.c"
$1 $sanitize -o "$dir/try" "$dir/try.c" >/dev/null 2>&1 || sanitize=
echo standalone
echo "$1 $sanitize"
echo "$1 $sanitize"
echo
