// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_fpu.c - instructions that move x87, SSE and AVX state to and from
 * memory: SDM vol. 1, 8.1.10, 10.5, 13.4 to 13.11; vol. 2, FXSAVE, XSAVE, ...
 *
 * The guest's state is in the host's registers. It goes through an aligned
 * bounce area: the host's instruction works on the area, gmem_* moves the
 * area. What would fault on the host is refused before (MXCSR, headers, a
 * pending x87 exception). FIP and FDP of the registers are host addresses
 * and become guest addresses in images (HAZARDS 59); FCS and FDS are 0, as
 * on processors that deprecate them. Runs on light exits.
 */
#include "sys_impl.h"

#define FX_SIZE	     512
#define FX_FOP	     6
#define FX_FDP	     16
#define FX_MXCSR     24
#define FX_MASK	     28
#define FX_XMM8	     288
#define FX_LEGACY_END 288
#define XS_BV	     512
#define XS_XCOMP_BV  520
#define XS_AVX	     576
#define XS_SIZE	     832
#define XS_HDR_END   576
#define XCOMP_FORMAT (1ull << 63)
/* The host's 32-bit protected-mode formats. */
#define ENV32_SIZE   28
#define SAVE32_SIZE  (ENV32_SIZE + 80)
#define ST_BYTES     80
#define MXCSR_BITS   0xffffu

/* --- the host's instructions */

static void host_fxsave(u8 *area)
{
	__asm__ volatile("fxsave64 %0" : "=m"(*(u8(*)[FX_SIZE])area));
}

static void host_fxrstor(const u8 *area)
{
	__asm__ volatile("fxrstor64 %0" : : "m"(*(const u8(*)[FX_SIZE])area));
}

static void host_xsave(u8 *area, u64 mask)
{
	__asm__ volatile("xsave64 %0"
			 : "+m"(*(u8(*)[XS_SIZE])area)
			 : "a"((u32)mask), "d"((u32)(mask >> 32)));
}

static void host_xsavec(u8 *area, u64 mask)
{
	__asm__ volatile("xsavec64 %0"
			 : "+m"(*(u8(*)[XS_SIZE])area)
			 : "a"((u32)mask), "d"((u32)(mask >> 32)));
}

static void host_xrstor(const u8 *area, u64 mask)
{
	__asm__ volatile("xrstor64 %0"
			 :
			 : "m"(*(const u8(*)[XS_SIZE])area),
			   "a"((u32)mask), "d"((u32)(mask >> 32)));
}

static void host_fnstenv(u8 *env)
{
	__asm__ volatile("fnstenv %0" : "=m"(*(u8(*)[ENV32_SIZE])env));
}

static void host_fldenv(const u8 *env)
{
	__asm__ volatile("fldenv %0" : : "m"(*(const u8(*)[ENV32_SIZE])env));
}

static void host_fnsave(u8 *area)
{
	__asm__ volatile("fnsave %0" : "=m"(*(u8(*)[SAVE32_SIZE])area));
}

static void host_frstor(const u8 *area)
{
	__asm__ volatile("frstor %0" : : "m"(*(const u8(*)[SAVE32_SIZE])area));
}

static u16 host_fnstsw(void)
{
	u16 sw;

	__asm__ volatile("fnstsw %0" : "=a"(sw));
	return sw;
}

/* --- gates and operands */

/* #NM, #UD as the row's gate says; a waiting form also takes #MF. */
static int fpu_gate(struct vcpu *v, const struct insn *i)
{
	const struct cpu *c = &v->cpu;
	bool xsave = i->row->gate == GATE_XSAVE;

	if (xsave && !(c->cr4 & CR4_OSXSAVE))
		return sys_fail_ud(v);
	if ((c->cr0 & CR0_TS) || (!xsave && (c->cr0 & CR0_EM))) {
		exc_raise(v, VEC_NM);
		return -1;
	}
	return 0;
}

