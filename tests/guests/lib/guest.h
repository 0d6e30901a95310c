/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - what a bare guest may use: output, sub-tests, run(), tables.
 *
 * A guest defines guest_main(). It makes sub-tests with begin() and the
 * check_ functions; a failed check prints one FAIL line and the guest goes on. The
 * exit status is the number of failed sub-tests. Everything runs on one CPU,
 * flat segments, paging off unless the guest turns it on.
 *
 * Beware: the guests are compiled with -masm=intel, so no C symbol may be
 * an operator or register of that syntax (eq, and, shl, offset, cr4 ...).
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/bits.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The state run() loads and gives back; offsets are known to start.S. */
struct regs {
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 eip, efl;
	u32 cs, ss, ds, es, fs, gs;
	u32 vec, err, cr2; /* the trap that ended the run; err ~0: none */
	u32 hesp, hss;	   /* the handler's stack as it was entered */
	u32 raw[10];	   /* what lay on it */
};

/* Selectors of the tables that lib/tables.c keeps. */
enum {
	KCS = 0x08, KDS = 0x10,
	CS1 = 0x19, DS1 = 0x21,
	CS2 = 0x2a, DS2 = 0x32,
	UCS = 0x3b, UDS = 0x43,
	TSS_SEL = 0x48, LDT_SEL = 0x50,
	FREE_SEL = 0x60, /* from here on the tests' own */
};

#define VEC_END 0x40 /* INT 0x40, DPL 3: the end of a snippet */
#define NOERR (~0u)

/*
 * A snippet of code: labels NAME, NAME_end (the INT that ends it) and, if the
 * text defines it with F(NAME), NAME_f, the instruction of interest.
 */
#define CODE(name, ...)                                                       \
	asm(".pushsection .text\n.balign 16\n.globl " #name "\n" #name        \
	    ":\n" __VA_ARGS__ "\n" #name "_end:\n.globl " #name "_end\n"      \
	    "int 0x40\n.popsection");                                         \
	extern char name[], name##_end[], name##_f[]
#define F(name) "\n.globl " #name "_f\n" #name "_f:\n"

/* The same for 16-bit code; it ends in HLT, which V86 mode refuses. */
#define CODE16(name, ...)                                                     \
	asm(".pushsection .text\n.balign 16\n.code16\n.globl " #name "\n" \
	    #name ":\n" __VA_ARGS__ "\n" #name "_end:\n.globl " #name      \
	    "_end\nhlt\n.code32\n.popsection");                              \
	extern char name[], name##_end[], name##_f[]

#define ADDR(x) ((u32)(uintptr_t)(x))

/* Output and sub-tests (lib/report.c). */
void put_char(int c);
void put_str(const char *s);
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void begin(const char *name);
void check_that(const char *what, u32 got, u32 want);
void check_true(const char *what, bool ok);
void finish(void);
void guest_exit(u32 code) __attribute__((noreturn));
extern bool on_tcg;

/*
 * Sub-tests where QEMU's TCG is known to depart from the SDM. They are run
 * there too, but a failure prints "skip" with the reason and is not counted.
 * tcg_skip() tells whether NAME is one, for those that must not be started.
 */
struct tcg_skip {
	const char *name;
	const char *reason;
};
extern const struct tcg_skip tcg_skips[];
bool tcg_skip(const char *name);

/* Trap machinery (lib/trap.c). */
extern u8 trap_stubs[];
extern char run_iret[];
extern bool trap_noerr;	 /* no error code is pushed: software INT */
extern bool trap_gate16; /* the gate used is a 16-bit one */
extern int (*trap_hook)(struct regs *r); /* 1: go on from *r; 0: end */
void run(struct regs *r);
void regs_init(struct regs *r, const void *code, int cpl);
void run_at(struct regs *r, const void *code, int cpl); /* init + run */
void check_trap(const struct regs *r, u32 vec, u32 err, const void *eip);
void check_end(const struct regs *r, const void *end);
/* Pushed EFLAGS, RF aside: RF has tests of its own in debug.c. */
void check_efl(const char *what, const struct regs *r, u32 want);
#define CHECK_END(r, name) check_end(r, name##_end)
#define CHECK_TRAP(r, vec, err, name) check_trap(r, vec, err, name##_f)

