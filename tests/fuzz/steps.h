/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps.h - mutations of inputs that are a header and a list of steps of one
 * width, so that a change of one step leaves the others what they are.
 */
#ifndef UMBRA_TESTS_FUZZ_STEPS_H
#define UMBRA_TESTS_FUZZ_STEPS_H

#include "fuzz.h"

/* Puts a step in, takes one out, repeats some or changes one; or changes the
 * header, of head bytes. Returns the new size. */
size_t steps_mutate(struct fuzz_rng *r, u8 *data, size_t size, size_t max,
		    size_t head, size_t width);

#endif
