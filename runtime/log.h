/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - the -d logs: one switch per subsystem, text to stderr or a file.
 *
 * The set of enabled subsystems is the one writable global that every layer
 * shares (besides signal dispatch): it is a property of the process, chosen
 * by the person who started it. Never call log_printf() from a signal
 * handler or from a light exit (ARCHITECTURE.md, vector state).
 */
#ifndef UMBRA_LOG_H
#define UMBRA_LOG_H

#include <stdarg.h>
#include <stdio.h>
#include "base.h"

enum log_subsys {
	LOG_XLAT,  /* listings of guest and host code, side by side */
	LOG_MMU,   /* fills, zaps, syncs */
	LOG_EXEC,  /* one line a dispatched block */
	LOG_CPU,   /* state before each dispatched block (trace) */
	LOG_INT,   /* exceptions and interrupts delivered */
	LOG_SYS,   /* privileged instructions, mode changes, MSRs */
	LOG_SMC,   /* writes to translated code */
	LOG_UNIMP, /* instructions and ports without a handler */
	LOG_DEV,   /* device registers */
	LOG_PIC,   /* 8259, APICs */
	LOG_LOAD,  /* kernel loading */
	LOG_NR
};

extern u32 log_mask; /* bit per enum log_subsys */
extern u64 log_xcr0; /* XCR0 (x87, SSE, AVX) of the host; 0: no xsave */

static inline bool log_on(enum log_subsys s)
{
	return unlikely(log_mask & (1u << s));
}

/* Parses "mmu,int" or "all"; returns 0, or -EINVAL with *bad the bad word. */
int log_enable(const char *list, const char **bad);

/* Sends the logs to a file; 0 or -errno. Default is stderr. */
int log_open(const char *path);

/* Names of the subsystems in enum order, for --help. */
const char *log_name(enum log_subsys s);

void log_printf(enum log_subsys s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_vprintf(enum log_subsys s, const char *fmt, va_list *ap);
FILE *log_file(void);

/*
 * The same from code that runs while the guest's vector registers are live
 * (light exits): saves them around the call. Only behind log_on().
 */
void log_light_printf(enum log_subsys s, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* LOG() for light exits. */
#define LOG_LIGHT(s, ...)                                                     \
	do {                                                                  \
		if (log_on(s))                                                \
			log_light_printf(s, __VA_ARGS__);                     \
	} while (0)

/* Evaluates its arguments only if the subsystem is on. */
#define LOG(s, ...)                                                           \
	do {                                                                  \
		if (log_on(s))                                                \
			log_printf(s, __VA_ARGS__);                           \
	} while (0)

#endif
