// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_string.c - movs, stos, lods, scas and cmps in every form, for the cases
 * that have no direct form: SDM vol. 2, and vol. 1, 7.3.9.
 *
 * A call does a bounded amount of work, STRING_MAX elements, or less when a
 * kick is waiting, and leaves registers exact, as a fault does. Ascending
 * movs and stos between RAM pages go by runs inside a page. Runs on light
 * exits.
 */
#include "sys_impl.h"

#define STRING_MAX 65536

u32 string_count(const struct vcpu *v, unsigned adsize)
{
	return gpr_get(v, R_CX, adsize);
}

void string_set_count(struct vcpu *v, unsigned adsize, u32 n)
{
	gpr_set(v, R_CX, adsize, n);
}

static void string_move(struct vcpu *v, unsigned reg, unsigned adsize,
			u32 bytes)
{
	gpr_set(v, reg, adsize, gpr_get(v, reg, adsize) + bytes);
}

void string_advance(struct vcpu *v, unsigned reg, unsigned adsize,
		    unsigned bytes)
{
	string_move(v, reg, adsize, v->cpu.df ? -bytes : bytes);
}

/* --- one element */

static int string_load(struct vcpu *v, unsigned seg, unsigned reg,
		       const struct insn *i, u32 *val)
{
	gva_t la;

	*val = 0;
	if (seg_check(v, seg, gpr_get(v, reg, i->adsize), i->memsize, MMU_READ,
		      &la))
		return -1;
	return gmem_read(v, la, val, i->memsize, vcpu_priv(v));
}

static int string_store(struct vcpu *v, const struct insn *i, u32 val)
{
	gva_t la;

	if (seg_check(v, CPU_ES, gpr_get(v, R_DI, i->adsize), i->memsize,
		      MMU_WRITE, &la))
		return -1;
	return gmem_write(v, la, &val, i->memsize, vcpu_priv(v));
}

/* Flags of a - b, as cmp sets them. */
static void string_compare(struct vcpu *v, u32 a, u32 b, unsigned size)
{
	u32 sign = 1u << (8 * size - 1);
	u32 mask = sign | (sign - 1);
	u32 r = (a - b) & mask;

	flag_set(v, EFL_CF, a < b);
	flag_set(v, EFL_ZF, !r);
	flag_set(v, EFL_SF, r & sign);
	flag_set(v, EFL_AF, (a ^ b ^ r) & 0x10);
	flag_set(v, EFL_PF, !__builtin_parity(r & 0xff));
	flag_set(v, EFL_OF, (a ^ b) & (a ^ r) & sign);
}

static int string_element(struct vcpu *v, const struct insn *i)
{
	unsigned size = i->memsize, ad = i->adsize;
	u32 a, b;

	switch (i->row->op) {
	case OP_MOVS:
		if (string_load(v, i->seg, R_SI, i, &a) ||
		    string_store(v, i, a))
			return -1;
		string_advance(v, R_SI, ad, size);
		string_advance(v, R_DI, ad, size);
		return 0;
	case OP_STOS:
		if (string_store(v, i, gpr_get(v, R_AX, 4)))
			return -1;
		string_advance(v, R_DI, ad, size);
		return 0;
	case OP_LODS:
		if (string_load(v, i->seg, R_SI, i, &a))
			return -1;
		gpr_set(v, R_AX, size, a);
		string_advance(v, R_SI, ad, size);
		return 0;
	case OP_SCAS:
		if (string_load(v, CPU_ES, R_DI, i, &b))
			return -1;
		string_compare(v, gpr_get(v, R_AX, size), b, size);
		string_advance(v, R_DI, ad, size);
		return 0;
	default: /* CMPS */
		if (string_load(v, i->seg, R_SI, i, &a) ||
		    string_load(v, CPU_ES, R_DI, i, &b))
			return -1;
		string_compare(v, a, b, size);
		string_advance(v, R_SI, ad, size);
		string_advance(v, R_DI, ad, size);
		return 0;
	}
}

/* --- runs of elements inside one page, ascending, in RAM */

/* Where a run lies, as the host sees it. */
struct string_run {
	u8 *dst, *src; /* src only of movs */
	u32 n;	       /* elements */
};

/* Elements from the register's place to the end of page and address space. */
static u32 string_room(u32 la, u32 off, unsigned adsize, unsigned size)
{
	u32 bytes = PAGE_SIZE - (la & (PAGE_SIZE - 1));
	u32 wrap = adsize == 2 ? 0x10000 - off : 0 - off;

	if (wrap && wrap < bytes)
		bytes = wrap;
	return bytes / size;
}

/* May n elements at off be accessed through the segment? */
static bool string_seg(const struct seg *s, u32 off, u32 bytes, bool write)
{
	return (write ? s->writable : s->readable) && off >= s->lo &&
	       off + bytes - 1 >= off && off + bytes - 1 <= s->hi;
}

