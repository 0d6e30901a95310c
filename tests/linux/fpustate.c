// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fpustate.c - x87, MMX, SSE and AVX state of processes: kept over context
 * switches, signals and fork, and the exceptions these units raise.
 *
 * Each check loads all registers of a unit with values made from a seed, lets
 * the kernel take the processor away, and compares every bit afterwards.
 * QEMU's TCG differs from processors in: sse_* (no #XM), x87_divide, _overflow,
 * _invalid (no FIP), mxcsr_reserved (no #GP).
 */
#include <cpuid.h>
#include <sched.h>
#include <sys/time.h>
#include "traps.h"

struct vec {
	uint8_t b[8][32]; /* register, bytes (fewer are used but for AVX) */
};

/* What happens between the load and the store of the registers. */
enum how { HOW_YIELD, HOW_FORK, HOW_KILL, HOW_SPIN };

struct call {
	uint32_t nr, arg1, arg2, spin; /* spin: loop turns behind the call */
};

#define CALL_AND_SPIN                                                         \
	"movl %%ebx, %%esi\n\t" /* ebx may be the compiler's */               \
	"movl 4(%%edi), %%ebx\n\tmovl 8(%%edi), %%ecx\n\t"                    \
	"movl (%%edi), %%eax\n\ttestl %%eax, %%eax\n\tjz 8f\n\t"              \
	"int $0x80\n\tmovl %%eax, (%%edi)\n"                                  \
	"8:\tmovl 12(%%edi), %%ecx\n\tjecxz 9f\n"                             \
	"7:\tdecl %%ecx\n\tjnz 7b\n"                                          \
	"9:\tmovl %%esi, %%ebx\n\t"

#define CALL_CLOBBERS "eax", "ecx", "esi", "memory", "cc"
#define X87_CLOBBERS                                                          \
	"st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"
#define XMM_CLOBBERS                                                          \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"

typedef void (*unit_fn)(struct vec *v, struct call *c);

static void unit_x87(struct vec *v, struct call *c)
{
	__asm__ volatile(
		"fldt 224(%%edx)\n\tfldt 192(%%edx)\n\tfldt 160(%%edx)\n\t"
		"fldt 128(%%edx)\n\tfldt 96(%%edx)\n\tfldt 64(%%edx)\n\t"
		"fldt 32(%%edx)\n\tfldt (%%edx)\n\t" CALL_AND_SPIN
		"fstpt (%%edx)\n\tfstpt 32(%%edx)\n\tfstpt 64(%%edx)\n\t"
		"fstpt 96(%%edx)\n\tfstpt 128(%%edx)\n\tfstpt 160(%%edx)\n\t"
		"fstpt 192(%%edx)\n\tfstpt 224(%%edx)"
		:
		: "d"(v), "D"(c)
		: CALL_CLOBBERS, X87_CLOBBERS);
}

static void unit_mmx(struct vec *v, struct call *c)
{
	__asm__ volatile(
		"movq (%%edx), %%mm0\n\tmovq 32(%%edx), %%mm1\n\t"
		"movq 64(%%edx), %%mm2\n\tmovq 96(%%edx), %%mm3\n\t"
		"movq 128(%%edx), %%mm4\n\tmovq 160(%%edx), %%mm5\n\t"
		"movq 192(%%edx), %%mm6\n\tmovq 224(%%edx), %%mm7\n\t"
		CALL_AND_SPIN
		"movq %%mm0, (%%edx)\n\tmovq %%mm1, 32(%%edx)\n\t"
		"movq %%mm2, 64(%%edx)\n\tmovq %%mm3, 96(%%edx)\n\t"
		"movq %%mm4, 128(%%edx)\n\tmovq %%mm5, 160(%%edx)\n\t"
		"movq %%mm6, 192(%%edx)\n\tmovq %%mm7, 224(%%edx)\n\temms"
		:
		: "d"(v), "D"(c)
		: CALL_CLOBBERS, X87_CLOBBERS);
}

static void unit_sse(struct vec *v, struct call *c)
{
	__asm__ volatile(
		"movups (%%edx), %%xmm0\n\tmovups 32(%%edx), %%xmm1\n\t"
		"movups 64(%%edx), %%xmm2\n\tmovups 96(%%edx), %%xmm3\n\t"
		"movups 128(%%edx), %%xmm4\n\tmovups 160(%%edx), %%xmm5\n\t"
		"movups 192(%%edx), %%xmm6\n\tmovups 224(%%edx), %%xmm7\n\t"
		CALL_AND_SPIN
		"movups %%xmm0, (%%edx)\n\tmovups %%xmm1, 32(%%edx)\n\t"
		"movups %%xmm2, 64(%%edx)\n\tmovups %%xmm3, 96(%%edx)\n\t"
		"movups %%xmm4, 128(%%edx)\n\tmovups %%xmm5, 160(%%edx)\n\t"
		"movups %%xmm6, 192(%%edx)\n\tmovups %%xmm7, 224(%%edx)"
		:
		: "d"(v), "D"(c)
		: CALL_CLOBBERS, XMM_CLOBBERS);
}

__attribute__((target("avx"))) static void unit_avx(struct vec *v,
						     struct call *c)
{
	__asm__ volatile(
		"vmovups (%%edx), %%ymm0\n\tvmovups 32(%%edx), %%ymm1\n\t"
		"vmovups 64(%%edx), %%ymm2\n\tvmovups 96(%%edx), %%ymm3\n\t"
		"vmovups 128(%%edx), %%ymm4\n\tvmovups 160(%%edx), %%ymm5\n\t"
		"vmovups 192(%%edx), %%ymm6\n\tvmovups 224(%%edx), %%ymm7\n\t"
		CALL_AND_SPIN
		"vmovups %%ymm0, (%%edx)\n\tvmovups %%ymm1, 32(%%edx)\n\t"
		"vmovups %%ymm2, 64(%%edx)\n\tvmovups %%ymm3, 96(%%edx)\n\t"
		"vmovups %%ymm4, 128(%%edx)\n\tvmovups %%ymm5, 160(%%edx)\n\t"
		"vmovups %%ymm6, 192(%%edx)\n\tvmovups %%ymm7, 224(%%edx)\n\t"
		"vzeroupper"
		:
		: "d"(v), "D"(c)
		: CALL_CLOBBERS, XMM_CLOBBERS);
}

struct unit {
	const char *name;
	unit_fn run;
	unsigned bytes; /* of a register */
};

static const struct unit units[] = {
	{ "x87", unit_x87, 10 },
	{ "mmx", unit_mmx, 8 },
	{ "sse", unit_sse, 16 },
	{ "avx", unit_avx, 32 },
};

static bool have_avx(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
	    !(c & bit_AVX))
		return false;
	__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6;
}

