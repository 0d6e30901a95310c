/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowrun.c - see lowrun.h. Writable file-scope data here is what the signal
 * handler and the assembly share; tests run on one thread.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>
#include "lowrun.h"
#include "translator/listing.h"
#include "translator/verify.h"

struct low_nat {
	u64 gpr[8];
	u64 rip, rflags, cs, ss, ds, es;
	u64 rsp, mark, xin, xout;
	u64 fs, gs, fsbase; /* fs 0: leave it alone */
	int trapno;
	u32 err, cr2;
};
static_assert(offsetof(struct low_nat, xout) == 136, "lowrun_asm.S");

struct low_xl {
	u32 reason;
	u64 entry, hsite;	/* 8, 16 */
	u64 gs, r13, xin, xout; /* 24, 32, 40, 48 */
	u64 r8, word, rflags;	/* 56, 64, 72 */
	u32 committed;		/* 80 */
	int trapno;
	u32 err, cr2, eip;
	bool high_ok;
};
static_assert(offsetof(struct low_xl, committed) == 80, "lowrun_asm.S");

extern struct low_nat low_nat;
extern struct low_xl low_xl;
void low_native(void);
void low_enter(struct cpu *c, void *code);
extern char low_native_fall[], low_native_taken[], low_native_out[];
extern char low_g_miss[], low_g_hash[], low_g_direct[], low_g_helper[];
extern char low_g_tlb[], low_g_seg[], low_g_commit[], low_out[];

enum { SEL_DATA32 = 0x2b, SEL_CODE64 = 0x33 };

#define CACHE_SIZE (256 * 1024)

static struct {
	bool ready, ldt;
	u8 *window, *cache, *code;
	u8 *mem; /* alias of all areas */
	u8 pairs[65536] __attribute__((aligned(16)));
	u8 altstack[131072];
	struct cpu cpu;
	struct xmode mode;
	struct xlate_in in;
	struct xlate_out out;
	u64 hash[65536]; /* all lead to low_g_hash */
	u32 glue[GLUE_NR];
	const struct low_case *cur;
	struct verify *verify;
	const struct low_form *form;
} L;

const struct xlate_in *low_last_in(void)
{
	return &L.in;
}

struct xlate_out *low_last_out(void)
{
	return &L.out;
}

bool low_has_ldt(void)
{
	return L.ldt;
}

/* The host's own FS base can be put back without the kernel. */
bool low_has_fs(void)
{
	return L.ldt && getauxval(AT_HWCAP2) & 2;
}

u32 low_mem_offset(u32 la)
{
	if (la - LOW_DATA < LOW_DATA_PAGES * PAGE_SIZE)
		return la - LOW_DATA;
	if (la - LOW_STACK < LOW_STACK_PAGES * PAGE_SIZE)
		return la - LOW_STACK + LOW_DATA_PAGES * PAGE_SIZE;
	if (la >= LOW_TOP)
		return la - LOW_TOP + LOW_MEM - PAGE_SIZE;
	return LOW_MEM;
}

/* --- signals */

/* FS may be the guest's when a native run faults: no stack protector here. */
#if defined(__has_attribute) && __has_attribute(no_stack_protector)
#define NO_TLS __attribute__((no_stack_protector))
#else
#define NO_TLS
#endif

NO_TLS static void native_fault(ucontext_t *uc)
{
	static const int map[8] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				    REG_RSP, REG_RBP, REG_RSI, REG_RDI };
	greg_t *g = uc->uc_mcontext.gregs;

	for (int i = 0; i < 8; i++)
		low_nat.gpr[i] = g[map[i]];
	low_nat.rflags = g[REG_EFL];
	low_nat.mark = 3;
	low_nat.rip = g[REG_RIP];
	low_nat.trapno = g[REG_TRAPNO];
	low_nat.err = g[REG_ERR];
	low_nat.cr2 = g[REG_CR2];
	g[REG_RIP] = (greg_t)low_native_out;
	g[REG_RSP] = low_nat.rsp;
	g[REG_EFL] &= ~(greg_t)EFL_DF;
	g[REG_CSGSFS] = (g[REG_CSGSFS] & 0x0000ffffffff0000) | SEL_CODE64 |
			(greg_t)((u64)SEL_DATA32 << 48);
}

