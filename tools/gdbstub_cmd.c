// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub_cmd.c - gdb's packets carried out; see gdbstub_cmd.h. GDB manual,
 * appendix E. There is one thread, number 1: the processor.
 *
 * One function a packet. It parses from t to the end, and returns 0, or -errno
 * which becomes the reply "E xx"; an empty reply says that a packet is unknown.
 */
#include <string.h>

#include "gdbstub_cmd.h"


typedef int gdb_fn(struct gdb_session *s, struct rsp_text *t,
		   enum gdb_action *action);

static void reply(struct gdb_session *s, const char *text)
{
	rsp_out_text(&s->out, text);
}

static int reply_ok(struct gdb_session *s, int err)
{
	if (!err)
		reply(s, "OK");
	return err;
}

static bool at_end(const struct rsp_text *t)
{
	return t->p == t->end;
}

/* An address; all are of 32 bits. */
static bool parse_la(struct rsp_text *t, u32 *la)
{
	u64 v;

	if (!rsp_number(t, &v) || v >> 32)
		return false;
	*la = (u32)v;
	return true;
}

static bool parse_range(struct rsp_text *t, u32 *la, u64 *n)
{
	return parse_la(t, la) && rsp_take(t, ',') && rsp_number(t, n);
}

/* --- registers */

static int cmd_get_regs(struct gdb_session *s, struct rsp_text *t,
			enum gdb_action *action)
{
	u8 image[GDB_REGS_BYTES];
	int err = s->ops->get_regs(s->opaque, image);

	(void)t;
	(void)action;
	if (!err)
		rsp_out_hex(&s->out, image, sizeof(image));
	return err;
}

static int cmd_set_regs(struct gdb_session *s, struct rsp_text *t,
			enum gdb_action *action)
{
	u8 image[GDB_REGS_BYTES];

	(void)action;
	if (!rsp_bytes(t, image, sizeof(image)))
		return -EINVAL;
	return reply_ok(s, s->ops->set_regs(s->opaque, image));
}

static int cmd_get_reg(struct gdb_session *s, struct rsp_text *t,
		       enum gdb_action *action)
{
	u8 image[GDB_REGS_BYTES];
	u64 n;
	int err;

	(void)action;
	if (!rsp_number(t, &n) || !at_end(t) || n >= GDB_NREGS)
		return -EINVAL;
	err = s->ops->get_regs(s->opaque, image);
	if (!err)
		rsp_out_hex(&s->out, image + gdb_reg_offset((unsigned)n),
			    gdb_reg_size((unsigned)n));
	return err;
}

static int cmd_set_reg(struct gdb_session *s, struct rsp_text *t,
		       enum gdb_action *action)
{
	u8 image[GDB_REGS_BYTES];
	u64 n;
	int err;

	(void)action;
	if (!rsp_number(t, &n) || n >= GDB_NREGS || !rsp_take(t, '='))
		return -EINVAL;
	err = s->ops->get_regs(s->opaque, image);
	if (err)
		return err;
	if (!rsp_bytes(t, image + gdb_reg_offset((unsigned)n),
		       gdb_reg_size((unsigned)n)))
		return -EINVAL;
	if (n == GDB_EIP)
		err = s->ops->jump(s->opaque, gdb_reg_get(image, GDB_EIP));
	else
		err = s->ops->set_regs(s->opaque, image);
	return reply_ok(s, err);
}

/* --- memory */

/* As much as is there: a reply may be shorter than what was asked for. */
static int cmd_read(struct gdb_session *s, struct rsp_text *t,
		    enum gdb_action *action)
{
	size_t n, got = 0;
	u64 len;
	u32 la;

	(void)action;
	if (!parse_range(t, &la, &len) || !at_end(t))
		return -EINVAL;
	len = MIN(len, (u64)GDB_MEMORY_MAX);
	len = MIN(len, (1ull << 32) - la);
	for (; got < len; got += n, la += (u32)n) {
		n = MIN((size_t)len - got, PAGE_SIZE - (la & ~PAGE_MASK));
		if (s->ops->read(s->opaque, la, s->memory + got, n))
			break;
	}
	if (!got && len)
		return -EFAULT;
	rsp_out_hex(&s->out, s->memory, got);
	return 0;
}

