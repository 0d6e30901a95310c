/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcache.h - the code cache: blocks, where they lie, and who jumps to them.
 *
 * Code memory is one memfd mapped twice: read-write for us, read-execute for
 * running (W^X). It is used in regions, round robin; when the next region is
 * needed its blocks are dropped. Reservations are transactions: reserve,
 * then commit or abort.
 *
 * A block is reachable by (1) the lookup table here, (2) chained exits of
 * other blocks, (3) hash tables, (4) landing sites that pair stacks name, (5)
 * the program counter. Dropping a block undoes (1), (2) and (4) - the landing
 * sites go to the hash - and tells the owner (ops.dropped) to undo (3); (5) is
 * the caller's concern.
 */
#ifndef UMBRA_TCACHE_H
#define UMBRA_TCACHE_H

#include "base.h"
#include "translator/xlate.h"

struct block;

/* A direct exit and the chain it is on while it is chained. */
struct bexit {
	u32 patch_off, stub_off; /* as in struct xexit */
	u32 target;
	u8 kind, same_page, slot; /* slot: index in block.exits */
	struct block *to;	  /* chained to, or NULL */
	struct bexit *next, **prev; /* on to->incoming */
	struct bexit *far_next, **far_prev; /* of a chain that leaves the page */
};

struct bsite {
	u32 host_off;
	u16 insn;
	u8 kind, aux, aux2, rep;
	s16 sp_off;
};

/* A landing site, and the bytes there as long as the block is not dropped. */
struct blanding {
	u32 off;
	u8 code[5];
};

struct bhsite {
	u32 eip;
	u16 index; /* of the instruction in the block */
	s16 vector;
	u32 error;
	bool end; /* never goes on in the block */
	bool tlb; /* as in struct xhsite */
	struct insn insn;
};

struct block {
	struct block *hash_next;
	struct block *frame_next[2]; /* other blocks of gfn[0], gfn[1] */
	struct block **frame_prev[2];
	u64 host;     /* address of the first byte, where it runs */
	u8 *rw;	      /* the same byte, writable */
	u32 size;
	u32 entry, checked, chain, blockword;
	u32 eip;
	u32 guest_len;
	u32 mode;     /* interned mode id */
	u64 gfn[2];   /* frame of the first byte; of the last if it crosses */
	u8 nframes;
	u8 variant;   /* BLOCK_* */
	u32 own;      /* BLOCK_FAR: the view whose block it is */
	bool dead;    /* dropped, memory not yet reused */
	bool checked_src; /* compares its source when it is entered */
	bool fixed;   /* cannot be moved to another eip */
	bool probed;  /* its entry is told of */
	u16 ninsns, nsites, nexits, nhsites, nlandings;
	u32 *insn_eip; /* [ninsns + 1]: of each instruction, and of the end */
	struct bsite *sites;
	struct bexit *exits;
	struct bhsite *hsites;
	struct blanding *landings;
	struct bexit *incoming;
	/* What it was made from, for finding it again: park.h. */
	u8 *src;      /* [guest_len] */
	u32 *relocs;  /* [nrelocs]: offset << 8 | enum xreloc_kind */
	u64 helpers, soft, softable; /* as in struct xlate_out */
	u8 *how;      /* [ninsns]: enum xinsn_how */
	u8 hows[XHOW_NR]; /* how many instructions of each */
	u16 nrelocs;
	u32 park_key;
	struct block *park_next, **park_prev; /* park_prev NULL: not there */
};

#define BLOCK_ONE  1 /* one instruction, leaves after it */
#define BLOCK_TEMP 2 /* not in the tables: executed once */
#define BLOCK_FAR  4 /* of one view: chained over the ends of pages */
#define BLOCK_ALONE (BLOCK_ONE | BLOCK_TEMP)

struct tcache_stats {
	u64 blocks, guest_insns, host_bytes, table_bytes, drops, region_reuses;
	u64 chains, unchains;
};

