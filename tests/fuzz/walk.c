// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * walk.c - fuzz target: guest page tables through the shadow MMU, against the
 * reference of walk_ref.h.
 *
 * The input is a header, which makes tables and registers, and a list of steps
 * that the guest takes then (see step()): writes to its tables, by whatever way and
 * without telling anybody; accesses at the three privileges; look-ups; INVLPG;
 * loads of control registers; code coming and going. What has to hold: each
 * fill and look-up says what a fresh walk says, sets the A and D bits that it
 * sets and no others; each window page and each remembered look-up is one that
 * a processor's TLB could still hold; no window writes to a frame with code.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "shadowmmu/mmu_impl.h"
#include "steps.h"
#include "walk_ref.h"

#define RAM_SIZE  (16ul << 20) /* of the file behind all slots */
#define LOW_SIZE  0x90000ul    /* slot 0; then a hole */
#define MID_BASE  0xc0000ul    /* slot 1 */
#define MID_END   0xe00000ul
#define HIGH_BASE 0x100000000ull /* slot 2: what is left of the file */
#define AREA	  0x10000ul	 /* page tables lie below */
#define PDPT(r)	  (0x1000ul + (r) * 32ul)
#define PD(r, k)  (0x2000ul + (r) * 0x4000ul + (k) * 0x1000ul)
#define PT(k)	  (0xa000ul + (k) * 0x1000ul)
#define NR_PT	  6
#define PAGE_NAME 0x7f8 /* where each page of data has a word of its own */
#define HEAD	  44 /* bytes of the input that world_make() reads */
#define STEP	  12 /* bytes of a step */
#define STEPS_MAX 160
#define KEPT_MAX  64

/* A look-up that the engine would keep until it is told. */
struct kept {
	struct ref_want want;
	u32 view; /* of fetches; 0: helper TLB */
};

struct bench {
	struct ref ref;
	struct mmu *m;
	struct vmmu *v;
	u8 area[AREA]; /* the tables as they should be */
	bool scarce;   /* the host refuses things */
	bool focus;    /* addresses are of eight pages only */
	unsigned code_writes, code_writes_due;
	unsigned nr_kept;
	struct kept kept[KEPT_MAX];
};

static struct {
	u64 steps, fills, faults, direct, stale, lookups, checked, flushes;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"walk: %llu steps, %llu accesses served by a window, %llu "
		"fills, %llu guest faults, %llu look-ups, %llu flushes; %llu "
		"mappings judged, of which %llu were older than the tables\n",
		(unsigned long long)seen.steps, (unsigned long long)seen.direct,
		(unsigned long long)seen.fills, (unsigned long long)seen.faults,
		(unsigned long long)seen.lookups,
		(unsigned long long)seen.flushes,
		(unsigned long long)seen.checked,
		(unsigned long long)seen.stale);
}

/* The engine's, which is not here. */
void log_light_printf(enum log_subsys s, const char *fmt, ...)
{
	va_list ap;

	(void)s;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

/* --- the host's side: windows are touched as generated code would */

static struct {
	int fd;
	u8 *ram; /* linear mapping of the file */
	sigjmp_buf back;
	volatile sig_atomic_t expected;
	struct sigaction was[2]; /* SEGV, BUS */
	u64 dirty[RAM_SIZE >> PAGE_SHIFT >> 6]; /* pages of the file */
} host; /* process-wide, as signal handlers are */

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *was = &host.was[sig == SIGBUS];

	if (host.expected)
		siglongjmp(host.back, 1);
	if (was->sa_flags & SA_SIGINFO)
		was->sa_sigaction(sig, info, context);
	signal(sig, SIG_DFL);
}

static void host_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_NODEFER | SA_SIGINFO };

	host.fd = memfd_create("ram", MFD_CLOEXEC);
	must(host.fd >= 0 && !ftruncate(host.fd, RAM_SIZE), "no memfd");
	host.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			host.fd, 0);
	must(host.ram != MAP_FAILED, "no memory for RAM");
	for (unsigned i = 0; i < RAM_SIZE >> PAGE_SHIFT; i++)
		bits_set(host.dirty, i);
	sigaction(SIGSEGV, &sa, &host.was[0]);
	sigaction(SIGBUS, &sa, &host.was[1]);
}

