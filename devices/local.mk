# SPDX-License-Identifier: GPL-2.0-or-later
devices_SRCS := \
	devices/acpi.c \
	devices/acpi_pm.c \
	devices/aml.c \
	devices/bus.c \
	devices/clock.c \
	devices/debugcon.c \
	devices/debugexit.c \
	devices/fw_cfg.c \
	devices/i8042.c \
	devices/i8254.c \
	devices/i8259.c \
	devices/ioapic.c \
	devices/isa_ports.c \
	devices/lapic.c \
	devices/lapic_regs.c \
	devices/lapic_timer.c \
	devices/mc146818.c \
	devices/ns16550.c \
	devices/pc.c \
	devices/pc_console.c \
	devices/pc_thread.c \
	devices/pci_host.c \
	devices/smbios.c \
	devices/state.c
