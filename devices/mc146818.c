// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mc146818.c - the real-time clock. See mc146818.h for the contract.
 */
#include <string.h>

#include "mc146818.h"

#define CMOS_EQUIPMENT 0x14
#define CMOS_BASE_KB   0x15 /* 16 bits: KiB below 640 KiB */
#define CMOS_EXT_KB    0x17 /* 16 bits: KiB above 1 MiB, at most 65535 */
#define CMOS_SUM_FIRST 0x10
#define CMOS_SUM_LAST  0x2d
#define CMOS_SUM       0x2e /* 16 bits, high byte first */
#define CMOS_EXT_KB2   0x30 /* 16 bits: the same as at 17h */
#define CMOS_ABOVE_16M 0x34 /* 16 bits: units of 64 KiB above 16 MiB */

#define HOURS_PM    0x80
#define ALARM_ANY   0xc0 /* both bits set: matches every value */
#define DAY_SECONDS 86400
#define UIP_NS	    2228000 /* 244 us warning and 1984 us of update */
#define YEAR_MAX    9999
#define UTC_MAX	    9000000000ll /* s, as set: s64 ns reach 1678 to 2262 */
#define UTC_RUN_MAX 9200000000ll /* after that was set, and years went by */

struct rtc_date {
	s64 year;		 /* 0..9999 */
	int month, day, weekday; /* from 1 */
	int hour, minute, second;
};

static u64 mc146818_floor_mod(s64 a, s64 b)
{
	return (u64)((a % b + b) % b);
}

