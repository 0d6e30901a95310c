// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_cr.c - control, debug and extended control registers: SDM vol. 3, 2.5,
 * 2.6, 17.2; vol. 2, MOV to/from CR and DR, LMSW, SMSW, CLTS, XSETBV.
 *
 * A new value is checked, tried on the shadow MMU (which may refuse PAE's
 * PDPTEs) and only then kept. Runs on light exits.
 */
#include "runtime/log.h"
#include "sys_impl.h"

/* Bits that exist; writes to the others of CR0 are dropped. */
#define CR0_BITS                                                              \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP |       \
	 CR0_AM | CR0_NW | CR0_CD | CR0_PG)

bool cr0_write(struct vcpu *v, u32 val)
{
	struct cpu *c = &v->cpu;
	u64 old = c->cr0;

	val = (val & CR0_BITS) | CR0_ET;
	if ((val & CR0_PG) && !(val & CR0_PE))
		return false;
	if ((val & CR0_NW) && !(val & CR0_CD))
		return false;
	if (val == old)
		return true;
	c->cr0 = val;
	if (((val ^ old) & (CR0_PG | CR0_PE | CR0_WP)) &&
	    !vcpu_mmu_update(v, false)) {
		c->cr0 = old;
		return false;
	}
	v->mode_dirty = true;
	LOG_LIGHT(LOG_SYS, "cr0 %08x", val);
	return true;
}

/* CR4 bits whose feature CPUID offers. */
static u32 cr4_bits(const struct vcpu *v)
{
	u32 f1[4], f7[4];
	u32 bits = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE |
		   CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cpuid_query(v, 1, 0, f1);
	cpuid_query(v, 7, 0, f7);
	if (f1[2] & (1u << 26))
		bits |= CR4_OSXSAVE;
	if (f7[1] & (1u << 7))
		bits |= CR4_SMEP;
	if (f7[1] & (1u << 20))
		bits |= CR4_SMAP;
	if (f7[2] & (1u << 2))
		bits |= CR4_UMIP;
	return bits;
}

bool cr4_write(struct vcpu *v, u32 val)
{
	struct cpu *c = &v->cpu;
	u64 old = c->cr4;
	const u32 mmu = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP;

	if (val & ~cr4_bits(v))
		return false;
	c->cr4 = val;
	if (((val ^ old) & mmu) && !vcpu_mmu_update(v, false)) {
		c->cr4 = old;
		return false;
	}
	v->mode_dirty = true;
	LOG_LIGHT(LOG_SYS, "cr4 %08x", val);
	return true;
}

static bool cr3_write(struct vcpu *v, u32 val)
{
	struct cpu *c = &v->cpu;
	u64 old = c->cr3;

	c->cr3 = val;
	if (vcpu_mmu_update(v, true))
		return true;
	c->cr3 = old;
	return false;
}

/* After a flush the block goes on unless code may have moved. */
static enum hret cr_flushed(struct vcpu *v, const struct insn *i, u64 zaps)
{
	return vmmu_fetch_zaps(v->mmu) == zaps ? H_NEXT : sys_end(v, i);
}

enum hret sys_mov_to_cr(struct vcpu *v, const struct insn *i)
{
	u32 val = gpr_get(v, i->rm, 4);
	u64 zaps = vmmu_fetch_zaps(v->mmu);
	bool ok = true;

	if (v->cpu.cpl)
		return exc_gp(v, 0);
	switch (i->reg) {
	case 0:
		ok = cr0_write(v, val);
		break;
	case 2:
		v->cpu.cr2 = val;
		return H_NEXT;
	case 3:
		if (!cr3_write(v, val))
			return exc_gp(v, 0);
		return cr_flushed(v, i, zaps);
	case 4:
		ok = cr4_write(v, val);
		break;
	default:
		return exc_raise(v, VEC_UD);
	}
	return ok ? sys_end(v, i) : exc_gp(v, 0);
}

enum hret sys_mov_from_cr(struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;
	u64 val;

	if (c->cpl)
		return exc_gp(v, 0);
	switch (i->reg) {
	case 0:
		val = c->cr0;
		break;
	case 2:
		val = c->cr2;
		break;
	case 3:
		val = c->cr3;
		break;
	case 4:
		val = c->cr4;
		break;
	default:
		return exc_raise(v, VEC_UD);
	}
	gpr_set(v, i->rm, 4, (u32)val);
	return H_NEXT;
}

/* PE can be set this way, never cleared. */
enum hret sys_lmsw(struct vcpu *v, const struct insn *i)
{
	const u32 bits = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u32 val, cr0 = (u32)v->cpu.cr0;

