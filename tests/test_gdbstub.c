// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_gdbstub.c - gdb's packets, good and bad, and what they ask of a target
 * that only writes down what it was asked for.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/gdbstub.h"
#include "tools/gdbstub_cmd.h"

Suite *suite_gdbstub(void);

/* --- packets on their way in */

static struct rsp_in in;

static enum rsp_event feed(const char *bytes, size_t n)
{
	enum rsp_event e = RSP_NONE;

	for (size_t i = 0; i < n; i++)
		e = rsp_in_byte(&in, (u8)bytes[i]);
	return e;
}

static enum rsp_event feed_text(const char *text)
{
	return feed(text, strlen(text));
}

START_TEST(test_in)
{
	static const struct {
		const char *bytes, *packet; /* NULL: bad */
	} t[] = {
		{ "$g#67", "g" },
		{ "$#00", "" },
		{ "$m10,4#2f", NULL },
		{ "$m10,4#2E", "m10,4" },
		{ "$m10,4#zz", NULL },
		{ "noise$g#67", "g" },
		{ "$lost$g#67", "g" },
		{ "$X}\x03#d8", "X#" },
		{ "$X}]#32", "X}" },
		{ "$X}#d5", NULL }, /* escapes the end */
	};

	memset(&in, 0, sizeof(in));
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		enum rsp_event e = feed_text(t[i].bytes);

		ck_assert_msg(e == (t[i].packet ? RSP_PACKET : RSP_BAD),
			      "%s: event %d", t[i].bytes, e);
		if (t[i].packet)
			ck_assert_str_eq(in.buf, t[i].packet);
	}
	ck_assert_int_eq(feed_text("\x03"), RSP_INTERRUPT);
	ck_assert_int_eq(feed_text("+"), RSP_ACK);
	ck_assert_int_eq(feed_text("-"), RSP_NAK);
	ck_assert_int_eq(feed_text("x"), RSP_NONE);
	/* 03h in a packet is a byte like any other */
	ck_assert_int_eq(feed_text("$\x03#03"), RSP_PACKET);
	ck_assert_uint_eq(in.len, 1);
	ck_assert_int_eq(feed("$a\0b#c3", 7), RSP_PACKET);
	ck_assert_uint_eq(in.len, 3);
}
END_TEST

START_TEST(test_in_long)
{
	char end[4];

	memset(&in, 0, sizeof(in));
	for (unsigned extra = 0; extra < 3; extra++) {
		unsigned n = RSP_PACKET_MAX + extra;

		feed_text("$");
		for (unsigned i = 0; i < n; i++)
			feed_text("a");
		snprintf(end, sizeof(end), "#%02x", (u8)(n * 'a'));
		ck_assert_int_eq(feed_text(end),
				 extra ? RSP_BAD : RSP_PACKET);
	}
	ck_assert_int_eq(feed_text("$g#67"), RSP_PACKET);
}
END_TEST

/* --- and out */

static struct rsp_out out;

START_TEST(test_out)
{
	static const char data[] = "a#$}*b";

	rsp_out_start(&out);
	rsp_out_text(&out, "x=");
	rsp_out_number(&out, 0);
	rsp_out_text(&out, ",");
	rsp_out_number(&out, 0x1234abcd56789fedull);
	rsp_out_hex(&out, "\x01\xff", 2);
	rsp_out_end(&out);
	rsp_out_end(&out);
	ck_assert_mem_eq(out.buf, "$x=0,1234abcd56789fed01ff#d4", out.len);
	ck_assert_uint_eq(out.len, 28);
	rsp_out_start(&out);
	rsp_out_binary(&out, data, 6);
	rsp_out_end(&out);
	ck_assert_mem_eq(out.buf, "$a}\x03}\x04}]}\nb#", 12);
	/* goes in as it came out */
	memset(&in, 0, sizeof(in));
	ck_assert_int_eq(feed(out.buf, out.len), RSP_PACKET);
	ck_assert_str_eq(in.buf, data);
}
END_TEST

START_TEST(test_out_full)
{
	u8 data[RSP_PACKET_MAX / 2 + 2] = { 0 };

	rsp_out_start(&out);
	rsp_out_hex(&out, data, RSP_PACKET_MAX / 2);
	rsp_out_end(&out);
	ck_assert_uint_eq(out.len, RSP_PACKET_MAX + 4);
	rsp_out_start(&out);
	rsp_out_hex(&out, data, sizeof(data));
	rsp_out_end(&out);
	ck_assert_mem_eq(out.buf, "$E1c#", 5);
}
END_TEST

