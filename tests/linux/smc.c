// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smc.c - user code that changes: by its own stores, through another mapping,
 * by the kernel, by another process, by a new mapping at the same address.
 *
 * Nothing here executes a serialising instruction but where a jump is: x86
 * processors notice by themselves.
 */
#include <fcntl.h>
#include "harness.h"

typedef uint32_t (*code_fn)(void);

/* mov eax, value; ret */
static void put_return(uint8_t *p, uint32_t value)
{
	p[0] = 0xb8;
	memcpy(p + 1, &value, 4);
	p[5] = 0xc3;
}

static uint32_t call(const void *p)
{
	return ((code_fn)(uintptr_t)p)();
}

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

static int test_rewrite(void)
{
	uint8_t *p = harness_map(PAGE, RWX);

	for (uint32_t i = 0; i < 20000; i++) {
		put_return(p, i * 0x01010101);
		EXPECT(call(p) == i * 0x01010101, "turn %u", i);
	}
	/* only the immediate changes */
	for (uint32_t i = 0; i < 20000; i++) {
		*(volatile uint8_t *)(p + 2) = (uint8_t)i;
		EXPECT((call(p) >> 8 & 0xff) == (i & 0xff), "byte, turn %u", i);
	}
	return 0;
}

/* Data next to code is written often; the code must stay right and whole. */
static int test_data_beside(void)
{
	uint8_t *p = harness_map(PAGE, RWX);
	volatile uint32_t *data = (uint32_t *)(p + 2048);

	put_return(p, 12345);
	for (uint32_t i = 0; i < 20000; i++) {
		*data = i;
		EXPECT(call(p) == 12345 && *data == i, "turn %u", i);
	}
	return 0;
}

/* A store that changes the instruction right behind it. */
static int test_next_instruction(void)
{
	static const uint8_t code[] = {
		0x8b, 0x44, 0x24, 0x04,		    /* mov eax, [esp+4] */
		0xe8, 0, 0, 0, 0,		    /* call +0 */
		0x59,				    /* pop ecx: at 9 */
		0x89, 0x41, 0x04,		    /* mov [ecx+4], eax */
		0xb8, 0, 0, 0, 0,		    /* mov eax, imm: 13 */
		0xc3,
	};
	uint8_t *p = harness_map(PAGE, RWX);
	uint32_t (*fn)(uint32_t) = (uint32_t(*)(uint32_t))(uintptr_t)p;

	memcpy(p, code, sizeof(code));
	p[12] = 5; /* the immediate of the next instruction: 9 + 5 = 14 */
	for (uint32_t i = 1; i < 3000; i++)
		EXPECT(fn(i * 77) == i * 77, "turn %u", i);
	return 0;
}

/* A loop that counts in its own code. */
static int test_loop_on_itself(void)
{
	static const uint8_t code[] = {
		0xb9, 0xe8, 0x03, 0, 0,	      /* mov ecx, 1000 */
		0xe8, 0, 0, 0, 0,	      /* call +0 */
		0x5a,			      /* pop edx: at 10 */
		0xb8, 0, 0, 0, 0,	      /* 11: mov eax, imm */
		0xff, 0x42, 0x02,	      /* inc dword [edx+2] */
		0x49,			      /* dec ecx */
		0x75, 0xf5,		      /* jnz 11 */
		0xc3,
	};
	uint8_t *p = harness_map(PAGE, RWX);
	uint32_t got;

	memcpy(p, code, sizeof(code));
	got = call(p);
	EXPECT(got == 999, "eax %u after 1000 turns", got);
	memcpy(&got, p + 12, 4);
	EXPECT(got == 1000, "immediate %u", got);
	return 0;
}

static int code_file(void)
{
	char name[] = "/tmp/smcXXXXXX";
	int fd = mkstemp(name);

	if (fd >= 0) {
		unlink(name);
		if (ftruncate(fd, 4 * PAGE))
			return -1;
	}
	return fd;
}

/* One mapping of the file is written, the other one runs. */
static int test_two_mappings(void)
{
	int fd = code_file();
	uint8_t *w, *x;

	EXPECT(fd >= 0, "no file in /tmp");
	w = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	x = mmap(NULL, 4 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	EXPECT(w != MAP_FAILED && x != MAP_FAILED, "mmap: %s",
	       strerror(errno));
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t off = (i % 4) * PAGE + (i % 13) * 16;

		put_return(w + off, i);
		EXPECT(call(x + off) == i, "turn %u", i);
	}
	/* code over the end of a page */
	for (uint32_t i = 0; i < 2000; i++) {
		put_return(w + PAGE - 3, i << 16 | i);
		EXPECT(call(x + PAGE - 3) == (i << 16 | i), "split, turn %u",
		       i);
		*(volatile uint8_t *)(w + PAGE + 1) = (uint8_t)(i ^ 0x55);
		EXPECT(call(x + PAGE - 3) ==
			       ((i << 16 | i) & 0x00ffffff) +
				       ((i ^ 0x55) & 0xff) * 0x1000000,
		       "second page only, turn %u", i);
	}
	return 0;
}

