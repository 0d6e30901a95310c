// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ns16550.c - the UART. See ns16550.h for the contract and data sheet.
 */
#include <string.h>

#include "ns16550.h"

#define REG_DATA 0 /* RBR, THR; divisor low with DLAB */
#define REG_IER	 1 /* divisor high with DLAB */
#define REG_IIR	 2 /* write: FCR */
#define REG_LCR	 3
#define REG_MCR	 4
#define REG_LSR	 5
#define REG_MSR	 6
#define REG_SCR	 7

#define IER_RDA 0x01 /* received data available, and timeout */
#define IER_THR 0x02 /* transmitter holding register empty */
#define IER_RLS 0x04 /* receiver line status */
#define IER_MSR 0x08 /* modem status */

#define IIR_NONE    0x01
#define IIR_MSR	    0x00
#define IIR_THR	    0x02
#define IIR_RDA	    0x04
#define IIR_RLS	    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO    0xc0 /* FIFOs enabled */

#define FCR_ENABLE	  0x01
#define FCR_CLEAR_RX	  0x02
#define FCR_CLEAR_TX	  0x04
#define FCR_TRIGGER_SHIFT 6
#define FCR_KEPT	  0xc9 /* bits that stay */

#define LCR_DLAB 0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08 /* gates the interrupt on a PC */
#define MCR_LOOP 0x10

#define LSR_DR	 0x01 /* data ready */
#define LSR_OE	 0x02 /* overrun */
#define LSR_ERR	 0x1e /* overrun, parity, framing, break */
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define MSR_DCTS 0x01
#define MSR_DDSR 0x02
#define MSR_TERI 0x04 /* trailing edge of RI */
#define MSR_DDCD 0x08
#define MSR_CTS	 0x10
#define MSR_DSR	 0x20
#define MSR_RI	 0x40
#define MSR_DCD	 0x80

#define POLLS_WAITING 8 /* reads of LSR in a row: the guest waits for input */
#define TIMEOUT_CHARS 4
#define UART_CLOCK    1843200ull
#define CHAR_BITS     10

static const u8 ns16550_triggers[4] = {1, 4, 8, 14};

static unsigned ns16550_depth(const struct ns16550 *u)
{
	return u->fcr & FCR_ENABLE ? NS16550_FIFO : 1;
}

static unsigned ns16550_trigger(const struct ns16550 *u)
{
	if (!(u->fcr & FCR_ENABLE))
		return 1;
	return ns16550_triggers[u->fcr >> FCR_TRIGGER_SHIFT];
}

/* What IIR says: the pending interrupt of the highest priority. */
static u8 ns16550_iir(const struct ns16550 *u)
{
	if ((u->ier & IER_RLS) && u->lsr_err)
		return IIR_RLS;
	if ((u->ier & IER_RDA) && u->count >= ns16550_trigger(u))
		return IIR_RDA;
	if ((u->ier & IER_RDA) && u->timeout_pending)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THR) && u->thr_pending)
		return IIR_THR;
	if ((u->ier & IER_MSR) && u->msr_delta)
		return IIR_MSR;
	return IIR_NONE;
}

static void ns16550_update(struct ns16550 *u)
{
	/* in loopback OUT2 is cut off from its pin */
	bool gate = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&u->out, gate && ns16550_iir(u) != IIR_NONE);
}

/*
 * The time of a character at the guest's rate, but not slower than 115200
 * baud: our line is fast, and the timeout is what a person who types waits for.
 */
static u64 ns16550_char_ns(const struct ns16550 *u)
{
	u64 divisor = u->dll | u->dlm << 8;
	u64 ns = MAX(divisor, 1) * 16 * CHAR_BITS * NS_PER_SEC / UART_CLOCK;

	return MIN(ns, NS16550_BYTE_NS);
}

/* Data that stays below the trigger level raises the timeout interrupt. */
static void ns16550_arm_timeout(struct ns16550 *u, u64 now)
{
	u64 t = TIMER_NEVER;

	u->timeout_pending = false;
	if ((u->fcr & FCR_ENABLE) && (u->ier & IER_RDA) && u->count &&
	    u->count < ns16550_trigger(u))
		t = now + TIMEOUT_CHARS * ns16550_char_ns(u);
	timer_arm(u->timers, &u->timeout, t);
}

