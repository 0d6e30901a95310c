/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa_ports.h - odd ports of an ISA board: the DMA page registers, which
 * serve as POST (80h) and delay ports, and the coprocessor error latch.
 *
 * Source: IBM PC/AT technical reference. With CR0.NE clear an x87 exception
 * asserts FERR#, which latches IRQ 13; a write to port f0h clears the latch.
 */
#ifndef UMBRA_DEVICES_ISA_PORTS_H
#define UMBRA_DEVICES_ISA_PORTS_H

#include "bus.h"
#include "irq.h"
#include "state.h"

struct isa_ports {
	u8 page[16];
	bool ferr; /* level of FERR# (true: asserted) */
	struct irq_line irq13;
};

extern const struct bus_ops isa_page_ops; /* ports 80h..8fh */
extern const struct bus_ops isa_ferr_ops; /* ports f0h, f1h */

void isa_ports_init(struct isa_ports *ports, struct irq_line irq13);
void isa_ports_reset(struct isa_ports *ports);
void isa_ports_ferr(struct isa_ports *ports, bool level);
void isa_ports_state(struct isa_ports *ports, struct state *s);

#endif
