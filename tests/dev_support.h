/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev_support.h - what the device tests share: a clock that goes when told,
 * a wire that counts, and random numbers that repeat.
 */
#ifndef UMBRA_TESTS_DEV_SUPPORT_H
#define UMBRA_TESTS_DEV_SUPPORT_H

#include "devices/bus.h"
#include "devices/clock.h"
#include "devices/irq.h"

struct dev_time {
	u64 now;
	struct clock clock;
	struct timers timers;
};

void dev_time_init(struct dev_time *t, u64 now);

/* Lets ns pass; timers fire at their own deadlines. */
void dev_time_pass(struct dev_time *t, u64 ns);

struct dev_wire {
	bool level;
	int rises;
};

struct irq_line dev_wire_line(struct dev_wire *w);

u32 dev_random(u64 *seed);

/* Byte accesses to a chip through its bus_ops. */
u8 dev_in(const struct bus_ops *ops, void *chip, u64 addr);
void dev_out(const struct bus_ops *ops, void *chip, u64 addr, u8 val);

/*
 * Random accesses of every size the chip takes, in [first, first + count),
 * with time passing now and then (t may be NULL). For hostile-guest tests.
 */
void dev_hammer(const struct bus_ops *ops, void *chip, u64 first, u64 count,
		struct dev_time *t, u64 seed, int rounds);

#endif
