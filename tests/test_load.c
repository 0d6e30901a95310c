// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_load.c - bzImage by the Linux boot protocol, recognition of kernels,
 * reading of files. The images are made here.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load_util.h"
#include "tools/load_impl.h"

#define SETUP_SECTS 3
#define CODE_OFF    ((SETUP_SECTS + 1) * 512)
#define CODE_LEN    4096
#define BZ_SIZE	    (CODE_OFF + CODE_LEN)
#define PARAMS_HDR  0x1f1

static struct load_util u;

/* A bzImage of protocol 2.15 that wants 2..10 MiB to unpack itself. */
static void bz_make(u8 *p)
{
	memset(p, 0, BZ_SIZE);
	for (unsigned i = 0; i < CODE_LEN; i++)
		p[CODE_OFF + i] = (u8)(i * 7 + 1);
	p[0x1f1] = SETUP_SECTS;
	load_put32(p + 0x1f4, CODE_LEN / 16);
	load_put16(p + 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(p + 0x202, "HdrS", 4);
	load_put16(p + 0x206, 0x20f);
	p[0x211] = 1;
	load_put32(p + 0x214, 0x100000);
	load_put32(p + 0x22c, 0x7fffffff);
	load_put32(p + 0x230, 0x200000);
	p[0x234] = 1;
	load_put32(p + 0x238, 2047);
	load_put64(p + 0x250, 0x1234);
	load_put64(p + 0x258, 2 << 20);
	load_put32(p + 0x260, 8 << 20);
	load_put32(p + 0x268, 0xbeef);
}

static void setup(void)
{
	u8 image[BZ_SIZE];

	bz_make(image);
	load_util_init(&u);
	load_util_kernel(&u, image, sizeof(image));
}

static void teardown(void)
{
	load_util_fini(&u);
}

static void assert_flat(const struct umbra_segment *s, unsigned selector,
			unsigned type)
{
	u64 d = load_get64(u.req.ram + u.res.sregs.gdt.base + selector);

	ck_assert_uint_eq(s->selector, selector);
	ck_assert_uint_eq(s->base, 0);
	ck_assert_uint_eq(s->limit, 0xffffffff);
	ck_assert_uint_eq(s->type, type);
	ck_assert(s->present && s->s && s->db && s->g && !s->l && !s->dpl);
	/* the table in memory says the same */
	ck_assert_uint_eq(d, 0x00cf90000000ffffull | (u64)type << 40);
}

static void assert_error(const char *words)
{
	ck_assert_int_ne(load_util_run(&u), 0);
	ck_assert_msg(strstr(u.res.error, words) != NULL, "'%s' lacks '%s'",
		      u.res.error, words);
}

START_TEST(bzimage_entry_state)
{
	const struct umbra_sregs *s = &u.res.sregs;

	ck_assert_int_eq(load_util_run(&u), 0);
	ck_assert_int_eq(u.res.kind, LOAD_BZIMAGE);
	ck_assert_uint_eq(u.res.regs.rip, 0x100000);
	ck_assert_uint_eq(u.res.regs.rflags, 2);
	ck_assert_uint_eq(u.res.regs.rbp | u.res.regs.rdi | u.res.regs.rbx, 0);
	ck_assert_uint_eq(s->cr0 & 0x80000001, 1);
	assert_flat(&s->cs, 0x10, 0xb);
	assert_flat(&s->ds, 0x18, 0x3);
	assert_flat(&s->es, 0x18, 0x3);
	assert_flat(&s->ss, 0x18, 0x3);
	ck_assert_uint_ge(s->gdt.limit, 0x1f);
	ck_assert_mem_eq(u.req.ram + 0x100000, u.req.kernel.data + CODE_OFF,
			 CODE_LEN);
}
END_TEST

START_TEST(bzimage_boot_params)
{
	const u8 *bp;

	ck_assert_int_eq(load_util_run(&u), 0);
	bp = u.req.ram + u.res.regs.rsi;
	ck_assert_uint_eq(load_get32(bp + 0x202), 0x53726448);
	ck_assert_uint_eq(load_get16(bp + 0x206), 0x20f);
	ck_assert_uint_eq(load_get32(bp + 0x268), 0xbeef); /* copied whole */
	ck_assert_uint_eq(load_get32(bp + 0x26c), 0); /* and no further */
	ck_assert_uint_eq(bp[0x210], 0xff);
	ck_assert_uint_eq(bp[0x211], 0x81);
	ck_assert_uint_eq(load_get64(bp + 0x250), 0);
	ck_assert_uint_eq(load_get64(bp + 0x70), 0xe0000);
	ck_assert_uint_eq(bp[0x1ef], 0); /* sentinel */
	ck_assert_str_eq((const char *)u.req.ram + load_get32(bp + 0x228),
			 "console=ttyS0");
	ck_assert_uint_eq(load_get32(bp + 0x218), 0);
	ck_assert_uint_eq(load_get32(bp + 0x21c), 0);
	ck_assert_uint_eq(bp[0x1e8], 4);
	ck_assert_uint_eq(load_get64(bp + 0x2d0 + 60), 0x100000);
	ck_assert_uint_eq(load_get64(bp + 0x2d0 + 68), LU_RAM - 0x100000);
	ck_assert_uint_eq(load_get32(bp + 0x2d0 + 76), 1);
}
END_TEST

START_TEST(bzimage_initrd_lies_high)
{
	static const u8 data[5000] = { 7, 0, 7 };
	const u8 *bp;

	load_util_initrd(&u, data, sizeof(data));
	ck_assert_int_eq(load_util_run(&u), 0);
	bp = u.req.ram + u.res.regs.rsi;
	ck_assert_uint_eq(load_get32(bp + 0x218), LU_RAM - 8192);
	ck_assert_uint_eq(load_get32(bp + 0x21c), sizeof(data));
	ck_assert_mem_eq(u.req.ram + LU_RAM - 8192, data, sizeof(data));

	/* the kernel's own limit, inclusive */
	load_put32(u.req.kernel.data + 0x22c, 0x1ffffff);
	ck_assert_int_eq(load_util_run(&u), 0);
	ck_assert_uint_eq(load_get32(bp + 0x218), (32 << 20) - 8192);
}
END_TEST

START_TEST(bzimage_initrd_that_does_not_fit)
{
	size_t size = 55 << 20;
	void *data = calloc(1, size);

	ck_assert_ptr_nonnull(data);
	load_util_initrd(&u, data, (54 << 20) - 4096);
	ck_assert_int_eq(load_util_run(&u), 0);
	load_util_initrd(&u, data, (54 << 20) + 1);
	assert_error("do not fit");
	load_put32(u.req.kernel.data + 0x22c, 0x1fff);
	load_util_initrd(&u, data, 8193);
	assert_error("do not fit");
	free(data);
}
END_TEST

START_TEST(bzimage_command_line_limits)
{
	char *line = malloc(70001);

	memset(line, 'x', 70000);
	line[70000] = 0;
	u.req.cmdline = line + 70000 - 2047;
	ck_assert_int_eq(load_util_run(&u), 0);
	u.req.cmdline = line + 70000 - 2048;
	assert_error("2048 bytes");
	/* a kernel that claims to take anything */
	load_put32(u.req.kernel.data + 0x238, 0xffffffff);
	u.req.cmdline = line;
	assert_error("70000 bytes");
	/* before 2.06: 255 */
	load_put16(u.req.kernel.data + 0x206, 0x205);
	u.req.cmdline = line + 70000 - 256;
	assert_error("256 bytes");
	free(line);
}
END_TEST

START_TEST(bzimage_refused)
{
	u8 *p = u.req.kernel.data;

	load_put16(p + 0x236, 1);
	assert_error("64-bit");
	load_put16(p + 0x236, 0);
	p[0x211] = 0;
	assert_error("zImage");
	p[0x211] = 1;
	load_put32(p + 0x1f4, CODE_LEN / 16 + 1);
	assert_error("truncated");
	load_put32(p + 0x1f4, CODE_LEN / 16);
	load_put32(p + 0x260, 63 << 20);
	assert_error("--memory");
	load_put32(p + 0x260, 62 << 20);
	ck_assert_int_eq(load_util_run(&u), 0);
	load_put64(p + 0x258, ~0ull);
	assert_error("--memory");
	load_put16(p + 0x206, 0x201);
	assert_error("too old");
}
END_TEST

START_TEST(bzimage_mutants)
{
	ck_assert_uint_gt(load_util_mutate(&u, 0x1f0, 0x290), 100);
	load_util_truncate(&u, 97);
}
END_TEST

START_TEST(random_bytes_are_no_kernel)
{
	u8 data[20000];

	srand(1);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (u8)(rand() >> 7);
		load_util_kernel(&u, data, 1 + rand() % sizeof(data));
		assert_error("not a kernel");
	}
	memcpy(data, "\x1f\x8b\x08\x00", 4);
	load_util_kernel(&u, data, 100);
	assert_error("gzip");
	load_util_kernel(&u, "x", 1);
	assert_error("dir/kernel: not a kernel");
}
END_TEST

