// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sensitive_confine.c - a monitor that has planted a pattern in its own memory
 * and runs the guest which looks for it (guests/sensitive_confine.c).
 *
 * usage: sensitive_confine ELF [STEP]
 *
 * A client of umbra.h with 64 MiB for the guest and nothing else: ports answer
 * the guest's questions, other devices are absent. The pattern lies in heap
 * blocks of many sizes, taken before and after the engine's own, in .data,
 * .bss, thread-local and stack memory, before and behind the guest's RAM in
 * its file, and in free pages beside every mapping of the process. The guest
 * must not see it, and afterwards each byte must be as it was. STEP: of how
 * many pages of device space the guest looks at one (16). Runs once for each
 * form of access that the translator has. Ends with "N passed, N failed".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/base.h"
#include "runtime/bits.h"
#include "runtime/umbra.h"
#include "tools/load.h"

#define RAM_SIZE    (64u << 20)
#define MARGIN	    (64u << 10) /* in the file, before and behind RAM */
#define GLOBAL_SIZE (64u << 10)
#define BESIDE	    (16u << 10)
#define BESIDE_MAX  1024
#define HEAP_BLOCKS 256

enum { PORT_MAGIC = 0xc0d0, PORT_PATTERN = 0xc0d4, PORT_STEP = 0xc0e4,
       PORT_PLANT = 0xc0e8, PORT_UART = 0x3f8, PORT_LSR = 0x3fd,
       PORT_EXIT = 0xf4, MAGIC = 0x434f4e46 };

struct place {
	u8 *at;
	size_t size;
	bool heap;
};

/* All the planted memory, and the machine. */
struct monitor {
	u32 pattern[4];
	struct place places[HEAP_BLOCKS + BESIDE_MAX + 8];
	unsigned nr, beside;
	size_t bytes;
	struct umbra_vm *vm;
	struct vcpu *v;
	u8 *file; /* RAM with its margins */
	int fd;
	u32 step;
	bool failed; /* a line of the guest's began with FAIL */
	char line[256];
	unsigned len;
};

/* Globals on purpose: they are what the guest must not reach. */
static u8 in_data[GLOBAL_SIZE] = { 1 };
static u8 in_bss[GLOBAL_SIZE];
static _Thread_local u8 in_tls[4096];

/* --- planting */

static void plant(struct monitor *m, void *at, size_t size, bool heap)
{
	if (m->nr == ARRAY_SIZE(m->places))
		return;
	for (size_t i = 0; i < size; i++)
		((u8 *)at)[i] = ((u8 *)m->pattern)[((uintptr_t)at + i) & 15];
	m->places[m->nr++] = (struct place){ at, size, heap };
	m->bytes += size;
}

static void plant_heap(struct monitor *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t size = 64u << i % 13;
		void *p = malloc(size);

		if (p)
			plant(m, p, size, true);
	}
}

/* Free pages at `at`, if there are any. */
static void plant_page(struct monitor *m, u64 at)
{
	void *p = mmap((void *)at, BESIDE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0);

	if (p == MAP_FAILED)
		return;
	if (p != (void *)at || m->beside == BESIDE_MAX) {
		munmap(p, BESIDE);
		return;
	}
	m->beside++;
	plant(m, p, BESIDE, false);
}

/* Beside each mapping that the process has now. */
static void plant_beside(struct monitor *m)
{
	static u64 ends[2 * BESIDE_MAX];
	unsigned long long lo, hi;
	unsigned n = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	if (!f)
		return;
	while (n + 2 <= ARRAY_SIZE(ends) && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx", &lo, &hi) != 2)
			continue;
		ends[n++] = lo - BESIDE;
		ends[n++] = hi;
	}
	fclose(f);
	for (unsigned i = 0; i < n; i++)
		if (ends[i] >> 47 == 0 && ends[i] >= 0x10000)
			plant_page(m, ends[i]);
}

/* How many planted bytes are not as they were. */
static size_t changed(const struct monitor *m)
{
	size_t n = 0;

	for (unsigned i = 0; i < m->nr; i++) {
		const struct place *p = &m->places[i];

		for (size_t j = 0; j < p->size; j++)
			n += p->at[j] != ((const u8 *)m->pattern)
				[((uintptr_t)p->at + j) & 15];
	}
	return n;
}

static void unplant(struct monitor *m)
{
	for (unsigned i = 0; i < m->nr; i++) {
		struct place *p = &m->places[i];

		memset(p->at, 0, p->size);
		if (p->heap)
			free(p->at);
		else if (i >= m->nr - m->beside)
			munmap(p->at, p->size);
	}
}

/* --- the machine */

static void uart_put(struct monitor *m, char c)
{
	if (c != '\n' && m->len < sizeof(m->line) - 1) {
		m->line[m->len++] = c;
		return;
	}
	m->line[m->len] = 0;
	m->len = 0;
	printf("    %s\n", m->line);
	if (!strncmp(m->line, "FAIL", 4))
		m->failed = true;
}

static u32 port_read(const struct monitor *m, unsigned port)
{
	if (port == PORT_MAGIC)
		return MAGIC;
	if (port >= PORT_PATTERN && port < PORT_PATTERN + 16)
		return ~m->pattern[(port - PORT_PATTERN) / 4];
	if (port == PORT_STEP)
		return m->step;
	return port == PORT_LSR ? 0x60 : ~0u;
}

