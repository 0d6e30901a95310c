// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * access.c - guest memory for C: the slow side of the helper form (GLUE_TLB,
 * GLUE_SEG, commit), gmem_*() for system instructions, and MMIO.
 *
 * MMIO reads restart the instruction: the first attempt asks the client and
 * leaves; the second finds the value. A value stays available until its
 * instruction has got everything it needs, since an access may take two.
 * MMIO writes leave the block when their instruction is complete and are
 * handed to the client before anything else happens.
 */
#include "engine.h"
#include "lightmem.h"
#include "probe.h"

/* 0 and the bytes, or -1: the instruction must be restarted. */
static int mmio_read_part(struct engine *e, gpa_t gpa, void *buf, unsigned len)
{
	struct mmio *m = &e->mmio;
	struct mmio_read *r;

	if (m->next < m->nread && m->read[m->next].gpa == gpa &&
	    m->read[m->next].len == len) {
		light_copy(buf, m->read[m->next++].data, len);
		return 0;
	}
	if (m->nread == MMIO_READS || m->next < m->nread)
		m->nread = 0; /* values of another instruction */
	r = &m->read[m->nread];
	r->gpa = gpa;
	r->len = len;
	m->want = true;
	return -1;
}

/* Natural pieces of at most 8 bytes, as a bus would make them. */
static unsigned mmio_piece(gpa_t gpa, unsigned len)
{
	unsigned n = 8;

	while (n > len || (gpa & (n - 1)))
		n /= 2;
	return n;
}

int mmio_read(struct engine *e, gpa_t gpa, void *buf, unsigned len)
{
	u8 *p = buf;

	if (mmio_write_waits(e))
		return -1; /* writes stay in order before reads */
	for (unsigned n; len; len -= n, gpa += n, p += n) {
		n = mmio_piece(gpa, len);
		if (mmio_read_part(e, gpa, p, n))
			return -1;
	}
	return 0;
}

/* -1: no room, the instruction must be restarted when the client has had
 * what is there. */
int mmio_write(struct engine *e, gpa_t gpa, const void *buf, unsigned len)
{
	struct mmio *m = &e->mmio;
	const u8 *p = buf;

	/* up to six pieces are smaller than 8 bytes */
	if (m->nwrite + len / 8 + 6 > MMIO_WRITES)
		return -1;
	for (unsigned n; len; len -= n, gpa += n, p += n) {
		struct mmio_write *w = &m->write[m->nwrite++];

		n = mmio_piece(gpa, len);
		w->gpa = gpa;
		w->len = n;
		light_copy(w->data, p, n);
	}
	engine_kick_self(e);
	return 0;
}

/* --- software TLB */

void engine_tlb_init(struct engine *e)
{
	for (unsigned k = 0; k < TLB_NR; k++) {
		for (unsigned i = 0; i < TLB_SIZE; i++)
			e->v->cpu.tlbs[k][i].rtag =
				e->v->cpu.tlbs[k][i].wtag = 1;
	}
}

/* Each CR3 load comes here, so only what is in use is looked at. */
void engine_tlb_flush(struct engine *e)
{
	for (unsigned k = 0; k < TLB_NR * TLB_SIZE / 64; k++) {
		struct tlb_entry *t = &e->v->cpu.tlbs[0][64 * k];

		for (u64 used = e->tlb_used[k]; used; used &= used - 1) {
			unsigned i = (unsigned)__builtin_ctzll(used);

			t[i].rtag = t[i].wtag = 1;
		}
		e->tlb_used[k] = 0;
	}
}

static bool engine_ac(const struct vcpu *v)
{
	return v->cpu.sysflags & EFL_AC;
}

static void tlb_fill(struct engine *e, unsigned set, u32 la,
		     const struct mmu_xlat *x, bool write)
{
	unsigned i = (la >> PAGE_SHIFT) & (TLB_SIZE - 1);
	struct tlb_entry *t = &e->v->cpu.tlbs[set][i];
	u64 page = la & PAGE_MASK;

	if (set == TLB_NONE || probe_on(e->v, UMBRA_EVENT_MEM) ||
	    (e->brk && debug_watches_page(e, la)))
		return; /* every access is looked at */
	e->tlb_used[(set * TLB_SIZE + i) / 64] |= 1ull << (i % 64);
	if (t->rtag != page)
		t->wtag = 1;
	t->rtag = page;
	if (write)
		t->wtag = page;
	t->addend = ((u64)x->hva & PAGE_MASK) - page;
}

static unsigned tlb_set_now(const struct engine *e)
{
	return (unsigned)((e->v->cpu.tlb - (u64)e->v->cpu.tlbs) /
			  sizeof(e->v->cpu.tlbs[0]));
}

