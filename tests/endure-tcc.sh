#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# endure-tcc.sh - makes the initramfs in which tcc runs, and its sources.
#
# usage: endure-tcc.sh GUESTDIR
#
# Needs GUESTDIR/initramfs.gz; fetches the compiler once. GUESTDIR/tcc.src has
# the sources, GUESTDIR/initramfs-tcc.gz the usual initramfs with a second
# archive behind it, which Linux unpacks too: /tcc and /tcc/src.
set -eu

[ $# = 1 ] || {
	echo "usage: endure-tcc.sh GUESTDIR" >&2
	exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
out=$dir/initramfs-tcc.gz

sh "$here/../tools/fetch-guests.sh" --compiler "$dir"
perl "$here/linux/generate.pl" "$dir/tcc.src" 8 300
tree=$dir/tcc
lib=usr/lib/i386-linux-gnu
so=lib/i386-linux-gnu

# A tree or a file of the compiler's, with the folders above it made already.
copy() { # path in the tree
	(cd "$tree" && find "$1" -type d -o -type f | LC_ALL=C sort) |
		while read -r p; do
			if [ -d "$tree/$p" ]; then
				echo "dir tcc/$p 0755"
			else
				echo "file tcc/$p 0755 $tree/$p"
			fi
		done
}

{
	for d in tcc tcc/src tcc/lib tcc/usr tcc/usr/bin tcc/usr/lib \
		tcc/$so tcc/$lib; do
		echo "dir $d 0755"
	done
	copy usr/bin/tcc
	copy usr/include
	copy $lib/tcc
	for f in crt1.o crti.o crtn.o libc_nonshared.a; do
		copy $lib/$f
	done
	for f in ld-linux.so.2 libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0
	do
		copy $so/$f
	done
	for f in "$dir"/tcc.src/*.c; do
		echo "file tcc/src/$(basename "$f") 0644 $f"
	done
} >"$out.list"
perl "$here/../tools/mkcpio.pl" <"$out.list" | gzip -6n >"$out.tail"
cat "$dir/initramfs.gz" "$out.tail" >"$out.new"
mv -f "$out.new" "$out"
rm -f "$out.list" "$out.tail"
