/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlate_impl.h - state of one translation, and what its passes share.
 *
 * For translator/ and its tests only. The passes run in the order of
 * xlate_block(): scan fills out->insns, lowering walks them and emits.
 */
#ifndef UMBRA_XLATE_IMPL_H
#define UMBRA_XLATE_IMPL_H

#include "runtime/bits.h"
#include "emit.h"
#include "xlate.h"

/*
 * The register map of 16- and 32-bit guest code (DESIGN.md, 3). Everything
 * that knows where a guest register lives asks reg_host().
 */
struct regmap {
	u8 gpr[16]; /* host register of each guest register */
};

/* Host registers that the guest does not know. */
#define HR_ADDR H_R8  /* addresses; target of indirect branches */
#define HR_TMP	H_R9  /* dies at every call into glue */
#define HR_TMP2 H_R10 /* the same */
#define HR_WIN	H_R13 /* window base where GS cannot be it; else unused */
#define HR_KEEP H_R14 /* survives glue */
#define HR_CPU	H_R15

/* A guest memory operand before it is given a host form. */
struct gmem {
	s8 base, index; /* enum insn_reg or -1 */
	u8 scale;
	u8 seg;	   /* enum insn_seg */
	u8 adsize; /* 2 or 4 */
	s32 disp;
};

/* Code that lies behind the block: reached by a forward branch only. */
enum cold_kind {
	COLD_STUB,	 /* stub of exit arg */
	COLD_HASH,	 /* to guest eip arg through the hash */
	COLD_HELPER,	 /* to hsite arg, which does not come back */
	COLD_LOOP_RAISE, /* the same, after (e)cx has been counted back */
};

struct cold {
	u32 at;	 /* rel32 that leads here */
	u32 arg;
	u16 insn;
	u8 kind;
};
#define XLATE_MAX_COLD (XLATE_MAX_INSNS + 8)
/* Branches in the middle of a block; each has up to two exits. */
#define XLATE_MAX_BRANCHES 6

struct xlate {
	const struct xlate_in *in;
	const struct xmode *mode;
	struct xlate_out *out;
	const struct regmap *map;
	struct emit e;

	unsigned cur;		 /* index of the instruction being lowered */
	const struct insn *insn; /* and it */
	u32 eip, next;		 /* its eip, the one behind it */
	bool ac;		 /* EFLAGS.AC under XM_SMAP, as it is here */
	bool helper;		 /* its accesses take the helper form */
	int tlbsite;		 /* its hsite in access words, or -1 */
	u32 core_off, core_len;	 /* host code that is the instruction itself */
	u8 how;			 /* XHOW_INLINED, XHOW_HELPED, or undecided */
	bool ended;		 /* control does not reach what follows */
	s32 sp_off;		 /* esp is its host register plus this */
	bool sp_lazy;		 /* and the instruction can live with that */
	int bad_vector;		 /* exception of the last, undecodable one */

	unsigned nbranches; /* that the block goes on behind */
	unsigned ncold;
	struct cold cold[XLATE_MAX_COLD];
};

static inline unsigned reg_host(const struct xlate *x, unsigned guest)
{
	return x->map->gpr[guest];
}

/* Offset of a guest segment register's field in struct cpu, off r15. */
static inline struct hmem cpu_field(u32 off)
{
	return hmem_disp(HR_CPU, (s32)off);
}
#define CPU_MEM(field)	 cpu_field(offsetof(struct cpu, field))
#define SEG_MEM(n, fld)                                                       \
	cpu_field(offsetof(struct cpu, seg) + (n) * sizeof(struct seg) +      \
		  offsetof(struct seg, fld))

/* What was emitted since `from` is the guest's instruction itself. */
static inline void x_core(struct xlate *x, u32 from)
{
	x->core_off = from;
	x->core_len = x->e.len - from;
}

/* --- scan.c: decodes the block into out->insns */
enum xlate_err block_scan(struct xlate *x);
/* Decodes up to n instructions at eip for a look ahead; returns how many. */
unsigned block_peek(struct xlate *x, u32 eip, struct insn *v, unsigned n);

/* --- source.c: blocks that look whether their source is what it was */
u32 source_stale(struct xlate *x);
void source_check(struct xlate *x, u32 stale);
/* Which immediates are, and could be, read when they are needed. */
void source_soft(struct xlate *x);
void source_lower(struct xlate *x); /* such an instruction */
/* A checked block ends behind it: it may write to memory. */
bool source_ends_block(const struct insn *insn);

/* --- flags.c: true if the arithmetic flags are written before any reader,
 * with nothing but memory accesses in between (HAZARDS 23). */
bool flags_are_dead(const struct insn *v, unsigned n, unsigned stride);

