// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debugcon.c - the debug console port. See debugcon.h.
 */
#include "debugcon.h"

static u64 debugcon_read(void *opaque, u64 addr, unsigned size)
{
	(void)opaque;
	(void)addr;
	(void)size;
	return DEBUGCON_PORT;
}

static void debugcon_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct debugcon *d = opaque;

	(void)addr;
	(void)size;
	d->out(d->opaque, val);
}

const struct bus_ops debugcon_ops = {debugcon_read, debugcon_write, 1};
