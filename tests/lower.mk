# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests of the translator: encoders, listings, landing sites, relocation. The
# host as oracle is tests/oracle.mk.
tests_UNIT_SRCS += tests/test_emit.c tests/test_lower.c tests/test_reloc.c \
	tests/lowrun.c tests/lowseg.c tests/lowgen.c tests/lowplace.c \
	tests/lowstate.c tests/lowsel.c tests/lowrun_asm.S
