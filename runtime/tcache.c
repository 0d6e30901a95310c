// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tcache.c - the code cache; see tcache.h for the contract.
 *
 * Lookups, chaining and dropping run on light exits: general registers only,
 * no libc. Making blocks (reserve, commit) is heavy.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "glue.h"
#include "lightmem.h"
#include "park.h"
#include "tcache.h"

#define BUCKET_BITS 17
#define BUCKETS	    (1u << BUCKET_BITS)
#define REGIONS	    4
#define BLOCK_ALIGN 16u
#define CHUNK	    64u
#define FAR_BUCKETS 1024u

/* Side tables may take this many times the bytes of the code: compiled code
 * needs 3 to 4 times as much, random bytes 6 times, so they and not the code end
 * a region. A small cache is for tests; what it holds is not worth a limit. */
#define TABLES_PER_CODE 2
#define TABLES_MIN	(256 * 1024u)

struct region {
	u32 start, next, end; /* offsets in the cache */
	size_t tables;	      /* bytes of its blocks' side tables */
	unsigned nblocks, cap;
	struct block **blocks; /* by ascending address */
	u32 *first; /* of each CHUNK bytes: 1 + index of the first block that
		     * begins there, 0 if none does */
};

struct tcache {
	u8 *rw;
	u64 host;
	size_t bytes;
	u32 room; /* what tcache_reserve() promises */
	u32 glue[GLUE_NR];
	struct region region[REGIONS];
	unsigned current;
	struct block *bucket[BUCKETS];
	struct block **frames; /* by gfn: first block, linked by frame_next */
	gfn_t max_gfn;
	struct bexit *far[FAR_BUCKETS]; /* far chains by their target's page */
	struct tcache_ops ops;
	struct tcache_stats stats;
};

static u32 glue_off(const u8 *label)
{
	return (u32)(label - glue_blob);
}

static void tcache_copy_glue(struct tcache *t)
{
	memcpy(t->rw, glue_blob, (size_t)(glue_blob_end - glue_blob));
	t->glue[GLUE_MISS] = glue_off(glue_at_miss);
	t->glue[GLUE_HASH] = glue_off(glue_at_hash);
	t->glue[GLUE_DIRECT] = glue_off(glue_at_direct);
	t->glue[GLUE_HELPER] = glue_off(glue_at_helper);
	t->glue[GLUE_TLB] = glue_off(glue_at_tlb);
	t->glue[GLUE_SEG] = glue_off(glue_at_seg);
	t->glue[GLUE_INT] = glue_off(glue_at_int);
	t->glue[GLUE_IRET] = glue_off(glue_at_iret);
	t->glue[GLUE_SYSENTER] = glue_off(glue_at_sysenter);
	t->glue[GLUE_SYSEXIT] = glue_off(glue_at_sysexit);
	t->glue[GLUE_POPF] = glue_off(glue_at_popf);
	t->glue[GLUE_AC] = glue_off(glue_at_ac);
	t->glue[GLUE_PROBE] = glue_off(glue_at_probe);
	t->glue[GLUE_SEGLOAD] = glue_off(glue_at_segload);
}

/*
 * Maps code memory twice: writable, and executable but not writable. Shared
 * memory without a name serves: mremap() of nothing maps it once more. With a
 * memfd behind it perf would take the memfd for an object file and not look for
 * a map of what was translated.
 */
static int tcache_map(struct tcache *t)
{
	void *rw = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *rx;
	int err;

	if (rw == MAP_FAILED)
		return -errno;
	rx = mremap(rw, 0, t->bytes, MREMAP_MAYMOVE);
	if (rx != MAP_FAILED &&
	    !mprotect(rx, t->bytes, PROT_READ | PROT_EXEC)) {
		t->rw = rw;
		t->host = (u64)rx;
		return 0;
	}
	err = -errno;
	if (rx != MAP_FAILED)
		munmap(rx, t->bytes);
	munmap(rw, t->bytes);
	return err;
}

