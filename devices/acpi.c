// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * acpi.c - the ACPI tables. See acpi.h for the contract and source.
 */
#include <string.h>

#include "acpi.h"
#include "acpi_pm.h"
#include "aml.h"
#include "ioapic.h"
#include "lapic.h"
#include "pci_host.h"

#define PACKED __attribute__((packed))

struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 checksum_all;
	u8 reserved[3];
} PACKED;

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} PACKED;

struct acpi_gas { /* generic address */
	u8 space;
	u8 bits;
	u8 offset;
	u8 access;
	u64 address;
} PACKED;
#define GAS_IO	  1
#define GAS_BYTE  1 /* access sizes */
#define GAS_WORD  2
#define GAS_DWORD 3

struct acpi_fadt { /* revision 3 */
	struct acpi_header h;
	u32 facs;
	u32 dsdt;
	u8 reserved0;
	u8 pm_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr;
	u32 gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 c2_latency, c3_latency;
	u16 flush_size, flush_stride;
	u8 duty_offset, duty_width;
	u8 day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u8 reserved2[3];
	u64 x_facs;
	u64 x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1;
} PACKED;
static_assert(sizeof(struct acpi_fadt) == 244, "FADT revision 3");

#define FADT_WBINVD	 (1u << 0)
#define FADT_PROC_C1	 (1u << 2)
#define FADT_SLP_BUTTON	 (1u << 5) /* no fixed sleep button */
#define FADT_FIX_RTC	 (1u << 6) /* RTC wake is not a fixed register's */
#define FADT_TMR_VAL_EXT (1u << 8) /* the PM timer has 32 bits */
#define FADT_RESET_REG	 (1u << 10)

#define BOOT_LEGACY 0x0001 /* ISA devices; no i8042 to look for (bit 1) */
#define BOOT_NO_VGA 0x0004

#define FADT_C2_NONE 0x0fff /* latencies too long: the state is absent */
#define FADT_C3_NONE 0x0fff

#define RESET_PORT  0xcf9
#define RESET_VALUE 0x06

struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} PACKED;
static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct madt {
	struct acpi_header h;
	u32 lapic;
	u32 flags;
} PACKED;
#define MADT_PCAT_COMPAT 1 /* there is an 8259 pair as well */

struct madt_lapic {
	u8 type, length, processor, apic_id;
	u32 flags;
} PACKED;
#define MADT_LAPIC	   0
#define MADT_LAPIC_ENABLED 1

struct madt_ioapic {
	u8 type, length, id, reserved;
	u32 address, gsi_base;
} PACKED;
#define MADT_IOAPIC 1

struct madt_override {
	u8 type, length, bus, irq;
	u32 gsi;
	u16 flags;
} PACKED;
#define MADT_OVERRIDE	2
#define MADT_HIGH_LEVEL 0x000d /* active high, level triggered */

struct madt_lapic_nmi {
	u8 type, length, processor;
	u16 flags;
	u8 lint;
} PACKED;
#define MADT_LAPIC_NMI	    4
#define MADT_ALL_PROCESSORS 0xff

/* The space being filled. */
struct acpi_space {
	u8 *mem;
	size_t cap;
	size_t used;
	u32 gpa;
};

/* Room for a table, zeroed; NULL when there is none. */
static void *acpi_alloc(struct acpi_space *sp, size_t len, size_t align)
{
	size_t at = ALIGN_UP(sp->used, align);

	if (at > sp->cap || len > sp->cap - at)
		return NULL;
	sp->used = at + len;
	return memset(sp->mem + at, 0, len);
}

static u32 acpi_gpa(const struct acpi_space *sp, const void *p)
{
	return sp->gpa + (u32)((const u8 *)p - sp->mem);
}

static u8 acpi_checksum(const void *p, size_t len)
{
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += ((const u8 *)p)[i];
	return -sum;
}

