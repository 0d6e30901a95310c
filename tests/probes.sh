#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# probes.sh - looks into guests: symbols, perf and probes.
#
# usage: probes.sh [--long] UMBRA BAREDIR GUESTDIR
#
# BAREDIR has the bare guests, GUESTDIR Debian's kernels. What needs the
# host's perf, or its leave, is left out without it. One line a test, then
# "N passed, N failed".
set -u

long=
[ "${1-}" = --long ] && {
	long=1
	shift
}
[ $# = 3 ] || {
	echo "usage: probes.sh [--long] UMBRA BAREDIR GUESTDIR" >&2
	exit 2
}
src=$(cd "$(dirname "$0")" && pwd)
here=$(pwd)
umbra=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
bare=$(cd "$2" && pwd) || exit 2
guests=$(cd "$3" && pwd) || exit 2
tmp=$(mktemp -d) || exit 1
maps=
trap 'rm -rf "$tmp" $maps' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
export LC_ALL=C
passed=0
failed=0

result() { # name, what is wrong ('' if nothing)
	if [ -z "$2" ]; then
		echo "ok probes: $1"
		passed=$((passed + 1))
	else
		echo "FAIL probes: $1: $2"
		failed=$((failed + 1))
	fi
}

# A bare guest; more options behind its name. Sets status; files out, err.
bare() {
	guest=$1
	shift
	timeout -k 5 60 sh -c 'echo $$ >pid; exec "$@"' sh "$umbra" run \
		-k "$bare/$guest.elf" --debug-exit 0xf4 --no-reboot -m 64M \
		"$@" </dev/null >out 2>err
	status=$?
}

# The perf map of the last run, to be removed at the end.
last_map() {
	map=/tmp/perf-$(cat pid).map
	maps="$maps $map"
}

refused() { # name, status, pattern, options
	name=$1
	want=$2
	pattern=$3
	shift 3
	bare hello "$@"
	why=
	[ $status = "$want" ] || why="status $status"
	grep -q "^umbra: .*$pattern" err || why="$why says: $(head -n 1 err)"
	[ "$(wc -l <err)" = 1 ] || why="$why $(wc -l <err) lines"
	result "$name" "$why"
}

# --- symbols

printf 'rubbish\n' >rubbish
refused 'a symbol file that is none' 1 '--symbols: rubbish: line 1' \
	--symbols rubbish
refused 'no such symbol file' 1 'cannot open' --symbols nowhere
refused 'no such kind of --perf' 2 'use map, jitdump' --perf maps
refused 'no such directory' 1 '--perf: cannot make' --perf jitdump:nowhere

bare hello --symbols "$bare/hello.elf" -d xlat -D log
why=
grep -q '^block [0-9a-f]* <guest_main>: ' log || why='no <guest_main>'
grep -q '^block [0-9a-f]* <[a-z_]*+0x[0-9a-f]*>: ' log || why="$why no offsets"
[ $status = 0 ] || why="$why status $status"
result 'listings have names' "$why"

# --- perf map

# every line is "begin length name"; prints how many
map_check() {
	awk '!/^[0-9a-f]+ [0-9a-f]+ (kernel|user|umbra):[!-~]+$/ { bad = NR }
	END { if (bad) { print "line " bad; exit 1 } print NR " lines" }' "$1"
}

bare hello --symbols "$bare/hello.elf" --perf map
last_map
why=
n=$(map_check "$map") || why="$n"
grep -q ' kernel:guest_main$' "$map" || why="$why no guest_main"
grep -q ' user:add_carry' "$map" || why="$why no user code"
grep -q ' umbra:glue_helper$' "$map" || why="$why no glue"
[ $status = 0 ] || why="$why status $status"
result "perf map of a bare guest ($n)" "$why"

# --- jitdump

mkdir dumps
bare hello --symbols "$bare/hello.elf" --perf jitdump:dumps
why=
n=$(perl "$src/jitdump.pl" dumps/jit-*.dump '^kernel:guest_main$' 2>&1) ||
	why="$n"
[ $status = 0 ] || why="$why status $status"
result "jitdump of a bare guest ($n)" "$why"
bare smc --symbols "$bare/smc.elf" --perf jitdump --inject small-cache
why=
n=$(perl "$src/jitdump.pl" "$PWD"/jit-*.dump '^kernel:' 2>&1) || why="$n"
[ $status = 0 ] || why="$why status $status"
result "jitdump of code that changes ($n)" "$why"
rm -f jit-*.dump

# --- the host's perf

# the name of a function that takes time, from the report of $1
reported() {
	perf report --stdio -i "$1" 2>/dev/null |
		grep -m1 -o 'kernel:[a-z_][a-z_0-9]*'
}

if ! perf record -o probe.data -e cpu-clock true >/dev/null 2>&1; then
	echo "skip probes: perf is not there, or may not look"
