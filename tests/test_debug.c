// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_debug.c - umbra_set_debug() and what belongs to it, by umbra.h: where it
 * stops, where it does not, and that the guest cannot tell.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base.h"
#include "runtime/bits.h"
#include "runtime/umbra.h"

Suite *suite_debug(void);

#define RAM_SIZE 0x100000u
#define CODE	 0x1000u
#define ISR	 0x3000u /* of touch */
#define GDT	 0x800u
#define TSS	 0x900u
#define STACK	 0x8000u
#define STACK0	 0x7000u
#define CELLS	 0xa800u /* [ebx] of touch */
#define DEVICE	 0xd0000000u

#define PIECE(name) extern const u8 name[], name##_end[]
PIECE(line);
PIECE(hot);
PIECE(hot2);
PIECE(quiet);
PIECE(sleeps);
PIECE(touch);
PIECE(touch_isr);
PIECE(state);
PIECE(pages);
extern const u8 line_isr[], line_ud[], line_sti[], quiet_isr[], sleeps_isr[];
extern const u8 hot_back[], hot_call[], hot_mid[], hot2_mid[], pages_imm[];
extern const u16 line_trace[], line_trace_end[];

static struct {
	struct umbra_vm *vm;
	struct vcpu *v;
	struct umbra_run *run;
	struct umbra_debug d;
	u8 *ram;
	int fd;
} G;

static int guest_intack(void *opaque)
{
	(void)opaque;
	return 0x40;
}

static struct umbra_segment flat(u16 sel, u8 type)
{
	return (struct umbra_segment){
		.limit = 0xffffffff, .selector = sel, .type = type,
		.present = 1, .dpl = sel & 3, .db = 1, .s = 1, .g = 1,
	};
}

static void guest_registers(unsigned cpl)
{
	u16 cs = cpl ? 0x1b : 8, ds = cpl ? 0x23 : 16;
	struct umbra_sregs s;
	struct umbra_regs r = { .rip = CODE, .rsp = STACK, .rbx = DEVICE,
				.rflags = cpl ? 2 | EFL_IOPL : 2 };

	umbra_get_sregs(G.v, &s);
	s.cs = flat(cs, 11);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(ds, 3);
	s.tr = (struct umbra_segment){ .base = TSS, .limit = 103,
				       .selector = 0x28, .type = 11,
				       .present = 1 };
	s.gdt.base = GDT;
	s.gdt.limit = 6 * 8 - 1;
	s.idt.base = 0;
	s.idt.limit = 0x7ff;
	s.cr0 = CR0_PE | CR0_ET | CR0_NE;
	s.cr4 = CR4_OSFXSR;
	ck_assert_int_eq(umbra_set_sregs(G.v, &s), 0);
	ck_assert_int_eq(umbra_set_regs(G.v, &r), 0);
}

static void guest_open(const u8 *code, const u8 *end, unsigned cpl,
		       const struct umbra_inject *inj)
{
	static const u64 gdt[6] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
				    0x00cffb000000ffff, 0x00cff3000000ffff,
				    0x00008b0009000067 };
	static const u32 tss[3] = { 0, STACK0, 16 };
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
	memcpy(G.ram + TSS, tss, sizeof(tss));
	guest_registers(cpl);
}

#define OPEN(name, cpl, inj) guest_open(name, name##_end, cpl, inj)

static void guest_close(void)
{
	umbra_vm_free(G.vm);
	munmap(G.ram, RAM_SIZE);
	close(G.fd);
}

static void guest_vector(unsigned n, u32 off)
{
	u32 gate[2] = { 8 << 16 | (off & 0xffff),
			(off & 0xffff0000) | 0xee00 };

	memcpy(G.ram + 8 * n, gate, 8);
}

static u32 at(const u8 *code, const u8 *label)
{
	return CODE + (u32)(label - code);
}

static struct umbra_regs regs(void)
{
	struct umbra_regs r;

	umbra_get_regs(G.v, &r);
	return r;
}

static void set_eip(u32 eip)
{
	struct umbra_regs r = regs();

	r.rip = eip;
	umbra_set_regs(G.v, &r);
}

static void run(void)
{
	ck_assert_int_eq(umbra_vcpu_run(G.v), 0);
}

static void run_to(enum umbra_exit reason)
{
	run();
	ck_assert_int_eq(G.run->reason, reason);
}

