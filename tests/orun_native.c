// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * orun_native.c - the native place of orun.h: this process, in compatibility
 * mode. Writable file-scope data is what signal handlers and assembly share.
 *
 * Random code is dangerous here: it could make system calls. A seccomp filter
 * lets only those through that come from above 4 GiB in 64-bit mode, where
 * the code under test cannot be.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <time.h>
#include <unistd.h>
#include "orun.h"

#define CS_64 0x33
#define TICK  (SIGRTMIN + 4)

struct orun_nat {
	u64 gpr[8];
	u64 rip, rflags, cs, ss, ds, es, fs, gs;
	u64 rsp, xin, xout, xmask, fsbase;
	u32 inside; /* between the loads of DS.. and the handler's end */
	u16 now[4]; /* what DS ES FS GS were at the signal */
	/* what the assembly does not look at */
	int trapno, sig;
	u32 err, cr2;
};
static_assert(offsetof(struct orun_nat, rip) == 64, "orun_asm.S");
static_assert(offsetof(struct orun_nat, rsp) == 128, "orun_asm.S");
static_assert(offsetof(struct orun_nat, inside) == 168, "orun_asm.S");
static_assert(offsetof(struct orun_nat, now) == 172, "orun_asm.S");

extern struct orun_nat orun_nat;
extern char orun_out[];
void orun_enter(void);
void orun_handler(int sig, siginfo_t *si, void *ctx);
void orun_signal(int sig, siginfo_t *si, void *ctx);

static const int orun_faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

static struct {
	bool ready;
	struct orun self;
	u32 ticks;
	struct orun *running; /* the virtual machine that runs, or NULL */
	struct sigaction next[64];
	u8 altstack[131072];
} N;

u64 orun_xmask(void)
{
	return orun_nat.xmask;
}

/* --- signals */

static void native_leave(ucontext_t *uc)
{
	static const int map[8] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				    REG_RSP, REG_RBP, REG_RSI, REG_RDI };
	greg_t *g = uc->uc_mcontext.gregs;

	for (int i = 0; i < 8; i++)
		orun_nat.gpr[i] = (u64)g[map[i]];
	orun_nat.rflags = (u64)g[REG_EFL];
	orun_nat.rip = (u64)g[REG_RIP];
	orun_nat.cs = (u64)g[REG_CSGSFS] & 0xffff;
	orun_nat.ss = (u64)g[REG_CSGSFS] >> 48;
	orun_nat.trapno = (int)g[REG_TRAPNO];
	orun_nat.err = (u32)g[REG_ERR];
	orun_nat.cr2 = (u32)g[REG_CR2];
	orun_nat.inside = 0;
	g[REG_RIP] = (greg_t)orun_out;
	g[REG_RSP] = (greg_t)orun_nat.rsp;
	g[REG_EFL] &= ~(greg_t)(EFL_DF | EFL_TF | EFL_AC | EFL_NT | EFL_RF);
	g[REG_CSGSFS] = (greg_t)(CS_64 | (u64)ORUN_DS << 48);
}

static void native_signal(int sig, siginfo_t *si, ucontext_t *uc)
{
	if (sig == TICK && ++N.ticks < ORUN_TICKS_NATIVE)
		return;
	orun_nat.sig = sig;
	native_leave(uc);
	/* The host's own tables may not be filled yet: P says what is mapped. */
	if (sig == SIGSEGV && orun_nat.trapno == VEC_PF) {
		orun_nat.err &= ~PFEC_P;
		orun_nat.err |= si->si_code == SEGV_ACCERR ? PFEC_P : 0;
	}
}

/* Called by orun_handler with the thread's own FS base. */
void orun_signal(int sig, siginfo_t *si, void *ctx)
{
	const struct sigaction *next = &N.next[sig & 63];

	if (orun_nat.inside) {
		native_signal(sig, si, ctx);
	} else if (sig == TICK) {
		if (N.running)
			orun_vm_tick(N.running);
	} else if (next->sa_flags & SA_SIGINFO) {
		next->sa_sigaction(sig, si, ctx);
	} else {
		signal(sig, SIG_DFL); /* a bug: the instruction does it again */
	}
}

void orun_running(struct orun *o)
{
	N.ticks = 0;
	N.running = o;
}

void orun_signals(void)
{
	struct sigaction sa = { .sa_sigaction = orun_handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK |
					    SA_RESTART };

	sigfillset(&sa.sa_mask);
	for (unsigned i = 0; i < ARRAY_SIZE(orun_faults); i++) {
		struct sigaction old;

		sigaction(orun_faults[i], &sa, &old);
		if (old.sa_sigaction != orun_handler)
			N.next[orun_faults[i]] = old;
	}
	sigaction(SIGSYS, &sa, NULL);
	sigaction(TICK, &sa, NULL);
}

static int native_timer(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = TICK };
	struct itimerspec its = { { 0, ORUN_TICK_NS }, { 0, ORUN_TICK_NS } };
	timer_t t;

	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &t))
		return -1;
	return timer_settime(t, 0, &its, NULL);
}

