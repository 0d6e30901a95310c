// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pc.c - the board: makes the chips, joins the lines, claims the ranges. See
 * pc.h for the contract.
 */
#include <string.h>
#include <time.h>

#include "acpi.h"
#include "pc_impl.h"
#include "runtime/bits.h"
#include "runtime/log.h"
#include "smbios.h"

#define PC_PCI_MEM_FIRST PC_RAM_MAX
#define PC_PCI_MEM_LAST	 (IOAPIC_BASE - 1)
#define PC_EBDA		 0x9fc00ull
#define PC_HIGH_RAM	 0x100000ull

void pc_lock(struct pc *pc)
{
	must(!pthread_mutex_lock(&pc->lock), "machine lock");
}

static void pc_alarm(struct pc *pc)
{
	u64 next = timers_next(&pc->timers);
	u64 now;

	if (!pc->cfg.alarm || next == pc->alarm)
		return;
	pc->alarm = next;
	if (next == TIMER_NEVER) {
		pc->cfg.alarm(pc->cfg.opaque, UINT64_MAX);
		return;
	}
	now = clock_now(&pc->clock);
	pc->cfg.alarm(pc->cfg.opaque, next > now ? next - now : 0);
}

void pc_unlock(struct pc *pc)
{
	pc_alarm(pc);
	must(!pthread_mutex_unlock(&pc->lock), "machine lock");
}

static u64 pc_realtime_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

static u64 pc_monotonic(void *opaque)
{
	(void)opaque;
	return pc_realtime_ns(CLOCK_MONOTONIC);
}

/*
 * Wires. An ISA irq goes to the 8259 input of its number and to the I/O APIC
 * pin of its number, but irq 0 to pin 2, since pin 0 has the 8259's INT.
 */
static void pc_wire_isa_irq(void *opaque, int irq, bool level)
{
	struct pc *pc = opaque;

	LOG(LOG_PIC, "isa irq %d = %d", irq, level);
	i8259_set(&pc->pic, irq, level);
	if (irq != 2)
		ioapic_set(&pc->ioapic, irq ? irq : 2, level);
}

static void pc_wire_int(void *opaque, int n, bool level)
{
	struct pc *pc = opaque;

	ioapic_set(&pc->ioapic, 0, level);
	lapic_set_lint0(&pc->lapic, n, level);
}

static void pc_wire_pci_irq(void *opaque, int irq, bool level)
{
	struct pc *pc = opaque;

	irq_join_set(&pc->isa_irq[irq], PC_ISA_PCI, level);
}

static struct irq_line pc_isa_pin(struct pc *pc, int irq)
{
	return irq_join_input(&pc->isa_irq[irq], PC_ISA_CHIP);
}

static bool pc_wire_apic_bus(void *opaque, const struct apic_msg *msg)
{
	struct pc *pc = opaque;

	return lapic_deliver(&pc->lapic, msg);
}

static void pc_wire_eoi(void *opaque, u8 vector)
{
	struct pc *pc = opaque;

	ioapic_eoi(&pc->ioapic, vector);
}

static void pc_wire_intr(void *opaque, bool level)
{
	struct pc *pc = opaque;

	pc->cfg.set_intr(pc->cfg.opaque, level);
}

static void pc_wire_nmi(void *opaque)
{
	struct pc *pc = opaque;

	pc->cfg.nmi(pc->cfg.opaque);
}

static void pc_wire_cpu_init(void *opaque)
{
	struct pc *pc = opaque;

	lapic_cpu_init(&pc->lapic);
	pc->cfg.init(pc->cfg.opaque);
}

static u64 pc_wire_tsc_now(void *opaque)
{
	struct pc *pc = opaque;

	return pc->cfg.tsc_now(pc->cfg.opaque);
}

static u64 pc_wire_tsc_to_ns(void *opaque, u64 tsc)
{
	struct pc *pc = opaque;

	return pc->cfg.tsc_to_ns(pc->cfg.opaque, tsc);
}

static void pc_wire_a20(void *opaque, bool enabled)
{
	struct pc *pc = opaque;

	pc->cfg.a20(pc->cfg.opaque, enabled);
}

