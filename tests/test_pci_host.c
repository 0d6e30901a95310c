// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_pci_host.c - configuration cycles, the bridges, INTx routing, reset.
 */
#include <check.h>
#include <string.h>

#include "dev_support.h"
#include "dev_suites.h"
#include "devices/pci_host.h"

static struct pci_host host;
static u16 irqs;
static struct dev_wire reset;

static void on_irq(void *opaque, int n, bool level)
{
	(void)opaque;
	irqs = level ? irqs | 1u << n : irqs & ~(1u << n);
}

static void setup(void)
{
	struct irq_line irq = {on_irq, NULL, 0};

	irqs = 0;
	reset = (struct dev_wire){0};
	pci_host_init(&host, irq, dev_wire_line(&reset));
}

static void select_reg(int dev, int fn, int reg)
{
	pci_host_ops.write(&host, 0xcf8, 4,
			   1u << 31 | dev << 11 | fn << 8 | reg);
}

static u32 rd(int dev, int fn, int reg, unsigned size)
{
	select_reg(dev, fn, reg & ~3);
	return pci_host_ops.read(&host, 0xcfc + (reg & 3), size) &
	       ((2ull << (size * 8 - 1)) - 1);
}

static void wr(int dev, int fn, int reg, unsigned size, u32 val)
{
	select_reg(dev, fn, reg & ~3);
	pci_host_ops.write(&host, 0xcfc + (reg & 3), size, val);
}

START_TEST(mechanism_1)
{
	/* the probe of a common kernel */
	pci_host_ops.write(&host, 0xcfb, 1, 0x01);
	pci_host_ops.write(&host, 0xcf8, 4, 0x80000000);
	ck_assert_uint_eq(pci_host_ops.read(&host, 0xcf8, 4), 0x80000000);
	ck_assert_uint_eq(rd(0, 0, 0, 4), 0x12378086);
	ck_assert_uint_eq(rd(1, 0, 0, 4), 0x70008086);
	ck_assert_uint_eq(rd(1, 0, 0, 2), 0x8086);
	ck_assert_uint_eq(rd(1, 0, 2, 2), 0x7000);
	ck_assert_uint_eq(rd(1, 0, 3, 1), 0x70);
	ck_assert_uint_eq(rd(0, 0, 8, 4) >> 16, 0x0600);
	ck_assert_uint_eq(rd(1, 0, 8, 4) >> 16, 0x0601);
	ck_assert_uint_eq(rd(1, 0, 0x0e, 1), 0); /* one function only */
}
END_TEST

START_TEST(absent)
{
	ck_assert_uint_eq(rd(2, 0, 0, 4), 0xffffffff);
	ck_assert_uint_eq(rd(1, 1, 0, 2), 0xffff);
	pci_host_ops.write(&host, 0xcf8, 4, 0x80010000); /* bus 1 */
	ck_assert_uint_eq((u32)pci_host_ops.read(&host, 0xcfc, 4), 0xffffffff);
	pci_host_ops.write(&host, 0xcf8, 4, 0); /* not enabled */
	ck_assert_uint_eq((u32)pci_host_ops.read(&host, 0xcfc, 4), 0xffffffff);
	wr(2, 0, 4, 4, 7);
}
END_TEST

START_TEST(read_only)
{
	wr(0, 0, 0, 4, 0);
	wr(0, 0, 0x10, 4, 0xffffffff);
	ck_assert_uint_eq(rd(0, 0, 0, 4), 0x12378086);
	ck_assert_uint_eq(rd(0, 0, 0x10, 4), 0);
	wr(0, 0, 0x59, 1, 0x30);
	ck_assert_uint_eq(rd(0, 0, 0x59, 1), 0x30);
}
END_TEST

