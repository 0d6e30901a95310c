/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smap_smep.c - bare guest: SMAP and SMEP, where CPUID offers them.
 *
 * SDM vol. 3, 4.6.1 and 4.7. HAZARDS 42 (CR4 changes), 54 (explicit and
 * implicit supervisor accesses are two privileges). All that the kernel uses
 * lies in supervisor pages here; user code, data and stack lie at T.
 */
#include "guest.h"

#define T      0x50000000u
#define U_CODE (T)
#define U_DATA (T + 0x1000)
#define U_STK  (T + 0x3000)
#define RWU    (PTE_P | PTE_W | PTE_U)

const struct tcg_skip tcg_skips[] = {
	{ "smap.implicit.ac", "TCG lets AC lift implicit accesses at CPL 0" },
	{ "smap.implicit.after", "as smap.implicit.ac" },
	{ 0, 0 },
};

static bool smap, smep;

CODE(op_load, F(op_load) "mov eax, [ebx]");
CODE(op_store, F(op_store) "mov [ebx], ecx");
CODE(op_rmw, F(op_rmw) "add [ebx], ecx");
CODE(op_jmp, F(op_jmp) "jmp ebx");
CODE(op_stac, "stac" F(op_stac) "mov eax, [ebx]; mov [ebx], eax; clac; "
     "pushfd; pop edx");
CODE(op_clac, "stac; mov eax, [ebx]; clac" F(op_clac) "mov edx, [ebx]");
CODE(op_popf, "push 0x40002; popfd; mov eax, [ebx]; push 2; popfd"
     F(op_popf) "mov edx, [ebx]");
CODE(op_across, "stac; mov eax, [ebx]; test eax, eax; jz 1f; nop; 1: call 3f; "
     "clac; jmp 2f; 3: mov [ebx], eax; ret; 2:" F(op_across) "mov edx, [ebx]");
CODE(op_movs, "stac; rep movsb; clac");
CODE(op_movds, F(op_movds) "mov ds, eax");
CODE(op_movds_after, "mov edx, [ebx]" F(op_movds_after) "mov ds, eax");
CODE(op_bare_stac, F(op_bare_stac) "stac");
CODE(op_push, "mov edx, esp; mov esp, ebx" F(op_push) "push eax; "
     "mov esp, edx");
CODE(op_loop, "mov ecx, 1000; 1: stac; mov eax, [ebx]; inc eax; "
     "mov [ebx], eax; clac; dec ecx; jnz 1b");
CODE(op_sgdt, F(op_sgdt) "sgdt [ebx]");

static void kernel_pages(void)
{
	u32 dir = identity_on();

	for (u32 i = 0; i < 64; i++)
		MEM32(dir + i * 4) &= ~(u32)PTE_U;
	wr_c3(dir);
	page_map(U_CODE, page_alloc(), RWU);
	page_map(U_DATA, page_alloc(), RWU);
	page_map(U_STK - 0x1000, page_alloc(), RWU);
}

static void user(struct regs *r, const void *code, const void *end)
{
	u32 old = rd_c4();

	wr_c4(old & ~CR4_SMAP);
	memcpy((void *)U_CODE, code, (u32)((u8 *)end - (u8 *)code) + 2);
	wr_c4(old);
	regs_init(r, (void *)U_CODE, 3);
	r->esp = U_STK;
	r->ebx = U_DATA;
}

static void sup(struct regs *r, const void *code, u32 ac)
{
	regs_init(r, code, 0);
	r->ebx = U_DATA;
	r->ecx = 5;
	r->efl |= ac;
	run(r);
}

static void expect(struct regs *r, void *site, void *end, bool fault, u32 err)
{
	if (!fault) {
		check_end(r, end);
		return;
	}
	check_trap(r, VEC_PF, err, site);
	check_that("cr2", r->cr2, U_DATA);
}

