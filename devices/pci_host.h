/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci_host.h - PCI bus 0: configuration mechanism 1, an 82441FX host bridge
 * at 00:00.0, a PIIX3 ISA bridge at 00:01.0 that routes INTx, reset control.
 *
 * Data sheets: Intel 82441FX (290549), 82371SB PIIX3 (290550); PCI 2.1, 3.2.2.
 * Further functions are added by the board with pci_add(). An absent function
 * reads as all ones.
 */
#ifndef UMBRA_DEVICES_PCI_HOST_H
#define UMBRA_DEVICES_PCI_HOST_H

#include "bus.h"
#include "irq.h"
#include "state.h"

#define PCI_DEVFN(dev, fn) ((dev) << 3 | (fn))
#define PCI_MAX_FUNCTIONS  32
#define PCI_PIRQS	   4

/* reg 0..255; size 1, 2 or 4, never over a dword's end. */
struct pci_ops {
	u32 (*read)(void *opaque, unsigned reg, unsigned size);
	void (*write)(void *opaque, unsigned reg, unsigned size, u32 val);
};

/* A plain configuration space: bits in wmask can be written. */
struct pci_config {
	u8 space[256];
	u8 wmask[256];
};

extern const struct pci_ops pci_config_ops; /* opaque: struct pci_config */

void pci_config_set16(struct pci_config *c, unsigned reg, u16 val);
void pci_config_set32(struct pci_config *c, unsigned reg, u32 val);
void pci_config_state(struct pci_config *c, struct state *s);

struct pci_host {
	u32 address;	  /* CONFIG_ADDRESS */
	u8 reset_control; /* port cf9h */
	struct pci_config bridge;
	struct pci_config isa;
	struct {
		u8 devfn;
		const struct pci_ops *ops;
		void *opaque;
	} fn[PCI_MAX_FUNCTIONS];
	int count;
	u8 asserted[PCI_PIRQS][32]; /* per PIRQ and device: pins asserted */
	u16 irqs_high;		    /* ISA irqs we hold high */
	struct irq_line irq; /* set(n) with n the ISA irq; n itself unused */
	struct irq_line reset;
};

extern const struct bus_ops pci_host_ops; /* ports cf8h..cffh */

/* irq.set is called with ISA irq numbers; reset is raised for a reset. */
void pci_host_init(struct pci_host *host, struct irq_line irq,
		   struct irq_line reset);
void pci_host_reset(struct pci_host *host);

/* Adds a function; devfn must be free and not be 00:00.0 or 00:01.0. */
void pci_add(struct pci_host *host, u8 devfn, const struct pci_ops *ops,
	     void *opaque);

/* Level of a device's INTA..INTD (pin 0..3), routed by the PIRQ registers. */
void pci_intx(struct pci_host *host, u8 devfn, int pin, bool level);

/* The PIRQ (0..3: A..D) that a device's pin is wired to. */
static inline int pci_pirq(int dev, int pin)
{
	return (dev - 1 + pin) & 3;
}

void pci_host_state(struct pci_host *host, struct state *s);

#endif
