/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what every fuzz target has: libFuzzer's entry points, and a reader
 * of its input that never ends.
 *
 * A target is one file: LLVMFuzzerTestOneInput() takes any bytes, carries out
 * what they ask for, and calls must() on what has to hold for all inputs. One
 * input must not leave anything behind that another could meet.
 */
#ifndef UMBRA_TESTS_FUZZ_H
#define UMBRA_TESTS_FUZZ_H

#include <string.h>
#include "runtime/base.h"

/* The target's. Always 0. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
/* The target's: a mutation that knows what the bytes mean. */
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned seed);
/* libFuzzer's, or standalone.c's: a mutation that does not. */
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
/* Before a function of the target that judges: which way it goes says nothing of
 * what the input has reached. */
#if defined(__clang__) && __clang_major__ >= 13
#define FUZZ_JUDGE __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_JUDGE
#endif

/* Before a function of the target that prints, at the end of the process, one
 * line of what it has met. */
#define FUZZ_AT_EXIT __attribute__((destructor)) static

/* The input from p to end; behind it everything reads as zero. */
struct fuzz_in {
	const u8 *p, *end;
};

static inline size_t fuzz_left(const struct fuzz_in *in)
{
	return (size_t)(in->end - in->p);
}

static inline void fuzz_bytes(struct fuzz_in *in, void *to, size_t n)
{
	size_t have = MIN(n, fuzz_left(in));

	memset(to, 0, n);
	if (have)
		memcpy(to, in->p, have);
	in->p += have;
}

static inline u8 fuzz_u8(struct fuzz_in *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static inline u16 fuzz_u16(struct fuzz_in *in)
{
	u16 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

static inline u32 fuzz_u32(struct fuzz_in *in)
{
	u32 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

static inline u64 fuzz_u64(struct fuzz_in *in)
{
	u64 v;

	fuzz_bytes(in, &v, sizeof(v));
	return v;
}

/* Random numbers of a mutator. */
struct fuzz_rng {
	u64 s;
};

static inline u32 fuzz_rand(struct fuzz_rng *r, u32 below)
{
	r->s = r->s * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(r->s >> 33) % below;
}

#endif
