#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# help.sh - prints what make can do ("make help", configured or not).
cat <<'END'
Targets
  all          umbra and libumbra.a (the default)
  demo         boot a Debian kernel to a shell on this terminal
  check        all tests that fit into ten minutes
  check-long   these and the slow ones: every kernel, memory size and --inject
  check-oracle the host as oracle: ten million instances, some minutes
  check-sequences  a hundred thousand random sequences of instructions
  check-matrix all guests under each --inject and combinations: an hour
  fuzz         libFuzzer: TARGET= SECONDS=; see HACKING.md
  symbols      the kernels' symbols, from booted guests, for gdb and perf
  coverage     which lines the tests reach, into coverage/: about ten minutes
  bench        speed against bare hardware and QEMU's TCG, into bench/
  layers       only the proof of who includes whom
  unit         only build the unit tests, as tests/unit
  guests       fetch the guests' Debian packages (once), make their initramfs
  install      to $(DESTDIR)$(prefix); uninstall takes it away again
  clean        remove what was built; distclean also the configuration, guests

Variables
  V=1                 print the commands
  DEMO_KERNEL=        vmlinuz-686-pae or vmlinuz-686
  DEMO_APPEND=        the guest's command line, e.g. "console=ttyS0 quiet"
  DEMO_MEMORY=512M    the guest's memory
  ROWS= REPEAT=3      what make bench measures, how often; see HACKING.md
  CONFIGURE_ARGS=     for the first make in a fresh tree, e.g. --enable-debug
  UMBRA_NO_INSTALL=1  name missing Debian packages, do not install them
  UMBRA_SUITE=name    run one suite of unit tests (environment)

For a build directory of one's own: mkdir b && cd b && ../configure && make
configure takes --enable-debug, --enable-asan, --enable-ubsan, --enable-werror.
END
