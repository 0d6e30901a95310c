// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys.c - sys_insn(): from an instruction's identity to the function that
 * carries it out, operands, reset.
 *
 * Checks that the translator also makes (CPL of privileged rows, protected
 * mode, CR0.TS) are repeated where they are cheap: a wrong answer here would
 * be the guest's privilege. Runs on light exits.
 */
#include "runtime/log.h"
#include "probe.h"
#include "sys_impl.h"

/* --- operands */

u32 gpr_get(const struct vcpu *v, unsigned reg, unsigned size)
{
	const u64 *g = v->cpu.gpr;

	switch (size) {
	case 1:
		return reg & 4 ? (g[reg & 3] >> 8) & 0xff : g[reg & 3] & 0xff;
	case 2:
		return (u16)g[reg & 7];
	default:
		return (u32)g[reg & 7];
	}
}

void gpr_set(struct vcpu *v, unsigned reg, unsigned size, u32 val)
{
	u64 *g = v->cpu.gpr;

	switch (size) {
	case 1:
		if (reg & 4)
			g[reg & 3] = (g[reg & 3] & ~0xff00ull) |
				     (val & 0xff) << 8;
		else
			g[reg & 3] = (g[reg & 3] & ~0xffull) | (val & 0xff);
		break;
	case 2:
		g[reg & 7] = (g[reg & 7] & ~0xffffull) | (val & 0xffff);
		break;
	default:
		g[reg & 7] = val;
	}
}

int mem_read(struct vcpu *v, const struct insn *i, void *buf, unsigned size)
{
	gva_t la;

	if (seg_ea(v, i, size, MMU_READ, &la))
		return -1;
	return gmem_read(v, la, buf, size, vcpu_priv(v));
}

int mem_write(struct vcpu *v, const struct insn *i, const void *buf,
	      unsigned size)
{
	gva_t la;

	if (seg_ea(v, i, size, MMU_WRITE, &la))
		return -1;
	return gmem_write(v, la, buf, size, vcpu_priv(v));
}

int rm_read(struct vcpu *v, const struct insn *i, unsigned size, u32 *val)
{
	*val = 0;
	if (i->has_mem)
		return mem_read(v, i, val, size);
	*val = gpr_get(v, i->rm, size);
	return 0;
}

int rm_write(struct vcpu *v, const struct insn *i, unsigned size, u32 val)
{
	if (i->has_mem)
		return mem_write(v, i, &val, size);
	gpr_set(v, i->rm, size, val);
	return 0;
}

bool sys_has(const struct vcpu *v, unsigned feat)
{
	return feat == FEAT_BASE ||
	       (v->features[feat / 64] >> (feat % 64) & 1);
}

/* --- far transfers' operands */

static enum hret sys_far_direct(struct vcpu *v, const struct insn *i)
{
	u32 off = (u32)i->imm;

	if (i->row->op == OP_JMPF)
		return far_jmp(v, i->imm2, off, i->opsize, insn_next(v, i));
	return far_call(v, i->imm2, off, i->opsize, insn_next(v, i));
}

static enum hret sys_far_indirect(struct vcpu *v, const struct insn *i)
{
	u8 b[6];
	u32 off;
	u16 sel;

	if (mem_read(v, i, b, i->opsize + 2u))
		return H_EXC;
	off = i->opsize == 2 ? light_get16(b) : light_get32(b);
	sel = light_get16(b + i->opsize);
	if (i->row->op == OP_JMPF_IND)
		return far_jmp(v, sel, off, i->opsize, insn_next(v, i));
	return far_call(v, sel, off, i->opsize, insn_next(v, i));
}

static enum hret sys_unhandled(struct vcpu *v, const struct insn *i)
{
	LOG_LIGHT(LOG_UNIMP, "%s at %04x:%08x: no handler, #UD", i->row->name,
		  v->cpu.seg[CPU_CS].sel, vcpu_rip32(v));
	return exc_raise(v, VEC_UD);
}

/* --- dispatch */

