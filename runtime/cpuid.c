// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpuid.c - the processor that the guest is told it runs on.
 *
 * Policy. Vendor: the host's, since user code that dispatches on it must get
 * what the host executes best. Family and model: fixed, a recent one per
 * vendor (Intel 6/8Fh, AMD 1Ah/02h), so that a guest's errata and mitigation
 * paths stay off on any host. Features: those that the instruction table has
 * rows for, the host has, and the engine can carry out; plus system features
 * of the engine itself. Side-channel bits say that nothing needs page-table
 * isolation or retpolines (HAZARDS 65 says what that means).
 *
 * Queries are light; they read umbra_host.cpuid_cache and never execute CPUID.
 */
#include "sys_impl.h"

enum { EAX, EBX, ECX, EDX };

#define BIT(n) (1u << (n))

#define MAX_BASIC    0x16
#define MAX_EXTENDED 0x80000008u
#define MAX_EXTENDED_AMD 0x80000021u
#define MAX_HV	     0x40000000u

#define AMD_SIGNATURE	0x00b00f21 /* family 1Ah, model 02h, stepping 1 */
#define INTEL_SIGNATURE 0x000806f8 /* family 6, model 8Fh, stepping 8 */

/* IA32_ARCH_CAPABILITIES (SDM vol. 4): RDCL_NO, IBRS_ALL,
 * SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO,
 * FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO. */
#define ARCH_CAPS                                                             \
	(1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 |          \
	 1ull << 6 | 1ull << 8 | 1ull << 13 | 1ull << 14 | 1ull << 15 |       \
	 1ull << 20 | 1ull << 24 | 1ull << 26 | 1ull << 27 | 1ull << 62)

u64 cpuid_arch_caps(void)
{
	return ARCH_CAPS;
}

/* --- the host's answers */

static bool host_leaf(const struct umbra_host *h, u32 leaf, u32 sub,
		      u32 out[4])
{
	for (unsigned i = 0; i < h->cpuid_nr; i++) {
		const u32 *e = h->cpuid_cache[i];

		if (e[0] == leaf && e[1] == sub) {
			for (unsigned r = 0; r < 4; r++)
				out[r] = e[2 + r];
			return true;
		}
	}
	out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
	return false;
}

static bool host_is_amd(const struct umbra_host *h)
{
	u32 r[4];

	host_leaf(h, 0, 0, r);
	return r[EBX] == 0x68747541; /* "Auth" */
}

/* --- features that rows of the instruction table name */

struct feat_bit {
	u32 leaf, sub;
	u8 reg, bit;
};

static const struct feat_bit feat_bits[FEAT_NR] = {
#define FEAT(name, leaf, sub, reg, bit) [FEAT_##name] = { leaf, sub, reg, bit },
#include "translator/feat.def"
#undef FEAT
};

/* Not offered although the host may have it: 64-bit only, or with state,
 * power or process-context ids that the engine does not keep. */
static bool feat_is_withheld(unsigned f, const struct umbra_host *h)
{
	switch (f) {
	case FEAT_MONITOR:
	case FEAT_CX16:
	case FEAT_FSGSBASE:
	case FEAT_INVPCID:
		return true;
	case FEAT_AVX:
	case FEAT_AVX2:
	case FEAT_FMA:
	case FEAT_F16C:
	case FEAT_VAES:
	case FEAT_VPCLMUL:
	case FEAT_AVXVNNI:
		return !h->avx;
	case FEAT_XSAVEC:
	case FEAT_XSAVES:
		return !h->xsavec;
	default:
		return false;
	}
}

/* Carried out by the engine or in CPL 0 only: the host need not say so (its
 * own CPUID may hide supervisor features). */
static bool feat_is_ours(unsigned f)
{
	switch (f) {
	case FEAT_MSR:
	case FEAT_SEP:
	case FEAT_SMAP:
	case FEAT_TSC:
	case FEAT_XSAVES:
		return true;
	default:
		return false;
	}
}

void cpuid_init_features(u64 *features, const struct umbra_host *host)
{
	light_zero(features, sizeof(u64) * ((FEAT_NR + 63) / 64));
	features[0] |= 1ull << FEAT_BASE;
	for (unsigned f = FEAT_BASE + 1; f < FEAT_NR; f++) {
		const struct feat_bit *b = &feat_bits[f];
		u32 r[4];

		host_leaf(host, b->leaf, b->sub, r);
		if (feat_is_withheld(f, host) ||
		    (!feat_is_ours(f) && !(r[b->reg] >> b->bit & 1)))
			continue;
		features[f / 64] |= 1ull << (f % 64);
	}
	/* XSAVES stands on the host's XSAVEC, and that on XSAVE. */
	if (!(features[FEAT_XSAVE / 64] >> (FEAT_XSAVE % 64) & 1)) {
		features[FEAT_XSAVEC / 64] &= ~(1ull << (FEAT_XSAVEC % 64));
		features[FEAT_XSAVES / 64] &= ~(1ull << (FEAT_XSAVES % 64));
	}
}

