// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * signals.c - what a process learns of its faults: signal, si_addr, error
 * code, eip, for every kind of fault user code can make; then signal delivery
 * itself: alternate stack, nesting, masks, timers.
 *
 * QEMU's TCG differs from processors in: split_access (a locked add reports a
 * read), alignment_check (no #AC), traps (int1 is #UD).
 */
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include "traps.h"

/* --- page faults */

struct fault_case {
	const char *name;
	int prot;	 /* of the page; -1: unmapped; -2: kernel's */
	char access;	 /* r, w, x */
	uint32_t err;
	int code;
};

#define ERR_P 1
#define ERR_W 2
#define ERR_U 4
#define ERR_I 16

static const struct fault_case fault_cases[] = {
	{ "read unmapped", -1, 'r', ERR_U, SEGV_MAPERR },
	{ "write unmapped", -1, 'w', ERR_U | ERR_W, SEGV_MAPERR },
	{ "execute unmapped", -1, 'x', ERR_U | ERR_I, SEGV_MAPERR },
	{ "read no access", PROT_NONE, 'r', ERR_U, SEGV_ACCERR },
	{ "write no access", PROT_NONE, 'w', ERR_U | ERR_W, SEGV_ACCERR },
	{ "write read-only", PROT_READ, 'w', ERR_U | ERR_W | ERR_P,
	  SEGV_ACCERR },
	{ "execute data", PROT_READ | PROT_WRITE, 'x', ERR_U | ERR_I | ERR_P,
	  SEGV_ACCERR },
};

static bool cpuinfo_has(const char *flag)
{
	char line[4096], word[32];
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool found = false;

	snprintf(word, sizeof(word), " %s", flag);
	while (f && fgets(line, sizeof(line), f)) {
		char *p = line;

		if (strncmp(line, "flags", 5))
			continue;
		while ((p = strstr(p, word))) {
			p += strlen(word);
			if (*p == ' ' || *p == '\n')
				found = true;
		}
	}
	if (f)
		fclose(f);
	return found;
}

/* Debian's 6.1 PAE kernel runs with EFER.NXE set but loses the NX bit of user
 * pages (it keeps the protection in 32 bits), so data may run there too. */
static bool weak_nx(void)
{
	struct utsname u;

	uname(&u);
	return strstr(u.release, "686");
}

/* A kernel without PAE has no NX; fetches then look like reads. */
static bool have_nx(void)
{
	struct utsname u;

	uname(&u);
	return cpuinfo_has("nx") &&
	       (strstr(u.release, "pae") || !strstr(u.release, "686"));
}

static void fault_access(struct regs *r, char access)
{
	if (access == 'r')
		TRAP(*r, "movl (%%esi), %%eax");
	else if (access == 'w')
		TRAP(*r, "movl %%eax, (%%esi)");
	else
		TRAP(*r, "jmp *%%esi");
}

static int fault_one(const struct fault_case *c, uint8_t *page)
{
	bool nx = have_nx();
	struct regs r = { .eax = 0x11223344 };
	uint32_t err = c->err, at;

	r.esi = at = (uint32_t)page + 0x124;
	fault_access(&r, c->access);
	if (c->access == 'x' && c->prot != -1 && trap.trapno == 3 && weak_nx())
		return 0;
	EXPECT(trap.sig == SIGSEGV && trap.trapno == 14,
	       "%s: signal %d trap %u", c->name, trap.sig, trap.trapno);
	/* without NX, SMEP alone makes the processor set I */
	EXPECT(trap.err == err || (!nx && trap.err == (err & ~ERR_I)),
	       "%s: error %#x, not %#x", c->name, trap.err, err);
	EXPECT(trap.addr == at && trap.cr2 == at, "%s: si_addr %#x cr2 %#x, not %#x",
	       c->name, trap.addr, trap.cr2, at);
	EXPECT(trap.code == c->code, "%s: si_code %d", c->name, trap.code);
	EXPECT(trap.eip == (c->access == 'x' ? at : trap.at), "%s: eip %#x",
	       c->name, trap.eip);
	EXPECT(c->access == 'x' || r.eax == 0x11223344, "%s: eax changed",
	       c->name);
	return 0;
}

static int test_page_faults(void)
{
	traps_init();
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(fault_cases); i++) {
			const struct fault_case *c = &fault_cases[i];
			uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
			int bad;

			memset(p, 0xcc, PAGE); /* int3 */
			if (c->prot == -1)
				munmap(p, PAGE);
			else
				mprotect(p, PAGE, c->prot);
			bad = fault_one(c, p);
			if (c->prot != -1)
				munmap(p, PAGE);
			if (bad)
				return bad;
		}
	}
	return 0;
}