START_TEST(added_function)
{
	struct pci_config dev;

	memset(&dev, 0, sizeof(dev));
	pci_config_set32(&dev, 0, 0x10411af4);
	dev.wmask[0x3c] = 0xff;
	pci_add(&host, PCI_DEVFN(5, 0), &pci_config_ops, &dev);
	ck_assert_uint_eq(rd(5, 0, 0, 4), 0x10411af4);
	wr(5, 0, 0x3c, 2, 0x0a0b);
	ck_assert_uint_eq(rd(5, 0, 0x3c, 2), 0x000b);
}
END_TEST

START_TEST(intx)
{
	/* device 3 pin A: PIRQ C, irq 10 by firmware's choice */
	pci_intx(&host, PCI_DEVFN(3, 0), 0, true);
	ck_assert_uint_eq(irqs, 1u << 10);
	pci_intx(&host, PCI_DEVFN(3, 1), 0, true); /* another function */
	pci_intx(&host, PCI_DEVFN(3, 0), 0, false);
	ck_assert_uint_eq(irqs, 1u << 10);
	wr(1, 0, 0x62, 1, 5);
	ck_assert_msg(irqs == 1u << 5, "follows the routing register");
	wr(1, 0, 0x62, 1, 0x85);
	ck_assert_uint_eq(irqs, 0);
	wr(1, 0, 0x62, 1, 8); /* not one it can route to */
	ck_assert_uint_eq(irqs, 0);
	wr(1, 0, 0x62, 1, 11);
	pci_intx(&host, PCI_DEVFN(2, 0), 0, true); /* PIRQ B: 11 as well */
	pci_intx(&host, PCI_DEVFN(3, 1), 0, false);
	ck_assert_uint_eq(irqs, 1u << 11);
}
END_TEST

START_TEST(reset_control)
{
	pci_host_ops.write(&host, 0xcf9, 1, 0x02);
	ck_assert_int_eq(reset.rises, 0);
	pci_host_ops.write(&host, 0xcf9, 1, 0x06);
	ck_assert_int_eq(reset.rises, 1);
	ck_assert_uint_eq(pci_host_ops.read(&host, 0xcf9, 1), 0x06);
	/* a dword there is CONFIG_ADDRESS, not a reset */
	pci_host_reset(&host);
	pci_host_ops.write(&host, 0xcf8, 4, 0x80000600);
	ck_assert_int_eq(reset.rises, 1);
}
END_TEST

START_TEST(save_load)
{
	u8 buf[1024];
	struct state s;

	wr(1, 0, 0x60, 1, 5);
	wr(0, 0, 0x5a, 1, 0x11);
	pci_intx(&host, PCI_DEVFN(1, 2), 0, true);
	state_save_init(&s, buf, sizeof(buf));
	pci_host_state(&host, &s);
	ck_assert_int_eq(s.err, 0);
	setup();
	state_load_init(&s, buf, s.pos);
	pci_host_state(&host, &s);
	ck_assert_int_eq(s.err, 0);
	ck_assert_uint_eq(irqs, 1u << 5);
	ck_assert_uint_eq(rd(0, 0, 0x5a, 1), 0x11);
}
END_TEST

START_TEST(hostile)
{
	u64 seed = 4;

	for (int i = 0; i < 3000; i++) {
		select_reg(dev_random(&seed) % 4, 0, dev_random(&seed) & 0xfc);
		dev_hammer(&pci_host_ops, &host, 0xcfc, 4, NULL, i, 10);
		dev_hammer(&pci_host_ops, &host, 0xcf8, 8, NULL, i, 10);
		pci_intx(&host, dev_random(&seed), dev_random(&seed) & 3,
			 dev_random(&seed) & 1);
	}
	ck_assert_uint_eq(rd(0, 0, 0, 4), 0x12378086);
}
END_TEST

Suite *suite_pci_host(void)
{
	Suite *s = suite_create("pci_host");
	TCase *c = tcase_create("pci");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, mechanism_1);
	tcase_add_test(c, absent);
	tcase_add_test(c, read_only);
	tcase_add_test(c, added_function);
	tcase_add_test(c, intx);
	tcase_add_test(c, reset_control);
	tcase_add_test(c, save_load);
	tcase_add_test(c, hostile);
	suite_add_tcase(s, c);
	return s;
}
