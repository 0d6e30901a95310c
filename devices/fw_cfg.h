/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg.h - the firmware configuration device of virtual machines.
 *
 * Interface: QEMU's docs/specs/fw_cfg, port form without DMA: a 16-bit
 * selector at 510h and a byte stream at 511h. Reading beyond an item's end
 * gives zeros. The board adds items; their data stays the board's.
 */
#ifndef UMBRA_DEVICES_FW_CFG_H
#define UMBRA_DEVICES_FW_CFG_H

#include "bus.h"
#include "state.h"

#define FW_CFG_SIGNATURE  0x00
#define FW_CFG_ID	  0x01
#define FW_CFG_RAM_SIZE	  0x03
#define FW_CFG_NB_CPUS	  0x05
#define FW_CFG_MAX_CPUS	  0x0f
#define FW_CFG_FILE_DIR	  0x19
#define FW_CFG_FILE_FIRST 0x20
#define FW_CFG_MAX_FILES  16
#define FW_CFG_NAME	  56

struct fw_cfg_item {
	const u8 *data;
	u32 len;
};

struct fw_cfg {
	u16 selector;
	u32 offset; /* of the next byte to read */
	u8 id[4];
	u8 ram_size[8];
	u8 nb_cpus[2];
	u8 dir[4 + FW_CFG_MAX_FILES * 64];
	int files;
	struct fw_cfg_item item[FW_CFG_FILE_FIRST + FW_CFG_MAX_FILES];
};

extern const struct bus_ops fw_cfg_ops; /* ports 510h, 511h */

void fw_cfg_init(struct fw_cfg *fw, u64 ram_size, u16 cpus);
void fw_cfg_reset(struct fw_cfg *fw);

/* Adds a named file; -ENOSPC when there are FW_CFG_MAX_FILES already. */
int fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data,
		    u32 len);

void fw_cfg_state(struct fw_cfg *fw, struct state *s);

#endif
