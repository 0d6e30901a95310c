// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * machine.c - see machine.h for the contract.
 *
 * Whoever wants something of the vCPU's thread - the machine's callbacks,
 * the terminal, a signal - sets a bit in `events` and kicks the vCPU. The
 * loop acts on the bits between two runs, so that resets and ends happen at
 * one place, without the machine lock.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "devices/acpi.h"
#include "devices/pc.h"
#include "gdbstub.h"
#include "inside.h"
#include "load.h"
#include "machine.h"
#include "runtime/log.h"
#include "sandbox.h"
#include "terminal.h"

#define EVENT_STOP	 (1u << 0) /* stop_why, stop_arg */
#define EVENT_STATS	 (1u << 1)
#define EVENT_RESET	 (1u << 2)
#define EVENT_POWEROFF	 (1u << 3)
#define EVENT_DEBUG_EXIT (1u << 4)
#define EVENT_NMI	 (1u << 5)
#define EVENT_A20	 (1u << 6)
#define EVENT_TRIPLE	 (1u << 7)
#define EVENT_ERROR	 (1u << 8) /* m->end has it */
#define EVENT_GDB	 (1u << 9) /* gdb wants something, or its guest stopped */

/* A guest that triple-faults this often, each time this soon after its
 * start, will never do anything else. */
#define FAULT_LOOP_COUNT 5
#define FAULT_LOOP_NS	 2000000000ull

/* The bits of `events` may be set by any thread; the rest belongs to the
 * vCPU's thread unless it says otherwise. */
struct machine {
	const struct options *opt;
	struct machine_end *end;
	u32 events;	/* atomic */
	u32 stop_seen;	/* atomic: the first reason to stop counts */
	int stop_why, stop_arg; /* set once, before EVENT_STOP */
	u32 debug_value;	/* written under the machine lock */
	bool a20;		/* written under the machine lock */
	struct umbra_host host;
	struct umbra_vm *vm;
	struct vcpu *vcpu; /* atomic: others kick it */
	u8 *ram;
	int ram_fd;
	FILE *stats;
	struct load_request load;
	struct load_result entry;
	struct load_range map[PC_E820_MAX];
	struct terminal term;
	struct pc pc;
	struct inside inside;
	struct gdbstub *gdb; /* NULL: no --gdb */
	bool at_boundary;    /* the vCPU is between two instructions */
	bool debug_exit_seen; /* it was left by UMBRA_EXIT_DEBUG */
	u64 started_ns;	    /* of the last reset */
	unsigned fault_loop; /* quick triple faults in a row */
};

/* ---- ends */

static u64 machine_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* The first error is the one that is told. */
static int PRINTF_LIKE(2, 3)
machine_fail(struct machine *m, const char *fmt, ...)
{
	va_list ap;

	if (!m->end->error[0]) {
		va_start(ap, fmt);
		vsnprintf(m->end->error, sizeof(m->end->error), fmt, ap);
		va_end(ap);
	}
	m->end->status = 1;
	return -1;
}

static void machine_event(struct machine *m, u32 bits)
{
	struct vcpu *v;

	__atomic_or_fetch(&m->events, bits, __ATOMIC_SEQ_CST);
	v = __atomic_load_n(&m->vcpu, __ATOMIC_SEQ_CST);
	if (v)
		umbra_kick(v);
	if (m->gdb)
		gdbstub_wake(m->gdb);
}

static void machine_on_stop(void *opaque, enum terminal_stop why, int arg)
{
	struct machine *m = opaque;

	if (__atomic_exchange_n(&m->stop_seen, 1, __ATOMIC_SEQ_CST))
		return;
	m->stop_why = why;
	m->stop_arg = arg;
	machine_event(m, EVENT_STOP);
}

static void machine_stopped(struct machine *m, int why, int arg)
{
	switch (why) {
	case TERMINAL_LEAVE:
		m->end->status = 0;
		break;
	case TERMINAL_SIGNAL:
		m->end->signo = arg;
		break;
	case TERMINAL_GONE:
		machine_fail(m, "the terminal is gone: the guest was ended");
		break;
	case TERMINAL_OUTPUT:
		machine_fail(m, "cannot write the console to standard output: "
				"%s", strerror(arg));
		break;
	}
}

