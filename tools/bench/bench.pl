#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench.pl - holds Umbra against bare hardware and QEMU's TCG, row by row.
#
# usage: bench.pl [OPTION...] [ROW...]	("make bench" gives the paths)
#
#	--umbra FILE --guests DIR --programs DIR --out DIR
#	--kernel NAME	of the guest, in DIR (vmlinuz-686-pae)
#	--repeat N	runs of each row (3); the table has their medians
#	--memory MB	of the guests (512)
#	--inject LIST	for Umbra
#	--nice N	of all that is measured; -20 (for root) on a busy host
#	--no-tcg	without QEMU
#	--no-perf	without the pass that samples Umbra
#	--list		tells the rows
#
# The same programs run in three places: on this host's kernel, in one Umbra
# and in one QEMU, which boot once and then wait. Each row runs in one place
# after the other, and that REPEAT times, so that a busy spell of the host
# meets all three. The places speak the commands of bench.c. Umbra's counters
# are read (SIGUSR1) before and after each run, with the guest waiting.
# At the end a pass under perf, if there is one, says where Umbra's time goes.
# Rows that are not programs: start, first, idle. Exit status 0 if all rows
# ran and all checksums agree.
use strict;
use warnings;
use File::Basename qw(dirname);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);
use lib dirname(__FILE__);
use Machine;
use Profile;
use Report;

my (@compute, @system, %about);
while (<DATA>) {
	my ($class, $name, $about) = /^(\w+)\s+(\S+)\s+(.*)$/ or next;

	push @compute, $name if $class eq 'compute';
	push @system, $name if $class eq 'system';
	$about{$name} = "$class: $about";
}
my @special = qw(start first idle);

my %o = (umbra => './umbra', guests => 'guests', programs => 'tools/bench',
	out => 'bench', kernel => 'vmlinuz-686-pae', repeat => 3,
	memory => 512, inject => '', nice => 0, tcg => 1, perf => 1);
my @want;
while (@ARGV) {
	my $a = shift;

	if ($a eq '--no-tcg') { $o{tcg} = 0 }
	elsif ($a eq '--no-perf') { $o{perf} = 0 }
	elsif ($a eq '--list') {
		printf "%-14s %s\n", $_, $about{$_}
			for @compute, @system, @special;
		exit;
	}
	elsif ($a =~ /^--(\w+)$/ && exists $o{$1}) {
		$o{$1} = shift // die "bench.pl: $a what?\n";
	}
	elsif ($a =~ /^-/) { die "bench.pl: no option $a\n" }
	else { push @want, $a }
}
my %known = map { $_ => 1 } @compute, @system, @special;
for (@want) {
	die "bench.pl: no row '$_'; there are: @compute @system @special\n"
		if !$known{$_};
}
@want = (@compute, @system, @special) if !@want;
my %want = map { $_ => 1 } @want;
my @rows = grep { $want{$_} } @compute, @system;
$o{repeat} = 1 if $o{repeat} < 1;

# Slow places do fewer units: a run is to take about so many ms there.
use constant { TCG_MS => 400, UMBRA_MS => 1000, ROW_SECONDS => 60 };

my $report = Report->new(\@compute, \@system, \%o);
my $bad = 0;
my $session_nice;	# before ours
my (@places, %machine);	# names; name => Machine
my %units_umbra;	# row => units there

sub complain {
	print STDERR "bench: @_\n";
	$bad = 1;
}

sub have_tcg {
	return 0 if !$o{tcg};
	for (split /:/, $ENV{PATH}) {
		return 1 if -x "$_/qemu-system-i386";
	}
	print "bench: no qemu-system-i386 here (Debian: qemu-system-x86): " .
		"the columns of TCG stay empty\n";
	return 0;
}


# A place that does not come up is left out from then on.
sub place_start {
	my ($place) = @_;
	my $m = Machine->new($place, \%o);

	return $machine{$place} = $m if $m->ready;
	complain("$place does not come up: " . $m->{seen} . $m->{err});
	die "bench: does this host run 32-bit programs?\n"
		if $place eq 'native';
	$m->end;
	@places = grep { $_ ne $place } @places;
	return;
}

sub place_end {
	my ($place) = @_;
	my $m = delete $machine{$place} // return;

	$report->memory($m->{peak}) if $place eq 'umbra';
	$m->end;
}

# One run; a place that is lost with it starts anew for the next.
sub run_row {
	my ($row, $place, $units) = @_;
	my $m = $machine{$place} // place_start($place) // return;
	my $r = $m->run($row, $units, ROW_SECONDS);

	if (!$r->{ns}) {
		complain("$row in $place: $r->{why}");
		place_end($place) if $r->{dead};
		return;
	}
	return $r;
}

# How many units make a run of good length in a place: more and more until
# they do. Too few would only show how a process starts there.
sub find_units {
	my ($row, $place, $full) = @_;
	my $limit = ($place eq 'tcg' ? TCG_MS : UMBRA_MS) * 1e6;
	my $units = 1;

	for (1 .. 5) {
		my $r = run_row($row, $place, $units) // return;

		$report->first($row, $place, $r) if $_ == 1;
		last if $units >= $full || $r->{ns} >= $limit / 3;
		$units = int($units * 0.7 * $limit / $r->{ns}) || 1;
		$units = $full if $units > $full;
		last if $units == $r->{units};
	}
	return $units;
}

