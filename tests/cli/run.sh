#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh - the umbra command from outside: bad input, exit statuses, signals.
#
# usage: run.sh UMBRA [GUESTDIR]
#
# The guests are a few machine instructions behind a Multiboot header, made
# here. GUESTDIR may have vmlinuz-686; what needs it is left out without. One
# line a test, then "N passed, N failed".
set -u

[ $# -ge 1 ] || {
	echo "usage: run.sh UMBRA [GUESTDIR]" >&2
	exit 2
}
umbra=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
kernel=
[ -e "${2:-}/vmlinuz-686" ] && kernel=$(cd "$2" && pwd)/vmlinuz-686
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
passed=0
failed=0

result() { # name, what is wrong ('' if nothing)
	if [ -z "$2" ]; then
		echo "ok cli: $1"
		passed=$((passed + 1))
	else
		echo "FAIL cli: $1: $2"
		failed=$((failed + 1))
	fi
}

# What root is told of its privileges is no matter of these tests.
privileges="^umbra: running as root"

# status, pattern for standard error ('' for silence), arguments
judge() {
	want=$1
	pattern=$2
	grep -v "$privileges" err >err.rest
	mv err.rest err
	lines=$(wc -l <err)
	why=
	if [ "$status" != "$want" ]; then
		why="status $status, not $want; $(head -n 1 err)"
	elif [ -z "$pattern" ] && [ -s err ]; then
		why="says: $(head -n 1 err)"
	elif [ -n "$pattern" ] && ! grep -q -e "^umbra: .*$pattern" err; then
		why="'$(head -n 1 err)' lacks '$pattern'"
	elif [ -n "$pattern" ] && [ "$lines" != 1 ]; then
		why="$lines lines instead of one"
	fi
}

try() { # name, status, pattern, arguments of umbra
	name=$1
	want=$2
	pattern=$3
	shift 3
	timeout -k 5 60 "$umbra" "$@" </dev/null >out 2>err
	status=$?
	judge "$want" "$pattern"
	[ "$want" != 0 ] && [ -z "$why" ] && [ -s out ] &&
		[ "$name" = "${name#guest}" ] && why="speaks on standard output"
	result "$name" "$why"
}

# Machine code in hexadecimal behind a Multiboot header with address fields.
image() { # file, code
	perl -e '
		my ($file, $code) = @ARGV;
		my ($magic, $flags, $at) = (0x1badb002, 0x10000, 0x100000);
		open my $f, ">", $file or die;
		binmode $f;
		print $f pack("V8", $magic, $flags,
			-($magic + $flags) & 0xffffffff, $at, $at, 0, 0,
			$at + 32), pack("H*", $code);
		close $f or die;
	' "$1" "$(printf %s "$2" | tr -d ' ')"
}

# Waits for the background process $pid, within reason.
await() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		kill -0 $pid 2>/dev/null || break
		sleep 1
	done
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	status=$?
}

# ---- usage: status 2 and one line

try 'no command' 2 'umbra --help'
try 'unknown command' 2 "'walk'" walk
try 'unknown option' 2 '--kvm' run --kvm
try 'no kernel' 2 '--kernel FILE' run
try 'argument that is no option' 2 "'vmlinuz'" run vmlinuz
try 'missing value' 2 '-k' run -k
try 'memory too small' 2 '16M to 3G' run -k x -m 15M
try 'memory too large' 2 '16M to 3G' run -k x -m 4G
try 'memory that is no size' 2 "lots" run -k x -m lots
try 'memory beyond 64 bits' 2 "not a size" run -k x -m 99999999999999999999
try 'debug-exit port' 2 '0xf4' run -k x --debug-exit 70000
try 'unknown log' 2 "'nonsense'" run -k x -d mmu,nonsense
try 'unknown inject word' 2 "'no-such'" run -k x --inject no-such
try 'inject without its number' 2 'fail-fill=N' run -k x --inject fail-fill
try 'gdb nowhere' 2 "--gdb 70000" run -k x --gdb 70000
try "no-sandbox with a value" 2 "takes no value" run -k x --no-sandbox=1

# ---- files: status 1 and one line

: >empty
perl -e 'srand 7; print chr rand 256 for 1 .. 65536' >random
head -c 100 random >short
image spin 'ebfe'
head -c 20 spin >cut
perl -e 'print "\x7fELF\1\1\1", "\0" x 9, "\2\0\3\0\1\0\0\0"' >cutelf
try 'missing kernel' 1 'nothing: cannot open' run -k nothing
try 'empty kernel' 1 'empty: the file is empty' run -k empty
try 'random kernel' 1 'random: not a kernel' run -k random
try 'short kernel' 1 'short: not a kernel' run -k short
try 'kernel cut in its header' 1 'cut: truncated' run -k cut
try 'ELF cut in its header' 1 'cutelf: ' run -k cutelf
try 'directory as kernel' 1 'irectory' run -k /
try 'endless kernel' 1 '/dev/zero: larger' run -k /dev/zero -m 16M
try '64-bit ELF' 1 '64-bit' run -k "$umbra"
try 'missing initrd' 1 'nothing: cannot open' run -k spin -i nothing
try 'empty initrd' 1 'empty: the file is empty' run -k spin -i empty
try 'directory as initrd' 1 'irectory' run -k spin -i /
head -c 16500000 /dev/zero >large
try 'initrd that does not fit' 1 'large: .*--memory' run -k spin -i large -m 16M
try 'long command line' 1 '5000 bytes' run -k spin \
	-a "$(head -c 5000 /dev/zero | tr '\0' x)"
