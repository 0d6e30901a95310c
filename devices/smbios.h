/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smbios.h - builds the tables by which firmware names the machine.
 *
 * Source: DMTF DSP0134 (SMBIOS 2.8), chapters 5 to 7. Firmware, system,
 * chassis, boot status; no serial numbers, since no two machines of ours
 * differ in anything but what E820 and ACPI tell.
 */
#ifndef UMBRA_DEVICES_SMBIOS_H
#define UMBRA_DEVICES_SMBIOS_H

#include "runtime/base.h"

/* Guests look for the entry point from 0xf0000 on, every 16 bytes. */
#define SMBIOS_GPA  0xf0000
#define SMBIOS_SIZE 0x400

/*
 * Writes entry point and structures into mem, which the guest sees at gpa.
 * Returns the bytes used, or -ENOSPC.
 */
int smbios_build(u8 *mem, size_t cap, u32 gpa);

#endif
