#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kallsyms.sh - makes GUESTDIR/System.map-686 (and -686-pae), since Debian's
# kernel packages have only a stub.
#
# usage: kallsyms.sh UMBRA GUESTDIR [KERNEL...]
#
# KERNEL: vmlinuz-686, vmlinuz-686-pae; all without. The addresses are those of
# a boot with "nokaslr". Functions are what the guest's own /proc/kallsyms says:
# one boot prints it. That has no variables; those that the kernel exports to
# modules are added from the tables in its image. A map that is newer than its
# kernel is kept. Exit status 1 if one could not be made.
set -u

[ $# -ge 2 ] || {
	echo "usage: kallsyms.sh UMBRA GUESTDIR [KERNEL...]" >&2
	exit 2
}
umbra=$1
dir=$2
shift 2
[ $# -gt 0 ] || set -- vmlinuz-686 vmlinuz-686-pae
export LC_ALL=C
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Types the commands when the shell is there: what comes before is lost.
feed() {
	n=0
	until grep -q "^Enter 'help'" "$work/console" 2>/dev/null ||
		[ $n -ge 60 ]; do
		sleep 1
		n=$((n + 1))
	done
	echo 'stty -echo; echo; echo BEG""IN;' \
		'gzip -c /proc/kallsyms | base64; echo E""ND; poweroff'
}

functions() { # kernel
	: >"$work/console"
	feed | timeout -k 5 120 "$umbra" run --no-reboot -k "$dir/$1" \
		-i "$dir/initramfs.gz" -a "console=ttyS0 quiet nokaslr no_timer_check" \
		>"$work/console" 2>&1
	tr -d '\r' <"$work/console" | sed -n '/^BEGIN$/,/^END$/p' |
		sed '1d;$d' | base64 -d | gzip -dc |
		awk '$4 == "" { print $1, $2, $3 }'
}

# bzImage -> the ELF file in it (boot protocol 2.08, Debian packs by xz)
unpack_kernel() { # kernel
	perl -e '
	open(my $f, "<:raw", $ARGV[0]) or die "$ARGV[0]: $!\n";
	local $/;
	my $image = <$f>;
	die "$ARGV[0]: no bzImage\n"
		if length($image) < 0x260 || substr($image, 0x202, 4) ne "HdrS";
	my $setup = (unpack("C", substr($image, 0x1f1, 1)) + 1) * 512;
	my ($at, $len) = unpack("VV", substr($image, 0x248, 8));
	die "$ARGV[0]: cut short\n" if $setup + $at + $len > length($image);
	binmode(STDOUT);
	print substr($image, $setup + $at, $len - 4);
	' "$dir/$1" | xz -dc >"$work/vmlinux"
}

# __ksymtab*: entries of three 32-bit distances: to the symbol, its name, ...
exports() {
	perl -e '
	open(my $f, "<:raw", $ARGV[0]) or die "$ARGV[0]: $!\n";
	local $/;
	my $elf = <$f>;
	my ($shoff, $size, $num, $strndx) =
		(unpack("x32 V", $elf), unpack("x46 vvv", $elf));
	my @sec = map {
		my %s;
		@s{qw(name type flags addr off size)} =
			unpack("V6", substr($elf, $shoff + $_ * $size, 24));
		\%s;
	} 0 .. $num - 1;
	my $names = $sec[$strndx]{off};
	$_->{text} = unpack("Z*", substr($elf, $names + $_->{name}, 64))
		for @sec;
	# file offset of a linear address; the section, in $$of
	sub place {
		my ($la, $of) = @_;
		for my $s (@sec) {
			next if !($s->{flags} & 2) || $la < $s->{addr} ||
				$la >= $s->{addr} + $s->{size};
			$$of = $s if $of;
			return $s->{off} + $la - $s->{addr};
		}
	}
	for my $s (grep { $_->{text} =~ /^__ksymtab(_gpl)?$/ } @sec) {
		for (my $at = 0; $at + 12 <= $s->{size}; $at += 12) {
			my ($v, $n) = unpack("VV",
				substr($elf, $s->{off} + $at, 8));
			my $la = ($s->{addr} + $at + $v) & 0xffffffff;
			my $text = place(($s->{addr} + $at + 4 + $n) &
					 0xffffffff);
			my $in;
			next if !defined $text || !defined place($la, \$in);
			next if $in->{flags} & 4; # kallsyms has the functions
			printf "%08x %s %s\n", $la,
				$in->{type} == 8 ? "B" :
				$in->{flags} & 1 ? "D" : "R",
				unpack("Z*", substr($elf, $text, 256));
		}
	}' "$work/vmlinux"
}

status=0
for k; do
	map=$dir/System.map-${k#vmlinuz-}
	if [ -s "$map" ] && [ "$map" -nt "$dir/$k" ]; then
		continue
	fi
	{
		functions "$k"
		unpack_kernel "$k" && exports
	} | sort >"$work/map"
	if grep -q ' T start_kernel$' "$work/map" &&
		grep -q ' [DB] jiffies$' "$work/map"; then
		mv "$work/map" "$map.new" && mv "$map.new" "$map"
		echo "kallsyms: $map: $(wc -l <"$map") symbols"
	else
		echo "kallsyms: no symbols of $k; the console's end:" >&2
		tail -n 5 "$work/console" >&2
		status=1
	fi
done
exit $status