static void ns16550_timeout(void *opaque, u64 now)
{
	struct ns16550 *u = opaque;

	(void)now;
	u->timeout_pending = u->count != 0;
	ns16550_update(u);
}

static void ns16550_put(struct ns16550 *u, u8 byte)
{
	if (u->count == ns16550_depth(u)) {
		u->lsr_err |= LSR_OE;
		if (!(u->fcr & FCR_ENABLE))
			u->fifo[u->head] = byte; /* RBR is overwritten */
		return;
	}
	u->fifo[(u->head + u->count++) % NS16550_FIFO] = byte;
}

/*
 * Whether the guest is ready for input: it has enabled the receive interrupt,
 * or it polls. Bytes given earlier would be eaten by a driver that clears its
 * UART on opening. Since THR is always empty here, only somebody who waits
 * for input reads LSR many times in a row.
 */
static bool ns16550_may_receive(const struct ns16550 *u)
{
	if (u->mcr & MCR_LOOP)
		return false;
	if (!(u->ier & IER_RDA) && u->polls < POLLS_WAITING)
		return false;
	return (u->mcr & MCR_RTS) || !u->rts_used;
}

/* Takes back what the guest clears unread: to the sender it never left. */
static void ns16550_unread(struct ns16550 *u)
{
	if (!u->looped) {
		must(u->count + u->back_count <= NS16550_FIFO, "unread");
		memmove(u->back + u->count, u->back, u->back_count);
		for (unsigned i = 0; i < u->count; i++)
			u->back[i] = u->fifo[(u->head + i) % NS16550_FIFO];
		u->back_count += u->count;
	}
	u->looped = false;
	u->count = 0;
	u->head = 0;
}

static unsigned ns16550_take(struct ns16550 *u, u8 *buf, unsigned max)
{
	unsigned n = MIN(max, (unsigned)u->back_count);

	if (!n)
		return u->host.rx(u->host.opaque, buf, max);
	memcpy(buf, u->back, n);
	u->back_count -= n;
	memmove(u->back, u->back + n, u->back_count);
	return n;
}

/* True if the guest must have its rest first. Who polls is never overfed. */
static bool ns16550_rests(struct ns16550 *u, u64 now)
{
	if (now >= u->refill_at || !(u->ier & IER_RDA))
		u->burst = 0;
	if (u->burst < NS16550_BURST)
		return false;
	timer_arm(u->timers, &u->refill, u->refill_at);
	return true;
}

/* Takes a batch from the host, if the FIFO is empty and no rest is due. */
static void ns16550_fill(struct ns16550 *u, u64 now)
{
	u8 buf[NS16550_FIFO];
	unsigned n;

	if (u->count || !ns16550_may_receive(u) || ns16550_rests(u, now))
		return;
	n = ns16550_take(u, buf, ns16550_depth(u));
	must(n <= ns16550_depth(u), "host gave %u bytes", n);
	if (!n)
		return;
	for (unsigned i = 0; i < n; i++)
		ns16550_put(u, buf[i]);
	if (!u->burst)
		u->burst_at = now;
	u->burst += n;
	u->refill_at = u->burst_at + u->burst * NS16550_BYTE_NS;
	ns16550_arm_timeout(u, now);
	ns16550_update(u);
}

static void ns16550_refill(void *opaque, u64 now)
{
	ns16550_fill(opaque, now);
}

void ns16550_kick(struct ns16550 *u)
{
	ns16550_fill(u, clock_now(u->clock));
}

void ns16550_idle(struct ns16550 *u)
{
	u->burst = 0;
	ns16550_fill(u, clock_now(u->clock));
}

/* The guest has emptied the FIFO: more, or a rest in proportion. */
static void ns16550_drained(struct ns16550 *u, u64 now)
{
	u64 rest = (now - u->burst_at) * NS16550_REST;

	/* a guest that does not look for a second is not busy with us */
	u->refill_at = MAX(u->refill_at, now + MIN(rest, NS_PER_SEC / 50));
	ns16550_fill(u, now);
}

