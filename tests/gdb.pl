#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# gdb.pl - gdb, by --gdb, on a bare guest (tests/gdb/guest.c) and on kernels
# that boot.
#
# usage: gdb.pl [--long] [-v] SRCDIR UMBRA GUESTDIR [SESSION...]
#
# A session is one run of umbra and a number of gdbs, one after the other, each
# with a script and the lines that it must print, in their order. What is behind
# "^C TEXT" in a script sends the gdb SIGINT when it has printed TEXT. Then
# umbra's own end is judged. Prints a line for each expectation and ends with "N
# passed, N failed". --long: both kernels, and the sessions once more under
# --inject. -v prints all that gdb says.
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my ($long, $verbose);
while (@ARGV && $ARGV[0] =~ /^-/) {
	my $o = shift;
	if ($o eq "--long") { $long = 1 }
	elsif ($o eq "-v") { $verbose = 1 }
	else { die "gdb.pl: unknown option $o\n" }
}
die "usage: gdb.pl [--long] [-v] SRCDIR UMBRA GUESTDIR [SESSION...]\n"
	if @ARGV < 3;
my ($srcdir, $umbra, $guests, @only) = @ARGV;
my $dir = tempdir(CLEANUP => 1);
my ($passed, $failed) = (0, 0);
my $limit = 60;
my %child; # pids we started
$ENV{LC_ALL} = "C";
$| = 1;

sub result($$) {
	my ($ok, $what) = @_;
	print $ok ? "ok" : "FAIL", " gdb: $what\n";
	$ok ? $passed++ : $failed++;
	return $ok;
}

# Each child leads a group: what it started goes with it.
END {
	kill "-KILL", keys %child if %child;
}
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

# --- processes

sub start {
	my ($out, @cmd) = @_;
	my $pid = fork() // die "fork: $!\n";
	if (!$pid) {
		setpgrp(0, 0);
		open(STDIN, "<", "/dev/null");
		open(STDOUT, ">", $out) or die "$out: $!\n";
		open(STDERR, ">&", \*STDOUT);
		exec @cmd or die "$cmd[0]: $!\n";
	}
	$child{$pid} = 1;
	return $pid;
}

# Status of a child, or undef when it does not end in time.
sub finish {
	my ($pid, $seconds) = @_;
	my $until = time + $seconds;
	while (time < $until) {
		if (waitpid($pid, WNOHANG) == $pid) {
			delete $child{$pid};
			return $? & 127 ? "signal " . ($? & 127) : $? >> 8;
		}
		sleep 0.01;
	}
	kill "-KILL", $pid;
	waitpid($pid, 0);
	delete $child{$pid};
	return undef;
}

sub slurp {
	my ($file) = @_;
	local $/;
	open(my $h, "<", $file) or return "";
	my $t = <$h>;
	return $t // "";
}

# Runs a gdb on a script; its output. kills: it is killed when it has printed
# that.
sub gdb {
	my ($script, $kills) = @_;
	my (@lines, @ints);
	for (split /\n/, $script) {
		if (/^\^C (.*)/) { push @ints, $1 } else { push @lines, $_ }
	}
	open(my $h, ">", "$dir/script") or die "$dir/script: $!\n";
	print $h join("\n", "set pagination off", "set confirm off",
		"set width 0", "set style enabled off", @lines), "\n";
	close $h;
	pipe(my $r, my $w) or die "pipe: $!\n";
	my $pid = fork() // die "fork: $!\n";
	if (!$pid) {
		setpgrp(0, 0);
		open(STDIN, "<", "/dev/null");
		open(STDOUT, ">&", $w);
		open(STDERR, ">&", $w);
		exec "gdb", "-nx", "-q", "-batch", "-x", "$dir/script"
			or die "gdb: $!\n";
	}
	$child{$pid} = 1;
	close $w;
	my ($text, $until) = ("", time + $limit);
	my $sel = IO::Select->new($r);
	while (time < $until) {
		if ($sel->can_read(0.1)) {
			last unless sysread($r, $text, 65536, length $text);
		}
		if (@ints && $text =~ /^\Q$ints[0]\E$/m) {
			shift @ints;
			sleep 0.4;
			kill "INT", $pid;
		}
		if (defined $kills && $text =~ /^\Q$kills\E$/m) {
			kill "KILL", $pid;
			last;
		}
	}
	my $status = finish($pid, 5);
	$text .= "gdb.pl: gdb did not end\n" unless defined $status;
	print $text =~ s/^/    /mgr if $verbose;
	return $text;
}

