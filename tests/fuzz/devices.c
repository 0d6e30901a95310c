// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices.c - fuzz target: the whole machine, by whatever a guest can do to
 * it and in any order: ports, memory-mapped registers, MSRs, interrupts taken,
 * time passing, input arriving, resets, its state saved and loaded.
 *
 * The input is a list of operations (see step()). What has to hold: nothing
 * crashes or takes long; a machine loaded from the state of another does, from
 * then on, all that the other does; a state that was damaged is refused or
 * gives a machine that saves the same state again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "devices/pc.h"
#include "fuzz.h"
#include "runtime/bits.h"

#define RAM_SIZE   PC_RAM_MIN
#define STATE_MAX  16384
#define STEPS_MAX  400
#define MADE_MAX   6 /* machines beside the first */
#define FIRES_MAX  200 /* timer deadlines met one by one in one wait */
#define START_NS   (1000 * NS_PER_SEC)
#define TSC_PER_NS 3
#define WAIT_MAX_NS  (1ull << 52) /* two months */
#define CLOCK_MAX_NS (1ull << 56) /* two years */
#define LATER_NS   30170 /* two phases of port 61h, which show the clock */

/* One machine and what its client has been told. */
struct world {
	struct pc pc;
	u64 now, base; /* ns; base: when its guest's TSC was 0 */
	u64 told; /* a sum over all callbacks, in their order */
	bool intr, a20;
};

/* The machine, and another that was loaded from it or is NULL. */
struct bench {
	struct world *a, *b;
	bool twins; /* b must do what a does */
	u8 *ram;
	unsigned made; /* machines */
	u8 state[2][STATE_MAX];
};

static struct {
	u64 steps, reads, writes, loads, refused, damaged, resets, compared;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"devices: %llu steps, %llu reads, %llu writes, %llu states "
		"loaded, %llu answers compared with the first machine's, %llu "
		"damaged states taken, %llu refused, %llu resets\n",
		(unsigned long long)seen.steps, (unsigned long long)seen.reads,
		(unsigned long long)seen.writes, (unsigned long long)seen.loads,
		(unsigned long long)seen.compared,
		(unsigned long long)seen.damaged,
		(unsigned long long)seen.refused,
		(unsigned long long)seen.resets);
}

/* --- the client's side of a machine */

static void world_tell(struct world *w, u32 what, u64 value)
{
	w->told = (w->told ^ what ^ value << 8) * 0x9e3779b97f4a7c15ull + 1;
}

static u64 world_now(void *opaque)
{
	return ((struct world *)opaque)->now;
}

static void world_intr(void *opaque, bool level)
{
	struct world *w = opaque;

	if (w->intr != level)
		world_tell(w, 1, level);
	w->intr = level;
}

static void world_nmi(void *opaque)
{
	world_tell(opaque, 2, 0);
}

static void world_init(void *opaque)
{
	world_tell(opaque, 3, 0);
}

static void world_reset(void *opaque)
{
	world_tell(opaque, 4, 0);
}

static void world_poweroff(void *opaque)
{
	world_tell(opaque, 5, 0);
}

static void world_exit(void *opaque, u32 value)
{
	world_tell(opaque, 6, value);
}

static void world_out(void *opaque, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		world_tell(opaque, 7, buf[i]);
}

static void world_a20(void *opaque, bool enabled)
{
	struct world *w = opaque;

	if (w->a20 != enabled)
		world_tell(w, 8, enabled);
	w->a20 = enabled;
}

static void world_alarm(void *opaque, u64 ns)
{
	(void)opaque;
	(void)ns;
}

static u64 world_tsc(void *opaque)
{
	const struct world *w = opaque;

	return (w->now - w->base) * TSC_PER_NS;
}

static u64 world_tsc_to_ns(void *opaque, u64 tsc)
{
	const struct world *w = opaque;

	return tsc / TSC_PER_NS + 1 + w->base;
}

