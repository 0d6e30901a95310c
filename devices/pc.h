/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc.h - the machine: the chips, the wires between them, and what its client
 * (the program that runs vCPUs) needs of it.
 *
 * Every pc_* function takes the machine lock and may be called from any
 * thread. Callbacks of the configuration are called with the lock held, from
 * the thread that caused them (a vCPU's or the I/O thread): they must not
 * call pc_* functions and should only note what happened and wake somebody.
 *
 * Nothing here polls: with no timer armed and no input the I/O thread sleeps.
 */
#ifndef UMBRA_DEVICES_PC_H
#define UMBRA_DEVICES_PC_H

#include <pthread.h>

#include "acpi_pm.h"
#include "bus.h"
#include "clock.h"
#include "debugcon.h"
#include "debugexit.h"
#include "fw_cfg.h"
#include "i8042.h"
#include "i8254.h"
#include "i8259.h"
#include "ioapic.h"
#include "irq.h"
#include "isa_ports.h"
#include "lapic.h"
#include "mc146818.h"
#include "ns16550.h"
#include "pci_host.h"

#define PC_RAM_MIN	0x01000000ull /* 16 MiB */
#define PC_RAM_MAX	0xc0000000ull /* 3 GiB: the MMIO hole begins there */
#define PC_HOLE_END	0x100000000ull
#define PC_VGA_HOLE	0xa0000ull /* no RAM from here ... */
#define PC_VGA_HOLE_END 0xc0000ull /* ... to here */
#define PC_LAPIC_HZ	1000000000ull

struct pc_config {
	u8 *ram;	     /* linear mapping of guest RAM, gpa 0 first */
	u64 ram_size;	     /* PC_RAM_MIN..PC_RAM_MAX, whole pages */
	u64 lapic_timer_hz;  /* 0: PC_LAPIC_HZ; CPUID leaf 15h must agree */
	u16 debug_exit_port; /* 0: none */
	int console_fd;	     /* input of the console, -1: none (pc_thread.c) */
	struct clock clock;  /* now_ns NULL: CLOCK_MONOTONIC */
	s64 utc_ns;	     /* RTC at the start; 0: the host's time */

	void *opaque;
	void (*set_intr)(void *opaque, bool level); /* the CPU's INTR pin */
	void (*nmi)(void *opaque);
	void (*init)(void *opaque);  /* INIT to the CPU alone */
	void (*reset)(void *opaque); /* the client then calls pc_reset() */
	void (*poweroff)(void *opaque);
	void (*debug_exit)(void *opaque, u32 value);
	void (*console_out)(void *opaque, const u8 *buf, size_t len);
	void (*debug_out)(void *opaque, const u8 *buf, size_t len);
	void (*a20)(void *opaque, bool enabled);
	u64 (*tsc_now)(void *opaque);		 /* the guest's TSC */
	u64 (*tsc_to_ns)(void *opaque, u64 tsc); /* on clock; past: <= now */
	/*
	 * The next timer is due in so many ns (UINT64_MAX: none is armed):
	 * call pc_run_timers() then. NULL: the client sees to it by itself.
	 */
	void (*alarm)(void *opaque, u64 ns);
	/*
	 * Sees console input before the guest: may change or shorten it in
	 * place (an escape key). NULL: none. I/O thread, without the lock.
	 */
	size_t (*console_filter)(void *opaque, u8 *buf, size_t len);
	/* Input has ended or failed. NULL: nobody cares. Without the lock. */
	void (*console_eof)(void *opaque);
};

#define PC_CONSOLE_IN  65536
#define PC_CONSOLE_OUT 4096

struct pc_console {
	u8 in[PC_CONSOLE_IN]; /* ring of bytes for the UART */
	u32 in_head, in_count;
	bool in_starved; /* the I/O thread waits for room */
	u8 out[PC_CONSOLE_OUT];
	u32 out_count;
	struct timer flush;
};

struct pc_thread {
	pthread_t thread;
	bool running;
	bool stop;
	int epoll_fd, event_fd;
};

/* What of an ISA irq pin may be driven: a chip, and PCI by PIRQ. */
enum pc_isa_input { PC_ISA_CHIP, PC_ISA_PCI };

struct pc {
	pthread_mutex_t lock; /* of everything below */
	struct pc_config cfg;
	struct clock clock;
	struct timers timers;
	struct bus bus;
	struct irq_join isa_irq[16];
	struct i8259 pic;
	struct i8254 pit;
	struct mc146818 rtc;
	struct ns16550 uart;
	struct i8042 kbc;
	struct pci_host pci;
	struct lapic lapic;
	struct ioapic ioapic;
	struct acpi_pm pm;
	struct fw_cfg fw_cfg;
	struct isa_ports isa;
	struct debugexit debugexit;
	struct debugcon debugcon;
	struct pc_console console;
	struct pc_thread io;
	u64 alarm; /* deadline that cfg.alarm was told, or TIMER_NEVER */
	u64 lapic_at; /* where the local APIC is claimed; 0: nowhere */
};

/* Builds the machine and its ACPI tables in RAM; 0 or -errno. */
int pc_init(struct pc *pc, const struct pc_config *cfg);
void pc_fini(struct pc *pc);

/* All chips as after power-up, tables built anew. RTC and input live on. */
void pc_reset(struct pc *pc);

/* Accesses of the CPU; size 1, 2, 4 (and 8 for MMIO). */
u64 pc_io_read(struct pc *pc, u16 port, unsigned size);
void pc_io_write(struct pc *pc, u16 port, unsigned size, u64 val);
u64 pc_mmio_read(struct pc *pc, gpa_t gpa, unsigned size);
void pc_mmio_write(struct pc *pc, gpa_t gpa, unsigned size, u64 val);

/* The CPU accepts INTR: the vector, or -1 when there is none after all. */
int pc_intack(struct pc *pc);

/* IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC range. */
bool pc_has_msr(u32 msr);
/* 0, or -EINVAL where the CPU raises #GP. */
int pc_msr_read(struct pc *pc, u32 msr, u64 *val);
int pc_msr_write(struct pc *pc, u32 msr, u64 val);

u8 pc_cr8_read(struct pc *pc);
void pc_cr8_write(struct pc *pc, u8 val);

/* Level of the CPU's FERR# pin (x87 error with CR0.NE clear). */
void pc_ferr(struct pc *pc, bool level);

void pc_power_button(struct pc *pc);
void pc_nmi(struct pc *pc); /* somebody presses the NMI button */

/* The CPU halts: the guest has dealt with all that it was given. */
void pc_idle(struct pc *pc);

/* Queues console input; how much fitted. */
size_t pc_console_in(struct pc *pc, const u8 *buf, size_t len);
/* Hands on what console output is still buffered. */
void pc_console_flush(struct pc *pc);

/* Fires due timers, and tells cfg.alarm the next. */
void pc_run_timers(struct pc *pc);
u64 pc_next_timer(struct pc *pc); /* ns of the clock, or TIMER_NEVER */

/* The I/O thread: console input. 0 or -errno. */
int pc_thread_start(struct pc *pc);
void pc_thread_stop(struct pc *pc);

/* BIOS memory map. Returns the number of entries, at most PC_E820_MAX. */
#define PC_E820_RAM	 1
#define PC_E820_RESERVED 2
#define PC_E820_MAX	 8
struct pc_e820 {
	u64 addr;
	u64 size;
	u32 type;
};
int pc_e820(const struct pc *pc, struct pc_e820 entries[PC_E820_MAX]);

/* Where RAM answers: the memory slots a client should make. Returns 2. */
struct pc_slot {
	gpa_t gpa;
	u64 size;
	u64 offset; /* into RAM */
};
int pc_ram_slots(const struct pc *pc, struct pc_slot slots[2]);

/* Saves all state but RAM; bytes used, or -ENOSPC. */
int pc_save(struct pc *pc, void *buf, size_t cap);
/* 0, or -EINVAL: then the machine is as after pc_reset(). */
int pc_load(struct pc *pc, const void *buf, size_t len);

#endif
