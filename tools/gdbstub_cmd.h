/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdbstub_cmd.h - what gdb's packets ask for, and the replies. Knows neither
 * sockets nor vCPUs: the target is a set of functions. Any packet is survived;
 * what is unknown gets the empty reply, as the protocol demands.
 */
#ifndef UMBRA_GDBSTUB_CMD_H
#define UMBRA_GDBSTUB_CMD_H

#include "gdbstub_regs.h"
#include "gdbstub_rsp.h"
#include "runtime/umbra.h"

#define GDB_MEMORY_MAX	(RSP_PACKET_MAX / 2 - 64) /* bytes in one packet */
#define GDB_MONITOR_MAX (RSP_PACKET_MAX / 2 - 64) /* of a monitor command */
#define GDB_POINTS	(UMBRA_DEBUG_BREAKS + UMBRA_DEBUG_WATCHES)

/* The machine, stopped. Functions that return int: 0 or -errno. */
struct gdb_ops {
	int (*get_regs)(void *opaque, u8 *image); /* GDB_REGS_BYTES */
	/* Refuses a change that makes no sense; then nothing is changed. */
	int (*set_regs)(void *opaque, const u8 *image);
	/* Execution is to go on at pc, even if the processor has halted. */
	int (*jump)(void *opaque, u32 pc);
	int (*read)(void *opaque, u32 la, void *buf, size_t n);
	int (*write)(void *opaque, u32 la, const void *buf, size_t n);
	/* A command of gdb's "monitor": text for the person into out, which has
	 * size bytes, with a NUL. */
	int (*monitor)(void *opaque, const char *command, char *out,
		       size_t size);
};

enum gdb_point_type { /* as the packets Z and z number them */
	GDB_SOFT_BREAK, GDB_HARD_BREAK, GDB_WATCH_WRITE, GDB_WATCH_READ,
	GDB_WATCH_ACCESS, GDB_POINT_TYPES
};

struct gdb_point {
	u8 type;
	u32 la, len; /* of watchpoints */
};

/* What the caller is to do about a packet. */
enum gdb_action {
	GDB_REPLY,  /* send the reply */
	GDB_RESUME, /* run the machine with session.debug; no reply */
	GDB_DETACH, /* send the reply; gdb goes, the machine runs on */
	GDB_KILL,   /* the machine ends; send the reply if it is not empty */
};

enum gdb_stop_why {
	GDB_STOP_ATTACH, GDB_STOP_INTERRUPT, GDB_STOP_DEBUG /* run->debug */
};

struct gdb_session {
	const struct gdb_ops *ops;
	void *opaque;
	bool no_ack;
	bool has_swbreak, has_hwbreak; /* gdb knows these stop reasons */
	unsigned npoints;
	struct gdb_point points[GDB_POINTS];
	struct umbra_debug debug; /* what the points come to, and step */
	struct rsp_out stop;	  /* the last stop, for "?" */
	struct rsp_out out;	  /* the reply */
	u8 memory[GDB_MEMORY_MAX];
	char text[GDB_MONITOR_MAX];
};

/* gdb connects: nothing is known of it, no points are set. */
void gdb_session_init(struct gdb_session *s, const struct gdb_ops *ops,
		      void *opaque);

/* Carries out a packet of len bytes, with a NUL behind; reply in s->out. */
enum gdb_action gdb_command(struct gdb_session *s, const char *packet,
			    size_t len);

/* The machine has stopped: s->stop says so. debug is only for _DEBUG. */
void gdb_stopped(struct gdb_session *s, enum gdb_stop_why why,
		 const struct umbra_run *run);
/* The machine has ended with a status: a packet in s->out. */
void gdb_exited(struct gdb_session *s, unsigned status);

#endif
