/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawsys.h - system calls for code on light exits: inline, no libc, no errno.
 * Results are the kernel's: negative errno on failure.
 */
#ifndef UMBRA_RAWSYS_H
#define UMBRA_RAWSYS_H

#include <sys/syscall.h>
#include <sys/types.h>

#include "base.h"

#define RAW_MADV_DONTNEED 4

static inline long raw_syscall(long nr, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long raw_madvise(void *p, size_t n, int advice)
{
	return raw_syscall(SYS_madvise, (u64)p, n, (u64)advice, 0);
}

static inline long raw_futex(u32 *word, int op, u32 val)
{
	return raw_syscall(SYS_futex, (u64)word, (u64)op, val, 0);
}

static inline long raw_tgkill(pid_t pid, pid_t tid, int sig)
{
	return raw_syscall(SYS_tgkill, (u64)pid, (u64)tid, (u64)sig, 0);
}

static inline pid_t raw_gettid(void)
{
	return (pid_t)raw_syscall(SYS_gettid, 0, 0, 0, 0);
}

static inline pid_t raw_getpid(void)
{
	return (pid_t)raw_syscall(SYS_getpid, 0, 0, 0, 0);
}

#endif