/* On the terminal's thread, with the vCPU's anywhere: only write and leave. */
static void machine_on_force(void *opaque)
{
	static const char text[] = "umbra: ended by force\n";
	struct machine *m = opaque;
	int why = m->stop_why;
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n; /* nobody to tell if even that fails */
	if (why == TERMINAL_SIGNAL)
		_exit(128 + m->stop_arg);
	_exit(why == TERMINAL_LEAVE ? 0 : 1);
}

static void machine_on_stats(void *opaque)
{
	machine_event(opaque, EVENT_STATS);
}

static const struct terminal_ops machine_term_ops = {
	.stop = machine_on_stop,
	.force = machine_on_force,
	.stats = machine_on_stats,
};

/* ---- what the PC asks for; under the machine lock */

static void machine_set_intr(void *opaque, bool level)
{
	struct machine *m = opaque;

	umbra_irq(m->vcpu, level);
}

static void machine_nmi(void *opaque)
{
	machine_event(opaque, EVENT_NMI);
}

/* There is no firmware for an INIT to come back to: as a reset. */
static void machine_reset_line(void *opaque)
{
	machine_event(opaque, EVENT_RESET);
}

static void machine_poweroff(void *opaque)
{
	machine_event(opaque, EVENT_POWEROFF);
}

static void machine_debug_exit(void *opaque, u32 value)
{
	struct machine *m = opaque;

	m->debug_value = value;
	machine_event(m, EVENT_DEBUG_EXIT);
}

static void machine_a20(void *opaque, bool enabled)
{
	struct machine *m = opaque;

	m->a20 = enabled;
	machine_event(m, EVENT_A20);
}

static void machine_console_out(void *opaque, const u8 *buf, size_t len)
{
	struct machine *m = opaque;

	terminal_write(&m->term, buf, len);
}

static void machine_debug_out(void *opaque, const u8 *buf, size_t len)
{
	(void)opaque;
	fwrite(buf, 1, len, stderr);
}

static u64 machine_tsc_now(void *opaque)
{
	struct machine *m = opaque;

	return umbra_tsc(m->vcpu);
}

/* Reckoned from now, so that an error in tsc_khz shrinks with the distance. */
static u64 machine_tsc_to_ns(void *opaque, u64 tsc)
{
	struct machine *m = opaque;
	u64 now_ns = machine_now();
	u64 now = umbra_tsc(m->vcpu);

	if (tsc <= now)
		return now_ns;
	return now_ns + clock_scale(tsc - now, 1000000, m->host.tsc_khz);
}

static int machine_intack(void *opaque)
{
	struct machine *m = opaque;

	return pc_intack(&m->pc);
}

static void machine_alarm(void *opaque, u64 ns)
{
	struct machine *m = opaque;

	umbra_alarm(m->vcpu, ns);
}

static void machine_on_alarm(void *opaque)
{
	struct machine *m = opaque;

	pc_run_timers(&m->pc);
}

static void machine_idle(void *opaque)
{
	struct machine *m = opaque;

	pc_idle(&m->pc);
}

/* ---- guest RAM */

static int machine_make_ram(struct machine *m)
{
	u64 size = m->opt->memory;

	m->ram_fd = memfd_create("umbra-ram", MFD_CLOEXEC);
	if (m->ram_fd < 0)
		return machine_fail(m, "cannot make guest memory (memfd_create: "
				       "%s): see umbra doctor",
				    strerror(errno));
	if (ftruncate(m->ram_fd, (off_t)size))
		return machine_fail(m, "cannot make guest memory of %llu MiB: "
				       "%s; raise the file size limit (ulimit "
				       "-f) or give less with --memory",
				    (unsigned long long)(size >> 20),
				    strerror(errno));
	m->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, m->ram_fd, 0);
	if (m->ram == MAP_FAILED) {
		m->ram = NULL;
		return machine_fail(m, "cannot map guest memory of %llu MiB: "
				       "%s; give less with --memory or raise "
				       "the limit (ulimit -v)",
				    (unsigned long long)(size >> 20),
				    strerror(errno));
	}
	/* Large pages where the host gives them to who asks; if not, not. */
	madvise(m->ram, size, MADV_HUGEPAGE);
	return 0;
}

