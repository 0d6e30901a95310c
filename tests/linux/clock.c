// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clock.c - the guest's clocks against each other over a minute of sleep and
 * half a minute of work. The lines "clock: begin" and "clock: end" let the host
 * compare them with its own clock (tests/inguest.sh).
 */
#include <sys/time.h>
#include <time.h>
#include "harness.h"

enum { CLOCKS = 4 };

struct moment {
	double t[CLOCKS]; /* seconds */
};

static const char *const clock_name[CLOCKS] = { "monotonic", "gettimeofday",
						"monotonic_raw", "boottime" };

static double seconds(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static struct moment moment(void)
{
	struct timeval tv;
	struct moment m;

	m.t[0] = seconds(CLOCK_MONOTONIC);
	gettimeofday(&tv, NULL);
	m.t[1] = (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
	m.t[2] = seconds(CLOCK_MONOTONIC_RAW);
	m.t[3] = seconds(CLOCK_BOOTTIME);
	return m;
}

/* No clock may run away from the first by more than 1 %. */
static int compare(const char *what, const struct moment *a,
		   const struct moment *b)
{
	double base = b->t[0] - a->t[0];

	for (unsigned i = 0; i < CLOCKS; i++) {
		double d = b->t[i] - a->t[i];

		printf("# %s: %s %.6f s\n", what, clock_name[i], d);
		EXPECT(d > base * 0.99 && d < base * 1.01,
		       "%s: %s says %.6f s, monotonic %.6f s", what,
		       clock_name[i], d, base);
	}
	fflush(stdout);
	return 0;
}

static int test_sleep(void)
{
	struct moment a = moment(), b;
	int bad = 0;

	printf("clock: begin sleep\n");
	fflush(stdout);
	for (unsigned i = 0; i < 600; i++)
		usleep(100000);
	b = moment();
	printf("clock: end sleep %.3f\n", b.t[0] - a.t[0]);
	bad = compare("sleep", &a, &b);
	EXPECT(b.t[0] - a.t[0] >= 60 && b.t[0] - a.t[0] < 78,
	       "600 sleeps of 0.1 s took %.3f s", b.t[0] - a.t[0]);
	return bad;
}

static int test_busy(void)
{
	struct moment a = moment(), b;
	double last = a.t[0];

	printf("clock: begin busy\n");
	fflush(stdout);
	do {
		double t = seconds(CLOCK_MONOTONIC);

		EXPECT(t >= last, "went back from %.9f to %.9f", last, t);
		last = t;
		for (volatile unsigned i = 0; i < 10000; i++)
			;
		b = moment();
	} while (b.t[0] - a.t[0] < 30);
	printf("clock: end busy %.3f\n", b.t[0] - a.t[0]);
	return compare("busy", &a, &b);
}

/* Between two looks at a clock nothing may stand still for long. */
static int test_resolution(void)
{
	double a = seconds(CLOCK_MONOTONIC), b = a;
	unsigned turns = 0;

	while (b == a && turns++ < 1000000)
		b = seconds(CLOCK_MONOTONIC);
	EXPECT(b - a < 0.0005, "a step of %.6f s", b - a);
	return 0;
}

/* A sleep ends soon after its time. */
static int test_latency(void)
{
	double worst = 0, sum = 0;

	for (unsigned i = 0; i < 200; i++) {
		double a = seconds(CLOCK_MONOTONIC), d;

		usleep(2000);
		d = seconds(CLOCK_MONOTONIC) - a - 0.002;
		EXPECT(d >= 0, "woke %.6f s early", -d);
		sum += d;
		if (d > worst)
			worst = d;
	}
	printf("# sleep of 2 ms: late by %.3f ms on average, %.3f at worst\n",
	       sum / 200 * 1e3, worst * 1e3);
	EXPECT(sum / 200 < 0.02, "late by %.3f ms on average", sum / 200 * 1e3);
	return 0;
}

static const struct test tests[] = {
	{ "resolution", test_resolution, 0 },
	{ "latency", test_latency, 0 },
	{ "sleep", test_sleep, 120 },
	{ "busy", test_busy, 60 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
