// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_sandbox.c - the sandbox from inside: in a child each, every forbidden
 * call ends the process by SIGSYS, and what a guest needs goes on working.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tools/sandbox.h"

#define MODE_CLEAR (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* What a child has before the filter. */
struct things {
	void *page;   /* two pages, read-write */
	void *code;   /* one page, read-execute, of memfd */
	int memfd;
	int devnull;
	FILE *stream; /* of /dev/null */
	int pipe[2];
	int epoll;
	int listener; /* an abstract socket that listens */
	pid_t pid, parent;
};

static void things_make(struct things *t)
{
	struct sockaddr sa = { .sa_family = AF_UNIX };

	t->page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t->memfd = memfd_create("sandbox-test", MFD_CLOEXEC);
	t->devnull = open("/dev/null", O_RDWR | O_CLOEXEC);
	t->stream = fopen("/dev/null", "w");
	t->epoll = epoll_create1(0);
	t->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	t->pid = getpid();
	t->parent = getppid();
	ck_assert(t->stream && !ftruncate(t->memfd, 2 * PAGE_SIZE) && !pipe(t->pipe));
	t->code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED,
		       t->memfd, 0);
	ck_assert(t->page != MAP_FAILED && t->code != MAP_FAILED);
	ck_assert(!bind(t->listener, &sa, sizeof(sa.sa_family)) &&
		  !listen(t->listener, 1));
}

/* Runs call in a child behind the filter and gives the status of wait(). */
static int confined(unsigned features, long (*call)(const struct things *t))
{
	struct things t;
	int status;
	pid_t pid = fork();

	ck_assert(pid >= 0);
	if (!pid) {
		things_make(&t);
		if (sandbox_enter(features))
			_exit(99);
		_exit(call(&t) < 0 ? 1 : 0);
	}
	ck_assert(waitpid(pid, &status, 0) == pid);
	return status;
}

/* ---- what must die */

#define FORBIDDEN(name, expr)                                                  \
	static long bad_##name(const struct things *t)                         \
	{                                                                      \
		(void)t;                                                       \
		return (long)(expr);                                           \
	}

#define RWX   (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define X32   0x40000000 /* the x32 table */

FORBIDDEN(mmap_exec, syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, ANON, -1, 0))
FORBIDDEN(mmap_exec_memfd, syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
				   MAP_SHARED, t->memfd, 0))
