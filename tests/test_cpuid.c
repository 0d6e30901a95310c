// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_cpuid.c - the processor that the guest sees, and what the host is.
 */
#include "sys_env.h"

static void query(u32 leaf, u32 sub, u32 r[4])
{
	cpuid_query(&env.v, leaf, sub, r);
}

START_TEST(vendor_and_limits)
{
	u32 r[4];

	env_protected();
	query(0, 0, r);
	ck_assert(!memcmp(&r[1], "Genu", 4) && !memcmp(&r[3], "ineI", 4));
	ck_assert_uint_ge(r[0], 0x16);
	query(0x40000000, 0, r);
	ck_assert(!memcmp(&r[1], "UmbraUmbraUm", 12));
	query(0x80000000u, 0, r);
	ck_assert_uint_ge(r[0], 0x80000008u);
	query(0xabcd0000u, 0, r);
	ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
}
END_TEST

/* What 64-bit guests or missing state would need is not there; nothing that
 * the host lacks is. */
START_TEST(features)
{
	u32 r[4];
	struct vcpu *v = env_protected();

	query(1, 0, r);
	ck_assert(!(r[2] & 1 << 3));	/* monitor */
	ck_assert(!(r[2] & 1 << 13));	/* cx16 */
	ck_assert(!(r[2] & 1 << 17));	/* pcid */
	ck_assert(!(r[2] & 1 << 27));	/* osxsave: CR4 */
	ck_assert(r[2] & 1u << 31);	/* hypervisor */
	ck_assert(r[2] & 1 << 21);	/* x2apic */
	v->cpu.cr4 = CR4_OSXSAVE;
	query(1, 0, r);
	ck_assert(r[2] & 1 << 27);
	query(7, 0, r);
	ck_assert(!(r[1] & 1));		/* fsgsbase */
	ck_assert(r[1] & 1 << 20);	/* smap */
	ck_assert(!(r[1] & 1 << 16));	/* avx512f */
	ck_assert(r[3] & 1 << 29);	/* arch capabilities */
	query(0x80000001u, 0, r);
	ck_assert(!(r[3] & 1 << 29));	/* long mode */
	ck_assert(!(r[3] & 1 << 11));	/* syscall */
	ck_assert(r[3] & 1 << 20);	/* nx */

	/* a host without AVX and AES */
	env.host.avx = false;
	env.host.cpuid_cache[1][4] &= ~(1u << 25);
	cpuid_init_features(v->features, &env.host);
	query(1, 0, r);
	ck_assert(!(r[2] & 1 << 28));
	ck_assert(!(r[2] & 1 << 25));
	query(7, 0, r);
	ck_assert(!(r[1] & 1 << 5));
	query(0xd, 0, r);
	ck_assert_uint_eq(r[0], 3);
	ck_assert_uint_eq(r[2], 576);
}
END_TEST

START_TEST(amd)
{
	u32 r[4];

	env_protected();
	memcpy(&env.host.cpuid_cache[0][3], "Auth", 4);
	memcpy(&env.host.cpuid_cache[0][5], "enti", 4);
	memcpy(&env.host.cpuid_cache[0][4], "cAMD", 4);
	query(0x80000000u, 0, r);
	ck_assert_uint_eq(r[0], 0x80000021u);
	ck_assert(!memcmp(&r[1], "Auth", 4));
	query(1, 0, r);
	ck_assert_uint_eq((r[0] >> 8 & 15) + (r[0] >> 20 & 255), 0x1a);
	query(0x80000008u, 0, r);
	ck_assert(r[1] & 1 << 14);
	query(4, 0, r);
	ck_assert_uint_eq(r[0], 0);
	env.v.cpu.gpr[R_CX] = 0xc0010015u;
	ck_assert_int_eq(RUN(0x0f, 0x32), H_NEXT);
	ck_assert(env.v.cpu.gpr[R_AX] & 1 << 24);
}
END_TEST

START_TEST(xsave_sizes)
{
	struct vcpu *v = env_protected();
	u32 r[4];

	v->cpu.xcr0 = 3;
	query(0xd, 0, r);
	ck_assert_uint_eq(r[0], 7);
	ck_assert_uint_eq(r[1], 576);
	ck_assert_uint_eq(r[2], 832);
	v->cpu.xcr0 = 7;
	query(0xd, 0, r);
	ck_assert_uint_eq(r[1], 832);
	query(0xd, 2, r);
	ck_assert_uint_eq(r[0], 256);
	ck_assert_uint_eq(r[1], 576);
}
END_TEST

/* A guest computes crystal kHz * EBX / EAX in 32 bits: it must not overflow
 * and must come within 1 ppm. */
START_TEST(tsc_frequency)
{
	static const u32 khz[] = { 1000000, 1996250, 2596120, 3392623, 4400001,
				   5699997 };
	u32 r[4];

	env_protected();
	for (unsigned i = 0; i < ARRAY_SIZE(khz); i++) {
		u64 prod, got;

		env.host.tsc_khz = khz[i];
		query(0x15, 0, r);
		prod = (u64)(r[2] / 1000) * r[1];
		ck_assert(prod >> 32 == 0);
		got = prod * 1000 / r[0];
		ck_assert_msg(got <= khz[i] * 1000ull + khz[i] / 1000 + 1 &&
				      got + khz[i] / 1000 + 1 >=
					      khz[i] * 1000ull,
			      "%u: %llu", khz[i], (unsigned long long)got);
	}
}
END_TEST

START_TEST(host)
{
	struct umbra_host h;
	const char *why = NULL;

	ck_assert_int_eq(umbra_host_detect(&h, &why), 0);
	ck_assert_uint_gt(h.cpuid_nr, 3);
	ck_assert_uint_gt(h.tsc_khz, 100000);
	ck_assert_uint_lt(h.tsc_khz, 10000000);
	ck_assert_uint_gt(h.max_map_count, 0);
	ck_assert(!h.avx || (h.xcr0 & 7) == 7);
}
END_TEST

Suite *suite_cpuid(void);
Suite *suite_cpuid(void)
{
	Suite *s = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");

	tcase_add_test(tc, vendor_and_limits);
	tcase_add_test(tc, features);
	tcase_add_test(tc, amd);
	tcase_add_test(tc, xsave_sizes);
	tcase_add_test(tc, tsc_frequency);
	tcase_add_test(tc, host);
	suite_add_tcase(s, tc);
	return s;
}
