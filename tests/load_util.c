// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_util.c - see load_util.h.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "load_util.h"

#define CANARY_LO 0x9fc00
#define CANARY_HI 0x100000
#define CANARY	  0xa5

static const struct load_range lu_map[] = {
	{ 0, CANARY_LO, 1 },
	{ CANARY_LO, 0x400, 2 },
	{ 0xe0000, 0x20000, 2 },
	{ CANARY_HI, LU_RAM - CANARY_HI, 1 },
};

void load_util_init(struct load_util *u)
{
	*u = (struct load_util){ 0 };
	u->map = mmap(NULL, LU_RAM + 2 * PAGE_SIZE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert(u->map != MAP_FAILED);
	u->req.ram = u->map + PAGE_SIZE;
	ck_assert_int_eq(mprotect(u->req.ram, LU_RAM, PROT_READ | PROT_WRITE),
			 0);
	memset(u->req.ram + CANARY_LO, CANARY, CANARY_HI - CANARY_LO);
	u->req.ram_size = LU_RAM;
	u->req.map = lu_map;
	u->req.map_nr = ARRAY_SIZE(lu_map);
	u->req.cmdline = "console=ttyS0";
	u->req.rsdp = 0xe0000;
}

void load_util_fini(struct load_util *u)
{
	load_file_free(&u->req.kernel);
	load_file_free(&u->req.initrd);
	munmap(u->map, LU_RAM + 2 * PAGE_SIZE);
}

static void lu_file(struct load_file *f, const char *path, const void *data,
		    size_t size)
{
	load_file_free(f);
	f->path = path;
	f->data = malloc(size ? size : 1);
	ck_assert_ptr_nonnull(f->data);
	memcpy(f->data, data, size);
	f->size = size;
}

void load_util_kernel(struct load_util *u, const void *data, size_t size)
{
	lu_file(&u->req.kernel, "dir/kernel", data, size);
}

void load_util_initrd(struct load_util *u, const void *data, size_t size)
{
	lu_file(&u->req.initrd, "dir/initrd", data, size);
}

int load_util_run(struct load_util *u)
{
	int err = load_kernel(&u->req, &u->res);

	/* plain conditions: each ck_assert costs a write, and mutants are many */
	if (u->req.ram[CANARY_LO] != CANARY ||
	    memcmp(u->req.ram + CANARY_LO, u->req.ram + CANARY_LO + 1,
		   CANARY_HI - CANARY_LO - 1))
		ck_abort_msg("the loader wrote to reserved memory");
	if (err && (strlen(u->res.error) < 10 || strchr(u->res.error, '\n')))
		ck_abort_msg("not one line: '%s'", u->res.error);
	if (!err && (u->res.regs.rip >= LU_RAM ||
		     u->res.sregs.gdt.base >= CANARY_LO))
		ck_abort_msg("the entry state is not in RAM");
	return err;
}

unsigned load_util_mutate(struct load_util *u, size_t first, size_t last)
{
	static const u32 values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fffffff,
				      0x80000000, 0xffff0000, 0xffffffff };
	unsigned loaded = 0;

	for (size_t i = first; i <= last; i++) {
		size_t width = MIN(u->req.kernel.size - i, (size_t)4);
		u8 *p = u->req.kernel.data + i;
		u8 old[4];

		memcpy(old, p, width);
		for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
			memcpy(p, &values[v], values[v] > 0xff ? width : 1);
			loaded += !load_util_run(u);
			memcpy(p, old, width);
		}
	}
	return loaded;
}

void load_util_truncate(struct load_util *u, size_t step)
{
	struct load_file whole = u->req.kernel;

	u->req.kernel.data = NULL;
	for (size_t n = 1; n < whole.size; n += step) {
		load_util_kernel(u, whole.data, n);
		ck_assert_msg(load_util_run(u) != 0, "%zu bytes of %zu loaded",
			      n, whole.size);
	}
	load_file_free(&u->req.kernel);
	u->req.kernel = whole;
}
