// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqmin.c - see seq.h: makes a sequence that differs smaller. Whatever still
 * differs, in whatever way, is taken. The first tries share a machine, which is
 * faster; the last, and what could not be made smaller there because the machine
 * had learnt something (checked frames), have one of their own.
 */
#include <string.h>
#include "seq.h"

struct minimise {
	struct seq *q;
	const struct seq_mode *mode;
	struct orun *vm; /* NULL: a new one for each try */
	unsigned runs;
};

static bool min_differs(struct minimise *m, const struct seq *q)
{
	struct orun *vm = m->vm ? m->vm : seq_open(m->mode);
	struct seq_diff d;
	enum seq_verdict v;

	m->runs++;
	if (!vm)
		return false;
	v = seq_compare(q, vm, &d, NULL);
	if (vm != m->vm)
		orun_close(vm);
	return v == SEQ_DIFFERS;
}

/* Takes the candidate if it still differs. */
static bool min_try(struct minimise *m, const struct seq *c)
{
	if (!memcmp(c, m->q, sizeof(*c)) || !min_differs(m, c))
		return false;
	*m->q = *c;
	return true;
}

/* Runs of `size` instructions, from behind. */
static bool min_delete(struct minimise *m, unsigned size)
{
	bool any = false;

	for (int at = (int)m->q->n - (int)size; at >= m->q->code16; at--) {
		struct seq c = *m->q;

		if ((unsigned)at + size > c.n)
			continue;
		for (unsigned i = 0; i < size; i++)
			seq_delete(&c, (unsigned)at);
		any |= min_try(m, &c);
	}
	return any;
}

static bool min_state(struct minimise *m)
{
	bool any = false;
	struct seq c;

	for (unsigned i = 0; i < 8; i++) {
		c = *m->q;
		if (i == R_SP)
			continue;
		c.st.gpr[i] = 0;
		any |= min_try(m, &c);
	}
	c = *m->q;
	c.st.eflags = 0;
	any |= min_try(m, &c);
	c = *m->q;
	memset(c.st.x + 32, 0, 128);
	c.st.x[4] = 0;
	any |= min_try(m, &c);
	c = *m->q;
	memset(c.st.x + 160, 0, 128);
	any |= min_try(m, &c);
	c = *m->q;
	memset(c.st.x + 576, 0, 128);
	any |= min_try(m, &c);
	c = *m->q;
	c.zero_mem = true;
	any |= min_try(m, &c);
	for (unsigned i = CPU_FS; i <= CPU_GS; i++) {
		c = *m->q;
		c.st.sel[i] = 0;
		any |= min_try(m, &c);
	}
	return any;
}

static bool min_place(struct minimise *m)
{
	bool any = false;

	for (unsigned i = 0; i < m->q->nchunks; i++) {
		struct seq c = *m->q;

		c.base[i] &= (u32)PAGE_MASK;
		any |= min_try(m, &c);
	}
	return any;
}

/* Immediates and displacements of one instruction become zero. */
static bool min_operands(struct minimise *m, unsigned i)
{
	const struct seq_insn *s = &m->q->insn[i];
	struct seq c = *m->q;
	struct insn insn;
	u8 buf[INSN_MAX_LEN + 1] = { 0 };
	bool any = false;

	memcpy(buf, s->b, s->len);
	if (s->fix || insn_decode(&insn, buf, INSN_MAX_LEN,
				  c.code16 ? 16 : 32, NULL))
		return false;
	if (insn.immsize) {
		memset(c.insn[i].b + s->len - insn.immsize, 0, insn.immsize);
		any |= min_try(m, &c);
	}
	c = *m->q;
	if (insn.dispsize) {
		memset(c.insn[i].b + s->len - insn.immsize - insn.dispsize, 0,
		       insn.dispsize);
		any |= min_try(m, &c);
	}
	return any;
}

static bool min_enter(struct minimise *m)
{
	struct seq c = *m->q;

	if (!c.enter)
		return false;
	c.enter = 0;
	return min_try(m, &c);
}

static void min_rounds(struct minimise *m)
{
	bool again = true;

	min_enter(m);
	for (unsigned size = m->q->n / 2; size > 1; size /= 2)
		min_delete(m, size);
	for (int round = 0; again && round < 6; round++) {
		again = min_delete(m, 1);
		again |= min_state(m);
		again |= min_place(m);
		for (unsigned i = 0; i < m->q->n; i++)
			again |= min_operands(m, i);
	}
}

unsigned seq_minimise(struct seq *q, const struct seq_mode *mode)
{
	struct seq whole = *q;
	struct minimise m = { q, mode, NULL, 0 };

	if (!min_differs(&m, q))
		return 0;
	m.vm = seq_open(mode);
	min_rounds(&m);
	orun_close(m.vm);
	m.vm = NULL;
	if (!min_differs(&m, q)) /* what it showed needed the tries */
		*q = whole;
	min_rounds(&m);
	return m.runs;
}
