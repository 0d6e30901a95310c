// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * doctor.c - see doctor.h. One function a finding, one table of them all;
 * a finding looks at the host and disturbs nothing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "doctor.h"
#include "options.h"
#include "sandbox.h"

#define MAPS_MIN   16384u  /* less leaves too little beside the reserve */
#define MAPS_GOOD  262144u
#define SPACE_NEED (16ull << 30) /* address space for windows and caches */
#define MEMORY_MIN (OPT_MEMORY_MIN + (64ull << 20))

enum verdict { GOOD, SLOW, BAD };

struct finding {
	enum verdict verdict;
	char value[64];
	const char *meaning;
	const char *change; /* NULL: nothing to do */
};

struct doctor {
	struct umbra_host host;
	const char *refused; /* NULL: umbra_host_detect() was content */
};

/* First line of a small file of the kernel's; "" if there is none. */
static const char *file_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	return line;
}

static void find_yes(struct finding *f, bool yes)
{
	f->verdict = yes ? GOOD : SLOW;
	strcpy(f->value, yes ? "yes" : "no");
}

static void find_host(const struct doctor *d, struct finding *f)
{
	f->verdict = d->refused ? BAD : GOOD;
	strcpy(f->value, d->refused ? "not usable" : "usable");
	f->meaning = d->refused ? d->refused :
				  "translated code runs at its full width";
	if (d->refused)
		f->change = "use another host";
}

static void find_fsgsbase(const struct doctor *d, struct finding *f)
{
	find_yes(f, d->host.fsgsbase);
	f->meaning = d->host.fsgsbase ?
		"guest memory is reached through GS at no cost" :
		"each access of 32-bit guests needs an instruction more";
	if (!d->host.fsgsbase)
		f->change = "boot a kernel of 5.9 or newer without "
			    "nofsgsbase";
}

static void find_bmi2(const struct doctor *d, struct finding *f)
{
	find_yes(f, d->host.bmi2);
	f->meaning = d->host.bmi2 ? "shifts in our code spare guest flags" :
				    "flags are saved around our own shifts";
}

static void find_avx(const struct doctor *d, struct finding *f)
{
	find_yes(f, d->host.avx2);
	if (d->host.avx && !d->host.avx2)
		strcpy(f->value, "AVX only");
	f->verdict = GOOD; /* guests get what there is */
	f->meaning = "guests are offered the vector instructions of the host";
}

static void find_tsc(const struct doctor *d, struct finding *f)
{
	char line[64];

	file_line("/sys/devices/system/clocksource/clocksource0/"
		  "current_clocksource", line, sizeof(line));
	snprintf(f->value, sizeof(f->value), "%.20s, %" PRIu64 " MHz",
		 *line ? line : "unknown", d->host.tsc_khz / 1000);
	f->verdict = d->host.tsc_khz ? GOOD : SLOW;
	f->meaning = "the guest reads the host's time-stamp counter";
	if (*line && strcmp(line, "tsc") && strncmp(line, "kvm", 3) &&
	    strncmp(line, "hyperv", 6)) {
		f->verdict = SLOW;
		f->meaning = "the host's kernel does not trust its TSC: clock "
			     "reads are slow, guest time may be uneven";
	}
}

static void find_maps(const struct doctor *d, struct finding *f)
{
	snprintf(f->value, sizeof(f->value), "%" PRIu64,
		 d->host.max_map_count);
	f->meaning = "pages of guest address spaces are host mappings, two "
		     "for an isolated page";
	f->verdict = GOOD;
	if (d->host.max_map_count < MAPS_GOOD) {
		f->verdict = d->host.max_map_count < MAPS_MIN ? BAD : SLOW;
		f->meaning = "large guest processes exceed the number of host "
			     "mappings and fall back to slower accesses";
		f->change = "sysctl vm.max_map_count=262144";
	}
}

