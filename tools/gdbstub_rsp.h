/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdbstub_rsp.h - packets of gdb's remote serial protocol (GDB manual,
 * appendix E): bytes in, packets out, and text of replies. Pure: no I/O, no
 * memory but the caller's, any bytes are survived.
 */
#ifndef UMBRA_GDBSTUB_RSP_H
#define UMBRA_GDBSTUB_RSP_H

#include "runtime/base.h"

#define RSP_PACKET_MAX 16384u /* bytes between $ and #, as we tell gdb */

/* What a byte completed. */
enum rsp_event {
	RSP_NONE,
	RSP_PACKET,    /* in->buf, in->len: good, unescaped */
	RSP_BAD,       /* a packet with a wrong checksum, or too long */
	RSP_INTERRUPT, /* 03h between packets: Ctrl-C */
	RSP_ACK,
	RSP_NAK,
};

/* A packet on its way in. All zero at the start. */
struct rsp_in {
	u8 state, sum, want;
	bool escaped, bad;
	unsigned len;
	char buf[RSP_PACKET_MAX + 1]; /* ends in a NUL behind len */
};

enum rsp_event rsp_in_byte(struct rsp_in *in, u8 c);

/* A reply: rsp_out_start(), text, rsp_out_end(), which may come again. What
 * does not fit makes it an error reply. */
struct rsp_out {
	unsigned len;
	bool full, ended;
	char buf[RSP_PACKET_MAX + 5]; /* with $ and #xx */
};

void rsp_out_start(struct rsp_out *o);
void rsp_out_text(struct rsp_out *o, const char *text);
void rsp_out_hex(struct rsp_out *o, const void *data, size_t n);
void rsp_out_number(struct rsp_out *o, u64 v); /* hex, no leading zeros */
/* Bytes as they are, escaped where the protocol needs it. */
void rsp_out_binary(struct rsp_out *o, const void *data, size_t n);
/* The text "E xx" instead of what was put so far. */
void rsp_out_error(struct rsp_out *o, unsigned number);
void rsp_out_end(struct rsp_out *o);

/* Text being parsed: from p to end, hex numbers and separators. */
struct rsp_text {
	const char *p, *end;
};

int rsp_hex_digit(char c); /* 0..15 or -1 */
/* A hex number of 1 to 16 digits; false and t unmoved if there is none. */
bool rsp_number(struct rsp_text *t, u64 *v);
/* Takes c if it is next. */
bool rsp_take(struct rsp_text *t, char c);
/* Takes the word if the text begins with it. */
bool rsp_word(struct rsp_text *t, const char *word);
/* Exactly n bytes as 2n hex digits, to the end of the text. */
bool rsp_bytes(struct rsp_text *t, void *data, size_t n);

#endif
