// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seqprint.c - see seq.h: a sequence that differs as text, and what sequences
 * consisted of.
 */
#include <stdlib.h>
#include <string.h>
#include "runtime/log.h"
#include "seq.h"
#include "translator/listing.h"

/* --- a report */

static void print_insn(FILE *f, const struct seq *q,
		       const struct seq_layout *l, unsigned i)
{
	const struct seq_insn *s = &q->insn[i];
	const u8 *b = l->code + (l->addr[i] - q->group);
	char text[128], hex[40];
	unsigned n;

	for (unsigned at = 0; at < s->len; at += n) {
		n = listing_insn(b + at, s->len - at,
				 seq_eip(q, l->addr[i] + at),
				 q->code16 ? 16 : 32, text, sizeof(text));
		for (unsigned k = 0; k < n; k++)
			sprintf(hex + 2 * k, "%02x", b[at + k]);
		fprintf(f, "  %08x  %-24s %s%s%s\n", l->addr[i] + at, hex,
			text, s->blind ? "  ; not reached" : "",
			i == q->enter && i ? "  ; one run begins here" : "");
	}
}

static void print_code(FILE *f, const struct seq *q)
{
	static struct seq_layout l;

	if (!seq_layout(q, &l))
		return;
	for (unsigned c = 0; c < q->nchunks; c++) {
		if (l.end[c] == q->base[c])
			continue;
		fprintf(f, " chunk %u%s:\n", c, q->code16 ? " (16-bit)" : "");
		for (unsigned i = 0; i < q->n; i++)
			if (q->insn[i].chunk == c)
				print_insn(f, q, &l, i);
	}
}

static void print_state(FILE *f, const struct seq *q)
{
	static const char name[8][4] = { "eax", "ecx", "edx", "ebx",
					 "esp", "ebp", "esi", "edi" };
	const struct orun_state *s = &q->st;

	fprintf(f, " before: eflags %x", s->eflags);
	for (unsigned i = 0; i < 8; i++)
		if (s->gpr[i])
			fprintf(f, " %s %x", name[i], s->gpr[i]);
	fprintf(f, "\n  es %x cs %x ss %x ds %x fs %x gs %x; data %s\n",
		s->sel[0], s->sel[1], s->sel[2], s->sel[3], s->sel[4],
		s->sel[5], q->zero_mem ? "zero" : "as seq_data()");
	for (unsigned i = 0; i < 8; i++) {
		const u8 *x = s->x + 160 + 16 * i;
		const u8 *st = s->x + 32 + 16 * i;

		fprintf(f, "  xmm%u ", i);
		for (int k = 15; k >= 0; k--)
			fprintf(f, "%02x", x[k]);
		fprintf(f, " st%u%s ", i, s->x[4] >> i & 1 ? "" : " (empty)");
		for (int k = 9; k >= 0; k--)
			fprintf(f, "%02x", st[k]);
		fprintf(f, "\n");
	}
}

static void print_memory(FILE *f, const struct orun *vm, u32 la)
{
	const u8 *a = orun_at(orun_native(), la), *b = orun_at(vm, la);
	unsigned n = MIN(16u, (u32)(PAGE_SIZE - (la & ~PAGE_MASK)));

	fprintf(f, "  memory at %08x: ", la);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%02x", a[i]);
	fprintf(f, " | ");
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%02x", b[i]);
	fprintf(f, "\n");
}

/* Once more in a new machine, with the listing of its blocks on stderr. */
static void print_blocks(FILE *f, const struct seq *q,
			 const struct seq_mode *m)
{
	struct orun *vm = seq_open(m);
	struct seq_diff d;

	if (!vm)
		return;
	fprintf(f, " blocks (the first and the last are the runner's own):\n");
	fflush(f);
	log_mask |= 1u << LOG_XLAT;
	if (seq_compare(q, vm, &d, NULL) == SEQ_DIFFERS && d.la)
		print_memory(f, vm, d.la);
	log_mask &= ~(1u << LOG_XLAT);
	orun_close(vm);
}

void seq_report(FILE *f, const struct seq *q, const struct seq_mode *m,
		const struct seq_diff *d)
{
	fprintf(f, "sequence %#llx differs in mode %s, %s run\n",
		(unsigned long long)q->seed, m->name, seq_run_name[d->run]);
	fprintf(f, " repeat: tests/sequences --seed %#llx --count 1 --mode "
		   "%s\n", (unsigned long long)q->seed, m->name);
	print_code(f, q);
	print_state(f, q);
	fprintf(f, " native | engine: vector %u eip %08x\n", d->nat.vector,
		d->nat.st.eip);
	orun_print_diff(f, &d->nat, &d->vm);
	if (d->la)
		fprintf(f, "  memory differs at %08x\n", d->la);
	print_blocks(f, q, m);
	fflush(f);
}

/* --- coverage */

struct seq_cover {
	u64 sequences, insns, blind, code16, smc, based;
	u64 chunks[SEQ_CHUNKS + 1], vector[32];
	u64 lock, rep, size, address, segment;
	u64 *reg, *mem; /* of each row */
};

struct seq_cover *seq_cover_new(void)
{
	struct seq_cover *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->reg = calloc(optab_nr, sizeof(u64));
	c->mem = calloc(optab_nr, sizeof(u64));
	return c->reg && c->mem ? c : NULL;
}

