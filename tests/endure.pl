#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# endure.pl - boots Linux for a long piece of work and judges the guest's
# results and the monitor's memory; see endure.sh.
#
# A line a run: what was done in the guest's words, seconds, the peak of the
# monitor's memory beyond the guest's and its slope. What failed leaves its
# console in GUESTDIR/logs.
use strict;
use warnings;
use POSIX qw(WNOHANG);
use Time::HiRes qw(time sleep);
use FindBin;

require "$FindBin::Bin/watch.pl";

my %option = (kernel => "", inject => "", seconds => 5, megabytes => 0);
while (@ARGV && $ARGV[0] =~ /^--(kernel|inject|seconds|megabytes)$/) {
	my $name = $1;
	shift @ARGV;
	usage() if !@ARGV;
	$option{$name} = shift @ARGV;
}
usage() if @ARGV < 3;
my ($umbra, $guests, @items) = @ARGV;
my @kernels = $option{kernel} ? $option{kernel} :
	("vmlinuz-686", "vmlinuz-686-pae");
my ($passed, $failed) = (0, 0);
my $pid;
# the rare paths are the slow ones, and the host is shared
my $patience = $option{inject} ? 8 : 1;
my $ceiling = ceiling_kb($umbra);

END {
	local $?;
	kill "KILL", $pid if $pid;
}
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

sub usage {
	print STDERR "usage: endure.sh [--inject LIST] [--kernel NAME] " .
		"[--seconds N] [--megabytes N]\n\tUMBRA GUESTDIR " .
		"storm|gzip|sparse|compile...\n";
	exit 2;
}

# What an item is: the test's name in the guest, guest memory for $mb of work,
# default size, seconds that it may take beyond --seconds at most.
my %item = (
	# the only one that does the same all the time
	storm => { test => "storm", memory => sub { 512 }, mb => 0,
		limit => 240, steady => 1 },
	gzip => { test => "roundtrip.sh", mb => 16,
		# half of it is /tmp
		memory => sub { 256 + 4 * $_[0] }, limit => 300 },
	sparse => { test => "sparse", mb => 256,
		memory => sub { 256 + int($_[0] * 1.1) }, limit => 500 },
	compile => { test => "compile.sh", mb => 0, memory => sub { 512 },
		limit => 300, initrd => "initramfs-tcc.gz" },
);

sub run_umbra {
	my ($kernel, $it, $mb, $log) = @_;
	my $memory = $it->{memory}->($mb);
	my $words = "console=ttyS0 quiet umbra.patience=$patience " .
		"umbra.seconds=$option{seconds} umbra.megabytes=$mb " .
		"umbra.test=$it->{test}";
	my @cmd = ($umbra, "run", "--no-reboot", "-k", "$guests/$kernel",
		"-i", "$guests/" . ($it->{initrd} // "initramfs.gz"),
		"-m", ($memory > 3072 ? 3072 : $memory) . "M", "-a", $words);

	push @cmd, "--inject", $option{inject} if $option{inject};
	my $p = fork();
	defined $p or die "fork: $!\n";
	return $p if $p;
	open STDIN, "<", "/dev/null";
	open STDOUT, ">", $log;
	open STDERR, ">&", \*STDOUT;
	exec @cmd or POSIX::_exit(127);
}

# Samples the process until it ends or $limit is over: [time, KiB]...
sub watch {
	my ($limit) = @_;
	my ($began, @kb) = (time);

	until (waitpid($pid, WNOHANG) == $pid) {
		if (time - $began > $limit) {
			kill "KILL", $pid;
			waitpid $pid, 0;
			undef $pid;
			return (undef, @kb);
		}
		# more often than every other second would be felt
		if (!@kb || time - $kb[-1][0] > 2) {
			my $kb = beyond_kb($pid);
			push @kb, [ time, $kb ] if $kb;
		}
		sleep(0.1);
	}
	undef $pid;
	return ($?, @kb);
}

# The lines that the compiler's run printed, natively.
sub native_objects {
	my $tree = POSIX::getcwd() . "/$guests";

	$tree = $guests if $guests =~ m{^/};
	my $text = `sh $FindBin::Bin/linux/compile.sh $tree/tcc $tree/tcc.src`;
	return join "", $text =~ /^object [^\n]*\n/mg;
}

sub native_checksum {
	my ($mb) = @_;
	# the same 32-bit program, where the host runs such
	my ($sum) = `tests/linux/pattern $mb | sha256sum` =~ /^(\S+)/;

	return "checksum $mb MB: $sum\n";
}

# What is wrong with the console's text, for the item's own results.
sub results {
	my ($name, $mb, $text) = @_;
	my $want;

	if ($name eq "compile") {
		$want = native_objects();
		my $got = join "", $text =~ /^object [^\n]*\n/mg;
		my $n = () = $want =~ /\n/g;

		return "the host's compiler made nothing" if $n < 2;
		return "objects differ from the host's" if $got ne $want;
		return "", "$n files as on the host";
	}
	if ($name eq "gzip") {
		$want = native_checksum($mb);
		return "checksum differs: want $want"
			if index($text, $want) < 0;
		return "", $text =~ /^ok (round trip[^\n]*)/m;
	}
	return "", $text =~ /^# $name: ([^\n]*)/m;
}

sub judge {
	my ($name, $it, $mb, $status, $text, @kb) = @_;

	$text =~ s/\r//g;
	return "no end in time" if !defined $status;
	return sprintf("the monitor's status is %#x", $status) if $status;
	return "the guest: $1" if $text =~ /^(FAIL [^\n]*)/m;
	return "the guest: $1" if $text =~ /((?:Oops|BUG:|Kernel panic|segfault|
		WARNING:|Call\ Trace|soft\ lockup)[^\n]*)/x;
	return "the test did not end with 0"
		if $text !~ /^umbra: test \Q$it->{test}\E exit 0$/m;
	for my $k (@kb) {
		return "memory of $k->[1] KiB beyond the guest's"
			if $k->[1] > $ceiling;
	}
	if ($it->{steady} && $option{seconds} >= 60) {
		my $grows = growth(@kb);
		return $grows if $grows;
	}
	return results($name, $mb, $text);
}

sub run_item {
	my ($kernel, $name) = @_;
	my $it = $item{$name} or usage();
	my $mb = $it->{mb} ? $option{megabytes} || $it->{mb} : 0;
	my $what = "endure $kernel $name" .
		($option{inject} ? " --inject $option{inject}" : "");
	my $log = "$guests/logs/" . ($what =~ s/[^a-zA-Z0-9-]/_/gr) . ".log";
	my $began = time;

	mkdir "$guests/logs";
	$pid = run_umbra($kernel, $it, $mb, $log);
	my ($status, @kb) = watch($option{seconds} * 2 +
		$it->{limit} * $patience);
	my $took = time - $began;
	my $peak = 0;

	for my $k (@kb) {
		$peak = $k->[1] if $k->[1] > $peak;
	}
	my ($why, $did) = judge($name, $it, $mb, $status, slurp($log), @kb);
	if ($why) {
		print "FAIL $what: $why (see $log)\n";
		$failed++;
		return;
	}
	unlink $log;
	printf "ok %s: %s; %.0f s, peak %d KiB beyond the guest's%s\n", $what,
		$did // "", $took, $peak, !$it->{steady} || $option{seconds} < 60 ? "" :
		sprintf(", slope %.0f KiB/min", slope(@kb));
	$passed++;
}

$| = 1;
for my $kernel (@kernels) {
	for my $name (@items) {
		run_item($kernel, $name);
	}
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
