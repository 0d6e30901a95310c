// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kernel.c - rows of short system calls: getppid, signals, mappings.
 */
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"

#define CALLS 1000

/* ---- getppid, by the gate that all kernels have and by the fast one */

static uint32_t gate_unit(void)
{
	int ok = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		int ret;

		__asm__ volatile("int $0x80" : "=a"(ret) : "0"(SYS_getppid)
				 : "memory");
		ok += ret > 0;
	}
	return (uint32_t)ok;
}

static uint32_t fast_unit(void)
{
	int ok = 0;

	for (unsigned i = 0; i < CALLS; i++)
		ok += syscall(SYS_getppid) > 0;
	return (uint32_t)ok;
}

/* ---- a signal: install, raise, handle */

static volatile unsigned signal_count;

static void signal_handler(int signo)
{
	signal_count += (unsigned)signo;
}

static uint32_t signal_unit(void)
{
	struct sigaction sa = { .sa_handler = signal_handler };
	pid_t self = getpid();

	signal_count = 0;
	for (unsigned i = 0; i < CALLS; i++) {
		if (sigaction(SIGUSR1, &sa, NULL) || kill(self, SIGUSR1))
			bench_die("signal");
	}
	return signal_count;
}

/* ---- fresh memory */

#define TOUCH_PAGES 1024

static uint32_t touch_unit(void)
{
	uint8_t *p = bench_map(TOUCH_PAGES * PAGE, 0);
	uint32_t sum = 0;

	for (unsigned i = 0; i < TOUCH_PAGES; i++) {
		sum += p[i * PAGE + 8];
		p[i * PAGE] = 1;
	}
	if (munmap(p, TOUCH_PAGES * PAGE))
		bench_die("munmap");
	return sum;
}

/* ---- mmap, one page of it, munmap */

static uint32_t churn_unit(void)
{
	for (unsigned i = 0; i < 100; i++) {
		uint8_t *p = bench_map(16 * PAGE, 0);

		p[3 * PAGE] = 1;
		if (munmap(p, 16 * PAGE))
			bench_die("munmap");
	}
	return 100;
}

/* ---- mprotect: a page of sixteen that is written, sealed, read, opened */

static uint8_t *protect_page;

static void protect_setup(void)
{
	protect_page = bench_map(16 * PAGE, 0);
	for (unsigned i = 0; i < 16; i++)
		protect_page[i * PAGE] = 1;
}

static uint32_t protect_unit(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 100; i++) {
		uint8_t *p = protect_page + (i & 15) * PAGE;

		p[1] = (uint8_t)i;
		if (mprotect(p, PAGE, PROT_READ))
			bench_die("mprotect");
		sum += p[1];
		if (mprotect(p, PAGE, PROT_READ | PROT_WRITE))
			bench_die("mprotect");
	}
	return sum;
}

const struct row rows_kernel[] = {
	{ "getppid-int80", 20, CALLS, NULL, gate_unit, NULL },
	{ "getppid", 400, CALLS, NULL, fast_unit, NULL },
	{ "signal", 10, CALLS, NULL, signal_unit, NULL },
	{ "touch", 50, TOUCH_PAGES, NULL, touch_unit, NULL },
	{ "mmap", 150, 100, NULL, churn_unit, NULL },
	{ "mprotect", 200, 100, protect_setup, protect_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