/* One page of an access. 0, or -1 with v->exc set. */
static int access_page(struct engine *e, u32 la, bool write,
		       enum mmu_priv priv, struct bounce_part *p,
		       struct mmu_xlat *x)
{
	enum mmu_result r = vmmu_translate(e->v->mmu, la,
					   write ? MMU_WRITE : MMU_READ, priv,
					   engine_ac(e->v), x);

	if (r == MMU_PF) {
		exc_pf(e->v, la, x->pfec);
		return -1;
	}
	p->gpa = x->gpa;
	p->hva = r == MMU_OK ? x->hva : NULL;
	return 0;
}

static struct block *access_block(struct engine *e, u64 acc,
				  struct bhsite **site)
{
	u64 back = e->v->cpu.ret_pc;
	struct block *b = tcache_find(e->tc, back - 1);

	must(b, "helper form called from %#lx, which is no block", back);
	must(acc >> ACC_SITE_SHIFT < b->nhsites, "bad access word %#lx", acc);
	*site = &b->hsites[acc >> ACC_SITE_SHIFT];
	return b;
}

/*
 * A write to a frame with code: its blocks go. If the running block is among
 * them, the instruction is run again alone so that what follows is fetched
 * anew (HAZARDS 61).
 */
static bool access_drops(struct engine *e, struct block *b, gpa_t gpa)
{
	engine_drop_code(e, gpa >> PAGE_SHIFT);
	if (!b->dead || (b->variant & BLOCK_TEMP))
		return false;
	e->step_once = true;
	e->stats.smc_steps++;
	return true;
}

/* #AC(0) for a misaligned access (SDM vol. 3, table 6-7): 80 bits as 64. */
static bool access_misaligned(struct engine *e, u32 la, unsigned size)
{
	unsigned a = size == 10 ? 8 : size & -size;

	if (!(e->modes[e->v->cpu.mode].flags & XM_ALIGN) || a > 8)
		return false;
	return la & (a - 1);
}

/* #GP(0) for a misaligned operand comes before what its page says, as it does
 * where the host looks at both. AMD takes any address for SHA (SDM vol. 2 has
 * it aligned), so there only the host itself can tell. */
static bool access_unaligned(const struct bhsite *hs, u32 la, unsigned size)
{
	const struct oprow *row = hs->insn.row;

	return row->rowflags & ROW_ALIGNED && row->feat != FEAT_SHA &&
	       la & (size - 1);
}

/* Both pages of an access that crosses, or the single MMIO one. */
static u64 access_bounce(struct engine *e, struct block *b, u32 la,
			 unsigned size, u64 acc)
{
	struct bounce *bo = &e->bounce;
	bool write = acc & ACC_WRITE;
	unsigned first = MIN(size, (unsigned)(PAGE_SIZE - (la & ~PAGE_MASK)));
	struct mmu_xlat x;

	must(size <= BOUNCE_SIZE - 64, "bounce of %u bytes", size);
	bo->nparts = first < size ? 2 : 1;
	bo->part[0].len = first;
	bo->part[1].len = size - first;
	bo->len = size;
	bo->buf = e->v->cpu.bounce + (la & 63);
	for (unsigned i = 0; i < bo->nparts; i++) {
		if (access_page(e, i ? la + first : la, write,
				vcpu_priv(e->v), &bo->part[i], &x))
			return 0;
		if (write && bo->part[i].hva && x.has_code &&
		    access_drops(e, b, x.gpa))
			return 0;
		if (write && !bo->part[i].hva && mmio_write_waits(e))
			return 0; /* restart after the client took it */
	}
	for (unsigned i = 0, off = 0; i < bo->nparts; i++) {
		struct bounce_part *p = &bo->part[i];

		if (p->hva)
			light_copy(bo->buf + off, p->hva, p->len);
		else if ((acc & ACC_READ) &&
			 mmio_read(e, p->gpa, bo->buf + off, p->len))
			return 0;
		off += p->len;
	}
	mmio_forget_reads(e);
	if (write)
		e->v->cpu.commit = e->v->cpu.commit_slow;
	e->stats.bounces++;
	return (u64)bo->buf;
}

