/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive_trap.c - bare guest: the sensitive instructions that trap in user
 * mode, in real mode, V86 mode and at CPL 0 to 3.
 *
 * Descriptor tables, control, debug and model-specific registers, time,
 * interrupt flag, ports, HLT, caches. Where the guest may, the effect is on its
 * own state; elsewhere it gets the exception. SDM vol. 2 under each name; vol.
 * 3, 5.9 (privileged), 20.2 (V86); vol. 1, 18.5 (ports).
 */
#include "sensitive.h"

const struct tcg_skip tcg_skips[] = {
	{ "ltr.ring0", "TCG takes a null selector" },
	{ 0, 0 },
};

#define ALLOWED(p) ((p) == REAL || (p) == RING0)

static bool offered(u32 leaf, char reg, u32 bit)
{
	struct cpuid c;

	if (cpuid_of(leaf & 0x80000000, 0).a < leaf)
		return false;
	c = cpuid_of(leaf, 0);
	return (reg == 'b' ? c.b : reg == 'c' ? c.c : c.d) >> bit & 1;
}

/* Runs with these registers; true if the guest may go on and look. */
static bool at_cpl0(struct regs *r, int p, const struct snip *s, u32 eax,
		    u32 ecx)
{
	priv_init(r, p);
	r->eax = eax;
	r->ecx = ecx;
	priv_run(r, p, s);
	if (!ALLOWED(p)) {
		faults(r, VEC_GP, 0);
		return false;
	}
	ends(r);
	return true;
}

/* --- descriptor tables */

SNIP(t_lgdt, "lgdt [ebx]; sgdt [ebx+8]; lgdt [ebx+16]");
SNIP(t_lidt, "lidt [ebx]; sidt [ebx+8]; lidt [ebx+16]");
SNIP(t_lldt, "lldt ax; sldt cx");
SNIP(t_ltr, "ltr ax; str cx");

static void pseudo(u32 at, u32 limit, u32 base)
{
	MEM16(at) = limit;
	MEM32(at + 2) = base;
}

/* Another base and limit, seen, and the old ones again. */
static void load_table(int p, const struct snip *s, u32 base, u32 limit)
{
	u32 other = p == REAL ? 0xa98765 : 0xfedcba98;
	struct regs r;

	pseudo(BUF, 0x1237, other);
	pseudo(BUF + 16, limit, base);
	memset((void *)(BUF + 8), 0xcc, 8);
	if (!at_cpl0(&r, p, s, 0, 0)) {
		check_that("nothing stored", MEM32(BUF + 8), 0xcccccccc);
		return;
	}
	check_that("limit", MEM16(BUF + 8), 0x1237);
	check_that("base", MEM32(BUF + 10), other);
}

static void test_lgdt(int p)
{
	load_table(p, &t_lgdt, ADDR(gdt), 1023);
}

static void test_lidt(int p)
{
	load_table(p, &t_lidt, p == REAL ? 0 : ADDR(idt),
		   p == REAL ? 0x3ff : 2047);
}

static void refused(int p, const struct snip *s, u32 sel, u32 vec, u32 err)
{
	struct regs r;

	priv_init(&r, p);
	r.eax = sel;
	priv_run(&r, p, s);
	faults(&r, vec, err);
}

static void test_lldt(int p)
{
	struct regs r;

	if (p < RING0) {
		refused(p, &t_lldt, LDT_SEL, VEC_UD, NOERR);
		return;
	}
	gdt_put(FREE_SEL, seg_desc(ADDR(ldt), 15, A_LDT, 0));
	gdt_put(FREE_SEL + 8, seg_desc(ADDR(ldt), 15, A_LDT & ~A_P, 0));
	if (!at_cpl0(&r, p, &t_lldt, FREE_SEL, 0))
		return;
	check_that("ldtr", r.ecx, FREE_SEL);
	refused(p, &t_lldt, TSS_SEL, VEC_GP, TSS_SEL);
	refused(p, &t_lldt, FREE_SEL + 4, VEC_GP, FREE_SEL + 4);
	refused(p, &t_lldt, FREE_SEL + 8, VEC_NP, FREE_SEL + 8);
	at_cpl0(&r, p, &t_lldt, LDT_SEL, 0);
	check_that("ldtr", r.ecx, LDT_SEL);
}

