#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mkcpio.pl - writes a newc cpio archive, device nodes included, as any user.
#
# Reads a list from standard input, one entry a line, fields by blanks, names
# relative to the root of the archive; writes the archive to standard output.
# All files belong to root and carry no time, so equal lists give equal bytes.
#
#	dir NAME MODE
#	file NAME MODE SOURCE
#	slink NAME TARGET
#	nod NAME MODE c|b MAJOR MINOR
#
use strict;
use warnings;

my %TYPE = (dir => 0040000, file => 0100000, slink => 0120000,
	    c => 0020000, b => 0060000);
my $ino = 0;
my %seen;

sub put_entry {
	my ($name, $mode, $nlink, $major, $minor, $data) = @_;

	# newc: magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor,
	# devminor, rdevmajor, rdevminor, namesize, check; each part padded to 4
	my $head = sprintf("070701" . "%08X" x 13, $ino++, $mode, 0, 0, $nlink,
			   0, length($data), 0, 0, $major, $minor,
			   length($name) + 1, 0);
	for my $part ($head . $name . "\0", $data) {
		print $part, "\0" x (-length($part) % 4);
	}
}

sub slurp {
	my ($path) = @_;

	open(my $fh, '<:raw', $path) or die "mkcpio.pl: $path: $!\n";
	local $/;
	my $data = <$fh>;
	close($fh) or die "mkcpio.pl: $path: $!\n";
	return defined($data) ? $data : '';
}

sub put_line {
	my ($kind, $name, @arg) = @_;

	if ($kind eq 'dir' && @arg == 1) {
		put_entry($name, $TYPE{dir} | oct($arg[0]), 2, 0, 0, '');
	} elsif ($kind eq 'file' && @arg == 2) {
		put_entry($name, $TYPE{file} | oct($arg[0]), 1, 0, 0,
			  slurp($arg[1]));
	} elsif ($kind eq 'slink' && @arg == 1) {
		put_entry($name, $TYPE{slink} | 0777, 1, 0, 0, $arg[0]);
	} elsif ($kind eq 'nod' && @arg == 4 && $arg[1] =~ /^[cb]$/) {
		put_entry($name, $TYPE{$arg[1]} | oct($arg[0]), 1, $arg[2],
			  $arg[3], '');
	} else {
		return 0;
	}
	return 1;
}

binmode(STDOUT);
while (my $line = <STDIN>) {
	my ($kind, $name, @arg) = split(' ', $line);

	next if !defined($kind) || $kind =~ /^#/;
	die "mkcpio.pl: line $.: no name\n" if !defined($name);
	$name =~ s{^/+}{};
	die "mkcpio.pl: line $.: $name is there twice\n" if $seen{$name}++;
	put_line($kind, $name, @arg)
		or die "mkcpio.pl: line $.: cannot read: $line";
}
$ino = 0;
put_entry('TRAILER!!!', 0, 1, 0, 0, '');
close(STDOUT) or die "mkcpio.pl: standard output: $!\n";
