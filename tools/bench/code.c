// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * code.c - rows that write code: a function whose body is written anew before
 * each call, and code that shares its page with the data it changes.
 */
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static uint8_t *code_page;

static void code_setup(void)
{
	code_page = bench_map(4 * PAGE, PROT_EXEC);
}

static uint8_t *code_put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
	return p + 4;
}

/* f(x) = ((x + a) ^ b) * 5 or without the last step. */
static void code_write(uint8_t *p, uint32_t a, uint32_t b)
{
	memcpy(p, "\x8b\x44\x24\x04", 4); /* mov eax, [esp + 4] */
	p += 4;
	*p++ = 0x05; /* add eax, a */
	p = code_put32(p, a);
	*p++ = 0x35; /* xor eax, b */
	p = code_put32(p, b);
	if (a & 1) {
		memcpy(p, "\x8d\x04\x80", 3); /* lea eax, [eax + eax * 4] */
		p += 3;
	}
	*p = 0xc3; /* ret */
}

typedef uint32_t (*code_fn)(uint32_t x);

#define REWRITES 200

static uint32_t rewrite_unit(void)
{
	uint32_t x = 1;

	for (uint32_t i = 0; i < REWRITES; i++) {
		uint8_t *p = code_page + 64 * (i & 7);

		code_write(p, i, i * 0x01010101);
		x = ((code_fn)(uintptr_t)p)(x);
	}
	return x;
}

/* Written once and called a hundred times, then the next: as a JIT does. */
static uint32_t jit_unit(void)
{
	uint32_t x = 1;

	for (uint32_t i = 0; i < REWRITES; i++) {
		uint8_t *p = code_page + 64 * i % (2 * PAGE);

		code_write(p, i, i * 0x01010101);
		for (unsigned j = 0; j < 100; j++)
			x = ((code_fn)(uintptr_t)p)(x);
	}
	return x;
}

/* ---- a counter in the page of the code that counts */

#define SHARED_CALLS 1000

static void shared_setup(void)
{
	uint8_t *p;

	code_setup();
	p = code_page;
	*p++ = 0xa1; /* mov eax, [counter] */
	p = code_put32(p, (uint32_t)(uintptr_t)(code_page + 2048));
	memcpy(p, "\x03\x44\x24\x04", 4); /* add eax, [esp + 4] */
	p += 4;
	*p++ = 0xa3; /* mov [counter], eax */
	p = code_put32(p, (uint32_t)(uintptr_t)(code_page + 2048));
	*p = 0xc3; /* ret */
}

static uint32_t shared_unit(void)
{
	uint32_t x = 0;

	memset(code_page + 2048, 0, 4);
	for (uint32_t i = 0; i < SHARED_CALLS; i++)
		x = ((code_fn)(uintptr_t)code_page)(i);
	return x;
}

const struct row rows_code[] = {
	{ "smc-rewrite", 3000, REWRITES, code_setup, rewrite_unit, NULL },
	{ "smc-jit", 1500, REWRITES, code_setup, jit_unit, NULL },
	{ "smc-shared", 40000, SHARED_CALLS, shared_setup, shared_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
