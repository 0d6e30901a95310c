// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * minimise.c - makes a case that shows a difference smaller while it does: no
 * prefixes, plain forms, registers and memory 0 or 1. See oracle.h.
 */
#include <string.h>
#include "oracle.h"

struct small {
	struct oracle *o;
	struct low_case c;
	struct low_form f;
	struct insn insn;
	u8 mem[LOW_MEM];
	u8 ximage[832];
};

static void small_keep(struct small *s)
{
	s->c = s->o->g.c;
	s->f = s->o->f;
	s->insn = s->o->g.insn;
	memcpy(s->mem, s->o->g.mem, sizeof(s->mem));
	memcpy(s->ximage, s->o->g.ximage, sizeof(s->ximage));
}

static void small_back(struct small *s)
{
	s->o->g.c = s->c;
	s->o->f = s->f;
	s->o->g.insn = s->insn;
	memcpy(s->o->g.mem, s->mem, sizeof(s->mem));
	memcpy(s->o->g.ximage, s->ximage, sizeof(s->ximage));
}

/* The case has been changed: is it kept? */
static bool small_try(struct small *s)
{
	bool still = oracle_run(s->o) != NULL;

	if (still)
		small_keep(s);
	else
		small_back(s);
	return still;
}

static void small_form(struct small *s)
{
	struct low_form *f = &s->o->f;

	f->fsgsbase = true;
	small_try(s);
	f->helper = false;
	small_try(s);
	f->checked = false;
	small_try(s);
	f->pairs = false;
	small_try(s);
	f->via_checked = false;
	small_try(s);
	f->strict = false;
	small_try(s);
}

static bool byte_is_prefix(u8 b)
{
	return b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e ||
	       (b >= 0x64 && b <= 0x67) || b == 0xf0 || b == 0xf2 || b == 0xf3;
}

/* Decodes what is left; the row must stay. */
static bool small_decode(struct small *s)
{
	struct oracle *o = s->o;
	enum insn_err err = insn_decode(&o->g.insn, o->g.c.bytes,
					INSN_MAX_LEN,
					o->g.c.seg == LOW_16 ? 16 : 32, NULL);

	if (err != o->g.err || o->g.insn.row != s->insn.row) {
		small_back(s);
		return false;
	}
	if (err == INSN_OK)
		o->g.c.len = o->g.insn.len;
	return true;
}

static void small_prefixes(struct small *s)
{
	struct low_case *c = &s->o->g.c;
	unsigned i = 0;

	while (i < c->len && byte_is_prefix(c->bytes[i])) {
		memmove(c->bytes + i, c->bytes + i + 1,
			sizeof(c->bytes) - i - 1);
		c->len--;
		if (!small_decode(s) || !small_try(s))
			i++;
	}
}

static void small_tail(struct small *s)
{
	struct oracle *o = s->o;
	unsigned len = o->g.c.len, tail;

	if (!o->g.insn.row)
		return;
	tail = o->g.insn.immsize;
	for (unsigned v = 0; v < 2 && tail; v++) {
		memset(o->g.c.bytes + len - tail, 0, tail);
		o->g.c.bytes[len - tail] = v;
		if (small_decode(s) && small_try(s))
			break;
	}
	tail += o->g.insn.dispsize;
	if (!o->g.insn.dispsize)
		return;
	memset(o->g.c.bytes + len - tail, 0, o->g.insn.dispsize);
	if (small_decode(s))
		small_try(s);
}

static void small_regs(struct small *s)
{
	u32 *gpr = s->o->g.c.regs.gpr;

	for (int i = 0; i < 8; i++)
		for (u32 v = 0; v < 2; v++) {
			if (gpr[i] <= v)
				break;
			gpr[i] = v;
			if (small_try(s))
				break;
		}
	for (u32 bit = 1; bit <= EFL_OF; bit <<= 1) {
		if (!(s->o->g.c.regs.eflags & bit))
			continue;
		s->o->g.c.regs.eflags &= ~bit;
		small_try(s);
	}
}

static void small_memory(struct small *s)
{
	for (u32 i = 0; i < LOW_MEM; i += 256) {
		memset(s->o->g.mem + i, 0, 256);
		small_try(s);
	}
	memset(s->o->g.mem, 0, LOW_MEM);
	small_try(s);
}

static void small_vectors(struct small *s)
{
	u8 *x = s->o->g.ximage;
	static const u8 head[5] = { 0x7f, 0x03, 0, 0, 0 };
	static const u8 mxcsr[4] = { 0x80, 0x1f, 0, 0 };

	memcpy(x, head, 5);
	small_try(s);
	memcpy(x + 24, mxcsr, 4);
	small_try(s);
	for (unsigned i = 0; i < 8; i++) {
		memset(x + 32 + 16 * i, 0, 16);
		small_try(s);
		memset(x + 160 + 16 * i, 0, 16);
		small_try(s);
		memset(x + 576 + 16 * i, 0, 16);
		small_try(s);
	}
}

void oracle_minimise(struct oracle *o)
{
	static struct small s;

	s.o = o;
	small_keep(&s);
	if (!oracle_run(o)) {
		printf("a difference that does not come again:\n");
		return;
	}
	for (int k = 0; k < 2; k++) {
		small_form(&s);
		small_prefixes(&s);
		small_tail(&s);
		small_regs(&s);
		small_vectors(&s);
		small_memory(&s);
	}
	oracle_run(o);
	/* the next case takes back what it finds there */
	o->g.npokes = 0;
}
