// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_seg.c - instructions that load, store and examine segment registers and
 * descriptor tables: SDM vol. 2, MOV, POP, LDS, LAR, LSL, VERR, ARPL, LLDT,
 * LTR, SLDT, STR, LGDT, SGDT.
 *
 * Runs on light exits.
 */
#include "sys_impl.h"

/* After mov ss and pop ss the next instruction runs before interrupts and
 * debug traps (SDM vol. 3, 6.8.3). Other loads go on in the block unless the
 * mode has changed. */
static enum hret seg_loaded(struct vcpu *v, const struct insn *i, unsigned seg)
{
	if (seg != CPU_SS)
		return H_NEXT;
	v->inhibit = true;
	v->inhibit_rip = insn_next(v, i);
	return sys_end(v, i);
}

enum hret sys_mov_to_seg(struct vcpu *v, const struct insn *i)
{
	u32 sel;

	if (i->reg == CPU_CS || i->reg >= CPU_NSEG)
		return exc_raise(v, VEC_UD);
	if (rm_read(v, i, 2, &sel) || seg_load(v, i->reg, (u16)sel))
		return H_EXC;
	return seg_loaded(v, i, i->reg);
}

/* To memory always 16 bits; to a register zero-extended to its size. */
enum hret sys_mov_from_seg(struct vcpu *v, const struct insn *i)
{
	if (i->reg >= CPU_NSEG)
		return exc_raise(v, VEC_UD);
	if (rm_write(v, i, i->has_mem ? 2 : i->opsize,
		     v->cpu.seg[i->reg].sel))
		return H_EXC;
	return H_NEXT;
}

/* With 32-bit operands only the low half of the slot is written. */
enum hret sys_push_seg(struct vcpu *v, const struct insn *i)
{
	struct stk s;

	stk_current(v, &s);
	stk_add(&s, 2u - i->opsize);
	if (stk_push(v, &s, 2, v->cpu.seg[i->reg].sel))
		return H_EXC;
	stk_commit_esp(v, &s);
	return H_NEXT;
}

enum hret sys_pop_seg(struct vcpu *v, const struct insn *i)
{
	struct stk s;
	u32 sel;

	stk_current(v, &s);
	if (stk_pop(v, &s, 2, &sel) || seg_load(v, i->reg, (u16)sel))
		return H_EXC;
	stk_add(&s, i->opsize - 2u);
	stk_commit_esp(v, &s);
	return seg_loaded(v, i, i->reg);
}

enum hret sys_lxs(struct vcpu *v, const struct insn *i)
{
	unsigned seg, size = i->opsize;
	u8 b[6];

	switch (i->row->op) {
	case OP_LES:
		seg = CPU_ES;
		break;
	case OP_LDS:
		seg = CPU_DS;
		break;
	case OP_LSS:
		seg = CPU_SS;
		break;
	case OP_LFS:
		seg = CPU_FS;
		break;
	default:
		seg = CPU_GS;
	}
	if (mem_read(v, i, b, size + 2) ||
	    seg_load(v, seg, light_get16(b + size)))
		return H_EXC;
	gpr_set(v, i->reg, size, size == 2 ? light_get16(b) : light_get32(b));
	return sys_end(v, i);
}

/* --- examining descriptors: the answer is ZF, never a fault by itself */

static const u16 lar_system_types = 1 << DT_TSS16 | 1 << DT_LDT |
				    1 << DT_TSS16_BUSY | 1 << DT_CALL16 |
				    1 << DT_TASK_GATE | 1 << DT_TSS32 |
				    1 << DT_TSS32_BUSY | 1 << DT_CALL32;
static const u16 lsl_system_types = 1 << DT_TSS16 | 1 << DT_LDT |
				    1 << DT_TSS16_BUSY | 1 << DT_TSS32 |
				    1 << DT_TSS32_BUSY;

/* Reads the selector operand and its descriptor if the program may see it;
 * types: system types accepted. -1: a fault of the accesses themselves. */
static int seg_examine(struct vcpu *v, const struct insn *i, u16 types,
		       struct desc *d, bool *ok)
{
	unsigned rpl, dpl;
	u32 sel;

	*ok = false;
	if (rm_read(v, i, 2, &sel))
		return -1;
	if (SEL_NULL(sel))
		return 0;
	if (desc_lookup(v, (u16)sel, d, ok))
		return -1;
	if (!*ok)
		return 0;
	rpl = sel & SEL_RPL;
	dpl = desc_dpl(d);
	if (desc_is_system(d) && !(types >> desc_type(d) & 1))
		*ok = false;
	else if (!desc_is_conforming(d) && (dpl < v->cpu.cpl || dpl < rpl))
		*ok = false;
	return 0;
}

enum hret sys_lar(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	bool ok;

	if (seg_examine(v, i, lar_system_types, &d, &ok))
		return H_EXC;
	if (ok)
		gpr_set(v, i->reg, i->opsize,
			d.hi & (i->opsize == 2 ? 0xff00 : 0x00f0ff00));
	flag_set(v, EFL_ZF, ok);
	return H_NEXT;
}

enum hret sys_lsl(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	bool ok;

	if (seg_examine(v, i, lsl_system_types, &d, &ok))
		return H_EXC;
	if (ok)
		gpr_set(v, i->reg, i->opsize, desc_limit(&d));
	flag_set(v, EFL_ZF, ok);
	return H_NEXT;
}

