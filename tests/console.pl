#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# console.pl - a Linux guest as a person has it: on a terminal, with keys, a
# pasted megabyte, a reboot, and idle at the prompt.
#
# usage: console.pl [--long] UMBRA GUESTDIR
#
# The terminal is a pseudo-terminal made here. --long does all with both
# kernels. Logs of failed tests stay in GUESTDIR/logs. One line a test, then
# "N passed, N failed".
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Fcntl;
use POSIX qw(:sys_wait_h :termios_h setsid);
use Time::HiRes qw(time sleep);

use constant {
	TIOCSCTTY  => 0x540e,
	TIOCSPTLCK => 0x40045431,
	TIOCGPTN   => 0x80045430,
	PATIENCE   => 120,	# s: for a boot on a busy machine
};

my $long = @ARGV && $ARGV[0] eq '--long' ? shift @ARGV : '';
die "usage: console.pl [--long] UMBRA GUESTDIR\n" if @ARGV != 2;
my ($umbra, $dir) = @ARGV;
my ($passed, $failed) = (0, 0);
my $seen = '';	# what the machine at hand has said
my ($pid, $in, $out);	# its process, its input, its output
my $slave;	# its terminal, held open: a master without slave gives errors
mkdir "$dir/logs";

sub result {
	my ($name, $why) = @_;

	if ($why eq '') {
		print "ok console $name\n";
		$passed++;
		return;
	}
	print "FAIL console $name: $why\n";
	$failed++;
	(my $file = "$dir/logs/console $name.log") =~ s/[^\w\/.-]/_/g;
	if (open my $f, '>', $file) {
		print $f $seen;
	}
}

sub command {
	my ($kernel, @more) = @_;

	return ($umbra, 'run', '-k', "$dir/$kernel", '-i',
		"$dir/initramfs.gz", '-a', 'console=ttyS0 quiet', @more);
}

sub pty {
	sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY
		or die "/dev/ptmx: $!\n";
	my $arg = pack 'i', 0;
	ioctl $master, TIOCSPTLCK, $arg or die "unlock: $!\n";
	ioctl $master, TIOCGPTN, $arg or die "pty number: $!\n";
	return ($master, '/dev/pts/' . unpack 'i', $arg);
}

# Starts a machine on a new terminal; returns the terminal's name.
sub start_pty {
	my ($master, $name) = pty();

	undef $slave;
	sysopen $slave, $name, O_RDWR | O_NOCTTY or die "$name: $!\n";
	$seen = '';
	$pid = fork // die "fork: $!\n";
	if (!$pid) {
		close $master;
		setsid();
		ioctl $slave, TIOCSCTTY, 0;
		POSIX::dup2(fileno $slave, $_) for 0 .. 2;
		exec command(@_) or POSIX::_exit(99);
	}
	$in = $out = $master;
	return $name;
}

# Starts a machine with pipes.
sub start_pipes {
	pipe my $from, my $write or die "pipe: $!\n";
	pipe my $read, my $to or die "pipe: $!\n";

	$seen = '';
	$pid = fork // die "fork: $!\n";
	if (!$pid) {
		POSIX::dup2(fileno $from, 0);
		POSIX::dup2(fileno $to, 1);
		POSIX::dup2(fileno $to, 2);
		exec command(@_) or POSIX::_exit(99);
	}
	($in, $out) = ($write, $read);
}

# Reads what is there within so many seconds; false at the end of it.
sub hear {
	my $set = '';

	vec($set, fileno $out, 1) = 1;
	return 1 if select($set, undef, undef, shift) <= 0;
	return sysread $out, $seen, 65536, length $seen;
}

