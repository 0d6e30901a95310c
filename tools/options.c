// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * options.c - parses the command line. See options.h for the contract.
 *
 * One table row an option; a row's function stores the value or says in
 * o->error what is wrong with it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "options.h"
#include "runtime/log.h"

enum opt_arg { ARG_NONE, ARG_NEEDED, ARG_MAYBE };

struct opt_row {
	const char *name; /* after -- */
	char letter;	  /* after -, 0: none */
	enum opt_arg arg;
	int (*set)(struct options *o, const char *value);
};

static int PRINTF_LIKE(2, 3)
opt_fail(struct options *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->error, sizeof(o->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Adds to the message, as far as it has room. */
static void PRINTF_LIKE(2, 3)
opt_add(struct options *o, const char *fmt, ...)
{
	size_t used = strlen(o->error);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->error + used, sizeof(o->error) - used, fmt, ap);
	va_end(ap);
}

/* A whole decimal or 0x number of at most max. */
static bool opt_number(const char *text, u64 max, u64 *value)
{
	unsigned base = 10;
	u64 v = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned digit;

		if (*text >= '0' && *text <= '9')
			digit = *text - '0';
		else if (base == 16 && (*text | 32) >= 'a' &&
			 (*text | 32) <= 'f')
			digit = (*text | 32) - 'a' + 10;
		else
			return false;
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)digit, &v) || v > max)
			return false;
	}
	*value = v;
	return true;
}

bool options_size(const char *text, u64 *bytes)
{
	size_t len = strlen(text);
	unsigned shift = 20;
	char digits[24];
	u64 v;

	if (len && strchr("kKmMgG", text[len - 1])) {
		char c = text[--len] | 32;

		shift = c == 'k' ? 10 : c == 'm' ? 20 : 30;
	}
	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = 0;
	if (strspn(digits, "0123456789") != len ||
	    !opt_number(digits, UINT64_MAX >> shift, &v))
		return false;
	*bytes = v << shift;
	return true;
}

static int opt_kernel(struct options *o, const char *value)
{
	o->kernel = value;
	return *value ? 0 : opt_fail(o, "--kernel: the file name is empty");
}

static int opt_initrd(struct options *o, const char *value)
{
	o->initrd = value;
	return *value ? 0 : opt_fail(o, "--initrd: the file name is empty");
}

static int opt_append(struct options *o, const char *value)
{
	o->append = value;
	return 0;
}

static int opt_memory(struct options *o, const char *value)
{
	if (!options_size(value, &o->memory))
		return opt_fail(o,
				"--memory %s: not a size; use a number with "
				"K, M or G, such as 512M",
				value);
	if (o->memory < OPT_MEMORY_MIN || o->memory > OPT_MEMORY_MAX)
		return opt_fail(o, "--memory %s: use 16M to 3G", value);
	if (o->memory & ~PAGE_MASK)
		return opt_fail(o, "--memory %s: use a multiple of 4K", value);
	return 0;
}

static int opt_no_reboot(struct options *o, const char *value)
{
	(void)value;
	o->no_reboot = true;
	return 0;
}

static int opt_no_sandbox(struct options *o, const char *value)
{
	(void)value;
	o->no_sandbox = true;
	return 0;
}

static int opt_debug_exit(struct options *o, const char *value)
{
	u64 port;

	if (!opt_number(value, OPT_PORT_MAX, &port) || !port)
		return opt_fail(o,
				"--debug-exit %s: use a port number, 1 to "
				"0xfffc, such as 0xf4",
				value);
	o->debug_exit = true;
	o->debug_exit_port = (u16)port;
	return 0;
}

static int opt_stats(struct options *o, const char *value)
{
	o->stats = true;
	o->stats_file = value;
	if (value && !*value)
		return opt_fail(o, "--stats=: the file name is empty; leave "
				   "out the = for text on stderr");
	return 0;
}

static int opt_log(struct options *o, const char *value)
{
	const char *bad;
	size_t n;

	if (!log_enable(value, &bad)) {
		o->log_list = value;
		return 0;
	}
	n = strcspn(bad, ",");
	opt_fail(o, "-d: no log named '%.*s'; use", (int)MIN(n, 60u), bad);
	for (int i = 0; i < LOG_NR; i++)
		opt_add(o, " %s", log_name(i));
	opt_add(o, " or all");
	return -EINVAL;
}

