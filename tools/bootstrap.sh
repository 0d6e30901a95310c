#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bootstrap.sh - installs the Debian packages that building and testing need.
#
# Installs only what is missing, and only as root or where sudo asks nothing;
# otherwise, or with UMBRA_NO_INSTALL=1, one line says what to install. Nothing
# missing: no output, no network. Exit status 0: all there. With words, only what
# these need beside: "check", "coverage" for the goals of that name, "bench" what
# "make bench" compares with.
set -u

# where the probes are looked for; the tests of this script set it
top=${UMBRA_PROBE_ROOT-}
multiarch=/usr/include/x86_64-linux-gnu

# "package probe...": there if one of the files is; patterns are allowed.
# (perl: Time::HiRes; scripts else make do with perl-base.) perl-base, tar, gzip, dpkg and apt are part of every Debian system.
packages() {
	case $1 in
	bench)
		echo "qemu-system-x86 $top/usr/bin/qemu-system-i386"
		return
		;;
	check)
		echo "gdb $top/usr/bin/gdb"
		echo "clang $top/usr/bin/clang"
		echo "libclang-rt-14-dev $top/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a"
		return
		;;
	coverage)
		echo "lcov $top/usr/bin/lcov"
		return
		;;
	esac
	cat <<-END
	gcc $top/usr/bin/gcc
	libc6-dev $top$multiarch/sys/cdefs.h $top/usr/include/sys/cdefs.h
	binutils $top/usr/bin/ld
	libcapstone-dev $top/usr/include/capstone/capstone.h
	libffi-dev $top$multiarch/ffi.h $top/usr/include/ffi.h
	libelf-dev $top/usr/include/libelf.h
	libseccomp-dev $top/usr/include/seccomp.h
	check $top/usr/include/check.h
	perl $top/usr/lib/x86_64-linux-gnu/perl/5.*/Time/HiRes.pm
	gcc-multilib $top/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a
	libc6-dev-i386 $top/usr/lib32/libc.a
	debian-archive-keyring $top/usr/share/keyrings/debian-archive-keyring.gpg
	END
}

is_there() {
	for probe in "$@"; do
		[ -e "$probe" ] && return 0
	done
	return 1
}

missing() {
	for goal in $goals; do
		packages "$goal"
	done | while read -r package probes; do
		# shellcheck disable=SC2086 # the patterns are to be expanded
		is_there $probes || printf ' %s' "$package"
	done
}

tell() {
	echo "umbra: packages are missing; as root: apt-get install$need" >&2
	exit 1
}

goals=${*:-build}
need=$(missing)
[ -n "$need" ] || exit 0
command -v apt-get >/dev/null || tell
[ -z "${UMBRA_NO_INSTALL-}" ] || tell

if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	root='sudo -n'
else
	tell
fi

echo "umbra: installing$need"
# One source that fails must not stop what the others can give: only the
# installation decides.
$root apt-get -qq update ||
	echo "umbra: the package index did not update in full; going on" >&2
# shellcheck disable=SC2086 # both are lists of words
$root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq \
	--no-install-recommends install $need </dev/null || tell

need=$(missing)
[ -z "$need" ] || tell
