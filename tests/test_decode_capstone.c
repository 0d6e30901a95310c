/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_decode_capstone.c - lengths and identities of every encoding against
 * Capstone. Each kind of difference stands here with its reason (HAZARDS 1);
 * anything else fails.
 */
#include <capstone/capstone.h>
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "tests/decode_util.h"
#include "translator/optab.h"

Suite *suite_decode_capstone(void);

struct compare {
	csh cs;
	cs_insn *ci;
	int mode;
	unsigned long seen, bad;
};

/* Identities that Capstone names otherwise, or by several names. */
static const struct {
	int op;
	const char *names;
} aliases[] = {
	{ OP_CALL_IND, "call" },
	{ OP_CALLF, "lcall" },
	{ OP_CALLF_IND, "lcall" },
	{ OP_CBW, "cbw cwde cdqe" },
	{ OP_CLWB, "clwb xsaveopt64" }, /* with REX.W */
	{ OP_CMPS, "cmpsb cmpsw cmpsd cmpsq" },
	{ OP_CWD, "cwd cdq cqo" },
	{ OP_FNDISI, "fdisi8087_nop" },
	{ OP_FNENI, "feni8087_nop" },
	{ OP_FNSETPM, "fsetpm" },
	{ OP_FSTP, "fstp fstpnce" },
	{ OP_FWAIT, "wait" },
	{ OP_FXRSTOR, "fxrstor fxrstor64" },
	{ OP_FXSAVE, "fxsave fxsave64" },
	{ OP_INS, "insb insw insd" },
	{ OP_IRET, "iret iretd iretq" },
	{ OP_JCXZ, "jcxz jecxz jrcxz" },
	{ OP_JMP_IND, "jmp" },
	{ OP_JMPF, "ljmp" },
	{ OP_JMPF_IND, "ljmp" },
	{ OP_LODS, "lodsb lodsw lodsd lodsq" },
	{ OP_MOV, "mov movabs" },
	{ OP_MOV_FROM_CR, "mov" },
	{ OP_MOV_FROM_DR, "mov" },
	{ OP_MOV_FROM_SEG, "mov" },
	{ OP_MOV_MOFFS, "mov movabs" },
	{ OP_MOV_TO_CR, "mov" },
	{ OP_MOV_TO_DR, "mov" },
	{ OP_MOV_TO_SEG, "mov" },
	{ OP_MOVD, "movd movq" },
	{ OP_MOVDQ2Q, "movdq2q" },
	{ OP_MOVS, "movsb movsw movsd movsq" },
	{ OP_NOP_HINT, "nop endbr32 endbr64" },
	{ OP_OUTS, "outsb outsw outsd" },
	{ OP_PEXTRD, "pextrd pextrq" },
	{ OP_PINSRD, "pinsrd pinsrq" },
	{ OP_POP_SEG, "pop" },
	{ OP_POPA, "popaw popal" },
	{ OP_POPF, "popf popfd popfq" },
	{ OP_PUSH_SEG, "push" },
	{ OP_PUSHA, "pushaw pushal" },
	{ OP_PUSHF, "pushf pushfd pushfq" },
	{ OP_RETF, "retf retfq" },
	{ OP_SCAS, "scasb scasw scasd scasq" },
	{ OP_SHL, "shl sal" },
	{ OP_STOS, "stosb stosw stosd stosq" },
	{ OP_SYSEXIT, "sysexit sysexitq" },
	{ OP_SYSRET, "sysret sysretq" },
	{ OP_UD1, "ud2b" },
	{ OP_VCVTPD2DQ, "vcvtpd2dq vcvtpd2dqx" },
	{ OP_VCVTPD2PS, "vcvtpd2ps vcvtpd2psx" },
	{ OP_VCVTTPD2DQ, "vcvttpd2dq vcvttpd2dqx" },
	{ OP_VMOVD, "vmovd vmovq" },
	{ OP_VPEXTRD, "vpextrd vpextrq" },
	{ OP_VPINSRD, "vpinsrd vpinsrq" },
	{ OP_XLAT, "xlatb" },
	{ OP_XRSTOR, "xrstor xrstor64" },
	{ OP_XRSTORS, "xrstors xrstors64" },
	{ OP_XSAVE, "xsave xsave64" },
	{ OP_XSAVEC, "xsavec xsavec64" },
	{ OP_XSAVEOPT, "xsaveopt xsaveopt64" },
	{ OP_XSAVES, "xsaves xsaves64" },
};

