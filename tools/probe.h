/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - binds C functions of the user's libraries to events of the guest,
 * through libffi, and calls them (--probe).
 *
 * All on the vCPU's thread. The libraries are code of the user's, not of the
 * guest's, and trusted as umbra itself is.
 */
#ifndef UMBRA_TOOLS_PROBE_H
#define UMBRA_TOOLS_PROBE_H

#include "probe_spec.h"
#include "symbols.h"

#define PROBES_MAX 64

struct probes;

/* Loads the libraries. 0, or -EINVAL with a line in error. s may be NULL. */
int probes_open(struct probes **out, const char *const *texts, unsigned n,
		const struct symbols *s, char error[PROBE_ERROR_MAX]);
/* Tells the libraries, and sets the engine's hooks. The same. */
int probes_start(struct probes *p, struct vcpu *v,
		 char error[PROBE_ERROR_MAX]);
/* The machine has ended: calls what is bound to that. p may be NULL, here and
 * below. */
void probes_end(struct probes *p);
void probes_free(struct probes *p);

#endif
