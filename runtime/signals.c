// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * signals.c - host signals of a vCPU thread: faults in generated code become
 * EXIT_FAULT, kicks make generated code leave soon.
 *
 * A kick is a signal to the vCPU's own thread. In C it only leaves its mark
 * in cpu.kick, which glue_enter tests inside a range that the handler
 * rewinds; in a block it turns the block's chained exits back to their stubs,
 * empties the hash and the pair stack, so that whatever the block does next
 * at its end leads to C (HAZARDS 33, 34).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "engine.h"
#include "glue.h"
#include "log.h"
#include "signals.h"

/* The engine that runs on this thread: signal dispatch needs to find it. */
static __thread struct engine *signals_engine;

const char signals_no_memory[] =
	"the host has no memory left for the guest's: give the guest less with "
	"--memory, or free some";

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

int signals_kick_number(void)
{
	return SIGRTMIN + 1;
}

static void fault_store(struct hfault *f, const ucontext_t *uc)
{
	static const int order[H_NR] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
		REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
		REG_R12, REG_R13, REG_R14, REG_R15,
	};
	const greg_t *g = uc->uc_mcontext.gregs;

	for (int i = 0; i < H_NR; i++)
		f->reg[i] = (u64)g[order[i]];
	f->rip = (u64)g[REG_RIP];
	f->rflags = (u64)g[REG_EFL] & ~(u64)EFL_TF; /* see kick_later() */
	f->addr = (u64)g[REG_CR2];
	f->trapno = (u32)g[REG_TRAPNO];
	f->err = (u32)g[REG_ERR];
}

/* Continue at glue_leave_fault with the state in cpu.fault. */
static void fault_leave(struct engine *e, ucontext_t *uc, u32 trapno)
{
	greg_t *g = uc->uc_mcontext.gregs;
	struct hfault *f = &e->v->cpu.fault;

	fault_store(f, uc);
	if (trapno)
		f->trapno = trapno;
	if (f->trapno != 14 && f->trapno != FAULT_BUS)
		f->addr = 0;
	g[REG_RIP] = (greg_t)glue_leave_fault;
	g[REG_R15] = (greg_t)&e->v->cpu;
	g[REG_EFL] &= ~(greg_t)(EFL_DF | EFL_AC | EFL_TF);
}

static void signals_die(int sig, const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	/* SIGABRT may have a handler that restores the terminal. */
	sigaction(sig, &dfl, NULL);
	must(false,
	     "signal %d (trap %d, error %#x) at host %#lx, address %#lx", sig,
	     (int)g[REG_TRAPNO], (unsigned)g[REG_ERR], (u64)g[REG_RIP],
	     (u64)g[REG_CR2]);
}

/* C code met a page of guest memory that the host cannot provide: there is
 * no way on from the middle of it. */
static NORETURN void bus_end(void)
{
	fprintf(stderr, "umbra: %s\n", signals_no_memory);
	exit(1);
}

/*

 * SIGBUS on guest memory: the host has none left (HAZARDS 37), or withholds a
 * page with code. Generated code leaves like at a fault, and C finds out which;
 * anything else goes to bus_end(), out of the handler's context, on the stack
 * that it was on.
 */
static void signals_bus(struct engine *e, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u64 pc = (u64)g[REG_RIP];

	if (g[REG_TRAPNO] != 14) {
		signals_die(SIGBUS, uc);
	} else if (e && pc >= tcache_base(e->tc) && pc < tcache_end(e->tc)) {
		fault_leave(e, uc, FAULT_BUS);
	} else {
		g[REG_RIP] = (greg_t)bus_end;
		g[REG_RSP] = ((g[REG_RSP] - 256) & ~15ll) - 8;
		g[REG_EFL] &= ~(greg_t)EFL_DF;
	}
}

static bool kick_step(struct engine *e, ucontext_t *uc);

static void signals_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *g = uc->uc_mcontext.gregs;
	struct engine *e = signals_engine;
	u64 pc = (u64)g[REG_RIP], addr = (u64)g[REG_CR2];

	(void)si;
	if (sig == SIGBUS) {
		signals_bus(e, uc);
		return;
	}
	if (e && sig == SIGTRAP && g[REG_TRAPNO] == 1 && kick_step(e, uc))
		return;
	if (!e || pc < tcache_base(e->tc) || pc >= tcache_end(e->tc))
		signals_die(sig, uc);
	if (g[REG_TRAPNO] == 14 && addr >= (u64)e->pair_map &&
	    addr < (u64)e->pair_map + PAIR_MAP_BYTES) {
		/* The pair stack is full: forget it, call again (rule 31). */
		g[REG_RSP] = (greg_t)e->v->cpu.pair_top;
		return;
	}
	fault_leave(e, uc, 0);
}

