// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mem.c - memory of processes: copy on write, mappings that come and go,
 * shared memory, threads, string instructions over page ends, and a pattern
 * over most of the RAM.
 *
 * The environment variable MEM_MAX_MB bounds the pattern (for runs on hosts).
 */
#include <pthread.h>
#include <sched.h>
#include "traps.h"

/* --- fork */

static bool page_is(const uint8_t *p, uint8_t v)
{
	for (unsigned i = 0; i < PAGE; i += 64) {
		if (p[i] != v || p[i + 63] != v)
			return false;
	}
	return true;
}

static int cow_child(uint8_t *p, unsigned pages, unsigned depth)
{
	for (unsigned i = 0; i < pages; i++) {
		if (!page_is(p + i * PAGE, (uint8_t)i))
			return 1;
	}
	for (unsigned i = depth; i < pages; i += 4)
		memset(p + i * PAGE, 0xee, PAGE);
	sched_yield();
	for (unsigned i = 0; i < pages; i++) {
		if (!page_is(p + i * PAGE,
			     i % 4 == depth % 4 ? 0xee : (uint8_t)i))
			return 1;
	}
	return 0;
}

static int test_cow(void)
{
	enum { PAGES = 128 };
	uint8_t *p = harness_map(PAGES * PAGE, PROT_READ | PROT_WRITE);

	for (unsigned i = 0; i < PAGES; i++)
		memset(p + i * PAGE, (int)i, PAGE);
	for (unsigned round = 0; round < 30; round++) {
		pid_t pid[4];
		int bad = 0;

		for (unsigned k = 0; k < ARRAY_SIZE(pid); k++) {
			pid[k] = fork();
			EXPECT(pid[k] >= 0, "fork: %s", strerror(errno));
			if (!pid[k])
				_exit(cow_child(p, PAGES, k));
		}
		for (unsigned i = 0; i < PAGES; i++)
			EXPECT(page_is(p + i * PAGE, (uint8_t)i),
			       "parent, page %u, round %u", i, round);
		for (unsigned k = 0; k < ARRAY_SIZE(pid); k++)
			bad |= harness_join(pid[k]);
		if (bad)
			return bad;
	}
	return 0;
}

/* The kernel reads and writes user pages that are shared copy on write. */
static int test_cow_kernel(void)
{
	uint8_t *p = harness_map(4 * PAGE, PROT_READ | PROT_WRITE);
	int fds[2];

	EXPECT(!pipe(fds), "pipe");
	for (unsigned i = 0; i < 200; i++) {
		pid_t pid;

		memset(p, 'a', 4 * PAGE);
		pid = fork();
		if (!pid) {
			bool ok = write(fds[1], "xyz", 3) == 3 &&
				  read(fds[0], p + PAGE - 1, 3) == 3;

			_exit(ok && p[PAGE - 1] == 'x' && p[PAGE] == 'y' &&
					      p[PAGE + 1] == 'z' &&
					      p[PAGE + 2] == 'a' ?
				      0 :
				      1);
		}
		if (harness_join(pid))
			return 1;
		EXPECT(p[PAGE - 1] == 'a' && p[PAGE] == 'a',
		       "the child's read() shows here, round %u", i);
	}
	return 0;
}

static int test_fork_exit_storm(void)
{
	for (unsigned i = 0; i < 300; i++) {
		pid_t pid = fork();

		EXPECT(pid >= 0, "fork: %s", strerror(errno));
		if (!pid)
			_exit(0);
		if (harness_join(pid))
			return 1;
	}
	return 0;
}

/* --- mappings that come and go, against a model */

enum state { GONE, NONE, READ, WRITE };

struct churn {
	uint8_t *base;
	enum state state[256];
	uint8_t value[256];
};

static void churn_change(struct churn *c, unsigned at, unsigned n,
			 enum state to)
{
	static const int prot[] = { 0, PROT_NONE, PROT_READ,
				    PROT_READ | PROT_WRITE };
	uint8_t *p = c->base + at * PAGE;

