// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmu_env.c - see mmu_env.h. The reference walker shares no code with the
 * shadow MMU and is written for being read, not for speed.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mmu_env.h"

/* The engine has its own; unit tests of this part alone do not link it. */
__attribute__((weak)) void log_light_printf(enum log_subsys s, const char *fmt,
					    ...)
{
	va_list ap;

	(void)s;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

/* Process-wide, as signal handlers are. */
static sigjmp_buf fault_back;
static volatile sig_atomic_t fault_expected;

static void on_fault(int sig)
{
	if (!fault_expected) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(fault_back, 1);
}

static void fetch_zap(void *opaque, u32 view, gva_t gva, u64 npages)
{
	struct env *e = opaque;

	e->nr_fetch_zaps++;
	e->fetch_zap = (struct env_zap){view, gva, npages};
}

static void tlb_zap(void *opaque, gva_t gva, u64 npages)
{
	struct env *e = opaque;

	e->nr_tlb_zaps++;
	e->tlb_zap = (struct env_zap){0, gva, npages};
}

static void code_write(void *opaque, gpa_t gpa, unsigned len)
{
	struct env *e = opaque;

	(void)len;
	e->nr_code_writes++;
	e->code_write = gpa;
	if (e->poke)
		*e->poke = e->poke_val;
}

void env_init(struct env *e, const struct mmu_inject *inj)
{
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
	struct mmu_ops ops = {.fetch_zap = fetch_zap,
			      .tlb_zap = tlb_zap,
			      .code_write = code_write,
			      .opaque = e};

	memset(e, 0, sizeof(*e));
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	e->fd = memfd_create("ram", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(e->fd, ENV_RAM), 0);
	e->ram = mmap(NULL, ENV_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd,
		      0);
	ck_assert(e->ram != MAP_FAILED);
	ck_assert_int_eq(mmu_new(&e->m, inj), 0);
	ck_assert_int_eq(mmu_slot_set(e->m, 0, 0, ENV_RAM, e->fd, 0, e->ram),
			 0);
	ck_assert_int_eq(vmmu_new(&e->v, e->m, &ops), 0);
	e->r = (struct mmu_regs){.cr0 = CR0_ET, .phys_mask = ~0ull};
	env_load(e);
	if (getenv("MMU_LOG"))
		log_mask = 1u << LOG_MMU;
}

void env_fini(struct env *e)
{
	vmmu_free(e->v);
	mmu_free(e->m);
	munmap(e->ram, ENV_RAM);
	close(e->fd);
}

void env_load(struct env *e)
{
	ck_assert(vmmu_set_regs(e->v, &e->r, true));
}

void env_paging(struct env *e, u64 root, u64 cr0, u64 cr4, u64 efer)
{
	e->r.cr0 = CR0_ET | CR0_PE | CR0_PG | cr0;
	e->r.cr3 = root;
	e->r.cr4 = cr4;
	e->r.efer = efer;
	env_load(e);
}

void env_set(struct env *e, gpa_t table, unsigned i, u64 val)
{
	if (e->r.cr4 & CR4_PAE)
		((u64 *)(e->ram + table))[i] = val;
	else
		((u32 *)(e->ram + table))[i] = (u32)val;
}

u64 env_get(const struct env *e, gpa_t table, unsigned i)
{
	if (e->r.cr4 & CR4_PAE)
		return ((u64 *)(e->ram + table))[i];
	return ((u32 *)(e->ram + table))[i];
}

typedef u64 u64_anywhere __attribute__((aligned(1)));

static __attribute__((noinline)) bool try_access(volatile u64_anywhere *p,
						 bool write, u64 *val)
{
	if (sigsetjmp(fault_back, 0)) {
		fault_expected = 0;
		return false;
	}
	fault_expected = 1;
	if (write)
		*p = *val;
	else
		*val = *p;
	fault_expected = 0;
	return true;
}

bool env_window(struct env *e, bool user, u32 gva, bool write, u64 *val)
{
	if (user)
		vmmu_user_enter(e->v);
	return try_access((u64_anywhere *)(vmmu_window(e->v, user) + gva),
			  write, val);
}

bool env_can_read(struct env *e, bool user, u32 gva)
{
	u64 val;

	return env_window(e, user, gva, false, &val);
}

/* Writes what is there, so it must be readable too (windows always are). */
bool env_can_write(struct env *e, bool user, u32 gva)
{
	u64 val;

	return env_window(e, user, gva, false, &val) &&
	       env_window(e, user, gva, true, &val);
}

int env_do(struct env *e, struct env_access *a, u32 *pfec, gpa_t *gpa)
{
	bool user = a->priv == MMU_USER, write = a->acc == MMU_WRITE;
	int res;

	if (env_window(e, user, a->gva, write, &a->val))
		return ENV_DIRECT;
	for (unsigned tries = 0; tries < 4; tries++) {
		res = vmmu_fill(e->v, a->gva, a->acc, a->priv, a->ac, pfec,
				gpa);
		if (res != MMU_OK)
			return res;
		if (env_window(e, user, a->gva, write, &a->val))
			return res;
	}
	ck_abort_msg("fill of %#x says it is mapped, but it is not", a->gva);
	return -1;
}

int env_read(struct env *e, u32 gva, enum mmu_priv priv, u64 *val)
{
	struct env_access a = {.gva = gva, .acc = MMU_READ, .priv = priv};
	u32 pfec = 0;
	gpa_t gpa = 0;
	int res = env_do(e, &a, &pfec, &gpa);

	if (val)
		*val = a.val;
	return res == ENV_DIRECT ? MMU_OK : res;
}

int env_write(struct env *e, u32 gva, enum mmu_priv priv, u64 val)
{
	struct env_access a = {
		.gva = gva, .acc = MMU_WRITE, .priv = priv, .val = val};
	u32 pfec = 0;
	gpa_t gpa = 0;
	int res = env_do(e, &a, &pfec, &gpa);

	return res == ENV_DIRECT ? MMU_OK : res;
}

/* --- the reference */

static u64 ref_entry(const struct env *e, gpa_t gpa, bool pae)
{
	u64 val = ~0ull;

	gpa &= e->r.phys_mask;
	if (gpa + 8 <= ENV_RAM)
		memcpy(&val, e->ram + gpa, 8);
	return pae ? val : (u32)val;
}

static void ref_mark(struct ref *ref, const struct env *e, gpa_t gpa, u64 old,
		     u64 bits)
{
	gpa &= e->r.phys_mask;
	if ((old & bits) == bits || gpa + 8 > ENV_RAM)
		return;
	ref->mark[ref->nr_marks].gpa = gpa;
	ref->mark[ref->nr_marks++].bits = bits & ~old;
}

static bool ref_denied(const struct env *e, bool u, bool w, bool nx,
		       enum mmu_access acc, enum mmu_priv priv, bool ac)
{
	bool wp = e->r.cr0 & CR0_WP, smep = e->r.cr4 & CR4_SMEP;
	bool smap = e->r.cr4 & CR4_SMAP;

	switch (acc) {
	case MMU_FETCH:
		if (nx)
			return true;
		return priv == MMU_USER ? !u : u && smep;
	case MMU_READ:
		if (priv == MMU_USER)
			return !u;
		if (priv == MMU_IMPLICIT)
			return u && smap;
		return u && smap && !ac;
	default:
		if (priv == MMU_USER)
			return !u || !w;
		if (u && smap && (priv == MMU_IMPLICIT || !ac))
			return true;
		return !w && wp;
	}
}

void ref_walk(const struct env *e, u32 gva, enum mmu_access acc,
	      enum mmu_priv priv, bool ac, struct ref *ref)
{
	bool pae = e->r.cr4 & CR4_PAE, nxe = e->r.efer & EFER_NXE;
	bool write = acc == MMU_WRITE, large, u, w, nx;
	u64 pde, pte, bad_pde, bad_pte;
	gpa_t pde_at, pte_at;
	unsigned size = pae ? 8 : 4;

	memset(ref, 0, sizeof(*ref));
	if (!(e->r.cr0 & CR0_PG)) {
		ref->gpa = gva & e->r.phys_mask;
		return;
	}
	ref->fault = true;
	ref->pfec = (write ? 2 : 0) | (priv == MMU_USER ? 4 : 0);
	if (acc == MMU_FETCH && ((e->r.cr4 & CR4_SMEP) || (pae && nxe)))
		ref->pfec |= 16;
	if (pae) {
		u64 pdpte = ref_entry(e, (e->r.cr3 & ~31ull) + (gva >> 30) * 8,
				      true);

		if (!(pdpte & 1))
			return;
		pde_at = (pdpte & 0xffffff000ull) + (gva >> 21 & 511) * 8;
	} else {
		pde_at = (e->r.cr3 & ~0xfffull) + (gva >> 22) * 4;
	}
	pde = ref_entry(e, pde_at, pae);
	if (!(pde & 1))
		return;
	large = (pde & 0x80) && (pae || (e->r.cr4 & CR4_PSE));
	bad_pte = pae ? 0x7ffffff000000000ull : 0;
	if (pae && !nxe)
		bad_pte |= 1ull << 63;
	bad_pde = bad_pte;
	if (large)
		bad_pde |= pae ? 0x1fe000 : 0x3e0000;
	if (pde & bad_pde) {
		ref->pfec |= 9;
		return;
	}
	if (large) {
		pte = pde;
		pte_at = 0;
		if (pae)
			ref->gpa = (pde & 0xfffe00000ull) + (gva & 0x1fffff);
		else
			ref->gpa = (pde & 0xffc00000) +
				   (pde >> 13 & 15) * (1ull << 32) +
				   (gva & 0x3fffff);
	} else {
		pte_at = (pde & 0xffffff000ull & (pae ? ~0ull : 0xffffffff)) +
			 (pae ? gva >> 12 & 511 : gva >> 12 & 1023) * size;
		pte = ref_entry(e, pte_at, pae);
		if (!(pte & 1))
			return;
		if (pte & bad_pte) {
			ref->pfec |= 9;
			return;
		}
		ref->gpa = (pte & 0xffffff000ull) + (gva & 0xfff);
	}
	ref->gpa &= e->r.phys_mask;
	ref->large = large;
	u = (pde & 4) && (pte & 4);
	w = (pde & 2) && (pte & 2);
	nx = pae && ((pde | pte) >> 63);
	ref->user = u;
	if (ref_denied(e, u, w, nx, acc, priv, ac)) {
		ref->pfec |= 1;
		return;
	}
	ref->fault = false;
	ref_mark(ref, e, pde_at, pde, large && write ? 0x60 : 0x20);
	if (!large)
		ref_mark(ref, e, pte_at, pte, write ? 0x60 : 0x20);
}

u64 env_host_mappings(const struct view *w)
{
	FILE *f = fopen("/proc/self/maps", "re");
	u64 count = 0, at = w->low, end = w->low + w->low_size;
	unsigned long from, to;
	char line[512], perm[8];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) != 3 ||
		    to <= w->low || from >= end)
			continue;
		ck_assert_msg(from <= at, "hole at %#lx", at);
		ck_assert_msg(perm[2] == '-', "executable: %s", line);
		at = to;
		count++;
	}
	ck_assert_msg(at >= end, "hole at %#lx", at);
	fclose(f);
	return count;
}
