/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlate.h - the translator: guest bytes in, host bytes and tables out.
 *
 * Pure: no I/O, no system calls; guest bytes come only through the fetch
 * callback, host bytes go only to the buffer given. The runtime owns all
 * memory.
 */
#ifndef UMBRA_XLATE_H
#define UMBRA_XLATE_H

#include "runtime/base.h"
#include "runtime/cpu.h"
#include "insn.h"

/* How data accesses through a segment register are emitted (HAZARDS 11). */
enum seg_class {
	SEGC_FLAT,    /* base 0, limit 4 GiB, readable and writable */
	SEGC_FLAT_RO, /* the same, but writes fault (checked form) */
	SEGC_BASED,   /* base from struct cpu, limit 4 GiB, read-write */
	SEGC_CHECKED, /* everything else: glue checks lo, hi, rights */
};

/*
 * Everything that changes what the same bytes mean (HAZARDS 28). The runtime
 * interns it; two equal descriptions have one id.
 */
struct xmode {
	u8 code_bits;  /* 16, 32 or 64 */
	u8 stack_bits; /* 16, 32 or 64 */
	u8 cpl;
	u8 segc[SEG_NR]; /* enum seg_class; CS is for data accesses */
	u8 mem_form;   /* enum mem_form of ordinary accesses */
	u32 flags;     /* XM_* */
	u64 cs_base;   /* linear = cs_base + eip, modulo 2^32 */
	u32 cs_limit;  /* last valid eip */
	u32 drx;       /* 1: execute breakpoints may be on (one-insn blocks) */
};

#define XM_PE	    0x0001 /* protected mode (and not vm86) */
#define XM_VM	    0x0002 /* vm86 */
#define XM_IF_OK    0x0004 /* cli/sti/popf may change IF: CPL <= IOPL */
#define XM_IO_OK    0x0008 /* in/out need no TSS bitmap check */
#define XM_TS	    0x0010 /* CR0.TS: vector and x87 rows raise #NM */
#define XM_EM	    0x0020 /* CR0.EM: x87 rows raise #NM, SSE rows #UD */
#define XM_MP	    0x0040 /* wait raises #NM if TS */
#define XM_OSFXSR   0x0080 /* SSE rows allowed (else #UD) */
#define XM_AVX	    0x0100 /* CR4.OSXSAVE and XCR0 has SSE|AVX (else #UD) */
#define XM_TSD	    0x0200 /* rdtsc at CPL > 0 is #GP */
#define XM_UMIP	    0x0400 /* sgdt... at CPL > 0 are #GP */
#define XM_TF	    0x0800 /* single-step: one instruction, then leave */
#define XM_ALIGN    0x1000 /* #AC may be raised: accesses in checked helper
			      form */
#define XM_VME	    0x2000 /* VME or PVI virtual IF rules: cli/sti helper */
#define XM_TSC_HELPER 0x4000 /* rdtsc goes to C */
#define XM_SMAP	    0x8000 /* CPL < 3 under SMAP: EFLAGS.AC is part of the mode, */
#define XM_AC	    0x10000 /* and set: accesses take the helper form */

enum mem_form {
	FORM_DIRECT, /* through the window */
	FORM_HELPER, /* through the software TLB (#AC on, breakpoints) */
};

/* Glue entry points: offsets from the start of the code cache. */
enum glue {
	GLUE_MISS,     /* r8d: eip; hash miss */
	GLUE_HASH,     /* r8d: eip; hash jump, preserves flags */
	GLUE_DIRECT,   /* called by a stub, leaves with EXIT_DIRECT */
	GLUE_HELPER,   /* call; r8d: hsite number, r9: block word */
	GLUE_TLB,      /* call; r8d: linear, r9d: access word; r8: hva after;
			  preserves flags, may clobber r9-r11 */
	GLUE_SEG,      /* call; r8d: offset, r9d: access word; r8d: linear after;
			  preserves flags, may clobber r9-r11 */
	/* GLUE_HELPER without C where the runtime knows what comes of it: */
	GLUE_INT,      /* r14d: vector, r10d: return eip; does not come back */
	GLUE_IRET,     /* does not come back, like the next two */
	GLUE_SYSENTER,
	GLUE_SYSEXIT,
	GLUE_POPF,     /* r14d: flags, r10d: EFLAGS.IF if it may change */
	GLUE_AC,       /* call; r8d: eip; EFLAGS.AC is not that of the block's
			  mode: goes on in the mode that has it */
	GLUE_PROBE,    /* call; r9: block word. Comes back with everything kept
			  but r8-r11 */
	GLUE_SEGLOAD,  /* r14d: TRANS_LOAD() (trans.h), r10d: next eip */
	GLUE_NR
};

/*
 * Access word of GLUE_TLB and GLUE_SEG: bits 0..11 bytes, bit 12 write, bit
 * 13 read, bits 16..18 segment, bits 19..31 hsite number (for C: which
 * instruction this is). Read-modify-write sets both bits.
 */