static void test_ltr(int p)
{
	struct regs r;

	if (p < RING0) {
		refused(p, &t_ltr, TSS_SEL, VEC_UD, NOERR);
		return;
	}
	gdt_put(FREE_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	if (!at_cpl0(&r, p, &t_ltr, FREE_SEL, 0)) {
		check_that("not busy", MEM32(ADDR(gdt) + FREE_SEL + 4) >> 8 &
			   0xff, A_TSS);
		return;
	}
	check_that("tr", r.ecx, FREE_SEL);
	check_that("busy", MEM32(ADDR(gdt) + FREE_SEL + 4) >> 8 & 0xff,
		   A_TSS_BUSY);
	refused(p, &t_ltr, FREE_SEL, VEC_GP, FREE_SEL);
	refused(p, &t_ltr, LDT_SEL, VEC_GP, LDT_SEL);
	refused(p, &t_ltr, 0, VEC_GP, 0);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), offsetof(struct tss, io) - 1,
				  A_TSS, 0));
	at_cpl0(&r, p, &t_ltr, TSS_SEL, 0);
}

/* --- control and debug registers */

SNIP(t_lmsw, "lmsw ax; smsw dx");
SNIP(t_clts, "clts; mov edx, cr0");

static void test_lmsw(int p)
{
	u32 c0 = rd_c0();
	struct regs r;

	/* it sets PE and never clears it: 0 leaves it */
	if (at_cpl0(&r, p, &t_lmsw, CR0_TS | CR0_MP, 0))
		check_that("msw", r.edx & 15,
			   CR0_TS | CR0_MP | (p == REAL ? 0 : CR0_PE));
	else
		check_that("cr0", rd_c0(), c0);
	wr_c0(c0);
}

static void test_clts(int p)
{
	u32 c0 = rd_c0();
	struct regs r;

	wr_c0(c0 | CR0_TS);
	if (at_cpl0(&r, p, &t_clts, 0, 0))
		check_that("TS", r.edx & CR0_TS, 0);
	else
		check_that("TS", rd_c0() & CR0_TS, CR0_TS);
	wr_c0(c0);
}

SNIP(c0_rd, "mov eax, cr0");
SNIP(c2_rd, "mov eax, cr2");
SNIP(c3_rd, "mov eax, cr3");
SNIP(c4_rd, "mov eax, cr4");
SNIP(c0_wr, "mov cr0, eax; mov edx, cr0; mov cr0, ecx");
SNIP(c2_wr, "mov cr2, eax; mov edx, cr2; mov cr2, ecx");
SNIP(c3_wr, "mov cr3, eax; mov edx, cr3; mov cr3, ecx");
SNIP(c4_wr, "mov cr4, eax; mov edx, cr4; mov cr4, ecx");
SNIP(c1_rd, ".byte 0x0f, 0x20, 0xc8");
SNIP(c5_rd, ".byte 0x0f, 0x20, 0xe8");
SNIP(c7_wr, ".byte 0x0f, 0x22, 0xf8");

static void absent(int p, const struct snip *s)
{
	struct regs r;

	if (!ALLOWED(p))
		return;
	priv_init(&r, p);
	priv_run(&r, p, s);
	faults(&r, VEC_UD, NOERR);
}

static void test_from_cr(int p)
{
	u32 real = p == REAL ? CR0_PE : 0;
	struct regs r;

	wr_c2(0x87654321);
	if (at_cpl0(&r, p, &c0_rd, 0, 0))
		check_that("cr0", r.eax, rd_c0() & ~real);
	if (at_cpl0(&r, p, &c2_rd, 0, 0))
		check_that("cr2", r.eax, 0x87654321);
	if (at_cpl0(&r, p, &c3_rd, 0, 0))
		check_that("cr3", r.eax, rd_c3());
	if (at_cpl0(&r, p, &c4_rd, 0, 0))
		check_that("cr4", r.eax, rd_c4());
	absent(p, &c1_rd);
	absent(p, &c5_rd);
}