static int opt_log_path(struct options *o, const char *value)
{
	o->log_path = value;
	return *value ? 0 : opt_fail(o, "-D: the file name is empty");
}

static int opt_symbols(struct options *o, const char *value)
{
	o->symbols = value;
	return *value ? 0 : opt_fail(o, "--symbols: the file name is empty");
}

static int opt_perf(struct options *o, const char *value)
{
	if (!strcmp(value, "map")) {
		o->perf = PERF_MAP;
		return 0;
	}
	if (strncmp(value, "jitdump", 7) || (value[7] && value[7] != ':'))
		return opt_fail(o, "--perf %.60s: use map, jitdump or "
				   "jitdump:DIRECTORY", value);
	o->perf = PERF_JITDUMP;
	o->perf_dir = value[7] ? value + 8 : NULL;
	if (o->perf_dir && !*o->perf_dir)
		return opt_fail(o, "--perf jitdump:: the directory is empty");
	return 0;
}

static int opt_probe(struct options *o, const char *value)
{
	if (o->nprobes == PROBES_MAX)
		return opt_fail(o, "--probe: more than %d of them", PROBES_MAX);
	o->probes[o->nprobes++] = value;
	return 0;
}

static int opt_gdb(struct options *o, const char *value)
{
	o->gdb = true;
	if (!gdb_where_parse(&o->gdb_where, value))
		return opt_fail(o, "--gdb %.60s: use a port, such as 1234, or "
				   "unix:PATH; ,wait behind it holds the guest",
				value);
	return 0;
}

/* The words of --inject: switches, and numbers from 1 to max. */
#define INJECT_OFF(field) offsetof(struct umbra_inject, field)
static const struct {
	const char *word;
	size_t offset;
	u32 max; /* 0: a switch */
	u32 min;
} inject_words[] = {
	{ "one-insn", INJECT_OFF(one_insn), 0, 0 },
	{ "no-chain", INJECT_OFF(no_chain), 0, 0 },
	{ "no-pairs", INJECT_OFF(no_pairs), 0, 0 },
	{ "no-far", INJECT_OFF(no_far), 0, 0 },
	{ "far", INJECT_OFF(far_now), 0, 0 },
	{ "no-trans", INJECT_OFF(no_trans), 0, 0 },
	{ "helper-sites", INJECT_OFF(helper_sites), 0, 0 },
	{ "no-fsgsbase", INJECT_OFF(no_fsgsbase), 0, 0 },
	{ "no-bmi2", INJECT_OFF(no_bmi2), 0, 0 },
	{ "no-uffd", INJECT_OFF(no_uffd), 0, 0 },
	{ "checked", INJECT_OFF(checked), 0, 0 },
	{ "no-checked", INJECT_OFF(no_checked), 0, 0 },
	{ "no-reuse", INJECT_OFF(no_reuse), 0, 0 },
	{ "step", INJECT_OFF(step), 0, 0 },
	{ "cache", INJECT_OFF(cache_kb), 1u << 20, 16 },
	{ "map-budget", INJECT_OFF(map_budget), UINT32_MAX, 1 },
	{ "fail-fill", INJECT_OFF(fail_fill), UINT32_MAX, 1 },
	{ "fail-zap", INJECT_OFF(fail_zap), UINT32_MAX, 1 },
	{ "flush", INJECT_OFF(flush), UINT32_MAX, 1 },
	{ "kick", INJECT_OFF(kick_us), 1000000, 20 },
};

static int inject_number(struct options *o, unsigned row, const char *word,
			 const char *value)
{
	u64 v;

	if (!opt_number(value, inject_words[row].max, &v) ||
	    v < inject_words[row].min)
		return opt_fail(o, "--inject %s: use %s=N with N from %u to %u",
				word, inject_words[row].word,
				inject_words[row].min, inject_words[row].max);
	*(u32 *)((char *)&o->inject + inject_words[row].offset) = (u32)v;
	return 0;
}

static int inject_unknown(struct options *o, const char *word)
{
	opt_fail(o, "--inject: no word '%s'; use small-cache", word);
	for (unsigned i = 0; i < ARRAY_SIZE(inject_words); i++)
		opt_add(o, " %s%s", inject_words[i].word,
			inject_words[i].max ? "=N" : "");
	return -EINVAL;
}

