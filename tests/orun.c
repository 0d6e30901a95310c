// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * orun.c - see orun.h: the layout that all places share, and what two results
 * have in common. orun_native.c and orun_vm.c are the places.
 */
#include <string.h>
#include "orun.h"
#include "runtime/vcpu.h"

/* --- layout */

static const struct {
	u32 la, pages;
} orun_area[] = {
	{ ORUN_CODE, ORUN_CODE_PAGES },
	{ ORUN_DATA, ORUN_DATA_PAGES },
	{ ORUN_STACK, ORUN_STACK_PAGES },
	{ ORUN_TOP, 1 },
};

u32 orun_page(u32 la)
{
	u32 first = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(orun_area); i++) {
		u32 n = (la - orun_area[i].la) >> PAGE_SHIFT;

		if (n < orun_area[i].pages)
			return first + n;
		first += orun_area[i].pages;
	}
	return ORUN_PAGES;
}

u32 orun_page_la(u32 page)
{
	unsigned i = 0;

	while (page >= orun_area[i].pages)
		page -= orun_area[i++].pages;
	return orun_area[i].la + (page << PAGE_SHIFT);
}

static unsigned code_rights(u32 n)
{
	switch (n % 16) {
	case 7:
		return ORUN_R | ORUN_X;
	case 13:
		return ORUN_R | ORUN_W;
	case 15:
		return 0;
	default:
		return ORUN_R | ORUN_W | ORUN_X;
	}
}

unsigned orun_rights(u32 la)
{
	u32 page = orun_page(la);

	if (page >= ORUN_PAGES)
		return 0;
	if (page < ORUN_CODE_PAGES)
		return code_rights(page);
	page -= ORUN_CODE_PAGES;
	return page == 4 || page == 7 ? ORUN_R : ORUN_R | ORUN_W;
}

/* --- places */

void orun_write(struct orun *o, u32 la, const void *buf, u32 len)
{
	o->ops->write(o, la, buf, len);
}

const u8 *orun_at(const struct orun *o, u32 la)
{
	u32 page = orun_page(la);

	must(page < ORUN_PAGES, "address %#x is in no area", la);
	return o->mem + page * PAGE_SIZE + (la & ~PAGE_MASK);
}

int orun_ldt(struct orun *o, unsigned n, const struct user_desc *d)
{
	return n < ORUN_LDT_NR ? o->ops->ldt(o, n, d) : -1;
}

void orun_cold(struct orun *o)
{
	o->ops->cold(o);
}

void orun_patience(struct orun *o, u32 ticks)
{
	o->patience = ticks;
}

void orun_close(struct orun *o)
{
	if (o)
		o->ops->close(o);
}

/* A return to user code makes 0 of null selectors with an RPL; natively there
 * have been some by now. */
static void null_selectors(struct orun_state *s)
{
	for (unsigned i = 0; i < CPU_NSEG; i++)
		if (s->sel[i] < 4)
			s->sel[i] = 0;
}

void orun_run(struct orun *o, const struct orun_state *in,
	      struct orun_result *out)
{
	memset(out, 0, sizeof(*out));
	o->ops->run(o, in, out);
	if (out->vector != VEC_PF)
		out->cr2 = 0;
	null_selectors(&out->st);
	if (out->vector < VEC_DF || out->vector == VEC_MF ||
	    out->vector > VEC_AC)
		out->err = 0;
}

const u64 *orun_features(const struct orun *o)
{
	return o->v->features;
}

struct vcpu *orun_vcpu(const struct orun *o)
{
	return o->v;
}

struct umbra_vm *orun_vm(const struct orun *o)
{
	return o->vm;
}

void orun_state_init(struct orun_state *s)
{
	memset(s, 0, sizeof(*s));
	light_put16(s->x, 0x37f);
	light_put32(s->x + 24, 0x1f80);
	s->gpr[R_SP] = ORUN_STACK + ORUN_STACK_PAGES / 2 * PAGE_SIZE;
	for (unsigned i = 0; i < CPU_NSEG; i++)
		s->sel[i] = ORUN_DS;
	s->sel[CPU_CS] = ORUN_CS;
	s->sel[CPU_FS] = s->sel[CPU_GS] = 0;
	s->eip = ORUN_CODE;
}

/* --- results */

/* What of an image is architectural and a function of the program: offsets in
 * it, and which bit of XSTATE_BV it belongs to. 32-bit code has 8 registers. */
