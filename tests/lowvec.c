/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowvec.c - see lowvec.h. The functions of runtime/vcpu.h that sys_vector.c
 * needs are defined here in the engine's place: guest memory is what lowrun.c
 * maps at its own addresses, segments are those of its struct cpu.
 */
#include <string.h>
#include "lowvec.h"
#include "runtime/sys_impl.h"

static bool low_maps(u32 la)
{
	return low_mem_offset(la) != LOW_MEM || la - LOW_CODE < PAGE_SIZE;
}

static bool low_is_ro(u32 la)
{
	u32 page = (la - LOW_DATA) / PAGE_SIZE;

	return page < LOW_DATA_PAGES && LOW_RO_PAGES >> page & 1;
}

int gmem_probe(struct vcpu *v, gva_t la, unsigned len, enum mmu_access acc,
	       enum mmu_priv priv)
{
	(void)priv;
	for (unsigned i = 0; i < len; i++) {
		u32 at = (u32)la + i;
		bool write = acc & MMU_WRITE;

		if (low_maps(at) && !(write && low_is_ro(at)))
			continue;
		exc_pf(v, at, PFEC_U | (write ? PFEC_W : 0) |
				      (low_maps(at) ? PFEC_P : 0));
		return -1;
	}
	return 0;
}

int gmem_read(struct vcpu *v, gva_t la, void *buf, unsigned len,
	      enum mmu_priv priv)
{
	if (gmem_probe(v, la, len, MMU_READ, priv))
		return -1;
	memcpy(buf, (void *)la, len);
	return 0;
}

int gmem_write(struct vcpu *v, gva_t la, const void *buf, unsigned len,
	       enum mmu_priv priv)
{
	if (gmem_probe(v, la, len, MMU_WRITE, priv))
		return -1;
	memcpy((void *)la, buf, len);
	return 0;
}

enum hret exc_raise_err(struct vcpu *v, unsigned vector, u32 error)
{
	v->exc = (struct gexc){ .pending = true, .vector = vector,
				.error = error };
	return H_EXC;
}

enum hret exc_raise(struct vcpu *v, unsigned vector)
{
	return exc_raise_err(v, vector, 0);
}

enum hret exc_pf(struct vcpu *v, gva_t cr2, u32 pfec)
{
	exc_raise_err(v, VEC_PF, pfec);
	v->exc.cr2 = cr2;
	return H_EXC;
}

int seg_check(struct vcpu *v, unsigned seg, u32 off, unsigned size,
	      enum mmu_access acc, gva_t *la)
{
	const struct seg *s = &v->cpu.seg[seg];

	if (!(acc & MMU_WRITE ? s->writable : s->readable) || off < s->lo ||
	    (u64)off + size - 1 > s->hi)
		return sys_fail(v, seg == CPU_SS ? VEC_SS : VEC_GP, 0);
	*la = (u32)(s->base + off);
	return 0;
}

u32 seg_insn_off(const struct vcpu *v, const struct insn *i)
{
	u32 off = (u32)i->disp;

	if (i->base >= 0)
		off += (u32)v->cpu.gpr[i->base];
	if (i->index >= 0)
		off += (u32)v->cpu.gpr[i->index] << i->scale;
	return i->adsize == 2 ? (u16)off : off;
}

u32 gpr_get(const struct vcpu *v, unsigned reg, unsigned size)
{
	return size == 2 ? (u16)v->cpu.gpr[reg] : (u32)v->cpu.gpr[reg];
}

void vcpu_fpu_put(struct vcpu *v)
{
	v->cpu.fpu_saved = 1;
}

bool low_is_vector(const struct insn *insn)
{
	switch (insn->row->op) {
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_VMASKMOVDQU:
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		return true;
	}
	return insn->row->reach == REACH_GATHER;
}

void low_run_vector(const struct insn *insn, struct low_result *r)
{
	static const struct umbra_host host = { .xcr0 = 7 };
	static struct vcpu v;

	memset(&v, 0, sizeof(v));
	v.host = &host;
	v.cpu.cr0 = CR0_PE | CR0_NE;
	v.cpu.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
	v.cpu.xcr0 = 7;
	for (unsigned i = 0; i < 8; i++)
		v.cpu.gpr[i] = r->regs.gpr[i];
	memcpy(v.cpu.seg, low_cpu()->seg, sizeof(v.cpu.seg));
	memcpy(v.cpu.xsave_area, r->ximage, sizeof(r->ximage));
	r->end = sys_vector(&v, insn) == H_NEXT ? LOW_FALL : LOW_FAULT;
	if (r->end == LOW_FAULT) {
		r->trapno = v.exc.vector;
		r->err = v.exc.error;
		r->cr2 = (u32)v.exc.cr2;
	}
	memcpy(r->ximage, v.cpu.xsave_area, sizeof(r->ximage));
	low_memory(r->mem);
}