static void find_userfaultfd(const struct doctor *d, struct finding *f)
{
	bool ok = d->host.uffd;

	find_yes(f, ok);
	f->meaning = ok ? "pages with code are protected without splitting "
			  "mappings" :
			  "pages with code are protected by mprotect, which "
			  "splits mappings";
	if (!ok)
		f->change = "use a kernel of 5.19 or newer that lets this "
			    "process call userfaultfd";
}

static u64 memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	u64 kb = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemAvailable: %" SCNu64, &kb) == 1)
			break;
	}
	fclose(f);
	return kb << 10;
}

/* Of our own control group, cgroup v2; none: 0. */
static u64 memory_limit(void)
{
	char group[256], path[320], line[64];
	char *name;
	u64 limit = 0;

	file_line("/proc/self/cgroup", group, sizeof(group));
	name = strncmp(group, "0::", 3) ? NULL : group + 3;
	if (!name)
		return 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", name);
	file_line(path, line, sizeof(line));
	if (sscanf(line, "%" SCNu64, &limit) != 1)
		return 0;
	return limit;
}

static void find_memory(const struct doctor *d, struct finding *f)
{
	u64 free_bytes = memory_available();
	u64 limit = memory_limit();
	u64 most = limit && limit < free_bytes ? limit : free_bytes;

	(void)d;
	snprintf(f->value, sizeof(f->value), "%" PRIu64 " MiB free",
		 most >> 20);
	f->verdict = GOOD;
	f->meaning = "a guest takes host memory as it touches its own";
	if (most < MEMORY_MIN) {
		f->verdict = BAD;
		f->meaning = "too little for the smallest guest";
		f->change = "end other programs or add memory";
	} else if (most < OPT_MEMORY_DEFAULT) {
		f->verdict = SLOW;
		f->meaning = "less than a guest's default: the host may swap "
			     "or kill it";
		f->change = "give guests less with --memory";
	}
}

/* The three mappings that everything rests on: guest memory twice, code
 * memory executable. */
static void find_memfd(const struct doctor *d, struct finding *f)
{
	int fd = memfd_create("umbra-doctor", MFD_CLOEXEC);
	char *a = MAP_FAILED, *b = MAP_FAILED;

	(void)d;
	strcpy(f->value, "no");
	f->verdict = BAD;
	f->meaning = "guest and code memory cannot be made";
	if (fd >= 0 && !ftruncate(fd, PAGE_SIZE)) {
		a = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);
		b = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED,
			 fd, 0);
	}
	if (a != MAP_FAILED && b != MAP_FAILED) {
		strcpy(f->value, "yes");
		f->verdict = GOOD;
		f->meaning = "guest and code memory are mapped as often as "
			     "needed, code never writable";
	} else if (a != MAP_FAILED) {
		f->meaning = "code memory may not be made executable";
		f->change = "sysctl vm.memfd_noexec=0, or allow it in the "
			    "security policy (execmem)";
	}
	if (a != MAP_FAILED)
		munmap(a, PAGE_SIZE);
	if (b != MAP_FAILED)
		munmap(b, PAGE_SIZE);
	if (fd >= 0)
		close(fd);
}

static void find_seccomp(const struct doctor *d, struct finding *f)
{
	bool ok = sandbox_works();

	(void)d;
	strcpy(f->value, ok ? "yes" : "no");
	f->verdict = ok ? GOOD : BAD;
	f->meaning = ok ? "a guest's process can do nothing that guests do "
			  "not need" :
			  "the process cannot be confined before the guest "
			  "starts";
	if (!ok)
		f->change = "use a kernel of 4.14 or newer with seccomp "
			    "filters, or umbra run --no-sandbox";
}