static int tcache_regions(struct tcache *t)
{
	u32 glue = ALIGN_UP((u32)(glue_blob_end - glue_blob), 64u);
	u32 each = (u32)((t->bytes - glue) / REGIONS) & ~63u;

	for (unsigned i = 0; i < REGIONS; i++) {
		struct region *r = &t->region[i];

		r->start = r->next = glue + i * each;
		r->end = r->start + each;
		r->cap = each / BLOCK_ALIGN + 1;
		r->blocks = calloc(r->cap, sizeof(*r->blocks));
		r->first = calloc(each / CHUNK + 1, sizeof(*r->first));
		if (!r->blocks || !r->first)
			return -ENOMEM;
	}
	return 0;
}

int tcache_new(struct tcache **out, size_t bytes, gfn_t max_gfn,
	       const struct tcache_ops *ops)
{
	struct tcache *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->bytes = bytes;
	t->room = (u32)MIN(bytes / (2 * REGIONS), (size_t)XLATE_MAX_BYTES);
	t->ops = *ops;
	t->max_gfn = max_gfn;
	err = tcache_map(t);
	if (err)
		goto fail;
	tcache_copy_glue(t);
	err = tcache_regions(t);
	if (err)
		goto fail;
	t->frames = mmap(NULL, (max_gfn + 1) * sizeof(*t->frames),
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->frames == MAP_FAILED) {
		err = -errno;
		t->frames = NULL;
		goto fail;
	}
	*out = t;
	return 0;
fail:
	tcache_free(t);
	return err;
}

void tcache_free(struct tcache *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned k = 0; k < t->region[i].nblocks; k++)
			free(t->region[i].blocks[k]);
		free(t->region[i].blocks);
		free(t->region[i].first);
	}
	if (t->frames)
		munmap(t->frames, (t->max_gfn + 1) * sizeof(*t->frames));
	if (t->rw)
		munmap(t->rw, t->bytes);
	if (t->host)
		munmap((void *)t->host, t->bytes);
	free(t);
}

const struct tcache_stats *tcache_stats(const struct tcache *t)
{
	return &t->stats;
}

u32 tcache_room(const struct tcache *t)
{
	return t->room;
}

u64 tcache_base(const struct tcache *t)
{
	return t->host;
}

u64 tcache_end(const struct tcache *t)
{
	return t->host + t->bytes;
}

const u32 *tcache_glue(const struct tcache *t)
{
	return t->glue;
}

/* Of eip only its place in the page: translations of the same code for several
 * addresses are found together. */
static unsigned bucket_of(u32 eip, gfn_t gfn, u32 mode, u8 variant, u32 own)
{
	u64 h = ((eip & ~PAGE_MASK) | gfn << 12) * 0x9e3779b97f4a7c15ull +
		(((u64)own << 16 | mode) * 8 + variant) *
			0xd6e8feb86659fd93ull;

	return (unsigned)(h >> (64 - BUCKET_BITS));
}

struct block *tcache_lookup(struct tcache *t, u32 eip, gpa_t gpa, u32 mode,
			    u8 variant, u32 own)
{
	unsigned k = bucket_of(eip, gpa >> PAGE_SHIFT, mode, variant, own);
	struct block *b = t->bucket[k];

	for (; b; b = b->hash_next) {
		if (b->eip == eip && b->gfn[0] == gpa >> PAGE_SHIFT &&
		    b->mode == mode && b->variant == variant && b->own == own)
			return b;
	}
	return NULL;
}

unsigned tcache_siblings(struct tcache *t, u32 eip, gpa_t gpa, u32 mode,
			 u8 variant, u32 own, struct block **sibling)
{
	gfn_t gfn = gpa >> PAGE_SHIFT;
	struct block *b = t->bucket[bucket_of(eip, gfn, mode, variant, own)];
	unsigned n = 0;

	for (; b; b = b->hash_next) {
		if (b->eip == eip || b->gfn[0] != gfn || b->mode != mode ||
		    b->variant != variant || b->own != own || b->fixed || b->nframes != 1 ||
		    (b->eip ^ eip) & (u32)~PAGE_MASK)
			continue;
		*sibling = b;
		n++;
	}
	return n;
}

