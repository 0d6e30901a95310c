# SPDX-License-Identifier: GPL-2.0-or-later
#
# Report.pm - keeps what bench.pl measured; prints it as text, CSV and SVG.
package Report;
use strict;
use warnings;
use Profile;

# columns of "where the time went": counter, heading
my @counted = (
	[enters => 'exits'], [helpers => 'helpers'], [faults => 'faults'],
	[mmu_fills => 'fills'], [mmu_zaps => 'zaps'], [mmu_mmaps => 'mmaps'],
	[mmu_syncs => 'syncs'], [exceptions => 'exc'],
	[interrupts => 'irqs'], [code_blocks => 'blocks'],
	[code_drops => 'drops'],
);
my @places = qw(native umbra tcg);

sub new {
	my ($class, $compute, $system, $o) = @_;

	return bless { o => $o, run => {}, text => '', lines => 0,
		compute => { map { $_ => 1 } @$compute },
		system => { map { $_ => 1 } @$system } }, $class;
}

# ---- what was measured

sub first {
	my ($self, $row, $place, $r) = @_;

	$self->{first}{$row}{$place} = $r->{ns} / $r->{units} / $r->{ops};
	$self->sum($row, $place, $r->{sum});
}

sub add {
	my ($self, $row, $place, $r) = @_;

	push @{$self->{run}{$row}{$place}}, $r;
	$self->sum($row, $place, $r->{sum});
	# the place's clock against ours: set-up, runs and end of the row
	my $off = $r->{wall} * 1e9 - $r->{total};
	$self->note("$row in $place: its clock says " . ms($r->{total}) .
		" for " . ms($r->{wall} * 1e9)) if $off < -2e6 ||
		$off > 150e6 + 0.05 * $r->{total};
}

sub note {
	my ($self, $line) = @_;

	push @{$self->{notes}}, $line;
}

sub sum {
	my ($self, $row, $place, $sum) = @_;

	$self->{sum}{$row}{$sum}{$place} = 1;
}

sub sums_differ {
	my ($self, $row) = @_;
	my $s = $self->{sum}{$row};

	return if keys %$s < 2;
	return join '; ', map { "$_ in " . join ' ', sort keys %{$s->{$_}} }
		sort keys %$s;
}

sub start {
	my ($self, $place, $ms) = @_;

	push @{$self->{start}{$place}}, $ms;
}

sub first_insn {
	my ($self, $ms) = @_;

	push @{$self->{first_insn}}, $ms;
}

sub idle {
	my ($self, $percent, $seconds, $wakes) = @_;

	$self->{idle} = sprintf '%.2f %% of a CPU over %d s, %.0f ' .
		'interrupts a second', $percent, $seconds, $wakes;
}