static int inject_word(struct options *o, const char *word)
{
	size_t len = strcspn(word, "=");

	if (!strcmp(word, "small-cache")) {
		o->inject.cache_kb = OPT_SMALL_CACHE_KB;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(inject_words); i++) {
		if (strlen(inject_words[i].word) != len ||
		    memcmp(inject_words[i].word, word, len))
			continue;
		if (inject_words[i].max)
			return inject_number(o, i, word,
					     word[len] ? word + len + 1 : "");
		if (word[len])
			return opt_fail(o, "--inject %s: %s takes no value",
					word, inject_words[i].word);
		*((char *)&o->inject + inject_words[i].offset) = true;
		return 0;
	}
	return inject_unknown(o, word);
}

static int opt_inject(struct options *o, const char *value)
{
	char word[40];
	int err;

	do {
		size_t len = strcspn(value, ",");

		snprintf(word, sizeof(word), "%.*s",
			 (int)MIN(len, sizeof(word) - 1), value);
		err = inject_word(o, word);
		if (err)
			return err;
		value += len;
	} while (*value++);
	return 0;
}

static int opt_verify(struct options *o, const char *value)
{
	(void)value;
	o->inject.verify = true;
	return 0;
}

static const struct opt_row opt_rows[] = {
	{ "kernel", 'k', ARG_NEEDED, opt_kernel },
	{ "initrd", 'i', ARG_NEEDED, opt_initrd },
	{ "append", 'a', ARG_NEEDED, opt_append },
	{ "memory", 'm', ARG_NEEDED, opt_memory },
	{ "no-reboot", 0, ARG_NONE, opt_no_reboot },
	{ "debug-exit", 0, ARG_NEEDED, opt_debug_exit },
	{ "stats", 0, ARG_MAYBE, opt_stats },
	{ NULL, 'd', ARG_NEEDED, opt_log },
	{ NULL, 'D', ARG_NEEDED, opt_log_path },
	{ "gdb", 0, ARG_NEEDED, opt_gdb },
	{ "inject", 0, ARG_NEEDED, opt_inject },
	{ "verify", 0, ARG_NONE, opt_verify },
	{ "no-sandbox", 0, ARG_NONE, opt_no_sandbox },
	{ "symbols", 0, ARG_NEEDED, opt_symbols },
	{ "perf", 0, ARG_NEEDED, opt_perf },
	{ "probe", 0, ARG_NEEDED, opt_probe },
};

/* The row of "--name[=value]" or "-x[value]"; *value: what is stuck to it. */
static const struct opt_row *opt_find(const char *word, const char **value)
{
	bool is_long = word[1] == '-';
	size_t len = strcspn(word, "=");

	*value = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(opt_rows); i++) {
		const struct opt_row *row = &opt_rows[i];

		if (is_long && row->name && strlen(row->name) == len - 2 &&
		    !memcmp(row->name, word + 2, len - 2)) {
			if (word[len])
				*value = word + len + 1;
			return row;
		}
		if (!is_long && row->letter && row->letter == word[1]) {
			if (word[2])
				*value = word + 2;
			return row;
		}
	}
	return NULL;
}

static int opt_one(struct options *o, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	const char *value;
	const struct opt_row *row;

	if (word[0] != '-' || !word[1])
		return opt_fail(o,
				"unexpected argument '%.60s'; files are given "
				"as --kernel FILE, --initrd FILE",
				word);
	row = opt_find(word, &value);
	if (!row)
		return opt_fail(o, "unknown option %.60s; see umbra --help",
				word);
	if (row->arg == ARG_NONE && value)
		return opt_fail(o, "%.60s: this option takes no value", word);
	if (row->arg == ARG_NEEDED && !value) {
		if (*i + 1 >= argc)
			return opt_fail(o, "%s: a value is missing; see umbra "
					   "--help", word);
		value = argv[++*i];
	}
	return row->set(o, value);
}

static int opt_run(struct options *o, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		int err;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			o->command = OPT_HELP;
			return 0;
		}
		err = opt_one(o, argc, argv, &i);
		if (err)
			return err;
	}
	if (!o->kernel)
		return opt_fail(o, "run: no kernel; give one with --kernel "
				   "FILE");
	return 0;
}

