# SPDX-License-Identifier: GPL-2.0-or-later
#
# watch.pl - what a test wants to know of a running monitor: memory beyond the
# guest's, open files, threads, and whether it grows. Loaded by hostile.pl and
# endure.pl.
use strict;
use warnings;

# The process's memory beyond the guest's, in KiB: what its mappings hold in
# proportion (the code cache is mapped twice), and its page tables.
sub beyond_kb {
	my ($p) = @_;
	my ($sum, $ram) = (0, 0);

	open my $f, "<", "/proc/$p/smaps" or return;
	while (<$f>) {
		if (/^[0-9a-f]+-[0-9a-f]+ /) {
			$ram = m{/memfd:umbra-ram};
		} elsif (!$ram && /^Pss:\s+(\d+)/) {
			$sum += $1;
		}
	}
	close $f;
	open $f, "<", "/proc/$p/status" or return;
	while (<$f>) {
		$sum += $1 if /^VmPTE:\s+(\d+)/;
	}
	return $sum;
}

sub count_dir {
	opendir my $d, $_[0] or return;
	my @n = readdir $d;
	return @n - 2;
}

sub slurp {
	open my $f, "<:raw", $_[0] or return "";
	local $/;
	return <$f> // "";
}

# Beyond guest RAM; the sanitizers need as much again for themselves.
sub ceiling_kb {
	return (slurp($_[0]) =~ /__[au]b?san_/ ? 600 : 200) * 1024;
}

# Between the second and the last third of a long run nothing may grow by more
# than noise. Takes [time, KiB] pairs; "" or what is wrong.
sub growth {
	my @kb = @_;

	return "" if @kb < 30;
	my $third = int(@kb / 3);
	my ($mid, $last) = (0, 0);
	for my $i ($third .. 2 * $third - 1) {
		$mid = $kb[$i][1] if $kb[$i][1] > $mid;
	}
	for my $i (2 * $third .. $#kb) {
		$last = $kb[$i][1] if $kb[$i][1] > $last;
	}
	return "memory grows: $mid KiB, then $last KiB"
		if $last > $mid + 4096 + $mid / 20;
	return "";
}

# KiB a minute over the last two thirds, by least squares.
sub slope {
	my @kb = @_;
	my ($n, $sx, $sy, $sxx, $sxy) = (0, 0, 0, 0, 0);

	for my $i (int(@kb / 3) .. $#kb) {
		my ($x, $y) = (($kb[$i][0] - $kb[0][0]) / 60, $kb[$i][1]);
		$n++;
		$sx += $x;
		$sy += $y;
		$sxx += $x * $x;
		$sxy += $x * $y;
	}
	my $d = $n * $sxx - $sx * $sx;
	return $n > 1 && $d > 0 ? ($n * $sxy - $sx * $sy) / $d : 0;
}

1;
