// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sandbox.c - see sandbox.h for the contract.
 *
 * The filter is a list of what is allowed; everything else, other system call
 * tables (int 80h, x32) included, is SECCOMP_RET_KILL_PROCESS. What matters
 * most: no memory becomes executable any more, no file is opened by name, no
 * program and no process is started, nobody else is signalled or traced, no
 * socket is made. What stays is memory, files that are open, time, futexes,
 * signals to ourselves, and the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#define USER_NOBODY 65534u

/* TCGETS2 and TCSETS2, by newer libcs; the names need headers of the kernel
 * that do not go with <termios.h>. */
#define TTY_GETS2 0x802c542aul
#define TTY_SETS2 0x402c542bul

/* ---- the filter */

enum rule_kind {
	RULE_ALLOW,
	RULE_SELF,   /* the first argument is our own process */
	RULE_REFUSE, /* -EPERM: libc asks and goes on without */
};

struct rule {
	int nr;
	u8 kind;
	u8 nr_args;
	u16 features; /* 0: always; else if one of these is wanted */
	struct scmp_arg_cmp arg[2];
};

/* Argument number, mask, value; and an argument that must be a value. */
#define MASKED(n, mask, value) { n, SCMP_CMP_MASKED_EQ, mask, value }
#define EQUAL(n, value)	       { n, SCMP_CMP_EQ, value, 0 }

#define CALL(name)	     { .nr = SCMP_SYS(name) }
#define CALL1(name, a)	     { .nr = SCMP_SYS(name), .nr_args = 1, .arg = { a } }
#define CALL_SELF(name)	     { .nr = SCMP_SYS(name), .kind = RULE_SELF }
#define CALL_REFUSED(name)   { .nr = SCMP_SYS(name), .kind = RULE_REFUSE }
#define CALL_IF(f, name)     { .nr = SCMP_SYS(name), .features = f }
#define IOCTL(f, fd, what)                                                     \
	{ .nr = SCMP_SYS(ioctl), .features = f, .nr_args = 2,                  \
	  .arg = { EQUAL(0, fd), EQUAL(1, what) } }

#define NO_EXEC	     MASKED(2, PROT_EXEC, 0)
#define FUTEX(op) MASKED(1, 0xfffffffful & FUTEX_CMD_MASK, op)

/* clang-format off */
static const struct rule rules[] = {
	/* memory: windows, malloc; a reset clears the guest's */
	CALL1(mmap, NO_EXEC),
	CALL1(mprotect, NO_EXEC),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),
	CALL1(fallocate, EQUAL(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)),
	CALL1(ioctl, EQUAL(1, UFFDIO_REGISTER)),
	CALL1(ioctl, EQUAL(1, UFFDIO_WRITEPROTECT)),

	/* files that are open */
	CALL(read), CALL(write), CALL(writev), CALL(lseek), CALL(close),
#if !SANDBOX_INSTRUMENTED
	/* libc's fstat(), by its version, for the size of a buffer: answered, it
	 * would ask a character device whether it is a terminal, and die */
	CALL_REFUSED(fstat), CALL_REFUSED(newfstatat),
#endif
	CALL(poll), CALL(ppoll),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl),

	/* threads: the first steps of those that begin just now, locks, end */
	CALL(set_robust_list), CALL(rseq),
	CALL1(futex, FUTEX(FUTEX_WAIT)),
	CALL1(futex, FUTEX(FUTEX_WAKE)),
	CALL1(futex, FUTEX(FUTEX_WAIT_BITSET)),
	CALL1(futex, FUTEX(FUTEX_WAKE_BITSET)),
	CALL1(futex, FUTEX(FUTEX_CMP_REQUEUE)), /* older condition variables */
	CALL(sched_yield), CALL(restart_syscall),
	CALL(getpid), CALL(gettid), CALL(getpgrp),
	CALL(exit), CALL(exit_group),

	/* time; what malloc and qsort ask */
	CALL(clock_gettime), CALL(gettimeofday), CALL(time),
	CALL(clock_nanosleep), CALL(nanosleep),
	CALL(timer_settime), CALL(timer_gettime), CALL(timer_delete),
	CALL(getrandom), CALL(sysinfo),

	/* signals: handlers, kicks, raise(), abort(); Ctrl-Z stops us */
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL_SELF(tgkill), CALL_SELF(kill),

	/* the terminal: raw mode and back */
	IOCTL(SANDBOX_TTY, STDIN_FILENO, TCGETS),
	IOCTL(SANDBOX_TTY, STDIN_FILENO, TCSETS),
	IOCTL(SANDBOX_TTY, STDIN_FILENO, TTY_GETS2),
	IOCTL(SANDBOX_TTY, STDIN_FILENO, TTY_SETS2),
	IOCTL(SANDBOX_TTY, STDIN_FILENO, TIOCGPGRP),

	/* a debugger on a socket that listens already */
	CALL_IF(SANDBOX_GDB, accept4), CALL_IF(SANDBOX_GDB, accept),
	CALL_IF(SANDBOX_GDB, recvfrom), CALL_IF(SANDBOX_GDB, sendto),
	CALL_IF(SANDBOX_GDB, shutdown),

