// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe.c - see probe.h for the contract.
 */
#include <dlfcn.h>
#include <ffi.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "umbra-probe.h"

struct probe {
	struct probe_spec spec;
	void *library;
	void (*fn)(void);
	ffi_cif cif;
	ffi_type *types[PROBE_ARGS_MAX];
	struct probe *next; /* of the same event */
};

struct probes {
	struct umbra_probe_api api;
	const struct symbols *symbols;
	struct vcpu *v;
	bool ended;
	unsigned n;
	struct probe *of[PROBE_EVENTS], probe[PROBES_MAX];
};

static const struct probes *probes_of(const struct umbra_probe_api *api)
{
	return container_of(api, const struct probes, api);
}

/* --- what libraries may call */

static const char *api_symbol(const struct umbra_probe_api *api, u64 address,
			      uint32_t *offset)
{
	return symbols_lookup(probes_of(api)->symbols, address, offset);
}

static int api_address(const struct umbra_probe_api *api, const char *name,
		       uint32_t *start, uint64_t *end)
{
	return symbols_find(probes_of(api)->symbols, name, start, end) ? 0 : -1;
}

static int api_read(const struct umbra_probe_api *api, u64 address, void *buf,
		    size_t len)
{
	const struct probes *p = probes_of(api);

	if (p->ended || !p->v)
		return -1;
	return umbra_read_linear(p->v, address, buf, len) ? -1 : 0;
}

/* --- an event */

/* What is known of the event, and what was asked for of it. */
struct context {
	struct probes *p;
	const struct umbra_event *ev; /* NULL: the end */
	bool has_regs, has_sregs;
	struct umbra_regs regs;
	struct umbra_sregs sregs;
};

static const struct umbra_regs *context_regs(struct context *c)
{
	if (!c->has_regs)
		umbra_get_regs(c->p->v, &c->regs);
	c->has_regs = true;
	return &c->regs;
}

static const struct umbra_sregs *context_sregs(struct context *c)
{
	if (!c->has_sregs)
		umbra_get_sregs(c->p->v, &c->sregs);
	c->has_sregs = true;
	return &c->sregs;
}

static u64 value_register(struct context *c, enum probe_value value)
{
	switch (value) {
	case PV_EAX:
	case PV_NR:
		return context_regs(c)->rax;
	case PV_ECX:
		return context_regs(c)->rcx;
	case PV_EDX:
		return context_regs(c)->rdx;
	case PV_EBX:
		return context_regs(c)->rbx;
	case PV_ESP:
		return context_regs(c)->rsp;
	case PV_EBP:
		return context_regs(c)->rbp;
	case PV_ESI:
		return context_regs(c)->rsi;
	case PV_EDI:
		return context_regs(c)->rdi;
	case PV_EFLAGS:
		return context_regs(c)->rflags;
	case PV_CS:
		return context_sregs(c)->cs.selector;
	case PV_DS:
		return context_sregs(c)->ds.selector;
	case PV_ES:
		return context_sregs(c)->es.selector;
	case PV_FS:
		return context_sregs(c)->fs.selector;
	case PV_GS:
		return context_sregs(c)->gs.selector;
	case PV_SS:
		return context_sregs(c)->ss.selector;
	case PV_CR0:
		return context_sregs(c)->cr0;
	case PV_CR2:
		return context_sregs(c)->cr2;
	case PV_CR3:
		return context_sregs(c)->cr3;
	case PV_CR4:
		return context_sregs(c)->cr4;
	default:
		must(false, "probe value %u", value);
	}
}

static u64 value_write(const struct umbra_event *ev)
{
	switch (ev->kind) {
	case UMBRA_EVENT_MEM:
		return !!(ev->mem.access & UMBRA_WRITES);
	case UMBRA_EVENT_PAGEFAULT:
		return ev->fault.error >> 1 & 1;
	default:
		return ev->port.is_write;
	}
}

static u64 value_symbol(const struct context *c, enum probe_value value)
{
	u32 offset = 0;
	const char *name = symbols_lookup(c->p->symbols, c->ev->la, &offset);

	return value == PV_FUNCTION ? (u64)name : offset;
}