static unsigned unit_count(void)
{
	return have_avx() ? ARRAY_SIZE(units) : ARRAY_SIZE(units) - 1;
}

/* Every bit pattern is a value of its own; an x87 one must be normal, or a
 * load and a store might change it. */
static void vec_fill(struct vec *v, uint32_t seed, const struct unit *u)
{
	seed = seed * 2654435761u | 1;
	memset(v, 0, sizeof(*v));
	for (unsigned r = 0; r < 8; r++) {
		for (unsigned i = 0; i < u->bytes; i++)
			v->b[r][i] = (uint8_t)(harness_random(&seed) >> 8);
		if (u->run == unit_x87) {
			v->b[r][7] |= 0x80;
			v->b[r][9] = (v->b[r][9] & 0x80) | 0x40;
		}
	}
}

static int unit_check(const struct unit *u, uint32_t seed, struct call *c)
{
	struct vec v, w;

	vec_fill(&v, seed, u);
	w = v;
	u->run(&v, c);
	for (unsigned r = 0; r < 8; r++) {
		EXPECT(!memcmp(v.b[r], w.b[r], u->bytes),
		       "%s register %u, seed %u: %02x%02x%02x%02x.. not "
		       "%02x%02x%02x%02x..",
		       u->name, r, seed, v.b[r][0], v.b[r][1], v.b[r][2],
		       v.b[r][3], w.b[r][0], w.b[r][1], w.b[r][2], w.b[r][3]);
	}
	return 0;
}

