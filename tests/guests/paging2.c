/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paging2.c - bare guest: paging, 2-level (PAE=0) or PAE (PAE=1).
 *
 * Every error code by exhausting entry flags against a model of SDM vol. 3,
 * 4.6-4.8; A/D bits; when a changed entry must and when it may be seen;
 * crossing and wrapping accesses; implicit supervisor accesses.
 * HAZARDS 3, 10, 39-43, 54.
 */
#include "paging.h"

const struct tcg_skip tcg_skips[] = {
	{ "paging_pae.pdpte.reserved", "TCG does not check PDPTEs at mov cr3" },
	{ "paging_pae.pdpte.latched", "TCG reads PDPTEs at each walk" },
	{ 0, 0 },
};

static void check_one(enum kind k, int cpl, bool wp, pte_t pde, pte_t pte)
{
	volatile pte_t *d = pde_of(T);
	u32 table = (u32)*d & ~0xfffu;
	volatile pte_t *e = (volatile pte_t *)table;
	u32 f = (u32)*e & ~0xfffu;
	bool write = k == STORE || k == RMW;
	u32 got, want;

	*e = f | pte;
	*d = table | pde;
	invlpg(T);
	got = access_at(k, cpl, T);
	want = model(k, cpl, wp, pde, pte);
	if (got != want)
		print("# %s cpl %d wp %d pde %x pte %x\n", kind_name[k], cpl,
		      wp, (u32)(pde | (u64)pde >> 48), (u32)(pte | (u64)pte >> 48));
	check_that("error code", got, want);
	if (want == ALLOWED) {
		check_that("pde A", *d & PTE_A, PTE_A);
		check_that("pte A,D", *e & (PTE_A | PTE_D),
			   PTE_A | (write ? PTE_D : 0));
	} else {
		check_that("pte D after a fault", *e & PTE_D, 0);
	}
	*d = table | RWU;
	*e = f | RWU;
}

static void error_codes(bool wp)
{
	map(T, frame_alloc(1), RWU);
	for (u32 i = 0; i < (nxe ? 256u : 64u); i++) {
		pte_t pde = i & 7, pte = i >> 3 & 7;

#if PAE
		pde |= i & 64 ? PTE_NX : 0;
		pte |= i & 128 ? PTE_NX : 0;
#endif
		for (enum kind k = LOAD; k < NKIND; k++)
			for (int cpl = 0; cpl <= 3; cpl += 3)
				check_one(k, cpl, wp, pde, pte);
	}
	/* CPL 1 and 2 are supervisor too. */
	check_one(LOAD, 1, wp, RW, RW);
	check_one(STORE, 2, wp, RW, PTE_P);
	check_one(STORE, 1, wp, RWU, 0);
	invlpg(T);
}

static void test_error_codes(void)
{
	begin(NAME("codes.wp1"));
	error_codes(true);
	begin(NAME("codes.wp0"));
	wr_c0(rd_c0() & ~CR0_WP);
	error_codes(false);
	/* Setting WP takes a write permission away at once (HAZARDS 42). */
	begin(NAME("codes.wp-switch"));
	map(T, frame_alloc(1), PTE_P);
	check_that("wp 0", access_at(STORE, 0, T), ALLOWED);
	wr_c0(rd_c0() | CR0_WP);
	check_that("wp 1", access_at(STORE, 0, T), PFEC_P | PFEC_W);
	wr_c0(rd_c0() & ~CR0_WP);
	check_that("wp 0 again", access_at(STORE, 0, T), ALLOWED);
	wr_c0(rd_c0() | CR0_WP);
}

static void test_large(void)
{
	u32 big = big_alloc();
	volatile pte_t *d = pde_of(T + LARGE);

	begin(NAME("large"));
	for (u32 i = 0; i < 8; i++)
		for (enum kind k = LOAD; k < NKIND; k++)
			for (int cpl = 0; cpl <= 3; cpl += 3) {
				u32 want = model(k, cpl, true, i, i);

				MEM32(big + 0x5000) = 0x40cd;
				*d = big | PTE_PS | i;
				invlpg(T + LARGE);
				check_that(kind_name[k],
					   access_at(k, cpl, T + LARGE + 0x5000),
					   want);
				if (want != ALLOWED)
					continue;
				check_that("A,D", *d & (PTE_A | PTE_D),
					   PTE_A | (k == STORE || k == RMW ?
						    PTE_D : 0));
			}
	begin(NAME("large.alias"));
	*d = big | PTE_PS | RWU;
	invlpg(T + LARGE);
	MEM32(T + LARGE + LARGE - 4) = 0xcafe;
	check_that("last dword", MEM32(big + LARGE - 4), 0xcafe);
	*d = 0;
	invlpg(T + LARGE);
}

