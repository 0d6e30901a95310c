# SPDX-License-Identifier: GPL-2.0-or-later
#
# The hostile guest: one bare image of several files, and its runs. It lies in
# a folder of its own, since tests/guests/run.sh runs all that lies beside it.
hostile_DIR := tests/guests/hostile
hostile_OBJ := $(addprefix $(hostile_DIR)/,main.o gen.o code.o tables.o \
	devices.o)
hostile_ELF := $(hostile_DIR)/hostile.elf

$(hostile_DIR)/%.o: $(srcdir)/$(hostile_DIR)/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -MMD -MP -c -o $@ $<

$(hostile_ELF): $(hostile_OBJ) $(guests_OBJ) \
		$(srcdir)/tests/guests/lib/link.ld
	$(GUEST_LD) -m elf_i386 -nostdlib -static -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(srcdir)/tests/guests/lib/link.ld \
		-o $@ $(hostile_OBJ) $(guests_OBJ)

guests: $(hostile_ELF)
-include $(hostile_OBJ:.o=.d)

CLEAN_FILES += $(hostile_OBJ) $(hostile_OBJ:.o=.d) $(hostile_ELF)
check_DEPS += $(hostile_ELF)

ifneq ($(tools_SRCS),)
run_hostile = sh $(srcdir)/tests/hostile.sh
check_ALONE_STEPS += '$(run_hostile) ./umbra $(hostile_ELF) 1 1'
check_LONG_STEPS += '$(run_hostile) ./umbra $(hostile_ELF) 120'
# memory that only grows shows best beside a small code cache
check_LONG_STEPS += '$(run_hostile) --inject small-cache ./umbra \
	$(hostile_ELF) 90'
check_LONG_STEPS += $(foreach i,$(filter-out small-cache,$(endure_INJECT)),'$(run_hostile) \
	--inject $(i) ./umbra $(hostile_ELF) 10')
endif
