/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlate_gen.h - mutations of guest code by whole instructions, drawn from the
 * rows of optab.def, so that rare encodings are met as often as plain ones.
 */
#ifndef UMBRA_TESTS_FUZZ_XLATE_GEN_H
#define UMBRA_TESTS_FUZZ_XLATE_GEN_H

#include "fuzz.h"
#include "translator/insn.h"

/*
 * Puts an instruction into code (size bytes of at most max), replaces one or
 * takes one out. Returns the new size. bits: 16 or 32.
 */
size_t xlate_gen_mutate(struct fuzz_rng *r, u8 *code, size_t size, size_t max,
			int bits);

#endif
