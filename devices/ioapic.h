/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioapic.h - the 82093AA I/O APIC, 24 pins, with an EOI register.
 *
 * Data sheet: Intel 82093AA (290566); the EOI register is of version 20h
 * (82379, ICH). Inputs are "asserted" or not: polarity bits are kept and
 * have no effect, since the board's lines have no other meaning. An edge at
 * a masked pin is lost, as the data sheet says.
 */
#ifndef UMBRA_DEVICES_IOAPIC_H
#define UMBRA_DEVICES_IOAPIC_H

#include "bus.h"
#include "lapic.h"
#include "state.h"

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_SIZE 0x1000
#define IOAPIC_PINS 24

struct ioapic {
	u64 redir[IOAPIC_PINS];
	u32 lines; /* bit n: pin n is asserted */
	u32 id;
	u8 index; /* IOREGSEL */
	bool (*deliver)(void *opaque, const struct apic_msg *msg);
	void *opaque;
};

extern const struct bus_ops ioapic_ops;

/* deliver: hands a message to the CPUs, false if none took it. */
void ioapic_init(struct ioapic *io,
		 bool (*deliver)(void *opaque, const struct apic_msg *msg),
		 void *opaque);
void ioapic_reset(struct ioapic *io);

/* Pin 0..23; an irq_line set function. */
void ioapic_set(void *opaque, int pin, bool level);

/* EOI of a level interrupt, broadcast by the local APIC. */
void ioapic_eoi(struct ioapic *io, u8 vector);

void ioapic_state(struct ioapic *io, struct state *s);

#endif