static u64 access_host(struct engine *e, struct block *b,
		       const struct bhsite *hs, u32 la, u64 acc)
{
	struct vcpu *v = e->v;
	bool write = acc & ACC_WRITE;
	unsigned size = acc & 0xfff;
	struct bounce_part p;
	struct mmu_xlat x;

	if (access_unaligned(hs, la, size)) {
		exc_gp(v, 0);
		return 0;
	}
	if (access_misaligned(e, la, size)) {
		exc_raise_err(v, VEC_AC, 0);
		return 0;
	}
	if (e->brk && debug_helper_access(e, b, la, size, acc))
		return 0;
	if ((la & ~PAGE_MASK) + size > PAGE_SIZE)
		return access_bounce(e, b, la, size, acc);
	if (access_page(e, la, write, vcpu_priv(v), &p, &x))
		return 0;
	if (!p.hva)
		return access_bounce(e, b, la, size, acc);
	if (write && x.has_code && access_drops(e, b, x.gpa))
		return 0;
	tlb_fill(e, tlb_set_now(e), la, &x, write);
	return (u64)p.hva;
}

/*
 * A waiting x87 or MMX instruction tells of the exception that is pending
 * before it looks at its operand (SDM vol. 3, table 6-2). Only for what would
 * be another exception: everything else is the host's to find.
 */
static bool access_x87_first(struct engine *e, const struct bhsite *hs)
{
	const struct oprow *row = hs->insn.row;
	struct vcpu *v = e->v;

	if ((row->gate != GATE_X87 && row->gate != GATE_MMX) ||
	    row->op == OP_FNSTCW || row->op == OP_FNSTSW)
		return false;
	vcpu_fpu_put(v);
	if (!(light_get16(v->cpu.xsave_area + FX_FSW) & FSW_ES))
		return false;
	v->exc.pending = false;
	engine_x87_error(e);
	return true;
}

/* GLUE_TLB missed: the host address for the access, or 0 to leave. */
u64 engine_tlb_miss(struct cpu *c, u32 la, u64 acc)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	struct bhsite *hs;
	struct block *b = access_block(e, acc, &hs);
	u64 host;

	e->stats.tlb_misses++;
	e->mmio.next = 0;
	c->rip = hs->eip;
	host = access_host(e, b, hs, la, acc);
	if (!host && e->v->exc.pending)
		access_x87_first(e, hs);
	if (!host && !e->v->exc.pending)
		e->restart = true;
	else if (vmmu_is_crowded(e->v->mmu) ||
		 (vcpu_priv(e->v) == MMU_USER ? !host :
						vmmu_churns(e->v->mmu, la)))
		thrash_fresh(e, (u32)(e->modes[b->mode].cs_base + hs->eip),
			     la);
	return host;
}

/*
 * The device gets its write before the next instruction, which may be an
 * access to a port. An instruction that has still to branch goes on: its
 * block ends with it.
 */
static bool commit_leaves(struct engine *e)
{
	struct cpu *c = &e->v->cpu;
	struct block *b = tcache_find(e->tc, c->ret_pc - 1);
	const struct bsite *s = b ? block_site_at(b, c->ret_pc - 1) : NULL;

	must(s, "commit called from %#lx, which is no site", c->ret_pc);
	if (!mmio_write_waits(e) || s->kind != SITE_AFTER)
		return false;
	c->rip = b->insn_eip[s->insn + 1];
	return true;
}

/* After the instruction: the bounce buffer goes where it belongs. */
u64 engine_commit(struct cpu *c, u32 unused8, u64 unused9)
{
	struct engine *e = container_of(c, struct vcpu, cpu)->eng;
	const u8 *src = e->bounce.buf;

	(void)unused8;
	(void)unused9;
	c->commit = c->commit_none;
	for (unsigned i = 0; i < e->bounce.nparts; i++) {
		struct bounce_part *p = &e->bounce.part[i];

		if (p->hva)
			light_copy(p->hva, src, p->len);
		else
			must(!mmio_write(e, p->gpa, src, p->len),
			     "no room for a device write");
		src += p->len;
	}
	return !commit_leaves(e);
}

/* GLUE_SEG failed: #SS(0) for the stack segment, else #GP(0), which a misaligned
 * operand is in any. */
u64 engine_seg_fault(struct cpu *c, u32 off, u64 acc)
{
	struct vcpu *v = container_of(c, struct vcpu, cpu);
	unsigned seg = acc >> ACC_SEG_SHIFT & 7;
	struct bhsite *hs;

	access_block(v->eng, acc, &hs);
	c->rip = hs->eip;
	if (access_x87_first(v->eng, hs)) {
		v->eng->restart = !v->exc.pending;
		return 0;
	}
	if (seg == CPU_SS &&
	    !access_unaligned(hs, (u32)c->seg[seg].base + off, acc & 0xfff))
		exc_raise_err(v, VEC_SS, 0);
	else
		exc_gp(v, 0);
	return 0;
}

/* --- gmem: for system instructions */

/* What the helper TLB knows for this privilege holds for C too: an implicit
 * access may do what an explicit one may with AC clear (HAZARDS 54). */
