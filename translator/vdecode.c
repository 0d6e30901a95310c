// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vdecode.c - see vdecode.h. Sources: SDM vol. 2, chapter 2 and appendix A.
 *
 * One letter an opcode says what follows it:
 *	-  refused		n  nothing		m  modrm
 *	b  modrm, imm8		z  modrm, imm16/32	i  imm8
 *	Z  imm16/32		v  imm of operand size	j  rel8
 *	J  rel32		M  modrm, memory only
 * and some stand for groups of which a part is allowed (vgroup()).
 */
#include "vdecode.h"

/* clang-format off */

static const char *const legacy_1b =
	"mmmmiZ--mmmmiZ--" "mmmmiZ--mmmmiZ--"	/* 00 */
	"mmmmiZ--mmmmiZ--" "mmmmiZ--mmmmiZ--"	/* 20 */
	"----------------" "----------------"	/* 40 */
	"---------z-b----" "----j-----------"	/* 60 */
	"bz-bmmmmmmmm-m--" "nnnnnnnnnn-n--nn"	/* 80 */
	"----nnnniZnnnnnn" "iiiiiiiivvvvvvvv"	/* a0 */
	"bb-n--cC----n---" "mmmm----xxxxxxxx"	/* c0 */
	"---j----JJ------" "-----n34nn--nnef";	/* e0 */

static const char *const legacy_0f =
	"-r-----------M--" "mmmmmmmmh-------"	/* 00 */
	"--------mmmmmmmm" "-n--------------"	/* 20 */
	"mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm"	/* 40 */
	"mmmmmmmmmmmmmmmm" "bbbbmmmn----mmmm"	/* 60 */
	"JJJJJJJJJJJJJJJJ" "mmmmmmmmmmmmmmmm"	/* 80 */
	"---mbm-----mbmFm" "mm-m--mmP-Bmmmmm"	/* a0 */
	"mmbMbbb7nnnnnnnn" "mmmmmmmmmmmmmmmm"	/* c0 */
	"mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmm-";	/* e0 */

static const char *const legacy_0f38 =
	"mmmmmmmmmmmm----" "m---mm-m----mmm-"	/* 00 */
	"mmmmmm--mmmm----" "mmmmmm-mmmmmmmmm"	/* 20 */
	"mm--------------" "----------------"	/* 40 */
	"----------------" "----------------"	/* 60 */
	"----------------" "----------------"	/* 80 */
	"----------------" "----------------"	/* a0 */
	"--------mmmmmm-m" "-----------mmmmm"	/* c0 */
	"----------------" "mm----X--M------";	/* e0 */

static const char *const legacy_0f3a =
	"--------bbbbbbbb" "----bbbb--------"	/* 00 */
	"bbb-------------" "----------------"	/* 20 */
	"bbb-b-----------" "----------------"	/* 40 */
	"bbbb------------" "----------------"	/* 60 */
	"----------------" "----------------"	/* 80 */
	"----------------" "----------------"	/* a0 */
	"------------b-bb" "---------------b"	/* c0 */
	"----------------" "----------------";	/* e0 */

static const char *const vex_0f =
	"----------------" "mmmmmmmm--------"	/* 00 */
	"--------mmmmmmmm" "----------------"	/* 20 */
	"----------------" "mmmmmmmmmmmmmmmm"	/* 40 */
	"mmmmmmmmmmmmmmmm" "bbbbmmmn----mmmm"	/* 60 */
	"----------------" "----------------"	/* 80 */
	"--------------V-" "----------------"	/* a0 */
	"--b-bbb---------" "mmmmmmmmmmmmmmmm"	/* c0 */
	"mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmm-";	/* e0 */

static const char *const vex_0f38 =
	"mmmmmmmmmmmmmmmm" "---m--mmmmm-mmm-"	/* 00 */
	"mmmmmm--mmmmmmmm" "mmmmmmmmmmmmmmmm"	/* 20 */
	"mm---mmm--------" "mmmm----mmm-----"	/* 40 */
	"----------------" "--------mm------"	/* 60 */
	"------------m-m-" "GGGG--mmmmmmmmmm"	/* 80 */
	"------mmmmmmmmmm" "------mmmmmmmmmm"	/* a0 */
	"---------------m" "-----------mmmmm"	/* c0 */
	"----------------" "--mm-mmm--------";	/* e0 */

