#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lightcheck.pl - proves that code which runs while the guest's vector
# registers are live neither uses these registers nor calls what might
# (HAZARDS 56).
#
# usage: lightcheck.pl [-v] [--self-test] LIST --code OBJECT...
#		--flow OBJECT... [--self OBJECT...]
#
# --code: the objects that are linked: no instruction with a vector or x87
# operand, no call of libc's memory functions. --flow: the same sources
# compiled without inlining, so that each call is one: every call must lead to
# another light function, to the ways in and out of light code, or, where
# vcpu_fpu_put() has run on every path to the call, to a heavy function that
# LIST names. LIST has one entry a line, each with its reason:
#
#	heavy FUNCTION reason	 in a light file, but runs with the state saved:
#				 not examined; to call it is a heavy call
#	call FUNCTION reason	 heavy, may be called after vcpu_fpu_put()
#	light FUNCTION reason	 assembly or inline code proved otherwise
#	indirect FUNCTION reason function pointers called in it are light
#	state FILE.o reason	 saves and loads the guest's state as instructions of
#				 the guest's ask: such instructions are allowed
#	self FUNCTION reason	 in no light file, puts the state away itself: in
#				 the objects after --self, neither a vector
#				 instruction nor a heavy call comes before that
#
# An entry that nothing needs is an error too (but self and state, which depend
# on the compiler). -v tells each heavy call. Ends
# with "N passed, N failed"; exit status 1 if anything failed.
use strict;
use warnings;
use File::Temp qw(tempdir);

# puts the state away; makes it live again
my %PUT = map { $_ => 1 } qw(vcpu_fpu_put glue_fpu_save);
my %GET = map { $_ => 1 } qw(engine_fpu_get glue_fpu_load glue_enter
			     glue_resume);
# leave light code properly or never come back
my %FREE = (%PUT, %GET, map { $_ => 1 } qw(must_fail log_light_printf
		glue_heavy_log __stack_chk_fail));
my $MEMORY = qr/^(?:__)?(?:mem(?:cpy|set|move|cmp|chr|pcpy)|bcmp|bzero|
		str(?:n?len|n?cpy|n?cmp|n?cat|r?chr|dup|str))(?:_chk)?$/x;

# save or load all of the state or its control words
my $STATE = qr/^(?:fx(?:save|rstor)|xsave|xrstor|fn?(?:save|stenv|stsw|stcw|clex|
		init)|frstor|fldenv|fldcw|v?(?:ld|st)mxcsr)/x;

my ($verbose, $failed, $passed) = (0, 0, 0);

sub finding {
	my ($where, $what) = @_;
	print "FAIL $where: $what\n";
	$failed++;
}

