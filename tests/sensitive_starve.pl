#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sensitive_starve.pl - a guest that never pauses, and whether the monitor still
# answers: resource control after Popek and Goldberg.
#
# usage: sensitive_starve.pl [--long] UMBRA STARVE.ELF [MODE...]
#
# Without MODEs all that the guest knows. While the guest runs its loop, SIGUSR1
# must bring the counters, and Ctrl-A x on the terminal or SIGTERM the end,
# each within BOUND seconds, and memory beyond the guest's must stay bounded.
# The modes take turns in how they are ended; --long does both for each, after
# five seconds of the loop. What a guest that means ill does to the monitor is
# tests/hostile.sh's. Ends with "N passed, N failed".
use strict;
use warnings;
use Fcntl;
use FindBin;
use POSIX qw(:sys_wait_h setsid);
use Time::HiRes qw(time sleep);

require "$FindBin::Bin/watch.pl";

use constant {
	TIOCSCTTY => 0x540e, TIOCSPTLCK => 0x40045431, TIOCGPTN => 0x80045430,
	BOUND => 3,	# s, on a busy host; measured: 0.01
	START => 20,
};

my $long = @ARGV && $ARGV[0] eq "--long" ? shift @ARGV : undef;
@ARGV >= 2 or die "usage: sensitive_starve.pl [--long] UMBRA STARVE.ELF " .
	"[MODE...]\n";
my ($umbra, $elf, @modes) = @ARGV;
my ($passed, $failed) = (0, 0);
my ($pid, $slave, %said, %from);
my $ceiling = ceiling_kb($umbra);

END {
	local $?;
	kill "KILL", $pid if $pid;
}
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

sub pty {
	sysopen my $master, "/dev/ptmx", O_RDWR | O_NOCTTY
		or die "/dev/ptmx: $!\n";
	my $arg = pack "i", 0;
	ioctl $master, TIOCSPTLCK, $arg or die "unlock: $!\n";
	ioctl $master, TIOCGPTN, $arg or die "pty number: $!\n";
	return ($master, "/dev/pts/" . unpack "i", $arg);
}

# The monitor on a terminal of its own, its complaints on a pipe.
sub start {
	my ($mode) = @_;
	my ($master, $name) = pty();

	pipe my $err, my $write or die "pipe: $!\n";
	sysopen $slave, $name, O_RDWR | O_NOCTTY or die "$name: $!\n";
	$pid = fork // die "fork: $!\n";
	if (!$pid) {
		setsid();
		ioctl $slave, TIOCSCTTY, 0;
		POSIX::dup2(fileno $slave, $_) for 0, 1;
		POSIX::dup2(fileno $write, 2);
		exec $umbra, "run", "-k", $elf, "-m", "64M", "--debug-exit",
			"0xf4", "-a", "mode=$mode" or POSIX::_exit(99);
	}
	%said = (out => "", err => "");
	%from = (out => $master, err => $err);
}

# Takes what there is to read for a moment; keeps the last 64 KiB.
sub listen_once {
	my ($bits, $which) = "";

	vec($bits, fileno $_, 1) = 1 for values %from;
	select(my $ready = $bits, undef, undef, 0.005) > 0 or return;
	for $which (keys %from) {
		next if !vec($ready, fileno $from{$which}, 1);
		sysread $from{$which}, my $text, 65536 or next;
		$said{$which} = substr $said{$which} . $text, -65536;
	}
}

# Seconds until $done->() holds; undef after the limit.
sub wait_for {
	my ($limit, $done) = @_;
	my $t0 = time;

	until ($done->()) {
		return undef if time - $t0 > $limit;
		listen_once();
	}
	return time - $t0;
}

sub is_gone {
	return waitpid($pid, WNOHANG) == $pid;
}

# One start; what is wrong, or "". Adds to the largest times in %$sum.
sub run_once {
	my ($mode, $by_key, $sum) = @_;
	my $t;

	start($mode);
	wait_for(START, sub { $said{out} =~ /^# starve $mode/m }) //
		return "does not start: $said{out}$said{err}";
	wait_for($long ? 5 : 0.1, sub { 0 });
	kill "USR1", $pid;
	$t = wait_for(BOUND, sub { $said{err} =~ /^run_ns/m }) //
		return "no counters on SIGUSR1";
	$sum->{usr1} = $t if $t > $sum->{usr1};
	my $kb = beyond_kb($pid) // return "ended by itself";
	$sum->{kb} = $kb if $kb > $sum->{kb};
	return "memory of $kb KiB beyond the guest's" if $kb > $ceiling;
	if ($by_key) {
		syswrite $from{out}, "\x01x";
	} else {
		kill "TERM", $pid;
	}
	$t = wait_for(BOUND, \&is_gone) //
		return $by_key ? "does not end on Ctrl-A x" :
			"does not end on SIGTERM";
	undef $pid;
	my $how = $by_key ? "key" : "term";
	$sum->{$how} = $t if $t > $sum->{$how};
	return "status $? on Ctrl-A x" if $by_key && $?;
	return "status $? on SIGTERM" if !$by_key && ($? & 127) != 15;
	return "says: $1" if $said{err} =~ /^(umbra: (?!running as root).*)/m;
	return "";
}

# What the guest says it can, asked with a mode that it does not know.
if (!@modes) {
	my $said = qx(timeout 20 $umbra run -k $elf -m 64M --debug-exit 0xf4 --no-reboot </dev/null 2>&1);

	$said =~ /names none:(.*)/ or die "sensitive_starve.pl: $said\n";
	@modes = split " ", $1 =~ s/\r//r;
}
my %all = (usr1 => 0, key => 0, term => 0, kb => 0);
for my $i (0 .. $#modes) {
	my $why = "";

	for my $by_key ($long ? (0, 1) : $i & 1) {
		$why = run_once($modes[$i], $by_key, \%all) if !$why;
		if ($pid) {
			kill "KILL", $pid;
			waitpid $pid, 0;
			undef $pid;
		}
	}
	$why ? $failed++ : $passed++;
	print $why ? "FAIL starve $modes[$i]: $why\n" : "ok starve $modes[$i]\n";
}
printf "# %d loops; slowest: counters %.3f s, Ctrl-A x %.3f s, SIGTERM " .
	"%.3f s; %d KiB beyond the guest's\n", scalar @modes,
	@all{qw(usr1 key term kb)};
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
