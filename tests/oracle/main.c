// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the host as oracle, a program: every form of every row that user
 * code may execute, natively and translated. See oracle.h.
 *
 * usage: oracle [--seed N] [--rounds N] [--row NAME] [--coverage FILE]
 *		 [--engine N]	rounds in the real engine
 *		 [--show N]	so many differences in full, others in a line
 *	  oracle --case ID	one case again, with all that there is to see
 *
 * UMBRA_ORACLE_SEED, UMBRA_ORACLE_ROUNDS and UMBRA_ORACLE_ENGINE in the
 * environment stand for --seed, --rounds and --engine. One line a part, then
 * "N passed, N failed"; exit status 0 if none failed.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

struct options {
	u64 seed;
	unsigned rounds, engine;
	unsigned show;
	const char *row, *coverage, *id;
};

/* Each part is a process of its own, with its own count of what it did. */
struct part {
	const char *name;
	int (*run)(struct oracle *o, const struct options *opt, int arg);
	int arg;
	struct ocover *cov;
	pid_t pid;
	bool failed;
};

static struct oracle *oracle_new(struct ocover *cov, unsigned show)
{
	struct oracle *o = aligned_alloc(64, ALIGN_UP(sizeof(*o), 64));

	if (!o) {
		fprintf(stderr, "oracle: no memory\n");
		exit(2);
	}
	memset(o, 0, sizeof(*o));
	o->cov = cov;
	o->show = show;
	oracle_reset(o);
	return o;
}

static int low_ready(int seg)
{
	if (low_init()) {
		printf("the host runs no 32-bit code: nothing to compare\n");
		return -1;
	}
	if (seg != LOW_FLAT && !low_has_ldt()) {
		printf("skipped: the host's kernel has no LDT\n");
		return -1;
	}
	return 0;
}

static int part_segments(struct oracle *o, const struct options *opt, int seg)
{
	if (low_ready(seg))
		return 0;
	enumerate(o, seg, false, opt->seed, opt->rounds, opt->row);
	return o->cov->failed != 0;
}

static int part_engine(struct oracle *o, const struct options *opt, int seg)
{
	if (engine_init())
		return 0;
	enumerate(o, seg, true, opt->seed, opt->engine, opt->row);
	return o->cov->failed != 0;
}

static int part_selftest(struct oracle *o, const struct options *opt, int arg)
{
	unsigned bad;

	(void)opt;
	(void)arg;
	if (low_ready(LOW_FLAT))
		return 0;
	bad = selftest(o);
	memset(o->cov, 0, cover_size());
	return bad != 0;
}

static struct part parts[] = {
	{ .name = "self-test", .run = part_selftest },
	{ .name = "flat segments", .run = part_segments, .arg = LOW_FLAT },
	{ .name = "based segments", .run = part_segments, .arg = LOW_BASED },
	{ .name = "16-bit code", .run = part_segments, .arg = LOW_16 },
	{ .name = "limits", .run = part_segments, .arg = LOW_ODDSEG },
	{ .name = "engine, flat", .run = part_engine, .arg = LOW_FLAT },
	{ .name = "engine, based", .run = part_engine, .arg = LOW_BASED },
	{ .name = "engine, 16-bit", .run = part_engine, .arg = LOW_16 },
	{ .name = "engine, limits", .run = part_engine, .arg = LOW_ODDSEG },
};

/* An abort tells its case: must() is ours. For the handler, hence static. */
static struct oracle *running;

