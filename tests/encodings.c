/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * encodings.c - the walk over all encodings; see decode_util.h.
 */
#include <string.h>
#include "tests/decode_util.h"

struct walk {
	int mode;
	bool every_modrm;
	u8 fill;
	encoding_fn *fn;
	void *arg;
};

static const char *const prefixes[] = {
	"", "\x66", "\xf3", "\xf2", "\x66\xf3", "\xf3\x66", "\x66\xf2",
	"\xf2\x66", "\x67", "\xf0", "\x48", "\x66\x48", /* REX: 64-bit only */
};

static const char *const escapes[] = { "", "\x0f", "\x0f\x38", "\x0f\x3a" };

static bool is_prefix(int mode, unsigned op)
{
	switch (op) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64 ... 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
	case 0x0f: /* escape, VEX and EVEX are walked apart */
	case 0xc4:
	case 0xc5:
	case 0x62:
		return true;
	}
	return mode == 64 && op >= 0x40 && op <= 0x4f;
}

/* Without every_modrm: one of each addressing form, all registers. */
static bool modrm_wanted(const struct walk *w, unsigned modrm)
{
	unsigned rm = modrm & 7, mod = modrm >> 6;

	if (w->every_modrm || mod == 3)
		return true;
	return mod == 0 ? rm == 0 || rm == 4 || rm == 5 : rm == 1;
}

static void walk_modrm(const struct walk *w, u8 *buf, size_t n)
{
	static const u8 sibs[] = { 0x20, 0x25, 0x8d };

	for (unsigned modrm = 0; modrm < 256; modrm++) {
		bool sib = modrm < 0xc0 && (modrm & 7) == 4;

		if (!modrm_wanted(w, modrm))
			continue;
		for (size_t s = 0; s < (sib ? ARRAY_SIZE(sibs) : 1); s++) {
			memset(buf + n, w->fill, DECODE_BUF - n);
			buf[n] = modrm;
			if (sib)
				buf[n + 1] = sibs[s];
			w->fn(buf, w->arg);
		}
	}
}

static void walk_opcodes(const struct walk *w, const char *pfx,
			 const char *esc)
{
	size_t np = strlen(pfx), ne = strlen(esc);
	u8 buf[DECODE_BUF];

	memcpy(buf, pfx, np);
	memcpy(buf + np, esc, ne);
	for (unsigned op = 0; op < 256; op++) {
		if (ne == 0 && is_prefix(w->mode, op))
			continue;
		if (ne == 1 && (op == 0x38 || op == 0x3a))
			continue;
		buf[np + ne] = op;
		walk_modrm(w, buf, np + ne + 1);
	}
}

void encodings_legacy(int mode, bool every_modrm, u8 fill, encoding_fn *fn,
		      void *arg)
{
	struct walk w = { mode, every_modrm, fill, fn, arg };
	size_t nr = ARRAY_SIZE(prefixes) - (mode == 64 ? 0 : 2);

	for (size_t p = 0; p < nr; p++)
		for (size_t e = 0; e < ARRAY_SIZE(escapes); e++)
			walk_opcodes(&w, prefixes[p], escapes[e]);
}

void encodings_vex(bool every_modrm, u8 fill, encoding_fn *fn, void *arg)
{
	struct walk w = { 64, every_modrm, fill, fn, arg };
	u8 buf[DECODE_BUF] = { 0xc4 };

	/* third byte: W, vvvv = 1111b or 1110b, L and pp */
	for (unsigned map = 1; map <= 3; map++) {
		for (unsigned v = 0; v < 256 * 256; v++) {
			if ((v >> 3 & 15) < 14)
				continue;
			buf[1] = 0xe0 | map;
			buf[2] = v;
			buf[3] = v >> 8;
			walk_modrm(&w, buf, 4);
		}
	}
}