static void test_to_cr(int p)
{
	u32 c0 = rd_c0() & ~(p == REAL ? CR0_PE : 0), c4 = rd_c4();
	u32 c2 = rd_c2(), c3 = rd_c3();
	struct regs r;

	if (at_cpl0(&r, p, &c0_wr, c0 ^ CR0_TS, c0))
		check_that("cr0", r.edx, c0 ^ CR0_TS);
	if (at_cpl0(&r, p, &c2_wr, 0x13579bdf, c2))
		check_that("cr2", r.edx, 0x13579bdf);
	if (at_cpl0(&r, p, &c3_wr, c3 ^ PTE_PCD, c3))
		check_that("cr3", r.edx, c3 ^ PTE_PCD);
	if (at_cpl0(&r, p, &c4_wr, c4 ^ CR4_TSD, c4))
		check_that("cr4", r.edx, c4 ^ CR4_TSD);
	check_that("cr0 now", rd_c0() & ~CR0_PE, c0 & ~CR0_PE);
	check_that("cr3 now", rd_c3(), c3);
	check_that("cr4 now", rd_c4(), c4);
	absent(p, &c7_wr);
}

SNIP(d0_rd, "mov eax, dr0");
SNIP(d3_rd, "mov eax, dr3");
SNIP(d6_rd, "mov eax, dr6");
SNIP(d7_rd, "mov eax, dr7");
SNIP(d4_rd, "mov eax, dr4");
SNIP(d0_wr, "mov dr0, eax; mov edx, dr0; mov dr0, ecx");
SNIP(d3_wr, "mov dr3, eax; mov edx, dr3; mov dr3, ecx");
SNIP(d6_wr, "mov dr6, eax; mov edx, dr6; mov dr6, ecx");
SNIP(d7_wr, "mov dr7, eax; mov edx, dr7; mov dr7, ecx");

static void test_from_dr(int p)
{
	struct regs r;

	wr_d0(0x2468ace0);
	wr_d3(0xfdb97531);
	if (at_cpl0(&r, p, &d0_rd, 0, 0))
		check_that("dr0", r.eax, 0x2468ace0);
	if (at_cpl0(&r, p, &d3_rd, 0, 0))
		check_that("dr3", r.eax, 0xfdb97531);
	if (at_cpl0(&r, p, &d6_rd, 0, 0))
		check_that("dr6", r.eax, rd_d6());
	if (at_cpl0(&r, p, &d7_rd, 0, 0))
		check_that("dr7", r.eax, rd_d7());
	wr_c4(rd_c4() | CR4_DE);
	absent(p, &d4_rd);
	wr_c4(rd_c4() & ~CR4_DE);
	wr_d0(0);
	wr_d3(0);
}

static void test_to_dr(int p)
{
	u32 d6 = rd_d6();
	struct regs r;

	if (at_cpl0(&r, p, &d0_wr, 0x2468ace0, 0))
		check_that("dr0", r.edx, 0x2468ace0);
	if (at_cpl0(&r, p, &d3_wr, 0xfdb97531, 0))
		check_that("dr3", r.edx, 0xfdb97531);
	if (at_cpl0(&r, p, &d6_wr, d6 ^ 0xe00f, d6))
		check_that("dr6", r.edx, d6 ^ 0xe00f);
	if (at_cpl0(&r, p, &d7_wr, 0x700, 0x400))
		check_that("dr7", r.edx, 0x700);
	check_that("dr7 now", rd_d7(), 0x400);
	check_that("dr0 now", rd_d0(), 0);
}

/* --- model-specific registers, counters */

SNIP(t_rdmsr, "rdmsr");
SNIP(t_wrmsr, "wrmsr; rdmsr");
SNIP(t_rdpmc, "rdpmc");
SNIP(t_rdtsc, "rdtsc");
SNIP(t_rdtscp, ".byte 0x0f, 0x01, 0xf9");
SNIP(t_cpuid, "cpuid");

enum { MSR_AUX = 0xc0000103 };

