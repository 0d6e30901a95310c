// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdb.c - fuzz target: any bytes from gdb's side of the connection.
 *
 * The input's first byte picks: the rest as it is, or its lines as packets with
 * their checksums right. The machine behind is an array. What has to hold: each
 * reply is a good packet; break- and watchpoints are as many as the engine
 * takes, and of lengths that it takes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "tools/gdbstub_cmd.h"

#define MEMORY	 0x10000u /* repeated through the address space */
#define LINE_MAX 16384

/* The machine and the connection. */
struct bench {
	struct gdb_session s;
	struct rsp_in in, back;
	u8 regs[GDB_REGS_BYTES];
	u8 memory[MEMORY];
	bool raw;
};

static struct {
	u64 packets, bad, resumed, points;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"gdb: %llu packets answered, %llu refused as damaged, %llu "
		"times resumed, %llu times with points\n",
		(unsigned long long)seen.packets, (unsigned long long)seen.bad,
		(unsigned long long)seen.resumed,
		(unsigned long long)seen.points);
}

/* --- the machine */

static int target_get_regs(void *opaque, u8 *image)
{
	const struct bench *t = opaque;

	memcpy(image, t->regs, sizeof(t->regs));
	return 0;
}

static int target_set_regs(void *opaque, const u8 *image)
{
	struct bench *t = opaque;

	if (image[0] == 0xee)
		return -EINVAL;
	memcpy(t->regs, image, sizeof(t->regs));
	return 0;
}

static int target_jump(void *opaque, u32 pc)
{
	struct bench *t = opaque;

	gdb_reg_set(t->regs, GDB_EIP, pc);
	return 0;
}

/* One page in four is not there. */
static bool is_present(u32 la, size_t n)
{
	must(n <= GDB_MEMORY_MAX && la + (u64)n <= 1ull << 32,
	     "%zu bytes at %#x", n, la);
	for (u64 page = la >> PAGE_SHIFT; page << PAGE_SHIFT < la + (u64)n;
	     page++) {
		if (page % 4 == 3)
			return false;
	}
	return true;
}

static int target_read(void *opaque, u32 la, void *buf, size_t n)
{
	const struct bench *t = opaque;

	if (!is_present(la, n))
		return -EFAULT;
	for (size_t i = 0; i < n; i++)
		((u8 *)buf)[i] = t->memory[(la + i) % MEMORY];
	return 0;
}

static int target_write(void *opaque, u32 la, const void *buf, size_t n)
{
	struct bench *t = opaque;

	if (!is_present(la, n))
		return -EFAULT;
	for (size_t i = 0; i < n; i++)
		t->memory[(la + i) % MEMORY] = ((const u8 *)buf)[i];
	return 0;
}

static int target_monitor(void *opaque, const char *command, char *out,
			  size_t size)
{
	(void)opaque;
	must(size > 1, "%zu bytes for text", size);
	if (!*command)
		return -EINVAL;
	/* as much as there is room for, whatever was asked */
	memset(out, command[0] | 1, size - 1);
	out[size - 1] = 0;
	snprintf(out, MIN(size, 64 + strlen(command)), "%s\n", command);
	return 0;
}

static const struct gdb_ops target_ops = {
	.get_regs = target_get_regs, .set_regs = target_set_regs,
	.jump = target_jump, .read = target_read, .write = target_write,
	.monitor = target_monitor,
};

/* --- judging */

static void judge_packet(struct bench *t, const struct rsp_out *o)
{
	enum rsp_event e = RSP_NONE;

	must(o->ended && o->len <= sizeof(o->buf), "a reply without an end");
	memset(&t->back, 0, sizeof(t->back));
	for (unsigned i = 0; i < o->len; i++) {
		must(e == RSP_NONE, "a reply goes on behind its end");
		e = rsp_in_byte(&t->back, (u8)o->buf[i]);
	}
	must(e == RSP_PACKET, "a reply that is no packet");
}

static void judge_debug(const struct umbra_debug *d)
{
	must(d->nbreaks <= UMBRA_DEBUG_BREAKS &&
		     d->nwatches <= UMBRA_DEBUG_WATCHES,
	     "%u breakpoints, %u watchpoints", d->nbreaks, d->nwatches);
	for (unsigned i = 0; i < d->nwatches; i++)
		must(d->watches[i].len >= 1 && d->watches[i].len <= 8 &&
			     d->watches[i].kind,
		     "a watchpoint of %u bytes", d->watches[i].len);
	seen.points += d->nbreaks || d->nwatches;
}

/* --- the connection */

/* The machine runs, and stops at once; why depends on where it is. */
static void resume(struct bench *t)
{
	u32 eip = gdb_reg_get(t->regs, GDB_EIP);
	struct umbra_run run = { .reason = UMBRA_EXIT_DEBUG };

	seen.resumed++;
	judge_debug(&t->s.debug);
	run.debug.why = eip % 3;
	run.debug.pc = eip;
	run.debug.la = eip * 7;
	run.debug.kind = 1 + eip % 3;
	gdb_stopped(&t->s, eip & 16 ? GDB_STOP_INTERRUPT : GDB_STOP_DEBUG,
		    &run);
	judge_packet(t, &t->s.stop);
}

/* False: gdb has gone. */
static bool packet(struct bench *t)
{
	enum gdb_action action = gdb_command(&t->s, t->in.buf, t->in.len);

	seen.packets++;
	switch (action) {
	case GDB_REPLY:
		judge_packet(t, &t->s.out);
		break;
	case GDB_RESUME:
		resume(t);
		break;
	case GDB_DETACH:
		judge_packet(t, &t->s.out);
		return false;
	case GDB_KILL:
		return false;
	}
	return true;
}

static bool byte(struct bench *t, u8 c)
{
	switch (rsp_in_byte(&t->in, c)) {
	case RSP_PACKET:
		must(t->in.len <= RSP_PACKET_MAX && !t->in.buf[t->in.len],
		     "a packet of %u bytes", t->in.len);
		return packet(t);
	case RSP_BAD:
		seen.bad++;
		break;
	default:
		break;
	}
	return true;
}

static bool line(struct bench *t, const u8 *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	u8 sum = 0;

	byte(t, '$');
	for (size_t i = 0; i < n; i++) {
		sum += p[i];
		byte(t, p[i]);
	}
	byte(t, '#');
	byte(t, (u8)hex[sum >> 4]);
	return byte(t, (u8)hex[sum & 15]);
}

static void connection(struct bench *t, struct fuzz_in *f)
{
	bool raw = fuzz_u8(f) & 1, open = true;

	while (open && fuzz_left(f)) {
		const u8 *nl = raw ? NULL : memchr(f->p, '\n', fuzz_left(f));
		const u8 *end = nl ? nl : f->end;

		if (raw) {
			open = byte(t, fuzz_u8(f));
		} else {
			open = line(t, f->p, (size_t)(end - f->p));
			f->p = nl ? nl + 1 : f->end;
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in f = { data, data + size };
	struct bench *t = calloc(1, sizeof(*t));
	struct umbra_run run = { .reason = UMBRA_EXIT_DEBUG };

	must(t, "out of memory");
	gdb_session_init(&t->s, &target_ops, t);
	gdb_stopped(&t->s, GDB_STOP_ATTACH, &run);
	judge_packet(t, &t->s.stop);
	connection(t, &f);
	judge_debug(&t->s.debug);
	gdb_exited(&t->s, 0);
	judge_packet(t, &t->s.out);
	free(t);
	return 0;
}
