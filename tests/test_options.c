// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_options.c - the command line: what it sets, and the line it says when
 * a word is wrong.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/log.h"
#include "tools/options.h"

static struct options o;

/* Parses "umbra WORDS", split at blanks. */
static int parse(const char *words)
{
	static char line[512];
	char *argv[32] = { (char *)"umbra" };
	int argc = 1;

	ck_assert(strlen(words) < sizeof(line));
	strcpy(line, words);
	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return options_parse(&o, argc, argv);
}

START_TEST(defaults)
{
	ck_assert_int_eq(parse("run -k vmlinuz"), 0);
	ck_assert_int_eq(o.command, OPT_RUN);
	ck_assert_str_eq(o.kernel, "vmlinuz");
	ck_assert_ptr_null(o.initrd);
	ck_assert_str_eq(o.append, "");
	ck_assert_uint_eq(o.memory, 512 << 20);
	ck_assert(!o.no_reboot && !o.no_sandbox && !o.debug_exit && !o.stats);
	ck_assert(!o.inject.verify);
	ck_assert_uint_eq(o.inject.cache_kb, 0);
}
END_TEST

START_TEST(every_option)
{
	ck_assert_int_eq(parse("run --kernel=a --initrd b -afoo=bar -m 1G "
			       "--no-reboot --no-sandbox --debug-exit 0xf4 "
			       "--stats=s.json -d mmu,int -D log --symbols sy "
			       "--perf jitdump:dir --verify"), 0);
	ck_assert_str_eq(o.kernel, "a");
	ck_assert_str_eq(o.initrd, "b");
	ck_assert_str_eq(o.append, "foo=bar");
	ck_assert_uint_eq(o.memory, 1 << 30);
	ck_assert(o.no_reboot && o.no_sandbox && o.debug_exit && o.stats);
	ck_assert_uint_eq(o.debug_exit_port, 0xf4);
	ck_assert_str_eq(o.stats_file, "s.json");
	ck_assert_str_eq(o.log_path, "log");
	ck_assert_str_eq(o.symbols, "sy");
	ck_assert(o.inject.verify);
	ck_assert_int_eq(o.perf, PERF_JITDUMP);
	ck_assert_str_eq(o.perf_dir, "dir");
	ck_assert_uint_eq(log_mask, 1u << LOG_MMU | 1u << LOG_INT);

	ck_assert_int_eq(parse("run --stats -k a --debug-exit 244"), 0);
	ck_assert(o.stats && !o.stats_file);
	ck_assert_int_eq(o.perf, PERF_NONE);
	ck_assert_int_eq(parse("run -k a --perf map"), 0);
	ck_assert_int_eq(o.perf, PERF_MAP);
	ck_assert_int_eq(parse("run -k a --perf jitdump"), 0);
	ck_assert_int_eq(o.perf, PERF_JITDUMP);
	ck_assert_ptr_null(o.perf_dir);
	ck_assert_int_lt(parse("run -k a --perf jitdump:"), 0);
	ck_assert_int_lt(parse("run -k a --perf jitdumps"), 0);
	ck_assert_int_lt(parse("run -k a --perf="), 0);
	ck_assert_int_lt(parse("run -k a --symbols="), 0);
	ck_assert_int_eq(parse("run --stats -k a --debug-exit 244"), 0);
	ck_assert_uint_eq(o.debug_exit_port, 244);
	ck_assert_str_eq(o.kernel, "a");
}
END_TEST

START_TEST(inject_words_set_their_fields)
{
	ck_assert_int_eq(parse("run -k a --inject one-insn,no-chain,no-pairs,"
			       "helper-sites,no-fsgsbase,no-bmi2,no-uffd,step,"
			       "checked,no-checked,no-reuse,"
			       "map-budget=100,fail-fill=2,fail-zap=0x10,"
			       "cache=128,flush=3,kick=20"), 0);
	ck_assert_uint_eq(o.inject.flush, 3);
	ck_assert_uint_eq(o.inject.kick_us, 20);
	ck_assert(o.inject.one_insn && o.inject.no_chain && o.inject.no_pairs);
	ck_assert(o.inject.helper_sites && o.inject.no_fsgsbase);
	ck_assert(o.inject.no_bmi2 && o.inject.no_uffd && o.inject.step);
	ck_assert(o.inject.checked && o.inject.no_checked);
	ck_assert(o.inject.no_reuse);
	ck_assert_uint_eq(o.inject.map_budget, 100);
	ck_assert_uint_eq(o.inject.fail_fill, 2);
	ck_assert_uint_eq(o.inject.fail_zap, 16);
	ck_assert_uint_eq(o.inject.cache_kb, 128);
	ck_assert_int_eq(parse("run -k a --inject small-cache"), 0);
	ck_assert_uint_eq(o.inject.cache_kb, 64);
	ck_assert(!o.inject.one_insn);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		u64 bytes; /* 0: refused */
	} t[] = {
		{ "512M", 512ull << 20 }, { "3G", 3ull << 30 },
		{ "3g", 3ull << 30 },	  { "65536K", 64ull << 20 },
		{ "64", 64ull << 20 },	  { "0", 0 },
		{ "", 0 },		  { "M", 0 },
		{ "-1M", 0 },		  { "1.5G", 0 },
		{ "64MB", 0 },		  { " 64", 0 },
		{ "0x40", 0 },		  { "18446744073709551615", 0 },
		{ "18446744073709551616K", 0 },
		{ "17592186044416", 0 },  { "17592186044415", ~0xfffffull },
		{ "99999999999999999999999999999", 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		u64 bytes = 0;
		bool ok = options_size(t[i].text, &bytes);

		ck_assert_msg(bytes == t[i].bytes, "'%s' gave %llu",
			      t[i].text, (unsigned long long)bytes);
		ck_assert(ok || !t[i].bytes);
	}
}
END_TEST

