// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - recognises a kernel and gives the loaders their common tools. See
 * load.h for the contract, load_impl.h for the tools.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load_impl.h"
#include "runtime/log.h"

/* ---- files */

static int PRINTF_LIKE(4, 5)
file_fail(char error[LOAD_ERROR_MAX], int err, const char *path,
	  const char *fmt, ...)
{
	int used = snprintf(error, LOAD_ERROR_MAX, "%.160s: ", path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error + used, LOAD_ERROR_MAX - used, fmt, ap);
	va_end(ap);
	return err;
}

/* Grows by doubling, since a pipe does not tell its length. */
static int file_read_all(int fd, struct load_file *f, u64 max)
{
	struct stat st;
	size_t room = 1 << 16;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		room = MIN((u64)st.st_size, max) + 1;
	for (;;) {
		u8 *data = realloc(f->data, room);
		ssize_t n;

		if (!data)
			return -ENOMEM;
		f->data = data;
		n = read(fd, data + f->size, room - f->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		f->size += n;
		if (f->size > max)
			return -EFBIG;
		if (f->size == room)
			room *= 2;
	}
}

int load_file_read(struct load_file *f, const char *path, u64 max,
		   char error[LOAD_ERROR_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int err;

	*f = (struct load_file){ .path = path };
	if (fd < 0)
		return file_fail(error, -errno, path, "cannot open: %s",
				 strerror(errno));
	err = file_read_all(fd, f, max);
	close(fd);
	if (!err && !f->size)
		err = -ENODATA;
	if (!err)
		return 0;
	load_file_free(f);
	if (err == -ENODATA)
		return file_fail(error, err, path, "the file is empty");
	if (err == -EFBIG)
		return file_fail(error, err, path,
				 "larger than the guest's memory of %llu MiB: "
				 "give more with --memory",
				 (unsigned long long)(max >> 20));
	return file_fail(error, err, path, "cannot read: %s", strerror(-err));
}

void load_file_free(struct load_file *f)
{
	free(f->data);
	f->data = NULL;
	f->size = 0;
}

/* ---- checked access to guest RAM */

int load_fail(struct load_result *res, const char *path, const char *fmt, ...)
{
	int used = snprintf(res->error, sizeof(res->error), "%.160s: ", path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->error + used, sizeof(res->error) - used, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

bool load_is_ram(const struct load_request *req, u64 addr, u64 len)
{
	if (addr > req->ram_size || len > req->ram_size - addr)
		return false;
	for (unsigned i = 0; i < req->map_nr; i++) {
		const struct load_range *r = &req->map[i];

		if (r->type == 1 && addr >= r->addr && len <= r->len &&
		    addr - r->addr <= r->len - len)
			return true;
	}
	return false;
}

static u64 image_bytes(const struct load_image *img)
{
	u64 sum = 0;

	for (unsigned i = 0; i < img->nr; i++)
		sum += img->seg[i].hi - img->seg[i].lo;
	return sum;
}

int load_segment(const struct load_request *req, struct load_result *res,
		 struct load_image *img, u64 addr, u64 offset, u64 filesz,
		 u64 memsz)
{
	const struct load_file *k = &req->kernel;

	if (!memsz)
		return 0;
	if (filesz > memsz)
		return load_fail(res, k->path, "damaged: a segment has more "
				 "bytes in the file than in memory");
	if (offset > k->size || filesz > k->size - offset)
		return load_fail(res, k->path, "truncated: a segment lies "
				 "outside the file");
	if (!load_is_ram(req, addr, memsz))
		return load_fail(res, k->path,
				 "its segment 0x%llx..0x%llx is not in the "
				 "guest's memory of %llu MiB: give more with "
				 "--memory",
				 (unsigned long long)addr,
				 (unsigned long long)(addr + memsz - 1),
				 (unsigned long long)(req->ram_size >> 20));
	if (img->nr == LOAD_SEGS_MAX)
		return load_fail(res, k->path, "damaged: more than %d segments",
				 LOAD_SEGS_MAX);
	img->seg[img->nr].lo = addr;
	img->seg[img->nr].hi = addr + memsz;
	img->nr++;
	/* bounds the copying that overlapping segments can ask for */
	if (image_bytes(img) > req->ram_size)
		return load_fail(res, k->path, "damaged: its segments overlap");
	memcpy(req->ram + addr, k->data + offset, filesz);
	LOG(LOG_LOAD, "segment %08llx..%08llx, %llu bytes of file",
	    (unsigned long long)addr, (unsigned long long)(addr + memsz),
	    (unsigned long long)filesz);
	return 0;
}

bool load_image_hits(const struct load_image *img, u64 lo, u64 hi)
{
	for (unsigned i = 0; i < img->nr; i++) {
		if (lo < img->seg[i].hi && hi > img->seg[i].lo)
			return true;
	}
	return false;
}

u64 load_image_end(const struct load_image *img)
{
	u64 end = 0;

	for (unsigned i = 0; i < img->nr; i++)
		end = MAX(end, img->seg[i].hi);
	return end;
}

u64 load_low_find(const struct load_request *req, const struct load_image *img,
		  u64 size)
{
	for (u64 a = LOAD_LOW_FIRST; a + size <= LOAD_LOW_END; a += PAGE_SIZE) {
		if (load_is_ram(req, a, size) &&
		    !load_image_hits(img, a, a + size))
			return a;
	}
	return 0;
}

void load_cmdline(const struct load_request *req, u64 gpa)
{
	memcpy(req->ram + gpa, req->cmdline, strlen(req->cmdline) + 1);
}

int load_initrd_place(const struct load_request *req, struct load_result *res,
		      const struct load_image *img, u64 limit, u64 *gpa)
{
	u64 end = MIN(req->ram_size, limit) & PAGE_MASK;
	u64 size = ALIGN_UP((u64)req->initrd.size, PAGE_SIZE);
	u64 addr;

	*gpa = 0;
	if (!req->initrd.data)
		return 0;
	if (size <= end) {
		addr = end - size;
		if (load_is_ram(req, addr, size) &&
		    !load_image_hits(img, addr, end)) {
			memcpy(req->ram + addr, req->initrd.data,
			       req->initrd.size);
			LOG(LOG_LOAD, "initrd %08llx..%08llx",
			    (unsigned long long)addr,
			    (unsigned long long)(addr + req->initrd.size));
			*gpa = addr;
			return 0;
		}
	}
	return load_fail(res, req->initrd.path,
			 "its %llu KiB do not fit beside the kernel in %llu "
			 "MiB: give more with --memory",
			 (unsigned long long)(size >> 10),
			 (unsigned long long)(req->ram_size >> 20));
}

/* ---- the entry state */

static void flat_segment(struct umbra_segment *s, u16 selector, u8 type)
{
	*s = (struct umbra_segment){
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};
}

void load_flat_state(const struct load_request *req, struct load_result *res,
		     u64 gdt, u64 entry)
{
	struct umbra_sregs *s = &res->sregs;
	u8 *table = req->ram + gdt;

	/* base 0, limit 4 GiB, 32-bit, present, accessed: as loaded below */
	load_put64(table, 0);
	load_put64(table + 8, 0);
	load_put64(table + LOAD_SEL_CS, 0x00cf9b000000ffffull);
	load_put64(table + LOAD_SEL_DS, 0x00cf93000000ffffull);

	*s = (struct umbra_sregs){ .cr0 = 0x11 /* PE, ET */ };
	s->gdt.base = gdt;
	s->gdt.limit = LOAD_GDT_SIZE - 1;
	s->idt.limit = 0; /* any exception before the kernel's IDT: reset */
	flat_segment(&s->cs, LOAD_SEL_CS, 0xb);
	flat_segment(&s->ds, LOAD_SEL_DS, 0x3);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = (struct umbra_segment){ .limit = 0xffff, .type = 11,
					.present = 1 };
	s->ldt = (struct umbra_segment){ .limit = 0xffff, .type = 2,
					 .present = 1 };
	res->regs = (struct umbra_regs){ .rip = entry, .rflags = 2 };
}

/* BIOS data area: where a kernel looks for COM1, the EBDA, low memory. */
static void load_bda(const struct load_request *req)
{
	load_put16(req->ram + 0x400, 0x3f8);
	load_put16(req->ram + 0x40e, 0x9fc0);
	load_put16(req->ram + 0x413, 639);
}

static int load_refuse(const struct load_request *req, struct load_result *res)
{
	static const struct {
		u8 magic[4];
		const char *what;
	} packed[] = {
		{ { 0x1f, 0x8b, 8, 0 }, "gzip" },
		{ { 0xfd, '7', 'z', 'X' }, "xz" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, "zstd" },
		{ { 'B', 'Z', 'h', '9' }, "bzip2" },
	};
	const struct load_file *k = &req->kernel;

	for (unsigned i = 0; i < ARRAY_SIZE(packed); i++) {
		if (k->size > 4 && !memcmp(k->data, packed[i].magic, 3))
			return load_fail(res, k->path, "compressed with %s: "
					 "unpack it first", packed[i].what);
	}
	return load_fail(res, k->path, "not a kernel: give a Linux bzImage, a "
			 "32-bit ELF vmlinux or a Multiboot 1 image");
}

int load_kernel(const struct load_request *req, struct load_result *res)
{
	const struct load_file *k = &req->kernel;

	must(req->ram_size >= 2 << 20, "no room for a guest's low memory");
	*res = (struct load_result){ 0 };
	load_bda(req);
	if (load_is_multiboot(k))
		return load_multiboot(req, res);
	if (load_is_bzimage(k))
		return load_bzimage(req, res);
	if (load_is_elf(k))
		return load_vmlinux(req, res);
	return load_refuse(req, res);
}
