// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * step.c - single-step and hardware breakpoints through ptrace: the tracer
 * compares every eip with a list the assembler made.
 */
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include "harness.h"

/* Labels of the stepped code, in the order in which eip must pass them. */
extern const uint32_t step_list[], step_list_end[];
void step_code(void);

__asm__(".text\n"
	"step_leaf:\n"
	"10:\tmovl $1, %eax\n"
	"11:\tret\n"
	".globl step_code\n"
	"step_code:\n"
	"0:\tmovl $3, %ecx\n"
	"1:\tdecl %ecx\n"
	"2:\tjnz 1b\n"
	"3:\tcall step_leaf\n"
	"4:\tmovl $step_bytes, %edi\n"
	"5:\tmovl $step_bytes+8, %esi\n"
	"6:\tmovl $3, %ecx\n"
	"7:\trep movsb\n" /* a trap behind each turn */
	"8:\tpushfl\n"
	"9:\tpopl %eax\n"
	"12:\tmovw %ss, %dx\n"
	"13:\tmovw %dx, %ss\n" /* no trap behind this one */
	"14:\tnop\n"
	"15:\tlock; addl $1, step_bytes\n"
	"16:\tmovl $20, %eax\n" /* getpid */
	"17:\tint $0x80\n"
	"18:\tcmpl $0, %eax\n"
	"19:\tjl 20f\n"
	"21:\tcpuid\n"
	"22:\trdtsc\n"
	"23:\tfldz\n"
	"24:\tfstp %st\n"
	"20:\tnop\n"
	"25:\tmovl $60, step_done\n"
	"26:\tnop\n"
	".data\n"
	"step_bytes:\t.ascii \"0123456789abcdef\"\n"
	".globl step_done\n"
	"step_done:\t.long 0\n"
	".section .rodata\n"
	".globl step_list, step_list_end\n"
	"step_list:\t.long 0b, 1b, 2b, 1b, 2b, 1b, 2b, 3b, 10b, 11b, 4b, 5b\n"
	"\t.long 6b, 7b, 7b, 7b, 8b, 9b, 12b, 13b, 15b, 16b, 17b, 18b, 19b\n"
	"\t.long 21b, 22b, 23b, 24b, 20b, 25b, 26b\n"
	"step_list_end:\n"
	".text\n");

extern volatile uint32_t step_done;

/* Lets the child run up to its next stop; its eip, 0 if it is gone. */
static uint32_t go(pid_t pid, int how, struct user_regs_struct *r)
{
	int status;

	if (ptrace(how, pid, 0, 0) < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP ||
	    ptrace(PTRACE_GETREGS, pid, 0, r) < 0)
		return 0;
	return (uint32_t)r->eip;
}

