// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.c - facts of the host, found once at start: what CPUID says (never
 * executed again, 9 us where a hypervisor traps it), FSGSBASE, vector state,
 * the rate of the time stamp counter, limits.
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "bits.h"
#include "shadowmmu/mmu.h"
#include "umbra.h"

#ifndef AT_HWCAP2
#define AT_HWCAP2 26
#endif
#define HWCAP2_FSGSBASE_BIT (1ul << 1)

enum { EAX, EBX, ECX, EDX };

static const uint32_t host_leaves[][2] = {
	{ 0, 0 },	    { 1, 0 },		 { 6, 0 },
	{ 7, 0 },	    { 7, 1 },		 { 0xd, 0 },
	{ 0xd, 1 },	    { 0xd, 2 },		 { 0x15, 0 },
	{ 0x16, 0 },	    { 0x80000000u, 0 },	 { 0x80000001u, 0 },
	{ 0x80000007u, 0 }, { 0x80000008u, 0 },	 { 0x80000021u, 0 },
};

static void host_read_cpuid(struct umbra_host *h)
{
	uint32_t basic = __get_cpuid_max(0, NULL);
	uint32_t ext = __get_cpuid_max(0x80000000u, NULL);

	h->cpuid_nr = 0;
	for (size_t i = 0; i < sizeof(host_leaves) / sizeof(host_leaves[0]);
	     i++) {
		uint32_t leaf = host_leaves[i][0], sub = host_leaves[i][1];
		uint32_t *e = h->cpuid_cache[h->cpuid_nr];

		if (leaf > (leaf & 0x80000000u ? ext : basic))
			continue;
		e[0] = leaf;
		e[1] = sub;
		__cpuid_count(leaf, sub, e[2], e[3], e[4], e[5]);
		h->cpuid_nr++;
	}
}

static uint32_t host_cpuid(const struct umbra_host *h, uint32_t leaf,
			   uint32_t sub, unsigned reg)
{
	for (unsigned i = 0; i < h->cpuid_nr; i++) {
		if (h->cpuid_cache[i][0] == leaf &&
		    h->cpuid_cache[i][1] == sub)
			return h->cpuid_cache[i][2 + reg];
	}
	return 0;
}

static uint64_t host_read_xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (uint64_t)hi << 32;
}

static void host_read_features(struct umbra_host *h)
{
	const uint64_t avx = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	uint32_t f1c = host_cpuid(h, 1, 0, ECX);
	uint32_t f7b = host_cpuid(h, 7, 0, EBX);

	h->fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT;
	h->bmi2 = f7b & (1u << 8);
	h->xcr0 = f1c & (1u << 27) ? host_read_xcr0() : 0;
	h->avx = (f1c & (1u << 28)) && (h->xcr0 & avx) == avx;
	h->avx2 = h->avx && (f7b & (1u << 5));
	h->xsavec = h->xcr0 && (host_cpuid(h, 0xd, 1, EAX) & (1u << 1));
}

/* --- the time stamp counter */

static uint64_t host_rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static uint64_t host_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* One pair of readings; the time is taken on both sides of the counter and
 * the reading with the least doubt of a few is kept. */
static void host_tsc_sample(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = ~0ull;

	for (int i = 0; i < 20; i++) {
		uint64_t a = host_now_ns(), t = host_rdtsc();
		uint64_t b = host_now_ns();

		if (b - a < best) {
			best = b - a;
			*tsc = t;
			*ns = a + (b - a) / 2;
		}
	}
}

#define TSC_CHECK_NS   1000000	/* good to a per mille or two */
#define TSC_MEASURE_NS 20000000 /* good to ~20 ppm */

static uint64_t host_tsc_measure(long wait_ns)
{
	uint64_t t0 = 0, n0 = 0, t1 = 0, n1 = 0;
	struct timespec wait = { 0, wait_ns };

	host_tsc_sample(&t0, &n0);
	nanosleep(&wait, NULL);
	host_tsc_sample(&t1, &n1);
	return n1 > n0 ? (t1 - t0) * 1000000u / (n1 - n0) : 0;
}

/* The kernel's calibration is printed as bogomips, twice the MHz, where the
 * TSC is constant. 0 if it is not known. */
static uint64_t host_tsc_from_cpuinfo(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];
	uint64_t khz = 0;
	bool constant = false;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		if (!strncmp(line, "flags", 5) &&
		    strstr(colon, " constant_tsc"))
			constant = true;
		if (!strncmp(line, "bogomips", 8)) {
			khz = (uint64_t)(strtod(colon + 1, NULL) * 500.0);
			break;
		}
	}
	fclose(f);
	return constant ? khz : 0;
}

static uint64_t host_tsc_from_cpuid(const struct umbra_host *h)
{
	uint64_t den = host_cpuid(h, 0x15, 0, EAX);
	uint64_t num = host_cpuid(h, 0x15, 0, EBX);
	uint64_t crystal = host_cpuid(h, 0x15, 0, ECX);

	return den && num && crystal ? crystal * num / den / 1000 : 0;
}

/* What is announced is believed unless it is off by more than 1 %. */
static void host_read_tsc(struct umbra_host *h)
{
	uint64_t khz = host_tsc_from_cpuid(h);
	uint64_t measured, off;

	if (!khz)
		khz = host_tsc_from_cpuinfo();
	h->tsc_khz = khz;
	if (khz) {
		measured = host_tsc_measure(TSC_CHECK_NS);
		off = khz > measured ? khz - measured : measured - khz;
		if (off <= measured / 100)
			return;
	}
	h->tsc_khz = host_tsc_measure(TSC_MEASURE_NS);
}

/* --- limits */

static bool host_has_uffd(void)
{
	int fd = mmu_uffd_open();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static uint64_t host_read_number(const char *path, uint64_t otherwise)
{
	FILE *f = fopen(path, "re");
	unsigned long long n;

	if (!f)
		return otherwise;
	if (fscanf(f, "%llu", &n) != 1)
		n = otherwise;
	fclose(f);
	return n;
}

static const char *host_missing(const struct umbra_host *h)
{
	uint32_t d = host_cpuid(h, 1, 0, EDX);

	if (!(d & (1u << 26)) || !(d & (1u << 24)))
		return "the processor has no SSE2";
	if (sysconf(_SC_PAGESIZE) != 4096)
		return "the page size is not 4096 bytes";
	return NULL;
}

int umbra_host_detect(struct umbra_host *h, const char **why)
{
	memset(h, 0, sizeof(*h));
	host_read_cpuid(h);
	host_read_features(h);
	*why = host_missing(h);
	if (*why)
		return -ENOTSUP;
	host_read_tsc(h);
	if (!h->tsc_khz) {
		*why = "the time stamp counter stands still";
		return -ENOTSUP;
	}
	h->uffd = host_has_uffd();
	h->max_map_count =
		host_read_number("/proc/sys/vm/max_map_count", 65530);
	h->mem_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * 4096;
	return 0;
}