static void run_to_out(unsigned port)
{
	run_to(UMBRA_EXIT_IO);
	ck_assert(!G.run->io.in);
	ck_assert_uint_eq(G.run->io.port, port);
}

/* As if gdb's "continue": behind it nothing but what is set stops. */
static void set_debug(void)
{
	ck_assert_int_eq(umbra_set_debug(G.v, &G.d), 0);
}

static void run_to_debug(enum umbra_debug_why why, u32 pc)
{
	run_to(UMBRA_EXIT_DEBUG);
	ck_assert_int_eq(G.run->debug.why, why);
	ck_assert_uint_eq(G.run->debug.pc, pc);
	ck_assert_uint_eq(regs().rip, pc);
}

static void break_at(u32 la)
{
	G.d = (struct umbra_debug){ .nbreaks = 1, .breaks = { la } };
	set_debug();
}

static void no_debug(void)
{
	G.d = (struct umbra_debug){ .step = false };
	set_debug();
}

/* One step, with the devices' answers that it takes: 5 each. */
static void step(void)
{
	G.d.step = true;
	set_debug();
	for (;;) {
		run();
		switch (G.run->reason) {
		case UMBRA_EXIT_DEBUG:
			return;
		case UMBRA_EXIT_IO:
			G.run->io.data = 5;
			break;
		case UMBRA_EXIT_MMIO:
			memset(G.run->mmio.data, 0, 8);
			G.run->mmio.data[0] = 5;
			break;
		default:
			ck_abort_msg("exit %d in a step", G.run->reason);
		}
	}
}

static const struct umbra_inject injects[] = {
	{ .step = false }, { .no_chain = true }, { .no_pairs = true },
	{ .one_insn = true }, { .checked = true }, { .no_reuse = true },
	{ .helper_sites = true }, { .cache_kb = 64 }, { .no_fsgsbase = true },
	{ .far_now = true },
};

/* --- steps */

START_TEST(test_steps)
{
	size_t n = (size_t)(line_trace_end - line_trace);

	OPEN(line, 0, &injects[_i]);
	guest_vector(0x40, at(line, line_isr));
	guest_vector(6, at(line, line_ud));
	for (size_t i = 0; i < n; i++) {
		step();
		ck_assert_int_eq(G.run->debug.why, UMBRA_DEBUG_STEP);
		ck_assert_msg(G.run->debug.pc == CODE + line_trace[i],
			      "step %zu: %#x, not %#x", i, G.run->debug.pc,
			      CODE + line_trace[i]);
		ck_assert_uint_eq(regs().rip, G.run->debug.pc);
	}
	ck_assert_uint_eq(regs().rdx & EFL_TF, 0);
	ck_assert_uint_eq(regs().rsi, 10);
	ck_assert_uint_eq(regs().rdi, 7); /* two bytes by rep insb */
	ck_assert_uint_eq(G.ram[6], 5);
	guest_close();
}
END_TEST

/* Interrupts wait for the step's end, and come when the guest runs on. */
START_TEST(test_steps_hold_interrupts)
{
	OPEN(quiet, 0, NULL);
	guest_vector(0x40, at(quiet, quiet_isr));
	step();
	umbra_irq(G.v, true);
	for (unsigned i = 0; i < 9; i++) {
		step();
		ck_assert_uint_lt(G.run->debug.pc, at(quiet, quiet_isr));
	}
	ck_assert_uint_ge(regs().rax, 3);
	no_debug();
	run_to_out(0x20);
	guest_close();
}
END_TEST

START_TEST(test_halt)
{
	OPEN(sleeps, 0, NULL);
	guest_vector(0x40, at(sleeps, sleeps_isr));
	step();
	step();
	ck_assert_uint_eq(G.run->debug.pc, CODE + 2); /* it sleeps now */
	umbra_kick(G.v);
	no_debug();
	run_to(UMBRA_EXIT_INTR);
	umbra_irq(G.v, true);
	step(); /* the interrupt is the step */
	ck_assert_uint_eq(G.run->debug.pc, at(sleeps, sleeps_isr));
	umbra_irq(G.v, false);
	step();
	ck_assert_uint_eq(G.run->debug.pc, CODE + 2);
	ck_assert_uint_eq(regs().rax, 0);
	no_debug();
	run_to_out(0x10);
	umbra_kick(G.v);
	run_to(UMBRA_EXIT_INTR);
	umbra_kick(G.v);
	run_to(UMBRA_EXIT_INTR);
	set_eip(CODE); /* does not wake it, this does: */
	umbra_unhalt(G.v);
	umbra_irq(G.v, true);
	no_debug();
	break_at(at(sleeps, sleeps_isr));
	run_to_debug(UMBRA_DEBUG_BREAK, at(sleeps, sleeps_isr));
	guest_close();
}
END_TEST

