# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host as oracle: single instructions of every form, natively and
# translated. A program of its own, which tests/lowvec.c keeps apart from the
# engine.
oracle_OBJS := $(patsubst %,tests/oracle/%.o,main run rows enumerate compare \
	explain cover report minimise selftest) tests/lowrun.o tests/lowseg.o \
	tests/lowgen.o tests/lowplace.o tests/lowstate.o tests/lowvec.o \
	tests/lowrun_asm.o

tests/oracle/oracle: $(oracle_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

CLEAN_FILES += tests/oracle/oracle oracle-coverage.txt $(oracle_OBJS) \
	$(oracle_OBJS:.o=.d)
check_DEPS += tests/oracle/oracle
check_STEPS += 'tests/oracle/oracle'
-include $(oracle_OBJS:.o=.d)

# a million instances, and more
.PHONY: check-oracle
check-oracle: tests/oracle/oracle
	UMBRA_ORACLE_ROUNDS=$${UMBRA_ORACLE_ROUNDS:-40} tests/oracle/oracle
check_LONG_STEPS += 'UMBRA_ORACLE_ROUNDS=100 UMBRA_ORACLE_SEED=$$$$(date +%s) \
	tests/oracle/oracle'
