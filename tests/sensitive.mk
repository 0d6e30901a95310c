# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sensitive instructions after Popek and Goldberg: the list, its checker, the
# guests that it names (tests/guests/sensitive_*.c).
ifneq ($(tools_SRCS),)
check_STEPS += 'perl $(srcdir)/tests/sensitive.pl $(srcdir) ./umbra \
	$(guests_DIR)'
endif

# The second opinion, with what QEMU does otherwise skipped.
.PHONY: check-sensitive-qemu
check-sensitive-qemu: $(guests_ELF)
	perl $(srcdir)/tests/sensitive.pl --qemu $(srcdir) - $(guests_DIR)
