// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqflow.c - see seqgen.h: pieces of a sequence that are about the flow of
 * control, the stack, flags, segments, and code that changes.
 */
#include <string.h>
#include "seqgen.h"

u8 flow_reg(struct gen *g)
{
	u8 r = (u8)seq_below(&g->r, 8);

	return r == R_SP ? R_AX : r;
}

static bool is_flat(const struct gen *g, unsigned seg)
{
	return g->cur.st.sel[seg] == ORUN_DS;
}

/* An address for a store of size bytes that does not fault. */
static u32 slot(struct gen *g, unsigned size)
{
	return gen_address(g, (struct gen_want){ .size = size, .write = true });
}

/* op [la] */
void flow_mem(struct gen *g, u8 op, u8 ext, u32 la)
{
	u32 off = la - seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
	unsigned size = gen_size(g);
	u8 b[6] = { op, (u8)(ext << 3 | (size == 2 ? 6 : 5)) };

	memcpy(b + 2, &off, 4);
	gen_add(g, b, 2 + size);
}

/* --- branches */

/* op with a displacement to the instruction `skip` behind the next one. */
static void jump_over(struct gen *g, const u8 *op, unsigned n, unsigned size,
		      unsigned skip)
{
	u8 b[8] = { 0 };
	unsigned to = g->q->n + 1 + skip;

	memcpy(b, op, n);
	gen_fix(gen_add(g, b, n + size), SEQ_REL, size, to, g->chunk);
}

static void flow_jcc(struct gen *g)
{
	u8 cc = (u8)seq_below(&g->r, 16);
	unsigned skip = 1 + seq_below(&g->r, 4);

	if (seq_one_in(&g->r, 2))
		jump_over(g, (const u8[]){ (u8)(0x70 | cc) }, 1, 1, skip);
	else
		jump_over(g, (const u8[]){ 0x0f, (u8)(0x80 | cc) }, 2,
			  gen_size(g), skip);
}

static void flow_jmp(struct gen *g)
{
	unsigned skip = 1 + seq_below(&g->r, 2);

	switch (seq_below(&g->r, 4)) {
	case 0:
		jump_over(g, (const u8[]){ 0xeb }, 1, 1, skip);
		break;
	case 1:
		jump_over(g, (const u8[]){ 0xe9 }, 1, gen_size(g), skip);
		break;
	case 2: /* jcxz, by ecx or cx */
		jump_over(g, (const u8[]){ 0xe3 }, 1, 1, skip);
		break;
	default:
		if (seq_one_in(&g->r, 2) && !g->q->code16)
			gen_mov(g, R_CX, seq_below(&g->r, 4) << 16);
		jump_over(g, (const u8[]){ 0x67, 0xe3 }, 2, 1, skip);
	}
}

/* Back to one of the last instructions of this chunk, a few times. */
static void flow_loop(struct gen *g)
{
	struct seq *q = g->q;
	unsigned to = q->n - MIN(q->n, 1 + seq_below(&g->r, 8));
	u32 ecx = g->cur.st.gpr[R_CX];
	struct seq_insn *s;
	u8 reg;

	if (ecx - 2 < 8 && seq_one_in(&g->r, 2)) {
		s = GEN(g, (u8)(0xe0 + seq_below(&g->r, 3)), 0);
		gen_fix(s, SEQ_REL, 1, to, g->chunk);
		return;
	}
	reg = flow_reg(g);
	if (g->cur.st.gpr[reg] - 2 < 8) {
		GEN(g, (u8)(0x48 | reg)); /* dec */
	} else if (g->counters < 60) {
		flow_mem(g, 0xff, 1, SEQ_COUNTERS + 4 * g->counters++);
	} else {
		return;
	}
	s = seq_one_in(&g->r, 2) ? GEN(g, 0x7f, 0) : GEN(g, 0x75, 0);
	gen_fix(s, SEQ_REL, 1, to, g->chunk);
}

