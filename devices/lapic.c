// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lapic.c - the local APIC: what is pending, messages in and out, modes. See
 * lapic.h for the contract; registers are in lapic_regs.c, the timer in
 * lapic_timer.c.
 */
#include <string.h>

#include "lapic_impl.h"
#include "runtime/log.h"

#define ESR_SEND_ILLEGAL    0x20 /* vector below 16 sent */
#define ESR_RECEIVE_ILLEGAL 0x40 /* vector below 16 received */

#define DFR_FLAT 0xf0000000u

#define ICR_MODE_SHIFT	    8
#define ICR_LOGICAL	    (1u << 11)
#define ICR_ASSERT	    (1u << 14)
#define ICR_LEVEL	    (1u << 15)
#define ICR_SHORTHAND_SHIFT 18
enum icr_shorthand { ICR_DEST, ICR_SELF, ICR_ALL, ICR_OTHERS };

#define VECTOR_FIRST 16

static void bits_set(u32 *map, u8 v)
{
	map[v >> 5] |= 1u << (v & 31);
}

static void bits_clear(u32 *map, u8 v)
{
	map[v >> 5] &= ~(1u << (v & 31));
}

static bool bits_test(const u32 *map, u8 v)
{
	return map[v >> 5] >> (v & 31) & 1;
}

/* The highest vector set, or -1. */
static int bits_highest(const u32 *map)
{
	for (int i = 7; i >= 0; i--) {
		if (map[i])
			return i * 32 + 31 - __builtin_clz(map[i]);
	}
	return -1;
}

bool lapic_is_enabled(const struct lapic *l)
{
	return (l->base_msr & LAPIC_BASE_ENABLE) && (l->svr & SVR_ENABLE);
}

bool lapic_is_x2(const struct lapic *l)
{
	return l->base_msr & LAPIC_BASE_EXTD;
}

u8 lapic_ppr(const struct lapic *l)
{
	int isrv = bits_highest(l->isr);
	u8 class = isrv < 0 ? 0 : isrv & 0xf0;

	return (l->tpr & 0xf0) >= class ? l->tpr : class;
}

/* The vector the CPU would get now, or -1. */
static int lapic_pending(const struct lapic *l)
{
	int v = bits_highest(l->irr);

	if (!lapic_is_enabled(l) || v < 0)
		return -1;
	return (v & 0xf0) > (lapic_ppr(l) & 0xf0) ? v : -1;
}

static bool lapic_extint_pending(const struct lapic *l)
{
	u32 lint0 = l->lvt[LVT_LINT0];

	if (!l->lint0)
		return false;
	if (!(l->base_msr & LAPIC_BASE_ENABLE) || l->extint_latch)
		return true;
	return !(lint0 & LVT_MASKED) && LVT_MODE(lint0) == APIC_EXTINT;
}

void lapic_update(struct lapic *l)
{
	bool level = lapic_pending(l) >= 0 || lapic_extint_pending(l);

	if (level == l->level)
		return;
	l->level = level;
	l->board.intr(l->board.opaque, level);
}

void lapic_accept(struct lapic *l, u8 vector, bool level)
{
	if (!lapic_is_enabled(l))
		return;
	if (vector < VECTOR_FIRST) {
		lapic_error(l, ESR_RECEIVE_ILLEGAL);
		return;
	}
	bits_set(l->irr, vector);
	if (level)
		bits_set(l->tmr, vector);
	else
		bits_clear(l->tmr, vector);
	lapic_update(l);
}

static void lapic_signal(struct lapic *l, u8 mode, u8 vector, bool level)
{
	LOG(LOG_PIC, "lapic gets mode %u vector %#x", mode, vector);
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		lapic_accept(l, vector, level);
		break;
	case APIC_NMI:
		l->board.nmi(l->board.opaque);
		break;
	case APIC_INIT:
		l->board.init(l->board.opaque);
		break;
	case APIC_EXTINT:
		l->extint_latch = true;
		lapic_update(l);
		break;
	default: /* no SMM; the only CPU is running, SIPI does nothing */
		break;
	}
}

/* A local event: LVT entry n. */
void lapic_signal_lvt(struct lapic *l, int n)
{
	u32 lvt = l->lvt[n];
	u8 mode = n == LVT_TIMER || n == LVT_ERROR ? APIC_FIXED : LVT_MODE(lvt);

	if (!(lvt & LVT_MASKED))
		lapic_signal(l, mode, lvt & 0xff, false);
}

