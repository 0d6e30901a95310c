// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * i8042.c - the keyboard controller. See i8042.h for the contract.
 */
#include <string.h>

#include "i8042.h"

#define STATUS_OBF     0x01 /* output buffer full */
#define STATUS_SYS     0x04 /* self test passed */
#define STATUS_CMD     0x08 /* the last write was a command */
#define STATUS_UNLOCK  0x10 /* keyboard not locked */
#define STATUS_AUX     0x20 /* the byte is the auxiliary device's */
#define STATUS_TIMEOUT 0x40

#define MODE_KBD_INT 0x01
#define MODE_AUX_INT 0x02
#define MODE_SYS     0x04
#define MODE_NO_KBD  0x10
#define MODE_NO_AUX  0x20

#define OUTPORT_RESET 0x01 /* 0 holds the CPU in reset */
#define OUTPORT_A20   0x02

#define PORT92_RESET 0x01 /* rising edge resets */
#define PORT92_A20   0x02

#define CMD_READ_MODE	  0x20 /* 20h-3fh: internal RAM */
#define CMD_WRITE_MODE	  0x60 /* 60h-7fh */
#define CMD_AUX_DISABLE	  0xa7
#define CMD_AUX_ENABLE	  0xa8
#define CMD_AUX_TEST	  0xa9
#define CMD_SELF_TEST	  0xaa
#define CMD_KBD_TEST	  0xab
#define CMD_KBD_DISABLE	  0xad
#define CMD_KBD_ENABLE	  0xae
#define CMD_READ_INPORT	  0xc0
#define CMD_READ_OUTPORT  0xd0
#define CMD_WRITE_OUTPORT 0xd1
#define CMD_WRITE_KBD_OUT 0xd2
#define CMD_WRITE_AUX_OUT 0xd3
#define CMD_WRITE_AUX	  0xd4
#define CMD_A20_OFF	  0xdd
#define CMD_A20_ON	  0xdf
#define CMD_PULSE	  0xf0 /* pulses the output bits that are 0 */

#define SELF_TEST_OK	 0x55
#define PORT_TEST_OK	 0x00
#define PORT_CLOCK_LOW	 0x01 /* interface test: clock line stuck low */
#define RESPONSE_TIMEOUT 0xfe /* what a timed-out device leaves: resend */

static void i8042_update_irq(struct i8042 *k)
{
	bool full = k->status & STATUS_OBF;
	bool aux = k->status & STATUS_AUX;

	irq_set(&k->irq1, full && !aux && (k->mode & MODE_KBD_INT));
	irq_set(&k->irq12, full && aux && (k->mode & MODE_AUX_INT));
}

static void i8042_update_a20(struct i8042 *k)
{
	bool on = (k->outport & OUTPORT_A20) || (k->port92 & PORT92_A20);

	if (on == k->a20)
		return;
	k->a20 = on;
	k->board.a20(k->board.opaque, on);
}

static void i8042_put(struct i8042 *k, u8 val, u8 flags)
{
	k->out = val;
	k->status &= ~(STATUS_AUX | STATUS_TIMEOUT);
	k->status |= STATUS_OBF | flags;
	i8042_update_irq(k);
}

static void i8042_set_outport(struct i8042 *k, u8 val)
{
	k->outport = val;
	/* both gates follow, so that either can switch A20 off */
	k->port92 &= ~PORT92_A20;
	if (val & OUTPORT_A20)
		k->port92 |= PORT92_A20;
	i8042_update_a20(k);
	if (!(val & OUTPORT_RESET))
		k->board.reset(k->board.opaque);
}

static void i8042_command(struct i8042 *k, u8 cmd)
{
	k->cmd = 0;
	switch (cmd) {
	case 0x20 ... 0x3f:
		i8042_put(k, cmd == CMD_READ_MODE ? k->mode : k->ram[cmd & 31],
			  0);
		break;
	case 0x60 ... 0x7f:
	case CMD_WRITE_OUTPORT:
	case CMD_WRITE_KBD_OUT:
	case CMD_WRITE_AUX_OUT:
	case CMD_WRITE_AUX:
		k->cmd = cmd;
		break;
	case CMD_AUX_DISABLE:
		k->mode |= MODE_NO_AUX;
		break;
	case CMD_AUX_ENABLE:
		k->mode &= ~MODE_NO_AUX;
		break;
	case CMD_AUX_TEST:
		i8042_put(k, PORT_CLOCK_LOW, 0);
		break;
	case CMD_SELF_TEST:
		k->status |= STATUS_SYS;
		i8042_put(k, SELF_TEST_OK, 0);
		break;
	case CMD_KBD_TEST:
		i8042_put(k, PORT_TEST_OK, 0);
		break;
	case CMD_KBD_DISABLE:
		k->mode |= MODE_NO_KBD;
		break;
	case CMD_KBD_ENABLE:
		k->mode &= ~MODE_NO_KBD;
		break;
	case CMD_READ_INPORT:
		i8042_put(k, 0x80, 0); /* keyboard not inhibited */
		break;
	case CMD_READ_OUTPORT:
		i8042_put(k, k->outport, 0);
		break;
	case CMD_A20_OFF:
		i8042_set_outport(k, k->outport & ~OUTPORT_A20);
		break;
	case CMD_A20_ON:
		i8042_set_outport(k, k->outport | OUTPORT_A20);
		break;
	case 0xf0 ... 0xff:
		if (!(cmd & OUTPORT_RESET))
			k->board.reset(k->board.opaque);
		break;
	}
}

