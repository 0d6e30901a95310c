/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic.h - the local APIC of the one CPU, as xAPIC (MMIO) and x2APIC (MSRs).
 *
 * Source: SDM vol. 3, chapter 10. It merges interrupts from the I/O APIC,
 * its own timer, self IPIs and, as virtual wire (LINT0 in ExtINT mode, or the
 * APIC disabled), the 8259's INT into the CPU's INTR pin.
 */
#ifndef UMBRA_DEVICES_LAPIC_H
#define UMBRA_DEVICES_LAPIC_H

#include "bus.h"
#include "clock.h"
#include "irq.h"
#include "state.h"

#define LAPIC_DEFAULT_BASE  0xfee00000ull
#define LAPIC_SIZE	    0x1000
#define LAPIC_MIN_PERIOD_NS 20000ull /* of a periodic timer */

#define LAPIC_BASE_BSP	   (1u << 8)
#define LAPIC_BASE_EXTD	   (1u << 10) /* x2APIC mode */
#define LAPIC_BASE_ENABLE  (1u << 11)
#define LAPIC_BASE_ADDRESS 0xffffff000ull

enum apic_mode {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

/* A message on the interrupt bus: from a pin, an IPI or an MSI write. */
struct apic_msg {
	u32 dest;
	u8 vector;
	u8 mode; /* enum apic_mode */
	bool logical;
	bool level; /* level triggered: the EOI is broadcast */
};

struct lapic_board {
	void *opaque;
	void (*intr)(void *opaque, bool level);
	void (*nmi)(void *opaque);
	void (*init)(void *opaque);
	void (*eoi)(void *opaque, u8 vector); /* level interrupts only */
	u64 (*tsc_now)(void *opaque);
	u64 (*tsc_to_ns)(void *opaque, u64 tsc); /* on the machine's clock */
};

#define LAPIC_LVTS 6 /* timer, thermal, performance, LINT0, LINT1, error */

struct lapic {
	u64 base_msr;
	u64 timer_start;  /* ns: when the count began at timer_initial */
	u64 tsc_deadline; /* 0: disarmed */
	u64 hz;		  /* of the timer's input clock */
	u32 irr[8], isr[8], tmr[8];
	u32 id, ldr, dfr, svr;
	u32 esr;	/* what reading gives */
	u32 esr_latent; /* errors since ESR was last written */
	u32 icr_low, icr_high;
	u32 lvt[LAPIC_LVTS];
	u32 timer_initial; /* 0: stopped */
	u32 timer_divide;  /* the DCR register */
	u8 tpr;
	bool timer_ran;	   /* one-shot: the count has reached 0 */
	bool lint0;	   /* level of the 8259's INT */
	bool extint_latch; /* an I/O APIC pin in ExtINT mode has fired */
	bool level;	   /* of the INTR pin */
	const struct clock *clock;
	struct timers *timers;
	struct timer timer;
	struct lapic_board board;
};

extern const struct bus_ops lapic_ops;

void lapic_init(struct lapic *l, const struct clock *clock,
		struct timers *timers, const struct lapic_board *board,
		u64 timer_hz);

/* Power-up reset, then the virtual wire that firmware sets up. */
void lapic_reset(struct lapic *l);

/* What INIT does: all but ID and APIC_BASE. */
void lapic_cpu_init(struct lapic *l);

/* The 8259's INT pin. An irq_line set function. */
void lapic_set_lint0(void *opaque, int n, bool level);

/* The CPU's NMI pin through LINT1. */
void lapic_raise_lint1(struct lapic *l);

/* Takes a message; false if it is not for this APIC. */
bool lapic_deliver(struct lapic *l, const struct apic_msg *msg);

/*
 * The CPU accepts INTR: returns the vector, or LAPIC_ACK_EXTINT when the
 * vector is the 8259's to give, or LAPIC_ACK_NONE when INTR has gone.
 */
#define LAPIC_ACK_NONE	 (-1)
#define LAPIC_ACK_EXTINT (-2)
int lapic_intack(struct lapic *l);

/* x2APIC MSRs 800h-8ffh: 0, or -EINVAL where the CPU raises #GP. */
int lapic_msr_read(struct lapic *l, u32 msr, u64 *val);
int lapic_msr_write(struct lapic *l, u32 msr, u64 val);

/* IA32_APIC_BASE; -EINVAL for #GP. The board moves the MMIO range. */
int lapic_base_write(struct lapic *l, u64 val);

/* IA32_TSC_DEADLINE. */
u64 lapic_deadline_read(const struct lapic *l);
void lapic_deadline_write(struct lapic *l, u64 tsc);

/* CR8: the task priority class. */
u8 lapic_cr8_read(const struct lapic *l);
void lapic_cr8_write(struct lapic *l, u8 val);

void lapic_state(struct lapic *l, struct state *s);

#endif
