// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * coverage.c - only in the tree that "make coverage" builds: whoever leaves
 * without exit() - _exit(), abort(), a signal to itself - leaves the counters
 * behind. The linker puts these in the place of the calls (--wrap).
 */
#include <gcov.h>
#include <stdlib.h>

void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __real_abort(void) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
int __real_raise(int signo);
int __wrap_raise(int signo);

/* What comes after it counts from zero, and is added to the files. */
static void coverage_flush(void)
{
	__gcov_dump();
	__gcov_reset();
}

void __wrap__exit(int status)
{
	coverage_flush();
	__real__exit(status);
}

void __wrap_abort(void)
{
	coverage_flush();
	__real_abort();
}

int __wrap_raise(int signo)
{
	coverage_flush();
	return __real_raise(signo);
}
