// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verify-faults.c - the verifier is shown to find mistakes.
 *
 * usage: verify-faults [BLOCKS [SEED]]
 *
 * Links the translator compiled with XLATE_FAULTS. Random blocks of all forms
 * are translated rightly, and have to pass; then once more with each fault of
 * translator/faults.def that their translation would meet. What comes out is
 * another block, if it differs in a byte or in a table, and has to be refused.
 * Then single bytes of right blocks are changed at random: most have to be
 * refused, and those that pass are listed by what they are. Ends with
 * "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/log.h"
#include "translator/emit.h"
#include "translator/listing.h"
#include "translator/vdecode.h"
#include "translator/verify.h"
#include "verify-gen.h"

struct fault {
	const char *name, *text;
	unsigned met, differs, caught;
};

static struct test {
	struct vgen g;
	struct verify *work;
	struct xlate_out good, bad;
	u8 code[2][XLATE_MAX_BYTES];
	int now;	       /* the fault to be made, or -1 */
	bool asked[XF_NR];     /* faults that the translation meets */
	unsigned blocks, refused, insns, host, moved;
	unsigned passed, failed;
} T;

static struct fault faults[] = {
#define FAULT(name, text) { #name, text, 0, 0, 0 },
#include "translator/faults.def"
#undef FAULT
};

bool xlate_fault(enum xlate_fault fault)
{
	T.asked[fault] = true;
	return T.now == (int)fault;
}

static enum xlate_err translate(struct xlate_out *out, u8 *buf)
{
	out->buf = buf;
	out->cap = XLATE_MAX_BYTES;
	out->host = 0x7f0012340000;
	return xlate_block(&T.g.in, out);
}

static bool tables_differ(const struct xlate_out *a, const struct xlate_out *b)
{
#define TABLE(n, t) \
	(a->n != b->n || memcmp(a->t, b->t, a->n * sizeof(a->t[0])))
	return a->entry != b->entry || a->checked != b->checked ||
	       a->chain != b->chain || TABLE(nsites, sites) ||
	       TABLE(nexits, exits) || TABLE(nlandings, landings) ||
	       TABLE(nhsites, hsites);
#undef TABLE
}

static void escaped(const struct fault *f)
{
	printf("FAIL fault %s: not seen\n", f->name);
	xlate_listing(stdout, &T.g.in, &T.bad);
}

static void try_fault(unsigned k)
{
	struct fault *f = &faults[k];
	struct verify_report r;

	f->met++;
	T.now = (int)k;
	if (translate(&T.bad, T.code[1]))
		return;
	T.now = -1;
	if (T.bad.size == T.good.size &&
	    !memcmp(T.code[0], T.code[1], T.good.size) &&
	    !tables_differ(&T.good, &T.bad))
		return;
	f->differs++;
	if (!xlate_verify(T.work, &T.g.in, &T.bad, &r))
		f->caught++;
	else if (f->differs - f->caught == 1)
		escaped(f);
}

/* The block for another address, where it can be moved. */
static void try_move(void)
{
	u32 eip = (T.g.in.eip & 0xfff) + vgen_below(&T.g, 0x80000) * 0x1000;
	struct xlate_in in = T.g.in;
	struct verify_report r;

	if (in.source)
		return;
	T.bad = T.good;
	in.eip = eip;
	if (!xlate_relocate(&T.bad, T.code[1],
			    T.good.host + 8 * vgen_below(&T.g, 4096), eip))
		return;
	T.moved++;
	if (xlate_verify(T.work, &in, &T.bad, &r) || T.refused++)
		return;
	printf("FAIL refused when moved: %s, at +%#x\n", r.why, r.off);
	xlate_listing(stdout, &in, &T.bad);
}

static bool try_block(void)
{
	struct verify_report r;
	bool asked[XF_NR];

	vgen_next(&T.g);
	memset(T.asked, 0, sizeof(T.asked));
	T.now = -1;
	if (translate(&T.good, T.code[0]))
		return false;
	memcpy(asked, T.asked, sizeof(asked));
	T.blocks++;
	T.insns += T.good.ninsns;
	if (!xlate_verify(T.work, &T.g.in, &T.good, &r)) {
		if (!T.refused++) {
			printf("FAIL refused: %s, at +%#x\n", r.why, r.off);
			xlate_listing(stdout, &T.g.in, &T.good);
		}
		return false;
	}
	T.host += r.host_insns;
	try_move();
	for (unsigned k = 0; k < XF_NR; k++) {
		if (asked[k] && faults[k].met < 400)
			try_fault(k);
	}
	return true;
}

static void result(bool ok, const char *what, const char *text)
{
	printf("%s %s: %s\n", ok ? "ok" : "FAIL", what, text);
	if (ok)
		T.passed++;
	else
		T.failed++;
}

static void run_faults(unsigned blocks)
{
	unsigned all = 0;
	char text[160];

	for (unsigned k = 0; k < blocks; k++)
		try_block();
	snprintf(text, sizeof(text), "%u blocks, %u guest and %u host "
		 "instructions, %u of them moved, %u refused", T.blocks,
		 T.insns, T.host, T.moved, T.refused);
	result(!T.refused, "right blocks", text);
	for (unsigned k = 0; k < XF_NR; k++) {
		const struct fault *f = &faults[k];

		snprintf(text, sizeof(text), "%s: made %u times, caught %u",
			 f->text, f->differs, f->caught);
		result(f->differs && f->caught == f->differs, f->name, text);
		all += f->differs;
	}
	printf("# %u kinds of fault, %u faulty blocks\n", (unsigned)XF_NR, all);
}

