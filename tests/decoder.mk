# SPDX-License-Identifier: GPL-2.0-or-later
#
# The instruction table and decoder, against hand-checked cases, Capstone, the
# host's processor and objdump.
tests_UNIT_SRCS += tests/test_decode.c tests/test_decode_capstone.c \
	tests/test_decode_host.c tests/encodings.c tests/hostrun.c

# Whole binaries: those of the machine, and the guests' i386 ones if fetched.
optab_BINARIES = /bin/bash /lib/x86_64-linux-gnu/libc.so.6 \
	/lib/x86_64-linux-gnu/libm.so.6 /lib/x86_64-linux-gnu/libcrypto.so.3 \
	/lib/x86_64-linux-gnu/libgcc_s.so.1 /lib32/libc.so.6 /lib32/libm.so.6 \
	guests/busybox

tests/decode_lines: tests/decode_lines.o libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

CLEAN_FILES += tests/decode_lines
check_DEPS += tests/decode_lines
check_STEPS += 'perl $(srcdir)/tests/optab_objdump.pl tests/decode_lines $(optab_BINARIES)'
