// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_pc.c - the board: what a guest sees through ports and memory, the
 * interrupt paths, the I/O thread, hostile guests and whole-machine state.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/pc.h"
#include "runtime/bits.h"

#define RAM_SIZE (16ul << 20)

struct world {
	u64 now;
	bool intr, a20;
	int resets, poweroffs, nmis, inits, eofs;
	int exit_value;
	u64 alarm; /* ns, as last told */
	size_t out_len;
	u8 out[4096];
};

static struct pc pc;
static struct world w;
static u8 *ram;

static u64 world_now(void *opaque)
{
	return __atomic_load_n(&((struct world *)opaque)->now,
			       __ATOMIC_RELAXED);
}

static void world_intr(void *opaque, bool level)
{
	__atomic_store_n(&((struct world *)opaque)->intr, level,
			 __ATOMIC_RELEASE);
}

static void world_nmi(void *opaque)
{
	((struct world *)opaque)->nmis++;
}

static void world_init(void *opaque)
{
	((struct world *)opaque)->inits++;
}

static void world_reset(void *opaque)
{
	((struct world *)opaque)->resets++;
}

static void world_poweroff(void *opaque)
{
	((struct world *)opaque)->poweroffs++;
}

static void world_exit(void *opaque, u32 value)
{
	((struct world *)opaque)->exit_value = (int)value;
}

static void world_out(void *opaque, const u8 *buf, size_t len)
{
	struct world *x = opaque;

	len = MIN(len, sizeof(x->out) - x->out_len);
	memcpy(x->out + x->out_len, buf, len);
	__atomic_add_fetch(&x->out_len, len, __ATOMIC_RELEASE);
}

static void world_a20(void *opaque, bool enabled)
{
	((struct world *)opaque)->a20 = enabled;
}

static u64 world_tsc(void *opaque)
{
	return world_now(opaque) * 3;
}

static u64 world_tsc_to_ns(void *opaque, u64 tsc)
{
	(void)opaque;
	return tsc / 3 + 1;
}

static void world_eof(void *opaque)
{
	__atomic_add_fetch(&((struct world *)opaque)->eofs, 1,
			   __ATOMIC_RELEASE);
}

static void world_alarm(void *opaque, u64 ns)
{
	((struct world *)opaque)->alarm = ns;
}

static struct pc_config world_config(void)
{
	return (struct pc_config){
		.ram = ram,
		.ram_size = RAM_SIZE,
		.console_fd = -1,
		.clock = {world_now, &w},
		.utc_ns = 1700000000ll * (s64)NS_PER_SEC,
		.debug_exit_port = 0xf4,
		.opaque = &w,
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
		.console_eof = world_eof,
	};
}

static void setup(void)
{
	struct pc_config cfg;

	memset(&w, 0, sizeof(w));
	w.now = NS_PER_SEC;
	w.exit_value = -1;
	w.alarm = UINT64_MAX;
	ram = calloc(1, RAM_SIZE);
	cfg = world_config();
	ck_assert_int_eq(pc_init(&pc, &cfg), 0);
}

static void teardown(void)
{
	pc_fini(&pc);
	free(ram);
}

static void out8(u16 port, u8 val)
{
	pc_io_write(&pc, port, 1, val);
}

static u8 in8(u16 port)
{
	return pc_io_read(&pc, port, 1);
}

static void pass(u64 ns)
{
	u64 end = w.now + ns;

	while (pc_next_timer(&pc) <= end) {
		w.now = MAX(w.now, pc_next_timer(&pc));
		pc_run_timers(&pc);
	}
	w.now = end;
}

static void pic_setup(void)
{
	static const u8 init[][2] = {
		{0x20, 0x11}, {0x21, 0x20}, {0x21, 0x04}, {0x21, 0x01},
		{0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 0x02}, {0xa1, 0x01},
		{0x21, 0xfa}, {0xa1, 0xff},
	};

	for (size_t i = 0; i < ARRAY_SIZE(init); i++)
		out8(init[i][0], init[i][1]);
}

static void pit_100hz(void)
{
	out8(0x43, 0x34);
	out8(0x40, 11932 & 0xff);
	out8(0x40, 11932 >> 8);
}