/* --- breakpoints */

static void hot_open(unsigned inj)
{
	struct umbra_regs r;

	OPEN(hot, 0, &injects[inj]);
	memcpy(G.ram + CODE + 0x1000, hot2, (size_t)(hot2_end - hot2));
	r = regs();
	r.rdx = 50;
	umbra_set_regs(G.v, &r);
	for (unsigned i = 0; i < 40; i++) { /* all is chained then */
		run_to_out(0x10);
		ck_assert_uint_eq(G.run->io.data, 150);
	}
}

/* It is met in each round, at the right moment; afterwards all is as before. */
START_TEST(test_breaks)
{
	const struct {
		u32 la, eax; /* in the first round */
	} t[] = {
		{ at(hot, hot_back), 3 }, { at(hot, hot_call), 0 },
		{ at(hot, hot_mid), 1 }, { CODE + 0x1000, 1 },
		{ CODE + 0x1000 + (u32)(hot2_mid - hot2), 3 },
		{ at(hot, hot_back) + 1, 3 },
	};

	hot_open((unsigned)_i);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		break_at(t[i].la);
		for (u32 k = 0; k < 50; k++) {
			run_to_debug(UMBRA_DEBUG_BREAK, t[i].la);
			ck_assert_uint_eq(regs().rax, t[i].eax + 3 * k);
			if (k % 2)
				set_debug();
			else
				step(), G.d.step = false, set_debug();
		}
		run_to_out(0x10);
		ck_assert_uint_eq(G.run->io.data, 150);
		no_debug();
		run_to_out(0x10);
		ck_assert_uint_eq(G.run->io.data, 150);
	}
	/* inside an instruction: never */
	break_at(CODE + 0x1001);
	run_to_out(0x10);
	ck_assert_uint_eq(G.run->io.data, 150);
	guest_close();
}
END_TEST

/* Many at once, and in code that has been dropped and comes back. */
START_TEST(test_breaks_in_old_code)
{
	u8 same;

	hot_open((unsigned)_i);
	same = G.ram[CODE];
	umbra_ram_write(G.vm, CODE, &same, 1); /* its blocks are parked */
	umbra_ram_write(G.vm, CODE + 0x1000, hot2, 1);
	G.d = (struct umbra_debug){ .nbreaks = 3, .breaks = {
		at(hot, hot_mid), CODE + 0x1000 + (u32)(hot2_mid - hot2),
		at(hot, hot_back) } };
	set_debug();
	for (unsigned k = 0; k < 150; k++) {
		run_to_debug(UMBRA_DEBUG_BREAK, G.d.breaks[k % 3]);
		if (k % 7 == 0)
			umbra_ram_write(G.vm, CODE, &same, 1);
		set_debug();
	}
	run_to_out(0x10);
	ck_assert_uint_eq(G.run->io.data, 150);
	guest_close();
}
END_TEST

START_TEST(test_bad_debug)
{
	OPEN(hot, 0, NULL);
	G.d.nbreaks = UMBRA_DEBUG_BREAKS + 1;
	ck_assert_int_eq(umbra_set_debug(G.v, &G.d), -EINVAL);
	G.d = (struct umbra_debug){ .nwatches = UMBRA_DEBUG_WATCHES + 1 };
	ck_assert_int_eq(umbra_set_debug(G.v, &G.d), -EINVAL);
	for (unsigned i = 0; i < 4; i++) {
		static const struct umbra_watch bad[4] = {
			{ 0, 0, 1 }, { 0, 9, 1 }, { 0, 1, 0 }, { 0, 1, 4 },
		};

		G.d = (struct umbra_debug){ .nwatches = 1,
					    .watches = { bad[i] } };
		ck_assert_int_eq(umbra_set_debug(G.v, &G.d), -EINVAL);
	}
	guest_close();
}
END_TEST

/* --- watchpoints: the same stops as the guest's own debug registers make */

