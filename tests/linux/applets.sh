#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# applets.sh - runs busybox's applets inside the guest and compares what they
# say with what is known. /bin must hold busybox and its links. Needs root for
# the mounts. Also runs as "busybox sh applets.sh" anywhere that is so.

passed=0
failed=0
dir=$(mktemp -d /tmp/applets.XXXXXX) || exit 1
cd "$dir" || exit 1

is() { # name, wanted, got
	if [ "$2" = "$3" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "FAIL $1: '$3', not '$2'"
		failed=$((failed + 1))
	fi
}

yes_if() { # name, command...
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then
		is "$name" 0 0
	else
		is "$name" 0 "status $?"
	fi
}

no_if() {
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then
		is "$name" nonzero 0
	else
		is "$name" 0 0
	fi
}

lines() { # 10000 lines whose digests are known
	seq 1 10000
}

md5=72d4ff27a28afbc066d5804999d5a504

digests() {
	is md5sum "$md5  -" "$(lines | md5sum)"
	is sha1sum "f70b7b8768a1183d6d1cd79d3b076d9eb5156350  -" "$(lines | sha1sum)"
	is sha256sum "8060aa0ac20a3e5db2b67325c98a0122f2d09a612574458225dcb9a086f87cc3  -" "$(lines | sha256sum)"
	is sha512sum "3000c8961bb83de289fa8b407d0ea23f53a57ea11ddb0f782a4ccc0f58678082\
2946053132794b177823c2974873d5dfb2ab1b6c45ae3328e2e703ca907f54d7  -" \
		"$(lines | sha512sum)"
	is crc32 "8c7685ad" "$(lines | crc32)"
	is sha3sum "7049c446c0fb287872536a7737f61f9ac7100f8e6b421d11011505fb  -" "$(lines | sha3sum)"
}

# what busybox cannot compress itself comes from elsewhere
seq300_xz='/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4ARDAQJdABiCgo8iTvimVffwmaUlDZBFkVpR
tJvKrNwFMuyFUp+xSG3v3OhLuWG64JxTf5jIqVQO/D0q0wbXZkQ9VmSmzT3Xxx9E9Bjf
Ags/4sbGe+Hnf3lEHHm3Qq5luBu1DoThmoIGIzlaf3KqQ/qlmh+SwL5FcXlK1ZPGkAo5
rZxlhyq2GjjH4ZMXytA+CeqwUvAQYCbAXl8QkQ25eXh9l0Jg0KY4d+Ej6LsoT4hSLXVY
Jj9m/eKc69OvYdk1ev/7YrE8fJMc8mS4TRyFKrFcAAY2AUrrvAVI71xotTxxgZ4sbORn
Bs+FKnUJGYy8F0QNzTxpxjbEnpzS7js1Ej6TUpedidqbMQAAAGc3dbfmK+6BAAGeAsQI
AABn2MVpscRn+wIAAAAABFla'
seq300_bz2='QlpoOTFBWSZTWfqyn6IAALVIAAAQf+BAApA2HAAxqlHlP8qhVP0wT/VUhU/1Ux6n6UHU
f/+qUm/VT/KqR9yJq83z7yADToDBIFhQKBYSBg6A0gA84AGuOgPIANOgMEgWFAoFhIGD
oDSADzgAY4SBYUCgWEgYOgNIAPOAA4cKqtrS222ySSSKAAAAAEojlttu2y2223e973vd
aJohE0QiaIRNEImiETRCJohE0QiaIRNbnJtttr+qtttu973ve9f1iaIRNANoBtANoBtA
NoBtANoBtbnMbbbWW/+222aSSS398AAAAG7tu2219tq22yaSSWwAAAAbu23m21+229bb
JNJJb6AAAAN3bbfdtfLbb5bZJNJLfoAAAA3dttvdr1ttv22SSaS3wAAAAbu222mq222+
2SSTS3gAAAB87eebbbS1bbbfbJJJ+/YAAAD4fwu5IpwoSH1ZT9EA'

compressors() {
	lines >plain
	seq 1 300 >seq300
	for z in gzip bzip2; do
		$z -9 <plain >plain.$z
		yes_if "$z makes it smaller" \
			test "$(stat -c %s plain.$z)" -lt 25000
		is "$z -d" "$md5  -" "$($z -dc <plain.$z | md5sum)"
	done
	is zcat "$md5  -" "$(zcat <plain.gzip | md5sum)"
	is bzcat "$md5  -" "$(bzcat <plain.bzip2 | md5sum)"
	echo "$seq300_xz" | base64 -d | unxz >x
	yes_if unxz cmp x seq300
	echo "$seq300_bz2" | base64 -d | bunzip2 >x
	yes_if bunzip2 cmp x seq300
	head -c 20000 plain.gzip >cut.gzip
	no_if "gzip: truncated" gzip -t cut.gzip
	dd if=/dev/urandom of=noise bs=4096 count=64 2>/dev/null
	gzip -c noise | gzip -dc >noise2
	yes_if "gzip: noise" cmp noise noise2
}

archives() {
	mkdir -p tree/a/b tree/c
	lines >tree/a/numbers
	echo hello >tree/a/b/hello
	ln -s b/hello tree/a/link
	chmod 640 tree/a/b/hello
	tar -czf t.tgz tree
	is "tar -t" 7 "$(tar -tzf t.tgz | wc -l)"
	mkdir out
	tar -xzf t.tgz -C out
	is "tar: content" "$md5  out/tree/a/numbers" \
		"$(md5sum out/tree/a/numbers)"
	is "tar: link" b/hello "$(readlink out/tree/a/link)"
	is "tar: mode" 640 "$(stat -c %a out/tree/a/b/hello)"
	find tree | cpio -o -H newc 2>/dev/null >t.cpio
	mkdir out2
	(cd out2 && cpio -id <../t.cpio 2>/dev/null)
	is "cpio: content" hello "$(cat out2/tree/a/link)"
	is "cpio -t" 7 "$(cpio -t <t.cpio 2>/dev/null | wc -l)"
	yes_if "diff -r" diff -r tree out2/tree
	echo more >>out2/tree/a/b/hello
	no_if "diff -r: other" diff -r tree out2/tree
	is "du" 1 "$(du -s tree | awk '{ print ($1 >= 48 && $1 < 120) }')"
}

text() {
	is awk 50005000 "$(lines | awk '{ s += $1 } END { print s }')"
	is "awk: floats" "3.141593 0.142857 1e+06" "$(awk 'BEGIN {
		printf "%.6f %.6f %g\n", 355 / 113, 1 / 7, 1000000 }')"
	is "awk: fields" "c b a" "$(echo a:b:c | awk -F: '{ print $3, $2, $1 }')"
	is "awk: arrays" "1 3 x" "$(printf 'x\ny\nx\nx\n' | awk '{ n[$1]++ }
		END { print n["y"], n["x"], "x" }')"
	is "awk: 1/3" 0.333333333333 "$(awk 'BEGIN { printf "%.12f", 1 / 3 }')"
	is sed "hexo worxd" "$(echo hello world | sed 's/l\+/x/g')"
	is "sed: groups" "b-a" "$(echo a-b | sed 's/\(.\)-\(.\)/\2-\1/')"
	is "sed -n" "5 6 7" "$(lines | sed -n 5,7p | xargs)"
	is "sed: hold" "3 2 1" "$(seq 3 | sed -n '1!G;h;$p' | xargs)"
	is grep 280 "$(lines | grep -c 99)"
	is "grep -E" "100 1000 10000" "$(lines | grep -E '^10{2,}$' | xargs)"
	is "grep -v" 9000 "$(lines | grep -vc '5$')"
	is "grep -o" "aa a" "$(echo baab a | grep -o 'a*' | grep . | xargs)"
	is sort "1 10 2" "$(printf '10\n2\n1\n' | sort | xargs)"
	is "sort -rn" "10000" "$(lines | sort -rn | head -n 1)"
	is "sort -k" "b 1,a 2" "$(printf 'a 2\nb 1\n' | sort -k 2 | xargs -n 2 |
		tr '\n' , | sed 's/,$//')"
	is "shuf, sort" "$md5  -" "$(lines | shuf | sort -n | md5sum)"
	is "uniq -c" "3 a 1 b" "$(printf 'a\na\na\nb\n' | uniq -c | xargs)"
	is cut "b,d" "$(echo a,b,c,d | cut -d, -f2,4)"
	is tr "HELLO" "$(echo hello | tr a-z A-Z)"
	is "tr -d" "hll" "$(echo hello | tr -d eo)"
	is wc "10000 10000 48894" "$(lines | wc | xargs)"
	is head "1 2 3" "$(lines | head -n 3 | xargs)"
	is tail "9999 10000" "$(lines | tail -n 2 | xargs)"
	is "tail -n +" "10000" "$(lines | tail -n +10000)"
	is tac "3 2 1" "$(seq 3 | tac | xargs)"
	is rev cba "$(echo abc | rev)"
	is nl "1 x" "$(echo x | nl | xargs)"
	is fold "ab cd e" "$(echo abcde | fold -w 2 | xargs)"
	is expand "a       b" "$(printf 'a\tb' | expand)"
	is paste "1-a 2-b" "$(seq 2 >p1 && printf 'a\nb\n' >p2 &&
		paste -d- p1 p2 | xargs)"
	is od "0000000 61 62 0a" "$(echo ab | od -An -t x1 -A o | head -n 1 | xargs)"
	is hexdump 6162630a "$(echo abc | hexdump -v -e '1/1 "%02x"')"
	is xxd "61620a" "$(echo ab | xxd -p)"
	is strings "hello" "$(printf '\001\002hello\003ab' | strings)"
	is base64 "aGVsbG8K hello" "$(echo hello | base64) $(echo aGVsbG8K |
		base64 -d)"
	is "uuencode" hello "$(echo hello | uuencode -m x | uudecode -o -)"
	is ed "changed" "$(echo text >e && printf 's/text/changed/\nw\nq\n' |
		ed e >/dev/null 2>&1; cat e)"
	is comm "b" "$(printf 'a\nb\n' >c1 && printf 'b\nc\n' >c2 &&
		grep -Fxf c1 c2)"
	is seq "1 4 7 10" "$(seq 1 3 10 | xargs)"
	is factor "1234567890: 2 3 3 5 3607 3803" "$(factor 1234567890)"
}