sub memory {
	my ($self, $peak) = @_;

	for (keys %$peak) {
		$self->{memory}{$_} = $peak->{$_}
			if $peak->{$_} > ($self->{memory}{$_} // -1);
	}
}

# row => { part => share } (Profile)
sub shares {
	my ($self, $shares) = @_;

	$self->{shares} = $shares;
}

# ---- figures

sub median {
	my @s = sort { $a <=> $b } @_;

	return @s % 2 ? $s[@s / 2] : ($s[@s / 2 - 1] + $s[@s / 2]) / 2;
}

# ns for one operation, each run
sub figures {
	my ($self, $row, $place) = @_;

	return map { $_->{ns} / $_->{units} / $_->{ops} }
		@{$self->{run}{$row}{$place} // []};
}

sub figure {
	my ($self, $row, $place) = @_;
	my @f = $self->figures($row, $place);

	return @f ? median(@f) : undef;
}

# (max - min) / median, in percent
sub spread {
	my ($self, $row, $place) = @_;
	my @f = sort { $a <=> $b } $self->figures($row, $place);

	return @f ? 100 * ($f[-1] - $f[0]) / median(@f) : undef;
}

sub ratio {
	my ($self, $row, $above, $below) = @_;
	my ($a, $b) = map { $self->figure($row, $_) } $above, $below;

	return defined $a && $b ? $a / $b : undef;
}

sub geomean {
	my @f = grep { defined } @_;
	my $sum = 0;

	return undef if !@f; # in a list, too
	$sum += log $_ for @f;
	return exp($sum / @f);
}

# ---- text

sub ms {
	my ($ns) = @_;

	return sprintf '%.0f ms', $ns / 1e6;
}

sub ns_text {
	my ($ns) = @_;

	return '-' if !defined $ns;
	for (['s', 1e9], ['ms', 1e6], ['us', 1e3]) {
		return three($ns / $_->[1]) . " $_->[0]" if $ns >= $_->[1];
	}
	return three($ns) . ' ns';
}

# three digits that count
sub three {
	my ($x) = @_;

	return '-' if !defined $x;
	return sprintf '%.0f', $x if $x >= 100;
	return sprintf '%.1f', $x if $x >= 10;
	return sprintf '%.2f', $x if $x >= 0.1;
	return $x < 0.0005 ? '0' : sprintf '%.3f', $x;
}

sub put {
	my ($self, @lines) = @_;

	for (@lines) {
		print "$_\n";
		$self->{text} .= "$_\n";
	}
	$| = 1;
}

# What was measured on what.
sub head {
	my ($self, @places) = @_;
	my $o = $self->{o};
	my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*: (.*)$/m;
	my $cpus = () = slurp('/proc/cpuinfo') =~ /^processor\b/mg;
	my ($linux) = slurp('/proc/version') =~ /^(Linux version \S+)/;
	my ($load) = slurp('/proc/loadavg') =~ /^(\S+)/;

	$self->put(sprintf('guests: %s, %d MB%s; medians of %d runs%s',
		$o->{kernel}, $o->{memory}, $o->{inject} ne '' ?
		", Umbra with --inject $o->{inject}" : '', $o->{repeat},
		$o->{nice} ? ", nice $o->{nice}" : ''),
		sprintf 'host: %d x %s, %s, load %s before', $cpus,
		$cpu // '?', $linux // '?', $load // '?');
	if (grep { $_ eq 'tcg' } @places) {
		my $v = `qemu-system-i386 --version` =~ s/\n.*//sr;

		$self->put("tcg: $v, -accel tcg -cpu " .
			($ENV{QEMU_CPU} // 'max'));
	}
}

sub slurp {
	open my $f, '<', shift or return '';
	local $/;
	return scalar(<$f>) // '';
}

sub row_line {
	my ($self, $row) = @_;
	my @spread = map { my $s = $self->spread($row, $_);
		defined $s ? sprintf '%.0f', $s : '-' } @places;

	return sprintf '%-14s %10s %10s %10s %8s %8s %8s  %s', $row,
		(map { ns_text($self->figure($row, $_)) } @places),
		three($self->ratio($row, 'umbra', 'native')),
		three($self->ratio($row, 'tcg', 'native')),
		three($self->ratio($row, 'tcg', 'umbra')), join '/', @spread;
}

sub progress {
	my ($self, $row) = @_;

	$self->put('', sprintf '%-14s %10s %10s %10s %8s %8s %8s  %s',
		'time per op', @places, 'umbra/n', 'tcg/n', 'tcg/u',
		'spread %') if !$self->{lines}++;
	$self->put($self->row_line($row));
}

sub mean_line {
	my ($self, $name, @rows) = @_;
	my @g = map { my ($a, $b) = @$_;
		geomean(map { $self->ratio($_, $a, $b) } @rows) }
		['umbra', 'native'], ['tcg', 'native'], ['tcg', 'umbra'];

	return if !grep { defined } @g;
	$self->{means}{$name} = [scalar @rows, @g];
	return sprintf '%-47s %8s %8s %8s', "geometric mean, $name (" .
		@rows . ')', map { three($_) } @g;
}

# The fastest run instead of the middle one: what a busy host spoils least.
sub best_line {
	my ($self, @rows) = @_;
	my @g = map { my @p = @$_;
		geomean(map { my $row = $_;
			my ($a, $b) = map { (sort { $a <=> $b }
				$self->figures($row, $_))[0] } @p;
			defined $a && $b ? $a / $b : undef } @rows) }
		['umbra', 'native'], ['tcg', 'native'], ['tcg', 'umbra'];

	return sprintf '%-47s %8s %8s %8s', '  of the fastest runs',
		map { three($_) } @g;
}

# Sums of a row's runs in Umbra.
sub spent {
	my ($self, $row) = @_;
	my %s = (ms => 0, ops => 0);

	for my $r (@{$self->{run}{$row}{umbra} // []}) {
		$s{ms} += $r->{ns} / 1e6;
		$s{ops} += $r->{units} * $r->{ops};
		$s{$_} += $r->{stats}{$_} for keys %{$r->{stats}};
	}
	return $s{ms} ? \%s : undef;
}

sub spent_table {
	my ($self, $what, $key, @rows) = @_;
	my $head = 0;

	for my $row (@rows) {
		my $s = $self->spent($row) // next;

		$self->put('', "Umbra's counters, $what (xlate: % of the time " .
			'in translation, with what it asks of the host)',
			sprintf '%-14s %6s' .
			'%8s' x @counted, 'row', 'xlate',
			map { $_->[1] } @counted) if !$head++;
		$self->put(sprintf '%-14s %6.1f' . '%8s' x @counted, $row,
			($s->{xlate_ns} // 0) / $s->{ms} / 1e4,
			map { three(($s->{$_->[0]} // 0) / $s->{$key}) }
			@counted);
	}
}

sub share_table {
	my ($self, @rows) = @_;
	my $shares = $self->{shares} // return;

	$self->put('', 'where the time went in Umbra, % of the samples',
		sprintf '%-14s' . '%8s' x @Profile::parts, 'row',
		@Profile::parts);
	for my $row (grep { $shares->{$_} } @rows) {
		$self->put(sprintf '%-14s' . '%8.1f' x @Profile::parts, $row,
			map { 100 * ($shares->{$row}{$_} // 0) }
			@Profile::parts);
	}
	$self->put(split /\n/, $Profile::legend);
}

sub slower_than_tcg {
	my ($self, @rows) = @_;
	my @slow = grep { ($self->ratio($_, 'tcg', 'umbra') // 9) < 1 } @rows;

	$self->put('slower than TCG: ' . (join(', ', @slow) || 'no row'))
		if grep { defined $self->ratio($_, 'tcg', 'umbra') } @rows;
}

sub special {
	my ($self) = @_;

	if ($self->{start}) {
		my %m = map { $_ => median(@{$self->{start}{$_}}) }
			keys %{$self->{start}};
		$self->put(sprintf 'start to /init: %s%s', join(', ',
			map { sprintf '%s %.0f ms (%.0f..%.0f)', $_, $m{$_},
				(sort { $a <=> $b } @{$self->{start}{$_}})[0, -1]
			} grep { $m{$_} } @places), $m{tcg} && $m{umbra} ?
			sprintf '; umbra/tcg %.2f', $m{umbra} / $m{tcg} : '');
	}
	if (my $f = $self->{first_insn}) {
		$self->put(sprintf 'umbra run to the first instruction: ' .
			'%.1f ms (%.1f..%.1f)', median(@$f),
			(sort { $a <=> $b } @$f)[0, -1]);
	}
	$self->put("idle guest in Umbra: $self->{idle}") if $self->{idle};
	if (my $m = $self->{memory}) {
		$self->put(sprintf "Umbra's memory beyond guest RAM, most: " .
			'%.0f MB (code cache %.0f MB of it) and %.0f MB of ' .
			'page tables', $m->{own} / 1024, $m->{code} / 1024,
			$m->{tables} / 1024);
	}
}

sub finish {
	my ($self, $rows, @have) = @_;
	my @c = grep { $self->{compute}{$_} } @$rows;
	my @s = grep { $self->{system}{$_} } @$rows;

	$self->put('') if @$rows;
	for (['compute rows', @c], ['system rows', @s], ['all rows', @c, @s]) {
		my $line = @$_ > 1 ? $self->mean_line(@$_) : undef;

		my (undef, @r) = @$_;
		$self->put($line, $self->best_line(@r)) if $line;
	}
	$self->slower_than_tcg(@$rows);
	$self->share_table(@$rows);
	$self->spent_table('counts a ms', 'ms', @c);
	$self->spent_table('counts an operation', 'ops', @s);
	$self->put('');
	$self->special;
	$self->put("note: $_") for @{$self->{notes} // []};
	$self->put('native: the same 32-bit programs on this host\'s kernel; ' .
		'spread: (max - min) / median of each place');
	$self->save('bench.txt', $self->{text});
	$self->save('bench.csv', $self->csv($rows));
	$self->save('bench.svg', $self->svg($rows)) if @$rows;
	print "written: $self->{o}{out}/bench.txt .csv .svg\n";
}

sub save {
	my ($self, $name, $text) = @_;

	open my $f, '>', "$self->{o}{out}/$name"
		or die "bench: $self->{o}{out}/$name: $!\n";
	print $f $text;
	close $f or die "bench: $name: $!\n";
}

# ---- CSV: a line for each row; times in ns for one operation

sub csv {
	my ($self, $rows) = @_;
	my @names = sort keys %{($self->spent($rows->[0] // '') // {})};
	my $out = join(',', 'row', 'class',
		(map { ("$_ ns", "$_ min", "$_ max", "$_ first") } @places),
		'umbra/native', 'tcg/native', 'tcg/umbra', @names) . "\n";

	for my $row (@$rows) {
		my $s = $self->spent($row) // {};
		my @f = ($row, $self->{compute}{$row} ? 'compute' : 'system');

		for my $p (@places) {
			my @n = sort { $a <=> $b } $self->figures($row, $p);

			push @f, $self->figure($row, $p), @n[0, -1],
				$self->{first}{$row}{$p};
		}
		push @f, map { $self->ratio($row, @$_) } ['umbra', 'native'],
			['tcg', 'native'], ['tcg', 'umbra'];
		push @f, map { $s->{$_} } @names;
		$out .= join(',', map { !defined $_ ? '' :
			/^[\d.]+$/ && /\./ ? sprintf '%.4g', $_ : $_ } @f) . "\n";
	}
	return $out;
}

# ---- SVG: two bars for each row, times native, on a logarithmic scale

use constant { LEFT => 130, WIDTH => 640, HEIGHT => 22, TOP => 46 };

sub svg_x {
	my ($ratio, $from, $to) = @_;

	$ratio = $from if $ratio < $from;
	return LEFT + WIDTH * log($ratio / $from) / log($to / $from);
}

sub svg_text {
	my ($x, $y, $text, $more) = @_;

	return sprintf "<text x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", $x, $y,
		$more // '', $text;
}

sub svg {
	my ($self, $rows) = @_;
	my %r;

	for my $row (@$rows) {
		$r{$row} = [map { $self->ratio($row, $_, 'native') }
			qw(umbra tcg)];
	}
	my @all = grep { defined } map { @$_ } values %r;
	my ($from, $to) = (0.5, 10);
	for (@all) {
		$to *= 10 while $_ > $to;
		$from /= 2 while $_ < $from;
	}
	my $high = TOP + HEIGHT * @$rows + 10;
	my $out = sprintf "<svg xmlns=\"http://www.w3.org/2000/svg\" " .
		"width=\"%d\" height=\"%d\" font-family=\"sans-serif\" " .
		"font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" " .
		"fill=\"white\"/>\n", LEFT + WIDTH + 60, $high + 10;
	$out .= svg_text(LEFT, 16, 'time, as a multiple of native (log scale)');
	for (['#2b6cb0', 'Umbra', 300], ['#c9a227', 'QEMU TCG', 370]) {
		$out .= sprintf "<rect x=\"%d\" y=\"7\" width=\"10\" " .
			"height=\"10\" fill=\"%s\"/>\n", LEFT + $_->[2], $_->[0];
		$out .= svg_text(LEFT + $_->[2] + 14, 16, $_->[1]);
	}
	for (my $tick = $from; $tick <= $to; $tick *= 2) {
		my $x = svg_x($tick, $from, $to);

		$out .= sprintf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" " .
			"y2=\"%d\" stroke=\"%s\"/>\n", $x, $x, TOP - 6, $high,
			$tick == 1 ? 'black' : '#ddd';
		$out .= svg_text($x, TOP - 10, "$tick", ' text-anchor="middle"');
	}
	for my $i (0 .. $#$rows) {
		$out .= $self->svg_row($rows->[$i], $r{$rows->[$i]},
			TOP + HEIGHT * $i, $from, $to);
	}
	return $out . "</svg>\n";
}

sub svg_row {
	my ($self, $row, $ratios, $y, $from, $to) = @_;
	my $zero = svg_x(1, $from, $to);
	my $out = svg_text(LEFT - 6, $y + 13, $row, ' text-anchor="end"');

	for my $i (0, 1) {
		my $r = $ratios->[$i] // next;
		my $x = svg_x($r, $from, $to);
		my ($a, $b) = $x < $zero ? ($x, $zero) : ($zero, $x);

		$out .= sprintf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" " .
			"height=\"8\" fill=\"%s\"/>\n", $a, $y + 9 * $i,
			$b - $a > 1 ? $b - $a : 1,
			('#2b6cb0', '#c9a227')[$i];
		$out .= svg_text($b + 3, $y + 9 * $i + 8, three($r),
			' font-size="9"');
	}
	return $out;
}

1;