/* --- commands, on a target of 64 KiB and some registers */

#define FAKE_RAM 65536u
static struct {
	u8 image[GDB_REGS_BYTES], ram[FAKE_RAM];
	unsigned sets, jumps;
	u32 pc;
	char command[128];
} fake;
static struct gdb_session *s;

static int fake_get_regs(void *opaque, u8 *image)
{
	(void)opaque;
	memcpy(image, fake.image, sizeof(fake.image));
	return 0;
}

static int fake_set_regs(void *opaque, const u8 *image)
{
	(void)opaque;
	fake.sets++;
	if (gdb_reg_get(image, GDB_CS) == 0xbad)
		return -EINVAL;
	memcpy(fake.image, image, sizeof(fake.image));
	return 0;
}

static int fake_jump(void *opaque, u32 pc)
{
	(void)opaque;
	fake.jumps++;
	fake.pc = pc;
	return 0;
}

static int fake_read(void *opaque, u32 la, void *buf, size_t n)
{
	(void)opaque;
	if (la > FAKE_RAM || n > FAKE_RAM - la)
		return -EFAULT;
	memcpy(buf, fake.ram + la, n);
	return 0;
}

static int fake_write(void *opaque, u32 la, const void *buf, size_t n)
{
	(void)opaque;
	if (la > FAKE_RAM || n > FAKE_RAM - la)
		return -EFAULT;
	memcpy(fake.ram + la, buf, n);
	return 0;
}

static int fake_monitor(void *opaque, const char *command, char *text,
			size_t size)
{
	(void)opaque;
	strcpy(fake.command, command);
	memset(text, 0, size);
	if (!strcmp(command, "long"))
		memset(text, 'x', size - 1);
	else if (strcmp(command, "none"))
		strcpy(text, "hi");
	return 0;
}

static const struct gdb_ops fake_ops = { fake_get_regs, fake_set_regs,
					 fake_jump, fake_read, fake_write,
					 fake_monitor };

static void session_begin(void)
{
	memset(&fake, 0, sizeof(fake));
	s = calloc(1, sizeof(*s));
	gdb_session_init(s, &fake_ops, NULL);
}

static void session_end(void)
{
	free(s);
}

/* The reply to a packet, without $ and #xx. */
static const char *reply(const char *packet)
{
	static char text[RSP_PACKET_MAX + 1];
	enum gdb_action a = gdb_command(s, packet, strlen(packet));

	ck_assert_int_eq(a, GDB_REPLY);
	ck_assert_uint_ge(s->out.len, 4);
	ck_assert_int_eq(s->out.buf[0], '$');
	memset(&in, 0, sizeof(in));
	ck_assert_int_eq(feed(s->out.buf, s->out.len), RSP_PACKET);
	memcpy(text, in.buf, in.len + 1);
	return text;
}

static enum gdb_action action(const char *packet)
{
	return gdb_command(s, packet, strlen(packet));
}

