/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debug_code.S - guest code of tests/test_debug.c: 32-bit pieces that are copied
 * to guest address 0x1000.
 */
	.intel_syntax noprefix
	.section .rodata
	.code32

.macro PIECE name
	.globl	\name
\name:
.endm

/* The next numbered instruction of `line`. */
.macro I number, insn:vararg
l\number:
	\insn
.endm

/* All kinds of instructions that a step may be. */
PIECE line
	I 0, mov eax, 1
	I 1, call l3
	I 2, jmp l6
	I 3, push ebp
	I 4, pop ebp
	I 5, ret
	I 6, mov ecx, 3
	I 7, loop l7
	I 8, push ds
	I 9, pop ss
	I 10, inc ecx
	I 11, pushfd
	I 12, pop edx
	I 13, in al, 0x11
	I 14, out 0x12, al
	I 15, mov dword ptr [ebx], 7
	I 16, mov esi, [ebx + 4]
	I 17, add esi, [ebx + 8]
	I 18, mov eax, cr0
	I 19, mov cr0, eax
	I 20, int 0x40
	I 21, sti
	I 22, cli
	I 23, ud2
	I 24, mov edi, [ebx + 12]
	I 25, mov ecx, 2
	I 26, rep insb
	I 27, mov [0x9100], esi
	I 28, jmp l28
	I 29, iretd
	I 30, add dword ptr [esp], 2
	I 31, iretd
PIECE line_end
	.globl	line_isr, line_ud, line_trace, line_trace_end, line_sti
	.set	line_isr, l29
	.set	line_ud, l30
	.set	line_sti, l21
/* Where each step leads to. */
line_trace:
	.irp	n, 1, 3, 4, 5, 2, 6, 7, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	.short	l\n - line
	.endr
	.irp	n, 17, 18, 19, 20, 29, 21, 22, 23, 30, 31, 24, 25, 26, 26, 27
	.short	l\n - line
	.endr
	.irp	n, 28, 28, 28
	.short	l\n - line
	.endr
line_trace_end:

/* A loop of calls and jumps that is hot before anything is set. */
PIECE hot
	xor	eax, eax
	xor	ecx, ecx
1:	call	hot_call
PIECE hot_back
	inc	ecx
	cmp	ecx, edx
	jne	1b
	out	0x10, eax
	jmp	hot
PIECE hot_call
	inc	eax
PIECE hot_mid
	jmp	hot + 0x1000
PIECE hot_end

/* at hot + 0x1000: the next page */
PIECE hot2
	add	eax, 2
PIECE hot2_mid
	ret
PIECE hot2_end

/* Interrupts that come while it is stepped. */
PIECE quiet
	sti
	nop
1:	inc	eax
	jmp	1b
PIECE quiet_isr
	out	0x20, al
	iretd
PIECE quiet_end

/* Sleeps. */
PIECE sleeps
	sti
	hlt
	inc	eax
	out	0x10, eax
	cli
	hlt
PIECE sleeps_isr
	iretd
PIECE sleeps_end

/* Accesses of all kinds around [ebx], at privilege 3. */
PIECE touch
	mov	eax, [ebx]
	mov	[ebx], eax
	add	[ebx], eax
	movups	xmm0, [ebx - 12]
	movups	[ebx - 15], xmm0
	mov	byte ptr [ebx - 1], 0
	mov	byte ptr [ebx + 4], 0
	mov	eax, [ebx - 4]
	mov	eax, [ebx + 4]
	fld	qword ptr [ebx - 4]
	fstp	qword ptr [ebx - 4]
	mov	eax, 66
	bts	dword ptr [ebx - 8], eax
	bts	dword ptr [ebx - 8], 31
	push	dword ptr [ebx]
	pop	dword ptr [ebx]
	xchg	esp, ebx
	push	eax
	push	eax
	pop	eax
	pop	eax
	push	fs
	pop	fs
	pushad
	popad
	call	2f
2:	pop	eax
	xchg	esp, ebx
	lea	esi, [ebx - 8]
	lea	edi, [ebx + 64]
	mov	ecx, 4
	rep movsd
	lea	edi, [ebx - 8]
	mov	ecx, 4
	rep stosb
	mov	ecx, 8
	rep stosb
	lea	esi, [ebx]
	lodsd
	cmpxchg	[ebx], ecx
	cmpxchg8b [ebx - 2]
	fnsave	[ebx + 4]
	lea	edx, [ebx + 0x100]
	fxsave	[edx]
	mov	eax, [ebx - 0x802]
	mov	[ebx + 0x7fe], eax
	mov	al, [ebx + 0x801]
	out	0x10, al
PIECE touch_end
PIECE touch_isr
	out	0x21, al
	iretd
PIECE touch_isr_end

/* What is set by the client. */
PIECE state
	movups	[0x9000], xmm5
	fst	qword ptr [0x9010]
	fnstcw	[0x9018]
	stmxcsr	[0x901c]
	mov	[0x9020], eax
	setc	[0x9024]
	out	0x10, al
	fld1
	fldpi
	pcmpeqd	xmm2, xmm2
	out	0x11, al
PIECE state_end

/* A page that is not accessed before, and code that is written. */
PIECE pages
	out	0x10, al
	mov	eax, [0x5000]
	out	0x11, al
	mov	[0x5000], eax
	out	0x12, al
PIECE pages_imm
	mov	eax, 1
	out	0x13, eax
	jmp	pages_imm
PIECE pages_end

	.section .note.GNU-stack,"",@progbits
