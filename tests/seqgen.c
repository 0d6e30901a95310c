// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqgen.c - see seq.h: makes a sequence piece by piece. Each piece runs
 * natively from where the last one ended, so the next one knows the registers:
 * memory operands are placed where there is memory, and what would end the
 * sequence is mostly thrown away. Now and then it is kept; then some more
 * instructions follow that are never reached but are part of the same blocks.
 */
#include <string.h>
#include "seqgen.h"

/* --- appending */

unsigned gen_size(const struct gen *g)
{
	return g->q->code16 ? 2 : 4;
}

struct seq_insn *gen_add(struct gen *g, const u8 *b, unsigned len)
{
	static struct seq_insn none;
	struct seq *q = g->q;
	struct seq_insn *s = q->n < SEQ_INSNS ? &q->insn[q->n++] : &none;
	struct insn insn;
	u8 buf[INSN_MAX_LEN + 1] = { 0 };

	*s = (struct seq_insn){ .len = (u8)len, .chunk = g->chunk };
	memcpy(s->b, b, len);
	memcpy(buf, b, len);
	if (!insn_decode(&insn, buf, INSN_MAX_LEN, q->code16 ? 16 : 32, NULL))
		s->row = (u16)(insn.row - optab);
	return s;
}

void gen_fix(struct seq_insn *s, enum seq_fix fix, unsigned size,
	     unsigned target, u8 chunk)
{
	s->fix = (u8)fix;
	s->fixsize = (u8)size;
	s->fixat = (u8)(s->len - size);
	s->target = (u8)target;
	s->tchunk = chunk;
}

static void add_imm(struct gen *g, const u8 *op, unsigned n, u32 v)
{
	u8 b[16];

	memcpy(b, op, n);
	memcpy(b + n, &v, 4);
	gen_add(g, b, n + gen_size(g));
}

void gen_mov(struct gen *g, unsigned reg, u32 v)
{
	u8 op = (u8)(0xb8 | reg);

	add_imm(g, &op, 1, v);
}

void gen_push(struct gen *g, u32 v)
{
	static const u8 op = 0x68;

	add_imm(g, &op, 1, v);
}

void gen_store(struct gen *g, u32 la, u32 v)
{
	u32 off = la - seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
	unsigned size = gen_size(g);
	u8 b[16] = { 0xc7, (u8)(size == 2 ? 6 : 5) };

	memcpy(b + 2, &off, size);
	memcpy(b + 2 + size, &v, size);
	gen_add(g, b, 2 + 2 * size);
}

/* --- addresses */

/* Within the pages that this data may lie in; faults: over an end of them. */
u32 gen_address(struct gen *g, struct gen_want w)
{
	struct rng *r = &g->r;
	u32 la, page = (u32)PAGE_SIZE;

	if (w.faults) {
		static const u32 end[] = { ORUN_DATA, ORUN_DATA + 8 * 4096,
					   ORUN_DATA + 4 * 4096,
					   ORUN_DATA + 7 * 4096 };

		return end[seq_below(r, w.write ? 4 : 2)] -
		       seq_below(r, MAX(w.size, 2u));
	}
	switch (seq_below(r, 12)) {
	case 0: /* over the end of a page */
		la = ORUN_DATA + page * (1 + seq_below(r, 3)) -
		     seq_below(r, w.size + 1);
		break;
	case 1:
		la = ORUN_STACK + 0x1000 + seq_below(r, 0x2000);
		break;
	case 2:
		la = ORUN_DATA + (w.write ? 5 : 4) * page +
		     seq_below(r, page - 64);
		break;
	case 3: /* the last bytes of an area */
		la = ORUN_DATA + 4 * page - w.size;
		break;
	case 4:
		la = g->q->code16 || w.size > page ?
			     ORUN_DATA :
			     ORUN_TOP + seq_below(r, page + 1 - w.size);
		break;
	case 5: /* where others are as well */
		la = ORUN_DATA + 0x100 + seq_below(r, 16);
		break;
	default:
		la = ORUN_DATA + 0x100 + seq_below(r, 3 * page);
	}
	return w.aligned && !seq_one_in(r, 24) ? la & ~31u : la;
}

u32 gen_offset(struct gen *g, struct gen_want w)
{
	return gen_address(g, w) -
	       seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
}

