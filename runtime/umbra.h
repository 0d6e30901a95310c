/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umbra.h - the engine's public interface, modelled on KVM's: make a VM, give
 * it memory slots, make vCPUs, set registers, run until an exit.
 *
 * No globals: two VMs in one process work. Functions return 0 or -errno
 * unless they say otherwise. A vCPU is used by the one thread that created
 * it, but for umbra_kick() and umbra_irq(), which any thread may call.
 */
#ifndef UMBRA_H
#define UMBRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct umbra_vm;
struct vcpu;

/* The crystal that CPUID leaf 15h tells of; the client's local APIC timer should
 * run at this rate. */
#define UMBRA_CRYSTAL_HZ 25000000u

/* Facts of the host, found once (host.c). */
struct umbra_host {
	bool fsgsbase, bmi2, avx, avx2, xsavec;
	bool uffd; /* userfaultfd can withhold writes to shared memory */
	uint64_t tsc_khz;
	uint64_t max_map_count;
	uint64_t mem_bytes;
	uint64_t xcr0;
	uint32_t cpuid_cache[64][6]; /* leaf, subleaf, eax, ebx, ecx, edx */
	unsigned cpuid_nr;
};
/* Fills *h; -ENOTSUP with a reason in *why if this host cannot run us. */
int umbra_host_detect(struct umbra_host *h, const char **why);

struct umbra_inject {
	bool one_insn;	   /* one guest instruction a block */
	bool no_chain;	   /* direct exits always leave */
	bool no_pairs;	   /* returns go through the hash */
	bool no_far;	   /* no chains over the ends of pages */
	bool far_now;	   /* such chains for user programs from the start */
	bool no_trans;	   /* changes of privilege and segments always in C */
	bool helper_sites; /* every access in helper form */
	bool no_fsgsbase, no_bmi2;
	bool no_uffd;	   /* code is protected by mprotect only */
	bool checked;	   /* all blocks compare their source */
	bool no_checked;   /* none do */
	bool no_reuse;	   /* every block is translated */
	bool step;	   /* as one_insn and leave after each (state trace) */
	uint32_t cache_kb; /* code cache size; 0: default */
	uint32_t map_budget, fail_fill, fail_zap;
	uint32_t flush;	   /* drop all blocks at each Nth translation */
	uint32_t kick_us;  /* a kick so often, amid generated code */
};

int umbra_vm_new(struct umbra_vm **vm, const struct umbra_host *host,
		 const struct umbra_inject *inj);
void umbra_vm_free(struct umbra_vm *vm);

/* Guest memory slot: size bytes at gpa are bytes offset.. of fd, mapped
 * read-write at hva in this process. Page aligned; size 0 removes it. */
int umbra_set_memory(struct umbra_vm *vm, unsigned slot, uint64_t gpa,
		     uint64_t size, int fd, uint64_t offset, void *hva);

/* Writes guest memory on a device's behalf (DMA): drops translated code in
 * the range. Call with the vCPU outside umbra_vcpu_run, or on its thread. */
int umbra_ram_write(struct umbra_vm *vm, uint64_t gpa, const void *buf,
		    size_t len);

struct umbra_segment {
	uint64_t base;
	uint32_t limit; /* bytes */
	uint16_t selector;
	uint8_t type, present, dpl, db, s, l, g, avl, unusable;
};

struct umbra_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

struct umbra_sregs {
	struct umbra_segment cs, ds, es, fs, gs, ss, tr, ldt;
	struct { uint64_t base; uint16_t limit; } gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};

int umbra_vcpu_new(struct umbra_vm *vm, struct vcpu **v);
void umbra_vcpu_free(struct vcpu *v);
int umbra_get_regs(struct vcpu *v, struct umbra_regs *r);
int umbra_set_regs(struct vcpu *v, const struct umbra_regs *r);
int umbra_get_sregs(struct vcpu *v, struct umbra_sregs *s);
int umbra_set_sregs(struct vcpu *v, const struct umbra_sregs *s);
void umbra_vcpu_reset(struct vcpu *v);

