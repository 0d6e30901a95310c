// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * i8254.c - the interval timer. See i8254.h for the contract and data sheet.
 */
#include <string.h>

#include "i8254.h"

#define CTRL_SELECT_SHIFT 6 /* counter, 3: read-back command */
#define CTRL_ACCESS_SHIFT 4 /* 0: latch command */
#define CTRL_MODE_SHIFT	  1
#define CTRL_BCD	  0x01

#define READBACK_NO_COUNT  0x20 /* active low: 0 latches the count */
#define READBACK_NO_STATUS 0x10

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40 /* the count written is not in the counter yet */

#define ACCESS_LOW  1
#define ACCESS_HIGH 2
#define ACCESS_BOTH 3

#define PORTB_GATE2    0x01 /* gate of counter 2 */
#define PORTB_SPEAKER  0x02 /* speaker data enable */
#define PORTB_WRITABLE 0x0f /* and the two parity/IOCHK disables */
#define PORTB_REFRESH  0x10 /* toggles with each refresh, 15 us */
#define PORTB_OUT2     0x20 /* output of counter 2 */
#define REFRESH_NS     15085

static bool i8254_is_periodic(const struct i8254_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool i8254_is_triggered(const struct i8254_counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

static u64 i8254_to_ticks(u64 ns)
{
	return clock_scale(ns, I8254_HZ, NS_PER_SEC);
}

static u64 i8254_to_ns(u64 ticks)
{
	return clock_scale_up(ticks, NS_PER_SEC, I8254_HZ);
}

/* Ticks since the count was loaded; with the gate low, up to that moment. */
static u64 i8254_elapsed(const struct i8254_counter *c, u64 now)
{
	u64 ns = now - c->start; /* start may lie before the clock began */

	if (!c->gate && !i8254_is_triggered(c))
		return c->held;
	return (s64)ns > 0 ? i8254_to_ticks(ns) : 0;
}

/* Puts a count written during a period in place when the period is over. */
static void i8254_sync(struct i8254_counter *c, u64 now)
{
	if (!c->pending || !c->gate || !i8254_is_periodic(c) ||
	    now < c->pending_at)
		return;
	c->start = c->pending_at;
	c->reload = c->pending;
	c->pending = 0;
}

static bool i8254_out(const struct i8254_counter *c, u64 now)
{
	u64 d = i8254_elapsed(c, now);

	if (!c->counting)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return d >= c->reload;
	case 2:
		return !c->gate || d % c->reload != c->reload - 1;
	case 3:
		return !c->gate || d % c->reload < (c->reload + 1) / 2;
	default:
		return d != c->reload;
	}
}

static u16 i8254_to_bcd(u32 v)
{
	return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 |
	       v % 10;
}

static u32 i8254_from_bcd(u16 v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 +
	       (v >> 4 & 15) * 10 + (v & 15);
}

static u16 i8254_count(const struct i8254_counter *c, u64 now)
{
	u64 modulus = c->bcd ? 10000 : 0x10000;
	u64 d = i8254_elapsed(c, now);
	u64 v;

	if (!c->counting)
		v = c->reload;
	else if (c->mode == 2)
		v = c->reload - d % c->reload;
	else if (c->mode == 3) /* counts by two, twice in a period */
		v = (c->reload - 2 * d % c->reload) & ~1ull;
	else
		v = c->reload + modulus - d % modulus;
	v %= modulus;
	return c->bcd ? i8254_to_bcd(v) : v;
}

/* When counter 0's output rises next, seen from now; TIMER_NEVER if not. */
static u64 i8254_next_rise(const struct i8254_counter *c, u64 now)
{
	u64 d = i8254_elapsed(c, now);

	if (!c->counting || !c->gate)
		return TIMER_NEVER;
	switch (c->mode) {
	case 0:
		return d < c->reload ? c->start + i8254_to_ns(c->reload)
				     : TIMER_NEVER;
	case 2:
	case 3:
		if (c->pending)
			return c->pending_at;
		d = i8254_elapsed(c, now + I8254_MIN_PERIOD_NS);
		if (c->reload >= i8254_to_ticks(I8254_MIN_PERIOD_NS))
			d = i8254_elapsed(c, now);
		return c->start + i8254_to_ns((d / c->reload + 1) * c->reload);
	case 4:
		return d <= c->reload ? c->start + i8254_to_ns(c->reload + 1)
				      : TIMER_NEVER;
	default: /* gate 0 is tied high, so modes 1 and 5 never trigger */
		return TIMER_NEVER;
	}
}

static void i8254_arm(struct i8254 *pit, u64 now)
{
	u64 t = i8254_next_rise(&pit->counter[0], now);

	if (t != TIMER_NEVER && t <= now)
		t = now + I8254_MIN_PERIOD_NS;
	timer_arm(pit->timers, &pit->timer, t);
}

static void i8254_fire(void *opaque, u64 now)
{
	struct i8254 *pit = opaque;
	struct i8254_counter *c = &pit->counter[0];

	i8254_sync(c, now);
	irq_set(&pit->out0, false);
	irq_set(&pit->out0, true);
	i8254_arm(pit, now);
}

static void i8254_set_gate(struct i8254_counter *c, bool gate, u64 now)
{
	i8254_sync(c, now);
	if (gate == c->gate)
		return;
	if (!gate) {
		c->held = i8254_elapsed(c, now);
	} else if (c->mode == 0 || c->mode == 4) {
		c->start = now - i8254_to_ns(c->held);
	} else if (c->loaded) {
		if (c->pending)
			c->reload = c->pending;
		c->pending = 0;
		c->start = now;
		c->counting = true;
	}
	c->gate = gate;
}

static void i8254_load(struct i8254 *pit, int n, u16 val, u64 now)
{
	struct i8254_counter *c = &pit->counter[n];
	u32 count = c->bcd ? i8254_from_bcd(val) : val;

	if (!count)
		count = c->bcd ? 10000 : 0x10000;
	i8254_sync(c, now);
	c->loaded = true;
	if (i8254_is_periodic(c) && c->counting) {
		u64 periods = i8254_elapsed(c, now) / c->reload + 1;

		c->pending_at = c->start + i8254_to_ns(periods * c->reload);
		c->pending = count;
	} else if (i8254_is_triggered(c) && c->counting) {
		c->pending = count; /* the next trigger takes it */
	} else {
		c->reload = count;
		c->start = now;
		c->held = 0;
		c->counting = !i8254_is_triggered(c);
	}
	if (n == 0) {
		if (c->mode == 0)
			irq_set(&pit->out0, false);
		i8254_arm(pit, now);
	}
}

static void i8254_write_count(struct i8254 *pit, int n, u8 val, u64 now)
{
	struct i8254_counter *c = &pit->counter[n];

	switch (c->access) {
	case ACCESS_LOW:
		i8254_load(pit, n, val, now);
		break;
	case ACCESS_HIGH:
		i8254_load(pit, n, val << 8, now);
		break;
	default:
		if (c->write_high) {
			i8254_load(pit, n, c->write_low | val << 8, now);
		} else {
			c->write_low = val;
			/* mode 0 stops between the two bytes */
			if (c->mode == 0)
				c->counting = false;
		}
		c->write_high = !c->write_high;
	}
}

static void i8254_latch_count(struct i8254_counter *c, u64 now)
{
	if (c->read_left)
		return; /* a latched count stays until it is read */
	c->count_latch = i8254_count(c, now);
	c->read_left = c->access == ACCESS_BOTH ? 2 : 1;
}

static void i8254_latch_status(struct i8254_counter *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status_latch = c->access << CTRL_ACCESS_SHIFT |
			  c->mode << CTRL_MODE_SHIFT | c->bcd;
	if (i8254_out(c, now))
		c->status_latch |= STATUS_OUT;
	if (!c->loaded || c->pending)
		c->status_latch |= STATUS_NULL;
	c->status_latched = true;
}

static void i8254_readback(struct i8254 *pit, u8 val, u64 now)
{
	for (int n = 0; n < 3; n++) {
		struct i8254_counter *c = &pit->counter[n];

		if (!(val & 2u << n))
			continue;
		i8254_sync(c, now);
		if (!(val & READBACK_NO_COUNT))
			i8254_latch_count(c, now);
		if (!(val & READBACK_NO_STATUS))
			i8254_latch_status(c, now);
	}
}

static void i8254_control(struct i8254 *pit, u8 val, u64 now)
{
	int n = val >> CTRL_SELECT_SHIFT;
	u8 access = val >> CTRL_ACCESS_SHIFT & 3;
	struct i8254_counter *c;

	if (n == 3) {
		i8254_readback(pit, val, now);
		return;
	}
	c = &pit->counter[n];
	i8254_sync(c, now);
	if (!access) {
		i8254_latch_count(c, now);
		return;
	}
	c->access = access;
	c->mode = val >> CTRL_MODE_SHIFT & 7;
	if (c->mode > 5)
		c->mode &= 3; /* 6 and 7 are 2 and 3 */
	c->bcd = val & CTRL_BCD;
	c->write_high = false;
	c->read_high = false;
	c->read_left = 0;
	c->status_latched = false;
	c->counting = false;
	c->loaded = false;
	c->pending = 0;
	if (n == 0) {
		irq_set(&pit->out0, c->mode != 0);
		timer_disarm(pit->timers, &pit->timer);
	}
}

static void i8254_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8254 *pit = opaque;
	u64 now = clock_now(pit->clock);

	(void)size;
	if ((addr & 3) == 3)
		i8254_control(pit, val, now);
	else
		i8254_write_count(pit, addr & 3, val, now);
}

