# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests of the translator: encoders, listings, and the host as oracle.
tests_UNIT_SRCS += tests/test_emit.c tests/test_lower.c tests/test_oracle.c \
	tests/test_reloc.c tests/lowrun.c tests/lowgen.c tests/lowvec.c \
	tests/lowrun_asm.S