enum umbra_exit {
	UMBRA_EXIT_IO,	     /* run->io */
	UMBRA_EXIT_MMIO,     /* run->mmio */
	UMBRA_EXIT_MSR,	     /* run->msr: an MSR the engine does not own */
	UMBRA_EXIT_SHUTDOWN, /* triple fault */
	UMBRA_EXIT_INTR,     /* umbra_kick() asked for it */
	UMBRA_EXIT_FERR,     /* FERR# rose (CR0.NE = 0): raise IRQ 13 */
	UMBRA_EXIT_ERROR,    /* run->error says what the host refused */
};

/* Exit data. For reads (io.in, !mmio.is_write, !msr.is_write) the client
 * stores the result before it runs the vCPU again. */
struct umbra_run {
	enum umbra_exit reason;
	union {
		struct {
			uint16_t port;
			uint8_t size;  /* 1, 2, 4 */
			bool in;
			uint32_t data;
		} io;
		struct {
			uint64_t gpa;
			uint8_t data[64];
			uint8_t len; /* 1..8, or up to 64 for vectors */
			bool is_write;
		} mmio;
		struct {
			uint32_t index;
			bool is_write;
			bool fault; /* client sets: #GP */
			uint64_t data;
		} msr;
		const char *error;
	};
};

struct umbra_run *umbra_vcpu_run_area(struct vcpu *v);
/* Runs until an exit; halts sleep inside until an interrupt or kick. */
int umbra_vcpu_run(struct vcpu *v);

/* The CPU's INTR pin. The callback gives the vector when the CPU accepts it
 * (-1: spurious drop); it runs on the vCPU's thread. */
void umbra_set_intack(struct vcpu *v, int (*intack)(void *), void *opaque);
/* The guest's time stamp counter, now; from any thread. */
uint64_t umbra_tsc(struct vcpu *v);
/* One timer for the client: `alarm` runs on the vCPU's thread, in
 * umbra_vcpu_run(), between two blocks or in a halt. */
void umbra_set_alarm(struct vcpu *v, void (*alarm)(void *), void *opaque);
/* It rings once, in ns; UINT64_MAX: not any more. From any thread. */
void umbra_alarm(struct vcpu *v, uint64_t ns);
/* Called on the vCPU's thread each time before it sleeps in a halt. */
void umbra_set_idle(struct vcpu *v, void (*idle)(void *), void *opaque);
void umbra_irq(struct vcpu *v, bool level);
void umbra_nmi(struct vcpu *v);
/* Makes umbra_vcpu_run return with UMBRA_EXIT_INTR soon. */
void umbra_kick(struct vcpu *v);
void umbra_a20(struct vcpu *v, bool enabled);

/* --- seeing inside; set before the vCPU runs, called on its thread */

/* The name of what lies at a linear address of the guest, and how far behind
 * its begin; NULL: unknown. For listings and dumps. */
typedef const char *umbra_symbol_fn(void *opaque, uint64_t la,
				    uint32_t *offset);
void umbra_set_symbols(struct vcpu *v, umbra_symbol_fn *fn, void *opaque);

/* Translated code, for profilers. */
struct umbra_code {
	uint64_t host;	   /* where it runs */
	const void *bytes; /* the same bytes, readable during the call only */
	uint32_t size;
	uint64_t la;	   /* linear address of the guest's instructions */
	unsigned cpl;
	const char *glue;  /* not NULL: of this name, and nobody's translation */
};
typedef void umbra_code_fn(void *opaque, const struct umbra_code *code);
/* Told at once of the glue, then of each block that is made, or moved to
 * another guest address. A block ends where another one is told to lie. */
void umbra_set_code_hook(struct vcpu *v, umbra_code_fn *fn, void *opaque);

/* Counters as text lines "name value", or JSON. */
void umbra_stats_print(struct umbra_vm *vm, FILE *f, bool json);

#endif
