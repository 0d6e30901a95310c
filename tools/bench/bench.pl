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
#	--no-tcg	without QEMU
#	--list		names the rows
#
# The same programs run in three places: on this host's kernel, in one Umbra
# and in one QEMU, which boot once and then wait. Each row runs in one place
# after the other, and that REPEAT times, so that a busy spell of the host
# meets all three. The places speak the commands of bench.c. Umbra's counters
# are read (SIGUSR1) before and after each run, with the guest waiting.
# Rows that are not programs: start, first, idle. Exit status 0 if all rows
# ran and all checksums agree.
use strict;
use warnings;
use File::Basename qw(dirname);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);
use lib dirname(__FILE__);
use Machine;
use Report;

my @compute = qw(sieve sha256 bytecode muldiv sse2-int repmovs repmovs-short
	stream chase double-sse2 double-x87 fib qsort calls);
my @system = qw(getppid-int80 getppid signal fork exec pipe touch mmap mprotect
	smc-rewrite smc-jit smc-shared copy find gzip sh);
my @special = qw(start first idle);

my %o = (umbra => './umbra', guests => 'guests', programs => 'tools/bench',
	out => 'bench', kernel => 'vmlinuz-686-pae', repeat => 3,
	memory => 512, inject => '', tcg => 1);
my @want;
while (@ARGV) {
	my $a = shift;

	if ($a eq '--no-tcg') { $o{tcg} = 0 }
	elsif ($a eq '--list') { print "@compute @system @special\n"; exit }
	elsif ($a =~ /^--(\w+)$/ && exists $o{$1}) { $o{$1} = shift // die "$a what?\n" }
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

my @places = ('native', 'umbra', have_tcg() ? 'tcg' : ());
my %machine;	# place => Machine
my %factor;	# row, place => units there / default units

sub place_start {
	my ($place) = @_;

	$machine{$place} = Machine->new($place, \%o);
	$machine{$place}->ready or do {
		complain("$place does not come up:\n" . $machine{$place}{seen});
		delete $machine{$place};
	};
	return $machine{$place};
}

# One run; sets the number of units for the next by how long it took.
sub run_row {
	my ($row, $place, $units) = @_;
	my $m = $machine{$place} // place_start($place) // return;
	my $r = $m->run($row, $units, ROW_SECONDS);

	if (!$r->{ns}) {
		complain("$row in $place: $r->{why}");
		if ($r->{dead}) {
			$m->end;
			delete $machine{$place};
		}
		return;
	}
	return $r;
}

# The first run says how many units a run may have; it is not counted where
# it was cut short.
sub run_first {
	my ($row, $place, $full) = @_;
	my $limit = $place eq 'tcg' ? TCG_MS : UMBRA_MS;
	my $try = $place eq 'native' ? $full : int($full / 40) || 1;
	my $r = run_row($row, $place, $try) // return;

	$report->first($row, $place, $r);
	my $guess = int($limit * 1e6 * $r->{units} / $r->{ns}) || 1;
	return $guess < $full ? $guess : $full;
}

sub bench_rows {
	for my $row (@rows) {
		my %units;

		# native first: it tells the row's own number of units
		my $r = run_row($row, 'native', 0) // next;
		$units{native} = my $full = $r->{units};
		$report->sum($row, 'native', $r->{sum});
		for my $p (@places) {
			$units{$p} //= run_first($row, $p, $full);
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
		$report->progress($row);
	}
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
	my $from = $m->cpu_ns;
	sleep $seconds;
	$report->idle(($m->cpu_ns - $from) / $seconds / 1e7, $seconds);
}

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
END { Machine::end_all() }

mkdir $o{out};
bench_first() if $want{first};
bench_start() if $want{start};
bench_rows();
bench_idle() if $want{idle};
$report->memory($machine{umbra}{peak}) if $machine{umbra};
$_->quit for values %machine;
$report->finish(\@rows, @places);
exit($bad ? 1 : 0);
