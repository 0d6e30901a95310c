/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive_far.c - bare guest: sensitive instructions that transfer control,
 * in real mode, V86 mode and at CPL 0 to 3.
 *
 * Far CALL, JMP and RET, IRET, INT n, INT3, INTO, INT1, SYSENTER and SYSEXIT:
 * none but the last two traps in user mode when it goes somewhere. Each must go
 * by the guest's own tables, with the guest's privilege. SDM vol. 2 under each
 * name; vol. 3, 5.8, 6.12 and 20.2.
 */
#include "sensitive.h"

const struct tcg_skip tcg_skips[] = {
	{ "int1.real", "TCG raises #UD" },
	{ "int1.vm86", "TCG raises #UD" },
	{ "int1.ring0", "TCG raises #UD" },
	{ "int1.ring1", "TCG raises #UD" },
	{ "int1.ring2", "TCG raises #UD" },
	{ "int1.ring3", "TCG raises #UD" },
	{ "iret.ring0", "TCG keeps VIF and VIP" },
	{ "iret.ring1", "TCG loads VM, VIF and VIP at any CPL" },
	{ "iret.ring2", "TCG loads VM, VIF and VIP at any CPL" },
	{ "iret.ring3", "TCG loads VM, VIF and VIP at any CPL" },
	{ 0, 0 },
};

/* --- far jumps, calls and returns. EDX: where to, also in [EBX] */

#define TARGET "ud2; 78: "
SNIP(j_ind, "jmp fword ptr [ebx]; " TARGET "mov eax, cs");
SNIP(c_ind, "call fword ptr [ebx]; " TARGET
     "mov eax, cs; mov edi, [esp]; mov esi, [esp+4]; mov ecx, ss");
#define RETURN "push ecx; push edx; 77: "
#define RET_TARGET "ud2; 78: mov eax, cs"
SNIP2(r_far, RETURN "retf; " RET_TARGET,
      RETURN ".byte 0x66; retf; " RET_TARGET);

/* What each snippet has behind its mark: the transfer and UD2. */
static u32 target_of(int p, const struct snip *s)
{
	const u8 *c = (const u8 *)(p < RING0 ? s->f16 : s->f32);
	u32 n = 0;

	while (c[n] != 0x0f || c[n + 1] != 0x0b)
		n++;
	return sens_mark(p, s) + n + 2;
}

/* Selector sel goes to [EBX] and ECX. */
static void go_far(struct regs *r, int p, const struct snip *s, u32 sel)
{
	priv_init(r, p);
	r->ecx = sel;
	r->edx = target_of(p, s);
	MEM32(BUF) = r->edx;
	MEM16(BUF + 4) = sel;
	priv_run(r, p, s);
}

static u32 own_cs(int p)
{
	return p < RING0 ? 0 : KCS + cpl_of(p) * 0x11;
}

static void check_call_frame(int p, const struct snip *s, const struct regs *r,
			     u32 cs)
{
	check_that("cs pushed", r->esi & 0xffff, cs);
	check_that("eip pushed", r->edi, target_of(p, s) - 2);
}

/* Direct forms: the same with the pointer in the instruction. */
static void go_direct(struct regs *r, int p, u8 opcode, u32 sel)
{
	u8 code[32];
	u32 n = 0, at, target;

	if (p < RING0)
		code[n++] = 0x66;
	at = n;
	code[n++] = opcode;
	n += 6;
	memcpy(code + n, "\x0f\x0b", 2);
	n += 2;
	target = (p < RING0 ? SNIP_LOW : ADDR(sens_bytes)) + n;
	code[at + 1] = target;
	code[at + 2] = target >> 8;
	code[at + 3] = target >> 16;
	code[at + 4] = target >> 24;
	code[at + 5] = sel;
	code[at + 6] = sel >> 8;
	memcpy(code + n, "\x8c\xc8", 2); /* mov eax, cs */
	priv_init(r, p);
	priv_run(r, p, make_snip(p, code, n + 2));
}

