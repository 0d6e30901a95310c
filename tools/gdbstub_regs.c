// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gdbstub_regs.c - the target description (GDB manual, appendix G): gdb's two
 * features of an i386 with SSE, which name what it must find, and one of our
 * own with control registers and segment bases. In the order of gdbstub_regs.h.
 */
#include "gdbstub_regs.h"

#define R32(name)     "<reg name=\"" name "\" bitsize=\"32\" type=\"int32\"/>"
#define DATA(name)    "<reg name=\"" name "\" bitsize=\"32\" "                 \
		      "type=\"data_ptr\"/>"
#define ST(n)	      "<reg name=\"st" n "\" bitsize=\"80\" type=\"i387_ext\"/>"
#define FLOAT(name)   "<reg name=\"" name "\" bitsize=\"32\" type=\"int\" "    \
		      "group=\"float\"/>"
#define XMM(n)	      "<reg name=\"xmm" n "\" bitsize=\"128\" type=\"vec128\"/>"
#define SYSTEM(name)  "<reg name=\"" name "\" bitsize=\"32\" type=\"int\" "    \
		      "group=\"system\"/>"
#define BIT(name, n)  "<field name=\"" name "\" start=\"" n "\" end=\"" n "\"/>"
#define VECTOR(id, type, count)                                               \
	"<vector id=\"" id "\" type=\"" type "\" count=\"" count "\"/>"
#define PART(id, type) "<field name=\"" id "\" type=\"" type "\"/>"

const char gdb_target_xml[] =
"<?xml version=\"1.0\"?>"
"<!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
"<target><architecture>i386</architecture>"
"<feature name=\"org.gnu.gdb.i386.core\">"
"<flags id=\"i386_eflags\" size=\"4\">"
BIT("CF", "0") BIT("", "1") BIT("PF", "2") BIT("AF", "4") BIT("ZF", "6")
BIT("SF", "7") BIT("TF", "8") BIT("IF", "9") BIT("DF", "10") BIT("OF", "11")
BIT("NT", "14") BIT("RF", "16") BIT("VM", "17") BIT("AC", "18")
BIT("VIF", "19") BIT("VIP", "20") BIT("ID", "21")
"</flags>"
R32("eax") R32("ecx") R32("edx") R32("ebx") DATA("esp") DATA("ebp")
R32("esi") R32("edi")
"<reg name=\"eip\" bitsize=\"32\" type=\"code_ptr\"/>"
"<reg name=\"eflags\" bitsize=\"32\" type=\"i386_eflags\"/>"
R32("cs") R32("ss") R32("ds") R32("es") R32("fs") R32("gs")
ST("0") ST("1") ST("2") ST("3") ST("4") ST("5") ST("6") ST("7")
FLOAT("fctrl") FLOAT("fstat") FLOAT("ftag") FLOAT("fiseg") FLOAT("fioff")
FLOAT("foseg") FLOAT("fooff") FLOAT("fop")
"</feature>"
"<feature name=\"org.gnu.gdb.i386.sse\">"
VECTOR("v4f", "ieee_single", "4") VECTOR("v2d", "ieee_double", "2")
VECTOR("v16i8", "int8", "16") VECTOR("v8i16", "int16", "8")
VECTOR("v4i32", "int32", "4") VECTOR("v2i64", "int64", "2")
"<union id=\"vec128\">"
PART("v4_float", "v4f") PART("v2_double", "v2d") PART("v16_int8", "v16i8")
PART("v8_int16", "v8i16") PART("v4_int32", "v4i32") PART("v2_int64", "v2i64")
PART("uint128", "uint128")
"</union>"
"<flags id=\"i386_mxcsr\" size=\"4\">"
BIT("IE", "0") BIT("DE", "1") BIT("ZE", "2") BIT("OE", "3") BIT("UE", "4")
BIT("PE", "5") BIT("DAZ", "6") BIT("IM", "7") BIT("DM", "8") BIT("ZM", "9")
BIT("OM", "10") BIT("UM", "11") BIT("PM", "12") BIT("FZ", "15")
"</flags>"
XMM("0") XMM("1") XMM("2") XMM("3") XMM("4") XMM("5") XMM("6") XMM("7")
"<reg name=\"mxcsr\" bitsize=\"32\" type=\"i386_mxcsr\" group=\"vector\"/>"
"</feature>"
"<feature name=\"org.umbra.system\">"
SYSTEM("cr0") SYSTEM("cr2") SYSTEM("cr3") SYSTEM("cr4") SYSTEM("efer")
SYSTEM("cs_base") SYSTEM("ss_base") SYSTEM("ds_base") SYSTEM("es_base")
SYSTEM("fs_base") SYSTEM("gs_base")
"</feature></target>";
