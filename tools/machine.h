/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - one guest from its files to its end: RAM, engine, PC, console,
 * kernel, and the vCPU loop.
 */
#ifndef UMBRA_MACHINE_H
#define UMBRA_MACHINE_H

#include "options.h"

#define MACHINE_ERROR_MAX 400

struct machine_end {
	int status; /* for exit(): 0 power-off, debug-exit value, 1 error */
	int signo;  /* nonzero: die of this signal instead */
	char error[MACHINE_ERROR_MAX]; /* with status 1: the line to print */
};

/*
 * Runs the guest that the options describe. Returns when it ended, with all
 * that was taken given back, the terminal above all; the caller prints the
 * line. Runs the vCPU on the caller's thread.
 */
void machine_run(const struct options *o, struct machine_end *end);

#endif
