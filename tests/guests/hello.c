/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hello.c - bare guest: the UART, integer code and the exit, nothing else.
 */
#include "guest.h"

CODE(add_carry, "stc; adc eax, ebx");

void guest_main(void)
{
	struct regs r;

	begin("hello");
	print("Hello from a bare guest, %u %s.\n", 1, "line");
	check_that("arithmetic", 6 * 7, 42);
	begin("hello.run0");
	regs_init(&r, add_carry, 0);
	r.eax = 0xffffffff;
	run(&r);
	CHECK_END(&r, add_carry);
	check_that("eax", r.eax, 0);
	check_that("eflags", r.efl,
		   EFL_FIXED1 | EFL_CF | EFL_PF | EFL_AF | EFL_ZF);
	check_that("esp", r.esp, ADDR(test_stack_top) - 256);
	begin("hello.run3");
	regs_init(&r, add_carry, 3);
	r.ebx = 1;
	run(&r);
	CHECK_END(&r, add_carry);
	check_that("eax", r.eax, 2);
	check_that("cs", r.cs, UCS);
	check_that("ss", r.ss, UDS);
}