/* Guest state from host registers at a fault, by the side table. */
static void site_undo(const struct xsite *s, greg_t *g)
{
	static const int map[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				     REG_R12, REG_RBP, REG_RSI, REG_RDI,
				     REG_R8,  REG_R9,  REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15 };
	u64 w = (u64)L.window;
	u64 *r = L.cpu.gpr;

	for (int i = 0; i < 8; i++)
		r[i] = g[map[i]];
	r[R_SP] = (u32)(r[R_SP] + s->sp_off);
	switch (s->kind) {
	case SITE_BIASED:
		if (s->aux & 1)
			r[6] = (u32)(r[6] - w - (s->aux & 4 ?
				     L.cpu.seg[s->aux2].base : 0));
		if (s->aux & 2)
			r[7] = (u32)(r[7] - w - (s->aux & 8 ?
				     L.cpu.seg[CPU_ES].base : 0));
		break;
	case SITE_SWAPPED:
		r[s->aux] = (r[s->aux] & ~0xffffull) |
			    (r[s->aux] & 0xff) << 8 | (r[s->aux] >> 8 & 0xff);
		break;
	case SITE_BORROWED:
		r[s->aux] = g[map[s->aux2]];
		break;
	}
}

static void xlat_fault(ucontext_t *uc, u32 off)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const struct xsite *s = NULL;
	u32 f = g[REG_EFL];

	for (unsigned i = 0; i < L.out.nsites; i++)
		if (L.out.sites[i].host_off <= off)
			s = &L.out.sites[i];
	site_undo(s, g);
	L.cpu.flags_ah = f;
	L.cpu.flags_of = !!(f & EFL_OF);
	low_xl.rflags = f;
	low_xl.reason = 6;
	low_xl.eip = L.out.insns[s->insn].eip;
	low_xl.trapno = g[REG_TRAPNO];
	low_xl.err = g[REG_ERR];
	low_xl.cr2 = (u64)g[REG_CR2] - (u64)L.window;
	g[REG_RIP] = (greg_t)low_out;
	g[REG_RSP] = L.cpu.c_rsp;
	g[REG_EFL] &= ~(greg_t)EFL_DF;
}

NO_TLS static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	u64 rip = uc->uc_mcontext.gregs[REG_RIP];

	(void)si;
	if ((uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) != SEL_CODE64)
		native_fault(uc);
	else if (rip - L.out.host < L.out.size)
		xlat_fault(uc, rip - L.out.host);
	else
		signal(sig, SIG_DFL);
}

static void signals_init(void)
{
	stack_t ss = { .ss_sp = L.altstack, .ss_size = sizeof(L.altstack) };
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK |
					    SA_NODEFER };
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	sigaltstack(&ss, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
}

/* --- memory */

static int ldt_set(void *opaque, const struct user_desc *d)
{
	(void)opaque;
	return syscall(SYS_modify_ldt, 0x11, d, sizeof(*d));
}

