// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols.c - fuzz target: any file as a symbol table, ELF or a list.
 *
 * The input is the file. What has to hold: an error is one line that begins
 * with the file; each symbol of a table that was taken is found by its own
 * address and by its name.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "tools/symbols_impl.h"

static struct {
	u64 files, refused, symbols;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"symbols: %llu files taken with %llu symbols, %llu refused\n",
		(unsigned long long)seen.files, (unsigned long long)seen.symbols,
		(unsigned long long)seen.refused);
}

static void judge_table(const struct symbols *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const char *name = s->names + s->v[i].name, *found;
		u32 offset, start;
		u64 end;

		must(!i || s->v[i - 1].addr <= s->v[i].addr, "not sorted");
		found = symbols_lookup(s, s->v[i].addr, &offset);
		must(found && !offset, "%s is not at its address", name);
		must(strnlen(name, SYMBOLS_NAME_MAX + 1) <= SYMBOLS_NAME_MAX,
		     "a long name");
		must(symbols_find(s, name, &start, &end) && start < end &&
			     end <= 1ull << 32,
		     "%s is not found", name);
		symbols_lookup(s, (u64)s->v[i].addr + s->v[i].size, &offset);
	}
}

static void judge_ends(const struct symbols *s)
{
	static const u64 ends[] = { 0, 1, 0x80000000, 0xffffffff, 0x100000000,
				    ~0ull };
	u32 offset;

	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++)
		symbols_lookup(s, ends[i], &offset);
	must(!symbols_lookup(NULL, 0, &offset), "a name from no table");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char path[32], error[SYMBOLS_ERROR_MAX];
	struct symbols *s = NULL;
	int fd = memfd_create("symbols", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "memfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (symbols_load(&s, path, error)) {
		must(!strncmp(error, path, strlen(path)) &&
			     strnlen(error, sizeof(error)) < sizeof(error) &&
			     !strchr(error, '\n'),
		     "error: '%.320s'", error);
		seen.refused++;
	} else {
		must(s->n && symbols_count(s) == s->n, "no symbols");
		judge_table(s);
		judge_ends(s);
		seen.files++;
		seen.symbols += s->n;
		symbols_free(s);
	}
	close(fd);
	return 0;
}
