// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_load_elf.c - ELF vmlinux and Multiboot 1 images, made here.
 */
#include <check.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "load_util.h"
#include "tools/load_impl.h"

#define IMG_SIZE 0x3000
#define TEXT_OFF 0x1000
#define TEXT_LEN 0x800
#define DATA_OFF 0x2000
#define DATA_LEN 0x400
#define TEXT_PA	 0x200000
#define DATA_PA	 0x202000
#define DATA_MEM 0x3000
#define PAGE_OFFSET 0xc0000000u
#define MB_OFF	 (TEXT_OFF + 0x40)
#define MB_ENTRY 0x10

static struct load_util u;
static u8 image[IMG_SIZE];

/* Two segments linked at PAGE_OFFSET, as vmlinux is, with a physical entry. */
static void elf_make(void)
{
	Elf32_Ehdr *eh = (Elf32_Ehdr *)image;
	Elf32_Phdr *ph = (Elf32_Phdr *)(image + sizeof(*eh));

	memset(image, 0, sizeof(image));
	for (unsigned i = 0; i < TEXT_LEN; i++)
		image[TEXT_OFF + i] = (u8)(i * 3 + 1);
	memset(image + DATA_OFF, 0xdd, DATA_LEN);
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS32;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_ident[EI_VERSION] = EV_CURRENT;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_386;
	eh->e_version = EV_CURRENT;
	eh->e_entry = TEXT_PA + MB_ENTRY;
	eh->e_phoff = sizeof(*eh);
	eh->e_ehsize = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 3;
	ph[0] = (Elf32_Phdr){ .p_type = PT_LOAD, .p_offset = TEXT_OFF,
			      .p_vaddr = PAGE_OFFSET + TEXT_PA,
			      .p_paddr = TEXT_PA, .p_filesz = TEXT_LEN,
			      .p_memsz = TEXT_LEN };
	ph[1] = (Elf32_Phdr){ .p_type = PT_NOTE, .p_paddr = 0xfffff000 };
	ph[2] = (Elf32_Phdr){ .p_type = PT_LOAD, .p_offset = DATA_OFF,
			      .p_vaddr = PAGE_OFFSET + DATA_PA,
			      .p_paddr = DATA_PA, .p_filesz = DATA_LEN,
			      .p_memsz = DATA_MEM };
}

/* Turns the image into a Multiboot one with these flags. */
static void mb_make(u32 flags)
{
	u8 *p = image + MB_OFF;

	load_put32(p, 0x1badb002);
	load_put32(p + 4, flags);
	load_put32(p + 8, -(0x1badb002 + flags));
	if (!(flags & 0x10000))
		return;
	memset(image, 0x90, TEXT_OFF); /* no ELF any more */
	load_put32(p + 12, 0x300000 + 0x40);
	load_put32(p + 16, 0x300000);
	load_put32(p + 20, 0x300000 + DATA_OFF + DATA_LEN - TEXT_OFF);
	load_put32(p + 24, 0x310000);
	load_put32(p + 28, 0x300000 + MB_ENTRY);
}

static void setup(void)
{
	load_util_init(&u);
	elf_make();
}

static void teardown(void)
{
	load_util_fini(&u);
}

static int run(void)
{
	load_util_kernel(&u, image, sizeof(image));
	return load_util_run(&u);
}

static void assert_error(const char *words)
{
	ck_assert_int_ne(run(), 0);
	ck_assert_msg(strstr(u.res.error, words) != NULL, "'%s' lacks '%s'",
		      u.res.error, words);
}

static void assert_segments(void)
{
	ck_assert_mem_eq(u.req.ram + TEXT_PA, image + TEXT_OFF, TEXT_LEN);
	ck_assert_mem_eq(u.req.ram + DATA_PA, image + DATA_OFF, DATA_LEN);
	ck_assert_uint_eq(u.req.ram[DATA_PA + DATA_LEN], 0);
}

START_TEST(vmlinux_is_entered_like_a_bzimage)
{
	static const u8 data[100] = { 1, 2, 3 };
	const u8 *bp;

	load_util_initrd(&u, data, sizeof(data));
	ck_assert_int_eq(run(), 0);
	ck_assert_int_eq(u.res.kind, LOAD_ELF);
	assert_segments();
	ck_assert_uint_eq(u.res.regs.rip, TEXT_PA + MB_ENTRY);
	bp = u.req.ram + u.res.regs.rsi;
	ck_assert_uint_eq(load_get16(bp + 0x1fe), 0xaa55);
	ck_assert_uint_eq(load_get32(bp + 0x202), 0x53726448);
	ck_assert_uint_ge(load_get16(bp + 0x206), 0x202);
	ck_assert_uint_eq(bp[0x210], 0xff);
	ck_assert_uint_eq(load_get32(bp + 0x218), LU_RAM - 4096);
	ck_assert_uint_eq(load_get32(bp + 0x21c), sizeof(data));
	ck_assert_str_eq((const char *)u.req.ram + load_get32(bp + 0x228),
			 "console=ttyS0");
}
END_TEST

