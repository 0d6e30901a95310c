// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probes_lib.c - probes of the tests: they print what they are given, spoil
 * all registers that a C function may spoil, and try what a library may not.
 */
#include <string.h>

#include "tools/umbra-probe.h"

UMBRA_PROBE_LIBRARY;

#define PROBE(name, ...)                                                      \
	void name(__VA_ARGS__);                                               \
	void name(__VA_ARGS__)

PROBE(mem, uint32_t address, uint32_t size, uint32_t write, uint32_t eip,
      uint32_t esp)
{
	fprintf(umbra->out, "mem %x %u %u %x %x\n", address, size, write, eip,
		esp);
}

PROBE(port, uint16_t number, uint8_t size, uint8_t write, uint32_t value,
      const char *function)
{
	fprintf(umbra->out, "port %x %u %u %x %s\n", number, size, write, value,
		function ? function : "?");
}

PROBE(syscall_, uint32_t vector, uint32_t nr, uint32_t ebx, uint32_t cpl,
      uint32_t cs)
{
	fprintf(umbra->out, "syscall %x %u %u %u %x\n", vector, nr, ebx, cpl,
		cs);
}

/* More of them than registers hold, and of all types. */
PROBE(types, uint8_t a, int8_t b, uint16_t c, int16_t d, uint32_t e, int32_t f,
      uint64_t g, int64_t h, const char *i, double j, double k, const void *l)
{
	fprintf(umbra->out, "types %u %d %u %d %u %d %llu %lld %s %.1f %.1f %p\n",
		a, b, c, d, e, f, (unsigned long long)g, (long long)h, i, j, k,
		l);
}

static unsigned long runs;

/* The guest's vector state must not notice. */
PROBE(spoil, void)
{
	unsigned mxcsr = 0x7f80;

	runs++;
	__asm__ volatile("fninit; fldpi; fldpi; fldpi; pcmpeqd %%xmm0, %%xmm0\n"
			 "movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm2\n"
			 "movdqa %%xmm0, %%xmm3; movdqa %%xmm0, %%xmm4\n"
			 "movdqa %%xmm0, %%xmm5; movdqa %%xmm0, %%xmm6\n"
			 "movdqa %%xmm0, %%xmm7; ldmxcsr %0\n"
			 "cmp %%eax, %%eax; fninit"
			 :: "m"(mxcsr)
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
			   "xmm6", "xmm7", "cc", "st", "st(1)", "st(2)",
			   "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "rax",
			   "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11");
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" :: "m"(mxcsr));
}

PROBE(spoilt, void)
{
	fprintf(umbra->out, "spoilt %lu times\n", runs);
}

/* The instruction's bytes are where the guest has them. */
PROBE(bytes, uint32_t la, const char *function)
{
	unsigned char b[4];

	if (umbra_read(la, b, sizeof(b)))
		fprintf(umbra->out, "bytes %s unreadable\n", function);
	else
		fprintf(umbra->out, "bytes %s %02x%02x%02x%02x\n", function,
			b[0], b[1], b[2], b[3]);
}

PROBE(places, void)
{
	unsigned char b;
	uint32_t start;
	uint64_t end;

	fprintf(umbra->out, "places %d %d %d\n",
		umbra_address("guest_main", &start, &end),
		umbra_address("nowhere", &start, &end),
		umbra_read(0x100000, &b, 1));
}
