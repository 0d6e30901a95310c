/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * glue_sys.S - system calls, returns from interrupts and loads of segment
 * registers, as trans.c has written them down: part of glue.S's blob.
 *
 * Each entry is called from a site like GLUE_HELPER, r8d the hsite and r9 the
 * block word, with more in r10d and r14d. Until everything has been compared
 * nothing of the guest changes, so that whatever is unknown or unusual goes on
 * to GLUE_HELPER and is C's. cpu.gpr is free for spills: C stores it anew.
 */

#define EFL_UNUSUAL  0x1f4100	/* TF NT RF VM AC VIF VIP: C looks */
#define EFL_KEEP     0x203000	/* IOPL ID: changes by IRET are C's */
#define EFL_POPF     0x247100	/* TF IOPL NT AC ID: the same of POPF */
#define EFL_AC_SHIFT 18

	.macro SPILL
	mov	[r15+CPU_GPR+0], rax
	lahf
	xchg	al, ah
	mov	[r15+CPU_FLAGS_AH], al
	seto	byte ptr [r15+CPU_FLAGS_OF]
	mov	[r15+CPU_GPR+8], rcx
	mov	[r15+CPU_GPR+16], rdx
	mov	[r15+CPU_GPR+24], rbx
	.endm

	.macro UNSPILL
	movzx	eax, byte ptr [r15+CPU_FLAGS_AH]
	xchg	al, ah
	mov	al, [r15+CPU_FLAGS_OF]
	add	al, 0x7f
	sahf
	mov	rcx, [r15+CPU_GPR+8]
	mov	rdx, [r15+CPU_GPR+16]
	mov	rbx, [r15+CPU_GPR+24]
	mov	rax, [r15+CPU_GPR+0]
	.endm

	/* rax = TRANS_KEY(gen, mode, 0); ecx = mode */
	.macro KEY
	mov	ecx, [r15+CPU_MODE]
	mov	eax, [r15+TRANS_GEN]
	mov	r11, rcx
	shl	r11, 32
	or	rax, r11
	.endm

	/* r11 = the entry for this mode in a table of the given size */
	.macro ENTRY table, size
	and	ecx, \size - 1
	imul	ecx, ecx, TRANS_SIZE
	lea	r11, [r15+rcx+\table]
	.endm

	/* The eight bytes are what they were. */
	.macro SAME where, raw
	mov	rax, [r11+\where]
	mov	rax, [rax]
	cmp	rax, [r11+\raw]
	jne	trans_c
	.endm

	.macro COPY_SEG from, to
	.irp off, 0, 8, 16, 24
	mov	rax, [\from+\off]
	mov	[\to+\off], rax
	.endr
	.endm

	/* edx: linear address of \bytes on a stack of the supervisor's; rdx
	 * becomes their host address. Clobbers rax, rcx. */
	.macro STACK bytes, tag
	lea	ecx, [rdx+\bytes-1]
	xor	ecx, edx
	test	ecx, 0xfffff000
	jnz	trans_c
	mov	eax, edx
	shr	eax, 12
	and	eax, TLB_INDEX_MASK
	shl	eax, 5
	lea	rax, [r15+rax+CPU_TLB_SUPER]
	mov	ecx, edx
	and	ecx, 0xfffff000
	cmp	rcx, [rax+\tag]
	jne	trans_c
	add	rdx, [rax+TLB_ADDEND]
	.endm

GLOBAL glue_at_sys_leaf

/* Unknown, or not as it was. */
trans_c:
	UNSPILL
	jmp	glue_at_helper

/* r14d: vector, r10d: return address */
	.balign	16
