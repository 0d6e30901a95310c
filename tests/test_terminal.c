// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_terminal.c - the Ctrl-A keys, raw mode and each way out of it on a
 * pseudo-terminal, input by a pipe.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tools/terminal.h"

#define BIG	  (1 << 20)
#define FORCED	  99
#define PATIENCE  20000 /* ms: only a broken test waits that long */

/* What the child does when the terminal is open. */
enum act { ACT_WAIT, ACT_ABORT, ACT_EXIT, ACT_CRASH, ACT_HANG };

static int stop_pipe[2];
static int master;

static void on_stop(void *opaque, enum terminal_stop why, int arg)
{
	u8 code = (u8)(why * 32 + arg);

	(void)opaque;
	ck_assert_int_eq(write(stop_pipe[1], &code, 1), 1);
}

static void on_force(void *opaque)
{
	(void)opaque;
	_exit(FORCED);
}

static void on_stats(void *opaque)
{
	(void)opaque;
	dprintf(STDERR_FILENO, "counters");
}

static const struct terminal_ops ops = { on_stop, on_force, on_stats };

static void child_act(struct terminal *t, enum act act)
{
	struct pollfd in_wait = { -1, POLLIN, 0 };
	u8 code, in[16];
	ssize_t n;

	switch (act) {
	case ACT_ABORT:
		abort();
	case ACT_EXIT:
		exit(5);
	case ACT_CRASH:
		raise(SIGTRAP); /* sanitizers take the others */
		_exit(1);
	case ACT_HANG:
		for (;;)
			pause();
	case ACT_WAIT:
		break;
	}
	if (read(stop_pipe[0], &code, 1) != 1)
		_exit(1);
	/* what the guest would have read is shown to the parent */
	in_wait.fd = terminal_input_fd(t);
	poll(&in_wait, 1, PATIENCE);
	n = read(in_wait.fd, in, sizeof(in));
	terminal_close(t);
	if (code / 32 == TERMINAL_GONE)
		raise(SIGHUP); /* as late as it can come */
	if (n > 0)
		dprintf(STDERR_FILENO, "<%.*s>", (int)n, in);
	_exit(code);
}

/* A child with a pseudo-terminal of its own as standard input. */
static pid_t child_start(enum act act)
{
	pid_t pid;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ge(master, 0);
	ck_assert(!grantpt(master) && !unlockpt(master));
	ck_assert_int_eq(pipe(stop_pipe), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		struct terminal *t = malloc(sizeof(*t));
		int slave;

		setsid();
		slave = open(ptsname(master), O_RDWR);
		close(master);
		dup2(slave, STDIN_FILENO);
		dup2(slave, STDERR_FILENO);
		close(slave);
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
		if (terminal_open(t, &ops, NULL))
			_exit(1);
		usleep(act == ACT_WAIT ? 0 : 200000); /* raw mode is seen */
		child_act(t, act);
	}
	return pid;
}

static bool is_raw(void)
{
	struct termios tio;

	ck_assert_int_eq(tcgetattr(master, &tio), 0);
	return !(tio.c_lflag & (ICANON | ECHO | ISIG));
}

static void await_mode(bool raw)
{
	int ms;

	for (ms = 0; is_raw() != raw && ms < PATIENCE; ms += 5)
		usleep(5000);
	ck_assert_msg(ms < PATIENCE, raw ? "not raw" : "not restored");
}

static int await_child(pid_t pid, int options)
{
	int status;

	for (int ms = 0; ms < PATIENCE; ms += 5) {
		if (waitpid(pid, &status, WNOHANG | options) == pid)
			return status;
		usleep(5000);
	}
	kill(pid, SIGKILL);
	ck_abort_msg("the child goes on and on");
	return -1;
}

/* Waits for the child's text on the terminal. */
static void await_text(const char *text)
{
	char buf[4096] = "";
	size_t used = 0;

	while (!strstr(buf, text)) {
		struct pollfd p = { master, POLLIN, 0 };
		ssize_t n;

		ck_assert_msg(poll(&p, 1, PATIENCE) == 1, "no '%s' in '%s'",
			      text, buf);
		n = read(master, buf + used, sizeof(buf) - 1 - used);
		ck_assert_msg(n > 0, "no '%s' in '%s'", text, buf);
		used += n;
		buf[used] = 0;
	}
}

static void type(const char *keys)
{
	ssize_t len = (ssize_t)strlen(keys);

	ck_assert_int_eq(write(master, keys, len), len);
}

START_TEST(keys)
{
	static const struct {
		u8 in;
		enum escape_action act;
		u8 out;
	} t[] = {
		{ 'x', ESCAPE_SEND, 'x' }, { 1, ESCAPE_NONE, 0 },
		{ 'x', ESCAPE_LEAVE, 0 },  { 'x', ESCAPE_SEND, 'x' },
		{ 1, ESCAPE_NONE, 0 },	   { 1, ESCAPE_SEND, 1 },
		{ 'h', ESCAPE_SEND, 'h' }, { 1, ESCAPE_NONE, 0 },
		{ 'a', ESCAPE_SEND, 1 },   { 1, ESCAPE_NONE, 0 },
		{ 'h', ESCAPE_HELP, 0 },   { 1, ESCAPE_NONE, 0 },
		{ 's', ESCAPE_STATS, 0 },  { 1, ESCAPE_NONE, 0 },
		{ 'z', ESCAPE_NONE, 0 },   { 'z', ESCAPE_SEND, 'z' },
		{ 3, ESCAPE_SEND, 3 },
	};
	struct escape e = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		u8 out = 0;
		enum escape_action act = escape_byte(&e, t[i].in, &out);

		ck_assert_msg(act == t[i].act, "key %u", i);
		if (act == ESCAPE_SEND)
			ck_assert_uint_eq(out, t[i].out);
	}
}
END_TEST

