/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys_impl.h - what seg.c, exc.c, far.c, task.c and sys_*.c share.
 *
 * Functions that return int give 0, or -1 with v->exc set and no register of
 * the guest changed (memory below a stack pointer and accessed bits may be).
 */
#ifndef UMBRA_SYS_IMPL_H
#define UMBRA_SYS_IMPL_H

#include "lightmem.h"
#include "vcpu.h"

/* --- descriptors (SDM vol. 3, 3.4.5 and 3.5) */

enum desc_type {
	DT_TSS16 = 1,
	DT_LDT = 2,
	DT_TSS16_BUSY = 3,
	DT_CALL16 = 4,
	DT_TASK_GATE = 5,
	DT_INT16 = 6,
	DT_TRAP16 = 7,
	DT_TSS32 = 9,
	DT_TSS32_BUSY = 11,
	DT_CALL32 = 12,
	DT_INT32 = 14,
	DT_TRAP32 = 15,
};
#define DT_TSS_BUSY_BIT 2

#define SEL_RPL 3
#define SEL_TI	4
#define SEL_NULL(sel) (((sel) & ~SEL_RPL) == 0)
/* The selector part of an error code. */
#define SEL_ERR(sel) ((u32)(sel) & 0xfffc)

/* Attributes of segments that no descriptor describes. */
#define ATTR_REAL (SEG_ATTR_P | SEG_ATTR_S | SEG_ATTR_W | SEG_ATTR_A)
#define ATTR_VM86 (ATTR_REAL | 3 << 5)

struct desc {
	u32 lo, hi;
	gva_t la; /* where it was read from */
};

static inline unsigned desc_type(const struct desc *d)
{
	return (d->hi >> 8) & 15;
}

static inline bool desc_is_system(const struct desc *d)
{
	return !(d->hi & (1u << 12));
}

static inline unsigned desc_dpl(const struct desc *d)
{
	return (d->hi >> 13) & 3;
}

static inline bool desc_is_present(const struct desc *d)
{
	return d->hi & (1u << 15);
}

static inline bool desc_is_code(const struct desc *d)
{
	return !desc_is_system(d) && (desc_type(d) & SEG_ATTR_CODE);
}

static inline bool desc_is_conforming(const struct desc *d)
{
	return desc_is_code(d) && (desc_type(d) & SEG_ATTR_E);
}

static inline bool desc_is_writable(const struct desc *d)
{
	return !desc_is_system(d) && !(desc_type(d) & SEG_ATTR_CODE) &&
	       (desc_type(d) & SEG_ATTR_W);
}

static inline bool desc_is_readable(const struct desc *d)
{
	return !desc_is_system(d) &&
	       (!(desc_type(d) & SEG_ATTR_CODE) || (desc_type(d) & SEG_ATTR_W));
}

static inline bool desc_is_tss_available(const struct desc *d)
{
	return desc_is_system(d) &&
	       (desc_type(d) == DT_TSS16 || desc_type(d) == DT_TSS32);
}

static inline u32 desc_base(const struct desc *d)
{
	return d->lo >> 16 | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
}

static inline u32 desc_limit(const struct desc *d)
{
	u32 limit = (d->lo & 0xffff) | (d->hi & 0xf0000);

	return d->hi & (1u << 23) ? limit << 12 | 0xfff : limit;
}

static inline u32 gate_offset(const struct desc *d)
{
	u32 off = d->lo & 0xffff;

	return desc_type(d) & 8 ? off | (d->hi & 0xffff0000) : off;
}

static inline u16 gate_sel(const struct desc *d)
{
	return (u16)(d->lo >> 16);
}

/* --- modes */

static inline bool cpu_is_protected(const struct cpu *c)
{
	return (c->cr0 & CR0_PE) && !(c->sysflags & EFL_VM);
}

static inline bool cpu_is_vm86(const struct cpu *c)
{
	return c->sysflags & EFL_VM;
}

static inline unsigned cpu_iopl(const struct cpu *c)
{
	return (c->sysflags & EFL_IOPL) >> EFL_IOPL_SHIFT;
}

/* --- failing: for functions that return int */

static inline int sys_fail(struct vcpu *v, unsigned vector, u32 error)
{
	exc_raise_err(v, vector, error);
	return -1;
}

static inline int sys_fail_ud(struct vcpu *v)
{
	exc_raise(v, VEC_UD);
	return -1;
}

/* --- registers */