static const char *const vex_0f3a =
	"bbb-bbb-bbbbbbbb" "----bbbbbb---b--"	/* 00 */
	"bbb-------------" "--------bb------"	/* 20 */
	"bbb-b-b---bbb---" "----------------"	/* 40 */
	"bbbb------------" "----------------"	/* 60 */
	"----------------" "----------------"	/* 80 */
	"----------------" "----------------"	/* a0 */
	"--------------bb" "---------------b"	/* c0 */
	"----------------" "b---------------";	/* e0 */

/* clang-format on */

struct cursor {
	const u8 *p, *end;
	bool over; /* more was wanted than is there */
};

static u8 take(struct cursor *c)
{
	if (c->p >= c->end) {
		c->over = true;
		return 0;
	}
	return *c->p++;
}

static u64 take_le(struct cursor *c, unsigned n)
{
	u64 v = 0;

	for (unsigned k = 0; k < n; k++)
		v |= (u64)take(c) << (8 * k);
	return v;
}

/* Each prefix once, REX last. Returns the byte behind them. */
static u8 vprefixes(struct vinsn *i, struct cursor *c, const char **why)
{
	for (;;) {
		u8 b = take(c);
		bool twice = false;

		switch (b) {
		case 0x65:
			twice = i->gs;
			i->gs = true;
			break;
		case 0x67:
			twice = i->a32;
			i->a32 = true;
			break;
		case 0x66:
			twice = i->p66;
			i->p66 = true;
			break;
		case 0xf0:
			twice = i->lock;
			i->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			twice = i->rep;
			i->rep = b;
			break;
		default:
			return b;
		}
		if (twice || c->over) {
			*why = "a prefix stands there twice";
			return 0;
		}
	}
}

/* The three fourth bits of register fields, as REX has them. */
struct vbits {
	u8 r, x, b;
};

static const char *vopcode(struct vinsn *i, struct cursor *c, u8 b,
			   struct vbits *x)
{
	if ((b & 0xf0) == 0x40) {
		i->rex = true;
		i->w = b >> 3 & 1;
		*x = (struct vbits){ b >> 2 & 1, b >> 1 & 1, b & 1 };
		b = take(c);
	}
	if (b == 0x0f) {
		i->map = 1;
		b = take(c);
		if (b == 0x38 || b == 0x3a) {
			i->map = b == 0x38 ? 2 : 3;
			b = take(c);
		}
	}
	i->op = b;
	return NULL;
}

static const char *vvex(struct vinsn *i, struct cursor *c, u8 b,
			struct vbits *x)
{
	static const u8 rep[4] = { 0, 0, 0xf3, 0xf2 };
	u8 v = take(c), map = 1;

	if (i->p66 || i->rep || i->lock)
		return "a prefix before VEX";
	x->r = !(v >> 7);
	if (b == 0xc4) {
		x->x = !(v >> 6 & 1);
		x->b = !(v >> 5 & 1);
		map = v & 31;
		v = take(c);
		i->w = v >> 7;
	}
	if (map < 1 || map > 3)
		return "VEX map";
	i->vex = true;
	i->map = map;
	i->vvvv = ~v >> 3 & 15;
	i->vexl = v >> 2 & 1;
	i->p66 = (v & 3) == 1;
	i->rep = rep[v & 3];
	i->op = take(c);
	return NULL;
}

static void vmodrm(struct vinsn *i, struct cursor *c, const struct vbits *x)
{
	u8 m = take(c);

	i->has_modrm = true;
	i->mod = m >> 6;
	i->reg = (m >> 3 & 7) | x->r << 3;
	i->rm = (m & 7) | x->b << 3;
	i->base = i->index = VR_NONE;
	if (i->mod == 3)
		return;
	i->has_mem = true;
	if ((m & 7) == 4) {
		u8 s = take(c);

		i->scale = s >> 6;
		i->index = (s8)((s >> 3 & 7) | x->x << 3);
		if (i->index == 4 && !i->vsib)
			i->index = VR_NONE;
		i->base = (s8)((s & 7) | x->b << 3);
		if ((s & 7) == 5 && !i->mod)
			i->base = VR_NONE;
		if (i->base == VR_NONE)
			i->disp = (s32)take_le(c, 4);
	} else if ((m & 7) == 5 && !i->mod) {
		i->base = VR_RIP;
		i->disp = (s32)take_le(c, 4);
	} else {
		i->base = (s8)i->rm;
	}
	if (i->mod == 1)
		i->disp = (s8)take(c);
	else if (i->mod == 2)
		i->disp = (s32)take_le(c, 4);
}

