// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub_target.c - registers, memory and monitor commands of a vCPU; see
 * gdbstub_target.h.
 *
 * eip is told as a linear address, CS base and all: gdb knows no segments, and
 * its breakpoints and listings are by linear address in real mode too. The
 * offset in CS is what "monitor info registers" prints.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gdbstub_target.h"
#include "runtime/bits.h"

/* Everything that makes up the image. */
struct state {
	struct umbra_regs r;
	struct umbra_sregs s;
	struct umbra_fpu f;
};

static struct umbra_segment *state_seg(struct state *st, unsigned n)
{
	struct umbra_segment *const segs[] = { &st->s.cs, &st->s.ss, &st->s.ds,
					       &st->s.es, &st->s.fs, &st->s.gs };

	return segs[n];
}

static u64 *state_gpr(struct state *st, unsigned n)
{
	u64 *const gprs[] = { &st->r.rax, &st->r.rcx, &st->r.rdx, &st->r.rbx,
			      &st->r.rsp, &st->r.rbp, &st->r.rsi, &st->r.rdi };

	return gprs[n];
}

static void state_read(struct vcpu *v, struct state *st)
{
	umbra_get_regs(v, &st->r);
	umbra_get_sregs(v, &st->s);
	umbra_get_fpu(v, &st->f);
}

static void fpu_to_image(const struct umbra_fpu *f, u8 *image)
{
	for (unsigned i = 0; i < 8; i++) {
		memcpy(image + gdb_reg_offset(GDB_ST0 + i), f->st[i],
		       GDB_ST_BYTES);
		memcpy(image + gdb_reg_offset(GDB_XMM0 + i), f->xmm[i],
		       GDB_XMM_BYTES);
	}
	gdb_reg_set(image, GDB_FCTRL, f->fcw);
	gdb_reg_set(image, GDB_FSTAT, f->fsw);
	gdb_reg_set(image, GDB_FTAG, f->ftw);
	gdb_reg_set(image, GDB_FISEG, f->fcs);
	gdb_reg_set(image, GDB_FIOFF, f->fip);
	gdb_reg_set(image, GDB_FOSEG, f->fds);
	gdb_reg_set(image, GDB_FOOFF, f->fdp);
	gdb_reg_set(image, GDB_FOP, f->fop);
	gdb_reg_set(image, GDB_MXCSR, f->mxcsr);
}

static void image_to_fpu(const u8 *image, struct umbra_fpu *f)
{
	for (unsigned i = 0; i < 8; i++) {
		memcpy(f->st[i], image + gdb_reg_offset(GDB_ST0 + i),
		       GDB_ST_BYTES);
		memcpy(f->xmm[i], image + gdb_reg_offset(GDB_XMM0 + i),
		       GDB_XMM_BYTES);
	}
	f->fcw = (u16)gdb_reg_get(image, GDB_FCTRL);
	f->fsw = (u16)gdb_reg_get(image, GDB_FSTAT);
	f->ftw = (u16)gdb_reg_get(image, GDB_FTAG);
	f->fcs = (u16)gdb_reg_get(image, GDB_FISEG);
	f->fip = gdb_reg_get(image, GDB_FIOFF);
	f->fds = (u16)gdb_reg_get(image, GDB_FOSEG);
	f->fdp = gdb_reg_get(image, GDB_FOOFF);
	f->fop = (u16)gdb_reg_get(image, GDB_FOP);
	f->mxcsr = gdb_reg_get(image, GDB_MXCSR);
}

static void state_to_image(struct state *st, u8 *image)
{
	for (unsigned i = 0; i < 8; i++)
		gdb_reg_set(image, GDB_EAX + i, (u32)*state_gpr(st, i));
	gdb_reg_set(image, GDB_EIP, (u32)(st->s.cs.base + st->r.rip));
	gdb_reg_set(image, GDB_EFLAGS, (u32)st->r.rflags);
	for (unsigned i = 0; i < 6; i++) {
		gdb_reg_set(image, GDB_CS + i, state_seg(st, i)->selector);
		gdb_reg_set(image, GDB_CS_BASE + i,
			    (u32)state_seg(st, i)->base);
	}
	gdb_reg_set(image, GDB_CR0, (u32)st->s.cr0);
	gdb_reg_set(image, GDB_CR2, (u32)st->s.cr2);
	gdb_reg_set(image, GDB_CR3, (u32)st->s.cr3);
	gdb_reg_set(image, GDB_CR4, (u32)st->s.cr4);
	gdb_reg_set(image, GDB_EFER, (u32)st->s.efer);
	fpu_to_image(&st->f, image);
}

