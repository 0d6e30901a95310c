# SPDX-License-Identifier: GPL-2.0-or-later
#
# Symbols, perf and probes.
tests_UNIT_SRCS += tests/test_symbols.c

ifneq ($(tools_SRCS),)
check_STEPS += 'sh $(srcdir)/tests/probes.sh ./umbra tests/guests guests'
check_LONG_STEPS += 'sh $(srcdir)/tests/probes.sh --long ./umbra tests/guests \
	guests'
endif
