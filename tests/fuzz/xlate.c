// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xlate.c - fuzz target: bytes through decode, translate, relocate.
 *
 * The input is a header, which picks the mode and the form of the block (see
 * header_read()), and guest code behind it. What has to hold for any bytes in
 * any mode: the decoder reads no more than it was given and at most 15 bytes;
 * the translator writes no more than its buffer and needs no more than
 * XLATE_INSN_BYTES an instruction; its tables are in order and point where
 * they say; the verifier accepts each block; the same input gives the same
 * block, and a block moved is the block translated at the new place.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "translator/listing.h"
#include "translator/verify.h"
#include "xlate_gen.h"

#define CACHE 0x7f0012300000ull
#define HOST  0x7f0012340000ull

/* The guest's memory: what the block's own pages hold. */
struct guest {
	const u8 *code;
	size_t size;
	u32 la;	      /* linear address of code[0] */
	bool no_first, no_second; /* the page of la, the one behind: not there */
	u8 fill;      /* what lies behind the input */
	u32 helper_mod;
	u64 asked;    /* look-ups of helper_site() */
	u8 source[2 * PAGE_SIZE];
};

struct block {
	struct xlate_in in;
	struct xmode mode;
	struct guest guest;
	u32 to; /* where it is moved */
	u64 to_host;
	u64 features[(FEAT_NR + 63) / 64];
};

static struct {
	u64 blocks, insns, moved, fixed, faults, limits;
	u64 verified, passed, refused; /* the last two: of damaged ones */
	u64 forms[4]; /* plain, helper, checked, no-fsgsbase */
} seen;

static u32 glue_table[GLUE_NR];

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"xlate: %llu blocks of %llu instructions (helper form %llu, "
		"checked %llu, no-fsgsbase %llu), %llu moved, %llu not to be "
		"moved, %llu not fetched, %llu beyond the limit; %llu verified; "
		"of damaged ones %llu refused, %llu passed\n",
		(unsigned long long)seen.blocks, (unsigned long long)seen.insns,
		(unsigned long long)seen.forms[1],
		(unsigned long long)seen.forms[2],
		(unsigned long long)seen.forms[3],
		(unsigned long long)seen.moved, (unsigned long long)seen.fixed,
		(unsigned long long)seen.faults,
		(unsigned long long)seen.limits,
		(unsigned long long)seen.verified,
		(unsigned long long)seen.refused,
		(unsigned long long)seen.passed);
}

/* --- the input */

static int guest_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	const struct guest *g = opaque;
	u32 page = ((u32)la >> PAGE_SHIFT) - (g->la >> PAGE_SHIFT);

	must(la <= UINT32_MAX, "fetch at %#llx", (unsigned long long)la);
	must(n && (la & ~PAGE_MASK) + n <= PAGE_SIZE, "fetch over a page end");
	page &= 0xfffff; /* the second may be page 0 */
	if (page == 0 ? g->no_first : page == 1 && g->no_second)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		u32 at = (u32)la + i - g->la;

		buf[i] = at < g->size ? g->code[at] : g->fill;
	}
	return (int)n;
}

/* By the place in the page, so that a block that moved gets the same. */
static bool guest_helper_site(void *opaque, u32 eip)
{
	struct guest *g = opaque;

	g->asked++;
	return g->helper_mod && (eip & 0xfff) % g->helper_mod == 0;
}

static const u8 *guest_source(void *opaque, u64 la)
{
	struct guest *g = opaque;

	must(la <= UINT32_MAX, "source at %#llx", (unsigned long long)la);
	return g->source + ((u32)la - (g->la & (u32)PAGE_MASK)) %
				   (2 * PAGE_SIZE);
}

/* Combinations that the runtime can make (runtime/mode.c). */
static void mode_settle(struct xmode *m)
{
	if (m->flags & XM_VM)
		m->flags &= ~XM_PE;
	if (!(m->flags & XM_PE)) {
		m->code_bits = m->stack_bits = 16;
		m->cpl = m->flags & XM_VM ? 3 : 0;
	} else if (m->segc[SEG_CS] != SEGC_FLAT) {
		m->segc[SEG_CS] = SEGC_CHECKED;
	}
	if (m->cpl == 3)
		m->flags &= ~(XM_SMAP | XM_AC);
	else
		m->flags &= ~XM_ALIGN;
	if (m->flags & (XM_ALIGN | XM_TF))
		m->mem_form = FORM_HELPER;
	if (!(m->flags & XM_SMAP))
		m->flags &= ~XM_AC;
}

