// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vm.c - making and ending VMs and vCPUs, memory slots, counters: the part of
 * umbra.h that is not the run loop or the registers.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "engine.h"
#include "glue.h"
#include "log.h"
#include "signals.h"

#define CACHE_DEFAULT_KB (48 * 1024)
#define CACHE_MIN_KB	 64
#define MAX_GFN		 ((1ull << 20) - 1) /* 4 GiB of physical addresses */

int umbra_vm_new(struct umbra_vm **out, const struct umbra_host *host,
		 const struct umbra_inject *inj)
{
	struct umbra_vm *vm = calloc(1, sizeof(*vm));
	struct mmu_inject mi = { 0 };
	int err;

	if (!vm)
		return -ENOMEM;
	vm->host = *host;
	log_xcr0 = host->xcr0 & 7;
	if (inj)
		vm->inj = *inj;
	mi.map_budget = vm->inj.map_budget;
	mi.fail_fill = vm->inj.fail_fill;
	mi.fail_zap = vm->inj.fail_zap;
	mi.no_uffd = vm->inj.no_uffd || !host->uffd;
	vm->max_gfn = MAX_GFN;
	err = mmu_new(&vm->mmu, &mi);
	if (!err)
		err = signals_init();
	if (err) {
		umbra_vm_free(vm);
		return err;
	}
	*out = vm;
	return 0;
}

void umbra_vm_free(struct umbra_vm *vm)
{
	if (!vm)
		return;
	umbra_vcpu_free(vm->vcpu);
	mmu_free(vm->mmu);
	free(vm);
}

int umbra_set_memory(struct umbra_vm *vm, unsigned slot, uint64_t gpa,
		     uint64_t size, int fd, uint64_t offset, void *hva)
{
	int err;

	if (size && (gpa + size < gpa ||
		     (gpa + size - 1) >> PAGE_SHIFT > vm->max_gfn))
		return -EINVAL;
	if (vm->vcpu)
		tcache_drop_all(vm->vcpu->eng->tc);
	err = mmu_slot_set(vm->mmu, slot, gpa, size, fd, offset, hva);
	if (vm->vcpu) {
		engine_forget_fetch(vm->vcpu->eng, 0, 0, 0);
		engine_tlb_flush(vm->vcpu->eng);
	}
	return err;
}

int umbra_ram_write(struct umbra_vm *vm, uint64_t gpa, const void *buf,
		    size_t len)
{
	u8 *hva = mmu_ram(vm->mmu, gpa, len);

	if (!hva)
		return -EFAULT;
	for (gfn_t g = gpa >> PAGE_SHIFT;
	     len && g <= (gpa + len - 1) >> PAGE_SHIFT; g++) {
		if (vm->vcpu && mmu_code_test(vm->mmu, g))
			engine_drop_code(vm->vcpu->eng, g);
	}
	memcpy(hva, buf, len);
	return 0;
}