#define MAX_HITS 64
struct hits {
	unsigned n;
	u32 eip[MAX_HITS];
};

static void hit(struct hits *h, u32 eip)
{
	ck_assert_uint_lt(h->n, MAX_HITS);
	h->eip[h->n++] = eip;
}

static void touch_open(unsigned inj)
{
	OPEN(touch, 3, &injects[inj]);
	memcpy(G.ram + ISR, touch_isr, (size_t)(touch_isr_end - touch_isr));
	guest_vector(1, ISR);
}

/* Between two instructions, and at the piece's begin again. */
static void touch_begin(void)
{
	struct umbra_regs r;

	no_debug();
	guest_registers(3);
	r = regs();
	r.rbx = CELLS;
	umbra_set_regs(G.v, &r);
}

static void touch_over(void)
{
	umbra_kick(G.v);
	run_to(UMBRA_EXIT_INTR);
}

/* Code in ring 0 loads DR0 and DR7. */
static void touch_load(u32 dr0, u32 dr7)
{
	static const u8 load[] = { 0x0f, 0x23, 0xc0,	/* mov dr0, eax */
				   0x0f, 0x23, 0xf9,	/* mov dr7, ecx */
				   0xe6, 0x30 };	/* out 0x30, al */
	struct umbra_regs r;

	memcpy(G.ram + 0x4000, load, sizeof(load));
	guest_registers(0);
	r = regs();
	r.rip = 0x4000;
	r.rax = dr0;
	r.rcx = dr7;
	umbra_set_regs(G.v, &r);
	run_to_out(0x30);
	touch_over();
}

static void touch_guest(u32 la, unsigned len, bool rw, struct hits *h)
{
	u32 code = len == 1 ? 0 : len == 2 ? 1 : 3;

	h->n = 0;
	touch_begin();
	touch_load(la, 0x400 | 2 | (code << 2 | (rw ? 3 : 1)) << 16);
	touch_begin();
	for (;;) {
		u32 eip;

		run_to(UMBRA_EXIT_IO);
		if (G.run->io.port == 0x10)
			break;
		ck_assert_uint_eq(G.run->io.port, 0x21);
		memcpy(&eip, G.ram + regs().rsp, 4);
		hit(h, eip);
	}
	touch_over();
	touch_load(0, 0x400);
}

static void touch_client(u32 la, unsigned len, bool rw, struct hits *h)
{
	h->n = 0;
	touch_begin();
	G.d = (struct umbra_debug){ .nwatches = 1 };
	G.d.watches[0] = (struct umbra_watch){
		la, (u8)len,
		UMBRA_WATCH_WRITE | (rw ? UMBRA_WATCH_READ : 0) };
	set_debug();
	for (;;) {
		run();
		if (G.run->reason == UMBRA_EXIT_IO)
			break;
		ck_assert_int_eq(G.run->reason, UMBRA_EXIT_DEBUG);
		ck_assert_int_eq(G.run->debug.why, UMBRA_DEBUG_WATCH);
		ck_assert_uint_lt(G.run->debug.la - la, len);
		hit(h, G.run->debug.pc);
		set_debug();
	}
	touch_over();
}

static void touch_both(u32 la, unsigned len, bool rw)
{
	struct hits guest, client;

	touch_guest(la, len, rw, &guest);
	touch_client(la, len, rw, &client);
	ck_assert_msg(guest.n == client.n, "%#x+%u rw %d: %u hits, not %u", la,
		      len, rw, client.n, guest.n);
	for (unsigned i = 0; i < guest.n; i++)
		ck_assert_msg(guest.eip[i] == client.eip[i],
			      "%#x+%u rw %d: hit %u at %#x, not %#x", la, len,
			      rw, i, client.eip[i], guest.eip[i]);
}

START_TEST(test_watches)
{
	static const u8 lens[] = { 1, 2, 4 };

	touch_open((unsigned)_i);
	for (unsigned k = 0; k < ARRAY_SIZE(lens); k++) {
		for (u32 la = CELLS - 16; la < CELLS + 16; la += lens[k]) {
			touch_both(la, lens[k], false);
			touch_both(la, lens[k], true);
		}
	}
	guest_close();
}
END_TEST

/* Over the end of a page, and unaligned, where the guest's own cannot be:
 * each hit of the two parts. */
