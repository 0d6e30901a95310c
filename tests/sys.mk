# SPDX-License-Identifier: GPL-2.0-or-later
#
# Unit tests of system state and instructions: a program of its own, since
# tests/sys_env.c stands in for the engine's memory.
sys_UNIT_OBJS := tests/sys_main.o tests/sys_env.o tests/test_seg.o \
	tests/test_exc.o tests/test_far.o tests/test_task.o \
	tests/test_sysinsn.o tests/test_sysfpu.o tests/test_sysvector.o \
	tests/test_cpuid.o

tests/unit_sys: $(sys_UNIT_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

CLEAN_FILES += tests/unit_sys $(sys_UNIT_OBJS) $(sys_UNIT_OBJS:.o=.d)
check_DEPS += tests/unit_sys
check_STEPS += 'tests/unit_sys'
-include $(sys_UNIT_OBJS:.o=.d)
