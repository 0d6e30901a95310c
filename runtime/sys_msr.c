// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_msr.c - model-specific registers, the time stamp counter and RDPMC: SDM
 * vol. 4; vol. 3, 11.11 (MTRRs), 11.12 (PAT).
 *
 * The engine owns what belongs to the CPU; the local APIC's registers (APIC
 * base, x2APIC, TSC deadline) go to the client as UMBRA_EXIT_MSR. Anything
 * else is #GP(0), logged. There is no firmware below a directly loaded
 * kernel: the reset values of the MTRRs are those that firmware leaves.
 * Runs on light exits.
 */
#include "runtime/log.h"
#include "sys_impl.h"

#define MSR_PLATFORM_ID	  0x17
#define MSR_PRED_CMD	  0x49
#define MSR_FLUSH_CMD	  0x10b
#define MSR_DEBUGCTL	  0x1d9
#define MSR_XSS		  0xda0
#define MSR_MTRR_VAR_BASE 0x200
#define MSR_MTRR_VAR_END  (MSR_MTRR_VAR_BASE + 2 * MSR_MTRR_VAR)
#define MSR_MTRR_64K	  0x250
#define MSR_MTRR_16K	  0x258
#define MSR_MTRR_4K	  0x268
#define MSR_AMD_SYSCFG	  0xc0010010u
#define MSR_AMD_HWCR	  0xc0010015u
#define MSR_AMD_NB_CFG	  0xc001001fu
#define MSR_AMD_PATCH	  0xc0010020u
#define MSR_AMD_DE_CFG	  0xc0011029u

#define MTRR_DEF_FE	(1u << 10)
#define MTRR_DEF_E	(1u << 11)
#define MTRR_WB		6u
#define MTRR_VAR_VALID	(1u << 11)
#define PAT_RESET	0x0007040600070406ull
/* Fast strings; no branch trace store, no precise event sampling. */
#define MISC_ENABLE_RESET 0x1801
/* 8 variable ranges, fixed ranges, write combining. */
#define MTRRCAP_VALUE	(MSR_MTRR_VAR | 1u << 8 | 1u << 10)
/* TscFreqSel: the counter runs at the P0 frequency. */
#define HWCR_VALUE	(1u << 24)
/* Newer than any revision that an erratum's check asks for. */
#define UCODE_REVISION	0x7fffffffu

void msr_reset(struct vcpu *v)
{
	struct msr_state *m = &v->msr;

	light_zero(m, sizeof(*m));
	m->pat = PAT_RESET;
	m->misc_enable = MISC_ENABLE_RESET;
	m->mtrr_def = MTRR_DEF_E | MTRR_DEF_FE | MTRR_WB;
	/* 0..9ffff write-back, a0000..fffff uncached but for the ROM area. */
	m->mtrr_fixed[0] = 0x0606060606060606ull;
	m->mtrr_fixed[1] = 0x0606060606060606ull;
	v->cpu.sysenter_cs = v->cpu.sysenter_esp = v->cpu.sysenter_eip = 0;
	v->cpu.tsc_aux = 0;
	v->tsc_offset = 0;
}

static u64 tsc_read(const struct vcpu *v)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (lo | (u64)hi << 32) + v->tsc_offset;
}

static bool msr_is_amd(const struct vcpu *v)
{
	u32 id[4];

	cpuid_query(v, 0, 0, id);
	return id[1] == 0x68747541; /* "Auth" */
}

/* --- MTRRs and PAT */

static u64 *msr_mtrr(struct msr_state *m, u32 n)
{
	if (n >= MSR_MTRR_VAR_BASE && n < MSR_MTRR_VAR_END)
		return &m->mtrr_var[n - MSR_MTRR_VAR_BASE];
	if (n == MSR_MTRR_64K)
		return &m->mtrr_fixed[0];
	if (n == MSR_MTRR_16K || n == MSR_MTRR_16K + 1)
		return &m->mtrr_fixed[1 + n - MSR_MTRR_16K];
	if (n >= MSR_MTRR_4K && n < MSR_MTRR_4K + 8)
		return &m->mtrr_fixed[3 + n - MSR_MTRR_4K];
	return NULL;
}

