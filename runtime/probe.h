/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - events of the guest for a client that looks inside
 * (umbra_set_probes()). Private to runtime/; light code, which saves the
 * vector state around the client's.
 *
 * Callers ask vcpu.probes first: without probes that is all there is.
 */
#ifndef UMBRA_RUNTIME_PROBE_H
#define UMBRA_RUNTIME_PROBE_H

#include "vcpu.h"

static inline bool probe_on(const struct vcpu *v, enum umbra_event_kind kind)
{
	return unlikely(v->probes & (1u << kind));
}

/* Are the entries of blocks told of? */
static inline bool probe_blocks(const struct vcpu *v)
{
	return v->probes &
	       (1u << UMBRA_EVENT_BLOCK | 1u << UMBRA_EVENT_CUT);
}

void probe_page_fault(struct vcpu *v, const struct gexc *x);
/* At the instruction; sysenter is UMBRA_SYSENTER. */
void probe_syscall(struct vcpu *v, unsigned vector);
void probe_gmem(struct vcpu *v, u32 la, unsigned size, bool write);
/* cpu.rip is at the instruction. */
void probe_port(struct vcpu *v, u16 port, unsigned size, bool in, u32 value);

#endif
