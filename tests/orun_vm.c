// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * orun_vm.c - virtual machines of orun.h: the engine by umbra.h, with a
 * kernel of a few stubs. Each exception leads to a stub that tells the client
 * its vector by `out`; when the client goes on, the stub loads the segment
 * registers and returns to user code by `iret`.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "orun.h"
#include "runtime/engine.h"

/* Frames: the kernel's pages, then the areas of orun.h. K_* are linear. */
#define K_BASE	 0xd5ab0000u
#define K_GDT	 (K_BASE + 0x0000)
#define K_IDT	 (K_BASE + 0x1000)
#define K_TSS	 (K_BASE + 0x2000)
#define K_LDT	 (K_BASE + 0x3000)
#define K_SEL	 (K_BASE + 0x4000) /* DS ES FS GS to return with */
#define K_STUBS	 (K_BASE + 0x5000) /* 256 of 16 bytes */
#define K_BACK	 (K_BASE + 0x6000)
#define K_BOOT	 (K_BASE + 0x6100)
#define K_STACK	 (K_BASE + 0x8000) /* end of the stack */
#define K_PAGES	 8u
#define K_FRAME	 (K_STACK - 20) /* of iret: eip cs eflags esp ss */
#define PDPT	 0x8000u	/* physical, as all of the tables */
#define PD(n)	 (0x9000u + (n) * 0x1000u)
#define PT_FIRST 0xd000u
#define PT_MAX	 16u
#define RAM_AREAS 0x20000u
#define RAM_SIZE (RAM_AREAS + ORUN_PAGES * (u32)PAGE_SIZE)
#define BOOTED	 2 /* the vector of NMIs, which none are */

#define SEL_K_CODE 0x08
#define SEL_K_DATA 0x18
#define SEL_TSS	   0x40
#define SEL_LDT	   0x50

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, 8);
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static u8 *kernel_at(struct orun *o, u32 la)
{
	return o->ram + (la - K_BASE);
}

/* --- page tables */

/* The table for la, made if there is none yet. */
static u8 *page_table(struct orun *o, u32 la, u32 *next)
{
	u8 *pde = o->ram + PD(la >> 30) + (la >> 21 & 511) * 8;

	if (!get32(pde)) {
		must(*next < PT_MAX, "too few page tables");
		put64(pde, (PT_FIRST + *next * PAGE_SIZE) | PTE_P | PTE_W |
				   PTE_U);
		++*next;
	}
	return o->ram + (get32(pde) & (u32)PAGE_MASK);
}

static void page_map(struct orun *o, u32 la, u64 pte, u32 *next)
{
	put64(page_table(o, la, next) + (la >> 12 & 511) * 8, pte);
}

static u64 user_pte(u32 page)
{
	unsigned r = orun_rights(orun_page_la(page));

	if (!r)
		return 0;
	return (RAM_AREAS + page * PAGE_SIZE) | PTE_P | PTE_U |
	       (r & ORUN_W ? PTE_W : 0) | (r & ORUN_X ? 0 : PTE_NX);
}

static void pages_init(struct orun *o)
{
	u32 next = 0;

	for (u32 i = 0; i < 4; i++)
		put64(o->ram + PDPT + 8 * i, PD(i) | PTE_P);
	for (u32 i = 0; i < K_PAGES; i++)
		page_map(o, K_BASE + i * (u32)PAGE_SIZE,
			 i * PAGE_SIZE | PTE_P | PTE_W | PTE_A | PTE_D, &next);
	for (u32 i = 0; i < ORUN_PAGES; i++)
		page_map(o, orun_page_la(i), user_pte(i), &next);
}

/* A and D bits are forgotten; a CR3 load then finds other entries. */
static void vm_cold(struct orun *o)
{
	u32 next = PT_MAX;

	for (u32 i = 0; i < ORUN_PAGES; i++) {
		u32 la = orun_page_la(i);
		u8 *pte = page_table(o, la, &next) + (la >> 12 & 511) * 8;

		pte[0] &= (u8)~(PTE_A | PTE_D);
	}
	must(vcpu_mmu_update(o->v, true), "the same CR3");
}

