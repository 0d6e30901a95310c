/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h - the engine's own state beside a vCPU: code cache, hash tables,
 * modes, what is pending. Private to runtime/.
 *
 * Threads: everything belongs to the vCPU's thread but the fields under
 * "any thread".
 */
#ifndef UMBRA_ENGINE_H
#define UMBRA_ENGINE_H

#include <sys/types.h>
#include <time.h>

#include "park.h"
#include "tcache.h"
#include "vcpu.h"

/*
 * What belongs to one (view, mode): a hash table, see struct cpu.hash, and a
 * pair stack. The log names the slots that were set, so that a table can be
 * cleared without touching all of it.
 */
#define HASH_SIZE 65536u
#define HTABS	  64
#define HTAB_HINTS 256u
#define HTAB_LOG  4096u
#define OWN_TICKS 25u
#define VIEW_SUPER 1u /* the supervisor view's id, see vmmu_view_id() */
#define PAIR_BYTES (64 * 1024ul)
#define PAIR_GUARD (16 * PAGE_SIZE) /* below each stack */
struct htab {
	u32 view, mode; /* view 0: unused */
	u64 *table;
	u64 pair_rsp, pair_top; /* rsp while another one is active */
	u64 used; /* stamp of the last activation; 0: never */
	u32 ticks; /* interrupts that came here */
	bool own; /* blocks of this view alone: htab_tick() */
	u32 nlog; /* HTAB_LOG + 1: more slots than the log names */
	u32 pages; /* bit k: slots k << PAGE_SHIFT.. have been set */
	u16 log[HTAB_LOG];
};

#define MAX_MODES 512
#define MODE_HINTS 64u

/* Execution permission and frame of a linear page in the current views. */
#define FETCH_TLB 256
struct fetch_entry {
	u64 tag; /* page | view << 32 in 64 bits: see fetch_tag(); 0 unused */
	gpa_t gpa;
};

/* MMIO under way. Reads are repeated: the instruction is restarted when the
 * client has supplied a value and finds it here; nothing comes in between,
 * since the device has already acted. Writes wait in order for the end of
 * their instruction. The largest access is a state image. */
#define MMIO_READS 128
#define MMIO_WRITES 128
struct mmio_read {
	gpa_t gpa;
	unsigned len;
	u8 data[8];
};
struct mmio_write {
	gpa_t gpa;
	unsigned len;
	u8 data[8];
};
struct mmio {
	struct mmio_read read[MMIO_READS];
	unsigned nread, next; /* filled; next to be consumed */
	u32 eip;	      /* of the instruction that they are for */
	bool want;	      /* read[nread] is to be asked of the client */
	bool asked;	      /* and the client runs with it */
	struct mmio_write write[MMIO_WRITES];
	unsigned nwrite, out; /* waiting; next to go */
};

/* A helper-form access that no single host page can serve. */
struct bounce {
	unsigned nparts, len;
	u8 *buf;
	struct bounce_part {
		gpa_t gpa;
		u8 *hva; /* NULL: MMIO */
		unsigned len;
	} part[2];
};

/*
 * What is known of frames that were written while they held code: checked.c.
 * Forgetting one costs time and nothing else.
 */
#define CHECKED_FRAMES 512
struct checked_frame {
	gfn_t gfn;
	u64 when;  /* of the last write or change that was noticed */
	u64 until; /* checked: then it is tried without */
	u8 heat;   /* writes in quick succession */
	u8 tries;  /* how often that did not work out */
	bool on;   /* its blocks are to be checked ones */
};
/* Blocks that were found changed again and again. */
#define SOFT_BLOCKS 256
struct checked_soft {
	gfn_t gfn;
	u32 eip;
	u32 changes;
};
struct checked {
	struct checked_frame frame[CHECKED_FRAMES];
	struct checked_soft soft[SOFT_BLOCKS];
	u64 next_tick;
};

struct engine_stats {
#define STAT(name, text) u64 name;
#include "stats.def"
#undef STAT
};

/* Sites in helper form, by linear address; a set that may forget. */
#define SITE_SET 8192

/* A site that meets fresh memory (thrash.c). */
#define THRASH_SITES 1024
#define FRESH_PAGES 8
struct thrash_site {
	u32 la;
	u32 limit;  /* fresh pages before helper form; 0: entry not in use */
	u32 fresh;  /* pages met since `since` */
	u32 uses;   /* of a repeated string instruction in helper form */
	bool helper;
	u64 since;  /* host time stamp */
};

