/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load_util.h - guest RAM between guard pages and a kernel file of its exact
 * size, for the tests of the loaders.
 */
#ifndef UMBRA_TESTS_LOAD_UTIL_H
#define UMBRA_TESTS_LOAD_UTIL_H

#include "tools/load.h"

#define LU_RAM (64ull << 20)

struct load_util {
	struct load_request req;
	struct load_result res;
	u8 *map;
};

/* RAM of LU_RAM bytes with a canary in 0x9fc00..0xfffff. */
void load_util_init(struct load_util *u);
void load_util_fini(struct load_util *u);

/* Copies data to a heap block of that size: the kernel, the initrd. */
void load_util_kernel(struct load_util *u, const void *data, size_t size);
void load_util_initrd(struct load_util *u, const void *data, size_t size);

/* Runs load_kernel() and checks what must hold for any file: no write to
 * reserved memory; an error is one line with words, or the entry is in RAM. */
int load_util_run(struct load_util *u);

/* Sets each byte of first..last of the kernel, and each word of four, to
 * telling values, runs the loader, and puts them back. Returns how many of
 * the mutants loaded. */
unsigned load_util_mutate(struct load_util *u, size_t first, size_t last);

/* Loads every prefix of the kernel shorter than size. */
void load_util_truncate(struct load_util *u, size_t step);

#endif
