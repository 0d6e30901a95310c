/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ahregs.c - bare guest: AH, BH, CH and DH beside every address form.
 *
 * HAZARDS 8: on a 64-bit host they cannot be named in an instruction with a
 * REX prefix. Instructions are assembled at run time and compared with a
 * model; some bases and indexes are the very registers whose high byte is
 * the operand. Also HAZARDS 13 is in bits.c.
 */
#include "guest.h"

static u8 code[32];
static u8 *mem; /* a page; operands lie at mem + 0x800 and around */

enum op { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, MOV, TEST, XCHG, XADD,
	  CMPXCHG, NOPS };
static const char *const op_name[] = {
	"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "mov", "test",
	"xchg", "xadd", "cmpxchg",
};

/* ModRM address forms; every one is made to point at mem + 0x800. */
static const struct form {
	const char *name;
	u8 len, bytes[7]; /* ModRM (reg 0), SIB, displacement */
	u8 base, index, scale; /* registers, 8: none */
	u32 disp;
} forms[] = {
	{ "[eax]", 1, { 0x00 }, 0, 8, 0, 0 },
	{ "[ebx]", 1, { 0x03 }, 3, 8, 0, 0 },
	{ "[ecx+8]", 2, { 0x41, 8 }, 1, 8, 0, 8 },
	{ "[edx-0x80]", 2, { 0x42, 0x80 }, 2, 8, 0, -0x80u },
	{ "[esi+0x10000]", 5, { 0x86, 0, 0, 1, 0 }, 6, 8, 0, 0x10000 },
	{ "[ebp+0]", 2, { 0x45, 0 }, 5, 8, 0, 0 },
	{ "[edi+ecx*4]", 2, { 0x04, 0x8f }, 7, 1, 2, 0 },
	{ "[esp+4]", 3, { 0x44, 0x24, 4 }, 4, 8, 0, 4 },
	{ "[esp+edx]", 2, { 0x04, 0x14 }, 4, 2, 0, 0 },
	{ "[ebx+eax*8+1]", 3, { 0x44, 0xc3, 1 }, 3, 0, 3, 1 },
	{ "[edx*2+0x100]", 6, { 0x04, 0x55, 0, 1, 0, 0 }, 8, 2, 1, 0x100 },
	{ "[eax+eax]", 2, { 0x04, 0x00 }, 0, 0, 0, 0 },
};

static u32 logic_flags(u8 v)
{
	return EFL_FIXED1 | (v ? 0 : EFL_ZF) | (v & 0x80 ? EFL_SF : 0) |
	       (__builtin_parity(v) ? 0 : EFL_PF);
}

static u8 add8(u8 a, u8 b, u32 c, u32 *f)
{
	u32 s = a + b + c;
	u8 v = s;

	*f = logic_flags(v) | (s >> 8 ? EFL_CF : 0) |
	     ((a ^ b ^ v) & 0x10 ? EFL_AF : 0) |
	     ((a ^ v) & (b ^ v) & 0x80 ? EFL_OF : 0);
	return v;
}

static u8 sub8(u8 a, u8 b, u32 c, u32 *f)
{
	u8 v = a - b - c;

	*f = logic_flags(v) | ((u32)a < b + c ? EFL_CF : 0) |
	     ((a ^ b ^ v) & 0x10 ? EFL_AF : 0) |
	     ((a ^ b) & (a ^ v) & 0x80 ? EFL_OF : 0);
	return v;
}

/* *d op= s; flags in *f, AF aside where it is undefined. */
static void model(enum op op, u8 *d, u8 *s, u8 *al, u32 *f)
{
	u8 t;

	switch (op) {
	case ADD:
		*d = add8(*d, *s, 0, f);
		break;
	case ADC:
		*d = add8(*d, *s, *f & EFL_CF, f);
		break;
	case SUB:
		*d = sub8(*d, *s, 0, f);
		break;
	case SBB:
		*d = sub8(*d, *s, *f & EFL_CF, f);
		break;
	case CMP:
		sub8(*d, *s, 0, f);
		break;
	case OR:
		*d |= *s;
		*f = logic_flags(*d);
		break;
	case AND:
		*d &= *s;
		*f = logic_flags(*d);
		break;
	case XOR:
		*d ^= *s;
		*f = logic_flags(*d);
		break;
	case TEST:
		*f = logic_flags(*d & *s);
		break;
	case MOV:
		*d = *s;
		break;
	case XCHG:
		t = *d;
		*d = *s;
		*s = t;
		break;
	case XADD:
		t = *d;
		*d = add8(*d, *s, 0, f);
		*s = t;
		break;
	default:
		t = *d;
		sub8(*al, t, 0, f);
		if (*al == t)
			*d = *s;
		else
			*al = t;
	}
}