/* Gives the engine its slots, or takes them away: then it forgets all it
 * knows about the memory, translations too. */
static int machine_set_slots(struct machine *m, bool present)
{
	struct pc_slot slots[2];
	int n = pc_ram_slots(&m->pc, slots);

	for (int i = 0; i < n; i++) {
		int err = umbra_set_memory(m->vm, (unsigned)i, slots[i].gpa,
					   present ? slots[i].size : 0,
					   m->ram_fd, slots[i].offset,
					   m->ram + slots[i].offset);

		if (err)
			return machine_fail(m, "the engine refused guest "
					       "memory: %s", strerror(-err));
	}
	return 0;
}

/* ---- start and reset */

static int machine_load(struct machine *m)
{
	int err;

	if (load_kernel(&m->load, &m->entry))
		return machine_fail(m, "%s", m->entry.error);
	umbra_vcpu_reset(m->vcpu);
	err = umbra_set_sregs(m->vcpu, &m->entry.sregs);
	if (!err)
		err = umbra_set_regs(m->vcpu, &m->entry.regs);
	if (err)
		return machine_fail(m, "the engine refused the entry state: %s",
				    strerror(-err));
	m->started_ns = machine_now();
	return 0;
}

/* Memory is cleared: a guest must not find what its predecessor left, and
 * the loaders rely on it. */
static int machine_reset(struct machine *m)
{
	if (machine_set_slots(m, false))
		return -1;
	if (fallocate(m->ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)m->opt->memory))
		return machine_fail(m, "cannot clear guest memory: %s",
				    strerror(errno));
	pc_reset(&m->pc);
	umbra_irq(m->vcpu, false);
	umbra_a20(m->vcpu, true);
	if (machine_set_slots(m, true))
		return -1;
	return machine_load(m);
}

static int machine_read_files(struct machine *m)
{
	const struct options *o = m->opt;
	char error[LOAD_ERROR_MAX];

	if (load_file_read(&m->load.kernel, o->kernel, o->memory, error) ||
	    (o->initrd &&
	     load_file_read(&m->load.initrd, o->initrd, o->memory, error)))
		return machine_fail(m, "%s", error);
	if (inside_open(&m->inside, o)) {
		machine_fail(m, "%s", m->inside.error);
		m->end->status = m->inside.usage ? 2 : 1;
		return -1;
	}
	if (o->stats_file) {
		m->stats = fopen(o->stats_file, "we");
		if (!m->stats)
			return machine_fail(m, "--stats: cannot write %s: %s",
					    o->stats_file, strerror(errno));
	}
	return 0;
}

static int machine_make_pc(struct machine *m)
{
	struct pc_config cfg = {
		.ram = m->ram,
		.ram_size = m->opt->memory,
		.debug_exit_port = m->opt->debug_exit_port,
		.console_fd = terminal_input_fd(&m->term),
		.opaque = m,
		.set_intr = machine_set_intr,
		.nmi = machine_nmi,
		.init = machine_reset_line,
		.reset = machine_reset_line,
		.poweroff = machine_poweroff,
		.debug_exit = machine_debug_exit,
		.console_out = machine_console_out,
		.debug_out = machine_debug_out,
		.a20 = machine_a20,
		.tsc_now = machine_tsc_now,
		.tsc_to_ns = machine_tsc_to_ns,
		.alarm = machine_alarm,
	};
	struct pc_e820 map[PC_E820_MAX];
	int err = pc_init(&m->pc, &cfg);

	if (err == -EBUSY)
		return machine_fail(m, "--debug-exit %#x: the PC has a device "
				       "there; 0xf4 is free",
				    m->opt->debug_exit_port);
	if (err)
		return machine_fail(m, "cannot make the PC: %s",
				    strerror(-err));
	m->load.map_nr = (unsigned)pc_e820(&m->pc, map);
	for (unsigned i = 0; i < m->load.map_nr; i++)
		m->map[i] = (struct load_range){ map[i].addr, map[i].size,
						 map[i].type };
	m->load.map = m->map;
	m->load.cmdline = m->opt->append;
	m->load.ram = m->ram;
	m->load.ram_size = m->opt->memory;
	m->load.rsdp = ACPI_TABLES_GPA;
	return 0;
}

