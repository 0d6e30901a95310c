/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bus.h - port and memory-mapped I/O: which chip answers which address.
 *
 * Handlers get the absolute address. An access wider than a chip takes, or
 * one that hangs over a chip's end, is split into smaller ones at rising
 * addresses, each looked up anew, as an ISA bridge does. Nobody's reads give
 * all ones and nobody's writes vanish; both are counted.
 */
#ifndef UMBRA_DEVICES_BUS_H
#define UMBRA_DEVICES_BUS_H

#include "runtime/base.h"

enum bus_space { BUS_IO, BUS_MMIO, BUS_SPACES };

struct bus_ops {
	u64 (*read)(void *opaque, u64 addr, unsigned size);
	void (*write)(void *opaque, u64 addr, unsigned size, u64 val);
	u8 max_size; /* widest access the chip takes: 1, 2, 4 or 8 */
};

struct bus_range {
	u64 first;
	u64 last;
	const struct bus_ops *ops;
	void *opaque;
};

#define BUS_MAX_RANGES 64

struct bus {
	struct bus_range ranges[BUS_SPACES][BUS_MAX_RANGES]; /* sorted */
	int count[BUS_SPACES];
	u64 unclaimed_reads;
	u64 unclaimed_writes;
};

void bus_init(struct bus *bus);

/*
 * Claim a range for a chip. Ranges must not overlap and there is room for
 * BUS_MAX_RANGES of each kind: anything else is a bug of the board's.
 */
void bus_claim_io(struct bus *bus, u16 first, unsigned count,
		  const struct bus_ops *ops, void *opaque);
void bus_claim_mmio(struct bus *bus, gpa_t gpa, u64 len,
		    const struct bus_ops *ops, void *opaque);

/* Gives up the range that starts at `first`, if there is one. */
void bus_release(struct bus *bus, enum bus_space space, u64 first);

/* True if [first, last] touches a claimed range. */
bool bus_is_claimed(const struct bus *bus, enum bus_space space, u64 first,
		    u64 last);

/* size is 1, 2, 4 or 8; ports wrap at 64 Ki. */
u64 bus_read(struct bus *bus, enum bus_space space, u64 addr, unsigned size);
void bus_write(struct bus *bus, enum bus_space space, u64 addr, unsigned size,
	       u64 val);

#endif