/*
 * How many elements may go at once; below 2: one by one. What is not simply
 * memory that may be accessed falls back to elements, which fault at the right
 * one, reach devices, cross pages, and drop translated code.
 */
static u32 string_run(struct vcpu *v, const struct insn *i, u32 max,
		      struct string_run *run)
{
	const struct cpu *c = &v->cpu;
	const struct seg *es = &c->seg[CPU_ES], *ss = &c->seg[i->seg];
	bool movs = i->row->op == OP_MOVS;
	u32 di = gpr_get(v, R_DI, i->adsize), dst = (u32)(es->base + di);
	u32 si = gpr_get(v, R_SI, i->adsize), src = (u32)(ss->base + si);
	u32 n = MIN(max, string_room(dst, di, i->adsize, i->memsize));

	if (movs)
		n = MIN(n, string_room(src, si, i->adsize, i->memsize));
	if (n < 2)
		return n;
	if (c->df || (c->cpl == 3 && (c->sysflags & EFL_AC)) ||
	    !string_seg(es, di, n * i->memsize, true) ||
	    (movs && !string_seg(ss, si, n * i->memsize, false)))
		return 0;
	run->n = n;
	/* the load comes first: where it faults, no D may be set for the store */
	run->src = movs ? gmem_host(v, src, false) : NULL;
	if (movs && !run->src)
		return 0;
	run->dst = gmem_host(v, dst, true);
	return run->dst ? n : 0;
}

#define HOST_REP(insn, run, count, value)                                     \
	__asm__ volatile("rep " insn                                          \
			 : "+D"((run)->dst), "+S"((run)->src), "+c"(count)    \
			 : "a"(value)                                         \
			 : "memory")

/*
 * The host's instruction, element by element as the guest's where the ranges
 * overlap (a move that repeats what it has just written), else by bytes, which
 * is the quickest for few.
 */
static void string_host_movs(struct string_run *run, unsigned size)
{
	u64 n = run->n, bytes = n * size;

	if ((u64)(run->dst - run->src) >= bytes || size == 1)
		HOST_REP("movsb", run, bytes, 0);
	else if (size == 2)
		HOST_REP("movsw", run, n, 0);
	else
		HOST_REP("movsl", run, n, 0);
}

static void string_host_stos(struct string_run *run, unsigned size, u32 val)
{
	u64 n = run->n;

	if (size == 1)
		HOST_REP("stosb", run, n, val);
	else if (size == 2)
		HOST_REP("stosw", run, n, val);
	else
		HOST_REP("stosl", run, n, val);
}

static void string_do_run(struct vcpu *v, const struct insn *i,
			  struct string_run *run)
{
	u32 bytes = run->n * i->memsize;

	if (i->row->op == OP_MOVS) {
		string_host_movs(run, i->memsize);
		string_move(v, R_SI, i->adsize, bytes);
	} else {
		string_host_stos(run, i->memsize, (u32)v->cpu.gpr[R_AX]);
	}
	string_move(v, R_DI, i->adsize, bytes);
}

/* --- rep */

static bool string_has_runs(const struct insn *i)
{
	return i->row->op == OP_MOVS || i->row->op == OP_STOS;
}

/* scas and cmps end at a difference (repe) or a match (repne). */
static bool string_ends(const struct vcpu *v, const struct insn *i)
{
	bool zf = v->cpu.flags_ah & EFL_ZF;

	if (i->row->op != OP_SCAS && i->row->op != OP_CMPS)
		return false;
	return i->repne ? zf : !zf;
}

/* The element at which a repeated instruction stopped has met no data breakpoint;
 * what those before it have met comes before its fault. */
static enum hret string_failed(struct vcpu *v, u64 db)
{
	v->db_pending = db;
	if (!v->exc.pending || !(db & DB_DATA))
		return H_EXC;
	v->exc.pending = false;
	return H_END;
}

static enum hret string_rep(struct vcpu *v, const struct insn *i)
{
	/* A trace trap comes after each iteration. */
	u32 budget = v->cpu.sysflags & EFL_TF ? 1 : STRING_MAX;
	u32 left = string_count(v, i->adsize), n;
	struct string_run run;
	u64 db;

	while (left && budget) {
		n = 1;
		db = v->db_pending;
		if (string_has_runs(i))
			n = string_run(v, i, MIN(left, budget), &run);
		if (n > 1) {
			string_do_run(v, i, &run);
		} else {
			n = 1;
			if (string_element(v, i))
				return string_failed(v, db);
		}
		left -= n;
		budget -= n;
		string_set_count(v, i->adsize, left);
		if (left && string_ends(v, i))
			return H_NEXT;
		if (left && __atomic_load_n(&v->cpu.kick, __ATOMIC_RELAXED))
			return H_END;
	}
	return left ? H_END : H_NEXT;
}

enum hret sys_string(struct vcpu *v, const struct insn *i)
{
	if (i->rep || i->repne)
		return string_rep(v, i);
	return string_element(v, i) ? H_EXC : H_NEXT;
}