static void reserved_one(const char *what, pte_t pde, u32 pat_flags)
{
	volatile pte_t *d = pde_of(T + LARGE);

	*d = pde;
	reload();
	check_that(what, access_at(LOAD, 0, T + LARGE),
		   PFEC_P | PFEC_R);
	check_that(what, access_at(STORE, 3, T + LARGE),
		   PFEC_P | PFEC_R | PFEC_W | PFEC_U);
	check_that(what, access_at(FETCH, 3, T + LARGE),
		   PFEC_P | PFEC_R | PFEC_U | pat_flags);
	/* A reserved bit counts only in a present entry. */
	*d = pde & ~(pte_t)PTE_P;
	reload();
	check_that("not present", access_at(LOAD, 0, T + LARGE), 0);
	*d = 0;
	reload();
}

static void test_reserved(void)
{
	u32 big = big_alloc();

	begin(NAME("reserved.large"));
#if PAE
	for (int b = 13; b <= 20; b++)
		reserved_one("pde bit 20:13",
			     big | PTE_PS | RWU | 1u << b, nxe ? PFEC_I : 0);
#else
	reserved_one("pde bit 21", big | PTE_PS | RWU | 1u << 21, 0);
#endif
#if PAE
	begin(NAME("reserved.62-52"));
	for (int b = 52; b <= 62; b++) {
		reserved_one("large", big | PTE_PS | RWU | 1ull << b,
			     nxe ? PFEC_I : 0);
		reserved_one("table", page_alloc() | RWU | 1ull << b,
			     nxe ? PFEC_I : 0);
		map(T, frame_alloc(1), RWU | 1ull << b);
		check_that("pte", access_at(LOAD, 3, T),
			   PFEC_P | PFEC_R | PFEC_U);
	}
	if (nxe) {
		begin(NAME("reserved.63-without-nxe"));
		map(T, frame_alloc(1), RWU | PTE_NX);
		check_that("nxe 1", access_at(LOAD, 3, T), ALLOWED);
		wr_msr(MSR_EFER, rd_msr(MSR_EFER) & ~(u64)EFER_NXE);
		nxe = false;
		reload();
		check_that("nxe 0", access_at(LOAD, 3, T),
			   PFEC_P | PFEC_R | PFEC_U);
		check_that("nxe 0, fetch", access_at(FETCH, 0, T),
			   PFEC_P | PFEC_R);
		wr_msr(MSR_EFER, rd_msr(MSR_EFER) | EFER_NXE);
		nxe = true;
		reload();
		check_that("nxe 1 again", access_at(LOAD, 3, T), ALLOWED);
		check_that("nx", access_at(FETCH, 3, T),
			   PFEC_P | PFEC_U | PFEC_I);
	}
#else
	begin(NAME("pse-off"));
	/* Without CR4.PSE bit 7 of a PDE means nothing. */
	*pde_of(T + LARGE) = page_alloc() | RWU;
	*pte_of(T + LARGE) = frame_alloc(7) | RWU;
	*pde_of(T + LARGE) |= PTE_PS;
	/* The identity map is large pages: leave it while PSE is off. */
	wr_c0(rd_c0() & ~CR0_PG);
	{
		volatile u32 *alt = (void *)page_alloc();

		for (u32 i = 0; i < 16; i++) {
			volatile u32 *t = (void *)page_alloc();

			for (u32 j = 0; j < 1024; j++)
				t[j] = i << 22 | j << 12 | RWU;
			alt[i] = ADDR(t) | RWU | (i & 1 ? PTE_PS : 0);
		}
		alt[(T + LARGE) >> 22] = *pde_of(T + LARGE);
		wr_c4(rd_c4() & ~CR4_PSE);
		wr_c3(ADDR(alt));
		wr_c0(rd_c0() | CR0_PG);
		check_that("value", MEM32(T + LARGE), 7u << 16 | 0x40cd);
		check_that("store", access_at(STORE, 3, T + LARGE), ALLOWED);
		wr_c0(rd_c0() & ~CR0_PG);
		wr_c4(rd_c4() | CR4_PSE);
		wr_c3(root);
		wr_c0(rd_c0() | CR0_PG);
	}
	*pde_of(T + LARGE) = 0;
	reload();
#endif
}