static void header_read(struct fuzz_in *f, struct block *b)
{
	struct xmode *m = &b->mode;
	struct xlate_in *in = &b->in;
	u32 flags = fuzz_u32(f), bits = fuzz_u32(f), segs = fuzz_u16(f);
	u8 insns = fuzz_u8(f), mod = fuzz_u8(f), where = fuzz_u8(f) & fuzz_u8(f);

	*m = (struct xmode){
		.code_bits = bits & 1 ? 16 : 32,
		.stack_bits = bits & 2 ? 16 : 32,
		.cpl = bits >> 2 & 3,
		.mem_form = bits & 0x10 ? FORM_HELPER : FORM_DIRECT,
		.flags = flags & 0x1ffff,
		.cs_limit = UINT32_MAX,
		.drx = bits >> 5 & 1,
	};
	for (unsigned i = 0; i < SEG_NR; i++)
		m->segc[i] = segs >> 2 * i & 3;
	mode_settle(m);
	b->guest.fill = fuzz_u8(f);
	in->eip = fuzz_u32(f);
	b->to = fuzz_u32(f) & (u32)PAGE_MASK;
	b->to_host = HOST + XLATE_ALIGN * (u64)(fuzz_u16(f) * 1021u);
	in->soft = fuzz_u64(f);
	if (bits & 0x40)
		m->cs_base = fuzz_u32(f);
	if (bits & 0x80)
		m->cs_limit = fuzz_u32(f);
	in->pairs = bits >> 8 & 1;
	in->far = bits >> 9 & 1;
	in->fsgsbase = !(bits >> 10 & 1);
	in->bmi2 = bits >> 11 & 1;
	in->transitions = bits >> 12 & 1;
	in->source = bits & 0x4000 ? guest_source : NULL;
	in->strict_flags = in->source || bits >> 13 & 1;
	in->features = bits & 0x8000 ? b->features : NULL;
	for (unsigned i = 0; in->features && i < ARRAY_SIZE(b->features); i++)
		b->features[i] = fuzz_u64(f);
	in->max_insns = 1 + insns % XLATE_MAX_INSNS;
	b->guest.helper_mod = mod;
	b->guest.la = (u32)(m->cs_base + in->eip);
	b->guest.no_first = where & 1;
	b->guest.no_second = where & 2;
}

static void block_read(struct fuzz_in *f, struct block *b)
{
	memset(b, 0, sizeof(*b));
	header_read(f, b);
	b->guest.code = f->p;
	b->guest.size = fuzz_left(f);
	b->in.mode = &b->mode;
	b->in.fetch = guest_fetch;
	b->in.helper_site = guest_helper_site;
	b->in.opaque = &b->guest;
	b->in.glue = glue_table;
	b->in.cache = CACHE;
}

/* --- the decoder */

/* Length and identity depend on no byte behind the instruction. */
static void decode_check(const u8 *code, size_t n, int mode,
			 const u64 *features)
{
	struct insn insn, again;
	enum insn_err err;
	u8 *exact;

	err = insn_decode(&insn, code, MIN(n, INSN_MAX_LEN + (size_t)1), mode,
			  features);
	must(insn.len <= INSN_MAX_LEN, "length %u", insn.len);
	must((err == INSN_OK) == !!insn.row, "row and result differ");
	if (err != INSN_OK)
		return;
	must(insn.len && insn.len <= n, "length %u of %zu", insn.len, n);
	exact = malloc(insn.len);
	must(exact, "out of memory");
	memcpy(exact, code, insn.len);
	must(insn_decode(&again, exact, insn.len, mode, features) == INSN_OK &&
		     again.row == insn.row && again.len == insn.len,
	     "%s depends on what is behind it", insn.row->name);
	for (unsigned i = 0; i < insn.len; i++)
		must(insn_decode(&again, exact, i, mode, features) ==
			     INSN_FETCH,
		     "%s decodes from %u bytes of %u", insn.row->name, i,
		     insn.len);
	free(exact);
}

static void decode_all(const struct block *b)
{
	static const int modes[] = { 16, 16 | INSN_NO_VEX, 32, 64 };
	size_t n = MIN(b->guest.size, 24u);

	for (size_t at = 0; at < n; at++) {
		for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
			decode_check(b->guest.code + at, b->guest.size - at,
				     modes[i], b->in.features);
	}
}

