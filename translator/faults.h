/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faults.h - mistakes that the emitter can be told to make, to show that the
 * verifier finds them. Constant 0, and gone, but in the objects that
 * tests/verify.mk compiles with XLATE_FAULTS.
 */
#ifndef UMBRA_FAULTS_H
#define UMBRA_FAULTS_H

#ifdef XLATE_FAULTS
#include <stdbool.h>

enum xlate_fault {
#define FAULT(name, text) XF_##name,
#include "faults.def"
#undef FAULT
	XF_NR
};

/* The test's: is it this one's turn? Notes that it was asked. */
bool xlate_fault(enum xlate_fault fault);
#define XLATE_FAULT(name) xlate_fault(XF_##name)
#else
#define XLATE_FAULT(name) 0
#endif

#endif
