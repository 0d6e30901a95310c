/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exit.h - why generated code left for C. A leaf header.
 */
#ifndef UMBRA_EXIT_H
#define UMBRA_EXIT_H

/* What enter() returns. The glue puts these numbers in eax. */
enum exit_reason {
	EXIT_KICK,   /* cpu.kick was set: look for interrupts and requests */
	EXIT_DIRECT, /* an unchained direct exit; cpu.exit_stub says which */
	EXIT_HASH,   /* cpu.rip was not found in the hash */
	EXIT_HELPER, /* a helper site asked to leave; cpu.rip is set */
	EXIT_FAULT,  /* host fault in generated code; cpu.fault has it */
	EXIT_NR
};

#endif
