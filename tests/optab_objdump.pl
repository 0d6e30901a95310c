#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# optab_objdump.pl - the instruction table against objdump over whole binaries.
#
# usage: optab_objdump.pl DECODE_LINES FILE...
# Every instruction of the executable sections must have the length and the
# name that objdump gives it; data between functions is compared like any other.
# Files that do not exist are passed over. Ends with "N passed, N failed", in
# files; exit status 0 only if none differs.
use strict;
use warnings;
use File::Temp qw(tempfile);

# our identity => what objdump may call it
my %alias = (
	callf => 'call lcall', callf_ind => 'call lcall', call_ind => 'call',
	jmpf => 'jmp ljmp', jmpf_ind => 'jmp ljmp', jmp_ind => 'jmp',
	cbw => 'cbw cwde cdqe', cwd => 'cwd cdq cqo',
	fstp => 'fstp fstpnce', fcom => 'fcom fcom2',
	jcxz => 'jecxz jrcxz jcxz',
	mov => 'mov movabs', mov_moffs => 'mov movabs',
	mov_from_cr => 'mov', mov_to_cr => 'mov', mov_from_dr => 'mov',
	mov_to_dr => 'mov', mov_from_seg => 'mov', mov_to_seg => 'mov',
	nop_hint => 'nop endbr32 endbr64 rdsspd rdsspq nopw nopl cldemote
		bndldx bndstx bndmov bndcl bndcu bndcn bndmk',
	push_seg => 'push', pop_seg => 'pop', pusha => 'pusha pushaw',
	popa => 'popa popaw', pushf => 'pushf pushfw', popf => 'popf popfw',
	push => 'push pushw', ret => 'ret retw',
	movd => 'movd movq', vmovd => 'vmovd vmovq', xlat => 'xlat xlatb',
	pextrd => 'pextrd pextrq', vpextrd => 'vpextrd vpextrq',
	pinsrd => 'pinsrd pinsrq', vpinsrd => 'vpinsrd vpinsrq',
	nop => 'nop xchg', iret => 'iret iretw iretd iretq',
	retf => 'retf retfw retfq',
	leave => 'leave leavew', fneni => 'fneni(8087',
	fndisi => 'fndisi(8087', enter => 'enter enterw',
	shl => 'shl sal', fwait => 'fwait wait',
	sysret => 'sysret sysretd sysretq', sysexit => 'sysexit sysexitd',
	fxsave => 'fxsave fxsave64', fxrstor => 'fxrstor fxrstor64',
	xsave => 'xsave xsave64', xrstor => 'xrstor xrstor64',
	xsavec => 'xsavec xsavec64', xsaves => 'xsaves xsaves64',
	xrstors => 'xrstors xrstors64', xsaveopt => 'xsaveopt xsaveopt64',
);

