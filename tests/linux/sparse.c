/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sparse.c - a large sparse working set touched at random, in a Linux guest.
 *
 * umbra.megabytes=N on the kernel's command line is the range (default 256),
 * umbra.seconds=N how long it is touched. Each page that was written holds a
 * value of its own in a few places; reads check it, at the end all are read.
 */
#include <time.h>
#include "harness.h"

static uint32_t *range, *turn; /* turn[page]: 0: never written */
static uint32_t pages, written;

static uint32_t value(uint32_t page, uint32_t word)
{
	uint32_t v = (page * 0x9e3779b1u) ^ (turn[page] * 0x85ebca6bu) ^ word;

	return v ^ v >> 13;
}

/* A page's words that are in use: two that depend on the page. */
static uint32_t word_of(uint32_t page, uint32_t i)
{
	return (page * 37 + i * 509) % (PAGE / 4);
}

static void page_write(uint32_t page)
{
	written += !turn[page];
	turn[page]++;
	for (uint32_t i = 0; i < 2; i++)
		range[page * (PAGE / 4) + word_of(page, i)] = value(page, i);
}

static int page_check(uint32_t page)
{
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t got = range[page * (PAGE / 4) + word_of(page, i)];
		uint32_t want = turn[page] ? value(page, i) : 0;

		EXPECT(got == want, "page %u turn %u: %08x, want %08x", page,
		       turn[page], got, want);
	}
	return 0;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static int test_sparse(void)
{
	unsigned mb = harness_word("megabytes"), s = harness_word("seconds");
	double end = now() + (s ? s : 5);
	uint32_t seed = 12345;
	uint64_t touched = 0;

	mb = mb ? mb : 256;
	pages = mb * (1048576 / PAGE);
	range = mmap(NULL, (size_t)mb << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	EXPECT(range != MAP_FAILED, "mmap of %u MB: %s", mb, strerror(errno));
	/* the kernel must not merge what is to be sparse */
	madvise(range, (size_t)mb << 20, MADV_NOHUGEPAGE);
	turn = harness_map(pages * sizeof(*turn), PROT_READ | PROT_WRITE);
	/* every page at least once in the mean, however slow */
	while (touched < 2ull * pages || now() < end) {
		for (unsigned i = 0; i < 4096; i++, touched++) {
			uint32_t page = harness_random(&seed) % pages;

			if (page_check(page))
				return 1;
			if (harness_random(&seed) & 1)
				page_write(page);
		}
	}
	for (uint32_t i = 0; i < pages; i++) {
		if (page_check(i))
			return 1;
	}
	printf("# sparse: %u MB, %llu touches, %u MB written\n", mb,
	       (unsigned long long)touched, written >> 8);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct test tests[] = { { "sparse", test_sparse, 0 } };

	tests[0].seconds = harness_word("seconds") * 2 + 300;
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