static int write_memory(struct gdb_session *s, u32 la, u64 len)
{
	if (len > (1ull << 32) - la)
		return -EFAULT;
	return reply_ok(s, s->ops->write(s->opaque, la, s->memory,
					 (size_t)len));
}

static int cmd_write(struct gdb_session *s, struct rsp_text *t,
		     enum gdb_action *action)
{
	u64 len;
	u32 la;

	(void)action;
	if (!parse_range(t, &la, &len) || !rsp_take(t, ':') ||
	    len > GDB_MEMORY_MAX || !rsp_bytes(t, s->memory, (size_t)len))
		return -EINVAL;
	return write_memory(s, la, len);
}

/* The bytes as they are. None at all: gdb asks whether we know the packet. */
static int cmd_write_binary(struct gdb_session *s, struct rsp_text *t,
			    enum gdb_action *action)
{
	u64 len;
	u32 la;

	(void)action;
	if (!parse_range(t, &la, &len) || !rsp_take(t, ':') ||
	    len > GDB_MEMORY_MAX || len != (u64)(t->end - t->p))
		return -EINVAL;
	memcpy(s->memory, t->p, (size_t)len);
	return write_memory(s, la, len);
}

/* --- breakpoints and watchpoints */

static bool debug_add_break(struct umbra_debug *d, u32 la)
{
	for (unsigned i = 0; i < d->nbreaks; i++) {
		if (d->breaks[i] == la)
			return true; /* soft and hard */
	}
	if (d->nbreaks == UMBRA_DEBUG_BREAKS)
		return false;
	d->breaks[d->nbreaks++] = la;
	return true;
}

/* A long one becomes several. */
static bool debug_add_watch(struct umbra_debug *d, const struct gdb_point *p)
{
	static const u8 kinds[GDB_POINT_TYPES] = {
		[GDB_WATCH_WRITE] = UMBRA_WATCH_WRITE,
		[GDB_WATCH_READ] = UMBRA_WATCH_READ,
		[GDB_WATCH_ACCESS] = UMBRA_WATCH_READ | UMBRA_WATCH_WRITE,
	};

	for (u32 at = 0, n; at < p->len; at += n) {
		if (d->nwatches == UMBRA_DEBUG_WATCHES)
			return false;
		n = MIN(p->len - at, 8u);
		d->watches[d->nwatches++] = (struct umbra_watch){
			.la = p->la + at, .len = (u8)n, .kind = kinds[p->type],
		};
	}
	return true;
}

/* s->debug from the points. False: they are too many. */
static bool session_debug(struct gdb_session *s)
{
	struct umbra_debug *d = &s->debug;

	d->nbreaks = d->nwatches = 0;
	for (unsigned i = 0; i < s->npoints; i++) {
		const struct gdb_point *p = &s->points[i];

		if (p->type <= GDB_HARD_BREAK ? !debug_add_break(d, p->la) :
						!debug_add_watch(d, p))
			return false;
	}
	return true;
}

static struct gdb_point *point_find(struct gdb_session *s,
				    const struct gdb_point *p)
{
	for (unsigned i = 0; i < s->npoints; i++) {
		struct gdb_point *q = &s->points[i];

		if (q->type == p->type && q->la == p->la && q->len == p->len)
			return q;
	}
	return NULL;
}

/* type,address,kind; kind is the length of a watchpoint. Conditions and
 * commands, which we do not offer, may not follow. 0, or -EOPNOTSUPP for a type
 * that is unknown, or -EINVAL. */
static int parse_point(struct rsp_text *t, struct gdb_point *p)
{
	u64 type, len;
	u32 la;

	if (!rsp_number(t, &type) || !rsp_take(t, ',') ||
	    !parse_range(t, &la, &len) || !at_end(t))
		return -EINVAL;
	if (type >= GDB_POINT_TYPES)
		return -EOPNOTSUPP;
	if (type <= GDB_HARD_BREAK)
		len = 0;
	else if (!len || len > 8 * UMBRA_DEBUG_WATCHES ||
		 len > (1ull << 32) - la)
		return -EINVAL;
	*p = (struct gdb_point){ (u8)type, la, (u32)len };
	return 0;
}

