// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dev_support.c - helpers of the device tests. See dev_support.h.
 */
#include <string.h>

#include "dev_support.h"

static u64 dev_time_now(void *opaque)
{
	struct dev_time *t = opaque;

	return t->now;
}

void dev_time_init(struct dev_time *t, u64 now)
{
	memset(t, 0, sizeof(*t));
	t->now = now;
	t->clock = (struct clock){dev_time_now, t};
}

void dev_time_pass(struct dev_time *t, u64 ns)
{
	u64 end = t->now + ns;

	while (timers_next(&t->timers) <= end) {
		t->now = MAX(t->now, timers_next(&t->timers));
		timers_run(&t->timers, t->now);
	}
	t->now = end;
}

static void dev_wire_set(void *opaque, int n, bool level)
{
	struct dev_wire *w = opaque;

	(void)n;
	if (level && !w->level)
		w->rises++;
	w->level = level;
}

struct irq_line dev_wire_line(struct dev_wire *w)
{
	return (struct irq_line){dev_wire_set, w, 0};
}

u32 dev_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 32;
}

u8 dev_in(const struct bus_ops *ops, void *chip, u64 addr)
{
	return ops->read(chip, addr, 1);
}

void dev_out(const struct bus_ops *ops, void *chip, u64 addr, u8 val)
{
	ops->write(chip, addr, 1, val);
}

void dev_hammer(const struct bus_ops *ops, void *chip, u64 first, u64 count,
		struct dev_time *t, u64 seed, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		unsigned size = 1u << dev_random(&seed) % 4;
		u64 addr = first + dev_random(&seed) % count;
		u64 val = dev_random(&seed);

		if (size > ops->max_size || addr + size > first + count)
			size = 1;
		val &= (2ull << (size * 8 - 1)) - 1;
		if (dev_random(&seed) & 1)
			ops->write(chip, addr, size, val);
		else
			ops->read(chip, addr, size);
		if (t && dev_random(&seed) % 8 == 0)
			dev_time_pass(t, dev_random(&seed) % 10000000);
	}
}