static void test_smap(bool on)
{
	struct regs r;

	MEM32(U_DATA) = 1;
	if (on)
		wr_c4(rd_c4() | CR4_SMAP);
	begin(on ? "smap.on.load" : "smap.off.load");
	sup(&r, op_load, 0);
	expect(&r, op_load_f, op_load_end, on, PFEC_P);
	sup(&r, op_load, EFL_AC);
	expect(&r, op_load_f, op_load_end, false, 0);
	begin(on ? "smap.on.store" : "smap.off.store");
	sup(&r, op_store, 0);
	expect(&r, op_store_f, op_store_end, on, PFEC_P | PFEC_W);
	sup(&r, op_store, EFL_AC);
	expect(&r, op_store_f, op_store_end, false, 0);
	sup(&r, op_rmw, 0);
	if (on_tcg && r.vec == VEC_PF) /* which reads first */
		r.err |= PFEC_W;
	expect(&r, op_rmw_f, op_rmw_end, on, PFEC_P | PFEC_W);
	sup(&r, op_sgdt, 0);
	expect(&r, op_sgdt_f, op_sgdt_end, on, PFEC_P | PFEC_W);
	begin(on ? "smap.on.user" : "smap.off.user");
	for (u32 ac = 0; ac < 2; ac++) {
		user(&r, op_store, op_store_end);
		r.efl |= ac ? EFL_AC : 0;
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("AC", r.efl & EFL_AC, ac ? EFL_AC : 0);
	}
	wr_c4(rd_c4() & ~CR4_SMAP);
}

static void test_smap_more(void)
{
	struct regs r;

	wr_c4(rd_c4() | CR4_SMAP);
	begin("smap.stac-clac");
	/* more than once: the first may go another way */
	for (u32 i = 0; i < 5; i++) {
		sup(&r, op_stac, 0);
		CHECK_END(&r, op_stac);
		check_that("AC after clac", r.edx & EFL_AC, 0);
		sup(&r, op_clac, 0);
		expect(&r, op_clac_f, NULL, true, PFEC_P);
		sup(&r, op_popf, 0);
		expect(&r, op_popf_f, NULL, true, PFEC_P);
		sup(&r, op_across, 0);
		expect(&r, op_across_f, NULL, true, PFEC_P);
		sup(&r, op_sgdt, 0);
		expect(&r, op_sgdt_f, NULL, true, PFEC_P | PFEC_W);
	}
	begin("smap.string");
	regs_init(&r, op_movs, 0);
	r.esi = ADDR(op_movs);
	r.edi = U_DATA + 0x10;
	r.ecx = 64;
	run(&r);
	CHECK_END(&r, op_movs);
	begin("smap.loop");
	wr_c4(rd_c4() & ~CR4_SMAP);
	MEM32(U_DATA) = 0;
	wr_c4(rd_c4() | CR4_SMAP);
	sup(&r, op_loop, 0);
	CHECK_END(&r, op_loop);
	check_that("eax", r.eax, 1000);
	begin("smap.push");
	regs_init(&r, op_push, 0);
	r.ebx = U_DATA + 0x804;
	r.efl |= EFL_AC;
	run(&r);
	CHECK_END(&r, op_push);
	begin("smap.wp-off");
	wr_c0(rd_c0() & ~CR0_WP);
	page_map(U_DATA, page_alloc(), PTE_P | PTE_U);
	sup(&r, op_store, 0);
	expect(&r, op_store_f, op_store_end, true, PFEC_P | PFEC_W);
	sup(&r, op_store, EFL_AC);
	expect(&r, op_store_f, op_store_end, false, 0);
	wr_c0(rd_c0() | CR0_WP);
	sup(&r, op_store, EFL_AC);
	expect(&r, op_store_f, op_store_end, true, PFEC_P | PFEC_W);
	page_map(U_DATA, page_alloc(), RWU);
	begin("smap.stac-user");
	user(&r, op_bare_stac, op_bare_stac_end);
	run(&r);
	check_trap(&r, VEC_UD, NOERR, (void *)U_CODE);
	/* The descriptor tables are implicit accesses: AC does not help. */
	begin("smap.implicit");
	{
		struct {
			u16 limit;
			u32 base;
		} __attribute__((packed)) p = { 1023, U_DATA - 0x100 };
		u32 k = page_alloc();

		wr_c4(rd_c4() & ~CR4_SMAP);
		page_map(U_DATA - 0x1000, k, PTE_P | PTE_W); /* supervisor */
		memcpy((void *)(k + 0xf00), gdt, 0x100);
		*(u64 *)(U_DATA + 8) = seg_desc(0, 0xfffff, A_DATA | A_DPL(3),
						SEG_B | SEG_G);
		wr_c4(rd_c4() | CR4_SMAP);
		asm volatile("lgdt %0" : : "m"(p));
		for (u32 ac = 0; ac < 2; ac++) {
			if (ac)
				begin("smap.implicit.ac");
			regs_init(&r, op_movds, 0);
			r.eax = 0x108;
			r.efl |= ac ? EFL_AC : 0;
			run(&r);
			CHECK_TRAP(&r, VEC_PF, PFEC_P, op_movds);
		}
		/* Nor does it that an explicit one was let through. */
		begin("smap.implicit.after");
		regs_init(&r, op_movds_after, 0);
		r.eax = 0x108;
		r.ebx = U_DATA;
		r.efl |= EFL_AC;
		run(&r);
		CHECK_TRAP(&r, VEC_PF, PFEC_P, op_movds_after);
		tables_init_again();
	}
	wr_c4(rd_c4() & ~CR4_SMAP);
}

