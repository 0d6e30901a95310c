/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signals.h - host signals of a vCPU thread.
 *
 * Handlers only edit the saved context and return through sigreturn
 * (HAZARDS 36).
 */
#ifndef UMBRA_SIGNALS_H
#define UMBRA_SIGNALS_H

/* cpu.fault.trapno when a kick interrupted a repeated string instruction. */
#define FAULT_KICK 0x100
/* The same when the host had no memory for a page of the guest's. */
#define FAULT_BUS 0x101

#endif