else
	sh "$src/kallsyms.sh" "$umbra" "$guests" vmlinuz-686-pae >/dev/null
	perf record -q -e cpu-clock -F 2000 -o map.data timeout 120 \
		sh -c 'echo $$ >pid; exec "$@"' sh "$umbra" run -k "$guests/vmlinuz-686-pae" -i "$guests/initramfs.gz" \
		-m 512M --no-reboot -a "console=ttyS0 quiet nokaslr umbra.poweroff" \
		--symbols "$guests/System.map-686-pae" --perf map </dev/null >out 2>&1
	last_map
	why=
	n=$(map_check "$map") || why="$n"
	f=$(reported map.data) || why="$why no function of the guest's"
	grep -q Power out || why="$why no power-off"
	result "perf report of a boot names the guest's $f ($n)" "$why"

	perf record -q -k mono -e cpu-clock -F 5000 -o jit.data "$umbra" run \
		-k "$bare/hello.elf" --debug-exit 0xf4 --no-reboot -m 64M \
		--symbols "$bare/hello.elf" --perf jitdump \
		</dev/null >out 2>&1
	HOME=$tmp perf inject --jit -i jit.data -o jit2.data >out 2>&1
	why=
	ls jitted-*.so >/dev/null 2>&1 || why="no code: $(head -n 1 out)"
	[ -z "$why" ] && ! objdump -d "$(ls jitted-*.so | tail -n 1)" |
		grep -q '^[0-9a-f]* <.*>:$' && why='code without a name'
	result "perf inject reads the jitdump ($(ls jitted-*.so | wc -l) files)" \
		"$why"
	rm -f jit-*.dump jitted-*.so
fi

# --- probes: what is wrong is one line

lib=$here/tests/probes_lib.so
examples=$here/probes
bad_probe() { # what is wrong, pattern, the probe
	refused "$1" 2 "--probe: .*$2" --probe "$3"
}
bad_probe 'no such library' 'cannot open shared object' ./none.so:f@block
bad_probe 'a library that is none' 'invalid ELF\|too short' ./rubbish:f@block
bad_probe 'no such function' 'has no function none' "$lib:none@block"
bad_probe 'no such event' 'no event' "$lib:mem@loop"
bad_probe 'no such argument' '@port has no insns' "$lib:port@port(insns)"
bad_probe 'a symbol without symbols' 'needs --symbols' \
	"$lib:spoil@block[main]"
refused 'no such symbol' 2 'no symbol nowhere' \
	--symbols "$bare/hello.elf" --probe "$lib:spoil@block[nowhere]"

# --- probes: all that a known guest does is told

probes() { # guest, probes, further options
	guest=$1
	list=$2
	shift 2
	for p in $list; do
		set -- --probe "$p" "$@"
	done
	bare "$guest" --symbols "$bare/$guest.elf" "$@"
}

count="$examples/insncount.so:count@block(la,insns,cpl)
	$examples/insncount.so:uncount@cut(la,insns,cpl)"
args=same,copied,rewritten,inlined,helped,cpl

# n_3001_loop and the like: so many, in each of the runs
for inject in '' one-insn checked helper-sites; do
	probes probes "$count $examples/insncount.so:report@exit(1000)" \
		${inject:+--inject $inject}
	why=$(awk '/% n_[0-9]/ {
		split($3, part, "_")
		name = "n_" part[2] "_" part[3]
		if ($3 ~ /_end$/) # the int that ends the run
			runs[name] = $1
		else
			insns[name] += $1
	} END {
		runs["n_6_function"] = 2
		runs["n_2_stops"] = 1
		runs["n_1_undefined"] = 2
		for (name in insns) {
			split(name, part, "_")
			n++
			if (insns[name] != part[2] * runs[name])
				print name ": " insns[name] " in " runs[name]
		}
		if (n != 11)
			print n " names"
	}' err)
	[ $status = 0 ] || why="$why status $status"
	sum=$(sed -n 's/ instructions in.*//p' err | tr -d ' ')
	result "known counts${inject:+ under $inject} ($sum instructions)" \
		"$why"
done

# symbol -> address
address() {
	nm "$bare/probes.elf" | awk -v n="$1" '$3 == n { print $1 }'
}
cells=$((0x$(address cells)))
code=$((0x$(address accesses)))
top=$((0x$(address test_stack_top) - 256))
access() { # address, size, write, distance of the instruction, of esp
	printf 'mem %x %u %u %x %x\n' "$1" "$2" "$3" $((code + $4)) \
		$((top - $5))
}
accesses() { # what xlatb reads
	access $cells 4 0 0 0
	access $((cells + 4)) 2 1 2 0
	access $((cells + 8)) 1 1 6 0
	access $((top - 4)) 4 1 13 0
	access $((top - 4)) 4 0 14 4
	access $cells 4 0 20 0
	access $((cells + 16)) 4 1 20 0
	access $((cells + 20)) 4 0 21 0
	access $((cells + 24)) 4 1 24 0
	access "$1" 1 0 29 0
	access $cells 8 0 30 0
	access $((top - 4)) 4 1 34 0
	access $((top - 4)) 4 0 39 4
	access $((cells + 3)) 4 0 40 0
}
{
	accesses $cells
	accesses $((cells + 0x24))
} >want
probes probes "$lib:mem@mem[accesses](address,size,write,eip,esp)"
grep '^mem' err >got
result "accesses ($(wc -l <want))" "$(diff want got | head -n 3)"

