/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu.h - one virtual CPU as the runtime's C sees it, and the contract of
 * the system instructions (sys_*.c) with the engine.
 *
 * All code behind this header may run on a light exit: the guest's vector
 * registers are live, so it is compiled with -mgeneral-regs-only and calls
 * nothing of libc (HAZARDS 56). vcpu_fpu_put() comes before anything else.
 */
#ifndef UMBRA_VCPU_H
#define UMBRA_VCPU_H

#include "cpu.h"
#include "lightmem.h"
#include "shadowmmu/mmu.h"
#include "translator/insn.h"
#include "translator/xlate.h"
#include "umbra.h"

struct umbra_vm;
struct engine;

/* A guest exception or software interrupt about to be delivered. */
struct gexc {
	bool pending;
	u8 vector;
	bool has_error;
	bool soft;     /* INT n, INT3, INTO: DPL checks apply, EXT is clear */
	bool icebp;    /* no DPL check, but otherwise like soft */
	u8 len;	       /* soft: bytes of the instruction; cpu.rip stays at it until
			  the delivery has succeeded */
	u32 error;
	u64 cr2;       /* #PF: goes to CR2 at delivery */
	u64 dr6;       /* #DB: bits to OR into DR6 at delivery */
};

/* In vcpu.db_pending, above DR6's bits: the client is to be told (debug.c). */
#define DB_STEP	  (1ull << 32)
#define DB_WATCH  (1ull << 33)
#define DB_CLIENT (DB_STEP | DB_WATCH)
/* What an access has met. */
#define DB_DATA	  (0xfull | DB_WATCH)

/* What a system instruction tells the engine. */
enum hret {
	H_NEXT, /* done: continue after the instruction */
	H_END,	/* done and cpu.rip is set; leave generated code */
	H_EXC,	/* vcpu->exc is pending; cpu.rip is the instruction's own */
	H_EXIT, /* vcpu->run is filled: return to the client */
};

/* MSRs that the engine stores (sys_msr.c). */
#define MSR_MTRR_VAR 8
struct msr_state {
	u64 pat, misc_enable, spec_ctrl, debugctl;
	u64 mtrr_def, mtrr_fixed[11], mtrr_var[2 * MSR_MTRR_VAR];
};

struct vcpu {
	struct cpu cpu; /* first: r15 points here */
	struct umbra_vm *vm;
	struct vmmu *mmu;
	struct umbra_run *run; /* exit data for the client */
	struct engine *eng;    /* translation, dispatch, host side */
	struct gexc exc;
	bool mode_dirty;    /* something of struct xmode changed: CR0/4, CPL,
			       segments, EFLAGS.TF/AC/VM/IOPL, XCR0 ... */
	bool inhibit;	    /* mov ss, pop ss, sti: the instruction at... */
	u64 inhibit_rip;    /* ...this eip runs before interrupts, #DB */
	bool halted;
	bool shutdown;	    /* triple fault */
	u8 exc_depth;	    /* contributory class being delivered */
	u64 db_pending;	    /* DR6 bits of data breakpoints or single-step to
			       raise after the current instruction; DB_* */
	u32 probes;	    /* bits of enum umbra_event_kind: is told */
	bool nmi_masked;    /* from the delivery of an NMI to the next iret */
	u64 tsc_offset;	    /* guest TSC minus host TSC; not 0: rdtsc in C */
	const struct umbra_host *host; /* set by the engine at creation */
	struct msr_state msr;
	u64 features[(FEAT_NR + 63) / 64]; /* offered to the guest */
	struct io_state {   /* an I/O exit under way: set by sys_io.c */
		bool pending;
		u8 size;
		bool in, string, rep;
		bool msr;   /* an UMBRA_EXIT_MSR is under way, no I/O */
		u8 adsize, seg, len; /* of the instruction */
		u16 port;
	} io;
};

/* Nothing that the glue has learnt holds any more (trans.h). */
static inline void trans_flush(struct vcpu *v)
{
	struct trans_state *t = &v->cpu.trans;

	t->npins = 0;
	if (!++t->gen) {
		light_zero(t, sizeof(*t));
		t->gen = 1;
	}
}

static inline u32 vcpu_rip32(const struct vcpu *v)
{
	return (u32)v->cpu.rip;
}

/* --- memory for C (gmem.c): linear addresses, page crossings handled.
 *  0, or -1 with v->exc set to the #PF, or with v->exc.pending clear: an MMIO
 * access must wait for the client and the instruction is restarted after it
 * (sys_insn then returns H_EXIT). len <= 4096. */
