/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the command line of umbra as data.
 *
 * Strings in struct options point into argv. Nothing is opened or checked
 * against the host here.
 */
#ifndef UMBRA_OPTIONS_H
#define UMBRA_OPTIONS_H

#include "gdbstub.h"
#include "runtime/base.h"
#include "perf.h"
#include "probe.h"
#include "runtime/umbra.h"

#define OPT_MEMORY_MIN	   (16ull << 20)
#define OPT_MEMORY_MAX	   (3ull << 30)
#define OPT_MEMORY_DEFAULT (512ull << 20)
#define OPT_SMALL_CACHE_KB 64
#define OPT_PORT_MAX	   0xfffcu /* the device has four ports */
#define OPT_ERROR_MAX	   256

enum opt_command { OPT_RUN, OPT_DOCTOR, OPT_HELP, OPT_VERSION };

struct options {
	enum opt_command command;
	const char *kernel, *initrd; /* initrd: NULL without */
	const char *append;	     /* "" without */
	u64 memory;		     /* bytes, whole pages */
	bool no_reboot;
	bool no_sandbox;
	bool debug_exit;
	u16 debug_exit_port;
	bool stats;
	const char *stats_file; /* NULL: text to stderr */
	const char *log_list;	/* checked: log_enable() accepts it */
	const char *log_path;
	const char *symbols;	/* NULL: none */
	enum perf_kind perf;
	const char *perf_dir;	/* NULL: the current one */
	const char *probes[PROBES_MAX];
	unsigned nprobes;
	bool gdb;
	struct gdb_where gdb_where;
	struct umbra_inject inject;
	char error[OPT_ERROR_MAX]; /* of the last failed options_parse */
};

/*
 * Parses argv. 0, or -EINVAL with one line in o->error that names the wrong
 * word and says what would be right. Switches on the logs of -d as it meets
 * them, since log.h owns their names.
 */
int options_parse(struct options *o, int argc, char **argv);

/* "512M", "3G", "65536K", "64" (MiB) -> bytes; false if it is not a number
 * with such a suffix or overflows. The range is the caller's matter. */
bool options_size(const char *text, u64 *bytes);

/* The text of --help. */
void options_usage(FILE *f);

#endif