FORBIDDEN(mmap_rwx, syscall(SYS_mmap, 0, 4096, RWX, ANON, -1, 0))
FORBIDDEN(mprotect_exec, mprotect(t->page, PAGE_SIZE, PROT_READ | PROT_EXEC))
FORBIDDEN(mprotect_rwx, mprotect(t->code, PAGE_SIZE, RWX))
FORBIDDEN(pkey_mprotect, syscall(SYS_pkey_mprotect, t->page, PAGE_SIZE, RWX, -1))
FORBIDDEN(memfd_create, memfd_create("x", 0))
FORBIDDEN(shmget, syscall(SYS_shmget, 0, 4096, 0600))
FORBIDDEN(shmat, syscall(SYS_shmat, 0, 0, 0100000))
FORBIDDEN(fallocate, fallocate(t->memfd, 0, 0, 4096))
FORBIDDEN(ftruncate, ftruncate(t->memfd, 0))
FORBIDDEN(openat, syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))
FORBIDDEN(open, syscall(SYS_open, "/etc/passwd", O_RDONLY))
FORBIDDEN(openat2, syscall(SYS_openat2, AT_FDCWD, "/", 0, 0))
FORBIDDEN(creat, syscall(SYS_creat, "/tmp/umbra-sandbox", 0600))
FORBIDDEN(unlink, unlink("/tmp/umbra-sandbox"))
FORBIDDEN(rename, rename("/tmp/umbra-sandbox", "/tmp/umbra-box"))
FORBIDDEN(readlink, readlink("/proc/self/exe", t->page, 10))
FORBIDDEN(statx, syscall(SYS_statx, t->memfd, "", AT_EMPTY_PATH, 0, t->page))
FORBIDDEN(access, access("/etc/passwd", R_OK))
FORBIDDEN(chdir, chdir("/"))
FORBIDDEN(fchmod, fchmod(t->memfd, 0777))
FORBIDDEN(fcntl, fcntl(t->devnull, F_DUPFD, 0))
FORBIDDEN(dup, dup(t->devnull))
FORBIDDEN(sendfile, syscall(SYS_sendfile, t->devnull, t->memfd, 0, 1))
FORBIDDEN(execve, execl("/bin/true", "true", (char *)NULL))
FORBIDDEN(execveat, syscall(SYS_execveat, t->memfd, "", 0, 0, AT_EMPTY_PATH))
FORBIDDEN(fork, syscall(SYS_fork))
FORBIDDEN(vfork, syscall(SYS_clone, SIGCHLD | CLONE_VM | CLONE_VFORK, 0, 0, 0, 0))
FORBIDDEN(clone, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
FORBIDDEN(clone3, syscall(SYS_clone3, 0, 0))
FORBIDDEN(unshare, unshare(CLONE_NEWUSER))
FORBIDDEN(socket, socket(AF_INET, SOCK_STREAM, 0))
FORBIDDEN(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, t->page))
FORBIDDEN(connect, connect(t->listener, t->page, 2))
FORBIDDEN(accept, accept4(-1, NULL, NULL, 0)) /* would wait for ever */
FORBIDDEN(sendmsg, sendmsg(t->listener, t->page, 0))
FORBIDDEN(recvmsg, recvmsg(t->listener, t->page, 0))
FORBIDDEN(ptrace, syscall(SYS_ptrace, 0, 0, 0, 0))
FORBIDDEN(process_vm_readv, process_vm_readv(t->parent, t->page, 0, t->page, 0, 0))
FORBIDDEN(process_vm_writev, process_vm_writev(t->pid, t->page, 0, t->page, 0, 0))
FORBIDDEN(pidfd_open, syscall(SYS_pidfd_open, t->parent, 0))
FORBIDDEN(kill_parent, kill(t->parent, 0))
FORBIDDEN(kill_all, kill(-1, 0))
FORBIDDEN(kill_group, kill(0, 0))
FORBIDDEN(tkill, syscall(SYS_tkill, t->parent, 0))
FORBIDDEN(tgkill_parent, syscall(SYS_tgkill, t->parent, t->parent, 0))
FORBIDDEN(sigqueue, sigqueue(t->pid, 0, (union sigval){ 0 }))
FORBIDDEN(tiocsti, ioctl(STDIN_FILENO, TIOCSTI, "x"))
FORBIDDEN(tiocsti_fd, ioctl(t->devnull, TIOCSTI, "x"))
FORBIDDEN(tcgets_fd, ioctl(t->devnull, TCGETS, t->page))
FORBIDDEN(uffd_copy, ioctl(t->devnull, UFFDIO_COPY, t->page))
FORBIDDEN(userfaultfd, syscall(SYS_userfaultfd, O_CLOEXEC))
FORBIDDEN(prctl, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
FORBIDDEN(prctl_name, prctl(PR_SET_NAME, "x", 0, 0, 0))
FORBIDDEN(arch_prctl, syscall(SYS_arch_prctl, 0x1001, 0))
FORBIDDEN(seccomp, syscall(SYS_seccomp, 1, 0, 0))
FORBIDDEN(setuid, setuid(0))
FORBIDDEN(capset, syscall(SYS_capset, t->page, t->page))
FORBIDDEN(bpf, syscall(SYS_bpf, 0, 0, 0))
FORBIDDEN(perf, syscall(SYS_perf_event_open, t->page, 0, -1, -1, 0))
FORBIDDEN(keyctl, syscall(SYS_keyctl, 0, 0, 0, 0, 0))
FORBIDDEN(io_uring, syscall(SYS_io_uring_setup, 1, t->page))
FORBIDDEN(mount, syscall(SYS_mount, "", "", "", 0, 0))
FORBIDDEN(chroot, chroot("/"))
FORBIDDEN(personality, syscall(SYS_personality, 0))
FORBIDDEN(iopl, syscall(SYS_iopl, 3))
FORBIDDEN(ioperm, syscall(SYS_ioperm, 0, 1, 1))
FORBIDDEN(modify_ldt, syscall(SYS_modify_ldt, 0, t->page, 16))
FORBIDDEN(setrlimit, syscall(SYS_setrlimit, 0, t->page))
FORBIDDEN(prlimit, syscall(SYS_prlimit64, t->parent, 0, 0, t->page))
FORBIDDEN(timer_create, syscall(SYS_timer_create, 0, t->page, t->page))
FORBIDDEN(futex_pi, syscall(SYS_futex, t->page, FUTEX_LOCK_PI, 0, 0, 0, 0))
FORBIDDEN(unknown, syscall(500000))
FORBIDDEN(x32, syscall(X32 | SYS_getpid))

static long bad_int80(const struct things *t)
{
	long ret;

	(void)t;
	__asm__ volatile("int $0x80" : "=a"(ret) : "0"(20l) : "memory");
	return ret; /* getpid() of the 32-bit table */
}

#define ROW(name) { #name, bad_##name }
static const struct {
	const char *name;
	long (*call)(const struct things *t);
} forbidden[] = {
	ROW(mmap_exec), ROW(mmap_exec_memfd), ROW(mmap_rwx),
	ROW(mprotect_exec), ROW(mprotect_rwx), ROW(pkey_mprotect),
	ROW(memfd_create), ROW(shmget), ROW(shmat), ROW(fallocate),
	ROW(ftruncate), ROW(openat), ROW(open), ROW(openat2), ROW(creat),
	ROW(unlink), ROW(rename), ROW(readlink), ROW(statx), ROW(access),
	ROW(chdir), ROW(fchmod), ROW(fcntl), ROW(dup), ROW(sendfile),
	ROW(execve), ROW(execveat), ROW(fork), ROW(vfork), ROW(clone),
	ROW(clone3), ROW(unshare), ROW(socket), ROW(socketpair), ROW(connect),
	ROW(accept), ROW(sendmsg), ROW(recvmsg), ROW(ptrace),
	ROW(process_vm_readv), ROW(process_vm_writev), ROW(pidfd_open),
	ROW(kill_parent), ROW(kill_all), ROW(kill_group), ROW(tkill),
	ROW(tgkill_parent), ROW(sigqueue), ROW(tiocsti), ROW(tiocsti_fd),
	ROW(tcgets_fd), ROW(uffd_copy), ROW(userfaultfd), ROW(prctl),
	ROW(prctl_name), ROW(arch_prctl), ROW(seccomp), ROW(setuid),
	ROW(capset), ROW(bpf), ROW(perf), ROW(keyctl), ROW(io_uring),
	ROW(mount), ROW(chroot), ROW(personality), ROW(iopl), ROW(ioperm),
	ROW(modify_ldt), ROW(setrlimit), ROW(prlimit), ROW(timer_create),
	ROW(futex_pi), ROW(unknown), ROW(x32), ROW(int80),
};

/* Each with the terminal's rows too: they open no more than themselves. */
START_TEST(forbidden_calls_kill)
{
	int status;

	if (SANDBOX_INSTRUMENTED)
		return; /* such builds allow more */
	status = confined(SANDBOX_TTY, forbidden[_i].call);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		      "%s: status %#x instead of death by SIGSYS",
		      forbidden[_i].name, (unsigned)status);
}
END_TEST