static void ioapic_write(u8 reg, u32 val)
{
	pc_mmio_write(&pc, IOAPIC_BASE, 4, reg);
	pc_mmio_write(&pc, IOAPIC_BASE + 0x10, 4, val);
}

START_TEST(tick_through_8259)
{
	int ticks = 0;

	pic_setup();
	pit_100hz();
	while (w.intr && pc_intack(&pc) >= 0)
		out8(0x20, 0x20);
	for (int i = 0; i < 1000; i++) {
		pass(1000000);
		if (!w.intr)
			continue;
		ck_assert_int_eq(pc_intack(&pc), 0x20);
		ck_assert(!w.intr);
		out8(0x20, 0x20);
		ticks++;
	}
	ck_assert_int_ge(ticks, 99);
	ck_assert_int_le(ticks, 100);
	ck_assert_int_eq(pc_intack(&pc), -1);
}
END_TEST

START_TEST(tick_through_ioapic)
{
	int ticks = 0;

	out8(0x21, 0xff);
	ioapic_write(0x10 + 2 * 2 + 1, 0);
	ioapic_write(0x10 + 2 * 2, 0x31); /* irq 0 is on pin 2 */
	pit_100hz();
	for (int i = 0; i < 1000; i++) {
		pass(1000000);
		if (!w.intr)
			continue;
		ck_assert_int_eq(pc_intack(&pc), 0x31);
		pc_mmio_write(&pc, 0xfee000b0, 4, 0);
		ticks++;
	}
	ck_assert_int_ge(ticks, 99);
	ck_assert_int_le(ticks, 101);
}
END_TEST

START_TEST(level_interrupt_round_trip)
{
	/* the power button: SCI, irq 9, level, until the status is cleared */
	ioapic_write(0x10 + 2 * 9, 0x8000 | 0x39);
	pc_io_write(&pc, ACPI_PM1_EVT + 2, 2, 0x100);
	pc_power_button(&pc);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pc_intack(&pc), 0x39);
		pc_mmio_write(&pc, 0xfee000b0, 4, 0);
		ck_assert(w.intr);
	}
	ck_assert_int_eq(pc_intack(&pc), 0x39);
	pc_io_write(&pc, ACPI_PM1_EVT, 2, 0x100);
	pc_mmio_write(&pc, 0xfee000b0, 4, 0);
	ck_assert(!w.intr);
}
END_TEST

START_TEST(ways_out)
{
	static const char text[] = "bye";

	for (size_t i = 0; i < 3; i++)
		out8(0x3f8, text[i]);
	out8(0xf4, 42);
	ck_assert_int_eq(w.exit_value, 42);
	ck_assert_mem_eq(w.out, "bye", 3);
	pc_io_write(&pc, 0x604, 2, 0x2000);
	ck_assert_int_eq(w.poweroffs, 1);
	out8(0x64, 0xfe);
	out8(0xcf9, 0x06);
	out8(0x92, 0x03);
	ck_assert_int_eq(w.resets, 3);
	ck_assert_uint_eq(in8(0xe9), 0xe9);
	out8(0xe9, '!');
	ck_assert_mem_eq(w.out, "bye!", 4);
}
END_TEST

START_TEST(bad_config)
{
	struct pc_config cfg = world_config();
	struct pc other;

	cfg.ram_size = PC_RAM_MAX + PAGE_SIZE;
	ck_assert_int_eq(pc_init(&other, &cfg), -EINVAL);
	cfg.ram_size = 4096;
	ck_assert_int_eq(pc_init(&other, &cfg), -EINVAL);
	cfg = world_config();
	cfg.debug_exit_port = 0x3f6; /* over the UART */
	ck_assert_int_eq(pc_init(&other, &cfg), -EBUSY);
	cfg.debug_exit_port = 0xfffe;
	ck_assert_int_eq(pc_init(&other, &cfg), -EINVAL);
}
END_TEST

START_TEST(nothing_there)
{
	ck_assert_uint_eq(in8(0x3c0), 0xff); /* no VGA */
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xb8000, 4), 0xffffffff);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfed00000, 8), UINT64_MAX);
	out8(0x80, 0x55);
	ck_assert_uint_eq(in8(0x80), 0x55);
	ck_assert_uint_eq(pc_next_timer(&pc), TIMER_NEVER);
}
END_TEST

