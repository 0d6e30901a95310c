/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi_pm.h - the ACPI fixed hardware: PM1a event and control blocks and the
 * power-management timer.
 *
 * Source: ACPI 6.4, 4.8.3. The machine is in ACPI mode from the start (SCI_EN
 * reads 1). The only sleep it knows is S5, power off, as SLP_TYP 0.
 */
#ifndef UMBRA_DEVICES_ACPI_PM_H
#define UMBRA_DEVICES_ACPI_PM_H

#include "bus.h"
#include "clock.h"
#include "irq.h"
#include "state.h"

#define ACPI_PM_PORT	 0x600 /* first of 12 ports */
#define ACPI_PM_PORTS	 12
#define ACPI_PM1_EVT	 0x600 /* status, enable: 16 bits each */
#define ACPI_PM1_CNT	 0x604
#define ACPI_PM_TMR	 0x608
#define ACPI_PM_TIMER_HZ 3579545ull
#define ACPI_SLP_TYP_S5	 0
#define ACPI_SCI_IRQ	 9

struct acpi_pm {
	u16 status;
	u16 enable;
	u16 control;
	u64 epoch; /* ns: the timer was 0 */
	u64 seen;  /* ns: TMR_STS is right up to here */
	struct irq_line sci;
	struct irq_line poweroff;
	const struct clock *clock;
	struct timers *timers;
	struct timer carry; /* when the timer's top bit changes */
};

extern const struct bus_ops acpi_pm_ops;

/* poweroff is raised when the guest enters S5. */
void acpi_pm_init(struct acpi_pm *pm, const struct clock *clock,
		  struct timers *timers, struct irq_line sci,
		  struct irq_line poweroff);
void acpi_pm_reset(struct acpi_pm *pm);

/* Somebody presses the power button: the guest is asked to shut down. */
void acpi_pm_power_button(struct acpi_pm *pm);

void acpi_pm_state(struct acpi_pm *pm, struct state *s);

#endif