	if (v->cpu.cpl)
		return exc_gp(v, 0);
	if (rm_read(v, i, 2, &val))
		return H_EXC;
	if (!cr0_write(v, (cr0 & (~bits | CR0_PE)) | (val & bits)))
		return exc_gp(v, 0);
	return sys_end(v, i);
}

enum hret sys_smsw(struct vcpu *v, const struct insn *i)
{
	if ((v->cpu.cr4 & CR4_UMIP) && v->cpu.cpl)
		return exc_gp(v, 0);
	if (rm_write(v, i, i->has_mem ? 2 : i->opsize, (u32)v->cpu.cr0))
		return H_EXC;
	return H_NEXT;
}

enum hret sys_clts(struct vcpu *v, const struct insn *i)
{
	struct cpu *c = &v->cpu;

	(void)i;
	if (c->cpl)
		return exc_gp(v, 0);
	if (c->cr0 & CR0_TS) {
		c->cr0 &= ~(u64)CR0_TS;
		v->mode_dirty = true;
	}
	return H_NEXT;
}

/* The address is not checked against the segment's limit. */
enum hret sys_invlpg(struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;
	u64 zaps = vmmu_fetch_zaps(v->mmu);

	if (c->cpl)
		return exc_gp(v, 0);
	vmmu_invlpg(v->mmu, (u32)(c->seg[i->seg].base + seg_insn_off(v, i)));
	return cr_flushed(v, i, zaps);
}

/* --- debug registers */

/* DR4 and DR5 are DR6 and DR7, or #UD with CR4.DE; DR7.GD guards all. */
static int dr_select(struct vcpu *v, unsigned reg, unsigned *dr)
{
	const struct cpu *c = &v->cpu;

	if ((reg == 4 || reg == 5) && (c->cr4 & CR4_DE))
		return sys_fail_ud(v);
	if (reg > 7)
		return sys_fail_ud(v);
	*dr = reg == 4 || reg == 5 ? reg + 2 : reg;
	if (c->cpl)
		return sys_fail(v, VEC_GP, 0);
	if (c->dr[7] & DR7_GD) {
		exc_raise(v, VEC_DB);
		v->exc.dr6 = DR6_BD;
		return -1;
	}
	return 0;
}

enum hret sys_mov_from_dr(struct vcpu *v, const struct insn *i)
{
	unsigned dr;

	if (dr_select(v, i->reg, &dr))
		return H_EXC;
	gpr_set(v, i->rm, 4, (u32)v->cpu.dr[dr]);
	return H_NEXT;
}

enum hret sys_mov_to_dr(struct vcpu *v, const struct insn *i)
{
	u32 val = gpr_get(v, i->rm, 4);
	unsigned dr;

	if (dr_select(v, i->reg, &dr))
		return H_EXC;
	if (dr == 6)
		val = (val & (0xf | DR6_BD | DR6_BS | DR6_BT)) | DR6_FIXED1;
	if (dr == 7)
		val = (val & 0xffff23ff) | DR7_FIXED1;
	v->cpu.dr[dr] = val;
	v->mode_dirty = true;
	return sys_end(v, i);
}

/* --- XCR0 */

static bool xcr_is_on(const struct vcpu *v)
{
	return sys_has(v, FEAT_XSAVE) && (v->cpu.cr4 & CR4_OSXSAVE);
}

/* XCR1 (the set in use) is not offered. */
enum hret sys_xgetbv(struct vcpu *v, const struct insn *i)
{
	u32 n = gpr_get(v, R_CX, 4);

	(void)i;
	if (!xcr_is_on(v))
		return exc_raise(v, VEC_UD);
	if (n)
		return exc_gp(v, 0);
	gpr_set(v, R_AX, 4, (u32)v->cpu.xcr0);
	gpr_set(v, R_DX, 4, (u32)(v->cpu.xcr0 >> 32));
	return H_NEXT;
}

enum hret sys_xsetbv(struct vcpu *v, const struct insn *i)
{
	u64 val = gpr_get(v, R_AX, 4) | (u64)gpr_get(v, R_DX, 4) << 32;
	u32 d[4];

	if (!xcr_is_on(v))
		return exc_raise(v, VEC_UD);
	if (v->cpu.cpl || gpr_get(v, R_CX, 4))
		return exc_gp(v, 0);
	cpuid_query(v, 0xd, 0, d);
	if ((val & ~(u64)d[0]) || !(val & XCR0_X87) ||
	    ((val & XCR0_AVX) && !(val & XCR0_SSE)))
		return exc_gp(v, 0);
	v->cpu.xcr0 = val;
	v->mode_dirty = true;
	return sys_end(v, i);
}
