// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pc_console.c - bytes between the UART and the world. Input waits in a ring
 * until the UART has room; output is gathered until a line ends, the buffer
 * is full or a millisecond has passed, since each hand-over is a write().
 */
#include <string.h>

#include "pc_impl.h"

#define FLUSH_NS 1000000

void pc_console_flush_locked(struct pc *pc)
{
	struct pc_console *c = &pc->console;
	u32 n = c->out_count;

	timer_disarm(&pc->timers, &c->flush);
	c->out_count = 0;
	if (n)
		pc->cfg.console_out(pc->cfg.opaque, c->out, n);
}

static void pc_console_flush_timer(void *opaque, u64 now)
{
	(void)now;
	pc_console_flush_locked(opaque);
}

static void pc_console_tx(void *opaque, u8 byte)
{
	struct pc *pc = opaque;
	struct pc_console *c = &pc->console;

	c->out[c->out_count++] = byte;
	if (byte == '\n' || c->out_count == sizeof(c->out) || !pc->cfg.alarm)
		pc_console_flush_locked(pc);
	else if (!c->flush.armed)
		timer_arm(&pc->timers, &c->flush,
			  clock_now(&pc->clock) + FLUSH_NS);
}

static unsigned pc_console_rx(void *opaque, u8 *buf, unsigned max)
{
	struct pc *pc = opaque;
	struct pc_console *c = &pc->console;
	unsigned n = MIN(max, c->in_count);

	for (unsigned i = 0; i < n; i++)
		buf[i] = c->in[(c->in_head + i) % sizeof(c->in)];
	c->in_head = (c->in_head + n) % sizeof(c->in);
	c->in_count -= n;
	if (c->in_starved && c->in_count <= sizeof(c->in) / 2) {
		c->in_starved = false;
		pc_thread_wake(pc);
	}
	return n;
}

size_t pc_console_room(const struct pc *pc)
{
	return sizeof(pc->console.in) - pc->console.in_count;
}

size_t pc_console_put(struct pc *pc, const u8 *buf, size_t len)
{
	struct pc_console *c = &pc->console;
	size_t n = MIN(len, pc_console_room(pc));

	for (size_t i = 0; i < n; i++)
		c->in[(c->in_head + c->in_count + i) % sizeof(c->in)] = buf[i];
	c->in_count += n;
	if (n)
		ns16550_kick(&pc->uart);
	return n;
}

void pc_console_debug_byte(void *opaque, u8 byte)
{
	struct pc *pc = opaque;

	if (pc->cfg.debug_out)
		pc->cfg.debug_out(pc->cfg.opaque, &byte, 1);
}

struct ns16550_host pc_console_host(struct pc *pc)
{
	return (struct ns16550_host){pc, pc_console_tx, pc_console_rx};
}

void pc_console_init(struct pc *pc)
{
	pc->console.flush.fire = pc_console_flush_timer;
	pc->console.flush.opaque = pc;
}

size_t pc_console_in(struct pc *pc, const u8 *buf, size_t len)
{
	size_t n;

	pc_lock(pc);
	n = pc_console_put(pc, buf, len);
	pc_unlock(pc);
	return n;
}

void pc_console_flush(struct pc *pc)
{
	pc_lock(pc);
	pc_console_flush_locked(pc);
	pc_unlock(pc);
}