/* Memory types: UC 0, WC 1, WT 4, WP 5, WB 6; UC- 7 in the PAT only. */
static bool msr_types_valid(u64 val, bool pat)
{
	for (unsigned i = 0; i < 8; i++, val >>= 8) {
		u8 t = (u8)val;

		if (t > (pat ? 7 : 6) || t == 2 || t == 3)
			return false;
	}
	return true;
}

static bool msr_mtrr_valid(u32 n, u64 val)
{
	/* 36 physical address bits, as CPUID 80000008h says. */
	const u64 high = ~((1ull << 36) - 1);

	if (n >= MSR_MTRR_VAR_END)
		return msr_types_valid(val, false);
	if (val & high)
		return false;
	if (n & 1)
		return !(val & 0x7ff);
	return !(val & 0xf00) && msr_types_valid(val & 0xff, false);
}

/* --- reads: false: not an MSR of ours */

static bool msr_read_amd(struct vcpu *v, u32 n, u64 *val)
{
	if (!msr_is_amd(v))
		return false;
	switch (n) {
	case MSR_AMD_HWCR:
		*val = HWCR_VALUE;
		return true;
	case MSR_AMD_SYSCFG:
		*val = 0;
		return true;
	case MSR_AMD_DE_CFG:
		*val = 2; /* lfence serializes */
		return true;
	case MSR_AMD_NB_CFG:
	case MSR_AMD_PATCH:
		*val = 0;
		return true;
	}
	return false;
}

static bool msr_read(struct vcpu *v, u32 n, u64 *val)
{
	struct cpu *c = &v->cpu;
	u64 *mtrr = msr_mtrr(&v->msr, n);
	u32 id[4];

	*val = 0;
	if (mtrr) {
		*val = *mtrr;
		return true;
	}
	switch (n) {
	case MSR_TSC:
		*val = tsc_read(v);
		return true;
	case MSR_TSC_ADJUST: /* what writes have added to the counter */
		*val = v->tsc_offset;
		return true;
	case MSR_PLATFORM_ID:
	case MSR_MCG_CAP: /* no banks */
	case MSR_MCG_STATUS:
		return true;
	case MSR_FEATURE_CONTROL:
		*val = 1; /* locked, nothing enabled */
		return true;
	case MSR_SPEC_CTRL:
		*val = v->msr.spec_ctrl;
		return true;
	case MSR_BIOS_SIGN_ID:
		*val = msr_is_amd(v) ? UCODE_REVISION :
				       (u64)UCODE_REVISION << 32;
		return true;
	case MSR_MTRRCAP:
		*val = MTRRCAP_VALUE;
		return true;
	case MSR_ARCH_CAPS:
		cpuid_query(v, 7, 0, id);
		*val = cpuid_arch_caps();
		return id[3] & (1u << 29);
	case MSR_SYSENTER_CS:
		*val = c->sysenter_cs;
		return true;
	case MSR_SYSENTER_ESP:
		*val = c->sysenter_esp;
		return true;
	case MSR_SYSENTER_EIP:
		*val = c->sysenter_eip;
		return true;
	case MSR_MISC_ENABLE:
		*val = v->msr.misc_enable;
		return true;
	case MSR_DEBUGCTL:
		*val = v->msr.debugctl;
		return true;
	case MSR_PAT:
		*val = v->msr.pat;
		return true;
	case MSR_MTRR_DEF_TYPE:
		*val = v->msr.mtrr_def;
		return true;
	case MSR_EFER:
		*val = c->efer;
		return true;
	case MSR_XSS:
		return sys_has(v, FEAT_XSAVES);
	case MSR_TSC_AUX:
		*val = c->tsc_aux;
		return sys_has(v, FEAT_RDTSCP);
	}
	return msr_read_amd(v, n, val);
}