START_TEST(elf_entry_may_be_virtual)
{
	((Elf32_Ehdr *)image)->e_entry += PAGE_OFFSET;
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_eq(u.res.regs.rip, TEXT_PA + MB_ENTRY);
	((Elf32_Ehdr *)image)->e_entry = 0x12345678;
	assert_error("entry");
}
END_TEST

START_TEST(elf_refused)
{
	Elf32_Ehdr *eh = (Elf32_Ehdr *)image;
	Elf32_Phdr *ph = (Elf32_Phdr *)(eh + 1);

	eh->e_machine = EM_ARM;
	assert_error("not for i386");
	eh->e_machine = EM_386;
	eh->e_type = ET_DYN;
	assert_error("ET_EXEC");
	eh->e_type = ET_EXEC;
	ph[2].p_memsz = LU_RAM;
	assert_error("--memory");
	ph[2].p_memsz = DATA_LEN - 1;
	assert_error("more bytes in the file");
	ph[2].p_memsz = DATA_MEM;
	ph[2].p_paddr = 0xfffff800; /* wraps in 32 bits */
	assert_error("not in the guest's memory");
	ph[2].p_paddr = 0xf0000; /* reserved by the machine */
	assert_error("not in the guest's memory");
	ph[2].p_paddr = DATA_PA;
	ph[2].p_offset = 0xfffffff0;
	assert_error("outside the file");
	ph[2].p_offset = DATA_OFF;
	eh->e_phnum = 0xfff0;
	ck_assert_int_ne(run(), 0);
	eh->e_phnum = 0;
	assert_error("no program headers");
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	ck_assert_int_ne(run(), 0);
}
END_TEST

/* A kernel that covers low memory moves the boot parameters, or gets none. */
START_TEST(elf_in_low_memory)
{
	Elf32_Phdr *ph = (Elf32_Phdr *)(image + sizeof(Elf32_Ehdr));

	ph[2].p_paddr = 0x10000;
	ph[2].p_memsz = 0x8000;
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_ge(u.res.sregs.gdt.base, 0x18000);
	ph[2].p_memsz = 0x8f000;
	assert_error("640 KiB");
}
END_TEST

START_TEST(elf_mutants)
{
	size_t headers = sizeof(Elf32_Ehdr) + 3 * sizeof(Elf32_Phdr);

	ck_assert_int_eq(run(), 0);
	ck_assert_uint_gt(load_util_mutate(&u, 0, headers), 100);
	load_util_kernel(&u, image, DATA_OFF + DATA_LEN);
	ck_assert_int_eq(load_util_run(&u), 0);
	load_util_truncate(&u, 61);
}
END_TEST

static void assert_multiboot(const u8 **info)
{
	ck_assert_int_eq(u.res.kind, LOAD_MULTIBOOT);
	ck_assert_uint_eq(u.res.regs.rax, 0x2badb002);
	ck_assert_uint_eq(u.res.regs.rflags, 2);
	ck_assert_uint_eq(u.res.sregs.cr0 & 0x80000001, 1);
	*info = u.req.ram + u.res.regs.rbx;
	ck_assert_uint_eq(load_get32(*info) & 0x245, 0x245);
	ck_assert_uint_eq(load_get32(*info + 4), 639);
	ck_assert_uint_eq(load_get32(*info + 8), (LU_RAM - 0x100000) >> 10);
	ck_assert_str_eq((const char *)u.req.ram + load_get32(*info + 16),
			 "console=ttyS0");
	ck_assert_str_eq((const char *)u.req.ram + load_get32(*info + 64),
			 "Umbra");
}

