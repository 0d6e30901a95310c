#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# generate.pl - writes a C program of many functions for a compiler to chew on.
#
# usage: generate.pl DIR FILES FUNCTIONS
#
# DIR gets FILES sources with FUNCTIONS functions each and a main.c that calls
# them all and prints a checksum of every file. The same each time. What the
# functions compute is defined by the language: unsigned arithmetic, doubles
# of small integers, tables, strings, structures.
use strict;
use warnings;

@ARGV == 3 or die "usage: generate.pl DIR FILES FUNCTIONS\n";
my ($dir, $files, $functions) = @ARGV;
my $state = 20231;

sub rnd {
	my ($n) = @_;

	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return ($state >> 8) % $n;
}

my @names = ("a", "b", "c", "p->x", "p->y", "t[i & 15]");

sub operand {
	return rnd(3) ? $names[rnd(scalar @names)] : sprintf("0x%xu", rnd(65536));
}

sub expression {
	my ($depth) = @_;
	my @ops = qw(+ - * ^ | & + ^);

	return operand() if !$depth;
	return sprintf("(%s %s %u)", expression($depth - 1),
		rnd(2) ? "<<" : ">>", 1 + rnd(30)) if !rnd(6);
	return sprintf("(%s %s (%s | 1u))", expression($depth - 1),
		rnd(2) ? "/" : "%", operand()) if !rnd(7);
	return sprintf("(%s < %s ? %s : %s)", operand(), operand(),
		expression($depth - 1), operand()) if !rnd(8);
	return sprintf("(%s %s %s)", expression($depth - 1), $ops[rnd(8)],
		expression($depth - 1));
}

sub statement {
	my $e = expression(1 + rnd(3));

	return "\ta += $e;" if rnd(4) == 0;
	return "\tfor (i = 0; i < " . (1 + rnd(12)) . "; i++)\n\t\tt[i] ^= $e;"
		if rnd(4) == 0;
	return "\tif ($e & 1)\n\t\tb ^= $e;\n\telse\n\t\tc += a;"
		if rnd(3) == 0;
	return "\tswitch (($e) & 3) {\n" . join("", map {
		"\tcase $_:\n\t\tp->x = " . expression(1) . ";\n\t\tbreak;\n"
	} 0 .. 2) . "\tdefault:\n\t\tp->y++;\n\t}" if rnd(3) == 0;
	return "\td += (double)(a & 0xff) * " . rnd(100) . ".5;\n" .
		"\tb += (unsigned)d;" if rnd(3) == 0;
	return "\tc ^= strlen(word[i & 7]) * " . (1 + rnd(99)) . ";";
}

sub function {
	my ($file, $i) = @_;
	my $text = "static unsigned f${file}_$i(unsigned a, struct pair *p)\n" .
		"{\n\tunsigned b = a ^ " . rnd(99999) . ", c = p->x, i = a & 7;\n" .
		"\tunsigned t[16] = { 1, 2, 3, 4 };\n\tdouble d = 0;\n\n";

	$text .= statement() . "\n" for 1 .. 4 + rnd(10);
	$text .= "\tc += f${file}_" . rnd($i) . "(b & 0xff, p);\n"
		if $i && $i % 5 == 0;
	return $text . "\treturn a ^ b * 3 ^ c * 5 ^ t[i & 15];\n}\n\n";
}

mkdir $dir;
for my $n (0 .. $files - 1) {
	open my $f, ">", "$dir/part$n.c" or die "$dir: $!\n";
	print $f "#include <stdio.h>\n#include <string.h>\n" .
		"#include <stdlib.h>\n\nstruct pair {\n\tunsigned x, y;\n};\n" .
		"static const char *const word[8] = { \"a\", \"bc\", \"def\", " .
		"\"\",\n\t\"ghij\", \"k\", \"lmnop\", \"q\" };\n\n";
	print $f function($n, $_) for 0 .. $functions - 1;
	print $f "unsigned part$n(unsigned a)\n{\n" .
		"\tstruct pair p = { a, $n };\n\n";
	print $f "\ta ^= f${n}_$_(a, &p);\n" for 0 .. $functions - 1;
	print $f "\treturn a ^ p.x ^ p.y;\n}\n";
	close $f or die "$dir: $!\n";
}
open my $f, ">", "$dir/main.c" or die "$dir: $!\n";
print $f "#include <stdio.h>\n\n";
print $f "unsigned part$_(unsigned a);\n" for 0 .. $files - 1;
print $f "\nint main(void)\n{\n\tunsigned n;\n\n" .
	"\tfor (n = 0; n < 100; n++) {\n";
print $f "\t\tprintf(\"$_ %08x\\n\", part$_(n * 77));\n" for 0 .. $files - 1;
print $f "\t}\n\treturn 0;\n}\n";
close $f or die "$dir: $!\n";
