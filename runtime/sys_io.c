// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_io.c - port I/O: permission by IOPL and the TSS's bitmap (SDM vol. 1,
 * 19.5), exits to the client and their completion.
 *
 * An exit leaves EIP at the instruction; sys_io_complete() moves the data and
 * advances. A repeated string instruction makes one exit an element and is
 * found again at the same EIP while ECX is not 0. Runs on light exits.
 */
#include "probe.h"
#include "sys_impl.h"

static int io_check_bitmap(struct vcpu *v, u16 port, unsigned size)
{
	const struct seg *tr = &v->cpu.tr;
	u16 base, bits;
	u32 off;

	/* Only a 32-bit TSS has a bitmap. */
	if (!(tr->attr & SEG_ATTR_P) || !(tr->attr & 8) || tr->limit < 103)
		return sys_fail(v, VEC_GP, 0);
	if (gmem_read(v, (u32)(tr->base + 102), &base, 2, MMU_IMPLICIT))
		return -1;
	/* Two bytes are always read: a map needs a byte of ones behind it. */
	off = base + port / 8u;
	if (off + 1 > tr->limit)
		return sys_fail(v, VEC_GP, 0);
	if (gmem_read(v, (u32)(tr->base + off), &bits, 2, MMU_IMPLICIT))
		return -1;
	if (bits >> (port & 7) & ((1u << size) - 1))
		return sys_fail(v, VEC_GP, 0);
	return 0;
}

static int io_check(struct vcpu *v, u16 port, unsigned size)
{
	const struct cpu *c = &v->cpu;

	if (!(c->cr0 & CR0_PE))
		return 0;
	if (!cpu_is_vm86(c) && c->cpl <= cpu_iopl(c))
		return 0;
	return io_check_bitmap(v, port, size);
}

/* in and out have no memory operand that would tell; all are byte-sized at
 * even opcodes, and 64-bit operands are 32-bit. */
static u8 io_size(const struct insn *i)
{
	if (!(i->opcode & 1))
		return 1;
	return i->opsize == 2 ? 2 : 4;
}

static enum hret io_exit(struct vcpu *v, const struct insn *i, u16 port,
			 bool in, u32 data)
{
	if (!in && probe_on(v, UMBRA_EVENT_PORT))
		probe_port(v, port, io_size(i), false, data);
	v->run->reason = UMBRA_EXIT_IO;
	v->run->io.port = port;
	v->run->io.size = io_size(i);
	v->run->io.in = in;
	v->run->io.data = data;
	v->io = (struct io_state){
		.pending = true,
		.size = io_size(i),
		.in = in,
		.port = port,
		.adsize = i->adsize,
		.seg = i->seg,
		.len = i->len,
	};
	return H_EXIT;
}

/* Immediate forms have a byte of port number, the others use DX. */
static u16 io_port(const struct vcpu *v, const struct insn *i)
{
	return i->immsize ? (u8)i->imm : (u16)v->cpu.gpr[R_DX];
}

enum hret sys_in(struct vcpu *v, const struct insn *i)
{
	u16 port = io_port(v, i);

	if (io_check(v, port, io_size(i)))
		return H_EXC;
	return io_exit(v, i, port, true, 0);
}

enum hret sys_out(struct vcpu *v, const struct insn *i)
{
	u16 port = io_port(v, i);

	if (io_check(v, port, io_size(i)))
		return H_EXC;
	return io_exit(v, i, port, false,
		       (u32)v->cpu.gpr[R_AX] &
			       (u32)((1ull << (8 * io_size(i))) - 1));
}

/* --- string forms */

static u32 io_offset(const struct vcpu *v, unsigned reg, unsigned adsize)
{
	return gpr_get(v, reg, adsize);
}

static bool io_string_done(const struct vcpu *v, const struct insn *i)
{
	return (i->rep || i->repne) && !string_count(v, i->adsize);
}

enum hret sys_ins(struct vcpu *v, const struct insn *i)
{
	u16 port = (u16)v->cpu.gpr[R_DX];
	gva_t la;
	enum hret r;

	if (io_check(v, port, io_size(i)))
		return H_EXC;
	if (io_string_done(v, i))
		return H_NEXT;
	/* The destination is proved before the device is asked. */
	if (seg_check(v, CPU_ES, io_offset(v, R_DI, i->adsize), io_size(i),
		      MMU_WRITE, &la) ||
	    gmem_probe(v, la, io_size(i), MMU_WRITE, vcpu_priv(v)))
		return H_EXC;
	r = io_exit(v, i, port, true, 0);
	v->io.string = true;
	v->io.rep = i->rep || i->repne;
	return r;
}

enum hret sys_outs(struct vcpu *v, const struct insn *i)
{
	u16 port = (u16)v->cpu.gpr[R_DX];
	u32 data = 0;
	gva_t la;
	enum hret r;

	if (io_check(v, port, io_size(i)))
		return H_EXC;
	if (io_string_done(v, i))
		return H_NEXT;
	if (seg_check(v, i->seg, io_offset(v, R_SI, i->adsize), io_size(i),
		      MMU_READ, &la) ||
	    gmem_read(v, la, &data, io_size(i), vcpu_priv(v)))
		return H_EXC;
	r = io_exit(v, i, port, false, data);
	v->io.string = true;
	v->io.rep = i->rep || i->repne;
	return r;
}

/* --- completion */

static enum hret io_complete_string(struct vcpu *v)
{
	const struct io_state *io = &v->io;
	unsigned reg = io->in ? R_DI : R_SI;
	u32 left = 0;
	gva_t la;

	if (io->in &&
	    (seg_check(v, CPU_ES, io_offset(v, R_DI, io->adsize), io->size,
		       MMU_WRITE, &la) ||
	     gmem_write(v, la, &v->run->io.data, io->size, vcpu_priv(v))))
		return v->exc.pending ? H_EXC : H_EXIT;
	string_advance(v, reg, io->adsize, io->size);
	if (io->rep) {
		left = string_count(v, io->adsize) - 1;
		string_set_count(v, io->adsize, left);
	}
	if (!left)
		v->cpu.rip = vcpu_rip32(v) + io->len;
	return H_END;
}

enum hret sys_io_complete(struct vcpu *v)
{
	const struct io_state *io = &v->io;

	v->io.pending = false;
	v->exc.pending = false;
	if (io->msr)
		return msr_complete(v);
	if (io->in && probe_on(v, UMBRA_EVENT_PORT))
		probe_port(v, io->port, io->size, true,
			   v->run->io.data &
				   (u32)((1ull << (8 * io->size)) - 1));
	if (io->string)
		return io_complete_string(v);
	if (io->in)
		gpr_set(v, R_AX, io->size, v->run->io.data);
	v->cpu.rip = vcpu_rip32(v) + io->len;
	return H_END;
}