/* --- single bytes */

/* What a changed byte is that the verifier lets pass. */
enum accepted {
	AC_SAME,   /* the same instruction in other bytes */
	AC_WIDE,   /* 64 bits copied, of which the upper ones are zero */
	AC_UNUSED, /* bits of an access word that mean nothing */
	AC_DEAD,   /* the value is overwritten before anything looks */
	AC_OTHER,
	AC_NR
};

static const char *const accepted_text[] = {
	"the same instruction", "a wider copy", "unused bits of a constant",
	"an esp nobody looks at",
	"other values nobody looks at"
};

/* The instruction around offset at, which is decoded from the code's start. */
static bool insn_around(const struct xlate_out *out, u32 at, struct vinsn *i,
			u32 *start)
{
	u32 off = out->blockword + 8;

	while (off < out->size) {
		if (vdecode(i, out->buf + off, out->size - off))
			return false;
		*start = off;
		off += i->len;
		if (at < off)
			return at >= *start;
	}
	return false;
}

static bool same_memory(const struct vinsn *a, const struct vinsn *b)
{
	bool swapped = a->base == b->index && a->index == b->base &&
		       !a->scale && !b->scale;

	if (a->disp != b->disp)
		return false;
	if (swapped)
		return true;
	return a->base == b->base && a->index == b->index &&
	       (a->index < 0 || a->scale == b->scale);
}

/* /r means nothing in setcc, and has three bits where it is opcode */
static bool same_reg(const struct vinsn *a, const struct vinsn *b)
{
	if (a->map == 1 && (a->op & 0xf0) == 0x90)
		return true;
	if (!a->map && (a->op == 0xff || a->op == 0x80 || a->op == 0x81))
		return !((a->reg ^ b->reg) & 7);
	return a->reg == b->reg;
}

static enum accepted classify(const struct vinsn *a, const struct vinsn *b)
{
	if (a->map != b->map || a->op != b->op || a->vex != b->vex ||
	    a->has_mem != b->has_mem || a->len != b->len)
		return AC_OTHER;
	if (!a->map && a->op >= 0xb8 && a->op < 0xc0 &&
	    !((a->imm ^ b->imm) & ~0xc000ull))
		return a->imm == b->imm ? AC_SAME : AC_UNUSED;
	if (!a->map && a->op == 0x8d && a->reg == H_R12)
		return same_memory(a, b) ? AC_SAME : AC_DEAD;
	if (a->imm != b->imm || !same_memory(a, b) || !same_reg(a, b) ||
	    (!a->has_mem && a->rm != b->rm))
		return AC_OTHER;
	return a->w == b->w ? AC_SAME : AC_WIDE;
}

struct mutants {
	unsigned tried, passed[AC_NR];
};

static void mutate_byte(struct mutants *m, u32 at)
{
	bool verbose = getenv("UMBRA_VERIFY_ACCEPTED");
	u8 was = T.code[0][at];
	enum accepted c = AC_OTHER;
	struct verify_report r;
	struct vinsn a, b;
	u32 start;
	bool known = insn_around(&T.good, at, &a, &start);

	m->tried++;
	T.code[0][at] ^= 1 + vgen_below(&T.g, 255);
	if (xlate_verify(T.work, &T.g.in, &T.good, &r)) {
		if (known && insn_around(&T.good, at, &b, &start))
			c = classify(&a, &b);
		m->passed[c]++;
		if (verbose && c == AC_OTHER) {
			printf("accepted +%#x: %02x -> %02x\n", at, was,
			       T.code[0][at]);
			xlate_listing(stdout, &T.g.in, &T.good);
		}
	}
	T.code[0][at] = was;
}

static void mutate(unsigned blocks)
{
	struct mutants m = { .tried = 0 };
	unsigned n = 0, passed = 0;
	char text[300];

	T.now = -1;
	while (blocks--) {
		vgen_next(&T.g);
		if (translate(&T.good, T.code[0]))
			continue;
		for (unsigned k = 0; k < 200; k++) {
			u32 at = vgen_below(&T.g, T.good.size);

			if (at - T.good.blockword >= 8)
				mutate_byte(&m, at);
		}
	}
	for (unsigned k = 0; k < AC_NR; k++)
		passed += m.passed[k];
	n += (unsigned)snprintf(text, sizeof(text), "%u single bytes of code "
				"changed, %u pass:", m.tried, passed);
	for (unsigned k = 0; k < AC_NR; k++)
		n += (unsigned)snprintf(text + n, sizeof(text) - n, " %u %s%s",
					m.passed[k], accepted_text[k],
					k + 1 < AC_NR ? "," : "");
	result(m.tried && passed * 200 < m.tried &&
	       m.passed[AC_OTHER] * 1000 <= m.tried, "mutation", text);
}

int main(int argc, char **argv)
{
	unsigned blocks = argc > 1 ? (unsigned)atoi(argv[1]) : 4000;

	T.g.rng = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	T.work = malloc(verify_size());
	if (!T.work)
		return 1;
	run_faults(blocks);
	mutate(blocks / 20);
	printf("%u passed, %u failed\n", T.passed, T.failed);
	return T.failed ? 1 : 0;
}