/* --- descriptor tables and stubs */

static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 |
	       (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
	       (u64)flags << 52 | (u64)(base >> 24) << 56;
}

/* As Linux lays it out, so that selectors mean the same on both sides. */
static void gdt_init(struct orun *o)
{
	u8 *gdt = kernel_at(o, K_GDT);

	put64(gdt + 0x08, descriptor(0, 0xfffff, 0x9b, 0xc));
	put64(gdt + 0x10, descriptor(0, 0xfffff, 0x9b, 0xc));
	put64(gdt + 0x18, descriptor(0, 0xfffff, 0x93, 0xc));
	put64(gdt + 0x20, descriptor(0, 0xfffff, 0xfb, 0xc));
	put64(gdt + 0x28, descriptor(0, 0xfffff, 0xf3, 0xc));
	put64(gdt + SEL_TSS, descriptor(K_TSS, 0x67, 0x8b, 0));
	put64(gdt + SEL_LDT, descriptor(K_LDT, ORUN_LDT_NR * 8 - 1, 0x82, 0));
	put32(kernel_at(o, K_TSS) + 4, K_STACK);
	put32(kernel_at(o, K_TSS) + 8, SEL_K_DATA);
	put32(kernel_at(o, K_TSS) + 100, 0x68 << 16);
}

/* out vector, al; jmp K_BACK. Of the gates, int3's and into's are user's. */
static void idt_init(struct orun *o)
{
	for (u32 v = 0; v < 256; v++) {
		u32 at = K_STUBS + 16 * v;
		u8 *stub = kernel_at(o, at), *gate = kernel_at(o, K_IDT) + 8 * v;
		u32 access = v == VEC_BP || v == VEC_OF ? 0xee00 : 0x8e00;

		stub[0] = 0xe6;
		stub[1] = (u8)v;
		stub[2] = 0xe9;
		put32(stub + 3, K_BACK - (at + 7));
		put32(gate, SEL_K_CODE << 16 | (at & 0xffff));
		put32(gate + 4, (at & 0xffff0000) | access);
	}
}

/* mov ds, ss:[K_SEL]; es, fs, gs; iretd */
static void back_init(struct orun *o)
{
	static const u8 reg[4] = { 3, 0, 4, 5 };
	u8 *p = kernel_at(o, K_BACK);

	for (u32 i = 0; i < 4; i++) {
		*p++ = 0x36;
		*p++ = 0x8e;
		*p++ = (u8)(5 | reg[i] << 3);
		put32(p, K_SEL + 2 * i);
		p += 4;
	}
	*p = 0xcf;
}

/* xor ecx, ecx; xor edx, edx; mov eax, XCR0; xsetbv; jmp stub of BOOTED */
static void boot_init(struct orun *o)
{
	static const u8 code[] = { 0x31, 0xc9, 0x31, 0xd2, 0xb8, 0, 0, 0, 0,
				   0x0f, 0x01, 0xd1, 0xe9 };
	u8 *p = kernel_at(o, K_BOOT);

	memcpy(p, code, sizeof(code));
	put32(p + 5, (u32)orun_xmask());
	put32(p + sizeof(code), K_STUBS + 16 * BOOTED -
				(K_BOOT + (u32)sizeof(code) + 4));
}

static struct umbra_segment flat(u16 sel, u8 type)
{
	return (struct umbra_segment){ .limit = 0xffffffff, .selector = sel,
				       .type = type, .present = 1, .db = 1,
				       .s = 1, .g = 1 };
}