# Each pattern must match a line behind that of the one before.
sub expect {
	my ($name, $text, @want) = @_;
	my @lines = split /\n/, $text;
	my $at = 0;
	for my $want (@want) {
		my $i = $at;
		$i++ while $i < @lines && $lines[$i] !~ $want;
		if (result($i < @lines, "$name: $want")) {
			$at = $i + 1;
		} else {
			print "    expected behind: ", $lines[$at - 1] // "",
				"\n", map { "    | $_\n" }
				@lines[$at .. ($#lines < $at + 25 ? $#lines :
					       $at + 25)];
			return;
		}
	}
}

my ($inject, $keep_socket);
# Starts umbra with gdb at a socket; its pid.
sub machine {
	my ($where, @args) = @_;
	unlink "$dir/out";
	unlink "$dir/s" unless $keep_socket;
	my $pid = start("$dir/out", "timeout", "-k", 5, 2 * $limit, $umbra,
		"run", "--no-reboot", "--gdb", $where,
		$inject ? ("--inject", $inject) : (), @args);
	return $pid;
}

sub wait_socket {
	my ($path) = @_;
	for (1 .. 500) {
		return if -S $path;
		sleep 0.01;
	}
}

my $sock = "$dir/s";
my $bare = "tests/gdb/guest.elf";
my $attach = "file $bare\ntarget remote $sock\n";

sub bare {
	my ($name, @parts) = @_; # [script, patterns...] a gdb
	my $pid = machine("unix:$sock,wait", "-k", $bare, "-m", "64M",
		"--debug-exit", "0xf4");
	wait_socket($sock);
	for my $p (@parts) {
		my ($script, @want) = @$p;
		my $kills;
		$kills = shift @want if @want && !ref $want[0];
		expect($name, gdb($attach . $script, $kills), @want);
	}
	my $status = finish($pid, 20);
	my $out = slurp("$dir/out");
	my $ok = defined $status && $status eq "0" && $out =~ /^# .* passed/m &&
		$out !~ /^FAIL/m;
	result($ok, "$name: the guest ends well") or
		print "    status ", $status // "none", "\n",
			$out =~ s/^/    /mgr;
}

# --- the bare guest

# gdb's side of guest.c: each of these leads from one ask() to the next
my $ask = "break ask\ncontinue\n";
sub wants { return sprintf("set var wanted = %s\n", $_[0]) }

my %sessions;
my @order;
sub session {
	my ($name, $run) = @_;
	push @order, $name;
	$sessions{$name} = $run;
}

session("source", sub {
	bare("source", [$ask . wants(1) . <<'END',
info registers eip cs cr0
break twice
continue
backtrace
next
next
print a
step
info locals
finish
print b
hbreak square
info breakpoints
delete
tbreak guest_main
delete
p square(6)
p/x $eflags & 0x100
detach
END
		qr/^Breakpoint 1, ask/, qr/^eip +0x1/, qr/^Breakpoint 2, twice/,
		qr/^#0 +twice \(n=.*5\)/, qr/^#1 .* serve/, qr/^#2 .* guest_main/,
		qr/square\(n \+ 1\)/, qr/^\$1 = 25/, qr/^square \(n=.*6\)/,
		qr/^Value returned is \$2 = 36/, qr/hw breakpoint/, qr/^\$4 = 36/,
		qr/^\$5 = 0x0/]);
});

