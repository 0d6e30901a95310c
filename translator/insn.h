/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn.h - a decoded guest instruction and the row of optab.def it is.
 *
 * insn_decode() is pure: bytes in, struct insn out. The row decides identity,
 * class, flags and memory reach; the decoder only splits fields (HAZARDS 1).
 */
#ifndef UMBRA_INSN_H
#define UMBRA_INSN_H

#include "runtime/base.h"

#define INSN_MAX_LEN 15

enum insn_map {
	MAP_1B,	  /* one-byte opcodes */
	MAP_0F,
	MAP_0F38,
	MAP_0F3A,
	MAP_NR
};

/* Mandatory prefix of the row; PFX_ANY rows ignore 66/f3/f2 for identity. */
enum insn_pfx {
	PFX_NONE,
	PFX_66,
	PFX_F3,
	PFX_F2,
	PFX_ANY,
	PFX_NOREP, /* 66 is the operand size, F3 and F2 do not match */
};

enum insn_seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_NR };

/* General registers in encoding order; r8..r15 follow. */
enum insn_reg { R_AX, R_CX, R_DX, R_BX, R_SP, R_BP, R_SI, R_DI };

/*
 * What the translator does with an instruction (DESIGN.md, 4).
 * COPY:   the instruction itself, with its registers and its explicit memory
 *	   operand mapped; no implicit memory, no implicit esp, nothing
 *	   sensitive. All of these go through one generic path.
 * REWRITE: own lowering, stays in generated code (push, movs, short inc, ...).
 * INLINE: system instructions with an inline form (cli, sti, pushf, ...).
 * HELPER: C does it, the block goes on after it.
 * HELPER_END: C does it and may change what follows (mode, CS, paging); the
 *	   block ends here and the next one is found again.
 * BRANCH: ends the block (jmp, jcc, call, ret, loop, jecxz).
 */
enum insn_class {
	CLS_COPY,
	CLS_REWRITE,
	CLS_INLINE,
	CLS_HELPER,
	CLS_HELPER_END,
	CLS_BRANCH,
};

/* What a register field names, so that esp can be mapped and AH be seen. */
enum insn_opkind {
	OPK_NONE,
	OPK_EXT,   /* modrm.reg is part of the opcode */
	OPK_R8,	   /* byte register; 4..7 are ah ch dh bh without REX */
	OPK_R,	   /* general register of operand size */
	OPK_R16,   /* general registers of fixed size */
	OPK_R32,
	OPK_R3264, /* 32 bits; 64 with REX.W in 64-bit code */
	OPK_SEG,
	OPK_CR,
	OPK_DR,
	OPK_MMX,
	OPK_XMM,   /* xmm, or ymm by VEX.L */
	OPK_MEM,   /* rm only: must be memory (mod != 3), else #UD */
	OPK_ST,	   /* x87 stack register */
};

/* How the explicit memory operand (modrm) or the implicit one is touched. */
enum insn_mem {
	MEM_NONE,  /* no access (also lea, nop, prefetch) */
	MEM_R,
	MEM_W,
	MEM_RW,
};

/*
 * Reach beyond base+index+disp (HAZARDS 16): such an instruction is refused
 * in plain direct form where 64-bit addressing is in use.
 */
enum insn_reach { REACH_PLAIN, REACH_BITOFF, REACH_GATHER, REACH_STRING };

/* CPUID feature a row needs; the CPUID policy says which are offered. */
enum insn_feat {
	FEAT_BASE,
#define FEAT(name, leaf, subleaf, reg, bit) FEAT_##name,
#include "feat.def"
#undef FEAT
	FEAT_NR
};

/* Instruction identities: OP_ADD, OP_MOV, ...; generated from optab.def. */
enum insn_op {
	OP_INVALID,
#define OPNAME(name) OP_##name,
#include "opnames.def"
#undef OPNAME
	OP_NR
};

/* Gate of a vector or x87 row: which CR0/CR4/XCR0 bits decide #UD or #NM. */
enum insn_gate {
	GATE_NONE,
	GATE_X87,   /* CR0.EM, TS: #NM */
	GATE_MMX,   /* EM: #UD, TS: #NM */
	GATE_SSE,   /* EM or no OSFXSR: #UD, TS: #NM */
	GATE_AVX,   /* no OSXSAVE or XCR0 without AVX: #UD, TS: #NM */
	GATE_WAIT,  /* MP and TS: #NM */
	GATE_XSAVE, /* no OSXSAVE: #UD, TS: #NM */
};

struct oprow {
	u16 op;		/* enum insn_op */
	u8 map, opcode; /* enum insn_map */
	u8 pfx;		/* enum insn_pfx */
	u8 ext;		/* required modrm.reg, or 0xff */
	u8 mod;		/* condition on modrm.mod and rm: MOD_* of optab.h */
	bool alt;	/* not the first row of its opcode */
	u8 vex;		/* 0 legacy; 1 VEX; conditions on L and W in rowflags */
	u8 cls;		/* enum insn_class */
	u8 reg, rm, vvvv; /* enum insn_opkind; reg also for opcode-embedded */
	u8 mem;		/* enum insn_mem */
	u8 memsize;	/* bytes of the memory operand; 0: operand size;
			   MSZ_* of optab.h, resolved in insn.memsize */
	u8 imm;		/* immediate bytes; IMM_* codes of optab.h */
	u8 reach;	/* enum insn_reach */
	u8 feat;	/* enum insn_feat */
	u8 gate;	/* enum insn_gate */
	u32 rowflags;	/* ROW_* */
	u16 flags_r;	/* EFLAGS (arithmetic and DF) read */
	u16 flags_w;	/* written for certain with defined values */
	u16 flags_m;	/* maybe written (shift by cl, rep scas, ...) */
	u16 flags_u;	/* left undefined; with flags_m: kept or undefined */
	const char *name;
};

