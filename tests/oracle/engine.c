// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * engine.c - cases in the real engine: a virtual machine whose user code runs
 * at CPL 3 with paging, against the host's own compatibility mode, by orun.h.
 * Here instructions that end in C are compared too, and faults are what the
 * guest's handlers see. See oracle.h.
 */
#include <asm/ldt.h>
#include <stdlib.h>
#include <string.h>
#include "oracle.h"
#include "tests/orun.h"

static_assert(LOW_CODE == ORUN_CODE && LOW_DATA == ORUN_DATA &&
	      LOW_STACK == ORUN_STACK && LOW_TOP == ORUN_TOP &&
	      LOW_DATA_PAGES == ORUN_DATA_PAGES &&
	      LOW_STACK_PAGES == ORUN_STACK_PAGES, "one layout");

const char *const engine_name[ENGINE_MACHINES] = {
	"plain", "helper-sites", "no-fsgsbase", "checked", "one-insn",
	"no-trans", "no-pairs", "no-chain", "no-uffd", "no-reuse",
};

static const struct umbra_inject injects[ENGINE_MACHINES] = {
	{ 0 },
	{ .helper_sites = true },
	{ .no_fsgsbase = true },
	{ .checked = true },
	{ .one_insn = true },
	{ .no_trans = true },
	{ .no_pairs = true },
	{ .no_chain = true },
	{ .no_uffd = true },
	{ .no_reuse = true },
};

static struct {
	bool ready;
	struct orun *machine[ENGINE_MACHINES];
	struct orun_state in;
	struct orun_result out;
} E;

static int place_ldt(void *opaque, const struct user_desc *d)
{
	return orun_ldt(opaque, d->entry_number, d);
}

/* Code that is not meant to run is int3. */
static int place_init(struct orun *o)
{
	u8 page[PAGE_SIZE];

	memset(page, 0xcc, sizeof(page));
	for (u32 i = 0; i < 16; i++)
		if (orun_rights(LOW_CODE + i * (u32)PAGE_SIZE))
			orun_write(o, LOW_CODE + i * (u32)PAGE_SIZE, page,
				   PAGE_SIZE);
	if (!low_segment_ldt(place_ldt, o))
		return 0;
	printf("skipped: the host's kernel has no LDT\n");
	return -1;
}

int engine_init(void)
{
	if (E.ready)
		return 0;
	if (orun_init() || place_init(orun_native()))
		return -1;
	E.ready = true;
	return 0;
}

/* Machines are made when a case first asks for them. */
static struct orun *engine_machine(unsigned n)
{
	struct orun **o = &E.machine[n % ENGINE_MACHINES];

	if (*o)
		return *o;
	*o = orun_open(&injects[n % ENGINE_MACHINES]);
	if (!*o || place_init(*o)) {
		fprintf(stderr, "oracle: no virtual machine\n");
		exit(2);
	}
	return *o;
}

bool engine_offers(unsigned machine, const struct insn *insn)
{
	const u64 *offered;
	unsigned f = insn->row->feat;

	if (engine_init())
		return true;
	offered = orun_features(engine_machine(machine));
	return f == FEAT_BASE || (offered[f / 64] >> f % 64 & 1);
}

#define SYS_FLAGS (EFL_AC | EFL_NT | EFL_ID)

/* A single step held back by it comes when the next instruction, int3, has led
 * to the kernel, which orun's cannot take there. */
static bool loads_ss(const struct insn *i)
{
	if (!i->row)
		return false;
	return i->row->op == OP_LSS || (i->row->reg == OPK_SEG &&
					i->reg == SEG_SS);
}

void engine_flags(struct oracle *o, struct rng *r)
{
	u32 *f = &o->g.c.regs.eflags;

	if (rng_one_in(r, 6))
		*f |= rng_u32(r) & SYS_FLAGS;
	if (rng_one_in(r, 16) && !loads_ss(&o->g.insn))
		*f |= EFL_TF;
}

/* --- one run */

static unsigned code_lead(const struct low_case *c)
{
	return c->seg == LOW_16 ? 6 : 0;
}

