// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * state.c - the byte stream of device state. See state.h for the contract.
 */
#include <string.h>

#include "state.h"

#define STATE_HEADER 12 /* tag, version, payload length: 4 bytes each */

void state_save_init(struct state *s, void *buf, size_t cap)
{
	*s = (struct state){.buf = buf, .cap = cap};
}

void state_load_init(struct state *s, const void *buf, size_t len)
{
	*s = (struct state){.buf = (u8 *)buf, .cap = len, .loading = true};
}

void state_reject(struct state *s)
{
	if (!s->err)
		s->err = -EINVAL;
}

static bool state_begin_load(struct state *s, const char tag[5], u32 version)
{
	u32 got_version, len;

	if (s->cap - s->pos < STATE_HEADER ||
	    memcmp(s->buf + s->pos, tag, 4) != 0) {
		state_reject(s);
		return false;
	}
	memcpy(&got_version, s->buf + s->pos + 4, 4);
	memcpy(&len, s->buf + s->pos + 8, 4);
	s->pos += STATE_HEADER;
	if (got_version != version || len > s->cap - s->pos) {
		state_reject(s);
		return false;
	}
	s->section = s->pos;
	s->end = s->pos + len;
	return true;
}

bool state_begin(struct state *s, const char tag[5], u32 version)
{
	if (s->err)
		return false;
	if (s->loading)
		return state_begin_load(s, tag, version);
	if (s->cap - s->pos < STATE_HEADER) {
		s->err = -ENOSPC;
		return false;
	}
	memcpy(s->buf + s->pos, tag, 4);
	memcpy(s->buf + s->pos + 4, &version, 4);
	s->pos += STATE_HEADER;
	s->section = s->pos;
	return true;
}

void state_end(struct state *s)
{
	u32 len = (u32)(s->pos - s->section);

	if (s->err)
		return;
	if (s->loading) {
		if (s->pos != s->end)
			state_reject(s);
		return;
	}
	memcpy(s->buf + s->section - 4, &len, 4);
}

void state_bytes(struct state *s, void *data, size_t len)
{
	size_t room = (s->loading ? s->end : s->cap) - s->pos;

	if (s->err)
		return;
	if (len > room) {
		s->err = s->loading ? -EINVAL : -ENOSPC;
		return;
	}
	if (s->loading)
		memcpy(data, s->buf + s->pos, len);
	else
		memcpy(s->buf + s->pos, data, len);
	s->pos += len;
}

void state_bool(struct state *s, bool *b)
{
	u8 v = *b;

	STATE(s, v);
	if (s->loading && !s->err)
		*b = v != 0;
}

void state_time(struct state *s, u64 *t, u64 now)
{
	u64 delta = *t - now; /* modulo 2^64: earlier times come out right */

	STATE(s, delta);
	if (s->loading && !s->err)
		*t = now + delta;
}

void state_timer(struct state *s, struct timers *q, struct timer *t, u64 now)
{
	bool armed = t->armed;
	u64 deadline = armed ? t->deadline : now;

	state_bool(s, &armed);
	state_time(s, &deadline, now);
	if (s->loading && !s->err)
		timer_arm(q, t, armed ? deadline : TIMER_NEVER);
}