static void region_add(struct region *r, struct block *b, u32 off)
{
	u32 *first = &r->first[(off - r->start) / CHUNK];

	r->blocks[r->nblocks++] = b;
	if (!*first)
		*first = r->nblocks;
}

/* The last block that begins at or before the host address; the region has
 * one that does. */
static struct block *region_find(const struct region *r, u32 chunk, u64 host)
{
	unsigned i;

	while (!r->first[chunk] || r->blocks[r->first[chunk] - 1]->host > host)
		chunk--;
	for (i = r->first[chunk]; i < r->nblocks; i++) {
		if (r->blocks[i]->host > host)
			break;
	}
	return r->blocks[i - 1];
}

struct block *tcache_find(struct tcache *t, u64 host)
{
	u32 off;
	struct region *r = NULL;
	struct block *b;

	if (host < t->host || host >= t->host + t->bytes)
		return NULL;
	off = (u32)(host - t->host);
	for (unsigned i = 0; i < REGIONS; i++) {
		if (off >= t->region[i].start && off < t->region[i].next)
			r = &t->region[i];
	}
	if (!r || !r->nblocks || host < r->blocks[0]->host)
		return NULL;
	b = region_find(r, (off - r->start) / CHUNK, host);
	return host < b->host + b->size ? b : NULL;
}

struct bexit *block_exit_at(struct block *b, u64 stub_host)
{
	for (unsigned i = 0; i < b->nexits; i++) {
		if (b->host + b->exits[i].stub_off == stub_host)
			return &b->exits[i];
	}
	return NULL;
}

