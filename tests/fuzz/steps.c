// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * steps.c - see steps.h.
 */
#include "steps.h"

#define STEP_MAX 64 /* bytes */

/* len bytes changed in place, however long the mutation would be. */
static void change(u8 *at, size_t len)
{
	u8 copy[STEP_MAX];
	size_t n;

	len = MIN(len, sizeof(copy));
	memcpy(copy, at, len);
	n = LLVMFuzzerMutate(copy, len, len);
	memcpy(at, copy, n);
}

/* One byte of a step: what a field of it says. */
static void change_byte(struct fuzz_rng *r, u8 *at, size_t len)
{
	u8 *p = at + fuzz_rand(r, (u32)len);

	if (fuzz_rand(r, 2))
		*p ^= (u8)(1u << fuzz_rand(r, 8));
	else
		*p = (u8)fuzz_rand(r, 256);
}

size_t steps_mutate(struct fuzz_rng *r, u8 *data, size_t size, size_t max,
		    size_t head, size_t width)
{
	size_t n, at, len;
	u8 *step;

	must(width <= STEP_MAX, "steps of %zu bytes", width);
	if (size < head)
		return LLVMFuzzerMutate(data, size, max);
	if (head && fuzz_rand(r, 12) == 0) {
		change_byte(r, data, head);
		return size;
	}
	n = (size - head) / width;
	size = head + n * width;
	at = n ? fuzz_rand(r, (u32)n) : 0;
	step = data + head + at * width;
	switch (n ? fuzz_rand(r, 6) : 0) {
	case 0: /* one more */
		if (size + width > max)
			break;
		memmove(step + width, step, size - head - at * width);
		for (size_t i = 0; i < width; i++)
			step[i] = (u8)fuzz_rand(r, 256);
		return size + width;
	case 1: /* one less */
		memmove(step, step + width, size - head - (at + 1) * width);
		return size - width;
	case 2: /* some again, at the end */
		len = (1 + fuzz_rand(r, 4)) * width;
		len = MIN(len, size - head - at * width);
		if (size + len > max)
			break;
		memcpy(data + size, step, len);
		return size + len;
	case 3:
		change(step, width);
		break;
	default:
		change_byte(r, step, width);
	}
	return size;
}
