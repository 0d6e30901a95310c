// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sandbox_call.c - a library for LD_PRELOAD that does what must not be
 * possible: a call of its choice from inside a running umbra. Its thread,
 * older than main(), waits for the filter and makes the call SANDBOX_CALL
 * names. If it is alive afterwards it says so on standard error.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int call_status = -1; /* /proc/self/status, open from the start */

/* Whether "Seccomp: 2" stands there; only calls that the filter allows. */
static int call_confined(void)
{
	char text[4096];
	ssize_t n;

	lseek(call_status, 0, SEEK_SET);
	n = read(call_status, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	return strstr(text, "Seccomp:\t2") != NULL;
}

static long call_make(const char *name)
{
	if (!strcmp(name, "openat"))
		return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	if (!strcmp(name, "execve"))
		return execl("/bin/true", "true", (char *)NULL);
	if (!strcmp(name, "socket"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(name, "fork"))
		return syscall(SYS_fork);
	if (!strcmp(name, "mmap"))
		return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(name, "ptrace"))
		return syscall(SYS_ptrace, 0, 0, 0, 0);
	if (!strcmp(name, "kill"))
		return kill(1, 0);
	if (!strcmp(name, "tiocsti"))
		return ioctl(STDIN_FILENO, TIOCSTI, "x");
	return 0; /* "nothing" is allowed */
}

static void call_say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* its absence is what a test sees */
}

static void *call_thread(void *name)
{
	int confined = call_confined(); /* by who started us, already */

	while (!confined && !call_confined())
		poll(NULL, 0, 20);
	poll(NULL, 0, 300);
	call_say("sandbox_call: now\n");
	call_make(name);
	call_say("sandbox_call: alive\n");
	return NULL;
}

__attribute__((constructor)) static void call_start(void)
{
	char *name = getenv("SANDBOX_CALL");
	pthread_t thread;

	if (!name)
		return;
	call_status = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	if (call_status < 0 ||
	    pthread_create(&thread, NULL, call_thread, name))
		abort();
}
