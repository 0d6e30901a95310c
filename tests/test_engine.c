// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_engine.c - the engine from outside, by umbra.h: small guests
 * (engine_code.S) whose exits are looked at one by one. What is hard to see
 * from inside a guest is here: the order of exits, interrupts between an
 * exit and its completion, kicks at any moment.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base.h"
#include "runtime/bits.h"
#include "runtime/engine.h"
#include "runtime/umbra.h"

Suite *suite_engine(void);

#define RAM_SIZE 0x100000u
#define CODE	 0x1000u
#define GDT	 0x800u
#define STACK	 0x8000u
#define DEVICE	 0xd0000000u /* no memory there */

#define PIECE(name) extern const u8 name[], name##_end[]
PIECE(order);
PIECE(patched);
PIECE(wide);
PIECE(reps);
PIECE(held);
PIECE(nmis);
PIECE(steps);
PIECE(stale);
PIECE(shadow);
PIECE(faults);
PIECE(cross);
PIECE(storm);
PIECE(bus);
PIECE(gone);
PIECE(aux);
PIECE(loads);
PIECE(sum);
extern const u8 patched_imm[];
extern const u8 held_isr[], nmis_isr[], steps_isr[], stale_isr[];
extern const u8 shadow_isr[], shadow_hlt[], storm_isr[], loads_isr[];

static struct {
	struct umbra_vm *vm;
	struct vcpu *v;
	struct umbra_run *run;
	u8 *ram;
	int fd;
	int vector; /* what intack gives */
	unsigned kick_in; /* so many interrupts later: umbra_kick() */
	u32 stop;   /* atomic: the helper threads end */
} G;

static int guest_intack(void *opaque)
{
	(void)opaque;
	if (G.kick_in && !--G.kick_in)
		umbra_kick(G.v);
	return G.vector;
}

static struct umbra_segment flat(u16 sel, u8 type)
{
	return (struct umbra_segment){ .limit = 0xffffffff, .selector = sel,
				       .type = type, .present = 1, .db = 1,
				       .s = 1, .g = 1 };
}

static void guest_registers(void)
{
	struct umbra_sregs s;
	struct umbra_regs r = { .rip = CODE, .rsp = STACK, .rflags = 2,
				.rbx = DEVICE };

	umbra_get_sregs(G.v, &s);
	s.cs = flat(8, 11);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(16, 3);
	s.gdt.base = GDT;
	s.gdt.limit = 23;
	s.idt.base = 0;
	s.idt.limit = 0x7ff;
	s.cr0 = CR0_PE | CR0_ET | CR0_NE;
	s.cr4 = CR4_OSFXSR;
	ck_assert_int_eq(umbra_set_sregs(G.v, &s), 0);
	ck_assert_int_eq(umbra_set_regs(G.v, &r), 0);
}

static void guest_open(const u8 *code, const u8 *end,
		       const struct umbra_inject *inj)
{
	static const u64 gdt[3] = { 0, 0x00cf9b000000ffff,
				    0x00cf93000000ffff };
	struct umbra_host host;
	const char *why;

	memset(&G, 0, sizeof(G));
	ck_assert_int_eq(umbra_host_detect(&host, &why), 0);
	ck_assert_int_eq(umbra_vm_new(&G.vm, &host, inj), 0);
	G.fd = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(G.fd, RAM_SIZE), 0);
	G.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, G.fd,
		     0);
	ck_assert(G.ram != MAP_FAILED);
	ck_assert_int_eq(umbra_set_memory(G.vm, 0, 0, RAM_SIZE, G.fd, 0,
					  G.ram), 0);
	ck_assert_int_eq(umbra_vcpu_new(G.vm, &G.v), 0);
	G.run = umbra_vcpu_run_area(G.v);
	umbra_set_intack(G.v, guest_intack, NULL);
	memcpy(G.ram + CODE, code, (size_t)(end - code));
	memcpy(G.ram + GDT, gdt, sizeof(gdt));
	guest_registers();
}

static void guest_close(void)
{
	umbra_vm_free(G.vm);
	munmap(G.ram, RAM_SIZE);
	close(G.fd);
}

static void guest_vector(unsigned n, const u8 *code, const u8 *isr)
{
	u32 off = CODE + (u32)(isr - code);
	u32 gate[2] = { 8 << 16 | (off & 0xffff),
			(off & 0xffff0000) | 0x8e00 };

	memcpy(G.ram + 8 * n, gate, 8);
}

