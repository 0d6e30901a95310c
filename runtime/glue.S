/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * glue.S - the ways into generated code, out of it, and around in it.
 *
 * r15 is the struct cpu throughout. Registers and flags of the guest are in
 * the host's registers as DESIGN.md section 3 says, esp in r12. Nothing here
 * may change the guest's flags except where they have been stored.
 */
#include "asm-offsets.h"

	.intel_syntax noprefix

/* Stores the guest's general registers and arithmetic flags. Clobbers rax. */
.macro STORE_GUEST
	mov	[r15+CPU_GPR+0], rax
	mov	[r15+CPU_GPR+8], rcx
	mov	[r15+CPU_GPR+16], rdx
	mov	[r15+CPU_GPR+24], rbx
	mov	[r15+CPU_GPR+32], r12
	mov	[r15+CPU_GPR+40], rbp
	mov	[r15+CPU_GPR+48], rsi
	mov	[r15+CPU_GPR+56], rdi
	lahf
	xchg	al, ah			/* ah cannot stand beside r15 */
	mov	[r15+CPU_FLAGS_AH], al
	seto	byte ptr [r15+CPU_FLAGS_OF]
	cld
.endm

/* Loads them, DF included. */
.macro LOAD_GUEST
	cld
	cmp	byte ptr [r15+CPU_DF], 0
	je	.Ldf\@
	std
.Ldf\@:	movzx	eax, byte ptr [r15+CPU_FLAGS_AH]
	xchg	al, ah
	mov	al, [r15+CPU_FLAGS_OF]
	add	al, 0x7f		/* OF = (al == 1) */
	sahf
	mov	rcx, [r15+CPU_GPR+8]
	mov	rdx, [r15+CPU_GPR+16]
	mov	rbx, [r15+CPU_GPR+24]
	mov	r12, [r15+CPU_GPR+32]
	mov	rbp, [r15+CPU_GPR+40]
	mov	rsi, [r15+CPU_GPR+48]
	mov	rdi, [r15+CPU_GPR+56]
	mov	rax, [r15+CPU_GPR+0]
.endm

/* Undoes the frame that glue_enter and glue_resume make. */
.macro RETURN_TO_C
	add	rsp, 8
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret
.endm

/* c_rsp ends up 16-byte aligned: 6 registers, 8 bytes, return address. */
.macro FRAME
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, 8
	mov	r15, rdi
	mov	[r15+CPU_C_RSP], rsp
.endm

/* The window base goes to r13, and to GS where the host can (HAZARDS 12). */
.macro LOAD_WINDOW
	mov	r13, [r15+CPU_WINDOW]
	cmp	byte ptr [r15+CPU_USE_GS], 0
	je	.Lnogs\@
	wrgsbase r13
.Lnogs\@:
.endm

.macro GLOBAL name
	.globl	\name
	.hidden	\name
\name:
.endm

	.text

/* enum exit_reason glue_enter(struct cpu *c, u64 host) */
GLOBAL glue_enter
	FRAME
	mov	r11, rsi
GLOBAL glue_enter_test
	cmp	dword ptr [r15+CPU_KICK], 0
	jne	glue_enter_kick
	LOAD_WINDOW
	mov	rsp, [r15+CPU_PAIR_RSP]
	LOAD_GUEST
	jmp	r11
GLOBAL glue_enter_end

GLOBAL glue_enter_kick
	mov	rsp, [r15+CPU_C_RSP]
	cld
	mov	eax, X_EXIT_KICK
	RETURN_TO_C

/* enum exit_reason glue_resume(struct cpu *c, bool diverted) */
GLOBAL glue_resume
	FRAME
	test	sil, sil
	jnz	.Lresume
GLOBAL glue_resume_test
	cmp	dword ptr [r15+CPU_KICK], 0
	jne	glue_resume_kick
.Lresume:
	LOAD_WINDOW
	push	qword ptr [r15+CPU_FAULT_RFLAGS]
	popfq
	mov	rax, [r15+CPU_FAULT_REG+0]
	mov	rcx, [r15+CPU_FAULT_REG+8]
	mov	rdx, [r15+CPU_FAULT_REG+16]
	mov	rbx, [r15+CPU_FAULT_REG+24]
	mov	rsp, [r15+CPU_FAULT_REG+32]
	mov	rbp, [r15+CPU_FAULT_REG+40]
	mov	rsi, [r15+CPU_FAULT_REG+48]
	mov	rdi, [r15+CPU_FAULT_REG+56]
	mov	r8, [r15+CPU_FAULT_REG+64]
	mov	r9, [r15+CPU_FAULT_REG+72]
	mov	r10, [r15+CPU_FAULT_REG+80]
	mov	r11, [r15+CPU_FAULT_REG+88]
	mov	r12, [r15+CPU_FAULT_REG+96]
	mov	r13, [r15+CPU_FAULT_REG+104]
	mov	r14, [r15+CPU_FAULT_REG+112]
	jmp	qword ptr [r15+CPU_FAULT_RIP]