/* --- writes: false: #GP(0) */

static bool msr_write_efer(struct vcpu *v, u64 val)
{
	struct cpu *c = &v->cpu;
	u64 old = c->efer;
	u32 id[4];
	u64 bits = EFER_SCE;

	cpuid_query(v, 0x80000001u, 0, id);
	if (id[3] & (1u << 20))
		bits |= EFER_NXE;
	if (val & ~bits)
		return false;
	c->efer = val;
	if (((val ^ old) & EFER_NXE) && !vcpu_mmu_update(v, false)) {
		c->efer = old;
		return false;
	}
	v->mode_dirty = true;
	return true;
}

/* The counter itself is the host's: rdtsc goes through C from then on. Others
 * read the offset from their threads (umbra_tsc). */
static bool msr_write_tsc_adjust(struct vcpu *v, u64 val)
{
	__atomic_store_n(&v->tsc_offset, val, __ATOMIC_RELAXED);
	v->mode_dirty = true;
	return true;
}

static bool msr_write_amd(struct vcpu *v, u32 n)
{
	if (!msr_is_amd(v))
		return false;
	/* Settings that change nothing here are accepted and dropped. */
	return n == MSR_AMD_HWCR || n == MSR_AMD_SYSCFG ||
	       n == MSR_AMD_DE_CFG || n == MSR_AMD_NB_CFG ||
	       n == MSR_AMD_PATCH;
}

static bool msr_write(struct vcpu *v, u32 n, u64 val)
{
	struct cpu *c = &v->cpu;
	u64 *mtrr = msr_mtrr(&v->msr, n);

	if (mtrr) {
		if (!msr_mtrr_valid(n, val))
			return false;
		*mtrr = val;
		return true;
	}
	switch (n) {
	case MSR_TSC:
		return msr_write_tsc_adjust(v, v->tsc_offset + val -
						       tsc_read(v));
	case MSR_TSC_ADJUST:
		return msr_write_tsc_adjust(v, val);
	case MSR_SPEC_CTRL:
		if (val & ~1ull) /* IBRS; STIBP and SSBD are not offered */
			return false;
		v->msr.spec_ctrl = val;
		return true;
	case MSR_PRED_CMD:
		return !(val & ~1ull); /* IBPB */
	case MSR_BIOS_SIGN_ID:
		return true;
	case MSR_MCG_STATUS: /* SDM vol. 3, 15.3.1.2: only clearing is allowed */
		return !val;
	case MSR_SYSENTER_CS:
		c->sysenter_cs = (u32)val;
		trans_flush(v);
		return true;
	case MSR_SYSENTER_ESP:
		c->sysenter_esp = (u32)val;
		return true;
	case MSR_SYSENTER_EIP:
		c->sysenter_eip = (u32)val;
		return true;
	case MSR_MISC_ENABLE:
		v->msr.misc_enable = val;
		return true;
	case MSR_DEBUGCTL:
		if (val & ~3ull) /* LBR and BTF, without effect */
			return false;
		v->msr.debugctl = val;
		return true;
	case MSR_PAT:
		if (!msr_types_valid(val, true))
			return false;
		v->msr.pat = val;
		return true;
	case MSR_MTRR_DEF_TYPE:
		if ((val & ~(u64)(MTRR_DEF_E | MTRR_DEF_FE | 0xff)) ||
		    !msr_types_valid(val & 0xff, false))
			return false;
		v->msr.mtrr_def = val;
		return true;
	case MSR_EFER:
		return msr_write_efer(v, val);
	case MSR_XSS: /* no supervisor component exists */
		return !val && sys_has(v, FEAT_XSAVES);
	case MSR_TSC_AUX:
		if ((val >> 32) || !sys_has(v, FEAT_RDTSCP))
			return false;
		c->tsc_aux = val;
		return true;
	}
	return msr_write_amd(v, n);
}

/* --- the client's */

