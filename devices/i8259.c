// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * i8259.c - the 8259A pair. See i8259.h for the contract and data sheet.
 */
#include <string.h>

#include "i8259.h"
#include "runtime/log.h"

#define ICW1_IC4  0x01 /* ICW4 follows */
#define ICW1_SNGL 0x02 /* no cascade, no ICW3 */
#define ICW1_LTIM 0x08 /* level triggered inputs */
#define ICW1_INIT 0x10 /* tells ICW1 from OCW2 and OCW3 */
#define ICW4_AEOI 0x02 /* automatic end of interrupt */
#define ICW4_SFNM 0x10 /* special fully nested mode */

#define OCW2_LEVEL     0x07 /* IR that a specific command speaks of */
#define OCW2_CMD_SHIFT 5
enum ocw2 {
	OCW2_CLEAR_ROTATE_AEOI = 0,
	OCW2_EOI = 1,
	OCW2_NOP = 2,
	OCW2_SPECIFIC_EOI = 3,
	OCW2_SET_ROTATE_AEOI = 4,
	OCW2_ROTATE_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_SPECIFIC_EOI = 7,
};

#define OCW3	  0x08 /* tells OCW3 from OCW2 */
#define OCW3_RIS  0x01 /* with RR: read ISR instead of IRR */
#define OCW3_RR	  0x02
#define OCW3_POLL 0x04
#define OCW3_SMM  0x20 /* with ESMM: special mask mode on */
#define OCW3_ESMM 0x40

#define POLL_PENDING 0x80

#define IR_CASCADE  2
#define IR_SPURIOUS 7

/* IR0-2 of the master, IR0 and IR5 of the slave are edge triggered always. */
static const u8 i8259_elcr_mask[2] = {0xf8, 0xde};

static u8 i8259_level_inputs(const struct i8259_chip *c)
{
	return c->level_all ? 0xff : c->elcr;
}

/* Priority of the highest bit set: 0 is highest, 8 is none. */
static int i8259_priority(const struct i8259_chip *c, u8 bits)
{
	for (int p = 0; p < 8; p++) {
		if (bits & 1u << ((c->lowest + 1 + p) & 7))
			return p;
	}
	return 8;
}

static int i8259_ir(const struct i8259_chip *c, int priority)
{
	return (c->lowest + 1 + priority) & 7;
}

/* The IR that would be acknowledged now, or -1. */
static int i8259_pending(const struct i8259 *pic, int n)
{
	const struct i8259_chip *c = &pic->chip[n];
	int want = i8259_priority(c, c->irr & ~c->imr);
	u8 isr = c->isr;

	if (want == 8)
		return -1;
	if (c->special_mask)
		isr &= ~c->imr;
	/* a slave in service does not hold off its own higher requests */
	if (n == 0 && c->sfnm)
		isr &= ~(1u << IR_CASCADE);
	return want < i8259_priority(c, isr) ? i8259_ir(c, want) : -1;
}

static void i8259_chip_line(struct i8259_chip *c, int ir, bool level)
{
	u8 bit = 1u << ir;

	if (i8259_level_inputs(c) & bit)
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	else if (level && !(c->lines & bit))
		c->irr |= bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

static void i8259_update(struct i8259 *pic)
{
	bool level;

	/* The cascade follows the slave's INT like a level. */
	if (i8259_pending(pic, 1) >= 0)
		pic->chip[0].irr |= 1u << IR_CASCADE;
	else
		pic->chip[0].irr &= ~(1u << IR_CASCADE);
	level = i8259_pending(pic, 0) >= 0;
	if (level == pic->level)
		return;
	pic->level = level;
	irq_set(&pic->out, level);
}

void i8259_set(void *opaque, int irq, bool level)
{
	struct i8259 *pic = opaque;

	must(irq >= 0 && irq < 16, "irq %d", irq);
	if (irq == IR_CASCADE)
		return;
	i8259_chip_line(&pic->chip[irq >> 3], irq & 7, level);
	i8259_update(pic);
}

static void i8259_ack_ir(struct i8259_chip *c, int ir)
{
	u8 bit = 1u << ir;

	if (!(i8259_level_inputs(c) & bit))
		c->irr &= ~bit;
	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate_aeoi)
		c->lowest = ir;
}

u8 i8259_intack(struct i8259 *pic)
{
	struct i8259_chip *master = &pic->chip[0];
	struct i8259_chip *slave = &pic->chip[1];
	int ir = i8259_pending(pic, 0);
	u8 vector;

	if (ir < 0) {
		vector = master->base + IR_SPURIOUS;
	} else if (ir != IR_CASCADE) {
		i8259_ack_ir(master, ir);
		vector = master->base + ir;
	} else {
		int ir2 = i8259_pending(pic, 1);

		i8259_ack_ir(master, ir);
		if (ir2 < 0)
			ir2 = IR_SPURIOUS;
		else
			i8259_ack_ir(slave, ir2);
		vector = slave->base + ir2;
	}
	LOG(LOG_PIC, "8259 acknowledges vector %#x", vector);
	i8259_update(pic);
	return vector;
}

static void i8259_icw1(struct i8259_chip *c, u8 val)
{
	u8 level;

	c->need_icw4 = val & ICW1_IC4;
	c->single = val & ICW1_SNGL;
	c->level_all = val & ICW1_LTIM;
	level = i8259_level_inputs(c);
	c->irr = c->lines & level; /* the edge detector is cleared */
	c->isr = 0;
	c->imr = 0;
	c->lowest = 7;
	c->auto_eoi = false;
	c->sfnm = false;
	c->rotate_aeoi = false;
	c->special_mask = false;
	c->read_isr = false;
	c->poll = false;
	c->step = 2;
}