/* The null page, and the last bytes of the address space. */
static int test_far_addresses(void)
{
	static const uint32_t where[] = { 0, 8, 0xfff, 0xfffffffc };
	struct regs r;

	traps_init();
	for (unsigned i = 0; i < ARRAY_SIZE(where); i++) {
		r = (struct regs){ .esi = where[i] };
		TRAP(r, "movb (%%esi), %%al");
		EXPECT(trap.sig == SIGSEGV && trap.eip == trap.at,
		       "%#x: signal %d", where[i], trap.sig);
		EXPECT(trap.trapno == 14 && trap.cr2 == where[i],
		       "%#x: trap %u cr2 %#x", where[i], trap.trapno, trap.cr2);
	}
	return 0;
}

/* --- accesses that end on a page that is not there */

static uint8_t *two_pages(void)
{
	uint8_t *p = harness_map(2 * PAGE, PROT_READ | PROT_WRITE);

	memset(p, 0x5a, 2 * PAGE);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	return p;
}

static int test_split_access(void)
{
	uint8_t *p = two_pages();
	uint32_t edge = (uint32_t)p + PAGE;
	struct regs r = { .eax = 0x01020304, .esi = edge - 3 };

	traps_init();
	TRAP(r, "movl (%%esi), %%eax");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U);
	EXPECT(trap.cr2 == edge, "read: cr2 %#x, not %#x", trap.cr2, edge);
	TRAP(r, "movl %%eax, (%%esi)");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U | ERR_W);
	EXPECT(trap.cr2 == edge, "write: cr2 %#x, not %#x", trap.cr2, edge);
	EXPECT(p[PAGE - 3] == 0x5a && p[PAGE - 1] == 0x5a,
	       "a write that faulted left bytes");
	TRAP(r, "lock; addl %%eax, (%%esi)");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U | ERR_W);
	EXPECT(p[PAGE - 3] == 0x5a, "a locked add that faulted left bytes");
	r.esi = edge - 8;
	TRAP(r, "movups (%%esi), %%xmm0");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U);
	EXPECT(trap.cr2 == edge, "movups: cr2 %#x", trap.cr2);
	return 0;
}

static int test_string_faults(void)
{
	uint8_t *p = two_pages(), *q = two_pages();
	uint32_t pe = (uint32_t)p + PAGE, qe = (uint32_t)q + PAGE;
	struct regs r;

	traps_init();
	r = (struct regs){ .edi = pe - 12, .ecx = 100, .eax = 0x77777777 };
	TRAP(r, "rep stosl");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U | ERR_W);
	EXPECT(trap.cr2 == pe && r.edi == pe && r.ecx == 97,
	       "stos: cr2 %#x edi %#x ecx %u", trap.cr2, r.edi, r.ecx);
	EXPECT(p[PAGE - 1] == 0x77 && p[PAGE - 13] == 0x5a, "stos: bytes");

	r = (struct regs){ .esi = qe - 7, .edi = pe - 1000, .ecx = 500 };
	TRAP(r, "rep movsb");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U);
	EXPECT(trap.cr2 == qe && r.esi == qe && r.edi == pe - 993 &&
		       r.ecx == 493,
	       "movs: cr2 %#x esi %#x edi %#x ecx %u", trap.cr2, r.esi, r.edi,
	       r.ecx);

	r = (struct regs){ .esi = qe - 100, .edi = pe - 8, .ecx = 20 };
	TRAP(r, "rep movsl");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U | ERR_W);
	EXPECT(r.esi == qe - 92 && r.edi == pe && r.ecx == 18,
	       "movs to: esi %#x edi %#x ecx %u", r.esi, r.edi, r.ecx);

	r = (struct regs){ .edi = pe - 9, .ecx = 1000, .eax = 0 };
	TRAP(r, "repne scasb");
	EXPECT_TRAP(SIGSEGV, 14, ERR_U);
	EXPECT(r.edi == pe && r.ecx == 991, "scas: edi %#x ecx %u", r.edi,
	       r.ecx);

	mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE);
	mprotect(p, PAGE, PROT_NONE);
	r = (struct regs){ .edi = pe + 8, .ecx = 10, .eax = 1 };
	TRAP(r, "std\n\trep stosl\n\tcld");
	__asm__ volatile("cld");
	EXPECT(trap.sig == SIGSEGV && trap.cr2 == pe - 4 && r.ecx == 7 &&
		       r.edi == pe - 4,
	       "std stos: cr2 %#x edi %#x ecx %u", trap.cr2, r.edi, r.ecx);
	return 0;
}

