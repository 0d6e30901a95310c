// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debugexit.c - the debug-exit port. See debugexit.h.
 */
#include "debugexit.h"

static u64 debugexit_read(void *opaque, u64 addr, unsigned size)
{
	(void)opaque;
	(void)addr;
	(void)size;
	return 0;
}

static void debugexit_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct debugexit *d = opaque;

	(void)addr;
	(void)size;
	d->exit(d->opaque, val);
}

const struct bus_ops debugexit_ops = {debugexit_read, debugexit_write, 4};