/* int3 follows; on a 16-bit stack esp is loaded by the code itself. */
static void write_code(struct orun *o, const struct low_case *c)
{
	u8 b[0x100], *p = b + 0x10;

	memset(b, 0xcc, sizeof(b));
	memcpy(p, c->bytes, c->len);
	if (code_lead(c)) {
		p[-6] = 0x66;
		p[-5] = 0xbc;
		memcpy(p - 4, &c->regs.gpr[R_SP], 4);
	}
	orun_write(o, LOW_CODE + LOW_INSN - 0x10, b, sizeof(b));
}

static u32 page_address(unsigned i)
{
	if (i < LOW_DATA_PAGES)
		return LOW_DATA + i * (u32)PAGE_SIZE;
	i -= LOW_DATA_PAGES;
	return i < LOW_STACK_PAGES ? LOW_STACK + i * (u32)PAGE_SIZE : LOW_TOP;
}

static void write_memory(struct orun *o, const u8 *mem)
{
	for (unsigned i = 0; i < LOW_MEM / PAGE_SIZE; i++) {
		u32 la = page_address(i);
		const u8 *p = mem + i * PAGE_SIZE;

		if (memcmp(orun_at(o, la), p, PAGE_SIZE))
			orun_write(o, la, p, PAGE_SIZE);
	}
}

static void read_memory(const struct orun *o, u8 *mem)
{
	for (unsigned i = 0; i < LOW_MEM / PAGE_SIZE; i++)
		memcpy(mem + i * PAGE_SIZE, orun_at(o, page_address(i)),
		       PAGE_SIZE);
}

static void make_state(const struct low_case *c, struct orun_state *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->x, c->ximage, ORUN_XSIZE);
	memcpy(s->gpr, c->regs.gpr, sizeof(s->gpr));
	for (unsigned i = 0; i < SEG_NR; i++)
		s->sel[i] = low_segment(c->seg, i)->sel;
	s->eip = LOW_CODE + LOW_INSN - code_lead(c) -
		 low_segment(c->seg, SEG_CS)->base;
	s->eflags = c->regs.eflags;
}

static void take_result(const struct low_case *c, const struct orun_result *a,
			struct low_result *r)
{
	u32 cs = low_segment(c->seg, SEG_CS)->base;
	u32 after = LOW_CODE + LOW_INSN + c->len - cs;

	memset(r->ximage, 0, sizeof(r->ximage));
	memcpy(r->ximage, a->st.x, ORUN_XSIZE);
	memcpy(r->regs.gpr, a->st.gpr, sizeof(r->regs.gpr));
	for (int i = 0; i < SEG_NR; i++) /* the kernel's iret makes nulls 0 */
		r->sel[i] = a->st.sel[i] & ~3 ? a->st.sel[i] : 0;
	r->regs.eflags = a->st.eflags & (EFL_ARITH | EFL_DF);
	r->sys = a->st.eflags & SYS_FLAGS;
	r->trapno = a->vector;
	r->err = a->err;
	r->cr2 = a->cr2;
	r->eip = a->st.eip;
	r->df_byte_ok = r->high_ok = true;
	r->end = LOW_FAULT;
	if (a->vector == VEC_BP && r->eip == after + 1)
		r->end = LOW_FALL;
	if (a->vector == VEC_DB && r->eip == after)
		r->end = LOW_FALL;
}

static bool engine_one(struct orun *place, struct oracle *o,
		       struct low_result *r)
{
	write_code(place, &o->g.c);
	write_memory(place, o->g.mem);
	orun_run(place, &E.in, &E.out);
	take_result(&o->g.c, &E.out, r);
	read_memory(place, r->mem);
	return E.out.end == ORUN_EXC;
}

/* A single step comes before what loads esp has run. */
static bool steps_too_soon(const struct low_case *c)
{
	return code_lead(c) && c->regs.eflags & EFL_TF;
}

const char *engine_run(struct oracle *o)
{
	const struct low_case *c = &o->g.c;

	if (steps_too_soon(c))
		o->g.c.regs.eflags &= ~(u32)EFL_TF;
	make_state(c, &E.in);
	o->useless = !engine_one(orun_native(), o, &o->nat);
	if (o->useless)
		return NULL;
	if (!engine_one(engine_machine(o->id.form), o, &o->xl))
		return E.out.end == ORUN_TIMEOUT ? "end (none)" :
						   "end (the machine's)";
	return oracle_compare(o);
}
