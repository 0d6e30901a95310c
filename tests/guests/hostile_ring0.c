/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_ring0.c - bare guest: random bytes in ring 0, whatever comes.
 *
 * Nothing contains the code: it may reset the machine, hang or write to
 * ports, also to the debug-exit port. "# wild" tells run.sh that any end is
 * good but a crash of the monitor.
 */
#include "guest.h"

static u32 state = 0x1234567;

static u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static int any_hook(struct regs *r)
{
	(void)r;
	return 0;
}

void guest_main(void)
{
	u32 page = pages_alloc(2);
	struct regs r;

	print("# wild\n");
	trap_hook = any_hook;
	for (u32 n = 0; n < 2000; n++) {
		u32 *p;

		for (u32 i = 0; i < 8192; i += 4)
			MEM32(page + i) = rnd();
		regs_init(&r, (void *)(page + (rnd() & 0xfff)), 0);
		p = &r.eax;
		for (u32 i = 0; i < 8; i++)
			if (i != 4)
				p[i] = rnd() & 3 ? page + (rnd() & 0xfff) :
						   rnd();
		run(&r);
	}
}