static double now(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

/* --- control words: each process has its own rounding */

static uint16_t x87_cw(unsigned mode)
{
	return (uint16_t)(0x037f | mode << 10);
}

static void round_set(unsigned mode)
{
	uint16_t cw = x87_cw(mode);
	uint32_t mxcsr = 0x1f80 | mode << 13;

	__asm__ volatile("fldcw %0\n\tldmxcsr %1" : : "m"(cw), "m"(mxcsr));
}

static int round_check(unsigned mode)
{
	/* nearest even, down, up, towards zero, of -2.5 and 3.5 */
	static const int want[4][2] = { { -2, 4 }, { -3, 3 }, { -2, 4 },
					{ -2, 3 } };
	static const double in[2] = { -2.5, 3.5 };
	uint16_t cw;
	uint32_t mxcsr;

	__asm__ volatile("fnstcw %0\n\tstmxcsr %1" : "=m"(cw), "=m"(mxcsr));
	EXPECT(cw == x87_cw(mode), "control word %#x", cw);
	EXPECT((mxcsr & ~0x3fu) == (0x1f80 | mode << 13), "MXCSR %#x", mxcsr);
	for (unsigned i = 0; i < 2; i++) {
		int sse, x87;

		__asm__ volatile("cvtsd2si %1, %0" : "=r"(sse) : "m"(in[i]));
		__asm__ volatile("fldl %1\n\tfistpl %0"
				 : "=m"(x87)
				 : "m"(in[i])
				 : "st");
		EXPECT(sse == want[mode][i], "cvtsd2si gives %d", sse);
		EXPECT(x87 == want[mode][i], "fistp gives %d", x87);
	}
	return 0;
}

/* --- many processes on one processor */

static int worker(unsigned id, enum how how, double seconds)
{
	double end = now() + seconds;
	uint32_t seed = id * 1000003;

	round_set(id & 3);
	for (unsigned i = 0; i < 200000 && now() < end; i++) {
		for (unsigned k = 0; k < unit_count(); k++) {
			struct call c = { .nr = SYS_sched_yield };

			if (how == HOW_SPIN)
				c = (struct call){ .spin = 500000 };
			if (unit_check(&units[k], ++seed, &c))
				return 1;
		}
		if (round_check(id & 3))
			return 1;
	}
	return 0;
}

static int many(enum how how)
{
	cpu_set_t one;
	pid_t pid[7];
	int bad = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (unsigned i = 0; i < ARRAY_SIZE(pid); i++) {
		pid[i] = fork();
		EXPECT(pid[i] >= 0, "fork");
		if (!pid[i])
			_exit(worker(i + 1, how, 4.0));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pid); i++)
		bad |= harness_join(pid[i]);
	return bad;
}

static int test_switch_yield(void)
{
	return many(HOW_YIELD);
}

static int test_switch_preempt(void)
{
	return many(HOW_SPIN);
}

static int test_avx_offered(void)
{
	SKIP_IF(!have_avx(), "CPUID or the kernel offers no AVX");
	return 0;
}

/* --- fork: both sides keep the state */

static int test_fork(void)
{
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < unit_count(); k++) {
			struct call c = { .nr = SYS_fork };
			int bad;

			round_set(i & 3);
			bad = unit_check(&units[k], i * 7 + k, &c);
			bad |= round_check(i & 3);
			if (!c.nr)
				_exit(bad);
			EXPECT((int)c.nr > 0, "fork gives %d", (int)c.nr);
			if (bad | harness_join((pid_t)c.nr))
				return 1;
		}
	}
	return 0;
}

/* --- signals */

/* Leaves nothing of the registers. */
static void spoil(int sig)
{
	uint16_t cw = 0x0b7f;
	uint32_t mxcsr = 0xffc0;
	struct vec v;
	struct call c = { 0 };

	(void)sig;
	for (unsigned k = 0; k < unit_count(); k++) {
		vec_fill(&v, 0xabcd + k, &units[k]);
		units[k].run(&v, &c);
	}
	__asm__ volatile("fninit\n\tfldcw %0\n\tldmxcsr %1\n\tfld1\n\tfldpi"
			 :
			 : "m"(cw), "m"(mxcsr));
}

