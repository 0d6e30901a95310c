// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inside.c - see inside.h for the contract.
 */
#include <stdio.h>

#include "inside.h"
#include "perf.h"
#include "probe.h"

static_assert(PROBE_ERROR_MAX <= SYMBOLS_ERROR_MAX &&
	      PROBE_ERROR_MAX <= PERF_ERROR_MAX, "error[] serves all");

static int inside_fail(struct inside *in, const char *option, const char *text)
{
	snprintf(in->error, sizeof(in->error), "%s: %s", option, text);
	return -1;
}

static const char *inside_symbol(void *opaque, uint64_t la, uint32_t *offset)
{
	const struct inside *in = opaque;

	return symbols_lookup(in->symbols, la, offset);
}

int inside_open(struct inside *in, const struct options *o)
{
	char error[SYMBOLS_ERROR_MAX];

	if (o->symbols && symbols_load(&in->symbols, o->symbols, error))
		return inside_fail(in, "--symbols", error);
	if (o->nprobes && probes_open(&in->probes, o->probes, o->nprobes,
				      in->symbols, error)) {
		in->usage = true;
		return inside_fail(in, "--probe", error);
	}
	return 0;
}

int inside_start(struct inside *in, const struct options *o, struct vcpu *v)
{
	char error[PERF_ERROR_MAX];

	if (in->symbols)
		umbra_set_symbols(v, inside_symbol, in);
	if (in->probes && probes_start(in->probes, v, error))
		return inside_fail(in, "--probe", error);
	if (!o->perf)
		return 0;
	if (perf_open(&in->perf, o->perf, o->perf_dir, in->symbols, error))
		return inside_fail(in, "--perf", error);
	umbra_set_code_hook(v, perf_code, in->perf);
	return 0;
}

int inside_close(struct inside *in)
{
	char error[PERF_ERROR_MAX];
	int err = perf_close(in->perf, error);

	probes_end(in->probes);
	probes_free(in->probes);
	symbols_free(in->symbols);
	in->probes = NULL;
	in->symbols = NULL;
	in->perf = NULL;
	return err ? inside_fail(in, "--perf", error) : 0;
}
