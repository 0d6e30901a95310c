/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aml.h - writes ACPI Machine Language: names, integers, packages, devices
 * and resource templates.
 *
 * Source: ACPI 6.4, 20.2 (grammar) and 6.4 (resource descriptors). Objects
 * that contain others are opened and closed; packages lengths always take
 * the three-byte form, so that nothing moves when one is closed. When the
 * buffer is full the writer says so (overflow) and writes no more.
 */
#ifndef UMBRA_DEVICES_AML_H
#define UMBRA_DEVICES_AML_H

#include "runtime/base.h"

struct aml {
	u8 *buf;
	size_t cap;
	size_t len;
	bool overflow;
};

/* What an open object needs to be closed. */
struct aml_mark {
	size_t length_at; /* of its PkgLength */
	size_t size_at;	  /* of a buffer's size, 0: not a buffer */
};

/* names: four characters; scopes may be paths like "\\_SB_". */
struct aml_mark aml_scope(struct aml *a, const char *path);
struct aml_mark aml_device(struct aml *a, const char *name);
struct aml_mark aml_name_package(struct aml *a, const char *name, u8 count);
struct aml_mark aml_package(struct aml *a, u8 count);
struct aml_mark aml_name_resources(struct aml *a, const char *name);
void aml_close(struct aml *a, struct aml_mark mark);

void aml_int(struct aml *a, u64 val);
void aml_name_int(struct aml *a, const char *name, u64 val);
void aml_name_string(struct aml *a, const char *name, const char *s);

/* _HID as a compressed EISA id, such as "PNP0A03". */
void aml_hid(struct aml *a, const char *id);

/* Resource descriptors, inside aml_name_resources(). */
void aml_res_io(struct aml *a, u16 port, u8 count);
void aml_res_irq(struct aml *a, int irq);
void aml_res_mem32(struct aml *a, u32 base, u32 len);

/* Windows that a bridge passes on. */
void aml_res_bus_window(struct aml *a, u16 first, u16 last);
void aml_res_io_window(struct aml *a, u16 first, u16 last);
void aml_res_mem_window(struct aml *a, u32 first, u32 last, bool cacheable);

#endif