GLOBAL glue_at_int
	SPILL
	KEY
	mov	r11, r14
	shl	r11, 48
	or	rax, r11
	ENTRY	TRANS_INTS, N_TRANS_INTS
	cmp	rax, [r11+TRANS_KEY_OFF]
	jne	trans_c
	test	dword ptr [r15+CPU_SYSFLAGS], EFL_UNUSUAL
	jnz	trans_c
	SAME	TRANS_GATE, TRANS_GATE_RAW
	SAME	TRANS_CS, TRANS_CS_RAW
	SAME	TRANS_SS, TRANS_SS_RAW
	mov	rax, [r11+TRANS_TSS]
	mov	edx, [rax]
	movzx	eax, word ptr [rax+4]
	cmp	ax, [r11+TRANS_SSREG+SEG_SEL]
	jne	trans_c
	sub	edx, 20
	mov	ebx, edx
	STACK	20, TLB_WTAG
	/* the frame */
	movzx	eax, word ptr [r15+CPU_SS+SEG_SEL]
	mov	[rdx+16], eax
	mov	[rdx+12], r12d
	movzx	eax, byte ptr [r15+CPU_FLAGS_AH]
	and	eax, 0xd5
	or	eax, 2
	movzx	ecx, byte ptr [r15+CPU_FLAGS_OF]
	add	ecx, ecx
	or	cl, [r15+CPU_DF]
	add	ecx, ecx
	or	cl, [r15+CPU_IFLAG]
	shl	ecx, 9
	or	eax, ecx
	or	eax, [r15+CPU_SYSFLAGS]
	mov	[rdx+8], eax
	movzx	eax, word ptr [r15+CPU_CS+SEG_SEL]
	mov	[rdx+4], eax
	mov	[rdx], r10d
	/* nothing fails from here on */
	mov	r12d, ebx
	mov	al, [r11+TRANS_IFLAG]
	and	[r15+CPU_IFLAG], al
	mov	r8d, [r11+TRANS_EIP]
	jmp	trans_cs_ss

	.balign	16
GLOBAL glue_at_sysenter
	SPILL
	KEY
	mov	r11d, TRANS_SYSENTER_WHAT
	shl	r11, 48
	or	rax, r11
	ENTRY	TRANS_ENTERS, N_TRANS_SYSS
	cmp	rax, [r11+TRANS_KEY_OFF]
	jne	trans_c
	test	dword ptr [r15+CPU_SYSFLAGS], EFL_UNUSUAL
	jnz	trans_c
	mov	r12d, [r15+CPU_SYSENTER_ESP]
	mov	r8d, [r15+CPU_SYSENTER_EIP]
	mov	byte ptr [r15+CPU_IFLAG], 0
	jmp	trans_cs_ss

	.balign	16
GLOBAL glue_at_sysexit
	SPILL
	KEY
	mov	r11d, TRANS_SYSEXIT_WHAT
	shl	r11, 48
	or	rax, r11
	ENTRY	TRANS_EXITS, N_TRANS_SYSS
	cmp	rax, [r11+TRANS_KEY_OFF]
	jne	trans_c
	test	dword ptr [r15+CPU_SYSFLAGS], EFL_UNUSUAL
	jnz	trans_c
	cmp	byte ptr [r15+CPU_USER_WORK], 0
	jne	trans_c
	mov	r12d, [r15+CPU_GPR+8]
	mov	r8d, [r15+CPU_GPR+16]
	jmp	trans_cs_ss

	.balign	16
GLOBAL glue_at_iret
	SPILL
	mov	edx, r12d
	STACK	20, TLB_RTAG
	KEY
	movzx	r10d, word ptr [rdx+4]
	and	r10d, 3
	mov	r11d, r10d
	and	r11d, 1
	lea	ecx, [r11+rcx*2]
	or	r10d, TRANS_IRET_WHAT
	shl	r10, 48
	or	rax, r10
	ENTRY	TRANS_IRETS, N_TRANS_IRETS
	cmp	rax, [r11+TRANS_KEY_OFF]
	jne	trans_c
	movzx	eax, word ptr [rdx+4]
	cmp	ax, [r11+TRANS_CSREG+SEG_SEL]
	jne	trans_c
	mov	r10d, [rdx+8]			/* flags */
	mov	eax, [r15+CPU_SYSFLAGS]
	mov	ecx, eax
	or	eax, r10d
	test	eax, EFL_UNUSUAL
	jnz	trans_c
	xor	ecx, r10d
	test	ecx, EFL_KEEP
	jnz	trans_c
	mov	eax, r10d
	shr	eax, 10
	and	eax, 1
	cmp	al, [r15+CPU_DF]
	jne	trans_c
	test	r10d, 0x200			/* IF: is something waiting? */
	jz	1f
	cmp	dword ptr [r15+CPU_IRQ_PROBE], 0
	jne	trans_c
