// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debug_state.c - the guest's x87 and SSE registers and its memory by linear
 * address, for a client that debugs it (umbra.h). The vCPU is outside
 * umbra_vcpu_run, on its own thread; none of it leaves a trace in the guest
 * but what is written.
 */
#include <string.h>

#include "engine.h"
#include "lightmem.h"

/* Offsets in the state image (SDM vol. 1, table 10-2). */
enum {
	FX_FCW = 0, FX_FTW = 4, FX_FOP = 6, FX_FDP = 16,
	FX_MXCSR = 24, FX_MXCSR_MASK = 28, FX_ST = 32, FX_XMM = 160,
	FX_XSTATE_BV = 512,
};
#define MXCSR_MASK_DEFAULT 0xffbfu /* where the image has 0 */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

/* Tag of an 80-bit value (SDM vol. 1, 8.1.7). */
static unsigned fpu_tag(const u8 *st)
{
	u64 mantissa = light_get64(st);
	u16 exponent = light_get16(st + 8) & 0x7fff;

	if (exponent == 0x7fff)
		return TAG_SPECIAL;
	if (!exponent)
		return mantissa ? TAG_SPECIAL : TAG_ZERO;
	return mantissa >> 63 ? TAG_VALID : TAG_SPECIAL;
}

/* Tags go by register, the image by its place in the stack. */
static unsigned fpu_place(unsigned reg, u16 fsw)
{
	return (reg - (fsw >> 11 & 7)) & 7;
}

int umbra_get_fpu(struct vcpu *v, struct umbra_fpu *f)
{
	const u8 *area = v->cpu.xsave_area;
	u8 abridged;

	vcpu_fpu_put(v);
	memset(f, 0, sizeof(*f));
	f->fcw = light_get16(area + FX_FCW);
	f->fsw = light_get16(area + FX_FSW);
	f->fop = light_get16(area + FX_FOP);
	f->fip = fpu_map_fip(v, light_get64(area + FX_FIP));
	f->fdp = fpu_map_fdp(v, light_get64(area + FX_FDP));
	f->mxcsr = light_get32(area + FX_MXCSR);
	for (unsigned i = 0; i < 8; i++) {
		memcpy(f->st[i], area + FX_ST + 16 * i, sizeof(f->st[i]));
		memcpy(f->xmm[i], area + FX_XMM + 16 * i, sizeof(f->xmm[i]));
	}
	abridged = area[FX_FTW];
	for (unsigned i = 0; i < 8; i++) {
		unsigned tag = abridged >> i & 1 ?
				       fpu_tag(f->st[fpu_place(i, f->fsw)]) :
				       TAG_EMPTY;

		f->ftw |= (u16)(tag << (2 * i));
	}
	return 0;
}

int umbra_set_fpu(struct vcpu *v, const struct umbra_fpu *f)
{
	u8 *area = v->cpu.xsave_area;
	u32 mask;
	u8 abridged = 0;

	vcpu_fpu_put(v);
	mask = light_get32(area + FX_MXCSR_MASK);
	for (unsigned i = 0; i < 8; i++) {
		if ((f->ftw >> (2 * i) & 3) != TAG_EMPTY)
			abridged |= (u8)(1u << i);
		memcpy(area + FX_ST + 16 * i, f->st[i], sizeof(f->st[i]));
		memcpy(area + FX_XMM + 16 * i, f->xmm[i], sizeof(f->xmm[i]));
	}
	light_put16(area + FX_FCW, f->fcw);
	light_put16(area + FX_FSW, f->fsw);
	area[FX_FTW] = abridged;
	light_put16(area + FX_FOP, f->fop & 0x7ff);
	/* Host addresses that stand for the guest's stay if nothing changed. */
	if (fpu_map_fip(v, light_get64(area + FX_FIP)) != f->fip)
		light_put64(area + FX_FIP, f->fip);
	if (fpu_map_fdp(v, light_get64(area + FX_FDP)) != f->fdp)
		light_put64(area + FX_FDP, f->fdp);
	light_put32(area + FX_MXCSR,
		    f->mxcsr & (mask ? mask : MXCSR_MASK_DEFAULT));
	if (v->vm->host.xcr0)
		area[FX_XSTATE_BV] |= 3; /* x87 and SSE are in the image */
	return 0;
}

int umbra_translate(struct vcpu *v, uint64_t la, uint64_t *gpa)
{
	return vmmu_debug_walk(v->mmu, (u32)la, gpa) ? 0 : -EFAULT;
}

/* Where the host sees the rest of the page from la, in *n bytes at most. */
static u8 *linear_host(struct vcpu *v, u64 la, size_t *n, gpa_t *gpa)
{
	*n = MIN(*n, (size_t)(PAGE_SIZE - (la & ~PAGE_MASK)));
	if (umbra_translate(v, la, gpa))
		return NULL;
	return mmu_ram(v->vm->mmu, *gpa, *n);
}

int umbra_read_linear(struct vcpu *v, uint64_t la, void *buf, size_t len)
{
	u8 *out = buf;
	gpa_t gpa;

	for (size_t n; len; len -= n, la += n, out += n) {
		const u8 *p;

		n = len;
		p = linear_host(v, la, &n, &gpa);
		if (!p)
			return -EFAULT;
		memcpy(out, p, n);
	}
	return 0;
}

int umbra_write_linear(struct vcpu *v, uint64_t la, const void *buf,
		       size_t len)
{
	const u8 *in = buf;
	gpa_t gpa;

	for (size_t at = 0, n; at < len; at += n) {
		n = len - at;
		if (!linear_host(v, la + at, &n, &gpa))
			return -EFAULT;
	}
	for (size_t n; len; len -= n, la += n, in += n) {
		n = len;
		if (!linear_host(v, la, &n, &gpa) ||
		    umbra_ram_write(v->vm, gpa, in, n))
			return -EFAULT;
	}
	return 0;
}
