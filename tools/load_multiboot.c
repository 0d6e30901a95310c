// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_multiboot.c - loads kernels by the Multiboot specification 0.6.96:
 * by ELF program headers or by the header's address fields; gives memory
 * sizes, memory map, command line, loader name and the initrd as module 1.
 */
#include "load_impl.h"
#include "runtime/log.h"

#define MB_SEARCH	 8192
#define MB_MAGIC	 0x1badb002u
#define MB_BOOTED	 0x2badb002u
#define MB_ADDRESS	 (1u << 16) /* header: the address fields are valid */
#define MB_UNDERSTOOD	 0x7u	    /* page align, memory, video mode */
#define MB_MUST		 0xffffu

/* The information structure (section 3.3). */
#define MBI_FLAGS	 0
#define MBI_MEM_LOWER	 4
#define MBI_MEM_UPPER	 8
#define MBI_CMDLINE	 16
#define MBI_MODS_NR	 20
#define MBI_MODS	 24
#define MBI_MMAP_LEN	 44
#define MBI_MMAP	 48
#define MBI_LOADER	 64
#define MBI_HAS		 (1u << 0 | 1u << 2 | 1u << 6 | 1u << 9)
#define MBI_HAS_MODS	 (1u << 3)

/* Low memory: GDT, information, module, loader name and map in one page,
 * then the command line. */
#define LOW_GDT		 0x000
#define LOW_INFO	 0x040
#define LOW_MODULE	 0x0c0
#define LOW_LOADER	 0x0e0
#define LOW_NAME	 0x100
#define LOW_NAME_MAX	 0x100
#define LOW_MMAP	 0x200
#define LOW_MMAP_MAX	 ((PAGE_SIZE - LOW_MMAP) / 24)
#define LOW_CMDLINE	 PAGE_SIZE
#define MB_CMDLINE_MAX	 4095u

/* Offset of the header in the file, or -1. */
static long mb_find(const struct load_file *f)
{
	size_t end = MIN(f->size, (size_t)MB_SEARCH);

	for (size_t i = 0; i + 12 <= end; i += 4) {
		const u8 *p = f->data + i;

		if (load_get32(p) == MB_MAGIC &&
		    !(u32)(MB_MAGIC + load_get32(p + 4) + load_get32(p + 8)))
			return (long)i;
	}
	return -1;
}

bool load_is_multiboot(const struct load_file *f)
{
	return mb_find(f) >= 0;
}

/* Section 3.1.3: load_addr is where the byte at file offset
 * header - (header_addr - load_addr) goes. */
static int mb_load_fields(const struct load_request *req,
			  struct load_result *res, struct load_image *img,
			  size_t header)
{
	const struct load_file *k = &req->kernel;
	const u8 *p = k->data + header;
	u64 header_addr, load_addr, load_end, bss_end, skip, filesz, memsz;

	if (header + 32 > k->size)
		return load_fail(res, k->path, "truncated: its Multiboot "
				 "header is cut off");
	header_addr = load_get32(p + 12);
	load_addr = load_get32(p + 16);
	load_end = load_get32(p + 20);
	bss_end = load_get32(p + 24);
	img->entry = load_get32(p + 28);
	skip = header_addr - load_addr;
	if (load_addr > header_addr || skip > header)
		return load_fail(res, k->path, "damaged: its Multiboot load "
				 "address is outside the file");
	filesz = k->size - (header - skip);
	if (load_end) {
		if (load_end < load_addr || load_end - load_addr > filesz)
			return load_fail(res, k->path, "truncated or damaged: "
					 "its Multiboot load end is outside "
					 "the file");
		filesz = load_end - load_addr;
	}
	memsz = filesz;
	if (bss_end > load_addr + filesz)
		memsz = bss_end - load_addr;
	if (img->entry < load_addr || img->entry - load_addr >= memsz)
		return load_fail(res, k->path, "damaged: its Multiboot entry "
				 "is outside the image");
	return load_segment(req, res, img, load_addr, header - skip, filesz,
			    memsz);
}

static int mb_load_image(const struct load_request *req,
			 struct load_result *res, struct load_image *img)
{
	long header = mb_find(&req->kernel);
	u32 flags = load_get32(req->kernel.data + header + 4);