static void test_smep(void)
{
	struct regs r;

	page_map(U_CODE, page_alloc(), RWU);
	memcpy((void *)U_CODE, "\xcd\x40", 2);
	begin("smep.off");
	regs_init(&r, op_jmp, 0);
	r.ebx = U_CODE;
	run(&r);
	check_that("vector", r.vec, VEC_END);
	begin("smep.on");
	wr_c4(rd_c4() | CR4_SMEP);
	for (int cpl = 0; cpl < 3; cpl++) {
		if (cpl) /* rings 1 and 2 are supervisor, too */
			regs_init(&r, (void *)U_CODE, cpl);
		else
			regs_init(&r, op_jmp, 0);
		r.ebx = U_CODE;
		r.efl |= EFL_AC; /* no matter */
		run(&r);
		check_trap(&r, VEC_PF, PFEC_P | PFEC_I, (void *)U_CODE);
		check_that("cr2", r.cr2, U_CODE);
	}
	begin("smep.user");
	user(&r, op_load, op_load_end);
	run(&r);
	check_that("vector", r.vec, VEC_END);
	begin("smep.absent");
	page_unmap(U_CODE);
	regs_init(&r, op_jmp, 0);
	r.ebx = U_CODE;
	run(&r);
	check_trap(&r, VEC_PF, PFEC_I, (void *)U_CODE);
	begin("smep.off-again");
	page_map(U_CODE, page_alloc(), RWU);
	memcpy((void *)U_CODE, "\xcd\x40", 2);
	wr_c4(rd_c4() & ~CR4_SMEP);
	regs_init(&r, op_jmp, 0);
	r.ebx = U_CODE;
	run(&r);
	check_that("vector", r.vec, VEC_END);
}

void guest_main(void)
{
	u32 f = cpuid_of(0, 0).a >= 7 ? cpuid_of(7, 0).b : 0;

	smep = f & 1u << 7;
	smap = f & 1u << 20;
	kernel_pages();
	if (smap) {
		test_smap(false);
		test_smap(true);
		test_smap_more();
	} else {
		print("# SMAP is not offered\n");
	}
	if (smep)
		test_smep();
	else
		print("# SMEP is not offered\n");
}
