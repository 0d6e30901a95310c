/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode_lines.c - a filter for optab_objdump.pl: reads lines of up to 15
 * bytes in hexadecimal, prints length and identity of the first instruction in
 * each. The argument is the mode, 16, 32 or 64.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "translator/insn.h"

static const char *const cc_names[16] = { "o", "no", "b", "ae", "e", "ne",
					  "be", "a", "s", "ns", "p", "np", "l",
					  "ge", "le", "g" };

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

static size_t line_bytes(const char *line, u8 *buf)
{
	size_t n = 0;

	while (n < INSN_MAX_LEN && isxdigit((unsigned char)line[0]) &&
	       isxdigit((unsigned char)line[1])) {
		buf[n++] = hex_digit(line[0]) << 4 | hex_digit(line[1]);
		line += 2;
	}
	return n;
}

static void line_print(const struct insn *insn)
{
	const char *cc = cc_names[insn->opcode & 15];
	const char *stem = insn->row->op == OP_JCC    ? "j" :
			   insn->row->op == OP_SETCC  ? "set" :
			   insn->row->op == OP_CMOVCC ? "cmov" : NULL;

	if (stem) {
		printf("%d %s%s\n", insn->len, stem, cc);
		return;
	}
	printf("%d ", insn->len);
	for (const char *s = insn->row->name; *s; s++)
		putchar(tolower((unsigned char)*s));
	putchar('\n');
}

int main(int argc, char **argv)
{
	int mode = argc == 2 ? atoi(argv[1]) : 0;
	char line[128];
	struct insn insn;
	u8 buf[INSN_MAX_LEN];

	if (mode != 16 && mode != 32 && mode != 64) {
		fprintf(stderr, "usage: decode_lines 16|32|64\n");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = line_bytes(line, buf);

		if (insn_decode(&insn, buf, n, mode, NULL) == INSN_OK)
			line_print(&insn);
		else
			puts("0 (bad)");
	}
	return 0;
}
