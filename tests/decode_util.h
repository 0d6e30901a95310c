/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode_util.h - what the decoder's tests share: bytes from text, random
 * numbers that repeat, and the walk over every encoding.
 */
#ifndef UMBRA_TESTS_DECODE_UTIL_H
#define UMBRA_TESTS_DECODE_UTIL_H

#include <stdlib.h>
#include "runtime/base.h"

#define DECODE_BUF 16

/* "0f 1f 00" to bytes; returns how many. */
static inline size_t decode_hex(const char *hex, u8 buf[DECODE_BUF])
{
	size_t n = 0;
	char *end;

	for (; *hex; hex = end) {
		buf[n++] = strtoul(hex, &end, 16);
		must(n <= DECODE_BUF && end != hex, "bad test bytes");
	}
	return n;
}

static inline u64 decode_random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/*
 * Calls fn with every opcode of every map under the usual orders of prefixes,
 * all values of modrm (every_modrm) or a representative set, and some SIBs;
 * then every VEX opcode. buf has DECODE_BUF bytes, of which 15 count; fill
 * gives the bytes behind modrm and SIB.
 */
typedef void encoding_fn(const u8 *buf, void *arg);
void encodings_legacy(int mode, bool every_modrm, u8 fill, encoding_fn *fn,
		      void *arg);
void encodings_vex(bool every_modrm, u8 fill, encoding_fn *fn, void *arg);

#endif