/* A small number for loops, shifts and jcxz. */
static void flow_small(struct gen *g)
{
	gen_mov(g, seq_one_in(&g->r, 2) ? R_CX : flow_reg(g),
		seq_below(&g->r, 6));
}

/* mov r, label */
static void mov_label(struct gen *g, u8 reg, unsigned target, u8 chunk)
{
	unsigned size = gen_size(g);
	u8 b[5] = { (u8)(0xb8 | reg) };

	gen_fix(gen_add(g, b, 1 + size), SEQ_ABS, size, target, chunk);
}

static void push_label(struct gen *g, unsigned target, u8 chunk)
{
	unsigned size = gen_size(g);
	u8 b[5] = { 0x68 };

	gen_fix(gen_add(g, b, 1 + size), SEQ_ABS, size, target, chunk);
}

/* mov [la], label */
static void store_label(struct gen *g, u32 la, unsigned target, u8 chunk)
{
	unsigned was = g->q->n;

	gen_store(g, la, 0);
	if (g->q->n > was)
		gen_fix(&g->q->insn[was], SEQ_ABS, gen_size(g), target, chunk);
}

/* jmp or call (ext 4, 2) by a register, a word, or a table. */
static void indirect(struct gen *g, u8 ext, unsigned target, u8 chunk)
{
	u8 reg = flow_reg(g);
	u32 la;

	switch (seq_below(&g->r, g->q->code16 ? 2 : 3)) {
	case 0:
		mov_label(g, reg, target, chunk);
		GEN(g, 0xff, (u8)(0xc0 | ext << 3 | reg));
		break;
	case 1:
		la = slot(g, 4);
		store_label(g, la, target, chunk);
		flow_mem(g, 0xff, ext, la);
		break;
	default: { /* [reg * 4 + table] */
		u32 index = seq_below(&g->r, 64), base;
		u8 b[7] = { 0xff, (u8)(4 | ext << 3), (u8)(0x85 | reg << 3) };

		la = ORUN_DATA + 0x800 + 4 * index;
		base = la - 4 * index -
		       seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
		store_label(g, la, target, chunk);
		gen_mov(g, reg, index);
		memcpy(b + 3, &base, 4);
		gen_add(g, b, sizeof(b));
	}
	}
}

static void flow_jmp_indirect(struct gen *g)
{
	/* the three instructions at most that it takes, and one or two more */
	indirect(g, 4, g->q->n + 3 + seq_below(&g->r, 3), g->chunk);
}

/* --- calls */

/* The next piece lies in a chunk of its own. */
static void enter_chunk(struct gen *g, u8 c)
{
	g->parent[c] = g->chunk;
	g->first[c] = (u8)g->q->n;
	g->done[c] = false;
	g->chunk = c;
}

static void flow_call(struct gen *g)
{
	u8 b[5] = { 0xe8 }, c = (u8)g->q->nchunks;
	unsigned size = gen_size(g);

	if (g->q->nchunks == SEQ_CHUNKS)
		return;
	g->q->nchunks++;
	if (seq_one_in(&g->r, 3))
		indirect(g, 2, g->q->n, c);
	else
		gen_fix(gen_add(g, b, 1 + size), SEQ_REL, size, g->q->n + 1, c);
	enter_chunk(g, c);
}

/* What has returned once is called again. */
static void flow_call_again(struct gen *g)
{
	unsigned size = gen_size(g);
	u8 b[5] = { 0xe8 }, c = (u8)(1 + seq_below(&g->r, SEQ_CHUNKS - 1));

	if (c >= g->q->nchunks || !g->done[c])
		return;
	if (seq_one_in(&g->r, 4))
		indirect(g, 2, g->first[c], c);
	else
		gen_fix(gen_add(g, b, 1 + size), SEQ_REL, size, g->first[c],
			c);
}

/* Something that is jumped over in the caller, so that a return misses. */
static void filler(struct gen *g, u8 chunk)
{
	u8 own = g->chunk;

	g->chunk = chunk;
	GEN(g, (u8)(0x40 | flow_reg(g)));
	g->chunk = own;
}

