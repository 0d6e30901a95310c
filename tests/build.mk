# SPDX-License-Identifier: GPL-2.0-or-later
#
# The common runner, and the steps of "make check" in their order.
tests_UNIT_SRCS += tests/unit_main.c tests/test_log.c

check_STEPS += 'sh $(srcdir)/tools/layers.sh --self-test $(srcdir)'
check_STEPS += 'sh $(srcdir)/tests/test_build.sh $(srcdir)'
check_STEPS += 'tests/unit'

# our bare guests (tests/guests.mk) must at least build
check_DEPS += $(guests_ELF)

ifneq ($(tools_SRCS),)
check_DEPS += umbra

# Debian's kernels, by tests/boot.sh
check_STEPS += 'sh $(srcdir)/tests/boot.sh ./umbra guests'
check_LONG_STEPS += 'sh $(srcdir)/tests/boot.sh --long ./umbra guests'
check check-long: guests

# Our bare guests, then once more with each rare path forced
ifneq ($(wildcard $(srcdir)/tests/guests/run.sh),)
run_guests = sh $(srcdir)/tests/guests/run.sh
# irq counts ticks in seconds
check_ALONE_STEPS += '$(run_guests) ./umbra tests/guests'
comma := ,
guests_INJECT := one-insn no-chain no-pairs no-trans small-cache helper-sites \
	no-fsgsbase no-bmi2 no-uffd checked no-checked no-reuse far no-far \
	checked$(comma)one-insn checked$(comma)no-chain \
	checked$(comma)no-pairs checked$(comma)small-cache \
	checked$(comma)helper-sites checked$(comma)no-fsgsbase \
	step map-budget=256 fail-fill=7 fail-zap=5 \
	helper-sites$(comma)no-fsgsbase one-insn$(comma)small-cache
check_LONG_STEPS += $(foreach i,$(guests_INJECT),'$(run_guests) --timeout 120 \
	--inject $(i) ./umbra tests/guests')
endif
endif