static int target_get_regs(void *opaque, u8 *image)
{
	struct gdb_target *t = opaque;
	struct state st;

	state_read(t->vcpu, &st);
	state_to_image(&st, image);
	return 0;
}

/* A selector loads a base in real and virtual-8086 mode. In protected mode
 * that would take a descriptor, with all that may fail about it. */
static int state_set_segs(struct state *st, const u8 *image, const u8 *old)
{
	bool simple = !(st->s.cr0 & CR0_PE) || (st->r.rflags & EFL_VM);

	for (unsigned i = 0; i < 6; i++) {
		struct umbra_segment *seg = state_seg(st, i);
		u32 sel = gdb_reg_get(image, GDB_CS + i);
		u32 base = gdb_reg_get(image, GDB_CS_BASE + i);

		if (base != gdb_reg_get(old, GDB_CS_BASE + i))
			seg->base = base;
		if (sel == seg->selector)
			continue;
		if (!simple || sel > 0xffff)
			return -EINVAL;
		seg->selector = (u16)sel;
		seg->base = sel << 4;
	}
	return 0;
}

/* VM and the mode of the segments go together: it is not gdb's to change. */
static int state_set_general(struct state *st, const u8 *image, const u8 *old)
{
	u32 flags = gdb_reg_get(image, GDB_EFLAGS);
	u32 pc = gdb_reg_get(image, GDB_EIP);

	if ((flags ^ gdb_reg_get(old, GDB_EFLAGS)) & EFL_VM)
		return -EINVAL;
	for (unsigned i = 0; i < 8; i++)
		*state_gpr(st, i) = gdb_reg_get(image, GDB_EAX + i);
	st->r.rflags = flags;
	if (pc != gdb_reg_get(old, GDB_EIP))
		st->r.rip = (u32)(pc - st->s.cs.base);
	return 0;
}

/* What did not change is not written: a CR3 that is loaded flushes. */
static int state_write(struct vcpu *v, struct state *st, const u8 *image,
		       const u8 *old)
{
	unsigned first = gdb_reg_offset(GDB_CR0);
	unsigned segs = gdb_reg_offset(GDB_CS);
	int err = 0;

	if (memcmp(image + first, old + first, GDB_REGS_BYTES - first) ||
	    memcmp(image + segs, old + segs, 6 * 4))
		err = umbra_set_sregs(v, &st->s);
	if (!err && memcmp(image, old, segs))
		err = umbra_set_regs(v, &st->r);
	if (!err)
		err = umbra_set_fpu(v, &st->f);
	return err;
}

static int target_set_regs(void *opaque, const u8 *image)
{
	struct gdb_target *t = opaque;
	u8 old[GDB_REGS_BYTES];
	struct state st, was;
	int err;

	state_read(t->vcpu, &st);
	was = st;
	state_to_image(&st, old);
	err = state_set_segs(&st, image, old);
	if (!err)
		err = state_set_general(&st, image, old);
	if (err)
		return err;
	st.s.cr0 = gdb_reg_get(image, GDB_CR0);
	st.s.cr2 = gdb_reg_get(image, GDB_CR2);
	st.s.cr3 = gdb_reg_get(image, GDB_CR3);
	st.s.cr4 = gdb_reg_get(image, GDB_CR4);
	st.s.efer = gdb_reg_get(image, GDB_EFER);
	image_to_fpu(image, &st.f);
	err = state_write(t->vcpu, &st, image, old);
	if (err) /* PDPTEs that CR3 leads to may be bad */
		umbra_set_sregs(t->vcpu, &was.s);
	return err;
}

