# SPDX-License-Identifier: GPL-2.0-or-later
#
# first.S - a Multiboot image that says at once that it runs: its first
# instructions write a byte to the debug port (E9h), the next end the machine
# by the debug-exit port (F4h).
	.intel_syntax noprefix
	.section .text
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.globl _start
_start:
	mov	al, 'F'
	out	0xe9, al
	xor	eax, eax
	out	0xf4, eax
	hlt
	.section .note.GNU-stack, "", @progbits
