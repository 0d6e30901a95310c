# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs that run inside a Linux guest, and the proof of light code.
inguest_NAMES := fpustate signals step smc segs mem fresh clock
inguest_PROGRAMS := $(inguest_NAMES:%=tests/linux/%)
inguest_SCRIPTS := tests/linux/applets.sh tests/linux/procinfo.sh
guests_TESTS += $(inguest_PROGRAMS) $(inguest_SCRIPTS:%=$(srcdir)/%)
CLEAN_FILES += $(inguest_PROGRAMS) $(inguest_PROGRAMS:=.d) flow

# at fixed addresses: the tests compare code addresses the assembler gave
$(inguest_PROGRAMS): tests/linux/%: $(srcdir)/tests/linux/%.c Makefile
	$(say) CC32 $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -msse2 -static -s -O2 -std=gnu11 $(WARN) -D_GNU_SOURCE= \
		-fno-pie -no-pie -pthread -MMD -MP -MF $@.d -o $@ $<
-include $(inguest_PROGRAMS:=.d)

# Light code once more, without inlining: each call is then one, and
# tools/lightcheck.pl can follow it.
light_FLOW = $(patsubst %.c,flow/%.o,$(runtime_LIGHT_SRCS) \
	$(shadowmmu_LIGHT_SRCS))
light_SELF = $(filter $(patsubst %.c,%.o,$(runtime_SRCS)), runtime/dump.o)

flow/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(BASE_CFLAGS) -mgeneral-regs-only \
		-fno-builtin -O1 -fno-inline -fno-optimize-sibling-calls -w \
		-MMD -MP -c -o $@ $<

ifneq ($(runtime_LIGHT_SRCS),)
-include $(light_FLOW:.o=.d)
check_DEPS += $(light_FLOW)
check_STEPS += 'CC="$(CC)" perl $(srcdir)/tools/lightcheck.pl --self-test \
	$(srcdir)/tests/light-heavy.txt --code $(LIGHT_OBJS) \
	--flow $(light_FLOW) --self $(light_SELF)'
endif

# the rare paths that Linux runs under, once more
inguest_INJECT := one-insn no-chain no-pairs no-trans small-cache helper-sites \
	no-fsgsbase no-bmi2 no-uffd checked no-reuse map-budget=256 fail-fill=7 fail-zap=5

ifneq ($(tools_SRCS),)
run_inguest = sh $(srcdir)/tests/inguest.sh
check_STEPS += '$(run_inguest) --kernel vmlinuz-686-pae ./umbra guests \
	fpustate signals step smc segs mem fresh'
check_LONG_STEPS += '$(run_inguest) ./umbra guests $(inguest_NAMES) \
	applets.sh procinfo.sh'
check_LONG_STEPS += $(foreach i,$(inguest_INJECT),'$(run_inguest) \
	--inject $(i) ./umbra guests fpustate signals step smc segs mem fresh \
	applets.sh procinfo.sh')
check_STEPS += 'sh $(srcdir)/tests/fresh.sh ./umbra guests'
check_ALONE_STEPS += 'perl $(srcdir)/tests/console.pl ./umbra guests'
check_LONG_STEPS += 'perl $(srcdir)/tests/console.pl --long ./umbra guests'
check_LONG_STEPS += 'sh $(srcdir)/tests/dmesg.sh ./umbra guests'
endif