/* --- the block */

static s32 rel32_at(const struct xlate_out *out, u32 off)
{
	s32 v;

	memcpy(&v, out->buf + off, 4);
	return v;
}

static u64 rel32_target(const struct xlate_out *out, u32 off)
{
	return out->host + off + 4 + (u64)(s64)rel32_at(out, off);
}

static void check_insns(const struct block *b, const struct xlate_out *out)
{
	u32 eip = b->in.eip, len = 0;

	must(out->ninsns >= 1 && out->ninsns <= b->in.max_insns,
	     "%u instructions", out->ninsns);
	for (unsigned i = 0; i < out->ninsns; i++) {
		const struct xinsn *xi = &out->insns[i];

		must(xi->eip == eip, "instruction %u at %08x", i, xi->eip);
		must(xi->insn.row || i == out->ninsns - 1,
		     "instruction %u has no row", i);
		must((u64)xi->eip + MAX(xi->insn.len, 1) - 1 <=
			     b->mode.cs_limit,
		     "beyond the limit");
		eip += xi->insn.len;
		len += xi->insn.len;
	}
	must(out->guest_len == len, "%u bytes, not %u", out->guest_len, len);
	/* an undefined one may have been looked at beyond its length */
	must(!out->insns[0].insn.row ||
	     out->crosses == ((b->guest.la & ~PAGE_MASK) + len > PAGE_SIZE),
	     "crosses: %d", out->crosses);
	must(!out->crosses || out->ninsns == 1, "%u over a page end",
	     out->ninsns);
	must(out->ninsns == 64 || !((out->soft | out->softable | out->helpers) >>
				    out->ninsns),
	     "masks of %u", out->ninsns);
}

static void check_frame(const struct block *b, const struct xlate_out *out)
{
	must(out->size <= XLATE_MAX_BYTES, "%u bytes", out->size);
	/* the frame of a checked block compares all its bytes */
	must(out->size <= (out->ninsns + 1) * XLATE_INSN_BYTES,
	     "%u bytes for %u instructions", out->size, out->ninsns);
	must(out->blockword + 8 <= out->checked &&
		     (out->host + out->blockword) % 8 == 0,
	     "block word at %u", out->blockword);
	must(out->checked < out->entry && out->entry < out->size,
	     "entries %u, %u", out->checked, out->entry);
	must(out->chain == out->entry ||
		     (out->crosses && out->chain < out->checked),
	     "chain at %u", out->chain);
	must(out->checked_src == !!b->in.source, "checked");
}

static void check_sites(const struct xlate_out *out)
{
	must(out->nsites && out->sites[0].host_off <= out->checked,
	     "no site for the entry");
	for (unsigned i = 0; i < out->nsites; i++) {
		const struct xsite *s = &out->sites[i];

		must(s->host_off <= out->size, "site %u", i);
		must(!i || s->host_off > out->sites[i - 1].host_off,
		     "site %u out of order", i);
		must(s->insn < out->ninsns, "site %u of %u", i, s->insn);
		must(s->kind <= SITE_LOOKUP, "site %u kind %u", i, s->kind);
	}
	for (unsigned i = 0; i < out->nhsites; i++) {
		must(out->hsites[i].insn < out->ninsns, "hsite %u", i);
		must(out->hsites[i].vector < 32, "hsite %u vector", i);
	}
}

static void check_exits(const struct xlate_out *out)
{
	u64 stub = CACHE + glue_table[GLUE_DIRECT];

	for (unsigned i = 0; i < out->nexits; i++) {
		const struct xexit *x = &out->exits[i];

		must(x->patch_off >= out->entry + 1 &&
			     x->patch_off + 4 <= out->size &&
			     x->stub_off + XLATE_STUB_BYTES <= out->size,
		     "exit %u", i);
		must(x->kind <= XEXIT_CONT, "exit %u kind", i);
		must(rel32_target(out, x->patch_off) ==
			     out->host + x->stub_off,
		     "exit %u does not lead to its stub", i);
		must(out->buf[x->stub_off] == 0xe8 &&
			     rel32_target(out, x->stub_off + 1) == stub,
		     "stub %u", i);
	}
	for (unsigned i = 0; i < out->nlandings; i++)
		must(out->landings[i].off >= out->entry &&
			     out->landings[i].off + 5 <= out->size &&
			     (!i || out->landings[i].off >=
					    out->landings[i - 1].off + 5),
		     "landing site %u", i);
}

