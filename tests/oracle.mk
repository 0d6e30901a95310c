# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host as oracle: single instructions of every form, natively, translated,
# and in the engine. A program of its own.
oracle_OBJS := $(patsubst %,tests/oracle/%.o,main run rows enumerate compare \
	explain cover report minimise selftest engine) \
	$(patsubst %,tests/%.o,lowrun lowseg lowgen lowplace lowstate lowsel \
	lowrun_asm orun orun_native orun_vm orun_asm)

tests/oracle/oracle: $(oracle_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

CLEAN_FILES += tests/oracle/oracle oracle-coverage.txt $(oracle_OBJS) \
	$(oracle_OBJS:.o=.d)
check_DEPS += tests/oracle/oracle
check_STEPS += 'tests/oracle/oracle'
-include $(oracle_OBJS:.o=.d)

# Some eight million instances translated, and two million in the engine
.PHONY: check-oracle
check-oracle: check-tools tests/oracle/oracle
	UMBRA_ORACLE_ROUNDS=$${UMBRA_ORACLE_ROUNDS:-40} \
	UMBRA_ORACLE_ENGINE=$${UMBRA_ORACLE_ENGINE:-10} tests/oracle/oracle
check_LONG_STEPS += 'UMBRA_ORACLE_ROUNDS=40 UMBRA_ORACLE_ENGINE=10 \
	UMBRA_ORACLE_SEED=$$(date +%s) tests/oracle/oracle'
