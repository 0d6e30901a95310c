# System state and instructions: light code, and what runs outside it.
runtime_LIGHT_SRCS += \
	runtime/seg.c runtime/exc.c runtime/far.c runtime/task.c \
	runtime/sys.c runtime/sys_cr.c runtime/sys_fpu.c runtime/sys_int.c \
	runtime/sys_io.c runtime/sys_misc.c runtime/sys_msr.c \
	runtime/sys_seg.c runtime/sys_stack.c runtime/sys_string.c \
	runtime/sys_vm86.c runtime/cpuid.c
runtime_SRCS += runtime/host.c runtime/regs.c $(runtime_LIGHT_SRCS)
