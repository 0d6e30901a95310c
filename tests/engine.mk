# SPDX-License-Identifier: GPL-2.0-or-later
#
# The engine from outside, by umbra.h: a program of its own, since others
# stand in for parts of the engine.
engine_UNIT_OBJS := tests/engine_main.o tests/test_engine.o \
	tests/engine_code.o tests/test_debug.o tests/debug_code.o

tests/unit_engine: $(engine_UNIT_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)

CLEAN_FILES += tests/unit_engine $(engine_UNIT_OBJS) $(engine_UNIT_OBJS:.o=.d)
check_DEPS += tests/unit_engine
check_STEPS += 'tests/unit_engine'
-include $(engine_UNIT_OBJS:.o=.d)