static void pc_wire_reset(void *opaque)
{
	struct pc *pc = opaque;

	pc_console_flush_locked(pc);
	pc->cfg.reset(pc->cfg.opaque);
}

static void pc_wire_reset_line(void *opaque, int n, bool level)
{
	(void)n;
	if (level)
		pc_wire_reset(opaque);
}

static void pc_wire_poweroff(void *opaque, int n, bool level)
{
	struct pc *pc = opaque;

	(void)n;
	if (!level)
		return;
	pc_console_flush_locked(pc);
	pc->cfg.poweroff(pc->cfg.opaque);
}

static void pc_wire_debug_exit(void *opaque, u32 value)
{
	struct pc *pc = opaque;

	pc_console_flush_locked(pc);
	pc->cfg.debug_exit(pc->cfg.opaque, value);
}

static void pc_make_interrupts(struct pc *pc)
{
	struct lapic_board lapic = {
		.opaque = pc,
		.intr = pc_wire_intr,
		.nmi = pc_wire_nmi,
		.init = pc_wire_cpu_init,
		.eoi = pc_wire_eoi,
		.tsc_now = pc_wire_tsc_now,
		.tsc_to_ns = pc_wire_tsc_to_ns,
	};

	for (int irq = 0; irq < 16; irq++)
		pc->isa_irq[irq].out =
			(struct irq_line){pc_wire_isa_irq, pc, irq};
	lapic_init(&pc->lapic, &pc->clock, &pc->timers, &lapic,
		   pc->cfg.lapic_timer_hz ? pc->cfg.lapic_timer_hz
					  : PC_LAPIC_HZ);
	ioapic_init(&pc->ioapic, pc_wire_apic_bus, pc);
	i8259_init(&pc->pic, (struct irq_line){pc_wire_int, pc, 0});
}

static void pc_make_chips(struct pc *pc)
{
	struct clock *clock = &pc->clock;
	struct timers *timers = &pc->timers;
	struct i8042_board kbc = {pc, pc_wire_a20, pc_wire_reset};
	struct irq_line reset = {pc_wire_reset_line, pc, 0};
	struct irq_line poweroff = {pc_wire_poweroff, pc, 0};
	struct irq_line pirqs = {pc_wire_pci_irq, pc, 0};
	s64 utc = pc->cfg.utc_ns;

	if (!utc)
		utc = (s64)pc_realtime_ns(CLOCK_REALTIME);
	i8254_init(&pc->pit, clock, timers, pc_isa_pin(pc, 0));
	mc146818_init(&pc->rtc, clock, timers, pc_isa_pin(pc, 8), utc);
	mc146818_set_memory(&pc->rtc, pc->cfg.ram_size);
	ns16550_init(&pc->uart, clock, timers, pc_isa_pin(pc, 4),
		     pc_console_host(pc));
	pc->kbc.a20 = true; /* is so from the start: no callback for it */
	i8042_init(&pc->kbc, pc_isa_pin(pc, 1), pc_isa_pin(pc, 12), kbc);
	pci_host_init(&pc->pci, pirqs, reset);
	acpi_pm_init(&pc->pm, clock, timers, pc_isa_pin(pc, ACPI_SCI_IRQ),
		     poweroff);
	isa_ports_init(&pc->isa, pc_isa_pin(pc, 13));
	fw_cfg_init(&pc->fw_cfg, pc->cfg.ram_size, 1);
	pc->debugexit = (struct debugexit){pc_wire_debug_exit, pc};
	pc->debugcon = (struct debugcon){pc_console_debug_byte, pc};
}

