/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu.h - what generated code can touch: the architectural state of one vCPU
 * and the few words that the glue keeps beside it.
 *
 * A leaf header. r15 points at a struct cpu while generated code runs, so
 * every offset below is reached as [r15+disp]; the hot ones as disp8. Only
 * the vCPU's own thread touches a struct cpu, but for `kick`.
 *
 * While generated code runs the general registers, arithmetic flags, DF and
 * the vector registers are in the host's registers (DESIGN.md, 3) and the
 * copies here are stale; system flags, IF and the df byte are always current
 * here. Every exit stores gpr[], flags_ah and flags_of.
 */
#ifndef UMBRA_CPU_H
#define UMBRA_CPU_H

#include "base.h"
#include "bits.h"
#include "segreg.h"
#include "trans.h"

enum { CPU_ES, CPU_CS, CPU_SS, CPU_DS, CPU_FS, CPU_GS, CPU_NSEG };

/* Host registers at a fault in generated code, in the order of enum hreg. */
enum hreg {
	H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI,
	H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15,
	H_NR
};

struct hfault {
	u64 reg[H_NR];
	u64 rip, rflags;
	u64 addr;   /* CR2 of the host for page faults, else 0 */
	u32 trapno; /* host vector: 14, 13, 12, 0, 16, 19, 17 ... */
	u32 err;    /* host error code */
};

/*
 * Software TLB of the helper form: gva page -> host address of the page in
 * the linear mapping of guest RAM. An entry serves reads if rtag equals the
 * page-aligned gva, writes if wtag does (only while D is set and the frame
 * is RAM without translated code, HAZARDS 53). Invalid tags are 1.
 */
#define TLB_BITS 8
#define TLB_SIZE (1u << TLB_BITS)
struct tlb_entry {
	u64 rtag, wtag;
	u64 addend; /* hva = gva + addend */
	u64 pad;
};
/* TLB_SUPER_AC serves CPL < 3 while SMAP is lifted by EFLAGS.AC; TLB_NONE is
 * always empty, for modes in which C looks at every access. */
enum { TLB_SUPER, TLB_USER, TLB_SUPER_AC, TLB_NONE, TLB_NR };

#define BOUNCE_SIZE 4096

struct htab;

struct cpu {
	u64 gpr[16];	/* guest registers in encoding order */
	u64 rip;	/* guest eip, as an offset in CS; set at exits */
	u8 flags_ah;	/* SF ZF AF PF CF as LAHF stores them */
	u8 flags_of;	/* OF: 0 or 1 */
	u8 df;		/* DF: 0 or 1; always current */
	u8 iflag;	/* IF: 0 or 1; always current */
	u32 sysflags;	/* IOPL NT VM AC RF TF VIF VIP ID; always current */
	u32 kick;	/* set by signals, timers: leave generated code */
	u32 irq_probe;	/* nonzero: an interrupt waits for IF; sti leaves */
	u64 hash;	/* u64 table[65536] of the current (view, mode):
			   low 16 bits of eip -> host address of a checked
			   entry, or GLUE_MISS */
	u64 window;	/* host address of guest address 0 in the view */
	u64 commit;	/* glue to call after a helper-form write */
	u64 tlb;	/* struct tlb_entry[TLB_SIZE] of the current CPL */
	u64 pair_rsp;	/* host stack pointer while outside generated code */
	u64 pair_top;	/* the empty pair stack: points at the sentinel */
	u64 c_rsp;	/* C stack at the last enter() */
	u64 exit_stub;	/* EXIT_DIRECT: host address of the stub */
	u64 helper;	/* C function behind glue_helper */
	u64 tlb_miss;	/* C function behind glue_tlb */
	u64 commit_fn;	/* C function behind the slow commit */
	u64 seg_fault;	/* C function behind a failed segment check */
	u64 divert;	/* C function: a kick came while C ran for a site */
	u64 spill;	/* glue: rcx while it is borrowed */
	u64 ret_pc;	/* where the site that called C goes on */
	u64 commit_none; /* glue address: nothing to commit */
	u64 commit_slow; /* glue address: call commit_fn */
	u8 use_gs;	/* FSGSBASE: the window base goes to GS */
	u8 user_work;	/* enter user code by engine_activate() only: flushes
			   wait for the user view */
	u64 xcr0;
	struct seg seg[CPU_NSEG];
	u32 mode;	/* interned id of the translation mode, */
	u32 view;	/* and view id that generated code runs in */
	struct htab *htab; /* their hash and pair stack (engine.h) */
	u64 tlbs_ac[2];	/* what tlb is with EFLAGS.AC clear and set */
	u64 probe;	/* C function behind glue_probe */

	/* From here on only C and glue_sys.S look. */
	u64 cr0, cr2, cr3, cr4, cr8, efer;
	u64 dr[8];
	struct seg ldt, tr;
	struct { u64 base; u32 limit; } gdt, idt;
	u8 cpl;
	u8 fpu_saved;	/* vector state is in xsave_area, not in registers */
	u64 tsc_aux;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	struct hfault fault;
	struct trans_state trans;
	struct tlb_entry tlbs[TLB_NR][TLB_SIZE];
	u8 bounce[BOUNCE_SIZE] __attribute__((aligned(64)));
	u8 xsave_area[4096] __attribute__((aligned(64)));
};

/* The emitter uses these as disp8. */
static_assert(offsetof(struct cpu, gpr) == 0, "gpr");
static_assert(offsetof(struct cpu, rip) == 128, "rip");
static_assert(offsetof(struct cpu, df) == 138, "df");
static_assert(offsetof(struct cpu, iflag) == 139, "iflag");
static_assert(offsetof(struct cpu, sysflags) == 140, "sysflags");
static_assert(offsetof(struct cpu, kick) == 144, "kick");
static_assert(offsetof(struct cpu, hash) == 152, "hash");

/* Arithmetic flags of the stored state, as EFLAGS bits. */
static inline u32 cpu_arith_flags(const struct cpu *c)
{
	return (c->flags_ah & (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF)) |
	       (c->flags_of ? EFL_OF : 0);
}

/* The whole EFLAGS of the stored state (SDM vol. 1, 3.4.3). */
static inline u32 cpu_eflags(const struct cpu *c)
{
	return cpu_arith_flags(c) | EFL_FIXED1 | (c->df ? EFL_DF : 0) |
	       (c->iflag ? EFL_IF : 0) | c->sysflags;
}

/* Sets the whole EFLAGS of the stored state; reserved bits are dropped. */
static inline void cpu_set_eflags(struct cpu *c, u32 f)
{
	c->flags_ah = (u8)(f & (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF)) |
		      EFL_FIXED1;
	c->flags_of = !!(f & EFL_OF);
	c->df = !!(f & EFL_DF);
	c->iflag = !!(f & EFL_IF);
	c->sysflags = f & (EFL_TF | EFL_IOPL | EFL_NT | EFL_RF | EFL_VM |
			   EFL_AC | EFL_VIF | EFL_VIP | EFL_ID);
}

#endif
