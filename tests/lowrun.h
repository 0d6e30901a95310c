/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowrun.h - runs 16- and 32-bit guest code twice: as it is, on the host's
 * compatibility mode, and as the translator's blocks with a minimal glue.
 *
 * For tests. Memory below 4 GiB is mapped at its own address and, the same
 * pages, in a window; segments with a base come from the process's LDT.
 */
#ifndef UMBRA_TESTS_LOWRUN_H
#define UMBRA_TESTS_LOWRUN_H

#include "lowseg.h"
#include "translator/xlate.h"

#define LOW_CODE  0x10000000u /* linear; one page */
#define LOW_INSN  0x100	      /* where the instructions under test start */
#define LOW_TAKEN 0x160	      /* where a taken branch must lead */
#define LOW_DATA  0x20000000u /* nothing around them */
#define LOW_STACK 0x30000000u
#define LOW_TOP   0xfffff000u /* one page, up to the end */
#define LOW_DATA_PAGES  8
#define LOW_STACK_PAGES 4
#define LOW_RO_PAGES 0x90 /* of the data, these pages are read-only */
#define LOW_MEM ((LOW_DATA_PAGES + LOW_STACK_PAGES + 1) * 4096)

struct low_regs {
	u32 gpr[8];
	u32 eflags;
};

/* How a run ended. */
enum low_end {
	LOW_FALL,    /* behind the instructions */
	LOW_BRANCH,  /* at LOW_TAKEN */
	LOW_FAULT,   /* host exception */
	LOW_SEGFLT,  /* glue's segment check failed */
	LOW_HELPER,  /* handed to C */
	LOW_RAISE,   /* raise site */
	LOW_MISS,    /* GLUE_MISS */
	LOW_ODD,     /* none of these */
};

struct low_result {
	enum low_end end;
	int trapno;
	u32 err, cr2;
	u32 eip; /* of the instruction at a fault, helper, raise */
	struct low_regs regs;
	u32 sys;	 /* AC, NT, ID, and */
	u16 sel[SEG_NR]; /* selectors: runs in the engine only */
	bool df_byte_ok; /* cpu.df agrees with DF (translated runs) */
	bool high_ok;    /* no bits above 31 in guest registers */
	u8 ximage[4096] __attribute__((aligned(64)));
	u8 mem[LOW_MEM]; /* data, stack, top */
};

/* How the translator is asked to do it. */
struct low_form {
	bool fsgsbase, helper, checked, pairs, strict;
	bool via_checked; /* enter where indirect branches do */
	u32 xm, xm_off;	  /* XM_* beside, and without, what user code has */
	bool cpl0;
};

struct low_case {
	enum low_seg seg;
	u8 bytes[64];
	unsigned len;
	unsigned max_insns;
	struct low_regs regs;
	const u8 *mem;    /* initial contents, like low_result.mem */
	const u8 *ximage; /* initial vector state (xsave layout) */
};

/* 0, or -1 when the host cannot do it (no 32-bit code, no LDT). */
int low_init(void);
bool low_has_ldt(void);
bool low_has_fs(void);
void low_run_native(const struct low_case *c, struct low_result *r);
void low_run_xlat(const struct low_case *c, const struct low_form *f,
		  struct low_result *r);
/*
 * Jumps to offset `off` of the last translation with r8 = r8 and the state of
 * the case; for landing sites and entries.
 */
void low_run_at(const struct low_case *c, const struct low_form *f, u32 off,
		u64 r8, struct low_result *r);
/* Puts the bytes where translation and native runs find them. */
void low_code(const struct low_case *c);
/* Translates only. */
enum xlate_err low_translate(const struct low_case *c,
			     const struct low_form *f);
struct cpu *low_cpu(void);
/* Where host rsp starts in translated code. */
u64 low_rsp(void);
/* Aborts with a listing if the verifier refuses the translation. */
void low_verify(const struct xlate_in *in, const struct xlate_out *out);
/* The last translation, for messages. */
const struct xlate_in *low_last_in(void);
struct xlate_out *low_last_out(void);
/* The contents of the areas now. */
void low_memory(u8 *mem);
/* Offset in low_result.mem of linear address la, or LOW_MEM. */
u32 low_mem_offset(u32 la);

#endif