GLOBAL glue_resume_end

GLOBAL glue_resume_kick
	mov	rsp, [r15+CPU_C_RSP]
	cld
	mov	eax, X_EXIT_KICK
	RETURN_TO_C

/* The SIGSEGV handler stored cpu.fault and sent us here. */
GLOBAL glue_leave_fault
	mov	rsp, [r15+CPU_C_RSP]
	mov	eax, X_EXIT_FAULT
	RETURN_TO_C

/* void glue_fpu_save(void *area, u64 xcr0) */
GLOBAL glue_fpu_save
	test	rsi, rsi
	jz	1f
	mov	eax, esi
	xor	edx, edx
	xsave64	[rdi]
	test	esi, 4
	jz	2f
	vzeroupper
	jmp	2f
1:	fxsave64 [rdi]
2:	fninit
	mov	dword ptr [rsp-4], 0x1f80	/* red zone */
	ldmxcsr	[rsp-4]
	ret

/* void glue_fpu_load(const void *area, u64 xcr0) */
GLOBAL glue_fpu_load
	test	rsi, rsi
	jz	1f
	mov	eax, esi
	xor	edx, edx
	xrstor64 [rdi]
	ret
1:	fxrstor64 [rdi]
	ret

/* void glue_heavy_log(enum log_subsys s, const char *fmt, va_list *ap)
 * The vector registers go to the C stack: 576 bytes and AVX by xsave where
 * log_xcr0 says that there is one, else fxsave. */
GLOBAL glue_heavy_log
	push	rbp
	mov	rbp, rsp
	push	rbx
	sub	rsp, 2048
	and	rsp, -64
	mov	rbx, rdx
	mov	r10, rdi
	lea	rdi, [rsp+512]		/* the header must be zero */
	mov	ecx, 8
	xor	eax, eax
	rep stosq
	mov	rdi, rsp
	mov	r11, rsi
	mov	rsi, [rip+log_xcr0]
	call	glue_fpu_save
	mov	rdi, r10
	mov	rsi, r11
	mov	rdx, rbx
	call	log_vprintf
	mov	rdi, rsp
	mov	rsi, [rip+log_xcr0]
	call	glue_fpu_load
	mov	rbx, [rbp-8]
	leave
	ret

/* ------------------------------------------------------------------ */
	.balign	64
GLOBAL glue_blob

/* r8d: eip. Not found, or the block there is another's: leave. */
GLOBAL glue_at_miss
	mov	[r15+CPU_RIP], r8
	mov	r10d, X_EXIT_HASH
leave:	/* r10d: reason */
	STORE_GUEST
	mov	[r15+CPU_PAIR_RSP], rsp
	mov	rsp, [r15+CPU_C_RSP]
	mov	eax, r10d
	RETURN_TO_C

/* Called by a stub. */
GLOBAL glue_at_direct
	pop	r8
	lea	r8, [r8-STUB_BYTES]
	mov	[r15+CPU_EXIT_STUB], r8
	mov	r10d, X_EXIT_DIRECT
	jmp	leave

/* The bottom of the pair stack: a return that has no pair. */
GLOBAL glue_at_sentinel
	mov	rsp, [r15+CPU_PAIR_TOP]

/* r8d: eip. The target compares r8d itself; no flags are touched. */
	.balign	16
GLOBAL glue_at_hash
	movzx	r9d, r8w
	mov	r10, [r15+CPU_HASH]
	jmp	[r10+r9*8]
GLOBAL glue_at_hash_end

/* Everything up to leaf_end was called from a block and pushes nothing while
 * its registers are the guest's. */
	.balign	16
GLOBAL glue_at_leaf

GLOBAL glue_at_commit_none
	ret

/* r8d: linear address, r9d: access word -> r8: host address. */
	.balign	16