static void find_space(const struct doctor *d, struct finding *f)
{
	void *p = mmap(NULL, SPACE_NEED, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)d;
	f->verdict = p == MAP_FAILED ? BAD : GOOD;
	strcpy(f->value, p == MAP_FAILED ? "limited" : "enough");
	f->meaning = p == MAP_FAILED ?
		"windows on guest memory cannot be reserved" :
		"windows on guest memory are reserved, not allocated";
	if (p == MAP_FAILED)
		f->change = "ulimit -v unlimited";
	else
		munmap(p, SPACE_NEED);
}

static void find_overcommit(const struct doctor *d, struct finding *f)
{
	char line[16];

	(void)d;
	file_line("/proc/sys/vm/overcommit_memory", line, sizeof(line));
	snprintf(f->value, sizeof(f->value), "%.10s", *line ? line : "unknown");
	f->verdict = GOOD;
	f->meaning = "guest memory is not set aside before it is used";
	if (!strcmp(line, "2")) {
		f->verdict = SLOW;
		f->meaning = "the host sets all of a guest's memory aside at "
			     "its start";
		f->change = "sysctl vm.overcommit_memory=0";
	}
}

static void find_huge(const struct doctor *d, struct finding *f)
{
	char line[96];
	char *word;

	(void)d;
	file_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", line,
		  sizeof(line));
	word = strchr(line, '[');
	if (word)
		word[strcspn(word, "]")] = 0;
	snprintf(f->value, sizeof(f->value), "%.20s", word ? word + 1 :
							      "unknown");
	f->verdict = GOOD;
	f->meaning = "guest memory may use large host pages";
	if (!word || !strcmp(word + 1, "never") || !strcmp(word + 1, "deny")) {
		f->verdict = SLOW;
		f->meaning = "guest memory uses 4 KiB host pages: more TLB "
			     "misses in large guests";
		f->change = "echo advise >/sys/kernel/mm/transparent_hugepage"
			    "/shmem_enabled";
	}
}

static void find_cpus(const struct doctor *d, struct finding *f)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	(void)d;
	snprintf(f->value, sizeof(f->value), "%ld", n);
	f->verdict = n > 1 ? GOOD : SLOW;
	f->meaning = n > 1 ? "guest and devices run beside each other" :
			     "guest and devices share one processor";
}

static const struct {
	const char *name;
	void (*find)(const struct doctor *d, struct finding *f);
} findings[] = {
	{ "processor", find_host },
	{ "FSGSBASE", find_fsgsbase },
	{ "BMI2", find_bmi2 },
	{ "AVX2", find_avx },
	{ "clock", find_tsc },
	{ "processors", find_cpus },
	{ "memory", find_memory },
	{ "memfd", find_memfd },
	{ "seccomp", find_seccomp },
	{ "address space", find_space },
	{ "vm.max_map_count", find_maps },
	{ "userfaultfd", find_userfaultfd },
	{ "overcommit policy", find_overcommit },
	{ "large pages", find_huge },
};

int doctor_run(FILE *out)
{
	static const char *const marks[] = { "ok  ", "slow", "BAD " };
	struct doctor d = { 0 };
	unsigned count[3] = { 0 };
	const char *why = "this processor is not supported";

	if (umbra_host_detect(&d.host, &why))
		d.refused = why;
	for (unsigned i = 0; i < ARRAY_SIZE(findings); i++) {
		struct finding f = { 0 };

		findings[i].find(&d, &f);
		count[f.verdict]++;
		fprintf(out, "%s  %-18s %-20s %s\n", marks[f.verdict],
			findings[i].name, f.value, f.meaning);
		if (f.change)
			fprintf(out, "%46s%s\n", "change: ", f.change);
	}
	if (count[BAD])
		fprintf(out, "umbra cannot run guests here: see BAD above\n");
	else if (count[SLOW])
		fprintf(out, "umbra can run guests here; %u thing%s make%s it "
			"slower than it could be\n", count[SLOW],
			count[SLOW] > 1 ? "s" : "", count[SLOW] > 1 ? "" : "s");
	else
		fprintf(out, "umbra can run guests here at full speed\n");
	return count[BAD] ? 1 : 0;
}
