#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sensitive.pl - proves that tests/sensitive.def, the instruction table and the
# guest tests agree, and runs the tests.
#
# usage: sensitive.pl [--qemu] SRCDIR UMBRA GUESTDIR
#
# One test a row of sensitive.def: its classes are those of the instruction
# table, and its sub-tests passed at each privilege. Then, over the table:
# every row in C or inline is listed, nothing listed is a copy, the seventeen
# are there, vector rows are gated, no sub-test is missing from the list. Last,
# each of these checks is shown a fault, which it must find. With --qemu, QEMU's
# TCG runs the guests, and what they skip there counts. Ends with "N passed,
# N failed".
use strict;
use warnings;

my $qemu = @ARGV && $ARGV[0] eq "--qemu" ? shift @ARGV : undef;
@ARGV == 3 or die "usage: sensitive.pl [--qemu] SRCDIR UMBRA GUESTDIR\n";
my ($src, $umbra, $guests) = @ARGV;

my @privs = qw(real vm86 ring0 ring1 ring2 ring3);
my @silent = qw(SGDT SIDT SLDT SMSW STR PUSHF POPF LAR LSL VERR VERW PUSH_SEG
	POP_SEG MOV_FROM_SEG MOV_TO_SEG CALLF CALLF_IND JMPF JMPF_IND RETF INT);
my $system_class = qr/^(INL|HLP|END)$/;

# --- reading

