/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storm.c - two hundred processes that fork and exec at once, in a Linux guest.
 *
 * umbra.seconds=N on the kernel's command line says how long (default 5),
 * umbra.workers=N how many (200). Every child computes something from what it
 * inherited, got over exec, or shares, and every result is checked.
 */
#include <fcntl.h>
#include <spawn.h>
#include <time.h>
#include "harness.h"

extern char **environ;

enum { WORKERS = 200, HEAP = 16 * PAGE };

/* Counted by all workers. */
static struct tally {
	unsigned forks, execs, vforks;
} *tally;

static uint32_t mix(uint32_t h, uint32_t v)
{
	h = (h ^ v) * 0x01000193;
	return h ^ h >> 15;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t h)
{
	for (size_t i = 0; i < n; i++)
		h = mix(h, p[i]);
	return h;
}

static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)harness_random(&seed);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* What the program does when it finds itself started by do_exec(). */
static int child_main(const char *seed_word, const char *fd_word)
{
	uint32_t seed = (uint32_t)strtoul(seed_word, NULL, 10);
	uint8_t *heap = malloc(HEAP);
	uint32_t h;

	if (!heap)
		return 1;
	fill(heap, HEAP, seed);
	h = sum(heap, HEAP, seed);
	free(heap);
	return write(atoi(fd_word), &h, sizeof(h)) != sizeof(h);
}

/* fork: the child changes its copy, the parent's must stay. */
static int do_fork(uint8_t *heap, uint32_t *seed)
{
	uint32_t v = harness_random(seed), before = sum(heap, HEAP, v), got;
	int fd[2];
	pid_t pid;

	EXPECT(!pipe(fd), "pipe: %s", strerror(errno));
	pid = fork();
	EXPECT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		got = sum(heap, HEAP, v);
		fill(heap, HEAP, v + 1);
		_exit(write(fd[1], &got, sizeof(got)) != sizeof(got) ||
		      sum(heap, HEAP, v) == before);
	}
	close(fd[1]);
	got = 0;
	EXPECT(read(fd[0], &got, sizeof(got)) == sizeof(got), "read: %s",
	       strerror(errno));
	close(fd[0]);
	if (harness_join(pid))
		return 1;
	EXPECT(got == before, "the child found %08x, want %08x", got, before);
	got = sum(heap, HEAP, v);
	EXPECT(got == before, "the parent has %08x, want %08x", got, before);
	__atomic_add_fetch(&tally->forks, 1, __ATOMIC_RELAXED);
	return 0;
}

/* exec of this program by fork or vfork: the sum comes over a pipe. */
static int do_exec(uint32_t *seed, bool spawn)
{
	uint32_t v = harness_random(seed), want, got = 0;
	char seed_word[16], fd_word[16];
	char *argv[] = { "storm", "child", seed_word, fd_word, NULL };
	uint8_t heap[PAGE];
	int fd[2];
	pid_t pid;

	EXPECT(!pipe(fd), "pipe: %s", strerror(errno));
	snprintf(seed_word, sizeof(seed_word), "%u", v);
	snprintf(fd_word, sizeof(fd_word), "%d", fd[1]);
	if (spawn) {
		int err = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv,
				      environ);

		EXPECT(!err, "posix_spawn: %s", strerror(err));
		__atomic_add_fetch(&tally->vforks, 1, __ATOMIC_RELAXED);
	} else {
		pid = fork();
		EXPECT(pid >= 0, "fork: %s", strerror(errno));
		if (!pid) {
			execv("/proc/self/exe", argv);
			_exit(127);
		}
	}
	close(fd[1]);
	want = v;
	for (uint32_t i = 0, s = v; i < HEAP; i += PAGE) {
		for (uint32_t k = 0; k < PAGE; k++)
			heap[k] = (uint8_t)harness_random(&s);
		want = sum(heap, PAGE, want);
	}
	EXPECT(read(fd[0], &got, sizeof(got)) == sizeof(got),
	       "read from exec: %s", strerror(errno));
	close(fd[0]);
	if (harness_join(pid))
		return 1;
	EXPECT(got == want, "exec gave %08x, want %08x", got, want);
	__atomic_add_fetch(&tally->execs, 1, __ATOMIC_RELAXED);
	return 0;
}

/* A page over a page of a private file mapping, then gone again. */
static int do_map(uint32_t *seed)
{
	uint32_t v = harness_random(seed);
	size_t n = (1 + v % 32) * PAGE;
	uint8_t *p = harness_map(n, PROT_READ | PROT_WRITE);
	uint32_t want;

	fill(p, n, v);
	want = sum(p, n, v);
	EXPECT(!mprotect(p, n, PROT_READ), "mprotect: %s", strerror(errno));
	p = mremap(p, n, n + PAGE, MREMAP_MAYMOVE);
	EXPECT(p != MAP_FAILED, "mremap: %s", strerror(errno));
	EXPECT(sum(p, n, v) == want, "a mapping has changed");
	return munmap(p, n + PAGE);
}

static int worker(uint32_t seed, double end)
{
	uint8_t *heap = malloc(HEAP);
	int bad = 0;

	if (!heap)
		return harness_fail("no memory");
	fill(heap, HEAP, seed);
	/* each at least once, then until the time is over */
	for (unsigned n = 0; !bad && (n < 3 || now() < end); n++) {
		switch (n < 3 ? n : harness_random(&seed) % 4) {
		case 0:
			bad = do_fork(heap, &seed);
			break;
		case 1:
			bad = do_exec(&seed, false);
			break;
		case 2:
			bad = do_exec(&seed, true);
			break;
		case 3:
			bad = do_map(&seed);
			break;
		}
	}
	free(heap);
	return bad;
}

static unsigned storm_seconds(void)
{
	unsigned n = harness_word("seconds");

	return n ? n : 5;
}

static int test_storm(void)
{
	unsigned seconds = storm_seconds(), n = harness_word("workers");
	double began = now(), end = began + seconds;
	pid_t *pid;
	int bad = 0;

	n = n ? n : WORKERS;
	pid = calloc(n, sizeof(*pid));
	EXPECT(pid, "no memory");
	tally = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(tally != MAP_FAILED, "mmap: %s", strerror(errno));
	for (unsigned i = 0; i < n; i++) {
		pid[i] = fork();
		EXPECT(pid[i] >= 0, "fork of worker %u: %s", i,
		       strerror(errno));
		if (!pid[i])
			_exit(worker(i * 2654435761u + 1, end));
	}
	for (unsigned i = 0; i < n; i++)
		bad |= harness_join(pid[i]);
	free(pid);
	printf("# storm: %u workers, %.1f s: %u forks, %u execs, %u by vfork\n",
	       n, now() - began, tally->forks, tally->execs, tally->vforks);
	fflush(stdout);
	EXPECT(tally->forks >= n && tally->execs >= n, "too little was done");
	return bad;
}

int main(int argc, char **argv)
{
	struct test tests[] = { { "storm", test_storm, 0 } };

	if (argc == 4 && !strcmp(argv[1], "child"))
		return child_main(argv[2], argv[3]);
	/* what was begun is finished after the time is over */
	tests[0].seconds = storm_seconds() * 2 + 120;
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