static s64 mc146818_floor_div(s64 a, s64 b)
{
	return (a - (s64)mc146818_floor_mod(a, b)) / b;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static s64 mc146818_days(s64 year, int month, int day)
{
	/* count years from March, so that the leap day is a year's last */
	s64 y = month > 2 ? year : year - 1;
	s64 era = mc146818_floor_div(y, 400);
	s64 yoe = y - era * 400;
	s64 doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct rtc_date mc146818_date_of(s64 utc)
{
	s64 days = mc146818_floor_div(utc, DAY_SECONDS);
	int left = (int)mc146818_floor_mod(utc, DAY_SECONDS);
	s64 z = days + 719468;
	s64 era = mc146818_floor_div(z, 146097);
	s64 doe = z - era * 146097;
	s64 yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = (int)(doe - (365 * yoe + yoe / 4 - yoe / 100));
	int mp = (5 * doy + 2) / 153;
	struct rtc_date d = {
		.month = mp < 10 ? mp + 3 : mp - 9,
		.day = doy - (153 * mp + 2) / 5 + 1,
		.weekday = (int)mc146818_floor_mod(days + 4, 7) + 1,
		.hour = left / 3600,
		.minute = left / 60 % 60,
		.second = left % 60,
	};

	d.year = yoe + era * 400 + (d.month <= 2);
	return d;
}

static u8 mc146818_encode(const struct mc146818 *rtc, int v)
{
	if (rtc->ram[RTC_REG_B] & RTC_B_DM)
		return v;
	return v / 10 % 10 << 4 | v % 10;
}

static int mc146818_decode(const struct mc146818 *rtc, u8 v)
{
	return rtc->ram[RTC_REG_B] & RTC_B_DM ? v : (v >> 4) * 10 + (v & 15);
}

static u8 mc146818_encode_hour(const struct mc146818 *rtc, int hour)
{
	if (rtc->ram[RTC_REG_B] & RTC_B_24H)
		return mc146818_encode(rtc, hour);
	return mc146818_encode(rtc, hour % 12 ? hour % 12 : 12) |
	       (hour >= 12 ? HOURS_PM : 0);
}

static int mc146818_decode_hour(const struct mc146818 *rtc, u8 v)
{
	if (rtc->ram[RTC_REG_B] & RTC_B_24H)
		return mc146818_decode(rtc, v) % 24;
	return mc146818_decode(rtc, v & ~HOURS_PM) % 12 +
	       (v & HOURS_PM ? 12 : 0);
}

static bool mc146818_is_set_mode(const struct mc146818 *rtc)
{
	return rtc->ram[RTC_REG_B] & RTC_B_SET;
}

static s64 mc146818_utc_ns(const struct mc146818 *rtc, u64 now)
{
	return rtc->base_ns + (s64)(now - rtc->base);
}

/* Puts the date of `now` into the RAM bytes. */
static void mc146818_store_date(struct mc146818 *rtc, u64 now)
{
	s64 utc = mc146818_floor_div(mc146818_utc_ns(rtc, now), NS_PER_SEC);
	struct rtc_date d = mc146818_date_of(utc);

	rtc->ram[RTC_SECONDS] = mc146818_encode(rtc, d.second);
	rtc->ram[RTC_MINUTES] = mc146818_encode(rtc, d.minute);
	rtc->ram[RTC_HOURS] = mc146818_encode_hour(rtc, d.hour);
	rtc->ram[RTC_DAY_OF_WEEK] = d.weekday;
	rtc->ram[RTC_DAY] = mc146818_encode(rtc, d.day);
	rtc->ram[RTC_MONTH] = mc146818_encode(rtc, d.month);
	rtc->ram[RTC_YEAR] = mc146818_encode(rtc, (int)(d.year % 100));
	rtc->ram[RTC_CENTURY] = mc146818_encode(rtc, (int)(d.year / 100 % 100));
}

/* Makes the RAM bytes the date of `now`; keeps the fraction of the second. */
static void mc146818_load_date(struct mc146818 *rtc, u64 now)
{
	u64 fraction =
		mc146818_floor_mod(mc146818_utc_ns(rtc, now), NS_PER_SEC);
	int month = mc146818_decode(rtc, rtc->ram[RTC_MONTH]);
	int day = mc146818_decode(rtc, rtc->ram[RTC_DAY]);
	s64 year = mc146818_decode(rtc, rtc->ram[RTC_CENTURY]) * 100 +
		   mc146818_decode(rtc, rtc->ram[RTC_YEAR]);
	s64 utc;

	/* Nonsense is kept in range; it need not survive as written. */
	year = MIN(year, YEAR_MAX);
	month = MAX(1, MIN(month, 12));
	day = MAX(1, MIN(day, 31));
	utc = mc146818_days(year, month, day) * DAY_SECONDS;
	utc += mc146818_decode_hour(rtc, rtc->ram[RTC_HOURS]) * 3600;
	utc += mc146818_decode(rtc, rtc->ram[RTC_MINUTES]) % 60 * 60;
	utc += mc146818_decode(rtc, rtc->ram[RTC_SECONDS]) % 60;
	utc = MAX(utc, -UTC_MAX);
	utc = MIN(utc, UTC_MAX);
	rtc->base = now;
	rtc->base_ns = utc * (s64)NS_PER_SEC + (s64)fraction;
}

static bool mc146818_alarm_hit(u8 alarm, int want, int have)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || want == have;
}

/* The first second after `utc` at which the alarm rings; within a day. */
static s64 mc146818_next_alarm(const struct mc146818 *rtc, s64 utc)
{
	u8 ah = rtc->ram[RTC_HOURS_ALARM];
	u8 am = rtc->ram[RTC_MINUTES_ALARM];
	u8 as = rtc->ram[RTC_SECONDS_ALARM];
	int hour = mc146818_decode_hour(rtc, ah);
	int minute = mc146818_decode(rtc, am);
	int second = mc146818_decode(rtc, as);
	s64 t = utc + 1;

	/* 25 hours, 60 minutes and 60 seconds suffice if a time matches */
	for (int i = 0; i < 25 + 60 + 60; i++) {
		int left = (int)mc146818_floor_mod(t, DAY_SECONDS);

		if (!mc146818_alarm_hit(ah, hour, left / 3600))
			t += 3600 - left % 3600;
		else if (!mc146818_alarm_hit(am, minute, left / 60 % 60))
			t += 60 - left % 60;
		else if (!mc146818_alarm_hit(as, second, left % 60))
			t++;
		else
			return t;
	}
	return INT64_MAX;
}

static u64 mc146818_period_ns(const struct mc146818 *rtc)
{
	int rate = rtc->ram[RTC_REG_A] & RTC_A_RATE;

	if (!rate)
		return 0;
	if (rate < 3)
		rate += 7; /* 1 and 2 are 256 Hz and 128 Hz */
	return NS_PER_SEC * (1u << (rate - 1)) / 32768;
}

/* The clock time of a date, or TIMER_NEVER when that cannot be told. */
static u64 mc146818_when(const struct mc146818 *rtc, s64 utc)
{
	s64 ns;

	if (__builtin_mul_overflow(utc, (s64)NS_PER_SEC, &ns))
		return TIMER_NEVER;
	return rtc->base + (u64)(ns - rtc->base_ns);
}

/* Flags whose moment lies in (seen, now]. */
static u8 mc146818_new_flags(const struct mc146818 *rtc, u64 now)
{
	s64 before =
		mc146818_floor_div(mc146818_utc_ns(rtc, rtc->seen), NS_PER_SEC);
	s64 after = mc146818_floor_div(mc146818_utc_ns(rtc, now), NS_PER_SEC);
	u64 period = mc146818_period_ns(rtc);
	u8 flags = 0;

	if (period && (rtc->seen - rtc->divider) / period !=
			      (now - rtc->divider) / period)
		flags |= RTC_C_PF;
	if (mc146818_is_set_mode(rtc))
		return flags;
	if (after > before) {
		flags |= RTC_C_UF;
		if (mc146818_next_alarm(rtc, before) <= after)
			flags |= RTC_C_AF;
	}
	return flags;
}

static void mc146818_sync(struct mc146818 *rtc, u64 now)
{
	u8 *c = &rtc->ram[RTC_REG_C];

	*c |= mc146818_new_flags(rtc, now);
	rtc->seen = now;
	/* enables of B and flags of C are at the same bits */
	if (*c & rtc->ram[RTC_REG_B] & (RTC_C_PF | RTC_C_AF | RTC_C_UF))
		*c |= RTC_C_IRQF;
	else
		*c &= ~RTC_C_IRQF;
	irq_set(&rtc->out, *c & RTC_C_IRQF);
}

/*
 * While IRQF stands, the line is high already and no further event can be
 * told from it: nothing is armed until register C is read.
 */
static void mc146818_arm(struct mc146818 *rtc, u64 now)
{
	u8 b = rtc->ram[RTC_REG_B];
	s64 utc = mc146818_floor_div(mc146818_utc_ns(rtc, now), NS_PER_SEC);
	u64 period = mc146818_period_ns(rtc);
	u64 t = TIMER_NEVER;

	if (rtc->ram[RTC_REG_C] & RTC_C_IRQF)
		b = RTC_B_SET;
	if ((b & RTC_B_PIE) && period)
		t = now + period - (now - rtc->divider) % period;
	if ((b & RTC_B_UIE) && !(b & RTC_B_SET))
		t = MIN(t, mc146818_when(rtc, utc + 1));
	if ((b & RTC_B_AIE) && !(b & RTC_B_SET))
		t = MIN(t, mc146818_when(rtc, mc146818_next_alarm(rtc, utc)));
	if (t <= now)
		t = now + 1000;
	timer_arm(rtc->timers, &rtc->timer, t);
}

static void mc146818_fire(void *opaque, u64 now)
{
	struct mc146818 *rtc = opaque;

	mc146818_sync(rtc, now);
	mc146818_arm(rtc, now);
}

static bool mc146818_is_date(u8 index)
{
	return index <= RTC_YEAR ? !(index & 1) || index >= RTC_DAY
				 : index == RTC_CENTURY;
}

static u8 mc146818_read_reg_a(const struct mc146818 *rtc, u64 now)
{
	u64 fraction =
		mc146818_floor_mod(mc146818_utc_ns(rtc, now), NS_PER_SEC);
	u8 a = rtc->ram[RTC_REG_A] & ~RTC_A_UIP;

	if (!mc146818_is_set_mode(rtc) && fraction >= NS_PER_SEC - UIP_NS)
		a |= RTC_A_UIP;
	return a;
}

static u64 mc146818_read(void *opaque, u64 addr, unsigned size)
{
	struct mc146818 *rtc = opaque;
	u64 now = clock_now(rtc->clock);
	u8 c;

	(void)size;
	if (!(addr & 1))
		return 0xff; /* the index cannot be read */
	switch (rtc->index) {
	case RTC_REG_A:
		return mc146818_read_reg_a(rtc, now);
	case RTC_REG_C:
		mc146818_sync(rtc, now);
		c = rtc->ram[RTC_REG_C];
		rtc->ram[RTC_REG_C] = 0;
		irq_set(&rtc->out, false);
		mc146818_arm(rtc, now);
		return c;
	case RTC_REG_D:
		return RTC_D_VRT;
	}
	if (mc146818_is_date(rtc->index) && !mc146818_is_set_mode(rtc))
		mc146818_store_date(rtc, now);
	return rtc->ram[rtc->index];
}

static void mc146818_write_reg_b(struct mc146818 *rtc, u8 val, u64 now)
{
	bool was_set = mc146818_is_set_mode(rtc);

	if (val & RTC_B_SET)
		val &= ~RTC_B_UIE; /* SET clears it */
	if (!was_set)
		mc146818_store_date(rtc, now);
	rtc->ram[RTC_REG_B] = val;
	if (was_set && !mc146818_is_set_mode(rtc))
		mc146818_load_date(rtc, now);
}

static void mc146818_write_data(struct mc146818 *rtc, u8 val, u64 now)
{
	u8 *reg = &rtc->ram[rtc->index];

	switch (rtc->index) {
	case RTC_REG_A:
		*reg = val & ~RTC_A_UIP;
		return;
	case RTC_REG_B:
		mc146818_write_reg_b(rtc, val, now);
		return;
	case RTC_REG_C:
	case RTC_REG_D:
		return;
	}
	if (!mc146818_is_date(rtc->index) || mc146818_is_set_mode(rtc)) {
		*reg = val;
		return;
	}
	mc146818_store_date(rtc, now);
	*reg = val;
	mc146818_load_date(rtc, now);
}

static void mc146818_write(void *opaque, u64 addr, unsigned size, u64 val)
{
	struct mc146818 *rtc = opaque;
	u64 now = clock_now(rtc->clock);

	(void)size;
	if (!(addr & 1)) {
		rtc->index = val & 0x7f; /* bit 7 masks NMI: none to mask */
		return;
	}
	/* what is past is judged by the old registers */
	mc146818_sync(rtc, now);
	mc146818_write_data(rtc, val, now);
	mc146818_sync(rtc, now);
	mc146818_arm(rtc, now);
}

const struct bus_ops mc146818_ops = {mc146818_read, mc146818_write, 1};

void mc146818_set_memory(struct mc146818 *rtc, u64 ram_size)
{
	u64 ext_kb = ram_size > 0x100000 ? (ram_size - 0x100000) >> 10 : 0;
	u64 above = ram_size > 0x1000000 ? (ram_size - 0x1000000) >> 16 : 0;
	u16 sum = 0;

	ext_kb = MIN(ext_kb, 0xffff);
	above = MIN(above, 0xffff);
	rtc->ram[CMOS_EQUIPMENT] = 0x02; /* an FPU, no display, no floppy */
	rtc->ram[CMOS_BASE_KB] = 640 & 0xff;
	rtc->ram[CMOS_BASE_KB + 1] = 640 >> 8;
	rtc->ram[CMOS_EXT_KB] = ext_kb & 0xff;
	rtc->ram[CMOS_EXT_KB + 1] = ext_kb >> 8;
	rtc->ram[CMOS_EXT_KB2] = ext_kb & 0xff;
	rtc->ram[CMOS_EXT_KB2 + 1] = ext_kb >> 8;
	rtc->ram[CMOS_ABOVE_16M] = above & 0xff;
	rtc->ram[CMOS_ABOVE_16M + 1] = above >> 8;
	for (int i = CMOS_SUM_FIRST; i <= CMOS_SUM_LAST; i++)
		sum += rtc->ram[i];
	rtc->ram[CMOS_SUM] = sum >> 8;
	rtc->ram[CMOS_SUM + 1] = sum & 0xff;
}

void mc146818_reset(struct mc146818 *rtc)
{
	u64 now = clock_now(rtc->clock);

	if (mc146818_is_set_mode(rtc))
		mc146818_load_date(rtc, now);
	rtc->ram[RTC_REG_A] = 0x26; /* 32768 Hz divider, 1024 Hz rate */
	rtc->ram[RTC_REG_B] &= RTC_B_DM | RTC_B_24H;
	rtc->ram[RTC_REG_C] = 0;
	rtc->seen = now;
	timer_disarm(rtc->timers, &rtc->timer);
	irq_set(&rtc->out, false);
}

void mc146818_init(struct mc146818 *rtc, const struct clock *clock,
		   struct timers *timers, struct irq_line out, s64 utc_ns)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->clock = clock;
	rtc->timers = timers;
	rtc->out = out;
	rtc->timer.fire = mc146818_fire;
	rtc->timer.opaque = rtc;
	rtc->divider = clock_now(clock);
	rtc->base = rtc->divider;
	rtc->base_ns = utc_ns;
	rtc->ram[RTC_REG_B] = RTC_B_24H;
	mc146818_reset(rtc);
}

void mc146818_state(struct mc146818 *rtc, struct state *s)
{
	u64 now = clock_now(rtc->clock);
	s64 utc_ns = mc146818_utc_ns(rtc, now);

	mc146818_sync(rtc, now);
	if (!state_begin(s, "RTC ", 2))
		return;
	STATE(s, rtc->ram);
	STATE(s, rtc->index);
	STATE(s, utc_ns);
	state_time(s, &rtc->divider, now);
	state_end(s);
	if (!s->loading)
		return;
	rtc->index &= 0x7f;
	if (utc_ns > UTC_RUN_MAX * (s64)NS_PER_SEC ||
	    utc_ns < -UTC_RUN_MAX * (s64)NS_PER_SEC)
		state_reject(s);
	rtc->base = rtc->seen = now;
	rtc->base_ns = s->err ? 0 : utc_ns;
	if (s->err) {
		mc146818_reset(rtc);
		return;
	}
	mc146818_sync(rtc, now);
	mc146818_arm(rtc, now);
}