static void test_rdmsr(int p)
{
	struct regs r;

	wr_msr(MSR_SYSENTER_ESP, 0x12abcdef);
	if (at_cpl0(&r, p, &t_rdmsr, 0, MSR_SYSENTER_ESP))
		check_that("value", r.eax, 0x12abcdef);
	if (at_cpl0(&r, p, &t_rdmsr, 0, MSR_APIC_BASE))
		check_that("apic base", r.eax, (u32)rd_msr(MSR_APIC_BASE));
	if (ALLOWED(p) && !on_tcg) { /* TCG reads 0 */
		priv_init(&r, p);
		r.ecx = 0x12345;
		priv_run(&r, p, &t_rdmsr);
		faults(&r, VEC_GP, 0);
	}
}

static void test_wrmsr(int p)
{
	struct regs r;

	wr_msr(MSR_SYSENTER_ESP, 0);
	if (at_cpl0(&r, p, &t_wrmsr, 0x12abcdef, MSR_SYSENTER_ESP))
		check_that("value", r.eax, 0x12abcdef);
	check_that("kept", (u32)rd_msr(MSR_SYSENTER_ESP),
		   ALLOWED(p) ? 0x12abcdef : 0);
	if (ALLOWED(p) && !on_tcg) {
		priv_init(&r, p);
		r.ecx = 0x12345;
		priv_run(&r, p, &t_wrmsr);
		faults(&r, VEC_GP, 0);
	}
}

/* There are no counters (CPUID leaf 10): what is allowed is #GP as well. */
static void test_rdpmc(int p)
{
	struct regs r;

	for (int on = 0; on < 2; on++) {
		if (on)
			wr_c4(rd_c4() | CR4_PCE);
		priv_init(&r, p);
		if (!on_tcg || !(on || ALLOWED(p))) { /* TCG: #UD there */
			priv_run(&r, p, &t_rdpmc);
			faults(&r, VEC_GP, 0);
		}
		wr_c4(rd_c4() & ~CR4_PCE);
	}
}

static void read_time(int p, const struct snip *s)
{
	struct regs r;

	for (int tsd = 0; tsd < 2; tsd++) {
		u64 a = rd_tsc(), b;

		if (tsd)
			wr_c4(rd_c4() | CR4_TSD);
		priv_init(&r, p);
		priv_run(&r, p, s);
		wr_c4(rd_c4() & ~CR4_TSD);
		if (tsd && !ALLOWED(p)) {
			faults(&r, VEC_GP, 0);
			continue;
		}
		ends(&r);
		b = (u64)r.edx << 32 | r.eax;
		check_true("the guest's own time", b > a && b < rd_tsc());
	}
}

static void test_rdtsc(int p)
{
	read_time(p, &t_rdtsc);
}

/* What it is set to, it reads; last, since the time is then never the host's. */
static void test_tsc_set(int p)
{
	begin_at("rdtsc", p);
	wr_msr(MSR_TSC, 1000);
	read_time(p, &t_rdtsc);
	if (offered(0x80000001, 'd', 27))
		read_time(p, &t_rdtscp);
	check_that("set", (u32)(rd_tsc() >> 32), 0);
}

static void test_rdtscp(int p)
{
	struct regs r;

	if (!offered(0x80000001, 'd', 27))
		return;
	wr_msr(MSR_AUX, 0x5a5a);
	read_time(p, &t_rdtscp);
	priv_init(&r, p);
	priv_run(&r, p, &t_rdtscp);
	check_that("aux", r.ecx, 0x5a5a);
	wr_msr(MSR_AUX, 0);
}

/* The same processor at each level; what follows CR4 does so at once. */
static void test_cpuid(int p)
{
	static const u32 leaves[] = { 0, 1, 7, 0x40000000, 0x80000000,
				      0x80000001, 0x80000002 };
	struct regs r;

	for (u32 i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid c = cpuid_of(leaves[i], 0);

		priv_init(&r, p);
		r.eax = leaves[i];
		priv_run(&r, p, &t_cpuid);
		ends(&r);
		check_that("eax", r.eax, c.a);
		check_that("ebx", r.ebx, c.b);
		check_that("ecx", r.ecx, c.c);
		check_that("edx", r.edx, c.d);
	}
	if (!offered(1, 'c', 26))
		return;
	wr_c4(rd_c4() | CR4_OSXSAVE);
	priv_init(&r, p);
	r.eax = 1;
	priv_run(&r, p, &t_cpuid);
	check_that("OSXSAVE", r.ecx >> 27 & 1, 1);
	wr_c4(rd_c4() & ~CR4_OSXSAVE);
}

