/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the machine's time and its one queue of timers.
 *
 * Time is nanoseconds that never run backwards. All functions and all timer
 * callbacks run under the machine lock. A callback that arms its own timer
 * again must choose a deadline later than the `now` it was given, so that one
 * timers_run() ends.
 */
#ifndef UMBRA_DEVICES_CLOCK_H
#define UMBRA_DEVICES_CLOCK_H

#include "runtime/base.h"

#define NS_PER_SEC  1000000000ull
#define TIMER_NEVER UINT64_MAX

struct clock {
	u64 (*now_ns)(void *opaque);
	void *opaque;
};

struct timer {
	void (*fire)(void *opaque, u64 now);
	void *opaque;
	u64 deadline; /* ns, valid while armed */
	bool armed;
	struct timer *next;
};

struct timers {
	struct timer *first; /* by rising deadline */
};

static inline u64 clock_now(const struct clock *c)
{
	return c->now_ns(c->opaque);
}

/* Arms, or moves, a timer to an absolute deadline; TIMER_NEVER disarms. */
void timer_arm(struct timers *q, struct timer *t, u64 deadline);
void timer_disarm(struct timers *q, struct timer *t);

/* Fires what is due at `now`, each timer at most once. */
void timers_run(struct timers *q, u64 now);

/* The earliest deadline, or TIMER_NEVER. */
u64 timers_next(const struct timers *q);

/* value * mul / div without overflow, rounded down; saturates at 2^64-1. */
u64 clock_scale(u64 value, u64 mul, u64 div);

/* The same, rounded up. */
u64 clock_scale_up(u64 value, u64 mul, u64 div);

#endif
