#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mkinitramfs.sh - makes the guest's initramfs: busybox with a link for each of
# its applets, guest-init.sh as /init, device nodes, and /tests.
#
# usage: mkinitramfs.sh OUT BUSYBOX [TEST...]
#
# OUT is a gzipped newc archive. BUSYBOX is a static one for the guest; it is
# not run, so the host need not be able to. Each TEST is a file that becomes
# /tests/<its name>, executable. Needs no privileges.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

die() {
	echo "mkinitramfs.sh: $*" >&2
	exit 1
}

[ $# -ge 2 ] || die "usage: mkinitramfs.sh OUT BUSYBOX [TEST...]"
out=$1
busybox=$2
shift 2

# The applets' names lie in the binary as one run of NUL-terminated words in
# alphabetical order that begins with "[" and "[[".
applets() {
	perl -e '
		local $/;
		open(my $f, "<:raw", $ARGV[0]) or die "$ARGV[0]: $!\n";
		<$f> =~ /\0((?:\[\0\[\[\0)(?:[a-z0-9_.+-]+\0)+)/
			or die "$ARGV[0]: no applet names in it\n";
		print map { "$_\n" } split(/\0/, $1);
	' "$1"
}

entries() {
	for d in bin dev proc sys tmp root tests etc usr; do
		echo "dir $d 0755"
	done
	echo "slink sbin bin"
	echo "slink usr/bin ../bin"
	echo "slink usr/sbin ../bin"
	# the kernel opens it for /init before devtmpfs is mounted
	echo "nod dev/console 0600 c 5 1"
	echo "nod dev/null 0666 c 1 3"
	echo "file init 0755 $here/guest-init.sh"
	echo "file bin/busybox 0755 $busybox"
	while read -r a; do
		[ "$a" = busybox ] || echo "slink bin/$a busybox"
	done <"$tmp.applets"
	for t in "$@"; do
		echo "file tests/$(basename "$t") 0755 $t"
	done
}

tmp=$out.$$
trap 'rm -f "$tmp" "$tmp.applets" "$tmp.list" "$tmp.cpio"' EXIT
applets "$busybox" >"$tmp.applets" || die "cannot read $busybox"
for a in sh mount setsid cttyhack login poweroff; do
	grep -qx "$a" "$tmp.applets" || die "$busybox has no applet $a"
done
entries "$@" >"$tmp.list"
perl "$here/mkcpio.pl" <"$tmp.list" >"$tmp.cpio"
gzip -9n <"$tmp.cpio" >"$tmp"
# equal parts give equal bytes; an unchanged archive keeps its date
cmp -s "$tmp" "$out" || mv -f "$tmp" "$out"
