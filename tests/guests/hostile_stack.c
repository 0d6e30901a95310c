/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile_stack.c - bare guest: a ring 0 stack that is not there.
 *
 * The push faults, its delivery faults, the double fault's delivery faults:
 * reset, though every gate of the IDT is good.
 */
#include "guest.h"

void guest_main(void)
{
	identity_on();
	page_map(0x50000000, 0, 0);
	print("# reset\n");
	asm volatile("mov esp, %0; push eax" : : "r"(0x50000800));
}
