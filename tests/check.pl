#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.pl - runs the steps of "make check" and adds their results up.
#
# usage: check.pl [COMMAND...] [--alone COMMAND...]	(each one word for sh)
#
# As many steps run at a time as there are processors (CHECK_JOBS says
# otherwise); those behind --alone run one by one when the others have ended,
# since they measure times. A step's output comes when it has ended.
#
# A step prints a line for each test and ends with "N passed, N failed". A step
# that fails without such a line counts as one failure, as does one that takes
# longer than CHECK_STEP_LIMIT seconds (two hours), or one in which nothing
# passed and no line begins with "skip". What each step came to and took is
# listed behind the last; the sum is the last line; exit status 0 only if
# nothing failed and something passed.
use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX qw(_exit);

$| = 1;
my $limit = $ENV{CHECK_STEP_LIMIT} || 7200;
my $jobs = $ENV{CHECK_JOBS} || `nproc` || 1;
my $dir = tempdir(CLEANUP => 1);
my (@steps, $alone, %running, @list);
my ($passed, $failed) = (0, 0);

for (@ARGV) {
	if ($_ eq '--alone') {
		$alone = @steps;
	} else {
		push @steps, { command => $_, number => @steps + 1 };
	}
}
$alone //= @steps;

$SIG{$_} = sub {
	kill TERM => keys %running;
	exit 1;
} for qw(HUP INT TERM);

sub start {
	my ($step) = @_;
	my $pid = fork // die "check.pl: fork: $!\n";

	if (!$pid) {
		open STDIN, '<', '/dev/null' and
		open STDOUT, '>', "$dir/$step->{number}" and
		open STDERR, '>&', \*STDOUT and
		exec 'timeout', '--foreground', '-k', '10', $limit,
			'sh', '-c', $step->{command};
		_exit(127);
	}
	$step->{start} = time;
	$running{$pid} = $step;
}

# Waits for one step and counts what it came to.
sub finish {
	my $pid = wait;
	my $rc = $?;
	my $step = delete $running{$pid} or die "check.pl: wait: $!\n";
	my ($p, $f, $sum, $skip) = (0, 0);

	print "== $step->{number} of ${\scalar @steps}: $step->{command}\n";
	open my $in, '<', "$dir/$step->{number}" or die "check.pl: $!\n";
	while (<$in>) {
		print;
		($p, $f, $sum) = ($1, $2, 1)
			if /^(\d+) passed, (\d+) failed/;
		$skip = 1 if /^skip/;
	}
	close $in;
	unlink "$dir/$step->{number}";
	if ($sum && !$rc && !$p && !$f && !$skip) {
		print "FAIL $step->{command}: nothing was tested\n";
		$f = 1;
	}
	if (!$f && ($rc || !$sum)) {
		my $how = $rc & 127 ? "signal ${\($rc & 127)}"
				    : "exit status ${\($rc >> 8)}";
		print "FAIL $step->{command}: $how, no result\n";
		$f = 1;
	}
	$passed += $p;
	$failed += $f;
	$list[$step->{number}] = sprintf "%5d passed %3d failed %5d s  %.200s\n",
		$p, $f, time - $step->{start}, $step->{command};
}

for my $step (@steps) {
	my $room = $step->{number} > $alone ? 1 : $jobs;

	finish() while keys %running >= $room;
	start($step);
}
finish() while %running;

print grep defined, @list;
print "$passed passed, $failed failed\n";
exit($failed || !$passed ? 1 : 0);