/* --- A and D (HAZARDS 43) --- */

static void ad_one(const char *what, void *code, u32 want)
{
	struct regs r;
	volatile pte_t *e;

	map(T, frame_alloc(1), RWU);
	e = pte_of(T);
	*pde_of(T) &= ~(pte_t)PTE_A;
	reload();
	regs_init(&r, code, 3);
	r.ebx = T + 16;
	run(&r);
	check_that(what, r.vec, VEC_END);
	check_that(what, *e & (PTE_A | PTE_D), want);
	check_that(what, *pde_of(T) & PTE_A, want & PTE_A);
}

static void test_ad(void)
{
	struct regs r;

	begin(NAME("ad.exact"));
	ad_one("load", op_load, PTE_A);
	ad_one("test", op_test, PTE_A);
	ad_one("store", op_store, PTE_A | PTE_D);
	ad_one("lock add", op_rmw, PTE_A | PTE_D);
	ad_one("xchg", op_xchg, PTE_A | PTE_D);
	ad_one("bts", op_bts, PTE_A | PTE_D);
	ad_one("rep stosb of 0", op_scas0, 0);
	regs_init(&r, op_cmpxchg, 3);
	ad_one("lock cmpxchg that fails", op_cmpxchg, PTE_A | PTE_D);
	begin(NAME("ad.read-then-write"));
	map(T, frame_alloc(1), RWU);
	(void)MEM32(T);
	check_that("A", *pte_of(T) & (PTE_A | PTE_D), PTE_A);
	MEM32(T) = 1;
	check_that("A,D", *pte_of(T) & (PTE_A | PTE_D), PTE_A | PTE_D);
	begin(NAME("ad.cleared"));
	for (int i = 0; i < 3; i++) {
		*pte_of(T) &= ~(pte_t)(PTE_A | PTE_D);
		invlpg(T);
		(void)MEM32(T);
		check_that("A again", *pte_of(T) & (PTE_A | PTE_D), PTE_A);
		*pte_of(T) &= ~(pte_t)(PTE_A | PTE_D);
		reload();
		MEM32(T) = 1;
		check_that("A,D again", *pte_of(T) & (PTE_A | PTE_D),
			   PTE_A | PTE_D);
	}
	begin(NAME("ad.fetch"));
	map(T, frame_alloc(1), RWU);
	*pde_of(T) &= ~(pte_t)PTE_A;
	reload();
	check_that("runs", access_at(FETCH, 3, T), ALLOWED);
	check_that("A", *pte_of(T) & (PTE_A | PTE_D), PTE_A);
	check_that("pde A", *pde_of(T) & PTE_A, PTE_A);
	/* Each clearing of A is seen by the next fetch (HAZARDS 29). */
	*pte_of(T) &= ~(pte_t)PTE_A;
	invlpg(T);
	check_that("runs", access_at(FETCH, 3, T), ALLOWED);
	check_that("A again", *pte_of(T) & PTE_A, PTE_A);
	begin(NAME("ad.no-neighbour"));
	map(T + 0x1000, frame_alloc(2), RWU);
	map(T + 0x2000, frame_alloc(3), RWU);
	(void)MEM32(T + 0x1000);
	check_that("next page", *pte_of(T + 0x2000) & (PTE_A | PTE_D), 0);
	begin(NAME("ad.other-bits-kept"));
	map(T, frame_alloc(1), RWU | 0xe00);
	MEM32(T) = 0;
	check_that("avail", *pte_of(T) & 0xe00, 0xe00);
}

/* --- changes: what must be seen, and when (HAZARDS 39-41) --- */

static bool one_of(u32 v, u32 a, u32 b)
{
	return v == a || v == b;
}