static u64 value_of(struct context *c, const struct probe_arg *a)
{
	const struct umbra_event *ev = c->ev;

	switch ((enum probe_value)a->value) {
	case PV_NUMBER:
		return a->number;
	case PV_TEXT:
		return (u64)a->text;
	case PV_INSNS:
		return ev->block.insns;
	case PV_BYTES:
		return ev->block.bytes;
	case PV_SAME:
	case PV_COPIED:
	case PV_REWRITTEN:
	case PV_INLINED:
	case PV_HELPED:
		return ev->block.how[a->value - PV_SAME];
	case PV_ADDRESS:
		return ev->kind == UMBRA_EVENT_MEM ? ev->mem.address :
						     ev->fault.address;
	case PV_SIZE:
		return ev->kind == UMBRA_EVENT_MEM ? ev->mem.size :
						     ev->port.size;
	case PV_ACCESS:
		return ev->mem.access;
	case PV_WRITE:
		return value_write(ev);
	case PV_VECTOR:
		return ev->syscall.vector;
	case PV_ERROR:
		return ev->fault.error;
	case PV_PORT:
		return ev->port.port;
	case PV_VALUE:
		return ev->port.value;
	case PV_EIP:
		return ev->eip;
	case PV_LA:
		return ev->la;
	case PV_CPL:
		return ev->cpl;
	case PV_FUNCTION:
	case PV_OFFSET:
		return value_symbol(c, a->value);
	default:
		return value_register(c, a->value);
	}
}

/* An argument in the form libffi takes it from; the host is little-endian. */
union slot {
	u64 integer;
	double real;
};

static void probe_call(struct probe *pr, struct context *c)
{
	union slot slot[PROBE_ARGS_MAX];
	void *at[PROBE_ARGS_MAX];

	for (unsigned i = 0; i < pr->spec.nargs; i++) {
		const struct probe_arg *a = &pr->spec.arg[i];
		u64 v = value_of(c, a);

		if (a->type != PROBE_DOUBLE)
			slot[i].integer = v;
		else if (a->value == PV_NUMBER)
			slot[i].real = (double)(s64)v;
		else
			slot[i].real = (double)v;
		at[i] = &slot[i];
	}
	ffi_call(&pr->cif, pr->fn, NULL, at);
}

static bool probe_is_at(const struct probe *pr, u32 la, unsigned cpl)
{
	const struct probe_spec *s = &pr->spec;

	if (s->user != s->kernel && s->user != (cpl == 3))
		return false;
	for (unsigned i = 0; i < s->nranges; i++) {
		if (la >= s->range[i].first && la <= s->range[i].last)
			return true;
	}
	return !s->nranges;
}

static void probes_event(void *opaque, const struct umbra_event *ev)
{
	struct probes *p = opaque;
	struct context c;

	c.p = p;
	c.ev = ev;
	c.has_regs = c.has_sregs = false;
	for (struct probe *pr = p->of[ev->kind]; pr; pr = pr->next) {
		if (probe_is_at(pr, ev->la, ev->cpl))
			probe_call(pr, &c);
	}
}

static bool probes_want_block(void *opaque, uint32_t la, unsigned cpl)
{
	const struct probes *p = opaque;
	static const u8 kinds[] = { UMBRA_EVENT_BLOCK, UMBRA_EVENT_CUT };

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (const struct probe *pr = p->of[kinds[i]]; pr;
		     pr = pr->next) {
			if (probe_is_at(pr, la, cpl))
				return true;
		}
	}
	return false;
}

/* --- libraries */

static ffi_type *type_ffi(enum probe_type t)
{
	switch (t) {
	case PROBE_U8:
		return &ffi_type_uint8;
	case PROBE_S8:
		return &ffi_type_sint8;
	case PROBE_U16:
		return &ffi_type_uint16;
	case PROBE_S16:
		return &ffi_type_sint16;
	case PROBE_U32:
		return &ffi_type_uint32;
	case PROBE_S32:
		return &ffi_type_sint32;
	case PROBE_U64:
		return &ffi_type_uint64;
	case PROBE_S64:
		return &ffi_type_sint64;
	case PROBE_PTR:
		return &ffi_type_pointer;
	case PROBE_DOUBLE:
		return &ffi_type_double;
	case PROBE_TYPES:
		break;
	}
	must(false, "probe type %u", t);
}

