// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pci_host.c - configuration cycles, bridges and INTx routing. See
 * pci_host.h for the contract and data sheets.
 */
#include <string.h>

#include "pci_host.h"

#define CONFIG_ADDRESS 0xcf8
#define RESET_CONTROL  0xcf9
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define RESET_FULL 0x02 /* hard rather than soft: the same here */
#define RESET_CPU  0x04 /* rising edge resets */

#define PCI_VENDOR	0x00
#define PCI_DEVICE	0x02
#define PCI_COMMAND	0x04
#define PCI_STATUS	0x06
#define PCI_CLASS_REV	0x08
#define PCI_CMD_FIXED	0x0007 /* I/O, memory, bus master: always on */
#define PCI_STATUS_FAST 0x0080 /* fast back-to-back */
#define PCI_DEVSEL_MED	0x0200

#define PIIX3_PIRQ     0x60 /* PIRQRCA..D: routing of PIRQA..D */
#define PIIX3_PIRQ_OFF 0x80
#define PIIX3_PIRQ_IRQ 0x0f

/* The irqs that PIIX3 can route to: 3-7, 9-12, 14, 15. */
#define PIIX3_IRQS 0xdef8

void pci_config_set16(struct pci_config *c, unsigned reg, u16 val)
{
	c->space[reg] = val & 0xff;
	c->space[reg + 1] = val >> 8;
}

void pci_config_set32(struct pci_config *c, unsigned reg, u32 val)
{
	pci_config_set16(c, reg, val & 0xffff);
	pci_config_set16(c, reg + 2, val >> 16);
}

static u32 pci_config_read(void *opaque, unsigned reg, unsigned size)
{
	const struct pci_config *c = opaque;
	u32 val = 0;

	for (unsigned i = 0; i < size; i++)
		val |= (u32)c->space[(reg + i) & 0xff] << i * 8;
	return val;
}

static void pci_config_write(void *opaque, unsigned reg, unsigned size, u32 val)
{
	struct pci_config *c = opaque;

	for (unsigned i = 0; i < size; i++) {
		unsigned r = (reg + i) & 0xff;
		u8 mask = c->wmask[r];

		c->space[r] = (c->space[r] & ~mask) | (val >> i * 8 & mask);
	}
}

const struct pci_ops pci_config_ops = {pci_config_read, pci_config_write};

void pci_config_state(struct pci_config *c, struct state *s)
{
	struct pci_config got = *c;

	STATE(s, got.space);
	/* only what the guest may write is taken from the file */
	for (unsigned i = 0; i < sizeof(c->space) && s->loading; i++)
		c->space[i] = (c->space[i] & ~c->wmask[i]) |
			      (got.space[i] & c->wmask[i]);
}

static void pci_host_update_irqs(struct pci_host *h)
{
	u16 high = 0;

	for (int p = 0; p < PCI_PIRQS; p++) {
		u8 route = h->isa.space[PIIX3_PIRQ + p];
		u16 bit = 1u << (route & PIIX3_PIRQ_IRQ);
		bool on = false;

		for (int dev = 0; dev < 32; dev++)
			on = on || h->asserted[p][dev];
		if (on && !(route & PIIX3_PIRQ_OFF))
			high |= bit & PIIX3_IRQS;
	}
	for (int irq = 0; irq < 16; irq++) {
		if ((high ^ h->irqs_high) & 1u << irq)
			h->irq.set(h->irq.opaque, irq, high & 1u << irq);
	}
	h->irqs_high = high;
}

void pci_intx(struct pci_host *h, u8 devfn, int pin, bool level)
{
	int dev = devfn >> 3;
	u8 bit = 1u << (devfn & 7);
	u8 *a = &h->asserted[pci_pirq(dev, pin)][dev];

	*a = level ? *a | bit : *a & ~bit;
	pci_host_update_irqs(h);
}

static u32 pci_isa_read(void *opaque, unsigned reg, unsigned size)
{
	struct pci_host *h = opaque;

	return pci_config_read(&h->isa, reg, size);
}

static void pci_isa_write(void *opaque, unsigned reg, unsigned size, u32 val)
{
	struct pci_host *h = opaque;

	pci_config_write(&h->isa, reg, size, val);
	pci_host_update_irqs(h);
}

static const struct pci_ops pci_isa_ops = {pci_isa_read, pci_isa_write};

static int pci_find(const struct pci_host *h, u8 devfn)
{
	for (int i = 0; i < h->count; i++) {
		if (h->fn[i].devfn == devfn)
			return i;
	}
	return -1;
}

void pci_add(struct pci_host *h, u8 devfn, const struct pci_ops *ops,
	     void *opaque)
{
	must(h->count < PCI_MAX_FUNCTIONS, "PCI bus is full");
	must(pci_find(h, devfn) < 0, "devfn %#x is taken", devfn);
	h->fn[h->count].devfn = devfn;
	h->fn[h->count].ops = ops;
	h->fn[h->count].opaque = opaque;
	h->count++;
}

