/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_impl.h - abstract values and states of the verifier, for its files.
 *
 * The block is run over abstract values. A guest register at the start of a
 * guest instruction is a symbol; sums of symbols, constants and a segment's
 * base are followed through glue (V_LIN), so that at each access it is known
 * whether the address is the one the guest's instruction names.
 */
#ifndef UMBRA_VERIFY_IMPL_H
#define UMBRA_VERIFY_IMPL_H

#include "runtime/bits.h"
#include "vdecode.h"
#include "verify.h"

#define CPU_OFF(field) ((u32)offsetof(struct cpu, field))

#define VSYM_AL 8 /* al, zero-extended, beside the eight registers */
#define VSYMS	9

enum vkind {
	V_ANY,	  /* anything */
	V_CLEAN,  /* anything below 2^32 */
	V_LIN,	  /* the sum in lin, below 2^32 */
	V_LOW16,  /* its low 16 bits are those of lin; below 2^32 */
	V_M16,	  /* the same; the rest is that of guest register n */
	V_SWAP,	  /* guest register n with low and high byte exchanged */
	V_HIGH,	  /* low byte: the high byte of guest register n */
	V_CONST,  /* c */
	V_FIELD,  /* struct cpu at offset c, plus lin.disp; inv: complemented */
	V_NSEG,	  /* complement of the base of segment n, 32 bits */
	V_BIAS,	  /* window + lin */
	V_HVA,	  /* from GLUE_TLB: lin, for size bytes and acc */
	V_LOAD,	  /* loaded from the guest: from says where, size bytes */
	V_IDX,	  /* r8 cut to 16 bits */
	V_TARGET, /* r8 at an entry: where somebody wanted to go */
	V_DIFF,	  /* V_TARGET - c */
	V_RSPDIFF, /* rsp - pair_top */
	V_FLAGS,  /* rax: n = 1: ah has flags; 2: al OF, too; 3: OF is restored */
	V_EFLAGS, /* computed from them */
};

/*
 * V_EFLAGS.n: how far pushf has put them together. OF, DF and IF come together
 * by lea and are shifted; AH comes out of rax.
 */
enum vflags {
	VE_NONE, VE_OF, VE_OF_DF, VE_OF_DF_IF, VE_HIGH, VE_RAX, VE_RAX_SHR,
	VE_AH, VE_ARITH, VE_SYS, VE_ALL,
	VE_CF, VE_CF_NOT, VE_CF_NEG, /* salc: CF, ~CF, -CF */
};

/* Where an access of the guest leads. */
enum vwhere { VW_NONE, VW_OPERAND, VW_STACK, VW_SOURCE };

struct vlin {
	u8 coef[VSYMS];
	bool zx16;  /* the sum, before the base, is cut to 16 bits */
	bool fresh; /* instead of a symbol: new value of guest register n */
	s8 seg;	    /* whose base is added, or -1 */
	bool ck;    /* GLUE_SEG has checked it, for */
	u16 cksize; /* so many bytes */
	u8 ckacc;   /* and ACC_* >> 12 */
	u32 disp;
};

struct vval {
	u8 kind;
	u8 n;
	bool inv;
	u8 acc;	 /* V_HVA: ACC_* >> 12 */
	u16 size;
	u8 from; /* enum vwhere */
	u8 slot; /* VW_STACK: operand above the top */
	bool clean; /* V_LOAD: zero-extended */
	struct vlin lin;
	u64 c;
};

/* The head, its way out when the source has changed, an instruction, behind a
 * landing site. */
enum vphase { VP_HEAD, VP_STALE, VP_INSN, VP_LAND };
enum vgo { GO_NONE, GO_EIP, GO_IND, GO_LOOP };
enum vcmp { CMP_NONE, CMP_EIP, CMP_SRC };

