/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dev_suites.h - prototypes of the device test suites.
 */
#ifndef UMBRA_TESTS_DEV_SUITES_H
#define UMBRA_TESTS_DEV_SUITES_H

#include <check.h>

#define SUITE(module) Suite *suite_##module(void);
#include "suites_devices.def"
#undef SUITE

#endif
