// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * standalone.c - runs a target without libFuzzer: for compilers that have
 * none, and with the same words on the command line.
 *
 * usage: fuzz_TARGET [-runs=N] [-max_total_time=SECONDS] [-seed=N]
 *                    [-max_len=N] FILE|FOLDER...
 *
 * Every file is an input, as is every file in a folder. Then inputs are made
 * from them by the target's mutator, without looking at what code they reach:
 * N, or as many as there is time for. Other options of libFuzzer are ignored.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz.h"

#define INPUTS_MAX 4096
#define INPUT_SIZE (1u << 20)

struct input {
	u8 *data;
	size_t size;
};

static struct input inputs[INPUTS_MAX];
static unsigned inputs_nr;
static struct fuzz_rng mutate_rng;

extern __typeof__(LLVMFuzzerCustomMutator) LLVMFuzzerCustomMutator
	__attribute__((weak));

/* A few bytes changed, put in, or taken out. */
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max)
{
	struct fuzz_rng *r = &mutate_rng;
	size_t at = size ? fuzz_rand(r, (u32)size) : 0;

	switch (size ? fuzz_rand(r, 4) : 0) {
	case 0:
		if (size == max)
			break;
		memmove(data + at + 1, data + at, size - at);
		data[at] = (u8)fuzz_rand(r, 256);
		return size + 1;
	case 1:
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	case 2:
		data[at] ^= (u8)(1u << fuzz_rand(r, 8));
		break;
	case 3:
		data[at] = (u8)fuzz_rand(r, 256);
		break;
	}
	return size;
}

static void input_run(const u8 *data, size_t size)
{
	/* a block of its own, so that the sanitizer knows where it ends */
	u8 *copy = malloc(size ? size : 1);

	must(copy, "out of memory");
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void file_add(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input *in = &inputs[inputs_nr];

	if (!f || inputs_nr == INPUTS_MAX) {
		fprintf(stderr, "%s: cannot read\n", path);
		exit(1);
	}
	in->data = malloc(INPUT_SIZE);
	must(in->data, "out of memory");
	in->size = fread(in->data, 1, INPUT_SIZE, f);
	in->data = realloc(in->data, in->size + 1);
	fclose(f);
	inputs_nr++;
}

static void path_add(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char file[4096];

	if (!dir) {
		file_add(path);
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		file_add(file);
	}
	closedir(dir);
}

static size_t mutate(u8 *data, size_t size, size_t max)
{
	if (!LLVMFuzzerCustomMutator)
		return LLVMFuzzerMutate(data, size, max);
	return LLVMFuzzerCustomMutator(data, size, max,
				       fuzz_rand(&mutate_rng, ~0u));
}

static unsigned long mutants_run(unsigned long runs, time_t until, size_t max)
{
	struct fuzz_rng *r = &mutate_rng;
	u8 *data = malloc(max);
	unsigned long i;

	must(data, "out of memory");
	for (i = 0; i < runs; i++) {
		const struct input *in =
			&inputs[fuzz_rand(r, MAX(inputs_nr, 1u))];
		size_t size = MIN(in->size, max);

		if (i % 64 == 0 && until && time(NULL) >= until)
			break;
		if (size)
			memcpy(data, in->data, size);
		for (u32 n = 1 + fuzz_rand(r, 4); n; n--)
			size = mutate(data, size, max);
		input_run(data, size);
	}
	free(data);
	return i;
}

int main(int argc, char **argv)
{
	unsigned long runs = 0, max = 4096;
	time_t until = 0;

	for (int i = 1; i < argc; i++) {
		const char *value = strchr(argv[i], '=');

		if (argv[i][0] != '-')
			path_add(argv[i]);
		else if (value && !strncmp(argv[i], "-runs=", 6))
			runs = strtoul(value + 1, NULL, 0);
		else if (value && !strncmp(argv[i], "-max_total_time=", 16))
			until = time(NULL) + (time_t)strtoul(value + 1, NULL, 0);
		else if (value && !strncmp(argv[i], "-seed=", 6))
			mutate_rng.s = strtoul(value + 1, NULL, 0);
		else if (value && !strncmp(argv[i], "-max_len=", 9))
			max = strtoul(value + 1, NULL, 0);
	}
	must(max >= 1 && max <= INPUT_SIZE, "-max_len=%lu", max);
	for (unsigned i = 0; i < inputs_nr; i++)
		input_run(inputs[i].data, inputs[i].size);
	if (until && !runs)
		runs = ~0ul;
	runs = mutants_run(runs, until, max);
	fprintf(stderr, "Done %lu runs\n", inputs_nr + runs);
	for (unsigned i = 0; i < inputs_nr; i++)
		free(inputs[i].data);
	return 0;
}