static void test_changes(void)
{
	u32 a = page_alloc(), b = page_alloc(), c = page_alloc();

	MEM32(a) = 0xaaaa;
	MEM32(b) = 0xbbbb;
	MEM32(c) = 0xcccc;
	begin(NAME("change.invlpg"));
	map(T, a, RWU);
	check_that("a", MEM32(T), 0xaaaa);
	*pte_of(T) = b | RWU;
	check_true("stale or new", one_of(MEM32(T), 0xaaaa, 0xbbbb));
	invlpg(T + 0x123);
	check_that("b", MEM32(T), 0xbbbb);
	begin(NAME("change.cr3"));
	*pte_of(T) = c | RWU;
	check_true("stale or new", one_of(MEM32(T), 0xbbbb, 0xcccc));
	reload();
	check_that("c", MEM32(T), 0xcccc);
	begin(NAME("change.other-invlpg"));
	map(T + 0x1000, a, RWU);
	(void)MEM32(T + 0x1000);
	*pte_of(T) = a | RWU;
	*pte_of(T + 0x1000) = b | RWU;
	invlpg(T);
	check_that("a", MEM32(T), 0xaaaa);
	check_true("stale or new", one_of(MEM32(T + 0x1000), 0xaaaa, 0xbbbb));
	invlpg(T + 0x1000);
	check_that("b", MEM32(T + 0x1000), 0xbbbb);
	begin(NAME("change.absent-to-present"));
	unmap(T);
	check_that("absent", access_at(LOAD, 0, T), 0);
	*pte_of(T) = b | RWU;
	check_that("no invlpg needed", access_at(LOAD, 0, T), ALLOWED);
	check_that("b", MEM32(T), 0xbbbb);
	begin(NAME("change.more-rights"));
	/* A stale read-only translation may fault once, and no more. */
	map(T, b, PTE_P);
	(void)MEM32(T);
	*pte_of(T) |= PTE_W | PTE_U;
	(void)access_at(STORE, 3, T);
	check_that("second try", access_at(STORE, 3, T), ALLOWED);
	begin(NAME("change.fewer-rights"));
	*pte_of(T) = b | PTE_P;
	invlpg(T);
	check_that("user", access_at(LOAD, 3, T), PFEC_P | PFEC_U);
	check_that("store", access_at(STORE, 0, T), PFEC_P | PFEC_W);
	begin(NAME("change.unmap"));
	unmap(T);
	check_that("absent", access_at(LOAD, 0, T), 0);
	check_that("absent, fetch", access_at(FETCH, 0, T),
		   nxe ? PFEC_I : 0);
}

static void test_global(void)
{
	u32 a = page_alloc(), b = page_alloc();

	if (!(cpuid_of(1, 0).d & 1u << 13))
		return;
	MEM32(a) = 0xaaaa;
	MEM32(b) = 0xbbbb;
	begin(NAME("global"));
	wr_c4(rd_c4() | CR4_PGE);
	map(T, a, RWU | PTE_G);
	check_that("a", MEM32(T), 0xaaaa);
	*pte_of(T) = b | RWU | PTE_G;
	reload();
	check_true("stale or new", one_of(MEM32(T), 0xaaaa, 0xbbbb));
	invlpg(T);
	check_that("invlpg", MEM32(T), 0xbbbb);
	*pte_of(T) = a | RWU | PTE_G;
	wr_c4(rd_c4() & ~CR4_PGE);
	check_that("PGE off", MEM32(T), 0xaaaa);
	*pte_of(T) = b | RWU | PTE_G;
	wr_c4(rd_c4() | CR4_PGE);
	check_that("PGE on", MEM32(T), 0xbbbb);
	*pte_of(T) = a | RWU;
	invlpg(T);
	*pte_of(T) = b | RWU;
	reload();
	check_that("not global", MEM32(T), 0xbbbb);
	wr_c4(rd_c4() & ~CR4_PGE);
}

static void test_shapes(void)
{
	u32 v = T + 2 * LARGE;
	u32 big = big_alloc(), table = page_alloc(), f = frame_alloc(9);

	begin(NAME("shape.large-to-small"));
	MEM32(big) = 0x1111;
	MEM32(big + 0x3000) = 0x3333;
	*pde_of(v) = big | PTE_PS | RWU;
	invlpg(v);
	check_that("large", MEM32(v), 0x1111);
	check_that("large, 3rd", MEM32(v + 0x3000), 0x3333);
	*pde_of(v) = table | RWU;
	*pte_of(v) = f | RWU;
	invlpg(v);
	check_that("small", MEM32(v), 9u << 16 | 0x40cd);
	/* INVLPG covers the whole of a large page (HAZARDS 41). */
	check_that("rest is gone", access_at(LOAD, 0, v + 0x3000), 0);
	begin(NAME("shape.small-to-large"));
	*pde_of(v) = big | PTE_PS | RWU;
	reload();
	check_that("large", MEM32(v), 0x1111);
	check_that("large, 3rd", MEM32(v + 0x3000), 0x3333);
	begin(NAME("shape.other-table"));
	*pde_of(v) = table | RWU;
	reload();
	check_that("small", MEM32(v), 9u << 16 | 0x40cd);
	{
		u32 t2 = page_alloc();

		*(volatile pte_t *)t2 = frame_alloc(5) | RWU;
		*pde_of(v) = t2 | RWU;
		reload();
		check_that("second table", MEM32(v), 5u << 16 | 0x40cd);
		/* The first table is data now: writes change nothing. */
		*(volatile pte_t *)table = 0;
		reload();
		check_that("still", MEM32(v), 5u << 16 | 0x40cd);
	}
	begin(NAME("shape.same-frame-twice"));
	map(v + 0x5000, f, RWU);
	map(v + 0x6000, f, RWU);
	MEM32(v + 0x5008) = 0x777;
	check_that("alias", MEM32(v + 0x6008), 0x777);
	*pde_of(v) = 0;
	reload();
}