START_TEST(memory_range)
{
	ck_assert_int_eq(parse("run -k a -m 16M"), 0);
	ck_assert_int_eq(parse("run -k a -m 3G"), 0);
	ck_assert_uint_eq(o.memory, 3ull << 30);
	ck_assert_int_eq(parse("run -k a -m 16380K"), -EINVAL);
	ck_assert_int_eq(parse("run -k a -m 3145732K"), -EINVAL);
	ck_assert_int_eq(parse("run -k a -m 20001K"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(o.error, "multiple of 4K"));
}
END_TEST

/* Each wrong line names the word and ends before the line does. */
START_TEST(wrong_words)
{
	static const struct {
		const char *words, *says;
	} t[] = {
		{ "", "no command" },
		{ "walk", "'walk'" },
		{ "--kernel a", "--kernel" },
		{ "--help me", "'me'" },
		{ "doctor now", "'now'" },
		{ "run", "--kernel" },
		{ "run -k", "-k" },
		{ "run vmlinuz", "'vmlinuz'" },
		{ "run -k a -", "'-'" },
		{ "run -k a --", "--" },
		{ "run -k a --kern b", "--kern" },
		{ "run -k a --kernels b", "--kernels" },
		{ "run -k a -x", "-x" },
		{ "run -k a --no-reboot=1", "--no-reboot=1" },
		{ "run -k a -m", "-m" },
		{ "run -k a -m lots", "lots" },
		{ "run -k a -m 0", "16M" },
		{ "run -k a -m 4G", "3G" },
		{ "run -k a --debug-exit 65536", "65536" },
		{ "run -k a --debug-exit 0x", "0x" },
		{ "run -k a --debug-exit f4", "f4" },
		{ "run -k a --debug-exit -1", "-1" },
		{ "run -k a -d mmu,nonsense,int", "'nonsense'" },
		{ "run -k a --inject no-such", "'no-such'" },
		{ "run -k a --inject one-insn,", "''" },
		{ "run -k a --inject one-insn=1", "one-insn" },
		{ "run -k a --inject cache", "cache=N" },
		{ "run -k a --inject cache=1", "16" },
		{ "run -k a --inject fail-fill=0", "fail-fill" },
		{ "run -k a --inject map-budget=4294967296", "map-budget" },
		{ "run -k a --stats=", "--stats" },
		{ "run --kernel=", "--kernel" },
		{ "run -k a --gdb", "--gdb" },
		{ "run -k a --gdb 0", "--gdb 0" },
		{ "run -k a --gdb host:1", "host:1" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_msg(parse(t[i].words) == -EINVAL, "'%s' was taken",
			      t[i].words);
		ck_assert_msg(strstr(o.error, t[i].says) != NULL,
			      "'%s': '%s' lacks '%s'", t[i].words, o.error,
			      t[i].says);
		ck_assert_ptr_null(strchr(o.error, '\n'));
		ck_assert_uint_lt(strlen(o.error), OPT_ERROR_MAX - 1);
	}
}
END_TEST

START_TEST(help_is_found_everywhere)
{
	ck_assert_int_eq(parse("--help"), 0);
	ck_assert_int_eq(o.command, OPT_HELP);
	ck_assert_int_eq(parse("run --help"), 0);
	ck_assert_int_eq(o.command, OPT_HELP);
	ck_assert_int_eq(parse("doctor -h"), 0);
	ck_assert_int_eq(o.command, OPT_HELP);
	ck_assert_int_eq(parse("--version"), 0);
	ck_assert_int_eq(o.command, OPT_VERSION);
	ck_assert_int_eq(parse("doctor"), 0);
	ck_assert_int_eq(o.command, OPT_DOCTOR);
}
END_TEST

Suite *suite_options(void);

Suite *suite_options(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, every_option);
	tcase_add_test(tc, inject_words_set_their_fields);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, memory_range);
	tcase_add_test(tc, wrong_words);
	tcase_add_test(tc, help_is_found_everywhere);
	suite_add_tcase(s, tc);
	return s;
}
