#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# coverage.pl - reads lcov's tracefile, names what no test reaches, and prints
# the share of lines reached: a file each, then a directory each, last the
# three that the monitor's promises rest on.
#
# usage: coverage.pl SRCDIR INFO UNCOVERED
#
# UNCOVERED gets, for each file, the functions never entered and the ranges of
# lines never executed in others, with their first line.
use strict;
use warnings;

@ARGV == 3 or die "usage: coverage.pl SRCDIR INFO UNCOVERED\n";
my ($src, $info, $uncovered) = @ARGV;
my @core = qw(translator shadowmmu runtime);

# file => { lines => { n => count }, fn => { name => [line, count] } }
my %files;

sub load {
	open my $f, '<', $info or die "coverage.pl: $info: $!\n";
	my $file;
	while (<$f>) {
		chomp;
		if (/^SF:(.*)/) {
			($file = $1) =~ s{^\Q$src\E/}{};
			$files{$file} //= { lines => {}, fn => {} };
		} elsif (/^DA:(\d+),(-?\d+)/) {
			$files{$file}{lines}{$1} += $2;
		} elsif (/^FN:(\d+),(.*)/) {
			$files{$file}{fn}{$2}[0] = $1;
			$files{$file}{fn}{$2}[1] //= 0;
		} elsif (/^FNDA:(\d+),(.*)/) {
			$files{$file}{fn}{$2}[1] += $1;
		}
	}
	%files or die "coverage.pl: $info: no file in it\n";
}

sub source_lines {
	my ($file) = @_;
	open my $f, '<', "$src/$file" or return [];
	return [ '', <$f> ];
}

# The function a line belongs to: the last that begins before it.
sub owner {
	my ($fn, $line) = @_;
	my ($best, $at) = (undef, 0);
	for my $name (keys %$fn) {
		my $begin = $fn->{$name}[0];
		($best, $at) = ($name, $begin)
			if $begin <= $line && $begin > $at;
	}
	return $best;
}

# Runs of lines that were not executed; what lies between two of them and is
# no code does not end a run.
sub ranges {
	my ($lines) = @_;
	my (@runs, $open);
	for my $n (sort { $a <=> $b } keys %$lines) {
		if ($lines->{$n}) {
			undef $open;
		} elsif ($open) {
			$open->[1] = $n;
			$open->[2]++;
		} else {
			push @runs, $open = [ $n, $n, 1 ];
		}
	}
	return @runs;
}

sub name_file {
	my ($out, $file) = @_;
	my ($lines, $fn) = @{ $files{$file} }{qw(lines fn)};
	my @never = sort { $fn->{$a}[0] <=> $fn->{$b}[0] }
		grep { !$fn->{$_}[1] } keys %$fn;
	my %never = map { $_ => 1 } @never;
	my @runs = grep { my $o = owner($fn, $_->[0]); !$o || !$never{$o} }
		ranges($lines);
	return unless @never || @runs;
	my $text = source_lines($file);
	print $out "$file\n";
	print $out "  never entered: $_ (line $fn->{$_}[0])\n" for @never;
	for my $r (@runs) {
		my $first = $text->[$r->[0]] // '';
		$first =~ s/^\s+|\s+$//g;
		printf $out "  %d%s in %s: %s\n", $r->[0],
			$r->[1] > $r->[0] ? "-$r->[1]" : '',
			owner($fn, $r->[0]) // '?', $first;
	}
}

sub share {
	my ($hit, $all) = @_;
	return $all ? 100 * $hit / $all : 0;
}

load();
open my $out, '>', $uncovered or die "coverage.pl: $uncovered: $!\n";
my %dir;
for my $file (sort keys %files) {
	my $lines = $files{$file}{lines};
	my $hit = grep { $_ } values %$lines;
	my $all = keys %$lines;
	(my $d = $file) =~ s{/.*}{};
	$dir{$d}[0] += $hit;
	$dir{$d}[1] += $all;
	my $fn = $files{$file}{fn};
	$dir{$d}[2] += grep { $_->[1] } values %$fn;
	$dir{$d}[3] += keys %$fn;
	printf "%6.2f %%  %5d of %5d lines  %s\n", share($hit, $all), $hit,
		$all, $file;
	name_file($out, $file);
}
close $out or die "coverage.pl: $uncovered: $!\n";
my %core = map { $_ => 1 } @core;
print "not reached: coverage/uncovered.txt, coverage/html/index.html\n";
for my $d ((grep { !$core{$_} } sort keys %dir), @core) {
	next unless $dir{$d};
	my ($hit, $all, $fhit, $fall) = @{ $dir{$d} };
	printf "%6.2f %%  %5d of %5d lines, %4d of %4d functions  %s/\n",
		share($hit, $all), $hit, $all, $fhit, $fall, $d;
}
