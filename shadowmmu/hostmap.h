/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostmap.h - the host's mmap, mprotect and ioctl as bare system calls, and the few
 * memory operations that light code may use in place of libc's (HAZARDS 56).
 */
#ifndef UMBRA_HOSTMAP_H
#define UMBRA_HOSTMAP_H

#include <sys/mman.h>
#include <sys/syscall.h>

#include "runtime/base.h"

/* Returns the kernel's rax: an address, or -errno in -4095..-1. */
static inline s64 host_mmap(hva_t addr, u64 len, int prot, int flags, int fd,
			    u64 off)
{
	register u64 r10 __asm__("r10") = (u64)flags;
	register u64 r8 __asm__("r8") = (u64)(s64)fd;
	register u64 r9 __asm__("r9") = off;
	s64 ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((u64)SYS_mmap), "D"(addr), "S"(len),
			   "d"((u64)prot), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_munmap(hva_t addr, u64 len)
{
	s64 ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((u64)SYS_munmap), "D"(addr), "S"(len)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_mprotect(hva_t addr, u64 len, int prot)
{
	s64 ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((u64)SYS_mprotect), "D"(addr), "S"(len),
			   "d"((u64)prot)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline s64 host_ioctl(int fd, u64 request, void *arg)
{
	s64 ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((u64)SYS_ioctl), "D"((u64)fd), "S"(request),
			   "d"(arg)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline bool host_is_err(s64 ret)
{
	return ret < 0 && ret >= -4095;
}

/* What a window holds where no guest page is mapped (HAZARDS 48). */
static inline s64 host_reserve(hva_t addr, u64 len)
{
	return host_mmap(addr, len, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				 (addr ? MAP_FIXED : 0),
			 -1, 0);
}

static inline void light_zero64(u64 *p, u64 n)
{
	__asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(0ull) : "memory");
}

#endif
