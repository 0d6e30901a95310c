/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowrun_asm.S - enters guest bytes natively and translated blocks, and the
 * smallest glue that the latter can live with (see lowrun.h).
 *
 * Offsets into struct low_nat are pinned in lowrun.c.
 */
#include "asm-offsets.h"

	.intel_syntax noprefix
	.text

#define N_RIP 64
#define N_FLAGS 72
#define N_CS 80
#define N_SS 88
#define N_DS 96
#define N_ES 104
#define N_RSP 112
#define N_MARK 120
#define N_XIN 128
#define N_XOUT 136
#define N_FS 144
#define N_GS 152
#define N_FSBASE 160

	.macro push_callee
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	.endm

	.macro pop_callee
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	.endm

	.macro vector_load from
	mov rcx, \from
	mov eax, 7
	xor edx, edx
	xrstor64 [rcx]
	.endm

	.macro vector_store to
	mov rcx, \to
	mov eax, 7
	xor edx, edx
	xsave64 [rcx]
	.endm

	.macro vector_init
	fninit
	ldmxcsr [rip + low_mxcsr]
	vzeroupper
	.endm

/* void low_native(void): runs low_nat */
	.globl low_native
low_native:
	push_callee
	mov [rip + low_nat + N_RSP], rsp
	vector_load [rip + low_nat + N_XIN]
	mov eax, [rip + low_nat + N_DS]
	mov ds, eax
	mov eax, [rip + low_nat + N_ES]
	mov es, eax
	mov eax, [rip + low_nat + N_GS]
	mov gs, eax
	mov eax, [rip + low_nat + N_FS]
	test eax, eax
	jz 1f
	rdfsbase rcx
	mov [rip + low_nat + N_FSBASE], rcx
	mov fs, eax
1:	push qword ptr [rip + low_nat + N_SS]
	push qword ptr [rip + low_nat + 32]
	push qword ptr [rip + low_nat + N_FLAGS]
	push qword ptr [rip + low_nat + N_CS]
	push qword ptr [rip + low_nat + N_RIP]
	mov rax, [rip + low_nat + 0]
	mov rcx, [rip + low_nat + 8]
	mov rdx, [rip + low_nat + 16]
	mov rbx, [rip + low_nat + 24]
	mov rbp, [rip + low_nat + 40]
	mov rsi, [rip + low_nat + 48]
	mov rdi, [rip + low_nat + 56]
	iretq

/* The two ways out: fall through, branch taken. */
	.globl low_native_fall, low_native_taken, low_native_out
low_native_fall:
	mov qword ptr [rip + low_nat + N_MARK], 1
	jmp 1f
low_native_taken:
	mov qword ptr [rip + low_nat + N_MARK], 2
1:	mov [rip + low_nat + 0], rax
	mov [rip + low_nat + 8], rcx
	mov [rip + low_nat + 16], rdx
	mov [rip + low_nat + 24], rbx
	mov [rip + low_nat + 32], rsp
	mov [rip + low_nat + 40], rbp
	mov [rip + low_nat + 48], rsi
	mov [rip + low_nat + 56], rdi
	mov eax, 0x2b
	mov ss, eax
	mov rsp, [rip + low_nat + N_RSP]
	pushfq
	pop rax
	mov [rip + low_nat + N_FLAGS], rax
low_native_out:
	cld
	mov eax, 0
	mov ds, eax
	mov es, eax
	mov gs, eax
	cmp qword ptr [rip + low_nat + N_FS], 0
	je 1f
	mov fs, eax
	mov rcx, [rip + low_nat + N_FSBASE]
	wrfsbase rcx
1:
	vector_store [rip + low_nat + N_XOUT]
	vector_init
	pop_callee
	ret

/* void low_enter(struct cpu *, void *code) */
	.globl low_enter
low_enter:
	push_callee
	mov r15, rdi
	mov [rip + low_xl + 8], rsi
	mov [r15 + CPU_C_RSP], rsp
	vector_load [rip + low_xl + 40]
	mov rax, [rip + low_xl + 24]
	test rax, rax
	jz 1f
	wrgsbase rax