static struct world *world_new(u8 *ram, u64 now, u64 base)
{
	struct world *w = calloc(1, sizeof(*w));
	struct pc_config cfg = {
		.ram = ram,
		.ram_size = RAM_SIZE,
		.console_fd = -1,
		.clock = { world_now, w },
		.utc_ns = 1700000000ll * (s64)NS_PER_SEC,
		.debug_exit_port = 0xf4,
		.opaque = w,
		.set_intr = world_intr,
		.nmi = world_nmi,
		.init = world_init,
		.reset = world_reset,
		.poweroff = world_poweroff,
		.debug_exit = world_exit,
		.console_out = world_out,
		.debug_out = world_out,
		.a20 = world_a20,
		.tsc_now = world_tsc,
		.tsc_to_ns = world_tsc_to_ns,
		.alarm = world_alarm,
	};

	must(w, "out of memory");
	w->now = now;
	w->base = base;
	w->a20 = true;
	must(!pc_init(&w->pc, &cfg), "the machine cannot be made");
	return w;
}

static void world_free(struct world *w)
{
	if (w)
		pc_fini(&w->pc);
	free(w);
}

/* --- what is done to it */

struct access {
	enum { PORT, MMIO, MSR } space;
	bool write;
	u64 addr, val;
	unsigned size;
};

static u64 world_access(struct world *w, const struct access *a)
{
	u64 val = 0;

	switch (a->space) {
	case PORT:
		if (a->write)
			pc_io_write(&w->pc, (u16)a->addr, a->size, a->val);
		else
			val = pc_io_read(&w->pc, (u16)a->addr, a->size);
		break;
	case MMIO:
		if (a->write)
			pc_mmio_write(&w->pc, a->addr, a->size, a->val);
		else
			val = pc_mmio_read(&w->pc, a->addr, a->size);
		break;
	case MSR:
		if (a->write)
			val = (u64)pc_msr_write(&w->pc, (u32)a->addr, a->val);
		else if (pc_msr_read(&w->pc, (u32)a->addr, &val))
			val = ~0ull;
		break;
	}
	return val;
}

/* Where chips are; anything else is met by raw addresses. */
static const struct {
	u16 first, count;
} chips[] = {
	{ 0x20, 2 },  { 0xa0, 2 },   { 0x4d0, 2 },   { 0x40, 4 },
	{ 0x61, 1 },  { 0x60, 1 },   { 0x64, 1 },    { 0x92, 1 },
	{ 0x70, 2 },  { 0x80, 16 },  { 0xf0, 2 },    { 0x3f8, 8 },
	{ 0x510, 2 }, { 0xcf8, 8 },  { ACPI_PM_PORT, ACPI_PM_PORTS },
	{ 0xf4, 4 },  { DEBUGCON_PORT, 1 },
};

static struct access access_read(struct fuzz_in *f, u8 op)
{
	struct access a = { .size = 1u << (op >> 5 & 3), .write = op >> 7 };
	u8 where = fuzz_u8(f), at;

	switch (op >> 3 & 3) {
	case 0:
	case 1:
		at = fuzz_u8(f);
		a.addr = (u64)where << 8 | at;
		where %= ARRAY_SIZE(chips) + 1;
		if (where < ARRAY_SIZE(chips))
			a.addr = chips[where].first + at % chips[where].count;
		a.size = MIN(a.size, 4u);
		break;
	case 2:
		a.space = MMIO;
		if (where & 1)
			a.addr = IOAPIC_BASE + fuzz_u8(f);
		else if (where & 2)
			a.addr = fuzz_u64(f);
		else
			a.addr = LAPIC_DEFAULT_BASE + (u64)fuzz_u8(f) * 4;
		break;
	case 3:
		a.space = MSR;
		a.addr = where == 0 ? MSR_APIC_BASE :
			 where == 1 ? MSR_TSC_DEADLINE :
				      MSR_X2APIC_FIRST + where;
		break;
	}
	if (a.write)
		a.val = a.size == 8 || a.space == MSR ? fuzz_u64(f) :
			a.size == 4 ? fuzz_u32(f) : fuzz_u16(f);
	return a;
}