static bool in_range(u64 pc, u64 from, u64 to)
{
	return pc >= from && pc < to;
}

/* The pair stack with nothing but one return address on it. */
static u64 pairs_only(struct engine *e, u64 ret)
{
	u64 *top = (u64 *)e->v->cpu.pair_top;

	top[-1] = ret;
	return (u64)(top - 1);
}

static void kick_block(struct engine *e, ucontext_t *uc, struct block *b)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const struct bsite *s = block_site_at(b, (u64)g[REG_RIP]);

	if (s && s->rep) {
		fault_leave(e, uc, FAULT_KICK);
		return;
	}
	if (s && s->kind == SITE_LOOKUP) /* again, in the empty hash */
		g[REG_RIP] = (greg_t)(b->host + s->host_off);
	tcache_unchain_exits(e->tc, b);
	g[REG_RSP] = (greg_t)e->v->cpu.pair_top;
}

/* Offsets in the glue copy of labels in the original. */
static u64 glue_copy(const struct engine *e, const u8 *label)
{
	return tcache_base(e->tc) + (u64)(label - glue_blob);
}

static void kick_glue(struct engine *e, ucontext_t *uc, u64 pc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	if (in_range(pc, glue_copy(e, glue_at_sentinel),
		     glue_copy(e, glue_at_hash_end))) {
		/* r8 holds the target: look it up again, in the empty hash */
		g[REG_RIP] = (greg_t)glue_copy(e, glue_at_hash);
		g[REG_RSP] = (greg_t)e->v->cpu.pair_top;
	} else if (in_range(pc, glue_copy(e, glue_at_leaf),
			    glue_copy(e, glue_at_leaf_end)) ||
		   in_range(pc, glue_copy(e, glue_at_sys_leaf),
			    glue_copy(e, glue_at_sys_leaf_end))) {
		u64 ret = *(u64 *)g[REG_RSP];
		struct block *b = tcache_find(e->tc, ret - 1);

		e->sample = ret;
		if (b)
			tcache_unchain_exits(e->tc, b);
		g[REG_RSP] = (greg_t)pairs_only(e, ret);
	} else if (in_range(pc, glue_copy(e, glue_at_back_test),
			    glue_copy(e, glue_at_back_end))) {
		g[REG_RIP] = (greg_t)glue_copy(e, glue_at_back_test);
		g[REG_RSP] = (greg_t)e->v->cpu.c_rsp;
	} else if (in_range(pc, glue_copy(e, glue_at_trans_test),
			    glue_copy(e, glue_at_trans_end))) {
		g[REG_RIP] = (greg_t)glue_copy(e, glue_at_trans_test);
	}
	/* Elsewhere in the glue we are on the way to C, which looks. */
}

static bool pc_is_generated(const struct engine *e, u64 pc)
{
	return in_range(pc, tcache_base(e->tc), tcache_end(e->tc));
}

static void kick_now(struct engine *e, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u64 pc = (u64)g[REG_RIP];

	e->v->cpu.kick = 1;
	if (pc_is_generated(e, pc)) {
		struct block *b = tcache_find(e->tc, pc);

		e->stats.kicks++;
		e->v->cpu.hash = (u64)e->empty_hash;
		if (b)
			kick_block(e, uc, b);
		else
			kick_glue(e, uc, pc);
	} else if (in_range(pc, (u64)glue_enter_test, (u64)glue_enter_end)) {
		g[REG_RIP] = (greg_t)glue_enter_kick;
	} else if (in_range(pc, (u64)glue_resume_test,
			    (u64)glue_resume_end)) {
		g[REG_RIP] = (greg_t)glue_resume_kick;
	}
}

/*
 * An injected kick (umbra_inject.kick_us). A timer's signal comes behind slow
 * instructions more often than behind others, so this one waits for up to 63
 * host instructions more, which the host's TF counts. True: it waits.
 */