/* Refused: another level, less trusted, absent, not code. */
static void far_refused(int p, const struct snip *s, u8 opcode)
{
	static const struct {
		u8 dpl, rpl, type, vec;
	} bad[] = {
		{ 0, 0, A_CODE, VEC_GP }, { 1, 1, A_CODE, VEC_GP },
		{ 2, 2, A_CODE, VEC_GP }, { 3, 3, A_CODE, VEC_GP },
		{ 0, 3, A_DATA, VEC_GP }, { 0, 3, A_LDT, VEC_GP },
	};
	struct regs r;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i].dpl == cpl_of(p) && bad[i].type == A_CODE)
			continue;
		gdt_put(FREE_SEL, seg_desc(0, 0xfffff, bad[i].type |
					   A_DPL(bad[i].dpl), SEG_G | SEG_B));
		if (s)
			go_far(&r, p, s, FREE_SEL | bad[i].rpl);
		else
			go_direct(&r, p, opcode, FREE_SEL | bad[i].rpl);
		faults(&r, bad[i].vec, FREE_SEL);
	}
	gdt_put(FREE_SEL, seg_desc(0, 0xfffff, (A_CODE & ~A_P) |
				   A_DPL(cpl_of(p)), SEG_G | SEG_B));
	if (s)
		go_far(&r, p, s, FREE_SEL | cpl_of(p));
	else
		go_direct(&r, p, opcode, FREE_SEL | cpl_of(p));
	faults(&r, VEC_NP, FREE_SEL);
	if (s)
		go_far(&r, p, s, 0);
	else
		go_direct(&r, p, opcode, 0);
	faults(&r, VEC_GP, 0);
	gdt_put(FREE_SEL, 0);
}

/* A conforming segment is entered without a change of level: RPL is CPL. */
static void far_conforming(int p, const struct snip *s)
{
	struct regs r;

	gdt_put(FREE_SEL, seg_desc(0, 0xfffff, A_CODE_CONF, SEG_G | SEG_B));
	go_far(&r, p, s, FREE_SEL);
	ends(&r);
	check_that("cs", r.eax & 0xffff, FREE_SEL | (u32)cpl_of(p));
	gdt_put(FREE_SEL, 0);
}

static void test_jmpf(int p)
{
	struct regs r;

	go_far(&r, p, &j_ind, own_cs(p));
	ends(&r);
	check_that("cs", r.eax & 0xffff, own_cs(p));
	if (p < RING0)
		return;
	far_refused(p, &j_ind, 0);
	far_conforming(p, &j_ind);
}

static void test_jmpf_direct(int p)
{
	struct regs r;

	go_direct(&r, p, 0xea, own_cs(p));
	ends(&r);
	check_that("cs", r.eax & 0xffff, own_cs(p));
	if (p >= RING0)
		far_refused(p, NULL, 0xea);
}

static void test_callf(int p)
{
	struct regs r;

	go_far(&r, p, &c_ind, own_cs(p));
	ends(&r);
	check_that("cs", r.eax & 0xffff, own_cs(p));
	check_call_frame(p, &c_ind, &r, own_cs(p));
	if (p < RING0)
		return;
	far_refused(p, &c_ind, 0);
	far_conforming(p, &c_ind);
	/* Through a gate to ring 0: its stack, the caller's CS pushed. */
	gdt_put(FREE_SEL, gate_desc(KCS, target_of(p, &c_ind),
				    G_CALL | A_DPL(3), 0));
	go_far(&r, p, &c_ind, FREE_SEL | 3);
	ends(&r);
	check_that("cs in ring 0", r.eax & 0xffff, KCS);
	check_that("ss in ring 0", r.ecx & 0xffff, KDS);
	check_call_frame(p, &c_ind, &r, own_cs(p));
	/* A gate of the innermost level is not for the others. */
	gdt_put(FREE_SEL, gate_desc(KCS, target_of(p, &c_ind), G_CALL, 0));
	go_far(&r, p, &c_ind, FREE_SEL);
	if (cpl_of(p))
		faults(&r, VEC_GP, FREE_SEL);
	else
		ends(&r);
	gdt_put(FREE_SEL, 0);
}

static void test_callf_direct(int p)
{
	struct regs r;

	go_direct(&r, p, 0x9a, own_cs(p));
	ends(&r);
	check_that("cs", r.eax & 0xffff, own_cs(p));
	if (p >= RING0)
		far_refused(p, NULL, 0x9a);
}

/* A faulting RETF or IRET leaves the stack and all else as it was. */
static void stays(const struct regs *r, u32 vec, u32 err, u32 esp)
{
	check_that("vector", r->vec, vec);
	check_that("error code", r->err, sens_priv == REAL ? NOERR : err);
	check_that("eip", r->eip, sens_mark(sens_priv, sens_ran));
	check_that("esp", r->esp, esp);
}

