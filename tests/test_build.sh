#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_build.sh - tests of the scripts that set up, fetch and count.
#
# usage: test_build.sh [SRCDIR]	(in the build directory)
#
# Works in a scratch directory, without network or privileges; apt-get, id and
# sudo are stubs. One line a test, then "N passed, N failed".
set -u

src=$(cd "${1:-.}" && pwd)
build=$(pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
passed=0
failed=0

is() { # name, got, wanted
	if [ "$2" = "$3" ]; then
		echo "ok build: $1"
		passed=$((passed + 1))
	else
		echo "FAIL build: $1: got '$2', want '$3'"
		failed=$((failed + 1))
	fi
}

has() { # name, text, pattern
	if printf '%s\n' "$2" | grep -q -e "$3"; then
		is "$1" 1 1
	else
		is "$1" "$2" "$3"
	fi
}

# ---- fetch-guests.sh: which sources it takes from the host's

sources() {
	"$src/tools/fetch-guests.sh" --sources etc |
		sed 's/^deb \[arch=i386 signed-by=[^] ]*\] //'
}

test_sources() {
	mkdir -p etc/sources.list.d
	cat >etc/sources.list <<-END
	# deb http://comment.example/debian bookworm main
	deb cdrom:[Debian 12]/ bookworm main
	deb http://one.example/debian/ bookworm main contrib # words
	deb-src http://src.example/debian bookworm main
	deb [ arch=amd64 signed-by=/k/other.gpg ] http://a.example/x bookworm main
	deb [arch=amd64] http://one.example/security bookworm-security main
	deb http://backports.example/debian bookworm-backports main
	deb http://nomain.example/debian bookworm contrib
	END
	is 'sources.list' "$(sources)" \
'http://one.example/debian/ bookworm main
http://one.example/security bookworm-security main'

	: >etc/sources.list
	cat >etc/sources.list.d/debian.sources <<-END
	Types: deb deb-src
	# a comment within
	URIs: http://two.example/debian
	 mirror+file:/etc/apt/mirrors/debian.list
	Suites: bookworm bookworm-updates
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

	Enabled: no
	Types: deb
	URIs: http://off.example/debian
	Suites: bookworm
	Components: main

	Types: deb-src
	URIs: http://src.example/debian
	Suites: bookworm
	Components: main

	Types: deb
	URIs: http://third.example/debian
	Suites: bookworm
	Components: main
	Signed-By: /etc/apt/keyrings/third.gpg
	END
	is 'deb822 sources' "$(sources)" \
'http://two.example/debian bookworm main
http://two.example/debian bookworm-updates main
mirror+file:/etc/apt/mirrors/debian.list bookworm main
mirror+file:/etc/apt/mirrors/debian.list bookworm-updates main'

	rm etc/sources.list.d/debian.sources
	is 'no sources at all' "$(sources)" ''
}

# ---- mkcpio.pl and mkinitramfs.sh

# An entry by entry reading of an archive, by the format's definition.
cpio_list() {
	perl -e '
		local $/; binmode STDIN; my $a = <STDIN>;
		my $p = 0;
		while (1) {
			my @h = map { hex } unpack("x6 (A8)13", substr($a, $p));
			substr($a, $p, 6) eq "070701" or die "no magic at $p";
			my $name = substr($a, $p + 110, $h[11] - 1);
			last if $name eq "TRAILER!!!";
			$p = ($p + 110 + $h[11] + 3) & ~3;
			my $data = substr($a, $p, $h[6]);
			$data =~ s/\n/;/g;
			printf "%s %o %d:%d %d,%d %s\n", $name, @h[1..3],
				$h[9], $h[10], $data;
			$p = ($p + $h[6] + 3) & ~3;
		}'
}

test_cpio() {
	echo hello >file
	perl "$src/tools/mkcpio.pl" >a.cpio <<-END
	dir dev 0755
	nod dev/console 0600 c 5 1
	file /greeting 0640 file
	slink link greeting
	END
	is 'archive entries' "$(cpio_list <a.cpio)" \
'dev 40755 0:0 0,0 
dev/console 20600 0:0 5,1 
greeting 100640 0:0 0,0 hello;
link 120777 0:0 0,0 greeting'
	for line in 'file x 0644 nowhere' 'nod x 0600 q 1 2' 'dir' 'pipe x 0600'
	do
		err=$(echo "$line" | perl "$src/tools/mkcpio.pl" 2>&1 >/dev/null)
		is "bad line '$line' fails" $((!$?)) 0
		has "bad line '$line' is told" "$err" '^mkcpio.pl: '
	done
	printf 'dir a 0755\ndir /a 0755\n' |
		perl "$src/tools/mkcpio.pl" >/dev/null 2>&1
	is 'a name twice fails' $((!$?)) 0
}

test_initramfs() {
	printf 'x\0[\0[[\0cttyhack\0login\0mount\0poweroff\0setsid\0sh\0stty\0\0y' >bb
	echo true >t1
	sh "$src/tools/mkinitramfs.sh" i.gz bb t1
	is 'initramfs is made' $? 0
	list=$(gzip -dc i.gz | cpio_list 2>&1)
	has 'it has /init' "$list" '^init 100755 .*#!/bin/sh'
	has 'it has the console' "$list" '^dev/console 20600 0:0 5,1'
	has 'it has an applet' "$list" '^bin/cttyhack 120777 .* busybox$'
	has 'it has the odd applet' "$list" '^bin/\[\[ 120777'
	has 'it has the test' "$list" '^tests/t1 100755 .*true'
	touch -d 2001-01-01 i.gz
	sh "$src/tools/mkinitramfs.sh" i.gz bb t1
	is 'an equal archive keeps its date' "$(date -r i.gz +%Y)" 2001
	printf 'x\0[\0[[\0mount\0sh\0\0' >bb2
	err=$(sh "$src/tools/mkinitramfs.sh" j.gz bb2 2>&1)
	is 'busybox without an applet fails' $? 1
	has 'the applet is named' "$err" 'no applet setsid'
	sh "$src/tools/mkinitramfs.sh" j.gz t1 2>/dev/null
	is 'not a busybox fails' $? 1
	is 'failures leave nothing' "$(ls j.gz* 2>/dev/null)" ''
}

# ---- bootstrap.sh, with a root of its own and stubs

stub() { # name, script
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod +x "bin/$1"
}

bootstrap() {
	PATH="$tmp/bin:$PATH" UMBRA_PROBE_ROOT="$tmp/root" LOG="$tmp/log" \
		sh "$src/tools/bootstrap.sh" "$@" 2>&1
}

fill_root() {
	rm -rf root log
	mkdir -p root/usr/bin root/usr/lib32 root/usr/include/capstone \
		root/usr/include/x86_64-linux-gnu/sys root/usr/share/keyrings \
		root/usr/lib/gcc/x86_64-linux-gnu/12/32
	mkdir -p root/usr/lib/x86_64-linux-gnu/perl/5.36/Time
	(cd root/usr && touch lib/x86_64-linux-gnu/perl/5.36/Time/HiRes.pm \
		bin/gcc bin/ld lib32/libc.a libelf.h \
		include/x86_64-linux-gnu/sys/cdefs.h include/check.h \
		include/capstone/capstone.h include/x86_64-linux-gnu/ffi.h \
		include/libelf.h include/seccomp.h \
		lib/gcc/x86_64-linux-gnu/12/32/libgcc.a \
		share/keyrings/debian-archive-keyring.gpg)
	: >log
}

test_bootstrap() {
	mkdir -p bin
	# shellcheck disable=SC2016 # expanded by the stub
	stub apt-get 'echo "$@" >>"$LOG"
case $* in
*update) exit 100 ;;
*) touch "$UMBRA_PROBE_ROOT/usr/include/check.h" ;;
esac'
	stub id 'echo 0'
	stub sudo 'exit 1'

	fill_root
	is 'nothing missing: no output' "$(bootstrap)" ''
	is 'nothing missing: apt not called' "$(cat log)" ''

	rm root/usr/include/check.h
	out=$(bootstrap)
	is 'an index that fails in part does not stop it' $? 0
	has 'it says what it installs' "$out" '^umbra: installing check$'
	has 'it installs that' "$(cat log)" 'install check$'

	fill_root
	rm root/usr/include/check.h root/usr/lib32/libc.a
	out=$(UMBRA_NO_INSTALL=1 bootstrap)
	is 'forbidden to install: fails' $? 1
	is 'forbidden to install: one line' "$out" \
