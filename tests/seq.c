// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seq.c - see seq.h: where a sequence and its data lie.
 */
#include <asm/ldt.h>
#include <string.h>
#include "seq.h"

u32 seq_rand(struct rng *r)
{
	r->s = r->s * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(r->s >> 32) ^ (u32)(r->s >> 17);
}

u32 seq_value(struct rng *r)
{
	static const u32 odd[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000,
				   0xffff, 0x7fffffff, 0x80000000, 0xffffffff };

	return seq_one_in(r, 3) ? odd[seq_below(r, ARRAY_SIZE(odd))] :
				  seq_rand(r);
}

/* --- segments */

int seq_segments(struct orun *o)
{
	static const struct user_desc d[] = {
		[SEQ_LDT_DATA] = { .base_addr = ORUN_DATA, .limit = 0x7fff },
		[SEQ_LDT_BASED] = { .base_addr = SEQ_BASED, .limit = 0xfffff,
				    .limit_in_pages = 1, .seg_32bit = 1 },
		[SEQ_LDT_RO] = { .base_addr = ORUN_DATA, .limit = 0x7fff,
				 .read_exec_only = 1 },
		[SEQ_LDT_DOWN] = { .base_addr = ORUN_DATA - 0x1000,
				   .limit = 0xfff, .contents = 1 },
		[SEQ_LDT_STACK] = { .base_addr = ORUN_STACK, .limit = 0x3fff },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(d); i++)
		if (orun_ldt(o, i, &d[i]))
			return -1;
	return 0;
}

u32 seq_cs_base(const struct seq *q)
{
	return q->code16 ? q->group : 0;
}

u32 seq_seg_base(const struct seq *q, u16 sel)
{
	switch (sel) {
	case SEQ_SEL(SEQ_LDT_DATA):
	case SEQ_SEL(SEQ_LDT_RO):
		return ORUN_DATA;
	case SEQ_SEL(SEQ_LDT_DOWN):
		return ORUN_DATA - 0x1000;
	case SEQ_SEL(SEQ_LDT_BASED):
		return SEQ_BASED;
	case SEQ_SEL(SEQ_LDT_STACK):
		return ORUN_STACK;
	case SEQ_SEL(SEQ_LDT_CODE):
		return q->group;
	}
	return 0;
}

u32 seq_eip(const struct seq *q, u32 la)
{
	return la - seq_cs_base(q);
}

/* --- data */

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static void data_make(u8 *m)
{
	static const u32 control[] = { 0x1f80, 0x037f, 0x3f80, 0x0f7f, 0x5f80,
				       0x007f, 0x9fc0, 0x027f };
	struct rng r = { 0x5eed };
	u8 *d;

	for (u32 i = 0; i < SEQ_DATA_PAGES * PAGE_SIZE; i += 4)
		put32(m + i, seq_one_in(&r, 3) ?
				     0x3f000000 + seq_rand(&r) % 0x2000000 :
				     seq_value(&r));
	d = m + (SEQ_COUNTERS - ORUN_DATA);
	for (u32 i = 0; i < 0x100; i += 4)
		put32(d + i, 1 + seq_below(&r, 4));
	d = m + (SEQ_CONTROLS - ORUN_DATA);
	for (u32 i = 0; i < SEQ_CONTROLS_NR; i++)
		put32(d + 4 * i, control[i % ARRAY_SIZE(control)]);
	d = m + (SEQ_ONES - ORUN_DATA);
	for (u32 i = 0; i < 0x100; i += 4)
		put32(d + i, i < 0x80);
}

const u8 *seq_data(bool zero)
{
	static u8 data[2][SEQ_DATA_PAGES * PAGE_SIZE];
	static bool made;

	if (!made)
		data_make(data[0]);
	made = true;
	return data[zero];
}

/* --- layout */

static u32 target_address(const struct seq *q, const struct seq_layout *l,
			  const struct seq_insn *s)
{
	for (unsigned i = s->target; i < q->n; i++)
		if (q->insn[i].chunk == s->tchunk)
			return l->addr[i];
	return l->end[s->tchunk];
}

static bool apply_fix(const struct seq *q, const struct seq_layout *l,
		      unsigned i, u8 *at)
{
	const struct seq_insn *s = &q->insn[i];
	u32 to = target_address(q, l, s) + (u32)(s32)s->add, v;
	s32 rel = (s32)(to - (l->addr[i] + s->len));

	switch (s->fix) {
	case SEQ_PLAIN:
		return true;
	case SEQ_REL:
		if (s->fixsize == 1 && rel != (s8)rel)
			return false;
		v = (u32)rel;
		break;
	case SEQ_ABS:
		v = seq_eip(q, to);
		break;
	default:
		v = to;
	}
	memcpy(at + s->fixat, &v, s->fixsize);
	return true;
}

