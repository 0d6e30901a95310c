// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clock.c - the timer queue: a sorted list, since a machine has a dozen
 * timers at most. See clock.h for the contract.
 */
#include "clock.h"

void timer_disarm(struct timers *q, struct timer *t)
{
	struct timer **p = &q->first;

	if (!t->armed)
		return;
	while (*p && *p != t)
		p = &(*p)->next;
	must(*p == t, "armed timer is not queued");
	*p = t->next;
	t->next = NULL;
	t->armed = false;
}

void timer_arm(struct timers *q, struct timer *t, u64 deadline)
{
	struct timer **p = &q->first;

	timer_disarm(q, t);
	if (deadline == TIMER_NEVER)
		return;
	while (*p && (*p)->deadline <= deadline)
		p = &(*p)->next;
	t->deadline = deadline;
	t->armed = true;
	t->next = *p;
	*p = t;
}

void timers_run(struct timers *q, u64 now)
{
	while (q->first && q->first->deadline <= now) {
		struct timer *t = q->first;

		timer_disarm(q, t);
		t->fire(t->opaque, now);
		must(!t->armed || t->deadline > now,
		     "timer re-armed in the past");
	}
}

u64 timers_next(const struct timers *q)
{
	return q->first ? q->first->deadline : TIMER_NEVER;
}

u64 clock_scale(u64 value, u64 mul, u64 div)
{
	unsigned __int128 r = (unsigned __int128)value * mul / div;

	return r > UINT64_MAX ? UINT64_MAX : (u64)r;
}

u64 clock_scale_up(u64 value, u64 mul, u64 div)
{
	unsigned __int128 r = ((unsigned __int128)value * mul + div - 1) / div;

	return r > UINT64_MAX ? UINT64_MAX : (u64)r;
}
