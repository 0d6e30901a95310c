// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * log.c - the -d logs and must(). See log.h for the contract.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

u32 log_mask;
u64 log_xcr0;
static FILE *log_out; /* process-wide, like log_mask */

static const char *const log_names[LOG_NR] = {
	[LOG_XLAT] = "xlat", [LOG_MMU] = "mmu",	    [LOG_EXEC] = "exec",
	[LOG_CPU] = "cpu",   [LOG_INT] = "int",	    [LOG_SYS] = "sys",
	[LOG_SMC] = "smc",   [LOG_UNIMP] = "unimp", [LOG_DEV] = "dev",
	[LOG_PIC] = "pic",   [LOG_LOAD] = "load",
};

static void (*must_dump)(void *arg); /* process-wide: the dump on our bug */
static void *must_dump_arg;

const char *log_name(enum log_subsys s)
{
	return log_names[s];
}

static int log_find(const char *word, size_t len)
{
	for (int i = 0; i < LOG_NR; i++) {
		if (strlen(log_names[i]) == len &&
		    !memcmp(log_names[i], word, len))
			return i;
	}
	return -1;
}

int log_enable(const char *list, const char **bad)
{
	u32 mask = 0;

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ",");

		if (len == 3 && !memcmp(p, "all", 3)) {
			mask |= (1u << LOG_NR) - 1;
		} else {
			int i = log_find(p, len);

			if (i < 0) {
				*bad = p;
				return -EINVAL;
			}
			mask |= 1u << i;
		}
		p += len;
		if (*p == ',')
			p++;
	}
	log_mask |= mask;
	return 0;
}

FILE *log_file(void)
{
	return log_out ? log_out : stderr;
}

int log_open(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	setvbuf(f, NULL, _IOLBF, 0);
	log_out = f;
	return 0;
}

void log_vprintf(enum log_subsys s, const char *fmt, va_list *ap)
{
	FILE *f = log_file();

	flockfile(f);
	fprintf(f, "%s: ", log_names[s]);
	vfprintf(f, fmt, *ap);
	fputc('\n', f);
	funlockfile(f);
}

void log_printf(enum log_subsys s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(s, fmt, &ap);
	va_end(ap);
}

void must_set_dump(void (*dump)(void *arg), void *arg)
{
	must_dump = dump;
	must_dump_arg = arg;
}

void must_fail(const char *file, int line, const char *cond, const char *fmt,
	       ...)
{
	void (*dump)(void *arg) = must_dump;
	va_list ap;

	must_dump = NULL; /* a failure inside the dump must not recurse */
	fprintf(stderr, "umbra: bug: %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (%s)\n", cond);
	if (dump)
		dump(must_dump_arg);
	fflush(log_file());
	abort();
}
