// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lapic_regs.c - the local APIC's registers, as memory and as MSRs. See lapic.h
 * for the contract. Source: SDM vol. 3, 10.4 and 10.12.
 */
#include "lapic_impl.h"

#define ESR_ILLEGAL_REG 0x80
#define DFR_FIXED	0x0fffffffu
#define ICR_KEPT	0x000ccfffu

/* Max LVT entry 5, version 14h. */
#define LAPIC_VERSION (5u << 16 | 0x14)

/* Writable bits of the LVT entries in register order. */
const u32 lapic_lvt_mask[LAPIC_LVTS] = {
	[LVT_TIMER] = 0x000700ff, [LVT_THERMAL] = 0x000107ff,
	[LVT_PERF] = 0x000107ff,  [LVT_LINT0] = 0x0001a7ff,
	[LVT_LINT1] = 0x0001a7ff, [LVT_ERROR] = 0x000100ff,
};

static void lapic_write_svr(struct lapic *l, u32 val)
{
	l->svr = val & LAPIC_SVR_KEPT;
	if (l->svr & SVR_ENABLE)
		return;
	/* while software-disabled the mask bits are set and stay so */
	for (int i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] |= LVT_MASKED;
	lapic_timer_update(l);
}

static void lapic_write_lvt(struct lapic *l, int n, u32 val)
{
	u32 was = l->lvt[n];

	val &= lapic_lvt_mask[n];
	if (!(l->svr & SVR_ENABLE))
		val |= LVT_MASKED;
	l->lvt[n] = val;
	if (n == LVT_TIMER)
		lapic_timer_lvt_changed(l, was);
}

static u32 lapic_lvt_index(unsigned reg)
{
	return reg - REG_LVT;
}