at=$(printf %08x $((0x$(address n_4_page) + 5)))
cat >want <<END
pf 50000000 write absent by $at kernel n_4_page+0x5
pf 50000000 write absent by $at user n_4_page+0x5
2 page faults: 1 in user code, 2 writes, 0 fetches, 0 of protection
END
probes probes "$examples/pftrace.so:fault@pagefault(address,error,la,cpl)
	$examples/pftrace.so:sums@exit()"
grep '^pf\|page faults' err >got
result 'page faults (2)' "$(diff want got | head -n 3)"

cat >want <<END
port 80 1 1 5a n_5_ports
port 80 1 0 5a n_5_ports
syscall 80 7 8 3 3b
END
probes probes "$lib:port@port[n_5_ports](port,size,write,value,function)
	$lib:syscall_@syscall[user,n_4_syscall](vector,nr,ebx,cpl,cs)"
grep '^port\|^syscall' err >got
result 'ports and system calls' "$(diff want got | head -n 3)"

# called in the order of the command line, which probes() turns round
cat >want <<END
types 255 -1 65535 -2 4294967295 -3 18446744073709551615 -4 text 5.0 -6.0 0x7
places 0 -1 -1
END
probes hello "$lib:places@exit() $lib:types@exit(255,-1:s8,65535,-2:s16,\
0xffffffff:u32,-3:s32,0xffffffffffffffff:u64,-4,\"text\",5:double,\
-6:double,7:ptr)"
grep '^types\|^places' err >got
result 'arguments of all types' "$(diff want got | head -n 3)"

from=0x$(address n_2_stops)
want=$(objdump -s --start-address="$from" --stop-address=$((from + 4)) \
	"$bare/probes.elf" | awk 'END { print "bytes n_2_stops " $2 }')
probes probes "$lib:bytes@block[n_2_stops](la,function)"
why=
[ "$(grep '^bytes' err)" = "$want" ] || why="$(grep '^bytes' err) not $want"
result "a probe reads the guest's memory" "$why"

# --- probes: filters, sums, and what a probe may do

sum_of() { # filter
	probes probes "$examples/insncount.so:count@block$1(la,insns,cpl)
		$examples/insncount.so:report@exit(0)"
	sed -n 's/ instructions in//p' err
}
why=
got=$(sum_of '[n_3001_loop]' | tr -s ' ')
[ "$got" = ' 6002 1 functions' ] || why=$got
result 'a filter by function' "$why"
user=$(sum_of '[user]' | awk '{ print $1 }')
kernel=$(sum_of '[kernel]' | awk '{ print $1 }')
all=$(sum_of '' | awk '{ print $1 }')
why=
[ $((user + kernel)) = "$all" ] && [ "$user" -gt 3000 ] ||
	why="$user and $kernel are not $all"
result "a filter by privilege ($user + $kernel)" "$why"

# the same sum whatever the blocks are, and by two ways of adding
sums() { # guest, inject
	probes "$1" "$count $examples/insncount.so:report@exit(0)
		$examples/share.so:run@block($args)
		$examples/share.so:cut@cut($args)
		$examples/share.so:report@exit()" ${2:+--inject $2}
	[ $status = 0 ] || echo "status $status"
	awk '/instructions in/ { a = $1 } /^all/ { b = $2 }
	END { print a; if (a != b) print b }' err
}
list='smc segments gates tasks vm86 debug'
[ -z "$long" ] || list="$list hello chain align paging2 flags stack trans bits \
	sensitive ahregs realmode smap_smep fpu mmio"
for guest in $list; do
	want=$(sums $guest '')
	why=
	for inject in one-insn checked,helper-sites small-cache,no-uffd; do
		got=$(sums $guest $inject)
		[ "$got" = "$want" ] || why="$why $got under $inject, not $want"
	done
	result "sums of $guest are the same by all ways ($want)" "$why"
done

list='fpu'
where='[0x100000-0x10ffff]'
[ -z "$long" ] || {
	list=$(cd "$bare" && ls -- *.elf | sed 's/\.elf$//')
	where=
}
for guest in $list; do
	probes "$guest" "$lib:spoilt@exit() $lib:spoil@block$where()
		$lib:spoil@cut$where() $lib:spoil@mem$where()
		$lib:spoil@syscall() $lib:spoil@port() $lib:spoil@pagefault()"
	why=
	[ $status = 0 ] || why="status $status $(grep FAIL out | head -n 1)"
	result "$guest does not notice ($(grep -o 'spoilt.*' err))" "$why"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