static unsigned gmem_tlb_set(const struct engine *e, enum mmu_priv priv)
{
	if (priv == MMU_USER)
		return TLB_USER;
	return priv == MMU_SUPER && engine_ac(e->v) ? TLB_SUPER_AC : TLB_SUPER;
}

static u8 *gmem_tlb(const struct engine *e, u32 la, unsigned set, bool write)
{
	const struct tlb_entry *t =
		&e->v->cpu.tlbs[set][(la >> PAGE_SHIFT) & (TLB_SIZE - 1)];

	if ((write ? t->wtag : t->rtag) != (la & PAGE_MASK))
		return NULL;
	return (u8 *)(la + t->addend);
}

/* Stack slots and descriptors are what C mostly asks for. */
static inline void gmem_copy(void *dst, const void *src, unsigned len)
{
	if (len == 4)
		light_put32(dst, light_get32(src));
	else if (len == 8)
		light_put64(dst, light_get64(src));
	else
		light_copy(dst, src, len);
}

static int gmem_part(struct engine *e, u32 la, void *buf, unsigned len,
		     enum mmu_priv priv, bool write)
{
	unsigned set = gmem_tlb_set(e, priv);
	u8 *hva = gmem_tlb(e, la, set, write);
	struct bounce_part p;
	struct mmu_xlat x;

	if (!hva) {
		if (access_page(e, la, write, priv, &p, &x))
			return -1;
		hva = p.hva;
		if (!hva)
			return write ? mmio_write(e, p.gpa, buf, len) :
				       mmio_read(e, p.gpa, buf, len);
		if (write && x.has_code)
			engine_drop_code(e, x.gpa >> PAGE_SHIFT);
		else
			tlb_fill(e, set, la, &x, write);
	}
	if (write)
		gmem_copy(hva, buf, len);
	else
		gmem_copy(buf, hva, len);
	return 0;
}

static int gmem_rw(struct vcpu *v, gva_t la, void *buf, unsigned len,
		   enum mmu_priv priv, bool write)
{
	u8 *p = buf;

	if (v->eng->brk)
		debug_access(v->eng, (u32)la, len, write, priv);
	for (unsigned n; len; len -= n, la += n, p += n) {
		n = MIN(len, (unsigned)(PAGE_SIZE - (la & ~PAGE_MASK)));
		if (gmem_part(v->eng, (u32)la, p, n, priv, write))
			return -1;
	}
	if (probe_on(v, UMBRA_EVENT_MEM) && priv != MMU_IMPLICIT) {
		len = (unsigned)(p - (u8 *)buf);
		probe_gmem(v, (u32)(la - len), len, write);
	}
	return 0;
}

int gmem_read(struct vcpu *v, gva_t la, void *buf, unsigned len,
	      enum mmu_priv priv)
{
	return gmem_rw(v, la, buf, len, priv, false);
}

/* All pages are tested before the first byte changes (HAZARDS 9). */
int gmem_write(struct vcpu *v, gva_t la, const void *buf, unsigned len,
	       enum mmu_priv priv)
{
	if ((la & ~PAGE_MASK) + len > PAGE_SIZE &&
	    gmem_probe(v, la, len, MMU_WRITE, priv))
		return -1;
	return gmem_rw(v, la, (void *)buf, len, priv, true);
}

int gmem_probe(struct vcpu *v, gva_t la, unsigned len, enum mmu_access acc,
	       enum mmu_priv priv)
{
	struct bounce_part p;
	struct mmu_xlat x;

	for (unsigned n; len; len -= n, la += n) {
		n = MIN(len, (unsigned)(PAGE_SIZE - (la & ~PAGE_MASK)));
		if (access_page(v->eng, (u32)la, acc & MMU_WRITE, priv, &p,
				&x))
			return -1;
	}
	return 0;
}

u8 *gmem_host(struct vcpu *v, u32 la, bool write)
{
	const struct tlb_entry *t = (const struct tlb_entry *)v->cpu.tlb +
				    ((la >> PAGE_SHIFT) & (TLB_SIZE - 1));
	struct mmu_xlat x;

	if ((write ? t->wtag : t->rtag) == (la & PAGE_MASK))
		return (u8 *)(la + t->addend);
	if ((v->eng->brk & BRK_GUEST) || debug_watches_page(v->eng, la) ||
	    probe_on(v, UMBRA_EVENT_MEM) ||
	    vmmu_translate(v->mmu, la, write ? MMU_WRITE : MMU_READ,
			   vcpu_priv(v), engine_ac(v), &x) != MMU_OK ||
	    !x.hva || (write && x.has_code))
		return NULL;
	tlb_fill(v->eng, tlb_set_now(v->eng), la, &x, write);
	return x.hva;
}