#define ACC_WRITE     (1u << 12)
#define ACC_READ      (1u << 13)
#define ACC_SEG_SHIFT 16
#define ACC_SITE_SHIFT 19

/*
 * State of a host address range inside a block with respect to the guest
 * instruction it belongs to; for faults and kicks (DESIGN.md, 5).
 */
enum site_kind {
	SITE_PLAIN,  /* guest registers are those before the instruction */
	SITE_BIASED, /* rsi (aux & 1), rdi (aux & 2) hold host addresses: guest
			value = host - window - (segment base, aux & 4: rsi's,
			aux & 8: rdi's; base of segment aux2 for rsi, ES for
			rdi); rcx, rsi, rdi make progress (rep) */
	SITE_SWAPPED, /* low and high byte of register aux are exchanged */
	SITE_BORROWED, /* guest register aux is in scratch register aux2 (host
			number), restore it */
	SITE_AFTER,  /* the instruction is complete, eip is the next one's */
	SITE_GLUE,   /* entry checks and the like: state before site's insn */
	SITE_LOOKUP, /* a look-up in the hash: a kick lets it start over */
};

struct xsite {
	u32 host_off; /* from the block's first byte; valid up to the next */
	u16 insn;     /* index into insns[] */
	u8 kind, aux;
	u8 aux2;
	u8 rep;	      /* the host instruction here is a rep string op: a kick
			 may leave in its middle */
	s16 sp_off;   /* the guest's esp is its register plus this */
};

enum xexit_kind {
	XEXIT_JUMP, /* jmp or jcc rel32 */
	XEXIT_CALL, /* call rel32 of a pair */
	XEXIT_CONT, /* jmp rel32 behind a landing site */
};

/* A direct exit that can be chained: a rel32 and its stub. */
#define XLATE_STUB_BYTES 5 /* call GLUE_DIRECT */
struct xexit {
	u32 patch_off; /* of the rel32 field */
	u32 stub_off;
	u32 target;    /* guest eip */
	u8 kind;
	u8 same_page;  /* target in the block's own (single) guest page; else far */
};

/* A landing site: where a return pair's host ret arrives. */
struct xlanding {
	u32 off; /* 5 patchable bytes (jmp rel32) start here */
};

/* An instruction that C carries out, or an exception the block raises. */
struct xhsite {
	u16 insn;   /* index into insns[] */
	s16 vector; /* >= 0: raise this exception, with error */
	u32 error;
	u8 tlb;	    /* only named by GLUE_TLB/GLUE_SEG access words */
	u8 end;	    /* C does not come back into the block */
};

/*
 * A place in the code that depends on the guest address or on the host
 * address; all have four bytes. Everything else in a block is relative to the
 * block or to struct cpu.
 */
enum xreloc_kind {
	XRELOC_EIP,	/* a guest address */
	XRELOC_EIP_NEG, /* minus a guest address, modulo 2^32 */
	XRELOC_SLOT,	/* offset of a guest address's slot in the hash */
	XRELOC_HOST,	/* rel32 to a fixed host address: glue */
};

/* Offset in the hash of guest address eip (struct cpu.hash). */
#define X_SLOT(eip) (((u32)(eip) & 0xffff) * 8)

struct xreloc {
	u32 off; /* of the field */
	u8 kind;
};

/* How a guest instruction runs. */
enum xinsn_how {
	XHOW_SAME,	/* its own bytes and nothing else */
	XHOW_COPIED,	/* one instruction that is it, other registers or
			   prefixes */
	XHOW_REWRITTEN, /* several, or another one that does the same */
	XHOW_INLINED,	/* a system instruction without C */
	XHOW_HELPED,	/* C, or an exception of its own */
	XHOW_NR
};

struct xinsn {
	u32 eip;
	u8 raw[INSN_MAX_LEN]; /* the bytes, for listings */
	u8 how;		      /* enum xinsn_how */
	struct insn insn;
};

#define XLATE_MAX_INSNS 64
#define XLATE_MAX_SITES 1024
#define XLATE_MAX_EXITS 16
#define XLATE_MAX_HSITES 512
#define XLATE_MAX_RELOCS 1024

/*
 * Moves one such place by eip guest bytes and host host bytes. The rel32 of a
 * branch to glue moves the other way, since its target stays; the caller
 * knows that it still reaches.
 */
static inline void xreloc_apply(enum xreloc_kind kind, u8 *at, u32 eip,
				u64 host)
{
	u32 v;

	__builtin_memcpy(&v, at, 4);
	switch (kind) {
	case XRELOC_EIP:
		v += eip;
		break;
	case XRELOC_EIP_NEG:
		v -= eip;
		break;
	case XRELOC_SLOT:
		v = X_SLOT(v / X_SLOT(1) + eip);
		break;
	case XRELOC_HOST:
		v -= (u32)host;
		break;
	}
	__builtin_memcpy(at, &v, 4);
}

/* Fetches up to n bytes at linear address la that lie in ONE page.
 * Returns the number of bytes, or -1: the fetch faults. */
