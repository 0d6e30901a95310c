// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lapic_timer.c - the local APIC's timer: one-shot, periodic, TSC deadline.
 * Source: SDM vol. 3, 10.5.4. The count is a function of time.
 */
#include "lapic_impl.h"

static unsigned lapic_timer_mode(const struct lapic *l)
{
	return LVT_TIMER_MODE(l->lvt[LVT_TIMER]);
}

static u64 lapic_timer_divisor(const struct lapic *l)
{
	/* DCR bits 3, 1, 0: 0 is 2, 6 is 128, 7 is 1 */
	unsigned n = (l->timer_divide & 3) | (l->timer_divide & 8) >> 1;

	return 1u << ((n + 1) & 7);
}

static u64 lapic_timer_ns(const struct lapic *l, u64 counts)
{
	return clock_scale_up(counts * lapic_timer_divisor(l), NS_PER_SEC,
			      l->hz);
}

static u64 lapic_timer_elapsed(const struct lapic *l, u64 now)
{
	u64 ns = now - l->timer_start; /* may lie before the clock began */

	if ((s64)ns < 0)
		return 0;
	return clock_scale(ns, l->hz, NS_PER_SEC * lapic_timer_divisor(l));
}

u32 lapic_timer_current(const struct lapic *l, u64 now)
{
	u64 counts = lapic_timer_elapsed(l, now);

	if (!l->timer_initial || lapic_timer_mode(l) == TIMER_DEADLINE)
		return 0;
	if (lapic_timer_mode(l) == TIMER_PERIODIC)
		return l->timer_initial - counts % l->timer_initial;
	return counts < l->timer_initial ? l->timer_initial - counts : 0;
}

/* When the period ends that is running at `now`. */
static u64 lapic_timer_next_period(const struct lapic *l, u64 now)
{
	u64 period = lapic_timer_ns(l, l->timer_initial);
	u64 counts;

	if (period < LAPIC_MIN_PERIOD_NS)
		now += LAPIC_MIN_PERIOD_NS;
	counts = lapic_timer_elapsed(l, now) / l->timer_initial + 1;
	return l->timer_start + lapic_timer_ns(l, counts * l->timer_initial);
}

/* Arms the host timer for what the registers say. */
void lapic_timer_update(struct lapic *l)
{
	u64 now = clock_now(l->clock);
	u64 t = TIMER_NEVER;

	switch (lapic_timer_mode(l)) {
	case TIMER_DEADLINE:
		if (l->tsc_deadline)
			t = l->board.tsc_to_ns(l->board.opaque,
					       l->tsc_deadline);
		break;
	case TIMER_PERIODIC:
		if (l->timer_initial && !(l->lvt[LVT_TIMER] & LVT_MASKED))
			t = lapic_timer_next_period(l, now);
		break;
	case TIMER_ONE_SHOT:
		if (l->timer_initial && !l->timer_ran)
			t = l->timer_start +
			    lapic_timer_ns(l, l->timer_initial);
		break;
	}
	timer_arm(l->timers, &l->timer, t);
}

static void lapic_timer_fire(void *opaque, u64 now)
{
	struct lapic *l = opaque;

	switch (lapic_timer_mode(l)) {
	case TIMER_DEADLINE:
		l->tsc_deadline = 0;
		break;
	case TIMER_PERIODIC:
		timer_arm(l->timers, &l->timer,
			  MAX(lapic_timer_next_period(l, now), now + 1));
		break;
	default:
		l->timer_ran = true;
		break;
	}
	lapic_signal_lvt(l, LVT_TIMER);
}

/* Mode changes to or from TSC deadline disarm the timer. */
void lapic_timer_lvt_changed(struct lapic *l, u32 was)
{
	if ((LVT_TIMER_MODE(was) == TIMER_DEADLINE) !=
	    (lapic_timer_mode(l) == TIMER_DEADLINE)) {
		l->timer_initial = 0;
		l->tsc_deadline = 0;
	}
	lapic_timer_update(l);
}

void lapic_timer_set_initial(struct lapic *l, u32 val)
{
	if (lapic_timer_mode(l) == TIMER_DEADLINE)
		return;
	l->timer_initial = val;
	l->timer_start = clock_now(l->clock);
	l->timer_ran = false;
	lapic_timer_update(l);
}

/* The count goes on from where it is, at the new pace. */
void lapic_timer_set_divide(struct lapic *l, u32 val)
{
	u64 now = clock_now(l->clock);
	u64 counts = lapic_timer_elapsed(l, now);
	u64 ns;

	if (l->timer_initial && lapic_timer_mode(l) == TIMER_PERIODIC)
		counts %= l->timer_initial;
	l->timer_divide = val;
	ns = lapic_timer_ns(l, MIN(counts, (u64)UINT32_MAX));
	l->timer_start = now - ns;
	lapic_timer_update(l);
}

u64 lapic_deadline_read(const struct lapic *l)
{
	return lapic_timer_mode(l) == TIMER_DEADLINE ? l->tsc_deadline : 0;
}

void lapic_deadline_write(struct lapic *l, u64 tsc)
{
	if (lapic_timer_mode(l) != TIMER_DEADLINE)
		return;
	l->tsc_deadline = tsc;
	/* one that has passed fires now, not at the I/O thread's leisure */
	if (tsc && tsc <= l->board.tsc_now(l->board.opaque)) {
		timer_disarm(l->timers, &l->timer);
		lapic_timer_fire(l, clock_now(l->clock));
	} else {
		lapic_timer_update(l);
	}
}

void lapic_timer_reset(struct lapic *l)
{
	l->timer_initial = 0;
	l->timer_start = clock_now(l->clock);
	l->timer_divide = 0;
	l->timer_ran = false;
	l->tsc_deadline = 0;
	timer_disarm(l->timers, &l->timer);
}

void lapic_timer_init(struct lapic *l)
{
	l->timer.fire = lapic_timer_fire;
	l->timer.opaque = l;
}