/* 64-bit system calls from above 4 GiB pass, everything else is SIGSYS. */
static int native_filter(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) +
				 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

/* --- memory */

static int native_map(u32 page, int fd)
{
	unsigned r = orun_rights(orun_page_la(page));
	int prot = (r & ORUN_R ? PROT_READ : 0) |
		   (r & ORUN_W ? PROT_WRITE : 0) | (r & ORUN_X ? PROT_EXEC : 0);
	void *at = (void *)(u64)orun_page_la(page);

	if (!r)
		return 0;
	return mmap(at, PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, fd,
		    (off_t)page * (off_t)PAGE_SIZE) == at ? 0 : -1;
}

static int native_memory(void)
{
	size_t size = ORUN_PAGES * PAGE_SIZE;
	int fd = memfd_create("orun-native", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return -1;
	N.self.mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
	if (N.self.mem == MAP_FAILED)
		return -1;
	for (u32 page = 0; page < ORUN_PAGES; page++)
		if (native_map(page, fd))
			return -1;
	close(fd);
	return 0;
}

/* --- the place */

static void native_write(struct orun *o, u32 la, const void *buf, u32 len)
{
	memcpy((u8 *)orun_at(o, la), buf, len);
}

static int native_ldt(struct orun *o, unsigned n, const struct user_desc *d)
{
	struct user_desc u = *d;

	(void)o;
	u.entry_number = n;
	return syscall(SYS_modify_ldt, 0x11, &u, sizeof(u)) ? -1 : 0;
}

static void native_cold(struct orun *o)
{
	(void)o;
}

static enum orun_end native_end(void)
{
	if (orun_nat.sig == TICK)
		return ORUN_TIMEOUT;
	if (orun_nat.sig == SIGSYS)
		return ORUN_SYSCALL;
	if (orun_nat.cs == CS_64 || orun_nat.rip >> 32)
		return ORUN_DEAD;
	return ORUN_EXC;
}

static void native_run(struct orun *o, const struct orun_state *in,
		       struct orun_result *out)
{
	struct orun_nat *n = &orun_nat;
	u8 *x = (u8 *)in->x;

	(void)o;
	for (int i = 0; i < 8; i++)
		n->gpr[i] = in->gpr[i];
	n->rip = in->eip;
	n->rflags = in->eflags | EFL_IF | EFL_FIXED1;
	n->cs = in->sel[CPU_CS];
	n->ss = in->sel[CPU_SS];
	n->ds = in->sel[CPU_DS];
	n->es = in->sel[CPU_ES];
	n->fs = in->sel[CPU_FS];
	n->gs = in->sel[CPU_GS];
	memset(x + 512, 0, 64);
	x[512] = (u8)n->xmask;
	n->xin = (u64)x;
	n->xout = (u64)out->st.x;
	orun_running(NULL);
	orun_enter();
	out->end = native_end();
	out->vector = (u8)n->trapno;
	out->err = n->err;
	out->cr2 = n->cr2;
	for (int i = 0; i < 8; i++)
		out->st.gpr[i] = (u32)n->gpr[i];
	out->st.eip = (u32)n->rip;
	out->st.eflags = (u32)n->rflags;
	out->st.sel[CPU_CS] = (u16)n->cs;
	out->st.sel[CPU_SS] = (u16)n->ss;
	out->st.sel[CPU_DS] = n->now[0];
	out->st.sel[CPU_ES] = n->now[1];
	out->st.sel[CPU_FS] = n->now[2];
	out->st.sel[CPU_GS] = n->now[3];
}

static void native_close(struct orun *o)
{
	(void)o;
}

static const struct orun_ops native_ops = {
	.write = native_write, .ldt = native_ldt, .cold = native_cold,
	.run = native_run, .close = native_close,
};

struct orun *orun_native(void)
{
	return &N.self;
}

static u64 host_xmask(void)
{
	unsigned a, b, c, d;
	u32 lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo & 7;
}

int orun_init(void)
{
	stack_t ss = { .ss_sp = N.altstack, .ss_size = sizeof(N.altstack) };
	const char *what = "XSAVE";

	if (N.ready)
		return 0;
	orun_nat.xmask = host_xmask();
	if (orun_nat.xmask < 3)
		goto refused;
	N.self.ops = &native_ops;
	what = "memory below 4 GiB";
	if (native_memory())
		goto refused;
	what = "an alternate stack";
	if (sigaltstack(&ss, NULL) ||
	    syscall(SYS_arch_prctl, ARCH_GET_FS, &orun_nat.fsbase))
		goto refused;
	orun_signals();
	what = "a timer";
	if (native_timer())
		goto refused;
	what = "a system call filter";
	if (native_filter())
		goto refused;
	N.ready = true;
	return 0;
refused:
	fprintf(stderr, "orun: the host refuses %s\n", what);
	return -1;
}
