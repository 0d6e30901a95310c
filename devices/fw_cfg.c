// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fw_cfg.c - the firmware configuration device. See fw_cfg.h.
 */
#include <stdio.h>
#include <string.h>

#include "fw_cfg.h"

#define FW_CFG_DIR_ENTRY 64	/* size, selector, reserved, name */
#define FW_CFG_WRITE	 0x4000 /* selector flag: item to be written */
#define FW_CFG_ID_PORTS	 0x01	/* the port interface, no DMA */

static u8 fw_cfg_next_byte(struct fw_cfg *fw)
{
	const struct fw_cfg_item *item;

	if (fw->selector >= ARRAY_SIZE(fw->item))
		return 0;
	item = &fw->item[fw->selector];
	return fw->offset < item->len ? item->data[fw->offset++] : 0;
}

static u64 fw_cfg_read(void *opaque, u64 addr, unsigned size)
{
	struct fw_cfg *fw = opaque;

	if (!(addr & 1)) /* 510h: the selector cannot be read */
		return size == 2 ? 0 : 0xff;
	return fw_cfg_next_byte(fw);
}

static void fw_cfg_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct fw_cfg *fw = opaque;

	if ((addr & 1) || size != 2)
		return;
	fw->selector = val & ~FW_CFG_WRITE;
	fw->offset = 0;
}

const struct bus_ops fw_cfg_ops = {fw_cfg_read, fw_cfg_write, 2};

static void fw_cfg_set(struct fw_cfg *fw, u16 selector, const void *data,
		       u32 len)
{
	fw->item[selector] = (struct fw_cfg_item){data, len};
}

static void fw_cfg_put_le(u8 *p, u64 v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = v >> i * 8 & 0xff;
}

static void fw_cfg_put_be(u8 *p, u64 v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = v >> (bytes - 1 - i) * 8 & 0xff;
}

int fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data,
		    u32 len)
{
	u8 *entry = fw->dir + 4 + fw->files * FW_CFG_DIR_ENTRY;
	u16 selector = FW_CFG_FILE_FIRST + fw->files;

	if (fw->files == FW_CFG_MAX_FILES)
		return -ENOSPC;
	must(strlen(name) < FW_CFG_NAME, "fw_cfg name is too long");
	fw_cfg_put_be(entry, len, 4);
	fw_cfg_put_be(entry + 4, selector, 2);
	memcpy(entry + 8, name, strlen(name));
	fw_cfg_set(fw, selector, data, len);
	fw->files++;
	fw_cfg_put_be(fw->dir, fw->files, 4);
	fw_cfg_set(fw, FW_CFG_FILE_DIR, fw->dir,
		   4 + fw->files * FW_CFG_DIR_ENTRY);
	return 0;
}

void fw_cfg_reset(struct fw_cfg *fw)
{
	fw->selector = 0;
	fw->offset = 0;
}

void fw_cfg_init(struct fw_cfg *fw, u64 ram_size, u16 cpus)
{
	memset(fw, 0, sizeof(*fw));
	fw_cfg_put_le(fw->id, FW_CFG_ID_PORTS, 4);
	fw_cfg_put_le(fw->ram_size, ram_size, 8);
	fw_cfg_put_le(fw->nb_cpus, cpus, 2);
	fw_cfg_set(fw, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_set(fw, FW_CFG_ID, fw->id, 4);
	fw_cfg_set(fw, FW_CFG_RAM_SIZE, fw->ram_size, 8);
	fw_cfg_set(fw, FW_CFG_NB_CPUS, fw->nb_cpus, 2);
	fw_cfg_set(fw, FW_CFG_MAX_CPUS, fw->nb_cpus, 2);
	fw_cfg_set(fw, FW_CFG_FILE_DIR, fw->dir, 4);
}

void fw_cfg_state(struct fw_cfg *fw, struct state *s)
{
	if (!state_begin(s, "FWCF", 1))
		return;
	STATE(s, fw->selector);
	STATE(s, fw->offset);
	state_end(s);
}