START_TEST(test_unknown)
{
	static const char *const unknown[] = {
		"", "!", "A", "bc", "qOffsets", "vMustReplyEmpty", "qCRC:0,1",
		"qSymbol::", "kk", "gg", "Z5,0,1", "z7,0,1", "Q", "v", "\x80",
		"qXfer:memory-map:read::0,10", "vFlashErase:0,1", "?x",
	};
	static const char *const wrong[] = {
		"m", "m0", "m0,", "mx,1", "m0,1x", "m100000000,1", "m,4",
		"m00000000000000000,1", "M0,1", "M0,1:0", "M0,1:000", "M0,2:00",
		"M0,1:0g", "Mffff,2:0000", "X0,2:a", "Xffffffff,2:ab", "p", "pzz",
		"p1000", "p29x", "P0", "P0=", "P0=1", "P0=000000000", "P99=00000000",
		"G", "G00", "Z", "Z0", "Z0,", "Z0,0", "Z0,0,1;X1,00",
		"Z0,100000000,1", "Z2,0,0", "Z2,0,101", "Z2,ffffffff,2", "H",
		"Hg2", "Hgx", "Hg-2", "T2", "T", "vCont", "vCont;", "vCont;x",
		"vCont;t", "vCont;c:2", "c100000000", "cx", "s1,", "C", "Cxx",
		"C05;zz", "qXfer:features:read:target.xml:", "qRcmd,6",
		"qXfer:features:read:target.xml:0", "qRcmd,zz",
		"qXfer:features:read:target.xml:99999,1", "mfffffffe,1",
		"m10000,1",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
		ck_assert_str_eq(reply(unknown[i]), "");
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_msg(reply(wrong[i])[0] == 'E', "%s", wrong[i]);
	ck_assert_uint_eq(fake.sets + fake.jumps, 0);
	ck_assert_uint_eq(s->npoints, 0);
}
END_TEST

START_TEST(test_registers)
{
	char text[2 * GDB_REGS_BYTES + 2];
	const char *r;

	for (unsigned i = 0; i < GDB_REGS_BYTES; i++)
		fake.image[i] = (u8)i;
	r = reply("g");
	ck_assert_uint_eq(strlen(r), 2 * GDB_REGS_BYTES);
	ck_assert(!strncmp(r, "0001020304", 10));
	ck_assert_str_eq(reply("p8"), "20212223");
	ck_assert_str_eq(reply("p10"), "404142434445464748" "49");
	ck_assert_uint_eq(gdb_reg_offset(GDB_FCTRL), 4 * 16 + 80);
	ck_assert_uint_eq(strlen(reply("p20")), 32); /* xmm0 */
	ck_assert_uint_eq(gdb_reg_offset(GDB_NREGS - 1) + 4, GDB_REGS_BYTES);
	ck_assert_str_eq(reply("P1=78563412"), "OK");
	ck_assert_uint_eq(gdb_reg_get(fake.image, GDB_ECX), 0x12345678);
	ck_assert_str_eq(reply("Pa=ad0b0000"), "E16");
	ck_assert_uint_eq(fake.jumps, 0);
	ck_assert_str_eq(reply("P8=00100000"), "OK");
	ck_assert_uint_eq(fake.pc, 0x1000);
	text[0] = 'G';
	memset(text + 1, '1', 2 * GDB_REGS_BYTES);
	text[2 * GDB_REGS_BYTES + 1] = 0;
	ck_assert_str_eq(reply(text), "OK");
	ck_assert_uint_eq(fake.image[GDB_REGS_BYTES - 1], 0x11);
	text[2 * GDB_REGS_BYTES] = 0;
	ck_assert_int_eq(reply(text)[0], 'E');
}
END_TEST

START_TEST(test_memory)
{
	memcpy(fake.ram + 0x10, "\xde\xad\xbe\xef", 4);
	ck_assert_str_eq(reply("m10,4"), "deadbeef");
	ck_assert_str_eq(reply("m10,0"), "");
	/* what is there of it */
	ck_assert_uint_eq(strlen(reply("mfff0,100")), 32);
	ck_assert_str_eq(reply("m10000,1"), "E0e");
	ck_assert_uint_eq(strlen(reply("m0,ffffffff")), 2 * GDB_MEMORY_MAX);
	ck_assert_str_eq(reply("M20,3:010203"), "OK");
	ck_assert_mem_eq(fake.ram + 0x20, "\1\2\3", 4);
	ck_assert_str_eq(reply("X30,4:a\x7d#b"), "OK");
	ck_assert_mem_eq(fake.ram + 0x30, "a}#b", 5);
	ck_assert_str_eq(reply("X0,0:"), "OK");
	ck_assert_str_eq(reply("Mfffe,3:010203"), "E0e");
	ck_assert_uint_eq(fake.ram[0xffff], 0);
}
END_TEST

START_TEST(test_points)
{
	char packet[32];

	ck_assert_str_eq(reply("Z0,c1000000,1"), "OK");
	ck_assert_str_eq(reply("Z0,c1000000,1"), "OK");
	ck_assert_str_eq(reply("Z1,c1000000,1"), "OK");
	ck_assert_uint_eq(s->npoints, 2);
	ck_assert_uint_eq(s->debug.nbreaks, 1);
	ck_assert_str_eq(reply("z0,c1000000,1"), "OK");
	ck_assert_uint_eq(s->debug.nbreaks, 1);
	ck_assert_str_eq(reply("z1,c1000000,1"), "OK");
	ck_assert_str_eq(reply("z1,c1000000,1"), "OK");
	ck_assert_uint_eq(s->debug.nbreaks, 0);
	ck_assert_str_eq(reply("Z2,1001,c"), "OK");
	ck_assert_uint_eq(s->debug.nwatches, 2);
	ck_assert_uint_eq(s->debug.watches[1].la, 0x1009);
	ck_assert_uint_eq(s->debug.watches[1].len, 4);
	ck_assert_uint_eq(s->debug.watches[1].kind, UMBRA_WATCH_WRITE);
	ck_assert_str_eq(reply("z2,1001,c"), "OK");
	ck_assert_str_eq(reply("Z4,0,100"), "OK");
	ck_assert_str_eq(reply("Z3,2000,1"), "E1c");
	ck_assert_uint_eq(s->npoints, 1);
	ck_assert_str_eq(reply("z4,0,100"), "OK");
	for (unsigned i = 0; i <= UMBRA_DEBUG_BREAKS; i++) {
		snprintf(packet, sizeof(packet), "Z0,%x,1", i);
		ck_assert_str_eq(reply(packet),
				 i < UMBRA_DEBUG_BREAKS ? "OK" : "E1c");
	}
	ck_assert_uint_eq(s->debug.nbreaks, UMBRA_DEBUG_BREAKS);
}
END_TEST

START_TEST(test_resume)
{
	static const struct {
		const char *packet;
		bool step;
	} t[] = {
		{ "c", false }, { "s", true }, { "C05", false },
		{ "S05", true }, { "vCont;c", false }, { "vCont;s:1", true },
		{ "vCont;s:1;c", true },
		{ "vCont;S05:-1", true }, { "vCont;C05", false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		s->debug.step = !t[i].step;
		ck_assert_int_eq(action(t[i].packet), GDB_RESUME);
		ck_assert_int_eq(s->debug.step, t[i].step);
	}
	ck_assert_uint_eq(fake.jumps, 0);
	ck_assert_int_eq(action("c1000"), GDB_RESUME);
	ck_assert_uint_eq(fake.pc, 0x1000);
	ck_assert_int_eq(action("S05;2000"), GDB_RESUME);
	ck_assert_uint_eq(fake.pc, 0x2000);
	ck_assert_int_eq(action("k"), GDB_KILL);
	ck_assert_int_eq(action("vKill;1"), GDB_KILL);
	ck_assert_int_eq(action("D"), GDB_DETACH);
	ck_assert_int_eq(action("D;1"), GDB_DETACH);
}
END_TEST

START_TEST(test_questions)
{
	char all[16384] = "", packet[64];
	const char *r;
	size_t n = 0;

	r = reply("qSupported:multiprocess+;swbreak+;hwbreak+");
	ck_assert(strstr(r, "PacketSize=4000;"));
	ck_assert(strstr(r, "qXfer:features:read+"));
	ck_assert(s->has_swbreak && s->has_hwbreak);
	reply("qSupported:xmlRegisters=i386");
	ck_assert(!s->has_swbreak && !s->has_hwbreak);
	ck_assert_str_eq(reply("qfThreadInfo"), "m1");
	ck_assert_str_eq(reply("qsThreadInfo"), "l");
	ck_assert_str_eq(reply("qC"), "QC1");
	ck_assert_str_eq(reply("qAttached"), "1");
	ck_assert_str_eq(reply("Hg0"), "OK");
	ck_assert_str_eq(reply("Hc-1"), "OK");
	ck_assert_str_eq(reply("T1"), "OK");
	ck_assert_str_eq(reply("vCont?"), "vCont;c;C;s;S");
	ck_assert_str_eq(reply("QStartNoAckMode"), "OK");
	ck_assert(s->no_ack);
	do { /* in odd pieces */
		snprintf(packet, sizeof(packet),
			 "qXfer:features:read:target.xml:%zx,3fb", n);
		r = reply(packet);
		strcat(all, r + 1);
		n += strlen(r + 1);
	} while (*r == 'm');
	ck_assert_int_eq(*r, 'l');
	ck_assert_str_eq(all, gdb_target_xml);
	ck_assert_uint_eq(strlen(reply("qXfer:features:read:target.xml:0,ffff")),
			  1 + strlen(gdb_target_xml));
	n = 0;
	for (r = gdb_target_xml; (r = strstr(r, "<reg ")); r++)
		n++;
	ck_assert_uint_eq(n, GDB_NREGS);
}
END_TEST

START_TEST(test_monitor)
{
	char packet[400] = "qRcmd,";

	ck_assert_str_eq(reply("qRcmd,68656c70"), "6869");
	ck_assert_str_eq(fake.command, "help");
	ck_assert_str_eq(reply("qRcmd,6e6f6e65"), "OK");
	ck_assert_uint_eq(strlen(reply("qRcmd,6c6f6e67")),
			  2 * (GDB_MONITOR_MAX - 1));
	memset(packet + 6, '6', 2 * 127);
	reply(packet);
	ck_assert_uint_eq(strlen(fake.command), 127);
	memset(packet + 6, '6', 2 * 128);
	ck_assert_int_eq(reply(packet)[0], 'E');
}
END_TEST

static const char *stop(enum gdb_stop_why why, const struct umbra_run *run)
{
	gdb_stopped(s, why, run);
	return reply("?");
}

START_TEST(test_stops)
{
	struct umbra_run run = { .reason = UMBRA_EXIT_DEBUG };

	ck_assert_str_eq(reply("?"), "T05thread:1;");
	ck_assert_str_eq(stop(GDB_STOP_INTERRUPT, NULL), "T02thread:1;");
	run.debug.why = UMBRA_DEBUG_STEP;
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run), "T05thread:1;");
	run.debug.why = UMBRA_DEBUG_BREAK;
	run.debug.pc = 0x1000;
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run), "T05thread:1;");
	reply("qSupported:swbreak+;hwbreak+");
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run), "T05hwbreak:;thread:1;");
	reply("Z0,1000,1");
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run), "T05swbreak:;thread:1;");
	run.debug.why = UMBRA_DEBUG_WATCH;
	run.debug.la = 0xc1234567;
	run.debug.kind = UMBRA_WATCH_WRITE;
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run),
			 "T05watch:c1234567;thread:1;");
	run.debug.kind = UMBRA_WATCH_READ;
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run),
			 "T05rwatch:c1234567;thread:1;");
	run.debug.kind = UMBRA_WATCH_READ | UMBRA_WATCH_WRITE;
	ck_assert_str_eq(stop(GDB_STOP_DEBUG, &run),
			 "T05awatch:c1234567;thread:1;");
	gdb_exited(s, 0x105);
	ck_assert_mem_eq(s->out.buf, "$W05#", 5);
}
END_TEST

