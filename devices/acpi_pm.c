// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * acpi_pm.c - ACPI fixed hardware. See acpi_pm.h for the contract.
 */
#include <string.h>

#include "acpi_pm.h"
#include "runtime/log.h"

#define PM1_TMR	    0x0001 /* the timer's top bit has changed */
#define PM1_GBL	    0x0020
#define PM1_PWRBTN  0x0100
#define PM1_RTC	    0x0400 /* wake by the RTC: stored, there is no sleep */
#define PM1_WAK	    0x8000
#define PM1_ENABLES (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)

#define CNT_SCI_EN	  0x0001
#define CNT_SLP_TYP_SHIFT 10
#define CNT_SLP_EN	  0x2000 /* write only */
#define CNT_WRITABLE	  0x1c02 /* SLP_TYP, BM_RLD */

#define TIMER_TOP_SHIFT 31

static u64 acpi_pm_ticks(const struct acpi_pm *pm, u64 now)
{
	return clock_scale(now - pm->epoch, ACPI_PM_TIMER_HZ, NS_PER_SEC);
}

static void acpi_pm_sync(struct acpi_pm *pm, u64 now)
{
	if (acpi_pm_ticks(pm, pm->seen) >> TIMER_TOP_SHIFT !=
	    acpi_pm_ticks(pm, now) >> TIMER_TOP_SHIFT)
		pm->status |= PM1_TMR;
	pm->seen = now;
	irq_set(&pm->sci, pm->status & pm->enable & PM1_ENABLES);
}

static void acpi_pm_arm(struct acpi_pm *pm, u64 now)
{
	u64 next = (acpi_pm_ticks(pm, now) >> TIMER_TOP_SHIFT) + 1;
	u64 t = TIMER_NEVER;

	if ((pm->enable & PM1_TMR) && !(pm->status & PM1_TMR))
		t = pm->epoch + clock_scale_up(next << TIMER_TOP_SHIFT,
					       NS_PER_SEC, ACPI_PM_TIMER_HZ);
	timer_arm(pm->timers, &pm->carry, t);
}

static void acpi_pm_carry(void *opaque, u64 now)
{
	struct acpi_pm *pm = opaque;

	acpi_pm_sync(pm, now);
	acpi_pm_arm(pm, now);
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->status |= PM1_PWRBTN;
	acpi_pm_sync(pm, clock_now(pm->clock));
}

/* The 12 bytes as the guest sees them. */
static u64 acpi_pm_read(void *opaque, u64 port, unsigned size)
{
	struct acpi_pm *pm = opaque;
	unsigned offset = port - ACPI_PM_PORT;
	u64 now = clock_now(pm->clock);
	u8 image[ACPI_PM_PORTS + 4] = {0};
	u32 ticks = (u32)acpi_pm_ticks(pm, now);
	u16 control = pm->control | CNT_SCI_EN;
	u32 val;

	acpi_pm_sync(pm, now);
	memcpy(image, &pm->status, 2);
	memcpy(image + 2, &pm->enable, 2);
	memcpy(image + 4, &control, 2);
	memcpy(image + 8, &ticks, 4);
	memcpy(&val, image + offset, 4);
	(void)size; /* the bus cuts it to size */
	return val;
}

static void acpi_pm_write_control(struct acpi_pm *pm, u16 val)
{
	unsigned typ = val >> CNT_SLP_TYP_SHIFT & 7;

	pm->control = val & CNT_WRITABLE;
	if (!(val & CNT_SLP_EN))
		return;
	if (typ != ACPI_SLP_TYP_S5) {
		LOG(LOG_UNIMP, "sleep type %u", typ);
		return;
	}
	irq_set(&pm->poweroff, true);
	irq_set(&pm->poweroff, false);
}

/* Registers may be written whole, by halves and two at once. */
static void acpi_pm_write(void *opaque, u64 port, unsigned size, u64 val)
{
	struct acpi_pm *pm = opaque;
	unsigned offset = port - ACPI_PM_PORT;
	u64 now = clock_now(pm->clock);
	u8 image[ACPI_PM_PORTS + 4] = {0};
	u16 word[3];

	acpi_pm_sync(pm, now);
	memcpy(image + 2, &pm->enable, 2);
	memcpy(image + 4, &pm->control, 2);
	memcpy(image + offset, &val, size);
	memcpy(word, image, sizeof(word));
	pm->status &= ~word[0]; /* 1 clears */
	pm->enable = word[1] & PM1_ENABLES;
	acpi_pm_sync(pm, now);
	acpi_pm_arm(pm, now);
	if (offset < 6 && offset + size > 4)
		acpi_pm_write_control(pm, word[2]);
}

const struct bus_ops acpi_pm_ops = {acpi_pm_read, acpi_pm_write, 4};

void acpi_pm_reset(struct acpi_pm *pm)
{
	pm->status = 0;
	pm->enable = 0;
	pm->control = 0;
	pm->seen = clock_now(pm->clock);
	timer_disarm(pm->timers, &pm->carry);
	irq_set(&pm->sci, false);
}

void acpi_pm_init(struct acpi_pm *pm, const struct clock *clock,
		  struct timers *timers, struct irq_line sci,
		  struct irq_line poweroff)
{
	memset(pm, 0, sizeof(*pm));
	pm->clock = clock;
	pm->epoch = clock_now(clock);
	pm->timers = timers;
	pm->sci = sci;
	pm->poweroff = poweroff;
	pm->carry.fire = acpi_pm_carry;
	pm->carry.opaque = pm;
	acpi_pm_reset(pm);
}

void acpi_pm_state(struct acpi_pm *pm, struct state *s)
{
	u64 now = clock_now(pm->clock);

	acpi_pm_sync(pm, now); /* a carry that nobody has seen yet */
	if (!state_begin(s, "ACPM", 1))
		return;
	STATE(s, pm->status);
	STATE(s, pm->enable);
	STATE(s, pm->control);
	state_time(s, &pm->epoch, now);
	state_end(s);
	if (!s->loading || s->err)
		return;
	pm->enable &= PM1_ENABLES;
	pm->control &= CNT_WRITABLE;
	pm->seen = now;
	acpi_pm_sync(pm, now);
	acpi_pm_arm(pm, now);
}
