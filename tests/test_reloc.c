/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reloc.c - a block that was moved is the block that a translation at
 * the new place makes: random blocks in all forms, byte for byte, with their
 * tables.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "lowgen.h"
#include "translator/optab.h"

Suite *suite_reloc(void);

/* What a place in the guest's address space shows: the same two pages. */
struct place {
	const u8 *bytes;
	u32 page;
};

static struct {
	u8 bytes[2 * PAGE_SIZE];
	u8 code[2][XLATE_MAX_BYTES], moved[XLATE_MAX_BYTES];
	struct xlate_out out[2];
	struct xmode mode;
	u32 glue[GLUE_NR];
	u32 helper_sites; /* one in so many, by the place in the page */
	unsigned tried, relocated, fixed, relocs[4];
} T;

static int place_fetch(void *opaque, u64 la, u8 *buf, unsigned n)
{
	const struct place *p = opaque;
	u32 off = (u32)la - p->page;

	if (off >= 2 * PAGE_SIZE)
		return -1;
	memcpy(buf, p->bytes + off, n);
	return (int)n;
}

static bool place_helper(void *opaque, u32 eip)
{
	(void)opaque;
	return T.helper_sites && (eip & 0xfff) % T.helper_sites == 0;
}

/* Instructions of random rows, then whatever there is. */
static void random_code(struct rng *r, u32 off)
{
	static struct gen_case g;
	enum low_seg seg = T.mode.code_bits == 16 ? LOW_16 : LOW_FLAT;
	unsigned n = rng_below(r, 12);

	for (unsigned i = 0; i < sizeof(T.bytes); i++)
		T.bytes[i] = rng_u32(r);
	while (n--) {
		const struct oprow *row = &optab[rng_below(r, optab_nr)];

		if (row->rowflags & ROW_ONLY64 ||
		    (n && row->cls == CLS_BRANCH) ||
		    !gen_insn(r, row, seg, &g) ||
		    off + g.c.len > sizeof(T.bytes))
			continue;
		if (row->cls == CLS_BRANCH && g.insn.immsize == 4 &&
		    !rng_one_in(r, 4)) /* near enough to stay in the page */
			memset(g.c.bytes + g.c.len - 2, 0, 2);
		memcpy(T.bytes + off, g.c.bytes, g.c.len);
		off += g.c.len;
	}
}

static void random_mode(struct rng *r)
{
	T.mode = (struct xmode){
		.code_bits = rng_one_in(r, 8) ? 16 : 32,
		.stack_bits = rng_one_in(r, 8) ? 16 : 32,
		.cpl = rng_one_in(r, 2) ? 3 : 0,
		.mem_form = rng_one_in(r, 4) ? FORM_HELPER : FORM_DIRECT,
		.flags = XM_PE | XM_OSFXSR | XM_AVX |
			 (rng_u32(r) & (XM_IF_OK | XM_TS | XM_VME)),
		.cs_base = rng_one_in(r, 8) ? rng_u32(r) & ~15u : 0,
		.cs_limit = rng_one_in(r, 16) ? rng_u32(r) | 0xffff : ~0u,
	};
	for (unsigned i = 0; i < SEG_NR; i++)
		T.mode.segc[i] = rng_one_in(r, 2) ? SEGC_FLAT :
						    rng_below(r, 4);
	T.helper_sites = rng_one_in(r, 3) ? 1 + rng_below(r, 8) : 0;
}

static u32 random_page(struct rng *r)
{
	static const u32 odd[] = { 0, 0x1000, 0x7ffff000, 0x80000000,
				   0xffffd000 };

	return rng_one_in(r, 4) ? odd[rng_below(r, ARRAY_SIZE(odd))] :
				  rng_u32(r) & ~0xfffu;
}

static u64 random_host(struct rng *r)
{
	return 0x7f0012340000 + XLATE_ALIGN * (u64)rng_below(r, 1u << 24);
}

static enum xlate_err translate(struct xlate_in *in, u32 eip, u64 host,
				unsigned k)
{
	/* linear, not eip: the two differ by the base of CS */
	struct place p = { T.bytes, (u32)(T.mode.cs_base + eip) & ~0xfffu };
	struct xlate_out *out = &T.out[k];

	in->eip = eip;
	in->opaque = &p;
	out->buf = T.code[k];
	out->cap = XLATE_MAX_BYTES;
	out->host = host;
	return xlate_block(in, out);
}

#define SAME(field)                                                           \
	ck_assert_msg(a->field == b->field, "%s differs: %#lx, %#lx", #field, \
		      (unsigned long)a->field, (unsigned long)b->field)

static void tables_agree(const struct xlate_out *a, const struct xlate_out *b)
{
	SAME(host);
	SAME(size);
	SAME(entry);
	SAME(checked);
	SAME(chain);
	SAME(blockword);
	SAME(ninsns);
	SAME(nsites);
	SAME(nexits);
	SAME(nhsites);
	SAME(nlandings);
	SAME(nrelocs);
	SAME(guest_len);
	SAME(crosses);
	SAME(fixed);
	for (unsigned i = 0; i < a->ninsns; i++) {
		SAME(insns[i].eip);
		SAME(insns[i].insn.row);
	}
	for (unsigned i = 0; i < a->nsites; i++) {
		SAME(sites[i].host_off);
		SAME(sites[i].insn);
	}
	for (unsigned i = 0; i < a->nexits; i++) {
		SAME(exits[i].patch_off);
		SAME(exits[i].stub_off);
		SAME(exits[i].target);
		SAME(exits[i].kind);
		SAME(exits[i].same_page);
	}
	for (unsigned i = 0; i < a->nlandings; i++)
		SAME(landings[i].off);
	for (unsigned i = 0; i < a->nhsites; i++) {
		SAME(hsites[i].insn);
		SAME(hsites[i].vector);
		SAME(hsites[i].error);
	}
	for (unsigned i = 0; i < a->nrelocs; i++) {
		SAME(relocs[i].off);
		SAME(relocs[i].kind);
	}
}

