/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lightmem.h - memory primitives for code that runs while the guest's vector
 * registers are live: string instructions, never libc (HAZARDS 56).
 */
#ifndef UMBRA_LIGHTMEM_H
#define UMBRA_LIGHTMEM_H

#include "base.h"

static inline void light_copy(void *dst, const void *src, size_t n)
{
	__asm__ volatile("rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(n)
			 :
			 : "memory");
}

static inline void light_fill(void *dst, u8 byte, size_t n)
{
	__asm__ volatile("rep stosb"
			 : "+D"(dst), "+c"(n)
			 : "a"(byte)
			 : "memory");
}

static inline void light_zero(void *dst, size_t n)
{
	light_fill(dst, 0, n);
}

static inline bool light_equal(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n >= 8; n -= 8, x += 8, y += 8) {
		u64 p, q;

		__builtin_memcpy(&p, x, 8);
		__builtin_memcpy(&q, y, 8);
		if (p != q)
			return false;
	}
	for (; n; n--, x++, y++) {
		if (*x != *y)
			return false;
	}
	return true;
}

/* Unaligned little-endian fields. */
#define LIGHT_FIELD(bits)                                                     \
	static inline u##bits light_get##bits(const void *p)                  \
	{                                                                     \
		u##bits x;                                                    \
                                                                              \
		__builtin_memcpy(&x, p, sizeof(x));                           \
		return x;                                                     \
	}                                                                     \
	static inline void light_put##bits(void *p, u##bits x)                \
	{                                                                     \
		__builtin_memcpy(p, &x, sizeof(x));                           \
	}

LIGHT_FIELD(16)
LIGHT_FIELD(32)
LIGHT_FIELD(64)

#endif
