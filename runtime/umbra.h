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
	bool verify;	   /* no path is forced: every block is verified */
	uint32_t cache_kb; /* code cache size; 0: default */
	uint32_t map_budget, fail_fill, fail_zap;
	uint32_t flush;	   /* empty the code cache at each Nth translation */
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
	UMBRA_EXIT_DEBUG,    /* run->debug: what umbra_set_debug() asked for */
};

/* Exit data. For reads (io.in, !mmio.is_write, !msr.is_write) the client
 * stores the result before it runs the vCPU again. */
enum umbra_debug_why { UMBRA_DEBUG_STEP, UMBRA_DEBUG_BREAK, UMBRA_DEBUG_WATCH };
enum { UMBRA_WATCH_READ = 1, UMBRA_WATCH_WRITE = 2 };

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
		struct {
			enum umbra_debug_why why;
			uint32_t pc; /* linear address of the next instruction */
			uint32_t la; /* WATCH: the first byte that was met, */
			uint8_t kind; /* and the kind of the watchpoint */
		} debug;
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

/*
 * Debugging the guest, in the manner of KVM_SET_GUEST_DEBUG. The guest cannot
 * see any of it: its memory, debug registers and TF are its own.
 *
 * Addresses are linear and hold in every address space and at every privilege.
 * A breakpoint stops before its instruction, a watchpoint behind the one that
 * touched it; what DMA writes is not seen, nor are the walks of page tables. A
 * step is one instruction (of a repeated string instruction a part at least),
 * or the delivery of an exception that it raises; interrupts wait for its end.
 * The instruction at which the vCPU stands when umbra_set_debug() is called runs
 * even if a breakpoint is there.
 *
 * To be called while the vCPU is outside umbra_vcpu_run() behind its last
 * UMBRA_EXIT_DEBUG or UMBRA_EXIT_INTR, or before its first run, after registers
 * have been set, and again for each step.
 */
#define UMBRA_DEBUG_BREAKS  256
#define UMBRA_DEBUG_WATCHES 32
struct umbra_debug {
	bool step;
	unsigned nbreaks, nwatches;
	uint32_t breaks[UMBRA_DEBUG_BREAKS];
	struct umbra_watch {
		uint32_t la;
		uint8_t len;  /* 1..8 */
		uint8_t kind; /* UMBRA_WATCH_*, or both */
	} watches[UMBRA_DEBUG_WATCHES];
};
/* 0, or -EINVAL: more than there can be, or a bad watchpoint. */
int umbra_set_debug(struct vcpu *v, const struct umbra_debug *d);

/* The vCPU goes on behind the hlt that it sleeps in, if it does. */
void umbra_unhalt(struct vcpu *v);

/* x87 and SSE state; st[] in stack order, 80 bits each. */
struct umbra_fpu {
	uint8_t st[8][10], xmm[8][16];
	uint16_t fcw, fsw, fop;
	uint16_t ftw; /* in full, two bits a register as FSTENV stores it */
	uint32_t fip, fdp;
	uint16_t fcs, fds;
	uint32_t mxcsr;
};
int umbra_get_fpu(struct vcpu *v, struct umbra_fpu *f);
/* Reserved bits of MXCSR are dropped; tags say empty or not. */
int umbra_set_fpu(struct vcpu *v, const struct umbra_fpu *f);

/* Where a linear address leads now, without a trace in the guest's page tables.
 * -EFAULT: not present. */
int umbra_translate(struct vcpu *v, uint64_t la, uint64_t *gpa);
/* Guest RAM by linear address, whatever its rights; translated code in it is
 * dropped. -EFAULT: some of it is not present or no RAM; nothing is changed. */
int umbra_read_linear(struct vcpu *v, uint64_t la, void *buf, size_t len);
int umbra_write_linear(struct vcpu *v, uint64_t la, const void *buf,
		       size_t len);

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

/* Events of the guest. */
enum umbra_event_kind {
	UMBRA_EVENT_BLOCK,     /* a run of instructions is entered, which ends
				  at a branch at the latest */
	UMBRA_EVENT_CUT,       /* the end of the run last entered did not run */
	UMBRA_EVENT_MEM,       /* an instruction's access to memory */
	UMBRA_EVENT_SYSCALL,   /* int n or sysenter at CPL 3 */
	UMBRA_EVENT_PAGEFAULT, /* the guest is given #PF */
	UMBRA_EVENT_PORT,      /* port I/O; a read when it has its value */
	UMBRA_EVENT_NR
};
#define UMBRA_SYSENTER 256u /* in umbra_event.syscall.vector */
#define UMBRA_READS    1u
#define UMBRA_WRITES   2u

struct umbra_event {
	enum umbra_event_kind kind;
	uint32_t eip, la; /* of the instruction, of a run the first */
	uint32_t cpl;
	union {
		struct { /* of a cut: what did not run */
			uint32_t insns, bytes;
			/* instructions by how they run: as unmodified copies,
			 * copied with other registers or prefixes, rewritten,
			 * system instructions in line, in C */
			uint32_t how[5];
		} block;
		struct {
			uint32_t address; /* linear */
			uint32_t size;	  /* bytes */
			uint32_t access;  /* UMBRA_READS, UMBRA_WRITES */
		} mem;
		struct {
			uint32_t vector;
		} syscall;
		struct {
			uint32_t address, error; /* CR2 and the error code */
		} fault;
		struct {
			uint32_t port, size, is_write, value;
		} port;
	};
};

/*
 * event is called on the vCPU's thread, in umbra_vcpu_run(), with all registers
 * of the guest as they are before the instruction; umbra_get_regs() and
 * umbra_get_sregs() tell them. What is not asked for costs nothing.
 */
struct umbra_probes {
	uint32_t events; /* bits 1 << enum umbra_event_kind */
	void (*event)(void *opaque, const struct umbra_event *ev);
	/* Are runs that enter linear address la at this CPL wanted? Asked when
	 * code is translated. NULL: all are. */
	bool (*block)(void *opaque, uint32_t la, unsigned cpl);
	void *opaque;
};
/* Once, before the vCPU runs. */
void umbra_set_probes(struct vcpu *v, const struct umbra_probes *p);

/* Counters as text lines "name value", or JSON. */
void umbra_stats_print(struct umbra_vm *vm, FILE *f, bool json);

#endif