static u32 feat_register(const struct vcpu *v, u32 leaf, u32 sub,
			 unsigned reg)
{
	u32 out = 0;

	for (unsigned f = FEAT_BASE + 1; f < FEAT_NR; f++) {
		const struct feat_bit *b = &feat_bits[f];

		if (b->leaf == leaf && b->sub == sub && b->reg == reg &&
		    sys_has(v, f))
			out |= BIT(b->bit);
	}
	return out;
}

/* --- leaves */

static u32 cpuid_signature(const struct vcpu *v)
{
	return host_is_amd(v->host) ? AMD_SIGNATURE : INTEL_SIGNATURE;
}

static void leaf_features(const struct vcpu *v, u32 r[4])
{
	r[EAX] = cpuid_signature(v);
	r[EBX] = 1 << 16 | 8 << 8; /* one logical CPU, clflush line of 64 */
	/* x2APIC, TSC deadline, hypervisor; OSXSAVE mirrors CR4. */
	r[ECX] = feat_register(v, 1, 0, ECX) | BIT(21) | BIT(24) | BIT(31);
	if (v->cpu.cr4 & CR4_OSXSAVE)
		r[ECX] |= BIT(27);
	/* VME DE PSE PAE MCE APIC MTRR PGE MCA PAT */
	r[EDX] = feat_register(v, 1, 0, EDX) | BIT(1) | BIT(2) | BIT(3) |
		 BIT(6) | BIT(7) | BIT(9) | BIT(12) | BIT(13) | BIT(14) |
		 BIT(16);
}

static void leaf_extended_features(const struct vcpu *v, u32 sub, u32 r[4])
{
	u32 host[4];

	if (sub == 1) {
		r[EAX] = feat_register(v, 7, 1, EAX);
		return;
	}
	if (sub)
		return;
	host_leaf(v->host, 7, 0, host);
	r[EAX] = 1;
	/* SMEP is ours, as is TSC_ADJUST, without which kernels watch the TSC
	 * by worse clocks; ERMS as the host's rep movs is; bit 13: FCS and FDS
	 * are deprecated. */
	r[EBX] = feat_register(v, 7, 0, EBX) | BIT(1) | BIT(7) |
		 (host[EBX] & BIT(9)) | BIT(13);
	r[ECX] = feat_register(v, 7, 0, ECX) | BIT(2); /* UMIP */
	/* FSRM as the host; IBRS and IBPB; ARCH_CAPABILITIES */
	r[EDX] = (host[EDX] & BIT(4)) | BIT(26) | BIT(29);
}

/* Deterministic cache parameters: one plain hierarchy of 48 KiB, 2 MiB. */
static void leaf_caches(u32 sub, u32 r[4])
{
	static const struct { u32 eax, ways, sets; } cache[] = {
		{ 1 | 1 << 5 | BIT(8), 12, 64 },
		{ 2 | 1 << 5 | BIT(8), 8, 64 },
		{ 3 | 2 << 5 | BIT(8), 16, 2048 },
	};

	if (sub >= ARRAY_SIZE(cache))
		return;
	r[EAX] = cache[sub].eax;
	r[EBX] = (cache[sub].ways - 1) << 22 | 63;
	r[ECX] = cache[sub].sets - 1;
}

/* Topology: one thread, one core, APIC id 0. */
static void leaf_topology(u32 sub, u32 r[4])
{
	r[ECX] = sub & 0xff;
	if (sub < 2) {
		r[EBX] = 1;
		r[ECX] |= (sub + 1) << 8;
	}
}

static void leaf_xsave(const struct vcpu *v, u32 sub, u32 r[4])
{
	bool avx = sys_has(v, FEAT_AVX);
	u32 mask = XCR0_X87 | XCR0_SSE | (avx ? XCR0_AVX : 0);

	if (!sys_has(v, FEAT_XSAVE))
		return;
	switch (sub) {
	case 0:
		r[EAX] = mask;
		r[EBX] = v->cpu.xcr0 & XCR0_AVX ? 832 : 576;
		r[ECX] = avx ? 832 : 576;
		break;
	case 1:
		r[EAX] = feat_register(v, 0xd, 1, EAX);
		r[EBX] = v->cpu.xcr0 & XCR0_AVX ? 832 : 576;
		break;
	case 2:
		if (avx) {
			r[EAX] = 256;
			r[EBX] = 576;
		}
		break;
	}
}

/*
 * TSC frequency as crystal * EBX / EAX. A guest multiplies in 32 bits of kHz,
 * so EBX stays small: of all denominators that allow, the one that comes
 * nearest is taken (the error is far below 1 ppm).
 */
static void leaf_tsc(const struct vcpu *v, u32 r[4])
{
	const u32 crystal = UMBRA_CRYSTAL_HZ / 1000;
	u64 khz = v->host->tsc_khz, best = ~0ull;

	if (!khz)
		return;
	for (u32 den = 1; den <= 1000; den++) {
		u64 num = (khz * den + crystal / 2) / crystal;
		u64 got = num * crystal, want = khz * den;
		u64 err = (got > want ? got - want : want - got) * 1000 / den;

		if (num * crystal > 0xffffffffu)
			break;
		if (num && err < best) {
			best = err;
			r[EAX] = den;
			r[EBX] = (u32)num;
		}
	}
	r[ECX] = UMBRA_CRYSTAL_HZ;
}

