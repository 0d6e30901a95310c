// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * segs.c - segmentation as user code can reach it: LDT segments with base,
 * limit and type, 16-bit code and stacks, TLS, vm86, port access, and the
 * instructions that read system state.
 *
 * QEMU's TCG knows no segment limits: ldt_limit and code_limit fail there.
 */
#include <asm/ldt.h>
#include <asm/vm86.h>
#include <cpuid.h>
#include <sched.h>
#include <sys/io.h>
#include <time.h>
#include "traps.h"

static int modify_ldt(int func, void *p, unsigned long n)
{
	return (int)syscall(SYS_modify_ldt, func, p, n);
}

/* contents: 0 data, 1 expand-down, 2 code */
static struct user_desc desc(unsigned entry, const void *base, uint32_t limit,
			     unsigned contents)
{
	struct user_desc d = { .entry_number = entry,
			       .base_addr = (uint32_t)base,
			       .limit = limit,
			       .seg_32bit = 1,
			       .contents = contents & 3,
			       .useable = 1 };

	return d;
}

static uint16_t ldt_put(struct user_desc d)
{
	if (modify_ldt(0x11, &d, sizeof(d))) {
		harness_fail("modify_ldt: %s", strerror(errno));
		_exit(errno == ENOSYS ? SKIP : 1);
	}
	return (uint16_t)(d.entry_number * 8 + 7);
}

static void load_fs(uint16_t sel)
{
	__asm__ volatile("movw %0, %%fs" : : "r"(sel));
}

static int test_ldt_base(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
	uint32_t got;

	traps_init();
	load_fs(ldt_put(desc(0, p + 100, 0xfff, 0)));
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(p + 100 + 40, &i, 4);
		__asm__ volatile("movl %%fs:40, %0" : "=r"(got) : : "memory");
		EXPECT(got == i, "read %u, not %u", got, i);
		__asm__ volatile("movl %0, %%fs:(%1)"
				 :
				 : "r"(i * 3), "r"(44)
				 : "memory");
		memcpy(&got, p + 100 + 44, 4);
		EXPECT(got == i * 3, "written %u, not %u", got, i * 3);
	}
	/* the same selector, another base */
	for (uint32_t i = 0; i < 200; i++) {
		p[i * 8] = (uint8_t)i;
		load_fs(ldt_put(desc(0, p + i * 8, 0xfff, 0)));
		__asm__ volatile("movzbl %%fs:0, %0" : "=r"(got) : : "memory");
		EXPECT(got == i, "base %u: read %u", i, got);
	}
	return 0;
}

#define GP0(insn, what)                                                       \
	do {                                                                  \
		TRAP(r, insn);                                                \
		EXPECT(trap.sig == SIGSEGV && trap.trapno == 13 &&            \
			       !trap.err && trap.eip == trap.at,              \
		       what ": signal %d trap %u err %#x", trap.sig,          \
		       trap.trapno, trap.err);                                \
	} while (0)

#define FINE(insn, what)                                                      \
	do {                                                                  \
		TRAP(r, insn);                                                \
		EXPECT(!trap.sig, what ": signal %d trap %u", trap.sig,       \
		       trap.trapno);                                          \
	} while (0)

static int test_ldt_limit(void)
{
	uint8_t *p = harness_map(2 * PAGE, PROT_READ | PROT_WRITE);
	struct user_desc d = desc(1, p, 0x7f, 0);
	struct regs r = { 0 };

	traps_init();
	load_fs(ldt_put(d));
	FINE("movb %%fs:0x7f, %%al", "last byte");
	FINE("movl %%fs:0x7c, %%eax", "last dword");
	GP0("movb %%fs:0x80, %%al", "behind the limit");
	GP0("movl %%fs:0x7d, %%eax", "over the limit");
	GP0("movw %%ax, %%fs:0x7f", "word over the limit");
	GP0("movl %%fs:0xfffffffe, %%eax", "wrap");
	GP0("movups %%fs:0x71, %%xmm0", "16 bytes over the limit");
	d.limit = 0;
	d.limit_in_pages = 1;
	load_fs(ldt_put(d));
	FINE("movl %%fs:0xffc, %%eax", "a page");
	GP0("movl %%fs:0xffd, %%eax", "over a page");

	d = desc(1, p, 0x7f, 1); /* expand-down: 0x80 and up */
	load_fs(ldt_put(d));
	FINE("movl %%fs:0x80, %%eax", "expand-down, above");
	GP0("movl %%fs:0x7f, %%eax", "expand-down, at the limit");
	GP0("movb %%fs:0, %%al", "expand-down, below");

	d = desc(1, p, 0xfff, 0);
	d.read_exec_only = 1;
	load_fs(ldt_put(d));
	FINE("movl %%fs:0x10, %%eax", "read-only, read");
	GP0("movl %%eax, %%fs:0x10", "read-only, write");
	GP0("lock; incl %%fs:0x10", "read-only, locked");
	load_fs(0);
	GP0("movl %%fs:0x10, %%eax", "null selector");
	return 0;
}

