/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segments.c - bare guest: segmentation as data sees it.
 *
 * HAZARDS 11 (null, read-only, code and expand-down segments fault), 10
 * (limits at the edges), 28. SDM vol. 3, 3.4, 5.3-5.5; vol. 2, MOV, LAR, LSL,
 * VERR, ARPL. TCG checks neither limits nor types of data accesses: these
 * sub-tests stand on the SDM alone.
 */
#include "guest.h"

#define NOLIMIT "TCG checks no limit and no type of a data access"

const struct tcg_skip tcg_skips[] = {
	{ "seg.limit.up", NOLIMIT },
	{ "seg.limit.page-granular", NOLIMIT },
	{ "seg.limit.down", NOLIMIT },
	{ "seg.limit.down16", NOLIMIT },
	{ "seg.limit.operand-sizes", NOLIMIT },
	{ "seg.type.read-only", NOLIMIT },
	{ "seg.type.code", NOLIMIT },
	{ "seg.null", NOLIMIT },
	{ "seg.null.ds", NOLIMIT },
	{ "seg.string", NOLIMIT },
	{ "seg.stack-limit", NOLIMIT },
	{ "seg.stack-limit.ebp", NOLIMIT },
	{ "seg.code-limit.run-off", "TCG checks no limit of fetches" },
	{ "ltr.null", "TCG accepts a null selector" },
	{ "far.beyond-limit", "TCG gives the selector as error code" },
	{ "seg.code16.beyond", "TCG checks no limit of fetches" },
	{ "seg.code-limit.near-jmp", "TCG checks no limit at a near jump" },
	{ 0, 0 },
};

#define S(i) (FREE_SEL + (i) * 8)

CODE(ld32, F(ld32) "mov eax, fs:[ebx]");
CODE(ld16, F(ld16) "mov ax, fs:[ebx]");
CODE(ld8, F(ld8) "mov al, fs:[ebx]");
CODE(st32, F(st32) "mov fs:[ebx], ecx");
CODE(st8, F(st8) "mov fs:[ebx], cl");
CODE(rmw32, F(rmw32) "add fs:[ebx], ecx");
CODE(ld64, F(ld64) "fild qword ptr fs:[ebx]; fstp st");
CODE(ld_ds, F(ld_ds) "mov eax, [ebx]");
CODE(st_es, F(st_es) "mov es:[ebx], ecx");
CODE(do_stos, F(do_stos) "rep stosb");
CODE(do_movs, F(do_movs) "rep movs byte ptr es:[edi], byte ptr fs:[esi]");
CODE(do_push, F(do_push) "push eax");
CODE(push_wrap, "mov ecx, esp; push ax; mov edx, esp; "
     "mov edi, 0x10000; movzx edi, word ptr ss:[edi-2]; xor ebx, ebx; "
     "pop bx; mov esi, esp");
CODE(do_pop, F(do_pop) "pop eax");
CODE(do_call, F(do_call) "call 1f; 1: nop");
CODE(ld_ebp, F(ld_ebp) "mov eax, [ebp]");
CODE(ld_ebp_ds, F(ld_ebp_ds) "mov eax, ds:[ebp]");

static u8 area[0x6000] __attribute__((aligned(4096)));

static void one(const char *what, void *code, u32 sel, u32 off,
		u32 vec)
{
	struct regs r;

	regs_init(&r, code, 3);
	r.fs = sel | 3;
	r.ebx = off;
	r.ecx = 0x01020304;
	r.eax = 0x77777777;
	run(&r);
	if (vec == VEC_END) {
		check_that(what, r.vec, VEC_END);
		if (r.vec != VEC_END)
			check_that("  at offset", off, ~off);
		return;
	}
	check_that(what, r.vec, vec);
	if (r.vec != vec) {
		check_that("  at offset", off, ~off);
		return;
	}
	check_that(what, r.err, 0);
	check_that(what, r.eip, ADDR(code));
	check_that(what, r.eax, 0x77777777);
}

#define OK(code, sel, off)   one(#code, code, sel, off, VEC_END)
#define BAD(code, sel, off)  one(#code, code, sel, off, VEC_GP)