/* Does the same to both; what comes of it must be the same. */
static void both_access(struct bench *t, const struct access *a)
{
	u64 va = world_access(t->a, a), vb;

	if (a->write)
		seen.writes++;
	else
		seen.reads++;
	if (!t->b)
		return;
	vb = world_access(t->b, a);
	must(!t->twins || va == vb, "%s %#llx size %u: %#llx, loaded %#llx",
	     a->space == PORT ? "port" : a->space == MMIO ? "mmio" : "msr",
	     (unsigned long long)a->addr, a->size, (unsigned long long)va,
	     (unsigned long long)vb);
	seen.compared += t->twins;
}

static u64 world_event(struct world *w, u8 kind, u64 arg)
{
	u8 text[8];

	memcpy(text, &arg, 8);
	switch (kind % 11) {
	case 0:
		return w->intr ? (u64)pc_intack(&w->pc) : 0;
	case 1:
		return (u64)pc_intack(&w->pc);
	case 2:
		pc_cr8_write(&w->pc, arg & 15);
		break;
	case 3:
		return pc_cr8_read(&w->pc);
	case 4:
		pc_ferr(&w->pc, arg & 1);
		break;
	case 5:
		pc_power_button(&w->pc);
		break;
	case 6:
		pc_nmi(&w->pc);
		break;
	case 7:
		pc_idle(&w->pc);
		break;
	case 8:
		return pc_console_in(&w->pc, text, arg >> 32 & 7);
	case 9:
		seen.resets++;
		pc_reset(&w->pc);
		break;
	case 10:
		pc_console_flush(&w->pc);
		break;
	}
	return 0;
}

static void both_event(struct bench *t, u8 kind, u64 arg)
{
	u64 va, vb;

	va = world_event(t->a, kind, arg);
	if (!t->b)
		return;
	vb = world_event(t->b, kind, arg);
	must(!t->twins || va == vb, "event %u: %#llx, loaded %#llx", kind % 11,
	     (unsigned long long)va, (unsigned long long)vb);
	seen.compared += t->twins;
}

/* Time passes for both, from one deadline of the first machine to the next as
 * long as these are not many: all that b has to do is done at these moments. */
static void both_wait(struct bench *t, u64 ns)
{
	struct world *a = t->a, *b = t->b;
	u64 end = MIN(a->now + MIN(ns, WAIT_MAX_NS), CLOCK_MAX_NS);

	for (unsigned i = 0; a->now < end; i++) {
		u64 next = i < FIRES_MAX ? pc_next_timer(&a->pc) : end;

		next = MIN(MAX(next, a->now + 1), end);
		if (b)
			b->now += next - a->now;
		a->now = next;
		pc_run_timers(&a->pc);
		if (b)
			pc_run_timers(&b->pc);
	}
}

/* --- states */

static int world_save(struct world *w, u8 *buf)
{
	int n = pc_save(&w->pc, buf, STATE_MAX);

	must(n > 0, "saving: %d", n);
	return n;
}

/* Two states of n and k bytes: where, if anywhere, do they differ? */
static void same_state(const struct bench *t, int n, int k, const char *what)
{
	int section = 0, len;

	must(n == k, "%s: %d bytes, %d", what, n, k);
	for (int i = 0; i < n; i++) {
		memcpy(&len, t->state[0] + section + 8, 4);
		while (i >= section + 12 + len) {
			section += 12 + len;
			memcpy(&len, t->state[0] + section + 8, 4);
		}
		must(t->state[0][i] == t->state[1][i],
		     "%s: %.4s byte %d is %02x, %02x", what,
		     (char *)t->state[0] + section, i - section - 12,
		     t->state[0][i], t->state[1][i]);
	}
}