int gmem_read(struct vcpu *v, gva_t la, void *buf, unsigned len,
	      enum mmu_priv priv);
int gmem_write(struct vcpu *v, gva_t la, const void *buf, unsigned len,
	       enum mmu_priv priv);
/* Tests all bytes for the access first; changes A/D only. */
int gmem_probe(struct vcpu *v, gva_t la, unsigned len, enum mmu_access acc,
	       enum mmu_priv priv);
/* Without paging there is one view, and no user page. */
static inline enum mmu_priv vcpu_priv(const struct vcpu *v)
{
	return v->cpu.cpl == 3 && (v->cpu.cr0 & CR0_PG) ? MMU_USER :
							   MMU_SUPER;
}

/* --- exceptions (exc.c) */
/* Make v->exc pending; each returns H_EXC for `return exc_gp(v, 0);`. */
enum hret exc_raise(struct vcpu *v, unsigned vector);
enum hret exc_raise_err(struct vcpu *v, unsigned vector, u32 error);
enum hret exc_pf(struct vcpu *v, gva_t cr2, u32 pfec);
#define exc_gp(v, e) exc_raise_err(v, VEC_GP, e)

/* Delivers v->exc through the IDT (or IVT): pushes, loads CS:EIP, handles
 * contributory faults to #DF and shutdown (v->shutdown). cpu.rip must be the
 * return address to push, of the instruction for faults and software
 * interrupts (exc.len is added for those), after it for traps. */
void exc_deliver(struct vcpu *v);
/* Delivers an external interrupt; IF and inhibit were checked by the caller. */
void exc_interrupt(struct vcpu *v, unsigned vector);

/* --- system instructions (sys_*.c): every row of class INLINE (when it has
 * no inline form in this mode), HELPER and HELPER_END, and REWRITE rows the
 * translator hands over. cpu.rip is the instruction's eip on entry; on
 * H_NEXT the engine adds insn->len. */
enum hret sys_insn(struct vcpu *v, const struct insn *insn);

/* Completes an I/O exit when the client runs the vCPU again. */
enum hret sys_io_complete(struct vcpu *v);

/* Architectural reset (SDM vol. 3, 9.1.1). */
void sys_reset(struct vcpu *v);
/* Recomputes what is derived from segment attributes (lo, hi, readable,
 * writable); used after each load and by umbra_set_regs. */
void seg_derive(struct seg *s, bool is_stack_or_data);
/* Linear address of insn's memory operand, with segment checks for size
 * bytes; 0, or -1 with v->exc set (#GP/#SS/#AC). */
int seg_ea(struct vcpu *v, const struct insn *insn, unsigned size,
	   enum mmu_access acc, gva_t *la);
/* The same for an offset in a segment register. */
int seg_check(struct vcpu *v, unsigned seg, u32 off, unsigned size,
	      enum mmu_access acc, gva_t *la);

/* CPUID as offered (cpuid.c). */
void cpuid_init_features(u64 *features, const struct umbra_host *host);
void cpuid_query(const struct vcpu *v, u32 leaf, u32 subleaf, u32 out[4]);
/* IA32_ARCH_CAPABILITIES as offered. */
u64 cpuid_arch_caps(void);

/* Applies CR0/CR3/CR4/EFER to the shadow MMU; false: #GP (PDPTEs). */
bool vcpu_mmu_update(struct vcpu *v, bool cr3_written);

/* Saves the vector state to cpu.xsave_area (once) and gives C clean vector
 * registers; enter() loads it again. */
void vcpu_fpu_put(struct vcpu *v);
/* Makes the vector state live in the registers again, for sys_fpu.c. */
void vcpu_fpu_get(struct vcpu *v);
/* Guest EIP of the x87 instruction at a host address in the code cache; other
 * values (what the guest itself has loaded) come back as they are. */
#define FX_FSW 2 /* in the saved state */
#define FSW_ES 0x80 /* an exception is pending */
#define FX_FIP 8 /* 64 bits */
u32 fpu_map_fip(struct vcpu *v, u64 host_fip);
/* The same for its data. */
u32 fpu_map_fdp(const struct vcpu *v, u64 host_fdp);

/* Where the host sees la, and what follows up to the page's end, if it is RAM
 * that the guest may access now at its privilege, and C without looking
 * further: NULL for MMIO, for what would fault, for a write to translated code,
 * under data breakpoints. Changes A/D at most. */
u8 *gmem_host(struct vcpu *v, u32 la, bool write);

#endif
