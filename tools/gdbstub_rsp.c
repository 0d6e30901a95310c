// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub_rsp.c - packets of gdb's remote serial protocol; see gdbstub_rsp.h.
 *
 * $text#xx, xx the sum of the text's bytes as two hex digits. } escapes the
 * byte behind it, which is XORed with 20h.
 */
#include <string.h>

#include "gdbstub_rsp.h"

#define RSP_ESCAPE	'}'
#define RSP_ESCAPE_XOR	0x20
#define RSP_CTRL_C	3

/* --- in */

enum { IN_IDLE, IN_TEXT, IN_SUM1, IN_SUM2 };

int rsp_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void in_begin(struct rsp_in *in)
{
	in->state = IN_TEXT;
	in->sum = 0;
	in->len = 0;
	in->escaped = in->bad = false;
}

static enum rsp_event in_idle(struct rsp_in *in, u8 c)
{
	switch (c) {
	case '$':
		in_begin(in);
		return RSP_NONE;
	case '+':
		return RSP_ACK;
	case '-':
		return RSP_NAK;
	case RSP_CTRL_C:
		return RSP_INTERRUPT;
	default:
		return RSP_NONE; /* noise */
	}
}

static void in_text(struct rsp_in *in, u8 c)
{
	if (c == '$') { /* the end of the one before was lost */
		in_begin(in);
		return;
	}
	if (c == '#') {
		in->bad |= in->escaped;
		in->state = IN_SUM1;
		return;
	}
	in->sum = (u8)(in->sum + c);
	if (!in->escaped && c == RSP_ESCAPE) {
		in->escaped = true;
		return;
	}
	if (in->escaped)
		c ^= RSP_ESCAPE_XOR;
	in->escaped = false;
	if (in->len == RSP_PACKET_MAX)
		in->bad = true;
	else
		in->buf[in->len++] = (char)c;
}

static void in_sum(struct rsp_in *in, u8 c)
{
	int d = rsp_hex_digit((char)c);

	in->bad |= d < 0;
	in->want = (u8)(in->want << 4 | (d & 15));
}

enum rsp_event rsp_in_byte(struct rsp_in *in, u8 c)
{
	switch (in->state) {
	case IN_TEXT:
		in_text(in, c);
		return RSP_NONE;
	case IN_SUM1:
		in_sum(in, c);
		in->state = IN_SUM2;
		return RSP_NONE;
	case IN_SUM2:
		in_sum(in, c);
		in->state = IN_IDLE;
		in->buf[in->len] = 0;
		return in->bad || in->want != in->sum ? RSP_BAD : RSP_PACKET;
	default:
		return in_idle(in, c);
	}
}

/* --- out */

static const char rsp_digits[] = "0123456789abcdef";

/* Room is kept for # and the sum. */
static void out_byte(struct rsp_out *o, char c)
{
	if (o->len >= sizeof(o->buf) - 3)
		o->full = true;
	else
		o->buf[o->len++] = c;
}

void rsp_out_start(struct rsp_out *o)
{
	o->len = 0;
	o->full = o->ended = false;
	out_byte(o, '$');
}

void rsp_out_text(struct rsp_out *o, const char *text)
{
	while (*text)
		out_byte(o, *text++);
}

void rsp_out_hex(struct rsp_out *o, const void *data, size_t n)
{
	const u8 *p = data;

	for (; n; n--, p++) {
		out_byte(o, rsp_digits[*p >> 4]);
		out_byte(o, rsp_digits[*p & 15]);
	}
}

void rsp_out_number(struct rsp_out *o, u64 v)
{
	unsigned shift = 60;

	while (shift && !(v >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		out_byte(o, rsp_digits[v >> shift & 15]);
		if (!shift)
			return;
	}
}

void rsp_out_binary(struct rsp_out *o, const void *data, size_t n)
{
	const char *p = data;

	for (; n; n--, p++) {
		if (*p == '$' || *p == '#' || *p == '*' || *p == RSP_ESCAPE) {
			out_byte(o, RSP_ESCAPE);
			out_byte(o, *p ^ RSP_ESCAPE_XOR);
		} else {
			out_byte(o, *p);
		}
	}
}

void rsp_out_error(struct rsp_out *o, unsigned number)
{
	u8 byte = (u8)number;

	rsp_out_start(o);
	rsp_out_text(o, "E");
	rsp_out_hex(o, &byte, 1);
}

void rsp_out_end(struct rsp_out *o)
{
	u8 sum = 0;

	if (o->ended)
		return;
	if (o->full)
		rsp_out_error(o, ENOSPC);
	for (unsigned i = 1; i < o->len; i++)
		sum = (u8)(sum + (u8)o->buf[i]);
	o->buf[o->len++] = '#';
	o->buf[o->len++] = rsp_digits[sum >> 4];
	o->buf[o->len++] = rsp_digits[sum & 15];
	o->ended = true;
}

/* --- text */

bool rsp_number(struct rsp_text *t, u64 *v)
{
	const char *p = t->p;
	u64 n = 0;

	for (; p < t->end && rsp_hex_digit(*p) >= 0; p++) {
		if (p - t->p == 16)
			return false;
		n = n << 4 | (unsigned)rsp_hex_digit(*p);
	}
	if (p == t->p)
		return false;
	t->p = p;
	*v = n;
	return true;
}

bool rsp_take(struct rsp_text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

bool rsp_word(struct rsp_text *t, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n))
		return false;
	t->p += n;
	return true;
}

bool rsp_bytes(struct rsp_text *t, void *data, size_t n)
{
	u8 *out = data;

	if ((size_t)(t->end - t->p) != 2 * n)
		return false;
	for (; n; n--, t->p += 2) {
		int hi = rsp_hex_digit(t->p[0]), lo = rsp_hex_digit(t->p[1]);

		if (hi < 0 || lo < 0)
			return false;
		*out++ = (u8)(hi << 4 | lo);
	}
	return true;
}
