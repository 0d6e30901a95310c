/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paging.h - tables, accesses and the model that paging2.c tests with.
 *
 * PAE is 0 or 1. T is the tests' own region of linear addresses, access_at()
 * makes one access there and model() says what it must give.
 */
#ifndef PAGING_H
#define PAGING_H

#include "guest.h"

#if PAE
typedef u64 pte_t;
#define NAME(s)	    "paging_pae." s
#define LARGE_SHIFT 21
#define ENTRIES	    512
#else
typedef u32 pte_t;
#define NAME(s)	    "paging2." s
#define LARGE_SHIFT 22
#define ENTRIES	    1024
#endif

#define LARGE (1u << LARGE_SHIFT)
#define T     0x50000000u /* the tests' own virtual region */
#define RW    (PTE_P | PTE_W)
#define RWU   (PTE_P | PTE_W | PTE_U)

CODE(op_load, F(op_load) "mov eax, [ebx]");
CODE(op_store, F(op_store) "mov [ebx], eax");
CODE(op_rmw, F(op_rmw) "lock add [ebx], eax");
CODE(op_test, F(op_test) "test [ebx], eax");
CODE(op_bts, F(op_bts) "bts dword ptr [ebx], 0");
CODE(op_cmpxchg, F(op_cmpxchg) "lock cmpxchg [ebx], edx");
CODE(op_xchg, F(op_xchg) "xchg [ebx], eax");
CODE(op_push, F(op_push) "push eax");
CODE(op_jmp, F(op_jmp) "jmp ebx");
CODE(op_load8, F(op_load8) "cmpxchg8b [ebx]");
CODE(op_movds, F(op_movds) "mov ds, eax");
CODE(op_int80, F(op_int80) "int 0x80");
CODE(op_movcr3, F(op_movcr3) "mov cr3, ebx");
CODE(op_scas0, "xor ecx, ecx; mov edi, ebx; rep stosb");

static volatile pte_t *dir; /* PAE: the four page directories, contiguous */
static u32 root;
static bool nxe;

static inline volatile pte_t *pde_of(u32 va)
{
	return &dir[va >> LARGE_SHIFT];
}

static inline volatile pte_t *pte_of(u32 va)
{
	volatile pte_t *table = (void *)((u32)*pde_of(va) & ~0xfffu);

	return &table[va >> 12 & (ENTRIES - 1)];
}

static inline void new_table(u32 va, u32 flags)
{
	*pde_of(va) = page_alloc() | flags;
}

static inline void map(u32 va, u32 pa, pte_t flags)
{
	if (!(*pde_of(va) & PTE_P) || *pde_of(va) & PTE_PS)
		new_table(va, RWU);
	*pte_of(va) = pa | flags;
	invlpg(va);
}

static inline void unmap(u32 va)
{
	*pte_of(va) = 0;
	invlpg(va);
}

static inline void reload(void)
{
	wr_c3(rd_c3());
}

/* Frames begin with int 0x40, so that a jump to one ends the run. */
static inline u32 frame_alloc(u32 mark)
{
	u32 f = page_alloc();

	for (u32 i = 0; i < 4096; i += 4)
		MEM32(f + i) = mark << 16 | 0x40cd;
	return f;
}

static inline void paging_start(void)
{
#if PAE
	root = page_alloc();
	dir = (void *)pages_alloc(4);
	for (u32 i = 0; i < 4; i++)
		*(volatile u64 *)(root + i * 8) = (ADDR(dir) + i * 4096) | PTE_P;
	wr_c4(rd_c4() | CR4_PAE);
	if (cpuid_of(0x80000001, 0).d & 1u << 20) {
		wr_msr(MSR_EFER, rd_msr(MSR_EFER) | EFER_NXE);
		nxe = true;
	}
#else
	root = page_alloc();
	dir = (void *)root;
	wr_c4(rd_c4() | CR4_PSE);
#endif
	for (u32 va = 0; va < 64u << 20; va += LARGE)
		*pde_of(va) = va | PTE_PS | RWU;
	wr_c3(root);
	wr_c0(rd_c0() | CR0_PG | CR0_WP);
}

/* --- one access, and what it must give --- */

enum kind { LOAD, STORE, RMW, FETCH, NKIND };
static const char *const kind_name[] = { "load", "store", "rmw", "fetch" };
#define ALLOWED 0x1000u

static inline u32 access_at(enum kind k, int cpl, u32 va)
{
	static char *const code[] = { op_load, op_store, op_rmw, op_jmp };
	struct regs r;

	regs_init(&r, code[k], cpl);
	r.ebx = va;
	wr_c2(0x12345678);
	run(&r);
	if (r.vec == VEC_END)
		return ALLOWED;
	if (r.vec != VEC_PF)
		return 0x2000 + r.vec;
	check_that("cr2", r.cr2, va);
	if (k != FETCH)
		check_that("eip", r.eip, ADDR(code[k]));
	else
		check_that("eip of a fetch fault", r.eip, va);
	/*
	 * TCG reports a locked access to an absent page as a read, and RSVD
	 * without P; the SDM (4.7) has W for the one and P with the other.
	 */
	if (on_tcg && k == RMW)
		r.err |= PFEC_W;
	if (on_tcg && r.err & PFEC_R)
		r.err |= PFEC_P;
	return r.err;
}

static inline u32 model(enum kind k, int cpl, bool wp, pte_t pde, pte_t pte)
{
	bool write = k == STORE || k == RMW;
	pte_t both = pde & pte;
	bool nx = false, denied = false;
	u32 err = 0;

	if (cpl == 3)
		err |= PFEC_U;
	if (write)
		err |= PFEC_W;
	if (k == FETCH && nxe)
		err |= PFEC_I;
	if (!(both & PTE_P))
		return err;
#if PAE
	nx = ((pde | pte) & PTE_NX) != 0;
#endif
	if (cpl == 3 && !(both & PTE_U))
		denied = true;
	if (write && !(both & PTE_W) && (cpl == 3 || wp))
		denied = true;
	if (k == FETCH && nx)
		denied = true;
	return denied ? err | PFEC_P : ALLOWED;
}

#endif
