/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugexit.h - a port that ends the machine with a status.
 *
 * Writing v ends umbra with exit status v (QEMU's isa-debug-exit, which this
 * resembles, gives v << 1 | 1). Four ports, any access size; reads give 0,
 * so that a guest can tell the device from an empty bus.
 */
#ifndef UMBRA_DEVICES_DEBUGEXIT_H
#define UMBRA_DEVICES_DEBUGEXIT_H

#include "bus.h"

#define DEBUGEXIT_PORTS 4

struct debugexit {
	void (*exit)(void *opaque, u32 value);
	void *opaque;
};

extern const struct bus_ops debugexit_ops;

#endif
