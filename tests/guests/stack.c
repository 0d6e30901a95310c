/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.c - bare guest: everything that goes through esp.
 *
 * HAZARDS 9 (order of accesses), 27, 31, 32 (return pairs are only a
 * prediction): odd pushes and pops, faults half way, and returns that do not
 * match their calls.
 */
#include "guest.h"

#define T 0x50100000u

/* Room below: a ring 0 stack in the cells takes the trap frame there. */
static u32 cells[96];
#define cell (cells + 64)

const struct tcg_skip tcg_skips[] = {
	{ "stack.ret_imm16.0", "TCG sign-extends the operand of RET" },
	{ "stack.ret_imm16.3", "TCG sign-extends the operand of RET" },
	{ "stack.half-way.popa", "TCG loads registers one by one" },
	{ "stack.half-way.iret", "TCG pops with supervisor rights at CPL 3" },
	{ "stack.half-way.retf", "TCG pops with supervisor rights at CPL 3" },
	{ "stack.half-way.enter-locals", "TCG does not probe the final esp" },
	{ 0, 0 },
};

CODE(pop_esp_x, "push 0x1111; push 0x2222; pop dword ptr [esp]; pop eax;");
CODE(pop_esp_4, "push 0x1111; push 0x2222; push 0x3333; "
     "pop dword ptr [esp+4]; pop eax; pop ebx;");
CODE(push_esp, "mov eax, esp; push esp; pop ebx;");
CODE(push_esp_mem, "push 0x4444; push dword ptr [esp]; pop eax; pop ebx;");
CODE(pop_esp, "push ebx; pop esp; mov eax, esp;");
CODE(pop_sp, "push bx; pop sp; mov eax, esp;");
CODE(leave_, "mov ebp, ebx; leave; mov eax, esp;");
CODE(leave16, "mov ebp, ebx; .byte 0x66; leave; mov eax, esp;");
CODE(pusha_popa, "pushad; mov eax, [esp+12]; mov edx, [esp+28]; "
     "mov dword ptr [esp+12], 0; popad;");
CODE(pusha16, "pushaw; movzx eax, word ptr [esp+6]; popaw; ");
CODE(enter0, "mov ebp, 0x1234; enter 32, 0; mov eax, [ebp]; mov ecx, esp; "
     "leave; mov edx, ebp;");
CODE(enter1, "mov ebp, 0x1234; enter 8, 1; mov eax, [ebp]; mov ecx, [ebp-4]; "
     "mov edx, esp;");
CODE(enter3, "lea ebp, [ebx+32]; enter 8, 3; mov eax, [ebp-4]; "
     "mov ecx, [ebp-8]; mov edx, [ebp-12]; mov esi, [ebp]; mov edi, esp; "
     "sub edi, ebp;");
CODE(enter31, "lea ebp, [ebx+32]; mov eax, esp; enter 0, 0x3f; "
     "sub eax, esp;");
CODE(ret_imm, "push 7; push 8; mov eax, esp; call 1f; jmp 2f; "
     "1: ret 8; 2: sub eax, esp;");
CODE(ret_imm16, "push 7; mov eax, esp; call 1f; jmp 2f; 1: ret 0xfffc; "
     "2: sub eax, esp;");
CODE(call_next, "mov ecx, esp; call 1f; 1: pop eax; sub ecx, esp;");
CODE(call_mem, "lea eax, [esp-4]; mov dword ptr [eax], offset 1f; "
     "call [esp-4]; jmp 2f; 1: mov ebx, 5; ret; 2: mov ecx, [esp-4];");
CODE(jmp_mem_esp, "push offset 1f; jmp [esp]; mov ebx, 9; 1: pop eax;");
CODE(push_forms, "push -1; push ax; push bx; push 0x12345678; "
     ".byte 0x66, 0x68, 0x34, 0x12; .byte 0x66, 0x6a, 0xff; "
     "pop eax; pop ebx; pop ecx; pop edx;");
CODE(pop_mem, "push 0x1234; pop dword ptr [ebx]; push 0x567; "
     "pop word ptr [ebx+4]; pop word ptr [ebx+6];");
CODE(push_seg, "push -1; mov eax, ds; push ds; pop ecx; push cs; pop edx; "
     "push -1; .byte 0x66; push es; pop eax; add esp, 2;");
CODE(pop_seg, "push eax; pop es; push eax; pop fs; push eax; pop gs; "
     "mov ecx, es; mov edx, gs;");
CODE(xchg_esp, "mov ebx, esp; lea eax, [esp-64]; xchg eax, esp; push 3; "
     "pop ecx; xchg eax, esp; sub ebx, esp;");
