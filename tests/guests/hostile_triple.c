/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_triple.c - bare guest: a fault with nobody to take it.
 *
 * A jump to unmapped memory with an empty IDT is a triple fault: the machine
 * resets, which ends the monitor with status 0 under --no-reboot.
 */
#include "guest.h"

void guest_main(void)
{
	static const struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) none = { 0, 0 };

	identity_on();
	page_map(0x50000000, 0, 0);
	print("# reset\n");
	asm volatile("lidt %0; jmp %1" : : "m"(none), "r"(0x50000000));
}