static int test_ldt_load(void)
{
	struct user_desc d = desc(2, NULL, 0xfff, 0);
	struct regs r = { 0 };

	traps_init();
	d.seg_not_present = 1;
	r.eax = ldt_put(d);
	TRAP(r, "movw %%ax, %%fs");
	EXPECT_TRAP(SIGBUS, 11, (r.eax & 0xfffc));
	TRAP(r, "movw %%ax, %%ss");
	EXPECT_TRAP(SIGBUS, 12, (r.eax & 0xfffc));
	r.eax = 0xfff7; /* behind the LDT's end */
	TRAP(r, "movw %%ax, %%fs");
	EXPECT_TRAP(SIGSEGV, 13, 0xfff4);
	r.eax = 3; /* null */
	TRAP(r, "movw %%ax, %%ss");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	d = desc(2, NULL, 0xfff, 2);
	d.read_exec_only = 1;
	r.eax = ldt_put(d); /* execute-only code is no data segment */
	TRAP(r, "movw %%ax, %%fs");
	EXPECT_TRAP(SIGSEGV, 13, (r.eax & 0xfffc));
	TRAP(r, "movw %%ax, %%ss");
	EXPECT_TRAP(SIGSEGV, 13, (r.eax & 0xfffc));
	return 0;
}

/* Two processes use one selector for different memory, in turns. */
static int test_ldt_switch(void)
{
	cpu_set_t one;
	pid_t pid[3];
	int bad = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (uint32_t k = 0; k < ARRAY_SIZE(pid); k++) {
		pid[k] = fork();
		if (pid[k])
			continue;
		uint32_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE), got;

		*p = k;
		load_fs(ldt_put(desc(0, p, 0xfff, 0)));
		for (unsigned i = 0; i < 2000; i++) {
			sched_yield();
			__asm__ volatile("movl %%fs:0, %0" : "=r"(got));
			if (got != k)
				_exit(harness_fail("%u in process %u", got, k));
		}
		_exit(0);
	}
	for (uint32_t k = 0; k < ARRAY_SIZE(pid); k++)
		bad |= harness_join(pid[k]);
	return bad;
}

/* --- code segments */

struct far {
	uint32_t offset;
	uint16_t sel;
} __attribute__((packed));

static uint32_t far_call(struct far to, uint32_t ecx)
{
	uint32_t eax = 0;

	__asm__ volatile("lcall *%2"
			 : "+a"(eax), "+c"(ecx)
			 : "m"(to)
			 : "edx", "ebx", "esi", "edi", "memory", "cc");
	return eax;
}

static int test_code_base(void)
{
	static const uint8_t code[] = {
		0xb8, 1, 0, 0, 0,	/* mov eax, 1 */
		0xe8, 1, 0, 0, 0,	/* call 11 */
		0xcb,			/* retf */
		0x05, 2, 0, 0, 0,	/* 11: add eax, 2 */
		0x2e, 0x03, 0x05, 0x20, 0, 0, 0, /* add eax, cs:[0x20] */
		0xc3,			/* ret */
	};
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	struct far to = { .offset = 0 };
	uint32_t got;

	traps_init();
	memcpy(p + 256, code, sizeof(code));
	p[256 + 0x20] = 100;
	to.sel = ldt_put(desc(3, p + 256, 0xfff, 2));
	for (unsigned i = 0; i < 1000; i++) {
		got = far_call(to, 0);
		EXPECT(got == 103, "eax %u", got);
	}
	return 0;
}

/* Runs past the limit of its segment; the handler must restore cs and esp,
 * so it is done in a child that ends in its handler. */
static void limit_handler(int sig, siginfo_t *si, void *ctx)
{
	greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)si;
	_exit(sig == SIGSEGV && g[REG_TRAPNO] == 13 && !g[REG_ERR] &&
			      g[REG_EIP] == 3 ?
		      0 :
		      10 + g[REG_EIP]);
}

