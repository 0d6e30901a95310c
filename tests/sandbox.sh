#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sandbox.sh - what the umbra command gives away, seen from outside while a
# guest runs: filter, privileges and users of all its threads; that a call
# from inside that is not allowed ends it; that what it has to do still works.
#
# usage: sandbox.sh UMBRA CALL_LIBRARY
#
# As root it also goes through the ways to leave root. One line a test, then
# "N passed, N failed".
set -u

[ $# = 2 ] || {
	echo "usage: sandbox.sh UMBRA CALL_LIBRARY" >&2
	exit 2
}
umbra=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
library=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$tmp"
cd "$tmp" || exit 1
passed=0
failed=0
skipped=0
calls=0
threads=0
unset SUDO_UID SUDO_GID
root=
[ "$(id -u)" = 0 ] && root=1
# Sanitizers and coverage need more, and stay who they are.
plain=1
grep -q -a -E '__asan_init|__gcov_' "$umbra" && plain=
outer=$(sed -n 's/^Seccomp:[^0-9]*//p' /proc/self/status)

result() { # name, what is wrong ('' if nothing)
	if [ -z "$2" ]; then
		echo "ok sandbox: $1"
		passed=$((passed + 1))
	else
		echo "FAIL sandbox: $1: $2"
		failed=$((failed + 1))
	fi
}

skip() { # name, why
	echo "ok sandbox: $1 # skipped: $2"
	skipped=$((skipped + 1))
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
image spin 'ebfe'
# says "r", waits a little, then 0feh to the keyboard controller: a reset
image hello '66baf803b072eeebfe'
image exit7 'b00766baf400eeebfe'
# marks CMOS byte 40h and resets; the second time it ends with 9
image twice '66ba7000b040ee66ba7100ec3c5a740b b05aee b0fee664f4ebfd
	b00966baf400eeebfe'

# Starts the words as $pid and waits until the guest speaks.
start() {
	: >out
	"$@" >out 2>err </dev/null &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q r out && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
}

finish() {
	kill -TERM $pid 2>/dev/null
	wait $pid 2>/dev/null
	status=$?
}

# A field of /proc/PID/task/*/status that is not the same value everywhere.
every() { # field, value
	for t in /proc/$pid/task/*/status; do
		has=$(sed -n "s/^$1:[[:space:]]*//p" "$t" 2>/dev/null |
			tr '\t' ' ')
		[ "$has" = "$2" ] || echo "$1 is '$has', not '$2'"
	done | head -n 1
}

confined() { # name: filter and capabilities of all threads
	n=$(ls /proc/$pid/task 2>/dev/null | wc -l)
	threads=$((threads + n))
	why=
	[ "$n" -ge 3 ] || why="$n threads: $(cat err)"
	for want in 'Seccomp 2' 'NoNewPrivs 1' 'CapInh 0000000000000000' \
		'CapPrm 0000000000000000' 'CapEff 0000000000000000' \
		'CapAmb 0000000000000000'; do
		# shellcheck disable=SC2086
		[ -n "$why" ] || why=$(every $want)
	done
	result "$1" "$why"
}

# ---- a guest runs

start "$umbra" run -k hello
if [ -n "$plain" ]; then
	confined 'every thread: filter, no capabilities'
	if [ -n "$root" ]; then
		result 'root became nobody' "$(every Uid '65534 65534 65534 65534')"
		result 'and its group' "$(every Gid '65534 65534 65534 65534')"
		result 'and has no other groups' "$(every Groups '')"
		result 'the bounding set is empty' \
			"$(every CapBnd 0000000000000000)"
		[ "$(wc -l <err)" = 1 ] && grep -q '^umbra: running as root' err
		result 'and says so in one line' "$([ $? = 0 ] || cat err)"
	else
		result 'an ordinary user is told nothing' "$(cat err)"
	fi
else
	result 'every thread: filter' "$(every Seccomp 2)"
fi
finish
result 'SIGTERM ends it' "$([ $status = 143 ] || echo "status $status")"

start "$umbra" run -k hello --no-sandbox
result '--no-sandbox: no filter' "$(every Seccomp "$outer")"
[ "$(wc -l <err)" = 1 ] && grep -q '^umbra: --no-sandbox: ' err
result '--no-sandbox: a line of warning' "$([ $? = 0 ] || cat err)"
finish

# ---- a call from inside

# dash says "Bad system call" of it: 128 + SIGSYS
inside() { # call, status, what must be said
	calls=$((calls + 1))
	timeout -k 5 20 env SANDBOX_CALL="$1" LD_PRELOAD="$library" \
		"$umbra" run -k spin >out 2>err </dev/null &
	pid=$!
	wait $pid
	status=$?
	why=
	[ $status = "$2" ] || why="status $status; $(cat err)"
	grep -q "sandbox_call: now" err || why="$why it was not tried"
	grep -q 'sandbox_call: alive' err && why='the call came back'
	result "$1 from inside: SIGSYS" "$why"
}