# Waits until the machine has said it.
sub expect {
	my ($what, $seconds) = @_;
	my $end = time + ($seconds // PATIENCE);

	while ($seen !~ $what) {
		return 0 if time > $end || !hear(0.5);
	}
	return 1;
}

# Types, and forgets what was said before.
sub say_to {
	$seen = '';
	syswrite $in, shift;
}

# Exit status as a shell has it, or what became of it within so many seconds.
sub ended {
	my $end = time + (shift // PATIENCE);
	my $open = 1;

	while (waitpid($pid, WNOHANG) == 0) {
		if (time > $end) {
			kill 'KILL', $pid;
			waitpid $pid, 0;
			return 'still running';
		}
		$open &&= defined fileno $out ? hear(0.1) : 0;
		sleep 0.05 if !$open;
	}
	return WIFSIGNALED($?) ? 128 + WTERMSIG($?) : WEXITSTATUS($?);
}

sub wants {
	my ($got, $want) = @_;

	return $got eq $want ? '' : "got $got, want $want";
}

# Modes of a terminal, as one word to compare.
sub modes {
	my $t = POSIX::Termios->new;

	sysopen my $tty, shift, O_RDWR | O_NOCTTY or return "gone: $!";
	$t->getattr(fileno $tty) or return "no modes: $!";
	return join ' ', map { sprintf '%x', $_ } $t->getiflag, $t->getoflag,
		$t->getcflag, $t->getlflag;
}

sub is_raw {
	my $t = POSIX::Termios->new;

	sysopen my $tty, shift, O_RDWR | O_NOCTTY or return 0;
	return $t->getattr(fileno $tty) && !($t->getlflag & (ICANON | ECHO));
}

# Seconds of processor time of the machine and its threads.
# Of all threads of the process, by the scheduler's own clock.
sub cpu_seconds {
	my $of = shift;
	my $ns = 0;

	for my $file (glob "/proc/$of/task/*/schedstat") {
		open my $f, '<', $file or next;
		$ns += (split ' ', <$f>)[0];
	}
	return $ns / 1e9;
}

# At the prompt, after a command has shown that the shell answers.
sub at_prompt {
	return 0 if !expect(qr/help.*# /s);
	sleep 0.5;
	say_to("echo is \$((6 * 7))\r");
	return expect(qr/is 42\r*\n.*# /s, 30);
}

sub test_keys {
	my $kernel = shift;
	my $tty = start_pty($kernel);
	my $name = "$kernel keys";

	if (!at_prompt()) {
		result("$name: prompt", 'none');
		kill 'KILL', $pid;
		waitpid $pid, 0;
		return;
	}
	result("$name: the terminal is raw", is_raw($tty) ? '' : 'it is not');
	say_to("sleep 100\r");
	sleep 1;
	say_to("\x03");
	result("$name: Ctrl-C is the guest's",
		expect(qr/# /, 20) ? '' : 'the prompt does not come back');
	say_to("\x01h");
	result("$name: Ctrl-A h", expect(qr/Ctrl-A x.*Ctrl-A h/s, 20) ? '' :
		'no help');
	say_to("\x01s");
	result("$name: Ctrl-A s", expect(qr/mmu_fills /, 20) ? '' :
		'no counters');
	say_to("od -c\r"); # the shell edits its own lines by Ctrl-A
	sleep 1;
	say_to("x\x01ay\r\x04");
	result("$name: Ctrl-A a", expect(qr/x 001   y/, 20) ? '' :
		'the guest does not see Ctrl-A');
	test_idle($name);
	say_to("\x01x");
	result("$name: Ctrl-A x leaves", wants(ended(10), 0));
	result("$name: the terminal is restored",
		is_raw($tty) ? 'it is raw' : '');
}

# A process that only sleeps, as often as the guest's 250 ticks a second.
sub sleeper {
	my $child = fork // die "fork: $!\n";

	return $child if $child;
	select undef, undef, undef, 0.004 while getppid != 1;
	POSIX::_exit(0);
}

# At a prompt nothing is to do but 250 ticks a second; what that costs at the
# least, on this host and at its present load, a sleeper shows.
sub test_idle {
	my $name = shift;
	my $sleeper = sleeper();
	my ($t0, $c0, $s0) = (time, cpu_seconds($pid), cpu_seconds($sleeper));
	my ($share, $least);

	hear(0.5) while time < $t0 + 10;
	$share = 100 * (cpu_seconds($pid) - $c0) / (time - $t0);
	$least = 100 * (cpu_seconds($sleeper) - $s0) / (time - $t0);
	kill KILL => $sleeper;
	waitpid $sleeper, 0;
	printf "# idle at the prompt: %.2f %% of a processor, a sleeper %.2f %%\n",
		$share, $least;
	result("$name: idle", $share < 1 || $share < 4 * $least ? '' :
		sprintf '%.2f %% against %.2f %%', $share, $least);
}

# The modes that a terminal had come back, whatever they were.
sub test_restore {
	my $kernel = shift;
	my ($master, $name) = pty();
	my $t = POSIX::Termios->new;

	undef $slave;
	sysopen $slave, $name, O_RDWR | O_NOCTTY or die "$name: $!\n";
	$t->getattr(fileno $slave);
	$t->setlflag($t->getlflag & ~ECHO);
	$t->setiflag($t->getiflag | IXOFF);
	$t->setattr(fileno $slave, TCSANOW);
	my $before = modes($name);
	for my $way ('TERM', 'Ctrl-A x') {
		$seen = '';
		$pid = fork // die "fork: $!\n";
		if (!$pid) {
			setsid();
			ioctl $slave, TIOCSCTTY, 0;
			POSIX::dup2(fileno $slave, $_) for 0 .. 2;
			exec command($kernel) or POSIX::_exit(99);
		}
		$in = $out = $master;
		my $ok = expect(qr/init started/);
		my $raw = is_raw($name);
		$way eq 'TERM' ? kill 'TERM', $pid : say_to("\x01x");
		my $status = ended(10);
		my $why = !$ok ? 'no boot' : !$raw ? 'was not raw' :
			wants($status, $way eq 'TERM' ? 143 : 0) ||
			wants(modes($name), $before);
		result("$kernel: modes come back after $way", $why);
	}
}

sub test_hangup {
	my $kernel = shift;

	start_pty($kernel);
	my $ok = expect(qr/init started/);
	close $in;
	result("$kernel: a terminal that goes away ends it",
		$ok ? wants(ended(15), 1) : 'no boot');
}

# Without --no-reboot the same process boots once more.
sub test_reboot {
	my $kernel = shift;
	my $why = '';

	start_pipes($kernel);
	if (!at_prompt()) {
		$why = 'no prompt';
	} else {
		say_to("reboot\r");
		$why = 'no second boot'
			if !expect(qr/Restarting system.*init started/s) ||
			   !at_prompt();
	}
	say_to("poweroff\r");
	result("$kernel: reboot, then poweroff", $why || wants(ended(60), 0));
	close $in;
}

my @paste = (
	['raw', 'stty raw -echo; echo go; head -c 1048576 | md5sum'],
	['cooked', 'stty -echo; echo go; head -n 16384 | md5sum'],
	['cooked, to a file', 'stty -echo; echo go; head -n 16384 >/tmp/f; ' .
		'md5sum </tmp/f'],
);

# 16384 lines of 64 bytes, all at once.
sub test_paste {
	my ($kernel, $how, $command) = @_;
	my $name = "$kernel: a pasted megabyte ($how)";

	srand 5;
	my $text = join '', map {
		join('', map { chr(97 + int rand 26) } 1 .. 63) . "\n"
	} 1 .. 16384;
	start_pipes($kernel, '--no-reboot');
	if (!at_prompt()) {
		result($name, 'no prompt');
		kill 'KILL', $pid;
		waitpid $pid, 0;
		return;
	}
	say_to("$command; stty sane\r");
	expect(qr/^go\r*$/m, 20);
	my $start = time;
	my $writer = fork // die "fork: $!\n";
	if (!$writer) {
		syswrite $in, $text;
		POSIX::_exit(0);
	}
	my $ok = expect(qr/[0-9a-f]{32}  -/, 100);
	my $seconds = time - $start;
	my ($got) = $seen =~ /([0-9a-f]{32})  -/;
	kill 'KILL', $writer;
	waitpid $writer, 0;
	say_to("poweroff\r");
	my $status = ended(30);
	printf "# %s: %.1f s, %.0f kB/s\n", $name, $seconds,
		1048.576 / $seconds;
	result($name, !$ok ? 'no digest' :
		wants($got, md5_hex($text)) || wants($status, 0) ||
		($seconds < 30 ? '' : sprintf 'took %.0f s', $seconds));
	close $in;
}

$SIG{PIPE} = 'IGNORE';
$| = 1;
my @kernels = $long ? ('vmlinuz-686', 'vmlinuz-686-pae') :
	('vmlinuz-686-pae');
for my $kernel (@kernels) {
	test_keys($kernel);
	test_restore($kernel);
	test_hangup($kernel);
	test_reboot($kernel);
	test_paste($kernel, @$_) for $long ? @paste : @paste[0, 2];
}
print "$passed passed, $failed failed\n";
exit($failed != 0);