/* A child stopped and ready to be told where to go on. */
static pid_t traced(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(9);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

static void at(pid_t pid, uint32_t eip)
{
	struct user_regs_struct r;

	ptrace(PTRACE_GETREGS, pid, 0, &r);
	r.eip = (__typeof__(r.eip))eip;
	r.orig_eax = -1; /* no system call to restart */
	ptrace(PTRACE_SETREGS, pid, 0, &r);
}

static void done(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int test_step(void)
{
	unsigned n = (unsigned)(step_list_end - step_list);
	struct user_regs_struct r;
	pid_t pid = traced();

	EXPECT(pid > 0, "no child");
	at(pid, step_list[0]);
	for (unsigned i = 1; i < n; i++) {
		uint32_t eip = go(pid, PTRACE_SINGLESTEP, &r);

		EXPECT(eip == step_list[i],
		       "step %u: eip %#x, not %#x (code at %#x)", i, eip,
		       step_list[i], step_list[0]);
	}
	EXPECT(ptrace(PTRACE_PEEKDATA, pid, (void *)&step_done, 0) == 60,
	       "the last store is not there");
	done(pid);
	return 0;
}

/* Full speed between two breakpoints put in as int3. */
static int test_int3(void)
{
	struct user_regs_struct r;
	uint32_t where = step_list[10]; /* behind the call */
	long old;
	pid_t pid = traced();

	EXPECT(pid > 0, "no child");
	old = ptrace(PTRACE_PEEKTEXT, pid, (void *)where, 0);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t eip;

		ptrace(PTRACE_POKETEXT, pid, (void *)where,
		       (void *)((old & ~0xffl) | 0xcc));
		at(pid, step_list[0]);
		eip = go(pid, PTRACE_CONT, &r);
		EXPECT(eip == where + 1, "eip %#x, not %#x", eip, where + 1);
		EXPECT(r.eax == 1 && r.ecx == 0, "eax %lx ecx %lx",
		       (long)r.eax, (long)r.ecx);
		ptrace(PTRACE_POKETEXT, pid, (void *)where, (void *)old);
		at(pid, where);
		eip = go(pid, PTRACE_SINGLESTEP, &r);
		EXPECT(eip == step_list[11], "eip %#x, not %#x", eip,
		       step_list[11]);
	}
	done(pid);
	return 0;
}

/* --- debug registers */

void watch_code(void);
extern const uint32_t watch_at[];
extern volatile uint32_t watch_mem[4];

__asm__(".text\n"
	".globl watch_code\n"
	"watch_code:\n"
	"0:\tmovl $7, watch_mem\n"
	"1:\tmovl $8, watch_mem+8\n"
	"2:\tmovl watch_mem+4, %eax\n"
	"3:\tmovl $9, watch_mem+4\n"
	"4:\tmovb $1, watch_mem+7\n"
	"5:\tpushl watch_mem+4\n"
	"6:\tpopl %eax\n"
	"7:\tmovl $watch_mem, %edi\n"
	"8:\tmovl $4, %ecx\n"
	"9:\trep stosl\n"
	"10:\tint3\n"
	".data\n"
	".balign 16\n"
	".globl watch_mem\n"
	"watch_mem:\t.long 0, 0, 0, 0\n"
	".section .rodata\n"
	".globl watch_at\n"
	"watch_at:\t.long 0b, 1b, 2b, 3b, 4b, 5b, 6b, 7b, 8b, 9b, 10b\n"
	".text\n");

static bool set_dr(pid_t pid, unsigned n, uint32_t value)
{
	return !ptrace(PTRACE_POKEUSER, pid,
		       (void *)(offsetof(struct user, u_debugreg) + 4 * n),
		       (void *)value);
}

static uint32_t get_dr6(pid_t pid)
{
	return (uint32_t)ptrace(
		PTRACE_PEEKUSER, pid,
		(void *)(offsetof(struct user, u_debugreg) + 4 * 6), 0);
}

#define DR7(n, rw, len) (2u << (2 * (n)) | ((rw) | (len) << 2) << (16 + 4 * (n)))

/* Runs watch_code; the instructions before which it stopped, as bits. */
static int watch(unsigned n, uint32_t addr, uint32_t dr7, uint32_t want)
{
	struct user_regs_struct r;
	uint32_t got = 0;
	pid_t pid = traced();

	EXPECT(pid > 0, "no child");
	SKIP_IF(!set_dr(pid, n, addr), "no debug registers: %s",
		strerror(errno));
	SKIP_IF(!set_dr(pid, 7, dr7), "no debug registers: %s",
		strerror(errno));
	at(pid, watch_at[0]);
	for (unsigned k = 0; k < 30; k++) {
		uint32_t eip = go(pid, PTRACE_CONT, &r);
		unsigned i = 0;

		if (eip == watch_at[10] + 1)
			break;
		while (i < 10 && watch_at[i] != eip)
			i++;
		EXPECT(i < 10 || eip == watch_at[10], "stop at %#x", eip);
		EXPECT(get_dr6(pid) & (1u << n), "DR6 %#x", get_dr6(pid));
		got |= 1u << i;
		set_dr(pid, 6, 0);
	}
	done(pid);
	/* a rep may tell of it behind its last turn as fast string operations do */
	if (got & 1u << 10)
		got = (got & ~(1u << 10)) | 1u << 9;
	EXPECT(got == want, "stops before %#x, not %#x", got, want);
	return 0;
}

/* A data breakpoint traps behind the access; rep within itself or behind. */
static int test_watch_write(void)
{
	return watch(0, (uint32_t)&watch_mem[1], DR7(0, 1u, 3u),
		     1u << 4 | 1u << 5 | 1u << 9);
}

static int test_watch_access(void)
{
	return watch(3, (uint32_t)&watch_mem[1], DR7(3, 3u, 3u),
		     1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 9);
}

static int test_watch_byte(void)
{
	return watch(1, (uint32_t)&watch_mem[1] + 3, DR7(1, 1u, 0u),
		     1u << 4 | 1u << 5 | 1u << 9);
}

static int test_break_execute(void)
{
	return watch(2, watch_at[3], DR7(2, 0u, 0u), 1u << 3);
}

static const struct test tests[] = {
	{ "step", test_step, 0 },
	{ "int3", test_int3, 0 },
	{ "watch_write", test_watch_write, 0 },
	{ "watch_access", test_watch_access, 0 },
	{ "watch_byte", test_watch_byte, 0 },
	{ "break_execute", test_break_execute, 0 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