# not offered to guests, so #UD by intention (HAZARDS 2); sections contain them
# behind run-time checks
my $not_offered = qr/^(?:xbegin|xend|xtest|xabort|k[a-z]+[bwdq]
	|vfn?m(?:add|sub|addsub|subadd)[sp][sd]
	|vp(?:ternlog|opcnt|rol|ror|conflict|lzcnt).*
	|femms|frstpm\(287|pmulhrw|pf\w+|pi2f\w+|vprot[bwdq]|vpsh[al][bwdq]
	|incssp[dq]|rstorssp
	|saveprevssp|wrssd|wrssq|wrpkru|rdpkru|setssbsy|clrssbsy|umonitor|umwait
	|tpause|vmcall|vmmcall|vmlaunch|vmresume|vmxoff|vmxon|vmread|vmwrite
	|vmclear|vmptrld|vmptrst|vmfunc|invept|invvpid|encl[suv]|getsec|rsm
	|montmul|xsha1|xsha256|xstore-rng|xcrypt-\w+|vmrun|vmload|vmsave|stgi
	|clgi|skinit|invlpga|movdir64b|enqcmds?|pconfig|serialize|xsusldtrk
	|xresldtrk|seamcall|tdcall|seamret|seamops|ptwrite|uiret|senduipi
	|hreset|ldtilecfg|sttilecfg|tile\w+)$/x;

my @prefix = qw(rep repz repnz repe repne lock bnd notrack data16 data32 addr16
	addr32 xacquire xrelease cs ds es ss fs gs rex);
my $prefix = join '|', map { "$_(?:\\.[WRXB]+)?" } @prefix;

sub same_name {
	my ($ours, $theirs) = @_;
	return 1 if $ours eq $theirs;
	return 1 if exists $alias{$ours} &&
		grep { $_ eq $theirs } split ' ', $alias{$ours};
	# predicates and selectors in the name
	(my $plain = $theirs) =~ s/^(v?)cmp[a-z_]+?(ps|pd|ss|sd)$/$1cmp$2/;
	$plain =~ s/^(v?)pclmul[hl]q[hl]qdq$/$1pclmulqdq/;
	return $ours eq $plain;
}

# [bytes, name] of each instruction, in order; undef where a run is broken
sub disassemble {
	my ($file) = @_;
	my (@insns, $mode);
	open my $f, '-|', 'objdump', '-d', '-w', '-z', '-M', 'intel', $file
		or die "objdump: $!";
	while (<$f>) {
		if (/file format (\S+)/) {
			$mode = $1 =~ /x86-64/ ? 64 : 32;
		} elsif (/^\s*[0-9a-f]+:\t((?:[0-9a-f]{2} )+)\s*(?:\t(.*))?$/) {
			my ($bytes, $text) = ($1, $2 // '');
			$bytes =~ tr/ //d;
			$text =~ s/\s*[#<].*//;
			1 while $text =~ s/^(?:\{\w+\} )?(?:$prefix) +(?=\w)//;
			$text =~ s/^\s*(\S+).*/$1/;
			push @insns, [ $bytes, $text ];
		} elsif (/^\S/) {
			push @insns, undef;
		}
	}
	close $f;
	return ($mode, \@insns);
}

# Fifteen bytes from instruction i on, as far as the run goes.
sub window {
	my ($insns, $i) = @_;
	my $s = '';
	while (length $s < 30 && $i < @$insns && $insns->[$i]) {
		$s .= $insns->[$i++][0];
	}
	return substr $s, 0, 30;
}

# Where objdump is lenient, or shows two instructions as one.
sub known {
	my ($mode, $len, $name, $bytes, $theirs) = @_;
	if (!$len) { # #UD of ours
		return 1 if $bytes =~ /^(?:[2367f].|4.)*f0/; # lock misuse
		return 1 if $bytes =~ /^4.c[45]/; # REX before VEX
		return 1 if $bytes =~ /^(?:..)*?8[ce]/ && $theirs eq 'mov';
	}
	return 1 if $name eq 'fwait' && $bytes =~ /^9b/;
	# Intel's processors ignore 66 there
	return $mode == 64 && $bytes =~ /^(?:..)*?66/ &&
		$theirs =~ /^(?:jmp|call|j[a-z]+)w$/;
}

sub compare {
	my ($tool, $file) = @_;
	my ($mode, $insns) = disassemble($file);
	my @i = grep { $insns->[$_] } 0 .. $#$insns;
	my ($bad, %seen) = (0);
	return (0, 0) unless @i;

	my ($out, $tmp) = tempfile(UNLINK => 1);
	print $out window($insns, $_), "\n" for @i;
	close $out;
	open my $in, '-|', "'$tool' $mode <$tmp" or die "$tool: $!";
	for my $i (@i) {
		my ($len, $name) = split ' ', <$in>;
		my ($bytes, $theirs) = @{$insns->[$i]};
		next if $len == length($bytes) / 2 && same_name($name, $theirs);
		# data between functions; a lone prefix
		next if $theirs eq '(bad)' || $theirs eq '' ||
			$theirs =~ /^(?:$prefix|\.byte)$/;
		next if known($mode, $len, $name, $bytes, $theirs);
		next if $bytes =~ /^62/ && $mode == 64; # AVX-512
		next if !$len && $theirs =~ $not_offered;
		$bad++;
		next if $seen{"$name $theirs"}++ > 1 || $bad > 200;
		print "$file: ours $len $name, objdump ",
			length($bytes) / 2, " $theirs: $bytes\n";
	}
	close $in;
	unlink $tmp;
	return (scalar @i, $bad);
}

my ($tool, @files) = @ARGV;
my ($passed, $failed) = (0, 0);
die "usage: optab_objdump.pl DECODE_LINES FILE...\n" unless @files;
for my $file (grep { -r } @files) {
	my ($n, $b) = compare($tool, $file);
	next if !$n;
	print $b ? "FAIL" : "ok", " $file: $n instructions, $b differ\n";
	$b ? $failed++ : $passed++;
}
print "$passed passed, $failed failed\n";
exit($failed || !$passed);
