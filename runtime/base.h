/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base.h - integer domains, must() and small helpers used by every layer.
 *
 * A leaf header: it includes nothing of ours.
 */
#ifndef UMBRA_BASE_H
#define UMBRA_BASE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 gva_t; /* guest virtual (linear) address */
typedef u64 gpa_t; /* guest physical address */
typedef u64 gfn_t; /* guest frame number: gpa >> 12 */
typedef u64 hva_t; /* host virtual address */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define MIN(a, b)      ((a) < (b) ? (a) : (b))
#define MAX(a, b)      ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member)                                       \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN	  __attribute__((noreturn))
#define likely(x)	  __builtin_expect(!!(x), 1)
#define unlikely(x)	  __builtin_expect(!!(x), 0)

/*
 * must() states what only a bug of ours can break. It stays in every build:
 * it prints the message, runs the dump hook (must_set_dump) and aborts.
 */
#define must(cond, ...)                                                       \
	do {                                                                  \
		if (unlikely(!(cond)))                                        \
			must_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);    \
	} while (0)

void must_fail(const char *file, int line, const char *cond, const char *fmt,
	       ...) NORETURN PRINTF_LIKE(4, 5);

/* The hook runs once, on the thread that failed, before abort(). */
void must_set_dump(void (*dump)(void *arg), void *arg);

#endif
