// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87.c - double arithmetic in the x87's registers (-mfpmath=387).
 */
#include "nbody.h"

const struct row rows_x87[] = {
	{ "double-x87", 400, NBODY_STEPS, NULL, nbody_unit, NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
