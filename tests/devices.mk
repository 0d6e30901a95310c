# SPDX-License-Identifier: GPL-2.0-or-later
tests_UNIT_SRCS += \
	tests/dev_support.c \
	tests/test_acpi.c \
	tests/test_bus.c \
	tests/test_fw_cfg.c \
	tests/test_i8042.c \
	tests/test_i8254.c \
	tests/test_i8259.c \
	tests/test_ioapic.c \
	tests/test_lapic.c \
	tests/test_mc146818.c \
	tests/test_ns16550.c \
	tests/test_pc.c \
	tests/test_pci_host.c \
	tests/test_smbios.c
