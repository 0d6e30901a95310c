/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostrun.c - see hostrun.h. Enters and leaves the instruction through signal
 * contexts: int3 hands over, the handler swaps all registers, the fault after
 * the instruction swaps them back.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "runtime/bits.h"
#include "tests/hostrun.h"

#define CODE_PAGE 0x11000000ul
#define BOUNDARY  (CODE_PAGE + PAGE_SIZE)
#define DATA_LOW  0x10000000ul
#define DATA_SIZE 0x10000ul
#define CS_32	  0x23
#define FLAG_MASK (EFL_ARITH | EFL_DF)

/* Signal dispatch: the only way to reach the handler. */
static struct {
	greg_t saved[NGREG];
	struct hostrun_regs *regs;
	u64 start;
	int mode;
	bool inside;
	enum hostrun_end end;
	u8 stack[65536] __attribute__((aligned(64)));
} hr;

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				 REG_RSP, REG_RBP, REG_RSI, REG_RDI,
				 REG_R8,  REG_R9,  REG_R10, REG_R11,
				 REG_R12, REG_R13, REG_R14, REG_R15 };

static void hostrun_enter(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	memcpy(hr.saved, g, sizeof(hr.saved));
	for (int i = 0; i < 16; i++)
		g[greg_of[i]] = hr.regs->gpr[i];
	memcpy(uc->uc_mcontext.fpregs->_xmm, hr.regs->xmm,
	       sizeof(hr.regs->xmm));
	g[REG_RIP] = hr.start;
	g[REG_EFL] = (g[REG_EFL] & ~(greg_t)FLAG_MASK) | hr.regs->eflags;
	if (hr.mode == 32)
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | CS_32;
	hr.inside = true;
}

static enum hostrun_end hostrun_judge(int sig, const greg_t *g)
{
	bool fetch = g[REG_TRAPNO] == VEC_PF && g[REG_ERR] & PFEC_I &&
		     (u64)g[REG_CR2] == BOUNDARY;

	if (fetch && (u64)g[REG_RIP] == BOUNDARY)
		return HOSTRUN_RAN;
	if ((u64)g[REG_RIP] != hr.start && g[REG_TRAPNO] != VEC_DB &&
	    g[REG_TRAPNO] != VEC_BP)
		return HOSTRUN_LOST;
	if (fetch)
		return HOSTRUN_SHORT;
	return sig == SIGILL ? HOSTRUN_UD : HOSTRUN_FAULT;
}

static void hostrun_leave(int sig, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	hr.inside = false;
	hr.end = hostrun_judge(sig, g);
	if (hr.end == HOSTRUN_RAN) {
		for (int i = 0; i < 16; i++)
			hr.regs->gpr[i] = g[greg_of[i]];
		hr.regs->eflags = g[REG_EFL] & FLAG_MASK;
	}
	memcpy(g, hr.saved, sizeof(hr.saved));
}

static void hostrun_signal(int sig, siginfo_t *si, void *ctx)
{
	(void)si;
	if (hr.inside) {
		hostrun_leave(sig, ctx);
	} else if (sig == SIGTRAP && hr.regs) {
		hostrun_enter(ctx);
	} else { /* a fault of the test itself */
		signal(sig, SIG_DFL);
	}
}

static const int hostrun_signals[] = { SIGSEGV, SIGILL, SIGTRAP, SIGFPE,
				       SIGBUS };

static void hostrun_map(u64 addr, size_t size, int prot)
{
	void *p = mmap((void *)addr, size, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0);

	must(p == (void *)addr, "test pages at %#lx are taken", (long)addr);
}

void hostrun_init(void)
{
	stack_t ss = { .ss_sp = hr.stack, .ss_size = sizeof(hr.stack) };
	struct sigaction sa = { .sa_sigaction = hostrun_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	hostrun_map(DATA_LOW, DATA_SIZE, PROT_READ | PROT_WRITE);
	hostrun_map(CODE_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
	hostrun_map(BOUNDARY, PAGE_SIZE, PROT_NONE);
	must(!sigaltstack(&ss, NULL), "sigaltstack");
	for (size_t i = 0; i < ARRAY_SIZE(hostrun_signals); i++)
		must(!sigaction(hostrun_signals[i], &sa, NULL), "sigaction");
}

void hostrun_fini(void)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < ARRAY_SIZE(hostrun_signals); i++)
		signal(hostrun_signals[i], SIG_DFL);
	sigaltstack(&ss, NULL);
	munmap((void *)DATA_LOW, DATA_SIZE);
	munmap((void *)CODE_PAGE, 2 * PAGE_SIZE);
}

void hostrun_default(struct hostrun_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	for (int i = 0; i < 16; i++)
		regs->gpr[i] = HOSTRUN_DATA;
}

/* Kept out of line: the context switch happens at the int3. */
static void __attribute__((noinline)) hostrun_switch(void)
{
	static const u32 mxcsr = 0x1f80;

	__asm__ volatile("int3\n\tfninit\n\tldmxcsr %0"
			 :
			 : "m"(mxcsr)
			 : "memory", "cc");
}

enum hostrun_end hostrun(int mode, const u8 *code, size_t len,
			 struct hostrun_regs *regs)
{
	hr.start = BOUNDARY - len;
	memcpy((void *)hr.start, code, len);
	hr.regs = regs;
	hr.mode = mode;
	hostrun_switch();
	return hr.end;
}