static void on_abort(int sig)
{
	oracle_line(running, "aborted");
	fflush(stdout);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void part_start(struct part *p, const struct options *opt)
{
	p->cov = mmap(NULL, cover_size(), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->cov == MAP_FAILED) {
		fprintf(stderr, "oracle: no memory\n");
		exit(2);
	}
	fflush(stdout);
	p->pid = fork();
	if (p->pid == 0) {
		int rc;

		running = oracle_new(p->cov, opt->show);
		signal(SIGABRT, on_abort);
		rc = p->run(running, opt, p->arg);

		fflush(stdout);
		_exit(rc);
	}
}

static void part_end(struct part *p)
{
	int status = -1;

	if (p->pid > 0)
		waitpid(p->pid, &status, 0);
	p->failed = status != 0 ||
		    p->cov->transient > 3 + p->cov->cases / 10000;
	if (WIFSIGNALED(status))
		printf("%s: killed by signal %d\n", p->name,
		       WTERMSIG(status));
	printf("%sok - oracle: %s: %u cases, %u differ, %u once only\n",
	       p->failed ? "not " : "", p->name, p->cov->cases,
	       p->cov->failed, p->cov->transient);
}

/* Two at a time. */
static unsigned parts_run(const struct options *opt, struct ocover *sum)
{
	unsigned n = ARRAY_SIZE(parts), failed = 0;

	for (unsigned i = 0; i < n + 1; i++) {
		if (i < n)
			part_start(&parts[i], opt);
		if (i == 0)
			continue;
		part_end(&parts[i - 1]);
		failed += parts[i - 1].failed;
		cover_add(sum, parts[i - 1].cov);
	}
	return failed;
}

static int report(const struct options *opt, const struct ocover *sum)
{
	FILE *f = fopen(opt->coverage, "w");
	unsigned missing;

	if (!f) {
		fprintf(stderr, "oracle: cannot write %s\n", opt->coverage);
		return 1;
	}
	cover_sums(sum);
	missing = cover_report(sum, f);
	fclose(f);
	printf("coverage of each row: %s\n", opt->coverage);
	return missing && !opt->row;
}

static bool id_parse(struct ocase *id, const char *s)
{
	unsigned long long seed;
	unsigned row, seg, form;
	u8 *w = (u8 *)&id->want;
	int at = 0;

	id->engine = *s == 'e';
	s += id->engine;
	if (sscanf(s, "%u,%u,%u,%llx,%n", &row, &seg, &form, &seed, &at) != 4 ||
	    !at || row >= optab_nr || seg >= LOW_SEG_NR || form >= 256)
		return false;
	id->row = row;
	id->seg = seg;
	id->form = form;
	id->seed = seed;
	s += at;
	for (unsigned i = 0; i < sizeof(id->want); i++) {
		unsigned v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			return false;
		w[i] = v;
	}
	return true;
}

static int one_case(const char *s)
{
	struct oracle *o = oracle_new(calloc(1, cover_size()), 1);

	if (!id_parse(&o->id, s)) {
		fprintf(stderr, "oracle: '%s' is no case\n", s);
		return 2;
	}
	if (o->id.engine ? engine_init() : low_ready(o->id.seg))
		return 2;
	oracle_case(o);
	if (!o->cov->cases)
		printf("such a case is not run\n");
	else if (!o->cov->failed)
		oracle_show(o);
	return o->cov->failed != 0;
}

static u64 number(const char *s, const char *what)
{
	char *end;
	u64 v = strtoull(s, &end, 0);

	if (!*s || *end) {
		fprintf(stderr, "oracle: %s is a number, not '%s'\n", what, s);
		exit(2);
	}
	return v;
}

static u64 env_number(const char *name, u64 def)
{
	const char *s = getenv(name);

	return s && *s ? number(s, name) : def;
}

static void options_parse(struct options *opt, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "engine", required_argument, NULL, 'e' },
		{ "row", required_argument, NULL, 'r' },
		{ "coverage", required_argument, NULL, 'c' },
		{ "show", required_argument, NULL, 'w' },
		{ "case", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			opt->seed = number(optarg, "--seed");
			break;
		case 'n':
			opt->rounds = number(optarg, "--rounds");
			break;
		case 'e':
			opt->engine = number(optarg, "--engine");
			break;
		case 'r':
			opt->row = optarg;
			break;
		case 'c':
			opt->coverage = optarg;
			break;
		case 'w':
			opt->show = number(optarg, "--show");
			break;
		case 'i':
			opt->id = optarg;
			break;
		default:
			exit(2);
		}
	}
}

/* The host's runs reach all of the lower 4 GiB, where nothing may be. */
static bool memory_is_ours(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return false;
#endif
#endif
	return true;
}

int main(int argc, char **argv)
{
	struct options opt = { .coverage = "oracle-coverage.txt", .show = 3 };
	struct ocover *sum = calloc(1, cover_size());
	unsigned failed, n = ARRAY_SIZE(parts) + 1;

	opt.seed = env_number("UMBRA_ORACLE_SEED", 0x5eed0001);
	opt.rounds = env_number("UMBRA_ORACLE_ROUNDS", 4);
	opt.engine = env_number("UMBRA_ORACLE_ENGINE", 2);
	options_parse(&opt, argc, argv);
	if (!memory_is_ours()) {
		printf("oracle: AddressSanitizer owns memory below 4 GiB: "
		       "nothing is compared\n1 passed, 0 failed\n");
		return 0;
	}
	if (opt.id)
		return one_case(opt.id);
	printf("oracle: seed %#llx, %u rounds translated, %u in the engine\n",
	       (unsigned long long)opt.seed, opt.rounds, opt.engine);
	failed = parts_run(&opt, sum);
	failed += report(&opt, sum);
	printf("%u passed, %u failed\n", n - failed, failed);
	return failed != 0;
}
