// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse.c - double arithmetic in SSE2 (-mfpmath=sse), and packed integers.
 */
#include <emmintrin.h>

#include "nbody.h"

/* ---- packed integers: a filter over 16-bit samples, sums of differences */

#define SSE_SAMPLES 16384

static __m128i sse_in[SSE_SAMPLES / 8], sse_out[SSE_SAMPLES / 8];

static void sse_setup(void)
{
	uint32_t seed = 11, *p = (uint32_t *)sse_in;

	for (size_t i = 0; i < SSE_SAMPLES / 2; i++)
		p[i] = bench_random(&seed);
}

static uint32_t sse_unit(void)
{
	const __m128i gain = _mm_set1_epi16(0x5a3c);
	const __m128i round = _mm_set1_epi16(7);
	__m128i last = _mm_setzero_si128(), sad = last;

	for (size_t i = 0; i < SSE_SAMPLES / 8; i++) {
		__m128i x = sse_in[i];
		__m128i y = _mm_mulhi_epi16(x, gain);

		y = _mm_adds_epi16(y, _mm_srai_epi16(last, 2));
		y = _mm_max_epi16(y, _mm_sub_epi16(round, x));
		y = _mm_shufflehi_epi16(y, _MM_SHUFFLE(0, 1, 2, 3));
		y = _mm_xor_si128(y, _mm_unpacklo_epi8(x, last));
		sad = _mm_add_epi32(sad, _mm_sad_epu8(x, y));
		sse_out[i] = y;
		last = y;
	}
	return bench_sum(sse_out, 256) +
	       (uint32_t)_mm_cvtsi128_si32(sad) +
	       (uint32_t)_mm_movemask_epi8(last);
}

const struct row rows_sse[] = {
	{ "sse2-int", 15000, 1, sse_setup, sse_unit, NULL },
	{ "double-sse2", 800, NBODY_STEPS, NULL, nbody_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
