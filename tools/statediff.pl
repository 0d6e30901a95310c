#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# statediff.pl - finds where two traces of the CPU's state part.
#
# usage: statediff.pl [--start EIP] [--window N] [--efl MASK] [--no-cs] A B
#
# A is a trace of `umbra run -d cpu -D A`; B is another one, in step mode
# (--inject step), or QEMU's:
#	qemu-system-i386 -accel tcg -singlestep -d cpu,nochain -D B ...
# B must be the denser trace: each state of A is looked for in B, in order,
# at most N states ahead (20000); so A may leave out what runs chained, and B
# may show each round of a rep instruction. Both start at the first state with
# eip EIP (A's first without --start). EFLAGS are compared under MASK (all but
# RF by default: give fffff72a to leave out the arithmetic flags, which some
# instructions leave undefined).
#
# Prints the first state of A that B does not have, what is nearest in B, and
# the states that both had before. Exit status: 0 no difference, 1 difference,
# 2 usage or nothing to compare. One trace ending before the other is no
# difference. Interrupts come at their own times in every run: a difference
# right after one is no bug.
use strict;
use warnings;
use Getopt::Long;

my @regs = qw(eip eax ecx edx ebx esp ebp esi edi efl cs);
my ($start, $window, $efl, $no_cs) = (undef, 20000, 'fffeffff', 0);
GetOptions('start=s' => \$start, 'window=i' => \$window, 'efl=s' => \$efl,
	'no-cs' => \$no_cs) && @ARGV == 2 && $window > 0 &&
	$efl =~ /^(0x)?[0-9a-f]{1,8}$/i &&
	(!defined $start || $start =~ /^(0x)?[0-9a-f]{1,8}$/i)
	or do {
		print STDERR "usage: statediff.pl [--start EIP] [--window N] ",
			"[--efl MASK] [--no-cs] A B\n";
		exit 2;
	};
$efl = hex $efl;

# A reader of states: each call gives the next one, a hash, or undef. QEMU
# spreads a state over lines, general registers first, CS last.
sub reader {
	my ($path) = @_;
	open my $f, '<', $path or do {
		print STDERR "statediff.pl: $path: $!\n";
		exit 2;
	};
	my %part;
	return sub {
		while (defined(my $line = <$f>)) {
			if ($line =~ /^cpu: eip=/) {
				my %s = $line =~ /(\w+)=([0-9a-f]+)/g;
				next if grep { !defined $s{$_} } @regs;
				return { map { $_ => hex $s{$_} } @regs };
			}
			if ($line =~ /^(?:EAX|ESI|EIP)=/) {
				%part = () if $line =~ /^EAX=/;
				my %s = $line =~ /([A-Z]{3})=([0-9a-f]{8})/g;
				$part{lc $_} = hex $s{$_} for keys %s;
			} elsif ($line =~ /^CS =([0-9a-f]{4})/) {
				my %s = (%part, cs => hex $1);
				%part = ();
				next if grep { !defined $s{$_} } @regs;
				return \%s;
			}
		}
		return undef;
	};
}

sub differing {
	my ($x, $y) = @_;
	return grep {
		my ($p, $q) = ($x->{$_}, $y->{$_});
		($p, $q) = ($p & $efl, $q & $efl) if $_ eq 'efl';
		$p != $q && !($_ eq 'cs' && $no_cs);
	} @regs;
}

sub show {
	my ($name, $s) = @_;
	printf "%-6s %s\n", $name, join ' ',
		map { sprintf $_ eq 'cs' ? '%s=%04x' : '%s=%08x', $_, $s->{$_} }
		@regs;
}

# The first state at eip, or the first of all.
sub sync {
	my ($next, $eip, $name) = @_;
	while (my $s = $next->()) {
		return $s if !defined $eip || $s->{eip} == $eip;
	}
	print STDERR "statediff.pl: $name has no state",
		defined $eip ? sprintf(" with eip=%08x", $eip) : '', "\n";
	exit 2;
}

my ($next_a, $next_b) = (reader($ARGV[0]), reader($ARGV[1]));
my $a = sync($next_a, defined $start ? hex $start : undef, $ARGV[0]);
my @ahead = (sync($next_b, $a->{eip}, $ARGV[1]));
my ($matched, $passed, @common) = (0, 0);

while ($a) {
	my ($i, $near) = (0, undef);
	for (;; $i++) {
		if ($i == @ahead) {
			my $b = $i < $window ? $next_b->() : undef;
			last if !$b;
			push @ahead, $b;
		}
		last if !differing($a, $ahead[$i]);
		$near = $ahead[$i]
			if !$near && $ahead[$i]{eip} == $a->{eip};
	}
	if ($i == @ahead || $i >= $window) {
		if ($i < $window && !@ahead) {
			print "B ends after $matched states of A\n";
			exit($matched ? 0 : 2);
		}
		print "A and B part after $matched states of A, $passed of B\n";
		show('both', $_) for @common;
		show('A', $a);
		if ($near) {
			show('B', $near);
			print 'differ: ', join(' ', differing($a, $near)), "\n";
		} else {
			print "B does not come to this eip; it goes on with\n";
			show('B', $_) for @ahead[0 .. ($#ahead < 4 ? $#ahead : 4)];
		}
		exit 1;
	}
	splice @ahead, 0, $i + 1;
	$passed += $i + 1;
	$matched++;
	push @common, $a;
	shift @common if @common > 5;
	$a = $next_a->();
}
print "no difference in $matched states of A, $passed of B\n";
