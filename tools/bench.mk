# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bench's programs (bench: all rows; bench-true: what the row "exec"
# starts) and its bare guest. They are always compiled by GUEST_CC at -O2, so
# that figures can be held against each other.
bench_DIR := tools/bench
bench_OBJS := $(patsubst %,$(bench_DIR)/%.o,bench integer memory sse x87 \
	calls kernel process code files)
bench_PROGRAMS := $(bench_DIR)/bench $(bench_DIR)/bench-true
CLEAN_FILES += $(bench_OBJS) $(bench_OBJS:.o=.d) $(bench_PROGRAMS) \
	$(bench_DIR)/true.o $(bench_DIR)/true.d $(bench_DIR)/first.elf \
	$(bench_DIR)/first.o bench

bench_CFLAGS = -m32 -march=i686 -msse2 -mfpmath=387 -O2 -std=gnu11 $(WARN) \
	-fno-math-errno -D_GNU_SOURCE= -fno-pie
$(bench_DIR)/sse.o: bench_CFLAGS += -mfpmath=sse

$(bench_OBJS) $(bench_DIR)/true.o: $(bench_DIR)/%.o: \
		$(srcdir)/$(bench_DIR)/%.c Makefile
	$(say) CC32 $@
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(bench_CFLAGS) -MMD -MP -c -o $@ $<

$(bench_DIR)/bench: $(bench_OBJS)
$(bench_DIR)/bench-true: $(bench_DIR)/true.o
$(bench_PROGRAMS):
	$(say) LD32 $@
	$(Q)$(GUEST_CC) -m32 -static -no-pie -s -o $@ $^
-include $(bench_OBJS:.o=.d) $(bench_DIR)/true.d

# an image whose first instructions write one byte to the debug port
$(bench_DIR)/first.elf: $(srcdir)/$(bench_DIR)/first.S
	$(say) LD32 $@
	$(Q)mkdir -p $(@D)
	$(Q)$(GUEST_CC) -m32 -c -o $(@:.elf=.o) $<
	$(Q)$(GUEST_LD) -m elf_i386 -nostdlib -static -N \
		--no-warn-rwx-segments -Ttext=0x100000 \
		-o $@ $(@:.elf=.o)

# what "make bench" measures and how often; see HACKING.md
ROWS =
REPEAT = 3
BENCH_KERNEL = vmlinuz-686-pae
BENCH_ARGS =

ifneq ($(tools_SRCS),)
.PHONY: bench
bench: umbra guests $(bench_PROGRAMS) $(bench_DIR)/first.elf
	@mkdir -p bench
	@sh $(srcdir)/tools/mkinitramfs.sh bench/initramfs.gz guests/busybox \
		$(bench_PROGRAMS)
	@perl $(srcdir)/$(bench_DIR)/bench.pl --umbra ./umbra --guests guests \
		--programs $(bench_DIR) --out bench --kernel $(BENCH_KERNEL) \
		--repeat $(REPEAT) $(BENCH_ARGS) $(ROWS)

check_DEPS += $(bench_PROGRAMS)
check_ALONE_STEPS += 'sh $(srcdir)/tests/bench.sh $(srcdir) ./umbra guests \
	$(bench_DIR)'
endif
