/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensitive_none.c - bare guest: sensitive instructions that this processor
 * does not have, or not in 32-bit code: #UD in real mode, V86 mode and at CPL 0
 * to 3, whatever the host's own processor would make of the bytes.
 *
 * Virtualisation, enclaves, system management, 64-bit system calls and segment
 * bases, waiting, transactions, process-context ids, shadow stacks. HAZARDS 2.
 */
#include "sensitive.h"

#define ALL(name, why)                                                        \
	{ name ".real", why }, { name ".vm86", why }, { name ".ring0", why }, \
		{ name ".ring1", why }, { name ".ring2", why },               \
		{ name ".ring3", why }

const struct tcg_skip tcg_skips[] = {
	ALL("umwait", "TCG takes them for fences"),
	ALL("tsx", "TCG has XBEGIN and XABORT that only fail"),
	ALL("shadow-stack", "TCG takes INCSSP for a fence"),
	{ 0, 0 },
};

/* One encoding, and the CPUID bit that would make it something: or none. */
struct enc {
	const char *name;
	u8 len, bytes[7];
	u32 leaf;
	char reg;
	u8 bit;
};

#define ABSENT 0, 0, 0
#define VMX 1, 'c', 5
#define SMX 1, 'c', 6
#define SVM 0x80000001, 'c', 2

static const struct enc encs[] = {
	{ "vmx", 3, { 0x0f, 0x01, 0xc1 }, VMX },	     /* vmcall */
	{ "vmx", 3, { 0x0f, 0x01, 0xc2 }, VMX },	     /* vmlaunch */
	{ "vmx", 3, { 0x0f, 0x01, 0xc3 }, VMX },	     /* vmresume */
	{ "vmx", 3, { 0x0f, 0x01, 0xc4 }, VMX },	     /* vmxoff */
	{ "vmx", 3, { 0x0f, 0x01, 0xd4 }, VMX },	     /* vmfunc */
	{ "vmx", 3, { 0x0f, 0x78, 0xc1 }, VMX },	     /* vmread */
	{ "vmx", 3, { 0x0f, 0x79, 0xc1 }, VMX },	     /* vmwrite */
	{ "vmx", 3, { 0x0f, 0xc7, 0x33 }, VMX },	     /* vmptrld */
	{ "vmx", 3, { 0x0f, 0xc7, 0x3b }, VMX },	     /* vmptrst */
	{ "vmx", 4, { 0x66, 0x0f, 0xc7, 0x33 }, VMX },	     /* vmclear */
	{ "vmx", 4, { 0xf3, 0x0f, 0xc7, 0x33 }, VMX },	     /* vmxon */
	{ "vmx", 5, { 0x66, 0x0f, 0x38, 0x80, 0x0b }, VMX }, /* invept */
	{ "vmx", 5, { 0x66, 0x0f, 0x38, 0x81, 0x0b }, VMX }, /* invvpid */
	{ "getsec", 2, { 0x0f, 0x37 }, SMX },
	{ "svm", 3, { 0x0f, 0x01, 0xd8 }, SVM },	     /* vmrun */
	{ "svm", 3, { 0x0f, 0x01, 0xd9 }, SVM },	     /* vmmcall */
	{ "svm", 3, { 0x0f, 0x01, 0xda }, SVM },	     /* vmload */
	{ "svm", 3, { 0x0f, 0x01, 0xdb }, SVM },	     /* vmsave */
	{ "svm", 3, { 0x0f, 0x01, 0xdc }, SVM },	     /* stgi */
	{ "svm", 3, { 0x0f, 0x01, 0xdd }, SVM },	     /* clgi */
	{ "svm", 3, { 0x0f, 0x01, 0xde }, SVM },	     /* skinit */
	{ "svm", 3, { 0x0f, 0x01, 0xdf }, SVM },	     /* invlpga */
	{ "enclave", 3, { 0x0f, 0x01, 0xcf }, 7, 'b', 2 },   /* encls */
	{ "enclave", 3, { 0x0f, 0x01, 0xd7 }, 7, 'b', 2 },   /* enclu */
	{ "enclave", 3, { 0x0f, 0x01, 0xc0 }, 7, 'b', 2 },   /* enclv */
	{ "pconfig", 3, { 0x0f, 0x01, 0xc5 }, 7, 'd', 18 },
	{ "rsm", 2, { 0x0f, 0xaa }, ABSENT },
	{ "syscall", 2, { 0x0f, 0x05 }, ABSENT },
	{ "sysret", 2, { 0x0f, 0x07 }, ABSENT },
	{ "swapgs", 3, { 0x0f, 0x01, 0xf8 }, ABSENT },
	{ "fsgsbase", 4, { 0xf3, 0x0f, 0xae, 0xc0 }, ABSENT },
	{ "fsgsbase", 4, { 0xf3, 0x0f, 0xae, 0xc8 }, ABSENT },
	{ "fsgsbase", 4, { 0xf3, 0x0f, 0xae, 0xd0 }, ABSENT },
	{ "fsgsbase", 4, { 0xf3, 0x0f, 0xae, 0xd8 }, ABSENT },
	{ "monitor", 3, { 0x0f, 0x01, 0xc8 }, 1, 'c', 3 },
	{ "mwait", 3, { 0x0f, 0x01, 0xc9 }, 1, 'c', 3 },
	{ "monitorx", 3, { 0x0f, 0x01, 0xfa }, 0x80000001, 'c', 29 },
	{ "monitorx", 3, { 0x0f, 0x01, 0xfb }, 0x80000001, 'c', 29 },
	{ "umwait", 4, { 0xf3, 0x0f, 0xae, 0xf0 }, 7, 'c', 5 },
	{ "umwait", 4, { 0xf2, 0x0f, 0xae, 0xf0 }, 7, 'c', 5 },
	{ "umwait", 4, { 0x66, 0x0f, 0xae, 0xf0 }, 7, 'c', 5 }, /* tpause */
	{ "tsx", 6, { 0xc7, 0xf8, 0, 0, 0, 0 }, 7, 'b', 11 },   /* xbegin */
	{ "tsx", 3, { 0x0f, 0x01, 0xd5 }, 7, 'b', 11 },	     /* xend */
	{ "tsx", 3, { 0x0f, 0x01, 0xd6 }, 7, 'b', 11 },	     /* xtest */
	{ "tsx", 3, { 0xc6, 0xf8, 0 }, 7, 'b', 11 },	     /* xabort */
	{ "invpcid", 5, { 0x66, 0x0f, 0x38, 0x82, 0x0b }, 7, 'b', 10 },
	{ "rdpid", 4, { 0xf3, 0x0f, 0xc7, 0xf8 }, 7, 'c', 22 },
	{ "pkru", 3, { 0x0f, 0x01, 0xee }, 7, 'c', 4 },	     /* rdpkru */
	{ "pkru", 3, { 0x0f, 0x01, 0xef }, 7, 'c', 4 },	     /* wrpkru */
	{ "serialize", 3, { 0x0f, 0x01, 0xe8 }, 7, 'd', 14 },
	{ "tlbsync", 3, { 0x0f, 0x01, 0xfe }, 0x80000008, 'b', 3 },
	{ "tlbsync", 3, { 0x0f, 0x01, 0xff }, 0x80000008, 'b', 3 },
	{ "rdpru", 3, { 0x0f, 0x01, 0xfd }, 0x80000008, 'b', 4 },
	{ "clzero", 3, { 0x0f, 0x01, 0xfc }, 0x80000008, 'b', 0 },
	{ "wrss", 4, { 0x0f, 0x38, 0xf6, 0x03 }, 7, 'c', 7 },
	{ "wrss", 5, { 0x66, 0x0f, 0x38, 0xf5, 0x03 }, 7, 'c', 7 },
	{ "shadow-stack", 4, { 0xf3, 0x0f, 0x01, 0xea }, 7, 'c', 7 },
	{ "shadow-stack", 4, { 0xf3, 0x0f, 0x01, 0xe8 }, 7, 'c', 7 },
	{ "shadow-stack", 4, { 0xf3, 0x0f, 0x01, 0x2b }, 7, 'c', 7 },
	{ "shadow-stack", 4, { 0xf3, 0x0f, 0xae, 0x33 }, 7, 'c', 7 },
	{ "shadow-stack", 4, { 0xf3, 0x0f, 0xae, 0xe8 }, 7, 'c', 7 },
	{ "ptwrite", 4, { 0xf3, 0x0f, 0xae, 0x23 }, ABSENT },
	{ "enqcmd", 5, { 0xf2, 0x0f, 0x38, 0xf8, 0x03 }, 7, 'c', 29 },
	{ "enqcmd", 5, { 0xf3, 0x0f, 0x38, 0xf8, 0x03 }, 7, 'c', 29 },
	{ "hreset", 6, { 0xf3, 0x0f, 0x3a, 0xf0, 0xc0, 0 }, ABSENT },
	{ "test-register", 3, { 0x0f, 0x24, 0xc0 }, ABSENT },
	{ "test-register", 3, { 0x0f, 0x26, 0xc0 }, ABSENT },
	{ "loadall", 2, { 0x0f, 0x04 }, ABSENT },
	{ "ud", 2, { 0x0f, 0x0b }, ABSENT },
	{ "ud", 3, { 0x0f, 0xb9, 0xc0 }, ABSENT },
	{ "ud", 3, { 0x0f, 0xff, 0xc0 }, ABSENT },
};