/* An error never errs again: its LVT entry with a bad vector is dropped. */
void lapic_error(struct lapic *l, u32 bit)
{
	bool first = !(l->esr_latent & bit);

	l->esr_latent |= bit;
	if (first && (l->lvt[LVT_ERROR] & 0xff) >= VECTOR_FIRST)
		lapic_signal_lvt(l, LVT_ERROR);
}

static bool lapic_matches_logical(const struct lapic *l, u32 dest)
{
	u8 ldr = l->ldr >> 24;

	if (lapic_is_x2(l))
		return dest >> 16 == l->ldr >> 16 && (dest & l->ldr & 0xffff);
	if ((l->dfr & DFR_FLAT) == DFR_FLAT)
		return dest & ldr;
	return !((dest ^ ldr) & 0xf0) && (dest & ldr & 0x0f);
}

static bool lapic_matches(const struct lapic *l, u32 dest, bool logical)
{
	if (dest == (lapic_is_x2(l) ? UINT32_MAX : 0xff))
		return true;
	if (logical)
		return lapic_matches_logical(l, dest);
	return dest == (lapic_is_x2(l) ? l->id : l->id >> 24);
}

bool lapic_deliver(struct lapic *l, const struct apic_msg *msg)
{
	u32 dest = msg->dest;

	if (!(l->base_msr & LAPIC_BASE_ENABLE))
		return false;
	/* I/O APIC and MSI destinations have 8 bits, in x2APIC mode too */
	if (lapic_is_x2(l) && dest == 0xff)
		dest = UINT32_MAX;
	if (!lapic_matches(l, dest, msg->logical))
		return false;
	lapic_signal(l, msg->mode, msg->vector, msg->level);
	return true;
}

void lapic_set_lint0(void *opaque, int n, bool level)
{
	struct lapic *l = opaque;
	bool rise = level && !l->lint0;

	(void)n;
	l->lint0 = level;
	if (!level)
		l->extint_latch = false;
	if (rise && LVT_MODE(l->lvt[LVT_LINT0]) != APIC_EXTINT &&
	    (l->base_msr & LAPIC_BASE_ENABLE))
		lapic_signal_lvt(l, LVT_LINT0);
	lapic_update(l);
}

void lapic_raise_lint1(struct lapic *l)
{
	if (l->base_msr & LAPIC_BASE_ENABLE)
		lapic_signal_lvt(l, LVT_LINT1);
	else
		l->board.nmi(l->board.opaque);
}

int lapic_intack(struct lapic *l)
{
	int v = lapic_pending(l);

	if (v >= 0) {
		bits_clear(l->irr, v);
		bits_set(l->isr, v);
		lapic_update(l);
		return v;
	}
	if (!lapic_extint_pending(l))
		return LAPIC_ACK_NONE;
	l->extint_latch = false;
	return LAPIC_ACK_EXTINT;
}

void lapic_eoi(struct lapic *l)
{
	int v = bits_highest(l->isr);

	if (v < 0)
		return;
	bits_clear(l->isr, v);
	if (bits_test(l->tmr, v))
		l->board.eoi(l->board.opaque, v);
	lapic_update(l);
}