/* Whose data breakpoints: the guest's take the helper form everywhere, the
 * client's on their pages. */
enum { BRK_GUEST = 1, BRK_CLIENT = 2 };

/* What umbra_set_debug() asked for (debug.c). */
struct engine_debug {
	bool step;
	bool skip; /* no breakpoint at skip_la, where the vCPU stood */
	u32 skip_la;
	unsigned nbreaks, nwatches;
	u64 filter; /* a bit for each breakpoint: debug_bit() */
	u32 breaks[UMBRA_DEBUG_BREAKS];
	struct umbra_watch watches[UMBRA_DEBUG_WATCHES];
	u32 hit_la; /* behind DB_WATCH */
	u8 hit_kind;
};

struct engine {
	struct vcpu *v;
	struct umbra_vm *vm;
	struct tcache *tc;

	struct xmode modes[MAX_MODES];
	unsigned nmodes; /* cpu.mode is the current id */
	u16 mode_hint[MODE_HINTS]; /* ids by a hash of what they stand for */
	struct mode_slow {
		u64 cr0, cr4, xcr0, dr7, tsc_offset;
		u32 iopl;
	} mode_slow; /* what the modes of trans.h took for granted */
	bool slow; /* single-step, debug registers, trace: one by one */
	bool tf;   /* the current instruction is single-stepped */
	u8 brk;	   /* BRK_*: data breakpoints are on */
	bool before; /* debug_before() is asked before each block, */
	bool after;  /* debug_after() told of each instruction */
	struct engine_debug debug;

	struct htab htab[HTABS];
	u8 htab_hint[HTAB_HINTS]; /* where a view and mode were last */
	bool stale;		/* window and helper TLB have to be set */
	bool zapped; /* a fetch translation of the current view ended */
	u64 *empty_hash;
	u64 hash_miss; /* what an empty slot holds: GLUE_MISS */
	u64 stamp;

	struct fetch_entry fetch[FETCH_TLB];
	u32 sites[SITE_SET];
	struct thrash_site thrash[THRASH_SITES];
	u32 fresh_page[FRESH_PAGES]; /* linear; met last in helper form */
	u32 fresh_next;
	u64 tlb_used[TLB_NR * TLB_SIZE / 64]; /* entries of cpu.tlbs */
	u64 sample; /* where a kick found helper form under way, or 0 */

	u8 *pair_map; /* HTABS times guard and stack */

	bool a20_off;	/* bit 20 of physical addresses is masked */
	bool step_once; /* run one instruction in a temporary block */
	struct trans_learn {
		struct trans_target *to; /* NULL: nothing to learn */
		u64 *key_at, key, rip;
	} learn; /* the change just made, until its target is known */
	bool leave;	/* a system instruction filled vcpu->run */
	bool restart;	/* the instruction was left before it was done */
	struct mmio mmio;
	struct bounce bounce;

	struct xlate_out *out; /* scratch of translation */
	struct verify *verify; /* scratch of the verifier, NULL: it is off */
	struct park park;
	struct checked checked;
	u64 soft; /* what checked_soft() said of the block to be made */
	struct engine_stats stats;

	int (*intack)(void *opaque);
	void *intack_opaque;
	void (*idle)(void *opaque);
	void *idle_opaque;
	void (*alarm)(void *opaque);
	void *alarm_opaque;
	umbra_symbol_fn *symbol;
	void *symbol_opaque;
	struct umbra_probes probes; /* those of vcpu.probes */
	struct {
		u64 (*helper)(struct cpu *c, u32 site, u64 blockword);
		u64 (*tlb_miss)(struct cpu *c, u32 la, u64 acc);
		u64 (*seg_fault)(struct cpu *c, u32 off, u64 acc);
		u64 (*commit)(struct cpu *c, u32 unused8, u64 unused9);
	} unprobed; /* what is behind the glue without probes */
	umbra_code_fn *code_hook;
	void *code_opaque;
	timer_t timer; /* its signal is a kick that sets alarm_due */
	bool has_timer;
	timer_t kick_timer; /* injection: kicks by themselves */
	bool has_kick_timer;
	u32 kick_steps; /* host instructions until such a kick */
	u32 kick_seed;
	u32 flush_count; /* translations since all blocks were dropped */

	/* any thread */
	u32 irq_level, nmi, want_intr, alarm_due;
	u32 sleeping;
	pid_t tid; /* of the thread inside umbra_vcpu_run, or 0 */
};