# {function => {file, insns => [{at, op, args, sym, off}]}} of an object; sym
# and off are the target of a call or jump where there is one.
sub disassemble {
	my ($file) = @_;
	my (%fn, %start, $cur, $section);
	open(my $d, "-|", "objdump", "-dr", "-M", "intel", "-w",
	     "--no-show-raw-insn", $file) or die "objdump: $!\n";
	while (<$d>) {
		if (/^Disassembly of section (\S+):/) {
			$section = $1;
		} elsif (/^([0-9a-f]+) <(.+)>:$/) {
			$cur = { file => $file, start => hex $1, insns => [] };
			$fn{$2} = $cur;
			push @{$start{$section}}, [hex $1, $2];
		} elsif (/^\s*([0-9a-f]+):\s+(\S.*)$/ && $cur) {
			my ($at, $text) = (hex $1, $2);
			my ($type, $reloc) = ("");
			($type, $reloc) = ($1, $2) if $text =~
				s/\s+[0-9a-f]+: R_X86_64_(\w+)\s+(\S+)\s*$//;
			# a pointer in memory is not what it points to
			undef $reloc if $text =~ /^(?:call|jmp)\s.*PTR/ &&
				$type !~ /^GOT/;
			$text =~ s/^(?:(?:bnd|notrack|data16|cs|ds|es|ss|rex\S*) )+//;
			my ($op, $args) = split ' ', $text, 2;
			my $i = { at => $at - $cur->{start}, op => $op,
				  args => $args // "" };
			if (defined $reloc) {
				($i->{sym}, $i->{off}) =
					$reloc =~ /^(.*?)([-+]0x[0-9a-f]+)?$/;
				my $n = $i->{off} // 0;
				$i->{off} = ($n =~ s/^-// ? -1 : 1) *
					hex($n =~ s/^\+//r) + 4;
			} elsif ($i->{args} =~ /<([^>+]+)(?:\+0x([0-9a-f]+))?>/) {
				($i->{sym}, $i->{off}) = ($1, hex($2 // 0));
			}
			push @{$cur->{insns}}, $i;
		}
	}
	close($d) or die "objdump cannot read $file\n";
	# a local function named by its section and an offset
	for my $f (values %fn) {
		for my $i (@{$f->{insns}}) {
			my $list = defined $i->{sym} && $start{$i->{sym}}
				or next;
			my ($best) = grep { $_->[0] <= $i->{off} }
				sort { $b->[0] <=> $a->[0] } @$list;
			next unless $best;
			$i->{off} -= $best->[0];
			$i->{sym} = $best->[1];
		}
	}
	return \%fn;
}

sub uses_vectors {
	my ($i) = @_;
	return 1 if $i->{args} =~ /\b(?:[xyz]mm\d+|mm[0-7]|st(?:\(\d\))?|k[0-7])\b/;
	return $i->{op} =~ /^(?:f(?!s:?$)|emms|femms|vzero|v?ldmxcsr|v?stmxcsr|
			     xsave|xrstor|wait)/x;
}

sub is_call { $_[0]{op} eq "call" }
sub is_jump { $_[0]{op} =~ /^(?:j|loop)/ }

sub check_code {
	my ($objects, $list) = @_;
	for my $file (@$objects) {
		my $fn = disassemble($file);
		finding($file, "no code") unless %$fn;
		for my $name (sort keys %$fn) {
			my $bad = 0;
			for my $i (@{$fn->{$name}{insns}}) {
				if (exists $list->{state}{$file} &&
				    $i->{op} =~ $STATE) {
					$list->{state}{$file}++;
				} elsif (uses_vectors($i)) {
					finding("$file: $name+" . $i->{at},
						"$i->{op} $i->{args}");
					$bad = 1;
				}
				if (!exists $list->{heavy}{$name} &&
				    defined $i->{sym} && $i->{sym} =~ $MEMORY) {
					finding("$file: $name+" . $i->{at},
						"calls libc's $i->{sym}");
					$bad = 1;
				}
			}
			$passed++ unless $bad;
		}
	}
}

sub read_list {
	my ($file) = @_;
	my %list = map { $_ => {} } qw(heavy call light indirect self state);
	open(my $f, "<", $file) or die "$file: $!\n";
	while (<$f>) {
		next if /^\s*(?:#|$)/;
		/^(heavy|call|light|indirect|self|state)\s+(\S+)\s+\S/
			or die "$file:$.: not 'KIND FUNCTION reason'\n";
		$list{$1}{$2} = 0;
	}
	return \%list;
}

# For each instruction, whether the state is put away on every path to it.
sub flow {
	my ($name, $insns, $gets) = @_;
	my %index = map { $insns->[$_]{at} => $_ } 0 .. $#$insns;
	my @in = (undef) x @$insns;
	my %entered;	# by fall-through or a direct jump
	my (@next, @opaque, @after);
	for my $k (0 .. $#$insns) {
		my $i = $insns->[$k];
		my @to;
		if (is_jump($i) && defined $i->{sym} && $i->{sym} eq $name) {
			push @to, $index{$i->{off}}
				if defined $index{$i->{off}};
		} elsif ($i->{op} eq "jmp" && !defined $i->{sym}) {
			push @opaque, $k;	# a switch
		}
		my $ends = $i->{op} =~ /^(?:jmp|ret|ud2|hlt|int3)/ ||
			is_call($i) && ($i->{sym} // "") eq "must_fail";
		push @to, $k + 1 if !$ends && $k < $#$insns;
		$next[$k] = \@to;
		$entered{$_} = 1 for @to;
	}
	# what nothing seems to lead to is an arm of a switch
	for my $k (@opaque) {
		push @{$next[$k]}, grep { !$entered{$_} } 1 .. $#$insns;
	}
	my @work = (0);
	$in[0] = 0;
	while (@work) {
		my $k = shift @work;
		my $i = $insns->[$k];
		my $out = $in[$k];
		if (is_call($i) && defined $i->{sym}) {
			$out = 1 if $PUT{$i->{sym}};
			$out = 0 if $GET{$i->{sym}} || $gets->{$i->{sym}};
		}
		for my $t (@{$next[$k]}) {
			my $v = defined $in[$t] ? $in[$t] && $out : $out;
			next if defined $in[$t] && $in[$t] == $v;
			$in[$t] = $v;
			push @work, $t;
		}
	}
	return \@in;
}

# Light functions that may make the state live again before they return.
sub getters {
	my ($fn) = @_;
	my %gets;
	my $more = 1;
	while ($more) {
		$more = 0;
		for my $name (grep { !$gets{$_} && !$PUT{$_} } keys %$fn) {
			next unless grep { defined $_->{sym} &&
				($GET{$_->{sym}} || $gets{$_->{sym}}) }
				@{$fn->{$name}{insns}};
			$gets{$name} = $more = 1;
		}
	}
	return \%gets;
}

sub check_target {
	my ($name, $i, $put, $fn, $list) = @_;
	my $where = "$fn->{$name}{file}: $name+$i->{at}";
	if (!defined $i->{sym}) {
		# the arms of a switch are this function's own
		return 0 if $i->{op} eq "jmp" &&
			$i->{args} =~ /^r\w+$|\*8[-+\]]/;
		return 0 if $put;
		if (exists $list->{indirect}{$name}) {
			$list->{indirect}{$name}++;
			return 0;
		}
		finding($where, "indirect call ($i->{args}) that no list explains");
		return 1;
	}
	my $to = $i->{sym};
	return 0 if $FREE{$to};
	if (exists $list->{light}{$to}) {
		$list->{light}{$to}++;
		return 0;
	}
	my $heavy = exists $list->{heavy}{$to} ? "heavy" :
		exists $list->{call}{$to} ? "call" : undef;
	return 0 if $fn->{$to} && !defined $heavy;
	if (exists $list->{self}{$to}) {
		$list->{self}{$to}++;
		return 0;
	}
	if (!defined $heavy) {
		finding($where, "calls $to, which is not light");
		return 1;
	}
	$list->{$heavy}{$to}++;
	if (!$put) {
		finding($where, "calls $to, which is heavy, and the state " .
			"may still be live");
		return 1;
	}
	print "heavy: $name calls $to\n" if $verbose;
	return 0;
}

sub check_flow {
	my ($objects, $list, $others) = @_;
	my %fn;
	for my $file (@$objects) {
		my $of = disassemble($file);
		while (my ($name, $f) = each %$of) {
			# copies of inline functions are all alike
			$fn{$name} = $f;
		}
	}
	my $gets = getters(\%fn);
	for my $name (sort keys %fn) {
		next if $PUT{$name} || $GET{$name};
		if (exists $list->{heavy}{$name}) {
			$list->{heavy}{$name}++;
			next;
		}
		my $insns = $fn{$name}{insns};
		my $in = flow($name, $insns, $gets);
		my $bad = 0;
		for my $k (0 .. $#$insns) {
			my $i = $insns->[$k];
			next unless defined $in->[$k];
			my $away = is_jump($i) && (defined $i->{sym} ?
				$i->{sym} ne $name : $i->{op} eq "jmp");
			next unless is_call($i) || $away;
			$bad |= check_target($name, $i, $in->[$k], \%fn, $list);
		}
		$passed++ unless $bad;
	}
	check_self($others, $list, \%fn) if $others;
}

# Functions of other files that run light up to their own vcpu_fpu_put().
sub check_self {
	my ($objects, $list, $light) = @_;
	for my $file (@$objects) {
		my $fn = disassemble($file);
		my %all = (%$light, %$fn);
		for my $name (grep { exists $list->{self}{$_} }
			      sort keys %$fn) {
			$passed++ unless self_bad($name, \%all, $fn, $list);
		}
	}
}

sub self_bad {
	my ($name, $all, $fn, $list) = @_;
	my $insns = $fn->{$name}{insns};
	my $in = flow($name, $insns, {});
	my $bad = 0;
	for my $k (grep { defined $in->[$_] && !$in->[$_] } 0 .. $#$insns) {
		my $i = $insns->[$k];
		my $where = "$fn->{$name}{file}: $name+$i->{at}";
		if (uses_vectors($i)) {
			finding($where, "$i->{op} $i->{args} with the state " .
				"live");
			$bad = 1;
		}
		next unless is_call($i) || is_jump($i) &&
			($i->{sym} // $name) ne $name;
		if (defined $i->{sym} && $fn->{$i->{sym}} &&
		    !exists $list->{self}{$i->{sym}}) {
			finding($where, "calls $i->{sym} with the state live");
			$bad = 1;
			next;
		}
		$bad |= check_target($name, $i, 0, $all, $list);
	}
	return $bad;
}

sub check_list {
	my ($list) = @_;
	for my $kind (qw(heavy call light indirect)) {
		for my $name (sort keys %{$list->{$kind}}) {
			next if $list->{$kind}{$name};
			finding("list", "'$kind $name' explains nothing");
		}
	}
}

# --- self-test: what must be found, and what must not

my $GOOD = <<'END';
void vcpu_fpu_put(void *v);
void engine_fpu_get(void *v);
int printf(const char *, ...);
extern int many(int);
int leaf(int a) { return a * 3; }
int fine(void *v, int a)
{
	if (a > 3)
		return leaf(a);
	vcpu_fpu_put(v);
	switch (a) {
	case 0: printf("0"); break;
	case 1: printf("1"); return many(2);
	case 2: printf("2"); break;
	case 3: leaf(7); break;
	default: printf("d");
	}
	return many(a);
}
END

my @BAD = (
	[ "code", "an SSE instruction",
	  "double f(double *p) { return *p * 2; }" ],
	[ "code", "an x87 instruction",
	  "int f(void) { int s; __asm__ volatile(\"fnstsw %%ax\" : \"=a\"(s));"
	  . " return s; }" ],
	[ "code", "an MMX instruction",
	  "void f(void) { __asm__ volatile(\"movd %%eax, %%mm0\" : :); }" ],
	[ "code", "a structure copied by memcpy",
	  "struct s { char a[5000]; }; void *memcpy(void *, const void *, "
	  . "unsigned long); void f(struct s *a, struct s *b) "
	  . "{ memcpy(a, b, sizeof(*a)); }" ],
	[ "flow", "a heavy call with the state live",
	  "int printf(const char *, ...); void f(void) { printf(\"x\"); }" ],
	[ "flow", "a call of something unknown",
	  "void g(void); void f(void) { g(); }" ],
	[ "flow", "a tail call of something unknown",
	  "void g(int); void f(int a) { g(a); }" ],
	[ "flow", "a state put away on one path only",
	  "void vcpu_fpu_put(void *); int printf(const char *, ...);\n"
	  . "void f(void *v, int a) { if (a) vcpu_fpu_put(v); printf(\"x\"); }" ],
	[ "flow", "a state made live again before the call",
	  "void vcpu_fpu_put(void *); void engine_fpu_get(void *);\n"
	  . "int printf(const char *, ...);\n"
	  . "void f(void *v) { vcpu_fpu_put(v); engine_fpu_get(v); "
	  . "printf(\"x\"); }" ],
	[ "flow", "a state made live again by a callee",
	  "void vcpu_fpu_put(void *); void engine_fpu_get(void *);\n"
	  . "int printf(const char *, ...);\n"
	  . "void g(void *v) { engine_fpu_get(v); }\n"
	  . "void f(void *v) { vcpu_fpu_put(v); g(v); printf(\"x\"); }" ],
	[ "self", "a vector instruction before the state is put away",
	  "void vcpu_fpu_put(void *); int many(double);\n"
	  . "void f(void *v, double *p) { *p *= 2; vcpu_fpu_put(v); }",
	  "self f test\n" ],
	[ "self", "a function not listed that runs before that",
	  "void vcpu_fpu_put(void *);\n"
	  . "void g(int *p) { ++*p; }\n"
	  . "void f(void *v) { g(v); vcpu_fpu_put(v); }", "self f test\n" ],
	[ "flow", "a call through a pointer",
	  "void f(void (*p)(void)) { p(); __asm__ volatile(\"\"); }" ],
);

sub self_test_one {
	my ($dir, $kind, $what, $source, $list_text, $want) = @_;
	open(my $c, ">", "$dir/t.c") or die "$dir/t.c: $!\n";
	print $c $source;
	close($c);
	open(my $l, ">", "$dir/list") or die "$dir/list: $!\n";
	print $l $list_text;
	close($l);
	my @flags = $kind ne "code" ?
		qw(-fno-inline -fno-optimize-sibling-calls) : ();
	system($ENV{CC} // "cc", "-O2", "-w", "-fno-pie", "-fno-builtin",
	       @flags, "-c", "-o", "$dir/t.o", "$dir/t.c") == 0
		or die "lightcheck: the compiler fails\n";
	my $out = `$^X $0 $dir/list --$kind $dir/t.o 2>&1`;
	my $got = $? >> 8;
	if ($got == $want) {
		$passed++;
	} else {
		finding("self-test", "$what: status $got, not $want\n$out");
	}
}

sub self_test {
	my $dir = tempdir(CLEANUP => 1);
	my $list = "call printf prints\ncall many test\n";
	for my $kind ("code", "flow") {
		self_test_one($dir, $kind, "correct code", $GOOD,
			      $kind eq "flow" ? $list : "", 0);
	}
	for my $b (@BAD) {
		my ($kind, $what, $source, $entries) = @$b;
		$entries //= $source =~ /printf/ ? "call printf prints\n" : "";
		self_test_one($dir, $kind, $what, $source, $entries, 1);
	}
	self_test_one($dir, "self", "vectors behind vcpu_fpu_put",
		      "void vcpu_fpu_put(void *); void f(void *v, double *p) "
		      . "{ vcpu_fpu_put(v); *p *= 2; }", "self f test\n", 0);
	self_test_one($dir, "flow", "an entry without use", $GOOD,
		      $list . "heavy nothing no reason\n", 1);
}

my ($mode, $list_file, $selftest, %objects) = ("");
for (@ARGV) {
	if ($_ eq "-v") { $verbose = 1 }
	elsif ($_ eq "--self-test") { $selftest = 1 }
	elsif (/^--(code|flow|self)$/) { $mode = $1 }
	elsif ($mode) { push @{$objects{$mode}}, $_ }
	elsif (!defined $list_file) { $list_file = $_ }
	else { undef $list_file; last }
}
if (!defined $list_file && !$selftest || defined $list_file && !%objects) {
	print STDERR "usage: lightcheck.pl [-v] [--self-test] LIST " .
		"--code OBJECT... --flow OBJECT... [--self OBJECT...]\n";
	exit 2;
}
self_test() if $selftest;
if (%objects) {
	my $list = read_list($list_file);
	check_code($objects{code}, $list) if $objects{code};
	if ($objects{flow} || $objects{self}) {
		check_flow($objects{flow} // [], $list, $objects{self});
		check_list($list);
	}
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
