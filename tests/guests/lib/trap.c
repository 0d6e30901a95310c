/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap.c - run(): code at any privilege up to its first trap, made readable.
 *
 * start.S stores the raw stack at entry; here it becomes eip, cs, eflags,
 * esp, ss and the error code. A trap outside run() is a bug of the guest or
 * the machine under it: it is printed and ends the guest with status 99.
 */
#include "guest.h"

extern struct regs cur_regs;
void run_enter(void);
int trap_c(void);

bool trap_noerr;
bool trap_gate16;
int (*trap_hook)(struct regs *r);
static bool running;

static bool has_error(u32 vec)
{
	return !trap_noerr && (vec == 8 || (vec >= 10 && vec <= 14) ||
			       vec == 17);
}

static u32 raw_word(const struct regs *r, int i)
{
	if (trap_gate16)
		return r->raw[i / 2] >> (i % 2 * 16) & 0xffff;
	return r->raw[i];
}

static void decode(struct regs *r)
{
	int i = 0;

	r->err = has_error(r->vec) ? raw_word(r, i++) : NOERR;
	r->eip = raw_word(r, i++);
	r->cs = raw_word(r, i++) & 0xffff;
	r->efl = raw_word(r, i++);
	r->ds &= 0xffff;
	if (r->efl & EFL_VM || r->cs & 3) {
		r->esp = raw_word(r, i++);
		r->ss = raw_word(r, i++) & 0xffff;
	} else {
		r->esp = r->hesp + i * (trap_gate16 ? 2 : 4);
		r->ss = r->hss;
	}
	if (r->efl & EFL_VM) {
		r->es = raw_word(r, i++) & 0xffff;
		r->ds = raw_word(r, i++) & 0xffff;
		r->fs = raw_word(r, i++) & 0xffff;
		r->gs = raw_word(r, i++) & 0xffff;
	}
}

int trap_c(void)
{
	struct regs *r = &cur_regs;

	decode(r);
	if (!running) {
		print("FAIL unexpected trap %x err %x cr2 %x at %x:%x efl %x "
		      "esp %x\n", r->vec, r->err, r->cr2, r->cs, r->eip,
		      r->efl, r->esp);
		guest_exit(99);
	}
	running = false;
	if (trap_hook && trap_hook(r)) {
		running = true;
		return 1;
	}
	return 0;
}

void run(struct regs *r)
{
	cur_regs = *r;
	running = true;
	run_enter();
	running = false;
	*r = cur_regs;
}

void regs_init(struct regs *r, const void *code, int cpl)
{
	memset(r, 0, sizeof(*r));
	r->eip = ADDR(code);
	r->cs = KCS + cpl * 0x11;
	r->ss = KDS + cpl * 0x11;
	r->ds = r->es = r->fs = r->gs = r->ss;
	r->esp = ADDR(test_stack_top) - 256;
	r->efl = EFL_FIXED1;
}

void run_at(struct regs *r, const void *code, int cpl)
{
	regs_init(r, code, cpl);
	run(r);
}

void check_trap(const struct regs *r, u32 vec, u32 err, const void *eip)
{
	check_that("vector", r->vec, vec);
	if (r->vec != vec)
		check_that("at eip", r->eip, ADDR(eip));
	if (r->vec == vec) {
		check_that("error code", r->err, err);
		if (eip)
			check_that("eip", r->eip, ADDR(eip));
	}
}

void check_end(const struct regs *r, const void *end)
{
	check_that("vector (end)", r->vec, VEC_END);
	check_that("eip (end)", r->eip, ADDR(end) + 2);
}

void check_efl(const char *what, const struct regs *r, u32 want)
{
	check_that(what, r->efl & ~EFL_RF, want & ~EFL_RF);
}
