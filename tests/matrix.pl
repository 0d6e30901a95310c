#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# matrix.pl - bare guests and Linux boots under each --inject word, and under
# random combinations of them.
#
# usage: matrix.pl [--long] UMBRA GUESTDIR LINUXDIR [COMBINATION...]
#
# The words are those that UMBRA itself names when it is given a wrong one, so
# none is forgotten; one with a number gets what %values says, or a small one.
# Environment: MATRIX_SEED is the first combination's seed (a fresh one; the quick
# part has its own), MATRIX_COUNT how many. Each combination is printed: given as
# an argument it is all that is run. Quick: a set of guests under each word, two
# boots under combinations. --long: all guests and a boot of both kernels
# under each word, then all guests and a boot under each combination. Ends with
# "N passed, N failed"; a pass is one guest or boot.
use strict;
use warnings;
use Time::HiRes qw(time);

my $long = @ARGV && $ARGV[0] eq "--long" ? shift @ARGV : undef;
@ARGV >= 3 or die "usage: matrix.pl [--long] UMBRA GUESTDIR LINUXDIR " .
	"[COMBINATION...]\n";
my ($umbra, $guests, $linux, @given) = @ARGV;

# Small enough to be met often, large enough to come to an end.
my %values = ("cache" => 64, "map-budget" => 256, "fail-fill" => 7,
	"fail-zap" => 5, "flush" => 500, "kick" => 300);
# What a combination may also have instead.
my %others = ("cache" => [ 64, 128, 1024 ], "map-budget" => [ 128, 256, 1000 ],
	"fail-fill" => [ 2, 3, 7, 50 ], "fail-zap" => [ 2, 3, 5, 50 ],
	"flush" => [ 300, 1000, 5000 ], "kick" => [ 200, 300, 1000, 5000 ]);
# Words that say the opposite of each other.
my @against = ([ "checked", "no-checked" ], [ "far", "no-far" ],
	[ "cache", "small-cache" ]);
# A combination with one of these makes each instruction a dispatch.
my $slow = qr/one-insn|step|no-chain|(?<!no-)checked/;

my @quick_guests = qw(chain flags gates paging_pae realmode sensitive_far smc stack
	vm86);
my $kernel = "vmlinuz-686-pae";
my ($passed, $failed) = (0, 0);
my $pid;

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };
END {
	local $?;
	kill "KILL", -$pid if $pid;
}

# --- the words

# As umbra lists them: a number follows those with =N.
sub words {
	my $text = qx($umbra run -k none --inject no-such-word 2>&1);

	$text =~ /use (small-cache .*)$/m or
		die "matrix.pl: $umbra lists no words: $text\n";
	return split " ", $1;
}

# The least number that umbra takes for a word.
sub least {
	my ($word) = @_;
	my $text = qx($umbra run -k none --inject $word=no 2>&1);

	return $text =~ /from (\d+)/ ? $1 : 1;
}

sub with_value {
	my ($word) = @_;

	return $word if $word !~ s/=N$//;
	my $n = $values{$word} // least($word) + 6;
	return "$word=$n";
}

# --- combinations: a generator of our own, so that a seed is the same anywhere

my $state;

sub rnd {
	my ($n) = @_;

	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return ($state >> 8) % $n;
}

