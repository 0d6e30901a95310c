/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern.c - reproducible data that compresses by about half.
 *
 * usage: pattern MEGABYTES	writes it to standard output
 *	  pattern -c MEGABYTES	compares standard input with it
 */
#include "harness.h"

enum { CHUNK = 65536 };

/* Words from a small vocabulary between runs of noise. */
static void chunk_make(uint8_t *p, uint32_t *seed)
{
	for (unsigned i = 0; i < CHUNK;) {
		uint32_t r = harness_random(seed);
		unsigned n = 4 + (r >> 8) % 24;

		for (; n && i < CHUNK; n--, i++)
			p[i] = r & 1 ? (uint8_t)harness_random(seed) :
				       (uint8_t)("umbra "[(r + n) % 6]);
	}
}

static bool chunk_read(uint8_t *p)
{
	for (size_t n = 0; n < CHUNK;) {
		ssize_t k = read(0, p + n, CHUNK - n);

		if (k <= 0)
			return false;
		n += (size_t)k;
	}
	return true;
}

static bool chunk_write(const uint8_t *p)
{
	for (size_t n = 0; n < CHUNK;) {
		ssize_t k = write(1, p + n, CHUNK - n);

		if (k <= 0)
			return false;
		n += (size_t)k;
	}
	return true;
}

int main(int argc, char **argv)
{
	static uint8_t want[CHUNK], got[CHUNK];
	bool check = argc == 3 && !strcmp(argv[1], "-c");
	unsigned chunks;
	uint32_t seed = 1;

	if (argc != 2 + check)
		return 2;
	chunks = (unsigned)atoi(argv[1 + check]) * (1048576 / CHUNK);
	for (unsigned i = 0; i < chunks; i++) {
		chunk_make(want, &seed);
		if (!check && !chunk_write(want))
			return 1;
		if (!check)
			continue;
		if (!chunk_read(got)) {
			printf("FAIL pattern: ends at %u KiB\n", i * 64);
			return 1;
		}
		if (memcmp(got, want, CHUNK)) {
			printf("FAIL pattern: differs in KiB %u\n", i * 64);
			return 1;
		}
	}
	if (check && read(0, got, 1) != 0) {
		printf("FAIL pattern: goes on after its end\n");
		return 1;
	}
	return 0;
}
