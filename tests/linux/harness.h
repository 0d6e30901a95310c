/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harness.h - runs the tests of one program inside a Linux guest.
 *
 * Each test runs in a process of its own under an alarm, so that a crash or a
 * hang is one FAIL line. A test returns 0, SKIP, or what EXPECT gives. The
 * programs are single files that run on any i386 Linux: natively they show
 * what the hardware does.
 */
#ifndef TESTS_LINUX_HARNESS_H
#define TESTS_LINUX_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE 4096u
#define SKIP 77

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct test {
	const char *name;
	int (*run)(void);
	unsigned seconds; /* alarm; 0: 30 */
};

/* Reason of a failure, shared with the children. Signal handlers and forked
 * processes reach it too, hence at file scope. */
static char *harness_why;

#define WHY_SIZE 512

__attribute__((format(printf, 1, 2), unused)) static int
harness_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (harness_why && !harness_why[0])
		vsnprintf(harness_why, WHY_SIZE, fmt, ap);
	va_end(ap);
	return 1;
}

#define EXPECT(cond, fmt, ...)                                                \
	do {                                                                  \
		if (!(cond))                                                  \
			return harness_fail("(%s) " fmt, #cond,               \
					    ##__VA_ARGS__);                   \
	} while (0)

#define SKIP_IF(cond, ...)                                                    \
	do {                                                                  \
		if (cond) {                                                   \
			harness_fail(__VA_ARGS__);                            \
			return SKIP;                                          \
		}                                                             \
	} while (0)

/* Pages of memory; the test ends without them. */
__attribute__((unused)) static void *harness_map(size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		harness_fail("mmap of %zu: %s", bytes, strerror(errno));
		_exit(1);
	}
	return p;
}

/* A generator that gives the same numbers everywhere. */
__attribute__((unused)) static uint32_t harness_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Waits for a child; 0 if it ended with status 0. */
__attribute__((unused)) static int harness_join(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return harness_fail("waitpid: %s", strerror(errno));
	}
	if (WIFSIGNALED(status))
		return harness_fail("a child died of signal %d",
				    WTERMSIG(status));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return harness_fail("a child ended with status %#x", status);
	return 0;
}

/* A number on the kernel's command line, as umbra.NAME=N; 0: not there. */
__attribute__((unused)) static unsigned harness_word(const char *name)
{
	FILE *f = fopen("/proc/cmdline", "r");
	char line[4096] = "", key[64], *p;

	if (!f)
		return 0;
	p = fgets(line, sizeof(line), f);
	fclose(f);
	snprintf(key, sizeof(key), "umbra.%s=", name);
	p = p ? strstr(line, key) : NULL;
	return p ? (unsigned)strtoul(p + strlen(key), NULL, 0) : 0;
}

/* The kernel's command line may ask for more time: umbra.patience=TIMES. */
static unsigned harness_patience(void)
{
	unsigned n = harness_word("patience");

	return n > 1 ? n : 1;
}

static int harness_run_one(const struct test *t)
{
	int status;
	pid_t pid;

	harness_why[0] = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm((t->seconds ? t->seconds : 30) * harness_patience());
		_exit(t->run());
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return harness_fail("waitpid: %s", strerror(errno));
	}
	if (WIFSIGNALED(status))
		return harness_fail(WTERMSIG(status) == SIGALRM ?
					    "no end in time" :
					    "died of signal %d",
				    WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* Runs all, or those named on the command line. The exit status. */
__attribute__((unused)) static int
harness_main(const struct test *t, size_t n, int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	harness_why = mmap(NULL, WHY_SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (harness_why == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n; i++) {
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], t[i].name);
		if (!wanted)
			continue;
		switch (harness_run_one(&t[i])) {
		case 0:
			printf("ok %s\n", t[i].name);
			passed++;
			break;
		case SKIP:
			printf("skip %s: %s\n", t[i].name, harness_why);
			break;
		default:
			printf("FAIL %s: %s\n", t[i].name, harness_why);
			failed++;
		}
	}
	printf("%u passed, %u failed\n", passed, failed);
	fflush(stdout);
	return failed || !passed;
}

#endif