static void bytes_agree(const struct xlate_out *a, const struct xlate_out *b,
			u64 seed)
{
	for (unsigned i = 0; i < b->size; i++)
		ck_assert_msg(a->buf[i] == b->buf[i],
			      "seed %#lx: byte +%x of %08x is %02x, not %02x",
			      (unsigned long)seed, i, b->insns[0].eip,
			      a->buf[i], b->buf[i]);
}

/* As the runtime leaves it: exits chained to somewhere, a block word. */
static void disturb(struct rng *r, const struct xlate_out *out)
{
	for (unsigned i = 0; i < out->nexits; i++) {
		u32 rel = rng_u32(r);

		if (rng_one_in(r, 2))
			memcpy(out->buf + out->exits[i].patch_off, &rel, 4);
	}
	memset(out->buf + out->blockword, 0xa5, 8);
}

static void one_block(u64 seed)
{
	struct rng r = { seed };
	u32 off = rng_one_in(&r, 8) ? 0 : rng_below(&r, 4096), from, to;
	struct xlate_in in = { .mode = &T.mode, .max_insns = 16,
			       .pairs = rng_one_in(&r, 2),
			       .fsgsbase = !rng_one_in(&r, 4), .bmi2 = true,
			       .strict_flags = rng_one_in(&r, 2),
			       .fetch = place_fetch,
			       .helper_site = place_helper, .glue = T.glue,
			       .cache = 0x7f0012300000 };
	struct xlate_out *a = &T.out[0], *b = &T.out[1];

	random_mode(&r);
	from = random_page(&r) + off;
	to = random_page(&r) + off;
	random_code(&r, (u32)(T.mode.cs_base + off) & 0xfff);
	if (translate(&in, from, random_host(&r), 0))
		return;
	T.tried++;
	disturb(&r, a);
	if (!xlate_relocate(a, T.moved, random_host(&r), to)) {
		ck_assert_uint_eq(a->insns[0].eip, from);
		ck_assert(a->buf == T.code[0]);
		ck_assert(a->fixed || to > 0xffffe000);
		T.fixed++;
		return;
	}
	T.relocated++;
	for (unsigned i = 0; i < a->nrelocs; i++)
		T.relocs[a->relocs[i].kind]++;
	ck_assert_int_eq(translate(&in, to, a->host, 1), XLATE_OK);
	tables_agree(a, b);
	bytes_agree(a, b, seed);
}

START_TEST(test_random)
{
	for (unsigned i = 0; i < GLUE_NR; i++)
		T.glue[i] = i * 64;
	for (u64 seed = 1; seed <= 30000; seed++)
		one_block(seed * 0x9e3779b97f4a7c15ull);
	ck_assert_uint_gt(T.relocated, 20000);
	ck_assert_uint_gt(T.fixed, 500);
	for (unsigned i = 0; i < ARRAY_SIZE(T.relocs); i++)
		ck_assert_uint_gt(T.relocs[i], 400);
}
END_TEST

static bool move(const char *bytes, unsigned n, u32 limit, u32 from, u32 to)
{
	struct xlate_in in = { .mode = &T.mode, .max_insns = 16,
			       .pairs = true, .fsgsbase = true,
			       .fetch = place_fetch, .glue = T.glue,
			       .cache = 0x7f0012300000 };

	T.mode = (struct xmode){ .code_bits = 32, .stack_bits = 32, .cpl = 3,
				 .flags = XM_PE, .cs_limit = limit };
	memset(T.bytes, 0x90, sizeof(T.bytes));
	memcpy(T.bytes + (from & 0xfff), bytes, n);
	ck_assert_int_eq(translate(&in, from, 0x7f0012340000, 0), XLATE_OK);
	return xlate_relocate(&T.out[0], T.moved, 0x7f0012380000, to);
}

/* What cannot move, and its neighbours that can. */
START_TEST(test_refused)
{
	ck_assert(move("\xe8\0\1\0\0", 5, ~0u, 0x400000, 0x500000));
	ck_assert(!move("\xe8\0\1\0\0", 5, 0xfffffff, 0x400000, 0x500000));
	ck_assert(!move("\x66\xe8\0\1", 4, ~0u, 0x400000, 0x500000));
	ck_assert(!move("\x66\xff\xd0", 3, ~0u, 0x400000, 0x500000));
	ck_assert(move("\x66\xff\xe0", 3, ~0u, 0x400000, 0x500000));
	ck_assert(!move("\x66\x74\x10", 3, ~0u, 0x400000, 0x500000));
	/* over the end of a page, over the end of the address space */
	ck_assert(move("\xb8\1\2\3\4", 5, ~0u, 0x400ffe, 0xffffeffe));
	ck_assert(!move("\xb8\1\2\3\4", 5, ~0u, 0x400ffe, 0xfffffffe));
	ck_assert(move("\xb8\1\2\3\4", 5, ~0u, 0x400ffb, 0xfffffffb));
}
END_TEST

Suite *suite_reloc(void)
{
	Suite *s = suite_create("reloc");
	TCase *t = tcase_create("move");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_random);
	tcase_add_test(t, test_refused);
	suite_add_tcase(s, t);
	return s;
}
