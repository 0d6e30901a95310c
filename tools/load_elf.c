// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_elf.c - puts the PT_LOAD segments of a 32-bit x86 ELF file at their
 * physical addresses. libelf reads the headers; ranges are checked here.
 */
#include <gelf.h>
#include <libelf.h>

#include "load_impl.h"

bool load_is_elf(const struct load_file *f)
{
	return f->size >= SELFMAG && !memcmp(f->data, ELFMAG, SELFMAG);
}

static int elf_check(const struct load_request *req, struct load_result *res,
		     const GElf_Ehdr *eh)
{
	const char *path = req->kernel.path;

	if (eh->e_ident[EI_CLASS] == ELFCLASS64)
		return load_fail(res, path, "a 64-bit ELF file: only i386 "
				 "kernels run so far");
	if (eh->e_ident[EI_CLASS] != ELFCLASS32 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_386)
		return load_fail(res, path, "an ELF file, but not for i386");
	if (eh->e_type != ET_EXEC)
		return load_fail(res, path, "an ELF file, but not an "
				 "executable at fixed addresses (ET_EXEC)");
	return 0;
}

static int elf_segments(const struct load_request *req,
			struct load_result *res, struct load_image *img,
			Elf *elf)
{
	const char *path = req->kernel.path;
	size_t n;

	if (elf_getphdrnum(elf, &n) || !n)
		return load_fail(res, path, "damaged: no program headers");
	if (n > LOAD_SEGS_MAX)
		return load_fail(res, path, "damaged: more than %d program "
				 "headers", LOAD_SEGS_MAX);
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		int err;

		if (!gelf_getphdr(elf, (int)i, &ph))
			return load_fail(res, path, "truncated: a program "
					 "header lies outside the file");
		if (ph.p_type != PT_LOAD)
			continue;
		err = load_segment(req, res, img, ph.p_paddr, ph.p_offset,
				   ph.p_filesz, ph.p_memsz);
		if (err)
			return err;
	}
	if (!load_image_hits(img, img->entry, img->entry + 1))
		return load_fail(res, path, "damaged: its entry 0x%llx is in no "
				 "segment", (unsigned long long)img->entry);
	return 0;
}

/* vmlinux gives a physical entry; kernels linked high may give a virtual one,
 * which is found through the segment that holds it. */
static u64 elf_entry(Elf *elf, const GElf_Ehdr *eh)
{
	GElf_Phdr ph;

	for (int i = 0; i < LOAD_SEGS_MAX && gelf_getphdr(elf, i, &ph); i++) {
		if (ph.p_type == PT_LOAD && eh->e_entry >= ph.p_paddr &&
		    eh->e_entry - ph.p_paddr < ph.p_memsz)
			return eh->e_entry;
	}
	for (int i = 0; i < LOAD_SEGS_MAX && gelf_getphdr(elf, i, &ph); i++) {
		if (ph.p_type == PT_LOAD && eh->e_entry >= ph.p_vaddr &&
		    eh->e_entry - ph.p_vaddr < ph.p_memsz)
			return ph.p_paddr + (eh->e_entry - ph.p_vaddr);
	}
	return eh->e_entry;
}

int load_elf_image(const struct load_request *req, struct load_result *res,
		   struct load_image *img)
{
	const struct load_file *k = &req->kernel;
	GElf_Ehdr eh;
	Elf *elf;
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return load_fail(res, k->path, "libelf is too old");
	elf = elf_memory((char *)k->data, k->size);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh)) {
		elf_end(elf);
		return load_fail(res, k->path, "truncated or damaged: its ELF "
				 "header cannot be read");
	}
	err = elf_check(req, res, &eh);
	if (!err) {
		img->entry = elf_entry(elf, &eh);
		err = elf_segments(req, res, img, elf);
	}
	elf_end(elf);
	return err;
}
