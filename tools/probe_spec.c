// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe_spec.c - parses --probe. See probe_spec.h for the contract.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe_spec.h"

int probe_fail(char error[PROBE_ERROR_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, PROBE_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Where the parser is, and where its errors go. */
struct cursor {
	const char *p;
	char *error;
};

static const char *const event_names[PROBE_EVENTS] = {
	[UMBRA_EVENT_BLOCK] = "block",	 [UMBRA_EVENT_CUT] = "cut",
	[UMBRA_EVENT_MEM] = "mem",	 [UMBRA_EVENT_SYSCALL] = "syscall",
	[UMBRA_EVENT_PAGEFAULT] = "pagefault",
	[UMBRA_EVENT_PORT] = "port",	 [PROBE_EXIT] = "exit",
};

static const char *const type_names[PROBE_TYPES] = {
	[PROBE_U8] = "u8",   [PROBE_S8] = "s8",	  [PROBE_U16] = "u16",
	[PROBE_S16] = "s16", [PROBE_U32] = "u32", [PROBE_S32] = "s32",
	[PROBE_U64] = "u64", [PROBE_S64] = "s64", [PROBE_PTR] = "ptr",
	[PROBE_DOUBLE] = "double",
};

#define ON(event) (1u << UMBRA_EVENT_##event)
#define ON_RUN	  (ON(BLOCK) | ON(CUT))
#define ON_GUEST  ((1u << UMBRA_EVENT_NR) - 1)
static const struct value_row {
	const char *name;
	u8 value;
	u8 type; /* unless another one is given */
	u32 events;
} value_rows[] = {
	{ "insns", PV_INSNS, PROBE_U32, ON_RUN },
	{ "bytes", PV_BYTES, PROBE_U32, ON_RUN },
	{ "same", PV_SAME, PROBE_U32, ON_RUN },
	{ "copied", PV_COPIED, PROBE_U32, ON_RUN },
	{ "rewritten", PV_REWRITTEN, PROBE_U32, ON_RUN },
	{ "inlined", PV_INLINED, PROBE_U32, ON_RUN },
	{ "helped", PV_HELPED, PROBE_U32, ON_RUN },
	{ "address", PV_ADDRESS, PROBE_U32, ON(MEM) | ON(PAGEFAULT) },
	{ "size", PV_SIZE, PROBE_U32, ON(MEM) | ON(PORT) },
	{ "access", PV_ACCESS, PROBE_U32, ON(MEM) },
	{ "write", PV_WRITE, PROBE_U32, ON(MEM) | ON(PORT) | ON(PAGEFAULT) },
	{ "vector", PV_VECTOR, PROBE_U32, ON(SYSCALL) },
	{ "nr", PV_NR, PROBE_U32, ON(SYSCALL) },
	{ "error", PV_ERROR, PROBE_U32, ON(PAGEFAULT) },
	{ "port", PV_PORT, PROBE_U32, ON(PORT) },
	{ "value", PV_VALUE, PROBE_U32, ON(PORT) },
	{ "eip", PV_EIP, PROBE_U32, ON_GUEST },
	{ "la", PV_LA, PROBE_U32, ON_GUEST },
	{ "cpl", PV_CPL, PROBE_U32, ON_GUEST },
	{ "function", PV_FUNCTION, PROBE_PTR, ON_GUEST },
	{ "offset", PV_OFFSET, PROBE_U32, ON_GUEST },
	{ "eax", PV_EAX, PROBE_U32, ON_GUEST },
	{ "ecx", PV_ECX, PROBE_U32, ON_GUEST },
	{ "edx", PV_EDX, PROBE_U32, ON_GUEST },
	{ "ebx", PV_EBX, PROBE_U32, ON_GUEST },
	{ "esp", PV_ESP, PROBE_U32, ON_GUEST },
	{ "ebp", PV_EBP, PROBE_U32, ON_GUEST },
	{ "esi", PV_ESI, PROBE_U32, ON_GUEST },
	{ "edi", PV_EDI, PROBE_U32, ON_GUEST },
	{ "eflags", PV_EFLAGS, PROBE_U32, ON_GUEST },
	{ "cs", PV_CS, PROBE_U32, ON_GUEST },
	{ "ds", PV_DS, PROBE_U32, ON_GUEST },
	{ "es", PV_ES, PROBE_U32, ON_GUEST },
	{ "fs", PV_FS, PROBE_U32, ON_GUEST },
	{ "gs", PV_GS, PROBE_U32, ON_GUEST },
	{ "ss", PV_SS, PROBE_U32, ON_GUEST },
	{ "cr0", PV_CR0, PROBE_U32, ON_GUEST },
	{ "cr2", PV_CR2, PROBE_U32, ON_GUEST },
	{ "cr3", PV_CR3, PROBE_U32, ON_GUEST },
	{ "cr4", PV_CR4, PROBE_U32, ON_GUEST },
};

/* --- words */

static void skip_blanks(struct cursor *c)
{
	c->p += strspn(c->p, " \t");
}

static bool take(struct cursor *c, char ch)
{
	skip_blanks(c);
	if (*c->p != ch)
		return false;
	c->p++;
	return true;
}

/* A word up to one of the bytes in ends; it is not empty. */
static int take_word(struct cursor *c, const char *ends,
		     char word[PROBE_WORD_MAX])
{
	size_t n;

	skip_blanks(c);
	n = strcspn(c->p, ends);
	if (n >= PROBE_WORD_MAX)
		return probe_fail(c->error, "a word of more than %d bytes",
				  PROBE_WORD_MAX - 1);
	memcpy(word, c->p, n);
	word[n] = 0;
	while (n && (word[n - 1] == ' ' || word[n - 1] == '\t'))
		word[--n] = 0;
	if (!n)
		return probe_fail(c->error, "a word is missing at '%.40s'",
				  c->p);
	c->p += strcspn(c->p, ends);
	return 0;
}

static int name_index(const char *const *names, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return (int)i;
	}
	return -1;
}

static int digit_of(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	ch |= 32;
	return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : 99;
}

/* Decimal or 0x; hex: hexadecimal without 0x, too. */
static bool number_of(const char *w, bool hex, u64 *value)
{
	unsigned base = hex ? 16 : 10;
	bool minus = *w == '-' && !hex;

	w += minus;
	if (w[0] == '0' && (w[1] == 'x' || w[1] == 'X')) {
		base = 16;
		w += 2;
	}
	if (!*w)
		return false;
	for (*value = 0; *w; w++) {
		unsigned d = (unsigned)digit_of(*w);

		if (d >= base ||
		    __builtin_mul_overflow(*value, (u64)base, value) ||
		    __builtin_add_overflow(*value, (u64)d, value))
			return false;
	}
	if (minus)
		*value = -*value;
	return true;
}

/* --- FILE:FUNCTION@EVENT */

static int parse_head(struct probe_spec *s, struct cursor *c)
{
	size_t len = strcspn(c->p, "[(");
	char head[2 * PROBE_WORD_MAX], *at, *colon;
	int event;

	if (len >= sizeof(head))
		return probe_fail(c->error, "the names are too long");
	memcpy(head, c->p, len);
	while (len && (head[len - 1] == ' ' || head[len - 1] == '\t'))
		len--;
	head[len] = 0;
	at = strrchr(head, '@');
	if (!at)
		return probe_fail(c->error, "no @EVENT; use "
				  "FILE:FUNCTION@EVENT(ARGUMENT,...)");
	*at = 0;
	colon = strrchr(head, ':');
	if (!colon || colon == head || !colon[1])
		return probe_fail(c->error, "no FILE:FUNCTION before the @");
	*colon = 0;
	if (strlen(head) >= sizeof(s->file) ||
	    strlen(colon + 1) >= sizeof(s->function))
		return probe_fail(c->error, "the names are too long");
	strcpy(s->file, head);
	strcpy(s->function, colon + 1);
	event = name_index(event_names, PROBE_EVENTS, at + 1);
	if (event < 0)
		return probe_fail(c->error, "no event '%.40s'; there are block, "
				  "cut, mem, syscall, pagefault, port and exit",
				  at + 1);
	s->event = (unsigned)event;
	c->p += strcspn(c->p, "[(");
	return 0;
}

/* --- [FILTER] */

static int parse_address(struct cursor *c, const char *word, u32 *addr)
{
	u64 v;

	if (!number_of(word, true, &v) || v > UINT32_MAX)
		return probe_fail(c->error, "'%.40s' is no address", word);
	*addr = (u32)v;
	return 0;
}

/* add is a name, 0add an address. */
static bool word_is_name(const char *word)
{
	return *word < '0' || *word > '9';
}

static int parse_range(struct probe_range *r, struct cursor *c, char *word)
{
	char *dash = strchr(word, '-');
	int err;

	if (word_is_name(word)) {
		strcpy(r->name, word);
		return 0;
	}
	if (dash)
		*dash = 0;
	err = parse_address(c, word, &r->first);
	r->last = r->first;
	if (!err && dash)
		err = parse_address(c, dash + 1, &r->last);
	if (!err && r->last < r->first)
		return probe_fail(c->error, "%08x-%08x is no range", r->first,
				  r->last);
	return err;
}

static int parse_filter_word(struct probe_spec *s, struct cursor *c)
{
	char word[PROBE_WORD_MAX];

	if (take_word(c, ",]", word))
		return -EINVAL;
	if (!strcmp(word, "user")) {
		s->user = true;
		return 0;
	}
	if (!strcmp(word, "kernel")) {
		s->kernel = true;
		return 0;
	}
	if (s->nranges == PROBE_RANGES_MAX)
		return probe_fail(c->error, "more than %d places in a filter",
				  PROBE_RANGES_MAX);
	return parse_range(&s->range[s->nranges++], c, word);
}

static int parse_filter(struct probe_spec *s, struct cursor *c)
{
	if (s->event == PROBE_EXIT)
		return probe_fail(c->error, "exit is nowhere: no filter");
	do {
		int err = parse_filter_word(s, c);

		if (err)
			return err;
	} while (take(c, ','));
	if (!take(c, ']'))
		return probe_fail(c->error, "a ] is missing");
	return 0;
}

/* --- (ARGUMENT, ...) */

static int parse_text(struct probe_arg *a, struct cursor *c)
{
	size_t n = strcspn(c->p, "\"");

	if (c->p[n] != '"')
		return probe_fail(c->error, "a \" is missing");
	if (n >= sizeof(a->text))
		return probe_fail(c->error, "a text of more than %zu bytes",
				  sizeof(a->text) - 1);
	memcpy(a->text, c->p, n);
	a->text[n] = 0;
	c->p += n + 1;
	a->value = PV_TEXT;
	a->type = PROBE_PTR;
	return 0;
}

static const struct value_row *value_find(const char *word)
{
	if (!strcmp(word, "is_write"))
		word = "write";
	for (unsigned i = 0; i < ARRAY_SIZE(value_rows); i++) {
		if (!strcmp(value_rows[i].name, word))
			return &value_rows[i];
	}
	return NULL;
}

static int parse_value(const struct probe_spec *s, struct probe_arg *a,
		       struct cursor *c)
{
	const struct value_row *row;
	char word[PROBE_WORD_MAX];

	if (take_word(c, ",:)", word))
		return -EINVAL;
	row = value_find(word);
	if (row && (s->event == PROBE_EXIT || !(row->events >> s->event & 1)))
		return probe_fail(c->error, "@%s has no %.40s",
				  event_names[s->event], word);
	if (row) {
		a->value = row->value;
		a->type = row->type;
		return 0;
	}
	if (!number_of(word, false, &a->number))
		return probe_fail(c->error, "no argument '%.40s'", word);
	a->value = PV_NUMBER;
	a->type = PROBE_S64;
	return 0;
}

static int parse_type(struct probe_arg *a, struct cursor *c)
{
	char word[PROBE_WORD_MAX];
	int type;

	if (take_word(c, ",)", word))
		return -EINVAL;
	type = name_index(type_names, PROBE_TYPES, word);
	if (type < 0)
		return probe_fail(c->error, "no type '%.40s'; there are u8 s8 "
				  "u16 s16 u32 s32 u64 s64 ptr double", word);
	if ((a->value == PV_TEXT || a->value == PV_FUNCTION) &&
	    type != PROBE_PTR)
		return probe_fail(c->error, "a text is a ptr, no %s", word);
	a->type = (u8)type;
	return 0;
}

static int parse_arg(struct probe_spec *s, struct cursor *c)
{
	struct probe_arg *a = &s->arg[s->nargs];
	int err;

	if (s->nargs == PROBE_ARGS_MAX)
		return probe_fail(c->error, "more than %d arguments",
				  PROBE_ARGS_MAX);
	s->nargs++;
	err = take(c, '"') ? parse_text(a, c) : parse_value(s, a, c);
	if (!err && take(c, ':'))
		err = parse_type(a, c);
	return err;
}

static int parse_args(struct probe_spec *s, struct cursor *c)
{
	if (take(c, ')'))
		return 0;
	do {
		int err = parse_arg(s, c);

		if (err)
			return err;
	} while (take(c, ','));
	if (!take(c, ')'))
		return probe_fail(c->error, "a , or ) is missing at '%.40s'",
				  c->p);
	return 0;
}

int probe_spec_parse(struct probe_spec *s, const char *text,
		     char error[PROBE_ERROR_MAX])
{
	struct cursor c = { .p = text, .error = error };
	int err;

	memset(s, 0, sizeof(*s));
	if (strnlen(text, PROBE_TEXT_MAX) == PROBE_TEXT_MAX)
		return probe_fail(error, "more than %d bytes", PROBE_TEXT_MAX);
	err = parse_head(s, &c);
	if (!err && take(&c, '['))
		err = parse_filter(s, &c);
	if (!err && take(&c, '('))
		err = parse_args(s, &c);
	if (err)
		return err;
	skip_blanks(&c);
	if (*c.p)
		return probe_fail(error, "'%.40s' is one too many", c.p);
	return 0;
}