START_TEST(ferr)
{
	pic_setup();
	out8(0x21, 0xfb);
	out8(0xa1, 0xdf);
	pc_ferr(&pc, true);
	ck_assert_int_eq(pc_intack(&pc), 0x2d);
	out8(0xa0, 0x20);
	out8(0x20, 0x20);
	out8(0xf0, 0);
	pc_ferr(&pc, false);
	ck_assert(!w.intr);
	pc_ferr(&pc, true);
	ck_assert(w.intr);
}
END_TEST

START_TEST(apic_msrs)
{
	u64 v;

	ck_assert_int_eq(pc_msr_read(&pc, MSR_APIC_BASE, &v), 0);
	ck_assert_uint_eq(v, 0xfee00900);
	/* moved: the old place is empty, the new one answers */
	ck_assert_int_eq(pc_msr_write(&pc, MSR_APIC_BASE, 0xfed00900), 0);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfee00030, 4), 0xffffffff);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfed00030, 4), 0x50014);
	/* on top of the I/O APIC, or in RAM: nowhere */
	ck_assert_int_eq(pc_msr_write(&pc, MSR_APIC_BASE, 0xfec00900), 0);
	ck_assert_int_eq(pc_msr_write(&pc, MSR_APIC_BASE, 0x00100900), 0);
	ck_assert_int_eq(pc_msr_write(&pc, MSR_APIC_BASE, 0xfee00900), 0);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfee00030, 4), 0x50014);
	ck_assert_int_eq(pc_msr_write(&pc, MSR_APIC_BASE, 0xfee00d00), 0);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfee00030, 4), 0xffffffff);
	ck_assert_int_eq(pc_msr_read(&pc, 0x803, &v), 0);
	ck_assert_uint_eq(v, 0x50014);
	ck_assert_int_eq(pc_msr_write(&pc, 0x832, 0x400ec), 0);
	ck_assert_int_eq(
		pc_msr_write(&pc, MSR_TSC_DEADLINE, world_tsc(&w) + 3000), 0);
	pass(2000);
	ck_assert_int_eq(pc_intack(&pc), 0xec);
	pc_nmi(&pc);
	ck_assert_int_eq(w.nmis, 1);
}
END_TEST

START_TEST(memory_map)
{
	struct pc_e820 e[PC_E820_MAX];
	struct pc_slot slots[2];
	int n = pc_e820(&pc, e);

	for (int i = 1; i < n; i++)
		ck_assert_uint_ge(e[i].addr, e[i - 1].addr + e[i - 1].size);
	ck_assert_uint_eq(e[n - 1].addr + e[n - 1].size, RAM_SIZE);
	ck_assert_int_eq(pc_ram_slots(&pc, slots), 2);
	ck_assert_uint_eq(slots[0].size, 0xa0000);
	ck_assert_uint_eq(slots[1].gpa, 0xc0000);
	ck_assert_uint_eq(slots[1].offset + slots[1].size, RAM_SIZE);
	ck_assert_mem_eq(ram + 0xe0000, "RSD PTR ", 8);
}
END_TEST

START_TEST(reset_restores)
{
	pic_setup();
	pit_100hz();
	out8(0x64, 0xdd);
	ck_assert(!w.a20);
	memset(ram + 0xe0000, 0, 64);
	pc_msr_write(&pc, MSR_APIC_BASE, 0xfed00900);
	pc_reset(&pc);
	ck_assert(w.a20);
	ck_assert(!w.intr);
	ck_assert_mem_eq(ram + 0xe0000, "RSD PTR ", 8);
	ck_assert_uint_eq(pc_next_timer(&pc), TIMER_NEVER);
	ck_assert_uint_eq(pc_mmio_read(&pc, 0xfee00030, 4), 0x50014);
}
END_TEST

START_TEST(whole_state)
{
	static u8 buf[8192], again[8192];
	int len, len2;

	pic_setup();
	pit_100hz();
	ioapic_write(0x10 + 2 * 9, 0x8000 | 0x39);
	pc_io_write(&pc, ACPI_PM1_EVT + 2, 2, 0x100);
	pc_power_button(&pc);
	out8(0x70, 0x0b);
	out8(0x71, 0x12);
	pass(123456);
	len = pc_save(&pc, buf, sizeof(buf));
	ck_assert_int_gt(len, 0);
	pc_reset(&pc);
	ck_assert(!w.intr);
	ck_assert_int_eq(pc_load(&pc, buf, len), 0);
	ck_assert(w.intr);
	len2 = pc_save(&pc, again, sizeof(again));
	ck_assert_int_eq(len2, len);
	ck_assert_mem_eq(buf, again, len);
	ck_assert_int_eq(pc_intack(&pc), 0x39);
	ck_assert_int_eq(pc_save(&pc, again, 100), -ENOSPC);
}
END_TEST

