/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.c - GDT, LDT, IDT and TSS of a bare guest, and descriptor builders.
 *
 * SDM vol. 3, 3.4.5 (segment descriptors), 5.8.3 (gates), 7.2.1 (TSS).
 */
#include "guest.h"

u64 idt[256] __attribute__((aligned(8)));
u64 ldt[64] __attribute__((aligned(8)));
struct tss tss;

struct pseudo {
	u16 limit;
	u32 base;
} __attribute__((packed));

u64 seg_desc(u32 base, u32 limit, u32 access, u32 flags)
{
	u32 lo = (limit & 0xffff) | base << 16;
	u32 hi = (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) |
		 flags << 20 | (base & 0xff000000);

	return (u64)hi << 32 | lo;
}

u64 gate_desc(u32 sel, u32 offset_, u32 access, u32 params)
{
	u32 lo = sel << 16 | (offset_ & 0xffff);
	u32 hi = (offset_ & 0xffff0000) | access << 8 | params;

	return (u64)hi << 32 | lo;
}

void gdt_put(u32 sel, u64 desc)
{
	((volatile u64 *)gdt)[sel >> 3] = desc;
	BARRIER();
}

void idt_reset(void)
{
	struct pseudo p = { sizeof(idt) - 1, ADDR(idt) };

	for (int i = 0; i < 256; i++)
		idt[i] = gate_desc(KCS, stub_addr(i), G_INT, 0);
	idt_dpl(VEC_BP, 3);
	idt_dpl(VEC_OF, 3);
	idt_dpl(VEC_END, 3);
	asm volatile("lidt %0" : : "m"(p));
}

void idt_dpl(int vec, int dpl)
{
	idt[vec] = (idt[vec] & ~(3ull << 45)) | (u64)dpl << 45;
	BARRIER();
}

void tables_init_again(void)
{
	struct pseudo g = { 128 * 8 - 1, ADDR(gdt) };
	struct pseudo i = { sizeof(idt) - 1, ADDR(idt) };

	asm volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
}

void tables_init(void)
{
	struct pseudo p = { 128 * 8 - 1, ADDR(gdt) };

	asm volatile("lgdt %0" : : "m"(p));
	idt_reset();
	memset(&tss, 0, sizeof(tss));
	tss.esp0 = ADDR(ring0_stack_top);
	tss.ss0 = KDS;
	tss.esp1 = ADDR(ring1_stack_top);
	tss.ss1 = DS1;
	tss.esp2 = ADDR(ring2_stack_top);
	tss.ss2 = DS2;
	tss.iomap = sizeof(tss); /* beyond the limit: no ports */
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), offsetof(struct tss, io) - 1,
				  A_TSS, 0));
	gdt_put(LDT_SEL, seg_desc(ADDR(ldt), sizeof(ldt) - 1, A_LDT, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
	asm volatile("lldt %w0" : : "r"(LDT_SEL));
}