1:	SAME	TRANS_CS, TRANS_CS_RAW
	lea	ebx, [r12+12]
	cmp	byte ptr [r11+TRANS_OUTER], 0
	je	2f
	movzx	eax, word ptr [rdx+16]
	cmp	ax, [r11+TRANS_SSREG+SEG_SEL]
	jne	trans_c
	SAME	TRANS_SS, TRANS_SS_RAW
	cmp	byte ptr [r15+CPU_USER_WORK], 0
	jne	trans_c
	/* segments that the outer level may not have are C's to drop */
	.irp	off, CPU_ES, CPU_DS, CPU_FS, CPU_GS
	movzx	eax, word ptr [r15+\off+SEG_ATTR]
	mov	ecx, eax
	and	ecx, 0xe0
	test	eax, eax
	jz	3f
	cmp	ecx, 0xe0			/* present, DPL 3 */
	jne	trans_c
3:
	.endr
	mov	ebx, [rdx+12]
	/* nothing fails from here on */
2:	mov	eax, r10d
	and	eax, 0xd5
	or	eax, 2
	mov	[r15+CPU_FLAGS_AH], al
	mov	eax, r10d
	shr	eax, 9
	and	eax, 1
	mov	[r15+CPU_IFLAG], al
	shr	r10d, 11
	and	r10d, 1
	mov	[r15+CPU_FLAGS_OF], r10b
	mov	r8d, [rdx]
	mov	r12d, ebx
	cmp	byte ptr [r11+TRANS_OUTER], 0
	je	trans_cs
	jmp	trans_cs_ss

/*
 * r14d: TRANS_LOAD(), r10d: the next eip. Goes back to the block unless the
 * mode becomes another.
 */
	.balign	16
GLOBAL glue_at_segload
	SPILL
	movzx	eax, r14w
	mov	ecx, eax
	shr	ecx, 3
	and	ecx, N_TRANS_SEGS - 1
	shl	ecx, 6
	lea	r11, [r15+rcx+TRANS_SEGS]
	mov	ecx, [r15+TRANS_GEN]
	shl	rax, 32
	or	rax, rcx
	movzx	ecx, byte ptr [r15+CPU_CPL]
	shl	rcx, 48
	or	rax, rcx
	cmp	rax, [r11+TRANS_SEG_KEY_OFF]
	jne	trans_c
	mov	rax, [r11+TRANS_SEG_DESC]
	mov	rax, [rax]
	cmp	rax, [r11+TRANS_SEG_RAW]
	jne	trans_c
	mov	ebx, r14d
	shr	ebx, 16
	and	ebx, 7				/* register */
	mov	edx, r14d
	shr	edx, 20
	and	edx, 15				/* class expected */
	lea	r11, [r11+TRANS_SEG_SEG]
	cmp	dl, [r11+TRANS_SEG_SEGC-TRANS_SEG_SEG]
	jne	segload_other
	shl	ebx, 5
	lea	rcx, [r15+rbx+CPU_SEG]
	COPY_SEG r11, rcx
	shr	r14d, 24
	add	r12d, r14d
	UNSPILL
	ret
segload_other:
	mov	eax, [r15+CPU_MODE]
	movzx	edx, byte ptr [r11+TRANS_SEG_SEGC-TRANS_SEG_SEG]
	lea	ecx, [rbx+rax*4]		/* trans_link() */
	lea	ecx, [rcx+rdx*8]
	and	ecx, N_TRANS_LINKS - 1
	shl	ecx, 6
	lea	rcx, [r15+rcx+TRANS_LINKS]
	shl	edx, 4
	or	edx, ebx
	shl	rdx, 48
	shl	rax, 32
	or	rax, rdx
	mov	edx, [r15+TRANS_GEN]
	or	rax, rdx
	cmp	rax, [rcx+TRANS_LINK_KEY_OFF]
	jne	trans_c
	shl	ebx, 5
	lea	rdx, [r15+rbx+CPU_SEG]
	COPY_SEG r11, rdx
	lea	r11, [rcx+TRANS_LINK_TO]
	mov	r8d, r10d
	shr	r14d, 24
	add	r12d, r14d
	jmp	trans_go

/* r14d: flags popped, r10d: IF if it may change. The rest of the system flags
 * must stay, and nothing wait for IF. */
	.balign	16
GLOBAL glue_at_popf
	SPILL
	mov	eax, [r15+CPU_SYSFLAGS]
	xor	eax, r14d
	test	eax, EFL_POPF
	jnz	trans_c
	mov	eax, r14d
	shr	eax, 10
	and	eax, 1
	cmp	al, [r15+CPU_DF]
	jne	trans_c
	test	r10d, r10d
	jz	2f
	mov	eax, r14d
	shr	eax, 9
	and	eax, 1
	jz	1f
	cmp	dword ptr [r15+CPU_IRQ_PROBE], 0
	jne	trans_c
