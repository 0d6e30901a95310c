// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * isa_ports.c - DMA page registers and coprocessor error latch. See
 * isa_ports.h.
 */
#include <string.h>

#include "isa_ports.h"

static u64 isa_page_read(void *opaque, u64 addr, unsigned size)
{
	struct isa_ports *p = opaque;

	(void)size;
	return p->page[addr & 15];
}

static void isa_page_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct isa_ports *p = opaque;

	(void)size;
	p->page[addr & 15] = val;
}

static u64 isa_ferr_read(void *opaque, u64 addr, unsigned size)
{
	(void)opaque;
	(void)addr;
	(void)size;
	return 0xff;
}

static void isa_ferr_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct isa_ports *p = opaque;

	(void)addr;
	(void)size;
	(void)val;
	irq_set(&p->irq13, false);
}

const struct bus_ops isa_page_ops = {isa_page_read, isa_page_write, 1};
const struct bus_ops isa_ferr_ops = {isa_ferr_read, isa_ferr_write, 1};

void isa_ports_ferr(struct isa_ports *p, bool level)
{
	if (level && !p->ferr)
		irq_set(&p->irq13, true);
	p->ferr = level;
}

void isa_ports_reset(struct isa_ports *p)
{
	memset(p->page, 0, sizeof(p->page));
	p->ferr = false;
	irq_set(&p->irq13, false);
}

void isa_ports_init(struct isa_ports *p, struct irq_line irq13)
{
	p->irq13 = irq13;
	isa_ports_reset(p);
}

void isa_ports_state(struct isa_ports *p, struct state *s)
{
	if (!state_begin(s, "ISA ", 1))
		return;
	STATE(s, p->page);
	state_bool(s, &p->ferr);
	state_end(s);
}
