// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub.c - gdb on a socket; see gdbstub.h.
 *
 * The thread waits in an epoll set of one socket - the connection, or without
 * one the socket that listens - which is armed once each time the guest goes
 * on, so that it never looks at a socket that the vCPU's thread works with.
 * From gdbstub_start() on it needs no system calls but those that sandbox.c has
 * for SANDBOX_GDB.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gdbstub.h"
#include "gdbstub_target.h"

/* A gdb that does not take our replies for so long has hung: it is dropped. */
#define SEND_MS 5000

struct gdbstub {
	int listen_fd;
	int conn_fd;  /* -1: nobody is connected */
	int epoll_fd; /* the thread's */
	int end_fd;   /* eventfd: the thread is to end */
	int wake_fd;  /* eventfd: gdbstub_wake() */
	bool running; /* the thread is */
	bool stopped; /* the guest is */
	bool waiting; /* it has not begun: ,wait, and no gdb has said so */
	pthread_t thread;
	void (*attention)(void *opaque);
	void *opaque;
	struct gdb_target target;
	struct rsp_in in;
	struct gdb_session session;
};

/* --- listening */

static int listen_at(int fd, const struct sockaddr *sa, socklen_t len)
{
	return bind(fd, sa, len) || listen(fd, 1) ? -errno : 0;
}

/* A socket that somebody has left behind, and nobody listens to. Whatever else
 * has the name refuses connections too, and is not ours to take away; a socket
 * with others in its queue must not hold us up. */