/* Address of the whole operand, checked for the access and its alignment. */
static int fpu_operand(struct vcpu *v, const struct insn *i, unsigned size,
		       unsigned align, bool write, gva_t *la)
{
	enum mmu_access acc = write ? MMU_WRITE : MMU_READ;

	if (seg_ea(v, i, size, acc, la))
		return -1;
	if (*la & (align - 1))
		return sys_fail(v, VEC_GP, 0);
	if (gmem_probe(v, *la, size, acc, vcpu_priv(v)))
		return -1;
	vcpu_fpu_get(v);
	return 0;
}

/* FERR# or #MF for a pending exception before a waiting instruction. */
static bool fpu_pending(struct vcpu *v, enum hret *r)
{
	if (!(host_fnstsw() & FSW_ES))
		return false;
	if (v->cpu.cr0 & CR0_NE) {
		*r = exc_raise(v, VEC_MF);
	} else {
		v->run->reason = UMBRA_EXIT_FERR;
		v->halted = true; /* until an interrupt comes */
		*r = H_EXIT;
	}
	return true;
}

/* --- FIP and FDP */

static u32 fpu_guest_fip(struct vcpu *v, u64 fip)
{
	return fip ? fpu_map_fip(v, fip) : 0;
}

/* A data pointer is a guest address already, or one in the window, or one of
 * the monitor's own (an access through a bounce buffer), which says nothing. */
u32 fpu_map_fdp(const struct vcpu *v, u64 fdp)
{
	if (fdp <= 0xffffffffu)
		return (u32)fdp;
	if (fdp - v->cpu.window <= 0xffffffffu)
		return (u32)(fdp - v->cpu.window);
	return 0;
}

/* Converts the 64-bit pointers of an image to FIP, FCS, FDP, FDS. */
static void fpu_fix_pointers(struct vcpu *v, u8 *area)
{
	u32 fip = fpu_guest_fip(v, light_get64(area + FX_FIP));
	u32 fdp = fpu_map_fdp(v, light_get64(area + FX_FDP));

	light_put64(area + FX_FIP, fip);
	light_put64(area + FX_FDP, fdp);
}

/* --- fxsave, fxrstor */

/* Outside 64-bit mode what follows xmm7 is not touched. */
static enum hret fpu_fxsave(struct vcpu *v, const struct insn *i)
{
	u8 *area = v->cpu.bounce;
	gva_t la;

	if (fpu_operand(v, i, FX_SIZE, 16, true, &la))
		return H_EXC;
	light_zero(area, FX_SIZE);
	host_fxsave(area);
	fpu_fix_pointers(v, area);
	light_put32(area + FX_MASK, MXCSR_BITS);
	return gmem_write(v, la, area, FX_LEGACY_END, vcpu_priv(v)) ? H_EXC :
								      H_NEXT;
}

/* An image of 32-bit pointers and selectors, for the host's 64-bit form. */
static void fpu_trim_pointers(u8 *area)
{
	light_put32(area + FX_FIP + 4, 0);
	light_put32(area + FX_FDP + 4, 0);
}

static enum hret fpu_fxrstor(struct vcpu *v, const struct insn *i)
{
	u8 *area = v->cpu.bounce;
	gva_t la;

	if (fpu_operand(v, i, FX_SIZE, 16, false, &la) ||
	    gmem_read(v, la, area, FX_SIZE, vcpu_priv(v)))
		return H_EXC;
	if (light_get32(area + FX_MXCSR) & ~MXCSR_BITS)
		return exc_gp(v, 0);
	fpu_trim_pointers(area);
	light_zero(area + FX_XMM8, 128);
	vcpu_fpu_get(v);
	host_fxrstor(area);
	return H_NEXT;
}

/* --- the xsave family */

static u64 fpu_rfbm(const struct vcpu *v)
{
	u64 mask = gpr_get(v, R_AX, 4) | (u64)gpr_get(v, R_DX, 4) << 32;

	return mask & v->cpu.xcr0;
}

static unsigned fpu_xsave_size(u64 mask)
{
	return mask & XCR0_AVX ? XS_SIZE : XS_HDR_END;
}

static bool fpu_is_compact(const struct insn *i)
{
	return i->row->op == OP_XSAVEC || i->row->op == OP_XSAVES;
}