/* Data as at the start: an input must not see what another has written. */
FUZZ_JUDGE static void host_clean(void)
{
	unsigned n = RAM_SIZE >> PAGE_SHIFT, i = 0;

	memset(host.ram, 0, AREA);
	for (; (i = bits_next(host.dirty, n, i)) < n; i++) {
		u8 *p = host.ram + ((u64)i << PAGE_SHIFT);
		u64 name = (i + 1) * 0x9e3779b97f4a7c15ull;

		bits_clear(host.dirty, i);
		if (i < AREA >> PAGE_SHIFT)
			continue;
		memset(p, 0, PAGE_SIZE);
		memcpy(p + PAGE_NAME, &name, 8);
	}
}

/* One access of 8 bytes; false if the host faults. */
__attribute__((noinline, no_sanitize("address", "undefined"))) static bool
host_access(volatile u64 *p, bool write, u64 *val)
{
	if (sigsetjmp(host.back, 0)) {
		host.expected = 0;
		return false;
	}
	host.expected = 1;
	if (write)
		*p = *val;
	else
		*val = *p;
	host.expected = 0;
	return true;
}

/* --- what the shadow MMU reports */

static void kept_drop(struct bench *t, u32 view, gva_t gva, u64 npages)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->nr_kept; i++) {
		const struct kept *k = &t->kept[i];
		bool inside = !npages ||
			      k->want.page - (gva >> PAGE_SHIFT) < npages;

		if (k->view != view || !inside)
			t->kept[n++] = *k;
	}
	t->nr_kept = n;
}

static void told_fetch(void *opaque, u32 view, gva_t gva, u64 npages)
{
	must(view, "a fetch ended in no view");
	kept_drop(opaque, view, gva, npages);
}

static void told_tlb(void *opaque, gva_t gva, u64 npages)
{
	kept_drop(opaque, 0, gva, npages);
}

static void told_code(void *opaque, gpa_t gpa, unsigned len)
{
	struct bench *t = opaque;

	must(ref_ram(&t->ref, gpa, len), "wrote where no RAM is");
	t->code_writes++;
}

/* --- guest memory */

/* Eight aligned bytes at gpa were `old`: they are in the log, and may be. */
FUZZ_JUDGE static void memory_changed(struct bench *t, gpa_t gpa, u64 old)
{
	const u8 *p = ref_ram(&t->ref, gpa & ~7ull, 8);

	ref_log(&t->ref, gpa, old);
	if (!p)
		return;
	if (gpa < AREA)
		memcpy(t->area + (gpa & ~7ull), p, 8);
	else
		bits_set(host.dirty, (unsigned)((p - host.ram) >> PAGE_SHIFT));
}

FUZZ_JUDGE static void memory_write(struct bench *t, gpa_t gpa, u64 val, unsigned size)
{
	u8 *p = ref_ram(&t->ref, gpa, size);
	u64 old;

	if (!p)
		return;
	memcpy(&old, ref_ram(&t->ref, gpa & ~7ull, 8), 8);
	memcpy(p, &val, size);
	memory_changed(t, gpa, old);
}

static bool is_pae(const struct bench *t)
{
	return t->ref.r.cr4 & CR4_PAE;
}

static void entry_write(struct bench *t, gpa_t table, u32 i, u64 val)
{
	unsigned size = is_pae(t) ? 8 : 4;

	memory_write(t, table + i % (PAGE_SIZE / size) * size, val, size);
}

/* --- judging */

static void judge_marks(struct bench *t, const struct ref_walk *w)
{
	for (unsigned i = 0; i < w->nr_marks; i++) {
		gpa_t gpa = w->mark[i].gpa;

		t->code_writes_due += mmu_code_test(t->m, gpa >> PAGE_SHIFT);
		must((*ref_ram(&t->ref, gpa, 1) & w->mark[i].bits) ==
			     w->mark[i].bits,
		     "entry at %#llx lacks its marks", (unsigned long long)gpa);
		memory_changed(t, gpa, w->mark[i].old);
	}
}

static void judge_area(struct bench *t)
{
	must(!memcmp(t->area, host.ram, AREA),
	     "something has changed the tables");
	must(t->code_writes == t->code_writes_due,
	     "%u of %u marks in frames with code were told", t->code_writes,
	     t->code_writes_due);
}

