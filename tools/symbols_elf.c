// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols_elf.c - the symbols of an i386 ELF file (vmlinux, a bare guest), by
 * libelf. See symbols.h for the contract.
 */
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols_impl.h"

#define SECTIONS_MAX 65536u

static int elf_check(Elf *elf, const char *path, char *error)
{
	GElf_Ehdr eh;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return symbols_fail(error, path, "a damaged ELF file");
	if (eh.e_ident[EI_CLASS] != ELFCLASS32 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_386)
		return symbols_fail(error, path, "an ELF file, but not for "
						 "i386");
	return 0;
}

static unsigned sym_rank(const GElf_Sym *sym)
{
	if (GELF_ST_TYPE(sym->st_info) != STT_FUNC &&
	    GELF_ST_TYPE(sym->st_info) != STT_NOTYPE)
		return RANK_DATA;
	switch (GELF_ST_BIND(sym->st_info)) {
	case STB_GLOBAL:
		return RANK_CODE;
	case STB_WEAK:
		return RANK_WEAK_CODE;
	}
	return RANK_LOCAL_CODE;
}

/* Section and file names, constants and what is elsewhere are no places. */
static bool sym_is_place(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return sym->st_value && sym->st_value <= UINT32_MAX &&
	       sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
	       sym->st_shndx != SHN_COMMON &&
	       (type == STT_FUNC || type == STT_NOTYPE || type == STT_OBJECT);
}

static int elf_symbol(struct symbols *s, const GElf_Sym *sym,
		      const Elf_Data *strings)
{
	u32 size = (u32)MIN(sym->st_size, (u64)UINT32_MAX);
	const char *name;

	if (!sym_is_place(sym) || sym->st_name >= strings->d_size)
		return 0;
	name = (const char *)strings->d_buf + sym->st_name;
	return symbols_add(s, (u32)sym->st_value, size, sym_rank(sym), name,
			   strnlen(name, strings->d_size - sym->st_name));
}

/* The strings of the section that sh_link names; NULL: there are none. */
static Elf_Data *elf_strings(Elf *elf, const GElf_Shdr *sh)
{
	Elf_Scn *scn = elf_getscn(elf, sh->sh_link);
	GElf_Shdr str;

	if (!scn || !gelf_getshdr(scn, &str) || str.sh_type != SHT_STRTAB ||
	    str.sh_size > SYMBOLS_FILE_MAX)
		return NULL;
	return elf_getdata(scn, NULL);
}

static int elf_table(struct symbols *s, Elf *elf, Elf_Scn *scn,
		     const GElf_Shdr *sh, const char *path, char *error)
{
	Elf_Data *data, *strings = elf_strings(elf, sh);
	int err = 0;

	if (sh->sh_size > SYMBOLS_FILE_MAX)
		return symbols_fail(error, path, "a symbol table of more than "
				    "%llu MiB", SYMBOLS_FILE_MAX >> 20);
	data = elf_getdata(scn, NULL);
	if (!data || !strings || !data->d_buf || !strings->d_buf)
		return symbols_fail(error, path, "a damaged symbol table");
	for (int i = 0; err != -ENOMEM && err != -E2BIG; i++) {
		GElf_Sym sym;

		if (!gelf_getsym(data, i, &sym))
			return 0;
		err = elf_symbol(s, &sym, strings);
	}
	if (err == -E2BIG)
		return symbols_fail(error, path, "more than %u symbols",
				    SYMBOLS_MAX);
	return symbols_fail(error, path, "out of memory");
}

/* The first section of the type. 0 also if there is none. */
static int elf_section(struct symbols *s, Elf *elf, u32 type, const char *path,
		       char *error)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	for (unsigned i = 0; i < SECTIONS_MAX; i++) {
		scn = elf_nextscn(elf, scn);
		if (!scn)
			return 0;
		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			return elf_table(s, elf, scn, &sh, path, error);
	}
	return 0;
}

int symbols_read_elf(struct symbols *s, int fd, const char *path,
		     char error[SYMBOLS_ERROR_MAX])
{
	Elf *elf;
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return symbols_fail(error, path, "libelf is too old");
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return symbols_fail(error, path, "a damaged ELF file");
	err = elf_check(elf, path, error);
	if (!err)
		err = elf_section(s, elf, SHT_SYMTAB, path, error);
	if (!err && !s->n)
		err = elf_section(s, elf, SHT_DYNSYM, path, error);
	elf_end(elf);
	return err;
}
