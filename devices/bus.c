// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bus.c - address decoding by binary search. See bus.h for the contract.
 */
#include <inttypes.h>
#include <string.h>

#include "bus.h"
#include "runtime/log.h"

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
}

/* Index of the first range that ends at or after addr. */
static int bus_lower(const struct bus *bus, enum bus_space space, u64 addr)
{
	int lo = 0;
	int hi = bus->count[space];

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (bus->ranges[space][mid].last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool bus_is_claimed(const struct bus *bus, enum bus_space space, u64 first,
		    u64 last)
{
	int i = bus_lower(bus, space, first);

	return i < bus->count[space] && bus->ranges[space][i].first <= last;
}

static void bus_claim(struct bus *bus, enum bus_space space, u64 first,
		      u64 last, const struct bus_ops *ops, void *opaque)
{
	int i = bus_lower(bus, space, first);
	struct bus_range *r = &bus->ranges[space][i];

	must(!bus_is_claimed(bus, space, first, last),
	     "range %#" PRIx64 "-%#" PRIx64 " is claimed twice", first, last);
	must(bus->count[space] < BUS_MAX_RANGES, "bus is full");
	memmove(r + 1, r, (size_t)(bus->count[space] - i) * sizeof(*r));
	*r = (struct bus_range){first, last, ops, opaque};
	bus->count[space]++;
}

void bus_claim_io(struct bus *bus, u16 first, unsigned count,
		  const struct bus_ops *ops, void *opaque)
{
	must(count && first + count <= 0x10000, "bad port range");
	bus_claim(bus, BUS_IO, first, first + count - 1, ops, opaque);
}

void bus_claim_mmio(struct bus *bus, gpa_t gpa, u64 len,
		    const struct bus_ops *ops, void *opaque)
{
	must(len && gpa + len > gpa, "bad MMIO range");
	bus_claim(bus, BUS_MMIO, gpa, gpa + len - 1, ops, opaque);
}

void bus_release(struct bus *bus, enum bus_space space, u64 first)
{
	int i = bus_lower(bus, space, first);
	struct bus_range *r = &bus->ranges[space][i];

	if (i == bus->count[space] || r->first != first)
		return;
	memmove(r, r + 1, (size_t)(bus->count[space] - i - 1) * sizeof(*r));
	bus->count[space]--;
}

/*
 * The range at addr, or NULL; *piece becomes the part of `size` that its chip
 * can take at once there.
 */
static const struct bus_range *bus_find(const struct bus *bus,
					enum bus_space space, u64 addr,
					unsigned size, unsigned *piece)
{
	int i = bus_lower(bus, space, addr);
	const struct bus_range *r = &bus->ranges[space][i];

	*piece = 1;
	if (i == bus->count[space])
		*piece = size;
	else if (r->first > addr) {
		if (r->first - addr >= size)
			*piece = size;
		return NULL;
	}
	if (i == bus->count[space])
		return NULL;
	*piece = MIN(size, (unsigned)r->ops->max_size);
	while (*piece > 1 && r->last - addr < *piece - 1)
		*piece /= 2;
	return r;
}

static const char *bus_name(enum bus_space space)
{
	return space == BUS_IO ? "port" : "mmio";
}

static u64 bus_ones(unsigned size)
{
	return size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static u64 bus_wrap(enum bus_space space, u64 addr)
{
	return space == BUS_IO ? addr & 0xffff : addr;
}

u64 bus_read(struct bus *bus, enum bus_space space, u64 addr, unsigned size)
{
	u64 val = 0;
	unsigned piece;

	for (unsigned done = 0; done < size; done += piece) {
		u64 at = bus_wrap(space, addr + done);
		const struct bus_range *r;
		u64 v;

		r = bus_find(bus, space, at, size - done, &piece);
		if (r) {
			v = r->ops->read(r->opaque, at, piece);
		} else {
			v = UINT64_MAX;
			bus->unclaimed_reads++;
			LOG(LOG_UNIMP, "read of %s %#" PRIx64 " size %u",
			    bus_name(space), at, piece);
		}
		val |= (v & bus_ones(piece)) << done * 8;
	}
	return val;
}

void bus_write(struct bus *bus, enum bus_space space, u64 addr, unsigned size,
	       u64 val)
{
	unsigned piece;

	for (unsigned done = 0; done < size; done += piece) {
		u64 at = bus_wrap(space, addr + done);
		const struct bus_range *r;
		u64 v;

		r = bus_find(bus, space, at, size - done, &piece);
		v = (val >> done * 8) & bus_ones(piece);
		if (r) {
			r->ops->write(r->opaque, at, piece, v);
			continue;
		}
		bus->unclaimed_writes++;
		LOG(LOG_UNIMP, "write of %s %#" PRIx64 " size %u = %#" PRIx64,
		    bus_name(space), at, piece, v);
	}
}
