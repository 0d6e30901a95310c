/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic_impl.h - the local APIC's register numbers, and what the three
 * lapic*.c share. For these and their unit test.
 */
#ifndef UMBRA_DEVICES_LAPIC_IMPL_H
#define UMBRA_DEVICES_LAPIC_IMPL_H

#include "lapic.h"
#include "runtime/bits.h"

/* Register numbers: MMIO offset / 16, MSR - 800h. SDM tables 10-1, 10-6. */
#define REG_ID		  0x02
#define REG_VERSION	  0x03
#define REG_TPR		  0x08
#define REG_APR		  0x09
#define REG_PPR		  0x0a
#define REG_EOI		  0x0b
#define REG_RRD		  0x0c
#define REG_LDR		  0x0d
#define REG_DFR		  0x0e
#define REG_SVR		  0x0f
#define REG_ISR		  0x10 /* eight registers each */
#define REG_TMR		  0x18
#define REG_IRR		  0x20
#define REG_ESR		  0x28
#define REG_ICR_LOW	  0x30
#define REG_ICR_HIGH	  0x31
#define REG_LVT		  0x32 /* the six entries of enum lapic_lvt */
#define REG_TIMER_INITIAL 0x38
#define REG_TIMER_CURRENT 0x39
#define REG_TIMER_DIVIDE  0x3e
#define REG_SELF_IPI	  0x3f

enum lapic_lvt {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
};

#define LVT_MODE_SHIFT	    8
#define LVT_MODE(lvt)	    ((lvt) >> LVT_MODE_SHIFT & 7)
#define LVT_STATUS	    (1u << 12)
#define LVT_MASKED	    (1u << 16)
#define LVT_TIMER_SHIFT	    17
#define LVT_TIMER_MODE(lvt) ((lvt) >> LVT_TIMER_SHIFT & 3)
#define TIMER_ONE_SHOT	    0
#define TIMER_PERIODIC	    1
#define TIMER_DEADLINE	    2

#define SVR_ENABLE     0x100
#define LAPIC_SVR_KEPT 0x3ff

extern const u32 lapic_lvt_mask[LAPIC_LVTS];

bool lapic_is_enabled(const struct lapic *l);
bool lapic_is_x2(const struct lapic *l);
u8 lapic_ppr(const struct lapic *l);
void lapic_accept(struct lapic *l, u8 vector, bool level);
void lapic_error(struct lapic *l, u32 bit);
void lapic_eoi(struct lapic *l);
void lapic_send(struct lapic *l);
void lapic_update(struct lapic *l);
void lapic_signal_lvt(struct lapic *l, int n);

void lapic_timer_init(struct lapic *l);
void lapic_timer_reset(struct lapic *l);
void lapic_timer_update(struct lapic *l);
void lapic_timer_lvt_changed(struct lapic *l, u32 was);
void lapic_timer_set_initial(struct lapic *l, u32 val);
void lapic_timer_set_divide(struct lapic *l, u32 val);
u32 lapic_timer_current(const struct lapic *l, u64 now);

#endif