static u32 ram32(u32 gpa)
{
	u32 x;

	memcpy(&x, G.ram + gpa, 4);
	return x;
}

static void ram32_set(u32 gpa, u32 x)
{
	memcpy(G.ram + gpa, &x, 4);
}

static void run_to(enum umbra_exit reason)
{
	ck_assert_int_eq(umbra_vcpu_run(G.v), 0);
	ck_assert_int_eq(G.run->reason, reason);
}

static u32 run_to_out(unsigned port)
{
	run_to(UMBRA_EXIT_IO);
	ck_assert(!G.run->io.in);
	ck_assert_uint_eq(G.run->io.port, port);
	return G.run->io.data;
}

static void run_to_write(u64 gpa, unsigned len, u64 want)
{
	u64 got = 0;

	run_to(UMBRA_EXIT_MMIO);
	ck_assert(G.run->mmio.is_write);
	ck_assert_uint_eq(G.run->mmio.gpa, gpa);
	ck_assert_uint_eq(G.run->mmio.len, len);
	memcpy(&got, G.run->mmio.data, len);
	ck_assert_uint_eq(got, want);
}

static void run_to_read(u64 gpa, unsigned len, u64 answer)
{
	run_to(UMBRA_EXIT_MMIO);
	ck_assert(!G.run->mmio.is_write);
	ck_assert_uint_eq(G.run->mmio.gpa, gpa);
	ck_assert_uint_eq(G.run->mmio.len, len);
	memcpy(G.run->mmio.data, &answer, len);
}

#define OPEN(name, inj) guest_open(name, name##_end, inj)

/* --- device memory */

START_TEST(test_write_then_port)
{
	OPEN(order, NULL);
	run_to_write(DEVICE, 4, 0x11223344);
	run_to_out(0x10);
	run_to_write(DEVICE + 4, 4, 0x55667788);
	run_to(UMBRA_EXIT_IO);
	ck_assert(G.run->io.in);
	G.run->io.data = 0x5a;
	ck_assert_uint_eq(run_to_out(0x12), 0x5a);
	guest_close();
}
END_TEST

START_TEST(test_wide)
{
	static const u8 size[] = { 1, 2, 4, 8, 1 };
	struct umbra_regs r;
	u32 at = DEVICE + 0x21;

	OPEN(wide, NULL);
	umbra_get_regs(G.v, &r);
	r.rsi = 0x9000;
	r.rdi = 0x9100;
	umbra_set_regs(G.v, &r);
	for (unsigned i = 0; i < 16; i++)
		G.ram[0x9000 + i] = (u8)(i + 1);
	run_to_write(DEVICE, 8, 0x0807060504030201);
	run_to_write(DEVICE + 8, 8, 0x100f0e0d0c0b0a09);
	for (unsigned i = 0; i < sizeof(size); at += size[i++])
		run_to_read(at, size[i], 0x1111111111111111 * (i + 1));
	run_to_write(DEVICE + 0xffe, 2, 0xccdd);
	run_to_write(DEVICE + 0x1000, 2, 0xaabb);
	run_to_out(0x10);
	ck_assert_uint_eq(ram32(0x9100), 0x33222211);
	ck_assert_uint_eq(ram32(0x910c), 0x55444444);
	guest_close();
}
END_TEST

START_TEST(test_rep_reads_once)
{
	OPEN(reps, NULL);
	for (u32 i = 0; i < 5; i++)
		run_to_read(DEVICE + 4 * i, 4, 100 + i);
	run_to_out(0x10);
	for (u32 i = 0; i < 5; i++)
		ck_assert_uint_eq(ram32(0x9000 + 4 * i), 100 + i);
	guest_close();
}
END_TEST

/* The device has given up its value: an interrupt that comes with it waits
 * for the instruction, and reads a value of its own. */
START_TEST(test_read_is_whole)
{
	OPEN(held, NULL);
	guest_vector(0x40, held, held_isr);
	G.vector = 0x40;
	run_to_read(DEVICE, 4, 0x1111);
	umbra_irq(G.v, true);
	run_to_read(DEVICE, 4, 0x2222);
	umbra_irq(G.v, false);
	ck_assert_uint_eq(run_to_out(0x20), 0x2222);
	ck_assert_uint_eq(run_to_out(0x10), 0x1111);
	guest_close();
}
END_TEST