static u8 ns16550_read_data(struct ns16550 *u, u64 now)
{
	u8 byte = u->fifo[u->head];

	if (!u->count)
		return 0;
	u->head = (u->head + 1) % NS16550_FIFO;
	u->count--;
	ns16550_arm_timeout(u, now);
	if (!u->count) {
		u->looped = false;
		ns16550_drained(u, now);
	}
	return byte;
}

static u8 ns16550_msr_of(const struct ns16550 *u)
{
	u8 msr = 0;

	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (u->mcr & MCR_RTS)
		msr |= MSR_CTS;
	if (u->mcr & MCR_DTR)
		msr |= MSR_DSR;
	if (u->mcr & MCR_OUT1)
		msr |= MSR_RI;
	if (u->mcr & MCR_OUT2)
		msr |= MSR_DCD;
	return msr;
}

static void ns16550_modem_changed(struct ns16550 *u)
{
	u8 was = u->msr_lines;
	u8 is = ns16550_msr_of(u);

	u->msr_lines = is;
	u->msr_delta |= (was ^ is) >> 4 & (MSR_DCTS | MSR_DDSR | MSR_DDCD);
	if (was & ~is & MSR_RI)
		u->msr_delta |= MSR_TERI;
}

static u8 ns16550_read_iir(struct ns16550 *u)
{
	u8 iir = ns16550_iir(u);

	if (iir == IIR_THR)
		u->thr_pending = false;
	return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 ns16550_read_lsr(struct ns16550 *u, u64 now)
{
	u8 lsr;

	if (u->polls < POLLS_WAITING)
		u->polls++;
	else
		ns16550_fill(u, now);
	lsr = LSR_THRE | LSR_TEMT | u->lsr_err;
	u->lsr_err = 0;
	return lsr | (u->count ? LSR_DR : 0);
}

static u64 ns16550_read(void *opaque, u64 addr, unsigned size)
{
	struct ns16550 *u = opaque;
	u64 now = clock_now(u->clock);
	u8 val;

	(void)size;
	if ((addr & 7) != REG_LSR && (addr & 7) != REG_DATA)
		u->polls = 0;
	switch (addr & 7) {
	case REG_DATA:
		val = u->lcr & LCR_DLAB ? u->dll : ns16550_read_data(u, now);
		break;
	case REG_IER:
		val = u->lcr & LCR_DLAB ? u->dlm : u->ier;
		break;
	case REG_IIR:
		val = ns16550_read_iir(u);
		break;
	case REG_LCR:
		val = u->lcr;
		break;
	case REG_MCR:
		val = u->mcr;
		break;
	case REG_LSR:
		val = ns16550_read_lsr(u, now);
		break;
	case REG_MSR:
		val = u->msr_lines | u->msr_delta;
		u->msr_delta = 0;
		break;
	default:
		val = u->scr;
	}
	ns16550_update(u);
	return val;
}

static void ns16550_write_data(struct ns16550 *u, u8 val, u64 now)
{
	if (u->mcr & MCR_LOOP) {
		u->looped = true;
		ns16550_put(u, val);
		ns16550_arm_timeout(u, now);
	} else {
		u->host.tx(u->host.opaque, val);
	}
	u->thr_pending = true; /* it is empty again at once */
}

static void ns16550_write_ier(struct ns16550 *u, u8 val, u64 now)
{
	u8 was = u->ier;

	u->ier = val & 0x0f;
	/* enabling it while THR is empty raises it at once */
	if (u->ier & ~was & IER_THR)
		u->thr_pending = true;
	if ((u->ier ^ was) & IER_RDA) {
		ns16550_arm_timeout(u, now);
		ns16550_fill(u, now);
	}
}

static void ns16550_write_fcr(struct ns16550 *u, u8 val, u64 now)
{
	bool toggled = (u->fcr ^ val) & FCR_ENABLE;
	u8 was = u->fcr;

	u->fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
	if (toggled || (val & FCR_CLEAR_RX)) {
		ns16550_unread(u);
		ns16550_arm_timeout(u, now);
		ns16550_fill(u, now);
	} else if (u->fcr != was) {
		/* what waits may be below the trigger level now */
		ns16550_arm_timeout(u, now);
	}
	if (toggled || (val & FCR_CLEAR_TX))
		u->thr_pending = true;
}

static void ns16550_write_mcr(struct ns16550 *u, u8 val, u64 now)
{
	if (val & ~u->mcr & MCR_LOOP)
		ns16550_unread(u);
	u->mcr = val & 0x1f;
	if ((val & (MCR_RTS | MCR_LOOP)) == MCR_RTS)
		u->rts_used = true;
	ns16550_modem_changed(u);
	ns16550_fill(u, now);
}

static void ns16550_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct ns16550 *u = opaque;
	u64 now = clock_now(u->clock);

	(void)size;
	u->polls = 0;
	switch (addr & 7) {
	case REG_DATA:
		if (u->lcr & LCR_DLAB)
			u->dll = val;
		else
			ns16550_write_data(u, val, now);
		break;
	case REG_IER:
		if (u->lcr & LCR_DLAB)
			u->dlm = val;
		else
			ns16550_write_ier(u, val, now);
		break;
	case REG_IIR:
		ns16550_write_fcr(u, val, now);
		break;
	case REG_LCR:
		u->lcr = val;
		break;
	case REG_MCR:
		ns16550_write_mcr(u, val, now);
		break;
	case REG_SCR:
		u->scr = val;
		break;
	default: /* LSR and MSR are written by factory tests only */
		break;
	}
	ns16550_update(u);
}