/* --- XCR0 */

SNIP(t_xgetbv, ".byte 0x0f, 0x01, 0xd0");
SNIP(t_xsetbv, ".byte 0x0f, 0x01, 0xd1, 0x0f, 0x01, 0xd0");

static void test_xgetbv(int p)
{
	struct regs r;

	priv_init(&r, p);
	priv_run(&r, p, &t_xgetbv);
	faults(&r, VEC_UD, NOERR);
	if (!offered(1, 'c', 26))
		return;
	wr_c4(rd_c4() | CR4_OSXSAVE);
	for (u32 x = 1; x < 5; x += 2) {
		asm volatile(".byte 0x0f, 0x01, 0xd1" : : "a"(x), "d"(0),
			     "c"(0));
		priv_init(&r, p);
		priv_run(&r, p, &t_xgetbv);
		ends(&r);
		check_that("xcr0", r.eax, x);
		check_that("high", r.edx, 0);
	}
	wr_c4(rd_c4() & ~CR4_OSXSAVE);
}

static void test_xsetbv(int p)
{
	struct regs r;

	if (ALLOWED(p)) {
		priv_init(&r, p);
		priv_run(&r, p, &t_xsetbv);
		faults(&r, VEC_UD, NOERR);
	}
	if (!offered(1, 'c', 26))
		return;
	wr_c4(rd_c4() | CR4_OSXSAVE);
	if (at_cpl0(&r, p, &t_xsetbv, 3, 0))
		check_that("xcr0", r.eax, 3);
	if (ALLOWED(p)) { /* x87 cannot go */
		priv_init(&r, p);
		r.eax = 2;
		priv_run(&r, p, &t_xsetbv);
		faults(&r, VEC_GP, 0);
	}
	wr_c4(rd_c4() & ~CR4_OSXSAVE);
}

/* --- caches, TLB */

SNIP(t_invd, "invd");
SNIP(t_wbinvd, "wbinvd");
SNIP(t_invlpg, "invlpg [ebx]");

static void test_invd(int p)
{
	struct regs r;

	MEM32(BUF) = 0x11223344;
	at_cpl0(&r, p, &t_invd, 0, 0);
	check_that("memory", MEM32(BUF), 0x11223344);
}

static void test_wbinvd(int p)
{
	struct regs r;

	at_cpl0(&r, p, &t_wbinvd, 0, 0);
}

static void test_invlpg(int p)
{
	struct regs r;

	at_cpl0(&r, p, &t_invlpg, 0, 0);
}

/* --- the interrupt flag; IOPL decides */

SNIP(t_cli, "cli; pushfd; pop ecx");
SNIP(t_sti, "sti; pushfd; pop ecx");
SNIP(t_stac, ".byte 0x0f, 0x01, 0xcb; pushfd; pop ecx");
SNIP(t_clac, ".byte 0x0f, 0x01, 0xca; pushfd; pop ecx");

static void change_if(int p, const struct snip *s, u32 old, u32 new)
{
	struct regs r;

	for (u32 iopl = 0; iopl < 4; iopl++) {
		priv_init(&r, p);
		r.efl |= old | iopl << 12;
		priv_run(&r, p, s);
		if (p != REAL && (u32)cpl_of(p) > iopl) {
			faults(&r, VEC_GP, 0);
			continue;
		}
		ends(&r);
		check_that("IF", r.ecx & EFL_IF, new);
	}
}

static void test_cli(int p)
{
	change_if(p, &t_cli, EFL_IF, 0);
}

static void test_sti(int p)
{
	change_if(p, &t_sti, 0, EFL_IF);
}

static void change_ac(int p, const struct snip *s, u32 old, u32 new)
{
	struct regs r;

	priv_init(&r, p);
	r.efl |= old;
	priv_run(&r, p, s);
	if (!ALLOWED(p) || !offered(7, 'b', 20)) {
		faults(&r, VEC_UD, NOERR);
		return;
	}
	ends(&r);
	check_that("AC", r.ecx & EFL_AC, new);
}