struct vstate {
	struct vval r[H_NR];
	u16 lost;   /* EFLAGS bits of the guest that RFLAGS has not */
	u16 insn;
	s16 spo;    /* esp at the instruction's start: its register plus this */
	u8 phase, go, cmp;
	bool ac;
	bool done;   /* the instruction's own work */
	bool commit; /* a helper-form write still waits for it */
	bool cs_ok;  /* the target is below the CS limit */
	bool above;  /* rsp is not pair_top */
	bool quiet;  /* no interrupt waits */
	bool dead;   /* lost at an entry, where they are said to be dead */
	bool df;     /* DF was changed, its byte was not */
	u8 slots;    /* popa: stack slots read */
	u8 stored;   /* pusha: stack slots written */
	u8 loads;    /* 1 << enum vwhere: what glue has loaded */
	u32 eip;     /* GO_EIP */
	u32 cmp_c;   /* CMP_EIP: eip; CMP_SRC: end of what is compared */
	u32 src;     /* bytes of the source that have been compared */
};

/* A place that is branched to or entered. */
struct vlabel {
	u32 off;
	bool set, queued;
	struct vstate st;
};
#define VMAX_LABELS 192

enum vbyte { VB_NONE, VB_START, VB_INSIDE, VB_DATA };

struct verify {
	const struct xlate_in *in;
	const struct xlate_out *out;
	struct verify_report *rep;
	u32 body;	    /* where the instructions begin */
	unsigned nlabels;
	u16 label_at[XLATE_MAX_BYTES]; /* label + 1, or 0 */
	u8 map[XLATE_MAX_BYTES];
	u16 exits_seen;
	u32 raw_off[XLATE_MAX_INSNS + 1];
	struct insn insns[XLATE_MAX_INSNS]; /* decoded from the raw bytes */
	bool bad[XLATE_MAX_INSNS];	    /* undefined or too long */
	s8 raises[XLATE_MAX_INSNS]; /* whatever its operands: vector, or -1 */

	/* the host instruction at hand */
	u32 off;
	struct vinsn h;
	unsigned site;
	const struct insn *g; /* its guest instruction, and */
	u32 eip, next;	      /* where it is and where the next one is */
	struct vstate st;
	struct vval begin[H_NR]; /* regs_begin() */
	struct vlabel label[VMAX_LABELS];
};

static inline const struct xsite *v_site(const struct verify *v)
{
	return &v->out->sites[v->site];
}

/* OP_* of the guest instruction under way, or OP_INVALID. */
static inline u16 v_guest_op(const struct verify *v)
{
	if (v->st.phase != VP_INSN || !v->g->row)
		return OP_INVALID;
	return v->g->row->op;
}

static inline bool reg_is_scratch(unsigned r)
{
	return (r >= H_R8 && r <= H_R11) || r == H_R14;
}

/* Notes what is wrong; for `return v_bad(...)`. */
bool v_bad(struct verify *v, const char *why);

/* --- verify_value.c */
extern const u8 v_host[8];   /* host register of each guest register */
int v_guest(unsigned host);  /* and the way back, or -1 */
struct vval v_make(enum vkind kind);
struct vval v_const(u64 c);
struct vlin lin_none(void);
struct vlin lin_sym(unsigned sym);
struct vval v_lin(struct vlin l);
struct vval v_fresh(unsigned guest);
bool lin_equal(const struct vlin *a, const struct vlin *b);
/* a + (b << scale); false: not a sum that can be followed */
bool lin_add(struct vlin *a, const struct vlin *b, unsigned scale);
bool val_equal(const struct vval *a, const struct vval *b);
/* val as a sum below 2^32; constants are */
bool val_lin(const struct vval *x, struct vlin *l);
bool val_clean(const struct vval *x);
/* Guest register as it was when the instruction began. */
struct vlin lin_arch(const struct verify *v, unsigned guest);
bool val_is_own(const struct vval *x, unsigned guest);
bool val_is_fresh(const struct vval *x, unsigned guest);
/* At the start of a guest instruction: its registers, and nothing else. */
void regs_begin(struct vval r[H_NR]);
/* Writes host register d; what depended on its old value goes. */
void reg_set(struct verify *v, unsigned d, struct vval x);
/* The guest register gets its new value: copies of the old one are old. */
void guest_set_fresh(struct verify *v, unsigned guest);
void scratch_drop(struct verify *v, bool keep_r14);
/* What two ways to one place have in common; true if *a changed. */
bool state_join(struct vstate *a, const struct vstate *b);

