/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc_impl.h - what pc.c, pc_console.c and pc_thread.c share. Functions here
 * are called with the machine lock held unless they say otherwise.
 */
#ifndef UMBRA_DEVICES_PC_IMPL_H
#define UMBRA_DEVICES_PC_IMPL_H

#include "pc.h"

void pc_lock(struct pc *pc);
/* Unlocks, having set the I/O thread's timer to what is due next. */
void pc_unlock(struct pc *pc);

void pc_console_init(struct pc *pc);
struct ns16550_host pc_console_host(struct pc *pc);
void pc_console_flush_locked(struct pc *pc);
size_t pc_console_put(struct pc *pc, const u8 *buf, size_t len);
size_t pc_console_room(const struct pc *pc);
void pc_console_debug_byte(void *opaque, u8 byte);

void pc_thread_init(struct pc *pc);
/* There is room for input again. */
void pc_thread_wake(struct pc *pc);

#endif
