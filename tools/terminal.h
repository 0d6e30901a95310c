/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * terminal.h - the console's host side: raw mode and its way back, the
 * Ctrl-A keys, signals, and standard input as a pipe that holds its writer
 * back.
 *
 * A thread of its own reads standard input (a terminal, a pipe, a file) and
 * the signals that are for the process; from terminal_open() on these are
 * blocked in the caller and in the threads it makes. Keys are looked for only
 * on a terminal, so that data from a pipe or file arrives whole.
 */
#ifndef UMBRA_TERMINAL_H
#define UMBRA_TERMINAL_H

#include <pthread.h>
#include "runtime/base.h"

enum terminal_stop {
	TERMINAL_LEAVE,	 /* Ctrl-A x */
	TERMINAL_SIGNAL, /* arg: SIGINT, SIGTERM, SIGQUIT */
	TERMINAL_GONE,	 /* hang-up, or the terminal gives errors */
	TERMINAL_OUTPUT, /* arg: errno of a failed write */
};

/* Called on the terminal's thread, stop() also on one that writes. */
struct terminal_ops {
	/* Ask the machine to end soon; may come more than once. */
	void (*stop)(void *opaque, enum terminal_stop why, int arg);
	/* The machine did not end in time, or the person insists: end the
	 * process at once. The terminal is already restored. */
	void (*force)(void *opaque);
	/* SIGUSR1 or Ctrl-A s: print the counters. */
	void (*stats)(void *opaque);
};

/* ---- the Ctrl-A keys, as a machine of one byte's memory */
struct escape {
	bool armed;
};

enum escape_action {
	ESCAPE_NONE, /* the byte was part of a key */
	ESCAPE_SEND, /* give *out to the guest */
	ESCAPE_LEAVE,
	ESCAPE_HELP,
	ESCAPE_STATS,
};

enum escape_action escape_byte(struct escape *e, u8 in, u8 *out);

#define TERMINAL_BUFFER	 65536
#define TERMINAL_SIGNALS 7

struct terminal {
	const struct terminal_ops *ops;
	void *opaque;
	pthread_t thread;
	bool is_tty;
	bool eof;	/* no more input will come */
	bool stopping;	/* ops->stop() was called by the thread */
	int wake_fd;	/* eventfd: terminal_close() */
	int pipe_in;	/* our end */
	int pipe_out;	/* the machine's end */
	u64 deadline;	/* ns: when stopping becomes force */
	u32 output_lost; /* atomic: a write failed, drop the rest */
	struct sigaction was[TERMINAL_SIGNALS]; /* before us */
	struct escape escape;
	size_t first, used; /* in buffer: read, not yet in the pipe */
	u8 buffer[TERMINAL_BUFFER];
};

/* Takes the terminal. 0 or -errno; nothing is changed on failure. */
int terminal_open(struct terminal *t, const struct terminal_ops *ops,
		  void *opaque);

/* Ends the thread, restores the terminal and the signal mask. */
void terminal_close(struct terminal *t);

/* The end of the pipe that gives the console's input; end of file when
 * standard input ended. Owned by the terminal. */
int terminal_input_fd(const struct terminal *t);

/* Writes all of it to standard output, waiting where that waits. */
void terminal_write(struct terminal *t, const void *buf, size_t len);

#endif