/* true: the guest has ended. */
static bool port_exit(struct monitor *m, struct umbra_run *run)
{
	u32 data = run->io.data;

	if (run->io.in) {
		run->io.data = port_read(m, run->io.port);
		return false;
	}
	switch (run->io.port) {
	case PORT_UART:
		uart_put(m, (char)data);
		break;
	case PORT_PLANT:
		if (data <= RAM_SIZE - 64)
			for (unsigned i = 0; i < 4; i++)
				umbra_ram_write(m->vm, data + 16 * i,
						m->pattern, 16);
		break;
	case PORT_EXIT:
		m->failed |= data != 0;
		return true;
	}
	return false;
}

/* Runs the guest to its end; 0, or -1 if it has none. */
static int machine_run(struct monitor *m)
{
	struct umbra_run *run = umbra_vcpu_run_area(m->v);

	for (;;) {
		int err = umbra_vcpu_run(m->v);

		if (err || run->reason == UMBRA_EXIT_ERROR ||
		    run->reason == UMBRA_EXIT_SHUTDOWN) {
			printf("    error %d, exit %d\n", err, run->reason);
			return -1;
		}
		if (run->reason == UMBRA_EXIT_IO && port_exit(m, run))
			return 0;
		if (run->reason == UMBRA_EXIT_MMIO && !run->mmio.is_write)
			memset(run->mmio.data, 0xff, run->mmio.len);
		if (run->reason == UMBRA_EXIT_MSR)
			run->msr.fault = true;
	}
}

static int machine_load(struct monitor *m, const char *elf)
{
	static const struct load_range map = { 0, RAM_SIZE, 1 };
	struct load_request req = { .cmdline = "", .ram = m->file + MARGIN,
				    .ram_size = RAM_SIZE, .map = &map,
				    .map_nr = 1 };
	struct load_result res;
	int err = load_file_read(&req.kernel, elf, 16u << 20, res.error);

	if (!err)
		err = load_kernel(&req, &res);
	load_file_free(&req.kernel);
	if (err) {
		fprintf(stderr, "sensitive_confine: %s\n", res.error);
		return err;
	}
	err = umbra_set_sregs(m->v, &res.sregs);
	return err ? err : umbra_set_regs(m->v, &res.regs);
}

static int machine_new(struct monitor *m, const struct umbra_inject *inj)
{
	struct umbra_host host;
	const char *why = "";
	size_t size = RAM_SIZE + 2 * MARGIN;

	if (umbra_host_detect(&host, &why) ||
	    umbra_vm_new(&m->vm, &host, inj)) {
		fprintf(stderr, "sensitive_confine: no machine: %s\n", why);
		return -1;
	}
	m->fd = memfd_create("confine", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)size))
		return -1;
	m->file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd,
		       0);
	if (m->file == MAP_FAILED)
		return -1;
	if (umbra_set_memory(m->vm, 0, 0, RAM_SIZE, m->fd, MARGIN,
			     m->file + MARGIN))
		return -1;
	return umbra_vcpu_new(m->vm, &m->v);
}

static void machine_free(struct monitor *m)
{
	umbra_vm_free(m->vm);
	munmap(m->file, RAM_SIZE + 2 * MARGIN);
	close(m->fd);
}

/* --- one run */

static bool confine_run(struct monitor *m, const char *elf,
			const struct umbra_inject *inj)
{
	u8 on_stack[16384];
	size_t bad;
	bool ended;

	if (getrandom(m->pattern, 16, 0) != 16)
		return false;
	plant_heap(m, HEAP_BLOCKS / 2);
	if (machine_new(m, inj))
		return false;
	plant_heap(m, HEAP_BLOCKS / 2);
	plant(m, in_data, sizeof(in_data), false);
	plant(m, in_bss, sizeof(in_bss), false);
	plant(m, in_tls, sizeof(in_tls), false);
	plant(m, on_stack, sizeof(on_stack), false);
	plant(m, m->file, MARGIN, false);
	plant(m, m->file + MARGIN + RAM_SIZE, MARGIN, false);
	if (machine_load(m, elf))
		return false;
	plant_beside(m);
	ended = !machine_run(m);
	bad = changed(m);
	printf("    planted: %u places, %zu KiB, %u of them beside mappings; "
	       "%zu bytes changed\n", m->nr, m->bytes >> 10, m->beside, bad);
	unplant(m);
	machine_free(m);
	return ended && !bad && !m->failed;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct umbra_inject inj;
	} forms[] = {
		{ "by gs", { 0 } },
		{ "by a base register", { .no_fsgsbase = true } },
		{ "by the helper TLB", { .helper_sites = true } },
	};
	unsigned failed = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: sensitive_confine ELF [STEP]\n");
		return 2;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		struct monitor *m = calloc(1, sizeof(*m));
		bool ok;

		if (!m)
			return 1;
		m->step = argc > 2 ? (u32)strtoul(argv[2], NULL, 10) : 16;
		if (!m->step || m->step & (m->step - 1) || m->step > 0x8000) {
			fprintf(stderr, "sensitive_confine: STEP is a power of "
				"two to 32768\n");
			return 2;
		}
		ok = confine_run(m, argv[1], &forms[i].inj);
		printf("%s confined %s\n", ok ? "ok" : "FAIL", forms[i].name);
		failed += !ok;
		free(m);
	}
	printf("%zu passed, %u failed\n", ARRAY_SIZE(forms) - failed, failed);
	return failed ? 1 : 0;
}