/* ---- what must live */

static void on_signal(int signo)
{
	(void)signo;
}

static long good_memory(const struct things *t)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, ANON, -1, 0);
	char *q = malloc(64 << 20), *r;

	if (p == MAP_FAILED || !q)
		return -1;
	q[0] = p[0] = 1;
	r = realloc(q, 128 << 20);
	if (!r)
		return -1;
	r[(128 << 20) - 1] = 1;
	free(r);
	return madvise(p, 1 << 20, MADV_DONTNEED) |
	       mprotect(p, PAGE_SIZE, PROT_NONE) | munmap(p, 1 << 20) |
	       fallocate(t->memfd, MODE_CLEAR, 0, 2 * PAGE_SIZE) |
	       (mmap(t->page, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
		     t->memfd, PAGE_SIZE) == t->page ? 0 : -1) |
	       *(const char *)t->code; /* code of before is there */
}

static long good_files(const struct things *t)
{
	struct iovec v = { (void *)"x", 1 };
	struct epoll_event ev = { .events = EPOLLIN };
	char c;

	if (write(t->pipe[1], "x", 1) != 1 || writev(t->pipe[1], &v, 1) != 1 ||
	    epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->pipe[0], &ev) ||
	    epoll_wait(t->epoll, &ev, 1, 0) != 1 ||
	    read(t->pipe[0], &c, 1) != 1 || close(t->pipe[1]))
		return -1;
	return 0;
}