static bool is_glue(u64 target)
{
	for (unsigned i = 0; i < GLUE_NR; i++) {
		if (target == CACHE + glue_table[i])
			return true;
	}
	return false;
}

static void check_relocs(const struct xlate_out *out)
{
	for (unsigned i = 0; i < out->nrelocs; i++) {
		const struct xreloc *r = &out->relocs[i];

		must(r->off >= 8 && r->off + 4 <= out->size &&
			     (!i || r->off >= out->relocs[i - 1].off + 4),
		     "relocation %u at %u", i, r->off);
		must(r->kind <= XRELOC_HOST, "relocation %u kind", i);
		must(r->kind != XRELOC_HOST || is_glue(rel32_target(out, r->off)),
		     "relocation %u leads to no glue", i);
		must(r->kind != XRELOC_SLOT ||
			     (u32)rel32_at(out, r->off) % 8 == 0,
		     "relocation %u is no slot", i);
	}
}

static void check_block(const struct block *b, const struct xlate_out *out)
{
	check_insns(b, out);
	check_frame(b, out);
	check_sites(out);
	check_exits(out);
	check_relocs(out);
}

/* --- translation */

static enum xlate_err translate(struct block *b, u32 eip, u64 host,
				struct xlate_out *out, u8 *buf)
{
	b->in.eip = eip;
	b->guest.la = (u32)(b->mode.cs_base + eip);
	out->buf = buf;
	out->cap = XLATE_MAX_BYTES;
	out->host = host;
	return xlate_block(&b->in, out);
}

#define SAME(a, b, field)                                                     \
	must((a)->field == (b)->field, "%s: %llx, %llx", #field,              \
	     (unsigned long long)(a)->field, (unsigned long long)(b)->field)

static void same_tables(const struct xlate_out *a, const struct xlate_out *b)
{
	for (unsigned i = 0; i < a->ninsns; i++) {
		SAME(a, b, insns[i].eip);
		SAME(a, b, insns[i].insn.row);
		SAME(a, b, insns[i].insn.len);
	}
	must(!memcmp(a->sites, b->sites, a->nsites * sizeof(a->sites[0])),
	     "sites differ");
	must(!memcmp(a->landings, b->landings,
		     a->nlandings * sizeof(a->landings[0])),
	     "landings differ");
	for (unsigned i = 0; i < a->nexits; i++) {
		SAME(a, b, exits[i].patch_off);
		SAME(a, b, exits[i].stub_off);
		SAME(a, b, exits[i].target);
		SAME(a, b, exits[i].kind);
		SAME(a, b, exits[i].same_page);
	}
	for (unsigned i = 0; i < a->nhsites; i++) {
		SAME(a, b, hsites[i].insn);
		SAME(a, b, hsites[i].vector);
		SAME(a, b, hsites[i].error);
		SAME(a, b, hsites[i].tlb);
		SAME(a, b, hsites[i].end);
	}
	for (unsigned i = 0; i < a->nrelocs; i++) {
		SAME(a, b, relocs[i].off);
		SAME(a, b, relocs[i].kind);
	}
}
static_assert(sizeof(struct xsite) == 12, "compared as bytes");

static void same_block(const struct xlate_out *a, const struct xlate_out *b)
{
	SAME(a, b, size);
	SAME(a, b, entry);
	SAME(a, b, checked);
	SAME(a, b, chain);
	SAME(a, b, blockword);
	SAME(a, b, ninsns);
	SAME(a, b, nsites);
	SAME(a, b, nexits);
	SAME(a, b, nhsites);
	SAME(a, b, nlandings);
	SAME(a, b, nrelocs);
	SAME(a, b, guest_len);
	SAME(a, b, crosses);
	SAME(a, b, fixed);
	SAME(a, b, soft);
	SAME(a, b, softable);
	SAME(a, b, helpers);
	same_tables(a, b);
	for (u32 i = 0; i < a->size; i++)
		must(a->buf[i] == b->buf[i], "byte +%x is %02x, %02x", i,
		     a->buf[i], b->buf[i]);
}

/* As the runtime leaves it: chained exits, a block word. */
static void disturb(struct xlate_out *out)
{
	for (unsigned i = 0; i < out->nexits; i++)
		memset(out->buf + out->exits[i].patch_off, 0x5a + (int)i, 4);
	memset(out->buf + out->blockword, 0xa5, 8);
}

