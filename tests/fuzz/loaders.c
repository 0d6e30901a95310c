// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * loaders.c - fuzz target: kernel images of any content through the loaders.
 *
 * The input is a header (see request_read()) and the image, which goes on
 * behind it with as many zero bytes as the header says, so that a few
 * hundred bytes are enough for an image that loads. What has to hold: nothing
 * but usable RAM is written; an error is one line; who is entered lies in RAM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "tools/load.h"

#define RAM_SIZE  (32ul << 20)
#define KEEP_LO	  0x9fc00ul /* reserved, and full of ... */
#define KEEP_HI	  0x100000ul
#define KEEP	  0xa5
#define IMAGE_MAX 0x40000ul
#define MB_MAGIC  0x1badb002u
#define MB_SEARCH 8192

static struct {
	u64 loaded[3], refused, initrds;
} seen;

FUZZ_AT_EXIT void report(void)
{
	fprintf(stderr,
		"loaders: loaded %llu bzImages, %llu ELF and %llu Multiboot "
		"kernels, %llu with an initrd; %llu refused\n",
		(unsigned long long)seen.loaded[LOAD_BZIMAGE],
		(unsigned long long)seen.loaded[LOAD_ELF],
		(unsigned long long)seen.loaded[LOAD_MULTIBOOT],
		(unsigned long long)seen.initrds,
		(unsigned long long)seen.refused);
}

static const struct load_range ram_map[] = {
	{ 0, KEEP_LO, 1 },
	{ KEEP_LO, KEEP_HI - KEEP_LO, 2 },
	{ KEEP_HI, RAM_SIZE - KEEP_HI, 1 },
};

/* RAM between pages that nobody may touch; zero but for the reserved part. */
static u8 *ram_get(void)
{
	static u8 *ram;

	if (!ram) {
		ram = mmap(NULL, RAM_SIZE + 2 * PAGE_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		must(ram != MAP_FAILED, "no memory for RAM");
		ram += PAGE_SIZE;
		must(!mprotect(ram, RAM_SIZE, PROT_READ | PROT_WRITE),
		     "no memory for RAM");
	}
	must(!madvise(ram, RAM_SIZE, MADV_DONTNEED), "madvise");
	memset(ram + KEEP_LO, KEEP, KEEP_HI - KEEP_LO);
	return ram;
}

/* A block of just that size, so that the sanitizer knows where it ends. */
static void file_make(struct load_file *f, const char *path, const u8 *data,
		      size_t len, size_t size)
{
	f->path = path;
	f->size = size;
	f->data = calloc(1, size ? size : 1);
	must(f->data, "out of memory");
	if (len)
		memcpy(f->data, data, len);
}

/* A mutation hardly ever finds a checksum: put the right one there. */
static void checksum_fix(struct load_file *f)
{
	for (size_t i = 0; i + 12 <= MIN(f->size, (size_t)MB_SEARCH); i += 4) {
		u32 magic, flags, sum;

		memcpy(&magic, f->data + i, 4);
		memcpy(&flags, f->data + i + 4, 4);
		if (magic != MB_MAGIC)
			continue;
		sum = -(magic + flags);
		memcpy(f->data + i + 8, &sum, 4);
	}
}

static char *cmdline_make(struct fuzz_in *f, u8 bits)
{
	size_t len = bits & 1 ? fuzz_u16(f) : bits & 2 ? fuzz_u8(f) : 13;
	char *s = malloc(len + 1);

	must(s, "out of memory");
	memset(s, 'a', len);
	s[len] = 0;
	return s;
}

static void judge(const struct load_request *req, const struct load_result *res,
		  int err)
{
	size_t len = strnlen(res->error, sizeof(res->error));

	must(req->ram[KEEP_LO] == KEEP &&
		     !memcmp(req->ram + KEEP_LO, req->ram + KEEP_LO + 1,
			     KEEP_HI - KEEP_LO - 1),
	     "reserved memory was written");
	if (err) {
		must(err == -EINVAL && len > 10 && len < sizeof(res->error) &&
			     !strchr(res->error, '\n'),
		     "error %d: '%.*s'", err, (int)len, res->error);
		seen.refused++;
		return;
	}
	must(res->regs.rip < RAM_SIZE && res->sregs.gdt.base < KEEP_LO &&
		     res->regs.rsi < RAM_SIZE && res->regs.rbx < RAM_SIZE,
	     "entered outside RAM");
	must(res->kind <= LOAD_ELF, "kind %d", res->kind);
	seen.loaded[res->kind]++;
	seen.initrds += req->initrd.data != NULL;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in f = { data, data + size };
	struct load_result res;
	u8 bits = fuzz_u8(&f);
	size_t more = (size_t)fuzz_u8(&f) << (bits >> 4 & 7);
	char *cmdline = cmdline_make(&f, bits);
	struct load_request req = {
		.cmdline = cmdline,
		.ram = ram_get(),
		.ram_size = RAM_SIZE,
		.map = ram_map,
		.map_nr = ARRAY_SIZE(ram_map),
		.rsdp = bits & 0x80 ? 0xe0000 : 0,
	};

	if (bits & 4)
		file_make(&req.initrd, "dir/initrd", NULL, 0,
			  (size_t)fuzz_u16(&f) << (bits & 0x40 ? 6 : 0));
	file_make(&req.kernel, "dir/kernel", f.p, fuzz_left(&f),
		  MIN(fuzz_left(&f) + more, IMAGE_MAX));
	if (bits & 8)
		checksum_fix(&req.kernel);
	judge(&req, &res, load_kernel(&req, &res));
	free(req.kernel.data);
	free(req.initrd.data);
	free(cmdline);
	return 0;
}