static enum hret sys_dispatch(struct vcpu *v, const struct insn *i)
{
	switch (i->row->op) {
	/* segments and descriptor tables */
	case OP_MOV_TO_SEG:
		return sys_mov_to_seg(v, i);
	case OP_MOV_FROM_SEG:
		return sys_mov_from_seg(v, i);
	case OP_PUSH_SEG:
		return sys_push_seg(v, i);
	case OP_POP_SEG:
		return sys_pop_seg(v, i);
	case OP_LES:
	case OP_LDS:
	case OP_LSS:
	case OP_LFS:
	case OP_LGS:
		return sys_lxs(v, i);
	case OP_LAR:
		return sys_lar(v, i);
	case OP_LSL:
		return sys_lsl(v, i);
	case OP_VERR:
		return sys_verr(v, i);
	case OP_VERW:
		return sys_verw(v, i);
	case OP_ARPL:
		return sys_arpl(v, i);
	case OP_SLDT:
		return sys_sldt(v, i);
	case OP_STR:
		return sys_str(v, i);
	case OP_LLDT:
		return sys_lldt(v, i);
	case OP_LTR:
		return sys_ltr(v, i);
	case OP_SGDT:
		return sys_sgdt(v, i);
	case OP_SIDT:
		return sys_sidt(v, i);
	case OP_LGDT:
		return sys_lgdt(v, i);
	case OP_LIDT:
		return sys_lidt(v, i);

	/* far transfers */
	case OP_JMPF:
	case OP_CALLF:
		return sys_far_direct(v, i);
	case OP_JMPF_IND:
	case OP_CALLF_IND:
		return sys_far_indirect(v, i);
	case OP_RETF:
		return far_ret(v, i->immsize ? (u16)i->imm : 0, i->opsize);
	case OP_IRET:
		return far_iret(v, i->opsize, insn_next(v, i));
	case OP_SYSENTER:
		if (probe_on(v, UMBRA_EVENT_SYSCALL) && v->cpu.cpl == 3)
			probe_syscall(v, UMBRA_SYSENTER);
		return far_sysenter(v);
	case OP_SYSEXIT:
		return far_sysexit(v);

	/* interrupts and EFLAGS */
	case OP_INT:
		return sys_int(v, i);
	case OP_INT3:
		return sys_int3(v, i);
	case OP_INTO:
		return sys_into(v, i);
	case OP_INT1:
		return sys_int1(v, i);
	case OP_BOUND:
		return sys_bound(v, i);
	case OP_CLI:
		return sys_cli(v, i);
	case OP_STI:
		return sys_sti(v, i);
	case OP_PUSHF:
		return sys_pushf(v, i);
	case OP_POPF:
		return sys_popf(v, i);
	case OP_HLT:
		return sys_hlt(v, i);
	case OP_STAC:
		return sys_stac(v, i);
	case OP_CLAC:
		return sys_clac(v, i);
	case OP_UD0:
	case OP_UD1:
	case OP_UD2:
		return exc_raise(v, VEC_UD);

	/* control and debug registers, caches */
	case OP_MOV_TO_CR:
		return sys_mov_to_cr(v, i);
	case OP_MOV_FROM_CR:
		return sys_mov_from_cr(v, i);
	case OP_MOV_TO_DR:
		return sys_mov_to_dr(v, i);
	case OP_MOV_FROM_DR:
		return sys_mov_from_dr(v, i);
	case OP_LMSW:
		return sys_lmsw(v, i);
	case OP_SMSW:
		return sys_smsw(v, i);
	case OP_CLTS:
		return sys_clts(v, i);
	case OP_INVLPG:
		return sys_invlpg(v, i);
	case OP_XGETBV:
		return sys_xgetbv(v, i);
	case OP_XSETBV:
		return sys_xsetbv(v, i);
	case OP_INVD:
	case OP_WBINVD:
		return v->cpu.cpl ? exc_gp(v, 0) : H_NEXT;

	/* MSRs, counters, identification */
	case OP_RDMSR:
		return sys_rdmsr(v, i);
	case OP_WRMSR:
		return sys_wrmsr(v, i);
	case OP_RDTSC:
		return sys_rdtsc(v, i);
	case OP_RDTSCP:
		return sys_rdtscp(v, i);
	case OP_RDPMC:
		return sys_rdpmc(v, i);
	case OP_RDPID:
		return sys_rdpid(v, i);
	case OP_CPUID:
		return sys_cpuid(v, i);

	/* I/O */
	case OP_IN:
		return sys_in(v, i);
	case OP_OUT:
		return sys_out(v, i);
	case OP_INS:
		return sys_ins(v, i);
	case OP_OUTS:
		return sys_outs(v, i);

	/* what the translator hands over in rare forms */
	case OP_MOVS:
	case OP_STOS:
	case OP_LODS:
	case OP_SCAS:
	case OP_CMPS:
		return sys_string(v, i);
	case OP_PUSH:
		return sys_push(v, i);
	case OP_POP:
		return sys_pop(v, i);
	case OP_PUSHA:
		return sys_pusha(v, i);
	case OP_POPA:
		return sys_popa(v, i);
	case OP_ENTER:
		return sys_enter(v, i);
	case OP_LEAVE:
		return sys_leave(v, i);
	case OP_AAA:
	case OP_AAS:
	case OP_AAM:
	case OP_AAD:
	case OP_DAA:
	case OP_DAS:
	case OP_SALC:
		return sys_bcd(v, i);
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		return sys_bit(v, i);
	case OP_CMPXCHG8B:
		return sys_cmpxchg8b(v, i);
	case OP_XLAT:
		return sys_xlat(v, i);
	case OP_NOP_HINT:
	case OP_NOP:
		return H_NEXT;
	case OP_FXSAVE:
	case OP_FXRSTOR:
	case OP_FNSAVE:
	case OP_FRSTOR:
	case OP_FNSTENV:
	case OP_FLDENV:
	case OP_XSAVE:
	case OP_XSAVEC:
	case OP_XSAVEOPT:
	case OP_XSAVES:
	case OP_XRSTOR:
	case OP_XRSTORS:
		return sys_fpu(v, i);
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
	case OP_VGATHERDPS:
	case OP_VGATHERDPD:
	case OP_VGATHERQPS:
	case OP_VGATHERQPD:
	case OP_VPGATHERDD:
	case OP_VPGATHERDQ:
	case OP_VPGATHERQD:
	case OP_VPGATHERQQ:
		return sys_vector(v, i);
	default:
		return sys_unhandled(v, i);
	}
}