u32 gpr_get(const struct vcpu *v, unsigned reg, unsigned size);
/* Size 1 follows the encoding without REX: 4..7 are ah ch dh bh. */
void gpr_set(struct vcpu *v, unsigned reg, unsigned size, u32 val);

static inline void flag_set(struct vcpu *v, u32 flag, bool on)
{
	struct cpu *c = &v->cpu;

	if (flag == EFL_OF)
		c->flags_of = on;
	else if (on)
		c->flags_ah |= (u8)flag;
	else
		c->flags_ah &= (u8)~flag;
}

static inline u32 insn_next(const struct vcpu *v, const struct insn *i)
{
	return vcpu_rip32(v) + i->len;
}

/* Done; the next instruction is found again. */
static inline enum hret sys_end(struct vcpu *v, const struct insn *i)
{
	v->cpu.rip = insn_next(v, i);
	return H_END;
}

/* New EFLAGS as a whole; notes a change of mode. */
void eflags_set(struct vcpu *v, u32 flags);
/* Changes only the flags of mask; others are kept. */
void eflags_load(struct vcpu *v, u32 flags, u32 mask);

/* --- segments (seg.c) */

/* What a bad selector raises: vec (#GP or #TS) with the selector and ext. */
struct selctx {
	u8 vec;
	u8 ext;
	u8 cpl; /* privilege at which the load is made */
};

/* Descriptor of a non-null selector; vec(sel|ext) beyond the table. */
int desc_read(struct vcpu *v, u16 sel, struct desc *d, unsigned vec, u32 ext);
/* The same, but false in *found instead of an exception beyond the table. */
int desc_lookup(struct vcpu *v, u16 sel, struct desc *d, bool *found);
int desc_set_accessed(struct vcpu *v, struct desc *d);
/* Sets or clears the busy bit of a TSS descriptor. */
int desc_set_busy(struct vcpu *v, struct desc *d, bool busy);
void seg_from_desc(struct seg *s, const struct desc *d, u16 sel);
void seg_null(struct seg *s, u16 sel);
void seg_vm86(struct seg *s, u16 sel);
/* Real-mode load: base and selector; the limit stays (unreal mode). */
void seg_real(struct seg *s, u16 sel);
/* Flat 32-bit segment of sysenter and sysexit. */
void seg_flat(struct seg *s, u16 sel, bool code, unsigned dpl);
/* Real mode and vm86: the one that applies. */
void seg_load_8086(struct vcpu *v, struct seg *s, u16 sel);
/* Checks of SDM vol. 2, MOV: data segments and the stack segment. */
int seg_check_data_sel(struct vcpu *v, u16 sel, const struct selctx *x,
		       struct seg *out);
int seg_check_stack_sel(struct vcpu *v, u16 sel, const struct selctx *x,
			struct seg *out);
/* Loads ES, SS, DS, FS or GS as mov does, in every mode. */
int seg_load(struct vcpu *v, unsigned seg, u16 sel);
/* Makes a code segment current: sets CS, EIP and CPL. */
void seg_set_cs(struct vcpu *v, const struct seg *cs, u32 eip, unsigned cpl);
/* Effective address of the memory operand, without segment. */
u32 seg_insn_off(const struct vcpu *v, const struct insn *i);

/* --- stacks: a cursor that is made current only when all went well */

struct stk {
	struct seg ss;
	u32 esp;
	u32 mask; /* 0xffff or 0xffffffff by SS.B */
	u32 err;  /* error code of #SS */
	u8 priv;  /* enum mmu_priv */
	bool ac;  /* alignment is checked */
};

void stk_current(const struct vcpu *v, struct stk *s);
/* A stack that the processor switches to, for code of privilege cpl. */
void stk_switched(struct stk *s, const struct seg *ss, u32 esp, unsigned cpl,
		  u32 err);
int stk_push(struct vcpu *v, struct stk *s, unsigned size, u32 val);
int stk_pop(struct vcpu *v, struct stk *s, unsigned size, u32 *val);
void stk_add(struct stk *s, u32 bytes);
static inline void stk_commit_esp(struct vcpu *v, const struct stk *s)
{
	v->cpu.gpr[R_SP] = s->esp;
}

/* SS:ESP of an inner privilege from the current TSS (SDM vol. 3, 6.12.1),
 * checked; errors are #TS and #SS with ext. */
int tss_stack(struct vcpu *v, unsigned cpl, u32 ext, struct stk *s);

