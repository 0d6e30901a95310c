/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8259.h - the pair of 8259A interrupt controllers of a PC, with ELCR.
 *
 * Data sheet: Intel 8259A (order 231468); ELCR: Intel 82371SB (PIIX3), 2.5.
 * The board sets input lines and learns of the INT output through a line;
 * it calls i8259_intack() for the CPU's interrupt acknowledge cycle.
 */
#ifndef UMBRA_DEVICES_I8259_H
#define UMBRA_DEVICES_I8259_H

#include "bus.h"
#include "irq.h"
#include "state.h"

struct i8259_chip {
	u8 irr;	   /* interrupt request register */
	u8 isr;	   /* in-service register */
	u8 imr;	   /* interrupt mask register */
	u8 lines;  /* input levels, for edge detection */
	u8 elcr;   /* edge/level control: 1 is level */
	u8 base;   /* vector of IR0 (ICW2) */
	u8 lowest; /* IR with the lowest priority (rotation) */
	u8 step;   /* initialisation: 0 idle, else the ICW expected next */
	bool need_icw4;
	bool single;
	bool level_all;	   /* ICW1 LTIM */
	bool auto_eoi;	   /* ICW4 AEOI */
	bool sfnm;	   /* ICW4: special fully nested mode */
	bool rotate_aeoi;  /* OCW2: rotate in automatic EOI mode */
	bool special_mask; /* OCW3 SMM */
	bool read_isr;	   /* OCW3: reads of A0=0 give ISR, not IRR */
	bool poll;	   /* OCW3: the next read is a poll */
};

struct i8259 {
	struct i8259_chip chip[2]; /* master, slave on master IR2 */
	struct irq_line out;	   /* INT */
	bool level;		   /* of out */
};

extern const struct bus_ops i8259_ops;	    /* ports 20h, 21h, a0h, a1h */
extern const struct bus_ops i8259_elcr_ops; /* ports 4d0h, 4d1h */

void i8259_init(struct i8259 *pic, struct irq_line out);
void i8259_reset(struct i8259 *pic);

/* Input 0..15 (2 is the cascade and ignored); an irq_line set function. */
void i8259_set(void *pic, int irq, bool level);

/* One INTA sequence: the vector, spurious ones (IR7) included. */
u8 i8259_intack(struct i8259 *pic);

void i8259_state(struct i8259 *pic, struct state *s);

#endif
