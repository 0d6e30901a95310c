/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umbra-probe.h - for those who write probes: C functions in a shared library
 * that umbra calls at events of the guest (umbra(1), --probe).
 *
 * A library may define umbra_probe_init(), which is called once, when the guest
 * has not begun. UMBRA_PROBE_LIBRARY, at file scope, does so, and makes the
 * functions below usable. All is called on one thread. What it opens it opens
 * in umbra_probe_init(): afterwards the process may write to what is open, but
 * open nothing (umbra(1), SANDBOX). What is to be printed at the end is printed
 * by a function at the event exit.
 */
#ifndef UMBRA_PROBE_H
#define UMBRA_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define UMBRA_PROBE_VERSION 1

struct umbra_probe_api {
	unsigned version;
	FILE *out; /* what probes print: umbra's standard error */
	/* The name of what lies at a linear address of the guest and how far
	 * behind its begin that is, by --symbols; NULL: unknown. */
	const char *(*symbol)(const struct umbra_probe_api *api,
			      uint64_t address, uint32_t *offset);
	/* Where the named thing begins, and the first address behind it; -1:
	 * there is none. */
	int (*address)(const struct umbra_probe_api *api, const char *name,
		       uint32_t *start, uint64_t *end);
	/* Copies guest memory from a linear address, as the guest sees it now,
	 * and leaves no trace; -1: not all of it is there. */
	int (*read)(const struct umbra_probe_api *api, uint64_t address,
		    void *buf, size_t len);
};

/* Anything but 0: umbra ends. */
int umbra_probe_init(const struct umbra_probe_api *api);

#define UMBRA_PROBE_LIBRARY                                                   \
	static const struct umbra_probe_api *umbra;                           \
	int umbra_probe_init(const struct umbra_probe_api *api)               \
	{                                                                     \
		umbra = api;                                                  \
		return api->version == UMBRA_PROBE_VERSION ? 0 : -1;          \
	}                                                                     \
	__attribute__((unused)) static const char *umbra_symbol(              \
		uint64_t address, uint32_t *offset)                           \
	{                                                                     \
		return umbra->symbol(umbra, address, offset);                 \
	}                                                                     \
	__attribute__((unused)) static int umbra_address(                     \
		const char *name, uint32_t *start, uint64_t *end)             \
	{                                                                     \
		return umbra->address(umbra, name, start, end);               \
	}                                                                     \
	__attribute__((unused)) static int umbra_read(                        \
		uint64_t address, void *buf, size_t len)                      \
	{                                                                     \
		return umbra->read(umbra, address, buf, len);                 \
	}                                                                     \
	struct umbra_probe_api

#endif
