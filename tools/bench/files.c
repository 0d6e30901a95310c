// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * files.c - rows over files in tmpfs: copy, a walk of a tree, gzip and a shell
 * script by busybox.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

static int file_open(const char *name, int flags)
{
	int fd = open(name, flags, 0600);

	if (fd < 0)
		bench_die(name);
	return fd;
}

/* Text of few words in a random order: packs to about a quarter. */
static void file_make(const char *name, size_t bytes)
{
	static const char *const words[] = {
		"page ", "window ", "block ", "of ", "the ", "guest ", "0x1f",
		"\n", "frame ", "and ", "host ", "table ", "11", "fill, ", "z",
		"view ",
	};
	static char text[65536 + 16];
	uint32_t seed = 77;
	int fd = file_open(name, O_WRONLY | O_CREAT | O_TRUNC);

	for (size_t done = 0; done < bytes; done += 65536) {
		size_t n = 0;

		while (n < 65536) {
			const char *w = words[bench_random(&seed) >> 7 & 15];

			memcpy(text + n, w, strlen(w));
			n += strlen(w);
		}
		if (write(fd, text, 65536) != 65536)
			bench_die(name);
	}
	close(fd);
}

static uint32_t file_sum(const char *name)
{
	static char buf[65536];
	int fd = file_open(name, O_RDONLY);
	uint32_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum = sum * 31 + bench_sum(buf, (size_t)n);
	close(fd);
	return sum;
}

/* Runs busybox with the words; input and output are files. */
static void file_busybox(const char *in, const char *out, char **argv)
{
	char *envp[] = { NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(file_open(in, O_RDONLY), 0);
		dup2(file_open(out, O_WRONLY | O_CREAT | O_TRUNC), 1);
		execve(bench_program("busybox"), argv, envp);
		_exit(77);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bench_die("busybox");
	if (status) {
		errno = ENOEXEC;
		bench_die(bench_program("busybox"));
	}
}

static void file_remove(void)
{
	static const char *const names[] = { "in", "out", "script" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
}

/* ---- copy */

#define COPY_BYTES (4u << 20)

static void copy_setup(void)
{
	file_make("in", COPY_BYTES);
}

static uint32_t copy_unit(void)
{
	static char buf[16384];
	int in = file_open("in", O_RDONLY);
	int out = file_open("out", O_WRONLY | O_CREAT | O_TRUNC);
	uint32_t sum = 0;
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			bench_die("out");
		sum = sum * 31 + bench_sum(buf, 64);
	}
	close(in);
	close(out);
	return sum;
}

/* ---- a walk of a tree: 16 x 8 directories of 8 files */

static void tree_path(char *path, int i, int j, int k)
{
	if (k >= 0)
		sprintf(path, "d%d/e%d/file-%d", i, j, k);
	else if (j >= 0)
		sprintf(path, "d%d/e%d", i, j);
	else
		sprintf(path, "d%d", i);
}

/* Calls it for all of the tree, directories first or last. */
static void tree_each(int (*dir)(const char *), int (*file)(const char *),
		      int last)
{
	char path[64];

	for (int i = 0; i < 16; i++) {
		for (int j = -1; j < 8; j++) {
			int up = j < 0;

			tree_path(path, i, j, -1);
			if (!last && dir(path))
				bench_die(path);
			for (int k = 0; !up && k < 8; k++) {
				tree_path(path, i, j, k);
				file(path);
			}
			tree_path(path, i, j, -1);
			if (last && !up)
				dir(path);
		}
		tree_path(path, i, -1, -1);
		if (last)
			dir(path);
	}
}

static int tree_mkdir(const char *path)
{
	return mkdir(path, 0700);
}

static int tree_touch(const char *path)
{
	return close(file_open(path, O_WRONLY | O_CREAT));
}

static void tree_setup(void)
{
	tree_each(tree_mkdir, tree_touch, 0);
}

static void tree_finish(void)
{
	tree_each(rmdir, unlink, 1);
}

/* Three levels deep at most: the tree is our own. */
static uint32_t tree_walk(const char *path)
{
	DIR *d = opendir(path);
	uint32_t sum = 1;
	struct dirent *e;

	if (!d)
		bench_die(path);
	while ((e = readdir(d))) {
		char sub[512];
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		if (lstat(sub, &st))
			bench_die(sub);
		if (S_ISDIR(st.st_mode))
			sum += tree_walk(sub);
		else
			sum += 1 + (uint8_t)e->d_name[5];
	}
	closedir(d);
	return sum;
}

static uint32_t tree_unit(void)
{
	return tree_walk(".");
}

/* ---- gzip */

#define GZIP_BYTES (1u << 20)

static void gzip_setup(void)
{
	file_make("in", GZIP_BYTES);
}

static uint32_t gzip_unit(void)
{
	char *argv[] = { (char *)"gzip", NULL };

	file_busybox("in", "out", argv);
	return file_sum("out");
}

/* ---- a shell script: variables, patterns, arithmetic, pipelines */

static const char shell_text[] =
	"i=0 s=\n"
	"while [ $i -lt 1000 ]; do\n"
	"	i=$((i + 1))\n"
	"	case $i in\n"
	"	*7) s=\"$s $i\" ;;\n"
	"	*[24]) t=${i%?} ;;\n"
	"	esac\n"
	"done\n"
	"f() { echo \"$1-$2\"; }\n"
	"n=0\n"
	"for w in $s; do\n"
	"	x=$(f \"$w\" \"$t\")\n"
	"	n=$((n + ${#x}))\n"
	"done\n"
	"echo \"$s\" | $B tr ' ' '\\n' | $B sort -rn | $B head -n 5\n"
	"for w in a b c d e; do $B true; done\n"
	"echo $n $t\n";

static void shell_setup(void)
{
	int fd = file_open("script", O_WRONLY | O_CREAT | O_TRUNC);

	bench_one_cpu();
	dprintf(fd, "B='%s'\n", bench_program("busybox"));
	if (write(fd, shell_text, sizeof(shell_text) - 1) < 0)
		bench_die("script");
	close(fd);
}

static uint32_t shell_unit(void)
{
	char *argv[] = { (char *)"sh", (char *)"script", NULL };

	file_busybox("/dev/null", "out", argv);
	return file_sum("out");
}

const struct row rows_files[] = {
	{ "copy", 40, 1, copy_setup, copy_unit, file_remove },
	{ "find", 40, 1169, tree_setup, tree_unit, tree_finish },
	{ "gzip", 3, 1, gzip_setup, gzip_unit, file_remove },
	{ "sh", 4, 1, shell_setup, shell_unit, file_remove },
	{ NULL, 0, 0, NULL, NULL, NULL },
};