/* reg: offset / 16. -EINVAL: there is no such register to read. */
static int lapic_read_reg(struct lapic *l, unsigned reg, u32 *val)
{
	switch (reg) {
	case REG_ID:
		*val = l->id;
		break;
	case REG_VERSION:
		*val = LAPIC_VERSION;
		break;
	case REG_TPR:
		*val = l->tpr;
		break;
	case REG_PPR:
		*val = lapic_ppr(l);
		break;
	case REG_LDR:
		*val = l->ldr;
		break;
	case REG_SVR:
		*val = l->svr;
		break;
	case REG_ISR ... REG_ISR + 7:
		*val = l->isr[reg - REG_ISR];
		break;
	case REG_TMR ... REG_TMR + 7:
		*val = l->tmr[reg - REG_TMR];
		break;
	case REG_IRR ... REG_IRR + 7:
		*val = l->irr[reg - REG_IRR];
		break;
	case REG_ESR:
		*val = l->esr;
		break;
	case REG_ICR_LOW:
		*val = l->icr_low;
		break;
	case REG_LVT ... REG_LVT + LAPIC_LVTS - 1:
		*val = l->lvt[lapic_lvt_index(reg)];
		break;
	case REG_TIMER_INITIAL:
		*val = l->timer_initial;
		break;
	case REG_TIMER_CURRENT:
		*val = lapic_timer_current(l, clock_now(l->clock));
		break;
	case REG_TIMER_DIVIDE:
		*val = l->timer_divide;
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

/* -EINVAL: there is no such register to write. */
static int lapic_write_reg(struct lapic *l, unsigned reg, u32 val)
{
	switch (reg) {
	case REG_TPR:
		l->tpr = val & 0xff;
		lapic_update(l);
		break;
	case REG_EOI:
		lapic_eoi(l);
		break;
	case REG_SVR:
		lapic_write_svr(l, val);
		lapic_update(l);
		break;
	case REG_ESR:
		l->esr = l->esr_latent;
		l->esr_latent = 0;
		break;
	case REG_ICR_LOW:
		l->icr_low = val & ICR_KEPT;
		lapic_send(l);
		break;
	case REG_LVT ... REG_LVT + LAPIC_LVTS - 1:
		lapic_write_lvt(l, lapic_lvt_index(reg), val);
		lapic_update(l);
		break;
	case REG_TIMER_INITIAL:
		lapic_timer_set_initial(l, val);
		break;
	case REG_TIMER_DIVIDE:
		lapic_timer_set_divide(l, val & 0x0b);
		break;
	default:
		return -EINVAL;
	}
	return 0;
}

/* Registers that only the MMIO form has. */
static int lapic_mmio_read_reg(struct lapic *l, unsigned reg, u32 *val)
{
	switch (reg) {
	case REG_APR: /* no arbitration and no remote reads with one CPU */
	case REG_RRD:
	case REG_EOI:
		*val = 0;
		return 0;
	case REG_DFR:
		*val = l->dfr;
		return 0;
	case REG_ICR_HIGH:
		*val = l->icr_high;
		return 0;
	}
	return lapic_read_reg(l, reg, val);
}

static int lapic_mmio_write_reg(struct lapic *l, unsigned reg, u32 val)
{
	switch (reg) {
	case REG_ID:
		l->id = val & 0xff000000;
		return 0;
	case REG_LDR:
		l->ldr = val & 0xff000000;
		return 0;
	case REG_DFR:
		l->dfr = val | DFR_FIXED;
		return 0;
	case REG_ICR_HIGH:
		l->icr_high = val & 0xff000000;
		return 0;
	case REG_VERSION: /* read-only ones: ignored */
	case REG_APR:
	case REG_PPR:
	case REG_RRD:
	case REG_TIMER_CURRENT:
	case REG_ISR ... REG_IRR + 7:
		return 0;
	}
	return lapic_write_reg(l, reg, val);
}

static bool lapic_mmio_is_off(const struct lapic *l)
{
	return !(l->base_msr & LAPIC_BASE_ENABLE) || lapic_is_x2(l);
}

static u64 lapic_mmio_read(void *opaque, u64 addr, unsigned size)
{
	struct lapic *l = opaque;
	unsigned offset = addr & (LAPIC_SIZE - 1);
	u32 val = 0;

	if (lapic_mmio_is_off(l))
		return UINT64_MAX;
	if ((offset & 0xc) || (offset & 3) + size > 4)
		return 0; /* only the first dword of 16 bytes is a register */
	if (lapic_mmio_read_reg(l, offset >> 4, &val))
		lapic_error(l, ESR_ILLEGAL_REG);
	return val >> (offset & 3) * 8;
}

static void lapic_mmio_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct lapic *l = opaque;
	unsigned offset = addr & (LAPIC_SIZE - 1);

	if (lapic_mmio_is_off(l) || (offset & 0xf) || size != 4)
		return;
	if (lapic_mmio_write_reg(l, offset >> 4, val))
		lapic_error(l, ESR_ILLEGAL_REG);
}

const struct bus_ops lapic_ops = {lapic_mmio_read, lapic_mmio_write, 4};

int lapic_msr_read(struct lapic *l, u32 msr, u64 *val)
{
	unsigned reg = msr - MSR_X2APIC_FIRST;
	u32 low;

	if (!lapic_is_x2(l))
		return -EINVAL;
	if (reg == REG_ICR_LOW) {
		*val = (u64)l->icr_high << 32 | l->icr_low;
		return 0;
	}
	if (lapic_read_reg(l, reg, &low))
		return -EINVAL;
	*val = low;
	return 0;
}

int lapic_msr_write(struct lapic *l, u32 msr, u64 val)
{
	unsigned reg = msr - MSR_X2APIC_FIRST;

	if (!lapic_is_x2(l))
		return -EINVAL;
	if (reg == REG_ICR_LOW) {
		if ((u32)val & ~ICR_KEPT)
			return -EINVAL;
		l->icr_high = val >> 32;
		return lapic_write_reg(l, reg, (u32)val);
	}
	if (val >> 32)
		return -EINVAL;
	if (reg == REG_SELF_IPI) {
		if (val & ~0xffull)
			return -EINVAL;
		lapic_accept(l, val, false);
		return 0;
	}
	if ((reg == REG_EOI || reg == REG_ESR) && val)
		return -EINVAL;
	if (reg >= REG_LVT && reg < REG_LVT + LAPIC_LVTS &&
	    (val & ~(u64)(lapic_lvt_mask[lapic_lvt_index(reg)] | LVT_STATUS)))
		return -EINVAL;
	if ((reg == REG_TPR && (val & ~0xffull)) ||
	    (reg == REG_SVR && (val & ~(u64)LAPIC_SVR_KEPT)) ||
	    (reg == REG_TIMER_DIVIDE && (val & ~0x0bull)))
		return -EINVAL;
	return lapic_write_reg(l, reg, val);
}