enum hret sys_verr(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	bool ok;

	if (seg_examine(v, i, 0, &d, &ok))
		return H_EXC;
	flag_set(v, EFL_ZF, ok && desc_is_readable(&d));
	return H_NEXT;
}

enum hret sys_verw(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	bool ok;

	if (seg_examine(v, i, 0, &d, &ok))
		return H_EXC;
	flag_set(v, EFL_ZF, ok && desc_is_writable(&d));
	return H_NEXT;
}

enum hret sys_arpl(struct vcpu *v, const struct insn *i)
{
	u32 dst, src = gpr_get(v, i->reg, 2);
	bool raise;
	gva_t la;

	/* The destination must be writable even if it keeps its value. */
	if (i->has_mem && seg_ea(v, i, 2, MMU_READ | MMU_WRITE, &la))
		return H_EXC;
	if (rm_read(v, i, 2, &dst))
		return H_EXC;
	raise = (dst & SEL_RPL) < (src & SEL_RPL);
	if (raise && rm_write(v, i, 2, (dst & ~SEL_RPL) | (src & SEL_RPL)))
		return H_EXC;
	flag_set(v, EFL_ZF, raise);
	return H_NEXT;
}

/* --- system segment registers and descriptor tables */

/* UMIP: #GP(0) outside CPL 0. */
static bool seg_umip_forbids(const struct vcpu *v)
{
	return (v->cpu.cr4 & CR4_UMIP) && v->cpu.cpl;
}

static enum hret seg_store_sel(struct vcpu *v, const struct insn *i, u16 sel)
{
	if (seg_umip_forbids(v))
		return exc_gp(v, 0);
	if (rm_write(v, i, i->has_mem ? 2 : i->opsize, sel))
		return H_EXC;
	return H_NEXT;
}

enum hret sys_sldt(struct vcpu *v, const struct insn *i)
{
	return seg_store_sel(v, i, v->cpu.ldt.sel);
}

enum hret sys_str(struct vcpu *v, const struct insn *i)
{
	return seg_store_sel(v, i, v->cpu.tr.sel);
}

enum hret sys_lldt(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	u32 sel;

	if (rm_read(v, i, 2, &sel))
		return H_EXC;
	if (SEL_NULL(sel)) {
		seg_null(&v->cpu.ldt, (u16)sel);
		trans_flush(v);
		return sys_end(v, i);
	}
	if (sel & SEL_TI)
		return exc_gp(v, SEL_ERR(sel));
	if (desc_read(v, (u16)sel, &d, VEC_GP, 0))
		return H_EXC;
	if (!desc_is_system(&d) || desc_type(&d) != DT_LDT)
		return exc_gp(v, SEL_ERR(sel));
	if (!desc_is_present(&d))
		return exc_raise_err(v, VEC_NP, SEL_ERR(sel));
	seg_from_desc(&v->cpu.ldt, &d, (u16)sel);
	trans_flush(v);
	return sys_end(v, i);
}

enum hret sys_ltr(struct vcpu *v, const struct insn *i)
{
	struct desc d;
	u32 sel;

	if (rm_read(v, i, 2, &sel))
		return H_EXC;
	if (SEL_NULL(sel))
		return exc_gp(v, 0);
	if (sel & SEL_TI)
		return exc_gp(v, SEL_ERR(sel));
	if (desc_read(v, (u16)sel, &d, VEC_GP, 0))
		return H_EXC;
	if (!desc_is_tss_available(&d))
		return exc_gp(v, SEL_ERR(sel));
	if (!desc_is_present(&d))
		return exc_raise_err(v, VEC_NP, SEL_ERR(sel));
	if (desc_set_busy(v, &d, true))
		return H_EXC;
	seg_from_desc(&v->cpu.tr, &d, (u16)sel);
	trans_flush(v);
	return sys_end(v, i);
}

/* Stores all 32 bits of the base whatever the operand size, as processors
 * since the 386 do. */
static enum hret seg_store_table(struct vcpu *v, const struct insn *i,
				 u64 base, u32 limit)
{
	u8 b[6];

	if (seg_umip_forbids(v))
		return exc_gp(v, 0);
	light_put16(b, (u16)limit);
	light_put32(b + 2, (u32)base);
	return mem_write(v, i, b, 6) ? H_EXC : H_NEXT;
}

enum hret sys_sgdt(struct vcpu *v, const struct insn *i)
{
	return seg_store_table(v, i, v->cpu.gdt.base, v->cpu.gdt.limit);
}

enum hret sys_sidt(struct vcpu *v, const struct insn *i)
{
	return seg_store_table(v, i, v->cpu.idt.base, v->cpu.idt.limit);
}

/* With 16-bit operands the base has 24 bits. */
static int seg_load_table(struct vcpu *v, const struct insn *i, u64 *base,
			  u32 *limit)
{
	u8 b[6];

	if (mem_read(v, i, b, 6))
		return -1;
	*limit = light_get16(b);
	*base = light_get32(b + 2) & (i->opsize == 2 ? 0xffffff : 0xffffffff);
	return 0;
}

enum hret sys_lgdt(struct vcpu *v, const struct insn *i)
{
	struct cpu *c = &v->cpu;

	trans_flush(v);
	return seg_load_table(v, i, &c->gdt.base, &c->gdt.limit) ?
		       H_EXC : sys_end(v, i);
}

enum hret sys_lidt(struct vcpu *v, const struct insn *i)
{
	struct cpu *c = &v->cpu;

	trans_flush(v);
	return seg_load_table(v, i, &c->idt.base, &c->idt.limit) ?
		       H_EXC : sys_end(v, i);
}