typedef int xlate_fetch_fn(void *opaque, u64 la, u8 *buf, unsigned n);

struct xlate_in {
	const struct xmode *mode;
	u32 eip;
	unsigned max_insns;  /* 1..XLATE_MAX_INSNS */
	u32 max_bytes;	     /* no instruction may begin so many bytes behind eip,
				0: or anywhere */
	bool pairs;	     /* host call/ret pairs */
	bool far;	     /* direct exits out of the page are chainable too */
	bool fsgsbase;	     /* gs: addressing; else r13 is the window base */
	bool bmi2;
	bool transitions;    /* GLUE_INT and its kind may be used */
	bool strict_flags;   /* landing sites never clobber (HAZARDS 23) */
	const u64 *features; /* offered, for insn_decode() */
	xlate_fetch_fn *fetch;
	bool (*helper_site)(void *opaque, u32 eip); /* site in helper form? */
	/* Where the host sees the guest byte at linear address la, for as long
	 * as the block lives. Not NULL: the block is *checked*, see source.c. */
	const u8 *(*source)(void *opaque, u64 la);
	/* Of a checked block: bit n: the immediate of instruction n changes so
	 * often that it is to be read when it is needed, and not compared. */
	u64 soft;
	void *opaque;
	const u32 *glue;     /* offsets by enum glue */
	u64 cache;	     /* host address where the code cache runs */
	/* Shall whoever comes to eip be told (GLUE_PROBE)? A block is told of
	 * at its entry, as a whole, and then ends at each branch. May be NULL. */
	bool (*probe)(void *opaque, u32 eip);
	/* For the listing: the name at a linear address, or NULL. May be NULL. */
	const char *(*symbol)(void *opaque, u64 la, u32 *offset);
	void *symbol_opaque;
};

static_assert(XLATE_MAX_INSNS <= 64, "xlate_out.helpers is one word");

struct xlate_out {
	u8 *buf;      /* where bytes are written (RW alias) */
	u32 cap;      /* bytes available; XLATE_MAX_BYTES always suffice */
	u64 host;     /* the address at which buf will run */
	u32 size;     /* bytes written; all of the following are results */
	u32 entry;    /* offset of the direct entry */
	u32 checked;  /* offset of the indirect entry: compares r8d with eip */
	u32 chain;    /* offset of what exits are chained to: entry, or for a block
			 that crosses a page a look-up in the hash, since its
			 second page must hold each time */
	u32 blockword; /* offset of an aligned u64 that the runtime fills; r9 at
			  GLUE_HELPER is loaded from it */
	unsigned ninsns, nsites, nexits, nhsites, nlandings, nrelocs;
	u32 guest_len; /* bytes of guest code covered */
	bool crosses;  /* the (only) instruction crosses a page end */
	bool fixed;    /* depends on its eip in more ways than relocs say */
	bool checked_src; /* compares its source: in->source was given */
	bool probed;   /* its entry is told of */
	u64 soft;      /* bit n: so it is with instruction n */
	u64 softable;  /* bit n: so it could be: its last four bytes */
	u64 helpers;   /* bit n: in->helper_site() was true for instruction n */
	struct xinsn insns[XLATE_MAX_INSNS];
	struct xsite sites[XLATE_MAX_SITES];
	struct xexit exits[XLATE_MAX_EXITS];
	struct xlanding landings[XLATE_MAX_EXITS];
	struct xhsite hsites[XLATE_MAX_HSITES];
	struct xreloc relocs[XLATE_MAX_RELOCS];
};

#define XLATE_MAX_BYTES	 32768
#define XLATE_INSN_BYTES 512 /* bound for one instruction and its cold code */

enum xlate_err {
	XLATE_OK,
	XLATE_FETCH, /* the first instruction cannot be fetched: the fault is at
			out->insns[0].eip; out->guest_len bytes were readable
			(so the faulting byte is eip + guest_len) */
	XLATE_LIMIT, /* the first instruction is beyond the CS limit: #GP(0) */
};

/*
 * Translates the block at in->eip. Undefined, too long and forbidden
 * instructions become raise sites (xhsite.vector) and end the block. A
 * later instruction that cannot be fetched ends the block before it.
 */
enum xlate_err xlate_block(const struct xlate_in *in, struct xlate_out *out);

/*
 * Makes out, the translation of a block, that of the same bytes at guest
 * address eip, to run at address host: copies the code to buf, patches it, and
 * brings the tables up to date. Chained exits are back at their stubs and the
 * block word is 0, as after xlate_block(). The offset in the page must be the
 * same, and host the same modulo XLATE_ALIGN.
 *
 * False, and nothing has changed: the block cannot be moved there, because of
 * a branch with 16-bit operands, the limit of CS or the end of the address
 * space. Which sites have helper form is not asked again.
 */
bool xlate_relocate(struct xlate_out *out, u8 *buf, u64 host, u32 eip);
#define XLATE_ALIGN 8

#endif
