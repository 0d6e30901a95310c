# Unit tests of the shadow MMU.
tests_UNIT_SRCS += tests/mmu_env.c tests/test_mmu.c tests/test_mmu_host.c \
	tests/test_mmu_random.c tests/test_mmu_uffd.c tests/test_mmu_user.c
