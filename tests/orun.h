/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orun.h - runs 32- and 16-bit user code on the host's processor and in the
 * real engine, from the same state, in the same memory, to the same end. For
 * tests; one thread.
 *
 * A *place* is where code runs: the native one (compatibility mode of this
 * very process) or a virtual machine under given injection switches, whose
 * user code runs at CPL 3 with paging (PAE, NX). Every place has memory of its
 * own, laid out alike at the same linear addresses with the same permissions;
 * nothing else is mapped for user code:
 *
 *   ORUN_CODE   1024 pages in groups of 16: RWX, but of each group page 7 is
 *		 R-X, page 13 is RW- and page 15 is not there
 *   ORUN_DATA   8 pages: RW-, but pages 4 and 7 are R--
 *   ORUN_STACK  4 pages RW-
 *   ORUN_TOP    the last page below 4 GiB, RW-
 *
 * A virtual machine keeps its tables and stubs in supervisor pages at
 * 0xd5ab0000; the host has nothing there, and so it is told.
 *
 * A run begins with a whole state and ends with an exception, as which the
 * architecture describes it: int3 (vector 3, eip behind it) is the usual end
 * of what is tested, so fill what is not meant to run with 0xcc. What did not
 * end is stopped after some processor time, and a system call of the
 * native run is refused: both are told, and such a run says nothing.
 *
 * Typical use:
 *	struct orun *nat = orun_native(), *vm = orun_open(&inject);
 *	orun_write(both, ORUN_CODE, code, len); ... same for data
 *	orun_state_init(&s); s.eip = ORUN_CODE; s.gpr[R_AX] = ...;
 *	orun_run(nat, &s, &a); orun_run(vm, &s, &b);
 *	compare a with b, orun_at(nat, la) with orun_at(vm, la)
 *
 * The caller keeps away from what is not a function of its inputs or is
 * virtual by design: rdtsc, rdrand, rdpmc, cpuid, sgdt and its like (UMIP); and
 * from icebp, after which hypervisors are known to give a wrong eip.
 * Translations are dropped only when code is written, by the guest or by
 * orun_write(), so a second run meets blocks and chains of the first.
 */
#ifndef UMBRA_TESTS_ORUN_H
#define UMBRA_TESTS_ORUN_H

#include <stdio.h>
#include "runtime/bits.h"
#include "runtime/cpu.h"
#include "runtime/umbra.h"
#include "translator/xlate.h"

#define ORUN_CODE	 0x10000000u
#define ORUN_CODE_PAGES	 1024u
#define ORUN_DATA	 0x20000000u
#define ORUN_DATA_PAGES	 8u
#define ORUN_STACK	 0x30000000u
#define ORUN_STACK_PAGES 4u
#define ORUN_TOP	 0xfffff000u
#define ORUN_PAGES                                                         \
	(ORUN_CODE_PAGES + ORUN_DATA_PAGES + ORUN_STACK_PAGES + 1)

enum { ORUN_R = 1, ORUN_W = 2, ORUN_X = 4 };
/* Rights of user code at a linear address; 0: nothing is mapped. */
unsigned orun_rights(u32 la);

/* Selectors of flat segments at CPL 3; 0x08 to 0x18 are of DPL 0, 0x30 (which
 * is 64-bit code on the host) is not there in a virtual machine. */
#define ORUN_CS 0x23
#define ORUN_DS 0x2b
/* Descriptors of the LDT, at CPL 3 */
#define ORUN_LDT_NR 32
#define ORUN_LDT(n) ((n) * 8 + 7)

/* XSAVE image in the standard form: x87, SSE, AVX (SDM vol. 1, 13.4). */
#define ORUN_XSIZE 832

struct orun_state {
	u8 x[ORUN_XSIZE] __attribute__((aligned(64)));
	u32 gpr[8];	/* in encoding order */
	u32 eip;	/* offset in CS */
	u32 eflags;	/* in: arithmetic flags and DF, AC, NT, ID, TF */
	u16 sel[CPU_NSEG]; /* in: valid ones, or null for data */
};

enum orun_end {
	ORUN_EXC,     /* exception: the only end that says something */
	ORUN_TIMEOUT, /* did not end */
	ORUN_SYSCALL, /* native: int 80h, sysenter, syscall */
	ORUN_DEAD,    /* virtual: triple fault, MMIO, host error; native: fault
			 outside user code */
};

