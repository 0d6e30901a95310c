#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench.sh - tests of "make bench": the rows' results on this host, the sums of
# the report, one row in Umbra, and that a wrong checksum is told.
#
# usage: bench.sh SRCDIR UMBRA GUESTDIR PROGRAMDIR
#
# Where the host runs no 32-bit programs only the report is tested. Ends with
# "N passed, N failed".
set -u

[ $# = 4 ] || {
	echo "usage: bench.sh SRCDIR UMBRA GUESTDIR PROGRAMDIR" >&2
	exit 2
}
bench=$(cd "$1" && pwd)/tools/bench
umbra=$2
guests=$(cd "$3" && pwd)
programs=$(cd "$4" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

is() { # name, got, want
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
		echo "ok bench $1"
	else
		failed=$((failed + 1))
		echo "FAIL bench $1: got '$2', want '$3'"
	fi
}

# Numbers known from elsewhere: primes below 500000 and 4000, the 25th
# Fibonacci number, signals times their number, entries of a tree.
test_rows() {
	cd "$tmp" || return
	export BENCH_BUSYBOX="$guests/busybox"
	for want in sieve:0000a242 bytecode:00000226 fib:00012511 \
		getppid:000003e8 getppid-int80:000003e8 signal:00002710 \
		fork:0000002d exec:00000000 pipe:00000064 mprotect:00001356 \
		smc-shared:00079f2c; do
		row=${want%:*}
		got=$("$programs/bench" "$row" 2 | sed -n 's/.* sum //p')
		is "$row" "$got" "${want#*:}"
	done
	# the others must only come to the same end twice
	for row in $(perl "$bench/bench.pl" --list |
		sed -n '/: special/!s/^\([a-z0-9-]*\) .*/\1/p'); do
		case $row in
		start | first | idle) continue ;;
		esac
		is "$row done" "$("$programs/bench" "$row" 2 | cut -d' ' -f1-5)" \
			"bench: done $row units 2"
	done
	is 'no such row' "$("$programs/bench" none)" \
		'bench: fail none there is no such row'
	is 'nothing left behind' "$(ls)" ''
	cd - >/dev/null || return
}

# Two rows with known times: ratios 2 and 8, geometric mean 4; TCG 3 times
# Umbra and 1.5 times.
test_report() {
	got=$(perl -I"$bench" -MReport -e '
		my $r = Report->new(["a"], ["b"], { out => $ARGV[0] });
		my %ns = (a => { native => [10, 30, 20], umbra => [40, 40, 10],
			tcg => [120, 120, 120] },
			b => { native => [5, 5, 5], umbra => [40, 40, 40],
			tcg => [60, 60, 60] });
		for my $row (qw(a b)) {
			for my $p (keys %{$ns{$row}}) {
				$r->add($row, $p, { ns => $_, units => 1,
					ops => 1, sum => $p eq "tcg" &&
					$row eq "b" ? 2 : 1, total => 1e6,
					wall => 1e-3, stats => {} })
					for @{$ns{$row}{$p}};
			}
		}
		print "a: ", $r->sums_differ("a") // "agree", "\n";
		print "b: ", $r->sums_differ("b") // "agree", "\n";
		$r->finish(["a", "b"], qw(native umbra tcg));
	' "$tmp")
	is 'checksums that agree' "$(echo "$got" | grep '^a: ')" 'a: agree'
	is 'checksums that differ' "$(echo "$got" | grep '^b: ')" \
		'b: 1 in native umbra; 2 in tcg'
	is 'geometric mean' "$(echo "$got" | sed -n \
		's/.*all rows (2) *//p' | tr -s ' ')" '4.00 8.49 2.12'
	is 'of the fastest' "$(echo "$got" | grep -A1 'all rows (2)' |
		sed -n 's/.*fastest runs *//p' | tr -s ' ')" '2.83 12.0 4.24'
	is 'csv' "$(cut -d, -f1-5,15-17 "$tmp/bench.csv" | sed -n 2p)" \
		'a,compute,20,10,30,2,6,3'
	is 'svg is well-formed' "$(perl -ne '$n += () = /<(?:svg|text)\b/g;
		$n -= () = /<\/(?:svg|text)>/g; END { print $n }' \
		"$tmp/bench.svg")" 0
	rm -f "$tmp"/bench.*
}

run() { # programs, row...
	p=$1
	shift
	timeout -k 5 300 perl "$bench/bench.pl" --umbra "$umbra" \
		--guests "$guests" --programs "$p" --out "$tmp/out" \
		--no-tcg --no-perf --repeat 1 "$@" 2>&1
}

# A place that lies: the answers of a native program that got it wrong.
liar() {
	mkdir "$tmp/liar"
	cat >"$tmp/liar/bench" <<-'END'
	#!/bin/sh
	echo bench: ready
	while read -r word row rest; do
		[ "$word" = run ] || exit 0
		echo bench: begin; read -r word
		echo bench: end; read -r word
		echo "bench: done $row units 9 ops 1 ns 9 total 9 sum 00000bad"
	done
	END
	chmod +x "$tmp/liar/bench"
}

test_umbra() {
	mkdir "$tmp/out"
	sh "$bench/../mkinitramfs.sh" "$tmp/out/initramfs.gz" \
		"$guests/busybox" "$programs/bench" "$programs/bench-true"
	got=$(run "$programs" sieve fork)
	is 'rows in Umbra' $? 0
	is 'a line for each row' \
		"$(sed -n 's/^\([a-z]*\),[cs].*,.*/\1/p' "$tmp/out/bench.csv" |
		grep -v row | tr '\n' ' ')" 'sieve fork '
	is 'no warnings of perl' "$(echo "$got" | grep -c ' line [0-9]')" 0
	is 'the code cache is seen' \
		"$(echo "$got" | grep -c 'code cache [1-9]')" 1
	is 'its counters' "$(echo "$got" | grep -c "^Umbra's counters")" 2
	liar
	got=$(run "$tmp/liar" sieve)
	is 'a wrong checksum fails' $? 1
	is 'a wrong checksum is told' "$(echo "$got" |
		sed -n 's/^bench: //p' | head -n 1)" \
		'sieve: the checksums differ: 00000bad in native; 0000a242 in umbra'
}

test_report
if "$programs/bench-true" 2>/dev/null; then
	test_rows
	test_umbra
else
	echo "skip bench rows: this host runs no 32-bit programs"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
