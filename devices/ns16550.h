/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ns16550.h - the 16550A UART of a PC's serial port.
 *
 * Data sheet: National PC16550D. Transmission takes no time: a byte leaves
 * through tx() as the guest writes it. Reception pulls: rx() is asked for at
 * most as many bytes as the FIFO has room for, so that no input is ever lost
 * here, whatever the host pours in; ns16550_kick() says that input arrived.
 *
 * Input is paced, since a guest whose serial driver is fed without a pause
 * never gets to run the program that should read it, and then drops bytes in
 * its own buffers. A guest that empties the FIFO finds more in it at once, up
 * to NS16550_BURST bytes: a driver takes them in one interrupt. The next burst
 * comes when the guest has gone idle, which says that it has dealt with the
 * last (ns16550_idle()), or, if it is busy with something else, when it has
 * had NS16550_REST times as long for itself as the burst took, and not faster
 * than a line of 115200 baud is. A guest that has raised RTS once and then
 * drops it gets nothing until it raises it again.
 */
#ifndef UMBRA_DEVICES_NS16550_H
#define UMBRA_DEVICES_NS16550_H

#include "bus.h"
#include "clock.h"
#include "irq.h"
#include "state.h"

#define NS16550_FIFO	16
#define NS16550_BURST	240   /* Linux takes at most 256 an interrupt */
#define NS16550_BYTE_NS 86805 /* ten bits at 115200 baud */
#define NS16550_REST	3

struct ns16550_host {
	void *opaque;
	/* takes a byte; must accept any amount */
	void (*tx)(void *opaque, u8 byte);
	/* fills buf with up to max bytes of input; how many, 0 if none */
	unsigned (*rx)(void *opaque, u8 *buf, unsigned max);
};

struct ns16550 {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 lsr_err;   /* error bits of LSR, cleared by reading it */
	u8 msr_delta; /* low four bits of MSR, cleared by reading it */
	u8 msr_lines; /* high four bits of MSR */
	u8 fifo[NS16550_FIFO];
	u8 head, count;
	u8 back[NS16550_FIFO]; /* cleared unread, to be received again */
	u8 back_count;
	u8 polls;	  /* reads of LSR without a touch of anything else */
	bool looped;	  /* the FIFO holds loopback data */
	bool thr_pending; /* THRE interrupt: not seen in IIR yet */
	bool timeout_pending; /* character timeout interrupt */
	bool rts_used;	      /* the guest has raised RTS */
	u16 burst;	      /* bytes of the current burst */
	u64 burst_at;	      /* ns: its first bytes came */
	u64 refill_at;	      /* ns: a burst that is over has had its rest */
	struct irq_line out;
	const struct clock *clock;
	struct timers *timers;
	struct timer timeout; /* character timeout */
	struct timer refill;
	struct ns16550_host host;
};

extern const struct bus_ops ns16550_ops; /* 8 ports, aligned to 8 */

void ns16550_init(struct ns16550 *uart, const struct clock *clock,
		  struct timers *timers, struct irq_line out,
		  struct ns16550_host host);
void ns16550_reset(struct ns16550 *uart);

/* Host input is there: take what there is room for. */
void ns16550_kick(struct ns16550 *uart);

/* The guest has nothing to do: it is ready for more. */
void ns16550_idle(struct ns16550 *uart);

void ns16550_state(struct ns16550 *uart, struct state *s);

#endif