/* What Capstone knows and the guest is not offered: #UD (HAZARDS 2). */
static const char *const not_offered[] = {
	"clgi", "encls", "enclu", "extrq", "femms", "getsec", "insertq",
	"invept", "invlpga", "invvpid", "kandb", "kandnb", "kandnw", "kandw",
	"kmovb", "kmovw", "knotb", "knotw", "korb", "kortestb", "kortestw",
	"korw", "kshiftlb", "kshiftlw", "kshiftrb", "kshiftrw", "kunpckbw",
	"kxnorb", "kxnorw", "kxorb", "kxorw", "montmul", "movntsd", "movntss",
	"pcommit", "rsm", "skinit", "stgi", "vfmaddpd", "vfmaddps",
	"vfmaddsd", "vfmaddss", "vfmaddsubpd", "vfmaddsubps", "vfmsubaddpd",
	"vfmsubaddps", "vfmsubpd", "vfmsubps", "vfmsubsd", "vfmsubss",
	"vfnmaddpd", "vfnmaddps", "vfnmaddsd", "vfnmaddss", "vfnmsubpd",
	"vfnmsubps", "vfnmsubsd", "vfnmsubss", "vmcall", "vmclear", "vmfunc",
	"vmlaunch", "vmload", "vmmcall", "vmptrld", "vmptrst", "vmread",
	"vmresume", "vmrun", "vmsave", "vmwrite", "vmxoff", "vmxon",
	"vpermil2pd", "vpermil2ps", "xabort", "xbegin", "xcryptcbc",
	"xcryptcfb", "xcryptctr", "xcryptecb", "xcryptofb", "xend", "xsha1",
	"xsha256", "xstorerng", "xtest",
};

/* Valid, and checked on a processor, but unknown to Capstone 4.0.2. */
static const int unknown_to_capstone[] = {
	OP_NOP_HINT,	/* parts of 0f 18..1f */
	OP_PREFETCHW,	/* 0f 0d /0, /2../7 */
	OP_UD0,		/* has a modrm byte */
	OP_LFENCE, OP_MFENCE, OP_SFENCE, /* modrm.rm is ignored */
	OP_GF2P8MULB, OP_GF2P8AFFINEQB, OP_GF2P8AFFINEINVQB, OP_MOVDIRI,
	OP_VGF2P8MULB, OP_VGF2P8AFFINEQB, OP_VGF2P8AFFINEINVQB,
	OP_VPDPBUSD, OP_VPDPBUSDS, OP_VPDPWSSD, OP_VPDPWSSDS,
	OP_VBROADCASTI128, OP_RDPID,
};

static const char *const cc_names[16] = { "o", "no", "b", "ae", "e", "ne",
					  "be", "a", "s", "ns", "p", "np", "l",
					  "ge", "le", "g" };

static void lower(char *s)
{
	for (; *s; s++)
		*s = tolower((unsigned char)*s);
}

static void our_name(const struct insn *insn, char *out, size_t size)
{
	const char *cc = cc_names[insn->opcode & 15];

	switch (insn->row->op) {
	case OP_JCC:
		snprintf(out, size, "j%s", cc);
		break;
	case OP_SETCC:
		snprintf(out, size, "set%s", cc);
		break;
	case OP_CMOVCC:
		snprintf(out, size, "cmov%s", cc);
		break;
	default:
		snprintf(out, size, "%s", insn->row->name);
		lower(out);
	}
}

static bool word_in(const char *words, const char *w)
{
	size_t n = strlen(w);

	for (const char *p = words; (p = strstr(p, w)); p += n)
		if ((p == words || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

/* cmpps and its kin: Capstone puts the predicate into the name. */
static bool is_compare(const struct insn *insn, const char *cs)
{
	const char *name = insn->row->name;
	size_t n = strlen(name), stem = name[0] == 'V' ? 4 : 3;
	char tail[3] = { tolower(name[n - 2]), tolower(name[n - 1]) };

	return insn->opcode == 0xc2 && insn->row->map == MAP_0F && n > stem &&
	       !strncmp(cs, name[0] == 'V' ? "vcmp" : "cmp", stem) &&
	       !strcmp(cs + strlen(cs) - 2, tail);
}

static bool same_name(const struct insn *insn, const char *cs)
{
	char ours[32];

	our_name(insn, ours, sizeof(ours));
	if (!strcmp(ours, cs) || is_compare(insn, cs))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (aliases[i].op == insn->row->op)
			return word_in(aliases[i].names, cs);
	return false;
}

static bool is_not_offered(const char *cs)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_offered); i++)
		if (!strcmp(not_offered[i], cs))
			return true;
	return false;
}

static bool is_unknown_to_capstone(int op)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown_to_capstone); i++)
		if (unknown_to_capstone[i] == op)
			return true;
	return false;
}

