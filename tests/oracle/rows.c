// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rows.c - which rows of optab.def are compared with the host, and the reasons
 * for those that are not. See oracle.h.
 */
#include <cpuid.h>
#include <string.h>
#include "oracle.h"

static const struct {
	u16 op;
	const char *why;
} excuses[] = {
	{ OP_RDRAND, "no function of its inputs" },
	{ OP_RDSEED, "no function of its inputs" },
	{ OP_RDTSC, "no function of its inputs" },
	{ OP_RDTSCP, "no function of its inputs" },
	{ OP_RDPID, "no function of its inputs (the host's processor number)" },
	{ OP_CPUID, "virtual by design" },
	{ OP_XGETBV, "virtual by design (the guest's XCR0)" },
	{ OP_SGDT, "virtual by design; hosts with UMIP make the result up" },
	{ OP_SIDT, "virtual by design; hosts with UMIP make the result up" },
	{ OP_SLDT, "virtual by design; hosts with UMIP make the result up" },
	{ OP_STR, "virtual by design; hosts with UMIP make the result up" },
	{ OP_SMSW, "virtual by design; hosts with UMIP make the result up" },
	{ OP_SYSENTER, "a system call of the host" },
	{ OP_SYSCALL, "a system call of the host" },
	{ OP_MONITOR, "depends on an MSR of the host; not offered to guests" },
	{ OP_MWAIT, "depends on an MSR of the host; not offered to guests" },
};

const char *row_excuse(const struct oprow *row)
{
	if (row->rowflags & ROW_ONLY64)
		return "64-bit code only";
	for (unsigned i = 0; i < ARRAY_SIZE(excuses); i++)
		if (excuses[i].op == row->op)
			return excuses[i].why;
	return NULL;
}

/* Its result lies in descriptors, in the IDT, or in the I/O bitmap. */
bool row_is_engines(const struct oprow *row)
{
	if (row->rowflags & ROW_PRIV) /* #GP(0), by the translator */
		return false;
	if (row->op == OP_POPF) /* NT, AC, TF */
		return true;
	return row->cls == CLS_HELPER || row->cls == CLS_HELPER_END;
}

static bool host_has(unsigned leaf, unsigned sub, unsigned reg, unsigned bit)
{
	unsigned v[4] = { 0 };

	if (!__get_cpuid_count(leaf, sub, &v[0], &v[1], &v[2], &v[3]))
		return false;
	return v[reg] >> bit & 1;
}

enum { EAX, EBX, ECX, EDX };

bool row_is_on_host(const struct oprow *row, bool vexl)
{
	static u8 known[FEAT_NR]; /* 1: no, 2: yes; CPUID may cost much */

	if (!known[row->feat]) {
		bool has = true;

		switch (row->feat) {
#define FEAT(name, leaf, sub, reg, bit)                                       \
	case FEAT_##name:                                                     \
		has = host_has(leaf, sub, reg, bit);                          \
		break;
#include "translator/feat.def"
#undef FEAT
		}
		known[row->feat] = 1 + has;
	}
	if (known[row->feat] == 1)
		return false;
	if (vexl && row->rowflags & ROW_L1_AVX2) {
		static const struct oprow avx2 = { .feat = FEAT_AVX2 };

		return row_is_on_host(&avx2, false);
	}
	return true;
}

static const struct {
	u16 op;
	u32 flags;
} undefined[] = {
#define UNDEFINED(op, flags, reference) { OP_##op, flags },
#include "undefined.def"
#undef UNDEFINED
};

u32 row_undefined(const struct oprow *row)
{
	u32 f = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(undefined); i++)
		if (undefined[i].op == row->op)
			f |= undefined[i].flags;
	return f;
}
