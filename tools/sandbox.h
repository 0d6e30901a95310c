/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - what the process gives away before the first guest instruction:
 * privileges, then all system calls but the few that a running guest needs.
 *
 * The order in a run: open every file and socket, make every executable
 * mapping, make the engine; sandbox_drop_root(); start every thread;
 * sandbox_enter(). From there on the whole process, threads and the code of
 * probes included, has what the table in sandbox.c allows, and dies of SIGSYS
 * at anything else. There is no way back.
 */
#ifndef UMBRA_SANDBOX_H
#define UMBRA_SANDBOX_H

#include "runtime/base.h"

/* What some runs need beside the rest; a set of bits. */
enum sandbox_feature {
	SANDBOX_TTY = 1 << 0, /* standard input is a terminal */
	SANDBOX_GDB = 1 << 1, /* a listening socket, open already */
};

#define SANDBOX_TEXT_MAX 160

/* Sanitizers look at maps, symbols and stopped threads when the process ends;
 * coverage writes its counters. Such a build stays the user it is and may open
 * files and start threads; never so in a build for use. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer) || \
	__has_feature(memory_sanitizer) || defined UMBRA_COVERAGE
#define SANDBOX_INSTRUMENTED 1
#else
#define SANDBOX_INSTRUMENTED 0
#endif

/*
 * Gives up root and every capability, of the calling thread and, as far as
 * the user changes, of all others: call it before threads are started. The
 * new user is that of SUDO_UID and SUDO_GID, else the real one if that is not
 * root, else nobody (65534). An ordinary user without capabilities is left
 * alone. 0: nothing had to be done; 1: text has what was done, or why it
 * could not be, in words to follow "umbra: ". Cores and debuggers of the new
 * user stay shut out: the host takes care of that when a process changes its
 * user, and nobody's other processes shall not see the guest.
 */
int sandbox_drop_root(char text[SANDBOX_TEXT_MAX]);

/*
 * Loads the filter for all threads of the process. 0, or -errno where the
 * host has no such thing; then nothing has changed.
 */
int sandbox_enter(unsigned features);

/* Can sandbox_enter() work on this host? Changes nothing. */
bool sandbox_works(void);

#endif