static bool unix_is_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(sa->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int listen_unix(int fd, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int err;

	memcpy(sa.sun_path, path, strlen(path));
	err = listen_at(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (err == -EADDRINUSE && unix_is_stale(&sa) && !unlink(path))
		err = listen_at(fd, (struct sockaddr *)&sa, sizeof(sa));
	return err;
}

static int listen_port(int fd, u16 port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int one = 1;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* connections inherit it */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return listen_at(fd, (struct sockaddr *)&sa, sizeof(sa));
}

static int stub_listen(struct gdbstub *g, const struct gdb_where *w)
{
	g->listen_fd = socket(w->port ? AF_INET : AF_UNIX,
			      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (g->listen_fd < 0)
		return -errno;
	return w->port ? listen_port(g->listen_fd, w->port) :
			 listen_unix(g->listen_fd, w->path);
}

/* --- the thread */

static int epoll_add(struct gdbstub *g, int fd, u32 events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static void *stub_thread(void *opaque)
{
	struct gdbstub *g = opaque;
	struct epoll_event ev;

	for (;;) {
		int n = epoll_wait(g->epoll_fd, &ev, 1, -1);

		if (n < 0 && errno != EINTR)
			return NULL;
		if (n > 0 && ev.data.fd == g->end_fd)
			return NULL;
		if (n > 0)
			g->attention(g->opaque);
	}
}

/* The thread waits for what comes next. */
static void stub_arm(struct gdbstub *g)
{
	int fd = g->conn_fd >= 0 ? g->conn_fd : g->listen_fd;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
				  .data.fd = fd };

	must(!epoll_ctl(g->epoll_fd, EPOLL_CTL_MOD, fd, &ev), "epoll of gdb");
}

static void event_post(int fd)
{
	u64 one = 1;

	must(write(fd, &one, sizeof(one)) == sizeof(one), "eventfd");
}

static void event_drain(int fd)
{
	u64 count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n; /* nothing there to drain is as good */
}

/* --- the connection */

static void conn_drop(struct gdbstub *g)
{
	static const struct umbra_debug none;

	close(g->conn_fd); /* leaves the epoll set too */
	g->conn_fd = -1;
	g->stopped = g->waiting;
	umbra_set_debug(g->target.vcpu, &none);
}

static bool conn_is_ready(const struct gdbstub *g)
{
	struct pollfd p = { .fd = g->conn_fd, .events = POLLOUT };

	return poll(&p, 1, SEND_MS) > 0;
}

/* False: the connection is gone. */
static bool conn_send(struct gdbstub *g, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = send(g->conn_fd, buf, len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && conn_is_ready(g))
			continue;
		if (n <= 0) {
			conn_drop(g);
			return false;
		}
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

static bool conn_send_packet(struct gdbstub *g, const struct rsp_out *o)
{
	return conn_send(g, o->buf, o->len);
}

static void conn_open(struct gdbstub *g)
{
	int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (epoll_add(g, fd, 0)) {
		close(fd);
		return;
	}
	g->conn_fd = fd;
	g->stopped = true;
	g->in.state = 0;
	gdb_session_init(&g->session, &gdb_target_ops, &g->target);
}

/* A whole packet. Commands while the guest runs are none of gdb's in all-stop
 * mode, and dropped. */
static enum gdb_serve conn_packet(struct gdbstub *g)
{
	struct gdb_session *s = &g->session;

	if (!s->no_ack && !conn_send(g, "+", 1))
		return GDB_RUN;
	if (!g->stopped)
		return GDB_RUN;
	switch (gdb_command(s, g->in.buf, g->in.len)) {
	case GDB_REPLY:
		conn_send_packet(g, &s->out);
		break;
	case GDB_RESUME:
		g->stopped = g->waiting = false;
		umbra_set_debug(g->target.vcpu, &s->debug);
		break;
	case GDB_DETACH:
		g->waiting = false;
		if (conn_send_packet(g, &s->out))
			conn_drop(g);
		break;
	case GDB_KILL:
		if (s->out.len > sizeof("$#00") - 1)
			conn_send_packet(g, &s->out);
		return GDB_END;
	}
	return GDB_RUN;
}

static enum gdb_serve conn_byte(struct gdbstub *g, u8 c)
{
	struct gdb_session *s = &g->session;

	switch (rsp_in_byte(&g->in, c)) {
	case RSP_PACKET:
		return conn_packet(g);
	case RSP_BAD:
		if (!s->no_ack)
			conn_send(g, "-", 1);
		break;
	case RSP_NAK:
		if (!s->no_ack && s->out.len)
			conn_send_packet(g, &s->out);
		break;
	case RSP_INTERRUPT:
		if (g->stopped)
			break;
		g->stopped = true;
		gdb_stopped(s, GDB_STOP_INTERRUPT, NULL);
		s->out = s->stop;
		conn_send_packet(g, &s->out);
		break;
	case RSP_NONE:
	case RSP_ACK:
		break;
	}
	return GDB_RUN;
}

/* What has come from gdb, without waiting for more. */
static enum gdb_serve conn_read(struct gdbstub *g)
{
	enum gdb_serve r = GDB_RUN;
	u8 buf[4096];
	ssize_t n = recv(g->conn_fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return GDB_RUN;
	if (n <= 0) {
		conn_drop(g);
		return GDB_RUN;
	}
	for (ssize_t i = 0; i < n && g->conn_fd >= 0 && r == GDB_RUN; i++)
		r = conn_byte(g, buf[i]);
	return r;
}

/* --- the vCPU's thread */

/* Waits for gdb; false: woken up by the machine. */
static bool stub_wait(struct gdbstub *g)
{
	int fd = g->conn_fd >= 0 ? g->conn_fd : g->listen_fd;
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
				 { .fd = g->wake_fd, .events = POLLIN } };

	if (poll(fds, 2, -1) < 0)
		return errno == EINTR;
	if (fds[1].revents) {
		event_drain(g->wake_fd);
		return false;
	}
	return true;
}

static enum gdb_serve stub_input(struct gdbstub *g)
{
	if (g->conn_fd >= 0)
		return conn_read(g);
	conn_open(g);
	return GDB_RUN;
}

enum gdb_serve gdbstub_serve(struct gdbstub *g, const struct umbra_run *run)
{
	enum gdb_serve r = GDB_RUN;

	if (run && !g->stopped && g->conn_fd >= 0) {
		g->stopped = true;
		gdb_stopped(&g->session, GDB_STOP_DEBUG, run);
		g->session.out = g->session.stop;
		conn_send_packet(g, &g->session.out);
	}
	if (!g->stopped)
		r = stub_input(g);
	while (g->stopped && r == GDB_RUN) {
		if (!stub_wait(g))
			return GDB_AGAIN;
		r = stub_input(g);
	}
	if (r == GDB_RUN)
		stub_arm(g);
	return r;
}

void gdbstub_wake(struct gdbstub *g)
{
	event_post(g->wake_fd);
}

void gdbstub_exited(struct gdbstub *g, int status)
{
	if (g->conn_fd < 0)
		return;
	gdb_exited(&g->session, (unsigned)status);
	conn_send_packet(g, &g->session.out);
}

/* --- beginning and end */

static int stub_make(struct gdbstub *g, const struct gdb_where *w)
{
	int err = stub_listen(g, w);

	if (err)
		return err;
	g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	g->end_fd = eventfd(0, EFD_CLOEXEC);
	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->epoll_fd < 0 || g->end_fd < 0 || g->wake_fd < 0)
		return -errno;
	err = epoll_add(g, g->end_fd, EPOLLIN);
	return err ? err : epoll_add(g, g->listen_fd, 0);
}

struct gdbstub *gdbstub_open(const struct gdb_where *w,
			     char error[GDB_WHERE_ERROR])
{
	struct gdbstub *g = calloc(1, sizeof(*g));
	int err = -ENOMEM;

	if (g) {
		g->listen_fd = g->conn_fd = g->epoll_fd = g->end_fd = -1;
		g->wake_fd = -1;
		g->stopped = g->waiting = w->wait;
		err = stub_make(g, w);
	}
	if (!err)
		return g;
	if (w->port)
		snprintf(error, GDB_WHERE_ERROR, "--gdb %u: cannot listen: %s",
			 w->port, strerror(-err));
	else
		snprintf(error, GDB_WHERE_ERROR, "--gdb unix:%.80s: cannot "
			 "listen: %s", w->path, strerror(-err));
	gdbstub_close(g);
	return NULL;
}

/* The thread takes no signals: they are the vCPU's and the client's. */
int gdbstub_start(struct gdbstub *g, struct umbra_vm *vm, struct vcpu *v,
		  void (*attention)(void *opaque), void *opaque)
{
	sigset_t all, old;
	int err;

	g->target = (struct gdb_target){ vm, v };
	g->attention = attention;
	g->opaque = opaque;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&g->thread, NULL, stub_thread, g);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	g->running = !err;
	if (!err && !g->stopped)
		stub_arm(g);
	return err;
}

static void stub_close_fds(struct gdbstub *g)
{
	const int fds[] = { g->listen_fd, g->conn_fd, g->epoll_fd, g->end_fd,
			    g->wake_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

void gdbstub_close(struct gdbstub *g)
{
	if (!g)
		return;
	if (g->running) {
		event_post(g->end_fd);
		pthread_join(g->thread, NULL);
	}
	stub_close_fds(g);
	free(g);
}