static bool is_offered(const struct enc *e)
{
	struct cpuid c;

	if (!e->reg || cpuid_of(e->leaf & 0x80000000, 0).a < e->leaf)
		return false;
	c = cpuid_of(e->leaf, 0);
	return (e->reg == 'b' ? c.b : e->reg == 'c' ? c.c : c.d) >> e->bit & 1;
}

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* All encodings of a name, i being the first; what is offered is not run. */
static void test_name(u32 i, int p)
{
	const char *name = encs[i].name;
	struct regs r;

	begin_at(name, p);
	for (; i < ARRAY_SIZE(encs) && same_name(encs[i].name, name); i++) {
		const struct enc *e = &encs[i];

		if (is_offered(e))
			continue;
		priv_init(&r, p);
		r.eax = r.ecx = r.edx = 0;
		r.edi = BUF;
		priv_run(&r, p, make_snip(p, e->bytes, e->len));
		faults(&r, VEC_UD, NOERR);
		if (r.vec != VEC_UD)
			print("# encoding %u of %s\n", i, name);
	}
}

void guest_main(void)
{
	for (int paging = 0; paging < 2; paging++) {
		if (paging)
			identity_on();
		for (int p = paging ? VM86 : REAL; p < PRIVS; p++)
			for (u32 i = 0; i < ARRAY_SIZE(encs); i++)
				if (!i || !same_name(encs[i].name,
						     encs[i - 1].name))
					test_name(i, p);
	}
}
