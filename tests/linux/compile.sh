#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# compile.sh - tcc builds a program of many files; prints what came of it.
#
# usage: compile.sh [TREE SOURCES]
#
# TREE is what tools/fetch-guests.sh --compiler made; in a Linux guest both
# are in /tcc. The lines "object ..." are the same wherever this runs, on the
# host too: endure.pl compares. Everything is called by its path, since the
# host has programs of its own.
tree=${1:-/tcc}
src=${2:-/tcc/src}
lib=$tree/usr/lib/i386-linux-gnu
so=$tree/lib/i386-linux-gnu
ld="$so/ld-linux.so.2 --library-path $so"
tcc="$ld $tree/usr/bin/tcc -nostdinc -B$lib/tcc -I$lib/tcc/include
	-I$tree/usr/include/i386-linux-gnu -I$tree/usr/include"
tmp=$(mktemp -d /tmp/compile.XXXXXX) || exit 1
trap 'rm -rf "$tmp"' EXIT

tell() { # file
	sum=$(sha256sum <"$1") || exit 1
	echo "object $(basename "$1") ${sum%% *}"
}

cd "$src" || exit 1 # an object holds its source's name as it was given
for c in *.c; do
	o=$tmp/${c%.c}.o
	$tcc -c -o "$o" "$c" || exit 1
	tell "$o"
done
$tcc -nostdlib -o "$tmp/program" "$lib/crt1.o" "$lib/crti.o" "$tmp"/*.o \
	"$so/ld-linux.so.2" \
	"$so/libc.so.6" "$lib/libc_nonshared.a" "$lib/tcc/libtcc1.a" \
	"$lib/crtn.o" || exit 1
$ld "$tmp/program" >"$tmp/output" || exit 1
tell "$tmp/output"
echo "ok compile"
