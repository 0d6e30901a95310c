# Sources of the shadow MMU. The light ones run with the guest's vector
# registers live: the build adds -mgeneral-regs-only and keeps the compiler
# from turning loops into calls of libc (HAZARDS 56).
shadowmmu_LIGHT_SRCS := \
	shadowmmu/check.c \
	shadowmmu/fill.c \
	shadowmmu/frames.c \
	shadowmmu/map.c \
	shadowmmu/mmu.c \
	shadowmmu/sync.c \
	shadowmmu/uffd.c \
	shadowmmu/view.c \
	shadowmmu/walk.c

shadowmmu_SRCS := $(shadowmmu_LIGHT_SRCS) \
	shadowmmu/setup.c \
	shadowmmu/slot.c
