# The engine. LIGHT files run while the guest's vector registers are live:
# they are compiled for general registers only.
runtime_SRCS += runtime/log.c runtime/vm.c runtime/block.c runtime/dump.c \
	runtime/signals.c runtime/glue.S runtime/engine.c runtime/access.c \
	runtime/fault.c runtime/mode.c runtime/tcache.c runtime/loglight.c
runtime_LIGHT_SRCS += runtime/engine.c runtime/access.c runtime/fault.c \
	runtime/mode.c runtime/loglight.c runtime/tcache.c