const struct bus_ops ns16550_ops = {ns16550_read, ns16550_write, 1};

void ns16550_reset(struct ns16550 *u)
{
	u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
	u->dll = 12; /* 9600 baud, as firmware leaves it */
	u->dlm = 0;
	u->lsr_err = 0;
	u->msr_delta = 0;
	u->msr_lines = ns16550_msr_of(u);
	u->head = u->count = u->back_count = 0;
	u->looped = false;
	u->polls = 0;
	u->thr_pending = false;
	u->timeout_pending = false;
	u->rts_used = false;
	u->burst = 0;
	u->burst_at = u->refill_at = clock_now(u->clock);
	timer_disarm(u->timers, &u->timeout);
	timer_disarm(u->timers, &u->refill);
	ns16550_update(u);
}

void ns16550_init(struct ns16550 *u, const struct clock *clock,
		  struct timers *timers, struct irq_line out,
		  struct ns16550_host host)
{
	memset(u, 0, sizeof(*u));
	u->clock = clock;
	u->timers = timers;
	u->out = out;
	u->host = host;
	u->timeout.fire = ns16550_timeout;
	u->timeout.opaque = u;
	u->refill.fire = ns16550_refill;
	u->refill.opaque = u;
	ns16550_reset(u);
}

void ns16550_state(struct ns16550 *u, struct state *s)
{
	u64 now = clock_now(u->clock);

	if (!state_begin(s, "UART", 2))
		return;
	STATE(s, u->ier);
	STATE(s, u->fcr);
	STATE(s, u->lcr);
	STATE(s, u->mcr);
	STATE(s, u->scr);
	STATE(s, u->dll);
	STATE(s, u->dlm);
	STATE(s, u->lsr_err);
	STATE(s, u->msr_delta);
	STATE(s, u->msr_lines);
	STATE(s, u->fifo);
	STATE(s, u->head);
	STATE(s, u->count);
	STATE(s, u->back);
	STATE(s, u->back_count);
	state_bool(s, &u->looped);
	state_bool(s, &u->thr_pending);
	STATE(s, u->polls);
	STATE(s, u->burst);
	state_time(s, &u->burst_at, now);
	state_time(s, &u->refill_at, now);
	state_bool(s, &u->timeout_pending);
	state_bool(s, &u->rts_used);
	state_timer(s, u->timers, &u->timeout, now);
	state_timer(s, u->timers, &u->refill, now);
	state_end(s);
	if (!s->loading)
		return;
	u->lsr_err &= LSR_ERR;
	if (u->head >= NS16550_FIFO || u->count > ns16550_depth(u) ||
	    u->count + u->back_count > NS16550_FIFO)
		state_reject(s);
	if (s->err) {
		ns16550_reset(u);
		return;
	}
	ns16550_update(u);
}