const struct bsite *block_site_at(const struct block *b, u64 host)
{
	u32 off = (u32)(host - b->host);
	unsigned lo = 0, hi = b->nsites;

	if (!hi || b->sites[0].host_off > off)
		return NULL;
	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (b->sites[mid].host_off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &b->sites[lo];
}

/* jmp/jcc/call rel32: the field holds target minus its own end. */
static void block_patch(struct block *b, u32 patch_off, u64 target)
{
	s32 rel = (s32)(target - (b->host + patch_off + 4));

	__atomic_store_n((s32 *)(void *)(b->rw + patch_off), rel,
			 __ATOMIC_RELAXED);
}

static struct bexit **far_bucket(struct tcache *t, gva_t gva)
{
	return &t->far[(gva >> PAGE_SHIFT) % FAR_BUCKETS];
}

static void far_link(struct tcache *t, struct bexit *x)
{
	struct bexit **head = far_bucket(t, x->target);

	x->far_next = *head;
	x->far_prev = head;
	if (x->far_next)
		x->far_next->far_prev = &x->far_next;
	*head = x;
}

void tcache_chain(struct tcache *t, struct block *from, struct bexit *x,
		  struct block *to)
{
	must(!x->to && !from->dead && !to->dead, "chaining a dead block");
	block_patch(from, x->patch_off, to->host + to->chain);
	x->to = to;
	x->next = to->incoming;
	x->prev = &to->incoming;
	if (x->next)
		x->next->prev = &x->next;
	to->incoming = x;
	if (!x->same_page)
		far_link(t, x);
	t->stats.chains++;
}

static struct block *bexit_block(struct bexit *x)
{
	struct block **owner = (struct block **)(void *)(x - x->slot);

	return owner[-1]; /* exits[] follows a pointer to its block */
}

static void bexit_unchain(struct tcache *t, struct block *from,
			  struct bexit *x)
{
	if (!x->to)
		return;
	block_patch(from, x->patch_off, from->host + x->stub_off);
	*x->prev = x->next;
	if (x->next)
		x->next->prev = x->prev;
	x->to = NULL;
	if (x->far_prev) {
		*x->far_prev = x->far_next;
		if (x->far_next)
			x->far_next->far_prev = x->far_prev;
		x->far_prev = NULL;
	}
	t->stats.unchains++;
}

/* all: whatever the page */
static void far_unchain(struct tcache *t, struct bexit *x, u32 own, gva_t gva,
			bool all)
{
	while (x) {
		struct bexit *next = x->far_next;
		struct block *b = bexit_block(x);

		if (b->own == own &&
		    (all || x->target >> PAGE_SHIFT == gva >> PAGE_SHIFT))
			bexit_unchain(t, b, x);
		x = next;
	}
}

void tcache_unchain_far(struct tcache *t, u32 own, gva_t gva, u64 npages)
{
	bool all = !npages || npages >= FAR_BUCKETS;
	u64 n = all ? FAR_BUCKETS : npages;

	for (u64 i = 0; i < n; i++) {
		gva_t page = gva + i * PAGE_SIZE;

		far_unchain(t, *far_bucket(t, page), own, page, all);
	}
}

void tcache_unchain_exits(struct tcache *t, struct block *b)
{
	for (unsigned i = 0; i < b->nexits; i++)
		bexit_unchain(t, b, &b->exits[i]);
}

static void bucket_remove(struct tcache *t, struct block *b)
{
	struct block **p = &t->bucket[bucket_of(b->eip, b->gfn[0], b->mode,
						b->variant, b->own)];

	while (*p && *p != b)
		p = &(*p)->hash_next;
	if (*p)
		*p = b->hash_next;
}

/* frame_next[k] continues the list of gfn[k]; a block that lies on two
 * frames is on both lists. */
static unsigned frame_slot(const struct block *b, gfn_t gfn)
{
	return b->gfn[0] == gfn ? 0 : 1;
}

static void frame_add(struct tcache *t, struct block *b, unsigned k)
{
	gfn_t gfn = b->gfn[k];
	struct block **head = &t->frames[gfn], *next = *head;

	must(gfn <= t->max_gfn, "code outside RAM");
	b->frame_next[k] = next;
	b->frame_prev[k] = head;
	if (next)
		next->frame_prev[frame_slot(next, gfn)] = &b->frame_next[k];
	*head = b;
}

static void frame_remove(struct tcache *t, struct block *b, unsigned k)
{
	gfn_t gfn = b->gfn[k];
	struct block *next = b->frame_next[k];

	*b->frame_prev[k] = next;
	if (next)
		next->frame_prev[frame_slot(next, gfn)] = b->frame_prev[k];
	if (!t->frames[gfn])
		t->ops.frame_clear(t->ops.opaque, gfn);
}

/* landing: jmp GLUE_HASH (r8d is the address that was returned to) */
static void block_close_landings(struct tcache *t, struct block *b)
{
	for (unsigned i = 0; i < b->nlandings; i++) {
		u32 off = b->landings[i].off;
		u64 end = b->host + off + 5;

		b->rw[off] = 0xe9;
		light_put32(b->rw + off + 1,
			    (u32)(t->host + t->glue[GLUE_HASH] - end));
	}
}

void tcache_drop(struct tcache *t, struct block *b)
{
	if (b->dead)
		return;
	b->dead = true;
	t->stats.drops++;
	while (b->incoming)
		bexit_unchain(t, bexit_block(b->incoming), b->incoming);
	tcache_unchain_exits(t, b);
	block_close_landings(t, b);
	if (!(b->variant & BLOCK_TEMP)) {
		bucket_remove(t, b);
		for (unsigned i = 0; i < b->nframes; i++)
			frame_remove(t, b, i);
	}
	t->ops.dropped(t->ops.opaque, b);
}

void tcache_drop_frame(struct tcache *t, gfn_t gfn)
{
	if (gfn > t->max_gfn)
		return;
	while (t->frames[gfn])
		tcache_drop(t, t->frames[gfn]);
}

void tcache_drop_all(struct tcache *t)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		for (unsigned k = 0; k < t->region[i].nblocks; k++) {
			tcache_drop(t, t->region[i].blocks[k]);
			park_remove(t->region[i].blocks[k]);
		}
	}
}

void tcache_drop_which(struct tcache *t,
		       bool (*which)(const struct block *b, const void *opaque),
		       const void *opaque)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		const struct region *r = &t->region[i];

		for (unsigned k = 0; k < r->nblocks; k++) {
			if (!r->blocks[k]->dead && which(r->blocks[k], opaque))
				tcache_drop(t, r->blocks[k]);
		}
	}
}