	for (unsigned i = at; i < at + n; i++) {
		if (to == GONE) {
			munmap(c->base + i * PAGE, PAGE);
		} else if (c->state[i] == GONE) {
			mmap(c->base + i * PAGE, PAGE, prot[to],
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			c->value[i] = 0;
		}
		c->state[i] = to;
	}
	if (to != GONE)
		mprotect(p, n * PAGE, prot[to]);
}

static int churn_look(struct churn *c, unsigned i, uint8_t next)
{
	struct regs r = { .esi = (uint32_t)c->base + i * PAGE + 77 };
	bool readable = c->state[i] >= READ, writable = c->state[i] == WRITE;

	TRAP(r, "movzbl (%%esi), %%eax");
	EXPECT(!trap.sig == readable, "read of page %u in state %u: signal %d",
	       i, c->state[i], trap.sig);
	EXPECT(!readable || r.eax == c->value[i], "page %u has %u, not %u", i,
	       r.eax, c->value[i]);
	r.eax = next;
	TRAP(r, "movb %%al, (%%esi)");
	EXPECT(!trap.sig == writable, "write of page %u in state %u: signal %d",
	       i, c->state[i], trap.sig);
	if (writable)
		c->value[i] = next;
	return 0;
}

static int test_churn(void)
{
	static struct churn c;
	uint32_t seed = 12345;

	traps_init();
	c.base = harness_map(256 * PAGE, PROT_NONE);
	for (unsigned i = 0; i < 256; i++)
		c.state[i] = NONE;
	for (unsigned k = 0; k < 6000; k++) {
		uint32_t x = harness_random(&seed);
		unsigned at = x & 255, n = 1 + (x >> 8) % 24;

		churn_change(&c, at, n > 256 - at ? 256 - at : n,
			     (x >> 20) & 3);
		for (unsigned j = 0; j < 6; j++) {
			x = harness_random(&seed);
			if (churn_look(&c, x & 255, (uint8_t)(x >> 9)))
				return 1;
		}
	}
	return 0;
}

static int test_mremap(void)
{
	uint32_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
	size_t pages = 1;

	*p = 0;
	for (unsigned round = 0; round < 300; round++) {
		size_t to = 1 + (round * 37) % 64;
		size_t keep = to < pages ? to : pages;

		p = mremap(p, pages * PAGE, to * PAGE, MREMAP_MAYMOVE);
		EXPECT(p != MAP_FAILED, "mremap: %s", strerror(errno));
		for (size_t i = 0; i < keep; i++)
			EXPECT(p[i * PAGE / 4] == (round ? round * 100 + i : 0),
			       "page %zu of %zu: %u", i, keep,
			       p[i * PAGE / 4]);
		for (size_t i = keep; i < to; i++)
			EXPECT(!p[i * PAGE / 4], "new page %zu", i);
		for (size_t i = 0; i < to; i++)
			p[i * PAGE / 4] = (uint32_t)((round + 1) * 100 + i);
		pages = to;
	}
	return 0;
}

/* --- shared memory */

static int test_shared(void)
{
	volatile uint32_t *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(p != MAP_FAILED, "mmap");
	pid = fork();
	for (uint32_t i = 1; i < 3000; i++) {
		uint32_t slot = (i % 16) * PAGE / 4;

		if (pid) {
			p[slot + 1] = i * 5;
			p[slot] = i;
		}
		while (p[slot] != i)
			sched_yield();
		if (!pid) {
			if (p[slot + 1] != i * 5)
				_exit(1);
			p[slot + 2] = i;
		}
		while (p[slot + 2] != i)
			sched_yield();
	}
	if (!pid)
		_exit(0);
	return harness_join(pid);
}

static int test_sparse(void)
{
	enum { MB = 1024 };
	uint8_t *p = mmap(NULL, MB << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t seed = 99;

	SKIP_IF(p == MAP_FAILED, "no 1 GiB of addresses");
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t at = (harness_random(&seed) & ((MB << 20) - 1)) & ~3u;

		*(volatile uint32_t *)(p + at) = at;
	}
	seed = 99;
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t at = (harness_random(&seed) & ((MB << 20) - 1)) & ~3u;

		EXPECT(*(volatile uint32_t *)(p + at) == at, "at %#x", at);
	}
	return 0;
}

static int test_pipe(void)
{
	static uint8_t out[20000], in[20000];
	int to[2], from[2];
	uint32_t seed = 7;
	pid_t pid;

	EXPECT(!pipe(to) && !pipe(from), "pipe");
	pid = fork();
	if (!pid) {
		ssize_t n;

		close(to[1]);
		while ((n = read(to[0], in, sizeof(in))) > 0) {
			for (ssize_t i = 0; i < n; i++)
				in[i] ^= 0xff;
			if (write(from[1], in, (size_t)n) != n)
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned k = 0; k < 2000; k++) {
		size_t n = 1 + harness_random(&seed) % sizeof(out), got = 0;

		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)(i * 7 + k);
		EXPECT(write(to[1], out, n) == (ssize_t)n, "write");
		while (got < n) {
			ssize_t m = read(from[0], in + got, n - got);

			EXPECT(m > 0, "read");
			got += (size_t)m;
		}
		for (size_t i = 0; i < n; i++)
			EXPECT(in[i] + out[i] == 255, "byte %zu of %zu", i,
			       n);
	}
	close(to[1]);
	return harness_join(pid);
}

/* --- threads */

struct team {
	pthread_mutex_t lock;
	pthread_cond_t turn_came;
	unsigned turn;
	uint64_t sum;		/* under the lock */
	uint32_t atomic;	/* by lock xadd */
	uint64_t wide;		/* by cmpxchg8b */
};

