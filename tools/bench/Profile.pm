# SPDX-License-Identifier: GPL-2.0-or-later
#
# Profile.pm - samples Umbra with perf while rows run, and says which part of
# it the time went to. Parts are found by symbol: nm of the build's object
# files tells each function's folder. Host kernel samples are told apart by
# the system call or trap they belong to.
package Profile;
use strict;
use warnings;
use Time::HiRes qw(sleep);

# the columns, in order
our @parts = ('guest', 'xlate', 'shadow', 'helper', 'engine', 'device',
	'k-map', 'k-fault', 'k-other', 'other');
our $legend = <<'END';
guest: translated code; xlate: translator; shadow: fills, zaps and syncs in C;
helper: system instructions, exceptions, accesses; engine: dispatch, exits, code
cache; device: devices, console; k-: in the host's kernel, for mappings, for
faults and signals, for the rest (waiting, timers); other: libraries
END

my $running;

# Files of runtime/ that carry out what the guest asked for; the rest of it is
# the engine's own work.
my $helper = qr/^(sys\w*|exc|far|seg|task|access|cpuid|mode)$/;

sub new {
	my ($class, $pid, $build, $out) = @_;
	my $self = bless { data => "$out/perf.data", rows => [],
		part => symbols($build) }, $class;

	unlink $self->{data};
	$running = $self;
	$self->{pid} = fork // die "bench: fork: $!\n";
	if (!$self->{pid}) {
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', "$out/perf.log";
		exec 'perf', 'record', '-q', '-e', 'cpu-clock', '-F', '2500',
			'-k', 'CLOCK_MONOTONIC', '-g', '-o', $self->{data},
			'-t', $pid or POSIX::_exit(99);
	}
	for (1 .. 50) {
		sleep 0.1;
		return $self if -s $self->{data};
		if (waitpid $self->{pid}, POSIX::WNOHANG()) {
			undef $self->{pid};
			return;
		}
	}
	return $self;
}

# function => part
sub symbols {
	my ($build) = @_;
	my %part;

	for my $o (glob "$build/{translator,shadowmmu,runtime,devices,tools}/*.o") {
		my ($folder, $file) = $o =~ m|(\w+)/(\w+)\.o$| or next;
		my $part = $folder eq 'translator' || $file eq 'translate' ?
			'xlate' : $folder eq 'shadowmmu' ? 'shadow' :
			$folder eq 'runtime' ?
			($file =~ $helper ? 'helper' : 'engine') : 'device';

		open my $nm, '-|', 'nm', $o or next;
		while (<$nm>) {
			$part{$1} = $part if / [tTW] (\w+)/;
		}
	}
	return \%part;
}

# A row ran from begin to end.
sub add {
	my ($self, $row, $begin, $end) = @_;

	push @{$self->{rows}}, [$row, $begin, $end];
}

sub part_of {
	my ($self, $first, $sym, $dso, $kernel) = @_;

	if ($first) {
		# the host kernel's chain of calls tells what for
		return 'k-map' if $kernel =~
			/(mmap|munmap|mprotect|mremap|madvise)/;
		return 'k-fault' if $kernel =~
			/(exc_page_fault|sigreturn|signal)/;
		return 'k-other';
	}
	# executable memory without a name: only the code cache is such
	return 'guest' if $dso =~ m{/perf-\d+\.map};
	$sym =~ s/\.(isra|part|constprop|cold)\b.*//;
	return $self->{part}{$sym} // ($dso =~ /umbra/ ? 'engine' : 'other');
}

# Ends perf; row => { part => share }.
sub finish {
	my ($self) = @_;
	my (%count, %share);

	$self->stop;
	open my $f, '-|', "perf script -i '$self->{data}' -F time,ip,sym,dso " .
		'2>/dev/null' or return {};
	local $/ = '';	# a sample is a paragraph
	while (<$f>) {
		my ($time, @frames) = split /\n/;

		$time =~ /([\d.]+):/ or next;
		$self->count($1, \@frames, \%count);
	}
	close $f;
	for my $row (keys %count) {
		my $sum = 0;

		$sum += $_ for values %{$count{$row}};
		$share{$row} = { map { $_ => $count{$row}{$_} / $sum }
			keys %{$count{$row}} };
	}
	unlink $self->{data};
	return \%share;
}

sub count {
	my ($self, $time, $frames, $count) = @_;
	my @in = grep { $time >= $_->[1] && $time <= $_->[2] }
		@{$self->{rows}};

	return if !@in || !@$frames;
	my ($sym, $dso) = $frames->[0] =~ /^\s*\w+ (\S+) \((.*)\)$/ or
		return;
	# a sample at each switch back from another process is not of this one
	return if $sym =~ /^finish_task_switch/;
	my $kernel = $dso =~ /^\[/;
	my $chain = join ' ', map { /^\s*\w+ (.*) \(\[/ ? $1 : () } @$frames;

	$count->{$in[0][0]}{$self->part_of($kernel, $sym, $dso, "$chain ")}++;
}

sub stop {
	my ($self) = @_;

	return if !$self->{pid};
	kill 'INT', $self->{pid};
	waitpid $self->{pid}, 0;
	undef $self->{pid};
}

# Leaves no perf behind.
sub end_all {
	$running->stop if $running;
}

1;
