/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - UART output, sub-test bookkeeping and the way out of a guest.
 *
 * Output is polled on COM1; the exit is a write to the debug-exit port 0xf4.
 */
#include <stdarg.h>
#include "guest.h"

enum { UART = 0x3f8, UART_LSR = 5, LSR_THRE = 0x20, DEBUG_EXIT = 0xf4 };

static const char *cur_name;
static const char *cur_skip;
static u32 cur_bad;
static u32 passed, failed, skipped;
bool on_tcg;

__attribute__((weak)) const struct tcg_skip tcg_skips[] = { { 0, 0 } };

void put_char(int c)
{
	while (!(in8(UART + UART_LSR) & LSR_THRE))
		;
	out8(UART, c);
}

void put_str(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_num(u32 v, u32 base, int width)
{
	char buf[12];
	int n = 0;

	do {
		buf[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v || n < width);
	while (n)
		put_char(buf[--n]);
}

/* Knows %s %c %d %u %x and a width digit with leading zeros. */
void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		int width = 0;

		if (*fmt != '%') {
			put_char(*fmt);
			continue;
		}
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = *fmt - '0';
		switch (*fmt) {
		case 's':
			put_str(va_arg(ap, const char *));
			break;
		case 'c':
			put_char(va_arg(ap, int));
			break;
		case 'x':
			put_num(va_arg(ap, u32), 16, width);
			break;
		case 'u':
		case 'd':
			put_num(va_arg(ap, u32), 10, width);
			break;
		default:
			put_char(*fmt);
		}
	}
	va_end(ap);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static const char *skip_reason(const char *name)
{
	if (!on_tcg)
		return NULL;
	for (const struct tcg_skip *s = tcg_skips; s->name; s++)
		if (same(s->name, name))
			return s->reason;
	return NULL;
}

bool tcg_skip(const char *name)
{
	return skip_reason(name) != NULL;
}

void finish(void)
{
	if (!cur_name)
		return;
	if (!cur_bad) {
		print("ok %s\n", cur_name);
		passed++;
	} else if (cur_skip) {
		print("skip %s: %s\n", cur_name, cur_skip);
		skipped++;
	} else {
		failed++;
	}
	cur_name = NULL;
}

void begin(const char *name)
{
	finish();
	cur_name = name;
	cur_skip = skip_reason(name);
	cur_bad = 0;
}

void check_that(const char *what, u32 got, u32 want)
{
	if (got == want)
		return;
	if (!cur_skip && cur_bad < 8)
		print("FAIL %s: %s: got %8x want %8x\n", cur_name, what, got,
		      want);
	cur_bad++;
}

void check_true(const char *what, bool ok)
{
	check_that(what, ok, true);
}

void guest_exit(u32 code)
{
	finish();
	print("# %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	if (!code)
		code = failed > 100 ? 100 : failed;
	out8(DEBUG_EXIT, code);
	for (;;)
		asm volatile("cli; hlt");
}

void lib_main(void);
void lib_main(void)
{
	struct cpuid c = cpuid_of(0x40000000, 0);

	on_tcg = c.b == 0x54474354; /* "TCGT" */
	out8(0x21, 0xff); /* firmware may have left lines open */
	out8(0xa1, 0xff);
	tables_init();
	guest_main();
	guest_exit(0);
}