static void test_retf(int p)
{
	struct regs r;

	go_far(&r, p, &r_far, own_cs(p));
	ends(&r);
	check_that("cs", r.eax & 0xffff, own_cs(p));
	if (p < RING0)
		return;
	/* Inward is refused; an outer level needs a stack there. */
	for (int ring = 0; ring < cpl_of(p); ring++) {
		u32 cs = KCS + ring * 0x11;

		go_far(&r, p, &r_far, cs);
		stays(&r, VEC_GP, cs & ~3u, sens_before.esp - 8);
	}
	for (int ring = cpl_of(p) + 1; ring < 4; ring++) {
		u32 cs = KCS + ring * 0x11, top = ADDR(test_stack_top) - 1024;

		priv_init(&r, p);
		r.esp -= 64;
		MEM32(r.esp) = top;
		MEM32(r.esp + 4) = KDS + ring * 0x11;
		r.ecx = cs;
		r.edx = target_of(p, &r_far);
		priv_run(&r, p, &r_far);
		ends(&r);
		check_that("outer cs", r.eax & 0xffff, cs);
		check_that("outer ss", r.ss, (u32)(KDS + ring * 0x11));
		check_that("outer esp", r.esp, top);
	}
}

/* --- IRET. EAX: flags, ECX: cs, EDX: where to */

SNIP(i_ret, "push eax; push ecx; push edx; 77: iretd; " TARGET
     "mov ebp, cs");

static u32 iret_mask(int p, u32 iopl)
{
	u32 mask = EFL_ARITH | EFL_DF | EFL_NT | EFL_AC | EFL_ID;

	if (cpl_of(p) <= (int)iopl)
		mask |= EFL_IF;
	if (!cpl_of(p))
		mask |= EFL_IOPL;
	if (p == RING0)
		mask |= EFL_VIF | EFL_VIP;
	return mask;
}

static void iret_one(int p, u32 old, u32 new)
{
	u32 iopl = old >> 12 & 3, mask = iret_mask(p, iopl);
	struct regs r;

	priv_init(&r, p);
	r.efl |= old;
	r.eax = new;
	r.ecx = own_cs(p);
	r.edx = target_of(p, &i_ret);
	priv_run(&r, p, &i_ret);
	if (p == VM86 && iopl != 3) {
		stays(&r, VEC_GP, 0, sens_before.esp - 12);
		check_efl("kept", &r, old | EFL_VM);
		return;
	}
	ends(&r);
	check_that("cs", r.ebp & 0xffff, own_cs(p));
	check_that("esp", r.esp, sens_before.esp);
	new = (old & ~mask) | (new & mask) | EFL_FIXED1;
	check_efl("eflags", &r,
		  p == REAL ? new & 0xffff : new | (p == VM86 ? EFL_VM : 0));
}

static void test_iret(int p)
{
	static const u32 news[] = { ~(EFL_TF | EFL_VM), 0, EFL_IF, EFL_IOPL,
				    EFL_IF | EFL_IOPL | EFL_DF, ~EFL_TF };
	struct regs r;

	for (u32 i = 0; i < 8; i++)
		for (u32 n = 0; n < ARRAY_SIZE(news); n++) {
			/* VM set at CPL 0 is a way into V86 mode */
			u32 mask = p == RING0 ? ~EFL_VM : ~0u;

			iret_one(p, EFL_FIXED1 | (i & 3) << 12 |
				 (i & 4 ? EFL_IF : 0), news[n] & mask);
		}
	if (p < RING0)
		return;
	for (int ring = 0; ring < cpl_of(p); ring++) {
		u32 cs = KCS + ring * 0x11;

		priv_init(&r, p);
		r.ecx = cs;
		r.eax = EFL_FIXED1;
		r.edx = target_of(p, &i_ret);
		priv_run(&r, p, &i_ret);
		stays(&r, VEC_GP, cs & ~3u, sens_before.esp - 12);
	}
}

/* --- software interrupts */

SNIP(n_41, "int 0x41");
SNIP(n_3, "int3; nop");
SNIP(n_o, "mov al, 0x7f; add al, 1; 77: into; nop");
SNIP(n_not, "xor eax, eax; into; mov eax, 5");
SNIP(n_1, ".byte 0xf1; nop");

