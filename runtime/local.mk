# The engine. LIGHT files run while the guest's vector registers are live:
# they are compiled for general registers only (HAZARDS 56).
runtime_SRCS += runtime/log.c runtime/vm.c runtime/translate.c runtime/dump.c \
	runtime/signals.c runtime/glue.S runtime/host.c runtime/regs.c \
	runtime/debug_state.c runtime/inside.c \
	runtime/verified.c
runtime_LIGHT := runtime/engine.c runtime/htab.c runtime/block.c \
	runtime/park.c runtime/blockmove.c runtime/checked.c runtime/debug.c \
	runtime/access.c runtime/fault.c \
	runtime/mode.c runtime/trans.c runtime/thrash.c runtime/loglight.c \
	runtime/tcache.c runtime/probe.c \
	runtime/exc.c runtime/seg.c runtime/far.c runtime/task.c \
	runtime/sys.c runtime/sys_cr.c runtime/sys_fpu.c runtime/sys_int.c \
	runtime/sys_io.c runtime/sys_misc.c runtime/sys_msr.c \
	runtime/sys_seg.c runtime/sys_stack.c runtime/sys_string.c \
	runtime/sys_vector.c runtime/sys_vm86.c runtime/cpuid.c
runtime_SRCS += $(runtime_LIGHT)
runtime_LIGHT_SRCS += $(runtime_LIGHT)
