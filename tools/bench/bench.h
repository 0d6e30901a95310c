/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - what the rows of the bench are made of.
 *
 * A row does its work in units. Each unit is the same work from the same
 * start and returns the same number, the row's checksum: so a slow machine
 * may do fewer of them and still be compared. Rows run in a process of their
 * own, in an empty directory of their own. One process, one thread: what lies
 * at file scope in the rows is the row's own.
 */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096u

struct row {
	const char *name;
	unsigned units;		/* default: 50 to 200 ms on bare hardware */
	unsigned ops;		/* in a unit; times are told for one */
	void (*setup)(void);	/* not timed; may be NULL */
	uint32_t (*unit)(void);
	void (*finish)(void);	/* not timed; may be NULL */
};

/* Each file's rows end with one whose name is NULL. */
extern const struct row rows_integer[];
extern const struct row rows_memory[];
extern const struct row rows_sse[];
extern const struct row rows_x87[];
extern const struct row rows_calls[];
extern const struct row rows_kernel[];
extern const struct row rows_process[];
extern const struct row rows_code[];
extern const struct row rows_files[];

/* Ends the process with a line that says why: "what: strerror(errno)". */
void bench_die(const char *what) __attribute__((noreturn));

/* Anonymous memory, read-write and more if asked for. */
void *bench_map(size_t bytes, int more_prot);

/* Numbers that are the same everywhere. */
static inline uint32_t bench_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* A checksum of bytes (FNV-1a). */
uint32_t bench_sum(const void *buf, size_t len);

/* Keeps this process and its children on one CPU, as in a guest: elsewhere the
 * time would be that of waking another CPU. */
void bench_one_cpu(void);

/* The path of a program: "bench-true" (beside us) or "busybox". */
const char *bench_program(const char *name);

#endif