static int target_jump(void *opaque, u32 pc)
{
	struct gdb_target *t = opaque;
	struct umbra_sregs s;
	struct umbra_regs r;

	umbra_get_sregs(t->vcpu, &s);
	umbra_get_regs(t->vcpu, &r);
	r.rip = (u32)(pc - s.cs.base);
	umbra_unhalt(t->vcpu);
	return umbra_set_regs(t->vcpu, &r);
}

static int target_read(void *opaque, u32 la, void *buf, size_t n)
{
	struct gdb_target *t = opaque;

	return umbra_read_linear(t->vcpu, la, buf, n);
}

static int target_write(void *opaque, u32 la, const void *buf, size_t n)
{
	struct gdb_target *t = opaque;

	return umbra_write_linear(t->vcpu, la, buf, n);
}

/* --- monitor */

static void monitor_help(FILE *f)
{
	fputs("info registers    all of the processor's state\n"
	      "stats             the engine's counters\n"
	      "translate ADDRESS  the physical address behind a linear one\n",
	      f);
}

static void monitor_segment(FILE *f, const char *name,
			    const struct umbra_segment *s)
{
	fprintf(f, "%s %04x base %08x limit %08x type %x s %u dpl %u p %u "
		   "db %u g %u\n",
		name, s->selector, (u32)s->base, s->limit, s->type, s->s,
		s->dpl, s->present, s->db, s->g);
}

static void monitor_registers(struct gdb_target *t, FILE *f)
{
	static const char *const names[] = { "cs", "ss", "ds", "es", "fs",
					     "gs" };
	struct state st;

	state_read(t->vcpu, &st);
	fprintf(f, "eax %08x ebx %08x ecx %08x edx %08x\n", (u32)st.r.rax,
		(u32)st.r.rbx, (u32)st.r.rcx, (u32)st.r.rdx);
	fprintf(f, "esi %08x edi %08x ebp %08x esp %08x\n", (u32)st.r.rsi,
		(u32)st.r.rdi, (u32)st.r.rbp, (u32)st.r.rsp);
	fprintf(f, "cs:eip %04x:%08x eflags %08x\n", st.s.cs.selector,
		(u32)st.r.rip, (u32)st.r.rflags);
	for (unsigned i = 0; i < 6; i++)
		monitor_segment(f, names[i], state_seg(&st, i));
	monitor_segment(f, "tr", &st.s.tr);
	monitor_segment(f, "ldt", &st.s.ldt);
	fprintf(f, "gdt %08x/%04x idt %08x/%04x\n", (u32)st.s.gdt.base,
		st.s.gdt.limit, (u32)st.s.idt.base, st.s.idt.limit);
	fprintf(f, "cr0 %08x cr2 %08x cr3 %08x cr4 %08x efer %x\n",
		(u32)st.s.cr0, (u32)st.s.cr2, (u32)st.s.cr3, (u32)st.s.cr4,
		(u32)st.s.efer);
}

static void monitor_translate(struct gdb_target *t, const char *text, FILE *f)
{
	char *end;
	unsigned long la = strtoul(text, &end, 16);
	u64 gpa;

	if (end == text || *end || la >> 32)
		fprintf(f, "translate: a hexadecimal address is needed\n");
	else if (umbra_translate(t->vcpu, la, &gpa))
		fprintf(f, "%08lx is not present\n", la);
	else
		fprintf(f, "%08lx is at %08llx\n", la,
			(unsigned long long)gpa);
}

static int target_monitor(void *opaque, const char *command, char *out,
			  size_t size)
{
	struct gdb_target *t = opaque;
	FILE *f = fmemopen(out, size, "w");

	if (!f)
		return -errno;
	if (!strcmp(command, "info registers"))
		monitor_registers(t, f);
	else if (!strcmp(command, "stats"))
		umbra_stats_print(t->vm, f, false);
	else if (!strncmp(command, "translate ", 10))
		monitor_translate(t, command + 10, f);
	else if (!strcmp(command, "help"))
		monitor_help(f);
	else
		fprintf(f, "no command '%s'; see monitor help\n", command);
	fclose(f);
	out[size - 1] = 0;
	return 0;
}

const struct gdb_ops gdb_target_ops = {
	.get_regs = target_get_regs,
	.set_regs = target_set_regs,
	.jump = target_jump,
	.read = target_read,
	.write = target_write,
	.monitor = target_monitor,
};
