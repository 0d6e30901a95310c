/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probes.c - bare guest: code of which tests/probes.sh knows what events it has
 * to give: instructions, accesses, page faults, system calls, ports.
 *
 * A name n_INSNS_... says how many instructions run at the addresses of that
 * name, the last of which is a jump or faults, so that what follows is counted
 * under its own name.
 */
#include "guest.h"

#define FAR_PAGE 0x50000000u /* outside the identity map */

static u32 cells[16];

/* 1 + 3 * 1000 */
CODE(n_3001_loop, "mov ecx, 1000; 1: add eax, 3; dec ecx; jnz 1b");
/* repeated instructions are one each */
CODE(n_6_rep, "mov edi, ebx; mov ecx, 8; rep stosd; mov ecx, 5;"
	      "rep stosb; jmp n_6_rep_end");
/* 2 calls: 1 call + 1 call + 1 jmp; the function 2 * 3 */
CODE(n_3_call, "call n_6_function; call n_6_function; jmp n_3_call_end");
CODE(n_6_function, "inc eax; dec eax; ret");
/* each is complete once, though div faults and is repeated */
CODE(n_5_fault, "inc eax; xor edx, edx;" F(n_5_fault) "div ecx; inc eax;"
		"jmp n_5_fault_end");
/* the same, with what the page is there for the second time */
CODE(n_4_page, "mov eax, 5; mov [edi], eax; inc eax; jmp n_4_page_end");
/* never completes: hlt at CPL 3, and so the jmp does not run */
CODE(n_2_stops, "inc eax; inc eax;" F(n_2_stops) "hlt; inc eax;"
		"jmp n_2_stops_end");
CODE(n_1_undefined, "inc eax;" F(n_1_undefined) "ud2; inc eax");
/* in and out are complete when the device has answered */
CODE(n_5_ports, "mov al, 0x5a; out 0x80, al; mov edx, 0x80; in al, dx;"
		"jmp n_5_ports_end");
/* segment loads, which may change the mode, in the middle */
CODE(n_6_segments, "mov ds, ecx; inc eax; mov ds, edx; pushfd; popfd;"
		   "jmp n_6_segments_end");
CODE(n_4_syscall, "mov eax, 7; mov ebx, 8; int 0x80; jmp n_4_syscall_end");

/* accesses: ebx: cells */
CODE(accesses,
     "mov eax, [ebx]; mov [ebx+4], ax; add byte ptr [ebx+8], 1;"
     "lea eax, [ebx+4]; push eax; pop ecx; mov esi, ebx; lea edi, [ebx+16];"
     "movsd; cmp eax, [ebx+20]; lock xadd [ebx+24], eax; xlatb;"
     "fld qword ptr [ebx]; fstp st(0); call 1f; 1: pop eax;"
     "mov eax, [ebx+3]");

static u32 met;

/* Makes what failed work, and goes on. */
static int repair(struct regs *r)
{
	if (r->vec == VEC_DE) {
		r->ecx = 3;
	} else if (r->vec == VEC_PF) {
		page_map(FAR_PAGE, page_alloc(), PTE_P | PTE_W | PTE_U);
	} else if (r->vec != 0x80) {
		return 0;
	}
	met++;
	return 1;
}

static void counts(int cpl)
{
	struct regs r;

	run_at(&r, n_3001_loop, cpl);
	CHECK_END(&r, n_3001_loop);
	regs_init(&r, n_6_rep, cpl);
	r.ebx = ADDR(cells);
	run(&r);
	CHECK_END(&r, n_6_rep);
	run_at(&r, n_3_call, cpl);
	CHECK_END(&r, n_3_call);
	regs_init(&r, n_5_fault, cpl);
	r.ecx = 0;
	run(&r);
	CHECK_END(&r, n_5_fault);
	regs_init(&r, n_4_page, cpl);
	r.edi = FAR_PAGE;
	run(&r);
	CHECK_END(&r, n_4_page);
	page_unmap(FAR_PAGE);
	run_at(&r, n_1_undefined, cpl);
	CHECK_TRAP(&r, VEC_UD, NOERR, n_1_undefined);
	regs_init(&r, n_6_segments, cpl);
	r.ecx = KDS | (u32)cpl;
	r.edx = r.ds;
	if (cpl)
		r.ecx = UDS;
	run(&r);
	CHECK_END(&r, n_6_segments);
	check_that("repaired", met, 2);
	met = 0;
}

void guest_main(void)
{
	struct regs r;

	trap_hook = repair;
	identity_on();
	page_unmap(FAR_PAGE);
	begin("probes.counts0");
	counts(0);
	begin("probes.counts3");
	counts(3);
	begin("probes.stops");
	run_at(&r, n_2_stops, 3);
	CHECK_TRAP(&r, VEC_GP, 0, n_2_stops);
	begin("probes.ports");
	run_at(&r, n_5_ports, 0);
	CHECK_END(&r, n_5_ports);
	begin("probes.syscall");
	idt_dpl(0x80, 3);
	run_at(&r, n_4_syscall, 3);
	CHECK_END(&r, n_4_syscall);
	check_that("repaired", met, 1);
	begin("probes.accesses");
	cells[1] = 0;
	for (int cpl = 0; cpl <= 3; cpl += 3) {
		regs_init(&r, accesses, cpl);
		r.ebx = ADDR(cells);
		run(&r);
		CHECK_END(&r, accesses);
	}
}