/*
 * XSAVEOPT is XSAVE here: its modified optimisation would compare with the
 * bounce area, not with the guest's. XSAVES without supervisor components is
 * XSAVEC. The guest's bytes come first, since components that are not
 * requested keep their place in memory and in XSTATE_BV.
 */
static enum hret fpu_xsave(struct vcpu *v, const struct insn *i)
{
	u64 mask = fpu_rfbm(v);
	unsigned size = fpu_xsave_size(mask);
	u8 *area = v->cpu.bounce;
	gva_t la;

	if (fpu_operand(v, i, size, 64, true, &la) ||
	    gmem_read(v, la, area, size, vcpu_priv(v)))
		return H_EXC;
	vcpu_fpu_get(v);
	/* Some processors leave FIP and FDP out when no exception pends. */
	if (mask & XCR0_X87)
		light_zero(area + FX_FIP, 16);
	if (fpu_is_compact(i))
		host_xsavec(area, mask);
	else
		host_xsave(area, mask);
	if (mask & XCR0_X87 & light_get64(area + XS_BV))
		fpu_fix_pointers(v, area);
	/* The compacted form has MXCSR with SSE only, and if that is in use. */
	if (mask & (fpu_is_compact(i) ? XCR0_SSE & light_get64(area + XS_BV) :
					XCR0_SSE | XCR0_AVX))
		light_put32(area + FX_MASK, MXCSR_BITS);
	/* xmm8..15 and their upper halves: whatever the guest had is kept by
	 * the architecture outside 64-bit mode. */
	return gmem_write(v, la, area, FX_LEGACY_END, vcpu_priv(v)) ||
			       gmem_write(v, la + XS_BV, area + XS_BV, 64,
					  vcpu_priv(v)) ||
			       (size > XS_HDR_END &&
				gmem_write(v, la + XS_AVX, area + XS_AVX, 128,
					   vcpu_priv(v))) ?
		       H_EXC : H_NEXT;
}

static bool fpu_is_zero(const u8 *p, unsigned n)
{
	u8 any = 0;

	while (n--)
		any |= *p++;
	return !any;
}

/* SDM vol. 1, 13.8.1 and 13.8.2: what XRSTOR refuses with #GP(0). */
static bool fpu_header_valid(const struct vcpu *v, const u8 *area,
			     bool need_compact)
{
	u64 bv = light_get64(area + XS_BV);
	u64 comp = light_get64(area + XS_XCOMP_BV);

	if (bv & ~v->cpu.xcr0)
		return false;
	if (!(comp & XCOMP_FORMAT))
		return !need_compact && fpu_is_zero(area + XS_XCOMP_BV, 16);
	if (!sys_has(v, FEAT_XSAVEC))
		return false;
	comp &= ~XCOMP_FORMAT;
	return !(comp & ~v->cpu.xcr0) && !(bv & ~comp) &&
	       fpu_is_zero(area + XS_XCOMP_BV + 8, 48);
}

/* With the standard format MXCSR is loaded whenever SSE or AVX is asked for;
 * with the compacted one, when SSE is and XSTATE_BV has it. */
static bool fpu_mxcsr_valid(const u8 *area, u64 mask)
{
	bool compact = light_get64(area + XS_XCOMP_BV) & XCOMP_FORMAT;

	if (compact)
		mask &= light_get64(area + XS_BV) & XCR0_SSE;
	if (!(mask & (XCR0_SSE | XCR0_AVX)))
		return true;
	return !(light_get32(area + FX_MXCSR) & ~MXCSR_BITS);
}

static enum hret fpu_xrstor(struct vcpu *v, const struct insn *i)
{
	u64 mask = fpu_rfbm(v);
	u8 *area = v->cpu.bounce;
	gva_t la;

