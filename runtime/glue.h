/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * glue.h - the assembly between C and generated code (glue.S).
 *
 * The code between glue_blob and glue_blob_end is position independent and
 * is copied to the start of each code cache; the glue_at_* labels give
 * offsets in it. enter() and resume() stay in the program's text.
 */
#ifndef UMBRA_GLUE_H
#define UMBRA_GLUE_H

#include "cpu.h"
#include "exit.h"
#include "log.h"

/* Runs generated code at host with the state in *c, until an exit. */
enum exit_reason glue_enter(struct cpu *c, u64 host);

/*
 * Goes on where c->fault says, with exactly those host registers. Unless
 * diverted is set, a pending kick makes it return EXIT_KICK at once.
 */
enum exit_reason glue_resume(struct cpu *c, bool diverted);

extern const u8 glue_blob[], glue_blob_end[];
extern const u8 glue_at_miss[], glue_at_hash[], glue_at_hash_end[];
extern const u8 glue_at_direct[], glue_at_helper[], glue_at_tlb[];
extern const u8 glue_at_seg[], glue_at_commit_none[], glue_at_commit_slow[];
extern const u8 glue_at_sentinel[], glue_at_probe[];
/* [test, end) of each way back from C into generated code: a kick that
 * arrives there rewinds to test (HAZARDS 33). */
extern const u8 glue_at_back_test[], glue_at_back_end[];
/* Leaf glue that was called from a block: [rsp] is the return address. */
extern const u8 glue_at_leaf[], glue_at_leaf_end[];
/* Changes of privilege and segments, glue_sys.S: called from a block and leaf
 * glue up to sys_leaf_end; [test, end) as above, r8 the eip to go on at. */
extern const u8 glue_at_int[], glue_at_iret[], glue_at_sysenter[];
extern const u8 glue_at_sysexit[], glue_at_segload[];
extern const u8 glue_at_popf[], glue_at_ac[];
extern const u8 glue_at_sys_leaf[], glue_at_sys_leaf_end[];
extern const u8 glue_at_trans_test[], glue_at_trans_end[];
/* Text-resident counterparts. */
extern const u8 glue_enter_test[], glue_enter_end[], glue_enter_kick[];
extern const u8 glue_resume_test[], glue_resume_end[], glue_resume_kick[];
extern const u8 glue_leave_fault[];

/* Saves vector state to area by xsave (or fxsave where xcr0 is 0) and loads
 * the state C expects; the other way round. */
void glue_fpu_save(void *area, u64 xcr0);
void glue_fpu_load(const void *area, u64 xcr0);

/* log_vprintf() with the vector registers saved around it. */
void glue_heavy_log(enum log_subsys s, const char *fmt, va_list *ap);

#endif
