# SPDX-License-Identifier: GPL-2.0-or-later
#
# After Popek and Goldberg. Equivalence: the list of sensitive instructions, its
# checker, the guests that it names (tests/guests/sensitive_*.c). Resource
# control: a guest that looks for the monitor's memory.
sensitive_UNIT_OBJS := tests/sensitive_confine.o

tests/sensitive_confine: $(sensitive_UNIT_OBJS) libtools.a libumbra.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

CLEAN_FILES += tests/sensitive_confine $(sensitive_UNIT_OBJS) \
	$(sensitive_UNIT_OBJS:.o=.d)
-include $(sensitive_UNIT_OBJS:.o=.d)

# The guest that never pauses lies in a folder of its own, as the hostile one.
starve_ELF := $(guests_DIR)/sensitive/starve.elf
starve_OBJ := $(guests_DIR)/sensitive/starve.o

$(starve_OBJ): $(srcdir)/tests/guests/sensitive/starve.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -MMD -MP -c -o $@ $<

$(starve_ELF): $(starve_OBJ) $(guests_OBJ) $(srcdir)/tests/guests/lib/link.ld
	$(GUEST_LD) -m elf_i386 -nostdlib -static -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(srcdir)/tests/guests/lib/link.ld \
		-o $@ $(starve_OBJ) $(guests_OBJ)

guests: $(starve_ELF)
-include $(starve_OBJ:.o=.d)
CLEAN_FILES += $(starve_ELF) $(starve_OBJ) $(starve_OBJ:.o=.d)

ifneq ($(tools_SRCS),)
confine_ELF := $(guests_DIR)/sensitive_confine.elf
check_DEPS += tests/sensitive_confine $(starve_ELF)
check_STEPS += 'perl $(srcdir)/tests/sensitive.pl $(srcdir) ./umbra \
	$(guests_DIR)'
check_STEPS += 'tests/sensitive_confine $(confine_ELF) 16'
check_STEPS += 'perl $(srcdir)/tests/sensitive_starve.pl ./umbra $(starve_ELF)'
check_LONG_STEPS += 'tests/sensitive_confine $(confine_ELF) 1'
check_LONG_STEPS += 'perl $(srcdir)/tests/sensitive_starve.pl --long ./umbra \
	$(starve_ELF)'
endif

# The second opinion, with what QEMU does otherwise skipped.
.PHONY: check-sensitive-qemu
check-sensitive-qemu: $(guests_ELF)
	perl $(srcdir)/tests/sensitive.pl --qemu $(srcdir) - $(guests_DIR)