static void *map_at(u64 addr, size_t len, int prot, int fd, off_t off)
{
	void *p = mmap((void *)addr, len, prot,
		       (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) |
			       MAP_FIXED,
		       fd, off);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * The three areas at w and up. Read-only pages are touched, so that a write is
 * a fault of a page that is there.
 */
static int areas_init(u64 w, int fd)
{
	size_t data = LOW_DATA_PAGES * PAGE_SIZE;
	size_t stack = LOW_STACK_PAGES * PAGE_SIZE;
	int rw = PROT_READ | PROT_WRITE;
	volatile u8 *p;

	if (!map_at(w + LOW_DATA, data, rw, fd, 0) ||
	    !map_at(w + LOW_STACK, stack, rw, fd, data) ||
	    !map_at(w + LOW_TOP, PAGE_SIZE, rw, fd, data + stack))
		return -1;
	for (unsigned i = 0; i < LOW_DATA_PAGES; i++) {
		p = (u8 *)(w + LOW_DATA + i * PAGE_SIZE);
		if (!(LOW_RO_PAGES >> i & 1))
			continue;
		*p = 0;
		if (mprotect((void *)p, PAGE_SIZE, PROT_READ))
			return -1;
		(void)*p;
	}
	return 0;
}

static int memory_init(void)
{
	size_t guard = 1 << 20, all = LOW_MEM + PAGE_SIZE;
	int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
	int fd = memfd_create("low", 0), rw = PROT_READ | PROT_WRITE;
	u8 *w;

	if (fd < 0 || ftruncate(fd, all))
		return -1;
	w = mmap(NULL, (4ull << 30) + 2 * guard, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	L.mem = mmap(NULL, LOW_MEM, rw, MAP_SHARED, fd, 0);
	L.cache = mmap(NULL, CACHE_SIZE, rw | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	L.code = map_at(LOW_CODE, PAGE_SIZE, rwx, fd, LOW_MEM);
	if (w == MAP_FAILED || L.mem == MAP_FAILED ||
	    L.cache == MAP_FAILED || !L.code)
		return -1;
	L.window = w + guard;
	if (areas_init(0, fd) || areas_init((u64)L.window, fd) ||
	    !map_at((u64)L.window + LOW_CODE, PAGE_SIZE, PROT_READ, fd,
		    LOW_MEM))
		return -1;
	close(fd);
	return 0;
}

/* jmp [rip+0]; target */
static void put_jump(u8 *at, const void *target)
{
	static const u8 jmp[6] = { 0xff, 0x25 };

	memcpy(at, jmp, 6);
	memcpy(at + 6, &target, 8);
}

static void glue_init(void)
{
	const void *target[GLUE_NR] = {
		[GLUE_MISS] = low_g_miss,     [GLUE_HASH] = low_g_hash,
		[GLUE_DIRECT] = low_g_direct, [GLUE_HELPER] = low_g_helper,
		[GLUE_TLB] = low_g_tlb,	      [GLUE_SEG] = low_g_seg,
		[GLUE_INT] = low_g_helper,    [GLUE_IRET] = low_g_helper,
		[GLUE_SYSENTER] = low_g_helper,
		[GLUE_SYSEXIT] = low_g_helper,
		[GLUE_POPF] = low_g_helper,   [GLUE_AC] = low_g_helper,
		[GLUE_SEGLOAD] = low_g_helper,
	};

	for (int i = 0; i < GLUE_NR; i++) {
		L.glue[i] = i * 16;
		put_jump(L.cache + i * 16, target[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(L.hash); i++)
		L.hash[i] = (u64)low_g_hash;
}

int low_init(void)
{
	if (L.ready)
		return 0;
	if (memory_init())
		return -1;
	L.ldt = !low_segment_ldt(ldt_set, NULL);
	glue_init();
	signals_init();
	L.ready = true;
	return 0;
}

/* --- native */

/* far jump to 64-bit code at linear `to` */
static unsigned put_far(u8 *at, bool wide, u32 to)
{
	unsigned n = 0;
	u16 sel = SEL_CODE64;

	if (!wide)
		at[n++] = 0x66;
	at[n++] = 0xea;
	memcpy(at + n, &to, 4);
	memcpy(at + n + 4, &sel, 2);
	return n + 6;
}

void low_code(const struct low_case *c)
{
	bool wide = c->seg != LOW_16;

	memset(L.code, 0xcc, PAGE_SIZE);
	put_jump(L.code + 0xf00, low_native_fall);
	put_jump(L.code + 0xf40, low_native_taken);
	memcpy(L.code + LOW_INSN, c->bytes, c->len);
	put_far(L.code + LOW_INSN + c->len, wide, LOW_CODE + 0xf00);
	if (!wide) {
		/* iret to a 16-bit stack loses the upper half of esp */
		L.code[LOW_INSN - 6] = 0x66;
		L.code[LOW_INSN - 5] = 0xbc;
		memcpy(L.code + LOW_INSN - 4, &c->regs.gpr[R_SP], 4);
	}
	put_far(L.code + LOW_TAKEN, wide, LOW_CODE + 0xf40);
}

static u32 code_offset(const struct low_case *c, u32 off)
{
	return c->seg == LOW_16 ? off : LOW_CODE + off;
}

static void native_segs(const struct low_case *c)
{
	low_nat.cs = low_segment(c->seg, SEG_CS)->sel;
	low_nat.ss = low_segment(c->seg, SEG_SS)->sel;
	low_nat.ds = low_segment(c->seg, SEG_DS)->sel;
	low_nat.es = low_segment(c->seg, SEG_ES)->sel;
	low_nat.gs = L.ldt ? low_segment(c->seg, SEG_GS)->sel : 0;
	low_nat.fs = low_has_fs() ? low_segment(c->seg, SEG_FS)->sel : 0;
}

#define FLAGS_TESTED (EFL_ARITH | EFL_DF)

void low_run_native(const struct low_case *c, struct low_result *r)
{
	memcpy(L.mem, c->mem, sizeof(r->mem));
	low_code(c);
	native_segs(c);
	for (int i = 0; i < 8; i++)
		low_nat.gpr[i] = c->regs.gpr[i];
	low_nat.rip = code_offset(c, LOW_INSN - (c->seg == LOW_16 ? 6 : 0));
	low_nat.rflags = (c->regs.eflags & FLAGS_TESTED) | EFL_IF | 2;
	low_nat.xin = (u64)c->ximage;
	low_nat.xout = (u64)r->ximage;
	memset(r->ximage, 0, sizeof(r->ximage));
	low_nat.mark = 0;
	low_native();
	r->end = low_nat.mark == 1 ? LOW_FALL : low_nat.mark == 2 ? LOW_BRANCH :
		 low_nat.mark == 3 ? LOW_FAULT : LOW_ODD;
	r->trapno = low_nat.trapno;
	r->err = low_nat.err;
	r->cr2 = low_nat.cr2;
	r->eip = low_nat.rip;
	for (int i = 0; i < 8; i++)
		r->regs.gpr[i] = low_nat.gpr[i];
	r->regs.eflags = low_nat.rflags & FLAGS_TESTED;
	memcpy(r->mem, L.mem, sizeof(r->mem));
}

/* --- translated */

static int low_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	(void)opaque;
	if ((la & PAGE_MASK) != LOW_CODE)
		return -1;
	memcpy(buf, L.code + (la - LOW_CODE), n);
	return n;
}

/* As runtime/mode.c classes them. */
static u8 xlat_class(const struct low_segment *s, const struct low_form *f)
{
	if (f->checked || s->null || s->down || s->code ||
	    s->limit != 0xffffffff)
		return SEGC_CHECKED;
	if (s->readonly)
		return s->base ? SEGC_CHECKED : SEGC_FLAT_RO;
	return s->base ? SEGC_BASED : SEGC_FLAT;
}

static void xlat_mode(const struct low_case *c, const struct low_form *f)
{
	u8 bits = c->seg == LOW_16 ? 16 : 32;

	L.mode = (struct xmode){
		.code_bits = bits, .stack_bits = bits, .cpl = f->cpl0 ? 0 : 3,
		.mem_form = f->helper ? FORM_HELPER : FORM_DIRECT,
		.flags = XM_PE | XM_OSFXSR | XM_AVX,
		.cs_base = c->seg == LOW_16 ? LOW_CODE : 0,
		.cs_limit = c->seg == LOW_16 ? 0xffff : 0xffffffff,
	};
	L.mode.flags = (L.mode.flags | f->xm) & ~f->xm_off;
	for (int i = 0; i < SEG_NR; i++)
		L.mode.segc[i] = xlat_class(low_segment(c->seg, i), f);
}

static void xlat_segs(const struct low_case *c)
{
	for (int i = 0; i < CPU_NSEG; i++)
		L.cpu.seg[i] = low_segment_reg(low_segment(c->seg, i));
}

static void xlat_end(const struct low_case *c, struct low_result *r)
{
	u32 target = (u32)L.cpu.rip;

	switch (low_xl.reason) {
	case 3:
		target = 0xffffffff;
		for (unsigned i = 0; i < L.out.nexits; i++)
			if (L.out.host + L.out.exits[i].stub_off ==
			    L.cpu.exit_stub)
				target = L.out.exits[i].target;
		/* fallthrough */
	case 2:
		r->end = target == code_offset(c, LOW_INSN + c->len) ?
				 LOW_FALL :
			 target == code_offset(c, LOW_TAKEN) ? LOW_BRANCH :
							       LOW_ODD;
		r->eip = target;
		break;
	case 4:
		r->eip = L.out.insns[L.out.hsites[low_xl.hsite].insn].eip;
		r->trapno = L.out.hsites[low_xl.hsite].vector;
		r->err = L.out.hsites[low_xl.hsite].error;
		r->end = r->trapno >= 0 ? LOW_RAISE : LOW_HELPER;
		break;
	case 5:
		r->end = LOW_SEGFLT;
		r->trapno = (low_xl.word >> ACC_SEG_SHIFT & 7) == SEG_SS ?
				    VEC_SS : VEC_GP;
		r->err = 0;
		r->eip = L.out.insns[L.out.hsites[low_xl.word >>
						  ACC_SITE_SHIFT].insn].eip;
		break;
	case 6:
		r->end = LOW_FAULT;
		r->trapno = low_xl.trapno;
		r->err = low_xl.err;
		r->cr2 = low_xl.cr2;
		r->eip = low_xl.eip;
		break;
	case 1:
		r->end = LOW_MISS;
		r->eip = target;
		break;
	default:
		r->end = LOW_ODD;
	}
}

void low_memory(u8 *mem)
{
	memcpy(mem, L.mem, LOW_MEM);
}

u64 low_rsp(void)
{
	return (u64)(L.pairs + sizeof(L.pairs) - 256);
}

struct cpu *low_cpu(void)
{
	return &L.cpu;
}

/* Every translation in the tests has to stand the verifier. */
void low_verify(const struct xlate_in *in, const struct xlate_out *out)
{
	struct verify_report r;

	if (!L.verify)
		L.verify = malloc(verify_size());
	if (!L.verify || xlate_verify(L.verify, in, out, &r))
		return;
	fprintf(stderr, "verifier: %s, at +%#x, instruction %u\n", r.why, r.off,
		r.insn);
	xlate_listing(stderr, in, out);
	abort();
}

enum xlate_err low_translate(const struct low_case *c,
			     const struct low_form *f)
{
	enum xlate_err err;

	xlat_mode(c, f);
	xlat_segs(c);
	L.in = (struct xlate_in){
		.mode = &L.mode, .eip = code_offset(c, LOW_INSN),
		.max_insns = c->max_insns, .pairs = f->pairs,
		.fsgsbase = f->fsgsbase, .bmi2 = true,
		.strict_flags = f->strict, .fetch = low_fetch,
		.glue = L.glue, .cache = (u64)L.cache };
	L.out.buf = L.cache + 4096;
	L.out.cap = XLATE_MAX_BYTES;
	L.out.host = (u64)L.out.buf;
	err = xlate_block(&L.in, &L.out);
	if (!err)
		low_verify(&L.in, &L.out);
	return err;
}

void low_run_at(const struct low_case *c, const struct low_form *f, u32 off,
		u64 r8, struct low_result *r)
{
	void *sentinel = low_g_hash;

	memcpy(L.mem, c->mem, sizeof(r->mem));
	for (int i = 0; i < 8; i++)
		L.cpu.gpr[i] = c->regs.gpr[i];
	cpu_set_eflags(&L.cpu, c->regs.eflags | EFL_IF);
	L.cpu.window = (u64)L.window;
	L.cpu.hash = (u64)L.hash;
	L.cpu.commit = (u64)low_g_commit;
	L.cpu.pair_rsp = low_rsp();
	memcpy((void *)L.cpu.pair_rsp, &sentinel, 8);
	memset(&low_xl, 0, sizeof(low_xl));
	low_xl.gs = f->fsgsbase ? (u64)L.window : 0;
	low_xl.r13 = f->fsgsbase ? 0x1234567812345678 : (u64)L.window;
	low_xl.xin = (u64)c->ximage;
	low_xl.xout = (u64)r->ximage;
	memset(r->ximage, 0, sizeof(r->ximage));
	low_xl.r8 = r8;
	low_enter(&L.cpu, L.out.buf + off);
	xlat_end(c, r);
	r->high_ok = true;
	for (int i = 0; i < 8; i++) {
		r->regs.gpr[i] = L.cpu.gpr[i];
		r->high_ok &= L.cpu.gpr[i] >> 32 == 0;
	}
	r->regs.eflags = cpu_arith_flags(&L.cpu) | (low_xl.rflags & EFL_DF);
	r->df_byte_ok = L.cpu.df == !!(low_xl.rflags & EFL_DF);
	memcpy(r->mem, L.mem, sizeof(r->mem));
}

void low_run_xlat(const struct low_case *c, const struct low_form *f,
		  struct low_result *r)
{
	low_code(c);
	r->end = LOW_ODD;
	if (low_translate(c, f))
		return;
	low_run_at(c, f, f->via_checked ? L.out.checked : L.out.entry,
		   f->via_checked ? L.in.eip : 0x5a5a5a5a5a5a5a5a, r);
}