static void nest(int sig)
{
	struct call c = { .nr = SYS_kill, .arg1 = (uint32_t)getpid(),
			  .arg2 = SIGUSR1 };

	(void)sig;
	if (unit_check(&units[0], 77, &c) || unit_check(&units[2], 78, &c))
		_exit(4);
}

static void on(int sig, void (*fn)(int))
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = SA_RESTART };

	sigaction(sig, &sa, NULL);
}

static int signal_rounds(int sig, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < unit_count(); k++) {
			struct call c = { .nr = SYS_kill,
					  .arg1 = (uint32_t)getpid(),
					  .arg2 = (uint32_t)sig };

			round_set(i & 3);
			if (unit_check(&units[k], i, &c) || round_check(i & 3))
				return 1;
		}
	}
	return 0;
}

static int test_signal(void)
{
	on(SIGUSR1, spoil);
	return signal_rounds(SIGUSR1, 500);
}

static int test_signal_nested(void)
{
	on(SIGUSR1, spoil);
	on(SIGUSR2, nest);
	return signal_rounds(SIGUSR2, 200);
}

/* The timer strikes anywhere, in the middle of the unit's own code too. */
static int test_signal_timer(void)
{
	struct itimerval it = { { 0, 1500 }, { 0, 1500 } };
	double end = now() + 3;

	on(SIGALRM, spoil);
	setitimer(ITIMER_REAL, &it, NULL);
	for (unsigned i = 0; now() < end; i++) {
		for (unsigned k = 0; k < unit_count(); k++) {
			struct call c = { .spin = 20000 };

			round_set(i & 3);
			if (unit_check(&units[k], i, &c) || round_check(i & 3))
				return 1;
		}
	}
	return 0;
}

/* The kernel's frame: 112 bytes as FSAVE, then the FXSAVE image. */
struct fpframe {
	uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
	uint8_t st[8][10];
	uint16_t status, magic;
	uint8_t fxsave[512];
};

static void edit(int sig, siginfo_t *si, void *ctx)
{
	struct fpframe *f =
		(struct fpframe *)((ucontext_t *)ctx)->uc_mcontext.fpregs;

	(void)sig;
	(void)si;
	memset(f->fxsave + 160 + 3 * 16, 0x5a, 16); /* xmm3 */
	f->fxsave[24] ^= 0x3f; /* MXCSR's sticky flags */
}

static int test_signal_edits(void)
{
	struct sigaction sa = { .sa_sigaction = edit, .sa_flags = SA_SIGINFO };
	struct call c = { .nr = SYS_kill, .arg1 = (uint32_t)getpid(),
			  .arg2 = SIGUSR1 };
	uint32_t mxcsr = 0x1f80;
	struct vec v, w;

	sigaction(SIGUSR1, &sa, NULL);
	vec_fill(&v, 5, &units[2]);
	w = v;
	memset(w.b[3], 0x5a, 16);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	unit_sse(&v, &c);
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	EXPECT(!memcmp(&v, &w, sizeof(v)), "xmm3 is not what was put there");
	EXPECT(mxcsr == 0x1fbf, "MXCSR %#x", mxcsr);
	return 0;
}

/* --- exceptions */

/* Filled by the handler of SIGFPE. */
static struct fpframe fp_seen;

static void fpe_handler(int sig, siginfo_t *si, void *ctx)
{
	struct fpframe *f =
		(struct fpframe *)((ucontext_t *)ctx)->uc_mcontext.fpregs;

	fp_seen = *f;
	/* or the pending exception would come again */
	f->cw |= 0x3f;
	f->sw &= ~0x80ffu;
	f->fxsave[0] |= 0x3f;
	f->fxsave[2] = 0;
	f->fxsave[3] &= 0x7f;
	f->fxsave[24] &= 0xc0;
	trap_handler(sig, si, ctx);
}

static void fpe_init(void)
{
	struct sigaction sa = { .sa_sigaction = fpe_handler,
				.sa_flags = SA_SIGINFO };

	traps_init();
	sigaction(SIGFPE, &sa, NULL);
}

