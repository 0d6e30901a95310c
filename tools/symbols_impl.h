/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symbols_impl.h - what the readers of the two file formats fill.
 */
#ifndef UMBRA_SYMBOLS_IMPL_H
#define UMBRA_SYMBOLS_IMPL_H

#include "symbols.h"

struct symbol {
	u32 addr, size; /* size 0: to the next one */
	u32 name;	/* offset in names */
	u8 rank;	/* of several at one address: the highest is told */
};

struct symbols {
	struct symbol *v;
	unsigned n, cap;
	char *names;
	size_t names_len, names_cap;
};

/* Code before data, what all files see before what one has for itself. */
enum { RANK_DATA, RANK_WEAK_CODE, RANK_LOCAL_CODE, RANK_CODE };

/* Takes a name of len bytes. 0; -EINVAL: left out, since no name has such
 * bytes or such a length; -ENOMEM; -E2BIG: there are too many. */
int symbols_add(struct symbols *s, u32 addr, u32 size, unsigned rank,
		const char *name, size_t len);

/* error = "path: text"; returns -EINVAL. */
int symbols_fail(char error[SYMBOLS_ERROR_MAX], const char *path,
		 const char *fmt, ...) PRINTF_LIKE(3, 4);

/* symbols_elf.c: of an open file. 0 or -errno with the line. */
int symbols_read_elf(struct symbols *s, int fd, const char *path,
		     char error[SYMBOLS_ERROR_MAX]);

#endif
