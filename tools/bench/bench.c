// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench.c - runs rows as it is told on standard input, natively or in a guest.
 *
 * usage: bench [ROW [UNITS]]
 *
 * Without arguments it reads commands, a line each, and answers on standard
 * output:
 *
 *	run ROW UNITS	set up; "bench: begin"; wait for "go"; do the units;
 *			"bench: end"; wait for "go"; clean up; then
 *			"bench: done ROW units U ops O ns N total T sum S"
 *			or, at any time, "bench: fail ROW WHY";
 *			UNITS 0: the row's own number
 *	sync		"bench: synced", while it waits, too
 *	quit		ends
 *
 * So whoever listens can look at the machine when the units begin and end. ns
 * is CLOCK_MONOTONIC around the units, total around all of the command.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"

static const struct row *const bench_rows[] = {
	rows_integer, rows_memory, rows_sse,  rows_x87,	  rows_calls,
	rows_kernel,  rows_process, rows_code, rows_files,
};

/* ---- for the rows */

static const char *bench_name = "?"; /* of the row that runs */
static int bench_serving;

void bench_die(const char *what)
{
	printf("bench: fail %s %s: %s\n", bench_name, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

void *bench_map(size_t bytes, int more_prot)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE | more_prot,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die("mmap");
	return p;
}

uint32_t bench_sum(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 16777619u;
	return sum;
}

void bench_one_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("sched_setaffinity");
}

const char *bench_program(const char *name)
{
	static char path[4096];
	const char *busybox = getenv("BENCH_BUSYBOX");
	char *slash;
	ssize_t n;

	if (!strcmp(name, "busybox"))
		return busybox ? busybox : "/bin/busybox";
	n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	if (n < 0)
		bench_die("/proc/self/exe");
	path[n] = 0;
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, name);
	return path;
}

/* ---- one row */

static uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static const struct row *bench_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(bench_rows); i++) {
		for (const struct row *r = bench_rows[i]; r->name; r++) {
			if (!strcmp(r->name, name))
				return r;
		}
	}
	return NULL;
}

struct result {
	unsigned units;
	uint64_t ns;
	uint32_t sum;
};

/* Waits for "go"; the end of the input is one. A line at a time, by itself: the
 * row's process shares the input with its parent. */
static void bench_wait(const char *mark)
{
	char line[16];
	size_t n = 0;

	printf("bench: %s\n", mark);
	fflush(stdout);
	while (read(0, &line[n], 1) == 1) {
		if (line[n] != '\n') {
			n += n < sizeof(line) - 1;
			continue;
		}
		if (n >= 4 && !memcmp(line, "sync", 4)) {
			puts("bench: synced");
			fflush(stdout);
		} else if (n >= 2 && !memcmp(line, "go", 2)) {
			return;
		}
		n = 0;
	}
}

static void bench_measure(const struct row *r, struct result *res)
{
	uint64_t start;

	if (r->setup)
		r->setup();
	if (bench_serving)
		bench_wait("begin");
	start = bench_now();
	res->sum = r->unit();
	for (unsigned i = 1; i < res->units; i++) {
		if (r->unit() != res->sum) {
			errno = EILSEQ;
			bench_die("a unit's checksum");
		}
	}
	res->ns = bench_now() - start;
	if (bench_serving)
		bench_wait("end");
	if (r->finish)
		r->finish();
}

static int bench_child(const struct row *r, const char *dir, int to,
		       unsigned units)
{
	struct result res = { .units = units ? units : r->units };

	if (chdir(dir))
		bench_die(dir);
	bench_measure(r, &res);
	return write(to, &res, sizeof(res)) != sizeof(res);
}

static void bench_run(const char *name, unsigned units)
{
	const struct row *r = bench_find(name);
	char dir[] = "bench-XXXXXX";
	uint64_t start = bench_now();
	struct result res;
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	if (!r) {
		printf("bench: fail %s there is no such row\n", name);
		return;
	}
	bench_name = r->name;
	fflush(stdout);
	if (pipe(fds) || !mkdtemp(dir) || (pid = fork()) < 0)
		bench_die("start");
	if (!pid)
		_exit(bench_child(r, dir, fds[1], units));
	close(fds[1]);
	n = read(fds[0], &res, sizeof(res));
	close(fds[0]);
	waitpid(pid, &status, 0);
	rmdir(dir);
	if (status || n != sizeof(res)) {
		printf("bench: fail %s status %#x\n", name, status);
		return;
	}
	printf("bench: done %s units %u ops %u ns %llu total %llu sum %08x\n",
	       name, res.units, r->ops, (unsigned long long)res.ns,
	       (unsigned long long)(bench_now() - start), res.sum);
}

/* ---- commands */

static void bench_serve(void)
{
	char line[256], name[64];
	unsigned units;

	bench_serving = 1;
	puts("bench: ready");
	for (;;) {
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return;
		line[strcspn(line, "\r\n")] = 0;
		if (!strcmp(line, "quit"))
			return;
		if (!strcmp(line, "sync"))
			puts("bench: synced");
		else if (sscanf(line, "run %63s %u", name, &units) == 2)
			bench_run(name, units);
		else
			printf("bench: what is '%s'?\n", line);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		bench_serve();
	else
		bench_run(argv[1], argc > 2 ? (unsigned)atoi(argv[2]) : 0);
	return 0;
}
