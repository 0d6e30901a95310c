/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h - puts a kernel, its initrd and command line into guest RAM and
 * says in which state the CPU must start.
 *
 * Files are hostile: every length and address in them is checked. The
 * loaders write nothing but guest RAM inside the usable ranges of the memory
 * map, and expect that RAM to read as zero.
 */
#ifndef UMBRA_LOAD_H
#define UMBRA_LOAD_H

#include "runtime/base.h"
#include "runtime/umbra.h"

#define LOAD_ERROR_MAX 320

/* A file in memory. data is NULL where no file was asked for. */
struct load_file {
	const char *path; /* for messages; the caller's */
	u8 *data;
	size_t size;
};

/* Reads a whole file (or pipe) of at most max bytes. 0, or -errno with a line
 * in error. load_file_free() releases it. */
int load_file_read(struct load_file *f, const char *path, u64 max,
		   char error[LOAD_ERROR_MAX]);
void load_file_free(struct load_file *f);

/* A line of the memory map, type as in E820 (1: usable RAM). */
struct load_range {
	u64 addr, len;
	u32 type;
};

struct load_request {
	struct load_file kernel, initrd;
	const char *cmdline; /* "" for none */
	u8 *ram;	     /* gpa 0; linear */
	u64 ram_size;	     /* 16 MiB to 3 GiB */
	const struct load_range *map;
	unsigned map_nr;
	u64 rsdp; /* gpa of the ACPI root pointer, 0: the guest searches */
};

enum load_kind { LOAD_MULTIBOOT, LOAD_BZIMAGE, LOAD_ELF };

struct load_result {
	enum load_kind kind;
	struct umbra_regs regs;
	struct umbra_sregs sregs;
	char error[LOAD_ERROR_MAX]; /* one line, begins with the file */
};

/* Recognises the kernel and loads it. 0, or -EINVAL with res->error. */
int load_kernel(const struct load_request *req, struct load_result *res);

#endif
