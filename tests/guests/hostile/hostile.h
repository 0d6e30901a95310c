/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile.h - what the parts of the hostile guest share.
 *
 * The guest does one kind of mischief ("mode=NAME") from one seed ("seed=N")
 * until somebody ends it, and prints a dot now and then. What goes wrong with
 * itself it repairs; where it cannot, it resets: both are legal, and the
 * runner, tests/hostile.pl, only judges the monitor. A contained mode checks
 * its own results too: a line "FAIL check ..." is a failure.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "guest.h"

/* Frames that code may do anything with, and where they are seen. */
enum { ARENA_PAGES = 64 };
#define ARENA_BYTES (ARENA_PAGES * 4096u)
#define ARENA_U 0x50000000u /* user */
#define ARENA_S 0x58000000u /* the same frames, supervisor */
#define LOW	0x9000u	    /* V86 code: pages 9 to 31, identity, user */
#define WINDOW	0x60000000u /* tables.c: page tables at random, up to 16 MiB */
#define RWU	(PTE_P | PTE_W | PTE_U)
#define RWS	(PTE_P | PTE_W)

extern u32 arena; /* physical */
extern u32 dir;	  /* what CR3 leads to, mostly */
extern bool pae;

u32 rnd(void);
static inline u32 below(u32 n)
{
	return rnd() % n;
}
static inline bool chance(u32 n)
{
	return !below(n);
}

/* A contained mode found the machine wrong. */
void wrong(const char *what, u32 got, u32 want);

/* Runs *r under the watchdog: an NMI ends it within milliseconds. */
void run_watched(struct regs *r);
/* CR0, CR3, CR4, DR7, the tables, TR and LDTR as they were. */
void repair(void);
/* Chips the watchdog and the dots need; the page at LAPIC too. */
void repair_board(void);
/* A directory entry of the address space that everything runs in. */
void dir_put(u32 va, u64 entry);

/* gen.c: random code. */
struct gen {
	u32 at, end; /* linear addresses of the bytes to write */
};
void gen_byte(struct gen *g, u32 v);
void gen_32(struct gen *g, u32 v);
void gen_noise(u32 at, u32 bytes);
void gen_insn(struct gen *g);	    /* one plausible instruction */
void gen_code(u32 at, u32 bytes);   /* many, then INT 0x40 */
void regs_random(struct regs *r, u32 base, int cpl);

/* One step of a mode each. */
void mode_jump(void);
void mode_ring0(void);
void mode_ring3(void);
void mode_vm86(void);
void mode_fill(void);
void mode_smc(void);
void mode_pairs(void);
void mode_tables(void);
void mode_wild_tables(void);
void mode_ports(void);
void mode_mmio(void);
void mode_system(void);
void mode_segments(void);

#endif
