/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real.S - from protected mode to real mode and back, with registers.
 *
 * real_tramp is copied to 0x7000 and real_enter() jumps there: it clears
 * CR0.PE, loads eax..edi from 0x7e00, calls 0000:8000 with ss:sp = 0:7c00,
 * stores eax..edi and flags at 0x7e20 and comes back. Paging must be off.
 */
	.intel_syntax noprefix
	.set TRAMP, 0x7000
	.set REAL_CS, 0x320
	.set REAL_DS, 0x328

	.text
	.globl real_enter, real_tramp, real_tramp_end
real_enter:
	pushad
	mov [real_esp], esp
	push REAL_CS
	push TRAMP
	retf
real_back:
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax
	mov esp, [real_esp]
	popad
	ret

	.balign 16
	.code16
real_tramp:
	mov ax, REAL_DS
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov ss, ax
	mov eax, cr0
	and al, 0xfe
	mov cr0, eax
	.byte 0xea
	.word TRAMP + 1f - real_tramp, 0
1:	xor ax, ax
	mov ds, ax
	mov es, ax
	mov fs, ax
	mov gs, ax
	mov ss, ax
	mov esp, 0x7c00
	lidt [TRAMP + 3f - real_tramp]
	mov eax, [0x7e00]
	mov ecx, [0x7e04]
	mov edx, [0x7e08]
	mov ebx, [0x7e0c]
	mov ebp, [0x7e14]
	mov esi, [0x7e18]
	mov edi, [0x7e1c]
	mov word ptr [0x7e40], 0x8000
	call [0x7e40]
	mov cs:[0x7e20], eax
	mov ax, 0
	mov ds, ax
	mov ss, ax
	mov sp, 0x7c00
	pushfd
	pop dword ptr [0x7e40]
	mov [0x7e24], ecx
	mov [0x7e28], edx
	mov [0x7e2c], ebx
	mov [0x7e34], ebp
	mov [0x7e38], esi
	mov [0x7e3c], edi
	cli
	cld
	.byte 0x66
	lgdt [TRAMP + 4f - real_tramp]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	.byte 0x66, 0xea
	.long real_back
	.word 0x08
	.balign 4
3:	.word 0x3ff
	.long 0
4:	.word 1023
	.long gdt
real_tramp_end:
	.code32

	.bss
	.balign 4
real_esp:	.space 4
	.section .note.GNU-stack, "", @progbits