/* The first write asks for the size of a buffer (newfstatat). */
static long good_stdio(const struct things *t)
{
	FILE *f = t->stream;

	if (fprintf(f, "%d %s\n", 7, strerror(EPERM)) < 0)
		return -1;
	return fclose(f);
}

static long good_signals(const struct things *t)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t set;

	sigfillset(&set);
	if (sigaction(SIGUSR1, &sa, NULL) || raise(SIGUSR1) ||
	    kill(t->pid, SIGUSR1) || sigprocmask(SIG_BLOCK, &set, NULL) ||
	    sigprocmask(SIG_UNBLOCK, &set, NULL))
		return -1;
	return sigaltstack(NULL, &(stack_t){ 0 });
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static long good_time(const struct things *t)
{
	struct timespec ts = { 0, 1000 };
	int n[4096];

	(void)t;
	sched_yield();
	for (unsigned i = 0; i < ARRAY_SIZE(n); i++)
		n[i] = (int)i ^ 5;
	qsort(n, ARRAY_SIZE(n), sizeof(n[0]), by_value); /* asks the memory */
	return n[7] != 7 ? -1 : nanosleep(&ts, NULL) |
	       syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts) |
	       (syscall(SYS_getrandom, &ts, sizeof(ts), 0) < 0 ? -1 : 0);
}

/* newfstatat and fstat are refused, not fatal: one of them libc asks for the size
 * of buffers, and what it does for a terminal would be. */
static long good_stat_refused(const struct things *t)
{
	long ret = syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", t->page, 0);

	if (SANDBOX_INSTRUMENTED)
		return 0;
	if (ret != -1 || errno != EPERM)
		return -1;
	ret = syscall(SYS_fstat, STDERR_FILENO, t->page);
	return ret == -1 && errno == EPERM ? 0 : -1;
}

static const struct {
	const char *name;
	long (*call)(const struct things *t);
} allowed[] = {
	{ "memory", good_memory },   { "files", good_files },
	{ "stdio", good_stdio },     { "signals", good_signals },
	{ "time", good_time },	     { "stat", good_stat_refused },
};

START_TEST(allowed_calls_work)
{
	int status = confined(0, allowed[_i].call);

	ck_assert_msg(!status, "%s: status %#x", allowed[_i].name,
		      (unsigned)status);
}
END_TEST

static long call_abort(const struct things *t)
{
	(void)t;
	abort();
}

