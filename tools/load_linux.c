// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_linux.c - loads Linux kernels by the 32-bit boot protocol: bzImage
 * and, with the same boot parameters, ELF vmlinux.
 *
 * Source: Documentation/arch/x86/boot.rst and zero-page.rst of Linux; offsets
 * below are its. The header comes from the file: nothing in it is believed
 * before a check.
 */
#include "load_impl.h"
#include "runtime/log.h"

/* The setup header, offsets in the file and in the zero page alike. */
#define HDR_SETUP_SECTS	   0x1f1
#define HDR_SYSSIZE	   0x1f4
#define HDR_VID_MODE	   0x1fa
#define HDR_BOOT_FLAG	   0x1fe
#define HDR_JUMP_LEN	   0x201 /* the header ends at 0x202 + this */
#define HDR_MAGIC	   0x202
#define HDR_VERSION	   0x206
#define HDR_LOADER	   0x210
#define HDR_LOADFLAGS	   0x211
#define HDR_CODE32_START   0x214
#define HDR_RAMDISK_IMAGE  0x218
#define HDR_RAMDISK_SIZE   0x21c
#define HDR_HEAP_END	   0x224
#define HDR_CMD_LINE	   0x228
#define HDR_INITRD_MAX	   0x22c /* 2.03 */
#define HDR_ALIGNMENT	   0x230 /* 2.05 */
#define HDR_RELOCATABLE	   0x234 /* 2.05 */
#define HDR_XLOADFLAGS	   0x236 /* 2.12 */
#define HDR_CMDLINE_SIZE   0x238 /* 2.06 */
#define HDR_SETUP_DATA	   0x250 /* 2.09 */
#define HDR_PREF_ADDRESS   0x258 /* 2.10 */
#define HDR_INIT_SIZE	   0x260 /* 2.10 */
#define HDR_LIMIT	   0x290 /* other boot_params begin here */

#define BOOT_FLAG	   0xaa55
#define MAGIC_HDRS	   0x53726448u /* "HdrS" */
#define LOADER_UNDEFINED   0xff
#define LOADED_HIGH	   0x01
#define CAN_USE_HEAP	   0x80
#define XLF_KERNEL_64	   0x01
#define VID_MODE_NORMAL	   0xffff
#define INITRD_MAX_OLD	   0x37ffffffu
#define CMDLINE_MAX_OLD	   255u
#define VMLINUX_CMDLINE	   2047u

/* The rest of the zero page. */
#define BP_RSDP		   0x070
#define BP_ALT_MEM_K	   0x1e0
#define BP_E820_NR	   0x1e8
#define BP_E820		   0x2d0
#define BP_E820_MAX	   128
#define BP_EXT_MEM_K	   0x002

#define BZIMAGE_ADDR	   0x100000ull

/* Low memory: GDT page, zero page, command line, in this order. */
#define LOW_GDT		   0
#define LOW_PARAMS	   PAGE_SIZE
#define LOW_CMDLINE	   (2 * PAGE_SIZE)
#define LOW_SIZE(len)	   (LOW_CMDLINE + ALIGN_UP((u64)(len) + 1, PAGE_SIZE))

bool load_is_bzimage(const struct load_file *f)
{
	return f->size >= HDR_LOADER &&
	       load_get16(f->data + HDR_BOOT_FLAG) == BOOT_FLAG &&
	       load_get32(f->data + HDR_MAGIC) == MAGIC_HDRS;
}

static int cmdline_check(const struct load_request *req,
			 struct load_result *res, u64 max)
{
	size_t len = strlen(req->cmdline);

	max = MIN(max, LOAD_CMDLINE_MAX - 1);
	if (len <= max)
		return 0;
	return load_fail(res, "--append",
			 "the command line has %zu bytes, this kernel takes "
			 "%llu at most", len, (unsigned long long)max);
}