START_TEST(test_commit_is_not_stale)
{
	struct umbra_inject inj = { .helper_sites = true };

	OPEN(stale, &inj);
	guest_vector(VEC_GP, stale, stale_isr);
	ck_assert_uint_eq(run_to_out(0x10), 1);
	ck_assert_uint_eq(ram32(0xb100), 2);
	guest_close();
}
END_TEST

/* --- interrupts, NMIs, single steps */

START_TEST(test_nmi_is_masked)
{
	OPEN(nmis, NULL);
	guest_vector(VEC_NMI, nmis, nmis_isr);
	run_to_out(0x10);
	umbra_nmi(G.v);
	ck_assert_uint_eq(run_to_out(0x20), 1);
	umbra_nmi(G.v); /* waits for the iret */
	ck_assert_uint_eq(run_to_out(0x21), 2);
	ck_assert_uint_eq(run_to_out(0x20), 1);
	ck_assert_uint_eq(run_to_out(0x21), 2);
	run_to_out(0x11);
	guest_close();
}
END_TEST

START_TEST(test_steps_over_ports)
{
	u32 at = CODE + 9; /* behind popfd and the nop */

	OPEN(steps, NULL);
	guest_vector(VEC_DB, steps, steps_isr);
	ck_assert_uint_eq(run_to_out(0x30), at + 1);
	run_to_out(0x10);
	ck_assert_uint_eq(run_to_out(0x30), at + 3);
	run_to(UMBRA_EXIT_IO); /* in */
	ck_assert_uint_eq(run_to_out(0x30), at + 5);
	ck_assert_uint_eq(run_to_out(0x30), at + 6);
	run_to_out(0x12);
	guest_close();
}
END_TEST

/* A guest that cannot get to its first instruction can still be stopped. */
START_TEST(test_storm_ends)
{
	struct umbra_regs r;

	OPEN(storm, NULL);
	guest_vector(0x40, storm, storm_isr);
	G.ram[0x40 * 8 + 5] = 0x8f; /* a trap gate: IF stays */
	G.vector = 0x40;
	umbra_get_regs(G.v, &r);
	r.rsp = RAM_SIZE;
	umbra_set_regs(G.v, &r);
	run_to_out(0x10);
	umbra_irq(G.v, true);
	G.kick_in = 1000;
	run_to(UMBRA_EXIT_INTR);
	guest_close();
}
END_TEST

/* --- kicks at any moment */

static void *kick_often(void *arg)
{
	struct timespec ts = { 0, 1000 };

	(void)arg;
	while (!__atomic_load_n(&G.stop, __ATOMIC_SEQ_CST)) {
		for (unsigned i = 0; i < 3; i++)
			umbra_kick(G.v);
		nanosleep(&ts, NULL);
	}
	return NULL;
}

