#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# procinfo.sh - whether what the kernel tells of its machine is sane:
# /proc/cpuinfo, /proc/interrupts, /proc/meminfo, clocks, no taint.

passed=0
failed=0

yes_if() { # name, what was seen, condition...
	name=$1
	seen=$2
	shift 2
	if "$@"; then
		echo "ok $name ($seen)"
		passed=$((passed + 1))
	else
		echo "FAIL $name: $seen"
		failed=$((failed + 1))
	fi
}

cpu() { # field of the first processor
	sed -n "s/^$1[	 ]*: *//p" /proc/cpuinfo | head -n 1
}

has() { # word, list
	case " $2 " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

between() { # number (perhaps a fraction), low, high
	awk -v n="$1" -v a="$2" -v b="$3" \
		'BEGIN { exit !(n + 0 >= a && n + 0 <= b) }'
}

irqs() { # total of the lines of /proc/interrupts that match
	awk -v m="$1" 'NR > 1 && $0 ~ m {
		for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i
	} END { print n + 0 }' /proc/interrupts
}

flags=$(cpu flags)
for f in fpu tsc cx8 cmov mmx fxsr sse sse2 sep; do
	yes_if "cpu has $f" "flags" has $f "$flags"
done
yes_if "vendor" "$(cpu vendor_id)" test -n "$(cpu vendor_id)"
yes_if "model name" "$(cpu 'model name')" test -n "$(cpu 'model name')"
yes_if "family" "$(cpu 'cpu family')" between "$(cpu 'cpu family')" 5 30
yes_if "MHz" "$(cpu 'cpu MHz')" between "$(cpu 'cpu MHz')" 200 7000
yes_if "bogomips" "$(cpu bogomips)" between "$(cpu bogomips)" 100 15000
yes_if "fpu" "$(cpu fpu) $(cpu fpu_exception)" \
	test "$(cpu fpu) $(cpu fpu_exception)" = "yes yes"
yes_if "clflush size" "$(cpu 'clflush size')" \
	has "$(cpu 'clflush size')" "32 64 128"
n=$(grep -c '^processor' /proc/cpuinfo)
yes_if "processors" "$n" between "$n" 1 256

# One second of a busy console and timers.
t0=$(irqs timer)
l0=$(irqs 'LOC:')
u0=$(irqs ttyS0)
e0=$(irqs '(ERR|MIS|SPU|MCE|THR|DFR):')
i=0
while [ $i -lt 20 ]; do
	echo "# the console has something to say, line $i of 20"
	sleep 0.05
	i=$((i + 1))
done
sleep 1
t=$(($(irqs timer) - t0 + $(irqs 'LOC:') - l0))
yes_if "timer interrupts" "$t in 2 s" between $t 20 100000
u=$(($(irqs ttyS0) - u0))
yes_if "console interrupts" "$u" between $u 5 5000
e=$(($(irqs '(ERR|MIS|SPU|MCE|THR|DFR):') - e0))
yes_if "no spurious interrupts" "$e" test $e = 0
yes_if "no unhandled interrupts" "$(irqs 'ERR:')" test "$(irqs 'ERR:')" = 0
cat /proc/interrupts | sed 's/^/# /'

mem=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
avail=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
yes_if "MemTotal" "$mem kB" between "$mem" 20000 4194304
yes_if "MemAvailable" "$avail kB" between "$avail" $((mem / 3)) "$mem"

clock=/sys/devices/system/clocksource/clocksource0
yes_if "clock source" "$(cat $clock/current_clocksource) of $(cat \
	$clock/available_clocksource)" has \
	"$(cat $clock/current_clocksource)" "tsc hpet acpi_pm kvm-clock"
year=$(date +%Y)
yes_if "date" "$(date)" between "$year" 2020 2100

taint=$(cat /proc/sys/kernel/tainted)
yes_if "not tainted" "$taint" test "$taint" = 0
bad=$(dmesg | grep -c -E 'WARNING:|BUG:|Oops|Call Trace|unchecked MSR|rcu.*stall|soft lockup|clocksource.*unstable|nobody cared')
yes_if "nothing bad in dmesg" "$bad" test "$bad" = 0
echo "$passed passed, $failed failed"
[ $failed = 0 ]