/* Is it what a walk finds now? Most are, and the reference takes its time. */
FUZZ_JUDGE static bool want_is_fresh(const struct bench *t, const struct ref_want *want)
{
	struct ref_walk w;

	ref_walk(&t->ref, want->page << PAGE_SHIFT, want->acc, want->priv, true,
		 &w);
	return !w.fault && !w.nr_marks && w.gpa == want->gpa &&
	       (!(t->ref.r.cr0 & CR0_PG) ||
		w.user == (want->priv == MMU_USER));
}

/* One page of a window against all that could be. */
FUZZ_JUDGE static void judge_page(struct bench *t, const struct view *view, u32 page)
{
	const struct spte *sp = spte_mapped(view, page);
	const struct slot *s;
	struct ref_want want = { .kind = REF_WINDOW, .page = page };

	if (!sp)
		return;
	s = &t->m->slots[sp->slot];
	want.gpa = s->gpa + ((u64)sp->frame << PAGE_SHIFT);
	want.acc = sp->flags & SPTE_WRITABLE ? MMU_WRITE : MMU_READ;
	want.priv = view->user ? MMU_USER : MMU_SUPER;
	seen.checked++;
	must(want.acc != MMU_WRITE ||
		     !mmu_code_test(t->m, want.gpa >> PAGE_SHIFT),
	     "page %#x can write to code at %#llx", page,
	     (unsigned long long)want.gpa);
	if (want_is_fresh(t, &want))
		return;
	seen.stale++;
	must(ref_may(&t->ref, &want),
	     "%s page %#x is mapped to %#llx%s, which nothing allows",
	     view->user ? "user" : "supervisor", page,
	     (unsigned long long)want.gpa,
	     want.acc == MMU_WRITE ? ", writable" : "");
}

FUZZ_JUDGE static void judge_view(struct bench *t, const struct view *view)
{
	u32 nr = 0;

	for (; (nr = bits_next(view->active, VIEW_NODES, nr)) < VIEW_NODES;
	     nr++) {
		const struct node *n = view_node(view, nr);
		u32 i = 0;

		for (; (i = bits_next(n->mapped, NODE_PAGES, i)) < NODE_PAGES;
		     i++)
			judge_page(t, view, nr * NODE_PAGES + i);
	}
}

FUZZ_JUDGE static void judge_kept(struct bench *t)
{
	u32 user = vmmu_view_id(t->v, true), super = vmmu_view_id(t->v, false);

	for (unsigned i = 0; i < t->nr_kept; i++) {
		const struct kept *k = &t->kept[i];

		if (k->view && k->view != user && k->view != super)
			continue;
		must(ref_may(&t->ref, &k->want),
		     "a look-up of page %#x as %#llx (access %u, privilege %u) "
		     "should have been dropped",
		     k->want.page, (unsigned long long)k->want.gpa,
		     k->want.acc, k->want.priv);
	}
}

static void judge_all(struct bench *t)
{
	vmmu_user_enter(t->v);
	judge_view(t, t->v->super);
	judge_view(t, t->v->user);
	judge_kept(t);
	judge_area(t);
}

/* What a fill says, against the walk as it was before. */
static void judge_fill(struct bench *t, u32 gva, enum mmu_access acc,
		       enum mmu_priv priv, enum mmu_result res, u32 pfec,
		       gpa_t gpa, const struct ref_walk *w)
{
	bool code = w->ram && mmu_code_test(t->m, w->gpa >> PAGE_SHIFT);

	switch (res) {
	case MMU_OK:
		must(!w->fault && w->ram, "%#x is mapped, ought not", gva);
		must(acc != MMU_WRITE || !code, "%#x: a write to code", gva);
		break;
	case MMU_PF:
		must(w->fault && pfec == w->pfec, "%#x faults %#x, ought %d %#x",
		     gva, pfec, w->fault, w->pfec);
		break;
	case MMU_MMIO:
		must(!w->fault && !w->ram && gpa == w->gpa,
		     "%#x is no MMIO at %#llx", gva, (unsigned long long)gpa);
		break;
	case MMU_HELPER:
		must(!w->fault && w->ram &&
			     (t->scarce || (w->user && priv != MMU_USER)),
		     "%#x: why by helper?", gva);
		break;
	case MMU_CODE:
		must(code && acc == MMU_WRITE && gpa == w->gpa,
		     "%#x is no code", gva);
		break;
	default:
		must(false, "%#x: result %d", gva, res);
	}
}

/* --- what the guest does */

