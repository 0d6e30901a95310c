// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memory.c - rows that move and read memory: rep movs, streams larger than the
 * caches, a chain of pointers through 64 MiB.
 */
#include <string.h>

#include "bench.h"

static uint32_t *mem_a, *mem_b, *mem_c;

static inline void mem_movs(void *to, const void *from, size_t bytes)
{
	size_t n = bytes / 4;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n)
			 : : "memory");
	n = bytes % 4;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)
			 : : "memory");
}

/* ---- rep movs: 32 KiB at a time, and short ones of all lengths */

#define MOVS_BYTES 32768
#define MOVS_TIMES 64

static void movs_setup(void)
{
	uint32_t seed = 7;

	mem_a = bench_map(MOVS_BYTES, 0);
	mem_b = bench_map(MOVS_BYTES, 0);
	for (size_t i = 0; i < MOVS_BYTES / 4; i++)
		mem_a[i] = bench_random(&seed);
}

static uint32_t movs_unit(void)
{
	for (unsigned i = 0; i < MOVS_TIMES; i++)
		mem_movs(mem_b, mem_a, MOVS_BYTES);
	return mem_b[0] + mem_b[MOVS_BYTES / 4 - 1];
}

static uint32_t movs_short_unit(void)
{
	uint8_t *to = (uint8_t *)mem_b, *from = (uint8_t *)mem_a;

	for (unsigned i = 0; i < 4096; i++)
		mem_movs(to + i * 3, from + i * 5, i * 37 & 255);
	return mem_b[0] + mem_b[1000];
}

/* ---- stream: a = b + 3c over 3 x 8 MiB */

#define STREAM_WORDS (8u << 20 >> 2)

static void stream_setup(void)
{
	mem_a = bench_map(4 * STREAM_WORDS, 0);
	mem_b = bench_map(4 * STREAM_WORDS, 0);
	mem_c = bench_map(4 * STREAM_WORDS, 0);
	for (uint32_t i = 0; i < STREAM_WORDS; i++) {
		mem_a[i] = 0;
		mem_b[i] = i;
		mem_c[i] = i >> 3;
	}
}

static uint32_t stream_unit(void)
{
	uint32_t *restrict a = mem_a;
	const uint32_t *restrict b = mem_b, *restrict c = mem_c;

	for (uint32_t i = 0; i < STREAM_WORDS; i++)
		a[i] = b[i] + 3 * c[i];
	return a[12345] ^ a[STREAM_WORDS - 1];
}

/* ---- chase: one cycle through all cache lines of 64 MiB */

#define CHASE_LINES (64u << 20 >> 6)
#define CHASE_STEPS 20000

struct line {
	struct line *next;
	uint32_t index;
	uint8_t rest[64 - sizeof(struct line *) - 4];
};

static struct line *chase_line;

/* Sattolo's shuffle: a permutation that is one cycle. */
static void chase_setup(void)
{
	uint32_t *order = bench_map(4 * CHASE_LINES, 0), seed = 3;
	struct line *l = bench_map(64 * CHASE_LINES, 0);

	for (uint32_t i = 0; i < CHASE_LINES; i++)
		order[i] = i;
	for (uint32_t i = CHASE_LINES - 1; i > 0; i--) {
		uint32_t j = bench_random(&seed) % i, t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < CHASE_LINES; i++) {
		l[i].next = &l[order[i]];
		l[i].index = i;
	}
	chase_line = l;
}

static struct line *chase_at;
static uint32_t chase_sum;

/* Each unit goes on where the last one ended: other lines, cold ones. What
 * it returns is whether the way is still the one that the set-up laid. */
static uint32_t chase_unit(void)
{
	struct line *l = chase_at ? chase_at : chase_line;

	for (unsigned i = 0; i < CHASE_STEPS; i++)
		l = l->next;
	chase_at = l;
	if (!chase_sum)
		chase_sum = l->index;
	return chase_sum + (&chase_line[l->index] != l);
}

const struct row rows_memory[] = {
	{ "repmovs", 5000, MOVS_TIMES, movs_setup, movs_unit, NULL },
	{ "repmovs-short", 3000, 4096, movs_setup, movs_short_unit, NULL },
	{ "stream", 80, 1, stream_setup, stream_unit, NULL },
	{ "chase", 25, CHASE_STEPS, chase_setup, chase_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
