// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sys_env.c - the engine's side of vcpu.h over a flat array.
 */
#include <stdio.h>

#include "runtime/log.h"
#include "sys_env.h"

struct sys_env env;

/* --- what the engine provides */

static int env_access(struct vcpu *v, gva_t la, unsigned len, bool write,
		      enum mmu_priv priv)
{
	for (gva_t p = la & PAGE_MASK; p < la + len; p += PAGE_SIZE) {
		u32 page = (u32)(p >> 12);
		u32 pfec = (write ? PFEC_W : 0) |
			   (priv == MMU_USER ? PFEC_U : 0);

		if (page >= MEM_PAGES || env.absent[page]) {
			exc_pf(v, MAX(p, la), pfec);
			return -1;
		}
		if (write && env.readonly[page]) {
			exc_pf(v, MAX(p, la), pfec | PFEC_P);
			return -1;
		}
	}
	return 0;
}

int gmem_read(struct vcpu *v, gva_t la, void *buf, unsigned len,
	      enum mmu_priv priv)
{
	if (env_access(v, la, len, false, priv))
		return -1;
	memcpy(buf, env.mem + la, len);
	return 0;
}

int gmem_write(struct vcpu *v, gva_t la, const void *buf, unsigned len,
	       enum mmu_priv priv)
{
	if (env_access(v, la, len, true, priv))
		return -1;
	memcpy(env.mem + la, buf, len);
	return 0;
}

int gmem_probe(struct vcpu *v, gva_t la, unsigned len, enum mmu_access acc,
	       enum mmu_priv priv)
{
	return env_access(v, la, len, acc & MMU_WRITE, priv);
}

u8 *gmem_host(struct vcpu *v, u32 la, bool write)
{
	bool ok = !env_access(v, la, 1, write, vcpu_priv(v));

	v->exc.pending = false;
	return ok && !env.mmio[la >> 12] ? env.mem + la : NULL;
}

bool vcpu_mmu_update(struct vcpu *v, bool cr3_written)
{
	(void)v;
	(void)cr3_written;
	env.mmu_updates++;
	env.fetch_zaps += env.flush_moves_code;
	return !env.mmu_refuses;
}

int mmu_uffd_open(void)
{
	return -ENOSYS;
}

u64 vmmu_fetch_zaps(const struct vmmu *m)
{
	(void)m;
	return env.fetch_zaps;
}

void vmmu_invlpg(struct vmmu *m, gva_t gva)
{
	(void)m;
	env.invlpg = (u32)gva;
	env.fetch_zaps += env.flush_moves_code;
}

void log_light_printf(enum log_subsys s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
}

void vcpu_fpu_put(struct vcpu *v)
{
	v->cpu.fpu_saved = 1;
}

void vcpu_fpu_get(struct vcpu *v)
{
	(void)v;
}

u32 fpu_map_fip(struct vcpu *v, u64 host_fip)
{
	(void)v;
	return host_fip >> 32 ? 0xc0de0000 : (u32)host_fip;
}

/* --- memory */

void env_put32(u32 at, u32 val)
{
	memcpy(env.mem + at, &val, 4);
}

void env_put16(u32 at, u16 val)
{
	memcpy(env.mem + at, &val, 2);
}

u32 env_get32(u32 at)
{
	return light_get32(env.mem + at);
}

u16 env_get16(u32 at)
{
	return light_get16(env.mem + at);
}

/* limit in bytes, or pages if flags has 8 (G); flags is the high nibble. */
void env_desc(u16 sel, u32 base, u32 limit, u8 access, u8 flags)
{
	u32 at = AT_GDT + (sel & ~7u);

	env_put32(at, base << 16 | (limit & 0xffff));
	env_put32(at + 4, (base & 0xff000000) | (u32)flags << 20 |
				  (limit & 0xf0000) | (u32)access << 8 |
				  (base >> 16 & 0xff));
}

void env_gate(u8 vector, u16 sel, u32 off, u8 access)
{
	u32 at = AT_IDT + vector * 8u;

	env_put32(at, (u32)sel << 16 | (off & 0xffff));
	env_put32(at + 4, (off & 0xffff0000) | (u32)access << 8);
}

void env_call_gate(u16 at, u16 sel, u32 off, u8 access, unsigned params)
{
	u32 a = AT_GDT + (at & ~7u);

	env_put32(a, (u32)sel << 16 | (off & 0xffff));
	env_put32(a + 4, (off & 0xffff0000) | (u32)access << 8 | params);
}

/* --- states */

static void env_load(unsigned seg, u16 sel)
{
	struct desc d;

	ck_assert_int_eq(desc_read(&env.v, sel, &d, VEC_GP, 0), 0);
	seg_from_desc(&env.v.cpu.seg[seg], &d, sel);
}