/* Most addresses are few, so that operations meet each other. */
static u32 pick_gva(const struct bench *t, struct fuzz_in *f)
{
	static const u32 top[] = { 0x00400000, 0x00600000, 0xc0000000,
				   0x80000000, 0,	   0xbfe00000,
				   0xffc00000, 0xffe00000 };
	static const u32 page[] = { 0,	1,  2,	3,  4,	 7,   8,   15,
				    16, 17, 31, 32, 255, 256, 511, 0 };
	u8 b = fuzz_u8(f);

	if (t->focus)
		b &= 0x19;
	if ((b >> 3 & 15) == 15)
		return fuzz_u32(f);
	return top[b & 7] + (page[b >> 3 & 15] << PAGE_SHIFT) +
	       (b & 0x80 ? 0x200000 : 0);
}

/* Bits 0 to 14 a frame below 16 MiB or around the high slot; 15 which. */
static u64 pick_frame(struct fuzz_in *f)
{
	u16 n = fuzz_u16(f);

	return n & 0x8000 ? HIGH_BASE + ((u64)(n & 0x3ff) << PAGE_SHIFT) :
			    (u64)(n & 0xfff) << PAGE_SHIFT;
}

/* The low twelve bits; bit 12 NX, 13 to 15 something reserved. */
static u64 pick_rights(struct fuzz_in *f)
{
	u16 n = fuzz_u16(f);

	return (n & 0xfff) | (u64)(n >> 12 & 1) << 63 |
	       (n >> 13 == 7 ? 1ull << 40 : 0);
}

static u64 pick_pde(struct fuzz_in *f)
{
	u64 rights = pick_rights(f);
	u8 b = fuzz_u8(f);

	if (rights & PTE_PS)
		return (rights & ~0x400ull) | (u64)(b & 15) << 21 |
		       (b & 0x40 ? 0x2000 : 0) | (b & 0x80 ? 1ull << 32 : 0);
	return rights | PT(b % NR_PT);
}

static gpa_t pde_place(const struct bench *t, unsigned root, u32 gva)
{
	if (is_pae(t))
		return PD(root, gva >> 30) + (gva >> 21 & 511) * 8;
	return PD(root, 0) + (gva >> 22) * 4;
}

static void do_pde(struct bench *t, struct fuzz_in *f)
{
	u32 gva = pick_gva(t, f);
	u64 pde = pick_pde(f);

	memory_write(t, pde_place(t, gva & 1, gva), pde, is_pae(t) ? 8 : 4);
}

/* One entry, or a run of them that goes up frame by frame. */
static void do_pte(struct bench *t, struct fuzz_in *f, u8 op)
{
	u8 table = fuzz_u8(f);
	u32 i = pick_gva(t, f) >> PAGE_SHIFT;
	u64 rights = pick_rights(f), frame = pick_frame(f);
	unsigned n = op & 0x80 ? 1 + table / 8 : 1;

	for (unsigned k = 0; k < n; k++)
		entry_write(t, PT(table % NR_PT), i + k,
			    (frame + k * PAGE_SIZE) | rights);
}

static void do_raw(struct bench *t, struct fuzz_in *f, u8 op)
{
	gpa_t gpa = fuzz_u16(f) & ~7u;

	if (op & 0x80)
		memory_write(t, gpa, fuzz_u64(f), 8);
	else
		memory_write(t, gpa ^ (op >> 4 & 4), fuzz_u32(f), 4);
}

/* Flips bits in an entry: the smallest changes are the hardest. */
static void do_flip(struct bench *t, struct fuzz_in *f, u8 op)
{
	u32 gva = pick_gva(t, f);
	gpa_t gpa = op & 0x80 ? pde_place(t, op >> 6 & 1, gva) :
		    PT((op >> 4 & 7) % NR_PT) +
			    (is_pae(t) ? (gva >> 12 & 511) * 8 :
					 (gva >> 12 & 1023) * 4);
	unsigned size = is_pae(t) ? 8 : 4;
	u64 val = 0;
	u32 mask = fuzz_u16(f);

	if (mask & 0x8000) /* which frame, or that none */
		mask = (mask & 0x7fff) << 12;
	memcpy(&val, ref_ram(&t->ref, gpa, size), size);
	memory_write(t, gpa, val ^ mask, size);
}