# The rows of optab*.def: [identity, class, gate, names a vector register]
sub read_optab {
	my %gates;
	my @rows;

	open my $c, "<", "$src/translator/optab.c" or die "optab.c: $!\n";
	while (<$c>) {
		$gates{$1} = $2 if /^#define ISA_(\w+)\s+ISA\(\w+,\s*(\w+)\)/;
	}
	for my $file (glob "$src/translator/optab_*.def") {
		open my $f, "<", $file or die "$file: $!\n";
		while (<$f>) {
			/^V?(?:ROW8?|ALT)\s*\((.*)\)\s*$/ or next;
			my @col = map { s/^\s+|\s+$//gr } split /,/, $1;
			my $vex = /^V/ ? 1 : 0;
			my @kinds = @col[7 .. 8 + $vex];
			my $isa = $col[13 + $vex];
			my $gate = $isa eq "_" ? "NONE" : $gates{$isa};

			defined $gate or die "$file: ISA_$isa is unknown\n";
			push @rows, { op => $col[5], cls => $col[6],
				gate => $gate, file => $file,
				vector => scalar grep(/^(MMX|XMM|ST)$/,
						      @kinds) };
		}
	}
	@rows > 1000 or die "only " . @rows . " rows of optab*.def read\n";
	return \@rows;
}

sub read_def {
	my @list;

	open my $f, "<", "$src/tests/sensitive.def" or
		die "sensitive.def: $!\n";
	while (<$f>) {
		next if /^#/ || /^\s*$/;
		my @col = split;
		@col == 6 or die "sensitive.def:$.: six columns, please\n";
		push @list, { name => $col[0], kind => $col[1],
			native => $col[2], test => $col[5],
			classes => [ grep { $_ ne "-" } split /,/, $col[3] ],
			ops => [ split /,/, $col[4] ], line => $. };
	}
	return \@list;
}

# --- running

sub machine {
	my $elf = "$guests/$_[0].elf";

	return "timeout 120 qemu-system-i386 -accel tcg -cpu max -m 64M " .
		"-kernel $elf -display none -serial stdio -no-reboot " .
		"-device isa-debug-exit,iobase=0xf4,iosize=4" if $qemu;
	return "timeout 60 $umbra run --kernel $elf --debug-exit 0xf4 " .
		"--no-reboot -m 64M";
}

# What each sub-test of a guest came to: ok, FAIL, skip; undef: never ended.
sub run_guest {
	my ($guest) = @_;
	my (%got, $ended);

	open my $p, "-|", machine($guest) . " 2>&1 </dev/null" or
		die "$guest: $!\n";
	while (<$p>) {
		$ended = 1 if /^# \d+ passed/;
		/^(ok|FAIL|skip) ([^\s:]+)/ or next;
		$got{$2} = $1 if !$got{$2} || $1 eq "FAIL" || $got{$2} eq "ok";
	}
	close $p;
	return $ended ? \%got : undef;
}

sub run_all {
	my ($list) = @_;
	my %results;

	for my $row (@$list) {
		my $guest = guest_of($row->{test});
		$results{$guest} = run_guest($guest)
			if !exists $results{$guest};
	}
	return \%results;
}

sub guest_of {
	my ($test) = @_;

	return "sensitive_$1" if $test =~ m{^(\w+):};
	return $1 if $test =~ m{^(\w+)/};
	die "sensitive.def: no test '$test'\n";
}

# --- judging. Each gives a list of complaints.

sub wrong_classes {
	my ($row, $optab) = @_;
	my %want = map { $_ => 1 } @{ $row->{classes} };
	my (@bad, %got);

	for my $op (@{ $row->{ops} }) {
		my @rows = grep { $_->{op} eq $op } @$optab;

		push @bad, "$op has no row in optab*.def"
			if %want && !@rows;
		push @bad, "$op has a row in optab*.def"
			if !%want && @rows;
		$got{$_->{cls}} = 1 for @rows;
	}
	push @bad, "class $_ is not listed" for grep { !$want{$_} } keys %got;
	push @bad, "no row has class $_" for grep { !$got{$_} } keys %want;
	push @bad, "a sensitive instruction is copied" if $got{COPY};
	return @bad;
}

sub wrong_tests {
	my ($row, $results) = @_;
	my $got = $results->{guest_of($row->{test})};
	my ($name) = $row->{test} =~ m{[:/](.*)};
	my @bad;

	return "the guest did not end" if !$got;
	for my $sub ($row->{test} =~ /:/ ? map { "$name.$_" } @privs : $name) {
		my $r = $got->{$sub} // "was not run";

		push @bad, "$sub: $r" unless $r eq "ok" ||
			($qemu && $r eq "skip");
	}
	return @bad;
}

sub unlisted_rows {
	my ($list, $optab) = @_;
	my %listed = map { $_ => 1 } map { @{ $_->{ops} } } @$list;
	my %bad;

	for (@$optab) {
		$bad{"$_->{op} is $_->{cls} and not in sensitive.def"} = 1
			if $_->{cls} =~ $system_class && !$listed{$_->{op}};
	}
	return sort keys %bad;
}

sub missing_silent {
	my ($list) = @_;
	my %have = map { $_ => 1 } map { @{ $_->{ops} } }
		grep { $_->{native} eq "silent" } @$list;

	return map { "$_ is not listed as silent" } grep { !$have{$_} } @silent;
}

sub ungated_rows {
	my ($optab) = @_;
	my %bad;

	for (@$optab) {
		$bad{"$_->{op} names vector registers and has no gate"} = 1
			if $_->{vector} && $_->{gate} eq "NONE";
	}
	return sort keys %bad;
}

sub unlisted_tests {
	my ($list, $results) = @_;
	my %listed = map { $_->{test} => 1 } @$list;
	my %bad;

	for my $guest (sort keys %$results) {
		my ($short) = $guest =~ /^sensitive_(\w+)/ or next;

		for (keys %{ $results->{$guest} // {} }) {
			my ($name) = /^(.*)\.\w+$/ or next;

			$bad{"$short:$name is in no row"} = 1
				if !$listed{"$short:$name"};
		}
	}
	return sort keys %bad;
}

# --- the checks shown a fault

# A copy of a list of rows, one of them changed.
sub changed {
	my ($rows, $pick, %with) = @_;
	my $done;

	return [ map { !$done && $pick->($_) && ($done = 1) ?
		{ %$_, %with } : $_ } @$rows ];
}

sub op_is {
	my ($op) = @_;

	return sub { $_[0]{op} eq $op };
}

sub self_test {
	my ($list, $optab, $results) = @_;
	my ($sgdt) = grep { $_->{name} eq "sgdt" } @$list;
	my ($vmx) = grep { $_->{name} eq "vmx" } @$list;
	my @less = grep { $_->{name} ne "sgdt" } @$list;
	my $guest = guest_of($sgdt->{test});
	my $failed = { %$results, $guest => { %{ $results->{$guest} // {} },
		"sgdt.ring3" => "FAIL" } };
	my $gone = { %$results, $guest => { %{ $results->{$guest} // {} } } };
	delete $gone->{$guest}{"sgdt.vm86"};

	return (
		[ "a copied instruction", wrong_classes($sgdt,
			changed($optab, op_is("SGDT"), cls => "COPY")) ],
		[ "another class", wrong_classes($sgdt,
			changed($optab, op_is("SGDT"), cls => "INL")) ],
		[ "a row that is gone", wrong_classes($sgdt,
			[ grep { $_->{op} ne "SGDT" } @$optab ]) ],
		[ "a row that is new", wrong_classes($vmx,
			changed($optab, op_is("SGDT"), op => "VMCALL")) ],
		[ "an unlisted row", unlisted_rows(\@less, $optab) ],
		[ "one of the seventeen missing", missing_silent(\@less) ],
		[ "an ungated row", ungated_rows(changed($optab,
			op_is("ADDPS"), gate => "NONE")) ],
		[ "a failed test", wrong_tests($sgdt, $failed) ],
		[ "a test not run", wrong_tests($sgdt, $gone) ],
		[ "a guest that hangs", wrong_tests($sgdt,
			{ %$results, $guest => undef }) ],
		[ "an unlisted test", unlisted_tests(\@less, $results) ],
	);
}

# --- the report

my ($passed, $failed) = (0, 0);

sub verdict {
	my ($what, @bad) = @_;

	if (@bad) {
		print "FAIL $what: $_\n" for @bad;
		$failed++;
	} else {
		print "ok $what\n";
		$passed++;
	}
}

my ($optab, $list) = (read_optab(), read_def());
my $results = run_all($list);
my $subs = 0;

for my $row (@$list) {
	verdict("$row->{name} ($row->{test})", wrong_classes($row, $optab),
		wrong_tests($row, $results));
	$subs += $row->{test} =~ /:/ ? @privs : 1;
}
verdict("every row in C or inline is listed", unlisted_rows($list, $optab));
verdict("the seventeen are listed", missing_silent($list));
verdict("vector rows are gated", ungated_rows($optab));
verdict("every sub-test is listed", unlisted_tests($list, $results));
for (self_test($list, $optab, $results)) {
	my ($what, @found) = @$_;

	verdict("finds $what", @found ? () : "not found");
}
my %ops = map { $_ => 1 } map { @{ $_->{ops} } } @$list;
printf "# %d rows, %d instructions, %d sub-tests, %d rows of the table\n",
	scalar @$list, scalar keys %ops, $subs, scalar @$optab;
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
