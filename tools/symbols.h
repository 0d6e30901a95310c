/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbols.h - names for guest addresses, from an ELF file or a list in the
 * form of System.map and /proc/kallsyms.
 *
 * The file is hostile: what it says is checked, what it costs is bounded.
 * A table is read-only once it is loaded, so any thread may look things up.
 */
#ifndef UMBRA_SYMBOLS_H
#define UMBRA_SYMBOLS_H

#include "runtime/base.h"

#define SYMBOLS_ERROR_MAX 320
#define SYMBOLS_NAME_MAX  255 /* longer names are left out */
#define SYMBOLS_MAX	  (1u << 22)
#define SYMBOLS_FILE_MAX  (256ull << 20) /* of a list; ELF: of its tables */
/* So far a name reaches that has no size and no other name behind it. */
#define SYMBOLS_REACH	  (1u << 20)

struct symbols;

/*
 * Loads the file, which the content tells to be ELF or a list. 0, or -EINVAL
 * (or -ENOMEM) with one line in error that begins with the file's name.
 */
int symbols_load(struct symbols **out, const char *path,
		 char error[SYMBOLS_ERROR_MAX]);
void symbols_free(struct symbols *s);
unsigned symbols_count(const struct symbols *s);

/* The name that the address belongs to and the distance to its begin; NULL if
 * there is none, or no table (s NULL). */
const char *symbols_lookup(const struct symbols *s, u64 addr, u32 *offset);

/* Where the named thing lies: [*start, *end). False: no such name. */
bool symbols_find(const struct symbols *s, const char *name, u32 *start,
		  u64 *end);

#endif