/* Access through a window: it serves what its page says, or a fill does. */
static void do_access(struct bench *t, struct fuzz_in *f, u8 op)
{
	u32 gva = pick_gva(t, f);
	bool write = op & 0x10, ac = op & 0x80, done;
	enum mmu_priv priv = (enum mmu_priv)((op >> 5 & 3) % 3);
	enum mmu_access acc = write ? MMU_WRITE : MMU_READ;
	u64 val = op & 0x80 ? fuzz_u64(f) : fuzz_u8(f), old = 0, is;
	u32 at = fuzz_u8(f);
	const struct view *view;
	const struct spte *sp;
	struct ref_walk w;
	enum mmu_result res;
	u32 pfec = 0;
	gpa_t gpa = 0;

	gva = (gva & (u32)PAGE_MASK) | (at & 1 ? PAGE_NAME : at << 3);
	if (priv == MMU_USER)
		vmmu_user_enter(t->v);
	for (unsigned tries = 0;; tries++) {
		view = priv == MMU_USER ? t->v->user : t->v->super;
		judge_page(t, view, gva >> PAGE_SHIFT);
		sp = spte_mapped(view, gva >> PAGE_SHIFT);
		gpa = sp ? t->m->slots[sp->slot].gpa +
				   ((u64)sp->frame << PAGE_SHIFT) +
				   (gva & 0xfff) : 0;
		if (sp)
			memcpy(&old, ref_ram(&t->ref, gpa, 8), 8);
		is = val;
		done = host_access((u64 *)(vmmu_window(t->v, priv == MMU_USER) +
					   gva), write, &is);
		must(done == (sp && (!write || sp->flags & SPTE_WRITABLE)),
		     "%#x: the host %s, the entry says %#x", gva,
		     done ? "maps it" : "faults", sp ? sp->flags : 0);
		if (done)
			break;
		must(tries < 4, "%#x is filled and filled", gva);
		ref_walk(&t->ref, gva, acc, priv, ac, &w);
		res = vmmu_fill(t->v, gva, acc, priv, ac, &pfec, &gpa);
		judge_fill(t, gva, acc, priv, res, pfec, gpa, &w);
		judge_marks(t, &w);
		judge_area(t);
		seen.fills++;
		if (res == MMU_OK)
			continue;
		seen.faults += res == MMU_PF;
		if (res == MMU_PF && priv == MMU_USER)
			vmmu_user_expect(t->v, gva, acc);
		return;
	}
	seen.direct++;
	must(write || is == old, "%#x reads other memory", gva);
	if (write) {
		must(!memcmp(ref_ram(&t->ref, gpa, 8), &val, 8),
		     "%#x writes to other memory", gva);
		memory_changed(t, gpa, old);
	}
}

static void do_translate(struct bench *t, struct fuzz_in *f, u8 op)
{
	static const enum mmu_access accs[] = { MMU_READ, MMU_WRITE, MMU_FETCH,
						MMU_FETCH };
	u32 gva = pick_gva(t, f);
	enum mmu_access acc = accs[op >> 4 & 3];
	enum mmu_priv priv = (enum mmu_priv)((op >> 6) % 3);
	bool ac = gva & 1;
	struct mmu_xlat x;
	struct ref_walk w;
	struct kept *k;
	enum mmu_result res;

	if (acc == MMU_FETCH && priv == MMU_IMPLICIT)
		priv = MMU_SUPER;
	if (priv == MMU_USER)
		vmmu_user_enter(t->v);
	ref_walk(&t->ref, gva, acc, priv, ac, &w);
	res = vmmu_translate(t->v, gva, acc, priv, ac, &x);
	judge_marks(t, &w);
	judge_area(t);
	seen.lookups++;
	if (res == MMU_NOMEM && acc == MMU_FETCH && t->scarce)
		return;
	must((res == MMU_PF) == w.fault, "look-up of %#x: %d", gva, res);
	if (w.fault) {
		must(x.pfec == w.pfec, "look-up of %#x: %#x, not %#x", gva,
		     x.pfec, w.pfec);
		return;
	}
	must(x.gpa == w.gpa && x.hva == ref_ram(&t->ref, w.gpa, 1) &&
		     (res == MMU_OK) == w.ram && x.user == w.user,
	     "look-up of %#x: %#llx, not %#llx", gva,
	     (unsigned long long)x.gpa, (unsigned long long)w.gpa);
	if (t->nr_kept == KEPT_MAX)
		return;
	k = &t->kept[t->nr_kept++];
	k->view = acc == MMU_FETCH ? vmmu_view_id(t->v, priv == MMU_USER) : 0;
	k->want = (struct ref_want){ REF_LOOKUP, gva >> PAGE_SHIFT,
				     w.gpa & PAGE_MASK, acc, priv, ac };
}