static void i8042_data(struct i8042 *k, u8 val)
{
	u8 cmd = k->cmd;

	k->cmd = 0;
	switch (cmd) {
	case CMD_WRITE_MODE:
		k->mode = val;
		k->status &= ~STATUS_SYS;
		k->status |= val & MODE_SYS;
		i8042_update_irq(k);
		break;
	case 0x61 ... 0x7f:
		k->ram[cmd & 31] = val;
		break;
	case CMD_WRITE_OUTPORT:
		i8042_set_outport(k, val);
		break;
	case CMD_WRITE_KBD_OUT:
		i8042_put(k, val, 0);
		break;
	case CMD_WRITE_AUX_OUT:
		i8042_put(k, val, STATUS_AUX);
		break;
	case CMD_WRITE_AUX:
		i8042_put(k, RESPONSE_TIMEOUT, STATUS_AUX | STATUS_TIMEOUT);
		break;
	default:
		i8042_put(k, RESPONSE_TIMEOUT, STATUS_TIMEOUT);
	}
}

static u64 i8042_read(void *opaque, u64 addr, unsigned size)
{
	struct i8042 *k = opaque;

	(void)size;
	if (addr & 4)
		return k->status;
	k->status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	i8042_update_irq(k);
	return k->out;
}

static void i8042_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8042 *k = opaque;

	(void)size;
	if (addr & 4) {
		k->status |= STATUS_CMD;
		i8042_command(k, val);
	} else {
		k->status &= ~STATUS_CMD;
		i8042_data(k, val);
	}
}

static u64 i8042_92_read(void *opaque, u64 addr, unsigned size)
{
	struct i8042 *k = opaque;

	(void)addr;
	(void)size;
	return k->port92;
}

static void i8042_92_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8042 *k = opaque;
	bool reset = val & ~k->port92 & PORT92_RESET;

	(void)addr;
	(void)size;
	k->port92 = val & (PORT92_RESET | PORT92_A20);
	k->outport &= ~OUTPORT_A20;
	if (val & PORT92_A20)
		k->outport |= OUTPORT_A20;
	i8042_update_a20(k);
	if (reset)
		k->board.reset(k->board.opaque);
}

const struct bus_ops i8042_ops = {i8042_read, i8042_write, 1};
const struct bus_ops i8042_92_ops = {i8042_92_read, i8042_92_write, 1};

void i8042_reset(struct i8042 *k)
{
	k->status = STATUS_SYS | STATUS_UNLOCK;
	k->mode = MODE_SYS | MODE_NO_KBD | MODE_NO_AUX;
	k->out = 0;
	k->cmd = 0;
	k->outport = OUTPORT_RESET | OUTPORT_A20;
	k->port92 = PORT92_A20;
	memset(k->ram, 0, sizeof(k->ram));
	i8042_update_a20(k);
	i8042_update_irq(k);
}

void i8042_init(struct i8042 *k, struct irq_line irq1, struct irq_line irq12,
		struct i8042_board board)
{
	memset(k, 0, sizeof(*k));
	k->irq1 = irq1;
	k->irq12 = irq12;
	k->board = board;
	i8042_reset(k);
}

void i8042_state(struct i8042 *k, struct state *s)
{
	if (!state_begin(s, "8042", 1))
		return;
	STATE(s, k->status);
	STATE(s, k->mode);
	STATE(s, k->out);
	STATE(s, k->cmd);
	STATE(s, k->outport);
	STATE(s, k->port92);
	STATE(s, k->ram);
	state_end(s);
	if (!s->loading || s->err)
		return;
	i8042_update_a20(k);
	i8042_update_irq(k);
}