GLOBAL glue_at_tlb
	mov	r10, rax
	seto	al
	lahf
	mov	[r15+CPU_SPILL], rcx
	mov	ecx, r9d		/* crosses a page? */
	and	ecx, 0xfff
	lea	ecx, [rcx+r8-1]
	xor	ecx, r8d
	test	ecx, 0xfffff000
	jnz	tlb_slow
	mov	r11d, r8d
	shr	r11d, 12
	and	r11d, TLB_INDEX_MASK
	shl	r11d, 5
	add	r11, [r15+CPU_TLB]
	mov	ecx, r8d
	and	ecx, 0xfffff000
	test	r9d, X_ACC_WRITE
	jnz	1f
	cmp	rcx, [r11+TLB_RTAG]
	jne	tlb_slow
	jmp	2f
1:	cmp	rcx, [r11+TLB_WTAG]
	jne	tlb_slow
2:	add	r8, [r11+TLB_ADDEND]
	mov	rcx, [r15+CPU_SPILL]
	add	al, 0x7f
	sahf
	mov	rax, r10
	ret

/* r8d: offset, r9d: access word -> r8d: linear address (SDM vol. 3, 5.3). */
	.balign	16
GLOBAL glue_at_seg
	mov	r10, rax
	seto	al
	lahf
	mov	[r15+CPU_SPILL], rcx
	mov	ecx, r9d
	shr	ecx, X_ACC_SEG_SHIFT
	and	ecx, 7
	shl	ecx, 5
	lea	r11, [r15+rcx+CPU_SEG]
	test	r9d, X_ACC_WRITE
	jz	1f
	cmp	byte ptr [r11+SEG_WRITABLE], 0
	je	seg_slow
1:	test	r9d, X_ACC_READ
	jz	2f
	cmp	byte ptr [r11+SEG_READABLE], 0
	je	seg_slow
2:	cmp	r8d, [r11+SEG_LO]
	jb	seg_slow
	mov	ecx, r9d
	and	ecx, 0xfff
	lea	ecx, [rcx+r8-1]		/* last byte */
	cmp	ecx, r8d		/* wrapped past 4 GiB? */
	jb	seg_slow
	cmp	ecx, [r11+SEG_HI]
	ja	seg_slow
	add	r8d, [r11+SEG_BASE]
	mov	rcx, [r15+CPU_SPILL]
	add	al, 0x7f
	sahf
	mov	rax, r10
	ret

tlb_slow:
	mov	rcx, [r15+CPU_SPILL]
	add	al, 0x7f
	sahf
	mov	rax, r10
	mov	r11, [r15+CPU_TLB_MISS]
	jmp	to_c
seg_slow:
	mov	rcx, [r15+CPU_SPILL]
	add	al, 0x7f
	sahf
	mov	rax, r10
	mov	r11, [r15+CPU_SEG_FAULT]
	jmp	to_c
GLOBAL glue_at_commit_slow
	mov	r11, [r15+CPU_COMMIT_FN]
	jmp	to_c
/* r9: block word: a block is entered whose entries are told of */
	.balign	16
GLOBAL glue_at_probe
	mov	r11, [r15+CPU_PROBE]
	jmp	to_c
/* r8d: hsite, r9: block word */
	.balign	16
GLOBAL glue_at_helper
	mov	r11, [r15+CPU_HELPER]
to_c:
	STORE_GUEST
GLOBAL glue_at_leaf_end
	pop	qword ptr [r15+CPU_RET_PC]	/* C may drop the pair stack */
	mov	[r15+CPU_PAIR_RSP], rsp
	mov	rsp, [r15+CPU_C_RSP]
	mov	rdi, r15
	mov	esi, r8d
	mov	rdx, r9
	call	r11			/* 0: leave, else the new r8 */
	test	rax, rax
	jz	leave_helper
	mov	[r15+CPU_SPILL], rax
GLOBAL glue_at_back_test
	cmp	dword ptr [r15+CPU_KICK], 0
	jne	back_kick
back_now:
	mov	r8, [r15+CPU_SPILL]
	mov	rsp, [r15+CPU_PAIR_RSP]
	push	qword ptr [r15+CPU_RET_PC]
	LOAD_GUEST
	ret
GLOBAL glue_at_back_end
back_kick:
	mov	rdi, r15
	call	qword ptr [r15+CPU_DIVERT]
	jmp	back_now
leave_helper:
	mov	eax, X_EXIT_HELPER
	RETURN_TO_C

#include "glue_sys.S"

GLOBAL glue_blob_end
	.section .note.GNU-stack,"",@progbits