struct orun_result {
	struct orun_state st; /* eip and eflags as the exception pushed them */
	enum orun_end end;
	u8 vector;
	u32 err; /* 0 where the vector has none */
	u32 cr2; /* #PF only, else 0 */
};

struct orun;

/* 0, or -1 where the host cannot run 32-bit code; prints why. Idempotent. */
int orun_init(void);
/* The native place; always the same. */
struct orun *orun_native(void);
/* A virtual machine; inj may be NULL. Memory is zero. */
struct orun *orun_open(const struct umbra_inject *inj);
void orun_close(struct orun *o);

/* Memory of a place. The range lies in one of the four areas. A write drops
 * translations of that page, if there are any. */
void orun_write(struct orun *o, u32 la, const void *buf, u32 len);
const u8 *orun_at(const struct orun *o, u32 la);

/* Fills entry n of the LDT (user_desc of modify_ldt; entry_number is ignored).
 * -1 if the host's kernel refuses it. */
struct user_desc;
int orun_ldt(struct orun *o, unsigned n, const struct user_desc *d);

/* The guest's page tables forget A and D, and shadow pages go. Nothing in the
 * native place. */
void orun_cold(struct orun *o);

/*
 * A state to start from: zeroes, flat segments, esp in the middle of the
 * stack, x87 and SSE as after reset. On a 16-bit stack the upper half of esp
 * is not certain before the code loads it.
 */
void orun_state_init(struct orun_state *s);
/* x must be an image that XRSTOR takes: no reserved bits in MXCSR. */
void orun_run(struct orun *o, const struct orun_state *in,
	      struct orun_result *out);

/* A virtual run may take so many ticks of processor time. */
void orun_patience(struct orun *o, u32 ticks);

/* The features that a guest is offered (insn_decode). */
const u64 *orun_features(const struct orun *o);
/* NULL for the native place. */
struct vcpu *orun_vcpu(const struct orun *o);
struct umbra_vm *orun_vm(const struct orun *o);

/* Parts of a result; ORUN_DIFF_NR of them. */
enum orun_diff {
	ORUN_DIFF_END = 1,    /* end, vector, error code, address */
	ORUN_DIFF_EIP = 2,
	ORUN_DIFF_GPR = 4,
	ORUN_DIFF_EFLAGS = 8, /* arithmetic flags and DF, AC, NT, ID */
	ORUN_DIFF_SEL = 16,
	ORUN_DIFF_VEC = 32,   /* x87, MMX, SSE, AVX, MXCSR; not FIP, FDP, FOP */
};
#define ORUN_EFLAGS (EFL_ARITH | EFL_DF | EFL_AC | EFL_NT | EFL_ID)
unsigned orun_differ(const struct orun_result *a, const struct orun_result *b);
/* Prints what of b differs from a, one line each. */
void orun_print_diff(FILE *f, const struct orun_result *a,
		     const struct orun_result *b);

/* --- between the files of this module */
struct orun_ops {
	void (*write)(struct orun *o, u32 la, const void *buf, u32 len);
	int (*ldt)(struct orun *o, unsigned n, const struct user_desc *d);
	void (*cold)(struct orun *o);
	void (*run)(struct orun *o, const struct orun_state *in,
		    struct orun_result *out);
	void (*close)(struct orun *o);
};
struct orun {
	const struct orun_ops *ops;
	const struct orun_ops *real; /* of a test that stands before them */
	u8 *mem; /* ORUN_PAGES, in the order above */
	struct umbra_vm *vm;
	struct vcpu *v;
	struct umbra_run *run;
	u8 *ram;
	int fd;
	u32 patience; /* ticks of a virtual run */
};
/* Page number in orun.mem; ORUN_PAGES: in no area. */
u32 orun_page(u32 la);
u32 orun_page_la(u32 page);
/* A tick of processor time came while this one runs. */
void orun_vm_tick(struct orun *o);
/* Signals are handled by this module from now on, what is not its by whoever
 * did before. */
void orun_signals(void);
void orun_running(struct orun *o);
/* Vector state that the host has, of x87, SSE and AVX. */
u64 orun_xmask(void);
/* Ticks of processor time after which a run has no end. */
#define ORUN_TICK_NS 4000000
#define ORUN_TICKS_NATIVE 3
#define ORUN_TICKS_VM 100

#endif
