#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# endure.sh - long work in Linux guests, the monitor's memory watched.
#
# usage: endure.sh [--inject LIST] [--kernel NAME] [--seconds N]
#		   [--megabytes N] UMBRA GUESTDIR ITEM...
#
# Items: storm (200 processes that fork and exec for N seconds), gzip (a round
# trip of N megabytes), sparse (a working set of N megabytes touched at
# random), compile (tcc builds a program, each object as on the host). Each
# gets a boot of its own per kernel (both without --kernel). See endure.pl.
# Ends with "N passed, N failed".
exec perl "$(dirname "$0")/endure.pl" "$@"