START_TEST(leave_restores)
{
	pid_t pid = child_start(ACT_WAIT);
	int status;

	await_mode(true);
	type("ab\003\001a");
	type("\001x");
	await_text("<ab\003\001>");
	status = await_child(pid, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), TERMINAL_LEAVE * 32);
	ck_assert(!is_raw());
}
END_TEST

START_TEST(help_and_counters)
{
	pid_t pid = child_start(ACT_WAIT);

	await_mode(true);
	type("\001h");
	await_text("end umbra");
	type("\001s");
	await_text("counters");
	kill(pid, SIGUSR1);
	await_text("counters");
	type("\001x");
	await_child(pid, 0);
}
END_TEST

START_TEST(signals_restore)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT };

	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		pid_t pid = child_start(ACT_WAIT);
		int status;

		await_mode(true);
		type("k");
		kill(pid, signals[i]);
		status = await_child(pid, 0);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status),
				 TERMINAL_SIGNAL * 32 + signals[i]);
		ck_assert(!is_raw());
	}
}
END_TEST

START_TEST(other_ways_out_restore)
{
	static const enum act acts[] = { ACT_ABORT, ACT_EXIT, ACT_CRASH };

	for (unsigned i = 0; i < ARRAY_SIZE(acts); i++) {
		pid_t pid = child_start(acts[i]);
		int status;

		await_mode(true);
		status = await_child(pid, 0);
		if (acts[i] == ACT_EXIT)
			ck_assert_int_eq(WEXITSTATUS(status), 5);
		else
			ck_assert(WIFSIGNALED(status));
		ck_assert_msg(!is_raw(), "way %u", i);
	}
}
END_TEST

START_TEST(suspend_and_continue)
{
	pid_t pid = child_start(ACT_WAIT);
	int status;

	await_mode(true);
	kill(pid, SIGTSTP);
	status = await_child(pid, WUNTRACED);
	ck_assert(WIFSTOPPED(status));
	ck_assert(!is_raw());
	kill(pid, SIGCONT);
	await_mode(true);
	type("k\001x");
	await_child(pid, 0);
	ck_assert(!is_raw());
}
END_TEST

/* nohup */
START_TEST(ignored_signals_stay_ignored)
{
	pid_t pid;
	int status;

	signal(SIGHUP, SIG_IGN);
	pid = child_start(ACT_WAIT);
	signal(SIGHUP, SIG_DFL);
	await_mode(true);
	kill(pid, SIGHUP);
	type("k\001x");
	status = await_child(pid, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), TERMINAL_LEAVE * 32);
}
END_TEST

START_TEST(a_lost_terminal_ends_it)
{
	pid_t pid = child_start(ACT_WAIT);
	int status;

	await_mode(true);
	type("k");
	close(master);
	status = await_child(pid, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), TERMINAL_GONE * 32);
}
END_TEST

START_TEST(a_hanging_machine_is_forced)
{
	pid_t pid = child_start(ACT_HANG);
	int status;

	await_mode(true);
	type("\001x");
	usleep(700000);
	type("\001x");
	status = await_child(pid, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), FORCED);
	ck_assert(!is_raw());
}
END_TEST

static u8 pipe_byte(unsigned i)
{
	return (u8)(i * 2654435761u >> 13); /* has Ctrl-A x somewhere */
}

static void feed(int fd)
{
	static u8 data[BIG];

	for (unsigned i = 0; i < BIG; i++)
		data[i] = pipe_byte(i);
	for (size_t off = 0; off < BIG;) {
		ssize_t n = write(fd, data + off, BIG - off);

		if (n <= 0)
			_exit(1);
		off += n;
	}
	_exit(0);
}

/* A megabyte through a reader that reads little at a time, then the end. */
START_TEST(a_pipe_arrives_whole)
{
	static struct terminal t;
	unsigned got = 0;
	u8 buf[5000];
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid)
		feed(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(pipe(stop_pipe), 0);
	ck_assert_int_eq(terminal_open(&t, &ops, NULL), 0);
	for (;;) {
		struct pollfd p = { terminal_input_fd(&t), POLLIN, 0 };
		ssize_t n;

		ck_assert_int_eq(poll(&p, 1, PATIENCE), 1);
		n = read(p.fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, got++) {
			if (buf[i] != pipe_byte(got))
				ck_abort_msg("byte %u differs", got);
		}
	}
	ck_assert_uint_eq(got, BIG);
	ck_assert_int_eq(await_child(pid, 0), 0);
	terminal_close(&t);
}
END_TEST

Suite *suite_terminal(void);

Suite *suite_terminal(void)
{
	Suite *s = suite_create("terminal");
	TCase *tc = tcase_create("terminal");

	tcase_add_test(tc, keys);
	tcase_add_test(tc, leave_restores);
	tcase_add_test(tc, help_and_counters);
	tcase_add_test(tc, signals_restore);
	tcase_add_test(tc, ignored_signals_stay_ignored);
	tcase_add_test(tc, other_ways_out_restore);
	tcase_add_test(tc, suspend_and_continue);
	tcase_add_test(tc, a_lost_terminal_ends_it);
	tcase_add_test(tc, a_hanging_machine_is_forced);
	tcase_add_test(tc, a_pipe_arrives_whole);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return s;
}