START_TEST(test_watch_crosses)
{
	static const struct {
		u32 la;
		unsigned len, hits;
	} t[] = {
		{ 0xa000, 1, 1 }, { 0x9fff, 1, 1 }, { 0x9ff9, 8, 1 },
		{ 0xa001, 8, 1 }, { 0xaffd, 8, 2 }, { 0xb001, 1, 2 },
		{ 0xaffe, 1, 1 },
	};
	struct hits h;

	touch_open((unsigned)_i);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		touch_client(t[i].la, t[i].len, true, &h);
		ck_assert_uint_eq(h.n, t[i].hits);
	}
	guest_close();
}
END_TEST

START_TEST(test_watch_device)
{
	OPEN(line, 0, NULL);
	guest_vector(0x40, at(line, line_isr));
	guest_vector(6, at(line, line_ud));
	G.d = (struct umbra_debug){ .nwatches = 1 };
	G.d.watches[0] = (struct umbra_watch){ DEVICE + 4, 4,
					       UMBRA_WATCH_READ };
	set_debug();
	for (;;) {
		run();
		if (G.run->reason == UMBRA_EXIT_DEBUG)
			break;
		if (G.run->reason == UMBRA_EXIT_IO)
			G.run->io.data = 0;
		else
			ck_assert_int_eq(G.run->reason, UMBRA_EXIT_MMIO);
		if (!G.run->mmio.is_write)
			memset(G.run->mmio.data, 9, 8);
	}
	ck_assert_uint_eq(regs().rsi, 0x09090909);
	ck_assert_uint_eq(G.run->debug.la, DEVICE + 4);
	guest_close();
}
END_TEST

/* --- state */

START_TEST(test_fpu)
{
	struct umbra_fpu f, g;
	struct umbra_regs r;
	const double pi = 3.25, *st;
	u32 word;

	OPEN(state, 0, NULL);
	no_debug();
	umbra_get_fpu(G.v, &f);
	ck_assert_uint_eq(f.ftw, 0xffff); /* as umbra_vcpu_new() leaves it */
	f.fcw = 0x27f;
	f.fsw = 7 << 11;
	f.ftw = 0x3fff; /* register 7 is the top */
	memcpy(f.st[0], "\0\0\0\0\0\0\0\xd0\0\x40", 10); /* 3.25 */
	for (unsigned i = 0; i < 16; i++)
		f.xmm[5][i] = (u8)(i + 1);
	f.mxcsr = 0xffff1fa0;
	ck_assert_int_eq(umbra_set_fpu(G.v, &f), 0);
	umbra_get_fpu(G.v, &g);
	ck_assert_uint_eq(g.mxcsr >> 16, 0);
	f.mxcsr = g.mxcsr;
	ck_assert(!memcmp(&f, &g, sizeof(f)));
	r = regs();
	r.rax = 0x12345678;
	r.rflags |= EFL_CF;
	umbra_set_regs(G.v, &r);
	run_to_out(0x10);
	ck_assert(!memcmp(G.ram + 0x9000, f.xmm[5], 16));
	st = (const double *)(const void *)(G.ram + 0x9010);
	ck_assert(*st == pi);
	memcpy(&word, G.ram + 0x9018, 4);
	ck_assert_uint_eq(word & 0xffff, 0x27f);
	memcpy(&word, G.ram + 0x901c, 4);
	ck_assert_uint_eq(word, f.mxcsr);
	memcpy(&word, G.ram + 0x9020, 4);
	ck_assert_uint_eq(word, 0x12345678);
	ck_assert_uint_eq(G.ram[0x9024], 1);
	run_to_out(0x11);
	umbra_get_fpu(G.v, &g);
	ck_assert_uint_eq(g.fsw >> 11 & 7, 5);
	ck_assert_uint_eq(g.ftw, 0x03ff); /* 5, 6 and 7 are valid */
	ck_assert(!memcmp(g.st[0], "\x35\xc2\x68\x21\xa2\xda\x0f\xc9\0\x40", 10));
	ck_assert(!memcmp(g.st[2], f.st[0], 10));
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(g.xmm[2][i], 0xff);
	/* not every processor tells where no exception is pending */
	ck_assert(!g.fip || g.fip - CODE < (u64)(state_end - state));
	ck_assert(!g.fdp || g.fdp == 0x9010);
	guest_close();
}
END_TEST

/* --- memory */

#define PD 0x20000u
#define PT 0x21000u