sub bench_rows {
	for my $row (@rows) {
		my %units;

		# native first: it tells the row's own number of units
		my $r = run_row($row, 'native', 0) // next;
		my $full = $units{native} = $r->{units};

		$report->sum($row, 'native', $r->{sum});
		for my $p (@places) {
			$units{$p} //= find_units($row, $p, $full);
		}
		for (1 .. $o{repeat}) {
			for my $p (@places) {
				next if !$units{$p};
				$r = run_row($row, $p, $units{$p}) // next;
				$report->add($row, $p, $r);
			}
		}
		complain("$row: the checksums differ: $_")
			for $report->sums_differ($row);
		$units_umbra{$row} = $units{umbra};
		$report->progress($row);
	}
}

# Each row once more in Umbra, sampled.
sub bench_profile {
	my $m = $machine{umbra} // return;
	my $p = Profile->new($m->{pid}, '.', $o{out});

	if (!$p) {
		print "bench: perf cannot sample here ($o{out}/perf.log): " .
			"no shares of time\n";
		return;
	}
	for my $row (grep { $units_umbra{$_} } @rows) {
		my $r = run_row($row, 'umbra', $units_umbra{$row}) // next;

		$p->add($row, $r->{begin}, $r->{end});
		last if ($machine{umbra} // 0) != $m;
	}
	$report->shares($p->finish);
}

# From the start of the process to the first line of /init.
sub bench_start {
	for (1 .. $o{repeat}) {
		for my $p (grep { $_ ne 'native' } @places) {
			my $m = Machine->new($p, \%o);

			if ($m->expect(qr/^umbra: init started/m, 120)) {
				$report->start($p, ($m->{heard} - $m->{started}) * 1e3);
			} else {
				complain("$p does not come to /init");
			}
			$m->end;
		}
	}
}

# From the start of the process to the guest's first instruction, a write to
# the debug port; with a module of the kernel's size to load.
sub bench_first {
	for (1 .. 5 + 2 * $o{repeat}) {
		my $m = Machine->command('first', $o{umbra}, 'run', '-k',
			"$o{programs}/first.elf", '-i', "$o{guests}/$o{kernel}",
			'-m', "$o{memory}M", '--debug-exit', '0xf4');

		if ($m->expect_err(qr/F/, 10)) {
			$report->first_insn(($m->{heard} - $m->{started}) * 1e3);
		} else {
			complain("no first instruction: $m->{err}");
		}
		$m->end;
	}
}

sub bench_idle {
	my $m = $machine{umbra} // place_start('umbra') // return;
	my $seconds = 12;

	sleep 1;
	my $irqs = ($m->counters // return)->{interrupts};
	my $ns = $m->cpu_ns;
	sleep $seconds;
	$ns = $m->cpu_ns - $ns;
	$irqs = ($m->counters // return)->{interrupts} - $irqs;
	$report->idle($ns / $seconds / 1e7, $seconds, $irqs / $seconds);
}

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
	local $?;	# waitpid sets it
	Profile::end_all();
	Machine::end_all();
	session_nice($session_nice) if defined $session_nice;
}

# Where the host shares the CPU between sessions first, nice counts only within
# one: then the session gets it, too, as long as this runs.
sub session_nice {
	open my $f, '+<', '/proc/self/autogroup' or return;
	my ($was) = <$f> =~ /nice (-?\d+)/;

	seek $f, 0, 0;
	syswrite $f, $_[0];
	return $was;
}

if ($o{nice}) {
	POSIX::nice($o{nice}) or die "bench.pl: --nice $o{nice}: $!\n";
	$session_nice = session_nice($o{nice});
}
mkdir $o{out};
@places = ('native', 'umbra', have_tcg() ? 'tcg' : ());
$report->head(@places);
bench_first() if $want{first};
bench_start() if $want{start};
bench_rows();
bench_profile() if $o{perf} && @rows;
bench_idle() if $want{idle};
$_->quit for values %machine;
place_end($_) for keys %machine;
$report->finish(\@rows, @places);
exit($bad ? 1 : 0);

# class	name	what one operation is
__DATA__
compute sieve		primes below 500,000
compute sha256		the sum of 64 KiB
compute bytecode	an interpreter, threaded, counts primes below 4000
compute muldiv		a step of one long product and three divisions
compute sse2-int	a filter over 16,384 16-bit samples
compute repmovs		32 KiB by rep movsd
compute repmovs-short	0 to 255 bytes by rep movsd and rep movsb
compute stream		a = b + 3c over arrays of 8 MiB
compute chase		a step along a chain through 64 MiB
compute double-sse2	a step of five bodies, SSE2
compute double-x87	the same in the x87
compute fib		a recursive call
compute qsort		a number of 20,000 sorted by qsort()
compute calls		a call by a pointer that varies
system getppid-int80	getppid by int 80h
system getppid		getppid by the C library's syscall()
system signal		install a handler, send oneself the signal, handle it
system fork		fork, exit, wait
system exec		fork, exec of a static program that returns, wait
system pipe		a byte to another process and one back
system touch		a page of fresh memory, its unmapping included
system mmap		map 16 pages, touch one, unmap
system mprotect		seal a page, read it, open it, write it
system smc-rewrite	write a function and call it
system smc-jit		write a function and call it a hundred times
system smc-shared	a call of code that changes data in its own page
system copy		a file of 4 MiB in tmpfs
system find		an entry of a tree of 1169, listed and lstat()ed
system gzip		1 MiB of text by busybox
system sh		a script of loops, patterns and 15 processes by busybox
special start		from the start of the process to the first line of /init
special first		from the start of umbra to the guest's first instruction
special idle		what a guest costs that waits