static bool msr_is_client(u32 n)
{
	return n == MSR_APIC_BASE || n == MSR_TSC_DEADLINE ||
	       (n >= MSR_X2APIC_FIRST && n <= MSR_X2APIC_LAST);
}

static enum hret msr_exit(struct vcpu *v, const struct insn *i, u32 n,
			  bool write, u64 val)
{
	v->run->reason = UMBRA_EXIT_MSR;
	v->run->msr.index = n;
	v->run->msr.is_write = write;
	v->run->msr.fault = false;
	v->run->msr.data = val;
	v->io = (struct io_state){
		.pending = true, .msr = true, .in = !write, .len = i->len
	};
	return H_EXIT;
}

/* The client has answered: the instruction is complete, or #GP(0). */
enum hret msr_complete(struct vcpu *v)
{
	if (v->run->msr.fault) {
		LOG_LIGHT(LOG_UNIMP, "msr %x refused by the machine, #GP",
			  v->run->msr.index);
		return exc_gp(v, 0);
	}
	if (v->io.in) {
		gpr_set(v, R_AX, 4, (u32)v->run->msr.data);
		gpr_set(v, R_DX, 4, (u32)(v->run->msr.data >> 32));
	}
	v->cpu.rip = vcpu_rip32(v) + v->io.len;
	return H_END;
}

enum hret sys_rdmsr(struct vcpu *v, const struct insn *i)
{
	u32 n = gpr_get(v, R_CX, 4);
	u64 val;

	if (v->cpu.cpl)
		return exc_gp(v, 0);
	if (msr_is_client(n))
		return msr_exit(v, i, n, false, 0);
	if (!msr_read(v, n, &val)) {
		LOG_LIGHT(LOG_UNIMP, "rdmsr %x at %08x: #GP", n,
			  vcpu_rip32(v));
		return exc_gp(v, 0);
	}
	gpr_set(v, R_AX, 4, (u32)val);
	gpr_set(v, R_DX, 4, (u32)(val >> 32));
	return H_NEXT;
}

enum hret sys_wrmsr(struct vcpu *v, const struct insn *i)
{
	u32 n = gpr_get(v, R_CX, 4);
	u64 val = gpr_get(v, R_AX, 4) | (u64)gpr_get(v, R_DX, 4) << 32;

	if (v->cpu.cpl)
		return exc_gp(v, 0);
	if (msr_is_client(n))
		return msr_exit(v, i, n, true, val);
	if (!msr_write(v, n, val)) {
		LOG_LIGHT(LOG_UNIMP, "wrmsr %x = %llx at %08x: #GP", n,
			  (unsigned long long)val, vcpu_rip32(v));
		return exc_gp(v, 0);
	}
	return sys_end(v, i);
}

/* --- counters */

enum hret sys_rdtsc(struct vcpu *v, const struct insn *i)
{
	u64 t;

	(void)i;
	if ((v->cpu.cr4 & CR4_TSD) && v->cpu.cpl)
		return exc_gp(v, 0);
	t = tsc_read(v);
	gpr_set(v, R_AX, 4, (u32)t);
	gpr_set(v, R_DX, 4, (u32)(t >> 32));
	return H_NEXT;
}

enum hret sys_rdtscp(struct vcpu *v, const struct insn *i)
{
	enum hret r;

	if (!sys_has(v, FEAT_RDTSCP))
		return exc_raise(v, VEC_UD);
	r = sys_rdtsc(v, i);
	if (r == H_NEXT)
		gpr_set(v, R_CX, 4, (u32)v->cpu.tsc_aux);
	return r;
}

enum hret sys_rdpid(struct vcpu *v, const struct insn *i)
{
	if (!sys_has(v, FEAT_RDPID))
		return exc_raise(v, VEC_UD);
	gpr_set(v, i->rm, 4, (u32)v->cpu.tsc_aux);
	return H_NEXT;
}

/* No counter exists: every index is out of range. */
enum hret sys_rdpmc(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return exc_gp(v, 0);
}