static int test_idiv(void)
{
	struct regs r = { .eax = 100, .edx = 0, .ecx = 0 };

	fpe_init();
	TRAP(r, "idivl %%ecx");
	EXPECT_TRAP(SIGFPE, 0, 0);
	EXPECT(trap.code == FPE_INTDIV, "si_code %d", trap.code);
	EXPECT(trap.addr == trap.at, "si_addr %#x", trap.addr);
	EXPECT(r.eax == 100 && r.edx == 0, "eax %#x edx %#x", r.eax, r.edx);

	r = (struct regs){ .eax = 0x80000000, .edx = 0xffffffff,
			   .ecx = 0xffffffff };
	TRAP(r, "idivl %%ecx");
	EXPECT_TRAP(SIGFPE, 0, 0);
	EXPECT(r.eax == 0x80000000 && r.edx == 0xffffffff, "registers");

	r = (struct regs){ .eax = 0x1234, .ecx = 1 };
	TRAP(r, "divb %%cl"); /* 0x1234 / 1 does not fit al */
	EXPECT_TRAP(SIGFPE, 0, 0);
	EXPECT(r.eax == 0x1234, "eax %#x", r.eax);

	r = (struct regs){ .eax = 100, .edx = 0, .ecx = 7 };
	TRAP(r, "idivl %%ecx");
	EXPECT(!trap.sig && r.eax == 14 && r.edx == 2, "a good division");

	r = (struct regs){ .eax = 0x77 };
	TRAP(r, ".byte 0xd4, 0x00"); /* aam 0 */
	EXPECT_TRAP(SIGFPE, 0, 0);
	return 0;
}

/*
 * The instruction at label 3 raises, the fwait at 1 faults: si_addr is the
 * one, FIP the other.
 */
#define X87_RAISE(ip, unmasked, insns)                                        \
	do {                                                                  \
		uint16_t cw_ = (uint16_t)(0x037f & ~(unmasked));              \
		double sink_;                                                 \
		trap_clear();                                                 \
		__asm__ volatile("fninit\n\tfldcw %[cw]\n\t"                  \
				 "movl $1f, %[at]\n\tmovl $2f, %[resume]\n\t" \
				 "movl $3f, %[fip]\n\t" insns "\n"           \
				 "1:\tfwait\n2:\tfninit"                     \
				 : [at] "=m"(trap.at),                        \
				   [resume] "=m"(trap.resume),                \
				   [fip] "=m"(ip), [sink] "=m"(sink_)         \
				 : [cw] "m"(cw_), [zero] "m"(x87_zero),       \
				   [huge] "m"(x87_huge)                       \
				 : "memory", "cc", X87_CLOBBERS);             \
	} while (0)

static const double x87_zero = 0, x87_huge = 1e308;

static int x87_verdict(uint32_t ip, int code)
{
	EXPECT_TRAP(SIGFPE, 16, 0);
	EXPECT(trap.code == code, "si_code %d, not %d", trap.code, code);
	EXPECT(trap.addr == trap.at, "si_addr %#x, not %#x", trap.addr,
	       trap.at);
	EXPECT(fp_seen.ipoff == ip, "FIP %#x, not %#x", fp_seen.ipoff, ip);
	return 0;
}

static int test_x87_divide(void)
{
	uint32_t ip;

	fpe_init();
	X87_RAISE(ip, 4, "fld1\n3:\tfdivl %[zero]");
	return x87_verdict(ip, FPE_FLTDIV);
}

/* A number too large for the double it is stored to. */
static int test_x87_overflow(void)
{
	uint32_t ip;

	fpe_init();
	X87_RAISE(ip, 8, "fldl %[huge]\n\tfmull %[huge]\n3:\tfstpl %[sink]");
	return x87_verdict(ip, FPE_FLTOVF);
}

static int test_x87_invalid(void)
{
	uint32_t ip;

	fpe_init();
	X87_RAISE(ip, 1, "fld1\n\tfchs\n3:\tfsqrt");
	return x87_verdict(ip, FPE_FLTINV);
}

