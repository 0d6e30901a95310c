// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * terminal.c - see terminal.h for the contract.
 *
 * The way back from raw mode is the one thing that must work whatever
 * happens: it hangs on exit() through atexit, on abort() and crashes through
 * signal handlers, on the other signals through the thread that reads them.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"

#define CTRL_A	       1
#define STOP_GRACE_NS  5000000000ull
#define STOP_INSIST_NS 500000000ull

/* Writable and global because a signal handler and atexit get no argument.
 * There is one standard input in a process. */
static struct termios term_saved;
static volatile sig_atomic_t term_raw;
static bool term_atexit;
/* Signals that the thread took in its ppoll(), by number. */
static volatile sig_atomic_t term_caught;

/* ---- modes */

static void term_set(const struct termios *tio)
{
	sigset_t ttou, old;

	/* A background process that sets modes is stopped; not on our way out.
	 * TCSANOW, since draining waits for a reader that may never read. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(STDIN_FILENO, TCSANOW, tio);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Async-signal-safe, and harmless when called twice. */
static void term_restore(void)
{
	int err = errno;

	if (term_raw) {
		term_raw = 0;
		term_set(&term_saved);
	}
	errno = err;
}

/* Output processing stays on: it adds a carriage return to our own lines. */
static int term_enter_raw(void)
{
	struct termios tio;

	if (tcgetpgrp(STDIN_FILENO) != getpgrp())
		return 0; /* in the background; SIGCONT comes here again */
	if (tcgetattr(STDIN_FILENO, &tio))
		return -errno;
	if (!term_raw)
		term_saved = tio;
	tio.c_iflag &= ~(BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL |
			 IXON);
	tio.c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	tio.c_cflag &= ~(CSIZE | PARENB);
	tio.c_cflag |= CS8;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	term_raw = 1; /* first: a signal in between restores once too often */
	term_set(&tio);
	return 0;
}

/* SA_RESETHAND has put the default action back: the signal, blocked until we
 * return, now kills as it would have. */
static void term_on_crash(int signo)
{
	term_restore();
	raise(signo);
}

/* The engine's handlers for faults, if it has set them, end in abort(). */
static void term_catch_crashes(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL,
				       SIGFPE, SIGTRAP, SIGSYS };
	struct sigaction sa = { .sa_handler = term_on_crash,
				.sa_flags = SA_RESETHAND | SA_ONSTACK };

	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(signals[i], &sa, NULL);
	}
}

static const int term_signo[TERMINAL_SIGNALS] = {
	SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGUSR1,
};

static void term_signals(sigset_t *set)
{
	sigemptyset(set);
	for (unsigned i = 0; i < TERMINAL_SIGNALS; i++)
		sigaddset(set, term_signo[i]);
}

static void term_on_signal(int signo)
{
	term_caught |= 1 << signo;
}

/*
 * No signalfd: whoever polls one is woken by each signal to any thread of
 * the process, and a vCPU's come by the hundred in a second.
 */
static void term_catch_signals(struct terminal *t)
{
	struct sigaction sa = { .sa_handler = term_on_signal };

	for (unsigned i = 0; i < TERMINAL_SIGNALS; i++) {
		sigaction(term_signo[i], NULL, &t->was[i]);
		if (t->was[i].sa_handler != SIG_IGN) /* nohup */
			sigaction(term_signo[i], &sa, NULL);
	}
}

static void term_release_signals(struct terminal *t)
{
	for (unsigned i = 0; i < TERMINAL_SIGNALS; i++)
		sigaction(term_signo[i], &t->was[i], NULL);
	if (t->is_tty && t->eof) /* gone: its SIGHUP may come later */
		signal(SIGHUP, SIG_IGN);
}

/* ---- keys */

enum escape_action escape_byte(struct escape *e, u8 in, u8 *out)
{
	*out = in;
	if (!e->armed) {
		e->armed = in == CTRL_A;
		return e->armed ? ESCAPE_NONE : ESCAPE_SEND;
	}
	e->armed = false;
	switch (in) {
	case 'x':
		return ESCAPE_LEAVE;
	case 'h':
	case '?':
		return ESCAPE_HELP;
	case 's':
		return ESCAPE_STATS;
	case 'a':
	case CTRL_A:
		*out = CTRL_A;
		return ESCAPE_SEND;
	default:
		return ESCAPE_NONE; /* no such key: the guest sees neither */
	}
}