struct umbra_vm {
	struct umbra_host host;
	struct umbra_inject inj;
	struct mmu *mmu;
	struct vcpu *vcpu; /* one, until the engine has several */
	gfn_t max_gfn;
};

/* --- engine.c */
extern const struct mmu_ops engine_mmu_ops;
extern const struct tcache_ops engine_tcache_ops;
void engine_wire(struct engine *e); /* the C functions the glue calls */
void engine_activate(struct engine *e); /* hash, window, tlb of now */
bool engine_irq_waits(const struct engine *e);
void engine_kick_self(struct engine *e);

/* --- htab.c */
void htab_activate(struct engine *e); /* for cpu.view and cpu.mode */
void htab_add(struct engine *e, const struct block *b);
void htab_tick(struct engine *e); /* an interrupt came */
u32 htab_own(const struct engine *e);
void htab_forget_block(struct engine *e, const struct block *b);
/* npages 0: all of the view */
void htab_forget_pages(struct engine *e, u32 view, gva_t gva, u64 npages);
void htab_forget_all(struct engine *e);
/* Returns made so far find no pair any more: of the current stack, of a view,
 * at all. */
void pairs_drop(struct engine *e);
void pairs_drop_view(struct engine *e, u32 view);
void pairs_drop_all(struct engine *e);
/* Those of stacks that name a landing site of b. */
void pairs_drop_block(struct engine *e, const struct block *b);
#define PAIR_MAP_BYTES (HTABS * (PAIR_GUARD + PAIR_BYTES))

/* --- mode.c */
void mode_update(struct engine *e);
bool mode_ac_changed(const struct engine *e);
/* enum seg_class of a data access through s. */
u8 mode_data_class(const struct seg *s);

/* --- trans.c: what the glue may repeat (trans.h) */
/* The state before a change that may be written down after it. */
struct trans_from {
	u32 mode, gen, sysflags;
	u8 cpl, iflag;
};
struct trans_from trans_before(const struct engine *e);
void trans_int(struct engine *e, const struct trans_from *f, unsigned vector);
void trans_helper(struct engine *e, const struct trans_from *f,
		  const struct insn *i);
/* The mode `from` has become the current one by EFLAGS.AC alone. */
void trans_ac(struct engine *e, u32 from);
/* Mode, view and hash are those after the change now. */
void trans_commit(struct engine *e);
/* Translations of the supervisor's ended: 0 pages: all. */
void trans_zap(struct engine *e, gva_t gva, u64 npages);

/* --- block.c: find or make the block at cpu.rip. NULL: v->exc is pending. */
struct block *engine_block(struct engine *e, u8 variant);
/* The frame behind a linear address for execution; hva NULL: not RAM. 0, or -1
 * with v->exc set. */
int engine_fetch_frame(struct engine *e, u32 la, gpa_t *gpa, u8 **hva);
/* Would the end of the fetch translation of b, which is current, be told? */
bool engine_fetch_held(const struct engine *e, const struct block *b);
/* Does b go over the end of its page? */
static inline bool engine_block_crosses(const struct engine *e,
					const struct block *b)
{
	u32 la = (u32)(e->modes[b->mode].cs_base + b->eip);

	return (la & ~PAGE_MASK) + b->guest_len > PAGE_SIZE;
}
void engine_forget_fetch(struct engine *e, gva_t gva, u64 npages, u32 view);
/* Code on the frame is about to change. */
void engine_drop_code(struct engine *e, gfn_t gfn);
void engine_site_add(struct engine *e, u32 la);
bool engine_site_test(const struct engine *e, u32 la);
void engine_site_remove(struct engine *e, u32 la);

/* --- thrash.c */
enum { THRASH_FRESH = 1, THRASH_CHURN = 8 };
bool thrash_fault(struct engine *e, u32 la, u32 weight);
bool thrash_is_helper(struct engine *e, u32 la);
void thrash_fresh(struct engine *e, u32 la, u32 page);
bool thrash_follows(const struct engine *e, u32 page);
void thrash_sampled(struct engine *e, u64 pc);
void thrash_string(struct engine *e, struct block *b, const struct bhsite *h);

/* --- checked.c: frames whose blocks compare their source */
bool checked_test(const struct engine *e, gfn_t gfn);
/* The frame's code is dropped because of a write. */
void checked_write(struct engine *e, gfn_t gfn);
/* Does b still say what its source says? If not that is noted. */
bool checked_holds(struct engine *e, const struct block *b);
/* b, which has changed, is to be made anew: xlate_in.soft for that. */
u64 checked_soft(struct engine *e, const struct block *b);
/* Now and then: frames that have been quiet need no checks any more. */
void checked_tick(struct engine *e);

