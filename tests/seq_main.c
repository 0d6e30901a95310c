// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seq_main.c - random sequences of instructions, natively and in the engine.
 *
 * usage: sequences [--seed N] [--count N] [--mode NAME|turns|all]
 *		  [--reports N] [--coverage FILE] [--self-test]
 *
 * Sequence k has the seed N + k, which alone decides what it is. turns: the
 * default mode and one of the others for each sequence. A sequence that
 * differs is minimised and printed. Ends with "N passed, N failed", one for
 * each mode; exit status 0 if none failed, 1 if some did, 2 for bad options.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "seq.h"

enum { TURNS = -1, ALL = -2 };

struct options {
	u64 seed, count, reports;
	int mode; /* number, TURNS or ALL */
	const char *coverage;
	bool self_test;
};

/* Shared with the signal handler. */
static char current[128];

struct session {
	struct options o;
	struct orun *vm[64];
	u64 done[64], failed[64], dropped;
	u64 excused[SEQ_EXCUSES];
	unsigned reports;
	struct seq_cover *cover;
	const u64 *features;
};

static struct orun *session_vm(struct session *s, unsigned m)
{
	if (!s->vm[m])
		s->vm[m] = seq_open(&seq_modes[m]);
	if (!s->vm[m])
		exit(1);
	return s->vm[m];
}

static void session_differs(struct session *s, const struct seq *q,
			    unsigned m, struct seq_diff *d)
{
	struct seq small = *q;
	struct seq_diff again;
	struct orun *vm;
	unsigned runs;

	s->failed[m]++;
	if (s->reports++ >= s->o.reports)
		return;
	runs = seq_minimise(&small, &seq_modes[m]);
	if (runs && (vm = seq_open(&seq_modes[m]))) {
		if (seq_compare(&small, vm, &again, NULL) == SEQ_DIFFERS)
			*d = again;
		orun_close(vm);
		printf("minimised from %u to %u instructions in %u runs\n",
		       q->n, small.n, runs);
	} else {
		printf("only after the sequences before it: --seed %#llx\n",
		       (unsigned long long)s->o.seed);
	}
	seq_report(stdout, &small, &seq_modes[m], d);
}

/* An engine that finds a bug of its own aborts: for which sequence, says this. */
static void tell_sequence(int sig)
{
	(void)sig;
	if (write(2, current, strlen(current)) < 0)
		_exit(1);
}

static void current_set(u64 seed, const char *mode)
{
	snprintf(current, sizeof(current),
		 "sequences: in --seed %#llx --count 1 --mode %s\n",
		 (unsigned long long)seed, mode);
}

static void session_mode(struct session *s, const struct seq *q, unsigned m,
			 bool count)
{
	static struct orun_result nat;
	static struct seq_diff d;

	current_set(q->seed, seq_modes[m].name);
	switch (seq_compare(q, session_vm(s, m), &d, &nat)) {
	case SEQ_SAME:
		break;
	case SEQ_DIFFERS:
		session_differs(s, q, m, &d);
		break;
	case SEQ_EXCUSED:
		s->excused[d.excuse]++;
		break;
	case SEQ_DROPPED:
		s->dropped += count;
		return;
	}
	s->done[m]++;
	if (count)
		seq_cover_add(s->cover, q, &nat);
}

