// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dump.c - the state trace, and what is printed when we abort.
 */
#include <stdio.h>

#include "engine.h"
#include "log.h"
#include "translator/listing.h"

static void dump_line(FILE *f, const struct cpu *c)
{
	fprintf(f,
		"cpu: eip=%08x eax=%08x ecx=%08x edx=%08x ebx=%08x "
		"esp=%08x ebp=%08x esi=%08x edi=%08x efl=%08x cs=%04x\n",
		(u32)c->rip, (u32)c->gpr[R_AX], (u32)c->gpr[R_CX],
		(u32)c->gpr[R_DX], (u32)c->gpr[R_BX], (u32)c->gpr[R_SP],
		(u32)c->gpr[R_BP], (u32)c->gpr[R_SI], (u32)c->gpr[R_DI],
		cpu_eflags(c), c->seg[CPU_CS].sel);
}

static void dump_symbol(const struct engine *e, u64 la)
{
	u32 off = 0;
	const char *name = e->symbol ? e->symbol(e->symbol_opaque, (u32)la,
						 &off) : NULL;

	if (name)
		fprintf(stderr, "  %08x is %s+%#x\n", (u32)la, name, off);
}

/* One line a dispatched block; -d cpu in the form tools/statediff reads. */
void engine_trace(struct engine *e)
{
	vcpu_fpu_put(e->v);
	if (log_on(LOG_CPU))
		dump_line(log_file(), &e->v->cpu);
	if (log_on(LOG_EXEC))
		log_printf(LOG_EXEC, "eip %08x mode %u view %u",
			   vcpu_rip32(e->v), e->v->cpu.mode, e->v->cpu.view);
}

static void dump_segments(const struct cpu *c)
{
	static const char *const name[] = { "es", "cs", "ss",
					    "ds", "fs", "gs" };

	for (unsigned i = 0; i < CPU_NSEG; i++)
		fprintf(stderr, "  %s %04x base %08x limit %08x attr %04x\n",
			name[i], c->seg[i].sel, (u32)c->seg[i].base,
			c->seg[i].limit, c->seg[i].attr);
}

static void dump_host(const struct block *b, u64 pc)
{
	char text[96];
	u32 off = b->entry;

	while (off < b->size) {
		u64 at = b->host + off;

		off += listing_insn(b->rw + off, b->size - off, at, 64, text,
				    sizeof(text));
		fprintf(stderr, "%s %#lx: %s\n", at == pc ? "=>" : "  ", at,
			text);
	}
}

static void dump_block(const struct block *b, u64 pc)
{
	const struct bsite *s = block_site_at(b, pc);

	fprintf(stderr,
		"block: eip %08x, %u bytes, %u instructions, mode %u, "
		"host %#lx..%#lx%s\n",
		b->eip, b->guest_len, b->ninsns, b->mode, b->host,
		b->host + b->size, b->dead ? ", dropped" : "");
	if (s)
		fprintf(stderr,
			"site: instruction %u at eip %08x, kind %u, aux %u\n",
			s->insn, b->insn_eip[s->insn], s->kind, s->aux);
	dump_host(b, pc);
}

/* Everything needed to find a bug of ours: state, block, its listing. */
void engine_dump(void *engine)
{
	struct engine *e = engine;
	const struct cpu *c = &e->v->cpu;
	const struct hfault *f = &c->fault;
	struct block *b = tcache_find(e->tc, f->rip);

	fprintf(stderr, "guest state at the last exit:\n");
	dump_line(stderr, c);
	dump_symbol(e, c->seg[CPU_CS].base + c->rip);
	fprintf(stderr, "  cr0 %08x cr2 %08x cr3 %08x cr4 %08x cpl %u\n",
		(u32)c->cr0, (u32)c->cr2, (u32)c->cr3, (u32)c->cr4, c->cpl);
	dump_segments(c);
	fprintf(stderr, "last host fault: trap %u error %#x at %#lx, %#lx\n",
		f->trapno, f->err, f->rip, f->addr);
	for (unsigned i = 0; i < H_NR; i++)
		fprintf(stderr, "  r%-2u %016lx%s", i, f->reg[i],
			i % 4 == 3 ? "\n" : "");
	if (b) {
		dump_symbol(e, e->modes[b->mode].cs_base + b->eip);
		dump_block(b, f->rip);
	}
}
