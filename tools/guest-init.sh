#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /init of the guest's initramfs: mounts the usual file systems, says so, and
# does what the kernel command line asks for:
#
#	umbra.test=NAME	run /tests/NAME, print its exit status, power off
#			(may be given several times; run in that order)
#	umbra.bench	run rows of the bench as the console asks (tools/bench/),
#			then power off
#	umbra.poweroff	power off at once
#	umbra.reboot	reset at once
#
# Without such a word a shell runs on the console; power off when it ends.

export PATH=/bin HOME=/root TERM="${TERM:-linux}"

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
hostname umbra
ip link set lo up 2>/dev/null

# stty waits until the terminal has sent what was written to it: a machine
# that stops takes the bytes in its buffers with it.
leave() {
	stty sane
	"$1" -f
	sleep 60
}

run_test() {
	case $1 in
	*/* | '')
		echo "umbra: bad test name '$1'"
		return
		;;
	esac
	if [ -x "/tests/$1" ]; then
		echo "umbra: test $1 starts"
		(cd /tmp && "/tests/$1")
		echo "umbra: test $1 exit $?"
	else
		echo "umbra: test $1 is not there"
	fi
}

echo "umbra: init started"

tests=
action=
for word in $(cat /proc/cmdline); do
	case $word in
	umbra.test=*)
		tests=1
		run_test "${word#umbra.test=}"
		;;
	umbra.bench)
		tests=1
		stty -echo
		(cd /tmp && /tests/bench)
		;;
	umbra.poweroff) action=poweroff ;;
	umbra.reboot) action=reboot ;;
	esac
done
if [ -n "$action$tests" ]; then
	leave "${action:-poweroff}"
fi

# poweroff, reboot and halt tell init by these signals. The shell runs in the
# background because a trap interrupts "wait" only. There a shell ignores
# Ctrl-C for itself and all that it starts; login takes that back.
trap "leave poweroff" USR1 USR2
trap "leave reboot" TERM
cd /root || cd /
mkdir -p /etc
echo "root::0:0:root:/root:/bin/sh" >/etc/passwd
setsid cttyhack login -p -f root </dev/console >/dev/console 2>&1 &
wait $!
leave poweroff
