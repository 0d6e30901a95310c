/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * start.S - Multiboot entry, 256 trap stubs and run_enter() of the bare guests.
 *
 * run_enter() loads the whole of cur_regs and IRETs to it; the first trap
 * stores everything back, and unless trap_c() asks to resume, run_enter()
 * returns. So any code at any CPL, with any stack, can be run up to its first
 * exception or INT. Offsets follow struct regs in guest.h.
 */
	.intel_syntax noprefix

	.set R_EAX, 0
	.set R_ECX, 4
	.set R_EDX, 8
	.set R_EBX, 12
	.set R_ESP, 16
	.set R_EBP, 20
	.set R_ESI, 24
	.set R_EDI, 28
	.set R_EIP, 32
	.set R_EFL, 36
	.set R_CS, 40
	.set R_SS, 44
	.set R_DS, 48
	.set R_ES, 52
	.set R_FS, 56
	.set R_GS, 60
	.set R_VEC, 64
	.set R_CR2, 72
	.set R_HESP, 76
	.set R_HSS, 80
	.set R_RAW, 84

	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002

	.text
	.globl _start
_start:
	cli
	cld
	mov [boot_info], ebx
	mov esp, offset main_stack_top
	push 0
	popfd
	lgdt [boot_gdtr]
	push 0x08
	push offset 1f
	retf
1:	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov fs, eax
	mov gs, eax
	mov ss, eax
	call lib_main
1:	hlt
	jmp 1b

	.globl run_enter, run_iret, trap_stubs
run_enter:
	push ebp
	push ebx
	push esi
	push edi
	mov [run_esp], esp
run_load:
	test dword ptr [cur_regs + R_EFL], 1 << 17
	jnz 1f
	test byte ptr [cur_regs + R_CS], 3
	jnz 2f
	mov ss, [cur_regs + R_SS]
	mov esp, [cur_regs + R_ESP]
	jmp 3f
1:	mov esp, offset run_stack_top
	push dword ptr [cur_regs + R_GS]
	push dword ptr [cur_regs + R_FS]
	push dword ptr [cur_regs + R_DS]
	push dword ptr [cur_regs + R_ES]
	push dword ptr [cur_regs + R_SS]
	push dword ptr [cur_regs + R_ESP]
	push dword ptr [cur_regs + R_EFL]
	push dword ptr [cur_regs + R_CS]
	push dword ptr [cur_regs + R_EIP]
	jmp 4f
2:	mov esp, offset run_stack_top
	push dword ptr [cur_regs + R_SS]
	push dword ptr [cur_regs + R_ESP]
3:	push dword ptr [cur_regs + R_EFL]
	push dword ptr [cur_regs + R_CS]
	push dword ptr [cur_regs + R_EIP]
	mov es, [cur_regs + R_ES]
	mov fs, [cur_regs + R_FS]
	mov gs, [cur_regs + R_GS]
4:	mov eax, [cur_regs + R_EAX]
	mov ecx, [cur_regs + R_ECX]
	mov edx, [cur_regs + R_EDX]
	mov ebx, [cur_regs + R_EBX]
	mov ebp, [cur_regs + R_EBP]
	mov esi, [cur_regs + R_ESI]
	mov edi, [cur_regs + R_EDI]
	test dword ptr [cur_regs + R_EFL], 1 << 17
	jnz run_iret
	mov ds, [cur_regs + R_DS]
run_iret:
	iretd

trap_common:
	push ds
	push eax
	mov eax, 0x10
	mov ds, eax
	pop dword ptr [cur_regs + R_EAX]
	pop dword ptr [cur_regs + R_DS]
	mov [cur_regs + R_ECX], ecx
	mov [cur_regs + R_EDX], edx
	mov [cur_regs + R_EBX], ebx
	mov [cur_regs + R_EBP], ebp
	mov [cur_regs + R_ESI], esi
	mov [cur_regs + R_EDI], edi
	mov ecx, es
	mov [cur_regs + R_ES], ecx
	mov ecx, fs
	mov [cur_regs + R_FS], ecx
	mov ecx, gs
	mov [cur_regs + R_GS], ecx
	pop dword ptr [cur_regs + R_VEC]
	mov [cur_regs + R_HESP], esp
	mov ebx, esp
	mov ecx, ss
	mov [cur_regs + R_HSS], ecx
	lar edx, ecx
	test edx, 1 << 22
	jnz 1f
	movzx ebx, bx
1:	xor ecx, ecx
2:	mov edx, ss:[ebx + ecx * 4]
	mov [cur_regs + R_RAW + ecx * 4], edx
	inc ecx
	cmp ecx, 10
	jb 2b
	mov ss, eax
	mov esp, offset trap_stack_top
	push 0x08			/* the gate may have led to a based segment */
	push offset 3f
	retf
3:	mov es, eax
	mov fs, eax
	mov gs, eax
	cld
	mov edx, cr2
	mov [cur_regs + R_CR2], edx
	call trap_c
	test eax, eax
	jnz run_load
	mov esp, [run_esp]
	pop edi
	pop esi
	pop ebx
	pop ebp
	ret

	.balign 16
trap_stubs:
	.set vec, 0
	.rept 256
	.byte 0x68
	.long vec
	jmp trap_common
	.balign 16
	.set vec, vec + 1
	.endr

	.section .rodata
	.balign 8
boot_gdtr:
	.word 1023
	.long gdt

	.data
	.balign 8
	.globl gdt
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* 08 code 0 */
	.quad 0x00cf93000000ffff	/* 10 data 0 */
	.quad 0x00cfbb000000ffff	/* 18 code 1 */
	.quad 0x00cfb3000000ffff	/* 20 data 1 */
	.quad 0x00cfdb000000ffff	/* 28 code 2 */
	.quad 0x00cfd3000000ffff	/* 30 data 2 */
	.quad 0x00cffb000000ffff	/* 38 code 3 */
	.quad 0x00cff3000000ffff	/* 40 data 3 */
	.fill 119, 8, 0

	.bss
	.balign 4096
	.globl run_esp, cur_regs, boot_info
run_esp:	.space 4
boot_info:	.space 4		/* of Multiboot */
cur_regs:	.space 256
	.macro STACK name, size
	.globl \name\()_stack, \name\()_stack_top
	.balign 4096
\name\()_stack:
	.space \size
\name\()_stack_top:
	.space 64
	.endm
	STACK main, 16384
	STACK run, 4096
	STACK trap, 16384
	STACK ring0, 8192
	STACK ring1, 8192
	STACK ring2, 8192
	STACK test, 65536
	.section .note.GNU-stack, "", @progbits
