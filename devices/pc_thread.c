// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pc_thread.c - the I/O thread: sleeps in epoll until console input is there
 * (and wanted), or somebody wakes it.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "pc_impl.h"

enum pc_event { EVENT_WAKE, EVENT_INPUT };

#define INPUT_CHUNK 4096

/* How console input can be waited for. */
enum input_kind {
	INPUT_NONE, /* no input, or it has ended */
	INPUT_POLL, /* tty, pipe, socket */
	INPUT_FILE, /* a regular file: always ready, epoll refuses it */
};

struct pc_input {
	enum input_kind kind;
	bool watched; /* is in the epoll set */
};

void pc_thread_init(struct pc *pc)
{
	pc->io.epoll_fd = pc->io.event_fd = -1;
}

void pc_thread_wake(struct pc *pc)
{
	u64 one = 1;

	if (!pc->io.running)
		return;
	must(write(pc->io.event_fd, &one, sizeof(one)) == sizeof(one),
	     "eventfd");
}

static void pc_thread_drain(int fd)
{
	u64 count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n; /* nothing there to drain is as good */
}

static int pc_thread_add(struct pc *pc, int fd, enum pc_event event)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = event};

	return epoll_ctl(pc->io.epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static void pc_input_open(struct pc *pc, struct pc_input *in)
{
	int fd = pc->cfg.console_fd;
	int err;

	*in = (struct pc_input){INPUT_NONE, false};
	if (fd < 0)
		return;
	err = pc_thread_add(pc, fd, EVENT_INPUT);
	if (!err)
		*in = (struct pc_input){INPUT_POLL, true};
	else if (err == -EPERM)
		in->kind = INPUT_FILE;
	else if (pc->cfg.console_eof)
		pc->cfg.console_eof(pc->cfg.opaque);
}

/* Watches the input just as long as there is room for it. */
static void pc_input_watch(struct pc *pc, struct pc_input *in, bool want)
{
	if (in->kind != INPUT_POLL || in->watched == want)
		return;
	if (want) {
		if (pc_thread_add(pc, pc->cfg.console_fd, EVENT_INPUT))
			return;
	} else if (epoll_ctl(pc->io.epoll_fd, EPOLL_CTL_DEL, pc->cfg.console_fd,
			     NULL)) {
		return;
	}
	in->watched = want;
}

static void pc_input_close(struct pc *pc, struct pc_input *in)
{
	pc_input_watch(pc, in, false);
	in->kind = INPUT_NONE;
	if (pc->cfg.console_eof)
		pc->cfg.console_eof(pc->cfg.opaque);
}

/* Reads once, without the lock: only this thread adds, so room stays. */
static void pc_input_read(struct pc *pc, struct pc_input *in, size_t room)
{
	u8 buf[INPUT_CHUNK];
	ssize_t n = read(pc->cfg.console_fd, buf, MIN(room, sizeof(buf)));
	size_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pc_input_close(pc, in);
		return;
	}
	len = (size_t)n;
	if (pc->cfg.console_filter)
		len = pc->cfg.console_filter(pc->cfg.opaque, buf, len);
	if (len)
		pc_console_in(pc, buf, len);
}

/* Room for input; when there is none, the UART will wake us. */
static size_t pc_input_room(struct pc *pc)
{
	size_t room = pc_console_room(pc);

	pc->console.in_starved = room < INPUT_CHUNK;
	return pc->console.in_starved ? 0 : room;
}

static void *pc_thread_main(void *opaque)
{
	struct pc *pc = opaque;
	struct pc_input in;
	struct epoll_event ev[4];

	pc_input_open(pc, &in);
	for (;;) {
		size_t room;
		bool stop;
		int n;

		pc_lock(pc);
		room = pc_input_room(pc);
		stop = pc->io.stop;
		pc_unlock(pc);
		if (stop)
			return NULL;
		pc_input_watch(pc, &in, room != 0);
		n = epoll_wait(pc->io.epoll_fd, ev, ARRAY_SIZE(ev),
			       in.kind == INPUT_FILE && room ? 0 : -1);
		if (in.kind == INPUT_FILE && room)
			pc_input_read(pc, &in, room);
		for (int i = 0; i < n; i++) {
			switch ((enum pc_event)ev[i].data.u32) {
			case EVENT_WAKE:
				pc_thread_drain(pc->io.event_fd);
				break;
			case EVENT_INPUT:
				if (in.kind == INPUT_POLL && room)
					pc_input_read(pc, &in, room);
				break;
			}
		}
	}
}

static void pc_thread_close(struct pc *pc)
{
	int *fds[] = {&pc->io.epoll_fd, &pc->io.event_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static int pc_thread_open(struct pc *pc)
{
	pc->io.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	pc->io.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pc->io.epoll_fd < 0 || pc->io.event_fd < 0)
		return -errno;
	return pc_thread_add(pc, pc->io.event_fd, EVENT_WAKE);
}

/* The thread takes no signals: they are the vCPUs' and the client's. */
static int pc_thread_create(struct pc *pc)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&pc->io.thread, NULL, pc_thread_main, pc);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

int pc_thread_start(struct pc *pc)
{
	int err;

	must(!pc->io.running, "I/O thread runs already");
	pc->io.stop = false;
	err = pc_thread_open(pc);
	if (!err) {
		pc->io.running = true;
		err = pc_thread_create(pc);
	}
	if (err) {
		pc->io.running = false;
		pc_thread_close(pc);
	}
	return err;
}

void pc_thread_stop(struct pc *pc)
{
	if (!pc->io.running)
		return;
	pc_lock(pc);
	pc->io.stop = true;
	pc_thread_wake(pc);
	pc_unlock(pc);
	pthread_join(pc->io.thread, NULL);
	pc_lock(pc);
	pc->io.running = false;
	pc_console_flush_locked(pc);
	pc_unlock(pc);
	pc_thread_close(pc);
}
