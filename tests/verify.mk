# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verifier over what the guests make the translator emit.
ifneq ($(tools_SRCS),)
verify_UMBRA = $(srcdir)/tests/verify_umbra.sh
# ends when its time is over, and only then
verify_GUESTS = $(filter-out hostile_ring0,$(guests_LIST))
check_STEPS += 'sh $(srcdir)/tests/guests/run.sh $(verify_UMBRA) \
	tests/guests $(verify_GUESTS)'
endif