struct tcache_ops {
	/* The block must not be entered again: forget hash entries. */
	void (*dropped)(void *opaque, struct block *b);
	/* A dropped block is about to come back, perhaps for another address
	 * or frame: its landing sites must not be on any pair stack. */
	void (*revived)(void *opaque, struct block *b);
	/* The last block of the frame is gone. */
	void (*frame_clear)(void *opaque, gfn_t gfn);
	/* Blocks at these host addresses are about to be forgotten: forget the
	 * pair stacks. */
	void (*reuse)(void *opaque, u64 from, u64 to);
	void *opaque;
};

struct tcache;

/* bytes: size of code memory, at least 64 KiB. 0 or -errno. */
int tcache_new(struct tcache **out, size_t bytes, gfn_t max_gfn,
	       const struct tcache_ops *ops);
void tcache_free(struct tcache *t);
const struct tcache_stats *tcache_stats(const struct tcache *t);

u64 tcache_base(const struct tcache *t); /* where the glue copy runs */
u64 tcache_end(const struct tcache *t);
const u32 *tcache_glue(const struct tcache *t);

/* Bytes that one block may take. */
u32 tcache_room(const struct tcache *t);
/* Room for one block: its rw and host address. May drop the blocks of one
 * region. */
void tcache_reserve(struct tcache *t, u8 **rw, u64 *host);
/* Makes the block that out describes. frames: its gfns. A block that is not
 * BLOCK_TEMP enters the tables. NULL: out of memory. */
struct block *tcache_commit(struct tcache *t, const struct xlate_out *out,
			    u32 mode, const gfn_t *frames, unsigned nframes,
			    u8 variant, u32 own);

/* out describes the block: what xlate_relocate() and tcache_commit() need. */
void tcache_pattern(const struct block *b, struct xlate_out *out);
/* Undoes what dropping has done to the landing sites. */
void block_open_landings(struct block *b);
/* Aborts unless from's exit x may be chained to the block `to`. */
void block_check_chain(const struct block *from, const struct bexit *x,
		       const struct block *to);
/* A dropped block becomes that for the same bytes at eip. */
void tcache_move(struct block *b, u32 eip);
/* A dropped block of one page is there again, with its code on frame gfn. */
void tcache_revive(struct tcache *t, struct block *b, gfn_t gfn, u32 own);

struct block *tcache_lookup(struct tcache *t, u32 eip, gpa_t gpa, u32 mode,
			    u8 variant, u32 own);
/* How many blocks there are for the same code at other addresses, that could be
 * moved to eip; and the oldest of them. */
unsigned tcache_siblings(struct tcache *t, u32 eip, gpa_t gpa, u32 mode,
			 u8 variant, u32 own, struct block **sibling);
/* The block around a host address, or NULL. Async-signal-safe. */
struct block *tcache_find(struct tcache *t, u64 host);
/* The exit whose stub is at the host address. */
struct bexit *block_exit_at(struct block *b, u64 stub_host);
const struct bsite *block_site_at(const struct block *b, u64 host);

void tcache_chain(struct tcache *t, struct block *from, struct bexit *x,
		  struct block *to);
/* Undoes the chains of own's blocks into these pages; 0 pages: all. */
void tcache_unchain_far(struct tcache *t, u32 own, gva_t gva, u64 npages);
/* Patches every exit of b back to its stub. Async-signal-safe on the vCPU's
 * own thread, when that is not in tcache code. */
void tcache_unchain_exits(struct tcache *t, struct block *b);

/* Drops all blocks with code on the frame. */
void tcache_drop_frame(struct tcache *t, gfn_t gfn);
void tcache_drop(struct tcache *t, struct block *b);
void tcache_drop_all(struct tcache *t);
/* Drops all and forgets them, as if each region were needed now. */
void tcache_flush(struct tcache *t);
/* Drops those for which which() says so. */
void tcache_drop_which(struct tcache *t,
		       bool (*which)(const struct block *b, const void *opaque),
		       const void *opaque);

#endif
