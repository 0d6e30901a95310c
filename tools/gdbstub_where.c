// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub_where.c - the value of --gdb; see gdbstub.h.
 */
#include <string.h>

#include "gdbstub.h"

bool gdb_where_parse(struct gdb_where *w, const char *text)
{
	size_t len = strlen(text);
	unsigned port = 0;

	memset(w, 0, sizeof(*w));
	if (len > 5 && !strcmp(text + len - 5, ",wait")) {
		w->wait = true;
		len -= 5;
	}
	if (!strncmp(text, "unix:", 5)) {
		text += 5;
		len -= 5;
		if (!len || len >= sizeof(w->path))
			return false;
		memcpy(w->path, text, len);
		return true;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 5)
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	w->port = (u16)port;
	return port && port <= UINT16_MAX;
}
