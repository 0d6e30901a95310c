/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * devices.c - the hostile guest's mischief with what is not memory: ports,
 * device memory, MSRs, control and debug registers, descriptors.
 */
#include "hostile.h"

/* --- ports */

/* Ends the machine legally: not what is wanted most of the time. */
static bool port_ends(u32 port, u32 bytes)
{
	static const u16 ends[] = { 0x64, 0x92, 0xf4, 0xcf9, 0x604, 0x605 };

	for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends[i] - port < bytes)
			return true;
	return false;
}

static u32 port_random(void)
{
	static const u16 known[] = {
		0x00,  0x20,  0x21,  0xa0,  0xa1,  0x40,  0x41,  0x42,	0x43,
		0x60,  0x61,  0x64,  0x70,  0x71,  0x80,  0x92,	 0xf0,	0xf1,
		0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x402,
		0x510, 0x511, 0x514, 0x518, 0x4d0, 0x4d1, 0xcf8, 0xcfa, 0xcfb,
		0xcfc, 0xcfd, 0xcfe, 0xcff, 0x600, 0x602, 0x604, 0x608, 0xcf9,
		0x2f8, 0x1f0, 0x3d4, 0x3d5, 0xe9,
	};

	return chance(5) ? rnd() & 0xffff :
			   known[below(ARRAY_SIZE(known))];
}

CODE(port_ob, "out dx, al");
CODE(port_ow, "out dx, ax");
CODE(port_od, "out dx, eax");
CODE(port_ib, "in al, dx");
CODE(port_iw, "in ax, dx");
CODE(port_id, "in eax, dx");
CODE(port_rob, "rep outsb");
CODE(port_row, "rep outsw");
CODE(port_rod, "rep outsd");
CODE(port_rib, "rep insb");
CODE(port_riw, "rep insw");
CODE(port_rid, "rep insd");

static char *const port_how[] = { port_ob,  port_ow,  port_od,	port_ib,
				  port_iw,  port_id,  port_rob, port_row,
				  port_rod, port_rib, port_riw, port_rid };

/* To fw_cfg's DMA address register, with a random command in memory. */
static void fw_cfg_dma(void)
{
	struct regs r;

	for (u32 i = 0; i < 16; i += 4)
		MEM32(arena + i) = chance(2) ? rnd() : below(64) << 24;
	regs_init(&r, port_od, 0);
	r.edx = 0x514;
	r.eax = 0;
	run_watched(&r);
	r.edx = 0x518;
	r.eax = __builtin_bswap32(chance(4) ? rnd() : arena);
	r.eip = ADDR(port_od);
	run_watched(&r);
}

static u32 string_address(void)
{
	switch (below(6)) {
	case 0:
		return rnd();
	case 1:
		return 0xfee00000 + below(4096);
	case 2:
		return WINDOW + below(16 << 20);
	default:
		return ARENA_S + below(ARENA_BYTES);
	}
}

void mode_ports(void)
{
	struct regs r;

	for (u32 i = 0; i < 32; i++) {
		u32 n = below(ARRAY_SIZE(port_how));

		regs_init(&r, port_how[n], 0);
		do {
			r.edx = port_random();
		} while (port_ends(r.edx, 1u << n % 3) && !chance(2000));
		r.eax = chance(2) ? rnd() : below(256);
		r.ecx = chance(64) ? below(20000) : below(64);
		r.esi = string_address();
		r.edi = string_address();
		/* from a port into the kernel would end the fun */
		if (r.edi < ARENA_U || r.edi > 0xfef00000)
			r.edi = ARENA_S + below(ARENA_BYTES);
		r.efl |= rnd() & EFL_DF;
		run_watched(&r);
	}
	if (chance(4))
		fw_cfg_dma();
}

/* --- device memory */

