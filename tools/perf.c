// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perf.c - writes perf maps and jitdumps. See perf.h for the contract.
 *
 * Code is named kernel:FUNCTION+0x12 or, without a symbol, kernel:c0101234;
 * user:... for what runs at CPL 3; umbra:... for the glue.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "perf.h"

#define PERF_BUFFER 65536u
#define PERF_NAME   (SYMBOLS_NAME_MAX + 32)
#define FLUSH_NS    1000000000ull

/* --- the jitdump format, in the host's byte order */

#define JIT_MAGIC   0x4a695444u /* "JiTD" */
#define JIT_VERSION 1u
#define JIT_EM_X86_64 62u
#define JIT_CODE_LOAD  0u
#define JIT_CODE_CLOSE 3u

struct jit_header {
	u32 magic, version, size, machine, pad, pid;
	u64 time, flags;
};

struct jit_prefix {
	u32 id, size;
	u64 time;
};

struct jit_load {
	struct jit_prefix p;
	u32 pid, tid;
	u64 vma, addr, code_size, index;
	/* then the name and its zero, and the code */
};
static_assert(sizeof(struct jit_header) == 40, "as perf reads it");
static_assert(sizeof(struct jit_load) == 56, "as perf reads it");

struct perf {
	enum perf_kind kind;
	const struct symbols *symbols;
	int fd, err; /* err: -errno of the first write that failed */
	u32 pid, tid;
	u64 size;    /* of the file with what is in buf */
	u64 index;   /* of the next JIT_CODE_LOAD */
	u64 flushed; /* when */
	void *marker;
	unsigned used;
	char buf[PERF_BUFFER];
};

static u64 perf_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

/* --- output */

static void perf_write(struct perf *p, const char *data, size_t len)
{
	while (len && !p->err) {
		ssize_t n = write(p->fd, data, len);

		if (n < 0 && errno != EINTR)
			p->err = -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static void perf_flush(struct perf *p)
{
	perf_write(p, p->buf, p->used);
	p->used = 0;
	p->flushed = perf_now();
}

static void perf_put(struct perf *p, const void *data, size_t len)
{
	if (p->used + len > sizeof(p->buf))
		perf_flush(p);
	if (len > sizeof(p->buf)) {
		perf_write(p, data, len);
		return;
	}
	memcpy(p->buf + p->used, data, len);
	p->used += (unsigned)len;
}

/* Room for a record as a whole? If not, this was the last one. */
static bool perf_room(struct perf *p, u64 len)
{
	if (p->err)
		return false;
	if (p->size + len > PERF_FILE_MAX) {
		p->err = -EFBIG;
		return false;
	}
	p->size += len;
	return true;
}

/* --- names and records */

static void perf_name(const struct perf *p, const struct umbra_code *c,
		      char name[PERF_NAME])
{
	const char *who = c->cpl == 3 ? "user" : "kernel", *symbol;
	u32 off = 0;

	if (c->glue) {
		snprintf(name, PERF_NAME, "umbra:glue_%s", c->glue);
		return;
	}
	symbol = symbols_lookup(p->symbols, c->la, &off);
	if (symbol && off)
		snprintf(name, PERF_NAME, "%s:%s+%#x", who, symbol, off);
	else if (symbol)
		snprintf(name, PERF_NAME, "%s:%s", who, symbol);
	else
		snprintf(name, PERF_NAME, "%s:%08x", who, (u32)c->la);
}

static void perf_map_line(struct perf *p, const struct umbra_code *c,
			  const char *name)
{
	char line[PERF_NAME + 40];
	int n = snprintf(line, sizeof(line), "%lx %x %s\n", c->host, c->size,
			 name);

	if (perf_room(p, (u64)n))
		perf_put(p, line, (size_t)n);
}

static void perf_jit_load(struct perf *p, const struct umbra_code *c,
			  const char *name)
{
	size_t len = strlen(name) + 1;
	struct jit_load r = {
		.p.id = JIT_CODE_LOAD,
		.p.size = (u32)(sizeof(r) + len + c->size),
		.p.time = perf_now(),
		.pid = p->pid,
		.tid = p->tid,
		.vma = c->host,
		.addr = c->host,
		.code_size = c->size,
		.index = p->index,
	};

	if (!perf_room(p, r.p.size))
		return;
	p->index++;
	perf_put(p, &r, sizeof(r));
	perf_put(p, name, len);
	perf_put(p, c->bytes, c->size);
}

void perf_code(void *opaque, const struct umbra_code *c)
{
	struct perf *p = opaque;
	char name[PERF_NAME];

	perf_name(p, c, name);
	if (p->kind == PERF_MAP)
		perf_map_line(p, c, name);
	else
		perf_jit_load(p, c, name);
	if (perf_now() - p->flushed > FLUSH_NS)
		perf_flush(p);
}

/* --- begin and end */

static int PRINTF_LIKE(2, 3)
perf_fail(char error[PERF_ERROR_MAX], const char *fmt, ...)
{
	int err = errno ? -errno : -EIO;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, PERF_ERROR_MAX, fmt, ap);
	va_end(ap);
	return err;
}

/* perf finds the file by the executable mapping of its first page. */
static int perf_jit_start(struct perf *p)
{
	struct jit_header h = {
		.magic = JIT_MAGIC,
		.version = JIT_VERSION,
		.size = sizeof(h),
		.machine = JIT_EM_X86_64,
		.pid = p->pid,
		.time = perf_now(),
	};

	perf_put(p, &h, sizeof(h));
	p->size = sizeof(h);
	perf_flush(p);
	if (p->err)
		return p->err;
	p->marker = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			 p->fd, 0);
	if (p->marker != MAP_FAILED)
		return 0;
	p->marker = NULL;
	return -errno;
}

