// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * process.c - rows of processes: fork, exec, two that pass a byte to and fro.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include "bench.h"

#define FORKS 10

static uint32_t process_join(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bench_die("fork or wait");
	return (uint32_t)status;
}

static void fork_setup(void)
{
	bench_one_cpu();
}

static uint32_t fork_unit(void)
{
	uint32_t sum = 0;

	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(i);
		sum += process_join(pid) >> 8;
	}
	return sum;
}

static uint32_t exec_unit(void)
{
	const char *path = bench_program("bench-true");
	uint32_t sum = 0;

	for (int i = 0; i < FORKS; i++) {
		char *argv[] = { (char *)"true", NULL };
		char *envp[] = { NULL };
		pid_t pid = fork();

		if (!pid) {
			execve(path, argv, envp);
			_exit(77);
		}
		sum += process_join(pid);
	}
	if (sum) {
		errno = ENOENT;
		bench_die(path);
	}
	return sum;
}

/* ---- pipes */

#define TURNS 100

static int pipe_out, pipe_in;
static pid_t pipe_child;

static void pipe_setup(void)
{
	int there[2], back[2];
	char c;

	bench_one_cpu();
	if (pipe(there) || pipe(back))
		bench_die("pipe");
	pipe_child = fork();
	if (!pipe_child) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1) {
			c++;
			if (write(back[1], &c, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	pipe_out = there[1];
	pipe_in = back[0];
}

static uint32_t pipe_unit(void)
{
	unsigned char c = 0;

	for (unsigned i = 0; i < TURNS; i++) {
		if (write(pipe_out, &c, 1) != 1 || read(pipe_in, &c, 1) != 1)
			bench_die("pipe");
	}
	return c;
}

static void pipe_finish(void)
{
	close(pipe_out);
	process_join(pipe_child);
}

const struct row rows_process[] = {
	{ "fork", 80, FORKS, fork_setup, fork_unit, NULL },
	{ "exec", 20, FORKS, fork_setup, exec_unit, NULL },
	{ "pipe", 100, TURNS, pipe_setup, pipe_unit, pipe_finish },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