CODE(esp_arith, "mov eax, esp; sub esp, 4096; mov [esp+8], eax; "
     "add esp, 8; pop ebx; lea esp, [esp+4096-12]; and esp, -1; "
     "mov ecx, esp; or esp, 0; inc esp; dec esp; neg esp; neg esp;");
CODE(esp_base, "mov esi, 2; push 1; push 2; push 3; mov eax, [esp+esi*4]; "
     "mov ecx, [esp]; mov ebp, esp; mov edx, [ebp+4]; add esp, 12;");

static void test_forms(int cpl)
{
	struct regs r;
	u32 top;

#define GO(code)                                                              \
	begin(cpl ? "stack." #code ".3" : "stack." #code ".0");               \
	regs_init(&r, code, cpl);                                             \
	r.ebx = ADDR(cell);                                                   \
	top = r.esp;                                                          \
	run(&r);                                                              \
	CHECK_END(&r, code)

	GO(pop_esp_x);
	check_that("[esp] after the pop", r.eax, 0x2222);
	check_that("esp", r.esp, top);
	GO(pop_esp_4);
	check_that("eax", r.eax, 0x2222);
	check_that("ebx", r.ebx, 0x3333);
	GO(push_esp);
	check_that("old value", r.ebx, r.eax);
	GO(push_esp_mem);
	check_that("eax", r.eax, 0x4444);
	GO(pop_esp);
	check_that("esp", r.eax, ADDR(cell));
	GO(pop_sp);
	check_that("esp", r.eax, ((top - 2) & 0xffff0000) |
		   (ADDR(cell) & 0xffff));
	cell[0] = 0xbeefcafe;
	GO(leave_);
	check_that("ebp", r.ebp, 0xbeefcafe);
	check_that("esp", r.eax, ADDR(cell) + 4);
	cell[0] = 0xbeefcafe;
	GO(leave16);
	check_that("ebp", r.ebp, (ADDR(cell) & 0xffff0000) | 0xcafe);
	check_that("esp", r.eax, ADDR(cell) + 2);
	GO(pusha_popa);
	check_that("popa skips esp", r.esp, top);
	check_that("popa", r.eax, 0);
	GO(pusha16);
	check_that("sp", r.esp, top);
	GO(enter0);
	check_that("old ebp", r.eax, 0x1234);
	check_that("esp", r.ecx, top - 36);
	check_that("leave", r.edx, 0x1234);
	check_that("esp back", r.esp, top);
	GO(enter1);
	check_that("old ebp", r.eax, 0x1234);
	check_that("frame", r.ecx, top - 4);
	check_that("esp", r.edx, top - 16);
	for (int i = 0; i < 16; i++)
		cell[i] = 0x100 + i;
	GO(enter3);
	check_that("level 1", r.eax, 0x107);
	check_that("level 2", r.ecx, 0x106);
	check_that("frame", r.edx, r.ebp);
	check_that("old ebp", r.esi, ADDR(cell) + 32);
	check_that("esp", r.edi, (u32)-20);
	GO(enter31);
	check_that("level is mod 32", r.eax, 32 * 4);
	GO(ret_imm);
	check_that("popped", r.eax, (u32)-8);
	GO(ret_imm16);
	check_that("popped", r.eax, (u32)-0xfffc);
	GO(call_next);
	check_that("esp", r.ecx, 0);
	GO(call_mem);
	check_that("went", r.ebx, 5);
	GO(jmp_mem_esp);
	check_that("went", r.ebx, ADDR(cell));
	GO(push_forms);
	check_that("words", r.eax, 0x1234ffff);
	check_that("dword", r.ebx, 0x12345678);
	check_that("ax:bx", r.ecx, ADDR(cell) & 0xffff);
	check_that("dword", r.edx, ~0u);
	check_that("esp", r.esp, top);
	cell[1] = 0;
	GO(pop_mem);
	check_that("dword", cell[0], 0x1234);
	check_that("words", cell[1], 0x567);
	GO(push_seg);
	check_that("ds", r.ecx & 0xffff, r.ds);
	check_that("cs", r.edx & 0xffff, r.cs);
	check_that("16-bit push", r.eax, 0xffff0000 | r.es);
	begin(cpl ? "stack.pop_seg.3" : "stack.pop_seg.0");
	regs_init(&r, pop_seg, cpl);
	r.eax = UDS;
	run(&r);
	CHECK_END(&r, pop_seg);
	check_that("es", r.ecx, UDS);
	check_that("gs", r.edx, UDS);
	GO(xchg_esp);
	check_that("ecx", r.ecx, 3);
	check_that("esp", r.ebx, 0);
	GO(esp_arith);
	check_that("stored", r.ebx, r.eax);
	check_that("esp", r.ecx, top);
	check_that("esp", r.esp, top);
	GO(esp_base);
	check_that("[esp+esi*4]", r.eax, 1);
	check_that("[esp]", r.ecx, 3);
	check_that("[ebp+4]", r.edx, 2);
#undef GO
}

/* --- faults half way leave registers as they were --- */

CODE(h_push, F(h_push) "push eax");
CODE(h_pop, F(h_pop) "pop eax");
CODE(h_popmem, F(h_popmem) "pop dword ptr [ebx]");
CODE(h_pushmem, F(h_pushmem) "push dword ptr [ebx]");
CODE(h_call, F(h_call) "call 1f; 1: nop");
CODE(h_callmem, F(h_callmem) "call [ebx]");
CODE(h_ret, F(h_ret) "ret");
CODE(h_ret8, F(h_ret8) "ret 8");
CODE(h_pusha, F(h_pusha) "pushad");
CODE(h_popa, F(h_popa) "popad");
CODE(h_enter, F(h_enter) "enter 64, 0");
CODE(h_enter4, F(h_enter4) "enter 64, 4");
CODE(h_leave, F(h_leave) "leave");
CODE(h_pushf, F(h_pushf) "pushfd");
CODE(h_popf, F(h_popf) "popfd");
CODE(h_iret, F(h_iret) "iretd");
CODE(h_popds, F(h_popds) "pop ds");
CODE(h_retf, F(h_retf) "retf");

/* Page T is there, T + 0x1000 is not, T - 0x1000 is not. */
static const struct {
	const char *name;
	char *code;
	u32 esp, ebp, ebx, cr2, err;
} halves[] = {
	{ "stack.half-way.push", h_push, T + 0x1004, T, T, T + 0x1000, 6 },
	{ "stack.half-way.push-over-the-edge", h_push, T + 2, T, T, T - 2, 6 },
	{ "stack.half-way.pop", h_pop, T + 0x1000, T, T, T + 0x1000, 4 },
	{ "stack.half-way.pop-over-the-edge", h_pop, T + 0xffe, T, T, T + 0x1000, 4 },
	{ "stack.half-way.pop-[absent]", h_popmem, T + 0x800, T, T + 0x1000, T + 0x1000, 6 },
	{ "stack.half-way.pop-from-absent", h_popmem, T + 0x1000, T, T, T + 0x1000, 4 },
	{ "stack.half-way.push-[absent]", h_pushmem, T + 0x800, T, T + 0x1000, T + 0x1000, 4 },
	{ "stack.half-way.push-to-absent", h_pushmem, T, T, T, T - 4, 6 },
	{ "stack.half-way.call", h_call, T, T, T, T - 4, 6 },
	{ "stack.half-way.call-[absent]", h_callmem, T + 0x800, T, T + 0x1000, T + 0x1000, 4 },
	{ "stack.half-way.call-stack-absent", h_callmem, T, T, T + 64, T - 4, 6 },
	{ "stack.half-way.call-both-absent", h_callmem, T, T, T + 0x1000, T + 0x1000, 4 },
	{ "stack.half-way.ret", h_ret, T + 0x1000, T, T, T + 0x1000, 4 },
	{ "stack.half-way.ret-8", h_ret8, T + 0xffe, T, T, T + 0x1000, 4 },
	{ "stack.half-way.popa", h_popa, T + 0xff0, T, T, T + 0x1000, 4 },
	{ "stack.half-way.leave", h_leave, T + 64, T + 0x1000, T, T + 0x1000, 4 },
	{ "stack.half-way.pushf", h_pushf, T, T, T, T - 4, 6 },
	{ "stack.half-way.popf", h_popf, T + 0x1000, T, T, T + 0x1000, 4 },
	{ "stack.half-way.iret", h_iret, T + 0xffc, T, T, T + 0x1000, 4 },
	{ "stack.half-way.pop-ds", h_popds, T + 0x1000, T, T, T + 0x1000, 4 },
	{ "stack.half-way.retf", h_retf, T + 0xffc, T, T, T + 0x1000, 4 },
};

static void half_check(const char *name, char *code, struct regs *r, u32 err)
{
	struct regs was = *r;

	run(r);
	check_that(name, r->vec, VEC_PF);
	check_that(name, r->err, err);
	check_that(name, r->eip, ADDR(code));
	/* eax..edi are the first eight words */
	check_that(name, memcmp(r, &was, 32), 0);
	check_that(name, r->ds, was.ds);
	check_that(name, r->cs, was.cs);
	check_efl(name, r, was.efl);
}

static void half_regs(struct regs *r, char *code)
{
	regs_init(r, code, 3);
	r->eax = 0x11111111;
	r->ecx = 0x22222222;
	r->edx = 0x33333333;
	r->esi = 0x44444444;
	r->edi = 0x55555555;
	r->efl |= EFL_CF | EFL_OF | EFL_DF;
}

static void test_halves(void)
{
	struct regs r;

	for (u32 i = 0; i < ARRAY_SIZE(halves); i++) {
		begin(halves[i].name);
		memset((void *)T, 0x5a, 4096);
		half_regs(&r, halves[i].code);
		r.esp = halves[i].esp;
		r.ebp = halves[i].ebp;
		r.ebx = halves[i].ebx;
		half_check(halves[i].name, halves[i].code, &r, halves[i].err);
		check_that(halves[i].name, r.cr2, halves[i].cr2);
		for (u32 j = 0; j < 0x800; j++)
			if (MEM8(T + j) != 0x5a) {
				check_that("byte stored", j, ~0u);
				break;
			}
	}
	/* pusha and enter may store a part, but change no register. */
	begin("stack.half-way.pusha");
	half_regs(&r, h_pusha);
	r.esp = T + 16;
	half_check("pusha", h_pusha, &r, 6);
	check_true("cr2 below", r.cr2 >= T - 16 && r.cr2 < T);
	begin("stack.half-way.enter");
	half_regs(&r, h_enter);
	r.esp = T + 2;
	r.ebp = T + 0x800;
	half_check("enter", h_enter, &r, 6);
	half_regs(&r, h_enter4);
	r.esp = T + 12;
	r.ebp = T + 0x800;
	half_check("enter 4", h_enter4, &r, 6);
	half_regs(&r, h_enter4);
	r.esp = T + 0x800;
	r.ebp = T + 4;
	half_check("enter 4, frames absent", h_enter4, &r, 4);
	begin("stack.half-way.enter-locals");
	/* The final esp is written to, or at least probed (SDM, ENTER). */
	half_regs(&r, h_enter);
	r.esp = T + 32;
	r.ebp = T + 0x800;
	half_check("enter", h_enter, &r, 6);
}

/* --- calls and returns that do not pair --- */

CODE(deep, /* recursion ecx deep, eax counts the returns */
     "xor eax, eax; call 1f; jmp 9f; "
     "1: dec ecx; jz 2f; call 1b; inc eax; 2: ret; 9: nop;");
CODE(longjmp_, /* 50 frames down, then out of all of them, 100 times */
     "xor eax, eax; mov edx, 100; 3: mov esi, esp; mov ecx, 50; call 1f; "
     "ud2; 1: dec ecx; jz 2f; call 1b; ud2; "
     "2: mov esp, esi; inc eax; dec edx; jnz 3b; mov ecx, esp;");
CODE(coroutine, /* two stacks, switched 1000 times from within calls */
     "mov edi, esp; lea esi, [ebx-4]; mov dword ptr [esi], offset 5f; "
     "mov ecx, 1000; xor eax, eax; xor edx, edx; "
     "1: call 4f; inc eax; dec ecx; jnz 1b; jmp 9f; "
     "4: xchg esp, esi; ret; "
     "5: inc edx; call 4b; jmp 5b; "
     "9: mov esi, 0; mov ecx, esp;");
CODE(push_ret, "xor eax, eax; mov ecx, 100; 1: push offset 2f; call 3f; ud2; "
     "2: inc eax; loop 1b; jmp 4f; 3: add esp, 4; ret; 4: mov ecx, esp");
CODE(ret_elsewhere, "xor eax, eax; mov ecx, 100; 1: call 2f; ud2; "
     "3: inc eax; loop 1b; jmp 4f; "
     "2: mov dword ptr [esp], offset 3b; ret; 4: mov ecx, esp");
CODE(ret_alternate, /* one ret, two call sites and a computed third */
     "xor eax, eax; xor edx, edx; mov ecx, 200; "
     "1: call 2f; inc eax; call 2f; inc edx; push offset 3f; jmp 2f; "
     "3: dec ecx; jnz 1b; jmp 4f; 2: ret; 4: mov ecx, esp;");
CODE(far_mix, /* far calls between near ones make no pair */
     "mov eax, cs; mov [ebx+4], ax; mov dword ptr [ebx], offset 2f; "
     "xor eax, eax; mov ecx, 50; 1: call 3f; inc eax; dec ecx; jnz 1b; "
     "jmp 9f; 3: call fword ptr [ebx]; inc eax; ret; "
     "2: call 4f; retf; 4: inc eax; ret; 9: mov ecx, esp;");
CODE(call16, /* 66-prefixed call and ret truncate eip: code below 64 KiB */
     "mov edx, esp; mov eax, 0x9000; call eax; sub edx, esp;");
CODE(call16_high, "mov edx, esp; mov eax, 0x29000; call eax; sub edx, esp;");
CODE(ret_to_data, "mov dword ptr [ebx], 0x4290c390; push ebx; ret;");
CODE(thunk, "xor eax, eax; mov ecx, 20; 1: call 2f; add edx, 1; "
     "loop 1b; jmp 3f; 2: mov edx, [esp]; ret; 3: mov eax, edx");
CODE(retpoline, "mov eax, offset 1f; mov ecx, 50; 5: call 2f; dec ecx; "
     "jnz 5b; jmp 6f; 2: call 3f; 4: pause; jmp 4b; "
     "3: mov [esp], eax; ret; 1: inc ebx; ret; 6: nop;");

static void test_pairs(int cpl)
{
	struct regs r;
	u32 stack, top;

	begin(cpl ? "stack.deep.3" : "stack.deep.0");
	stack = pages_alloc(256);
	regs_init(&r, deep, cpl);
	r.esp = stack + 256 * 4096 - 64;
	r.ecx = 200000;
	run(&r);
	CHECK_END(&r, deep);
	check_that("returns", r.eax, 199999);
	check_that("esp", r.esp, stack + 256 * 4096 - 64);

#define GO(code)                                                              \
	begin(cpl ? "stack." #code ".3" : "stack." #code ".0");               \
	regs_init(&r, code, cpl);                                             \
	r.ebx = stack + 4096;                                                 \
	top = r.esp;                                                          \
	run(&r);                                                              \
	CHECK_END(&r, code)

	GO(longjmp_);
	check_that("times", r.eax, 100);
	check_that("esp", r.ecx, top - 0);
	GO(coroutine);
	check_that("returns", r.eax, 1000);
	check_that("other side", r.edx, 1000);
	check_that("esp", r.ecx, top);
	GO(push_ret);
	check_that("times", r.eax, 100);
	check_that("esp", r.ecx, top);
	GO(ret_elsewhere);
	check_that("times", r.eax, 100);
	check_that("esp", r.ecx, top);
	GO(ret_alternate);
	check_that("first", r.eax, 200);
	check_that("second", r.edx, 200);
	check_that("esp", r.ecx, top);
	GO(far_mix);
	check_that("times", r.eax, 150);
	check_that("esp", r.ecx, top);
	GO(thunk);
	GO(retpoline);
	check_that("times", r.ebx, stack + 4096 + 50);
	begin(cpl ? "stack.call16.3" : "stack.call16.0");
	/* 9000: 66 e8 rel16 to 9010; 9004: ret.  9010: 66 c3 */
	memcpy((void *)0x9000, "\x66\xe8\x0c\x00\xc3", 5);
	memcpy((void *)0x9010, "\x66\xc3", 2);
	regs_init(&r, call16, cpl);
	run(&r);
	CHECK_END(&r, call16);
	check_that("esp", r.edx, 0);
	/*
	 * The same above 64 KiB: 29000: 66 e8 to 9010, which returns to 9004, not
	 * to the next instruction.
	 */
	begin(cpl ? "stack.call16-high.3" : "stack.call16-high.0");
	memcpy((void *)0x29000, "\x66\xe8\x0c\x00\x43\xc3", 6);
	memcpy((void *)0x9004, "\xc3", 1);
	regs_init(&r, call16_high, cpl);
	r.ebx = 0;
	run(&r);
	CHECK_END(&r, call16_high);
	check_that("esp", r.edx, 0);
	check_that("went on at the next", r.ebx, 0);
	begin(cpl ? "stack.ret_to_data.3" : "stack.ret_to_data.0");
	regs_init(&r, ret_to_data, cpl);
	r.ebx = stack;
	/* nop; ret to a second address on the stack */
	r.esp -= 4;
	MEM32(r.esp) = ADDR(ret_to_data_end);
	run(&r);
	CHECK_END(&r, ret_to_data);
#undef GO
}

void guest_main(void)
{
	test_forms(0);
	test_forms(3);
	test_pairs(0);
	test_pairs(3);
	identity_on();
	page_map(T, page_alloc(), PTE_P | PTE_W | PTE_U);
	test_halves();
}
