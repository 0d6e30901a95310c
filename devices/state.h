/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h - saving and loading device state, one description for both ways.
 *
 * A chip lists its fields once, in x_state(chip, state); the same list writes
 * them when saving and reads them when loading, so the two cannot drift
 * apart. A section is a tag, a version and a length; a section that is
 * missing, of another version or of another length makes the load fail, and
 * after a failure nothing more is read or written. A chip must still check
 * the values it loads: a state file may come from anywhere.
 */
#ifndef UMBRA_DEVICES_STATE_H
#define UMBRA_DEVICES_STATE_H

#include "clock.h"
#include "runtime/base.h"

struct state {
	u8 *buf;
	size_t cap;
	size_t pos;
	size_t section; /* offset of the open section's payload */
	size_t end;	/* loading: end of the open section */
	bool loading;
	int err; /* 0, -ENOSPC (saving) or -EINVAL (loading) */
};

void state_save_init(struct state *s, void *buf, size_t cap);
void state_load_init(struct state *s, const void *buf, size_t len);

/* Opens a section; false if nothing may be read from it. */
bool state_begin(struct state *s, const char tag[5], u32 version);
void state_end(struct state *s);

void state_bytes(struct state *s, void *data, size_t len);
void state_bool(struct state *s, bool *b);

/* An absolute time, kept relative to `now`: the loader's clock differs. */
void state_time(struct state *s, u64 *t, u64 now);

/* An armed timer and its deadline, or a disarmed one. */
void state_timer(struct state *s, struct timers *q, struct timer *t, u64 now);

/* Marks a load as failed because a value is impossible. */
void state_reject(struct state *s);

/* Any integer or array of integers. */
#define STATE(s, lvalue) state_bytes((s), &(lvalue), sizeof(lvalue))

#endif