static char vletter(const struct vinsn *i)
{
	const char *const tab[2][4] = {
		{ legacy_1b, legacy_0f, legacy_0f38, legacy_0f3a },
		{ NULL, vex_0f, vex_0f38, vex_0f3a },
	};

	return tab[i->vex][i->map][i->op];
}

/* Group 15: ldmxcsr, stmxcsr, cache lines and fences. */
static bool vgroup15(const struct vinsn *i)
{
	u8 d = i->reg & 7;

	if (i->rep)
		return false;
	if (!i->has_mem)
		return !i->p66 && d >= 5;
	return i->p66 ? d >= 6 : d == 2 || d == 3 || d == 7;
}

/* x87 state images hold host addresses and reach far: C makes them. */
static bool vx87(const struct vinsn *i)
{
	u8 d = i->reg & 7;

	if (!i->has_mem)
		return true;
	return !((i->op == 0xd9 || i->op == 0xdd) && (d == 4 || d == 6));
}

/* The part of a group that is allowed. */
static bool vgroup(const struct vinsn *i, char letter)
{
	u8 d = i->reg & 7;

	switch (letter) {
	case 'M':
		return i->has_mem;
	case 'h': /* prefetch */
		return i->has_mem && d < 4;
	case 'r': /* rdtscp, of all that 0f 01 holds */
		return i->mod == 3 && i->reg == 7 && i->rm == 1 && !i->p66 &&
		       !i->rep && !i->rex;
	case 'c':
	case 'C': /* mov, not xabort and xbegin */
		return !d;
	case 'e':
		return d < 2;
	case 'f': /* inc, dec, call, jmp */
		return d < 2 || ((d == 2 || d == 4) && !i->p66);
	case 'x':
		return vx87(i);
	case 'F':
		return vgroup15(i);
	case 'V': /* vldmxcsr, vstmxcsr */
		return i->has_mem && (d == 2 || d == 3);
	case 'P': /* popcnt */
		return i->rep == 0xf3;
	case 'B': /* bt and its kin with imm8 */
		return d >= 4;
	case '7': /* cmpxchg8b, rdrand, rdseed */
		return i->has_mem ? d == 1 && !i->w :
				    d >= 6 && !i->rep;
	case 'X': /* adcx, adox; not wrss */
		return i->p66 != (i->rep == 0xf3) && i->rep != 0xf2;
	case 'G': /* gathers */
		return i->has_mem && i->index != VR_NONE;
	}
	return true;
}

static unsigned vimmsize(const struct vinsn *i, char letter)
{
	unsigned z = i->p66 && !i->w ? 2 : 4;

	switch (letter) {
	case 'b':
	case 'i':
	case 'j':
	case 'c':
	case 'B':
		return 1;
	case 'z':
	case 'Z':
	case 'C':
		return z;
	case 'J':
		return 4;
	case 'v':
		return i->w ? 8 : z;
	case '3':
		return (i->reg & 7) < 2 ? 1 : 0;
	case '4':
		return (i->reg & 7) < 2 ? z : 0;
	}
	return 0;
}

/* Letters without a modrm byte. */
static bool vbare(char letter)
{
	return letter == 'n' || letter == 'i' || letter == 'Z' ||
	       letter == 'v' || letter == 'j' || letter == 'J';
}

const char *vdecode(struct vinsn *i, const u8 *code, size_t n)
{
	struct cursor c = { code, code + (n < VMAX_LEN ? n : VMAX_LEN), false };
	struct vbits x = { 0, 0, 0 };
	const char *why = NULL;
	char letter;
	u8 b;

	*i = (struct vinsn){ .base = VR_NONE, .index = VR_NONE };
	b = vprefixes(i, &c, &why);
	if (!why)
		why = b == 0xc4 || b == 0xc5 ? vvex(i, &c, b, &x) :
					       vopcode(i, &c, b, &x);
	if (why)
		return why;
	letter = vletter(i);
	if (letter == '-')
		return "an opcode that is not allowed";
	i->vsib = letter == 'G';
	if (!vbare(letter))
		vmodrm(i, &c, &x);
	else
		i->reg = (i->op & 7) | x.b << 3; /* b0..bf, 90..97, bswap */
	if (!vgroup(i, letter))
		return "an opcode of a group that is not allowed";
	if (letter == 'J' && (i->p66 || i->rep))
		return "a branch with a prefix";
	i->immsize = (u8)vimmsize(i, letter);
	i->imm = take_le(&c, i->immsize);
	if (c.over)
		return "an instruction that goes beyond the block";
	i->len = (u8)(c.p - code);
	return NULL;
}