static u8 i8254_read_latched(struct i8254_counter *c)
{
	u8 left = c->read_left--;

	if (c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && left == 1))
		return c->count_latch >> 8;
	return c->count_latch;
}

static u64 i8254_read(void *opaque, u64 addr, unsigned size)
{
	struct i8254 *pit = opaque;
	struct i8254_counter *c = &pit->counter[addr & 3];
	u64 now = clock_now(pit->clock);
	bool high;

	(void)size;
	if ((addr & 3) == 3)
		return 0xff; /* the control word cannot be read */
	if (c->status_latched) {
		c->status_latched = false;
		return c->status_latch;
	}
	if (c->read_left)
		return i8254_read_latched(c);
	i8254_sync(c, now);
	high = c->access == ACCESS_HIGH;
	if (c->access == ACCESS_BOTH) {
		high = c->read_high;
		c->read_high = !c->read_high;
	}
	return i8254_count(c, now) >> (high ? 8 : 0) & 0xff;
}

static u64 i8254_portb_read(void *opaque, u64 addr, unsigned size)
{
	struct i8254 *pit = opaque;
	u64 now = clock_now(pit->clock);
	u8 val = pit->portb;

	(void)addr;
	(void)size;
	i8254_sync(&pit->counter[2], now);
	if (now / REFRESH_NS & 1)
		val |= PORTB_REFRESH;
	if (i8254_out(&pit->counter[2], now))
		val |= PORTB_OUT2;
	return val;
}

