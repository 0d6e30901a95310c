/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listing.c - see listing.h. Capstone prints; lengths of guest instructions
 * come from our decoder (HAZARDS 1).
 */
#include <capstone/capstone.h>
#include <string.h>
#include "listing.h"

struct listing {
	FILE *f;
	const struct xlate_in *in;
	const struct xlate_out *out;
	csh host, guest;
};

static csh listing_open(int bits)
{
	cs_mode mode = bits == 16 ? CS_MODE_16 : bits == 32 ? CS_MODE_32 :
							      CS_MODE_64;
	csh h;

	if (cs_open(CS_ARCH_X86, mode, &h))
		return 0;
	cs_option(h, CS_OPT_SYNTAX, CS_OPT_SYNTAX_INTEL);
	return h;
}

/* Disassembles one instruction; its length, or 1 for what is not understood. */
static unsigned listing_one(csh h, const u8 *code, size_t n, u64 addr,
			    char *text, size_t size)
{
	cs_insn *i;
	unsigned len = 1;

	if (!h || !cs_disasm(h, code, n, addr, 1, &i)) {
		snprintf(text, size, ".byte 0x%02x", n ? code[0] : 0);
		return 1;
	}
	snprintf(text, size, "%s%s%s", i->mnemonic, i->op_str[0] ? " " : "",
		 i->op_str);
	len = i->size;
	cs_free(i, 1);
	return len;
}

unsigned listing_insn(const u8 *code, size_t n, u64 addr, int bits, char *text,
		      size_t size)
{
	csh h = listing_open(bits);
	unsigned len = listing_one(h, code, n, addr, text, size);

	if (h)
		cs_close(&h);
	return len;
}

const char *listing_glue_name(enum glue g)
{
	static const char *const name[GLUE_NR] = {
		[GLUE_MISS] = "miss",	  [GLUE_HASH] = "hash",
		[GLUE_DIRECT] = "direct", [GLUE_HELPER] = "helper",
		[GLUE_TLB] = "tlb",	  [GLUE_SEG] = "seg",
		[GLUE_INT] = "int",	  [GLUE_IRET] = "iret",
		[GLUE_SYSENTER] = "sysenter",
		[GLUE_SYSEXIT] = "sysexit",
		[GLUE_POPF] = "popf",	  [GLUE_AC] = "ac",
		[GLUE_SEGLOAD] = "segload", [GLUE_PROBE] = "probe",
	};

	return name[g];
}

static s64 rel_at(const struct xlate_out *out, u32 off)
{
	s32 rel;

	memcpy(&rel, out->buf + off, 4);
	return (s64)off + 4 + rel;
}

/*
 * Branches print by name, or as +offset in the block, so that a listing does
 * not depend on where the code lies. False: not a branch.
 */
static bool listing_branch(const struct listing *l, u32 off, unsigned len,
			   char *text, size_t size)
{
	const struct xlate_out *out = l->out;
	const u8 *p = out->buf + off;
	s64 to;
	char op[16];

	if (len == 5 && (p[0] == 0xe8 || p[0] == 0xe9))
		to = rel_at(out, off + 1);
	else if (len == 6 && p[0] == 0x0f && (p[1] & 0xf0) == 0x80)
		to = rel_at(out, off + 2);
	else if (len == 2 && ((p[0] & 0xf0) == 0x70 || p[0] == 0xe3 ||
			      p[0] == 0xeb))
		to = (s64)off + 2 + (s8)p[1];
	else
		return false;
	snprintf(op, sizeof(op), "%.*s", (int)strcspn(text, " "), text);
	for (unsigned g = 0; g < GLUE_NR; g++) {
		if (l->in->cache + l->in->glue[g] == out->host + (u64)to) {
			snprintf(text, size, "%s %s", op,
				 listing_glue_name(g));
			return true;
		}
	}
	snprintf(text, size, "%s +%x", op, (unsigned)to);
	return true;
}