/* --- one random instruction */

enum { KIND_INT, KIND_HELPER, KIND_X87, KIND_SSE, KIND_VEX, KIND_NR };

/* seqflow.c has these, or they always fault. */
static bool row_is_flow(const struct oprow *row)
{
	switch (row->op) {
	case OP_IRET:
	case OP_RETF:
	case OP_CALLF:
	case OP_CALLF_IND:
	case OP_JMPF:
	case OP_JMPF_IND:
	case OP_INT:
	case OP_INT3:
	case OP_POPF:
	case OP_POP_SEG:
	case OP_PUSH_SEG:
	case OP_MOV_TO_SEG:
	case OP_LDS:
	case OP_LES:
	case OP_LFS:
	case OP_LGS:
	case OP_LSS:
	case OP_UD0:
	case OP_UD1:
	case OP_UD2:
	case OP_IN:
	case OP_OUT:
	case OP_INS:
	case OP_OUTS:
	case OP_CLI:
	case OP_STI:
	case OP_LEAVE:
		return true;
	}
	return row->cls == CLS_BRANCH || row->rowflags & ROW_PRIV;
}

static int row_kind(const struct oprow *row, const u64 *features)
{
	if (seq_row_refused(row, features) || row_is_flow(row))
		return KIND_NR;
	switch (row->gate) {
	case GATE_X87:
	case GATE_WAIT:
		return KIND_X87;
	case GATE_MMX:
	case GATE_SSE:
		return KIND_SSE;
	case GATE_AVX:
		return KIND_VEX;
	}
	if (row->cls >= CLS_INLINE)
		return KIND_HELPER;
	return row->vex ? KIND_VEX : KIND_INT;
}

struct rows {
	unsigned n[KIND_NR];
	u16 row[KIND_NR][1200];
};

static const struct rows *rows_get(const u64 *features)
{
	static struct rows rows;

	if (rows.n[0])
		return &rows;
	for (unsigned i = 0; i < optab_nr; i++) {
		int k = row_kind(&optab[i], features);

		if (k < KIND_NR && rows.n[k] < ARRAY_SIZE(rows.row[k]))
			rows.row[k][rows.n[k]++] = (u16)i;
	}
	return &rows;
}

static struct gen_want row_want(struct gen *g, const struct insn *i)
{
	return (struct gen_want){
		.size = i->memsize ? i->memsize : i->opsize,
		.write = i->row->mem == MEM_W || i->row->mem == MEM_RW,
		.aligned = i->row->rowflags & ROW_ALIGNED ||
			   seq_one_in(&g->r, 2),
		.faults = seq_one_in(&g->r, 60),
	};
}

static bool is_mapped(u32 la, struct gen_want w)
{
	unsigned need = w.write ? ORUN_W : ORUN_R;

	return orun_rights(la) & need && orun_rights(la + w.size - 1) & need;
}

static u32 operand_target(struct gen *g, const struct insn *i)
{
	switch (i->row->op) {
	case OP_LDMXCSR:
	case OP_VLDMXCSR:
	case OP_FLDCW:
		return SEQ_CONTROLS + 8 * seq_below(&g->r, SEQ_CONTROLS_NR / 2) +
		       (i->row->op == OP_FLDCW ? 4 : 0);
	}
	return gen_address(g, row_want(g, i));
}

/*
 * The memory operand comes to lie where there is memory: by the displacement
 * if it is wide enough, else by a load of the base before the instruction.
 */
static bool place_operand(struct gen *g, const struct insn *i, u8 *b)
{
	u16 sel = g->cur.st.sel[i->seg];
	u32 base = seq_seg_base(g->q, sel);
	u32 ea = seq_ea(i, g->cur.st.gpr), to, v;
	unsigned at = i->len - i->immsize - i->dispsize;
	struct gen_want w = row_want(g, i);

	if (is_mapped(base + ea, w) && !seq_one_in(&g->r, 3))
		return true;
	to = operand_target(g, i) - base;
	if (i->adsize == 2 && to > 0xffff)
		return seq_one_in(&g->r, 50);
	if (i->dispsize == i->adsize) {
		v = (u32)i->disp + to - ea;
		memcpy(b + at, &v, i->dispsize);
		return true;
	}
	if (i->base < 0 || i->base == R_SP || i->base == i->index)
		return seq_one_in(&g->r, 50);
	v = g->cur.st.gpr[i->base] + to - ea;
	if (i->adsize == 2 && !g->q->code16)
		v = (v & 0xffff) | (g->cur.st.gpr[i->base] & 0xffff0000);
	gen_mov(g, (unsigned)i->base, v);
	return true;
}