static int cmd_set_point(struct gdb_session *s, struct rsp_text *t,
			 enum gdb_action *action)
{
	struct gdb_point p;
	int err = parse_point(t, &p);

	(void)action;
	if (err == -EOPNOTSUPP)
		return 0; /* the empty reply */
	if (err)
		return err;
	if (!point_find(s, &p)) {
		if (s->npoints == GDB_POINTS)
			return -ENOSPC;
		s->points[s->npoints++] = p;
		if (!session_debug(s)) {
			s->npoints--;
			session_debug(s);
			return -ENOSPC;
		}
	}
	return reply_ok(s, 0);
}

static int cmd_clear_point(struct gdb_session *s, struct rsp_text *t,
			   enum gdb_action *action)
{
	struct gdb_point p, *q;
	int err = parse_point(t, &p);

	(void)action;
	if (err == -EOPNOTSUPP)
		return 0;
	if (err)
		return err;
	q = point_find(s, &p);
	if (q) {
		*q = s->points[--s->npoints];
		session_debug(s);
	}
	return reply_ok(s, 0);
}

/* --- running */

static int resume(struct gdb_session *s, bool step, enum gdb_action *action)
{
	s->debug.step = step;
	*action = GDB_RESUME;
	return 0;
}

/* An optional address to go on at. */
static int resume_at(struct gdb_session *s, struct rsp_text *t, bool step,
		     enum gdb_action *action)
{
	u32 la;
	int err;

	if (!at_end(t)) {
		if (!parse_la(t, &la) || !at_end(t))
			return -EINVAL;
		err = s->ops->jump(s->opaque, la);
		if (err)
			return err;
	}
	return resume(s, step, action);
}

static int cmd_continue(struct gdb_session *s, struct rsp_text *t,
			enum gdb_action *action)
{
	return resume_at(s, t, false, action);
}

static int cmd_step(struct gdb_session *s, struct rsp_text *t,
		    enum gdb_action *action)
{
	return resume_at(s, t, true, action);
}

/* The same with a signal, which a processor has none of: sig[;address]. */
static int resume_signal(struct gdb_session *s, struct rsp_text *t, bool step,
			 enum gdb_action *action)
{
	u64 sig;

	if (!rsp_number(t, &sig) || (!at_end(t) && !rsp_take(t, ';')))
		return -EINVAL;
	return resume_at(s, t, step, action);
}

static int cmd_continue_signal(struct gdb_session *s, struct rsp_text *t,
			       enum gdb_action *action)
{
	return resume_signal(s, t, false, action);
}

static int cmd_step_signal(struct gdb_session *s, struct rsp_text *t,
			   enum gdb_action *action)
{
	return resume_signal(s, t, true, action);
}

/* A thread id: -1 and 0 are all and any, 1 is the processor. */
static bool parse_thread(struct rsp_text *t)
{
	bool minus = rsp_take(t, '-');
	u64 n;

	return rsp_number(t, &n) && n <= 1 && (!minus || n == 1);
}

/* ;action[:thread]... - the first that is for our thread counts. */
static int cmd_vcont(struct gdb_session *s, struct rsp_text *t,
		     enum gdb_action *action)
{
	while (rsp_take(t, ';')) {
		char c = t->p < t->end ? *t->p++ : 0;
		bool ours = true;
		u64 sig;

		if (c != 'c' && c != 's' && c != 'C' && c != 'S')
			return -EINVAL;
		if ((c == 'C' || c == 'S') && !rsp_number(t, &sig))
			return -EINVAL;
		if (rsp_take(t, ':'))
			ours = parse_thread(t);
		if (ours)
			return resume(s, (c | 32) == 's', action);
		while (!at_end(t) && *t->p != ';')
			t->p++;
	}
	return -EINVAL;
}

static int cmd_kill(struct gdb_session *s, struct rsp_text *t,
		    enum gdb_action *action)
{
	(void)s;
	(void)t;
	*action = GDB_KILL;
	return 0;
}

static int cmd_vkill(struct gdb_session *s, struct rsp_text *t,
		     enum gdb_action *action)
{
	(void)t;
	*action = GDB_KILL;
	return reply_ok(s, 0);
}

static int cmd_detach(struct gdb_session *s, struct rsp_text *t,
		      enum gdb_action *action)
{
	(void)t;
	*action = GDB_DETACH;
	return reply_ok(s, 0);
}