static void cover_insn(struct seq_cover *c, const struct seq *q, unsigned i)
{
	const struct seq_insn *s = &q->insn[i];
	u8 buf[INSN_MAX_LEN + 1] = { 0 };
	struct insn insn;

	if (s->blind) {
		c->blind++;
		return;
	}
	c->insns++;
	memcpy(buf, s->b, s->len);
	if (insn_decode(&insn, buf, INSN_MAX_LEN, q->code16 ? 16 : 32, NULL))
		return; /* one that is meant to be #UD */
	(insn.has_mem ? c->mem : c->reg)[s->row]++;
	c->lock += insn.lock;
	c->rep += insn.rep || insn.repne;
	c->size += insn.opsize == (q->code16 ? 4 : 2);
	c->address += insn.adsize == (q->code16 ? 4 : 2);
	c->segment += insn.seg_over != 0xff;
	c->smc += s->fix == SEQ_LIN;
}

void seq_cover_add(struct seq_cover *c, const struct seq *q,
		   const struct orun_result *nat)
{
	c->sequences++;
	c->code16 += q->code16;
	c->based += q->st.sel[CPU_DS] != ORUN_DS && !q->code16;
	c->chunks[q->nchunks]++;
	c->vector[nat->vector & 31]++;
	for (unsigned i = 0; i < q->n; i++)
		cover_insn(c, q, i);
}

static void cover_rows(const struct seq_cover *c, FILE *f,
		       const u64 *features)
{
	static const char *const maps[] = { "", "0f ", "0f38 ", "0f3a " };

	for (unsigned i = 0; i < optab_nr; i++) {
		const struct oprow *row = &optab[i];
		const char *why = seq_row_refused(row, features);
		u64 n = c->reg[i] + c->mem[i];

		fprintf(f, "%-16s %s%s%02x/%u pfx %u: ", row->name,
			row->vex ? "vex " : "", maps[row->map & 3],
			row->opcode, row->ext, row->pfx);
		if (n)
			fprintf(f, "%llu register, %llu memory\n",
				(unsigned long long)c->reg[i],
				(unsigned long long)c->mem[i]);
		else
			fprintf(f, "none: %s\n", why ? why : "did not come up");
	}
}

void seq_cover_print(const struct seq_cover *c, FILE *f, const char *path,
		     const u64 *features)
{
	unsigned seen = 0, refused = 0, missed = 0;
	FILE *rows = path ? fopen(path, "w") : NULL;

	for (unsigned i = 0; i < optab_nr; i++) {
		if (c->reg[i] + c->mem[i])
			seen++;
		else if (seq_row_refused(&optab[i], features))
			refused++;
		else
			missed++;
	}
	fprintf(f, "sequences: %llu of %llu instructions, %llu behind their "
		   "end; %llu 16-bit, %llu with a based DS\n",
		(unsigned long long)c->sequences, (unsigned long long)c->insns,
		(unsigned long long)c->blind, (unsigned long long)c->code16,
		(unsigned long long)c->based);
	fprintf(f, "rows: %u exercised, %u refused with a reason, %u did not "
		   "come up, of %u\n", seen, refused, missed, optab_nr);
	fprintf(f, "prefixes: %llu lock, %llu rep, %llu operand size, %llu "
		   "address size, %llu segment; %llu stores into code\n",
		(unsigned long long)c->lock, (unsigned long long)c->rep,
		(unsigned long long)c->size, (unsigned long long)c->address,
		(unsigned long long)c->segment, (unsigned long long)c->smc);
	fprintf(f, "ends by vector:");
	for (unsigned i = 0; i < 32; i++)
		if (c->vector[i])
			fprintf(f, " %u:%llu", i,
				(unsigned long long)c->vector[i]);
	fprintf(f, "\nfunctions called:");
	for (unsigned i = 1; i <= SEQ_CHUNKS; i++)
		fprintf(f, " %u:%llu", i - 1, (unsigned long long)c->chunks[i]);
	fprintf(f, "\n");
	if (rows) {
		cover_rows(c, rows, features);
		fclose(rows);
	}
}

/* --- what the engine did for them */

static const char *const counters[] = {
	"code_blocks", "code_chains", "xlate_revived", "faults", "helpers",
	"transitions", "exceptions", "mmu_fills", "tlb_misses", "bounces",
	"smc_drops", "smc_steps", "checked_stale", "sites_marked", "kicks",
	"verified",
};

static void counters_add(const struct orun *vm, u64 *sum)
{
	char line[128], name[64];
	unsigned long value;
	FILE *f = tmpfile();

	if (!f)
		return;
	umbra_stats_print(orun_vm(vm), f, false);
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %lu", name, &value) != 2)
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
			if (!strcmp(name, counters[i]))
				sum[i] += value;
	}
	fclose(f);
}

void seq_print_counters(FILE *f, struct orun *const *vm, unsigned n)
{
	u64 sum[ARRAY_SIZE(counters)] = { 0 };

	for (unsigned i = 0; i < n; i++)
		if (vm[i])
			counters_add(vm[i], sum);
	fprintf(f, "engine:");
	for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
		fprintf(f, " %s %llu", counters[i], (unsigned long long)sum[i]);
	fprintf(f, "\n");
}