/* Rows that protected mode alone has, and privileged ones. */
static bool sys_is_allowed(struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;

	if ((i->row->rowflags & ROW_PMODE) && !cpu_is_protected(c)) {
		exc_raise(v, VEC_UD);
		return false;
	}
	/* sysenter is not in these; stac and clac are #UD, see there. */
	if ((i->row->rowflags & ROW_PRIV) && c->cpl &&
	    i->row->op != OP_STAC && i->row->op != OP_CLAC) {
		exc_gp(v, 0);
		return false;
	}
	return true;
}

enum hret sys_insn(struct vcpu *v, const struct insn *insn)
{
	enum hret r;

	v->exc.pending = false;
	if (!sys_is_allowed(v, insn))
		return H_EXC;
	r = sys_dispatch(v, insn);
	/* An MMIO access that waits for the client restarts the whole. */
	if (r == H_EXC && !v->exc.pending)
		return H_EXIT;
	if (r == H_NEXT && (v->mode_dirty || insn->row->cls == CLS_HELPER_END))
		return sys_end(v, insn);
	return r;
}

/* --- reset: SDM vol. 3, table 9-1 */

static void sys_reset_segment(struct seg *s, u16 attr)
{
	light_zero(s, sizeof(*s));
	s->limit = 0xffff;
	s->attr = attr;
	seg_derive(s, attr & SEG_ATTR_S);
}

static void sys_reset_segments(struct cpu *c)
{
	for (unsigned i = 0; i < CPU_NSEG; i++)
		sys_reset_segment(&c->seg[i], ATTR_REAL);
	c->seg[CPU_CS].sel = 0xf000;
	c->seg[CPU_CS].base = 0xffff0000;
	sys_reset_segment(&c->ldt, SEG_ATTR_P | DT_LDT);
	sys_reset_segment(&c->tr, SEG_ATTR_P | DT_TSS32_BUSY);
	c->gdt.base = c->idt.base = 0;
	c->gdt.limit = c->idt.limit = 0xffff;
}

void sys_reset(struct vcpu *v)
{
	struct cpu *c = &v->cpu;
	u32 id[4];

	for (unsigned i = 0; i < ARRAY_SIZE(c->gpr); i++)
		c->gpr[i] = 0;
	cpuid_query(v, 1, 0, id);
	c->gpr[R_DX] = id[0];
	c->rip = 0xfff0;
	cpu_set_eflags(c, 0);
	sys_reset_segments(c);
	c->cpl = 0;
	c->cr0 = CR0_CD | CR0_NW | CR0_ET;
	c->cr2 = c->cr3 = c->cr4 = c->cr8 = c->efer = 0;
	c->xcr0 = XCR0_X87;
	for (unsigned i = 0; i < 4; i++)
		c->dr[i] = 0;
	c->dr[6] = DR6_FIXED1;
	c->dr[7] = DR7_FIXED1;
	msr_reset(v);
	light_zero(&v->exc, sizeof(v->exc));
	v->io.pending = false;
	v->inhibit = v->halted = v->shutdown = v->nmi_masked = false;
	v->exc_depth = 0;
	v->db_pending = 0;
	v->mode_dirty = true;
	vcpu_mmu_update(v, true);
}