static void env_tables(void)
{
	struct cpu *c = &env.v.cpu;
	struct desc d;

	env_desc(SEL_CODE0, 0, 0xfffff, ACC_CODE0, 0xc);
	env_desc(SEL_DATA0, 0, 0xfffff, ACC_DATA0, 0xc);
	env_desc(SEL_CODE3, 0, 0xfffff, ACC_CODE3, 0xc);
	env_desc(SEL_DATA3, 0, 0xfffff, ACC_DATA3, 0xc);
	env_desc(SEL_TSS, AT_TSS, 0x67, 0x8b, 0);
	env_desc(SEL_TSS2, AT_TSS2, 0x67, 0x89, 0);
	env_desc(SEL_LDT, AT_LDT, 0xff, 0x82, 0);
	env_desc(SEL_CODE16, 0, 0xffff, ACC_CODE0, 0);
	env_desc(SEL_DATA16, 0, 0xffff, ACC_DATA0, 0);
	env_desc(SEL_CONF, 0, 0xfffff, ACC_CONF0, 0xc);
	c->gdt.base = AT_GDT;
	c->gdt.limit = 0xff;
	c->idt.base = AT_IDT;
	c->idt.limit = 0x7ff;
	env_put32(AT_TSS + 4, AT_STACK0);
	env_put16(AT_TSS + 8, SEL_DATA0);
	ck_assert_int_eq(desc_read(&env.v, SEL_TSS, &d, VEC_GP, 0), 0);
	seg_from_desc(&c->tr, &d, SEL_TSS);
	for (unsigned n = 0; n < 256; n++)
		env_gate((u8)n, SEL_CODE0, AT_CODE + 16 * n, 0x8e);
}

static void env_reset(void)
{
	memset(&env, 0, sizeof(env));
	env.v.run = &env.run;
	env.v.host = &env.host;
	/* an Intel processor that has everything */
	env.host.cpuid_nr = 0;
	for (unsigned i = 0; i < 6; i++) {
		static const u32 leaf[6][2] = {
			{ 0, 0 },   { 1, 0 },   { 7, 0 },
			{ 0xd, 0 }, { 0xd, 1 }, { 0x80000001u, 0 },
		};
		u32 *e = env.host.cpuid_cache[env.host.cpuid_nr++];

		e[0] = leaf[i][0];
		e[1] = leaf[i][1];
		e[2] = e[3] = e[4] = e[5] = 0xffffffff;
	}
	memcpy(&env.host.cpuid_cache[0][3], "Genu", 4);
	memcpy(&env.host.cpuid_cache[0][5], "ineI", 4);
	memcpy(&env.host.cpuid_cache[0][4], "ntel", 4);
	env.host.avx = env.host.avx2 = env.host.xsavec = true;
	env.host.tsc_khz = 2596120;
	cpuid_init_features(env.v.features, &env.host);
	sys_reset(&env.v);
}

static struct vcpu *env_ring(u16 cs, u16 ds)
{
	struct cpu *c = &env.v.cpu;

	env_reset();
	c->cr0 = CR0_PE | CR0_ET | CR0_NE;
	env_tables();
	c->cpl = cs & 3;
	env_load(CPU_CS, cs);
	env_load(CPU_SS, ds);
	env_load(CPU_DS, ds);
	env_load(CPU_ES, ds);
	env_load(CPU_FS, ds);
	env_load(CPU_GS, ds);
	c->gpr[R_SP] = AT_STACK;
	c->rip = AT_CODE;
	return &env.v;
}

struct vcpu *env_protected(void)
{
	return env_ring(SEL_CODE0, SEL_DATA0);
}

struct vcpu *env_user(void)
{
	return env_ring(SEL_CODE3, SEL_DATA3);
}

struct vcpu *env_real(void)
{
	struct cpu *c = &env.v.cpu;

	env_reset();
	c->idt.base = 0;
	c->idt.limit = 0x3ff;
	for (unsigned i = 0; i < CPU_NSEG; i++)
		seg_real(&c->seg[i], 0x3000);
	c->rip = 0;
	c->gpr[R_SP] = 0x8000;
	return &env.v;
}

struct vcpu *env_vm86(unsigned iopl)
{
	struct vcpu *v = env_protected();
	struct cpu *c = &v->cpu;

	c->sysflags = EFL_VM | iopl << EFL_IOPL_SHIFT;
	c->cpl = 3;
	for (unsigned i = 0; i < CPU_NSEG; i++)
		seg_vm86(&c->seg[i], (u16)(0x3000 + 0x10 * i));
	c->rip = 0x100;
	c->gpr[R_SP] = 0x8000;
	return v;
}

/* --- instructions */

enum hret env_run(const void *bytes, unsigned len)
{
	const struct cpu *c = &env.v.cpu;
	bool wide = cpu_is_protected(c) && (c->seg[CPU_CS].attr & SEG_ATTR_DB);
	struct insn insn;
	u8 buf[16] = { 0 };

	memcpy(buf, bytes, len);
	ck_assert_int_eq(insn_decode(&insn, buf, sizeof(buf), wide ? 32 : 16,
				     env.v.features),
			 INSN_OK);
	ck_assert_uint_eq(insn.len, len);
	env.v.mode_dirty = false;
	return sys_insn(&env.v, &insn);
}

void env_save(struct env_regs *r)
{
	const struct cpu *c = &env.v.cpu;

	memset(r, 0, sizeof(*r));
	memcpy(r->gpr, c->gpr, sizeof(r->gpr));
	r->rip = c->rip;
	r->eflags = cpu_eflags(c);
	memcpy(r->seg, c->seg, sizeof(r->seg));
	r->ldt = c->ldt;
	r->tr = c->tr;
	r->cr0 = c->cr0;
	r->cr3 = c->cr3;
	r->cr4 = c->cr4;
	r->cpl = c->cpl;
}

bool env_unchanged(const struct env_regs *r)
{
	struct env_regs now;

	env_save(&now);
	return !memcmp(&now, r, sizeof(now));
}