static void pc_claim(struct pc *pc)
{
	struct bus *bus = &pc->bus;

	bus_claim_io(bus, 0x20, 2, &i8259_ops, &pc->pic);
	bus_claim_io(bus, 0xa0, 2, &i8259_ops, &pc->pic);
	bus_claim_io(bus, 0x4d0, 2, &i8259_elcr_ops, &pc->pic);
	bus_claim_io(bus, 0x40, 4, &i8254_ops, &pc->pit);
	bus_claim_io(bus, 0x61, 1, &i8254_portb_ops, &pc->pit);
	bus_claim_io(bus, 0x60, 1, &i8042_ops, &pc->kbc);
	bus_claim_io(bus, 0x64, 1, &i8042_ops, &pc->kbc);
	bus_claim_io(bus, 0x92, 1, &i8042_92_ops, &pc->kbc);
	bus_claim_io(bus, 0x70, 2, &mc146818_ops, &pc->rtc);
	bus_claim_io(bus, 0x80, 16, &isa_page_ops, &pc->isa);
	bus_claim_io(bus, 0xf0, 2, &isa_ferr_ops, &pc->isa);
	bus_claim_io(bus, 0x3f8, 8, &ns16550_ops, &pc->uart);
	bus_claim_io(bus, 0x510, 2, &fw_cfg_ops, &pc->fw_cfg);
	bus_claim_io(bus, ACPI_PM_PORT, ACPI_PM_PORTS, &acpi_pm_ops, &pc->pm);
	bus_claim_io(bus, 0xcf8, 8, &pci_host_ops, &pc->pci);
	bus_claim_io(bus, DEBUGCON_PORT, 1, &debugcon_ops, &pc->debugcon);
	bus_claim_mmio(bus, IOAPIC_BASE, IOAPIC_SIZE, &ioapic_ops, &pc->ioapic);
}

/* The debug-exit port is where the user says: it may be taken. */
static int pc_claim_debug_exit(struct pc *pc)
{
	u16 first = pc->cfg.debug_exit_port;

	if (!first)
		return 0;
	if (first > 0x10000 - DEBUGEXIT_PORTS)
		return -EINVAL;
	if (bus_is_claimed(&pc->bus, BUS_IO, first,
			   first + DEBUGEXIT_PORTS - 1))
		return -EBUSY;
	bus_claim_io(&pc->bus, first, DEBUGEXIT_PORTS, &debugexit_ops,
		     &pc->debugexit);
	return 0;
}

/* The local APIC's page is where IA32_APIC_BASE says, if that is free. */
static void pc_place_lapic(struct pc *pc)
{
	u64 msr = pc->lapic.base_msr;
	u64 at = msr & LAPIC_BASE_ADDRESS;

	if (!(msr & LAPIC_BASE_ENABLE) || (msr & LAPIC_BASE_EXTD))
		at = 0;
	if (at == pc->lapic_at)
		return;
	if (pc->lapic_at)
		bus_release(&pc->bus, BUS_MMIO, pc->lapic_at);
	pc->lapic_at = 0;
	if (!at)
		return;
	if (at < PC_RAM_MAX || at >= PC_HOLE_END ||
	    bus_is_claimed(&pc->bus, BUS_MMIO, at, at + LAPIC_SIZE - 1)) {
		LOG(LOG_UNIMP, "local APIC moved to %#llx",
		    (unsigned long long)at);
		return;
	}
	bus_claim_mmio(&pc->bus, at, LAPIC_SIZE, &lapic_ops, &pc->lapic);
	pc->lapic_at = at;
}

static void pc_write_tables(struct pc *pc)
{
	struct acpi_config acpi = {
		.cpus = 1,
		.pci_mem_first = PC_PCI_MEM_FIRST,
		.pci_mem_last = PC_PCI_MEM_LAST,
	};

	must(acpi_build(&acpi, pc->cfg.ram + ACPI_TABLES_GPA, ACPI_TABLES_SIZE,
			ACPI_TABLES_GPA) > 0,
	     "ACPI tables do not fit");
	must(smbios_build(pc->cfg.ram + SMBIOS_GPA, SMBIOS_SIZE, SMBIOS_GPA) >
		     0,
	     "SMBIOS tables do not fit");
}

int pc_init(struct pc *pc, const struct pc_config *cfg)
{
	int err;

	if (cfg->ram_size < PC_RAM_MIN || cfg->ram_size > PC_RAM_MAX ||
	    cfg->ram_size % PAGE_SIZE)
		return -EINVAL;
	memset(pc, 0, sizeof(*pc));
	pc->cfg = *cfg;
	pc->clock = cfg->clock;
	if (!pc->clock.now_ns)
		pc->clock.now_ns = pc_monotonic;
	err = -pthread_mutex_init(&pc->lock, NULL);
	if (err)
		return err;
	bus_init(&pc->bus);
	pc->alarm = TIMER_NEVER;
	pc_thread_init(pc);
	pc_console_init(pc);
	pc_make_interrupts(pc);
	pc_make_chips(pc);
	pc_claim(pc);
	err = pc_claim_debug_exit(pc);
	if (err) {
		pthread_mutex_destroy(&pc->lock);
		return err;
	}
	pc_place_lapic(pc);
	pc_write_tables(pc);
	return 0;
}