static void region_reuse(struct tcache *t, struct region *r)
{
	t->ops.reuse(t->ops.opaque, t->host + r->start, t->host + r->next);
	for (unsigned k = 0; k < r->nblocks; k++) {
		tcache_drop(t, r->blocks[k]);
		park_remove(r->blocks[k]);
		free(r->blocks[k]);
	}
	if (r->nblocks)
		t->stats.region_reuses++;
	r->nblocks = 0;
	light_zero(r->first, ((r->end - r->start) / CHUNK + 1) *
				     sizeof(*r->first));
	r->tables = 0;
	r->next = r->start;
}

static size_t region_tables_max(const struct region *r)
{
	return MAX((r->end - r->start) * TABLES_PER_CODE, TABLES_MIN);
}

void tcache_flush(struct tcache *t)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		if (t->region[i].nblocks)
			region_reuse(t, &t->region[i]);
	}
	t->current = 0;
}

void tcache_reserve(struct tcache *t, u8 **rw, u64 *host)
{
	struct region *r = &t->region[t->current];

	if (r->end - r->next < t->room || r->nblocks == r->cap ||
	    r->tables >= region_tables_max(r)) {
		t->current = (t->current + 1) % REGIONS;
		r = &t->region[t->current];
		region_reuse(t, r);
	}
	*rw = t->rw + r->next;
	*host = t->host + r->next;
}

/* One allocation: the block, its owner word, exits, sites, hsites, eips,
 * relocations, source, how. */
static struct block *block_alloc(struct region *r, const struct xlate_out *o)
{
	size_t n = ALIGN_UP(sizeof(struct block), 16ul) + 16 +
		   o->nexits * sizeof(struct bexit) +
		   o->nhsites * sizeof(struct bhsite) +
		   o->nsites * sizeof(struct bsite) +
		   o->nlandings * sizeof(struct blanding) +
		   (o->ninsns + 1 + o->nrelocs) * sizeof(u32) + o->guest_len +
		   o->ninsns;
	u8 *p = calloc(1, n);
	struct block *b = (struct block *)(void *)p;

	if (!b)
		return NULL;
	r->tables += n;
	p += ALIGN_UP(sizeof(struct block), 16ul) + 8;
	*(struct block **)(void *)p = b;
	p += 8;
	b->exits = (struct bexit *)(void *)p;
	p += o->nexits * sizeof(struct bexit);
	b->hsites = (struct bhsite *)(void *)p;
	p += o->nhsites * sizeof(struct bhsite);
	b->sites = (struct bsite *)(void *)p;
	p += o->nsites * sizeof(struct bsite);
	b->landings = (struct blanding *)(void *)p;
	p += o->nlandings * sizeof(struct blanding);
	b->insn_eip = (u32 *)(void *)p;
	p += (o->ninsns + 1) * sizeof(u32);
	b->relocs = (u32 *)(void *)p;
	p += o->nrelocs * sizeof(u32);
	b->src = p;
	b->how = p + o->guest_len;
	return b;
}

static void block_tables(struct block *b, const struct xlate_out *o)
{
	b->ninsns = (u16)o->ninsns;
	for (unsigned i = 0; i < o->ninsns; i++) {
		b->insn_eip[i] = o->insns[i].eip;
		b->how[i] = o->insns[i].how;
		b->hows[b->how[i]]++;
	}
	b->insn_eip[o->ninsns] = b->eip + o->guest_len;
	b->nlandings = (u16)o->nlandings;
	for (unsigned i = 0; i < o->nlandings; i++) {
		struct blanding *l = &b->landings[i];

		l->off = o->landings[i].off;
		memcpy(l->code, o->buf + l->off, sizeof(l->code));
	}
	b->nsites = (u16)o->nsites;
	for (unsigned i = 0; i < o->nsites; i++) {
		const struct xsite *s = &o->sites[i];

		b->sites[i] = (struct bsite){ s->host_off, s->insn, s->kind,
					      s->aux, s->aux2, s->rep,
					      s->sp_off };
	}
	b->nexits = (u16)o->nexits;
	for (unsigned i = 0; i < o->nexits; i++) {
		const struct xexit *x = &o->exits[i];

		b->exits[i] = (struct bexit){
			.patch_off = x->patch_off,
			.stub_off = x->stub_off,
			.target = x->target,
			.kind = x->kind,
			.same_page = x->same_page,
			.slot = (u8)i,
		};
	}
	b->nhsites = (u16)o->nhsites;
	for (unsigned i = 0; i < o->nhsites; i++) {
		const struct xhsite *h = &o->hsites[i];
		const struct xinsn *x = &o->insns[h->insn];

		b->hsites[i] = (struct bhsite){ x->eip, h->insn, h->vector,
						h->error, h->end, h->tlb, x->insn };
	}
}