static int machine_make_engine(struct machine *m)
{
	const char *why = "unknown";
	struct vcpu *v;
	int err;

	if (umbra_host_detect(&m->host, &why))
		return machine_fail(m, "this host cannot run guests: %s; see "
				       "umbra doctor", why);
	err = umbra_vm_new(&m->vm, &m->host, &m->opt->inject);
	if (!err) {
		err = umbra_vcpu_new(m->vm, &v);
		if (!err)
			__atomic_store_n(&m->vcpu, v, __ATOMIC_SEQ_CST);
	}
	if (err)
		return machine_fail(m, "cannot start the engine: %s; see umbra "
				       "doctor", strerror(-err));
	umbra_set_intack(m->vcpu, machine_intack, m);
	umbra_set_idle(m->vcpu, machine_idle, m);
	umbra_set_alarm(m->vcpu, machine_on_alarm, m);
	if (inside_start(&m->inside, m->opt, m->vcpu))
		return machine_fail(m, "%s", m->inside.error);
	return 0;
}

/* ---- the loop */

static void machine_io(struct machine *m, struct umbra_run *r)
{
	if (r->io.in)
		r->io.data = (u32)pc_io_read(&m->pc, r->io.port, r->io.size);
	else
		pc_io_write(&m->pc, r->io.port, r->io.size, r->io.data);
}

/* Wide accesses go in the largest pieces that a chip can take. */
static void machine_mmio(struct machine *m, struct umbra_run *r)
{
	unsigned size;

	for (unsigned i = 0; i < r->mmio.len; i += size) {
		u64 gpa = r->mmio.gpa + i;
		u64 val = 0;

		for (size = 8; size > r->mmio.len - i; size /= 2)
			;
		if (r->mmio.is_write) {
			memcpy(&val, r->mmio.data + i, size);
			pc_mmio_write(&m->pc, gpa, size, val);
		} else {
			val = pc_mmio_read(&m->pc, gpa, size);
			memcpy(r->mmio.data + i, &val, size);
		}
	}
}

static void machine_msr(struct machine *m, struct umbra_run *r)
{
	u32 msr = r->msr.index;
	int err;

	if (!pc_has_msr(msr))
		err = -EINVAL;
	else if (r->msr.is_write)
		err = pc_msr_write(&m->pc, msr, r->msr.data);
	else
		err = pc_msr_read(&m->pc, msr, &r->msr.data);
	r->msr.fault = err != 0;
}

/* On the thread of gdb's. */
static void machine_on_gdb(void *opaque)
{
	machine_event(opaque, EVENT_GDB);
}

/*
 * gdb has its turn, while the guest is stopped until that goes on or something
 * else happens to the machine. Not before the last exit is completed, which
 * another turn of the vCPU sees to.
 */
static enum gdb_serve machine_gdb(struct machine *m)
{
	const struct umbra_run *r = umbra_vcpu_run_area(m->vcpu);
	bool stopped = m->debug_exit_seen;

	if (!m->at_boundary) {
		machine_event(m, EVENT_GDB);
		return GDB_RUN;
	}
	pc_console_flush(&m->pc);
	m->debug_exit_seen = false;
	return gdbstub_serve(m->gdb, stopped ? r : NULL);
}

static void machine_stats(struct machine *m)
{
	pc_console_flush(&m->pc);
	umbra_stats_print(m->vm, stderr, false);
	fflush(stderr);
}