static void flow_flags(struct gen *g);

static void flow_return(struct gen *g)
{
	u8 c = g->chunk, up = g->parent[c], reg = flow_reg(g);

	if (!c)
		return;
	switch (seq_below(&g->r, 8)) {
	case 0:
		GEN(g, 0xc2, (u8)(4 * seq_below(&g->r, 4)), 0);
		break;
	case 1: /* pop reg; jmp reg */
		GEN(g, (u8)(0x58 | reg));
		GEN(g, 0xff, (u8)(0xe0 | reg));
		break;
	case 2: /* another place than the call's: add esp, n; push; ret */
		filler(g, up);
		GEN(g, 0x83, 0xc4, (u8)gen_size(g));
		push_label(g, g->q->n + 2, up);
		GEN(g, 0xc3);
		break;
	case 3: /* the same by a jump: the pair is left over */
		GEN(g, 0x83, 0xc4, (u8)gen_size(g));
		gen_fix(gen_add(g, (const u8[]){ 0xe9, 0, 0, 0, 0 },
				1 + gen_size(g)),
			SEQ_REL, gen_size(g), g->q->n + 1, up);
		break;
	case 4: /* pop reg; push reg; ret */
		GEN(g, (u8)(0x58 | reg));
		GEN(g, (u8)(0x50 | reg));
		GEN(g, 0xc3);
		break;
	default:
		GEN(g, 0xc3);
	}
	g->done[c] = true;
	g->chunk = up;
	if (seq_one_in(&g->r, 2)) /* flags live on over a return */
		flow_flags(g);
}

/* call next; pop reg */
static void flow_thunk(struct gen *g)
{
	unsigned size = gen_size(g);
	u8 b[5] = { 0xe8 };

	gen_add(g, b, 1 + size);
	if (!seq_one_in(&g->r, 4))
		GEN(g, (u8)(0x58 | flow_reg(g)));
}

/* push label; ret; or a call whose return address is a label */
static void flow_push_return(struct gen *g)
{
	unsigned skip = seq_below(&g->r, 3);

	push_label(g, g->q->n + 2 + skip, g->chunk);
	GEN(g, 0xc3);
}

/* --- far transfers within the privilege */

static void flow_far(struct gen *g)
{
	unsigned size = gen_size(g), to = g->q->n + 4;
	u16 cs = g->cur.st.sel[CPU_CS];
	u8 b[7] = { 0xea };
	struct seq_insn *s;
	u32 la;

	switch (seq_below(&g->r, 6)) {
	case 0: /* jmp cs:label */
		memcpy(b + 1 + size, &cs, 2);
		s = gen_add(g, b, 3 + size);
		gen_fix(s, SEQ_ABS, size, g->q->n + seq_below(&g->r, 2),
			g->chunk);
		s->fixat = 1;
		break;
	case 1: /* push cs; push label; retf, with a count now and then */
		gen_push(g, cs);
		push_label(g, to, g->chunk);
		if (seq_one_in(&g->r, 3))
			GEN(g, 0xca, (u8)(4 * seq_below(&g->r, 4)), 0);
		else
			GEN(g, 0xcb);
		break;
	case 2: /* call cs:next; pop; pop */
		b[0] = 0x9a;
		memcpy(b + 1 + size, &cs, 2);
		s = gen_add(g, b, 3 + size);
		gen_fix(s, SEQ_ABS, size, g->q->n, g->chunk);
		s->fixat = 1;
		GEN(g, (u8)(0x58 | flow_reg(g)));
		GEN(g, (u8)(0x58 | flow_reg(g)));
		break;
	case 3: /* by a far pointer in memory: jmp, call */
	case 4:
		la = slot(g, 8);
		store_label(g, la, g->q->n + 3, g->chunk);
		gen_store(g, la + size, cs);
		flow_mem(g, 0xff, seq_one_in(&g->r, 2) ? 3 : 5, la);
		break;
	default: /* pushf; push cs; push label; iret */
		GEN(g, 0x9c);
		gen_push(g, cs);
		push_label(g, to, g->chunk);
		GEN(g, 0xcf);
	}
}