START_TEST(multiboot_elf)
{
	const u8 *info, *e;
	u32 len;

	mb_make(3);
	ck_assert_int_eq(run(), 0);
	assert_multiboot(&info);
	assert_segments();
	ck_assert_uint_eq(u.res.regs.rip, TEXT_PA + MB_ENTRY);
	ck_assert_uint_eq(load_get32(info) & 8, 0);

	/* the map is walked by each entry's own size */
	len = load_get32(info + 44);
	e = u.req.ram + load_get32(info + 48);
	for (unsigned i = 0; i < u.req.map_nr; i++) {
		ck_assert_uint_ge(len, 24);
		ck_assert_uint_eq(load_get64(e + 4), u.req.map[i].addr);
		ck_assert_uint_eq(load_get64(e + 12), u.req.map[i].len);
		ck_assert_uint_eq(load_get32(e + 20), u.req.map[i].type);
		len -= load_get32(e) + 4;
		e += load_get32(e) + 4;
	}
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(multiboot_module)
{
	static const u8 data[5001] = { 9, 9 };
	const u8 *info, *mod;

	mb_make(3);
	load_util_initrd(&u, data, sizeof(data));
	ck_assert_int_eq(run(), 0);
	assert_multiboot(&info);
	ck_assert_uint_eq(load_get32(info) & 8, 8);
	ck_assert_uint_eq(load_get32(info + 20), 1);
	mod = u.req.ram + load_get32(info + 24);
	ck_assert_uint_eq(load_get32(mod) & 4095, 0);
	ck_assert_uint_ge(load_get32(mod), DATA_PA + DATA_MEM);
	ck_assert_uint_eq(load_get32(mod + 4) - load_get32(mod), sizeof(data));
	ck_assert_mem_eq(u.req.ram + load_get32(mod), data, sizeof(data));
	ck_assert_str_eq((const char *)u.req.ram + load_get32(mod + 8),
			 "initrd");
}
END_TEST

START_TEST(multiboot_address_fields)
{
	const u8 *info;

	mb_make(0x10002);
	ck_assert_int_eq(run(), 0);
	assert_multiboot(&info);
	ck_assert_uint_eq(u.res.regs.rip, 0x300000 + MB_ENTRY);
	ck_assert_mem_eq(u.req.ram + 0x300000, image + TEXT_OFF, TEXT_LEN);
	ck_assert_mem_eq(u.req.ram + 0x301000, image + DATA_OFF, DATA_LEN);
	/* load_end is respected */
	ck_assert_uint_eq(u.req.ram[0x301000 + DATA_LEN], 0);
	/* load_end 0: the whole file; bss_end 0: no bss */
	load_put32(image + MB_OFF + 20, 0);
	load_put32(image + MB_OFF + 24, 0);
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_eq(load_get32(u.req.ram + 0x301000), 0xdddddddd);
}
END_TEST

START_TEST(multiboot_refused)
{
	mb_make(0x10002);
	load_put32(image + MB_OFF + 20, 0x300000 + 0x10000);
	assert_error("load end");
	mb_make(0x10002);
	load_put32(image + MB_OFF + 16, 0x300041);
	assert_error("load address");
	load_put32(image + MB_OFF + 16, 0x300040 - MB_OFF - 1);
	assert_error("load address");
	mb_make(0x10002);
	load_put32(image + MB_OFF + 28, 0x310000);
	assert_error("entry");
	mb_make(0x10002);
	load_put32(image + MB_OFF + 24, 0xffffffff);
	assert_error("--memory");
	mb_make(0x8);
	assert_error("flags 0x8");
	/* a wrong sum is no header at all */
	elf_make();
	mb_make(3);
	image[MB_OFF + 8] ^= 1;
	ck_assert_int_eq(run(), 0);
	ck_assert_int_eq(u.res.kind, LOAD_ELF);
}
END_TEST

/* Header bytes with the sum put right again after each change of flags. */
START_TEST(multiboot_mutants)
{
	mb_make(0x10002);
	ck_assert_int_eq(run(), 0);
	ck_assert_uint_gt(load_util_mutate(&u, MB_OFF, MB_OFF + 32), 5);
	for (u32 bit = 0; bit < 32; bit++) {
		mb_make(0x10002 ^ (1u << bit));
		run();
	}
	elf_make();
	mb_make(3);
	ck_assert_int_eq(run(), 0);
	load_util_mutate(&u, 0, sizeof(Elf32_Ehdr) + 3 * sizeof(Elf32_Phdr));
}
END_TEST

Suite *suite_load_elf(void);

Suite *suite_load_elf(void)
{
	Suite *s = suite_create("load_elf");
	TCase *tc = tcase_create("load_elf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, vmlinux_is_entered_like_a_bzimage);
	tcase_add_test(tc, elf_entry_may_be_virtual);
	tcase_add_test(tc, elf_refused);
	tcase_add_test(tc, elf_in_low_memory);
	tcase_add_test(tc, elf_mutants);
	tcase_add_test(tc, multiboot_elf);
	tcase_add_test(tc, multiboot_module);
	tcase_add_test(tc, multiboot_address_fields);
	tcase_add_test(tc, multiboot_refused);
	tcase_add_test(tc, multiboot_mutants);
	suite_add_tcase(s, tc);
	return s;
}
