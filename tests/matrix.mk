# SPDX-License-Identifier: GPL-2.0-or-later
#
# The injection matrix: bare guests and Linux boots under each --inject word and
# under random combinations. MATRIX_SEED and MATRIX_COUNT are passed on.
ifneq ($(tools_SRCS),)
run_matrix = perl $(srcdir)/tests/matrix.pl
check_STEPS += '$(run_matrix) ./umbra $(guests_DIR) guests'
check_LONG_STEPS += '$(run_matrix) --long ./umbra $(guests_DIR) guests'

.PHONY: check-matrix
check-matrix: umbra guests $(guests_ELF)
	$(run_matrix) --long ./umbra $(guests_DIR) guests
endif