#define ROW_LOCKABLE  0x0001 /* lock is allowed with a memory destination */
#define ROW_EMBEDDED  0x0002 /* register in the low three opcode bits */
#define ROW_ALIGNED   0x0004 /* #GP when a 16/32-byte operand is misaligned */
#define ROW_REP	      0x0008 /* f3/f2 mean rep/repne here (string, ins, outs) */
#define ROW_PRIV      0x0010 /* CPL must be 0 (#GP otherwise) */
#define ROW_USERFAULT 0x0020 /* may fault without memory (div, x87, into) */
#define ROW_NOT64     0x0040 /* #UD in 64-bit code */
#define ROW_ONLY64    0x0080 /* #UD outside it */
#define ROW_DEF64     0x0100 /* 64-bit operands by default there */
#define ROW_FORCE64   0x0200 /* 64-bit operands always there */
#define ROW_NOP90     0x0400 /* 90h alone: not 91..97, not with REX.B */
#define ROW_MODREG    0x0800 /* modrm.mod is ignored and taken for 3 */
#define ROW_PMODE     0x1000 /* #UD in real mode and vm86 (helper checks) */
#define ROW_L0	      0x2000 /* VEX.L must be 0 */
#define ROW_L1	      0x4000 /* VEX.L must be 1 */
#define ROW_W0	      0x8000 /* VEX.W or REX.W must be 0 */
#define ROW_W1	     0x10000 /* VEX.W or REX.W must be 1 */
#define ROW_L1_AVX2  0x20000 /* VEX.L = 1 needs AVX2 besides the row's bit */

struct insn {
	const struct oprow *row;
	u8 len;
	u8 mode;     /* 16, 32 or 64: default size it was decoded with */
	u8 opsize;   /* effective operand size: 2, 4 or 8 bytes (row OPK_R) */
	u8 adsize;   /* effective address size: 2, 4 or 8 */
	u8 seg;	     /* effective segment of the memory operand */
	u8 seg_over; /* segment override prefix present: enum insn_seg, or 0xff */
	bool lock;
	bool rep, repne; /* f3, f2 as written; of both, the last one only */
	bool pfx66;  /* operand-size prefix as written */
	bool vex;
	u8 rex;	     /* 64-bit mode only, else 0 */
	u8 opcode;   /* opcode byte as fetched (embedded register included) */
	bool has_modrm;
	u8 modrm, mod, reg, rm; /* reg, rm extended by REX/VEX bits */
	bool has_mem; /* modrm names memory (mod != 3) */
	s8 base;     /* register number, or -1; 16-bit forms are split too */
	s8 index;    /* register number, or -1; vector register for gathers */
	u8 scale;    /* log2 */
	bool rip_rel;
	u8 dispsize; /* bytes in the encoding */
	s32 disp;
	u8 vvvv, vexl, vexw; /* VEX fields; vvvv not inverted any more */
	u8 immsize;
	u8 memsize;  /* bytes of the explicit or implicit operand, also where a
			register takes the place of memory (one
			element for strings; 0 if none or state images) */
	u64 imm;     /* sign- or zero-extended as the row says; moffs here too */
	u16 imm2;    /* far pointer selector, enter level, second immediate */
};

enum insn_err {
	INSN_OK,
	INSN_FETCH,   /* the next byte could not be fetched */
	INSN_UD,      /* no row, feature not offered, or invalid form: #UD */
	INSN_TOOLONG, /* more than 15 bytes: #GP(0) */
};

/* ORed into mode: no VEX here (real mode, vm86); C4/C5 are LES/LDS. */
#define INSN_NO_VEX 0x100

/*
 * Decodes one instruction from buf (avail bytes, 1..15 used).
 * mode: 16, 32 or 64, with INSN_NO_VEX where it applies.
 * offered: bit n set if FEAT n is offered to the guest
 * (array of (FEAT_NR+63)/64 words); NULL means all.
 * INSN_FETCH means that more than avail bytes are needed. On INSN_UD
 * insn->len is the length consumed as far as it is known and row is NULL.
 * Lock misuse is INSN_UD. In 16/32-bit mode LES/LDS/BOUND against VEX, and
 * 66/f2/f3 precedence follow the SDM vol. 2 (2.1, 2.3).
 */
enum insn_err insn_decode(struct insn *insn, const u8 *buf, size_t avail,
			  int mode, const u64 *offered);

/*
 * Memory bytes of state-image instructions (fnsave, fxsave, ...), else 0. For
 * the xsave family it is the whole standard area with AVX, the largest offered.
 */
unsigned insn_image_size(const struct insn *insn);

/*
 * EFLAGS of this very instruction: the row's columns, refined by rep prefix
 * and shift count. A flag in both *m and *u is kept or left undefined; one in
 * *u alone never keeps its value for certain.
 */
void insn_flags(const struct insn *insn, u16 *r, u16 *w, u16 *m, u16 *u);

/*
 * Bytes of the general register that an operand of this kind names (OPK_R8 to
 * OPK_R3264), 0 for the other kinds.
 */
unsigned insn_opk_size(const struct insn *insn, enum insn_opkind kind);

/* All rows, for tests and tools. */
extern const struct oprow optab[];
extern const unsigned optab_nr;

#endif
