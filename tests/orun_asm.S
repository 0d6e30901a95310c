/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orun_asm.S - the way into user code of the host, and out of it by signals.
 *
 * Offsets into struct orun_nat are pinned in orun_native.c. FS base is the
 * thread's own data in C: guest code runs without it, so the handler brings
 * it back before anything of C runs.
 */
	.intel_syntax noprefix
	.text

#define N_RIP 64
#define N_FLAGS 72
#define N_CS 80
#define N_SS 88
#define N_DS 96
#define N_ES 104
#define N_FS 112
#define N_GS 120
#define N_RSP 128
#define N_XIN 136
#define N_XOUT 144
#define N_XMASK 152
#define N_FSBASE 160
#define N_INSIDE 168
#define N_NOW_DS 172
#define N_NOW_ES 174
#define N_NOW_FS 176
#define N_NOW_GS 178

#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

/* void orun_enter(void): runs orun_nat */
	.globl orun_enter
orun_enter:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [rip + orun_nat + N_RSP], rsp
	mov rcx, [rip + orun_nat + N_XIN]
	mov eax, [rip + orun_nat + N_XMASK]
	xor edx, edx
	xrstor64 [rcx]
	mov dword ptr [rip + orun_nat + N_INSIDE], 1
	mov ds, [rip + orun_nat + N_DS]
	mov es, [rip + orun_nat + N_ES]
	mov fs, [rip + orun_nat + N_FS]
	mov gs, [rip + orun_nat + N_GS]
	push qword ptr [rip + orun_nat + N_SS]
	push qword ptr [rip + orun_nat + 32]
	push qword ptr [rip + orun_nat + N_FLAGS]
	push qword ptr [rip + orun_nat + N_CS]
	push qword ptr [rip + orun_nat + N_RIP]
	mov rax, [rip + orun_nat + 0]
	mov rcx, [rip + orun_nat + 8]
	mov rdx, [rip + orun_nat + 16]
	mov rbx, [rip + orun_nat + 24]
	mov rbp, [rip + orun_nat + 40]
	mov rsi, [rip + orun_nat + 48]
	mov rdi, [rip + orun_nat + 56]
	iretq

/* The handler of all signals; orun_signal() is the one in C. */
	.globl orun_handler
orun_handler:
	cmp dword ptr [rip + orun_nat + N_INSIDE], 0
	je orun_signal
	/* the host leaves the code's AC set in handlers */
	pushfq
	push 2
	popfq
	push rdi
	push rsi
	push rdx
	mov [rip + orun_nat + N_NOW_DS], ds
	mov [rip + orun_nat + N_NOW_ES], es
	mov [rip + orun_nat + N_NOW_FS], fs
	mov [rip + orun_nat + N_NOW_GS], gs
	xor eax, eax
	mov ds, eax
	mov es, eax
	mov gs, eax
	mov eax, SYS_arch_prctl
	mov edi, ARCH_SET_FS
	mov rsi, [rip + orun_nat + N_FSBASE]
	syscall
	pop rdx
	pop rsi
	pop rdi
	call orun_signal
	cmp dword ptr [rip + orun_nat + N_INSIDE], 0
	je 1f
	/* the code goes on: sigreturn takes ID and NT from here */
	mov ds, [rip + orun_nat + N_NOW_DS]
	mov es, [rip + orun_nat + N_NOW_ES]
	mov fs, [rip + orun_nat + N_NOW_FS]
	mov gs, [rip + orun_nat + N_NOW_GS]
	popfq
	ret
1:	add rsp, 8
	ret

/* Where the handler leads when user code has ended; rsp is that of N_RSP. */
	.globl orun_out
orun_out:
	cld
	mov rcx, [rip + orun_nat + N_XOUT]
	mov eax, [rip + orun_nat + N_XMASK]
	xor edx, edx
	xsave64 [rcx]
	fninit
	ldmxcsr [rip + orun_mxcsr]
	test eax, 4
	jz 1f
	vzeroupper
1:	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

	.section .rodata
orun_mxcsr:
	.long 0x1f80

	.comm orun_nat, 256, 64
	.section .note.GNU-stack, "", @progbits