'umbra: packages are missing; as root: apt-get install check libc6-dev-i386'
	is 'forbidden to install: apt not called' "$(cat log)" ''
	out=$(UMBRA_NO_INSTALL=1 bootstrap check coverage)
	is 'words: only what these goals need' "$out" \
'umbra: packages are missing; as root: apt-get install gdb clang libclang-rt-14-dev lcov'

	out=$(bootstrap)
	is 'an installation without effect fails' $? 1
	fill_root
	rm root/usr/include/check.h
	stub id 'echo 1000'
	out=$(bootstrap)
	is 'neither root nor sudo: fails' $? 1
	has 'neither root nor sudo: one line' "$out" 'apt-get install check$'
	stub sudo 'shift; case $1 in true) ;; *) exec "$@" ;; esac'
	bootstrap >/dev/null
	is 'sudo that asks nothing is used' $? 0
	rm root/usr/include/check.h
	stub apt-get 'exit 100'
	bootstrap >/dev/null
	is 'a failed installation fails' $? 1
}

# ---- check.pl, the runner, make in a fresh tree

test_check() {
	out=$(perl "$src/tests/check.pl" 'echo 3 passed, 0 failed' \
		'echo 2 passed, 1 failed; exit 1' | tail -n 1)
	is 'results add up' "$out" '5 passed, 1 failed'
	perl "$src/tests/check.pl" 'echo 2 passed, 0 failed' >/dev/null
	is 'all passed: status' $? 0
	out=$(perl "$src/tests/check.pl" 'echo 2 passed, 0 failed; exit 3')
	is 'a step that crashes at its end: status' $? 1
	has 'a step that crashes at its end counts' "$out" '^2 passed, 1 failed'
	out=$(perl "$src/tests/check.pl" true | tail -n 1)
	is 'a step without result counts' "$out" '0 passed, 1 failed'
	out=$(CHECK_STEP_LIMIT=1 perl "$src/tests/check.pl" 'exec sleep 20')
	is 'a step without end counts' "${out##*s  }" \
		"$(printf 'exec sleep 20\n0 passed, 1 failed')"
	perl "$src/tests/check.pl" 'echo 0 passed, 0 failed' >/dev/null
	is 'nothing tested is no success' $? 1
	out=$(perl "$src/tests/check.pl" 'echo 0 passed, 0 failed' \
		'echo 1 passed, 0 failed' | tail -n 1)
	is 'a step that tests nothing counts' "$out" '1 passed, 1 failed'
	out=$(perl "$src/tests/check.pl" 'echo skip x: no y; echo 0 passed, 0 failed' \
		'echo nothing skipped; echo 0 passed, 0 failed' \
		'echo 1 passed, 0 failed' | tail -n 1)
	is 'but one that says it skips' "$out" '1 passed, 1 failed'
	out=$(CHECK_JOBS=2 perl "$src/tests/check.pl" \
		'for i in 1 2 3 4 5 6 7 8 9; do
			[ -e side ] && break; sleep 1; done
		sleep 0.5; rm side && echo 1 passed, 0 failed' \
		'touch side; echo 1 passed, 0 failed' \
		--alone '[ ! -e side ] && echo 1 passed, 0 failed' | tail -n 1)
	is 'two steps at a time, but those that want to be alone' "$out" \
		'3 passed, 0 failed'
}

test_runner() {
	UMBRA_SUITE=nosuch "$build/tests/unit" >/dev/null 2>&1
	is 'an unknown suite is a usage error' $? 2
	out=$(UMBRA_SUITE=log "$build/tests/unit" | tail -n 1)
	has 'one suite alone' "$out" '^[1-9][0-9]* passed, 0 failed'
}

test_fresh_tree() {
	mkdir -p fresh/tools
	cp "$src/GNUmakefile" fresh/
	cp "$src/tools/help.sh" fresh/tools/
	has 'make help, nothing configured' \
		"$(env -u MAKEFLAGS make -C fresh help)" '  demo '
	is 'make clean, nothing configured' \
		"$(env -u MAKEFLAGS make -s -C fresh clean | grep -v directory)" 'nothing was built'
}

test_sources
test_cpio
test_initramfs
test_bootstrap
test_check
test_runner
test_fresh_tree
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