	if (fpu_operand(v, i, XS_HDR_END, 64, false, &la) ||
	    gmem_read(v, la, area, XS_HDR_END, vcpu_priv(v)))
		return H_EXC;
	if (!fpu_header_valid(v, area, i->row->op == OP_XRSTORS) ||
	    !fpu_mxcsr_valid(area, mask))
		return exc_gp(v, 0);
	fpu_trim_pointers(area);
	/* xmm8..15 stay out of reach of the guest. */
	light_zero(area + FX_XMM8, 128);
	/* What the header says is not there need not be readable. */
	if (mask & light_get64(area + XS_BV) & XCR0_AVX) {
		if (fpu_operand(v, i, XS_SIZE, 64, false, &la) ||
		    gmem_read(v, la + XS_AVX, area + XS_AVX, 128,
			      vcpu_priv(v)))
			return H_EXC;
		light_zero(area + XS_AVX + 128, 128);
	}
	vcpu_fpu_get(v);
	host_xrstor(area, mask);
	return H_NEXT;
}

/* --- fnstenv, fldenv, fnsave, frstor */

struct fpu_env {
	u16 fcw, fsw, ftw, fop;
	u32 fip, fdp;
};

static void fpu_env_get(struct vcpu *v, struct fpu_env *e)
{
	u8 *area = v->cpu.bounce, env[ENV32_SIZE];

	light_zero(area, FX_SIZE);
	host_fxsave(area);
	host_fnstenv(env);
	e->fcw = light_get16(env);
	e->fsw = light_get16(env + 4);
	e->ftw = light_get16(env + 8);
	e->fop = light_get16(area + FX_FOP) & 0x7ff;
	e->fip = fpu_guest_fip(v, light_get64(area + FX_FIP));
	e->fdp = fpu_map_fdp(v, light_get64(area + FX_FDP));
}

static void fpu_env_to_host(const struct fpu_env *e, u8 *env)
{
	light_put32(env, e->fcw);
	light_put32(env + 4, e->fsw);
	light_put32(env + 8, e->ftw);
	light_put32(env + 12, e->fip);
	light_put32(env + 16, (u32)e->fop << 16);
	light_put32(env + 20, e->fdp);
	light_put32(env + 24, 0);
}

/* SDM vol. 1, figures 8-9 to 8-12. Reserved halves of the 32-bit formats are
 * ones. Returns the length. */
static unsigned fpu_env_format(const struct fpu_env *e, u8 *p, bool wide,
			       bool prot)
{
	const u32 ones = 0xffff0000;

	if (wide) {
		light_put32(p, ones | e->fcw);
		light_put32(p + 4, ones | e->fsw);
		light_put32(p + 8, ones | e->ftw);
		light_put32(p + 12, prot ? e->fip : ones | (e->fip & 0xffff));
		light_put32(p + 16, prot ? (u32)e->fop << 16 :
					   (e->fip >> 16) << 12 | e->fop);
		light_put32(p + 20, prot ? e->fdp : ones | (e->fdp & 0xffff));
		light_put32(p + 24, prot ? ones : (e->fdp >> 16) << 12);
		return ENV32_SIZE;
	}
	light_put16(p, e->fcw);
	light_put16(p + 2, e->fsw);
	light_put16(p + 4, e->ftw);
	light_put16(p + 6, (u16)e->fip);
	light_put16(p + 8, prot ? 0 :
				  (u16)((e->fip >> 16 & 15) << 12 | e->fop));
	light_put16(p + 10, (u16)e->fdp);
	light_put16(p + 12, prot ? 0 : (u16)((e->fdp >> 16 & 15) << 12));
	return 14;
}

static void fpu_env_parse(struct fpu_env *e, const u8 *p, bool wide, bool prot)
{
	unsigned w = wide ? 4 : 2;
	u32 ip = light_get16(p + 3 * w), dp = light_get16(p + 5 * w);
	u32 hi = light_get16(p + 4 * w);

	e->fcw = light_get16(p);
	e->fsw = light_get16(p + w);
	e->ftw = light_get16(p + 2 * w);
	e->fop = 0;
	if (wide && prot) {
		e->fip = light_get32(p + 12);
		e->fop = light_get16(p + 18) & 0x7ff;
		e->fdp = light_get32(p + 20);
	} else if (prot) {
		e->fip = ip;
		e->fdp = dp;
	} else {
		u32 ih = wide ? light_get32(p + 16) : hi;
		u32 dh = wide ? light_get32(p + 24) : light_get16(p + 12);

		e->fop = ih & 0x7ff;
		e->fip = ip | (ih >> 12 & 0xffff) << 16;
		e->fdp = dp | (dh >> 12 & 0xffff) << 16;
	}
}

