# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make coverage": a second tree in coverage/, built with counters, runs the
# steps of "make check" and some rare paths beside; what they reach is told a
# directory and a file, what they do not reach is named.
.PHONY: coverage coverage-run
CLEAN_FILES += coverage

coverage: guests
	@CC="$(CC)" sh $(srcdir)/tests/coverage.sh $(srcdir)

# In coverage/ itself, by tests/coverage.sh
# (fuzz targets are built by another compiler, without counters)
coverage-run: check-tools tests/unit $(filter-out fuzz/%,$(check_DEPS))
	@sh $(srcdir)/tests/coverage-run.sh $(srcdir) $(check_STEPS) \
		$(check_ALONE_STEPS)
