# SPDX-License-Identifier: GPL-2.0-or-later
#
# Symbols, perf and probes.
tests_UNIT_SRCS += tests/test_symbols.c tests/test_probe.c \
	tests/test_how.c

ifneq ($(tools_SRCS),)
check_DEPS += tests/probes_lib.so $(guests_DIR)/probes.elf $(probes_EXAMPLES)
CLEAN_FILES += tests/probes_lib.so
guests: $(guests_DIR)/probes.elf
tests/probes_lib.so: $(srcdir)/tests/probes_lib.c \
		$(srcdir)/tools/umbra-probe.h Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(BASE_CFLAGS) -fPIC -shared -o $@ $<

check_STEPS += 'sh $(srcdir)/tests/probes.sh ./umbra tests/guests guests'
check_LONG_STEPS += 'sh $(srcdir)/tests/probes.sh --long ./umbra tests/guests \
	guests'
endif