/* --- the stack */

static void flow_esp(struct gen *g)
{
	u8 reg = flow_reg(g), n = (u8)(4 * seq_below(&g->r, 8));
	bool wide = !g->q->code16;

	switch (seq_below(&g->r, 14)) {
	case 0:
		GEN(g, 0x83, 0xc4, (u8)(seq_one_in(&g->r, 5) ? n + 1 : n));
		break;
	case 1:
		GEN(g, 0x83, 0xec, n);
		break;
	case 2: /* lea esp, [esp-n] */
		if (wide)
			GEN(g, 0x8d, 0x64, 0x24, (u8)-n);
		break;
	case 3: /* mov reg, [esp+n] */
		if (wide)
			GEN(g, 0x8b, (u8)(0x44 | reg << 3), 0x24, n);
		break;
	case 4: /* push [esp+n] */
		if (wide)
			GEN(g, 0xff, 0x74, 0x24, n);
		break;
	case 5: /* pop [esp+n] */
		if (wide)
			GEN(g, 0x8f, 0x44, 0x24, n);
		break;
	case 6: /* mov ebp, esp; enter the body of a frame */
		GEN(g, 0x55);
		GEN(g, 0x89, 0xe5);
		break;
	case 7:
		if (g->cur.st.gpr[R_BP] - g->cur.st.gpr[R_SP] < 0x800)
			GEN(g, 0xc9); /* leave */
		break;
	case 8:
		GEN(g, 0x60);
		break;
	case 9:
		GEN(g, 0x61);
		break;
	case 10: /* push esp; pop reg */
		GEN(g, 0x54);
		GEN(g, (u8)(0x58 | reg));
		break;
	case 11: /* mov reg, esp; ...; mov esp, reg */
		GEN(g, 0x89, (u8)(0xe0 | reg));
		GEN(g, 0x50);
		GEN(g, 0x89, (u8)(0xc4 | reg << 3));
		break;
	case 12: /* with the other operand size */
		GEN(g, 0x66, (u8)(0x50 | reg));
		GEN(g, 0x66, (u8)(0x58 | flow_reg(g)));
		break;
	default:
		GEN(g, 0x50 | reg);
		if (seq_one_in(&g->r, 2))
			GEN(g, 0x50 | flow_reg(g));
		gen_random(g);
		GEN(g, 0x58 | flow_reg(g));
	}
}

/* --- flags */

static void flow_popf(struct gen *g)
{
	u32 f = seq_rand(&g->r) & EFL_ARITH;

	if (seq_one_in(&g->r, 6))
		f |= EFL_DF;
	if (seq_one_in(&g->r, 6) && !g->q->code16)
		f |= EFL_ID | (seq_one_in(&g->r, 3) ? EFL_AC : 0);
	if (seq_one_in(&g->r, 16))
		f |= EFL_IOPL | EFL_IF | 0x8028;
	gen_push(g, f);
	GEN(g, 0x9d);
}

/* One of the rows that are meant. */
void flow_row(struct gen *g,
	      bool (*is_meant)(const struct oprow *row, u16 op), u16 op)
{
	unsigned n = 0, pick;

	for (unsigned i = 0; i < optab_nr; i++)
		n += is_meant(&optab[i], op) &&
		     !seq_row_refused(&optab[i], g->features);
	if (!n)
		return;
	pick = seq_below(&g->r, n);
	for (unsigned i = 0; i < optab_nr; i++) {
		if (!is_meant(&optab[i], op) ||
		    seq_row_refused(&optab[i], g->features))
			continue;
		if (!pick--)
			gen_row(g, &optab[i]);
	}
}

static bool row_is_op(const struct oprow *row, u16 op)
{
	return row->op == op;
}