void lapic_send(struct lapic *l)
{
	u32 icr = l->icr_low;
	u8 mode = icr >> ICR_MODE_SHIFT & 7;
	u8 vector = icr & 0xff;
	u32 dest = lapic_is_x2(l) ? l->icr_high : l->icr_high >> 24;

	if (vector < VECTOR_FIRST && mode <= APIC_LOWEST) {
		lapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	/* INIT level de-assert only synchronises old APICs' arbitration */
	if (mode == APIC_INIT && (icr & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
		return;
	switch ((enum icr_shorthand)(icr >> ICR_SHORTHAND_SHIFT & 3)) {
	case ICR_OTHERS: /* there are none */
		return;
	case ICR_SELF:
		if (mode > APIC_LOWEST)
			return; /* invalid: only fixed may go to oneself */
		break;
	case ICR_ALL:
		break;
	case ICR_DEST:
		if (!lapic_matches(l, dest, icr & ICR_LOGICAL))
			return;
		break;
	}
	if (mode != APIC_EXTINT)
		lapic_signal(l, mode, vector, false);
}

u8 lapic_cr8_read(const struct lapic *l)
{
	return l->tpr >> 4;
}

void lapic_cr8_write(struct lapic *l, u8 val)
{
	l->tpr = (val & 0x0f) << 4;
	lapic_update(l);
}

void lapic_cpu_init(struct lapic *l)
{
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	l->dfr = UINT32_MAX;
	l->svr = 0xff;
	l->esr = l->esr_latent = 0;
	l->icr_low = l->icr_high = 0;
	l->tpr = 0;
	l->extint_latch = false;
	if (!lapic_is_x2(l))
		l->ldr = 0;
	for (int i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] = LVT_MASKED;
	lapic_timer_reset(l);
	lapic_update(l);
}

int lapic_base_write(struct lapic *l, u64 val)
{
	u64 modes = LAPIC_BASE_ENABLE | LAPIC_BASE_EXTD;
	u64 to = val & modes;
	u64 from = l->base_msr & modes;

	if (val & ~(LAPIC_BASE_ADDRESS | LAPIC_BASE_BSP | modes))
		return -EINVAL;
	/* SDM fig. 10-27: the only way into x2APIC is from xAPIC, and the
	 * only way out is to off */
	if (to == LAPIC_BASE_EXTD || (to == modes && !from) ||
	    (from == modes && to == LAPIC_BASE_ENABLE))
		return -EINVAL;
	l->base_msr = val;
	if (to == from)
		return 0;
	if (!to) {
		l->id = 0;
		l->ldr = 0;
		lapic_cpu_init(l);
	} else if (to == modes) {
		l->id = 0;
		l->ldr = 1; /* cluster 0, bit of id 0 */
		l->icr_high = 0;
	}
	lapic_update(l);
	return 0;
}

void lapic_reset(struct lapic *l)
{
	l->base_msr = LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE | LAPIC_BASE_BSP;
	l->id = 0;
	lapic_cpu_init(l);
	l->svr = 0xff | SVR_ENABLE;
	l->lvt[LVT_LINT0] = APIC_EXTINT << LVT_MODE_SHIFT;
	l->lvt[LVT_LINT1] = APIC_NMI << LVT_MODE_SHIFT;
	lapic_update(l);
}

void lapic_init(struct lapic *l, const struct clock *clock,
		struct timers *timers, const struct lapic_board *board,
		u64 timer_hz)
{
	memset(l, 0, sizeof(*l));
	l->clock = clock;
	l->timers = timers;
	l->board = *board;
	l->hz = timer_hz;
	lapic_timer_init(l);
	lapic_reset(l);
}

static void lapic_check(struct lapic *l, struct state *s)
{
	u64 modes = l->base_msr & (LAPIC_BASE_ENABLE | LAPIC_BASE_EXTD);

	if (modes == LAPIC_BASE_EXTD)
		state_reject(s);
	for (int i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] &= lapic_lvt_mask[i] | LVT_MASKED;
	l->irr[0] &= 0xffff0000;
	l->isr[0] &= 0xffff0000;
	l->svr &= LAPIC_SVR_KEPT;
	l->timer_divide &= 0x0b;
}

void lapic_state(struct lapic *l, struct state *s)
{
	u64 now = clock_now(l->clock);

	if (!state_begin(s, "APIC", 1))
		return;
	STATE(s, l->base_msr);
	STATE(s, l->tsc_deadline);
	state_time(s, &l->timer_start, now);
	STATE(s, l->irr);
	STATE(s, l->isr);
	STATE(s, l->tmr);
	STATE(s, l->id);
	STATE(s, l->ldr);
	STATE(s, l->dfr);
	STATE(s, l->svr);
	STATE(s, l->esr);
	STATE(s, l->esr_latent);
	STATE(s, l->icr_low);
	STATE(s, l->icr_high);
	STATE(s, l->lvt);
	STATE(s, l->timer_initial);
	STATE(s, l->timer_divide);
	STATE(s, l->tpr);
	state_bool(s, &l->timer_ran);
	state_bool(s, &l->lint0);
	state_bool(s, &l->extint_latch);
	state_end(s);
	if (!s->loading)
		return;
	if (!s->err)
		lapic_check(l, s);
	if (s->err) {
		lapic_reset(l);
		return;
	}
	lapic_timer_update(l);
	lapic_update(l);
}
