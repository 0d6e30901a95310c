// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pftrace.c - a probe: the page faults that the guest is given.
 *
 *	--probe 'probes/pftrace.so:fault@pagefault(address,error,la,cpl)'
 *	--probe 'probes/pftrace.so:sums@exit()'
 *
 * A line each: "pf ADDRESS KIND by EIP WHO FUNCTION+OFFSET DATA", where KIND
 * says what was tried and why it failed, and DATA is what the address is
 * called, if it is. Names come from --symbols.
 */
#include "tools/umbra-probe.h"

UMBRA_PROBE_LIBRARY;

/* The error code (SDM vol. 3, 4.7). */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RSVD = 8, PF_FETCH = 16 };

static unsigned long faults, user, writes, fetches, protection;

static void print_name(uint32_t address, const char *before)
{
	uint32_t offset = 0;
	const char *name = umbra_symbol(address, &offset);

	if (name)
		fprintf(umbra->out, "%s%s+%#x", before, name, offset);
}

void fault(uint32_t address, uint32_t error, uint32_t la, uint32_t cpl);
void fault(uint32_t address, uint32_t error, uint32_t la, uint32_t cpl)
{
	faults++;
	user += cpl == 3;
	writes += !!(error & PF_WRITE);
	fetches += !!(error & PF_FETCH);
	protection += error & PF_PRESENT;
	fprintf(umbra->out, "pf %08x %s%s%s by %08x %s", address,
		error & PF_FETCH ? "fetch" : error & PF_WRITE ? "write" : "read",
		error & PF_PRESENT ? " protection" : " absent",
		error & PF_RSVD ? " reserved" : "", la,
		cpl == 3 ? "user" : "kernel");
	print_name(la, " ");
	print_name(address, " data ");
	fputc('\n', umbra->out);
}

void sums(void);
void sums(void)
{
	fprintf(umbra->out, "%lu page faults: %lu in user code, %lu writes, "
		"%lu fetches, %lu of protection\n", faults, user, writes,
		fetches, protection);
}