sub fits {
	my ($word, @have) = @_;

	for my $pair (@against) {
		my ($a, $b) = @$pair;
		my %h = map { (s/=.*//r) => 1 } @have;
		my $w = $word =~ s/=.*//r;

		return 0 if ($w eq $a && $h{$b}) || ($w eq $b && $h{$a});
	}
	return 1;
}

# Two to four words; step, which only makes all slow, seldom.
sub combination {
	my ($seed, @words) = @_;
	my @have;

	$state = ($seed * 2654435761 + 1) & 0x7fffffff;
	rnd(2) for 1 .. 8;
	my $n = 2 + rnd(3);
	while (@have < $n) {
		my $word = $words[rnd(scalar @words)];
		my ($name) = $word =~ /^([^=]+)/;

		next if grep { /^\Q$name\E(=|$)/ } @have;
		next if !fits($word, @have) || ($name eq "step" && rnd(4));
		my $o = $others{$name};
		$word = $o ? "$name=" . $o->[rnd(scalar @$o)] :
			with_value($word);
		push @have, $word;
	}
	return join ",", @have;
}

# --- running

# Runs a command to its end or its limit; its status and what it printed.
sub run_limited {
	my ($limit, @cmd) = @_;
	my $out = "";

	pipe my $read, my $write or die "pipe: $!\n";
	$pid = fork // die "fork: $!\n";
	if (!$pid) {
		setpgrp;
		open STDIN, "<", "/dev/null";
		open STDOUT, ">&", $write;
		open STDERR, ">&", $write;
		exec "timeout", "-k", 5, $limit, @cmd or exit 127;
	}
	close $write;
	while (defined(my $line = <$read>)) {
		$out .= $line;
	}
	waitpid $pid, 0;
	undef $pid;
	return ($?, $out);
}

sub result {
	my ($why, $what, $took, $out) = @_;

	if ($why eq "") {
		$passed++;
		return;
	}
	printf "FAIL %s: %s (%.1f s)\n", $what, $why, $took;
	print "    $_\n" for grep { /FAIL|umbra: bug|=>/ } split /\r?\n/, $out;
	$failed++;
}

sub guest_verdict {
	my ($st, $out) = @_;

	return "the monitor failed" if $out =~ /^umbra: bug/m || $st & 127 ||
		$st >> 8 >= 125;
	# it may also halt for ever
	return "" if $out =~ /^# wild/m && $st >> 8 != 1;
	return "no end in time" if $st >> 8 == 124;
	return "status " . ($st >> 8) if $st;
	return "ended before its report" if $out !~ /^# .* passed|^# reset/m;
	return "";
}

sub guest {
	my ($name, $inject, $limit) = @_;

	$limit = 10 if $name =~ /^hostile/;
	my $t0 = time;
	my ($st, $out) = run_limited($limit, $umbra, "run", "--kernel",
		"$guests/$name.elf", "--debug-exit", "0xf4", "--no-reboot",
		"-m", "64M", "--inject", $inject);

	result(guest_verdict($st, $out), "$name --inject $inject", time - $t0,
		$out);
}

sub boot_verdict {
	my ($st, $out) = @_;

	return "no end in time" if $st >> 8 == 124 || $st >> 8 == 137;
	return "status $st" if $st;
	return "/init did not start" if $out !~ /umbra: init started/;
	return $1 if $out =~ /((?:Oops|BUG:|WARNING:|Call Trace|Kernel panic|segfault|invalid opcode|soft lockup)[^\r\n]*)/;
	return "no power down" if $out !~ /reboot: Power down/;
	return "";
}

sub boot {
	my ($k, $inject, $limit) = @_;
	my $t0 = time;
	my ($st, $out) = run_limited($limit, $umbra, "run", "--no-reboot", "-k",
		"$linux/$k", "-i", "$linux/initramfs.gz", "-m", "256M", "-a",
		"console=ttyS0 umbra.poweroff", "--inject", $inject);
	my $why = boot_verdict($st, $out);

	result($why, "boot $k --inject $inject", time - $t0, $out);
	return time - $t0;
}

# Guests and boots under one list of words; a line of how it went.
sub column {
	my ($inject, $names, $kernels, $seed) = @_;
	my ($t0, $p, $f) = (time, $passed, $failed);
	my $limit = $long ? 400 : 60;

	guest($_, $inject, $limit) for @$names;
	boot($_, $inject, 3 * $limit) for @$kernels;
	printf "%s %s%s: %d passed, %d failed, %.1f s\n",
		$failed > $f ? "FAIL" : "ok", $inject,
		defined $seed ? " (MATRIX_SEED=$seed)" : "", $passed - $p,
		$failed - $f, time - $t0;
}

# --- the matrix

my @words = words();
my @all = map { s{.*/(.*)\.elf}{$1}r } sort glob "$guests/*.elf";
my @names = $long || @given ? @all : @quick_guests; # a missing one fails
my $seed = $ENV{MATRIX_SEED} // ($long ? int(time) % 1000000 : 38);
my $count = $ENV{MATRIX_COUNT} // ($long ? 20 : 2);

@names or die "matrix.pl: no guests in $guests\n";
$| = 1;
if (@given) {
	column($_, \@names, [ $kernel ]) for @given;
} else {
	column(with_value($_), \@names, $long ? [ "vmlinuz-686", $kernel ] : [])
		for @words;
	for my $s ($seed .. $seed + $count - 1) {
		my $c = combination($s, @words);

		# a quick boot is not for what makes each block a dispatch
		my $quick = !$long && $c =~ $slow;
		column($c, $quick || $long ? \@names : [],
			$quick ? [] : [ $kernel ], $s);
	}
}
printf "# %d words (%s), %d combinations, %d guests\n", scalar @words,
	join(" ", @words), @given ? scalar @given : $count, scalar @names;
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