static void test_stac(int p)
{
	change_ac(p, &t_stac, 0, EFL_AC);
}

static void test_clac(int p)
{
	change_ac(p, &t_clac, EFL_AC, 0);
}

/* --- HLT: an interrupt of the guest's own timer ends it */

enum { PIC1 = 0x20, PIT = 0x40, IRQ_BASE = 0x70 };

SNIP(t_hlt, "sti; 77: hlt; nop");
SNIP(t_hlt_bare, "hlt");

static void timer_on(void)
{
	static const u8 words[] = { 0x11, IRQ_BASE, 4, 1 };

	for (u32 i = 0; i < 4; i++)
		out8(PIC1 + !!i, words[i]);
	out8(PIT + 3, 0x30); /* channel 0, both bytes, once */
	out8(PIT, 0xff);
	out8(PIT, 2);
	out8(PIC1 + 1, 0xfe);
}

static void test_hlt(int p)
{
	struct regs r;

	priv_init(&r, p);
	if (!ALLOWED(p)) {
		priv_run(&r, p, &t_hlt_bare);
		faults(&r, VEC_GP, 0);
		return;
	}
	timer_on();
	priv_run(&r, p, &t_hlt);
	out8(PIC1 + 1, 0xff);
	out8(PIC1, 0x20);
	check_that("vector", r.vec, IRQ_BASE);
	check_that("behind hlt", r.eip, sens_mark(p, &t_hlt) + 1);
}

/* --- ports: IOPL, then the bitmap */

SNIP(t_in, "in al, dx");
SNIP(t_inw, "in ax, dx");
SNIP(t_in8, "in al, 0x80");
SNIP(t_out, "out dx, al");
SNIP(t_out8, "out 0x80, al");
SNIP(t_ins, "insb");
SNIP(t_outs, "outsb");

enum { SCRATCH = 0x3ff, LSR = 0x3fd, POST = 0x80 };

/* The bitmap: none, all denied, or these ports allowed. */
static void io_map(int kind)
{
	u32 limit = kind ? sizeof(tss) - 1 : offsetof(struct tss, io) - 1;

	memset(tss.io, 0xff, sizeof(tss.io));
	if (kind == 2) {
		tss.io[SCRATCH / 8] &= ~(1 << (SCRATCH & 7));
		tss.io[LSR / 8] &= ~(1 << (LSR & 7));
		tss.io[POST / 8] &= ~(1 << (POST & 7));
	}
	tss.iomap = kind ? offsetof(struct tss, io) : sizeof(tss);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), limit, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
}

/* Each IOPL and bitmap; true in *ok if the access must be let through. */
static void port_each(int p, const struct snip *s, u32 port,
		      void (*look)(struct regs *r, bool ok))
{
	struct regs r;

	for (u32 i = 0; i < 12; i++) {
		u32 iopl = i & 3, map = i >> 2;
		bool ok = p == REAL || map == 2 ||
			  (p != VM86 && (u32)cpl_of(p) <= iopl);

		io_map(map);
		out8(SCRATCH, 0x77);
		priv_init(&r, p);
		r.efl |= iopl << 12;
		r.edx = port;
		r.eax = 0x99;
		r.esi = r.edi = BUF;
		MEM8(BUF) = 0x99;
		priv_run(&r, p, s);
		if (ok)
			ends(&r);
		else
			faults(&r, VEC_GP, 0);
		look(&r, ok);
	}
	io_map(0);
}

static void look_in(struct regs *r, bool ok)
{
	check_that("al", r->eax, ok ? 0x77 : 0x99);
}

static void look_out(struct regs *r, bool ok)
{
	(void)r;
	check_that("scratch", in8(SCRATCH), ok ? 0x99 : 0x77);
}

static void look_ins(struct regs *r, bool ok)
{
	check_that("memory", MEM8(BUF), ok ? 0x77 : 0x99);
	check_that("edi", r->edi, BUF + ok);
}

