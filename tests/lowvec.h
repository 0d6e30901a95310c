/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowvec.h - carries out what the translator hands to runtime/sys_vector.c,
 * on the memory of lowrun.h. For tests.
 */
#ifndef UMBRA_TESTS_LOWVEC_H
#define UMBRA_TESTS_LOWVEC_H

#include "lowrun.h"

bool low_is_vector(const struct insn *insn);
/* r, which ended with LOW_HELPER at insn, becomes the result of it. */
void low_run_vector(const struct insn *insn, struct low_result *r);

#endif
