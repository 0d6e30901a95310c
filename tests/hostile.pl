#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hostile.pl - runs the hostile guest and judges the monitor; see hostile.sh.
#
# The guest may reset, hang or print what it likes. The monitor must not: die
# of a signal that nobody sent, print a bug or an error of its own, keep
# running after SIGTERM, grow (memory beyond the guest's, files, threads), or
# leave a contained mode without a sign of life or with a failed check of the
# guest's.
use strict;
use warnings;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time sleep);
use FindBin;

require "$FindBin::Bin/watch.pl";

# contained: the guest's own checks count, and it has to go on
my @modes = (
	[ jump => 1 ], [ ring3 => 1 ], [ vm86 => 1 ], [ fill => 1 ],
	[ smc => 1 ], [ pairs => 1 ], [ tables => 1 ], [ "pae-tables" => 1 ],
	[ ring0 => 0 ], [ "wild-tables" => 0 ], [ ports => 0 ], [ mmio => 0 ],
	[ system => 0 ], [ segments => 0 ], [ mix => 0 ],
);
my %contained = map { $_->[0] => $_->[1] } @modes;

my $inject;
while (@ARGV && $ARGV[0] =~ /^--/) {
	my $word = shift @ARGV;
	$word eq "--inject" && @ARGV or usage();
	$inject = shift @ARGV;
}
usage() if @ARGV < 3;
my ($umbra, $elf, $seconds, $seed, @names) = @ARGV;
$seed //= 1 + int(rand(1000000));
@names = map { $_->[0] } @modes if !@names;

my $ceiling_kb = ceiling_kb($umbra);
# A process gets this long to act on SIGTERM, on a busy host too.
my $term_patience = 5;
my ($passed, $failed) = (0, 0);
my $dir = "/tmp/hostile.$$";
my $pid;

mkdir $dir or die "hostile.pl: $dir: $!\n";
END {
	local $?;
	kill "KILL", $pid if $pid;
	if (defined $dir) {
		unlink glob("$dir/*");
		rmdir $dir;
	}
}
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

sub usage {
	print STDERR "usage: hostile.sh [--inject LIST] UMBRA HOSTILE.ELF " .
		"SECONDS [SEED [MODE...]]\n";
	exit 2;
}

sub start {
	my ($mode, $s) = @_;
	my @cmd = ($umbra, "run", "-k", $elf, "-m", "64M", "--no-reboot",
		"--debug-exit", "0xf4", "-a", "mode=$mode seed=$s");

	push @cmd, "--inject", $inject if defined $inject;
	open my $out, ">", "$dir/out" or die "hostile.pl: $dir/out: $!\n";
	open my $err, ">", "$dir/err" or die "hostile.pl: $dir/err: $!\n";
	# a SIGTERM before exec would end the child as it ends us: with END
	my ($term, $old) = (POSIX::SigSet->new(POSIX::SIGTERM),
		POSIX::SigSet->new);
	POSIX::sigprocmask(POSIX::SIG_BLOCK, $term, $old);
	my $p = fork();
	defined $p or die "fork: $!\n";
	$SIG{INT} = $SIG{TERM} = $SIG{HUP} = "DEFAULT" if !$p;
	POSIX::sigprocmask(POSIX::SIG_SETMASK, $old);
	return $p if $p;
	open STDIN, "<", "/dev/null";
	open STDOUT, ">&", $out;
	open STDERR, ">&", $err;
	exec @cmd or POSIX::_exit(127);
}

# What the monitor says of itself; a device of the guest's can print there too.
sub complaint {
	my $err = slurp("$dir/err");

	return "AddressSanitizer or UBSan: $1"
		if $err =~ /((?:ERROR: \w+Sanitizer|runtime error:)[^\n]*)/;
	for my $line ($err =~ /umbra: ([^\n]*)/g) {
		next if $line =~ /^the guest triple-faulted: reset|^running as root/;
		return "says: $line";
	}
	return "";
}

