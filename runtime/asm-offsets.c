// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * asm-offsets.c - compiled to assembly only; the build turns its "->" lines
 * into asm-offsets.h for the .S files.
 */
#include "engine.h"
#include "exit.h"
#include "translator/xlate.h"

#define DEFINE(sym, val)                                                      \
	__asm__ volatile("\n.ascii \"->" #sym " %c0\"\n" : : "i"(val))
#define CPU(sym, field) DEFINE(CPU_##sym, offsetof(struct cpu, field))

#define TRANS(sym, field) DEFINE(TRANS_##sym, offsetof(struct cpu, trans.field))
#define ENTRY(sym, field) DEFINE(TRANS_##sym, offsetof(struct trans, field))

static inline void asm_offsets_trans(void)
{
	TRANS(GEN, gen);
	TRANS(COUNT, count);
	TRANS(INTS, ints);
	TRANS(IRETS, irets);
	TRANS(ENTERS, enters);
	TRANS(EXITS, exits);
	TRANS(SEGS, segs);
	TRANS(LINKS, links);
	DEFINE(N_TRANS_INTS, TRANS_INTS);
	DEFINE(N_TRANS_IRETS, TRANS_IRETS);
	DEFINE(N_TRANS_SYSS, TRANS_SYSS);
	DEFINE(N_TRANS_SEGS, TRANS_SEGS);
	DEFINE(N_TRANS_LINKS, TRANS_LINKS);
	DEFINE(TRANS_SIZE, sizeof(struct trans));
	ENTRY(KEY_OFF, key);
	ENTRY(GATE, gate);
	ENTRY(CS, cs_desc);
	ENTRY(SS, ss_desc);
	ENTRY(GATE_RAW, gate_raw);
	ENTRY(CS_RAW, cs_raw);
	ENTRY(SS_RAW, ss_raw);
	ENTRY(TSS, tss);
	ENTRY(EIP, eip);
	ENTRY(IFLAG, iflag);
	ENTRY(OUTER, outer);
	ENTRY(CSREG, cs);
	ENTRY(SSREG, ss);
	ENTRY(TO, to);
	DEFINE(TRANS_IRET_WHAT, TRANS_IRET);
	DEFINE(TRANS_SYSENTER_WHAT, TRANS_SYSENTER);
	DEFINE(TRANS_SYSEXIT_WHAT, TRANS_SYSEXIT);
	DEFINE(TARGET_MODE, offsetof(struct trans_target, mode));
	DEFINE(TARGET_HTAB, offsetof(struct trans_target, htab));
	DEFINE(TARGET_WINDOW, offsetof(struct trans_target, window));
	DEFINE(TARGET_TLB, offsetof(struct trans_target, tlb));
	DEFINE(TARGET_CPL, offsetof(struct trans_target, cpl));
	DEFINE(TRANS_SEG_KEY_OFF, offsetof(struct trans_seg, key));
	DEFINE(TRANS_SEG_DESC, offsetof(struct trans_seg, desc));
	DEFINE(TRANS_SEG_RAW, offsetof(struct trans_seg, raw));
	DEFINE(TRANS_SEG_SEG, offsetof(struct trans_seg, seg));
	DEFINE(TRANS_SEG_SEGC, offsetof(struct trans_seg, segc));
	DEFINE(TRANS_LINK_KEY_OFF, offsetof(struct trans_link, key));
	DEFINE(TRANS_LINK_AC_SEG, TRANS_LINK_AC);
	DEFINE(TRANS_LINK_TO, offsetof(struct trans_link, to));
}

void asm_offsets(void);
void asm_offsets(void)
{
	CPU(GPR, gpr);
	CPU(RIP, rip);
	CPU(PROBE, probe);
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
	CPU(TLB_SUPER, tlbs[TLB_SUPER]);
	CPU(SYSFLAGS, sysflags);
	CPU(IFLAG, iflag);
	CPU(IRQ_PROBE, irq_probe);
	CPU(MODE, mode);
	CPU(USER_WORK, user_work);
	CPU(HTAB, htab);
	DEFINE(HTAB_TABLE, offsetof(struct htab, table));
	DEFINE(HTAB_PAIR_RSP, offsetof(struct htab, pair_rsp));
	DEFINE(HTAB_PAIR_TOP, offsetof(struct htab, pair_top));
	CPU(TLBS_AC, tlbs_ac);
	CPU(CPL, cpl);
	CPU(ES, seg[CPU_ES]);
	CPU(CS, seg[CPU_CS]);
	CPU(SS, seg[CPU_SS]);
	CPU(DS, seg[CPU_DS]);
	CPU(FS, seg[CPU_FS]);
	CPU(GS, seg[CPU_GS]);
	CPU(SYSENTER_ESP, sysenter_esp);
	CPU(SYSENTER_EIP, sysenter_eip);
	asm_offsets_trans();
	DEFINE(SEG_LO, offsetof(struct seg, lo));
	DEFINE(SEG_HI, offsetof(struct seg, hi));
	DEFINE(SEG_SEL, offsetof(struct seg, sel));
	DEFINE(SEG_ATTR, offsetof(struct seg, attr));
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