START_TEST(files_are_read_whole)
{
	char name[] = "/tmp/umbra-test-XXXXXX";
	char error[LOAD_ERROR_MAX];
	char data[3000];
	struct load_file f;
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(load_file_read(&f, name, 4096, error), -ENODATA);
	ck_assert_ptr_nonnull(strstr(error, "empty"));
	memset(data, 'y', sizeof(data));
	ck_assert_int_eq(write(fd, data, sizeof(data)), sizeof(data));
	ck_assert_int_eq(load_file_read(&f, name, 3000, error), 0);
	ck_assert_uint_eq(f.size, sizeof(data));
	ck_assert_mem_eq(f.data, data, sizeof(data));
	load_file_free(&f);
	ck_assert_int_eq(load_file_read(&f, name, 2999, error), -EFBIG);
	ck_assert_ptr_null(f.data);
	close(fd);
	unlink(name);
	ck_assert_int_eq(load_file_read(&f, name, 4096, error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error, name));
	ck_assert_int_eq(load_file_read(&f, "/", 4096, error), -EISDIR);
	ck_assert_int_eq(load_file_read(&f, "/dev/zero", 1 << 20, error),
			 -EFBIG);
}
END_TEST

Suite *suite_load(void);

Suite *suite_load(void)
{
	Suite *s = suite_create("load");
	TCase *tc = tcase_create("load");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bzimage_entry_state);
	tcase_add_test(tc, bzimage_boot_params);
	tcase_add_test(tc, bzimage_initrd_lies_high);
	tcase_add_test(tc, bzimage_initrd_that_does_not_fit);
	tcase_add_test(tc, bzimage_command_line_limits);
	tcase_add_test(tc, bzimage_refused);
	tcase_add_test(tc, bzimage_mutants);
	tcase_add_test(tc, random_bytes_are_no_kernel);
	tcase_add_test(tc, files_are_read_whole);
	suite_add_tcase(s, tc);
	return s;
}