/* What the side tables say about this offset. */
static void listing_notes(const struct listing *l, u32 off, unsigned len)
{
	static const char *const kind[] = {
		[SITE_BIASED] = "biased", [SITE_SWAPPED] = "swapped",
		[SITE_BORROWED] = "borrowed", [SITE_AFTER] = "after",
		[SITE_GLUE] = "glue", [SITE_LOOKUP] = "lookup",
	};
	const struct xlate_out *out = l->out;

	for (unsigned i = 0; i < out->nsites; i++) {
		const struct xsite *s = &out->sites[i];

		if (s->host_off == off && s->kind != SITE_PLAIN)
			fprintf(l->f, "  ; %s %u,%u%s", kind[s->kind], s->aux,
				s->aux2, s->rep ? " rep" : "");
		if (s->host_off == off && s->sp_off)
			fprintf(l->f, "  ; esp%+d", s->sp_off);
	}
	for (unsigned i = 0; i < out->nexits; i++) {
		const struct xexit *x = &out->exits[i];

		if (x->patch_off > off && x->patch_off < off + len)
			fprintf(l->f, "  ; exit %u to %08x", i, x->target);
		if (x->stub_off == off)
			fprintf(l->f, "  ; stub %u", i);
	}
	for (unsigned i = 0; i < out->nlandings; i++)
		if (out->landings[i].off == off)
			fprintf(l->f, "  ; landing site");
}

static void listing_host(const struct listing *l, u32 from, u32 to)
{
	char text[160];

	while (from < to) {
		unsigned len = listing_one(l->host, l->out->buf + from,
					   l->out->size - from, from, text,
					   sizeof(text));

		listing_branch(l, from, len, text, sizeof(text));
		fprintf(l->f, "    +%03x  %s", from, text);
		listing_notes(l, from, len);
		fputc('\n', l->f);
		from += len;
	}
}

static void listing_guest(const struct listing *l, unsigned i)
{
	const struct xinsn *xi = &l->out->insns[i];
	char text[160];

	listing_one(l->guest, xi->raw, MAX(xi->insn.len, 1), xi->eip, text,
		    sizeof(text));
	fprintf(l->f, "%08x  ", xi->eip);
	for (unsigned k = 0; k < 8; k++) {
		if (k < xi->insn.len)
			fprintf(l->f, "%02x", xi->raw[k]);
		else
			fprintf(l->f, "  ");
	}
	fprintf(l->f, "%c %s%s%s\n", xi->insn.len > 8 ? '+' : ' ',
		xi->insn.row ? text : "(undefined)",
		xi->insn.row ? "  ; " : "",
		xi->insn.row ? xi->insn.row->name : "");
}

/* " <name+0x12>" of a guest address, if it has a name */
static void listing_symbol(const struct listing *l, u32 eip)
{
	u32 off = 0;
	const char *name = l->in->symbol ?
		l->in->symbol(l->in->symbol_opaque,
			      (u32)(l->in->mode->cs_base + eip), &off) : NULL;

	if (name && off)
		fprintf(l->f, " <%s+%#x>", name, off);
	else if (name)
		fprintf(l->f, " <%s>", name);
}

/* First host offset of instruction i; the cold part belongs to none. */
static u32 insn_start(const struct xlate_out *out, unsigned i)
{
	for (unsigned k = 0; k < out->nsites; k++)
		if (out->sites[k].insn == i &&
		    out->sites[k].host_off >= out->entry)
			return out->sites[k].host_off;
	return out->size;
}

/* Where the body ends: the first site that goes back to an earlier insn. */
static u32 cold_start(const struct xlate_out *out)
{
	u32 at = out->size;

	for (unsigned i = 0; i < out->nexits; i++)
		if (out->exits[i].stub_off < at)
			at = out->exits[i].stub_off;
	for (unsigned k = 1; k < out->nsites; k++)
		if (out->sites[k].insn < out->sites[k - 1].insn &&
		    out->sites[k].host_off < at)
			at = out->sites[k].host_off;
	return at;
}

void xlate_listing(FILE *f, const struct xlate_in *in,
		   const struct xlate_out *out)
{
	struct listing l = { .f = f, .in = in, .out = out,
			     .host = listing_open(64),
			     .guest = listing_open(in->mode->code_bits) };
	u32 cold = cold_start(out);

	fprintf(f, "block %08x", in->eip);
	listing_symbol(&l, in->eip);
	fprintf(f, ": %u instructions, %u bytes to %u%s\n", out->ninsns,
		out->guest_len, out->size, out->crosses ? ", crosses a page" : "");
	listing_host(&l, out->checked, out->entry);
	for (unsigned i = 0; i < out->ninsns; i++) {
		u32 end = i + 1 < out->ninsns ? insn_start(out, i + 1) : cold;

		listing_guest(&l, i);
		listing_host(&l, insn_start(out, i), MIN(end, cold));
	}
	if (cold < out->size) {
		fprintf(f, "cold:\n");
		listing_host(&l, cold, out->size);
	}
	if (l.host)
		cs_close(&l.host);
	if (l.guest)
		cs_close(&l.guest);
}
