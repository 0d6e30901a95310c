// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cover.c - what was exercised: counted for each case, summed up, written out.
 * See oracle.h.
 */
#include <stdlib.h>
#include "oracle.h"

static const char *const seg_name[LOW_SEG_NR] = { "flat", "based", "16-bit",
						  "limits" };
static const char *const reg_name[SEG_NR] = { "es", "cs", "ss", "ds", "fs",
					      "gs" };
static const char *const prefix_name[OC_PREFIXES] = { "66", "67", "lock",
						      "f3", "f2" };

size_t cover_size(void)
{
	return sizeof(struct ocover) +
	       optab_nr * sizeof(struct orow_cover);
}

void cover_add(struct ocover *sum, const struct ocover *c)
{
	u32 *to = (u32 *)sum;
	const u32 *from = (const u32 *)c;
	size_t head = offsetof(struct ocover, row) / 4;
	size_t rows = optab_nr * sizeof(struct orow_cover) / 4;
	size_t line = sizeof(struct orow_cover) / 4;
	size_t flags = offsetof(struct orow_cover, eflags) / 4;

	for (size_t i = 0; i < head; i++)
		to[i] += from[i];
	to += head;
	from += head;
	for (size_t i = 0; i < rows; i++) {
		if (i % line >= flags)
			to[i] |= from[i];
		else
			to[i] += from[i];
	}
}

static unsigned flags_index(u32 eflags)
{
	for (unsigned n = 0; n < 128; n++)
		if (gen_eflags(n) == (eflags & (EFL_ARITH | EFL_DF)))
			return n;
	return 0;
}

static void cover_encoding(struct orow_cover *c, const struct oracle *o)
{
	const struct insn *i = &o->g.insn;

	c->addr[i->has_mem ? o->g.want.addr : i->has_modrm ? GA_REG : GA_NONE]++;
	c->opsize[i->opsize == 4]++;
	if (i->vex)
		c->vexl[i->vexl]++;
	c->prefix[0] += i->pfx66;
	c->prefix[1] += i->adsize != (i->mode == 16 ? 2 : 4);
	c->prefix[2] += i->lock;
	c->prefix[3] += i->rep;
	c->prefix[4] += i->repne;
	if (i->seg_over < SEG_NR)
		c->segs[i->seg_over]++;
}

void cover_case(struct oracle *o)
{
	struct ocover *cov = o->cov;
	struct orow_cover *c = &cov->row[o->row];
	unsigned n = flags_index(o->g.c.regs.eflags);

	cov->cases++;
	if (o->id.engine) {
		cov->engine++;
		cov->machines[o->id.form % 32]++;
	} else {
		cov->forms[o->id.form % OF_NR]++;
	}
	if (o->id.want.odd != GO_NONE)
		cov->row[o->id.row].odd[o->id.want.odd % GO_NR]++;
	if (!o->g.insn.row) {
		cov->refused++;
		return;
	}
	if (o->nat.end == LOW_FAULT) {
		cov->faults++;
		c->fault[o->nat.trapno & 31]++;
	}
	if (o->id.engine) {
		c->engine++;
	} else if (o->xl.end == LOW_HELPER) {
		cov->helper++;
		c->helper++;
		return;
	} else {
		c->low[o->g.c.seg]++;
	}
	c->eflags[n / 64] |= 1ull << n % 64;
	cover_encoding(c, o);
	if (o->g.insn.has_mem || o->g.insn.row->mem != MEM_NONE)
		c->place[o->g.want.place]++;
}

/* --- the report */

static void put_name(FILE *f, const struct oprow *row)
{
	static const char *const maps[] = { "", "0f ", "0f38 ", "0f3a " };
	static const char *const pfxs[] = { "", "66 ", "f3 ", "f2 ", "", "" };

	fprintf(f, "%s %s%s%s%02x", row->name, row->vex ? "vex " : "",
		pfxs[row->pfx], maps[row->map], row->opcode);
	if (row->ext != 0xff)
		fprintf(f, " /%d", row->ext);
}

static void put_count(FILE *f, const char *name, u32 n)
{
	if (n)
		fprintf(f, " %s=%u", name, n);
}

static void put_counts(FILE *f, const char *title, const char *const *names,
		       const u32 *counts, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		any |= counts[i];
	if (!any)
		return;
	fprintf(f, "\n    %s:", title);
	for (unsigned i = 0; i < n; i++)
		put_count(f, names[i], counts[i]);
}