static unsigned fpu_env_size(const struct insn *i)
{
	return i->opsize == 2 ? 14 : ENV32_SIZE;
}

static enum hret fpu_fnstenv(struct vcpu *v, const struct insn *i)
{
	struct fpu_env e;
	unsigned n;
	gva_t la;
	u8 p[ENV32_SIZE];

	if (fpu_operand(v, i, fpu_env_size(i), 1, true, &la))
		return H_EXC;
	fpu_env_get(v, &e);
	n = fpu_env_format(&e, p, i->opsize != 2, cpu_is_protected(&v->cpu));
	return gmem_write(v, la, p, n, vcpu_priv(v)) ? H_EXC : H_NEXT;
}

static enum hret fpu_fldenv(struct vcpu *v, const struct insn *i)
{
	u8 p[ENV32_SIZE], env[ENV32_SIZE];
	struct fpu_env e;
	enum hret r;
	gva_t la;

	vcpu_fpu_get(v);
	if (fpu_pending(v, &r))
		return r;
	if (fpu_operand(v, i, fpu_env_size(i), 1, false, &la) ||
	    gmem_read(v, la, p, fpu_env_size(i), vcpu_priv(v)))
		return H_EXC;
	fpu_env_parse(&e, p, i->opsize != 2, cpu_is_protected(&v->cpu));
	fpu_env_to_host(&e, env);
	vcpu_fpu_get(v);
	host_fldenv(env);
	return H_NEXT;
}

/* The x87 is initialised after the save; memory was probed before. */
static enum hret fpu_fnsave(struct vcpu *v, const struct insn *i)
{
	unsigned n = fpu_env_size(i);
	u8 raw[SAVE32_SIZE], p[SAVE32_SIZE];
	struct fpu_env e;
	gva_t la;

	if (fpu_operand(v, i, n + ST_BYTES, 1, true, &la))
		return H_EXC;
	fpu_env_get(v, &e);
	/* fnstenv masked the exceptions; the registers are untouched. */
	host_fnsave(raw);
	fpu_env_format(&e, p, i->opsize != 2, cpu_is_protected(&v->cpu));
	light_copy(p + n, raw + ENV32_SIZE, ST_BYTES);
	return gmem_write(v, la, p, n + ST_BYTES, vcpu_priv(v)) ? H_EXC :
								  H_NEXT;
}

static enum hret fpu_frstor(struct vcpu *v, const struct insn *i)
{
	unsigned n = fpu_env_size(i);
	u8 p[SAVE32_SIZE], raw[SAVE32_SIZE];
	struct fpu_env e;
	enum hret r;
	gva_t la;

	vcpu_fpu_get(v);
	if (fpu_pending(v, &r))
		return r;
	if (fpu_operand(v, i, n + ST_BYTES, 1, false, &la) ||
	    gmem_read(v, la, p, n + ST_BYTES, vcpu_priv(v)))
		return H_EXC;
	fpu_env_parse(&e, p, i->opsize != 2, cpu_is_protected(&v->cpu));
	fpu_env_to_host(&e, raw);
	light_copy(raw + ENV32_SIZE, p + n, ST_BYTES);
	vcpu_fpu_get(v);
	host_frstor(raw);
	return H_NEXT;
}

enum hret sys_fpu(struct vcpu *v, const struct insn *i)
{
	if (!i->has_mem)
		return exc_raise(v, VEC_UD);
	if (fpu_gate(v, i))
		return H_EXC;
	switch (i->row->op) {
	case OP_FXSAVE:
		return fpu_fxsave(v, i);
	case OP_FXRSTOR:
		return fpu_fxrstor(v, i);
	case OP_FNSTENV:
		return fpu_fnstenv(v, i);
	case OP_FLDENV:
		return fpu_fldenv(v, i);
	case OP_FNSAVE:
		return fpu_fnsave(v, i);
	case OP_FRSTOR:
		return fpu_frstor(v, i);
	case OP_XRSTOR:
	case OP_XRSTORS:
		return fpu_xrstor(v, i);
	default:
		return fpu_xsave(v, i);
	}
}