static int registers_init(struct orun *o)
{
	struct umbra_regs r = { .rip = K_BOOT, .rsp = K_FRAME,
				.rflags = EFL_FIXED1 };
	struct umbra_sregs s;

	umbra_get_sregs(o->v, &s);
	s.cs = flat(SEL_K_CODE, 11);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(SEL_K_DATA, 3);
	s.tr = (struct umbra_segment){ .base = K_TSS, .limit = 0x67,
				       .selector = SEL_TSS, .type = 11,
				       .present = 1 };
	s.ldt = (struct umbra_segment){ .base = K_LDT,
					.limit = ORUN_LDT_NR * 8 - 1,
					.selector = SEL_LDT, .type = 2,
					.present = 1 };
	s.gdt.base = K_GDT;
	s.gdt.limit = 0x7f;
	s.idt.base = K_IDT;
	s.idt.limit = 0x7ff;
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	s.cr3 = PDPT;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	s.efer = EFER_NXE;
	if (umbra_set_sregs(o->v, &s))
		return -1;
	return umbra_set_regs(o->v, &r);
}

/* --- the place */

void orun_vm_tick(struct orun *o)
{
	static u32 ticks;
	static const struct orun *of;

	ticks = of == o ? ticks + 1 : 1;
	of = o;
	if (ticks < o->patience)
		return;
	ticks = 0;
	umbra_kick(o->v);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid),
		signals_kick_number());
}

static void vm_write(struct orun *o, u32 la, const void *buf, u32 len)
{
	u64 gpa = (u64)(orun_at(o, la) - o->ram);

	must(!umbra_ram_write(o->vm, gpa, buf, len), "write to %#x", la);
}

static int vm_ldt(struct orun *o, unsigned n, const struct user_desc *d)
{
	u32 access = 0x71u | (!d->read_exec_only) << 1 | d->contents << 2 |
		     (!d->seg_not_present) << 7;
	u32 flags = d->useable | d->seg_32bit << 2 | d->limit_in_pages << 3;

	put64(kernel_at(o, K_LDT) + 8 * n,
	      descriptor(d->base_addr, d->limit, access, flags));
	return 0;
}

/* The frame of iret and the stub's segments. */
static void frame_set(struct orun *o, const struct orun_state *in)
{
	static const u8 order[4] = { CPU_DS, CPU_ES, CPU_FS, CPU_GS };
	u8 *f = kernel_at(o, K_FRAME), *sel = kernel_at(o, K_SEL);

	put32(f, in->eip);
	put32(f + 4, in->sel[CPU_CS]);
	put32(f + 8, in->eflags | EFL_IF | EFL_FIXED1);
	put32(f + 12, in->gpr[R_SP]);
	put32(f + 16, in->sel[CPU_SS]);
	for (unsigned i = 0; i < 4; i++)
		memcpy(sel + 2 * i, &in->sel[order[i]], 2);
}

static void registers_set(struct orun *o, const struct orun_state *in)
{
	struct umbra_regs r = {
		.rax = in->gpr[R_AX], .rcx = in->gpr[R_CX],
		.rdx = in->gpr[R_DX], .rbx = in->gpr[R_BX],
		.rsp = K_FRAME,	      .rbp = in->gpr[R_BP],
		.rsi = in->gpr[R_SI], .rdi = in->gpr[R_DI],
		.rip = o->v->cpu.rip, .rflags = EFL_FIXED1,
	};
	u8 *x = o->v->cpu.xsave_area;

	must(!umbra_set_regs(o->v, &r), "registers");
	memcpy(x, in->x, ORUN_XSIZE);
	memset(x + 512, 0, 64);
	x[512] = (u8)orun_xmask();
	o->v->cpu.fpu_saved = 1;
}

