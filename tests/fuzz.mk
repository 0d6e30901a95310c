# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fuzz targets: each a program of its own, with what it tests compiled again
# under sanitizers, into fuzz/. tests/fuzz/cc.sh picks the compiler: clang with
# libFuzzer, or any with sanitizers, for the inputs that are known.
fuzz_TARGETS := xlate walk devices loaders options symbols gdb
fuzz_COMMON := runtime/log.c
fuzz_xlate_SRCS := tests/fuzz/xlate_gen.c $(translator_SRCS)
fuzz_walk_SRCS := tests/fuzz/walk_ref.c tests/fuzz/steps.c $(shadowmmu_SRCS)
fuzz_devices_SRCS := $(devices_SRCS)
fuzz_loaders_SRCS := tools/load.c tools/load_linux.c tools/load_elf.c \
	tools/load_multiboot.c
fuzz_options_SRCS := tools/options.c tools/gdbstub_where.c
fuzz_symbols_SRCS := tools/symbols.c tools/symbols_elf.c
fuzz_gdb_SRCS := tools/gdbstub_cmd.c tools/gdbstub_regs.c tools/gdbstub_rsp.c

fuzz_PROGRAMS := $(fuzz_TARGETS:%=fuzz/fuzz_%)
fuzz_srcs = tests/fuzz/$(1).c $(fuzz_COMMON) $(fuzz_$(1)_SRCS)
fuzz_objs = $(patsubst %.c,fuzz/%.o,$(call fuzz_srcs,$(1)))
fuzz_OBJS := $(sort $(foreach t,$(fuzz_TARGETS),$(call fuzz_objs,$(t))) \
	fuzz/tests/fuzz/standalone.o)
fuzz_CFLAGS = -std=gnu11 $(WARN) -fno-strict-aliasing -fno-common -pthread \
	-g -O1 -fno-omit-frame-pointer

# looked for each time, written only when it has changed
fuzz/cc: tests-fuzz-cc
	@mkdir -p fuzz
	@sh $(srcdir)/tests/fuzz/cc.sh "$(CC)" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: tests-fuzz-cc
tests-fuzz-cc:

$(fuzz_OBJS): fuzz/%.o: %.c fuzz/cc Makefile
	$(say) FUZZ-CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$$(sed -n 2p fuzz/cc) $(fuzz_EXTRA) $(ALL_CPPFLAGS) $(fuzz_CFLAGS) -MMD -MP -c -o $@ $<

# what judges must not guide
fuzz/tests/fuzz/walk_ref.o fuzz/shadowmmu/check.o: \
	fuzz_EXTRA = $$(sed -n 4p fuzz/cc)

define fuzz_program
fuzz/fuzz_$(1): $(call fuzz_objs,$(1)) fuzz/tests/fuzz/standalone.o
endef
$(foreach t,$(fuzz_TARGETS),$(eval $(call fuzz_program,$(t))))

# standalone.o has the main() that libFuzzer brings itself
$(fuzz_PROGRAMS):
	$(say) FUZZ-LD $@
	$(Q)if [ "$$(sed -n 1p fuzz/cc)" = libfuzzer ]; then \
		$$(sed -n 3p fuzz/cc) -pthread -o $@ \
			$(filter-out %/standalone.o,$^) $(LIBS); \
	else \
		$$(sed -n 3p fuzz/cc) -pthread -o $@ $^ $(LIBS); \
	fi

-include $(fuzz_OBJS:.o=.d)
CLEAN_FILES += fuzz

fuzz_run = sh $(srcdir)/tests/fuzz/run.sh
check_DEPS += $(fuzz_PROGRAMS)
check_STEPS += '$(fuzz_run) $(srcdir)/tests/fuzz $(fuzz_TARGETS)'
check_LONG_STEPS += '$(fuzz_run) --seconds 600 --seed 0 --keep \
	$(srcdir)/tests/fuzz $(fuzz_TARGETS)'

# by hand: make fuzz TARGET=walk SECONDS=600
TARGET = $(fuzz_TARGETS)
SECONDS = 60
.PHONY: fuzz
fuzz: $(fuzz_PROGRAMS)
	@$(fuzz_run) --seconds $(SECONDS) --seed 0 --keep $(srcdir)/tests/fuzz \
		$(TARGET)