struct prefixes {
	bool p66, rep, vex, lock;
	unsigned n;	  /* bytes before the opcode */
	unsigned opcode0; /* first opcode byte */
};

static struct prefixes prefixes_of(const u8 *b, int mode)
{
	struct prefixes p = { 0 };

	for (;; p.n++) {
		u8 c = b[p.n];

		p.p66 |= c == 0x66;
		p.rep |= c == 0xf2 || c == 0xf3;
		p.lock |= c == 0xf0;
		if (c != 0x66 && c != 0x67 && c != 0xf2 && c != 0xf3 &&
		    c != 0xf0 && !(mode == 64 && c >= 0x40 && c <= 0x4f))
			break;
	}
	p.opcode0 = b[p.n];
	p.vex = p.opcode0 == 0xc4 || p.opcode0 == 0xc5;
	return p;
}

/*
 * Capstone drops mandatory prefixes: with 66 beside F3/F2 it takes the wrong
 * one, in 16-bit mode none, and it decodes prefixed forms that do not exist.
 * Then ours without some of the prefixes must be what it prints.
 */
static bool is_prefix_dropped(const struct compare *c, const u8 *b,
			      const struct prefixes *p, const char *cs)
{
	static const u8 masks[] = { 1, 2, 3 }; /* drop 66, F2/F3, both */
	struct insn insn;

	if (p->vex || (!p->p66 && !p->rep))
		return false;
	for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
		u8 buf[DECODE_BUF] = { 0 };
		size_t n = 0;

		for (unsigned i = 0; i < DECODE_BUF; i++) {
			bool is66 = b[i] == 0x66;
			bool isrep = b[i] == 0xf2 || b[i] == 0xf3;

			if (i < p->n && ((is66 && masks[k] & 1) ||
					 (isrep && masks[k] & 2)))
				continue;
			buf[n++] = b[i];
		}
		if (insn_decode(&insn, buf, INSN_MAX_LEN, c->mode, NULL) ==
			    INSN_OK &&
		    same_name(&insn, cs))
			return true;
	}
	return false;
}

/*
 * Lengths that Capstone gets wrong: near branches with 66 in 64-bit mode, where
 * Intel's processors ignore it; call, jmp, push and ret with 66 beside F3, F2
 * or REX.W; the modrm byte of ud0 and ud1.
 */
static bool is_length_error(const struct compare *c, const struct insn *insn,
			    const struct prefixes *p)
{
	const struct oprow *row = insn->row;

	if (row->op == OP_UD0 || row->op == OP_UD1)
		return true;
	if (!p->p66 || !(c->mode == 64 || p->rep))
		return false;
	return row->op == OP_PUSH || row->op == OP_RET || row->imm == IMM_RELZ;
}

/* We say yes, Capstone says no. */
static bool explain_valid(const struct compare *c, const struct insn *insn,
			  const struct prefixes *p)
{
	const struct oprow *row = insn->row;

	if (is_unknown_to_capstone(row->op))
		return true;
	/* mandatory prefixes in 16-bit mode, or beside 66 */
	if (!p->vex && (row->pfx == PFX_F3 || row->pfx == PFX_F2) &&
	    (c->mode == 16 || p->p66 || row->op == OP_POPCNT ||
	     row->op == OP_CRC32 || row->op == OP_LDDQU))
		return true;
	if (c->mode == 16 && row->pfx == PFX_66)
		return true;
	/* moffs beside another prefix; VAES, VPCLMUL at 256 bits */
	return row->op == OP_MOV_MOFFS || row->feat == FEAT_VAES ||
	       row->feat == FEAT_VPCLMUL;
}

/* Rows with a condition on VEX.W or L, which Capstone ignores at times. */
static bool is_vex_condition(const u8 *b, const struct prefixes *p)
{
	u8 buf[DECODE_BUF];
	struct insn insn;

	if (!p->vex || b[p->n] != 0xc4)
		return false;
	for (unsigned flip = 1; flip < 4; flip++) {
		memcpy(buf, b, sizeof(buf));
		buf[p->n + 2] ^= (flip & 1 ? 0x80 : 0) | (flip & 2 ? 4 : 0);
		if (insn_decode(&insn, buf, INSN_MAX_LEN, 64, NULL) == INSN_OK)
			return true;
	}
	return false;
}