try 'log file that cannot be' 1 '/no/log' run -k spin -D /no/log
try 'counter file that cannot be' 1 '/no/stats' run -k spin --stats=/no/stats
try 'debug-exit port in use' 1 '0x3f8' run -k spin --debug-exit 0x3f8
if [ "$(id -u)" != 0 ]; then
	cp spin secret
	chmod 0 secret
	try 'unreadable kernel' 1 'Permission denied' run -k secret
fi

if [ -n "$kernel" ]; then
	head -c 2000000 "$kernel" >part
	try 'truncated bzImage' 1 'part: truncated' run -k part
	try 'bzImage without memory' 1 '--memory' run -k "$kernel" -m 16M
	try 'bzImage, long command line' 1 '3000 bytes' run -k "$kernel" \
		-a "$(head -c 3000 /dev/zero | tr '\0' x)"
	head -c 50000000 /dev/zero >large
	try 'bzImage, large initrd' 1 'do not fit' run -k "$kernel" -i large \
		-m 64M
fi

# ---- help, version, doctor

try 'help' 0 '' --help
grep -q -e "--debug-exit" out && why= || why="no"
result "help names the options" "$why"
try 'version' 0 '' --version
grep -q -E "^umbra [0-9]+\.[0-9]+" out && why= || why=$(cat out)
result "version number" "$why"
try 'doctor' 0 '' doctor
for word in seccomp FSGSBASE BMI2 max_map_count memory userfaultfd; do
	grep -q "$word" out && why= || why='not found'
	result "doctor tells of $word" "$why"
done
if [ -e /dev/full ]; then
	"$umbra" --help >/dev/full 2>err
	status=$?
	judge 1 'standard output'
	result 'help to a full disk' "$why"
fi
grep -q /dev/kvm "$umbra" && why='names /dev/kvm' || why=
result 'does not know /dev/kvm' "$why"

# ---- guests: out 0xf4 with 7; ACPI S5; keyboard reset; ud2 without an IDT

exit7='b0 07 66 ba f4 00 ee eb fe'
image exit7 "$exit7"
image poweroff '66 ba 04 06 66 b8 00 20 66 ef f4 eb fd'
image reset 'b0 fe e6 64 f4 eb fd'
image triple '0f 0b eb fe'
image hello '66 ba f8 03 b0 68 ee b0 69 ee b0 0a ee 66 ba f4 00 b0 00 ee eb fe'
# polls the UART and gives debug-exit the first byte of input
image input '66 ba fd 03 ec a8 01 74 f7 66 ba f8 03 ec 66 ba f4 00 ee eb fe'
try 'guest: debug-exit gives the status' 7 '' run -k exit7 --debug-exit 0xf4
try 'guest: power-off gives 0' 0 '' run -k poweroff
try 'guest: reset gives 0 under --no-reboot' 0 '' run -k reset --no-reboot
try 'guest: triple fault gives 0 under --no-reboot' 0 'triple-faulted' \
	run -k triple --no-reboot
try 'guest: console output' 0 '' run -k hello --debug-exit 244
[ "$(cat out)" = hi ] && why= || why="'$(cat out)'"
result 'guest: console output arrives' "$why"
try 'guest: counters to a file' 7 '' run -k exit7 --debug-exit 0xf4 \
	--stats=stats.json
perl -e 'local $/; $_ = <STDIN>; exit !/^\s*\{.*\}\s*$/s' <stats.json &&
	why= || why='not JSON'
result 'guest: counters are JSON' "$why"

timeout -k 5 60 "$umbra" run -k triple >out 2>err </dev/null
status=$?
tail -n 1 err >last && mv last err
judge 1 'triple-faults at each start'
result 'guest: endless triple faults end' "$why"

printf A | timeout -k 5 60 "$umbra" run -k input --debug-exit 0xf4 >out 2>err
status=$?
judge 65 ''
result 'guest: input from a pipe' "$why"

timeout -k 5 60 "$umbra" run -k hello --debug-exit 0xf4 >/dev/full 2>err </dev/null
status=$?
case $status in
0 | 1) judge 1 'standard output' ;;
*) why="status $status" ;;
esac
result 'guest: console output to a full disk' "$why"

timeout -k 5 60 "$umbra" run -k hello --debug-exit 0xf4 --no-sandbox \
	>out 2>err </dev/null
status=$?
judge 0 "--no-sandbox: "
result "guest: --no-sandbox warns in one line" "$why"

# A signal to a guest that spins: counters, then the end that a parent expects.
"$umbra" run -k spin >out 2>err </dev/null &
pid=$!
sleep 1
kill -USR1 $pid 2>/dev/null
sleep 1
kill -TERM $pid 2>/dev/null
await
why=
[ $status = 143 ] || why="status $status"
[ -s err ] || why="$why no counters"
result 'guest: SIGUSR1 prints counters, SIGTERM ends' "$why"

"$umbra" run -k spin >out 2>err </dev/null &
pid=$!
sleep 1
kill -HUP $pid 2>/dev/null
await
judge 1 'terminal is gone'
result 'guest: hang-up ends' "$why"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