START_TEST(bad_state)
{
	static u8 buf[8192], bad[8192];
	u64 seed = 99;
	int len;

	pic_setup();
	pit_100hz();
	len = pc_save(&pc, buf, sizeof(buf));
	for (int i = 0; i < len; i += 7)
		ck_assert_int_eq(pc_load(&pc, buf, i), -EINVAL);
	ck_assert(!w.intr);
	for (int i = 0; i < 3000; i++) {
		memcpy(bad, buf, len);
		for (int k = 0; k < 8; k++)
			bad[dev_random(&seed) % len] = dev_random(&seed);
		pc_load(&pc, bad, len);
		/* whatever it was, the machine goes on */
		in8(0x40);
		in8(0x71);
		in8(0x3f8);
		pc_mmio_read(&pc, 0xfee00390, 4);
		w.now += 1000000;
		pc_run_timers(&pc);
		pc_intack(&pc);
	}
	ck_assert_int_eq(pc_load(&pc, buf, len), 0);
}
END_TEST

START_TEST(hostile)
{
	u64 seed = 2024;

	for (int i = 0; i < 300000; i++) {
		unsigned size = 1u << dev_random(&seed) % 3;
		u32 r = dev_random(&seed);
		u16 port = r & 1 ? r >> 16 & 0xff : r >> 16;
		u64 gpa = 0xfec00000 + (r >> 8 & 1) * 0x200000 +
			  (dev_random(&seed) & 0x3fff);

		switch (dev_random(&seed) % 6) {
		case 0:
			pc_io_write(&pc, port, size, dev_random(&seed));
			break;
		case 1:
			pc_io_read(&pc, port, size);
			break;
		case 2:
			pc_mmio_write(&pc, gpa, size, dev_random(&seed));
			break;
		case 3:
			pc_mmio_read(&pc, gpa, size);
			break;
		case 4:
			pass(dev_random(&seed) % 100000);
			break;
		case 5:
			if (w.intr)
				ck_assert_int_ge(pc_intack(&pc), 0);
			break;
		}
	}
	pc_reset(&pc);
	pic_setup();
	pit_100hz();
	pass(20000000);
	ck_assert_int_eq(pc_intack(&pc), 0x20);
}
END_TEST

/* The I/O thread, in real time. */

static void thread_start(int fd)
{
	struct pc_config cfg;

	pc_fini(&pc);
	cfg = world_config();
	cfg.clock = (struct clock){NULL, NULL};
	cfg.console_fd = fd;
	ck_assert_int_eq(pc_init(&pc, &cfg), 0);
	ck_assert_int_eq(pc_thread_start(&pc), 0);
}