static void look_outs(struct regs *r, bool ok)
{
	look_out(r, ok);
	check_that("esi", r->esi, BUF + ok);
}

static void look_none(struct regs *r, bool ok)
{
	(void)r;
	(void)ok;
}

static void test_in(int p)
{
	struct regs r;

	port_each(p, &t_in, SCRATCH, look_in);
	port_each(p, &t_in8, 0, look_none);
	if (ALLOWED(p))
		return;
	/* every byte of an access must be allowed */
	io_map(2);
	priv_init(&r, p);
	r.edx = SCRATCH;
	priv_run(&r, p, &t_inw);
	faults(&r, VEC_GP, 0);
	io_map(0);
}

static void test_out(int p)
{
	port_each(p, &t_out, SCRATCH, look_out);
	port_each(p, &t_out8, 0, look_none);
}

static void test_ins(int p)
{
	port_each(p, &t_ins, SCRATCH, look_ins);
}

static void test_outs(int p)
{
	port_each(p, &t_outs, SCRATCH, look_outs);
}

/* --- supervisor state images */

SNIP(t_xsaves, ".byte 0x0f, 0xc7, 0x2b");
SNIP(t_xrstors, ".byte 0x0f, 0xc7, 0x2b, 0x0f, 0xc7, 0x1b");
SNIP(t_xrstors_bare, ".byte 0x0f, 0xc7, 0x1b");

static bool xsaves_offered(void)
{
	return offered(1, 'c', 26) && cpuid_of(0, 0).a >= 0xd &&
	       cpuid_of(0xd, 1).a & 8;
}

/* [EBX] in 16-bit code would be [BP+DI] without its prefix. */
static void state_image(int p, const struct snip *s)
{
	struct regs r;

	priv_init(&r, p);
	if (!xsaves_offered()) {
		priv_run(&r, p, s);
		faults(&r, VEC_UD, NOERR);
		return;
	}
	wr_c4(rd_c4() | CR4_OSXSAVE | CR4_OSFXSR);
	memset((void *)BUF, 0, 1024);
	r.eax = 1;
	r.edi = BUF;
	priv_run(&r, p, s);
	if (ALLOWED(p)) {
		ends(&r);
		check_that("compacted", MEM32(BUF + 524) >> 31, 1);
	} else {
		faults(&r, VEC_GP, 0);
	}
	wr_c4(rd_c4() & ~(CR4_OSXSAVE | CR4_OSFXSR));
}

static void test_xsaves(int p)
{
	state_image(p, &t_xsaves);
}

static void test_xrstors(int p)
{
	state_image(p, ALLOWED(p) ? &t_xrstors : &t_xrstors_bare);
}

void guest_main(void)
{
	static const struct sens_test t[] = {
		{ "lgdt", test_lgdt },
		{ "lidt", test_lidt },
		{ "lldt", test_lldt },
		{ "ltr", test_ltr },
		{ "lmsw", test_lmsw },
		{ "clts", test_clts },
		{ "mov-from-cr", test_from_cr },
		{ "mov-to-cr", test_to_cr },
		{ "mov-from-dr", test_from_dr },
		{ "mov-to-dr", test_to_dr },
		{ "rdmsr", test_rdmsr },
		{ "wrmsr", test_wrmsr },
		{ "rdpmc", test_rdpmc },
		{ "rdtsc", test_rdtsc },
		{ "rdtscp", test_rdtscp },
		{ "cpuid", test_cpuid },
		{ "xgetbv", test_xgetbv },
		{ "xsetbv", test_xsetbv },
		{ "invd", test_invd },
		{ "wbinvd", test_wbinvd },
		{ "invlpg", test_invlpg },
		{ "cli", test_cli },
		{ "sti", test_sti },
		{ "stac", test_stac },
		{ "clac", test_clac },
		{ "hlt", test_hlt },
		{ "in", test_in },
		{ "out", test_out },
		{ "ins", test_ins },
		{ "outs", test_outs },
		{ "xsaves", test_xsaves },
		{ "xrstors", test_xrstors },
	};

	sens_all(t, ARRAY_SIZE(t));
	for (int p = VM86; p < PRIVS; p++)
		test_tsc_set(p);
}
