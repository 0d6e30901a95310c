/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.h - umbra doctor: what this host offers, what that means for speed,
 * what to change.
 */
#ifndef UMBRA_DOCTOR_H
#define UMBRA_DOCTOR_H

#include <stdio.h>

/* Prints the findings. 0 if guests can run here, 1 if not. */
int doctor_run(FILE *f);

#endif
