// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * umbra.c - the umbra command: hands the command line to run or doctor.
 *
 * Exit status: 0 when the guest powered off, reset under --no-reboot, or the
 * person left with Ctrl-A x; the value written to the debug-exit port; 1 for
 * our errors, each one line on stderr; 2 for usage. Ended by SIGINT, SIGTERM
 * or SIGQUIT it dies of that signal, as its parent expects.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "machine.h"
#include "options.h"
#include "runtime/log.h"

/* For a build that is not by the Makefile, which takes it from configure. */
#ifndef UMBRA_VERSION
#define UMBRA_VERSION "0.1.0"
#endif

/* A file of ours must not become standard input or output by chance. */
static int umbra_open_std(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int umbra_run(const struct options *o)
{
	struct machine_end end;

	if (o->log_path) {
		int err = log_open(o->log_path);

		if (err) {
			fprintf(stderr, "umbra: -D: cannot write %s: %s\n",
				o->log_path, strerror(-err));
			return 1;
		}
	}
	machine_run(o, &end);
	fflush(log_file());
	if (end.error[0])
		fprintf(stderr, "umbra: %s\n", end.error);
	if (end.signo) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, end.signo);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		signal(end.signo, SIG_DFL);
		raise(end.signo);
	}
	return end.status;
}

/* What was printed must have arrived: --help >/dev/full is an error. */
static int umbra_flush(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "umbra: cannot write to standard output: %s\n",
		strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct options o;

	if (umbra_open_std())
		return 1;
	signal(SIGXFSZ, SIG_IGN); /* a file too large is an errno */
	if (options_parse(&o, argc, argv)) {
		fprintf(stderr, "umbra: %s\n", o.error);
		return 2;
	}
	switch (o.command) {
	case OPT_RUN:
		return umbra_run(&o);
	case OPT_DOCTOR:
		return umbra_flush(doctor_run(stdout));
	case OPT_HELP:
		options_usage(stdout);
		return umbra_flush(0);
	case OPT_VERSION:
		puts("umbra " UMBRA_VERSION);
		return umbra_flush(0);
	}
	return 2;
}