/* Gates of each DPL; V86 mode also asks for IOPL 3 when it is INT n. */
static void soft(int p, const struct snip *s, u32 vec, u32 len, bool iopl_too)
{
	struct regs r;

	for (u32 i = 0; i < 16; i++) {
		u32 iopl = i >> 2, dpl = i & 3;

		idt_dpl(vec, dpl);
		priv_init(&r, p);
		r.efl |= iopl << 12 | EFL_IF;
		priv_run(&r, p, s);
		if (p == VM86 && iopl_too && iopl != 3) {
			check_that("vector", r.vec, VEC_GP);
			check_that("error code", r.err, 0);
			check_that("eip", r.eip, sens_mark(p, s));
		} else if (p != REAL && (u32)cpl_of(p) > dpl) {
			check_that("vector", r.vec, VEC_GP);
			check_that("error code", r.err, vec * 8 + 2);
			check_that("eip", r.eip, sens_mark(p, s));
		} else {
			interrupts(&r, vec, len);
			check_that("cs", r.cs, own_cs(p));
			check_that("IF, IOPL pushed", r.efl & 0x3200,
				   iopl << 12 | EFL_IF);
		}
	}
	idt_dpl(vec, 3);
}

static void test_int(int p)
{
	soft(p, &n_41, 0x41, 2, true);
	idt_dpl(0x41, 0);
}

static void test_int3(int p)
{
	soft(p, &n_3, VEC_BP, 1, false);
}

static void test_into(int p)
{
	struct regs r;

	soft(p, &n_o, VEC_OF, 1, false);
	priv_init(&r, p);
	priv_run(&r, p, &n_not);
	ends(&r);
	check_that("eax", r.eax, 5);
}

/* INT1 is the hardware's: no DPL is looked at. */
static void test_int1(int p)
{
	struct regs r;

	for (int dpl = 0; dpl < 4; dpl += 3) {
		idt_dpl(VEC_DB, dpl);
		priv_init(&r, p);
		priv_run(&r, p, &n_1);
		interrupts(&r, VEC_DB, 1);
	}
	idt_dpl(VEC_DB, 0);
}

/* --- SYSENTER, SYSEXIT */

SNIP(e_enter, "sysenter; ud2");
SNIP(e_exit, "sysexit; ud2");
CODE(entered, "mov esi, esp; mov edi, cs; mov ebp, ss; pushfd; pop ecx");
CODE(exited, "mov esi, esp; mov edi, cs; mov ebp, ss");

static void sysenter_on(void)
{
	gdt_put(0x200, gdt[KCS / 8]);
	gdt_put(0x208, gdt[KDS / 8]);
	gdt_put(0x210, gdt[UCS / 8]);
	gdt_put(0x218, gdt[UDS / 8]);
	wr_msr(MSR_SYSENTER_CS, 0x200);
	wr_msr(MSR_SYSENTER_ESP, ADDR(ring1_stack_top) - 64);
	wr_msr(MSR_SYSENTER_EIP, ADDR(entered));
}

static void test_sysenter(int p)
{
	struct regs r;

	wr_msr(MSR_SYSENTER_CS, 0);
	priv_init(&r, p);
	priv_run(&r, p, &e_enter);
	faults(&r, VEC_GP, 0);
	sysenter_on();
	priv_init(&r, p);
	r.efl |= EFL_IF | EFL_CF | 3 << 12;
	priv_run(&r, p, &e_enter);
	if (p == REAL) {
		faults(&r, VEC_GP, 0);
		return;
	}
	CHECK_END(&r, entered);
	check_that("esp", r.esi, ADDR(ring1_stack_top) - 64);
	check_that("cs", r.edi, 0x200);
	check_that("ss", r.ebp, 0x208);
	check_that("IF and VM are off", r.ecx,
		   EFL_FIXED1 | EFL_CF | 3 << 12);
}

static void test_sysexit(int p)
{
	struct regs r;

	for (int on = 0; on < 2; on++) {
		sysenter_on();
		if (!on)
			wr_msr(MSR_SYSENTER_CS, 0);
		priv_init(&r, p);
		r.edx = ADDR(exited);
		r.ecx = ADDR(test_stack_top) - 128;
		priv_run(&r, p, &e_exit);
		if (p != RING0 || !on) {
			faults(&r, VEC_GP, 0);
			continue;
		}
		CHECK_END(&r, exited);
		check_that("esp", r.esi, ADDR(test_stack_top) - 128);
		check_that("cs", r.edi, 0x213);
		check_that("ss", r.ebp, 0x21b);
	}
}

void guest_main(void)
{
	static const struct sens_test t[] = {
		{ "jmp-far", test_jmpf },
		{ "jmp-far-direct", test_jmpf_direct },
		{ "call-far", test_callf },
		{ "call-far-direct", test_callf_direct },
		{ "ret-far", test_retf },
		{ "iret", test_iret },
		{ "int", test_int },
		{ "int3", test_int3 },
		{ "into", test_into },
		{ "int1", test_int1 },
		{ "sysenter", test_sysenter },
		{ "sysexit", test_sysexit },
	};

	sens_all(t, ARRAY_SIZE(t));
}