/* Instructions that move esp must not have moved it when they fault. */
static int test_stack_faults(void)
{
	uint8_t *p = harness_map(2 * PAGE, PROT_READ | PROT_WRITE);
	uint32_t edge = (uint32_t)p + PAGE;
	struct sigaction sa;
	stack_t st = { .ss_sp = harness_map(16384, PROT_READ | PROT_WRITE),
		       .ss_size = 16384 };

	traps_init();
	sigaltstack(&st, NULL);
	sigaction(SIGSEGV, NULL, &sa);
	mprotect(p, PAGE, PROT_NONE);
#define STACK_FAULT(insn, start)                                              \
	do {                                                                  \
		trap_clear();                                                 \
		__asm__ volatile("movl $1f, %0\n\tmovl $2f, %1\n\t"           \
				 "movl %%esp, %%edi\n\tmovl %%ebp, %%ebx\n\t" \
				 "movl %%esi, %%esp\n"                        \
				 "1:\t" insn "\n"                             \
				 "2:\tmovl %%edi, %%esp\n\tmovl %%ebx, %%ebp" \
				 : "=m"(trap.at), "=m"(trap.resume)           \
				 : "S"(start)                                 \
				 : "memory", "cc", "eax", "ecx", "edx",       \
				   "ebx", "edi");                             \
		EXPECT(trap.sig == SIGSEGV && trap.eip == trap.at,            \
		       insn ": signal %d", trap.sig);                         \
		EXPECT(trap.esp == (start), insn ": esp %#x, not %#x",        \
		       trap.esp, (start));                                    \
	} while (0)
	STACK_FAULT("pushl %%eax", edge);
	STACK_FAULT("pushl %%eax", edge + 2);
	STACK_FAULT("pushal", edge + 16);
	STACK_FAULT("pushfl", edge);
	STACK_FAULT("call 2f", edge);
	STACK_FAULT("popl %%eax", edge - 4);
	STACK_FAULT("popal", edge - 16);
	STACK_FAULT("ret", edge - 4);
	STACK_FAULT("popl (%%esp)", edge - 8);
	STACK_FAULT("enter $16, $0", edge);
	STACK_FAULT("pushl (0)", edge + 64);
	return 0;
}

/* --- other faults */

static int test_alignment(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
	struct regs r = { .esi = (uint32_t)p + 8 };

	traps_init();
	TRAP(r, "movaps (%%esi), %%xmm0");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	EXPECT(!trap.addr, "si_addr %#x", trap.addr);
	TRAP(r, "movaps %%xmm0, (%%esi)");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	TRAP(r, "paddd (%%esi), %%xmm0");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	TRAP(r, "movntps %%xmm0, (%%esi)");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	TRAP(r, "fxsave (%%esi)");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	r.esi = (uint32_t)p + 16;
	TRAP(r, "movaps (%%esi), %%xmm0");
	EXPECT(!trap.sig, "an aligned one: signal %d", trap.sig);
	return 0;
}

/* #AC: EFLAGS.AC under Linux, which sets CR0.AM */
static int test_alignment_check(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);
	struct regs r = { .esi = (uint32_t)p + 1 };

	traps_init();
	trap_clear();
	__asm__ volatile("movl $1f, %0\n\tmovl $2f, %1\n\t"
			 "pushfl\n\torl $0x40000, (%%esp)\n\tpopfl\n"
			 "1:\tmovl (%%esi), %%eax\n"
			 "2:\tpushfl\n\tandl $~0x40000, (%%esp)\n\tpopfl"
			 : "=m"(trap.at), "=m"(trap.resume)
			 : "S"(r.esi)
			 : "memory", "cc", "eax");
	EXPECT_TRAP(SIGBUS, 17, 0);
	EXPECT(trap.code == BUS_ADRALN, "si_code %d", trap.code);
	return 0;
}