static bool kick_later(struct engine *e, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	e->kick_seed = e->kick_seed * 1664525 + 1013904223;
	e->kick_steps = e->kick_seed >> 26;
	g[REG_EFL] &= ~(greg_t)EFL_TF; /* of one that still waits */
	if (!e->kick_steps || !pc_is_generated(e, (u64)g[REG_RIP]))
		return false;
	g[REG_EFL] |= EFL_TF;
	return true;
}

/* One of them has passed, or control has gone to C. False: not ours. */
static bool kick_step(struct engine *e, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	if (!e->kick_steps)
		return false;
	if (pc_is_generated(e, (u64)g[REG_RIP]) && --e->kick_steps)
		return true;
	e->kick_steps = 0;
	g[REG_EFL] &= ~(greg_t)EFL_TF;
	kick_now(e, uc);
	return true;
}

static void signals_kick(int sig, siginfo_t *si, void *ctx)
{
	struct engine *e = signals_engine;

	(void)sig;
	if (si->si_code == SI_TIMER && si->si_value.sival_ptr) {
		struct engine *of = si->si_value.sival_ptr;

		of->alarm_due = 1;
		of->v->cpu.kick = 1;
		if (of != e)
			return;
	} else if (si->si_code == SI_TIMER && e && kick_later(e, ctx)) {
		return;
	}
	if (e)
		kick_now(e, ctx);
}

int signals_init(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
				      SIGTRAP };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK |
					    SA_RESTART };

	sigfillset(&sa.sa_mask);
	sa.sa_sigaction = signals_fault;
	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		if (sigaction(faults[i], &sa, NULL))
			return -errno;
	}
	sa.sa_sigaction = signals_kick;
	if (sigaction(signals_kick_number(), &sa, NULL))
		return -errno;
	return 0;
}

/* Gives the calling thread an alternate stack, once a thread. */
static int signals_stack(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + 65536;
	stack_t ss, old;
	u8 *p;

	if (!sigaltstack(NULL, &old) && !(old.ss_flags & SS_DISABLE))
		return 0;
	size = ALIGN_UP(size, PAGE_SIZE) + PAGE_SIZE;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	mprotect(p, PAGE_SIZE, PROT_NONE);
	ss = (stack_t){ .ss_sp = p + PAGE_SIZE, .ss_size = size - PAGE_SIZE };
	return sigaltstack(&ss, NULL) ? -errno : 0;
}

static int timer_make(timer_t *t, void *value)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = signals_kick_number(),
		.sigev_value.sival_ptr = value,
	};

	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	return timer_create(CLOCK_MONOTONIC, &ev, t) ? -errno : 0;
}

static void timer_unmake(timer_t t)
{
	struct itimerspec never = { 0 };

	timer_settime(t, 0, &never, NULL);
	timer_delete(t);
}

/* Injected kicks have no value by which one would know the alarm. */
static int signals_kick_timer(struct engine *e, u32 us)
{
	struct itimerspec each = {
		.it_value = { us / 1000000, us % 1000000 * 1000 },
		.it_interval = { us / 1000000, us % 1000000 * 1000 },
	};
	int err = timer_make(&e->kick_timer, NULL);

	if (err)
		return err;
	e->has_kick_timer = true;
	return timer_settime(e->kick_timer, 0, &each, NULL) ? -errno : 0;
}

int signals_timer(struct engine *e)
{
	int err = timer_make(&e->timer, e);

	if (err)
		return err;
	e->has_timer = true;
	if (e->vm->inj.kick_us)
		err = signals_kick_timer(e, e->vm->inj.kick_us);
	return err;
}

/* A signal that is on its way comes before the first call returns. */
void signals_timer_free(struct engine *e)
{
	if (e->has_kick_timer)
		timer_unmake(e->kick_timer);
	if (e->has_timer)
		timer_unmake(e->timer);
	e->has_kick_timer = e->has_timer = false;
}

int signals_attach(struct engine *e)
{
	int err = 0;

	if (signals_engine == e)
		return 0;
	err = signals_stack();
	signals_engine = e;
	__atomic_store_n(&e->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_SEQ_CST);
	return err;
}

void signals_detach(struct engine *e)
{
	if (signals_engine == e)
		signals_engine = NULL;
	__atomic_store_n(&e->tid, 0, __ATOMIC_SEQ_CST);
}