/* --- tables (xlate.c) */
void x_site(struct xlate *x, enum site_kind kind, u8 aux, u8 aux2, bool rep);
unsigned x_hsite(struct xlate *x, int vector, u32 error);
void x_cold(struct xlate *x, enum cold_kind kind, u32 at, u32 arg);
/* The last four bytes emitted depend on an address. */
void x_reloc(struct xlate *x, enum xreloc_kind kind);
/* mov d(32), eip */
void x_mov_eip(struct xlate *x, unsigned d, u32 eip);
/* cmp d(32), eip */
void x_cmp_eip(struct xlate *x, unsigned d, u32 eip);
/* lea d(32), [s - eip] */
void x_sub_eip(struct xlate *x, unsigned d, unsigned s, u32 eip);
/* jmp or call through the hash to the guest address in r8d; r9, r10 */
void x_hash_jmp(struct xlate *x);
void x_hash_call(struct xlate *x);
/* The same to a constant address. */
void x_hash_jmp_to(struct xlate *x, u32 eip);
void x_hash_call_to(struct xlate *x, u32 eip);
/* Branches to glue. */
void x_glue_jmp(struct xlate *x, enum glue g);
void x_glue_call(struct xlate *x, enum glue g);
/* The instruction is C's; with `end` it does not come back. */
void x_helper(struct xlate *x, bool end);
/* The same by another way into C, that may do without it. */
void x_helper_by(struct xlate *x, enum glue g, bool end);
/* The instruction raises an exception. */
void x_raise(struct xlate *x, int vector, u32 error);

/* --- lower_mem.c */
struct gmem mem_of(const struct insn *insn);
/* [base + index << scale + disp] in host registers, as lea takes it */
struct hmem mem_plain(const struct xlate *x, const struct gmem *g);
/* r8d = offset of g in its segment, before the segment's base. */
void mem_offset(struct xlate *x, const struct gmem *g);
/*
 * Makes g ready for an access of size bytes; acc is ACC_READ and ACC_WRITE.
 * Uses r8 to r11; returns the host operand.
 */
struct hmem mem_operand(struct xlate *x, const struct gmem *g, unsigned size,
			u32 acc);
/* The same for an offset that is already in r8d. */
struct hmem mem_operand_r8(struct xlate *x, unsigned seg, unsigned size,
			   u32 acc);
/* Raises #GP(0) if the branch target in d (r8 or r14) lies beyond the CS limit;
 * may change the other one. */
void mem_check_target(struct xlate *x, unsigned size, unsigned d);
/* After the instruction's last write, when all its state is there. */
void mem_commit(struct xlate *x);
/* The same, but the instruction has still to branch: it starts over. */
void mem_commit_again(struct xlate *x);
/* The class of a segment for such an access. */
enum seg_class mem_class(const struct xlate *x, unsigned seg, u32 acc);
/* True if g gets a host operand without glue calls. */
bool mem_is_direct(const struct xlate *x, unsigned seg, u32 acc);

/* --- lower_copy.c */
void lower_copy(struct xlate *x);

/* --- lower_stack.c */
struct gmem stack_mem(const struct xlate *x, s32 disp);
/* sp += n, as wide as the stack is; uses r9 */
void stack_adjust(struct xlate *x, s32 n);
/* May esp stay apart from its register in this instruction? */
bool stack_is_lazy(const struct xlate *x);
/* Brings the register of esp up to date. */
void stack_settle(struct xlate *x);
/* Stores host register s at sp - size; leaves sp alone. */
void stack_store(struct xlate *x, unsigned size, unsigned s);
void lower_push(struct xlate *x);
void lower_pop(struct xlate *x);
void lower_pusha(struct xlate *x);
void lower_popa(struct xlate *x);
void lower_leave(struct xlate *x);
void lower_push_seg(struct xlate *x);
void lower_pushf(struct xlate *x);

/* --- lower_string.c */
void lower_string(struct xlate *x);
void lower_xlat(struct xlate *x);
void lower_maskmov(struct xlate *x);

/* --- lower_branch.c */
void lower_branch(struct xlate *x);
/* Undoes the count of a loop instruction. */
void lower_loop_undo(struct xlate *x);
/* Control goes on at guest eip `target` (end of a block). */
void branch_to(struct xlate *x, u32 target);

/* --- lower_system.c */
void lower_system(struct xlate *x);
/* stac and clac can be followed within the block. */
bool ac_is_tracked(const struct xlate *x);
/* AC is not as the block's mode has it: go on at eip in the mode that does. */
bool ac_has_changed(const struct xlate *x);
void ac_exit(struct xlate *x, u32 eip);
/* Rows that are C's, some of which the glue can repeat. */
void lower_helper(struct xlate *x, bool end);
void lower_salc(struct xlate *x);
/* Exception that CR0, CR4 or CPL make of the instruction, or -1. */
int system_gate(const struct xlate *x);

#endif