#define GP(insn)                                                              \
	do {                                                                  \
		TRAP(r, insn);                                                \
		EXPECT(trap.sig == SIGSEGV && trap.trapno == 13 &&            \
			       !trap.err && trap.eip == trap.at,              \
		       insn ": signal %d trap %u err %#x eip %#x at %#x",     \
		       trap.sig, trap.trapno, trap.err, trap.eip, trap.at);   \
	} while (0)

static int test_privileged(void)
{
	struct regs r = { .esi = (uint32_t)harness_map(PAGE, PROT_READ) };

	traps_init();
	GP("hlt");
	GP("cli");
	GP("sti");
	GP("movl %%eax, %%cr0");
	GP("movl %%cr3, %%eax");
	GP("movl %%dr7, %%eax");
	GP("lgdt (%%esi)");
	GP("lidt (%%esi)");
	GP("lldt %%ax");
	GP("ltr %%ax");
	GP("lmsw %%ax");
	GP("clts");
	GP("invlpg (%%esi)");
	GP("wbinvd");
	GP("rdmsr");
	GP("wrmsr");
	GP("inb $0x80, %%al");
	GP("outb %%al, $0x80");
	GP("outl %%eax, %%dx");
	return 0;
}

/* Without privilege popf changes no IF and no IOPL, and faults not. */
static int test_popf(void)
{
	uint32_t before, after;

	__asm__ volatile("pushfl\n\tpopl %0\n\tmovl %0, %1\n\t"
			 "xorl $0x3200, %1\n\torl $0x4, %1\n\t"
			 "pushl %1\n\tpopfl\n\tpushfl\n\tpopl %1"
			 : "=&r"(before), "=&r"(after)
			 :
			 : "cc", "memory");
	EXPECT((before & 0x3200) == 0x200, "EFLAGS %#x before", before);
	EXPECT((after & 0x3200) == 0x200, "EFLAGS %#x after", after);
	EXPECT(after & 4, "PF lost");
	return 0;
}

static int test_traps(void)
{
	struct regs r = { 0 };
	int32_t bounds[2] = { 10, 20 };

	traps_init();
	TRAP(r, "int3");
	EXPECT(trap.sig == SIGTRAP && trap.trapno == 3 &&
		       trap.eip == trap.at + 1,
	       "int3: signal %d trap %u eip %#x", trap.sig, trap.trapno,
	       trap.eip);
	TRAP(r, ".byte 0xcd, 0x03");
	EXPECT(trap.sig == SIGTRAP && trap.eip == trap.at + 2,
	       "int 3: signal %d eip %#x", trap.sig, trap.eip);
	TRAP(r, "int $0x20");
	EXPECT_TRAP(SIGSEGV, 13, 0x20 * 8 + 2);
	TRAP(r, "int $0x0e");
	EXPECT_TRAP(SIGSEGV, 13, 0x0e * 8 + 2);
	TRAP(r, ".byte 0xf1"); /* int1 */
	EXPECT(trap.sig == SIGTRAP && trap.trapno == 1, "int1: signal %d trap %u",
	       trap.sig, trap.trapno);
	TRAP(r, "movb $127, %%al\n\taddb $1, %%al\n\tinto");
	EXPECT(trap.sig == SIGSEGV && trap.trapno == 4 &&
		       trap.eip == trap.at + 5,
	       "into: signal %d trap %u eip %#x", trap.sig, trap.trapno,
	       trap.eip);
	r.eax = 21;
	r.esi = (uint32_t)bounds;
	TRAP(r, ".byte 0x62, 0x06"); /* bound eax, [esi] */
	EXPECT(trap.sig == SIGSEGV && trap.trapno == 5 && trap.eip == trap.at,
	       "bound: signal %d trap %u", trap.sig, trap.trapno);
	r.eax = 20;
	TRAP(r, ".byte 0x62, 0x06");
	EXPECT(!trap.sig, "bound within: signal %d", trap.sig);
	return 0;
}