static void i8259_eoi(struct i8259_chip *c, int ir, bool rotate)
{
	c->isr &= ~(1u << ir);
	if (rotate)
		c->lowest = ir;
}

static void i8259_ocw2(struct i8259_chip *c, u8 val)
{
	enum ocw2 cmd = val >> OCW2_CMD_SHIFT;
	int ir = val & OCW2_LEVEL;
	u8 isr = c->isr;
	int p;

	switch (cmd) {
	case OCW2_SET_ROTATE_AEOI:
	case OCW2_CLEAR_ROTATE_AEOI:
		c->rotate_aeoi = cmd == OCW2_SET_ROTATE_AEOI;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		/* masked levels are not ended by it in special mask mode */
		if (c->special_mask)
			isr &= ~c->imr;
		p = i8259_priority(c, isr);
		if (p < 8)
			i8259_eoi(c, i8259_ir(c, p), cmd == OCW2_ROTATE_EOI);
		break;
	case OCW2_SPECIFIC_EOI:
	case OCW2_ROTATE_SPECIFIC_EOI:
		i8259_eoi(c, ir, cmd == OCW2_ROTATE_SPECIFIC_EOI);
		break;
	case OCW2_SET_PRIORITY:
		c->lowest = ir;
		break;
	case OCW2_NOP:
		break;
	}
}

static void i8259_ocw3(struct i8259_chip *c, u8 val)
{
	if (val & OCW3_ESMM)
		c->special_mask = val & OCW3_SMM;
	if (val & OCW3_POLL)
		c->poll = true;
	else if (val & OCW3_RR)
		c->read_isr = val & OCW3_RIS;
}

static void i8259_write_data(struct i8259_chip *c, u8 val)
{
	switch (c->step) {
	case 2:
		c->base = val & 0xf8;
		c->step = !c->single ? 3 : c->need_icw4 ? 4 : 0;
		break;
	case 3: /* the cascade is wired to IR2, whatever ICW3 says */
		c->step = c->need_icw4 ? 4 : 0;
		break;
	case 4:
		c->auto_eoi = val & ICW4_AEOI;
		c->sfnm = val & ICW4_SFNM;
		c->step = 0;
		break;
	default:
		c->imr = val;
	}
}

static void i8259_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8259 *pic = opaque;
	struct i8259_chip *c = &pic->chip[addr >> 7 & 1];

	(void)size;
	if (addr & 1)
		i8259_write_data(c, val);
	else if (val & ICW1_INIT)
		i8259_icw1(c, val);
	else if (val & OCW3)
		i8259_ocw3(c, val);
	else
		i8259_ocw2(c, val);
	i8259_update(pic);
}

/* A poll is an INTA for this chip alone. */
static u8 i8259_poll(struct i8259 *pic, int n)
{
	struct i8259_chip *c = &pic->chip[n];
	int ir = i8259_pending(pic, n);

	c->poll = false;
	if (ir < 0)
		return 0;
	i8259_ack_ir(c, ir);
	i8259_update(pic);
	return POLL_PENDING | ir;
}

static u64 i8259_read(void *opaque, u64 addr, unsigned size)
{
	struct i8259 *pic = opaque;
	int n = addr >> 7 & 1;
	const struct i8259_chip *c = &pic->chip[n];

	(void)size;
	if (c->poll)
		return i8259_poll(pic, n);
	if (addr & 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static u64 i8259_elcr_read(void *opaque, u64 addr, unsigned size)
{
	struct i8259 *pic = opaque;

	(void)size;
	return pic->chip[addr & 1].elcr;
}

static void i8259_elcr_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8259 *pic = opaque;
	struct i8259_chip *c = &pic->chip[addr & 1];
	u8 level;

	(void)size;
	c->elcr = val & i8259_elcr_mask[addr & 1];
	level = i8259_level_inputs(c);
	c->irr = (c->irr & ~level) | (c->lines & level);
	i8259_update(pic);
}

const struct bus_ops i8259_ops = {i8259_read, i8259_write, 1};
const struct bus_ops i8259_elcr_ops = {i8259_elcr_read, i8259_elcr_write, 1};

/* Lines keep their levels: they belong to the chips that drive them. */
void i8259_reset(struct i8259 *pic)
{
	for (int n = 0; n < 2; n++) {
		struct i8259_chip *c = &pic->chip[n];
		u8 lines = c->lines;

		memset(c, 0, sizeof(*c));
		c->lines = lines;
		c->imr = 0xff; /* as firmware leaves it */
		c->base = n ? 0x70 : 0x08;
		c->lowest = 7;
	}
	i8259_update(pic);
}

void i8259_init(struct i8259 *pic, struct irq_line out)
{
	memset(pic, 0, sizeof(*pic));
	pic->out = out;
	i8259_reset(pic);
}

void i8259_state(struct i8259 *pic, struct state *s)
{
	if (!state_begin(s, "8259", 1))
		return;
	for (int n = 0; n < 2; n++) {
		struct i8259_chip *c = &pic->chip[n];

		STATE(s, c->irr);
		STATE(s, c->isr);
		STATE(s, c->imr);
		STATE(s, c->lines);
		STATE(s, c->elcr);
		STATE(s, c->base);
		STATE(s, c->lowest);
		STATE(s, c->step);
		state_bool(s, &c->need_icw4);
		state_bool(s, &c->single);
		state_bool(s, &c->level_all);
		state_bool(s, &c->auto_eoi);
		state_bool(s, &c->sfnm);
		state_bool(s, &c->rotate_aeoi);
		state_bool(s, &c->special_mask);
		state_bool(s, &c->read_isr);
		state_bool(s, &c->poll);
		c->elcr &= i8259_elcr_mask[n];
		c->lowest &= 7;
	}
	state_end(s);
	if (s->loading && !s->err)
		i8259_update(pic);
}