static int test_code_limit(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	struct sigaction sa = { .sa_sigaction = limit_handler,
				.sa_flags = SA_SIGINFO };
	struct far to = { .offset = 0 };
	pid_t pid;

	memset(p, 0x90, PAGE);
	p[3] = 0xb8; /* five bytes, of which the segment has two */
	to.sel = ldt_put(desc(4, p, 4, 2));
	pid = fork();
	if (!pid) {
		sigaction(SIGSEGV, &sa, NULL);
		far_call(to, 0);
		_exit(1);
	}
	return harness_join(pid);
}

static int test_code16(void)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0x10,	/* mov ax, 0x1000 */
		0x01, 0xc8,		/* 3: add ax, cx */
		0x50,			/* push ax */
		0x66, 0x50,		/* push eax */
		0x66, 0x5b,		/* pop ebx */
		0x5a,			/* pop dx */
		0x39, 0xd0,		/* cmp ax, dx */
		0x75, 0x0c,		/* jne 27 */
		0xe2, 0xf2,		/* loop 3: cx */
		0x66, 0x69, 0xc0, 3, 0, 1, 0, /* imul eax, eax, 0x10003 */
		0x66, 0xcb,		/* retf with a 32-bit frame */
		0x90,
		0x66, 0x31, 0xc0,	/* 27: xor eax, eax */
		0x66, 0xcb,
	};
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	struct user_desc d = desc(5, p, 0xffff, 2);
	struct far to = { .offset = 0 };

	memcpy(p, code, sizeof(code));
	d.seg_32bit = 0;
	to.sel = ldt_put(d);
	for (uint32_t n = 1; n < 200; n++) {
		uint32_t ax = (0x1000 + n * (n + 1) / 2) & 0xffff;
		uint32_t got = far_call(to, 0xabc00000 | n);

		EXPECT(got == ax * 0x10003, "n %u: %#x, not %#x", n, got,
		       ax * 0x10003);
	}
	return 0;
}

/* With a 16-bit stack, the way back from the kernel must leave the upper half
 * of esp alone, and pushes change only sp. */
static int test_stack16(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
	struct user_desc d = desc(6, p, 0xfff, 0);
	struct {
		uint32_t esp;
		uint16_t ss, sel;
		uint32_t after_call, after_push, after_pop, pushed;
	} s;

	d.seg_32bit = 0;
	s.sel = ldt_put(d);
	for (unsigned i = 0; i < 300; i++) {
		__asm__ volatile(
			"movl %%esp, (%%edi)\n\tmovw %%ss, 4(%%edi)\n\t"
			"movw 6(%%edi), %%ss\n\tmovl $0xabcd0800, %%esp\n\t"
			"movl $20, %%eax\n\tint $0x80\n\t"
			"movl %%esp, 8(%%edi)\n\tpushl $0x12345678\n\t"
			"movl %%esp, 12(%%edi)\n\tpopl 20(%%edi)\n\t"
			"movl %%esp, 16(%%edi)\n\tlss (%%edi), %%esp"
			:
			: "D"(&s)
			: "eax", "ecx", "edx", "memory", "cc");
		EXPECT(s.after_call == 0xabcd0800, "esp %#x after a call",
		       s.after_call);
		EXPECT(s.after_push == 0xabcd07fc, "esp %#x after a push",
		       s.after_push);
		EXPECT(s.after_pop == 0xabcd0800 && s.pushed == 0x12345678,
		       "esp %#x after a pop of %#x", s.after_pop, s.pushed);
	}
	return 0;
}

/* --- TLS */

static int test_tls(void)
{
	uint32_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE), got;
	struct user_desc d = desc((unsigned)-1, p, 0xfffff, 0), e;

	d.limit_in_pages = 1;
	EXPECT(!syscall(SYS_set_thread_area, &d), "set_thread_area: %s",
	       strerror(errno));
	*p = 4711;
	load_fs((uint16_t)(d.entry_number * 8 + 3));
	__asm__ volatile("movl %%fs:0, %0" : "=r"(got) : : "memory");
	EXPECT(got == 4711, "fs:0 is %u", got);
	memset(&e, 0, sizeof(e));
	e.entry_number = d.entry_number;
	EXPECT(!syscall(SYS_get_thread_area, &e), "get_thread_area: %s",
	       strerror(errno));
	EXPECT(e.base_addr == (uint32_t)p && e.limit == 0xfffff,
	       "base %#x limit %#x", e.base_addr, e.limit);
	return 0;
}

