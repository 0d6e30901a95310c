// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fresh.c - memory that is touched for the first time, page after page by the
 * same few instructions, which the monitor then serves in another form: what
 * is there must be right before, at and after each change of form, and faults
 * must name the address and the instruction.
 */
#include <time.h>

#include "harness.h"

enum { PAGES = 1024 };

/* One instruction each, in a loop of its own. */
static void __attribute__((noinline)) store_all(volatile uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(volatile uint32_t *)(p + i * PAGE + 16) = (uint32_t)i ^ 0x55;
}

static uint32_t __attribute__((noinline)) load_all(volatile uint8_t *p, size_t n)
{
	uint32_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= *(volatile uint32_t *)(p + i * PAGE + 16);
	return any;
}

static int check_all(volatile uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t v = *(volatile uint32_t *)(p + i * PAGE + 16);

		EXPECT(v == ((uint32_t)i ^ 0x55), "page %zu: %#x", i, v);
		EXPECT(!p[i * PAGE] && !p[i * PAGE + PAGE - 1],
		       "page %zu is not clean", i);
	}
	return 0;
}

static int test_rounds(void)
{
	for (unsigned round = 0; round < 12; round++) {
		uint8_t *p = harness_map(PAGES * PAGE, PROT_READ | PROT_WRITE);

		if (round & 1)
			EXPECT(!load_all(p, PAGES), "round %u: old data",
			       round);
		store_all(p, PAGES);
		if (check_all(p, PAGES))
			return 1;
		munmap(p, PAGES * PAGE);
	}
	return 0;
}

static unsigned now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Fresh, then hot for long enough to be noticed, then fresh again. */
static int test_hot(void)
{
	uint8_t *few = harness_map(8 * PAGE, PROT_READ | PROT_WRITE);

	for (unsigned round = 0; round < 3; round++) {
		uint8_t *p = harness_map(PAGES * PAGE, PROT_READ | PROT_WRITE);
		unsigned start = now_ms();

		store_all(p, PAGES);
		while (now_ms() - start < 300) {
			for (unsigned i = 0; i < 1000; i++)
				store_all(few, 8);
		}
		if (check_all(p, PAGES) || check_all(few, 8))
			return 1;
		munmap(p, PAGES * PAGE);
	}
	return 0;
}

/* Wide, unaligned, locked and repeated accesses, over page ends too. */
static int test_forms(void)
{
	uint8_t *p = harness_map(4 * PAGES * PAGE, PROT_READ | PROT_WRITE);
	uint8_t *q = p + PAGES * PAGE, *r = q + PAGES * PAGE;
	uint8_t *s = r + PAGES * PAGE;
	static const uint8_t sixteen[16] = "0123456789abcde";

	for (unsigned i = 1; i < PAGES; i++) {
		uint8_t *at = p + i * PAGE - 8;

		__asm__ volatile("movdqu (%1), %%xmm0; movdqu %%xmm0, (%0)"
				 : : "r"(at), "r"(sixteen) : "xmm0", "memory");
		__asm__ volatile("lock addl %1, (%0)"
				 : : "r"(q + i * PAGE), "r"(i) : "memory");
		__asm__ volatile("fldl %1; fstpl %0"
				 : "=m"(*(double *)(r + i * PAGE))
				 : "m"(*(const double *)sixteen));
	}
	for (unsigned i = 0; i + 3 < PAGES; i += 3) {
		uint8_t *to = s + i * PAGE + 100;
		size_t n = 2 * PAGE;

		__asm__ volatile("rep stosb"
				 : "+D"(to), "+c"(n) : "a"((int)(i | 1))
				 : "memory");
	}
	for (unsigned i = 1; i < PAGES; i++) {
		EXPECT(!memcmp(p + i * PAGE - 8, sixteen, 16), "wide %u", i);
		EXPECT(*(uint32_t *)(q + i * PAGE) == i, "locked %u", i);
		EXPECT(!memcmp(r + i * PAGE, sixteen, 8), "x87 %u", i);
	}
	for (unsigned i = 0; i + 3 < PAGES; i += 3) {
		uint8_t *to = s + i * PAGE;

		EXPECT(to[99] == 0 && to[100 + 2 * PAGE] == 0, "rep %u", i);
		for (size_t k = 100; k < 100 + 2 * PAGE; k++)
			EXPECT(to[k] == (uint8_t)(i | 1), "rep %u+%zu", i, k);
	}
	munmap(p, 4 * PAGES * PAGE);
	return 0;
}

/* --- faults of an instruction in either form */

static volatile uintptr_t fault_addr;
static volatile unsigned faults;
static uint8_t *fault_page;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	fault_addr = (uintptr_t)si->si_addr;
	faults++;
	mprotect(fault_page, PAGE, PROT_READ | PROT_WRITE);
}

static int test_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO };
	uint8_t *p = harness_map(PAGES * PAGE, PROT_READ | PROT_WRITE);

	sigaction(SIGSEGV, &sa, NULL);
	for (unsigned round = 0; round < 40; round++) {
		unsigned k = round * 7 % PAGES;

		fault_page = p + k * PAGE;
		faults = 0;
		mprotect(fault_page, PAGE, round & 1 ? PROT_READ : PROT_NONE);
		store_all(p, PAGES);
		EXPECT(faults == 1, "round %u: %u faults", round, faults);
		EXPECT(fault_addr == (uintptr_t)fault_page + 16,
		       "round %u: address %#lx, not %p", round,
		       (unsigned long)fault_addr, (void *)(fault_page + 16));
		if (check_all(p, PAGES))
			return 1;
		madvise(p, PAGES * PAGE, MADV_DONTNEED);
	}
	return 0;
}

/* Copy on write by the same instruction, on both sides of a fork. */
static int test_cow(void)
{
	uint8_t *p = harness_map(PAGES * PAGE, PROT_READ | PROT_WRITE);

	for (unsigned round = 0; round < 6; round++) {
		int status;
		pid_t pid;

		store_all(p, PAGES);
		pid = fork();
		EXPECT(pid >= 0, "fork: %s", strerror(errno));
		if (!pid) {
			for (size_t i = 0; i < PAGES; i++)
				p[i * PAGE + 16] ^= 0xff;
			for (size_t i = 0; i < PAGES; i++) {
				if (p[i * PAGE + 16] !=
				    (uint8_t)(~(i ^ 0x55)))
					_exit(1);
			}
			_exit(0);
		}
		store_all(p, PAGES / 2);
		waitpid(pid, &status, 0);
		EXPECT(status == 0, "child: status %#x", status);
		if (check_all(p, PAGES))
			return 1;
	}
	munmap(p, PAGES * PAGE);
	return 0;
}

static const struct test tests[] = {
	{ "rounds", test_rounds, 60 },
	{ "hot", test_hot, 60 },
	{ "forms", test_forms, 60 },
	{ "faults", test_faults, 60 },
	{ "cow", test_cow, 60 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
