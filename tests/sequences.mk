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

# Random sequences. SEQ_SEED and SEQ_COUNT choose those of check-sequences.
seq_OBJS := tests/seq.o tests/seqenc.o tests/seqgen.o tests/seqflow.o \
	tests/seqfault.o tests/seqrun.o tests/seqmin.o tests/seqprint.o tests/seq_main.o

tests/sequences: $(seq_OBJS) $(orun_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

SEQ_SEED = 0x5eed0000
SEQ_COUNT = 100000
SEQ_MODE = turns
.PHONY: check-sequences
check-sequences: tests/sequences
	tests/sequences --seed $(SEQ_SEED) --count $(SEQ_COUNT) \
		--mode $(SEQ_MODE) --coverage sequences-coverage.txt

CLEAN_FILES += tests/sequences $(seq_OBJS) $(seq_OBJS:.o=.d) \
	sequences-coverage.txt
check_DEPS += tests/sequences
check_STEPS += 'tests/sequences --self-test'
check_STEPS += 'tests/sequences --count 3000 --coverage sequences-coverage.txt'
check_LONG_STEPS += 'tests/sequences --seed 0x10000000 --count 100000'
-include $(seq_OBJS:.o=.d)
