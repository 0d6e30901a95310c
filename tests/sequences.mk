# SPDX-License-Identifier: GPL-2.0-or-later
#
# The runner of user code, natively and in the real engine (orun.h), and random
# sequences of instructions on it. Programs of their own: tests/unit stands in
# for parts of the engine.
orun_OBJS := tests/orun.o tests/orun_native.o tests/orun_vm.o tests/orun_asm.o
orun_UNIT_OBJS := tests/test_orun.o

tests/unit_orun: $(orun_UNIT_OBJS) $(orun_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

CLEAN_FILES += tests/unit_orun $(orun_OBJS) $(orun_OBJS:.o=.d) \
	$(orun_UNIT_OBJS) $(orun_UNIT_OBJS:.o=.d)
check_DEPS += tests/unit_orun
check_STEPS += 'tests/unit_orun'
-include $(orun_OBJS:.o=.d) $(orun_UNIT_OBJS:.o=.d)