/* The function that CONFIG_ADDRESS selects, or -1. */
static int pci_selected(const struct pci_host *h)
{
	if (!(h->address & CONFIG_ENABLE) || (h->address >> 16 & 0xff))
		return -1;
	return pci_find(h, h->address >> 8 & 0xff);
}

static unsigned pci_reg(const struct pci_host *h, u64 port)
{
	return (h->address & 0xfc) | (port & 3);
}

static u64 pci_host_read(void *opaque, u64 port, unsigned size)
{
	struct pci_host *h = opaque;
	int i;

	if (port == CONFIG_ADDRESS && size == 4)
		return h->address;
	if (port == RESET_CONTROL && size == 1)
		return h->reset_control;
	if (port < CONFIG_DATA)
		return UINT64_MAX;
	i = pci_selected(h);
	if (i < 0 || (port & 3) + size > 4)
		return UINT64_MAX;
	return h->fn[i].ops->read(h->fn[i].opaque, pci_reg(h, port), size);
}

static void pci_host_write_reset(struct pci_host *h, u8 val)
{
	bool rise = val & ~h->reset_control & RESET_CPU;

	h->reset_control = val & (RESET_FULL | RESET_CPU);
	if (!rise)
		return;
	irq_set(&h->reset, true);
	irq_set(&h->reset, false);
}

static void pci_host_write(void *opaque, u64 port, unsigned size, u64 val)
{
	struct pci_host *h = opaque;
	int i;

	if (port == CONFIG_ADDRESS && size == 4) {
		h->address = val & 0x80fffffc;
	} else if (port == RESET_CONTROL && size == 1) {
		pci_host_write_reset(h, val);
	} else if (port >= CONFIG_DATA && (port & 3) + size <= 4) {
		i = pci_selected(h);
		if (i >= 0)
			h->fn[i].ops->write(h->fn[i].opaque, pci_reg(h, port),
					    size, val);
	}
}

const struct bus_ops pci_host_ops = {pci_host_read, pci_host_write, 4};

static void pci_host_reset_bridge(struct pci_config *c)
{
	memset(c, 0, sizeof(*c));
	pci_config_set16(c, PCI_VENDOR, 0x8086);
	pci_config_set16(c, PCI_DEVICE, 0x1237);
	pci_config_set16(c, PCI_COMMAND, 0x0006);
	pci_config_set16(c, PCI_STATUS, PCI_DEVSEL_MED | PCI_STATUS_FAST);
	pci_config_set32(c, PCI_CLASS_REV, 0x06000002);
	/* PAM0..6 and SMRAM can be written and have no effect */
	memset(c->wmask + 0x59, 0xff, 7);
	c->wmask[0x72] = 0x7f;
}

static void pci_host_reset_isa(struct pci_config *c)
{
	memset(c, 0, sizeof(*c));
	pci_config_set16(c, PCI_VENDOR, 0x8086);
	pci_config_set16(c, PCI_DEVICE, 0x7000);
	pci_config_set16(c, PCI_COMMAND, PCI_CMD_FIXED);
	pci_config_set16(c, PCI_STATUS, PCI_DEVSEL_MED);
	pci_config_set32(c, PCI_CLASS_REV, 0x06010000);
	for (int p = 0; p < PCI_PIRQS; p++) {
		/* firmware's choice, the one the ACPI tables speak of */
		c->space[PIIX3_PIRQ + p] = p & 1 ? 11 : 10;
		c->wmask[PIIX3_PIRQ + p] = PIIX3_PIRQ_OFF | PIIX3_PIRQ_IRQ;
	}
	c->wmask[0x4c] = 0xff; /* ISA I/O recovery */
	c->wmask[0x4e] = 0xff; /* X-bus chip select */
	c->wmask[0x4f] = 0x01;
}

void pci_host_reset(struct pci_host *h)
{
	h->address = 0;
	h->reset_control = 0;
	pci_host_reset_bridge(&h->bridge);
	pci_host_reset_isa(&h->isa);
	pci_host_update_irqs(h);
}

void pci_host_init(struct pci_host *h, struct irq_line irq,
		   struct irq_line reset)
{
	must(irq.set, "INTx goes nowhere");
	memset(h, 0, sizeof(*h));
	h->irq = irq;
	h->reset = reset;
	pci_host_reset(h);
	pci_add(h, PCI_DEVFN(0, 0), &pci_config_ops, &h->bridge);
	pci_add(h, PCI_DEVFN(1, 0), &pci_isa_ops, h);
}

void pci_host_state(struct pci_host *h, struct state *s)
{
	if (!state_begin(s, "PCI0", 1))
		return;
	STATE(s, h->address);
	STATE(s, h->reset_control);
	STATE(s, h->asserted);
	pci_config_state(&h->bridge, s);
	pci_config_state(&h->isa, s);
	state_end(s);
	if (s->loading && !s->err) {
		h->address &= 0x80fffffc;
		h->irqs_high = 0;
		pci_host_update_irqs(h);
	}
}