	if (flags & MB_MUST & ~MB_UNDERSTOOD)
		return load_fail(res, req->kernel.path,
				 "wants Multiboot features that do not exist "
				 "here (flags 0x%x)", flags);
	if (flags & MB_ADDRESS)
		return mb_load_fields(req, res, img, (size_t)header);
	if (!load_is_elf(&req->kernel))
		return load_fail(res, req->kernel.path, "a Multiboot image "
				 "that is neither ELF nor gives load "
				 "addresses");
	return load_elf_image(req, res, img);
}

/* The module follows the kernel directly: small kernels map little more. */
static int mb_module(const struct load_request *req, struct load_result *res,
		     const struct load_image *img, u64 *gpa)
{
	u64 addr = MAX(ALIGN_UP(load_image_end(img), PAGE_SIZE), 1ull << 20);

	*gpa = 0;
	if (!req->initrd.data)
		return 0;
	if (!load_is_ram(req, addr, req->initrd.size))
		return load_fail(res, req->initrd.path,
				 "its %zu KiB do not fit behind the kernel in "
				 "%llu MiB: give more with --memory",
				 (req->initrd.size + 1023) >> 10,
				 (unsigned long long)(req->ram_size >> 20));
	memcpy(req->ram + addr, req->initrd.data, req->initrd.size);
	*gpa = addr;
	return 0;
}

static void mb_info_module(const struct load_request *req, u64 low, u64 module)
{
	u8 *info = req->ram + low + LOW_INFO;
	u8 *mod = req->ram + low + LOW_MODULE;
	const char *name = strrchr(req->initrd.path, '/');
	u64 end = module + req->initrd.size;

	name = name ? name + 1 : req->initrd.path;
	load_put32(info + MBI_FLAGS, MBI_HAS | MBI_HAS_MODS);
	load_put32(info + MBI_MODS_NR, 1);
	load_put32(info + MBI_MODS, (u32)(low + LOW_MODULE));
	load_put32(mod, (u32)module);
	load_put32(mod + 4, (u32)end);
	load_put32(mod + 8, (u32)(low + LOW_NAME));
	strncpy((char *)req->ram + low + LOW_NAME, name, LOW_NAME_MAX - 1);
}

static void mb_info(const struct load_request *req, u64 low, u64 module)
{
	u8 *info = req->ram + low + LOW_INFO;
	unsigned n = MIN(req->map_nr, (unsigned)LOW_MMAP_MAX);

	load_put32(info + MBI_FLAGS, MBI_HAS);
	load_put32(info + MBI_MEM_LOWER, 639);
	load_put32(info + MBI_MEM_UPPER,
		   (u32)((req->ram_size - (1 << 20)) >> 10));
	load_put32(info + MBI_CMDLINE, (u32)(low + LOW_CMDLINE));
	load_put32(info + MBI_LOADER, (u32)(low + LOW_LOADER));
	load_put32(info + MBI_MMAP, (u32)(low + LOW_MMAP));
	load_put32(info + MBI_MMAP_LEN, 24 * n);
	strcpy((char *)req->ram + low + LOW_LOADER, "Umbra");
	for (unsigned i = 0; i < n; i++) {
		u8 *e = req->ram + low + LOW_MMAP + 24 * i;

		load_put32(e, 20); /* of the rest */
		load_put64(e + 4, req->map[i].addr);
		load_put64(e + 12, req->map[i].len);
		load_put32(e + 20, req->map[i].type);
	}
	if (module)
		mb_info_module(req, low, module);
	load_cmdline(req, low + LOW_CMDLINE);
}

int load_multiboot(const struct load_request *req, struct load_result *res)
{
	struct load_image img = { 0 };
	size_t len = strlen(req->cmdline);
	u64 low, module;
	int err;

	res->kind = LOAD_MULTIBOOT;
	if (len > MB_CMDLINE_MAX)
		return load_fail(res, "--append",
				 "the command line has %zu bytes, %u is the "
				 "most", len, MB_CMDLINE_MAX);
	err = mb_load_image(req, res, &img);
	if (!err)
		err = mb_module(req, res, &img, &module);
	if (err)
		return err;
	low = load_low_find(req, &img, LOW_CMDLINE + PAGE_SIZE);
	if (!low)
		return load_fail(res, req->kernel.path, "leaves no room below "
				 "640 KiB for the Multiboot information");
	mb_info(req, low, module);
	load_flat_state(req, res, low + LOW_GDT, img.entry);
	res->regs.rax = MB_BOOTED;
	res->regs.rbx = low + LOW_INFO;
	LOG(LOG_LOAD, "Multiboot entry %08llx, information %05llx",
	    (unsigned long long)img.entry, (unsigned long long)res->regs.rbx);
	return 0;
}
