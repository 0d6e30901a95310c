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

enum { CPU_ES, CPU_CS, CPU_SS, CPU_DS, CPU_FS, CPU_GS, CPU_NSEG };

/*
 * A segment register with its hidden part. lo..hi are the first and last
 * valid offsets for checked accesses (expand-down swaps the meaning of limit;
 * lo > hi: nothing is valid, e.g. after a null selector). attr is the
 * descriptor's bits 8..15 and 20..23 as in the second dword shifted right by
 * 8 (type 0..3, S 4, DPL 5..6, P 7, AVL 12, L 13, D/B 14, G 15).
 */
struct seg {
	u64 base;
	u32 lo, hi;
	u32 limit; /* in bytes, granularity applied */
	u16 sel;
	u16 attr;
	u8 readable, writable; /* 1 if data accesses of this kind pass */
	u8 pad[6];
};
static_assert(sizeof(struct seg) == 32, "the glue scales by 32");

#define SEG_ATTR_TYPE(a) ((a) & 15)
#define SEG_ATTR_A	 (1u << 0)
#define SEG_ATTR_W	 (1u << 1) /* data: writable; code: readable */
#define SEG_ATTR_E	 (1u << 2) /* data: expand-down; code: conforming */
#define SEG_ATTR_CODE	 (1u << 3)
#define SEG_ATTR_S	 (1u << 4)
#define SEG_ATTR_DPL(a)	 (((a) >> 5) & 3)
#define SEG_ATTR_P	 (1u << 7)
#define SEG_ATTR_L	 (1u << 13)
#define SEG_ATTR_DB	 (1u << 14)
#define SEG_ATTR_G	 (1u << 15)

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

	/* From here on only C looks. */
	u64 cr0, cr2, cr3, cr4, cr8, efer;
	u64 dr[8];
	struct seg ldt, tr;
	struct { u64 base; u32 limit; } gdt, idt;
	u8 cpl;
	u8 fpu_saved;	/* vector state is in xsave_area, not in registers */
	u64 tsc_aux;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	struct hfault fault;
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