static void set_regs(struct bench *t, const struct mmu_regs *r, bool cr3)
{
	bool ok = ref_set_regs(&t->ref, r, cr3);

	must(vmmu_set_regs(t->v, r, cr3) == ok, "registers: %d", ok);
	seen.flushes++;
}

static void do_regs(struct bench *t, u8 op, u8 what)
{
	static const u64 bits[] = { CR4_PAE, CR4_PSE,  CR4_PGE, CR4_SMEP,
				    CR4_SMAP, CR4_PGE };
	struct mmu_regs r = t->ref.r;

	if (op & 0x10) {
		r.cr3 = is_pae(t) ? PDPT(what & 1) : PD(what & 1, 0);
		r.cr3 |= what & 0x18;
		set_regs(t, &r, true);
		return;
	}
	switch (what & 7) {
	case 0:
		r.cr0 ^= what & 0x80 ? CR0_PG : CR0_WP;
		break;
	case 1:
		r.cr0 ^= what & 0x80 ? CR0_CD : CR0_WP;
		break;
	case 2:
		r.efer ^= EFER_NXE;
		break;
	case 3:
		if (what & 0x80)
			r.phys_mask ^= 1ull << 20;
		else
			set_regs(t, &r, true);
		break;
	default:
		r.cr4 ^= bits[(what >> 3) % ARRAY_SIZE(bits)];
	}
	set_regs(t, &r, false);
}

static void do_code(struct bench *t, struct fuzz_in *f, u8 op)
{
	gfn_t gfn = pick_frame(f) >> PAGE_SHIFT;
	struct ref_walk w;

	if (!(op & 0x60)) { /* one that is in use */
		ref_walk(&t->ref, pick_gva(t, f), MMU_READ, MMU_SUPER, true,
			 &w);
		gfn = w.gpa >> PAGE_SHIFT;
	} else if (op & 0x20) { /* one of tables */
		gfn = 1 + gfn % (AREA / PAGE_SIZE - 1);
	}
	if (op & 0x80)
		mmu_code_clear(t->m, gfn);
	else
		must(mmu_code_set(t->m, gfn) ==
			     (ref_ram(&t->ref, gfn << PAGE_SHIFT, PAGE_SIZE) ?
				      0 : -ENXIO),
		     "code in frame %#llx", (unsigned long long)gfn);
}

static void slots_set(struct bench *t, bool high)
{
	static const struct ref_range all[REF_RANGES] = {
		{ 0, LOW_SIZE, 0 },
		{ MID_BASE, MID_END - MID_BASE, MID_BASE },
		{ HIGH_BASE, RAM_SIZE - MID_END, MID_END },
	};

	for (unsigned i = 0; i < REF_RANGES; i++) {
		struct ref_range *r = &t->ref.ranges[i];
		u64 size = i < 2 || high ? all[i].size : 0;

		if (r->size == size && size)
			continue;
		*r = all[i];
		r->size = size;
		must(!mmu_slot_set(t->m, i, r->gpa, size, host.fd, r->off,
				   host.ram + r->off), "slot %u", i);
	}
}

static void flush_all(struct bench *t)
{
	vmmu_flush_all(t->v);
	ref_flush_all(&t->ref);
	seen.flushes++;
}

static void step(struct bench *t, struct fuzz_in *in)
{
	const u8 *end = in->p + MIN(fuzz_left(in), (size_t)STEP);
	struct fuzz_in here = { in->p, end }, *f = &here;
	u8 op = fuzz_u8(f);
	u32 gva;

	in->p = end;
	seen.steps++;
	switch (op & 15) {
	case 0:
		do_pde(t, f);
		break;
	case 1:
		do_pte(t, f, op);
		break;
	case 2:
		do_raw(t, f, op);
		break;
	case 3:
	case 4:
		do_flip(t, f, op);
		break;
	case 5:
	case 6:
		do_translate(t, f, op);
		break;
	case 7:
	case 8:
		gva = pick_gva(t, f);
		ref_invlpg(&t->ref, gva);
		vmmu_invlpg(t->v, gva);
		break;
	case 9:
		do_regs(t, op, fuzz_u8(f));
		judge_all(t);
		break;
	case 10:
		do_code(t, f, op);
		break;
	case 11:
		if (op & 0x80)
			flush_all(t);
		judge_all(t);
		break;
	case 12: /* the client plugs memory, which drops everything */
		if (op & 0x80) {
			slots_set(t, op & 0x40);
			flush_all(t);
		}
		break;
	default:
		do_access(t, f, op);
	}
	if (t->ref.overflow)
		flush_all(t);
}