if [ -n "$plain" ] && [ "$outer" = 0 ]; then
	for call in openat execve socket fork mmap ptrace kill tiocsti; do
		inside $call 159
	done
	SANDBOX_CALL=nothing LD_PRELOAD=$library "$umbra" run -k spin \
		>out 2>err </dev/null &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q alive err && break
		sleep 0.1
	done
	finish
	grep -q 'sandbox_call: alive' err
	result 'without a call it lives' "$([ $? = 0 ] || cat err)"
else
	skip 'calls from inside' 'an instrumented build, or a filter around us'
fi

# ---- what has to work behind it

# -D and --stats=FILE are opened before, also where only root may
mkdir private
chmod 700 private
timeout -k 5 20 "$umbra" run -k exit7 --debug-exit 0xf4 -D private/log \
	-d all --stats=private/stats >out 2>err </dev/null
status=$?
result 'logs and counters of a private directory' "$(
	[ $status = 7 ] || echo "status $status; $(cat err)"
	grep -q '^load: ' private/log || echo 'no log'
	grep -q '"enters"' private/stats || echo 'no counters'
)"

timeout -k 5 20 "$umbra" run -k twice --debug-exit 0xf4 >out 2>err </dev/null
status=$?
result 'a reset loads the kernel again' "$(
	[ $status = 9 ] || echo "status $status; $(cat err)")"

# A crash of a thread of ours is a bug of ours.
start "$umbra" run -k hello
tid=$(ls /proc/$pid/task | sed -n 2p)
perl -e "syscall(234, $pid, $tid, 11)" # tgkill(SIGSEGV)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
finish
result "a bug dumps the guest's state and aborts" "$(
	[ $status = 134 ] || echo "status $status"
	grep -q "^umbra: bug: " err || echo "no report"
	grep -q "^guest state" err || echo "no state")"

start "$umbra" run -k hello
kill -USR1 $pid
sleep 0.3
finish
result 'SIGUSR1 prints counters' "$(
	grep -q '^enters' err || cat err
	[ $status = 143 ] || echo "status $status")"

# ---- the ways out of root

as() { # name, uid, gid, words
	name=$1
	uid=$2
	gid=$3
	shift 3
	start "$@" "$umbra" run -k hello
	why=$(every Uid "$uid $uid $uid $uid")$(every Gid "$gid $gid $gid $gid")
	[ -z "$why" ] || why="$why; $(cat err)"
	result "$name" "$why"
	[ -z "$plain" ] || confined "$name: filter, no capabilities"
	finish
}

if [ -n "$root" ] && [ -n "$plain" ]; then
	as 'sudo goes back to its user' 1234 4321 env SUDO_UID=1234 SUDO_GID=4321
	as 'root as SUDO_UID is not believed' 65534 65534 \
		env SUDO_UID=0 SUDO_GID=0
	as 'nonsense as SUDO_UID is not believed' 65534 65534 \
		env SUDO_UID=12x SUDO_GID=-1
	as 'a number beyond 32 bits is not believed' 65534 65534 \
		env SUDO_UID=4294967296 SUDO_GID=99999999999999999999
	if command -v setpriv >/dev/null; then
		as "root with groups becomes nobody" 65534 65534 setpriv \
			--groups 27,100
		start setpriv --groups 27,100 "$umbra" run -k hello
		result "and leaves the groups" "$(every Groups "")"
		finish
		as 'an ordinary user stays' 1001 1002 setpriv --reuid 1001 \
			--regid 1002 --clear-groups
		result 'and is told nothing' "$(cat err)"
		as 'a user with a capability stays' 1001 1002 setpriv \
			--reuid 1001 --regid 1002 --clear-groups \
			--inh-caps +net_admin --ambient-caps +net_admin
		grep -q '^umbra: running with capabilities' err
		result 'and is told of it' "$([ $? = 0 ] || cat err)"
		as 'root that may not change its user' 0 0 setpriv \
			--bounding-set -setuid,-setgid
		grep -q '^umbra: running as root, without its cap.*cannot' err
		result 'and is told of it' "$([ $? = 0 ] || cat err)"
	else
		skip 'ordinary users, capabilities' 'no setpriv'
	fi
	if command -v unshare >/dev/null && unshare -r true 2>/dev/null; then
		as 'root of a user namespace of one' 0 0 unshare -r
		grep -q '^umbra: running as root, without its cap.*cannot' err
		result 'and is told of it' "$([ $? = 0 ] || cat err)"
	else
		skip 'root of a user namespace' 'the host has none for us'
	fi
else
	skip 'ways out of root' 'not root, or an instrumented build'
fi

echo "# $calls forbidden calls from inside, $threads threads looked at," \
	"$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