session("stops", sub {
	bare("stops", [$ask . wants("0x10") . <<'END',
break *g_simple_2
hbreak *g_simple_3
continue
p $eax
x/i $pc
set $ebx = 41
continue
p $eax
p $ecx
delete
break ask
continue
set var wanted = 0x117
break *g_hot_1
continue
p $ecx
p $cs & 3
continue
p $ecx
ignore 5 500
continue
p $ecx
delete
break ask
continue
set var wanted = 0x12
tbreak *g_calls_2
continue
x/i $pc
END
		qr/^Breakpoint 2, 0x\w+ in g_simple_2/, qr/^\$1 = 1$/,
		qr/^=> .*add +%ebx,%eax/, qr/^Breakpoint 3, .*g_simple_3/,
		qr/^\$2 = 42$/, qr/^\$3 = 0$/, qr/^Breakpoint 5, .*g_hot_1/,
		qr/^\$4 = 100000/, qr/^\$5 = 3/, qr/^Breakpoint 5/,
		qr/^\$6 = 99999/, qr/^Breakpoint 5/,
		qr/^\$7 = 99498/, qr/^Breakpoint 6, ask/,
		qr/^Temporary breakpoint 7, .*g_calls_2/, qr/^=> .*nop/]);
});

# stepi over everything; the line is what "info symbol $pc" says
sub steps {
	my ($n) = @_;
	return join "", map { "stepi\ninfo symbol \$pc\n" } 1 .. $n;
}

session("steps", sub {
	bare("steps", [$ask . wants("0x13") . "break *g_shadow\ncontinue\n" .
			steps(5) . "delete\n$ask" .
			wants("0x14") . "break *g_flags\ncontinue\n" .
			"p/x \$eflags & 0x100\n" . steps(2) . "p/x \$eax & 0x100\n" .
			steps(2) .
			"delete\n$ask" . wants("0x15") .
			"break *g_rep_1\ncontinue\n" .
			"set var \$n = 0\nwhile \$pc == (unsigned)&g_rep_1 && \$n < 9\n" .
			"stepi\nset var \$n = \$n + 1\nend\ninfo symbol \$pc\n" .
			"p \$ecx\n" .
			"delete\n$ask" . wants("0x16") .
			"break *g_soft\ncontinue\n" . steps(2) .
			"p \$cs & 3\ntbreak *g_soft_1\ncontinue\ninfo symbol \$pc\n" .
			"delete\n$ask" . wants("0x118") .
			"break *g_pf_1\ncontinue\nstepi\np \$cs & 3\n" .
			"p/x \$cr2\ndelete\ntbreak *g_pf_2\ncontinue\ninfo symbol \$pc\n" .
			"p \$cs & 3\np *(int *)\$ebx\n" .
			"delete\n$ask" . wants("0x111") .
			"break *g_regs_1\ncontinue\nset \$eax = 0x12345678\n" .
			"set \$xmm3.v4_int32[1] = 77\np \$xmm3.v4_int32[1]\n" .
			"set \$st0 = 2.5\np \$st0\nset \$ecx = -1\n" .
			"set \$eflags = \$eflags | 1\nstepi\n" .
			"p \$eflags & 1\np \$xmm3.v4_int32[1]\np \$st0\n" .
			"tbreak *g_regs_end\ncontinue\np/x cells[15]\n" .
			"x/2xb 0xfffffff0\np cells[0]\n",
		(map { qr/^g_shadow_$_ / } 1 .. 3),
		qr/^g_shadow_3 \+ 1/, qr/^g_shadow_3 \+ 2/,
		qr/^\$1 = 0x0/, qr/^g_flags \+ 1/, qr/^g_flags \+ 2/,
		qr/^\$2 = 0x0/, qr/^g_flags_1 /, qr/^g_flags_1 \+ 1/,
		qr/^g_rep_2 /, qr/^\$3 = 0/,
		qr/^g_soft \+ 1/, qr/trap_stubs/, qr/^\$4 = 0/, qr/^g_soft_1 /,
		qr/^\$5 = 0/, qr/^\$6 = 0x80000000/, qr/^g_pf_2 /,
		qr/^\$7 = 3/, qr/^\$8 = 5/,
		qr/^\$9 = 77/, qr/^\$10 = 2\.5/, qr/^\$11 = 1/, qr/^\$12 = 77/,
		qr/^\$13 = 2\.5/, qr/^\$14 = 0x12345678/,
		qr/Cannot access memory at address 0xfffffff0/]);
});