CODE(mmio_r8, "mov al, [esi]");
CODE(mmio_r16, "mov ax, [esi]");
CODE(mmio_r32, "mov eax, [esi]");
CODE(mmio_w8, "mov [esi], al");
CODE(mmio_w16, "mov [esi], ax");
CODE(mmio_w32, "mov [esi], eax");
CODE(mmio_add, "lock add [esi], eax");
CODE(mmio_xchg, "xchg [esi], eax");
CODE(mmio_cx8, "lock cmpxchg8b [esi]");
CODE(mmio_push, "push [esi]; pop [esi]");
CODE(mmio_movs, "rep movsb");
CODE(mmio_movsd, "rep movsd");
CODE(mmio_stos, "rep stosd");
CODE(mmio_cmps, "repe cmpsb");
CODE(mmio_scas, "repne scasd");
CODE(mmio_sse, "movups xmm0, [esi]; movups [edi], xmm0");
CODE(mmio_fx, "fxsave [esi]");
CODE(mmio_fxr, "fxrstor [esi]");
CODE(mmio_fld, "fld tbyte ptr [esi]; fstp tbyte ptr [edi]");
CODE(mmio_bts, "bts [esi], eax");
CODE(mmio_call, "call [esi]");
CODE(mmio_jmp, "jmp esi");
CODE(mmio_stack, "mov esp, esi; push eax; pusha; popa; ret");
CODE(mmio_gdt, "lgdt [esi]; mov ds, ax");
CODE(mmio_sgdt, "sgdt [esi]; sidt [edi]");
CODE(mmio_msk, "pcmpeqb xmm1, xmm1; maskmovdqu xmm0, xmm1");

static char *const mmio_how[] = {
	mmio_r8,   mmio_r16,  mmio_r32,	  mmio_w8,   mmio_w16,	mmio_w32,
	mmio_add,  mmio_xchg, mmio_cx8,	  mmio_push, mmio_movs, mmio_movsd,
	mmio_stos, mmio_cmps, mmio_scas,  mmio_sse,  mmio_fx,	mmio_fxr,
	mmio_fld,  mmio_bts,  mmio_call,  mmio_jmp,  mmio_stack, mmio_gdt,
	mmio_sgdt, mmio_msk,
};

static u32 mmio_address(void)
{
	switch (below(8)) {
	case 0:
	case 1:
		return 0xfee00000 + below(0x400);
	case 2:
		return 0xfee00000 + below(64) * 16;
	case 3:
		return 0xfec00000 + below(0x50);
	case 4:
		return 0xa0000 + below(0x60000);
	case 5:
		return 0xe0000000 + below(0x10000000);
	case 6: /* over the edges */
		return (chance(2) ? 0xfee00000 : 0xfec01000) - below(32);
	default:
		return ARENA_S + below(ARENA_BYTES);
	}
}

void mode_mmio(void)
{
	struct regs r;
	static bool made;

	/* where calls go astray: INT 0x40 */
	for (u32 i = 0; !made && i < ARENA_BYTES; i += 2)
		MEM16(ARENA_S + i) = 0x40cd;
	made = true;

	for (u32 i = 0; i < 32; i++) {
		u32 n = below(ARRAY_SIZE(mmio_how));

		if (mmio_how[n] == mmio_gdt && !chance(20000))
			continue; /* the end, nearly always */
		regs_init(&r, mmio_how[n], 0);
		r.esi = mmio_address();
		r.edi = chance(2) ? mmio_address() :
				    ARENA_S + below(ARENA_BYTES);
		r.eax = chance(3) ? rnd() : below(256);
		r.ebx = rnd();
		r.edx = rnd();
		r.ecx = chance(16) ? below(20000) : below(64);
		r.esp = ARENA_S + 4096 * (1 + below(ARENA_PAGES - 1));
		r.efl |= rnd() & (EFL_DF | EFL_ARITH);
		run_watched(&r);
		if (chance(8))
			repair();
	}
}

/* --- system: control, debug and model-specific registers */

static u32 msr_random(void)
{
	static const u32 known[] = { 0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x8b, 0xc1,
				     0xfe, 0x10a, 0x174, 0x175, 0x176, 0x179,
				     0x17a, 0x186, 0x1a0, 0x1d9, 0x200, 0x277,
				     0x2ff, 0x6e0, 0xc0000080, 0xc0000081,
				     0xc0000082, 0xc0000084, 0xc0000100,
				     0xc0000101, 0xc0000102, 0xc0000103 };

	switch (below(4)) {
	case 0:
		return 0x800 + below(0x100);
	case 1:
		return chance(2) ? rnd() : rnd() & 0xfff;
	default:
		return known[below(ARRAY_SIZE(known))];
	}
}