patching() {
	seq 1 20 >old
	sed 's/^7$/seven/; /^12$/d' old >new
	diff -u old new >p
	cp old work
	patch work <p >/dev/null
	yes_if patch cmp work new
	no_if cmp cmp old new
	is "cmp: where" "old new differ: char 13, line 7" "$(cmp old new)"
}

numbers() {
	is bc 1267650600228229401496703205376 "$(echo '2^100' | bc)"
	is "bc -l" 3.141592653589793238462643383276 \
		"$(echo 'scale=30; 4*a(1)' | bc -l)"
	is "bc: digits of 300!" 615 "$(echo 'define f(n) {
		if (n < 2) return 1
		return n * f(n - 1) }
		f(300)' | BC_LINE_LENGTH=0 bc | tr -d '\\\n' | wc -c | xargs)"
	is expr "42 3 5" "$(expr 6 \* 7) $(expr 10 / 3) $(expr length hello)"
	is "expr: match" "123" "$(expr abc123 : '[a-z]*\([0-9]*\)')"
	is printf "ff 017 +3.50 a  |" "$(printf '%x %03o %+.2f %-3s|' 255 15 \
		3.5 a)"
	is "sh: 64 bits" "9223372036854775807 -9223372036854775808" \
		"$((0x7fffffffffffffff)) $((-0x7fffffffffffffff - 1))"
	is "sh: arithmetic" "-3 -1 8 3 1" \
		"$((-7 / 2)) $((-7 % 2)) $((1 << 3)) $((1 | 2)) $((5 > 4 && 2))"
	yes_if "test" [ 5 -gt 4 -a abc != abd ]
	no_if "test: not" [ ! -e / ]
	is date "2001-09-09 01:46:40" "$(date -u -d @1000000000 \
		'+%Y-%m-%d %H:%M:%S')"
	is cal "29" "$(cal 2 2024 | xargs -n 1 | tail -n 1)"
}

