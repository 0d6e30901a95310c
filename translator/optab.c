/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * optab.c - optab.def made into the row array and its index, at compile time.
 */
#include "optab.h"
#include "runtime/bits.h"

/* clang-format off */

/* Column cls */
#define CL_COPY CLS_COPY
#define CL_REW  CLS_REWRITE
#define CL_INL  CLS_INLINE
#define CL_HLP  CLS_HELPER
#define CL_END  CLS_HELPER_END
#define CL_BR   CLS_BRANCH

/* `_` in the other columns, and numbers as names */
#define EXT__ 0xff
#define EXT_0 0
#define EXT_1 1
#define EXT_2 2
#define EXT_3 3
#define EXT_4 4
#define EXT_5 5
#define EXT_6 6
#define EXT_7 7
#define OPK__ OPK_NONE
#define MEM__ MEM_NONE

#define MS_0 0
#define MS_1 1
#define MS_2 2
#define MS_4 4
#define MS_8 8
#define MS_10 10
#define MS_16 16
#define MS_32 32
#define MS_Y MSZ_Y
#define MS_IO MSZ_IO
#define MS_SXD MSZ_SXD
#define MS_2V MSZ_2V
#define MS_FAR MSZ_FAR
#define MS_PUSHA MSZ_PUSHA
#define MS_DESC MSZ_DESC
#define MS_CX8 MSZ_CX8
#define MS_V MSZ_V
#define MS_V2 MSZ_V2
#define MS_V4 MSZ_V4
#define MS_V8 MSZ_V8
#define MS_IMAGE MSZ_IMAGE

/* Column rf. RS, RB, RG set the reach, in bits above the row flags. */
#define LK  ROW_LOCKABLE
#define EM  ROW_EMBEDDED
#define AL  ROW_ALIGNED
#define RP  ROW_REP
#define PV  ROW_PRIV
#define UF  ROW_USERFAULT
#define N64 ROW_NOT64
#define O64 ROW_ONLY64
#define D64 ROW_DEF64
#define F64 ROW_FORCE64
#define NB  ROW_NOP90
#define MR  ROW_MODREG
#define PM  ROW_PMODE
#define L0  ROW_L0
#define L1  ROW_L1
#define W0  ROW_W0
#define W1  ROW_W1
#define I2  ROW_L1_AVX2
#define RS  (REACH_STRING << 24)
#define RB  (REACH_BITOFF << 24)
#define RG  (REACH_GATHER << 24)

/* Column isa: CPUID bit, gate */
#define ISA(f, g) .feat = FEAT_##f, .gate = GATE_##g
#define ISA__          ISA(BASE, NONE)
#define ISA_WAIT       ISA(FPU, WAIT)
#define ISA_X87        ISA(FPU, X87)
#define ISA_X87N       ISA(FPU, X87)   /* not waiting: no pending #MF */
#define ISA_X87C       ISA(CMOV, X87)
#define ISA_X87S3      ISA(SSE3, X87)
#define ISA_MMX        ISA(MMX, MMX)
#define ISA_MMX_SSE    ISA(SSE, MMX)   /* mmx registers, added by SSE */
#define ISA_MMX_SSE2   ISA(SSE2, MMX)
#define ISA_MMX_SSSE3  ISA(SSSE3, MMX)
#define ISA_SSE        ISA(SSE, SSE)
#define ISA_SSEN       ISA(SSE, NONE)  /* no vector state: sfence */
#define ISA_SSE2       ISA(SSE2, SSE)
#define ISA_SSE2N      ISA(SSE2, NONE)
#define ISA_SSE3       ISA(SSE3, SSE)
#define ISA_SSSE3      ISA(SSSE3, SSE)
#define ISA_SSE41      ISA(SSE41, SSE)
#define ISA_SSE42      ISA(SSE42, SSE)
#define ISA_CRC32      ISA(SSE42, NONE)
#define ISA_AES        ISA(AES, SSE)
#define ISA_PCLMUL     ISA(PCLMUL, SSE)
#define ISA_SHA        ISA(SHA, SSE)
#define ISA_GFNI       ISA(GFNI, SSE)
#define ISA_AVX        ISA(AVX, AVX)
#define ISA_AVX2       ISA(AVX2, AVX)
#define ISA_AVXAES     ISA(AES, AVX)
#define ISA_VAES       ISA(VAES, AVX)
#define ISA_AVXCLMUL   ISA(PCLMUL, AVX)
#define ISA_VPCLMUL    ISA(VPCLMUL, AVX)
#define ISA_AVXGFNI    ISA(GFNI, AVX)
#define ISA_F16C       ISA(F16C, AVX)
#define ISA_FMA        ISA(FMA, AVX)
#define ISA_AVXVNNI    ISA(AVXVNNI, AVX)
#define ISA_BMI1       ISA(BMI1, NONE)
#define ISA_BMI2       ISA(BMI2, NONE)
#define ISA_LZCNT      ISA(LZCNT, NONE)
#define ISA_POPCNT     ISA(POPCNT, NONE)
#define ISA_MOVBE      ISA(MOVBE, NONE)
#define ISA_ADX        ISA(ADX, NONE)
#define ISA_CMOV       ISA(CMOV, NONE)
#define ISA_CX8        ISA(CX8, NONE)
#define ISA_CX16       ISA(CX16, NONE)
#define ISA_FXSR       ISA(FXSR, X87)
#define ISA_XSAVE      ISA(XSAVE, XSAVE)
#define ISA_XSAVEOPT   ISA(XSAVEOPT, XSAVE)
#define ISA_XSAVEC     ISA(XSAVEC, XSAVE)
#define ISA_XSAVES     ISA(XSAVES, XSAVE)
#define ISA_CLFLUSH    ISA(CLFLUSH, NONE)
#define ISA_CLFLUSHOPT ISA(CLFLUSHOPT, NONE)
#define ISA_CLWB       ISA(CLWB, NONE)
#define ISA_FSGSBASE   ISA(FSGSBASE, NONE)
#define ISA_SMAP       ISA(SMAP, NONE)
#define ISA_MONITOR    ISA(MONITOR, NONE)
#define ISA_RDTSCP     ISA(RDTSCP, NONE)
#define ISA_RDPID      ISA(RDPID, NONE)
#define ISA_RDRAND     ISA(RDRAND, NONE)
#define ISA_RDSEED     ISA(RDSEED, NONE)
#define ISA_INVPCID    ISA(INVPCID, NONE)
#define ISA_MSR        ISA(MSR, NONE)
#define ISA_TSC        ISA(TSC, NONE)
#define ISA_SEP        ISA(SEP, NONE)
#define ISA_MOVDIRI    ISA(MOVDIRI, NONE)