1:	mov r13, [rip + low_xl + 32]
	mov rsp, [r15 + CPU_PAIR_RSP]
	cmp byte ptr [r15 + CPU_DF], 0
	je 1f
	std
1:	mov ax, [r15 + CPU_FLAGS_AH]
	xchg al, ah
	add al, 0x7f
	sahf
	mov rax, [r15 + 0]
	mov rcx, [r15 + 8]
	mov rdx, [r15 + 16]
	mov rbx, [r15 + 24]
	mov r12, [r15 + 32]
	mov rbp, [r15 + 40]
	mov rsi, [r15 + 48]
	mov rdi, [r15 + 56]
	mov r8, [rip + low_xl + 56]
	mov r9, 0x5a5a5a5a5a5a5a5a
	mov r10, r9
	mov r11, r9
	mov r14, r9
	jmp [rip + low_xl + 8]

	.macro glue name, reason
	.globl low_g_\name
low_g_\name:
	mov dword ptr [rip + low_xl], \reason
	.endm

	glue miss 1
	mov [r15 + CPU_RIP], r8
	jmp low_leave
	glue hash 2
	mov [r15 + CPU_RIP], r8
	jmp low_leave
	glue direct 3
	pop r8
	lea r8, [r8 - STUB_BYTES]
	mov [r15 + CPU_EXIT_STUB], r8
	jmp low_leave
	glue helper 4
	mov [rip + low_xl + 16], r8
	mov [rip + low_xl + 64], r9
low_leave:
	mov [r15 + CPU_PAIR_RSP], rsp
	mov [r15 + 0], rax
	mov [r15 + 8], rcx
	mov [r15 + 16], rdx
	mov [r15 + 24], rbx
	mov [r15 + 32], r12
	mov [r15 + 40], rbp
	mov [r15 + 48], rsi
	mov [r15 + 56], rdi
	lahf
	seto al
	xchg al, ah
	mov [r15 + CPU_FLAGS_AH], ax
	mov rsp, [r15 + CPU_C_RSP]
	pushfq
	pop rax
	mov [rip + low_xl + 72], rax
	.globl low_out
low_out:
	cld
	vector_store [rip + low_xl + 48]
	vector_init
	pop_callee
	ret

	.macro poison
	mov r9, 0x6b6b6b6b6b6b6b6b
	mov r10, r9
	mov r11, r9
	.endm

	.globl low_g_tlb, low_g_seg, low_g_commit
low_g_tlb:
	mov r9, [r15 + CPU_WINDOW]
	lea r8, [r8 + r9]
	poison
	ret

low_g_seg:
	pushfq
	push rax
	push rcx
	mov eax, r9d
	shr eax, 16
	and eax, 7
	shl eax, 5
	lea r10, [r15 + rax + CPU_SEG]
	test r9d, 1 << 12
	jz 2f
	cmp byte ptr [r10 + SEG_WRITABLE], 0
	je 1f
2:	test r9d, 1 << 13
	jz 2f
	cmp byte ptr [r10 + SEG_READABLE], 0
	je 1f
2:	cmp r8d, [r10 + SEG_LO]
	jb 1f
	mov ecx, r9d
	and ecx, 0xfff
	lea rcx, [r8 + rcx - 1]
	mov eax, [r10 + SEG_HI]
	cmp rcx, rax
	ja 1f
	mov eax, [r10 + SEG_BASE]
	lea r8d, [r8 + rax]
	pop rcx
	pop rax
	popfq
	poison
	ret
1:	pop rcx
	pop rax
	popfq
	mov dword ptr [rip + low_xl], 5
	mov [rip + low_xl + 64], r9
	jmp low_leave

low_g_commit:
	mov dword ptr [rip + low_xl + 80], 1
	mov r8, 0x7c7c7c7c7c7c7c7c
	poison
	ret

	.section .rodata
low_mxcsr:
	.long 0x1f80

	.comm low_nat, 256, 64
	.comm low_xl, 128, 64
	.section .note.GNU-stack, "", @progbits
