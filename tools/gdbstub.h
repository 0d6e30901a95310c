/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdbstub.h - gdb's remote serial protocol on a socket: one gdb at a time, any
 * number one after the other. When a gdb connects the guest stops; when it
 * goes, in whatever way, the guest runs on without its breakpoints; one that has
 * never run waits on.
 *
 * Everything is done on the vCPU's thread. A thread of the stub's only waits
 * for the socket while the guest runs, and then calls `attention`, upon which
 * the vCPU's thread is to come to gdbstub_serve().
 */
#ifndef UMBRA_GDBSTUB_H
#define UMBRA_GDBSTUB_H

#include "runtime/base.h"
#include "runtime/umbra.h"

#define GDB_WHERE_ERROR 160

/* --gdb: where to listen. */
struct gdb_where {
	bool wait;	     /* the guest does not start before gdb says so */
	u16 port;	     /* on 127.0.0.1; 0: path */
	char path[108];	     /* of a socket, as in struct sockaddr_un */
};
/* Parses PORT[,wait] or unix:PATH[,wait]; false: it is neither. */
bool gdb_where_parse(struct gdb_where *w, const char *text);

struct gdbstub;

/* Makes the socket and listens. NULL with the reason in error. */
struct gdbstub *gdbstub_open(const struct gdb_where *w,
			     char error[GDB_WHERE_ERROR]);
/* Starts the thread. attention is called on it. 0 or -errno. */
int gdbstub_start(struct gdbstub *g, struct umbra_vm *vm, struct vcpu *v,
		  void (*attention)(void *opaque), void *opaque);
void gdbstub_close(struct gdbstub *g); /* NULL is fine */

enum gdb_serve {
	GDB_RUN,   /* run the vCPU */
	GDB_AGAIN, /* gdbstub_wake() was called; come back */
	GDB_END,   /* gdb kills the machine */
};

/*
 * Looks after gdb; while the guest is stopped, until it goes on. run: what the
 * vCPU was left with, if that was UMBRA_EXIT_DEBUG, else NULL. The vCPU must be
 * where umbra_set_debug() may be called.
 */
enum gdb_serve gdbstub_serve(struct gdbstub *g, const struct umbra_run *run);
/* From any thread: gdbstub_serve() returns soon, if it waits. */
void gdbstub_wake(struct gdbstub *g);
/* The machine has ended: tells gdb. */
void gdbstub_exited(struct gdbstub *g, int status);

#endif