/* Descriptor tables (lib/tables.c). */
struct tss {
	u16 link, r0;
	u32 esp0, ss0, esp1, ss1, esp2, ss2;
	u32 cr3, eip, efl;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
	u8 io[8192 + 1];
} __attribute__((packed, aligned(4)));

extern u64 gdt[128];
extern u64 idt[256];
extern u64 ldt[64];
extern struct tss tss;

enum { /* access bytes, present, DPL 0 */
	A_DATA = 0x92, A_DATA_RO = 0x90, A_DATA_DOWN = 0x96,
	A_CODE = 0x9a, A_CODE_X = 0x98, A_CODE_CONF = 0x9e,
	A_LDT = 0x82, A_TSS16 = 0x81, A_TSS = 0x89, A_TSS_BUSY = 0x8b,
	G_CALL16 = 0x84, G_TASK = 0x85, G_INT16 = 0x86, G_TRAP16 = 0x87,
	G_CALL = 0x8c, G_INT = 0x8e, G_TRAP = 0x8f,
	A_ACCESSED = 1, A_P = 0x80,
};
#define A_DPL(n) ((n) << 5)
#define SEG_B 4 /* flags nibble */
#define SEG_G 8

u64 seg_desc(u32 base, u32 limit, u32 access, u32 flags);
u64 gate_desc(u32 sel, u32 offset_, u32 access, u32 params);
void tables_init(void);
void tables_init_again(void); /* after real mode: GDTR, IDTR only */
void idt_reset(void);
void idt_dpl(int vec, int dpl);
void gdt_put(u32 sel, u64 desc);
static inline u32 stub_addr(int vec)
{
	return ADDR(trap_stubs) + vec * 16;
}

extern char main_stack[], main_stack_top[], ring0_stack[], ring0_stack_top[],
	ring1_stack[], ring1_stack_top[], ring2_stack[], ring2_stack_top[],
	test_stack[], test_stack_top[];

/* Memory (lib/memory.c). The pool is 16 MiB..48 MiB, zeroed pages. */
u32 page_alloc(void);
u32 pages_alloc(u32 n);
u32 big_alloc(void); /* 4 MiB, so aligned */
void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
/* Maps or unmaps the 4 KiB page at va, which is out of the identity map. */
void page_map(u32 va, u32 pa, u32 flags);
void page_unmap(u32 va);
/* Paging on with 4 MiB identity pages, user and writable, no PAE. */
u32 identity_on(void);

/* Instructions. */
#define RD(name, insn)                                                        \
	static inline u32 rd_##name(void)                                     \
	{                                                                     \
		u32 v;                                                        \
		asm volatile("mov %0, " insn : "=r"(v));                      \
		return v;                                                     \
	}                                                                     \
	static inline void wr_##name(u32 v)                                   \
	{                                                                     \
		asm volatile("mov " insn ", %0" : : "r"(v) : "memory");       \
	}
RD(c0, "cr0")
RD(c2, "cr2")
RD(c3, "cr3")
RD(c4, "cr4")
RD(d0, "dr0")
RD(d1, "dr1")
RD(d2, "dr2")
RD(d3, "dr3")
RD(d6, "dr6")
RD(d7, "dr7")
#undef RD

static inline void invlpg(u32 va)
{
	asm volatile("invlpg [%0]" : : "r"(va) : "memory");
}

static inline void out8(u16 port, u8 v)
{
	asm volatile("out dx, al" : : "a"(v), "d"(port));
}

static inline u8 in8(u16 port)
{
	u8 v;

	asm volatile("in al, dx" : "=a"(v) : "d"(port));
	return v;
}

struct cpuid {
	u32 a, b, c, d;
};

static inline struct cpuid cpuid_of(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 rd_msr(u32 n)
{
	u64 v;

	asm volatile("rdmsr" : "=A"(v) : "c"(n));
	return v;
}

static inline void wr_msr(u32 n, u64 v)
{
	asm volatile("wrmsr" : : "A"(v), "c"(n) : "memory");
}

static inline u64 rd_tsc(void)
{
	u64 v;

	asm volatile("rdtsc" : "=A"(v));
	return v;
}

#define BARRIER() asm volatile("" : : : "memory")
#define MEM32(a)  (*(volatile u32 *)(uintptr_t)(a))
#define MEM16(a)  (*(volatile u16 *)(uintptr_t)(a))
#define MEM8(a)	  (*(volatile u8 *)(uintptr_t)(a))

void guest_main(void);

#endif
