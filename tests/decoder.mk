# SPDX-License-Identifier: GPL-2.0-or-later
#
# The instruction table and decoder, against hand-checked cases, Capstone, the
# host's processor and objdump.
tests_UNIT_SRCS += tests/test_decode.c tests/test_decode_capstone.c \
	tests/test_decode_host.c tests/encodings.c tests/hostrun.c
