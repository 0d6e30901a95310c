// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols.c - the table of symbols, its look-ups, and the reader of lists.
 * See symbols.h for the contract.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols_impl.h"

int symbols_fail(char error[SYMBOLS_ERROR_MAX], const char *path,
		 const char *fmt, ...)
{
	int used = snprintf(error, SYMBOLS_ERROR_MAX, "%.160s: ", path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error + used, SYMBOLS_ERROR_MAX - (size_t)used, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* --- filling */

static bool name_is_plain(const char *name, size_t len)
{
	if (!len || len > SYMBOLS_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	}
	return true;
}

/* Twice the room when it is spent. */
static void *table_grow(void *v, size_t need, size_t *cap, size_t size)
{
	size_t more = MAX(*cap * 2, (size_t)1024);

	while (more < need)
		more *= 2;
	v = realloc(v, more * size);
	if (v)
		*cap = more;
	return v;
}

static int names_room(struct symbols *s, size_t len)
{
	size_t need = s->names_len + len + 1;
	char *p;

	if (need <= s->names_cap)
		return 0;
	p = table_grow(s->names, need, &s->names_cap, 1);
	if (!p)
		return -ENOMEM;
	s->names = p;
	return 0;
}

static int symbols_room(struct symbols *s)
{
	size_t cap = s->cap;
	struct symbol *v;

	if (s->n == SYMBOLS_MAX)
		return -E2BIG;
	if (s->n < s->cap)
		return 0;
	v = table_grow(s->v, s->n + 1u, &cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	s->cap = (unsigned)cap;
	return 0;
}

int symbols_add(struct symbols *s, u32 addr, u32 size, unsigned rank,
		const char *name, size_t len)
{
	int err;

	if (!name_is_plain(name, len))
		return -EINVAL;
	err = symbols_room(s);
	if (!err)
		err = names_room(s, len);
	if (err)
		return err;
	s->v[s->n++] = (struct symbol){ .addr = addr, .size = size,
					.name = (u32)s->names_len,
					.rank = (u8)rank };
	memcpy(s->names + s->names_len, name, len);
	s->names_len += len;
	s->names[s->names_len++] = 0;
	return 0;
}

/* --- lists: "c1000000 T startup_32", "c8a31000 t fn\t[module]" */

struct line {
	u64 addr;
	char type;
	const char *name;
	size_t len;
};

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 32;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Splits the line [p, end); false: it is no symbol. */
static bool line_parse(const char *p, const char *end, struct line *l)
{
	unsigned digits = 0;

	for (l->addr = 0; p < end && hex_digit(*p) < 16; p++, digits++)
		l->addr = l->addr << 4 | hex_digit(*p);
	if (!digits || digits > 16 || end - p < 4 || p[0] != ' ' ||
	    p[2] != ' ')
		return false;
	l->type = p[1];
	if (!strchr("?-", l->type) && ((l->type | 32) < 'a' ||
				       (l->type | 32) > 'z'))
		return false;
	l->name = p + 3;
	for (p += 3; p < end && *p != ' ' && *p != '\t'; p++)
		;
	l->len = (size_t)(p - l->name);
	if (p < end && (*p != '\t' || end - p < 3 || p[1] != '['))
		return false; /* only a module's name may follow */
	return l->len > 0;
}

static unsigned line_rank(char type)
{
	switch (type) {
	case 'T':
		return RANK_CODE;
	case 't':
		return RANK_LOCAL_CODE;
	case 'W':
	case 'w':
		return RANK_WEAK_CODE;
	}
	return RANK_DATA;
}

/* What has no address of its own in the guest: constants, undefined. */
static bool line_is_symbol(const struct line *l)
{
	return l->addr && !strchr("aAuUNn?-", l->type);
}

static int list_line(struct symbols *s, const char *p, const char *end,
		     unsigned number, const char *path, char *error)
{
	struct line l;
	int err;

	if (end > p && end[-1] == '\r')
		end--;
	if (p == end)
		return 0;
	if (!line_parse(p, end, &l))
		return symbols_fail(error, path,
				    "line %u is no symbol (address, type, "
				    "name); Debian's System.map is a stub, the "
				    "guest's own /proc/kallsyms is not",
				    number);
	if (l.addr > UINT32_MAX && line_is_symbol(&l))
		return symbols_fail(error, path, "line %u: an address beyond "
				    "4 GiB: not a 32-bit guest's", number);
	if (!line_is_symbol(&l))
		return 0;
	err = symbols_add(s, (u32)l.addr, 0, line_rank(l.type), l.name, l.len);
	if (err == -E2BIG)
		return symbols_fail(error, path, "more than %u symbols",
				    SYMBOLS_MAX);
	if (err == -ENOMEM)
		return symbols_fail(error, path, "out of memory");
	return 0;
}

static int list_parse(struct symbols *s, const char *p, size_t size,
		      const char *path, char *error)
{
	const char *end = p + size;
	unsigned number = 0;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		int err;

		if (!nl)
			nl = end;
		err = list_line(s, p, nl, ++number, path, error);
		if (err)
			return err;
		p = nl + 1;
	}
	if (number && !s->n)
		return symbols_fail(error, path, "no symbol has an address: "
				    "root sees them in /proc/kallsyms if "
				    "kernel.kptr_restrict is 0");
	return 0;
}

/* Files of /proc do not say how long they are. */
static int list_read(struct symbols *s, int fd, const char *path, char *error)
{
	char *buf = NULL;
	size_t len = 0, cap = 0;
	ssize_t n;
	int err;

	do {
		if (cap - len < 65536) {
			char *p = table_grow(buf, len + 65536, &cap, 1);

			if (!p) {
				free(buf);
				return symbols_fail(error, path,
						    "out of memory");
			}
			buf = p;
		}
		n = read(fd, buf + len, cap - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 && len <= SYMBOLS_FILE_MAX);
	if (n < 0)
		err = symbols_fail(error, path, "cannot read: %s",
				   strerror(errno));
	else if (len > SYMBOLS_FILE_MAX)
		err = symbols_fail(error, path, "more than %llu MiB",
				   SYMBOLS_FILE_MAX >> 20);
	else
		err = list_parse(s, buf, len, path, error);
	free(buf);
	return err;
}

/* --- the table */

static int symbol_compare(const void *pa, const void *pb)
{
	const struct symbol *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	/* the first of the file is told */
	return a->name > b->name ? -1 : a->name < b->name;
}

static int symbols_read(struct symbols *s, int fd, const char *path,
			char *error)
{
	char magic[4];
	struct stat st;

	if (fstat(fd, &st))
		return symbols_fail(error, path, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return symbols_fail(error, path, "not a regular file");
	if (pread(fd, magic, 4, 0) == 4 && !memcmp(magic, "\177ELF", 4))
		return symbols_read_elf(s, fd, path, error);
	return list_read(s, fd, path, error);
}

int symbols_load(struct symbols **out, const char *path,
		 char error[SYMBOLS_ERROR_MAX])
{
	struct symbols *s;
	int fd, err;

	/* not even a FIFO's or a terminal's open may wait */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return symbols_fail(error, path, "cannot open: %s",
				    strerror(errno));
	s = calloc(1, sizeof(*s));
	err = s ? symbols_read(s, fd, path, error) :
		  symbols_fail(error, path, "out of memory");
	close(fd);
	if (!err && !s->n)
		err = symbols_fail(error, path, "no symbols");
	if (err) {
		symbols_free(s);
		return err;
	}
	qsort(s->v, s->n, sizeof(*s->v), symbol_compare);
	*out = s;
	return 0;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	free(s->v);
	free(s->names);
	free(s);
}

unsigned symbols_count(const struct symbols *s)
{
	return s ? s->n : 0;
}

/* How many symbols begin at or before addr. */
static unsigned symbols_below(const struct symbols *s, u32 addr)
{
	unsigned lo = 0, hi = s->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (s->v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The end of what begins at v[i]. */
static u64 symbol_end(const struct symbols *s, unsigned i)
{
	u64 addr = s->v[i].addr, end = addr + SYMBOLS_REACH;
	unsigned next = symbols_below(s, (u32)addr);

	if (s->v[i].size)
		return MIN(addr + s->v[i].size, 1ull << 32);
	if (next < s->n)
		end = MIN(end, (u64)s->v[next].addr);
	return MIN(end, 1ull << 32);
}

const char *symbols_lookup(const struct symbols *s, u64 addr, u32 *offset)
{
	unsigned n;

	if (!s || addr > UINT32_MAX)
		return NULL;
	n = symbols_below(s, (u32)addr);
	if (!n || addr >= symbol_end(s, n - 1))
		return NULL;
	*offset = (u32)addr - s->v[n - 1].addr;
	return s->names + s->v[n - 1].name;
}

bool symbols_find(const struct symbols *s, const char *name, u32 *start,
		  u64 *end)
{
	for (unsigned i = 0; s && i < s->n; i++) {
		if (strcmp(s->names + s->v[i].name, name))
			continue;
		*start = s->v[i].addr;
		*end = symbol_end(s, i);
		return true;
	}
	return false;
}