/*
 * Column fl: read, written for certain, maybe written, undefined (SDM vol. 1,
 * appendix A, and vol. 2). A flag both maybe and undefined is either kept or
 * left undefined; insn_flags() refines those by prefix and immediate.
 */
#define C EFL_CF
#define P EFL_PF
#define A EFL_AF
#define Z EFL_ZF
#define S EFL_SF
#define O EFL_OF
#define FLAGS(r, w, m, u) \
	.flags_r = (r), .flags_w = (w), .flags_m = (m), .flags_u = (u)

#define FL__       FLAGS(0, 0, 0, 0)
#define FL_ADD     FLAGS(0, EFL_ARITH, 0, 0)
#define FL_ADC     FLAGS(C, EFL_ARITH, 0, 0)
#define FL_LOGIC   FLAGS(0, C | P | Z | S | O, 0, A)
#define FL_INC     FLAGS(0, P | A | Z | S | O, 0, 0)
#define FL_MUL     FLAGS(0, C | O, 0, P | A | Z | S)
#define FL_UNDEF   FLAGS(0, 0, 0, EFL_ARITH)
#define FL_SHF1    FLAGS(0, C | P | Z | S | O, 0, A)
#define FL_SHFI    FLAGS(0, 0, EFL_ARITH, A | O)
#define FL_SHFC    FLAGS(0, 0, EFL_ARITH, A | O)
#define FL_ROT1    FLAGS(0, C | O, 0, 0)
#define FL_ROTI    FLAGS(0, 0, C | O, O)
#define FL_ROTC    FLAGS(0, 0, C | O, O)
#define FL_RCX1    FLAGS(C, C | O, 0, 0)
#define FL_RCXI    FLAGS(C, 0, C | O, O)
#define FL_RCXC    FLAGS(C, 0, C | O, O)
#define FL_BT      FLAGS(0, C, 0, P | A | S | O)
#define FL_BSF     FLAGS(0, Z, 0, C | P | A | S | O)
#define FL_LZCNT   FLAGS(0, C | Z, 0, P | A | S | O)
#define FL_DAA     FLAGS(C | A, C | P | A | Z | S, 0, O)
#define FL_AAA     FLAGS(A, C | A, 0, P | Z | S | O)
#define FL_AAM     FLAGS(0, P | Z | S, 0, C | A | O)
#define FL_ZF      FLAGS(0, Z, 0, 0)
#define FL_CX8     FLAGS(0, Z, 0, 0)
#define FL_DF      FLAGS(EFL_DF, 0, 0, 0)
#define FL_SCAS    FLAGS(EFL_DF, 0, EFL_ARITH, 0)
#define FL_RALL    FLAGS(EFL_ARITH | EFL_DF, 0, 0, 0)
#define FL_WALL    FLAGS(0, EFL_ARITH | EFL_DF, 0, 0)
#define FL_SAHF    FLAGS(0, C | P | A | Z | S, 0, 0)
#define FL_LAHF    FLAGS(C | P | A | Z | S, 0, 0, 0)
#define FL_RCF     FLAGS(C, 0, 0, 0)
#define FL_WCF     FLAGS(0, C, 0, 0)
#define FL_WDF     FLAGS(0, EFL_DF, 0, 0)
#define FL_CMC     FLAGS(C, C, 0, 0)
#define FL_ADCX    FLAGS(C, C, 0, 0)
#define FL_ADOX    FLAGS(O, O, 0, 0)
#define FL_FCOMI   FLAGS(0, C | P | Z, 0, A | S | O)
#define FL_ANDN    FLAGS(0, C | Z | S | O, 0, A | P)
#define FL_BEXTR   FLAGS(0, C | Z | O, 0, A | S | P)