session("watch", sub {
	# at [ebx], that is cells[8]; both privileges
	my $all = sub {
		my ($n, $what, @stops) = @_;
		return ["delete\n$ask" . wants($n) .
			"$what *(int *)((char *)cells + 32)\n" .
			"continue\ninfo symbol \$pc\n" x @stops .
			"delete\nset var cells[8] = 0\n",
			map { qr/^\Q$_\E / } @stops];
	};
	# gdb says nothing where "watch" finds the old value
	my @w = map { "g_watch_$_" } 3 .. 6;
	my @parts = ($all->("0x19", "watch", @w),
		$all->("0x119", "watch", @w),
		$all->("0x19", "rwatch", "g_watch_1", "g_watch_3"),
		$all->("0x119", "awatch", map { "g_watch_$_" } 1 .. 6),
		["$ask" . wants("0x1a") . <<'END1',
set var cells[8] = -1
watch *(char *)((char *)cells + 34)
continue
info symbol $pc
p/x cells[8]
delete
END1
		qr/^g_string_1 /, qr/^\$1 = 0x0/],
		# the guest's own watchpoint hits beside ours, after detach too
		[$ask . wants(4) . "continue\n" . wants("0x1b") .
		 "awatch *(int *)((char *)cells + 36)\n" .
		 "continue\ninfo symbol \$pc\n" x 2 .
		 "delete\n$ask" . wants(5) . "p cells[8]\n",
		 qr/^g_own_1 /, qr/^g_own_2 /, qr/^\$2 = 6/]);
	bare("watch", [join("", map { shift @$_ } @parts), map { @$_ } @parts]);
});

session("interrupt", sub {
	bare("interrupt", [$ask . wants(2) . <<'END1' . $ask . wants(2) . <<'END2',
delete
echo looping\n
^C looping
continue
info symbol $pc
set var go_on = 1
break ask
continue
set var wanted = 3
echo halting\n
^C halting
continue
x/i $pc - 1
info symbol $pc
set var $pc = halt_out
set var go_on = 0
delete
END1
p result
break endless
continue
echo gone\n
shell sleep 9
END2
		"gone", qr/SIGINT/, qr/^endless/, qr/^Breakpoint 2, ask/,
		qr/SIGINT/, qr/hlt/, qr/^\$1 = 1$/, qr/^Breakpoint \d, endless/],
	["info symbol \$pc\nset var go_on = 1\ndetach\n", qr/^endless/]);
});

# --- without a gdb: packets by hand

sub packet {
	my ($text) = @_;
	my $sum = 0;
	$sum += ord for split //, $text;
	return sprintf "\$%s#%02x", $text, $sum & 255;
}