static void i8254_portb_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct i8254 *pit = opaque;

	(void)addr;
	(void)size;
	pit->portb = val & PORTB_WRITABLE;
	i8254_set_gate(&pit->counter[2], val & PORTB_GATE2,
		       clock_now(pit->clock));
}

const struct bus_ops i8254_ops = {i8254_read, i8254_write, 1};
const struct bus_ops i8254_portb_ops = {i8254_portb_read, i8254_portb_write, 1};

void i8254_reset(struct i8254 *pit)
{
	u64 now = clock_now(pit->clock);

	memset(pit->counter, 0, sizeof(pit->counter));
	for (int n = 0; n < 3; n++) {
		struct i8254_counter *c = &pit->counter[n];

		c->access = ACCESS_BOTH;
		c->mode = 3;
		c->reload = 0x10000;
		c->gate = n != 2;
		c->start = c->pending_at = now;
	}
	pit->portb = 0;
	timer_disarm(pit->timers, &pit->timer);
	irq_set(&pit->out0, false);
}

void i8254_init(struct i8254 *pit, const struct clock *clock,
		struct timers *timers, struct irq_line out0)
{
	memset(pit, 0, sizeof(*pit));
	pit->clock = clock;
	pit->timers = timers;
	pit->out0 = out0;
	pit->timer.fire = i8254_fire;
	pit->timer.opaque = pit;
	i8254_reset(pit);
}

static void i8254_check_counter(struct i8254_counter *c, struct state *s)
{
	if (c->reload < 1 || c->reload > 0x10000 || c->pending > 0x10000 ||
	    c->mode > 5 || c->access < 1 || c->access > 3 || c->read_left > 2)
		state_reject(s);
}

void i8254_state(struct i8254 *pit, struct state *s)
{
	u64 now = clock_now(pit->clock);

	if (!state_begin(s, "8254", 1))
		return;
	STATE(s, pit->portb);
	for (int n = 0; n < 3; n++) {
		struct i8254_counter *c = &pit->counter[n];

		state_time(s, &c->start, now);
		state_time(s, &c->pending_at, now);
		STATE(s, c->held);
		STATE(s, c->reload);
		STATE(s, c->pending);
		STATE(s, c->count_latch);
		STATE(s, c->status_latch);
		STATE(s, c->mode);
		STATE(s, c->access);
		STATE(s, c->write_low);
		STATE(s, c->read_left);
		state_bool(s, &c->bcd);
		state_bool(s, &c->gate);
		state_bool(s, &c->counting);
		state_bool(s, &c->loaded);
		state_bool(s, &c->write_high);
		state_bool(s, &c->read_high);
		state_bool(s, &c->status_latched);
		i8254_check_counter(c, s);
	}
	state_end(s);
	if (!s->loading)
		return;
	if (s->err)
		i8254_reset(pit);
	else
		i8254_arm(pit, now);
}
