// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ioapic.c - the I/O APIC. See ioapic.h for the contract and data sheet.
 */
#include <string.h>

#include "ioapic.h"
#include "runtime/log.h"

#define IOREGSEL 0x00 /* offsets in the MMIO page */
#define IOWIN	 0x10
#define IOEOI	 0x40

#define IOAPICID  0x00 /* indirect registers */
#define IOAPICVER 0x01
#define IOAPICARB 0x02
#define IOREDTBL  0x10 /* two dwords a pin */

#define IOAPIC_VERSION 0x20

#define REDIR_VECTOR	 0xffull
#define REDIR_MODE_SHIFT 8
#define REDIR_LOGICAL	 (1ull << 11)
#define REDIR_STATUS	 (1ull << 12)
#define REDIR_REMOTE_IRR (1ull << 14)
#define REDIR_LEVEL	 (1ull << 15)
#define REDIR_MASKED	 (1ull << 16)
#define REDIR_DEST_SHIFT 56
#define REDIR_WRITABLE	 0xff0000000001afffull

/* Sends pin's interrupt, if it may go. */
static void ioapic_send(struct ioapic *io, int pin)
{
	u64 r = io->redir[pin];
	struct apic_msg msg = {
		.dest = r >> REDIR_DEST_SHIFT,
		.vector = r & REDIR_VECTOR,
		.mode = r >> REDIR_MODE_SHIFT & 7,
		.logical = r & REDIR_LOGICAL,
		.level = r & REDIR_LEVEL,
	};
	bool waits_for_eoi = msg.level && msg.mode <= APIC_LOWEST;

	if (r & (REDIR_MASKED | REDIR_REMOTE_IRR))
		return;
	LOG(LOG_PIC, "ioapic pin %d sends vector %#x", pin, msg.vector);
	/* set first: the EOI may come before deliver() returns */
	if (waits_for_eoi)
		io->redir[pin] |= REDIR_REMOTE_IRR;
	if (!io->deliver(io->opaque, &msg))
		io->redir[pin] &= ~REDIR_REMOTE_IRR;
}

void ioapic_set(void *opaque, int pin, bool level)
{
	struct ioapic *io = opaque;
	u32 bit = 1u << pin;
	bool rise = level && !(io->lines & bit);

	must(pin >= 0 && pin < IOAPIC_PINS, "pin %d", pin);
	io->lines = level ? io->lines | bit : io->lines & ~bit;
	if (rise)
		ioapic_send(io, pin);
}

void ioapic_eoi(struct ioapic *io, u8 vector)
{
	for (int pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *r = &io->redir[pin];

		if (!(*r & REDIR_REMOTE_IRR) || (*r & REDIR_VECTOR) != vector)
			continue;
		*r &= ~REDIR_REMOTE_IRR;
		if (io->lines & 1u << pin)
			ioapic_send(io, pin);
	}
}

static u32 ioapic_read_reg(const struct ioapic *io)
{
	unsigned i = io->index;

	switch (i) {
	case IOAPICID:
	case IOAPICARB:
		return io->id;
	case IOAPICVER:
		return (IOAPIC_PINS - 1) << 16 | IOAPIC_VERSION;
	case IOREDTBL ... IOREDTBL + 2 * IOAPIC_PINS - 1:
		return io->redir[(i - IOREDTBL) / 2] >> (i & 1 ? 32 : 0);
	}
	return 0;
}

static void ioapic_write_redir(struct ioapic *io, int pin, bool high, u32 val)
{
	u64 half = high ? 0xffffffff00000000ull : 0xffffffffull;
	u64 mask = REDIR_WRITABLE & half;
	u64 *r = &io->redir[pin];

	*r = (*r & ~mask) | ((high ? (u64)val << 32 : val) & mask);
	if (!(*r & REDIR_LEVEL))
		*r &= ~REDIR_REMOTE_IRR; /* edge pins have none */
	else if (io->lines & 1u << pin)
		ioapic_send(io, pin);
}

static void ioapic_write_reg(struct ioapic *io, u32 val)
{
	unsigned i = io->index;

	if (i == IOAPICID)
		io->id = val & 0x0f000000;
	else if (i >= IOREDTBL && i < IOREDTBL + 2 * IOAPIC_PINS)
		ioapic_write_redir(io, (i - IOREDTBL) / 2, i & 1, val);
}

static u64 ioapic_read(void *opaque, u64 addr, unsigned size)
{
	const struct ioapic *io = opaque;
	unsigned offset = addr & 0xff;
	u32 val = 0;

	if ((offset & 3) + size > 4)
		return 0;
	if ((offset & ~3u) == IOREGSEL)
		val = io->index;
	else if ((offset & ~3u) == IOWIN)
		val = ioapic_read_reg(io);
	return val >> (offset & 3) * 8;
}

static void ioapic_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct ioapic *io = opaque;
	unsigned offset = addr & 0xff;

	if (offset == IOREGSEL)
		io->index = val & 0xff;
	else if (offset == IOWIN && size == 4)
		ioapic_write_reg(io, val);
	else if (offset == IOEOI)
		ioapic_eoi(io, val & 0xff);
}

const struct bus_ops ioapic_ops = {ioapic_read, ioapic_write, 4};

void ioapic_reset(struct ioapic *io)
{
	for (int pin = 0; pin < IOAPIC_PINS; pin++)
		io->redir[pin] = REDIR_MASKED;
	io->id = 0;
	io->index = 0;
}

void ioapic_init(struct ioapic *io,
		 bool (*deliver)(void *opaque, const struct apic_msg *msg),
		 void *opaque)
{
	memset(io, 0, sizeof(*io));
	io->deliver = deliver;
	io->opaque = opaque;
	ioapic_reset(io);
}

void ioapic_state(struct ioapic *io, struct state *s)
{
	if (!state_begin(s, "IOAP", 1))
		return;
	STATE(s, io->redir);
	STATE(s, io->lines);
	STATE(s, io->id);
	STATE(s, io->index);
	state_end(s);
	for (int pin = 0; pin < IOAPIC_PINS && s->loading; pin++)
		io->redir[pin] &= REDIR_WRITABLE | REDIR_REMOTE_IRR;
}