void load_boot_params(const struct load_request *req, u64 gpa, u64 cmdline,
		      u64 initrd)
{
	u8 *bp = req->ram + gpa;
	u32 high_k = (u32)((req->ram_size - (1 << 20)) >> 10);
	unsigned n = MIN(req->map_nr, (unsigned)BP_E820_MAX);

	bp[HDR_LOADER] = LOADER_UNDEFINED;
	load_put16(bp + HDR_VID_MODE, VID_MODE_NORMAL);
	load_put32(bp + HDR_CMD_LINE, (u32)cmdline);
	load_put32(bp + HDR_RAMDISK_IMAGE, (u32)initrd);
	load_put32(bp + HDR_RAMDISK_SIZE, initrd ? (u32)req->initrd.size : 0);
	load_put64(bp + BP_RSDP, req->rsdp);
	load_put16(bp + BP_EXT_MEM_K, (u16)MIN(high_k, 0xffffu));
	load_put32(bp + BP_ALT_MEM_K, high_k);
	bp[BP_E820_NR] = (u8)n;
	for (unsigned i = 0; i < n; i++) {
		u8 *e = bp + BP_E820 + 20 * i;

		load_put64(e, req->map[i].addr);
		load_put64(e + 8, req->map[i].len);
		load_put32(e + 16, req->map[i].type);
	}
}

/* GDT, zero page, command line, registers: what both kinds share once the
 * kernel is in place. hdr has the setup header at its offsets, up to end. */
static int linux_enter(const struct load_request *req, struct load_result *res,
		       const struct load_image *img, u64 initrd, const u8 *hdr,
		       size_t end)
{
	u64 low = load_low_find(req, img, LOW_SIZE(strlen(req->cmdline)));

	if (!low)
		return load_fail(res, req->kernel.path, "leaves no room below "
				 "640 KiB for its boot parameters");
	memcpy(req->ram + low + LOW_PARAMS + HDR_SETUP_SECTS,
	       hdr + HDR_SETUP_SECTS, end - HDR_SETUP_SECTS);
	load_boot_params(req, low + LOW_PARAMS, low + LOW_CMDLINE, initrd);
	load_cmdline(req, low + LOW_CMDLINE);
	load_flat_state(req, res, low + LOW_GDT, img->entry);
	res->regs.rsi = low + LOW_PARAMS;
	LOG(LOG_LOAD, "entry %08llx, boot parameters %05llx, command line '%s'",
	    (unsigned long long)img->entry, (unsigned long long)res->regs.rsi,
	    req->cmdline);
	return 0;
}

/* ---- bzImage */

/* The fields that matter, checked or defaulted by protocol version. */
struct bz_header {
	u16 version;
	size_t end;	/* of the header in the file */
	u64 code;	/* file offset of the protected-mode kernel */
	u64 initrd_max; /* last byte an initrd may use */
	u64 cmdline_max;
	u64 run_lo, run_hi; /* memory it unpacks itself into; may be empty */
};

static int bz_sizes(const struct load_request *req, struct load_result *res,
		    struct bz_header *h)
{
	const struct load_file *k = &req->kernel;
	unsigned sects = k->data[HDR_SETUP_SECTS];

	h->end = HDR_MAGIC + k->data[HDR_JUMP_LEN];
	h->end = MIN(h->end, (size_t)HDR_LIMIT);
	h->code = ((sects ? sects : 4) + 1) * 512ull;
	if (h->code >= k->size || h->end > k->size ||
	    (h->version >= 0x204 &&
	     load_get32(k->data + HDR_SYSSIZE) * 16ull > k->size - h->code))
		return load_fail(res, k->path, "truncated: the file is "
				 "shorter than its header says");
	if (h->end < HDR_INITRD_MAX ||
	    (h->version >= 0x20a && h->end < HDR_INIT_SIZE + 4))
		return load_fail(res, k->path, "damaged: its setup header is "
				 "too short for protocol %u.%02u",
				 h->version >> 8, h->version & 255);
	return 0;
}

static int bz_header(const struct load_request *req, struct load_result *res,
		     struct bz_header *h)
{
	const struct load_file *k = &req->kernel;
	const u8 *p = k->data;
	int err;