/* --- the world */

static void tables_make(struct bench *t, struct fuzz_in *f)
{
	static const u32 top[] = { 0,	       0x00400000, 0x80000000,
				   0xbfe00000, 0xc0000000, 0xffe00000 };

	for (unsigned k = 0; k < NR_PT; k++) {
		u64 frame = pick_frame(f), rights = pick_rights(f);

		for (unsigned i = 0; i < 40; i++)
			entry_write(t, PT(k), i,
				    (frame + i * PAGE_SIZE) | rights);
	}
	for (unsigned k = 0; k < ARRAY_SIZE(top); k++) {
		u64 pde = pick_pde(f);

		for (unsigned root = 0; root < 2; root++)
			memory_write(t, pde_place(t, root, top[k]), pde,
				     is_pae(t) ? 8 : 4);
	}
	for (unsigned root = 0; root < 2; root++) {
		for (unsigned k = 0; k < 4; k++)
			memory_write(t, PDPT(root) + k * 8,
				     PD(root, k) | PTE_P, 8);
	}
}

static struct mmu_inject inject_read(u8 how)
{
	struct mmu_inject inj = { .map_budget = 4000 };

	inj.no_uffd = how & 1;
	if (how & 2)
		inj.map_budget = 64;
	if (how & 4)
		inj.fail_fill = 2 + (how >> 6);
	if (how & 8)
		inj.fail_zap = 2 + (how >> 6);
	if (how & 16)
		inj.nodes = 3;
	return inj;
}

static void world_make(struct bench *t, struct fuzz_in *f)
{
	struct mmu_ops ops = { .fetch_zap = told_fetch, .tlb_zap = told_tlb,
			       .code_write = told_code, .opaque = t };
	u8 how = fuzz_u8(f), bits = fuzz_u8(f);
	struct mmu_inject inj = inject_read(how);
	struct mmu_regs r = { .cr0 = CR0_ET | CR0_PE | CR0_PG,
			      .phys_mask = ~0ull };

	host_clean();
	t->ref.ram = host.ram;
	t->scarce = how & 30;
	t->focus = how & 32;
	must(!mmu_new(&t->m, &inj) && !vmmu_new(&t->v, t->m, &ops), "no MMU");
	slots_set(t, true);
	r.cr0 |= bits & 1 ? CR0_WP : 0;
	r.cr4 |= bits & 2 ? CR4_PAE : 0;
	r.cr4 |= bits & 4 ? CR4_PSE : 0;
	r.cr4 |= bits & 8 ? CR4_PGE : 0;
	r.cr4 |= bits & 16 ? CR4_SMEP : 0;
	r.cr4 |= bits & 32 ? CR4_SMAP : 0;
	r.efer |= bits & 64 ? EFER_NXE : 0;
	t->ref.r = (struct mmu_regs){ .cr4 = r.cr4, .phys_mask = ~0ull };
	tables_make(t, f);
	t->ref.r = (struct mmu_regs){ .cr0 = CR0_CD | CR0_NW | CR0_ET,
				      .phys_mask = ~0ull };
	r.cr3 = r.cr4 & CR4_PAE ? PDPT(0) : PD(0, 0);
	set_regs(t, &r, true);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in f = { data, data + size };
	struct bench *t = calloc(1, sizeof(*t));

	must(t, "out of memory");
	if (!host.ram)
		host_init();
	world_make(t, &f);
	for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&f); i++)
		step(t, &f);
	judge_all(t);
	flush_all(t);
	judge_all(t);
	must(!vmmu_check(t->v), "the shadow is at odds with itself");
	vmmu_free(t->v);
	mmu_free(t->m);
	free(t);
	return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned seed)
{
	struct fuzz_rng r = { seed };

	return steps_mutate(&r, data, size, max, HEAD, STEP);
}