/* The pair stacks: a guard below each, sentinels at its bottom (rule 31). */
static int vcpu_pairs(struct engine *e)
{
	u64 sentinel = tcache_base(e->tc) +
		       (u64)(glue_at_sentinel - glue_blob);
	u8 *p = mmap(NULL, PAIR_MAP_BYTES, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	e->pair_map = p;
	for (unsigned i = 0; i < HTABS; i++) {
		u64 *top;

		p += PAIR_GUARD;
		if (mprotect(p, PAIR_BYTES, PROT_READ | PROT_WRITE))
			return -errno;
		p += PAIR_BYTES;
		top = (u64 *)(void *)(p - 64);
		for (unsigned k = 0; k < 8; k++)
			top[k] = sentinel;
		e->htab[i].pair_top = e->htab[i].pair_rsp = (u64)top;
	}
	e->v->cpu.pair_top = e->v->cpu.pair_rsp = e->htab[0].pair_top;
	return 0;
}

/* The tables are filled when they are first used. */
static int vcpu_hashes(struct engine *e)
{
	size_t n = HASH_SIZE * sizeof(u64);
	u8 *p = mmap(NULL, n * (HTABS + 1), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	e->empty_hash = (u64 *)(void *)p;
	e->hash_miss = tcache_base(e->tc) + tcache_glue(e->tc)[GLUE_MISS];
	for (unsigned i = 0; i < HASH_SIZE; i++)
		e->empty_hash[i] = e->hash_miss;
	for (unsigned i = 0; i < HTABS; i++)
		e->htab[i].table = (u64 *)(void *)(p + n * (i + 1));
	return 0;
}

static int vcpu_engine(struct vcpu *v)
{
	const struct umbra_vm *vm = v->vm;
	struct engine *e = calloc(1, sizeof(*e));
	struct tcache_ops tops = engine_tcache_ops;
	struct mmu_ops mops = engine_mmu_ops;
	u32 kb = vm->inj.cache_kb ? vm->inj.cache_kb : CACHE_DEFAULT_KB;
	int err;

	if (!e)
		return -ENOMEM;
	v->eng = e;
	e->v = v;
	e->vm = v->vm;
	e->out = malloc(sizeof(*e->out));
	if (!e->out || engine_verify_init(e))
		return -ENOMEM;
	tops.opaque = mops.opaque = e;
	mops.user_work = &v->cpu.user_work;
	err = tcache_new(&e->tc, MAX(kb, (u32)CACHE_MIN_KB) * 1024ul,
			 vm->max_gfn, &tops);
	if (!err)
		err = vcpu_hashes(e);
	if (!err)
		err = vcpu_pairs(e);
	if (!err)
		err = signals_timer(e);
	if (!err)
		err = vmmu_new(&v->mmu, v->vm->mmu, &mops);
	if (err)
		return err;
	engine_wire(e);
	engine_tlb_init(e);
	e->v->cpu.view = 1;
	return 0;
}

/* The vector state after reset (SDM vol. 3, table 9-1). */
static void vcpu_fpu_reset(struct vcpu *v)
{
	u16 fcw = 0x37f;
	u32 mxcsr = 0x1f80;
	u64 xstate_bv = 3;

	memset(v->cpu.xsave_area, 0, sizeof(v->cpu.xsave_area));
	memcpy(v->cpu.xsave_area, &fcw, 2);
	memcpy(v->cpu.xsave_area + 24, &mxcsr, 4);
	memcpy(v->cpu.xsave_area + 512, &xstate_bv, 8);
	v->cpu.fpu_saved = 1;
}

int umbra_vcpu_new(struct umbra_vm *vm, struct vcpu **out)
{
	struct vcpu *v;
	int err;

	if (vm->vcpu)
		return -EBUSY;
	v = aligned_alloc(64, ALIGN_UP(sizeof(*v), 64ul));
	if (!v)
		return -ENOMEM;
	memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->host = &vm->host;
	v->run = calloc(1, sizeof(*v->run));
	err = v->run ? vcpu_engine(v) : -ENOMEM;
	if (err) {
		umbra_vcpu_free(v);
		return err;
	}
	vm->vcpu = v;
	v->cpu.use_gs = vm->host.fsgsbase && !vm->inj.no_fsgsbase;
	cpuid_init_features(v->features, &vm->host);
	umbra_vcpu_reset(v);
	vcpu_fpu_reset(v);
	must_set_dump(engine_dump, v->eng);
	*out = v;
	return 0;
}

void umbra_vcpu_free(struct vcpu *v)
{
	struct engine *e;

	if (!v)
		return;
	must_set_dump(NULL, NULL);
	e = v->eng;
	vmmu_free(v->mmu); /* reports its zaps to the engine */
	if (e) {
		signals_timer_free(e);
		signals_detach(e);
		tcache_free(e->tc);
		if (e->empty_hash)
			munmap(e->empty_hash,
			       HASH_SIZE * sizeof(u64) * (HTABS + 1));
		if (e->pair_map)
			munmap(e->pair_map, PAIR_MAP_BYTES);
		free(e->verify);
		free(e->out);
		free(e);
	}
	if (v->vm)
		v->vm->vcpu = NULL;
	free(v->run);
	free(v);
}

struct umbra_run *umbra_vcpu_run_area(struct vcpu *v)
{
	return v->run;
}

uint64_t umbra_tsc(struct vcpu *v)
{
	return __rdtsc() + __atomic_load_n(&v->tsc_offset, __ATOMIC_RELAXED);
}

void umbra_set_alarm(struct vcpu *v, void (*alarm)(void *), void *opaque)
{
	v->eng->alarm = alarm;
	v->eng->alarm_opaque = opaque;
}

void umbra_alarm(struct vcpu *v, uint64_t ns)
{
	struct itimerspec its = { 0 };

	if (ns != UINT64_MAX) {
		ns = MAX(ns, 1ul); /* 0 would disarm */
		its.it_value.tv_sec = (time_t)(ns / 1000000000);
		its.it_value.tv_nsec = (long)(ns % 1000000000);
	}
	must(!timer_settime(v->eng->timer, 0, &its, NULL), "alarm");
}

void umbra_set_idle(struct vcpu *v, void (*idle)(void *), void *opaque)
{
	v->eng->idle = idle;
	v->eng->idle_opaque = opaque;
}

void umbra_set_intack(struct vcpu *v, int (*intack)(void *), void *opaque)
{
	v->eng->intack = intack;
	v->eng->intack_opaque = opaque;
}

void umbra_a20(struct vcpu *v, bool enabled)
{
	v->eng->a20_off = !enabled;
	must(vcpu_mmu_update(v, false), "A20 cannot fault");
	vmmu_flush_all(v->mmu);
}

static void stats_line(FILE *f, bool json, bool *first, const char *name,
		       u64 value)
{
	if (json)
		fprintf(f, "%s\n  \"%s\": %lu", *first ? "" : ",", name,
			(unsigned long)value);
	else
		fprintf(f, "%-20s %lu\n", name, (unsigned long)value);
	*first = false;
}

void umbra_stats_print(struct umbra_vm *vm, FILE *f, bool json)
{
	const struct mmu_stats *m = mmu_stats(vm->mmu);
	const struct engine *e = vm->vcpu ? vm->vcpu->eng : NULL;
	bool first = true;

	if (json)
		fputc('{', f);
	if (e) {
		const struct tcache_stats *t = tcache_stats(e->tc);

#define STAT(name, text) stats_line(f, json, &first, #name, e->stats.name);
#include "stats.def"
#undef STAT
		stats_line(f, json, &first, "transitions", e->v->cpu.trans.count);
#define S(name) stats_line(f, json, &first, "code_" #name, t->name);
		S(blocks) S(guest_insns) S(host_bytes) S(table_bytes) S(drops)
		S(region_reuses) S(chains) S(unchains)
#undef S
	}
#define S(name) stats_line(f, json, &first, "mmu_" #name, m->name);
	S(fills) S(fills_code) S(fills_pf) S(fills_mmio) S(fills_helper)
	S(prefilled) S(fills_return) S(zaps) S(zapped_pages) S(syncs) S(sync_entries)
	S(sync_drops) S(views_made) S(views_evicted) S(evictions) S(mmaps)
	S(mprotects) S(mappings) S(code_protects) S(code_unprotects)
	S(uffd_registers) S(uffd_protects) S(uffd_lifts)
#undef S
	if (json)
		fputs("\n}\n", f);
}