void pc_fini(struct pc *pc)
{
	pc_thread_stop(pc);
	pc_console_flush(pc);
	pthread_mutex_destroy(&pc->lock);
}

static void pc_reset_chips(struct pc *pc)
{
	/* sources first, so that their falling lines still find the wires */
	i8254_reset(&pc->pit);
	mc146818_reset(&pc->rtc);
	ns16550_reset(&pc->uart);
	i8042_reset(&pc->kbc);
	pci_host_reset(&pc->pci);
	acpi_pm_reset(&pc->pm);
	isa_ports_reset(&pc->isa);
	fw_cfg_reset(&pc->fw_cfg);
	for (int irq = 0; irq < 16; irq++) {
		pc->isa_irq[irq].levels = 0;
		pc_wire_isa_irq(pc, irq, false);
	}
	i8259_reset(&pc->pic);
	ioapic_reset(&pc->ioapic);
	lapic_reset(&pc->lapic);
	pc_place_lapic(pc);
}

void pc_reset(struct pc *pc)
{
	pc_lock(pc);
	pc_reset_chips(pc);
	pc_write_tables(pc);
	pc_unlock(pc);
}

u64 pc_io_read(struct pc *pc, u16 port, unsigned size)
{
	u64 val;

	pc_lock(pc);
	val = bus_read(&pc->bus, BUS_IO, port, size);
	pc_unlock(pc);
	return val;
}

void pc_io_write(struct pc *pc, u16 port, unsigned size, u64 val)
{
	pc_lock(pc);
	bus_write(&pc->bus, BUS_IO, port, size, val);
	pc_unlock(pc);
}

u64 pc_mmio_read(struct pc *pc, gpa_t gpa, unsigned size)
{
	u64 val;

	pc_lock(pc);
	val = bus_read(&pc->bus, BUS_MMIO, gpa, size);
	pc_unlock(pc);
	return val;
}

void pc_mmio_write(struct pc *pc, gpa_t gpa, unsigned size, u64 val)
{
	pc_lock(pc);
	bus_write(&pc->bus, BUS_MMIO, gpa, size, val);
	pc_unlock(pc);
}

int pc_intack(struct pc *pc)
{
	int vector;

	pc_lock(pc);
	vector = lapic_intack(&pc->lapic);
	if (vector == LAPIC_ACK_EXTINT)
		vector = i8259_intack(&pc->pic);
	pc_unlock(pc);
	return vector;
}

bool pc_has_msr(u32 msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
	       (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST);
}

int pc_msr_read(struct pc *pc, u32 msr, u64 *val)
{
	int err = 0;

	must(pc_has_msr(msr), "msr %#x", msr);
	pc_lock(pc);
	if (msr == MSR_APIC_BASE)
		*val = pc->lapic.base_msr;
	else if (msr == MSR_TSC_DEADLINE)
		*val = lapic_deadline_read(&pc->lapic);
	else
		err = lapic_msr_read(&pc->lapic, msr, val);
	pc_unlock(pc);
	return err;
}

int pc_msr_write(struct pc *pc, u32 msr, u64 val)
{
	int err = 0;

	must(pc_has_msr(msr), "msr %#x", msr);
	pc_lock(pc);
	if (msr == MSR_APIC_BASE) {
		err = lapic_base_write(&pc->lapic, val);
		pc_place_lapic(pc);
	} else if (msr == MSR_TSC_DEADLINE) {
		lapic_deadline_write(&pc->lapic, val);
	} else {
		err = lapic_msr_write(&pc->lapic, msr, val);
	}
	pc_unlock(pc);
	return err;
}

u8 pc_cr8_read(struct pc *pc)
{
	u8 val;

	pc_lock(pc);
	val = lapic_cr8_read(&pc->lapic);
	pc_unlock(pc);
	return val;
}