static void test_limits(void)
{
	u32 base = ADDR(area);

	begin("seg.limit.up");
	gdt_put(S(0), seg_desc(base, 0xfff, A_DATA | A_DPL(3), SEG_B));
	OK(ld32, S(0), 0);
	OK(ld32, S(0), 0xffc);
	BAD(ld32, S(0), 0xffd);
	BAD(ld32, S(0), 0xfff);
	OK(ld8, S(0), 0xfff);
	BAD(ld8, S(0), 0x1000);
	OK(ld16, S(0), 0xffe);
	BAD(ld16, S(0), 0xfff);
	BAD(st32, S(0), 0xffd);
	OK(st32, S(0), 0xffc);
	BAD(rmw32, S(0), 0x1000);
	BAD(ld32, S(0), 0xffffffff);
	BAD(ld32, S(0), 0xfffffffc);
	BAD(st8, S(0), 0x80000000);
	begin("seg.limit.page-granular");
	gdt_put(S(0), seg_desc(base, 1, A_DATA | A_DPL(3), SEG_B | SEG_G));
	OK(ld32, S(0), 0x1ffc);
	BAD(ld32, S(0), 0x1ffd);
	OK(ld8, S(0), 0x1fff);
	BAD(ld8, S(0), 0x2000);
	gdt_put(S(0), seg_desc(base, 0, A_DATA | A_DPL(3), SEG_B | SEG_G));
	OK(ld32, S(0), 0xffc);
	BAD(ld32, S(0), 0x1000);
	begin("seg.limit.down");
	gdt_put(S(0), seg_desc(base, 0xfff, A_DATA_DOWN | A_DPL(3), SEG_B));
	BAD(ld8, S(0), 0);
	BAD(ld8, S(0), 0xfff);
	BAD(ld32, S(0), 0xffe);
	OK(ld32, S(0), 0x1000);
	OK(st32, S(0), 0x5000);
	OK(ld32, S(0), 0x10000);
	gdt_put(S(0), seg_desc(base, 0, A_DATA_DOWN | A_DPL(3),
			       SEG_B | SEG_G));
	BAD(ld8, S(0), 0xfff);
	OK(ld8, S(0), 0x1000);
	begin("seg.limit.down16");
	gdt_put(S(0), seg_desc(0x100000, 0xfff, A_DATA_DOWN | A_DPL(3), 0));
	BAD(ld8, S(0), 0xfff);
	OK(ld8, S(0), 0x1000);
	OK(ld32, S(0), 0xfffc);
	BAD(ld32, S(0), 0xfffd);
	BAD(ld8, S(0), 0x10000);
	begin("seg.limit.operand-sizes");
	gdt_put(S(0), seg_desc(base, 6, A_DATA | A_DPL(3), SEG_B));
	OK(ld32, S(0), 3);
	BAD(ld32, S(0), 4);
	BAD(ld64, S(0), 0);
	gdt_put(S(0), seg_desc(base, 7, A_DATA | A_DPL(3), SEG_B));
	begin("seg.limit.zero");
	gdt_put(S(0), seg_desc(base, 0, A_DATA | A_DPL(3), SEG_B));
	OK(ld8, S(0), 0);
}

static void test_types(void)
{
	u32 base = ADDR(area);
	struct regs r;

	begin("seg.type.read-only");
	gdt_put(S(0), seg_desc(base, 0xfff, A_DATA_RO | A_DPL(3), SEG_B));
	OK(ld32, S(0), 16);
	BAD(st32, S(0), 16);
	BAD(rmw32, S(0), 16);
	begin("seg.type.code");
	gdt_put(S(0), seg_desc(base, 0xfff, A_CODE | A_DPL(3), SEG_B));
	OK(ld32, S(0), 16);
	BAD(st32, S(0), 16);
	regs_init(&r, "\x2e\xa1\x00\x00\x00\x00\xcd\x40", 3);
	run(&r); /* mov eax, cs:[0] through the flat code segment */
	check_that("cs read", r.vec, VEC_END);
	regs_init(&r, "\x2e\xa3\x00\x50\x00\x00\xcd\x40", 3);
	run(&r); /* mov cs:[0x5000], eax */
	check_that("cs write", r.vec, VEC_GP);
	begin("seg.null");
	BAD(ld32, 0, 16);
	BAD(st32, 0, 16);
	BAD(rmw32, 0, ADDR(area));
	begin("seg.null.ds");
	regs_init(&r, ld_ds, 3);
	r.ds = 0;
	r.ebx = base;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, ld_ds);
	check_that("ds", r.ds, 0);
	regs_init(&r, st_es, 3);
	r.es = 2; /* null with an RPL */
	r.ebx = base;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, st_es);
	regs_init(&r, do_stos, 3);
	r.es = 0;
	r.edi = base;
	r.ecx = 3;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_stos);
	check_that("ecx", r.ecx, 3);
}