static void term_help(void)
{
	static const char text[] =
		"\r\n"
		"Ctrl-A x  end umbra at once, with status 0\r\n"
		"Ctrl-A s  print the counters\r\n"
		"Ctrl-A a  send Ctrl-A to the guest\r\n"
		"Ctrl-A h  this help\r\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n; /* nobody to tell if even that fails */
}

/* ---- the thread */

static u64 term_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void term_force(struct terminal *t)
{
	term_restore();
	t->ops->force(t->opaque);
}

/* A second wish to leave is an order, unless it is the first one's echo: some
 * senders signal the process and then its group. */
static void term_stop(struct terminal *t, enum terminal_stop why, int arg)
{
	if (t->stopping && why != TERMINAL_GONE &&
	    term_now() + STOP_GRACE_NS - STOP_INSIST_NS > t->deadline)
		term_force(t);
	t->ops->stop(t->opaque, why, arg);
	if (!t->stopping)
		t->deadline = term_now() + STOP_GRACE_NS;
	t->stopping = true;
}

static void term_suspend(void)
{
	term_restore();
	kill(getpid(), SIGSTOP);
}

static void term_signal(struct terminal *t, int signo)
{
	switch (signo) {
	case SIGHUP:
		t->eof = true;
		term_stop(t, TERMINAL_GONE, 0);
		break;
	case SIGTSTP:
		term_suspend();
		break;
	case SIGCONT:
		if (t->is_tty)
			term_enter_raw();
		break;
	case SIGUSR1:
		t->ops->stats(t->opaque);
		break;
	default:
		term_stop(t, TERMINAL_SIGNAL, signo);
	}
}

static void term_read_signals(struct terminal *t)
{
	int caught = term_caught; /* blocked here: no more come */

	term_caught = 0;
	for (unsigned i = 0; i < TERMINAL_SIGNALS; i++) {
		if (caught & (1 << term_signo[i]))
			term_signal(t, term_signo[i]);
	}
}

/* Room for input: the buffer is shifted to its start when it runs empty at
 * the end, so that reads stay long. */
static size_t term_room(struct terminal *t)
{
	if (t->first && (t->first == t->used || t->used == TERMINAL_BUFFER)) {
		memmove(t->buffer, t->buffer + t->first, t->used - t->first);
		t->used -= t->first;
		t->first = 0;
	}
	return TERMINAL_BUFFER - t->used;
}

/* Takes the keys out of n new bytes at the buffer's end. */
static void term_keys(struct terminal *t, size_t n)
{
	u8 *in = t->buffer + t->used;
	u8 out;

	for (size_t i = 0; i < n; i++) {
		switch (escape_byte(&t->escape, in[i], &out)) {
		case ESCAPE_SEND:
			t->buffer[t->used++] = out;
			break;
		case ESCAPE_LEAVE:
			term_stop(t, TERMINAL_LEAVE, 0);
			break;
		case ESCAPE_HELP:
			term_help();
			break;
		case ESCAPE_STATS:
			t->ops->stats(t->opaque);
			break;
		case ESCAPE_NONE:
			break;
		}
	}
}

static void term_read_input(struct terminal *t)
{
	ssize_t n = read(STDIN_FILENO, t->buffer + t->used, term_room(t));

	if (n > 0 && t->is_tty) {
		term_keys(t, (size_t)n);
	} else if (n > 0) {
		t->used += n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* end of a file or pipe; a raw terminal has no other end than
		 * that it is gone */
		t->eof = true;
		if (t->is_tty)
			term_stop(t, TERMINAL_GONE, 0);
	}
}

static void term_write_pipe(struct terminal *t)
{
	ssize_t n = write(t->pipe_in, t->buffer + t->first,
			  t->used - t->first);

	if (n > 0)
		t->first += n;
	else if (errno != EAGAIN && errno != EINTR)
		t->first = t->used; /* nobody reads any more */
}

/* The guest sees the end of input when it has read all of it. */
static void term_finish_pipe(struct terminal *t)
{
	if (t->eof && t->first == t->used && t->pipe_in >= 0) {
		close(t->pipe_in);
		t->pipe_in = -1;
	}
}

/* The thread takes no signals, but those that stop a background process that
 * touches its terminal, and its own crashes; in its poll, the process's. */
static void term_thread_mask(sigset_t *polling)
{
	static const int open[] = { SIGTTIN, SIGTTOU, SIGABRT, SIGSEGV, SIGBUS,
				    SIGILL,  SIGFPE,  SIGTRAP, SIGSYS };
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(open); i++)
		sigdelset(&set, open[i]);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	*polling = set;
	for (unsigned i = 0; i < TERMINAL_SIGNALS; i++)
		sigdelset(polling, term_signo[i]);
}