static u32 *entry(u32 table, u32 i)
{
	return (u32 *)(void *)(G.ram + table + 4 * i);
}

static void paging_on(void)
{
	struct umbra_sregs s;

	*entry(PD, 0) = PT | PTE_P | PTE_W;
	for (u32 i = 0; i < RAM_SIZE >> PAGE_SHIFT; i++)
		*entry(PT, i) = i << PAGE_SHIFT | PTE_P | PTE_W;
	*entry(PT, 5) = 0x30000 | PTE_P | PTE_W;
	*entry(PT, 6) = 0;
	*entry(PT, 9) = DEVICE | PTE_P;
	umbra_get_sregs(G.v, &s);
	s.cr3 = PD;
	s.cr0 |= CR0_PG | CR0_WP;
	ck_assert_int_eq(umbra_set_sregs(G.v, &s), 0);
}

START_TEST(test_memory)
{
	u8 buf[8192], small[4] = { 1, 2, 3, 4 };
	u64 gpa;

	OPEN(pages, 0, &injects[_i]);
	paging_on();
	run_to_out(0x10);
	memcpy(G.ram + 0x30ffe, "\x11\x22", 2);
	ck_assert_int_eq(umbra_translate(G.v, 0x5ffe, &gpa), 0);
	ck_assert_uint_eq(gpa, 0x30ffe);
	ck_assert_int_eq(umbra_translate(G.v, 0x6000, &gpa), -EFAULT);
	ck_assert_int_eq(umbra_translate(G.v, 0x400000, &gpa), -EFAULT);
	ck_assert_int_eq(umbra_read_linear(G.v, 0x5ffe, buf, 2), 0);
	ck_assert(!memcmp(buf, "\x11\x22", 2));
	ck_assert_int_eq(umbra_read_linear(G.v, 0x5ffe, buf, 3), -EFAULT);
	ck_assert_int_eq(umbra_read_linear(G.v, 0x9000, buf, 1), -EFAULT);
	ck_assert_int_eq(umbra_read_linear(G.v, 0x4ffe, buf, 4), 0);
	ck_assert_int_eq(umbra_write_linear(G.v, 0x5ffe, small, 4), -EFAULT);
	ck_assert_uint_eq(G.ram[0x30ffe], 0x11);
	ck_assert_int_eq(umbra_write_linear(G.v, 0x4ffe, small, 4), 0);
	ck_assert_uint_eq(G.ram[0x4fff], 2);
	ck_assert_uint_eq(G.ram[0x30000], 3);
	ck_assert_int_eq(umbra_read_linear(G.v, 0x3000, buf, 8192), 0);
	/* nobody has been there */
	ck_assert_uint_eq(*entry(PT, 5) & (PTE_A | PTE_D), 0);
	ck_assert_uint_eq(*entry(PT, 4) & (PTE_A | PTE_D), 0);
	run_to_out(0x11);
	ck_assert_uint_eq(*entry(PT, 5) & (PTE_A | PTE_D), PTE_A);
	run_to_out(0x12);
	ck_assert_uint_eq(*entry(PT, 5) & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* code that runs is another one at once */
	for (u8 i = 1; i < 9; i++) {
		run_to_out(0x13);
		ck_assert_uint_eq(G.run->io.data, i);
		small[0] = (u8)(i + 1);
		ck_assert_int_eq(umbra_write_linear(
			G.v, at(pages, pages_imm) + 1, small, 1), 0);
	}
	guest_close();
}
END_TEST

Suite *suite_debug(void)
{
	Suite *s = suite_create("debug");
	TCase *tc = tcase_create("debug");
	const int n = ARRAY_SIZE(injects);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_steps, 0, n);
	tcase_add_test(tc, test_steps_hold_interrupts);
	tcase_add_test(tc, test_halt);
	tcase_add_loop_test(tc, test_breaks, 0, n);
	tcase_add_loop_test(tc, test_breaks_in_old_code, 0, n);
	tcase_add_test(tc, test_bad_debug);
	tcase_add_loop_test(tc, test_watches, 0, n);
	tcase_add_loop_test(tc, test_watch_crosses, 0, n);
	tcase_add_test(tc, test_watch_device);
	tcase_add_test(tc, test_fpu);
	tcase_add_loop_test(tc, test_memory, 0, n);
	suite_add_tcase(s, tc);
	return s;
}