/* --- verify_mem.c */
enum vaddr {
	VA_BAD,	   /* v_bad() was called */
	VA_CPU,	   /* struct cpu, at off */
	VA_WINDOW, /* the guest's, directly */
	VA_TLB,	   /* the guest's, checked by GLUE_TLB */
	VA_WORD,   /* the block word */
	VA_SOURCE, /* a checked block's source; off: from its first byte */
	VA_HASH,   /* hash table, slot of the eip in r8 */
};
struct vaccess {
	u8 kind;
	u32 off;
	struct vlin lin;
	struct vval hva;
};
/* Where the memory operand of v->h leads. */
enum vaddr v_address(struct verify *v, struct vaccess *a);
/*
 * An access of the guest, size bytes, acc ACC_* >> 12: true if the instruction
 * makes such a one; *from and *slot say which.
 */
bool v_guest_access(struct verify *v, const struct vaccess *a, unsigned size,
		    u8 acc, u8 *from, u8 *slot);
bool v_must_help(const struct verify *v);
/* The class of a segment for such an access, as it is to be emitted. */
enum seg_class v_seg_class(const struct verify *v, unsigned seg, u8 acc);
/* The address that the guest's operand names. */
bool v_operand(const struct verify *v, struct vlin *l, unsigned *seg);

/* --- verify_state.c */
/* Every guest register has its value or the site says where it is. */
bool v_explained(struct verify *v);
/* A fault here finds the state before the instruction. */
bool v_before(struct verify *v);
/* All is as behind the instruction. */
bool v_after(struct verify *v);
/* Guest control leaves the block or goes to another instruction. */
bool v_leaves(struct verify *v);
/* What follows belongs to instruction `insn`. */
bool v_step(struct verify *v, unsigned insn);
/* Where the host flags lead, and a branch on them. */
u32 v_branch_target(const struct verify *v);
bool v_insn_is_empty(const struct verify *v, unsigned i);

/* --- verify_copy.c */
/* Is v->h the guest's instruction itself? Carries it out. 1: yes, 0: no, it
 * must be glue, -1: it is but is wrong. */
int v_payload(struct verify *v);

/* --- verify_glue.c */
/* Carries out glue that is no branch. */
bool v_glue(struct verify *v);

/* --- verify_flags.c */
/* V_EFLAGS of that stage. */
struct vval v_eflags(enum vflags n);
/* [b + i << 1]: one more flag below those in i */
bool v_lea_flags(const struct vval *b, const struct vval *i, unsigned scale,
		 struct vval *x);
bool v_alu(struct verify *v);     /* or, and, shl, shr */
bool v_compare(struct verify *v); /* cmp */
bool v_flags(struct verify *v);   /* lahf, seto, setc, add al, sahf */
/* The next bytes of the source that have to be compared. */
u32 v_source_next(const struct verify *v);

/* --- verify_flow.c */
enum vflow { VF_NEXT, VF_STOP, VF_BAD };
/* Carries out branches; *taken: where in the block it may go, or ~0, with the
 * state in *st. VF_NEXT: not a branch or falls through. */
enum vflow v_flow(struct verify *v, bool *is_branch, u32 *taken,
		  struct vstate *st);
bool v_is_branch(const struct vinsn *h);
/* Target of a relative branch, from the block's first byte. */
s64 v_rel_target(const struct verify *v);
/* The glue that a relative branch leads to, or -1. */
int v_glue_target(const struct verify *v);

#endif
