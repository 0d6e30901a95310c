/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_code.S - guest code of tests/test_engine.c: 32-bit pieces that are
 * copied to guest address 0x1000. They tell of their progress by ports.
 */
	.intel_syntax noprefix
	.section .rodata
	.code32

.macro PIECE name
	.globl	\name
\name:
.endm

/* A device write, then a port: in this order. */
PIECE order
	mov	dword ptr [ebx], 0x11223344
	out	0x10, al
	mov	dword ptr [ebx+4], 0x55667788
	in	al, 0x11
	movzx	eax, al
	out	0x12, eax
PIECE order_end

/* Code that a device changes, in a loop that stays in its page and pushes. */
PIECE patched
	mov	ecx, 3
1:	call	2f
	loop	1b
	out	0x10, eax
	jmp	patched
2:	.byte	0xb8			/* mov eax, ... */
PIECE patched_imm
	.long	1
	ret
PIECE patched_end

/* Wide, unaligned and page-crossing operands. */
PIECE wide
	movups	xmm0, [esi]
	movups	[ebx], xmm0		/* 16 bytes */
	movups	xmm1, [ebx+0x21]	/* unaligned: seven pieces */
	movups	[edi], xmm1
	mov	eax, 0xaabbccdd
	mov	[ebx+0xffe], eax	/* over a page's end */
	out	0x10, al
PIECE wide_end

/* Repeated loads: each element is read once. */
PIECE reps
	mov	esi, ebx
	mov	edi, 0x9000
	mov	ecx, 5
	rep movsd
	out	0x10, al
PIECE reps_end

/* A device read into edx, which interrupts may not split; its handler reads
 * the same device. */
PIECE held
	sti
	nop
	mov	edx, [ebx]
	mov	eax, edx
	out	0x10, eax
PIECE held_isr
	mov	eax, [ebx]
	out	0x20, eax
	iretd
PIECE held_end

/* Each NMI asks for another while it is served. */
PIECE nmis
	out	0x10, al		/* the client pulls the line */
	nop
	out	0x11, al
	hlt
PIECE nmis_isr
	mov	al, 1
	out	0x20, al		/* and again */
	nop
	mov	al, 2
	out	0x21, al
	iretd
PIECE nmis_end

/* Single steps over port accesses: the handler tells each eip. */
PIECE steps
	pushfd
	or	dword ptr [esp], 0x100
	popfd
	nop
	out	0x10, al
	in	al, 0x11
	nop
	out	0x12, al
PIECE steps_isr
	push	eax
	mov	eax, [esp+4]
	out	0x30, eax
	pop	eax
	iretd
PIECE steps_end

/* A misaligned vector store over a page's end faults; what it has left must
 * not be stored by the instruction after it. */
PIECE stale
	mov	dword ptr [0xaffc], 0
	movaps	[0xaff8], xmm0		/* in helper form: #GP */
PIECE stale_isr
	add	esp, 12
	and	esp, -16
	mov	dword ptr [0xaffc], 1
	mov	dword ptr [0xb100], 2	/* helper form: commits */
	mov	eax, [0xaffc]
	out	0x10, eax
PIECE stale_end

/*
 * sti shadows hlt: each round waits for one interrupt, whose handler must
 * come after hlt. edi counts those that came before.
 */
PIECE shadow
1:	cli
	xor	esi, esi
	out	0x10, al		/* a round begins */
	mov	ecx, 50
2:	loop	2b
	sti
	hlt
PIECE shadow_hlt
	cli
	jmp	1b
PIECE shadow_isr
	out	0x20, al
	iretd
PIECE shadow_end

/*
 * Stores into pages with code, with everything in registers: a fault each,
 * after which the block goes on. eax counts up, edx down, for ecx rounds.
 */
PIECE faults
	mov	ecx, 20000
	xor	eax, eax
	mov	edx, 20000
	mov	ebp, 0xc3
1:	call	esi			/* ret at esi: there is code now */
	inc	eax
	mov	[esi], ebp		/* faults and goes on */
	dec	edx
	lea	edi, [eax+edx]
	cmp	edi, 20000
	jne	2f
	dec	ecx
	jnz	1b
2:	out	0x10, eax
PIECE faults_end

/*
 * The instruction at 0x20ffd goes over the end of its page, whose successor
 * is mapped to another frame between two calls.
 */
PIECE cross
	mov	esi, 0x20ffd
	call	esi
	mov	edi, eax
	call	esi
	mov	eax, [0x30004]		/* the second frame's entry */
	mov	[ebx], eax
	invlpg	[0x21000]
	call	esi
	out	0x10, eax
PIECE cross_end

/* rdtscp gives IA32_TSC_AUX; edx:eax goes up. */
PIECE aux
	mov	ecx, 0xc0000103
	mov	eax, 0x1234
	xor	edx, edx
	wrmsr
	rdtscp
	mov	esi, eax
	mov	edi, edx
	mov	ebp, ecx
	rdtscp
	sub	eax, esi
	sbb	edx, edi
	mov	eax, edx
	out	0x10, eax
	mov	eax, ebp
	out	0x11, eax
PIECE aux_end

/* Loads of segment registers: of a segment like the last, then of none. */
PIECE loads
	mov	eax, 16
	mov	ecx, 1000
1:	mov	es, eax
	mov	fs, eax
	push	ds
	pop	ds
	loop	1b
	out	0x10, al
	mov	eax, fs:[0x1000]
	xor	eax, eax
	mov	fs, eax
	mov	eax, fs:[0x1000]
PIECE loads_isr
	out	0x11, al
PIECE loads_end

/* An interrupt's handler comes again before its first instruction. */
PIECE storm
	out	0x10, al
	sti
	nop
	nop
PIECE storm_isr
	jmp	storm_isr
PIECE storm_end

/* Loads beyond the memory that is left. */
PIECE bus
	out	0x10, al
	mov	eax, [0x80000]
	out	0x11, al
PIECE bus_end

/* Runs code and then writes there, when the memory is no more. */
PIECE gone
	mov	eax, 0x80000
	mov	byte ptr [eax + 8], 0
	mov	byte ptr [eax], 0xc3
	call	eax
	out	0x10, al
	mov	[eax + 4], eax
	out	0x11, al
PIECE gone_end

/* Calls, a repeated store, a sum: 100000 rounds. */
PIECE sum
	xor	eax, eax
	mov	edx, 100000
1:	call	2f
	dec	edx
	jnz	1b
	out	0x10, eax
	hlt
2:	mov	edi, 0x9000
	mov	ecx, 8
	rep stosb
	add	eax, edx
	ret
PIECE sum_end

	.section .note.GNU-stack,"",@progbits