/* --- far transfers (far.c): each returns what sys_insn does */
enum hret far_jmp(struct vcpu *v, u16 sel, u32 off, unsigned size, u32 next);
enum hret far_call(struct vcpu *v, u16 sel, u32 off, unsigned size, u32 next);
enum hret far_ret(struct vcpu *v, u32 imm, unsigned size);
enum hret far_iret(struct vcpu *v, unsigned size, u32 next);
enum hret far_sysenter(struct vcpu *v);
enum hret far_sysexit(struct vcpu *v);

/* --- task switch (task.c) */
enum task_kind { TASK_JMP, TASK_CALL, TASK_EVENT, TASK_IRET };

struct task_event {
	bool has_error;
	u32 error;
	u32 ext;
};

/*
 * Switches to the task of sel, whose descriptor d the caller has found
 * present, a TSS, and available (busy for TASK_IRET). next is the EIP that
 * the old task resumes at; ev may be NULL. After the commit point a fault
 * belongs to the new task: -1 then leaves its state current.
 */
int task_switch(struct vcpu *v, u16 sel, struct desc *d, enum task_kind kind,
		u32 next, const struct task_event *ev);

/* --- exc.c */
/* INT n of vm86 through the 8086 program's own vector table (VME). */
int exc_redirect_vm86(struct vcpu *v, unsigned vector, u32 ret);

/* --- system instructions, by file; all have the form of sys_insn() */
typedef enum hret sys_fn(struct vcpu *v, const struct insn *i);

/* Operand helpers (sys.c). Register or memory operand of modrm. */
int rm_read(struct vcpu *v, const struct insn *i, unsigned size, u32 *val);
int rm_write(struct vcpu *v, const struct insn *i, unsigned size, u32 val);
int mem_read(struct vcpu *v, const struct insn *i, void *buf, unsigned size);
int mem_write(struct vcpu *v, const struct insn *i, const void *buf,
	      unsigned size);
bool sys_has(const struct vcpu *v, unsigned feat);

/* sys_seg.c */
sys_fn sys_mov_to_seg, sys_mov_from_seg, sys_push_seg, sys_pop_seg, sys_lxs;
sys_fn sys_lar, sys_lsl, sys_verr, sys_verw, sys_arpl;
sys_fn sys_sldt, sys_str, sys_lldt, sys_ltr;
sys_fn sys_sgdt, sys_sidt, sys_lgdt, sys_lidt;
/* sys_cr.c */
sys_fn sys_mov_to_cr, sys_mov_from_cr, sys_mov_to_dr, sys_mov_from_dr;
sys_fn sys_lmsw, sys_smsw, sys_clts, sys_invlpg, sys_xgetbv, sys_xsetbv;
bool cr0_write(struct vcpu *v, u32 val); /* false: #GP(0) */
bool cr4_write(struct vcpu *v, u32 val);
/* sys_msr.c */
sys_fn sys_rdmsr, sys_wrmsr, sys_rdtsc, sys_rdtscp, sys_rdpmc, sys_rdpid;
void msr_reset(struct vcpu *v);
enum hret msr_complete(struct vcpu *v);
/* sys_io.c */
sys_fn sys_in, sys_out, sys_ins, sys_outs;
/* sys_int.c */
sys_fn sys_int, sys_int3, sys_into, sys_int1, sys_bound;
sys_fn sys_cli, sys_sti, sys_pushf, sys_popf, sys_hlt, sys_stac, sys_clac;
/* sys_vm86.c: the forms of the same in vm86 and under PVI */
enum hret vm86_int(struct vcpu *v, const struct insn *i);
enum hret vm86_pushf(struct vcpu *v, const struct insn *i);
enum hret vm86_popf(struct vcpu *v, const struct insn *i);
enum hret vm86_iret(struct vcpu *v, unsigned size);
enum hret virt_cli(struct vcpu *v);
enum hret virt_sti(struct vcpu *v);
/* sys_string.c */
sys_fn sys_string;
void string_advance(struct vcpu *v, unsigned reg, unsigned adsize,
		    unsigned bytes);
u32 string_count(const struct vcpu *v, unsigned adsize);
void string_set_count(struct vcpu *v, unsigned adsize, u32 n);
/* sys_stack.c */
sys_fn sys_push, sys_pop, sys_pusha, sys_popa, sys_enter, sys_leave;
/* sys_misc.c */
sys_fn sys_bcd, sys_bit, sys_cmpxchg8b, sys_xlat, sys_cpuid;
/* sys_fpu.c */
sys_fn sys_fpu;
/* sys_vector.c */
sys_fn sys_vector;

#endif