/* --- vm86 */

static long vm86(struct vm86plus_struct *v)
{
	long r;

	/* glibc has no wrapper; the kernel wants the plain i386 call */
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "0"(SYS_vm86old), "b"(v)
			 : "memory");
	return r;
}

static int vm86_expect(struct vm86plus_struct *v, long type, long arg,
		       unsigned ip)
{
	long r = vm86(v);

	SKIP_IF(r == -ENOSYS || r == -EPERM, "the kernel offers no vm86");
	EXPECT(VM86_TYPE(r) == type && VM86_ARG(r) == arg,
	       "type %ld arg %#lx, not %ld %#lx", (long)VM86_TYPE(r),
	       (long)VM86_ARG(r), type, arg);
	EXPECT((v->regs.eip & 0xffff) == ip, "ip %#lx, not %#x", v->regs.eip,
	       ip);
	return 0;
}

static int test_vm86(void)
{
	static const uint8_t code[] = {
		0xb8, 0x34, 0x12,	/* 100 mov ax, 0x1234 */
		0x05, 0x11, 0x11,	/* 103 add ax, 0x1111 */
		0x50, 0x5b,		/* 106 push ax; pop bx */
		0xb9, 0x00, 0x11,	/* 108 mov cx, 0x1100 */
		0x8e, 0xd9,		/* 10b mov ds, cx */
		0x89, 0x1e, 0x10, 0x00,	/* 10d mov [0x10], bx */
		0xcd, 0x21,		/* 111 int 0x21 */
		0x9c, 0x58,		/* 113 pushf; pop ax */
		0xfa,			/* 115 cli */
		0x9c, 0x5a,		/* 116 pushf; pop dx */
		0xfb,			/* 118 sti: gives control back or not */
		0xcd, 0x22,		/* 119 int 0x22 */
		0xf4,			/* 11b hlt: not the kernel's to emulate */
	};
	uint8_t *p = mmap((void *)0x10000, 0x10000,
			  PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct vm86plus_struct v;
	uint16_t stored;
	int bad;

	EXPECT(p != MAP_FAILED, "mmap at 64 KiB: %s", strerror(errno));
	memset(&v, 0, sizeof(v));
	memcpy(p + 0x100, code, sizeof(code));
	memset(&v.int_revectored, 0xff, sizeof(v.int_revectored));
	v.regs.cs = v.regs.ss = v.regs.ds = v.regs.es = 0x1000;
	v.regs.eip = 0x100;
	v.regs.esp = 0xfffe;
	v.regs.eflags = 0x200;
	v.cpu_type = 5;
	bad = vm86_expect(&v, VM86_INTx, 0x21, 0x113);
	if (bad)
		return bad;
	memcpy(&stored, p + 0x1010, 2);
	EXPECT(stored == 0x2345 && (v.regs.ebx & 0xffff) == 0x2345,
	       "bx %#lx, stored %#x", v.regs.ebx, stored);
	bad = vm86_expect(&v, VM86_INTx, 0x22, 0x11b);
	if (bad)
		return bad;
	EXPECT(v.regs.eax & 0x200, "IF clear at first: %#lx", v.regs.eax);
	EXPECT(!(v.regs.edx & 0x200), "IF set after cli: %#lx", v.regs.edx);
	return vm86_expect(&v, VM86_UNKNOWN, 0, 0x11b);
}

/* --- ports */

static int test_ioperm(void)
{
	struct regs r = { .eax = 0 };

	traps_init();
	SKIP_IF(ioperm(0x80, 1, 1), "no ioperm: %s", strerror(errno));
	FINE("outb %%al, $0x80", "allowed port");
	GP0("outw %%ax, $0x80", "a word that reaches the next port");
	GP0("outb %%al, $0x81", "another port");
	GP0("inb $0x7f, %%al", "port below");
	EXPECT(!ioperm(0x80, 1, 0), "ioperm off");
	GP0("outb %%al, $0x80", "port taken away");
	return 0;
}

static int test_iopl(void)
{
	struct regs r = { .eax = 0 };

	traps_init();
	SKIP_IF(iopl(3), "no iopl: %s", strerror(errno));
	FINE("outb %%al, $0x80", "with iopl 3");
	FINE("inb $0x61, %%al", "with iopl 3");
	EXPECT(!iopl(0), "iopl 0");
	GP0("outb %%al, $0x80", "with iopl 0");
	return 0;
}

/* --- what tells of the processor */

static int test_lar_lsl(void)
{
	uint32_t ar = 0, limit = 0;
	uint16_t cs, ds, sel = 0xfff8;
	bool ok;

	__asm__("movw %%cs, %0\n\tmovw %%ds, %1" : "=r"(cs), "=r"(ds));
	__asm__("larl %1, %0" : "=r"(ar) : "r"((uint32_t)ds));
	EXPECT((ar & 0xfe00) == 0xf200, "lar of ds: %#x", ar);
	__asm__("larl %1, %0" : "=r"(ar) : "r"((uint32_t)cs));
	EXPECT((ar & 0xfa00) == 0xfa00, "lar of cs: %#x", ar);
	__asm__("lsll %1, %0" : "=r"(limit) : "r"((uint32_t)ds));
	EXPECT(limit == 0xffffffff, "lsl of ds: %#x", limit);
	__asm__("lsll %2, %0" : "+r"(limit), "=@ccz"(ok) : "r"((uint32_t)sel));
	EXPECT(!ok && limit == 0xffffffff, "lsl of no selector: %#x", limit);
	__asm__("verr %1" : "=@ccz"(ok) : "r"(cs));
	EXPECT(ok, "verr of cs");
	__asm__("verw %1" : "=@ccz"(ok) : "r"(cs));
	EXPECT(!ok, "verw of cs");
	__asm__("verw %1" : "=@ccz"(ok) : "r"(ds));
	EXPECT(ok, "verw of ds");
	return 0;
}

static uint64_t tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double tsc_rate(double seconds)
{
	double t0 = now(), t1;
	uint64_t a = tsc();

	do
		t1 = now();
	while (t1 - t0 < seconds);
	return (double)(tsc() - a) / (t1 - t0);
}

static int test_rdtsc(void)
{
	uint64_t a = tsc(), b;
	double r1, r2;

	for (unsigned i = 0; i < 200000; i++) {
		b = tsc();
		EXPECT(b >= a, "went back from %#llx to %#llx",
		       (unsigned long long)a, (unsigned long long)b);
		a = b;
	}
	r1 = tsc_rate(0.5);
	r2 = tsc_rate(0.5);
	EXPECT(r1 > 1e7 && r1 < 2e10, "%.0f Hz", r1);
	EXPECT(r1 < r2 * 1.01 && r2 < r1 * 1.01, "%.0f Hz, then %.0f", r1, r2);
	return 0;
}

static int test_cpuid(void)
{
	uint32_t a, b, c, d, a2, b2, c2, d2, max;
	char vendor[13] = "", line[256];
	bool same = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	__cpuid(0, max, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	EXPECT(max >= 1, "highest leaf %u", max);
	while (f && fgets(line, sizeof(line), f))
		same |= strstr(line, "vendor_id") && strstr(line, vendor);
	EXPECT(same, "/proc/cpuinfo does not name '%s'", vendor);
	__cpuid(1, a, b, c, d);
	EXPECT((d & 0x0100a119) == 0x0100a119, "leaf 1 edx %#x", d);
	for (unsigned i = 0; i < 1000; i++) {
		__cpuid(1, a2, b2, c2, d2);
		EXPECT(a2 == a && c2 == c && d2 == d, "leaf 1 changed");
		EXPECT((b2 & 0xffff) == (b & 0xffff), "leaf 1 ebx changed");
	}
	fclose(f);
	return 0;
}

static const struct test tests[] = {
	{ "ldt_base", test_ldt_base, 0 },
	{ "ldt_limit", test_ldt_limit, 0 },
	{ "ldt_load", test_ldt_load, 0 },
	{ "ldt_switch", test_ldt_switch, 0 },
	{ "code_base", test_code_base, 0 },
	{ "code_limit", test_code_limit, 0 },
	{ "code16", test_code16, 0 },
	{ "stack16", test_stack16, 0 },
	{ "tls", test_tls, 0 },
	{ "vm86", test_vm86, 0 },
	{ "ioperm", test_ioperm, 0 },
	{ "iopl", test_iopl, 0 },
	{ "lar_lsl", test_lar_lsl, 0 },
	{ "rdtsc", test_rdtsc, 0 },
	{ "cpuid", test_cpuid, 0 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
