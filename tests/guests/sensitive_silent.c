/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive_silent.c - bare guest: the sensitive instructions that do not trap
 * in user mode (DESIGN.md 7 and 9), in real mode, V86 mode and at CPL 0 to 3.
 *
 * SGDT SIDT SLDT SMSW STR, PUSHF POPF, LAR LSL VERR VERW, and segment registers
 * pushed, popped and moved. What transfers control is in sensitive_far.c. SDM
 * vol. 2 under each name; vol. 3, 2.5 (UMIP), 5.10 (LAR ...), 20.2 (V86).
 */
#include "sensitive.h"

const struct tcg_skip tcg_skips[] = { { 0, 0 } };

static bool has_umip(void)
{
	return cpuid_of(0, 0).a >= 7 && cpuid_of(7, 0).c & 4;
}

/* UMIP off, then on if there is such a thing; true: refused at p. */
static bool umip_set(int p, int on)
{
	if (on)
		wr_c4(rd_c4() | CR4_UMIP);
	return on && cpl_of(p);
}

static void umip_off(void)
{
	wr_c4(rd_c4() & ~CR4_UMIP);
}

/* --- descriptor-table registers */

SNIP(s_sgdt, "sgdt [ebx]");
SNIP(s_sidt, "sidt [ebx]");

static void store_table(int p, const struct snip *s, u32 base, u32 limit)
{
	struct regs r;

	for (int umip = 0; umip <= has_umip(); umip++) {
		bool refused = umip_set(p, umip);

		memset((void *)BUF, 0xcc, 16);
		priv_init(&r, p);
		priv_run(&r, p, s);
		if (refused) {
			faults(&r, VEC_GP, 0);
			check_that("nothing stored", MEM32(BUF), 0xcccccccc);
			continue;
		}
		ends(&r);
		check_that("limit", MEM16(BUF), limit);
		check_that("base", MEM32(BUF + 2), base);
		check_that("six bytes", MEM16(BUF + 6), 0xcccc);
	}
	umip_off();
}

static void test_sgdt(int p)
{
	store_table(p, &s_sgdt, ADDR(gdt), 1023);
}

static void test_sidt(int p)
{
	if (p == REAL)
		store_table(p, &s_sidt, 0, 0x3ff);
	else
		store_table(p, &s_sidt, ADDR(idt), 2047);
}

/* --- selectors of system segments, and the machine status word */

#define STORES(insn) insn " ax; " insn " ecx; " insn " [ebx]"
SNIP(s_sldt, STORES("sldt"));
SNIP(s_str, STORES("str"));
SNIP(s_smsw, STORES("smsw"));

static void store_word(int p, const struct snip *s, u32 want, bool v86_too)
{
	struct regs r;

	for (int umip = 0; umip <= has_umip(); umip++) {
		bool refused = umip_set(p, umip);

		MEM32(BUF) = 0xcccccccc;
		priv_init(&r, p);
		r.eax = r.ecx = 0xabcdabcd;
		priv_run(&r, p, s);
		if (!v86_too && p < RING0) {
			faults(&r, VEC_UD, NOERR);
			continue;
		}
		if (refused) {
			faults(&r, VEC_GP, 0);
			continue;
		}
		ends(&r);
		check_that("16 bits", r.eax, 0xabcd0000 | (want & 0xffff));
		check_that("32 bits", r.ecx, want);
		check_that("memory", MEM32(BUF), 0xcccc0000 | (want & 0xffff));
	}
	umip_off();
}

static void test_sldt(int p)
{
	store_word(p, &s_sldt, LDT_SEL, false);
	asm volatile("lldt %w0" : : "r"(0));
	store_word(p, &s_sldt, 0, false);
	asm volatile("lldt %w0" : : "r"(LDT_SEL));
}

static void test_str(int p)
{
	store_word(p, &s_str, TSS_SEL, false);
}

/* All 32 bits of CR0 go to a 32-bit register; MP changes for the test. */
static void test_smsw(int p)
{
	u32 c0 = rd_c0();

	for (u32 mp = 0; mp <= CR0_MP; mp += CR0_MP) {
		wr_c0((c0 & ~CR0_MP) | mp);
		store_word(p, &s_smsw,
			   p == REAL ? rd_c0() & ~CR0_PE : rd_c0(), true);
	}
	wr_c0(c0);
}

/* --- EFLAGS */

SNIP(s_pushf, "pushfd; pop ecx; pushfw; pop dx");
SNIP(s_popf, "push eax; 77: popfd; pushfd; pop ecx");
SNIP(s_popfw, "pushw ax; 77: popfw; pushfd; pop ecx");

