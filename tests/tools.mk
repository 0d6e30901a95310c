# SPDX-License-Identifier: GPL-2.0-or-later
tests_UNIT_SRCS += tests/test_options.c tests/test_load.c \
	tests/test_load_elf.c tests/test_terminal.c tests/load_util.c

check_STEPS += 'sh $(srcdir)/tests/cli/run.sh ./umbra guests'
