#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# map2elf.pl - makes of a System.map an ELF file of symbols and nothing else,
# for gdb's symbol-file: gdb reads no maps.
#
# usage: map2elf.pl SYSTEM.MAP OUT
#
# Functions lie in sections .text, everything else in .data, one section for
# each stretch of either. Sizes are the distances to the next symbol.
use strict;
use warnings;

die "usage: map2elf.pl SYSTEM.MAP OUT\n" if @ARGV != 2;
open(my $map, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
my @sym;
while (<$map>) {
	/^([0-9a-fA-F]{8}) ([A-Za-z]) (\S+)/ or next;
	push @sym, [hex $1, $2, $3];
}
die "$ARGV[0]: no symbols of 32-bit addresses\n" unless @sym;
@sym = sort { $a->[0] <=> $b->[0] } @sym;

my ($strings, $table) = ("\0", "\0" x 16);
my @range; # [code, first, end] of each section
my $locals = 1;
my @entries;
for my $i (0 .. $#sym) {
	my ($at, $type, $name) = @{$sym[$i]};
	my $next = $i;
	$next++ while $next < $#sym && $sym[$next][0] == $at;
	my $size = $sym[$next][0] - $at;
	my $code = $type =~ /[tTwW]/ ? 1 : 0;
	push @range, [$code, $at, $at]
		if !@range || ($range[-1][0] != $code && $at >= $range[-1][2]);
	$range[-1][2] = $at + ($size || 1);
	my $global = $type =~ /[A-Z]/ ? 1 : 0;
	push @entries, [$global, pack("VVVCCv", length($strings), $at, $size,
		$global << 4 | ($code ? 2 : 1), 0, scalar @range)];
	$strings .= "$name\0";
}
for my $global (0, 1) {
	my @of = grep { $_->[0] == $global } @entries;
	$locals += @of unless $global;
	$table .= join "", map { $_->[1] } @of;
}

my $names = "\0.text\0.data\0.symtab\0.strtab\0.shstrtab\0";
my ($first, $end) = (52, 52 + length($table));
my $names_at = $end + length($strings);
my $sections_at = ($names_at + length($names) + 3) & ~3;

sub section {
	my ($name, $type, $flags, $at, $off, $size, $link, $info, $entry) = @_;
	return pack("V10", index($names, "$name\0"), $type, $flags, $at, $off,
		$size, $link, $info, 4, $entry);
}

# NOBITS: the bytes are in the guest
sub nobits {
	my ($code, $from, $to) = @{$_[0]};
	return section($code ? ".text" : ".data", 8, $code ? 6 : 3, $from,
		$first, $to - $from, 0, 0, 0);
}

open(my $out, ">:raw", $ARGV[1]) or die "$ARGV[1]: $!\n";
print $out "\x7fELF\x01\x01\x01", "\0" x 9,
	pack("vvVVVVVvvvvvv", 2, 3, 1, 0, 0, $sections_at, 0, 52, 0, 0, 40,
		@range + 4, @range + 3),
	$table, $strings, $names,
	"\0" x ($sections_at - $names_at - length($names)),
	"\0" x 40,
	(map { nobits($_) } @range),
	section(".symtab", 2, 0, 0, $first, length($table), @range + 2, $locals,
		16),
	section(".strtab", 3, 0, 0, $end, length($strings), 0, 0, 0),
	section(".shstrtab", 3, 0, 0, $names_at, length($names), 0, 0, 0);
close($out) or die "$ARGV[1]: $!\n";
