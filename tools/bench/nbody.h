/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nbody.h - planets around a sun, in double: the same source for the x87 and
 * the SSE2 row, which are compiled with one set of instructions each.
 */
#ifndef TOOLS_BENCH_NBODY_H
#define TOOLS_BENCH_NBODY_H

#include <math.h>
#include <string.h>

#include "bench.h"

#define NBODY_BODIES 5
#define NBODY_STEPS  2000

struct body {
	double x[3], v[3], mass;
};

static void nbody_pull(struct body *a, struct body *b, double dt)
{
	double d[3], square = 0, mag;

	for (int k = 0; k < 3; k++) {
		d[k] = a->x[k] - b->x[k];
		square += d[k] * d[k];
	}
	mag = dt / (square * sqrt(square));
	for (int k = 0; k < 3; k++) {
		a->v[k] -= d[k] * b->mass * mag;
		b->v[k] += d[k] * a->mass * mag;
	}
}

static uint32_t nbody_unit(void)
{
	struct body b[NBODY_BODIES];
	double out;

	for (int i = 0; i < NBODY_BODIES; i++) {
		b[i] = (struct body){
			{ 3.0 * i, 2.0 - i * 0.25, 0.125 * i },
			{ 0.01 * i, 0.5 - 0.02 * i, 0.003 * i },
			i ? 0.001 * i : 40.0,
		};
	}
	for (int step = 0; step < NBODY_STEPS; step++) {
		for (int i = 0; i < NBODY_BODIES; i++) {
			for (int j = i + 1; j < NBODY_BODIES; j++)
				nbody_pull(&b[i], &b[j], 0.001);
		}
		for (int i = 0; i < NBODY_BODIES; i++) {
			for (int k = 0; k < 3; k++)
				b[i].x[k] += 0.001 * b[i].v[k];
		}
	}
	out = b[1].x[0] + b[2].v[1];
	return bench_sum(&out, sizeof(out));
}

#endif