/* The kernel writes the code: read() and pwrite(). */
static int test_kernel_writes(void)
{
	int fd = code_file(), fds[2];
	uint8_t *x, *p = harness_map(PAGE, RWX), buf[8];

	EXPECT(fd >= 0 && !pipe(fds), "no file");
	x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	EXPECT(x != MAP_FAILED, "mmap: %s", strerror(errno));
	for (uint32_t i = 0; i < 3000; i++) {
		put_return(buf, i * 3);
		EXPECT(pwrite(fd, buf, 6, 64) == 6, "pwrite");
		EXPECT(call(x + 64) == i * 3, "pwrite, turn %u", i);
		EXPECT(write(fds[1], buf, 6) == 6 && read(fds[0], p, 6) == 6,
		       "pipe");
		EXPECT(call(p) == i * 3, "read, turn %u", i);
	}
	return 0;
}

/* W xor X: write, then make it executable, over and over. */
static int test_mprotect(void)
{
	uint8_t *p = harness_map(PAGE, PROT_READ | PROT_WRITE);

	for (uint32_t i = 0; i < 2000; i++) {
		put_return(p, i);
		EXPECT(!mprotect(p, PAGE, PROT_READ | PROT_EXEC), "mprotect");
		EXPECT(call(p) == i, "turn %u", i);
		EXPECT(!mprotect(p, PAGE, PROT_READ | PROT_WRITE), "mprotect");
	}
	return 0;
}

/* Other memory at the same address. */
static int test_remap(void)
{
	uint8_t *p = harness_map(PAGE, RWX);

	for (uint32_t i = 0; i < 2000; i++) {
		put_return(p + i % 64, i);
		EXPECT(call(p + i % 64) == i, "turn %u", i);
		EXPECT(mmap(p, PAGE, RWX,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) == p,
		       "mmap");
		EXPECT(p[i % 64] == 0, "the old page shows");
	}
	return 0;
}

/* Frames of the two halves of a mapping change places. */
static int test_swap_frames(void)
{
	uint8_t *p = harness_map(4 * PAGE, RWX), *q = p + 2 * PAGE;

	for (uint32_t i = 0; i < 1000; i++) {
		put_return(p, 2 * i);
		put_return(p + PAGE, 2 * i + 1);
		EXPECT(call(p) == 2 * i && call(p + PAGE) == 2 * i + 1,
		       "before, turn %u", i);
		mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
		mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
		mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
		EXPECT(call(p) == 2 * i + 1 && call(p + PAGE) == 2 * i,
		       "after, turn %u", i);
	}
	return 0;
}

/* The child changes its copy; the parent's code stays. */
static int test_fork(void)
{
	uint8_t *p = harness_map(PAGE, RWX);

	put_return(p, 1);
	for (uint32_t i = 2; i < 100; i++) {
		pid_t pid;

		EXPECT(call(p) == i - 1, "parent, turn %u", i);
		pid = fork();
		if (!pid) {
			bool ok = call(p) == i - 1;

			put_return(p, i * 1000);
			_exit(ok && call(p) == i * 1000 ? 0 : 1);
		}
		if (harness_join(pid))
			return 1;
		EXPECT(call(p) == i - 1, "parent after child, turn %u", i);
		put_return(p, i);
	}
	return 0;
}

/* Another process writes code that this one runs, in turns. */
static int test_shared(void)
{
	uint8_t *p = mmap(NULL, PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int to[2], from[2];
	uint32_t i;
	pid_t pid;

	EXPECT(p != MAP_FAILED && !pipe(to) && !pipe(from), "set-up");
	pid = fork();
	if (!pid) {
		while (read(to[0], &i, 4) == 4 && i) {
			put_return(p, i ^ 0xa5a5a5a5);
			if (write(from[1], &i, 4) != 4)
				_exit(1);
		}
		_exit(0);
	}
	for (i = 1; i < 2000; i++) {
		uint32_t echo;

		EXPECT(write(to[1], &i, 4) == 4 && read(from[0], &echo, 4) == 4,
		       "pipe");
		EXPECT(call(p) == (i ^ 0xa5a5a5a5), "turn %u", i);
	}
	i = 0;
	EXPECT(write(to[1], &i, 4) == 4, "pipe");
	return harness_join(pid);
}

/* Many blocks, each replaced many times: what a JIT compiler does. */
static int test_jit(void)
{
	enum { PAGES = 64, FUNCS = PAGES * 32 };
	uint8_t *p = harness_map(PAGES * PAGE, RWX);
	static uint32_t want[FUNCS];
	uint32_t seed = 4711;

	for (uint32_t i = 0; i < FUNCS; i++)
		put_return(p + i * 128, want[i] = i);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t f = harness_random(&seed) % FUNCS;

		EXPECT(call(p + f * 128) == want[f], "turn %u", i);
		if (i % 8 == 0) {
			f = harness_random(&seed) % FUNCS;
			put_return(p + f * 128, want[f] = i * 3);
		}
	}
	return 0;
}

static const struct test tests[] = {
	{ "rewrite", test_rewrite, 60 },
	{ "data_beside", test_data_beside, 60 },
	{ "next_instruction", test_next_instruction, 0 },
	{ "loop_on_itself", test_loop_on_itself, 0 },
	{ "two_mappings", test_two_mappings, 60 },
	{ "kernel_writes", test_kernel_writes, 0 },
	{ "mprotect", test_mprotect, 0 },
	{ "remap", test_remap, 0 },
	{ "swap_frames", test_swap_frames, 0 },
	{ "fork", test_fork, 0 },
	{ "shared", test_shared, 0 },
	{ "jit", test_jit, 60 },
};

int main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_SIZE(tests), argc, argv);
}