/* Everything else in the table must be final. */
static void acpi_finish(struct acpi_header *h, const char *signature,
			u8 revision, size_t len)
{
	memcpy(h->signature, signature, 4);
	h->length = len;
	h->revision = revision;
	memcpy(h->oem_id, "UMBRA ", 6);
	memcpy(h->oem_table_id, "UMBRAPC ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "UMBR", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = acpi_checksum(h, len);
}

/*
 * Interrupt routing: device and pin to a fixed GSI, the one that the PIIX3's
 * PIRQ registers hold after reset; ISA irqs, so it is right with the 8259s
 * as well.
 */
static void acpi_prt(struct aml *a)
{
	struct aml_mark prt = aml_name_package(a, "_PRT", 31 * 4);

	for (int dev = 1; dev < 32; dev++) {
		for (int pin = 0; pin < 4; pin++) {
			struct aml_mark entry = aml_package(a, 4);

			aml_int(a, (u64)dev << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, pci_pirq(dev, pin) & 1 ? 11 : 10);
			aml_close(a, entry);
		}
	}
	aml_close(a, prt);
}

struct acpi_isa_device {
	const char *name;
	const char *hid;
	struct {
		u16 port;
		u8 count;
	} io[6];
	int irq; /* -1: none */
};

static const struct acpi_isa_device acpi_isa_devices[] = {
	{"RTC_", "PNP0B00", {{0x70, 2}}, 8},
	{"TIMR", "PNP0100", {{0x40, 4}}, 0},
	{"PIC_", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2},
	{"FPU_", "PNP0C04", {{0xf0, 2}}, 13},
	{"SPKR", "PNP0800", {{0x61, 1}}, -1},
	{"COM1", "PNP0501", {{0x3f8, 8}}, 4},
	{"SYSR",
	 "PNP0C02",
	 {{0x80, 16}, {0x92, 1}, {0x510, 2}, {ACPI_PM_PORT, ACPI_PM_PORTS}},
	 -1},
};

static void acpi_isa_device(struct aml *a, const struct acpi_isa_device *d)
{
	struct aml_mark dev = aml_device(a, d->name);
	struct aml_mark crs;

	aml_hid(a, d->hid);
	aml_name_int(a, "_UID", 1);
	aml_name_int(a, "_STA", 0x0f); /* present, enabled, shown, working */
	crs = aml_name_resources(a, "_CRS");
	for (size_t i = 0; i < ARRAY_SIZE(d->io) && d->io[i].count; i++)
		aml_res_io(a, d->io[i].port, d->io[i].count);
	if (d->irq >= 0)
		aml_res_irq(a, d->irq);
	aml_close(a, crs);
	aml_close(a, dev);
}

static void acpi_pci_root(struct aml *a, const struct acpi_config *cfg)
{
	struct aml_mark root = aml_device(a, "PCI0");
	struct aml_mark crs, isa;

	aml_hid(a, "PNP0A03");
	aml_name_int(a, "_ADR", 0);
	aml_name_int(a, "_UID", 0);
	crs = aml_name_resources(a, "_CRS");
	aml_res_bus_window(a, 0x00, 0xff);
	aml_res_io(a, 0xcf8, 8); /* its own registers */
	aml_res_io_window(a, 0x0000, 0x0cf7);
	aml_res_io_window(a, 0x0d00, 0xffff);
	aml_res_mem_window(a, 0xa0000, 0xbffff, true);
	aml_res_mem_window(a, cfg->pci_mem_first, cfg->pci_mem_last, false);
	aml_close(a, crs);
	acpi_prt(a);
	isa = aml_device(a, "ISA_");
	aml_name_int(a, "_ADR", 0x00010000);
	for (size_t i = 0; i < ARRAY_SIZE(acpi_isa_devices); i++)
		acpi_isa_device(a, &acpi_isa_devices[i]);
	aml_close(a, isa);
	aml_close(a, root);
}

static void acpi_chipset_memory(struct aml *a)
{
	struct aml_mark dev = aml_device(a, "MEMR");
	struct aml_mark crs;

	aml_hid(a, "PNP0C02");
	aml_name_int(a, "_UID", 2);
	crs = aml_name_resources(a, "_CRS");
	aml_res_mem32(a, IOAPIC_BASE, IOAPIC_SIZE);
	aml_res_mem32(a, LAPIC_DEFAULT_BASE, LAPIC_SIZE);
	aml_close(a, crs);
	aml_close(a, dev);
}

static struct acpi_header *acpi_dsdt(struct acpi_space *sp,
				     const struct acpi_config *cfg)
{
	struct acpi_header *h = acpi_alloc(sp, sizeof(*h), 16);
	struct aml a = {0};
	struct aml_mark mark;

	if (!h)
		return NULL;
	a.buf = (u8 *)(h + 1);
	a.cap = sp->cap - sp->used;
	mark = aml_scope(&a, "\\_SB_");
	acpi_pci_root(&a, cfg);
	acpi_chipset_memory(&a);
	aml_close(&a, mark);
	mark = aml_name_package(&a, "_S5_", 4);
	aml_int(&a, ACPI_SLP_TYP_S5); /* for PM1a, PM1b; two reserved */
	aml_int(&a, ACPI_SLP_TYP_S5);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_close(&a, mark);
	if (a.overflow)
		return NULL;
	sp->used += a.len;
	acpi_finish(h, "DSDT", 1, sizeof(*h) + a.len);
	return h;
}

static struct acpi_gas acpi_io_gas(u16 port, u8 bits, u8 access)
{
	return (struct acpi_gas){GAS_IO, bits, 0, access, port};
}

static struct acpi_header *acpi_fadt(struct acpi_space *sp, u32 facs, u32 dsdt)
{
	struct acpi_fadt *f = acpi_alloc(sp, sizeof(*f), 16);

	if (!f)
		return NULL;
	f->facs = facs;
	f->dsdt = dsdt;
	f->x_dsdt = dsdt;
	f->sci_int = ACPI_SCI_IRQ;
	f->pm1a_evt = ACPI_PM1_EVT;
	f->pm1a_cnt = ACPI_PM1_CNT;
	f->pm_tmr = ACPI_PM_TMR;
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm_tmr_len = 4;
	f->c2_latency = FADT_C2_NONE;
	f->c3_latency = FADT_C3_NONE;
	f->century = 0x32;
	f->boot_arch = BOOT_LEGACY | BOOT_NO_VGA;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		   FADT_TMR_VAL_EXT | FADT_RESET_REG;
	f->reset_reg = acpi_io_gas(RESET_PORT, 8, GAS_BYTE);
	f->reset_value = RESET_VALUE;
	f->x_pm1a_evt = acpi_io_gas(ACPI_PM1_EVT, 32, GAS_WORD);
	f->x_pm1a_cnt = acpi_io_gas(ACPI_PM1_CNT, 16, GAS_WORD);
	f->x_pm_tmr = acpi_io_gas(ACPI_PM_TMR, 32, GAS_DWORD);
	acpi_finish(&f->h, "FACP", 3, sizeof(*f));
	return &f->h;
}

static bool acpi_madt_override(struct acpi_space *sp, u8 irq, u32 gsi,
			       u16 flags)
{
	struct madt_override *o = acpi_alloc(sp, sizeof(*o), 1);

	if (o)
		*o = (struct madt_override){MADT_OVERRIDE, sizeof(*o), 0,
					    irq,	   gsi,	       flags};
	return o;
}

static struct acpi_header *acpi_madt(struct acpi_space *sp, int cpus)
{
	struct madt *m = acpi_alloc(sp, sizeof(*m), 16);
	struct madt_ioapic *io;
	struct madt_lapic_nmi *nmi;

	if (!m)
		return NULL;
	m->lapic = LAPIC_DEFAULT_BASE;
	m->flags = MADT_PCAT_COMPAT;
	for (int i = 0; i < cpus; i++) {
		struct madt_lapic *l = acpi_alloc(sp, sizeof(*l), 1);

		if (!l)
			return NULL;
		*l = (struct madt_lapic){MADT_LAPIC, sizeof(*l), i, i,
					 MADT_LAPIC_ENABLED};
	}
	io = acpi_alloc(sp, sizeof(*io), 1);
	if (!io)
		return NULL;
	*io = (struct madt_ioapic){MADT_IOAPIC, sizeof(*io), 0,
				   0,		IOAPIC_BASE, 0};
	if (!acpi_madt_override(sp, 0, 2, 0) ||
	    !acpi_madt_override(sp, ACPI_SCI_IRQ, ACPI_SCI_IRQ,
				MADT_HIGH_LEVEL) ||
	    !acpi_madt_override(sp, 10, 10, MADT_HIGH_LEVEL) ||
	    !acpi_madt_override(sp, 11, 11, MADT_HIGH_LEVEL))
		return NULL;
	nmi = acpi_alloc(sp, sizeof(*nmi), 1);
	if (!nmi)
		return NULL;
	*nmi = (struct madt_lapic_nmi){MADT_LAPIC_NMI, sizeof(*nmi),
				       MADT_ALL_PROCESSORS, 0, 1};
	acpi_finish(&m->h, "APIC", 1, (size_t)(sp->mem + sp->used - (u8 *)m));
	return &m->h;
}

static struct acpi_facs *acpi_facs(struct acpi_space *sp)
{
	struct acpi_facs *f = acpi_alloc(sp, sizeof(*f), 64);

	if (!f)
		return NULL;
	memcpy(f->signature, "FACS", 4);
	f->length = sizeof(*f);
	f->version = 1;
	return f;
}

/* RSDT (width 4) or XSDT (width 8): a header and table addresses. */
static struct acpi_header *acpi_root_table(struct acpi_space *sp,
					   const char *signature,
					   unsigned width, u32 fadt, u32 madt)
{
	struct acpi_header *h = acpi_alloc(sp, sizeof(*h) + 2 * width, 16);
	u8 *entry;

	if (!h)
		return NULL;
	entry = (u8 *)(h + 1);
	memcpy(entry, &fadt, 4);
	memcpy(entry + width, &madt, 4);
	acpi_finish(h, signature, 1, sizeof(*h) + 2 * width);
	return h;
}

static void acpi_rsdp(struct acpi_rsdp *r, u32 rsdt, u32 xsdt)
{
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "UMBRA ", 6);
	r->revision = 2;
	r->rsdt = rsdt;
	r->xsdt = xsdt;
	r->length = sizeof(*r);
	r->checksum = acpi_checksum(r, 20);
	r->checksum_all = acpi_checksum(r, sizeof(*r));
}

