/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.h - what lets a person look into the guest (--symbols, --perf,
 * --probe): from the options to the engine's hooks.
 */
#ifndef UMBRA_INSIDE_H
#define UMBRA_INSIDE_H

#include "options.h"
#include "symbols.h"

#define INSIDE_ERROR_MAX 360

/* All zero before inside_open(). */
struct inside {
	struct symbols *symbols; /* NULL without */
	struct perf *perf;
	struct probes *probes;
	bool usage; /* the error is one of the command line */
	char error[INSIDE_ERROR_MAX];
};

/* Reads the files that the options name. 0, or -1 with a line in error. */
int inside_open(struct inside *in, const struct options *o);
/* Opens what is written to and sets the hooks. The same. */
int inside_start(struct inside *in, const struct options *o, struct vcpu *v);
/* The guest has ended; the vCPU does not run any more. Writes and closes. */
int inside_close(struct inside *in);

#endif
