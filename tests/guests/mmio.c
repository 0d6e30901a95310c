/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmio.c - bare guest: device registers through accesses that are wider than
 * a bus, odd, or in pieces. The I/O APIC is the device: IOREGSEL at 0 chooses
 * the register that IOWIN at 10h shows.
 */
#include "guest.h"

#define IOAPIC 0xfec00000u
#define IOWIN  MEM32(IOAPIC + 0x10)
#define REDIR  0x10 /* first half of the entry of pin 0; others follow */

const struct tcg_skip tcg_skips[] = {
	{ 0, 0 },
};

static u8 mem[64] __attribute__((aligned(64)));

CODE(store16, "movups xmm0, [esi]; movups [ebx], xmm0");
CODE(load16, "movups xmm0, [ebx]; movups [esi], xmm0");
CODE(masked, "vmovups ymm0, [esi]; vmovups ymm1, [esi+32]; "
     "vmaskmovps [ebx], ymm1, ymm0; vzeroupper");
CODE(bytes, "movups xmm0, [esi]; movups xmm1, [esi+32]; mov edi, ebx; "
     "maskmovdqu xmm0, xmm1");

static void access(const void *code, const void *end, u32 at)
{
	struct regs r;

	regs_init(&r, code, 0);
	r.ebx = at;
	r.esi = ADDR(mem);
	run(&r);
	check_end(&r, end);
}
#define ACCESS(code, at) access(code, code##_end, at)

static u32 redir(u32 pin)
{
	MEM32(IOAPIC) = REDIR + 2 * pin;
	return IOWIN;
}

static void test_wide(void)
{
	begin("mmio.wide-store");
	redir(3);
	memset(mem, 0, sizeof(mem));
	MEM32(mem + 8) = 0x10033;
	ACCESS(store16, IOAPIC + 8);
	check_that("pin 3", redir(3), 0x10033);
	begin("mmio.odd-load");
	memset(mem, 0xee, sizeof(mem));
	redir(3);
	ACCESS(load16, IOAPIC + 1);
	check_that("byte 0 of IOWIN", mem[15], 0x33);
	check_that("reserved", MEM32(mem + 3), 0);
}

/* Each instruction writes two registers, in this order. */
static void test_pieces(void)
{
	begin("mmio.masked-bytes");
	memset(mem, 0, sizeof(mem));
	redir(5);
	mem[1] = REDIR + 2 * 4;
	mem[15] = 0x77;
	mem[32 + 1] = mem[32 + 15] = 0x80;
	ACCESS(bytes, IOAPIC - 1);
	check_that("IOREGSEL", MEM32(IOAPIC), REDIR + 2 * 4);
	if (!(cpuid_of(1, 0).c & 1u << 28))
		return;
	wr_c4(rd_c4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	begin("mmio.masked-store");
	memset(mem, 0, sizeof(mem));
	MEM32(mem) = REDIR + 2 * 6;
	MEM32(mem + 16) = 0x10044;
	MEM32(mem + 32) = MEM32(mem + 48) = 1u << 31;
	ACCESS(masked, IOAPIC);
	check_that("IOREGSEL", MEM32(IOAPIC), REDIR + 2 * 6);
	check_that("pin 6", IOWIN, 0x10044);
	check_that("pin 5", redir(5) & 0x10000, 0x10000);
}

void guest_main(void)
{
	wr_c0(rd_c0() & ~(CR0_EM | CR0_TS));
	wr_c4(rd_c4() | CR4_OSFXSR);
	test_wide();
	test_pieces();
}