static void put_row(FILE *f, const struct oprow *row,
		    const struct orow_cover *c)
{
	static const char *const sizes[] = { "16", "32" };
	static const char *const vexl[] = { "128", "256" };
	static const char *const vectors[32] = {
		"#DE", "#DB", "#NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
		"#DF", "9", "#TS", "#NP", "#SS", "#GP", "#PF", "15",
		"#MF", "#AC", "#MC", "#XM", "20", "21", "22", "23",
		"24", "25", "26", "27", "28", "29", "30", "31" };

	put_name(f, row);
	fprintf(f, "\n    compared:");
	for (unsigned i = 0; i < LOW_SEG_NR; i++)
		put_count(f, seg_name[i], c->low[i]);
	put_count(f, "engine", c->engine);
	put_count(f, "handed-to-C", c->helper);
	put_count(f, "undefined-flags-differ", c->undefined);
	put_count(f, "columns", c->columns);
	fprintf(f, " flag-inputs=%d/128", __builtin_popcountll(c->eflags[0]) +
					  __builtin_popcountll(c->eflags[1]));
	put_counts(f, "operand", gen_addr_name, c->addr, GA_NR);
	put_counts(f, "size", row->vex ? vexl : sizes,
		   row->vex ? c->vexl : c->opsize, 2);
	put_counts(f, "prefix", prefix_name, c->prefix, OC_PREFIXES);
	put_counts(f, "segment", reg_name, c->segs, SEG_NR);
	put_counts(f, "place", gen_place_name, c->place, GP_NR);
	put_counts(f, "fault", vectors, c->fault, 32);
	put_counts(f, "odd", gen_odd_name, c->odd, GO_NR);
	fprintf(f, "\n");
}

static u64 row_compared(const struct orow_cover *c)
{
	u64 n = c->engine;

	for (unsigned i = 0; i < LOW_SEG_NR; i++)
		n += c->low[i];
	return n;
}

/* Why nothing was compared, or NULL if there is no reason. */
static const char *row_reason(const struct oprow *row)
{
	const struct insn plain = { .row = row };
	const char *why = row_excuse(row);

	if (why)
		return why;
	if (!row_is_on_host(row, row->rowflags & ROW_L1))
		return "the host's CPU does not have it";
	if (!engine_offers(0, &plain))
		return "not offered to guests";
	return NULL;
}

unsigned cover_report(const struct ocover *c, FILE *f)
{
	unsigned missing = 0, compared = 0;

	for (unsigned i = 0; i < optab_nr; i++)
		if (row_compared(&c->row[i])) {
			put_row(f, &optab[i], &c->row[i]);
			compared++;
		}
	fprintf(f, "\nNot exercised:\n");
	for (unsigned i = 0; i < optab_nr; i++) {
		const char *why;

		if (row_compared(&c->row[i]))
			continue;
		why = row_reason(&optab[i]);
		missing += !why;
		put_name(f, &optab[i]);
		fprintf(f, ": %s\n", why ? why : "NO REASON");
		if (!why) {
			printf("not exercised: ");
			put_name(stdout, &optab[i]);
			printf("\n");
		}
	}
	explain_report(c, f);
	fprintf(f, "\n%u of %u rows compared\n", compared, optab_nr);
	printf("rows: %u of %u compared, %u not (with a reason each), "
	       "%u without a reason\n", compared, optab_nr,
	       optab_nr - compared - missing, missing);
	return missing;
}

static void sum_flags(const struct ocover *c)
{
	unsigned all = 0, rows = 0;

	for (unsigned i = 0; i < optab_nr; i++) {
		rows += row_compared(&c->row[i]) != 0;
		all += !~c->row[i].eflags[0] && !~c->row[i].eflags[1];
	}
	printf("flag inputs: all 128 combinations for %u of %u rows\n", all,
	       rows);
}

#define SUM(field)                                                            \
	({                                                                    \
		u64 sum_ = 0;                                                 \
		for (unsigned i_ = 0; i_ < optab_nr; i_++)                    \
			sum_ += c->row[i_].field;                             \
		(unsigned long long)sum_;                                     \
	})

void cover_sums(const struct ocover *c)
{
	printf("instances: %u, in the engine %u of them; faults %u, "
	       "undefined encodings %u, handed to C %u, "
	       "flags columns tried %u\n", c->cases, c->engine, c->faults,
	       c->refused, c->helper, c->columns);
	printf("segments:");
	for (unsigned i = 0; i < LOW_SEG_NR; i++)
		printf(" %s %llu", seg_name[i], SUM(low[i]));
	printf("\noperands:");
	for (unsigned i = 0; i < GA_NR; i++)
		printf(" %s %llu", gen_addr_name[i], SUM(addr[i]));
	printf("\nplaces:");
	for (unsigned i = 0; i < GP_NR; i++)
		printf(" %s %llu", gen_place_name[i], SUM(place[i]));
	printf("\nodd encodings:");
	for (unsigned i = 1; i < GO_NR; i++)
		printf(" %s %llu", gen_odd_name[i], SUM(odd[i]));
	printf("\nforms: no-fsgsbase");
	{
		u64 n[6] = { 0 };

		for (unsigned i = 0; i < OF_NR; i++)
			for (unsigned b = 0; b < 6; b++)
				if (!b == !(i >> b & 1))
					n[b] += c->forms[i];
		printf(" %llu helper %llu checked %llu pairs %llu by-hash "
		       "%llu strict %llu\n",
		       (unsigned long long)n[0], (unsigned long long)n[1],
		       (unsigned long long)n[2], (unsigned long long)n[3],
		       (unsigned long long)n[4], (unsigned long long)n[5]);
	}
	printf("engine:");
	for (unsigned i = 0; i < ENGINE_MACHINES; i++)
		printf(" %s %u", engine_name[i], c->machines[i]);
	printf("\n");
	sum_flags(c);
	explain_sums(c);
}