#define EFL_USER (EFL_ARITH | EFL_DF | EFL_NT | EFL_AC | EFL_ID)

static void test_pushf(int p)
{
	struct regs r;

	for (u32 i = 0; i < 8; i++) {
		u32 efl = EFL_FIXED1 | EFL_CF | EFL_NT | (i & 3) << 12 |
			  (i & 4 ? EFL_IF : 0);

		priv_init(&r, p);
		r.efl |= efl;
		priv_run(&r, p, &s_pushf);
		if (p == VM86 && (i & 3) != 3) {
			faults(&r, VEC_GP, 0);
			continue;
		}
		ends(&r);
		check_that("pushfd", r.ecx, efl);
		check_that("pushf", r.edx, efl);
	}
}

/* What POPF and IRET may change at this privilege, with this IOPL. */
static u32 popf_mask(int p, u32 iopl)
{
	u32 mask = EFL_USER;

	if (cpl_of(p) <= (int)iopl)
		mask |= EFL_IF;
	if (!cpl_of(p))
		mask |= EFL_IOPL;
	return mask;
}

static void popf_one(int p, const struct snip *s, u32 old, u32 new, u32 width)
{
	u32 iopl = old >> 12 & 3, mask = popf_mask(p, iopl) & width;
	u32 want = (old & ~mask) | (new & mask);
	struct regs r;

	priv_init(&r, p);
	r.efl |= old;
	r.eax = new;
	priv_run(&r, p, s);
	if (p == VM86 && iopl != 3) {
		check_that("vector", r.vec, VEC_GP);
		check_that("error code", r.err, 0);
		check_that("eip", r.eip, sens_mark(p, s));
		check_efl("kept", &r, old | EFL_VM);
		return;
	}
	ends(&r);
	check_that("pushfd sees", r.ecx, want);
	check_efl("pushed by the trap", &r,
		  p == REAL ? want & 0xffff : want | (p == VM86 ? EFL_VM : 0));
}

static void test_popf(int p)
{
	static const u32 news[] = { ~EFL_TF, 0, EFL_IF, EFL_IOPL,
				    EFL_IF | EFL_IOPL | EFL_DF };

	for (u32 i = 0; i < 8; i++)
		for (u32 n = 0; n < ARRAY_SIZE(news); n++) {
			u32 old = EFL_FIXED1 | EFL_CF | (i & 3) << 12 |
				  (i & 4 ? EFL_IF : 0);

			popf_one(p, &s_popf, old, news[n], ~0u);
			popf_one(p, &s_popfw, old, news[n], 0xffff);
		}
}

/* --- descriptors looked at */

SNIP(s_lar, "lar ecx, eax; setz dl");
SNIP(s_lsl, "lsl ecx, eax; setz dl");
SNIP(s_verr, "verr ax; setz dl");
SNIP(s_verw, "verw ax; setz dl");

/* Types 0 to 31: system ones first, then data and code. SDM vol. 2, LAR, LSL */
#define LAR_TYPES (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | \
		   1u << 9 | 1u << 11 | 1u << 12 | 0xffff0000u)
#define LSL_TYPES (1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11 | \
		   0xffff0000u)
#define VERR_TYPES (0x00ff0000u | 0xcccc0000u) /* data; readable code */
#define VERW_TYPES 0x00cc0000u		       /* writable data */

static bool conforms(u32 type)
{
	return (type & 0x1c) == 0x1c;
}

/* LAR leaves the limit field, bits 19:16, undefined. */
static void look_one(int p, const struct snip *s, u32 sel, bool ok, u32 value,
		     bool gives)
{
	struct regs r;

	priv_init(&r, p);
	r.eax = sel;
	r.ecx = 0x55555555;
	priv_run(&r, p, s);
	ends(&r);
	check_that("ZF", r.edx, ok);
	if (s == &s_lar)
		r.ecx &= ~0xf0000;
	if (!ok || !gives)
		value = s == &s_lar ? 0x55505555 : 0x55555555;
	check_that("value", r.ecx, value);
}

