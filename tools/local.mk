# SPDX-License-Identifier: GPL-2.0-or-later
tools_SRCS := tools/umbra.c tools/options.c tools/machine.c tools/terminal.c \
	tools/doctor.c tools/load.c tools/load_linux.c tools/load_elf.c \
	tools/load_multiboot.c tools/sandbox.c \
	tools/gdbstub.c tools/gdbstub_rsp.c tools/gdbstub_cmd.c \
	tools/gdbstub_regs.c tools/gdbstub_target.c tools/gdbstub_where.c \
	tools/inside.c tools/symbols.c tools/symbols_elf.c tools/perf.c \
	tools/probe.c tools/probe_spec.c

# Examples of probes (umbra(1), --probe), and tools of the tests
probes_EXAMPLES := probes/insncount.so probes/pftrace.so probes/share.so
all: $(probes_EXAMPLES)
$(probes_EXAMPLES): probes/%.so: tools/probes/%.c \
		$(srcdir)/tools/umbra-probe.h Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(BASE_CFLAGS) -fPIC -shared -o $@ $<
CLEAN_FILES += probes