#if SANDBOX_INSTRUMENTED
	CALL(openat), CALL(open), CALL(fstat), CALL(newfstatat),
	CALL(readlink), CALL(readlinkat),
	CALL(fcntl), CALL(ftruncate), CALL(mkdir), CALL(access), CALL(unlink),
	CALL(getcwd), CALL(stat), CALL(lstat), CALL(pread64), CALL(getuid),
	CALL(geteuid), CALL(clone), CALL(wait4), CALL(ptrace), CALL(prctl),
	CALL(pipe2), CALL(pipe), CALL(dup2), CALL(dup), CALL(getppid),
	CALL(process_vm_readv), CALL(getdents), CALL(getdents64),
	CALL(sched_getaffinity), CALL(prlimit64), CALL(getrusage), CALL(uname),
	CALL(arch_prctl), CALL(ioctl),
#endif
};
/* clang-format on */

static int sandbox_add(scmp_filter_ctx ctx, const struct rule *r)
{
	struct scmp_arg_cmp self = EQUAL(0, (u64)getpid());

	switch ((enum rule_kind)r->kind) {
	case RULE_SELF:
		return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, 1,
					      &self);
	case RULE_REFUSE:
		return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM),
					      r->nr, 0, NULL);
	case RULE_ALLOW:
		break;
	}
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, r->nr, r->nr_args,
				      r->arg);
}

/*
 * TSYNC: the other threads get the filter too. SSB: some hosts slow every
 * load and store of a filtered process down against speculation past stores.
 * We make no promise about side channels, so they need not. The tree finds a
 * call in a few steps: filling a window is a call of mmap.
 */
static int sandbox_attributes(scmp_filter_ctx ctx)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				   SCMP_ACT_KILL_PROCESS);

	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err) {
		/* not needed where the host or the library is too old */
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	}
	return err;
}

int sandbox_enter(unsigned features)
{
	scmp_filter_ctx ctx;
	int err;

	if (!sandbox_works())
		return -ENOSYS;
	/* Else malloc would count processors, by a file, when a second thread
	 * first needs an arena of its own, and look into another file before it
	 * gives a part of that back to the host. */
	mallopt(M_ARENA_MAX, 4);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	err = sandbox_attributes(ctx);
	for (unsigned i = 0; !err && i < ARRAY_SIZE(rules); i++) {
		if (!rules[i].features || (rules[i].features & features))
			err = sandbox_add(ctx, &rules[i]);
	}
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

bool sandbox_works(void)
{
	const u32 kill_process = SECCOMP_RET_KILL_PROCESS;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0,
			&kill_process);
}

/* ---- privileges */

static bool sandbox_has_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };

	return !syscall(SYS_capget, &h, d) &&
	       (d[0].permitted | d[1].permitted);
}

/* A user or group number; 0 is root and none, as is what is no number. */
static u32 sandbox_id(const char *text)
{
	char *end;
	unsigned long n;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	return errno || *end || n >= UINT32_MAX ? 0 : (u32)n;
}

/* The bounding set of the calling thread; only root may, others need not. */
static void sandbox_drop_bounding(void)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			break;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int sandbox_become(u32 uid, u32 gid)
{
	int err = 0;

	if (setgroups(0, NULL))
		err = -errno;
	if (setresgid(gid, gid, gid))
		err = -errno;
	if (setresuid(uid, uid, uid))
		err = -errno;
	return err;
}

static void sandbox_drop_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_capset, &h, none);
}

int sandbox_drop_root(char text[SANDBOX_TEXT_MAX])
{
	bool root = !getuid() || !geteuid(), caps = sandbox_has_caps();
	u32 uid = getuid(), gid = getgid();
	int err = 0;

	if (SANDBOX_INSTRUMENTED || (!root && !caps))
		return 0;
	if (!uid) {
		uid = sandbox_id(getenv("SUDO_UID"));
		gid = uid ? sandbox_id(getenv("SUDO_GID")) : 0;
	}
	uid = uid ? uid : USER_NOBODY;
	gid = gid ? gid : USER_NOBODY;
	sandbox_drop_bounding();
	if (root)
		err = sandbox_become(uid, gid);
	sandbox_drop_caps();
	if (sandbox_has_caps())
		snprintf(text, SANDBOX_TEXT_MAX,
			 "running with privileges that the host does not take "
			 "back");
	else if (err)
		snprintf(text, SANDBOX_TEXT_MAX,
			 "running as root, without its capabilities: cannot "
			 "become user %u (%s)", uid, strerror(-err));
	else if (root)
		snprintf(text, SANDBOX_TEXT_MAX,
			 "running as root is not needed: went on as user %u, "
			 "group %u", uid, gid);
	else
		snprintf(text, SANDBOX_TEXT_MAX,
			 "running with capabilities is not needed: dropped");
	return 1;
}