static void test_selfmap(void)
{
	u32 v = T + 3 * LARGE;
	u32 slot = 0xc0000000; /* where the tables show */
	u32 f = frame_alloc(3), g = frame_alloc(4);
	volatile pte_t *e;

	begin(NAME("selfmap"));
	map(v, f, RWU);
#if PAE
	for (u32 i = 0; i < 4; i++)
		dir[(slot >> 21) + i] = (ADDR(dir) + i * 4096) | RW;
	e = (volatile pte_t *)(slot + (v >> 12) * 8);
#else
	dir[slot >> 22] = root | RW;
	e = (volatile pte_t *)(slot + (v >> 12) * 4);
#endif
	reload();
	check_that("pte through itself", (u32)*e & ~0xfffu, f);
	*e = g | RWU;
	invlpg(v);
	check_that("change through itself", MEM32(v), 4u << 16 | 0x40cd);
	*e = 0;
	invlpg(v);
	check_that("unmap through itself", access_at(LOAD, 0, v), 0);
	*e = f | RWU;
	check_that("map through itself", MEM32(v), 3u << 16 | 0x40cd);
	/* The directory is a page, too: used as table and as data. */
#if PAE
	e = (volatile pte_t *)(slot + (slot >> 12) * 8 + (v >> 21) * 8);
#else
	e = (volatile pte_t *)(slot + (slot >> 12) * 4 + (v >> 22) * 4);
#endif
	check_that("pde through itself", (u32)*e, (u32)*pde_of(v));
	check_that("A of the directory's own entry",
		   dir[ADDR(e) >> LARGE_SHIFT] & PTE_A, PTE_A);
	check_that("user", access_at(LOAD, 3, slot + (v >> 12) * sizeof(pte_t)),
		   PFEC_P | PFEC_U);
	begin(NAME("table-by-other-mapping"));
	map(T, (u32)*pde_of(v) & ~0xfffu, RW);
	((volatile pte_t *)T)[v >> 12 & (ENTRIES - 1)] = g | RWU;
	invlpg(v);
	check_that("changed", MEM32(v), 4u << 16 | 0x40cd);
	((volatile pte_t *)T)[v >> 12 & (ENTRIES - 1)] = f | RWU;
	reload();
	check_that("changed back", MEM32(v), 3u << 16 | 0x40cd);
	unmap(T);
}

/* --- crossing and wrapping (HAZARDS 3, 9, 10) --- */

static void cross_one(const char *what, void *code, u32 va, int cpl, u32 err,
		      u32 cr2)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.ebx = va;
	r.eax = 0x99999999;
	r.edx = r.ecx = 0x55555555;
	run(&r);
	check_that(what, r.vec, VEC_PF);
	if (on_tcg && code == op_rmw)
		r.err |= PFEC_W;
	check_that(what, r.err, err);
	check_that(what, r.cr2, cr2);
	check_that(what, r.eip, ADDR(code));
	check_that(what, r.eax, 0x99999999);
}