/* How long the thread may sleep; NULL: for good. */
static const struct timespec *term_timeout(const struct terminal *t,
					   struct timespec *ts)
{
	u64 now, ns;

	if (!t->stopping)
		return NULL;
	now = term_now();
	ns = now >= t->deadline ? 0 : t->deadline - now;
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
	return ts;
}

static void *term_thread(void *arg)
{
	enum { P_WAKE, P_STDIN, P_PIPE, P_NR };
	struct terminal *t = arg;
	struct timespec ts;
	sigset_t polling;

	term_thread_mask(&polling);
	for (;;) {
		struct pollfd p[P_NR] = {
			[P_WAKE] = { t->wake_fd, POLLIN, 0 },
			[P_STDIN] = { STDIN_FILENO, POLLIN, 0 },
			[P_PIPE] = { t->pipe_in, POLLOUT, 0 },
		};

		if (t->eof || !term_room(t))
			p[P_STDIN].fd = -1;
		if (t->first == t->used)
			p[P_PIPE].fd = -1;
		if (ppoll(p, P_NR, term_timeout(t, &ts), &polling) < 0) {
			if (errno != EINTR)
				term_stop(t, TERMINAL_GONE, 0);
			memset(p, 0, sizeof(p));
		}
		if (p[P_WAKE].revents)
			return NULL;
		if (t->stopping && term_now() >= t->deadline)
			term_force(t);
		term_read_signals(t);
		if (p[P_STDIN].revents && !t->eof)
			term_read_input(t);
		if (p[P_PIPE].revents)
			term_write_pipe(t);
		term_finish_pipe(t);
	}
}

/* ---- open, close, write */

static int term_files(struct terminal *t)
{
	int fds[2];

	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (t->wake_fd < 0)
		return -errno;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	t->pipe_out = fds[0];
	t->pipe_in = fds[1];
	return 0;
}

static void term_close_files(struct terminal *t)
{
	int fds[] = { t->wake_fd, t->pipe_in, t->pipe_out };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static void term_mask(int how)
{
	sigset_t set;

	term_signals(&set);
	pthread_sigmask(how, &set, NULL);
}

int terminal_open(struct terminal *t, const struct terminal_ops *ops,
		  void *opaque)
{
	int err;

	memset(t, 0, offsetof(struct terminal, buffer));
	t->ops = ops;
	t->opaque = opaque;
	t->wake_fd = t->pipe_in = t->pipe_out = -1;
	t->is_tty = isatty(STDIN_FILENO);
	err = term_files(t);
	if (err)
		goto fail;
	signal(SIGPIPE, SIG_IGN); /* a lost reader is an errno of write() */
	term_mask(SIG_BLOCK);
	term_catch_signals(t);
	if (t->is_tty) {
		term_catch_crashes();
		if (!term_atexit && atexit(term_restore)) {
			err = -ENOMEM;
			goto unmask;
		}
		term_atexit = true;
		err = term_enter_raw();
		if (err)
			goto unmask;
	}
	err = -pthread_create(&t->thread, NULL, term_thread, t);
	if (!err)
		return 0;
	term_restore();
unmask:
	term_release_signals(t);
	term_mask(SIG_UNBLOCK);
fail:
	term_close_files(t);
	return err;
}

void terminal_close(struct terminal *t)
{
	u64 one = 1;

	while (write(t->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(t->thread, NULL);
	term_restore();
	term_close_files(t);
	term_release_signals(t);
	term_mask(SIG_UNBLOCK);
}

int terminal_input_fd(const struct terminal *t)
{
	return t->pipe_out;
}

/* Returns false when the output is lost for good. */
static bool term_write_some(const u8 **p, size_t *len)
{
	struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
	ssize_t n = write(STDOUT_FILENO, *p, *len);

	if (n >= 0) {
		*p += n;
		*len -= n;
		return true;
	}
	if (errno == EAGAIN) /* someone made the shared file non-blocking */
		poll(&out, 1, -1);
	return errno == EAGAIN || errno == EINTR;
}

void terminal_write(struct terminal *t, const void *buf, size_t len)
{
	const u8 *p = buf;

	while (len && !__atomic_load_n(&t->output_lost, __ATOMIC_RELAXED)) {
		if (term_write_some(&p, &len))
			continue;
		__atomic_store_n(&t->output_lost, 1, __ATOMIC_RELAXED);
		t->ops->stop(t->opaque, TERMINAL_OUTPUT, errno);
	}
}