#define ILL(insn)                                                             \
	do {                                                                  \
		TRAP(r, insn);                                                \
		EXPECT(trap.sig == SIGILL && trap.trapno == 6 &&              \
			       trap.eip == trap.at && trap.addr == trap.at,   \
		       insn ": signal %d trap %u eip %#x at %#x", trap.sig,   \
		       trap.trapno, trap.eip, trap.at);                       \
	} while (0)

static int test_illegal(void)
{
	struct regs r = { 0 };

	traps_init();
	ILL("ud2");
	ILL(".byte 0x0f, 0x04");
	ILL(".byte 0xf0, 0x90");	     /* lock nop */
	ILL(".byte 0xf0, 0x01, 0xc0");	     /* lock add eax, eax */
	ILL(".byte 0x8d, 0xc0");	     /* lea with a register */
	ILL(".byte 0x8e, 0xc8");	     /* mov cs, eax */
	ILL(".byte 0xfe, 0xf8");	     /* group 4, /7 */
	return 0;
}

/* More than 15 bytes is #GP, however legal the rest. */
static int test_too_long(void)
{
	struct regs r = { 0 };

	traps_init();
	TRAP(r, ".rept 14; .byte 0x3e; .endr; nop");
	EXPECT(!trap.sig, "15 bytes: signal %d", trap.sig);
	TRAP(r, ".rept 15; .byte 0x3e; .endr; nop");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	return 0;
}

/* TF set by popf: a trap behind each instruction from the next one on. */
static volatile uint32_t steps[16];
static volatile unsigned nsteps;

static void step_handler(int sig, siginfo_t *si, void *ctx)
{
	greg_t *g = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)sig;
	(void)si;
	if (nsteps < ARRAY_SIZE(steps))
		steps[nsteps] = (uint32_t)g[REG_EIP];
	nsteps++;
}

static int test_own_trap_flag(void)
{
	struct sigaction sa = { .sa_sigaction = step_handler,
				.sa_flags = SA_SIGINFO };
	uint32_t at;

	sigaction(SIGTRAP, &sa, NULL);
	nsteps = 0;
	__asm__ volatile("movl $1f, %0\n\tpushfl\n\torl $0x100, (%%esp)\n\t"
			 "popfl\n"
			 "1:\tnop\n\tmovl $5, %%eax\n\tpushfl\n\t"
			 "andl $~0x100, (%%esp)\n\tpopfl\n\tnop\n\tnop"
			 : "=m"(at)
			 :
			 : "eax", "memory", "cc");
	/* behind nop, mov, pushf, and, popf (1, 5, 1, 7, 1 bytes) */
	EXPECT(nsteps == 5, "%u steps", nsteps);
	EXPECT(steps[0] == at + 1 && steps[1] == at + 6 &&
		       steps[2] == at + 7 && steps[3] == at + 14 &&
		       steps[4] == at + 15,
	       "eips %#x %#x %#x %#x %#x, code at %#x", steps[0], steps[1],
	       steps[2], steps[3], steps[4], at);
	return 0;
}

/* --- delivery */

static volatile unsigned depth, deepest, handled;
static volatile uintptr_t handler_sp;

static void alt_handler(int sig)
{
	(void)sig;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	handled++;
}

static void overflow_handler(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	(void)ctx;
	_exit(handled ? 42 : 43);
}

__attribute__((noinline)) static unsigned eat_stack(unsigned n)
{
	volatile uint8_t a[1024];

	a[0] = (uint8_t)n;
	return n ? eat_stack(n - 1) + a[0] : 0;
}

static int test_altstack(void)
{
	uint8_t *area = harness_map(32768, PROT_READ | PROT_WRITE);
	stack_t st = { .ss_sp = area, .ss_size = 32768 };
	struct sigaction sa = { .sa_handler = alt_handler,
				.sa_flags = SA_ONSTACK };
	int status;
	pid_t pid;

	sigaltstack(&st, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	EXPECT(handled == 1, "no signal");
	EXPECT(handler_sp >= (uintptr_t)area &&
		       handler_sp < (uintptr_t)area + 32768,
	       "handler ran at %#x", (unsigned)handler_sp);
	pid = fork();
	if (!pid) {
		sa = (struct sigaction){ .sa_sigaction = overflow_handler,
					 .sa_flags = SA_ONSTACK | SA_SIGINFO };
		sigaction(SIGSEGV, &sa, NULL);
		_exit((int)eat_stack(1000000) & 1);
	}
	waitpid(pid, &status, 0);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42,
	       "stack overflow: status %#x", status);
	return 0;
}