static int cmd_stop_reason(struct gdb_session *s, struct rsp_text *t,
			   enum gdb_action *action)
{
	(void)t;
	(void)action;
	s->out = s->stop;
	return 0;
}

/* --- questions */

static int cmd_supported(struct gdb_session *s, struct rsp_text *t,
			 enum gdb_action *action)
{
	(void)action;
	s->has_swbreak = strstr(t->p, "swbreak+") != NULL;
	s->has_hwbreak = strstr(t->p, "hwbreak+") != NULL;
	reply(s, "PacketSize=");
	rsp_out_number(&s->out, RSP_PACKET_MAX);
	reply(s, ";QStartNoAckMode+;qXfer:features:read+;vContSupported+;"
		 "swbreak+;hwbreak+");
	return 0;
}

static int cmd_no_ack(struct gdb_session *s, struct rsp_text *t,
		      enum gdb_action *action)
{
	(void)t;
	(void)action;
	s->no_ack = true;
	return reply_ok(s, 0);
}

static int cmd_set_thread(struct gdb_session *s, struct rsp_text *t,
			  enum gdb_action *action)
{
	(void)action;
	if (at_end(t))
		return -EINVAL;
	t->p++; /* the operation it is for */
	return parse_thread(t) && at_end(t) ? reply_ok(s, 0) : -EINVAL;
}

static int cmd_thread_alive(struct gdb_session *s, struct rsp_text *t,
			    enum gdb_action *action)
{
	(void)action;
	return parse_thread(t) && at_end(t) ? reply_ok(s, 0) : -ESRCH;
}

/* offset,length of a text. */
static int cmd_features(struct gdb_session *s, struct rsp_text *t,
			enum gdb_action *action)
{
	size_t total = strlen(gdb_target_xml);
	u64 off, len;

	(void)action;
	if (!rsp_number(t, &off) || !rsp_take(t, ',') || !rsp_number(t, &len) ||
	    !at_end(t) || off > total)
		return -EINVAL;
	len = MIN(len, (u64)RSP_PACKET_MAX / 2 - 1); /* all may be escaped */
	len = MIN(len, total - off);
	reply(s, off + len < total ? "m" : "l");
	rsp_out_binary(&s->out, gdb_target_xml + off, (size_t)len);
	return 0;
}

static int cmd_monitor(struct gdb_session *s, struct rsp_text *t,
		       enum gdb_action *action)
{
	size_t n = (size_t)(t->end - t->p) / 2;
	char command[128];
	int err;

	(void)action;
	if (n >= sizeof(command) || !rsp_bytes(t, command, n))
		return -EINVAL;
	command[n] = 0;
	s->text[0] = 0;
	err = s->ops->monitor(s->opaque, command, s->text, sizeof(s->text));
	if (err)
		return err;
	if (!s->text[0])
		return reply_ok(s, 0);
	rsp_out_hex(&s->out, s->text, strlen(s->text));
	return 0;
}

/* --- which packet is which */

static int cmd_say(struct gdb_session *s, const char *text)
{
	reply(s, text);
	return 0;
}

#define SAY(name, text)                                                       \
	static int name(struct gdb_session *s, struct rsp_text *t,            \
			enum gdb_action *action)                              \
	{                                                                     \
		(void)t;                                                      \
		(void)action;                                                 \
		return cmd_say(s, text);                                      \
	}
SAY(cmd_threads, "m1")
SAY(cmd_no_more_threads, "l")
SAY(cmd_current_thread, "QC1")
SAY(cmd_attached, "1")
SAY(cmd_vcont_offers, "vCont;c;C;s;S")