static void test_cross(void)
{
	u32 p = T + 0x10000;
	u32 f = frame_alloc(1), g = frame_alloc(2);
	struct regs r;

	begin(NAME("cross.data"));
	map(p, g, RWU);
	map(p + 0x1000, f, RWU); /* frames in the other order */
	MEM32(p + 0xffe) = 0x12345678;
	check_that("first half", MEM16(g + 0xffe), 0x5678);
	check_that("second half", MEM16(f), 0x1234);
	check_that("whole", MEM32(p + 0xffe), 0x12345678);
	begin(NAME("cross.second-absent"));
	unmap(p + 0x1000);
	cross_one("load", op_load, p + 0xffe, 3, PFEC_U, p + 0x1000);
	cross_one("store", op_store, p + 0xffe, 0, PFEC_W, p + 0x1000);
	cross_one("rmw", op_rmw, p + 0xfff, 3, PFEC_U | PFEC_W, p + 0x1000);
	check_that("nothing stored", MEM16(g + 0xffe), 0x5678);
	begin(NAME("cross.second-read-only"));
	map(p + 0x1000, f, PTE_P | PTE_U);
	cross_one("store", op_store, p + 0xffd, 3, 7, p + 0x1000);
	cross_one("rmw", op_rmw, p + 0xffd, 0, 3, p + 0x1000);
	check_that("nothing stored", MEM16(g + 0xffe), 0x5678);
	begin(NAME("cross.first-absent"));
	unmap(p);
	map(p + 0x1000, f, RWU);
	cross_one("load", op_load, p + 0xffe, 3, PFEC_U, p + 0xffe);
	cross_one("store", op_store, p + 0xffd, 0, PFEC_W, p + 0xffd);
	begin(NAME("cross.fetch"));
	map(p, g, RWU);
	/* mov eax, imm32 with two of its bytes in the next page */
	memcpy((void *)(p + 0xffd), "\xb8\x44\x33\x22\x11\xcd\x40", 7);
	run_at(&r, (void *)(p + 0xffd), 3);
	check_that("vector", r.vec, VEC_END);
	check_that("eax", r.eax, 0x11223344);
	check_that("eip", r.eip, p + 0xffd + 7);
	unmap(p + 0x1000);
	run_at(&r, (void *)(p + 0xffd), 3);
	check_that("vector", r.vec, VEC_PF);
	check_that("error code", r.err, PFEC_U | (nxe ? PFEC_I : 0));
	check_that("cr2 is the second page", r.cr2, p + 0x1000);
	check_that("eip is the instruction", r.eip, p + 0xffd);
	/* The other frame's bytes must now be the ones that run. */
	MEM32(page_alloc()) = 0;
	{
		u32 h = page_alloc();

		memcpy((void *)h, "\x66\x55\xcd\x40", 4);
		map(p + 0x1000, h, RWU);
	}
	run_at(&r, (void *)(p + 0xffd), 0);
	check_that("new second half", r.eax, 0x55663344);
	begin(NAME("cross.run-off-the-page"));
	memcpy((void *)(p + 0xffe), "\x40\x41", 2); /* inc eax; inc ecx */
	unmap(p + 0x1000);
	run_at(&r, (void *)(p + 0xffe), 3);
	check_that("vector", r.vec, VEC_PF);
	check_that("eip", r.eip, p + 0x1000);
	check_that("cr2", r.cr2, p + 0x1000);
	check_that("eax", r.eax, 1);
	check_that("ecx", r.ecx, 1);
	begin(NAME("cross.push"));
	regs_init(&r, op_push, 3);
	r.esp = p + 0x1002;
	r.eax = 0x87654321;
	run(&r);
	check_that("vector", r.vec, VEC_PF);
	check_that("cr2", r.cr2, p + 0x1000);
	check_that("error code", r.err, PFEC_U | PFEC_W);
	check_that("esp", r.esp, p + 0x1002);
}

/*
 * An access that wraps at 4 GiB in a flat segment may wrap or raise #GP
 * (SDM vol. 3, 5.3); nothing else, and a wrapped one has the right bytes.
 */
