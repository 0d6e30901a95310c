/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys_env.h - a vCPU over a flat array, for the tests of system state and
 * instructions: linear addresses are offsets into env.mem, pages can be made
 * absent or read-only, and instructions come as bytes.
 */
#ifndef UMBRA_SYS_ENV_H
#define UMBRA_SYS_ENV_H

#include <check.h>
#include <string.h>

#include "runtime/sys_impl.h"

#define MEM_SIZE (2u << 20)
#define MEM_PAGES (MEM_SIZE / 4096)

/* Where things lie, and selectors of the usual descriptors. */
#define AT_GDT	  0x1000u
#define AT_IDT	  0x2000u
#define AT_TSS	  0x3000u
#define AT_TSS2	  0x4000u
#define AT_LDT	  0x5000u
#define AT_STACK0 0x10000u /* top of the ring 0 stack of the TSS */
#define AT_STACK  0x20000u /* top of the current stack */
#define AT_CODE	  0x30000u
#define AT_DATA	  0x40000u

enum {
	SEL_CODE0 = 0x08, SEL_DATA0 = 0x10, SEL_CODE3 = 0x1b, SEL_DATA3 = 0x23,
	SEL_TSS = 0x28, SEL_TSS2 = 0x30, SEL_LDT = 0x38, SEL_CODE16 = 0x40,
	SEL_DATA16 = 0x48, SEL_CONF = 0x50, SEL_FREE = 0x58,
	/* 0x58 and up are free for the test */
};

/* Access bytes. */
#define ACC_DATA0 0x93
#define ACC_CODE0 0x9b
#define ACC_DATA3 0xf3
#define ACC_CODE3 0xfb
#define ACC_CONF0 0x9f

struct sys_env {
	u8 mem[MEM_SIZE];
	u8 absent[MEM_PAGES], readonly[MEM_PAGES], mmio[MEM_PAGES];
	struct vcpu v;
	struct umbra_run run;
	struct umbra_host host;
	bool mmu_refuses;
	unsigned mmu_updates;
	u32 invlpg;
	bool flush_moves_code; /* flushes end fetch translations */
	u64 fetch_zaps;
};

extern struct sys_env env;

/* Protected mode, paging off, ring 0, all tables in place. */
struct vcpu *env_protected(void);
/* The same at ring 3, with code and data of DPL 3. */
struct vcpu *env_user(void);
struct vcpu *env_real(void);
struct vcpu *env_vm86(unsigned iopl);

void env_desc(u16 sel, u32 base, u32 limit, u8 access, u8 flags);
void env_gate(u8 vector, u16 sel, u32 off, u8 access);
void env_call_gate(u16 at, u16 sel, u32 off, u8 access, unsigned params);
void env_put32(u32 at, u32 val);
void env_put16(u32 at, u16 val);
u32 env_get32(u32 at);
u16 env_get16(u32 at);

/* Decodes one instruction for the current code size and executes it. */
enum hret env_run(const void *bytes, unsigned len);
#define RUN(...)                                                              \
	env_run((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))

/* The registers, for "a fault leaves them as they were". */
struct env_regs {
	u64 gpr[8], rip;
	u32 eflags;
	struct seg seg[CPU_NSEG], ldt, tr;
	u64 cr0, cr3, cr4;
	u8 cpl;
};
void env_save(struct env_regs *r);
bool env_unchanged(const struct env_regs *r);

#define EXC_IS(vec, err)                                                      \
	do {                                                                  \
		ck_assert(env.v.exc.pending);                                 \
		ck_assert_uint_eq(env.v.exc.vector, vec);                     \
		ck_assert_uint_eq(env.v.exc.error, err);                      \
	} while (0)

#endif
