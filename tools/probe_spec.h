/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_spec.h - the words of --probe as data.
 *
 *	FILE:FUNCTION@EVENT[FILTER](ARGUMENT, ...)
 *
 * FILTER, with its brackets, and the arguments with theirs may be left out.
 * A filter is a list of user, kernel, ADDRESS, ADDRESS-ADDRESS, FUNCTION. An
 * argument is NAME:TYPE, NUMBER:TYPE or "text"; :TYPE may be left out. Pure:
 * text in, a struct out.
 */
#ifndef UMBRA_PROBE_SPEC_H
#define UMBRA_PROBE_SPEC_H

#include "runtime/umbra.h"
#include "runtime/base.h"

#define PROBE_TEXT_MAX	 4096 /* of a whole --probe */
#define PROBE_WORD_MAX	 256
#define PROBE_ARGS_MAX	 16
#define PROBE_RANGES_MAX 16
#define PROBE_ERROR_MAX	 320

/* Those of umbra.h, and the end of the machine. */
#define PROBE_EXIT UMBRA_EVENT_NR
#define PROBE_EVENTS (PROBE_EXIT + 1)

enum probe_type {
	PROBE_U8, PROBE_S8, PROBE_U16, PROBE_S16, PROBE_U32, PROBE_S32,
	PROBE_U64, PROBE_S64, PROBE_PTR, PROBE_DOUBLE, PROBE_TYPES
};

/* What an argument is taken from. */
enum probe_value {
	PV_NUMBER, PV_TEXT,
	/* of single events */
	PV_INSNS, PV_BYTES, PV_SAME, PV_COPIED, PV_REWRITTEN, PV_INLINED,
	PV_HELPED, PV_ADDRESS, PV_SIZE, PV_ACCESS, PV_WRITE, PV_VECTOR, PV_NR,
	PV_ERROR, PV_PORT, PV_VALUE,
	/* of all but the end */
	PV_EIP, PV_LA, PV_CPL, PV_FUNCTION, PV_OFFSET,
	PV_EAX, PV_ECX, PV_EDX, PV_EBX, PV_ESP, PV_EBP, PV_ESI, PV_EDI,
	PV_EFLAGS, PV_CS, PV_DS, PV_ES, PV_FS, PV_GS, PV_SS,
	PV_CR0, PV_CR2, PV_CR3, PV_CR4
};

struct probe_arg {
	u8 value; /* enum probe_value */
	u8 type;  /* enum probe_type */
	u64 number;
	char text[PROBE_WORD_MAX];
};

/* Linear addresses, first and last. A name is looked up later. */
struct probe_range {
	u32 first, last;
	char name[PROBE_WORD_MAX]; /* "": the addresses count */
};

struct probe_spec {
	char file[PROBE_WORD_MAX], function[PROBE_WORD_MAX];
	unsigned event; /* enum umbra_event_kind or PROBE_EXIT */
	bool user, kernel; /* both or none: any */
	unsigned nranges, nargs;
	struct probe_range range[PROBE_RANGES_MAX]; /* none: anywhere */
	struct probe_arg arg[PROBE_ARGS_MAX];
};

/* 0, or -EINVAL with a line in error that names what is wrong. */
int probe_spec_parse(struct probe_spec *s, const char *text,
		     char error[PROBE_ERROR_MAX]);

/* error = the text; returns -EINVAL. */
int probe_fail(char error[PROBE_ERROR_MAX], const char *fmt, ...)
	PRINTF_LIKE(2, 3);

#endif