START_TEST(abort_is_an_abort)
{
	int status = confined(0, call_abort);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* ---- what depends on what is wanted */

static long call_terminal(const struct things *t)
{
	struct termios tio;

	(void)t;
	tcgetattr(STDIN_FILENO, &tio);
	tcsetattr(STDIN_FILENO, TCSANOW, &tio);
	tcgetpgrp(STDIN_FILENO);
	return getpgrp() > 0 ? 0 : -1;
}

/* Nobody comes to the listener: ask what fails at once. */
static long call_accept(const struct things *t)
{
	(void)t;
	return accept4(-1, NULL, NULL, 0) < 0 && errno == EBADF ? 0 : -1;
}

START_TEST(features_open_their_rows_only)
{
	int status;

	ck_assert_int_eq(confined(SANDBOX_TTY, call_terminal), 0);
	ck_assert_int_eq(confined(SANDBOX_GDB, call_accept), 0);
	if (SANDBOX_INSTRUMENTED)
		return;
	status = confined(SANDBOX_GDB, call_terminal);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = confined(SANDBOX_TTY, call_accept);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = confined(SANDBOX_GDB, bad_socket);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = confined(SANDBOX_GDB, bad_connect);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

/* ---- a thread of before is confined, and takes all with it */

static void *other_thread(void *arg)
{
	volatile u32 *go = arg;

	while (!*go)
		sched_yield();
	syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	return NULL;
}

START_TEST(threads_of_before_too)
{
	static volatile u32 go;
	pthread_t thread;
	int status;
	pid_t pid;

	if (SANDBOX_INSTRUMENTED)
		return;
	pid = fork();
	ck_assert(pid >= 0);
	if (!pid) {
		if (pthread_create(&thread, NULL, other_thread, (void *)&go) ||
		    sandbox_enter(0))
			_exit(99);
		go = 1;
		pthread_join(thread, NULL);
		_exit(0);
	}
	ck_assert(waitpid(pid, &status, 0) == pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		      "status %#x", (unsigned)status);
}
END_TEST

/* What a thread has allocated and freed is a matter of malloc and the host. */
static void *allocating_thread(void *arg)
{
	volatile u32 *go = arg;
	void *p[32];

	free(malloc(1)); /* an arena of its own */
	*go = 1;
	while (*go != 2)
		sched_yield();
	for (int i = 0; i < 32; i++) {
		p[i] = malloc(100000);
		memset(p[i], 1, 100000);
	}
	for (int i = 32; i-- > 0; )
		free(p[i]);
	*go = 3;
	return NULL;
}

START_TEST(threads_may_allocate)
{
	static volatile u32 go;
	pthread_t thread;
	int status;
	pid_t pid = fork();

	ck_assert(pid >= 0);
	if (!pid) {
		if (pthread_create(&thread, NULL, allocating_thread,
				   (void *)&go))
			_exit(99);
		while (go != 1)
			sched_yield();
		if (sandbox_enter(0))
			_exit(98);
		go = 2;
		pthread_join(thread, NULL);
		_exit(go == 3 ? 0 : 97);
	}
	ck_assert(waitpid(pid, &status, 0) == pid);
	ck_assert_msg(!status, "status %#x", (unsigned)status);
}
END_TEST

START_TEST(host_is_asked)
{
	ck_assert(sandbox_works());
}
END_TEST

Suite *suite_sandbox(void);
Suite *suite_sandbox(void)
{
	Suite *s = suite_create("sandbox");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, forbidden_calls_kill, 0,
			    ARRAY_SIZE(forbidden));
	tcase_add_loop_test(tc, allowed_calls_work, 0, ARRAY_SIZE(allowed));
	tcase_add_test(tc, abort_is_an_abort);
	tcase_add_test(tc, features_open_their_rows_only);
	tcase_add_test(tc, threads_of_before_too);
	tcase_add_test(tc, threads_may_allocate);
	tcase_add_test(tc, host_is_asked);
	suite_add_tcase(s, tc);
	return s;
}
