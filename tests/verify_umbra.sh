#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# verify_umbra.sh - ./umbra with --verify, for scripts that take an umbra.
exec ./umbra "$@" --verify
