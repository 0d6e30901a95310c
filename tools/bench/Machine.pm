# SPDX-License-Identifier: GPL-2.0-or-later
#
# Machine.pm - a place that runs rows (see bench.c): a process of ours with
# pipes for its standard files. All waiting has an end; end_all() leaves no
# process behind.
package Machine;
use strict;
use warnings;
use Cwd qw(abs_path);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my %all;	# pid => Machine

sub now {
	return clock_gettime(CLOCK_MONOTONIC);
}

# A directory in memory for the native rows, as the guests' /tmp is.
sub scratch {
	my ($out) = @_;
	my $dir = -d '/dev/shm' && -w _ ? '/dev/shm' : $out;

	$dir = abs_path($dir) . "/umbra-bench.$$";
	mkdir $dir;
	return $dir;
}

# Starts a command; its standard files are pipes of ours.
sub command {
	my ($class, $place, @argv) = @_;
	my (@r, @w);

	for my $i (0 .. 2) {
		pipe $r[$i], $w[$i] or die "bench: pipe: $!\n";
	}
	my $self = bless { place => $place, seen => '', err => '', peak => {},
		sampled => 0, heard => 0, in => $w[0], out => $r[1], error => $r[2],
		started => now() }, $class;
	my $pid = fork // die "bench: fork: $!\n";
	if (!$pid) {
		my $dir = ref $argv[0] ? shift @argv : undef;

		POSIX::dup2(fileno $r[0], 0);
		POSIX::dup2(fileno $w[1], 1);
		POSIX::dup2(fileno $w[2], 2);
		chdir $$dir if $dir;
		exec { $argv[0] } @argv or POSIX::_exit(99);
	}
	close $_ for $r[0], $w[1], $w[2];
	$self->{pid} = $pid;
	$all{$pid} = $self;
	select((select($self->{in}), $| = 1)[0]);
	return $self;
}

sub new {
	my ($class, $place, $o) = @_;
	my @boot = ("$o->{guests}/$o->{kernel}", "$o->{out}/initramfs.gz",
		'console=ttyS0 quiet umbra.bench');

	if ($place eq 'umbra') {
		return $class->command($place, $o->{umbra}, 'run',
			'--no-reboot', '-k', $boot[0], '-i', $boot[1],
			'-m', "$o->{memory}M", '-a', $boot[2],
			$o->{inject} ne '' ? ('--inject', $o->{inject}) : ());
	} elsif ($place eq 'tcg') {
		return $class->command($place, 'qemu-system-i386', '-accel',
			'tcg', '-cpu', $ENV{QEMU_CPU} // 'max', '-no-reboot',
			'-display', 'none', '-serial', 'stdio', '-monitor',
			'none', '-net', 'none', '-kernel', $boot[0],
			'-initrd', $boot[1], '-m', $o->{memory}, '-append',
			$boot[2]);
	}
	my $dir = scratch($o->{out});
	$ENV{BENCH_BUSYBOX} = abs_path("$o->{guests}/busybox");
	my $self = $class->command($place, \$dir,
		abs_path("$o->{programs}/bench"));
	$self->{dir} = $dir;
	return $self;
}

# Reads what comes within so many seconds; false if the process has ended.
sub hear {
	my ($self, $seconds) = @_;
	my $set = '';

	vec($set, fileno $self->{$_}, 1) = 1 for qw(out error);
	return 1 if select($set, undef, undef, $seconds) <= 0;
	$self->{heard} = now();
	my $open = 0;
	for (['out', 'seen'], ['error', 'err']) {
		my ($file, $text) = @$_;

		next if !vec($set, fileno $self->{$file}, 1);
		my $n = sysread $self->{$file}, $self->{$text}, 65536,
			length $self->{$text};
		$open = 1 if $n;
	}
	$self->{seen} =~ s/\r//g;
	return $open;
}

sub expect_in {
	my ($self, $text, $what, $seconds) = @_;
	my $end = now() + $seconds;

	while ($self->{$text} !~ $what) {
		return 0 if now() > $end || !$self->hear(0.1);
		$self->sample if $self->{place} eq 'umbra';
	}
	return 1;
}

sub expect {
	my ($self, @what) = @_;

	return $self->expect_in('seen', @what);
}

sub expect_err {
	my ($self, @what) = @_;

	return $self->expect_in('err', @what);
}

sub ready {
	my ($self) = @_;

	return $self->expect(qr/^bench: ready$/m, 120);
}

