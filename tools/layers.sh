#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# layers.sh - proves who includes whom.
#
# usage: layers.sh [--self-test] [SRCDIR]
#
# translator/, shadowmmu/ and devices/ include, besides their own files, only
# the leaf headers of runtime/; leaf headers include only leaf headers; runtime/
# does not know devices/; nothing includes tools/ or tests/ from outside. Every
# "..." include is relative to the top or plain for the same folder, and leads
# to a file (bare guests in tests/ have an include path of their own). --self-test
# first breaks each rule in a scratch tree and wants to see it found. Ends with
# "N passed, N failed".
set -u

# Prints "file:line: why" for each include that breaks a rule.
violations() {
	(cd "$1" && find translator shadowmmu runtime devices tools tests \
		-name '*.[chS]' -o -name '*.def' -o -name '*.inc') 2>/dev/null |
	sort | (cd "$1" && xargs awk '
	function bad(why)
	{
		printf "%s:%d: %s: %s\n", FILENAME, FNR, inc, why
	}
	function exists(path,	line, rc)
	{
		rc = (getline line < path)
		close(path)
		return rc >= 0
	}
	function is_leaf(path)
	{
		return path ~ /^runtime\/(base|bits|log|segreg|trans|cpu|exit)\.h$/
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		inc = $0
		sub(/^[^"]*"/, "", inc)
		sub(/".*$/, "", inc)
		from = FILENAME
		sub(/\/.*$/, "", from)
		folder = FILENAME
		sub(/\/[^\/]*$/, "", folder)
		if (inc == "asm-offsets.h") {
			if (from != "runtime" && from != "tests")
				bad("the offsets are for runtime/")
			next
		}
		path = inc ~ /\// ? inc : folder "/" inc
		to = path
		sub(/\/.*$/, "", to)
		if (inc ~ /(^|\/)\.\.?(\/|$)/ || inc ~ /^\//)
			bad("not relative to the top")
		else if (from != "tests" && !exists(path) && !guarded[path])
			bad("no such file")
		else if ((to == "tools" || to == "tests") && to != from &&
			 from != "tests")
			bad("nothing includes " to "/")
		else if (is_leaf(FILENAME) && !is_leaf(path))
			bad("a leaf header includes only leaf headers")
		else if (from ~ /^(translator|shadowmmu|devices)$/ &&
			 to != from && !is_leaf(path))
			bad(from "/ does not include " to "/")
		else if (from == "runtime" && to == "devices")
			bad("runtime/ does not include devices/")
	}
	/^[ \t]*#[ \t]*if[ \t]+__has_include/ {
		path = $0
		sub(/^[^"]*"/, "", path)
		sub(/".*$/, "", path)
		folder = FILENAME
		sub(/\/[^\/]*$/, "", folder)
		guarded[path ~ /\// ? path : folder "/" path] = 1
	}
	' /dev/null)
}

passed=0
failed=0

result() { # status, name
	if [ "$1" = 0 ]; then
		echo "ok layers: $2"
		passed=$((passed + 1))
	else
		echo "FAIL layers: $2"
		failed=$((failed + 1))
	fi
}

scratch_tree() {
	rm -rf "$scratch"
	for d in translator shadowmmu runtime devices tools tests/sub; do
		mkdir -p "$scratch/$d"
	done
	for f in runtime/base.h runtime/bits.h runtime/log.h runtime/cpu.h \
		runtime/exit.h runtime/vm.h translator/decode.h \
		shadowmmu/walk.h devices/bus.h tools/tool.h tests/lib.h; do
		: >"$scratch/$f"
	done
}

# file, include line: must be found if $3 is "bad", must pass if "good"
try() {
	scratch_tree
	printf '/* x */\n%s\n' "$2" >"$scratch/$1"
	found=$(violations "$scratch")
	case $3:$found in
	bad:"$1:2: "* | good:) result 0 "$3: $1: $2" ;;
	*) result 1 "$3: $1: $2 ($found)" ;;
	esac
}

self_test() {
	scratch=$(mktemp -d) || exit 1
	trap 'rm -rf "$scratch"' EXIT
	try translator/a.c '#include "decode.h"' good
	try translator/a.c '#include "runtime/cpu.h"' good
	try translator/a.c '#include <stdio.h>' good
	try runtime/a.c '#include "translator/decode.h"' good
	try runtime/exit.h '#include "base.h"' good
	try runtime/a.S '#include "asm-offsets.h"' good
	try tools/a.c '#include "devices/bus.h"' good
	try tests/a.c '#include "tools/tool.h"' good
	try tests/a.c '#include "guest.h"' good
	try translator/a.c '#include "shadowmmu/walk.h"' bad
	try translator/a.def '#include "devices/bus.h"' bad
	try translator/a.c '#include "runtime/vm.h"' bad
	try shadowmmu/a.h '  #  include "translator/decode.h"' bad
	try shadowmmu/a.c '#include "devices/bus.h"' bad
	try devices/a.c '#include "translator/decode.h"' bad
	try devices/a.c '#include "shadowmmu/walk.h"' bad
	try devices/a.c '#include "runtime/vm.h"' bad
	try runtime/a.c '#include "devices/bus.h"' bad
	try runtime/cpu.h '#include "vm.h"' bad
	try runtime/log.h '#include "translator/decode.h"' bad
	try runtime/a.c '#include "tools/tool.h"' bad
	try devices/a.c '#include "tests/lib.h"' bad
	try tools/a.c '#include "tests/lib.h"' bad
	try translator/a.c '#include "../runtime/base.h"' bad
	try translator/a.c '#include "nowhere.h"' bad
	try devices/a.c '#include "asm-offsets.h"' bad
}

if [ "${1-}" = --self-test ]; then
	shift
	self_test
fi
found=$(violations "${1:-.}")
[ -z "$found" ] || echo "$found"
[ -z "$found" ]
result $? "includes of the whole tree"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