/* All bits but those of `fatal`, mostly: with them nothing stays mapped. */
static u32 bits_random(u32 good, u32 fatal)
{
	u32 v = good;

	for (u32 n = below(4); n; n--)
		v ^= 1u << below(32);
	if (chance(16))
		v = rnd();
	if (!chance(500))
		v = (v & ~fatal) | (good & fatal);
	return v;
}

/* One privileged instruction on eax, ecx, edx, then something to run. */
static void gen_system(struct gen *g, struct regs *r)
{
	u32 n;

	r->eax = rnd();
	r->edx = chance(2) ? 0 : rnd();
	switch (below(12)) {
	case 0: /* mov cr, eax */
		gen_byte(g, 0x0f), gen_byte(g, 0x22), gen_byte(g, 0xc0);
		r->eax = bits_random(rd_c0(), CR0_PE);
		break;
	case 1:
		gen_byte(g, 0x0f), gen_byte(g, 0x22), gen_byte(g, 0xe0);
		r->eax = bits_random(rd_c4(), CR4_PSE | CR4_PAE);
		break;
	case 2:
		gen_byte(g, 0x0f), gen_byte(g, 0x22), gen_byte(g, 0xd8);
		r->eax = dir | (rnd() & 0xfff);
		break;
	case 3: /* mov dr, eax */
		gen_byte(g, 0x0f), gen_byte(g, 0x23);
		gen_byte(g, 0xc0 | below(8) << 3);
		r->eax = chance(2) ? ARENA_S + below(ARENA_BYTES) : rnd();
		break;
	case 4: /* mov eax, cr or dr */
		gen_byte(g, 0x0f), gen_byte(g, 0x20 + below(2));
		gen_byte(g, 0xc0 | below(8) << 3);
		break;
	case 5:
	case 6: /* wrmsr, rdmsr */
		gen_byte(g, 0x0f), gen_byte(g, chance(2) ? 0x30 : 0x32);
		r->ecx = msr_random();
		r->eax = chance(3) ? rnd() : bits_random(0, 0);
		break;
	case 7: /* xsetbv and friends, 0f 01 /reg */
		gen_byte(g, 0x0f), gen_byte(g, 0x01), gen_byte(g, 0xc0 | rnd());
		r->ecx = below(2);
		r->eax = below(16);
		break;
	case 8: /* lmsw, invlpg, sgdt .. from memory */
		gen_byte(g, 0x0f), gen_byte(g, 0x01);
		n = below(8);
		if ((n == 2 || n == 3) && !chance(100)) /* lgdt, lidt */
			n = 7;
		gen_byte(g, 0x06 | n << 3); /* [esi] */
		break;
	case 9: /* clts, invd, wbinvd, rdpmc, rdtsc, cpuid, sysenter ... */
		gen_byte(g, 0x0f);
		gen_byte(g, (const u8[]){ 0x06, 0x08, 0x09, 0x31, 0x33, 0xa2,
					  0x34, 0x35, 0xaa, 0x05, 0x07,
					  0x0b }[below(12)]);
		break;
	case 10: /* popf, cli, sti, hlt, iret */
		gen_byte(g, (const u8[]){ 0x9d, 0xfa, 0xfb, 0xf4,
					  0xcf }[below(5)]);
		break;
	case 11: /* sldt, str, lldt, ltr, verr, verw */
		gen_byte(g, 0x0f), gen_byte(g, 0x00);
		gen_byte(g, 0xc0 | below(8) << 3);
		r->eax = below(128) << 3 | below(8);
		break;
	}
}

void mode_system(void)
{
	u32 at = ARENA_S + 4096 * below(ARENA_PAGES);
	struct gen g = { at, at + 512 };
	struct regs r;

	regs_random(&r, ARENA_S, 0);
	r.esi = ARENA_S + below(ARENA_BYTES);
	for (u32 n = 1 + below(3); n; n--)
		gen_system(&g, &r);
	for (u32 n = below(8); n; n--)
		gen_insn(&g);
	gen_byte(&g, 0xcd);
	gen_byte(&g, VEC_END);
	r.eip = at;
	r.efl = EFL_FIXED1 | (chance(16) ? EFL_TF : 0);
	run_watched(&r);
	/* what repair() does not know */
	if (chance(2))
		wr_msr(0x174, 0);
}

/* --- segments: descriptors, transfers, tasks */

