/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mc146818.h - the real-time clock and its 128 bytes of battery-backed RAM.
 *
 * Data sheet: Motorola MC146818A; century byte and memory sizes as PC
 * firmware keeps them. The date is the machine's clock plus an offset, so
 * that nothing runs while nobody looks: a timer is armed only for an enabled
 * interrupt, and status flags are brought up to date when register C is read.
 */
#ifndef UMBRA_DEVICES_MC146818_H
#define UMBRA_DEVICES_MC146818_H

#include "bus.h"
#include "clock.h"
#include "irq.h"
#include "state.h"

#define RTC_SECONDS	  0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES	  0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS	  0x04
#define RTC_HOURS_ALARM	  0x05
#define RTC_DAY_OF_WEEK	  0x06 /* 1 is Sunday */
#define RTC_DAY		  0x07
#define RTC_MONTH	  0x08
#define RTC_YEAR	  0x09
#define RTC_REG_A	  0x0a
#define RTC_REG_B	  0x0b
#define RTC_REG_C	  0x0c
#define RTC_REG_D	  0x0d
#define RTC_CENTURY	  0x32

#define RTC_A_UIP  0x80 /* update in progress */
#define RTC_A_DV   0x70 /* divider: 2 runs, 6 and 7 hold it in reset */
#define RTC_A_RATE 0x0f

#define RTC_B_SET 0x80 /* updates stopped, the date may be set */
#define RTC_B_PIE 0x40 /* periodic interrupt */
#define RTC_B_AIE 0x20 /* alarm interrupt */
#define RTC_B_UIE 0x10 /* update-ended interrupt */
#define RTC_B_DM  0x04 /* 1 binary, 0 BCD */
#define RTC_B_24H 0x02

#define RTC_C_IRQF 0x80
#define RTC_C_PF   0x40
#define RTC_C_AF   0x20
#define RTC_C_UF   0x10

#define RTC_D_VRT 0x80 /* the battery is good */

struct mc146818 {
	u8 ram[128]; /* the date bytes in it are valid while RTC_B_SET */
	u8 index;
	u64 base;    /* ns of the clock at which ... */
	s64 base_ns; /* ... the date is this many ns after 1970 */
	u64 seen;    /* ns: flags of register C are right up to here */
	u64 divider; /* ns at which the periodic interrupt's divider was 0 */
	struct irq_line out;
	const struct clock *clock;
	struct timers *timers;
	struct timer timer;
};

extern const struct bus_ops mc146818_ops; /* ports 70h, 71h */

/* utc_ns: the date now, ns since 1970 (UTC). */
void mc146818_init(struct mc146818 *rtc, const struct clock *clock,
		   struct timers *timers, struct irq_line out, s64 utc_ns);

/* A reset clears interrupt enables and flags; date and RAM live on. */
void mc146818_reset(struct mc146818 *rtc);

/* Fills the bytes that firmware keeps: memory sizes, equipment, checksum. */
void mc146818_set_memory(struct mc146818 *rtc, u64 ram_size);

void mc146818_state(struct mc146818 *rtc, struct state *s);

#endif
