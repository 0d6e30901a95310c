// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * options.c - fuzz target: any words on the command line of umbra.
 *
 * The input is the words behind the program's name, each with a 0 behind it.
 * What has to hold: an error has words; what is accepted is in range.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "runtime/log.h"
#include "tools/options.h"

#define WORDS_MAX 64

static struct {
	u64 accepted, refused;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr, "options: %llu command lines accepted, %llu refused\n",
		(unsigned long long)seen.accepted,
		(unsigned long long)seen.refused);
}

static void judge(const struct options *o, int err, bool one_line)
{
	size_t len = strnlen(o->error, sizeof(o->error));

	if (err) {
		must(err == -EINVAL && len > 5 && len < sizeof(o->error) &&
			     (!one_line || !strchr(o->error, '\n')),
		     "error %d: '%.*s'", err, (int)len, o->error);
		seen.refused++;
		return;
	}
	seen.accepted++;
	if (o->command != OPT_RUN)
		return;
	must(o->kernel && *o->kernel && o->append, "no kernel");
	must(o->memory >= OPT_MEMORY_MIN && o->memory <= OPT_MEMORY_MAX &&
		     !(o->memory & ~PAGE_MASK),
	     "%llu bytes of memory", (unsigned long long)o->memory);
	must(!o->debug_exit ||
		     (o->debug_exit_port && o->debug_exit_port <= OPT_PORT_MAX),
	     "debug exit at %#x", o->debug_exit_port);
	must(!o->inject.cache_kb || o->inject.cache_kb >= 16, "cache of %u KiB",
	     o->inject.cache_kb);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char name[] = "umbra";
	char *text = malloc(size + 1), *words[WORDS_MAX + 2] = { name };
	struct options *o = malloc(sizeof(*o));
	u64 bytes;
	int n = 1;

	must(text && o, "out of memory");
	memcpy(text, data, size);
	text[size] = 0;
	for (size_t at = 0; at < size && n <= WORDS_MAX;
	     at += strlen(text + at) + 1)
		words[n++] = text + at;
	judge(o, options_parse(o, n, words), !memchr(text, '\n', size));
	if (n > 1 && options_size(words[1], &bytes))
		must(bytes % 1024 == 0, "%s is %llu bytes", words[1],
		     (unsigned long long)bytes);
	log_mask = 0;
	free(o);
	free(text);
	return 0;
}