# What comes back until it matches, or for so many seconds.
sub answer {
	my ($s, $want, $seconds) = @_;
	my ($text, $until) = ("", time + ($seconds // 5));
	my $sel = IO::Select->new($s);
	while ($text !~ $want && time < $until) {
		next unless $sel->can_read(0.05);
		last unless sysread($s, $text, 65536, length $text);
	}
	return $text;
}

sub connect_unix {
	return IO::Socket::UNIX->new(Peer => $sock) // die "$sock: $!\n";
}

session("packets", sub {
	my $pid = machine("unix:$sock,wait", "-k", $bare, "-m", "64M",
		"--debug-exit", "0xf4");
	my $say = sub {
		my ($s, $bytes, $want, $what) = @_;
		local $SIG{PIPE} = "IGNORE";
		my $end = length $bytes;
		for (my $at = 0; $at < $end; ) {
			my $n = syswrite($s, $bytes, $end - $at, $at) or last;
			$at += $n;
		}
		my $got = answer($s, $want);
		result($got =~ $want, "packets: $what") or
			print "    got ", substr($got, 0, 200), "\n";
	};
	my %at = map { /^(\w+) \w (wanted|go_on)$/ ? ($2, $1) : () }
		split /\n/, `nm $bare`;
	wait_socket($sock);
	close connect_unix(); # the guest waits on
	my $s = connect_unix();
	$say->($s, packet("?"), qr/^\+\$T05thread:1;#/, "stopped at the start");
	$say->($s, "+-", qr/^\$T05thread:1;#/, "the reply again after a NAK");
	$say->($s, "\$?#00", qr/^-/, "a wrong sum is refused");
	$say->($s, "\$" . "a" x 100000 . packet("?"), qr/^\+\$T05/,
		"too long, then a new packet");
	$say->($s, "\$" . "a" x 100000 . "#00" . packet("?"), qr/^-\+\$T05/,
		"too long is refused");
	$say->($s, join("", map { chr(int rand 256) } 1 .. 200000) . "#00" x 2 .
		packet("QStartNoAckMode"), qr/\$OK#9a/, "noise");
	$say->($s, packet("?"), qr/^[^+]*\$T05/, "no acknowledgements");
	$say->($s, join("", map { packet($_) } split / /, "m G P8 Z0 " .
		"vCont;c:9 qRcmd,zz Hx M0,ffffffff: Xffffffff,10: " .
		"m100000000,1") . packet("?"),
		qr/(\$E..#.*){9}\$T05/, "bad packets");
	$say->($s, packet("m0,4000"), qr/^\$[0-9a-f]{16000,}#/, "as much as fits");
	$say->($s, packet("s"), qr/^\$T05/, "a step");
	$say->($s, packet("c") . "\x03", qr/^\$T02thread:1;#/,
		"continue and interrupt in one");
	$say->($s, packet("M$at{wanted},4:02000000"), qr/OK/, "a write");
	# the second waits in the queue, the guest stops again as the first goes
	my $second = connect_unix();
	print $s substr(packet("c"), 0, 2);
	close $s;
	$say->($second, packet("?"), qr/^\+\$T05thread/, "the next in the queue");
	# gone without a word, while the guest runs
	syswrite($second, "+" . packet("Z0,100000,1") .
		packet("M$at{go_on},4:01000000") . packet("c"));
	answer($second, qr/OK.*OK/);
	close $second;
	result((finish($pid, 20) // "none") eq "0",
	       "packets: the guest ends well without gdb");
});

session("tcp", sub {
	my $port = 20000 + $$ % 20000;
	my $pid = machine("$port,wait", "-k", $bare, "-m", "64M",
		"--debug-exit", "0xf4");
	sleep 0.5;
	my $other = start("$dir/other", $umbra, "run", "--gdb", $port, "-k",
		$bare);
	result((finish($other, 5) // "none") eq "1" &&
	       slurp("$dir/other") =~ /^umbra: --gdb $port: cannot listen: .*\n$/m,
	       "tcp: a port that is taken is told");
	expect("tcp", gdb("file $bare\ntarget remote :$port\n$ask" .
		wants(1) . "tbreak twice\ncontinue\nkill\n"),
		qr/^Temporary breakpoint 2, twice/, qr/killed/);
	result((finish($pid, 20) // "none") eq "0", "tcp: kill ends umbra");
	# a socket that is left over is taken, one that is in use is not
	my $one = machine("unix:$sock", "-k", $bare, "-m", "64M",
		"--debug-exit", "0xf4");
	result((finish($one, 20) // "none") eq "0",
	       "tcp: without wait the guest runs at once");
	result(-S $sock, "tcp: the socket stays behind");
	$keep_socket = 1;
	$one = machine("unix:$sock,wait", "-k", $bare, "-m", "64M",
		"--debug-exit", "0xf4");
	$keep_socket = 0;
	sleep 0.5;
	$other = start("$dir/other", $umbra, "run", "--gdb", "unix:$sock", "-k",
		$bare);
	result((finish($other, 5) // "none") eq "1", "tcp: a socket in use stays");
	# what is no socket is not ours, one with a full queue answers nobody
	open(my $file, ">", "$dir/file") or die "$dir/file: $!\n";
	print $file "kept";
	close $file;
	$other = start("$dir/other", $umbra, "run", "--gdb", "unix:$dir/file",
		"-k", $bare);
	result((finish($other, 5) // "none") eq "1" && slurp("$dir/file") eq "kept",
	       "tcp: a file that is no socket stays");
	my $full = IO::Socket::UNIX->new(Local => "$dir/full", Listen => 1);
	my @queue = map { IO::Socket::UNIX->new(Peer => "$dir/full") } 1 .. 2;
	$other = start("$dir/other", $umbra, "run", "--gdb", "unix:$dir/full",
		"-k", $bare);
	result((finish($other, 5) // "none") eq "1" && -S "$dir/full",
	       "tcp: a socket with a full queue stays, and is told at once");
	kill "TERM", $one;
	my $end = finish($one, 20) // "none";
	result($end =~ /^(signal 15|143)$/,
	       "tcp: a signal ends umbra while it waits ($end)");
});

# --- kernels

sub kernel {
	my ($kernel) = @_;
	(my $short = $kernel) =~ s/^vmlinuz-//;
	system("sh", "$srcdir/tests/kallsyms.sh", $umbra, $guests, $kernel) == 0
		or return result(0, "$short: symbols");
	my $elf = "$dir/$short.elf";
	system("perl", "$srcdir/tools/map2elf.pl",
	       "$guests/System.map-$short", $elf) == 0
		or return result(0, "$short: an ELF file of symbols");
	my $pid = machine("unix:$sock,wait", "-k", "$guests/$kernel", "-i",
		"$guests/initramfs.gz", "-m", "512M", "-a",
		"console=ttyS0 nokaslr no_timer_check umbra.poweroff");
	wait_socket($sock);
	my $text = gdb("symbol-file $elf\ntarget remote $sock\n" . <<'END');
x/i $pc
break start_kernel
continue
x/3i $pc
stepi
info symbol $pc
stepi
info symbol $pc
print $cr0 & 0x80000001
info registers esp cs
delete
break rest_init
continue
x/2xw &init_task
print (unsigned)panic_timeout
set var *(unsigned *)&panic_timeout = 42
print *(unsigned *)&panic_timeout
delete
break kernel_init
continue
backtrace 3
delete
watch *(unsigned *)&jiffies
continue
info symbol $pc
continue
delete
break path_mount
continue
backtrace 4
finish
delete
monitor translate c1000000
monitor info registers
break run_init_process
continue
delete
detach
END
	expect($short, $text,
		qr/^=> 0x100000:/, qr/^Breakpoint 1, .* in start_kernel/,
		qr/^=> .*<start_kernel>:/, qr/^start_kernel \+|^__fentry__/,
		qr/^start_kernel \+/, qr/^\$1 = 2147483649/, qr/^esp +0xc/,
		qr/^Breakpoint 2, .* in rest_init/,
		qr/^0x\w+ <init_task>:\s+0x\w+\s+0x\w+/, qr/^\$2 = 0/,
		qr/^\$3 = 42/, qr/^Breakpoint 3, .* in kernel_init/,
		qr/^#0 .* in kernel_init/, qr/^#1 .* in ret_from_fork/,
		qr/^Hardware watchpoint 4/, qr/^Old value = (\d+)/,
		qr/^New value = (\d+)/, qr/^do_timer \+|^tick_/,
		qr/^Old value =/, qr/^New value =/,
		qr/^Breakpoint 5, .* in path_mount/, qr/^#0 .* path_mount/,
		qr/^#1 .* in \w+/, qr/^0x\w+ in \w+ \(\)/,
		qr/^c1000000 is at 01000000/, qr/^cs:eip 0060:c/,
		qr/^Breakpoint 6, .* in run_init_process/, qr/detached/);
	my @values = $text =~ /^(?:Old|New) value = (\d+)$/mg;
	result(@values == 4 && $values[1] == $values[0] + 1 &&
	       $values[3] == $values[2] + 1 && $values[2] == $values[1],
	       "$short: jiffies counts by ones: @values");
	my $status = finish($pid, $limit) // "none";
	my $out = slurp("$dir/out");
	result($status eq "0" && $out =~ /reboot: Power down/,
	       "$short: the boot goes on to its end") or
		print "    status $status\n", substr($out, -2000) =~ s/^/    /mgr;
	result($out !~ /BUG|WARNING|Oops|Call Trace|panic/,
	       "$short: nothing is amiss on the console");
}

session("686-pae", sub { kernel("vmlinuz-686-pae") });
session("686", sub { kernel("vmlinuz-686") if $long || grep { $_ eq "686" } @only });

my @injects = $long ? ("", qw(one-insn no-chain helper-sites small-cache
	checked no-trans no-fsgsbase no-uffd no-reuse far)) : ("");
for my $i (@injects) {
	$inject = $i;
	$limit = 60 * ($i ? 6 : 1); # the rare paths are the slow ones
	print "# --inject $i\n" if $i;
	for my $s (@only ? @only : @order) {
		next if $i && $s eq "686";
		die "gdb.pl: no session $s\n" unless $sessions{$s};
		$sessions{$s}->();
	}
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
