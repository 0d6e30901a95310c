# SPDX-License-Identifier: GPL-2.0-or-later
#
# The sandbox: from inside (a suite of tests/unit), and of the real program
# while a guest runs, with a library that makes a forbidden call in it.
tests_UNIT_SRCS += tests/test_sandbox.c

sandbox_CALL := tests/sandbox_call.so
CLEAN_FILES += $(sandbox_CALL) tests/sandbox_call.d

$(sandbox_CALL): $(srcdir)/tests/sandbox_call.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(BASE_CFLAGS) -fPIC -shared -MMD -MP \
		-MF tests/sandbox_call.d -o $@ $<
-include tests/sandbox_call.d

ifneq ($(tools_SRCS),)
check_DEPS += $(sandbox_CALL)
check_STEPS += 'sh $(srcdir)/tests/sandbox.sh ./umbra $(sandbox_CALL)'
endif
