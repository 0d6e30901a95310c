#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fetch-guests.sh - gets Debian 12's i386 kernels and a static busybox, and
# makes the initramfs from it.
#
# usage: fetch-guests.sh [--update] [DIR [TEST...]]
#        fetch-guests.sh --compiler [DIR]
#        fetch-guests.sh --sources [ETC]
#
# Leaves in DIR (guests): vmlinuz-686, vmlinuz-686-pae, busybox, initramfs.gz,
# the last with each TEST as /tests/<its name>. The packages come from the
# mirrors the host's own apt uses, through a private apt set-up below DIR/apt
# (lists, state, cache): the host's configuration is read and never changed,
# any user may do it, dpkg learns of no new architecture. Signatures are
# checked against Debian's archive keys. What is there is not fetched again;
# --compiler leaves DIR/tcc instead: tcc, a C library and headers, for i386.
# --update looks for newer packages. --sources only prints the private list
# of sources that comes of those below ETC.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
suite=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	echo "fetch-guests: $*"
}

die() {
	echo "fetch-guests: $*" >&2
	exit 1
}

# Prints the binary entries of the host's apt sources, both formats, as lines
# "signed-by|uri|suite|components" ('-' where nothing is said).
host_sources() {
	perl -e '
	use strict;
	my ($dir) = @ARGV;

	sub entry {
		my ($f) = @_;
		return if ($f->{enabled} // "yes") =~ /^(no|false|0)$/i;
		return if ($f->{types} // "") !~ /\bdeb\b(?!-)/;
		my $key = $f->{"signed-by"} // "-";
		$key =~ s/\s+/ /g;
		for my $uri (split " ", $f->{uris} // "") {
			for my $s (split " ", $f->{suites} // "") {
				print "$key|$uri|$s|$f->{components}\n";
			}
		}
	}
	for my $file (grep { -r } "$dir/sources.list",
		      glob("$dir/sources.list.d/*.list")) {
		open(my $h, "<", $file) or next;
		while (<$h>) {
			/^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)/
				or next;
			my ($opt, $uri, $s, $c) = ($1 // "", $2, $3, $4);
			my ($key) = $opt =~ /signed-by=(\S+)/;
			$c =~ s/\s+$//;
			entry({ types => "deb", uris => $uri, suites => $s,
				components => $c, "signed-by" => $key // "-" });
		}
	}
	for my $file (grep { -r } glob("$dir/sources.list.d/*.sources")) {
		open(my $h, "<", $file) or next;
		my (%f, $last);
		while (<$h>) {
			next if /^#/;
			if (/^\s*$/) {
				entry(\%f) if %f;
				%f = ();
			} elsif (/^([^\s:]+):\s*(.*?)\s*$/) {
				$last = lc $1;
				$f{$last} = $2;
			} elsif (/^\s+(.*?)\s*$/ && defined $last) {
				$f{$last} .= " $1";
			}
		}
		entry(\%f) if %f;
	}
	' "$1"
}

# Debian's own suites of the host's release, turned into those of the guest's
# release and signed by Debian's keys; other people's archives are left out.
private_sources() {
	host=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release | tr -d '"')
	host_sources "$1" | while IFS='|' read -r key uri s components; do
		case $key in
		- | */debian-archive*) ;;
		*) continue ;;
		esac
		case " $components " in
		*" main "*) ;;
		*) continue ;;
		esac
		case $uri in
		cdrom:*) continue ;;
		esac
		case $s in
		"$host" | "$suite" | stable | testing | unstable | sid)
			to=$suite ;;
		"$host-updates" | "$suite-updates" | stable-updates)
			to=$suite-updates ;;
		"$host-security" | "$suite-security" | stable-security)
			to=$suite-security ;;
		*) continue ;;
		esac
		echo "deb [arch=i386 signed-by=$keyring] $uri $to main"
	done | sort -u
}

# apt reads this file before all others, and no other.
private_config() {
	cat <<-END
	Dir "$apt/";
	Dir::State "$apt/state/";
	Dir::State::lists "$apt/state/lists/";
	Dir::State::status "$apt/state/status";
	Dir::Cache "$apt/cache/";
	Dir::Log "$apt/log/";
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "$apt/empty/";
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "$apt/empty/";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "$apt/empty/";
	Dir::Etc::netrc "/etc/apt/auth.conf";
	Dir::Etc::netrcparts "/etc/apt/auth.conf.d/";
	APT::Architecture "i386";
	APT::Architectures "i386";
	APT::Sandbox::User "root";
	APT::Get::List-Cleanup "true";
	Acquire::Languages "none";
	END
	# how this host reaches its mirrors: proxies, time-outs, clocks
	apt-config dump | grep -E \
		'^Acquire::((https?|ftp|tor|Check-|Retries|ForceIPv).*) ".+";$' \
		|| true
}