static void leaf_frequency(const struct vcpu *v, u32 r[4])
{
	r[EAX] = r[EBX] = (u32)((v->host->tsc_khz + 500) / 1000);
	r[ECX] = 100;
}

static void leaf_basic(const struct vcpu *v, u32 leaf, u32 sub, u32 r[4])
{
	u32 host[4];

	switch (leaf) {
	case 0:
		host_leaf(v->host, 0, 0, host);
		r[EAX] = MAX_BASIC;
		r[EBX] = host[EBX];
		r[ECX] = host[ECX];
		r[EDX] = host[EDX];
		break;
	case 1:
		leaf_features(v, r);
		break;
	case 2:
		if (!host_is_amd(v->host))
			r[EAX] = 0x0000ff01; /* see leaf 4 */
		break;
	case 4:
		if (!host_is_amd(v->host))
			leaf_caches(sub, r);
		break;
	case 6:
		r[EAX] = BIT(2); /* the APIC timer always runs */
		break;
	case 7:
		leaf_extended_features(v, sub, r);
		break;
	case 0xb:
		leaf_topology(sub, r);
		break;
	case 0xd:
		leaf_xsave(v, sub, r);
		break;
	case 0x15:
		leaf_tsc(v, r);
		break;
	case 0x16:
		leaf_frequency(v, r);
		break;
	}
}

/* Brand string, 48 bytes over three leaves. */
static void leaf_brand(u32 part, u32 r[4])
{
	static const char brand[48] = "Umbra virtual processor";

	for (unsigned i = 0; i < 4; i++)
		r[i] = light_get32(brand + 16 * part + 4 * i);
}

static void leaf_extended(const struct vcpu *v, u32 leaf, u32 r[4])
{
	bool amd = host_is_amd(v->host);

	switch (leaf) {
	case 0x80000000u:
		r[EAX] = MAX_EXTENDED;
		if (amd) {
			leaf_basic(v, 0, 0, r);
			r[EAX] = MAX_EXTENDED_AMD;
		}
		break;
	case 0x80000001u:
		r[EAX] = amd ? AMD_SIGNATURE : 0;
		r[ECX] = feat_register(v, leaf, 0, ECX);
		r[EDX] = feat_register(v, leaf, 0, EDX) | BIT(20); /* NX */
		if (amd) /* this vendor repeats leaf 1 here */
			r[EDX] |= BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) |
				  BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) |
				  BIT(12) | BIT(13) | BIT(14) | BIT(15) |
				  BIT(16) | BIT(23) | BIT(24);
		break;
	case 0x80000002u:
	case 0x80000003u:
	case 0x80000004u:
		leaf_brand(leaf - 0x80000002u, r);
		break;
	case 0x80000005u:
		if (amd) {
			r[ECX] = 48u << 24 | 12 << 16 | 1 << 8 | 64;
			r[EDX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
		}
		break;
	case 0x80000006u:
		r[ECX] = 2048u << 16 | 8 << 12 | 1 << 8 | 64;
		break;
	case 0x80000007u:
		r[EDX] = BIT(8); /* invariant TSC */
		break;
	case 0x80000008u:
		r[EAX] = 36 | 32 << 8; /* physical, linear address bits */
		if (amd) /* IBPB, IBRS, IBRS preferred, SSB_NO */
			r[EBX] = BIT(12) | BIT(14) | BIT(18) | BIT(26);
		break;
	}
}

/* AMD's own leaf of speculation facts lies beyond MAX_EXTENDED of Intel. */
static void leaf_amd_features(u32 r[4])
{
	/* lfence serializes, null selectors clear the base, automatic IBRS is
	 * not needed with IBRS_ALL, SRSO does not occur */
	r[EAX] = BIT(2) | BIT(6) | BIT(29);
}

void cpuid_query(const struct vcpu *v, u32 leaf, u32 subleaf, u32 out[4])
{
	bool amd = host_is_amd(v->host);

	out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
	if (leaf == 0x40000000u) {
		out[EAX] = MAX_HV;
		out[EBX] = 0x72626d55; /* "Umbr" */
		out[ECX] = 0x626d5561; /* "aUmb" */
		out[EDX] = 0x6d556172; /* "raUm" */
		return;
	}
	if (amd && leaf == MAX_EXTENDED_AMD) {
		leaf_amd_features(out);
		return;
	}
	if (leaf >= 0x80000000u) {
		leaf_extended(v, leaf, out);
		return;
	}
	/* Beyond the last basic leaf Intel repeats it, AMD answers zeros. */
	if (leaf > MAX_BASIC && leaf < 0x40000000u && !amd)
		leaf = MAX_BASIC;
	if (leaf <= MAX_BASIC)
		leaf_basic(v, leaf, subleaf, out);
}