/* We say #UD, Capstone names something. */
static bool explain_ud(const struct compare *c, const u8 *b,
		       const struct prefixes *p, const char *cs)
{
	if (is_not_offered(cs) || p->lock)
		return true;
	/* mov cs; cr1, cr5..; 64-bit system calls outside of it */
	if (!strcmp(cs, "mov") && (p->opcode0 == 0x8e || p->opcode0 == 0x0f))
		return true;
	if (c->mode != 64 && (!strcmp(cs, "syscall") || !strcmp(cs, "sysret") ||
			      !strcmp(cs, "swapgs")))
		return true;
	if (p->vex && strstr(cs, "gather")) /* equal registers */
		return true;
	return is_vex_condition(b, p) || is_prefix_dropped(c, b, p, cs);
}

static bool explain_other(const struct compare *c, const struct insn *insn,
			  const u8 *b, const struct prefixes *p,
			  const cs_insn *ci)
{
	bool same = same_name(insn, ci->mnemonic);

	if (same && insn->len != ci->size)
		return is_length_error(c, insn, p);
	/* pause; tzcnt and lzcnt as bsf and bsr; rdpid; crc32; scalar
	 * square roots: the F3/F2 form is not known, so the plain one is */
	if ((insn->row->pfx == PFX_F3 || insn->row->pfx == PFX_F2) &&
	    (is_prefix_dropped(c, b, p, ci->mnemonic) ||
	     insn->row->op == OP_RDPID || p->p66 || c->mode == 16))
		return insn->len == ci->size;
	if (insn->row->pfx == PFX_66 && c->mode == 16)
		return insn->len == ci->size;
	return false;
}

static void compare_report(struct compare *c, const u8 *b, const char *ours,
			   int len, const char *cs, int cslen)
{
	if (c->bad++ > 20)
		return;
	fprintf(stderr, "mode %d: ours %s/%d, Capstone %s/%d:", c->mode, ours,
		len, cs, cslen);
	for (int i = 0; i < INSN_MAX_LEN; i++)
		fprintf(stderr, " %02x", b[i]);
	fputc('\n', stderr);
}

/* Capstone prints "rep movsb", "lock add" as mnemonics: the last word. */
static void strip_words(char *mnemonic)
{
	char *sp = strrchr(mnemonic, ' ');

	if (sp)
		memmove(mnemonic, sp + 1, strlen(sp));
}

static void compare_one(const u8 *b, void *arg)
{
	struct compare *c = arg;
	const u8 *code = b;
	size_t size = INSN_MAX_LEN;
	u64 addr = 0x1000;
	struct insn insn;
	struct prefixes p;
	bool ok = insn_decode(&insn, b, INSN_MAX_LEN, c->mode, NULL) == INSN_OK;
	bool csok = cs_disasm_iter(c->cs, &code, &size, &addr, c->ci);

	c->seen++;
	if (!ok && !csok)
		return;
	if (csok)
		strip_words(c->ci->mnemonic);
	if (ok && csok && insn.len == c->ci->size &&
	    same_name(&insn, c->ci->mnemonic))
		return;
	p = prefixes_of(b, c->mode);
	if (ok && !csok) {
		if (!explain_valid(c, &insn, &p))
			compare_report(c, b, insn.row->name, insn.len, "-", 0);
	} else if (!ok) {
		if (!explain_ud(c, b, &p, c->ci->mnemonic))
			compare_report(c, b, "-", 0, c->ci->mnemonic,
				       c->ci->size);
	} else if (!explain_other(c, &insn, b, &p, c->ci)) {
		compare_report(c, b, insn.row->name, insn.len,
			       c->ci->mnemonic, c->ci->size);
	}
}

static void compare_mode(int mode, bool vex, u8 fill)
{
	struct compare c = { .mode = mode };
	cs_mode m = mode == 16 ? CS_MODE_16 :
		    mode == 32 ? CS_MODE_32 : CS_MODE_64;

	ck_assert_int_eq(cs_open(CS_ARCH_X86, m, &c.cs), CS_ERR_OK);
	c.ci = cs_malloc(c.cs);
	if (vex)
		encodings_vex(false, fill, compare_one, &c);
	else
		encodings_legacy(mode, true, fill, compare_one, &c);
	cs_free(c.ci, 1);
	cs_close(&c.cs);
	ck_assert_msg(!c.bad, "%lu of %lu encodings differ", c.bad, c.seen);
	ck_assert(c.seen > 1000000);
}

START_TEST(test_legacy)
{
	static const int modes[] = { 16, 32, 64 };

	compare_mode(modes[_i], false, 0x12);
}
END_TEST

START_TEST(test_vex)
{
	compare_mode(_i ? 64 : 32, true, 0x34);
}
END_TEST

Suite *suite_decode_capstone(void)
{
	Suite *s = suite_create("decode_capstone");
	TCase *tc = tcase_create("encodings");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_legacy, 0, 3);
	tcase_add_loop_test(tc, test_vex, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