# One process, up to $end, or until a wild guest has locked itself up; returns
# what is wrong, or "".
sub run_one {
	my ($mode, $s, $end, $sum) = @_;
	my ($began, $dots, $at, $alive) = (time, 0, 0, time);
	my ($gone, @kb, $fds, $threads);

	$pid = start($mode, $s);
	while (1) {
		$gone = waitpid($pid, WNOHANG) == $pid;
		last if $gone || time >= $end;
		sleep(0.05);
		my $size = -s "$dir/out" // 0;
		$alive = time if $size != $at;
		$at = $size;
		last if !$contained{$mode} && time - $alive > 1.5;
		if ($at > 64 << 20) { # what was printed has been seen
			truncate "$dir/out", 0;
		}
		# its first word: it is whole
		next if !$at || time - $began < 0.3 ||
			(@kb && time - $kb[-1][0] < 1);
		my $kb = beyond_kb($pid) // next;
		push @kb, [ time, $kb ];
		$sum->{kb} = $kb if $kb > $sum->{kb};
		my $f = count_dir("/proc/$pid/fd");
		$fds //= $f;
		my $t = count_dir("/proc/$pid/task");
		$threads //= $t;
		return "memory of $kb KiB beyond the guest's"
			if $kb > $ceiling_kb;
		return "open files: $f, at first $fds"
			if defined $f && $f > $fds;
		return "threads: $t, at first $threads"
			if defined $t && $t > $threads;
	}
	if (!$gone) {
		my $t0 = time;
		kill "TERM", $pid;
		until ($gone = waitpid($pid, WNOHANG) == $pid) {
			return "does not end on SIGTERM"
				if time - $t0 > $term_patience;
			sleep(0.01);
		}
		my $took = time - $t0;
		$sum->{end} = $took if $took > $sum->{end};
		return sprintf("SIGTERM: status %#x", $?)
			if ($? & 127) != POSIX::SIGTERM && !complaint() &&
				($? & 127 || $contained{$mode}); # else its own end
	} elsif ($? & 127) {
		undef $pid;
		return "died of signal " . ($? & 127) . ": " . complaint();
	}
	undef $pid;
	my $why = complaint();
	return $why if $why;
	my $out = slurp("$dir/out");
	$sum->{dots} += ($out =~ tr/.//);
	if ($contained{$mode}) {
		return "the guest: $1" if $out =~ /(FAIL [^\r\n]*)/;
		return "the guest ended by itself" if $? == 0;
		return "no sign of life for " . int(time - $alive) . " s"
			if time - $alive > 10 + $term_patience ||
			   ($end - $began > 3 && $out !~ /\./);
	}
	# The code cache fills slowly: growth says something once it is small.
	return defined $inject && $inject =~ /cache/ ? growth(@kb) : "";
}

sub run_mode {
	my ($mode) = @_;
	my $end = time + $seconds;
	my %sum = (kb => 0, end => 0, dots => 0);
	my ($why, $s, $n) = ("", $seed, 0);

	$contained{$mode} //= 0;
	while (time < $end) {
		my $till = time + ($contained{$mode} ? $seconds : 20);

		$till = $end if $till > $end;
		$why = run_one($mode, $s, $till, \%sum);
		last if $why;
		$n++;
		$s++;
	}
	if ($pid) {
		kill "KILL", $pid;
		waitpid $pid, 0;
		undef $pid;
	}
	my $what = "hostile $mode" . (defined $inject ? " --inject $inject" : "");
	if ($why) {
		print "FAIL $what: seed=$s: $why\n";
			keep($mode, $s);
		$failed++;
	} else {
		printf "ok %s: seeds %d to %d, %d starts, %d dots, %d KiB " .
			"beyond the guest's, SIGTERM %.2f s\n", $what, $seed,
			$s - 1, $n, $sum{dots}, $sum{kb}, $sum{end};
		$passed++;
	}
}

# The words of the failed run, beside the guest's image.
sub keep {
	my ($mode, $s) = @_;
	my $base = $elf =~ s/\.elf$//r . ".$mode.$s";

	for my $x ("out", "err") {
		my $text = slurp("$dir/$x");

		open my $f, ">:raw", "$base.$x" or next;
		print $f substr($text, -65536 > -length $text ?
			-65536 : -length $text) if length $text;
		close $f;
	}
	print "    what it said: $base.err\n";
}

$| = 1;
for my $mode (@names) {
	run_mode($mode);
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