	*h = (struct bz_header){ .version = load_get16(p + HDR_VERSION),
				 .initrd_max = INITRD_MAX_OLD,
				 .cmdline_max = CMDLINE_MAX_OLD };
	if (h->version < 0x202)
		return load_fail(res, k->path, "too old: boot protocol %u.%02u, "
				 "2.02 is needed",
				 h->version >> 8, h->version & 255);
	err = bz_sizes(req, res, h);
	if (err)
		return err;
	if (!(p[HDR_LOADFLAGS] & LOADED_HIGH))
		return load_fail(res, k->path, "a zImage, loaded low: give a "
				 "bzImage");
	if (h->version >= 0x203)
		h->initrd_max = load_get32(p + HDR_INITRD_MAX);
	if (h->version >= 0x206)
		h->cmdline_max = load_get32(p + HDR_CMDLINE_SIZE);
	if (h->version >= 0x20c &&
	    (load_get16(p + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return load_fail(res, k->path, "a 64-bit kernel: only i386 "
				 "kernels run so far");
	return 0;
}

/* Where the kernel will unpack itself: at its preferred address or, if it was
 * loaded above that, at its load address (init_size counts from there). */
static int bz_run_range(const struct load_request *req,
			struct load_result *res, struct bz_header *h)
{
	const u8 *p = req->kernel.data;

	if (h->version < 0x20a)
		return 0;
	h->run_lo = MAX(load_get64(p + HDR_PREF_ADDRESS), BZIMAGE_ADDR);
	h->run_hi = h->run_lo + load_get32(p + HDR_INIT_SIZE);
	if (h->run_hi >= h->run_lo && h->run_hi <= req->ram_size)
		return 0;
	return load_fail(res, req->kernel.path,
			 "needs %llu MiB to unpack itself, the guest has %llu: "
			 "give more with --memory",
			 (unsigned long long)(h->run_hi >> 20) + 1,
			 (unsigned long long)(req->ram_size >> 20));
}

int load_bzimage(const struct load_request *req, struct load_result *res)
{
	const struct load_file *k = &req->kernel;
	struct load_image img = { .entry = BZIMAGE_ADDR };
	struct bz_header h;
	u8 hdr[HDR_LIMIT] = { 0 };
	u64 initrd;
	int err;

	res->kind = LOAD_BZIMAGE;
	err = bz_header(req, res, &h);
	if (!err)
		err = cmdline_check(req, res, h.cmdline_max);
	if (!err)
		err = bz_run_range(req, res, &h);
	if (!err)
		err = load_segment(req, res, &img, BZIMAGE_ADDR, h.code,
				   k->size - h.code, k->size - h.code);
	if (err)
		return err;
	if (h.run_hi > h.run_lo) {
		img.seg[img.nr].lo = h.run_lo;
		img.seg[img.nr++].hi = h.run_hi;
	}
	err = load_initrd_place(req, res, &img, h.initrd_max + 1, &initrd);
	if (err)
		return err;
	memcpy(hdr + HDR_SETUP_SECTS, k->data + HDR_SETUP_SECTS,
	       h.end - HDR_SETUP_SECTS);
	hdr[HDR_LOADFLAGS] |= CAN_USE_HEAP;
	load_put16(hdr + HDR_HEAP_END, 0xfe00);
	load_put32(hdr + HDR_CODE32_START, BZIMAGE_ADDR);
	/* a file's own list of setup_data would be pointers into our RAM */
	if (h.end >= HDR_SETUP_DATA + 8)
		load_put64(hdr + HDR_SETUP_DATA, 0);
	return linux_enter(req, res, &img, initrd, hdr, h.end);
}

/* ---- ELF vmlinux: the header is ours to write */

int load_vmlinux(const struct load_request *req, struct load_result *res)
{
	struct load_image img = { 0 };
	u8 hdr[HDR_LIMIT] = { 0 };
	u64 initrd;
	int err;

	res->kind = LOAD_ELF;
	err = cmdline_check(req, res, VMLINUX_CMDLINE);
	if (!err)
		err = load_elf_image(req, res, &img);
	if (!err)
		err = load_initrd_place(req, res, &img, INITRD_MAX_OLD + 1ull,
					&initrd);
	if (err)
		return err;
	load_put16(hdr + HDR_BOOT_FLAG, BOOT_FLAG);
	load_put32(hdr + HDR_MAGIC, MAGIC_HDRS);
	load_put16(hdr + HDR_VERSION, 0x20f);
	hdr[HDR_LOADFLAGS] = LOADED_HIGH;
	load_put32(hdr + HDR_CODE32_START, (u32)img.entry);
	load_put32(hdr + HDR_INITRD_MAX, INITRD_MAX_OLD);
	load_put32(hdr + HDR_CMDLINE_SIZE, VMLINUX_CMDLINE);
	return linux_enter(req, res, &img, initrd, hdr, sizeof(hdr));
}
