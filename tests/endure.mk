# SPDX-License-Identifier: GPL-2.0-or-later
#
# Endurance: long work in Linux guests. The programs are built as those of
# tests/inguest.mk; tests/endure.sh boots them and watches the monitor.
endure_PROGRAMS := $(addprefix tests/linux/,storm sparse pattern)
endure_SCRIPTS := $(addprefix $(srcdir)/tests/linux/,roundtrip.sh compile.sh)
guests_TESTS += $(endure_PROGRAMS) $(endure_SCRIPTS)
CLEAN_FILES += $(endure_PROGRAMS) $(endure_PROGRAMS:=.d)

$(endure_PROGRAMS): tests/linux/%: $(srcdir)/tests/linux/%.c Makefile
	$(say) CC32 $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -static -s -O2 -std=gnu11 $(WARN) -D_GNU_SOURCE= \
		-fno-pie -no-pie -MMD -MP -MF $@.d -o $@ $<
-include $(endure_PROGRAMS:=.d)

# tcc and its sources, behind the usual initramfs
.PHONY: guests-tcc
guests-tcc: guests
	@sh $(srcdir)/tests/endure-tcc.sh guests

ifneq ($(tools_SRCS),)
run_endure = sh $(srcdir)/tests/endure.sh
# the switches that force rare paths under Linux
endure_INJECT := one-insn no-chain no-pairs small-cache helper-sites \
	no-fsgsbase no-bmi2 no-uffd map-budget=256 fail-fill=7 fail-zap=5

check_STEPS += '$(run_endure) --kernel vmlinuz-686-pae --seconds 5 \
	./umbra guests storm gzip sparse'
check-long: guests-tcc
check_LONG_STEPS += '$(run_endure) --seconds 300 ./umbra guests storm'
check_LONG_STEPS += '$(run_endure) --seconds 60 --megabytes 256 \
	./umbra guests gzip'
check_LONG_STEPS += '$(run_endure) --seconds 60 --megabytes 1536 \
	./umbra guests sparse'
check_LONG_STEPS += '$(run_endure) ./umbra guests compile'
check_LONG_STEPS += $(foreach i,$(endure_INJECT),'$(run_endure) \
	--inject $(i) --seconds 20 --megabytes 64 ./umbra guests \
	storm gzip sparse compile')
endif