void pc_cr8_write(struct pc *pc, u8 val)
{
	pc_lock(pc);
	lapic_cr8_write(&pc->lapic, val);
	pc_unlock(pc);
}

void pc_ferr(struct pc *pc, bool level)
{
	pc_lock(pc);
	isa_ports_ferr(&pc->isa, level);
	pc_unlock(pc);
}

void pc_idle(struct pc *pc)
{
	pc_lock(pc);
	ns16550_idle(&pc->uart);
	pc_unlock(pc);
}

void pc_power_button(struct pc *pc)
{
	pc_lock(pc);
	acpi_pm_power_button(&pc->pm);
	pc_unlock(pc);
}

void pc_nmi(struct pc *pc)
{
	pc_lock(pc);
	lapic_raise_lint1(&pc->lapic);
	pc_unlock(pc);
}

void pc_run_timers(struct pc *pc)
{
	pc_lock(pc);
	pc->alarm = TIMER_NEVER; /* has rung, or will too early */
	timers_run(&pc->timers, clock_now(&pc->clock));
	pc_unlock(pc);
}

u64 pc_next_timer(struct pc *pc)
{
	u64 next;

	pc_lock(pc);
	next = timers_next(&pc->timers);
	pc_unlock(pc);
	return next;
}

int pc_e820(const struct pc *pc, struct pc_e820 e[PC_E820_MAX])
{
	int n = 0;

	e[n++] = (struct pc_e820){0, PC_EBDA, PC_E820_RAM};
	e[n++] = (struct pc_e820){PC_EBDA, PC_VGA_HOLE - PC_EBDA,
				  PC_E820_RESERVED};
	e[n++] =
		(struct pc_e820){ACPI_TABLES_GPA, PC_HIGH_RAM - ACPI_TABLES_GPA,
				 PC_E820_RESERVED};
	e[n++] = (struct pc_e820){PC_HIGH_RAM, pc->cfg.ram_size - PC_HIGH_RAM,
				  PC_E820_RAM};
	return n;
}

int pc_ram_slots(const struct pc *pc, struct pc_slot slots[2])
{
	slots[0] = (struct pc_slot){0, PC_VGA_HOLE, 0};
	slots[1] = (struct pc_slot){PC_VGA_HOLE_END,
				    pc->cfg.ram_size - PC_VGA_HOLE_END,
				    PC_VGA_HOLE_END};
	return 2;
}

static void pc_state_wires(struct pc *pc, struct state *s)
{
	if (!state_begin(s, "WIRE", 1))
		return;
	for (int irq = 0; irq < 16; irq++)
		STATE(s, pc->isa_irq[irq].levels);
	state_end(s);
}

/*
 * Loading drives lines as it goes; therefore the wires and what hangs on
 * their ends come after the chips that drive them, and overwrite the effect.
 */
static void pc_state(struct pc *pc, struct state *s)
{
	i8254_state(&pc->pit, s);
	mc146818_state(&pc->rtc, s);
	ns16550_state(&pc->uart, s);
	i8042_state(&pc->kbc, s);
	pci_host_state(&pc->pci, s);
	acpi_pm_state(&pc->pm, s);
	isa_ports_state(&pc->isa, s);
	fw_cfg_state(&pc->fw_cfg, s);
	pc_state_wires(pc, s);
	i8259_state(&pc->pic, s);
	ioapic_state(&pc->ioapic, s);
	lapic_state(&pc->lapic, s);
}

int pc_save(struct pc *pc, void *buf, size_t cap)
{
	struct state s;

	state_save_init(&s, buf, cap);
	pc_lock(pc);
	pc_console_flush_locked(pc);
	pc_state(pc, &s);
	pc_unlock(pc);
	return s.err ? s.err : (int)s.pos;
}

int pc_load(struct pc *pc, const void *buf, size_t len)
{
	struct state s;

	state_load_init(&s, buf, len);
	pc_lock(pc);
	pc_reset_chips(pc);
	pc_state(pc, &s);
	if (!s.err && s.pos != len)
		state_reject(&s);
	if (s.err)
		pc_reset_chips(pc);
	else if (pc->console.in_count)
		ns16550_kick(&pc->uart); /* which waited for the one before */
	pc_place_lapic(pc);
	pc_unlock(pc);
	return s.err;
}