static u64 desc_random(void)
{
	u32 access = chance(2) ? rnd() & 0xff :
				 (const u8[]){ A_DATA, A_DATA_RO, A_DATA_DOWN,
					       A_CODE, A_CODE_X, A_CODE_CONF,
					       A_LDT, A_TSS16, A_TSS, G_CALL16,
					       G_TASK, G_INT16, G_TRAP16,
					       G_CALL, G_INT, G_TRAP }
					 [below(16)] | below(4) << 5;

	if (chance(3))
		return gate_desc((below(128) << 3) | below(4),
				 ARENA_S + below(ARENA_BYTES), access,
				 below(32));
	return seg_desc(chance(2) ? ARENA_S + below(ARENA_BYTES) :
			chance(2) ? 0 : rnd(),
			chance(2) ? 0xfffff : below(0x1000), access, below(16));
}

static void gen_segment(struct gen *g)
{
	u32 sel = (below(128) << 3) | below(8);

	gen_byte(g, 0xb8); /* mov eax, sel */
	gen_32(g, sel);
	switch (below(8)) {
	case 0: /* mov sreg, ax */
		gen_byte(g, 0x8e), gen_byte(g, 0xc0 | below(6) << 3);
		break;
	case 1: /* jmp or call far */
		gen_byte(g, chance(2) ? 0xea : 0x9a);
		gen_32(g, ARENA_S + below(ARENA_BYTES));
		gen_byte(g, sel), gen_byte(g, sel >> 8);
		break;
	case 2: /* retf, iret through random words */
		for (u32 n = 6; n; n--) {
			gen_byte(g, 0x68);
			gen_32(g, chance(2) ? rnd() & 0x3ff :
				  chance(2) ? ARENA_S + below(ARENA_BYTES) :
					      rnd());
		}
		gen_byte(g, chance(2) ? 0xcb : 0xcf);
		break;
	case 3: /* pop sreg */
		gen_byte(g, 0x50);
		gen_byte(g, (const u8[]){ 0x07, 0x17, 0x1f }[below(3)]);
		break;
	case 4: /* lds, les, lss, lfs, lgs from memory */
		if (chance(2)) {
			gen_byte(g, 0xc4 + below(2));
		} else {
			gen_byte(g, 0x0f);
			gen_byte(g, (const u8[]){ 0xb2, 0xb4, 0xb5 }[below(3)]);
		}
		gen_byte(g, 0x1e);
		break;
	case 5: /* lar, lsl */
		gen_byte(g, 0x0f), gen_byte(g, 2 + below(2));
		gen_byte(g, 0xd0);
		break;
	case 6: /* int */
		gen_byte(g, 0xcd), gen_byte(g, rnd());
		break;
	case 7: /* lldt, ltr */
		gen_byte(g, 0x0f), gen_byte(g, 0x00);
		gen_byte(g, 0xd0 | below(2) << 3);
		break;
	}
}

/* Descriptors from FREE_SEL on, the LDT and most of the IDT are random. */
static void tables_random(void)
{
	for (u32 n = 8; n; n--) {
		gdt_put(FREE_SEL + 8 * below(40), desc_random());
		ldt[below(64)] = desc_random();
		/* the exceptions' and the end's gates seldom */
		idt[chance(32) ? below(256) : 0x41 + below(0xbf)] =
			desc_random();
	}
	for (u32 n = 4; n; n--)
		MEM32(ARENA_S + (below(ARENA_BYTES) & ~3u)) =
			chance(2) ? rnd() & 0x3ff : rnd();
}

void mode_segments(void)
{
	u32 at = ARENA_S + 4096 * below(ARENA_PAGES);
	struct gen g = { at, at + 1024 };
	int cpl = (int)below(4);
	struct regs r;

	tables_random();
	if (cpl)
		g = (struct gen){ ARENA_U + (at - ARENA_S),
				  ARENA_U + (at - ARENA_S) + 1024 };
	at = g.at;
	for (u32 n = 1 + below(4); n; n--) {
		gen_segment(&g);
		gen_insn(&g);
	}
	gen_byte(&g, 0xcd);
	gen_byte(&g, VEC_END);
	regs_random(&r, cpl ? ARENA_U : ARENA_S, cpl);
	r.eip = at;
	r.efl = EFL_FIXED1 | (chance(4) ? EFL_IOPL : 0) |
		(chance(16) ? EFL_NT : 0);
	run_watched(&r);
}