static void test_wrap(void)
{
	u32 last = frame_alloc(1), first = page_alloc();
	u32 old0 = (u32)*pde_of(0);
	struct regs r;

	begin(NAME("wrap"));
	map(0xfffff000, last, RWU);
	/* page 0 is the first of a large identity page: make it ours */
	new_table(0, RWU);
	for (u32 i = 0; i < ENTRIES; i++)
		((volatile pte_t *)((u32)*pde_of(0) & ~0xfffu))[i] =
			i << 12 | RWU;
	*pte_of(0) = first | RWU;
	reload();
	MEM32(last + 0xffc) = 0x44332211;
	MEM32(first) = 0x88776655;
	check_that("last dword", MEM32(0xfffffffc), 0x44332211);
	regs_init(&r, op_load, 3);
	r.ebx = 0xfffffffe;
	run(&r);
	check_true("load: wraps or #GP",
		   (r.vec == VEC_END && r.eax == 0x66554433) ||
		   (r.vec == VEC_GP && r.err == 0));
	regs_init(&r, op_store, 3);
	r.ebx = 0xfffffffd;
	r.eax = 0xddccbbaa;
	run(&r);
	check_true("store: wraps or #GP",
		   (r.vec == VEC_END && MEM8(first) == 0xdd &&
		    MEM32(last + 0xffc) == 0xccbbaa11) ||
		   (r.vec == VEC_GP && MEM32(last + 0xffc) == 0x44332211));
	regs_init(&r, op_load8, 0);
	r.ebx = 0xfffffffc;
	MEM32(last + 0xffc) = 0x44332211;
	MEM32(first) = 0x88776655;
	run(&r);
	check_true("8 bytes: wraps or #GP",
		   (r.vec == VEC_END && r.eax == 0x44332211 &&
		    r.edx == 0x88776655) || r.vec == VEC_GP);
	*pte_of(0) = 0;
	reload();
	regs_init(&r, op_load, 3);
	r.ebx = 0xfffffffe;
	run(&r);
	check_true("second page absent",
		   (r.vec == VEC_PF && r.cr2 == 0 && r.err == PFEC_U) ||
		   r.vec == VEC_GP);
	*pde_of(0) = old0;
	*pde_of(0xfffff000) = 0;
	reload();
}

/* --- implicit supervisor accesses (HAZARDS 54) --- */

struct pseudo {
	u16 limit;
	u32 base;
} __attribute__((packed));

static void test_implicit(void)
{
	u32 v = T + 0x20000, g0 = page_alloc(), g1 = page_alloc();
	u32 off = 0x1000 - 0x100;
	struct pseudo p = { 1023, v + off };
	struct pseudo old = { 1023, ADDR(gdt) };
	struct pseudo ip = { 2047, v + 0x1000 - 0x200 };
	struct regs r;

	begin(NAME("implicit.gdt"));
	memcpy((void *)(g0 + off), gdt, 0x100);
	*(u64 *)(g1 + 8) = seg_desc(0, 0xfffff, A_DATA | A_DPL(3),
				    SEG_G | SEG_B);
	map(v, g0, RW); /* supervisor only: user loads still work */
	map(v + 0x1000, g1, RW);
	asm volatile("lgdt %0" : : "m"(p));
	regs_init(&r, op_movds, 3);
	r.eax = 0x108 | 3;
	run(&r);
	CHECK_END(&r, op_movds);
	check_that("ds", r.ds, 0x10b);
	check_that("accessed bit", *(u32 *)(g1 + 12) >> 8 & 1, 1);
	check_that("D of its page", *pte_of(v + 0x1000) & PTE_D, PTE_D);
	begin(NAME("implicit.gdt-read-only"));
	*(u32 *)(g1 + 12) &= ~0x100u;
	map(v + 0x1000, g1, PTE_P);
	regs_init(&r, op_movds, 3);
	r.eax = 0x108 | 3;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, PFEC_P | PFEC_W, op_movds);
	check_true("cr2", r.cr2 >= v + 0x1008 && r.cr2 < v + 0x1010);
	begin(NAME("implicit.gdt-absent"));
	unmap(v + 0x1000);
	regs_init(&r, op_movds, 3);
	r.eax = 0x108 | 3;
	run(&r);
	CHECK_TRAP(&r, VEC_PF, 0, op_movds);
	check_true("cr2", r.cr2 >= v + 0x1008 && r.cr2 < v + 0x1010);
	check_that("ds unchanged", r.ds, UDS);
	asm volatile("lgdt %0" : : "m"(old));
	begin(NAME("implicit.idt-absent"));
	memset((void *)g0, 0, 4096);
	memcpy((void *)(g0 + 0xe00), idt, 0x200); /* vectors up to 0x3f */
	map(v, g0, RW);
	asm volatile("lidt %0" : : "m"(ip));
	run_at(&r, op_int80, 3);
	CHECK_TRAP(&r, VEC_PF, 0, op_int80);
	check_true("cr2", r.cr2 >= v + 0x1200 && r.cr2 < v + 0x1208);
	idt_reset();
	begin(NAME("implicit.kernel-stack"));
	map(T + 0x30000, frame_alloc(0), RW);
	map(T + 0x31000, page_alloc(), RW); /* start.S reads above the frame */
	tss.esp0 = T + 0x31000;
	run_at(&r, op_int80, 3); /* DPL 0: #GP through the supervisor stack */
	CHECK_TRAP(&r, VEC_GP, 0x80 * 8 + 2, op_int80);
	check_that("handler esp", r.hesp, T + 0x31000 - 24);
	check_that("D of the stack", *pte_of(T + 0x30000) & PTE_D, PTE_D);
	tss.esp0 = ADDR(ring0_stack_top);
}

