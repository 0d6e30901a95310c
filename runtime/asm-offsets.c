// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * asm-offsets.c - compiled to assembly only; the build turns its "->" lines
 * into asm-offsets.h for the .S files.
 */
#include "cpu.h"
#include "exit.h"
#include "translator/xlate.h"

#define DEFINE(sym, val)                                                      \
	__asm__ volatile("\n.ascii \"->" #sym " %c0\"\n" : : "i"(val))
#define CPU(sym, field) DEFINE(CPU_##sym, offsetof(struct cpu, field))

void asm_offsets(void);
void asm_offsets(void)
{
	CPU(GPR, gpr);
	CPU(RIP, rip);
	CPU(FLAGS_AH, flags_ah);
	CPU(FLAGS_OF, flags_of);
	CPU(DF, df);
	CPU(KICK, kick);
	CPU(HASH, hash);
	CPU(WINDOW, window);
	CPU(COMMIT, commit);
	CPU(TLB, tlb);
	CPU(PAIR_RSP, pair_rsp);
	CPU(PAIR_TOP, pair_top);
	CPU(C_RSP, c_rsp);
	CPU(EXIT_STUB, exit_stub);
	CPU(HELPER, helper);
	CPU(TLB_MISS, tlb_miss);
	CPU(COMMIT_FN, commit_fn);
	CPU(COMMIT_NONE, commit_none);
	CPU(SEG_FAULT, seg_fault);
	CPU(DIVERT, divert);
	CPU(SPILL, spill);
	CPU(RET_PC, ret_pc);
	CPU(USE_GS, use_gs);
	CPU(SEG, seg);
	CPU(FAULT_REG, fault.reg);
	CPU(FAULT_RIP, fault.rip);
	CPU(FAULT_RFLAGS, fault.rflags);
	DEFINE(SEG_LO, offsetof(struct seg, lo));
	DEFINE(SEG_HI, offsetof(struct seg, hi));
	DEFINE(SEG_BASE, offsetof(struct seg, base));
	DEFINE(SEG_READABLE, offsetof(struct seg, readable));
	DEFINE(SEG_WRITABLE, offsetof(struct seg, writable));
	DEFINE(TLB_RTAG, offsetof(struct tlb_entry, rtag));
	DEFINE(TLB_WTAG, offsetof(struct tlb_entry, wtag));
	DEFINE(TLB_ADDEND, offsetof(struct tlb_entry, addend));
	DEFINE(TLB_INDEX_MASK, TLB_SIZE - 1);
	DEFINE(STUB_BYTES, XLATE_STUB_BYTES);
	DEFINE(X_ACC_WRITE, ACC_WRITE);
	DEFINE(X_ACC_READ, ACC_READ);
	DEFINE(X_ACC_SEG_SHIFT, ACC_SEG_SHIFT);
	DEFINE(X_EXIT_KICK, EXIT_KICK);
	DEFINE(X_EXIT_DIRECT, EXIT_DIRECT);
	DEFINE(X_EXIT_HASH, EXIT_HASH);
	DEFINE(X_EXIT_HELPER, EXIT_HELPER);
	DEFINE(X_EXIT_FAULT, EXIT_FAULT);
}