/* The commands that take no further words. */
static int opt_alone(struct options *o, enum opt_command command, int argc,
		     char **argv)
{
	o->command = command;
	if (argc > 2)
		return opt_fail(o, "%s: unexpected argument '%.60s'", argv[1],
				argv[2]);
	return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	*o = (struct options){ .append = "", .memory = OPT_MEMORY_DEFAULT };
	if (!word)
		return opt_fail(o, "no command; use umbra run, umbra doctor "
				   "or umbra --help");
	if (!strcmp(word, "run"))
		return opt_run(o, argc, argv);
	if (!strcmp(word, "doctor") && argc == 3 &&
	    (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		o->command = OPT_HELP;
		return 0;
	}
	if (!strcmp(word, "doctor"))
		return opt_alone(o, OPT_DOCTOR, argc, argv);
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return opt_alone(o, OPT_HELP, argc, argv);
	if (!strcmp(word, "--version"))
		return opt_alone(o, OPT_VERSION, argc, argv);
	if (word[0] == '-')
		return opt_fail(o, "unknown option %.60s; use umbra run, umbra "
				   "doctor or umbra --help", word);
	return opt_fail(o, "unknown command '%.60s'; use umbra run, umbra "
			   "doctor or umbra --help", word);
}

static const char usage_text[] =
	"usage: umbra run --kernel FILE [option...]\n"
	"       umbra doctor\n"
	"       umbra --help | --version\n"
	"\n"
	"run starts an x86 guest without VT-x or AMD-V, as an ordinary user.\n"
	"  -k, --kernel FILE      bzImage, ELF vmlinux or Multiboot 1 image\n"
	"  -i, --initrd FILE      initial RAM disk; Multiboot: module 1\n"
	"  -a, --append STRING    kernel command line\n"
	"  -m, --memory SIZE      guest RAM, 16M to 3G (512M); K M G, else M\n"
	"      --no-reboot        a guest reset ends umbra with status 0\n"
	"      --debug-exit PORT  a write there ends umbra with that status\n"
	"      --stats[=FILE]     counters at the end: text to stderr, or JSON\n"
	"                         to FILE; also on SIGUSR1\n"
	"      --gdb WHERE        gdb may attach at WHERE: a PORT of this host or\n"
	"                         unix:PATH; WHERE,wait: the guest waits for it\n"
	"  -d LIST                logs:";

static const char usage_rest[] =
	"\n"
	"  -D FILE                logs go to FILE instead of stderr\n"
	"      --symbols FILE     the guest's symbols: vmlinux or System.map\n"
	"      --perf KIND        tell perf of the guest's code: map, or\n"
	"                         jitdump[:DIR]\n"
	"      --probe LIB:FUNCTION@EVENT[FILTER](ARGUMENT,...)\n"
	"                         call a function of a shared library at block\n"
	"                         cut mem syscall pagefault port exit; umbra(1)\n"
	"      --inject LIST      force rare paths: one-insn no-chain no-pairs\n"
	"                         no-far far no-trans helper-sites no-fsgsbase\n"
	"                         no-bmi2 no-uffd step checked no-checked\n"
	"                         no-reuse small-cache cache=KB\n"
	"                         map-budget=N fail-fill=N fail-zap=N\n"
	"                         flush=N kick=N\n"
	"      --verify           prove each translated block before it runs\n"
	"      --no-sandbox       for debugging: keep all system calls, and root\n"
	"\n"
	"doctor tells what this host offers, what that means for speed and\n"
	"what to change.\n"
	"\n"
	"The console is this terminal: Ctrl-A x leaves, Ctrl-A h lists more.\n"
	"Exit status: 0 power-off (or reset under --no-reboot, or Ctrl-A x),\n"
	"the low 8 bits written to the debug-exit port, 1 our error, 2 usage.\n";

void options_usage(FILE *f)
{
	fputs(usage_text, f);
	for (int i = 0; i < LOG_NR; i++)
		fprintf(f, "%s%s", i == 8 ? "\n                         " : " ",
			log_name(i));
	fputs(" all", f);
	fputs(usage_rest, f);
}