/* Every type, DPL and RPL at this CPL; LAR and LSL give 32 bits. */
static void look(int p, const struct snip *s, u32 types, bool lsl, bool gives)
{
	struct regs r;

	priv_init(&r, p);
	r.eax = KCS;
	if (p < RING0) {
		priv_run(&r, p, s);
		faults(&r, VEC_UD, NOERR);
		return;
	}
	for (u32 i = 0; i < 32 * 4 * 4; i++) {
		u32 type = i >> 4, dpl = i >> 2 & 3, rpl = i & 3;
		u32 access = A_P | dpl << 5 | type;
		bool seen = conforms(type) ||
			    (dpl >= (u32)cpl_of(p) && dpl >= rpl);

		gdt_put(FREE_SEL, seg_desc(0x123456, 0x54321, access,
					   SEG_G | SEG_B));
		look_one(p, s, FREE_SEL | rpl, (types >> type & 1) && seen,
			 lsl ? 0x54321fff : 0xc00000 | access << 8, gives);
	}
	look_one(p, s, cpl_of(p), false, 0, gives);  /* null */
	look_one(p, s, 0x400, false, 0, gives);	     /* beyond the table */
	ldt[3] = seg_desc(0, 0x777, A_DATA | A_DPL(3), 0);
	look_one(p, s, 3 * 8 + 7, (types >> 18) & 1,
		 lsl ? 0x777 : 0xf200, gives);
	gdt_put(FREE_SEL, 0);
}

static void test_lar(int p)
{
	look(p, &s_lar, LAR_TYPES, false, true);
}

static void test_lsl(int p)
{
	look(p, &s_lsl, LSL_TYPES, true, true);
}

static void test_verr(int p)
{
	look(p, &s_verr, VERR_TYPES, false, false);
}

static void test_verw(int p)
{
	look(p, &s_verw, VERW_TYPES, false, false);
}

/* --- segment registers read */

#define LOADS "mov es, eax; mov fs, ecx; mov gs, edx; "
#define TOP(reg) "movzx " reg ", word ptr ss:[esp]; "
SNIP(s_push, LOADS "mov ebp, esp; 77: push cs; " TOP("eax") "push ss; "
     TOP("ecx") "push ds; " TOP("edx") "push es; " TOP("esi") "push fs; "
     TOP("edi") "push gs; " TOP("ebx") "mov esp, ebp");
SNIP(s_from, LOADS "77: mov ax, cs; mov ecx, ss; mov edx, ds; mov esi, es; "
     "mov edi, fs; mov ebp, gs; mov [ebx], cs; mov [ebx+2], ss");

/* The six selectors: the guest's own, with the RPL that is its CPL. */
static void test_read(int p, const struct snip *s, bool pushed)
{
	u32 rpl = cpl_of(p), cs, ss, ds;
	struct regs r;

	gdt_put(FREE_SEL, seg_desc(0x10000, 0xffff, A_DATA | A_DPL(3), 0));
	priv_init(&r, p);
	cs = r.cs;
	ss = r.ss;
	ds = r.ds;
	r.eax = p < RING0 ? 0xabc0 : FREE_SEL | rpl;
	r.ecx = p < RING0 ? 0x1234 : 0;
	r.edx = p < RING0 ? 0xffff : 3;
	sens_before = r;
	priv_run(&r, p, s);
	ends(&r);
	check_that("cs", r.eax & 0xffff, cs);
	check_that("ss", r.ecx, ss);
	check_that("ds", r.edx, ds);
	check_that("es", r.esi, sens_before.eax);
	check_that("fs", r.edi, sens_before.ecx);
	check_that("gs", pushed ? r.ebx : r.ebp, sens_before.edx);
	if (!pushed) {
		check_that("16-bit move", r.eax >> 16, sens_before.eax >> 16);
		check_that("memory", MEM32(BUF), ss << 16 | cs);
	}
}

static void test_push_seg(int p)
{
	test_read(p, &s_push, true);
}

static void test_from_seg(int p)
{
	test_read(p, &s_from, false);
}

/* --- segment registers loaded */

#define MOVES(seg) "mov " seg ", eax; mov ecx, " seg
#define POPS(seg) "push eax; 77: pop " seg "; mov ecx, " seg
SNIP(m_ds, MOVES("ds"));
SNIP(m_es, MOVES("es"));
SNIP(m_fs, MOVES("fs"));
SNIP(m_gs, MOVES("gs"));
SNIP(m_ss, "mov edx, ss; 77: mov ss, eax; mov ecx, ss; mov ss, edx");
SNIP(p_ds, POPS("ds"));
SNIP(p_es, POPS("es"));
SNIP(p_fs, POPS("fs"));
SNIP(p_gs, POPS("gs"));
SNIP(p_ss, "mov edx, ss; push eax; 77: pop ss; mov ecx, ss; mov ss, edx");
#define POINTS(seg) "l" seg " ecx, [ebx]; mov eax, ecx; mov ecx, " seg
SNIP(l_ds, POINTS("ds"));
SNIP(l_es, POINTS("es"));
SNIP(l_fs, POINTS("fs"));
SNIP(l_gs, POINTS("gs"));
SNIP(l_ss, "mov edx, ss; 77: lss ecx, [ebx]; mov eax, ecx; mov ecx, ss; "
     "mov ss, edx");
