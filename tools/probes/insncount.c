// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * insncount.c - a probe: instructions executed, by function of the guest.
 *
 *	--probe 'probes/insncount.so:count@block(la,insns,cpl)'
 *	--probe 'probes/insncount.so:uncount@cut(la,insns,cpl)'
 *	--probe 'probes/insncount.so:report@exit(20)'
 *
 * The report: as many lines as asked for, the busiest first, "COUNT SHARE
 * FUNCTION", and the sum. An instruction counts when it is complete, so one
 * that faults counts once it has been repeated; a repeated string instruction
 * is one. Functions have names by --symbols.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/umbra-probe.h"

UMBRA_PROBE_LIBRARY;

/* What runs at one address, found by it; user and kernel apart. */
struct run {
	uint64_t key; /* 0: not in use */
	int64_t insns;
};

struct line {
	const char *name;
	int64_t insns;
};

static struct run *runs;
static size_t nruns, size;

static struct run *run_find(uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ull >> 20) & (size - 1);

	while (runs[i].key && runs[i].key != key)
		i = (i + 1) & (size - 1);
	return &runs[i];
}

static void runs_grow(void)
{
	struct run *old = runs;
	size_t n = size;

	size = n ? 2 * n : 65536;
	runs = calloc(size, sizeof(*runs));
	if (!runs)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (old[i].key)
			*run_find(old[i].key) = old[i];
	}
	free(old);
}

static void run_add(uint32_t la, uint32_t cpl, int64_t insns)
{
	uint64_t key = (uint64_t)la << 2 | cpl | 1ull << 40;
	struct run *r;

	if (2 * nruns >= size)
		runs_grow();
	r = run_find(key);
	nruns += !r->key;
	r->key = key;
	r->insns += insns;
}

void count(uint32_t la, uint32_t insns, uint32_t cpl);
void count(uint32_t la, uint32_t insns, uint32_t cpl)
{
	run_add(la, cpl, insns);
}

/* The last of them did not run. */
void uncount(uint32_t la, uint32_t insns, uint32_t cpl);
void uncount(uint32_t la, uint32_t insns, uint32_t cpl)
{
	run_add(la, cpl, -(int64_t)insns);
}

static const char *run_name(const struct run *r)
{
	uint32_t offset;
	const char *name = umbra_symbol((uint32_t)(r->key >> 2), &offset);

	if (name)
		return name;
	return (r->key & 3) == 3 ? "(user, no name)" : "(kernel, no name)";
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->name,
		      ((const struct line *)b)->name);
}

static int by_count(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->insns != y->insns)
		return x->insns < y->insns ? 1 : -1;
	return by_name(a, b);
}

/* One line for each name; returns how many. */
static size_t lines_merge(struct line *v, size_t n)
{
	size_t k = 0;

	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n; i++) {
		if (k && !strcmp(v[k - 1].name, v[i].name))
			v[k - 1].insns += v[i].insns;
		else
			v[k++] = v[i];
	}
	return k;
}

void report(long top);
void report(long top)
{
	struct line *v = calloc(nruns + 1, sizeof(*v));
	size_t n = 0;
	int64_t sum = 0;

	if (!v)
		return;
	for (size_t i = 0; i < size; i++) {
		if (!runs[i].key)
			continue;
		v[n++] = (struct line){ run_name(&runs[i]), runs[i].insns };
		sum += runs[i].insns;
	}
	n = lines_merge(v, n);
	qsort(v, n, sizeof(*v), by_count);
	for (size_t i = 0; i < n && (long)i < top; i++)
		fprintf(umbra->out, "%14lld %5.1f%% %s\n",
			(long long)v[i].insns,
			sum ? 100.0 * (double)v[i].insns / (double)sum : 0.0,
			v[i].name);
	fprintf(umbra->out, "%14lld instructions in %zu functions\n",
		(long long)sum, n);
	free(v);
}
