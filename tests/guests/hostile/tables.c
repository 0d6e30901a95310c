/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.c - the hostile guest's page tables, rewritten while they are used.
 *
 * WINDOW has four page tables of its own whose entries change at random; after
 * a flush that the architecture accepts, a read must find the frame that the
 * entry names: each frame of the arena starts every line with its number.
 */
#include "hostile.h"

enum { TABLES = 4 };

static u32 table[TABLES]; /* physical */

static u32 per_table(void)
{
	return pae ? 512 : 1024;
}

static u32 entries(void)
{
	return TABLES * per_table();
}

static u32 region(u32 i)
{
	return WINDOW + i * per_table() * 4096;
}

static void tables_make(void)
{
	for (u32 i = 0; i < TABLES; i++) {
		if (!table[i])
			table[i] = page_alloc();
		dir_put(region(i), table[i] | RWU);
	}
}

static u64 entry_get(u32 page)
{
	u32 t = table[page / per_table()], i = page % per_table();

	return pae ? ((volatile u64 *)t)[i] : ((volatile u32 *)t)[i];
}

static void entry_put(u32 page, u64 e)
{
	u32 t = table[page / per_table()], i = page % per_table();

	if (pae)
		((volatile u64 *)t)[i] = e;
	else
		((volatile u32 *)t)[i] = (u32)e;
}

/* With PAE also NX, and seldom bits that must be zero. */
static u64 high_random(void)
{
	return (chance(4) ? 1ull << 63 : 0) |
	       (chance(16) ? (u64)rnd() << 32 : 0);
}

static u32 entry_low(void)
{
	u32 frame = arena + 4096 * below(ARENA_PAGES);

	switch (below(16)) {
	case 0:
		return rnd();
	case 1:
		return 0;
	case 2:
		/* no device where a write may end the machine */
		return chance(2) ? 0xfee00000 | PTE_P | PTE_U :
				   0xfed00000 | RWU;
	case 3:
		return 0x04000000 + (below(0x10000) << 12) + RWU;
	case 4:
		return 0xa0000 + (below(96) << 12) + RWU;
	case 5: /* a table of the window itself */
		return table[below(TABLES)] | PTE_P | PTE_U;
	default:
		return frame | PTE_P | (rnd() & (PTE_W | PTE_U | PTE_A | PTE_D));
	}
}

static u64 entry_random(void)
{
	return entry_low() | high_random();
}

/* Reads, writes or calls there, from either privilege. */
CODE(touch_read, "mov eax, [esi]; mov eax, [edi]");
CODE(touch_write, "mov [esi + 2048], eax; mov [edi + 2052], eax");
CODE(touch_add, "lock add [esi + 2048], eax; add [edi + 1024], eax");
CODE(touch_move, "mov ecx, 900; rep movsd");
CODE(touch_jump, "jmp esi");

static char *const touches[] = { touch_read, touch_write, touch_add,
				 touch_move, touch_jump };

static void touch(bool wild)
{
	u32 page = ARENA_S + 4096 * below(ARENA_PAGES);
	u32 user = page - ARENA_S + ARENA_U;
	const char *how = touches[below(ARRAY_SIZE(touches))];
	/* at CPL 0 what lies there may end the machine */
	int cpl = chance(2) || (how == touch_jump && !wild) ? 3 : 0;
	struct regs r;

	memcpy((void *)(page + 3072), how, 24);
	regs_init(&r, (void *)((cpl ? user : page) + 3072), cpl);
	r.esi = WINDOW + below(entries() * 4096);
	r.edi = WINDOW + below(entries() * 4096);
	r.esp = ARENA_U + 2048;
	run_watched(&r);
}

static void flush(u32 va)
{
	if (chance(2))
		invlpg(va);
	else
		wr_c3(dir);
}

/* Line 0 of a frame is never written by touch(): page offset 0 to 15. */
static void tables_check(void)
{
	u32 n = below(ARENA_PAGES), page = below(entries()), got;
	u32 va = WINDOW + page * 4096, frame = arena + n * 4096;

	MEM32(frame) = n ^ 0x5a5a0000;
	entry_put(page, frame | PTE_P | (rnd() & (PTE_W | PTE_U)));
	flush(va);
	got = MEM32(va);
	if (got != (n ^ 0x5a5a0000))
		wrong("tables.read", got, n ^ 0x5a5a0000);
	if (!(entry_get(page) & PTE_A))
		wrong("tables.accessed", (u32)entry_get(page), PTE_A);
	entry_put(page, entry_get(page) | PTE_W);
	flush(va);
	MEM32(va + 4) = va;
	if (MEM32(frame + 4) != va)
		wrong("tables.write", MEM32(frame + 4), va);
	if (!(entry_get(page) & PTE_D))
		wrong("tables.dirty", (u32)entry_get(page), PTE_D);
}

void mode_tables(void)
{
	tables_make();
	for (u32 i = 0; i < 16; i++)
		entry_put(below(entries()), entry_random());
	if (chance(16)) /* whole tables in other places, or large pages */
		dir_put(region(below(TABLES)),
			chance(2) ? table[below(TABLES)] | RWU :
				    (arena & 0xffc00000) | RWU | PTE_PS);
	if (chance(4))
		flush(WINDOW + below(entries()) * 4096);
	for (u32 i = 0; i < 4; i++)
		touch(false);
	tables_make();
	wr_c3(dir);
	tables_check();
}

/* Now also the directory, the kernel's own parts, CR3 and the paging mode. */
void mode_wild_tables(void)
{
	u32 other = ARENA_S + 4096 * below(ARENA_PAGES);
	u32 phys = arena + (other - ARENA_S);

	tables_make();
	memcpy((void *)other, (void *)dir, 4096);
	for (u32 i = 0; i < 8; i++) {
		u32 at = below(1024);

		/* the kernel's, the stack's and the devices' parts seldom */
		if ((at > 16 && at < 1000) || chance(4000))
			MEM32(other + at * 4) =
				chance(3) ? rnd() : entry_random();
	}
	wr_c3(phys);
	for (u32 i = 0; i < 4; i++)
		touch(true);
	if (chance(8))
		wr_c4(rd_c4() ^ (chance(100) ? CR4_PSE : CR4_PGE));
	touch(true);
	if (chance(200)) { /* PAE on what is no such table: resets at worst */
		MEM32(other) = phys + 0x1001 + (rnd() & 0xe00);
		wr_c3(phys);
	}
	wr_c3(dir);
	for (u32 i = 0; i < 4; i++) {
		entry_put(below(entries()), entry_random());
		touch(true);
	}
}