SNIP(m_cs, ".byte 0x8e, 0xc8");

/* A load of a data segment of this type, DPL and RPL: 0, or the vector. */
static u32 load_fault(int p, u32 access, u32 rpl, bool ss)
{
	u32 type = access & 31, dpl = access >> 5 & 3, cpl = cpl_of(p);
	bool data = (type & 0x18) == 0x10;

	if (ss) {
		if (rpl != cpl || dpl != cpl || !data || !(type & 2))
			return VEC_GP;
		return access & A_P ? 0 : VEC_SS;
	}
	if (!(type & 0x10) || (!data && !(type & 2)))
		return VEC_GP;
	if (!conforms(type) && (dpl < rpl || dpl < cpl))
		return VEC_GP;
	return access & A_P ? 0 : VEC_NP;
}

static void load_one(int p, const struct snip *s, u32 sel, u32 vec, u32 err)
{
	struct regs r;

	MEM32(BUF) = 0x12345678;
	MEM16(BUF + 4) = sel;
	priv_init(&r, p);
	r.eax = sel;
	priv_run(&r, p, s);
	if (vec) {
		check_that("vector", r.vec, vec);
		check_that("error code", r.err, err);
		check_that("eip", r.eip, sens_mark(p, s));
		check_that("ecx kept", r.ecx, 0);
		return;
	}
	ends(&r);
	check_that("selector", r.ecx, sel);
	if (r.eax != sel)
		check_that("offset", r.eax, 0x12345678);
}

static void load_all(int p, const struct snip *const *s)
{
	static const u8 accesses[] = {
		A_DATA, A_DATA_RO, A_DATA_DOWN, A_CODE, A_CODE_X, A_CODE_CONF,
		A_LDT, A_TSS, G_CALL, 0x12, 0x1a, 0x10,
	};

	for (u32 seg = 0; seg < 5; seg++) {
		bool ss = seg == 4;

		if (p < RING0) { /* any value is a base */
			load_one(p, s[seg], ss ? 0x0020 : 0xfff7, 0, 0);
			continue;
		}
		for (u32 i = 0; i < ARRAY_SIZE(accesses) * 16; i++) {
			u32 access = accesses[i / 16] | A_DPL(i / 4 % 4);
			u32 sel = FREE_SEL | i % 4;

			/* low addresses for the stack that SS may become */
			gdt_put(FREE_SEL, seg_desc(0, 0xfffff, access,
						   SEG_G | SEG_B));
			load_one(p, s[seg], sel,
				 load_fault(p, access, i % 4, ss), FREE_SEL);
		}
		load_one(p, s[seg], cpl_of(p), ss ? VEC_GP : 0, 0);
		load_one(p, s[seg], 0x400, VEC_GP, 0x400);
	}
	gdt_put(FREE_SEL, 0);
}

static void test_to_seg(int p)
{
	static const struct snip *const s[] = { &m_ds, &m_es, &m_fs, &m_gs,
						&m_ss };
	struct regs r;

	load_all(p, s);
	priv_init(&r, p);
	priv_run(&r, p, &m_cs);
	faults(&r, VEC_UD, NOERR);
}

static void test_pop_seg(int p)
{
	static const struct snip *const s[] = { &p_ds, &p_es, &p_fs, &p_gs,
						&p_ss };

	load_all(p, s);
}

static void test_point(int p)
{
	static const struct snip *const s[] = { &l_ds, &l_es, &l_fs, &l_gs,
						&l_ss };

	load_all(p, s);
}

void guest_main(void)
{
	static const struct sens_test t[] = {
		{ "sgdt", test_sgdt },
		{ "sidt", test_sidt },
		{ "sldt", test_sldt },
		{ "str", test_str },
		{ "smsw", test_smsw },
		{ "pushf", test_pushf },
		{ "popf", test_popf },
		{ "lar", test_lar },
		{ "lsl", test_lsl },
		{ "verr", test_verr },
		{ "verw", test_verw },
		{ "push-seg", test_push_seg },
		{ "mov-from-seg", test_from_seg },
		{ "mov-to-seg", test_to_seg },
		{ "pop-seg", test_pop_seg },
		{ "load-far-pointer", test_point },
	};

	sens_all(t, ARRAY_SIZE(t));
}