/* --- --gdb */

START_TEST(test_where)
{
	struct gdb_where w;
	char path[160] = "unix:";

	ck_assert(gdb_where_parse(&w, "1234"));
	ck_assert(w.port == 1234 && !w.wait && !w.path[0]);
	ck_assert(gdb_where_parse(&w, "65535,wait"));
	ck_assert(w.port == 65535 && w.wait);
	ck_assert(gdb_where_parse(&w, "unix:/tmp/a,b"));
	ck_assert(!w.port && !w.wait && !strcmp(w.path, "/tmp/a,b"));
	ck_assert(gdb_where_parse(&w, "unix:s,wait"));
	ck_assert(w.wait && !strcmp(w.path, "s"));
	memset(path + 5, 'a', 107);
	ck_assert(gdb_where_parse(&w, path));
	path[112] = 'a';
	ck_assert(!gdb_where_parse(&w, path));
	ck_assert(!gdb_where_parse(&w, ""));
	ck_assert(!gdb_where_parse(&w, "0"));
	ck_assert(!gdb_where_parse(&w, "65536"));
	ck_assert(!gdb_where_parse(&w, "4294968530"));
	ck_assert(!gdb_where_parse(&w, "-1"));
	ck_assert(!gdb_where_parse(&w, "12a"));
	ck_assert(!gdb_where_parse(&w, ",wait"));
	ck_assert(!gdb_where_parse(&w, "1234,nowait"));
	ck_assert(!gdb_where_parse(&w, "unix:"));
	ck_assert(!gdb_where_parse(&w, "unix:,wait"));
}
END_TEST

Suite *suite_gdbstub(void)
{
	Suite *suite = suite_create("gdbstub");
	TCase *rsp = tcase_create("packets"), *cmd = tcase_create("commands");

	tcase_add_test(rsp, test_in);
	tcase_add_test(rsp, test_in_long);
	tcase_add_test(rsp, test_out);
	tcase_add_test(rsp, test_out_full);
	tcase_add_test(rsp, test_where);
	suite_add_tcase(suite, rsp);
	tcase_add_checked_fixture(cmd, session_begin, session_end);
	tcase_add_test(cmd, test_unknown);
	tcase_add_test(cmd, test_registers);
	tcase_add_test(cmd, test_memory);
	tcase_add_test(cmd, test_points);
	tcase_add_test(cmd, test_resume);
	tcase_add_test(cmd, test_questions);
	tcase_add_test(cmd, test_monitor);
	tcase_add_test(cmd, test_stops);
	suite_add_tcase(suite, cmd);
	return suite;
}