static const struct vec_part {
	u16 at, len;
	u8 bit;
	const char *name;
} vec_part[] = {
	{ 0, 5, 0, "fcw fsw ftw" },
	{ 24, 4, 1, "mxcsr" },
	{ 32, 10, 0, "st0" },	{ 48, 10, 0, "st1" },
	{ 64, 10, 0, "st2" },	{ 80, 10, 0, "st3" },
	{ 96, 10, 0, "st4" },	{ 112, 10, 0, "st5" },
	{ 128, 10, 0, "st6" },	{ 144, 10, 0, "st7" },
	{ 160, 16, 1, "xmm0" }, { 176, 16, 1, "xmm1" },
	{ 192, 16, 1, "xmm2" }, { 208, 16, 1, "xmm3" },
	{ 224, 16, 1, "xmm4" }, { 240, 16, 1, "xmm5" },
	{ 256, 16, 1, "xmm6" }, { 272, 16, 1, "xmm7" },
	{ 576, 16, 2, "ymm0h" }, { 592, 16, 2, "ymm1h" },
	{ 608, 16, 2, "ymm2h" }, { 624, 16, 2, "ymm3h" },
	{ 640, 16, 2, "ymm4h" }, { 656, 16, 2, "ymm5h" },
	{ 672, 16, 2, "ymm6h" }, { 688, 16, 2, "ymm7h" },
};

/* XSAVE writes the initial state of a part that is in it. */
static bool vec_differs(const struct vec_part *p, const u8 *a, const u8 *b)
{
	return memcmp(a + p->at, b + p->at, p->len) != 0;
}

static unsigned vec_differ(const struct orun_state *a,
			   const struct orun_state *b)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vec_part); i++)
		if (orun_xmask() >> vec_part[i].bit & 1 &&
		    vec_differs(&vec_part[i], a->x, b->x))
			return ORUN_DIFF_VEC;
	return 0;
}

unsigned orun_differ(const struct orun_result *a, const struct orun_result *b)
{
	unsigned d = vec_differ(&a->st, &b->st);

	if (a->end != b->end || a->vector != b->vector || a->err != b->err ||
	    a->cr2 != b->cr2)
		d |= ORUN_DIFF_END;
	if (a->st.eip != b->st.eip)
		d |= ORUN_DIFF_EIP;
	if (memcmp(a->st.gpr, b->st.gpr, sizeof(a->st.gpr)))
		d |= ORUN_DIFF_GPR;
	if ((a->st.eflags ^ b->st.eflags) & ORUN_EFLAGS)
		d |= ORUN_DIFF_EFLAGS;
	if (memcmp(a->st.sel, b->st.sel, sizeof(a->st.sel)))
		d |= ORUN_DIFF_SEL;
	return d;
}

static void print_bytes(FILE *f, const u8 *p, unsigned n)
{
	while (n--)
		fprintf(f, "%02x", p[n]);
}

static void print_vec(FILE *f, const struct orun_state *a,
		      const struct orun_state *b)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vec_part); i++) {
		const struct vec_part *p = &vec_part[i];

		if (!(orun_xmask() >> p->bit & 1) ||
		    !vec_differs(p, a->x, b->x))
			continue;
		fprintf(f, "  %s: ", p->name);
		print_bytes(f, a->x + p->at, p->len);
		fprintf(f, " | ");
		print_bytes(f, b->x + p->at, p->len);
		fprintf(f, "\n");
	}
}

static void print_word(FILE *f, const char *name, u32 a, u32 b)
{
	if (a != b)
		fprintf(f, "  %s: %08x | %08x\n", name, a, b);
}

void orun_print_diff(FILE *f, const struct orun_result *a,
		     const struct orun_result *b)
{
	static const char gpr[8][4] = { "eax", "ecx", "edx", "ebx",
					"esp", "ebp", "esi", "edi" };
	static const char sel[CPU_NSEG][3] = { "es", "cs", "ss",
					       "ds", "fs", "gs" };

	print_word(f, "end", a->end, b->end);
	print_word(f, "vector", a->vector, b->vector);
	print_word(f, "error code", a->err, b->err);
	print_word(f, "cr2", a->cr2, b->cr2);
	print_word(f, "eip", a->st.eip, b->st.eip);
	print_word(f, "eflags", a->st.eflags & ORUN_EFLAGS,
		   b->st.eflags & ORUN_EFLAGS);
	for (unsigned i = 0; i < 8; i++)
		print_word(f, gpr[i], a->st.gpr[i], b->st.gpr[i]);
	for (unsigned i = 0; i < CPU_NSEG; i++)
		print_word(f, sel[i], a->st.sel[i], b->st.sel[i]);
	print_vec(f, &a->st, &b->st);
}
