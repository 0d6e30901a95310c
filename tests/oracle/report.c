// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - a difference, made small and printed: the instruction, the state
 * before it, what differs, the translation, and how to repeat it.
 */
#include <string.h>
#include "oracle.h"
#include "translator/listing.h"

static const char *const gpr_name[8] = { "eax", "ecx", "edx", "ebx",
					 "esp", "ebp", "esi", "edi" };
static const char *const end_name[] = { "fall", "branch", "fault", "segment",
					"helper", "raise", "miss",
					"elsewhere" };

static void print_code(const struct oracle *o)
{
	const struct low_case *c = &o->g.c;
	char text[96];

	printf(" ");
	for (unsigned i = 0; i < c->len; i++)
		printf(" %02x", c->bytes[i]);
	listing_insn(c->bytes, c->len, LOW_INSN, c->seg == LOW_16 ? 16 : 32,
		     text, sizeof(text));
	printf("\t%s\n", text);
}

static void print_operand(const struct oracle *o)
{
	u32 la = oracle_operand(o), size = o->g.insn.memsize;

	printf("  operand at linear %08x:", la);
	for (u32 i = 0; i < size && i < 32; i++)
		printf(" %02x", gen_peek(&o->g, la + i, 1));
	if (insn_image_size(&o->g.insn) >= 512)
		printf(" MXCSR %x XSTATE_BV %x XCOMP_BV %x%08x",
		       gen_peek(&o->g, la + 24, 4),
		       gen_peek(&o->g, la + 512, 4),
		       gen_peek(&o->g, la + 524, 4),
		       gen_peek(&o->g, la + 520, 4));
	printf("\n");
}

static void print_before(const struct oracle *o)
{
	const struct low_regs *r = &o->g.c.regs;

	printf("  before:");
	for (int i = 0; i < 8; i++)
		if (r->gpr[i])
			printf(" %s=%x", gpr_name[i], r->gpr[i]);
	printf(" eflags=%x\n", r->eflags);
	if (o->g.insn.row && o->g.insn.has_mem)
		print_operand(o);
}

static void print_end(const char *who, const struct low_result *r)
{
	printf("  %s: %s", who, end_name[r->end]);
	if (r->end == LOW_FAULT || r->end == LOW_SEGFLT || r->end == LOW_RAISE)
		printf(" exception %d error %x cr2 %08x", r->trapno, r->err,
		       r->cr2);
	if (r->end != LOW_FALL)
		printf(" eip %08x", r->eip);
	printf("\n");
}

static void print_vector(const struct oracle *o, unsigned n, unsigned at)
{
	const u8 *v[3] = { o->g.ximage + at, o->nat.ximage + at,
			   o->xl.ximage + at };
	static const char *const who[3] = { "before", "host", "umbra" };

	if (!memcmp(v[1], v[2], 16))
		return;
	for (int k = 0; k < 3; k++) {
		printf("  %s%u%s %-6s", at < 160 ? "st" : "xmm", n,
		       at >= 576 ? "(high)" : "", who[k]);
		for (int i = 15; i >= 0; i--)
			printf("%s%02x", i % 4 == 3 ? " " : "", v[k][i]);
		printf("\n");
	}
}

static void print_memory(const struct oracle *o)
{
	unsigned lines = 0;

	for (u32 i = 0; i < LOW_MEM && lines < 8; i++) {
		if (o->nat.mem[i] == o->xl.mem[i])
			continue;
		printf("  memory page %u offset %03x: before %02x, "
		       "host %02x, umbra %02x\n", i / 4096, i % 4096,
		       o->g.mem[i], o->nat.mem[i], o->xl.mem[i]);
		lines++;
	}
}

static void print_after(const struct oracle *o)
{
	const struct low_result *n = &o->nat, *x = &o->xl;

	print_end("host ", n);
	print_end("umbra", x);
	for (int i = 0; i < 8; i++)
		if (n->regs.gpr[i] != x->regs.gpr[i])
			printf("  %s: host %08x, umbra %08x\n", gpr_name[i],
			       n->regs.gpr[i], x->regs.gpr[i]);
	if (n->regs.eflags != x->regs.eflags)
		printf("  eflags: host %03x, umbra %03x\n", n->regs.eflags,
		       x->regs.eflags);
	if (memcmp(n->ximage, x->ximage, 5) ||
	    memcmp(n->ximage + 24, x->ximage + 24, 4)) {
		for (int k = 0; k < 2; k++) {
			const u8 *v = k ? x->ximage : n->ximage;

			printf("  %s fcw %02x%02x fsw %02x%02x ftw %02x "
			       "mxcsr %02x%02x\n", k ? "umbra" : "host ",
			       v[1], v[0], v[3], v[2], v[4], v[25], v[24]);
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		print_vector(o, i, 32 + 16 * i);
		print_vector(o, i, 160 + 16 * i);
		print_vector(o, i, 576 + 16 * i);
	}
	for (int i = 0; i < SEG_NR; i++)
		if (n->sel[i] != x->sel[i])
			printf("  selector %d: host %04x, umbra %04x\n", i,
			       n->sel[i], x->sel[i]);
	if (n->sys != x->sys)
		printf("  system flags: host %x, umbra %x\n", n->sys,
		       x->sys);
	print_memory(o);
}

static void print_id(const struct ocase *id)
{
	const u8 *w = (const u8 *)&id->want;

	printf("tests/oracle/oracle --case %s%u,%u,%u,%llx,",
	       id->engine ? "e" : "", id->row, id->seg, id->form,
	       (unsigned long long)id->seed);
	for (unsigned i = 0; i < sizeof(id->want); i++)
		printf("%02x", w[i]);
	printf("\n");
}

void oracle_show(const struct oracle *o)
{
	const struct low_form *f = &o->f;

	printf("%s, segments %d%s%s%s%s%s%s%s%s\n",
	       o->g.insn.row ? o->g.insn.row->name : "undefined", o->g.c.seg,
	       o->id.engine ? " engine " : "",
	       o->id.engine ? engine_name[o->id.form] : "",
	       f->fsgsbase ? "" : " no-fsgsbase", f->helper ? " helper" : "",
	       f->checked ? " checked" : "", f->pairs ? " pairs" : "",
	       f->via_checked ? " by-hash" : "", f->strict ? " strict" : "");
	print_code(o);
	print_before(o);
	print_after(o);
	if (!o->id.engine)
		xlate_listing(stdout, low_last_in(), low_last_out());
}

void oracle_report(struct oracle *o, const char *what)
{
	oracle_minimise(o);
	printf("FAIL %s differs: ", what);
	oracle_show(o);
	printf("  repeat: ");
	print_id(&o->id);
	fflush(stdout);
}

void oracle_line(const struct oracle *o, const char *what)
{
	char text[96] = "";

	if (o->g.insn.row)
		listing_insn(o->g.c.bytes, o->g.c.len, LOW_INSN,
			     o->g.c.seg == LOW_16 ? 16 : 32, text,
			     sizeof(text));
	printf("differs: %s: %s \"%s\" (%s, host %s %d, umbra %s %d) ", what,
	       optab[o->row].name, text, gen_place_name[o->g.want.place],
	       end_name[o->nat.end], o->nat.trapno, end_name[o->xl.end],
	       o->xl.trapno);
	print_id(&o->id);
}
