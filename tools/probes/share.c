// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * share.c - a probe: how the guest's instructions run, by number executed.
 *
 *	A=same,copied,rewritten,inlined,helped,cpl
 *	--probe "probes/share.so:run@block($A)" --probe "probes/share.so:cut@cut($A)"
 *	--probe 'probes/share.so:report@exit()'
 *	--probe 'probes/share.so:lap@syscall(nr,ecx,edx,"bench: done")'
 *
 * The last one prints the sums when a program writes a line that begins so,
 * and begins anew.
 *
 * same: the host executes the guest's own bytes. copied: one instruction, the
 * same operation, with the registers or prefixes of the host's addressing.
 * rewritten: several, or another one (stack, branches, ah). inlined: a system
 * instruction without leaving translated code; helped: C, or an exception.
 */
#include <string.h>

#include "tools/umbra-probe.h"

UMBRA_PROBE_LIBRARY;

enum { SAME, COPIED, REWRITTEN, INLINED, HELPED, HOW_NR };

static int64_t sum[2][HOW_NR]; /* kernel, user */

static void add(int sign, uint32_t cpl, const uint32_t how[HOW_NR])
{
	for (int i = 0; i < HOW_NR; i++)
		sum[cpl == 3][i] += sign * (int64_t)how[i];
}

void run(uint32_t same, uint32_t copied, uint32_t rewritten, uint32_t inlined,
	 uint32_t helped, uint32_t cpl);
void run(uint32_t same, uint32_t copied, uint32_t rewritten, uint32_t inlined,
	 uint32_t helped, uint32_t cpl)
{
	uint32_t how[] = { same, copied, rewritten, inlined, helped };

	add(1, cpl, how);
}

/* These did not run after all. */
void cut(uint32_t same, uint32_t copied, uint32_t rewritten, uint32_t inlined,
	 uint32_t helped, uint32_t cpl);
void cut(uint32_t same, uint32_t copied, uint32_t rewritten, uint32_t inlined,
	 uint32_t helped, uint32_t cpl)
{
	uint32_t how[] = { same, copied, rewritten, inlined, helped };

	add(-1, cpl, how);
}

/* The guest's system call, of 32-bit Linux. */
#define NR_WRITE 4

static void line(const char *who, const int64_t *how)
{
	int64_t all = 0;

	for (int i = 0; i < HOW_NR; i++)
		all += how[i];
	fprintf(umbra->out, "%-7s %14lld", who, (long long)all);
	for (int i = 0; i < HOW_NR; i++)
		fprintf(umbra->out, " %8.3f%%",
			all ? 100.0 * (double)how[i] / (double)all : 0.0);
	fputc('\n', umbra->out);
}

void report(void);
void report(void)
{
	int64_t all[HOW_NR];

	for (int i = 0; i < HOW_NR; i++)
		all[i] = sum[0][i] + sum[1][i];
	fprintf(umbra->out, "        %14s %9s %9s %9s %9s %9s\n", "instructions",
		"same", "copied", "rewritten", "inlined", "helped");
	line("kernel", sum[0]);
	line("user", sum[1]);
	line("all", all);
}

void lap(uint32_t nr, uint32_t buf, uint32_t len, const char *begin);
void lap(uint32_t nr, uint32_t buf, uint32_t len, const char *begin)
{
	char text[64];
	size_t n = len < sizeof(text) - 1 ? len : sizeof(text) - 1;

	if (nr != NR_WRITE || n < strlen(begin) || umbra_read(buf, text, n))
		return;
	text[n] = 0;
	if (strncmp(text, begin, strlen(begin)))
		return;
	fprintf(umbra->out, "%s\n", text);
	report();
	memset(sum, 0, sizeof(sum));
}
