/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traps.h - executes one instruction that is to fault and tells all about it.
 *
 * TRAP("insn") runs the instruction with the registers of `regs`; the handler
 * notes what the kernel reports and goes on behind the instruction. Programs
 * that use it are linked at fixed addresses (no PIE).
 */
#ifndef TESTS_LINUX_TRAPS_H
#define TESTS_LINUX_TRAPS_H

#include <ucontext.h>
#include "harness.h"

struct trap {
	uint32_t at, resume;	    /* the instruction, and behind it */
	int sig, code;		    /* 0: no signal came */
	uint32_t addr;		    /* si_addr */
	uint32_t eip, esp, eflags;
	uint32_t trapno, err, cr2;
	unsigned count;
};

struct regs {
	uint32_t eax, ecx, edx, esi, edi;
};

/* Written by the signal handler. */
static volatile struct trap trap;

static void trap_handler(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *g = uc->uc_mcontext.gregs;

	trap.sig = sig;
	trap.code = si->si_code;
	trap.addr = (uint32_t)si->si_addr;
	trap.eip = (uint32_t)g[REG_EIP];
	trap.esp = (uint32_t)g[REG_ESP];
	trap.eflags = (uint32_t)g[REG_EFL];
	trap.trapno = (uint32_t)g[REG_TRAPNO];
	trap.err = (uint32_t)g[REG_ERR];
	trap.cr2 = (uint32_t)uc->uc_mcontext.cr2;
	/* A loop that the redirection does not end must not last. */
	if (++trap.count > 1000)
		_exit(3);
	g[REG_EIP] = (greg_t)trap.resume;
	g[REG_EFL] &= ~0x40100; /* AC, TF */
}

__attribute__((unused)) static void traps_init(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	struct sigaction sa = { .sa_sigaction = trap_handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}

__attribute__((unused)) static void trap_clear(void)
{
	memset((void *)(uintptr_t)&trap, 0, sizeof(trap));
}

/* r: struct regs lvalue; the registers at the fault are in it afterwards. */
#define TRAP(r, insn)                                                         \
	do {                                                                  \
		trap_clear();                                                 \
		__asm__ volatile("movl $1f, %5\n\tmovl $2f, %6\n"             \
				 "1:\t" insn "\n2:"                           \
				 : "+a"((r).eax), "+c"((r).ecx),              \
				   "+d"((r).edx), "+S"((r).esi),              \
				   "+D"((r).edi), "=m"(trap.at),              \
				   "=m"(trap.resume)                          \
				 :                                            \
				 : "memory", "cc", "ebx", "xmm0", "xmm1");    \
	} while (0)

/* Same, and the instruction must fault where it stands. */
#define EXPECT_TRAP(want_sig, want_trapno, want_err)                          \
	do {                                                                  \
		EXPECT(trap.sig == (want_sig), "signal %d, not %d", trap.sig, \
		       (want_sig));                                           \
		EXPECT(trap.trapno == (want_trapno), "trap %u, not %u",       \
		       trap.trapno, (unsigned)(want_trapno));                 \
		EXPECT(trap.err == (want_err), "error %#x, not %#x",          \
		       trap.err, (unsigned)(want_err));                       \
		EXPECT(trap.eip == trap.at, "eip %#x, not %#x", trap.eip,     \
		       trap.at);                                              \
	} while (0)

#endif
