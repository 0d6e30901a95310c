/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8254.h - the 8254 interval timer of a PC, and system control port B (61h)
 * which gates its counter 2.
 *
 * Data sheet: Intel 8254 (order 231164). Counters are functions of time: no
 * work is done until somebody reads one or counter 0's output must rise. An
 * output edge is given no more often than every I8254_MIN_PERIOD_NS; faster
 * programmed rates lose ticks, as they would with a slow CPU.
 */
#ifndef UMBRA_DEVICES_I8254_H
#define UMBRA_DEVICES_I8254_H

#include "bus.h"
#include "clock.h"
#include "irq.h"
#include "state.h"

#define I8254_HZ	    1193182ull
#define I8254_MIN_PERIOD_NS 20000ull

struct i8254_counter {
	u64 start;	/* ns: when counting down from reload began */
	u64 held;	/* ticks counted when gate went low (modes 0, 4) */
	u64 pending_at; /* ns: when pending replaces reload (modes 2, 3) */
	u32 reload;	/* 1..65536 */
	u32 pending;	/* next reload, 0: none */
	u16 count_latch;
	u8 status_latch;
	u8 mode;
	u8 access;    /* 1 low byte, 2 high byte, 3 low then high */
	u8 write_low; /* low byte of a two-byte count */
	u8 read_left; /* latched bytes not read yet */
	bool bcd;
	bool gate;
	bool counting;	 /* a count is loaded (and, modes 1, 5, triggered) */
	bool loaded;	 /* a count was written since the control word */
	bool write_high; /* the next count byte is the high one */
	bool read_high;	 /* the next unlatched byte read is the high one */
	bool status_latched;
};

struct i8254 {
	struct i8254_counter counter[3];
	u8 portb; /* writable bits of port 61h */
	struct irq_line out0;
	const struct clock *clock;
	struct timers *timers;
	struct timer timer; /* the next rise of counter 0's output */
};

extern const struct bus_ops i8254_ops;	     /* ports 40h..43h */
extern const struct bus_ops i8254_portb_ops; /* port 61h */

void i8254_init(struct i8254 *pit, const struct clock *clock,
		struct timers *timers, struct irq_line out0);
void i8254_reset(struct i8254 *pit);

void i8254_state(struct i8254 *pit, struct state *s);

#endif