/* dlopen() looks for a name without a slash in the system's places only. */
static void *library_open(const char *file)
{
	char path[PROBE_WORD_MAX + 2];
	void *library = NULL;

	if (!strchr(file, '/')) {
		snprintf(path, sizeof(path), "./%s", file);
		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return library ? library : dlopen(file, RTLD_NOW | RTLD_LOCAL);
}

static int probe_bind(struct probe *pr, char error[PROBE_ERROR_MAX])
{
	const struct probe_spec *s = &pr->spec;

	pr->library = library_open(s->file);
	if (!pr->library)
		return probe_fail(error, "%.250s", dlerror());
	pr->fn = (void (*)(void))dlsym(pr->library, s->function);
	if (!pr->fn)
		return probe_fail(error, "%.100s has no function %.100s",
				  s->file, s->function);
	for (unsigned i = 0; i < s->nargs; i++)
		pr->types[i] = type_ffi(s->arg[i].type);
	if (ffi_prep_cif(&pr->cif, FFI_DEFAULT_ABI, s->nargs, &ffi_type_void,
			 pr->types) != FFI_OK)
		return probe_fail(error, "libffi refuses the arguments of "
				  "%.100s", s->function);
	return 0;
}

/* The places that a filter names. */
static int probe_resolve(struct probe *pr, const struct symbols *s,
			 char error[PROBE_ERROR_MAX])
{
	for (unsigned i = 0; i < pr->spec.nranges; i++) {
		struct probe_range *r = &pr->spec.range[i];
		u64 end;

		if (!r->name[0])
			continue;
		if (!s)
			return probe_fail(error, "[%.100s] needs --symbols",
					  r->name);
		if (!symbols_find(s, r->name, &r->first, &end))
			return probe_fail(error, "no symbol %.100s", r->name);
		r->last = (u32)(end - 1);
	}
	return 0;
}

static int probe_open(struct probes *p, const char *text,
		      char error[PROBE_ERROR_MAX])
{
	struct probe *pr = &p->probe[p->n], **at;
	int err = probe_spec_parse(&pr->spec, text, error);

	if (!err)
		err = probe_resolve(pr, p->symbols, error);
	if (!err)
		err = probe_bind(pr, error);
	if (err)
		return err;
	p->n++;
	for (at = &p->of[pr->spec.event]; *at; at = &(*at)->next)
		;
	*at = pr; /* they are called in the order of the command line */
	return 0;
}

int probes_open(struct probes **out, const char *const *texts, unsigned n,
		const struct symbols *s, char error[PROBE_ERROR_MAX])
{
	struct probes *p = calloc(1, sizeof(*p));

	if (!p)
		return probe_fail(error, "out of memory");
	p->symbols = s;
	p->api = (struct umbra_probe_api){ .version = UMBRA_PROBE_VERSION,
					   .out = stderr,
					   .symbol = api_symbol,
					   .address = api_address,
					   .read = api_read };
	must(n <= PROBES_MAX, "%u probes", n);
	for (unsigned i = 0; i < n; i++) {
		int err = probe_open(p, texts[i], error);

		if (err) {
			probes_free(p);
			return err;
		}
	}
	*out = p;
	return 0;
}

/* --- begin and end */

static bool library_is_new(const struct probes *p, unsigned i)
{
	for (unsigned k = 0; k < i; k++) {
		if (p->probe[k].library == p->probe[i].library)
			return false;
	}
	return true;
}

/* A run's entry costs nothing where no probe wants it. */
static bool probes_filter_blocks(const struct probes *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct probe_spec *s = &p->probe[i].spec;

		if (s->event != UMBRA_EVENT_BLOCK &&
		    s->event != UMBRA_EVENT_CUT)
			continue;
		if (!s->nranges && s->user == s->kernel)
			return false;
	}
	return true;
}

int probes_start(struct probes *p, struct vcpu *v, char error[PROBE_ERROR_MAX])
{
	struct umbra_probes hooks = { .event = probes_event, .opaque = p };

	for (unsigned i = 0; i < p->n; i++) {
		int (*init)(const struct umbra_probe_api *) =
			(__typeof__(init))dlsym(p->probe[i].library,
						"umbra_probe_init");

		if (init && library_is_new(p, i) && init(&p->api))
			return probe_fail(error, "%.200s does not want to "
					  "begin", p->probe[i].spec.file);
	}
	for (unsigned k = 0; k < UMBRA_EVENT_NR; k++)
		hooks.events |= p->of[k] ? 1u << k : 0;
	if (probes_filter_blocks(p))
		hooks.block = probes_want_block;
	p->v = v;
	umbra_set_probes(v, &hooks);
	return 0;
}

void probes_end(struct probes *p)
{
	struct context c = { .p = p };

	if (!p || !p->v)
		return;
	p->ended = true;
	for (struct probe *pr = p->of[PROBE_EXIT]; pr; pr = pr->next)
		probe_call(pr, &c);
}

void probes_free(struct probes *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < PROBES_MAX; i++) {
		if (p->probe[i].library)
			dlclose(p->probe[i].library);
	}
	free(p);
}