/* What reads flags that something far before has written. */
static void flow_flags(struct gen *g)
{
	static const u16 op[] = { OP_SETCC, OP_CMOVCC, OP_ADC, OP_SBB, OP_RCL,
				  OP_RCR, OP_LAHF, OP_SAHF, OP_PUSHF, OP_SALC,
				  OP_CMC, OP_ADCX, OP_ADOX, OP_FCMOVB, OP_DAA,
				  OP_AAS, OP_STC, OP_CLC, OP_STD, OP_CLD };
	u16 want = op[seq_below(&g->r, ARRAY_SIZE(op))];

	flow_row(g, row_is_op, want);
}

/* --- segments */

/* A selector that can be loaded for data, and what is good for DS and ES. */
static u16 any_selector(struct gen *g, unsigned seg)
{
	static const u16 any[] = { SEQ_SEL(SEQ_LDT_DATA), ORUN_DS,
				   SEQ_SEL(SEQ_LDT_BASED), 0,
				   SEQ_SEL(SEQ_LDT_RO), SEQ_SEL(SEQ_LDT_DOWN),
				   ORUN_CS };
	unsigned n = seg == CPU_DS || seg == CPU_ES ? 3 : ARRAY_SIZE(any);

	return any[seq_below(&g->r, n)];
}

/* 0f op reg, [la] */
static void far_load(struct gen *g, u8 op, u8 reg, u32 la)
{
	unsigned size = gen_size(g);
	u8 b[7] = { 0x0f, op, (u8)(reg << 3 | (size == 2 ? 6 : 5)) };

	la -= seq_seg_base(g->q, g->cur.st.sel[CPU_DS]);
	memcpy(b + 3, &la, 4);
	gen_add(g, b, 3 + size);
}

static void flow_segment(struct gen *g)
{
	static const u8 push[CPU_NSEG] = { 0x06, 0x0e, 0x16,
					   0x1e, 0xa0, 0xa8 };
	static const u8 pop[CPU_NSEG] = { 0x07, 0, 0x17, 0x1f, 0xa1, 0xa9 };
	static const u8 far[CPU_NSEG] = { 0xc4, 0, 0, 0xc5, 0xb4, 0xb5 };
	static const u8 seg_of[] = { CPU_ES, CPU_DS, CPU_FS, CPU_GS, CPU_FS };
	u8 seg = seg_of[seq_below(&g->r, ARRAY_SIZE(seg_of))];
	u8 reg = flow_reg(g);
	u16 sel = any_selector(g, seg);
	u32 la;

	switch (seq_below(&g->r, 8)) {
	case 0: /* the stack's own, with its shadow */
		sel = g->cur.st.sel[CPU_SS];
		gen_mov(g, reg, sel);
		GEN(g, 0x8e, (u8)(0xc0 | CPU_SS << 3 | reg));
		break;
	case 1:
	case 2:
		gen_mov(g, reg, sel);
		GEN(g, 0x8e, (u8)(0xc0 | seg << 3 | reg));
		break;
	case 5: /* push ss; pop ss */
		gen_push(g, g->cur.st.sel[CPU_SS]);
		GEN(g, 0x17);
		break;
	case 6: /* of 16 bits: what else is pushed differs by vendor */
		seg = (u8)seq_below(&g->r, CPU_NSEG);
		if (g->q->code16 && seg < CPU_FS)
			GEN(g, push[seg]);
		else if (g->q->code16)
			GEN(g, 0x0f, push[seg]);
		else if (seg >= CPU_FS)
			GEN(g, 0x66, 0x0f, push[seg]);
		else
			GEN(g, 0x66, push[seg]);
		break;
	case 7: /* lss esp, [la] */
		la = slot(g, 8);
		gen_store(g, la, g->cur.st.gpr[R_SP]);
		gen_store(g, la + gen_size(g), g->cur.st.sel[CPU_SS]);
		far_load(g, 0xb2, R_SP, la);
		break;
	case 3:
		gen_push(g, sel);
		if (seg >= CPU_FS)
			GEN(g, 0x0f, pop[seg]);
		else
			GEN(g, pop[seg]);
		break;
	default:
		la = slot(g, 8);
		gen_store(g, la, seq_value(&g->r));
		gen_store(g, la + gen_size(g), sel);
		if (seg < CPU_FS) {
			flow_mem(g, far[seg], reg, la);
		} else {
			far_load(g, far[seg], reg, la);
		}
	}
}

