# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verifier over what the guests make the translator emit.
tests_UNIT_SRCS += tests/test_verify.c

ifneq ($(tools_SRCS),)
verify_UMBRA = $(srcdir)/tests/verify_umbra.sh
# ends when its time is over, and only then
verify_GUESTS = $(filter-out hostile_ring0,$(guests_LIST))
check_ALONE_STEPS += 'sh $(srcdir)/tests/guests/run.sh $(verify_UMBRA) \
	tests/guests $(verify_GUESTS)'
endif

# The translator once more, with mistakes that can be switched on
faults_OBJS := $(patsubst translator/%.c,tests/faults/%.o,$(translator_SRCS)) \
	tests/verify-faults.o tests/verify-gen.o

tests/faults/%.o: translator/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -DXLATE_FAULTS -MMD -MP -c \
		-o $@ $<

tests/verify-faults.o: tests/verify-faults.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -DXLATE_FAULTS -MMD -MP -c \
		-o $@ $<

# libumbra.a gives what is not the translator's: logs
tests/verify-faults: $(faults_OBJS) libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

CLEAN_FILES += tests/verify-faults tests/faults $(faults_OBJS) \
	$(faults_OBJS:.o=.d)
check_DEPS += tests/verify-faults
check_STEPS += 'tests/verify-faults'
check_LONG_STEPS += 'tests/verify-faults 100000 $$$$(date +%s)'
-include $(faults_OBJS:.o=.d)

# Linux; both kernels and each rare path take longer than make check has
ifneq ($(tools_SRCS),)
verify_boot = sh $(srcdir)/tests/verify_boot.sh ./umbra guests
check_STEPS += '$(verify_boot) vmlinuz-686-pae'
verify_INJECT := one-insn no-pairs no-trans small-cache helper-sites \
	no-fsgsbase checked no-checked no-reuse far step \
	checked$(comma)no-fsgsbase checked$(comma)helper-sites \
	helper-sites$(comma)no-fsgsbase one-insn$(comma)small-cache
check_LONG_STEPS += $(foreach i,$(verify_INJECT),'sh \
	$(srcdir)/tests/guests/run.sh --timeout 180 --inject $(i) \
	$(verify_UMBRA) tests/guests')
check_LONG_STEPS += '$(verify_boot) vmlinuz-686 \
	$(foreach k,vmlinuz-686 vmlinuz-686-pae,$(foreach i,one-insn no-pairs \
	no-trans small-cache helper-sites no-fsgsbase checked no-reuse far, \
	$(k):$(i)))'
endif
