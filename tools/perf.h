/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf.h - tells the host's perf what translated code is: a perf map, or a
 * jitdump (perf's tools/perf/Documentation/jitdump-specification.txt).
 *
 * The map is /tmp/perf-PID.map: a line for each piece of code, from first to
 * last, so that where code memory was used twice the map names both. A jitdump
 * has times and the code itself. Both files are opened by perf_open() and only
 * written to afterwards, from the vCPU's thread.
 */
#ifndef UMBRA_PERF_H
#define UMBRA_PERF_H

#include "runtime/umbra.h"
#include "symbols.h"

#define PERF_ERROR_MAX 320
#define PERF_FILE_MAX  (512ull << 20) /* no more is written then */

enum perf_kind { PERF_NONE, PERF_MAP, PERF_JITDUMP };

struct perf;

/* Makes the file; dir is where a jitdump goes, and NULL for the current
 * directory. 0, or -errno with a line in error. Names come from s, which may
 * be NULL. */
int perf_open(struct perf **out, enum perf_kind kind, const char *dir,
	      const struct symbols *s, char error[PERF_ERROR_MAX]);

/* An umbra_code_fn. */
void perf_code(void *perf, const struct umbra_code *code);

/* Writes what is left and closes. 0, or -errno with a line in error: not all
 * is in the file. p may be NULL. */
int perf_close(struct perf *p, char error[PERF_ERROR_MAX]);

#endif