static void test_based(void)
{
	u32 base = ADDR(area);
	struct regs r;

	begin("seg.base");
	gdt_put(S(0), seg_desc(base + 0x100, 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	*(u32 *)(area + 0x110) = 0x13579bdf;
	regs_init(&r, ld32, 3);
	r.fs = S(0) | 3;
	r.ebx = 0x10;
	run(&r);
	CHECK_END(&r, ld32);
	check_that("load", r.eax, 0x13579bdf);
	regs_init(&r, st32, 3);
	r.fs = S(0) | 3;
	r.ebx = 0x20;
	r.ecx = 0x2468ace0;
	run(&r);
	check_that("store", *(u32 *)(area + 0x120), 0x2468ace0);
	begin("seg.base.wrap");
	/* base + offset is taken modulo 4 GiB */
	gdt_put(S(0), seg_desc(0xfff00000, 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	regs_init(&r, ld32, 3);
	r.fs = S(0) | 3;
	r.ebx = base + 0x110 - 0xfff00000u;
	run(&r);
	CHECK_END(&r, ld32);
	check_that("load", r.eax, 0x13579bdf);
	regs_init(&r, st32, 0);
	r.fs = S(0);
	r.ebx = base + 0x124 - 0xfff00000u;
	r.ecx = 0x55aa55aa;
	run(&r);
	check_that("store", *(u32 *)(area + 0x124), 0x55aa55aa);
	begin("seg.base.changed");
	/* The same code with other bases (they are not baked in). */
	for (u32 i = 0; i < 50; i++) {
		gdt_put(S(0), seg_desc(base + i * 4, 0xfffff,
				       A_DATA | A_DPL(3), SEG_B | SEG_G));
		regs_init(&r, st32, 3);
		r.fs = S(0) | 3;
		r.ebx = 0x1000;
		r.ecx = i;
		run(&r);
		check_that("store", *(u32 *)(area + 0x1000 + i * 4), i);
	}
	begin("seg.base.string");
	gdt_put(S(0), seg_desc(base, 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	gdt_put(S(1), seg_desc(base + 0x1000, 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	memcpy(area, "segments and strings", 21);
	regs_init(&r, do_movs, 3);
	r.fs = S(0) | 3;
	r.es = S(1) | 3;
	r.esi = 0;
	r.edi = 0x80;
	r.ecx = 21;
	run(&r);
	CHECK_END(&r, do_movs);
	check_that("copied", memcmp(area, area + 0x1080, 21), 0);
	check_that("esi", r.esi, 21);
	check_that("edi", r.edi, 0x80 + 21);
	begin("seg.base.stack");
	gdt_put(S(0), seg_desc(base, 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	regs_init(&r, do_push, 3);
	r.ss = S(0) | 3;
	r.esp = 0x2000;
	r.eax = 0xfeedf00d;
	run(&r);
	CHECK_END(&r, do_push);
	check_that("esp", r.esp, 0x1ffc);
	check_that("pushed", *(u32 *)(area + 0x1ffc), 0xfeedf00d);
	regs_init(&r, ld_ebp, 3);
	r.ss = S(0) | 3;
	r.esp = 0x2000;
	r.ebp = 0x1ffc;
	run(&r);
	check_that("[ebp] is in ss", r.eax, 0xfeedf00d);
	begin("seg.stack16");
	/* B = 0: pushes move only sp and wrap at 64 KiB (HAZARDS 6). */
	base = pages_alloc(17);
	gdt_put(S(0), seg_desc(base, 0xffff, A_DATA | A_DPL(3), 0));
	regs_init(&r, push_wrap, 3);
	r.ss = S(0) | 3;
	r.esp = 0x12340000;
	r.eax = 0xabcdef01;
	run(&r);
	CHECK_END(&r, push_wrap);
	check_that("sp before", r.ecx & 0xffff, 0);
	check_that("esp after", r.edx, r.ecx | 0xfffe);
	check_that("pushed", MEM16(base + 0xfffe), 0xef01);
	check_that("popped", r.ebx, 0xef01);
	check_that("esp back", r.esi, r.ecx);
	check_that("[bp-2] wraps with sp", r.edi, 0xef01);
}

static void test_edges(void)
{
	u32 base = ADDR(area);
	struct regs r;

	begin("seg.string");
	/* rep stosb runs to the limit and faults there, exact */
	gdt_put(S(0), seg_desc(base, 0xff, A_DATA | A_DPL(3), SEG_B));
	memset(area, 0, 0x200);
	regs_init(&r, do_stos, 3);
	r.es = S(0) | 3;
	r.edi = 0xf0;
	r.ecx = 0x20;
	r.eax = 0x99;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, do_stos);
	check_that("edi", r.edi, 0x100);
	check_that("ecx", r.ecx, 0x10);
	check_that("last byte", area[0xff], 0x99);
	check_that("beyond", area[0x100], 0);
	begin("seg.stack-limit");
	gdt_put(S(0), seg_desc(base, 0xfff, A_DATA_DOWN | A_DPL(3), SEG_B));
	regs_init(&r, do_push, 3);
	r.ss = S(0) | 3;
	r.esp = 0x1002;
	run(&r);
	CHECK_TRAP(&r, VEC_SS, 0, do_push);
	check_that("esp", r.esp, 0x1002);
	regs_init(&r, do_call, 3);
	r.ss = S(0) | 3;
	r.esp = 0x1000;
	run(&r);
	CHECK_TRAP(&r, VEC_SS, 0, do_call);
	gdt_put(S(0), seg_desc(base, 0xfff, A_DATA | A_DPL(3), SEG_B));
	regs_init(&r, do_pop, 3);
	r.ss = S(0) | 3;
	r.esp = 0xffd;
	run(&r);
	CHECK_TRAP(&r, VEC_SS, 0, do_pop);
	check_that("esp", r.esp, 0xffd);
	regs_init(&r, do_push, 3);
	r.ss = S(0) | 3;
	r.esp = 0; /* wraps to 0xfffffffc, beyond the limit */
	run(&r);
	CHECK_TRAP(&r, VEC_SS, 0, do_push);
	begin("seg.stack-limit.ebp");
	regs_init(&r, ld_ebp, 3);
	r.ss = S(0) | 3;
	r.esp = 0x800;
	r.ebp = 0x1000;
	run(&r);
	CHECK_TRAP(&r, VEC_SS, 0, ld_ebp);
	regs_init(&r, ld_ebp_ds, 3);
	r.ds = S(0) | 3;
	r.ebp = 0x1000;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 0, ld_ebp_ds);
}

/* --- loads of segment registers --- */

CODE(mov_ds, F(mov_ds) "mov ds, eax");
CODE(mov_ss, F(mov_ss) "mov ss, eax");
CODE(mov_gs, F(mov_gs) "mov gs, eax");
CODE(pop_es, "push eax" F(pop_es) "pop es");
CODE(load_lfs, F(load_lfs) "lfs ecx, [ebx]");
CODE(load_lss, F(load_lss) "lss ecx, [ebx]");
CODE(load_lds, F(load_lds) "lds ecx, [ebx]");
CODE(load_les16, F(load_les16) ".byte 0x66; les ecx, [ebx]");
CODE(mov_cs, F(mov_cs) ".byte 0x8e, 0xc8");
CODE(do_lldt, F(do_lldt) "lldt ax");
CODE(do_ltr, F(do_ltr) "ltr ax");

enum { R_DS, R_SS, R_GS, R_ES, R_LFS, R_LSS };
#define SAME_SEL 0xfffe /* the error code is the selector without RPL */

static const struct load {
	const char *name;
	u8 reg, cpl;
	u16 sel; /* with RPL */
	u8 access;
	u8 vec;
	u16 err;
} loads[] = {
	{ "ds data", R_DS, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
	{ "ds read-only", R_DS, 3, S(0) | 3, A_DATA_RO | A_DPL(3), VEC_END, 0 },
	{ "ds code", R_DS, 3, S(0) | 3, A_CODE | A_DPL(3), VEC_END, 0 },
	{ "ds x-only", R_DS, 3, S(0) | 3, A_CODE_X | A_DPL(3), VEC_GP, SAME_SEL },
	{ "ds conforming 0", R_DS, 3, S(0) | 3, A_CODE_CONF, VEC_END, 0 },
	{ "ds dpl 0 at 3", R_DS, 3, S(0), A_DATA, VEC_GP, SAME_SEL },
	{ "ds dpl 2 at 3", R_DS, 3, S(0) | 2, A_DATA | A_DPL(2), VEC_GP, SAME_SEL },
	{ "ds rpl 3 dpl 0", R_DS, 0, S(0) | 3, A_DATA, VEC_GP, SAME_SEL },
	{ "ds rpl 0 at 3", R_DS, 3, S(0), A_DATA | A_DPL(3), VEC_END, 0 },
	{ "ds dpl 3 at 0", R_DS, 0, S(0), A_DATA | A_DPL(3), VEC_END, 0 },
	{ "ds dpl 1 at 1", R_DS, 1, S(0) | 1, A_DATA | A_DPL(1), VEC_END, 0 },
	{ "ds absent", R_DS, 3, S(0) | 3, 0x72, VEC_NP, SAME_SEL },
	{ "ds absent, dpl 0", R_DS, 3, S(0) | 3, 0x12, VEC_GP, SAME_SEL },
	{ "ds system", R_DS, 3, S(0) | 3, A_TSS | A_DPL(3), VEC_GP, SAME_SEL },
	{ "ds gate", R_DS, 0, S(0), G_CALL, VEC_GP, SAME_SEL },
	{ "ds null", R_DS, 3, 3, 0, VEC_END, 0 },
	{ "ds beyond", R_DS, 3, 0x403, 0, VEC_GP, SAME_SEL },
	{ "ds far beyond", R_DS, 0, 0xfff8, 0, VEC_GP, SAME_SEL },
	{ "ds ldt beyond", R_DS, 3, 0x207, 0, VEC_GP, SAME_SEL },
	{ "gs data", R_GS, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
	{ "gs absent", R_GS, 0, S(0), 0x12, VEC_NP, SAME_SEL },
	{ "gs x-only", R_GS, 0, S(0), A_CODE_X, VEC_GP, SAME_SEL },
	{ "es absent", R_ES, 3, S(0) | 3, 0x72, VEC_NP, SAME_SEL },
	{ "es dpl", R_ES, 3, S(0) | 3, A_DATA | A_DPL(1), VEC_GP, SAME_SEL },
	{ "es data", R_ES, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
	{ "lfs absent", R_LFS, 3, S(0) | 3, 0x72, VEC_NP, SAME_SEL },
	{ "lfs data", R_LFS, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
	{ "ss data 0", R_SS, 0, S(0), A_DATA, VEC_END, 0 },
	{ "ss data 3", R_SS, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
	{ "ss null", R_SS, 0, 0, 0, VEC_GP, 0 },
	{ "ss null 3", R_SS, 3, 3, 0, VEC_GP, 0 },
	{ "ss read-only", R_SS, 0, S(0), A_DATA_RO, VEC_GP, SAME_SEL },
	{ "ss code", R_SS, 0, S(0), A_CODE, VEC_GP, SAME_SEL },
	{ "ss system", R_SS, 0, S(0), A_LDT, VEC_GP, SAME_SEL },
	{ "ss dpl", R_SS, 0, S(0), A_DATA | A_DPL(3), VEC_GP, SAME_SEL },
	{ "ss rpl", R_SS, 0, S(0) | 3, A_DATA, VEC_GP, SAME_SEL },
	{ "ss rpl 0 at 3", R_SS, 3, S(0), A_DATA | A_DPL(3), VEC_GP, SAME_SEL },
	{ "ss absent", R_SS, 0, S(0), 0x12, VEC_SS, SAME_SEL },
	{ "ss absent 3", R_SS, 3, S(0) | 3, 0x72, VEC_SS, SAME_SEL },
	{ "ss absent, dpl", R_SS, 0, S(0), 0x72, VEC_GP, SAME_SEL },
	{ "ss beyond", R_SS, 0, 0x400, 0, VEC_GP, SAME_SEL },
	{ "lss absent", R_LSS, 3, S(0) | 3, 0x72, VEC_SS, SAME_SEL },
	{ "lss rpl", R_LSS, 3, S(0) | 1, A_DATA | A_DPL(3), VEC_GP, SAME_SEL },
	{ "lss data", R_LSS, 3, S(0) | 3, A_DATA | A_DPL(3), VEC_END, 0 },
};

static void load_one(const struct load *l)
{
	static char *const code[] = { mov_ds, mov_ss, mov_gs, pop_es,
				      load_lfs, load_lss };
	static char *const site[] = { mov_ds_f, mov_ss_f, mov_gs_f, pop_es_f,
				      load_lfs_f, load_lss_f };
	struct {
		u32 off;
		u16 sel;
	} __attribute__((packed)) far_ptr = { 0x87654321, l->sel };
	struct regs r;
	u32 err = l->err == SAME_SEL ? l->sel & ~3u : l->err;

	gdt_put(S(0), seg_desc(0, 0xfffff, l->access, SEG_B | SEG_G));
	regs_init(&r, code[l->reg], l->cpl);
	r.eax = l->sel;
	r.ebx = ADDR(&far_ptr);
	r.ecx = 0x12121212;
	run(&r);
	if (l->vec != VEC_END) {
		check_trap(&r, l->vec, err, site[l->reg]);
		check_that("ds as it was", r.ds, (u32)(KDS + l->cpl * 0x11));
		check_that("gs as it was", r.gs, (u32)(KDS + l->cpl * 0x11));
		check_that("ss as it was", r.ss, (u32)(KDS + l->cpl * 0x11));
		check_that("offset not loaded", r.ecx, 0x12121212);
		check_that("accessed", gdt[S(0) / 8] >> 40 & 1, l->access & 1);
		return;
	}
	check_that("vector", r.vec, VEC_END);
	check_that("selector",
		   l->reg == R_DS ? r.ds : l->reg == R_GS ? r.gs :
		   l->reg == R_ES ? r.es : l->reg == R_LFS ? r.fs : r.ss,
		   l->sel);
	if (l->reg >= R_LFS)
		check_that("offset", r.ecx, 0x87654321);
	if (l->sel > 3)
		check_that("accessed", gdt[S(0) / 8] >> 40 & 1, 1);
}

static void test_loads(void)
{
	struct regs r;
	u16 far16[2] = { 0xabcd, UDS };

	for (u32 i = 0; i < ARRAY_SIZE(loads); i++) {
		begin(loads[i].name);
		load_one(&loads[i]);
	}
	begin("seg.mov-cs");
	run_at(&r, mov_cs, 0);
	CHECK_TRAP(&r, VEC_UD, NOERR, mov_cs);
	begin("seg.les16");
	regs_init(&r, load_les16, 3);
	r.ebx = ADDR(far16);
	r.ecx = 0x55555555;
	run(&r);
	CHECK_END(&r, load_les16);
	check_that("cx", r.ecx, 0x5555abcd);
	check_that("es", r.es, UDS);
	begin("seg.cached");
	/* A changed descriptor is not seen until the register is loaded. */
	gdt_put(S(0), seg_desc(ADDR(area), 0xfffff, A_DATA | A_DPL(3),
			       SEG_B | SEG_G));
	asm volatile("mov fs, %w0" : : "r"(S(0)));
	*(u32 *)area = 0x1111;
	*(u32 *)(area + 0x1000) = 0x2222;
	gdt_put(S(0), seg_desc(ADDR(area) + 0x1000, 0xfffff,
			       A_DATA | A_DPL(3), SEG_B | SEG_G));
	{
		u32 v;

		asm volatile("mov %0, fs:[0]" : "=r"(v));
		check_that("old base", v, 0x1111);
		asm volatile("mov fs, %w0" : : "r"(S(0)));
		asm volatile("mov %0, fs:[0]" : "=r"(v));
		check_that("new base", v, 0x2222);
		asm volatile("mov fs, %w0" : : "r"(KDS));
	}
}

static void test_ldt(void)
{
	struct regs r;
	u16 sel;

	begin("ldt.data");
	ldt[3] = seg_desc(ADDR(area) + 0x40, 0xfffff, A_DATA | A_DPL(3),
			  SEG_B | SEG_G);
	*(u32 *)(area + 0x50) = 0xd1d1;
	regs_init(&r, ld32, 3);
	r.fs = 3 * 8 | 7;
	r.ebx = 0x10;
	run(&r);
	CHECK_END(&r, ld32);
	check_that("load", r.eax, 0xd1d1);
	check_that("fs", r.fs, 3 * 8 | 7);
	begin("ldt.code");
	ldt[4] = seg_desc(0, 0xfffff, A_CODE | A_DPL(3), SEG_B | SEG_G);
	regs_init(&r, ld_ds, 3);
	r.cs = 4 * 8 | 7;
	r.ebx = ADDR(area) + 0x50;
	run(&r);
	CHECK_END(&r, ld_ds);
	check_that("cs", r.cs, 4 * 8 | 7);
	begin("ldt.lldt");
	asm volatile("sldt %0" : "=r"(sel));
	check_that("sldt", sel, LDT_SEL);
	asm volatile("lldt %w0" : : "r"(0));
	regs_init(&r, mov_ds, 3);
	r.eax = 3 * 8 | 7;
	run(&r);
	CHECK_TRAP(&r, VEC_GP, 3 * 8 | 4, mov_ds);
	static const struct {
		u32 sel, access, vec;
	} bad[] = {
		{ S(0), A_DATA, VEC_GP }, { S(0), A_TSS, VEC_GP },
		{ S(0), 0x02, VEC_NP }, { 0x400, 0, VEC_GP },
		{ 0x1c, 0, VEC_GP },
	};
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		gdt_put(S(0), seg_desc(0, 0xfff, bad[i].access, 0));
		regs_init(&r, do_lldt, 0);
		r.eax = bad[i].sel;
		run(&r);
		CHECK_TRAP(&r, bad[i].vec, bad[i].sel, do_lldt);
	}
	run_at(&r, do_lldt, 3);
	CHECK_TRAP(&r, VEC_GP, 0, do_lldt);
	asm volatile("lldt %w0" : : "r"(LDT_SEL));
	begin("ltr");
	static const struct {
		u32 sel, access, vec, err;
	} badtr[] = {
		{ S(0), A_TSS_BUSY, VEC_GP, S(0) },
		{ S(0), 0x83, VEC_GP, S(0) }, { S(0), A_LDT, VEC_GP, S(0) },
		{ S(0), 0x09, VEC_NP, S(0) }, { 0x54, 0, VEC_GP, 0x54 },
		{ S(0), 0x89, VEC_END, 0 },
	};
	for (u32 i = 0; i < ARRAY_SIZE(badtr); i++) {
		gdt_put(S(0), seg_desc(ADDR(&tss), 0x67, badtr[i].access, 0));
		regs_init(&r, do_ltr, 0);
		r.eax = badtr[i].sel;
		run(&r);
		if (badtr[i].vec != VEC_END)
			CHECK_TRAP(&r, badtr[i].vec, badtr[i].err, do_ltr);
		else
			CHECK_END(&r, do_ltr);
	}
	check_that("busy", gdt[S(0) / 8] >> 40 & 0xff, 0x8b);
	asm volatile("str %0" : "=r"(sel));
	check_that("str", sel, S(0));
	begin("ltr.null");
	run_at(&r, do_ltr, 0);
	CHECK_TRAP(&r, VEC_GP, 0, do_ltr);
	check_that("busy bit stays", gdt[S(0) / 8] >> 40 & 0xff, 0x8b);
	gdt_put(TSS_SEL, seg_desc(ADDR(&tss), 0x67, A_TSS, 0));
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
}

/* --- LAR, LSL, VERR, VERW, ARPL --- */

CODE(do_lar, "lar ecx, eax; setz dl");
CODE(do_lar16, "lar cx, ax; setz dl");
CODE(do_lsl, "lsl ecx, eax; setz dl");
CODE(do_verr, "verr ax; setz dl");
CODE(do_verw, "verw ax; setz dl");
CODE(do_arpl, "arpl ax, cx; setz dl");

static u32 ask(void *code, int cpl, u32 sel, u32 *val)
{
	struct regs r;

	regs_init(&r, code, cpl);
	r.eax = sel;
	r.ecx = 0xabababab;
	r.efl |= EFL_CF | EFL_SF;
	run(&r);
	check_that("vector", r.vec, VEC_END);
	check_that("other flags", r.efl & (EFL_CF | EFL_SF), EFL_CF | EFL_SF);
	*val = r.ecx;
	return r.edx & 1;
}

static void probe_one(u32 access, u32 cpl, u32 rpl)
{
	u32 type = access & 0x1f, dpl = access >> 5 & 3, v;
	bool seg = type & 0x10, code = seg && type & 8;
	bool conf = code && type & 4;
	bool priv = conf || dpl >= (cpl > rpl ? cpl : rpl);
	bool lar = priv && (seg || 1u << type & 0x1a3eu);
	bool lsl = priv && (seg || 1u << type & 0x0a0eu);
	bool verr = priv && seg && (!code || type & 2);
	bool verw = priv && seg && !code && type & 2;
	u32 sel = S(0) | rpl;

	gdt_put(S(0), seg_desc(0x12345678, 0x54321, access, SEG_G | SEG_B));
	check_that("lar", ask(do_lar, cpl, sel, &v), lar);
	check_that("lar value", lar ? v & 0xf0ff00 : v,
		   lar ? 0xc00000 | access << 8 : 0xabababab);
	check_that("lar16", ask(do_lar16, cpl, sel, &v), lar);
	check_that("lar16 value", v,
		   lar ? 0xabab0000 | access << 8 : 0xabababab);
	check_that("lsl", ask(do_lsl, cpl, sel, &v), lsl);
	check_that("lsl value", v, lsl ? 0x54321fff : 0xabababab);
	check_that("verr", ask(do_verr, cpl, sel, &v), verr);
	check_that("verw", ask(do_verw, cpl, sel, &v), verw);
}

static void test_probes(void)
{
	u32 v;
	struct regs r;

	begin("seg.lar-lsl-verr-verw");
	for (u32 type = 0; type < 32; type++)
		for (u32 dpl = 0; dpl < 4; dpl += 3)
			for (u32 cpl = 0; cpl < 4; cpl += 3)
				for (u32 rpl = 0; rpl < 4; rpl += 3)
					probe_one(type | dpl << 5 | 0x80, cpl,
						  rpl);
	begin("seg.lar.none");
	check_that("null", ask(do_lar, 3, 0, &v), 0);
	check_that("null verr", ask(do_verr, 3, 3, &v), 0);
	check_that("beyond", ask(do_lsl, 0, 0x400, &v), 0);
	check_that("ldt beyond", ask(do_lar, 3, 0x207, &v), 0);
	gdt_put(S(0), seg_desc(0, 0x1234, 0x72, SEG_B));
	check_that("absent lar", ask(do_lar, 3, S(0), &v), 1);
	check_that("absent lsl", ask(do_lsl, 3, S(0), &v), 1);
	check_that("limit", v, 0x1234);
	begin("seg.arpl");
	for (u32 i = 0; i < 16; i++) {
		u32 d = i & 3, s = i >> 2;

		regs_init(&r, do_arpl, 3);
		r.eax = 0x55550100 | d;
		r.ecx = 0x77770200 | s;
		run(&r);
		check_that("zf", r.edx & 1, d < s);
		check_that("value", r.eax, 0x55550100 | (d < s ? s : d));
	}
}

/* --- code segments --- */

CODE(far_jmp, F(far_jmp) "jmp fword ptr [ebx]");
CODE(far_call, F(far_call) "call fword ptr [ebx]");
CODE(run_off, "jmp edx");

static void jump_one(const char *name, int cpl, u32 sel, u32 access, u32 limit,
		     u32 vec, u32 err, u32 new_cs)
{
	struct {
		u32 off;
		u16 sel;
	} __attribute__((packed)) p = { 0, sel };
	struct regs r;
	u8 *code = area + 0x200;

	begin(name);
	memcpy(code, "\x90\xcd\x40", 3);
	gdt_put(S(0), seg_desc(ADDR(area), limit, access, SEG_B));
	p.off = 0x200;
	for (int call = 0; call < 2; call++) {
		regs_init(&r, call ? far_call : far_jmp, cpl);
		r.ebx = ADDR(&p);
		run(&r);
		if (vec != VEC_END) {
			check_trap(&r, vec, err,
				   call ? far_call_f : far_jmp_f);
			check_that("cs", r.cs, (u32)(KCS + cpl * 0x11));
			check_that("esp", r.esp, ADDR(test_stack_top) - 256);
			continue;
		}
		check_that("vector", r.vec, VEC_END);
		check_that("eip", r.eip, 0x203);
		check_that("cs", r.cs, new_cs);
		if (call) {
			check_that("pushed eip", MEM32(r.esp),
				   ADDR(far_call_end));
			check_that("pushed cs", MEM32(r.esp + 4) & 0xffff,
				   (u32)(KCS + cpl * 0x11));
		}
	}
}

static void test_code(void)
{
	struct regs r;

	jump_one("far.same", 0, S(0), A_CODE, 0xffff, VEC_END, 0, S(0));
	jump_one("far.user", 3, S(0) | 3, A_CODE | A_DPL(3), 0xffff, VEC_END,
		 0, S(0) | 3);
	jump_one("far.user-rpl0", 3, S(0), A_CODE | A_DPL(3), 0xffff, VEC_END,
		 0, S(0) | 3);
	jump_one("far.x-only", 3, S(0), A_CODE_X | A_DPL(3), 0xffff, VEC_END,
		 0, S(0) | 3);
	jump_one("far.conforming", 3, S(0), A_CODE_CONF, 0xffff, VEC_END, 0,
		 S(0) | 3);
	jump_one("far.conforming-1", 1, S(0) | 3, A_CODE_CONF, 0xffff, VEC_END,
		 0, S(0) | 1);
	jump_one("far.conforming-outer", 0, S(0), A_CODE_CONF | A_DPL(3),
		 0xffff, VEC_GP, S(0), 0);
	jump_one("far.inner", 3, S(0), A_CODE, 0xffff, VEC_GP, S(0), 0);
	jump_one("far.outer", 0, S(0), A_CODE | A_DPL(3), 0xffff, VEC_GP,
		 S(0), 0);
	jump_one("far.rpl", 0, S(0) | 3, A_CODE, 0xffff, VEC_GP, S(0), 0);
	jump_one("far.absent", 0, S(0), 0x1a, 0xffff, VEC_NP, S(0), 0);
	jump_one("far.data", 0, S(0), A_DATA, 0xffff, VEC_GP, S(0), 0);
	jump_one("far.ldt-type", 0, S(0), A_LDT, 0xffff, VEC_GP, S(0), 0);
	jump_one("far.null", 0, 0, A_CODE, 0xffff, VEC_GP, 0, 0);
	jump_one("far.beyond-table", 0, 0x400, 0, 0xffff, VEC_GP, 0x400, 0);
	jump_one("far.beyond-limit", 0, S(0), A_CODE, 0x1ff, VEC_GP, 0, 0);
	begin("seg.code-limit.run-off");
	gdt_put(S(0), seg_desc(ADDR(area), 0x3ff, A_CODE | A_DPL(3), SEG_B));
	memset(area + 0x300, 0x90, 0x200);
	regs_init(&r, (void *)0x3f0, 3);
	r.cs = S(0) | 3;
	run(&r);
	check_that("vector", r.vec, VEC_GP);
	check_that("error code", r.err, 0);
	check_that("eip", r.eip, 0x400);
	memcpy(area + 0x3fd, "\xb8\x00\x00\x00\x00", 5); /* mov eax, imm32 */
	regs_init(&r, (void *)0x3f0, 3);
	r.cs = S(0) | 3;
	run(&r);
	check_that("vector", r.vec, VEC_GP);
	check_that("eip of the cut instruction", r.eip, 0x3fd);
	begin("seg.code-limit.near-jmp");
	memcpy(area + 0x300, "\xff\xe2", 2); /* jmp edx */
	regs_init(&r, (void *)0x300, 3);
	r.cs = S(0) | 3;
	r.edx = 0x400;
	run(&r);
	check_that("vector", r.vec, VEC_GP);
	check_that("error code", r.err, 0);
	check_that("eip is the jump", r.eip, 0x300);
	begin("seg.code-base");
	/* The same bytes through two bases: eip differs, behaviour not. */
	memcpy(area + 0x500, "\xe8\x00\x00\x00\x00\x58\xcd\x40", 8);
	for (u32 i = 0; i < 4; i++) {
		gdt_put(S(0), seg_desc(ADDR(area) + i * 0x100, 0xffff,
				       A_CODE | A_DPL(3), SEG_B));
		regs_init(&r, (void *)(0x500 - i * 0x100), 3);
		r.cs = S(0) | 3;
		run(&r);
		check_that("vector", r.vec, VEC_END);
		check_that("own address", r.eax, 0x505 - i * 0x100);
	}
	begin("seg.code16");
	/* mov ax, 0x1234; mov ebx, 0x11223344; call +0; pop cx; int 0x40 */
	memcpy(area + 0x600, "\xb8\x34\x12\x66\xbb\x44\x33\x22\x11"
	       "\xe8\x00\x00\x59\xcd\x40", 15);
	gdt_put(S(0), seg_desc(ADDR(area), 0xffff, A_CODE | A_DPL(3), 0));
	regs_init(&r, (void *)0x600, 3);
	r.cs = S(0) | 3;
	r.eax = 0xffffffff;
	run(&r);
	check_that("vector", r.vec, VEC_END);
	check_that("eip", r.eip, 0x60f);
	check_that("eax", r.eax, 0xffff1234);
	check_that("ebx", r.ebx, 0x11223344);
	check_that("cx", r.ecx, 0x60c);
	check_that("esp", r.esp, ADDR(test_stack_top) - 256);
}

/*
 * 16-bit code at the end of its 64 KiB: branches with 16-bit operands wrap,
 * what runs on or has 32-bit operands does not (SDM vol. 3, 20.1.1).
 */
static void code16_run(struct regs *r, u32 at, u32 eip, const char *code,
		       u32 len)
{
	memcpy((void *)(at + eip), code, len);
	regs_init(r, (void *)eip, 3);
	r->cs = S(0) | 3;
	r->ecx = 2;
	r->edx = 0x10000;
	run(r);
}

static void test_code16_end(void)
{
	u32 at = big_alloc();
	struct regs r;

	begin("seg.code16.wrap");
	gdt_put(S(0), seg_desc(at, 0xffff, A_CODE | A_DPL(3), 0));
	memcpy((void *)(at + 0x10), "\xcd\x40", 2);
	code16_run(&r, at, 0xfff0, "\xeb\x1e", 2); /* jmp +1e */
	check_that("vector", r.vec, VEC_END);
	check_that("jmp", r.eip, 0x12);
	/* call -3, whose return address is 10000h: pop cx; int 0x40 */
	memcpy((void *)(at + 0x100), "\x59\xcd\x40", 3);
	code16_run(&r, at, 0xfffd, "\xe8\x00\x01", 3);
	check_that("vector", r.vec, VEC_END);
	check_that("call", r.eip, 0x103);
	check_that("return address", r.ecx, 0);
	memcpy((void *)(at + 0xff82), "\xcd\x40", 2);
	code16_run(&r, at, 0, "\xe2\x80", 2); /* loop -80 */
	check_that("vector", r.vec, VEC_END);
	check_that("loop", r.eip, 0xff84);
	check_that("cx", r.ecx, 1);
	begin("seg.code16.beyond");
	code16_run(&r, at, 0xffff, "\x90", 1);
	check_trap(&r, VEC_GP, 0, (void *)0x10000);
	code16_run(&r, at, 0xfff0, "\x66\xe9\x1a\x00\x00\x00", 6);
	check_trap(&r, VEC_GP, 0, (void *)0xfff0);
	code16_run(&r, at, 0xfff0, "\x66\xff\xe2", 3); /* jmp edx */
	check_trap(&r, VEC_GP, 0, (void *)0xfff0);
	code16_run(&r, at, 0xfff0, "\x66\xff\xd2", 3); /* call edx */
	check_trap(&r, VEC_GP, 0, (void *)0xfff0);
	check_that("esp", r.esp, ADDR(test_stack_top) - 256);
	code16_run(&r, at, 0xfff0, "\x66\x52\x66\xc3", 4); /* push; ret */
	check_trap(&r, VEC_GP, 0, (void *)0xfff2);
	check_that("esp", r.esp, ADDR(test_stack_top) - 260);
	code16_run(&r, at, 0xfffe, "\xb8\x01", 2); /* mov ax, cut off */
	check_trap(&r, VEC_GP, 0, (void *)0xfffe);
}

/* SGDT and SIDT give back what was loaded, at any CPL. */
static void test_tables(void)
{
	u8 buf[8];

	begin("seg.sgdt");
	memset(buf, 0xee, 8);
	asm volatile("sgdt [%0]" : : "r"(buf) : "memory");
	check_that("limit", *(u16 *)buf, 1023);
	check_that("base", *(u32 *)(buf + 2), ADDR(gdt));
	check_that("no more", buf[6], 0xee);
	memset(buf, 0xee, 8);
	asm volatile("sidt [%0]" : : "r"(buf) : "memory");
	check_that("limit", *(u16 *)buf, 2047);
	check_that("base", *(u32 *)(buf + 2), ADDR(idt));
}

void guest_main(void)
{
	test_limits();
	test_types();
	test_based();
	test_edges();
	test_loads();
	test_ldt();
	test_probes();
	test_code();
	test_code16_end();
	test_tables();
}