/* Assembles op with r8 number reg (4..7) in the given direction. */
static void assemble(enum op op, bool load, u32 reg, const struct form *m)
{
	u8 *p = code;

	switch (op) {
	case MOV:
		*p++ = load ? 0x8a : 0x88;
		break;
	case TEST:
		*p++ = 0x84;
		break;
	case XCHG:
		*p++ = 0x86;
		break;
	case XADD:
		*p++ = 0x0f;
		*p++ = 0xc0;
		break;
	case CMPXCHG:
		*p++ = 0x0f;
		*p++ = 0xb0;
		break;
	default:
		*p++ = op * 8 + (load ? 2 : 0);
	}
	*p++ = m->bytes[0] | reg << 3;
	for (u32 i = 1; i < m->len; i++)
		*p++ = m->bytes[i];
	*p++ = 0xcd;
	*p++ = 0x40;
}

static u32 *reg_of(struct regs *r, u32 n)
{
	switch (n) {
	case 0:
		return &r->eax;
	case 1:
		return &r->ecx;
	case 2:
		return &r->edx;
	case 3:
		return &r->ebx;
	case 4:
		return &r->esp;
	case 5:
		return &r->ebp;
	case 6:
		return &r->esi;
	default:
		return &r->edi;
	}
}

/* Registers so that the form's address is target. */
static void aim(struct regs *r, const struct form *m, u32 target)
{
	u32 rest = target - m->disp;

	if (m->base == m->index) {
		*reg_of(r, m->base) = rest / 2;
		return;
	}
	if (m->index < 8) {
		u32 idx = m->base < 8 ? 0x24u : rest >> m->scale;

		*reg_of(r, m->index) = idx;
		rest -= idx << m->scale;
	}
	if (m->base < 8)
		*reg_of(r, m->base) = rest;
}

static void one(enum op op, bool load, u32 reg, const struct form *m, u32 seed)
{
	struct regs r, want;
	u8 *target = mem + 0x800, mv = seed * 37 + 11, *d, *s;
	u32 mask = EFL_ARITH, flags;
	u8 *high, al;

	assemble(op, load, reg, m);
	regs_init(&r, code, 3);
	r.eax = 0x89abcd00 + seed * 0x1357;
	r.ecx = 0x12345678 + seed * 0x2468;
	r.edx = 0xfedcba98 - seed * 0x1111;
	r.ebx = 0x0f1e2d3c + seed * 0x0707;
	aim(&r, m, ADDR(target));
	r.efl |= seed & 1 ? EFL_CF | EFL_OF : EFL_ZF | EFL_PF;
	if (op == CMPXCHG && seed & 2)
		mv = r.eax;
	*target = mv;
	want = r;
	high = (u8 *)reg_of(&want, reg & 3) + 1;
	d = load ? high : &mv;
	s = load ? &mv : high;
	al = want.eax;
	flags = want.efl;
	model(op, d, s, &al, &flags);
	if (op == CMPXCHG)
		want.eax = (want.eax & ~0xffu) | al;
	if (op == OR || op == AND || op == XOR || op == TEST)
		mask &= ~EFL_AF;
	run(&r);
	if (r.vec == VEC_END && !memcmp(&r, &want, 32) && *target == mv &&
	    (r.efl & mask) == (flags & mask))
		return;
	print("# %s %s reg %u %s\n", op_name[op], load ? "load" : "store", reg,
	      m->name);
	check_that("vector", r.vec, VEC_END);
	check_that("flags", r.efl & mask, flags & mask);
	check_that("memory", *target, mv);
	check_that("eax", r.eax, want.eax);
	check_that("ecx", r.ecx, want.ecx);
	check_that("edx", r.edx, want.edx);
	check_that("ebx", r.ebx, want.ebx);
	check_that("esp", r.esp, want.esp);
}

/* Forms with a fixed operand: movzx, movsx, setcc, shifts, mul, div ... */
CODE(m1, "movzx esi, ah; movsx edi, bh; movzx bp, ch; movzx esi, dh; "
     "movzx eax, ah");
CODE(m2, "movzx edx, byte ptr [ebx+eax]; mov ah, [ebx+edx*2]; "
     "mov [ebx+edx], ah; mov dh, ah; xchg ah, dl; xchg bh, ch; xchg bh, ch");
