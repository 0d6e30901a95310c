/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h - one interrupt wire, and the joint of several wires on one pin.
 *
 * A chip drives an irq_line and knows nothing of what hangs on its end; the
 * board (pc.c) connects it. A line without a set function is not connected.
 */
#ifndef UMBRA_DEVICES_IRQ_H
#define UMBRA_DEVICES_IRQ_H

#include "runtime/base.h"

struct irq_line {
	void (*set)(void *opaque, int n, bool level);
	void *opaque;
	int n; /* handed to set(): the pin at the far end */
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->opaque, line->n, level);
}

/* Wired OR: out is high while any of up to 32 inputs is. */
struct irq_join {
	struct irq_line out;
	u32 levels; /* bit n: input n is high */
};

static inline void irq_join_set(void *opaque, int n, bool level)
{
	struct irq_join *j = opaque;
	u32 bit = 1u << (n & 31);

	j->levels = level ? j->levels | bit : j->levels & ~bit;
	irq_set(&j->out, j->levels != 0);
}

static inline struct irq_line irq_join_input(struct irq_join *j, int n)
{
	return (struct irq_line){irq_join_set, j, n};
}

#endif