1:	mov	[r15+CPU_IFLAG], al
2:	mov	eax, r14d
	and	eax, 0xd5
	or	eax, 2
	mov	[r15+CPU_FLAGS_AH], al
	shr	r14d, 11
	and	r14d, 1
	mov	[r15+CPU_FLAGS_OF], r14b
	add	r12d, 4
	UNSPILL
	ret

/* r8d: eip */
	.balign	16
GLOBAL glue_at_ac
	SPILL
	KEY
	mov	edx, [r15+CPU_SYSFLAGS]
	shr	edx, EFL_AC_SHIFT
	and	edx, 1
	lea	ecx, [rcx*4+TRANS_LINK_AC_SEG]
	lea	ecx, [rcx+rdx*8]		/* trans_link() */
	and	ecx, N_TRANS_LINKS - 1
	shl	ecx, 6
	lea	r11, [r15+rcx+TRANS_LINKS]
	shl	edx, 4
	or	edx, TRANS_LINK_AC_SEG
	shl	rdx, 48
	or	rax, rdx
	cmp	rax, [r11+TRANS_LINK_KEY_OFF]
	jne	ac_miss
	lea	r11, [r11+TRANS_LINK_TO]
	jmp	trans_go
GLOBAL glue_at_sys_leaf_end

ac_miss:
	UNSPILL
	lea	rsp, [rsp+8]
	jmp	glue_at_miss

/* r11: entry, r8d: eip */
trans_cs_ss:
	lea	rcx, [r11+TRANS_SSREG]
	lea	rdx, [r15+CPU_SS]
	COPY_SEG rcx, rdx
trans_cs:
	lea	rcx, [r11+TRANS_CSREG]
	lea	rdx, [r15+CPU_CS]
	COPY_SEG rcx, rdx
	add	r11, TRANS_TO

/*
 * r11: struct trans_target, r8d: eip. The pair stack loses the call that led
 * here, and goes with its mode and view. A kick that has come meanwhile has
 * emptied the hash of before, so it is looked for here.
 */
trans_go:
	mov	rax, [r11+TARGET_MODE]
	add	rsp, 8
	cmp	rax, [r15+CPU_MODE]
	je	1f
	mov	[r15+CPU_MODE], rax		/* and view */
	mov	rax, [r15+CPU_PAIR_TOP]		/* a kick in a ret: one more */
	cmp	rsp, rax
	cmova	rsp, rax
	mov	rcx, [r15+CPU_HTAB]
	mov	[rcx+HTAB_PAIR_RSP], rsp
	mov	rcx, [r11+TARGET_HTAB]
	mov	[r15+CPU_HTAB], rcx
	mov	rax, [rcx+HTAB_PAIR_TOP]
	mov	[r15+CPU_PAIR_TOP], rax
	mov	rsp, [rcx+HTAB_PAIR_RSP]
	mov	rax, [r11+TARGET_TLB]
	mov	rcx, [r11+TARGET_TLB+8]
	mov	[r15+CPU_TLBS_AC], rax
	mov	[r15+CPU_TLBS_AC+8], rcx
	test	dword ptr [r15+CPU_SYSFLAGS], 1 << EFL_AC_SHIFT
	cmovnz	rax, rcx
	mov	[r15+CPU_TLB], rax
	mov	al, [r11+TARGET_CPL]
	mov	[r15+CPU_CPL], al
	mov	r13, [r11+TARGET_WINDOW]
	cmp	r13, [r15+CPU_WINDOW]
	je	1f
	mov	[r15+CPU_WINDOW], r13
	cmp	byte ptr [r15+CPU_USE_GS], 0
	je	1f
	wrgsbase r13
1:	mov	rcx, [r11+TARGET_HTAB]
	mov	rax, [rcx+HTAB_TABLE]
	mov	[r15+CPU_HASH], rax
	inc	qword ptr [r15+TRANS_COUNT]
GLOBAL glue_at_trans_test
	cmp	dword ptr [r15+CPU_KICK], 0
	jne	trans_kick
	UNSPILL
	movzx	r9d, r8w
	mov	r10, [r15+CPU_HASH]
	jmp	[r10+r9*8]
GLOBAL glue_at_trans_end
trans_kick:
	UNSPILL
	jmp	glue_at_miss