apt_setup() {
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" \
		"$apt/log" "$apt/empty"
	: >"$apt/state/status"
	private_config >"$apt/apt.conf"
	private_sources /etc/apt >"$apt/sources.list"
	[ -s "$apt/sources.list" ] ||
		die "no Debian mirror with 'main' in /etc/apt/sources.list*"
	[ -r "$keyring" ] ||
		die "$keyring is missing: install debian-archive-keyring"
}

# A package index that updates in part is good enough if it has the packages.
index_update() {
	say "updating the private package index"
	APT_CONFIG=$apt/apt.conf apt-get -qq update ||
		say "the index did not update in full; going on with what it has"
}

field() { # package, field: of the newest version
	APT_CONFIG=$apt/apt.conf apt-cache show --no-all-versions "$1" \
		2>/dev/null | sed -n "s/^$2: //p" | head -n 1
}

kernel_package() { # 686 or 686-pae: the real package behind the meta package
	field "linux-image-$1" Depends |
		sed -n 's/^\(linux-image-[0-9][^ ,]*\).*/\1/p'
}

# Fetches the package and takes one file out of it. FILE.from keeps the
# package's name and version: what is there is not fetched again.
get() { # package, path in it, file to make
	from=$(basename "$(field "$1" Filename)")
	[ -n "$from" ] || die "the package index has no $1 for i386"
	if [ -s "$3" ] && [ "$(cat "$3.from" 2>/dev/null)" = "$from" ]; then
		return
	fi
	say "fetching $1"
	rm -rf "$apt/new" && mkdir "$apt/new"
	(cd "$apt/new" && APT_CONFIG=$apt/apt.conf apt-get -qq download "$1") ||
		die "cannot fetch $1"
	dpkg-deb --fsys-tarfile "$apt"/new/*.deb | tar -xOf - "$2" >"$3.new"
	[ -s "$3.new" ] || die "$from has no $2"
	mv -f "$3.new" "$3"
	echo "$from" >"$3.from"
	rm -rf "$apt/new"
}

get_kernel() { # 686 or 686-pae
	pkg=$(kernel_package "$1")
	[ -n "$pkg" ] || die "the package index has no linux-image-$1 for i386"
	get "$pkg" "./boot/vmlinuz-${pkg#linux-image-}" "$dir/vmlinuz-$1"
}

# The tiny C compiler with a C library and its headers, as a tree of its own.
get_compiler() {
	rm -rf "$apt/new" "$dir/tcc.new"
	mkdir "$apt/new" "$dir/tcc.new"
	say "fetching tcc and a C library"
	(cd "$apt/new" && APT_CONFIG=$apt/apt.conf apt-get -qq download \
		tcc libc6 libc6-dev linux-libc-dev) ||
		die "cannot fetch the compiler"
	for deb in "$apt"/new/*.deb; do
		dpkg-deb -x "$deb" "$dir/tcc.new" || die "$deb is broken"
	done
	rm -rf "$dir/tcc.new/usr/share" "$dir/tcc"
	mv "$dir/tcc.new" "$dir/tcc"
	rm -rf "$apt"
}

if [ "${1-}" = --sources ]; then
	private_sources "${2:-/etc/apt}"
	exit
fi
compiler=
if [ "${1-}" = --compiler ]; then
	compiler=1
	shift
fi
update=
if [ "${1-}" = --update ]; then
	update=1
	shift
fi
mkdir -p "${1:-guests}"
dir=$(cd "${1:-guests}" && pwd)
[ $# -eq 0 ] || shift
apt=$dir/apt

host_tools() {
	for tool in apt-get apt-cache dpkg-deb perl; do
		command -v "$tool" >/dev/null ||
			die "$tool is missing: this needs a Debian host"
	done
}

if [ -n "$compiler" ]; then
	[ ! -x "$dir/tcc/usr/bin/tcc" ] || exit 0
	host_tools
	apt_setup
	index_update
	get_compiler
	exit
fi

if [ -n "$update" ] || [ ! -s "$dir/vmlinuz-686" ] ||
	[ ! -s "$dir/vmlinuz-686-pae" ] || [ ! -s "$dir/busybox" ]; then
	host_tools
	apt_setup
	index_update
	get_kernel 686
	get_kernel 686-pae
	get busybox-static ./bin/busybox "$dir/busybox"
	chmod 755 "$dir/busybox"
	# 100 MB that only another --update would use
	rm -rf "$apt"
fi
"$here/mkinitramfs.sh" "$dir/initramfs.gz" "$dir/busybox" "$@"
