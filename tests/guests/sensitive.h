/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive.h - a snippet run in real mode, in virtual-8086 mode and at CPL 0
 * to 3, and what to check of it: for the sensitive_* guests.
 *
 * Each snippet is assembled twice, as 32-bit and as 16-bit code; operands are
 * written with 32-bit registers, so both do the same. Real and V86 code is
 * copied to 0000:8010, its segments are 0, and it ends with INT3; 32-bit code
 * stays where it is and ends with INT 0x40. The label 77, by default the first
 * byte, is the instruction that the checks speak of. EBX points to BUF.
 *
 * Sub-tests are called INSTRUCTION.PRIVILEGE: tests/sensitive.pl looks for each
 * that tests/sensitive.def asks for.
 */
#ifndef SENSITIVE_H
#define SENSITIVE_H

#include "guest.h"

enum { REAL, VM86, RING0, RING1, RING2, RING3, PRIVS };

enum {
	BUF = 0x6000,	     /* data below 64 KiB */
	REAL_IN = 0x7e00,    /* see lib/real.S */
	REAL_OUT = 0x7e20,
	TRAP_SAVE = 0x7f00,  /* what the real-mode stubs store */
	CODE_LOW = 0x8000,   /* loads EFLAGS, then the snippet */
	SNIP_LOW = 0x8010,
	STUBS_LOW = 0x9000,
	REAL_SP = 0x7c00,
	REAL_CS = 0x320, REAL_DS = 0x328,
};

struct snip {
	const char *at32, *f32, *end32;
	const char *at16, *f16, *end16;
};

