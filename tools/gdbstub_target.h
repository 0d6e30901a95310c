/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdbstub_target.h - a stopped vCPU as gdbstub_cmd.h wants it. On the vCPU's
 * thread, outside umbra_vcpu_run().
 */
#ifndef UMBRA_GDBSTUB_TARGET_H
#define UMBRA_GDBSTUB_TARGET_H

#include "gdbstub_cmd.h"

/* opaque of the functions. */
struct gdb_target {
	struct umbra_vm *vm;
	struct vcpu *vcpu;
};

extern const struct gdb_ops gdb_target_ops;

#endif