shell() {
	fib() {
		[ "$1" -lt 2 ] && echo "$1" && return
		echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2)))))
	}
	is "sh: fib" 34 "$(fib 9)"
	i=0
	while [ $i -lt 5000 ]; do i=$((i + 1)); done
	is "sh: loop" 5000 $i
	x=/usr/lib/name.tar.gz
	is "sh: expansion" "name.tar.gz /usr/lib gz 20" \
		"${x##*/} ${x%/*} ${x##*.} ${#x}"
	is "sh: here document" "a 3 b" "$(cat <<-END | xargs
		a
		$((1 + 2))
		b
	END
	)"
	is "sh: trap" "got it" "$(sh -c 'trap "echo got it" USR1; kill -USR1 $$')"
	is "sh: pipe of ten" 7 "$(echo 7 | cat | cat | cat | cat | cat | cat |
		cat | cat | cat)"
	is "sh: status" 3 "$(sh -c 'exit 3'; echo $?)"
	n=$(for j in 1 2 3 4 5; do (
		sleep 0.2
		echo $j
	) & done; wait)
	is "sh: background" "1 2 3 4 5" "$(echo "$n" | sort | xargs)"
	is xargs "1 2,3 4,5" "$(seq 5 | xargs -n 2 | tr '\n' , | sed 's/,$//')"
	is "xargs -P" 20 "$(seq 20 | xargs -n 1 -P 4 echo | wc -l)"
	is tee "x x" "$(echo x | tee tee1 | cat) $(cat tee1)"
	is env "v" "$(env -i A=v /bin/sh -c 'echo $A')"
	is yes "y y y" "$(yes | head -n 3 | xargs)"
	is time "real" "$(time true 2>&1 | grep -o real)"
	is basename "b /a" "$(basename /a/b.c .c) $(dirname /a/b.c)"
	is getopt " -a x --" "$(getopt a: -a x)"
	is which /bin/sh "$(which sh)"
}