CODE(m3, "mov eax, 0x7f; add al, 1; setc ah; seto bh; sets ch; setz dh");
CODE(m4, "mov cl, 3; mov eax, 0x8101; rol ah, cl; mov ebx, eax; "
     "shr bh, 1; mov edx, ebx; rcr dh, 2; sar ah, 1; shl ch, 4");
CODE(m5, "mov eax, 0x0305; mov ecx, 0x0700; mul ah; mul ch; mov ebx, eax; "
     "mov eax, 0x100; mov edx, 0x3000; div dh; mov esi, eax; "
     "mov eax, 0xff9c; mov ecx, 0x0a00; idiv ch");
CODE(m6, "mov eax, 0x12345678; inc ah; dec al; neg ah; not al; "
     "mov ah, 0x99; cmp ah, 0x99; sete bl; lahf; sahf; adc bh, ah");
CODE(m7, "mov ah, byte ptr [ebx]; add byte ptr [ebx+1], ah; "
     "cmpxchg [ebx+2], ch; lock xadd [ebx+3], dh; test [ebx], ah; "
     "in al, 0x61; mov ah, fs:[ebx]; mov es:[ebx+4], ch");

static void test_fixed(int cpl)
{
	struct regs r;

#define GO(name)                                                              \
	begin(cpl ? "ah." #name ".3" : "ah." #name ".0");                     \
	regs_init(&r, name, cpl);                                             \
	r.eax = 0x11228344;                                                   \
	r.ebx = 0x5566f788;                                                   \
	r.ecx = 0x99aabbcc;                                                   \
	r.edx = 0xddee7f01;                                                   \
	r.ebp = 0xffffffff;                                                   \
	if (r.eip == ADDR(m2) || r.eip == ADDR(m7))                           \
		r.ebx = ADDR(mem);                                            \
	if (r.eip == ADDR(m2))                                                \
		r.eax = 0;                                                    \
	r.efl |= EFL_IOPL;                                                    \
	run(&r);                                                              \
	CHECK_END(&r, name)

	GO(m1);
	check_that("movzx esi, dh", r.esi, 0x7f);
	check_that("movsx edi, bh", r.edi, 0xfffffff7);
	check_that("movzx bp, ch", r.ebp, 0xffff00bb);
	check_that("movzx eax, ah", r.eax, 0x83);
	mem[0] = 0x20;
	mem[0x40] = 0x9c;
	GO(m2);
	check_that("memory", mem[0x20], 0x9c);
	check_that("eax", r.eax, 0x2000);
	check_that("edx", r.edx, 0x9c9c);
	check_that("ebx", r.ebx, ADDR(mem));
	GO(m3);
	check_that("eax", r.eax, 0x0080);
	check_that("bh", r.ebx >> 8 & 0xff, 1);
	check_that("ch", r.ecx >> 8 & 0xff, 1);
	check_that("dh", r.edx >> 8 & 0xff, 0);
	GO(m4);
	check_that("bh", r.ebx >> 8 & 0xff, 0x06);
	check_that("ah", r.eax >> 8 & 0xff, 0x06);
	check_that("ch", r.ecx >> 8 & 0xff, 0xb0);
	check_that("dh", r.edx >> 8 & 0xff, 0x01);
	GO(m5);
	check_that("mul", r.ebx & 0xffff, 15 * 7);
	check_that("div", r.esi & 0xffff, 0x1005);
	check_that("idiv", r.eax & 0xffff, 0xf6);
	GO(m6);
	check_that("al", r.eax & 0xff, 0x88);
	check_that("bl", r.ebx & 0xff, 1);
	check_that("bh", r.ebx >> 8 & 0xff, (0xf7 + 0x46) & 0xff);
	memcpy(mem, "\x11\x22\x33\x44\x55", 5);
	GO(m7);
	check_that("[0..3]", MEM32(mem), 0xc3333311);
	check_that("[4]", mem[4], 0xbb);
	check_that("dh", r.edx >> 8 & 0xff, 0x44);
	check_that("ah", r.eax >> 8 & 0xff, 0x11);
#undef GO
}

void guest_main(void)
{
	mem = (u8 *)pages_alloc(2);
	for (enum op op = ADD; op < NOPS; op++) {
		begin(op_name[op]);
		for (u32 f = 0; f < ARRAY_SIZE(forms); f++)
			for (u32 reg = 4; reg < 8; reg++)
				for (u32 seed = 0; seed < 4; seed++)
					for (u32 load = 0; load < 2; load++)
						if (!load || op <= MOV)
							one(op, load, reg,
							    &forms[f], seed);
	}
	test_fixed(0);
	test_fixed(3);
}