static void place_implicit(struct gen *g, const struct insn *i, u8 *b)
{
	struct gen_want w = row_want(g, i);
	u32 off;

	switch (i->row->op) {
	case OP_MOV_MOFFS:
		off = gen_address(g, w) -
		      seq_seg_base(g->q, g->cur.st.sel[i->seg]);
		memcpy(b + i->len - i->immsize, &off, i->immsize);
		break;
	case OP_XLAT:
		gen_mov(g, R_BX, gen_offset(g, w));
		break;
	case OP_ENTER:
		b[i->len - 1] = (u8)(seq_one_in(&g->r, 3) ?
					     seq_below(&g->r, 34) : 0);
		b[i->len - 2] = 0;
		break;
	case OP_MOVS:
	case OP_CMPS:
	case OP_LODS:
	case OP_STOS:
	case OP_SCAS:
		gen_mov(g, R_SI, gen_offset(g, w));
		gen_mov(g, R_DI, gen_offset(g, w));
		if (i->rep || i->repne)
			gen_mov(g, R_CX, seq_below(&g->r, 20));
		break;
	}
}

/*
 * Flags that are undefined are compared as well: nearly all instructions are the
 * host's own in the engine too, so they agree. The decimal ones are not, for
 * 64-bit mode has none: what defines the flags that they leave undefined belongs
 * to them. inc keeps CF, which is defined; of aam and aad nothing is kept.
 */
static unsigned define_flags(const struct oprow *row, u8 *b, unsigned len)
{
	switch (row->op) {
	case OP_AAA:
	case OP_AAS:
	case OP_DAA:
	case OP_DAS:
		b[len++] = 0x43; /* inc ebx */
		break;
	case OP_AAM:
	case OP_AAD:
		b[len++] = 0x84; /* test al, al */
		b[len++] = 0xc0;
		break;
	}
	return len;
}

void gen_row(struct gen *g, const struct oprow *row)
{
	struct insn insn;
	u8 b[16];

	if (!seq_encode(&g->r, row, g->q->code16 ? 16 : 32, g->features, b,
			&insn))
		return;
	if (insn.has_mem && row->mem != MEM_NONE &&
	    !place_operand(g, &insn, b))
		return;
	place_implicit(g, &insn, b);
	gen_add(g, b, define_flags(row, b, insn.len));
}

void gen_random(struct gen *g)
{
	const struct rows *rows = rows_get(g->features);
	unsigned k = 0, sum = 0, pick;

	for (unsigned i = 0; i < KIND_NR; i++)
		sum += rows->n[i] ? g->weight[i] : 0;
	pick = seq_below(&g->r, sum);
	while (!rows->n[k] || pick >= g->weight[k])
		pick -= rows->n[k] ? g->weight[k] : 0, k++;
	gen_row(g, &optab[rows->row[k][seq_below(&g->r, rows->n[k])]]);
}

/* --- running what was added */

static void native_code(struct gen *g)
{
	struct orun *nat = orun_native();
	const u8 *code = g->l.code;
	u32 la = g->q->group;

	for (u32 i = 0; i < 16; i++, la += PAGE_SIZE, code += PAGE_SIZE)
		if (memcmp(orun_at(nat, la), code, PAGE_SIZE))
			orun_write(nat, la, code, PAGE_SIZE);
}

/* On a 16-bit stack what leaves the kernel is sp alone. */
static void keep_esp(struct gen *g, u32 before)
{
	u32 *esp = &g->cur.st.gpr[R_SP];

	if (g->q->code16)
		*esp = (before & 0xffff0000) | (*esp & 0xffff);
}

static bool esp_is_good(const struct gen *g)
{
	u32 esp = g->cur.st.gpr[R_SP];

	if (g->q->code16)
		esp = ORUN_STACK + (esp & 0xffff);
	return esp - (ORUN_STACK + 0x200) < 0x3c00;
}