/* --- translate.c: makes the block; the vector state is saved (heavy). */
struct block *engine_translate(struct engine *e, u8 variant);
/* What xlate_block() is given for a block at cpu.rip. */
void engine_xlate_in(struct engine *e, u8 variant, struct xlate_in *in);
const u8 *engine_source(void *opaque, u64 la); /* xlate_in.source */
/* --- verified.c: heavy; aborts if the block is not right */
int engine_verify_init(struct engine *e);
void engine_verify(struct engine *e, const struct xlate_in *in,
		   const struct xlate_out *o);
/* The same of a block that comes back: not chained, in use. */
void engine_verify_block(struct engine *e, const struct block *b);
/* --- translate.c */
u64 engine_now_ns(void);

/* --- fault.c: after EXIT_FAULT; true: resume at cpu.fault. */
bool engine_fault(struct engine *e);
/* An x87 exception that was pending before the instruction at cpu.rip. */
void engine_x87_error(struct engine *e);
/* Guest state of the site at cpu.fault, before (or after) its instruction. */
void engine_restore(struct engine *e, struct block *b,
		    const struct bsite *s);

/* --- access.c: C behind GLUE_TLB, GLUE_SEG and commit. */
u64 engine_tlb_miss(struct cpu *c, u32 la, u64 acc);
u64 engine_commit(struct cpu *c, u32 unused8, u64 unused9);
u64 engine_seg_fault(struct cpu *c, u32 off, u64 acc);
void engine_tlb_init(struct engine *e);
void engine_tlb_flush(struct engine *e);
int mmio_read(struct engine *e, gpa_t gpa, void *buf, unsigned len);
int mmio_write(struct engine *e, gpa_t gpa, const void *buf, unsigned len);
static inline bool mmio_write_waits(const struct engine *e)
{
	return e->mmio.nwrite;
}
/* Values that a device has given up for the instruction at cpu.rip. */
static inline bool mmio_read_waits(const struct engine *e)
{
	return e->mmio.nread && e->mmio.eip == vcpu_rip32(e->v);
}
/* No value is for what comes next. */
static inline void mmio_forget_reads(struct engine *e)
{
	e->mmio.nread = e->mmio.next = 0;
}
static inline void mmio_forget_writes(struct engine *e)
{
	e->mmio.nwrite = e->mmio.out = 0;
}

/* --- debug.c */
/* What kinds of breakpoints are on: after a change of DR7, TF or the client's. */
void debug_update(struct engine *e);
/* While e->before: true: no instruction is to be run now. */
bool debug_before(struct engine *e);
/* While e->after: an instruction was run to its end, or raised an exception. */
void debug_after(struct engine *e);
/* db_pending has DB_*: fills vcpu->run for the client. */
void debug_leave(struct engine *e);
/* While e->brk: an access by C. */
void debug_access(struct engine *e, u32 la, unsigned len, bool write,
		  enum mmu_priv priv);
/* The same in helper form; acc: ACC_*. True: the instruction must be run alone,
 * so that the client is told right behind it. */
bool debug_helper_access(struct engine *e, const struct block *b, u32 la,
			 unsigned len, u64 acc);
/* Is a watchpoint of the client's on the page of la? */
bool debug_watches_page(const struct engine *e, u32 la);
/* Bytes from la to the next breakpoint behind it, 0: none on the page. */
u32 debug_room(const struct engine *e, u32 la);
bool debug_breaks_at(const struct engine *e, u32 la);

/* --- signals.c */
int signals_init(void);
int signals_attach(struct engine *e); /* the calling thread runs e */
void signals_detach(struct engine *e);
int signals_kick_number(void);
/* Makes e->timer, whose signals go to the calling thread. 0 or -errno. */
int signals_timer(struct engine *e);
void signals_timer_free(struct engine *e);
extern const char signals_no_memory[];

/* --- inside.c: who looks inside. Heavy, like what it calls. */
void engine_tell_code(struct engine *e, const struct block *b);

/* --- probe.c */
void probe_wire(struct engine *e);
bool probe_wants_block(void *opaque, u32 eip); /* xlate_in.probe */
/* The block has been left at the site by a fault. */
void probe_fault(struct engine *e, const struct block *b,
		 const struct bsite *s);

/* --- dump.c */
void engine_dump(void *engine);
void engine_trace(struct engine *e);

#endif