files() {
	dd if=/dev/zero of=zero bs=1k count=300 2>/dev/null
	is dd 307200 "$(stat -c %s zero)"
	dd if=plain of=part bs=1 skip=100 count=50 2>/dev/null
	is "dd: skip" "$(head -c 150 plain | tail -c 50 | md5sum)" \
		"$(md5sum <part)"
	dd if=part of=zero bs=1 seek=1000 conv=notrunc 2>/dev/null
	is "dd: seek" 307200 "$(stat -c %s zero)"
	mkdir -p d/1/2/3
	touch d/f1 d/1/f2 d/1/2/f3
	is find 3 "$(find d -type f -name 'f*' | wc -l)"
	is "find -exec" "d/1/2/f3" "$(find d -name f3 -exec echo {} \;)"
	is "find -size" zero "$(find . -maxdepth 1 -size +290k -name 'z*' |
		xargs basename)"
	ln d/f1 hard
	is "ln" 2 "$(stat -c %h hard)"
	ln -s d/f1 soft
	is "ln -s" d/f1 "$(readlink soft)"
	chmod 4751 hard
	is chmod "4751 -rwsr-x--x" "$(stat -c '%a %A' hard)"
	chown 12:34 hard
	is chown 12:34 "$(stat -c %u:%g hard)"
	cp -a d d2
	yes_if "cp -a" diff -r d d2
	mv d2 f
	no_if mv test -e d2
	rm -r f
	no_if "rm -r" test -e f
	truncate -s 5000 t5
	is truncate 5000 "$(stat -c %s t5)"
	is ls "1 f1" "$(ls d | xargs)"
	is "ls -l" 1 "$(ls -l hard | grep -c '^-rw[sx]r-x--x *2 12 *34 ')"
	touch -d '2001-02-03 04:05:06' old_file
	is touch 2001-02-03 "$(date -r old_file +%F)"
	mkfifo pipe
	(echo through >pipe) &
	is mkfifo through "$(cat pipe)"
	is realpath "$dir/d/f1" "$(realpath soft)"
	is mktemp 1 "$(ls "$(mktemp -p .)" | wc -l)"
	printf 'a\r\n' >dos
	dos2unix dos
	is dos2unix 2 "$(stat -c %s dos)"
	is "sync" 0 "$(sync; echo $?)"
}

system() {
	mkdir m
	mount -t tmpfs -o size=2m tmpfs m
	yes_if mount grep -q " $dir/m tmpfs " /proc/mounts
	no_if "tmpfs: full" dd if=/dev/zero of=m/big bs=64k count=64
	is df 2048 "$(df -k m | tail -n 1 | awk '{ print $2 }')"
	umount m
	no_if umount grep -q " $dir/m " /proc/mounts
	yes_if mountpoint test -d /proc/1
	is uname Linux "$(uname -s)"
	yes_if "uname -m" test "$(uname -m | grep -c 86)" = 1
	is "ps" 1 "$(ps | grep -c '[a]pplets.sh' | awk '{ print ($1 > 0) }')"
	is id "0 root" "$(id -u) $(whoami 2>/dev/null || echo root)"
	yes_if free test "$(free | awk '/^Mem/ { print $2 }')" -gt 20000
	yes_if dmesg test "$(dmesg | wc -l)" -gt 20
	yes_if uptime uptime
	yes_if nproc test "$(nproc)" -ge 1
	yes_if hostname test -n "$(hostname)"
	sleep 100 &
	pid=$!
	yes_if "kill -0" kill -0 $pid
	kill $pid
	wait $pid
	is kill 143 $?
	timeout 1 sleep 20
	is timeout 143 $?
	start=$(date +%s)
	sleep 2
	took=$(($(date +%s) - start))
	yes_if sleep test $took -ge 2 -a $took -le 4
	is ping 1 "$(ping -c 1 127.0.0.1 2>/dev/null | grep -c '1 packets rec')"
	(nc -l -p 4000 -w 5 >netcat.out 2>/dev/null </dev/null) &
	sleep 1
	echo over tcp | nc -w 2 127.0.0.1 4000 2>/dev/null
	wait
	is nc "over tcp" "$(cat netcat.out)"
	is sysctl "$(uname -r)" "$(sysctl -n kernel.osrelease)"
	is stty 1 "$(stty -a 2>/dev/null </dev/console | grep -c speed)"
	is setsid x "$(setsid echo x)"
	is mknod "1 5" "$(mknod null0 c 1 5 && stat -c '%t %T' null0)"
	is chroot "in" "$(chroot / /bin/sh -c 'echo in')"
	is unshare hidden "$(unshare -u sh -c 'hostname hidden; hostname')"
	is crontab 1 "$(cat /proc/self/cmdline | tr '\0' '\n' | grep -c cat)"
}

digests
compressors
archives
text
patching
numbers
shell
files
system
cd /tmp && rm -rf "$dir"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
