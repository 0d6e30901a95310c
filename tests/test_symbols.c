// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_symbols.c - symbol files of both kinds: what is found, and that no
 * file, however broken, does more than give one line.
 */
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/symbols.h"

/* Not on a disk, which is slow for thousands of files. */
static char path[40];
static int fd;
static char error[SYMBOLS_ERROR_MAX];
static struct symbols *s;

static void setup(void)
{
	fd = memfd_create("symbols", 0);
	ck_assert_int_ge(fd, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	s = NULL;
	error[0] = 0;
}

static void teardown(void)
{
	symbols_free(s);
	close(fd);
}

static int load(const void *data, size_t size)
{
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(pwrite(fd, data, size, 0), (ssize_t)size);
	symbols_free(s);
	s = NULL;
	return symbols_load(&s, path, error);
}

static int load_text(const char *text)
{
	return load(text, strlen(text));
}

static void check_at(u64 addr, const char *name, u32 offset)
{
	u32 off = 77;
	const char *got = symbols_lookup(s, addr, &off);

	if (!name) {
		ck_assert_msg(!got, "%lx is %s", addr, got);
		return;
	}
	ck_assert_msg(got, "%lx is nothing, not %s", addr, name);
	ck_assert_str_eq(got, name);
	ck_assert_uint_eq(off, offset);
}

static void check_refused(const char *text, const char *why)
{
	ck_assert_int_lt(load_text(text), 0);
	ck_assert_msg(strstr(error, why), "'%s' lacks '%s'", error, why);
	ck_assert_ptr_nonnull(strstr(error, path));
	ck_assert_ptr_null(strchr(error, '\n'));
}

/* --- lists */

START_TEST(list_is_looked_up)
{
	ck_assert_int_eq(load_text("c1000040 t local_one\n"
				   "c1000010 T first\n"
				   "c1000100 T last\n"
				   "c8000000 t in_module\t[ext4]\n"
				   "00000000 A zero\n"
				   "c1000080 D datum\n"), 0);
	ck_assert_uint_eq(symbols_count(s), 5);
	check_at(0xc100000f, NULL, 0);
	check_at(0xc1000010, "first", 0);
	check_at(0xc100003f, "first", 0x2f);
	check_at(0xc1000040, "local_one", 0);
	check_at(0xc1000081, "datum", 1);
	check_at(0xc1000100 + SYMBOLS_REACH - 1, "last", SYMBOLS_REACH - 1);
	check_at(0xc1000100 + SYMBOLS_REACH, NULL, 0);
	check_at(0xc8000000, "in_module", 0);
	check_at(1ull << 32, NULL, 0);
	check_at(0x1c1000010, NULL, 0);
}
END_TEST

START_TEST(of_several_the_best_name_is_told)
{
	ck_assert_int_eq(load_text("c0000000 D d\nc0000000 t l\n"
				   "c0000000 W w\nc0000000 T code\n"
				   "c0000000 T alias\n"
				   "c0000010 d d2\nc0000010 t l2\n"), 0);
	check_at(0xc0000004, "code", 4);
	check_at(0xc0000010, "l2", 0);
}
END_TEST

START_TEST(names_are_found)
{
	u32 start;
	u64 end;

	ck_assert_int_eq(load_text("1000 T a\n1000 T same\n1040 t b\n"
				   "fffffff0 T top\n"), 0);
	ck_assert(symbols_find(s, "a", &start, &end));
	ck_assert_uint_eq(start, 0x1000);
	ck_assert_uint_eq(end, 0x1040);
	ck_assert(symbols_find(s, "same", &start, &end));
	ck_assert_uint_eq(end, 0x1040);
	ck_assert(symbols_find(s, "top", &start, &end));
	ck_assert_uint_eq(end, 1ull << 32);
	ck_assert(!symbols_find(s, "none", &start, &end));
	ck_assert(!symbols_find(NULL, "a", &start, &end));
	check_at(0xffffffff, "top", 15);
}
END_TEST

START_TEST(other_lines_are_taken_or_left)
{
	char line[400];

	/* 16 digits, no newline at the end, carriage returns, empty lines */
	ck_assert_int_eq(load_text("00000000c0000000 T wide\r\n\n"
				   "c0000010 T end"), 0);
	check_at(0xc0000000, "wide", 0);
	check_at(0xc0000010, "end", 0);
	/* names too long or not printable are left out */
	snprintf(line, sizeof(line), "1000 T %0*d\n2000 T x\n3000 T \x01\x02\n",
		 SYMBOLS_NAME_MAX + 1, 7);
	ck_assert_int_eq(load_text(line), 0);
	ck_assert_uint_eq(symbols_count(s), 1);
	snprintf(line, sizeof(line), "1000 T %0*d\n", SYMBOLS_NAME_MAX, 7);
	ck_assert_int_eq(load_text(line), 0);
	ck_assert_uint_eq(symbols_count(s), 1);
}
END_TEST

START_TEST(bad_lists_are_one_line)
{
	check_refused("", "no symbols");
	check_refused("ffffffff B The real System.map is in the package\n",
		      "line 1 is no symbol");
	check_refused("c0000000 T a\nrubbish\n", "line 2 is no symbol");
	check_refused("c0000000 T\n", "line 1");
	check_refused("c0000000 T \n", "line 1");
	check_refused("c0000000 ! a\n", "line 1");
	check_refused("00000000c00000000 T a\n", "line 1");
	check_refused("c0000000 t a\tnot a module\n", "line 1");
	check_refused("ffffffff81000000 T _text\n", "beyond 4 GiB");
	check_refused("00000000 T a\n00000000 t b\n", "kptr_restrict");
}
END_TEST

START_TEST(files_that_are_none)
{
	char fifo[40];

	ck_assert_int_lt(symbols_load(&s, "/nonexistent/x", error), 0);
	ck_assert_ptr_nonnull(strstr(error, "cannot open"));
	ck_assert_int_lt(symbols_load(&s, "/tmp", error), 0);
	ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
	ck_assert_int_lt(symbols_load(&s, "/dev/zero", error), 0);
	ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
	snprintf(fifo, sizeof(fifo), "/tmp/umbra-fifo-%d", getpid());
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_lt(symbols_load(&s, fifo, error), 0);
	unlink(fifo);
	ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
}
END_TEST

/* --- ELF: section 1 the symbols, 2 the strings, 3 nothing */

#define NSYM 6
struct image {
	Elf32_Ehdr eh;
	Elf32_Sym sym[NSYM];
	char str[64];
	Elf32_Shdr sh[3];
};

static void image_init(struct image *m)
{
	static const char str[] = "\0func\0weak\0obj\0abs\0sect";

	*m = (struct image){
		.eh = { .e_type = ET_EXEC, .e_machine = EM_386,
			.e_version = EV_CURRENT,
			.e_shoff = offsetof(struct image, sh),
			.e_ehsize = sizeof(Elf32_Ehdr),
			.e_shentsize = sizeof(Elf32_Shdr), .e_shnum = 3 },
		.sym = { { 0 },
			 { 1, 0xc0001000, 0x20, ELF32_ST_INFO(1, STT_FUNC), 0,
			   1 },
			 { 6, 0xc0001000, 0x20, ELF32_ST_INFO(2, STT_FUNC), 0,
			   1 },
			 { 11, 0xc0002000, 8, ELF32_ST_INFO(0, STT_OBJECT), 0,
			   1 },
			 { 15, 0x1234, 0, ELF32_ST_INFO(1, STT_NOTYPE), 0,
			   SHN_ABS },
			 { 19, 0xc0001000, 0, ELF32_ST_INFO(0, STT_SECTION), 0,
			   1 } },
		.sh = { { 0 },
			{ .sh_type = SHT_SYMTAB,
			  .sh_offset = offsetof(struct image, sym),
			  .sh_size = sizeof(m->sym), .sh_link = 2,
			  .sh_entsize = sizeof(Elf32_Sym) },
			{ .sh_type = SHT_STRTAB,
			  .sh_offset = offsetof(struct image, str),
			  .sh_size = sizeof(m->str) } },
	};
	memcpy(m->eh.e_ident, ELFMAG, SELFMAG);
	m->eh.e_ident[EI_CLASS] = ELFCLASS32;
	m->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	m->eh.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(m->str, str, sizeof(str));
}

START_TEST(elf_is_looked_up)
{
	struct image m;

	image_init(&m);
	ck_assert_int_eq(load(&m, sizeof(m)), 0);
	ck_assert_uint_eq(symbols_count(s), 3);
	check_at(0xc0001000, "func", 0);
	check_at(0xc000101f, "func", 0x1f);
	check_at(0xc0001020, NULL, 0); /* sizes are known here */
	check_at(0xc0002007, "obj", 7);
	check_at(0x1234, NULL, 0);
	m.sh[1].sh_type = SHT_DYNSYM; /* stripped: what the linker needs */
	ck_assert_int_eq(load(&m, sizeof(m)), 0);
	check_at(0xc0001000, "func", 0);
}
END_TEST

START_TEST(bad_elf_is_one_line)
{
	struct image m;

	image_init(&m);
	m.eh.e_machine = EM_X86_64;
	ck_assert_int_lt(load(&m, sizeof(m)), 0);
	ck_assert_ptr_nonnull(strstr(error, "not for i386"));
	image_init(&m);
	m.eh.e_ident[EI_CLASS] = ELFCLASS64;
	ck_assert_int_lt(load(&m, sizeof(m)), 0);
	image_init(&m);
	m.sh[1].sh_type = SHT_PROGBITS;
	ck_assert_int_lt(load(&m, sizeof(m)), 0);
	ck_assert_ptr_nonnull(strstr(error, "no symbols"));
	image_init(&m);
	m.sh[1].sh_link = 1; /* strings that are none */
	ck_assert_int_lt(load(&m, sizeof(m)), 0);
	ck_assert_ptr_nonnull(strstr(error, "damaged"));
	image_init(&m);
	m.sh[1].sh_size = 0xfffffff0;
	ck_assert_int_lt(load(&m, sizeof(m)), 0);
	image_init(&m);
	m.sym[1].st_name = 0xffffffff; /* others are still told */
	ck_assert_int_eq(load(&m, sizeof(m)), 0);
	ck_assert_uint_eq(symbols_count(s), 2);
	image_init(&m);
	memset(m.str + 1, 'x', sizeof(m.str) - 1); /* no end */
	ck_assert_int_eq(load(&m, sizeof(m)), 0);
	check_at(0xc0002000, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			     "xxxxx", 0);
}
END_TEST

/* Every byte of the image is hostile, every prefix of it is a file. */
START_TEST(mutants_are_harmless)
{
	static const u8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct image m, good;
	u8 *p = (u8 *)&m;
	unsigned loaded = 0, off;

	image_init(&good);
	for (unsigned i = 0; i < sizeof(m); i++) {
		m = good;
		for (unsigned k = 0; k < ARRAY_SIZE(values); k++) {
			p[i] = values[k];
			loaded += !load(&m, sizeof(m));
			symbols_lookup(s, 0xc0001004, &off);
			ck_assert_ptr_null(strchr(error, '\n'));
		}
	}
	ck_assert_uint_gt(loaded, 100);
	for (unsigned n = 0; n < sizeof(m); n++)
		ck_assert_int_lt(load(&good, n), 0);
}
END_TEST

Suite *suite_symbols(void);

Suite *suite_symbols(void)
{
	Suite *suite = suite_create("symbols");
	TCase *tc = tcase_create("symbols");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, list_is_looked_up);
	tcase_add_test(tc, of_several_the_best_name_is_told);
	tcase_add_test(tc, names_are_found);
	tcase_add_test(tc, other_lines_are_taken_or_left);
	tcase_add_test(tc, bad_lists_are_one_line);
	tcase_add_test(tc, files_that_are_none);
	tcase_add_test(tc, elf_is_looked_up);
	tcase_add_test(tc, bad_elf_is_one_line);
	tcase_add_test(tc, mutants_are_harmless);
	suite_add_tcase(suite, tc);
	return suite;
}