static struct verify *verifier; /* work area; nothing in it lives on */

static void verify(const struct block *b, const struct xlate_out *out)
{
	struct verify_report r;

	if (!b->in.strict_flags) /* the engine has no such blocks */
		return;
	seen.verified++;
	if (xlate_verify(verifier, &b->in, out, &r))
		return;
	fprintf(stderr, "at +%#x, instruction %u\n", r.off, r.insn);
	xlate_listing(stderr, &b->in, out);
	must(false, "the verifier refuses it: %s", r.why);
}

/* The verifier must survive any code, whatever it says of it. */
static void verify_damaged(struct block *b, struct xlate_out *out)
{
	struct verify_report r;
	u32 at = out->checked + b->to % (out->size - out->checked);
	u8 was = out->buf[at];

	out->buf[at] ^= (u8)(1u << (b->in.soft & 7));
	if (xlate_verify(verifier, &b->in, out, &r))
		seen.passed++;
	else
		seen.refused++;
	out->buf[at] = was;
}

struct bench {
	struct xlate_out a, b;
	u8 code[2][XLATE_MAX_BYTES], moved[XLATE_MAX_BYTES];
};

static void move_check(struct block *b, struct bench *t)
{
	u32 from = b->in.eip, to = b->to | (from & ~(u32)PAGE_MASK);

	disturb(&t->a);
	if (!xlate_relocate(&t->a, t->moved, b->to_host, to)) {
		must(t->a.insns[0].eip == from && t->a.buf == t->code[0],
		     "changed, and not moved");
		must(t->a.fixed || (u64)to + t->a.guest_len > 1ull << 32,
		     "not moved for no reason");
		seen.fixed++;
		return;
	}
	seen.moved++;
	must(translate(b, to, b->to_host, &t->b, t->code[1]) == XLATE_OK,
	     "translates here and not there");
	same_block(&t->a, &t->b);
	check_block(b, &t->a);
	verify(b, &t->a);
}

static void count(const struct block *b, const struct xlate_out *out)
{
	seen.blocks++;
	seen.insns += out->ninsns;
	seen.forms[1] += b->mode.mem_form == FORM_HELPER || out->helpers;
	seen.forms[2] += out->checked_src;
	seen.forms[3] += !b->in.fsgsbase;
}

/* Every so often the listing, too: -d xlat must stand any guest. */
static void list(const struct block *b, const struct xlate_out *out)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (nowhere && seen.blocks % 64 == 0)
		xlate_listing(nowhere, &b->in, out);
}

static void run(struct block *b, struct bench *t)
{
	u32 eip = b->in.eip;
	enum xlate_err err = translate(b, eip, HOST, &t->a, t->code[0]);

	if (err == XLATE_LIMIT) {
		must(b->mode.cs_limit < UINT32_MAX ||
			     eip > UINT32_MAX - INSN_MAX_LEN,
		     "limit without one");
		seen.limits++;
		return;
	}
	if (err == XLATE_FETCH) {
		must(b->guest.no_first || b->guest.no_second, "cannot fetch");
		seen.faults++;
		return;
	}
	must(err == XLATE_OK, "result %d", err);
	count(b, &t->a);
	check_block(b, &t->a);
	verify(b, &t->a);
	verify_damaged(b, &t->a);
	must(translate(b, eip, HOST, &t->b, t->code[1]) == XLATE_OK,
	     "translates only once");
	same_block(&t->a, &t->b);
	list(b, &t->a);
	move_check(b, t);
}

static void glue_init(void)
{
	for (unsigned i = 0; i < GLUE_NR; i++)
		glue_table[i] = 64 * i;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in f = { data, data + size };
	struct bench *t = malloc(sizeof(*t));
	struct block b;

	if (!verifier)
		verifier = malloc(verify_size());
	must(t && verifier, "out of memory");
	glue_init();
	block_read(&f, &b);
	decode_all(&b);
	run(&b, t);
	free(t);
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned seed)
{
	struct fuzz_rng r = { seed };
	struct block b;
	struct fuzz_in f = { data, data + size };
	size_t head;

	if (size < 32 || fuzz_rand(&r, 3) == 0)
		return LLVMFuzzerMutate(data, size, max);
	block_read(&f, &b);
	head = size - b.guest.size;
	return head + xlate_gen_mutate(&r, data + head, b.guest.size,
				       max - head, b.mode.code_bits);
}