static void nest_handler(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (sig < SIGRTMIN + 8)
		raise(sig + 1);
	depth--;
}

static int test_nested(void)
{
	sigset_t set;

	for (int s = SIGRTMIN; s <= SIGRTMIN + 8; s++)
		signal(s, nest_handler);
	for (unsigned i = 0; i < 300; i++) {
		deepest = 0;
		raise(SIGRTMIN);
		EXPECT(deepest == 9 && !depth, "depth %u of 9", deepest);
	}
	/* blocked, then several at once */
	signal(SIGUSR1, alt_handler);
	signal(SIGUSR2, alt_handler);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	handled = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR2);
	EXPECT(!handled, "blocked signals came");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT(handled == 2, "%u signals after unblocking", handled);
	return 0;
}

/* --- timers, in the middle of computation whose registers must survive */

static volatile unsigned ticks;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* All registers and flags in use: a carry chain over a million turns. */
static uint32_t churn(uint32_t turns)
{
	uint32_t sum;

	__asm__ volatile("pushl %%ebp\n\tmovl $1, %%eax\n\tmovl $2, %%edx\n\t"
			 "movl $3, %%esi\n\tmovl $5, %%edi\n\t"
			 "movl $7, %%ebp\n\tmovl $11, %%ebx\n\tclc\n"
			 "1:\tadcl %%edi, %%eax\n\tadcl %%eax, %%edx\n\t"
			 "rcll $3, %%esi\n\tsbbl %%edx, %%edi\n\t"
			 "adcl %%esi, %%ebp\n\trcrl $5, %%ebx\n\t"
			 "adcl %%ebp, %%ebx\n\t"
			 "leal -1(%%ecx), %%ecx\n\tjecxz 2f\n\tjmp 1b\n"
			 "2:\tadcl %%ebx, %%eax\n\tadcl %%ebp, %%eax\n\t"
			 "popl %%ebp"
			 : "=&a"(sum), "+c"(turns)
			 :
			 : "ebx", "edx", "esi", "edi", "cc", "memory");
	return sum;
}

static int test_itimer(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	uint32_t want = churn(100000);
	double start, took;

	signal(SIGALRM, tick);
	start = now();
	setitimer(ITIMER_REAL, &it, NULL);
	while (ticks < 100) {
		uint32_t got = churn(100000);

		EXPECT(got == want, "sum %#x, not %#x, at tick %u", got, want,
		       ticks);
	}
	took = now() - start;
	EXPECT(took > 0.95, "100 ticks of 10 ms in %.3f s", took);
	EXPECT(took < 1.5, "100 ticks of 10 ms took %.3f s", took);
	return 0;
}

/* CPU time of a busy process is about wall time. */
static int test_itimer_prof(void)
{
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } };
	double start = now();

	signal(SIGVTALRM, tick);
	setitimer(ITIMER_VIRTUAL, &it, NULL);
	while (now() - start < 1.0)
		churn(10000);
	EXPECT(ticks >= 15 && ticks <= 60, "%u ticks of 20 ms in 1 s", ticks);
	return 0;
}

static const struct test tests[] = {
	{ "page_faults", test_page_faults, 0 },
	{ "far_addresses", test_far_addresses, 0 },
	{ "split_access", test_split_access, 0 },
	{ "string_faults", test_string_faults, 0 },
	{ "stack_faults", test_stack_faults, 0 },
	{ "alignment", test_alignment, 0 },
	{ "alignment_check", test_alignment_check, 0 },
	{ "privileged", test_privileged, 0 },
	{ "popf", test_popf, 0 },
	{ "traps", test_traps, 0 },
	{ "illegal", test_illegal, 0 },
	{ "too_long", test_too_long, 0 },
	{ "own_trap_flag", test_own_trap_flag, 0 },
	{ "altstack", test_altstack, 0 },
	{ "nested", test_nested, 0 },
	{ "itimer", test_itimer, 0 },
	{ "itimer_prof", test_itimer_prof, 0 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