/* --- code that changes */

static void flow_smc(struct gen *g)
{
	unsigned between = seq_below(&g->r, 3), at = g->q->n;
	struct seq_insn *s;
	u8 reg = flow_reg(g);
	u8 b[10] = { 0xc6, 0x05, 0, 0, 0, 0, (u8)seq_rand(&g->r) };

	if (!is_flat(g, CPU_DS))
		return;
	if (seq_one_in(&g->r, 3)) { /* dword */
		u32 v = seq_rand(&g->r);

		b[0] = 0xc7;
		memcpy(b + 6, &v, 4);
	}
	s = gen_add(g, b, b[0] == 0xc7 ? 10 : 7);
	gen_fix(s, SEQ_LIN, 4, at + 1 + between, g->chunk);
	s->fixat = 2;
	s->add = b[0] == 0xc7 ? 1 : (s8)(1 + seq_below(&g->r, 4));
	for (unsigned i = 0; i < between; i++)
		GEN(g, (u8)(0x40 | flow_reg(g)));
	gen_mov(g, reg, seq_rand(&g->r));
}

/* inc becomes dec: an opcode, of what comes next or of what was */
static void flow_smc_opcode(struct gen *g)
{
	u8 reg = flow_reg(g), b[7] = { 0xc6, 0x05, 0, 0, 0, 0, 0 };
	bool before = seq_one_in(&g->r, 2);
	struct seq_insn *s;
	unsigned at = g->q->n;

	if (!is_flat(g, CPU_DS))
		return;
	b[6] = (u8)((seq_one_in(&g->r, 2) ? 0x48 : 0x40) | flow_reg(g));
	if (before)
		GEN(g, (u8)(0x40 | reg));
	s = gen_add(g, b, 7);
	gen_fix(s, SEQ_LIN, 4, before ? at : at + 1, g->chunk);
	s->fixat = 2;
	if (!before)
		GEN(g, (u8)(0x40 | reg));
}

/* A function changes what its return leads to: the caller's block goes, and the
 * landing site in it. */
static void flow_smc_caller(struct gen *g)
{
	u8 c = g->chunk, up = g->parent[c], reg = flow_reg(g);
	u8 b[7] = { 0xc6, 0x05, 0, 0, 0, 0, (u8)seq_rand(&g->r) };
	struct seq_insn *s;
	unsigned at = g->q->n;

	if (!c || !is_flat(g, CPU_DS))
		return;
	g->chunk = up;
	gen_mov(g, reg, seq_rand(&g->r));
	g->chunk = c;
	s = gen_add(g, b, sizeof(b));
	gen_fix(s, SEQ_LIN, 4, at, up);
	s->fixat = 2;
	s->add = (s8)(1 + seq_below(&g->r, 4));
	GEN(g, 0xc3);
	g->done[c] = true;
	g->chunk = up;
}

void flow_piece(struct gen *g)
{
	static void (*const piece[])(struct gen *) = {
		flow_jcc, flow_jcc, flow_jcc, flow_jcc, flow_jmp, flow_loop,
		flow_loop, flow_small, flow_jmp_indirect, flow_call, flow_call,
		flow_call_again, flow_return, flow_return, flow_return,
		flow_thunk, flow_push_return, flow_far, flow_esp, flow_esp,
		flow_esp, flow_esp, flow_popf, flow_flags, flow_flags,
		flow_flags, flow_segment, flow_smc, flow_smc_opcode,
		flow_smc_caller,
		flow_fault,
	};

	piece[seq_below(&g->r, ARRAY_SIZE(piece))](g);
}
