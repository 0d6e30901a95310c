# SPDX-License-Identifier: GPL-2.0-or-later
# Bare guests: the list and how they are built, into tests/guests/ of the
# build directory. `make guests` builds them, tests/guests/run.sh runs them.
# They are always compiled by GUEST_CC (GCC: clang has no -masm=intel for
# file-scope asm).

GUEST_CC ?= gcc
GUEST_LD ?= ld

guests_LIST := hello chain align paging2 paging_pae flags stack segments gates trans trans_irq smc strings tasks vm86 realmode irq smap_smep debug ahregs bits sensitive sensitive_silent sensitive_far sensitive_trap sensitive_none sensitive_confine fpu mmio \
	hostile_random hostile_ring0 hostile_stack hostile_triple

guests_LIB := start.o report.o trap.o tables.o memory.o real.o

guests_DIR := tests/guests
guests_ELF := $(guests_LIST:%=$(guests_DIR)/%.elf)
guests_OBJ := $(guests_LIB:%=$(guests_DIR)/lib/%)

guests_CFLAGS := -m32 -march=i686 -std=gnu11 -O2 -Wall -Wextra -Wshadow \
	-Wundef -Wno-array-bounds -ffreestanding -nostdlib -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fno-tree-loop-distribute-patterns \
	-mgeneral-regs-only -masm=intel \
	-I$(srcdir) -I$(srcdir)/tests/guests/lib -I$(srcdir)/tests/guests

.PHONY: guests
guests: $(guests_ELF)

.SECONDARY: $(guests_OBJ) $(guests_LIST:%=$(guests_DIR)/%.o)

$(guests_DIR)/%.o: $(srcdir)/tests/guests/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -MMD -MP -c -o $@ $<

$(guests_DIR)/lib/%.o: $(srcdir)/tests/guests/lib/%.S
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -MMD -MP -c -o $@ $<

# PAE is the same source with wider entries.
$(guests_DIR)/paging2.o: guests_CFLAGS += -DPAE=0
$(guests_DIR)/paging_pae.o: $(srcdir)/tests/guests/paging2.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(guests_CFLAGS) -DPAE=1 -MMD -MP -c -o $@ $<

$(guests_DIR)/%.elf: $(guests_DIR)/%.o $(guests_OBJ) \
		$(srcdir)/tests/guests/lib/link.ld
	$(GUEST_LD) -m elf_i386 -nostdlib -static -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(srcdir)/tests/guests/lib/link.ld \
		-o $@ $< $(guests_OBJ)

-include $(wildcard $(guests_DIR)/*.d $(guests_DIR)/lib/*.d)

# The second opinion: the same images on QEMU's TCG.
.PHONY: check-guests-qemu
check-guests-qemu: guests
	$(srcdir)/tests/guests/run.sh --qemu $(guests_DIR)
