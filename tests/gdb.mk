# SPDX-License-Identifier: GPL-2.0-or-later
#
# gdb looks at guests by --gdb: unit tests of the stub, a bare guest of its own
# (it lies in a folder of its own, since run.sh runs all that lies beside it),
# Debian's kernels with symbols.
tests_UNIT_SRCS += tests/test_gdbstub.c

gdb_OBJ := tests/gdb/guest.o
gdb_ELF := tests/gdb/guest.elf

tests/gdb/%.o: $(srcdir)/tests/gdb/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -O1 -g -MMD -MP -c -o $@ $<

$(gdb_ELF): $(gdb_OBJ) $(guests_OBJ) $(srcdir)/tests/guests/lib/link.ld
	$(GUEST_LD) -m elf_i386 -nostdlib -static -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(srcdir)/tests/guests/lib/link.ld \
		-o $@ $(gdb_OBJ) $(guests_OBJ)

guests: $(gdb_ELF)
-include $(gdb_OBJ:.o=.d)
CLEAN_FILES += $(gdb_OBJ) $(gdb_OBJ:.o=.d) $(gdb_ELF)
check_DEPS += $(gdb_ELF)

# guests/System.map-686 and -686-pae; tests that want them run the script, which
# keeps a map that is there
.PHONY: symbols
ifneq ($(tools_SRCS),)
symbols: umbra guests
	@sh $(srcdir)/tests/kallsyms.sh ./umbra guests

run_gdb = perl $(srcdir)/tests/gdb.pl
check_STEPS += '$(run_gdb) $(srcdir) ./umbra guests'
check_LONG_STEPS += '$(run_gdb) --long $(srcdir) ./umbra guests'
endif