enum step { STEP_ON, STEP_OVER, STEP_NOT };

/* Runs from `from`, where the last piece ended. */
static enum step gen_step(struct gen *g, u32 from)
{
	struct orun_state st = g->cur.st;
	struct orun_result r;
	u32 esp = st.gpr[R_SP];

	if (!seq_layout(g->q, &g->l))
		return STEP_NOT;
	native_code(g);
	st.eip = seq_eip(g->q, from);
	st.eflags &= ORUN_EFLAGS;
	orun_run(orun_native(), &st, &r);
	if (r.end != ORUN_EXC)
		return STEP_NOT;
	if (r.vector != VEC_BP ||
	    r.st.eip != seq_eip(g->q, g->l.end[g->chunk]) + 1)
		return seq_one_in(&g->r, g->final_odds) ? STEP_OVER : STEP_NOT;
	g->cur = r;
	keep_esp(g, esp);
	return esp_is_good(g) || seq_one_in(&g->r, 8) ? STEP_ON : STEP_NOT;
}

/* One piece, kept or taken back. */
static enum step gen_piece(struct gen *g, void (*piece)(struct gen *))
{
	struct orun_result cur = g->cur;
	unsigned n = g->q->n, nchunks = g->q->nchunks;
	u8 chunk = g->chunk;
	bool done = g->done[chunk];
	u32 from = g->l.end[chunk];
	enum step s = STEP_NOT;

	piece(g);
	if (g->q->n > n && g->q->n < SEQ_INSNS - 8)
		s = gen_step(g, from);
	if (s == STEP_NOT) {
		g->q->n = n;
		g->q->nchunks = nchunks;
		g->cur = cur;
		g->done[chunk] = done;
		g->chunk = chunk;
		seq_layout(g->q, &g->l);
	}
	return s;
}

/* What lies behind the end of the run. */
static void gen_blind(struct gen *g)
{
	unsigned from = g->q->n, n = seq_below(&g->r, 6);

	for (unsigned i = 0; i < n && g->q->n < SEQ_INSNS - 8; i++) {
		unsigned was = g->q->n;

		gen_random(g);
		if (!seq_layout(g->q, &g->l))
			g->q->n = was;
	}
	for (unsigned i = from; i < g->q->n; i++)
		g->q->insn[i].blind = true;
}

/* --- the beginning */

static void gen_bases(struct gen *g)
{
	struct seq *q = g->q;
	u32 used = 0;

	q->group = ORUN_CODE +
		   seq_below(&g->r, q->code16 ? 4 : SEQ_GROUPS) * SEQ_GROUP;
	for (unsigned c = 0; c < SEQ_CHUNKS; c++) {
		u32 page, off;

		do
			page = 2 * seq_below(&g->r, 8);
		while (used >> page & 1);
		used |= 1u << page;
		off = seq_one_in(&g->r, 3) ?
			      (u32)PAGE_SIZE - 1 - seq_below(&g->r, 100) :
			      seq_below(&g->r, 3000);
		if (page == 14) /* nothing behind it */
			off = MIN(off, 4000u);
		q->base[c] = q->group + page * (u32)PAGE_SIZE + off;
	}
}

static void gen_vectors(struct rng *r, u8 *x)
{
	for (int i = 32; i < 160; i += 16) {
		for (int k = 0; k < 8; k++)
			x[i + k] = (u8)seq_rand(r);
		x[i + 7] |= 0x80;
		x[i + 8] = (u8)(0xf0 + seq_below(r, 32));
		x[i + 9] = x[i + 8] < 0xf0 ? 0x40 : 0x3f;
		x[i + 9] |= (u8)(seq_rand(r) & 0x80);
	}
	x[4] = (u8)seq_rand(r);
	for (int i = 160; i < 288; i += 4) {
		u32 v = seq_one_in(r, 2) ? 0x3f000000 + seq_rand(r) % 0x2000000 :
					   seq_value(r);

		memcpy(x + i, &v, 4);
		v = seq_value(r);
		memcpy(x + i + 416, &v, 4);
	}
}