sub tell {
	my ($self, $line) = @_;

	$self->{seen} = '';
	syswrite $self->{in}, "$line\n";
}

# One run of a row: units, ops, ns, total, sum, wall (s), begin and end (our
# clock) and, of Umbra, the counters of the units alone; or why it failed, with
# dead if the place is lost with it.
sub run {
	my ($self, $row, $units, $seconds) = @_;
	my $start = now();
	my %r;

	$self->tell("run $row $units");
	for my $mark (qw(begin end)) {
		$self->expect(qr/^bench: (?:$mark|fail .*)\n/m, $seconds)
			or return $self->lost($seconds);
		return $self->failed if $self->{seen} =~ /^bench: fail/m;
		$r{$mark} = $self->{heard};
		if ($self->{place} eq 'umbra') {
			$r{stats}{$mark} = $self->counters
				// return $self->lost(20);
			$self->sample(1) if $mark eq 'end';
		}
		$self->tell('go');
	}
	$self->expect(qr/^bench: (?:done|fail) .*\n/m, 20) or
		return $self->lost(20);
	my ($words) = $self->{seen} =~ /^bench: done \S+ (.*)$/m
		or return $self->failed;
	%r = (%r, split(' ', $words), wall => now() - $start);
	if (my $s = $r{stats}) {
		$r{stats} = { map { $_ => ($s->{end}{$_} // 0) -
			$s->{begin}{$_} } keys %{$s->{begin}} };
	}
	return \%r;
}

sub lost {
	my ($self, $seconds) = @_;

	return { why => "no answer in $seconds s: $self->{seen}" .
		substr($self->{err}, -2000), dead => 1 };
}

sub failed {
	my ($self) = @_;
	my ($why) = $self->{seen} =~ /^bench: fail \S+ (.*)$/m;

	return { why => $why, dead => $self->{place} eq 'native' };
}

# The counters that SIGUSR1 prints. They are printed by the thread that runs
# the guest: when the guest answers again they are all there.
sub counters {
	my ($self) = @_;

	$self->{err} = '';
	kill 'USR1', $self->{pid};
	$self->expect_err(qr/^enters /m, 20) or return;
	$self->tell('sync');
	$self->expect(qr/^bench: synced$/m, 20) or return;
	$self->hear(0);
	return { $self->{err} =~ /^(\w+) +(\d+)$/mg };
}

# ---- of the process, from /proc

sub slurp {
	my ($path) = @_;

	open my $f, '<', $path or return '';
	local $/;
	return scalar(<$f>) // '';
}

# ns of CPU time of all threads
sub cpu_ns {
	my ($self) = @_;
	my $sum = 0;

	for (glob "/proc/$self->{pid}/task/*/schedstat") {
		$sum += (split ' ', slurp($_))[0] // 0;
	}
	return $sum;
}

# What the monitor holds beyond guest RAM, in kB: its own anonymous and file
# pages, and the code cache (which only smaps tells, slowly: with $all, while
# the guest waits). Page tables are told beside it. Keeps the maxima.
sub sample {
	my ($self, $all) = @_;

	return if !$all && now() < $self->{sampled} + 0.1;
	$self->{sampled} = now();
	my %s = slurp("/proc/$self->{pid}/status") =~ /^(\w+):\s+(\d+) kB/mg;
	if ($all) {
		$self->{code} = 0;
		my $smaps = slurp("/proc/$self->{pid}/smaps");
		$self->{code} += $1 while $smaps =~
			/\/dev\/zero.*\n(?:\w.*\n)*?Pss:\s+(\d+) kB/g;
	}
	my %now = (own => ($s{RssAnon} // 0) + ($s{RssFile} // 0) +
		($self->{code} // 0), code => $self->{code} // 0,
		tables => $s{VmPTE} // 0);
	for (keys %now) {
		$self->{peak}{$_} = $now{$_}
			if $now{$_} > ($self->{peak}{$_} // 0);
	}
}

# ---- ends

# Lets the place end by itself.
sub quit {
	my ($self) = @_;

	$self->tell('quit');
	my $end = now() + 15;
	while (now() < $end) {
		last if !$self->hear(0.1);
	}
}

sub end {
	my ($self) = @_;

	return if !delete $all{$self->{pid}};
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	if ($self->{dir}) {
		rmdir $_ for glob "$self->{dir}/bench-*";
		rmdir $self->{dir};
	}
}

sub end_all {
	$_->end for values %all;
}

1;