static const struct {
	const char *word;
	bool whole; /* nothing may follow */
	gdb_fn *run;
} gdb_packets[] = {
	{ "g", true, cmd_get_regs },
	{ "G", false, cmd_set_regs },
	{ "p", false, cmd_get_reg },
	{ "P", false, cmd_set_reg },
	{ "m", false, cmd_read },
	{ "M", false, cmd_write },
	{ "X", false, cmd_write_binary },
	{ "Z", false, cmd_set_point },
	{ "z", false, cmd_clear_point },
	{ "c", false, cmd_continue },
	{ "s", false, cmd_step },
	{ "C", false, cmd_continue_signal },
	{ "S", false, cmd_step_signal },
	{ "vCont?", true, cmd_vcont_offers },
	{ "vCont", false, cmd_vcont },
	{ "vKill", false, cmd_vkill },
	{ "k", true, cmd_kill },
	{ "D", false, cmd_detach },
	{ "?", true, cmd_stop_reason },
	{ "H", false, cmd_set_thread },
	{ "T", false, cmd_thread_alive },
	{ "qSupported", false, cmd_supported },
	{ "QStartNoAckMode", true, cmd_no_ack },
	{ "qfThreadInfo", true, cmd_threads },
	{ "qsThreadInfo", true, cmd_no_more_threads },
	{ "qC", true, cmd_current_thread },
	{ "qAttached", false, cmd_attached },
	{ "qXfer:features:read:target.xml:", false, cmd_features },
	{ "qRcmd,", false, cmd_monitor },
};

enum gdb_action gdb_command(struct gdb_session *s, const char *packet,
			    size_t len)
{
	enum gdb_action action = GDB_REPLY;
	int err = 0;

	rsp_out_start(&s->out);
	for (unsigned i = 0; i < ARRAY_SIZE(gdb_packets); i++) {
		struct rsp_text t = { packet, packet + len };

		if (!rsp_word(&t, gdb_packets[i].word) ||
		    (gdb_packets[i].whole && !at_end(&t)))
			continue;
		err = gdb_packets[i].run(s, &t, &action);
		break;
	}
	if (err) {
		rsp_out_error(&s->out, (unsigned)-err);
		action = GDB_REPLY;
	}
	rsp_out_end(&s->out);
	return action;
}

/* --- the session */

void gdb_session_init(struct gdb_session *s, const struct gdb_ops *ops,
		      void *opaque)
{
	s->ops = ops;
	s->opaque = opaque;
	s->no_ack = s->has_swbreak = s->has_hwbreak = false;
	s->npoints = 0;
	s->debug = (struct umbra_debug){ 0 };
	gdb_stopped(s, GDB_STOP_ATTACH, NULL);
}

static const char *stop_watch_word(unsigned kind)
{
	switch (kind) {
	case UMBRA_WATCH_WRITE:
		return "watch:";
	case UMBRA_WATCH_READ:
		return "rwatch:";
	default:
		return "awatch:";
	}
}

static bool session_has(const struct gdb_session *s, u8 type, u32 la)
{
	for (unsigned i = 0; i < s->npoints; i++) {
		if (s->points[i].type == type && s->points[i].la == la)
			return true;
	}
	return false;
}

static void stop_debug(struct gdb_session *s, const struct umbra_run *run)
{
	struct rsp_out *o = &s->stop;

	switch (run->debug.why) {
	case UMBRA_DEBUG_WATCH:
		rsp_out_text(o, stop_watch_word(run->debug.kind));
		rsp_out_number(o, run->debug.la);
		rsp_out_text(o, ";");
		break;
	case UMBRA_DEBUG_BREAK:
		if (session_has(s, GDB_SOFT_BREAK, run->debug.pc)) {
			if (s->has_swbreak)
				rsp_out_text(o, "swbreak:;");
		} else if (s->has_hwbreak) {
			rsp_out_text(o, "hwbreak:;");
		}
		break;
	case UMBRA_DEBUG_STEP:
		break;
	}
}

void gdb_stopped(struct gdb_session *s, enum gdb_stop_why why,
		 const struct umbra_run *run)
{
	struct rsp_out *o = &s->stop;

	rsp_out_start(o);
	/* SIGINT for Ctrl-C, else SIGTRAP */
	rsp_out_text(o, why == GDB_STOP_INTERRUPT ? "T02" : "T05");
	if (why == GDB_STOP_DEBUG)
		stop_debug(s, run);
	rsp_out_text(o, "thread:1;");
	rsp_out_end(o);
}

void gdb_exited(struct gdb_session *s, unsigned status)
{
	u8 byte = (u8)status;

	rsp_out_start(&s->out);
	rsp_out_text(&s->out, "W");
	rsp_out_hex(&s->out, &byte, 1);
	rsp_out_end(&s->out);
}