static void vm_result(struct orun *o, struct orun_result *out)
{
	const struct cpu *c = &o->v->cpu;
	const u8 *f = kernel_at(o, K_FRAME);

	for (unsigned i = 0; i < 8; i++)
		out->st.gpr[i] = (u32)c->gpr[i];
	if (c->gpr[R_SP] == K_FRAME - 4)
		out->err = get32(f - 4);
	else
		must(c->gpr[R_SP] == K_FRAME, "esp of the stub");
	out->st.eip = get32(f);
	out->st.eflags = get32(f + 8);
	out->st.gpr[R_SP] = get32(f + 12);
	for (unsigned i = 0; i < CPU_NSEG; i++)
		out->st.sel[i] = c->seg[i].sel;
	out->st.sel[CPU_CS] = (u16)get32(f + 4);
	out->st.sel[CPU_SS] = (u16)get32(f + 16);
	out->cr2 = (u32)c->cr2;
	if (out->vector == VEC_PF && out->cr2 - K_BASE < K_PAGES * PAGE_SIZE)
		out->err &= ~PFEC_P; /* natively nothing is there */
	memcpy(out->st.x, c->xsave_area, ORUN_XSIZE);
}

static bool vm_continue(struct orun *o)
{
	int err;

	orun_running(o);
	err = umbra_vcpu_run(o->v);
	orun_running(NULL);
	return !err;
}

static void vm_run(struct orun *o, const struct orun_state *in,
		   struct orun_result *out)
{
	frame_set(o, in);
	registers_set(o, in);
	if (!vm_continue(o)) {
		out->end = ORUN_DEAD;
		return;
	}
	switch (o->run->reason) {
	case UMBRA_EXIT_IO:
		out->end = ORUN_EXC;
		out->vector = (u8)o->run->io.port;
		vm_result(o, out);
		break;
	case UMBRA_EXIT_INTR:
		out->end = ORUN_TIMEOUT;
		break;
	default:
		out->end = ORUN_DEAD;
	}
	if (out->end != ORUN_EXC) { /* to where the stub of BOOTED exits */
		umbra_vcpu_reset(o->v);
		must(!registers_init(o) && vm_continue(o) &&
			     o->run->reason == UMBRA_EXIT_IO,
		     "boot after a run without an end");
	}
}

static void vm_close(struct orun *o)
{
	if (o->vm)
		umbra_vm_free(o->vm);
	if (o->ram)
		munmap(o->ram, RAM_SIZE);
	if (o->fd >= 0)
		close(o->fd);
	free(o);
}

static const struct orun_ops vm_ops = {
	.write = vm_write, .ldt = vm_ldt, .cold = vm_cold, .run = vm_run,
	.close = vm_close,
};

static int vm_open(struct orun *o, const struct umbra_inject *inj)
{
	struct umbra_host host;
	const char *why;

	o->fd = memfd_create("orun", MFD_CLOEXEC);
	if (o->fd < 0 || ftruncate(o->fd, RAM_SIZE))
		return -1;
	o->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      o->fd, 0);
	if (o->ram == MAP_FAILED) {
		o->ram = NULL;
		return -1;
	}
	o->mem = o->ram + RAM_AREAS;
	if (umbra_host_detect(&host, &why) ||
	    umbra_vm_new(&o->vm, &host, inj) ||
	    umbra_set_memory(o->vm, 0, 0, RAM_SIZE, o->fd, 0, o->ram) ||
	    umbra_vcpu_new(o->vm, &o->v))
		return -1;
	orun_signals();
	o->run = umbra_vcpu_run_area(o->v);
	return 0;
}

struct orun *orun_open(const struct umbra_inject *inj)
{
	struct orun *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->ops = &vm_ops;
	o->patience = ORUN_TICKS_VM;
	if (vm_open(o, inj))
		goto failed;
	pages_init(o);
	gdt_init(o);
	idt_init(o);
	back_init(o);
	boot_init(o);
	if (registers_init(o) || !vm_continue(o) ||
	    o->run->reason != UMBRA_EXIT_IO || o->run->io.port != BOOTED)
		goto failed;
	return o;
failed:
	fprintf(stderr, "orun: no virtual machine\n");
	vm_close(o);
	return NULL;
}
