// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * checked.c - which frames get checked blocks (translator/source.c).
 *
 * A write to a protected frame costs a fault, all blocks of the frame and
 * their way back, some 10 us and more. A checked frame is not protected; its
 * blocks pay a few ns whenever they are entered, and one that has changed
 * costs its own translation only. So a frame becomes checked when it is
 * written some times in quick succession. Writes that change no code are not
 * seen any more from then on, so the way back is a trial: after some time the
 * frame's blocks are dropped, and made without checks. If it is written again
 * the next trial comes later.
 *
 * Correctness does not depend on anything here: a frame may have blocks of
 * both kinds; those without checks have it protected. Time is the host's TSC:
 * only magnitudes matter. Light code.
 */
#include "engine.h"
#include "lightmem.h"

#define HEAT_ON	     3	       /* so many writes */
#define HEAT_TIME    (1ull << 26) /* with no more than this between two */
#define TRIAL_TIME   (1ull << 28) /* the first trial; later ones double it */
#define TRIAL_DOUBLE 7
#define TICK_TIME    (1ull << 26)

static u64 checked_now(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static struct checked_frame *checked_slot(struct engine *e, gfn_t gfn)
{
	return &e->checked.frame[(gfn * 0x9e3779b97f4a7c15ull) >> 55];
}
static_assert(CHECKED_FRAMES == 1u << 9, "checked_slot() yields 9 bits");

bool checked_test(const struct engine *e, gfn_t gfn)
{
	const struct checked_frame *f =
		checked_slot((struct engine *)e, gfn);

	if (e->vm->inj.checked || e->vm->inj.no_checked)
		return e->vm->inj.checked;
	return f->on && f->gfn == gfn;
}

static u64 trial_time(const struct checked_frame *f)
{
	return TRIAL_TIME << MIN(f->tries, TRIAL_DOUBLE);
}

void checked_write(struct engine *e, gfn_t gfn)
{
	struct checked_frame *f = checked_slot(e, gfn);
	u64 now = checked_now();

	if (f->gfn != gfn || !f->when) {
		if (f->on && now < f->until)
			return; /* that one is in use */
		*f = (struct checked_frame){ .gfn = gfn };
	}
	if (now - f->when > HEAT_TIME) {
		if (now - f->when > trial_time(f))
			f->tries = 0;
		f->heat = 0;
	}
	f->when = now;
	if (f->on || ++f->heat < HEAT_ON)
		return;
	f->on = true;
	f->until = now + trial_time(f);
	e->stats.checked_frames++;
}

/* The first n bytes of b, which all lie in one page if it has immediates that
 * do not count. */
static bool source_equal(const struct block *b, const u8 *now, u32 n)
{
	u32 from = 0, end;

	for (u64 left = b->soft; left; left &= left - 1) {
		end = b->insn_eip[__builtin_ctzll(left) + 1] - b->eip;
		if (!light_equal(now + from, b->src + from, end - 4 - from))
			return false;
		from = end;
	}
	return light_equal(now + from, b->src + from, n - from);
}

bool checked_holds(struct engine *e, const struct block *b)
{
	u32 la = (u32)(e->modes[b->mode].cs_base + b->eip);
	u32 first = MIN(b->guest_len,
			(u32)(PAGE_SIZE - (la & ~PAGE_MASK)));
	const u8 *p = mmu_ram(e->vm->mmu, b->gfn[0] << PAGE_SHIFT, 1);
	const u8 *q = mmu_ram(e->vm->mmu, b->gfn[1] << PAGE_SHIFT, 1);
	struct checked_frame *f;

	if (source_equal(b, p + (la & ~PAGE_MASK), first) &&
	    light_equal(q, b->src + first, b->guest_len - first))
		return true;
	e->stats.checked_stale++;
	f = checked_slot(e, b->gfn[0]);
	if (f->gfn == b->gfn[0])
		f->when = checked_now();
	return false;
}

#define SOFT_AFTER 4 /* changes */

/* Has this block changed often? A set that may forget. */
static bool soft_often(struct engine *e, const struct block *b)
{
	u64 h = (b->gfn[0] << 12 ^ b->eip ^ b->mode) * 0x9e3779b97f4a7c15ull;
	struct checked_soft *s = &e->checked.soft[h >> 56];

	if (s->gfn != b->gfn[0] || s->eip != b->eip)
		*s = (struct checked_soft){ b->gfn[0], b->eip, 0 };
	return ++s->changes >= SOFT_AFTER;
}
static_assert(SOFT_BLOCKS == 256, "soft_often() takes 8 bits");

/* Where old and new source differ in immediates only, those are soft. */
u64 checked_soft(struct engine *e, const struct block *b)
{
	u32 la = (u32)(e->modes[b->mode].cs_base + b->eip);
	const u8 *now = mmu_ram(e->vm->mmu, b->gfn[0] << PAGE_SHIFT, 1) +
			(la & ~PAGE_MASK);
	u64 soft = b->soft;

	if (!b->softable || !soft_often(e, b) || b->variant)
		return 0;
	for (unsigned i = 0; i < b->ninsns; i++) {
		u32 off = b->insn_eip[i] - b->eip;
		u32 len = b->insn_eip[i + 1] - b->insn_eip[i];

		if (light_equal(now + off, b->src + off, len))
			continue;
		if (!(b->softable >> i & 1) ||
		    !light_equal(now + off, b->src + off, len - 4))
			return 0;
		soft |= 1ull << i;
	}
	return soft;
}

/* The frame's blocks are made anew, without checks. */
static void checked_trial(struct engine *e, struct checked_frame *f)
{
	e->stats.checked_trials++;
	f->on = false;
	f->heat = HEAT_ON - 1;
	f->tries++;
	tcache_drop_frame(e->tc, f->gfn);
}

void checked_tick(struct engine *e)
{
	u64 now = checked_now();

	if (now < e->checked.next_tick)
		return;
	e->checked.next_tick = now + TICK_TIME;
	for (unsigned i = 0; i < CHECKED_FRAMES; i++) {
		struct checked_frame *f = &e->checked.frame[i];

		if (!f->on || now < f->until)
			continue;
		if (now - f->when < trial_time(f) / 2)
			f->until = f->when + trial_time(f);
		else
			checked_trial(e, f);
	}
}
