#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# jitdump.pl - reads a jitdump file as perf does and says what is wrong.
#
# usage: jitdump.pl FILE PATTERN
#
# The header, and each record: its kind, length, times that do not run
# backwards, a name that ends, as much code as it says. One name must match
# PATTERN. Prints "N records, N bytes of code"; exit status 1 at the first
# fault.
use strict;
use warnings;

my ($file, $pattern) = @ARGV;
open(my $f, '<:raw', $file) or die "$file: $!\n";
local $/;
my $d = <$f>;
my $at = 40;
my ($last, $records, $bytes, $found, $closed, $index) = (0, 0, 0, 0, 0, 0);

sub want { $_[0] or die "$file at $at: $_[1]\n" }

want(length($d) >= 40, 'no header');
my ($magic, $version, $size, $machine, $pad, $pid, $time, $flags) =
	unpack('V6Q<2', $d);
want($magic == 0x4a695444 && $version == 1 && $size == 40, 'header');
want($machine == 62 && !$pad && !$flags, 'header: machine');
want($file =~ /jit-$pid\.dump$/, "header: process $pid");
while ($at < length $d) {
	want(!$closed, 'a record behind the last');
	want($at + 16 <= length $d, 'a short record');
	my ($id, $len, $t) = unpack('V2Q<', substr($d, $at, 16));
	want($len >= 16 && $at + $len <= length $d, "length $len");
	want($t >= $last, 'time runs backwards');
	want($t >= $time, 'a time before the file was made');
	$last = $t;
	$records++;
	if ($id == 3) {
		$closed = 1;
	} else {
		want($id == 0, "record of kind $id");
		my ($p, $tid, $vma, $addr, $n, $i) =
			unpack('V2Q<4', substr($d, $at + 16, 40));
		my $rest = substr($d, $at + 56, $len - 56);
		want($p == $pid && $tid, 'whose code');
		want($vma == $addr && $addr > 4096, 'where');
		want($i == $index++, "index $i");
		want($rest =~ /^([\x21-\x7e]+)\0/, 'name');
		my $name = $1;
		$found ||= $name =~ /$pattern/;
		want(length($rest) == length($name) + 1 + $n, "code of $n bytes");
		$bytes += $n;
	}
	$at += $len;
}
want($closed, 'no end');
want($found, "no name like $pattern");
print "$records records, $bytes bytes of code\n";
