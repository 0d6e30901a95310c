/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugcon.h - the debug console of virtual machines: bytes written to port
 * e9h go out, and reading it gives e9h, by which guests find it.
 */
#ifndef UMBRA_DEVICES_DEBUGCON_H
#define UMBRA_DEVICES_DEBUGCON_H

#include "bus.h"

#define DEBUGCON_PORT 0xe9

struct debugcon {
	void (*out)(void *opaque, u8 byte);
	void *opaque;
};

extern const struct bus_ops debugcon_ops;

#endif
