// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * setup.c - making and unmaking of the shadow MMU and its vCPU sides. Not
 * light: it reads the host's limits and allocates.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mmu_impl.h"

/* Since Linux 5.11 and 5.19; older headers have neither. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

/* Mappings left for the rest of the process and for zaps (HAZARDS 49). */
#define MAP_RESERVE	  4096
#define MAP_BUDGET_MIN	  64
#define MAP_COUNT_DEFAULT 65530

static u64 max_map_count(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long n = MAP_COUNT_DEFAULT;

	if (f) {
		if (fscanf(f, "%lu", &n) != 1)
			n = MAP_COUNT_DEFAULT;
		fclose(f);
	}
	return n;
}

static u64 maps_now(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	u64 n = 0;
	int c;

	if (!f)
		return 256; /* a guess; the reserve covers its error */
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static u64 budget_from_host(void)
{
	u64 max = max_map_count(), taken = maps_now() + MAP_RESERVE;

	return max > taken + MAP_BUDGET_MIN ? max - taken : MAP_BUDGET_MIN;
}

int mmu_uffd_open(void)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_SIGBUS |
			    UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			    UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	};
	int err, fd = (int)syscall(SYS_userfaultfd,
				   O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int mmu_new(struct mmu **out, const struct mmu_inject *inj)
{
	struct mmu *m = calloc(1, sizeof(*m));
	s64 p;

	if (!m)
		return -ENOMEM;
	if (inj)
		m->inject = *inj;
	m->budget = m->inject.map_budget ? m->inject.map_budget
					 : budget_from_host();
	m->nr_nodes = MMU_NODES;
	if (m->inject.nodes)
		m->nr_nodes = MIN(m->inject.nodes, (u32)MMU_NODES);
	m->next_view_id = VIEW_ID_FIRST;
	p = host_mmap(0, (m->nr_nodes + 1ul) * sizeof(struct node),
		      PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host_is_err(p)) {
		free(m);
		return (int)p;
	}
	m->nodes = (struct node *)p;
	m->uffd = m->inject.no_uffd ? -1 : mmu_uffd_open();
	*out = m;
	return 0;
}

void mmu_free(struct mmu *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < MMU_VCPUS; i++)
		must(!m->vcpus[i], "a vCPU still uses the shadow MMU");
	for (unsigned i = 0; i < MMU_MAX_SLOTS; i++)
		mmu_slot_set(m, i, 0, 0, -1, 0, NULL);
	if (m->uffd >= 0)
		close(m->uffd);
	host_munmap((hva_t)m->nodes, (m->nr_nodes + 1ul) * sizeof(struct node));
	free(m);
}

const struct mmu_stats *mmu_stats(const struct mmu *m)
{
	return &m->stats;
}

static void vmmu_free_views(struct vmmu *v)
{
	if (v->super)
		view_free(v->super);
	for (unsigned i = 0; i < v->nr_cache; i++)
		view_free(v->cache[i]);
}

int vmmu_new(struct vmmu **out, struct mmu *m, const struct mmu_ops *ops)
{
	struct vmmu *v;
	unsigned i = 0;
	int err;

	while (i < MMU_VCPUS && m->vcpus[i])
		i++;
	if (i == MMU_VCPUS)
		return -ENOSPC;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->m = m;
	if (ops)
		v->ops = *ops;
	v->regs.cr0 = CR0_CD | CR0_NW | CR0_ET;
	v->regs.phys_mask = ~0ull;
	err = view_new(&v->super, v, false);
	if (!err)
		err = view_new(&v->cache[0], v, true);
	if (err) {
		vmmu_free_views(v);
		free(v);
		return err;
	}
	v->nr_cache = 1;
	m->vcpus[i] = v;
	view_select_user(v);
	*out = v;
	return 0;
}

void vmmu_free(struct vmmu *v)
{
	if (!v)
		return;
	vmmu_free_views(v);
	for (unsigned i = 0; i < MMU_VCPUS; i++) {
		if (v->m->vcpus[i] == v)
			v->m->vcpus[i] = NULL;
	}
	free(v);
}
