// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * integer.c - rows of integer work: loops, shifts, a byte-code interpreter,
 * multiplication and division.
 */
#include <string.h>

#include "bench.h"

/* ---- sieve */

#define SIEVE_MAX 500000

static uint8_t sieve_flag[SIEVE_MAX];

static uint32_t sieve_unit(void)
{
	uint32_t count = 0;

	memset(sieve_flag, 1, sizeof(sieve_flag));
	for (uint32_t i = 2; i < SIEVE_MAX; i++) {
		if (!sieve_flag[i])
			continue;
		count++;
		for (uint32_t j = 2 * i; j < SIEVE_MAX; j += i)
			sieve_flag[j] = 0;
	}
	return count;
}

/* ---- sha256 (FIPS 180-4) of 64 KiB */

#define SHA_BYTES 65536

static uint8_t sha_text[SHA_BYTES];

static const uint32_t sha_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void sha_block(uint32_t state[8], const uint8_t *p)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t w[64];

	for (unsigned i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + (ror(x, 7) ^ ror(x, 18) ^ x >> 3) +
		       w[i - 7] + (ror(y, 17) ^ ror(y, 19) ^ y >> 10);
	}
	for (unsigned i = 0; i < 64; i++) {
		uint32_t t1 = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) +
			      ((e & f) ^ (~e & g)) + sha_k[i] + w[i];
		uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) +
			      ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void sha_setup(void)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < SHA_BYTES; i++)
		sha_text[i] = bench_random(&seed);
}

static uint32_t sha_unit(void)
{
	uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	uint8_t last[64] = { 0x80 };

	for (size_t i = 0; i < SHA_BYTES; i += 64)
		sha_block(h, sha_text + i);
	last[61] = SHA_BYTES * 8 >> 16;
	sha_block(h, last);
	return h[0];
}

/* ---- byte code: counts primes by trial division on a stack machine whose
 * operations jump to each other */

enum { B_PUSH, B_LOAD, B_STORE, B_ADD, B_MUL, B_MOD, B_LESS, B_JZ, B_JMP,
       B_INC, B_END };

/* variables: 0 candidate, 1 divisor, 2 count */
static const uint8_t byte_code[] = {
	/*  0 */ B_PUSH, 2, B_STORE, 0,
	/*  4 */ B_LOAD, 0, B_PUSH, 250, B_PUSH, 16, B_MUL, B_LESS, B_JZ, 54,
	/* 14 */ B_PUSH, 2, B_STORE, 1,
	/* 18 */ B_LOAD, 0, B_LOAD, 1, B_LOAD, 1, B_MUL, B_LESS, B_JZ, 30,
	/* 28 */ B_JMP, 48, /* divisor^2 > candidate: prime */
	/* 30 */ B_LOAD, 0, B_LOAD, 1, B_MOD, B_JZ, 50,
	/* 37 */ B_PUSH, 1, B_LOAD, 1, B_ADD, B_STORE, 1, B_JMP, 18,
	/* 46 */ B_JMP, 50,
	/* 48 */ B_INC, 2,
	/* 50 */ B_INC, 0, B_JMP, 4,
	/* 54 */ B_LOAD, 2, B_END,
};

static uint32_t byte_unit(void)
{
	static const void *const jump[] = {
		&&push, &&load, &&store, &&add, &&mul, &&mod,
		&&less, &&jz, &&jmp, &&inc, &&end,
	};
	const uint8_t *pc = byte_code;
	uint32_t stack[16], *sp = stack, var[4] = { 0 };

#define NEXT goto *jump[*pc++]
	NEXT;
push:
	*sp++ = *pc++;
	NEXT;
load:
	*sp++ = var[*pc++];
	NEXT;
store:
	var[*pc++] = *--sp;
	NEXT;
add:
	sp--;
	sp[-1] += *sp;
	NEXT;
mul:
	sp--;
	sp[-1] *= *sp;
	NEXT;
mod:
	sp--;
	sp[-1] %= *sp;
	NEXT;
less:
	sp--;
	sp[-1] = sp[-1] < *sp;
	NEXT;
jz:
	pc = *--sp ? pc + 1 : byte_code + *pc;
	NEXT;
jmp:
	pc = byte_code + *pc;
	NEXT;
inc:
	var[*pc++]++;
	NEXT;
end:
#undef NEXT
	return sp[-1];
}

/* ---- multiplication and division */

static uint32_t muldiv_unit(void)
{
	uint32_t x = 0x12345678, sum = 0;

	for (uint32_t i = 1; i <= 100000; i++) {
		uint64_t p = (uint64_t)x * (i | 0x80000001);
		uint32_t d = (x >> 20) + 3;
		int32_t s = (int32_t)p;

		sum += (uint32_t)(p >> 32) / d;
		sum ^= (uint32_t)p % d;
		sum += (uint32_t)(s / (int32_t)(d + i));
		x = x * 1664525 + 1013904223 + (uint32_t)((int64_t)s * s >> 32);
	}
	return sum;
}

const struct row rows_integer[] = {
	{ "sieve", 60, 1, NULL, sieve_unit, NULL },
	{ "sha256", 250, 1, sha_setup, sha_unit, NULL },
	{ "bytecode", 240, 1, NULL, byte_unit, NULL },
	{ "muldiv", 200, 100000, NULL, muldiv_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