/* Masked: FIP in an image made by the guest itself is the guest's. Some
 * processors store zero there unless an exception is pending. */
static int test_x87_fip(void)
{
	static const double two = 2;
	uint32_t env[7], ip, fx_ip, fx_dp;
	static uint8_t fx[512] __attribute__((aligned(16)));

	__asm__ volatile("fninit\n\tfld1\n\tmovl $1f, %1\n"
			 "1:\tfaddl %3\n\tfxsave %2\n\tfnstenv %0\n\tfninit"
			 : "=m"(env), "=m"(ip), "=m"(fx)
			 : "m"(two)
			 : X87_CLOBBERS);
	memcpy(&fx_ip, fx + 8, 4);
	memcpy(&fx_dp, fx + 16, 4);
	EXPECT(env[3] == ip || !env[3], "FIP %#x, not %#x", env[3], ip);
	EXPECT(env[5] == (uint32_t)&two || !env[5], "FDP %#x", env[5]);
	EXPECT(fx_ip == ip || !fx_ip, "fxsave FIP %#x, not %#x", fx_ip, ip);
	EXPECT(fx_dp == (uint32_t)&two || !fx_dp, "fxsave FDP %#x", fx_dp);
	return 0;
}

static int sse_raise(unsigned unmasked, int code, float a, float b)
{
	uint32_t mxcsr = 0x1f80 & ~(unmasked << 7), after;
	struct regs r = { .esi = (uint32_t)&a, .edi = (uint32_t)&b,
			  .edx = (uint32_t)&mxcsr };

	trap_clear();
	__asm__ volatile("movl $1f, %0\n\tmovl $2f, %1\n\t"
			 "movss (%%esi), %%xmm0\n\tldmxcsr (%%edx)\n"
			 "1:\tdivss (%%edi), %%xmm0\n"
			 "2:\tstmxcsr %2"
			 : "=m"(trap.at), "=m"(trap.resume), "=m"(after)
			 : "S"(r.esi), "D"(r.edi), "d"(r.edx)
			 : "memory", "xmm0");
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	EXPECT(trap.sig == SIGFPE && trap.trapno == 19, "signal %d trap %u",
	       trap.sig, trap.trapno);
	EXPECT(trap.eip == trap.at, "eip %#x, not %#x", trap.eip, trap.at);
	EXPECT(trap.code == code, "si_code %d, not %d", trap.code, code);
	EXPECT(trap.addr == trap.at, "si_addr %#x", trap.addr);
	return 0;
}

static int test_sse_divide(void)
{
	fpe_init();
	return sse_raise(4, FPE_FLTDIV, 1.0f, 0.0f);
}

static int test_sse_invalid(void)
{
	fpe_init();
	return sse_raise(1, FPE_FLTINV, 0.0f, 0.0f);
}

static int test_mxcsr_reserved(void)
{
	uint32_t bad = 0x80000000;
	struct regs r = { .edi = (uint32_t)&bad };

	fpe_init();
	TRAP(r, "ldmxcsr (%%edi)");
	EXPECT_TRAP(SIGSEGV, 13, 0);
	return 0;
}

static const struct test tests[] = {
	{ "avx_offered", test_avx_offered, 0 },
	{ "switch_yield", test_switch_yield, 60 },
	{ "switch_preempt", test_switch_preempt, 60 },
	{ "fork", test_fork, 60 },
	{ "signal", test_signal, 0 },
	{ "signal_nested", test_signal_nested, 0 },
	{ "signal_timer", test_signal_timer, 0 },
	{ "signal_edits", test_signal_edits, 0 },
	{ "idiv", test_idiv, 0 },
	{ "x87_divide", test_x87_divide, 0 },
	{ "x87_overflow", test_x87_overflow, 0 },
	{ "x87_invalid", test_x87_invalid, 0 },
	{ "x87_fip", test_x87_fip, 0 },
	{ "sse_divide", test_sse_divide, 0 },
	{ "sse_invalid", test_sse_invalid, 0 },
	{ "mxcsr_reserved", test_mxcsr_reserved, 0 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