/* False when the guest only faults, resets and faults again. */
static bool machine_triple_fault(struct machine *m)
{
	bool quick = machine_now() - m->started_ns < FAULT_LOOP_NS;

	m->fault_loop = quick ? m->fault_loop + 1 : 0;
	fprintf(stderr, "umbra: the guest triple-faulted: reset\n");
	if (m->fault_loop < FAULT_LOOP_COUNT)
		return true;
	machine_fail(m, "the guest triple-faults at each start: see -d int "
			"for its exceptions");
	return false;
}

/* Acts on events, but gdb's. True while the guest goes on. */
static bool machine_act(struct machine *m, u32 ev)
{
	if (ev & EVENT_STATS)
		machine_stats(m);
	if (ev & EVENT_STOP) {
		machine_stopped(m, m->stop_why, m->stop_arg);
		return false;
	}
	if (ev & EVENT_ERROR)
		return false;
	if (ev & EVENT_DEBUG_EXIT) {
		m->end->status = (int)(m->debug_value & 0xff);
		return false;
	}
	if (ev & EVENT_POWEROFF)
		return false;
	if ((ev & EVENT_TRIPLE) && !machine_triple_fault(m))
		return false;
	if (ev & (EVENT_RESET | EVENT_TRIPLE))
		return !m->opt->no_reboot && !machine_reset(m);
	if (ev & EVENT_A20)
		umbra_a20(m->vcpu, m->a20);
	if (ev & EVENT_NMI)
		umbra_nmi(m->vcpu);
	return true;
}

/* The same with gdb's, who may hold the guest for long. */
static bool machine_events(struct machine *m)
{
	u32 ev = __atomic_exchange_n(&m->events, 0, __ATOMIC_SEQ_CST);

	while (ev) {
		u32 gdb = ev & EVENT_GDB;

		if (!machine_act(m, ev))
			return false;
		if (!gdb)
			return true;
		switch (machine_gdb(m)) {
		case GDB_RUN:
			return true;
		case GDB_AGAIN:
			break;
		case GDB_END:
			return false;
		}
		ev = __atomic_exchange_n(&m->events, 0, __ATOMIC_SEQ_CST) | gdb;
	}
	return true;
}

static void machine_error(struct machine *m, const char *text)
{
	machine_fail(m, "the engine stopped: %s", text);
	machine_event(m, EVENT_ERROR);
}

static void machine_loop(struct machine *m)
{
	struct umbra_run *r = umbra_vcpu_run_area(m->vcpu);

	while (machine_events(m)) {
		int err = umbra_vcpu_run(m->vcpu);

		if (err) {
			machine_error(m, strerror(-err));
			continue;
		}
		m->at_boundary = false;
		switch (r->reason) {
		case UMBRA_EXIT_IO:
			machine_io(m, r);
			break;
		case UMBRA_EXIT_MMIO:
			machine_mmio(m, r);
			break;
		case UMBRA_EXIT_MSR:
			machine_msr(m, r);
			break;
		case UMBRA_EXIT_SHUTDOWN:
			machine_event(m, EVENT_TRIPLE);
			break;
		case UMBRA_EXIT_DEBUG:
			m->debug_exit_seen = true;
			__atomic_or_fetch(&m->events, EVENT_GDB,
					  __ATOMIC_SEQ_CST);
			m->at_boundary = true;
			break;
		case UMBRA_EXIT_INTR:
			m->at_boundary = true;
			break;
		case UMBRA_EXIT_FERR:
			/* An edge: the board latches it until port f0h. */
			pc_ferr(&m->pc, true);
			pc_ferr(&m->pc, false);
			break;
		case UMBRA_EXIT_ERROR:
			machine_error(m, r->error);
			break;
		default:
			must(false, "exit reason %d", (int)r->reason);
		}
	}
}

/* ---- what the process gives away (sandbox.h) */

static void machine_drop_root(const struct machine *m)
{
	char text[SANDBOX_TEXT_MAX];

	if (m->opt->no_sandbox)
		fprintf(stderr, "umbra: --no-sandbox: nothing confines this "
				"process but its user's rights\n");
	else if (sandbox_drop_root(text))
		fprintf(stderr, "umbra: %s\n", text);
}