#if PAE
static void test_pdpte(void)
{
	volatile u64 *pdpt = (void *)root;
	u32 alt = page_alloc();
	struct regs r;

	begin(NAME("pdpte.absent"));
	map(T, frame_alloc(1), RWU); /* T lies in PDPTE 1 */
	pdpt[1] &= ~1ull;
	reload();
	check_that("absent", access_at(LOAD, 3, T), PFEC_U);
	pdpt[1] |= 1;
	reload();
	check_that("present", access_at(LOAD, 3, T), ALLOWED);
	begin(NAME("pdpte.latched"));
	(void)MEM32(T);
	pdpt[1] &= ~1ull;
	invlpg(T);
	check_that("latched", access_at(LOAD, 3, T), ALLOWED);
	pdpt[1] |= 1;
	reload();
	begin(NAME("pdpte.reloaded-by-cr4"));
	pdpt[1] &= ~1ull;
	wr_c4(rd_c4() ^ CR4_PGE);
	check_that("absent", access_at(LOAD, 3, T), PFEC_U);
	pdpt[1] |= 1;
	wr_c4(rd_c4() ^ CR4_PGE);
	check_that("present", access_at(LOAD, 3, T), ALLOWED);
	begin(NAME("pdpte.32-byte-aligned"));
	for (int i = 0; i < 4; i++)
		((volatile u64 *)(alt + 0x7e0))[i] = pdpt[i];
	wr_c3(alt + 0x7e0);
	check_that("cr3", rd_c3(), alt + 0x7e0);
	check_that("load", access_at(LOAD, 3, T), ALLOWED);
	wr_c3(root);
	begin(NAME("pdpte.reserved"));
	for (int b = 1; b < 9; b++) {
		if (b == 3 || b == 4)
			continue;
		for (int i = 0; i < 4; i++)
			((volatile u64 *)alt)[i] = pdpt[i];
		((volatile u64 *)alt)[2] |= 1u << b;
		regs_init(&r, op_movcr3, 0);
		r.ebx = alt;
		run(&r);
		CHECK_TRAP(&r, VEC_GP, 0, op_movcr3);
		check_that("cr3 unchanged", rd_c3(), root);
		wr_c3(root);
		/* In an absent one they do not count. */
		((volatile u64 *)alt)[2] &= ~1ull;
		regs_init(&r, op_movcr3, 0);
		r.ebx = alt;
		run(&r);
		CHECK_END(&r, op_movcr3);
		wr_c3(root);
	}
}
#endif

/* Many address spaces in turn over the same linear addresses. */
static void test_spaces(void)
{
	enum { N = 8 };
	u32 space[N], home = rd_c3();

	begin(NAME("spaces"));
	for (u32 i = 0; i < N; i++) {
		u32 table = page_alloc();

		((volatile pte_t *)table)[0] = frame_alloc(i) | RWU;
#if PAE
		u32 d = pages_alloc(4);

		memcpy((void *)d, (void *)dir, 4 * 4096);
		((volatile pte_t *)d)[T >> 21] = table | RWU;
		space[i] = page_alloc();
		for (u32 j = 0; j < 4; j++)
			((volatile u64 *)space[i])[j] = (d + j * 4096) | PTE_P;
#else
		space[i] = page_alloc();
		memcpy((void *)space[i], (void *)dir, 4096);
		((volatile pte_t *)space[i])[T >> 22] = table | RWU;
#endif
	}
	for (u32 round = 0; round < 20; round++)
		for (u32 i = 0; i < N; i++) {
			wr_c3(space[i]);
			check_that("value", MEM32(T), i << 16 | 0x40cd);
			check_that("user", access_at(STORE, 3, T + 8), ALLOWED);
			check_that("runs", access_at(FETCH, 3, T), ALLOWED);
		}
	wr_c3(home);
}

void guest_main(void)
{
#if PAE
	if (!(cpuid_of(1, 0).d & 1u << 6)) {
		print("ok paging_pae (not offered)\n");
		return;
	}
#endif
	paging_start();
	test_error_codes();
	test_large();
	test_reserved();
	test_ad();
	test_changes();
	test_global();
	test_shapes();
	test_selfmap();
	test_cross();
	test_wrap();
	test_implicit();
	test_spaces();
#if PAE
	test_pdpte();
#endif
}
