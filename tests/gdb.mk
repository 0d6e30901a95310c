# SPDX-License-Identifier: GPL-2.0-or-later
#
# What looks at the guest with symbols: gdb by --gdb.

# guests/System.map-686 and -686-pae; tests that want them run the script, which
# keeps a map that is there
.PHONY: symbols
ifneq ($(tools_SRCS),)
symbols: umbra guests
	@sh $(srcdir)/tests/kallsyms.sh ./umbra guests
endif