/* From now on b stands in for a, at another time of its own clock. */
static void twin_make(struct bench *t, u64 later)
{
	int n = world_save(t->a, t->state[0]);

	world_free(t->b);
	t->b = world_new(t->ram, t->a->now + later, t->a->base + later);
	must(!pc_load(&t->b->pc, t->state[0], (size_t)n), "own state refused");
	same_state(t, n, world_save(t->b, t->state[1]), "loaded, saved");
	must(t->a->intr == t->b->intr, "INTR is %d, loaded %d", t->a->intr,
	     t->b->intr);
	must(t->a->a20 == t->b->a20, "A20 is %d, loaded %d", t->a->a20,
	     t->b->a20);
	/* what waits outside the UART is not state: hand it over in silence */
	memcpy(t->b->pc.console.in, t->a->pc.console.in, PC_CONSOLE_IN);
	t->b->pc.console.in_head = t->a->pc.console.in_head;
	t->b->pc.console.in_count = t->a->pc.console.in_count;
	t->a->told = t->b->told = 0;
	t->twins = true;
	seen.loads++;
}

/* Each pair of bytes is a place and what goes there. */
static void load_damaged(struct bench *t, struct fuzz_in *f, u64 how)
{
	int n = world_save(t->a, t->state[0]), again;
	size_t len = how & 0x80 ? (how >> 8) % ((size_t)n + 1) : (size_t)n;
	u8 *exact;

	for (unsigned i = 0; i < 1 + (how & 15); i++) {
		u16 at = fuzz_u16(f);

		t->state[0][at % (unsigned)n] = fuzz_u8(f);
	}
	exact = malloc(len + 1);
	must(exact, "out of memory");
	memcpy(exact, t->state[0], len);
	world_free(t->b);
	t->b = world_new(t->ram, t->a->now, t->a->base);
	t->twins = false;
	if (pc_load(&t->b->pc, exact, len))
		seen.refused++;
	else
		seen.damaged++;
	free(exact);
	n = world_save(t->b, t->state[0]);
	must(!pc_load(&t->b->pc, t->state[0], (size_t)n),
	     "takes a damaged state, and not what it makes of it");
	again = world_save(t->b, t->state[1]);
	same_state(t, n, again, "damaged, saved, loaded");
}

static void compare(struct bench *t)
{
	int n, k;

	if (!t->b || !t->twins)
		return;
	must(t->a->told == t->b->told, "told their clients different things");
	n = world_save(t->a, t->state[0]);
	k = world_save(t->b, t->state[1]);
	same_state(t, n, k, "come apart");
}

/*
 * One operation: low three bits 0 to 3: an access (bits 3 and 4 which space,
 * 5 and 6 its size, 7 a write); 4: an event; 5: time passes; 6: another
 * machine is loaded from the state; 7: from the state damaged.
 */
static void step(struct bench *t, struct fuzz_in *f)
{
	u8 op = fuzz_u8(f);
	struct access a;
	u8 kind;

	seen.steps++;
	switch (op & 7) {
	case 4:
		kind = fuzz_u8(f);
		both_event(t, kind, kind & 0x40 ? fuzz_u64(f) : fuzz_u16(f));
		break;
	case 5:
		both_wait(t, (u64)fuzz_u16(f) << (op >> 3));
		break;
	case 6:
		if (t->made++ >= MADE_MAX)
			break;
		compare(t);
		twin_make(t, LATER_NS * ((u64)fuzz_u8(f) << (op >> 3)));
		break;
	case 7:
		if (t->made++ >= MADE_MAX)
			break;
		load_damaged(t, f, fuzz_u16(f));
		break;
	default:
		a = access_read(f, op);
		both_access(t, &a);
		break;
	}
}

static u8 *ram_new(void)
{
	u8 *ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	must(ram != MAP_FAILED, "no memory for RAM");
	return ram;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 *ram; /* only tables, always the same ones */
	struct fuzz_in f = { data, data + size };
	struct bench *t = calloc(1, sizeof(*t));

	must(t, "out of memory");
	if (!ram)
		ram = ram_new();
	t->ram = ram;
	t->a = world_new(ram, START_NS, START_NS / 2);
	for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&f); i++)
		step(t, &f);
	compare(t);
	world_free(t->a);
	world_free(t->b);
	free(t);
	return 0;
}