#define FL_CC_O    FLAGS(O, 0, 0, 0)
#define FL_CC_NO   FLAGS(O, 0, 0, 0)
#define FL_CC_B    FLAGS(C, 0, 0, 0)
#define FL_CC_AE   FLAGS(C, 0, 0, 0)
#define FL_CC_E    FLAGS(Z, 0, 0, 0)
#define FL_CC_NE   FLAGS(Z, 0, 0, 0)
#define FL_CC_BE   FLAGS(C | Z, 0, 0, 0)
#define FL_CC_A    FLAGS(C | Z, 0, 0, 0)
#define FL_CC_S    FLAGS(S, 0, 0, 0)
#define FL_CC_NS   FLAGS(S, 0, 0, 0)
#define FL_CC_P    FLAGS(P, 0, 0, 0)
#define FL_CC_NP   FLAGS(P, 0, 0, 0)
#define FL_CC_L    FLAGS(S | O, 0, 0, 0)
#define FL_CC_GE   FLAGS(S | O, 0, 0, 0)
#define FL_CC_LE   FLAGS(Z | S | O, 0, 0, 0)
#define FL_CC_G    FLAGS(Z | S | O, 0, 0, 0)

/* Row number of the first row of each opcode; the others are only counted. */
#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)
#define ROW(map, opc, ...)  RN_##map##_##opc,
#define ROW8(map, opc, ...) RN_##map##_##opc,
#define VROW(map, opc, ...) RN_V##map##_##opc,
#define ALT(...)  CAT(RN_ALT_, __COUNTER__),
#define VALT(...) CAT(RN_ALT_, __COUNTER__),
enum {
#include "optab.def"
	RN_NR
};
#undef ROW
#undef ROW8
#undef VROW
#undef ALT
#undef VALT

static_assert(RN_NR < 0xffff, "row numbers fit the index");

#define ROW(map, opc, ...) [MAP_##map][0x##opc] = RN_##map##_##opc + 1,
#define ROW8(map, opc, ...) \
	[MAP_##map][0x##opc ... 0x##opc + 7] = RN_##map##_##opc + 1,
#define VROW(map, opc, ...) \
	[OPTAB_VEX(MAP_##map)][0x##opc] = RN_V##map##_##opc + 1,
#define ALT(...)
#define VALT(...)
const u16 optab_index[OPTAB_SPACES][256] = {
#include "optab.def"
};
#undef ROW
#undef ROW8
#undef VROW
#undef ALT
#undef VALT

#define INIT(m, opc, px, ex, md, o, c, rg, v, r, im, me, ms, fl, isa, rf) \
	.op = OP_##o, .map = MAP_##m, .opcode = 0x##opc, .pfx = PFX_##px, \
	.ext = EXT_##ex, .mod = MOD_##md, .cls = CL_##c, .reg = OPK_##rg, \
	.vvvv = OPK_##v, .rm = OPK_##r, .imm = IMM_##im, .mem = MEM_##me, \
	.memsize = MS_##ms, .reach = (rf) >> 24, \
	.rowflags = (rf) & 0xffffff, FL_##fl, ISA_##isa, .name = #o
#define ROW(m, opc, px, ex, md, o, c, rg, r, ...) \
	{ INIT(m, opc, px, ex, md, o, c, rg, _, r, __VA_ARGS__) },
#define ROW8 ROW
#define ALT(m, opc, px, ex, md, o, c, rg, r, ...) \
	{ .alt = true, INIT(m, opc, px, ex, md, o, c, rg, _, r, __VA_ARGS__) },
#define VROW(...) { .vex = 1, INIT(__VA_ARGS__) },
#define VALT(...) { .alt = true, .vex = 1, INIT(__VA_ARGS__) },
const struct oprow optab[] = {
#include "optab.def"
	{ .op = OP_INVALID }, /* ends the last opcode's rows */
};

const unsigned optab_nr = RN_NR;