static bool intr_within(int ms)
{
	struct timespec step = {0, 1000000};

	for (int i = 0; i < ms; i++) {
		pc_run_timers(&pc);
		if (__atomic_load_n(&w.intr, __ATOMIC_ACQUIRE))
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

START_TEST(alarm_follows_timers)
{
	pic_setup();
	ck_assert_uint_eq(w.alarm, UINT64_MAX);
	pit_100hz();
	if (w.intr) /* the mode set the output high */
		pc_intack(&pc);
	out8(0x20, 0x20);
	ck_assert_uint_gt(w.alarm, 9000000);
	ck_assert_uint_le(w.alarm, 10001000);
	w.now += w.alarm - 1;
	pc_run_timers(&pc);
	ck_assert(!w.intr);
	ck_assert_uint_eq(w.alarm, 1); /* too early: it is asked for again */
	w.now += 1;
	pc_run_timers(&pc);
	ck_assert(w.intr);
	ck_assert_int_eq(pc_intack(&pc), 0x20);
	ck_assert_uint_gt(w.alarm, 9000000);
	pc_reset(&pc);
	ck_assert_uint_eq(w.alarm, UINT64_MAX);
}
END_TEST

static u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

START_TEST(thread_idles)
{
	struct timespec nap = {0, 300000000};
	u64 before;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	thread_start(fds[0]);
	nanosleep(&nap, NULL);
	before = cpu_ns();
	nanosleep(&nap, NULL);
	ck_assert_uint_lt(cpu_ns() - before, 5000000);
	close(fds[1]); /* end of input must not make it spin */
	nanosleep(&nap, NULL);
	before = cpu_ns();
	nanosleep(&nap, NULL);
	ck_assert_uint_lt(cpu_ns() - before, 5000000);
	ck_assert_int_eq(__atomic_load_n(&w.eofs, __ATOMIC_ACQUIRE), 1);
	pc_thread_stop(&pc);
	close(fds[0]);
}
END_TEST

static u8 letter(size_t n)
{
	return n * 31 + (n >> 8);
}

/* Reads the console as a driver with interrupts would, until `total`, and
 * halts between them. */
static size_t read_console(size_t total)
{
	size_t got = 0, wrong = 0;

	pic_setup();
	out8(0x21, 0xef);
	out8(0x3fa, 0x87);
	out8(0x3fb, 0x83);
	out8(0x3f8, 1);
	out8(0x3fb, 0x03);
	out8(0x3fc, 0x0b);
	out8(0x3f9, 0x01);
	while (got < total && intr_within(2000)) {
		ck_assert_int_eq(pc_intack(&pc), 0x24);
		while (in8(0x3fd) & 1)
			wrong += in8(0x3f8) != letter(got++);
		out8(0x20, 0x20);
		pc_idle(&pc);
	}
	ck_assert_uint_eq(wrong, 0);
	return got;
}

static int letters_file(size_t total)
{
	char name[] = "/tmp/umbra-test-XXXXXX";
	int fd = mkstemp(name);
	u8 *buf = malloc(total);

	ck_assert_int_ge(fd, 0);
	unlink(name);
	for (size_t i = 0; i < total; i++)
		buf[i] = letter(i);
	ck_assert_int_eq(write(fd, buf, total), (ssize_t)total);
	free(buf);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

START_TEST(thread_console_file)
{
	size_t total = 200000; /* more than all queues hold */
	int fd = letters_file(total);

	thread_start(fd);
	ck_assert_uint_eq(read_console(total), total);
	pc_thread_stop(&pc);
	ck_assert_int_eq(w.eofs, 1);
	close(fd);
}
END_TEST

START_TEST(thread_console_pipe)
{
	size_t total = 150000;
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		for (size_t i = 0; i < total; i++) {
			u8 c = letter(i);

			if (write(fds[1], &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	thread_start(fds[0]);
	ck_assert_uint_eq(read_console(total), total);
	pc_thread_stop(&pc);
	close(fds[0]);
}
END_TEST

START_TEST(prompt_is_flushed)
{
	struct timespec nap = {0, 2000000};

	thread_start(-1);
	out8(0x3f8, '$'); /* a prompt: no newline */
	ck_assert_uint_eq(w.out_len, 0);
	nanosleep(&nap, NULL);
	pc_run_timers(&pc);
	ck_assert_uint_eq(__atomic_load_n(&w.out_len, __ATOMIC_ACQUIRE), 1);
	pc_thread_stop(&pc);
}
END_TEST

Suite *suite_pc(void)
{
	Suite *s = suite_create("pc");
	TCase *c = tcase_create("board");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 30);
	tcase_add_test(c, tick_through_8259);
	tcase_add_test(c, tick_through_ioapic);
	tcase_add_test(c, level_interrupt_round_trip);
	tcase_add_test(c, ways_out);
	tcase_add_test(c, bad_config);
	tcase_add_test(c, nothing_there);
	tcase_add_test(c, ferr);
	tcase_add_test(c, apic_msrs);
	tcase_add_test(c, memory_map);
	tcase_add_test(c, reset_restores);
	tcase_add_test(c, whole_state);
	tcase_add_test(c, bad_state);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	c = tcase_create("thread");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, alarm_follows_timers);
	tcase_add_test(c, thread_idles);
	tcase_add_test(c, thread_console_file);
	tcase_add_test(c, thread_console_pipe);
	tcase_add_test(c, prompt_is_flushed);
	suite_add_tcase(s, c);
	return s;
}
