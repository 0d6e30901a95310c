// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * loglight.c - log_light_printf(): the way from a light exit to stdio. Light
 * itself; glue_heavy_log puts the vector registers away around the call.
 */
#include "glue.h"
#include "log.h"

void log_light_printf(enum log_subsys s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	glue_heavy_log(s, fmt, &ap);
	va_end(ap);
}
