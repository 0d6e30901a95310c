/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.c - page pool and mem* functions of the bare guests.
 *
 * The pool is never given back: a guest is short-lived.
 */
#include "guest.h"

enum { POOL_START = 16u << 20, POOL_END = 32u << 20, BIG_END = 60u << 20 };

static u32 pool_next = POOL_START;
static u32 big_next = POOL_END;

u32 pages_alloc(u32 n)
{
	u32 p = pool_next;

	pool_next += n * 4096;
	if (pool_next > POOL_END) {
		put_str("FAIL page pool is empty\n");
		guest_exit(98);
	}
	memset((void *)p, 0, n * 4096);
	return p;
}

u32 page_alloc(void)
{
	return pages_alloc(1);
}

u32 big_alloc(void)
{
	u32 p = big_next;

	big_next += 4u << 20;
	if (big_next > BIG_END) {
		put_str("FAIL large-page pool is empty\n");
		guest_exit(98);
	}
	return p;
}

void page_map(u32 va, u32 pa, u32 flags)
{
	volatile u32 *pde = (volatile u32 *)(rd_c3() & ~0xfffu) + (va >> 22);

	if (!(*pde & PTE_P) || *pde & PTE_PS)
		*pde = page_alloc() | PTE_P | PTE_W | PTE_U;
	((volatile u32 *)(*pde & ~0xfffu))[va >> 12 & 1023] = pa | flags;
	wr_c3(rd_c3());
}

void page_unmap(u32 va)
{
	page_map(va, 0, 0);
}

u32 identity_on(void)
{
	u32 dir = page_alloc();

	for (u32 i = 0; i < 1024; i++)
		MEM32(dir + i * 4) = i << 22 | PTE_PS | PTE_P | PTE_W | PTE_U;
	wr_c4(rd_c4() | CR4_PSE);
	wr_c3(dir);
	wr_c0(rd_c0() | CR0_PG | CR0_WP);
	return dir;
}

void *memset(void *d, int c, size_t n)
{
	void *p = d;

	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	void *p = d;

	asm volatile("rep movsb" : "+D"(p), "+S"(s), "+c"(n) : : "memory");
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	/* in big steps: the guests compare a lot, one instruction at a time */
	for (; n >= 16; n -= 16, p += 16, q += 16)
		if ((MEM32(p) ^ MEM32(q)) | (MEM32(p + 4) ^ MEM32(q + 4)) |
		    (MEM32(p + 8) ^ MEM32(q + 8)) |
		    (MEM32(p + 12) ^ MEM32(q + 12)))
			break;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}
