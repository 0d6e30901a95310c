/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8042.h - the keyboard controller, with nothing plugged in, and port 92h.
 *
 * Data sheets: Intel 8042; IBM PS/2 technical reference (system control port
 * A at 92h). Self test, command byte, interface tests and output port answer
 * as a controller's do; a byte for a device times out. The two things a PC
 * without a keyboard needs it for are the A20 gate and the reset pulse.
 */
#ifndef UMBRA_DEVICES_I8042_H
#define UMBRA_DEVICES_I8042_H

#include "bus.h"
#include "irq.h"
#include "state.h"

struct i8042_board {
	void *opaque;
	void (*a20)(void *opaque, bool enabled);
	void (*reset)(void *opaque);
};

struct i8042 {
	u8 status;
	u8 mode; /* controller command byte */
	u8 out;	 /* output buffer, valid with status OBF */
	u8 cmd;	 /* command that waits for its data byte, 0: none */
	u8 outport;
	u8 port92;
	bool a20;
	u8 ram[32]; /* internal RAM; byte 0 is mode */
	struct irq_line irq1;
	struct irq_line irq12;
	struct i8042_board board;
};

extern const struct bus_ops i8042_ops;	  /* ports 60h and 64h */
extern const struct bus_ops i8042_92_ops; /* port 92h */

void i8042_init(struct i8042 *kbc, struct irq_line irq1, struct irq_line irq12,
		struct i8042_board board);

/* A20 comes up enabled, as a boot loader leaves it. */
void i8042_reset(struct i8042 *kbc);

void i8042_state(struct i8042 *kbc, struct state *s);

#endif