/* What the block was made from: see park.h. */
static void block_source(struct block *b, const struct xlate_out *o)
{
	u32 n = 0;

	for (unsigned i = 0; i < o->ninsns; i++) {
		unsigned len = o->insns[i].insn.len;

		len = MIN(len, b->guest_len - n);
		memcpy(b->src + n, o->insns[i].raw, len);
		n += len;
	}
	must(n == b->guest_len, "source of %u bytes, not %u", n, b->guest_len);
	b->nrelocs = (u16)o->nrelocs;
	for (unsigned i = 0; i < o->nrelocs; i++)
		b->relocs[i] = o->relocs[i].off << 8 | o->relocs[i].kind;
	b->helpers = o->helpers;
	b->soft = o->soft;
	b->softable = o->softable;
	b->fixed = o->fixed;
	b->checked_src = o->checked_src;
	b->probed = o->probed;
}

static void block_enter_tables(struct tcache *t, struct block *b)
{
	unsigned k = bucket_of(b->eip, b->gfn[0], b->mode, b->variant,
			       b->own);

	b->hash_next = t->bucket[k];
	t->bucket[k] = b;
	for (unsigned i = 0; i < b->nframes; i++)
		frame_add(t, b, i);
}

struct block *tcache_commit(struct tcache *t, const struct xlate_out *out,
			    u32 mode, const gfn_t *frames, unsigned nframes,
			    u8 variant, u32 own)
{
	struct region *r = &t->region[t->current];
	size_t tables = r->tables;
	struct block *b = block_alloc(r, out);

	if (!b)
		return NULL;
	must(out->size <= r->end - r->next, "block larger than reserved");
	b->host = t->host + r->next;
	b->rw = t->rw + r->next;
	b->size = out->size;
	b->entry = out->entry;
	b->checked = out->checked;
	b->blockword = out->blockword;
	b->chain = out->chain;
	b->eip = out->insns[0].eip;
	b->guest_len = out->guest_len;
	b->mode = mode;
	b->variant = variant;
	b->own = own;
	b->gfn[0] = frames[0];
	b->gfn[1] = nframes > 1 ? frames[1] : frames[0];
	b->nframes = (u8)(nframes > 1 && frames[1] != frames[0] ? 2 : 1);
	block_tables(b, out);
	block_source(b, out);
	memcpy(b->rw + out->blockword, &b, sizeof(b));
	region_add(r, b, (u32)(b->host - t->host));
	r->next += ALIGN_UP(out->size, BLOCK_ALIGN);
	if (!(variant & BLOCK_TEMP))
		block_enter_tables(t, b);
	t->stats.blocks++;
	t->stats.guest_insns += out->ninsns;
	t->stats.host_bytes += out->size;
	t->stats.table_bytes += r->tables - tables;
	return b;
}

void tcache_revive(struct tcache *t, struct block *b, gfn_t gfn, u32 own)
{
	must(b->dead && b->nframes == 1, "block %08x cannot come back", b->eip);
	t->ops.revived(t->ops.opaque, b);
	block_open_landings(b);
	b->dead = false;
	b->own = own;
	b->gfn[0] = b->gfn[1] = gfn;
	block_enter_tables(t, b);
}
