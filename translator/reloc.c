/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reloc.c - a block's translation moved to another guest and host address
 * (see xlate_relocate() in xlate.h).
 *
 * What a translation knows of its own address is a constant that moves with
 * it (a relocation), a difference of two that do (same_page, as long as the
 * offset in the page stays), or a comparison with the limit of CS and a cut to
 * 16 bits, which out->fixed stands for.
 */
#include <string.h>
#include "xlate_impl.h"

static bool rel32_reaches(const u8 *at, u64 n)
{
	s32 rel;

	memcpy(&rel, at, 4);
	return (s64)(rel + n) == (s32)(rel + n);
}

static void exit_to_stub(const struct xexit *x, u8 *buf)
{
	u32 rel = x->stub_off - (x->patch_off + 4);

	memcpy(buf + x->patch_off, &rel, 4);
}

static void tables_move(struct xlate_out *out, u32 eip)
{
	for (unsigned i = 0; i < out->ninsns; i++)
		out->insns[i].eip += eip;
	for (unsigned i = 0; i < out->nexits; i++)
		out->exits[i].target += eip;
}

bool xlate_relocate(struct xlate_out *out, u8 *buf, u64 host, u32 eip)
{
	u32 by = eip - out->insns[0].eip;
	u64 host_by = host - out->host;

	must(!(by & ~PAGE_MASK), "block %08x moved to %08x, inside its page",
	     out->insns[0].eip, eip);
	must(host_by % XLATE_ALIGN == 0, "block %08x moved out of line", eip);
	if (out->fixed || (u64)eip + out->guest_len > 1ull << 32)
		return false;
	memmove(buf, out->buf, out->size);
	for (unsigned i = 0; i < out->nrelocs; i++) {
		u8 *at = buf + out->relocs[i].off;

		must(out->relocs[i].kind != XRELOC_HOST ||
			     rel32_reaches(at, -host_by),
		     "branch out of reach");
		xreloc_apply(out->relocs[i].kind, at, by, host_by);
	}
	for (unsigned i = 0; i < out->nexits; i++)
		exit_to_stub(&out->exits[i], buf);
	memset(buf + out->blockword, 0, 8);
	tables_move(out, by);
	out->buf = buf;
	out->host = host;
	return true;
}