/* Behind the last file, mapping of code and thread of the set-up. */
static int machine_enter_sandbox(struct machine *m)
{
	int err = 0;

	if (!m->opt->no_sandbox)
		err = sandbox_enter((m->term.is_tty ? SANDBOX_TTY : 0) |
				    (m->gdb ? SANDBOX_GDB : 0));
	return err ? machine_fail(m, "the host refuses the sandbox (seccomp: "
				     "%s): see umbra doctor; --no-sandbox runs "
				     "the guest without", strerror(-err)) : 0;
}

/* ---- all of it */

static void machine_finish_stats(struct machine *m)
{
	if (m->stats) {
		umbra_stats_print(m->vm, m->stats, true);
		if (fflush(m->stats) || ferror(m->stats))
			machine_fail(m, "--stats: cannot write %s: %s",
				     m->opt->stats_file, strerror(errno));
	} else if (m->opt->stats) {
		umbra_stats_print(m->vm, stderr, false);
	}
}

/* Before the first instruction: gdb may want to see that. */
static int machine_start_gdb(struct machine *m)
{
	m->at_boundary = true;
	if (m->opt->gdb_where.wait)
		__atomic_or_fetch(&m->events, EVENT_GDB, __ATOMIC_SEQ_CST);
	return gdbstub_start(m->gdb, m->vm, m->vcpu, machine_on_gdb, m);
}

static void machine_with_pc(struct machine *m)
{
	int err;

	if (machine_set_slots(m, true))
		return;
	err = pc_thread_start(&m->pc);
	if (!err && m->gdb)
		err = machine_start_gdb(m);
	if (err) {
		machine_fail(m, "cannot start a thread: %s", strerror(-err));
		return;
	}
	/* The kernel may be anybody's: its loader is confined, too. */
	if (!machine_enter_sandbox(m) && !machine_load(m)) {
		if (m->opt->no_reboot) { /* not needed again */
			load_file_free(&m->load.kernel);
			load_file_free(&m->load.initrd);
		}
		machine_loop(m);
	}
	pc_thread_stop(&m->pc);
	pc_console_flush(&m->pc);
	if (m->gdb)
		gdbstub_exited(m->gdb, m->end->status);
}

static int machine_make_gdb(struct machine *m)
{
	char error[GDB_WHERE_ERROR];

	if (!m->opt->gdb)
		return 0;
	m->gdb = gdbstub_open(&m->opt->gdb_where, error);
	return m->gdb ? 0 : machine_fail(m, "%s", error);
}

/* The engine before the terminal: its handlers for faults come first.
 * Privileges end behind the last file and before the first thread. */
static void machine_with_files(struct machine *m)
{
	int err;

	if (machine_make_ram(m) || machine_make_engine(m) ||
	    machine_make_gdb(m))
		return;
	machine_drop_root(m);
	err = terminal_open(&m->term, &machine_term_ops, m);
	if (err) {
		machine_fail(m, "cannot take the terminal: %s",
			     strerror(-err));
		return;
	}
	if (!machine_make_pc(m)) {
		machine_with_pc(m);
		pc_fini(&m->pc);
	}
	terminal_close(&m->term);
	machine_finish_stats(m);
}

void machine_run(const struct options *o, struct machine_end *end)
{
	struct machine *m = calloc(1, sizeof(*m));

	*end = (struct machine_end){ 0 };
	if (!m) {
		end->status = 1;
		snprintf(end->error, sizeof(end->error), "out of memory");
		return;
	}
	m->opt = o;
	m->end = end;
	m->ram_fd = -1;
	if (!machine_read_files(m))
		machine_with_files(m);
	if (inside_close(&m->inside))
		machine_fail(m, "%s", m->inside.error);
	gdbstub_close(m->gdb);
	if (m->vcpu)
		umbra_vcpu_free(m->vcpu);
	if (m->vm)
		umbra_vm_free(m->vm);
	if (m->ram)
		munmap(m->ram, o->memory);
	if (m->ram_fd >= 0)
		close(m->ram_fd);
	if (m->stats)
		fclose(m->stats);
	load_file_free(&m->load.kernel);
	load_file_free(&m->load.initrd);
	free(m);
}