struct member {
	struct team *team;
	unsigned id;
	int bad;
};

enum { MEMBERS = 4, TURNS = 400 };

static __thread uint32_t own;

static void *member_run(void *arg)
{
	struct member *m = arg;
	struct team *t = m->team;

	own = m->id * 1000;
	for (unsigned i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&t->lock);
		while (t->turn % MEMBERS != m->id)
			pthread_cond_wait(&t->turn_came, &t->lock);
		t->turn++;
		t->sum += i;
		pthread_cond_broadcast(&t->turn_came);
		pthread_mutex_unlock(&t->lock);
		for (unsigned k = 0; k < 50; k++) {
			__atomic_fetch_add(&t->atomic, m->id + 1,
					   __ATOMIC_SEQ_CST);
			__atomic_fetch_add(&t->wide, 0x100000001ull,
					   __ATOMIC_SEQ_CST);
		}
		if (own++ != m->id * 1000 + i)
			m->bad = 1;
	}
	return NULL;
}

static int test_threads(void)
{
	struct team t = { .lock = PTHREAD_MUTEX_INITIALIZER,
			  .turn_came = PTHREAD_COND_INITIALIZER };
	struct member m[MEMBERS];
	pthread_t id[MEMBERS];

	for (unsigned i = 0; i < MEMBERS; i++) {
		m[i] = (struct member){ &t, i, 0 };
		EXPECT(!pthread_create(&id[i], NULL, member_run, &m[i]),
		       "pthread_create");
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		pthread_join(id[i], NULL);
	for (unsigned i = 0; i < MEMBERS; i++)
		EXPECT(!m[i].bad, "thread-local data of thread %u", i);
	EXPECT(t.turn == MEMBERS * TURNS, "%u turns", t.turn);
	EXPECT(t.sum == (uint64_t)MEMBERS * TURNS * (TURNS - 1) / 2,
	       "sum %llu", (unsigned long long)t.sum);
	EXPECT(t.atomic == TURNS * 50u * 10, "xadd gives %u", t.atomic);
	EXPECT(t.wide == TURNS * 50ull * MEMBERS * 0x100000001ull,
	       "cmpxchg8b gives %#llx", (unsigned long long)t.wide);
	return 0;
}

/* --- string instructions over page ends */

struct string_area {
	uint8_t *p; /* four pages, each a mapping of its own frame */
	uint8_t *ref;
};

static void area_fill(const struct string_area *a, uint32_t seed)
{
	for (unsigned i = 0; i < 4 * PAGE; i++)
		a->p[i] = a->ref[i] = (uint8_t)(harness_random(&seed) >> 7);
}

static void ref_movs(uint8_t *b, int to, int from, int n, int width, int step)
{
	for (int i = 0; i < n; i++, to += step, from += step) {
		uint8_t e[4];

		memcpy(e, b + from, (size_t)width);
		memcpy(b + to, e, (size_t)width);
	}
}

static void do_movs(uint8_t *to, const uint8_t *from, unsigned n, int width,
		    bool down)
{
	if (down)
		__asm__ volatile("std");
	if (width == 1)
		__asm__ volatile("rep movsb"
				 : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	else if (width == 2)
		__asm__ volatile("rep movsw"
				 : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	else
		__asm__ volatile("rep movsl"
				 : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	__asm__ volatile("cld");
}

/* All widths, both directions, overlapping at all small distances. */
static int test_movs(void)
{
	struct string_area a = { harness_map(4 * PAGE, PROT_READ | PROT_WRITE),
				 harness_map(4 * PAGE,
					     PROT_READ | PROT_WRITE) };
	uint32_t seed = 31337;

	area_fill(&a, 1);
	for (unsigned k = 0; k < 4000; k++) {
		int width = 1 << harness_random(&seed) % 3;
		bool down = harness_random(&seed) & 1;
		int n = (int)(harness_random(&seed) % 600);
		int from = (int)PAGE + (int)(harness_random(&seed) % PAGE);
		int to = harness_random(&seed) & 1 ?
				 from + (int)(harness_random(&seed) % 33) - 16 :
				 (int)PAGE + (int)(harness_random(&seed) % PAGE);

		if (k % 8 == 0)
			n += 1000 / width;
		do_movs(a.p + to, a.p + from, (unsigned)n, width, down);
		ref_movs(a.ref, to, from, n, width, down ? -width : width);
		EXPECT(!memcmp(a.p, a.ref, 4 * PAGE),
		       "turn %u: to %d from %d n %d width %d down %d", k, to,
		       from, n, width, down);
	}
	return 0;
}

static int test_stos_scas(void)
{
	uint8_t *p = harness_map(4 * PAGE, PROT_READ | PROT_WRITE);
	uint32_t seed = 5;

	for (unsigned k = 0; k < 3000; k++) {
		uint32_t at = 4 + harness_random(&seed) % (2 * PAGE);
		uint32_t n = 1 + harness_random(&seed) % 1000, left = n;
		uint8_t *to = p + at, *q = p + at - 1;
		uint8_t before = p[at - 1], behind = p[at + 4 * n];
		uint32_t eax = harness_random(&seed) | 0x80;

		__asm__ volatile("rep stosl"
				 : "+D"(to), "+c"(left) : "a"(eax) : "memory");
		EXPECT(to == p + at + 4 * n && !left, "edi, ecx");
		EXPECT(p[at - 1] == before && p[at + 4 * n] == behind,
		       "bytes beside, turn %u", k);
		p[at + 4 * n - 1] = 0x11;
		p[at + 4 * n - 2] = 0x22;
		left = 4 * n + 1;
		memset(p + at - 1, 0x33, 4 * n - 1);
		__asm__ volatile("repne scasb"
				 : "+D"(q), "+c"(left)
				 : "a"(0x22)
				 : "memory", "cc");
		EXPECT(q == p + at + 4 * n - 1 && left == 1,
		       "scas: %d of %u, left %u", (int)(q - p - at), 4 * n,
		       left);
	}
	return 0;
}

static int test_cmps(void)
{
	uint8_t *p = harness_map(2 * PAGE, PROT_READ | PROT_WRITE);
	uint8_t *q = harness_map(2 * PAGE, PROT_READ | PROT_WRITE);
	uint32_t seed = 17;

	for (unsigned k = 0; k < 3000; k++) {
		uint32_t at = PAGE - harness_random(&seed) % 500;
		uint32_t n = 1 + harness_random(&seed) % 1000, left = n;
		uint32_t odd = harness_random(&seed) % n;
		uint8_t *a = p + at, *b = q + at, below;

		q[at + odd] = 1;
		__asm__ volatile("repe cmpsb"
				 : "+S"(a), "+D"(b), "+c"(left),
				   "=@ccb"(below)
				 :
				 : "memory");
		EXPECT(a == p + at + odd + 1 && b == q + at + odd + 1 &&
			       left == n - odd - 1 && below,
		       "difference at %u of %u: left %u", odd, n, left);
		q[at + odd] = 0;
	}
	return 0;
}

/* --- the RAM */

static size_t ram_free(void)
{
	char line[128];
	unsigned long kb = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
			break;
	}
	if (f)
		fclose(f);
	return (size_t)kb * 1024;
}

static size_t pattern_bytes(void)
{
	const char *max = getenv("MEM_MAX_MB");
	uint64_t bytes = (uint64_t)ram_free() * 3 / 4;
	uint64_t limit = (uint64_t)(max ? atoi(max) : 2048) << 20;

	return (size_t)(bytes < limit ? bytes : limit) & ~(PAGE - 1);
}

static uint32_t pattern(uint32_t i, uint32_t pass)
{
	return (i ^ pass) * 2654435761u;
}

/* One word in each cache line: written upwards, checked and written again
 * downwards, checked. */
static int test_pattern(void)
{
	size_t n = pattern_bytes() / 4;
	uint32_t *p = mmap(NULL, n * 4, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	SKIP_IF(p == MAP_FAILED, "no %zu MiB of addresses", n >> 18);
	printf("# pattern over %zu MiB\n", n >> 18);
	fflush(stdout);
	for (size_t i = 0; i < n; i += 16)
		p[i] = pattern((uint32_t)i, 0);
	for (size_t i = n; i >= 16; i -= 16) {
		uint32_t *q = &p[i - 16];

		EXPECT(*q == pattern((uint32_t)i - 16, 0),
		       "at %zu KiB: %#x", i >> 8, *q);
		*q = pattern((uint32_t)i - 16, 1);
	}
	for (size_t i = 0; i < n; i += 16)
		EXPECT(p[i] == pattern((uint32_t)i, 1),
		       "second pass at %zu KiB: %#x", i >> 8, p[i]);
	return 0;
}

static const struct test tests[] = {
	{ "cow", test_cow, 60 },
	{ "cow_kernel", test_cow_kernel, 60 },
	{ "fork_exit_storm", test_fork_exit_storm, 60 },
	{ "churn", test_churn, 60 },
	{ "mremap", test_mremap, 0 },
	{ "shared", test_shared, 60 },
	{ "sparse", test_sparse, 60 },
	{ "pipe", test_pipe, 60 },
	{ "threads", test_threads, 60 },
	{ "movs", test_movs, 60 },
	{ "stos_scas", test_stos_scas, 60 },
	{ "cmps", test_cmps, 60 },
	{ "pattern", test_pattern, 120 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