static void session_sequence(struct session *s, u64 seed)
{
	static struct seq q;
	unsigned other = 1 + (unsigned)(seed % (seq_modes_nr - 1));

	seq_generate(&q, seed, s->features);
	switch (s->o.mode) {
	case TURNS:
		session_mode(s, &q, 0, true);
		session_mode(s, &q, other, false);
		break;
	case ALL:
		for (unsigned m = 0; m < seq_modes_nr; m++)
			session_mode(s, &q, m, !m);
		break;
	default:
		session_mode(s, &q, (unsigned)s->o.mode, true);
	}
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int session_end(struct session *s, double from)
{
	unsigned passed = 0, failed = 0;

	for (unsigned m = 0; m < seq_modes_nr; m++) {
		if (!s->done[m])
			continue;
		printf("%s %s: %llu sequences, %llu differ\n",
		       s->failed[m] ? "not ok" : "ok", seq_modes[m].name,
		       (unsigned long long)s->done[m],
		       (unsigned long long)s->failed[m]);
		passed += !s->failed[m];
		failed += !!s->failed[m];
	}
	seq_cover_print(s->cover, stdout, s->o.coverage, s->features);
	seq_print_counters(stdout, s->vm, ARRAY_SIZE(s->vm));
	for (unsigned i = 0; i < SEQ_EXCUSES; i++)
		printf("explained: %llu %s\n",
		       (unsigned long long)s->excused[i], seq_excuse_name[i]);
	printf("%llu dropped, %.1f s\n", (unsigned long long)s->dropped,
	       seconds() - from);
	printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed;
}

/* --- the tests' test: a bug that one instruction shows is found and made
 * small, and nothing is found where there is none */

static int self_test(const struct options *o, const u64 *features)
{
	static const struct seq_mode broken = { "broken", { 0 }, true };
	static struct seq q;
	struct seq_diff d;
	struct orun *vm = seq_open(&broken);
	unsigned found = 0, worst = 0, wrong = !vm;
	u64 seed = o->seed;

	for (; vm && found < 3 && seed < o->seed + 20000; seed++) {
		seq_generate(&q, seed, features);
		if (q.group - ORUN_CODE >= 4 * SEQ_GROUP || q.n < 10 ||
		    seq_compare(&q, vm, &d, NULL) != SEQ_DIFFERS)
			continue;
		found++;
		wrong += !seq_minimise(&q, &broken);
		worst = MAX(worst, q.n);
	}
	orun_close(vm);
	/* setcc and cmovcc remain; in 16-bit code the load of esp */
	wrong += found < 3 || worst > 3;
	printf("%s minimiser: %u found, at most %u instructions left\n",
	       wrong ? "not ok" : "ok", found, worst);
	printf("%d passed, %d failed\n", !wrong, !!wrong);
	return wrong != 0;
}

/* --- options */

static int mode_number(const char *name)
{
	if (!strcmp(name, "turns"))
		return TURNS;
	if (!strcmp(name, "all"))
		return ALL;
	for (unsigned m = 0; m < seq_modes_nr; m++)
		if (!strcmp(name, seq_modes[m].name))
			return (int)m;
	fprintf(stderr, "sequences: no mode '%s'; there are: turns all", name);
	for (unsigned m = 0; m < seq_modes_nr; m++)
		fprintf(stderr, " %s", seq_modes[m].name);
	fputc('\n', stderr);
	exit(2);
}

static u64 number(const char *text)
{
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-') {
		fprintf(stderr, "sequences: '%s' is no number\n", text);
		exit(2);
	}
	return v;
}

static void options_parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ "reports", required_argument, NULL, 'r' },
		{ "mode", required_argument, NULL, 'm' },
		{ "coverage", required_argument, NULL, 'c' },
		{ "self-test", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = number(optarg);
			break;
		case 'n':
			o->count = number(optarg);
			break;
		case 'r':
			o->reports = number(optarg);
			break;
		case 'm':
			o->mode = mode_number(optarg);
			break;
		case 'c':
			o->coverage = optarg;
			break;
		case 't':
			o->self_test = true;
			break;
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sequences: unexpected '%s'\n", argv[optind]);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct session s;
	double from = seconds();

	s.o = (struct options){ .seed = 0x5eed0000, .count = 1000, .reports = 5,
				.mode = TURNS };
	options_parse(&s.o, argc, argv);
	s.cover = seq_cover_new();
	if (orun_init() || !s.cover)
		return 1;
	if (seq_segments(orun_native())) {
		printf("skipped: the host's kernel refuses 16-bit segments\n"
		       "0 passed, 0 failed\n");
		return 0;
	}
	signal(SIGABRT, tell_sequence);
	seq_clear(orun_native());
	s.features = orun_features(session_vm(&s, 0));
	if (s.o.self_test)
		return self_test(&s.o, s.features);
	for (u64 k = 0; k < s.o.count; k++)
		session_sequence(&s, s.o.seed + k);
	return session_end(&s, from);
}