static void gen_state(struct gen *g)
{
	struct orun_state *s = &g->q->st;
	struct rng *r = &g->r;
	struct gen_want w = { .size = 8 };

	orun_state_init(s);
	if (!seq_one_in(r, 3))
		gen_vectors(r, s->x);
	s->sel[CPU_FS] = SEQ_SEL(seq_below(r, 4));
	s->sel[CPU_GS] = seq_one_in(r, 4) ? 0 : SEQ_SEL(SEQ_LDT_BASED);
	if (g->q->code16) {
		s->sel[CPU_CS] = SEQ_SEL(SEQ_LDT_CODE);
		s->sel[CPU_SS] = SEQ_SEL(SEQ_LDT_STACK);
		s->sel[CPU_DS] = s->sel[CPU_ES] = SEQ_SEL(SEQ_LDT_DATA);
	} else if (seq_one_in(r, 8)) {
		s->sel[CPU_DS] = s->sel[CPU_ES] = SEQ_SEL(SEQ_LDT_BASED);
	}
	g->cur.st = *s;
	for (unsigned i = 0; i < 8; i++)
		if (i != R_SP)
			s->gpr[i] = seq_one_in(r, 2) ? gen_offset(g, w) :
						       seq_value(r);
	s->gpr[R_SP] += seq_below(r, 64) * (seq_one_in(r, 4) ? 1 : 4);
	if (seq_one_in(r, 10)) /* around the end of a page */
		s->gpr[R_SP] = ORUN_STACK + 0x2000 + seq_below(r, 32);
	if (g->q->code16)
		s->gpr[R_SP] = (s->gpr[R_SP] & 0xffff) | seq_rand(r) << 16;
	s->eflags = seq_rand(r) & EFL_ARITH;
	if (seq_one_in(r, 8))
		s->eflags |= EFL_DF;
	g->cur.st = *s;
}

/* 16-bit code sets esp itself: returns to a 16-bit stack do not. */
static void gen_prologue(struct gen *g)
{
	u32 esp = g->q->st.gpr[R_SP];
	u8 b[6] = { 0x66, 0xbc };

	memcpy(b + 2, &esp, 4);
	gen_add(g, b, sizeof(b));
	seq_layout(g->q, &g->l);
}

static void gen_begin(struct gen *g, struct seq *q, u64 seed)
{
	static const u8 flavour[][KIND_NR] = {
		{ 12, 1, 1, 1, 1 }, { 8, 1, 2, 4, 3 }, { 10, 2, 0, 0, 0 },
		{ 4, 1, 10, 2, 0 }, { 4, 0, 0, 4, 8 }, { 1, 0, 0, 0, 0 },
	};

	memset(q, 0, sizeof(*q));
	q->seed = seed;
	g->r.s = seed * 0x9e3779b97f4a7c15ull;
	seq_rand(&g->r);
	g->q = q;
	g->final_odds = 14;
	q->nchunks = 1;
	q->code16 = seq_one_in(&g->r, 8);
	memcpy(g->weight, flavour[seq_below(&g->r, ARRAY_SIZE(flavour))],
	       sizeof(g->weight));
	gen_bases(g);
	gen_state(g);
	seq_layout(q, &g->l);
	seq_load(orun_native(), q, &g->l);
	if (q->code16)
		gen_prologue(g);
	seq_layout(q, &g->l);
}

void seq_generate(struct seq *q, u64 seed, const u64 *features)
{
	static struct gen gen;
	struct gen *g = &gen;
	unsigned want, tries = 0;
	enum step s = STEP_ON;

	memset(g, 0, offsetof(struct gen, l));
	g->features = features;
	gen_begin(g, q, seed);
	want = q->n + 2 + seq_below(&g->r, 39);
	while (s != STEP_OVER && q->n < want && tries++ < 3 * want)
		s = gen_piece(g, seq_one_in(&g->r, 3) ? flow_piece :
							gen_random);
	if (s != STEP_OVER && seq_one_in(&g->r, 3)) {
		g->final_odds = 1;
		s = gen_piece(g, flow_fault);
	}
	if (s == STEP_OVER)
		gen_blind(g);
	q->enter = q->n ? seq_below(&g->r, q->n) : 0;
	seq_unload(orun_native(), q);
	if (seq_strayed(orun_native(), q)) {
		seq_clear(orun_native());
		q->n = 0;
	}
}