int acpi_build(const struct acpi_config *cfg, u8 *mem, size_t cap, u32 gpa)
{
	struct acpi_space sp = {.mem = mem, .cap = cap, .gpa = gpa};
	struct acpi_rsdp *rsdp = acpi_alloc(&sp, sizeof(*rsdp), 16);
	struct acpi_facs *facs = acpi_facs(&sp);
	struct acpi_header *dsdt = acpi_dsdt(&sp, cfg);
	struct acpi_header *fadt, *madt, *rsdt, *xsdt;

	if (!rsdp || !facs || !dsdt)
		return -ENOSPC;
	fadt = acpi_fadt(&sp, acpi_gpa(&sp, facs), acpi_gpa(&sp, dsdt));
	madt = acpi_madt(&sp, cfg->cpus);
	if (!fadt || !madt)
		return -ENOSPC;
	rsdt = acpi_root_table(&sp, "RSDT", 4, acpi_gpa(&sp, fadt),
			       acpi_gpa(&sp, madt));
	xsdt = acpi_root_table(&sp, "XSDT", 8, acpi_gpa(&sp, fadt),
			       acpi_gpa(&sp, madt));
	if (!rsdt || !xsdt)
		return -ENOSPC;
	acpi_rsdp(rsdp, acpi_gpa(&sp, rsdt), acpi_gpa(&sp, xsdt));
	return (int)sp.used;
}