/* Chunks that cover each other are none of ours. */
static bool place_insn(const struct seq *q, struct seq_layout *l, unsigned i)
{
	const struct seq_insn *s = &q->insn[i];
	u32 off = l->addr[i] - q->group;

	if (off + s->len > SEQ_GROUP)
		return false;
	memcpy(l->code + off, s->b, s->len);
	l->pages |= 1u << (off >> PAGE_SHIFT) |
		    1u << ((off + s->len - 1) >> PAGE_SHIFT);
	return apply_fix(q, l, i, l->code + off);
}

bool seq_layout(const struct seq *q, struct seq_layout *l)
{
	memcpy(l->end, q->base, sizeof(l->end));
	l->pages = 0;
	for (unsigned i = 0; i < q->n; i++) {
		l->addr[i] = l->end[q->insn[i].chunk];
		l->end[q->insn[i].chunk] += q->insn[i].len;
	}
	memset(l->code, 0xcc, sizeof(l->code));
	for (unsigned i = 0; i < q->n; i++)
		if (!place_insn(q, l, i))
			return false;
	return true;
}

void seq_delete(struct seq *q, unsigned i)
{
	for (unsigned k = 0; k < q->n; k++)
		if (q->insn[k].target > i)
			q->insn[k].target--;
	if (q->enter > i)
		q->enter--;
	q->n--;
	memmove(&q->insn[i], &q->insn[i + 1],
		(q->n - i) * sizeof(q->insn[0]));
}

/* --- loading, starting, comparing */

static void load_area(struct orun *o, u32 la, const u8 *from, u32 pages)
{
	for (u32 i = 0; i < pages; i++, la += PAGE_SIZE, from += PAGE_SIZE)
		if (memcmp(orun_at(o, la), from, PAGE_SIZE))
			orun_write(o, la, from, PAGE_SIZE);
}

void seq_load(struct orun *o, const struct seq *q, const struct seq_layout *l)
{
	const u8 *data = seq_data(q->zero_mem);
	struct user_desc code = { .base_addr = q->group, .limit = 0xffff,
				  .contents = 2 };

	load_area(o, ORUN_DATA, data, ORUN_DATA_PAGES);
	data += ORUN_DATA_PAGES * PAGE_SIZE;
	load_area(o, ORUN_STACK, data, ORUN_STACK_PAGES);
	data += ORUN_STACK_PAGES * PAGE_SIZE;
	load_area(o, ORUN_TOP, data, 1);
	load_area(o, q->group, l->code, 16);
	if (q->code16)
		orun_ldt(o, SEQ_LDT_CODE, &code);
}

static const u8 *seq_int3(void)
{
	static u8 page[4096];

	memset(page, 0xcc, page[0] ? 0 : sizeof(page));
	return page;
}

static void clear_pages(struct orun *o, u32 la, u32 pages)
{
	for (; pages--; la += PAGE_SIZE)
		load_area(o, la, seq_int3(), 1);
}

void seq_unload(struct orun *o, const struct seq *q)
{
	clear_pages(o, q->group, 16);
}

static bool is_int3(const u8 *p, u32 n)
{
	return !n || (p[0] == 0xcc && !memcmp(p, p + 1, n - 1));
}

bool seq_strayed(const struct orun *o, const struct seq *q)
{
	const u8 *p = orun_at(o, ORUN_CODE);
	u32 before = q->group - ORUN_CODE, behind = before + SEQ_GROUP;

	return !is_int3(p, before) ||
	       !is_int3(p + behind, SEQ_GROUPS * SEQ_GROUP - behind);
}

void seq_clear(struct orun *o)
{
	clear_pages(o, ORUN_CODE, SEQ_GROUPS * SEQ_GROUP >> PAGE_SHIFT);
}

void seq_start(const struct seq *q, const struct seq_layout *l, unsigned from,
	       struct orun_state *st)
{
	*st = q->st;
	st->eip = seq_eip(q, from < q->n ? l->addr[from] : q->base[0]);
}

static u32 area_differs(const struct orun *a, const struct orun *b, u32 la,
			u32 pages)
{
	const u8 *p = orun_at(a, la), *q = orun_at(b, la);

	if (!memcmp(p, q, pages * PAGE_SIZE))
		return 0;
	while (*p == *q) {
		p++;
		q++;
		la++;
	}
	return la;
}

u32 seq_memory_differs(const struct orun *a, const struct orun *b,
		       const struct seq *q)
{
	u32 la = area_differs(a, b, ORUN_DATA, ORUN_DATA_PAGES);

	if (!la)
		la = area_differs(a, b, ORUN_STACK, ORUN_STACK_PAGES);
	if (!la)
		la = area_differs(a, b, ORUN_TOP, 1);
	return la ? la : area_differs(a, b, q->group, 16);
}
