// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calls.c - rows of calls and returns: recursion, callbacks from the C
 * library, pointers to functions.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* ---- fib */

#define FIB_N	  25
#define FIB_CALLS 242785 /* fib_calls(25) */

/* One real call for each number: no inlining, no cloning, no loops made of it. */
__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls")))
static uint32_t fib(uint32_t n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint32_t fib_unit(void)
{
	return fib(FIB_N);
}

/* ---- qsort */

#define SORT_N 20000

static int32_t sort_in[SORT_N], sort_out[SORT_N];

static void sort_setup(void)
{
	uint32_t seed = 5;

	for (size_t i = 0; i < SORT_N; i++)
		sort_in[i] = (int32_t)bench_random(&seed);
}

static int sort_compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t sort_unit(void)
{
	memcpy(sort_out, sort_in, sizeof(sort_in));
	qsort(sort_out, SORT_N, sizeof(*sort_out), sort_compare);
	return bench_sum(sort_out, 400) + (uint32_t)sort_out[SORT_N / 2];
}

/* ---- pointers to functions: eight operations, called in a random order */

#define CALLS_N 100000

typedef uint32_t (*calls_fn)(uint32_t x, uint32_t y);

#define CALLS_FN(name, expr)                                          \
	__attribute__((noinline, noclone)) static uint32_t calls_##name( \
		uint32_t x, uint32_t y)                                \
	{                                                              \
		return expr;                                           \
	}
CALLS_FN(add, x + y)
CALLS_FN(sub, x - y)
CALLS_FN(xor, x ^ y)
CALLS_FN(mul, x * (y | 1))
CALLS_FN(rol, (x << 5 | x >> 27) + (y & 1))
CALLS_FN(shr, (x >> 3) + y)
CALLS_FN(not, ~x - y)
CALLS_FN(mix, (x ^ x >> 15) + y)

static calls_fn volatile calls_table[8] = {
	calls_add, calls_sub, calls_xor, calls_mul,
	calls_rol, calls_shr, calls_not, calls_mix,
};
static uint8_t calls_order[4096];

static void calls_setup(void)
{
	uint32_t seed = 9;

	for (size_t i = 0; i < sizeof(calls_order); i++)
		calls_order[i] = bench_random(&seed) >> 9 & 7;
}

static uint32_t calls_unit(void)
{
	uint32_t x = 1;

	for (uint32_t i = 0; i < CALLS_N; i++)
		x = calls_table[calls_order[i & 4095]](x, i);
	return x;
}

const struct row rows_calls[] = {
	{ "fib", 300, FIB_CALLS, NULL, fib_unit, NULL },
	{ "qsort", 50, SORT_N, sort_setup, sort_unit, NULL },
	{ "calls", 100, CALLS_N, calls_setup, calls_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