static void perf_path(const struct perf *p, const char *dir, char *path,
		      size_t size)
{
	if (p->kind == PERF_MAP)
		snprintf(path, size, "/tmp/perf-%u.map", p->pid);
	else
		snprintf(path, size, "%s/jit-%u.dump", dir ? dir : ".", p->pid);
}

/* The names are known to all, /tmp is everybody's: nothing that lies there
 * already is written to. */
static int perf_create(const char *path)
{
	if (unlink(path) && errno != ENOENT)
		return -1;
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0644);
}

int perf_open(struct perf **out, enum perf_kind kind, const char *dir,
	      const struct symbols *s, char error[PERF_ERROR_MAX])
{
	struct perf *p = calloc(1, sizeof(*p));
	char path[PATH_MAX];
	int err;

	if (!p)
		return perf_fail(error, "out of memory");
	p->kind = kind;
	p->symbols = s;
	p->pid = (u32)getpid();
	p->tid = (u32)gettid();
	perf_path(p, dir, path, sizeof(path));
	p->fd = perf_create(path);
	if (p->fd < 0) {
		err = perf_fail(error, "cannot make %.200s: %s", path,
				strerror(errno));
		free(p);
		return err;
	}
	if (kind == PERF_JITDUMP) {
		err = perf_jit_start(p);
		if (err) {
			errno = -err;
			perf_fail(error, "%.200s: cannot write and map it: %s",
				  path, strerror(-err));
			close(p->fd);
			unlink(path);
			free(p);
			return err;
		}
	}
	p->flushed = perf_now();
	*out = p;
	return 0;
}

int perf_close(struct perf *p, char error[PERF_ERROR_MAX])
{
	struct jit_prefix end = { .id = JIT_CODE_CLOSE, .size = sizeof(end) };
	int err;

	if (!p)
		return 0;
	if (p->kind == PERF_JITDUMP && !p->err) {
		end.time = perf_now();
		perf_put(p, &end, sizeof(end));
	}
	err = p->err;
	if (err == -EFBIG)
		p->err = 0; /* the records before it are whole */
	perf_flush(p);
	err = err ? err : p->err;
	if (p->marker)
		munmap(p->marker, PAGE_SIZE);
	close(p->fd);
	free(p);
	if (!err)
		return 0;
	errno = -err;
	return perf_fail(error, err == -EFBIG ?
			 "the file is full at 512 MiB: later code is not in it"
			 : "cannot write: %s", strerror(-err));
}