#define SNIP2(name, text32, text16)                                           \
	asm(".pushsection .text\n.balign 16\n"                                \
	    #name "_32: 77:\n" text32 "\n" #name "_32e: int 0x40\n"           \
	    ".set " #name "_32f, 77b\n.balign 16\n.code16\n"                  \
	    #name "_16: 77:\n" text16 "\n" #name "_16e: int3\n"               \
	    ".set " #name "_16f, 77b\n.code32\n.popsection");                 \
	extern const char name##_32[], name##_32f[], name##_32e[],            \
		name##_16[], name##_16f[], name##_16e[];                      \
	static const struct snip name = { name##_32, name##_32f, name##_32e,  \
					  name##_16, name##_16f, name##_16e }
#define SNIP(name, text) SNIP2(name, text, text)

extern char real_tramp[], real_tramp_end[];
void real_enter(void);

/*
 * Real-mode vectors: CALL pushes which one; all is stored, registers are left
 * alone, and the way back is that of a snippet which returns.
 */
extern char sens_stubs[], sens_stubs_end[], sens_start[], sens_start_end[];
asm(".pushsection .text\n.code16\n"
    "sens_stubs: .rept 256; .byte 0xe8; .word 1f - . - 2; nop; .endr\n"
    "1: pop word ptr cs:[0x7f00]; pop word ptr cs:[0x7f04];"
    "pop word ptr cs:[0x7f08]; pop word ptr cs:[0x7f0c];"
    "mov cs:[0x7f10], esp; mov word ptr cs:[0x7f14], ss;"
    "mov word ptr cs:[0x7f18], ds; mov word ptr cs:[0x7f1c], es;"
    "mov word ptr cs:[0x7f20], fs; mov word ptr cs:[0x7f24], gs;"
    "lss sp, cs:[0x7f28]; ret\n"
    "sens_stubs_end:\n"
    "sens_start: push dword ptr cs:[0x7f2c]; popfd\n"
    "sens_start_end: .code32\n.popsection");

static const struct snip *sens_ran;
static struct regs sens_before;
static int sens_priv;

static inline int cpl_of(int p)
{
	return p == REAL ? 0 : p == VM86 ? 3 : p - RING0;
}

/* Where the snippet and its marked instruction lie at this privilege. */
static inline u32 sens_base(int p, const struct snip *s)
{
	return p < RING0 ? SNIP_LOW : ADDR(s->at32);
}

static inline u32 sens_mark(int p, const struct snip *s)
{
	return sens_base(p, s) + (p < RING0 ? (u32)(s->f16 - s->at16) :
					      (u32)(s->f32 - s->at32));
}

static inline u32 sens_end(int p, const struct snip *s)
{
	return sens_base(p, s) + (p < RING0 ? (u32)(s->end16 - s->at16) :
					      (u32)(s->end32 - s->at32));
}

static inline void priv_init(struct regs *r, int p)
{
	regs_init(r, 0, cpl_of(p));
	r->ebx = BUF;
	if (p >= RING0)
		return;
	r->cs = r->ss = r->ds = r->es = r->fs = r->gs = 0;
	r->esp = REAL_SP - 2;
	if (p == VM86)
		r->efl |= EFL_VM;
}

static inline void real_copy(const struct snip *s)
{
	u32 n = (u32)(sens_start_end - sens_start);

	memcpy((void *)0x7000, real_tramp, (u32)(real_tramp_end - real_tramp));
	memcpy((void *)STUBS_LOW, sens_stubs,
	       (u32)(sens_stubs_end - sens_stubs));
	memset((void *)CODE_LOW, 0x90, SNIP_LOW - CODE_LOW);
	memcpy((void *)CODE_LOW, sens_start, n);
	memcpy((void *)SNIP_LOW, s->at16, (u32)(s->end16 - s->at16) + 1);
}

static inline void real_run(struct regs *r, const struct snip *s)
{
	volatile u32 *save = (volatile u32 *)TRAP_SAVE;

	real_copy(s);
	for (u32 i = 0; i < 256; i++)
		MEM32(i * 4) = STUBS_LOW + i * 4;
	gdt_put(REAL_CS, seg_desc(0, 0xffff, A_CODE, 0));
	gdt_put(REAL_DS, seg_desc(0, 0xffff, A_DATA, 0));
	memset((void *)TRAP_SAVE, 0, 64);
	save[10] = REAL_SP - 2;
	save[11] = r->efl;
	memcpy((void *)REAL_IN, r, 32);
	real_enter();
	asm volatile("push 2; popfd" : : : "memory", "cc");
	tables_init_again();
	memcpy(r, (void *)REAL_OUT, 32);
	r->vec = (save[0] - STUBS_LOW - 3) / 4;
	r->err = NOERR;
	r->eip = save[1];
	r->cs = save[2];
	r->efl = save[3];
	r->esp = save[4];
	r->ss = save[5];
	r->ds = save[6];
	r->es = save[7];
	r->fs = save[8];
	r->gs = save[9];
}

/* Runs *s at privilege p with the registers of *r, up to its first trap. */
static inline void priv_run(struct regs *r, int p, const struct snip *s)
{
	sens_ran = s;
	sens_priv = p;
	sens_before = *r;
	if (p == REAL) {
		real_run(r, s);
	} else {
		if (p == VM86)
			memcpy((void *)SNIP_LOW, s->at16,
			       (u32)(s->end16 - s->at16) + 1);
		r->eip = sens_base(p, s);
		run(r);
	}
	if (p < RING0 && r->vec == VEC_BP && r->eip == sens_end(p, s) + 1 &&
	    r->err == NOERR)
		r->vec = VEC_END;
}

/* It came to its end, still in its mode. */
static inline void ends(const struct regs *r)
{
	check_that("vector (end)", r->vec, VEC_END);
	check_that("eip (end)", r->eip,
		   sens_end(sens_priv, sens_ran) + (sens_priv < RING0 ? 1 : 2));
	if (sens_priv != REAL)
		check_that("VM", !!(r->efl & EFL_VM), sens_priv == VM86);
}

/* The marked instruction faulted and changed no register. */
static inline void faults(const struct regs *r, u32 vec, u32 err)
{
	check_that("vector", r->vec, vec);
	check_that("error code", r->err, sens_priv == REAL ? NOERR : err);
	check_that("eip", r->eip, sens_mark(sens_priv, sens_ran));
	if (sens_mark(sens_priv, sens_ran) == sens_base(sens_priv, sens_ran)) {
		check_that("registers", memcmp(r, &sens_before, 16), 0);
		check_that("esi", r->esi, sens_before.esi);
		check_that("edi", r->edi, sens_before.edi);
		check_that("esp", r->esp, sens_before.esp);
		check_that("eflags", r->efl & ~(EFL_RF | EFL_FIXED1),
			   sens_before.efl & ~EFL_FIXED1 &
			   (sens_priv == REAL ? 0xffff : ~0u));
	}
}

/* The marked instruction, len bytes long, was a software interrupt. */
static inline void interrupts(const struct regs *r, u32 vec, u32 len)
{
	check_that("vector", r->vec, vec);
	check_that("no error code", r->err, NOERR);
	check_that("eip", r->eip, sens_mark(sens_priv, sens_ran) + len);
}

/* A snippet of bytes made at run time, for both widths. */
static u8 sens_bytes[64];
static struct snip sens_made;

static inline const struct snip *make_snip(int p, const void *bytes, u32 len)
{
	const char *c = (const char *)sens_bytes;

	memset(sens_bytes, 0x90, sizeof(sens_bytes));
	memcpy(sens_bytes, bytes, len);
	memcpy(sens_bytes + len, p < RING0 ? "\xcc\x90" : "\xcd\x40", 2);
	sens_made = (struct snip){ c, c, c + len, c, c, c + len };
	BARRIER();
	return &sens_made;
}

struct sens_test {
	const char *name;
	void (*fn)(int p);
};

static inline void begin_at(const char *name, int p)
{
	static const char *const privs[] = { "real",  "vm86",  "ring0",
					     "ring1", "ring2", "ring3" };
	static char buf[40];
	u32 n = 0;

	finish();
	while (*name && n < 30)
		buf[n++] = *name++;
	buf[n++] = '.';
	for (const char *s = privs[p]; *s; s++)
		buf[n++] = *s;
	buf[n] = 0;
	begin(buf);
}

/* Each test at each privilege, then all but real mode with paging on. */
static inline void sens_all(const struct sens_test *t, u32 n)
{
	for (int paging = 0; paging < 2; paging++) {
		if (paging)
			identity_on();
		for (u32 i = 0; i < n; i++)
			for (int p = paging ? VM86 : REAL; p < PRIVS; p++) {
				begin_at(t[i].name, p);
				t[i].fn(p);
			}
	}
}

#endif
