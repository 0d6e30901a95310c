/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi.h - builds the ACPI tables of the PC in guest memory.
 *
 * Source: ACPI 6.4, chapter 5. RSDP, RSDT and XSDT, FADT (revision 3), FACS,
 * MADT, and a DSDT that describes the PCI root, its interrupt routing, the
 * ISA devices and power-off.
 */
#ifndef UMBRA_DEVICES_ACPI_H
#define UMBRA_DEVICES_ACPI_H

#include "runtime/base.h"

#define ACPI_TABLES_GPA	 0xe0000 /* where pc.c puts them: the RSDP first */
#define ACPI_TABLES_SIZE 0x4000

struct acpi_config {
	int cpus;
	u32 pci_mem_first; /* the window for PCI memory */
	u32 pci_mem_last;
};

/*
 * Writes all tables into mem, which the guest sees at gpa (64-byte aligned).
 * Returns the bytes used, or -ENOSPC.
 */
int acpi_build(const struct acpi_config *cfg, u8 *mem, size_t cap, u32 gpa);

#endif