static void kick_stop(pthread_t t)
{
	__atomic_store_n(&G.stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
}

START_TEST(test_kicks_at_faults)
{
	struct umbra_regs r;
	pthread_t t;

	OPEN(faults, NULL);
	G.ram[0x9000] = 0xc3;
	umbra_get_regs(G.v, &r);
	r.rsi = 0x9000;
	umbra_set_regs(G.v, &r);
	ck_assert_int_eq(pthread_create(&t, NULL, kick_often, NULL), 0);
	do
		ck_assert_int_eq(umbra_vcpu_run(G.v), 0);
	while (G.run->reason == UMBRA_EXIT_INTR);
	ck_assert_int_eq(G.run->reason, UMBRA_EXIT_IO);
	ck_assert_uint_eq(G.run->io.data, 20000);
	kick_stop(t);
	guest_close();
}
END_TEST

static void *interrupt_each_round(void *arg)
{
	u32 *round = arg, seen = 0;

	while (!__atomic_load_n(&G.stop, __ATOMIC_SEQ_CST)) {
		u32 now = __atomic_load_n(round, __ATOMIC_SEQ_CST);

		if (now != seen) {
			seen = now;
			umbra_irq(G.v, true);
		}
	}
	return NULL;
}

/* An interrupt never comes between sti and hlt, however kicks fall. */
START_TEST(test_kicks_at_shadows)
{
	u32 round = 0, early = 0;
	struct umbra_regs r;
	pthread_t kicker, line;

	OPEN(shadow, NULL);
	guest_vector(0x40, shadow, shadow_isr);
	G.vector = 0x40;
	ck_assert_int_eq(pthread_create(&kicker, NULL, kick_often, NULL), 0);
	ck_assert_int_eq(pthread_create(&line, NULL, interrupt_each_round,
					&round), 0);
	while (round < 3000 && !early) {
		ck_assert_int_eq(umbra_vcpu_run(G.v), 0);
		if (G.run->reason == UMBRA_EXIT_INTR)
			continue;
		ck_assert_int_eq(G.run->reason, UMBRA_EXIT_IO);
		if (G.run->io.port == 0x10) {
			__atomic_add_fetch(&round, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		umbra_irq(G.v, false);
		umbra_get_regs(G.v, &r);
		early += ram32((u32)r.rsp) !=
			 CODE + (u32)(shadow_hlt - shadow);
	}
	ck_assert_uint_eq(early, 0);
	__atomic_store_n(&G.stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(line, NULL);
	kick_stop(kicker);
	guest_close();
}
END_TEST

/* --- code */

/* 4 KiB pages, one to one, in a table at 0x31000; returns the entry of la. */
static u32 paging_on(void)
{
	struct umbra_sregs s;

	ram32_set(0x30000 + 0x800, 0);
	ram32_set(0x32000, 0x31000 | PTE_P | PTE_W);
	for (u32 i = 0; i < 256; i++)
		ram32_set(0x31000 + 4 * i, i << 12 | PTE_P | PTE_W);
	umbra_get_sregs(G.v, &s);
	s.cr3 = 0x32000;
	s.cr0 |= CR0_PG;
	ck_assert_int_eq(umbra_set_sregs(G.v, &s), 0);
	return 0x31000;
}

START_TEST(test_crossing_code_moves)
{
	/* mov eax, imm32; ret: two bytes in the first page */
	static const u8 head[] = { 0xb8, 0x11, 0x11 };
	static const u8 tail[] = { 0x00, 0x00, 0xc3 };
	struct umbra_regs r;
	u32 table;

	OPEN(cross, NULL);
	table = paging_on();
	memcpy(G.ram + 0x20ffd, head, 3);
	memcpy(G.ram + 0x21000, tail, 3);
	memcpy(G.ram + 0x41000, tail, 3);
	G.ram[0x41000] = 0x34;
	ram32_set(0x30004, 0x41000 | PTE_P | PTE_W);
	umbra_get_regs(G.v, &r);
	r.rbx = table + 4 * 0x21;
	umbra_set_regs(G.v, &r);
	run_to_out(0x10);
	umbra_get_regs(G.v, &r);
	ck_assert_uint_eq((u32)r.rdi, 0x00001111);
	ck_assert_uint_eq((u32)r.rax, 0x00341111);
	guest_close();
}
END_TEST

START_TEST(test_tsc_aux)
{
	OPEN(aux, NULL);
	ck_assert_uint_eq(run_to_out(0x10), 0);
	ck_assert_uint_eq(run_to_out(0x11), 0x1234);
	guest_close();
}
END_TEST

/* A counter as --stats prints it. */
static u64 counter(const char *name)
{
	char line[128], found[64];
	unsigned long value, got = ~0ul;
	FILE *f = tmpfile();

	ck_assert(f != NULL);
	umbra_stats_print(G.vm, f, false);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %lu", found, &value) == 2 &&
		    !strcmp(found, name))
			got = value;
	}
	fclose(f);
	ck_assert_uint_ne(got, ~0ul);
	return got;
}

/* Blocks end at a load only where it changes what follows. */
START_TEST(test_segment_loads)
{
	OPEN(loads, NULL);
	guest_vector(VEC_GP, loads, loads_isr);
	run_to_out(0x10);
	ck_assert_uint_lt(counter("enters"), 100);
	run_to_out(0x11);
	guest_close();
}
END_TEST

/* --- code that changes */

/* By DMA, while the code is checked, is not, and begins to be. */
START_TEST(test_dma_into_code)
{
	struct umbra_inject inj[3] = {
		{ .checked = true }, { .no_checked = true }, { .step = false },
	};
	u32 at = CODE + (u32)(patched_imm - patched);

	OPEN(patched, &inj[_i]);
	ck_assert_uint_eq(run_to_out(0x10), 1);
	ck_assert_uint_eq(run_to_out(0x10), 1);
	for (u32 i = 0; i < 100; i++) {
		u32 v = i % 3 ? i * 0x01010101 : 7;

		if (i % 2) { /* one byte that is not code beside it */
			ck_assert_int_eq(umbra_ram_write(G.vm, CODE + 0x800,
							 &v, 1), 0);
			run_to_out(0x10);
		}
		ck_assert_int_eq(umbra_ram_write(G.vm, at, &v, 4), 0);
		ck_assert_uint_eq(run_to_out(0x10), v);
		ck_assert_uint_eq(run_to_out(0x10), v);
	}
	guest_close();
}
END_TEST

/* A block as long as they get, of which the last immediate is not compared. */
START_TEST(test_soft_last)
{
	static struct engine e;
	u32 eip[2 * XLATE_MAX_INSNS + 1];
	struct block b = {
		.eip = CODE, .guest_len = XLATE_MAX_INSNS + 4,
		.ninsns = XLATE_MAX_INSNS, .insn_eip = eip,
		.gfn = { CODE >> PAGE_SHIFT, CODE >> PAGE_SHIFT },
		.soft = 1ull << (XLATE_MAX_INSNS - 1),
	};
	u8 src[256] = { 0 };

	OPEN(patched, NULL);
	e.vm = G.vm;
	memset(G.ram + CODE, 0x90, 256);
	memset(src, 0x90, XLATE_MAX_INSNS);
	for (u32 i = 0; i < XLATE_MAX_INSNS; i++)
		eip[i] = CODE + i;
	eip[XLATE_MAX_INSNS] = CODE + b.guest_len;
	for (u32 i = XLATE_MAX_INSNS + 1; i < ARRAY_SIZE(eip); i++)
		eip[i] = CODE + 200; /* none of the block's */
	b.src = src;
	ck_assert(checked_holds(&e, &b));
	G.ram[CODE + XLATE_MAX_INSNS - 1] = 0x91;
	ck_assert(!checked_holds(&e, &b));
	guest_close();
}
END_TEST

/* --- the host */

START_TEST(test_memory_is_gone)
{
	OPEN(bus, NULL);
	run_to_out(0x10);
	ck_assert_int_eq(ftruncate(G.fd, 0x40000), 0);
	run_to(UMBRA_EXIT_ERROR);
	ck_assert(strstr(G.run->error, "memory"));
	guest_close();
}
END_TEST

/* The same where the host also withholds the page for its code: the store is
 * told as a lack of memory, once the code is dropped. */
START_TEST(test_memory_with_code_is_gone)
{
	struct umbra_inject inj = { .no_uffd = _i };

	OPEN(gone, &inj);
	run_to_out(0x10);
	ck_assert_int_eq(ftruncate(G.fd, 0x40000), 0);
	run_to(UMBRA_EXIT_ERROR);
	ck_assert(strstr(G.run->error, "memory"));
	guest_close();
}
END_TEST

/* --- injection: the same result, and the rare path was met */

START_TEST(test_inject_kick)
{
	struct umbra_inject inj = { .kick_us = 20 };

	OPEN(sum, &inj);
	ck_assert_uint_eq(run_to_out(0x10), 5000050000u & 0xffffffff);
	ck_assert_uint_gt(G.v->eng->stats.kicks, 10);
	guest_close();
}
END_TEST

START_TEST(test_inject_flush)
{
	struct umbra_inject inj = { .flush = 1, .no_pairs = _i };

	OPEN(sum, &inj);
	ck_assert_uint_eq(run_to_out(0x10), 5000050000u & 0xffffffff);
	ck_assert_uint_gt(tcache_stats(G.v->eng->tc)->region_reuses, 2);
	guest_close();
}
END_TEST

Suite *suite_engine(void)
{
	Suite *s = suite_create("engine");
	TCase *tc = tcase_create("engine");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_write_then_port);
	tcase_add_test(tc, test_wide);
	tcase_add_test(tc, test_rep_reads_once);
	tcase_add_test(tc, test_read_is_whole);
	tcase_add_test(tc, test_commit_is_not_stale);
	tcase_add_test(tc, test_nmi_is_masked);
	tcase_add_test(tc, test_steps_over_ports);
	tcase_add_test(tc, test_storm_ends);
	tcase_add_test(tc, test_kicks_at_faults);
	tcase_add_test(tc, test_kicks_at_shadows);
	tcase_add_test(tc, test_crossing_code_moves);
	tcase_add_test(tc, test_tsc_aux);
	tcase_add_test(tc, test_segment_loads);
	tcase_add_loop_test(tc, test_dma_into_code, 0, 3);
	tcase_add_test(tc, test_soft_last);
	tcase_add_test(tc, test_inject_kick);
	tcase_add_loop_test(tc, test_inject_flush, 0, 2);
	tcase_add_test(tc, test_memory_is_gone);
	tcase_add_loop_test(tc, test_memory_with_code_is_gone, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
