#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hostile.sh - the hostile guest in all its modes, the monitor watched.
#
# usage: hostile.sh [--inject LIST] UMBRA HOSTILE.ELF SECONDS [SEED [MODE...]]
#
# Each mode gets SECONDS. Without a seed it takes a fresh one; the seeds are
# printed, and a run with the same one does the same. See hostile.pl. Ends
# with "N passed, N failed".
exec perl "$(dirname "$0")/hostile.pl" "$@"
