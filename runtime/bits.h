/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bits.h - architectural bits of IA-32, named as in the Intel SDM.
 *
 * A leaf header. Sources: SDM vol. 3, 2.3 (EFLAGS), 2.5 (control registers),
 * 4 (paging), 6 (vectors), 17 (debug), vol. 4 (MSRs).
 */
#ifndef UMBRA_BITS_H
#define UMBRA_BITS_H

/* EFLAGS */
#define EFL_CF	     (1u << 0)
#define EFL_FIXED1   (1u << 1)
#define EFL_PF	     (1u << 2)
#define EFL_AF	     (1u << 4)
#define EFL_ZF	     (1u << 6)
#define EFL_SF	     (1u << 7)
#define EFL_TF	     (1u << 8)
#define EFL_IF	     (1u << 9)
#define EFL_DF	     (1u << 10)
#define EFL_OF	     (1u << 11)
#define EFL_IOPL     (3u << 12)
#define EFL_IOPL_SHIFT 12
#define EFL_NT	     (1u << 14)
#define EFL_RF	     (1u << 16)
#define EFL_VM	     (1u << 17)
#define EFL_AC	     (1u << 18)
#define EFL_VIF	     (1u << 19)
#define EFL_VIP	     (1u << 20)
#define EFL_ID	     (1u << 21)
#define EFL_ARITH    (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF | EFL_OF)
#define EFL_ALL                                                               \
	(EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT | EFL_RF |  \
	 EFL_VM | EFL_AC | EFL_VIF | EFL_VIP | EFL_ID)

/* CR0 */
#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)

/* CR3 */
#define CR3_PWT (1u << 3)
#define CR3_PCD (1u << 4)

/* CR4 */
#define CR4_VME	       (1u << 0)
#define CR4_PVI	       (1u << 1)
#define CR4_TSD	       (1u << 2)
#define CR4_DE	       (1u << 3)
#define CR4_PSE	       (1u << 4)
#define CR4_PAE	       (1u << 5)
#define CR4_MCE	       (1u << 6)
#define CR4_PGE	       (1u << 7)
#define CR4_PCE	       (1u << 8)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_LA57       (1u << 12)
#define CR4_FSGSBASE   (1u << 16)
#define CR4_PCIDE      (1u << 17)
#define CR4_OSXSAVE    (1u << 18)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)

/* EFER */
#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

/* XCR0 */
#define XCR0_X87 (1u << 0)
#define XCR0_SSE (1u << 1)
#define XCR0_AVX (1u << 2)

/* Exception vectors */
#define VEC_DE 0
#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_OF 4
#define VEC_BR 5
#define VEC_UD 6
#define VEC_NM 7
#define VEC_DF 8
#define VEC_TS 10
#define VEC_NP 11
#define VEC_SS 12
#define VEC_GP 13
#define VEC_PF 14
#define VEC_MF 16
#define VEC_AC 17
#define VEC_MC 18
#define VEC_XM 19

/* Page-fault error code */
#define PFEC_P (1u << 0) /* 1: protection violation, 0: not present */
#define PFEC_W (1u << 1) /* the access was a write */
#define PFEC_U (1u << 2) /* the access was a user access */
#define PFEC_R (1u << 3) /* a reserved bit was set in an entry */
#define PFEC_I (1u << 4) /* the access was an instruction fetch */

/* Paging-structure entries */
#define PTE_P	(1ull << 0)
#define PTE_W	(1ull << 1)
#define PTE_U	(1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_A	(1ull << 5)
#define PTE_D	(1ull << 6)
#define PTE_PS	(1ull << 7)
#define PTE_G	(1ull << 8)
#define PTE_NX	(1ull << 63)

/* DR6, DR7 */
#define DR6_FIXED1 0xffff0ff0u
#define DR6_B0	   (1u << 0)
#define DR6_BD	   (1u << 13)
#define DR6_BS	   (1u << 14)
#define DR6_BT	   (1u << 15)
#define DR7_FIXED1 (1u << 10)
#define DR7_GD	   (1u << 13)

/* MSRs */
#define MSR_TSC		    0x10
#define MSR_APIC_BASE	    0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_TSC_ADJUST	    0x3b
#define MSR_SPEC_CTRL	    0x48
#define MSR_BIOS_SIGN_ID    0x8b
#define MSR_MTRRCAP	    0xfe
#define MSR_ARCH_CAPS	    0x10a
#define MSR_SYSENTER_CS	    0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_MCG_CAP	    0x179
#define MSR_MCG_STATUS	    0x17a
#define MSR_MISC_ENABLE	    0x1a0
#define MSR_PAT		    0x277
#define MSR_MTRR_DEF_TYPE   0x2ff
#define MSR_TSC_DEADLINE    0x6e0
#define MSR_X2APIC_FIRST    0x800
#define MSR_X2APIC_LAST	    0x8ff
#define MSR_EFER	    0xc0000080u
#define MSR_STAR	    0xc0000081u
#define MSR_LSTAR	    0xc0000082u
#define MSR_CSTAR	    0xc0000083u
#define MSR_FMASK	    0xc0000084u
#define MSR_FS_BASE	    0xc0000100u
#define MSR_GS_BASE	    0xc0000101u
#define MSR_KERNEL_GS_BASE  0xc0000102u
#define MSR_TSC_AUX	    0xc0000103u

#endif
